/**
 * Exactly once, judged where it can be judged: on effects. Per group each confirmed message changes the state once in the end; deliveries may be
 * more, and are counted beside it. A message in a dead-letter queue is set aside and waits for a decision: it is told, not held against the claim.
 */
import type { FactId, MessageId } from '../../core/types.ts';
import { couldLose, lossOf, NOTHING_CONFIRMED, removal, sideOf, where } from './at-least-once.ts';
import { couldRepeat } from './at-most-once.ts';
import { whyAgain } from './causes.ts';
import { defineCheck, type Found } from './check.ts';
import { inScope, many, witness } from './evidence.ts';
import { type Outcome, outcomes, type Tally } from './outcomes.ts';
import { troublesOf } from './troubles.ts';

interface Doubled extends Found {
  readonly message: MessageId;
  readonly first: FactId;
  readonly second: FactId;
  readonly why: string;
  readonly doubled: number;
  readonly redelivered: number;
  readonly tally: Tally;
  readonly outcome: Outcome | null;
}

export const exactlyOnceEffect = defineCheck<Doubled>({
  claim: 'exactly-once-effect',
  idle: 'no consumer crashed with a message in hand, nothing was lost on the network, nothing was sent, given back or locked a second time',
  find(evidence, scope) {
    let message = 0;
    let first = 0;
    let second = 0;
    let doubled = 0;
    let redelivered = 0;
    for (const [group, ledger] of evidence.ledgers) {
      if (!inScope(evidence, group, scope)) continue;
      for (let m = 1; m < ledger.secondChange.length; m++) {
        if ((ledger.secondDelivered[m] as number) > 0) redelivered++;
        const again = ledger.secondChange[m] as number;
        if (again === 0) continue;
        doubled++;
        if (second > 0 && second < again) continue;
        message = m;
        first = ledger.change[m] as number;
        second = again;
      }
    }
    const tally = outcomes(evidence, scope);
    const base = { message, first, second, doubled, redelivered, tally };
    const troubles = troublesOf(evidence, scope);
    const exercised = (tally.owed > 0 || redelivered > 0) && (couldRepeat(troubles) || couldLose(troubles));
    if (second > 0) {
      const because = whyAgain(
        evidence,
        message,
        evidence.workerOf(first),
        deliveredBefore(evidence.ledgers, message, first),
        second,
      );
      return {
        ...base,
        seen: 'broken',
        side: 'effect',
        exercised,
        witness: witness(first, because.fact, second),
        why: because.words,
        outcome: null,
      };
    }
    const outcome = tally.firstMissing ?? tally.firstOpen ?? tally.firstRemoved;
    return {
      ...base,
      seen: tally.missing > 0 ? 'broken' : tally.open > 0 ? 'open' : tally.removed > 0 ? 'removed' : 'sound',
      exercised,
      witness: outcome === null ? [] : witness(outcome.confirmed, outcome.delivered, outcome.end),
      ...(tally.firstRemoved === null ? {} : { policy: tally.firstRemoved.policy }),
      ...(tally.owed > 0 ? {} : { idle: NOTHING_CONFIRMED }),
      side: sideOf(evidence, outcome),
      why: '',
      outcome,
    };
  },
  explain(evidence, found) {
    const { trace } = evidence;
    const { tally, outcome } = found;
    if (found.second > 0) {
      const more =
        found.doubled > 1 ? ` ${many(found.doubled - 1, 'other message')} changed the state more than once too.` : '';
      const one = trace.actorName(evidence.workerOf(found.first));
      const two = trace.actorName(evidence.workerOf(found.second));
      return `Message ${found.message} was written twice: ${one} applied it at ${evidence.at(found.first)} and ${two === one ? 'again' : two} at ${evidence.at(found.second)}${found.why}.${more}`;
    }
    if (outcome === null) {
      if (tally.owed === 0)
        return `No message changed the state twice, although ${many(found.redelivered, 'message')} came more than once; none was confirmed, so none was owed.`;
      const again = found.redelivered > 0 ? `, although ${many(found.redelivered, 'message')} came more than once` : '';
      const dead = tally.deadLettered > 0 ? `; ${tally.deadLettered} went to a dead-letter queue instead` : '';
      return `Each of the ${many(tally.owed - tally.deadLettered, 'confirmed message')} changed the state once${again}${dead}.`;
    }
    if (found.seen === 'broken') return lossOf(evidence, outcome);
    if (found.seen === 'open') {
      return `None was written twice so far, but when the run ended ${many(tally.open, 'confirmed message')} had no effect yet, the first of them message ${outcome.message}${where(evidence, outcome.group)}.`;
    }
    return `Message ${outcome.message} had no effect: ${removal(evidence, outcome.end)}.`;
  },
});

/** Where the story of a message begins: its first delivery to the group that wrote it, which may lie before the first write by another worker. */
function deliveredBefore(
  ledgers: ReadonlyMap<number, { readonly firstDelivered: Uint32Array; readonly change: Uint32Array }>,
  message: MessageId,
  first: FactId,
): FactId {
  for (const ledger of ledgers.values()) {
    if (ledger.change[message] !== first) continue;
    const delivered = ledger.firstDelivered[message] as number;
    return delivered > 0 ? Math.min(delivered, first) : first;
  }
  return first;
}
