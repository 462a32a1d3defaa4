import { beforeEach, describe, expect, it } from 'vitest';
import { EpochGroup, type EpochGroupKind } from '../../../core/parts/epoch-group.ts';

const SESSION = 45_000_000;

describe('a group whose coordinator assigns (K59)', () => {
  let group: EpochGroup;
  let news: string[];
  let now: number;

  const begin = (kind: EpochGroupKind = 'consumer', partitions = 4) => {
    group = new EpochGroup(
      { kind, sessionTimeoutUs: SESSION, assignor: 'uniform', maxSize: 10 },
      new Map([['t', partitions]]),
    );
    news = [];
    now = 0;
  };
  const beat = (memberId: string, memberEpoch: number, owned: readonly string[] = [], instanceId?: string) =>
    group.heartbeat(
      {
        memberId,
        instanceId,
        memberEpoch,
        topics: ['t'],
        rebalanceTimeoutUs: 60_000_000,
        assignor: undefined,
        owned,
        reason: 'left the group',
      },
      now,
      { retargeted: (epoch) => news.push(`epoch ${epoch}`), memberGone: (id, why) => news.push(`${id} ${why}`) },
    );

  beforeEach(() => begin());

  it('gives the first member everything at once', () => {
    expect(beat('a', 0)).toEqual({ error: 'NONE', memberEpoch: 1, partitions: ['t-0', 't-1', 't-2', 't-3'] });
    expect(group.isStable).toBe(true);
  });

  it('gives a newcomer only what its owner has given up', () => {
    const all = beat('a', 0).partitions;
    expect(beat('b', 0)).toMatchObject({ memberEpoch: 2, partitions: [] });
    const kept = beat('a', 1, all);
    expect(kept).toMatchObject({ memberEpoch: 1 });
    expect(kept.partitions).toHaveLength(2);
    expect(beat('b', 2).partitions).toEqual([]);
    expect(beat('a', 1, kept.partitions).memberEpoch).toBe(2);
    expect(beat('b', 2).partitions).toHaveLength(2);
    expect(group.isStable).toBe(true);
  });

  it('lets the others keep what they have when one goes', () => {
    const all = beat('a', 0).partitions;
    beat('b', 0);
    const kept = beat('a', 1, all).partitions;
    beat('a', 1, kept);
    const given = beat('b', 2).partitions;
    beat('a', -1);
    expect(news.at(-1)).toBe('epoch 3');
    expect(new Set(beat('b', 2, given).partitions)).toEqual(new Set(['t-0', 't-1', 't-2', 't-3']));
  });

  it('fences a member of another epoch, unless it only missed the last answer', () => {
    const all = beat('a', 0).partitions;
    beat('b', 0);
    const kept = beat('a', 1, all).partitions;
    beat('a', 1, kept);
    expect(beat('a', 1, kept).error).toBe('NONE');
    expect(beat('a', 1, all).error).toBe('FENCED_MEMBER_EPOCH');
    expect(beat('a', 9).error).toBe('FENCED_MEMBER_EPOCH');
    expect(beat('c', 1).error).toBe('UNKNOWN_MEMBER_ID');
  });

  it('accepts commits of the present epoch only (K55)', () => {
    beat('a', 0);
    expect([group.commitError('a', 1), group.commitError('a', 0), group.commitError('b', 1)]).toEqual([
      'NONE',
      'STALE_MEMBER_EPOCH',
      'UNKNOWN_MEMBER_ID',
    ]);
  });

  it('removes who is silent, or does not give up in time', () => {
    const all = beat('a', 0).partitions;
    beat('b', 0);
    beat('a', 1, all);
    now = 40_000_000;
    beat('a', 1, all);
    const tick = () =>
      group.tick(now, { retargeted: () => undefined, memberGone: (id, why) => news.push(`${id} ${why}`) });
    now = SESSION;
    tick();
    expect(news.at(-1)).toBe('b session timeout');
    now = 60_000_000;
    tick();
    expect(news.at(-1)).toBe('a poll interval exceeded');
  });

  it('keeps the place of a static member that is away for a while (K66)', () => {
    const all = beat('a', 0, [], 'desk').partitions;
    expect(beat('b', 0, [], 'desk').error).toBe('UNRELEASED_INSTANCE_ID');
    beat('a', -2, all, 'desk');
    expect(beat('b', 0, [], 'desk')).toMatchObject({ error: 'NONE', memberEpoch: 1, partitions: all });
    expect(news).toEqual(['epoch 1']);
    expect(beat('a', 1, all, 'desk').error).toBe('FENCED_INSTANCE_ID');
  });

  it('shares partitions in a share group: nobody waits, and each partition has somebody (K100)', () => {
    begin('share', 2);
    const owned = ['a', 'b', 'c'].map((id) => beat(id, 0).partitions);
    expect(owned[2]).toHaveLength(1);
    const after = ['a', 'b', 'c'].map((id) => beat(id, id === 'a' ? 1 : id === 'b' ? 2 : 3, ['t-0']).partitions);
    expect(new Set(after.flat())).toEqual(new Set(['t-0', 't-1']));
    expect(after.every((partitions) => partitions.length === 1)).toBe(true);
  });

  it('goes on from a snapshot', () => {
    beat('a', 0);
    const snapshot = group.snapshot();
    begin();
    group.restore(snapshot, 0);
    expect(beat('a', 1, ['t-0'])).toMatchObject({ error: 'NONE', memberEpoch: 1 });
  });

  it('goes on from a snapshot and from what became of a member since', () => {
    const all = beat('a', 0).partitions;
    beat('b', 0);
    const kept = beat('a', 1, all).partitions;
    const snapshot = group.snapshot();
    beat('a', 1, kept);
    const later = group.member('a');
    begin();
    group.restore(snapshot, 0);
    expect(group.member('a')?.epoch).toBe(1);
    if (later !== undefined) group.restoreMember(later, 0);
    expect(beat('a', 2, kept)).toMatchObject({ error: 'NONE', memberEpoch: 2, partitions: kept });
  });

  it('leaves what was written down as it was, whatever comes after', () => {
    beat('a', 0, [], 'desk');
    const snapshot = group.snapshot();
    const before = JSON.stringify([...snapshot.target, ...snapshot.members]);
    beat('a', -2, [], 'desk');
    beat('b', 0, [], 'desk');
    beat('c', 0);
    beat('b', -1);
    expect(JSON.stringify([...snapshot.target, ...snapshot.members])).toBe(before);
  });
});
