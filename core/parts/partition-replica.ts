/**
 * One replica of a Kafka partition: its log together with what can be computed from the log, the producers' sequence numbers and the
 * transactions. It checks and appends as a leader, copies as a follower, cuts back, and reads at either isolation level. It does
 * not know whether it leads, who else has a copy, or when to answer: the broker does.
 */
import type { Micros } from '../types.ts';
import { type Cleanable, type CleanResult, LogCleaner } from './log-cleaner.ts';
import type { LogRecord, PartitionLogOptions } from './partition-log.ts';
import { PartitionLog } from './partition-log.ts';
import type { SequenceError } from './producer-state.ts';
import { ProducerStates, sequenceAfter, sequenceBefore } from './producer-state.ts';
import type { TxnResult } from './txn-coordinator.ts';
import type { AbortedTransaction } from './txn-index.ts';
import { AbortedFilter, TxnIndex } from './txn-index.ts';

/** A record as a client sends it. */
export interface NewRecord<V> {
  readonly key: string | null;
  readonly value: V | null;
  readonly timestampUs: Micros;
  readonly sizeBytes: number;
  /** A record that deletes its key, although it has a value here. A null value is one as well. Source: K84. */
  readonly tombstone?: boolean;
}

/** A batch as a client sends it. `producerId` -1: not idempotent, and the three after it mean nothing. `firstSequence` -1 with a
 *  producer id: offsets committed in a transaction, which carry no sequence numbers. */
export interface NewBatch<V> {
  readonly producerId: number;
  readonly epoch: number;
  readonly firstSequence: number;
  readonly transactional: boolean;
  readonly records: readonly NewRecord<V>[];
}

export type AppendResult =
  | { readonly type: 'appended' | 'duplicate'; readonly firstOffset: number; readonly lastOffset: number }
  | { readonly type: 'refused'; readonly error: SequenceError | 'INVALID_RECORD' };

export type IsolationLevel = 'read_uncommitted' | 'read_committed';

export interface ReadResult<V> {
  readonly records: readonly LogRecord<V>[];
  readonly sizeBytes: number;
  /** Aborted transactions that touch what was read; empty at read_uncommitted. */
  readonly aborted: readonly AbortedTransaction[];
}

/** What ListOffsets may be asked for: an end of the log, or the first record at or after a time. */
export type OffsetQuery = 'earliest' | 'latest' | { readonly timeUs: Micros };

export class PartitionReplica<V> {
  readonly log: PartitionLog<V>;
  private readonly producers = new ProducerStates();
  private readonly txns = new TxnIndex();
  private readonly cleaner = new LogCleaner<V>();

  constructor(options: PartitionLogOptions) {
    this.log = new PartitionLog(options);
  }

  /** Where read_committed readers stop. Source: K45. */
  get lastStableOffset(): number {
    return this.txns.lastStableOffset(this.log.highWatermark, this.log.startOffset);
  }

  /** First offset of the earliest transaction that is open for readers; undefined when there is none. Source: K45. */
  get firstUnstableOffset(): number | undefined {
    return this.txns.firstUnstableOffset(this.log.highWatermark, this.log.startOffset);
  }

  /** Aborted transactions in the order in which they were finished. */
  get abortedTransactions(): readonly AbortedTransaction[] {
    return this.txns.aborted();
  }

  /** Checks a client's batch and appends it in `leaderEpoch`. A refused batch writes nothing: a compacted log takes no record without a key.
   *  Source: K32, K82. */
  appendAsLeader(batch: NewBatch<V>, leaderEpoch: number, now: Micros): AppendResult {
    const idempotent = batch.producerId >= 0 && batch.firstSequence >= 0;
    const firstOffset = this.log.endOffset;
    const lastOffset = firstOffset + batch.records.length - 1;
    if (this.log.compaction !== undefined && batch.records.some(({ key }) => key === null))
      return { type: 'refused', error: 'INVALID_RECORD' };
    if (idempotent) {
      const verdict = this.producers.check(batch, batch.records.length);
      if (verdict.type !== 'append') return verdict;
    } else if (batch.producerId >= 0) {
      const error = this.producers.checkMarker(batch.producerId, batch.epoch, Number.MAX_SAFE_INTEGER);
      if (error !== undefined) return { type: 'refused', error };
    }
    const records: LogRecord<V>[] = [];
    for (let i = 0; i < batch.records.length; i++) {
      const record = batch.records[i] as NewRecord<V>;
      records.push({
        offset: firstOffset + i,
        batchBase: firstOffset,
        batchLast: lastOffset,
        leaderEpoch,
        timestampUs: record.timestampUs,
        key: record.key,
        value: record.value,
        tombstone: record.tombstone === true || record.value === null,
        sizeBytes: record.sizeBytes,
        producerId: batch.producerId,
        producerEpoch: batch.epoch,
        sequence: idempotent ? sequenceAfter(batch.firstSequence, i) : -1,
        transactional: batch.transactional,
        control: 'none',
        coordinatorEpoch: 0,
      });
    }
    this.log.append(records);
    this.learnBatch(records, now);
    return { type: 'appended', firstOffset, lastOffset };
  }

  /** Writes a transaction marker. Source: K34, K40, K43. */
  appendMarker(
    producerId: number,
    epoch: number,
    result: TxnResult,
    coordinatorEpoch: number,
    leaderEpoch: number,
    now: Micros,
  ): AppendResult {
    const error = this.producers.checkMarker(producerId, epoch, coordinatorEpoch);
    if (error !== undefined) return { type: 'refused', error };
    const offset = this.log.endOffset;
    const marker: LogRecord<V> = {
      offset,
      batchBase: offset,
      batchLast: offset,
      leaderEpoch,
      timestampUs: now,
      key: null,
      value: null,
      tombstone: false,
      sizeBytes: MARKER_BYTES,
      producerId,
      producerEpoch: epoch,
      sequence: -1,
      transactional: true,
      control: result,
      coordinatorEpoch,
    };
    this.log.append([marker]);
    this.learnBatch([marker], now);
    return { type: 'appended', firstOffset: offset, lastOffset: offset };
  }

  /** Appends what the leader sent, unchecked. Records at offsets that are already here are skipped. Source: K34. */
  appendAsFollower(records: readonly LogRecord<V>[], now: Micros): void {
    let first = 0;
    while (first < records.length && (records[first] as LogRecord<V>).offset < this.log.endOffset) first++;
    while (first < records.length) {
      const base = (records[first] as LogRecord<V>).batchBase;
      let after = first + 1;
      while (after < records.length && records[after]?.batchBase === base) after++;
      const batch = records.slice(first, after);
      this.log.append(batch);
      this.learnBatch(batch, now);
      first = after;
    }
  }

  /** What the log cleaner could do here now. Source: K83. */
  cleanable(now: Micros): Cleanable {
    return this.cleaner.cleanable(this.log, this.lastStableOffset, now);
  }

  /** One pass of the log cleaner over [from, end) and all that lies below. Source: K82-K86. */
  clean(from: number, end: number, capacityKeys: number, now: Micros): CleanResult<V> {
    const aborted = this.txns.aborted();
    const lastRecordOf = (producerId: number) => this.producers.lastRecordOf(producerId);
    const result = this.cleaner.clean(this.log, from, { now, end, capacityKeys, aborted, lastRecordOf });
    for (const { control, offset } of result.removed) if (control === 'ABORT') this.txns.markerRemoved(offset);
    return result;
  }

  /** Cuts the log at `offset` and computes producers and transactions anew from what is left. Source: K24. */
  truncateTo(offset: number, now: Micros): void {
    if (offset >= this.log.endOffset) return;
    this.log.truncateTo(offset);
    this.cleaner.truncated(offset);
    this.relearn(now);
  }

  /** Begins again, empty, at `offset`. */
  truncateFullyAndStartAt(offset: number): void {
    this.log.truncateFullyAndStartAt(offset);
    this.cleaner.truncated(offset);
    this.producers.clear();
    this.txns.clear();
  }

  /** The end of what readers of this level may see. */
  readableEnd(isolation: IsolationLevel): number {
    return isolation === 'read_committed' ? this.lastStableOffset : this.log.highWatermark;
  }

  /** Whether a fetch at `offset` is out of range. Source: K6. */
  outOfRange(offset: number): boolean {
    return offset < this.log.startOffset || offset > this.log.endOffset;
  }

  /** Calls `visit` for each record in [offset, below) in order, and says whether an application that reads at this level sees it, until it returns false. Source: K46. */
  visit(
    offset: number,
    below: number,
    isolation: IsolationLevel,
    visit: (record: LogRecord<V>, isSeen: boolean) => boolean,
  ): void {
    const filter = new AbortedFilter(isolation === 'read_committed' ? this.txns.abortedIn(offset, below) : []);
    this.log.scan(offset, below, (record) => visit(record, filter.passes(record) && record.value !== null));
  }

  /** Records from `offset` up to `below`, whole, until `maxBytes` are reached (at least one record, if there is any). */
  read(offset: number, below: number, maxBytes: number, isolation: IsolationLevel): ReadResult<V> {
    const records: LogRecord<V>[] = [];
    let sizeBytes = 0;
    this.log.scan(offset, below, (record) => {
      if (records.length > 0 && sizeBytes + record.sizeBytes > maxBytes) return false;
      records.push(record);
      sizeBytes += record.sizeBytes;
      return true;
    });
    const after = records.length === 0 ? offset : (records[records.length - 1] as LogRecord<V>).offset + 1;
    const aborted = isolation === 'read_committed' ? this.txns.abortedIn(offset, after) : [];
    return { records, sizeBytes, aborted };
  }

  /**
   * Answers ListOffsets for a client; undefined when no record is that young. While the high watermark has not reached the start of the
   * leader's epoch, what lies beyond it is not known to last: `OFFSET_NOT_AVAILABLE`. Source: K9.
   */
  offsetFor(
    query: OffsetQuery,
    isolation: IsolationLevel,
    epochStartOffset: number,
  ): number | 'OFFSET_NOT_AVAILABLE' | undefined {
    const end = this.readableEnd(isolation);
    const unsettled = this.log.highWatermark < epochStartOffset;
    if (query === 'earliest') return this.log.startOffset;
    if (query === 'latest') return unsettled ? 'OFFSET_NOT_AVAILABLE' : end;
    const found = this.log.offsetForTime(query.timeUs);
    if (found !== undefined && found < end) return found;
    return unsettled ? 'OFFSET_NOT_AVAILABLE' : undefined;
  }

  /** Forgets a producer, as after `producer.id.expiration.ms`. Source: K33. */
  forgetProducer(producerId: number): void {
    this.producers.forget(producerId);
  }

  expireProducers(now: Micros, expirationUs: Micros): void {
    this.producers.expire(now, expirationUs);
  }

  private relearn(now: Micros): void {
    this.producers.clear();
    this.txns.clear();
    let batch: LogRecord<V>[] = [];
    this.log.scan(this.log.startOffset, this.log.endOffset, (record) => {
      if (batch.length > 0 && batch[0]?.batchBase !== record.batchBase) {
        this.learnBatch(batch, now);
        batch = [];
      }
      batch.push(record);
      return true;
    });
    this.learnBatch(batch, now);
  }

  private learnBatch(batch: readonly LogRecord<V>[], now: Micros): void {
    const first = batch[0];
    if (first === undefined || first.producerId < 0) return;
    const { producerId, producerEpoch, transactional, batchBase, batchLast } = first;
    if (first.control === 'COMMIT' || first.control === 'ABORT') {
      this.producers.markerAppended(producerId, producerEpoch, first.coordinatorEpoch, now);
      this.txns.markerAppended(producerId, first.offset, first.control === 'ABORT');
      return;
    }
    if (first.sequence >= 0) {
      // Compaction may have left a part of the batch, but what was sent is what a retry would bring again.
      this.producers.appended(
        {
          producerId,
          epoch: producerEpoch,
          firstSequence: sequenceBefore(first.sequence, first.offset - batchBase),
          count: batchLast - batchBase + 1,
          transactional,
        },
        batchBase,
        now,
      );
    }
    if (transactional) this.txns.recordAppended(producerId, first.offset);
  }
}

/** Size of a control record on disk, about. */
const MARKER_BYTES = 78;
