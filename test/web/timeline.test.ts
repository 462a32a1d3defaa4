import { expect, it } from 'vitest';
import { apart } from '../../web/timeline/density.ts';

it('marks that would cover each other are moved apart, in their order', () => {
  expect(apart([10, 12, 13, 100], 14, 200)).toEqual([10, 24, 38, 100]);
});

it('at the end of the line they are moved back, never before their own place', () => {
  expect(apart([190, 195, 199], 14, 200)).toEqual([190, 195, 200]);
  expect(apart([60, 61], 14, 100)).toEqual([60, 74]);
});
