/**
 * How far one Pulsar subscription is done with a topic: everything up to the mark-delete position, and single entries after it. Positions are dense
 * indexes of entries here; a batch is one entry, of which single messages may be acked. It knows what is acked and what of that would
 * survive a crash of the broker; it neither delivers nor deletes. Source: P29–P35.
 */

/** What was written down of a cursor: after a crash it starts from here. */
interface Persisted {
  readonly markDelete: number;
  /** Most unbroken ranges of single acks that were written. */
  readonly ranges: number;
  readonly batches: ReadonlyMap<number, ReadonlySet<number>>;
}

const NO_BATCHES: Persisted['batches'] = new Map();
/** After so many acks the written position is kept as it was instead of the acks since. */
const MOST_SINCE = 1024;

export class AckCursor {
  /** The last entry up to which all are acked. */
  markDelete: number;
  /** Acked entries after `markDelete`. */
  #acked = new Set<number>();
  /** Entries of which some messages are acked, by their index in the batch (P33). */
  #batches = new Map<number, Set<number>>();
  #persisted: Persisted;
  /**
   * Entries that were acked after the position was written down. Writing it copies nothing, although it is done once a second and a single entry that nobody
   * acks leaves hundreds behind it: what was written is what is acked now without these, and is asked for only after a crash.
   */
  readonly #since: number[] = [];
  /** The single acks as they were written, once they can no longer be told from `#since`; null as long as they can. */
  #written: readonly number[] | null = null;
  /** Whether something is acked that is not written down. */
  dirty = false;

  /** `markDelete`: the entry before the first that is owed. */
  constructor(markDelete: number) {
    this.markDelete = markDelete;
    this.#persisted = { markDelete, ranges: 0, batches: NO_BATCHES };
  }

  isAcked(index: number): boolean {
    return index <= this.markDelete || (this.#acked.size > 0 && this.#acked.has(index));
  }

  /** Whether this message of a batch is acked, alone or with its entry. */
  isMessageAcked(index: number, batchIndex: number): boolean {
    return this.isAcked(index) || (this.#batches.size > 0 && this.#batches.get(index)?.has(batchIndex) === true);
  }

  /** How many messages of an entry that is not acked are. */
  ackedOf(index: number): number {
    return this.#batches.size === 0 ? 0 : (this.#batches.get(index)?.size ?? 0);
  }

  /** Acks one entry. False when it was acked before: acking twice is no error (P34). */
  ack(index: number): boolean {
    if (this.isAcked(index)) return false;
    this.dirty = true;
    if (this.#written === null) {
      if (this.#since.length >= MOST_SINCE) this.#written = this.#asWritten();
      else this.#since.push(index);
    }
    if (this.#batches.size > 0) this.#batches.delete(index);
    if (index === this.markDelete + 1) {
      this.markDelete = index;
      if (this.#acked.size > 0) this.#advance();
    } else this.#acked.add(index);
    return true;
  }

  /** Acks one message of a batch of `size`; true when that completes the entry, which is then acked. */
  ackMessage(index: number, batchIndex: number, size: number): boolean {
    if (this.isMessageAcked(index, batchIndex)) return false;
    this.dirty = true;
    let batch = this.#batches.get(index);
    if (batch === undefined) {
      batch = new Set();
      this.#batches.set(index, batch);
    }
    batch.add(batchIndex);
    return batch.size >= size && this.ack(index);
  }

  /** Acks everything up to and including an entry (P30). */
  ackUpTo(index: number): void {
    if (index <= this.markDelete) return;
    this.dirty = true;
    this.#written ??= this.#asWritten();
    this.markDelete = index;
    for (const acked of this.#acked) if (acked <= index) this.#acked.delete(acked);
    for (const batch of this.#batches.keys()) if (batch <= index) this.#batches.delete(batch);
    this.#advance();
  }

  /** Sets the position anew, to before or after where it was: nothing behind it counts as acked (P57). */
  reset(markDelete: number): void {
    this.markDelete = markDelete;
    this.#acked.clear();
    this.#batches.clear();
    this.persist(0);
  }

  /** Number of entries after the mark-delete position that are acked one by one. */
  get holes(): number {
    return this.#acked.size;
  }

  /** Acked entries after the mark-delete position, in order. */
  individuallyAcked(): number[] {
    return [...this.#acked].sort((a, b) => a - b);
  }

  /** Writes the position down with at most so many ranges of single acks; what is beyond them lives in memory only (P32). */
  persist(ranges: number): void {
    const { markDelete } = this;
    this.#persisted = { markDelete, ranges, batches: this.#batches.size === 0 ? NO_BATCHES : copyOf(this.#batches) };
    this.#since.length = 0;
    this.#written = null;
    this.dirty = false;
  }

  /** The broker is gone: what was not written down is forgotten. */
  recover(): void {
    const { markDelete, ranges, batches } = this.#persisted;
    this.#acked = new Set(this.#written ?? this.#asWritten());
    this.markDelete = markDelete;
    this.#batches = copyOf(batches);
    this.persist(ranges);
  }

  /** The single acks of the written position, in order. */
  #asWritten(): readonly number[] {
    const { markDelete, ranges } = this.#persisted;
    const since = new Set(this.#since);
    const written: number[] = [];
    for (let index = markDelete + 1; index <= this.markDelete; index++) if (!since.has(index)) written.push(index);
    for (const index of this.individuallyAcked()) if (!since.has(index)) written.push(index);
    return written.length > ranges ? ofRanges(written, ranges) : written;
  }

  #advance(): void {
    while (this.#acked.size > 0 && this.#acked.delete(this.markDelete + 1)) this.markDelete++;
  }
}

function copyOf(batches: Persisted['batches']): Map<number, Set<number>> {
  return new Map([...batches].map(([index, batch]) => [index, new Set(batch)] as const));
}

/** The entries of the first `most` unbroken ranges. */
function ofRanges(indexes: readonly number[], most: number): number[] {
  const kept: number[] = [];
  let ranges = 0;
  for (const index of indexes) {
    if (kept.length === 0 || kept.at(-1) !== index - 1) ranges++;
    if (ranges > most) break;
    kept.push(index);
  }
  return kept;
}
