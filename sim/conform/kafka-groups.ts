/**
 * Runs the Kafka vectors about consumer groups: which commits a classic group accepts in which state, sessions that commits keep alive, the
 * coordinator of a group, lag, and where a consumer without a committed offset begins. The new consumer protocol (KIP-848) has no part
 * here, and scenarios in words are not read: both are unknown.
 */
import {
  ConsumerGroup,
  type GroupAnswers,
  type GroupSnapshot,
  type GroupState,
} from '../../core/parts/consumer-group.ts';
import { coordinatorPartition, javaStringHash } from '../../core/parts/murmur2.ts';
import { Fields, type Findings, type Json, type JsonTable, UnknownShape } from './case.ts';

/** K51: the default of `session.timeout.ms`. */
const SESSION_US = 45_000_000;

const STATES: Readonly<Record<string, GroupState>> = {
  EMPTY: 'Empty',
  PREPARING_REBALANCE: 'PreparingRebalance',
  COMPLETING_REBALANCE: 'CompletingRebalance',
  STABLE: 'Stable',
  DEAD: 'Dead',
};

const NOBODY_ASKS: GroupAnswers<number> = {
  joined: () => undefined,
  synced: () => undefined,
  rebalancing: () => undefined,
  generation: () => undefined,
  assigned: () => undefined,
  memberGone: () => undefined,
};

export function runGroups(table: JsonTable, findings: Findings): void {
  const row = new Fields(table, 'case');
  const input = row.fields('input').skip('note');
  const expected = row.fields('expected').skip('note');
  if (input.has('group')) commits(input, expected, findings);
  else if (input.has('groupId')) coordinator(input, expected, findings);
  else if (input.has('lastStable')) lag(input, expected, findings);
  else throw new UnknownShape(`input with ${Object.keys(input.record).join(', ')}`);
  input.end();
  expected.end();
}

function commits(input: Fields, expected: Fields, findings: Findings): void {
  const group = restored(input.fields('group'), input.number('sessionTimeoutMs', SESSION_US / 1000) * 1000);
  if (!input.has('events')) {
    const commit = input.fields('commit');
    const error = commitTo(group, commit, 0);
    findings.same('error', expected.text('error'), error);
    const offset = commit.get('offset') ?? null;
    if (expected.has('committed'))
      findings.same('committed', expected.get('committed') ?? null, error === 'NONE' ? offset : null);
    commit.end();
    return;
  }
  const first = group.memberIds[0] ?? '';
  let now = 0;
  const present: Json[] = [];
  const errors: Json[] = [];
  for (const event of input.rows('events')) {
    now += event.number('advanceMs', 0) * 1000;
    group.tick(now, NOBODY_ASKS);
    if (event.has('commit')) errors.push(commitTo(group, event.fields('commit'), now));
    if (event.has('heartbeat')) {
      const beat = event.fields('heartbeat');
      errors.push(group.heartbeat(beat.text('memberId'), undefined, beat.number('generation'), now));
      beat.end();
    }
    event.end();
    present.push(group.memberIds.includes(first));
  }
  if (expected.has('memberPresent')) findings.same('memberPresent', expected.list('memberPresent'), present);
  if (expected.has('errors')) findings.same('errors', expected.list('errors'), errors);
}

function restored(fields: Fields, sessionTimeoutUs: number): ConsumerGroup<number> {
  const state = STATES[fields.text('state')];
  if (state === undefined) throw new UnknownShape(`the group state ${fields.text('state')}`);
  const members = fields.rows('members').map((member) => {
    const memberId = member.text('id');
    const instanceId = member.has('instanceId') ? member.text('instanceId') : undefined;
    member.end();
    return {
      memberId,
      instanceId,
      clientId: memberId,
      sessionTimeoutUs,
      rebalanceTimeoutUs: 300_000_000,
      assignors: ['range'],
      topics: [],
      assignment: [],
    };
  });
  const snapshot: GroupSnapshot = {
    generation: fields.number('generation', 0),
    assignor: 'range',
    leader: members[0]?.memberId ?? '',
    members,
  };
  fields.end();
  const limits = { initialRebalanceDelayUs: 0, minSessionTimeoutUs: 0, maxSessionTimeoutUs: Number.MAX_SAFE_INTEGER };
  const group = new ConsumerGroup<number>('group', limits);
  group.restore(snapshot, 0, state);
  return group;
}

function commitTo(group: ConsumerGroup<number>, commit: Fields, now: number): string {
  const instanceId = commit.has('instanceId') ? commit.text('instanceId') : undefined;
  const error = group.commitError(commit.text('memberId', ''), instanceId, commit.number('generation', -1), false, now);
  commit.skip('offset').end();
  return error;
}

function coordinator(input: Fields, expected: Fields, findings: Findings): void {
  const id = input.text('groupId');
  const partition = coordinatorPartition(id, input.number('offsets.topic.num.partitions', 50));
  if (expected.has('javaHash')) findings.same('javaHash', expected.number('javaHash'), javaStringHash(id));
  if (expected.has('offsetsPartition'))
    findings.same('offsetsPartition', expected.number('offsetsPartition'), partition);
}

/** Lag is what a reader of the isolation level has still before it. */
function lag(input: Fields, expected: Fields, findings: Findings): void {
  const committed = input.number('committed');
  const ends = { lagReadUncommitted: input.number('logEnd'), lagReadCommitted: input.number('lastStable') };
  for (const [name, end] of Object.entries(ends)) {
    if (expected.has(name)) findings.same(name, expected.number(name), end - committed);
  }
}
