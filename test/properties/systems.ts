/**
 * One system of each broker, small and promising as much as it can, to lay a patch over: what promises less (breaches.ts) and what carries a planted bug
 * (mutants.ts). Each has a producer `maker` of twelve messages with keys and workers `worker` that insert into a store, for 150 s.
 */
import { type Document, merged } from './document.ts';

const maker: Document = { rate: '10/s', messages: 12, start: '5s', key: 'user', attributes: { user: 2 } };
const worker: Document = { process: '100ms..400ms', effect: { insert: 'results' }, count: 2 };
/** What is done twice shows. */
export const counting: Document = { consumers: { worker: { effect: { insert: null, increment: 'results' } } } };

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
export const sqs = (more: Document): Document =>
  base('sqs', 'jobs', { queues: { jobs: { VisibilityTimeout: '5s' } } }, more);
export const fifo = (more: Document): Document =>
  base('sqs', 'jobs.fifo', { queues: { 'jobs.fifo': { VisibilityTimeout: '5s' } } }, more);
export const rabbitmq = (more: Document): Document =>
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
export const kafka = (more: Document): Document =>
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
export const sns = (more: Document): Document =>
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
export const googlePubsub = (more: Document): Document =>
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
export const redisStreams = (more: Document): Document =>
  base(
    { kind: 'redis-streams', appendonly: 'yes', appendfsync: 'always' },
    'jobs',
    { topics: { jobs: {} }, consumers: { worker: { 'min-idle-time': '3s', 'claim-interval': '1s' } } },
    more,
  );
export const redisPubSub = (more: Document): Document =>
  base('redis-pubsub', 'news', { topics: { news: {} }, consumers: { worker: { count: 1 } } }, more);
export const pulsar = (more: Document): Document =>
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
export const direct = (more: Document): Document => base('direct', 'work', {}, more);

export const cluster = (more: Document): Document =>
  rabbitmq(merged({ broker: { nodes: 3 }, queues: { jobs: { 'x-queue-type': 'quorum' } } }, more));
/** A quorum queue that confirms its dead letters. */
export const buried = (more: Document): Document =>
  cluster(
    merged(
      {
        queues: {
          jobs: {
            'x-dead-letter-exchange': '',
            'x-dead-letter-routing-key': 'failed',
            'x-dead-letter-strategy': 'at-least-once',
            'x-overflow': 'reject-publish',
            'x-delivery-limit': 2,
          },
          failed: { 'x-queue-type': 'quorum' },
        },
      },
      more,
    ),
  );
export const stream = (more: Document): Document =>
  rabbitmq(
    merged(
      {
        queues: { jobs: { 'x-queue-type': 'stream' } },
        consumers: { worker: { count: 1, prefetch: 1, 'x-stream-offset': 'first' } },
      },
      more,
    ),
  );
export const shareGroup = (more: Document): Document =>
  kafka(
    merged(
      {
        consumers: {
          worker: {
            'enable.auto.commit': null,
            'auto.offset.reset': null,
            'session.timeout.ms': null,
            'group.type': 'share',
            'share.auto.offset.reset': 'earliest',
            'share.acknowledgement.mode': 'explicit',
          },
        },
      },
      more,
    ),
  );
/** Every third message fails, and goes to a dead-letter topic after its second redelivery. */
export const dying = (more: Document): Document =>
  pulsar(
    merged(
      {
        producers: { maker: { poison: '40%' } },
        consumers: {
          worker: {
            subscriptionType: 'Shared',
            deadLetterPolicy: { maxRedeliverCount: 2, initialSubscriptionName: 'graves' },
          },
        },
      },
      more,
    ),
  );
export const snsFifo = (more: Document): Document =>
  sns(
    merged(
      {
        topics: { events: null, 'events.fifo': { broker: 'news', subscriptions: { 'jobs.fifo': {} } } },
        queues: { jobs: null, 'jobs.fifo': { broker: 'work', VisibilityTimeout: '5s' } },
        producers: { maker: { to: 'events.fifo' } },
        consumers: { worker: { from: 'jobs.fifo' } },
      },
      more,
    ),
  );

export const worksBefore: Document = { consumers: { worker: { settle: 'before-processing' } } };
/** The only worker dies of each poison message, and gets it again first. */
export const killed: Document = {
  producers: { maker: { poison: '20%' } },
  consumers: { worker: { count: 1, 'on-poison': 'crash' } },
};
export const crashesAtWork: readonly Document[] = [
  { when: 'begun', nth: 4, of: 'worker-1', crash: 'worker-1', restart: '3s' },
];
export const leaderDies: readonly Document[] = [{ when: 'appended', nth: 6, crash: 'b1', restart: '30s' }];
/** The followers are far away, so the leader alone has what was written last. */
export const farFollowers: Document = {
  producers: { maker: { acks: 1 } },
  network: { links: [{ from: 'b1', latency: '80ms..160ms' }] },
};
export const onlyTheLeaderHasIt: readonly Document[] = [
  { at: '6s', crash: ['b2', 'b3'], restart: '24s' },
  { at: '22s', crash: 'b1', restart: '60s' },
];
