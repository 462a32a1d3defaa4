/** What the settings of Google Pub/Sub and its clients promise; each answer is the setting that permits a breach, in words, or '' when none does. `promises.ts` asks. */
import { booleanOf, numberOf, tableOf, textOf } from '../../core/options.ts';
import type { ConsumerSpec, DeclaredSpec, ProducerSpec, Scenario } from '../scenario/types.ts';
import type { Setting } from './settings.ts';

/** A message may be stored twice: two publishings are two messages (G13). */
export function resendRisk(producer: ProducerSpec): Setting | '' {
  return numberOf(producer.options, 'total-timeout', 1) === 0
    ? ''
    : 'retries of the publisher: each has a message id of its own';
}

/** A message may be handed out while another has it, or an ack may count that came too late (G2, G5). */
export function deliveryRisk(scenario: Scenario): Setting | '' {
  for (const [name, { broker, options }] of Object.entries(scenario.queues)) {
    if (scenario.brokers[broker]?.kind !== 'google-pubsub') continue;
    if (!booleanOf(options, 'enable_exactly_once_delivery')) return `enable_exactly_once_delivery: false of ${name}`;
  }
  return '';
}

/** Messages of one key may be stored in another order than they were made (G10, G12). */
export function sendOrderRisk(producer: ProducerSpec): Setting | '' {
  if (!booleanOf(producer.options, 'enable_message_ordering')) return 'enable_message_ordering: false of the publisher';
  return numberOf(producer.options, 'resume_publish', -1) < 0
    ? ''
    : 'resume_publish: what failed before is published after what follows, or never';
}

/** Messages of one key may be worked on in another order than they were stored (G8, G10, G11). */
export function workOrderRisk(scenario: Scenario, consumer: ConsumerSpec): Setting | '' {
  for (const [name, { options }] of subscriptionsOf(scenario, consumer)) {
    if (!booleanOf(options, 'enable_message_ordering')) return `enable_message_ordering: false of ${name}`;
    if (tableOf(options, 'dead_letter_policy') !== undefined)
      return `dead_letter_policy of ${name}: what follows a forwarded message goes on`;
    if (consumer.settle !== 'after-processing') return `settle: ${consumer.settle}`;
    if (tableOf(options, 'push_config') !== undefined) continue;
    const streams = textOf(consumer.options, 'method', 'streaming-pull') === 'streaming-pull';
    const most = streams ? 'max_outstanding_messages' : 'max_messages';
    const held = numberOf(consumer.options, most, 0);
    if (held !== 1) return `${most}: ${held} (what follows a failed message of its key is at the client already)`;
  }
  return '';
}

/** Nothing takes a poison message out of the way. */
export function poisonRisk(scenario: Scenario, consumer: ConsumerSpec): Setting | '' {
  if (consumer.onFailure === 'leave')
    return 'on-failure: leave (the client extends its deadline for max_lease_duration)';
  const bare = subscriptionsOf(scenario, consumer).find(
    ([, { options }]) => tableOf(options, 'dead_letter_policy') === undefined,
  );
  return bare === undefined ? '' : `no dead_letter_policy on ${bare[0]}`;
}

function subscriptionsOf(scenario: Scenario, consumer: ConsumerSpec): readonly (readonly [string, DeclaredSpec])[] {
  return consumer.from.flatMap((name) => {
    const subscription = scenario.queues[name];
    return subscription === undefined ? [] : [[name, subscription] as const];
  });
}
