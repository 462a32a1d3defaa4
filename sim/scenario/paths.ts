/**
 * Paths into a scenario file, such as `queues.photo-jobs.VisibilityTimeout` or `timeline.0.at`. Keys may hold dots themselves
 * (`topics.rides.replication.factor`), so a path is followed with the grammar at hand: at each step the longest known key wins.
 */
import type { BrokerKind } from '../../core/brokers/kind.ts';
import { nearest } from './nearest.ts';
import { NEUTRAL } from './neutral/words.ts';
import { SCENARIO } from './root.ts';
import { didYouMean, type Shape } from './shapes.ts';
import { shown } from './shown.ts';
import type { Source, Spot } from './source.ts';

export interface Found {
  readonly path: readonly string[];
  readonly shape: Shape<unknown>;
  /** The place; its node is null when the file says nothing there. */
  readonly spot: Spot;
}

export interface NotFound {
  readonly message: string;
  readonly hint: string;
}

/** Follows a path through the grammar and the file. */
export function follow(source: Source, path: string): Found | NotFound {
  if (path.length > 500) return { message: 'the path is too long.', hint: '' };
  let rest = path.split('.');
  let shape: Shape<unknown> = SCENARIO;
  let spot = source.root;
  const walked: string[] = [];
  while (rest.length > 0) {
    const inside = shape.inside?.(spot);
    if (inside === undefined) {
      return { message: `\`${shown(walked.join('.'))}\` has nothing inside it.`, hint: `It takes ${shape.expected}.` };
    }
    const key = longestKey(inside.known, rest);
    const next = key ?? rest.join('.');
    // A name that the file does not have yet may be given a value as a whole, but nothing can be set inside it, lest a slip make a new thing.
    const made =
      key === null && !inside.open && rest.length === 1 ? rest[0] : key === null && inside.open ? rest[0] : undefined;
    const chosen = key ?? made;
    const inner = chosen === undefined ? null : inside.shapeOf(chosen);
    if (chosen === undefined || inner === null) {
      const where = walked.length === 0 ? 'the file' : `\`${shown(walked.join('.'))}\``;
      const first = rest[0] ?? next;
      return {
        message: `${where} has no \`${shown(first)}\`.`,
        hint: insteadOf(source, next) ?? didYouMean(nearest(next, inside.known) ?? nearest(first, inside.known)),
      };
    }
    spot = source.child(spot, chosen);
    shape = inner;
    walked.push(chosen);
    rest = rest.slice(chosen.split('.').length);
  }
  return { path: walked, shape, spot };
}

/** What the brokers of the file have instead of an option that only others have. */
function insteadOf(source: Source, option: string): string | undefined {
  for (const kind of source.brokersHere.values()) {
    if (kind !== null && Object.hasOwn(kind.lacks, option)) return kind.lacks[option];
  }
  return undefined;
}

function longestKey(known: readonly string[], rest: readonly string[]): string | null {
  for (let length = rest.length; length > 0; length--) {
    const key = rest.slice(0, length).join('.');
    if (known.includes(key)) return key;
  }
  return null;
}

/** Which kinds of broker the file names; null for a name whose kind is unknown. Reports nothing: reading the file does. */
export function findBrokers(source: Source): ReadonlyMap<string, BrokerKind | null> {
  const found = new Map<string, BrokerKind | null>();
  const kindAt = (spot: Spot): BrokerKind | null => {
    const kind = source.text(spot) ?? source.text(source.child(spot, 'kind'));
    return kind !== null && Object.hasOwn(source.kinds, kind) ? (source.kinds[kind] ?? null) : null;
  };
  const only = source.child(source.root, 'broker');
  if (isNeutral(source)) found.set('broker', NEUTRAL);
  else if (only.keyNode !== null) found.set('broker', kindAt(only));
  const several = source.child(source.root, 'brokers');
  if (!source.isMap(several)) return found;
  for (const { key, spot } of quietly(source, () => source.entries(several))) found.set(key, kindAt(spot));
  return found;
}

/** Whether the file is written in neutral words: it says `under:` and names no broker. */
export function isNeutral(source: Source): boolean {
  const says = (key: string): boolean => source.child(source.root, key).keyNode !== null;
  return says('under') && !says('broker') && !says('brokers');
}

/** Reads without complaining: what is wrong there is said once, by the reading of the file. */
export function quietly<T>(source: Source, read: () => T): T {
  const before = source.diagnostics.length;
  const value = read();
  source.diagnostics.length = Math.min(before, source.diagnostics.length);
  return value;
}
