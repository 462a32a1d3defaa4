/**
 * What calls of SQS are refused for by themselves, before anything is looked up in the queue: a receive or a send beyond the limits of its fields, and batches that are
 * refused as a whole (S19). An entry of a batch that is looked at is carried out by the code of the single action.
 */
import type { Micros } from '../types.ts';
import type { Live } from './sqs-live.ts';
import { LONGEST_INVISIBLE_US } from './sqs-options.ts';
import {
  BATCH_BYTES_MAX,
  SQS_ERRORS as ERROR,
  type ReceiveMessage,
  type SendMessage,
  type SqsBatch,
} from './sqs-verbs.ts';

/** The longest WaitTimeSeconds and DelaySeconds. */
const WAIT_US_MAX = 20_000_000;
const DELAY_US_MAX = 900_000_000;
/** Message group and deduplication ids: 1–128 printable characters without space (S24). */
const ID = /^[\x21-\x7e]{1,128}$/;

const ENTRIES_MAX = 10;
/** Ids of entries: 1–80 letters, digits, hyphens and underscores. */
const ENTRY_ID = /^[A-Za-z0-9_-]{1,80}$/;

/**
 * Why a batch is refused as a whole; '' when its entries are looked at one by one (S19). `fifo` and `contentDedup` are the queue's: where one entry lacks the
 * group or the id that a FIFO queue needs, none is looked at (S24).
 */
export function errorOfBatch(request: SqsBatch, fifo: boolean, contentDedup: boolean): string {
  const { entries } = request;
  if (entries.length === 0) return ERROR.emptyBatch;
  if (entries.length > ENTRIES_MAX) return ERROR.tooMany;
  if (!entries.every(({ id }) => ENTRY_ID.test(id))) return ERROR.batchId;
  if (new Set(entries.map(({ id }) => id)).size < entries.length) return ERROR.notDistinct;
  let bytes = 0;
  for (const { request: one } of entries) {
    if (one.type !== 'SendMessage') continue;
    bytes += one.sizeBytes;
    if (fifo && one.group === '') return ERROR.missing;
    if (fifo && one.dedupId === null && !contentDedup) return ERROR.invalid;
  }
  return bytes > BATCH_BYTES_MAX ? ERROR.batchTooLong : '';
}

/** Why a ReceiveMessage is refused; '' when it is not. */
export function errorOfReceive({ max, waitUs, visibilityUs }: ReceiveMessage): string {
  const isFine = max >= 1 && max <= 10 && isTime(waitUs, WAIT_US_MAX) && isTime(visibilityUs, LONGEST_INVISIBLE_US);
  return isFine ? '' : ERROR.invalid;
}

/** Whether a time in µs is not given (−1), or within the limits. */
function isTime(us: Micros, most: Micros): boolean {
  return us === -1 || (us >= 0 && us <= most);
}

/** Why a SendMessage is refused; '' when it is not (S16, S23, S24). */
export function errorOfSend({ dedup, contentDedup, maxBytes }: Live, request: SendMessage): string {
  const { group, dedupId, delayUs, sizeBytes, body, badAttributes } = request;
  if (body !== undefined) return body === 'empty' ? ERROR.missing : ERROR.contents;
  if (badAttributes) return ERROR.invalid;
  if (sizeBytes > maxBytes || !isTime(delayUs, DELAY_US_MAX)) return ERROR.invalid;
  // S23: on a standard queue a group is taken too, if it is one.
  if (dedup === null) return dedupId === null && (group === '' || ID.test(group)) ? '' : ERROR.invalid;
  if (group === '') return ERROR.missing;
  if (!ID.test(group) || delayUs > 0) return ERROR.invalid;
  const known = dedupId === null ? contentDedup : ID.test(dedupId);
  return known ? '' : ERROR.invalid;
}
