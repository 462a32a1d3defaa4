/**
 * The shared nouns. Numbers are used for whatever appears once per fact (ids are dense indexes into tables that the
 * world keeps), objects for whatever appears once per message or once per scenario.
 */

/** Virtual time or a span of it, in integer microseconds since the start of the run. */
export type Micros = number;
/** Index of an actor (producer, consumer, broker node, store) in the run's roster; 0 is the world itself. */
export type ActorId = number;
/** Index of a place (queue, partition, exchange, store, consumer group) in the run's table of places; 0 is none. */
export type PlaceId = number;
/** Number of a message, counted from 1 in the order of production; 0 is none. */
export type MessageId = number;
/** Number of a fact in the trace, counted from 1; 0 is none. */
export type FactId = number;
/** Number of a pending timer; 0 is none. */
export type TimerId = number;
/** Number of an alarm; 0 is none. */
export type AlarmId = number;

export type ActorKind = 'world' | 'producer' | 'consumer' | 'broker' | 'store';

/** One line of the roster. `group` is the name under which the scenario declares it (`resizer` for `resizer-2`). */
export interface Actor {
  readonly id: ActorId;
  readonly name: string;
  readonly kind: ActorKind;
  readonly group: string;
}

export type PlaceKind =
  | 'none'
  | 'queue'
  | 'partition'
  | 'exchange'
  | 'endpoint'
  | 'store'
  | 'group'
  | 'service'
  | 'alert';

/**
 * Somewhere a message can be, or a group that reads; also the name of what a rule is about (a `service` that is scaled, an `alert`). `parent` is the topic of a partition (`rides` for `rides/0`), else
 * the name itself. `deadLetter` marks a queue that another one names as its dead-letter queue.
 */
export interface Place {
  readonly id: PlaceId;
  readonly name: string;
  readonly kind: PlaceKind;
  readonly parent: string;
  readonly deadLetter: boolean;
}

/**
 * A message as its producer made it. It never changes on its way; what brokers know about it (attempts, locks, death
 * headers) they keep in records of their own. `decisionKey` is an integer made of the producer's name and the message's
 * number there: chance that concerns one message is keyed by it, so that a new actor shifts nobody else's draws.
 */
export interface Message {
  readonly id: MessageId;
  readonly producer: ActorId;
  /** Number of the message at its producer, from 1. */
  readonly sequence: number;
  /** Partition key or message-group key as text; null means "no key". */
  readonly key: string | null;
  /** Routing key (RabbitMQ) or subject; empty when the scenario gives none. */
  readonly routingKey: string;
  /** Attributes drawn or listed by the producer: headers, filterable attributes, the fields that `key` may name. */
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** The number that an `increment` adds. 1 when the scenario says nothing. */
  readonly amount: number;
  readonly sizeBytes: number;
  /** A message that makes an unfixed handler fail each time. */
  readonly poison: boolean;
  readonly producedAtUs: Micros;
  readonly decisionKey: number;
}

/**
 * One handing-over of a message to one consumer. `attempt` counts from 1. `handle` is what the broker wants back to
 * settle it (a receipt handle, a delivery tag, an offset); only the broker's own port reads it.
 */
export interface Delivery {
  readonly message: Message;
  readonly place: PlaceId;
  readonly attempt: number;
  readonly handle: unknown;
}

/** What a consumer says about a delivery. `leave` says nothing and lets the lock run out. */
export type Settlement = 'ack' | 'requeue' | 'reject' | 'leave';
