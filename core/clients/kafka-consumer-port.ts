/**
 * The Kafka consumer: a member of a group that fetches from the leaders of its partitions, hands records to the application poll by poll, commits
 * offsets, and takes part in rebalances. The application is busy from a poll until everything that it returned is done; only then can it be
 * asked to give partitions up. Heartbeats go on meanwhile, as the real client's background thread has it.
 * Here is what a poll does and in which state the consumer is; its parts are the membership (`kafka-classic-membership.ts`, `kafka-membership.ts`), the
 * positions, the fetcher and the commits, which share one table of owned partitions (`kafka-owned.ts`) and know nothing of each other.
 * Simplifications: while the application works no fetch is begun, unless it is heard anew who leads; a record that failed, given back or left, is read
 * again from its offset (the application seeks), since a group has no other way to see it again; a rejected one is skipped.
 */
import type { KafkaCluster, PartitionIndex } from '../brokers/kafka-cluster.ts';
import type { KafkaError } from '../brokers/kafka-wires.ts';
import { F, R } from '../facts.ts';
import type { Command, Out, Setup, Wire } from '../machine.ts';
import { textOf } from '../options.ts';
import type { PartitionName } from '../parts/assignment.ts';
import type { ActorId, Delivery, Micros, PlaceId, Settlement } from '../types.ts';
import { ClassicMembership } from './kafka-classic-membership.ts';
import { KafkaCommits, mayPass, type Offsets } from './kafka-commits.ts';
import { type ConsumerConfig, consumerConfig } from './kafka-consumer-config.ts';
import { KafkaFetcher } from './kafka-fetcher.ts';
import { KafkaForwarder } from './kafka-forwarder.ts';
import { KafkaLink } from './kafka-link.ts';
import { type GroupMember, KafkaMembership } from './kafka-membership.ts';
import { beginAt, handleOf, newlyOwned, type OwnedPartitions, readFrom } from './kafka-owned.ts';
import { KafkaPositions } from './kafka-positions.ts';
import type { ConsumerHost, ConsumerPort, ConsumerPortSpec } from './ports.ts';

/**
 * `away`: in no group. `syncing`: a member that waits for its assignment, or for the commit before it takes one. `failed`: cannot go on, as after
 * auto.offset.reset: none.
 */
type State = 'away' | 'joining' | 'syncing' | 'positioning' | 'stable' | 'failed' | 'closed';

interface DeliverTimer extends Wire {
  readonly type: 'kafka-consumer/deliver';
  readonly deliveries: readonly Delivery[];
}

const POLL: Wire = { type: 'kafka-consumer/poll' };
/** Errors of a transaction after which nothing goes on with the producer that had begun it. Source: K43, K44. */
const NEEDS_ANOTHER_PRODUCER: ReadonlySet<KafkaError> = new Set([
  'PRODUCER_FENCED',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
]);
const NEVER = Number.MAX_SAFE_INTEGER;

export class KafkaConsumerPort implements ConsumerPort {
  readonly #spec: ConsumerPortSpec;
  readonly #config: ConsumerConfig;
  readonly #host: ConsumerHost;
  readonly #cluster: KafkaCluster;
  readonly #link: KafkaLink;
  readonly #group: PlaceId;
  readonly #instanceId: string | undefined;
  readonly #membership: GroupMember;
  readonly #positions: KafkaPositions;
  readonly #fetcher: KafkaFetcher;
  readonly #commits: KafkaCommits;
  readonly #owned: OwnedPartitions = new Map();
  /** What the coordinator lets it own under the consumer protocol, when that differs from what it owns. */
  #wanted: ReadonlySet<PartitionIndex> | undefined;
  /** Its part of a classic group's new generation, while the application has not come back to take it. */
  #assignment: readonly PartitionName[] | undefined;
  #state: State = 'away';
  #needsRejoin = false;
  /** The application works on what the last poll returned. */
  #busy = false;
  #lastPollUs: Micros = 0;
  #pollAtUs: Micros = NEVER;

  constructor(spec: ConsumerPortSpec, host: ConsumerHost, cluster: KafkaCluster, setup: Setup) {
    this.#spec = spec;
    this.#host = host;
    this.#cluster = cluster;
    this.#group = setup.place(spec.group, 'group');
    cluster.groupPlaces.set(spec.group, this.#group);
    const { options } = spec;
    const config = consumerConfig(options);
    this.#config = config;
    const instanceId = textOf(options, 'group.instance.id');
    this.#instanceId =
      instanceId === '' ? undefined : spec.instance === 1 ? instanceId : `${instanceId}-${spec.instance}`;
    const { requestTimeoutUs, retryBackoffUs, metadataMaxAgeUs } = config;
    this.#link = new KafkaLink(
      cluster,
      { requestTimeoutUs, retryBackoffUs, metadataMaxAgeUs, bootstrap: spec.instance - 1 },
      (out) => this.#metadata(out),
    );
    this.#membership = this.#newMembership();
    const owned = this.#owned;
    this.#positions = new KafkaPositions(config, spec.group, this.#link, owned, {
      wanted: () => this.#state === 'positioning',
      found: (out) => this.#positioned(out),
      lost: (index) => this.#lostPosition(index),
      diverged: (index, offset, epoch, out) => this.#diverged(index, offset, epoch, out),
      validated: (out) => this.#poll(out),
      impossible: (out) => this.#fail(out),
      sent: (index, offset, out) => this.#seekTo(index, offset, -1, out),
    });
    this.#fetcher = new KafkaFetcher(config, this.#group, this.#link, owned, {
      fetched: (out) => this.#poll(out),
      failed: (out) => this.#pollAgain(out),
      outOfRange: (partitions, out) => this.#outOfRange(partitions, out),
    });
    this.#commits = new KafkaCommits(
      config,
      spec.settle,
      this.#link,
      owned,
      cluster.groupPartition(spec.group),
      this.#newForwarder(),
      {
        member: () => ({
          group: spec.group,
          memberId: this.#membership.memberId,
          instanceId: this.#instanceId,
          generation: this.#membership.generation,
        }),
        isMember: () => this.#isMember(),
        isRejoining: () => this.#readsOn(),
        settled: (delivery, ok, out) => this.#host.settled(delivery, ok, out),
        refused: (error, out) => this.#groupError(error, out),
        aborted: (error, covered, out) => this.#aborted(error, covered, out),
      },
    );
  }

  /** Under the consumer protocol the coordinator assigns, under the classic one a member. Source: K59. */
  #newMembership(): GroupMember {
    const { group, name, from: topics, options } = this.#spec;
    const { maxPollIntervalUs: rebalanceTimeoutUs, retryBackoffUs, strategies, cooperative } = this.#config;
    const instanceId = this.#instanceId;
    const common = { group, name, instanceId, topics, rebalanceTimeoutUs, retryBackoffUs };
    const owned = (): PartitionName[] => [...this.#owned.keys()].map((index) => this.#cluster.partition(index).name);
    if (textOf(options, 'group.protocol', 'classic') === 'classic') {
      const { sessionTimeoutUs, heartbeatUs } = this.#config;
      return new ClassicMembership({ ...common, strategies, cooperative, sessionTimeoutUs, heartbeatUs }, this.#link, {
        owned,
        joined: () => {
          this.#state = 'syncing';
        },
        assigned: (partitions, out) => this.#owns(partitions, out),
        lost: (out) => this.#giveUpAll(out),
        answered: (error, out) => this.#groupError(error, out),
        refused: (out) => this.#fail(out),
        stalled: (out) => this.#isStalled(out),
      });
    }
    const assignor = textOf(options, 'group.remote.assignor');
    return new KafkaMembership(
      { ...common, kind: 'consumer', assignor: assignor === '' ? undefined : assignor },
      this.#link,
      {
        owned,
        assigned: (partitions, out) => this.#mayOwn(partitions, out),
        lost: (out) => this.#lose(out),
        refused: (out) => this.#fail(out),
        stalled: (out) => this.#isStalled(out),
      },
    );
  }

  #newForwarder(): KafkaForwarder | undefined {
    const { forwardTo: to, transactionTimeoutUs: timeoutUs, requestTimeoutUs, retryBackoffUs } = this.#config;
    if (to === '') return undefined;
    const { declared, instance, options } = this.#spec;
    const transactionalId = `${textOf(options, 'transactional.id') || declared}-${instance}`;
    return new KafkaForwarder({ transactionalId, to, timeoutUs, requestTimeoutUs, retryBackoffUs }, this.#link);
  }

  // ── What the client's machine says ────────────────────────────────────────────────────────────────────────────────

  start(out: Out): void {
    this.#lastPollUs = out.now;
    this.#commits.start(out.now);
    this.#link.start(out);
  }

  crash(): void {
    // The link forgets who waits for answers, so none of the parts hears of what it had asked before.
    this.#link.crash();
    this.#membership.crash();
    this.#positions.crash();
    this.#fetcher.crash();
    this.#commits.crash();
    this.#owned.clear();
    this.#wanted = undefined;
    this.#assignment = undefined;
    this.#state = 'away';
    this.#needsRejoin = false;
    this.#busy = false;
    this.#pollAtUs = NEVER;
  }

  /** close(): commits what auto-commit would, and leaves, unless it is a static member. Source: K66, K67. */
  stop(out: Out): void {
    if (this.#config.autoCommit && this.#isMember()) {
      const offsets = this.#commits.due();
      if (offsets.length > 0) this.#commits.send(offsets, out, () => undefined);
    }
    this.#membership.leave('left the group', out);
    this.#state = 'closed';
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    this.#link.receive(from, wire, out);
  }

  peerLost(peer: ActorId, out: Out): void {
    this.#link.peerLost(peer, out);
  }

  timer(wire: Wire, out: Out): void {
    switch (wire.type) {
      case POLL.type:
        this.#pollAtUs = NEVER;
        return this.#poll(out);
      case 'kafka-consumer/deliver':
        return this.#commitThenDeliver((wire as DeliverTimer).deliveries, out);
      default:
        if (this.#link.timer(wire, out) || this.#commits.timer(wire, out) || this.#positions.timer(wire, out)) return;
        // Who cannot go on falls silent.
        if (!this.#isOver()) this.#membership.timer(wire, out);
    }
  }

  command(command: Command, out: Out): void {
    if (command.type !== 'seek' || command.group !== this.#spec.group) return;
    this.#positions.seek(command.to, out, (later) => this.#poll(later));
  }

  /** The application has finished a poll's records when it has all its room again. */
  room(messages: number, out: Out): void {
    if (messages < this.#spec.prefetch) return;
    this.#busy = false;
    this.#poll(out);
  }

  extend(): void {}

  settle(delivery: Delivery, how: Settlement, out: Out): void {
    const { partition, offset, leaderEpoch } = handleOf(delivery);
    const owned = this.#owned.get(partition);
    if (how === 'requeue' || how === 'leave') {
      // It goes back to the record that failed, and what came after is read again too (K75, K91). Behind one that is read again already, this
      // one comes again as well: moving there would pass over the first.
      if (owned !== undefined && offset < owned.position) {
        this.#moveTo(partition, offset, leaderEpoch, out);
        this.#pollLater(this.#config.retryBackoffUs, out);
      }
      return this.#host.settled(delivery, true, out);
    }
    if (how === 'reject') out.fact(F.skipped, delivery.message.id, delivery.place, 0, 0, R['rejected by the consumer']);
    this.#commits.settle(delivery, how === 'reject', out);
  }

  // ── Polling ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #metadata(out: Out): void {
    if (this.#state === 'away') this.#poll(out);
    else if (this.#state === 'positioning') this.#positions.find(out);
    else if (this.#state === 'stable') {
      if (this.#isOutgrown) this.#poll(out);
      this.#read(out);
    }
  }

  /** As the leader of a classic group it has assigned fewer partitions than there are, which the next poll amends. Source: K53. */
  get #isOutgrown(): boolean {
    return this.#membership instanceof ClassicMembership && this.#membership.isOutgrown;
  }

  #isOver(): boolean {
    return this.#state === 'failed' || this.#state === 'closed';
  }

  #isMember(): boolean {
    return this.#state !== 'away' && this.#state !== 'joining' && this.#membership.isMember;
  }

  #pollLater(afterUs: Micros, out: Out): void {
    if (out.now + afterUs >= this.#pollAtUs) return;
    this.#pollAtUs = out.now + afterUs;
    out.timer(afterUs, POLL, 0);
  }

  #pollAgain(out: Out): void {
    this.#link.refresh(out);
    this.#pollLater(this.#config.retryBackoffUs, out);
  }

  /** The application asks for records. */
  #poll(out: Out): void {
    if (this.#busy || !this.#link.knowsLeaders || this.#isOver()) return;
    if (this.#pollAtUs !== NEVER) return;
    this.#lastPollUs = out.now;
    const assignment = this.#assignment;
    if (assignment !== undefined) return this.#takeOver(assignment, out);
    if (this.#state === 'away') return this.#rejoin(out);
    if (this.#state === 'stable' && (this.#needsRejoin || this.#isOutgrown)) return this.#rejoin(out);
    if (this.#state !== 'stable' && !this.#readsOn()) return;
    if (this.#wanted !== undefined) return this.#reconcile(this.#wanted, out);
    this.#commits.byInterval(out);
    this.#positions.validate(out);
    if (!this.#handOver(out)) this.#fetcher.fetch(out);
  }

  /** Something has changed with the leaders: who waits for records may have to ask others. */
  #read(out: Out): void {
    if (!this.#busy) this.#positions.validate(out);
    this.#fetcher.fetch(out);
  }

  /** Gives the application what is fetched. True when there was something. */
  #handOver(out: Out): boolean {
    const deliveries = this.#fetcher.take(this.#spec.settle !== 'on-delivery');
    if (deliveries.length === 0) return false;
    this.#busy = true;
    if (this.#spec.settle === 'on-delivery') this.#commitThenDeliver(deliveries, out);
    else this.#host.deliver(deliveries, out);
    return true;
  }

  /** Hands over only what is surely committed: a crash may lose it then, but nobody gets it twice. Source: K68. */
  #commitThenDeliver(deliveries: readonly Delivery[], out: Out): void {
    this.#commits.send(this.#commits.due(), out, (error, later) => {
      if (error === 'NONE') return this.#host.deliver(deliveries, later);
      if (mayPass(error)) {
        if (error !== 'REQUEST_TIMED_OUT') this.#link.refresh(later);
        const wire: DeliverTimer = { type: 'kafka-consumer/deliver', deliveries };
        later.timer(this.#config.retryBackoffUs, wire);
        return;
      }
      // Refused: whoever owns the partitions now reads them.
      this.#busy = false;
      this.#poll(later);
    });
  }

  // ── Positions ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #positioned(out: Out): void {
    this.#state = 'stable';
    this.#poll(out);
  }

  #outOfRange(partitions: readonly PartitionIndex[], out: Out): void {
    for (const index of partitions) this.#lostPosition(index);
    this.#positions.reset(partitions, out);
  }

  #lostPosition(index: PartitionIndex): void {
    const owned = this.#owned.get(index);
    if (owned === undefined) return;
    beginAt(owned, -1, -1);
    owned.buffered = [];
    this.#state = 'positioning';
  }

  /** Goes back to where the new leader's log parts from what was read, unless the application has asked to decide by itself. Source: K24, K70; KIP-320. */
  #diverged(index: PartitionIndex, offset: number, epoch: number, out: Out): void {
    const { place } = this.#cluster.partition(index);
    out.fact(F.diverged, 0, place, 0, offset, this.#group);
    if (this.#config.reset === 'none') return this.#fail(out);
    this.#seekTo(index, offset, epoch, out);
  }

  /** Moves the position in what this member owns, as somebody wishes. Source: K72. */
  #seekTo(index: PartitionIndex, offset: number, epoch: number, out: Out): void {
    const owned = this.#owned.get(index);
    if (owned === undefined) return;
    out.fact(F.sought, 0, this.#cluster.partition(index).place, 0, offset, this.#group);
    owned.committed = -1;
    this.#moveTo(index, offset, epoch, out);
  }

  #moveTo(index: PartitionIndex, offset: number, epoch: number, out: Out): void {
    const owned = this.#owned.get(index);
    if (owned === undefined) return;
    readFrom(owned, offset, epoch);
    this.#positions.moved();
    this.#host.revoked([this.#cluster.partition(index).place], out);
    this.#commits.readAgain(index, offset, out);
  }

  // ── Membership ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Before joining: commits what is processed and waits for it, then gives up everything, unless the protocol is cooperative. Source: K54. */
  #rejoin(out: Out): void {
    this.#needsRejoin = false;
    const offsets: Offsets =
      this.#state === 'stable' && this.#membership instanceof ClassicMembership ? this.#commits.dueByItself() : [];
    this.#state = 'joining';
    if (offsets.length === 0) return this.#giveUpAndJoin(out);
    this.#commits.send(offsets, out, (_, later) => {
      if (this.#state === 'joining') this.#giveUpAndJoin(later);
    });
  }

  #giveUpAndJoin(out: Out): void {
    if (this.#membership instanceof ClassicMembership && !this.#config.cooperative) this.#giveUpAll(out);
    this.#membership.join(out);
    if (this.#readsOn()) this.#poll(out);
  }

  /**
   * Whether it waits for the others to join, or for its part, and reads on meanwhile what it owns, as no eager assignor is listed. What it commits
   * before it hands records over could not be committed now. Source: K54.
   */
  #readsOn(): boolean {
    return (
      (this.#state === 'joining' || this.#state === 'syncing') &&
      this.#config.cooperative &&
      this.#spec.settle !== 'on-delivery' &&
      this.#membership instanceof ClassicMembership
    );
  }

  /** A new generation of a classic group has begun. The application learns of it when it polls; what it has done can be committed at once. */
  #owns(names: readonly PartitionName[], out: Out): void {
    this.#assignment = names;
    this.#state = 'stable';
    this.#commits.resume(out);
    if (!this.#busy) this.#takeOver(names, out);
  }

  /** Takes its part of a new generation. What it gives up for that can be handed out in a second rebalance. Source: K54. */
  #takeOver(names: readonly PartitionName[], out: Out): void {
    this.#assignment = undefined;
    const wanted = this.#indexesOf(names);
    const surplus = this.#beyond(wanted);
    this.#giveUp(surplus, out);
    this.#take(wanted);
    this.#state = 'positioning';
    this.#needsRejoin = this.#config.cooperative && surplus.length > 0;
    this.#positions.find(out);
  }

  /** What the coordinator lets it own. What changes waits for the application to poll. Source: K59. */
  #mayOwn(names: readonly PartitionName[], out: Out): void {
    if (this.#isOver()) return;
    const wanted = this.#indexesOf(names);
    const same = wanted.size === this.#owned.size && this.#beyond(wanted).length === 0;
    this.#wanted = same ? undefined : wanted;
    if (this.#state === 'joining') this.#state = 'stable';
    if (!this.#busy) this.#poll(out);
  }

  /** Gives up what it may not own any more, after committing what is done of it, tells the coordinator, and takes what is new. Source: K57, K59. */
  #reconcile(wanted: ReadonlySet<PartitionIndex>, out: Out): void {
    const surplus = this.#beyond(wanted);
    const offsets = surplus.length > 0 ? this.#commits.dueByItself() : [];
    const goOn = (later: Out): void => {
      this.#wanted = undefined;
      this.#giveUp(surplus, later);
      this.#take(wanted);
      if (surplus.length > 0) this.#membership.beat(later);
      this.#state = 'positioning';
      this.#positions.find(later);
    };
    if (offsets.length === 0) return goOn(out);
    this.#state = 'syncing';
    this.#commits.send(offsets, out, (_, later) => {
      if (this.#state === 'syncing') goOn(later);
    });
  }

  #indexesOf(names: readonly PartitionName[]): Set<PartitionIndex> {
    const indexes = new Set<PartitionIndex>();
    for (const name of names) {
      const index = this.#cluster.indexOf(name);
      if (index !== undefined) indexes.add(index);
    }
    return indexes;
  }

  /** What it owns and should not. */
  #beyond(wanted: ReadonlySet<PartitionIndex>): PartitionIndex[] {
    return [...this.#owned.keys()].filter((index) => !wanted.has(index));
  }

  #take(wanted: ReadonlySet<PartitionIndex>): void {
    for (const index of wanted) if (!this.#owned.has(index)) this.#owned.set(index, newlyOwned());
  }

  #giveUpAll(out: Out): void {
    this.#giveUp([...this.#owned.keys()], out);
  }

  /** These partitions are no longer this member's. */
  #giveUp(partitions: readonly PartitionIndex[], out: Out): void {
    if (partitions.length === 0) return;
    const generation = Math.max(0, this.#membership.generation);
    const places: PlaceId[] = [];
    for (const partition of partitions) {
      this.#owned.delete(partition);
      const { place } = this.#cluster.partition(partition);
      places.push(place);
      out.fact(F.revoked, 0, place, out.self, generation, this.#group);
    }
    this.#host.revoked(places, out);
  }

  /** The application did not come back in time: a dynamic member leaves, a static one only falls silent. Source: K52, K66. */
  #isStalled(out: Out): boolean {
    if (!this.#busy || out.now - this.#lastPollUs <= this.#config.maxPollIntervalUs) return false;
    this.#membership.leave('poll interval exceeded', out);
    this.#lose(out);
    return true;
  }

  /** What an error of the coordinator means for the membership. */
  #groupError(error: KafkaError, out: Out): void {
    switch (error) {
      case 'REBALANCE_IN_PROGRESS':
        this.#needsRejoin = true;
        return this.#poll(out);
      case 'UNKNOWN_MEMBER_ID':
        return this.#lose(out);
      case 'ILLEGAL_GENERATION':
        return this.#lose(out, true);
      case 'FENCED_INSTANCE_ID':
        return this.#fail(out);
      case 'STALE_MEMBER_EPOCH':
        // The coordinator has moved this member on; the next heartbeat brings the new epoch.
        return this.#membership.beat(out);
      default:
        return;
    }
  }

  /** No longer a member: what it owned is somebody else's by now. `keepsId`: it joins again under the id that it has. Source: K57, K74. */
  #lose(out: Out, keepsId = false): void {
    if (this.#state === 'away' || this.#isOver()) return;
    this.#needsRejoin = false;
    this.#wanted = undefined;
    this.#assignment = undefined;
    if (keepsId) this.#membership.lapse();
    else this.#membership.forget();
    this.#state = 'away';
    this.#commits.resume(out);
    this.#giveUpAll(out);
    this.#poll(out);
  }

  /** What it wrote on in a transaction does not count: whoever owns the partitions now reads that again. */
  #aborted(error: KafkaError, covered: readonly Delivery[], out: Out): void {
    if (error === 'INVALID_TRANSACTION_TIMEOUT') this.#fail(out);
    else if (NEEDS_ANOTHER_PRODUCER.has(error)) this.#beginAnew(out);
    else if (error === 'REBALANCE_IN_PROGRESS') this.#lose(out);
    else this.#groupError(error, out);
    // Who is a member still, and has only an older epoch, goes on with its partitions, and back to what was aborted.
    for (const delivery of covered) {
      const { partition, offset, leaderEpoch } = handleOf(delivery);
      const owned = this.#owned.get(partition);
      if (owned !== undefined && offset < owned.position) this.#seekTo(partition, offset, leaderEpoch, out);
    }
  }

  /**
   * A newer instance, or the end of its transaction's time, has fenced its producer, or the coordinator has forgotten it. As Kafka Streams does, it gives up what it owns, leaves, and joins again
   * with a producer that is initialised anew; what the aborted transaction covered is read again. Source: K43, K44, K47.
   */
  #beginAnew(out: Out): void {
    this.#commits.forgetProducer();
    this.#membership.leave('fenced', out);
    this.#lose(out);
  }

  #fail(out: Out): void {
    this.#giveUpAll(out);
    this.#state = 'failed';
    out.fact(F.cancelled, 0, this.#group, out.self, 0, R['refused by the broker']);
  }
}
