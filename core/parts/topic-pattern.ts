/**
 * Topic patterns as an AMQP topic exchange reads them: words between dots, `*` for exactly one word, `#` for zero or more.
 * It knows words only; which queue hangs on which pattern is the exchange graph's business.
 * Matching walks pattern and key once and, when it gets stuck, lets the last `#` swallow one word more: of several `#` only
 * the last can need more, so no older choice is ever reconsidered.
 * Source: rules R3, R3a.
 */

/** The words of a binding or routing key. The empty key has no words; otherwise empty words between dots count (R3). */
export function topicWords(key: string): readonly string[] {
  return key === '' ? [] : key.split('.');
}

/**
 * Whether a routing key (as words) is matched by a binding pattern (as words). A wildcard counts only as a whole word:
 * `a#b` and `##` are ordinary words. An empty word is a word like any other, so `*` takes it. Source: R3.
 */
export function topicMatches(pattern: readonly string[], key: readonly string[]): boolean {
  let patternAt = 0;
  let keyAt = 0;
  let hashAt = -1;
  let hashEnd = 0;
  while (keyAt < key.length) {
    const word = pattern[patternAt];
    if (word === '#') {
      hashAt = patternAt;
      hashEnd = keyAt;
      patternAt += 1;
    } else if (word !== undefined && (word === '*' || word === key[keyAt])) {
      patternAt += 1;
      keyAt += 1;
    } else if (hashAt >= 0) {
      hashEnd += 1;
      patternAt = hashAt + 1;
      keyAt = hashEnd;
    } else {
      return false;
    }
  }
  while (pattern[patternAt] === '#') patternAt += 1;
  return patternAt === pattern.length;
}

/** How many words of a pattern are `#`. Servers from 4.3 on refuse to bind a key with more than two (R3a). */
export function hashWords(pattern: readonly string[]): number {
  let count = 0;
  for (const word of pattern) if (word === '#') count += 1;
  return count;
}
