/** From strips to paths over one axis of time: all sums of the picture, none of its elements. */
import { area, curveStepAfter, line, max, type ScaleLinear, scaleLinear } from 'd3';
import type { Micros } from '../../core/types.ts';
import { labelled, timeTicks } from '../charts/axis.ts';
import { clock, count } from '../stage/describe.ts';
import type { LaneStrip, QueueStrip } from './strip.ts';
import type { LaneView } from './view.ts';

/** What all strips have in common. */
export interface Axis {
  readonly x: ScaleLinear<number, number>;
  readonly ticks: ReturnType<typeof labelled>;
  /** Where the axis ends. */
  readonly untilUs: Micros;
  /** The runs go on beyond it, and nothing changes there. */
  readonly isCut: boolean;
}

/** Space that one label of the time axis wants, px. */
const LABEL = 64;
/** What stays the same for longer than this share of the axis is cut off. */
const QUIET = 0.15;

export function axisOf(lanes: readonly LaneView[], width: number): Axis {
  const endUs = max(lanes, ({ strip }) => strip.endUs) ?? 1;
  const lastUs = max(lanes, ({ strip }) => strip.lastChangeUs) ?? 0;
  const isCut = lastUs > 0 && endUs - lastUs > endUs * QUIET;
  const untilUs = isCut ? Math.min(endUs, Math.ceil(lastUs * 1.05)) : endUs;
  return {
    x: scaleLinear([0, untilUs], [0, width]),
    ticks: labelled(timeTicks(untilUs, Math.max(2, Math.floor(width / LABEL)))),
    untilUs,
    isCut,
  };
}

/** Names of the queues in which anything ever stood, with the most that did in any lane. */
export function queuesOf(lanes: readonly LaneView[]): readonly { readonly name: string; readonly most: number }[] {
  const names = [...new Set(lanes.flatMap(({ strip }) => strip.queues.map(({ name }) => name)))];
  return names
    .map((name) => ({ name, most: max(lanes, ({ strip }) => queueIn(strip, name)?.most ?? 0) ?? 0 }))
    .filter(({ most }) => most > 0);
}

export function queueIn({ queues }: LaneStrip, name: string): QueueStrip | undefined {
  return queues.find((queue) => queue.name === name);
}

/** The line of a queue's depth and the area under it; `most` is as high as the row. */
export function pathsOf(
  queue: QueueStrip,
  { stepUs, endUs }: LaneStrip,
  { x, untilUs }: Axis,
  most: number,
  height: number,
): { readonly line: string; readonly area: string } {
  const y = scaleLinear([0, most], [height, 0]);
  const points: (readonly [number, number])[] = [];
  const last = Math.min(endUs, untilUs);
  queue.depth.forEach((depth, i) => {
    if (i * stepUs <= last && depth !== points.at(-1)?.[1]) points.push([i * stepUs, depth]);
  });
  points.push([last, points.at(-1)?.[1] ?? 0]);
  const atX = ([time]: readonly [number, number]): number => tenth(x(time));
  const atY = ([, depth]: readonly [number, number]): number => tenth(y(depth));
  return {
    line: line(atX, atY).curve(curveStepAfter)(points) ?? '',
    area: area(atX, height, atY).curve(curveStepAfter)(points) ?? '',
  };
}

/** How many stood there at a time. */
export function depthAt(queue: QueueStrip | undefined, { stepUs }: LaneStrip, time: Micros): number {
  return queue?.depth[Math.min(Math.floor(time / stepUs), queue.depth.length - 1)] ?? 0;
}

/** "5 in photo-jobs, 1 in photo-dead" at a time. */
export function wordsAt(strip: LaneStrip, names: readonly string[], time: Micros): string {
  return names.map((name) => `${count(depthAt(queueIn(strip, name), strip, time))} in ${name}`).join(', ');
}

/** What the strip shows, in a few sentences. */
export function summaryOf({ strip, title }: LaneView, names: readonly string[]): string {
  const most = names.map((name) => `${count(queueIn(strip, name)?.most ?? 0)} in ${name}`).join(', ');
  const [first] = strip.deadLetteredUs;
  const dead = first === undefined ? 'No dead letters.' : `The first dead letter at ${clock(first)}.`;
  const faults = [...new Set(strip.bands.map(({ label, fromUs }) => `${label} at ${clock(fromUs)}`))].join(', ');
  return `${title}: at most ${most}; at the end ${wordsAt(strip, names, strip.endUs)}. ${dead}${faults === '' ? '' : ` Faults: ${faults}.`}`;
}

function tenth(px: number): number {
  return Math.round(px * 10) / 10;
}
