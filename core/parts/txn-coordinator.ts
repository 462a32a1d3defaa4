/**
 * The transaction coordinator's rules for one transactional id: its states, which request is answered how, epochs that fence zombies,
 * and the timeout. It is a pure state machine: it says what must be persisted or sent (markers), and whoever owns it does so and reports
 * back with `markersWritten`. Transaction protocol version 1: the epoch is raised by InitProducerId and by fencing, not at every end.
 */
import type { Micros } from '../types.ts';

export type TxnState =
  | 'Empty'
  | 'Ongoing'
  | 'PrepareCommit'
  | 'PrepareAbort'
  | 'CompleteCommit'
  | 'CompleteAbort'
  | 'Dead'
  | 'PrepareEpochFence';

export type TxnError =
  | 'NONE'
  | 'PRODUCER_FENCED'
  | 'INVALID_PRODUCER_ID_MAPPING'
  | 'INVALID_TXN_STATE'
  | 'CONCURRENT_TRANSACTIONS'
  | 'INVALID_TRANSACTION_TIMEOUT';

export type TxnResult = 'COMMIT' | 'ABORT';

/** From which states a state may be entered. Source: K40. */
export const VALID_PREVIOUS_STATES: Readonly<Record<TxnState, readonly TxnState[]>> = {
  Empty: ['Empty', 'CompleteCommit', 'CompleteAbort'],
  Ongoing: ['Ongoing', 'Empty', 'CompleteCommit', 'CompleteAbort'],
  PrepareCommit: ['Ongoing'],
  PrepareAbort: ['Ongoing', 'PrepareEpochFence'],
  CompleteCommit: ['PrepareCommit'],
  CompleteAbort: ['PrepareAbort'],
  Dead: ['Empty', 'CompleteAbort', 'CompleteCommit'],
  PrepareEpochFence: ['Ongoing'],
};

/** Epochs stop one below the largest signed 16-bit number; then a new producer id is given. Source: K37. */
const LAST_EPOCH = 32766;

/** Everything the coordinator knows of one transactional id; immutable, so that it can be written to a log as it is. */
export interface TxnMetadata {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly epoch: number;
  /** The id and epoch before the last bump: a retry of the InitProducerId that caused it is recognised by them. -1: none. */
  readonly lastProducerId: number;
  readonly lastEpoch: number;
  readonly state: TxnState;
  /** Partitions with records (or offsets) of the open transaction, in the order of their registration. */
  readonly partitions: readonly string[];
  /** `transaction.timeout.ms` of the producer. */
  readonly timeoutUs: Micros;
  /** When the open transaction began; 0 when none is open. */
  readonly startedUs: Micros;
}

/** What became of a request: the answer, and the metadata to persist when it changed. `writeMarkers`: the state prepared says which. */
export interface TxnOutcome {
  readonly error: TxnError;
  readonly producerId: number;
  readonly epoch: number;
  readonly metadata: TxnMetadata | undefined;
  readonly writeMarkers: boolean;
}

/** Who asks: an id and epoch, or neither (-1, -1) in a first InitProducerId. */
export interface ProducerIdentity {
  readonly producerId: number;
  readonly epoch: number;
}

export const NO_IDENTITY: ProducerIdentity = { producerId: -1, epoch: -1 };

/** What an InitProducerId that asks for this `transaction.timeout.ms` gets before anything else is looked at. Source: K44. */
export function timeoutError(timeoutUs: Micros, longestUs: Micros): TxnError {
  return timeoutUs > 0 && timeoutUs <= longestUs ? 'NONE' : 'INVALID_TRANSACTION_TIMEOUT';
}

/**
 * Answers InitProducerId. `newProducerId` is called when a new id is needed. A caller that names its id and epoch asks for the next epoch of its own, and asks
 * again when it names those before the last bump. Source: K37, K42, K43; apache/kafka: TransactionCoordinator.scala#prepareInitProducerIdTransit.
 */
export function initProducerId(
  transactionalId: string,
  known: TxnMetadata | undefined,
  caller: ProducerIdentity,
  timeoutUs: Micros,
  newProducerId: () => number,
): TxnOutcome {
  if (known === undefined) {
    const fresh: TxnMetadata = {
      transactionalId,
      producerId: newProducerId(),
      epoch: 0,
      lastProducerId: -1,
      lastEpoch: -1,
      state: 'Empty',
      partitions: [],
      timeoutUs,
      startedUs: 0,
    };
    return answered(fresh);
  }
  const isNamed = caller.producerId >= 0;
  // The id before the last one is good for asking again, should the answer with the new one be lost.
  const isFormer = caller.producerId === known.lastProducerId && caller.epoch >= LAST_EPOCH;
  if (isNamed && caller.producerId !== known.producerId && !isFormer) return failed('PRODUCER_FENCED');
  switch (known.state) {
    case 'PrepareCommit':
    case 'PrepareAbort':
    case 'PrepareEpochFence':
      return failed('CONCURRENT_TRANSACTIONS');
    case 'Ongoing':
      return { ...fenceAndAbort(known), error: 'CONCURRENT_TRANSACTIONS' };
    case 'Empty':
    case 'CompleteCommit':
    case 'CompleteAbort':
    case 'Dead': {
      // The epoch is looked at only here: while a transaction is open or being ended, it will be raised in any case.
      if (isNamed && caller.epoch !== known.epoch) {
        if (caller.epoch !== known.lastEpoch) return failed('PRODUCER_FENCED');
        const { producerId, epoch } = known;
        return { error: 'NONE', producerId, epoch, metadata: undefined, writeMarkers: false };
      }
      const exhausted = known.epoch >= LAST_EPOCH;
      return answered({
        ...known,
        producerId: exhausted ? newProducerId() : known.producerId,
        epoch: exhausted ? 0 : known.epoch + 1,
        lastProducerId: isNamed ? caller.producerId : -1,
        lastEpoch: isNamed ? caller.epoch : -1,
        state: 'Empty',
        partitions: [],
        timeoutUs,
        startedUs: 0,
      });
    }
  }
}

/** Answers AddPartitionsToTxn (and AddOffsetsToTxn, whose partition is one of `__consumer_offsets`). Source: K38, K43. */
export function addPartitions(
  known: TxnMetadata | undefined,
  caller: ProducerIdentity,
  partitions: readonly string[],
  now: Micros,
): TxnOutcome {
  const mismatch = identityError(known, caller);
  if (known === undefined || mismatch !== undefined) return failed(mismatch ?? 'INVALID_PRODUCER_ID_MAPPING');
  if (known.state.startsWith('Prepare')) return failed('CONCURRENT_TRANSACTIONS');
  if (known.state === 'Dead') return failed('INVALID_PRODUCER_ID_MAPPING');
  const open = known.state === 'Ongoing';
  const before = open ? known.partitions : [];
  const added = partitions.filter((partition) => !before.includes(partition));
  if (open && added.length === 0) {
    return {
      error: 'NONE',
      producerId: known.producerId,
      epoch: known.epoch,
      metadata: undefined,
      writeMarkers: false,
    };
  }
  return answered({
    ...known,
    state: 'Ongoing',
    partitions: [...before, ...added],
    startedUs: open ? known.startedUs : now,
  });
}

/** Answers EndTxn. On success from Ongoing the markers are still to be written. Source: K40, K41. */
export function endTxn(known: TxnMetadata | undefined, caller: ProducerIdentity, result: TxnResult): TxnOutcome {
  const mismatch = identityError(known, caller);
  if (known === undefined || mismatch !== undefined) return failed(mismatch ?? 'INVALID_PRODUCER_ID_MAPPING');
  const same = (state: TxnState) => state === (result === 'COMMIT' ? 'CompleteCommit' : 'CompleteAbort');
  switch (known.state) {
    case 'Ongoing':
      return {
        ...answered({ ...known, state: result === 'COMMIT' ? 'PrepareCommit' : 'PrepareAbort' }),
        writeMarkers: true,
      };
    case 'CompleteCommit':
    case 'CompleteAbort':
      return same(known.state)
        ? { error: 'NONE', producerId: known.producerId, epoch: known.epoch, metadata: undefined, writeMarkers: false }
        : failed('INVALID_TXN_STATE');
    case 'PrepareCommit':
      return failed(result === 'COMMIT' ? 'CONCURRENT_TRANSACTIONS' : 'INVALID_TXN_STATE');
    case 'PrepareAbort':
      return failed(result === 'ABORT' ? 'CONCURRENT_TRANSACTIONS' : 'INVALID_TXN_STATE');
    case 'PrepareEpochFence':
    case 'Empty':
    case 'Dead':
      return failed('INVALID_TXN_STATE');
  }
}

/** The markers of a prepared transaction are in every partition: it is complete. */
export function markersWritten(known: TxnMetadata): TxnMetadata {
  const state: TxnState = known.state === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort';
  return { ...known, state, partitions: [], startedUs: 0 };
}

/** Whether an open transaction has lasted longer than its producer's `transaction.timeout.ms`. Source: K44. */
export function timedOut(known: TxnMetadata, now: Micros): boolean {
  return known.state === 'Ongoing' && now - known.startedUs > known.timeoutUs;
}

/** Whether the id may be forgotten when nobody has used it for long: nothing is open or being ended. Source: K44. */
export function mayExpire(known: TxnMetadata): boolean {
  return VALID_PREVIOUS_STATES.Dead.includes(known.state);
}

/** Raises the epoch, so that the producer that has it is fenced, and begins to abort what is open. Source: K42, K44. */
export function fenceAndAbort(known: TxnMetadata): TxnOutcome {
  const metadata: TxnMetadata = {
    ...known,
    epoch: known.epoch + 1,
    lastProducerId: -1,
    lastEpoch: -1,
    state: 'PrepareAbort',
  };
  return { error: 'NONE', producerId: known.producerId, epoch: metadata.epoch, metadata, writeMarkers: true };
}

function identityError(known: TxnMetadata | undefined, caller: ProducerIdentity): TxnError | undefined {
  if (known === undefined || known.producerId !== caller.producerId) return 'INVALID_PRODUCER_ID_MAPPING';
  return known.epoch === caller.epoch ? undefined : 'PRODUCER_FENCED';
}

function answered(metadata: TxnMetadata): TxnOutcome {
  return { error: 'NONE', producerId: metadata.producerId, epoch: metadata.epoch, metadata, writeMarkers: false };
}

function failed(error: TxnError): TxnOutcome {
  return { error, producerId: -1, epoch: -1, metadata: undefined, writeMarkers: false };
}
