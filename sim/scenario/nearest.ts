/**
 * Finds the name that somebody probably meant: the fewest single-letter edits, swaps of neighbours counted as one, case ignored; where none is so near, a name of
 * which a part was written, such as `delay` of DelaySeconds.
 */

const LONGEST = 64;
/** Fewer letters than these are part of too many names. */
const LEAST_PART = 3;

/** The nearest of `names`, or null when none is near enough to be a slip of the finger or a short form. Ties go to the earlier one. */
export function nearest(wanted: string, names: Iterable<string>): string | null {
  const all = [...names];
  return nearestByEdits(wanted, all) ?? withPart(wanted, all);
}

/** A name that begins with these words; else one that has them as whole words of it. The shortest, for it says least that was not written. */
function withPart(wanted: string, names: readonly string[]): string | null {
  const part = wordsOf(wanted.slice(0, LONGEST));
  if (part.length < LEAST_PART + 2) return null;
  const first = part.slice(1).split(' ', 1)[0] ?? '';
  let best: string | null = null;
  let bestRank = Number.POSITIVE_INFINITY;
  for (const name of names) {
    if (!name.toLowerCase().includes(first)) continue;
    const words = wordsOf(name.slice(0, LONGEST));
    const begins = words.startsWith(part.slice(0, -1));
    if (!begins && !words.includes(part)) continue;
    const rank = words.length + (begins ? 0 : LONGEST * 2);
    if (rank < bestRank) {
      bestRank = rank;
      best = name;
    }
  }
  return best;
}

/** A name's words in lower case, each between spaces: DelaySeconds and delay_seconds are ` delay seconds `. */
function wordsOf(name: string): string {
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').split(/[^A-Za-z0-9]+/);
  return ` ${words
    .filter((word) => word !== '')
    .join(' ')
    .toLowerCase()} `;
}

function nearestByEdits(wanted: string, names: readonly string[]): string | null {
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
