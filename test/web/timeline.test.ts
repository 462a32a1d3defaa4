import { expect, it } from 'vitest';
import { apart, fewRowsOf } from '../../web/timeline/density.ts';

it('marks that would cover each other are moved apart, in their order', () => {
  expect(apart([10, 12, 13, 100], 14, 200)).toEqual([10, 24, 38, 100]);
});

it('at the end of the line they are moved back, never before their own place', () => {
  expect(apart([190, 195, 199], 14, 200)).toEqual([190, 195, 200]);
  expect(apart([60, 61], 14, 100)).toEqual([60, 74]);
});

it('bars have as few rows as hide none of them, and labels what room there is', () => {
  const bar = (x: number, w: number, text: string) => ({ x, w, text });
  const long = 'a label that is as long as its timeline';
  const apartInTime = [bar(10, 4, long), bar(100, 4, long), bar(200, 4, long)];
  expect(fewRowsOf(apartInTime, 360, 2, 3).map(({ row, named }) => [row, named])).toEqual([
    [0, true],
    [1, true],
    [0, false],
  ]);
  const atOnce = [bar(10, 100, 'b2'), bar(10, 100, 'b3'), bar(60, 200, 'b1')];
  expect(fewRowsOf(atOnce, 360, 2, 3).map(({ row }) => row)).toEqual([0, 1, 2]);
  expect(fewRowsOf(atOnce, 360, 2, 2).some(({ covers }) => covers)).toBe(true);
});
