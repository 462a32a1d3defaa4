/**
 * Which hops are on the network at a time. Not part of the folded state: what travels depends on the time, not on the number of facts seen, so it is a
 * question to the trace, made fast by remembering per block of facts when the last of its hops arrives.
 */
import { F } from '../../core/facts.ts';
import { HOPS, type HopKind } from '../../core/machine.ts';
import type { ActorId, FactId, MessageId, Micros } from '../../core/types.ts';
import type { Trace } from '../trace.ts';

/** A hop on its way. A lost one is shown until it would have arrived. */
export interface Hop {
  readonly fact: FactId;
  /** 0 when the hop carries no message. */
  readonly message: MessageId;
  readonly from: ActorId;
  readonly to: ActorId;
  readonly kind: HopKind;
  readonly fate: 'passed' | 'lost' | 'duplicated';
  /** Index of FATES: why it was lost. */
  readonly fateCode: number;
  readonly departureUs: Micros;
  readonly arrivalUs: Micros;
}

/** Facts in a block. */
const BLOCK = 256;
const DUPLICATED = 4;

/** Answers for one trace, which may still grow. */
export class TransitIndex {
  readonly #trace: Trace;
  /** Per block: when the last hop sent in it arrives; 0 when none was sent. */
  readonly #arrivals: Micros[] = [];
  #indexed = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** Hops with departure ≤ time < arrival, in the order of departure. `limit` bounds the answer to the latest so many. */
  at(time: Micros, limit = Number.MAX_SAFE_INTEGER): Hop[] {
    const trace = this.#trace;
    this.#extend();
    const hops: Hop[] = [];
    const last = trace.lastAt(time);
    for (let block = Math.floor((last - 1) / BLOCK); block >= 0 && hops.length < limit; block--) {
      if ((this.#arrivals[block] ?? 0) <= time) continue;
      for (let id = Math.min(last, (block + 1) * BLOCK); id > block * BLOCK && hops.length < limit; id--) {
        if (trace.kind(id) !== F.sent) continue;
        const departure = trace.time(id);
        if (departure + trace.value(id) > time) hops.push(hopOf(trace, id, departure));
      }
    }
    return hops.reverse();
  }

  /** Calls `visit` with each hop with departure ≤ time < arrival, the latest first: for those who count and need no objects. */
  each(time: Micros, visit: (fact: FactId, departureUs: Micros, lengthUs: Micros) => void): void {
    const trace = this.#trace;
    this.#extend();
    const last = trace.lastAt(time);
    for (let block = Math.floor((last - 1) / BLOCK); block >= 0; block--) {
      if ((this.#arrivals[block] ?? 0) <= time) continue;
      for (let id = Math.min(last, (block + 1) * BLOCK); id > block * BLOCK; id--) {
        if (trace.kind(id) !== F.sent) continue;
        const departure = trace.time(id);
        const length = trace.value(id);
        if (departure + length > time) visit(id, departure, length);
      }
    }
  }

  #extend(): void {
    const trace = this.#trace;
    for (let id = this.#indexed + 1; id <= trace.count; id++) {
      const block = Math.floor((id - 1) / BLOCK);
      if (block === this.#arrivals.length) this.#arrivals.push(0);
      if (trace.kind(id) !== F.sent) continue;
      const arrival = trace.time(id) + trace.value(id);
      if (arrival > (this.#arrivals[block] as number)) this.#arrivals[block] = arrival;
    }
    this.#indexed = trace.count;
  }
}

function hopOf(trace: Trace, id: FactId, departure: Micros): Hop {
  const detail = trace.detail(id);
  const fateCode = detail >> 3;
  return {
    fact: id,
    message: trace.messageOf(id),
    from: trace.actor(id),
    to: trace.peer(id),
    kind: HOPS[detail & 7] as HopKind,
    fate: fateCode === 0 ? 'passed' : fateCode === DUPLICATED ? 'duplicated' : 'lost',
    fateCode,
    departureUs: departure,
    arrivalUs: departure + trace.value(id),
  };
}
