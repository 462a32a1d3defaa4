/**
 * The neutral client interface. A producer or consumer machine (producer.ts, consumer.ts) knows the life of a message on the client's
 * side; a port knows one broker's protocol. The machine tells the port "publish this", "I have room for three", "settle that";
 * the port turns it into the broker's verbs and turns what comes back into the calls of its host. A port belongs to one client
 * process: when that crashes, the port forgets everything (`crash`) and begins anew (`start`).
 */
import type { Command, Out, Wire } from '../machine.ts';
import type { OptionValues } from '../options.ts';
import type { ActorId, Delivery, FactId, Message, Micros, PlaceId, Settlement } from '../types.ts';

/** What a port is told about the client it serves. */
export interface PortSpec {
  /** Name of the client's actor, such as `resizer-2`; unique. */
  readonly name: string;
  /** Declared name, such as `resizer`; the default consumer group. */
  readonly declared: string;
  /** Which instance of `count`, from 1. */
  readonly instance: number;
  /** The broker's own options for this client, parsed, defaults filled in. */
  readonly options: OptionValues;
}

export interface ProducerPortSpec extends PortSpec {
  /** Names of queues, topics, exchanges or endpoints to publish to. A message goes to each of them. */
  readonly to: readonly string[];
}

export interface ConsumerPortSpec extends PortSpec {
  /** Names of queues, topics or endpoints to consume from. */
  readonly from: readonly string[];
  /** Consumer group, where the broker has groups. */
  readonly group: string;
  /** `on-delivery`: the broker settles when it hands out (no_ack); the port then never hears `settle`. */
  readonly settle: SettleWhen;
  /** How many messages the client wants to hold at most, being processed and waiting. */
  readonly prefetch: number;
}

export type SettleWhen = 'after-processing' | 'before-processing' | 'on-delivery';

/** Inputs that the client's machine passes on to its port. */
interface Port {
  /** Connects: at the start of the process and after each restart. */
  start(out: Out): void;
  /** A hop that the client's machine does not know itself. */
  receive(from: ActorId, wire: Wire, out: Out): void;
  /** A timer set by the port. Types of ports' timers must not clash with those of their hosts, which begin with `client/`. */
  timer(wire: Wire, out: Out): void;
  /** The process died: forget everything; `start` comes with the restart. */
  crash(): void;
  peerLost?(peer: ActorId, out: Out): void;
  /** Graceful shutdown: say goodbye to the broker (leave the group, cancel, close). */
  stop?(out: Out): void;
  command?(command: Command, out: Out): void;
}

export interface ProducerPort extends Port {
  /** Takes charge of the message: sends, waits, retries as its options say, and in the end calls `confirmed` or `failed` once. */
  publish(message: Message, out: Out): void;
}

export interface ProducerHost {
  /** The broker said yes (or nothing is awaited: acks=0, no confirms, in which case `told` is false and no fact is recorded). */
  confirmed(message: Message, place: PlaceId, offset: number, told: boolean, out: Out): void;
  /** Given up. `reason`: a code of R. `definite`: it surely is not stored. */
  failed(message: Message, reason: number, definite: boolean, out: Out): void;
  /** About to send again; records `retried`. `attempt` counts from 2. */
  retrying(message: Message, attempt: number, reason: number, out: Out): void;
}

export interface ConsumerPort extends Port {
  /** The client can take `messages` more at this moment. Called at the start and whenever it changes. A pull port fetches; a push port may ignore it. */
  room(messages: number, out: Out): void;
  /**
   * Settles one delivery; answers with `host.settled` when the outcome is known (at once where the broker never answers). `because`: the fact that says so, for
   * what is made of the delivery by the port itself.
   */
  settle(delivery: Delivery, how: Settlement, out: Out, because?: FactId): void;
  /** Asks for the lock to last `forUs` from now; ignored by brokers without locks by time. */
  extend(delivery: Delivery, forUs: Micros, out: Out): void;
}

export interface ConsumerHost {
  /** Messages arrived at the client, in the order in which they should be processed. Records `received`. */
  deliver(deliveries: readonly Delivery[], out: Out): void;
  /** `ok` false: the broker refused, or the outcome stayed unknown. */
  settled(delivery: Delivery, ok: boolean, out: Out): void;
  /** These places are no longer this client's (rebalance): what is received but not begun from them is dropped. */
  revoked(places: readonly PlaceId[], out: Out): void;
  /** The connection is gone: everything received but not begun is dropped, and what is being processed cannot be settled any more. */
  disconnected(out: Out): void;
}
