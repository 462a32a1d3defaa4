/**
 * The one shape of every machine (broker nodes, producers, consumers, stores): an input and the time go in, and what
 * should happen is said to the `out` that is handed along. A machine touches nothing else: no clock, no chance, no
 * other machine. The world that owns the machine carries out what was said, and it alone knows of crashes, links and time.
 */
import type { FactKind } from './facts.ts';
import type { Actor, ActorId, AlarmId, FactId, Message, MessageId, Micros, Place, PlaceId, TimerId } from './types.ts';

/**
 * What a hop is for; network rules and loss knobs are told apart by it.
 * `request` publishes (or calls), `reply` answers it, `delivery` hands a message to a consumer, `ack` settles (ack, nack,
 * delete, commit), `effect` and `effect-reply` go to and from a store, `replication` runs between broker nodes, `control` is
 * all the rest (polls without messages, heartbeats, joins, answers to acks, lost-connection notices).
 */
export const HOPS = [
  'request',
  'reply',
  'delivery',
  'ack',
  'effect',
  'effect-reply',
  'replication',
  'control',
] as const;
export type HopKind = (typeof HOPS)[number];

/** What travels: a plain object named by `type` in the broker's own verb. Treated as immutable once sent. */
export interface Wire {
  readonly type: string;
}

/**
 * A named place where chance or an adversary decides. Made once by `Setup.site`, then asked many times. The same
 * name always draws the same values for the same keys in the same run's seed.
 */
export interface Site {
  readonly name: string;
}

/** A message as a producer asks for it; the world gives it its number and records `produced`. */
export interface Draft {
  readonly key: string | null;
  readonly routingKey: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly amount: number;
  readonly sizeBytes: number;
  readonly poison: boolean;
}

/** The second connection of a process has this number, the third twice this: `ActorId`s are below it, so `actor | connection` is an address. */
export const CONNECTION = 0x10000;

/**
 * What a machine may say while it handles one input. Valid only during that call.
 *
 * Causes: a fact, hop or timer is caused by the last fact that this call recorded about the same message, else by what the
 * call answers (the hop that arrived, the timer's own cause). Pass `because` where the true cause is older: a redelivery
 * is caused by the requeue, not by the poll that happened to fetch it.
 */
export interface Out {
  /** What the process's own clock shows. It is the true time unless the timeline has skewed that clock; facts are recorded with the true time. */
  readonly now: Micros;
  /** The actor whose machine is being called. */
  readonly self: ActorId;
  /** The fact that led to this call. */
  readonly cause: FactId;
  /**
   * Which of the process's connections speaks: 0, or a multiple of `CONNECTION`. What is sent and which timers are set while it has a value come
   * back with that value. Only a consumer that produces has more than one: its producing half would else be taken for its consuming half.
   */
  connection: number;
  /**
   * Records a fact and returns its number. `place`: where; `peer`: the other actor it concerns; `value` and `detail`: unsigned 32-bit
   * integers whose meaning facts.ts gives per kind. 0 where a kind has no such field.
   */
  fact(
    kind: FactKind,
    message: MessageId,
    place?: PlaceId,
    peer?: ActorId,
    value?: number,
    detail?: number,
    because?: FactId,
  ): FactId;
  /** Sends one hop. `messages` says which messages travel in it, so that each can be seen on its way (0 for none). */
  send(to: ActorId, hop: HopKind, wire: Wire, messages?: MessageId | readonly MessageId[], because?: FactId): void;
  /** Like `timer`, but by true time, however the process's own clock runs: for work, which takes as long as it takes. */
  work(delayUs: Micros, wire: Wire, because?: FactId): TimerId;
  /** Calls `Machine.timer(wire)` after `delayUs` by the process's own clock (0: later in this instant) unless cancelled or the actor crashes first. */
  timer(delayUs: Micros, wire: Wire, because?: FactId): TimerId;
  cancel(timer: TimerId): void;
  /**
   * Like `timer`, for what hardly ever comes, such as a deadline of requests that nearly all are answered: one alarm is set again and again, each time instead of the last, at next to no cost.
   * `alarm` is 0 for a new one, else what was returned; it belongs to the machine for ever, with its wire, and only a crash of its process or `silence` keeps it from ringing. It rings after all else that happens at its time: an answer
   * that comes at the very last moment is in time.
   */
  alarm(alarm: AlarmId, delayUs: Micros, wire: Wire): AlarmId;
  silence(alarm: AlarmId): void;
  /** A whole number 0 … n−1 decided at `site`. With a key the answer depends on (seed, site, key) alone; without, on the order of asking. */
  choose(site: Site, n: number, key?: number): number;
  /** Makes a new message of this actor and records `produced`. Its number is 0 when the process has died in this very step. */
  produce(draft: Draft, because?: FactId): Message;
  /** The machine's own process dies here and now: nothing said later in this call happens. Restarts after `restartUs` (omitted: never). `reason`: a code of R; a fault from outside when absent. */
  crash(restartUs?: Micros, reason?: number): void;
}

/**
 * Inputs. `receive`: a hop arrived. `timer`: a timer of this machine fired. `start`: the process begins, at time 0 or when it
 * is added. `crash`: the process died; keep what its durability keeps (nothing of what was not flushed, with `losesDisk`), forget the rest; record what was lost
 * (sending and setting timers do nothing then). `restart`: it
 * is up again. `peerLost`: the transport noticed that a peer's process went away (a crash closes its connections;
 * a split network or a pause does not). `stop`: a graceful shutdown was asked for (finish or hand back, leave the group). `command`: the
 * timeline asks for something by name (see each machine: `fix`, `burst`, `redrive`, `seek`, `set`…).
 */
export interface Machine {
  start(out: Out): void;
  receive(from: ActorId, wire: Wire, out: Out): void;
  timer(wire: Wire, out: Out): void;
  crash(out: Out, losesDisk: boolean): void;
  restart(out: Out): void;
  peerLost?(peer: ActorId, out: Out): void;
  stop?(out: Out): void;
  command?(command: Command, out: Out): void;
}

/**
 * What the timeline (or the person at the page) asks of a machine.
 * `send`: so many messages at once. `poison`: the next n messages made are poison. `fix`: the handler bears poison from now on.
 * `burst`: messages per second for a while, instead of the usual rate (`perSecond` 0: none at all). `redrive`: move a dead-letter queue's
 * messages back (to their source when `to` is absent). `purge`: empty a queue. `seek`: move a group's offsets. `snapshot`: keep what a group has not acked, and what comes after, under
 * a name; `restore`: go back to that. `set`: change one option from now on. `slow`: work
 * takes `factor` times as long, for `forUs` (absent: from now on). `disk`: the disk of a broker node is full from now on, or has room again.
 */
export type Command =
  /** `key`: what each of them has for its key; without one it is drawn, as always. */
  | { readonly type: 'send'; readonly messages: number; readonly key?: string | null }
  | { readonly type: 'poison'; readonly messages: number }
  | { readonly type: 'fix' }
  | { readonly type: 'burst'; readonly perSecond: number; readonly forUs: Micros }
  | { readonly type: 'slow'; readonly factor: number; readonly forUs?: Micros }
  | { readonly type: 'disk'; readonly isFull: boolean }
  | { readonly type: 'redrive'; readonly queue: string; readonly to?: string; readonly perSecond?: number }
  | { readonly type: 'purge'; readonly queue: string }
  | { readonly type: 'seek'; readonly group: string; readonly to: SeekTarget }
  | { readonly type: 'snapshot' | 'restore'; readonly group: string; readonly name: string }
  | { readonly type: 'set'; readonly path: readonly string[]; readonly value: unknown };

/** Where a group's offsets go: an absolute offset, a virtual time (first record at or after it), or an end of the log. */
export type SeekTarget =
  | { readonly offset: number }
  | { readonly timeUs: Micros }
  | { readonly end: 'earliest' | 'latest' };

/** What a broker, producer or consumer may register while the world is being built, before time 0. */
export interface Setup {
  /** Adds an actor and its machine. Names are unique. */
  actor(name: string, kind: Actor['kind'], machine: Machine, group?: string): ActorId;
  /** Adds a place. Asking again for the same name returns the same id. */
  place(name: string, kind: Place['kind'], parent?: string): PlaceId;
  /** A decision site; see `Site`. */
  site(name: string): Site;
  /** The nodes of a broker by its name in the scenario. Brokers are built one after the other: ask when the run has begun. */
  nodesOf(broker: string): readonly ActorId[];
}
