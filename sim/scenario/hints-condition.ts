/** What may come next in a condition over metrics, such as `max(depth(` of an expectation: functions, and what their arguments name. */
import { MEANINGS } from '../checks/meanings.ts';
import { CLAIMS, type ClaimName } from '../checks/names.ts';
import { signature } from './expect-check.ts';
import { type ArgKind, FUNCTIONS, STATISTICS } from './expect-functions.ts';
import { FOLDS, type FoldName, WINDOWS, type WindowName } from './expect-syntax.ts';
import { namesFor } from './hints-names.ts';
import type { Naming } from './shapes.ts';
import type { Source } from './source.ts';

export interface Word {
  readonly word: string;
  readonly what: string;
  readonly doc: string;
  /** It opens a bracket: `depth(…)`. */
  readonly calls: boolean;
}

const VERDICTS = ['holds', 'violated', 'allowed', 'not-exercised', 'undecided'];
const JOINS: Readonly<Record<string, string>> = {
  and: 'Both conditions hold.',
  or: 'One of the conditions holds.',
  not: 'The condition does not hold.',
  claim: '`claim NAME [SCOPE]`: the claim holds.',
};

/** What a word of a condition means; null for a name. */
export function wordDoc(word: string): Word | null {
  if (Object.hasOwn(FUNCTIONS, word)) {
    const { about, unit } = FUNCTIONS[word] ?? { about: '', unit: '' };
    return { word, what: `${signature(word)}: ${unit}`, doc: about, calls: true };
  }
  if (Object.hasOwn(FOLDS, word)) return { word, what: `${word}(X)`, doc: FOLDS[word as FoldName], calls: true };
  if (Object.hasOwn(WINDOWS, word)) return { word, what: 'at a time', doc: WINDOWS[word as WindowName], calls: true };
  if (Object.hasOwn(MEANINGS, word)) return { word, what: word, doc: MEANINGS[word as ClaimName], calls: false };
  return Object.hasOwn(JOINS, word) ? { word, what: 'joins', doc: JOINS[word] ?? '', calls: false } : null;
}

/** `before` is the condition up to the word that is being typed. */
export function wordsAfter(source: Source, before: string): readonly Word[] {
  const claimed = /^\s*claim\s+(?:(\S+)\s+)?$/.exec(before);
  if (claimed !== null) return claimed[1] === undefined ? claims() : named(source, SCOPES);
  const call = openCall(before);
  const spec = call === null || !Object.hasOwn(FUNCTIONS, call.name) ? undefined : FUNCTIONS[call.name];
  if (call !== null && spec !== undefined) {
    const kind = spec.args[call.argument]?.kind;
    return kind === undefined ? [] : argument(source, kind);
  }
  if (/verdict\([^()]*\)\s*(?:==|!=)\s*$/.test(before))
    return VERDICTS.map((word) => ({ word, what: 'verdict', doc: '', calls: false }));
  const words = [...Object.keys(FUNCTIONS), ...Object.keys(FOLDS), ...Object.keys(WINDOWS), ...Object.keys(JOINS)];
  return words.flatMap((word) => wordDoc(word) ?? []);
}

const SCOPES: readonly Naming[] = ['queue', 'topic', 'group', 'store', 'consumer', 'attribute'];

function argument(source: Source, kind: ArgKind): readonly Word[] {
  switch (kind) {
    case 'queue':
      return named(source, ['queue', 'topic']);
    case 'topic':
    case 'group':
    case 'store':
    case 'consumer':
    case 'producer':
    case 'broker':
    case 'attribute':
      return named(source, [kind]);
    case 'statistic':
      return STATISTICS.map((word) => ({ word, what: 'statistic', doc: '', calls: false }));
    case 'claim':
      return claims();
    case 'scope':
      return named(source, SCOPES);
    case 'row':
      return [];
    default:
      return kind satisfies never;
  }
}

function named(source: Source, kinds: readonly Naming[]): readonly Word[] {
  return namesFor(source, kinds).map(({ name, what }) => ({ word: name, what, doc: '', calls: false }));
}

function claims(): readonly Word[] {
  return CLAIMS.map((word) => ({ word, what: 'claim', doc: MEANINGS[word], calls: false }));
}

/** The innermost call that is still open, and how many commas are behind it. */
function openCall(before: string): { readonly name: string; readonly argument: number } | null {
  const calls: { name: string; argument: number }[] = [];
  for (const [found, name] of before.matchAll(/([A-Za-z-]*)\(|\)|,/g)) {
    const last = calls[calls.length - 1];
    if (found === ')') calls.pop();
    else if (found === ',') {
      if (last !== undefined) last.argument++;
    } else calls.push({ name: name ?? '', argument: 0 });
  }
  return calls[calls.length - 1] ?? null;
}
