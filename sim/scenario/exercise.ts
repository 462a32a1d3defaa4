/**
 * Whether an exercise can be played: each knob leads somewhere, each value it offers is one that the scenario takes, and solutions turn
 * nothing but knobs. Whether the answers win or fail is the grader's business.
 */
import type { Diagnostic } from './diagnostics.ts';
import { setText } from './edit.ts';
import { nearest } from './nearest.ts';
import { follow } from './paths.ts';
import { didYouMean } from './shapes.ts';
import type { Source, Spot } from './source.ts';
import type { ExerciseSpec } from './types.ts';

/** Reports at the exercise's own places. `tried` parses the scenario with settings and says what is wrong with it then. */
export function checkExercise(
  source: Source,
  exercise: ExerciseSpec,
  tried: (sets: readonly string[]) => readonly Diagnostic[],
): void {
  // What is wrong without any setting would be said again for each of them.
  const sound = !source.failed;
  const root = source.child(source.root, 'exercise');
  const allowed = new Map<string, ReadonlySet<string>>();
  const knobs = source.child(root, 'knobs');
  source.items(knobs).forEach((spot, i) => {
    const knob = exercise.knobs[i];
    if (knob === undefined) return;
    const path = source.child(spot, 'path');
    const found = follow(source, knob.path);
    if ('message' in found) {
      source.error(path, found.message, 'the path of a setting in this file', found.hint);
      return;
    }
    if (allowed.has(knob.path)) source.error(path, `there are two knobs for \`${knob.path}\`.`);
    allowed.set(knob.path, new Set(knob.values.map((value) => JSON.stringify(value))));
    const values = source.items(source.child(spot, 'values'));
    if (values.length < 2) source.error(source.child(spot, 'values'), 'a knob needs two values at least.');
    if (!sound) return;
    values.forEach((value, j) => {
      complain(source, value, tried([setText(knob.path, knob.values[j])]), `\`${knob.path}\` cannot have this value`);
    });
  });

  const answer = (spot: Spot, settings: Readonly<Record<string, unknown>>): void => {
    const sets: string[] = [];
    for (const { key, spot: child } of source.entries(spot)) {
      const values = allowed.get(key);
      if (values === undefined) {
        source.error(
          { ...child, node: child.keyNode },
          `\`${key}\` is not a knob of this exercise.`,
          '',
          didYouMean(nearest(key, allowed.keys())),
        );
      } else if (!values.has(JSON.stringify(settings[key]))) {
        source.error(child, `the knob \`${key}\` does not offer this value.`, 'one of the values of the knob');
      }
      sets.push(setText(key, settings[key]));
    }
    if (!source.failed) complain(source, spot, tried(sets), 'these settings do not go together');
  };
  answer(source.child(root, 'solution'), exercise.solution);
  const wrongs = source.items(source.child(root, 'wrong'));
  wrongs.forEach((spot, i) => {
    answer(source.child(spot, 'set'), exercise.wrong[i]?.set ?? {});
  });
}

function complain(source: Source, spot: Spot, diagnostics: readonly Diagnostic[], what: string): void {
  const first = diagnostics.find((diagnostic) => diagnostic.severity === 'error');
  if (first !== undefined) source.error(spot, `${what}: ${first.message}`, first.expected, first.hint);
}
