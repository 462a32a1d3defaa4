/**
 * What became of every message: made, confirmed, delivered so often, effects made so often, settled, dead-lettered, dropped by a stated policy,
 * or lost without a trace. Counts follow the facts; who is lost in the end is decided together with the stage, because a message that still lies in a queue,
 * travels, or is in somebody's hands is not lost. With several groups, a message counts as lost when no effect came of it at all.
 */
import { APPLIED, F, type FactKind } from '../../core/facts.ts';
import type { FactId, MessageId } from '../../core/types.ts';
import type { Trace } from '../trace.ts';
import { Topology, type TopologyScenario } from './topology.ts';

/** The sums of `run --json`. */
export interface LedgerTotals {
  /** Messages that producers made. */
  readonly sent: number;
  /** Messages that a producer was told are stored. */
  readonly confirmed: number;
  /** Deliveries, repeated ones included. */
  readonly delivered: number;
  /** Changes to stores, repeated ones included. */
  readonly effects: number;
  /** Messages that were acked, or processed and marked as done where a log keeps them. */
  readonly settled: number;
  /** Messages that were dead-lettered and not moved back. */
  readonly deadLettered: number;
  /** Messages without any effect that a stated policy took away, or that a broker, store or consumer refused. */
  readonly dropped: number;
  /** Messages that are nowhere and had no effect. */
  readonly lost: number;
  /** Changes that a message made to a store beyond its first. */
  readonly duplicateEffects: number;
  /** Deliveries of what nobody had made. */
  readonly unexpected: number;
  /** Messages that were handed out although their producer was never told that they are stored. */
  readonly recovered: number;
}

export type Fate = 'done' | 'pending' | 'dead-lettered' | 'dropped' | 'lost';

export interface LedgerRow {
  readonly message: MessageId;
  readonly confirmed: boolean;
  readonly deliveries: number;
  readonly effects: number;
  readonly settled: boolean;
  readonly fate: Fate;
  /** The fact that decided a fate of `dead-lettered`, `dropped` or `lost`; else 0. */
  readonly because: FactId;
}

const CONFIRMED = 1;
const APPENDED = 2;
const EFFECT = 4;
const SETTLED = 8;
const DEAD = 16;
const DROPPED = 32;
const REFUSED = 64;
/** Processed without an effect: the consumer skipped it, or the store refused the write. */
const SKIPPED = 128;
/** Its maker died, and nobody else knows of it. */
const FORGOTTEN = 256;
const PRODUCED = 512;

export class Ledger {
  confirmed = 0;
  deliveries = 0;
  effects = 0;
  settled = 0;
  deadLettered = 0;
  duplicateEffects = 0;
  unexpected = 0;
  recovered = 0;
  #messages = 0;
  #flags = new Uint16Array(1024);
  #delivered = new Uint16Array(1024);
  #effects = new Uint16Array(1024);
  /** To how many queues of other brokers a topic is still to send it. */
  #owed = new Uint8Array(1024);
  /** The last fact that took a copy away, refused it, or dead-lettered it. */
  #because = new Uint32Array(1024);
  /** The last hop that carried it, or the fact that it found its target down. */
  #hops = new Uint32Array(1024);

  see(trace: Trace, id: FactId): void {
    const message = trace.messageOf(id);
    if (message === 0) return;
    if (message >= this.#flags.length) this.#grow(message);
    if (message > this.#messages) this.#messages = message;
    const kind: FactKind = trace.kind(id);
    switch (kind) {
      case F.sent:
      case F.unreachable:
        this.#hops[message] = id;
        return;
      case F.produced:
        this.#mark(message, PRODUCED);
        return;
      case F.confirmed:
        if (this.#mark(message, CONFIRMED)) {
          this.confirmed++;
          if ((this.#delivered[message] as number) > 0) this.recovered--;
        }
        return;
      case F.routed:
        if (trace.detail(id) === 1) this.#owe(message, 1);
        return;
      case F.appended:
        this.#mark(message, APPENDED);
        this.#owe(message, -1);
        return;
      case F.delivered:
        this.deliveries++;
        if ((this.#flag(message) & PRODUCED) === 0) this.unexpected++;
        if (this.#delivered[message] === 0 && (this.#flag(message) & CONFIRMED) === 0) this.recovered++;
        this.#delivered[message] = (this.#delivered[message] as number) + 1;
        return;
      case F.applied: {
        const outcome = trace.detail(id);
        if (outcome === APPLIED.refused) {
          this.#because[message] = id;
          this.#mark(message, SKIPPED);
          return;
        }
        this.#mark(message, EFFECT);
        if (outcome === APPLIED.unchanged) return;
        this.effects++;
        this.#effects[message] = (this.#effects[message] as number) + 1;
        if (outcome === APPLIED.again) this.duplicateEffects++;
        return;
      }
      case F.acked:
        if (this.#mark(message, SETTLED)) this.settled++;
        return;
      case F.settled:
        if (trace.value(id) === 0 && trace.places[trace.place(id)]?.kind !== 'queue' && this.#mark(message, SETTLED)) {
          this.settled++;
        }
        return;
      case F['dead-lettered']:
        if (trace.peer(id) !== 0) this.#owe(message, 1);
        this.#because[message] = id;
        if (this.#mark(message, DEAD)) this.deadLettered++;
        return;
      case F.redriven:
        if ((this.#flag(message) & DEAD) === 0) return;
        this.#flags[message] = this.#flag(message) & ~DEAD;
        this.deadLettered--;
        return;
      case F.expired:
      case F.evicted:
      case F.shed:
        this.#because[message] = id;
        this.#mark(message, DROPPED);
        return;
      case F.skipped:
        this.#because[message] = id;
        this.#mark(message, SKIPPED);
        return;
      case F['gave-up']:
        if (trace.place(id) !== 0) this.#owe(message, -1);
        this.#because[message] = id;
        this.#mark(message, REFUSED);
        return;
      case F.rejected:
      case F.unroutable:
      case F.returned:
        this.#because[message] = id;
        this.#mark(message, REFUSED);
        return;
      case F.lost:
        this.#because[message] = id;
        if (trace.place(id) === 0) this.#mark(message, FORGOTTEN);
        return;
      default:
        return;
    }
  }

  /** What became of one message, with the stage after the last fact seen. */
  row(trace: Trace, topology: Topology, message: MessageId): LedgerRow {
    const fate = this.#fate(trace, topology, message, heldMessages(topology));
    return {
      message,
      confirmed: (this.#flag(message) & CONFIRMED) !== 0,
      deliveries: this.#delivered[message] ?? 0,
      effects: this.#effects[message] ?? 0,
      settled: (this.#flag(message) & SETTLED) !== 0,
      fate,
      because: fate === 'done' || fate === 'pending' ? 0 : ((this.#because[message] || this.#hops[message]) ?? 0),
    };
  }

  /** The messages of one fate, in order, at most `limit` of them. */
  withFate(trace: Trace, topology: Topology, fate: Fate, limit: number): MessageId[] {
    const held = heldMessages(topology);
    const found: MessageId[] = [];
    for (let message = 1; message <= this.#messages && found.length < limit; message++) {
      if (this.#fate(trace, topology, message, held) === fate) found.push(message);
    }
    return found;
  }

  totals(trace: Trace, topology: Topology): LedgerTotals {
    const held = heldMessages(topology);
    let lost = 0;
    let dropped = 0;
    for (let message = 1; message <= this.#messages; message++) {
      if ((this.#flag(message) & EFFECT) !== 0) continue;
      const fate = this.#fate(trace, topology, message, held);
      if (fate === 'lost') lost++;
      else if (fate === 'dropped') dropped++;
    }
    return {
      sent: this.#messages,
      confirmed: this.confirmed,
      delivered: this.deliveries,
      effects: this.effects,
      settled: this.settled,
      deadLettered: this.deadLettered,
      dropped,
      lost,
      duplicateEffects: this.duplicateEffects,
      unexpected: this.unexpected,
      recovered: this.recovered,
    };
  }

  #fate(trace: Trace, topology: Topology, message: MessageId, held: ReadonlySet<MessageId>): Fate {
    const flags = this.#flag(message);
    if ((flags & EFFECT) !== 0) return 'done';
    if ((flags & DEAD) !== 0) return 'dead-lettered';
    if (held.has(message)) return 'pending';
    for (const queue of topology.queues) if (queue?.holds(message)) return 'pending';
    const inLog = logFate(topology, message);
    if (inLog === 'pending' || inLog === 'dropped') return inLog;
    if ((this.#owed[message] ?? 0) > 0) return 'pending';
    if ((flags & (DROPPED | SKIPPED)) !== 0) return 'dropped';
    if ((flags & APPENDED) === 0) {
      if ((flags & REFUSED) !== 0) return 'dropped';
      if ((flags & FORGOTTEN) !== 0) return 'lost';
      return this.#vanished(trace, message) ? 'lost' : 'pending';
    }
    if (this.#travels(trace, topology, message)) return 'pending';
    return 'lost';
  }

  /** The last hop of a message that was never stored did not arrive. */
  #vanished(trace: Trace, message: MessageId): boolean {
    const hop = this.#hops[message] ?? 0;
    if (hop === 0) return false;
    const fate = trace.kind(hop) === F.sent ? trace.detail(hop) >> 3 : 1;
    return fate !== 0 && fate !== 4;
  }

  #travels(trace: Trace, topology: Topology, message: MessageId): boolean {
    const hop = this.#hops[message] ?? 0;
    if (hop === 0 || trace.kind(hop) !== F.sent || this.#vanished(trace, message)) return false;
    return trace.time(hop) + trace.value(hop) > Math.max(topology.timeUs, trace.endedAtUs);
  }

  #flag(message: MessageId): number {
    return this.#flags[message] ?? 0;
  }

  #owe(message: MessageId, more: 1 | -1): void {
    const owed = (this.#owed[message] as number) + more;
    this.#owed[message] = owed > 0 ? owed : 0;
  }

  /** True when the flag is new. */
  #mark(message: MessageId, flag: number): boolean {
    const flags = this.#flag(message);
    this.#flags[message] = flags | flag;
    return (flags & flag) === 0;
  }

  #grow(message: MessageId): void {
    const length = Math.max(message + 1, this.#flags.length * 2);
    this.#flags = grown(this.#flags, new Uint16Array(length));
    this.#owed = grown(this.#owed, new Uint8Array(length));
    this.#delivered = grown(this.#delivered, new Uint16Array(length));
    this.#effects = grown(this.#effects, new Uint16Array(length));
    this.#because = grown(this.#because, new Uint32Array(length));
    this.#hops = grown(this.#hops, new Uint32Array(length));
  }
}

/** The totals of a whole run, in a pass of its own. */
export function ledgerTotals(trace: Trace, scenario: TopologyScenario): LedgerTotals {
  const topology = new Topology(scenario);
  const ledger = new Ledger();
  for (let id = 1; id <= trace.count; id++) {
    topology.apply(trace, id);
    ledger.see(trace, id);
  }
  return ledger.totals(trace, topology);
}

/** A record of a log: still to be read by some group, removed by retention, or passed by every group. Null when it is in no log. */
function logFate(topology: Topology, message: MessageId): 'pending' | 'dropped' | 'passed' | null {
  const at = topology.partitionOf(message);
  const partition = topology.partitions[at];
  const offset = topology.offsetOf(message, at);
  if (partition === undefined || offset === null || offset >= partition.end) return null;
  if (offset < partition.logStart) return 'dropped';
  // Compacted away, or cut off and a marker stands there now: what became of it is not the log's to say.
  if (partition.records.get(offset, 0) === 0) return null;
  if (partition.committed.length === 0) return 'pending';
  return partition.committed.some((committed) => committed.offset <= offset) ? 'pending' : 'passed';
}

function heldMessages(topology: Topology): ReadonlySet<MessageId> {
  const held = new Set<MessageId>();
  for (const actor of topology.actors) for (const one of actor.hand) held.add(one.message);
  return held;
}

function grown<T extends Uint8Array | Uint16Array | Uint32Array>(from: T, into: T): T {
  into.set(from);
  return into;
}
