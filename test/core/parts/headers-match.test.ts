import { describe, expect, test } from 'vitest';
import type { HeaderTable } from '../../../core/parts/headers-match.ts';
import { headersBindingRefusal, headersMatch } from '../../../core/parts/headers-match.ts';

describe('a headers binding (R4)', () => {
  const cases: [string, HeaderTable, HeaderTable, boolean][] = [
    ['all by default', { type: 'photo', size: 1 }, { type: 'photo' }, false],
    ['extra headers do not matter', { type: 'photo' }, { type: 'photo', extra: true }, true],
    ['equality includes the type', { size: 1 }, { size: '1' }, false],
    ['any needs one', { 'x-match': 'any', a: '1', b: '2' }, { a: '9', b: '2' }, true],
    ['any with nothing left does not match', { 'x-match': 'any', 'x-trace': '1' }, { 'x-trace': '1' }, false],
    ['all with nothing left matches', { 'x-match': 'all', 'x-trace': '1' }, {}, true],
    ['all skips names that start with x-', { 'x-trace': '1', a: 'b' }, { a: 'b' }, true],
    ['all-with-x does not', { 'x-match': 'all-with-x', 'x-trace': '1' }, {}, false],
    ['any-with-x finds them', { 'x-match': 'any-with-x', 'x-reason': 'expired' }, { 'x-reason': 'expired' }, true],
    ['void asks for presence only', { a: null }, { a: 42 }, true],
    ['void asks for presence', { a: null }, { b: 42 }, false],
    ['lists compare by items', { a: [1, 'x'] }, { a: [1, 'x'] }, true],
    ['tables compare whatever their order', { a: { b: 1, c: 2 } }, { a: { c: 2, b: 1 } }, true],
    ['a name of every object is no header', { constructor: null }, {}, false],
  ];
  test.each(cases)('%s', (_, bindingArguments, headers, expected) => {
    expect(headersMatch(bindingArguments, headers)).toBe(expected);
  });

  test('refuses an unknown x-match, naming the known ones', () => {
    expect(headersBindingRefusal({ 'x-match': 'some' })).toMatch(/all, any, all-with-x or any-with-x/);
    expect(headersBindingRefusal({ a: 1 })).toBeUndefined();
  });
});
