/** Where in its file a thing or one of its settings is declared, and which thing is declared at a place of the file. The text need not be whole or valid. */
import { isMap, isScalar, type Node } from 'yaml';
import { BROKERS } from '../../core/brokers/index.ts';
import { wordAt } from './hints-place.ts';
import { findBrokers, follow, quietly } from './paths.ts';
import { Source, type Spot } from './source.ts';

/** Something by its name: of a section such as `consumers`, or as a line of the timeline names it ('' for the section). */
export interface Named {
  readonly section: string;
  readonly name: string;
}

const SECTIONS = ['queues', 'topics', 'exchanges', 'producers', 'consumers', 'stores', 'brokers'];
/** What names other things than itself. */
const OTHERS = ['timeline', 'autoscale', 'alerts', 'expect', 'claims', 'network'];

/** Line and column, from 1, of a setting; of the thing where the file leaves the setting open or none is asked for (''); null where the file does not name the thing. */
export function placeOf(
  text: string,
  { section, name }: Named,
  setting: string,
): { readonly line: number; readonly column: number } | null {
  const source = sourceOf(text);
  const at = quietly(source, () => {
    const thing = declarationOf(source, section, name);
    const start = keyStart(thing?.keyNode ?? null) ?? thing?.node?.range?.[0] ?? null;
    if (thing === null || setting === '') return start;
    const found = follow(source, `${thing.path.join('.')}.${setting}`);
    const spots = 'message' in found ? [] : lineage(found.spot, thing);
    return spots.map(({ keyNode }) => keyStart(keyNode)).find((one) => one !== null) ?? start;
  });
  if (at === null) return null;
  const before = text.slice(0, at).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/** What is declared at a character of the text, or what the word there may name; null for nothing. */
export function namedAt(text: string, offset: number): Named | null {
  const source = sourceOf(text);
  return quietly(source, () => {
    const holds = ({ spot }: { readonly spot: Spot }): boolean =>
      offset >= (keyStart(spot.keyNode) ?? offset + 1) && offset <= endOf(text, spot);
    const top = source.entries(source.root).find(holds);
    if (top === undefined) return null;
    if (top.key === 'broker') return { section: 'brokers', name: 'broker' };
    if (OTHERS.includes(top.key)) {
      const { from, to } = wordAt(text, offset);
      return to > from ? { section: '', name: text.slice(from, to) } : null;
    }
    if (!SECTIONS.includes(top.key)) return null;
    const entry = source.entries(top.spot).find(holds);
    if (entry === undefined) return null;
    const word = wordAt(text, offset);
    const other = otherThan(source, entry.spot, text.slice(word.from, word.to));
    return other ?? { section: top.key, name: entry.key };
  });
}

/** Within a thing another may be named: `from: photo-jobs`. */
function otherThan(source: Source, { keyNode }: Spot, word: string): Named | null {
  if (word === '' || (isScalar(keyNode) && keyNode.value === word)) return null;
  const section = SECTIONS.find((key) => declarationOf(source, key, word, false) !== null);
  return section === undefined ? null : { section, name: word };
}

function sourceOf(text: string): Source {
  const source = new Source(text, 'scenario', BROKERS);
  source.brokersHere = findBrokers(source);
  return source;
}

/** `widely`: also what has no name of its own. */
function declarationOf(source: Source, section: string, name: string, widely = true): Spot | null {
  const { root } = source;
  const spot = source.child(source.child(root, section), name);
  if (spot.keyNode !== null) return spot;
  // `broker: sqs` has no name of its own, and a file in neutral words says where it may run instead.
  const keys = section === 'brokers' && widely ? ['broker', 'under'] : [];
  const only = keys.map((key) => source.child(root, key)).find(({ keyNode }) => keyNode !== null);
  if (only !== undefined) return only;
  // A store exists as soon as an effect names it.
  const clients = section === 'stores' ? ['consumers', 'producers'] : [];
  const effects = clients.flatMap((key) =>
    source
      .entries(source.child(root, key))
      .flatMap((client) => source.entries(source.child(client.spot, 'effect')).map((effect) => effect.spot)),
  );
  return effects.find((effect) => source.text(effect) === name) ?? null;
}

/** From a setting outwards until the thing that it is of, which is left out. */
function lineage(from: Spot, thing: Spot): readonly Spot[] {
  const spots: Spot[] = [];
  for (let at: Spot | null = from; at !== null && at.path.length > thing.path.length; at = at.parent) spots.push(at);
  return spots;
}

function keyStart(node: Node | null): number | null {
  return node?.range?.[0] ?? null;
}

/** Of a map in lines the end of its last line, without the empty ones after it. */
function endOf(text: string, { node, keyNode }: Spot): number {
  const [start, to] = node?.range ?? keyNode?.range ?? [0, 0];
  const until = isMap(node) && node.flow !== true ? start + text.slice(start, to).trimEnd().length : to;
  return Math.max(until, keyNode?.range?.[1] ?? 0);
}
