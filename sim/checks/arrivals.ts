/**
 * What producers had stored in topics that hand out entry by entry (Redis Streams, Pulsar): their facts tell no offsets, but the order of what was stored is that of
 * the log. Only what a producer brought counts: what a crash or a seek brings back was there before.
 */
import { F } from '../../core/facts.ts';
import { booleanOf } from '../../core/options.ts';
import type { FactId, MessageId, PlaceId } from '../../core/types.ts';
import type { Scenario } from '../scenario/types.ts';
import type { Trace } from '../trace.ts';

/** The messages of one place in the order in which they were stored, with the facts; one that was stored again is there again. */
export interface Arrivals {
  readonly place: PlaceId;
  readonly messages: readonly MessageId[];
  readonly facts: readonly FactId[];
}

const KINDS: readonly (string | undefined)[] = ['redis-streams', 'pulsar'];
/** What a request comes by. */
const BROUGHT: ReadonlySet<number> = new Set([F.sent, F.produced, F.retried, F.routed]);

export function arrivalsOf(trace: Trace, scenario: Scenario): readonly Arrivals[] {
  // A consumer that asks for a message again later stores it anew, and nobody can tell that from what its producer sends.
  const isWrittenBack = Object.values(scenario.consumers).some(({ options }) => booleanOf(options, 'enableRetry'));
  if (isWrittenBack) return [];
  const isTopic = trace.places.map(
    ({ kind, parent }) =>
      kind === 'queue' && KINDS.includes(scenario.brokers[scenario.topics[parent]?.broker ?? '']?.kind),
  );
  if (!isTopic.includes(true)) return [];
  const found = new Map<PlaceId, { place: PlaceId; messages: MessageId[]; facts: FactId[]; seen: Set<MessageId> }>();
  for (let id: FactId = 1; id <= trace.count; id++) {
    const place = trace.place(id);
    if (trace.kind(id) !== F.appended || isTopic[place] !== true) continue;
    const message = trace.messageOf(id);
    const cause = trace.cause(id);
    let arrivals = found.get(place);
    if (arrivals === undefined) {
      arrivals = { place, messages: [], facts: [], seen: new Set() };
      found.set(place, arrivals);
    }
    if (cause > 0 && trace.kind(cause) === F['dead-lettered']) continue;
    if (arrivals.seen.has(message) && !BROUGHT.has(trace.kind(cause || id))) continue;
    arrivals.seen.add(message);
    arrivals.messages.push(message);
    arrivals.facts.push(id);
  }
  return [...found.values()];
}
