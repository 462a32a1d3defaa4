/**
 * What travels to and from Google Pub/Sub: the calls of `google.pubsub.v1` under their real names, with the arguments that matter here, durations in µs. Topics
 * and subscriptions are named instead of having paths. Pushes are HTTP requests of the service to a subscriber's endpoint. Only types; what the calls do
 * is in `google-pubsub-node.ts` and its parts. Simplification: StreamingPull's acks travel as calls of their own, as today's client libraries send them.
 */
import type { Wire } from '../machine.ts';
import type { OptionValues } from '../options.ts';
import type { Attributes } from '../parts/pubsub-filter.ts';
import type { Delivery, Message, Micros } from '../types.ts';

interface Call extends Wire {
  /** Chosen by the client; comes back in the answer. */
  readonly token: number;
}

interface OnSubscription extends Call {
  readonly subscription: string;
}

interface Answer extends Wire {
  readonly token: number;
  /** The status code's name; '' for OK. */
  readonly error: string;
}

/** A message as it is published. */
export interface PubsubMessage {
  readonly message: Message;
  /** '' for none. */
  readonly orderingKey: string;
  readonly attributes: Attributes;
  /** Length of the data; 0 is none, which only a message with an attribute may have (G20). */
  readonly dataBytes: number;
}

export interface Publish extends Call {
  readonly type: 'Publish';
  readonly topic: string;
  readonly messages: readonly PubsubMessage[];
  readonly sizeBytes: number;
}

export interface PublishResponse extends Answer {
  readonly type: 'PublishResponse';
  readonly messageIds: readonly number[];
}

/** A ReceivedMessage: what a client holds until it acks. Also the handle, by way of `handle`, its ack id. */
export interface ReceivedMessage extends Delivery {
  readonly handle: number;
  readonly messageId: number;
  readonly orderingKey: string;
  /** As published; a forwarded dead letter has more than its message (G8). */
  readonly attributes: Attributes;
  /** 1 + nacks + expired deadlines; 0 without a dead-letter policy (G9). */
  readonly deliveryAttempt: number;
}

/** Opens a stream on which messages come until it is closed. The token names the stream. */
export interface StreamingPull extends OnSubscription {
  readonly type: 'StreamingPull';
  /** max_outstanding_messages and max_outstanding_bytes; 0 or less is no limit (G18). */
  readonly maxMessages: number;
  readonly maxBytes: number;
  /** stream_ack_deadline_seconds; 0 for the subscription's. */
  readonly ackDeadlineUs: Micros;
}

/** Keeps the stream open; answered with StreamState. */
export interface StreamKeepAlive extends OnSubscription {
  readonly type: 'StreamKeepAlive';
}

export interface StreamClose extends OnSubscription {
  readonly type: 'StreamClose';
}

/** The first answer on a stream, and the answer to each sign of life: an error says that there is no such stream (any more). */
export interface StreamState extends Answer {
  readonly type: 'StreamState';
}

export interface StreamingPullResponse extends Answer {
  readonly type: 'StreamingPullResponse';
  /** Counts the answers of the stream, from 1. */
  readonly number: number;
  readonly messages: readonly ReceivedMessage[];
  readonly sizeBytes: number;
}

export interface Pull extends OnSubscription {
  readonly type: 'Pull';
  readonly maxMessages: number;
  /** How long the service waits for a message before it answers with none. */
  readonly waitUs: Micros;
}

export interface PullResponse extends Answer {
  readonly type: 'PullResponse';
  readonly messages: readonly ReceivedMessage[];
  readonly sizeBytes: number;
}

/** What settles and extends names an ack id and, for the record, the message that it is about. */
export type Acked = Pick<ReceivedMessage, 'message' | 'handle' | 'attempt'>;

export interface Acknowledge extends OnSubscription {
  readonly type: 'Acknowledge';
  readonly acks: readonly Acked[];
}

/** The new deadline is so long from now; 0 gives back (a nack). */
export interface ModifyAckDeadline extends OnSubscription {
  readonly type: 'ModifyAckDeadline';
  readonly acks: readonly Acked[];
  readonly deadlineUs: Micros;
}

/** Answer to Acknowledge and ModifyAckDeadline. Without exactly-once delivery no ack id fails. */
export interface AckResponse extends Answer {
  readonly type: 'AckResponse';
  readonly failed: readonly Acked[];
}

export interface CreateSnapshot extends OnSubscription {
  readonly type: 'CreateSnapshot';
  readonly name: string;
}

export interface SnapshotResponse extends Answer {
  readonly type: 'SnapshotResponse';
  readonly expiresAtUs: Micros;
}

export interface Seek extends OnSubscription {
  readonly type: 'Seek';
  readonly to: { readonly timeUs: Micros } | { readonly snapshot: string };
}

export interface SeekResponse extends Answer {
  readonly type: 'SeekResponse';
}

/** Deletes it with all that is in it; snapshots of it stay. */
export interface DeleteSubscription extends OnSubscription {
  readonly type: 'DeleteSubscription';
}

export interface DeleteResponse extends Answer {
  readonly type: 'DeleteResponse';
}

/** UpdateSubscription: the settings of the field mask, undefined for the default. What a subscription is made with cannot be among them (G10, G17). */
export interface UpdateSubscription extends OnSubscription {
  readonly type: 'UpdateSubscription';
  readonly settings: OptionValues;
}

export interface UpdateResponse extends Answer {
  readonly type: 'UpdateResponse';
}

/** A push: the body of an HTTP request to the endpoint (G6). */
export interface PushRequest extends Wire {
  readonly type: 'PushRequest';
  readonly token: number;
  readonly subscription: string;
  readonly message: ReceivedMessage;
  readonly sizeBytes: number;
}

export interface PushResponse extends Wire {
  readonly type: 'PushResponse';
  readonly token: number;
  readonly subscription: string;
  /** HTTP status. */
  readonly status: number;
}

export type PubsubRequest =
  | Publish
  | StreamingPull
  | StreamKeepAlive
  | StreamClose
  | Pull
  | Acknowledge
  | ModifyAckDeadline
  | CreateSnapshot
  | Seek
  | DeleteSubscription
  | UpdateSubscription
  | PushResponse;

/** Status codes, and the two failures of a single ack id under exactly-once delivery (G13). */
export const PUBSUB_ERRORS = {
  notFound: 'NOT_FOUND',
  invalid: 'INVALID_ARGUMENT',
  precondition: 'FAILED_PRECONDITION',
  exists: 'ALREADY_EXISTS',
  exhausted: 'RESOURCE_EXHAUSTED',
  badAckId: 'PERMANENT_FAILURE_INVALID_ACK_ID',
  outOfOrder: 'TRANSIENT_FAILURE_ACK_OUT_OF_ORDER',
} as const;
