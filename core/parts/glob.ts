/**
 * Glob patterns as Redis reads them: `*` any run of characters, `?` any one, `[abc]`, `[a-z]` and `[^a]` one of a set, `\` takes the next character as it
 * is. A pattern must match the whole text. A walk that gets stuck lets the last `*` take one character more; no earlier one need be asked again.
 * Source: rule B4; the server's glob-style patterns.
 */
export function globMatches(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let taken = 0;
  while (t < text.length) {
    const step = p < pattern.length ? matchOne(pattern, p, text.charAt(t)) : -1;
    if (pattern.charAt(p) === '*') {
      star = p++;
      taken = t;
    } else if (step >= 0) {
      p = step;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++taken;
    } else return false;
  }
  while (pattern.charAt(p) === '*') p++;
  return p === pattern.length;
}

/** Whether the element of the pattern at `p` takes this character: where the next element begins, or −1. `*` is not decided here. */
function matchOne(pattern: string, p: number, letter: string): number {
  const first = pattern.charAt(p);
  switch (first) {
    case '?':
      return p + 1;
    case '\\':
      return p + 1 < pattern.length ? (pattern.charAt(p + 1) === letter ? p + 2 : -1) : letter === first ? p + 1 : -1;
    case '[':
      return matchSet(pattern, p + 1, letter);
    default:
      return first === letter ? p + 1 : -1;
  }
}

/** A set from behind its `[`; one that is never closed ends with the pattern. */
function matchSet(pattern: string, start: number, letter: string): number {
  let p = start;
  const negated = pattern.charAt(p) === '^';
  if (negated) p++;
  let found = false;
  for (; p < pattern.length && pattern.charAt(p) !== ']'; p++) {
    if (pattern.charAt(p) === '\\' && p + 1 < pattern.length) {
      p++;
      if (pattern.charAt(p) === letter) found = true;
    } else if (pattern.charAt(p + 1) === '-' && p + 2 < pattern.length) {
      const from = pattern.charAt(p);
      const to = pattern.charAt(p + 2);
      if ((from <= letter && letter <= to) || (to <= letter && letter <= from)) found = true;
      p += 2;
    } else if (pattern.charAt(p) === letter) found = true;
  }
  return found === negated ? -1 : Math.min(p + 1, pattern.length);
}
