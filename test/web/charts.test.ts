import { expect, it } from 'vitest';
import { World } from '../../sim/world.ts';
import { labelled, timeTicks } from '../../web/charts/axis.ts';
import { labelsAt, union } from '../../web/charts/bands.ts';
import {
  axisLabel,
  type Chart,
  indexAt,
  peak,
  sectionsOf,
  seriesOf,
  summary,
  wordsAt,
} from '../../web/charts/charts.ts';
import { plotOf } from '../../web/charts/plot.ts';
import { readScenario } from '../../web/reading.ts';

const labels = (endUs: number, most: number): string[] =>
  labelled(timeTicks(endUs, most)).map(({ label }) => label.replaceAll('\u00a0', ' '));

it.each<[string, number, number, string[]]>([
  ['thirty seconds', 30e6, 4, ['0', '10 s', '20 s', '30 s']],
  ['a minute', 60e6, 4, ['0', '15 s', '30 s', '45 s', '1:00']],
  ['twenty-five seconds', 25e6, 4, ['0', '10 s', '20 s']],
  ['two hours', 7_200e6, 4, ['0', '30 min', '1 h', '1 h 30', '2 h']],
  ['four days', 4 * 86_400e6, 4, ['0', '1 d', '2 d', '3 d', '4 d']],
  ['half a second', 500_000, 5, ['0', '100 ms', '200 ms', '300 ms', '400 ms', '500 ms']],
  ['nothing', 0, 4, ['0']],
])('the ticks of %s are times that a clock would have', (_, endUs, most, expected) => {
  expect(labels(endUs, most)).toEqual(expected);
});

it('no axis has more intervals than it has room for', () => {
  for (let endUs = 1; endUs < 1e13; endUs = Math.ceil(endUs * 1.37)) {
    for (const most of [2, 3, 4, 6]) {
      expect(timeTicks(endUs, most).length - 1, `${endUs} µs, at most ${most}`).toBeLessThanOrEqual(most);
    }
  }
});

const STEPS: Chart = {
  key: 'jobs',
  title: 'jobs',
  unit: 'messages',
  sinceUs: [0, 10e6, 20e6],
  endUs: 30e6,
  lines: [
    { name: 'ready', values: [0, 1204, 3], look: 'ink' },
    { name: 'in flight', values: [2, 2, 1], look: 'soft' },
  ],
  most: 1204,
};

it('a value holds from its moment until the next one', () => {
  expect([0, 9_999_999, 10e6, 29e6, 99e6].map((time) => indexAt(STEPS, time))).toEqual([0, 0, 1, 2, 2]);
  expect(wordsAt(STEPS, 12e6)).toBe('1,204 ready, 2 in flight');
});

it('a chart says its end and its peaks in words', () => {
  expect(summary(STEPS)).toBe(
    'At the end 3 ready, 1 in flight. At most 1,204 ready at 0:10.000, 2 in flight at 0:00.000.',
  );
});

it('a line goes sideways at each value, and the axis reaches over the highest', () => {
  const plot = plotOf(STEPS, 300, 60);
  expect(plot.yTicks).toEqual([0, 500, 1000, 1500]);
  expect(plot.paths[0]).toBe('M0,60L100,60L100,11.8L200,11.8L200,59.9L300,59.9');
  expect(plot.x.invert(150)).toBe(15e6);
  expect(axisLabel(1500, 'messages')).toBe('1.5k');
});

it('nothing is drawn, and no peak found, where nothing was measured', () => {
  const line = { name: 'median', values: [Number.NaN, 4e6, Number.NaN], look: 'ink' } as const;
  const chart: Chart = { ...STEPS, unit: 'duration', lines: [line], most: 4e6 };
  expect(plotOf(chart, 300, 60).paths[0]).toBe('M100,0L200,0');
  expect(peak(chart, line)).toEqual({ value: 4e6, timeUs: 10e6 });
  expect(wordsAt(chart, 0)).toBe('– median');
});

it('bands that overlap are drawn once, and named each', () => {
  const bands = [
    { key: 'a', label: 'w1 crashed', fromUs: 1e6, toUs: 5e6 },
    { key: 'b', label: 'w2 crashed', fromUs: 3e6, toUs: 4e6 },
    { key: 'c', label: 'changed', fromUs: 9e6, toUs: 9e6 },
  ];
  expect(union(bands)).toEqual([
    { fromUs: 1e6, toUs: 5e6 },
    { fromUs: 9e6, toUs: 9e6 },
  ]);
  expect(labelsAt(bands, 3.5e6, 100_000)).toEqual(['w1 crashed', 'w2 crashed']);
  expect(labelsAt(bands, 9.05e6, 100_000)).toEqual(['changed']);
  expect(labelsAt(bands, 9.2e6, 100_000)).toEqual([]);
});

it('a run is shown by the charts that have something to show, and their numbers are those of the run', () => {
  const text = `
title: Ten jobs
broker: { kind: sqs }
seed: 1
duration: 20s
queues: { jobs: {} }
producers: { app: { to: jobs, rate: 1/s, messages: 10, key: user } }
consumers: { worker: { from: jobs, process: 2s, settle: after-processing, effect: { set: results } } }
`;
  const { scenario, diagnostics } = readScenario({ file: 'jobs.yaml', text, sets: [], lines: [], under: null });
  if (scenario === null) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  const world = new World(scenario);
  while (world.step(10_000));
  const charts = sectionsOf(seriesOf(world.trace, scenario)).flatMap((section) => section.charts);
  expect(charts.map(({ title }) => title)).toEqual([
    'All messages',
    'jobs: depth',
    'jobs: age of the oldest',
    'Latency',
    'worker: utilisation',
  ]);
  const [all, depth] = charts;
  const produced = all?.lines[0]?.values ?? [];
  const columnUs = all?.sinceUs[1] ?? 0;
  expect(produced.reduce((sum, perSecond) => sum + (perSecond * columnUs) / 1e6, 0)).toBeCloseTo(10, 0);
  expect(depth?.lines[0]?.values[0]).toBe(0);
  expect(depth?.most).toBeGreaterThan(2);
});
