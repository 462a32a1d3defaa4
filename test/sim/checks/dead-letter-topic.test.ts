/** A log has no dead-letter queue of its own: what a consumer writes elsewhere of its failure is the dead letter, once it is stored there. */
import { describe, expect, it } from 'vitest';
import { judge } from '../../../sim/checks/index.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../runs.ts';

const judged = (system: string, timeline = ''): ReadonlyMap<string, string> => {
  const scenario = scenarioOf(`
title: What fails is written elsewhere
duration: 60s
producers: { shop: { to: orders, rate: 2/s, messages: 10, key: trip, attributes: { trip: [rome] }, amount: -1, send: [{ at: 3s, poison: true }] } }
timeline: [{ when: begun, nth: 8, crash: w, restart: 2s }${timeline}]
${system}`);
  const asked = ['commit-safety', 'at-least-once', 'exactly-once-effect'].map((claim) => ({ claim, scope: '' }));
  return new Map(judge(run(scenario).trace, scenario, asked).map(({ claim, verdict }) => [claim, verdict]));
};

const kafka = (produces: string): string => `
broker: kafka
topics: { orders: { partitions: 1 }, orders-dlt: { partitions: 1 } }
consumers:
  w: { from: orders, process: 100ms, effect: { insert: rows }, auto.offset.reset: earliest, enable.auto.commit: false, produces: ${produces} }
`;

describe('a consumer of a log that writes what failed to a topic', () => {
  it('commits no further than it is done, and loses nothing', () => {
    const verdicts = judged(kafka('{ to: orders-dlt, on: failed }'));
    expect([...verdicts.values()]).toEqual(['holds', 'holds', 'holds']);
  });

  it('has no dead letter where the topic never got it', () => {
    const system = kafka(
      '{ to: orders-dlt, on: failed, publish: after-settling, delivery.timeout.ms: 3s, request.timeout.ms: 1s, linger.ms: 0 }',
    );
    const verdicts = judged(system, ', { when: failed, nth: 1, crash: w, restart: 2s }');
    expect(verdicts.get('at-least-once')).toBe('allowed');
  });
});

it('is a dead letter for a queue, too', () => {
  const verdicts = judged(`
broker: sqs
queues: { orders: {}, failures: {} }
consumers: { w: { from: orders, process: 100ms, effect: { insert: rows }, produces: { to: failures, on: failed } } }
`);
  expect(verdicts.get('at-least-once')).toBe('holds');
});

it('is none where a store refused the write: that is an answer, which somebody else acts on', () => {
  const verdicts = judged(`
broker: sqs
queues: { orders: {}, refusals: {} }
stores: { rooms: { floor: -3 } }
consumers: { w: { from: orders, process: 100ms, effect: { increment: rooms }, produces: { to: refusals, on: failed } } }
`);
  expect(verdicts.get('at-least-once')).toBe('allowed');
});
