/**
 * A trace as JSON Lines, for other tools and for later: a first line that says what it is and which scenario it came from, then one line a fact, with names instead
 * of numbers. Reading gives the same trace back, to the digest. A file may come from anywhere, so nothing of it is taken unchecked: what cannot be a
 * fact is refused with its line.
 */
import { F, FACT_NAMES, type FactKind, type FactName } from '../core/facts.ts';
import type { Actor, Message, Place } from '../core/types.ts';
import type { Trace } from './trace.ts';
import { Trace as EmptyTrace } from './trace.ts';

export const TRACE_FORMAT = 'queuelab/trace@1';

/** What the first line says beside the tables. */
export interface TraceAbout {
  readonly title: string;
  readonly seed: string;
  /** The scenario's text as it ran, with knobs and added lines; '' when it is not known. */
  readonly scenario?: string;
  /** For a scenario in neutral words, the broker that it ran under. */
  readonly under?: string | null;
}

export interface TraceHeader extends TraceAbout {
  readonly format: string;
  readonly facts: number;
  readonly digest: string;
  readonly endedAtUs: number;
  readonly actors: readonly Actor[];
  readonly places: readonly Place[];
}

/**
 * The lines, without line ends. Fields of value 0 are left out of a fact; `produced` carries the message. `first` leaves out the facts before it, for other tools: a
 * trace that does not begin at the start cannot be read back.
 */
export function* traceLines(trace: Trace, about: TraceAbout, first = 1): Generator<string> {
  const { title, seed, scenario = '', under = null } = about;
  const header: TraceHeader = {
    format: TRACE_FORMAT,
    title,
    seed,
    ...(under === null ? {} : { under }),
    facts: trace.count,
    digest: trace.digest,
    endedAtUs: trace.endedAtUs,
    actors: trace.actors,
    places: trace.places,
    ...(scenario === '' ? {} : { scenario }),
  };
  yield JSON.stringify(header);
  for (let id = first; id <= trace.count; id++) yield factLine(trace, id);
}

function factLine(trace: Trace, id: number): string {
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
  return JSON.stringify(line);
}

/** Reads what `traceLines` wrote. A text that is no such trace gives an error that names the line. */
export function readTrace(
  lines: Iterable<string>,
): { readonly trace: Trace; readonly title: string } | { readonly error: string } {
  const reader = new TraceReader();
  for (const line of lines) {
    const error = reader.line(line);
    if (error !== '') return { error };
  }
  const error = reader.end();
  return error === '' ? { trace: reader.trace, title: reader.header?.title ?? '' } : { error };
}

/** Reads a trace line by line, as they come. Each call answers with what is wrong, naming the line; '' when nothing is. After an error it is done with. */
export class TraceReader {
  readonly trace: Trace = new EmptyTrace();
  /** Null before the first line. */
  header: TraceHeader | null = null;
  readonly #ids = new Map<string, number>();
  #number = 0;
  #timeUs = 0;

  line(line: string): string {
    this.#number++;
    if (line.trim() === '') return '';
    const parsed = parseLine(line);
    if (parsed === null) return `line ${this.#number} is not a JSON object`;
    return this.header === null ? this.#head(parsed) : this.#fact(parsed);
  }

  /** After the last line. */
  end(): string {
    const { header, trace } = this;
    if (header === null) return 'the file is empty';
    trace.endedAtUs = Math.max(header.endedAtUs, this.#timeUs);
    if (trace.digest === header.digest) return '';
    return `the facts do not give the digest of line 1 (${header.digest}); the file was changed or cut`;
  }

  /** What a number can be that counts something so far. */
  get #mostCount(): number {
    return COUNTS_AT_FIRST + COUNTS_A_FACT * this.trace.count;
  }

  #mostValue(kind: FactKind): number {
    if (kind === F.routed) return this.trace.places.length - 1;
    return LARGE.has(kind) ? MOST : this.#mostCount;
  }

  #head(parsed: Readonly<Record<string, unknown>>): string {
    const header = headerOf(parsed);
    if (typeof header === 'string') return header;
    const { trace } = this;
    trace.actors.splice(0, trace.actors.length, ...header.actors);
    trace.places.splice(0, trace.places.length, ...header.places);
    for (const { id, name } of trace.actors) this.#ids.set(name, id);
    this.header = header;
    return '';
  }

  #fact(parsed: Readonly<Record<string, unknown>>): string {
    const { trace } = this;
    const where = `line ${this.#number}`;
    const name = String(parsed['fact']).slice(0, 40);
    const kind = Object.hasOwn(F, name) ? F[name as FactName] : undefined;
    if (kind === undefined) return `${where}: "${name}" is no fact; known are ${FACT_NAMES.slice(1, 6).join(', ')}, …`;
    if (parsed['id'] !== undefined && parsed['id'] !== trace.count + 1)
      return `${where} is fact ${String(parsed['id']).slice(0, 20)}, but fact ${trace.count + 1} comes here; facts are missing before it`;
    const actor = this.#ids.get(String(parsed['actor']));
    const peer = parsed['peer'] === undefined ? 0 : this.#ids.get(String(parsed['peer']));
    if (actor === undefined || peer === undefined) return `${where} names an actor that line 1 does not list`;
    const made = parsed['made'];
    if (made !== undefined) {
      const message = messageOf(made, trace);
      if (message === null) return `${where}: "made" is no message ${trace.messageCount + 1} of this trace`;
      trace.addMessage(message);
    }
    const timeUs = count(parsed['timeUs'], Number.MAX_SAFE_INTEGER);
    const message = count(parsed['message'], trace.messageCount);
    const place = count(parsed['place'], trace.places.length - 1);
    const value = count(parsed['value'], this.#mostValue(kind));
    const detail = count(parsed['detail'], GROUPS.has(kind) ? trace.places.length - 1 : this.#mostCount);
    const cause = count(parsed['cause'], trace.count);
    const wrong = Object.entries({ timeUs, message, place, value, detail, cause }).find(([, number]) => number < 0);
    if (wrong !== undefined) return `${where}: "${wrong[0]}" is not a number that it can be`;
    if (timeUs < this.#timeUs) return `${where} is earlier than the line before it`;
    if (kind === F.produced && message === 0) return `${where} makes no message`;
    this.#timeUs = timeUs;
    trace.endedAtUs = timeUs;
    trace.append(timeUs, kind, actor, message, place, peer, value, detail, cause);
    return '';
  }
}

/** Facts whose value is a time, a size, the value of a row, an id or a set of bits. All other values count or place something, and who folds a trace keeps room for that. */
const LARGE: ReadonlySet<FactKind> = new Set([
  F.produced,
  F.sent,
  F.delivered,
  F.extended,
  F.begun,
  F.applied,
  F.recorded,
  F.paused,
  F.slowed,
  F.skewed,
  F['isr-changed'],
  F['txn-begun'],
  F['txn-committed'],
  F['txn-aborted'],
  F['breaker-opened'],
  F.sought,
]);
/** Facts whose detail is the number of a group. */
const GROUPS: ReadonlySet<FactKind> = new Set([
  F.committed,
  F.assigned,
  F.revoked,
  F.sought,
  F.diverged,
  F['offset-expired'],
]);
/** Each fact adds at most so many of what is counted (records, markers, what a batch holds), after so many at the start. */
const COUNTS_A_FACT = 8;
const COUNTS_AT_FIRST = 10_000;

/** Of an unsigned word. */
const MOST = 0xffff_ffff;
/** Actors and places have 16 bits in a fact. */
const MOST_NAMES = 0xffff;
const ACTOR_KINDS: readonly string[] = ['world', 'producer', 'consumer', 'broker', 'store'] satisfies Actor['kind'][];
const PLACE_KINDS: readonly string[] = [
  'none',
  'queue',
  'partition',
  'exchange',
  'endpoint',
  'store',
  'group',
  'service',
  'alert',
] satisfies Place['kind'][];

/** The first line, or what is wrong with it. */
function headerOf(parsed: Readonly<Record<string, unknown>>): TraceHeader | string {
  if (parsed['format'] !== TRACE_FORMAT) return `line 1 should say "format": "${TRACE_FORMAT}"`;
  const { actors, places } = parsed as { readonly actors?: unknown; readonly places?: unknown };
  if (!Array.isArray(actors) || !Array.isArray(places)) return 'line 1 should list actors and places';
  const areActors = actors.every(
    (one, i) =>
      isTable(one) && one['id'] === i && areTexts(one, 'name', 'group') && ACTOR_KINDS.includes(one['kind'] as string),
  );
  const arePlaces = places.every(
    (one, i) =>
      isTable(one) &&
      one['id'] === i &&
      areTexts(one, 'name', 'parent') &&
      typeof one['deadLetter'] === 'boolean' &&
      PLACE_KINDS.includes(one['kind'] as string),
  );
  const isEmpty = actors.length === 0 || places.length === 0;
  if (!areActors || !arePlaces || isEmpty || actors.length > MOST_NAMES || places.length > MOST_NAMES)
    return 'line 1 lists actors or places that cannot be';
  const { scenario, under } = parsed as { readonly scenario?: unknown; readonly under?: unknown };
  return {
    format: TRACE_FORMAT,
    title: String(parsed['title'] ?? ''),
    seed: String(parsed['seed'] ?? ''),
    scenario: typeof scenario === 'string' ? scenario : '',
    under: typeof under === 'string' ? under : null,
    facts: Math.max(0, count(parsed['facts'], MOST)),
    digest: String(parsed['digest']).slice(0, 40),
    endedAtUs: Math.max(0, count(parsed['endedAtUs'], Number.MAX_SAFE_INTEGER)),
    actors: actors as Actor[],
    places: places as Place[],
  };
}

/** Null for what is not the next message. */
function messageOf(made: unknown, trace: Trace): Message | null {
  if (!isTable(made) || made['id'] !== trace.messageCount + 1) return null;
  const { key, attributes } = made as { readonly key?: unknown; readonly attributes?: unknown };
  const fits =
    count(made['producer'], trace.actors.length - 1) >= 0 &&
    count(made['sequence'], MOST) >= 0 &&
    count(made['sizeBytes'], Number.MAX_SAFE_INTEGER) >= 0 &&
    count(made['producedAtUs'], Number.MAX_SAFE_INTEGER) >= 0 &&
    typeof made['amount'] === 'number' &&
    typeof made['poison'] === 'boolean' &&
    areTexts(made, 'routingKey') &&
    (key === null || typeof key === 'string') &&
    isTable(attributes) &&
    Object.values(attributes).every((one) => ['string', 'number', 'boolean'].includes(typeof one));
  return fits ? (made as unknown as Message) : null;
}

/** The number, 0 when there is none, −1 when it is no integer from 0 to `most`. */
function count(value: unknown, most: number): number {
  if (value === undefined) return 0;
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most ? value : -1;
}

function areTexts(table: Readonly<Record<string, unknown>>, ...names: readonly string[]): boolean {
  return names.every((name) => typeof table[name] === 'string');
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseLine(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return isTable(value) ? value : null;
  } catch {
    return null;
  }
}
