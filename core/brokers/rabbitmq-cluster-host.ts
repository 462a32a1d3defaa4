/**
 * What a cluster of RabbitMQ nodes shares from the start, what a node's part of it asks of its node, and the things that both speak of: a publish that
 * waits for its queues, a delivery on its way to its channel, a dead message as it leaves. Types only. Source: rules R18, R55, R61, R65.
 */
import type { Out, Site } from '../machine.ts';
import type { AmqpMessage } from '../parts/amqp-message.ts';
import type { QueuedMessage } from '../parts/ready-list.ts';
import type { DeathReason } from '../parts/x-death.ts';
import type { ActorId, MessageId, Micros } from '../types.ts';
import type { Change } from './rabbitmq-catalogue.ts';
import type { Queue } from './rabbitmq-queue.ts';
import type { SessionNumber } from './rabbitmq-replica.ts';
import type { Channel, Consumer } from './rabbitmq-session.ts';
import type { Strays } from './rabbitmq-strays.ts';

/** What all nodes of a cluster know from the start, and what no broker keeps but the trace needs. */
export interface ClusterPlan {
  /** Actors of the nodes; node n is at n − 1. Filled while the cluster is built. */
  readonly nodes: ActorId[];
  /** How many nodes there are. */
  readonly size: number;
  /** Decides how long a member waits before it campaigns; the other, for the catalogue of definitions. */
  readonly site: Site;
  readonly definitionsSite: Site;
  /** A node that was not heard of for this long is suspected to be down. */
  readonly failureDetectionUs: Micros;
  /** How long a suspected node's consumers keep what they hold (R65). */
  readonly consumerDisconnectedUs: Micros;
  /** By group: up to which entry facts were recorded. A leader that applies an entry after another one did records nothing anew. */
  readonly recorded: number[];
  /** The first term of each group, and by name the last in which a queue elected a leader: one that is declared anew begins after it, so that no leader has the term of another. */
  readonly firstTerms: number[];
  readonly terms: Map<string, number>;
  /** By group: the last term whose leader was recorded as lost. */
  readonly lost: number[];
  /** Which dead messages were told to have arrived where: another time is a second copy. */
  readonly buried: Set<string>;
  /** By group whose queue has ended: the last command of each session that had taken effect by then. What came later found no queue. */
  readonly took: Map<number, ReadonlyMap<SessionNumber, number>>;
  /** What nodes died with on the way from one queue to another. */
  readonly strays: Strays;
}

/** What a cluster asks of the node that it belongs to. */
export interface ClusterHost {
  readonly flushUs: Micros;
  /** Since 4.3 a suspected node's consumers keep what they hold for a while. */
  readonly since43: boolean;
  armFlush(out: Out): void;
  /** A message was handed to a consumer on this node, or fetched (then `consumer` is absent). */
  hand(channel: Channel, consumer: Consumer | undefined, queue: Queue, delivery: Delivered, out: Out): void;
  /** Nothing was there to fetch. */
  empty(channel: Channel, out: Out): void;
  purged(channel: Channel, messages: number, out: Out): void;
  /** The queue that a channel deletes is gone, with so many messages; or it is in use or not empty, and was only to be deleted else. */
  deleted(channel: Channel, messages: number, out: Out): void;
  kept(channel: Channel, queue: Queue, out: Out): void;
  /** What a channel asked of a queue found it gone. */
  missing(channel: Channel, queue: Queue, out: Out): void;
  /** All nodes agreed on a definition; `channel` asked for it and waits. */
  define(change: Extract<Change, { type: 'define' }>, channel: Channel | undefined, atUs: Micros, out: Out): void;
  /** A queue is gone from the cluster: its name, its bindings, and who consumed it here. */
  forget(queue: Queue, out: Out): void;
  /** The queue does not take this consumer beside others. */
  refused(consumer: Consumer, out: Out): void;
  /** Every queue that a publish was routed to has answered. */
  answered(publish: PendingPublish, out: Out): void;
  /** Where a dead message goes; none without a dead-letter exchange or a binding. */
  deadLetter(queue: Queue, entry: QueuedMessage, reason: DeathReason, out: Out): Parting;
}

/** A dead message as it leaves, and the queues that will have it. */
export interface Parting {
  /** Absent: there is no exchange for it. */
  readonly dead: AmqpMessage | undefined;
  readonly targets: readonly Queue[];
  /** It was dropped on the way to some queue, as it had been there before. */
  readonly cycled: boolean;
}

/** A publish that waits for its queues. */
export interface PendingPublish {
  readonly channel: Channel;
  /** 0 without confirms. */
  readonly tag: number;
  readonly message: MessageId;
  left: number;
  refused: boolean;
}

/** A delivery as it travels from the queue's leader to the channel's node. */
export interface Delivered {
  readonly delivery: number;
  readonly message: AmqpMessage;
  readonly redelivered: boolean;
  readonly failures: number;
  /** How often it was handed out before, by this queue. */
  readonly before: number;
  readonly attempt: number;
  readonly offset: number | undefined;
  readonly noAck: boolean;
  /** After basic.get: messages left ready. */
  readonly remaining: number;
}
