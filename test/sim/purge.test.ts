/** A queue is emptied by a line of the timeline: what is dropped, what stays, and what a broker refuses. */
import { expect, it } from 'vitest';
import { R } from '../../core/facts.ts';
import { countOf, factsOf, scenarioOf, traceOf } from './runs.ts';

/** Ten messages by 5 s, of which the worker has taken three when the queue is purged at 6 s. */
const system = (broker: string, queue: string, consumer: string, more = ''): string => `
title: A purge
broker: ${broker}
duration: 120s
queues: { jobs: { ${queue} } }
producers: { maker: { to: jobs, rate: 10/s, start: 4s, messages: 10 } }
consumers: { worker: { from: jobs, process: 10s, effect: { insert: results }, ${consumer} } }
timeline:
  - { at: 6s, purge: jobs }
${more}
`;

const purged = (text: string): number =>
  factsOf(traceOf(text), 'evicted').filter(({ detail }) => detail === R.purged).length;

it('RabbitMQ drops what is ready, and what is unacked stays', () => {
  const single = system('rabbitmq', '', 'prefetch: 3');
  expect(purged(single)).toBe(7);
  expect(countOf(traceOf(single), 'acked')).toBe(3);
});

it.each(['x-queue-type: quorum', ''])('a cluster of RabbitMQ drops it at the leader, once (%s)', (queue) => {
  const cluster = system('{ kind: rabbitmq, nodes: 3 }', queue, 'prefetch: 3');
  expect(purged(cluster)).toBe(7);
  expect(countOf(traceOf(cluster), 'acked')).toBe(3);
});

it('SQS deletes what is in flight, too (S18)', () => {
  const queue = system('sqs', 'VisibilityTimeout: 60s', 'prefetch: 3, MaxNumberOfMessages: 3');
  expect(purged(queue)).toBe(10);
  expect(countOf(traceOf(queue), 'acked')).toBe(0);
});

it('SQS refuses a second purge within a minute, and takes one after it (S18)', () => {
  const again = (at: string): string =>
    system(
      'sqs',
      'VisibilityTimeout: 300s',
      'prefetch: 1, MaxNumberOfMessages: 1',
      `  - { at: 8s, send: maker, messages: 4 }\n  - { at: ${at}, purge: jobs }`,
    ).replace('process: 10s', 'process: 100s');
  expect(purged(again('30s'))).toBe(10);
  expect(purged(again('70s'))).toBe(14);
});

it('a stream cannot be purged, and that is said before the run', () => {
  expect(() => scenarioOf(system('rabbitmq', 'x-queue-type: stream', 'prefetch: 3'))).toThrow(/cannot be purged/);
});
