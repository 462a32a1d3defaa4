/** Heartbeats on a network that delays but loses nothing: a connection on which little happens stays up (R35). */
import { expect, it } from 'vitest';
import { F } from '../../../core/facts.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../../sim/runs.ts';

it.each([1, 3])('idle connections to %i node(s) outlive any number of heartbeats', (nodes) => {
  const scenario = scenarioOf(`
title: Idle
broker: { kind: rabbitmq, heartbeat: 5s, nodes: ${nodes} }
duration: 3min
queues: { jobs: {} }
producers: { maker: { to: jobs, rate: 2/s, messages: 10, confirms: true } }
consumers: { worker: { from: jobs, count: 2, process: 200ms } }
network: { latency: 1ms..50ms }
`);
  const { trace } = run(scenario);
  const lost: string[] = [];
  for (let id = 1; id <= trace.count; id++)
    if (trace.kind(id) === F['connection-lost']) lost.push(`${trace.time(id) / 1_000_000} ${trace.sentence(id)}`);
  expect(lost).toEqual([]);
});
