/**
 * The Kafka consumer: a member of a group that fetches from the leaders of its partitions, hands records to the application poll by poll, commits
 * offsets, and takes part in rebalances. The application is busy from a poll until everything that it returned is done; only then can it be
 * asked to give partitions up. Heartbeats go on meanwhile, as the real client's background thread has it.
 * Simplifications: a poll returns one fetch, nothing is fetched ahead; a record that failed, given back or left, is read again from its offset
 * (the application seeks), since a group has no other way to see it again; a rejected one is skipped.
 */
import type { KafkaCluster, PartitionIndex } from '../brokers/kafka-cluster.ts';
import type {
  Answer,
  FetchAnswer,
  FetchedPartition,
  FetchRequest,
  HeartbeatRequest,
  JoinGroupAnswer,
  JoinGroupRequest,
  KafkaError,
  KafkaRecord,
  LeaveGroupRequest,
  ListOffsetsAnswer,
  ListOffsetsRequest,
  OffsetCommitRequest,
  OffsetFetchAnswer,
  OffsetFetchRequest,
  SyncGroupAnswer,
  SyncGroupRequest,
} from '../brokers/kafka-wires.ts';
import { F, R } from '../facts.ts';
import type { Command, Out, SeekTarget, Setup, Wire } from '../machine.ts';
import { booleanOf, numberOf, type OptionValues, textOf } from '../options.ts';
import { assignors } from '../parts/assignors.ts';
import type { GroupReason } from '../parts/consumer-group.ts';
import { type OffsetReset, parseOffsetReset, resetQuery } from '../parts/offset-reset.ts';
import type { IsolationLevel, OffsetQuery } from '../parts/partition-replica.ts';
import type { ActorId, Delivery, Message, Micros, PlaceId, Settlement } from '../types.ts';
import { KafkaForwarder } from './kafka-forwarder.ts';
import { isStale, KafkaLink } from './kafka-link.ts';
import { KafkaMembership } from './kafka-membership.ts';
import type { ConsumerHost, ConsumerPort, ConsumerPortSpec } from './ports.ts';

/** Where a delivery came from. */
interface Handle {
  readonly partition: PartitionIndex;
  readonly offset: number;
}

/** What the consumer knows of a partition that it owns. */
interface Owned {
  /** Offset of the next record to hand to the application; -1 until it is known. */
  position: number;
  /** Offset last asked to be committed; -1 for none since it was assigned. */
  committed: number;
  /** Fetched and not yet handed over, and where to fetch on after that. */
  buffered: { readonly record: KafkaRecord; readonly attempt: number }[];
  fetchPosition: number;
  /** Offsets handed over and not done, ascending. */
  open: number[];
}

/** `away`: in no group. `failed`: cannot go on, as after auto.offset.reset: none. */
type State = 'away' | 'joining' | 'syncing' | 'positioning' | 'stable' | 'failed' | 'closed';

interface DeliverTimer extends Wire {
  readonly type: 'kafka-consumer/deliver';
  readonly deliveries: readonly Delivery[];
}

const POLL: Wire = { type: 'kafka-consumer/poll' };
const JOIN: Wire = { type: 'kafka-consumer/join' };
const HEARTBEAT: Wire = { type: 'kafka-consumer/heartbeat' };
const COMMIT: Wire = { type: 'kafka-consumer/commit' };
const POSITIONS: Wire = { type: 'kafka-consumer/positions' };
/** How much longer than the rebalance timeout the answer to a JoinGroup is awaited. */
const JOIN_GRACE_US = 5_000_000;

/** What is wrong with a consumer's settings; empty when they go together. Source: K51, K58. */
export function consumerConfigErrors(options: OptionValues): string[] {
  const problems: string[] = [];
  if (textOf(options, 'transactional.id') !== '' && textOf(options, 'forward.to') === '') {
    problems.push('transactional.id of a consumer needs forward.to: the topic that it writes to in its transactions.');
  }
  const session = numberOf(options, 'session.timeout.ms', 45_000_000);
  for (const name of ['auto.offset.reset', 'share.auto.offset.reset']) {
    const reset = textOf(options, name, 'latest');
    const known = parseOffsetReset(reset);
    if (known !== undefined && (known !== 'none' || name === 'auto.offset.reset')) continue;
    problems.push(
      `${name} is \`${reset}\`; it can be latest, earliest${name === 'auto.offset.reset' ? ', none' : ''}, or by_duration: with an ISO 8601 duration such as by_duration:PT1H.`,
    );
  }
  if (numberOf(options, 'heartbeat.interval.ms', 3_000_000) >= session) {
    problems.push('heartbeat.interval.ms must be less than session.timeout.ms, usually a third of it.');
  }
  for (const name of strategiesOf(options)) {
    if (assignors.has(name)) continue;
    problems.push(`partition.assignment.strategy knows no \`${name}\`; there are ${[...assignors.keys()].join(', ')}.`);
  }
  return problems;
}

export class KafkaConsumerPort implements ConsumerPort {
  readonly #spec: ConsumerPortSpec;
  readonly #host: ConsumerHost;
  readonly #cluster: KafkaCluster;
  readonly #link: KafkaLink;
  readonly #group: PlaceId;
  readonly #coordinatorPartition: PartitionIndex;
  readonly #instanceId: string | undefined;
  readonly #strategies: readonly string[];
  readonly #cooperative: boolean;
  readonly #isolation: IsolationLevel;
  readonly #autoCommit: boolean;
  /** Writes on in the same transaction as the offsets; undefined for a consumer that only reads. */
  readonly #forwarder: KafkaForwarder | undefined;
  readonly #reset: OffsetReset;
  /** Under the consumer protocol (KIP-848); undefined under the classic one. Source: K59. */
  readonly #membership: KafkaMembership | undefined;
  /** What the coordinator lets it own, when that differs from what it owns. */
  #wanted: ReadonlySet<PartitionIndex> | undefined;
  /** Settled without an output. */
  readonly #skipped = new Set<Delivery>();
  #state: State = 'away';
  #memberId = '';
  #generation = -1;
  readonly #owned = new Map<PartitionIndex, Owned>();
  /** Names of what was owned last, and since which generation; what the sticky assignors go by. */
  #lastOwned: readonly string[] = [];
  #ownedGeneration = -1;
  /** Nodes with an unanswered fetch: one at a time each. */
  readonly #fetching = new Set<ActorId>();
  #needsRejoin = false;
  /** The application works on what the last poll returned. */
  #busy = false;
  #lastPollUs: Micros = 0;
  #lastCommitUs: Micros = 0;
  #pollAtUs: Micros = MAX_SAFE;
  #beating = false;
  #heartbeatOpen = false;
  #positioning = false;
  /** Deliveries that wait for the commit after the one on its way. */
  #settling: Delivery[] = [];
  #committing = false;
  /** Goes up whenever memory is lost, so that answers to older requests are ignored. */
  #life = 0;

  constructor(spec: ConsumerPortSpec, host: ConsumerHost, cluster: KafkaCluster, setup: Setup) {
    this.#spec = spec;
    this.#host = host;
    this.#cluster = cluster;
    this.#group = setup.place(spec.group, 'group');
    cluster.groupPlaces.set(spec.group, this.#group);
    this.#coordinatorPartition = cluster.groupPartition(spec.group);
    const { options } = spec;
    const instanceId = textOf(options, 'group.instance.id');
    this.#instanceId =
      instanceId === '' ? undefined : spec.instance === 1 ? instanceId : `${instanceId}-${spec.instance}`;
    this.#strategies = strategiesOf(options);
    this.#cooperative = this.#strategies.every((name) => name === 'cooperative-sticky');
    this.#isolation = textOf(options, 'isolation.level') === 'read_committed' ? 'read_committed' : 'read_uncommitted';
    const forwards = textOf(options, 'forward.to') !== '';
    this.#autoCommit = booleanOf(options, 'enable.auto.commit', true) && !forwards;
    this.#link = new KafkaLink(
      cluster,
      {
        requestTimeoutUs: numberOf(options, 'request.timeout.ms', 30_000_000),
        retryBackoffUs: this.#backoffUs(),
        metadataMaxAgeUs: numberOf(options, 'metadata.max.age.ms', 300_000_000),
        bootstrap: spec.instance - 1,
      },
      (out) => this.#metadata(out),
    );
    this.#reset = parseOffsetReset(textOf(options, 'auto.offset.reset', 'latest')) ?? 'latest';
    const assignor = textOf(options, 'group.remote.assignor');
    if (textOf(options, 'group.protocol', 'classic') === 'consumer')
      this.#membership = new KafkaMembership(
        {
          kind: 'consumer',
          group: spec.group,
          name: spec.name,
          instanceId: this.#instanceId,
          topics: spec.from,
          rebalanceTimeoutUs: numberOf(options, 'max.poll.interval.ms', 300_000_000),
          assignor: assignor === '' ? undefined : assignor,
          retryBackoffUs: this.#backoffUs(),
        },
        this.#link,
        {
          owned: () => [...this.#owned.keys()].map((index) => cluster.partition(index).name),
          assigned: (partitions, out) => this.#mayOwn(partitions, out),
          lost: (out) => this.#lose(out),
          refused: (out) => this.#fail(out),
          stalled: (out) => this.#isStalled(out),
        },
      );
    this.#forwarder = forwards
      ? new KafkaForwarder(
          {
            transactionalId: `${textOf(options, 'transactional.id') || spec.declared}-${spec.instance}`,
            to: textOf(options, 'forward.to'),
            timeoutUs: numberOf(options, 'transaction.timeout.ms', 60_000_000),
            requestTimeoutUs: numberOf(options, 'request.timeout.ms', 30_000_000),
            retryBackoffUs: this.#backoffUs(),
          },
          this.#link,
        )
      : undefined;
  }

  // ── What the client's machine says ────────────────────────────────────────────────────────────────────────────────

  start(out: Out): void {
    this.#lastPollUs = out.now;
    this.#lastCommitUs = out.now;
    this.#link.start(out);
  }

  crash(): void {
    this.#link.crash();
    this.#forwarder?.crash();
    this.#membership?.crash();
    this.#wanted = undefined;
    this.#skipped.clear();
    this.#life++;
    this.#state = 'away';
    this.#memberId = '';
    this.#generation = -1;
    this.#owned.clear();
    this.#fetching.clear();
    this.#lastOwned = [];
    this.#ownedGeneration = -1;
    this.#needsRejoin = false;
    this.#busy = false;
    this.#pollAtUs = MAX_SAFE;
    this.#beating = false;
    this.#heartbeatOpen = false;
    this.#positioning = false;
    this.#settling = [];
    this.#committing = false;
  }

  /** close(): commits what auto-commit would, and leaves, unless it is a static member. Source: K66, K67. */
  stop(out: Out): void {
    if (this.#autoCommit && this.#isMember()) {
      const offsets = this.#processed();
      if (offsets.length > 0) this.#sendCommit(offsets, out, () => undefined);
    }
    if (this.#membership !== undefined) this.#membership.leave('left the group', out);
    else if (this.#instanceId === undefined && this.#memberId !== '') this.#leave('left the group', out);
    this.#state = 'closed';
  }

  receive(_from: ActorId, wire: Wire, out: Out): void {
    this.#link.receive(wire, out);
  }

  peerLost(peer: ActorId, out: Out): void {
    this.#link.peerLost(peer, out);
  }

  timer(wire: Wire, out: Out): void {
    if (this.#link.timer(wire, out) || this.#forwarder?.timer(wire, out) || this.#membership?.timer(wire, out)) return;
    switch (wire.type) {
      case POLL.type:
        this.#pollAtUs = MAX_SAFE;
        return this.#poll(out);
      case JOIN.type:
        return this.#join(out);
      case HEARTBEAT.type:
        return this.#heartbeat(out);
      case COMMIT.type:
        this.#committing = false;
        return this.#commitSettled(out);
      case 'kafka-consumer/deliver':
        return this.#commitThenDeliver((wire as DeliverTimer).deliveries, out);
      case POSITIONS.type:
        this.#positioning = false;
        return this.#position(out);
    }
  }

  command(command: Command, out: Out): void {
    if (command.type === 'seek' && command.group === this.#spec.group) this.#seek(command.to, out);
  }

  /** The application has finished a poll's records when it has all its room again. */
  room(messages: number, out: Out): void {
    if (messages < this.#spec.prefetch) return;
    this.#busy = false;
    this.#poll(out);
  }

  extend(): void {}

  settle(delivery: Delivery, how: Settlement, out: Out): void {
    const { partition, offset } = delivery.handle as Handle;
    const owned = this.#owned.get(partition);
    if (how === 'requeue' || how === 'leave') {
      // Behind a record that is read again already, this one comes again too: moving there would pass over the first.
      if (owned !== undefined && offset < owned.position) this.#readAgain(partition, owned, offset, out);
      return this.#host.settled(delivery, true, out);
    }
    if (how === 'reject') {
      out.fact(F.skipped, delivery.message.id, delivery.place, 0, 0, R['rejected by the consumer']);
      if (this.#forwarder !== undefined) this.#skipped.add(delivery);
    }
    const at = owned?.open.indexOf(offset) ?? -1;
    if (at >= 0) owned?.open.splice(at, 1);
    const before = this.#spec.settle === 'before-processing';
    if (this.#autoCommit && !before) return this.#host.settled(delivery, true, out);
    const forwards = this.#forwarder !== undefined;
    if (forwards && owned !== undefined && offset >= owned.position) return this.#lapse(delivery, out);
    if (!forwards && owned !== undefined && !before && this.#commitOffset(owned) === owned.committed) {
      // An earlier record of the partition is still in work: nothing can be committed for this one yet.
      return this.#host.settled(delivery, true, out);
    }
    this.#settling.push(delivery);
    this.#commitSettled(out);
  }

  // ── Polling ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #backoffUs(): Micros {
    return numberOf(this.#spec.options, 'retry.backoff.ms', 100_000);
  }

  #metadata(out: Out): void {
    if (this.#state === 'away') this.#poll(out);
    else if (this.#state === 'positioning') this.#position(out);
    else if (this.#state === 'stable') this.#fetch(out);
  }

  #isMember(): boolean {
    if (this.#membership !== undefined) return this.#membership.epoch > 0 && this.#state !== 'away';
    return this.#memberId !== '' && this.#generation >= 0 && this.#state !== 'away' && this.#state !== 'joining';
  }

  #pollLater(afterUs: Micros, out: Out): void {
    if (out.now + afterUs >= this.#pollAtUs) return;
    this.#pollAtUs = out.now + afterUs;
    out.timer(afterUs, POLL, 0);
  }

  /** The application asks for records. */
  #poll(out: Out): void {
    if (this.#busy || !this.#link.knowsLeaders || this.#state === 'failed' || this.#state === 'closed') return;
    if (this.#pollAtUs !== MAX_SAFE) return;
    this.#lastPollUs = out.now;
    if (this.#state === 'away' || (this.#needsRejoin && this.#state === 'stable')) return this.#rejoin(out);
    if (this.#state !== 'stable') return;
    if (this.#wanted !== undefined) return this.#reconcile(this.#wanted, out);
    this.#commitByInterval(out);
    if (!this.#handOver(out)) this.#fetch(out);
  }

  /** Gives the application what is buffered, at most `max.poll.records`. True when there was something. */
  #handOver(out: Out): boolean {
    let room = numberOf(this.#spec.options, 'max.poll.records', 500);
    const deliveries: Delivery[] = [];
    for (const [index, owned] of this.#owned) {
      if (owned.position < 0) continue;
      const taken = owned.buffered.splice(0, room);
      room -= taken.length;
      const { place } = this.#cluster.partition(index);
      for (const { record, attempt } of taken) {
        const handle: Handle = { partition: index, offset: record.offset };
        if (this.#spec.settle !== 'on-delivery') owned.open.push(record.offset);
        deliveries.push({ message: record.value as Message, place, attempt, handle });
      }
      const next = owned.buffered[0];
      owned.position = next === undefined ? owned.fetchPosition : next.record.offset;
      if (room === 0) break;
    }
    if (deliveries.length === 0) return false;
    this.#busy = true;
    if (this.#spec.settle === 'on-delivery') this.#commitThenDeliver(deliveries, out);
    else this.#host.deliver(deliveries, out);
    return true;
  }

  /** Hands over only what is surely committed: a crash may lose it then, but nobody gets it twice. Source: K68. */
  #commitThenDeliver(deliveries: readonly Delivery[], out: Out): void {
    this.#sendCommit(this.#processed(), out, (error, later) => {
      if (error === 'NONE') return this.#host.deliver(deliveries, later);
      if (mayPass(error)) {
        if (error !== 'REQUEST_TIMED_OUT') this.#link.refresh(later);
        const wire: DeliverTimer = { type: 'kafka-consumer/deliver', deliveries };
        later.timer(this.#backoffUs(), wire);
        return;
      }
      // Refused: whoever owns the partitions now reads them.
      this.#busy = false;
      this.#poll(later);
    });
  }

  /** Fetches from each leader of partitions without buffered records. */
  #fetch(out: Out): void {
    const byNode = new Map<ActorId, { readonly partition: PartitionIndex; readonly offset: number }[]>();
    for (const [index, owned] of this.#owned) {
      if (owned.position < 0 || owned.buffered.length > 0) continue;
      const node = this.#link.leaderOf(index);
      if (node === 0) {
        this.#link.refresh(out);
        continue;
      }
      if (this.#fetching.has(node)) continue;
      const asked = { partition: index, offset: owned.fetchPosition };
      const mine = byNode.get(node);
      if (mine === undefined) byNode.set(node, [asked]);
      else mine.push(asked);
    }
    const { options } = this.#spec;
    for (const [node, partitions] of byNode) {
      const request: FetchRequest = {
        type: 'kafka/Fetch',
        id: this.#link.nextId(),
        isolation: this.#isolation,
        maxWaitUs: numberOf(options, 'fetch.max.wait.ms', 500_000),
        minBytes: numberOf(options, 'fetch.min.bytes', 1),
        partitionBytes: numberOf(options, 'max.partition.fetch.bytes', 1_048_576),
        maxRecords: numberOf(options, 'max.poll.records', 500),
        group: this.#group,
        partitions,
      };
      const life = this.#life;
      this.#fetching.add(node);
      this.#link.ask(node, 'control', request, 0, out, (answer, later) => {
        if (life !== this.#life) return;
        this.#fetching.delete(node);
        this.#fetched(partitions, answer as FetchAnswer | undefined, later);
      });
    }
  }

  #fetched(asked: FetchRequest['partitions'], answer: FetchAnswer | undefined, out: Out): void {
    for (const fetched of answer?.partitions ?? []) {
      const offset = asked.find(({ partition }) => partition === fetched.partition)?.offset;
      const owned = this.#owned.get(fetched.partition);
      // What was asked for is no longer wanted after a seek or a new assignment.
      if (owned !== undefined && owned.fetchPosition === offset) this.#takeFetched(fetched, owned, out);
    }
    if (answer === undefined) {
      this.#link.refresh(out);
      this.#pollLater(this.#backoffUs(), out);
    } else this.#poll(out);
  }

  #takeFetched(fetched: FetchedPartition, owned: Owned, out: Out): void {
    if (fetched.error === 'OFFSET_OUT_OF_RANGE') {
      owned.position = -1;
      this.#state = 'positioning';
      this.#resetOffsets([fetched.partition], out);
    } else if (fetched.error !== 'NONE') {
      this.#link.refresh(out);
      this.#pollLater(this.#backoffUs(), out);
    } else {
      fetched.records.forEach((record, i) => {
        owned.buffered.push({ record, attempt: fetched.attempts[i] ?? 1 });
      });
      owned.fetchPosition = fetched.nextOffset;
      if (owned.buffered.length === 0) owned.position = owned.fetchPosition;
    }
  }

  /** Goes back to a record that failed; what came after it is read again too. Source: K75, K91. */
  #readAgain(index: PartitionIndex, owned: Owned, offset: number, out: Out): void {
    this.#moveTo(index, owned, offset, out);
    this.#pollLater(this.#backoffUs(), out);
  }

  #moveTo(index: PartitionIndex, owned: Owned, offset: number, out: Out): void {
    owned.position = offset;
    owned.fetchPosition = offset;
    owned.buffered = [];
    owned.open = owned.open.filter((other) => other < offset);
    this.#host.revoked([this.#cluster.partition(index).place], out);
    if (this.#forwarder === undefined) return;
    const lapsed = this.#settling.filter(({ handle }) => {
      const at = handle as Handle;
      return at.partition === index && at.offset >= offset;
    });
    this.#settling = this.#settling.filter((delivery) => !lapsed.includes(delivery));
    for (const delivery of lapsed) this.#lapse(delivery, out);
  }

  /** Done, but behind a record that is read again, and so read again itself: nothing of it is written on or committed this time. */
  #lapse(delivery: Delivery, out: Out): void {
    this.#skipped.delete(delivery);
    this.#host.settled(delivery, true, out);
  }

  // ── Committing ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The next offset to read after a restart: the first record that is not done, else the position. Source: K67. */
  #commitOffset(owned: Owned): number {
    return owned.open[0] ?? owned.position;
  }

  /** Positions that differ from what was committed last. */
  #processed(): { partition: PartitionIndex; offset: number }[] {
    const offsets: { partition: PartitionIndex; offset: number }[] = [];
    for (const [partition, owned] of this.#owned) {
      if (owned.position < 0) continue;
      const early = this.#spec.settle !== 'after-processing';
      const offset = early ? owned.position : this.#commitOffset(owned);
      if (offset !== owned.committed) offsets.push({ partition, offset });
    }
    return offsets;
  }

  #commitByInterval(out: Out): void {
    if (!this.#autoCommit || this.#spec.settle !== 'after-processing') return;
    const everyUs = numberOf(this.#spec.options, 'auto.commit.interval.ms', 5_000_000);
    if (out.now - this.#lastCommitUs < everyUs) return;
    this.#lastCommitUs = out.now;
    this.#commitNow(out);
  }

  /** commitAsync: sent and not retried. Source: K69. */
  #commitNow(out: Out): void {
    const offsets = this.#processed();
    if (offsets.length > 0 && this.#isMember()) this.#sendCommit(offsets, out, () => undefined);
  }

  /** commitSync for what was settled: one at a time, what is settled meanwhile goes with the next one. */
  #commitSettled(out: Out): void {
    if (this.#committing || this.#settling.length === 0) return;
    if (this.#forwarder !== undefined && this.#isMember()) return this.#forwardSettled(this.#forwarder, out);
    const settling = this.#settling;
    const offsets = this.#processed();
    if (!this.#isMember()) {
      this.#settling = [];
      for (const delivery of settling) {
        out.fact(F['commit-refused'], 0, delivery.place, out.self, (delivery.handle as Handle).offset + 1, R.fenced);
        this.#host.settled(delivery, false, out);
      }
      return;
    }
    if (offsets.length === 0) {
      this.#settling = [];
      for (const delivery of settling) this.#host.settled(delivery, true, out);
      return;
    }
    this.#committing = true;
    const count = settling.length;
    this.#sendCommit(offsets, out, (error, later) => {
      if (mayPass(error)) {
        if (error !== 'REQUEST_TIMED_OUT') this.#link.refresh(later);
        later.timer(this.#backoffUs(), COMMIT);
        return;
      }
      this.#committing = false;
      const done = this.#settling.splice(0, count);
      for (const delivery of done) this.#host.settled(delivery, error === 'NONE', later);
      this.#commitSettled(later);
    });
  }

  /** Writes on what is settled and covered by the offsets to commit, all in one transaction. */
  #forwardSettled(forwarder: KafkaForwarder, out: Out): void {
    const covered = this.#settling.filter((delivery) => {
      const { partition, offset } = delivery.handle as Handle;
      const owned = this.#owned.get(partition);
      return owned === undefined || offset < this.#commitOffset(owned);
    });
    if (covered.length === 0) return;
    const offsets = this.#processed();
    for (const { partition, offset } of offsets) (this.#owned.get(partition) as Owned).committed = offset;
    this.#committing = true;
    const { id: _, ...member } = this.#identity();
    const inputs = covered.filter((delivery) => !this.#skipped.delete(delivery)).map(({ message }) => message);
    const life = this.#life;
    forwarder.forward({ inputs, offsets, coordinator: this.#coordinatorPartition, member }, out, (error, later) => {
      if (life !== this.#life) return;
      this.#committing = false;
      this.#settling = this.#settling.filter((delivery) => !covered.includes(delivery));
      if (error !== 'NONE') this.#notForwarded(error, offsets, covered, later);
      for (const delivery of covered) this.#host.settled(delivery, error === 'NONE', later);
      this.#commitSettled(later);
    });
  }

  /** The transaction was aborted: what it covered is read again by whoever owns the partitions now. */
  #notForwarded(
    error: KafkaError,
    offsets: readonly { readonly partition: PartitionIndex; readonly offset: number }[],
    covered: readonly Delivery[],
    out: Out,
  ): void {
    for (const { partition, offset } of offsets) {
      const owned = this.#owned.get(partition);
      if (owned?.committed === offset) owned.committed = -1;
    }
    if (error === 'PRODUCER_FENCED' || error === 'INVALID_PRODUCER_EPOCH') this.#beginAnew(out);
    else if (error === 'REBALANCE_IN_PROGRESS') this.#lose(out);
    else this.#groupError(error, out);
    // Who is a member still, and has only an older epoch, goes on with its partitions, and back to what was aborted.
    for (const { handle } of covered) {
      const { partition, offset } = handle as Handle;
      const owned = this.#owned.get(partition);
      if (owned !== undefined && offset < owned.position) this.#moveTo(partition, owned, offset, out);
    }
  }

  /**
   * A newer instance, or the end of its transaction's time, has fenced its producer. As Kafka Streams does, it gives up what it owns, leaves, and joins again
   * with a producer that is initialised anew; what the aborted transaction covered is read again. Source: K43, K44, K47.
   */
  #beginAnew(out: Out): void {
    this.#forwarder?.crash();
    if (this.#membership !== undefined) this.#membership.leave('fenced', out);
    else if (this.#instanceId === undefined) this.#leave('fenced', out);
    this.#lose(out);
  }

  #sendCommit(
    offsets: readonly { readonly partition: PartitionIndex; readonly offset: number }[],
    out: Out,
    done: (error: KafkaError, out: Out) => void,
  ): void {
    const request: OffsetCommitRequest = { type: 'kafka/OffsetCommit', ...this.#identity(), offsets };
    for (const { partition, offset } of offsets) {
      const owned = this.#owned.get(partition);
      if (owned !== undefined) owned.committed = offset;
    }
    const node = this.#link.leaderOf(this.#coordinatorPartition);
    const failed = (error: KafkaError, later: Out): void => {
      for (const { partition, offset } of offsets) {
        const owned = this.#owned.get(partition);
        if (owned?.committed === offset) owned.committed = -1;
      }
      this.#groupError(error, later);
      done(error, later);
    };
    if (node === 0) return failed('NOT_COORDINATOR', out);
    const life = this.#life;
    this.#link.ask(node, 'ack', request, 0, out, (answer, later) => {
      if (life !== this.#life) return;
      const error = answer?.error ?? 'NETWORK_EXCEPTION';
      if (error === 'NONE') done('NONE', later);
      else failed(error, later);
    });
  }

  // ── Membership ────────────────────────────────────────────────────────────────────────────────────────────────────

  #identity(): {
    readonly id: number;
    readonly group: string;
    readonly memberId: string;
    readonly instanceId: string | undefined;
    readonly generation: number;
  } {
    return {
      id: this.#link.nextId(),
      group: this.#spec.group,
      memberId: this.#membership?.memberId ?? this.#memberId,
      instanceId: this.#instanceId,
      generation: this.#membership?.epoch ?? this.#generation,
    };
  }

  /** Before joining: commits what is processed and waits for it, then gives up everything, unless the protocol is cooperative. Source: K54. */
  #rejoin(out: Out): void {
    this.#needsRejoin = false;
    if (this.#membership !== undefined) {
      this.#state = 'joining';
      return this.#membership.join(out);
    }
    const offsets =
      this.#state === 'stable' && this.#autoCommit && this.#spec.settle === 'after-processing' ? this.#processed() : [];
    this.#state = 'joining';
    if (offsets.length === 0) return this.#giveUpAndJoin(out);
    this.#sendCommit(offsets, out, (_, later) => {
      if (this.#state === 'joining') this.#giveUpAndJoin(later);
    });
  }

  #giveUpAndJoin(out: Out): void {
    if (!this.#cooperative) this.#giveUp([...this.#owned.keys()], out);
    this.#join(out);
  }

  /** What the coordinator lets it own. What changes waits for the application to poll. Source: K59. */
  #mayOwn(names: readonly string[], out: Out): void {
    if (this.#state === 'closed' || this.#state === 'failed') return;
    const wanted = this.#indexesOf(names);
    const same = wanted.size === this.#owned.size && [...wanted].every((index) => this.#owned.has(index));
    this.#wanted = same ? undefined : wanted;
    if (this.#state === 'joining') this.#state = 'stable';
    if (!this.#busy) this.#poll(out);
  }

  /** Gives up what it may not own any more, after committing what is done of it, tells the coordinator, and takes what is new. Source: K57, K59. */
  #reconcile(wanted: ReadonlySet<PartitionIndex>, out: Out): void {
    const surplus = [...this.#owned.keys()].filter((index) => !wanted.has(index));
    const commits = this.#autoCommit && this.#spec.settle === 'after-processing' && surplus.length > 0;
    const offsets = commits ? this.#processed() : [];
    const goOn = (later: Out): void => {
      this.#wanted = undefined;
      this.#giveUp(surplus, later);
      this.#take(wanted);
      if (surplus.length > 0) this.#membership?.beat(later);
      this.#state = 'positioning';
      this.#position(later);
    };
    if (offsets.length === 0) return goOn(out);
    this.#state = 'positioning';
    this.#positioning = true;
    this.#sendCommit(offsets, out, (_, later) => {
      this.#positioning = false;
      if (this.#state === 'positioning') goOn(later);
    });
  }

  #indexesOf(names: readonly string[]): Set<PartitionIndex> {
    const indexes = new Set<PartitionIndex>();
    for (const name of names) {
      const index = this.#cluster.indexOf(name);
      if (index !== undefined) indexes.add(index);
    }
    return indexes;
  }

  #take(wanted: ReadonlySet<PartitionIndex>): void {
    for (const index of wanted) {
      if (this.#owned.has(index)) continue;
      this.#owned.set(index, { position: -1, committed: -1, buffered: [], fetchPosition: -1, open: [] });
    }
  }

  /** These partitions are no longer this member's. */
  #giveUp(partitions: readonly PartitionIndex[], out: Out): void {
    if (partitions.length === 0) return;
    const places: PlaceId[] = [];
    for (const partition of partitions) {
      this.#owned.delete(partition);
      const { place } = this.#cluster.partition(partition);
      places.push(place);
      out.fact(F.revoked, 0, place, out.self, Math.max(0, this.#generation), this.#group);
    }
    this.#host.revoked(places, out);
  }

  #join(out: Out): void {
    if (this.#state === 'closed' || this.#state === 'failed') return;
    this.#state = 'joining';
    const node = this.#link.leaderOf(this.#coordinatorPartition);
    if (node === 0) return this.#joinLater(out);
    const { options } = this.#spec;
    const rebalanceTimeoutUs = numberOf(options, 'max.poll.interval.ms', 300_000_000);
    const request: JoinGroupRequest = {
      type: 'kafka/JoinGroup',
      ...this.#identity(),
      generation: this.#ownedGeneration,
      clientId: this.#spec.name,
      sessionTimeoutUs: numberOf(options, 'session.timeout.ms', 45_000_000),
      rebalanceTimeoutUs,
      assignors: this.#strategies,
      topics: this.#spec.from,
      owned: this.#strategies.some((name) => name.endsWith('sticky')) ? this.#lastOwned : [],
    };
    const life = this.#life;
    this.#link.ask(
      node,
      'control',
      request,
      0,
      out,
      (answer, later) => {
        if (life === this.#life && this.#state === 'joining')
          this.#joined(answer as JoinGroupAnswer | undefined, later);
      },
      rebalanceTimeoutUs + JOIN_GRACE_US,
    );
  }

  #joinLater(out: Out): void {
    this.#link.refresh(out);
    out.timer(this.#backoffUs(), JOIN);
  }

  #joined(answer: JoinGroupAnswer | undefined, out: Out): void {
    if (answer === undefined || isStale(answer.error)) return this.#joinLater(out);
    if (answer.error === 'MEMBER_ID_REQUIRED') {
      this.#memberId = answer.memberId;
      return this.#join(out);
    }
    if (answer.error === 'UNKNOWN_MEMBER_ID') {
      this.#memberId = '';
      return this.#join(out);
    }
    if (answer.error !== 'NONE') return this.#fail(out);
    this.#memberId = answer.memberId;
    this.#generation = answer.generation;
    this.#state = 'syncing';
    this.#beat(out);
    const request: SyncGroupRequest = {
      type: 'kafka/SyncGroup',
      ...this.#identity(),
      assignment: answer.leader === answer.memberId ? this.#assign(answer) : undefined,
    };
    const life = this.#life;
    const node = this.#link.leaderOf(this.#coordinatorPartition);
    this.#link.ask(node, 'control', request, 0, out, (reply, later) => {
      if (life === this.#life && this.#state === 'syncing') this.#synced(reply as SyncGroupAnswer | undefined, later);
    });
  }

  /** As the group's leader: who gets what. */
  #assign(answer: JoinGroupAnswer): ReadonlyMap<string, readonly string[]> | undefined {
    // A static member that came back to a stable group learns nobody's subscription, and nothing is to be assigned.
    if (answer.members.length === 0) return undefined;
    const sizes = new Map<string, number>();
    for (const member of answer.members) {
      for (const topic of member.topics) {
        const size = this.#cluster.partitionsOf(topic).length;
        if (size > 0) sizes.set(topic, size);
      }
    }
    return assignors.get(answer.assignor)?.(sizes, answer.members);
  }

  #synced(answer: SyncGroupAnswer | undefined, out: Out): void {
    if (answer === undefined) return this.#joinLater(out);
    if (answer.error === 'UNKNOWN_MEMBER_ID' || answer.error === 'ILLEGAL_GENERATION') this.#memberId = '';
    if (answer.error === 'FENCED_INSTANCE_ID') return this.#fail(out);
    if (isStale(answer.error)) return this.#joinLater(out);
    if (answer.error !== 'NONE') return this.#join(out);
    const wanted = this.#indexesOf(answer.partitions);
    const surplus = [...this.#owned.keys()].filter((index) => !wanted.has(index));
    this.#giveUp(surplus, out);
    this.#take(wanted);
    this.#lastOwned = answer.partitions;
    this.#ownedGeneration = this.#generation;
    this.#state = 'positioning';
    // What was given up just now can be handed out in a second rebalance. Source: K54.
    this.#needsRejoin = this.#cooperative && surplus.length > 0;
    this.#position(out);
  }

  // ── Heartbeats ────────────────────────────────────────────────────────────────────────────────────────────────────

  #beat(out: Out): void {
    if (this.#beating) return;
    this.#beating = true;
    out.timer(numberOf(this.#spec.options, 'heartbeat.interval.ms', 3_000_000), HEARTBEAT, 0);
  }

  #heartbeat(out: Out): void {
    this.#beating = false;
    if (this.#memberId === '' || this.#generation < 0 || this.#state === 'closed' || this.#state === 'failed') return;
    if (this.#isStalled(out)) return;
    this.#beat(out);
    const node = this.#link.leaderOf(this.#coordinatorPartition);
    if (node === 0 || this.#heartbeatOpen || this.#state === 'joining') return;
    this.#heartbeatOpen = true;
    const request: HeartbeatRequest = { type: 'kafka/Heartbeat', ...this.#identity() };
    const { generation } = request;
    const life = this.#life;
    this.#link.ask(node, 'control', request, 0, out, (answer, later) => {
      if (life !== this.#life) return;
      this.#heartbeatOpen = false;
      if (answer === undefined || isStale(answer.error)) this.#link.refresh(later);
      else if (generation === this.#generation) this.#groupError(answer.error, later);
    });
  }

  /** The application did not come back in time: a dynamic member leaves, a static one only falls silent. Source: K52, K66. */
  #stalled(out: Out): void {
    if (this.#membership !== undefined) this.#membership.leave('poll interval exceeded', out);
    else if (this.#instanceId === undefined) this.#leave('poll interval exceeded', out);
    this.#lose(out);
  }

  #isStalled(out: Out): boolean {
    const maxPollUs = numberOf(this.#spec.options, 'max.poll.interval.ms', 300_000_000);
    if (!this.#busy || out.now - this.#lastPollUs <= maxPollUs) return false;
    this.#stalled(out);
    return true;
  }

  #leave(reason: GroupReason, out: Out): void {
    const node = this.#link.leaderOf(this.#coordinatorPartition);
    if (node === 0) return;
    const request: LeaveGroupRequest = { type: 'kafka/LeaveGroup', ...this.#identity(), reason };
    this.#link.ask(node, 'control', request, 0, out, () => undefined);
  }

  /** What an error of the coordinator means for the membership. */
  #groupError(error: KafkaError, out: Out): void {
    switch (error) {
      case 'REBALANCE_IN_PROGRESS':
        this.#needsRejoin = true;
        return this.#poll(out);
      case 'UNKNOWN_MEMBER_ID':
      case 'ILLEGAL_GENERATION':
        return this.#lose(out);
      case 'FENCED_INSTANCE_ID':
        return this.#fail(out);
      case 'STALE_MEMBER_EPOCH':
        // The coordinator has moved this member on; the next heartbeat brings the new epoch.
        return this.#membership?.beat(out);
      default:
        return;
    }
  }

  /** No longer a member: what it owned is somebody else's by now. Source: K57, K74. */
  #lose(out: Out): void {
    if (this.#state === 'away' || this.#state === 'closed' || this.#state === 'failed') return;
    this.#needsRejoin = false;
    this.#wanted = undefined;
    this.#membership?.forget();
    this.#state = 'away';
    this.#memberId = '';
    this.#generation = -1;
    this.#giveUp([...this.#owned.keys()], out);
    this.#poll(out);
  }

  #fail(out: Out): void {
    this.#giveUp([...this.#owned.keys()], out);
    this.#state = 'failed';
    out.fact(F.cancelled, 0, this.#group, out.self, 0, R['refused by the broker']);
  }

  // ── Positions ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Finds out where to begin in partitions without a position: the committed offset, else by `auto.offset.reset`. Source: K70. */
  #position(out: Out): void {
    if (this.#state !== 'positioning' || this.#positioning) return;
    const missing: PartitionIndex[] = [];
    for (const [index, owned] of this.#owned) if (owned.position < 0) missing.push(index);
    if (missing.length === 0) {
      this.#state = 'stable';
      return this.#poll(out);
    }
    this.#positioning = true;
    const node = this.#link.leaderOf(this.#coordinatorPartition);
    if (node === 0) return this.#positionLater(out);
    const request: OffsetFetchRequest = {
      type: 'kafka/OffsetFetch',
      id: this.#link.nextId(),
      group: this.#spec.group,
      partitions: missing,
      requireStable: this.#isolation === 'read_committed' || this.#forwarder !== undefined,
    };
    const life = this.#life;
    this.#link.ask(node, 'control', request, 0, out, (answer, later) => {
      if (life === this.#life) this.#committedFound(answer as (OffsetFetchAnswer & Answer) | undefined, later);
    });
  }

  #positionLater(out: Out): void {
    this.#link.refresh(out);
    out.timer(this.#backoffUs(), POSITIONS);
  }

  #committedFound(answer: OffsetFetchAnswer | undefined, out: Out): void {
    if (answer === undefined || answer.error !== 'NONE') return this.#positionLater(out);
    this.#positioning = false;
    const unknown: PartitionIndex[] = [];
    for (const { partition, offset } of answer.offsets) {
      const owned = this.#owned.get(partition);
      if (owned === undefined) continue;
      if (offset < 0) unknown.push(partition);
      else {
        owned.position = offset;
        owned.fetchPosition = offset;
        owned.committed = offset;
      }
    }
    if (unknown.length > 0) this.#resetOffsets(unknown, out);
    else this.#position(out);
  }

  #resetOffsets(partitions: readonly PartitionIndex[], out: Out): void {
    const query = resetQuery(this.#reset, out.now);
    if (query === undefined) return this.#fail(out);
    this.#positioning = true;
    this.#listOffsets(partitions, query, out, (found, later) => {
      const young = [...found].filter(([, offset]) => offset < 0).map(([partition]) => partition);
      const known = new Map([...found].filter(([, offset]) => offset >= 0));
      if (young.length === 0) return this.#begin(known, later);
      // No record is that young: the end is where to begin.
      this.#listOffsets(young, 'latest', later, (ends, last) => this.#begin(new Map([...known, ...ends]), last));
    });
  }

  #begin(found: ReadonlyMap<PartitionIndex, number>, out: Out): void {
    this.#positioning = false;
    for (const [partition, offset] of found) {
      const owned = this.#owned.get(partition);
      if (owned === undefined || owned.position >= 0) continue;
      owned.position = offset;
      owned.fetchPosition = offset;
    }
    this.#position(out);
  }

  /** Asks the leaders for offsets, again and again until all are known. */
  #listOffsets(
    partitions: readonly PartitionIndex[],
    query: OffsetQuery,
    out: Out,
    done: (found: ReadonlyMap<PartitionIndex, number>, out: Out) => void,
  ): void {
    const found = new Map<PartitionIndex, number>();
    const byNode = new Map<ActorId, PartitionIndex[]>();
    for (const index of partitions) {
      const node = this.#link.leaderOf(index);
      const mine = byNode.get(node);
      if (mine === undefined) byNode.set(node, [index]);
      else mine.push(index);
    }
    let open = byNode.size;
    const life = this.#life;
    const finish = (later: Out): void => {
      open--;
      if (open > 0) return;
      if (found.size === partitions.length) return done(found, later);
      // The positions found so far are used; the rest is asked for again after a pause.
      for (const [partition, offset] of found) {
        const owned = this.#owned.get(partition);
        if (owned === undefined || owned.position >= 0 || offset < 0) continue;
        owned.position = offset;
        owned.fetchPosition = offset;
      }
      this.#positioning = true;
      this.#positionLater(later);
    };
    for (const [node, indexes] of byNode) {
      if (node === 0) {
        finish(out);
        continue;
      }
      const request: ListOffsetsRequest = {
        type: 'kafka/ListOffsets',
        id: this.#link.nextId(),
        isolation: this.#isolation,
        queries: indexes.map((partition) => ({ partition, query })),
      };
      this.#link.ask(node, 'control', request, 0, out, (answer, later) => {
        if (life !== this.#life) return;
        for (const { partition, error, offset } of (answer as ListOffsetsAnswer | undefined)?.offsets ?? []) {
          if (error === 'NONE') found.set(partition, offset);
        }
        finish(later);
      });
    }
  }

  /** Moves the positions of what this member owns. Source: K72. */
  #seek(to: SeekTarget, out: Out): void {
    const partitions = [...this.#owned.keys()];
    if (partitions.length === 0) return;
    if ('offset' in to) {
      for (const index of partitions) this.#seekTo(index, to.offset, out);
      return this.#poll(out);
    }
    const query: OffsetQuery = 'timeUs' in to ? { timeUs: to.timeUs } : to.end;
    this.#listOffsets(partitions, query, out, (found, later) => {
      const behind: PartitionIndex[] = [];
      for (const [index, offset] of found) {
        if (offset >= 0) this.#seekTo(index, offset, later);
        else behind.push(index);
      }
      // No record is that young: the end is as far as one can go.
      if (behind.length > 0) {
        this.#listOffsets(behind, 'latest', later, (ends, last) => {
          for (const [index, offset] of ends) this.#seekTo(index, offset, last);
          this.#poll(last);
        });
      }
      this.#poll(later);
    });
  }

  #seekTo(index: PartitionIndex, offset: number, out: Out): void {
    const owned = this.#owned.get(index);
    if (owned === undefined) return;
    out.fact(F.sought, 0, this.#cluster.partition(index).place, 0, offset, this.#group);
    owned.committed = -1;
    this.#moveTo(index, owned, offset, out);
  }
}

const MAX_SAFE = Number.MAX_SAFE_INTEGER;

/** Errors of a commit that a later try may get past. Source: K69. */
function mayPass(error: KafkaError): boolean {
  return (
    error === 'NETWORK_EXCEPTION' || error === 'REQUEST_TIMED_OUT' || error === 'STALE_MEMBER_EPOCH' || isStale(error)
  );
}

function strategiesOf(options: OptionValues): readonly string[] {
  const strategies = options['partition.assignment.strategy'];
  return Array.isArray(strategies) ? strategies : ['range', 'cooperative-sticky'];
}
