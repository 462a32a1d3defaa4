/**
 * From the text of a scenario file to a scenario, or to everything that is wrong with it. Nothing that the text can hold makes this throw or
 * hang: size, depth and aliases are bounded (source.ts), and each mistake is a diagnostic with its place.
 */
import { BROKERS } from '../../core/brokers/index.ts';
import type { Diagnostic } from './diagnostics.ts';
import { applySets } from './edit.ts';
import { checkExercise } from './exercise.ts';
import { PROFILES, type Profile } from './neutral/profiles.ts';
import { type Mapped, translate } from './neutral/translate.ts';
import { findBrokers, isNeutral } from './paths.ts';
import { resolve } from './resolve.ts';
import { SCENARIO, type ScenarioEntry } from './root.ts';
import { shown } from './shown.ts';
import { type BrokerKinds, Source } from './source.ts';
import type { Scenario } from './types.ts';

export interface ParseOptions {
  /** Named in diagnostics. */
  readonly file: string;
  /** `path=value` each, applied in order before anything is checked. */
  readonly sets?: readonly string[];
  /** The kinds of broker by name; all that exist when absent. */
  readonly brokers?: BrokerKinds;
  /** For a file in neutral words: the profile to read it for. The first that the file names when absent. */
  readonly under?: string;
}

/** How a file in neutral words was read. */
export interface Under {
  /** Names of profiles, as the file has them. */
  readonly lanes: readonly string[];
  /** The one that the scenario is for. */
  readonly profile: Profile;
  readonly mapped: readonly Mapped[];
  /** The file in the words of that broker. */
  readonly text: string;
}

export interface Parsed {
  /** Null when any diagnostic is an error. */
  readonly scenario: Scenario | null;
  /** In the order of the file's places. */
  readonly diagnostics: readonly Diagnostic[];
  /** Null for a file that names its broker. */
  readonly under: Under | null;
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
  readonly under: Under | null;
}

function parseOnce(text: string, options: ParseOptions): Once {
  const source = new Source(text, options.file, options.brokers ?? BROKERS);
  if (source.failed) return { source, scenario: null, under: null };
  source.brokersHere = findBrokers(source);
  applySets(source, options.sets ?? []);
  const { root } = source;
  if (source.isEmpty(root)) {
    source.error(root, 'the file is empty.', SCENARIO.expected);
    return { source, scenario: null, under: null };
  }
  const entry = SCENARIO.read(root);
  if (entry === undefined) return { source, scenario: null, under: null };
  if (options.under !== undefined && !isNeutral(source)) {
    source.error(root, 'this file names its broker.', '`under:` and neutral words, to run under several');
    return { source, scenario: null, under: null };
  }
  if (!isNeutral(source)) {
    for (const key of ['under', 'lanes']) {
      const spot = source.child(root, key);
      if (spot.keyNode !== null)
        source.error(
          { ...spot, node: null },
          'the file names a broker too.',
          'either `broker:` or `under:` with `lanes:`',
        );
    }
    return { source, scenario: resolve(source, entry), under: null };
  }
  return parseUnder(source, entry, options.under);
}

/** Turns the neutral words into those of one profile, and reads the file again as one that was written for it. */
function parseUnder(source: Source, entry: ScenarioEntry, wanted: string | undefined): Once {
  const lanes = entry.under ?? [];
  const profile = PROFILES.find(({ name }) => name === (wanted ?? lanes[0]));
  if (profile === undefined) {
    const known = PROFILES.map(({ name }) => name).join(', ');
    const message = wanted === undefined ? '`under:` names no broker.' : `there is no profile \`${wanted}\`.`;
    source.error(source.child(source.root, 'under'), message, known);
  }
  if (profile === undefined || source.failed) return { source, scenario: null, under: null };
  for (const [name, lane] of entry.lanes) {
    if (lanes.includes(name)) continue;
    source.error({ ...lane.spot, node: lane.spot.keyNode }, `there is no lane \`${shown(name)}\`.`, lanes.join(', '));
  }
  if (source.failed) return { source, scenario: null, under: null };
  const mapped = translate(source, entry, profile);
  if (source.failed) return { source, scenario: null, under: null };
  source.references.length = 0;
  source.brokersHere = findBrokers(source);
  const translated = SCENARIO.read(source.root);
  const scenario = translated === undefined ? null : resolve(source, translated);
  return { source, scenario, under: { lanes, profile, mapped, text: String(source.document) } };
}

function finished({ source, scenario, under }: Once): Parsed {
  const diagnostics = [...source.finish()].sort(
    (a, b) => Number(a.file !== source.file) - Number(b.file !== source.file) || a.line - b.line || a.column - b.column,
  );
  return { scenario: source.failed ? null : scenario, diagnostics, under };
}
