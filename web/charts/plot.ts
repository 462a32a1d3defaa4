/** From a chart to paths and ticks: all sums of the picture, none of its elements. */
import { area, line, type ScaleLinear, scaleLinear, ticks } from 'd3';
import type { Micros } from '../../core/types.ts';
import { labelled, timeTicks } from './axis.ts';
import type { Chart, Line } from './charts.ts';

export interface Plot {
  readonly x: ScaleLinear<number, number>;
  readonly y: ScaleLinear<number, number>;
  /** Values that get a line and a label. */
  readonly yTicks: readonly number[];
  readonly xTicks: ReturnType<typeof labelled>;
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
  const y = scaleLinear([0, yTicks.at(-1) ?? chart.most], [height, 0]);
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
    xTicks: labelled(timeTicks(chart.endUs, Math.max(2, Math.floor(width / X_LABEL)))),
    paths: chart.lines.map((one) => drawn(corners(chart, one)) ?? ''),
    fill: first === undefined || chart.unit === 'duration' ? '' : (filled(corners(chart, first)) ?? ''),
  };
}

/** Round numbers from zero to the first that is no less than the highest value. */
function valueTicks({ unit, most }: Chart): readonly number[] {
  switch (unit) {
    case 'share':
      return [0, 0.5, 1];
    case 'duration':
      return upTo(most, timeTicks(most, 3));
    case 'perSecond':
      return upTo(most, ticks(0, most, 2));
    default:
      return upTo(most, ticks(0, Math.max(2, most), 2).filter(Number.isInteger));
  }
}

function upTo(most: number, values: readonly number[]): readonly number[] {
  const last = values.at(-1) ?? 0;
  return last >= most ? values : [...values, last + ((values[1] ?? most) - (values[0] ?? 0))];
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
