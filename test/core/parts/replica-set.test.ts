import { describe, expect, it } from 'vitest';
import { electLeader, elrAfter } from '../../../core/parts/leader-election.ts';
import { ReplicaSet } from '../../../core/parts/replica-set.ts';

const LAG = 30_000_000;

function leader(isr: number[], options: { min?: number; epochStart?: number; replicas?: number[] } = {}): ReplicaSet {
  return new ReplicaSet({
    self: 1,
    replicas: options.replicas ?? [1, 2, 3],
    isr,
    minInsyncReplicas: options.min ?? 1,
    lagTimeMaxUs: LAG,
    epochStartOffset: options.epochStart ?? 0,
    now: 0,
  });
}

describe('the high watermark (K17)', () => {
  it('is the smallest log end in the in-sync set', () => {
    const set = leader([1, 2, 3]);
    set.fetched(2, 10, 10, 1);
    set.fetched(3, 4, 10, 1);
    expect(set.highWatermarkLimit(10, 1)).toBe(4);
  });

  it('stands still while the in-sync set is below min.insync.replicas', () => {
    const set = leader([1, 2], { min: 3 });
    set.fetched(2, 10, 10, 1);
    set.fetched(3, 10, 10, 1);
    set.tryExpand(3, 0);
    expect(set.highWatermarkLimit(10, 1)).toBeUndefined();
    set.confirm([1, 2, 3]);
    expect(set.highWatermarkLimit(10, 1)).toBe(10);
  });

  it('waits for a follower that is about to join, but not for a fenced one', () => {
    const set = leader([1], { replicas: [1, 2] });
    set.fetched(2, 10, 10, 1);
    expect(set.highWatermarkLimit(20, 2)).toBe(10);
    set.setEligible(2, false);
    expect(set.highWatermarkLimit(20, 2)).toBe(20);
  });
});

describe('the in-sync set', () => {
  it('grows by a follower that reached the high watermark and the start of the epoch (K20)', () => {
    const set = leader([1], { epochStart: 5 });
    set.fetched(2, 3, 7, 1);
    expect(set.tryExpand(2, 1)).toBeUndefined();
    set.fetched(2, 5, 7, 2);
    expect(set.tryExpand(2, 1)).toEqual([1, 2]);
    expect([set.isr, set.maximalIsr]).toEqual([[1], [1, 2]]);
  });

  it('shrinks by a follower that lagged too long, once the controller agrees (K19)', () => {
    const set = leader([1, 2, 3]);
    set.fetched(2, 10, 10, 0);
    expect(set.tryShrink(10, LAG)).toBeUndefined();
    expect(set.tryShrink(10, LAG + 1)).toEqual([1, 2]);
    expect(set.maximalIsr).toEqual([1, 2, 3]);
    set.confirm([1, 2]);
    expect(set.highWatermarkLimit(10, LAG + 1)).toBe(10);
  });

  it('has one change in flight at a time (K20)', () => {
    const set = leader([1]);
    set.fetched(2, 5, 5, 1);
    set.fetched(3, 5, 5, 1);
    set.tryExpand(2, 0);
    expect(set.tryExpand(3, 0)).toBeUndefined();
  });
});

describe('elections', () => {
  const partition = { replicas: [2, 1, 3], isr: [1, 3], leader: 1, elr: [], lastKnownElr: [] };
  const alive =
    (...brokers: number[]) =>
    (broker: number) =>
      brokers.includes(broker);

  it('keep a live leader, and go back to the first replica only when it is in sync (K21)', () => {
    expect(electLeader(partition, alive(1, 2, 3), 'online').leader).toBe(1);
    expect(electLeader(partition, alive(1, 2, 3), 'preferred').leader).toBe(1);
    expect(electLeader({ ...partition, isr: [2, 1] }, alive(1, 2), 'preferred').leader).toBe(2);
  });

  it('leave the partition offline rather than lose records (K21)', () => {
    expect(electLeader(partition, alive(2), 'online')).toMatchObject({ leader: 0, unclean: false });
  });

  it('take any live replica when unclean ones are allowed (K23)', () => {
    expect(electLeader(partition, alive(2), 'unclean')).toMatchObject({ leader: 2, unclean: true, isr: [2] });
  });

  it('may take an eligible leader replica without loss (K22)', () => {
    expect(electLeader({ ...partition, isr: [], elr: [3] }, alive(2, 3), 'online')).toMatchObject({
      leader: 3,
      unclean: false,
      isr: [3],
    });
  });
});

describe('eligible leader replicas (K22)', () => {
  const partition = { replicas: [1, 2, 3, 4], isr: [1, 2, 3, 4], leader: 1, elr: [], lastKnownElr: [] };

  it('are those that left while the in-sync set is below the minimum', () => {
    expect(elrAfter(partition, [1, 2], 3)).toEqual({ elr: [3, 4], lastKnownElr: [] });
    expect(elrAfter(partition, [1, 2], 3, [4])).toEqual({ elr: [3], lastKnownElr: [4] });
  });

  it('are cleared at the minimum', () => {
    expect(elrAfter({ ...partition, isr: [1, 2], elr: [3] }, [1, 2, 3], 3).elr).toEqual([]);
  });
});
