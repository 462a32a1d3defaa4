import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Assignment, GroupSubscription } from '../../../core/parts/assignment.ts';
import { topicOf } from '../../../core/parts/assignment.ts';
import { assignors, assignRange, assignRoundRobin } from '../../../core/parts/assignors.ts';
import { assignCooperativeSticky, assignSticky } from '../../../core/parts/sticky-assignor.ts';

const sizes = (topics: Record<string, number>) => new Map(Object.entries(topics));
const member = (memberId: string, topics: string[], owned: string[] = [], generation = 1): GroupSubscription => ({
  memberId,
  topics,
  owned,
  generation,
});
const shown = (assignment: Assignment) =>
  Object.fromEntries([...assignment].map(([id, held]) => [id, [...held].sort()]));

describe('range (K61)', () => {
  it('gives consecutive blocks of each topic, one more to the first members', () => {
    const members = ['c0', 'c1', 'c2'].map((id) => member(id, ['rides', 'fares']));
    expect(shown(assignRange(sizes({ rides: 7, fares: 2 }), members))).toEqual({
      c0: ['fares-0', 'rides-0', 'rides-1', 'rides-2'],
      c1: ['fares-1', 'rides-3', 'rides-4'],
      c2: ['rides-5', 'rides-6'],
    });
  });

  it('orders static members by instance id, before dynamic ones, and w10 before w9 (K60)', () => {
    const members = [member('w9', ['t']), member('w10', ['t']), { ...member('z', ['t']), instanceId: 'i1' }];
    expect([...assignRange(sizes({ t: 2 }), members)]).toEqual([
      ['w9', []],
      ['w10', ['t-1']],
      ['z', ['t-0']],
    ]);
  });
});

describe('roundrobin (K62)', () => {
  it('passes over members that do not subscribe and goes on from there with the next topic', () => {
    const members = [member('w3', ['logs', 'audit']), member('w1', ['audit']), member('w2', ['logs'])];
    expect(Object.fromEntries(assignRoundRobin(sizes({ logs: 4, audit: 3 }), members))).toEqual({
      w3: ['audit-1', 'logs-1', 'logs-3'],
      w1: ['audit-0', 'audit-2'],
      w2: ['logs-0', 'logs-2'],
    });
  });
});

describe('sticky (K63, K64)', () => {
  it('keeps what is owned and deals the rest to members below the floor first', () => {
    const topics = ['t1', 't2'];
    const members = [member('c1', topics, ['t1-0']), member('c2', topics, ['t1-1']), member('c3', topics)];
    expect(shown(assignSticky(sizes({ t1: 2, t2: 3 }), members))).toEqual({
      c1: ['t1-0', 't2-1'],
      c2: ['t1-1', 't2-2'],
      c3: ['t2-0'],
    });
  });

  it('lets the highest generation win a doubly claimed partition', () => {
    const members = [member('c1', ['t'], ['t-0', 't-2'], 10), member('c2', ['t'], ['t-0', 't-2'], 9)];
    expect(assignSticky(sizes({ t: 4 }), members).get('c1')).toEqual(['t-0', 't-2']);
  });

  it('balances unequal subscriptions by the general algorithm', () => {
    const members = [member('c1', ['t1']), member('c2', ['t1', 't2']), member('c3', ['t1'])];
    expect(shown(assignSticky(sizes({ t1: 3, t2: 2 }), members))).toEqual({
      c1: ['t1-0', 't1-2'],
      c2: ['t2-0', 't2-1'],
      c3: ['t1-1'],
    });
  });
});

describe('cooperative-sticky (K65)', () => {
  it('withholds what another member still owns, for the rebalance that follows', () => {
    const members = [member('c1', ['t'], ['t-0', 't-1', 't-2']), member('c2', ['t'])];
    const { assignment, transferring } = assignCooperativeSticky(sizes({ t: 3 }), members);
    expect(Object.fromEntries(assignment)).toEqual({ c1: ['t-0', 't-1'], c2: [] });
    expect([...transferring]).toEqual([['t-2', 'c2']]);
  });
});

describe('every assignor', () => {
  const groups = fc.record({
    topics: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 1, max: 7 }), { minKeys: 1 }),
    members: fc.uniqueArray(
      fc.record({
        memberId: fc.constantFrom('m1', 'm2', 'm3', 'm4', 'm10'),
        topics: fc.subarray(['a', 'b', 'c']),
        owned: fc.uniqueArray(fc.constantFrom('a-0', 'a-1', 'b-0', 'b-3', 'c-2', 'c-9')),
        generation: fc.integer({ min: 0, max: 2 }),
      }),
      { selector: (one) => one.memberId, minLength: 1 },
    ),
  });

  it.each(['range', 'roundrobin', 'sticky'])('%s gives each subscribed partition to exactly one subscriber', (name) => {
    const assign = assignors.get(name);
    fc.assert(
      fc.property(groups, ({ topics, members }) => {
        const given = [...(assign?.(sizes(topics), members) ?? [])];
        for (const [id, held] of given) {
          const wanted = members.find((one) => one.memberId === id)?.topics ?? [];
          for (const partition of held) expect(wanted).toContain(topicOf(partition));
        }
        const all = given.flatMap(([, held]) => held);
        expect(new Set(all).size).toBe(all.length);
        const expected = Object.entries(topics)
          .filter(([topic]) => members.some((one) => one.topics.includes(topic)))
          .reduce((sum, [, count]) => sum + count, 0);
        expect(all.length).toBe(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('sticky differs by at most one partition between members with equal subscriptions', () => {
    fc.assert(
      fc.property(groups, ({ topics, members }) => {
        const equal = members.map((one) => ({ ...one, topics: Object.keys(topics) }));
        const counts = [...assignSticky(sizes(topics), equal).values()].map((held) => held.length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 200 },
    );
  });

  it('cooperative-sticky settles within a few rebalances, never giving away what is still held', () => {
    fc.assert(
      fc.property(groups, ({ topics, members }) => {
        let current: readonly GroupSubscription[] = members;
        for (let round = 1; round <= 4; round++) {
          const { assignment, transferring } = assignCooperativeSticky(sizes(topics), current);
          if (transferring.size === 0) return;
          for (const [partition, to] of transferring) expect(assignment.get(to)).not.toContain(partition);
          current = current.map((one) => ({
            ...one,
            owned: assignment.get(one.memberId) ?? [],
            generation: round + 2,
          }));
        }
        expect.fail('more than four rebalances');
      }),
      { numRuns: 200 },
    );
  });
});
