/**
 * What travels to and from a Redis server for Pub/Sub: its commands under their real names, replies, and the pushes that subscribers get. Every wire of a
 * client names its connection, so that nothing of an older one is mistaken. Only types; what the commands do is in `redis-pubsub-node.ts`. Source: [C].
 */
import type { Wire } from '../machine.ts';
import type { Message, PlaceId } from '../types.ts';

interface Request extends Wire {
  /** Chosen by the client; comes back in the reply. */
  readonly token: number;
  /** The client's number for this connection, from 1; a higher one than before is a new connection. */
  readonly connection: number;
}

export interface Subscribe extends Request {
  readonly type: 'SUBSCRIBE' | 'PSUBSCRIBE' | 'SSUBSCRIBE';
  /** Channels or patterns. */
  readonly names: readonly string[];
  /** How many unread bytes the connection takes before they stay in the server's output buffer; Infinity in the absence of flow control. */
  readonly windowBytes: number;
}

export interface Unsubscribe extends Request {
  readonly type: 'UNSUBSCRIBE' | 'PUNSUBSCRIBE' | 'SUNSUBSCRIBE';
  /** None: from all. */
  readonly names: readonly string[];
}

export interface Publish extends Request {
  readonly type: 'PUBLISH' | 'SPUBLISH';
  readonly channel: string;
  readonly message: Message;
  /** For the record: the declared topic that the channel belongs to. */
  readonly topic: string;
}

/** PUBSUB CHANNELS, NUMSUB, NUMPAT, SHARDCHANNELS, SHARDNUMSUB. */
export interface PubSubQuery extends Request {
  readonly type: 'PUBSUB';
  readonly about: 'CHANNELS' | 'NUMSUB' | 'NUMPAT' | 'SHARDCHANNELS' | 'SHARDNUMSUB';
  /** A pattern for CHANNELS, channels for NUMSUB. */
  readonly names: readonly string[];
}

export interface Plain extends Request {
  readonly type: 'PING' | 'RESET' | 'SELECT';
  /** PING's argument, or SELECT's number. */
  readonly text: string;
}

/** Keys of the database that the connection has selected: they have nothing to do with channels (B7). */
export interface KeyCommand extends Request {
  readonly type: 'GET' | 'SET' | 'DEL' | 'EXISTS';
  readonly keys: readonly string[];
  /** Of SET. */
  readonly value: string;
}

/** HELLO 2 or 3 chooses the protocol. */
export interface Hello extends Request {
  readonly type: 'HELLO';
  readonly protocol: 2 | 3;
}

export interface Quit extends Request {
  readonly type: 'QUIT';
}

/** The subscriber has read so many bytes, as TCP tells a sender by its window. */
export interface Window extends Wire {
  readonly type: 'WINDOW';
  readonly connection: number;
  /** Read since the last word; −1 in the answer to a probe. */
  readonly bytes: number;
  /** In the answer to a probe: what has arrived and is not read. */
  readonly unreadBytes: number;
}

/** The server has waited for a while to write on, and asks how much is unread, as TCP does when a window update may be lost. */
export interface Probe extends Wire {
  readonly type: 'probe';
  readonly connection: number;
}

export type PubSubRequest =
  | Subscribe
  | Unsubscribe
  | Publish
  | PubSubQuery
  | Plain
  | KeyCommand
  | Hello
  | Quit
  | Window;

interface Reply extends Wire {
  readonly token: number;
}

/** How many subscriptions the client has after each of the names (B3). */
export interface CountsReply extends Reply {
  readonly type: 'counts';
  readonly counts: readonly number[];
}

/** Deliveries of a PUBLISH (B2), or a plain number. */
export interface NumberReply extends Reply {
  readonly type: 'number';
  readonly number: number;
}

export interface ErrorReply extends Reply {
  readonly type: 'error';
  readonly text: string;
}

export interface TextReply extends Reply {
  readonly type: 'text';
  /** `OK`, `PONG`, `RESET`, or what GET found, null for nothing; a list in a RESP2 subscriber's answer to PING. */
  readonly text: string | readonly string[] | null;
}

export interface ListReply extends Reply {
  readonly type: 'list';
  readonly items: readonly (string | number)[];
}

/** A message on its way to a subscriber: `pattern` is '' for a plain channel. */
export interface Push extends Wire {
  readonly type: 'push';
  readonly connection: number;
  /** Number of the push on its connection, from 1. */
  readonly number: number;
  readonly channel: string;
  readonly pattern: string;
  readonly message: Message;
  readonly place: PlaceId;
  readonly sizeBytes: number;
}

/** The server has closed the connection (B9). */
export interface Closed extends Wire {
  readonly type: 'closed';
  readonly connection: number;
}

export type PubSubReply = CountsReply | NumberReply | ErrorReply | TextReply | ListReply | Push | Closed | Probe;
