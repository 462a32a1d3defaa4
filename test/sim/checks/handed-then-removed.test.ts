import { expect, it } from 'vitest';
import { judge } from '../../../sim/checks/index.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../runs.ts';

/** The worker stalls beyond its heartbeat; what it was handed comes back to a queue that is then too long. */
const YAML = `
title: Handed out, given back, and one too many
broker: { kind: rabbitmq, heartbeat: 10s }
duration: 120s
queues: { jobs: { x-max-length: 3, x-overflow: drop-head } }
producers: { maker: { to: jobs, rate: 2/s, messages: 4, start: 5s, confirms: true } }
consumers: { worker: { from: jobs, process: 200ms, effect: { insert: results }, prefetch_count: 0 } }
network: { latency: 3ms }
timeline: [{ at: 100ms, pause: worker, for: 10s }]
`;

it('counts a message as removed by policy when it was handed out, came back unread, and was dropped', () => {
  const scenario = scenarioOf(YAML);
  const [verdict] = judge(run(scenario).trace, scenario, [{ claim: 'at-least-once', scope: '' }]);
  expect(verdict?.sentence).toContain('queue full');
  expect(verdict?.verdict).toBe('allowed');
});

it('knows as lost what was settled as it was handed out and had not arrived when the connection broke', () => {
  const scenario = scenarioOf(`
title: Settled, and lost with the connection
broker: { kind: rabbitmq, heartbeat: 10s }
duration: 60s
queues: { jobs: {} }
producers: { maker: { to: jobs, rate: 2/s, messages: 3, start: 5s, confirms: true, delivery_mode: 2 } }
consumers: { worker: { from: jobs, process: 200ms, settle: on-delivery, effect: { insert: results } } }
network: { latency: 3ms }
timeline: [{ when: produced, nth: 1, lose: delivery, to: worker, times: 1 }]
`);
  const [verdict] = judge(run(scenario).trace, scenario, [{ claim: 'at-least-once', scope: '' }]);
  expect(verdict?.verdict).toBe('allowed');
  expect(verdict?.setting).toContain('on-delivery');
  expect(verdict?.sentence).toContain('never had its effect');
});

const SLOW = `
title: Settled when handed out
broker: { kind: rabbitmq, heartbeat: 0s }
duration: 200s
queues: { jobs: {} }
producers: { maker: { to: jobs, rate: 2/s, messages: 1, start: 5s, confirms: true, delivery_mode: 2 } }
consumers: { worker: { from: jobs, process: 200ms, settle: on-delivery, effect: { insert: results } } }
network: { latency: 3ms }
`;

it.each([
  ['while its hop is on the way', '{ when: produced, nth: 1, delay: delivery, to: worker, by: 5m }'],
  ['while it lies before a paused process', '{ at: 4s, pause: worker, for: 5m }'],
])('counts what was settled when handed out as under way %s, however long that lasts', (_, line) => {
  const scenario = scenarioOf(`${SLOW}timeline: [${line}]\n`);
  const [verdict] = judge(run(scenario).trace, scenario, [{ claim: 'at-least-once', scope: '' }]);
  expect(verdict?.sentence).not.toContain('never had its effect');
  expect(verdict?.verdict).not.toBe('allowed');
});

it('knows as lost what a split swallowed, at once', () => {
  const text = SLOW.replace('200s', '20s');
  const scenario = scenarioOf(
    `${text}timeline: [{ when: produced, nth: 1, split: [[worker], [rabbitmq]], heal: 1m }]\n`,
  );
  const [verdict] = judge(run(scenario).trace, scenario, [{ claim: 'at-least-once', scope: '' }]);
  expect(verdict?.verdict).toBe('allowed');
  expect(verdict?.sentence).toContain('never had its effect');
});
