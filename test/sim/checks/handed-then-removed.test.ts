import { expect, it } from 'vitest';
import { judge } from '../../../sim/checks/index.ts';
import { run } from '../../../sim/world.ts';
import { countOf, scenarioOf } from '../runs.ts';

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

/** The leader is at b1, the worker at b2; what is handed out goes by way of b2. */
const CLUSTER = `
title: Settled when handed out, by way of another node
broker: { kind: rabbitmq, nodes: 3, heartbeat: 0s, failure-detection: 60s }
duration: 9s
queues: { jobs: { x-queue-type: quorum } }
producers: { maker: { to: jobs, rate: 1/s, messages: 1, start: 5s, confirms: true, node: 1 } }
consumers: { worker: { from: jobs, process: 200ms, settle: on-delivery, effect: { insert: results }, node: 2 } }
`;

it.each([
  ['slow', 'network: { latency: 3ms, links: [{ from: b1, to: b2, latency: 3500ms }] }'],
  ['cut', 'network: { latency: 3ms }\ntimeline: [{ at: 5005ms, split: [[b2], [b1, b3, maker]], heal: 5m }]'],
])('tells what goes by a %s link between nodes from what is lost', (kind, network) => {
  const scenario = scenarioOf(`${CLUSTER}${network}\n`);
  const { trace } = run(scenario);
  const [verdict] = judge(trace, scenario, [{ claim: 'at-least-once', scope: '' }]);
  expect(countOf(trace, 'delivered')).toBe(1);
  expect(countOf(trace, 'begun')).toBe(0);
  if (kind === 'slow') expect(verdict?.sentence).not.toContain('never had its effect');
  else expect(verdict?.sentence).toContain('never had its effect');
});
