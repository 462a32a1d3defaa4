/**
 * The anomalies of logs, under the names that Jepsen's Kafka workload gave them, read from what was appended, confirmed and received. A *poll*
 * is what one consumer received at one time. What is found per pair of polls is found within one poll too.
 */
import { F } from '../../core/facts.ts';
import type { ActorId, FactId, MessageId, PlaceId } from '../../core/types.ts';
import { defineCheck, type Found } from './check.ts';
import { type Evidence, inScope, many, witness } from './evidence.ts';
import { type LogRecord, startAt } from './log-history.ts';

/** Where a node has written a message. Two may have, when one still took itself for the leader. */
interface Standing {
  readonly node: ActorId;
  readonly offset: number;
}

/** Where a message stands that this node hands out: where it has written it itself, else where it was written last; −1 for nowhere. */
function offsetAt(own: readonly Standing[] | undefined, node: ActorId): number {
  const standing = own?.findLast((one) => one.node === node) ?? own?.at(-1);
  return standing?.offset ?? -1;
}

/** A node has cut its log back to an offset: what it had written from there on stands there no more. */
function cut(standing: Map<MessageId, Standing[]>, node: ActorId, from: number): void {
  for (const [message, own] of standing) {
    const left = own.filter((one) => one.node !== node || one.offset < from);
    if (left.length < own.length) standing.set(message, left);
  }
}

/** One offset, two values: both were seen, by a producer's confirmation or by a reader. */
export const inconsistentOffsets = defineCheck<Found>({
  claim: 'inconsistent-offsets',
  idle: 'no leader changed, and no log was cut',
  find(evidence, scope) {
    const { trace, scenario } = evidence;
    const seen = new Map<PlaceId, Map<number, FactId>>();
    const stands = new Map<PlaceId, Map<MessageId, Standing[]>>();
    // A publisher to a stream is told that it is stored, and never where.
    const streams = trace.places.map(({ kind, name }) => kind === 'partition' && scenario.queues[name] !== undefined);
    for (let id = 1; id <= trace.count; id++) {
      const kind = trace.kind(id);
      if (kind !== F.appended && kind !== F.truncated && kind !== F.confirmed && kind !== F.delivered) continue;
      const place = trace.place(id);
      if (trace.places[place]?.kind !== 'partition' || !inScope(evidence, place, scope)) continue;
      const message = trace.messageOf(id);
      const node = trace.actor(id);
      let standing = stands.get(place);
      if (standing === undefined) {
        standing = new Map();
        stands.set(place, standing);
      }
      if (kind === F.appended) {
        if (trace.detail(id) === 2) continue;
        const own = standing.get(message);
        if (own === undefined) standing.set(message, [{ node, offset: trace.value(id) }]);
        else own.push({ node, offset: trace.value(id) });
        continue;
      }
      if (kind === F.truncated) {
        cut(standing, node, trace.value(id));
        continue;
      }
      // A copy of a message that stands twice cannot be told from the other one.
      const isTold = kind === F.confirmed && streams[place] !== true;
      const offset = isTold ? trace.value(id) : offsetAt(standing.get(message), node);
      if (offset < 0) continue;
      let at = seen.get(place);
      if (at === undefined) {
        at = new Map();
        seen.set(place, at);
      }
      const before = at.get(offset) ?? 0;
      if (before > 0 && trace.messageOf(before) !== message)
        return { seen: 'broken', exercised: true, witness: [before, id] };
      if (before === 0) at.set(offset, id);
    }
    return { seen: 'sound', exercised: seen.size > 0 && evidence.any('leader-lost', 'truncated'), witness: [] };
  },
  explain(evidence, { witness: [first, second] }) {
    if (first === undefined || second === undefined) return 'Each offset that anybody saw held one message only.';
    const { trace } = evidence;
    return `One offset of ${evidence.placeOf(second)} was seen with two messages: message ${trace.messageOf(first)} at ${evidence.at(first)} and message ${trace.messageOf(second)} at ${evidence.at(second)}.`;
  },
});

interface Doubled extends Found {
  readonly messages: number;
}

/** One value, two offsets. */
export const duplicate = defineCheck<Doubled>({
  claim: 'duplicate',
  idle: 'no producer had to send anything again',
  find(evidence, scope) {
    const { logs } = evidence;
    let proof: readonly FactId[] = [];
    let messages = 0;
    for (const log of logs.byPlace.values()) {
      if (!inScope(evidence, log.place, scope)) continue;
      for (let offset = 0; offset < log.messages.length; offset++) {
        const message = log.messages[offset] ?? 0;
        const first = log.offsets.get(message) ?? offset;
        if (message === 0 || first === offset) continue;
        messages++;
        if (proof.length === 0) proof = witness(log.facts[first] as number, log.facts[offset] as number);
      }
    }
    for (const { place, messages: stored, facts } of evidence.arrivals) {
      if (!inScope(evidence, place, scope)) continue;
      const firsts = new Map<MessageId, FactId>();
      for (let i = 0; i < stored.length; i++) {
        const first = firsts.get(stored[i] as MessageId);
        if (first === undefined) firsts.set(stored[i] as MessageId, facts[i] as FactId);
        else {
          messages++;
          if (proof.length === 0) proof = witness(first, facts[i] as FactId);
        }
      }
    }
    return {
      seen: messages > 0 ? 'broken' : 'sound',
      exercised:
        logs.byPlace.size + evidence.arrivals.length > 0 &&
        (messages > 0 || evidence.any('retried', 'deduplicated') || evidence.lost('request', 'reply')),
      witness: proof,
      messages,
    };
  },
  explain(evidence, found) {
    const [first, second] = found.witness;
    if (first === undefined || second === undefined) return 'No message stands in a log twice.';
    const { trace } = evidence;
    const more = found.messages > 1 ? ` ${many(found.messages - 1, 'more duplicate')} like it.` : '';
    if (!evidence.logs.byPlace.has(trace.place(second)))
      return `${evidence.placeOf(second)} stored message ${trace.messageOf(second)} at ${evidence.at(first)} and again at ${evidence.at(second)}.${more}`;
    return `${evidence.placeOf(second)} holds message ${trace.messageOf(second)} at offset ${trace.value(first)} (${evidence.at(first)}) and again at offset ${trace.value(second)} (${evidence.at(second)}).${more}`;
  },
});

/** Walks what each consumer received from each partition; a rebalance, a seek, a restart or a record to be tried again begins anew. */
function walkPolls(
  evidence: Evidence,
  scope: string,
  breach: (log: LogRecord, from: number, to: number, id: FactId) => boolean,
): readonly FactId[] {
  const { trace, logs } = evidence;
  const last = new Map<ActorId, Map<PlaceId, { offset: number; fact: FactId }>>();
  for (let id = 1; id <= trace.count; id++) {
    switch (trace.kind(id)) {
      case F.crashed:
      case F.stopped:
        last.delete(trace.actor(id));
        break;
      case F.assigned:
      case F.revoked:
      case F.subscribed:
        last.delete(trace.peer(id));
        break;
      case F['connection-lost']:
        last.delete(trace.actor(id));
        break;
      case F['txn-aborted']:
        // Who forwards in transactions goes back to what the aborted one was made of.
        last.delete(trace.peer(id));
        break;
      case F.settled:
        // A handler that failed is tried again by seeking back to its record.
        if (trace.value(id) === GIVEN_BACK || trace.value(id) === LEFT)
          last.get(trace.actor(id))?.delete(trace.place(id));
        break;
      case F.sought:
      case F.truncated:
        last.clear();
        break;
      case F.elected:
        // After an unclean election the log ends before what was read, and readers begin anew where they are told to.
        if (trace.detail(id) === UNCLEAN) last.clear();
        break;
      case F.received: {
        const place = trace.place(id);
        if (trace.places[place]?.kind !== 'partition' || !inScope(evidence, place, scope)) break;
        const offset = logs.offsetOf(place, trace.messageOf(id));
        const log = logs.byPlace.get(place);
        if (offset < 0 || log === undefined || log.duplicated.has(trace.messageOf(id))) break;
        const consumer = trace.actor(id);
        if (evidence.sharesPartitions(evidence.groupOf(consumer))) break;
        let places = last.get(consumer);
        if (places === undefined) {
          places = new Map();
          last.set(consumer, places);
        }
        const before = places.get(place);
        if (before !== undefined && breach(log, before.offset, offset, id)) return [before.fact, id];
        places.set(place, { offset, fact: id });
        break;
      }
    }
  }
  return [];
}

/** In `detail` of `elected`. */
const UNCLEAN = 1;

/** How a delivery was settled, in `value` of `settled`. */
const GIVEN_BACK = 1;
const LEFT = 3;

function polled(evidence: Evidence): boolean {
  return (
    evidence.logs.byPlace.size > 0 &&
    evidence.any('received') &&
    (evidence.lost('delivery', 'control') ||
      evidence.any('retried', 'leader-lost', 'paused', 'txn-aborted', 'log-start-moved') ||
      evidence.count('rebalanced') > 1)
  );
}

/** Between two polls of one consumer no record is passed over. */
export const pollSkip = defineCheck<Found>({
  claim: 'poll-skip',
  idle: 'no fetch was lost, and no partition changed its leader or its reader',
  find(evidence, scope) {
    const { logs } = evidence;
    const breach = walkPolls(evidence, scope, (log, from, to, id) => {
      for (let offset = Math.max(from + 1, startAt(log, id)); offset < to; offset++) {
        const message = log.messages[offset] ?? 0;
        if (
          message > 0 &&
          logs.aborted[message] === 0 &&
          logs.compacted[message] === 0 &&
          (log.facts[offset] as number) < id &&
          !log.duplicated.has(message)
        )
          return true;
      }
      return false;
    });
    return { seen: breach.length > 0 ? 'broken' : 'sound', exercised: polled(evidence), witness: breach };
  },
  explain(evidence, { witness: [before, after] }) {
    if (before === undefined || after === undefined) return 'No consumer passed over a record between two polls.';
    const { trace, logs } = evidence;
    const from = logs.offsetOf(trace.place(before), trace.messageOf(before));
    const to = logs.offsetOf(trace.place(after), trace.messageOf(after));
    return `${evidence.actorOf(after)} received offset ${from} of ${evidence.placeOf(after)} at ${evidence.at(before)} and then offset ${to} at ${evidence.at(after)}, passing over what stood between them.`;
  },
});

/** Between two polls of one consumer no record comes again. */
export const nonmonotonicPoll = defineCheck<Found>({
  claim: 'nonmonotonic-poll',
  idle: 'no fetch was lost, and no partition changed its leader or its reader',
  find(evidence, scope) {
    const breach = walkPolls(evidence, scope, (_log, from, to) => to <= from);
    return { seen: breach.length > 0 ? 'broken' : 'sound', exercised: polled(evidence), witness: breach };
  },
  explain(evidence, { witness: [before, after] }) {
    if (before === undefined || after === undefined)
      return 'What each consumer received went up the log, except across a rebalance or a seek.';
    const { trace, logs } = evidence;
    const from = logs.offsetOf(trace.place(before), trace.messageOf(before));
    const to = logs.offsetOf(trace.place(after), trace.messageOf(after));
    return `${evidence.actorOf(after)} received offset ${to} of ${evidence.placeOf(after)} at ${evidence.at(after)}, after offset ${from} at ${evidence.at(before)}, without a rebalance between them.`;
  },
});

/** A producer's later message stands at a lower offset. */
export const nonmonotonicSend = defineCheck<Found>({
  claim: 'nonmonotonic-send',
  idle: 'no producer had to send anything again',
  find(evidence, scope) {
    const { trace, logs } = evidence;
    for (const log of logs.byPlace.values()) {
      if (!inScope(evidence, log.place, scope)) continue;
      const front = new Map<ActorId, FactId>();
      for (let offset = 0; offset < log.messages.length; offset++) {
        const message = log.messages[offset] ?? 0;
        if (message === 0 || log.offsets.get(message) !== offset) continue;
        const { producer, sequence } = trace.message(message);
        const before = front.get(producer) ?? 0;
        const fact = log.facts[offset] as FactId;
        if (before > 0 && trace.message(trace.messageOf(before)).sequence > sequence) {
          return { seen: 'broken', exercised: true, witness: witness(before, fact) };
        }
        front.set(producer, fact);
      }
    }
    for (const { place, messages, facts } of evidence.arrivals) {
      if (!inScope(evidence, place, scope)) continue;
      const front = new Map<ActorId, FactId>();
      const seen = new Set<MessageId>();
      for (let i = 0; i < messages.length; i++) {
        const message = messages[i] as MessageId;
        if (seen.has(message)) continue;
        seen.add(message);
        const { producer, sequence } = trace.message(message);
        const before = front.get(producer) ?? 0;
        if (before > 0 && trace.message(trace.messageOf(before)).sequence > sequence)
          return { seen: 'broken', exercised: true, witness: witness(before, facts[i] as FactId) };
        front.set(producer, facts[i] as FactId);
      }
    }
    return {
      seen: 'sound',
      exercised:
        logs.byPlace.size + evidence.arrivals.length > 0 &&
        (evidence.any('retried') || evidence.lost('request', 'reply')),
      witness: [],
    };
  },
  explain(evidence, { witness: [first, second] }) {
    if (first === undefined || second === undefined)
      return 'Each producer’s messages stand in each log in the order of sending.';
    const { trace } = evidence;
    if (!evidence.logs.byPlace.has(trace.place(second)))
      return `Message ${trace.messageOf(second)} was sent before message ${trace.messageOf(first)}, and ${evidence.placeOf(second)} stored it at ${evidence.at(second)}, after that one (${evidence.at(first)}).`;
    const [later, earlier] = trace.value(first) < trace.value(second) ? [first, second] : [second, first];
    return `Message ${trace.messageOf(earlier)} was sent before message ${trace.messageOf(later)} and stands behind it in ${evidence.placeOf(earlier)}: at offset ${trace.value(earlier)}, not before ${trace.value(later)}.`;
  },
});

/** Reading from an offset again gives the same records in the same order. */
export const replayFidelity = defineCheck<Found>({
  claim: 'replay-fidelity',
  idle: 'no group read a part of a log a second time',
  find(evidence, scope) {
    const { trace, logs } = evidence;
    const next = new Map<string, Map<MessageId, FactId>>();
    const last = new Map<string, FactId>();
    let again = false;
    for (
      let id = evidence.first('received', 'sought', 'assigned', 'log-start-moved', 'truncated');
      id > 0 && id <= trace.count;
      id++
    ) {
      const kind = trace.kind(id);
      if (
        kind === F.sought ||
        kind === F.assigned ||
        kind === F.revoked ||
        kind === F.truncated ||
        kind === F.crashed
      ) {
        last.clear();
        continue;
      }
      // Who subscribes anew to a stream says where to begin.
      if (kind === F.subscribed) last.delete(`${trace.place(id)} ${trace.peer(id)}`);
      // What compaction removes is missing when the log is read again.
      if (kind === F.evicted) next.clear();
      if (kind !== F.received) continue;
      const place = trace.place(id);
      const log = logs.byPlace.get(place);
      if (log === undefined || !inScope(evidence, place, scope)) continue;
      const message = trace.messageOf(id);
      const consumer = trace.actor(id);
      if (evidence.sharesPartitions(evidence.groupOf(consumer))) continue;
      const reader = `${place} ${consumer}`;
      const before = last.get(reader) ?? 0;
      last.set(reader, id);
      if (before === 0 || log.duplicated.has(message) || log.duplicated.has(trace.messageOf(before))) continue;
      const name = `${place} ${evidence.groupOf(consumer)}`;
      let follows = next.get(name);
      if (follows === undefined) {
        follows = new Map();
        next.set(name, follows);
      }
      // A step back is a new reading, not a successor.
      if (logs.offsetOf(place, message) <= logs.offsetOf(place, trace.messageOf(before))) continue;
      const known = follows.get(trace.messageOf(before)) ?? 0;
      // It was read out of the client's memory when compaction had removed it already.
      const gone = known > 0 ? (logs.compacted[trace.messageOf(known)] as number) : 0;
      if (known === 0 || (gone > 0 && gone < id)) follows.set(trace.messageOf(before), id);
      else if (trace.messageOf(known) !== message)
        return { seen: 'broken', exercised: true, witness: witness(known, before, id) };
      else again = true;
    }
    return { seen: 'sound', exercised: again, witness: [] };
  },
  explain(evidence, { witness: [known, before, after] }) {
    if (known === undefined || before === undefined || after === undefined)
      return 'What was read twice came in the same order both times.';
    const { trace } = evidence;
    return `After message ${trace.messageOf(before)} of ${evidence.placeOf(after)} came message ${trace.messageOf(known)} at ${evidence.at(known)}, but message ${trace.messageOf(after)} when it was read again at ${evidence.at(after)}.`;
  },
});
