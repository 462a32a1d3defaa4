/**
 * A queue of SQS with its settings and whoever waits at it: made from attributes, told as attributes, changed by attributes. What is in it and who
 * may receive it is the business of `SqsQueue`, and what happens to it that of the service.
 */

import type { Setup, Site, Wire } from '../machine.ts';
import { booleanOf, numberOf, type OptionValues, tableOf, textOf } from '../options.ts';
import { DedupWindow } from '../parts/dedup-window.ts';
import { Fifo } from '../parts/fifo.ts';
import type { ActorId, FactId, Micros, PlaceId } from '../types.ts';
import { type AllowPolicy, allowPolicyOf, isFifoQueue } from './sqs-attributes.ts';
import { QueueLabels } from './sqs-labels.ts';
import { SqsQueue } from './sqs-queue.ts';
import { SqsQuotas } from './sqs-quotas.ts';
import type { QueueAttributes, ReceivedMessage, ReceiveMessage } from './sqs-verbs.ts';

const SECOND = 1_000_000;
/** An id is recognised for five minutes (S29). */
export const DEDUP_US = 300 * SECOND;

export interface QueueTimer extends Wire {
  readonly type: 'visible' | 'retention' | 'polls-over';
  readonly queue: string;
}

/** A long poll that waits for messages (S14). */
export interface Poll {
  readonly from: ActorId;
  readonly request: ReceiveMessage;
  readonly untilUs: Micros;
  readonly cause: FactId;
}

/** What a ReceiveRequestAttemptId got, and until when that is invisible (S31). */
export interface Attempt {
  readonly atUs: Micros;
  readonly handed: readonly ReceivedMessage[];
  untilUs: Micros;
}

/** A queue with its settings and the long polls that wait at it. */
export interface Live {
  readonly name: string;
  readonly place: PlaceId;
  readonly queue: SqsQueue;
  visibilityUs: Micros;
  delayUs: Micros;
  retentionUs: Micros;
  waitUs: Micros;
  maxBytes: number;
  deadLetter: string;
  maxReceiveCount: number;
  contentDedup: boolean;
  allows: AllowPolicy;
  readonly labels: QueueLabels;
  readonly dedupPerGroup: boolean;
  /** What GetQueueAttributes tells of it: a later change of the scope is told, and recognises repeats as before (S30). */
  scope: string;
  throughput: string;
  /** Message ids by deduplication id, on FIFO queues. */
  readonly dedup: DedupWindow<number> | null;
  /** Null on standard queues, which take any number of calls. */
  quotas: SqsQuotas | null;
  readonly polls: Fifo<Poll>;
  /** By ReceiveRequestAttemptId, in the order of asking; null until one comes. */
  attempts: Map<string, Attempt> | null;
  /** What may go otherwise by chance on a standard queue; all 0 unless asked for. */
  readonly outOfOrder: number;
  readonly shortPollMisses: number;
  readonly duplicates: number;
  readonly staleDeletes: number;
  /** Where that is decided. */
  readonly chance: { readonly order: Site; readonly misses: Site; readonly duplicates: Site; readonly stale: Site };
  purgedAtUs: Micros;
  /** When the timer for the next deadline will fire; Infinity when none is set. The same for the age of messages and for polls. */
  visibleAtUs: Micros;
  retentionAtUs: Micros;
  pollsAtUs: Micros;
  readonly visibleTimer: QueueTimer;
  readonly pollsTimer: QueueTimer;
}

/** A new and empty queue. */
export function liveQueue(name: string, options: OptionValues, setup: Setup, atUs: Micros): Live {
  const fifo = isFifoQueue(name, options);
  const redrive = tableOf(options, 'RedrivePolicy');
  return {
    name,
    place: setup.place(name, 'queue'),
    queue: new SqsQueue(fifo),
    visibilityUs: numberOf(options, 'VisibilityTimeout', 30 * SECOND),
    delayUs: numberOf(options, 'DelaySeconds'),
    retentionUs: numberOf(options, 'MessageRetentionPeriod', 345_600 * SECOND),
    waitUs: numberOf(options, 'ReceiveMessageWaitTimeSeconds'),
    maxBytes: numberOf(options, 'MaximumMessageSize', 1_048_576),
    deadLetter: redrive === undefined ? '' : textOf(redrive, 'deadLetterTargetArn'),
    maxReceiveCount: redrive === undefined ? 0 : numberOf(redrive, 'maxReceiveCount', 10),
    contentDedup: booleanOf(options, 'ContentBasedDeduplication'),
    allows: allowPolicyOf(options),
    labels: new QueueLabels(atUs, options),
    dedupPerGroup: textOf(options, 'DeduplicationScope') === 'messageGroup',
    scope: textOf(options, 'DeduplicationScope', 'queue'),
    throughput: textOf(options, 'FifoThroughputLimit', 'perQueue'),
    dedup: fifo ? new DedupWindow(DEDUP_US) : null,
    quotas: fifo ? new SqsQuotas(textOf(options, 'FifoThroughputLimit') === 'perMessageGroupId') : null,
    polls: new Fifo(),
    attempts: null,
    outOfOrder: fifo ? 0 : numberOf(options, 'out-of-order'),
    shortPollMisses: fifo ? 0 : numberOf(options, 'short-poll-misses'),
    duplicates: fifo ? 0 : numberOf(options, 'duplicates'),
    staleDeletes: fifo ? 0 : numberOf(options, 'stale-deletes'),
    chance: {
      order: setup.site(`${name}/out-of-order`),
      misses: setup.site(`${name}/short-poll-misses`),
      duplicates: setup.site(`${name}/duplicates`),
      stale: setup.site(`${name}/stale-deletes`),
    },
    purgedAtUs: Number.NEGATIVE_INFINITY,
    visibleAtUs: Number.POSITIVE_INFINITY,
    retentionAtUs: Number.POSITIVE_INFINITY,
    pollsAtUs: Number.POSITIVE_INFINITY,
    visibleTimer: { type: 'visible', queue: name },
    pollsTimer: { type: 'polls-over', queue: name },
  };
}

/** What GetQueueAttributes tells of the settings, durations in µs. */
export function settingsOf(live: Live): OptionValues {
  const { deadLetter: deadLetterTargetArn, maxReceiveCount, scope, throughput } = live;
  return {
    VisibilityTimeout: live.visibilityUs,
    DelaySeconds: live.delayUs,
    MessageRetentionPeriod: live.retentionUs,
    ReceiveMessageWaitTimeSeconds: live.waitUs,
    MaximumMessageSize: live.maxBytes,
    ...(deadLetterTargetArn !== '' && { RedrivePolicy: { deadLetterTargetArn, maxReceiveCount } }),
    ...(live.allows.permission !== 'allowAll' && { RedriveAllowPolicy: allowPolicyTold(live.allows) }),
    ...live.labels.attributes,
    ...(live.queue.fifo && {
      FifoQueue: true,
      ContentBasedDeduplication: live.contentDedup,
      DeduplicationScope: scope,
      FifoThroughputLimit: throughput,
    }),
  };
}

/** Whether a queue has other settings than these, of those that CreateQueue compares. */
export function differs(live: Live, attributes: OptionValues): boolean {
  const redrive = tableOf(attributes, 'RedrivePolicy');
  return (
    numberOf(attributes, 'VisibilityTimeout', live.visibilityUs) !== live.visibilityUs ||
    numberOf(attributes, 'DelaySeconds', live.delayUs) !== live.delayUs ||
    numberOf(attributes, 'MessageRetentionPeriod', live.retentionUs) !== live.retentionUs ||
    numberOf(attributes, 'ReceiveMessageWaitTimeSeconds', live.waitUs) !== live.waitUs ||
    numberOf(attributes, 'MaximumMessageSize', live.maxBytes) !== live.maxBytes ||
    booleanOf(attributes, 'ContentBasedDeduplication', live.contentDedup) !== live.contentDedup ||
    textOf(attributes, 'DeduplicationScope', live.scope) !== live.scope ||
    textOf(attributes, 'FifoThroughputLimit', live.throughput) !== live.throughput ||
    (redrive !== undefined &&
      (textOf(redrive, 'deadLetterTargetArn') !== live.deadLetter ||
        numberOf(redrive, 'maxReceiveCount', live.maxReceiveCount) !== live.maxReceiveCount))
  );
}

/** Takes over what is given; a change of the delay or the retention has yet to be carried out on what is in the queue. */
export function changeSettings(live: Live, attributes: QueueAttributes, now: Micros): void {
  const { VisibilityTimeout, DelaySeconds, MessageRetentionPeriod, ReceiveMessageWaitTimeSeconds } = attributes;
  live.labels.change(attributes as OptionValues, now);
  if (attributes.RedriveAllowPolicy !== undefined) live.allows = allowPolicyOf(attributes as OptionValues);
  live.visibilityUs = VisibilityTimeout ?? live.visibilityUs;
  live.delayUs = DelaySeconds ?? live.delayUs;
  live.retentionUs = MessageRetentionPeriod ?? live.retentionUs;
  live.waitUs = ReceiveMessageWaitTimeSeconds ?? live.waitUs;
  live.maxBytes = attributes.MaximumMessageSize ?? live.maxBytes;
  live.contentDedup = attributes.ContentBasedDeduplication ?? live.contentDedup;
  live.scope = attributes.DeduplicationScope ?? live.scope;
  const throughput = attributes.FifoThroughputLimit ?? live.throughput;
  if (throughput !== live.throughput) live.quotas = new SqsQuotas(throughput === 'perMessageGroupId');
  live.throughput = throughput;
  live.deadLetter = attributes.RedrivePolicy?.deadLetterTargetArn ?? live.deadLetter;
  live.maxReceiveCount = attributes.RedrivePolicy?.maxReceiveCount ?? live.maxReceiveCount;
}

/** As the API tells it: queues are listed only where they matter. */
function allowPolicyTold({ permission, sources }: AllowPolicy): OptionValues {
  return { redrivePermission: permission, ...(sources.length > 0 && { sourceQueueArns: sources }) };
}
