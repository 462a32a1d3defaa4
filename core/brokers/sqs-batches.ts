/**
 * Which batches of SQS are looked at entry by entry, and which are refused as a whole (S19). An entry is carried out by the code of the single action.
 */
import { SQS_ERRORS as ERROR, type SqsBatch } from './sqs-verbs.ts';

const ENTRIES_MAX = 10;
/** The sum of a batch's messages. */
export const BATCH_BYTES_MAX = 1_048_576;
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
