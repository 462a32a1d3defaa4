/** Which consumers read from which queue or partition. */
import type { Place } from '../../core/types.ts';
import type { ConsumerSpec, Scenario } from '../../sim/scenario/types.ts';

/** Whether instances of a declared consumer read from a queue or partition: named by itself, or one of a topic's with their subscription or group. */
export function reads(scenario: Scenario, declared: string, place: Place): boolean {
  const spec = scenario.consumers[declared];
  if (spec === undefined) return false;
  return spec.from.some((source) => {
    if (place.name === source) return true;
    if (place.parent !== source) return false;
    if (place.kind === 'partition') return true;
    const subscription = place.name
      .slice(source.length + 1)
      .split('/')
      .filter((part) => !/^\d+$/.test(part))
      .join('/');
    return subscription === '' || subscriptionsOf(spec, declared).includes(subscription);
  });
}

/** Names under which a topic may keep what it owes to a consumer. */
function subscriptionsOf(spec: ConsumerSpec, declared: string): readonly string[] {
  const named = spec.options['subscriptionName'];
  return typeof named === 'string' ? [named] : [spec.group, declared];
}
