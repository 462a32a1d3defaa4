/**
 * Systems around RabbitMQ: one node or a cluster of three, a queue (classic, quorum or a stream) reached by its name or through an exchange, with or
 * without a dead-letter queue.
 */
import fc from 'fast-check';
import { common, mostly, purging, systemOf } from './clients.ts';
import type { Document } from './document.ts';

const queue = fc.record({
  type: mostly('classic', 'quorum', 'quorum', 'stream'),
  durable: mostly(true, false),
  deadLetters: fc.boolean(),
  atLeastOnce: fc.boolean(),
  filed: mostly(false, true),
  limit: mostly<number | null>(null, 2, 5),
  ttl: mostly<string | null>(null, '5s', '60s'),
  length: mostly<number | null>(null, 3),
  overflow: mostly('drop-head', 'reject-publish', 'reject-publish-dlx'),
  single: mostly(false, true),
  retry: mostly<string | null>(null, 'all', 'failed', 'returned'),
  exchange: mostly<string | null>(null, 'direct', 'fanout', 'topic'),
  expires: mostly<string | null>(null, '8s'),
  autoDelete: mostly(false, true),
  purged: purging,
});
const clients = fc.record({
  confirms: mostly(true, false),
  mode: fc.constantFrom(2, 1),
  retries: mostly<number | null>(null, 0, 3),
  confirmTimeout: mostly<string | null>(null, '1s'),
  growth: mostly('fixed', 'exponential'),
  jitter: mostly('none', 'full', 'equal'),
  prefetch: mostly<number | null>(null, 0, 1, 5),
  producerNode: mostly(1, 2, 3),
  consumerNode: mostly(1, 2, 3),
  // A reader that begins elsewhere, or keeps its place in memory only, passes over what nobody expects it to come back to.
  offset: mostly('first', '2'),
});
const broker = fc.record({
  nodes: mostly(1, 3),
  version: mostly('4.2', '4.0', '4.1', '4.3', '3.13', '3.10'),
  heartbeat: mostly('10s', '60s'),
  flush: mostly('5ms', '0ms', '300ms'),
  locator: mostly<string | null>(null, 'balanced'),
});

export const rabbitmq: fc.Arbitrary<Document> = fc
  .record({ drawn: common, queue, clients, broker })
  .map(({ drawn, queue, clients, broker }) => {
    const quorum = queue.type === 'quorum';
    const stream = queue.type === 'stream';
    const clustered = broker.nodes > 1;
    const dead = queue.deadLetters && !stream;
    // Dead letters go to a second queue as well.
    const filed = dead && queue.filed;
    const newest = broker.version === '4.3';
    // From 4.3 on there are no transient queues that clients share (R15).
    const durable = queue.durable || queue.type !== 'classic' || newest;
    const jobs: Document = {
      ...(queue.type === 'classic' ? {} : { 'x-queue-type': queue.type }),
      ...(durable ? {} : { durable: false }),
      ...(dead ? { 'x-dead-letter-exchange': filed ? 'graves' : '', 'x-dead-letter-routing-key': 'failed' } : {}),
      ...(dead && quorum && queue.atLeastOnce ? { 'x-dead-letter-strategy': 'at-least-once' } : {}),
      ...(quorum && queue.limit !== null ? { 'x-delivery-limit': queue.limit } : {}),
      ...(queue.ttl === null || stream ? {} : { 'x-message-ttl': queue.ttl }),
      ...(queue.length === null || stream
        ? {}
        : {
            'x-max-length': queue.length,
            'x-overflow': quorum && queue.overflow === 'reject-publish-dlx' ? 'reject-publish' : queue.overflow,
          }),
      ...(quorum && newest && queue.retry !== null
        ? { 'x-delayed-retry-type': queue.retry, 'x-delayed-retry-min': '1s', 'x-delayed-retry-max': '3s' }
        : {}),
      ...(queue.expires === null || stream ? {} : { 'x-expires': queue.expires }),
      ...(queue.autoDelete && queue.type === 'classic' ? { 'auto-delete': true } : {}),
      ...(queue.single && !stream ? { 'x-single-active-consumer': true } : {}),
      ...(queue.exchange === null
        ? {}
        : { bindings: [{ exchange: 'work', key: queue.exchange === 'topic' ? 'job.#' : 'job.new' }] }),
    };
    const failed: Document = {
      ...(quorum && clustered ? { 'x-queue-type': 'quorum' } : {}),
      ...(broker.locator === null ? {} : { 'x-queue-leader-locator': broker.locator }),
      ...(filed ? { bindings: [{ exchange: 'graves' }] } : {}),
    };
    const exchanges: Document = {
      ...(queue.exchange === null ? {} : { work: { type: queue.exchange } }),
      ...(filed ? { graves: { type: 'fanout' } } : {}),
    };
    const retries = clients.retries ?? (clients.confirmTimeout === null ? null : 5);
    const waits: Document = {
      ...(clients.growth === 'fixed' ? {} : { network_recovery_growth: clients.growth, network_recovery_max: '8s' }),
      ...(clients.jitter === 'none' ? {} : { network_recovery_jitter: clients.jitter }),
    };
    const names = Array.from({ length: broker.nodes }, (_, index) => `b${index + 1}`);
    // Two readers of a stream are two groups; one memory of what was done would make the second idle.
    return systemOf(stream ? { ...drawn, workers: 1 } : drawn, {
      broker: {
        kind: 'rabbitmq',
        ...(clustered ? { nodes: broker.nodes } : {}),
        version: broker.version,
        heartbeat: broker.heartbeat,
        flush: broker.flush,
      },
      places: {
        ...(Object.keys(exchanges).length === 0 ? {} : { exchanges }),
        queues: {
          jobs,
          ...(dead ? { failed } : {}),
          ...(filed ? { file: { bindings: [{ exchange: 'graves' }] } } : {}),
        },
      },
      to: queue.exchange === null ? 'jobs' : 'work',
      from: 'jobs',
      producer: {
        ...(queue.exchange === null ? {} : { routing: 'job.new' }),
        ...(clients.confirms ? { confirms: true } : {}),
        ...(clustered ? { node: clients.producerNode } : {}),
        delivery_mode: clients.mode,
        // Who sends again each second without end fills a queue with more than the rest of the run can empty.
        ...(retries === null ? {} : { retries }),
        ...(clients.confirmTimeout === null ? {} : { confirm_timeout: clients.confirmTimeout }),
        network_recovery_interval: '1s',
        ...waits,
        ...(clients.jitter === 'none' ? {} : { retry_jitter: clients.jitter }),
      },
      consumer: {
        prefetch: Math.max(drawn.concurrency, drawn.prefetch),
        ...(clients.prefetch === null || (stream && clients.prefetch === 0)
          ? {}
          : { prefetch_count: clients.prefetch }),
        ...(clustered ? { node: clients.consumerNode } : {}),
        ...(stream ? { 'x-stream-offset': clients.offset, 'offset-tracking': 'stored' } : {}),
        network_recovery_interval: '1s',
        ...waits,
      },
      purged: stream ? null : queue.purged,
      nodes: clustered ? names : ['rabbitmq'],
      nodeSteps: ['appended', 'routed', 'delivered', 'acked', 'requeued', 'confirmed', 'dead-lettered'],
    });
  });
