/**
 * Which charts a run is worth, and what each says in words. A chart is a few lines over virtual time, each a list of values that hold from one moment to the
 * next; what was zero all the time is left out. No drawing here: `plot.ts` makes the paths.
 */
import { bisectRight, format, greatest, max } from 'd3';
import type { Micros } from '../../core/types.ts';
import { metricSeries, type Points, type Series } from '../../sim/folds/series.ts';
import type { Scenario } from '../../sim/scenario/types.ts';
import type { Trace } from '../../sim/trace.ts';
import { clock, count, seconds } from '../stage/describe.ts';

/** Twice the same numbers: gauges are read often, sums and percentiles want stretches that are wide enough to hold something. */
export interface RunSeries {
  readonly fine: Series;
  readonly coarse: Series;
}

const FINE = 240;
const COARSE = 48;

/** Two passes over the trace; for the worker. */
export function seriesOf(trace: Trace, scenario: Scenario): RunSeries {
  return { fine: metricSeries(trace, scenario, FINE), coarse: metricSeries(trace, scenario, COARSE) };
}

export type Unit = 'messages' | 'perSecond' | 'duration' | 'share' | 'times' | 'brokers';

export interface Line {
  /** Follows the number: "12 ready". */
  readonly name: string;
  /** NaN where there was nothing to measure. */
  readonly values: Points;
  /** The first of a chart is filled; `fault` is for what should not be. */
  readonly look: 'ink' | 'soft' | 'fault';
}

export interface Chart {
  readonly key: string;
  readonly title: string;
  readonly unit: Unit;
  /** Since when each value holds: until the next one, or the end. Rising, from 0. */
  readonly sinceUs: Points;
  readonly endUs: Micros;
  readonly lines: readonly Line[];
  /** The highest value of all lines. */
  readonly most: number;
}

export interface Section {
  readonly title: string;
  readonly charts: readonly Chart[];
}

export function sectionsOf({ fine, coarse }: RunSeries): readonly Section[] {
  const endUs = fine.endsUs.at(-1) ?? 0;
  /** What was read at the end of each bucket, and holds until the next reading. All begins at nothing. */
  const gauge = (title: string, unit: Unit, ...lines: readonly Line[]): Chart =>
    chart(
      title,
      unit,
      [0, ...fine.endsUs],
      endUs,
      lines.map((line) => ({ ...line, values: [0, ...line.values] })),
    );
  /** What came together within each bucket. */
  const within = (title: string, unit: Unit, ...lines: readonly Line[]): Chart =>
    chart(title, unit, [0, ...coarse.endsUs.slice(0, -1)], endUs, lines);
  const places = [...coarse.queues, ...coarse.topics];
  const sections: readonly Section[] = [
    {
      title: 'Throughput',
      charts: [
        within(
          'All messages',
          'perSecond',
          ink('produced', coarse.producedPerSecond),
          soft('settled', coarse.settledPerSecond),
        ),
        ...(places.length < 2 ? [] : places).map(({ name, inPerSecond, outPerSecond }) =>
          within(`${name}: in and out`, 'perSecond', ink('stored', inPerSecond), soft('settled', outPerSecond)),
        ),
      ],
    },
    {
      title: 'Waiting',
      charts: [
        ...fine.queues.map(({ name, ready, inFlight }) =>
          gauge(`${name}: depth`, 'messages', ink('ready', ready), soft('in flight', inFlight)),
        ),
        ...fine.groups.map(({ name, lag }) => gauge(`${name}: lag`, 'messages', ink('behind', lag))),
        ...fine.queues.map(({ name, ageOfOldestUs }) =>
          gauge(`${name}: age of the oldest`, 'duration', ink('old', ageOfOldestUs)),
        ),
      ],
    },
    {
      title: 'From produced to first effect',
      charts: [
        within(
          'Latency',
          'duration',
          ink('median', coarse.latencyP50Us.map(measured)),
          soft('95th percentile', coarse.latencyP95Us.map(measured)),
        ),
      ],
    },
    {
      title: 'Consumers',
      charts: [
        ...coarse.consumers.map(({ name, utilisation }) =>
          within(`${name}: utilisation`, 'share', ink('busy', utilisation)),
        ),
        ...coarse.consumers.map(({ name, errorsPerSecond }) =>
          within(`${name}: errors`, 'perSecond', fault('failed', errorsPerSecond)),
        ),
      ],
    },
    {
      title: 'Once more, or not at all',
      charts: [
        within('Redeliveries', 'times', ink('redelivered', coarse.redelivered)),
        within('Retries of producers', 'times', ink('retried', coarse.retried)),
        within('Effects that came twice', 'times', fault('twice', coarse.duplicateEffects)),
        within('Dead letters', 'times', fault('dead-lettered', coarse.deadLettered)),
      ],
    },
    {
      title: 'Brokers',
      charts: [
        ...fine.topics.map(({ name, replicationLag }) =>
          gauge(`${name}: replication`, 'messages', ink('behind the leader', replicationLag)),
        ),
        gauge('Brokers down', 'brokers', fault('down', fine.brokersDown)),
        within('Elections', 'times', fault('elected', coarse.elections)),
      ],
    },
  ];
  return sections
    .map(({ title, charts }) => ({ title, charts: charts.filter(({ most }) => most > 0) }))
    .filter(({ charts }) => charts.length > 0);
}

/** Index of the value that holds at a time. */
export function indexAt({ sinceUs }: Chart, time: Micros): number {
  return Math.max(0, bisectRight(sinceUs, time) - 1);
}

/** "1,204 messages" without the noun, "3.5/s", "1.2 s", "87 %". */
export function amount(value: number, unit: Unit): string {
  if (Number.isNaN(value)) return '–';
  switch (unit) {
    case 'perSecond':
      return `${rounded(value)}/s`;
    case 'duration':
      return seconds(value).replace(' ', '\u00a0');
    case 'share':
      return `${Math.round(value * 100)}\u00a0%`;
    case 'messages':
    case 'times':
    case 'brokers':
      return count(value);
    default:
      unit satisfies never;
      return '';
  }
}

/** A value beside the axis: "10k/s" where `amount` has "10,000/s". */
export function axisLabel(value: number, unit: Unit): string {
  if (value === 0) return '0';
  if (unit === 'duration' || unit === 'share' || value < 1000) return amount(value, unit);
  return `${format('~s')(value)}${unit === 'perSecond' ? '/s' : ''}`;
}

/** "12 ready, 3 in flight" at a time. */
export function wordsAt(chart: Chart, time: Micros): string {
  const i = indexAt(chart, time);
  return chart.lines.map(({ name, values }) => `${amount(values[i] ?? 0, chart.unit)} ${name}`).join(', ');
}

/** Where a line is highest for the first time. */
export function peak({ sinceUs }: Chart, { values }: Line): { readonly value: number; readonly timeUs: Micros } {
  const i = greatest(values.keys(), (a, b) => (values[a] ?? 0) - (values[b] ?? 0)) ?? 0;
  return { value: values[i] ?? 0, timeUs: sinceUs[i] ?? 0 };
}

/** What the picture shows, in two sentences. */
export function summary(chart: Chart): string {
  const most = chart.lines.map((line) => {
    const { value, timeUs } = peak(chart, line);
    return `${amount(value, chart.unit)} ${line.name} at ${clock(timeUs)}`;
  });
  return `At the end ${wordsAt(chart, chart.endUs)}. At most ${most.join(', ')}.`;
}

function chart(title: string, unit: Unit, sinceUs: Points, endUs: Micros, lines: readonly Line[]): Chart {
  const most = max(lines, ({ values }) => max(values) ?? 0) ?? 0;
  return { key: title, title, unit, sinceUs, endUs, lines, most };
}

function ink(name: string, values: Points): Line {
  return { name, values, look: 'ink' };
}

function soft(name: string, values: Points): Line {
  return { name, values, look: 'soft' };
}

function fault(name: string, values: Points): Line {
  return { name, values, look: 'fault' };
}

/** A latency of 0 says that there was none to measure. */
function measured(us: number): number {
  return us === 0 ? Number.NaN : us;
}

function rounded(value: number): string {
  if (value >= 100) return count(Math.round(value));
  return String(value >= 1 ? Math.round(value * 10) / 10 : Number(value.toPrecision(2)));
}
