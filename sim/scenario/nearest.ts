/** Finds the name that somebody probably meant: the fewest single-letter edits, swaps of neighbours counted as one, case ignored. */

const LONGEST = 64;

/** The nearest of `names`, or null when none is near enough to be a slip of the finger. Ties go to the earlier one. */
export function nearest(wanted: string, names: Iterable<string>): string | null {
  const from = wanted.slice(0, LONGEST).toLowerCase();
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(from.length / 3)) + 1;
  for (const name of names) {
    const to = name.slice(0, LONGEST).toLowerCase();
    if (Math.abs(to.length - from.length) >= bestDistance) continue;
    const distance = edits(from, to);
    if (distance < bestDistance) {
      bestDistance = distance;
      best = name;
    }
  }
  return best;
}

/** Edits between two short texts, by the usual table of prefixes, three rows of it at a time. */
function edits(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1];
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (swapped) cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[to.length] ?? 0;
}
