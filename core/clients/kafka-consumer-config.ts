/**
 * The settings of a Kafka consumer, read once from its options, and what is wrong with them when they do not go together. Nothing here acts.
 */
import { booleanOf, numberOf, type OptionValues, textOf } from '../options.ts';
import { assignors } from '../parts/assignors.ts';
import { type OffsetReset, parseOffsetReset } from '../parts/offset-reset.ts';
import type { IsolationLevel } from '../parts/partition-replica.ts';
import type { Micros } from '../types.ts';

export interface ConsumerConfig {
  /** '' for a consumer that only reads. */
  readonly forwardTo: string;
  readonly transactionTimeoutUs: Micros;
  readonly strategies: readonly string[];
  /** Keeps what it owns during a rebalance: only when no listed assignor is an eager one. Source: K54. */
  readonly cooperative: boolean;
  readonly isolation: IsolationLevel;
  readonly reset: OffsetReset;
  /** Off where offsets are committed with the transaction that writes on. */
  readonly autoCommit: boolean;
  readonly autoCommitUs: Micros;
  readonly sessionTimeoutUs: Micros;
  readonly heartbeatUs: Micros;
  readonly maxPollIntervalUs: Micros;
  readonly maxPollRecords: number;
  readonly fetchMaxWaitUs: Micros;
  readonly fetchMinBytes: number;
  readonly partitionBytes: number;
  readonly requestTimeoutUs: Micros;
  readonly retryBackoffUs: Micros;
  readonly metadataMaxAgeUs: Micros;
}

export function consumerConfig(options: OptionValues): ConsumerConfig {
  const strategies = strategiesOf(options);
  const forwardTo = textOf(options, 'forward.to');
  return {
    forwardTo,
    transactionTimeoutUs: numberOf(options, 'transaction.timeout.ms', 60_000_000),
    strategies,
    cooperative: strategies.every((name) => name === 'cooperative-sticky'),
    isolation: textOf(options, 'isolation.level') === 'read_committed' ? 'read_committed' : 'read_uncommitted',
    reset: parseOffsetReset(textOf(options, 'auto.offset.reset', 'latest')) ?? 'latest',
    autoCommit: booleanOf(options, 'enable.auto.commit', true) && forwardTo === '',
    autoCommitUs: numberOf(options, 'auto.commit.interval.ms', 5_000_000),
    sessionTimeoutUs: numberOf(options, 'session.timeout.ms', 45_000_000),
    heartbeatUs: numberOf(options, 'heartbeat.interval.ms', 3_000_000),
    maxPollIntervalUs: numberOf(options, 'max.poll.interval.ms', 300_000_000),
    maxPollRecords: numberOf(options, 'max.poll.records', 500),
    fetchMaxWaitUs: numberOf(options, 'fetch.max.wait.ms', 500_000),
    fetchMinBytes: numberOf(options, 'fetch.min.bytes', 1),
    partitionBytes: numberOf(options, 'max.partition.fetch.bytes', 1_048_576),
    requestTimeoutUs: numberOf(options, 'request.timeout.ms', 30_000_000),
    retryBackoffUs: numberOf(options, 'retry.backoff.ms', 100_000),
    metadataMaxAgeUs: numberOf(options, 'metadata.max.age.ms', 300_000_000),
  };
}

/** What is wrong with a consumer's settings; empty when they go together. Source: K51, K58. */
export function consumerConfigErrors(options: OptionValues): string[] {
  const problems: string[] = [];
  if (textOf(options, 'transactional.id') !== '' && textOf(options, 'forward.to') === '') {
    problems.push('transactional.id of a consumer needs forward.to: the topic that it writes to in its transactions.');
  }
  for (const name of ['auto.offset.reset', 'share.auto.offset.reset']) {
    const reset = textOf(options, name, 'latest');
    const known = parseOffsetReset(reset);
    if (known !== undefined && (known !== 'none' || name === 'auto.offset.reset')) continue;
    problems.push(
      `${name} is \`${reset}\`; it can be latest, earliest${name === 'auto.offset.reset' ? ', none' : ''}, or by_duration: with an ISO 8601 duration such as by_duration:PT1H.`,
    );
  }
  const { heartbeatUs, sessionTimeoutUs, strategies } = consumerConfig(options);
  if (heartbeatUs >= sessionTimeoutUs) {
    problems.push('heartbeat.interval.ms must be less than session.timeout.ms, usually a third of it.');
  }
  for (const name of strategies) {
    if (assignors.has(name)) continue;
    problems.push(`partition.assignment.strategy knows no \`${name}\`; there are ${[...assignors.keys()].join(', ')}.`);
  }
  return problems;
}

function strategiesOf(options: OptionValues): readonly string[] {
  const strategies = options['partition.assignment.strategy'];
  return Array.isArray(strategies) ? strategies : ['range', 'cooperative-sticky'];
}
