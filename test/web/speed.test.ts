import { expect, it } from 'vitest';
import { octaves, speedSpoken, speedWords } from '../../web/timeline/speed.ts';

it('the slider counts doublings from the default, and ends where it ends', () => {
  const slider = octaves(250);
  expect(slider(250)).toBeCloseTo(0, 12);
  expect(slider(1000)).toBeCloseTo(2, 12);
  expect(slider.invert(-1)).toBeCloseTo(125, 9);
  expect(slider(250 * 2 ** 40)).toBe(12);
  expect(slider(1e-9)).toBe(-5);
});

it.each([
  [2.5, '400× slower'],
  [1000 / 64, '64× slower'],
  [400, '2.5× slower'],
  [1000, 'real time'],
  [970, 'real time'],
  [2500, '2.5× faster'],
  [40_400, '40× faster'],
])('%f µs in a ms is read as %s', (usPerMs, words) => {
  expect(speedWords(usPerMs)).toBe(words);
});

it('ears are told against what it is slow or fast', () => {
  expect(speedSpoken(2.5)).toBe('400× slower than real time');
  expect(speedSpoken(1000)).toBe('real time');
});
