import { expect, it } from 'vitest';
import { divergenceOf } from '../../../sim/folds/divergence.ts';
import { traceOf } from '../runs.ts';

const text = (timeline: string, seed = 1) => `
title: Jobs
broker: sqs
seed: ${seed}
duration: 20s
queues: { jobs: {} }
producers: { web: { to: jobs, rate: 2/s } }
consumers: { worker: { from: jobs, process: 100ms..900ms } }
timeline: [${timeline}]`;

it('two runs of one file are the same to the end', () => {
  expect(divergenceOf(traceOf(text('')), traceOf(text('')))).toEqual({ fact: 0, atUs: 20_000_000 });
});

it('a line parts them at its moment and not before', () => {
  const [plain, crashed] = [traceOf(text('')), traceOf(text('{ at: 7s, crash: worker }'))];
  const { fact, atUs } = divergenceOf(plain, crashed);
  expect(atUs).toBe(7_000_000);
  expect(crashed.name(fact)).toBe('fault-begun');
  expect(crashed.time(fact - 1)).toBeLessThanOrEqual(7_000_000);
});

it('another seed parts them early, and a run that is cut short parts where it ends', () => {
  const whole = traceOf(text(''));
  expect(divergenceOf(whole, traceOf(text('', 2))).atUs).toBeLessThan(2_000_000);
  const half = traceOf(text(''), { untilUs: 9_000_000 });
  const { fact, atUs } = divergenceOf(half, whole);
  expect(fact).toBe(half.count + 1);
  expect(atUs).toBeGreaterThanOrEqual(9_000_000);
});
