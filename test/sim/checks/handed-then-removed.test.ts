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
