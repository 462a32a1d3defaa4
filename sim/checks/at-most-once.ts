/** At most once: per group, no message is handed out twice, and none has two effects. Deliveries count here, unlike in exactly-once-effect. */
import { F } from '../../core/facts.ts';
import type { FactId, MessageId } from '../../core/types.ts';
import { whyAgain } from './causes.ts';
import { defineCheck, type Found } from './check.ts';
import { type GroupId, inScope, witness } from './evidence.ts';
import { type Troubles, troublesOf } from './troubles.ts';

interface Repeat extends Found {
  readonly message: MessageId;
  readonly group: GroupId;
  readonly first: FactId;
  readonly second: FactId;
  readonly effects: boolean;
  readonly messages: number;
  readonly why: string;
}

export const atMostOnce = defineCheck<Repeat>({
  claim: 'at-most-once',
  idle: 'no consumer crashed with a message in hand, nothing was lost on the network, nothing was sent, given back or locked a second time',
  find(evidence, scope) {
    let best = { message: 0, group: 0, first: 0, second: 0, effects: false };
    let messages = 0;
    for (const [group, ledger] of evidence.ledgers) {
      if (!inScope(evidence, group, scope)) continue;
      for (let m = 1; m < ledger.firstDelivered.length; m++) {
        const change = ledger.secondChange[m] as number;
        const delivery = ledger.secondDelivered[m] as number;
        if (change === 0 && delivery === 0) continue;
        messages++;
        // Two effects tell more than two deliveries; among equals the earlier one.
        const effects = change > 0;
        const second = effects ? change : delivery;
        if (best.second > 0 && (best.effects !== effects ? best.effects : best.second < second)) continue;
        const first = (effects ? ledger.change[m] : ledger.firstDelivered[m]) as number;
        best = { message: m, group, first, second, effects };
      }
    }
    const seen = best.second > 0 ? 'broken' : 'sound';
    const { trace } = evidence;
    const worker = best.effects ? evidence.workerOf(best.first) : best.first > 0 ? trace.peer(best.first) : 0;
    const because =
      best.second > 0 ? whyAgain(evidence, best.message, worker, best.first, best.second) : { fact: 0, words: '' };
    return {
      ...best,
      seen,
      side: because.fact > 0 && trace.kind(because.fact) === F.appended ? 'sending' : 'consuming',
      messages,
      exercised: couldRepeat(troublesOf(evidence, scope)),
      witness: witness(best.first, because.fact, best.second),
      why: because.words,
    };
  },
  explain(evidence, found) {
    if (found.seen === 'sound') return 'No message was handed out twice, and none had two effects.';
    const { trace } = evidence;
    const more = found.messages > 1 ? ` ${found.messages - 1} more came twice.` : '';
    if (found.effects) {
      return `Message ${found.message} was written twice: by ${trace.actorName(evidence.workerOf(found.first))} at ${evidence.at(found.first)} and by ${trace.actorName(evidence.workerOf(found.second))} at ${evidence.at(found.second)}${found.why}.${more}`;
    }
    return `Message ${found.message} was handed out twice: to ${evidence.peerOf(found.first)} at ${evidence.at(found.first)} and to ${evidence.peerOf(found.second)} at ${evidence.at(found.second)}${found.why}.${more}`;
  },
});

/** Whether anything happened that makes brokers or clients do something again. */
export function couldRepeat(troubles: Troubles): boolean {
  return (
    troubles.crashHolding > 0 ||
    troubles.brokerCrash > 0 ||
    troubles.lost('request', 'reply', 'delivery', 'ack', 'effect', 'effect-reply') ||
    troubles.doubled('request', 'delivery', 'effect') ||
    troubles.any(
      'lock-expired',
      'nacked',
      'requeued',
      'failed',
      'retried',
      'revoked',
      'sought',
      'redriven',
      'restored',
      'deduplicated',
    )
  );
}
