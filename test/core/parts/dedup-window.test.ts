/** The dedup window: from the first acceptance, not renewed (S29). */
import { expect, it } from 'vitest';
import { DedupWindow } from '../../../core/parts/dedup-window.ts';

it('knows an id until just before the window is over', () => {
  const window = new DedupWindow<number>(300);
  window.remember('a', 1, 100);
  expect([window.find('a', 399), window.find('a', 400)]).toEqual([1, undefined]);
});

it('is not renewed by being asked', () => {
  const window = new DedupWindow<number>(300);
  window.remember('a', 1, 0);
  window.find('a', 299);
  expect(window.find('a', 300)).toBeUndefined();
});

it('forgets the old ones only, and an id that was forgotten begins anew', () => {
  const window = new DedupWindow<number>(300);
  window.remember('a', 1, 0);
  window.remember('b', 2, 200);
  expect([window.find('a', 350), window.find('b', 350)]).toEqual([undefined, 2]);
  window.remember('a', 3, 350);
  expect([window.find('b', 600), window.find('a', 600)]).toEqual([undefined, 3]);
});

it('forgets all when cleared', () => {
  const window = new DedupWindow<number>(300);
  window.remember('a', 1, 0);
  window.clear();
  expect(window.find('a', 1)).toBeUndefined();
});
