/** The order of a priority queue on the stage is the order in which it will be handed out. */
import { expect, test } from 'vitest';
import { F } from '../../../core/facts.ts';
import { Topology } from '../../../sim/folds/topology.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../runs.ts';

test.each(['x-max-priority: 9', 'x-queue-type: quorum'])('a queue with %s', (queue) => {
  const scenario = scenarioOf(`
title: Parcels
story: Express parcels go first.
broker: { kind: rabbitmq, version: '4.3' }
duration: 30s
queues:
  parcels: { ${queue} }
producers:
  plain: { to: parcels, rate: 5/s, stop: 5s, priority: 1 }
  express: { to: parcels, rate: 2/s, stop: 5s, priority: 7 }
consumers:
  courier: { from: parcels, process: 400ms }
network: ideal
`);
  const { trace } = run(scenario);
  const topology = new Topology(scenario);
  let overtaken = 0;
  for (let id = 1; id <= trace.count; id++) {
    if (trace.kind(id) === F.delivered) {
      const [head] = topology.queues[trace.place(id)]?.entries('ready', 1) ?? [];
      expect(head?.message, `fact ${id}`).toBe(trace.messageOf(id));
    }
    if (trace.kind(id) === F.appended && trace.value(id) > 0) overtaken++;
    topology.apply(trace, id);
  }
  expect(overtaken).toBeGreaterThan(5);
});
