/** Patterns and output buffers of Redis Pub/Sub. */
import { describe, expect, it } from 'vitest';
import { globMatches } from '../../../core/parts/glob.ts';
import { OutputBuffer, parseBufferLimit } from '../../../core/parts/output-buffer.ts';
import { RecentNumbers } from '../../../core/parts/recent-numbers.ts';

describe('B4: patterns', () => {
  it.each([
    ['foo.*', 'foo.1', true],
    ['foo.*', 'barfoo.1', false],
    ['a.?', 'a.b', true],
    ['a.?', 'a.bc', false],
    ['*', '', true],
    ['h[ae]llo', 'hello', true],
    ['h[^e]llo', 'hello', false],
    ['h[a-c]llo', 'hbllo', true],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
    ['*a*b*c', 'xxaxbxbxc', true],
    ['*a*b*c', 'xxaxbxbx', false],
  ])('%s and %s: %s', (pattern, text, matches) => {
    expect(globMatches(pattern, text)).toBe(matches);
  });
});

describe('B9: output buffers', () => {
  const limit = parseBufferLimit('normal 0 0 0 pubsub 32mb 8mb 60');

  it('reads the limit of subscribers among others', () => {
    expect(limit).toEqual({ hardBytes: 33_554_432, softBytes: 8_388_608, softUs: 60_000_000 });
    expect(parseBufferLimit('pubsub 32mb 8mb')).toBeNull();
    expect(parseBufferLimit('normal 0 0 0')).toBeUndefined();
  });

  it('ends a connection at the hard limit, or above the soft one for too long without a break', () => {
    if (limit === null || limit === undefined) throw new Error('no limit');
    const buffer = new OutputBuffer(limit);
    buffer.set(9_000_000, 0);
    expect([buffer.isOver(60_000_000), buffer.isOver(60_000_001)]).toEqual([false, true]);
    buffer.set(1_000, 40_000_000);
    buffer.set(9_000_000, 50_000_000);
    expect(buffer.isOver(90_000_000)).toBe(false);
    buffer.set(33_554_432, 91_000_000);
    expect(buffer.isOver(91_000_000)).toBe(true);
  });
});

it('tells a number that the network copied from a new one', () => {
  const recent = new RecentNumbers();
  expect([1, 2, 1, 65, 2, 3].map((number) => recent.isNew(number))).toEqual([true, true, false, true, false, true]);
});
