/** Limits of delivery and dead letters: the limit is kept, and what is dead-lettered was due, is not also done, and arrives. */
import { F, R } from '../../core/facts.ts';
import type { FactId, MessageId, PlaceId } from '../../core/types.ts';
import type { Trace } from '../trace.ts';
import { defineCheck, type Found } from './check.ts';
import { type GroupId, inScope, many, oneMore, witness } from './evidence.ts';
import { type Limit, Limits } from './limits.ts';
import { END, isQueue } from './queue-fates.ts';

interface PastLimit extends Found {
  readonly limit: Limit | null;
  /** Whether it was dead-lettered twice, not handed out once too often. */
  readonly twice: boolean;
}

/** No message is handed out more often than the limit says; the try that would pass it dead-letters the message, once. */
export const deliveryBound = defineCheck<PastLimit>({
  claim: 'delivery-bound',
  idle: 'no message came to its limit of deliveries',
  find(evidence, scope) {
    const { trace, queues, hasShareGroups } = evidence;
    const limits = new Limits(evidence, scope);
    const tries = new Tries(trace);
    const graves = new Graves(trace);
    let exercised = false;
    const broken = (limit: Limit, ...ids: readonly FactId[]): PastLimit => ({
      seen: 'broken',
      exercised: true,
      witness: witness(...ids),
      limit,
      twice: ids.length > 1,
    });
    for (let id = 1; id <= trace.count; id++) {
      switch (trace.kind(id)) {
        case F.changed:
          limits.changed(id);
          break;
        case F.appended: {
          if (trace.detail(id) === BY_A_FOLLOWER) break;
          tries.stored(trace.place(id), trace.messageOf(id));
          const before = graves.stored(id);
          // Of several copies in its source each may die of the limit.
          if (before !== null && tries.copiesIn(before.source, trace.messageOf(id)) <= 1)
            return broken(before.limit, before.fact, id);
          break;
        }
        case F.restored:
          tries.stored(trace.place(id), trace.messageOf(id));
          break;
        case F.delivered: {
          const place = trace.place(id);
          const message = trace.messageOf(id);
          if (isQueue(trace, place)) {
            graves.delivered(place, message);
            const limit = limits.at(place);
            if (limits.countsDeliveries(place)) tries.use(place, place, message);
            if (limit?.counts === 'deliveries' && tries.left(limit, place, place, message) < 0)
              return broken(limit, id);
            if (limit?.counts === 'failures' && tries.left(limit, place, place, message) <= 0) return broken(limit, id);
          } else if (hasShareGroups && trace.places[place]?.kind === 'partition') {
            const group = evidence.groupOf(trace.peer(id));
            const limit = limits.ofGroup(group, place);
            if (limit === null) break;
            tries.use(group, place, message);
            if (tries.left(limit, group, place, message) < 0) return broken(limit, id);
          }
          break;
        }
        case F.received: {
          const place = trace.place(id);
          const limit = isQueue(trace, place) ? limits.ofReader(trace.actor(id), place) : null;
          if (limit === null) break;
          tries.use(place, place, trace.messageOf(id));
          if (tries.left(limit, place, place, trace.messageOf(id)) < 0) return broken(limit, id);
          break;
        }
        case F.nacked:
        case F['lock-expired']:
          if (limits.at(trace.place(id))?.counts === 'failures')
            tries.use(trace.place(id), trace.place(id), trace.messageOf(id));
          break;
        case F.requeued: {
          const place = trace.place(id);
          // What was in hand when the leader moved is free again, however often it had come by then.
          if (trace.detail(id) === R['leader moved'] && hasShareGroups) tries.giveBack(place, trace.messageOf(id));
          const limit = limits.at(place);
          if (limit?.counts !== 'returns' || trace.detail(id) !== R.nacked) break;
          tries.use(place, place, trace.messageOf(id));
          if (tries.left(limit, place, place, trace.messageOf(id)) < 0) return broken(limit, id);
          break;
        }
        case F['dead-lettered']: {
          if (trace.detail(id) !== R['too many deliveries'] || queues.isFurtherCopy(id)) break;
          const source = queues.sourceOf(id);
          const limit = limits.at(source);
          if (limit === null) break;
          exercised = true;
          const before = graves.dug(id, source, limit);
          if (before > 0 && tries.copiesIn(source, trace.messageOf(id)) <= 1) return broken(limit, before, id);
          break;
        }
        case F.evicted:
          if (trace.detail(id) === R['too many deliveries'] && limits.of(trace.place(id)) !== null) exercised = true;
          break;
      }
    }
    return { seen: 'sound', exercised, witness: [], limit: null, twice: false };
  },
  explain(evidence, { witness: [fact, second], limit, twice }) {
    if (fact === undefined || limit === null) return 'No message was handed out more often than its limit allows.';
    const { trace } = evidence;
    const message = trace.messageOf(fact);
    return twice && second !== undefined
      ? `Message ${message} was dead-lettered twice for one delivery too many (${limit.words}): ${evidence.placeOf(fact)} had it since ${evidence.at(fact)}, and got it again at ${evidence.at(second)}.`
      : `Message ${message} went past the limit of ${evidence.placeOf(fact)} (${limit.words}) at ${evidence.at(fact)}: ${trace.sentence(fact)}`;
  },
});

/** In `detail` of `appended`: a follower's copy of what its leader stored. */
const BY_A_FOLLOWER = 2;

/** How many tries each message has had with each queue or share group; each copy of it has as many as the limit says. */
class Tries {
  readonly #trace: Trace;
  readonly #had = new Map<PlaceId, Map<GroupId, Int16Array>>();
  readonly #copies = new Map<PlaceId, Uint8Array>();

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** A producer that retries may store it twice. */
  stored(place: PlaceId, message: MessageId): void {
    let copies = this.#copies.get(place);
    if (copies === undefined) {
      copies = new Uint8Array(this.#trace.messageCount + 1);
      this.#copies.set(place, copies);
    }
    oneMore(copies, message);
  }

  copiesIn(place: PlaceId, message: MessageId): number {
    return this.#copies.get(place)?.[message] ?? 0;
  }

  use(group: GroupId, place: PlaceId, message: MessageId): void {
    let groups = this.#had.get(place);
    if (groups === undefined) {
      groups = new Map();
      this.#had.set(place, groups);
    }
    let had = groups.get(group);
    if (had === undefined) {
      had = new Int16Array(this.#trace.messageCount + 1);
      groups.set(group, had);
    }
    had[message] = (had[message] as number) + 1;
  }

  /** One try more for each group that reads there. */
  giveBack(place: PlaceId, message: MessageId): void {
    for (const had of this.#had.get(place)?.values() ?? []) had[message] = (had[message] as number) - 1;
  }

  left(limit: Limit, group: GroupId, place: PlaceId, message: MessageId): number {
    const had = this.#had.get(place)?.get(group)?.[message] ?? 0;
    return limit.most * Math.max(1, this.copiesIn(place, message)) - had;
  }
}

interface Grave {
  readonly limit: Limit;
  /** The queue in which it died. */
  readonly source: PlaceId;
  /** How many dead letters are still to come. */
  due: number;
  /** The last that came. */
  fact: FactId;
}

/** Dead letters by message and the queue that they go to or come from: each brings one copy. There are few of them. */
class Graves {
  readonly #trace: Trace;
  readonly #to = new Map<number, Grave>();
  readonly #from = new Map<number, FactId>();

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** Answers the dead letter that the message had from there already, if nobody got it in between; else 0. */
  dug(id: FactId, source: PlaceId, limit: Limit): FactId {
    const message = this.#trace.messageOf(id);
    const from = this.#key(message, source);
    const before = this.#from.get(from) ?? 0;
    this.#from.set(from, id);
    const to = this.#key(message, this.#trace.place(id));
    const grave = this.#to.get(to);
    if (grave === undefined) this.#to.set(to, { limit, source, due: 1, fact: id });
    else grave.due++;
    return before;
  }

  /** Answers what lies there already, if the copy that is stored is one too many. */
  stored(id: FactId): Grave | null {
    if (this.#to.size === 0) return null;
    const grave = this.#to.get(this.#key(this.#trace.messageOf(id), this.#trace.place(id)));
    if (grave === undefined) return null;
    if (grave.due === 0) return grave;
    grave.due--;
    grave.fact = id;
    return null;
  }

  delivered(place: PlaceId, message: MessageId): void {
    if (this.#from.size > 0) this.#from.delete(this.#key(message, place));
  }

  #key(message: MessageId, place: PlaceId): number {
    return message * this.#trace.places.length + place;
  }
}

interface WrongDeath extends Found {
  readonly what: 'early' | 'also done' | 'never arrived' | 'none';
  readonly message: MessageId;
  readonly dead: number;
}

/** A message is dead-lettered exactly when the rule says so, is not also acked, and reaches the dead-letter queue. */
export const deadLetterExactness = defineCheck<WrongDeath>({
  claim: 'dead-letter-exactness',
  idle: 'nothing was dead-lettered',
  find(evidence, scope) {
    const { trace, queues, hasShareGroups } = evidence;
    const limits = new Limits(evidence, scope);
    const handed = new Map<GroupId, Uint16Array>();
    const returned = new Map<PlaceId, Uint16Array>();
    const due = evidence.perMessage();
    let dead = 0;
    let broken: WrongDeath | null = null;
    const say = (what: WrongDeath['what'], message: MessageId, ...ids: readonly FactId[]): void => {
      broken ??= { seen: 'broken', exercised: true, witness: witness(...ids), what, message, dead };
    };
    const add = (counts: Map<number, Uint16Array>, group: GroupId, message: MessageId): void => {
      let count = counts.get(group);
      if (count === undefined) {
        count = new Uint16Array(trace.messageCount + 1);
        counts.set(group, count);
      }
      count[message] = (count[message] as number) + 1;
    };
    const isEarly = (id: FactId, group: GroupId): boolean => {
      const limit = limits.of(group);
      if (limit === null || trace.detail(id) !== R['too many deliveries']) return false;
      const times = (limit.counts === 'returns' ? returned : handed).get(group)?.[trace.messageOf(id)] ?? 0;
      return times < limit.due;
    };
    for (let id = 1; id <= trace.count && broken === null; id++) {
      switch (trace.kind(id)) {
        case F.changed:
          limits.changed(id);
          break;
        case F.delivered: {
          const place = trace.place(id);
          if (isQueue(trace, place)) add(handed, place, trace.messageOf(id));
          else if (hasShareGroups && trace.places[place]?.kind === 'partition') {
            const group = evidence.groupOf(trace.peer(id));
            if (limits.ofGroup(group, place) !== null) add(handed, group, trace.messageOf(id));
          }
          break;
        }
        case F.received:
          if (isQueue(trace, trace.place(id))) limits.ofReader(trace.actor(id), trace.place(id));
          break;
        case F.requeued:
          if (limits.at(trace.place(id))?.counts === 'returns') add(returned, trace.place(id), trace.messageOf(id));
          break;
        case F['dead-lettered']: {
          const message = trace.messageOf(id);
          const source = queues.sourceOf(id);
          if (!inScope(evidence, source, scope) && !inScope(evidence, trace.place(id), scope)) break;
          dead++;
          // On its way to a queue of another broker it may be for long: it is tried again until the topic gives up.
          if (trace.peer(id) === 0) due[message] = id;
          if (isEarly(id, source)) say('early', message, id);
          const ends = queues.byPlace.get(source)?.ends[message] ?? 0;
          const copies = queues.byPlace.get(source)?.copies[message] ?? 0;
          // What a topic could not deliver never lay there: the one copy that did was brought later.
          if (trace.kind(trace.cause(id) || id) === F['gave-up']) break;
          if (ends & END.acked && ends & END.deadLettered && copies === 1) say('also done', message, id);
          break;
        }
        case F['gave-up']:
          if (trace.place(id) !== 0 && trace.kind(trace.cause(id) || id) === F['dead-lettered'])
            due[trace.messageOf(id)] = id;
          break;
        case F.evicted:
          // Who has no dead-letter queue drops or archives what came too often, by the same rule.
          if (limits.of(trace.place(id)) !== null && trace.detail(id) === R['too many deliveries']) dead++;
          if (isEarly(id, trace.place(id))) say('early', trace.messageOf(id), id);
          due[trace.messageOf(id)] = 0;
          break;
        case F.appended:
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
      return evidence.any('dead-lettered')
        ? `${many(found.dead, 'time')} a message was dead-lettered, each as its rule says, and it arrived where it should.`
        : `${many(found.dead, 'time')} a message was dropped for good because it had come too often, each time at the limit.`;
    switch (found.what) {
      case 'early':
        return `Message ${found.message} was ${evidence.trace.kind(fact) === F.evicted ? 'dropped' : 'dead-lettered'} at ${evidence.at(fact)} for too many deliveries, before it had had as many as the limit allows.`;
      case 'also done':
        return `Message ${found.message} was dead-lettered at ${evidence.at(fact)} although it was acked as well.`;
      default:
        return `Message ${found.message} was dead-lettered at ${evidence.at(fact)} and never arrived in ${evidence.placeOf(fact)}.`;
    }
  },
});
