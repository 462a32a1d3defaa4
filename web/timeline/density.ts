/** The timeline's sums: how many facts in each column, and where labels fit without covering each other. */
import type { Micros } from '../../core/types.ts';
import type { Trace } from '../../sim/trace.ts';

/** Facts per column over 0 … end, as shares of the fullest one; the root keeps quiet stretches visible. */
export function density(trace: Trace, endUs: Micros, columns: number): readonly number[] {
  const counts: number[] = [];
  let before = 0;
  for (let i = 1; i <= columns; i++) {
    const upTo = i === columns ? trace.count : trace.lastAt((endUs * i) / columns);
    counts.push(Math.max(0, upTo - before));
    before = upTo;
  }
  const most = Math.max(1, ...counts);
  return counts.map((n) => Math.sqrt(n / most));
}

export interface Labelled {
  readonly x: number;
  readonly text: string;
}

/** Which labels can be written in one row: each that does not run into the one before. */
export function fitting(labels: readonly Labelled[], width: number, perLetter = 6.1): readonly boolean[] {
  let right = -Infinity;
  return labels.map(({ x, text }) => {
    const wide = text.length * perLetter;
    const left = Math.min(x, width - wide);
    if (left < right + 10) return false;
    right = left + wide;
    return true;
  });
}
