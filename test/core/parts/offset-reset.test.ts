import { expect, it } from 'vitest';
import { isWithin, parseOffsetReset, resetQuery } from '../../../core/parts/offset-reset.ts';

const HOUR = 3_600_000_000;

it.each([
  ['by_duration:PT1H', HOUR],
  ['by_duration:P1DT30M', 24.5 * HOUR],
  ['by_duration:PT0.5S', 500_000],
])('reads %s (K70)', (text, backUs) => {
  expect(parseOffsetReset(text)).toEqual({ backUs });
});

it.each(['by_duration:', 'by_duration:1h', 'by_duration:P', 'by_duration:PT', 'newest'])('refuses %s', (text) => {
  expect(parseOffsetReset(text)).toBeUndefined();
});

it('asks for a time, not before the beginning of time, and for nothing when it is none (K70)', () => {
  expect(resetQuery({ backUs: HOUR }, 3 * HOUR)).toEqual({ timeUs: 2 * HOUR });
  expect(resetQuery({ backUs: HOUR }, 0)).toEqual({ timeUs: 0 });
  expect(resetQuery('none', 0)).toBeUndefined();
});

it('lets a committed offset win while it lies in the log, its end included (K6, K70)', () => {
  expect([isWithin(5, 5, 9), isWithin(9, 5, 9), isWithin(4, 5, 9), isWithin(null, 0, 9)]).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
