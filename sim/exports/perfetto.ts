/**
 * A run in the trace event format that Perfetto (ui.perfetto.dev) and chrome://tracing open: a process for each kind of actor, a thread for each actor and one more for each
 * bar beside it; slices for facts, locks and work; flow arrows along causes; counters for depth and lag; instants for faults. Times are µs there as here. Polls and replica
 * fetches, which concern no message, are left out.
 */
import { F, FACTS } from '../../core/facts.ts';
import { HOPS } from '../../core/machine.ts';
import type { Actor, ActorId, FactId, Micros, PlaceId } from '../../core/types.ts';
import { HOLDINGS, holdingsOf } from '../folds/holdings.ts';
import { isLostHop, toldSentence, toneOf } from '../folds/told.ts';
import { Topology } from '../folds/topology.ts';
import type { TraceAbout } from '../jsonl.ts';
import type { Scenario } from '../scenario/types.ts';
import type { Trace } from '../trace.ts';
import { factsIn, type Stretch } from './stretch.ts';

type Event = Readonly<Record<string, unknown>>;

const PROCESSES: readonly (readonly [kind: Actor['kind'], name: string])[] = [
  ['producer', 'producers'],
  ['broker', 'brokers'],
  ['consumer', 'consumers'],
  ['store', 'stores'],
  ['world', 'timeline'],
];
/** Threads of one actor: its facts, then its bars. */
const THREADS = 1000;
const HELD = { [HOLDINGS.locked]: 'lock on', [HOLDINGS.waiting]: 'waiting:', [HOLDINGS.working]: 'work on' };

/** The lines of one JSON object, without line ends. */
export function* perfettoLines(
  trace: Trace,
  scenario: Scenario,
  about: TraceAbout,
  stretch: Stretch,
): Generator<string> {
  const otherData = { title: about.title, seed: about.seed, digest: trace.digest, writer: 'queuelab' };
  yield `{"displayTimeUnit":"ms","otherData":${JSON.stringify(otherData)},"traceEvents":[`;
  // Each event waits for the next, because the last one has no comma.
  let last = '';
  for (const event of events(trace, scenario, stretch)) {
    if (last !== '') yield `${last},`;
    last = JSON.stringify(event);
  }
  yield last;
  yield ']}';
}

function* events(trace: Trace, scenario: Scenario, stretch: Stretch): Generator<Event> {
  yield* names(trace);
  yield* bars(trace, scenario, stretch);
  const { first, last } = factsIn(trace, stretch);
  const effects = new Effects(trace, first, last);
  const topology = new Topology(scenario);
  const depth = new Map<PlaceId, string>();
  for (let id = 1; id <= last; id++) {
    topology.apply(trace, id);
    if (id < first) continue;
    if (isShown(trace, id)) {
      yield* fact(trace, scenario, id, first);
      for (let effect = effects.first(id); effect !== 0; effect = effects.next(effect))
        yield { ph: 's', cat: 'cause', name: 'cause', id: effect, ...where(trace, id), ts: trace.time(id) };
    }
    const counter = counterOf(trace, topology, trace.place(id));
    if (counter === null) continue;
    const now = JSON.stringify(counter['args']);
    if (depth.get(trace.place(id)) === now) continue;
    depth.set(trace.place(id), now);
    yield { ...counter, ts: trace.time(id) };
  }
}

/** Processes and threads with their names. */
function* names(trace: Trace): Generator<Event> {
  for (const [i, [, name]] of PROCESSES.entries()) {
    yield { ph: 'M', pid: i + 1, name: 'process_name', args: { name } };
    yield { ph: 'M', pid: i + 1, name: 'process_sort_index', args: { sort_index: i } };
  }
  for (const { id, name } of trace.actors) {
    const thread = { ph: 'M', pid: process(trace, id), tid: id * THREADS };
    yield { ...thread, name: 'thread_name', args: { name } };
    yield { ...thread, name: 'thread_sort_index', args: { sort_index: id * THREADS } };
  }
}

/** Locks and work, as far as they lie in the stretch. */
function* bars(trace: Trace, scenario: Scenario, { fromUs, toUs }: Stretch): Generator<Event> {
  const { count, kinds, actors, messages, facts, ends } = holdingsOf(trace, scenario);
  /** By actor: when each of its threads is free again. Slices of one thread may lie within each other, but not overlap. */
  const busy = new Map<ActorId, Micros[]>();
  for (let i = 0; i < count; i++) {
    const end = ends[i] as FactId;
    const from = Math.max(fromUs, trace.time(facts[i] as FactId));
    const to = Math.min(toUs, end === 0 ? trace.endedAtUs : trace.time(end));
    if (from > to) continue;
    const actor = actors[i] as ActorId;
    const threads = busy.get(actor) ?? [];
    busy.set(actor, threads);
    const free = threads.findIndex((until) => until <= from);
    const lane = free < 0 ? threads.length : free;
    // Beyond that nobody looks.
    if (lane > THREADS - 2) continue;
    const pid = process(trace, actor);
    const tid = actor * THREADS + 1 + lane;
    if (lane === threads.length) {
      const name = `${trace.actorName(actor)}, bar ${1 + lane}`;
      yield { ph: 'M', pid, tid, name: 'thread_name', args: { name } };
      yield { ph: 'M', pid, tid, name: 'thread_sort_index', args: { sort_index: tid } };
    }
    threads[lane] = to;
    const name = `${HELD[kinds[i] as keyof typeof HELD]} message ${messages[i]}`;
    yield { ph: 'X', cat: 'held', name, pid, tid, ts: from, dur: to - from, args: { message: messages[i] } };
  }
}

function* fact(trace: Trace, scenario: Scenario, id: FactId, first: FactId): Generator<Event> {
  const place = where(trace, id);
  const ts = trace.time(id);
  const tone = toneOf(trace, scenario, id);
  const sentence = toldSentence(trace, scenario, id);
  const message = trace.messageOf(id);
  const args = { sentence, fact: id, ...(message === 0 ? {} : { message }) };
  yield { ph: 'X', cat: tone, name: nameOf(trace, id), ...place, ts, dur: 1, args };
  const cause = trace.cause(id);
  if (cause >= first && isShown(trace, cause))
    yield { ph: 'f', bp: 'e', cat: 'cause', name: 'cause', id, ...place, ts };
  if (tone === 'fault')
    yield { ph: 'i', s: trace.actor(id) === 0 ? 'g' : 't', cat: 'fault', name: sentence, ...place, ts };
}

function nameOf(trace: Trace, id: FactId): string {
  const message = trace.messageOf(id);
  const name = trace.kind(id) === F.sent ? `sent ${HOPS[trace.detail(id) & 7]}` : trace.name(id);
  return message === 0 ? name : `${name}, message ${message}`;
}

/** What concerns no message and is quiet is routine. */
function isShown(trace: Trace, id: FactId): boolean {
  return (
    trace.messageOf(id) !== 0 ||
    FACTS[trace.name(id)].tone !== 'quiet' ||
    (trace.kind(id) === F.sent && isLostHop(trace, id))
  );
}

/** Depth of a queue or lag of a partition; null for other places, and for a log that nobody reads by offsets. */
function counterOf(trace: Trace, topology: Topology, place: PlaceId): Event | null {
  const pid = 2;
  const queue = topology.queues[place];
  if (queue !== undefined) {
    const { ready, locked } = queue;
    return { ph: 'C', pid, name: `depth of ${trace.placeName(place)}`, args: { ready, locked } };
  }
  const partition = topology.partitions[place];
  if (partition === undefined || partition.committed.length === 0) return null;
  const args: Record<string, number> = {};
  for (const { group } of partition.committed) args[trace.placeName(group)] = topology.lag(partition, group);
  return { ph: 'C', pid, name: `lag of ${trace.placeName(place)}`, args };
}

function where(trace: Trace, id: FactId): { readonly pid: number; readonly tid: number } {
  const actor = trace.actor(id);
  return { pid: process(trace, actor), tid: actor * THREADS };
}

function process(trace: Trace, actor: ActorId): number {
  const kind = trace.actors[actor]?.kind ?? 'world';
  return 1 + PROCESSES.findIndex(([one]) => one === kind);
}

/** What each shown fact of a stretch caused there: an arrow starts where its slice does, so the causes must know their effects first. */
class Effects {
  readonly #firsts: Uint32Array;
  readonly #nexts: Uint32Array;

  constructor(trace: Trace, first: FactId, last: FactId) {
    this.#firsts = new Uint32Array(trace.count + 1);
    this.#nexts = new Uint32Array(trace.count + 1);
    for (let id = last; id >= first; id--) {
      const cause = trace.cause(id);
      if (cause < first || cause === 0 || !isShown(trace, id) || !isShown(trace, cause)) continue;
      this.#nexts[id] = this.#firsts[cause] as number;
      this.#firsts[cause] = id;
    }
  }

  /** 0 for none. */
  first(cause: FactId): FactId {
    return this.#firsts[cause] as FactId;
  }

  next(effect: FactId): FactId {
    return this.#nexts[effect] as FactId;
  }
}
