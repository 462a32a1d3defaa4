/** What the settings of Redis and its clients promise; each answer is the setting that permits a breach, in words, or '' when none does. `promises.ts` asks. */
import { booleanOf, numberOf, textOf } from '../../core/options.ts';
import type { ConsumerSpec, ProducerSpec, Scenario } from '../scenario/types.ts';
import type { Setting } from './settings.ts';

export const STREAMS = 'redis-streams';
export const PUBSUB = 'redis-pubsub';

/** What was added or acked may be gone after a crash (X18, X19); Pub/Sub never stores anything (B1). */
export function storageRisk(scenario: Scenario, broker: string): Setting | '' {
  const { kind, options } = scenario.brokers[broker] ?? { kind: '', options: {} };
  if (kind === PUBSUB) return 'Redis Pub/Sub stores nothing';
  if (options['replica-lag'] !== undefined)
    return 'replica-lag: what the replica has not got is lost when it takes over';
  if (textOf(options, 'appendonly', 'no') !== 'yes') return 'appendonly: no';
  const fsync = textOf(options, 'appendfsync', 'everysec');
  return fsync === 'always' ? '' : `appendfsync: ${fsync}`;
}

/** A message may be in the stream, or be published, twice (X2, X20). */
export function resendRisk(scenario: Scenario, producer: ProducerSpec): Setting | '' {
  if (scenario.brokers[producer.broker]?.kind === STREAMS) return streamRisk(producer);
  return numberOf(producer.options, 'retries') === 0 ? '' : 'retries of the publisher';
}

/** An entry may be in the stream twice (X20). */
export function streamRisk(producer: ProducerSpec): Setting | '' {
  if (numberOf(producer.options, 'retries', 3) === 0) return '';
  return booleanOf(producer.options, 'IDMP')
    ? 'stream-idmp-maxsize and stream-idmp-duration: so long a retry is recognised'
    : 'retries of the producer without IDMP';
}

/** An entry that is read may never have its effect. */
export function lossRisk(consumer: ConsumerSpec): Setting | '' {
  if (consumer.onFailure === 'reject' && textOf(consumer.options, 'dead-letter-stream') === '')
    return 'on-failure: reject (without a dead-letter-stream it is acked)';
  return '';
}

/** A message may be handed to a consumer twice (X7, X11, X13, B5). */
export function repeatRisk(scenario: Scenario, consumer: ConsumerSpec): Setting | '' {
  if (scenario.brokers[consumer.broker]?.kind === PUBSUB) {
    return consumer.options['patterns'] === undefined ? '' : 'patterns: who matches twice gets a message twice';
  }
  // NOACK: the group has moved on and nothing is pending; only a crash can move it back.
  if (consumer.settle === 'on-delivery') return storageRisk(scenario, consumer.broker);
  return consumer.settle === 'after-processing'
    ? 'settle: after-processing'
    : `settle: ${consumer.settle} (a message whose ack is lost is handed out again)`;
}

/** Order of a key (X16, B6). */
export function orderRisk(scenario: Scenario, broker: string): Setting | '' {
  return scenario.brokers[broker]?.kind === PUBSUB
    ? 'Redis Pub/Sub keeps the order of a connection, and connections break'
    : 'a consumer group hands each entry to any of its consumers';
}

/**
 * Nothing takes a poison message out of the way (X8, X14). What merely stays pending, as nobody claims it, is in nobody's way: reads go on behind it, and who
 * begins anew reads what it has pending first and moves what came too often.
 */
export function poisonRisk(consumer: ConsumerSpec): Setting | '' {
  return textOf(consumer.options, 'dead-letter-stream') === '' ? 'no dead-letter-stream' : '';
}
