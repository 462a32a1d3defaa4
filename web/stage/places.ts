/** Places in the words of their broker's people, and where the file declares them. */
import type { Place } from '../../core/types.ts';
import type { Scenario } from '../../sim/scenario/types.ts';

/** Sections of the file that declare places. */
type Declaring = 'queues' | 'topics' | 'exchanges';
type Declared = Pick<Scenario, 'brokers' | Declaring>;

/** Where to look for it, by what a place is: a stream of RabbitMQ is a partition that is declared as a queue, a subscription of Pulsar a queue that is declared by its topic. */
const SECTIONS: Readonly<Partial<Record<Place['kind'], readonly Declaring[]>>> = {
  queue: ['queues', 'topics'],
  partition: ['topics', 'queues'],
  exchange: ['exchanges', 'topics'],
};

/** Section and name under which the file declares what stands at a place: itself, or else the topic that it belongs to; null when it declares neither. */
export function declaredAt(
  scenario: Declared,
  { kind, name, parent }: Pick<Place, 'kind' | 'name' | 'parent'>,
): readonly [Declaring, string] | null {
  for (const one of [name, parent]) {
    for (const section of SECTIONS[kind] ?? []) if (Object.hasOwn(scenario[section], one)) return [section, one];
  }
  return null;
}

/** What it is called on its broker: "Queue", "Subscription", "Topic". */
export function placeWord(scenario: Declared, place: Omit<Place, 'id'>): string {
  const { kind, name, parent, deadLetter } = place;
  const broker = kindAt(scenario, place);
  switch (kind) {
    case 'queue':
      if (deadLetter) return DEAD_LETTERS[broker] ?? 'Dead-letter queue';
      return (name === parent ? WHOLE[broker] : SHARED[broker]) ?? QUEUES[broker] ?? 'Queue';
    case 'partition':
      return broker === 'rabbitmq' ? 'Stream' : 'Partition';
    case 'exchange':
      return EXCHANGES[broker] ?? 'Exchange';
    case 'group':
      return 'Consumer group';
    case 'endpoint':
      return 'Endpoint';
    default:
      return '';
  }
}

type Words = Readonly<Record<string, string>>;

const QUEUES: Words = { 'google-pubsub': 'Subscription', 'redis-pubsub': 'Subscriber', sns: 'Subscription' };
/** Where all that read it share one place, and where each reader of it has its own. */
const WHOLE: Words = { pulsar: 'Topic', 'redis-streams': 'Stream' };
const SHARED: Words = { pulsar: 'Subscription', 'redis-streams': 'Consumer group' };
const EXCHANGES: Words = {
  sns: 'Topic',
  'google-pubsub': 'Topic',
  pulsar: 'Topic',
  'redis-streams': 'Stream',
  'redis-pubsub': 'Channel',
};
const DEAD_LETTERS: Words = {
  'google-pubsub': 'Dead-letter topic',
  pulsar: 'Dead-letter topic',
  'redis-streams': 'Dead-letter stream',
};

/** The kind of the broker that a place is on; '' where the file does not say it. */
function kindAt(scenario: Declared, place: Pick<Place, 'kind' | 'name' | 'parent'>): string {
  const at = declaredAt(scenario, place);
  const [only, ...others] = Object.keys(scenario.brokers);
  const broker = at === null ? (others.length === 0 ? only : undefined) : scenario[at[0]][at[1]]?.broker;
  return scenario.brokers[broker ?? '']?.kind ?? '';
}
