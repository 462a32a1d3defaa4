/** A drawing of the diagram onto its canvas: colours and pixels, in the grammar of the stage. */
import { factTime, seconds } from '../stage/describe.ts';
import type { KeyLooks } from '../stage/keys.ts';
import type { Palette } from '../stage/paint.ts';
import type { Pen } from '../stage/pen.ts';
import { type Arrow, DENSITY_STEP, type Dot, type Drawing, type HoldingBar, type TroubleBand } from './drawing.ts';
import type { QuietStretch } from './timescale.ts';

export interface Paper {
  readonly context: Pen;
  readonly palette: Palette;
  readonly keys: KeyLooks;
  readonly width: number;
  readonly height: number;
  readonly ratio: number;
  /** How far it is scrolled to the right, px. */
  readonly left: number;
  /** Left of the first lifeline: where times stand. */
  readonly gutter: number;
}

export interface Present {
  /** Height of the playhead in the window; may lie outside. */
  readonly y: number;
  /** Stands out; 0 for none. */
  readonly message: number;
  /** The fact at the playhead. */
  readonly fact: number;
}

const TEXT = '11px ui-sans-serif, system-ui, sans-serif';
const MONO = '11px ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace';
const FULL = Math.PI * 2;
/** A lost hop comes so far. */
const LOST_AT = 0.62;
const OTHERS = 0.22;
const NUMBER = /^\d+$/;
const WIDTHS_MOST = 2_000;
/** More cells than a row of the picture has. */
const ROW_OF_CELLS = 10_000;

export function draw(paper: Paper, drawing: Drawing, present: Present): void {
  const { context, ratio, width, height, left, gutter } = paper;
  const [first, second] = drawing.columns;
  const step = first === undefined || second === undefined ? 100 : second.x - first.x;
  const inner = { ...paper, taken: new Set<number>(), present, step };
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.save();
  context.beginPath();
  context.rect(gutter, 0, width - gutter, height);
  context.clip();
  context.translate(-left, 0);
  const right = Math.max(width + left, (drawing.columns.at(-1)?.x ?? 0) + 60);
  for (const band of drawing.troubles) trouble(inner, band, gutter, right);
  lifelines(inner, drawing);
  for (const bar of drawing.bars) holding(inner, bar);
  for (const { x, y, share } of drawing.density) density(inner, x, y, share);
  for (const arrow of drawing.arrows) hop(inner, arrow);
  for (const dot of drawing.dots) fact(inner, dot);
  for (const arrow of drawing.arrows) number(inner, arrow);
  for (const dot of drawing.dots) if (dot.word !== '') word(inner, dot);
  for (const band of drawing.troubles) troubleName(inner, band, gutter + left);
  context.restore();
  future(paper, present.y);
  gutterOf(paper, drawing.times, drawing.quiet, present.y);
  playhead(paper, present.y);
}

interface Inner extends Paper {
  /** Cells of the picture that hold a word already. */
  readonly taken: Set<number>;
  readonly present: Present;
  /** Between two lifelines. */
  readonly step: number;
}

function trouble({ context, palette }: Inner, { x, y0, y1 }: TroubleBand, gutter: number, right: number): void {
  const high = Math.max(2, y1 - y0);
  context.fillStyle = palette.inks.fault;
  context.globalAlpha = 0.12;
  if (x === null) context.fillRect(gutter, y0, right - gutter, high);
  else context.fillRect(x - 9, y0, 18, high);
  context.globalAlpha = 0.9;
  if (x === null) context.fillRect(gutter, y0, right - gutter, 1);
  context.globalAlpha = 1;
}

function lifelines({ context, palette, height }: Inner, { columns, quiet, troubles }: Drawing): void {
  for (const { x } of columns) {
    context.strokeStyle = palette.inks.line;
    context.lineWidth = 1.5;
    stroke(context, x, 0, x, height);
    for (const { x: at, y0, y1 } of troubles) {
      if (at !== x) continue;
      context.strokeStyle = palette.panel;
      context.lineWidth = 3;
      stroke(context, x, y0, x, y1);
      context.strokeStyle = palette.inks.fault;
      context.lineWidth = 1.5;
      context.setLineDash([3, 4]);
      stroke(context, x, y0, x, y1);
      context.setLineDash([]);
    }
    for (const { y0, y1 } of quiet) cut(context, palette, x, (y0 + y1) / 2);
  }
}

/** Two short strokes across a gap in the line: here time was left out. */
function cut(context: Pen, palette: Palette, x: number, y: number): void {
  context.fillStyle = palette.panel;
  context.fillRect(x - 3, y - 2.5, 6, 5);
  context.strokeStyle = palette.inks.faint;
  context.lineWidth = 1;
  stroke(context, x - 4, y - 1, x + 4, y - 4);
  stroke(context, x - 4, y + 4, x + 4, y + 1);
}

function holding(inner: Inner, { x, y0, y1, kind, message }: HoldingBar): void {
  const { context, palette, keys, height } = inner;
  const top = Math.max(-10, y0);
  const high = Math.max(3, Math.min(height + 10, y1) - top);
  const colour = palette.keys[keys.of(message).colour] ?? '';
  context.globalAlpha = fade(inner, message);
  context.strokeStyle = colour;
  context.fillStyle = colour;
  context.lineWidth = 1.25;
  if (kind === 'working') context.fillRect(x, top, 4.5, Math.max(2, high - 1));
  else {
    context.setLineDash(kind === 'locked' ? [3, 2.5] : []);
    context.strokeRect(x + 0.5, top + 1, 3.5, Math.max(2, high - 3));
    context.setLineDash([]);
    context.globalAlpha *= 0.2;
    context.fillRect(x + 0.5, top + 1, 3.5, Math.max(2, high - 3));
  }
  context.globalAlpha = 1;
}

function density({ context, palette }: Inner, x: number, y: number, share: number): void {
  context.fillStyle = palette.inks.soft;
  const wide = Math.max(1.5, share * 36);
  context.fillRect(x - wide / 2, y, wide, DENSITY_STEP - 1);
}

function hop(inner: Inner, arrow: Arrow): void {
  const { context, palette, keys } = inner;
  const { kind, message, lost } = arrow;
  const key = palette.keys[keys.of(message).colour] ?? '';
  const colour =
    lost !== ''
      ? palette.inks.fault
      : kind === 'ack'
        ? palette.inks.good
        : kind === 'answer'
          ? palette.inks.faint
          : key;
  const isSelected = message !== 0 && message === inner.present.message;
  context.globalAlpha = fade(inner, message);
  context.strokeStyle = colour;
  context.fillStyle = colour;
  context.lineWidth = kind === 'message' ? (isSelected ? 2.25 : 1.5) : 1;
  const reach = lost === '' ? 1 : LOST_AT;
  const side = Math.sign(arrow.x1 - arrow.x0);
  const x0 = arrow.x0 + 3 * side;
  const x1 = lost === '' ? arrow.x1 - 3 * side : arrow.x0 + (arrow.x1 - arrow.x0) * reach;
  const y1 = arrow.y0 + (arrow.y1 - arrow.y0) * reach;
  context.setLineDash(kind === 'message' ? [] : [4, 3]);
  stroke(context, x0, arrow.y0, x1, y1);
  context.setLineDash([]);
  if (lost === '') head(context, x0, arrow.y0, x1, y1);
  else {
    context.lineWidth = 2;
    stroke(context, x1 - 4, y1 - 4, x1 + 4, y1 + 4);
    stroke(context, x1 - 4, y1 + 4, x1 + 4, y1 - 4);
  }
  context.globalAlpha = 1;
}

function head(context: Pen, x0: number, y0: number, x1: number, y1: number): void {
  const angle = Math.atan2(y1 - y0, x1 - x0);
  context.save();
  context.translate(x1, y1);
  context.rotate(angle);
  context.beginPath();
  context.moveTo(0, 0);
  context.lineTo(-7, -3.5);
  context.lineTo(-7, 3.5);
  context.fill();
  context.restore();
}

/** The message's number over its arrow, and for a lost hop why. */
function number(inner: Inner, { x0, y0, x1, y1, kind, lost, message }: Arrow): void {
  if (message === 0 || (kind !== 'message' && lost === '')) return;
  const { context, palette } = inner;
  // Between the first two lifelines that it crosses, so that it stands on none.
  const at = lost === '' ? Math.min(0.5, inner.step / 2 / Math.max(1, Math.abs(x1 - x0))) : LOST_AT;
  const x = x0 + (x1 - x0) * at;
  const y = y0 + (y1 - y0) * at;
  context.font = TEXT;
  if (lost === '') label(inner, String(message), x, y - 3, 'center', palette.inks.ink, fade(inner, message));
  else {
    const words = lost.replace(/^lost:? /, '');
    // Where it came from there is the line; beyond it there may be no room.
    const wide = wideIs(context, words);
    const isRight = x1 > x0 ? x + 8 + wide < inner.width + inner.left : x - 8 - wide < inner.gutter + inner.left;
    const above = isRight === x1 > x0 ? 4 : -7;
    label(inner, words, x + (isRight ? 8 : -8), y + above, isRight ? 'left' : 'right', palette.inks.fault, 1);
  }
}

function fact(inner: Inner, { x, y, kind, message, fact: id }: Dot): void {
  const { context, palette, keys } = inner;
  context.globalAlpha = message === 0 ? 1 : fade(inner, message);
  context.lineWidth = 1.5;
  switch (kind) {
    case 'made':
      context.fillStyle = palette.keys[keys.of(message).colour] ?? '';
      circle(context, x, y, 3.5, true);
      break;
    case 'settled':
      context.fillStyle = palette.inks.good;
      context.fillRect(x - 3, y - 3, 6, 6);
      break;
    case 'fault':
      context.fillStyle = palette.panel;
      circle(context, x, y, 4, true);
      context.strokeStyle = palette.inks.fault;
      circle(context, x, y, 4, false);
      break;
    case 'lost':
      context.strokeStyle = palette.inks.fault;
      context.lineWidth = 2;
      stroke(context, x - 4, y - 4, x + 4, y + 4);
      stroke(context, x - 4, y + 4, x + 4, y - 4);
      break;
    case 'plain':
      context.fillStyle = palette.inks.soft;
      circle(context, x, y, 2.25, true);
      break;
    default:
      kind satisfies never;
  }
  context.globalAlpha = 1;
  if (id === inner.present.fact) {
    context.strokeStyle = palette.inks.accent;
    context.lineWidth = 2;
    circle(context, x, y, 7, false);
  }
}

function word(inner: Inner, { x, y, word: text, kind, message }: Dot): void {
  const ink = kind === 'fault' || kind === 'lost' ? inner.palette.inks.fault : inner.palette.inks.soft;
  inner.context.font = TEXT;
  const wide = wideIs(inner.context, text);
  const isRight = x + 10 + wide < inner.width + inner.left;
  label(
    inner,
    text,
    x + (isRight ? 8 : -8),
    y - 4,
    isRight ? 'left' : 'right',
    ink,
    message === 0 ? 1 : fade(inner, message),
  );
}

function troubleName(inner: Inner, { x, y0, y1, label: text }: TroubleBand, from: number): void {
  if (x !== null) return;
  inner.context.font = TEXT;
  const y = Math.max(13, Math.min(y0 + 13, y1 - 3));
  label(inner, text, from + 4, y, 'left', inner.palette.inks.fault, 1);
}

/** How wide a text is in the font that is set, which is always the same one: to have each number measured takes longer than to draw it. */
const WIDTHS = new Map<string, number>();

function wideIs(context: Pen, text: string): number {
  // All digits are about as wide as a naught.
  const alike = NUMBER.test(text) ? '0'.repeat(text.length) : text;
  let wide = WIDTHS.get(alike);
  if (wide === undefined) {
    if (WIDTHS.size > WIDTHS_MOST) WIDTHS.clear();
    wide = context.measureText(alike).width;
    WIDTHS.set(alike, wide);
  }
  return wide;
}

/** Words do not cover each other: the first one stays. */
function label(
  inner: Inner,
  text: string,
  x: number,
  y: number,
  align: CanvasTextAlign,
  ink: string,
  alpha: number,
): void {
  const { context, palette, taken } = inner;
  const wide = wideIs(context, text);
  const from = align === 'left' ? x : align === 'right' ? x - wide : x - wide / 2;
  const row = Math.round(y / 13) * ROW_OF_CELLS;
  const first = row + Math.floor(from / 10);
  const last = row + Math.floor((from + wide) / 10);
  for (let cell = first; cell <= last; cell++) if (taken.has(cell)) return;
  for (let cell = first; cell <= last; cell++) taken.add(cell);
  context.globalAlpha = alpha;
  context.textAlign = align;
  context.lineJoin = 'round';
  context.lineWidth = 3;
  context.strokeStyle = palette.panel;
  context.strokeText(text, x, y);
  context.fillStyle = ink;
  context.fillText(text, x, y);
  context.globalAlpha = 1;
}

/** What has not happened yet is faded. */
function future({ context, palette, width, height, gutter }: Paper, y: number): void {
  if (y >= height) return;
  const from = Math.max(0, y);
  context.globalAlpha = 0.45;
  context.fillStyle = palette.panel;
  context.fillRect(gutter, from, width - gutter, height - from);
  context.globalAlpha = 1;
}

function gutterOf(
  { context, palette, gutter, height, width }: Paper,
  times: Drawing['times'],
  quiet: readonly QuietStretch[],
  present: number,
): void {
  context.textAlign = 'right';
  context.font = MONO;
  for (const { y, time } of times) {
    if (Math.abs(y - present) < 12) continue;
    context.fillStyle = palette.inks.soft;
    context.fillText(factTime(time), gutter - 8, y + 4);
  }
  context.font = TEXT;
  for (const { fromUs, toUs, y0, y1 } of quiet) {
    const y = (y0 + y1) / 2;
    if (y1 - y0 < 30 || Math.abs(y - present) < 12 || y < 6 || y > height) continue;
    context.fillStyle = palette.inks.soft;
    context.fillText(`… ${seconds(toUs - fromUs)}`, gutter - 8, y + 4);
    context.strokeStyle = palette.inks.line;
    context.lineWidth = 1;
    context.setLineDash([1, 5]);
    stroke(context, gutter, y, width, y);
    context.setLineDash([]);
  }
}

function playhead({ context, palette, width, gutter, height }: Paper, y: number): void {
  if (y < -2 || y > height + 2) return;
  context.strokeStyle = palette.inks.accent;
  context.fillStyle = palette.inks.accent;
  context.lineWidth = 2;
  stroke(context, gutter - 4, y, width, y);
  circle(context, gutter - 4, y, 4.5, true);
}

function fade(inner: Inner, message: number): number {
  const { message: selected } = inner.present;
  return selected === 0 || selected === message ? 1 : OTHERS;
}

function stroke(context: Pen, x0: number, y0: number, x1: number, y1: number): void {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

function circle(context: Pen, x: number, y: number, r: number, filled: boolean): void {
  context.beginPath();
  context.arc(x, y, r, 0, FULL);
  if (filled) context.fill();
  else context.stroke();
}
