import { describe, expect, it } from 'vitest';
import type { NewBatch } from '../../../core/parts/partition-replica.ts';
import { PartitionReplica } from '../../../core/parts/partition-replica.ts';
import { AbortedFilter } from '../../../core/parts/txn-index.ts';

const UNLIMITED = { segmentBytes: 1e9, segmentUs: 1e15, retentionUs: -1, retentionBytes: -1, deletes: true };

function replica(options: Partial<typeof UNLIMITED> = {}): PartitionReplica<string> {
  return new PartitionReplica<string>({ ...UNLIMITED, ...options });
}

function plain(count: number, timestampUs = 0): NewBatch<string> {
  const record = { key: null, value: 'v', timestampUs, sizeBytes: 1 };
  return { producerId: -1, epoch: 0, firstSequence: 0, transactional: false, records: Array(count).fill(record) };
}

function idempotent(
  producerId: number,
  firstSequence: number,
  count: number,
  transactional = false,
  epoch = 0,
): NewBatch<string> {
  return { ...plain(count), producerId, epoch, firstSequence, transactional };
}

describe('the log', () => {
  it('gives dense offsets, and an append alone never moves the high watermark (K2, K5)', () => {
    const one = replica();
    one.appendAsLeader(plain(3), 0, 0);
    expect([one.log.startOffset, one.log.highWatermark, one.log.endOffset]).toEqual([0, 0, 3]);
    one.log.advanceHighWatermark(9);
    expect(one.log.highWatermark).toBe(3);
  });

  it('forgets an epoch that began at the end without a record when told to cut there, so that it cannot differ from its leader for ever (K24)', () => {
    const one = replica();
    one.log.beginEpoch(0, 0);
    one.log.truncateTo(0);
    expect(one.log.latestEpoch).toBe(-1);
    one.appendAsLeader(plain(2), 1, 0);
    one.log.truncateTo(2);
    expect(one.log.latestEpoch).toBe(1);
  });

  it('pulls the high watermark back when it is cut (K5, K24)', () => {
    const one = replica();
    one.appendAsLeader(plain(6), 0, 0);
    one.log.setHighWatermark(6);
    one.truncateTo(3, 0);
    expect([one.log.highWatermark, one.log.endOffset]).toEqual([3, 3]);
  });

  it('answers where a leader epoch ended (K24)', () => {
    const one = replica();
    one.appendAsLeader(plain(2), 1, 0);
    one.appendAsLeader(plain(3), 4, 0);
    expect(one.log.endOfEpoch(1)).toEqual({ epoch: 1, endOffset: 2 });
    expect(one.log.endOfEpoch(3)).toEqual({ epoch: 1, endOffset: 2 });
    expect(one.log.endOfEpoch(7)).toEqual({ epoch: 4, endOffset: 5 });
    expect(one.log.endOfEpoch(0)).toBeUndefined();
  });

  it('finds the first record at or after a time (K9)', () => {
    const one = replica();
    for (const time of [10, 30, 20]) one.appendAsLeader(plain(1, time), 0, 0);
    expect([5, 15, 30, 31].map((time) => one.log.offsetForTime(time))).toEqual([0, 1, 1, undefined]);
  });
});

describe('retention (K79-K81)', () => {
  const fifteen = (options: Partial<typeof UNLIMITED>) => {
    const one = replica({ segmentBytes: 5, ...options });
    for (let i = 0; i < 15; i++) one.appendAsLeader(plain(1, i), 0, 0);
    return one;
  };

  it('removes whole segments by size, oldest first', () => {
    const one = fifteen({ retentionBytes: 11 });
    one.log.setHighWatermark(15);
    one.log.applyRetention(15);
    expect([one.log.startOffset, one.log.segmentCount]).toEqual([0, 3]);
    one.appendAsLeader(plain(2), 0, 0);
    one.log.setHighWatermark(17);
    expect(one.log.applyRetention(15)).toBe(5);
  });

  it('keeps what is not below the high watermark', () => {
    const one = fifteen({ retentionUs: 1 });
    one.log.setHighWatermark(7);
    expect(one.log.applyRetention(1_000)).toBe(5);
  });

  it('rolls and removes even the active segment by time', () => {
    const one = fifteen({ retentionUs: 1 });
    one.log.setHighWatermark(15);
    expect([one.log.applyRetention(1_000), one.log.segmentCount]).toEqual([15, 1]);
  });

  it('deletes records up to the high watermark, not beyond', () => {
    const one = fifteen({});
    one.log.setHighWatermark(8);
    expect([one.log.deleteRecordsBefore(9), one.log.startOffset]).toEqual([false, 0]);
    expect([one.log.deleteRecordsBefore(6), one.log.startOffset]).toEqual([true, 6]);
  });
});

describe('idempotent producers (K32-K34)', () => {
  it('answers a repeated batch with its first offsets and writes nothing', () => {
    const one = replica();
    one.appendAsLeader(idempotent(7, 0, 2), 0, 0);
    expect(one.appendAsLeader(idempotent(7, 0, 2), 0, 0)).toEqual({ type: 'duplicate', firstOffset: 0, lastOffset: 1 });
    expect(one.log.endOffset).toBe(2);
  });

  it('remembers the last five batches only', () => {
    const one = replica();
    for (let sequence = 0; sequence < 6; sequence++) one.appendAsLeader(idempotent(7, sequence, 1), 0, 0);
    expect(one.appendAsLeader(idempotent(7, 1, 1), 0, 0).type).toBe('duplicate');
    expect(one.appendAsLeader(idempotent(7, 0, 1), 0, 0)).toEqual({
      type: 'refused',
      error: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
    });
  });

  it('refuses a gap, an older epoch, and wraps after the largest sequence number', () => {
    const one = replica();
    one.appendAsLeader(idempotent(7, 2147483646, 2, false, 3), 0, 0);
    expect(one.appendAsLeader(idempotent(7, 1, 1, false, 3), 0, 0).type).toBe('refused');
    expect(one.appendAsLeader(idempotent(7, 0, 1, false, 2), 0, 0)).toEqual({
      type: 'refused',
      error: 'INVALID_PRODUCER_EPOCH',
    });
    expect(one.appendAsLeader(idempotent(7, 0, 1, false, 3), 0, 0).type).toBe('appended');
  });

  it('knows its producers again after it was cut', () => {
    const one = replica();
    one.appendAsLeader(idempotent(7, 0, 2), 0, 0);
    one.appendAsLeader(idempotent(7, 2, 2), 0, 0);
    one.truncateTo(2, 0);
    expect(one.appendAsLeader(idempotent(7, 2, 2), 0, 0)).toEqual({ type: 'appended', firstOffset: 2, lastOffset: 3 });
  });

  it('learns them from what it copies', () => {
    const leader = replica();
    leader.appendAsLeader(idempotent(7, 0, 2), 0, 0);
    const follower = replica();
    follower.appendAsFollower(leader.read(0, 2, 1e9, 'read_uncommitted').records, 0);
    expect(follower.appendAsLeader(idempotent(7, 0, 2), 1, 0).type).toBe('duplicate');
  });
});

describe('transactions (K45, K46)', () => {
  const visible = (one: PartitionReplica<string>) => {
    const { records, aborted } = one.read(0, one.readableEnd('read_committed'), 1e9, 'read_committed');
    const filter = new AbortedFilter(aborted);
    return records.filter((record) => filter.passes(record)).map((record) => record.offset);
  };

  it('withholds what lies behind an open transaction', () => {
    const one = replica();
    one.appendAsLeader(plain(1), 0, 0);
    one.appendAsLeader(idempotent(5, 0, 1, true), 0, 0);
    one.appendAsLeader(plain(2), 0, 0);
    one.log.setHighWatermark(4);
    expect([one.lastStableOffset, visible(one)]).toEqual([1, [0]]);
  });

  it('leaves out aborted records and markers', () => {
    const one = replica();
    one.appendAsLeader(idempotent(1, 0, 2, true), 0, 0);
    one.appendAsLeader(idempotent(2, 0, 1, true), 0, 0);
    one.appendMarker(1, 0, 'COMMIT', 0, 0, 0);
    one.appendMarker(2, 0, 'ABORT', 0, 0, 0);
    one.log.setHighWatermark(5);
    expect(visible(one)).toEqual([0, 1]);
  });

  it('stays open until the high watermark has passed the marker', () => {
    const one = replica();
    one.appendAsLeader(idempotent(1, 0, 2, true), 0, 0);
    one.appendMarker(1, 0, 'COMMIT', 0, 0, 0);
    one.log.setHighWatermark(2);
    expect(one.lastStableOffset).toBe(0);
    one.log.setHighWatermark(3);
    expect(one.lastStableOffset).toBe(3);
  });

  it('refuses a plain batch of a producer that is in a transaction (K39), and an older coordinator (K43)', () => {
    const one = replica();
    one.appendAsLeader(idempotent(1, 0, 1, true), 0, 0);
    expect(one.appendAsLeader(idempotent(1, 1, 1), 0, 0)).toEqual({ type: 'refused', error: 'INVALID_TXN_STATE' });
    one.appendMarker(1, 0, 'COMMIT', 2, 0, 0);
    expect(one.appendMarker(1, 0, 'ABORT', 1, 0, 0)).toEqual({
      type: 'refused',
      error: 'TRANSACTION_COORDINATOR_FENCED',
    });
  });

  it('does not promise the end while the new leader has not committed its epoch’s start (K9)', () => {
    const one = replica();
    one.appendAsLeader(plain(5), 0, 0);
    one.log.setHighWatermark(2);
    expect(one.offsetFor('latest', 'read_uncommitted', 5)).toBe('OFFSET_NOT_AVAILABLE');
    one.log.setHighWatermark(5);
    expect(one.offsetFor('latest', 'read_uncommitted', 5)).toBe(5);
  });
});
