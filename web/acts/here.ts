/**
 * Where and when an act would be: the moment that the page shows, and how a line of the timeline says it. What stands at the playhead has happened; the line must come after it and
 * before whatever comes next, so that all until then stays as it was.
 */
import type { Actor, ActorId, FactId, Micros, PlaceId } from '../../core/types.ts';
import type { Topology } from '../../sim/folds/topology.ts';
import type { TransitIndex } from '../../sim/folds/transit.ts';
import { formatDuration } from '../../sim/scenario/duration.ts';
import type { SettingsOf } from '../../sim/scenario/settings.ts';
import type { Scenario } from '../../sim/scenario/types.ts';
import type { Trace } from '../../sim/trace.ts';
import type { TimelineLine } from '../protocol.ts';

export interface Here {
  readonly scenario: Scenario;
  readonly trace: Trace;
  readonly transit: TransitIndex;
  readonly topology: Topology;
  readonly fact: FactId;
  readonly timeUs: Micros;
  /** Of everything that the scenario declares; empty until they are known. */
  readonly settings: readonly SettingsOf[];
  /** The file is in neutral words: it knows no option of a broker. */
  readonly isNeutral: boolean;
  /** The run has come to its end: what does not come after the playhead never comes. */
  readonly isWhole: boolean;
}

/**
 * The moment of a line: a time, or the fact at the playhead where others follow it in the same instant, because then only `when:` comes between them. `message`: the act names a message
 * itself, which narrows `when:` too; 0 when it does not.
 */
export function momentOf(here: Here, message = 0): TimelineLine {
  const { trace, fact } = here;
  const now = Math.floor(here.timeUs);
  if (fact === 0 || trace.time(fact) < now) return { at: formatDuration(now) };
  const isLast = fact >= trace.count || trace.time(fact + 1) > now;
  const actor = trace.actor(fact);
  const concerns = trace.messageOf(fact);
  if (isLast || actor === 0 || (message !== 0 && concerns !== message)) return { at: formatDuration(now + 1) };
  const nth = ordinalOf(trace, fact, message);
  const of = nameOf(trace, actor);
  return { when: trace.name(fact), of, ...(nth === 1 ? {} : { nth }) };
}

/** How many facts of this kind, of or concerning the same actor (and about the message, unless 0), there were until this one. */
function ordinalOf(trace: Trace, fact: FactId, message: number): number {
  const kind = trace.kind(fact);
  const actor = trace.actor(fact);
  let count = 0;
  for (let id = 1; id <= fact; id++) {
    if (trace.kind(id) !== kind || (message !== 0 && trace.messageOf(id) !== message)) continue;
    if (trace.actor(id) === actor || trace.peer(id) === actor) count++;
  }
  return count;
}

/** By which the scenario means this one alone: the only instance is `resizer`, and `resizer-1` as soon as there are others. */
export function nameOf({ actors }: Pick<Trace, 'actors'>, id: ActorId): string {
  const actor = actors[id];
  if (actor === undefined) return '';
  const { name, group, kind } = actor;
  if (kind !== 'consumer' || name !== group) return name;
  return actors.some((other) => other.group === group && other.kind === kind && other.id !== id) ? `${name}-1` : name;
}

export function actorOf({ trace }: Here, id: ActorId): Actor | null {
  const actor = trace.actors[id];
  return actor === undefined || actor.kind === 'world' ? null : actor;
}

/** The name of the broker that a queue, topic or exchange lives on; '' for none. */
export function brokerOf({ scenario, trace }: Here, place: PlaceId): string {
  const { name = '', parent = '' } = trace.places[place] ?? {};
  for (const section of [scenario.queues, scenario.topics, scenario.exchanges]) {
    const declared = section[parent] ?? section[name];
    if (declared !== undefined) return declared.broker;
  }
  const [only, ...others] = Object.keys(scenario.brokers);
  return others.length === 0 ? (only ?? '') : '';
}

/** The processes of a broker, in the order of the roster. */
export function nodesOf({ scenario, trace }: Here, broker: string): readonly Actor[] {
  const isOnly = Object.keys(scenario.brokers).length === 1;
  return trace.actors.filter(({ kind, group }) => kind === 'broker' && (isOnly || group === broker));
}

/** The kind of a broker, such as `kafka`; '' for none. */
export function kindOf({ scenario }: Here, broker: string): string {
  return scenario.brokers[broker]?.kind ?? '';
}
