/** A split between two nodes that is over before either takes the other for gone: what was handed out on the way and lost comes again. Source: rules R61, R65. */
import { expect, it } from 'vitest';
import { judge } from '../../../sim/checks/index.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../../sim/runs.ts';

it.each(['2s', '300ms'])('a delivery between nodes that a split of %s swallowed is sent again', (heal) => {
  const scenario = scenarioOf(`
title: A short split
broker: { kind: rabbitmq, nodes: 3 }
duration: 120s
queues: { jobs: { x-queue-type: quorum } }
producers: { maker: { to: jobs, rate: 2/s, messages: 3, start: 5s, confirms: true, delivery_mode: 2, node: 1 } }
consumers: { worker: { from: jobs, process: 200ms, effect: { insert: results }, prefetch: 1, node: 2 } }
network: { latency: 1ms..5ms }
timeline: [{ at: 5300ms, split: [[b2], [maker, worker, b1, b3]], heal: ${heal} }]
`);
  const { trace } = run(scenario);
  const verdicts = judge(
    trace,
    scenario,
    ['progress', 'drained', 'conservation'].map((claim) => ({ claim, scope: '' })),
  );
  expect(verdicts.map(({ verdict }) => verdict)).toEqual([
    'holds',
    'holds',
    expect.stringMatching(/holds|not exercised/),
  ]);
});
