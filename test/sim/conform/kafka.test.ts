/** What Kafka's runners make of words and keys of a case: each is held against the machines, or the case is unknown; none is passed over. */
import { expect, test } from 'vitest';
import { Findings, type JsonTable, type Runner, UnknownShape } from '../../../sim/conform/case.ts';
import { VECTORS } from '../../../sim/conform/kafka.ts';
import { runGroups } from '../../../sim/conform/kafka-groups.ts';
import { runIdempotence, runTransactions } from '../../../sim/conform/kafka-log.ts';
import { runReplication } from '../../../sim/conform/kafka-replication.ts';

type Verdict = 'passed' | 'failed' | 'unknown';

function judged(run: Runner, input: JsonTable, expected: JsonTable): Verdict {
  const findings = new Findings();
  try {
    run({ input, expected }, findings);
  } catch (error) {
    if (error instanceof UnknownShape) return 'unknown';
    throw error;
  }
  return findings.differences.length === 0 && findings.compared > 0 ? 'passed' : 'failed';
}

test.each<[string, Verdict]>([
  ['epoch bumped to 6, state -> PrepareAbort', 'passed'],
  ['epoch bumped to 7, state -> PrepareAbort', 'failed'],
  ['state -> PrepareAbort and ABORT markers are written', 'passed'],
  ['epoch bumped to 6; the client retries and is then given epoch 7', 'passed'],
  ['epoch bumped to 6; the client retries and is then given epoch 8', 'failed'],
  ['none', 'failed'],
  ['epoch bumped to 6, and the moon is full', 'unknown'],
])('holds the side effect "%s" against the coordinator', (sideEffect, verdict) => {
  const coordinator = { state: 'Ongoing', producerId: 1, epoch: 5 };
  const expected = { error: 'CONCURRENT_TRANSACTIONS', sideEffect };
  expect(judged(runTransactions, { coordinator, request: { initProducerId: {} } }, expected)).toBe(verdict);
});

test.each<[JsonTable, Verdict]>([
  [{ ok: true }, 'passed'],
  [{ ok: true, firstOffset: 0, lastOffset: 1 }, 'passed'],
  [{ ok: true, firstOffset: 1 }, 'failed'],
  [{ duplicate: true }, 'failed'],
  [{ ok: true, error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }, 'failed'],
  [{ ok: true, nextSequence: null }, 'unknown'],
])('holds %o against what an append came to', (result, verdict) => {
  const ops = [{ op: 'append', pid: 1, epoch: 0, seq: 0, count: 2 }];
  expect(judged(runIdempotence, { ops }, { results: [result] })).toBe(verdict);
});

test('takes a duplicate for a success, too', () => {
  const append = { op: 'append', pid: 1, epoch: 0, seq: 0, count: 1 };
  const second = { ok: true, duplicate: true, firstOffset: 0, lastOffset: 0 };
  expect(judged(runIdempotence, { ops: [append, append] }, { results: [{ ok: true }, second] })).toBe('passed');
  expect(judged(runIdempotence, { ops: [append, append] }, { results: [{ ok: true }, { ok: true }] })).toBe('failed');
});

test.each<[JsonTable, number, Verdict]>([
  [{ becomesLeader: true }, 4, 'passed'],
  [{ becomesLeader: true }, 6, 'failed'],
  [{ becomesFollower: true }, 4, 'passed'],
  [{ becomesFollower: true, becomesLeader: true }, 4, 'unknown'],
  [{ becomesLeader: 'soon' }, 4, 'unknown'],
])('holds a restart with %o against the log', (role, highWatermark, verdict) => {
  const input = { logEndOffset: 6, checkpointedHighWatermark: 4, ...role };
  expect(judged(runReplication, input, { highWatermark })).toBe(verdict);
});

test.each<[JsonTable, Verdict]>([
  [{ highWatermarkAfter: { unfenced: 10, fenced: 20 } }, 'passed'],
  [{ highWatermarkAfter: { unfenced: 20, fenced: 20 } }, 'failed'],
  [{ isrAfter: { fenced: [1], unfenced: [1] } }, 'passed'],
  [{ highWatermarkAfter: { asleep: 10 } }, 'unknown'],
])('holds %o against a leader whose follower is in each state', (expected, verdict) => {
  const events = [{ fetch: { r: 2, at: 10 } }, { append: 10 }, { controllerShrinksIsrTo: [1] }];
  const replicas = { replicas: [1, 2], isr: [1, 2], leader: 1, logEndOffset: 10 };
  expect(judged(runReplication, { ...replicas, events, followerState: ['fenced', 'unfenced'] }, expected)).toBe(
    verdict,
  );
});

test.each<[string, Verdict]>([
  ['append 2 (LEO 2)', 'passed'],
  ['append 2 (LEO 2, HW 0)', 'passed'],
  ['append 2 (LEO 3)', 'failed'],
  ['append 2 (all is well)', 'unknown'],
])('holds the remark in "%s" against the leader', (event, verdict) => {
  const input = { replicas: [1, 2], isr: [1, 2], leader: 1, events: [event] };
  expect(judged(runReplication, input, { logEndOffset: 2 })).toBe(verdict);
});

test.each<[JsonTable, Verdict]>([
  [{ leader: 2 }, 'passed'],
  [{ leader: 7 }, 'unknown'],
  [{ leader: 'b1' }, 'unknown'],
])('takes %o for one of the replicas', (leader, verdict) => {
  const input = { isr: [1, 2], 'min.insync.replicas': 2, replicas: [1, 2, 3], ...leader };
  expect(judged(runReplication, input, { atMinIsr: true })).toBe(verdict);
});

test.each<[number, JsonTable, Verdict]>([
  [1, { weights: [3, 1] }, 'passed'],
  [1, { weights: [1, 3] }, 'failed'],
  [0, { error: 'IllegalArgument' }, 'passed'],
  [0, { weights: [3, 1] }, 'unknown'],
])('asks the partitioner whether batches may be of %d bytes', (stickyBatchSize, expected, verdict) => {
  const input = { adaptive: true, queueSizes: [0, 2], stickyBatchSize };
  expect(judged(VECTORS['kafka partitioner'] as Runner, input, expected)).toBe(verdict);
});

test.each<[JsonTable, string, Verdict]>([
  [{ commit: { memberId: 'm', generation: 3 } }, 'ILLEGAL_GENERATION', 'passed'],
  [{ commit: { memberId: 'm', generation: 3 } }, 'GROUP_ID_NOT_FOUND', 'passed'],
  [{ commit: { memberId: 'm', generation: 3 } }, 'UNKNOWN_MEMBER_ID', 'failed'],
  [{ version: 8, commit: { memberId: 'm', generation: 3 } }, 'GROUP_ID_NOT_FOUND', 'failed'],
  [{ commit: { offset: 3 } }, 'NONE', 'passed'],
])('asks a node what a commit %o to a missing group gets', (input, error, verdict) => {
  expect(judged(runGroups, { group: null, ...input }, { error })).toBe(verdict);
});
