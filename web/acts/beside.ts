/** Where a menu stands: beside what it is about, so that both are in sight. */
import type { Rect } from '../stage/boxes.ts';
import type { Point } from '../stage/geometry.ts';

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Between the two, and to the edge of the view. */
const GAP = 6;
const EDGE = 8;

/** The left upper corner, in px of the view: under the thing, right of it, left of it or over it, whatever has the room first; where nothing has, as near to the first as it can be whole. */
export function beside(thing: Rect, menu: Size, view: Size): Point {
  const most = { x: view.width - menu.width - EDGE, y: view.height - menu.height - EDGE };
  const within = (point: Point): Point => ({
    x: Math.max(EDGE, Math.min(point.x, most.x)),
    y: Math.max(EDGE, Math.min(point.y, most.y)),
  });
  const under = { x: thing.x, y: thing.y + thing.h + GAP };
  const right = { x: thing.x + thing.w + GAP, y: thing.y };
  const left = { x: thing.x - menu.width - GAP, y: thing.y };
  const over = { x: thing.x, y: thing.y - menu.height - GAP };
  if (under.y <= most.y) return within(under);
  if (right.x <= most.x) return within(right);
  if (left.x >= EDGE) return within(left);
  return over.y >= EDGE ? within(over) : within(under);
}
