/**
 * The numbers of a run: gauges of this moment (depth, lag, in flight) come from the stage, everything that adds up (deliveries, latencies, busy time,
 * downtime) is counted here. Fed fact by fact, inside a run for alerts and scaling, or afterwards for expectations and charts; both see the same.
 * Rates without a span of their own are per second of virtual time since the start.
 */
import { APPLIED, F } from '../../core/facts.ts';
import type { ActorId, FactId, MessageId, Micros, PlaceId } from '../../core/types.ts';
import type { Scenario } from '../scenario/types.ts';
import type { Trace } from '../trace.ts';
import { Histogram } from './histogram.ts';
import { Ledger, type LedgerTotals } from './ledger.ts';
import { Pages } from './pages.ts';
import { Topology, type TopologyScenario } from './topology.ts';

/** What metrics need to know of a scenario. */
export type MetricsScenario = TopologyScenario & Pick<Scenario, 'consumers'>;

/** What was counted at one queue, partition or endpoint since the start. */
export class PlaceMetrics {
  readonly place: PlaceId;
  appended = 0;
  delivered = 0;
  redelivered = 0;
  /** Acked, or processed and marked as done where a log keeps it. */
  settled = 0;
  requeued = 0;
  /** Messages that came here because they were dead-lettered. */
  deadLettered = 0;
  expired = 0;
  evicted = 0;
  lost = 0;
  rejected = 0;
  elections = 0;
  /** The most that lay here at any moment: ready, delayed and in flight; records of a log. */
  maxDepth = 0;
  /** The most that were delivered and not settled at any moment. */
  maxInFlight = 0;
  maxBytes = 0;
  /** The most records by which the slowest replica was ever behind. */
  maxReplicationLag = 0;
  /** From `produced` to the first effect, of what was delivered from here. */
  readonly latency = new Histogram();
  /** From being stored to the beginning of the first work on it. */
  readonly waiting = new Histogram();

  constructor(place: PlaceId) {
    this.place = place;
  }
}

/** What was counted at one actor since the start. */
export interface ActorMetrics {
  readonly actor: ActorId;
  /** µs of work, all messages that it works on at a time added up, until `workedUntilUs`. */
  workedUs: Micros;
  workedUntilUs: Micros;
  /** Messages being worked on. */
  working: number;
  /** When it first came up; −1 before. */
  startedUs: Micros;
  /** µs that it was down or stopped, until it last came back. */
  downUs: Micros;
  /** Since when it is down; −1 when it is not. */
  downSinceUs: Micros;
  failed: number;
  settled: number;
}

/** Records that a group has still to commit, over all partitions that it reads. */
export interface GroupLag {
  readonly group: PlaceId;
  now: number;
  max: number;
}

export class Metrics {
  readonly topology: Topology;
  readonly ledger = new Ledger();
  /** By place id. Place 0 holds what concerns no place or all of them. */
  readonly places: PlaceMetrics[] = [];
  readonly actors: ActorMetrics[] = [];
  readonly latency = new Histogram();
  readonly waiting = new Histogram();
  /** By place id of the group; holes where a place is no group, or has nothing to read. */
  readonly groups: (GroupLag | undefined)[] = [];
  /** Latencies since whoever draws a chart cleared it. */
  readonly freshLatency = new Histogram();
  redelivered = 0;
  retried = 0;
  gaveUp = 0;
  rejected = 0;
  expired = 0;
  failed = 0;
  settled = 0;
  delivered = 0;
  begun = 0;
  /** Virtual time up to which this speaks; at least the time of the last fact. */
  nowUs: Micros = 0;

  readonly #scenario: MetricsScenario;
  /** By place: when a message was stored or became visible there. */
  readonly #storedAt: Pages[] = [];
  /** By partition: who reads it, and how far behind each was at the last fact about it. */
  readonly #readers: ({ readonly group: GroupLag; lag: number }[] | undefined)[] = [];
  /** By attribute that somebody watches: the latest message that had an effect per reader and value, and how often an earlier one came later. */
  readonly #orders = new Map<string, { readonly latest: Map<string, MessageId>; count: number }>();
  /** By store and row: its last value. */
  readonly #rows = new Map<PlaceId, Map<string, number>>();
  #watchesRows = false;

  constructor(scenario: MetricsScenario) {
    this.#scenario = scenario;
    this.topology = new Topology(scenario);
  }

  /** Begins to count effects out of order per value of an attribute (`key` for the message's key). Before the first fact. */
  watchOrder(attribute: string): void {
    if (!this.#orders.has(attribute)) this.#orders.set(attribute, { latest: new Map(), count: 0 });
  }

  /** Begins to remember the value of every row. Before the first fact. */
  watchRows(): void {
    this.#watchesRows = true;
  }

  outOfOrder(attribute: string): number {
    return this.#orders.get(attribute)?.count ?? 0;
  }

  /** The last value written to a row; 0 when nothing was. */
  row(store: PlaceId, key: string): number {
    return this.#rows.get(store)?.get(key) ?? 0;
  }

  /** Takes in the next fact. */
  see(trace: Trace, id: FactId): void {
    const kind = trace.kind(id);
    const { topology } = this;
    if (kind === F.sent) {
      topology.apply(trace, id);
      this.ledger.see(trace, id);
      if (topology.timeUs > this.nowUs) this.nowUs = topology.timeUs;
      return;
    }
    const time = trace.time(id);
    if (time > this.nowUs) this.nowUs = time;
    const actorId = trace.actor(id);
    const message = trace.messageOf(id);
    const place = trace.place(id);
    switch (kind) {
      case F.appended:
        if (trace.detail(id) === 2) break;
        this.place(place).appended++;
        this.#stored(place).set(message, 0, time);
        break;
      case F['became-visible']:
        this.#stored(place).set(message, 0, time);
        break;
      case F.delivered: {
        const at = this.place(place);
        at.delivered++;
        this.delivered++;
        if (trace.detail(id) > 1) {
          at.redelivered++;
          this.redelivered++;
        }
        break;
      }
      case F.begun: {
        const worker = this.actor(actorId);
        this.#work(worker, time, 1);
        this.begun++;
        if (trace.detail(id) > 1) break;
        // Where nothing is stored, as in a direct call, it waits from the moment when it is made.
        const stored = this.#stored(place).get(message, 0);
        const waited = time - (stored > 0 || message === 0 ? stored : trace.message(message).producedAtUs);
        this.waiting.add(waited);
        this.place(place).waiting.add(waited);
        break;
      }
      case F.applied:
        this.#applied(trace, id, time, message, place, trace.peer(id) === 0 ? actorId : trace.peer(id));
        break;
      case F.failed:
        this.failed++;
        this.actor(actorId).failed++;
        this.#stopWork(actorId, message, time);
        break;
      case F.skipped:
        this.#stopWork(actorId, message, time);
        break;
      case F.deduplicated:
        // By the consumer itself, or by the store that it writes to.
        this.#stopWork(trace.actors[actorId]?.kind === 'store' ? trace.peer(id) : actorId, message, time);
        break;
      case F.acked:
        // A share group's records stay in their log: what counts there is that the consumer settled them.
        if (trace.places[place]?.kind === 'partition') break;
        this.place(place).settled++;
        this.settled++;
        break;
      case F.settled:
        this.actor(actorId).settled++;
        if (trace.value(id) !== 0 || trace.places[place]?.kind === 'queue') break;
        this.place(place).settled++;
        this.settled++;
        break;
      case F.requeued:
        this.place(place).requeued++;
        break;
      case F['dead-lettered']:
        this.place(place).deadLettered++;
        break;
      case F.expired:
        this.place(place).expired++;
        this.expired++;
        break;
      case F.evicted:
        // What a share group archives stays in its log: it is no place's loss.
        this.place(trace.places[place]?.kind === 'group' ? 0 : place).evicted++;
        break;
      case F.lost:
        this.place(place).lost++;
        break;
      case F.rejected:
        // Of messages only.
        if (message === 0) break;
        this.place(place).rejected++;
        this.rejected++;
        break;
      case F.retried:
        this.retried++;
        break;
      case F['gave-up']:
        this.gaveUp++;
        break;
      case F.elected:
        // The first leader of a partition is appointed, not elected, whenever that partition is made.
        if (trace.value(id) > 0 && ((topology.partitions[place]?.epoch ?? 0) > 0 || time > 0))
          this.place(place).elections++;
        break;
      case F.crashed:
      case F.stopped: {
        const actor = this.actor(actorId);
        this.#work(actor, time, -actor.working);
        if (actor.downSinceUs < 0) actor.downSinceUs = time;
        break;
      }
      case F.started:
      case F.restarted: {
        const actor = this.actor(actorId);
        if (actor.startedUs < 0) actor.startedUs = time;
        if (actor.downSinceUs >= 0) actor.downUs += time - actor.downSinceUs;
        actor.downSinceUs = -1;
        break;
      }
      default:
    }
    topology.apply(trace, id);
    this.ledger.see(trace, id);
    if (PEAKS.has(kind)) this.#peaks(trace, place);
  }

  /** Takes in all facts that the trace has and this has not. */
  catchUp(trace: Trace): void {
    for (let id = this.topology.fact + 1; id <= trace.count; id++) this.see(trace, id);
  }

  place(id: PlaceId): PlaceMetrics {
    while (this.places.length <= id) this.places.push(new PlaceMetrics(this.places.length));
    return this.places[id] as PlaceMetrics;
  }

  actor(id: ActorId): ActorMetrics {
    while (this.actors.length <= id) this.actors.push(newActorMetrics(this.actors.length));
    return this.actors[id] as ActorMetrics;
  }

  /** Share of the time since it first came up that a consumer spent at work, 0 … 1; with a concurrency of n, n messages at a time are all its work. */
  utilisation(trace: Trace, id: ActorId): number {
    const actor = this.actor(id);
    const upUs = this.nowUs - Math.max(0, actor.startedUs);
    if (upUs <= 0) return 0;
    return Math.min(1, this.workedUs(id) / (upUs * this.concurrency(trace, id)));
  }

  /** Messages that a consumer works on at a time at most. */
  concurrency(trace: Trace, id: ActorId): number {
    return this.#scenario.consumers[trace.actors[id]?.group ?? '']?.concurrency ?? 1;
  }

  /** µs since an actor first came up; 0 before. */
  startedForUs(id: ActorId): Micros {
    const { startedUs } = this.actor(id);
    return startedUs < 0 ? 0 : this.nowUs - startedUs;
  }

  /** µs of work until now. */
  workedUs(id: ActorId): Micros {
    const actor = this.actor(id);
    return actor.workedUs + actor.working * (this.nowUs - actor.workedUntilUs);
  }

  /** µs that an actor was down until now. */
  downtimeUs(id: ActorId): Micros {
    const actor = this.actor(id);
    return actor.downUs + (actor.downSinceUs < 0 ? 0 : this.nowUs - actor.downSinceUs);
  }

  /** How long the message at the head of a queue has been there; 0 when nothing is ready. */
  ageOfOldestUs(place: PlaceId): Micros {
    const head = this.topology.queues[place]?.entries('ready', 1)[0];
    return head === undefined ? 0 : this.nowUs - this.#stored(place).get(head.message, 0);
  }

  /** Records by which the slowest replica, in sync or not, is behind the leader. */
  replicationLag(place: PlaceId): number {
    const partition = this.topology.partitions[place];
    if (partition === undefined) return 0;
    let lag = 0;
    for (const replica of partition.replicas) lag = Math.max(lag, partition.end - replica.end);
    return lag;
  }

  /** Messages stored in a queue: ready, delayed and in flight; records of a partition. */
  depth(place: PlaceId): number {
    const partition = this.topology.partitions[place];
    return partition === undefined ? (this.topology.queues[place]?.depth ?? 0) : partition.end - partition.logStart;
  }

  /** Bytes stored in a queue or partition. */
  bytes(place: PlaceId): number {
    return this.topology.queues[place]?.bytes ?? this.topology.partitions[place]?.bytes ?? 0;
  }

  /** The spans of several places together. */
  merged(places: readonly PlaceId[], what: 'latency' | 'waiting'): Histogram {
    const all = new Histogram();
    for (const place of places) all.addAll(this.place(place)[what]);
    return all;
  }

  totals(trace: Trace): LedgerTotals {
    return this.ledger.totals(trace, this.topology);
  }

  #peaks(trace: Trace, id: PlaceId): void {
    if (id === 0) return;
    const place = this.place(id);
    const queue = this.topology.queues[id];
    place.maxDepth = Math.max(place.maxDepth, this.depth(id));
    place.maxBytes = Math.max(place.maxBytes, this.bytes(id));
    if (queue !== undefined) place.maxInFlight = Math.max(place.maxInFlight, queue.locked);
    const partition = this.topology.partitions[id];
    if (partition === undefined) return;
    place.maxReplicationLag = Math.max(place.maxReplicationLag, this.replicationLag(id));
    for (const reader of this.#readersOf(trace, id)) {
      const { group } = reader;
      const lag = this.topology.lag(partition, group.group);
      group.now += lag - reader.lag;
      reader.lag = lag;
      if (group.now > group.max) group.max = group.now;
    }
  }

  /** Consumer groups that read a partition, those that never committed too. */
  #readersOf(trace: Trace, partition: PlaceId): { readonly group: GroupLag; lag: number }[] {
    const known = this.#readers[partition];
    if (known !== undefined) return known;
    const topic = trace.places[partition]?.parent ?? '';
    const names = new Set<string>();
    for (const { from, group } of Object.values(this.#scenario.consumers)) if (from.includes(topic)) names.add(group);
    const readers: { readonly group: GroupLag; lag: number }[] = [];
    for (const { id, kind, name } of trace.places) {
      if (kind !== 'group' || !names.has(name)) continue;
      const group = this.groups[id] ?? { group: id, now: 0, max: 0 };
      this.groups[id] = group;
      readers.push({ group, lag: 0 });
    }
    this.#readers[partition] = readers;
    return readers;
  }

  #applied(trace: Trace, id: FactId, time: Micros, message: MessageId, store: PlaceId, consumer: ActorId): void {
    const from = this.#stopWork(consumer, message, time);
    const outcome = trace.detail(id);
    if (message === 0) return;
    const made = trace.message(message);
    if (outcome === APPLIED.first) {
      const took = time - made.producedAtUs;
      this.latency.add(took);
      this.freshLatency.add(took);
      this.place(from).latency.add(took);
      // Each group reads a log in its own time, and each queue is worked off in its own.
      const isShared = from > 0 && trace.places[from]?.kind !== 'partition';
      const reader = isShared ? from : (trace.actors[consumer]?.group ?? '');
      for (const [attribute, order] of this.#orders) {
        const value = attribute === 'key' ? made.key : made.attributes[attribute];
        if (value === null || value === undefined) continue;
        const name = `${reader} ${value}`;
        const latest = order.latest.get(name) ?? 0;
        if (message < latest) order.count++;
        else order.latest.set(name, message);
      }
    }
    if (!this.#watchesRows || store === 0) return;
    let rows = this.#rows.get(store);
    if (rows === undefined) {
      rows = new Map();
      this.#rows.set(store, rows);
    }
    rows.set(made.key ?? '', trace.value(id) | 0);
  }

  /** The work on a message is over; returns where the message came from, 0 when nobody was at work on it. */
  #stopWork(consumer: ActorId, message: MessageId, time: Micros): PlaceId {
    const hand = this.topology.actors[consumer]?.hand ?? [];
    for (const held of hand) {
      if (held.message !== message || held.step === 'received') continue;
      if (held.step === 'begun') this.#work(this.actor(consumer), time, -1);
      return held.place;
    }
    return 0;
  }

  #work(actor: ActorMetrics, time: Micros, change: number): void {
    actor.workedUs += actor.working * (time - actor.workedUntilUs);
    actor.workedUntilUs = time;
    actor.working = Math.max(0, actor.working + change);
  }

  #stored(place: PlaceId): Pages {
    while (this.#storedAt.length <= place) this.#storedAt.push(new Pages(1));
    return this.#storedAt[place] as Pages;
  }
}

/** Facts with which something grows that has a maximum, or a lag changes. */
const PEAKS: ReadonlySet<number> = new Set([
  F.appended,
  F.delivered,
  F['watermark-moved'],
  F.committed,
  F.sought,
  F['offset-expired'],
  F.elected,
  F.truncated,
  F['log-start-moved'],
]);

/** Metrics at the end of a trace, in one pass. */
export function measure(trace: Trace, scenario: MetricsScenario): Metrics {
  const metrics = new Metrics(scenario);
  metrics.catchUp(trace);
  metrics.nowUs = Math.max(metrics.nowUs, trace.endedAtUs);
  return metrics;
}

function newActorMetrics(actor: ActorId): ActorMetrics {
  return {
    actor,
    workedUs: 0,
    workedUntilUs: 0,
    working: 0,
    startedUs: -1,
    downUs: 0,
    downSinceUs: -1,
    failed: 0,
    settled: 0,
  };
}
