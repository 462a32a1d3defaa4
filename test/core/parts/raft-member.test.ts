import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RaftMember } from '../../../core/parts/raft-member.ts';

/** A group whose messages arrive when told, each write being on disk at once unless it is held back. */
class Group {
  readonly members: RaftMember<string>[];
  readonly applied: string[][];
  readonly cut = new Set<number>();

  constructor(size: number) {
    const numbers = Array.from({ length: size }, (_, index) => index + 1);
    this.members = numbers.map((self) => new RaftMember<string>(self, numbers, 1));
    this.applied = numbers.map(() => []);
  }

  member(number: number): RaftMember<string> {
    const member = this.members[number - 1];
    if (member === undefined) throw new Error(`no member ${number}`);
    return member;
  }

  /** Delivers everything between members that are not cut off, until nothing is under way. */
  settle(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (const member of this.members) {
        if (!this.cut.has(member.self)) member.flushed();
        const { outbox } = member;
        member.outbox = [];
        for (const { to, message } of outbox) {
          if (this.cut.has(member.self) || this.cut.has(to)) continue;
          moved = true;
          this.member(to).receive(member.self, message, false);
        }
      }
    }
    this.members.forEach((member, index) => {
      for (let command = member.nextCommitted(); command !== undefined; command = member.nextCommitted())
        this.applied[index]?.push(command);
    });
  }

  propose(number: number, command: string): void {
    this.member(number).propose(command);
    this.settle();
  }

  elect(number: number): void {
    this.member(number).campaign();
    this.settle();
  }

  leaders(): number[] {
    return this.members.filter(({ role }) => role === 'leader').map(({ self }) => self);
  }
}

describe('a Raft group (R61)', () => {
  test('commits with a majority, and tells the others with what comes next', () => {
    const group = new Group(3);
    group.cut.add(3);
    group.propose(1, 'a');
    expect(group.applied).toEqual([['a'], [], []]);
    group.cut.delete(3);
    for (const other of [2, 3]) group.member(1).remind(other);
    group.settle();
    expect(group.applied).toEqual([['a'], ['a'], ['a']]);
  });

  test('a minority commits nothing, and its entries give way to those of the majority’s leader', () => {
    const group = new Group(3);
    group.propose(1, 'a');
    group.cut.add(1);
    group.propose(1, 'lost');
    group.elect(2);
    group.propose(2, 'b');
    expect(group.leaders()).toEqual([1, 2]);
    group.cut.delete(1);
    group.member(2).remind(1);
    group.settle();
    expect(group.leaders()).toEqual([2]);
    expect(group.applied[0]).toEqual(['a', 'b']);
  });

  test('nobody is elected who lacks what was committed', () => {
    const group = new Group(3);
    group.cut.add(3);
    group.propose(1, 'a');
    group.cut.delete(3);
    group.cut.add(1);
    group.elect(3);
    expect(group.leaders()).toEqual([1]);
    group.elect(2);
    expect(group.leaders()).toEqual([1, 2]);
    expect(group.applied[1]).toEqual(['a']);
  });

  test('a member that was away asks first, and disturbs nobody who hears the leader', () => {
    const group = new Group(3);
    const { term } = group.member(1);
    group.member(3).campaign();
    const question = group.member(3).outbox[0]?.message;
    if (question === undefined) throw new Error('it asks');
    group.member(2).receive(3, question, true);
    expect(group.member(2).outbox.at(-1)?.message).toMatchObject({ type: 'voted', granted: false });
    expect(group.member(1).term).toBe(term);
  });

  test('what is not on disk counts for nothing and is gone after a crash', () => {
    const group = new Group(3);
    const leader = group.member(1);
    leader.propose('a');
    for (const { message } of leader.outbox) group.member(2).receive(1, message, true);
    expect(group.member(2).outbox).toEqual([]);
    expect(group.member(2).unflushed).toBe(1);
    group.member(2).crash();
    expect(group.member(2).last).toBe(0);
  });
});

test('members apply the same entries in the same order, whoever leads and whoever is cut off', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('propose' as const), member: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ do: fc.constant('campaign' as const), member: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ do: fc.constant('cut' as const), member: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ do: fc.constant('heal' as const), member: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ do: fc.constant('crash' as const), member: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ do: fc.constant('remind' as const), member: fc.integer({ min: 1, max: 3 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const group = new Group(3);
      steps.forEach(({ do: what, member }, index) => {
        if (what === 'propose') group.propose(member, `e${index}`);
        else if (what === 'campaign') group.elect(member);
        else if (what === 'cut') group.cut.add(member);
        else if (what === 'heal') group.cut.delete(member);
        else if (what === 'crash') group.member(member).crash();
        else for (const other of [1, 2, 3]) group.member(member).remind(other);
        group.settle();
        const [longest = []] = group.applied.toSorted((one, other) => other.length - one.length);
        for (const applied of group.applied) expect(longest.slice(0, applied.length)).toEqual(applied);
      });
    }),
    { numRuns: 300 },
  );
});
