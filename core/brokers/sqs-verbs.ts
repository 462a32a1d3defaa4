/**
 * What travels to and from SQS: the API's actions under their real names, with their real arguments where these matter, durations in µs. Queues are
 * named instead of having URLs and ARNs. Only types; what the actions do is in `sqs.ts`.
 */
import type { Wire } from '../machine.ts';
import type { OptionValues } from '../options.ts';
import type { Delivery, Message, Micros } from '../types.ts';

interface Request extends Wire {
  readonly queue: string;
  /** Chosen by the client; comes back in the answer. */
  readonly token: number;
}

interface Result extends Wire {
  readonly token: number;
  /** The API's error code; '' when it was accepted. */
  readonly error: string;
}

export interface SendMessage extends Request {
  readonly type: 'SendMessage';
  readonly message: Message;
  /** DelaySeconds, the message timer; −1 when not given. */
  readonly delayUs: Micros;
  /** MessageGroupId; '' when not given. */
  readonly group: string;
  /** MessageDeduplicationId; null when not given, so that only the content tells. */
  readonly dedupId: string | null;
  readonly sizeBytes: number;
  /** The body is empty, or holds a character that the API does not take; absent for a good one. What bodies say is not known here. */
  readonly body?: 'empty' | 'unprintable';
  /** Set when its message attributes are none that the API takes, by name, type or value; absent for good ones. */
  readonly badAttributes?: true;
}

export interface SendMessageResult extends Result {
  readonly type: 'SendMessageResult';
  /** Names the sending; a repeat within the dedup window has that of the first. */
  readonly messageId: number;
  /** SequenceNumber, on FIFO queues; 0 otherwise. */
  readonly sequence: number;
}

export interface ReceiveMessage extends Request {
  readonly type: 'ReceiveMessage';
  /** MaxNumberOfMessages. */
  readonly max: number;
  /** WaitTimeSeconds; −1 for the queue's. */
  readonly waitUs: Micros;
  /** Visibility timeout of this receive alone; −1 for the queue's. */
  readonly visibilityUs: Micros;
  /** ReceiveRequestAttemptId, for FIFO queues (S31). */
  readonly attemptId?: string;
}

/** A message as a receive hands it out: `attempt` is its ApproximateReceiveCount, `handle` its ReceiptHandle (S5). */
export interface ReceivedMessage extends Delivery {
  readonly messageId: number;
  readonly handle: number;
}

export interface ReceiveMessageResult extends Result {
  readonly type: 'ReceiveMessageResult';
  readonly queue: string;
  readonly messages: readonly ReceivedMessage[];
  readonly sizeBytes: number;
}

/** The client's end of a connection was closed: its long polls are over. */
export interface Hangup extends Wire {
  readonly type: 'Hangup';
}

export interface DeleteMessage extends Request {
  readonly type: 'DeleteMessage';
  readonly message: Message;
  readonly receipt: number;
  readonly attempt: number;
}

export interface ChangeMessageVisibility extends Request {
  readonly type: 'ChangeMessageVisibility';
  readonly message: Message;
  readonly receipt: number;
  readonly timeoutUs: Micros;
}

export interface PurgeQueue extends Request {
  readonly type: 'PurgeQueue';
}

/** One entry of a batch; its `request` is the single action with a token of its own. */
interface Batch<T> extends Request {
  readonly entries: readonly { readonly id: string; readonly request: T }[];
  readonly sizeBytes: number;
}

export interface SendMessageBatch extends Batch<SendMessage> {
  readonly type: 'SendMessageBatch';
}

export interface DeleteMessageBatch extends Batch<DeleteMessage> {
  readonly type: 'DeleteMessageBatch';
}

export interface ChangeMessageVisibilityBatch extends Batch<ChangeMessageVisibility> {
  readonly type: 'ChangeMessageVisibilityBatch';
}

export type SqsBatch = SendMessageBatch | DeleteMessageBatch | ChangeMessageVisibilityBatch;

export interface BatchResult extends Result {
  readonly type: 'BatchResult';
  /** By the entries' ids, in their order; none when the request was refused as a whole. */
  readonly entries: readonly { readonly id: string; readonly result: SendMessageResult | PlainResult }[];
}

export interface CreateQueue extends Request {
  readonly type: 'CreateQueue';
  readonly attributes: OptionValues;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface DeleteQueue extends Request {
  readonly type: 'DeleteQueue';
}

/** Attributes that may be changed while the queue is in use; absent ones stay. */
export interface QueueAttributes {
  readonly VisibilityTimeout?: Micros;
  readonly DelaySeconds?: Micros;
  readonly MessageRetentionPeriod?: Micros;
  readonly ReceiveMessageWaitTimeSeconds?: Micros;
  readonly MaximumMessageSize?: number;
  readonly ContentBasedDeduplication?: boolean;
  readonly DeduplicationScope?: string;
  readonly FifoThroughputLimit?: string;
  readonly RedrivePolicy?: { readonly deadLetterTargetArn: string; readonly maxReceiveCount: number };
  readonly RedriveAllowPolicy?: { readonly redrivePermission?: string; readonly sourceQueueArns?: readonly string[] };
}

export interface SetQueueAttributes extends Request {
  readonly type: 'SetQueueAttributes';
  readonly attributes: QueueAttributes;
}

export interface TagQueue extends Request {
  readonly type: 'TagQueue';
  readonly tags: Readonly<Record<string, string>>;
}

export interface UntagQueue extends Request {
  readonly type: 'UntagQueue';
  readonly keys: readonly string[];
}

export interface AddPermission extends Request {
  readonly type: 'AddPermission';
  readonly label: string;
  readonly accounts: readonly string[];
  readonly actions: readonly string[];
}

export interface RemovePermission extends Request {
  readonly type: 'RemovePermission';
  readonly label: string;
}

/** Moves a dead-letter queue's messages; `queue` is the SourceArn. */
export interface StartMessageMoveTask extends Request {
  readonly type: 'StartMessageMoveTask';
  /** DestinationArn; '' sends each message back to the queue that it came from. */
  readonly to: string;
  /** MaxNumberOfMessagesPerSecond; 0 for as fast as it goes. */
  readonly perSecond: number;
}

/** Ends a running task, a little later (S12). What was moved stays moved. */
export interface CancelMessageMoveTask extends Wire {
  readonly type: 'CancelMessageMoveTask';
  readonly token: number;
  /** TaskHandle, as StartMessageMoveTask answered it; 0 for a text that is none. */
  readonly handle: number;
}

/** Answer to every action that returns nothing but success or an error; StartMessageMoveTask adds its TaskHandle, the end of a task how many it moved. */
export interface PlainResult extends Result {
  readonly type: 'PlainResult';
  readonly handle?: number;
  readonly moved?: number;
}

export type SqsRequest =
  | SendMessage
  | ReceiveMessage
  | DeleteMessage
  | ChangeMessageVisibility
  | PurgeQueue
  | SetQueueAttributes
  | StartMessageMoveTask
  | CancelMessageMoveTask
  | SqsBatch
  | TagQueue
  | UntagQueue
  | AddPermission
  | RemovePermission
  | CreateQueue
  | DeleteQueue
  | Hangup;

/** The sum of a batch's messages is at most this (S19). */
export const BATCH_BYTES_MAX = 1_048_576;

/** Codes of the API's errors that the machine answers with. */
export const SQS_ERRORS = {
  noQueue: 'QueueDoesNotExist',
  missing: 'MissingParameter',
  invalid: 'InvalidParameterValue',
  contents: 'InvalidMessageContents',
  handle: 'ReceiptHandleIsInvalid',
  overLimit: 'OverLimit',
  throttled: 'RequestThrottled',
  purging: 'PurgeQueueInProgress',
  notFound: 'ResourceNotFoundException',
  exists: 'QueueNameExists',
  deletedRecently: 'QueueDeletedRecently',
  attributeName: 'InvalidAttributeName',
  attributeValue: 'InvalidAttributeValue',
  emptyBatch: 'EmptyBatchRequest',
  tooMany: 'TooManyEntriesInBatchRequest',
  batchId: 'InvalidBatchEntryId',
  notDistinct: 'BatchEntryIdsNotDistinct',
  batchTooLong: 'BatchRequestTooLong',
} as const;
