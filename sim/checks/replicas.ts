/** Replicated logs: one leader an epoch, and nothing below the high watermark changes while elections are clean. */
import { F } from '../../core/facts.ts';
import type { ActorId, FactId, MessageId, PlaceId } from '../../core/types.ts';
import { defineCheck, type Found } from './check.ts';
import { type Evidence, inScope, witness } from './evidence.ts';

interface Led extends Found {
  /** The unclean election by which the high watermark fell; 0 when it fell without one, or not at all. */
  readonly unclean: FactId;
}

/** In `detail` of `elected`. */
const UNCLEAN = 1;

/** At most one leader per partition and epoch; the high watermark falls only by an unclean election. */
export const singleLeader = defineCheck<Led>({
  claim: 'single-leader',
  idle: 'no partition changed its leader',
  find(evidence, scope) {
    const { trace } = evidence;
    const leaders = new Map<PlaceId, FactId>();
    /** By place, then by epoch: the first election. */
    const epochs = new Map<PlaceId, Map<number, FactId>>();
    const marks = new Map<PlaceId, FactId>();
    /** By place: the first unclean election since its mark was set. */
    const unclean = new Map<PlaceId, FactId>();
    let changed = false;
    let fell: Led | null = null;
    for (let id = 1; id <= trace.count; id++) {
      const kind = trace.kind(id);
      if (kind !== F.elected && kind !== F['watermark-moved']) continue;
      const place = trace.place(id);
      if (!inScope(evidence, place, scope)) continue;
      const leader = leaders.get(place) ?? 0;
      if (kind === F.elected) {
        const elections = epochs.get(place) ?? new Map<number, FactId>();
        epochs.set(place, elections);
        const rival = elections.get(trace.value(id));
        if (rival === undefined) elections.set(trace.value(id), id);
        else if (trace.peer(rival) !== trace.peer(id))
          return { seen: 'broken', exercised: true, witness: [rival, id], unclean: 0 };
        if (leader > 0) changed = true;
        leaders.set(place, id);
        if (trace.detail(id) === UNCLEAN && !unclean.has(place)) unclean.set(place, id);
        continue;
      }
      // A leader that has not heard of its end moves a mark that nobody goes by any more.
      if (leader > 0 && trace.peer(leader) !== trace.actor(id)) continue;
      const before = marks.get(place) ?? 0;
      const election = unclean.get(place) ?? 0;
      if (before > 0 && trace.value(id) < trace.value(before)) {
        if (election === 0) return { seen: 'broken', exercised: true, witness: [before, id], unclean: 0 };
        fell ??= {
          seen: 'removed',
          exercised: true,
          witness: witness(before, election, id),
          policy: 'unclean.leader.election.enable: true',
          unclean: election,
        };
      }
      marks.set(place, id);
      unclean.delete(place);
    }
    return fell ?? { seen: 'sound', exercised: changed || evidence.any('leader-lost'), witness: [], unclean: 0 };
  },
  explain(evidence, { witness: facts, unclean }) {
    const before = facts[0];
    const after = facts[facts.length - 1];
    if (before === undefined || after === undefined)
      return 'Each partition had one leader an epoch, and its high watermark never fell.';
    const { trace } = evidence;
    if (trace.kind(after) === F.elected) {
      return `Epoch ${trace.value(after)} of ${evidence.placeOf(after)} had two leaders: ${evidence.peerOf(before)} since ${evidence.at(before)} and ${evidence.peerOf(after)} since ${evidence.at(after)}.`;
    }
    const why =
      unclean > 0 ? `, after the unclean election of ${evidence.at(unclean)}` : ', without an unclean election';
    return `The high watermark of ${evidence.placeOf(after)} fell from ${trace.value(before)} (${evidence.at(before)}) to ${trace.value(after)} at ${evidence.at(after)}${why}.`;
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

/** Partitions of Kafka with one replica: nothing is told of who is in sync. */
function partitionsAlone({ trace, scenario }: Evidence): ReadonlySet<PlaceId> {
  const alone = new Set<PlaceId>();
  for (const { id, kind, parent } of trace.places)
    if (kind === 'partition' && scenario.topics[parent] !== undefined) alone.add(id);
  for (let id = 1; id <= trace.count && alone.size > 0; id++)
    if (trace.kind(id) === F['isr-changed']) alone.delete(trace.place(id));
  return alone;
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
    // The only replica has what is committed as soon as it is written, and no mark is told of it.
    const alone = partitionsAlone(evidence);
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
        if (alone.has(place) && offset >= log.high) {
          log.high = offset + 1;
          log.mark = id;
        }
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
