/** What brokers keep: nothing is handed out that nobody made, and nothing that was confirmed is lost. */
import { F } from '../../core/facts.ts';
import type { FactId } from '../../core/types.ts';
import { couldLose } from './at-least-once.ts';
import { couldRepeat } from './at-most-once.ts';
import { reasonOf } from './causes.ts';
import { defineCheck, type Found } from './check.ts';
import { type Evidence, isKeptFor, isMeant, many, witness } from './evidence.ts';
import { troublesOf } from './troubles.ts';

/** Every delivery has an earlier production of that message. */
export const noFabrication = defineCheck<Found>({
  claim: 'no-fabrication',
  idle: 'nothing was sent twice, given back, lost or crashed, so no broker had a reason to invent anything',
  find(evidence, scope) {
    const { trace } = evidence;
    const troubles = troublesOf(evidence, scope);
    const exercised = troubles.any('delivered') && (couldRepeat(troubles) || couldLose(troubles));
    const produced = new Uint8Array(trace.messageCount + 1);
    for (let id = 1; id <= trace.count; id++) {
      const kind = trace.kind(id);
      if (kind === F.produced) produced[trace.messageOf(id)] = 1;
      else if (kind === F.delivered && produced[trace.messageOf(id)] !== 1 && isMeant(evidence, id, scope)) {
        return { seen: 'broken', exercised: true, witness: [id] };
      }
    }
    return { seen: 'sound', exercised, witness: [] };
  },
  explain(evidence, { witness: [fact] }) {
    if (fact === undefined) return 'Everything that was handed out had been made by a producer.';
    return `${evidence.placeOf(fact)} handed out message ${evidence.trace.messageOf(fact)} at ${evidence.at(fact)}, and no producer had made it.`;
  },
});

interface LostAfterYes extends Found {
  readonly lost: FactId;
  readonly messages: number;
}

/** From the moment a producer is told yes, the message is somewhere until it is done, dead-lettered or removed by a policy. */
export const confirmedDurable = defineCheck<LostAfterYes>({
  claim: 'confirmed-durable',
  idle: 'no broker crashed, no leader changed and no log was cut',
  find(evidence, scope) {
    const { trace, confirmed } = evidence;
    const troubles = troublesOf(evidence, scope);
    const exercised =
      evidence.any('confirmed') &&
      (troubles.brokerCrash > 0 ||
        troubles.any('lost', 'truncated', 'leader-lost', 'expired', 'evicted', 'log-start-moved'));
    const gone = confirmedAndLost(evidence).filter((id) => isKeptFor(evidence, trace.place(id), scope));
    if (gone.length > 0) {
      const lost = gone[0] as FactId;
      const cause = culprit(evidence, lost);
      return {
        seen: 'broken',
        exercised,
        witness: witness(confirmed[trace.messageOf(lost)] as number, cause, lost),
        lost,
        messages: gone.length,
      };
    }
    return { seen: 'sound', exercised, witness: [], lost: 0, messages: 0 };
  },
  explain(evidence, found) {
    if (found.lost === 0) return 'No message was lost after its producer had been told that it is stored.';
    const { trace } = evidence;
    const message = trace.messageOf(found.lost);
    const told = evidence.at(evidence.confirmed[message] as number);
    const more = found.messages > 1 ? ` ${many(found.messages - 1, 'other confirmed message')} went the same way.` : '';
    return `Message ${message} was confirmed at ${told}, and ${evidence.placeOf(found.lost) || evidence.actorOf(found.lost)} lost it at ${evidence.at(found.lost)} (${reasonOf(evidence, found.lost)}).${more}`;
  },
});

/** Facts `lost` of confirmed messages of which nothing is left in that place and which were not stored there again. */
export function confirmedAndLost(evidence: Evidence): readonly FactId[] {
  const { trace, confirmed } = evidence;
  const gone: FactId[] = [];
  if (!evidence.any('lost')) return gone;
  // By message and place: that it is stored there later on.
  const storedAgain = new Set<number>();
  const at = (id: FactId): number => trace.messageOf(id) * trace.places.length + trace.place(id);
  // Published again when nobody wanted it any more, and confirmed as such.
  const unwanted = evidence.perMessage();
  for (let id = trace.count; id >= 1; id--) {
    const kind = trace.kind(id);
    if (kind === F.appended) {
      if (trace.detail(id) !== 2) storedAgain.add(at(id));
    } else if (kind === F.unroutable) unwanted[trace.messageOf(id)] = id;
    else if (kind === F.lost) {
      const message = trace.messageOf(id);
      const after = unwanted[message] as number;
      const isAnother = after > 0 && trace.kind(trace.cause(after) || after) !== F.lost;
      if (isAnother && after < (confirmed[message] as number)) continue;
      if (confirmed[message] === 0 || storedAgain.has(at(id))) continue;
      const fate = evidence.queues.byPlace.get(trace.place(id));
      if (fate !== undefined && (fate.ready[message] as number) + (fate.inFlight[message] as number) > 0) continue;
      gone.push(id);
    }
  }
  return gone.reverse();
}

/** The crash, cut or election that a loss follows from. */
function culprit(evidence: Evidence, lost: FactId): FactId {
  const { trace } = evidence;
  for (let id = lost - 1; id >= 1 && id > lost - 5000; id--) {
    const kind = trace.kind(id);
    if (kind === F.truncated && trace.place(id) === trace.place(lost)) return id;
    if (kind === F.crashed && trace.actor(id) === trace.actor(lost)) return id;
  }
  return 0;
}
