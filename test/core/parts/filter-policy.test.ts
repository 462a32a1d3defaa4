/** Filter policies by the rules N4–N9: what is accepted, what is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  acceptsAttributes,
  acceptsBody,
  acceptsValues,
  type PolicyJson,
  type PolicyTable,
  readPolicy,
  whyRefused,
} from '../../../core/parts/filter-policy.ts';

const text = (Value: string) => ({ Type: 'String', Value });
const number = (Value: string) => ({ Type: 'Number', Value });
const array = (Value: string) => ({ Type: 'String.Array', Value });

describe('attributes', () => {
  it.each([
    ['N5: all keys', { a: ['x'], b: ['y'] }, { a: text('x') }, false],
    ['N5: any condition of a key', { a: ['x', { prefix: 'z' }] }, { a: text('zebra') }, true],
    ['N5: attributes not named do not matter', { a: ['x'] }, { a: text('x'), b: text('y') }, true],
    ['N5: an absent key fails anything-but', { a: [{ 'anything-but': 'x' }] }, {}, false],
    ['N5: one alternative of $or', { $or: [{ a: ['x'] }, { b: ['y'] }] }, { b: text('y') }, true],
    ['N6: a number is not its text', { a: ['100'] }, { a: number('100') }, false],
    ['N6: text is not a number', { a: [{ numeric: ['=', 100] }] }, { a: text('100') }, false],
    ['N6: numbers compare by value', { a: [100] }, { a: number('1e2') }, true],
    ['N6: a range has two ends', { a: [{ numeric: ['>', 0, '<=', 5] }] }, { a: number('6') }, false],
    ['N6: exists: false wants it absent', { a: [{ exists: false }] }, { a: text('x') }, false],
    ['N6: true is found in an array', { a: [true] }, { a: array('[true]') }, true],
    ['N6: an address outside of the block', { a: [{ cidr: '10.0.0.0/24' }] }, { a: text('10.0.1.0') }, false],
    ['N6: an address of 128 bits', { a: [{ cidr: '2001:db8::/32' }] }, { a: text('2001:db8:1::7') }, true],
    ['N6: no-prefix', { a: [{ 'anything-but': { prefix: 'order-' } }] }, { a: text('order-1') }, false],
    ['N7: one element is enough for anything-but', { a: [{ 'anything-but': ['x'] }] }, { a: array('["x","y"]') }, true],
    ['an array that cannot be read', { a: [{ exists: false }] }, { a: array("['x']") }, false],
    ['Binary takes no part', { a: [{ exists: true }] }, { a: { Type: 'Binary', Value: 'eA==' } }, false],
    ['types of the user’s own', { a: [7] }, { a: { Type: 'Number.int', Value: '7' } }, true],
  ])('%s', (_, policy, attributes, accepted) => {
    expect(acceptsAttributes(readPolicy(policy as PolicyTable), attributes)).toBe(accepted);
  });
});

describe('bodies', () => {
  it.each([
    ['N8: keys nest', { a: { b: ['x'] } }, { a: { b: 'x' } }, true],
    ['N8: objects in arrays are searched', { a: { b: ['x'] } }, { a: [{ b: 'y' }, { b: 'x' }] }, true],
    ['one object must meet all', { a: { b: [1], c: [2] } }, { a: [{ b: 1 }, { c: 2 }] }, false],
    ['N8: no JSON, no match', { a: ['x'] }, undefined, false],
    ['N4: no policy accepts what is no JSON', {}, undefined, true],
    ['a leaf is no object', { a: [{ exists: true }] }, { a: { b: 1 } }, false],
    ['what lies below an absent key is absent', { a: { b: [{ exists: false }] } }, {}, true],
    ['N6: null is a value', { a: [null] }, { a: null }, true],
  ])('%s', (_, policy, body, accepted) => {
    expect(acceptsBody(readPolicy(policy as PolicyTable), body as PolicyJson | undefined)).toBe(accepted);
  });
});

describe('what is refused', () => {
  const five = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((key) => [key, ['x']]));
  it.each([
    ['N9: five keys', five, ''],
    ['N9: six keys', { ...five, f: ['x'] }, 'at most 5 keys'],
    ['N9: 150 combinations', { a: Array(15).fill('x'), b: Array(10).fill('y') }, ''],
    ['N9: 160 combinations', { a: Array(16).fill('x'), b: Array(10).fill('y') }, 'too complex'],
    ['N8: nesting', { a: { b: ['x'] } }, 'cannot be nested'],
    ['an empty array', { a: [] }, 'empty arrays'],
    ['an unknown operator', { a: [{ like: 'x' }] }, 'unrecognized'],
    ['a bad range', { a: [{ numeric: ['>', 5, '<', 5] }] }, 'bottom'],
    ['a bad block', { a: [{ cidr: '10.0.0.0/33' }] }, 'CIDR'],
    ['anything-but with suffix', { a: [{ 'anything-but': { suffix: 'x' } }] }, 'unsupported'],
  ])('%s', (_, policy, why) => {
    const said = whyRefused(policy as PolicyJson, 'MessageAttributes');
    if (why === '') expect(said).toBe('');
    else expect(said).toContain(why);
  });

  it('N9: depth counts in a nested policy, so 3 × 4 × 2 × 3 = 72', () => {
    const nested = { a: { b: { c: Array(4).fill('x') } }, d: { e: Array(3).fill('y') } };
    expect(whyRefused(nested, 'MessageBody')).toBe('');
    expect(whyRefused({ ...nested, f: Array(3).fill('z') }, 'MessageBody')).toContain('too complex');
  });
});

it('agrees with a naive model of exact values', () => {
  const values = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom<PolicyJson>('x', 'y', 1, true));
  const policies = fc.dictionary(
    fc.constantFrom('a', 'b', 'c'),
    fc.array(fc.constantFrom<PolicyJson>('x', 'y', 1, true), { minLength: 1, maxLength: 3 }),
  );
  fc.assert(
    fc.property(policies, values, (policy, table) => {
      const naive = Object.entries(policy).every(
        ([key, list]) => Object.hasOwn(table, key) && list.includes(table[key] as PolicyJson),
      );
      expect(acceptsValues(readPolicy(policy), table)).toBe(naive);
    }),
    { seed: 7 },
  );
});
