/**
 * The Kafka share consumer (KIP-932): a member of a share group that fetches records of its partitions, which others fetch from too, hands them to the
 * application poll by poll, and acknowledges each of them. What the application says of a record goes along with the next poll, as the real client
 * has it; only who settles before processing, or on delivery, asks at once and waits for the answer. Source: K100-K107.
 * Simplification: a record that is settled as `leave` is not spoken of; its lock ends by itself (the real client in explicit mode refuses the next poll).
 */
import type { KafkaCluster, PartitionIndex } from '../brokers/kafka-cluster.ts';
import type {
  KafkaRecord,
  ShareAcknowledgeAnswer,
  ShareAcknowledgeRequest,
  ShareAcks,
  ShareFetchAnswer,
  ShareFetchRequest,
  ShareSettings,
} from '../brokers/kafka-wires.ts';
import { F, R } from '../facts.ts';
import type { Out, Setup, Wire } from '../machine.ts';
import { numberOf, textOf } from '../options.ts';
import type { AcknowledgeType } from '../parts/share-partition.ts';
import type { ActorId, Delivery, Message, Micros, PlaceId, Settlement } from '../types.ts';
import { isStale, KafkaLink } from './kafka-link.ts';
import { KafkaMembership } from './kafka-membership.ts';
import type { ConsumerHost, ConsumerPort, ConsumerPortSpec } from './ports.ts';

/** Where a delivery came from. */
interface Handle {
  readonly partition: PartitionIndex;
  readonly offset: number;
}

interface Routes {
  leaders: readonly ActorId[];
  assigned: readonly PartitionIndex[];
  readonly byNode: Map<ActorId, PartitionIndex[]>;
}

type State = 'away' | 'member' | 'failed' | 'closed';

const POLL: Wire = { type: 'kafka-share/poll' };
const NO_PARTITIONS: readonly PartitionIndex[] = [];
const NEVER = Number.MAX_SAFE_INTEGER;

/** What each settlement says of a record in explicit mode. Source: K103. */
const TYPES: Readonly<Record<Settlement, AcknowledgeType | undefined>> = {
  ack: 'ACCEPT',
  requeue: 'RELEASE',
  reject: 'REJECT',
  leave: undefined,
};

export class KafkaSharePort implements ConsumerPort {
  readonly #spec: ConsumerPortSpec;
  readonly #host: ConsumerHost;
  readonly #cluster: KafkaCluster;
  readonly #link: KafkaLink;
  readonly #group: PlaceId;
  readonly #membership: KafkaMembership;
  readonly #explicit: boolean;
  readonly #settings: ShareSettings;
  /** `max.poll.records`, `fetch.max.wait.ms`, `retry.backoff.ms`, `max.poll.interval.ms`. */
  readonly #maxRecords: number;
  readonly #maxWaitUs: Micros;
  readonly #backoffUs: Micros;
  readonly #maxPollUs: Micros;
  #state: State = 'away';
  #assigned: readonly PartitionIndex[] = [];
  /** Received and not yet handed to the application. */
  #buffered: Delivery[] = [];
  /** What goes along with the next poll, by partition. */
  readonly #acks = new Map<PartitionIndex, { readonly offset: number; readonly type: AcknowledgeType }[]>();
  readonly #routes: Routes = { leaders: [], assigned: [], byNode: new Map() };
  /** Nodes with an unanswered fetch: one at a time each. */
  readonly #fetching = new Set<ActorId>();
  #busy = false;
  #lastPollUs: Micros = 0;
  #pollAtUs: Micros = NEVER;
  /** Goes up whenever memory is lost, so that answers to older requests are ignored. */
  #life = 0;

  constructor(spec: ConsumerPortSpec, host: ConsumerHost, cluster: KafkaCluster, setup: Setup) {
    this.#spec = spec;
    this.#host = host;
    this.#cluster = cluster;
    this.#group = setup.place(spec.group, 'group');
    cluster.groupPlaces.set(spec.group, this.#group);
    const { options } = spec;
    this.#explicit = textOf(options, 'share.acknowledgement.mode', 'implicit') === 'explicit';
    this.#settings = {
      reset: textOf(options, 'share.auto.offset.reset', 'latest'),
      isolation: textOf(options, 'share.isolation.level') === 'read_committed' ? 'read_committed' : 'read_uncommitted',
      lockUs: numberOf(options, 'share.record.lock.duration.ms'),
    };
    this.#maxRecords = numberOf(options, 'max.poll.records', 500);
    this.#maxWaitUs = numberOf(options, 'fetch.max.wait.ms', 500_000);
    this.#backoffUs = numberOf(options, 'retry.backoff.ms', 100_000);
    this.#maxPollUs = numberOf(options, 'max.poll.interval.ms', 300_000_000);
    this.#link = new KafkaLink(
      cluster,
      {
        requestTimeoutUs: numberOf(options, 'request.timeout.ms', 30_000_000),
        retryBackoffUs: this.#backoffUs,
        metadataMaxAgeUs: numberOf(options, 'metadata.max.age.ms', 300_000_000),
        bootstrap: spec.instance - 1,
      },
      (out) => this.#poll(out),
    );
    this.#membership = new KafkaMembership(
      {
        kind: 'share',
        group: spec.group,
        name: spec.name,
        instanceId: undefined,
        topics: spec.from,
        rebalanceTimeoutUs: this.#maxPollUs,
        assignor: undefined,
        retryBackoffUs: this.#backoffUs,
      },
      this.#link,
      {
        owned: () => this.#assigned.map((index) => cluster.partition(index).name),
        assigned: (names, out) => this.#assign(names, out),
        lost: (out) => this.#lost(out),
        refused: (out) => this.#refused(out),
        stalled: (out) => this.#stalled(out),
      },
    );
  }

  start(out: Out): void {
    this.#lastPollUs = out.now;
    this.#link.start(out);
  }

  crash(): void {
    this.#link.crash();
    this.#membership.crash();
    this.#life++;
    this.#state = 'away';
    this.#assigned = [];
    this.#buffered = [];
    this.#acks.clear();
    this.#fetching.clear();
    this.#busy = false;
    this.#pollAtUs = NEVER;
  }

  /** close(): says what it is done with, releases the rest, and leaves. Source: K103. */
  stop(out: Out): void {
    const nodes = new Set(this.#assigned.map((index) => this.#link.leaderOf(index)));
    for (const node of nodes) if (node !== 0) this.#tell(node, this.#takeAcks(node), true, out);
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
    if (this.#link.timer(wire, out) || this.#membership.timer(wire, out) || wire.type !== POLL.type) return;
    this.#pollAtUs = NEVER;
    this.#poll(out);
  }

  /** The application has finished a poll's records when it has all its room again. */
  room(messages: number, out: Out): void {
    if (messages < this.#spec.prefetch) return;
    this.#busy = false;
    this.#poll(out);
  }

  /** RENEW: the lock lasts for its whole time again, whatever was asked for. Only in explicit mode. Source: K103. */
  extend(delivery: Delivery, _forUs: Micros, out: Out): void {
    if (this.#explicit) this.#acknowledge([delivery], 'RENEW', out, () => undefined);
  }

  settle(delivery: Delivery, how: Settlement, out: Out): void {
    if (this.#spec.settle === 'before-processing')
      return this.#acknowledge([delivery], 'ACCEPT', out, (ok, later) => this.#host.settled(delivery, ok, later));
    const type = this.#explicit ? TYPES[how] : 'ACCEPT';
    const { partition, offset } = delivery.handle as Handle;
    if (type !== undefined) {
      const pending = this.#acks.get(partition);
      if (pending === undefined) this.#acks.set(partition, [{ offset, type }]);
      else pending.push({ offset, type });
    }
    this.#host.settled(delivery, true, out);
  }

  // ── Polling ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #pollLater(out: Out): void {
    if (out.now + this.#backoffUs >= this.#pollAtUs) return;
    this.#pollAtUs = out.now + this.#backoffUs;
    out.timer(this.#backoffUs, POLL, 0);
  }

  #poll(out: Out): void {
    if (this.#busy || !this.#link.knowsLeaders || this.#state === 'failed' || this.#state === 'closed') return;
    this.#lastPollUs = out.now;
    if (this.#state === 'away') {
      this.#state = 'member';
      return this.#membership.join(out);
    }
    this.#fetch(out);
    this.#handOver(out);
  }

  /** Sends what is to be said to the nodes, and asks those for more that have nothing under way. */
  #fetch(out: Out): void {
    const routes = this.#routes;
    if (routes.leaders !== this.#link.leaders || routes.assigned !== this.#assigned) this.#route();
    for (const [node, partitions] of routes.byNode) this.#fetchFrom(node, partitions, out);
    if (this.#acks.size === 0) return;
    // What is left is to be said of partitions that are somebody else's by now.
    const others = new Set<ActorId>();
    for (const index of this.#acks.keys()) others.add(this.#link.leaderOf(index));
    for (const node of others) if (!routes.byNode.has(node)) this.#fetchFrom(node, NO_PARTITIONS, out);
  }

  #fetchFrom(node: ActorId, partitions: readonly PartitionIndex[], out: Out): void {
    if (node === 0) return this.#link.refresh(out);
    // With records at hand nothing more is locked.
    if (this.#fetching.has(node) || this.#buffered.length > 0 || partitions.length === 0) {
      const acks = this.#takeAcks(node);
      if (acks.length > 0) this.#tell(node, acks, false, out);
    } else this.#ask(node, partitions, out);
  }

  /** Which partitions are fetched from whom, as long as neither the assignment nor the leaders change. */
  #route(): void {
    const routes = this.#routes;
    routes.leaders = this.#link.leaders;
    routes.assigned = this.#assigned;
    routes.byNode.clear();
    for (const index of this.#assigned) {
      const node = this.#link.leaderOf(index);
      const mine = routes.byNode.get(node);
      if (mine === undefined) routes.byNode.set(node, [index]);
      else mine.push(index);
    }
  }

  #ask(node: ActorId, partitions: readonly PartitionIndex[], out: Out): void {
    const request: ShareFetchRequest = {
      type: 'kafka/ShareFetch',
      id: this.#link.nextId(),
      group: this.#spec.group,
      memberId: this.#membership.memberId,
      acks: this.#takeAcks(node),
      partitions,
      maxRecords: this.#maxRecords,
      maxWaitUs: this.#maxWaitUs,
      settings: this.#settings,
    };
    const life = this.#life;
    this.#fetching.add(node);
    this.#link.ask(node, request.acks.length > 0 ? 'ack' : 'control', request, 0, out, (answer, later) => {
      if (life !== this.#life) return;
      this.#fetching.delete(node);
      this.#fetched(answer as ShareFetchAnswer | undefined, later);
    });
  }

  #fetched(answer: ShareFetchAnswer | undefined, out: Out): void {
    let troubled = answer === undefined;
    for (const { partition, error, records, deliveryCounts } of answer?.partitions ?? []) {
      if (error !== 'NONE') troubled = true;
      const { place } = this.#cluster.partition(partition);
      for (let i = 0; i < records.length; i++) {
        const { offset, value } = records[i] as KafkaRecord;
        const handle: Handle = { partition, offset };
        this.#buffered.push({ message: value as Message, place, attempt: deliveryCounts[i] ?? 1, handle });
      }
    }
    if (this.#state === 'closed') return;
    if (!troubled) return this.#poll(out);
    this.#link.refresh(out);
    this.#handOver(out);
    this.#pollLater(out);
  }

  /** Gives the application what is buffered, at most `max.poll.records`. */
  #handOver(out: Out): void {
    if (this.#busy || this.#buffered.length === 0) return;
    const deliveries = this.#buffered.splice(0, this.#maxRecords);
    this.#busy = true;
    if (this.#spec.settle !== 'on-delivery') return this.#host.deliver(deliveries, out);
    // Only what is surely accepted is handed over: a crash may lose it then, but nobody gets it twice.
    this.#acknowledge(deliveries, 'ACCEPT', out, (ok, later, accepted) => {
      if (accepted.length > 0) this.#host.deliver(accepted, later);
      if (ok || accepted.length > 0) return;
      this.#busy = false;
      this.#pollLater(later);
    });
  }

  // ── Acknowledging ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** What waits to be said to a node, in ranges. */
  #takeAcks(node: ActorId): ShareAcks[] {
    const taken: ShareAcks[] = [];
    if (this.#acks.size === 0) return taken;
    for (const [partition, acks] of this.#acks) {
      if (this.#link.leaderOf(partition) !== node) continue;
      this.#acks.delete(partition);
      taken.push({ partition, ranges: rangesOf(acks) });
    }
    return taken;
  }

  #tell(node: ActorId, acks: readonly ShareAcks[], closes: boolean, out: Out): void {
    this.#link.ask(node, 'ack', this.#request(acks, closes), 0, out, () => undefined);
  }

  #request(acks: readonly ShareAcks[], closes: boolean): ShareAcknowledgeRequest {
    const memberId = this.#membership.memberId;
    return {
      type: 'kafka/ShareAcknowledge',
      id: this.#link.nextId(),
      group: this.#spec.group,
      memberId,
      acks,
      closes,
    };
  }

  /** Says it at once. `done` hears once whether all of it was taken, and which deliveries were. */
  #acknowledge(
    deliveries: readonly Delivery[],
    type: AcknowledgeType,
    out: Out,
    done: (ok: boolean, out: Out, accepted: readonly Delivery[]) => void,
  ): void {
    const byNode = new Map<ActorId, Delivery[]>();
    for (const delivery of deliveries) {
      const node = this.#link.leaderOf((delivery.handle as Handle).partition);
      const mine = byNode.get(node);
      if (mine === undefined) byNode.set(node, [delivery]);
      else mine.push(delivery);
    }
    let open = byNode.size;
    const accepted: Delivery[] = [];
    const life = this.#life;
    for (const [node, mine] of byNode) {
      const finish = (answer: ShareAcknowledgeAnswer | undefined, later: Out): void => {
        if (life !== this.#life) return;
        const taken = new Set<PartitionIndex>();
        for (const { partition, error } of answer?.results ?? []) {
          if (error === 'NONE') taken.add(partition);
          else if (isStale(error)) this.#link.refresh(later);
        }
        for (const delivery of mine) if (taken.has((delivery.handle as Handle).partition)) accepted.push(delivery);
        open--;
        if (open === 0) done(accepted.length === deliveries.length, later, accepted);
      };
      const acks = new Map<PartitionIndex, { offset: number; type: AcknowledgeType }[]>();
      for (const { handle } of mine) {
        const { partition, offset } = handle as Handle;
        const list = acks.get(partition);
        if (list === undefined) acks.set(partition, [{ offset, type }]);
        else list.push({ offset, type });
      }
      const said = [...acks].map(([partition, list]): ShareAcks => ({ partition, ranges: rangesOf(list) }));
      if (node === 0) finish(undefined, out);
      else
        this.#link.ask(node, 'ack', this.#request(said, false), 0, out, (answer, later) =>
          finish(answer as ShareAcknowledgeAnswer | undefined, later),
        );
    }
  }

  // ── Membership ────────────────────────────────────────────────────────────────────────────────────────────────────

  #assign(names: readonly string[], out: Out): void {
    const assigned: PartitionIndex[] = [];
    for (const name of names) {
      const index = this.#cluster.indexOf(name);
      if (index !== undefined) assigned.push(index);
    }
    for (const index of this.#assigned) {
      if (assigned.includes(index)) continue;
      const { place } = this.#cluster.partition(index);
      out.fact(F.revoked, 0, place, out.self, this.#membership.generation, this.#group);
    }
    this.#assigned = assigned;
    this.#poll(out);
  }

  #lost(out: Out): void {
    this.#assign([], out);
    if (this.#state !== 'member') return;
    this.#state = 'away';
    this.#poll(out);
  }

  #refused(out: Out): void {
    this.#state = 'failed';
    out.fact(F.cancelled, 0, this.#group, out.self, 0, R['refused by the broker']);
  }

  /** The application did not come back in time: the member leaves, and what it holds comes back when its locks end. Source: K52, K103. */
  #stalled(out: Out): boolean {
    if (!this.#busy || out.now - this.#lastPollUs <= this.#maxPollUs) return false;
    this.#membership.leave('poll interval exceeded', out);
    this.#lost(out);
    return true;
  }
}

/** Neighbouring offsets of one type go together. */
function rangesOf(acks: readonly { readonly offset: number; readonly type: AcknowledgeType }[]): ShareAcks['ranges'] {
  const first = acks[0];
  if (first !== undefined && acks.length === 1) return [{ from: first.offset, to: first.offset, type: first.type }];
  const ranges: { from: number; to: number; type: AcknowledgeType }[] = [];
  for (const { offset, type } of [...acks].sort((a, b) => a.offset - b.offset)) {
    const last = ranges[ranges.length - 1];
    if (last !== undefined && last.type === type && last.to === offset - 1) last.to = offset;
    else ranges.push({ from: offset, to: offset, type });
  }
  return ranges;
}
