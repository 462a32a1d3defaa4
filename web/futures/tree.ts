/** The futures of a file as rows on one clock: in which order they stand, where each leaves its parent, and how far it goes. Sums only, no drawing. */
import type { Micros } from '../../core/types.ts';
import type { Future } from '../futures.ts';

export interface FutureRow {
  readonly future: Future;
  /** Its row, from 0. */
  readonly row: number;
  /** Of the one that it left; its own for the first. */
  readonly parentRow: number;
  /** Where it leaves its parent. */
  readonly fromUs: Micros;
  /** Where it ends; where the longest one does as long as it has not been run to its end. */
  readonly toUs: Micros;
}

/** Each after the one that it came from, and before whatever came from an earlier one. */
export function rowsOfFutures(futures: readonly Future[]): readonly FutureRow[] {
  const ids = new Set(futures.map(({ id }) => id));
  const endUs = Math.max(1, ...futures.map(({ outcome }) => outcome?.endedAtUs ?? 0));
  const rows: FutureRow[] = [];
  const add = (future: Future, parentRow: number): void => {
    const row = rows.length;
    const toUs = future.outcome?.endedAtUs ?? endUs;
    rows.push({ future, row, parentRow: parentRow < 0 ? row : parentRow, fromUs: Math.min(future.atUs, toUs), toUs });
    for (const child of futures) if (child.parent === future.id) add(child, row);
  };
  // One whose parent was forgotten stands by itself.
  for (const future of futures) if (!ids.has(future.parent)) add(future, -1);
  return rows;
}

/** All that was done from the file as it was opened to a future: "the file was edited, then resizer-2 crashes". */
export function wayWords(futures: readonly Future[], future: Future): string {
  const steps: string[] = [];
  for (let at: Future | undefined = future; at !== undefined && at.parent !== 0; ) {
    const { parent, what }: Future = at;
    steps.unshift(what);
    at = futures.find(({ id }) => id === parent);
  }
  return steps.length === 0 ? future.what : steps.join(', then ');
}

/** "2 broken", "nothing is broken", or that it is not known. */
export function outcomeWords({ outcome }: Future): string {
  if (outcome === null) return 'not run to its end';
  return outcome.broken === 0 ? 'nothing is broken' : `${outcome.broken} broken`;
}

/** What became of the messages, in few words: only what there is of it. */
export function countWords({ outcome }: Future): string {
  const totals = outcome?.totals ?? null;
  if (totals === null) return '';
  const { sent, effects, duplicateEffects, deadLettered, dropped, lost } = totals;
  const words = [`${sent} sent`, `${effects} applied`];
  if (duplicateEffects > 0) words.push(`${duplicateEffects} twice`);
  if (deadLettered > 0) words.push(`${deadLettered} dead-lettered`);
  if (dropped > 0) words.push(`${dropped} dropped`);
  if (lost > 0) words.push(`${lost} lost`);
  return words.join(', ');
}
