/** Where dead letters go, by the rules of each broker: named by the queue itself, or by a consumer that reads from it. */
import type { OptionValues } from '../../core/options.ts';
import type { Place } from '../../core/types.ts';
import type { Scenario } from '../../sim/scenario/types.ts';
import { reads } from './reads.ts';

/** The queue, topic or stream that takes a queue's dead letters, as the queue's own options name it; '' when they name none. */
export function deadLetterOf(scenario: Scenario, queue: string): string {
  const options = scenario.queues[queue]?.options ?? {};
  const policy = nested(options, 'RedrivePolicy')['deadLetterTargetArn'];
  if (options['RedrivePolicy'] !== undefined) return typeof policy === 'string' ? policy : '';
  const topic = nested(options, 'dead_letter_policy')['dead_letter_topic'];
  if (typeof topic === 'string') return subscriptionTo(scenario, topic);
  const exchange = options['x-dead-letter-exchange'];
  if (typeof exchange !== 'string') return '';
  const key = options['x-dead-letter-routing-key'];
  if (exchange === '') return typeof key === 'string' ? key : '';
  const bound = Object.entries(scenario.queues).find(([, spec]) =>
    spec.bindings.some((one) => one.exchange === exchange),
  );
  return bound?.[0] ?? '';
}

/** The subscription through which a topic's messages are kept; the topic itself where there is none. */
function subscriptionTo(scenario: Scenario, topic: string): string {
  const found = Object.entries(scenario.queues).find(([, { options }]) => options['topic'] === topic);
  return found?.[0] ?? topic;
}

/** From each of these places to the one that takes its dead letters. */
export function deadLettersOf(
  scenario: Scenario,
  places: readonly Place[],
): readonly { readonly from: Place; readonly to: Place }[] {
  return places.flatMap((from) => {
    const names = new Set([deadLetterOf(scenario, from.name)]);
    for (const [declared, { group, options }] of Object.entries(scenario.consumers)) {
      if (!reads(scenario, declared, from)) continue;
      const stream = options['dead-letter-stream'];
      if (typeof stream === 'string') names.add(stream);
      if (options['deadLetterPolicy'] === undefined) continue;
      const subscription = options['subscriptionName'] ?? group;
      const topic = nested(options, 'deadLetterPolicy')['deadLetterTopic'];
      names.add(typeof topic === 'string' ? topic : `${from.parent}-${subscription}-DLQ`);
    }
    return places.filter((to) => to !== from && names.has(to.name)).map((to) => ({ from, to }));
  });
}

/** A table within the options; empty when it is not given. */
export function nested(options: OptionValues, name: string): Readonly<Record<string, unknown>> {
  const table = options[name];
  return typeof table === 'object' ? (table as Readonly<Record<string, unknown>>) : {};
}
