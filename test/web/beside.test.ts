import { expect, it } from 'vitest';
import { beside } from '../../web/acts/beside.ts';

const VIEW = { width: 1440, height: 900 };
const MENU = { width: 460, height: 510 };

it('a menu stands under its thing where it has the room, and never covers it where any side has', () => {
  expect(beside({ x: 300, y: 100, w: 160, h: 80 }, MENU, VIEW)).toEqual({ x: 300, y: 186 });
  // The rightmost box of a wide stage, half way down: only left of it is room.
  expect(beside({ x: 1200, y: 386, w: 168, h: 80 }, MENU, VIEW)).toEqual({ x: 734, y: 382 });
  expect(beside({ x: 20, y: 386, w: 168, h: 80 }, MENU, VIEW)).toEqual({ x: 194, y: 382 });
  // Neither under nor beside it.
  expect(beside({ x: 10, y: 600, w: 1420, h: 200 }, MENU, VIEW)).toEqual({ x: 10, y: 84 });
});

it('a menu that is as large as its view begins at the edge', () => {
  expect(beside({ x: 100, y: 100, w: 50, h: 50 }, { width: 400, height: 700 }, { width: 390, height: 640 })).toEqual({
    x: 8,
    y: 8,
  });
});
