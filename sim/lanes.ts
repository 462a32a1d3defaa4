/**
 * One scenario in neutral words under several brokers: a run each, on the same seed, and what differs between them. Messages and work times are the same in every lane, because
 * chance is keyed by who decides and about which message; so each difference is the broker's.
 */
import type { Micros } from '../core/types.ts';
import type { MetricsSummary } from './folds/summary.ts';
import { passes, type RunReport } from './report.ts';
import type { Mapped } from './scenario/neutral/translate.ts';

export const LANES_FORMAT = 'queuelab/lanes@1';

export interface Lane {
  /** Name of the profile, as `under:` has it. */
  readonly under: string;
  readonly title: string;
  /** What each neutral word became. */
  readonly mapping: readonly Mapped[];
  /** What holds for all queues or clients of this lane, and why; may be empty. */
  readonly note: string;
  readonly run: RunReport;
}

/** One outcome in every lane, in their order. */
export interface Outcome {
  readonly what: string;
  readonly values: readonly string[];
}

export interface LanesReport {
  readonly format: typeof LANES_FORMAT;
  readonly scenario: string;
  readonly seed: string;
  readonly lanes: readonly Lane[];
  /** Outcomes that are not the same in all lanes. */
  readonly differs: readonly Outcome[];
  /** Outcomes that are. */
  readonly same: readonly Outcome[];
}

const COUNTS = [
  ['sent', 'sent'],
  ['confirmed', 'confirmed'],
  ['deliveries', 'delivered'],
  ['effects', 'effects'],
  ['settled', 'settled'],
  ['dead-lettered', 'deadLettered'],
  ['dropped', 'dropped'],
  ['lost', 'lost'],
  ['applied twice', 'duplicateEffects'],
] as const;

/** So many lanes stand side by side. */
const ABREAST = 4;
/** Stands for an outcome that one lane was not asked for. */
const NOT_ASKED = '–';

/** What is measured of one system: numbers that say nothing between two brokers, and much between two runs of the same one. */
const MEASURES: readonly (readonly [string, (metrics: MetricsSummary) => string])[] = [
  ['latency, median', ({ latency }) => secondsText(latency.p50Us)],
  ['latency, 95 of 100', ({ latency }) => secondsText(latency.p95Us)],
  ['latency, longest', ({ latency }) => secondsText(latency.maxUs)],
  ['waiting, 95 of 100', ({ waiting }) => secondsText(waiting.p95Us)],
  ['redelivered', ({ redelivered }) => String(redelivered)],
  ['sent again', ({ retried }) => String(retried)],
  ['refused', ({ rejected }) => String(rejected)],
  ['expired', ({ expired }) => String(expired)],
  ['attempts that failed', ({ errorRate }) => `${Math.round(errorRate * 1000) / 10} %`],
];

function secondsText(us: Micros): string {
  return `${(us / 1_000_000).toFixed(3)} s`;
}

/** Puts lanes beside each other. There is at least one. `measured`: measures are compared as well as counts. */
export function compareLanes(lanes: readonly Lane[], measured = false): LanesReport {
  const outcomes: Outcome[] = COUNTS.map(([what, count]) => ({
    what,
    values: lanes.map(({ run }) => String(run.messages[count])),
  }));
  for (const [what, measure] of measured ? MEASURES : [])
    outcomes.push({ what, values: lanes.map(({ run }) => measure(run.metrics)) });
  const [first] = lanes;
  const row = (what: string, outcomeOf: (run: RunReport) => string | undefined): void => {
    outcomes.push({ what, values: lanes.map(({ run }) => outcomeOf(run) ?? NOT_ASKED) });
  };
  for (const name of everyName(lanes, ({ claims }) => claims.map(claimName))) {
    row(name, ({ claims }) => claims.find((claim) => claimName(claim) === name)?.verdict);
  }
  for (const text of everyName(lanes, ({ expect }) => expect.map((one) => one.text))) {
    row(text, ({ expect }) => {
      const found = expect.find((one) => one.text === text);
      return found && (found.holds ? 'holds' : `fails: ${found.actual}`);
    });
  }
  const agree = ({ values }: Outcome): boolean => values.every((value) => value === values[0]);
  return {
    format: LANES_FORMAT,
    scenario: first?.run.scenario ?? '',
    seed: first?.run.seed ?? '',
    lanes,
    differs: outcomes.filter((outcome) => !agree(outcome)),
    same: outcomes.filter(agree),
  };
}

function claimName({ claim, scope }: RunReport['claims'][number]): string {
  return scope === '' ? claim : `${claim} (${scope})`;
}

/** Names that any lane has, each once, in their first order. */
function everyName(lanes: readonly Lane[], namesOf: (run: RunReport) => readonly string[]): ReadonlySet<string> {
  return new Set(lanes.flatMap(({ run }) => namesOf(run)));
}

/** Everything that is claimed and expected holds in every lane. */
export function lanesPass({ lanes }: LanesReport): boolean {
  return lanes.every(({ run }) => passes(run));
}

/** For people: the outcomes that differ as a table, those that do not in a line, and what each word became. */
export function* lanesLines(report: LanesReport): Generator<string> {
  const { lanes, differs, same } = report;
  yield `${report.scenario}, seed ${report.seed}, under ${lanes.map(({ under }) => under).join(', ')}`;
  if (differs.length > 0) {
    // Side by side as long as a line has room for them.
    for (let from = 0; from < lanes.length; from += ABREAST) {
      yield '';
      const head = ['', ...lanes.slice(from, from + ABREAST).map(({ under }) => under)];
      yield* table([head, ...differs.map(({ what, values }) => [what, ...values.slice(from, from + ABREAST)])]);
    }
  }
  if (same.length > 0) {
    yield '';
    yield `The same in all lanes: ${same.map(({ what, values }) => `${what} ${values[0]}`).join(', ')}.`;
  }
  for (const { under, note } of lanes.filter((lane) => lane.note !== '')) yield `${under}: ${note}.`;
  const [first] = lanes;
  for (const [i, { word, value }] of (first?.mapping ?? []).entries()) {
    yield '';
    yield `${word}: ${value}`;
    yield* table(lanes.map(({ under, mapping }) => [`  ${under}`, becameText(mapping[i])]));
  }
}

/** `VisibilityTimeout: 30s (note)`, or what the broker has instead. */
export function becameText(mapped: Mapped | undefined): string {
  if (mapped === undefined) return '';
  const { can, becomes, note } = mapped;
  if (!can) return `cannot. ${note}`;
  const real = becomes.join(', ');
  return note === '' ? real : real === '' ? `needs nothing: ${note}` : `${real} (${note})`;
}

function* table(rows: readonly (readonly string[])[]): Generator<string> {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    yield row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  }
}
