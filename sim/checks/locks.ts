/**
 * Locks, as leases: who may work on a message, until when, and what an ack is worth after that. Two copies of one message in a queue (its producer
 * sent it twice) may rightly be locked by two consumers: such messages are left out here.
 */
import { F, R } from '../../core/facts.ts';
import type { ActorId, FactId, MessageId, Micros, PlaceId } from '../../core/types.ts';
import type { Trace } from '../trace.ts';
import { defineCheck, type Found } from './check.ts';
import { type Evidence, type GroupId, inScope, isMeant, many, oneMore, seconds, witness } from './evidence.ts';
import { troublesOf } from './troubles.ts';

/** A lock's length is recorded in whole milliseconds. */
const ROUNDING_US: Micros = 1000;

/** The state of locks in one queue, or of one share group in one partition; arrays by message. */
interface Locks {
  /** The delivery that holds the lock; 0 for none. */
  readonly holder: Uint32Array;
  /** When the lock ends by the clock of the node that granted it. */
  readonly until: Float64Array;
  /** How often the message stands there now; all share groups of a partition see the same. */
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

interface Walked {
  /** The facts of the first breach; empty when there was none. */
  readonly breach: readonly FactId[];
  /** By kind: how many facts the walk met. Those of places that it does not look at are not among them. */
  readonly met: Uint32Array;
}

/**
 * Walks the locks of every queue within the scope, and of every share group in each partition that it reads. Whoever owns a partition as a
 * whole has no locks: other consumers of logs are passed by.
 */
function walk(evidence: Evidence, scope: string, watch: Watch): Walked {
  const { trace } = evidence;
  const met = new Uint32Array(256);
  const queues = trace.places.map(({ id, kind }) => kind === 'queue' && inScope(evidence, id, scope));
  const partitions = trace.places.map(({ kind }) => kind === 'partition' && evidence.hasShareGroups);
  const byPlace = new Map<PlaceId, Locks>();
  const shares = new Shares(evidence, scope);
  for (let id = 1; id <= trace.count; id++) {
    const kind = trace.kind(id);
    if (!TOUCHES[kind]) continue;
    const place = trace.place(id);
    let locks: Locks | undefined;
    if (queues[place] === true) {
      locks = byPlace.get(place);
      if (locks === undefined) {
        locks = freeLocks(evidence, evidence.perCopy());
        byPlace.set(place, locks);
      }
    } else if (partitions[place] !== true) continue;
    const message = trace.messageOf(id);
    if (locks === undefined) {
      if (!OF_ONE_GROUP[kind] || trace.peer(id) === 0) {
        shares.ofAll(place, message, id);
        continue;
      }
      const found = shares.of(place, trace.peer(id));
      if (found === null) continue;
      locks = found;
    }
    met[kind] = (met[kind] as number) + 1;
    let breach: readonly FactId[] | null | undefined = null;
    switch (kind) {
      case F.appended:
        oneMore(locks.copies, message);
        locks.endedAttempt[message] = 0;
        break;
      case F.delivered:
        if ((locks.copies[message] as number) <= 1) breach = watch.delivered?.(locks, message, id);
        locks.holder[message] = id;
        locks.until[message] = endOfLock(evidence, id);
        break;
      case F.extended:
        locks.until[message] = endOfLock(evidence, id);
        break;
      case F.acked:
        if ((locks.copies[message] as number) <= 1) breach = watch.acked?.(locks, message, id);
        locks.holder[message] = 0;
        // Where there were several at a time, nobody can tell whose lock it was that ended. What is acked in a log stays in it.
        if (locks.copies[message] === 1 && queues[place] === true) locks.copies[message] = 0;
        break;
      case F['ack-refused']:
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
    if (breach !== null && breach !== undefined) return { breach, met };
  }
  return { breach: [], met };
}

/** By the clock of the node that grants or extends it: its length is recorded as that clock has it. */
function endOfLock({ trace, clocks }: Evidence, granted: FactId): Micros {
  return clocks.read(trace.actor(granted), trace.time(granted)) + trace.value(granted) * 1000;
}

/** Whether a lock had not ended at a fact, by the clock of the node that granted it. */
function isBeforeEnd({ trace, clocks }: Evidence, locks: Locks, message: MessageId, at: FactId): boolean {
  const holder = locks.holder[message] as number;
  if (holder === 0 || trace.value(holder) === 0) return false;
  return clocks.read(trace.actor(holder), trace.time(at)) + ROUNDING_US < (locks.until[message] as number);
}

function freeLocks(evidence: Evidence, copies: Uint8Array): Locks {
  return {
    holder: evidence.perMessage(),
    until: new Float64Array(copies.length),
    copies,
    endedAttempt: evidence.perMessage(),
    endedBy: evidence.perMessage(),
  };
}

/** The locks of share groups, by partition and group. */
class Shares {
  readonly #evidence: Evidence;
  readonly #scope: string;
  readonly #byPlace = new Map<PlaceId, { readonly copies: Uint8Array; readonly byGroup: Map<GroupId, Locks | null> }>();

  constructor(evidence: Evidence, scope: string) {
    this.#evidence = evidence;
    this.#scope = scope;
  }

  /** The locks that this consumer's group has in the partition; null when it is no share group, or not within the scope. */
  of(place: PlaceId, consumer: ActorId): Locks | null {
    const evidence = this.#evidence;
    const group = evidence.groupOf(consumer);
    const { copies, byGroup } = this.#at(place);
    let locks = byGroup.get(group);
    if (locks === undefined) {
      const meant = inScope(evidence, place, this.#scope) || inScope(evidence, group, this.#scope);
      locks = meant && evidence.sharesPartitions(group) ? freeLocks(evidence, copies) : null;
      byGroup.set(group, locks);
    }
    return locks;
  }

  /** What is told of a partition without saying of whom: a message stored, lost, or free again because its leader moved. */
  ofAll(place: PlaceId, message: MessageId, id: FactId): void {
    const { trace } = this.#evidence;
    const { copies, byGroup } = this.#at(place);
    const kind = trace.kind(id);
    if (kind === F.appended) {
      if (trace.detail(id) !== COPY_OF_A_FOLLOWER) oneMore(copies, message);
      return;
    }
    // What was given back, or whose lock ended, was told before this together with whose it was.
    if (kind === F.requeued && trace.detail(id) !== R['leader moved']) return;
    for (const locks of byGroup.values()) if (locks !== null) locks.holder[message] = 0;
  }

  #at(place: PlaceId): { readonly copies: Uint8Array; readonly byGroup: Map<GroupId, Locks | null> } {
    let known = this.#byPlace.get(place);
    if (known === undefined) {
      known = { copies: this.#evidence.perCopy(), byGroup: new Map() };
      this.#byPlace.set(place, known);
    }
    return known;
  }
}

/** In `detail` of `appended`: a follower's copy of what its leader stored. */
const COPY_OF_A_FOLLOWER = 2;

const tableOf = (...kinds: readonly number[]): readonly boolean[] =>
  Array.from({ length: 256 }, (_, kind) => kinds.includes(kind));

const TOUCHES = tableOf(
  F.appended,
  F.delivered,
  F.extended,
  F.acked,
  F.nacked,
  F['ack-refused'],
  F['lock-expired'],
  F.requeued,
  F.expired,
  F.evicted,
  F.lost,
);
/** In a partition these are about one share group, that of their peer, where they name one. */
const OF_ONE_GROUP = tableOf(
  F.delivered,
  F.extended,
  F.acked,
  F.nacked,
  F['ack-refused'],
  F['lock-expired'],
  F.requeued,
);

/** Whether the walk met a fact of any of these kinds. */
function metAny({ met }: Walked, ...kinds: readonly number[]): boolean {
  return kinds.some((kind) => (met[kind] as number) > 0);
}

/** Whether a fact extends the lock that a delivery granted. */
function isExtension(trace: Trace, id: FactId, granted: FactId): boolean {
  return (
    trace.kind(id) === F.extended &&
    trace.messageOf(id) === trace.messageOf(granted) &&
    trace.place(id) === trace.place(granted) &&
    trace.peer(id) === trace.peer(granted)
  );
}

/** On the broker's clock, two locks on one message never overlap. */
export const lockExclusivity = defineCheck<Found>({
  claim: 'lock-exclusivity',
  idle: 'no lock ran out and nothing was handed out a second time',
  find(evidence, scope) {
    const walked = walk(evidence, scope, {
      delivered(locks, message, id) {
        return isBeforeEnd(evidence, locks, message, id) ? [locks.holder[message] as number, id] : null;
      },
    });
    const broken = walked.breach.length > 0;
    return {
      seen: broken ? 'broken' : 'sound',
      exercised: broken || metAny(walked, F['lock-expired'], F.extended, F.nacked, F.requeued),
      witness: walked.breach,
    };
  },
  explain(evidence, { witness: [first, second] }) {
    if (first === undefined || second === undefined) return 'No message was locked for two consumers at the same time.';
    const { trace } = evidence;
    let last = second - 1;
    while (last > first && !isExtension(trace, last, first)) last--;
    const granter = trace.actor(last);
    const ends = seconds(evidence.clocks.when(granter, endOfLock(evidence, last)));
    return `Message ${trace.messageOf(second)} was handed to ${evidence.peerOf(second)} at ${evidence.at(second)}, while the lock of ${evidence.peerOf(first)}, granted at ${evidence.at(first)}, ran until ${ends}.`;
  },
});

/** The next delivery comes only after the lock ended, the message was given back, or its holder was declared gone. */
export const noEarlyRedelivery = defineCheck<Found>({
  claim: 'no-early-redelivery',
  idle: 'nothing was handed out a second time',
  find(evidence, scope) {
    const walked = walk(evidence, scope, {
      delivered(locks, message, id) {
        const holder = locks.holder[message] as number;
        return holder > 0 ? [holder, id] : null;
      },
      expired(locks, message, id) {
        return isBeforeEnd(evidence, locks, message, id) ? [locks.holder[message] as number, id] : null;
      },
    });
    const broken = walked.breach.length > 0;
    return {
      seen: broken ? 'broken' : 'sound',
      exercised: broken || metAny(walked, F['lock-expired'], F.nacked, F.requeued),
      witness: walked.breach,
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

interface Fenced extends Found {
  /** Acks that came too late and changed nothing. */
  readonly refused: number;
}

/** An ack whose lock has ended changes nothing, where the broker promises so. */
export const staleAckFencing = defineCheck<Fenced>({
  claim: 'stale-ack-fencing',
  idle: 'no consumer acked a message after its lock had ended',
  find(evidence, scope) {
    const { trace } = evidence;
    const walked = walk(evidence, scope, {
      acked(locks, message, id) {
        const ended = locks.endedAttempt[message] as number;
        if (ended === 0) return null;
        // Where an ack names no attempt, it counts as the present one, and tells only by whom it is.
        const holder = locks.holder[message] as number;
        const isAnothers = holder > 0 && trace.peer(holder) !== trace.peer(id);
        return isAnothers || trace.detail(id) <= ended ? [locks.endedBy[message] as number, id] : null;
      },
    });
    const broken = walked.breach.length > 0;
    const refused = walked.met[F['ack-refused']] as number;
    return { seen: broken ? 'broken' : 'sound', exercised: broken || refused > 0, witness: walked.breach, refused };
  },
  explain(evidence, { witness: [ended, acked], refused }) {
    if (ended === undefined || acked === undefined) {
      return `Acks that came after their lock had ended changed nothing (${many(refused, 'ack')} refused).`;
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
  find(evidence, scope) {
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
          const isAlone =
            before === 0 || trace.actor(before) === consumer || (died[trace.actor(before)] ?? 0) >= before;
          if (!isAlone && isMeant(evidence, id, scope)) {
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
      exercised: messages > 0 || troublesOf(evidence, scope).any('lock-expired', 'revoked', 'connection-lost'),
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
