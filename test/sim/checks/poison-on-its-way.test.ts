/** Poison that is on the way to where other poison has gone blocks for a while; poison that nothing takes away blocks for good. */
import { expect, it } from 'vitest';
import { judge } from '../../../sim/checks/index.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../runs.ts';

/** Every crash costs five seconds, and a message is dead-lettered after five tries. */
const verdictAfter = (
  duration: string,
  options = 'dead-letter-stream: failed, min-idle-time: 3s, claim-interval: 1s',
) => {
  const scenario = scenarioOf(`
title: A worker that dies of poison
broker: { kind: redis-streams, appendonly: yes, appendfsync: always }
duration: ${duration}
topics: { jobs: {}, failed: {} }
producers: { maker: { to: jobs, rate: 10/s, start: 5s, messages: 12, key: user, attributes: { user: 2 }, poison: 30%, retries: 0 } }
consumers: { worker: { from: jobs, process: 100ms..400ms, effect: { insert: results }, count: 1, on-poison: crash, ${options} } }
seed: 805
`);
  const { trace } = run(scenario);
  return judge(trace, scenario, [{ claim: 'poison-isolation', scope: '' }])[0];
};

it('holds once all poison is gone', () => {
  expect(verdictAfter('400s')?.verdict).toBe('holds');
});

it('is not said to be broken by a run that ends while the next one is on its way', () => {
  const verdicts = [40, 45, 50, 55, 60, 65, 70].map((second) => verdictAfter(`${second}s`));
  expect(verdicts.some((verdict) => verdict?.sentence.includes('give the run more time'))).toBe(true);
  expect(verdicts.map((verdict) => verdict?.verdict)).not.toContain('violated');
});

it('is broken where nothing takes poison away', () => {
  expect(verdictAfter('400s', 'min-idle-time: 3s, claim-interval: 1s')).toMatchObject({ verdict: 'allowed' });
});
