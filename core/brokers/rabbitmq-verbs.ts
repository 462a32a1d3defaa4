/**
 * What travels between an AMQP client and a RabbitMQ node: the methods of AMQP 0-9-1 under their real names, each with the arguments that
 * matter here. Everything but the opening of a connection is a frame: it belongs to one connection and has a number there, because a
 * stream neither skips, repeats nor reorders. A channel is a name that its connection chooses.
 * Simplifications: there is no authentication, no channel.flow, and channel.open, queue.declare and the like need not be waited for.
 */
import type { Wire } from '../machine.ts';
import type { AmqpMessage, Properties } from '../parts/amqp-message.ts';
import type { ExchangeType } from '../parts/exchange-graph.ts';
import type { FrameHead } from '../parts/frame-order.ts';
import type { HeaderTable } from '../parts/headers-match.ts';
import type { Message, Micros, PlaceId } from '../types.ts';

interface OnChannel {
  readonly channel: string;
}

/** What a client asks of a node. Durable, autoDelete and the other flags that are absent are false. */
export type ClientMethod =
  | { readonly type: 'heartbeat' }
  | { readonly type: 'connection.close' }
  | (OnChannel & { readonly type: 'channel.open' })
  | (OnChannel & { readonly type: 'channel.close' })
  | (OnChannel & { readonly type: 'confirm.select' })
  | (OnChannel & { readonly type: 'tx.select' | 'tx.commit' | 'tx.rollback' })
  | (OnChannel & {
      readonly type: 'exchange.declare';
      readonly exchange: string;
      readonly exchangeType: ExchangeType;
      readonly durable?: boolean;
      readonly autoDelete?: boolean;
      readonly internal?: boolean;
      readonly passive?: boolean;
      readonly arguments?: HeaderTable;
    })
  | (OnChannel & { readonly type: 'exchange.delete'; readonly exchange: string; readonly ifUnused?: boolean })
  | (OnChannel & {
      readonly type: 'exchange.bind' | 'exchange.unbind';
      readonly source: string;
      readonly destination: string;
      readonly routingKey: string;
      readonly arguments?: HeaderTable;
    })
  | (OnChannel & {
      readonly type: 'queue.declare';
      readonly queue: string;
      readonly durable?: boolean;
      readonly exclusive?: boolean;
      readonly autoDelete?: boolean;
      readonly passive?: boolean;
      readonly arguments?: HeaderTable;
    })
  | (OnChannel & {
      readonly type: 'queue.bind' | 'queue.unbind';
      readonly queue: string;
      readonly exchange: string;
      readonly routingKey: string;
      readonly arguments?: HeaderTable;
    })
  | (OnChannel & { readonly type: 'queue.purge'; readonly queue: string })
  | (OnChannel & {
      readonly type: 'queue.delete';
      readonly queue: string;
      readonly ifUnused?: boolean;
      readonly ifEmpty?: boolean;
    })
  | (OnChannel & { readonly type: 'basic.qos'; readonly prefetchCount: number; readonly global?: boolean })
  | (OnChannel & {
      readonly type: 'basic.publish';
      readonly exchange: string;
      readonly routingKey: string;
      readonly mandatory?: boolean;
      readonly properties: Properties;
      readonly body: Message;
      readonly sizeBytes: number;
    })
  | (OnChannel & {
      readonly type: 'basic.consume';
      readonly queue: string;
      readonly consumerTag: string;
      /** Settled as soon as it is handed to the connection (R27). */
      readonly noAck?: boolean;
      readonly exclusive?: boolean;
      readonly arguments?: HeaderTable;
    })
  | (OnChannel & { readonly type: 'basic.cancel'; readonly consumerTag: string })
  | (OnChannel & { readonly type: 'basic.get'; readonly queue: string; readonly noAck?: boolean })
  | (OnChannel & { readonly type: 'basic.ack'; readonly deliveryTag: number; readonly multiple?: boolean })
  | (OnChannel & {
      readonly type: 'basic.nack';
      readonly deliveryTag: number;
      readonly multiple?: boolean;
      readonly requeue: boolean;
    })
  | (OnChannel & { readonly type: 'basic.reject'; readonly deliveryTag: number; readonly requeue: boolean })
  | (OnChannel & { readonly type: 'basic.recover'; readonly requeue: boolean });

/** One handing-over, pushed or fetched. `headersOf(message)` and `deliveryCount` make up the headers that a client library shows. */
export interface Handover {
  readonly deliveryTag: number;
  readonly redelivered: boolean;
  readonly message: AmqpMessage;
  /** `x-delivery-count`, where a quorum queue sends it (R63). */
  readonly deliveryCount: number | undefined;
  /** `x-acquired-count`, from the second delivery of a quorum queue on (4.3, R63). */
  readonly acquiredCount: number | undefined;
  /** `x-stream-offset`, of a stream only (R67). */
  readonly offset: number | undefined;
  readonly queue: string;
  readonly place: PlaceId;
  /** How often it was handed out, this time included, by this queue and those where it died before. AMQP does not tell; facts do. */
  readonly attempt: number;
  readonly sizeBytes: number;
}

/** What a node says to a client. */
export type ServerMethod =
  | { readonly type: 'heartbeat' }
  /** The node closed the connection, over an error or because it knows no such connection. */
  | { readonly type: 'connection.close'; readonly code: number; readonly name: string; readonly text: string }
  | { readonly type: 'connection.close-ok' }
  /** Nothing that is published is taken until further notice: a disk is full. */
  | { readonly type: 'connection.blocked'; readonly reason: string }
  | { readonly type: 'connection.unblocked' }
  /** The node closed the channel over an error. */
  | (OnChannel & {
      readonly type: 'channel.close';
      readonly code: number;
      readonly name: string;
      readonly text: string;
    })
  | (OnChannel & { readonly type: 'channel.close-ok' })
  /** Answer to a method that has nothing to tell but that it was done. */
  | (OnChannel & { readonly type: 'ok'; readonly to: string })
  | (OnChannel & {
      readonly type: 'queue.declare-ok';
      readonly queue: string;
      readonly messageCount: number;
      readonly consumerCount: number;
    })
  | (OnChannel & { readonly type: 'queue.purge-ok' | 'queue.delete-ok'; readonly messageCount: number })
  | (OnChannel & { readonly type: 'basic.consume-ok' | 'basic.cancel-ok'; readonly consumerTag: string })
  /** The node cancelled a consumer: its queue is gone, or it held a message for too long. */
  | (OnChannel & { readonly type: 'basic.cancel'; readonly consumerTag: string })
  | (OnChannel & Handover & { readonly type: 'basic.deliver'; readonly consumerTag: string })
  | (OnChannel & Handover & { readonly type: 'basic.get-ok'; readonly messageCount: number })
  | (OnChannel & { readonly type: 'basic.get-empty' })
  | (OnChannel & {
      readonly type: 'basic.return';
      readonly code: number;
      readonly name: string;
      readonly exchange: string;
      readonly routingKey: string;
      readonly body: Message;
      readonly sizeBytes: number;
    })
  /** Publisher confirms. `multiple`: all publishes up to and including this one that were not yet answered. */
  | (OnChannel & {
      readonly type: 'basic.ack' | 'basic.nack';
      readonly deliveryTag: number;
      readonly multiple: boolean;
    });

export type ClientFrame = ClientMethod & FrameHead;
export type ServerFrame = ServerMethod & FrameHead;

/**
 * What is no frame of a connection. A client asks for one, `request` being its own number for the attempt, and the node names it in its
 * answer. A reset is the transport's word that a connection is broken, from either side, or the answer to a frame of one that is gone.
 */
export type Opening =
  | {
      readonly type: 'connection.open';
      readonly request: number;
      /** The capability `consumer_cancel_notify`; absent counts as true, as clients have it. */
      readonly cancelNotify?: boolean;
    }
  | Reset;
export type Opened =
  | {
      readonly type: 'connection.open-ok';
      readonly request: number;
      readonly connection: number;
      readonly heartbeatUs: Micros;
    }
  | Reset;

interface Reset {
  readonly type: 'connection.reset';
  readonly connection: number;
}

/** Whether a hop is a frame of a connection. */
export function isFrame(wire: Wire): wire is Wire & FrameHead {
  return 'connection' in wire && 'frame' in wire;
}
