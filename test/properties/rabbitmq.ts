/** Systems around RabbitMQ: one node, a queue reached by its name or through an exchange, with or without a dead-letter queue. */
import fc from 'fast-check';
import { common, mostly, systemOf } from './clients.ts';
import type { Document } from './document.ts';

const queue = fc.record({
  type: mostly('classic', 'quorum'),
  durable: mostly(true, false),
  deadLetters: fc.boolean(),
  limit: mostly<number | null>(null, 2, 5),
  ttl: mostly<string | null>(null, '5s', '60s'),
  length: mostly<number | null>(null, 3),
  overflow: mostly('drop-head', 'reject-publish', 'reject-publish-dlx'),
  single: mostly(false, true),
  exchange: mostly<string | null>(null, 'direct', 'fanout', 'topic'),
});
const clients = fc.record({
  confirms: mostly(true, false),
  mode: fc.constantFrom(2, 1),
  retries: mostly<number | null>(null, 0, 3),
  confirmTimeout: mostly<string | null>(null, '1s'),
  prefetch: mostly<number | null>(null, 0, 1, 5),
});
const broker = fc.record({ heartbeat: mostly('10s', '60s'), flush: mostly('5ms', '0ms', '300ms') });

export const rabbitmq: fc.Arbitrary<Document> = fc
  .record({ drawn: common, queue, clients, broker })
  .map(({ drawn, queue, clients, broker }) => {
    const quorum = queue.type === 'quorum';
    const jobs: Document = {
      ...(quorum ? { 'x-queue-type': 'quorum' } : {}),
      ...(queue.durable || quorum ? {} : { durable: false }),
      ...(queue.deadLetters ? { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'failed' } : {}),
      ...(quorum && queue.limit !== null ? { 'x-delivery-limit': queue.limit } : {}),
      ...(queue.ttl === null ? {} : { 'x-message-ttl': queue.ttl }),
      ...(queue.length === null
        ? {}
        : {
            'x-max-length': queue.length,
            'x-overflow': quorum && queue.overflow === 'reject-publish-dlx' ? 'reject-publish' : queue.overflow,
          }),
      ...(queue.single ? { 'x-single-active-consumer': true } : {}),
      ...(queue.exchange === null
        ? {}
        : { bindings: [{ exchange: 'work', key: queue.exchange === 'topic' ? 'job.#' : 'job.new' }] }),
    };
    return systemOf(drawn, {
      broker: { kind: 'rabbitmq', heartbeat: broker.heartbeat, flush: broker.flush },
      places: {
        ...(queue.exchange === null ? {} : { exchanges: { work: { type: queue.exchange } } }),
        queues: { jobs, ...(queue.deadLetters ? { failed: {} } : {}) },
      },
      to: queue.exchange === null ? 'jobs' : 'work',
      from: 'jobs',
      producer: {
        ...(queue.exchange === null ? {} : { routing: 'job.new' }),
        ...(clients.confirms ? { confirms: true } : {}),
        delivery_mode: clients.mode,
        ...(clients.retries === null ? {} : { retries: clients.retries }),
        ...(clients.confirmTimeout === null ? {} : { confirm_timeout: clients.confirmTimeout }),
        network_recovery_interval: '1s',
      },
      consumer: {
        prefetch: Math.max(drawn.concurrency, drawn.prefetch),
        ...(clients.prefetch === null ? {} : { prefetch_count: clients.prefetch }),
        network_recovery_interval: '1s',
      },
      nodes: ['rabbitmq'],
      nodeSteps: ['appended', 'routed', 'delivered', 'acked', 'requeued', 'confirmed', 'dead-lettered'],
    });
  });
