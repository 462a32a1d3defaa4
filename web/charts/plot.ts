/** From a chart to paths and ticks: all sums of the picture, none of its elements. */
import { area, line, type ScaleLinear, scaleLinear } from 'd3';
import type { Micros } from '../../core/types.ts';
import { timeTicks } from './axis.ts';
import type { Chart, Line } from './charts.ts';

export interface Plot {
  readonly x: ScaleLinear<number, number>;
  readonly y: ScaleLinear<number, number>;
  /** Values that get a line and a label. */
  readonly yTicks: readonly number[];
  readonly xTicks: readonly Micros[];
  /** One path a line of the chart. */
  readonly paths: readonly string[];
  /** Under the first line, where it is filled. */
  readonly fill: string;
}

/** Space that one label of the time axis wants, in px. */
const X_LABEL = 64;

/** A plot of so many px; y grows upwards from `height` to 0. */
export function plotOf(chart: Chart, width: number, height: number): Plot {
  const x = scaleLinear([0, Math.max(1, chart.endUs)], [0, width]);
  const yTicks = valueTicks(chart);
  const y = scaleLinear([0, Math.max(chart.most, yTicks.at(-1) ?? 0)], [height, 0]);
  const drawn = line<Corner>()
    .defined(([, value]) => !Number.isNaN(value))
    .x(([time]) => tenth(x(time)))
    .y(([, value]) => tenth(y(value)));
  const filled = area<Corner>()
    .defined(([, value]) => !Number.isNaN(value))
    .x(([time]) => tenth(x(time)))
    .y0(height)
    .y1(([, value]) => tenth(y(value)));
  const [first] = chart.lines;
  return {
    x,
    y,
    yTicks,
    xTicks: timeTicks(chart.endUs, Math.max(2, Math.floor(width / X_LABEL))),
    paths: chart.lines.map((one) => drawn(corners(chart, one)) ?? ''),
    fill: first === undefined || chart.unit === 'duration' ? '' : (filled(corners(chart, first)) ?? ''),
  };
}

/** Zero, a round number near the top, and what is halfway if that is round too. */
function valueTicks({ unit, most }: Chart): readonly number[] {
  switch (unit) {
    case 'share':
      return [0, 0.5, 1];
    case 'duration':
      return timeTicks(most, 2);
    case 'perSecond':
      return scaleLinear([0, most], [0, 1]).nice(2).ticks(2);
    default:
      return scaleLinear([0, most], [0, 1]).nice(2).ticks(2).filter(Number.isInteger);
  }
}

type Corner = readonly [Micros, number];

/** Each value as the level that it holds: where it begins and where the next one does. Nothing is drawn that was not measured. */
function corners({ sinceUs, endUs }: Chart, { values }: Line): Corner[] {
  return values.flatMap((value, i): Corner[] => [
    [sinceUs[i] ?? 0, value],
    [sinceUs[i + 1] ?? endUs, value],
  ]);
}

function tenth(px: number): number {
  return Math.round(px * 10) / 10;
}
