/**
 * What a node keeps of its clients: connections, their channels, the consumers on them and the deliveries that wait for an answer; and how it speaks to
 * them. Data and the numbering of frames; what a method does is decided by the parts of the node that handle it.
 * Source: rules R17, R23–R25, R30.
 */
import type { Out } from '../machine.ts';
import type { Taker } from '../parts/competing-consumers.ts';
import { FrameOrder, framed } from '../parts/frame-order.ts';
import type { HeaderValue } from '../parts/headers-match.ts';
import type { QueuedMessage } from '../parts/ready-list.ts';
import type { ActorId, Micros, TimerId } from '../types.ts';
import type { Queue } from './rabbitmq-queue.ts';
import type { Session } from './rabbitmq-sessions.ts';
import type { ClientFrame, ClientMethod, ServerFrame, ServerMethod } from './rabbitmq-verbs.ts';

/** A client's method of this type. */
export type OnChannel<Type extends ClientMethod['type']> = Extract<ClientMethod, { type: Type }>;

/** A frame that says something on a channel. */
export type ChannelFrame = Exclude<ClientFrame, { type: 'heartbeat' | 'connection.close' | 'channel.open' }>;

/** A client's word about deliveries. */
export type Settling = OnChannel<'basic.ack'> | OnChannel<'basic.nack'> | OnChannel<'basic.reject'>;

/** Why a method is refused. A hard error closes the whole connection, the others the channel. */
export interface Refusal {
  readonly code: number;
  readonly name: string;
  readonly text: string;
}

export class Connection {
  readonly id: number;
  readonly peer: ActorId;
  readonly channels = new Map<string, Channel>();
  readonly inbound = new FrameOrder<ClientFrame>();
  /** The client's capability `consumer_cancel_notify`: it can be told that a consumer was cancelled. */
  readonly cancelNotify: boolean;
  lastHeardUs: Micros;
  lastSentUs: Micros;
  sent = 0;
  gapTimer: TimerId = 0;
  heartbeatTimer: TimerId = 0;
  /** Under an alarm, since it was to publish something: that, and what came after it. Nothing more is read of it until the alarm is over. */
  blocked: ClientFrame[] | undefined;

  constructor(id: number, peer: ActorId, nowUs: Micros, cancelNotify: boolean) {
    this.cancelNotify = cancelNotify;
    this.id = id;
    this.peer = peer;
    this.lastHeardUs = nowUs;
    this.lastSentUs = nowUs;
  }
}

export class Channel {
  readonly connection: Connection;
  readonly name: string;
  readonly consumers = new Map<string, Consumer>();
  /** Outstanding deliveries by delivery tag, and so in the order of delivery. */
  readonly unacked = new Map<number, Unacked>();
  /** Deliveries that were taken back for want of an ack: what their client says of them later is heard, and changes nothing (R37). */
  readonly overdue = new Set<number>();
  lastTag = 0;
  /** Publisher confirms: the number of the last publish, or −1 while they are off. */
  published = -1;
  /** Prefetch of consumers that start later, and of the channel as a whole; 0 is no limit (R24). */
  prefetch = 0;
  sharedPrefetch = 0;
  /** Outstanding deliveries to consumers: the channel's share of what `sharedPrefetch` limits. */
  held = 0;

  /** With the shared queues of a cluster. */
  readonly sessions = new Map<Queue, Session>();
  /** While the cluster is to agree on something that was asked for here: what came since, in order. */
  waiting: ChannelFrame[] | undefined;
  /** Since tx.select: what waits for tx.commit, in order. */
  tx: (OnChannel<'basic.publish'> | Settling)[] | undefined;

  constructor(connection: Connection, name: string) {
    this.connection = connection;
    this.name = name;
  }
}

/** A quorum queue gives no consumer a larger prefetch (R24). */
const QUORUM_PREFETCH_MAX = 2000;

/** 0 is no limit where a consumer asks; the server's quorum queues count it as the largest. Source: server:src/rabbit_fifo_client.erl. */
function quorumPrefetch(asked: number): number {
  return asked === 0 ? QUORUM_PREFETCH_MAX : Math.min(asked, QUORUM_PREFETCH_MAX);
}

export class Consumer implements Taker {
  readonly channel: Channel;
  readonly tag: string;
  readonly queue: Queue;
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly priority: number;
  readonly prefetch: number;
  /** Its own limit for unacked deliveries, −1 without (4.3, R37). */
  readonly timeoutUs: Micros;
  held = 0;
  /** Of a stream: where it wants to begin, and the next one it gets. */
  readonly wish: HeaderValue | undefined;
  offset = 0;

  constructor(channel: Channel, queue: Queue, method: OnChannel<'basic.consume'>) {
    const priority = method.arguments?.['x-priority'];
    this.channel = channel;
    this.tag = method.consumerTag;
    this.queue = queue;
    this.noAck = method.noAck ?? false;
    this.exclusive = (method.exclusive ?? false) && !queue.isQuorum && queue.stream === undefined;
    this.priority = typeof priority === 'number' ? priority : 0;
    const timeoutMs = method.arguments?.['x-consumer-timeout'];
    this.wish = method.arguments?.['x-stream-offset'];
    this.timeoutUs = typeof timeoutMs === 'number' ? timeoutMs * 1000 : -1;
    this.prefetch = queue.isQuorum ? quorumPrefetch(channel.prefetch) : channel.prefetch;
  }

  canTake(further = 0): boolean {
    if (this.noAck) return true;
    if (this.prefetch > 0 && this.held + further >= this.prefetch) return false;
    return this.channel.sharedPrefetch === 0 || this.channel.held + further < this.channel.sharedPrefetch;
  }

  outstanding(): number {
    return this.held;
  }
}

/** A delivery that its channel has not settled. `consumer` is absent for what basic.get fetched. */
export interface Unacked {
  readonly queue: Queue;
  readonly entry: QueuedMessage;
  readonly consumer: Consumer | undefined;
  readonly deliveredAtUs: Micros;
  /** What the leader of a shared queue knows it by; 0 in a queue of this node alone. */
  readonly delivery: number;
}

/** Sends one frame that carries no message. */
export function say(connection: Connection, method: ServerMethod, out: Out): void {
  out.send(connection.peer, 'control', frameOf(connection, method, out));
}

export function frameOf(connection: Connection, method: ServerMethod, out: Out): ServerFrame {
  connection.sent += 1;
  connection.lastSentUs = out.now;
  return framed(method, connection.id, connection.sent);
}

/** Answers a method that has nothing to tell but that it was done. */
export function done(channel: Channel, to: string, out: Out): undefined {
  say(channel.connection, { type: 'ok', channel: channel.name, to }, out);
  return undefined;
}

const COMMAND_INVALID = 503;
const NOT_ALLOWED = 530;
const NOT_IMPLEMENTED = 540;

/** Whether AMQP makes this a hard error, which closes the whole connection and not only the channel. */
export function closesConnection({ code }: Refusal): boolean {
  return code === COMMAND_INVALID || code === NOT_ALLOWED || code === NOT_IMPLEMENTED;
}

export function notFound(what: string, name: string): Refusal {
  return { code: 404, name: 'NOT_FOUND', text: `no ${what} '${name}'` };
}

export function accessRefused(text: string): Refusal {
  return { code: 403, name: 'ACCESS_REFUSED', text };
}

/** R30: somebody consumes there and wants no other, or there are others. */
export function exclusiveUse(queue: string): Refusal {
  return accessRefused(`queue '${queue}' cannot be consumed: exclusive use`);
}

export function preconditionFailed(text: string): Refusal {
  return { code: 406, name: 'PRECONDITION_FAILED', text };
}

export function commandInvalid(text: string): Refusal {
  return { code: COMMAND_INVALID, name: 'COMMAND_INVALID', text };
}

export function notAllowed(text: string): Refusal {
  return { code: NOT_ALLOWED, name: 'NOT_ALLOWED', text };
}

export function notImplemented(text: string): Refusal {
  return { code: NOT_IMPLEMENTED, name: 'NOT_IMPLEMENTED', text };
}
