/** Curves between boxes: where a link leaves and arrives, and where on it a hop is. */
import type { Box, Layout } from './layout.ts';

export interface Curve {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
  readonly x3: number;
  readonly y3: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** From box to box: side to side in columns, bottom to top in rows. `lane` in −1…1 moves the ends apart where many links meet. */
export function curveBetween(from: Box, to: Box, stacked: boolean, lane = 0): Curve {
  if (stacked) {
    const down = from.y <= to.y;
    const x0 = from.x + from.w / 2 + lane * from.w * 0.3;
    const x3 = to.x + to.w / 2;
    const y0 = down ? from.y + from.h : from.y;
    const y3 = down ? to.y : to.y + to.h;
    const bend = (y3 - y0) / 2;
    // A wide box is left straight below or above the other's middle.
    const start = from.w > to.w * 1.5 ? clamp(x3, from.x + 20, from.x + from.w - 20) : x0;
    const end = to.w > from.w * 1.5 ? clamp(x0, to.x + 20, to.x + to.w - 20) : x3;
    return { x0: start, y0, x1: start, y1: y0 + bend, x2: end, y2: y3 - bend, x3: end, y3 };
  }
  if (from.type === 'queue' && to.type === 'queue') {
    const x = from.x + from.w / 2;
    const y0 = from.y + from.h;
    return { x0: x, y0, x1: x, y1: y0, x2: x, y2: to.y, x3: x, y3: to.y };
  }
  const forwards = from.x <= to.x;
  const x0 = forwards ? from.x + from.w : from.x;
  const x3 = forwards ? to.x : to.x + to.w;
  const y0 = from.y + from.h / 2 + lane * from.h * 0.3;
  const y3 = to.y + to.h / 2;
  const bend = (x3 - x0) * 0.5;
  return { x0, y0, x1: x0 + bend, y1: y0, x2: x3 - bend, y2: y3, x3, y3 };
}

export function pointOn(curve: Curve, t: number): Point {
  const u = 1 - t;
  const a = u * u * u;
  const b = 3 * u * u * t;
  const c = 3 * u * t * t;
  const d = t * t * t;
  return {
    x: a * curve.x0 + b * curve.x1 + c * curve.x2 + d * curve.x3,
    y: a * curve.y0 + b * curve.y1 + c * curve.y2 + d * curve.y3,
  };
}

/** All links of a layout as curves, by `from→to`; links that leave one box are fanned out. */
export function curvesOf(layout: Layout): ReadonlyMap<string, Curve> {
  const curves = new Map<string, Curve>();
  const leaving = new Map<string, string[]>();
  for (const link of layout.links) {
    const list = leaving.get(link.from) ?? [];
    list.push(link.to);
    leaving.set(link.from, list);
  }
  for (const link of layout.links) {
    const from = layout.byKey.get(link.from);
    const to = layout.byKey.get(link.to);
    if (from === undefined || to === undefined) continue;
    const siblings = (leaving.get(link.from) ?? [])
      .map((key) => layout.byKey.get(key))
      .filter((box) => box !== undefined)
      .sort((a, b) => (layout.stacked ? a.x - b.x : a.y - b.y));
    const at = siblings.indexOf(to);
    const lane = siblings.length < 2 ? 0 : (at / (siblings.length - 1)) * 2 - 1;
    curves.set(`${link.from}→${link.to}`, curveBetween(from, to, layout.stacked, lane));
  }
  return curves;
}

/** How far a point is from a curve, in px; about, by pieces. */
export function distanceTo(curve: Curve, x: number, y: number): number {
  let nearest = Number.POSITIVE_INFINITY;
  let before = pointOn(curve, 0);
  for (let i = 1; i <= PIECES; i++) {
    const after = pointOn(curve, i / PIECES);
    const [dx, dy] = [after.x - before.x, after.y - before.y];
    const along = clamp(((x - before.x) * dx + (y - before.y) * dy) / Math.max(1e-6, dx * dx + dy * dy), 0, 1);
    nearest = Math.min(nearest, Math.hypot(before.x + dx * along - x, before.y + dy * along - y));
    before = after;
  }
  return nearest;
}

const PIECES = 12;

export function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}
