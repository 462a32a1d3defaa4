/** From one text to another in as few characters as is easily said, so that cursor and marks keep their places. */

export interface Change {
  readonly from: number;
  readonly to: number;
  readonly insert: string;
}

/** In order, as places in the first text. Texts of the same number of lines are compared line by line. */
export function changesBetween(before: string, after: string): readonly Change[] {
  if (before === after) return [];
  const old = before.split('\n');
  const lines = after.split('\n');
  if (old.length !== lines.length) return [changeOf(before, after, 0)];
  const changes: Change[] = [];
  let start = 0;
  old.forEach((line, i) => {
    const other = lines[i] ?? '';
    if (line !== other) changes.push(changeOf(line, other, start));
    start += line.length + 1;
  });
  return changes;
}

/** All between what they have in common at the beginning and at the end. */
function changeOf(before: string, after: string, start: number): Change {
  const shorter = Math.min(before.length, after.length);
  let from = 0;
  while (from < shorter && before[from] === after[from]) from++;
  let tail = 0;
  while (tail < shorter - from && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  return { from: start + from, to: start + before.length - tail, insert: after.slice(from, after.length - tail) };
}
