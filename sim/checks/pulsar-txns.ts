/**
 * The transactions of Pulsar's clients, by message. A client has one at a time, so what it first sends belongs to the last that it began; one that a dead process
 * left open is aborted by its timeout, which nobody's request caused (P65, P68). Where a topic says which decision it carried out, that goes first.
 */
import { F, R } from '../../core/facts.ts';
import { booleanOf, textOf } from '../../core/options.ts';
import type { ActorId, FactId, MessageId, Micros } from '../../core/types.ts';
import type { Scenario } from '../scenario/types.ts';
import { type Evidence, witness } from './evidence.ts';
import { forwards } from './pulsar-promises.ts';
import type { Txns } from './transactions.ts';

interface Txn {
  readonly begun: FactId;
  committed: FactId;
  aborted: FactId;
}

/** How long after the decision every topic may take to hear of it, when the run ends. */
const GRACE_US: Micros = 10_000_000;

/** Whether any client of this broker publishes in transactions. */
export function publishesInTxns({ producers, consumers }: Scenario, broker: string): boolean {
  return (
    Object.values(producers).some((one) => one.broker === broker && booleanOf(one.options, 'enableTransaction')) ||
    Object.values(consumers).some((one) => one.broker === broker && forwards(one))
  );
}

/** Adds the messages that were published in transactions of Pulsar. */
export function addPulsarTxns(evidence: Evidence, { begun, committed, aborted }: Txns): void {
  const { trace } = evidence;
  const isClient = trace.actors.map((_, actor) => publishes(evidence, actor));
  if (!isClient.includes(true)) return;
  const last = new Map<ActorId, Txn>();
  const open = new Map<ActorId, Txn[]>();
  const sentIn = new Map<MessageId, Txn>();
  const members = new Map<MessageId, Txn>();
  for (let id = evidence.first('txn-begun'); id > 0 && id <= trace.count; id++) {
    const message = trace.messageOf(id);
    switch (trace.kind(id)) {
      case F['txn-begun']: {
        const client = trace.actor(id);
        if (isClient[client] !== true) break;
        const txn: Txn = { begun: id, committed: 0, aborted: 0 };
        last.set(client, txn);
        open.set(client, [...(open.get(client) ?? []), txn]);
        break;
      }
      case F.sent: {
        const client = trace.actor(id);
        if (message === 0 || isClient[client] !== true || trace.message(message).producer !== client) break;
        const txn = last.get(client);
        if (txn !== undefined && !sentIn.has(message)) sentIn.set(message, txn);
        break;
      }
      case F.appended: {
        if (message === 0 || members.has(message)) break;
        const client = trace.message(message).producer;
        if (isClient[client] !== true || !isWithin(evidence, client, trace.place(id))) break;
        const txn = sentIn.get(message) ?? last.get(client);
        if (txn !== undefined) members.set(message, txn);
        break;
      }
      case F['txn-committed']: {
        const client = trace.peer(id);
        const txn = open.get(client)?.pop() ?? last.get(client);
        if (txn === undefined) break;
        txn.committed = id;
        txn.aborted = 0;
        break;
      }
      case F['txn-aborted']: {
        const client = trace.peer(id);
        const cause = trace.cause(id);
        // At the client's request it is the present one, else the one whose time was up first.
        const waiting = open.get(client);
        const asked = cause > 0 && trace.actor(cause) === client;
        const txn = (asked ? waiting?.pop() : waiting?.shift()) ?? last.get(client);
        if (txn !== undefined && txn.committed === 0) txn.aborted = id;
        break;
      }
    }
  }
  for (const [message, txn] of members) {
    begun[message] = txn.begun;
    committed[message] = txn.committed;
    aborted[message] = txn.aborted;
  }
  for (let id = evidence.first('became-visible'); id > 0 && id <= trace.count; id++) {
    const message = trace.messageOf(id);
    if (trace.kind(id) !== F['became-visible'] || !members.has(message) || !isCausedByCommit(evidence, id)) continue;
    const commit = trace.cause(id);
    // What is delayed becomes visible again later, for whatever reason its broker looks at it then.
    const known = committed[message] as FactId;
    if (trace.peer(commit) !== trace.message(message).producer || (known > 0 && known < commit)) continue;
    committed[message] = commit;
    aborted[message] = 0;
  }
}

/** Two messages of one transaction of which one became visible and the other is gone, or hidden for good; nothing when each is whole. */
export function shownInPart(evidence: Evidence, { begun, committed }: Txns): readonly FactId[] {
  const { trace } = evidence;
  const shown = evidence.perMessage();
  const hidden = evidence.perMessage();
  const gone = evidence.perMessage();
  for (let id = evidence.first('txn-begun'); id > 0 && id <= trace.count; id++) {
    const message = trace.messageOf(id);
    if (message === 0 || begun[message] === 0 || trace.places[trace.place(id)]?.kind !== 'queue') continue;
    switch (trace.kind(id)) {
      case F.appended:
        if (trace.detail(id) === HIDDEN) hidden[message] ||= id;
        break;
      // Who was away when a delay ended is handed it at once.
      case F.delivered:
      case F['became-visible']:
        shown[message] ||= id;
        break;
      case F.evicted:
        if (trace.detail(id) === R['transaction aborted'] && isCausedByCommit(evidence, id)) gone[message] ||= id;
        hidden[message] = 0;
        break;
      case F.expired:
      case F.lost:
        hidden[message] = 0;
        break;
    }
  }
  const whole = new Map<FactId, { kept: FactId; missing: FactId }>();
  for (let m: MessageId = 1; m < begun.length; m++) {
    const commit = committed[m] as FactId;
    if (begun[m] === 0 || commit === 0) continue;
    const parts = whole.get(commit) ?? { kept: 0, missing: 0 };
    whole.set(commit, parts);
    const isOver = evidence.isOver(commit, GRACE_US);
    if (shown[m] !== 0) parts.kept ||= shown[m] as FactId;
    else parts.missing ||= (gone[m] as FactId) || (isOver ? (hidden[m] as FactId) : 0);
    if (parts.kept > 0 && parts.missing > 0) return witness(begun[m] as FactId, commit, parts.kept, parts.missing);
  }
  return [];
}

/** Whether a topic carried out, by this, that a transaction was committed. */
function isCausedByCommit({ trace }: Evidence, id: FactId): boolean {
  const cause = trace.cause(id);
  return cause > 0 && trace.kind(cause) === F['txn-committed'];
}

/** In `detail` of `appended`. */
const HIDDEN = 3;

/** Whether this client publishes in transactions: as a producer, or as a consumer that writes on. */
function publishes({ scenario, trace }: Evidence, client: ActorId): boolean {
  const { kind, group = '' } = trace.actors[client] ?? {};
  if (kind !== 'producer' && kind !== 'consumer') return false;
  const declared = kind === 'producer' ? scenario.producers[group] : scenario.consumers[group];
  if (declared === undefined || scenario.brokers[declared.broker]?.kind !== 'pulsar') return false;
  return 'from' in declared ? forwards(declared) : booleanOf(declared.options, 'enableTransaction');
}

/** Whether what a client has stored there is within a transaction: a producer has nothing else, a consumer may write elsewhere what is none of it. */
function isWithin({ scenario, trace }: Evidence, client: ActorId, at: number): boolean {
  const { kind, parent } = trace.places[at] ?? { kind: '', parent: '' };
  if (kind !== 'queue') return false;
  const maker = trace.actors[client];
  return (
    maker?.kind === 'producer' || textOf(scenario.consumers[maker?.group ?? '']?.options ?? {}, 'forward.to') === parent
  );
}
