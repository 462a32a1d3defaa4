/**
 * Which transactions are open in one partition, and which were aborted: what a leader needs for the last stable offset and what a
 * read_committed consumer needs to leave out aborted records. It sees records and markers go by in log order; who may write them is
 * decided elsewhere. A transaction counts as open for readers until the high watermark has passed its marker.
 */
import type { ControlType } from './partition-log.ts';

/** A finished, aborted transaction: its records lie in [firstOffset, lastOffset], the marker being the last. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** The last stable offset at the moment when it was finished. */
  readonly lastStableOffset: number;
}

interface OpenTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Offset of its marker, or -1 while it has none. */
  markerOffset: number;
}

export class TxnIndex {
  /** In the order of their first offsets. Finished ones stay until the high watermark has passed their marker. */
  private open: OpenTransaction[] = [];
  private finished: AbortedTransaction[] = [];

  /** A transactional record was appended. */
  recordAppended(producerId: number, offset: number): void {
    for (const txn of this.open) if (txn.producerId === producerId && txn.markerOffset < 0) return;
    this.open.push({ producerId, firstOffset: offset, markerOffset: -1 });
  }

  /** A marker was appended at `offset`, while the high watermark was `highWatermark`. */
  markerAppended(producerId: number, offset: number, aborts: boolean): void {
    const txn = this.open.find((candidate) => candidate.producerId === producerId && candidate.markerOffset < 0);
    if (txn === undefined) return;
    txn.markerOffset = offset;
    if (!aborts) return;
    const stillOpen = this.open.find((candidate) => candidate.markerOffset < 0);
    this.finished.push({
      producerId,
      firstOffset: txn.firstOffset,
      lastOffset: offset,
      lastStableOffset: stillOpen === undefined ? offset + 1 : stillOpen.firstOffset,
    });
  }

  /** First offset of the earliest transaction that is open for readers, not below the log start; undefined when there is none. Source: K45. */
  firstUnstableOffset(highWatermark: number, logStart: number): number | undefined {
    let first = this.open[0];
    while (first !== undefined && first.markerOffset >= 0 && first.markerOffset < highWatermark) {
      this.open.shift();
      first = this.open[0];
    }
    for (const txn of this.open) {
      if (txn.markerOffset >= 0 && txn.markerOffset < highWatermark) continue;
      return Math.max(txn.firstOffset, logStart);
    }
    return undefined;
  }

  /** min(high watermark, first unstable offset), not below the log start. Source: K45. */
  lastStableOffset(highWatermark: number, logStart: number): number {
    const unstable = this.firstUnstableOffset(highWatermark, logStart);
    return Math.max(logStart, unstable === undefined ? highWatermark : Math.min(unstable, highWatermark));
  }

  /** Aborted transactions with records in [from, below), in the order in which they were finished. Source: K46. */
  abortedIn(from: number, below: number): AbortedTransaction[] {
    return this.finished.filter((txn) => txn.lastOffset >= from && txn.firstOffset < below);
  }

  /** All aborted transactions, in the order in which they were finished. */
  aborted(): readonly AbortedTransaction[] {
    return this.finished;
  }

  /** The marker at this offset is gone, with all records of its transaction: readers need not be told of it any more. Source: K85. */
  markerRemoved(offset: number): void {
    this.finished = this.finished.filter((txn) => txn.lastOffset !== offset);
  }

  clear(): void {
    this.open = [];
    this.finished = [];
  }
}

/** Filters records as a read_committed consumer does: control records and those of aborted transactions are left out. Fed in log order. Source: K46. */
export class AbortedFilter {
  private readonly pending: AbortedTransaction[];
  private next = 0;
  private readonly aborting = new Set<number>();

  constructor(aborted: readonly { readonly producerId: number; readonly firstOffset: number }[]) {
    this.pending = aborted
      .map((txn) => ({ ...txn, lastOffset: 0, lastStableOffset: 0 }))
      .sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Whether an application sees this record. */
  passes(record: {
    readonly offset: number;
    readonly producerId: number;
    readonly transactional: boolean;
    readonly control: ControlType;
  }): boolean {
    for (
      let txn = this.pending[this.next];
      txn !== undefined && txn.firstOffset <= record.offset;
      txn = this.pending[this.next]
    ) {
      this.aborting.add(txn.producerId);
      this.next++;
    }
    if (record.control !== 'none') {
      if (record.control === 'ABORT') this.aborting.delete(record.producerId);
      return false;
    }
    return !(record.transactional && this.aborting.has(record.producerId));
  }
}
