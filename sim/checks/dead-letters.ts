/** Limits of delivery and dead letters: the limit is kept, and what is dead-lettered was due, is not also done, and arrives. */
import { deliveryLimitOf, featuresOf } from '../../core/brokers/rabbitmq-options.ts';
import { F, R } from '../../core/facts.ts';
import { numberOf, tableOf, textOf } from '../../core/options.ts';
import type { FactId, MessageId, PlaceId } from '../../core/types.ts';
import { defineCheck, type Found } from './check.ts';
import { type Evidence, many, witness } from './evidence.ts';
import { END, isQueue } from './queue-fates.ts';

interface Limit {
  readonly most: number;
  /** `deliveries` counts each handing-out (SQS S9); `returns` counts what was nacked back (RabbitMQ quorum queues). */
  readonly counts: 'deliveries' | 'returns';
  readonly words: string;
}

interface PastLimit extends Found {
  readonly limit: Limit | null;
}

/** No message is handed out more often than the limit says. */
export const deliveryBound = defineCheck<PastLimit>({
  claim: 'delivery-bound',
  idle: 'no message came to its limit of deliveries',
  find(evidence) {
    const { trace } = evidence;
    const limits = new Map<PlaceId, Limit>();
    for (const place of trace.places) {
      const limit = limitOf(evidence, place.id);
      if (limit !== null) limits.set(place.id, limit);
    }
    if (limits.size === 0) return { seen: 'sound', exercised: false, witness: [], limit: null };
    // What each message may still have: a producer that retries may store it twice, and each copy has the whole limit.
    const allowances = new Map<PlaceId, Float64Array>();
    for (let id = 1; id <= trace.count; id++) {
      const kind = trace.kind(id);
      if (kind !== F.delivered && kind !== F.requeued && kind !== F.appended) continue;
      const place = trace.place(id);
      const limit = limits.get(place);
      if (limit === undefined) continue;
      let left = allowances.get(place);
      if (left === undefined) {
        left = new Float64Array(trace.messageCount + 1);
        allowances.set(place, left);
      }
      const message = trace.messageOf(id);
      if (kind === F.appended) left[message] = (left[message] as number) + limit.most;
      else if (
        limit.counts === 'deliveries' ? kind === F.delivered : kind === F.requeued && trace.detail(id) === R.nacked
      ) {
        left[message] = (left[message] as number) - 1;
        if ((left[message] as number) < 0) return { seen: 'broken', exercised: true, witness: [id], limit };
      }
    }
    return { seen: 'sound', exercised: evidence.any('dead-lettered', 'evicted'), witness: [], limit: null };
  },
  explain(evidence, { witness: [fact], limit }) {
    if (fact === undefined || limit === null) return 'No message was handed out more often than its limit allows.';
    return `Message ${evidence.trace.messageOf(fact)} went past the limit of ${evidence.placeOf(fact)} (${limit.words}) at ${evidence.at(fact)}: ${evidence.trace.sentence(fact)}`;
  },
});

interface WrongDeath extends Found {
  readonly what: 'early' | 'also done' | 'never arrived' | 'none';
  readonly message: MessageId;
  readonly dead: number;
}

/** A message is dead-lettered exactly when the rule says so, is not also acked, and reaches the dead-letter queue. */
export const deadLetterExactness = defineCheck<WrongDeath>({
  claim: 'dead-letter-exactness',
  idle: 'nothing was dead-lettered',
  find(evidence) {
    const { trace, queues } = evidence;
    const dead = evidence.count('dead-lettered');
    const delivered = new Map<PlaceId, Uint16Array>();
    const due = evidence.perMessage();
    let broken: WrongDeath | null = null;
    const say = (what: WrongDeath['what'], message: MessageId, ...ids: readonly FactId[]): void => {
      broken ??= { seen: 'broken', exercised: true, witness: witness(...ids), what, message, dead };
    };
    for (let id = 1; id <= trace.count && broken === null; id++) {
      switch (trace.kind(id)) {
        case F.delivered: {
          const place = trace.place(id);
          if (!isQueue(trace, place)) break;
          let count = delivered.get(place);
          if (count === undefined) {
            count = new Uint16Array(trace.messageCount + 1);
            delivered.set(place, count);
          }
          count[trace.messageOf(id)] = (count[trace.messageOf(id)] as number) + 1;
          break;
        }
        case F['dead-lettered']: {
          const message = trace.messageOf(id);
          // On its way to a queue of another broker it may be for long: it is tried again until the topic gives up.
          if (trace.peer(id) === 0) due[message] = id;
          const source = queues.sourceOf(id);
          const limit = limitOf(evidence, source);
          const times = delivered.get(source)?.[message] ?? 0;
          if (trace.detail(id) === R['too many deliveries'] && limit?.counts === 'deliveries' && times < limit.most)
            say('early', message, id);
          const ends = queues.byPlace.get(source)?.ends[message] ?? 0;
          const copies = queues.byPlace.get(source)?.copies[message] ?? 0;
          if (ends & END.acked && ends & END.deadLettered && copies === 1) say('also done', message, id);
          break;
        }
        case F['gave-up']:
          if (trace.place(id) !== 0 && trace.kind(trace.cause(id) || id) === F['dead-lettered'])
            due[trace.messageOf(id)] = id;
          break;
        case F.appended:
        case F.evicted:
        case F.lost:
        case F.expired:
        case F.unroutable:
          due[trace.messageOf(id)] = 0;
          break;
      }
    }
    if (broken !== null) return broken;
    for (let m = 1; m < due.length; m++) {
      const id = due[m] as number;
      if (id > 0 && trace.time(id) < trace.endedAtUs) say('never arrived', m, id);
    }
    return broken ?? { seen: 'sound', exercised: dead > 0, witness: [], what: 'none', message: 0, dead };
  },
  explain(evidence, found) {
    const [fact] = found.witness;
    if (fact === undefined)
      return `${many(found.dead, 'time')} a message was dead-lettered, each as its rule says, and it arrived where it should.`;
    switch (found.what) {
      case 'early':
        return `Message ${found.message} was dead-lettered at ${evidence.at(fact)} for too many deliveries, before it had had as many as the limit allows.`;
      case 'also done':
        return `Message ${found.message} was dead-lettered at ${evidence.at(fact)} although it was acked as well.`;
      default:
        return `Message ${found.message} was dead-lettered at ${evidence.at(fact)} and never arrived in ${evidence.placeOf(fact)}.`;
    }
  },
});

function limitOf(evidence: Evidence, place: PlaceId): Limit | null {
  const name = evidence.trace.placeName(place);
  const queue = evidence.scenario.queues[name];
  if (queue === undefined) return null;
  const redrive = tableOf(queue.options, 'RedrivePolicy');
  if (redrive !== undefined) {
    const most = numberOf(redrive, 'maxReceiveCount', 10);
    return { most, counts: 'deliveries', words: `maxReceiveCount: ${most}` };
  }
  if (textOf(queue.options, 'x-queue-type') !== 'quorum') return null;
  const features = featuresOf(textOf(evidence.scenario.brokers[queue.broker]?.options ?? {}, 'version', '4.2'));
  const most = deliveryLimitOf(queue.options, features);
  // From 4.3 a nack is no failed delivery (R63), so how often a message comes is not bounded.
  return most === null || !features.countsNacks
    ? null
    : { most, counts: 'returns', words: `x-delivery-limit: ${most}` };
}
