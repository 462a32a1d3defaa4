/** A queue's contents: what is ready and what is locked, each in its place while there is room, and how much more there is as a length. */
import type { MessageId, Micros } from '../../core/types.ts';
import type { QueueEntry } from '../../sim/folds/queue-state.ts';
import type { Topology } from '../../sim/folds/topology.ts';
import type { QueueBox } from './boxes.ts';
import { count, seconds, short } from './describe.ts';
import { clamp } from './geometry.ts';
import { niceCeiling, type Sheet, widthOf } from './marks.ts';

/** Messages on their way here from another queue are not in it yet for the eye. */
export function drawQueue(
  sheet: Sheet,
  box: QueueBox,
  topology: Topology,
  now: Micros,
  between: ReadonlySet<MessageId>,
): void {
  const queue = topology.queues[box.place];
  const ready = queue?.ready ?? 0;
  const delayed = queue?.delayed ?? 0;
  const locked = queue?.locked ?? 0;
  if (box.deadLetter) {
    const entries = queue?.entries('ready', 24) ?? [];
    const come = entries.filter(({ message }) => !between.has(message));
    drawDeadLetters(sheet, box, ready + locked + delayed - (entries.length - come.length), come);
    return;
  }
  const isSmall = box.h < 70;
  // Beside its name there is no room for its counts, so they stand in its box.
  const isNarrow = isSmall && box.w < 220 && box.h > 40;
  const isLow = isSmall && !isNarrow;
  const split = box.x + Math.round(box.w * 0.52);
  const pad = isSmall ? 8 : 14;
  const top = isNarrow ? box.y + 6 : isSmall ? box.y + 4 : box.y + 27;
  const bottom = box.y + box.h - (isNarrow ? 20 : isSmall ? 4 : 10);
  const waiting = [
    ...(queue?.entries('ready', 64) ?? []).map((entry) => ({ entry, untilUs: 0, isLate: false })),
    ...(ready < 64 ? (queue?.entries('delayed', 64 - ready) ?? []) : []).map((entry) => ({
      entry,
      untilUs: sheet.run.index.delayedUntil(entry.message, box.place, topology.fact),
      isLate: true,
    })),
  ];
  const ends = waiting.flatMap(({ untilUs }) => (untilUs > now ? [untilUs] : []));
  // What waits for no time waits for the end of its transaction.
  const late = waiting.filter(({ isLate }) => isLate);
  const isHidden = late.length > 0 && late.every(({ untilUs }) => untilUs === 0);
  const counts = [
    `ready ${count(ready)}`,
    ...(delayed > 0 ? [`${isHidden ? 'hidden' : 'delayed'} ${count(delayed)}`] : []),
    `${box.unsettled} ${count(locked)}`,
  ];
  if (isNarrow)
    sheet.word(box.x + box.w / 2, box.y + box.h - (box.h < 50 ? 5 : 14), counts.join(', '), 'soft', 'center');
  else if (isLow) sheet.word(box.x + box.w - 2, box.y - 8, counts.join(', '), 'soft', 'right');
  else {
    sheet.stroke(split, box.y + 10, split, box.y + box.h - 10, 'line', 1, true);
    const here = counts.slice(0, -1).join(', ');
    const next = ends.length === 0 ? here : `${here}, next in ${seconds(Math.min(...ends) - now)}`;
    const fits = widthOf(next) < split - box.x - pad - 8;
    sheet.word(box.x + pad, box.y + 17, fits ? next : here, 'soft', 'left');
    const last = counts.at(-1) ?? '';
    sheet.word(Math.min(split + 12, box.x + box.w - 8 - widthOf(last)), box.y + 17, last, 'soft', 'left');
  }
  drawWaiting(sheet, box, waiting, ready + delayed, now, {
    left: box.x + pad,
    right: split - 12,
    top,
    bottom,
    isSmall,
  });
  const right = box.x + box.w - 8;
  const room = { left: split + (isSmall ? 8 : 12), right, top, bottom, isSmall };
  drawLocked(sheet, box, queue?.entries('locked', 64) ?? [], locked, now, room);
}

interface Room {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly isSmall: boolean;
}

/** The head stands at the right, next to be handed out. */
function drawWaiting(
  sheet: Sheet,
  { cell }: QueueBox,
  waiting: readonly { readonly entry: QueueEntry; readonly untilUs: Micros; readonly isLate: boolean }[],
  total: number,
  now: Micros,
  { left, right, top, bottom, isSmall }: Room,
): void {
  const gap = isSmall ? 5 : 10;
  const step = cell + gap;
  const columns = Math.max(1, Math.floor((right - left + gap) / step));
  const linesIn = (h: number): number => Math.max(1, Math.floor((h + gap) / step));
  const isMany = total > columns * linesIn(bottom - top);
  // The bar and its words need room under the messages.
  const lines = linesIn(bottom - top - (isMany ? (isSmall ? 8 : 40) : 0));
  const shown = waiting.slice(0, columns * lines);
  shown.forEach(({ entry, untilUs, isLate }, i) => {
    const x = right - cell / 2 - (i % columns) * step;
    const y = top + cell / 2 + Math.floor(i / columns) * step;
    const attempt = entry.attempt > 0 ? entry.attempt + 1 : 0;
    const left = untilUs - now;
    const late = left > 0 ? `delayed for ${seconds(left)} more` : 'hidden until its transaction is committed';
    const hint = isLate ? late : `ready since ${seconds(now - entry.sinceUs)}`;
    const share = left > 0 ? clamp(left / (untilUs - entry.sinceUs), 0, 1) : -1;
    sheet.cell(entry.message, x, y, isLate ? cell - 4 : cell, isLate ? 'delayed' : 'solid', attempt, share, { hint });
  });
  if (!isMany) return;
  const foot = top + lines * step - gap;
  // In a box that is hardly higher than its messages all moves up.
  const isTight = !isSmall && bottom - foot < 40;
  const y = foot + (isSmall ? 3 : isTight ? 7 : 14);
  const h = isSmall ? 3 : isTight ? 6 : 8;
  const w = right - left;
  const peak = niceCeiling(total);
  sheet.bar(left, y, w, h, 'line');
  sheet.bar(left + w * (1 - total / peak), y, (w * total) / peak, h, 'soft');
  if (isSmall) return;
  const words = `${count(total)} waiting`;
  const scale = `of ${short(peak)}`;
  const line = y + h + (isTight ? 12 : 14);
  sheet.word(right, line, words, 'ink', 'right', true);
  if (widthOf(words) + widthOf(scale) + 16 < w) sheet.word(left, line, scale, 'soft', 'left');
}

/** Its place stays, with a ring that unwinds; what has no clock stands closer. Where they are too many, those that end first, and how many more. */
function drawLocked(
  sheet: Sheet,
  { cell }: QueueBox,
  entries: readonly QueueEntry[],
  total: number,
  now: Micros,
  { left, right, top, bottom, isSmall }: Room,
): void {
  const isTimed = entries.some(({ untilUs }) => untilUs > 0);
  const grids = [
    {
      size: isSmall ? cell : cell - 2,
      w: cell + (isTimed ? (isSmall ? 8 : 24) : 8),
      h: cell + (isTimed && !isSmall ? 34 : 8),
      words: true,
    },
    { size: Math.min(cell, 16), w: isTimed ? 28 : 22, h: isTimed ? 28 : 22, words: false },
  ];
  const fits = grids.map((grid) => ({
    ...grid,
    columns: Math.max(1, Math.floor((right - left + 4) / grid.w)),
    lines: Math.max(1, Math.floor((bottom - top + 8) / grid.h)),
  }));
  const grid = fits.find(({ columns, lines }) => total <= columns * lines) ?? fits.at(-1);
  if (grid === undefined) return;
  const room = grid.columns * grid.lines;
  const shown = entries.slice(0, total > room ? room - 1 : room);
  const first = isTimed && !isSmall && grid.words ? 8 : grid.words ? 0 : 4;
  shown.forEach((entry, i) => {
    const x = left + grid.w / 2 + (i % grid.columns) * grid.w;
    const y = top + first + grid.size / 2 + Math.floor(i / grid.columns) * grid.h;
    drawLockedCell(sheet, entry, x, y, grid.size, now, grid.words && !isSmall);
  });
  if (total <= shown.length) return;
  const x = left + grid.w / 2 + (shown.length % grid.columns) * grid.w;
  const y = top + first + Math.floor(shown.length / grid.columns) * grid.h + grid.size / 2 + 4;
  const text = `+${short(total - shown.length)}`;
  sheet.word(Math.min(x, right - widthOf(text) / 2), y, text, 'soft', 'center');
}

function drawLockedCell(
  sheet: Sheet,
  entry: QueueEntry,
  x: number,
  y: number,
  size: number,
  now: Micros,
  hasWords: boolean,
): void {
  const whole = entry.untilUs - entry.sinceUs;
  const left = entry.untilUs - now;
  const share = entry.untilUs === 0 || whole <= 0 ? -1 : clamp(left / whole, 0, 1);
  const holder = sheet.run.trace.actorName(entry.holder);
  const hint =
    share < 0 ? `with ${holder}, not settled` : `with ${holder}, locked for ${seconds(Math.max(0, left))} more`;
  sheet.cell(entry.message, x, y, size, 'held', entry.attempt, share, { hint });
  if (share < 0 || !hasWords) return;
  const isEnding = share < 0.1;
  sheet.word(x, y + size / 2 + 24, seconds(Math.max(0, left)), isEnding ? 'fault' : 'soft', 'center', isEnding);
}

function drawDeadLetters(sheet: Sheet, box: QueueBox, total: number, entries: readonly QueueEntry[]): void {
  const { cell } = box;
  const step = cell + 8;
  const columns = Math.max(0, Math.floor((box.w * 0.45) / step));
  const hasWords = box.h >= 44;
  const y = box.y + box.h / 2 - (hasWords ? 5 : 0);
  const shown = entries.slice(0, total > columns ? Math.max(0, columns - 1) : columns);
  shown.forEach((entry, i) => {
    const x = box.x + box.w - 14 - cell / 2 - i * step;
    const hint = entry.receives > 0 ? `dead-lettered after ${entry.receives} receives` : 'dead-lettered';
    sheet.cell(entry.message, x, y, cell, 'solid', 0, -1, { hint });
    if (entry.receives > 0 && hasWords) sheet.word(x, y + cell / 2 + 13, `×${entry.receives}`, 'soft', 'center');
  });
  if (total <= shown.length) return;
  const x = box.x + box.w - 14 - shown.length * step;
  sheet.word(x, box.y + box.h / 2 + 4, `+${short(total - shown.length)}`, 'fault', 'right', true);
}
