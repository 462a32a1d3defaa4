/** Limits of what may be unacked in Pulsar: who stands at one goes on when half of it is acked (P28). */
import { expect, it } from 'vitest';
import { countOf, traceOf } from './runs.ts';

const yaml = (limit: string) => `
title: A consumer at its limit
broker: { kind: pulsar, ${limit}: 4 }
seed: 1
duration: 60s
topics: { orders: {} }
producers: { shop: { to: orders, rate: 50/s, messages: 40, start: 2s, batchingEnabled: false } }
consumers:
  kitchen: { from: orders, count: 2, concurrency: 8, process: 100ms, subscriptionType: Shared, subscriptionInitialPosition: Earliest }
`;

it.each(['maxUnackedMessagesPerConsumer', 'maxUnackedMessagesPerSubscription'])(
  'hands out again when what %s stopped is acked',
  (limit) => {
    const trace = traceOf(yaml(limit));
    expect(countOf(trace, 'delivered')).toBe(40);
    expect(countOf(trace, 'acked')).toBe(40);
  },
);
