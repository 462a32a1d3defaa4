/**
 * What a run is made from, and the tree of those that a person has made. Each act (a crash by click, a knob, another seed, an edit of the text) makes a new
 * future out of the one before it; nothing that was run is forgotten, so an act can be undone and two futures can be compared.
 */
import type { Micros } from '../core/types.ts';
import type { LedgerTotals } from '../sim/folds/ledger.ts';
import type { TimelineLine } from './protocol.ts';

/** All that a run depends on. Two equal recipes give the same run, to the digest. */
export interface Recipe {
  /** The file's text before knobs and lines are written into it. */
  readonly source: string;
  /** Overrides the scenario's seed; null for the scenario's own. */
  readonly seed: string | null;
  /** `path=value` each: the knobs that were turned. */
  readonly sets: readonly string[];
  /** Lines added to the timeline. */
  readonly changes: readonly TimelineLine[];
  /** For a file in neutral words, the broker that was asked for; null for the file's first. */
  readonly under: string | null;
}

/** How a future came out. */
export interface Outcome {
  readonly digest: string;
  readonly endedAtUs: Micros;
  readonly facts: number;
  /** Claims that are broken and were not said to be, and expectations that do not hold. */
  readonly broken: number;
  /** What became of all messages; null when it is not known. */
  readonly totals: LedgerTotals | null;
}

/** Futures of one kind that follow each other are one: who drags a knob or types a line wants no future for each step. */
export type ActKind = 'open' | 'line' | 'undo' | 'knob' | 'seed' | 'edit' | 'broker';

export interface Future {
  /** From 1, in the order in which they were made. */
  readonly id: number;
  /** The future that it was made from; 0 for the file as it was opened. */
  readonly parent: number;
  readonly kind: ActKind;
  /** What was done, for people: `crash resizer-2`. */
  readonly what: string;
  /** Until then it is what its parent is: the moment of an added line, else 0. */
  readonly atUs: Micros;
  readonly recipe: Recipe;
  /** Null until it has been run to its end. */
  readonly outcome: Outcome | null;
}

/** So many are kept; the oldest that nobody stands on and nothing came from goes first. */
export const MOST_FUTURES = 16;

export function sameRecipe(a: Recipe, b: Recipe): boolean {
  return JSON.stringify(ordered(a)) === JSON.stringify(ordered(b));
}

function ordered({ source, seed, sets, changes, under }: Recipe): readonly unknown[] {
  return [source, seed, sets, changes, under];
}

/** An act takes the place of the future that it starts from: another step of the same knob or edit, from which nothing else came. The file as it was opened stays. */
export function isReplacedBy(futures: readonly Future[], now: Future, kind: ActKind): boolean {
  if (now.parent === 0 || now.kind !== kind || (kind !== 'knob' && kind !== 'edit')) return false;
  return !futures.some(({ parent }) => parent === now.id);
}

/** The futures with one more; those that nobody needs are dropped. */
export function withFuture(futures: readonly Future[], added: Future): readonly Future[] {
  const kept = [...futures, added];
  while (kept.length > MOST_FUTURES) {
    const parents = new Set(kept.map(({ parent }) => parent));
    const least = kept.findIndex(({ id, parent }) => parent !== 0 && id !== added.id && !parents.has(id));
    if (least < 0) break;
    kept.splice(least, 1);
  }
  return kept;
}
