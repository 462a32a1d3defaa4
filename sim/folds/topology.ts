/**
 * The state of the stage after a fact: who is up, what every consumer holds and at which sub-step, what lies in each queue and partition, who owns
 * what, what the stores saw, which faults last. One object that follows the trace fact by fact (`apply`) and that can be copied cheaply (`fork`), so
 * that keyframes are affordable. It trusts the facts and checks nothing; what is on the network at a time is `transit.ts`.
 */

import { APPLIED, F } from '../../core/facts.ts';
import type { ActorId, FactId, MessageId, Micros, PlaceId } from '../../core/types.ts';
import type { Scenario } from '../scenario/types.ts';
import { RIGHT } from '../skew.ts';
import type { Trace } from '../trace.ts';
import { Hands, type HandsScenario, type InHand } from './hands.ts';
import { Pages } from './pages.ts';
import { QueueState } from './queue-state.ts';

/** What the fold needs to know beside the trace: what it needs for hands, and which lines of the timeline last. */
export type TopologyScenario = HandsScenario & Pick<Scenario, 'timeline'>;

/** `unstarted`: not there yet (an instance that autoscaling adds later). `stopped`: shut down in good order; `down`: crashed. */
export type ActorStatus = 'unstarted' | 'up' | 'down' | 'paused' | 'slow' | 'stopped';

/** A circuit breaker between a consumer and what it calls. */
export interface Breaker {
  readonly state: 'open' | 'half-open';
  /** The store or service that is not called. */
  readonly place: PlaceId;
  /** When it will be tried again; 0 while it is. */
  readonly untilUs: Micros;
  readonly sinceUs: Micros;
}

export interface ActorState {
  readonly id: ActorId;
  status: ActorStatus;
  /** Since when it has that status, and the fact that says so (0 at the start). */
  sinceUs: Micros;
  statusFact: FactId;
  /** When a pause ends; 0 otherwise. */
  untilUs: Micros;
  /** Hundredths of its usual working time; 100 unless slow. */
  pace: number;
  /** Its clock runs so many hundredths as fast as time; 100 unless skewed. */
  clock: number;
  /** Of a broker node: its disk is full. */
  isFull: boolean;
  /** What a consumer holds, in the order received. */
  hand: InHand[];
  /** A producer waits because it may not send. */
  blocked: boolean;
  /** Null while it is closed, or where there is none. */
  breaker: Breaker | null;
  /** Whom it does not call, because they failed their health checks. */
  shunned: readonly ActorId[];
  produced: number;
  confirmed: number;
  retried: number;
  gaveUp: number;
  shed: number;
  received: number;
  settled: number;
  failed: number;
}

export interface Committed {
  readonly group: PlaceId;
  /** Next offset to read. */
  offset: number;
}

/** A partition's log as its leader has it. Offsets run from `logStart` to before `end`. */
export interface PartitionState {
  readonly place: PlaceId;
  logStart: number;
  end: number;
  /** Offsets below it are committed; `end` in clusters that record no watermark. */
  watermark: number;
  /** 0 while there is none. */
  leader: ActorId;
  epoch: number;
  /** Bit i is set when replica number i+1 is in sync. */
  inSync: number;
  /** Per node that holds a replica: its log ends before this offset. */
  replicas: { readonly node: ActorId; end: number }[];
  committed: Committed[];
  /** Offset → message; 0 where there is none (a transaction marker). */
  records: Pages;
  hasWatermark: boolean;
  /** Bytes of the leader's log. */
  bytes: number;
}

export interface GroupState {
  readonly place: PlaceId;
  generation: number;
  members: ActorId[];
  assignment: { readonly partition: PlaceId; readonly consumer: ActorId; readonly generation: number }[];
  rebalancing: boolean;
  sinceUs: Micros;
}

/** Effects on a store (or, under place 0, at the consumers themselves). */
export interface StoreState {
  readonly place: PlaceId;
  /** First effects of a message. */
  applied: number;
  /** Effects that changed the state again. */
  twice: number;
  unchanged: number;
  refused: number;
  /** What producers wrote here for messages of their own. */
  recorded: number;
  /** Rows of its outbox that are not marked as published. */
  outbox: number;
  /** Last value of the first 64 keys; the key is the message's, `''` for none. */
  rows: Map<string, number>;
  lastMessage: MessageId;
  lastUs: Micros;
}

export interface ExchangeState {
  readonly place: PlaceId;
  routed: number;
  unroutable: number;
  lastMessage: MessageId;
}

/** A fault of the timeline that lasts: a split, an interference. What happened to one actor is in its status. */
export interface ActiveFault {
  /** Index in the scenario's timeline. */
  readonly entry: number;
  readonly kind: 'split' | 'fault';
  readonly sinceUs: Micros;
  readonly fact: FactId;
}

export type { InHand };

const ROWS_KEPT = 64;
/** In `detail` of `appended`: what is stored and cannot be handed out yet. */
const DELAYED = 1;
const IN_TXN = 3;

export class Topology {
  /** The last fact applied; 0 before the first. */
  fact: FactId = 0;
  /** Its time. */
  timeUs: Micros = 0;
  /** By actor id. */
  actors: ActorState[] = [];
  /** By place id; holes where a place is of another kind or was not touched yet. */
  readonly queues: (QueueState | undefined)[] = [];
  readonly partitions: (PartitionState | undefined)[] = [];
  readonly groups: (GroupState | undefined)[] = [];
  readonly stores: (StoreState | undefined)[] = [];
  readonly exchanges: (ExchangeState | undefined)[] = [];
  faults: ActiveFault[] = [];
  /** Numbers of the alerts that are raised. */
  alerts: number[] = [];

  readonly #scenario: TopologyScenario;
  readonly #hands: Hands;
  /** By message: [partition, offset] where it was appended last. */
  #offsets: Pages;

  constructor(scenario: TopologyScenario, offsets = new Pages(2)) {
    this.#scenario = scenario;
    this.#hands = new Hands(scenario, (actor) => this.#actor(actor).hand);
    this.#offsets = offsets;
  }

  /** Takes in the next fact. Facts must come in order, without gaps. */
  apply(trace: Trace, id: FactId): void {
    const time = trace.time(id);
    const actorId = trace.actor(id);
    const message = trace.messageOf(id);
    const place = trace.place(id);
    const peer = trace.peer(id);
    this.fact = id;
    this.timeUs = time;
    const actor = this.#actor(actorId);
    const kind = trace.kind(id);
    if (actor.status === 'unstarted') setStatus(actor, 'up', time, id);

    switch (kind) {
      // Hops are a question to the trace; replica fetches and polls make most facts of a log cluster.
      case F.sent:
        return;
      case F.produced:
        actor.produced++;
        return;
      case F.confirmed:
        actor.confirmed++;
        actor.blocked = false;
        return;
      case F.retried:
        actor.retried++;
        return;
      case F['gave-up']:
        actor.gaveUp++;
        actor.blocked = false;
        return;
      case F.shed:
        actor.shed++;
        return;
      case F.blocked:
        actor.blocked = true;
        return;
      case F.routed:
      case F.unroutable:
        this.#route(trace, id, message, place, kind === F.routed);
        return;
      case F.rejected:
        if (message !== 0) this.#refused(trace, place);
        return;
      case F.deduplicated:
        this.#hands.see(trace, id);
        if (trace.actors[actorId]?.kind !== 'consumer') this.#refused(trace, place);
        return;

      // queues and partitions
      case F.appended:
        this.#append(trace, id, actorId, message, place, time);
        return;
      case F['became-visible']:
        this.#queue(trace, place)?.becameVisible(message, time);
        return;
      case F.delivered: {
        const lockMs = trace.value(id);
        const queue = this.#queue(trace, place);
        queue?.servedBy(actorId);
        queue?.deliver(message, peer, trace.detail(id), time, lockMs > 0 ? time + trueUs(actor, lockMs) : 0);
        return;
      }
      case F.extended:
        this.#queue(trace, place)?.extend(message, peer, time + trueUs(actor, trace.value(id)));
        return;
      case F.acked: {
        const queue = this.#queue(trace, place);
        if (queue?.remove(message, peer, trace.detail(id))) queue.settled++;
        return;
      }
      case F['lock-expired']:
      case F.nacked:
        this.#queue(trace, place)?.release(message, peer, trace.detail(id), 0, time);
        return;
      case F.requeued:
        this.#queue(trace, place)?.release(message, peer, 0, trace.value(id), time);
        return;
      case F['dead-lettered']: {
        const source = this.#source(trace, id, message, place);
        if (source?.remove(message, 0, 0)) source.deadLettered++;
        return;
      }
      case F.redriven: {
        const source = this.#source(trace, id, message, place);
        if (source?.remove(message, 0, 0)) source.redriven++;
        return;
      }
      case F.expired: {
        const queue = this.#queue(trace, place);
        if (queue?.remove(message, 0, 0)) queue.expired++;
        return;
      }
      case F.evicted: {
        const queue = this.#queue(trace, place);
        if (queue?.remove(message, 0, 0)) queue.evicted++;
        else this.#compacted(trace, message, place);
        return;
      }
      case F.lost: {
        const queue = this.#queue(trace, place);
        if (queue?.remove(message, 0, 0)) queue.lost++;
        return;
      }

      // the consumer's sub-steps
      case F.received:
        actor.received++;
        this.#hands.see(trace, id);
        return;
      case F.begun:
      case F.held:
      case F.skipped:
        this.#hands.see(trace, id);
        return;
      case F.recorded: {
        const store = this.#store(place);
        store.lastUs = time;
        store.lastMessage = message;
        if (trace.detail(id) > 0) store.outbox++;
        // A row of the outbox alone changes no other row.
        if (trace.detail(id) === 2) return;
        store.recorded++;
        keepRow(store, trace, id);
        return;
      }
      case F.marked: {
        const store = this.#store(place);
        if (store.outbox > 0) store.outbox--;
        return;
      }
      case F['breaker-opened']:
        actor.breaker = { state: 'open', place, untilUs: time + trueUs(actor, trace.value(id)), sinceUs: time };
        return;
      case F['breaker-half-opened']:
        actor.breaker = { state: 'half-open', place, untilUs: 0, sinceUs: time };
        return;
      case F['breaker-closed']:
        actor.breaker = null;
        return;
      case F.unhealthy:
        if (!actor.shunned.includes(peer)) actor.shunned = [...actor.shunned, peer];
        return;
      case F.healthy:
        actor.shunned = actor.shunned.filter((one) => one !== peer);
        return;
      case F.applied:
        this.#store(place).lastUs = time;
        this.#applied(trace, id, message, place);
        this.#hands.see(trace, id);
        return;
      case F.failed:
        actor.failed++;
        this.#hands.see(trace, id);
        return;
      case F.settled:
        actor.settled++;
        this.#hands.see(trace, id);
        return;

      // logs and groups
      case F.replicated: {
        const partition = this.#partition(trace, place);
        if (partition !== undefined) setReplica(partition, actorId, trace.value(id));
        return;
      }
      case F['watermark-moved']: {
        const partition = this.#partition(trace, place);
        if (partition === undefined) return;
        partition.watermark = trace.value(id);
        partition.hasWatermark = true;
        return;
      }
      case F.committed:
      case F.sought: {
        const partition = this.#partition(trace, place);
        if (partition !== undefined) commit(partition, trace.detail(id), trace.value(id));
        if (kind === F.sought) this.#hands.see(trace, id);
        return;
      }
      case F['offset-expired']: {
        const partition = this.#partition(trace, place);
        if (partition !== undefined)
          partition.committed = partition.committed.filter(({ group }) => group !== trace.detail(id));
        return;
      }
      case F.elected: {
        this.#queue(trace, place)?.lead(peer, trace.value(id));
        const partition = this.#partition(trace, place);
        if (partition === undefined) return;
        partition.leader = peer;
        partition.epoch = trace.value(id);
        const replica = partition.replicas.find(({ node }) => node === peer);
        if (replica !== undefined) cutLog(trace, partition, replica.end);
        return;
      }
      case F['leader-lost']: {
        const queue = this.#queue(trace, place);
        queue?.lead(0, trace.value(id));
        const partition = this.#partition(trace, place);
        if (partition !== undefined) partition.leader = 0;
        return;
      }
      case F['isr-changed']: {
        const partition = this.#partition(trace, place);
        if (partition !== undefined) partition.inSync = trace.value(id);
        return;
      }
      case F.truncated: {
        const partition = this.#partition(trace, place);
        if (partition === undefined) return;
        setReplica(partition, actorId, trace.value(id));
        if (partition.leader === actorId) cutLog(trace, partition, trace.value(id));
        return;
      }
      case F['log-start-moved']: {
        const partition = this.#partition(trace, place);
        if (partition === undefined) return;
        const start = trace.value(id);
        for (let offset = partition.logStart; offset < start && offset < partition.end; offset++) {
          partition.bytes -= sizeOf(trace, partition.records.get(offset, 0));
        }
        partition.logStart = start;
        if (partition.end < partition.logStart) partition.end = partition.logStart;
        return;
      }
      case F.joined: {
        const group = this.#group(place);
        if (!group.members.includes(peer)) group.members.push(peer);
        return;
      }
      case F.left: {
        const group = this.#group(place);
        group.members = group.members.filter((member) => member !== peer);
        group.assignment = group.assignment.filter(({ consumer }) => consumer !== peer);
        return;
      }
      case F['rebalance-begun']: {
        const group = this.#group(place);
        group.rebalancing = true;
        group.sinceUs = time;
        return;
      }
      case F.rebalanced: {
        const group = this.#group(place);
        group.rebalancing = false;
        group.generation = trace.value(id);
        group.sinceUs = time;
        return;
      }
      case F.assigned: {
        const group = this.#group(trace.detail(id));
        // Members of a share group have a partition together.
        const shares = this.#scenario.consumers[trace.actors[peer]?.group ?? '']?.options?.['group.type'] === 'share';
        group.assignment = group.assignment.filter(
          ({ partition, consumer }) => partition !== place || (shares && consumer !== peer),
        );
        group.assignment.push({ partition: place, consumer: peer, generation: trace.value(id) });
        return;
      }
      case F.revoked: {
        const group = this.#group(trace.detail(id));
        group.assignment = group.assignment.filter((owned) => owned.partition !== place || owned.consumer !== peer);
        this.#hands.see(trace, id);
        return;
      }

      // actors, network, timeline
      case F.crashed:
        setStatus(actor, 'down', time, id);
        this.#hands.see(trace, id);
        actor.blocked = false;
        actor.breaker = null;
        actor.shunned = [];
        return;
      case F.started:
      case F.restarted:
        // Who was slowed is as slow after a restart.
        setStatus(actor, actor.pace === 100 ? 'up' : 'slow', time, id);
        this.#hands.see(trace, id);
        return;
      case F.stopped:
        setStatus(actor, 'stopped', time, id);
        this.#hands.see(trace, id);
        return;
      case F.paused:
        setStatus(actor, 'paused', time, id);
        actor.untilUs = time + trace.value(id) * 1000;
        return;
      case F.resumed:
        if (actor.status === 'paused') setStatus(actor, actor.pace === 100 ? 'up' : 'slow', time, id);
        return;
      case F.slowed:
        actor.pace = trace.value(id);
        if (actor.status === 'up' || actor.status === 'slow')
          setStatus(actor, actor.pace === 100 ? 'up' : 'slow', time, id);
        return;
      case F.skewed:
        actor.clock = trace.value(id);
        return;
      case F['disk-filled']:
      case F['disk-freed']:
        actor.isFull = kind === F['disk-filled'];
        return;
      case F.unblocked:
        actor.blocked = false;
        return;
      case F['connection-lost']:
      case F['channel-closed']:
        this.#hands.see(trace, id);
        return;
      case F.split:
      case F['fault-begun']:
        if (!this.#lasts(trace.value(id))) return;
        this.faults = this.faults.concat({
          entry: trace.value(id),
          kind: kind === F.split ? 'split' : 'fault',
          sinceUs: time,
          fact: id,
        });
        return;
      case F.healed:
      case F['fault-ended']:
        this.#ended(trace.value(id), kind === F.healed ? 'split' : 'fault');
        return;
      case F['alert-raised']:
        this.alerts = this.alerts.concat(trace.value(id));
        return;
      case F['alert-cleared']:
        this.alerts = this.alerts.filter((alert) => alert !== trace.value(id));
        return;
      default:
        return;
    }
  }

  /** A copy that shares what neither changes. Both may go on. */
  fork(): Topology {
    const copy = new Topology(this.#scenario, this.#offsets.fork());
    copy.fact = this.fact;
    copy.timeUs = this.timeUs;
    copy.actors = this.actors.map((actor) => ({ ...actor, hand: actor.hand.map((held) => ({ ...held })) }));
    this.queues.forEach((queue, place) => {
      copy.queues[place] = queue?.fork();
    });
    this.partitions.forEach((partition, place) => {
      copy.partitions[place] = partition && {
        ...partition,
        replicas: partition.replicas.map((replica) => ({ ...replica })),
        committed: partition.committed.map((committed) => ({ ...committed })),
        records: partition.records.fork(),
      };
    });
    this.groups.forEach((group, place) => {
      copy.groups[place] = group && { ...group, members: group.members.slice(), assignment: group.assignment.slice() };
    });
    this.stores.forEach((store, place) => {
      copy.stores[place] = store && { ...store, rows: new Map(store.rows) };
    });
    this.exchanges.forEach((exchange, place) => {
      copy.exchanges[place] = exchange && { ...exchange };
    });
    copy.faults = this.faults;
    copy.alerts = this.alerts;
    return copy;
  }

  /** Bytes that a fork now would add to those that earlier forks hold, about. */
  get forkBytes(): number {
    let bytes = 4096 + this.#offsets.pages.length * 9 + this.#offsets.madeBytes;
    for (const actor of this.actors) bytes += 160 + actor.hand.length * 96;
    for (const queue of this.queues) if (queue !== undefined) bytes += queue.forkBytes;
    for (const partition of this.partitions) {
      if (partition !== undefined) bytes += 200 + partition.records.pages.length * 9 + partition.records.madeBytes;
    }
    for (const store of this.stores) if (store !== undefined) bytes += 100 + store.rows.size * 48;
    return bytes;
  }

  /** The partitions that a consumer owns, over all groups. */
  owned(consumer: ActorId): PlaceId[] {
    const owned: PlaceId[] = [];
    for (const group of this.groups) {
      for (const one of group?.assignment ?? []) if (one.consumer === consumer) owned.push(one.partition);
    }
    return owned;
  }

  /** Committed records that a group has still to commit in one partition: offsets, so gaps count (Kafka: K73). A group that never committed lags by the whole log. */
  lag(partition: PartitionState, group: PlaceId): number {
    const committed = partition.committed.find((one) => one.group === group);
    const from = Math.max(committed?.offset ?? 0, partition.logStart);
    return Math.max(0, (partition.hasWatermark ? partition.watermark : partition.end) - from);
  }

  /** Where a message lies in a partition's log; null when it was appended elsewhere since, or never. */
  offsetOf(message: MessageId, partition: PlaceId): number | null {
    return this.#offsets.get(message, 0) === partition && partition !== 0 ? this.#offsets.get(message, 1) : null;
  }

  /** The partition where a message was appended last; 0 when it never was. */
  partitionOf(message: MessageId): PlaceId {
    return this.#offsets.get(message, 0);
  }

  /** A record that compaction took out of a log: its offset stays, empty. */
  #compacted(trace: Trace, message: MessageId, place: PlaceId): void {
    const partition = this.#partition(trace, place);
    const offset = this.offsetOf(message, place);
    if (partition === undefined || offset === null || partition.records.get(offset, 0) !== message) return;
    partition.records.set(offset, 0, 0);
    partition.bytes -= sizeOf(trace, message);
  }

  #actor(id: ActorId): ActorState {
    while (this.actors.length <= id) this.actors.push(newActor(this.actors.length));
    return this.actors[id] as ActorState;
  }

  #queue(trace: Trace, place: PlaceId): QueueState | undefined {
    const queue = this.queues[place];
    if (queue !== undefined) return queue;
    if (trace.places[place]?.kind !== 'queue') return undefined;
    while (this.queues.length <= place) this.queues.push(undefined);
    const made = new QueueState(place);
    this.queues[place] = made;
    return made;
  }

  #partition(trace: Trace, place: PlaceId): PartitionState | undefined {
    const partition = this.partitions[place];
    if (partition !== undefined) return partition;
    if (trace.places[place]?.kind !== 'partition') return undefined;
    while (this.partitions.length <= place) this.partitions.push(undefined);
    const made = newPartition(place);
    this.partitions[place] = made;
    return made;
  }

  #group(place: PlaceId): GroupState {
    while (this.groups.length <= place) this.groups.push(undefined);
    let group = this.groups[place];
    if (group === undefined) {
      group = { place, generation: 0, members: [], assignment: [], rebalancing: false, sinceUs: this.timeUs };
      this.groups[place] = group;
    }
    return group;
  }

  #store(place: PlaceId): StoreState {
    while (this.stores.length <= place) this.stores.push(undefined);
    let store = this.stores[place];
    if (store === undefined) {
      const none = { applied: 0, twice: 0, unchanged: 0, refused: 0, recorded: 0, outbox: 0 };
      store = { place, ...none, rows: new Map(), lastMessage: 0, lastUs: 0 };
      this.stores[place] = store;
    }
    return store;
  }

  #exchange(place: PlaceId): ExchangeState {
    while (this.exchanges.length <= place) this.exchanges.push(undefined);
    let exchange = this.exchanges[place];
    if (exchange === undefined) {
      exchange = { place, routed: 0, unroutable: 0, lastMessage: 0 };
      this.exchanges[place] = exchange;
    }
    return exchange;
  }

  #route(trace: Trace, id: FactId, message: MessageId, place: PlaceId, matched: boolean): void {
    // `routed` names the queue, and a topic itself; the exchange is the one that its cause names, where it does.
    const from = trace.places[place]?.kind === 'exchange' ? place : trace.value(id) || exchangeOf(trace, id);
    if (from === 0) return;
    const exchange = this.#exchange(from);
    if (matched) exchange.routed++;
    else exchange.unroutable++;
    exchange.lastMessage = message;
  }

  #refused(trace: Trace, place: PlaceId): void {
    const queue = this.#queue(trace, place);
    if (queue !== undefined) queue.refused++;
  }

  #append(trace: Trace, id: FactId, node: ActorId, message: MessageId, place: PlaceId, time: Micros): void {
    const queue = this.#queue(trace, place);
    if (queue !== undefined) {
      const isDelayed = trace.detail(id) === DELAYED || trace.detail(id) === IN_TXN;
      queue.servedBy(node);
      queue.append(message, sizeOf(trace, message), time, isDelayed, deathsBefore(trace, id, message), trace.value(id));
      return;
    }
    const partition = this.#partition(trace, place);
    if (partition === undefined) return;
    const offset = trace.value(id);
    setReplica(partition, node, offset + 1);
    if (trace.detail(id) === 2) return;
    if (partition.leader === 0 && partition.epoch === 0) partition.leader = node;
    // A leader that was deposed behind a split writes on until it hears of it; the log is what the new one has.
    if (partition.leader !== 0 && partition.leader !== node) return;
    partition.records.set(offset, 0, message);
    partition.end = offset + 1;
    partition.bytes += sizeOf(trace, message);
    if (message === 0) return;
    this.#offsets.set(message, 0, place);
    this.#offsets.set(message, 1, offset);
  }

  /** The queue that a message leaves for `target`: the one that the causes name, else any other that holds it. */
  #source(trace: Trace, id: FactId, message: MessageId, target: PlaceId): QueueState | undefined {
    let cause = trace.cause(id);
    // What a topic could not deliver to a queue was never in it.
    if (cause !== 0 && trace.kind(cause) === F['gave-up']) return undefined;
    for (let steps = 0; cause !== 0 && steps < 8; steps++) {
      const queue = this.queues[trace.place(cause)];
      if (queue !== undefined && queue.place !== target && queue.holds(message)) return queue;
      cause = trace.cause(cause);
    }
    return this.queues.find((queue) => queue !== undefined && queue.place !== target && queue.holds(message));
  }

  #applied(trace: Trace, id: FactId, message: MessageId, place: PlaceId): void {
    const store = this.#store(place);
    const outcome = trace.detail(id);
    if (outcome === APPLIED.first) store.applied++;
    else if (outcome === APPLIED.again) store.twice++;
    else if (outcome === APPLIED.unchanged) store.unchanged++;
    else store.refused++;
    store.lastMessage = message;
    if (place !== 0 && message !== 0) keepRow(store, trace, id);
  }

  /** Whether a line of the timeline is over at once: a crash is, since its outcome shows in the actor's status. */
  #lasts(entry: number): boolean {
    const type = this.#scenario.timeline[entry]?.action.type;
    return ['split', 'interfere', 'burst', 'slow', 'skew', 'fill', 'stop'].includes(type ?? '');
  }

  #ended(entry: number, kind: ActiveFault['kind']): void {
    this.faults = this.faults.filter((fault) => fault.entry !== entry || fault.kind !== kind);
  }
}

/** The stage after fact `id` (0: before the first), folded from the start. */
export function topologyAt(trace: Trace, scenario: TopologyScenario, id: FactId): Topology {
  const topology = new Topology(scenario);
  for (let i = 1; i <= id; i++) topology.apply(trace, i);
  return topology;
}

function newActor(id: ActorId): ActorState {
  return {
    id,
    status: id === 0 ? 'up' : 'unstarted',
    sinceUs: 0,
    statusFact: 0,
    untilUs: 0,
    pace: 100,
    clock: RIGHT,
    isFull: false,
    hand: [],
    blocked: false,
    breaker: null,
    shunned: [],
    produced: 0,
    confirmed: 0,
    retried: 0,
    gaveUp: 0,
    shed: 0,
    received: 0,
    settled: 0,
    failed: 0,
  };
}

/** How long it really takes until an actor's clock has gone so far, at the speed that it has. */
function trueUs({ clock }: ActorState, byItsClockMs: number): Micros {
  return clock === RIGHT ? byItsClockMs * 1000 : Math.ceil((byItsClockMs * 1000 * RIGHT) / clock);
}

function setStatus(actor: ActorState, status: ActorStatus, time: Micros, fact: FactId): void {
  actor.status = status;
  actor.sinceUs = time;
  actor.statusFact = fact;
  actor.untilUs = 0;
}

function newPartition(place: PlaceId): PartitionState {
  return {
    place,
    logStart: 0,
    end: 0,
    watermark: 0,
    leader: 0,
    epoch: 0,
    inSync: 0,
    replicas: [],
    committed: [],
    records: new Pages(1),
    hasWatermark: false,
    bytes: 0,
  };
}

/** The log ends at `end` from now on; what lay beyond it is gone. */
function cutLog(trace: Trace, partition: PartitionState, end: number): void {
  for (let offset = end; offset < partition.end; offset++) {
    partition.bytes -= sizeOf(trace, partition.records.get(offset, 0));
    partition.records.set(offset, 0, 0);
  }
  partition.end = end;
}

function sizeOf(trace: Trace, message: MessageId): number {
  return message > 0 && message <= trace.messageCount ? trace.message(message).sizeBytes : 0;
}

function setReplica(partition: PartitionState, node: ActorId, end: number): void {
  for (const replica of partition.replicas) {
    if (replica.node !== node) continue;
    replica.end = end;
    return;
  }
  partition.replicas.push({ node, end });
}

function commit(partition: PartitionState, group: PlaceId, offset: number): void {
  for (const committed of partition.committed) {
    if (committed.group !== group) continue;
    committed.offset = offset;
    return;
  }
  partition.committed.push({ group, offset });
}

/** How often a message had been delivered before it was dead-lettered, if that is why it is appended here. */
function deathsBefore(trace: Trace, id: FactId, message: MessageId): number {
  let cause = trace.cause(id);
  for (let steps = 0; cause !== 0 && steps < 3 && trace.messageOf(cause) === message; steps++) {
    if (trace.kind(cause) === F['dead-lettered']) return trace.value(cause);
    cause = trace.cause(cause);
  }
  return 0;
}

/** The exchange that a `routed` fact comes from: the nearest one among its causes, else the only one there is. */
function exchangeOf(trace: Trace, id: FactId): PlaceId {
  const message = trace.messageOf(id);
  for (let cause = trace.cause(id); cause !== 0 && trace.messageOf(cause) === message; cause = trace.cause(cause)) {
    const place = trace.place(cause);
    if (trace.places[place]?.kind === 'exchange') return place;
  }
  const exchanges = trace.places.filter(({ kind }) => kind === 'exchange');
  return exchanges.length === 1 ? (exchanges[0]?.id ?? 0) : 0;
}

/** Keeps the value that a fact says of its message's row; of many rows the first ones. */
function keepRow(store: StoreState, trace: Trace, id: FactId): void {
  const key = trace.message(trace.messageOf(id)).key ?? '';
  if (store.rows.size < ROWS_KEPT || store.rows.has(key)) store.rows.set(key, trace.value(id) | 0);
}
