/** Ticks for virtual time, at steps that a clock would have (1, 2, 5, 10, 15, 30 s, …, hours, days) instead of powers of ten. */
import { bisectLeft, range, tickStep } from 'd3';
import type { Micros } from '../../core/types.ts';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** From a second on; below it, tens are what people count in. */
const STEPS: readonly Micros[] = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 28].map((n) => n * DAY),
];

/** Times in 0…end, both included, at the smallest sensible step that gives no more than `most` intervals. */
export function timeTicks(endUs: Micros, most: number): readonly Micros[] {
  const least = endUs / Math.max(1, most);
  if (least <= 0) return [0];
  const tens = tickStep(0, endUs, most);
  const step =
    least <= SECOND / 2
      ? Math.max(1, tens < least ? 2 * tens : tens)
      : (STEPS[bisectLeft(STEPS, least)] ?? DAY * Math.ceil(least / DAY));
  return range(0, endUs + step / 2, step).filter((time) => time <= endUs);
}

/** Ticks with their times in few letters, alike on one axis: "400 ms"; "45 s", "1:00"; "30 min", "1 h", "1 h 30"; "3 d". */
export function labelled(ticks: readonly Micros[]): readonly { readonly time: Micros; readonly label: string }[] {
  const step = (ticks[1] ?? 0) - (ticks[0] ?? 0);
  return ticks.map((time) => ({ time, label: labelOf(time, step) }));
}

function labelOf(us: Micros, step: Micros): string {
  if (us === 0) return '0';
  if (us < 1000) return `${us}\u00a0µs`;
  if (us < SECOND) return `${us / 1000}\u00a0ms`;
  if (us < MINUTE) return `${us / SECOND}\u00a0s`;
  if (us < HOUR && step >= MINUTE) return `${us / MINUTE}\u00a0min`;
  if (us < HOUR) return `${Math.floor(us / MINUTE)}:${two(Math.floor((us % MINUTE) / SECOND))}`;
  if (us < DAY || step < DAY / 2) {
    const minutes = Math.floor((us % HOUR) / MINUTE);
    return `${Math.floor(us / HOUR)}\u00a0h${minutes === 0 ? '' : `\u00a0${two(minutes)}`}`;
  }
  return `${Math.round((us / DAY) * 10) / 10}\u00a0d`;
}

function two(n: number): string {
  return String(n).padStart(2, '0');
}
