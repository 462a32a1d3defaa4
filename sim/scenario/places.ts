/** Questions about the queues, topics and exchanges of a whole scenario that more than one part of the simulator asks. */
import type { Elsewhere } from '../../core/brokers/kind.ts';
import { type OptionValues, tableOf, textOf } from '../../core/options.ts';
import type { Scenario } from './types.ts';

const SECTIONS = ['queues', 'topics', 'exchanges'] as const;

/** What the other brokers than this one have. */
export function elsewhere(scenario: Scenario, broker: string): Elsewhere[] {
  return SECTIONS.flatMap((section) =>
    Object.entries(scenario[section]).flatMap(([name, spec]) =>
      spec.broker === broker
        ? []
        : [{ ...spec, name, section, kind: scenario.brokers[spec.broker]?.kind ?? '' } satisfies Elsewhere],
    ),
  );
}

/** Whether anything names this queue as the place for what cannot be delivered. */
export function isDeadLetter(scenario: Scenario, name: string): boolean {
  for (const options of redrivable(scenario)) {
    if (tableOf(options, 'RedrivePolicy')?.['deadLetterTargetArn'] === name) return true;
    if (options['dead-letter-stream'] === name) return true;
  }
  for (const { from, group, options } of Object.values(scenario.consumers)) {
    const policy = tableOf(options, 'deadLetterPolicy');
    if (policy === undefined) continue;
    const subscription = textOf(options, 'subscriptionName', group);
    if (from.some((topic) => textOf(policy, 'deadLetterTopic', `${topic}-${subscription}-DLQ`) === name)) return true;
  }
  const { topic } = scenario.queues[name]?.options ?? {};
  return Object.values(scenario.queues).some(({ options }) => {
    const policy = tableOf(options, 'dead_letter_policy');
    if (policy !== undefined) return topic !== undefined && policy['dead_letter_topic'] === topic;
    const exchange = options['x-dead-letter-exchange'];
    if (options['RedrivePolicy'] !== undefined || typeof exchange !== 'string') return false;
    if (exchange === '') return options['x-dead-letter-routing-key'] === name;
    return scenario.queues[name]?.bindings.some((binding) => binding.exchange === exchange) ?? false;
  });
}

/** A queue that is subscribed to a topic of SNS. */
export interface Subscribed {
  readonly queue: string;
  /** Whether it gets only what a filter lets pass. */
  readonly filtered: boolean;
  /** Where what cannot be delivered to it goes; '' for nowhere. */
  readonly deadLetter: string;
}

export function subscribedTo(scenario: Scenario, topic: string): Subscribed[] {
  const subscriptions = tableOf(scenario.topics[topic]?.options ?? {}, 'subscriptions') ?? {};
  return Object.keys(subscriptions).map((queue) => {
    const own = tableOf(subscriptions, queue) ?? {};
    const deadLetter = textOf(tableOf(own, 'RedrivePolicy') ?? {}, 'deadLetterTargetArn');
    return { queue, filtered: textOf(own, 'FilterPolicy') !== '', deadLetter };
  });
}

/** All that may have a RedrivePolicy: queues, subscriptions of queues to topics, and consumers that are subscribed themselves. */
function* redrivable(scenario: Scenario): Generator<OptionValues> {
  for (const { options } of Object.values(scenario.queues)) yield options;
  for (const { options } of Object.values(scenario.consumers)) yield options;
  for (const { options } of Object.values(scenario.topics)) {
    const subscriptions = tableOf(options, 'subscriptions') ?? {};
    for (const name of Object.keys(subscriptions)) yield tableOf(subscriptions, name) ?? {};
  }
}
