/**
 * One replica's copy of one partition: records with offsets in segments, the log start, the log end, the high watermark, and the starts of
 * leader epochs. It knows nothing of producers, transactions or other replicas: those say what to append, how far the high
 * watermark may go and where to cut. Records are shared, immutable objects, so that a copy costs one slot of an array; offsets may have
 * gaps, as compaction (`log-cleaner.ts`) leaves them. Order holds within this one log and nowhere beyond it. Source: K7.
 */
import type { Micros } from '../types.ts';

/**
 * What a control record says; `none` for data. `EMPTY` stands for a batch whose records compaction removed and that is kept because it ends with the last
 * sequence number of its producer: readers get nothing of it. Source: K35, K85.
 */
export type ControlType = 'none' | 'COMMIT' | 'ABORT' | 'EMPTY';

/** One record as it lies in the log. */
export interface LogRecord<V> {
  readonly offset: number;
  /** Offset of the first record of its batch. */
  readonly batchBase: number;
  /** Offset of the last record that its batch had when it was appended. */
  readonly batchLast: number;
  readonly leaderEpoch: number;
  readonly timestampUs: Micros;
  readonly key: string | null;
  readonly value: V | null;
  /** Deletes its key when the log is compacted. Source: K84. */
  readonly tombstone: boolean;
  readonly sizeBytes: number;
  /** -1 when the producer has no id. */
  readonly producerId: number;
  readonly producerEpoch: number;
  /** -1 when the producer is not idempotent. */
  readonly sequence: number;
  readonly transactional: boolean;
  readonly control: ControlType;
  /** Epoch of the transaction coordinator in a control record; 0 elsewhere. */
  readonly coordinatorEpoch: number;
}

export interface PartitionLogOptions {
  /** `segment.bytes`: the active segment is rolled before it would grow beyond this. Source: K79. */
  readonly segmentBytes: number;
  /** `segment.ms`: and when this much record time has passed in it, by the youngest record of its first batch and of the one that comes. Source: K79; apache/kafka: LogSegment.java#shouldRoll. */
  readonly segmentUs: Micros;
  /** `retention.ms`; -1: no limit. Source: K78. */
  readonly retentionUs: Micros;
  /** `retention.bytes`; -1: no limit. Source: K78. */
  readonly retentionBytes: number;
  /** Whether `cleanup.policy` includes `delete`. Without it retention removes nothing but what lies below the log start. */
  readonly deletes: boolean;
  /** With `compact` in `cleanup.policy`; absent without. Both may hold. Source: K86. */
  readonly compaction?: CompactionOptions;
}

/** Of a compacted topic. Source: K83, K84. */
export interface CompactionOptions {
  /** `min.cleanable.dirty.ratio`, 0 to 1: the log is cleaned when a larger part of it is dirty. */
  readonly minDirtyRatio: number;
  /** `min.compaction.lag.ms`: younger records are left alone. */
  readonly minLagUs: Micros;
  /** `max.compaction.lag.ms`: older dirty records are cleaned whatever the ratio; -1: no limit. */
  readonly maxLagUs: Micros;
  /** `delete.retention.ms`: how long a tombstone stays after the first clean that sees it. */
  readonly deleteRetentionUs: Micros;
}

/** A run of records that is rolled, deleted and rewritten as a whole. */
export interface Segment<V> {
  readonly baseOffset: number;
  records: LogRecord<V>[];
  bytes: number;
  largestTimestampUs: Micros;
  /** The largest of its first batch. */
  firstTimestampUs: Micros;
}

interface EpochStart {
  readonly epoch: number;
  readonly startOffset: number;
}

/** Where an epoch ended, as the leader answers a follower that wants to truncate. Source: K24. */
export interface EpochEnd {
  readonly epoch: number;
  readonly endOffset: number;
}

export class PartitionLog<V> {
  private options: PartitionLogOptions;
  private segments: Segment<V>[];
  private epochStarts: EpochStart[] = [];
  private start = 0;
  private end = 0;
  private watermark = 0;
  private bytes = 0;

  constructor(options: PartitionLogOptions) {
    this.options = options;
    this.segments = [emptySegment(0)];
  }

  /** Smallest readable offset. Source: K3. */
  get startOffset(): number {
    return this.start;
  }

  /** Offset that the next record will get. Source: K4. */
  get endOffset(): number {
    return this.end;
  }

  /** Every offset below it is committed. Source: K5. */
  get highWatermark(): number {
    return this.watermark;
  }

  get sizeBytes(): number {
    return this.bytes;
  }

  get segmentCount(): number {
    return this.segments.length;
  }

  /** Segments in the order of their offsets; the last is the active one. */
  get allSegments(): readonly Segment<V>[] {
    return this.segments;
  }

  get compaction(): CompactionOptions | undefined {
    return this.options.compaction;
  }

  /** Epoch of the newest record or leader here; -1 while there was none. */
  get latestEpoch(): number {
    return this.epochStarts[this.epochStarts.length - 1]?.epoch ?? -1;
  }

  configure(options: PartitionLogOptions): void {
    this.options = options;
  }

  /** Appends the records of one batch, whose offsets ascend from the log end or beyond. The high watermark stays. Source: K2, K5. */
  append(batch: readonly LogRecord<V>[]): void {
    const first = batch[0];
    if (first === undefined) return;
    let batchBytes = 0;
    let timestampUs = first.timestampUs;
    for (const record of batch) {
      batchBytes += record.sizeBytes;
      if (record.timestampUs > timestampUs) timestampUs = record.timestampUs;
    }
    if (first.offset < this.end)
      throw new Error(`an append at offset ${first.offset} lies below the log end ${this.end}`);
    if (this.shouldRoll(batchBytes, timestampUs)) this.roll();
    const active = this.active();
    if (active.records.length === 0) active.firstTimestampUs = timestampUs;
    if (timestampUs > active.largestTimestampUs) active.largestTimestampUs = timestampUs;
    for (const record of batch) {
      if (record.leaderEpoch > this.latestEpoch) this.beginEpoch(record.leaderEpoch, record.offset);
      active.records.push(record);
      this.end = record.offset + 1;
    }
    active.bytes += batchBytes;
    this.bytes += batchBytes;
  }

  /** Notes that a leader of `epoch` begins at `startOffset` (usually the log end), even before its first record. */
  beginEpoch(epoch: number, startOffset: number): void {
    if (epoch > this.latestEpoch) this.epochStarts.push({ epoch, startOffset });
  }

  /** Where the largest epoch not above `epoch` ends here: the start of the next one, or the log end. Undefined when all are newer. Source: K24. */
  endOfEpoch(epoch: number): EpochEnd | undefined {
    for (let i = this.epochStarts.length - 1; i >= 0; i--) {
      const known = this.epochStarts[i] as EpochStart;
      if (known.epoch > epoch) continue;
      return { epoch: known.epoch, endOffset: this.epochStarts[i + 1]?.startOffset ?? this.end };
    }
    return undefined;
  }

  /** Closes the active segment, if it holds anything. */
  roll(): void {
    if (this.active().records.length > 0 || this.active().baseOffset < this.end)
      this.segments.push(emptySegment(this.end));
  }

  /** The record at `offset`, or the next one above it; undefined at the end. A removed offset continues at the next. Source: K82. */
  recordFrom(offset: number): LogRecord<V> | undefined {
    for (let i = this.segmentIndex(offset); i < this.segments.length; i++) {
      const segment = this.segments[i] as Segment<V>;
      const record = segment.records[indexFrom(segment, offset)];
      if (record !== undefined) return record;
    }
    return undefined;
  }

  /**
   * Rewrites the closed segments that begin below `below`: each is replaced by what `keep` leaves of its records, and neighbours are put
   * together while they fit into one segment. Offsets and the log's ends stay. Source: K82.
   */
  rewrite(below: number, keep: (records: readonly LogRecord<V>[]) => LogRecord<V>[]): void {
    const rewritten: Segment<V>[] = [];
    for (let i = 0; i < this.segments.length; i++) {
      const segment = this.segments[i] as Segment<V>;
      if (i === this.segments.length - 1 || segment.baseOffset >= below) {
        rewritten.push(segment);
        continue;
      }
      const records = keep(segment.records);
      let bytes = 0;
      for (const record of records) bytes += record.sizeBytes;
      this.bytes += bytes - segment.bytes;
      const last = rewritten[rewritten.length - 1];
      if (last !== undefined && last.bytes + bytes <= this.options.segmentBytes) {
        for (const record of records) last.records.push(record);
        last.bytes += bytes;
        last.largestTimestampUs = Math.max(last.largestTimestampUs, segment.largestTimestampUs);
      } else rewritten.push({ ...segment, records, bytes });
    }
    this.segments = rewritten;
  }

  /** Calls `visit` for each record in [from, below) in order, until it returns false. */
  scan(from: number, below: number, visit: (record: LogRecord<V>) => boolean): void {
    for (let i = this.segmentIndex(from); i < this.segments.length; i++) {
      const segment = this.segments[i] as Segment<V>;
      for (let j = indexFrom(segment, from); j < segment.records.length; j++) {
        const record = segment.records[j] as LogRecord<V>;
        if (record.offset >= below || !visit(record)) return;
      }
    }
  }

  /** Earliest offset whose timestamp is at least `timeUs`; undefined when there is none. Source: K9. */
  offsetForTime(timeUs: Micros): number | undefined {
    for (const segment of this.segments) {
      if (segment.largestTimestampUs < timeUs) continue;
      for (const record of segment.records) {
        if (record.offset >= this.start && record.timestampUs >= timeUs) return record.offset;
      }
    }
    return undefined;
  }

  /** Sets the high watermark, bounded by log start and log end. True when it changed. Source: K5. */
  setHighWatermark(offset: number): boolean {
    const bounded = Math.max(this.start, Math.min(offset, this.end));
    const changed = bounded !== this.watermark;
    this.watermark = bounded;
    return changed;
  }

  /** Moves the high watermark upwards only, and not above the log end. True when it moved. Source: K5. */
  advanceHighWatermark(offset: number): boolean {
    return offset > this.watermark && this.setHighWatermark(offset);
  }

  /** Cuts everything at `offset` and above; the high watermark is pulled back with it. Source: K5, K24. */
  truncateTo(offset: number): void {
    if (offset >= this.end) {
      // An epoch that began at the end and has no record may be in conflict with the leader's: it goes even when nothing else does.
      this.epochStarts = this.epochStarts.filter((known) => known.startOffset < offset);
      return;
    }
    if (offset < this.start) {
      this.truncateFullyAndStartAt(offset);
      return;
    }
    while (this.segments.length > 1 && this.active().baseOffset >= offset) this.dropBytes(this.segments.pop());
    const active = this.active();
    const keep = indexFrom(active, offset);
    let cut = 0;
    for (let i = keep; i < active.records.length; i++) cut += active.records[i]?.sizeBytes ?? 0;
    active.records.length = keep;
    active.bytes -= cut;
    this.bytes -= cut;
    active.largestTimestampUs = -1;
    for (const record of active.records) {
      if (record.timestampUs > active.largestTimestampUs) active.largestTimestampUs = record.timestampUs;
    }
    this.end = offset;
    this.watermark = Math.min(this.watermark, offset);
    this.epochStarts = this.epochStarts.filter((known) => known.startOffset < offset);
  }

  /** Forgets everything and begins again, empty, at `offset`. */
  truncateFullyAndStartAt(offset: number): void {
    this.segments = [emptySegment(offset)];
    this.epochStarts = [];
    this.bytes = 0;
    this.start = offset;
    this.end = offset;
    this.watermark = offset;
  }

  /** Moves the log start upwards (DeleteRecords); -1: up to the high watermark. False, and nothing happens, above that. Source: K3, K81. */
  deleteRecordsBefore(offset: number): boolean {
    if (offset > this.watermark) return false;
    this.start = Math.max(this.start, offset === -1 ? this.watermark : offset);
    return true;
  }

  /** Moves the log start to where the leader's is, even above this replica's high watermark, as a follower does. */
  followLogStart(offset: number): void {
    if (offset <= this.start) return;
    if (offset > this.end) this.truncateFullyAndStartAt(offset);
    this.start = offset;
    this.watermark = Math.max(this.watermark, offset);
    this.dropBelowStart();
  }

  /** The retention check: whole segments below the high watermark, oldest first, by time, then by size, then below the log start.
   *  Returns how far the log start moved to. Source: K79, K80. */
  applyRetention(now: Micros): number {
    const { retentionUs, retentionBytes, deletes } = this.options;
    if (deletes && retentionUs >= 0) this.deleteWhile((segment) => now - segment.largestTimestampUs > retentionUs);
    if (deletes && retentionBytes >= 0) {
      let surplus = this.bytes - retentionBytes;
      this.deleteWhile((segment) => {
        if (surplus < segment.bytes) return false;
        surplus -= segment.bytes;
        return true;
      });
    }
    this.dropBelowStart();
    return this.start;
  }

  private deleteWhile(expired: (segment: Segment<V>) => boolean): void {
    let count = 0;
    while (count < this.segments.length) {
      const segment = this.segments[count] as Segment<V>;
      const below = this.segments[count + 1]?.baseOffset ?? this.end;
      const isEmptyTail = count === this.segments.length - 1 && segment.records.length === 0;
      if (isEmptyTail || this.watermark < below || !expired(segment)) break;
      count++;
    }
    if (count === 0) return;
    if (count === this.segments.length) this.segments.push(emptySegment(this.end));
    for (const segment of this.segments.splice(0, count)) this.dropBytes(segment);
    this.start = Math.max(this.start, this.segments[0]?.baseOffset ?? this.end);
  }

  private dropBelowStart(): void {
    while ((this.segments[1]?.baseOffset ?? Number.MAX_SAFE_INTEGER) <= this.start)
      this.dropBytes(this.segments.shift());
  }

  private dropBytes(segment: Segment<V> | undefined): void {
    this.bytes -= segment?.bytes ?? 0;
  }

  private shouldRoll(batchBytes: number, timestampUs: Micros): boolean {
    const active = this.active();
    if (active.records.length === 0) return false;
    const { segmentBytes, segmentUs, compaction } = this.options;
    const lagUs = compaction === undefined || compaction.maxLagUs < 0 ? segmentUs : compaction.maxLagUs;
    return (
      active.bytes + batchBytes > segmentBytes || timestampUs - active.firstTimestampUs > Math.min(segmentUs, lagUs)
    );
  }

  private active(): Segment<V> {
    return this.segments[this.segments.length - 1] as Segment<V>;
  }

  /** Index of the last segment that begins at or below `offset`. */
  private segmentIndex(offset: number): number {
    let low = 0;
    let high = this.segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.segments[middle]?.baseOffset ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function emptySegment<V>(baseOffset: number): Segment<V> {
  return { baseOffset, records: [], bytes: 0, largestTimestampUs: -1, firstTimestampUs: 0 };
}

/** Index of the first record at or above `offset`. Without gaps it is found at once. */
function indexFrom<V>(segment: Segment<V>, offset: number): number {
  const records = segment.records;
  const guess = offset - segment.baseOffset;
  if (guess <= 0) return 0;
  const { length } = records;
  if (length === 0 || (records[length - 1] as LogRecord<V>).offset < offset) return length;
  if (guess < length && (records[guess] as LogRecord<V>).offset === offset) return guess;
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((records[middle]?.offset ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
