/**
 * A trace as JSON Lines, for other tools and for later: a first line that says what it is, then one line a fact, with names instead of numbers.
 * Reading gives the same trace back, to the digest.
 */
import { F, FACT_NAMES, type FactName } from '../core/facts.ts';
import type { Actor, Message, Place } from '../core/types.ts';
import type { Trace } from './trace.ts';
import { Trace as EmptyTrace } from './trace.ts';

export const TRACE_FORMAT = 'queuelab/trace@1';

interface Header {
  readonly format: string;
  readonly title: string;
  readonly seed: string;
  readonly facts: number;
  readonly digest: string;
  readonly endedAtUs: number;
  readonly actors: readonly Actor[];
  readonly places: readonly Place[];
}

/** The lines, without line ends. Fields of value 0 are left out of a fact; `produced` carries the message. */
export function* traceLines(trace: Trace, about: { readonly title: string; readonly seed: string }): Generator<string> {
  const header: Header = {
    format: TRACE_FORMAT,
    title: about.title,
    seed: about.seed,
    facts: trace.count,
    digest: trace.digest,
    endedAtUs: trace.endedAtUs,
    actors: trace.actors,
    places: trace.places,
  };
  yield JSON.stringify(header);
  for (let id = 1; id <= trace.count; id++) {
    const { name, timeUs, actor, message, place, peer, value, detail, cause } = trace.fact(id);
    const line: Record<string, unknown> = { id, timeUs, fact: name, actor: trace.actorName(actor) };
    if (message !== 0) line['message'] = message;
    if (place !== 0) line['place'] = place;
    if (peer !== 0) line['peer'] = trace.actorName(peer);
    if (value !== 0) line['value'] = value;
    if (detail !== 0) line['detail'] = detail;
    if (cause !== 0) line['cause'] = cause;
    if (name === 'produced') line['made'] = trace.message(message);
    line['sentence'] = trace.sentence(id);
    yield JSON.stringify(line);
  }
}

/** Reads what `traceLines` wrote. A text that is no such trace gives an error that names the line. */
export function readTrace(
  lines: Iterable<string>,
): { readonly trace: Trace; readonly title: string } | { readonly error: string } {
  const trace = new EmptyTrace();
  const ids = new Map<string, number>();
  let header: Header | null = null;
  let number = 0;
  for (const line of lines) {
    number++;
    if (line.trim() === '') continue;
    const parsed = parseLine(line);
    if (parsed === null) return { error: `line ${number} is not a JSON object` };
    if (header === null) {
      if (parsed['format'] !== TRACE_FORMAT) return { error: `line 1 should say "format": "${TRACE_FORMAT}"` };
      header = parsed as unknown as Header;
      if (!Array.isArray(header.actors) || !Array.isArray(header.places))
        return { error: 'line 1 should list actors and places' };
      trace.actors.splice(0, trace.actors.length, ...header.actors);
      trace.places.splice(0, trace.places.length, ...header.places);
      for (const { id, name } of trace.actors) ids.set(name, id);
      continue;
    }
    const kind = F[parsed['fact'] as FactName];
    if (kind === undefined)
      return {
        error: `line ${number}: "${String(parsed['fact'])}" is no fact; known are ${FACT_NAMES.slice(1, 6).join(', ')}, …`,
      };
    const count = (name: string): number => (typeof parsed[name] === 'number' ? (parsed[name] as number) : 0);
    if (parsed['made'] !== undefined) trace.addMessage(parsed['made'] as Message);
    trace.append(
      count('timeUs'),
      kind,
      ids.get(String(parsed['actor'])) ?? 0,
      count('message'),
      count('place'),
      parsed['peer'] === undefined ? 0 : (ids.get(String(parsed['peer'])) ?? 0),
      count('value'),
      count('detail'),
      count('cause'),
    );
  }
  if (header === null) return { error: 'the file is empty' };
  trace.endedAtUs = header.endedAtUs;
  if (trace.digest !== header.digest) {
    return { error: `the facts do not give the digest of line 1 (${header.digest}); the file was changed or cut` };
  }
  return { trace, title: header.title };
}

function parseLine(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
