/** A group whose coordinator assigns, when topics get more partitions (K53, K59). */
import { beforeEach, describe, expect, it } from 'vitest';
import { EpochGroup } from '../../../core/parts/epoch-group.ts';

const OPTIONS = { kind: 'consumer', sessionTimeoutUs: 45_000_000, assignor: 'uniform', maxSize: 10 } as const;
const SMALL = new Map([
  ['read', 1],
  ['other', 1],
]);

describe('an epoch group', () => {
  let group: EpochGroup;
  let epochs: number[];
  const news = { retargeted: (epoch: number) => epochs.push(epoch), memberGone: () => undefined };
  const beat = (to: EpochGroup, memberEpoch: number) =>
    to.heartbeat(
      {
        memberId: 'a',
        instanceId: undefined,
        memberEpoch,
        topics: ['read'],
        rebalanceTimeoutUs: 60_000_000,
        assignor: undefined,
        owned: [],
        reason: 'left the group',
      },
      0,
      news,
    );

  beforeEach(() => {
    epochs = [];
    group = new EpochGroup(OPTIONS, SMALL);
    beat(group, 0);
    epochs = [];
  });

  it('has a new epoch when a topic has grown that somebody reads', () => {
    group.resize(new Map([...SMALL, ['read', 3]]), news);
    expect(epochs).toEqual([2]);
    expect(beat(group, 1)).toMatchObject({ memberEpoch: 2, partitions: ['read-0', 'read-1', 'read-2'] });
  });

  it('has none when another has, or none has', () => {
    group.resize(new Map([...SMALL, ['other', 3]]), news);
    group.resize(SMALL, news);
    expect(epochs).toEqual([]);
  });

  it('knows as restored for how many partitions its target was made', () => {
    const grown = new Map([...SMALL, ['read', 2]]);
    const next = new EpochGroup(OPTIONS, grown);
    next.restore(group.snapshot(), 0);
    next.resize(grown, news);
    expect(epochs).toEqual([2]);
  });
});
