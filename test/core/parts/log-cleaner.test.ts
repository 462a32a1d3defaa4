import { describe, expect, it } from 'vitest';
import { buildOffsetMap } from '../../../core/parts/log-cleaner.ts';
import { PartitionReplica } from '../../../core/parts/partition-replica.ts';

const HOUR = 3_600_000_000;
const PLAIN = { producerId: -1, epoch: -1, firstSequence: -1, transactional: false };

/** A compacted log whose segments hold two records each. */
function compacted(options: { minLagUs?: number; maxLagUs?: number; minDirtyRatio?: number } = {}) {
  return new PartitionReplica<string>({
    segmentBytes: 200,
    segmentUs: Number.MAX_SAFE_INTEGER,
    retentionUs: -1,
    retentionBytes: -1,
    deletes: false,
    compaction: { minDirtyRatio: 0.5, minLagUs: 0, maxLagUs: -1, deleteRetentionUs: HOUR, ...options },
  });
}

/** Writes `key=value` records, a value of '' being a tombstone; everything is committed. */
function write(replica: PartitionReplica<string>, records: readonly string[], timestampUs = 0): void {
  for (const text of records) {
    const [key = '', value = ''] = text.split('=');
    const record = { key, value: value === '' ? null : value, timestampUs, sizeBytes: 100 };
    replica.appendAsLeader({ ...PLAIN, records: [record] }, 0, timestampUs);
  }
  replica.log.setHighWatermark(replica.log.endOffset);
}

function clean(replica: PartitionReplica<string>, now = 0) {
  const { firstDirty, end } = replica.cleanable(now);
  return replica.clean(firstDirty, end, Number.MAX_SAFE_INTEGER, now);
}

function left(replica: PartitionReplica<string>): string[] {
  const seen: string[] = [];
  replica.log.scan(
    0,
    replica.log.endOffset,
    ({ offset, key, value }) => seen.push(`${offset} ${key}=${value ?? ''}`) > 0,
  );
  return seen;
}

describe('a compacted log', () => {
  it('keeps the newest record of each key, at its offset, and never touches the active segment (K82)', () => {
    const replica = compacted();
    write(replica, ['a=1', 'b=1', 'a=2', 'c=1', 'a=3']);
    clean(replica);
    expect(left(replica)).toEqual(['1 b=1', '2 a=2', '3 c=1', '4 a=3']);
    write(replica, ['b=2', 'd=1']);
    clean(replica);
    expect(left(replica)).toEqual(['3 c=1', '4 a=3', '5 b=2', '6 d=1']);
  });

  it('goes on at the next record when it is read at a removed offset (K82)', () => {
    const replica = compacted();
    write(replica, ['a=1', 'a=2', 'a=3', 'b=1', 'c=1']);
    clean(replica);
    expect(replica.read(0, 5, 1000, 'read_uncommitted').records[0]?.offset).toBe(2);
  });

  it('refuses a record without a key (K82)', () => {
    const records = [{ key: null, value: 'x', timestampUs: 0, sizeBytes: 1 }];
    expect(compacted().appendAsLeader({ ...PLAIN, records }, 0, 0)).toEqual({
      type: 'refused',
      error: 'INVALID_RECORD',
    });
  });

  it('is due when more than the asked part of it is dirty (K83)', () => {
    const replica = compacted();
    write(replica, ['a=1', 'b=1', 'c=1', 'd=1', 'e=1']);
    expect(replica.cleanable(0).due).toBe(true);
    clean(replica);
    write(replica, ['f=1', 'g=1']);
    expect(replica.cleanable(0)).toMatchObject({ due: false, firstDirty: 4 });
    write(replica, ['h=1', 'i=1', 'j=1', 'k=1']);
    expect(replica.cleanable(0).due).toBe(true);
  });

  it('leaves alone what is younger than min.compaction.lag.ms, and hurries for max.compaction.lag.ms (K83)', () => {
    const patient = compacted({ minLagUs: HOUR });
    write(patient, ['a=1', 'a=2', 'a=3'], HOUR);
    expect(patient.cleanable(HOUR + 1).end).toBe(0);
    expect(patient.cleanable(2 * HOUR + 1).end).toBe(2);
    const hasty = compacted({ minDirtyRatio: 1, maxLagUs: HOUR });
    write(hasty, ['a=1', 'a=2', 'a=3']);
    expect([hasty.cleanable(HOUR).due, hasty.cleanable(HOUR + 1).due]).toEqual([false, true]);
  });

  it('keeps a tombstone for delete.retention.ms from the first clean that sees it (K84)', () => {
    const replica = compacted();
    write(replica, ['a=1', 'a=', 'b=1']);
    clean(replica, 10 * HOUR);
    expect(left(replica)).toEqual(['1 a=', '2 b=1']);
    clean(replica, 11 * HOUR - 1);
    expect(left(replica)).toContain('1 a=');
    clean(replica, 11 * HOUR);
    expect(left(replica)).toEqual(['2 b=1']);
  });

  it('cleans nothing at or above the last stable offset (K85)', () => {
    const replica = compacted();
    write(replica, ['a=1', 'a=2']);
    const txn = { producerId: 7, epoch: 0, firstSequence: 0, transactional: true };
    replica.appendAsLeader({ ...txn, records: [{ key: 'a', value: '3', timestampUs: 0, sizeBytes: 100 }] }, 0, 0);
    write(replica, ['a=4', 'a=5', 'a=6']);
    expect(replica.cleanable(0).end).toBe(2);
  });

  it('goes only as far as its index reaches, and on from there (K83)', () => {
    const replica = compacted();
    write(replica, ['a=1', 'b=1', 'c=1', 'a=2', 'b=2', 'z=1']);
    expect(buildOffsetMap(replica.log, 0, 4, 2, []).latest).toBe(1);
    const first = replica.clean(0, 4, 2, 0);
    expect([first.nextDirty, left(replica).length]).toEqual([2, 6]);
    replica.clean(first.nextDirty, 4, 2, 0);
    expect(left(replica)[0]).toBe('1 b=1');
  });

  it('still knows a producer’s last batch when its records are gone (K35, K85)', () => {
    const replica = compacted();
    const batch = { producerId: 3, epoch: 0, firstSequence: 0, transactional: false };
    const records = [1, 2].map((n) => ({ key: 'a', value: `${n}`, timestampUs: 0, sizeBytes: 50 }));
    replica.appendAsLeader({ ...batch, records }, 0, 0);
    write(replica, ['a=3', 'b=1', 'c=1']);
    clean(replica);
    const follower = compacted();
    follower.appendAsFollower(replica.read(0, replica.log.endOffset, 1e9, 'read_uncommitted').records, 0);
    expect(follower.appendAsLeader({ ...batch, records }, 0, 0)).toEqual({
      type: 'duplicate',
      firstOffset: 0,
      lastOffset: 1,
    });
  });
});
