/**
 * The other half of a promise: settings that do not make it. For each line a search over generated fault schedules must find a run in which the claim
 * breaks, and the verdict must blame the setting of that line. A checker that never fires fails here.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ClaimName } from '../../sim/checks/names.ts';
import type { Document } from './document.ts';
import { merged, yamlOf } from './document.ts';
import { type Cast, faults, lineOf } from './faults.ts';
import { blamed } from './laws.ts';

/** How many runs a search may take. */
const MOST_RUNS = 200;

interface Breach {
  readonly claim: ClaimName;
  /** What the claim is limited to; everything when absent. */
  readonly scope?: string;
  /** What the verdict blames. */
  readonly setting: string;
  readonly system: Document;
  /** Faults that lead towards the breach, beside those drawn. */
  readonly timeline?: readonly Document[];
}

const maker: Document = { rate: '10/s', messages: 12, start: '5s', key: 'user', attributes: { user: 2 } };
const worker: Document = { process: '100ms..400ms', effect: { increment: 'results' }, count: 2 };

function base(broker: string | Document, name: string, usual: Document, more: Document): Document {
  const plain = merged(
    {
      title: 'A system that promises less',
      broker,
      duration: '150s',
      producers: { maker: { to: name, ...maker } },
      consumers: { worker: { from: name, ...worker } },
      network: { latency: '1ms..20ms' },
    },
    usual,
  );
  return merged(plain, more);
}
const sqs = (more: Document): Document => base('sqs', 'jobs', { queues: { jobs: { VisibilityTimeout: '5s' } } }, more);
const fifo = (more: Document): Document =>
  base('sqs', 'jobs.fifo', { queues: { 'jobs.fifo': { VisibilityTimeout: '5s' } } }, more);
const rabbitmq = (more: Document): Document =>
  base(
    { kind: 'rabbitmq', heartbeat: '5s' },
    'jobs',
    {
      queues: { jobs: {} },
      producers: {
        maker: { confirms: true, delivery_mode: 2, confirm_timeout: '1s', network_recovery_interval: '1s' },
      },
      consumers: { worker: { network_recovery_interval: '1s' } },
    },
    more,
  );
const kafka = (more: Document): Document =>
  base(
    { kind: 'kafka', nodes: 3, 'replica.lag.time.max.ms': '10s', 'offsets.topic.num.partitions': 2 },
    'jobs',
    {
      topics: { jobs: { partitions: 2, 'replication.factor': 3, 'min.insync.replicas': 2 } },
      producers: { maker: { 'request.timeout.ms': '1s' } },
      consumers: {
        worker: { 'enable.auto.commit': false, 'auto.offset.reset': 'earliest', 'session.timeout.ms': '6s' },
      },
    },
    more,
  );
const sns = (more: Document): Document =>
  merged(
    base(
      'sns',
      'events',
      {
        broker: null,
        brokers: { news: { kind: 'sns', 'request-timeout': '2s' }, work: 'sqs' },
        topics: { events: { broker: 'news', subscriptions: { jobs: {} } } },
        queues: { jobs: { broker: 'work', VisibilityTimeout: '5s' } },
        producers: { maker: { broker: 'news' } },
        consumers: { worker: { broker: 'work', from: 'jobs' } },
      },
      {},
    ),
    more,
  );
const googlePubsub = (more: Document): Document =>
  base(
    'google-pubsub',
    'jobs',
    {
      topics: { work: {} },
      queues: { jobs: { topic: 'work', enable_message_ordering: true } },
      producers: { maker: { to: 'work', enable_message_ordering: true, 'request-timeout': '1s' } },
    },
    more,
  );
const redisStreams = (more: Document): Document =>
  base(
    { kind: 'redis-streams', appendonly: 'yes', appendfsync: 'always' },
    'jobs',
    { topics: { jobs: {} }, consumers: { worker: { 'min-idle-time': '3s', 'claim-interval': '1s' } } },
    more,
  );
const redisPubSub = (more: Document): Document =>
  base('redis-pubsub', 'news', { topics: { news: {} }, consumers: { worker: { count: 1 } } }, more);
const pulsar = (more: Document): Document =>
  base(
    { kind: 'pulsar' },
    'jobs',
    {
      topics: { jobs: { subscriptions: ['worker'] } },
      producers: { maker: { batchingEnabled: false } },
      consumers: { worker: { subscriptionType: 'Key_Shared', negativeAckRedeliveryDelay: '1s' } },
    },
    more,
  );
const direct = (more: Document): Document => base('direct', 'work', {}, more);

const worksBefore: Document = { consumers: { worker: { settle: 'before-processing' } } };
/** The only worker dies of each poison message, and gets it again first. */
const killed: Document = {
  producers: { maker: { poison: '20%' } },
  consumers: { worker: { count: 1, 'on-poison': 'crash' } },
};
const crashesAtWork: readonly Document[] = [
  { when: 'begun', nth: 4, of: 'worker-1', crash: 'worker-1', restart: '3s' },
];
const leaderDies: readonly Document[] = [{ when: 'appended', nth: 6, crash: 'b1', restart: '30s' }];
/** The followers are far away, so the leader alone has what was written last. */
const farFollowers: Document = {
  producers: { maker: { acks: 1 } },
  network: { links: [{ from: 'b1', latency: '80ms..160ms' }] },
};
const onlyTheLeaderHasIt: readonly Document[] = [
  { at: '6s', crash: ['b2', 'b3'], restart: '24s' },
  { at: '22s', crash: 'b1', restart: '60s' },
];

const BREACHES: readonly Breach[] = [
  // SQS
  { claim: 'at-least-once', setting: 'settle: before-processing', system: sqs(worksBefore), timeline: crashesAtWork },
  { claim: 'exactly-once-effect', setting: 'effect: increment', system: sqs({}) },
  { claim: 'at-most-once', setting: 'settle: after-processing', system: sqs({}) },
  { claim: 'key-order', setting: 'SQS Standard keeps no order', system: sqs({}) },
  { claim: 'stale-ack-fencing', setting: 'SQS Standard', system: sqs({ consumers: { worker: { process: '6s' } } }) },
  { claim: 'zombie-overlap', setting: 'a lock or session', system: sqs({ consumers: { worker: { process: '6s' } } }) },
  {
    claim: 'exactly-once-effect',
    setting: 'a dedup memory that a crash forgets',
    system: sqs({ consumers: { worker: { dedup: { window: '10m' } } } }),
  },
  {
    claim: 'exactly-once-effect',
    setting: 'the window of dedup',
    system: sqs({ consumers: { worker: { dedup: { window: '2s', durable: true } } } }),
  },
  {
    claim: 'at-least-once',
    setting: 'on-failure: skip',
    system: sqs({ consumers: { worker: { fail: '20%', 'on-failure': 'skip' } } }),
  },
  {
    claim: 'poison-isolation',
    setting: 'no RedrivePolicy on jobs.fifo',
    system: fifo({ producers: { maker: { poison: '20%', attributes: { user: 1 } } } }),
  },
  { claim: 'key-order', setting: 'a retried send', system: fifo({ producers: { maker: { rate: '1/s' } } }) },
  {
    claim: 'key-order',
    setting: 'RedrivePolicy of jobs.fifo',
    system: fifo({
      queues: {
        'jobs.fifo': { RedrivePolicy: { deadLetterTargetArn: 'failed.fifo', maxReceiveCount: 1 } },
        'failed.fifo': {},
      },
      producers: { maker: { retries: 0, poison: '30%' } },
    }),
    timeline: [
      { at: '40s', fix: 'worker' },
      { at: '41s', redrive: 'failed.fifo' },
    ],
  },

  // A producer that writes to its own store, too
  {
    claim: 'atomic-publish-and-commit',
    setting: 'publish: after-effect (a dual write)',
    system: sqs({ producers: { maker: { effect: { insert: 'orders' } } } }),
  },
  {
    claim: 'atomic-publish-and-commit',
    setting: 'publish: before-effect (a dual write)',
    system: sqs({ producers: { maker: { effect: { insert: 'orders' }, publish: 'before-effect' } } }),
  },

  // RabbitMQ
  {
    claim: 'at-least-once',
    setting: 'settle: on-delivery',
    system: rabbitmq({ consumers: { worker: { settle: 'on-delivery' } } }),
    timeline: crashesAtWork,
  },
  {
    claim: 'confirmed-durable',
    setting: 'delivery_mode: 1',
    system: rabbitmq({ producers: { maker: { delivery_mode: 1 } } }),
  },
  {
    claim: 'confirmed-durable',
    setting: 'durable: false of jobs',
    system: rabbitmq({ queues: { jobs: { durable: false } } }),
  },
  {
    claim: 'at-most-once',
    setting: 'retries of the publisher',
    system: rabbitmq({ consumers: { worker: { settle: 'on-delivery' } } }),
  },
  {
    claim: 'key-order',
    setting: 'competing consumers keep no order',
    system: rabbitmq({ consumers: { worker: { prefetch: 5 } } }),
  },
  { claim: 'exactly-once-effect', setting: 'effect: increment', system: rabbitmq({}) },
  {
    claim: 'poison-isolation',
    setting: 'without a delivery limit on jobs',
    system: rabbitmq({ producers: { maker: { poison: '30%' } }, consumers: { worker: { count: 1 } } }),
  },

  // Kafka
  { claim: 'confirmed-durable', setting: 'acks: 1', system: kafka(farFollowers), timeline: leaderDies },
  { claim: 'at-least-once', setting: 'acks: 1', system: kafka(farFollowers), timeline: leaderDies },
  {
    claim: 'duplicate',
    setting: 'enable.idempotence: false',
    system: kafka({ producers: { maker: { 'enable.idempotence': false } } }),
  },
  {
    claim: 'commit-safety',
    setting: 'settle: before-processing',
    system: kafka({
      consumers: {
        worker: { settle: 'before-processing', 'enable.auto.commit': true, 'auto.commit.interval.ms': '100ms' },
      },
    }),
    timeline: crashesAtWork,
  },
  { claim: 'at-least-once', setting: 'settle: before-processing', system: kafka(worksBefore), timeline: crashesAtWork },
  { claim: 'at-most-once', setting: 'settle: after-processing', system: kafka({}) },
  { claim: 'exactly-once-effect', setting: 'effect: increment', system: kafka({}) },
  {
    claim: 'key-order',
    scope: 'user',
    setting: 'a producer without a key',
    system: kafka({ producers: { maker: { key: null } } }),
  },
  {
    claim: 'key-order',
    setting: 'concurrency: 3',
    system: kafka({ consumers: { worker: { concurrency: 3 } } }),
  },
  {
    claim: 'committed-survives',
    setting: 'unclean.leader.election.enable: true',
    system: kafka({
      topics: { jobs: { partitions: 1, 'unclean.leader.election.enable': true, 'min.insync.replicas': 1 } },
      producers: { maker: { rate: '1/s', messages: 25 } },
    }),
    timeline: onlyTheLeaderHasIt,
  },
  {
    claim: 'nonmonotonic-send',
    setting: 'enable.idempotence: false',
    system: kafka({ producers: { maker: { 'enable.idempotence': false, rate: '100/s' } } }),
  },

  // Google Pub/Sub
  {
    claim: 'at-least-once',
    setting: 'settle: before-processing',
    system: googlePubsub(worksBefore),
    timeline: crashesAtWork,
  },
  {
    claim: 'exactly-once-effect',
    setting: 'effect: increment',
    system: googlePubsub({
      queues: { jobs: { enable_exactly_once_delivery: true } },
      consumers: { worker: { stream_ack_deadline_seconds: '10s' } },
    }),
    timeline: [{ when: 'applied', nth: 4, pause: 'worker-1', for: '15s' }],
  },
  {
    claim: 'stale-ack-fencing',
    setting: 'enable_exactly_once_delivery: false of jobs',
    system: googlePubsub({
      queues: { jobs: { enable_message_ordering: false } },
      consumers: { worker: { process: '11s', max_lease_duration: '0s' } },
    }),
  },
  { claim: 'at-most-once', setting: 'settle: after-processing', system: googlePubsub({}) },
  {
    claim: 'key-order',
    setting: 'enable_message_ordering: false of the publisher',
    system: googlePubsub({ producers: { maker: { enable_message_ordering: false } } }),
  },
  {
    claim: 'key-order',
    setting: 'enable_message_ordering: false of jobs',
    system: googlePubsub({ queues: { jobs: { enable_message_ordering: false } } }),
  },
  {
    claim: 'key-order',
    setting: 'max_outstanding_messages: 1000',
    system: googlePubsub({ consumers: { worker: { fail: '20%' } } }),
  },
  {
    claim: 'poison-isolation',
    setting: 'no dead_letter_policy on jobs',
    system: googlePubsub({
      producers: { maker: { poison: '20%', attributes: { user: 1 } } },
      consumers: { worker: { max_outstanding_messages: 1 } },
    }),
  },

  // Redis Streams
  {
    claim: 'at-least-once',
    setting: 'settle: before-processing',
    system: redisStreams(worksBefore),
    timeline: crashesAtWork,
  },
  {
    claim: 'at-least-once',
    setting: 'on-failure: reject (without a dead-letter-stream',
    system: redisStreams({ consumers: { worker: { fail: '20%', 'on-failure': 'reject' } } }),
  },
  { claim: 'confirmed-durable', setting: 'appendonly: no', system: redisStreams({ broker: { appendonly: 'no' } }) },
  {
    claim: 'confirmed-durable',
    setting: 'appendfsync: everysec',
    system: redisStreams({ broker: { appendfsync: 'everysec' } }),
  },
  {
    claim: 'confirmed-durable',
    setting: 'replica-lag',
    system: redisStreams({ broker: { 'replica-lag': '300ms' } }),
  },
  {
    claim: 'at-most-once',
    setting: 'retries of the producer without IDMP',
    system: redisStreams({ consumers: { worker: { settle: 'on-delivery' } } }),
  },
  {
    claim: 'at-most-once',
    setting: 'settle: after-processing',
    system: redisStreams({ producers: { maker: { retries: 0 } } }),
  },
  { claim: 'exactly-once-effect', setting: 'effect: increment', system: redisStreams({}) },
  { claim: 'key-order', setting: 'a consumer group hands each entry to any', system: redisStreams({}) },
  {
    claim: 'stale-ack-fencing',
    setting: 'XACK takes an entry off the list',
    system: redisStreams({ consumers: { worker: { process: '4s' } } }),
  },
  {
    claim: 'poison-isolation',
    setting: 'no dead-letter-stream',
    system: redisStreams(killed),
  },

  // Redis Pub/Sub
  { claim: 'at-least-once', setting: 'Redis Pub/Sub stores nothing', system: redisPubSub({}) },
  { claim: 'confirmed-durable', setting: 'Redis Pub/Sub stores nothing', system: redisPubSub({}) },
  {
    claim: 'at-most-once',
    setting: 'retries of the publisher',
    system: redisPubSub({ producers: { maker: { retries: 2 } } }),
  },
  {
    claim: 'at-most-once',
    setting: 'patterns: who matches twice',
    system: redisPubSub({ consumers: { worker: { patterns: ['news', 'n*'] } } }),
  },
  {
    claim: 'key-order',
    setting: 'Redis Pub/Sub keeps the order of a connection',
    system: redisPubSub({ producers: { maker: { retries: 2 } } }),
  },

  // Pulsar
  {
    claim: 'at-least-once',
    setting: 'settle: before-processing',
    system: pulsar(worksBefore),
    timeline: crashesAtWork,
  },
  {
    claim: 'at-least-once',
    setting: 'cumulativeAck',
    system: pulsar({
      consumers: { worker: { subscriptionType: 'Failover', cumulativeAck: true, fail: '20%' } },
    }),
  },
  {
    claim: 'at-least-once',
    setting: 'persistent: false of jobs',
    system: pulsar({ topics: { jobs: { persistent: false } } }),
  },
  {
    claim: 'confirmed-durable',
    setting: 'managedLedgerDefaultAckQuorum: 1',
    system: pulsar({
      broker: { bookies: 3, managedLedgerDefaultAckQuorum: 1 },
      network: {
        links: [
          { from: 'b1', to: 'bookie-2', latency: '200ms..400ms' },
          { from: 'b1', to: 'bookie-3', latency: '200ms..400ms' },
        ],
      },
    }),
    timeline: [{ when: 'appended', nth: 6, crash: ['b1', 'bookie-1'], disk: 'lost', restart: '5s' }],
  },
  {
    claim: 'at-most-once',
    setting: 'deduplicationEnabled: false of jobs',
    system: pulsar({ consumers: { worker: { settle: 'on-delivery' } } }),
    // Stored, and its sender is not told.
    timeline: [{ at: '5s', lose: 'reply', from: 'b1', to: 'maker', for: '1s' }],
  },
  {
    claim: 'at-most-once',
    setting: 'settle: after-processing',
    system: pulsar({ topics: { jobs: { deduplicationEnabled: true } } }),
  },
  { claim: 'exactly-once-effect', setting: 'effect: increment', system: pulsar({}) },
  {
    claim: 'key-order',
    setting: 'subscriptionType: Shared',
    system: pulsar({ consumers: { worker: { subscriptionType: 'Shared' } } }),
  },
  {
    claim: 'key-order',
    setting: 'ackTimeout: what is asked for again',
    system: pulsar({ consumers: { worker: { ackTimeout: '1s' } } }),
  },
  {
    claim: 'key-order',
    setting: 'allowOutOfOrderDelivery: true',
    system: pulsar({ consumers: { worker: { allowOutOfOrderDelivery: true } } }),
    timeline: [{ at: '5500ms', stop: 'worker-2', for: '200ms' }],
  },
  {
    claim: 'key-order',
    setting: 'batchingEnabled: true without KEY_BASED',
    system: pulsar({ producers: { maker: { batchingEnabled: true, batchingMaxPublishDelay: '500ms' } } }),
  },
  {
    claim: 'key-order',
    setting: 'what follows a failed message goes on',
    system: pulsar({ producers: { maker: { poison: '30%' } } }),
    timeline: [{ at: '7s', fix: 'worker' }],
  },
  {
    claim: 'poison-isolation',
    setting: 'no deadLetterPolicy',
    system: pulsar(killed),
  },
  {
    claim: 'poison-isolation',
    setting: 'subscriptionType: Failover has no dead-letter policy',
    system: pulsar(merged(killed, { consumers: { worker: { subscriptionType: 'Failover' } } })),
  },

  // SNS
  {
    claim: 'at-most-once',
    setting: 'retries of SNS',
    system: sns({ consumers: { worker: { settle: 'before-processing' } } }),
    // The queue has the message, and its answer is lost: the topic sends it again.
    timeline: [{ at: '5s', lose: 'reply', from: 'work', to: 'news', for: '1s' }],
  },
  { claim: 'key-order', setting: 'SNS keeps order on the way from FIFO topics', system: sns({}) },
  { claim: 'exactly-once-effect', setting: 'effect: increment', system: sns({}) },

  // Direct call
  {
    claim: 'at-most-once',
    setting: 'retries of the caller',
    system: direct({ producers: { maker: { timeout: '300ms', retries: 3 } } }),
  },
];

it.each(BREACHES)('$claim can break, and $setting is blamed', (breach) => {
  expect(searched(breach)).toBe('found');
});

/** 'found', or what the search saw instead. */
function searched({ claim, scope = '', setting, system, timeline = [] }: Breach): string {
  const others = new Set<string>();
  const whole: Cast = {
    makers: ['maker'],
    workers: ['worker'],
    nodes: nodesOf(system),
    nodeSteps: ['appended', 'delivered', 'confirmed'],
  };
  const schedules = fc.sample(fc.record({ seed: fc.nat({ max: 9999 }), faults }), { numRuns: MOST_RUNS, seed: 5 });
  for (const { seed, faults } of schedules) {
    const lines = [...timeline, ...faults.map((fault) => lineOf(fault, whole))];
    const found = blamed(yamlOf({ ...system, seed, ...(lines.length > 0 ? { timeline: lines } : {}) }), claim, scope);
    if (found.includes(setting)) return 'found';
    if (found !== '') others.add(found);
  }
  return `not found in ${MOST_RUNS} runs; blamed instead: ${[...others].join('; ') || 'nothing'}`;
}

/** The processes of the brokers, by the names that they have in a scenario. */
function nodesOf({ broker, brokers }: Document): readonly string[] {
  if (typeof brokers === 'object' && brokers !== null) return Object.keys(brokers);
  if (typeof broker === 'string') return broker === 'direct' ? [] : [broker];
  const { kind, nodes, bookies } = broker as Document;
  if (kind !== 'kafka' && kind !== 'pulsar') return [String(kind)];
  return [...numbered('b', Number(nodes ?? 1)), ...numbered('bookie-', Number(bookies ?? 0))];
}

function numbered(name: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `${name}${i + 1}`);
}
