/**
 * The vertical axis of the diagram: where a time stands. It is straight between two instants; a stretch in which nothing is drawn may be cut to a fixed
 * height, so that a hop of 3 ms and a job of 2 s fit into one picture. An object for a whole run; a window of it is found by bisection.
 */
import { bisectLeft, bisectRight } from 'd3';
import type { Micros } from '../../core/types.ts';

/** A stretch longer than this, in px, is cut to it where quiet time is collapsed. */
export const QUIET_PX = 46;
/** Two instants are at least so far apart there. */
const LEAST_PX = 5;
/** Above the first instant and below the last one. */
const MARGIN = 18;

export interface QuietStretch {
  readonly fromUs: Micros;
  readonly toUs: Micros;
  readonly y0: number;
  readonly y1: number;
}

export class TimeScale {
  /** Of everything, px. */
  readonly height: number;
  /** Instants with the beginning and the end of the run. */
  readonly times: Float64Array;
  readonly #ys: Float64Array;
  readonly #perUs: number;
  readonly #collapses: boolean;

  /** `instants` rise. `pxPerUs` is the scale where nothing is cut. */
  constructor(instants: Float64Array, endUs: Micros, pxPerUs: number, collapses: boolean) {
    const first = instants[0] === 0 ? 0 : 1;
    const last = (instants.at(-1) ?? -1) >= endUs ? 0 : 1;
    const times = new Float64Array(instants.length + first + last);
    times.set(instants, first);
    if (last === 1) times[times.length - 1] = endUs;
    const ys = new Float64Array(times.length);
    let y = MARGIN;
    ys[0] = y;
    for (let i = 1; i < times.length; i++) {
      const px = ((times[i] as number) - (times[i - 1] as number)) * pxPerUs;
      y += collapses ? Math.max(LEAST_PX, Math.min(QUIET_PX, px)) : px;
      ys[i] = y;
    }
    this.times = times;
    this.#ys = ys;
    this.#perUs = pxPerUs;
    this.#collapses = collapses;
    this.height = y + MARGIN;
  }

  y(time: Micros): number {
    return between(this.times, this.#ys, time);
  }

  /** Whole µs. */
  time(y: number): Micros {
    return Math.max(0, Math.round(between(this.#ys, this.times, y)));
  }

  /** Stretches that were cut, of those that lie between two heights. */
  quiet(y0: number, y1: number): readonly QuietStretch[] {
    const stretches: QuietStretch[] = [];
    if (!this.#collapses) return stretches;
    const end = Math.min(this.times.length - 1, bisectLeft(this.#ys, y1));
    for (let i = Math.max(1, bisectRight(this.#ys, y0)); i <= end; i++) {
      const fromUs = this.times[i - 1] as number;
      const toUs = this.times[i] as number;
      const top = this.#ys[i - 1] as number;
      const bottom = this.#ys[i] as number;
      if ((toUs - fromUs) * this.#perUs > (bottom - top) * 1.01) stretches.push({ fromUs, toUs, y0: top, y1: bottom });
    }
    return stretches;
  }

  /** Instants between two heights, at least `step` px apart. */
  instants(y0: number, y1: number, step: number): readonly { readonly time: Micros; readonly y: number }[] {
    const found: { readonly time: Micros; readonly y: number }[] = [];
    let i = bisectLeft(this.#ys, y0);
    while (i < this.times.length) {
      const y = this.#ys[i] as number;
      if (y > y1) break;
      found.push({ time: this.times[i] as number, y });
      i = bisectLeft(this.#ys, y + step, i + 1);
    }
    return found;
  }
}

/** `to` at a value of `from`, both rising; at the ends it stays. */
function between(from: Float64Array, to: Float64Array, value: number): number {
  const i = bisectRight(from, value);
  if (i <= 0) return to[0] ?? 0;
  if (i >= from.length) return to.at(-1) ?? 0;
  const a = from[i - 1] as number;
  const b = from[i] as number;
  const share = b === a ? 0 : (value - a) / (b - a);
  return (to[i - 1] as number) + share * ((to[i] as number) - (to[i - 1] as number));
}
