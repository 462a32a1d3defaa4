/**
 * What a partition leader remembers of each idempotent or transactional producer: its epoch and its last five batches, so that a retry
 * is recognised and a gap refused. It decides about sequence numbers only; offsets come from the log, and transactions that
 * are open belong to `txn-index.ts`. Sequences run from 0 to 2147483647 and wrap to 0.
 */
import type { Micros } from '../types.ts';

/** The largest sequence number, after which 0 follows. Source: K31. */
export const MAX_SEQUENCE = 0x7fffffff;
/** How many batches of a producer are remembered for duplicates. Source: K32. */
const REMEMBERED_BATCHES = 5;

export type SequenceError =
  | 'OUT_OF_ORDER_SEQUENCE_NUMBER'
  | 'INVALID_PRODUCER_EPOCH'
  | 'INVALID_TXN_STATE'
  | 'TRANSACTION_COORDINATOR_FENCED';

/** One batch of an idempotent producer. */
export interface ProducerBatch {
  readonly producerId: number;
  readonly epoch: number;
  readonly firstSequence: number;
  readonly count: number;
  readonly transactional: boolean;
}

/** The end of what is known of a producer. `dataOffset` -1: only a marker, which raised its epoch, is known. */
export interface LastRecord {
  readonly dataOffset: number;
  readonly epoch: number;
}

interface RememberedBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
}

interface ProducerEntry {
  epoch: number;
  /** Newest last; empty after an epoch was raised by a marker. */
  batches: RememberedBatch[];
  coordinatorEpoch: number;
  /** A transaction of it is open here. */
  inTransaction: boolean;
  lastUsedUs: Micros;
}

/** The verdict on a client's batch: append it, answer it as the duplicate of these offsets, or refuse it. */
export type BatchVerdict =
  | { readonly type: 'append' }
  | { readonly type: 'duplicate'; readonly firstOffset: number; readonly lastOffset: number }
  | { readonly type: 'refused'; readonly error: SequenceError };

const APPEND: BatchVerdict = { type: 'append' };

/** Sequence number `steps` after `sequence`, wrapping. */
export function sequenceAfter(sequence: number, steps: number): number {
  const sum = sequence + steps;
  return sum > MAX_SEQUENCE ? sum - MAX_SEQUENCE - 1 : sum;
}

/** Sequence number `steps` before `sequence`, wrapping. */
export function sequenceBefore(sequence: number, steps: number): number {
  return sequence >= steps ? sequence - steps : sequence - steps + MAX_SEQUENCE + 1;
}

export class ProducerStates {
  private readonly producers = new Map<number, ProducerEntry>();

  /** Judges a batch of `count` records that a client sent to the leader; changes nothing. Source: K32, K33, K39. */
  check(batch: Omit<ProducerBatch, 'count'>, count: number): BatchVerdict {
    const known = this.producers.get(batch.producerId);
    if (known === undefined) return APPEND;
    const lastSequence = sequenceAfter(batch.firstSequence, count - 1);
    if (batch.epoch === known.epoch) {
      for (const earlier of known.batches) {
        if (earlier.firstSequence === batch.firstSequence && earlier.lastSequence === lastSequence) {
          return { type: 'duplicate', firstOffset: earlier.firstOffset, lastOffset: earlier.lastOffset };
        }
      }
    }
    if (batch.epoch < known.epoch) return refused('INVALID_PRODUCER_EPOCH');
    const last = known.batches[known.batches.length - 1];
    if (batch.epoch > known.epoch || last === undefined) {
      if (batch.firstSequence !== 0) return refused('OUT_OF_ORDER_SEQUENCE_NUMBER');
    } else if (batch.firstSequence !== sequenceAfter(last.lastSequence, 1))
      return refused('OUT_OF_ORDER_SEQUENCE_NUMBER');
    if (known.inTransaction && !batch.transactional) return refused('INVALID_TXN_STATE');
    return APPEND;
  }

  /** Judges a transaction marker; undefined when it may be written. Source: K34, K43. */
  checkMarker(producerId: number, epoch: number, coordinatorEpoch: number): SequenceError | undefined {
    const known = this.producers.get(producerId);
    if (known === undefined) return undefined;
    if (epoch < known.epoch) return 'INVALID_PRODUCER_EPOCH';
    if (coordinatorEpoch < known.coordinatorEpoch) return 'TRANSACTION_COORDINATOR_FENCED';
    return undefined;
  }

  /** Remembers a batch that is in the log now, checked or replicated. Source: K32, K34. */
  appended(batch: ProducerBatch, firstOffset: number, now: Micros): void {
    const entry = this.entry(batch.producerId, batch.epoch);
    // A replicated batch counts as it lies in the log, even one of an older epoch.
    if (batch.epoch !== entry.epoch) {
      entry.epoch = batch.epoch;
      entry.batches = [];
    }
    const remembered: RememberedBatch = {
      firstSequence: batch.firstSequence,
      lastSequence: sequenceAfter(batch.firstSequence, batch.count - 1),
      firstOffset,
      lastOffset: firstOffset + batch.count - 1,
    };
    if (entry.batches.length === REMEMBERED_BATCHES) entry.batches.shift();
    entry.batches.push(remembered);
    entry.inTransaction = batch.transactional;
    entry.lastUsedUs = now;
  }

  /** Remembers a marker that is in the log now: a higher epoch in it begins the sequence at 0 again. Source: K34. */
  markerAppended(producerId: number, epoch: number, coordinatorEpoch: number, now: Micros): void {
    const entry = this.entry(producerId, epoch);
    if (epoch > entry.epoch) {
      entry.epoch = epoch;
      entry.batches = [];
    }
    entry.coordinatorEpoch = coordinatorEpoch;
    entry.inTransaction = false;
    entry.lastUsedUs = now;
  }

  /** Forgets one producer; its next batch may begin with any sequence number. Source: K33. */
  forget(producerId: number): void {
    this.producers.delete(producerId);
  }

  /** Forgets who has been idle for longer than `producer.id.expiration.ms` and has no open transaction. Source: K33. */
  expire(now: Micros, expirationUs: Micros): void {
    for (const [producerId, entry] of this.producers) {
      if (!entry.inTransaction && now - entry.lastUsedUs >= expirationUs) this.producers.delete(producerId);
    }
  }

  /** Last sequence number of each producer that has one, in the order of first use. Source: K35. */
  lastSequences(): Map<number, number> {
    const found = new Map<number, number>();
    for (const [producerId, entry] of this.producers) {
      const last = entry.batches[entry.batches.length - 1];
      if (last !== undefined) found.set(producerId, last.lastSequence);
    }
    return found;
  }

  /** Where the last batch of a producer ends, and its epoch; undefined when it is not remembered. Source: K35. */
  lastRecordOf(producerId: number): LastRecord | undefined {
    const entry = this.producers.get(producerId);
    if (entry === undefined) return undefined;
    return { dataOffset: entry.batches[entry.batches.length - 1]?.lastOffset ?? -1, epoch: entry.epoch };
  }

  clear(): void {
    this.producers.clear();
  }

  private entry(producerId: number, epoch: number): ProducerEntry {
    let entry = this.producers.get(producerId);
    if (entry === undefined) {
      entry = { epoch, batches: [], coordinatorEpoch: -1, inTransaction: false, lastUsedUs: 0 };
      this.producers.set(producerId, entry);
    }
    return entry;
  }
}

function refused(error: SequenceError): BatchVerdict {
  return { type: 'refused', error };
}
