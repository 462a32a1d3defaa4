/**
 * Grades the answer to an exercise: turns the knobs, runs the scenario on the seed that is shown and on hidden ones, and asks each run's trace whether the
 * goals hold. A win is judged on the traces alone; which knob stands where decides nothing. Hidden seeds are derived from the shown one by name
 * (`7/hidden-1`, `7/hidden-2`, …), so everybody is graded on the same ones.
 */

import { parseDocument } from 'yaml';
import type { FactId } from '../core/types.ts';
import { judge } from './checks/index.ts';
import type { Ending } from './ending.ts';
import type { Diagnostic } from './scenario/diagnostics.ts';
import { setText } from './scenario/edit.ts';
import { claimsIn, evaluateAll } from './scenario/expect.ts';
import { startValues } from './scenario/knob-starts.ts';
import { nearest } from './scenario/nearest.ts';
import { parseScenario } from './scenario/parse.ts';
import type { ExerciseSpec, Scenario } from './scenario/types.ts';
import { reasonWhyNot, type Turned } from './scenario/wrong-answer.ts';
import { run } from './world.ts';

export interface GradedGoal {
  /** The goal as the learner reads it. */
  readonly text: string;
  /** The condition that it stands for, as the file has it. */
  readonly expect: string;
  readonly holds: boolean;
  /** What came out, for people. */
  readonly actual: string;
  /** A fact to look at; 0 when there is none. */
  readonly fact: FactId;
}

/** One run of the graded answer. */
export interface GradedRun {
  readonly seed: string;
  readonly digest: string;
  readonly facts: number;
  readonly ending: Ending;
  readonly holds: boolean;
  /** The first goal that does not hold, and the fact at which to open the run; null when all hold. */
  readonly firstFailure: { readonly goal: string; readonly actual: string; readonly fact: FactId } | null;
}

export interface Grade {
  /** On the seed that is shown. */
  readonly goals: readonly GradedGoal[];
  readonly shown: GradedRun;
  readonly hidden: readonly GradedRun[];
  /** All goals hold on the shown seed and on each hidden one. */
  readonly won: boolean;
  /** What the exercise has to say to a wrong answer that it knows; else ''. */
  readonly reason: string;
}

export interface GradeOptions {
  /** Named in diagnostics. */
  readonly file: string;
  /** Called after each run, with the number of runs done and of all. */
  readonly onRun?: (done: number, all: number) => void;
}

/** A grade, or why there is none: a broken file, no exercise, or an answer that turns something else than the exercise's knobs. */
export type Graded =
  | { readonly grade: Grade; readonly diagnostics: readonly Diagnostic[] }
  | { readonly grade: null; readonly diagnostics: readonly Diagnostic[] };

/** The seed of the n-th hidden run, from 1. */
export function hiddenSeed(seed: string, n: number): string {
  return `${seed}/hidden-${n}`;
}

/** `sets` are the turned knobs, `path=value` each, as `setText` writes them; a knob that is not named stays as the file has it. */
export function grade(text: string, sets: readonly string[], options: GradeOptions): Graded {
  const asked = parseScenario(text, { file: options.file });
  const exercise = asked.scenario?.exercise ?? null;
  if (exercise === null) {
    const diagnostics =
      asked.scenario === null
        ? asked.diagnostics
        : [complaint(options.file, 'this scenario is no exercise.', 'a file with `exercise:`')];
    return { grade: null, diagnostics };
  }
  const refusals = sets.flatMap((set) => refusal(exercise, set));
  if (refusals.length > 0) return { grade: null, diagnostics: refusals };
  const { scenario, diagnostics } = parseScenario(text, { file: options.file, sets });
  if (scenario === null) return { grade: null, diagnostics };
  const graded = gradeScenario(scenario, exercise, options.onRun);
  const reason = graded.won ? '' : reasonWhyNot(exercise, turnedBy(text, exercise, sets));
  return { grade: { ...graded, reason }, diagnostics };
}

/** Each knob as the answer has it; where it names one twice, the last counts. */
function turnedBy(text: string, exercise: ExerciseSpec, sets: readonly string[]): readonly Turned[] {
  const starts = startValues(text, exercise);
  return exercise.knobs.map(({ path, values }, i) => {
    const named = sets.map(setOf).findLast((set) => set.path === path);
    const at = starts[i] ?? -1;
    const here = named === undefined ? at : values.findIndex((value) => setText(path, value) === named.text);
    return { path, value: values[here], isStart: here === at };
  });
}

/** The scenario has the knobs turned already. */
function gradeScenario(
  scenario: Scenario,
  exercise: ExerciseSpec,
  onRun?: GradeOptions['onRun'],
): Omit<Grade, 'reason'> {
  const all = exercise.hiddenSeeds + 1;
  const first = gradeRun(scenario, exercise, scenario.seed);
  onRun?.(1, all);
  const hidden: GradedRun[] = [];
  for (let n = 1; n <= exercise.hiddenSeeds; n++) {
    hidden.push(gradeRun(scenario, exercise, hiddenSeed(scenario.seed, n)).run);
    onRun?.(n + 1, all);
  }
  return {
    goals: first.goals,
    shown: first.run,
    hidden,
    won: first.run.holds && hidden.every(({ holds }) => holds),
  };
}

function gradeRun(
  scenario: Scenario,
  exercise: ExerciseSpec,
  seed: string,
): { readonly goals: readonly GradedGoal[]; readonly run: GradedRun } {
  const { trace, ending } = run(scenario, { seed });
  const texts = exercise.goals.map(({ expect }) => expect);
  const verdicts = judge(trace, scenario, claimsIn(texts));
  const goals = evaluateAll(texts, { trace, scenario, verdicts }).map(({ holds, actual, witness }, i): GradedGoal => {
    return { text: exercise.goals[i]?.text ?? '', expect: texts[i] ?? '', holds, actual, fact: witness };
  });
  const failed = goals.find(({ holds }) => !holds);
  const firstFailure = failed === undefined ? null : { goal: failed.text, actual: failed.actual, fact: failed.fact };
  // A run that was cut short by a limit proves nothing.
  const holds = firstFailure === null && ending === 'duration';
  return { goals, run: { seed, digest: trace.digest, facts: trace.count, ending, holds, firstFailure } };
}

/** An answer turns the exercise's knobs to values that they offer, and nothing else. */
function refusal(exercise: ExerciseSpec, set: string): Diagnostic[] {
  const file = `--set ${set}`;
  const { path, text: wanted } = setOf(set);
  const paths = exercise.knobs.map((knob) => knob.path);
  const knob = exercise.knobs.find((one) => one.path === path);
  if (knob === undefined) {
    const like = nearest(path, paths);
    const hint = like === null ? '' : `Did you mean \`${like}\`?`;
    return [complaint(file, `\`${path}\` is not a knob of this exercise.`, `one of ${paths.join(', ')}`, hint)];
  }
  const offered = knob.values.map((value) => setText(path, value));
  if (wanted !== null && offered.includes(wanted)) return [];
  return [complaint(file, `the knob \`${path}\` does not offer this value.`, `one of ${offered.join(', ')}`)];
}

/** `path=value` as read, and written again as `setText` writes it, so that two of them can be compared; null when the value is no YAML. */
function setOf(set: string): { readonly path: string; readonly text: string | null } {
  const split = set.indexOf('=');
  const path = set.slice(0, Math.max(0, split)).trim();
  const document = parseDocument(set.slice(split + 1));
  return { path, text: document.errors.length > 0 ? null : setText(path, document.toJS()) };
}

function complaint(file: string, message: string, expected: string, hint = ''): Diagnostic {
  return { severity: 'error', file, line: 1, column: 1, path: '', message, expected, hint };
}
