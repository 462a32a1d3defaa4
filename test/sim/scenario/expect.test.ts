import { expect, test } from 'vitest';
import { F, R } from '../../../core/facts.ts';
import { LiveMetrics } from '../../../sim/folds/live-metrics.ts';
import { Metrics } from '../../../sim/folds/metrics.ts';
import { claimsIn, evaluate, evaluateAll } from '../../../sim/scenario/expect.ts';
import { checkExpression } from '../../../sim/scenario/expect-check.ts';
import type { JudgedClaim } from '../../../sim/scenario/expect-compile.ts';
import { FUNCTIONS } from '../../../sim/scenario/expect-functions.ts';
import type { ExpressionNames } from '../../../sim/scenario/expect-names.ts';
import { parseScenario } from '../../../sim/scenario/parse.ts';
import { run } from '../../../sim/world.ts';
import { busyQueue, type Stage, stage } from '../folds/build-trace.ts';
import { consuming } from '../folds/consuming.ts';

const names: ExpressionNames = {
  queues: ['photo-jobs', 'photo-dlq'],
  topics: ['rides'],
  endpoints: [],
  groups: ['billing'],
  stores: ['photos'],
  consumers: ['resizer'],
  producers: ['upload'],
  brokers: ['broker'],
  attributes: ['key', 'account'],
};

const scenario = { ...consuming({ c: {} }), durationUs: 100_000_000 };

test.each([
  'deadLettered(photo-dlq) == 1',
  'max(depth(photo-jobs)) < 50',
  'lag(billing, rides) == 0 and lag(billing) <= 3',
  'latency(p95) < 30s and waiting(mean, photo-jobs) <= 1.5s',
  'after(2m, max(depth(photo-jobs) + inFlight(photo-jobs))) < 50',
  'at(30s, ready(photo-jobs)) > 10',
  'throughput(photo-jobs) > 100/s or throughput() > 6000/min',
  'utilisation(resizer-2) > 95%',
  'verdict(at-least-once) == holds',
  'verdict(key-order, account) != violated',
  'claim at-least-once photo-jobs',
  'not (lost() > 0) and always(depth(photo-jobs) < 9)',
  'depth(rides/0) / depth(rides) < 50%',
  'downtime(b1) == 0',
  'value(photos, "a, b") == 2 * 50 - 1',
  'outOfOrder(account) == 0',
])('%s is an expectation', (text) => {
  expect(checkExpression(text, names)).toBeNull();
});

test.each([
  ['deth(photo-jobs) == 0', 'there is no metric `deth`.', 0, 'Did you mean `depth`?'],
  ['depth(photo-job) == 0', 'there is no queue `photo-job`.', 6, 'Did you mean `photo-jobs`?'],
  ['latency(p95) < 30', 'a duration and a number cannot be compared or added.', 0, 'Write `30s` or another unit.'],
  ['latency(p93) < 30s', 'there is no statistic `p93`.', 8, 'Did you mean `p90`?'],
  ['depth(photo-jobs)', 'this is a number; a condition is wanted.', 0, 'Compare it: `depth(photo-jobs) < 50`.'],
  ['depth(photo-jobs) = 3', 'did not expect `= 3` here.', 18, 'Equality is written `==`.'],
  [
    'depth(photo-jobs) <',
    'it ends where a metric or a number is expected.',
    19,
    'For example `max(depth(jobs)) < 50`.',
  ],
  ['max(depth(photo-jobs) < 3', '`max(` takes one thing and then a closing bracket.', 25, ''],
  [
    'max(max(depth(photo-jobs))) < 3',
    'one thing over time inside of another has no meaning.',
    4,
    'Take away one of them.',
  ],
  ['depth() == 1', '`depth` takes depth(queue).', 0, ''],
  ['verdict(at-least-once) == hold', 'there is no verdict `hold`.', 26, 'Did you mean `holds`?'],
  ['verdict(at-least-onc) == holds', 'there is no claim `at-least-onc`.', 8, 'Did you mean `at-least-once`?'],
  [
    'depth(photo-jobs) < 50mm',
    '`50mm` is no number that is known here.',
    20,
    'Write a number such as 50, 250ms, 30s, 100/s or 5%.',
  ],
  [
    'after(10s, depth(photo-jobs)) < 3',
    '`after` narrows what is asked over time, and there is nothing of that kind in it.',
    11,
    'Write `after(…, max(depth(photo-jobs)))` for a number, `always(…)` for a condition.',
  ],
  ['holds', '`holds` is a verdict, and stands only beside one.', 0, 'For example `verdict(at-least-once) == holds`.'],
])('%s is refused with its place and advice', (text, message, at, hint) => {
  expect(checkExpression(text, names)).toEqual({ message, at, hint });
});

test('a rule inside the run sees only the moment', () => {
  expect(checkExpression('lag(billing) > 1000', names, 'alert')).toBeNull();
  expect(checkExpression('depth(photo-jobs)', names, 'metric')).toBeNull();
  expect(checkExpression('max(depth(photo-jobs)) > 3', names, 'alert')?.message).toMatch(/sees only the moment/);
  expect(checkExpression('depth(photo-jobs) > 3', names, 'metric')?.message).toBe(
    'this is a condition; a number is wanted.',
  );
  expect(checkExpression('verdict(at-least-once) == holds', names, 'alert')?.message).toMatch(/when the run is over/);
});

test('hostile texts get a mistake, not an exception', () => {
  for (const text of [
    '('.repeat(900),
    '-'.repeat(900),
    'not '.repeat(240),
    'x'.repeat(5000),
    '"',
    '',
    '\u0000',
    '__proto__()',
    'toString() == 1',
  ]) {
    expect(checkExpression(text, names), text.slice(0, 20)).not.toBeNull();
  }
});

/** Three messages come at 1, 2 and 3 s; the first is worked on from 4 s to 6 s and acked. */
function threeJobs(): Stage {
  const made = stage(
    { p: 'producer', b: 'broker', 'c-1': 'consumer', 'c-2': 'consumer', db: 'store' },
    { jobs: 'queue', dead: 'queue', rows: 'store' },
    ['dead'],
  );
  made.message(1, { key: 'a', attributes: { account: 'a' } });
  made.message(2, { key: 'a', attributes: { account: 'a' } });
  made.fact(0, 'started', { actor: 'c-1' });
  for (const message of [1, 2, 3]) {
    made.fact(message * 1_000_000, 'produced', { actor: 'p', message, value: 10 });
    made.fact(message * 1_000_000, 'appended', { actor: 'b', message, place: 'jobs' });
  }
  made.fact(4_000_000, 'delivered', { actor: 'b', message: 1, place: 'jobs', peer: 'c-1', detail: 1 });
  made.fact(4_000_000, 'received', { actor: 'c-1', message: 1, place: 'jobs', detail: 1 });
  made.fact(4_000_000, 'begun', { actor: 'c-1', message: 1, place: 'jobs', value: 2000, detail: 1 });
  made.fact(6_000_000, 'applied', { actor: 'db', message: 1, place: 'rows', peer: 'c-1', value: 5, detail: 1 });
  made.fact(6_000_000, 'settled', { actor: 'c-1', message: 1, place: 'jobs', value: 0, detail: 1 });
  made.fact(6_000_000, 'acked', { actor: 'b', message: 1, place: 'jobs', peer: 'c-1', detail: 1 });
  made.trace.endedAtUs = 10_000_000;
  return made;
}

const verdicts: JudgedClaim[] = [
  { claim: 'at-least-once', scope: '', verdict: 'holds', witness: [] },
  { claim: 'key-order', scope: 'account', verdict: 'not exercised', witness: [7] },
];

test.each([
  ['depth(jobs) == 2', '2'],
  ['max(depth(jobs)) == 3', '3'],
  ['after(7s, max(depth(jobs))) == 2', '2'],
  ['before(1500ms, max(depth(jobs))) == 1', '1'],
  ['at(1500ms, depth(jobs)) == 1', '1'],
  ['mean(depth(jobs)) == 2', '2'],
  ['max(inFlight(jobs)) == 1 and inFlight(jobs) == 0', 'max(inFlight(jobs)) = 1, inFlight(jobs) = 0'],
  ['latency(max) == 5s', '5s'],
  ['waiting(mean, jobs) == 3s', '3s'],
  ['throughput() == 0.1/s', '0.1/s'],
  ['max(throughput()) == 1/s', '0.17/s'],
  ['utilisation(c-1) == 20%', '20%'],
  ['applied(rows) == 1 and value(rows, a) == 5', 'applied(rows) = 1, value(rows, a) = 5'],
  ['age(jobs) == 8s', '8s'],
  ['disk(jobs) == 20', '20'],
  ['sent() - settled() == 2', 'sent() = 3, settled() = 1'],
  ['settled() / 10s == 0.1/s', '1'],
  ['always(depth(jobs) <= 3)', 'yes'],
  ['ever(depth(jobs) > 3)', 'no'],
  ['lost() == 0 and dropped() == 0', 'lost() = 0, dropped() = 0'],
  ['verdict(at-least-once) == holds', 'holds'],
  ['verdict(key-order, account) == not-exercised', 'not exercised'],
  ['claim at-least-once', 'holds'],
  ['claim at-most-once', 'not judged'],
])('%s comes out as %s', (text, actual) => {
  const outcome = evaluate(text, { trace: threeJobs().trace, scenario, verdicts });
  expect(outcome.actual).toBe(actual);
  expect(outcome.holds).toBe(
    !['max(throughput()) == 1/s', 'ever(depth(jobs) > 3)', 'claim at-most-once'].includes(text),
  );
});

test('the witness is the fact at which the extreme was reached, or which changed the value last', () => {
  const { trace } = threeJobs();
  const run = { trace, scenario, verdicts };
  const peak = evaluate('max(depth(jobs)) < 3', run);
  expect(trace.fact(peak.witness)).toMatchObject({ name: 'appended', message: 3 });
  const last = evaluate('depth(jobs) == 0', run);
  expect(trace.fact(last.witness)).toMatchObject({ name: 'acked', message: 1 });
  expect(evaluate('verdict(key-order, account) == holds', run).witness).toBe(7);
});

test('of several conditions the witness belongs to one that failed', () => {
  const { trace } = threeJobs();
  const outcome = evaluate('max(depth(jobs)) == 3 and applied(rows) == 2', { trace, scenario, verdicts });
  expect(outcome.holds).toBe(false);
  expect(trace.name(outcome.witness)).toBe('applied');
});

test('effects of one key in the wrong order are counted', () => {
  const made = threeJobs();
  made.message(4, { key: 'a', attributes: { account: 'a' } });
  made.fact(10_000_000, 'produced', { actor: 'p', message: 4, value: 1 });
  made.fact(10_000_001, 'applied', { actor: 'db', message: 4, place: 'rows', peer: 'c-1', value: 5, detail: 1 });
  made.fact(10_000_002, 'applied', { actor: 'db', message: 2, place: 'rows', peer: 'c-1', value: 5, detail: 1 });
  expect(evaluate('outOfOrder(account) == 1', { trace: made.trace, scenario, verdicts }).holds).toBe(true);
  expect(evaluate('outOfOrder(key) == 1', { trace: made.trace, scenario, verdicts }).holds).toBe(true);
});

test('who reads slowly puts nothing out of order for who reads quickly', () => {
  const text = `
title: Two queues
broker: rabbitmq
duration: 5s
exchanges: { all: { type: fanout } }
queues: { quick: { bindings: [{ exchange: all }] }, slow: { bindings: [{ exchange: all }] } }
producers: { app: { to: all, key: user, send: [{ at: 1s, user: ana, times: 3 }] } }
consumers:
  sprinter: { from: quick, process: 10ms, effect: { insert: a } }
  stroller: { from: slow, process: 500ms, effect: { insert: b } }
`;
  const { scenario: two } = parseScenario(text, { file: 'two.yaml' });
  if (two === null) throw new Error('unreadable');
  expect(evaluate('outOfOrder(user) == 0', { trace: run(two).trace, scenario: two, verdicts: [] }).actual).toBe('0');
});

test('an expression that was never checked does not hold, and says why', () => {
  const run = { trace: threeJobs().trace, scenario, verdicts };
  expect(evaluate('nonsense(', run)).toMatchObject({ holds: false, actual: expect.stringMatching(/lacks a name/) });
  expect(evaluate('nonsense() > 1', run)).toMatchObject({ holds: false, actual: 'there is no metric `nonsense`.' });
});

test('all expressions are evaluated in one pass, and the metrics are left at the end', () => {
  const { trace } = busyQueue(20_000, 30);
  const metrics = new Metrics(scenario);
  const texts = ['max(depth(jobs)) > 0', 'deadLettered(dead) == depth(dead)', 'settled() > 100'];
  const outcomes = evaluateAll(texts, { trace, scenario, verdicts }, metrics);
  expect(outcomes.map(({ holds }) => holds)).toEqual([true, true, true]);
  expect(metrics.topology.fact).toBe(trace.count);
});

test('the claims that expressions name can be judged before', () => {
  expect(claimsIn(['claim at-least-once', 'verdict(key-order, account) == holds and lost() == 0', 'bad('])).toEqual([
    { claim: 'at-least-once', scope: '' },
    { claim: 'key-order', scope: 'account' },
  ]);
});

test('metrics asked inside a run are those of the moment, and rates those of the last ten seconds', () => {
  const made = threeJobs();
  const live = new LiveMetrics(made.trace, scenario, ['depth(jobs)', 'throughput()', 'depth(jobs) > 1']);
  live.upTo(10_000_000);
  expect(live.value('depth(jobs)')).toBe(2);
  expect(live.value('depth(jobs) > 1')).toBe(1);
  expect(live.value('throughput()')).toBeCloseTo(0.1);
  made.trace.append(15_000_000, F.evicted, made.actor('b'), 2, made.place('jobs'), 0, 0, R.purged, 0);
  live.upTo(30_000_000);
  expect(live.value('throughput()')).toBe(0);
  expect(live.value('depth(jobs)')).toBe(1);
});

test('every metric has a sentence for the reference', () => {
  for (const [name, { about }] of Object.entries(FUNCTIONS)) expect(about, name).toMatch(/^[A-Z].{15,}\.$/);
});
