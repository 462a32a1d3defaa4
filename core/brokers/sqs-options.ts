/** SQS's attributes and the settings of its clients, under their real names, with defaults and limits. Only tables. */
import { backoffOptions } from '../clients/backoff.ts';
import { gatheringOptions } from '../clients/sqs-gathering.ts';
import type { OptionTable } from '../options.ts';
import type { Micros } from '../types.ts';

const SECOND = 1_000_000;
/** A message stays invisible at most this long after a receive (S4). */
export const LONGEST_INVISIBLE_US: Micros = 43_200 * SECOND;

export const QUEUE_OPTIONS: OptionTable = {
  VisibilityTimeout: {
    type: 'duration',
    unit: 's',
    default: 30 * SECOND,
    min: 0,
    max: LONGEST_INVISIBLE_US,
    doc: 'How long a received message stays hidden from other consumers, counted from the receive. 0 leaves it visible. It should be longer than the work.',
    source: 'S2',
  },
  DelaySeconds: {
    type: 'duration',
    unit: 's',
    default: 0,
    min: 0,
    max: 900 * SECOND,
    doc: 'New messages stay hidden for so long. A message timer of a producer overrides it on standard queues.',
    source: 'S16',
  },
  MessageRetentionPeriod: {
    type: 'duration',
    unit: 's',
    default: 345_600 * SECOND,
    min: 60 * SECOND,
    max: 1_209_600 * SECOND,
    doc: 'Messages older than this are deleted, in flight or not. In a standard dead-letter queue the age counts from the first enqueue.',
    source: 'S11, S17',
  },
  ReceiveMessageWaitTimeSeconds: {
    type: 'duration',
    unit: 's',
    default: 0,
    min: 0,
    max: 20 * SECOND,
    doc: 'Default wait of a receive that names none: above 0 it is a long poll, which answers as soon as one message is there.',
    source: 'S14',
  },
  MaximumMessageSize: {
    type: 'bytes',
    default: 1_048_576,
    min: 1024,
    max: 1_048_576,
    doc: 'Larger messages are refused.',
    source: 'API CreateQueue',
  },
  RedrivePolicy: {
    type: 'object',
    doc: 'Where messages go that were received too often without being deleted.',
    source: 'S9',
    fields: {
      deadLetterTargetArn: {
        type: 'text',
        names: 'queue',
        doc: 'The dead-letter queue, by its name here. It must be of the same kind (standard or FIFO).',
        source: 'S10',
      },
      maxReceiveCount: {
        type: 'integer',
        default: 10,
        min: 1,
        max: 1000,
        doc: 'A message is received at most so many times; the receive that would exceed it moves it instead.',
        source: 'S9',
      },
    },
  },
  RedriveAllowPolicy: {
    type: 'object',
    doc: 'Which queues may name this one as their dead-letter queue.',
    source: 'S10',
    fields: {
      redrivePermission: {
        type: 'enum',
        values: ['allowAll', 'denyAll', 'byQueue'],
        default: 'allowAll',
        doc: 'Any queue, none, or those that are listed.',
        source: 'S10',
      },
      sourceQueueArns: {
        type: 'list',
        doc: 'With byQueue: one to ten queues, by their names here.',
        source: 'S10',
      },
    },
  },
  FifoQueue: {
    type: 'boolean',
    default: false,
    doc: 'First in, first out within each message group (the message key). A name that ends in .fifo says the same.',
    source: 'S24',
  },
  ContentBasedDeduplication: {
    type: 'boolean',
    default: false,
    doc: 'FIFO only: a message that is sent again without an id of its own is recognised by its content for five minutes.',
    source: 'S29',
  },
  DeduplicationScope: {
    type: 'enum',
    values: ['queue', 'messageGroup'],
    default: 'queue',
    doc: 'FIFO only: whether an id is recognised over the whole queue or within its message group.',
    source: 'S29',
  },
  FifoThroughputLimit: {
    type: 'enum',
    values: ['perQueue', 'perMessageGroupId'],
    default: 'perQueue',
    doc: 'FIFO only: each action may be called 300 times a second. `perQueue` counts the calls to the queue, a batch as one; `perMessageGroupId` (high throughput, which needs DeduplicationScope: messageGroup) counts the sends of each message group, and receives and deletes are not limited. A call beyond it is refused as RequestThrottled, and clients try again later.',
    source: 'S34',
  },
  'out-of-order': {
    type: 'number',
    default: 0,
    min: 0,
    max: 1,
    doc: 'Standard only: the probability that the next message of a receive is not the oldest but one that came shortly after it (one to nine places later), as the order is best effort.',
    source: 'S22',
  },
  'short-poll-misses': {
    type: 'number',
    default: 0,
    min: 0,
    max: 1,
    doc: 'Standard only: the probability that a short poll comes back empty although messages are there, since it asks only some of the servers.',
    source: 'S15',
  },
  duplicates: {
    type: 'number',
    default: 0,
    min: 0,
    max: 1,
    doc: 'Standard only: the probability that a message is there again after it was deleted, from a server that did not hear of it.',
    source: 'S21',
  },
  'stale-deletes': {
    type: 'number',
    default: 0,
    min: 0,
    max: 1,
    doc: 'Standard only: the probability that the receipt handle of an earlier receive deletes the message although it was received again since. The request succeeds in any case.',
    source: 'S6',
  },
};

export const PRODUCER_OPTIONS: OptionTable = {
  DelaySeconds: {
    type: 'duration',
    unit: 's',
    min: 0,
    max: 900 * SECOND,
    doc: "Message timer: overrides the queue's delay on standard queues.",
    source: 'S16',
  },
  MessageDeduplicationId: {
    type: 'enum',
    values: ['message', 'none'],
    default: 'message',
    doc: 'FIFO only: `message` sends an id of the message itself, so a retry is recognised; `none` relies on ContentBasedDeduplication.',
    source: 'S24, S29',
  },
  'request-timeout': {
    type: 'duration',
    unit: 'ms',
    default: 2 * SECOND,
    min: 1000,
    doc: 'How long the client waits for an answer before it tries again.',
    source: 'AWS SDK: client setting',
  },
  retries: {
    type: 'integer',
    default: 2,
    min: 0,
    max: 1_000_000,
    doc: 'How often a send is tried again when no answer came or the service refused it for now. The SDKs make 3 attempts in all.',
    source: 'AWS SDK: standard retry mode',
  },
  'retry-backoff': {
    type: 'duration',
    unit: 'ms',
    default: 100_000,
    min: 0,
    doc: 'Wait before the first retry.',
    source: 'AWS SDK: standard retry mode',
  },
  ...backoffOptions('retry-', 'exponential', 20_000_000),
  ...gatheringOptions('SendMessageBatch'),
};

export const CONSUMER_OPTIONS: OptionTable = {
  WaitTimeSeconds: {
    type: 'duration',
    unit: 's',
    default: 20 * SECOND,
    min: 0,
    max: 20 * SECOND,
    doc: 'How long a receive waits for a message. Consumers here poll long unless told otherwise; the API default is 0, a short poll.',
    source: 'S14, S15',
  },
  'poll-interval': {
    type: 'duration',
    unit: 'ms',
    default: SECOND,
    min: 1000,
    doc: 'With short polls: the pause after a receive that returned nothing.',
    source: 'S15',
  },
  MaxNumberOfMessages: {
    type: 'integer',
    default: 10,
    min: 1,
    max: 10,
    doc: 'At most so many messages in one receive, and never more than the consumer has room for (prefetch). The API default is 1.',
    source: 'API ReceiveMessage',
  },
  VisibilityTimeout: {
    type: 'duration',
    unit: 's',
    min: 0,
    max: LONGEST_INVISIBLE_US,
    doc: "Visibility timeout of this consumer's receives, instead of the queue's.",
    source: 'S2',
  },
  'request-timeout': {
    type: 'duration',
    unit: 'ms',
    default: 2 * SECOND,
    min: 1000,
    doc: 'How long the client waits for an answer (beyond the wait of a long poll) before it tries again.',
    source: 'AWS SDK: client setting',
  },
  retries: {
    type: 'integer',
    default: 2,
    min: 0,
    max: 1_000_000,
    doc: 'How often a delete is tried again when no answer came.',
    source: 'AWS SDK: standard retry mode',
  },
  ...gatheringOptions('DeleteMessageBatch'),
};
