/**
 * The ledger as columns, one entry a message: what a table of 200,000 messages is shown from, and what crosses from the worker to the page without
 * being copied. Fates are the ledger's own; here are the columns, and the order of each key beside them. It follows the trace fact by fact, so a
 * later moment costs only the facts in between.
 */
import { APPLIED, F } from '../../core/facts.ts';
import type { ActorId, FactId, MessageId } from '../../core/types.ts';
import type { Trace } from '../trace.ts';
import { type Fate, Ledger, type LedgerTotals } from './ledger.ts';
import { Topology, type TopologyScenario } from './topology.ts';

/** By the code in `LedgerColumns.fates`. */
export const FATES_OF_MESSAGES: readonly Fate[] = ['done', 'pending', 'dead-lettered', 'dropped', 'lost'];

/** Bits of `LedgerColumns.flags`. */
export const LEDGER_FLAGS = { confirmed: 1, settled: 2, late: 4 } as const;

export interface LedgerCounts extends LedgerTotals {
  /** Messages with an effect, and none of it repeated. */
  readonly once: number;
  /** Messages of which some store saw an effect again. */
  readonly duplicated: number;
  /** Messages whose first effect came after that of a later message of the same key, producer and group of consumers. */
  readonly late: number;
  /** Messages that are still on their way. */
  readonly pending: number;
}

/** The entry of message n is at n − 1. */
export interface LedgerColumns {
  /** After this fact. */
  readonly fact: FactId;
  readonly count: number;
  /** The fact `produced`. */
  readonly produced: Uint32Array;
  readonly deliveries: Uint16Array;
  readonly effects: Uint16Array;
  /** Effects beyond the first on the same store. */
  readonly repeats: Uint16Array;
  readonly fates: Uint8Array;
  readonly flags: Uint8Array;
  /** The fact that decided a fate of `dead-lettered`, `dropped` or `lost`; else the first effect; 0 while there is none. */
  readonly because: Uint32Array;
  /** From production to first effect, in µs; −1 while there is none. */
  readonly tookUs: Float64Array;
  readonly totals: LedgerCounts;
}

/** What one group of consumers did: which messages had their effect, and how far each key has come. */
interface GroupOrder {
  readonly seen: Set<MessageId>;
  readonly fronts: Map<string, number>;
}

export class LedgerRows {
  /** The last fact seen. */
  fact: FactId = 0;
  readonly #trace: Trace;
  readonly #ledger = new Ledger();
  readonly #topology: Topology;
  readonly #groups = new Map<string, GroupOrder>();
  readonly #produced: FactId[] = [];
  readonly #firstEffect: FactId[] = [];
  readonly #repeats: number[] = [];
  readonly #late: boolean[] = [];

  constructor(trace: Trace, scenario: TopologyScenario) {
    this.#trace = trace;
    this.#topology = new Topology(scenario);
  }

  /** Takes in the facts up to one, which must not lie before `fact`. */
  extend(to: FactId): void {
    const trace = this.#trace;
    for (let id = this.fact + 1; id <= to; id++) {
      this.#topology.apply(trace, id);
      this.#ledger.see(trace, id);
      const kind = trace.kind(id);
      if (kind === F.produced) this.#make(id);
      else if (kind === F.applied) this.#apply(id);
    }
    this.fact = Math.max(this.fact, to);
  }

  columns(): LedgerColumns {
    const count = this.#produced.length;
    const trace = this.#trace;
    const ledger = this.#ledger;
    const topology = this.#topology;
    const columns = {
      fact: this.fact,
      count,
      produced: Uint32Array.from(this.#produced),
      deliveries: new Uint16Array(count),
      effects: new Uint16Array(count),
      repeats: Uint16Array.from(this.#repeats),
      fates: new Uint8Array(count),
      flags: new Uint8Array(count),
      because: Uint32Array.from(this.#firstEffect),
      tookUs: new Float64Array(count).fill(-1),
    };
    const sizes = FATES_OF_MESSAGES.map((fate, code) => {
      if (code === 0) return 0;
      const messages = ledger.withFate(trace, topology, fate, count);
      for (const message of messages) columns.fates[message - 1] = code;
      return messages.length;
    });
    // A row asks who holds what; with nobody at work it costs next to nothing, and a fate alone needs none of it.
    const nobody = new Topology({ consumers: {}, timeline: [] });
    let duplicated = 0;
    let late = 0;
    for (let i = 0; i < count; i++) {
      const message = i + 1;
      const needsReason = (columns.fates[i] as number) > 1;
      const row = ledger.row(trace, needsReason ? topology : nobody, message);
      columns.deliveries[i] = row.deliveries;
      columns.effects[i] = row.effects;
      if (needsReason) columns.because[i] = row.because;
      const isLate = this.#late[i] === true;
      columns.flags[i] =
        (row.confirmed ? LEDGER_FLAGS.confirmed : 0) |
        (row.settled ? LEDGER_FLAGS.settled : 0) |
        (isLate ? LEDGER_FLAGS.late : 0);
      if (isLate) late++;
      if ((columns.repeats[i] as number) > 0) duplicated++;
      const effect = this.#firstEffect[i] as FactId;
      if (effect > 0) columns.tookUs[i] = trace.time(effect) - trace.time(this.#produced[i] as FactId);
    }
    const [, pending = 0, , dropped = 0, lost = 0] = sizes;
    const done = count - sizes.reduce((sum, n) => sum + n, 0);
    const totals: LedgerCounts = {
      sent: count,
      confirmed: ledger.confirmed,
      delivered: ledger.deliveries,
      effects: ledger.effects,
      settled: ledger.settled,
      deadLettered: ledger.deadLettered,
      dropped,
      lost,
      duplicateEffects: ledger.duplicateEffects,
      unexpected: ledger.unexpected,
      recovered: ledger.recovered,
      once: done - duplicated,
      duplicated,
      late,
      pending,
    };
    return { ...columns, totals };
  }

  #make(id: FactId): void {
    this.#produced.push(id);
    this.#firstEffect.push(0);
    this.#repeats.push(0);
    this.#late.push(false);
  }

  #apply(id: FactId): void {
    const trace = this.#trace;
    const outcome = trace.detail(id);
    if (outcome === APPLIED.refused) return;
    const message = trace.messageOf(id);
    const i = message - 1;
    if (outcome === APPLIED.again) this.#repeats[i] = (this.#repeats[i] ?? 0) + 1;
    if (this.#firstEffect[i] === 0) this.#firstEffect[i] = id;
    const { key, producer, sequence } = trace.message(message);
    if (key === null) return;
    const order = this.#orderOf(trace.peer(id) === 0 ? trace.actor(id) : trace.peer(id));
    if (order.seen.has(message)) return;
    order.seen.add(message);
    const name = `${producer} ${key}`;
    const front = order.fronts.get(name) ?? 0;
    if (sequence > front) order.fronts.set(name, sequence);
    else this.#late[i] = true;
  }

  #orderOf(consumer: ActorId): GroupOrder {
    const name = this.#trace.actors[consumer]?.group ?? '';
    let order = this.#groups.get(name);
    if (order === undefined) {
      order = { seen: new Set(), fronts: new Map() };
      this.#groups.set(name, order);
    }
    return order;
  }
}
