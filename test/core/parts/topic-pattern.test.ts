import { describe, expect, test } from 'vitest';
import { hashWords, topicMatches, topicWords } from '../../../core/parts/topic-pattern.ts';

const matches = (pattern: string, key: string) => topicMatches(topicWords(pattern), topicWords(key));

describe('a topic pattern (R3)', () => {
  const yes: [string, string][] = [
    ['#', ''],
    ['#.#', ''],
    ['', ''],
    ['#', 'a.b.c'],
    ['a.#', 'a'],
    ['a.#.#', 'a.b.c'],
    ['#.a.#', 'x.a'],
    ['#.b.#.d', 'a.b.c.b.d.d'],
    ['*.#.c', 'a.b.c'],
    ['*.*', 'a.'],
    ['.#', '.0'],
    ['a#b', 'a#b'],
    ['##', '##'],
    ['*.queue.rules', '*.queue.rules'],
  ];
  test.each(yes)('%j matches %j', (pattern, key) => expect(matches(pattern, key)).toBe(true));

  const no: [string, string][] = [
    ['*', ''],
    ['', 'a'],
    ['a.*', 'a'],
    ['a.*', 'a.b.c'],
    ['#.*', ''],
    ['a.#.b', 'a.b.c'],
    ['##', 'a'],
    ['simply#carrots', 'simplycarrots'],
    ['a.b', 'a.b.'],
  ];
  test.each(no)('%j does not match %j', (pattern, key) => expect(matches(pattern, key)).toBe(false));

  test('agrees with the definition by recursion on every short pattern and key', () => {
    const patterns = wordLists(['a', '*', '#'], 4);
    const keys = wordLists(['a', 'b'], 4);
    for (const pattern of patterns) {
      for (const key of keys) {
        expect([pattern, key, topicMatches(pattern, key)]).toEqual([pattern, key, byDefinition(pattern, key)]);
      }
    }
  });

  test('counts only whole words as wildcards, for the limit of newer servers (R3a)', () => {
    expect(hashWords(topicWords('#.a.#'))).toBe(2);
    expect(hashWords(topicWords('##.##.##'))).toBe(0);
  });
});

function byDefinition(pattern: readonly string[], key: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return key.length === 0;
  if (first === '#') return byDefinition(rest, key) || (key.length > 0 && byDefinition(pattern, key.slice(1)));
  return key.length > 0 && (first === '*' || first === key[0]) && byDefinition(rest, key.slice(1));
}

function wordLists(words: readonly string[], longest: number): string[][] {
  const lists: string[][] = [[]];
  for (let from = 0, length = 1; length <= longest; length += 1) {
    const until = lists.length;
    for (; from < until; from += 1) for (const word of words) lists.push([...(lists[from] ?? []), word]);
  }
  return lists;
}
