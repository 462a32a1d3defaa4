import { expect, it } from 'vitest';
import { filterMatches, isFilterMistake, parsePubsubFilter } from '../../../core/parts/pubsub-filter.ts';

function passes(filter: string, attributes: Readonly<Record<string, string | number | boolean>>): boolean | string {
  const parsed = parsePubsubFilter(filter);
  return isFilterMistake(parsed) ? `${parsed.mistake} (${parsed.at})` : filterMatches(parsed, attributes);
}

it.each([
  ['attributes:a', { a: '' }, true],
  ['attributes:a', { b: 'x' }, false],
  ['attributes:toString', {}, false],
  ['attributes.a = "x"', { a: 'x' }, true],
  ['attributes.a="x"', { a: 'X' }, false],
  ['attributes.a != "x"', { a: 'y' }, true],
  ['hasPrefix(attributes.a, "eu-")', { a: 'eu-west' }, true],
  ['hasPrefix(attributes.a, "eu-")', {}, false],
  ['attributes.my-key = "x"', { 'my-key': 'x' }, true],
  ['attributes."my key" = "x"', { 'my key': 'x' }, true],
  ['attributes.a = "say \\"hi\\""', { a: 'say "hi"' }, true],
  ['attributes.a = "\\u0041"', { a: 'A' }, true],
  ['attributes.n = "3"', { n: 3 }, true],
  ['-attributes:a AND NOT attributes:b', {}, true],
  ['NOT NOT attributes:a', { a: 'x' }, true],
  ['(attributes:a OR attributes:b) AND attributes:c', { b: '', c: '' }, true],
  ['attributes:AND AND attributes:OR', { AND: '1', OR: '1' }, true],
])('%s on %o is %s (G17)', (filter, attributes, expected) => {
  expect(passes(filter, attributes)).toBe(expected);
});

it('calls an absent attribute different from every text (G17)', () => {
  expect(passes('attributes.a != "x"', {})).toBe(true);
});

it.each([
  ['attributes:a AND attributes:b OR attributes:c', 'AND and OR together need parentheses (30)'],
  ['attributes:a and attributes:b', 'there is `and` where the end, AND or OR should be (13)'],
  ['attributes.a = x', 'there is `x` where a text in double quotes should be (15)'],
  ['attributes.a > "x"', '`> "x"` means nothing here (13)'],
  ['hasSuffix(attributes.a, "x")', 'there is `hasSuffix` where `attributes`, `hasPrefix(`, `NOT` or `(` should be (0)'],
  ['data:a', 'there is `data` where `attributes`, `hasPrefix(`, `NOT` or `(` should be (0)'],
  ['(attributes:a', 'the filter ends where `)` should be (13)'],
  ['attributes.a = "x', '`"x` means nothing here (15)'],
  ['', 'the filter ends where `attributes`, `hasPrefix(`, `NOT` or `(` should be (0)'],
])('refuses %s', (filter, mistake) => {
  expect(passes(filter, {})).toBe(mistake);
});

it('counts bytes, of which a filter has 256 at most (G17)', () => {
  const filter = (letters: string) => `attributes.a = "${letters}"`;
  expect(passes(filter('x'.repeat(239)), {})).toBe(false);
  expect(passes(filter('x'.repeat(240)), {})).toBe('a filter has at most 256 bytes, this has 257 (0)');
  expect(passes(filter('é'.repeat(120)), {})).toBe('a filter has at most 256 bytes, this has 257 (0)');
});
