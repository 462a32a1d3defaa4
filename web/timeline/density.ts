/** The timeline's sums: how many facts in each column, and in which rows bars and labels fit without covering each other. */
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
  /** Width of its bar. */
  readonly w: number;
  readonly text: string;
}

export interface Placed {
  /** 0 … rowsMax − 1. */
  readonly row: number;
  /** Its label covers no other in its row. */
  readonly named: boolean;
  /** Its bar covers another in its row: there were too few. */
  readonly covers: boolean;
}

/** Between two bars, and between two labels. */
const GAP = 3;
const LABEL_GAP = 10;

/**
 * Puts bars, which come in the order of their starts, into rows: the first in which neither bar nor label covers the one before, else the first in which
 * the bar does not, else the last. So nothing is hidden as long as at most `rowsMax` overlap.
 */
export function rowsOf(bars: readonly Labelled[], width: number, rowsMax: number, perLetter = 6.1): readonly Placed[] {
  const barEnds: number[] = [];
  const labelEnds: number[] = [];
  return bars.map(({ x, w, text }) => {
    const wide = text.length * perLetter;
    const left = Math.max(0, Math.min(x, width - wide));
    const barFits = (row: number): boolean => x >= (barEnds[row] ?? -Infinity) + GAP;
    const labelFits = (row: number): boolean => left >= (labelEnds[row] ?? -Infinity) + LABEL_GAP;
    const rows = Array.from({ length: rowsMax }, (_, row) => row);
    const row = rows.find((one) => barFits(one) && labelFits(one)) ?? rows.find(barFits) ?? rowsMax - 1;
    const covers = !barFits(row);
    const named = text !== '' && labelFits(row);
    barEnds[row] = Math.max(barEnds[row] ?? -Infinity, x + w);
    if (named) labelEnds[row] = left + wide;
    return { row, named, covers };
  });
}

/** As `rowsOf`, in as few rows as hide no bar: at least `rowsLeast`, at most `rowsMax`. With fewer rows some labels have no room. */
export function fewRowsOf(
  bars: readonly Labelled[],
  width: number,
  rowsLeast: number,
  rowsMax: number,
): readonly Placed[] {
  const placed = rowsOf(bars, width, rowsLeast);
  const isEnough = rowsLeast >= rowsMax || !placed.some(({ covers }) => covers);
  return isEnough ? placed : fewRowsOf(bars, width, rowsLeast + 1, rowsMax);
}

/** Where marks at these places, in rising order, are to stand so that each can be hit: moved on until they are `gap` apart, and back from the end where that is too far. */
export function apart(places: readonly number[], gap: number, width: number): readonly number[] {
  const moved: number[] = [];
  for (const x of places) moved.push(Math.max(x, (moved.at(-1) ?? Number.NEGATIVE_INFINITY) + gap));
  for (let i = moved.length - 1, most = width; i >= 0; i--, most -= gap) {
    moved[i] = Math.min(moved[i] as number, Math.max(most, places[i] as number));
  }
  return moved;
}
