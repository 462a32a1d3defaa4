/**
 * From the text of a scenario file to a scenario, or to everything that is wrong with it. Nothing that the text can hold makes this throw or
 * hang: size, depth and aliases are bounded (source.ts), and each mistake is a diagnostic with its place.
 */
import { BROKERS } from '../../core/brokers/index.ts';
import type { Diagnostic } from './diagnostics.ts';
import { applySets } from './edit.ts';
import { checkExercise } from './exercise.ts';
import { findBrokers } from './paths.ts';
import { resolve } from './resolve.ts';
import { SCENARIO } from './root.ts';
import { type BrokerKinds, Source } from './source.ts';
import type { Scenario } from './types.ts';

export interface ParseOptions {
  /** Named in diagnostics. */
  readonly file: string;
  /** `path=value` each, applied in order before anything is checked. */
  readonly sets?: readonly string[];
  /** The kinds of broker by name; all that exist when absent. */
  readonly brokers?: BrokerKinds;
}

export interface Parsed {
  /** Null when any diagnostic is an error. */
  readonly scenario: Scenario | null;
  /** In the order of the file's places. */
  readonly diagnostics: readonly Diagnostic[];
}

export function parseScenario(text: string, options: ParseOptions): Parsed {
  const parsed = parseOnce(text, options);
  if (parsed.scenario === null || parsed.scenario.exercise === null) return finished(parsed);
  checkExercise(parsed.source, parsed.scenario.exercise, (set) => {
    const sets = [...(options.sets ?? []), ...set];
    return parseOnce(text, { ...options, sets }).source.diagnostics;
  });
  return finished(parsed);
}

interface Once {
  readonly source: Source;
  readonly scenario: Scenario | null;
}

function parseOnce(text: string, options: ParseOptions): Once {
  const source = new Source(text, options.file, options.brokers ?? BROKERS);
  if (source.failed) return { source, scenario: null };
  source.brokersHere = findBrokers(source);
  applySets(source, options.sets ?? []);
  const { root } = source;
  if (source.isEmpty(root)) {
    source.error(root, 'the file is empty.', SCENARIO.expected);
    return { source, scenario: null };
  }
  const entry = SCENARIO.read(root);
  return { source, scenario: entry === undefined ? null : resolve(source, entry) };
}

function finished({ source, scenario }: Once): Parsed {
  const diagnostics = [...source.finish()].sort(
    (a, b) => Number(a.file !== source.file) - Number(b.file !== source.file) || a.line - b.line || a.column - b.column,
  );
  return { scenario: source.failed ? null : scenario, diagnostics };
}
