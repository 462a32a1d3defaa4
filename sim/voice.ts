/**
 * How machines speak: the `Out` that they are handed. It writes their facts into the trace, finds the cause of what they say, and has the world carry out the
 * rest.
 */
import { F, type FactKind, R } from '../core/facts.ts';
import type { Draft, HopKind, Out, Wire } from '../core/machine.ts';
import type { ActorId, AlarmId, FactId, Message, MessageId, Micros, PlaceId, TimerId } from '../core/types.ts';
import type { Decider, DecisionSite } from './choice.ts';
import type { Agenda } from './clock.ts';
import type { Clocks } from './skew.ts';
import type { Trace } from './trace.ts';
import type { Watch } from './watch.ts';

/** Who carries out what is said: the world. Addresses are an actor and one of its connections. */
export interface Carrier {
  dispatch(
    from: ActorId,
    to: ActorId,
    hop: HopKind,
    wire: Wire,
    messages: MessageId | readonly MessageId[],
    cause: FactId,
  ): void;
  setTimer(self: ActorId, delayUs: Micros, wire: Wire, cause: FactId): TimerId;
  setAlarm(self: ActorId, alarm: AlarmId, delayUs: Micros, wire: Wire, cause: FactId): AlarmId;
  setWork(self: ActorId, delayUs: Micros, wire: Wire, cause: FactId): TimerId;
  newMessage(producer: ActorId, draft: Draft, voice: Voice, because?: FactId): Message;
}

/** One object, set up anew for each call. */
export class Voice implements Out {
  self: ActorId = 0;
  cause: FactId = 0;
  connection = 0;
  /** Set when the process dies in the middle of a call: nothing said afterwards happens. */
  silent = false;
  /** Set while a machine handles its own crash, and when it died at a step: it may record what becomes of things, but no longer send or set timers. */
  mute = false;
  crashAsked = false;
  restartUs: Micros | null = null;
  crashReason = 0;
  /** Whether there is a `sent` fact in the trace; on an ideal network there is none, and causes need no look at the trace. */
  hopsLeaveFacts = false;
  /** Clocks that are not right, or were not; null while there are none. */
  clocks: Clocks | null = null;
  #lastFact: FactId = 0;
  #lastMessage: MessageId = 0;
  /** How far the clock of the one that speaks is ahead of the true time; below 0 when it is behind. */
  #aheadUs: Micros = 0;
  readonly #trace: Trace;
  readonly #agenda: Agenda;
  readonly #decider: Decider;
  readonly #watch: Watch;
  readonly #world: Carrier;

  constructor(trace: Trace, agenda: Agenda, decider: Decider, watch: Watch, world: Carrier) {
    this.#trace = trace;
    this.#agenda = agenda;
    this.#decider = decider;
    this.#watch = watch;
    this.#world = world;
  }

  begin(self: ActorId, cause: FactId): void {
    this.self = self;
    this.cause = cause;
    this.connection = 0;
    this.silent = false;
    this.mute = false;
    this.crashAsked = false;
    this.#lastFact = 0;
    this.#lastMessage = 0;
    if (this.clocks !== null) this.#aheadUs = this.clocks.read(self, this.#agenda.now) - this.#agenda.now;
  }

  get now(): Micros {
    return this.#agenda.now + this.#aheadUs;
  }

  fact(
    kind: FactKind,
    message: MessageId,
    place: PlaceId = 0,
    peer: ActorId = 0,
    value = 0,
    detail = 0,
    because?: FactId,
  ): FactId {
    if (this.silent) return 0;
    const cause = because ?? this.causeOf(message);
    const id = this.#trace.append(this.#agenda.now, kind, this.self, message, place, peer, value, detail, cause);
    this.#lastFact = id;
    this.#lastMessage = message;
    if (this.#watch.awaits(kind)) this.#watch.look(kind, id, this);
    return id;
  }

  send(to: ActorId, hop: HopKind, wire: Wire, messages: MessageId | readonly MessageId[] = 0, because?: FactId): void {
    if (this.silent || this.mute) return;
    const first = typeof messages === 'number' ? messages : (messages[0] ?? 0);
    this.#world.dispatch(this.self | this.connection, to, hop, wire, messages, because ?? this.causeOf(first));
  }

  timer(delayUs: Micros, wire: Wire, because?: FactId): TimerId {
    if (this.silent || this.mute) return 0;
    return this.#world.setTimer(this.self | this.connection, delayUs, wire, because ?? this.causeOf(0));
  }

  work(delayUs: Micros, wire: Wire, because?: FactId): TimerId {
    if (this.silent || this.mute) return 0;
    return this.#world.setWork(this.self | this.connection, delayUs, wire, because ?? this.causeOf(0));
  }

  cancel(timer: TimerId): void {
    this.#agenda.cancel(timer);
  }

  alarm(alarm: AlarmId, delayUs: Micros, wire: Wire): AlarmId {
    if (this.silent || this.mute) return alarm;
    return this.#world.setAlarm(this.self | this.connection, alarm, delayUs, wire, this.cause);
  }

  silence(alarm: AlarmId): void {
    if (alarm !== 0) this.#agenda.silenceAlarm(alarm - 1);
  }

  choose(site: Parameters<Out['choose']>[0], n: number, key?: number): number {
    return this.#decider.choose(site as DecisionSite, n, key);
  }

  produce(draft: Draft, because?: FactId): Message {
    return this.#world.newMessage(this.self, draft, this, because);
  }

  crash(restartUs?: Micros, reason: number = R.fault): void {
    this.silent = true;
    this.crashAsked = true;
    this.crashReason = reason;
    this.restartUs = restartUs ?? null;
  }

  /** The default cause of what is said about a message; see `Out`. */
  causeOf(message: MessageId): FactId {
    if (this.#lastFact !== 0 && this.#lastMessage === message) return this.#lastFact;
    const { cause } = this;
    if (message === 0 || !this.hopsLeaveFacts) return cause;
    // A hop that carried several messages has one `sent` fact each, one after the other.
    const trace = this.#trace;
    if (cause === 0 || trace.kind(cause) !== F.sent || trace.messageOf(cause) === message) return cause;
    const time = trace.time(cause);
    for (let id = cause + 1; id <= trace.count && trace.kind(id) === F.sent && trace.time(id) === time; id++) {
      if (trace.messageOf(id) === message) return id;
    }
    return cause;
  }
}
