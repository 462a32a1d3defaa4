/**
 * How far one Pulsar subscription is done with a topic: everything up to the mark-delete position, and single entries after it. Positions are dense
 * indexes of entries here; a batch is one entry, of which single messages may be acked. It knows what is acked and what of that would
 * survive a crash of the broker; it neither delivers nor deletes. Source: P29–P35.
 */

/** What was written down of a cursor: after a crash it starts from here. */
interface Persisted {
  readonly markDelete: number;
  readonly acked: readonly number[];
  readonly batches: ReadonlyMap<number, ReadonlySet<number>>;
}

export class AckCursor {
  /** The last entry up to which all are acked. */
  markDelete: number;
  /** Acked entries after `markDelete`. */
  #acked = new Set<number>();
  /** Entries of which some messages are acked, by their index in the batch (P33). */
  #batches = new Map<number, Set<number>>();
  #persisted: Persisted;
  /** Whether something is acked that is not written down. */
  dirty = false;

  /** `markDelete`: the entry before the first that is owed. */
  constructor(markDelete: number) {
    this.markDelete = markDelete;
    this.#persisted = { markDelete, acked: [], batches: new Map() };
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

  /** Writes the position down with at most so many single acks; what is beyond them lives in memory only (P32). */
  persist(most: number): void {
    let acked = this.individuallyAcked();
    if (acked.length > most) acked = ofRanges(acked, most);
    const batches = new Map([...this.#batches].map(([index, batch]) => [index, new Set(batch)] as const));
    this.#persisted = { markDelete: this.markDelete, acked, batches };
    this.dirty = false;
  }

  /** The broker is gone: what was not written down is forgotten. */
  recover(): void {
    this.markDelete = this.#persisted.markDelete;
    this.#acked = new Set(this.#persisted.acked);
    this.#batches = new Map([...this.#persisted.batches].map(([index, batch]) => [index, new Set(batch)] as const));
    this.dirty = false;
  }

  #advance(): void {
    while (this.#acked.size > 0 && this.#acked.delete(this.markDelete + 1)) this.markDelete++;
  }
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
