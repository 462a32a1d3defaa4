/** Systems around Kafka: one to three nodes, one topic, all kinds of producer, and one group; sometimes the group forwards to a second topic. */
import fc from 'fast-check';
import { common, mostly, systemOf } from './clients.ts';
import type { Document } from './document.ts';

const cluster = fc.record({
  nodes: fc.constantFrom(3, 1, 2),
  replication: fc.constantFrom(3, 1, 2),
  inSync: fc.constantFrom(2, 1),
  unclean: mostly(false, true),
  eligible: mostly(false, true),
  compacted: mostly(false, true),
  partitions: fc.integer({ min: 1, max: 3 }),
  lag: mostly('10s', '30s'),
  /** So many partitions are added in the middle of the run. */
  added: mostly(0, 1, 3),
  addedAt: fc.constantFrom('6s', '12s', '25s'),
});

/** Producer settings that go together. */
const sending = fc.constantFrom<Document>(
  {},
  { acks: 'all', 'enable.idempotence': false },
  { acks: 'all', 'enable.idempotence': false, 'max.in.flight.requests.per.connection': 1 },
  { acks: 'all', retries: 0 },
  { acks: 1 },
  { acks: 1, retries: 0 },
  { acks: 0 },
  { 'transactional.id': 'shop', 'transaction.timeout.ms': '10s' },
  { 'transactional.id': 'shop', 'transaction.timeout.ms': '10s', 'transaction.size': 3 },
  {
    'transactional.id': 'shop',
    'transaction.timeout.ms': '10s',
    'transaction.size': 2,
    'transaction.abort.probability': 0.3,
  },
);
const producing = fc.record({
  sending,
  linger: mostly<string | null>(null, '0ms', '200ms'),
  patience: mostly<Document>(
    {},
    { 'request.timeout.ms': '2s' },
    { 'request.timeout.ms': '1s', 'delivery.timeout.ms': '5s' },
  ),
  partitioner: mostly<string | null>(null, 'round-robin'),
});

const consuming = fc.record({
  commit: fc.constantFrom<Document>(
    { 'enable.auto.commit': false },
    {},
    { 'enable.auto.commit': true, 'auto.commit.interval.ms': '1s' },
  ),
  reset: mostly('earliest', 'latest'),
  isolation: mostly<string | null>(null, 'read_committed'),
  session: mostly<Document>({ 'session.timeout.ms': '10s' }, {}, { 'session.timeout.ms': '6s' }),
  // A member that joins waits for its answer for so long, even where the coordinator died behind a split: the default outlasts these runs.
  interval: mostly<Document>({ 'max.poll.interval.ms': '60s' }, { 'max.poll.interval.ms': '8s' }),
  records: mostly<number | null>(null, 1, 5),
  assignor: mostly<string | null>(null, 'range', 'roundrobin', 'sticky', 'cooperative-sticky'),
  member: mostly<string | null>(null, 'desk'),
  forwards: mostly(false, true),
  group: mostly<'classic' | 'consumer' | 'share'>('classic', 'consumer', 'share'),
  acknowledges: mostly('explicit', 'implicit'),
});

/** Small segments and an eager cleaner, so that it has something to do. */
const COMPACTED: Document = { 'cleanup.policy': 'compact', 'segment.bytes': 4096, 'min.cleanable.dirty.ratio': 0 };

const NODE_STEPS = [
  'appended',
  'replicated',
  'watermark-moved',
  'committed',
  'delivered',
  'elected',
  'rebalance-begun',
  'confirmed',
];

export const kafka: fc.Arbitrary<Document> = fc
  .record({ drawn: common, cluster, producing, consuming })
  .map(({ drawn, cluster, producing, consuming }) => {
    const replicas = Math.min(cluster.replication, cluster.nodes);
    const topic: Document = {
      partitions: cluster.partitions,
      'replication.factor': replicas,
      'min.insync.replicas': Math.min(cluster.inSync, replicas),
      ...(cluster.unclean ? { 'unclean.leader.election.enable': true } : {}),
      ...(cluster.compacted && drawn.keys > 0 ? COMPACTED : {}),
    };
    // Clients that learn of partitions after five minutes would not live to see them.
    const young: Document = cluster.added > 0 ? { 'metadata.max.age.ms': '8s' } : {};
    const shared = consuming.group === 'share';
    const forwards = consuming.forwards && !shared;
    // A static leader that was away meanwhile takes the partitions that it finds for those that it assigned, and nobody else looks after them.
    const grows = cluster.added > 0 && (consuming.member === null || consuming.group === 'consumer' || shared);
    return systemOf(drawn, {
      broker: {
        kind: 'kafka',
        nodes: cluster.nodes,
        'replica.lag.time.max.ms': cluster.lag,
        ...(cluster.eligible ? { 'eligible.leader.replicas.version': 1 } : {}),
        'offsets.topic.num.partitions': 2,
        'transaction.state.log.num.partitions': 2,
        'transaction.state.log.min.isr': Math.min(2, cluster.nodes),
      },
      places: { topics: { jobs: topic, ...(forwards ? { done: { ...topic, partitions: 1 } } : {}) } },
      to: 'jobs',
      from: 'jobs',
      ...(grows
        ? { timeline: [{ at: cluster.addedAt, set: { 'topics.jobs.partitions': cluster.partitions + cluster.added } }] }
        : {}),
      producer: {
        ...young,
        ...producing.sending,
        ...(producing.linger === null ? {} : { 'linger.ms': producing.linger }),
        ...producing.patience,
        ...(producing.partitioner === null ? {} : { partitioner: producing.partitioner }),
      },
      consumer: {
        ...young,
        ...consuming.commit,
        'auto.offset.reset': consuming.reset,
        ...(consuming.isolation === null ? {} : { 'isolation.level': consuming.isolation }),
        ...consuming.session,
        ...consuming.interval,
        ...(consuming.records === null ? {} : { 'max.poll.records': consuming.records }),
        ...(consuming.assignor === null ? {} : { 'partition.assignment.strategy': [consuming.assignor] }),
        ...(consuming.member === null ? {} : { 'group.instance.id': consuming.member }),
        ...(forwards ? { 'forward.to': 'done', 'transaction.timeout.ms': '10s' } : {}),
        ...(consuming.group === 'consumer' ? { 'group.protocol': 'consumer' } : {}),
        ...(shared
          ? {
              'group.type': 'share',
              'share.auto.offset.reset': consuming.reset,
              'share.acknowledgement.mode': consuming.acknowledges,
              ...(consuming.isolation === null ? {} : { 'share.isolation.level': consuming.isolation }),
            }
          : {}),
      },
      ...(forwards
        ? {
            consumers: {
              reader: {
                from: 'done',
                effect: { insert: 'read' },
                'auto.offset.reset': 'earliest',
                'isolation.level': 'read_committed',
                'enable.auto.commit': false,
                'session.timeout.ms': '10s',
                // Whose answer to a join is lost waits for longer than this before it asks again.
                'max.poll.interval.ms': '60s',
              },
            },
          }
        : {}),
      nodes: ['b1', 'b2', 'b3'].slice(0, cluster.nodes),
      nodeSteps: NODE_STEPS,
    });
  });
