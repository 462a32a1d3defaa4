/**
 * Locks, as leases: who may work on a message, until when, and what an ack is worth after that. Two copies of one message in a queue (its producer
 * sent it twice) may rightly be locked by two consumers: such messages are left out here.
 */
import { F } from '../../core/facts.ts';
import type { ActorId, FactId, Micros, PlaceId } from '../../core/types.ts';
import { defineCheck, type Found } from './check.ts';
import { type Evidence, type GroupId, many, seconds, witness } from './evidence.ts';
import { isQueue } from './queue-fates.ts';

/** A lock's length is recorded in whole milliseconds. */
const ROUNDING_US: Micros = 1000;

/** The state of locks in one queue; arrays by message. */
interface Locks {
  /** The delivery that holds the lock; 0 for none. */
  readonly holder: Uint32Array;
  readonly until: Float64Array;
  readonly copies: Uint8Array;
  /** The attempt whose lock was the last to end without an ack, and the fact that ended it. */
  readonly endedAttempt: Uint32Array;
  readonly endedBy: Uint32Array;
}

/** What a lock check is told at each delivery, ack and expiry, before the state changes. Non-empty answers are breaches. */
interface Watch {
  delivered?(locks: Locks, message: number, id: FactId): readonly FactId[] | null;
  acked?(locks: Locks, message: number, id: FactId): readonly FactId[] | null;
  expired?(locks: Locks, message: number, id: FactId): readonly FactId[] | null;
}

function walk(evidence: Evidence, watch: Watch): readonly FactId[] {
  const { trace } = evidence;
  const byPlace = new Map<PlaceId, Locks>();
  for (let id = 1; id <= trace.count; id++) {
    const kind = trace.kind(id);
    if (!TOUCHES[kind]) continue;
    const place = trace.place(id);
    if (!isQueue(trace, place)) continue;
    let locks = byPlace.get(place);
    if (locks === undefined) {
      const n = trace.messageCount + 1;
      locks = {
        holder: new Uint32Array(n),
        until: new Float64Array(n),
        copies: new Uint8Array(n),
        endedAttempt: new Uint32Array(n),
        endedBy: new Uint32Array(n),
      };
      byPlace.set(place, locks);
    }
    const message = trace.messageOf(id);
    let breach: readonly FactId[] | null | undefined = null;
    switch (kind) {
      case F.appended:
        locks.copies[message] = (locks.copies[message] as number) + 1;
        locks.endedAttempt[message] = 0;
        break;
      case F.delivered:
        if ((locks.copies[message] as number) <= 1) breach = watch.delivered?.(locks, message, id);
        locks.holder[message] = id;
        locks.until[message] = trace.time(id) + trace.value(id) * 1000;
        break;
      case F.extended:
        locks.until[message] = trace.time(id) + trace.value(id) * 1000;
        break;
      case F.acked:
        if ((locks.copies[message] as number) <= 1) breach = watch.acked?.(locks, message, id);
        locks.holder[message] = 0;
        // Where there were several at a time, nobody can tell whose lock it was that ended.
        if (locks.copies[message] === 1) locks.copies[message] = 0;
        break;
      case F['lock-expired']:
        if ((locks.copies[message] as number) <= 1) breach = watch.expired?.(locks, message, id);
        locks.endedAttempt[message] = trace.detail(id);
        locks.endedBy[message] = id;
        locks.holder[message] = 0;
        break;
      case F.requeued: {
        const holder = locks.holder[message] as number;
        if (holder > 0) {
          locks.endedAttempt[message] = trace.detail(holder);
          locks.endedBy[message] = id;
        }
        locks.holder[message] = 0;
        break;
      }
      default:
        locks.holder[message] = 0;
    }
    if (breach !== null && breach !== undefined) return breach;
  }
  return [];
}

const LOCK_FACTS: readonly number[] = [
  F.appended,
  F.delivered,
  F.extended,
  F.acked,
  F.nacked,
  F['lock-expired'],
  F.requeued,
  F.expired,
  F.evicted,
  F.lost,
];
const TOUCHES: readonly boolean[] = Array.from({ length: 256 }, (_, kind) => LOCK_FACTS.includes(kind));

/** On the broker's clock, two locks on one message never overlap. */
export const lockExclusivity = defineCheck<Found>({
  claim: 'lock-exclusivity',
  idle: 'no lock ran out and nothing was handed out a second time',
  find(evidence) {
    const { trace } = evidence;
    const breach = walk(evidence, {
      delivered(locks, message, id) {
        const holder = locks.holder[message] as number;
        return holder > 0 && trace.value(holder) > 0 && trace.time(id) + ROUNDING_US < (locks.until[message] as number)
          ? [holder, id]
          : null;
      },
    });
    return {
      seen: breach.length > 0 ? 'broken' : 'sound',
      exercised: evidence.any('lock-expired', 'extended', 'nacked', 'requeued') || breach.length > 0,
      witness: breach,
    };
  },
  explain(evidence, { witness: [first, second] }) {
    if (first === undefined || second === undefined) return 'No message was locked for two consumers at the same time.';
    const { trace } = evidence;
    const ends = seconds(trace.time(first) + trace.value(first) * 1000);
    return `Message ${trace.messageOf(second)} was handed to ${evidence.peerOf(second)} at ${evidence.at(second)}, while the lock of ${evidence.peerOf(first)}, granted at ${evidence.at(first)}, ran until ${ends}.`;
  },
});

/** The next delivery comes only after the lock ended, the message was given back, or its holder was declared gone. */
export const noEarlyRedelivery = defineCheck<Found>({
  claim: 'no-early-redelivery',
  idle: 'nothing was handed out a second time',
  find(evidence) {
    const { trace } = evidence;
    const breach = walk(evidence, {
      delivered(locks, message, id) {
        const holder = locks.holder[message] as number;
        return holder > 0 ? [holder, id] : null;
      },
      expired(locks, message, id) {
        const holder = locks.holder[message] as number;
        return holder > 0 && trace.value(holder) > 0 && trace.time(id) + ROUNDING_US < (locks.until[message] as number)
          ? [holder, id]
          : null;
      },
    });
    return {
      seen: breach.length > 0 ? 'broken' : 'sound',
      exercised: evidence.any('lock-expired', 'nacked', 'requeued') || breach.length > 0,
      witness: breach,
    };
  },
  explain(evidence, { witness: [first, second] }) {
    if (first === undefined || second === undefined) return 'Each repeat came after the delivery before it had ended.';
    const { trace } = evidence;
    const what =
      trace.kind(second) === F['lock-expired']
        ? `its lock was called over at ${evidence.at(second)}, too early`
        : `it was handed to ${evidence.peerOf(second)} at ${evidence.at(second)} without the first delivery having ended`;
    return `Message ${trace.messageOf(second)} was with ${evidence.peerOf(first)} since ${evidence.at(first)}, and ${what}.`;
  },
});

/** An ack whose lock has ended changes nothing, where the broker promises so. */
export const staleAckFencing = defineCheck<Found>({
  claim: 'stale-ack-fencing',
  idle: 'no consumer acked a message after its lock had ended',
  find(evidence) {
    const { trace } = evidence;
    const breach = walk(evidence, {
      acked(locks, message, id) {
        const ended = locks.endedAttempt[message] as number;
        return ended > 0 && trace.detail(id) <= ended ? [locks.endedBy[message] as number, id] : null;
      },
    });
    return {
      seen: breach.length > 0 ? 'broken' : 'sound',
      exercised: evidence.any('ack-refused') || breach.length > 0,
      witness: breach,
    };
  },
  explain(evidence, { witness: [ended, acked] }) {
    if (ended === undefined || acked === undefined) {
      return `Acks that came after their lock had ended changed nothing (${many(evidence.count('ack-refused'), 'ack')} refused).`;
    }
    return `${evidence.peerOf(acked)} acked message ${evidence.trace.messageOf(acked)} at ${evidence.at(acked)} and ${evidence.placeOf(acked)} removed it, although the lock of that delivery had ended at ${evidence.at(ended)}.`;
  },
});

interface Overlap extends Found {
  readonly messages: number;
}

/**
 * Two consumers of one group at work on one message at the same time: not a broken promise, since a broker's lock cannot stop a process, but
 * the finding that explains most duplicates.
 */
export const zombieOverlap = defineCheck<Overlap>({
  claim: 'zombie-overlap',
  idle: 'no lock ran out, no connection broke and no partition moved while a message was being processed',
  find(evidence) {
    const { trace } = evidence;
    const working = new Map<GroupId, Uint32Array>();
    const died: FactId[] = [];
    let first: readonly FactId[] = [];
    let messages = 0;
    const clear = (group: GroupId, message: number, consumer: ActorId): void => {
      const begun = working.get(group);
      const id = begun?.[message] ?? 0;
      if (begun !== undefined && id > 0 && trace.actor(id) === consumer) begun[message] = 0;
    };
    for (let id = 1; id <= trace.count; id++) {
      switch (trace.kind(id)) {
        case F.begun: {
          const consumer = trace.actor(id);
          const group = evidence.groupAt(trace.place(id), consumer);
          let begun = working.get(group);
          if (begun === undefined) {
            begun = evidence.perMessage();
            working.set(group, begun);
          }
          const message = trace.messageOf(id);
          const before = begun[message] as number;
          if (before > 0 && trace.actor(before) !== consumer && (died[trace.actor(before)] ?? 0) < before) {
            messages++;
            if (first.length === 0) first = [before, id];
          }
          begun[message] = id;
          break;
        }
        case F.applied:
          clear(evidence.groupOfEffect(id), trace.messageOf(id), evidence.workerOf(id));
          break;
        case F.failed:
          clear(evidence.groupAt(trace.place(id), trace.actor(id)), trace.messageOf(id), trace.actor(id));
          break;
        case F.crashed:
        case F.stopped:
          died[trace.actor(id)] = id;
          break;
      }
    }
    return {
      seen: messages > 0 ? 'broken' : 'sound',
      exercised: messages > 0 || evidence.any('lock-expired', 'revoked', 'connection-lost'),
      witness: first.length === 0 ? [] : witness(...first),
      messages,
    };
  },
  explain(evidence, found) {
    const [first, second] = found.witness;
    if (first === undefined || second === undefined) return 'No two consumers worked on one message at the same time.';
    const more = found.messages > 1 ? ` It happened ${found.messages} times.` : '';
    return `${evidence.actorOf(second)} began message ${evidence.trace.messageOf(second)} at ${evidence.at(second)} while ${evidence.actorOf(first)}, which had begun it at ${evidence.at(first)}, was still at work on it.${more}`;
  },
});
