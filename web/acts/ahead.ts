/**
 * What still travels in the run as it is: a line that meddles with hops of which none comes any more would do nothing, and so would one that doubles what the other end takes once.
 */
import type { Actor, ActorId, MessageId, Micros } from '../../core/types.ts';
import { takesCopies, takesNone, VAIN_COPY } from '../../sim/scenario/vain.ts';
import { F, HOPS } from '../../sim/vocabulary.ts';
import { type Here, kindOf, momentOf } from './here.ts';

export type HopName = (typeof HOPS)[number];

/** Hops of one kind that go one way. */
export interface Ahead {
  readonly from: ActorId;
  readonly to: ActorId;
  readonly kind: HopName;
  /** When the first of them leaves. */
  readonly firstUs: Micros;
}

const KINDS = HOPS.length;
/** The default of all lines that last. */
const USUAL_S = 10;

/**
 * Each kind and way of hops that begin after a line at this moment, in the order of the first; `message`: only those that carry it, 0 for all. null where that cannot be known: the run still
 * grows, or hops that take no time leave no trace.
 */
export function aheadOf(here: Here, message: MessageId = 0): readonly Ahead[] | null {
  const { trace, scenario, isWhole } = here;
  if (!isWhole || isTimeless(here)) return null;
  const many = trace.actors.length;
  const found = new Map<number, Ahead>();
  for (let id = firstAfter(here, message); id <= trace.count && trace.time(id) <= scenario.durationUs; id++) {
    if (trace.kind(id) !== F.sent || (message !== 0 && trace.messageOf(id) !== message)) continue;
    const code = trace.detail(id) & 7;
    const key = (trace.actor(id) * many + trace.peer(id)) * KINDS + code;
    const kind = HOPS[code];
    if (found.has(key) || kind === undefined) continue;
    found.set(key, { from: trace.actor(id), to: trace.peer(id), kind, firstUs: trace.time(id) });
  }
  return [...found.values()];
}

/** What a step of a process sends has left when a line begins that waits for a fact of it; where the line says a time, all of that instant has. */
function firstAfter(here: Here, message: MessageId): number {
  const { trace, fact, timeUs } = here;
  const now = Math.floor(timeUs);
  let id = fact + 1;
  if ('when' in momentOf(here, message))
    while (id <= trace.count && trace.time(id) === now && trace.actor(id) === trace.actor(fact)) id++;
  else while (id <= trace.count && trace.time(id) <= now) id++;
  return id;
}

/** On some link hops take no time, so that nothing tells of them. */
function isTimeless({ scenario: { network } }: Here): boolean {
  return [network, ...network.links].some(({ latency }) => takesNone(latency));
}

/** Why it makes no difference that such a hop comes twice; '' where it makes one. */
export function refusesCopy(here: Here, from: ActorId, to: ActorId, kind: HopName): string {
  const { actors } = here.trace;
  const [sender, receiver] = [actors[from], actors[to]];
  if (kind === 'effect' || kind === 'effect-reply' || sender?.kind === 'store' || receiver?.kind === 'store')
    return VAIN_COPY.store;
  if (receiver === undefined || receiver.kind !== 'broker')
    return kind === 'reply' || takesCopies(brokerKind(here, sender)) ? VAIN_COPY.asker : VAIN_COPY.connection;
  if (takesCopies(brokerKind(here, receiver))) return kind === 'reply' ? VAIN_COPY.asker : '';
  return kind === 'replication' && brokerKind(here, receiver) === 'pulsar' ? '' : VAIN_COPY.connection;
}

/** Why no hop of a client makes a difference by coming twice; '' where one may. */
export function refusesCopies(here: Here): string {
  const takes = Object.values(here.scenario.brokers).some(({ kind }) => takesCopies(kind));
  return takes ? '' : VAIN_COPY.connection;
}

/** The kind of the broker that an actor is a node of; '' for no node. */
function brokerKind(here: Here, actor: Actor | undefined): string {
  if (actor?.kind !== 'broker') return '';
  const [only, ...others] = Object.keys(here.scenario.brokers);
  return kindOf(here, others.length === 0 && only !== undefined ? only : actor.group);
}

/** Seconds that a line lasts by default: so long that something is there for it to meddle with. */
export function usualSpan({ timeUs }: Here, ahead: readonly Ahead[] | null): number {
  const first = ahead === null ? timeUs : Math.min(...ahead.map(({ firstUs }) => firstUs));
  const gap = Number.isFinite(first) ? Math.max(0, first - timeUs) / 1_000_000 : 0;
  return gap < USUAL_S ? USUAL_S : Math.ceil(gap) + USUAL_S;
}
