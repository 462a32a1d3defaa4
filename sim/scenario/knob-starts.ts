/** Where the knobs of an exercise stand before anybody turns them. */
import { parse } from 'yaml';
import type { ExerciseSpec } from './types.ts';

/** For each knob of an exercise, the position of the value that the file itself has; −1 when it is not among those offered. */
export function startValues(text: string, exercise: ExerciseSpec | null): readonly number[] {
  // A text that no exercise was read from may be made to hurt whoever reads it without the parser's guards.
  if (exercise === null || exercise.knobs.length === 0) return [];
  const file = safely(text);
  return exercise.knobs.map(({ path, values }) => {
    const here = JSON.stringify(valueAt(file, path));
    return values.findIndex((value) => JSON.stringify(value) === here);
  });
}

/** Names may hold dots (`min.insync.replicas`): the longest key that fits is taken. */
function valueAt(value: unknown, path: string): unknown {
  if (path === '') return value;
  const here = recordOf(value);
  const key = Object.keys(here)
    .filter((one) => path === one || path.startsWith(`${one}.`))
    .sort((a, b) => b.length - a.length)[0];
  return key === undefined ? undefined : valueAt(here[key], path.slice(key.length + 1));
}

function safely(text: string): unknown {
  try {
    // What is wrong with it is told as a diagnostic, not on the console.
    return parse(text, { maxAliasCount: 100, logLevel: 'error' });
  } catch {
    return null;
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
