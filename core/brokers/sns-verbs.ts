/**
 * What travels to and from SNS: the API's actions under their real names, with their real arguments where these matter. Topics, queues and subscriptions are
 * named instead of having ARNs; a subscription is its topic and its endpoint. To queues SNS speaks SQS's own SendMessage. Only types.
 */
import type { Wire } from '../machine.ts';
import type { OptionValues } from '../options.ts';
import type { MessageAttribute, PolicyJson } from '../parts/filter-policy.ts';
import type { Message, PlaceId } from '../types.ts';
import type { SendMessage } from './sqs-verbs.ts';

interface Request extends Wire {
  readonly topic: string;
  /** Chosen by the client; comes back in the answer. */
  readonly token: number;
}

/** What filter policies look at. */
export interface Content {
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
  /** The body as JSON; undefined when it is none. */
  readonly body: PolicyJson | undefined;
  /** There is no body at all, which the service does not take. */
  readonly isEmpty?: boolean;
  /** Set when its attributes are none that the API takes, by name, type or value; absent for good ones. */
  readonly badAttributes?: true;
  /** Null or absent: none was given. */
  readonly subject?: string | null;
}

export interface Publish extends Request {
  readonly type: 'Publish';
  readonly message: Message;
  /** MessageGroupId; '' when not given. */
  readonly group: string;
  /** MessageDeduplicationId; null when not given, so that only the content tells. */
  readonly dedupId: string | null;
  readonly sizeBytes: number;
  /** Null: the message's own attributes, of which the body is the JSON. */
  readonly content: Content | null;
}

export interface PublishResult extends Wire {
  readonly type: 'PublishResult';
  readonly token: number;
  /** The API's error code; '' when it was accepted. */
  readonly error: string;
  /** Names the publishing; a repeat within the dedup window has that of the first. */
  readonly messageId: number;
  /** SequenceNumber, on FIFO topics; 0 otherwise. */
  readonly sequence: number;
}

/** Up to ten at once; each is accepted or refused by itself, save that none is looked at where one lacks what a FIFO topic needs. */
export interface PublishBatch extends Request {
  readonly type: 'PublishBatch';
  readonly entries: readonly { readonly id: string; readonly publish: Publish }[];
}

export interface PublishBatchResult extends Wire {
  readonly type: 'PublishBatchResult';
  readonly token: number;
  /** Why the whole request was refused; '' when its entries were looked at. */
  readonly error: string;
  readonly entries: readonly { readonly id: string; readonly result: PublishResult }[];
}

/** Subscribes a queue; `attributes` are those of a subscription. */
export interface Subscribe extends Request {
  readonly type: 'Subscribe';
  readonly endpoint: string;
  readonly attributes: OptionValues;
}

export interface Unsubscribe extends Request {
  readonly type: 'Unsubscribe';
  readonly endpoint: string;
}

export interface SetSubscriptionAttributes extends Request {
  readonly type: 'SetSubscriptionAttributes';
  readonly endpoint: string;
  readonly attributes: OptionValues;
}

export interface CreateTopic extends Request {
  readonly type: 'CreateTopic';
  readonly attributes: OptionValues;
}

/** Changes attributes of a topic. */
export interface SetTopicAttributes extends Request {
  readonly type: 'SetTopicAttributes';
  readonly attributes: OptionValues;
}

export interface DeleteTopic extends Request {
  readonly type: 'DeleteTopic';
}

/** Answer to every action that returns nothing but success or an error. */
export interface TopicResult extends Wire {
  readonly type: 'TopicResult';
  readonly token: number;
  readonly error: string;
}

/** What SNS sends to a queue: `raw` says that the body is the message as it is, else it is an envelope around it (N3). */
export interface Forward extends SendMessage {
  readonly raw: boolean;
}

/** One attempt to hand a message to an HTTP/S or Lambda endpoint. */
export interface Notification extends Wire {
  readonly type: 'Notification';
  readonly message: Message;
  readonly place: PlaceId;
  /** Chosen by SNS; comes back in the answer. */
  readonly token: number;
  readonly attempt: number;
  readonly sizeBytes: number;
}

/** The endpoint's answer by its HTTP status: 2xx is success, 4xx a client-side error (not tried again, N12), 5xx a server-side one. */
export interface NotificationAnswer extends Wire {
  readonly type: 'NotificationAnswer';
  readonly token: number;
  readonly message: number;
  readonly place: PlaceId;
  readonly status: 200 | 400 | 500 | 503;
}

export type SnsRequest =
  | Publish
  | PublishBatch
  | Subscribe
  | Unsubscribe
  | SetSubscriptionAttributes
  | CreateTopic
  | SetTopicAttributes
  | DeleteTopic;

/** Codes of the API's errors that the machine answers with. */
export const SNS_ERRORS = {
  notFound: 'NotFound',
  invalid: 'InvalidParameter',
  value: 'ParameterValueInvalid',
  policies: 'FilterPolicyLimitExceeded',
  empty: 'EmptyBatchRequest',
  entryId: 'InvalidBatchEntryId',
  tooMany: 'TooManyEntriesInBatchRequest',
  notDistinct: 'BatchEntryIdsNotDistinct',
  tooLong: 'BatchRequestTooLong',
} as const;
