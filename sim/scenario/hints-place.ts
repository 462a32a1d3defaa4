/**
 * Where somebody is typing: which key of which record, or which value, of a file that need not be whole yet. A mark is put in the place of the word at hand,
 * the text is read as tolerantly as YAML allows, and the mark is looked for; the tables then say what belongs there. What could be
 * written there is hints.ts.
 */
import { isMap, isScalar } from 'yaml';
import { BROKERS } from '../../core/brokers/index.ts';
import type { BrokerKind } from '../../core/brokers/kind.ts';
import { findBrokers, follow, quietly } from './paths.ts';
import { SCENARIO } from './root.ts';
import type { Field, Inside, Shape } from './shapes.ts';
import { Source, type Spot } from './source.ts';

/** In the place of the word that is being typed. No file has it. */
const MARK = 'zz9mark9zz';
/** A longer file is no page that somebody writes by hand. */
const LONGEST = 200_000;

/** What the tables say about a spot of the file. */
export interface Known {
  readonly spot: Spot;
  readonly shape: Shape<unknown>;
  /** Null where a name of the user's own choice stands, and for items of lists. */
  readonly field: Field<unknown> | null;
  /** What surrounds it may hold; null for the whole file. */
  readonly around: Inside | null;
  /** The broker whose options are at hand; null for none. */
  readonly kind: BrokerKind | null;
}

/** The word that is being typed, and what may stand there. */
export interface Place {
  readonly source: Source;
  /** The word's characters in the text, from 0. */
  readonly from: number;
  readonly to: number;
  readonly position: 'key' | 'value';
  /** Of the value that the word is in; of the record whose key it is. */
  readonly known: Known;
  /** Keys that the record has beside this one. */
  readonly siblings: readonly string[];
  /** Inside `{ … }` or `[ … ]`. */
  readonly isFlow: boolean;
  /** A colon follows already. */
  readonly hasColon: boolean;
  /** Text of the value before the word, such as `max(depth(` of a condition. */
  readonly before: string;
}

/** All that may be typed at a character of the text; empty where nothing is known. A bare word may become a key or a value. */
export function placesAt(text: string, offset: number): readonly Place[] {
  if (text.length > LONGEST || inComment(text, offset)) return [];
  const { from, to } = wordAt(text, offset);
  const hasColon = /^[ \t]*:(?:\s|$)/.test(text.slice(to, to + 40));
  const asWritten = locate(text, from, to, MARK, hasColon);
  if (asWritten?.position === 'key') return [asWritten];
  const line = text.slice(text.lastIndexOf('\n', from - 1) + 1, from);
  const opens = /^[\s-]*$/.test(line) || /[[{,]\s*$/.test(line);
  if (!opens) return asWritten === null ? [] : [asWritten];
  const rest = /^[ \t]*(.?)/.exec(text.slice(to))?.[1] ?? '';
  const isLast = rest === '' || '}],\n#'.includes(rest);
  const asKey = locate(
    text,
    from,
    to,
    asWritten?.isFlow === true ? `${MARK}: 0${isLast ? '' : ', '}` : `${MARK}: `,
    false,
  );
  return [...(asKey?.position === 'key' ? [asKey] : []), ...(asWritten === null ? [] : [asWritten])];
}

/** What stands at a character of the text as it is: the innermost key or value there. */
export function knownAt(
  text: string,
  offset: number,
): { readonly known: Known; readonly part: 'key' | 'value'; readonly from: number; readonly to: number } | null {
  if (text.length > LONGEST || inComment(text, offset)) return null;
  const source = sourceOf(text);
  return quietly(source, () => {
    let at: Known = whole(source);
    for (;;) {
      let inner: Known | null = null;
      for (const { key, spot } of childrenOf(at.spot)) {
        const [keyFrom, keyTo] = spot.keyNode?.range ?? [0, 0];
        if (spot.keyNode !== null && offset >= keyFrom && offset <= keyTo) {
          const known = step(at, key, spot);
          return known === null ? null : { known, part: 'key', from: keyFrom, to: keyTo };
        }
        const [from, to] = spot.node?.range ?? [0, 0];
        if (spot.node !== null && offset >= from && offset <= to) inner = step(at, key, spot);
      }
      if (inner === null) break;
      at = inner;
    }
    const { node } = at.spot;
    if (!isScalar(node) || !node.range) return null;
    return { known: at, part: 'value', from: node.range[0], to: node.range[1] };
  });
}

/** The word around a character: what a name, a number with its unit or an option is made of. */
export function wordAt(text: string, offset: number): { readonly from: number; readonly to: number } {
  const before = /[\p{L}\p{N}_./%$-]*$/u.exec(text.slice(Math.max(0, offset - 200), offset))?.[0] ?? '';
  // The dash of a list item is no part of the word.
  const dash = /^-+$/.test(before) ? before.length : 0;
  const after = /^[\p{L}\p{N}_./%$-]*/u.exec(text.slice(offset, offset + 200))?.[0] ?? '';
  return { from: offset - before.length + dash, to: offset + after.length };
}

function inComment(text: string, offset: number): boolean {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  let quote = '';
  for (let i = 0; i < line.length; i++) {
    const char = line[i] ?? '';
    if (quote !== '') {
      if (char === quote) quote = '';
    } else if ((char === '"' || char === "'") && /^$|[\s,:{[(-]/.test(line[i - 1] ?? '')) quote = char;
    else if (char === '#' && /^$|\s/.test(line[i - 1] ?? '')) return true;
  }
  return false;
}

function sourceOf(text: string): Source {
  const source = new Source(text, 'scenario', BROKERS);
  source.brokersHere = findBrokers(source);
  return source;
}

function whole(source: Source): Known {
  return { spot: source.root, shape: SCENARIO, field: null, around: null, kind: null };
}

function locate(text: string, from: number, to: number, mark: string, hasColon: boolean): Place | null {
  const source = sourceOf(text.slice(0, from) + mark + text.slice(to));
  return quietly(source, () => {
    const found = find(source.root);
    if (found === null) return null;
    const keys = found.spot.path;
    let known: Known = whole(source);
    const spots = lineage(found.spot);
    for (let i = 0; i < keys.length - (found.position === 'key' ? 1 : 0); i++) {
      const spot = spots[i + 1];
      const next = spot === undefined ? null : step(known, keys[i] ?? '', spot);
      if (next === null) return null;
      known = next;
    }
    const record = found.position === 'key' ? known.spot : (found.spot.parent ?? known.spot);
    const { node } = found.spot;
    const start = node?.range?.[0] ?? from;
    return {
      source,
      from,
      to,
      position: found.position,
      known,
      siblings: source.entries(known.spot).flatMap(({ key }) => (key.includes(MARK) ? [] : [key])),
      isFlow: isCollectionInFlow(record),
      hasColon,
      before: found.position === 'value' && start < from ? text.slice(start, from).replace(/^["']/, '') : '',
    };
  });
}

/** One step inwards; null where the tables know nothing. */
function step(at: Known, key: string, spot: Spot): Known | null {
  const around = at.shape.inside?.(at.spot);
  if (around === undefined) return null;
  const path = around.naming?.includes('path') === true ? follow(at.spot.source, key) : null;
  const shape = path !== null && !('message' in path) ? path.shape : around.shapeOf(key);
  if (shape === null) return null;
  return { spot, shape, field: around.fieldOf?.(key) ?? null, around, kind: around.kind ?? at.kind };
}

function find(spot: Spot): { readonly spot: Spot; readonly position: 'key' | 'value' } | null {
  for (const { key, spot: child } of childrenOf(spot)) {
    if (child.keyNode !== null && key.includes(MARK)) return { spot: child, position: 'key' };
    if (isScalar(child.node) && String(child.node.value).includes(MARK)) return { spot: child, position: 'value' };
    const inner = find(child);
    if (inner !== null) return inner;
  }
  return null;
}

function childrenOf(spot: Spot): readonly { readonly key: string; readonly spot: Spot }[] {
  const { source } = spot;
  if (source.isMap(spot)) return source.entries(spot);
  return source.items(spot).map((child, i) => ({ key: String(i), spot: child }));
}

/** From the whole file to the spot. */
function lineage(spot: Spot): readonly Spot[] {
  const spots: Spot[] = [];
  for (let at: Spot | null = spot; at !== null; at = at.parent) spots.unshift(at);
  return spots;
}

function isCollectionInFlow({ node }: Spot): boolean {
  return (isMap(node) || (node !== null && 'items' in node)) && 'flow' in node && node.flow === true;
}
