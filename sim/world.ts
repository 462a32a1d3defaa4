/**
 * The running system: Scenario and seed in, Trace out. The world owns time, processes and the network; it calls the machines and carries out what
 * they say. It knows no broker's rules. A run is a pure function of (scenario, decider): nothing here asks a clock, an engine's chance or
 * the order of promises.
 */
import { BROKERS } from '../core/brokers/index.ts';
import type { Cluster } from '../core/brokers/kind.ts';
import { Consumer, newOutside, type Outside } from '../core/clients/consumer.ts';
import { Producer } from '../core/clients/producer.ts';
import { Store } from '../core/clients/store.ts';
import { F, R } from '../core/facts.ts';
import type { Draft, HopKind, Machine, Setup, Wire } from '../core/machine.ts';
import type {
  Actor,
  ActorId,
  AlarmId,
  FactId,
  Message,
  MessageId,
  Micros,
  Place,
  PlaceId,
  TimerId,
} from '../core/types.ts';
import { type Decider, hashText, mix, seedDecider } from './choice.ts';
import { Agenda, EVENT } from './clock.ts';
import type { Ending } from './ending.ts';
import { FATE, hopIndexOf, Network } from './network.ts';
import { ACTOR, type Process, Processes, type ProcessHost, type ProcessWire } from './processes.ts';
import { Rules } from './rules.ts';
import { elsewhere, isDeadLetter } from './scenario/places.ts';
import type { Scenario } from './scenario/types.ts';
import { type Cast, type LineWire, Timeline } from './timeline.ts';
import { Trace } from './trace.ts';
import { type Carrier, Voice } from './voice.ts';
import { Watch } from './watch.ts';

export interface WorldOptions {
  /** Overrides the scenario's seed. */
  readonly seed?: string;
  /** Ends the run earlier than the scenario's duration. */
  readonly untilUs?: Micros;
  /** Answers instead of the seed; a tape, for example. */
  readonly decider?: Decider;
}

type WorldWire = LineWire | ProcessWire | { readonly type: 'world/rules' };

/** So many events that move no time and leave no fact: they go round in a circle. */
const STANDSTILL = 1_000_000;
/** A broken stream connection is noticed by both ends after this long (retransmission gives up). */
const STREAM_BREAKS_US = 1_000_000;

export class World implements Carrier, ProcessHost, Cast {
  readonly trace = new Trace();
  readonly scenario: Scenario;
  /** Set when the run is over. */
  ending: Ending | null = null;
  /** Events since the last look for a standstill, and what that look saw. */
  #handled = 0;
  #seen = { facts: -1, atUs: -1 };
  readonly #until: Micros;
  readonly #decider: Decider;
  readonly #agenda = new Agenda();
  readonly #network: Network;
  readonly #processes: Processes;
  readonly #byName = new Map<string, ActorId[]>();
  readonly #places = new Map<string, PlaceId>();
  readonly clusters = new Map<string, Cluster>();
  readonly #streams = new Set<ActorId>();
  /** When the connection between two addresses breaks that has lost something. */
  readonly #breaking = new Map<string, Micros>();
  readonly #outsides = new Map<string, Outside>();
  readonly #sequences: number[] = [];
  readonly #nameHashes: number[] = [];
  readonly #voice: Voice;
  readonly #watch: Watch;
  readonly #timeline: Timeline;
  readonly #rules: Rules | null;

  constructor(scenario: Scenario, options: WorldOptions = {}) {
    this.scenario = scenario;
    this.#until = Math.min(scenario.durationUs, options.untilUs ?? scenario.durationUs);
    this.#decider = options.decider ?? seedDecider(options.seed ?? scenario.seed);
    this.#network = new Network(scenario.network, this.trace.actors, this.#decider);
    this.#watch = new Watch(this.trace, scenario.timeline, (name) => this.named(name));
    this.#voice = new Voice(this.trace, this.#agenda, this.#decider, this.#watch, this);
    this.#processes = new Processes(this.#agenda, this.#network, this.#voice, this.#watch, this);
    this.#timeline = new Timeline(
      scenario,
      this,
      this.#agenda,
      this.#network,
      this.#processes,
      this.#voice,
      this.#watch,
    );
    this.#processes.add(this.trace.actors[0] as Actor, IDLE);
    this.#build();
    this.#rules =
      scenario.alerts.length + scenario.autoscale.length > 0
        ? new Rules(scenario, this.trace, this.#watch, this.setup)
        : null;
    this.#schedule();
  }

  /** Where virtual time stands. */
  get now(): Micros {
    return this.#agenda.now;
  }

  /** Where the run will end at the latest. */
  get untilUs(): Micros {
    return this.#until;
  }

  /** An actor's machine: what is folded from the facts can be held to what the machine itself has. */
  machine(actor: ActorId): Machine | undefined {
    return this.#processes.all[actor]?.machine;
  }

  named(name: string): readonly ActorId[] {
    return this.#byName.get(name) ?? NOBODY;
  }

  /** Handles up to `events` events. True while there is more to do. */
  step(events: number): boolean {
    const { messages, facts } = this.scenario.limits;
    for (let i = 0; i < events; i++) {
      if (this.ending !== null) return false;
      if (this.trace.count > facts) this.#end('fact limit');
      else if (this.trace.messageCount > messages) this.#end('message limit');
      else if (!this.#agenda.next(this.#until)) {
        this.#agenda.now = this.#until;
        this.#end('duration');
      } else {
        this.#handle();
        if (++this.#handled === STANDSTILL) this.#lookForStandstill();
      }
    }
    this.trace.endedAtUs = this.#agenda.now;
    return this.ending === null;
  }

  /** So many events later: has anything come of them? */
  #lookForStandstill(): void {
    const { count } = this.trace;
    const { now } = this.#agenda;
    if (count === this.#seen.facts && now === this.#seen.atUs) this.#end('standstill');
    this.#seen = { facts: count, atUs: now };
    this.#handled = 0;
  }

  /** What machines use while the world is being built or grows. */
  readonly setup: Setup = {
    actor: (name, kind, machine, group = name) => this.#addActor(name, kind, machine, group),
    place: (name, kind, parent = name) => this.#addPlace(name, kind, parent),
    site: (name) => this.#decider.site(name),
    nodesOf: (broker) => this.clusters.get(broker)?.nodes ?? [],
  };

  #end(ending: Ending): void {
    this.ending = ending;
    this.trace.endedAtUs = this.#agenda.now;
  }

  // ── Building ────────────────────────────────────────────────────────────────────────────────────────────────────

  #build(): void {
    const { scenario, setup } = this;
    const declaredOn = (things: Scenario['queues'], broker: string) =>
      Object.entries(things)
        .filter(([, thing]) => thing.broker === broker)
        .map(([name, thing]) => ({ name, options: thing.options, bindings: thing.bindings }));

    for (const [name, store] of Object.entries(scenario.stores)) {
      setup.actor(name, 'store', new Store(name, store, setup));
    }
    for (const [name, broker] of Object.entries(scenario.brokers)) {
      const kind = BROKERS[broker.kind];
      if (kind === undefined) throw new Error(`invariant: the parser let broker kind ${broker.kind} pass`);
      const cluster = kind.build(
        {
          name,
          options: broker.options,
          queues: declaredOn(scenario.queues, name),
          topics: declaredOn(scenario.topics, name),
          exchanges: declaredOn(scenario.exchanges, name),
          elsewhere: elsewhere(scenario, name),
        },
        setup,
      );
      this.clusters.set(name, cluster);
      if (cluster.streams) for (const node of cluster.nodes) this.#streams.add(node);
    }
    for (const [declared, spec] of Object.entries(scenario.consumers)) {
      for (let instance = 1; instance <= spec.count; instance++) this.addConsumer(declared, instance);
    }
    for (const [declared, spec] of Object.entries(scenario.producers)) {
      const cluster = this.#cluster(spec.broker);
      for (let instance = 1; instance <= spec.count; instance++) {
        const name = spec.count === 1 ? declared : `${declared}-${instance}`;
        const producer = new Producer(name, spec, setup, this.#storeOf(spec.effect.store), declared);
        setup.actor(name, 'producer', producer, declared);
        producer.port = cluster.producerPort(
          { name, declared, instance, options: spec.options, to: spec.to },
          producer,
          setup,
        );
      }
    }
  }

  addConsumer(declared: string, instance: number): ActorId {
    const spec = this.scenario.consumers[declared];
    if (spec === undefined) throw new Error(`invariant: no consumer ${declared}`);
    const numbered = `${declared}-${instance}`;
    const isNamed = spec.count === 1 && instance === 1 && !this.#isAutoscaled(declared);
    const name = isNamed ? declared : numbered;
    const known = this.#byName.get(numbered)?.[0];
    if (known !== undefined) return known;
    let outside = this.#outsides.get(declared);
    if (outside === undefined) {
      outside = newOutside();
      this.#outsides.set(declared, outside);
    }
    const consumer = new Consumer(declared, spec, this.#storeOf(spec.effect.store), outside, this.setup);
    const id = this.setup.actor(name, 'consumer', consumer, declared);
    if (isNamed) {
      // A line of the timeline may mean it alone when there are more of them later.
      this.#byName.set(numbered, [id]);
      this.#network.alias(id, numbered);
    }
    (this.#processes.all[id] as Process).more = spec.produces.length;
    spec.produces.forEach(({ broker, options, to }, i) => {
      const outlet = consumer.outlets[i];
      if (outlet === undefined) throw new Error(`invariant: ${declared} has no outlet ${i}`);
      outlet.nodes = this.#cluster(broker).nodes;
      consumer.nodes = this.#cluster(spec.broker).nodes;
      outlet.port = this.#cluster(broker).producerPort({ name, declared, instance, options, to }, outlet, this.setup);
    });
    consumer.port = this.#cluster(spec.broker).consumerPort(
      {
        name,
        declared,
        instance,
        options: spec.options,
        from: spec.from,
        group: spec.group,
        settle: spec.settle,
        prefetch: spec.prefetch,
      },
      consumer,
      this.setup,
    );
    return id;
  }

  /** The actor of a store; 0 for no store. */
  #storeOf(name: string): ActorId {
    return name === '' ? 0 : (this.#byName.get(name)?.[0] ?? 0);
  }

  /**
   * Instances of something that grows by itself are numbered from the first on. A line of the timeline must not change the name of the first: the run would be another
   * one from its very start, not from that line on.
   */
  #isAutoscaled(declared: string): boolean {
    return this.scenario.autoscale.some((rule) => rule.consumer === declared);
  }

  #cluster(broker: string): Cluster {
    const cluster = this.clusters.get(broker);
    if (cluster === undefined) throw new Error(`invariant: the parser let broker ${broker} pass`);
    return cluster;
  }

  #addActor(name: string, kind: Actor['kind'], machine: Machine, group: string): ActorId {
    const actor: Actor = { id: this.#processes.all.length, name, kind, group };
    this.trace.addActor(actor);
    this.#processes.add(actor, machine);
    this.#sequences.push(0);
    for (const key of name === group ? [name] : [name, group]) {
      const ids = this.#byName.get(key);
      if (ids === undefined) this.#byName.set(key, [actor.id]);
      else ids.push(actor.id);
    }
    return actor.id;
  }

  #addPlace(name: string, kind: Parameters<Setup['place']>[1], parent: string): PlaceId {
    const key = `${NAMED_APART.has(kind) ? kind : 'place'}:${name}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const deadLetter = isDeadLetter(this.scenario, name);
    const id = this.trace.places.length;
    this.trace.addPlace({ id, name, kind, parent, deadLetter });
    this.#places.set(key, id);
    return id;
  }

  #schedule(): void {
    for (const process of this.#processes.all) if (process.actor.kind !== 'world') this.#processes.start(process);
    this.scenario.timeline.forEach(({ when }, index) => {
      if (when.type === 'at') this.#at(when.atUs, { type: 'world/begin', index });
    });
    if (this.#rules !== null) this.#at(this.#rules.everyUs, { type: 'world/rules' });
  }

  #at(time: Micros, wire: WorldWire, cause: FactId = 0): void {
    this.#agenda.schedule(Math.max(time, this.#agenda.now), EVENT.world, 0, 0, 0, cause, wire);
  }

  // ── Handling one event ──────────────────────────────────────────────────────────────────────────────────────────

  #handle(): void {
    const { taken } = this.#agenda;
    if (taken.kind === EVENT.world) {
      this.#voice.begin(0, taken.cause);
      this.#worldEvent(taken.wire as WorldWire, taken.cause);
      this.finish(null);
      return;
    }
    const process = this.#processes.all[taken.actor & ACTOR] as Process;
    if (process.incarnation !== taken.incarnation || !process.up) {
      if (taken.kind === EVENT.hop) this.#missed(process, taken.from, taken.cause);
      return;
    }
    if (process.paused) return this.#agenda.postpone(process.resumesAtUs);
    const voice = this.#voice;
    const { kind, from, wire } = taken;
    voice.begin(taken.actor & ACTOR, taken.cause);
    voice.connection = taken.actor & ~ACTOR;
    if (kind === EVENT.hop) process.machine.receive(from, wire, voice);
    else process.machine.timer(wire, voice);
    this.finish(process);
  }

  /** A hop came to a process that is down or is no longer the one that it was sent to. */
  #missed(process: Process, from: ActorId, cause: FactId): void {
    const message = cause > 0 && this.trace.kind(cause) === F.sent ? this.trace.messageOf(cause) : 0;
    const reason = process.up ? R['link closed'] : R['target down'];
    this.#watch.record(this.#agenda.now, F.unreachable, process.actor.id, 0, 0, cause, reason, message, from);
    this.finish(null);
  }

  /** After a call: what it asked for about its own process, then the timeline lines that its facts set off. */
  finish(process: Process | null): void {
    const voice = this.#voice;
    if (process !== null && voice.crashAsked) {
      const { restartUs, crashReason } = voice;
      this.#processes.crash(process, restartUs, voice.cause, false, crashReason);
    }
    const { fired } = this.#watch;
    while (fired.length > 0) {
      const { index, cause } = fired.shift() as { index: number; cause: FactId };
      voice.begin(0, cause);
      this.#timeline.begin(index, cause);
    }
  }

  // ── What machines say ───────────────────────────────────────────────────────────────────────────────────────────

  /** Carries out `Out.send`. */
  dispatch(
    from: ActorId,
    to: ActorId,
    hop: HopKind,
    wire: Wire,
    messages: MessageId | readonly MessageId[],
    cause: FactId,
  ): void {
    const target = this.#processes.all[to & ACTOR];
    if (target === undefined)
      throw new Error(`invariant: ${this.trace.actorName(from)} sends ${wire.type} to no actor ${to}`);
    const many = typeof messages !== 'number' && messages.length > 1;
    if (!many && this.#network.isIdeal(from & ACTOR, to & ACTOR, this.#agenda.now)) {
      this.#agenda.scheduleNow(EVENT.hop, to, from, target.incarnation, cause, wire);
      return;
    }
    const { trace } = this;
    const now = this.#agenda.now;
    const hopIndex = hopIndexOf(hop);
    const first = typeof messages === 'number' ? messages : (messages[0] ?? 0);
    const judgement = this.#network.judgement;
    this.#network.judge(from & ACTOR, to & ACTOR, hopIndex, messages, wire, now);
    const { fate, latencyUs } = judgement;
    if (fate === FATE.passed && latencyUs === 0 && !many) {
      this.#agenda.schedule(now, EVENT.hop, to, from, target.incarnation, cause, wire);
      return;
    }
    const detail = hopIndex + 8 * fate;
    // The trace keeps the actors of the two addresses.
    const latency = latencyUs < 4294967295 ? latencyUs : 4294967295;
    const voice = this.#voice;
    const sent = trace.append(now, F.sent, from, first, 0, to, latency, detail, cause);
    voice.hopsLeaveFacts = true;
    if (many) {
      for (let i = 1; i < messages.length; i++) {
        trace.append(
          now,
          F.sent,
          from,
          messages[i] as number,
          0,
          to,
          latency,
          detail,
          voice.causeOf(messages[i] as number),
        );
      }
    }
    if (this.#watch.awaits(F.sent)) for (let id = sent; id <= trace.count; id++) this.#watch.look(F.sent, id, voice);
    if (fate === FATE.passed || fate === FATE.duplicated) {
      this.#agenda.schedule(now + latencyUs, EVENT.hop, to, from, target.incarnation, sent, wire);
      // A store is spoken to over one connection, which hands on each write once, whatever the network copies.
      if (fate === FATE.duplicated && hop !== 'effect' && hop !== 'effect-reply') {
        this.#agenda.schedule(now + judgement.copyLatencyUs, EVENT.hop, to, from, target.incarnation, sent, wire);
      }
    } else if (fate !== FATE.split && (this.#streams.has(from & ACTOR) || this.#streams.has(to & ACTOR))) {
      this.#breakStream(from, to, sent);
    }
  }

  /** A stream cannot skip a lost frame: the connection breaks, and both ends notice. It breaks once, however much is lost on it until then. */
  #breakStream(from: number, to: number, cause: FactId): void {
    const pair = from < to ? `${from} ${to}` : `${to} ${from}`;
    const { now } = this.#agenda;
    if ((this.#breaking.get(pair) ?? 0) > now) return;
    this.#breaking.set(pair, now + STREAM_BREAKS_US);
    this.#at(now + STREAM_BREAKS_US, { type: 'world/peer-lost', actor: from, peer: to }, cause);
    this.#at(now + STREAM_BREAKS_US, { type: 'world/peer-lost', actor: to, peer: from }, cause);
  }

  setTimer(self: ActorId, delayUs: Micros, wire: Wire, cause: FactId): TimerId {
    const process = this.#processes.all[self & ACTOR] as Process;
    const delay = delayUs > 0 ? Math.floor(delayUs) : 0;
    const time = this.#after(self & ACTOR, delay);
    return this.#agenda.schedule(time, EVENT.timer, self, 0, process.incarnation, cause, wire);
  }

  /** Carries out `Out.work`. */
  setWork(self: ActorId, delayUs: Micros, wire: Wire, cause: FactId): TimerId {
    const process = this.#processes.all[self & ACTOR] as Process;
    const time = this.#agenda.now + (delayUs > 0 ? Math.floor(delayUs) : 0);
    return this.#agenda.schedule(time, EVENT.work, self, 0, process.incarnation, cause, wire);
  }

  /** The true time at which so much has passed by an actor's clock. */
  #after(actor: ActorId, delayUs: Micros): Micros {
    const { now } = this.#agenda;
    const { clocks } = this.#voice;
    return clocks === null ? now + delayUs : clocks.when(actor, clocks.read(actor, now) + delayUs);
  }

  /** Carries out `Out.alarm`. */
  setAlarm(self: ActorId, alarm: AlarmId, delayUs: Micros, wire: Wire, cause: FactId): AlarmId {
    const process = this.#processes.all[self & ACTOR] as Process;
    const number = alarm === 0 ? this.#agenda.newAlarm(self, wire) : alarm - 1;
    this.#agenda.setAlarm(number, this.#after(self & ACTOR, delayUs), process.incarnation, cause);
    return number + 1;
  }

  /** Numbers a draft and records `produced`. */
  newMessage(producer: ActorId, draft: Draft, voice: Voice, because?: FactId): Message {
    const sequence = ((this.#sequences[producer] ?? 0) + 1) | 0;
    this.#sequences[producer] = sequence;
    const hash = this.#nameHashes[producer] ?? hashText(this.trace.actorName(producer));
    this.#nameHashes[producer] = hash;
    const message: Message = {
      // A process that has died in this very step makes nothing more.
      id: voice.silent ? 0 : this.trace.messageCount + 1,
      producer,
      sequence,
      key: draft.key,
      routingKey: draft.routingKey,
      attributes: draft.attributes,
      amount: draft.amount,
      sizeBytes: draft.sizeBytes,
      poison: draft.poison,
      producedAtUs: this.#agenda.now,
      // Signed, because engines keep integers of 31 bits and a sign without a box.
      decisionKey: mix(hash, sequence) | 0,
    };
    if (voice.silent) return message;
    this.trace.addMessage(message);
    voice.fact(F.produced, message.id, 0, 0, draft.sizeBytes, draft.poison ? 1 : 0, because);
    return message;
  }

  // ── The timeline ────────────────────────────────────────────────────────────────────────────────────────────────

  #worldEvent(wire: WorldWire, cause: FactId): void {
    switch (wire.type) {
      case 'world/begin':
        return this.#timeline.begin(wire.index, cause);
      case 'world/end':
        return this.#timeline.end(wire.index, cause);
      case 'world/restart':
      case 'world/resume':
      case 'world/peer-lost':
        return this.#processes.event(wire, cause);
      case 'world/rules':
        return this.#applyRules();
      default:
        return wire satisfies never;
    }
  }

  #applyRules(): void {
    const rules = this.#rules;
    if (rules === null) return;
    const instances = (declared: string): number => this.#timeline.instances(declared);
    for (const { consumer, count } of rules.evaluate(this.#agenda.now, instances))
      this.#timeline.scale(consumer, count, 0);
    this.#at(this.#agenda.now + rules.everyUs, { type: 'world/rules' });
  }
}

const NOBODY: readonly ActorId[] = [];

/** Kinds of places whose names may be those of queues or topics too. */
const NAMED_APART: ReadonlySet<Place['kind']> = new Set(['group', 'store', 'service', 'alert']);

const IDLE: Machine = {
  start() {},
  receive() {},
  timer() {},
  crash() {},
  restart() {},
};

export interface Run {
  readonly scenario: Scenario;
  readonly trace: Trace;
  readonly ending: Ending;
}

/** Runs a scenario to its end in one go. For long runs with progress use `World.step`. */
export function run(scenario: Scenario, options: WorldOptions = {}): Run {
  const world = new World(scenario, options);
  while (world.step(1_000_000));
  return { scenario, trace: world.trace, ending: world.ending ?? 'duration' };
}
