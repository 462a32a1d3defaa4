/** Systems around Redis: one stream with a group (on a disk of some kind), and channels with subscribers. */
import fc from 'fast-check';
import { common, mostly, systemOf } from './clients.ts';
import type { Document } from './document.ts';

const server = fc.record({
  disk: mostly<Document>(
    { appendonly: 'yes', appendfsync: 'always' },
    { appendonly: 'yes' },
    {},
    { save: '10 1' },
    { appendonly: 'yes', appendfsync: 'always', 'replica-lag': '300ms' },
  ),
});
const stream = mostly<Document>(
  {},
  { MAXLEN: 8 },
  { MAXLEN: 5, references: 'ACKED' },
  { MAXLEN: 3, references: 'DELREF' },
);
const clients = fc.record({
  retries: mostly<number | null>(null, 0),
  idmp: mostly(false, true),
  block: mostly<string | null>(null, '500ms'),
  count: mostly<number | null>(null, 1),
  idle: mostly<string | null>('3s', null, '500ms', '20s'),
  claim: mostly<string | null>(null, '4s'),
  history: mostly(true, false),
  dead: mostly<number | null>(null, 1, 3),
});

export const redisStreams: fc.Arbitrary<Document> = fc
  .record({ drawn: common, server, stream, clients })
  .map(({ drawn, server: { disk }, stream: topic, clients: own }) =>
    systemOf(drawn, {
      broker: { kind: 'redis-streams', ...disk },
      places: { topics: { jobs: topic, ...(own.dead === null ? {} : { failed: {} }) } },
      to: 'jobs',
      from: 'jobs',
      producer: {
        ...(own.retries === null ? {} : { retries: own.retries }),
        ...(own.idmp ? { IDMP: true } : {}),
      },
      consumer: {
        ...(own.block === null ? {} : { BLOCK: own.block }),
        ...(own.count === null ? {} : { COUNT: own.count }),
        ...(own.idle === null ? {} : { 'min-idle-time': own.idle, 'claim-interval': '2s' }),
        ...(own.claim === null ? {} : { CLAIM: own.claim }),
        ...(own.history ? {} : { 'read-history': false }),
        ...(own.dead === null ? {} : { 'dead-letter-stream': 'failed', 'max-deliveries': own.dead }),
        prefetch: drawn.prefetch,
      },
      nodes: ['redis-streams'],
      nodeSteps: ['appended', 'delivered', 'acked', 'requeued'],
    }),
  );

const subscriber = fc.record({
  retries: mostly(0, 2),
  patterns: mostly<readonly string[] | null>(null, ['news*'], ['*']),
  buffer: mostly<number | null>(null, 300),
  limit: mostly<string | null>(null, 'pubsub 2kb 1kb 5'),
});

export const redisPubSub: fc.Arbitrary<Document> = fc
  .record({ drawn: common, own: subscriber })
  .map(({ drawn, own }) => {
    // Nothing is acked, and each instance has a message of its own: a memory that they share would take it for a repeat.
    return systemOf(
      { ...drawn, settle: 'after-processing', onFailure: null, dedup: null },
      {
        broker: {
          kind: 'redis-pubsub',
          ...(own.limit === null ? {} : { 'client-output-buffer-limit': own.limit }),
        },
        places: { topics: { news: {} } },
        to: 'news',
        from: 'news',
        producer: own.retries === 0 ? {} : { retries: own.retries },
        consumer: {
          ...(own.patterns === null ? {} : { patterns: own.patterns }),
          ...(own.buffer === null ? {} : { 'receive-buffer': own.buffer }),
        },
        consumers: { archive: { from: 'news', process: '5ms', effect: { insert: 'archived' } } },
        nodes: ['redis-pubsub'],
        nodeSteps: ['appended', 'delivered', 'lost'],
      },
    );
  });
