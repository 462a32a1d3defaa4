/**
 * Systems whose clients carry the patterns that mend what brokers do not promise: an outbox or a dual write at the producer; an inbox, retried writes with
 * backoff, a circuit breaker and a reordering buffer at the consumer, whose store is slow for a while. The broker is the plainest one, SQS Standard.
 */
import fc from 'fast-check';
import { common, mostly, purging, systemOf } from './clients.ts';
import type { Document } from './document.ts';

const backoff = fc.record({
  attempts: fc.constantFrom(3, 1, 20),
  backoff: fc.constantFrom('100ms', '1s'),
  growth: mostly('exponential', 'fixed'),
  max: mostly('10s', '1s'),
  jitter: mostly('none', 'full', 'equal'),
});
const optional = <T>(some: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(some, { nil: null });

const producer = fc.record({
  publish: fc.constantFrom('outbox', 'after-effect', 'before-effect'),
  outbox: optional(fc.record({ every: fc.constantFrom('100ms', '2s'), batch: fc.constantFrom(1, 10) })),
  effect: mostly('insert', 'set'),
  retry: optional(backoff),
  jitter: mostly('none', 'full', 'equal'),
});
const consumer = fc.record({
  inbox: mostly(true, false),
  timeout: mostly<string | null>(null, '500ms'),
  retry: optional(backoff),
  breaker: optional(fc.record({ failures: fc.constantFrom(1, 3), open: fc.constantFrom('1s', '5s') })),
  reorder: optional(fc.record({ window: fc.constantFrom('1s', '200ms'), size: fc.constantFrom(100, 2) })),
});
const store = fc.record({
  write: fc.constantFrom('1ms', '50ms'),
  concurrency: fc.constantFrom(4, 1),
  slow: optional(fc.record({ at: fc.integer({ min: 5, max: 15 }), factor: fc.constantFrom(10, 40) })),
});

export const clientPatterns: fc.Arbitrary<Document> = fc
  .record({ drawn: common, producer, consumer, store, purged: purging })
  .map(({ drawn, producer: maker, consumer: worker, store: { slow, ...results }, purged }) => {
    // Without an effect there would be nothing to write again.
    const effect = drawn.effect === 'none' ? 'increment' : drawn.effect;
    const dedup = worker.inbox ? { window: '10m', durable: true } : drawn.dedup;
    const ordered = drawn.keys > 0;
    // SQS keeps what it hands out until it is deleted: nothing is settled by the delivery.
    const settle = drawn.settle === 'on-delivery' ? 'before-processing' : drawn.settle;
    const system = systemOf(
      { ...drawn, settle, effect, dedup, prefetch: 10 },
      {
        broker: 'sqs',
        places: { queues: { jobs: { VisibilityTimeout: '15s' } }, stores: { results } },
        to: 'jobs',
        from: 'jobs',
        producer: {
          effect: { [maker.effect]: 'orders' },
          publish: maker.publish,
          ...(maker.outbox === null || maker.publish !== 'outbox' ? {} : { outbox: maker.outbox }),
          ...(maker.retry === null ? {} : { retry: maker.retry }),
          ...(maker.jitter === 'none' ? {} : { 'retry-jitter': maker.jitter }),
          ...(ordered ? { sequence: true } : {}),
        },
        consumer: {
          prefetch: 10,
          ...(worker.timeout === null ? {} : { 'write-timeout': worker.timeout }),
          ...(worker.retry === null ? {} : { retry: worker.retry }),
          ...(worker.breaker === null ? {} : { breaker: worker.breaker }),
          ...(worker.reorder === null || !ordered ? {} : { reorder: worker.reorder }),
        },
        purged,
        nodes: ['sqs'],
        nodeSteps: ['appended', 'delivered', 'acked'],
      },
    );
    if (slow === null) return system;
    const lines = Array.isArray(system['timeline']) ? system['timeline'] : [];
    const line: Document = { at: `${slow.at}s`, slow: 'results', factor: slow.factor, for: '10s' };
    return { ...system, timeline: [...lines, line] };
  });
