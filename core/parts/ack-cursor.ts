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
  /** A flag for each entry after `markDelete`, 1 if it is acked: a ring, whose capacity is a power of two. */
  #flags = new Uint8Array(64);
  /** After the last entry that has a flag. */
  #end = 0;
  /** Number of entries after the mark-delete position that are acked one by one. */
  holes = 0;
  /** Entries of which some messages are acked, by their index in the batch (P33). */
  #batches = new Map<number, Set<number>>();
  #persisted: Persisted;
  /**
   * Entries that were acked after the position was written down. Writing it copies nothing, although it is done once a second and a single entry that nobody
   * acks leaves hundreds behind it: what was written is what is acked now without these, and is asked for only after a crash.
   */
  readonly #since: number[] = [];
  /** How many of `#since` count. */
  #sinceCount = 0;
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
    return index <= this.markDelete || (index < this.#end && this.#flags[index & (this.#flags.length - 1)] === 1);
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
      if (this.#sinceCount >= MOST_SINCE) this.#written = this.#asWritten();
      else this.#since[this.#sinceCount++] = index;
    }
    if (this.#batches.size > 0) this.#batches.delete(index);
    if (index === this.markDelete + 1) {
      this.markDelete = index;
      if (this.holes > 0) this.#advance();
    } else this.#flag(index);
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
    for (let passed = this.markDelete + 1; passed <= index && this.holes > 0; passed++) this.#unflag(passed);
    this.markDelete = index;
    for (const batch of this.#batches.keys()) if (batch <= index) this.#batches.delete(batch);
    this.#advance();
  }

  /** Sets the position anew, to before or after where it was: nothing behind it counts as acked (P57). */
  reset(markDelete: number): void {
    this.markDelete = markDelete;
    this.#unflagAll();
    this.#batches.clear();
    this.persist(0);
  }

  /** Acked entries after the mark-delete position, in order. */
  individuallyAcked(): number[] {
    const acked: number[] = [];
    for (let index = this.markDelete + 1; acked.length < this.holes; index++)
      if (this.isAcked(index)) acked.push(index);
    return acked;
  }

  /** Writes the position down with at most so many ranges of single acks; what is beyond them lives in memory only (P32). */
  persist(ranges: number): void {
    const { markDelete } = this;
    this.#persisted = { markDelete, ranges, batches: this.#batches.size === 0 ? NO_BATCHES : copyOf(this.#batches) };
    this.#sinceCount = 0;
    this.#written = null;
    this.dirty = false;
  }

  /** The broker is gone: what was not written down is forgotten. */
  recover(): void {
    const { markDelete, ranges, batches } = this.#persisted;
    const written = this.#written ?? this.#asWritten();
    this.#unflagAll();
    this.markDelete = markDelete;
    for (const index of written) this.#flag(index);
    this.#batches = copyOf(batches);
    this.persist(ranges);
  }

  /** The single acks of the written position, in order. */
  #asWritten(): readonly number[] {
    const { markDelete, ranges } = this.#persisted;
    const since = new Set(this.#since.slice(0, this.#sinceCount));
    const written: number[] = [];
    for (let index = markDelete + 1; index <= this.markDelete; index++) if (!since.has(index)) written.push(index);
    for (const index of this.individuallyAcked()) if (!since.has(index)) written.push(index);
    return written.length > ranges ? ofRanges(written, ranges) : written;
  }

  #advance(): void {
    while (this.holes > 0 && this.#unflag(this.markDelete + 1)) this.markDelete++;
  }

  #flag(index: number): void {
    if (index - this.markDelete > this.#flags.length) this.#grow(index - this.markDelete);
    this.#flags[index & (this.#flags.length - 1)] = 1;
    if (index >= this.#end) this.#end = index + 1;
    this.holes++;
  }

  /** False when it has none. */
  #unflag(index: number): boolean {
    const at = index & (this.#flags.length - 1);
    if (index >= this.#end || this.#flags[at] !== 1) return false;
    this.#flags[at] = 0;
    this.holes--;
    return true;
  }

  #unflagAll(): void {
    if (this.holes > 0) this.#flags.fill(0);
    this.holes = 0;
    this.#end = 0;
  }

  /** Makes room for so many entries after `markDelete`. */
  #grow(least: number): void {
    const former = this.#flags;
    let capacity = 2 * former.length;
    while (capacity < least) capacity *= 2;
    this.#flags = new Uint8Array(capacity);
    for (let index = this.markDelete + 1; index < this.#end; index++)
      this.#flags[index & (capacity - 1)] = former[index & (former.length - 1)] as number;
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
