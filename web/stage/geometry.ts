/** Where links run between boxes: where each leaves and arrives, which way it takes, and where on it a hop is. */
import { type Box, boxKey, type Layout, type Link } from './boxes.ts';
import { BOLD } from './parts.ts';

/** A piece of a link, as canvas and SVG draw it: from 0 to 3, bent towards 1 and 2. */
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

/** A whole link: its pieces in order, where each ends as a share of the whole, and how long it is, px. */
export interface Path {
  readonly pieces: readonly Curve[];
  readonly ends: readonly number[];
  readonly length: number;
}

/** The point at a share t in 0…1 of the way. */
export function pointOn(path: Path, t: number): Point {
  const { pieces, ends } = path;
  let i = 0;
  while (i < pieces.length - 1 && t > (ends[i] as number)) i++;
  const from = i === 0 ? 0 : (ends[i - 1] as number);
  const to = ends[i] as number;
  return pointOf(pieces[i] as Curve, to > from ? (t - from) / (to - from) : 0);
}

function pointOf(curve: Curve, t: number): Point {
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

/** How far a point is from a link, in px; about, by short straight pieces. */
export function distanceTo(path: Path, x: number, y: number): number {
  let nearest = Number.POSITIVE_INFINITY;
  let before = pointOn(path, 0);
  const parts = STRAIGHT * path.pieces.length;
  for (let i = 1; i <= parts; i++) {
    const after = pointOn(path, i / parts);
    const [dx, dy] = [after.x - before.x, after.y - before.y];
    const along = clamp(((x - before.x) * dx + (y - before.y) * dy) / Math.max(1e-6, dx * dx + dy * dy), 0, 1);
    nearest = Math.min(nearest, Math.hypot(before.x + dx * along - x, before.y + dy * along - y));
    before = after;
  }
  return nearest;
}

const STRAIGHT = 12;

/** A path of these pieces. */
export function pathOf(pieces: readonly Curve[]): Path {
  const lengths = pieces.map(lengthOf);
  const length = lengths.reduce((all, one) => all + one, 0);
  let sum = 0;
  const ends = lengths.map((one) => {
    sum += one;
    return length === 0 ? 1 : sum / length;
  });
  return { pieces, ends, length };
}

function lengthOf(curve: Curve): number {
  let length = 0;
  let before = pointOf(curve, 0);
  for (let i = 1; i <= 8; i++) {
    const after = pointOf(curve, i / 8);
    length += Math.hypot(after.x - before.x, after.y - before.y);
    before = after;
  }
  return length;
}

export function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}

// Ways

type Side = 'left' | 'right' | 'top' | 'bottom';

interface End {
  readonly box: Box;
  readonly side: Side;
  /** Where the other end is: ends at one side stand in this order. */
  readonly towards: number;
}

/** All links of a layout, by key. */
export function pathsOf(layout: Layout): ReadonlyMap<string, Path> {
  const paths = new Map<string, Path>();
  const ways = layout.links.flatMap((link) => {
    const from = layout.byKey.get(link.from);
    const to = layout.byKey.get(link.to);
    return from === undefined || to === undefined ? [] : [{ link, from, to }];
  });
  if (layout.stacked) {
    const taken = { left: 0, right: 0 };
    for (const { link, from, to } of ways) {
      const isFar = to.type === 'queue' && to.deadLetter && layout.boxes.some((box) => liesBetween(box, from, to));
      if (isFar) {
        paths.set(link.key, alongEdge(from, to, layout.width));
        continue;
      }
      const straight = pathOf([downwards(from, to, trackOf(ways, link, from, to))]);
      const direct = betweenBoxes(from, to, layout.boxes) ?? straight;
      const past = isCrossing(direct, from, to, layout.boxes) ? pastBoxes(from, to, layout, taken) : null;
      const isBetter = past !== null && !isCrossing(past.path, from, to, layout.boxes);
      if (isBetter) taken[past.side]++;
      paths.set(link.key, isBetter ? past.path : direct);
    }
    return paths;
  }
  const lefts = [...new Set(layout.boxes.map(({ x }) => Math.round(x)))].sort((a, b) => a - b);
  const columnOf = (box: Box): number => lefts.indexOf(Math.round(box.x));
  const ends = new Map<string, readonly [End, End]>();
  for (const { link, from, to } of ways)
    ends.set(link.key, endsOf(from, to, columnOf(to) - columnOf(from), layout.boxes));
  const ports = portsOf(ends);
  const floor = layout.height - FLOOR;
  for (const { link, from, to } of ways) {
    const [a, b] = ends.get(link.key) as readonly [End, End];
    const start = ports.get(`${link.key} a`) as Point;
    const end = ports.get(`${link.key} b`) as Point;
    const isFar = Math.abs(columnOf(to) - columnOf(from)) > 1;
    if (isFar) paths.set(link.key, around(start, a.side, end, b.side, floor - (a.side === 'left' ? 8 : 0)));
    else if (a.side === 'left' && b.side === 'left') paths.set(link.key, besides(start, end));
    else paths.set(link.key, pathOf([across(start, a.side, end, b.side)]));
  }
  return paths;
}

/** From the lower edge of the stage to the way that far links take. */
const FLOOR = 26;
const BEND = 26;

/** At which sides a link leaves and arrives. Neighbours face each other; what is farther is reached from below, if nothing stands there; in one column straight, or around what stands between. */
function endsOf(from: Box, to: Box, columns: number, boxes: readonly Box[]): readonly [End, End] {
  const isBetween = (box: Box, low: number, high: number): boolean =>
    Math.round(box.x) === Math.round(to.x) && box.y >= low && box.y < high;
  if (columns === 0) {
    const [upper, lower] = from.y < to.y ? [from, to] : [to, from];
    const isStraight = !boxes.some((box) => isBetween(box, upper.y + upper.h, lower.y));
    const side: Side = isStraight ? (from === upper ? 'bottom' : 'top') : 'left';
    const other: Side = side === 'left' ? 'left' : side === 'bottom' ? 'top' : 'bottom';
    return [
      { box: from, side, towards: to.x },
      { box: to, side: other, towards: from.x },
    ];
  }
  const forwards = columns > 0;
  const side: Side = forwards ? 'right' : 'left';
  const facing: Side = forwards ? 'left' : 'right';
  const isFar = Math.abs(columns) > 1;
  const isLowest = !boxes.some((box) => isBetween(box, to.y + to.h, Number.POSITIVE_INFINITY));
  return [
    { box: from, side, towards: isFar ? Number.POSITIVE_INFINITY : to.y + to.h / 2 },
    {
      box: to,
      side: isFar && isLowest ? 'bottom' : facing,
      towards: isFar ? Number.POSITIVE_INFINITY : from.y + from.h / 2,
    },
  ];
}

/** More ends than this at one side of a box share one place. */
const ENDS_APART = 8;

/** Each end at its own place on its side, in the order of where it goes; by key of the link and `a` or `b`. */
function portsOf(ends: ReadonlyMap<string, readonly [End, End]>): ReadonlyMap<string, Point> {
  const sides = new Map<string, { readonly name: string; readonly end: End; readonly isIn: boolean }[]>();
  for (const [key, pair] of ends) {
    pair.forEach((end, i) => {
      const at = `${boxKey(end.box)} ${end.side}`;
      const list = sides.get(at);
      const one = { name: `${key} ${i === 0 ? 'a' : 'b'}`, end, isIn: i === 1 };
      if (list === undefined) sides.set(at, [one]);
      else list.push(one);
    });
  }
  const ports = new Map<string, Point>();
  for (const list of sides.values()) {
    // Many that arrive together meet in one point; many that leave are fanned out.
    const shared = list.length > ENDS_APART ? list.filter(({ isIn }) => isIn) : [];
    const single = shared.length > 1 ? shared[0] : undefined;
    const apart = list.filter((one) => single === undefined || one === single || !one.isIn);
    apart.sort((a, b) => a.end.towards - b.end.towards);
    for (const [i, { name, end }] of apart.entries())
      ports.set(name, portAt(end, apart.length === 1 ? 0.5 : spread(i, apart.length)));
    const meeting = single === undefined ? undefined : ports.get(single.name);
    if (meeting !== undefined) for (const { name } of shared) ports.set(name, meeting);
  }
  return ports;
}

/** Shares of a side, away from its corners: closer to the middle when there are few. */
function spread(i: number, of: number): number {
  const reach = Math.min(0.7, 0.22 * (of - 1));
  return 0.5 - reach / 2 + (reach * i) / (of - 1);
}

function portAt({ box, side }: End, share: number): Point {
  switch (side) {
    case 'left':
      return { x: box.x, y: box.y + box.h * share };
    case 'right':
      return { x: box.x + box.w, y: box.y + box.h * share };
    case 'top':
      return { x: box.x + box.w * share, y: box.y };
    case 'bottom':
      return { x: box.x + box.w * share, y: box.y + box.h };
    default:
      return side satisfies never;
  }
}

/** From side to side in one sweep. */
function across(start: Point, from: Side, end: Point, to: Side): Curve {
  const isUpright = from === 'top' || from === 'bottom';
  const bend = isUpright ? Math.abs(end.y - start.y) * 0.4 : Math.abs(end.x - start.x) * 0.5;
  const a = leave(start, from, bend);
  const b = leave(end, to, bend);
  return { x0: start.x, y0: start.y, x1: a.x, y1: a.y, x2: b.x, y2: b.y, x3: end.x, y3: end.y };
}

function leave({ x, y }: Point, side: Side, by: number): Point {
  switch (side) {
    case 'left':
      return { x: x - by, y };
    case 'right':
      return { x: x + by, y };
    case 'top':
      return { x, y: y - by };
    case 'bottom':
      return { x, y: y + by };
    default:
      return side satisfies never;
  }
}

/** Past the boxes of its own column, on their left. */
function besides(start: Point, end: Point): Path {
  return upright(start, end, Math.min(start.x, end.x) - 16, BEND);
}

/** To an upright line, along it, and away from it on the same side. */
function upright(start: Point, end: Point, x: number, bend: number): Path {
  return pathOf([
    corner(start, { x, y: start.y }, { x, y: start.y + bend }),
    line({ x, y: start.y + bend }, { x, y: end.y - bend }),
    corner({ x, y: end.y - bend }, { x, y: end.y }, end),
  ]);
}

/** Down between the columns, along the floor, and up: to the box from below, or between the columns to its side. */
function around(start: Point, side: Side, end: Point, to: Side, floor: number): Path {
  const x = leave(start, side, BEND).x;
  const turn = end.x < start.x ? -BEND : BEND;
  const away = Math.min(start.y + BEND, floor - BEND);
  const pieces = [
    corner(start, { x, y: start.y }, { x, y: away }),
    line({ x, y: away }, { x, y: floor - BEND }),
    corner({ x, y: floor - BEND }, { x, y: floor }, { x: x + turn, y: floor }),
  ];
  const up = to === 'bottom' ? end.x : end.x - turn;
  pieces.push(
    line({ x: x + turn, y: floor }, { x: up - turn, y: floor }),
    corner({ x: up - turn, y: floor }, { x: up, y: floor }, { x: up, y: floor - BEND }),
  );
  if (to === 'bottom') pieces.push(line({ x: up, y: floor - BEND }, end));
  else {
    const near = Math.min(end.y + BEND, floor - BEND);
    pieces.push(
      line({ x: up, y: floor - BEND }, { x: up, y: near }),
      corner({ x: up, y: near }, { x: up, y: end.y }, end),
    );
  }
  return pathOf(pieces);
}

function line(from: Point, to: Point): Curve {
  const x1 = from.x + (to.x - from.x) / 3;
  const y1 = from.y + (to.y - from.y) / 3;
  const x2 = from.x + ((to.x - from.x) * 2) / 3;
  const y2 = from.y + ((to.y - from.y) * 2) / 3;
  return { x0: from.x, y0: from.y, x1, y1, x2, y2, x3: to.x, y3: to.y };
}

function corner(from: Point, at: Point, to: Point): Curve {
  return { x0: from.x, y0: from.y, x1: at.x, y1: at.y, x2: at.x, y2: at.y, x3: to.x, y3: to.y };
}

// In rows

/** A row of its own between two others. */
function liesBetween(box: Box, upper: Box, lower: Box): boolean {
  return box.y >= upper.y + upper.h && box.y + box.h <= lower.y;
}

/** From the nearer edge of the stage so far to the way between it and the boxes. */
const EDGE = 6;

/** Down the nearer edge of the stage, where there is nothing. */
function alongEdge(from: Box, to: Box, width: number): Path {
  const isLeft = from.x + from.w / 2 <= width / 2;
  const side: Side = isLeft ? 'left' : 'right';
  const start = portAt({ box: from, side, towards: 0 }, 0.7);
  const end = portAt({ box: to, side, towards: 0 }, 0.5);
  return upright(start, end, isLeft ? EDGE : width - EDGE, 10);
}

type Edge = 'left' | 'right';

/** From the edge of the stage to the ways beside the boxes, px: links that take the same edge take turns. */
const BESIDE_EDGE = [10, 3];
/** From a box that others keep from the edge to the way along its row, px. */
const ALONG_ROW = 10;
const ROUND = 6;

/** Whether a way runs through a box that is none of its ends. */
function isCrossing(path: Path, from: Box, to: Box, boxes: readonly Box[]): boolean {
  const others = boxes.filter((box) => box !== from && box !== to);
  const steps = STRAIGHT * 2 * path.pieces.length;
  for (let i = 1; i < steps; i++) {
    const { x, y } = pointOn(path, i / steps);
    if (others.some((box) => x > box.x && x < box.x + box.w && y > box.y && y < box.y + box.h)) return true;
  }
  return false;
}

/** Past all that stands between, along the edge of the stage that is easier to reach. */
function pastBoxes(
  from: Box,
  to: Box,
  { boxes, width }: Layout,
  taken: Readonly<Record<Edge, number>>,
): { readonly side: Edge; readonly path: Path } {
  const farFrom = (box: Box, side: Edge): number => {
    const middle = box.x + box.w / 2;
    // Along a row of queues the way would run through the names of those below.
    const alongRow = box.type === 'queue' ? 4 * width : width;
    return (isOpen(box, side, boxes) ? 0 : alongRow) + (side === 'left' ? middle : width - middle);
  };
  const side: Edge =
    farFrom(from, 'left') + farFrom(to, 'left') < farFrom(from, 'right') + farFrom(to, 'right') ? 'left' : 'right';
  const beside = BESIDE_EDGE[taken[side] % BESIDE_EDGE.length] as number;
  const x = side === 'left' ? beside : width - beside;
  const isDown = from.y < to.y;
  // What comes in stands above what goes out.
  const out = wayToEdge(from, side, x, isDown ? 'bottom' : 'top', boxes, 0.65);
  const back = wayToEdge(to, side, x, isDown ? 'top' : 'bottom', boxes, 0.35);
  return { side, path: rounded([...out, ...back.reverse()]) };
}

/** Whether nothing stands between a box and an edge of the stage. */
function isOpen(box: Box, side: Edge, boxes: readonly Box[]): boolean {
  return !boxes.some(
    (other) =>
      other !== box &&
      other.y < box.y + box.h &&
      other.y + other.h > box.y &&
      (side === 'left' ? other.x < box.x : other.x > box.x),
  );
}

/** Corners of the way from a box to the edge: from its side, or where others stand beside it, along its row. */
function wayToEdge(
  box: Box,
  side: Edge,
  x: number,
  facing: 'top' | 'bottom',
  boxes: readonly Box[],
  share: number,
): Point[] {
  if (isOpen(box, side, boxes)) {
    // A hexagon is as wide as its box only half way down.
    const start = portAt({ box, side, towards: 0 }, box.type === 'exchange' ? 0.5 : share);
    return [start, { x, y: start.y }];
  }
  const start = portAt({ box, side: facing, towards: 0 }, share);
  const gaps = boxes
    .filter((other) => other.x < box.x + box.w && other.x + other.w > box.x)
    .map((other) => (facing === 'bottom' ? other.y - box.y - box.h : box.y - other.y - other.h))
    .filter((gap) => gap >= 0);
  const away = Math.min(ALONG_ROW, ...gaps.map((gap) => gap / 2));
  const y = start.y + (facing === 'bottom' ? away : -away);
  return [start, { x: start.x, y }, { x, y }];
}

/** From corner to corner, which are rounded. */
function rounded(corners: readonly Point[]): Path {
  const pieces: Curve[] = [];
  let at = corners[0] as Point;
  for (let i = 1; i < corners.length; i++) {
    const turn = corners[i] as Point;
    const next = corners[i + 1];
    if (next === undefined) {
      pieces.push(line(at, turn));
      break;
    }
    const before = towards(turn, at, ROUND);
    const after = towards(turn, next, ROUND);
    pieces.push(line(at, before), corner(before, turn, after));
    at = after;
  }
  return pathOf(pieces);
}

/** So far from one point towards another, but not beyond half of the way. */
function towards(from: Point, to: Point, by: number): Point {
  const far = Math.hypot(to.x - from.x, to.y - from.y);
  const share = far === 0 ? 0 : Math.min(by / far, 0.5);
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

/** From the edge of a box to the way beside it, px: boxes of a row stand that close to each other. */
const BESIDE = 3;

/** Past a row of boxes that stands between, where one of them is in the way: down beside the narrower end, which has its fellows over it or under it. Null where nothing is, or where there is no way. */
function betweenBoxes(from: Box, to: Box, boxes: readonly Box[]): Path | null {
  if (from.w === to.w || from.y > to.y) return null;
  const isDown = from.w > to.w;
  const [narrow, broad] = isDown ? [to, from] : [from, to];
  const between = boxes.filter((box) => liesBetween(box, from, to));
  const isInWay = (x: number): boolean => between.some((box) => x > box.x - 1 && x < box.x + box.w + 1);
  // The first of a row has its fellows on its right only.
  const isFirst = narrow.x < broad.x + 2 * BESIDE;
  const edge = isFirst ? narrow.x + narrow.w : narrow.x;
  const x = isFirst ? edge + BESIDE : edge - BESIDE;
  const isOver = x > broad.x && x < broad.x + broad.w;
  if (!isInWay(narrow.x + narrow.w / 2) || isInWay(x) || !isOver) return null;
  const y = narrow.y + narrow.h * (isDown ? 0.5 : 0.75);
  const side = { x: edge, y };
  const turn = { x, y };
  return isDown
    ? pathOf([line({ x, y: from.y + from.h }, { x, y: y - BESIDE }), corner({ x, y: y - BESIDE }, turn, side)])
    : pathOf([corner(side, turn, { x, y: y + BESIDE }), line({ x, y: y + BESIDE }, { x, y: to.y })]);
}

/** −1 … 1: links that leave one box are fanned out. */
function trackOf(
  ways: readonly { readonly link: Link; readonly from: Box; readonly to: Box }[],
  link: Link,
  from: Box,
  to: Box,
): number {
  const siblings = ways.filter((way) => way.link.from === link.from && way.from === from).map((way) => way.to);
  siblings.sort((a, b) => a.x - b.x);
  return siblings.length < 2 ? 0 : (siblings.indexOf(to) / (siblings.length - 1)) * 2 - 1;
}

/** A character of the small print under a title is about so wide, px. */
const SMALL = 6.6;

/** How far the title over a box reaches, px; 0 for none. */
function titleOver(box: Box): number {
  if (box.type === 'queue' && !box.deadLetter)
    return Math.min(box.titleW, Math.max(box.name.length * BOLD, box.about.length * SMALL)) + 16;
  const isTitled = (box.type === 'partition' || box.type === 'tapes') && box.title !== '';
  return isTitled ? Math.min(box.titleW, box.title.length * BOLD) + 16 : 0;
}

/** From below the one to above the other. `track` moves the ends apart where many links meet. */
function downwards(from: Box, to: Box, track: number): Curve {
  const down = from.y <= to.y;
  const x3 = to.x + to.w / 2;
  // Past what stands over the other, where that has the room.
  const free = down ? Math.min(to.x + titleOver(to), to.x + to.w - 20) : 0;
  const x0 = Math.max(from.x + from.w / 2 + track * from.w * 0.3, Math.min(free, from.x + from.w - 20));
  const y0 = down ? from.y + from.h : from.y;
  const y3 = down ? to.y : to.y + to.h;
  const bend = (y3 - y0) / 2;
  // A wide box is left straight below or above the other's middle.
  const start = from.w > to.w * 1.5 ? clamp(x3, from.x + 20, from.x + from.w - 20) : x0;
  const end = Math.max(free, to.w > from.w * 1.5 ? clamp(x0, to.x + 20, to.x + to.w - 20) : x3);
  return { x0: start, y0, x1: start, y1: y0 + bend, x2: end, y2: y3 - bend, x3: end, y3 };
}
