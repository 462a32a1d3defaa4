import { expect, it } from 'vitest';
import { octaves, speedWords } from '../../web/timeline/speed.ts';

it('the slider counts doublings from the default, and ends where it ends', () => {
  const slider = octaves(250);
  expect(slider(250)).toBeCloseTo(0, 12);
  expect(slider(1000)).toBeCloseTo(2, 12);
  expect(slider.invert(-1)).toBeCloseTo(125, 9);
  expect(slider(250 * 2 ** 40)).toBe(12);
  expect(slider(1e-9)).toBe(-5);
});

it.each([
  [1000 / 64, '1/64'],
  [1000, '1'],
  [2500, '2.5'],
  [40_400, '40'],
])('%f µs in a ms is read as %s', (usPerMs, words) => {
  expect(speedWords(usPerMs)).toBe(words);
});
