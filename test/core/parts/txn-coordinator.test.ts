import { describe, expect, it } from 'vitest';
import type { TxnMetadata, TxnState } from '../../../core/parts/txn-coordinator.ts';
import {
  addPartitions,
  endTxn,
  fenceAndAbort,
  initProducerId,
  markersWritten,
  NO_IDENTITY,
  timedOut,
} from '../../../core/parts/txn-coordinator.ts';

const caller = (epoch: number) => ({ producerId: 1, epoch });
const noNewId = () => 99;

function known(state: TxnState, epoch = 5): TxnMetadata {
  return {
    transactionalId: 'ledger',
    producerId: 1,
    epoch,
    lastProducerId: -1,
    lastEpoch: -1,
    state,
    partitions: state === 'Ongoing' ? ['t-0'] : [],
    timeoutUs: 60_000_000,
    startedUs: 0,
  };
}

describe('InitProducerId (K37, K42)', () => {
  it('gives a new id epoch 0', () => {
    expect(initProducerId('ledger', undefined, NO_IDENTITY, 1, () => 7)).toMatchObject({
      error: 'NONE',
      producerId: 7,
      epoch: 0,
    });
  });

  it('raises the epoch of a known id', () => {
    expect(initProducerId('ledger', known('Empty'), NO_IDENTITY, 1, noNewId)).toMatchObject({
      producerId: 1,
      epoch: 6,
    });
  });

  it('answers a retry of the same bump alike', () => {
    const first = initProducerId('ledger', known('Empty', 10), caller(10), 1, noNewId);
    expect(initProducerId('ledger', first.metadata, caller(10), 1, noNewId)).toMatchObject({
      error: 'NONE',
      epoch: 11,
    });
  });

  it('aborts an open transaction first: two bumps in all', () => {
    const first = initProducerId('ledger', known('Ongoing'), NO_IDENTITY, 1, noNewId);
    expect(first).toMatchObject({
      error: 'CONCURRENT_TRANSACTIONS',
      writeMarkers: true,
      metadata: { state: 'PrepareAbort', epoch: 6 },
    });
    const done = markersWritten(first.metadata as TxnMetadata);
    expect(initProducerId('ledger', done, NO_IDENTITY, 1, noNewId)).toMatchObject({ error: 'NONE', epoch: 7 });
  });

  it('changes to a new producer id before epochs run out', () => {
    expect(initProducerId('ledger', known('Empty', 32766), NO_IDENTITY, 1, noNewId)).toMatchObject({
      producerId: 99,
      epoch: 0,
    });
  });
});

describe('EndTxn (K41)', () => {
  const cases: readonly [TxnState, 'COMMIT' | 'ABORT', string][] = [
    ['Ongoing', 'COMMIT', 'NONE'],
    ['CompleteCommit', 'COMMIT', 'NONE'],
    ['CompleteCommit', 'ABORT', 'INVALID_TXN_STATE'],
    ['CompleteAbort', 'ABORT', 'NONE'],
    ['PrepareCommit', 'COMMIT', 'CONCURRENT_TRANSACTIONS'],
    ['PrepareAbort', 'COMMIT', 'INVALID_TXN_STATE'],
    ['Empty', 'COMMIT', 'INVALID_TXN_STATE'],
  ];
  it.each(cases)('in %s, %s is answered %s', (state, result, error) => {
    expect(endTxn(known(state), caller(5), result).error).toBe(error);
  });

  it('fences an older epoch, and does not know another id', () => {
    expect(endTxn(known('Ongoing'), caller(4), 'COMMIT').error).toBe('PRODUCER_FENCED');
    expect(endTxn(known('Ongoing'), { producerId: 2, epoch: 5 }, 'COMMIT').error).toBe('INVALID_PRODUCER_ID_MAPPING');
  });

  it('prepares, and is complete when the markers are written', () => {
    const prepared = endTxn(known('Ongoing'), caller(5), 'COMMIT');
    expect(prepared).toMatchObject({ writeMarkers: true, metadata: { state: 'PrepareCommit', partitions: ['t-0'] } });
    expect(markersWritten(prepared.metadata as TxnMetadata)).toMatchObject({ state: 'CompleteCommit', partitions: [] });
  });
});

describe('AddPartitionsToTxn', () => {
  it('opens a transaction and collects partitions once each', () => {
    const first = addPartitions(known('Empty'), caller(5), ['a-0'], 42);
    expect(first.metadata).toMatchObject({ state: 'Ongoing', startedUs: 42, partitions: ['a-0'] });
    const second = addPartitions(first.metadata, caller(5), ['a-0', 'b-1'], 50);
    expect(second.metadata).toMatchObject({ startedUs: 42, partitions: ['a-0', 'b-1'] });
  });

  it('fences a zombie (K43)', () => {
    expect(addPartitions(known('Empty'), caller(0), ['a-0'], 0).error).toBe('PRODUCER_FENCED');
    expect(addPartitions(undefined, caller(0), ['a-0'], 0).error).toBe('INVALID_PRODUCER_ID_MAPPING');
  });
});

it('a transaction open for longer than its timeout is aborted under a raised epoch (K44)', () => {
  expect([timedOut(known('Ongoing'), 60_000_000), timedOut(known('Ongoing'), 60_000_001)]).toEqual([false, true]);
  expect(fenceAndAbort(known('Ongoing')).metadata).toMatchObject({ state: 'PrepareAbort', epoch: 6 });
});
