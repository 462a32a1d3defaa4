/**
 * What a run amounts to: its digest, the ledger's totals, the verdicts on the claims, and whether the expectations hold. One object for `--json`,
 * and the same in words for people. Everything here is folded from the trace.
 */

import type { FactId, Micros } from '../core/types.ts';
import { judge, type Verdict } from './checks/index.ts';
import type { LedgerTotals } from './folds/ledger.ts';
import { Metrics } from './folds/metrics.ts';
import { type MetricsSummary, summarise } from './folds/summary.ts';
import { toldSentence, toneOf } from './folds/told.ts';
import { claimsIn, evaluateAll } from './scenario/expect.ts';
import type { Evaluated } from './scenario/expect-compile.ts';
import type { Scenario } from './scenario/types.ts';
import type { Trace } from './trace.ts';
import type { Run } from './world.ts';

export const RUN_FORMAT = 'queuelab/run@1';

/** A claim as it came out. `agrees`: the verdict is the one that the scenario states. */
export interface ClaimReport {
  readonly claim: string;
  readonly scope: string;
  readonly verdict: Verdict['verdict'];
  readonly stated: Verdict['verdict'];
  readonly agrees: boolean;
  readonly sentence: string;
  /** The facts that prove it, in order. */
  readonly witness: readonly FactId[];
}

export interface RunReport {
  readonly format: typeof RUN_FORMAT;
  readonly scenario: string;
  /** The broker kinds, joined by " + " when there are several. */
  readonly broker: string;
  readonly seed: string;
  readonly digest: string;
  readonly endedAtUs: Micros;
  /** `duration`, or the limit that stopped the run. */
  readonly ending: Run['ending'];
  readonly facts: number;
  readonly messages: LedgerTotals;
  readonly claims: readonly ClaimReport[];
  readonly expect: readonly {
    readonly text: string;
    readonly holds: boolean;
    readonly actual: string;
    readonly witness: FactId;
  }[];
  /** Each time that an alert was raised. */
  readonly alerts: readonly { readonly name: string; readonly atUs: Micros; readonly fact: FactId }[];
  /** Names of `exercised:` that never happened in this run; any makes the run no pass. */
  readonly notExercised: readonly string[];
  readonly metrics: MetricsSummary;
}

/** Judges a finished run. */
export function report(run: Run, seed: string): RunReport {
  const { scenario, trace } = run;
  const texts = scenario.expect.map(({ text }) => text);
  const verdicts = judge(trace, scenario, [...scenario.claims, ...claimsIn(texts)]);
  const metrics = new Metrics(scenario);
  const expected: readonly Evaluated[] = evaluateAll(texts, { trace, scenario, verdicts }, metrics);
  return {
    format: RUN_FORMAT,
    scenario: scenario.title,
    broker: [...new Set(Object.values(scenario.brokers).map(({ kind }) => kind))].join(' + '),
    seed,
    digest: trace.digest,
    endedAtUs: trace.endedAtUs,
    ending: run.ending,
    facts: trace.count,
    messages: metrics.totals(trace),
    claims: scenario.claims.map((claim) => claimReport(claim, verdicts)),
    expect: expected.map(({ text, holds, actual, witness }) => ({ text, holds, actual, witness })),
    alerts: raised(trace, scenario),
    notExercised: missing(trace, scenario),
    metrics: summarise(trace, metrics),
  };
}

/** Everything claimed and expected holds, and what must be exercised was. */
export function passes(report: RunReport): boolean {
  return (
    report.ending === 'duration' &&
    report.notExercised.length === 0 &&
    report.claims.every(({ agrees }) => agrees) &&
    report.expect.every(({ holds }) => holds)
  );
}

/** `0:19.400`, or `1:02:03.000` from an hour on; to the nearest millisecond, as seconds are told. */
export function clockTime(us: Micros): string {
  const ms = Math.round(us / 1000);
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const tail = `${two(seconds % 60)}.${String(ms % 1000).padStart(3, '0')}`;
  return hours > 0 ? `${hours}:${two(minutes % 60)}:${tail}` : `${minutes}:${tail}`;
}

/** The log as lines: time, number of the fact, sentence. Quiet facts only when asked for. What the timeline did is told in its own words. */
export function* logLines(trace: Trace, scenario: Scenario, quietToo: boolean): Generator<string> {
  const width = clockTime(trace.endedAtUs).length;
  const digits = String(trace.count).length;
  for (let id = 1; id <= trace.count; id++) {
    if (!quietToo && toneOf(trace, scenario, id) === 'quiet') continue;
    const told = toldSentence(trace, scenario, id);
    yield `${clockTime(trace.time(id)).padStart(width)}  ${String(id).padStart(digits)}  ${told}`;
  }
}

function claimReport(claim: Scenario['claims'][number], verdicts: readonly Verdict[]): ClaimReport {
  const verdict = verdicts.find((one) => one.claim === claim.claim && one.scope === claim.scope);
  if (verdict === undefined) throw new Error(`invariant: no check of the claim ${claim.claim}`);
  return {
    claim: claim.claim,
    scope: claim.scope,
    verdict: verdict.verdict,
    stated: claim.verdict,
    agrees: verdict.verdict === claim.verdict,
    sentence: verdict.sentence,
    witness: verdict.witness,
  };
}

function raised(trace: Trace, scenario: Scenario): RunReport['alerts'] {
  if (scenario.alerts.length === 0) return [];
  const alerts: { name: string; atUs: Micros; fact: FactId }[] = [];
  for (let fact = 1; fact <= trace.count; fact++) {
    if (trace.name(fact) !== 'alert-raised') continue;
    alerts.push({ name: trace.placeName(trace.place(fact)), atUs: trace.time(fact), fact });
  }
  return alerts;
}

function missing(trace: Trace, scenario: Scenario): string[] {
  const wanted = new Set(scenario.exercised);
  if (wanted.size === 0) return [];
  for (let id = 1; id <= trace.count && wanted.size > 0; id++) wanted.delete(trace.name(id));
  return [...wanted];
}

function two(n: number): string {
  return String(n).padStart(2, '0');
}
