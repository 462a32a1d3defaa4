/**
 * The neutral words: what a queue, a producer or a consumer is asked for without saying which broker serves it. A file with `under:` is written in them and
 * runs under each of the profiles that it names (profiles.ts), one lane each. The words stand in option tables like those of a real broker, so
 * that reading, complaining, completing and describing are the same; but nothing is ever built of them.
 */
import type { BrokerKind } from '../../../core/brokers/kind.ts';
import type { OptionTable } from '../../../core/options.ts';

export const QUEUE_WORDS = {
  lock: {
    type: 'duration',
    unit: 's',
    min: 1,
    doc: 'How long a message that was handed out is kept from others while nobody settles it.',
    source: 'in common',
  },
  'max-deliveries': {
    type: 'integer',
    min: 1,
    max: 1000,
    doc: 'A message that was handed out so many times without being settled goes to `dead-letter`.',
    source: 'in common',
  },
  'dead-letter': {
    type: 'text',
    names: 'queue',
    doc: 'The queue for messages that were given up. It must be declared too.',
    source: 'in common',
  },
  retention: { type: 'duration', unit: 's', min: 1, doc: 'How long a message is kept.', source: 'in common' },
  delay: {
    type: 'duration',
    unit: 's',
    min: 1,
    doc: 'How long a new message waits before it is handed out.',
    source: 'in common',
  },
  'max-length': { type: 'integer', min: 1, doc: 'Most messages that may wait.', source: 'in common' },
  partitions: {
    type: 'integer',
    min: 1,
    max: 1000,
    doc: 'In how many logs the messages are kept, where that is something one chooses.',
    source: 'in common',
  },
  'order-by': {
    type: 'text',
    doc: 'The attribute whose equal values must be handled in the order of sending. Whoever sends here uses it as the key, under every broker.',
    source: 'in common',
  },
  replicas: {
    type: 'integer',
    min: 1,
    max: 7,
    doc: 'On how many nodes each message is kept.',
    source: 'in common',
  },
} as const satisfies OptionTable;

export const PRODUCER_WORDS = {
  confirm: {
    type: 'enum',
    values: ['none', 'one', 'all'],
    doc: 'What a producer waits for before it calls a message sent: nothing, the node that took it, or all of the nodes that keep it.',
    source: 'in common',
  },
  retries: {
    type: 'integer',
    min: 0,
    max: 1_000_000,
    doc: 'How often a message that was not confirmed is sent again.',
    source: 'in common',
  },
} as const satisfies OptionTable;

/** A key of every consumer, which is a word here because brokers have other names for it. */
export const CONSUMER_WORDS = {
  prefetch: {
    type: 'integer',
    min: 1,
    max: 100_000,
    doc: 'Messages that one instance holds at most, worked on and waiting.',
    source: 'in common',
  },
} as const satisfies OptionTable;

export type QueueWord = keyof typeof QUEUE_WORDS;
export type ProducerWord = keyof typeof PRODUCER_WORDS;
export type ConsumerWord = keyof typeof CONSUMER_WORDS;

/** Stands where the kind of a broker stands while a neutral file is read. It is no member of the registry. */
export const NEUTRAL: BrokerKind = {
  kind: 'neutral',
  // Stands in `(the broker is …)`.
  title: 'left open',
  about: 'A scenario in neutral words: each word becomes the real option of every broker that it runs under.',
  options: {},
  queues: QUEUE_WORDS,
  producers: PRODUCER_WORDS,
  consumers: {},
  defaultOnFailure: 'requeue',
  lacks: {
    VisibilityTimeout: 'In neutral words that is `lock`.',
    ack_deadline_seconds: 'In neutral words that is `lock`.',
    ackTimeout: 'In neutral words that is `lock`.',
    RedrivePolicy: 'In neutral words that is `max-deliveries` and `dead-letter`.',
    'x-delivery-limit': 'In neutral words that is `max-deliveries`.',
    'x-dead-letter-exchange': 'In neutral words that is `dead-letter`.',
    MessageRetentionPeriod: 'In neutral words that is `retention`.',
    'retention.ms': 'In neutral words that is `retention`.',
    'x-message-ttl': 'In neutral words that is `retention`.',
    DelaySeconds: 'In neutral words that is `delay`.',
    'x-max-length': 'In neutral words that is `max-length`.',
    acks: 'In neutral words that is `confirm`.',
    confirms: 'In neutral words that is `confirm`.',
    'replication.factor': 'In neutral words that is `replicas`.',
    topics: 'In neutral words everything is a queue; where the broker has topics, it becomes one.',
    exchanges: 'Neutral words know no exchanges: name several queues in `to:`.',
  },
  simplifications: [],
  build() {
    throw new Error('invariant: nothing is built of neutral words');
  },
};
