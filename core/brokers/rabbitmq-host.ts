/**
 * What the parts of a RabbitMQ node share: its settings, exchanges, queues and connections, and what waits for the disk. It decides nothing beyond
 * how things of these tables go away together.
 * Source: rules R13, R14.
 */
import type { Command, Out } from '../machine.ts';
import { ExchangeGraph } from '../parts/exchange-graph.ts';
import type { QueuedMessage } from '../parts/ready-list.ts';
import type { Micros, PlaceId } from '../types.ts';
import type { RabbitCluster } from './rabbitmq-cluster.ts';
import { type Features, featuresOf } from './rabbitmq-options.ts';
import { Policies } from './rabbitmq-policies.ts';
import type { Queue } from './rabbitmq-queue.ts';
import { type Channel, type Connection, notFound, type Refusal } from './rabbitmq-session.ts';

export interface NodeSettings {
  /** Such as `4.2` or `3.10.8`. */
  readonly version: string;
  /** 0: no heartbeats. */
  readonly heartbeatUs: Micros;
  /** −1: never. */
  readonly consumerTimeoutUs: Micros;
  /** How long written messages wait for the flush that makes them survive; 0 flushes at once. */
  readonly flushUs: Micros;
}

export type Timer =
  | { readonly type: 'rabbitmq/flush' }
  | { readonly type: 'rabbitmq/ack-timeouts' }
  | { readonly type: 'rabbitmq/heartbeat'; readonly connection: number }
  | { readonly type: 'rabbitmq/gap'; readonly connection: number }
  | { readonly type: 'rabbitmq/ttl'; readonly queue: string }
  | { readonly type: 'rabbitmq/unused'; readonly queue: string }
  | { readonly type: 'rabbitmq/delay-over'; readonly queue: string; readonly entry: QueuedMessage }
  | { readonly type: 'rabbitmq/dead-letters'; readonly queue: string }
  | { readonly type: 'rabbitmq/redrive'; readonly command: Redrive };

export type Redrive = Extract<Command, { type: 'redrive' }>;

export class RabbitHost {
  readonly settings: NodeSettings;
  readonly features: Features;
  /** Numbers queues and exchanges for the facts; 0 for one that the scenario does not know. */
  readonly placeOf: (name: string) => PlaceId;
  readonly graph = new ExchangeGraph();
  readonly policies = new Policies();
  readonly queues = new Map<string, Queue>();
  readonly connections = new Map<number, Connection>();
  /** Absent on a node that is alone. */
  cluster: RabbitCluster | undefined;
  /** Written and not flushed. */
  unflushed: QueuedMessage[] = [];
  /** Of this node's own disk. */
  isDiskFull = false;
  #flushArmed = false;

  constructor(settings: NodeSettings, placeOf: (name: string) => PlaceId) {
    this.settings = settings;
    this.features = featuresOf(settings.version);
    this.placeOf = placeOf;
  }

  /** Sees to it that what was written is flushed, together with what follows until then. */
  armFlush(out: Out): void {
    if (this.#flushArmed) return;
    this.#flushArmed = true;
    out.timer(this.settings.flushUs, { type: 'rabbitmq/flush' } as Timer);
  }

  /** The flush happens now, or its timer died with the process. */
  disarmFlush(): void {
    this.#flushArmed = false;
  }

  /** Whether a disk is full, of this node or of another that is up: one is enough to block publishing in the whole cluster. */
  get hasAlarm(): boolean {
    return this.isDiskFull || this.cluster?.hasAlarm === true;
  }

  /** The cluster, which keeps a shared queue; none for one that is gone. */
  clusterOf(queue: Queue): RabbitCluster | undefined {
    return queue.shared && !queue.deleted ? this.cluster : undefined;
  }

  depth(queue: Queue): number {
    return this.clusterOf(queue)?.depth(queue) ?? queue.depth;
  }

  lockedFor(channel: Channel, name: string): Refusal | undefined {
    const owner = this.queues.get(name)?.exclusiveTo;
    if (owner === undefined || owner === channel.connection) return undefined;
    return { code: 405, name: 'RESOURCE_LOCKED', text: `queue '${name}' is exclusive to another connection` };
  }

  usable(channel: Channel, name: string): Queue | Refusal {
    return this.lockedFor(channel, name) ?? this.queues.get(name) ?? notFound('queue', name);
  }

  isOpen(channel: Channel): boolean {
    const { connection } = channel;
    return this.connections.get(connection.id) === connection && connection.channels.get(channel.name) === channel;
  }

  forgetQueue(queue: Queue): void {
    queue.deleted = true;
    this.queues.delete(queue.name);
    this.dropUnbound(this.graph.removeQueue(queue.name));
  }

  removeExchange(name: string): void {
    this.dropUnbound(this.graph.removeExchange(name));
  }

  /** Auto-delete exchanges go with their last binding. */
  dropUnbound(exchanges: readonly string[]): void {
    for (const name of exchanges) if (this.graph.exchange(name)?.autoDelete) this.removeExchange(name);
  }
}
