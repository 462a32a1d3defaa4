/**
 * A declared queue of a node: its definition, what its arguments mean, its contents and its timers. Data only; who puts messages in and takes them out
 * is in `rabbitmq-keeper.ts`. Source: rules R10, R13, R14.
 */
import type { AmqpMessage } from '../parts/amqp-message.ts';
import type { HeaderTable } from '../parts/headers-match.ts';
import { RabbitQueue } from '../parts/rabbit-queue.ts';
import { NEVER, type QueuedMessage } from '../parts/ready-list.ts';
import { StreamLog, type StreamRules } from '../parts/stream-log.ts';
import type { ActorId, FactId, MessageId, Micros, PlaceId, TimerId } from '../types.ts';
import type { Timer } from './rabbitmq-host.ts';
import type { QueueSpec } from './rabbitmq-options.ts';
import type { Connection, Consumer } from './rabbitmq-session.ts';

/** A definition of a queue, from queue.declare or from the scenario. */
export interface QueueDefinition {
  readonly name: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly arguments: HeaderTable;
}

/** What a person sees of a queue in the management interface. */
export interface QueueStats {
  readonly ready: number;
  readonly unacked: number;
  readonly consumers: number;
  /** Tag of the single active consumer, where there is one. */
  readonly active: string | undefined;
}

export class Queue {
  readonly name: string;
  readonly place: PlaceId;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  /** The only connection that may use it (R13). */
  readonly exclusiveTo: Connection | undefined;
  readonly arguments: HeaderTable;
  spec: QueueSpec;
  /** The arguments with what a policy has changed since. */
  effective: HeaderTable;
  readonly contents: RabbitQueue<Consumer>;
  /** Shared by the clients of a cluster: its contents are in its Raft group, not here. */
  readonly shared: boolean;
  /** Set for a stream, whose `contents` then only know its readers. */
  readonly stream: Stream | undefined;
  readonly ttlWire: Timer;
  ttlTimer: TimerId = 0;
  ttlTimerAtUs: Micros = NEVER;
  lastUsedUs: Micros = 0;
  /** Whether its dying messages are to be tried again later. */
  retriesDead = false;
  deleted = false;

  constructor(
    definition: QueueDefinition,
    effective: HeaderTable,
    spec: QueueSpec,
    place: PlaceId,
    exclusiveTo: Connection | undefined,
    shared: boolean,
  ) {
    this.shared = shared;
    this.name = definition.name;
    this.place = place;
    this.durable = definition.durable;
    this.autoDelete = definition.autoDelete;
    this.exclusiveTo = exclusiveTo;
    this.arguments = definition.arguments;
    this.effective = effective;
    this.spec = spec;
    this.contents = new RabbitQueue(spec.rules);
    this.stream = spec.stream && new Stream(spec.stream);
    this.ttlWire = { type: 'rabbitmq/ttl', queue: this.name };
  }

  get isQuorum(): boolean {
    return this.spec.rules.type === 'quorum';
  }

  /** Whether a message of it is to be written to disk: always, unless both queue and message may be transient (R11). */
  writes(message: AmqpMessage): boolean {
    return this.isQuorum || this.stream !== undefined || (this.durable && message.persistent);
  }

  /** Messages that could be delivered. */
  get depth(): number {
    return this.stream?.log.kept ?? this.contents.ready.length;
  }
}

/** How often the message was handed out, in the queues where it died before too: which try this is for its handlers. */
export function attemptOf(entry: QueuedMessage): number {
  return entry.message.attempts + entry.deliveries;
}

/** A stream's log, the facts of its appends, and what each client got of it: no broker keeps that, it numbers the attempts in the trace. */
export class Stream {
  readonly log: StreamLog;
  /** By offset, from `factBase` on. */
  readonly appendFacts: FactId[] = [];
  factBase = 0;
  readonly #got = new Map<ActorId, Map<MessageId, number>>();

  constructor(rules: StreamRules) {
    this.log = new StreamLog(rules);
  }

  /** How often this client is handed this message, this time included. */
  attempt(client: ActorId, message: MessageId): number {
    let got = this.#got.get(client);
    if (got === undefined) {
      got = new Map();
      this.#got.set(client, got);
    }
    const times = (got.get(message) ?? 0) + 1;
    got.set(message, times);
    return times;
  }

  forgetBelow(start: number): void {
    this.appendFacts.splice(0, start - this.factBase);
    this.factBase = start;
  }
}
