/**
 * Whether anything would come of a line: the run is made again with it, as far as the first fact that is another one. So what a table of acts cannot know (what travels where hops take no time,
 * a group that stands at the end already, a setting that nothing meets) is told by the run itself.
 */
import type { FactId, MessageId } from '../../core/types.ts';
import type { Trace } from '../../sim/trace.ts';
import { F } from '../../sim/vocabulary.ts';
import { World } from '../../sim/world.ts';
import type { TimelineLine } from '../protocol.ts';
import { readScenario } from '../reading.ts';

/** A run that has come to its end, and what it is made from. */
export interface Tried {
  readonly trace: Trace;
  /** What the scenario was read from, for one broker. */
  readonly text: string;
  readonly seed: string;
}

/** What a line writes by itself: that it begins and ends, and what it asks of whom. Something may come of that, or nothing. */
const OWN: ReadonlySet<number> = new Set([
  F['fault-begun'],
  F['fault-ended'],
  F.split,
  F.healed,
  F.changed,
  F.sought,
  F.scaled,
  F.slowed,
  F.skewed,
  F['disk-filled'],
  F['disk-freed'],
  F.paused,
  F.resumed,
  F.fixed,
]);
/** Events between two looks. */
const EVENTS = 200;
/** Of a hop's detail, those that say of which kind it is. The rest is its fate, which is the line's own doing. */
const HOP_KIND = 7;

/** Whether what happens is another with the line than without it; null where the line cannot be read, or `goesOn` ends the trial before that is known. */
export function comesOf({ trace, text, seed }: Tried, line: TimelineLine, goesOn: () => boolean): boolean | null {
  const { scenario } = readScenario({ file: 'trial', text, sets: [], lines: [line], under: null });
  if (scenario === null) return null;
  const world = new World(scenario, { seed });
  let known: FactId = 1;
  let tried: FactId = 1;
  let more = true;
  while (more) {
    if (!goesOn()) return null;
    more = world.step(EVENTS);
    for (; tried <= world.trace.count; tried++) {
      if (OWN.has(world.trace.kind(tried))) continue;
      known = skipOwn(trace, known);
      if (known > trace.count || !isSame(trace, known, world.trace, tried)) return true;
      known++;
    }
  }
  return skipOwn(trace, known) <= trace.count;
}

function skipOwn(trace: Trace, from: FactId): FactId {
  let id = from;
  while (id <= trace.count && OWN.has(trace.kind(id))) id++;
  return id;
}

/** Actors and places have the same numbers in both until something is another. */
function isSame(a: Trace, i: FactId, b: Trace, j: FactId): boolean {
  const kind = a.kind(i);
  const isHop = kind === F.sent;
  return (
    kind === b.kind(j) &&
    a.time(i) === b.time(j) &&
    a.messageOf(i) === b.messageOf(j) &&
    a.actor(i) === b.actor(j) &&
    a.peer(i) === b.peer(j) &&
    a.place(i) === b.place(j) &&
    a.value(i) === b.value(j) &&
    (isHop ? (a.detail(i) & HOP_KIND) === (b.detail(j) & HOP_KIND) : a.detail(i) === b.detail(j)) &&
    (kind !== F.produced || isSameMessage(a, b, a.messageOf(i)))
  );
}

/** Its amount is not looked at: where one is added to anything, the effect tells it. */
function isSameMessage(a: Trace, b: Trace, id: MessageId): boolean {
  const [one, other] = [a.message(id), b.message(id)];
  return one.key === other.key && one.sizeBytes === other.sizeBytes && one.poison === other.poison;
}
