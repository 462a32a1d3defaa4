/**
 * Kafka's log cleaner for one replica: which part of a compacted log may be cleaned, and one pass over it. A pass indexes the newest offset of each key
 * in the dirty section, then copies everything below what it indexed and leaves out what is outdated: older values of a key, tombstones
 * and transaction markers whose time has come, records of aborted transactions. Order and offsets never change (K82). When a pass is
 * due is asked by the broker; what became of producers and transactions is told by the replica.
 */
import type { Micros } from '../types.ts';
import type { LogRecord, PartitionLog, Segment } from './partition-log.ts';
import { type LastRecord, sequenceAfter } from './producer-state.ts';
import type { AbortedTransaction } from './txn-index.ts';

/** What is dirty: [firstDirty, end) can be cleaned now. */
export interface Cleanable {
  readonly firstDirty: number;
  readonly end: number;
  /** Share of the cleanable bytes among all that would be looked at, 0 to 1. */
  readonly dirtyRatio: number;
  /** Whether a pass is due. */
  readonly due: boolean;
}

/** What a pass needs to know besides the log. */
export interface CleanRequest {
  readonly now: Micros;
  /** First offset that is not to be cleaned. */
  readonly end: number;
  /** How many keys the index takes; a pass goes as far as it reaches. */
  readonly capacityKeys: number;
  /** In the order in which they were finished. */
  readonly aborted: readonly AbortedTransaction[];
  /** The end of what an active producer wrote; undefined when it is not remembered any more. */
  readonly lastRecordOf: (producerId: number) => LastRecord | undefined;
}

export interface CleanResult<V> {
  /** Where the next pass begins to index. */
  readonly nextDirty: number;
  readonly messagesRead: number;
  readonly messagesWritten: number;
  /** Records without a key, which a compacted log cannot keep. */
  readonly droppedUnkeyed: number;
  readonly removed: readonly LogRecord<V>[];
}

/** The newest offset of each key in a dirty section. */
export interface OffsetMap {
  readonly offsets: ReadonlyMap<string, number>;
  /** Last offset of the last batch that was indexed as a whole. */
  readonly latest: number;
  readonly messagesRead: number;
}

/** Indexes [from, below), batch by batch, until the map is full. It reads from the start of the segment that `from` lies in. Source: K83. */
export function buildOffsetMap<V>(
  log: PartitionLog<V>,
  from: number,
  below: number,
  capacityKeys: number,
  aborted: readonly AbortedTransaction[],
): OffsetMap {
  const offsets = new Map<string, number>();
  const txns = new CleanedTransactions(aborted);
  let latest = from - 1;
  let messagesRead = 0;
  const { allSegments } = log;
  for (let i = 0; i < allSegments.length; i++) {
    const segment = allSegments[i] as Segment<V>;
    if (segment.baseOffset >= below) break;
    if ((allSegments[i + 1]?.baseOffset ?? log.endOffset) <= from) continue;
    for (const batch of batchesOf(segment.records)) {
      const first = batch[0] as LogRecord<V>;
      if (first.offset >= below) return { offsets, latest, messagesRead };
      const isMarker = first.control === 'COMMIT' || first.control === 'ABORT';
      let counts = false;
      if (isMarker) txns.sawMarker(first);
      else counts = !txns.sawBatch(first);
      for (const record of batch) {
        if (counts && record.key !== null && record.offset >= from) {
          if (offsets.size >= capacityKeys && !offsets.has(record.key)) return { offsets, latest, messagesRead };
          offsets.set(record.key, record.offset);
        }
        messagesRead++;
      }
      if (first.batchLast >= from) latest = first.batchLast;
    }
  }
  return { offsets, latest: Math.max(latest, below - 1), messagesRead };
}

export class LogCleaner<V> {
  /** Everything below was indexed by some pass. */
  private firstDirty = 0;
  /** By first offset of a batch: when its tombstones, or the marker that it is, may go. Set by the first pass that sees them. Source: K84, K85. */
  private readonly horizons = new Map<number, Micros>();

  /** How far the log may be cleaned: not the active segment, nothing at or above `lastStableOffset`, nothing younger than the compaction lag. Source: K83, K85. */
  cleanable(log: PartitionLog<V>, lastStableOffset: number, now: Micros): Cleanable {
    const { allSegments, compaction, startOffset } = log;
    const firstDirty = Math.max(this.firstDirty, startOffset);
    const active = allSegments[allSegments.length - 1] as Segment<V>;
    let end = Math.min(active.baseOffset, lastStableOffset);
    let cleanBytes = 0;
    let dirtyBytes = 0;
    let oldestDirtyUs = Number.MAX_SAFE_INTEGER;
    const minLagUs = compaction?.minLagUs ?? 0;
    for (let i = 0; i < allSegments.length; i++) {
      const segment = allSegments[i] as Segment<V>;
      if (segment.baseOffset >= end) break;
      const dirty = (allSegments[i + 1]?.baseOffset ?? log.endOffset) > firstDirty;
      if (dirty && minLagUs > 0 && segment.largestTimestampUs > now - minLagUs) {
        end = Math.max(firstDirty, segment.baseOffset);
        break;
      }
      if (dirty) {
        dirtyBytes += segment.bytes;
        oldestDirtyUs = Math.min(oldestDirtyUs, segment.firstTimestampUs);
      } else cleanBytes += segment.bytes;
    }
    const dirtyRatio = dirtyBytes === 0 ? 0 : dirtyBytes / (cleanBytes + dirtyBytes);
    const maxLagUs = compaction?.maxLagUs ?? -1;
    const overdue = maxLagUs >= 0 && now - oldestDirtyUs > maxLagUs;
    const due = end > firstDirty && (overdue || dirtyRatio > (compaction?.minDirtyRatio ?? 0.5));
    return { firstDirty, end, dirtyRatio, due };
  }

  /** One pass, beginning to index at `from`. Source: K82-K85. */
  clean(log: PartitionLog<V>, from: number, request: CleanRequest): CleanResult<V> {
    const { now, end, aborted, lastRecordOf } = request;
    const map = buildOffsetMap(log, from, end, request.capacityKeys, aborted);
    const txns = new CleanedTransactions(aborted);
    const horizonUs = now + (log.compaction?.deleteRetentionUs ?? 0);
    const removed: LogRecord<V>[] = [];
    let messagesRead = 0;
    let messagesWritten = 0;
    let droppedUnkeyed = 0;
    log.rewrite(map.latest + 1, (records) => {
      const kept: LogRecord<V>[] = [];
      for (const batch of batchesOf(records)) {
        const first = batch[0] as LogRecord<V>;
        const isData = first.control === 'none' || first.control === 'EMPTY';
        const discards = isData ? txns.sawBatch(first) : txns.sawMarker(first);
        const horizon = this.horizons.get(first.batchBase);
        let retained = 0;
        let keepsTombstone = false;
        for (const record of batch) {
          if (record.control === 'EMPTY') continue;
          messagesRead++;
          let keeps: boolean;
          if (!isData) keeps = !(discards && horizon !== undefined && horizon <= now);
          else if (discards) keeps = false;
          else if (record.offset > map.latest) keeps = true;
          else if (record.key === null) {
            droppedUnkeyed++;
            keeps = false;
          } else {
            const isNewest = record.offset >= (map.offsets.get(record.key) ?? -1);
            keeps = isNewest && (!record.tombstone || horizon === undefined || now < horizon);
          }
          if (keeps) {
            kept.push(record);
            retained++;
            keepsTombstone ||= isData && record.tombstone && record.offset <= map.latest;
          } else removed.push(record);
        }
        messagesWritten += retained;
        if (horizon === undefined && retained > 0 && (keepsTombstone || (!isData && discards)))
          this.horizons.set(first.batchBase, horizonUs);
        if (retained > 0) continue;
        this.horizons.delete(first.batchBase);
        if (endsProducer(first, lastRecordOf)) kept.push(emptyBatch(batch[batch.length - 1] as LogRecord<V>));
      }
      return kept;
    });
    this.firstDirty = map.latest + 1;
    return { nextDirty: this.firstDirty, messagesRead, messagesWritten, droppedUnkeyed, removed };
  }

  /** The log was cut: what is written there now is dirty. */
  truncated(offset: number): void {
    this.firstDirty = Math.min(this.firstDirty, offset);
    for (const base of [...this.horizons.keys()]) if (base >= offset) this.horizons.delete(base);
  }
}

/** Whether the batch holds what is last known of its producer: its last sequence number, or a marker that raised its epoch. Source: K35, K85. */
function endsProducer<V>(
  { producerId, batchLast, control, producerEpoch, sequence }: LogRecord<V>,
  lastRecordOf: CleanRequest['lastRecordOf'],
): boolean {
  const last = producerId < 0 ? undefined : lastRecordOf(producerId);
  if (last === undefined) return false;
  if (last.dataOffset >= 0) return batchLast === last.dataOffset;
  return control !== 'none' && (control !== 'EMPTY' || sequence < 0) && producerEpoch === last.epoch;
}

/** What is left of a batch whose records are gone: where it ended, and with which sequence number; of a marker, whose epoch it had. */
function emptyBatch<V>(last: LogRecord<V>): LogRecord<V> {
  if (last.control === 'EMPTY') return last;
  const sequence = last.sequence < 0 ? -1 : sequenceAfter(last.sequence, last.batchLast - last.offset);
  return {
    ...last,
    offset: last.batchLast,
    key: null,
    value: null,
    tombstone: false,
    sequence,
    transactional: last.transactional && last.control === 'none',
    control: 'EMPTY',
    sizeBytes: EMPTY_BATCH_BYTES,
  };
}

/** Size of a batch without records on disk. */
const EMPTY_BATCH_BYTES = 61;

/** Which transactions a pass has met on its way, in log order: markers may go only when nothing of their transaction is left. Source: K85. */
class CleanedTransactions {
  private readonly aborted: readonly AbortedTransaction[];
  private next = 0;
  /** Aborted ones under way, by producer: whether a batch of it was met. */
  private readonly aborting = new Map<number, boolean>();
  private readonly committing = new Set<number>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.aborted = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** A batch of data; true when its transaction was aborted. */
  sawBatch({ producerId, transactional, batchLast }: LogRecord<unknown>): boolean {
    this.advance(batchLast);
    if (!transactional) return false;
    if (this.aborting.has(producerId)) {
      this.aborting.set(producerId, true);
      return true;
    }
    this.committing.add(producerId);
    return false;
  }

  /** A marker; true when nothing of its transaction was met. */
  sawMarker({ producerId, control, batchLast }: LogRecord<unknown>): boolean {
    this.advance(batchLast);
    if (control === 'COMMIT') return !this.committing.delete(producerId);
    const met = this.aborting.get(producerId);
    this.aborting.delete(producerId);
    return met !== true;
  }

  private advance(offset: number): void {
    for (
      let txn = this.aborted[this.next];
      txn !== undefined && txn.firstOffset <= offset;
      txn = this.aborted[this.next]
    ) {
      this.aborting.set(txn.producerId, false);
      this.next++;
    }
  }
}

function* batchesOf<V>(records: readonly LogRecord<V>[]): Generator<readonly LogRecord<V>[]> {
  let first = 0;
  while (first < records.length) {
    const base = (records[first] as LogRecord<V>).batchBase;
    let after = first + 1;
    while (after < records.length && records[after]?.batchBase === base) after++;
    yield records.slice(first, after);
    first = after;
  }
}
