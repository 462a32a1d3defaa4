import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { type ShareEnd, SharePartition, type ShareState } from '../../../core/parts/share-partition.ts';

const LOCK = 30_000_000;

describe('a share partition', () => {
  let share: SharePartition;
  let ended: ShareEnd[];
  const note = (end: ShareEnd) => void ended.push(end);
  const states = () => [0, 1, 2, 3, 4].map((offset) => share.record(offset)?.state ?? '-');

  beforeEach(() => {
    share = new SharePartition(0, { deliveryCountLimit: 2, maxRecordLocks: 4, lockUs: LOCK });
    ended = [];
  });

  it('hands each record to one member at a time, and counts the delivery (K102)', () => {
    expect(share.acquire('m1', 0, 1, 0)).toHaveLength(2);
    expect(share.acquire('m2', 0, 2, 0).map(({ offset }) => offset)).toEqual([2]);
    expect(share.record(0)).toMatchObject({ owner: 'm1', deliveryCount: 1, lockedUntilUs: LOCK });
  });

  it('releases what its lock outlasts, and archives it at the limit of deliveries (K103, K104)', () => {
    share.acquire('m1', 0, 0, 0);
    share.expire(LOCK, note);
    expect(states()[0]).toBe('AVAILABLE');
    share.acquire('m2', 0, 0, LOCK);
    share.expire(2 * LOCK, note);
    expect(ended.map(({ state, deliveryCount, owner }) => [state, deliveryCount, owner])).toEqual([
      ['AVAILABLE', 1, 'm1'],
      ['ARCHIVED', 2, 'm2'],
    ]);
    expect(share.startOffset).toBe(1);
  });

  it('passes over what was given back and has been emptied by compaction since, so that no fetch looks there for ever', () => {
    share.acquire('m1', 0, 1, 0);
    share.memberGone('m1', note);
    expect(share.nextFetchOffset).toBe(0);
    share.skip(0, 1);
    expect([share.nextFetchOffset, share.startOffset]).toEqual([1, 1]);
    share.archiveMissing(1, 2);
    expect([share.nextFetchOffset, share.startOffset, share.inFlight]).toEqual([2, 2, 0]);
  });

  it('refuses the whole range when one offset of it is not held (K105)', () => {
    share.acquire('m1', 0, 0, 0);
    share.acquire('m2', 1, 1, 0);
    expect(share.acknowledge('m1', 0, 1, () => 'ACCEPT', 0, note)).toBe('INVALID_RECORD_STATE');
    expect(states().slice(0, 2)).toEqual(['ACQUIRED', 'ACQUIRED']);
  });

  it('refuses an acknowledgement after the lock has ended, even before anybody looked (K105)', () => {
    share.acquire('m1', 0, 0, 0);
    expect(share.acknowledge('m1', 0, 0, () => 'ACCEPT', LOCK, note)).toBe('INVALID_RECORD_STATE');
  });

  it('lets RENEW hold a record for the whole time again (K103)', () => {
    share.acquire('m1', 0, 0, 0);
    share.acknowledge('m1', 0, 0, () => 'RENEW', LOCK - 1, note);
    share.expire(LOCK, note);
    expect([states()[0], share.nextExpiryUs()]).toEqual(['ACQUIRED', 2 * LOCK - 1]);
  });

  it('moves its start over what is final, and counts all behind it to the cap (K106, K107)', () => {
    share.acquire('m1', 0, 3, 0);
    share.acknowledge('m1', 1, 3, () => 'ACCEPT', 0, note);
    expect([share.startOffset, share.inFlight, share.canAcquire]).toEqual([0, 1, false]);
    share.acknowledge('m1', 0, 0, () => 'REJECT', 0, note);
    expect([share.startOffset, share.canAcquire]).toEqual([4, true]);
  });

  it('gives up what the log has deleted (K107)', () => {
    share.acquire('m1', 0, 3, 0);
    share.logStartMoved(2);
    expect([share.startOffset, share.inFlight]).toEqual([2, 2]);
  });

  it('lets a new leader hand out anew what was acquired, with the deliveries that it had', () => {
    share.acquire('m1', 0, 1, 0);
    share.acknowledge('m1', 1, 1, () => 'ACCEPT', 0, note);
    const next = new SharePartition(0, { deliveryCountLimit: 2, maxRecordLocks: 4, lockUs: LOCK });
    next.restore(share.snapshot());
    expect(next.acquireOne('m2', 0, 0)?.deliveryCount).toBe(2);
    expect(next.acquireOne('m2', 1, 0)).toBeUndefined();
  });
});

it('never hands a record out more often than it may, nor one that is final (K101, K104)', () => {
  const step = fc.record({
    what: fc.constantFrom('acquire', 'ACCEPT', 'RELEASE', 'REJECT', 'expire', 'leave'),
    member: fc.constantFrom('a', 'b'),
    offset: fc.nat(5),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const share = new SharePartition(0, { deliveryCountLimit: 3, maxRecordLocks: 6, lockUs: 10 });
      const deliveries = new Map<number, number>();
      const final = new Map<number, ShareState>();
      let now = 0;
      const note = ({ offset, state }: ShareEnd) => {
        if (state !== 'AVAILABLE') final.set(offset, state);
      };
      for (const { what, member, offset } of steps) {
        now++;
        if (what === 'acquire') {
          for (const one of share.acquire(member, 0, offset, now)) {
            expect(final.has(one.offset)).toBe(false);
            deliveries.set(one.offset, (deliveries.get(one.offset) ?? 0) + 1);
          }
        } else if (what === 'expire') {
          now += 10;
          share.expire(now, note);
        } else if (what === 'leave') share.memberGone(member, note);
        else share.acknowledge(member, offset, offset, () => what as 'ACCEPT', now, note);
        expect(Math.max(0, ...deliveries.values())).toBeLessThanOrEqual(3);
        for (let below = 0; below < share.startOffset; below++) expect(final.has(below)).toBe(true);
      }
    }),
  );
});
