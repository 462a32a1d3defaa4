/**
 * Cycles of transactions, Adya's G0 and G1c as Jepsen looks for them in Kafka. One transaction comes before another when a message of it stands right
 * before one of the other in a partition (write-write), or when the other was made of what it wrote (write-read). Only committed
 * transactions count; what a forwarding consumer read is what it was done with before it began to write.
 */
import { F } from '../../core/facts.ts';
import type { ActorId, FactId, MessageId } from '../../core/types.ts';
import { defineCheck, type Found } from './check.ts';
import { type Evidence, inScope, witness } from './evidence.ts';
import { type Txns, txnsOf } from './transactions.ts';

/** A transaction is known by the fact that began it. */
interface Edge {
  readonly from: FactId;
  readonly to: FactId;
  readonly kind: 'write' | 'read';
  /** What of the one stands before, or was read by, what of the other. */
  readonly before: FactId;
  readonly after: FactId;
}

interface Cyclic extends Found {
  readonly cycle: readonly Edge[];
}

/** Writes of two transactions overtook each other. */
export const writeCycle = defineCheck<Cyclic>({
  claim: 'g0',
  idle: 'no two transactions that wrote to one partition were open at the same time',
  find: (evidence, scope) => find(evidence, scope, 'write'),
  explain: (evidence, { cycle }) =>
    cycle.length === 0 ? 'The writes of any two transactions stand in one order everywhere.' : told(evidence, cycle),
});

/** A transaction read what came about only after it. */
export const readCycle = defineCheck<Cyclic>({
  claim: 'g1c',
  idle: 'no transaction was made of what another one wrote while several were open',
  find: (evidence, scope) => find(evidence, scope, 'read'),
  explain: (evidence, { cycle }) =>
    cycle.length === 0 ? 'No transaction was made of anything that came after it.' : told(evidence, cycle),
});

function find(evidence: Evidence, scope: string, kind: Edge['kind']): Cyclic {
  if (!evidence.any('txn-committed')) return { seen: 'sound', exercised: false, witness: [], cycle: [] };
  const txns = txnsOf(evidence);
  const writes = writesOf(evidence, scope, txns);
  const reads = kind === 'read' ? readsOf(evidence, txns) : [];
  const edges = inCycles([...writes, ...reads]);
  const next = new Map<FactId, Edge[]>();
  for (const edge of edges) {
    const known = next.get(edge.from);
    if (known === undefined) next.set(edge.from, [edge]);
    else known.push(edge);
  }
  for (const edge of edges) {
    const back = edge.kind === kind ? path(next, edge.to, edge.from) : null;
    if (back === null) continue;
    const cycle = [edge, ...back];
    return {
      seen: 'broken',
      exercised: true,
      witness: witness(...cycle.flatMap(({ before, after }) => [before, after])),
      cycle,
    };
  }
  const exercised = meet(evidence, writes) && (kind === 'write' || reads.length > 0);
  return { seen: 'sound', exercised, witness: [], cycle: [] };
}

function writesOf(evidence: Evidence, scope: string, { begun, committed }: Txns): Edge[] {
  const edges: Edge[] = [];
  for (const log of evidence.logs.byPlace.values()) {
    if (!inScope(evidence, log.place, scope)) continue;
    let last = 0;
    let before = 0;
    for (let offset = 0; offset < log.messages.length; offset++) {
      const message = log.messages[offset] ?? 0;
      if (message === 0 || committed[message] === 0) continue;
      const txn = begun[message] as FactId;
      const after = log.facts[offset] as FactId;
      if (last > 0 && last !== txn) edges.push({ from: last, to: txn, kind: 'write', before, after });
      last = txn;
      before = after;
    }
  }
  return edges;
}

function readsOf(evidence: Evidence, { begun, committed }: Txns): Edge[] {
  const { trace, logs } = evidence;
  const edges: Edge[] = [];
  const done = new Map<ActorId, FactId[]>();
  const whole = new Set<FactId>();
  for (let m: MessageId = 1; m < begun.length; m++) if (committed[m] !== 0) whole.add(begun[m] as FactId);
  for (let id = evidence.first('settled'); id > 0 && id <= trace.count; id++) {
    const kind = trace.kind(id);
    if (kind === F.settled) {
      const written = logs.byPlace.has(trace.place(id)) && committed[trace.messageOf(id)] !== 0;
      if (!written || trace.value(id) !== 0) continue;
      const inputs = done.get(trace.actor(id));
      if (inputs === undefined) done.set(trace.actor(id), [id]);
      else inputs.push(id);
    } else if (kind === F.crashed) done.delete(trace.actor(id));
    else if (kind === F['txn-begun']) {
      for (const input of whole.has(id) ? (done.get(trace.actor(id)) ?? []) : []) {
        const message = trace.messageOf(input);
        const before = logs.firstWrite(trace.place(input), message);
        edges.push({ from: begun[message] as FactId, to: id, kind: 'read', before, after: input });
      }
      done.delete(trace.actor(id));
    }
  }
  return edges;
}

/** Edges between transactions that both follow and are followed by others of their kind: all that can lie in a cycle. */
function inCycles(edges: readonly Edge[]): readonly Edge[] {
  let left = edges;
  for (;;) {
    const sources = new Set(left.map(({ from }) => from));
    const targets = new Set(left.map(({ to }) => to));
    const rest = left.filter(({ from, to }) => targets.has(from) && sources.has(to));
    if (rest.length === left.length) return left;
    left = rest;
  }
}

/** The shortest way from one transaction to another; null when there is none. */
function path(next: ReadonlyMap<FactId, readonly Edge[]>, from: FactId, to: FactId): readonly Edge[] | null {
  const cameBy = new Map<FactId, Edge | null>([[from, null]]);
  const queue: FactId[] = [from];
  for (let i = 0; i < queue.length; i++) {
    const txn = queue[i] as FactId;
    if (txn === to) {
      const way: Edge[] = [];
      for (let edge = cameBy.get(txn); edge !== null && edge !== undefined; edge = cameBy.get(edge.from))
        way.push(edge);
      return way.reverse();
    }
    for (const edge of next.get(txn) ?? []) {
      if (cameBy.has(edge.to)) continue;
      cameBy.set(edge.to, edge);
      queue.push(edge.to);
    }
  }
  return null;
}

/** Whether some transaction wrote behind another before that one was decided. */
function meet({ trace }: Evidence, writes: readonly Edge[]): boolean {
  const decided = new Map<FactId, FactId>();
  const open = new Map<ActorId, FactId>();
  for (let id = 1; id <= trace.count; id++) {
    const kind = trace.kind(id);
    if (kind === F['txn-begun']) open.set(trace.actor(id), id);
    else if (kind === F['txn-committed']) {
      const txn = open.get(trace.peer(id));
      if (txn !== undefined && !decided.has(txn)) decided.set(txn, id);
    }
  }
  return writes.some(({ from, after }) => (decided.get(from) ?? 0) > after);
}

function told(evidence: Evidence, cycle: readonly Edge[]): string {
  const { trace } = evidence;
  const steps = cycle.map(({ kind, before, after, to }) =>
    kind === 'write'
      ? `in ${evidence.placeOf(after)} message ${trace.messageOf(before)} stands before message ${trace.messageOf(after)}`
      : `${evidence.actorOf(to)} had read message ${trace.messageOf(before)} before it began`,
  );
  const begun = cycle.map(({ from }) => `${evidence.actorOf(from)} at ${evidence.at(from)}`).join(', ');
  return `Each of these transactions comes before the other (begun by ${begun}): ${steps.join('; ')}.`;
}
