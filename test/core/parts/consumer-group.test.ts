import { beforeEach, describe, expect, it } from 'vitest';
import type { GroupAnswers, JoinAnswer, JoinRequest } from '../../../core/parts/consumer-group.ts';
import { ConsumerGroup } from '../../../core/parts/consumer-group.ts';

const SECOND = 1_000_000;
const OPTIONS = {
  initialRebalanceDelayUs: 3 * SECOND,
  minSessionTimeoutUs: 6 * SECOND,
  maxSessionTimeoutUs: 1800 * SECOND,
};

let group: ConsumerGroup<string>;
let news: string[];
let joins: Map<string, JoinAnswer>;

const answers: GroupAnswers<string> = {
  joined: (ticket, answer) => {
    joins.set(ticket, answer);
    news.push(`${ticket} joined ${answer.error}`);
  },
  synced: (ticket, error, partitions) => news.push(`${ticket} synced ${error} [${partitions.join(' ')}]`),
  rebalancing: (generation, reason) => news.push(`rebalance of ${generation}: ${reason}`),
  assigned: () => undefined,
  memberGone: (memberId, reason) => news.push(`${memberId} gone: ${reason}`),
};

function request(memberId: string, more: Partial<JoinRequest> = {}): JoinRequest {
  return {
    memberId,
    clientId: 'app',
    sessionTimeoutUs: 45 * SECOND,
    rebalanceTimeoutUs: 300 * SECOND,
    assignors: ['range', 'cooperative-sticky'],
    topics: ['rides'],
    owned: [],
    generation: -1,
    ...more,
  };
}

/** Joins a new dynamic member as clients do: once for an id, once with it. */
function joinAnew(ticket: string, now: number, more: Partial<JoinRequest> = {}): string {
  group.join(request('', more), ticket, now, answers);
  const id = joins.get(ticket)?.memberId ?? '';
  group.join(request(id, more), ticket, now, answers);
  return id;
}

/** Two members in a stable group of generation 1. */
function stableGroup(): [string, string] {
  const first = joinAnew('a', 0);
  const second = joinAnew('b', SECOND);
  group.tick(3 * SECOND, answers);
  group.tick(6 * SECOND, answers);
  group.sync(second, undefined, 1, undefined, 'b', 6 * SECOND, answers);
  group.sync(
    first,
    undefined,
    1,
    new Map([
      [first, ['rides-0']],
      [second, ['rides-1']],
    ]),
    'a',
    6 * SECOND,
    answers,
  );
  news = [];
  return [first, second];
}

beforeEach(() => {
  group = new ConsumerGroup('g', OPTIONS);
  news = [];
  joins = new Map();
});

describe('joining (K49, K50)', () => {
  it('gives a dynamic member its id first', () => {
    group.join(request(''), 'a', 0, answers);
    expect(joins.get('a')).toMatchObject({ error: 'MEMBER_ID_REQUIRED', memberId: 'app-0.1' });
  });

  it('waits in an empty group for others, longer while they keep coming', () => {
    joinAnew('a', 0);
    joinAnew('b', 2 * SECOND);
    expect(group.nextDeadlineUs()).toBe(3 * SECOND);
    group.tick(3 * SECOND, answers);
    expect([group.state, group.nextDeadlineUs()]).toEqual(['PreparingRebalance', 6 * SECOND]);
    group.tick(6 * SECOND, answers);
    expect([group.state, group.generation]).toEqual(['CompletingRebalance', 1]);
    expect([joins.get('a')?.members.length, joins.get('b')?.members.length]).toEqual([2, 0]);
  });

  it('hands out the leader’s assignment when the leader syncs', () => {
    const [first, second] = stableGroup();
    expect(group.state).toBe('Stable');
    expect([group.member(first)?.assignment, group.member(second)?.assignment]).toEqual([['rides-0'], ['rides-1']]);
  });

  it('refuses a member that shares no assignor, and a session timeout out of bounds', () => {
    stableGroup();
    group.join(request('', { assignors: ['sticky'] }), 'c', 0, answers);
    group.join(request('', { sessionTimeoutUs: SECOND }), 'd', 0, answers);
    expect([joins.get('c')?.error, joins.get('d')?.error]).toEqual([
      'INCONSISTENT_GROUP_PROTOCOL',
      'INVALID_SESSION_TIMEOUT',
    ]);
  });
});

describe('rebalances (K51-K53)', () => {
  it('are announced in the answer to a heartbeat', () => {
    const [first] = stableGroup();
    joinAnew('c', 10 * SECOND);
    expect(group.heartbeat(first, undefined, 1, 11 * SECOND)).toBe('REBALANCE_IN_PROGRESS');
  });

  it('begin when a session ends', () => {
    const [first, second] = stableGroup();
    group.heartbeat(first, undefined, 1, 50 * SECOND);
    expect(group.nextDeadlineUs()).toBe(51 * SECOND);
    group.tick(51 * SECOND, answers);
    expect(news).toEqual([`${second} gone: session timeout`, 'rebalance of 1: session timeout']);
  });

  it('drop whoever has not rejoined in time', () => {
    const [first, second] = stableGroup();
    group.leave(second, 'left the group', 10 * SECOND, answers);
    joinAnew('c', 11 * SECOND);
    group.heartbeat(first, undefined, 1, 300 * SECOND);
    group.tick(310 * SECOND, answers);
    expect(group.memberIds).toEqual([joins.get('c')?.memberId]);
    expect(group.generation).toBe(2);
  });

  it('remove who has joined and does not ask for its part, even when the others have theirs', () => {
    const [first, second] = stableGroup();
    group.leave(second, 'left the group', 10 * SECOND, answers);
    const third = joinAnew('c', 10 * SECOND);
    group.join(request(first, { generation: 1 }), 'a', 10 * SECOND, answers);
    group.sync(first, undefined, 2, new Map([[first, ['rides-0']]]), 'a', 11 * SECOND, answers);
    expect(group.state).toBe('Stable');
    for (let now = 20; now <= 300; now += 20) {
      group.heartbeat(third, undefined, 2, now * SECOND);
      group.heartbeat(first, undefined, 2, now * SECOND);
    }
    news = [];
    group.tick(309 * SECOND, answers);
    expect(news).toEqual([]);
    group.tick(310 * SECOND, answers);
    expect(news).toEqual([`${third} gone: session timeout`, 'rebalance of 2: session timeout']);
  });

  it('begin when a follower joins again with what it did not say the last time, its generation too', () => {
    const [, second] = stableGroup();
    group.join(request(second), 'b', 10 * SECOND, answers);
    expect([group.state, joins.get('b')?.generation]).toEqual(['Stable', 1]);
    group.join(request(second, { generation: 1 }), 'b', 11 * SECOND, answers);
    expect(group.state).toBe('PreparingRebalance');
  });

  it('leave the group empty when the last member goes', () => {
    const [first, second] = stableGroup();
    group.leave(first, 'left the group', 10 * SECOND, answers);
    group.leave(second, 'left the group', 10 * SECOND, answers);
    expect([group.state, group.generation]).toEqual(['Empty', 2]);
  });
});

describe('commits (K55)', () => {
  it('are refused from a stranger and from an older generation', () => {
    const [first] = stableGroup();
    expect(group.commitError('ghost', undefined, 1, false, 0)).toBe('UNKNOWN_MEMBER_ID');
    expect(group.commitError(first, undefined, 0, false, 0)).toBe('ILLEGAL_GENERATION');
  });

  it('are accepted while the others rejoin, and not while assignments are pending', () => {
    const [first, second] = stableGroup();
    joinAnew('c', 10 * SECOND);
    expect(group.commitError(first, undefined, 1, false, 10 * SECOND)).toBe('NONE');
    group.join(request(first), 'a', 11 * SECOND, answers);
    group.join(request(second), 'b', 11 * SECOND, answers);
    expect(group.state).toBe('CompletingRebalance');
    expect(group.commitError(first, undefined, 2, false, 11 * SECOND)).toBe('REBALANCE_IN_PROGRESS');
  });

  it('refresh the session (K51)', () => {
    const [first, second] = stableGroup();
    group.commitError(first, undefined, 1, false, 40 * SECOND);
    group.commitError(second, undefined, 1, false, 40 * SECOND);
    group.tick(60 * SECOND, answers);
    expect(group.memberIds.length).toBe(2);
  });

  it('within transactions do not refresh it', () => {
    const [first, second] = stableGroup();
    expect(group.commitError(first, undefined, 1, true, 40 * SECOND)).toBe('NONE');
    group.commitError(second, undefined, 1, false, 40 * SECOND);
    group.tick(60 * SECOND, answers);
    expect(group.memberIds).toEqual([second]);
  });

  it('without a member are accepted in an empty group only', () => {
    expect(group.commitError('', undefined, -1, false, 0)).toBe('NONE');
    stableGroup();
    expect(group.commitError('', undefined, -1, false, 0)).toBe('UNKNOWN_MEMBER_ID');
  });
});

describe('static members (K66)', () => {
  it('come back to the same partitions without a rebalance, and fence their former selves', () => {
    group.join(request('', { instanceId: 'i1' }), 'a', 0, answers);
    group.tick(3 * SECOND, answers);
    const old = joins.get('a')?.memberId ?? '';
    group.sync(old, 'i1', 1, new Map([[old, ['rides-0']]]), 'a', 3 * SECOND, answers);
    group.join(request('', { instanceId: 'i1' }), 'a2', 10 * SECOND, answers);
    const fresh = joins.get('a2')?.memberId ?? '';
    expect([group.state, group.generation, group.member(fresh)?.assignment]).toEqual(['Stable', 1, ['rides-0']]);
    expect(group.heartbeat(old, 'i1', 1, 10 * SECOND)).toBe('FENCED_INSTANCE_ID');
    expect(group.commitError(old, 'i1', 1, false, 10 * SECOND)).toBe('FENCED_INSTANCE_ID');
  });

  /** A stable group of two static members. */
  function staticPair(): [string, string] {
    group.join(request('', { instanceId: 'i1' }), 'a', 0, answers);
    group.join(request('', { instanceId: 'i2' }), 'b', 0, answers);
    group.tick(3 * SECOND, answers);
    group.tick(6 * SECOND, answers);
    const pair: [string, string] = [joins.get('a')?.memberId ?? '', joins.get('b')?.memberId ?? ''];
    const parts = new Map([
      [pair[0], ['rides-0']],
      [pair[1], ['rides-1']],
    ]);
    group.sync(pair[1], 'i2', 1, undefined, 'b', 6 * SECOND, answers);
    group.sync(pair[0], 'i1', 1, parts, 'a', 6 * SECOND, answers);
    news = [];
    return pair;
  }

  it('cause a rebalance by coming back only where another assignor would be chosen', () => {
    staticPair();
    group.join(request('', { instanceId: 'i2', topics: ['rides', 'bills'] }), 'b2', 10 * SECOND, answers);
    expect([group.state, group.member(joins.get('b2')?.memberId ?? '')?.topics.length]).toEqual(['Stable', 2]);
    const others = { instanceId: 'i2', assignors: ['cooperative-sticky'] };
    group.join(request('', others), 'b3', 11 * SECOND, answers);
    expect(group.state).toBe('PreparingRebalance');
  });

  it('have no generation without one of them: the group waits until one comes or their sessions end', () => {
    const [first, second] = staticPair();
    const third = joinAnew('c', 10 * SECOND);
    group.leave(third, 'left the group', 11 * SECOND, answers);
    for (let now = 40; now <= 300; now += 40) {
      group.heartbeat(first, 'i1', 1, now * SECOND);
      group.heartbeat(second, 'i2', 1, now * SECOND);
    }
    group.tick(310 * SECOND, answers);
    expect([group.state, group.generation, group.nextDeadlineUs()]).toEqual(['PreparingRebalance', 1, 325 * SECOND]);
    group.join(request(second, { instanceId: 'i2', generation: 1 }), 'b', 312 * SECOND, answers);
    group.tick(610 * SECOND, answers);
    expect([group.generation, joins.get('b')?.leader]).toEqual([2, second]);
  });
});

it('goes on from a snapshot', () => {
  const [first] = stableGroup();
  const next = new ConsumerGroup<string>('g', OPTIONS);
  next.restore(group.snapshot(), 20 * SECOND);
  expect([next.state, next.generation, next.member(first)?.assignment]).toEqual(['Stable', 1, ['rides-0']]);
});
