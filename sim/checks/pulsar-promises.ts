/** What the settings of Pulsar and its clients promise; each answer is the setting that permits a breach, in words, or '' when none does. `promises.ts` asks. */
import { booleanOf, numberOf, tableOf, textOf } from '../../core/options.ts';
import type { ConsumerSpec, DeclaredSpec, ProducerSpec, Scenario } from '../scenario/types.ts';
import type { Setting } from './settings.ts';

/** Whether it writes on, in the transactions in which it acks (P67). */
export function forwards(consumer: ConsumerSpec): boolean {
  return consumer.settle === 'after-processing' && textOf(consumer.options, 'forward.to') !== '';
}

/** Confirmed, and lost nevertheless: by the only bookie that had it, or because nothing was stored at all (P7, P9–P11). */
export function storageRisk(scenario: Scenario, producer: ProducerSpec): Setting | '' {
  const transient = producer.to.find((name) => !booleanOf(topicOf(scenario, name).options, 'persistent', true));
  if (transient !== undefined) return `persistent: false of ${transient}`;
  const options = scenario.brokers[producer.broker]?.options ?? {};
  if (numberOf(options, 'bookies') === 0) return '';
  const quorum = numberOf(options, 'managedLedgerDefaultAckQuorum', 2);
  return quorum < 2 ? `managedLedgerDefaultAckQuorum: ${quorum}` : '';
}

/** Acked without an effect (P30). */
export function lossRisk(consumer: ConsumerSpec): Setting | '' {
  return booleanOf(consumer.options, 'cumulativeAck')
    ? 'cumulativeAck: the ack of a later message covers one that failed or is in work'
    : '';
}

/** A message may be stored twice: what was unconfirmed when a connection broke is sent again (P12, P60). */
export function resendRisk(scenario: Scenario, producer: ProducerSpec): Setting | '' {
  const broker = scenario.brokers[producer.broker]?.options ?? {};
  const byBroker = booleanOf(broker, 'brokerDeduplicationEnabled');
  const bare = producer.to.find(
    (name) => !booleanOf(topicOf(scenario, name).options, 'deduplicationEnabled', byBroker),
  );
  return bare === undefined ? '' : `deduplicationEnabled: false of ${bare}`;
}

/** A batch for each key: what one producer sends of two keys may be stored in another order (P14). */
export function batchRisk({ options }: ProducerSpec): Setting | '' {
  const byKey =
    booleanOf(options, 'batchingEnabled', true) && textOf(options, 'batcherBuilder', 'DEFAULT') === 'KEY_BASED';
  return byKey ? 'batcherBuilder: KEY_BASED sends a batch for each key' : '';
}

/** Messages of one key may be worked on in another order than they were stored (P18–P26, P39). */
export function workOrderRisk(scenario: Scenario, consumer: ConsumerSpec): Setting | '' {
  const type = textOf(consumer.options, 'subscriptionType', 'Exclusive');
  if (type === 'Shared') return 'subscriptionType: Shared keeps no order';
  if (type === 'Key_Shared') {
    if (booleanOf(consumer.options, 'allowOutOfOrderDelivery')) return 'allowOutOfOrderDelivery: true';
    if (numberOf(consumer.options, 'ackTimeout') > 0)
      return 'ackTimeout: what is asked for again comes after its successors';
    const mixed = Object.values(scenario.producers).some(
      ({ options, to }) =>
        to.some((name) => consumer.from.includes(name)) &&
        booleanOf(options, 'batchingEnabled', true) &&
        textOf(options, 'batcherBuilder', 'DEFAULT') !== 'KEY_BASED',
    );
    if (mixed) return 'batchingEnabled: true without KEY_BASED (a batch goes where its first key belongs)';
  }
  return mayFail(scenario) ? `on-failure: ${consumer.onFailure} (what follows a failed message goes on)` : '';
}

/** Nothing takes a poison message out of the way (P36, P43). */
export function poisonRisk(consumer: ConsumerSpec): Setting | '' {
  const { options } = consumer;
  const type = textOf(options, 'subscriptionType', 'Exclusive');
  const policy = tableOf(options, 'deadLetterPolicy');
  if (type === 'Exclusive' || type === 'Failover') return `subscriptionType: ${type} has no dead-letter policy`;
  if (policy === undefined && !booleanOf(options, 'enableRetry')) return 'no deadLetterPolicy';
  if (consumer.onFailure === 'leave' && numberOf(options, 'ackTimeout') === 0)
    return 'on-failure: leave without ackTimeout';
  // A crash loses what waits in the client's memory; only the broker's count of disconnects then leads to the dead-letter topic.
  return consumer.onPoison === 'crash' ? 'on-poison: crash (redelivery counts are the broker’s memory)' : '';
}

/** Whether some message's first try may fail by itself. */
function mayFail({ producers, timeline }: Scenario): boolean {
  const poisoned = Object.values(producers).some(
    ({ poisonProbability, send }) => poisonProbability > 0 || send.some(({ poison }) => poison),
  );
  return poisoned || timeline.some(({ action }) => action.type === 'poison');
}

function topicOf(scenario: Scenario, name: string): Pick<DeclaredSpec, 'options'> {
  return scenario.topics[name] ?? { options: {} };
}
