/** The table of acts against the parser and the world: whatever is offered is read without complaint, and leaves all that was before it as it was. */
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { divergenceOf } from '../../sim/folds/divergence.ts';
import { topologyAt } from '../../sim/folds/topology.ts';
import { TransitIndex } from '../../sim/folds/transit.ts';
import { parseScenario } from '../../sim/scenario/parse.ts';
import { settingsOf } from '../../sim/scenario/settings.ts';
import { type Run, run } from '../../sim/world.ts';
import type { Act } from '../../web/acts/act.ts';
import { actsOf } from '../../web/acts/acts.ts';
import type { Here } from '../../web/acts/here.ts';
import { firstValues, problemOf, type Values } from '../../web/acts/params.ts';
import type { TimelineLine } from '../../web/protocol.ts';
import { readScenario } from '../../web/reading.ts';
import type { Thing } from '../../web/stage/thing.ts';
import { libraryText } from './library.ts';

/** Each broker, clusters and single nodes, stores and none, one consumer and several, exchanges, groups, dead letters, several brokers in one file. */
const NAMES = [
  'worker-crash',
  'with-dlq',
  'dlq-replay',
  'order-fan-out',
  'quorum-leader-crash',
  'rides-by-city',
  'seven-on-six',
  'key-shared-join',
  'pending-claimed',
  'late-subscription',
  'sns-filter-slip',
  'one-of-ten-workers',
  'photo-sync',
  'outrun-autoscale',
  'one-corrupt-photo',
];

interface Opened {
  readonly text: string;
  readonly done: Run;
  readonly settings: Here['settings'];
  readonly isNeutral: boolean;
}

const opened = new Map<string, Opened>();

function open(name: string): Opened {
  const known = opened.get(name);
  if (known !== undefined) return known;
  const text = libraryText(name);
  const { scenario, under } = parseScenario(text, { file: name });
  if (scenario === null) throw new Error(`${name} cannot be read`);
  const one = { text, done: run(scenario), settings: settingsOf(under?.text ?? text, scenario), isNeutral: under !== null };
  opened.set(name, one);
  return one;
}

function hereAt(name: string, fact: number, timeUs?: number): Here {
  const { done, settings, isNeutral } = open(name);
  const { scenario, trace } = done;
  const topology = topologyAt(trace, scenario, fact);
  const transit = new TransitIndex(trace);
  return { scenario, trace, topology, transit, fact, timeUs: timeUs ?? trace.time(fact), settings, isNeutral };
}

/** Everything that can be pointed at, and a few links and messages. */
function thingsOf({ trace, fact, transit, timeUs }: Here): Thing[] {
  const actors = trace.actors.slice(1);
  const things: Thing[] = actors.map(({ id }) => ({ type: 'actor', id }));
  for (const { id, kind } of trace.places) if (kind !== 'none') things.push({ type: 'place', id });
  const places = trace.places.filter(({ kind }) => kind === 'queue' || kind === 'partition').slice(0, 2);
  for (const place of places)
    for (const { id } of actors.slice(0, 8)) things.push({ type: 'link', from: `actor ${id}`, to: `place ${place.id}` });
  const message = trace.messageOf(fact);
  if (message > 0) things.push({ type: 'message', id: message, hop: 0 });
  for (const hop of transit.at(timeUs).slice(0, 2))
    if (hop.message > 0) things.push({ type: 'message', id: hop.message, hop: hop.fact });
  return things;
}

/** With the first values, and with each choice once. */
function linesOf(act: Act): TimelineLine[] {
  const first = firstValues(act.params);
  const values: Values[] = [first];
  for (const { id, choices } of act.params) {
    for (const { value, fills } of choices) values.push({ ...first, [id]: value, ...(fills === undefined ? {} : { value: fills }) });
  }
  return values
    .filter((one) => act.params.every((param) => problemOf(param, one[param.id] ?? '') === ''))
    .map((one) => act.line(one));
}

function offered(here: Here): { readonly act: Act; readonly line: TimelineLine }[] {
  const seen = new Set<string>();
  return thingsOf(here).flatMap((thing) => {
    const { kind, acts } = actsOf(here, thing);
    expect(new Set(acts.map(({ id }) => id)).size, 'ids are unique').toBe(acts.length);
    return acts.flatMap((act) => {
      if (act.refusal !== '') return [];
      return linesOf(act).flatMap((line) => {
        const key = `${kind} ${JSON.stringify(line)}`;
        if (seen.has(key)) return [];
        seen.add(key);
        return [{ act, line }];
      });
    });
  });
}

/** All lines in one file: what is wrong with one of them is wrong beside the others. */
function withLines(text: string, lines: readonly TimelineLine[]): string {
  const file = parse(text) as { timeline?: unknown[] };
  file.timeline = [...(file.timeline ?? []), ...lines];
  return stringify(file);
}

describe.each(NAMES)('in %s', (name) => {
  const { text, done } = open(name);
  const { trace } = done;
  const moments = [0.15, 0.5, 0.8].map((share) => Math.max(1, Math.floor(trace.count * share)));

  it('whatever is offered is a line that the parser takes', () => {
    for (const fact of moments) {
      const lines = offered(hereAt(name, fact)).map(({ line }) => line);
      expect(lines.length).toBeGreaterThan(4);
      const bursts = lines.filter((line) => !('burst' in line));
      const { diagnostics } = parseScenario(withLines(text, bursts), { file: name });
      expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
      const [burst] = lines.filter((line) => 'burst' in line);
      if (burst !== undefined) {
        const read = readScenario({ file: name, text, sets: [], lines: [burst], under: null });
        expect(read.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
      }
    }
  });

  it('an act leaves all that was before it as it was', () => {
    const fact = moments[1] ?? 1;
    const here = hereAt(name, fact);
    const all = offered(here).filter(({ act }) => !act.id.includes('-hop'));
    // A few of them, spread over the table.
    for (const pick of [0.1, 0.45, 0.85]) {
      const one = all[Math.floor(all.length * pick)];
      if (one === undefined) continue;
      const read = readScenario({ file: name, text, sets: [], lines: [one.line], under: null });
      expect(read.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
      if (read.scenario === null) throw new Error('it cannot be read');
      const { fact: parts } = divergenceOf(trace, run(read.scenario, { untilUs: here.timeUs + 5_000_000 }).trace);
      expect(parts === 0 || parts > fact, JSON.stringify(one.line)).toBe(true);
    }
  });
});
