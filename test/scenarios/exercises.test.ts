/** Each exercise can be played and won: the untouched start fails, the solution wins on every graded seed, each listed wrong answer fails. */
import { describe, expect, it } from 'vitest';
import { type Grade, grade } from '../../sim/grade.ts';
import { setText } from '../../sim/scenario/edit.ts';
import { parseScenario } from '../../sim/scenario/parse.ts';
import type { ExerciseSpec } from '../../sim/scenario/types.ts';
import { libraryFiles } from './files.ts';

/** A run of so many facts takes some tens of milliseconds. */
const MOST_FACTS = 15_000;

const exercises = libraryFiles().filter(({ lesson }) => lesson === 'exercises');

/** Each answer is graded once for all tests of this file. */
const grades = new Map<string, Grade>();

function graded(path: string, text: string, answer: Readonly<Record<string, unknown>>): Grade {
  const sets = Object.entries(answer).map(([knob, value]) => setText(knob, value));
  const name = [path, ...sets].join(' ');
  const known = grades.get(name);
  if (known !== undefined) return known;
  const { grade: result, diagnostics } = grade(text, sets, { file: path });
  if (result === null) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  grades.set(name, result);
  return result;
}

function exerciseOf(path: string, text: string): ExerciseSpec {
  const exercise = parseScenario(text, { file: path }).scenario?.exercise;
  if (exercise === undefined || exercise === null) throw new Error(`${path} is no exercise`);
  return exercise;
}

/** Every way to set the knobs to values that are offered. */
function answers({ knobs }: ExerciseSpec): readonly Readonly<Record<string, unknown>>[] {
  let all: Readonly<Record<string, unknown>>[] = [{}];
  for (const { path, values } of knobs) all = all.flatMap((one) => values.map((value) => ({ ...one, [path]: value })));
  return all;
}

function failures({ shown, hidden }: Grade): readonly string[] {
  return [shown, ...hidden].flatMap(({ seed, firstFailure }) =>
    firstFailure === null ? [] : [`seed ${seed}: ${firstFailure.goal}, but ${firstFailure.actual}`],
  );
}

describe.each(exercises)('$path', ({ path, text }) => {
  const exercise = exerciseOf(path, text);

  it('asks, lets predict, hints in steps and explains', () => {
    expect(exercise.question).toContain('?');
    expect(exercise.predict).toContain('?');
    expect(exercise.hints.length).toBeGreaterThanOrEqual(3);
    expect(exercise.debrief.length).toBeGreaterThan(100);
    expect(exercise.hiddenSeeds).toBe(20);
  });

  it('is not won by its untouched start', () => {
    const start = graded(path, text, {});
    expect(start.won).toBe(false);
    expect(start.shown.firstFailure).not.toBeNull();
  });

  it('is won by its solution on the shown seed and on twenty hidden ones', () => {
    const solved = graded(path, text, exercise.solution);
    expect(failures(solved)).toEqual([]);
    expect(solved.hidden).toHaveLength(20);
    expect(solved.won).toBe(true);
  });

  it.each(exercise.wrong.map(({ set, because }) => ({ set, because, name: JSON.stringify(set) })))(
    'is not won by $name',
    ({ set, because }) => {
      const wrong = graded(path, text, set);
      expect(wrong.won).toBe(false);
      // What fails is a goal, not a limit of the run.
      expect(failures(wrong).length).toBeGreaterThan(0);
      expect(because.length).toBeGreaterThan(20);
    },
  );

  it.each(answers(exercise).map((answer) => ({ answer, name: JSON.stringify(answer) })))(
    'is won by $name on each seed, or lost on most of them for a reason that is told',
    ({ answer }) => {
      const { won, reason, shown, hidden } = graded(path, text, answer);
      const lost = [shown, ...hidden].filter(({ holds }) => !holds).length;
      if (won) return;
      expect(lost).toBeGreaterThan((1 + hidden.length) / 2);
      expect(reason).not.toBe('');
    },
  );

  it('is so small that its runs are graded while one waits', () => {
    for (const answer of [{}, exercise.solution]) {
      const { shown, hidden } = graded(path, text, answer);
      expect(Math.max(...[shown, ...hidden].map(({ facts }) => facts))).toBeLessThan(MOST_FACTS);
    }
  });
});
