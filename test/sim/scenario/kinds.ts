/**
 * Small kinds of broker for tests of the scenario format: enough options of each type to be right and wrong about, and none that change when a
 * real broker learns something. They cannot be run.
 */
import type { BrokerKind } from '../../../core/brokers/kind.ts';
import type { OptionTable } from '../../../core/options.ts';

const S = 1_000_000;

function kind(name: string, title: string, tables: Partial<BrokerKind>): BrokerKind {
  return {
    kind: name,
    title,
    about: `A stand-in for ${title}.`,
    options: {},
    producers: {},
    consumers: {},
    defaultOnFailure: 'leave',
    lacks: {},
    simplifications: [],
    build: () => {
      throw new Error('invariant: this kind is for reading scenarios only');
    },
    ...tables,
  };
}

const sqsQueues: OptionTable = {
  VisibilityTimeout: {
    type: 'duration',
    unit: 's',
    default: 30 * S,
    min: 0,
    max: 43_200 * S,
    doc: 'Lock.',
    source: 'S5',
  },
  FifoQueue: { type: 'boolean', default: false, doc: 'Order by message group.', source: 'S20' },
  RedrivePolicy: {
    type: 'object',
    doc: 'Dead-letter rule.',
    source: 'S12',
    fields: {
      deadLetterTargetArn: { type: 'text', names: 'queue', doc: 'Where to.', source: 'S12' },
      maxReceiveCount: { type: 'integer', min: 1, max: 1000, default: 10, doc: 'After how many.', source: 'S12' },
    },
  },
};

const kafkaTopics: OptionTable = {
  partitions: { type: 'integer', min: 1, max: 1000, default: 1, doc: 'Partitions.', source: 'K1' },
  'replication.factor': { type: 'integer', min: 1, max: 9, default: 1, doc: 'Replicas.', source: 'K14' },
  'retention.ms': { type: 'duration', unit: 'ms', default: 604_800 * S, unlimited: true, doc: 'Age.', source: 'K8' },
  'max.message.bytes': { type: 'bytes', default: 1_048_588, min: 0, doc: 'Size.', source: 'K9' },
};

const rabbitQueues: OptionTable = {
  type: { type: 'enum', values: ['classic', 'quorum'], default: 'classic', doc: 'Kind of queue.', source: 'R1' },
  'x-dead-letter-exchange': { type: 'text', names: 'exchange', doc: 'Where to.', source: 'R20' },
};

export const KINDS: Readonly<Record<string, BrokerKind>> = {
  sqs: kind('sqs', 'SQS', {
    queues: sqsQueues,
    changeable: ['VisibilityTimeout', 'RedrivePolicy.maxReceiveCount'],
    commands: ['redrive'],
    consumers: {
      WaitTimeSeconds: { type: 'duration', unit: 's', default: 20 * S, max: 20 * S, doc: 'Poll.', source: 'S7' },
    },
    lacks: {
      fill: 'SQS has no disk that its users could fill.',
      partitions: 'SQS has no partitions; a FIFO queue orders each message group by itself.',
    },
  }),
  kafka: kind('kafka', 'Kafka', {
    options: { nodes: { type: 'integer', min: 1, max: 9, default: 1, doc: 'Nodes.', source: 'K14' } },
    topics: kafkaTopics,
    commands: ['seek'],
    hasDisk: (node) => !node.endsWith('controller'),
    producers: {
      acks: { type: 'enum', values: ['all', 0, 1], default: 'all', doc: 'Who must have it.', source: 'K16' },
    },
    consumers: {
      'max.poll.records': { type: 'integer', min: 1, default: 500, doc: 'At a time.', source: 'K30' },
      'partition.assignment.strategy': { type: 'list', default: ['range'], doc: 'Who gets what.', source: 'K31' },
    },
    defaultOnFailure: 'requeue',
    lacks: {
      VisibilityTimeout:
        'A Kafka consumer group holds no lock by time; `max.poll.interval.ms` is how long it may be silent.',
      prefetch: 'A Kafka consumer takes what a poll returns; set max.poll.records.',
      queues: 'Kafka has topics; a queue is a topic that one consumer group reads.',
    },
  }),
  rabbitmq: kind('rabbitmq', 'RabbitMQ', {
    queues: rabbitQueues,
    commands: ['redrive'],
    exchanges: {
      type: {
        type: 'enum',
        values: ['direct', 'topic', 'fanout', 'headers'],
        default: 'direct',
        doc: 'Kind.',
        source: 'R3',
      },
    },
    consumers: {
      prefetch: { type: 'integer', min: 0, max: 65_535, default: 0, doc: 'Unacked at most.', source: 'R26' },
    },
    defaultOnFailure: 'requeue',
  }),
  direct: kind('direct', 'Direct call', {}),
};
