/**
 * What a run is worth: its claims judged, its expectations evaluated, an exercise's goals, and the grade over seeds that were not shown.
 */
import { judge } from '../sim/checks/index.ts';
import { Metrics } from '../sim/folds/metrics.ts';
import { grade } from '../sim/grade.ts';
import { claimsIn, evaluateAll } from '../sim/scenario/expect.ts';
import type { Scenario } from '../sim/scenario/types.ts';
import type { Trace } from '../sim/trace.ts';
import type { Judgement, SeedGrade, ShownExpectation, ShownVerdict } from './protocol.ts';

export function judgeRun(scenario: Scenario, trace: Trace): Judgement {
  const verdicts = judge(trace, scenario).map(
    ({ claim, scope, verdict, sentence, witness, setting }): ShownVerdict => ({
      claim,
      scope,
      verdict,
      sentence,
      setting: setting ?? '',
      witness,
      stated: scenario.claims.find((spec) => spec.claim === claim && spec.scope === scope)?.verdict ?? 'holds',
    }),
  );
  const goals = scenario.exercise?.goals ?? [];
  const texts = [...scenario.expect.map(({ text }) => text), ...goals.map(({ expect }) => expect)];
  const asked = judge(trace, scenario, claimsIn(texts));
  const metrics = new Metrics(scenario);
  const evaluated = evaluateAll(texts, { trace, scenario, verdicts: asked }, metrics);
  const shown = (text: string, i: number): ShownExpectation => ({
    text,
    holds: evaluated[i]?.holds ?? false,
    actual: evaluated[i]?.actual ?? '',
    fact: evaluated[i]?.witness ?? 0,
  });
  return {
    totals: metrics.totals(trace),
    verdicts,
    expectations: scenario.expect.map(({ text }, i) => shown(text, i)),
    goals: goals.map(({ text }, i) => shown(text, scenario.expect.length + i)),
  };
}

export interface GradeOutcome {
  readonly grades: readonly SeedGrade[];
  /** What is wrong with the answer; '' when it could be graded. */
  readonly problem: string;
}

/** Runs the answer on the shown seed and on the hidden ones. `onRun` hears how many runs of how many are done. */
export function gradeAnswer(
  file: string,
  text: string,
  sets: readonly string[],
  onRun: (done: number, all: number) => void,
): GradeOutcome {
  const { grade: result, diagnostics } = grade(text, sets, { file, onRun });
  if (result === null) return { grades: [], problem: diagnostics[0]?.message ?? 'This answer cannot be graded.' };
  const grades = [result.shown, ...result.hidden].map(
    ({ seed, holds, firstFailure }): SeedGrade => ({
      seed,
      holds,
      failing: firstFailure === null ? '' : firstFailure.goal,
      actual: firstFailure?.actual ?? '',
      fact: firstFailure?.fact ?? 0,
    }),
  );
  return { grades, problem: '' };
}
