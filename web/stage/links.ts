/**
 * Who is connected with whom on the stage, read from the scenario and the roster: what producers send to, exchanges feed, consumers read, make and
 * write, and where dead letters go. Pure; where the links run is `geometry.ts`.
 */
import type { Actor, Place } from '../../core/types.ts';
import { subscribedTo } from '../../sim/scenario/places.ts';
import type { Scenario } from '../../sim/scenario/types.ts';
import { actorKey, type Link, placeKey } from './boxes.ts';
import { deadLettersOf } from './dead-letters.ts';
import { reads } from './reads.ts';

/** The roster by kind, in its order. */
export interface Parts {
  readonly producers: readonly Actor[];
  readonly consumers: readonly Actor[];
  readonly stores: readonly Actor[];
  readonly nodes: readonly Actor[];
  readonly exchanges: readonly Place[];
  readonly queues: readonly Place[];
  readonly deadLetters: readonly Place[];
  readonly partitions: readonly Place[];
  readonly groups: readonly Place[];
}

export function linksOf(scenario: Scenario, parts: Parts): Link[] {
  const links = new Map<string, Link>();
  const add = (from: string, to: string, more: Partial<Link> = {}): void => {
    const key = `${from}→${to}`;
    if (from !== to && !links.has(key))
      links.set(key, { key, from, to, label: '', dashed: false, dynamic: false, ...more });
  };
  const queues = [...parts.queues, ...parts.deadLetters];
  /** Keys of what a name in `to` stands for; a topic's queues only where the topic itself is not on the stage. */
  const named = (name: string): readonly string[] => {
    const exact = [...parts.exchanges, ...queues].filter((place) => place.name === name);
    const parted = [...queues, ...parts.partitions].filter((place) => place.parent === name);
    return (exact.length > 0 ? exact : parted).map(({ id }) => placeKey(id));
  };
  const storeKeys = (name: string): readonly string[] =>
    parts.stores.filter((store) => store.name === name).map(({ id }) => actorKey(id));
  const isDirect = queues.length + parts.partitions.length + parts.exchanges.length === 0;

  for (const producer of parts.producers) {
    const spec = scenario.producers[producer.group];
    for (const key of (spec?.to ?? []).flatMap(named)) add(actorKey(producer.id), key);
    if (spec !== undefined && spec.effect.store !== '')
      for (const key of storeKeys(spec.effect.store)) add(actorKey(producer.id), key);
    if (!isDirect) continue;
    for (const consumer of parts.consumers) {
      if (spec === undefined || calls(spec.to, scenario, consumer)) add(actorKey(producer.id), actorKey(consumer.id));
    }
  }

  const bind = (key: string, bindings: Scenario['queues'][string]['bindings']): void => {
    for (const exchange of parts.exchanges) {
      const labels = bindings.filter((one) => one.exchange === exchange.name).map((one) => one.key);
      if (labels.length > 0) add(placeKey(exchange.id), key, { label: labels.filter((one) => one !== '').join(', ') });
    }
  };
  for (const place of queues) bind(placeKey(place.id), scenario.queues[place.name]?.bindings ?? []);
  for (const place of parts.exchanges) bind(placeKey(place.id), scenario.exchanges[place.name]?.bindings ?? []);
  for (const topic of parts.exchanges) {
    // A topic feeds the queues that are subscribed, and what is to be delivered to consumers that it calls.
    for (const { queue, filtered, deadLetter } of subscribedTo(scenario, topic.name)) {
      for (const place of queues) {
        if (place.name === queue) add(placeKey(topic.id), placeKey(place.id), { label: filtered ? 'filter' : '' });
        if (place.name === deadLetter) add(placeKey(topic.id), placeKey(place.id), { dashed: true });
      }
    }
    for (const place of [...queues, ...parts.partitions]) {
      const from = scenario.queues[place.name]?.options['topic'];
      const isOf = place.parent === topic.name && place.name !== topic.name;
      if (isOf || from === topic.name) add(placeKey(topic.id), placeKey(place.id));
    }
  }

  for (const consumer of parts.consumers) {
    const spec = scenario.consumers[consumer.group];
    if (spec === undefined) continue;
    for (const place of queues) {
      if (reads(scenario, consumer.group, place)) add(placeKey(place.id), actorKey(consumer.id));
    }
    for (const place of parts.partitions) {
      // A stream has no group that assigns it; it is read by everybody who asks.
      if (reads(scenario, consumer.group, place))
        add(placeKey(place.id), actorKey(consumer.id), { dynamic: place.name !== place.parent });
    }
    for (const key of storeKeys(spec.effect.store)) add(actorKey(consumer.id), key);
    // What is written on within a transaction is an output as well.
    const forward = spec.options['forward.to'];
    const outputs = [...spec.produces.flatMap(({ to }) => to), ...(typeof forward === 'string' ? [forward] : [])];
    for (const key of outputs.flatMap(named)) add(actorKey(consumer.id), key);
  }
  for (const { from, to } of deadLettersOf(scenario, [...queues, ...parts.partitions])) {
    add(placeKey(from.id), placeKey(to.id), { dashed: true });
  }
  return [...links.values()];
}

/** Whether a direct call of a producer may go to this consumer. */
function calls(to: readonly string[], scenario: Scenario, consumer: Actor): boolean {
  return (
    to.length === 0 ||
    to.includes(consumer.group) ||
    to.some((one) => scenario.consumers[consumer.group]?.from.includes(one))
  );
}
