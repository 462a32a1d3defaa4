/**
 * What each neutral word becomes under each broker: one table a profile, so that a row can be read aloud. A word becomes real options, or the profile says what this
 * broker has instead. A profile is a broker with the one decision that matters (`rabbitmq-quorum`: its queues are quorum queues).
 */
import type { OptionValues } from '../../../core/options.ts';
import { formatDuration } from '../duration.ts';
import type { ProducerWord, QueueWord } from './words.ts';

/** Plain data as it stands in a file. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

/** An option that a word becomes: of the thing itself, or of the broker, or of all producers to or consumers from a queue. */
export interface Put {
  readonly on: 'itself' | 'broker' | 'producers' | 'consumers';
  readonly path: readonly string[];
  readonly value: Plain;
}

/** `note`: how it differs from what the word says. */
export type Becomes =
  | { readonly puts: readonly Put[]; readonly note: string }
  /** This broker cannot; the text says what it has instead. */
  | { readonly cannot: string };

/** What the file says, as far as one word may depend on another. */
export interface System {
  readonly queues: ReadonlyMap<string, OptionValues>;
  readonly producers: ReadonlyMap<string, { readonly to: readonly string[]; readonly options: OptionValues }>;
  readonly consumers: ReadonlyMap<string, { readonly from: readonly string[]; readonly group: string | null }>;
}

type Value = number | string | boolean;
/** `words`: all those of the same queue or producer. */
type Rule = (value: Value, words: OptionValues) => Becomes;

export interface Profile {
  readonly name: string;
  /** The broker's kind. */
  readonly kind: string;
  readonly title: string;
  /** What a queue of the file is there. */
  readonly queuesAre: 'queues' | 'topics' | 'subscriptions';
  /** Options that every queue, producer and consumer gets, because the profile says so. */
  readonly always: {
    readonly queue?: (name: string) => readonly (readonly [string, Plain])[];
    readonly producer?: readonly (readonly [string, Plain])[];
    readonly consumer?: readonly (readonly [string, Plain])[];
    /** Why; told once beside the mapping. */
    readonly note: string;
  };
  /** Consumers of one queue share its messages, which here means one group. */
  readonly groups: boolean;
  readonly queue: Readonly<Record<QueueWord, Rule>>;
  readonly producer: Readonly<Record<ProducerWord, Rule>>;
}

const span = (value: Value): Plain => formatDuration(Number(value));

function puts(...list: readonly Put[]): Becomes {
  return { puts: list, note: '' };
}

const here = (option: string, value: Plain): Put => ({ on: 'itself', path: [option], value });
const lasting =
  (option: string): Rule =>
  (value) =>
    puts(here(option, span(value)));
const counting =
  (option: string): Rule =>
  (value) =>
    puts(here(option, value));
const cannot =
  (text: string): Rule =>
  () => ({ cannot: text });
/** Goes without saying: the broker does it whatever one asks for. */
const anyway =
  (note: string): Rule =>
  () => ({ puts: [], note });

const keyed: Rule = (value) => puts({ on: 'producers', path: ['key'], value });

function noted(rule: Rule, note: string): Rule {
  return (value, words) => {
    const becomes = rule(value, words);
    return 'cannot' in becomes ? becomes : { ...becomes, note };
  };
}

/** `max-deliveries` and `dead-letter` make one policy: whichever of the two is read makes it when both are there. */
function policy(
  make: (deadLetter: string, deliveries: number | null) => readonly Put[],
  otherwise: number,
  remark = '',
): Pick<Profile['queue'], 'max-deliveries' | 'dead-letter'> {
  const both: Rule = (_, words) => {
    const target = words['dead-letter'];
    const deliveries = words['max-deliveries'];
    if (typeof target !== 'string')
      return { cannot: 'It counts deliveries only for a dead-letter queue: add `dead-letter`.' };
    const notes = [remark, deliveries === undefined ? `after ${otherwise} deliveries, its default` : ''];
    return {
      puts: make(target, typeof deliveries === 'number' ? deliveries : null),
      note: notes.filter((note) => note !== '').join('; '),
    };
  };
  return { 'max-deliveries': both, 'dead-letter': both };
}

const redrive = policy(
  (target, deliveries) => [
    here('RedrivePolicy', {
      deadLetterTargetArn: target,
      ...(deliveries === null ? {} : { maxReceiveCount: deliveries }),
    }),
  ],
  10,
);

const SQS: Omit<Profile, 'name' | 'title'> = {
  kind: 'sqs',
  queuesAre: 'queues',
  always: { note: '' },
  groups: false,
  queue: {
    lock: lasting('VisibilityTimeout'),
    ...redrive,
    retention: lasting('MessageRetentionPeriod'),
    delay: lasting('DelaySeconds'),
    'max-length': cannot('SQS has no limit on the depth of a queue, only on messages in flight.'),
    partitions: cannot('SQS has no partitions that one could choose.'),
    'order-by': cannot('A standard queue promises no order; a FIFO queue (`sqs-fifo`) orders each message group.'),
    replicas: anyway('SQS always keeps several copies'),
  },
  producer: {
    confirm: (value) =>
      value === 'none'
        ? { cannot: 'SQS answers each SendMessage; there is no sending without an answer.' }
        : { puts: [], note: 'SQS answers when the message is stored on several servers' },
    retries: counting('retries'),
  },
};

const RABBITMQ: Pick<Profile, 'kind' | 'queuesAre' | 'groups' | 'producer'> = {
  kind: 'rabbitmq',
  queuesAre: 'queues',
  groups: false,
  producer: {
    confirm: (value) => puts(here('confirms', value !== 'none')),
    retries: counting('retries'),
  },
};
const rabbitmqQueue = {
  lock: cannot(
    'RabbitMQ locks no message by time: it is the consumer’s as long as its channel lives (or until the consumer timeout, 30 min).',
  ),
  'dead-letter': ((value) =>
    puts(here('x-dead-letter-exchange', ''), here('x-dead-letter-routing-key', value))) as Rule,
  retention: lasting('x-message-ttl'),
  delay: cannot('RabbitMQ delays nothing by itself; a queue with a TTL and a dead-letter exchange stands in for it.'),
  'max-length': counting('x-max-length'),
  partitions: cannot('A RabbitMQ queue has no partitions.'),
  'order-by': noted(
    () => puts(here('x-single-active-consumer', true)),
    'orders the whole queue by letting one consumer at a time have it; RabbitMQ knows no order by key',
  ),
} as const;

const KAFKA: Pick<Profile, 'kind' | 'queuesAre' | 'groups' | 'producer'> = {
  kind: 'kafka',
  queuesAre: 'topics',
  groups: true,
  producer: {
    confirm: (value) => puts(here('acks', value === 'none' ? 0 : value === 'one' ? 1 : 'all')),
    retries: counting('retries'),
  },
};
const kafkaQueue = {
  retention: lasting('retention.ms'),
  delay: cannot('Kafka delays nothing: a record can be read as soon as it is replicated.'),
  'max-length': cannot(
    'Kafka keeps a log by age and bytes (retention.ms, retention.bytes), not by a number of records.',
  ),
  partitions: counting('partitions'),
  replicas: ((value) =>
    puts(here('replication.factor', value), {
      on: 'broker',
      path: ['nodes'],
      value: Math.max(3, Number(value)),
    })) as Rule,
} as const;

export const PROFILES: readonly Profile[] = [
  { ...SQS, name: 'sqs', title: 'SQS standard' },
  {
    ...SQS,
    name: 'sqs-fifo',
    title: 'SQS FIFO',
    always: { queue: () => [['FifoQueue', true]], note: 'a dead-letter queue of a FIFO queue is one too (S10)' },
    queue: { ...SQS.queue, 'order-by': noted(keyed, 'the key is the MessageGroupId') },
  },
  {
    ...RABBITMQ,
    name: 'rabbitmq-classic',
    title: 'RabbitMQ classic queue',
    always: { note: '' },
    queue: {
      ...rabbitmqQueue,
      'max-deliveries': cannot('A classic queue does not count deliveries; a quorum queue has x-delivery-limit.'),
      replicas: cannot('A classic queue has one copy; quorum queues are replicated.'),
    },
  },
  {
    ...RABBITMQ,
    name: 'rabbitmq-quorum',
    title: 'RabbitMQ quorum queue',
    always: { queue: () => [['x-queue-type', 'quorum']], note: '' },
    queue: {
      ...rabbitmqQueue,
      'max-deliveries': noted(
        (value) => puts(here('x-delivery-limit', Number(value) - 1)),
        'the limit counts failed deliveries before the last one',
      ),
      replicas: (value) => puts({ on: 'broker', path: ['nodes'], value }, here('x-quorum-initial-group-size', value)),
    },
  },
  {
    ...KAFKA,
    name: 'kafka',
    title: 'Kafka consumer group',
    always: {
      consumer: [
        ['auto.offset.reset', 'earliest'],
        ['enable.auto.commit', false],
      ],
      note: 'a group that begins at the beginning and commits what it settles comes nearest to a queue',
    },
    queue: {
      ...kafkaQueue,
      lock: cannot(
        'A consumer group locks no record: a partition has one owner, as long as it is heard of (session.timeout.ms) and polls (max.poll.interval.ms).',
      ),
      'max-deliveries': cannot(
        'A consumer group does not count deliveries: what is not committed is read again, for ever.',
      ),
      'dead-letter': cannot('Kafka moves nothing by itself: an application writes what it gives up to another topic.'),
      'order-by': noted(keyed, 'records with the same key lie in one partition'),
    },
  },
  {
    ...KAFKA,
    name: 'kafka-share',
    title: 'Kafka share group',
    always: {
      consumer: [
        ['group.type', 'share'],
        ['share.acknowledgement.mode', 'explicit'],
        ['share.auto.offset.reset', 'earliest'],
      ],
      note: 'its members share partitions and accept, release or reject each record',
    },
    queue: {
      ...kafkaQueue,
      lock: (value) => puts({ on: 'consumers', path: ['share.record.lock.duration.ms'], value: span(value) }),
      'max-deliveries': (value) => puts({ on: 'broker', path: ['group.share.delivery.count.limit'], value }),
      'dead-letter': cannot('A share group archives what it gives up; it has no dead-letter queue.'),
      'order-by': cannot('A share group hands records of one partition to several members at once: it keeps no order.'),
    },
  },
  {
    name: 'google-pubsub',
    kind: 'google-pubsub',
    title: 'Google Pub/Sub',
    queuesAre: 'subscriptions',
    always: { note: 'the client library extends the deadline while it works' },
    groups: false,
    queue: {
      lock: lasting('ack_deadline_seconds'),
      ...policy(
        (target, deliveries) => [
          here('dead_letter_policy', {
            dead_letter_topic: topicOf(target),
            ...(deliveries === null ? {} : { max_delivery_attempts: deliveries }),
          }),
        ],
        5,
      ),
      retention: lasting('message_retention_duration'),
      delay: cannot('Pub/Sub delays no new message; a retry_policy delays what failed.'),
      'max-length': cannot('Pub/Sub has no limit on the backlog of a subscription, only on its age.'),
      partitions: cannot('Pub/Sub has no partitions that one could choose.'),
      'order-by': (value) =>
        puts(
          here('enable_message_ordering', true),
          { on: 'producers', path: ['key'], value },
          { on: 'producers', path: ['enable_message_ordering'], value: true },
        ),
      replicas: anyway('Pub/Sub always keeps several copies'),
    },
    producer: {
      confirm: (value) =>
        value === 'none'
          ? { cannot: 'Pub/Sub answers each publish request; there is no publishing without an answer.' }
          : { puts: [], note: 'Pub/Sub answers when the message is stored in several zones' },
      retries: cannot('The client library retries until its total-timeout, however often that is.'),
    },
  },
  {
    name: 'redis-streams',
    kind: 'redis-streams',
    title: 'Redis Streams',
    queuesAre: 'topics',
    always: { note: 'a consumer group shares the stream; what a dead consumer had, the others must claim' },
    groups: true,
    queue: {
      lock: noted(
        (value) => puts({ on: 'consumers', path: ['min-idle-time'], value: span(value) }),
        'no lock: after so long others claim the entry, if they look',
      ),
      ...policy(
        (target, deliveries) => [
          { on: 'consumers', path: ['dead-letter-stream'], value: target },
          ...(deliveries === null ? [] : [{ on: 'consumers', path: ['max-deliveries'], value: deliveries } as const]),
        ],
        5,
        'the consumers move it themselves',
      ),
      retention: cannot('Entries have no time to live; XADD with MINID trims by age, read or not.'),
      delay: cannot('Redis Streams have no delayed entries; a sorted set that a worker polls is the usual way.'),
      'max-length': noted(counting('MAXLEN'), 'the oldest go, read or not'),
      partitions: cannot('A stream has no partitions; a client that wants some chooses among several streams.'),
      'order-by': cannot(
        'A group hands entries out in order, but to several consumers at once: it keeps no order of work.',
      ),
      replicas: cannot('Replication is asynchronous, and no option of a stream; see replica-lag.'),
    },
    producer: {
      confirm: (value) =>
        value === 'all'
          ? { cannot: 'XADD is answered by one server; its replicas follow later.' }
          : value === 'none'
            ? { cannot: 'Each XADD is answered.' }
            : { puts: [], note: 'XADD is answered when the entry is in memory' },
      retries: counting('retries'),
    },
  },
  pulsar(
    'pulsar-shared',
    'Pulsar Shared',
    'Shared',
    cannot('A Shared subscription keeps no order; Key_Shared does, by key.'),
  ),
  pulsar(
    'pulsar-key-shared',
    'Pulsar Key_Shared',
    'Key_Shared',
    noted(
      (value) =>
        puts(
          { on: 'producers', path: ['key'], value },
          { on: 'producers', path: ['batcherBuilder'], value: 'KEY_BASED' },
        ),
      'each key has one consumer at a time',
    ),
  ),
];

function pulsar(name: string, title: string, subscriptionType: string, orderBy: Rule): Profile {
  return {
    name,
    kind: 'pulsar',
    title,
    queuesAre: 'topics',
    always: {
      consumer: [
        ['subscriptionType', subscriptionType],
        ['subscriptionInitialPosition', 'Earliest'],
      ],
      note: 'one subscription, which begins at the beginning, comes nearest to a queue',
    },
    groups: true,
    queue: {
      lock: noted(
        (value) => puts({ on: 'consumers', path: ['ackTimeout'], value: span(value) }),
        'the client’s own clock; what a dead client had comes back at once',
      ),
      ...policy(
        (target, deliveries) => [
          {
            on: 'consumers',
            path: ['deadLetterPolicy'],
            value: {
              maxRedeliverCount: deliveries === null ? 16 : Math.max(1, deliveries - 1),
              deadLetterTopic: target,
            },
          },
        ],
        17,
        'counts redeliveries; the client moves it',
      ),
      retention: noted(lasting('messageTTL'), 'acked away by the broker'),
      delay: (value) => puts({ on: 'producers', path: ['deliverAfter'], value: span(value) }),
      'max-length': cannot('Pulsar limits a backlog by bytes and age (backlogQuota), not by a number of messages.'),
      partitions: counting('partitions'),
      'order-by': orderBy,
      replicas: (value) =>
        puts(
          { on: 'broker', path: ['bookies'], value: Math.max(3, Number(value)) },
          { on: 'broker', path: ['managedLedgerDefaultEnsembleSize'], value },
          { on: 'broker', path: ['managedLedgerDefaultWriteQuorum'], value },
        ),
    },
    producer: {
      confirm: (value) =>
        value === 'none'
          ? { cannot: 'A broker answers each message.' }
          : { puts: [], note: 'answered when the ack quorum of bookies has it (managedLedgerDefaultAckQuorum)' },
      retries: cannot('The client sends again until its sendTimeout, however often that is.'),
    },
  };
}

/** The name of the topic behind a queue of the file, where messages reach a queue by way of a topic. */
export function topicOf(queue: string): string {
  return `${queue}-topic`;
}
