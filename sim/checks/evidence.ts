/**
 * What the checks share: who belongs to which group, what troubled the run, how far each message got with each group. Everything is read from the
 * trace, each table in one pass and only when a check asks for it; the scenario is here for declared policies and settings alone. It
 * judges nothing.
 *
 * A *group* is whoever shares the messages of a queue or of a log: the queue's own place, or the place of a Kafka consumer group. (A consumer
 * of a partition whose group was never recorded counts under its declared name.)
 */
import { F, type FactName, R } from '../../core/facts.ts';
import { HOPS, type HopKind } from '../../core/machine.ts';
import type { ActorId, FactId, MessageId, Micros, PlaceId } from '../../core/types.ts';
import type { ConsumerSpec, Scenario, TimelineAction } from '../scenario/types.ts';
import { Clocks, RIGHT } from '../skew.ts';
import type { Trace } from '../trace.ts';
import { type Arrivals, arrivalsOf } from './arrivals.ts';
import { LogHistory } from './log-history.ts';
import { QueueFates } from './queue-fates.ts';

/** Place number of the group; 65536 and more for groups known by a declared name only. */
export type GroupId = number;
const NAMED_GROUPS = 65536;

/** How far each message got with one group; arrays by message number, holding fact numbers, 0 for never. */
export interface Ledger {
  readonly firstDelivered: Uint32Array;
  readonly secondDelivered: Uint32Array;
  /** The first write, whether it changed the state or not; refused writes do not count. */
  readonly effect: Uint32Array;
  /** The first and second write that changed the state. */
  readonly change: Uint32Array;
  readonly secondChange: Uint32Array;
  /** The last thing known of the message on its way through a consumer: delivered, received, begun, failed, skipped, or a lost hop. */
  readonly step: Uint32Array;
  /** What stored the message that a consumer made of its failure on this one (`produces`, `on: failed`): a dead letter in the way of logs. */
  readonly dead: Uint32Array;
}

/** A client lets what has arrived lie at most so long while a frame before it is missing; then it gives the connection up. */
const LIES_US: Micros = 2_000_000;

/** One more of a small count; beyond 255 it stays there, as nobody tells so many apart. */
export function oneMore(counts: Uint8Array, message: MessageId): void {
  const count = counts[message] as number;
  if (count < 255) counts[message] = count + 1;
}

/** When a hop with a message arrives, and at whom. */
interface Arrival {
  readonly arrivesUs: Micros;
  readonly at: ActorId;
}

export class Evidence {
  readonly trace: Trace;
  readonly scenario: Scenario;
  /** By kind of fact: how many, and the first. */
  readonly counts = new Uint32Array(256);
  readonly firsts = new Uint32Array(256);
  /** By kind of hop: the first one that was lost, the first one that was doubled. */
  readonly lostHops = new Uint32Array(HOPS.length);
  readonly doubledHops = new Uint32Array(HOPS.length);
  /** Crashes of consumers that held a message, and of broker nodes. */
  readonly crashesHolding: FactId[] = [];
  readonly brokerCrashes: FactId[] = [];
  /** The first crash of a producer. */
  producerCrash: FactId = 0;
  /** What the clocks of processes showed that the timeline has skewed. */
  readonly clocks = new Clocks();
  /** The last fault that had not ended when the run did: a process that is down, paused, slow or has a skewed clock or a full disk, an open split, interference that lasts, a burst. */
  openFault: FactId = 0;
  /** The last thing that happened to processes, network or settings from outside: that a fault began or ended, or that the timeline did anything at all. */
  lastFault: FactId = 0;

  /** By actor: with which fact it went down, and was not started again. */
  readonly #down: FactId[] = [];
  /** The last split or lasting interference that had not ended when the run did. */
  #openLink: FactId = 0;
  #readers: Map<GroupId, Set<ActorId>> | null = null;
  #groupOfConsumer: GroupId[] = [];
  #onlyGroup: GroupId[] = [];
  /** By actor: the last fact with which its process ended, and all that it held. */
  #died: FactId[] = [];
  /**
   * By consumer and broker (any of its nodes: one may hand out through another): the last fact with which a connection between them was lost; and by consumer and
   * place: with which that was taken from it. What had come thereby and was not begun is forgotten.
   */
  readonly #cut = new Map<number, FactId>();
  readonly #taken = new Map<number, FactId>();
  /** By actor that stands still when the run ends: since which fact. */
  readonly #paused: FactId[] = [];
  #arrivals: Map<number, Arrival> | null = null;
  #groupNames = new Map<string, GroupId>();
  readonly #shares = new Map<GroupId, boolean>();
  #ledgers: Map<GroupId, Ledger> | null = null;
  #confirmed: Uint32Array | null = null;
  #queues: QueueFates | null = null;
  #logs: LogHistory | null = null;
  #stored: readonly Arrivals[] | null = null;

  constructor(trace: Trace, scenario: Scenario) {
    this.trace = trace;
    this.scenario = scenario;
    this.#survey();
  }

  /** The first crash of a consumer that held a message; 0 for none. */
  get crashHolding(): FactId {
    return this.crashesHolding[0] ?? 0;
  }

  /** The first crash of a broker node; 0 for none. */
  get brokerCrash(): FactId {
    return this.brokerCrashes[0] ?? 0;
  }

  count(name: FactName): number {
    return this.counts[F[name]] ?? 0;
  }

  /** The first fact of any of these kinds; 0 when none happened. */
  first(...names: readonly FactName[]): FactId {
    let first = 0;
    for (const name of names) {
      const id = this.firsts[F[name]] ?? 0;
      if (id > 0 && (first === 0 || id < first)) first = id;
    }
    return first;
  }

  any(...names: readonly FactName[]): boolean {
    return names.some((name) => this.count(name) > 0);
  }

  /** True when a hop of one of these kinds was lost on the network, or found its target down. */
  lost(...hops: readonly HopKind[]): boolean {
    return this.count('unreachable') > 0 || hops.some((hop) => (this.lostHops[HOPS.indexOf(hop)] ?? 0) > 0);
  }

  doubled(...hops: readonly HopKind[]): boolean {
    return hops.some((hop) => (this.doubledHops[HOPS.indexOf(hop)] ?? 0) > 0);
  }

  groupAt(place: PlaceId, consumer: ActorId): GroupId {
    return this.trace.places[place]?.kind === 'partition' ? this.groupOf(consumer) : place;
  }

  /** The consumer group that a reader of partitions belongs to. */
  groupOf(consumer: ActorId): GroupId {
    const known = this.#groupOfConsumer[consumer];
    if (known !== undefined) return known;
    const name = this.trace.actors[consumer]?.group ?? '';
    let id = this.#groupNames.get(name);
    if (id === undefined) {
      id = NAMED_GROUPS + this.#groupNames.size;
      this.#groupNames.set(name, id);
    }
    this.#groupOfConsumer[consumer] = id;
    return id;
  }

  /** Whether any consumer belongs to a share group. */
  get hasShareGroups(): boolean {
    return Object.values(this.scenario.consumers).some(({ options }) => options['group.type'] === 'share');
  }

  /** Whether a group shares its partitions (a share group): records are handed out one by one, and nobody owns a partition. */
  sharesPartitions(group: GroupId): boolean {
    let shares = this.#shares.get(group);
    if (shares === undefined) {
      shares = this.memberOf(group)?.options['group.type'] === 'share';
      this.#shares.set(group, shares);
    }
    return shares;
  }

  /** The first declared consumer that belongs to a group, or bears its name. */
  memberOf(group: GroupId): ConsumerSpec | undefined {
    const name = this.groupName(group);
    return Object.entries(this.scenario.consumers).find(
      ([declared, { group: own }]) => own === name || declared === name,
    )?.[1];
  }

  groupName(group: GroupId): string {
    if (group < NAMED_GROUPS) return this.trace.placeName(group);
    for (const [name, id] of this.#groupNames) if (id === group) return name;
    return `group ${group}`;
  }

  /** The consumer that an `applied` fact is due to, and the group for which it worked. */
  groupOfEffect(id: FactId): GroupId {
    const { trace } = this;
    const consumer = this.workerOf(id);
    const only = this.#onlyGroup[consumer];
    if (only !== undefined && only >= 0) return only;
    const message = trace.messageOf(id);
    let cause = trace.cause(id);
    for (let steps = 0; cause > 0 && steps < 12; steps++) {
      const kind = trace.kind(cause);
      if ((kind === F.begun || kind === F.received) && trace.messageOf(cause) === message)
        return this.groupAt(trace.place(cause), consumer);
      cause = trace.cause(cause);
    }
    return this.groupOf(consumer);
  }

  workerOf(id: FactId): ActorId {
    return this.trace.peer(id) || this.trace.actor(id);
  }

  /** By group. Groups are those whose consumers were handed something or applied something. */
  get ledgers(): ReadonlyMap<GroupId, Ledger> {
    this.#ledgers ??= this.#keepLedgers();
    return this.#ledgers;
  }

  /** By message: the first time its producer was told that it is stored. */
  get confirmed(): Uint32Array {
    if (this.#confirmed === null) {
      const confirmed = this.perMessage();
      const { trace } = this;
      for (let id = this.first('confirmed'); id > 0 && id <= trace.count; id++) {
        if (trace.kind(id) !== F.confirmed) continue;
        const message = trace.messageOf(id);
        if (confirmed[message] === 0) confirmed[message] = id;
      }
      this.#confirmed = confirmed;
    }
    return this.#confirmed;
  }

  get queues(): QueueFates {
    this.#queues ??= new QueueFates(this.trace);
    return this.#queues;
  }

  get logs(): LogHistory {
    this.#logs ??= new LogHistory(this);
    return this.#logs;
  }

  /** What was stored in topics that tell no offsets. */
  get arrivals(): readonly Arrivals[] {
    this.#stored ??= arrivalsOf(this.trace, this.scenario);
    return this.#stored;
  }

  perMessage(): Uint32Array {
    return new Uint32Array(this.trace.messageCount + 1);
  }

  /** A small count for each message, such as of its copies; `oneMore` counts on. */
  perCopy(): Uint8Array {
    return new Uint8Array(this.trace.messageCount + 1);
  }

  /** Whether a process was up when the run ended, and did not stand still. */
  #isUp(actor: ActorId): boolean {
    return (this.#down[actor] ?? 0) === 0 && (this.#paused[actor] ?? 0) === 0;
  }

  /** Whether anybody who reads for this group was up when the run ended: who was seen to, or is declared to read its queue. */
  isLive(group: GroupId): boolean {
    const { trace, scenario } = this;
    this.#readers ??= this.#findReaders();
    for (const reader of this.#readers.get(group) ?? []) if (this.#isUp(reader)) return true;
    const { name = '', parent = '' } = group < NAMED_GROUPS ? (trace.places[group] ?? {}) : {};
    return trace.actors.some(({ id, kind, group: declared }) => {
      if (kind !== 'consumer' || !this.#isUp(id)) return false;
      const { from = [], group: own = '' } = scenario.consumers[declared] ?? {};
      return own === this.groupName(group) || from.includes(name) || from.includes(parent);
    });
  }

  #findReaders(): Map<GroupId, Set<ActorId>> {
    const { trace } = this;
    const readers = new Map<GroupId, Set<ActorId>>();
    for (let id = this.first('delivered'); id > 0 && id <= trace.count; id++) {
      if (trace.kind(id) !== F.delivered || trace.peer(id) === 0) continue;
      const group = this.groupAt(trace.place(id), trace.peer(id));
      const known = readers.get(group);
      if (known === undefined) readers.set(group, new Set([trace.peer(id)]));
      else known.add(trace.peer(id));
    }
    return readers;
  }

  /** Whether enough is whole in the end for work to go on: no link is disturbed, every store is up, and more than half of each broker's nodes. */
  get coreSurvives(): boolean {
    if (this.#openLink > 0) return false;
    const balance = new Map<string, number>();
    for (const { id, kind, group } of this.trace.actors) {
      if (kind === 'store' && !this.#isUp(id)) return false;
      if (kind === 'broker') balance.set(group, (balance.get(group) ?? 0) + (this.#isUp(id) ? 1 : -1));
    }
    return [...balance.values()].every((left) => left > 0);
  }

  /** Whether what follows from a fact should have come by the end of the run: no fault is open, and so much time has passed since it and since the last fault. */
  isOver(id: FactId, graceUs: Micros): boolean {
    const since = Math.max(this.trace.time(id), this.lastFault === 0 ? 0 : this.trace.time(this.lastFault));
    return this.openFault === 0 && since + graceUs < this.trace.endedAtUs;
  }

  /** Whether some consumer of the group may still be at work on the message when the run ends. */
  underWay(ledger: Ledger, message: MessageId): boolean {
    const { trace } = this;
    const step = ledger.step[message] ?? 0;
    if (step === 0) return false;
    switch (trace.kind(step)) {
      case F.delivered:
        // What had not arrived when the connection broke never does, and a node that died in the middle of handing out may never have sent it.
        if ((this.#died[trace.actor(step)] ?? 0) > step) return false;
        return !this.#isForgotten(step, trace.peer(step), trace.actor(step)) && this.#isOnItsWay(step);
      case F.received:
        return !this.#isForgotten(step, trace.actor(step), this.#whoSent(step));
      case F.begun:
        return (this.#died[trace.actor(step)] ?? 0) < step;
      default:
        return false;
    }
  }

  /** Whether a consumer that got something of a node, and has not begun it, has forgotten it since. */
  #isForgotten(step: FactId, consumer: ActorId, node: ActorId): boolean {
    const { trace } = this;
    const last = Math.max(
      this.#died[consumer] ?? 0,
      this.#cut.get(this.#pair(consumer, this.#firstNode(node))) ?? 0,
      this.#taken.get(this.#holding(consumer, trace.place(step))) ?? 0,
    );
    return last > step;
  }

  /** The node from which a message that was received came: the nearest cause that is not the receiver's own. */
  #whoSent(received: FactId): ActorId {
    const { trace } = this;
    const receiver = trace.actor(received);
    let cause = trace.cause(received);
    while (cause > 0 && trace.actor(cause) === receiver) cause = trace.cause(cause);
    return cause > 0 ? trace.actor(cause) : 0;
  }

  /** Of a broker's node the first one of that broker, which stands for it; of anybody else the same. */
  #firstNode(actor: ActorId): ActorId {
    const { actors } = this.trace;
    const known = actors[actor];
    if (known?.kind !== 'broker') return actor;
    return actors.findIndex(({ kind, group }) => kind === 'broker' && group === known.group);
  }

  /** A number for two actors, whichever is named first. */
  #pair(one: ActorId, other: ActorId): number {
    return Math.min(one, other) * this.trace.actors.length + Math.max(one, other);
  }

  /**
   * The failure of the same consumer from which a message was made; 0 when it was made of something else. What a store refused was worked on and has its
   * answer: a message made of that is an event that somebody else acts on, no dead letter.
   */
  #failureBehind(produced: FactId): FactId {
    const { trace } = this;
    const maker = trace.actor(produced);
    if (trace.actors[maker]?.kind !== 'consumer') return 0;
    let cause = trace.cause(produced);
    for (let steps = 0; cause > 0 && trace.actor(cause) === maker && steps < 6; steps++) {
      const kind = trace.kind(cause);
      if (kind === F.failed) return trace.detail(cause) === R['balance too low'] ? 0 : cause;
      if (kind === F.begun) return 0;
      cause = trace.cause(cause);
    }
    return 0;
  }

  /** A number for an actor and a place. */
  #holding(actor: ActorId, place: PlaceId): number {
    return actor * this.trace.places.length + place;
  }

  /** Whether what was handed out may still come: a hop of it has not arrived, or lies before a paused process. What arrived and was not taken never is. */
  #isOnItsWay(delivered: FactId): boolean {
    const { trace } = this;
    this.#arrivals ??= this.#findArrivals();
    // A hop without a fact of its own took no time.
    const { arrivesUs, at } = this.#arrivals.get(this.#handing(delivered)) ??
      this.#arrivals.get(this.#handingOn(trace.messageOf(delivered))) ?? {
        arrivesUs: trace.time(delivered),
        at: trace.peer(delivered),
      };
    const paused = this.#paused[at] ?? 0;
    return arrivesUs + LIES_US >= trace.endedAtUs || (paused > 0 && trace.time(paused) <= arrivesUs);
  }

  /**
   * By message and consumer, for each message of which nothing is known since it was handed out: when the last hop with it arrives, and where; before all time when that
   * was lost. By message alone: the same of the last hop from node to node, for what another node hands on to the consumer.
   */
  #findArrivals(): Map<number, Arrival> {
    const { trace } = this;
    const awaited = new Map<number, FactId>();
    const arrivals = new Map<number, Arrival>();
    let first = trace.count;
    const note = (key: number, id: FactId) => void awaited.set(key, Math.min(id, awaited.get(key) ?? id));
    for (const { step } of this.ledgers.values()) {
      for (const id of step) {
        if (id === 0 || trace.kind(id) !== F.delivered) continue;
        // Handed out from two places: the earlier one.
        note(this.#handing(id), id);
        note(this.#handingOn(trace.messageOf(id)), id);
        if (id < first) first = id;
      }
    }
    const isNode = trace.actors.map(({ kind }) => kind === 'broker');
    for (let id = first + 1; id <= trace.count; id++) {
      if (trace.kind(id) !== F.sent) continue;
      const at = trace.peer(id);
      // Copies for followers go from node to node, too; what is handed out follows from its being handed out, and settled thereby where no ack is wanted.
      const cause = trace.cause(id);
      const because = cause > 0 && isNode[at] === true ? trace.kind(cause) : 0;
      const isBetween = because === F.delivered || because === F.acked;
      const key = isBetween ? this.#handingOn(trace.messageOf(id)) : this.#handing(id);
      const since = awaited.get(key);
      if (since === undefined || id < since) continue;
      const fate = trace.detail(id) >> 3;
      const arrivesUs = fate === 0 || fate === 4 ? trace.time(id) + trace.value(id) : Number.NEGATIVE_INFINITY;
      if (arrivesUs >= (arrivals.get(key)?.arrivesUs ?? Number.NEGATIVE_INFINITY)) arrivals.set(key, { arrivesUs, at });
    }
    return arrivals;
  }

  /** A number for the message as it goes from node to node. */
  #handingOn(message: MessageId): number {
    return message * this.trace.actors.length;
  }

  /** A number for the message and the receiver of a fact. */
  #handing(id: FactId): number {
    return this.trace.messageOf(id) * this.trace.actors.length + this.trace.peer(id);
  }

  /** The first crash or stop of this actor after a fact; 0 when it lived on. */
  crashAfter(actor: ActorId, since: FactId): FactId {
    const { trace } = this;
    if ((this.#died[actor] ?? 0) < since) return 0;
    for (let id = since + 1; id <= trace.count; id++) {
      const kind = trace.kind(id);
      if ((kind === F.crashed || kind === F.stopped) && trace.actor(id) === actor) return id;
    }
    return 0;
  }

  /** "20.412 s". */
  at(id: FactId): string {
    return seconds(this.trace.time(id));
  }

  actorOf(id: FactId): string {
    return this.trace.actorName(this.trace.actor(id));
  }

  peerOf(id: FactId): string {
    return this.trace.actorName(this.trace.peer(id));
  }

  placeOf(id: FactId): string {
    return this.trace.placeName(this.trace.place(id));
  }

  /** One pass: counts, firsts, troubles, and who reads where. */
  #survey(): void {
    const { trace, counts, firsts } = this;
    const actors = trace.actors.length + 1;
    const waiting = new Int32Array(actors);
    const current = new Uint32Array(actors);
    const unfinished = new Uint8Array(actors);
    const settledEarly = new Uint32Array(actors);
    const worked: FactId[] = [];
    const openFaults = new Map<string, FactId>();
    for (let id = 1; id <= trace.count; id++) {
      const kind = trace.kind(id);
      if (counts[kind] === 0) firsts[kind] = id;
      counts[kind] = (counts[kind] as number) + 1;
      if (FAULTS[kind] === 1) this.lastFault = id;
      switch (kind) {
        case F.sent: {
          const detail = trace.detail(id);
          const fate = detail >> 3;
          if (fate === 0) break;
          const hops = fate === 4 ? this.doubledHops : this.lostHops;
          if (hops[detail & 7] === 0) hops[detail & 7] = id;
          break;
        }
        case F.joined:
          this.#groupOfConsumer[trace.peer(id)] = trace.place(id);
          break;
        case F.assigned:
          this.#groupOfConsumer[trace.peer(id)] = trace.detail(id);
          break;
        case F.received: {
          const consumer = trace.actor(id);
          waiting[consumer] = (waiting[consumer] as number) + 1;
          this.#reads(consumer, trace.place(id));
          break;
        }
        case F.begun: {
          const consumer = trace.actor(id);
          if ((waiting[consumer] as number) > 0) waiting[consumer] = (waiting[consumer] as number) - 1;
          const message = trace.messageOf(id);
          current[consumer] = message;
          unfinished[consumer] = settledEarly[consumer] === message ? 1 : 3;
          this.#reads(consumer, trace.place(id));
          break;
        }
        case F.applied: {
          const consumer = this.workerOf(id);
          if (current[consumer] === trace.messageOf(id)) unfinished[consumer] = (unfinished[consumer] as number) & 2;
          worked[consumer] = id;
          break;
        }
        case F.settled: {
          const consumer = trace.actor(id);
          const message = trace.messageOf(id);
          if (current[consumer] === message) unfinished[consumer] = (unfinished[consumer] as number) & 1;
          else settledEarly[consumer] = message;
          break;
        }
        case F.failed:
        case F.skipped:
          unfinished[trace.actor(id)] = (unfinished[trace.actor(id)] as number) & 2;
          break;
        case F.crashed: {
          const actor = trace.actor(id);
          const type = trace.actors[actor]?.kind;
          if (type === 'consumer') {
            // Who dies in the moment of the effect has the message in hand, whatever the broker was told before.
            const dies = worked[actor] !== undefined && trace.time(worked[actor]) === trace.time(id);
            const holds = dies || (waiting[actor] as number) > 0 || (unfinished[actor] as number) > 0;
            if (holds) this.crashesHolding.push(id);
          } else if (type === 'broker') this.brokerCrashes.push(id);
          else if (type === 'producer' && this.producerCrash === 0) this.producerCrash = id;
          waiting[actor] = 0;
          unfinished[actor] = 0;
          this.#died[actor] = id;
          this.#paused[actor] = 0;
          this.#down[actor] = id;
          openFaults.set(`down ${actor}`, id);
          openFaults.delete(`pause ${actor}`);
          break;
        }
        case F.stopped:
          this.#died[trace.actor(id)] = id;
          this.#down[trace.actor(id)] = id;
          this.#paused[trace.actor(id)] = 0;
          openFaults.delete(`pause ${trace.actor(id)}`);
          // Who is one too many is not missed.
          if (trace.kind(trace.cause(id) || id) !== F.scaled) openFaults.set(`down ${trace.actor(id)}`, id);
          break;
        case F.revoked:
          this.#taken.set(this.#holding(trace.peer(id), trace.place(id)), id);
          break;
        case F['connection-lost']:
          this.#cut.set(this.#pair(this.#firstNode(trace.actor(id)), this.#firstNode(trace.peer(id))), id);
          break;
        case F.restarted:
          this.#down[trace.actor(id)] = 0;
          openFaults.delete(`down ${trace.actor(id)}`);
          break;
        case F.paused:
          this.#paused[trace.actor(id)] = id;
          openFaults.set(`pause ${trace.actor(id)}`, id);
          break;
        case F.resumed:
          this.#paused[trace.actor(id)] = 0;
          openFaults.delete(`pause ${trace.actor(id)}`);
          break;
        case F.slowed:
          if (trace.value(id) === USUAL_SPEED) openFaults.delete(`slow ${trace.actor(id)}`);
          else openFaults.set(`slow ${trace.actor(id)}`, id);
          break;
        case F.skewed:
          this.clocks.run(trace.actor(id), trace.time(id), trace.value(id));
          if (trace.value(id) === RIGHT) openFaults.delete(`skew ${trace.actor(id)}`);
          else openFaults.set(`skew ${trace.actor(id)}`, id);
          break;
        case F['disk-filled']:
          openFaults.set(`disk ${trace.actor(id)}`, id);
          break;
        case F['disk-freed']:
          openFaults.delete(`disk ${trace.actor(id)}`);
          break;
        case F.split:
          openFaults.set(`line ${trace.value(id)}`, id);
          break;
        case F['fault-begun']:
          if (lasts(this.scenario.timeline[trace.value(id)]?.action)) openFaults.set(`line ${trace.value(id)}`, id);
          break;
        case F.healed:
        case F['fault-ended']:
          openFaults.delete(`line ${trace.value(id)}`);
          break;
      }
    }
    for (const id of openFaults.values()) {
      this.openFault = Math.max(this.openFault, id);
      const ofLinks =
        trace.kind(id) === F.split || this.scenario.timeline[trace.value(id)]?.action.type === 'interfere';
      if (ofLinks && (trace.kind(id) === F.split || trace.kind(id) === F['fault-begun'])) this.#openLink = id;
    }
  }

  #reads(consumer: ActorId, place: PlaceId): void {
    const group = this.groupAt(place, consumer);
    const only = this.#onlyGroup[consumer];
    if (only === undefined) this.#onlyGroup[consumer] = group;
    else if (only !== group) this.#onlyGroup[consumer] = -1;
  }

  #keepLedgers(): Map<GroupId, Ledger> {
    const { trace } = this;
    const ledgers = new Map<GroupId, Ledger>();
    // By message that was made of a failure: whose failure, and the fact of it.
    const letters = new Map<MessageId, FactId>();
    const writesLetters = Object.values(this.scenario.consumers).some(({ produces }) =>
      produces.some(({ on }) => on === 'failed'),
    );
    const alive = writesLetters ? null : new Uint32Array(0);
    let lastGroup: GroupId = -1;
    let last: Ledger | null = null;
    const ledgerOf = (group: GroupId): Ledger => {
      if (last !== null && group === lastGroup) return last;
      let ledger = ledgers.get(group);
      if (ledger === undefined) {
        ledger = {
          firstDelivered: this.perMessage(),
          secondDelivered: this.perMessage(),
          effect: this.perMessage(),
          change: this.perMessage(),
          secondChange: this.perMessage(),
          step: this.perMessage(),
          dead: alive ?? this.perMessage(),
        };
        ledgers.set(group, ledger);
      }
      lastGroup = group;
      last = ledger;
      return ledger;
    };
    for (let id = 1; id <= trace.count; id++) {
      switch (trace.kind(id)) {
        case F.delivered: {
          const message = trace.messageOf(id);
          const ledger = ledgerOf(this.groupAt(trace.place(id), trace.peer(id)));
          if (ledger.firstDelivered[message] === 0) ledger.firstDelivered[message] = id;
          else if (ledger.secondDelivered[message] === 0) ledger.secondDelivered[message] = id;
          ledger.step[message] = id;
          break;
        }
        case F.received:
        case F.begun:
        case F.failed:
        case F.skipped:
          ledgerOf(this.groupAt(trace.place(id), trace.actor(id))).step[trace.messageOf(id)] = id;
          break;
        case F.produced: {
          const failed = writesLetters ? this.#failureBehind(id) : 0;
          if (failed > 0) letters.set(trace.messageOf(id), failed);
          break;
        }
        case F.appended: {
          const failed = letters.size === 0 ? undefined : letters.get(trace.messageOf(id));
          if (failed === undefined || trace.detail(id) === 2) break;
          const { dead } = ledgerOf(this.groupAt(trace.place(failed), trace.actor(failed)));
          if (dead[trace.messageOf(failed)] === 0) dead[trace.messageOf(failed)] = id;
          break;
        }
        case F.sent: {
          const detail = trace.detail(id);
          const fate = detail >> 3;
          if ((detail & 7) !== DELIVERY || fate === 0 || fate === 4) break;
          const only = this.#onlyGroup[trace.peer(id)];
          if (only !== undefined && only >= 0) ledgerOf(only).step[trace.messageOf(id)] = id;
          break;
        }
        case F.unreachable: {
          const only = this.#onlyGroup[trace.actor(id)];
          if (only !== undefined && only >= 0) ledgerOf(only).step[trace.messageOf(id)] = id;
          break;
        }
        case F.applied: {
          const outcome = trace.detail(id);
          if (outcome > 3) break;
          const message = trace.messageOf(id);
          const ledger = ledgerOf(this.groupOfEffect(id));
          if (ledger.effect[message] === 0) ledger.effect[message] = id;
          if (outcome === 3) break;
          if (ledger.change[message] === 0) ledger.change[message] = id;
          else if (ledger.secondChange[message] === 0) ledger.secondChange[message] = id;
          break;
        }
      }
    }
    return ledgers;
  }
}

const DELIVERY = HOPS.indexOf('delivery');

/** In `value` of `slowed`. */
const USUAL_SPEED = 100;

/** By kind of fact: 1 for what somebody did from outside. */
const FAULTS = new Uint8Array(256);
for (const name of [
  'crashed',
  'restarted',
  'paused',
  'resumed',
  'split',
  'healed',
  'fault-begun',
  'fault-ended',
  'stopped',
  'slowed',
  'skewed',
  'disk-filled',
  'disk-freed',
  'changed',
] as const)
  FAULTS[F[name]] = 1;

/**
 * Whether a line of the timeline goes on after it has begun, beside what it does to processes and links (which have facts of their own). Interference with so many
 * hops is over with them.
 */
function lasts(action: TimelineAction | undefined): boolean {
  if (action?.type === 'interfere') return action.times === 0 || action.forUs !== null;
  return action?.type === 'burst';
}

/** Whether a group (or a place) is meant by a claim's scope: its name, its topic, the declared name of consumers that form it, or a store that they write to. */
export function inScope(evidence: Evidence, group: GroupId, scope: string): boolean {
  if (scope === '' || evidence.groupName(group) === scope) return true;
  const place = group < NAMED_GROUPS ? evidence.trace.places[group] : undefined;
  if (place?.parent === scope) return true;
  return Object.entries(evidence.scenario.consumers).some(
    ([name, { effect, group: own, from }]) =>
      (name === scope || effect.store === scope) &&
      (own === evidence.groupName(group) || from.includes(place?.name ?? '')),
  );
}

/** Whether a delivery or another step of a message is meant by a claim's scope: by its place, or by the group of the consumer that it is about. */
export function isMeant(evidence: Evidence, id: FactId, scope: string): boolean {
  if (scope === '') return true;
  const { trace } = evidence;
  const place = trace.place(id);
  if (inScope(evidence, place, scope)) return true;
  const reader = [trace.peer(id), trace.actor(id)].find((actor) => trace.actors[actor]?.kind === 'consumer');
  return reader !== undefined && inScope(evidence, evidence.groupAt(place, reader), scope);
}

/** Whether what is stored somewhere is meant by a claim's scope: by its place or topic, or by whoever reads that. */
export function isKeptFor(evidence: Evidence, place: PlaceId, scope: string): boolean {
  if (inScope(evidence, place, scope)) return true;
  const { name = '', parent = '' } = evidence.trace.places[place] ?? {};
  return Object.entries(evidence.scenario.consumers).some(
    ([declared, { effect, group, from }]) =>
      [declared, effect.store, group].includes(scope) && (from.includes(parent) || from.includes(name)),
  );
}

/** Micros as "20.412 s". */
export function seconds(time: Micros): string {
  return `${(time / 1_000_000).toFixed(3)} s`;
}

/** "1 message", "3 messages". */
export function many(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** Facts in order, each once, 0 left out. */
export function witness(...ids: readonly FactId[]): readonly FactId[] {
  return [...new Set(ids)].filter((id) => id > 0).sort((a, b) => a - b);
}
