/**
 * The settings of a Kafka producer, read once from its options, after what excludes or implies each other is settled, and what is wrong with them when they do
 * not go together. Nothing here acts.
 */
import { booleanOf, numberOf, type OptionValues, textOf } from '../options.ts';
import type { Micros } from '../types.ts';

export interface ProducerConfig {
  readonly acks: -1 | 0 | 1;
  readonly idempotent: boolean;
  readonly retries: number;
  readonly maxInFlight: number;
  readonly deliveryTimeoutUs: Micros;
  readonly transactionalId: string;
  readonly transactionTimeoutUs: Micros;
  /** In bytes. */
  readonly batchSize: number;
  readonly lingerUs: Micros;
  readonly requestTimeoutUs: Micros;
  readonly retryBackoffUs: Micros;
  readonly retryBackoffMaxUs: Micros;
  readonly metadataMaxAgeUs: Micros;
  /** In bytes. */
  readonly bufferMemory: number;
  readonly maxBlockUs: Micros;
  /** What compression leaves of a record's bytes; 1 without. */
  readonly compressionRatio: number;
  /** How many messages a transaction takes, and how long it waits for them. */
  readonly transactionSize: number;
  readonly transactionLingerUs: Micros;
  /** Of how many transactions the application thinks better, 0 to 1. */
  readonly abortProbability: number;
  readonly partitioner: string;
  /** Whether keyless records avoid partitions with long queues. */
  readonly adaptive: boolean;
  /** Attribute that marks a message as one that deletes its key; '' for none. */
  readonly tombstones: string;
}

const MAX_INT = 2_147_483_647;
const NEVER = Number.MAX_SAFE_INTEGER;
/** `delivery.timeout.ms` that nobody has set, unless a batch would have no time for its first try. */
const DELIVERY_TIMEOUT_US = 120_000_000;

/** What is wrong with a producer's settings, as the real client's ConfigException says; '' when they go together. Source: K25, K30. */
export function producerConfigError(options: OptionValues): string {
  const acks = acksOf(options);
  const explicit = options['enable.idempotence'];
  const id = textOf(options, 'transactional.id');
  const retries = numberOf(options, 'retries', MAX_INT);
  const inFlight = numberOf(options, 'max.in.flight.requests.per.connection', 5);
  if (id !== '' && explicit === false) return 'transactional.id needs enable.idempotence: true.';
  if (explicit === true || id !== '') {
    const cause = id !== '' ? 'transactional.id' : 'enable.idempotence: true';
    if (acks !== -1) return `${cause} needs acks: all.`;
    if (retries === 0) return `${cause} needs retries above 0.`;
    if (inFlight > 5) return `${cause} needs max.in.flight.requests.per.connection of at most 5.`;
  }
  if (numberOf(options, 'delivery.timeout.ms', NEVER) < leastDeliveryUs(options)) {
    return 'delivery.timeout.ms must be at least linger.ms + request.timeout.ms.';
  }
  return '';
}

/** Settings in force. Idempotence that nobody asked for is switched off silently by what conflicts with it. Source: K30. */
export function producerConfig(options: OptionValues): ProducerConfig {
  const acks = acksOf(options);
  const retries = numberOf(options, 'retries', MAX_INT);
  const maxInFlight = numberOf(options, 'max.in.flight.requests.per.connection', 5);
  const wanted = booleanOf(options, 'enable.idempotence', true);
  const compresses = textOf(options, 'compression.type', 'none') !== 'none';
  return {
    acks,
    idempotent: wanted && acks === -1 && retries > 0 && maxInFlight <= 5,
    retries,
    maxInFlight,
    deliveryTimeoutUs: numberOf(
      options,
      'delivery.timeout.ms',
      Math.max(DELIVERY_TIMEOUT_US, leastDeliveryUs(options)),
    ),
    transactionalId: textOf(options, 'transactional.id'),
    transactionTimeoutUs: numberOf(options, 'transaction.timeout.ms', 60_000_000),
    batchSize: numberOf(options, 'batch.size', 16_384),
    lingerUs: numberOf(options, 'linger.ms', 5_000),
    requestTimeoutUs: numberOf(options, 'request.timeout.ms', 30_000_000),
    retryBackoffUs: numberOf(options, 'retry.backoff.ms', 100_000),
    retryBackoffMaxUs: numberOf(options, 'retry.backoff.max.ms', 1_000_000),
    metadataMaxAgeUs: numberOf(options, 'metadata.max.age.ms', 300_000_000),
    bufferMemory: numberOf(options, 'buffer.memory', 33_554_432),
    maxBlockUs: numberOf(options, 'max.block.ms', 60_000_000),
    compressionRatio: compresses ? numberOf(options, 'compression.ratio', 0.5) : 1,
    transactionSize: numberOf(options, 'transaction.size', 1),
    transactionLingerUs: numberOf(options, 'transaction.linger.ms', 1_000_000),
    abortProbability: numberOf(options, 'transaction.abort.probability'),
    partitioner: textOf(options, 'partitioner', 'default'),
    adaptive: booleanOf(options, 'partitioner.adaptive.partitioning.enable', true),
    tombstones: textOf(options, 'tombstone.attribute'),
  };
}

/** A batch waits for `linger.ms` and its first answer for `request.timeout.ms`. Source: K25; apache/kafka: KafkaProducer.java#configureDeliveryTimeout. */
function leastDeliveryUs(options: OptionValues): Micros {
  return numberOf(options, 'linger.ms', 5_000) + numberOf(options, 'request.timeout.ms', 30_000_000);
}

function acksOf(options: OptionValues): -1 | 0 | 1 {
  const acks = textOf(options, 'acks', 'all');
  return acks === '0' ? 0 : acks === '1' ? 1 : -1;
}
