/**
 * At least once: every message that its producer was told is stored has, in the end, an effect with each group that reads it, or is dead-lettered, or
 * was removed by a stated policy. Judged at the end of the run: a message that is still on its way leaves it open.
 */
import { F } from '../../core/facts.ts';
import type { FactId } from '../../core/types.ts';
import { reasonOf } from './causes.ts';
import { defineCheck, type Found } from './check.ts';
import { type Evidence, type GroupId, many, witness } from './evidence.ts';
import { type Outcome, outcomes } from './outcomes.ts';
import type { Side } from './promises.ts';
import { type Troubles, troublesOf } from './troubles.ts';

interface Missing extends Found {
  readonly outcome: Outcome | null;
  readonly missing: number;
  readonly open: number;
  readonly removed: number;
  readonly owed: number;
  readonly deadLettered: number;
}

export const atLeastOnce = defineCheck<Missing>({
  claim: 'at-least-once',
  idle: 'no consumer crashed with a message in hand, no broker crashed, nothing was lost on the network, no handler failed and no lock ran out',
  find(evidence, scope) {
    const tally = outcomes(evidence, scope);
    const { missing, open, removed } = tally;
    const outcome = tally.firstMissing ?? (open > 0 ? tally.firstOpen : tally.firstRemoved);
    return {
      seen: missing > 0 ? 'broken' : open > 0 ? 'open' : removed > 0 ? 'removed' : 'sound',
      exercised: tally.owed > 0 && couldLose(troublesOf(evidence, scope)),
      witness: outcome === null ? [] : witness(outcome.confirmed, outcome.delivered, outcome.end),
      ...(tally.firstRemoved === null ? {} : { policy: tally.firstRemoved.policy }),
      ...(tally.owed > 0 ? {} : { idle: NOTHING_CONFIRMED }),
      side: sideOf(evidence, outcome),
      outcome,
      missing,
      open,
      removed,
      owed: tally.owed,
      deadLettered: tally.deadLettered,
    };
  },
  explain(evidence, found) {
    const { outcome } = found;
    if (outcome === null) {
      const { owed, deadLettered } = found;
      return deadLettered === 0
        ? `Each of the ${many(owed, 'confirmed message')} had its effect.`
        : `Of ${many(owed, 'confirmed message')}, ${owed - deadLettered} had their effect and ${deadLettered} went to a dead-letter queue.`;
    }
    const more = (n: number): string => (n > 1 ? ` ${n - 1} more like it.` : '');
    if (found.seen === 'broken') return `${lossOf(evidence, outcome)}${more(found.missing)}`;
    if (found.seen === 'open') {
      return `When the run ended, ${many(found.open, 'confirmed message')} still had no effect, the first of them message ${outcome.message}${where(evidence, outcome.group)}: give the run more time after the last message.`;
    }
    return `Message ${outcome.message} had no effect: ${removal(evidence, outcome.end)}.${more(found.removed)}`;
  },
});

/** Both delivery guarantees are about what was confirmed. */
export const NOTHING_CONFIRMED = 'of what somebody reads, no message was confirmed to its producer';

/** Whether anything happened that could make a confirmed message vanish without its effect. */
export function couldLose(troubles: Troubles): boolean {
  return (
    troubles.crashHolding > 0 ||
    troubles.brokerCrash > 0 ||
    troubles.lost('request', 'reply', 'delivery', 'ack', 'effect', 'effect-reply', 'replication') ||
    troubles.any(
      'lock-expired',
      'nacked',
      'requeued',
      'failed',
      'revoked',
      'lost',
      'truncated',
      'expired',
      'evicted',
      'unroutable',
      'skipped',
      'dead-lettered',
    )
  );
}

/** What the broker lost is a matter of storage; all else was let go by a consumer. */
export function sideOf(evidence: Evidence, outcome: Outcome | null): Side {
  const kind = outcome === null || outcome.end === 0 ? F.lost : evidence.trace.kind(outcome.end);
  return kind === F.lost ? 'sending' : 'consuming';
}

/** Why a confirmed message has no effect. */
export function lossOf(evidence: Evidence, outcome: Outcome): string {
  const { message, end, confirmed, group } = outcome;
  const begin = `Message ${message} was confirmed at ${evidence.at(confirmed)} and never had its effect${where(evidence, group)}`;
  if (end === 0) return `${begin}: nothing more is known of it.`;
  const { trace } = evidence;
  const when = evidence.at(end);
  switch (trace.kind(end)) {
    case F.lost:
      return `${begin}: ${evidence.placeOf(end) || evidence.actorOf(end)} lost it at ${when} (${reasonOf(evidence, end)}).`;
    case F.crashed:
      return `${begin}: ${evidence.actorOf(end)} crashed at ${when}, when the message was settled and not yet processed.`;
    case F.committed:
      return `${begin}: the offset was committed past it at ${when}.`;
    case F.sent:
      return `${begin}: it was lost on the way to ${evidence.peerOf(end)} at ${when}, when the broker had settled it.`;
    case F.failed:
    case F.skipped:
      return `${begin}: ${evidence.actorOf(end)} let it go at ${when} (${reasonOf(evidence, end)}).`;
    default:
      return `${begin}: at ${when} ${lower(trace.sentence(end))}`;
  }
}

export function removal(evidence: Evidence, end: FactId): string {
  return end === 0
    ? 'a policy removed it'
    : `${lower(evidence.trace.sentence(end)).replace(/\.$/, '')} at ${evidence.at(end)}`;
}

export function where(evidence: Evidence, group: GroupId): string {
  return group === 0 ? '' : ` with ${evidence.groupName(group)}`;
}

/** The sentence of a fact, to go on with after a colon: names of actors stay as they are. */
function lower(sentence: string): string {
  return sentence.startsWith('Message ') || sentence.startsWith('The ')
    ? sentence.slice(0, 1).toLowerCase() + sentence.slice(1)
    : sentence;
}
