/**
 * What each neutral word becomes under each broker: one table a profile, so that a row can be read aloud. A word becomes real options, or the profile says what this
 * broker has instead. A profile is a broker with the one decision that matters (`rabbitmq-quorum`: its queues are quorum queues).
 */
import type { OptionValues } from '../../../core/options.ts';
import { formatDuration } from '../duration.ts';
import type { ConsumerWord, ProducerWord, QueueWord } from './words.ts';

/** Plain data as it stands in a file. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

/** An option that a word becomes: of the thing itself, or of the broker, or of all who send to (producers, outputs of consumers) or consume from a queue. */
export interface Put {
  readonly on: 'itself' | 'broker' | 'producers' | 'consumers';
  readonly path: readonly string[];
  readonly value: Plain;
}

/** `note`: how it differs from what the word says. */
export type Becomes =
  | { readonly puts: readonly Put[]; readonly note: string }
  /** This broker cannot; the text says what it has instead. `puts`: what the word says of messages all the same. */
  | { readonly cannot: string; readonly puts?: readonly Put[] };

/** A producer, or one output of a consumer. */
export interface Sender {
  /** As people call it: `shop`, or `resizer’s output`. */
  readonly name: string;
  /** Where it stands in the file. */
  readonly path: readonly string[];
  readonly to: readonly string[];
  readonly words: OptionValues;
}

/** What the file says, as far as one word may depend on another. */
export interface System {
  readonly queues: ReadonlyMap<string, OptionValues>;
  readonly senders: readonly Sender[];
  readonly consumers: ReadonlyMap<
    string,
    { readonly from: readonly string[]; readonly group: string | null; readonly words: OptionValues }
  >;
}

type Value = number | string | boolean;
/** `words`: all those of the same queue, sender or consumer. */
export type Rule = (value: Value, words: OptionValues, system: System) => Becomes;

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
  readonly consumer: Readonly<Record<ConsumerWord, Rule>>;
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

/** The attribute to order by is the key of every message, whether the broker heeds it or not: what breaks the order is seen by it. */
const key = (value: Value): Put => ({ on: 'producers', path: ['key'], value });
const keyed: Rule = (value) => puts(key(value));
const unordered =
  (text: string): Rule =>
  (value) => ({ cannot: text, puts: [key(value)] });

/** Of a client whose own buffer bounds what it holds beside what it works on: never less than that. */
const holding =
  (option: string): Rule =>
  (value, words) =>
    puts(here(option, Math.max(Number(value), Number(words['concurrency'] ?? 1))));

function noted(rule: Rule, note: string): Rule {
  return (value, words, system) => {
    const becomes = rule(value, words, system);
    return 'cannot' in becomes ? becomes : { ...becomes, note };
  };
}

/** `max-deliveries` and `dead-letter` make one policy: whichever of the two is read makes it when both are there. */
function policy(
  make: (deadLetter: string, deliveries: number | null, system: System) => readonly Put[],
  /** What holds when the file does not say how many deliveries. */
  otherwise: string,
  remark = '',
): Pick<Profile['queue'], 'max-deliveries' | 'dead-letter'> {
  const both: Rule = (_, words, system) => {
    const target = words['dead-letter'];
    const deliveries = words['max-deliveries'];
    if (typeof target !== 'string')
      return { cannot: 'It counts deliveries only for a dead-letter queue: add `dead-letter`.' };
    const notes = [remark, deliveries === undefined ? otherwise : ''];
    return {
      puts: make(target, typeof deliveries === 'number' ? deliveries : null, system),
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
  'after 10 deliveries, its default',
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
    'order-by': unordered('A standard queue promises no order; a FIFO queue (`sqs-fifo`) orders each message group.'),
    replicas: anyway('SQS always keeps several copies'),
  },
  producer: {
    confirm: (value) =>
      value === 'none'
        ? { cannot: 'SQS answers each SendMessage; there is no sending without an answer.' }
        : { puts: [], note: 'SQS answers when the message is stored on several servers' },
    retries: counting('retries'),
  },
  consumer: { prefetch: counting('prefetch') },
};

const RABBITMQ: Pick<Profile, 'kind' | 'queuesAre' | 'groups' | 'producer'> = {
  kind: 'rabbitmq',
  queuesAre: 'queues',
  groups: false,
  producer: {
    confirm: (value) => puts(here('confirms', value !== 'none')),
    retries: (value, words) => ({
      puts: [here('retries', value)],
      note: (words['confirm'] ?? 'none') === 'none' ? 'does nothing without `confirm`: nobody hears of a loss' : '',
    }),
  },
};

/** What leaves a RabbitMQ queue otherwise than by an ack is dead-lettered too. Source: R49. */
const alsoDead =
  (rule: Rule, what: string): Rule =>
  (value, words, system) => {
    const target = words['dead-letter'];
    return typeof target === 'string'
      ? noted(rule, `${what} to ${target} too`)(value, words, system)
      : rule(value, words, system);
  };

const rabbitmqQueue = {
  lock: cannot(
    'RabbitMQ locks no message by time: it is the consumer’s as long as its channel lives (or until the consumer timeout, 30 min).',
  ),
  'dead-letter': ((value) =>
    puts(here('x-dead-letter-exchange', ''), here('x-dead-letter-routing-key', value))) as Rule,
  retention: alsoDead(lasting('x-message-ttl'), 'what expires goes'),
  delay: cannot('RabbitMQ delays nothing by itself; a queue with a TTL and a dead-letter exchange stands in for it.'),
  'max-length': alsoDead(counting('x-max-length'), 'the oldest make room and go'),
  partitions: cannot('A RabbitMQ queue has no partitions.'),
  'order-by': noted(
    (value) => puts(here('x-single-active-consumer', true), key(value)),
    'orders the whole queue by letting one consumer at a time have it; RabbitMQ knows no order by key',
  ),
} as const;

const KAFKA: Pick<Profile, 'kind' | 'queuesAre' | 'groups' | 'producer' | 'consumer'> = {
  kind: 'kafka',
  queuesAre: 'topics',
  groups: true,
  producer: {
    confirm: (value) => puts(here('acks', value === 'none' ? 0 : value === 'one' ? 1 : 'all')),
    retries: (value, words) => ({
      puts: [here('retries', value)],
      note: words['confirm'] === 'none' ? 'does nothing with acks: 0' : '',
    }),
  },
  consumer: { prefetch: noted(holding('max.poll.records'), 'it polls again when all of them are done') },
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
    consumer: { prefetch: counting('prefetch') },
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
      'dead-letter': (value, words, system) =>
        noted(
          rabbitmqQueue['dead-letter'],
          words['max-deliveries'] === undefined ? 'after 21 deliveries, its default since 4.0' : '',
        )(value, words, system),
      replicas: (value) => puts({ on: 'broker', path: ['nodes'], value }, here('x-quorum-initial-group-size', value)),
    },
    consumer: {
      prefetch: (value, words, system) =>
        noted(counting('prefetch'), Number(value) > 2000 ? 'at most 2000 of a quorum queue' : '')(value, words, system),
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
      'dead-letter': cannot(
        'A share group archives what it gives up; the dead-letter topic that 4.4 adds (KIP-1191) is not modelled.',
      ),
      'order-by': unordered(
        'A share group hands records of one partition to several members at once: it keeps no order.',
      ),
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
        'after 5 deliveries, its default',
      ),
      retention: lasting('message_retention_duration'),
      delay: cannot('Pub/Sub delays no new message; a retry_policy delays what failed.'),
      'max-length': cannot('Pub/Sub has no limit on the backlog of a subscription, only on its age.'),
      partitions: cannot('Pub/Sub has no partitions that one could choose.'),
      'order-by': (value) =>
        puts(here('enable_message_ordering', true), key(value), {
          on: 'producers',
          path: ['enable_message_ordering'],
          value: true,
        }),
      replicas: anyway('Pub/Sub always keeps several copies'),
    },
    producer: {
      confirm: (value) =>
        value === 'none'
          ? { cannot: 'Pub/Sub answers each publish request; there is no publishing without an answer.' }
          : { puts: [], note: 'Pub/Sub answers when the message is stored in several zones' },
      retries: cannot('The client library retries until its total-timeout, however often that is.'),
    },
    consumer: { prefetch: holding('max_outstanding_messages') },
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
        'after 5 deliveries, its default',
        'the consumers move it themselves',
      ),
      retention: (value, words, system) =>
        words['max-length'] === undefined
          ? noted(lasting('MINID'), 'at the next XADD; read or not, pending or not')(value, words, system)
          : { cannot: 'XADD trims by age (MINID) or by length (MAXLEN), and here `max-length` asks for the other.' },
      delay: cannot('Redis Streams have no delayed entries; a sorted set that a worker polls is the usual way.'),
      'max-length': noted(counting('MAXLEN'), 'the oldest go, read or not, pending or not'),
      partitions: cannot('A stream has no partitions; a client that wants some chooses among several streams.'),
      'order-by': unordered(
        'A group hands entries out in order, but to several consumers at once: it keeps no order of work.',
      ),
      replicas: cannot('Replication is asynchronous, and no option of a stream; see replica-lag.'),
    },
    producer: {
      confirm: (value) =>
        value === 'all'
          ? {
              cannot:
                'XADD is answered by one server; its replicas follow later. WAIT, which asks for theirs, is not modelled.',
            }
          : value === 'none'
            ? { cannot: 'Each XADD is answered.' }
            : { puts: [], note: 'XADD is answered when the entry is in memory' },
      retries: counting('retries'),
    },
    consumer: { prefetch: counting('prefetch') },
  },
  pulsar(
    'pulsar-shared',
    'Pulsar Shared',
    'Shared',
    unordered('A Shared subscription keeps no order; Key_Shared does, by key.'),
  ),
  pulsar(
    'pulsar-key-shared',
    'Pulsar Key_Shared',
    'Key_Shared',
    noted(
      (value) => puts(key(value), { on: 'producers', path: ['batcherBuilder'], value: 'KEY_BASED' }),
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
        (target, deliveries, { consumers }) => [
          {
            on: 'consumers',
            path: ['deadLetterPolicy'],
            value: {
              maxRedeliverCount: deliveries === null ? 16 : deliveries - 1,
              deadLetterTopic: target,
              // Without a subscription it would keep nothing (P46).
              ...([...consumers.values()].some(({ from }) => from.includes(target))
                ? {}
                : { initialSubscriptionName: target }),
            },
          },
        ],
        '16 as where enableRetry is on: Pulsar itself wants a number',
        'counts redeliveries; the client moves it; without a subscription the topic keeps nothing',
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
          // Its default is 2, which one copy could never reach (P9).
          { on: 'broker', path: ['managedLedgerDefaultAckQuorum'], value: Math.min(2, Number(value)) },
        ),
    },
    producer: {
      confirm: (value) =>
        value === 'none'
          ? { cannot: 'A broker answers each message.' }
          : { puts: [], note: 'answered when the ack quorum of bookies has it (managedLedgerDefaultAckQuorum)' },
      retries: cannot('The client sends again until its sendTimeout, however often that is.'),
    },
    consumer: {
      prefetch: noted(holding('receiverQueueSize'), 'of each topic partition, beside what is worked on'),
    },
  };
}

/** The name of the topic behind a queue of the file, where messages reach a queue by way of a topic. */
export function topicOf(queue: string): string {
  return `${queue}-topic`;
}
