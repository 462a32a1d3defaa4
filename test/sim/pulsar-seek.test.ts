/** What the trace says of a Pulsar subscription that goes back in time. */
import { expect, it } from 'vitest';
import { factsOf, traceOf } from './runs.ts';

it('tells a seek by the second to which it went, whatever number the subscription has among the places', () => {
  const trace = traceOf(`
title: Back in time
broker: pulsar
seed: 1
duration: 30s
topics: { orders: {} }
producers: { shop: { to: orders, rate: 1/s, messages: 5, start: 2s } }
consumers:
  kitchen: { from: orders, subscriptionInitialPosition: Earliest }
  bar: { from: orders, subscriptionInitialPosition: Earliest }
timeline:
  - { at: 15s, seek: kitchen, to: { time: 0s } }
  - { at: 16s, seek: bar, to: { time: 0s } }
`);
  const told = factsOf(trace, 'sought').map(({ id }) => trace.sentence(id));
  expect(told).toHaveLength(2);
  for (const sentence of told) expect(sentence).toContain('was sought to second 3 of the run');
});
