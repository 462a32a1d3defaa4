/** Systems that promise less, each with the faults that lead to a breach: for every setting that `permits` can answer a line, or the reason why there is none. */
import type { ClaimName } from '../../sim/checks/names.ts';
import { type Document, merged } from './document.ts';
import {
  buried,
  cluster,
  counting,
  crashesAtWork,
  direct,
  dying,
  farFollowers,
  fifo,
  googlePubsub,
  kafka,
  killed,
  leaderDies,
  onlyTheLeaderHasIt,
  pulsar,
  rabbitmq,
  redisPubSub,
  redisStreams,
  shareGroup,
  sns,
  snsFifo,
  sqs,
  stream,
  worksBefore,
} from './systems.ts';

export interface Breach {
  /** Each of them is looked for with this system. */
  readonly claims: readonly ClaimName[];
  /** What the claim is limited to; everything when absent. */
  readonly scope?: string;
  /** What the verdict blames. */
  readonly setting: string;
  readonly system: Document;
  /** Faults that lead towards the breach, beside those drawn. */
  readonly timeline?: readonly Document[];
}

/** What falls when something that was stored is lost. */
const LOST: readonly ClaimName[] = ['confirmed-durable', 'at-least-once', 'exactly-once-effect'];
/** And what readers of a log see of it. */
const LOST_LOG: readonly ClaimName[] = [...LOST, 'inconsistent-offsets', 'lost-write', 'unseen'];
/** And what readers see of it where entries are handed out one by one. */
const LOST_TOPIC: readonly ClaimName[] = [...LOST, 'lost-write', 'unseen'];
/** What falls when something is settled without an effect. */
const UNDONE: readonly ClaimName[] = ['at-least-once', 'exactly-once-effect'];
/** And where settling is the commit of an offset. */
const UNDONE_LOG: readonly ClaimName[] = [...UNDONE, 'commit-safety'];

export const BREACHES: readonly Breach[] = [
  // SQS
  { claims: UNDONE, setting: 'settle: before-processing', system: sqs(worksBefore), timeline: crashesAtWork },
  { claims: ['exactly-once-effect'], setting: 'effect: increment', system: sqs(counting) },
  { claims: ['at-most-once'], setting: 'settle: after-processing', system: sqs({}) },
  { claims: ['key-order'], setting: 'SQS Standard keeps no order', system: sqs({}) },
  { claims: ['stale-ack-fencing'], setting: 'SQS Standard', system: sqs({ consumers: { worker: { process: '6s' } } }) },
  {
    claims: ['zombie-overlap'],
    setting: 'a lock or session',
    system: sqs({ consumers: { worker: { process: '6s' } } }),
  },
  {
    claims: ['exactly-once-effect'],
    setting: 'a dedup memory that a crash forgets',
    system: sqs({
      consumers: { worker: { effect: { insert: null, increment: 'results' }, dedup: { window: '10m' } } },
    }),
  },
  {
    claims: ['exactly-once-effect'],
    setting: 'the window of dedup',
    system: sqs({
      consumers: { worker: { effect: { insert: null, increment: 'results' }, dedup: { window: '2s', durable: true } } },
    }),
  },
  {
    claims: UNDONE,
    setting: 'on-failure: skip',
    system: sqs({ consumers: { worker: { fail: '20%', 'on-failure': 'skip' } } }),
  },
  {
    claims: ['poison-isolation'],
    setting: 'no RedrivePolicy on jobs.fifo',
    system: fifo({ producers: { maker: { poison: '20%', attributes: { user: 1 } } } }),
  },
  { claims: ['key-order'], setting: 'a retried send', system: fifo({ producers: { maker: { rate: '1/s' } } }) },
  {
    claims: ['key-order'],
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
  {
    claims: ['key-order'],
    setting: '(a write that fails is tried after later ones)',
    system: fifo({ producers: { maker: { retries: 0 } }, consumers: { worker: { prefetch: 10, fail: '20%' } } }),
  },
  {
    claims: ['key-order'],
    setting: 'on-failure: leave',
    system: fifo({
      producers: { maker: { retries: 0 } },
      consumers: { worker: { prefetch: 10, fail: '20%', effect: null } },
    }),
  },
  {
    claims: UNDONE,
    setting: 'shed',
    system: sqs({ consumers: { worker: { shed: { 'older-than': '500ms' } } } }),
  },
  {
    claims: UNDONE,
    setting: 'produces, on: failed',
    system: sqs({
      queues: { failures: {} },
      consumers: {
        worker: { fail: '30%', produces: [{ to: 'failures', on: 'failed', publish: 'after-settling' }] },
      },
    }),
  },
  {
    claims: ['at-most-once'],
    setting: 'retries of the producer: SQS Standard',
    system: sqs({
      producers: { maker: { 'request-timeout': '1s' } },
      consumers: { worker: { settle: 'before-processing' } },
    }),
    timeline: [{ at: '5s', lose: 'reply', from: 'sqs', to: 'maker', for: '3s' }],
  },
  {
    claims: ['at-most-once'],
    setting: 'settle: before-processing (a message whose ack is lost',
    system: sqs({ producers: { maker: { retries: 0 } }, consumers: { worker: { settle: 'before-processing' } } }),
    timeline: [{ at: '5s', lose: 'ack', for: '1s' }],
  },
  {
    claims: ['poison-isolation'],
    setting: 'on-poison: hang',
    system: sqs({
      queues: {
        jobs: { RedrivePolicy: { deadLetterTargetArn: 'failed', maxReceiveCount: 1000 } },
        failed: {},
      },
      producers: { maker: { poison: '30%' } },
      consumers: { worker: { count: 1, 'on-poison': 'hang' } },
    }),
  },
  {
    claims: ['progress', 'drained'],
    setting: 'no setting bounds the load or mends what is broken',
    system: sqs({ producers: { maker: { poison: '100%' } } }),
  },
  {
    claims: ['bounded-redelivery'],
    setting: 'no setting makes work that fails for ever succeed',
    system: sqs({ producers: { maker: { poison: '100%' } } }),
  },

  // A producer that writes to its own store, too
  {
    claims: ['atomic-publish-and-commit'],
    setting: 'publish: after-effect (a dual write)',
    system: sqs({ producers: { maker: { effect: { insert: 'orders' } } } }),
  },
  {
    claims: ['atomic-publish-and-commit'],
    setting: 'publish: before-effect (a dual write)',
    system: sqs({ producers: { maker: { effect: { insert: 'orders' }, publish: 'before-effect' } } }),
  },

  // RabbitMQ
  {
    claims: UNDONE,
    setting: 'settle: on-delivery',
    system: rabbitmq({ consumers: { worker: { settle: 'on-delivery' } } }),
    timeline: crashesAtWork,
  },
  {
    claims: LOST,
    setting: 'delivery_mode: 1',
    system: rabbitmq({ producers: { maker: { delivery_mode: 1 } } }),
  },
  {
    claims: LOST,
    setting: 'durable: false of jobs',
    system: rabbitmq({ queues: { jobs: { durable: false } } }),
  },
  {
    claims: ['at-most-once'],
    setting: 'retries of the publisher',
    system: rabbitmq({ consumers: { worker: { settle: 'on-delivery' } } }),
  },
  {
    claims: ['key-order'],
    setting: 'competing consumers keep no order',
    system: rabbitmq({ consumers: { worker: { prefetch: 5 } } }),
  },
  { claims: ['exactly-once-effect'], setting: 'effect: increment', system: rabbitmq(counting) },
  {
    claims: ['confirmed-durable'],
    setting: 'x-dead-letter-exchange moves a message without confirms',
    system: rabbitmq({
      queues: {
        jobs: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'failed' },
        failed: {},
      },
      producers: { maker: { poison: '50%' } },
      consumers: { worker: { 'on-failure': 'reject' } },
    }),
    timeline: [{ when: 'dead-lettered', nth: 2, crash: 'rabbitmq', restart: '3s' }],
  },
  {
    claims: LOST,
    setting: 'x-dead-letter-exchange moves a message without confirms',
    system: cluster({
      broker: { flush: '50ms' },
      queues: {
        jobs: { 'x-max-length': 1, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'failed' },
        failed: {},
      },
      consumers: { worker: { prefetch: 1 } },
    }),
    timeline: [{ when: 'appended', nth: 6, crash: 'b1', restart: '3s' }],
  },
  {
    claims: ['poison-isolation'],
    setting: 'without a delivery limit on jobs',
    system: rabbitmq({ producers: { maker: { poison: '30%' } }, consumers: { worker: { count: 1 } } }),
  },
  {
    claims: ['at-most-once'],
    setting: 'x-dead-letter-strategy: at-least-once',
    system: buried({
      queues: { jobs: { 'x-message-ttl': '300ms' } },
      producers: { maker: { retries: 0 } },
      consumers: { worker: { from: 'failed', settle: 'on-delivery' } },
    }),
    timeline: [{ when: 'dead-lettered', nth: 1, crash: 'b1', restart: '5s' }],
  },
  {
    claims: ['delivery-bound'],
    setting: 'x-dead-letter-strategy: at-least-once',
    system: buried({ producers: { maker: { poison: '50%' } } }),
    timeline: [{ when: 'dead-lettered', nth: 1, crash: 'b1', restart: '5s' }],
  },
  {
    // A stream keeps both copies.
    claims: ['duplicate'],
    setting: 'x-dead-letter-strategy: at-least-once',
    system: buried({
      queues: { jobs: { 'x-message-ttl': '300ms' }, failed: { 'x-queue-type': 'stream' } },
      producers: { maker: { retries: 0 } },
      consumers: { worker: { from: 'failed', 'x-stream-offset': 'first' } },
    }),
    timeline: [{ when: 'dead-lettered', nth: 1, crash: 'b1', restart: '5s' }],
  },
  {
    claims: ['poison-isolation'],
    setting: 'on-failure: leave (nothing ends a delivery by time)',
    system: rabbitmq({
      producers: { maker: { poison: '30%' } },
      consumers: { worker: { count: 1, 'on-failure': 'leave', prefetch: 1 } },
    }),
  },
  {
    claims: ['poison-isolation'],
    setting: '(from 4.3 a nack is no failed delivery)',
    system: rabbitmq({
      broker: { version: '4.3' },
      queues: { jobs: { 'x-queue-type': 'quorum' } },
      producers: { maker: { poison: '30%' } },
      consumers: { worker: { count: 1 } },
    }),
  },

  // A cluster of RabbitMQ
  {
    claims: ['at-most-once'],
    setting: 'retries of the publisher',
    system: cluster({ consumers: { worker: { settle: 'on-delivery' } } }),
  },
  {
    claims: ['key-order'],
    setting: 'competing consumers keep no order',
    system: cluster({ consumers: { worker: { prefetch: 5 } } }),
    timeline: leaderDies,
  },

  // Streams of RabbitMQ
  {
    claims: ['duplicate', 'nonmonotonic-send'],
    setting: 'retries of the publisher',
    system: stream({ consumers: { worker: { settle: 'on-delivery' } } }),
    timeline: [{ at: '5s', lose: 'reply', from: 'rabbitmq', to: 'maker', for: '1s' }],
  },
  {
    claims: ['nonmonotonic-send'],
    setting: 'order is per channel',
    system: stream({
      broker: { nodes: 3, heartbeat: '10s' },
      producers: { maker: { rate: '2/s', messages: 60, retries: 0, network_recovery_interval: '1s' } },
    }),
    timeline: [{ at: '5100ms', pause: 'b1', for: '11s' }],
  },
  {
    claims: [...UNDONE_LOG, 'lost-write', 'unseen'],
    setting: 'x-stream-offset: next',
    system: stream({
      consumers: { worker: { 'x-stream-offset': 'next', 'offset-tracking': 'stored', 'on-failure': 'leave' } },
    }),
    timeline: [{ when: 'begun', nth: 1, crash: 'worker', restart: '200ms' }],
  },
  {
    claims: UNDONE_LOG,
    setting: '(a stream hands out nothing again)',
    system: stream({ consumers: { worker: { fail: '20%', 'offset-tracking': 'stored' } } }),
  },

  // Kafka
  { claims: LOST_LOG, setting: 'acks: 1', system: kafka(farFollowers), timeline: leaderDies },
  {
    claims: ['duplicate', 'idempotent-produce'],
    setting: 'enable.idempotence: false',
    system: kafka({ producers: { maker: { 'enable.idempotence': false } } }),
  },
  {
    claims: ['commit-safety'],
    setting: 'settle: before-processing',
    system: kafka({
      consumers: {
        worker: { settle: 'before-processing', 'enable.auto.commit': true, 'auto.commit.interval.ms': '100ms' },
      },
    }),
    timeline: crashesAtWork,
  },
  { claims: UNDONE, setting: 'settle: before-processing', system: kafka(worksBefore), timeline: crashesAtWork },
  { claims: ['at-most-once'], setting: 'settle: after-processing', system: kafka({}) },
  { claims: ['exactly-once-effect'], setting: 'effect: increment', system: kafka(counting) },
  {
    claims: ['key-order'],
    scope: 'user',
    setting: 'a producer without a key',
    system: kafka({ producers: { maker: { key: null } } }),
  },
  {
    claims: ['key-order'],
    setting: 'concurrency: 3',
    system: kafka({ consumers: { worker: { concurrency: 3 } } }),
  },
  {
    claims: [...LOST_LOG, 'committed-survives'],
    setting: 'unclean.leader.election.enable: true',
    system: kafka({
      topics: { jobs: { partitions: 1, 'unclean.leader.election.enable': true, 'min.insync.replicas': 1 } },
      producers: { maker: { rate: '1/s', messages: 25 } },
    }),
    timeline: onlyTheLeaderHasIt,
  },
  {
    claims: ['nonmonotonic-send'],
    setting: 'enable.idempotence: false',
    system: kafka({ producers: { maker: { 'enable.idempotence': false, rate: '100/s' } } }),
  },
  {
    claims: ['commit-safety', ...UNDONE],
    setting: 'on-failure: reject',
    system: kafka({ consumers: { worker: { fail: '20%', 'on-failure': 'reject' } } }),
  },
  {
    claims: ['commit-safety'],
    setting: 'on-failure: skip',
    system: kafka({ consumers: { worker: { fail: '20%', 'on-failure': 'skip' } } }),
  },
  {
    claims: ['commit-safety'],
    setting: 'shed',
    system: kafka({ consumers: { worker: { shed: { 'older-than': '500ms' } } } }),
  },
  {
    claims: ['commit-safety'],
    setting: 'produces, on: failed',
    system: kafka({
      topics: { failures: { partitions: 1, 'replication.factor': 3, 'min.insync.replicas': 2 } },
      consumers: { worker: { fail: '30%', produces: [{ to: 'failures', on: 'failed', publish: 'after-settling' }] } },
    }),
  },
  {
    claims: [...LOST_LOG, 'committed-survives'],
    setting: 'replication.factor: 1',
    system: kafka({
      topics: { jobs: { 'replication.factor': 1, partitions: 1, 'min.insync.replicas': 1 } },
      producers: { maker: { rate: '2/s' } },
    }),
    timeline: [{ at: '8s', crash: 'b1', disk: 'lost', restart: '2s' }],
  },
  {
    claims: [...LOST_LOG, 'committed-survives'],
    setting: 'min.insync.replicas: 1',
    system: kafka({
      topics: { jobs: { 'min.insync.replicas': 1, partitions: 1 } },
      producers: { maker: { rate: '1/s', messages: 30 } },
    }),
    timeline: [
      { at: '6s', crash: ['b2', 'b3'], restart: '40s' },
      { at: '24s', crash: 'b1', disk: 'lost', restart: '3s' },
    ],
  },
  {
    claims: [...UNDONE_LOG, 'lost-write', 'unseen'],
    setting: 'auto.offset.reset: latest',
    system: kafka({
      topics: { jobs: { partitions: 1 } },
      producers: { maker: { rate: '2/s', messages: 30 } },
      consumers: { worker: { count: 1, 'auto.offset.reset': 'latest' } },
    }),
    timeline: [{ when: 'begun', nth: 1, crash: 'worker', restart: '3s' }],
  },
  {
    claims: ['partition-order'],
    setting: 'auto.offset.reset: latest',
    system: kafka({
      topics: { jobs: { partitions: 1 } },
      producers: { maker: { rate: '2/s', messages: 8 } },
      consumers: { worker: { count: 2, 'auto.offset.reset': 'latest', 'session.timeout.ms': '6s' } },
      network: { latency: '10ms..300ms' },
    }),
    timeline: [
      { when: 'received', nth: 1, split: [['worker-1'], ['maker', 'worker-2', 'b1', 'b2', 'b3']], heal: '12s' },
    ],
  },
  {
    claims: ['at-most-once'],
    setting: 'retries without enable.idempotence',
    system: kafka({
      producers: { maker: { 'enable.idempotence': false } },
      consumers: { worker: { settle: 'before-processing' } },
    }),
    timeline: [{ at: '5s', lose: 'reply', to: 'maker', for: '3s' }],
  },
  {
    claims: ['key-order'],
    scope: 'user',
    setting: 'partitioner: round-robin',
    system: kafka({ producers: { maker: { partitioner: 'round-robin' } } }),
  },
  {
    claims: ['key-order'],
    scope: 'user',
    setting: 'set: topics.jobs.partitions',
    system: kafka({
      producers: { maker: { 'metadata.max.age.ms': '5s', rate: '5/s' } },
      consumers: { worker: { 'metadata.max.age.ms': '5s', process: '2s' } },
    }),
    timeline: [{ at: '5s', set: { 'topics.jobs.partitions': 5 } }],
  },
  {
    claims: ['key-order'],
    setting: 'max.in.flight.requests.per.connection above 1',
    system: kafka({ producers: { maker: { 'enable.idempotence': false, rate: '100/s' } } }),
  },
  {
    claims: ['key-order'],
    setting: 'settle: before-processing',
    system: kafka(worksBefore),
    timeline: [{ when: 'begun', nth: 4, pause: 'worker-1', for: '15s' }],
  },
  {
    claims: ['poison-isolation'],
    setting: '(a log has no dead-letter queue of its own)',
    system: kafka({ producers: { maker: { poison: '20%' } }, consumers: { worker: { 'max.poll.records': 1 } } }),
  },
  {
    claims: ['g0'],
    setting: 'Kafka’s transactions take no locks',
    system: kafka({
      producers: {
        maker: {
          count: 2,
          'transactional.id': 'shop',
          'transaction.size': 3,
          'transaction.timeout.ms': '10s',
          messages: 30,
        },
      },
    }),
  },
  {
    claims: ['g1c'],
    setting: 'isolation.level: read_uncommitted',
    // The maker writes to both topics in one transaction; what is forwarded of its first half stands before its second.
    system: kafka({
      topics: { jobs: { partitions: 1 }, done: { partitions: 1, 'replication.factor': 3, 'min.insync.replicas': 2 } },
      producers: {
        maker: {
          to: ['jobs', 'done'],
          start: '12s',
          messages: 24,
          'transactional.id': 'shop',
          'transaction.size': 12,
        },
      },
      consumers: {
        worker: {
          count: 1,
          process: '10ms',
          effect: null,
          'forward.to': 'done',
          'isolation.level': 'read_uncommitted',
          'transaction.timeout.ms': '10s',
        },
      },
    }),
  },
  {
    claims: ['atomic-publish-and-commit'],
    setting: 'offsets.retention.minutes: a group that is away',
    system: kafka({
      broker: { 'offsets.retention.minutes': '1min', 'offsets.retention.check.interval.ms': '10s' },
      topics: { done: { partitions: 1 } },
      consumers: { worker: { count: 1, 'forward.to': 'done', effect: null, 'transaction.timeout.ms': '10s' } },
    }),
    timeline: [{ at: '20s', stop: 'worker', for: '80s' }],
  },
  {
    claims: ['rebalance-settles'],
    setting: 'max.poll.interval.ms',
    system: kafka({
      consumers: { worker: { process: '9s', 'max.poll.interval.ms': '7s', 'max.poll.records': 1 } },
    }),
  },

  // Share groups of Kafka
  {
    claims: UNDONE,
    setting: 'share.acknowledgement.mode: implicit',
    system: shareGroup({ consumers: { worker: { fail: '30%', 'share.acknowledgement.mode': 'implicit' } } }),
  },
  { claims: ['key-order'], setting: 'group.type: share keeps no order', system: shareGroup({}) },
  { claims: ['at-most-once'], setting: 'settle: after-processing', system: shareGroup({}) },
  {
    claims: ['zombie-overlap'],
    setting: 'a lock or session',
    system: shareGroup({
      broker: { 'group.share.record.lock.duration.ms': '15s' },
      consumers: { worker: { process: '16s' } },
    }),
  },

  // Google Pub/Sub
  {
    claims: UNDONE,
    setting: 'settle: before-processing',
    system: googlePubsub(worksBefore),
    timeline: crashesAtWork,
  },
  {
    claims: ['exactly-once-effect'],
    setting: 'effect: increment',
    system: googlePubsub({
      queues: { jobs: { enable_exactly_once_delivery: true } },
      consumers: { worker: { effect: { insert: null, increment: 'results' }, stream_ack_deadline_seconds: '10s' } },
    }),
    timeline: [{ when: 'applied', nth: 4, pause: 'worker-1', for: '15s' }],
  },
  {
    claims: ['stale-ack-fencing'],
    setting: 'enable_exactly_once_delivery: false of jobs',
    system: googlePubsub({
      queues: { jobs: { enable_message_ordering: false } },
      consumers: { worker: { process: '11s', max_lease_duration: '0s' } },
    }),
  },
  { claims: ['at-most-once'], setting: 'settle: after-processing', system: googlePubsub({}) },
  {
    claims: ['key-order'],
    setting: 'enable_message_ordering: false of the publisher',
    system: googlePubsub({ producers: { maker: { enable_message_ordering: false } } }),
  },
  {
    claims: ['key-order'],
    setting: 'enable_message_ordering: false of jobs',
    system: googlePubsub({ queues: { jobs: { enable_message_ordering: false } } }),
  },
  {
    claims: ['key-order'],
    setting: 'max_outstanding_messages: 1000',
    system: googlePubsub({ consumers: { worker: { fail: '20%' } } }),
  },
  {
    claims: ['key-order'],
    setting: 'max_messages: ',
    // They come faster than they are worked on, so that one answer holds several of a key.
    system: googlePubsub({
      producers: { maker: { rate: '100/s' } },
      consumers: { worker: { count: 1, method: 'pull', concurrency: 3, fail: '40%' } },
    }),
  },
  {
    claims: ['poison-isolation'],
    setting: 'no dead_letter_policy on jobs',
    system: googlePubsub({
      producers: { maker: { poison: '20%', attributes: { user: 1 } } },
      consumers: { worker: { max_outstanding_messages: 1 } },
    }),
  },
  {
    claims: ['at-most-once'],
    setting: 'retries of the publisher: each has',
    system: googlePubsub({
      queues: { jobs: { enable_exactly_once_delivery: true } },
      consumers: { worker: { settle: 'before-processing' } },
    }),
    timeline: [{ at: '5s', lose: 'reply', from: 'google-pubsub', to: 'maker', for: '3s' }],
  },
  {
    claims: ['key-order'],
    setting: 'resume_publish',
    system: googlePubsub({ producers: { maker: { messages: 40, resume_publish: '500ms', 'total-timeout': '1s' } } }),
    timeline: [{ at: '5300ms', lose: 'request', from: 'maker', for: '1500ms' }],
  },
  {
    claims: ['key-order'],
    setting: 'dead_letter_policy of jobs',
    system: googlePubsub({
      topics: { failed: {} },
      queues: {
        jobs: { dead_letter_policy: { dead_letter_topic: 'failed', max_delivery_attempts: 5 } },
        graves: { topic: 'failed' },
      },
      producers: { maker: { poison: '40%' } },
    }),
    timeline: [{ at: '20s', fix: 'worker' }],
  },
  {
    claims: ['poison-isolation'],
    setting: 'on-failure: leave (the client extends',
    system: googlePubsub({
      producers: { maker: { poison: '20%', attributes: { user: 1 } } },
      consumers: { worker: { 'on-failure': 'leave', max_outstanding_messages: 1 } },
    }),
  },

  // Redis Streams
  {
    claims: UNDONE,
    setting: 'settle: before-processing',
    system: redisStreams(worksBefore),
    timeline: crashesAtWork,
  },
  {
    claims: UNDONE,
    setting: 'on-failure: reject (without a dead-letter-stream',
    system: redisStreams({ consumers: { worker: { fail: '20%', 'on-failure': 'reject' } } }),
  },
  { claims: LOST_TOPIC, setting: 'appendonly: no', system: redisStreams({ broker: { appendonly: 'no' } }) },
  {
    claims: LOST_TOPIC,
    setting: 'appendfsync: everysec',
    system: redisStreams({ broker: { appendfsync: 'everysec' } }),
  },
  {
    claims: LOST_TOPIC,
    setting: 'replica-lag',
    system: redisStreams({ broker: { 'replica-lag': '300ms' } }),
  },
  {
    claims: ['at-most-once'],
    setting: 'retries of the producer without IDMP',
    system: redisStreams({ consumers: { worker: { settle: 'on-delivery' } } }),
  },
  {
    claims: ['at-most-once'],
    setting: 'settle: after-processing',
    system: redisStreams({ producers: { maker: { retries: 0 } } }),
  },
  { claims: ['exactly-once-effect'], setting: 'effect: increment', system: redisStreams(counting) },
  { claims: ['key-order'], setting: 'a consumer group hands each entry to any', system: redisStreams({}) },
  {
    claims: ['stale-ack-fencing'],
    setting: 'XACK takes an entry off the list',
    system: redisStreams({ consumers: { worker: { process: '4s' } } }),
  },
  {
    claims: ['poison-isolation'],
    setting: 'no dead-letter-stream',
    system: redisStreams(killed),
  },
  {
    claims: ['at-most-once'],
    setting: 'stream-idmp-maxsize and stream-idmp-duration',
    system: redisStreams({
      broker: { 'stream-idmp-duration': '1s' },
      producers: { maker: { IDMP: true } },
      consumers: { worker: { settle: 'on-delivery' } },
    }),
  },
  ...['replica-lag', 'appendfsync'].map(
    (option): Breach => ({
      claims: ['delivery-bound'],
      setting: option,
      system: redisStreams({
        broker: option === 'replica-lag' ? { [option]: '2s' } : { [option]: 'everysec' },
        topics: { failed: {} },
        producers: { maker: { poison: '50%' } },
        consumers: { worker: { 'dead-letter-stream': 'failed', 'max-deliveries': 2 } },
      }),
      timeline: [{ when: 'dead-lettered', nth: 2, crash: 'redis-streams', restart: '100ms' }],
    }),
  ),
  ...['replica-lag', 'appendfsync'].map(
    (option): Breach => ({
      claims: ['at-most-once'],
      setting: option,
      system: redisStreams({
        broker: option === 'replica-lag' ? { [option]: '2s' } : { [option]: 'everysec' },
        producers: { maker: { retries: 0 } },
        consumers: { worker: { settle: 'on-delivery' } },
      }),
      timeline: [{ when: 'received', nth: 4, crash: 'redis-streams', restart: '100ms' }],
    }),
  ),

  {
    claims: ['at-most-once'],
    setting: 'appendonly: no',
    // A snapshot brings back where the group stood ten seconds ago.
    system: redisStreams({
      broker: { appendonly: null, appendfsync: null, save: '10 1' },
      producers: { maker: { rate: '2/s', retries: 0 } },
      consumers: { worker: { settle: 'on-delivery', prefetch: 3 } },
    }),
    timeline: [{ at: '10600ms', crash: 'redis-streams', restart: '100ms' }],
  },
  {
    claims: ['delivery-bound'],
    setting: 'appendonly: no',
    system: redisStreams({
      broker: { appendonly: null, appendfsync: null, save: '10 1' },
      topics: { failed: {} },
      producers: { maker: { poison: '50%' } },
      consumers: { worker: { 'dead-letter-stream': 'failed', 'max-deliveries': 2 } },
    }),
    timeline: [
      { at: '10600ms', crash: 'redis-streams', restart: '100ms' },
      { at: '16s', crash: 'redis-streams', restart: '100ms' },
    ],
  },
  {
    claims: ['duplicate'],
    setting: 'retries of the producer without IDMP',
    system: redisStreams({}),
    timeline: [{ at: '5s', lose: 'reply', to: 'maker', for: '1s' }],
  },
  {
    claims: ['duplicate'],
    setting: 'stream-idmp-maxsize and stream-idmp-duration',
    system: redisStreams({
      broker: { 'stream-idmp-duration': '1s' },
      producers: { maker: { IDMP: true, 'request-timeout': '2s' } },
    }),
    timeline: [{ at: '5s', lose: 'reply', to: 'maker', for: '1s' }],
  },

  // Redis Pub/Sub
  { claims: LOST, setting: 'Redis Pub/Sub stores nothing', system: redisPubSub({}) },
  {
    claims: ['at-most-once'],
    setting: 'retries of the publisher',
    system: redisPubSub({ producers: { maker: { retries: 2 } } }),
  },
  {
    claims: ['at-most-once'],
    setting: 'patterns: who matches twice',
    system: redisPubSub({ consumers: { worker: { patterns: ['news', 'n*'] } } }),
  },
  {
    claims: ['key-order'],
    setting: 'Redis Pub/Sub keeps the order of a connection',
    system: redisPubSub({ producers: { maker: { retries: 2 } } }),
  },

  // Pulsar
  {
    claims: UNDONE,
    setting: 'settle: before-processing',
    system: pulsar(worksBefore),
    timeline: crashesAtWork,
  },
  {
    claims: UNDONE,
    setting: 'cumulativeAck',
    system: pulsar({
      consumers: { worker: { subscriptionType: 'Failover', cumulativeAck: true, fail: '20%' } },
    }),
  },
  {
    claims: LOST_TOPIC,
    setting: 'persistent: false of jobs',
    system: pulsar({ topics: { jobs: { persistent: false } }, consumers: { worker: { receiverQueueSize: 1 } } }),
  },
  {
    claims: LOST_TOPIC,
    setting: 'managedLedgerDefaultAckQuorum: 1',
    system: pulsar({
      broker: { bookies: 3, managedLedgerDefaultAckQuorum: 1 },
      // Some wait at the broker when it dies.
      consumers: { worker: { process: '2s', receiverQueueSize: 1 } },
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
    claims: ['duplicate'],
    setting: 'deduplicationEnabled: false of jobs',
    system: pulsar({}),
    timeline: [{ at: '5s', lose: 'reply', from: 'b1', to: 'maker', for: '3s' }],
  },
  {
    claims: ['nonmonotonic-send'],
    setting: 'batcherBuilder: KEY_BASED',
    system: pulsar({
      producers: {
        maker: { batchingEnabled: true, batcherBuilder: 'KEY_BASED', batchingMaxPublishDelay: '500ms' },
      },
    }),
  },
  {
    claims: ['at-most-once'],
    setting: 'deduplicationEnabled: false of jobs',
    system: pulsar({ consumers: { worker: { settle: 'on-delivery' } } }),
    // Stored, and its sender is not told.
    timeline: [{ at: '5s', lose: 'reply', from: 'b1', to: 'maker', for: '3s' }],
  },
  {
    claims: ['at-most-once'],
    setting: 'settle: after-processing',
    system: pulsar({ topics: { jobs: { deduplicationEnabled: true } } }),
  },
  { claims: ['exactly-once-effect'], setting: 'effect: increment', system: pulsar(counting) },
  {
    claims: ['key-order'],
    setting: 'subscriptionType: Shared',
    system: pulsar({ consumers: { worker: { subscriptionType: 'Shared' } } }),
  },
  {
    claims: ['key-order'],
    setting: 'ackTimeout: what is asked for again',
    system: pulsar({ consumers: { worker: { ackTimeout: '1s' } } }),
  },
  {
    claims: ['key-order'],
    setting: 'allowOutOfOrderDelivery: true',
    system: pulsar({ consumers: { worker: { allowOutOfOrderDelivery: true } } }),
    timeline: [{ at: '5500ms', stop: 'worker-2', for: '200ms' }],
  },
  {
    claims: ['key-order'],
    setting: 'batchingEnabled: true without KEY_BASED',
    system: pulsar({ producers: { maker: { batchingEnabled: true, batchingMaxPublishDelay: '500ms' } } }),
  },
  {
    claims: ['key-order'],
    setting: 'what follows a failed message goes on',
    system: pulsar({ producers: { maker: { poison: '30%' } } }),
    timeline: [{ at: '7s', fix: 'worker' }],
  },
  {
    claims: ['poison-isolation'],
    setting: 'no deadLetterPolicy',
    system: pulsar(killed),
  },
  {
    claims: ['poison-isolation'],
    setting: 'subscriptionType: Failover has no dead-letter policy',
    system: pulsar(merged(killed, { consumers: { worker: { subscriptionType: 'Failover' } } })),
  },
  {
    claims: ['poison-isolation'],
    setting: 'on-failure: leave without ackTimeout',
    system: merged(dying({ broker: { maxUnackedMessagesPerConsumer: 1 } }), {
      consumers: { worker: { count: 1, 'on-failure': 'leave', receiverQueueSize: 1 } },
    }),
  },
  {
    claims: ['poison-isolation'],
    setting: 'on-poison: crash (redelivery counts are the broker’s memory)',
    system: merged(dying({}), { consumers: { worker: { count: 1, 'on-poison': 'crash', receiverQueueSize: 1 } } }),
    // The broker forgets how often it handed the message out, again and again.
    timeline: Array.from({ length: 18 }, (_, i) => ({ at: `${7 + i * 8}s`, crash: 'b1', restart: '1s' })),
  },
  {
    claims: ['stale-ack-fencing'],
    setting: 'Pulsar: an ack counts, whoever holds the message by then',
    system: pulsar({
      consumers: { worker: { subscriptionType: 'Shared', ackTimeout: '1s', process: '2500ms' } },
    }),
  },
  {
    claims: ['delivery-bound'],
    setting: 'deadLetterPolicy: redelivery counts',
    system: dying({}),
    timeline: [{ at: '7s', crash: 'b1', restart: '2s' }],
  },

  // SNS
  {
    claims: ['at-most-once'],
    setting: 'retries of SNS',
    system: sns({ consumers: { worker: { settle: 'before-processing' } } }),
    // The queue has the message, and its answer is lost: the topic sends it again.
    timeline: [{ at: '5s', lose: 'reply', from: 'work', to: 'news', for: '8s' }],
  },
  { claims: ['key-order'], setting: 'SNS keeps order on the way from FIFO topics', system: sns({}) },
  { claims: ['exactly-once-effect'], setting: 'effect: increment', system: sns(counting) },
  {
    claims: ['key-order'],
    setting: 'a retried message may be overtaken',
    system: snsFifo({}),
  },

  // Direct call
  {
    claims: ['at-most-once'],
    setting: 'retries of the caller',
    system: direct({ producers: { maker: { timeout: '300ms', retries: 3 } } }),
  },
  {
    claims: ['key-order'],
    setting: 'concurrent calls keep no order',
    system: direct({ producers: { maker: { rate: '20/s' } } }),
  },
];

interface Unsearched {
  readonly claims: readonly ClaimName[];
  readonly settings: readonly string[];
  /** Why no run is looked for in which the claim falls by one of these. */
  readonly reason: string;
}

export const UNSEARCHED: readonly Unsearched[] = [
  {
    claims: ['nonmonotonic-send'],
    settings: ['x-dead-letter-strategy: at-least-once'],
    reason:
      'Dead letters go over in the order in which they died, and the first copy of each is what counts: duplicate shows the second one.',
  },
  {
    claims: ['lock-exclusivity', 'no-early-redelivery'],
    settings: ['enable_exactly_once_delivery: false of *'],
    reason: 'The service permits itself more than it does here, where every ack deadline is kept.',
  },
  {
    claims: ['dead-letter-exactness', 'delivery-bound'],
    settings: ['dead_letter_policy is best effort'],
    reason: 'The service permits itself more than it does here, where what is at its limit is forwarded, once.',
  },
  {
    claims: ['dead-letter-exactness'],
    settings: ['x-dead-letter-exchange moves a message without confirms'],
    reason:
      'Copy and removal are one step of a node here, so what a crash takes had arrived in the dead-letter queue: confirmed-durable shows that loss.',
  },
  {
    claims: ['dead-letter-exactness'],
    settings: ['deadLetterPolicy: the client publishes first and acks later'],
    reason:
      'A dead letter has left its subscription here as soon as its copy is stored, and what becomes of its ack is not told: delivery-bound shows the second copy.',
  },
];
