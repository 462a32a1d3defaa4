/** The names that a file declares, for whoever completes one of them. They are read from a file that need not be whole or valid. */
import { CONSUMER, PRODUCER } from './grammar.ts';
import { PROFILES } from './neutral/profiles.ts';
import { defaultsOf, optionsOf } from './options.ts';
import { quietly } from './paths.ts';
import { nodesOf } from './resolve.ts';
import type { Naming, Shape } from './shapes.ts';
import type { Source, Spot } from './source.ts';

export interface Name {
  readonly name: string;
  /** `queue`, `consumer`, … */
  readonly what: string;
}

/** So many instances of one declared name are offered. */
const MOST_INSTANCES = 12;

/** All that a text of these kinds may name, each name once. */
export function namesFor(source: Source, kinds: readonly Naming[]): readonly Name[] {
  return quietly(source, () => {
    const found = new Map<string, Name>();
    for (const kind of kinds)
      for (const one of namesOfKind(source, kind)) if (!found.has(one.name)) found.set(one.name, one);
    return [...found.values()];
  });
}

function namesOfKind(source: Source, kind: Naming): readonly Name[] {
  switch (kind) {
    case 'queue':
      return section(source, 'queues', 'queue');
    case 'topic':
      return section(source, 'topics', 'topic');
    case 'exchange':
      return section(source, 'exchanges', 'exchange');
    case 'producer':
      return section(source, 'producers', 'producer');
    case 'consumer':
      return section(source, 'consumers', 'consumer');
    case 'broker': {
      const several = section(source, 'brokers', 'broker');
      return several.length > 0 ? several : [...source.brokersHere.keys()].map((name) => ({ name, what: 'broker' }));
    }
    case 'group':
      return entriesOf(source, 'consumers').map(({ key, spot }) => ({
        name: source.text(source.child(spot, 'group')) ?? key,
        what: 'consumer group',
      }));
    case 'actor':
      return [
        ...clients(source, 'producers', 'producer', PRODUCER),
        ...clients(source, 'consumers', 'consumer', CONSUMER),
        ...namesOfKind(source, 'store'),
        ...nodes(source),
      ];
    case 'store':
      return [...section(source, 'stores', 'store'), ...effects(source)];
    case 'attribute':
      return attributes(source);
    case 'lane': {
      const under = source.items(source.child(source.root, 'under')).map((item) => source.text(item) ?? '');
      return PROFILES.filter(({ name }) => under.length === 0 || under.includes(name)).map(({ name, title }) => ({
        name,
        what: title,
      }));
    }
    case 'path':
    case 'condition':
      return [];
    default:
      return kind satisfies never;
  }
}

function entriesOf(source: Source, key: string): readonly { readonly key: string; readonly spot: Spot }[] {
  return source.entries(source.child(source.root, key));
}

function section(source: Source, key: string, what: string): readonly Name[] {
  return entriesOf(source, key).map((entry) => ({ name: entry.key, what }));
}

/** Declared names, and those of their instances where there are several. */
function clients(source: Source, key: string, what: string, shape: Shape<{ readonly count: number }>): readonly Name[] {
  return entriesOf(source, key).flatMap((entry) => {
    const count = shape.read(entry.spot)?.count ?? 1;
    const instances = count > 1 ? Math.min(count, MOST_INSTANCES) : 0;
    return [
      { name: entry.key, what: instances > 0 ? `all of ${what}` : what },
      ...Array.from({ length: instances }, (_, i) => ({ name: `${entry.key}-${i + 1}`, what })),
    ];
  });
}

function nodes(source: Source): readonly Name[] {
  const several = source.child(source.root, 'brokers');
  return [...source.brokersHere].flatMap(([name, kind]) => {
    if (kind === null || kind.kind === 'neutral') return [];
    const spot = source.isMap(several) ? source.child(several, name) : source.child(source.root, 'broker');
    const options = source.isMap(spot) ? optionsOf('options').read(spot, kind.options) : defaultsOf(kind.options);
    return nodesOf(kind, name, options).map((node) => ({ name: node, what: `node of ${kind.title}` }));
  });
}

/** Stores exist as soon as an effect names them. */
function effects(source: Source): readonly Name[] {
  return [...entriesOf(source, 'consumers'), ...entriesOf(source, 'producers')].flatMap(({ spot }) =>
    source.entries(source.child(spot, 'effect')).flatMap((effect) => {
      const name = source.text(effect.spot);
      return name === null ? [] : [{ name, what: 'store' }];
    }),
  );
}

function attributes(source: Source): readonly Name[] {
  return entriesOf(source, 'producers').flatMap(({ spot }) => {
    const key = source.text(source.child(spot, 'key'));
    const declared = source.entries(source.child(spot, 'attributes')).map((entry) => entry.key);
    return [...declared, ...(key === null ? [] : [key])].map((name) => ({ name, what: 'attribute' }));
  });
}
