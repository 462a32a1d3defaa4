import { expect, it } from 'vitest';
import { ledgerTotals } from '../../../sim/folds/ledger.ts';
import { readsOf } from '../../../sim/folds/reads.ts';
import { report } from '../../../sim/report.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../runs.ts';
import { type Stage, stage } from './build-trace.ts';
import { consuming } from './consuming.ts';

/** Two messages in a queue: one is handed out twice, the other never. */
function queueStage(): Stage {
  const made = stage({ p: 'producer', b: 'broker', 'c-1': 'consumer' }, { jobs: 'queue' });
  for (const message of [1, 2]) {
    made.fact(message, 'produced', { actor: 'p', message });
    made.fact(message, 'appended', { actor: 'b', message, place: 'jobs' });
    made.fact(message + 1, 'confirmed', { actor: 'p', message, place: 'jobs' });
  }
  for (const time of [5, 9])
    made.fact(time, 'delivered', { actor: 'b', message: 1, place: 'jobs', peer: 'c-1', detail: 1 });
  return made;
}

it('counts how often each message came, and how late the first of them', () => {
  const made = queueStage();
  made.fact(11, 'expired', { actor: 'b', message: 2, place: 'jobs' });
  made.trace.endedAtUs = 50;
  // 2 was known to be stored since 3, and waited until 11.
  expect(readsOf(made.trace)).toEqual({ jobs: { consumeCounts: { 2: 1 }, realtimeLagUs: 8 } });
});

it('lets what nobody ever read wait until the end of the run', () => {
  const made = queueStage();
  made.trace.endedAtUs = 50;
  expect(readsOf(made.trace)['jobs']?.realtimeLagUs).toBe(47);
});

it('tells the groups of a log apart, and asks of each only what its partitions hold', () => {
  const made = stage(
    { p: 'producer', b: 'broker', 'c-1': 'consumer', 'd-1': 'consumer' },
    { 'rides/0': 'partition', 'rides/1': 'partition', riders: 'group', audit: 'group' },
  );
  made.fact(0, 'joined', { actor: 'b', place: 'riders', peer: 'c-1' });
  made.fact(0, 'joined', { actor: 'b', place: 'audit', peer: 'd-1' });
  for (const message of [1, 2]) {
    const place = `rides/${message - 1}`;
    made.fact(1, 'produced', { actor: 'p', message });
    made.fact(1, 'appended', { actor: 'b', message, place });
    made.fact(1, 'appended', { actor: 'b', message, place, detail: 2 });
    made.fact(2, 'confirmed', { actor: 'p', message, place });
  }
  made.fact(4, 'delivered', { actor: 'b', message: 1, place: 'rides/0', peer: 'c-1', detail: 1 });
  made.fact(4, 'delivered', { actor: 'b', message: 1, place: 'rides/0', peer: 'd-1', detail: 1 });
  made.fact(8, 'delivered', { actor: 'b', message: 2, place: 'rides/1', peer: 'd-1', detail: 1 });
  made.trace.endedAtUs = 90;
  expect(readsOf(made.trace)).toEqual({
    riders: { consumeCounts: { 1: 1 }, realtimeLagUs: 2 },
    audit: { consumeCounts: { 1: 2 }, realtimeLagUs: 6 },
  });
});

it('calls recovered what came although its maker was never told, and unexpected what nobody had made', () => {
  const made = stage({ p: 'producer', b: 'broker', 'c-1': 'consumer' }, { jobs: 'queue' });
  for (const message of [1, 2, 3]) {
    if (message < 3) made.fact(1, 'produced', { actor: 'p', message });
    made.fact(2, 'appended', { actor: 'b', message, place: 'jobs' });
    made.fact(3, 'delivered', { actor: 'b', message, place: 'jobs', peer: 'c-1', detail: 1 });
  }
  made.fact(4, 'confirmed', { actor: 'p', message: 1, place: 'jobs' });
  expect(ledgerTotals(made.trace, consuming({ c: {} }))).toMatchObject({ unexpected: 1, recovered: 2 });
});

it('is told by `run --json`', () => {
  const scenario = scenarioOf(`
title: A reply is lost for good
broker: sqs
duration: 60s
queues: { jobs: { VisibilityTimeout: 5s } }
producers: { maker: { to: jobs, rate: 2/s, messages: 3, start: 1s, retries: 0 } }
consumers: { worker: { from: jobs, process: 100ms, effect: { insert: rows } } }
network: { latency: 5ms }
timeline:
  - { when: appended, nth: 2, lose: reply, to: maker, times: 1 }
  - { when: begun, nth: 3, crash: worker, restart: 1s }
`);
  const { messages, metrics } = report(run(scenario), '1');
  expect(messages).toMatchObject({ sent: 3, confirmed: 2, recovered: 1, unexpected: 0, lost: 0 });
  expect(metrics.reads['jobs']?.consumeCounts).toEqual({ 1: 2, 2: 1 });
});
