/**
 * A declared queue of a node: its definition, what its arguments mean, its contents and its timers. Data only; who puts messages in and takes them out
 * is in `rabbitmq-keeper.ts`. Source: rules R10, R13, R14.
 */
import type { HeaderTable } from '../parts/headers-match.ts';
import { RabbitQueue } from '../parts/rabbit-queue.ts';
import { NEVER, type QueuedMessage } from '../parts/ready-list.ts';
import type { Micros, PlaceId, TimerId } from '../types.ts';
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
  readonly ttlWire: Timer;
  ttlTimer: TimerId = 0;
  ttlTimerAtUs: Micros = NEVER;
  lastUsedUs: Micros = 0;
  deleted = false;

  constructor(definition: QueueDefinition, spec: QueueSpec, place: PlaceId, exclusiveTo: Connection | undefined) {
    this.name = definition.name;
    this.place = place;
    this.durable = definition.durable;
    this.autoDelete = definition.autoDelete;
    this.exclusiveTo = exclusiveTo;
    this.arguments = definition.arguments;
    this.effective = definition.arguments;
    this.spec = spec;
    this.contents = new RabbitQueue(spec.rules);
    this.ttlWire = { type: 'rabbitmq/ttl', queue: this.name };
  }

  get isQuorum(): boolean {
    return this.spec.rules.type === 'quorum';
  }
}

/** How often the message was handed out, in the queues where it died before too: which try this is for its handlers. */
export function attemptOf(entry: QueuedMessage): number {
  return entry.message.attempts + entry.deliveries;
}
