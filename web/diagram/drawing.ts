/**
 * What of a run is to be seen in one window of the diagram, as plain shapes: lifelines with what was wrong on them, bars for locks and for work, arrows for
 * hops, dots for facts. Only the window's facts are looked at. Pure sums: no canvas, no colours.
 */
import { bisectLeft } from 'd3';
import type { ActorId, FactId, MessageId, Micros } from '../../core/types.ts';
import { HOLDINGS, type HoldingColumns } from '../../sim/folds/holdings.ts';
import type { Trace } from '../../sim/trace.ts';
import { F, FACTS, FATES } from '../../sim/vocabulary.ts';
import type { FactsIndex } from '../facts-index.ts';
import type { ShownRun } from '../lab.svelte.ts';
import type { DiagramFilter } from '../questions.ts';
import { isDrawn } from './instants.ts';
import type { QuietStretch, TimeScale } from './timescale.ts';

export interface Column {
  readonly actor: ActorId;
  readonly name: string;
  readonly x: number;
}

export type ArrowKind = 'message' | 'ack' | 'answer';

export interface Arrow {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
  readonly kind: ArrowKind;
  /** Why it never arrived; '' when it did. */
  readonly lost: string;
  readonly message: MessageId;
  readonly fact: FactId;
}

export type DotKind = 'plain' | 'made' | 'settled' | 'fault' | 'lost';

export interface Dot {
  readonly x: number;
  readonly y: number;
  readonly kind: DotKind;
  /** Said beside it; '' for nothing. */
  readonly word: string;
  readonly message: MessageId;
  readonly fact: FactId;
}

export interface HoldingBar {
  readonly x: number;
  readonly y0: number;
  readonly y1: number;
  readonly kind: 'locked' | 'waiting' | 'working';
  readonly message: MessageId;
  readonly fact: FactId;
}

/** Something was wrong: with one lifeline (`x`), or with everything (null). */
export interface TroubleBand {
  readonly x: number | null;
  readonly y0: number;
  readonly y1: number;
  readonly label: string;
  readonly fact: FactId;
}

/** Where facts are too many to be told apart: how many on a lifeline in one step of height, as a share of the most. */
export interface Density {
  readonly x: number;
  readonly y: number;
  readonly share: number;
}

export interface Drawing {
  readonly columns: readonly Column[];
  readonly troubles: readonly TroubleBand[];
  readonly bars: readonly HoldingBar[];
  readonly arrows: readonly Arrow[];
  readonly dots: readonly Dot[];
  readonly quiet: readonly QuietStretch[];
  readonly times: readonly { readonly y: number; readonly time: Micros }[];
  readonly density: readonly Density[];
  /** Facts in the window. */
  readonly facts: number;
}

export interface Window {
  readonly scale: TimeScale;
  readonly columns: readonly Column[];
  /** Height of the window's top in the whole, and of the window itself. */
  readonly top: number;
  readonly height: number;
  readonly filter: DiagramFilter;
}

/** If more than these would be drawn, they are shown as density. */
const MOST_FACTS = 3_000;
/** At most so many facts are looked at for one picture. */
const SAMPLES = 30_000;
export const DENSITY_STEP = 6;
/** Between two labels of time. */
const TIME_STEP = 16;
const SLOT = 6;
const BLOCK = 256;
const HOP_DELIVERY = 2;
const HOP_ACK = 3;
const HOP_REQUEST = 0;
const HOP_EFFECT = 4;
const HOP_REPLICATION = 6;
const DUPLICATED = 4;

/** Finds the holdings that reach into a stretch of time, without looking at all of them. */
export class HoldingIndex {
  readonly columns: HoldingColumns;
  readonly #trace: Trace;
  /** Per block: when the last of its holdings ends. */
  readonly #lastEnds: Micros[] = [];

  constructor(trace: Trace, columns: HoldingColumns) {
    this.#trace = trace;
    this.columns = columns;
    for (let i = 0; i < columns.count; i++) {
      const block = Math.floor(i / BLOCK);
      this.#lastEnds[block] = Math.max(this.#lastEnds[block] ?? 0, this.endUs(i));
    }
  }

  /** Infinity for what lasts. */
  endUs(i: number): Micros {
    const end = this.columns.ends[i] as FactId;
    return end === 0 ? Number.POSITIVE_INFINITY : this.#trace.time(end);
  }

  /** Indexes, in the order of beginnings; at most `limit`. */
  within(fromUs: Micros, toUs: Micros, limit: number): readonly number[] {
    const { facts } = this.columns;
    const last = bisectLeft(facts, this.#trace.lastAt(toUs) + 1);
    const found: number[] = [];
    for (let block = 0; block * BLOCK < last && found.length < limit; block++) {
      if ((this.#lastEnds[block] as number) < fromUs) continue;
      for (let i = block * BLOCK; i < Math.min(last, (block + 1) * BLOCK) && found.length < limit; i++) {
        if (this.endUs(i) >= fromUs) found.push(i);
      }
    }
    return found;
  }
}

export function drawingOf(run: ShownRun, holdings: HoldingIndex | null, window: Window): Drawing {
  const { scale, columns, top, height, filter } = window;
  const { trace } = run;
  const fromUs = scale.time(top - 1);
  const toUs = scale.time(top + height + 1);
  const xs = new Map(columns.map(({ actor, x }) => [actor, x]));
  const first = firstAt(trace, fromUs);
  const last = trace.lastAt(toUs);
  const facts = Math.max(0, last - first + 1);
  const y = (time: Micros): number => scale.y(time) - top;
  const base = {
    columns,
    troubles: troublesOf(run.index, trace, xs, fromUs, toUs, y),
    quiet: scale.quiet(top, top + height).map((one) => ({ ...one, y0: one.y0 - top, y1: one.y1 - top })),
    times: scale.instants(top, top + height, TIME_STEP).map(({ time, y: at }) => ({ time, y: at - top })),
    facts,
  };
  const hidden = new Set(filter.hidden);
  const drawn = drawnIn(run, hidden, filter, first, last);
  if (drawn === null)
    return { ...base, bars: [], arrows: [], dots: [], density: densityOf(trace, xs, hidden, filter, first, last, y) };
  const arrows: Arrow[] = [];
  const dots: Dot[] = [];
  const see = (id: FactId): void => {
    if (trace.kind(id) === F.sent) {
      const arrow = arrowOf(trace, id, xs, y);
      if (arrow !== null) arrows.push(arrow);
      return;
    }
    const x = xs.get(trace.actor(id));
    if (x !== undefined) dots.push(dotOf(trace, id, x, y(trace.time(id))));
  };
  // What set out before the window arrives in it, or passes through.
  for (const { fact } of run.transit.at(Math.max(0, fromUs - 1), MOST_FACTS)) {
    if (fact < first && isDrawn(trace, fact, hidden, filter)) see(fact);
  }
  for (const id of drawn) see(id);
  return {
    ...base,
    bars: holdings === null ? [] : barsOf(trace, holdings, xs, filter, fromUs, toUs, y),
    arrows,
    dots,
    density: [],
  };
}

/** The first fact at or after a time. */
function firstAt(trace: Trace, time: Micros): FactId {
  return time <= 0 ? 1 : trace.lastAt(time - 1) + 1;
}

/** What is drawn of the facts from one to another; null when that is too much to be told apart. */
function drawnIn(
  { trace }: ShownRun,
  hidden: ReadonlySet<ActorId>,
  filter: DiagramFilter,
  first: FactId,
  last: FactId,
): readonly FactId[] | null {
  if (last - first >= SAMPLES && filter.message === 0) return null;
  const drawn: FactId[] = [];
  for (let id = first; id <= last; id++) {
    if (isDrawn(trace, id, hidden, filter)) drawn.push(id);
    if (drawn.length > MOST_FACTS) return null;
  }
  return drawn;
}

function arrowOf(
  trace: Trace,
  id: FactId,
  xs: ReadonlyMap<ActorId, number>,
  y: (time: Micros) => number,
): Arrow | null {
  const x0 = xs.get(trace.actor(id));
  const x1 = xs.get(trace.peer(id));
  if (x0 === undefined || x1 === undefined) return null;
  const departure = trace.time(id);
  const detail = trace.detail(id);
  const hop = detail & 7;
  const fate = detail >> 3;
  return {
    x0,
    y0: y(departure),
    x1,
    y1: y(departure + trace.value(id)),
    kind: hop === HOP_ACK ? 'ack' : carries(hop) && trace.messageOf(id) !== 0 ? 'message' : 'answer',
    lost: fate === 0 || fate === DUPLICATED ? '' : (FATES[fate] ?? 'lost'),
    message: trace.messageOf(id),
    fact: id,
  };
}

function carries(hop: number): boolean {
  return hop === HOP_REQUEST || hop === HOP_DELIVERY || hop === HOP_EFFECT || hop === HOP_REPLICATION;
}

const MADE = new Set([F.produced, F.appended, F.delivered]);
const SETTLED = new Set([F.applied, F.acked, F.settled, F.committed, F.confirmed]);
const LOST = new Set([F.lost, F.unreachable, F.expired, F.evicted, F.shed]);
/** Said in a word beside the lifeline, because they are what one looks for. */
const WORDS: ReadonlyMap<number, string> = new Map([
  [F['lock-expired'], 'lock ended'],
  [F['dead-lettered'], 'dead-lettered'],
  [F.failed, 'failed'],
  [F.unreachable, 'was down'],
  [F.lost, 'lost'],
  [F.expired, 'expired'],
  [F.evicted, 'dropped'],
  [F.shed, 'dropped'],
  [F.rejected, 'refused'],
  [F['gave-up'], 'gave up'],
  [F['ack-refused'], 'ack ignored'],
  [F.elected, 'elected'],
  [F['rebalance-begun'], 'rebalance'],
  [F.crashed, 'crashed'],
  [F.restarted, 'up again'],
]);

function dotOf(trace: Trace, id: FactId, x: number, y: number): Dot {
  const kind = trace.kind(id);
  const isAgain = kind === F.applied && trace.detail(id) === 2;
  const looks: DotKind = LOST.has(kind)
    ? 'lost'
    : FACTS[trace.name(id)].tone === 'fault' || isAgain
      ? 'fault'
      : SETTLED.has(kind)
        ? 'settled'
        : MADE.has(kind)
          ? 'made'
          : 'plain';
  return {
    x,
    y,
    kind: looks,
    word: isAgain ? 'again' : (WORDS.get(kind) ?? ''),
    message: trace.messageOf(id),
    fact: id,
  };
}

function barsOf(
  trace: Trace,
  holdings: HoldingIndex,
  xs: ReadonlyMap<ActorId, number>,
  filter: DiagramFilter,
  fromUs: Micros,
  toUs: Micros,
  y: (time: Micros) => number,
): readonly HoldingBar[] {
  const { kinds, actors, messages, facts, slots } = holdings.columns;
  const room = slotRoom(xs);
  const bars: HoldingBar[] = [];
  for (const i of holdings.within(fromUs, toUs, MOST_FACTS)) {
    const x = xs.get(actors[i] as ActorId);
    const message = messages[i] as MessageId;
    if (x === undefined || (filter.message !== 0 && filter.message !== message)) continue;
    const fact = facts[i] as FactId;
    const kind = kinds[i] as number;
    bars.push({
      x: x + 4 + Math.min(slots[i] as number, room) * SLOT,
      y0: y(trace.time(fact)),
      y1: y(Math.min(holdings.endUs(i), trace.endedAtUs)),
      kind: kind === HOLDINGS.locked ? 'locked' : kind === HOLDINGS.waiting ? 'waiting' : 'working',
      message,
      fact,
    });
  }
  return bars;
}

/** How many slots fit between two lifelines, less one. */
function slotRoom(xs: ReadonlyMap<ActorId, number>): number {
  const [a = 0, b = a + 80] = [...xs.values()];
  return Math.max(0, Math.floor((Math.abs(b - a) - 24) / SLOT) - 1);
}

function troublesOf(
  index: FactsIndex,
  trace: Trace,
  xs: ReadonlyMap<ActorId, number>,
  fromUs: Micros,
  toUs: Micros,
  y: (time: Micros) => number,
): readonly TroubleBand[] {
  return index.spans.flatMap((span): readonly TroubleBand[] => {
    const end = span.toUs ?? trace.endedAtUs;
    const x = span.actor === 0 ? null : xs.get(span.actor);
    if (span.kind !== 'stretch' || end < fromUs || span.fromUs > toUs || x === undefined) return [];
    return [{ x, y0: y(span.fromUs), y1: y(end), label: span.label, fact: span.fact }];
  });
}

function densityOf(
  trace: Trace,
  xs: ReadonlyMap<ActorId, number>,
  hidden: ReadonlySet<ActorId>,
  filter: DiagramFilter,
  first: FactId,
  last: FactId,
  y: (time: Micros) => number,
): readonly Density[] {
  const stride = Math.max(1, Math.ceil((last - first + 1) / SAMPLES));
  const bins = new Map<number, { readonly x: number; readonly y: number; n: number }>();
  let most = 1;
  for (let id = first; id <= last; id += stride) {
    const actor = trace.actor(id);
    const x = xs.get(actor);
    if (x === undefined || !isDrawn(trace, id, hidden, filter)) continue;
    const step = Math.floor(y(trace.time(id)) / DENSITY_STEP);
    const key = step * 65_536 + actor;
    let bin = bins.get(key);
    if (bin === undefined) {
      bin = { x, y: step * DENSITY_STEP, n: 0 };
      bins.set(key, bin);
    }
    bin.n++;
    if (bin.n > most) most = bin.n;
  }
  return [...bins.values()].map(({ x, y, n }) => ({ x, y, share: Math.sqrt(n / most) }));
}

/** What lies under a point, nearest first; null when nothing is near. */
export function hitAt(
  drawing: Drawing,
  x: number,
  y: number,
): { readonly fact: FactId; readonly message: MessageId } | null {
  let best: { readonly fact: FactId; readonly message: MessageId } | null = null;
  let nearest = 9;
  for (const dot of drawing.dots) {
    const away = Math.hypot(dot.x - x, dot.y - y) - 2;
    if (away < nearest) {
      nearest = away;
      best = dot;
    }
  }
  for (const arrow of drawing.arrows) {
    const away = distance(arrow, x, y) + 1;
    if (away < nearest) {
      nearest = away;
      best = arrow;
    }
  }
  if (best !== null) return best;
  return drawing.bars.find((bar) => Math.abs(bar.x - x) < 5 && y >= bar.y0 && y <= bar.y1) ?? null;
}

function distance({ x0, y0, x1, y1 }: Arrow, x: number, y: number): number {
  const dx = x1 - x0;
  const dy = y1 - y0;
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.max(0, Math.min(1, ((x - x0) * dx + (y - y0) * dy) / length));
  return Math.hypot(x0 + t * dx - x, y0 + t * dy - y);
}
