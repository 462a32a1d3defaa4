import { expect, it } from 'vitest';
import { paceAt } from '../../web/timeline/slowing.ts';

const SLOW = 10;
const FAST = 1_000;

it('away from anything notable it is as fast as was asked for, until half a second of watching before the next', () => {
  expect(paceAt(0, FAST, SLOW, null, 100_000)).toEqual({ speed: FAST, untilUs: 95_000, slowed: false });
  expect(paceAt(40_000, FAST, SLOW, 20_000, null)).toEqual({
    speed: FAST,
    untilUs: Number.POSITIVE_INFINITY,
    slowed: false,
  });
});

it('what is notable is seen coming, and what comes of it for three times as long', () => {
  expect(paceAt(95_000, FAST, SLOW, null, 100_000)).toEqual({ speed: SLOW, untilUs: 100_000, slowed: true });
  expect(paceAt(100_000, FAST, SLOW, 100_000, null)).toEqual({ speed: SLOW, untilUs: 115_000, slowed: true });
  expect(paceAt(115_000, FAST, SLOW, 100_000, null).slowed).toBe(false);
});

it('between two that are close to each other it stays slow', () => {
  for (let t = 100_000; t < 130_000; t += 500) {
    const isPast = t >= 118_000;
    expect(paceAt(t, FAST, SLOW, isPast ? 118_000 : 100_000, isPast ? null : 118_000).slowed, `at ${t}`).toBe(true);
  }
});

it('it never makes time run faster than was asked for', () => {
  expect(paceAt(95_000, 5, SLOW, 94_000, 100_000)).toEqual({
    speed: 5,
    untilUs: Number.POSITIVE_INFINITY,
    slowed: false,
  });
});
