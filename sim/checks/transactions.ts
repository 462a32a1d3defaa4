/** Producers with a memory: idempotent sending, and transactions as a reader sees them. */
import { F } from '../../core/facts.ts';
import { type OptionValues, textOf } from '../../core/options.ts';
import type { ActorId, FactId, MessageId, PlaceId } from '../../core/types.ts';
import { defineCheck, type Found } from './check.ts';
import { halves } from './dual-write.ts';
import { type Evidence, isKeptFor, isMeant, witness } from './evidence.ts';
import { type Apart, offsetsApart } from './forwarding.ts';
import { acksApart, forwardsOnPulsar } from './pulsar-forwarding.ts';
import { addPulsarTxns, shownInPart } from './pulsar-txns.ts';

/** The transactions of a run, by message: when its transaction began, and how it ended. Fact numbers; 0 for none or not yet. */
export interface Txns {
  readonly begun: Uint32Array;
  readonly committed: Uint32Array;
  readonly aborted: Uint32Array;
}

export function txnsOf(evidence: Evidence): Txns {
  const { trace } = evidence;
  const txns = { begun: evidence.perMessage(), committed: evidence.perMessage(), aborted: evidence.perMessage() };
  const open = new Map<ActorId, { begun: FactId; messages: MessageId[] }>();
  for (let id = evidence.first('txn-begun'); id > 0 && id <= trace.count; id++) {
    switch (trace.kind(id)) {
      case F['txn-begun']:
        open.set(trace.actor(id), { begun: id, messages: [] });
        break;
      case F.appended: {
        const message = trace.messageOf(id);
        if (message === 0 || trace.places[trace.place(id)]?.kind !== 'partition') break;
        const txn = open.get(trace.message(message).producer);
        if (txn === undefined || txns.begun[message] !== 0) break;
        txns.begun[message] = txn.begun;
        txn.messages.push(message);
        break;
      }
      case F['txn-committed']:
      case F['txn-aborted']: {
        const ends = trace.kind(id) === F['txn-committed'] ? txns.committed : txns.aborted;
        for (const message of open.get(trace.peer(id))?.messages ?? []) ends[message] = id;
        open.delete(trace.peer(id));
        break;
      }
    }
  }
  addPulsarTxns(evidence, txns);
  return txns;
}

/** Whether this consumer was told to read committed transactions only. Pulsar shows nothing else (P66). */
function readsCommitted({ scenario, trace }: Evidence, consumer: ActorId): boolean {
  const declared = scenario.consumers[trace.actors[consumer]?.group ?? ''];
  if (declared === undefined) return false;
  if (scenario.brokers[declared.broker]?.kind === 'pulsar') return true;
  return textOf(declared.options, isolationOption(declared.options), 'read_uncommitted') === 'read_committed';
}

/** What a group may read is said by one option or the other. */
function isolationOption(options: OptionValues): 'isolation.level' | 'share.isolation.level' {
  return textOf(options, 'group.type', 'consumer') === 'share' ? 'share.isolation.level' : 'isolation.level';
}

/** The setting of whoever was handed what was not committed. */
function laxityOf({ scenario, trace }: Evidence, facts: readonly FactId[]): string {
  const delivered = facts.find((id) => trace.kind(id) === F.delivered) ?? 0;
  const reader = scenario.consumers[trace.actors[trace.peer(delivered)]?.group ?? ''];
  return `${isolationOption(reader?.options ?? {})}: read_uncommitted`;
}

/** A reader is never handed a message of a transaction that was aborted. */
export const abortedRead = defineCheck<Found>({
  claim: 'aborted-read',
  idle: 'no transaction was aborted while anybody read',
  find(evidence, scope) {
    const { trace } = evidence;
    if (!evidence.any('txn-aborted')) return { seen: 'sound', exercised: false, witness: [] };
    const { aborted } = txnsOf(evidence);
    let lax: readonly FactId[] = [];
    for (let id = evidence.first('delivered'); id > 0 && id <= trace.count; id++) {
      if (trace.kind(id) !== F.delivered) continue;
      const end = aborted[trace.messageOf(id)] as number;
      if (end === 0 || !isMeant(evidence, id, scope)) continue;
      if (readsCommitted(evidence, trace.peer(id)))
        return { seen: 'broken', exercised: true, witness: witness(end, id) };
      if (lax.length === 0) lax = witness(end, id);
    }
    return lax.length > 0
      ? { seen: 'removed', exercised: true, witness: lax, policy: laxityOf(evidence, lax) }
      : { seen: 'sound', exercised: evidence.any('delivered'), witness: [] };
  },
  explain(evidence, { witness: facts }) {
    const delivered = facts.find((id) => evidence.trace.kind(id) === F.delivered);
    if (delivered === undefined) return 'Nobody was handed a message of an aborted transaction.';
    return `${evidence.peerOf(delivered)} was handed message ${evidence.trace.messageOf(delivered)} at ${evidence.at(delivered)}, and its transaction was aborted.`;
  },
});

/** A reader of committed transactions is handed nothing before the transaction is committed. */
export const precommittedRead = defineCheck<Found>({
  claim: 'precommitted-read',
  idle: 'no transaction was open while anybody read',
  find(evidence, scope) {
    const { trace } = evidence;
    if (!evidence.any('txn-begun')) return { seen: 'sound', exercised: false, witness: [] };
    const { begun, committed } = txnsOf(evidence);
    let lax: readonly FactId[] = [];
    for (let id = evidence.first('delivered'); id > 0 && id <= trace.count; id++) {
      if (trace.kind(id) !== F.delivered) continue;
      const message = trace.messageOf(id);
      if (begun[message] === 0 || !isMeant(evidence, id, scope)) continue;
      const commit = committed[message] as number;
      if (commit > 0 && commit < id) continue;
      if (readsCommitted(evidence, trace.peer(id)))
        return { seen: 'broken', exercised: true, witness: witness(begun[message] as number, id, commit) };
      if (lax.length === 0) lax = witness(begun[message] as number, id, commit);
    }
    return lax.length > 0
      ? { seen: 'removed', exercised: true, witness: lax, policy: laxityOf(evidence, lax) }
      : { seen: 'sound', exercised: evidence.any('delivered'), witness: [] };
  },
  explain(evidence, { witness: facts }) {
    const delivered = facts.find((id) => evidence.trace.kind(id) === F.delivered);
    if (delivered === undefined) return 'Nobody was handed a message before its transaction was committed.';
    return `${evidence.peerOf(delivered)} was handed message ${evidence.trace.messageOf(delivered)} at ${evidence.at(delivered)}, before its transaction was committed.`;
  },
});

/** What shows that a message can be read. */
const SHOWS: ReadonlySet<number> = new Set([F['became-visible'], F.delivered]);

interface InPart extends Found {
  readonly apart: Apart | null;
}

/**
 * The messages of one transaction become readable together or not at all, and so do these and the offset of what they were made of, and what a
 * producer writes to its store and what it publishes.
 */
export const atomicPublishAndCommit = defineCheck<InPart>({
  claim: 'atomic-publish-and-commit',
  idle: 'no transaction, and no producer with a store of its own, met a crash, an abort or a loss',
  find(evidence) {
    const { logs } = evidence;
    const own = halves(evidence);
    if (own.broken.length > 0) return { seen: 'broken', exercised: true, witness: own.broken, apart: null };
    const troubled = evidence.producerCrash > 0 || evidence.brokerCrash > 0 || evidence.lost('request', 'effect');
    if (!evidence.any('txn-begun')) return { seen: 'sound', exercised: own.seen && troubled, witness: [], apart: null };
    const apart = offsetsApart(evidence) ?? acksApart(evidence);
    if (apart !== null) return { seen: 'broken', exercised: true, witness: apart.witness, apart };
    const txns = txnsOf(evidence);
    const part = shownInPart(evidence, txns);
    if (part.length > 0) return { seen: 'broken', exercised: true, witness: part, apart: null };
    const { begun, committed, aborted } = txns;
    const whole = new Map<FactId, { kept: MessageId; gone: MessageId }>();
    for (let m = 1; m < begun.length; m++) {
      const txn = begun[m] as number;
      if (txn === 0 || (committed[m] === 0 && aborted[m] === 0)) continue;
      let state = whole.get(txn);
      if (state === undefined) {
        state = { kept: 0, gone: 0 };
        whole.set(txn, state);
      }
      if (aborted[m] !== 0 || logs.lost[m] !== 0) state.gone ||= m;
      else state.kept ||= m;
      if (state.kept > 0 && state.gone > 0) {
        const proof = witness(
          txn,
          committed[state.kept] as number,
          logs.lost[state.gone] as number,
          aborted[state.gone] as number,
        );
        return { seen: 'broken', exercised: true, witness: proof, apart: null };
      }
    }
    const exercised =
      evidence.any('txn-aborted', 'fenced') ||
      evidence.brokerCrash > 0 ||
      crashedInside(evidence) ||
      evidence.producerCrash > 0 ||
      evidence.lost('request', 'reply');
    const some = whole.size > 0 || evidence.trace.actors.some((_, actor) => forwardsOnPulsar(evidence, actor));
    return { seen: 'sound', exercised: exercised && some, witness: [], apart: null };
  },
  explain(evidence, { witness: [txn, ...rest], apart }) {
    if (txn === undefined) return 'The messages of each transaction became readable together or not at all.';
    const end = rest[rest.length - 1] ?? txn;
    const { trace } = evidence;
    if (apart?.lacks === 'offset')
      return `The transaction that ${evidence.actorOf(txn)} began at ${evidence.at(txn)} was committed at ${evidence.at(end)}, and the offset of what it had read was not: what was written will be written again.`;
    if (apart?.lacks === 'output')
      return `Offset ${trace.value(end)} of ${evidence.placeOf(end)} was committed at ${evidence.at(end)}, although the transaction with what was made of a message below it had been aborted at ${evidence.at(txn)}.`;
    if (apart?.lacks === 'once')
      return `What was made of one message became visible at ${evidence.at(txn)}, and made of the same message again at ${evidence.at(end)}.`;
    if (apart?.lacks === 'ack')
      return `Message ${trace.messageOf(txn)} became visible at ${evidence.at(txn)}, and what it was made of is not acked: it will be made again.`;
    if (apart?.lacks === 'made')
      return `Message ${trace.messageOf(end)} was acked at ${evidence.at(end)}, although the transaction with what was made of it had been aborted at ${evidence.at(txn)}.`;
    if (trace.kind(txn) !== F['txn-begun']) {
      const [half, other] = trace.kind(txn) === F.recorded ? ['recorded', 'published'] : ['published', 'recorded'];
      return `Message ${trace.messageOf(txn)} was ${half} at ${evidence.at(txn)} and never ${other}: ${trace.sentence(end)}`;
    }
    const shown = rest.find((id) => SHOWS.has(trace.kind(id)));
    const other = rest.find((id) => trace.kind(id) === F.appended || trace.kind(id) === F.evicted);
    const what =
      shown === undefined || other === undefined
        ? trace.sentence(end)
        : `message ${trace.messageOf(shown)} became visible at ${evidence.at(shown)}, and message ${trace.messageOf(other)} never did.`;
    return `The transaction that ${evidence.actorOf(txn)} began at ${evidence.at(txn)} is there in part only: ${what}`;
  },
});

/** Whether anybody crashed between the begin of a transaction and the word of how it ended. */
function crashedInside(evidence: Evidence): boolean {
  const { trace } = evidence;
  const open = new Set<ActorId>();
  for (let id = evidence.first('txn-begun'); id > 0 && id <= trace.count; id++) {
    const kind = trace.kind(id);
    if (kind === F['txn-begun']) open.add(trace.actor(id));
    else if (kind === F['txn-committed'] || kind === F['txn-aborted']) open.delete(trace.peer(id));
    else if (kind === F.crashed && open.has(trace.actor(id))) return true;
  }
  return false;
}

interface Numbered extends Found {
  /** What was confirmed and never written, although a later one was; 0 for the other breaches. */
  readonly missing: MessageId;
}

/**
 * Per producer and partition, the log holds each message once, in the order of sending, and whatever was confirmed. A gap alone is no breach: what a producer gave up
 * was never written, and it goes on with a new epoch, whose numbers begin anew. Numbers and epochs are not recorded; a gap that no epoch
 * explains is one where the producer was told that the message stands there.
 */
export const idempotentProduce = defineCheck<Numbered>({
  claim: 'idempotent-produce',
  idle: 'no producer had to send anything again',
  find(evidence, scope) {
    const { trace, logs } = evidence;
    /** By partition and producer: the last of its messages there. */
    const lasts = new Map<PlaceId, ReadonlyMap<ActorId, FactId>>();
    const broken = (missing: MessageId, ...ids: readonly FactId[]): Numbered => ({
      seen: 'broken',
      exercised: true,
      witness: witness(...ids),
      missing,
    });
    for (const log of logs.byPlace.values()) {
      if (!isKeptFor(evidence, log.place, scope)) continue;
      const first = new Map<MessageId, FactId>();
      const front = new Map<ActorId, FactId>();
      for (let offset = 0; offset < log.messages.length; offset++) {
        const message = log.messages[offset] ?? 0;
        if (message === 0) continue;
        const fact = log.facts[offset] as FactId;
        const before = first.get(message);
        if (before !== undefined) return broken(0, before, fact);
        first.set(message, fact);
        const { producer, sequence } = trace.message(message);
        const last = front.get(producer) ?? 0;
        if (last > 0 && trace.message(trace.messageOf(last)).sequence > sequence) return broken(0, last, fact);
        front.set(producer, fact);
      }
      lasts.set(log.place, front);
    }
    for (let id = evidence.first('confirmed'); id > 0 && id <= trace.count; id++) {
      if (trace.kind(id) !== F.confirmed || trace.places[trace.place(id)]?.kind !== 'partition') continue;
      const message = trace.messageOf(id);
      if (logs.firstWrite(trace.place(id), message) > 0) continue;
      const { producer, sequence } = trace.message(message);
      const last = lasts.get(trace.place(id))?.get(producer) ?? 0;
      if (last > 0 && trace.message(trace.messageOf(last)).sequence > sequence) return broken(message, id, last);
    }
    const exercised =
      logs.byPlace.size > 0 &&
      (evidence.any('retried', 'deduplicated') || evidence.lost('request', 'reply') || evidence.brokerCrash > 0);
    return { seen: 'sound', exercised, witness: [], missing: 0 };
  },
  explain(evidence, { witness: [first, second], missing }) {
    if (first === undefined || second === undefined)
      return 'Each log holds every message once, in the order in which its producer sent them.';
    const { trace } = evidence;
    if (missing > 0) {
      const [told, later] = trace.kind(first) === F.confirmed ? [first, second] : [second, first];
      return `${evidence.actorOf(told)} was told at ${evidence.at(told)} that message ${missing} stands in ${evidence.placeOf(told)}, which never had it, although message ${trace.messageOf(later)}, which was sent later, is there since ${evidence.at(later)}.`;
    }
    const one = trace.messageOf(first);
    const two = trace.messageOf(second);
    return one === two
      ? `${evidence.placeOf(second)} holds message ${one} twice: at offset ${trace.value(first)} (${evidence.at(first)}) and at offset ${trace.value(second)} (${evidence.at(second)}).`
      : `${evidence.placeOf(second)} holds message ${two} at offset ${trace.value(second)}, behind message ${one}, which was sent later.`;
  },
});
