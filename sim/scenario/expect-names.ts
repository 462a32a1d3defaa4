/** The names that expectations and claims may use, as a scenario declares them, and what is said where one is not among them. */
import { nearest } from './nearest.ts';
import type { Scenario } from './types.ts';

/** The names that an expression may use, as the scenario declares them. */
export interface ExpressionNames {
  readonly queues: readonly string[];
  readonly topics: readonly string[];
  readonly endpoints: readonly string[];
  readonly groups: readonly string[];
  readonly stores: readonly string[];
  readonly consumers: readonly string[];
  readonly producers: readonly string[];
  readonly brokers: readonly string[];
  readonly attributes: readonly string[];
}

/** The names of a scenario. */
export function namesOf(scenario: Scenario): ExpressionNames {
  const queues = Object.keys(scenario.queues);
  const topics = Object.keys(scenario.topics);
  const declared = new Set([...queues, ...topics, ...Object.keys(scenario.exchanges)]);
  const endpoints = new Set<string>();
  const attributes = new Set<string>(['key']);
  for (const producer of Object.values(scenario.producers)) {
    for (const name of producer.to) if (!declared.has(name)) endpoints.add(name);
    for (const name of Object.keys(producer.attributes)) attributes.add(name);
    for (const message of producer.send) for (const name of Object.keys(message.attributes)) attributes.add(name);
    if (producer.key !== null) attributes.add(producer.key);
  }
  const groups = new Set<string>();
  for (const consumer of Object.values(scenario.consumers)) {
    groups.add(consumer.group);
    for (const name of consumer.from) if (!declared.has(name)) endpoints.add(name);
  }
  return {
    queues,
    topics,
    endpoints: [...endpoints],
    groups: [...groups],
    stores: Object.keys(scenario.stores),
    consumers: Object.keys(scenario.consumers),
    producers: Object.keys(scenario.producers),
    brokers: Object.keys(scenario.brokers),
    attributes: [...attributes],
  };
}

/** Claims about what goes through several places: the books of all messages, and transactions. */
const WHOLE: readonly string[] = ['conservation', 'atomic-publish-and-commit'];

/**
 * What is wrong with the scope of a claim, or null: `key-order` is limited to an attribute, those about several places to nothing, any other claim to a queue, topic,
 * group, store or consumer.
 */
export function scopeMistake(
  claim: string,
  scope: string,
  names: ExpressionNames,
): { readonly message: string; readonly hint: string } | null {
  if (scope !== '' && WHOLE.includes(claim))
    return { message: `\`${claim}\` is about the whole run.`, hint: 'Leave its scope out.' };
  const byKey = claim === 'key-order';
  const known = byKey
    ? names.attributes
    : [
        ...new Set([
          ...names.queues,
          ...names.topics,
          ...names.endpoints,
          ...names.groups,
          ...names.stores,
          ...names.consumers,
        ]),
      ];
  if (scope === '' || known.includes(scope) || (!byKey && ofTopic(scope, names))) return null;
  const what = byKey ? 'attribute' : 'queue, topic, group, store or consumer';
  return { message: `there is no ${what} \`${scope}\`.`, hint: instead(scope, known, what) };
}

/** Whether this names a partition: `rides/0`. */
export function ofTopic(text: string, names: ExpressionNames): boolean {
  const topic = /^(.+)\/\d{1,5}$/.exec(text)?.[1];
  return topic !== undefined && names.topics.includes(topic);
}

/** The name that was meant, else the names that there are. */
export function instead(text: string, names: readonly string[], what: string): string {
  const like = nearest(text, names);
  if (like !== null) return `Did you mean \`${like}\`?`;
  return names.length === 0
    ? `The file declares no ${what}.`
    : names.length <= 12
      ? `There are ${names.join(', ')}.`
      : '';
}
