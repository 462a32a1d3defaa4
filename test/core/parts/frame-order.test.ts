import { expect, test } from 'vitest';
import { FrameOrder } from '../../../core/parts/frame-order.ts';

/** The numbers of the frames handled, when they arrive in this order. */
function handled(...arrivals: readonly number[]): { readonly order: number[]; readonly missing: number } {
  const frames = new FrameOrder<{ readonly frame: number }>();
  const order: number[] = [];
  for (const frame of arrivals) {
    if (!frames.accept({ frame })) continue;
    order.push(frame);
    for (let next = frames.next(); next !== undefined; next = frames.next()) order.push(next.frame);
  }
  return { order, missing: frames.missing };
}

test('frames come out in the order of their numbers, each once', () => {
  expect(handled(1, 3, 2, 2, 5, 4, 1, 5)).toEqual({ order: [1, 2, 3, 4, 5], missing: 0 });
});

test('a missing frame holds back all later ones, and is named', () => {
  expect(handled(1, 3, 4, 5)).toEqual({ order: [1], missing: 2 });
});
