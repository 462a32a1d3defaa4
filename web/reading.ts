/**
 * Scenario text to what the worker runs, and to what the picker shows. The knobs and the added lines are written into the text, so that what runs
 * is what a person can copy.
 */
import { parse } from 'yaml';
import type { Diagnostic } from '../sim/scenario/diagnostics.ts';
import { appendTimeline, setInText } from '../sim/scenario/edit.ts';
import { parseScenario } from '../sim/scenario/parse.ts';
import type { ExerciseSpec, Scenario } from '../sim/scenario/types.ts';
import type { LibraryEntry, RunRequest } from './protocol.ts';

export interface Reading {
  /** With the knobs and the added lines. */
  readonly text: string;
  readonly scenario: Scenario | null;
  readonly diagnostics: readonly Diagnostic[];
}

export function readScenario(request: Pick<RunRequest, 'file' | 'text' | 'sets' | 'lines'>): Reading {
  const { file, sets, lines } = request;
  const edited = setInText(request.text, sets);
  if (edited.diagnostics.length > 0) return { text: request.text, scenario: null, diagnostics: edited.diagnostics };
  let { text } = edited;
  for (const line of lines) text = appendTimeline(text, line);
  return { text, ...parseScenario(text, { file }) };
}

/** What the picker shows of a file; it need not be valid. */
export function libraryEntry(name: string, text: string): LibraryEntry {
  const file = recordOf(safely(text));
  const brokers = recordOf(file['brokers']);
  const kinds = 'broker' in file ? [kindOf(file['broker'])] : Object.values(brokers).map(kindOf);
  return {
    name,
    title: typeof file['title'] === 'string' ? file['title'] : name,
    story: typeof file['story'] === 'string' ? file['story'].trim() : '',
    broker: [...new Set(kinds)].join(', '),
    isExercise: 'exercise' in file,
  };
}

/** For each knob of an exercise, the position of the value that the file itself has; −1 when it is not among those offered. */
export function startValues(text: string, exercise: ExerciseSpec | null): readonly number[] {
  const file = safely(text);
  return (exercise?.knobs ?? []).map(({ path, values }) => {
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
    return parse(text, { maxAliasCount: 100 });
  } catch {
    return null;
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function kindOf(broker: unknown): string {
  if (typeof broker === 'string') return broker;
  const kind = recordOf(broker)['kind'];
  return typeof kind === 'string' ? kind : '';
}
