/**
 * Order of one key: the first effects of the messages that one producer sent for a key come in the order of sending, within each group. A repeat of an
 * earlier message after a later one is no breach here (exactly-once-effect judges repeats). The key is the message's own, or the
 * attribute that the claim names, so that "is the order per account kept although the key is the branch?" can be asked.
 */

import { F } from '../../core/facts.ts';
import type { FactId, MessageId } from '../../core/types.ts';
import type { TracedMessage } from '../message-table.ts';
import { defineCheck, type Found } from './check.ts';
import { type Evidence, many, witness } from './evidence.ts';

interface Overtaken extends Found {
  readonly earlier: MessageId;
  readonly later: MessageId;
  readonly earlierEffect: FactId;
  readonly laterEffect: FactId;
  readonly key: string;
  readonly attribute: string;
  readonly pairs: number;
  readonly keys: number;
}

/** Of one key at one producer, with one group: the message furthest on in the order of sending that had its effect. */
interface Front {
  sequence: number;
  message: MessageId;
  effect: FactId;
}

export const keyOrder = defineCheck<Overtaken>({
  claim: 'key-order',
  idle: 'no two messages of one key were under way at the same time',
  find(evidence, scope) {
    const { trace } = evidence;
    const produced = producedFacts(evidence);
    let best: Overtaken | null = null;
    let pairs = 0;
    let exercised = false;
    const keys = new Set<string>();
    for (const ledger of evidence.ledgers.values()) {
      const order = messagesByEffect(ledger.effect);
      const fronts = new Map<string, Front>();
      for (const m of order) {
        const message = trace.message(m);
        const key = keyOf(message, scope);
        if (key === null) continue;
        keys.add(key);
        const name = `${message.producer} ${key}`;
        const effect = ledger.effect[m] as FactId;
        const front = fronts.get(name);
        if (front === undefined) {
          fronts.set(name, { sequence: message.sequence, message: m, effect });
          continue;
        }
        if (message.sequence > front.sequence) {
          if ((produced[m] as number) < front.effect) exercised = true;
          front.sequence = message.sequence;
          front.message = m;
          front.effect = effect;
          continue;
        }
        exercised = true;
        pairs++;
        if (best !== null && best.earlierEffect < effect) continue;
        best = {
          seen: 'broken',
          exercised: true,
          witness: witness(produced[m] as number, produced[front.message] as number, front.effect, effect),
          earlier: m,
          later: front.message,
          earlierEffect: effect,
          laterEffect: front.effect,
          key,
          attribute: scope,
          pairs: 0,
          keys: 0,
        };
      }
    }
    if (best !== null) return { ...best, pairs };
    return {
      seen: 'sound',
      exercised,
      witness: [],
      earlier: 0,
      later: 0,
      earlierEffect: 0,
      laterEffect: 0,
      key: '',
      attribute: scope,
      pairs: 0,
      keys: keys.size,
    };
  },
  explain(evidence, found) {
    const of = found.attribute === '' ? 'key' : found.attribute;
    if (found.seen === 'sound')
      return `For each ${of} (${many(found.keys, 'value')}), effects came in the order of sending.`;
    const { trace } = evidence;
    const later = trace.actorName(evidence.workerOf(found.laterEffect));
    const earlier = trace.actorName(evidence.workerOf(found.earlierEffect));
    const more = found.pairs > 1 ? ` ${many(found.pairs, 'message')} came too late in all.` : '';
    return `For ${of} ${found.key}, message ${found.earlier} was sent before message ${found.later} but took effect after it: ${later} applied ${found.later} at ${evidence.at(found.laterEffect)}, ${earlier} applied ${found.earlier} at ${evidence.at(found.earlierEffect)}.${more}`;
  },
});

/** The value that a claim's scope asks for: its key for '' and, unless it has an attribute of that name, `key`; null when the message has none. */
export function keyOf(message: TracedMessage, attribute: string): string | null {
  const value = message.attributes[attribute];
  if (value !== undefined) return String(value);
  return attribute === '' || attribute === 'key' ? message.key : null;
}

/** Messages that had an effect, in the order of those effects. */
function messagesByEffect(effect: Uint32Array): MessageId[] {
  const order: MessageId[] = [];
  let sorted = true;
  for (let m = 1; m < effect.length; m++) {
    if (effect[m] === 0) continue;
    const before = order[order.length - 1];
    if (before !== undefined && (effect[before] as number) > (effect[m] as number)) sorted = false;
    order.push(m);
  }
  return sorted ? order : order.sort((a, b) => (effect[a] as number) - (effect[b] as number));
}

function producedFacts(evidence: Evidence): Uint32Array {
  const { trace } = evidence;
  const produced = evidence.perMessage();
  for (let id = evidence.first('produced'); id > 0 && id <= trace.count; id++) {
    if (trace.kind(id) === F.produced) produced[trace.messageOf(id)] = id;
  }
  return produced;
}
