/** Replicated logs: one leader an epoch, and nothing below the high watermark changes while elections are clean. */
import { F } from '../../core/facts.ts';
import type { ActorId, FactId, MessageId, PlaceId } from '../../core/types.ts';
import { defineCheck, type Found } from './check.ts';
import { inScope, witness } from './evidence.ts';

/** At most one leader per partition and epoch; within an epoch the high watermark only rises. */
export const singleLeader = defineCheck<Found>({
  claim: 'single-leader',
  idle: 'no partition changed its leader',
  find(evidence, scope) {
    const { trace } = evidence;
    const leaders = new Map<PlaceId, FactId>();
    const marks = new Map<PlaceId, FactId>();
    let changed = false;
    for (let id = 1; id <= trace.count; id++) {
      const kind = trace.kind(id);
      if (kind !== F.elected && kind !== F['watermark-moved']) continue;
      const place = trace.place(id);
      if (!inScope(evidence, place, scope)) continue;
      if (kind === F.elected) {
        const before = leaders.get(place) ?? 0;
        if (before > 0 && trace.value(before) === trace.value(id) && trace.peer(before) !== trace.peer(id)) {
          return { seen: 'broken', exercised: true, witness: [before, id] };
        }
        if (before > 0) changed = true;
        leaders.set(place, id);
        marks.delete(place);
      } else {
        const before = marks.get(place) ?? 0;
        if (before > 0 && trace.actor(before) === trace.actor(id) && trace.value(id) < trace.value(before)) {
          return { seen: 'broken', exercised: true, witness: [before, id] };
        }
        marks.set(place, id);
      }
    }
    return { seen: 'sound', exercised: changed || evidence.any('leader-lost'), witness: [] };
  },
  explain(evidence, { witness: [before, after] }) {
    if (before === undefined || after === undefined)
      return 'Each partition had one leader an epoch, and its high watermark never fell within one.';
    const { trace } = evidence;
    if (trace.kind(after) === F.elected) {
      return `Epoch ${trace.value(after)} of ${evidence.placeOf(after)} had two leaders: ${evidence.peerOf(before)} since ${evidence.at(before)} and ${evidence.peerOf(after)} since ${evidence.at(after)}.`;
    }
    return `The high watermark of ${evidence.placeOf(after)} fell from ${trace.value(before)} (${evidence.at(before)}) to ${trace.value(after)} at ${evidence.at(after)} under the same leader.`;
  },
});

/** What a partition's facts say of its log. */
interface PartitionRecord {
  /** The high watermark, and the fact that moved it there. */
  high: number;
  mark: FactId;
  /** By offset; 0 where nothing is known, such as at a marker. */
  readonly messages: MessageId[];
  /** By node: where its log ended when something was last said of it. */
  readonly ends: Map<ActorId, number>;
}

const TOLD: ReadonlySet<number> = new Set([
  F.appended,
  F.replicated,
  F.truncated,
  F['watermark-moved'],
  F.lost,
  F.elected,
]);

/** What a new leader has not copied is gone with its election, and it fills these offsets anew: it may, above the high watermark. Source: K5, K24. */
function dropUncommitted(log: PartitionRecord | undefined, leader: ActorId): void {
  if (log === undefined) return;
  const end = Math.max(log.ends.get(leader) ?? 0, log.high);
  if (end < log.messages.length) log.messages.length = end;
}

interface Rewritten extends Found {
  readonly offset: number;
  readonly message: MessageId;
}

/** What a partition's leader held below the high watermark stays there. */
export const committedSurvives = defineCheck<Rewritten>({
  claim: 'committed-survives',
  idle: 'no broker crashed and no leader changed',
  find(evidence, scope) {
    const { trace } = evidence;
    const leaders = new Map<PlaceId, ActorId>();
    const logs = new Map<PlaceId, PartitionRecord>();
    for (let id = 1; id <= trace.count; id++) {
      const kind = trace.kind(id);
      if (!TOLD.has(kind)) continue;
      const place = trace.place(id);
      if (trace.places[place]?.kind !== 'partition' || !inScope(evidence, place, scope)) continue;
      if (kind === F.elected) {
        leaders.set(place, trace.peer(id));
        dropUncommitted(logs.get(place), trace.peer(id));
        continue;
      }
      let log = logs.get(place);
      if (log === undefined) {
        log = { high: 0, mark: 0, messages: [], ends: new Map() };
        logs.set(place, log);
      }
      if (kind === F.replicated || kind === F.truncated) log.ends.set(trace.actor(id), trace.value(id));
      else if (kind === F['watermark-moved']) {
        if (trace.value(id) > log.high) {
          log.high = trace.value(id);
          log.mark = id;
        }
      } else if (kind === F.appended) {
        // A leader that has not heard of its end writes on for itself alone; it will be cut back.
        if (trace.detail(id) === 2 || (leaders.get(place) ?? trace.actor(id)) !== trace.actor(id)) continue;
        const offset = trace.value(id);
        const before = log.messages[offset] ?? 0;
        if (before !== 0 && before !== trace.messageOf(id) && offset < log.high) {
          return { seen: 'broken', exercised: true, witness: witness(log.mark, id), offset, message: before };
        }
        log.messages[offset] = trace.messageOf(id);
        log.ends.set(trace.actor(id), offset + 1);
      } else {
        const offset = log.messages.indexOf(trace.messageOf(id));
        if (offset >= 0 && offset < log.high) {
          return {
            seen: 'broken',
            exercised: true,
            witness: witness(log.mark, id),
            offset,
            message: trace.messageOf(id),
          };
        }
      }
    }
    const exercised = logs.size > 0 && (evidence.any('leader-lost', 'truncated') || evidence.brokerCrash > 0);
    return { seen: 'sound', exercised, witness: [], offset: 0, message: 0 };
  },
  explain(evidence, found) {
    const [mark, change] = found.witness;
    if (mark === undefined || change === undefined) return 'Nothing below a high watermark was cut or changed.';
    return `Message ${found.message} stood at offset ${found.offset} of ${evidence.placeOf(change)}, below the high watermark of ${evidence.at(mark)}, and was gone at ${evidence.at(change)}: ${evidence.trace.sentence(change)}`;
  },
});
