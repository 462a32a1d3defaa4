/**
 * Who held which message from when to when: locks that a broker keeps for a consumer, and what a consumer has in hand, waiting or in work. One pass over
 * a trace, in the order of beginnings; each holding has a lane beside its actor's lifeline, so that those that overlap stand side by side.
 */
import type { SettleWhen } from '../../core/clients/ports.ts';
import { F } from '../../core/facts.ts';
import type { ActorId, FactId, MessageId } from '../../core/types.ts';
import type { Trace } from '../trace.ts';
import type { TopologyScenario } from './topology.ts';

/** Codes of `HoldingColumns.kinds`. */
export const HOLDINGS = { locked: 0, waiting: 1, working: 2 } as const;
/** Lanes that are told apart; what comes beyond shares the last one. */
export const LANES = 32;

export interface HoldingColumns {
  readonly count: number;
  readonly kinds: Uint8Array;
  /** The broker node that keeps the lock, or the consumer that has it in hand. */
  readonly actors: Uint16Array;
  readonly messages: Uint32Array;
  /** The fact that it began with, rising. */
  readonly facts: Uint32Array;
  /** The fact that ended it; 0 for what lasts until the end. */
  readonly ends: Uint32Array;
  /** 0 is nearest to the lifeline. */
  readonly lanes: Uint8Array;
}

export function holdingsOf(trace: Trace, scenario: TopologyScenario): HoldingColumns {
  const holder = new Holder(trace, scenario);
  for (let id = 1; id <= trace.count; id++) holder.see(id);
  return holder.columns();
}

/** Index of a holding. */
type Index = number;

class Holder {
  readonly #trace: Trace;
  readonly #scenario: TopologyScenario;
  readonly #kinds: number[] = [];
  readonly #actors: ActorId[] = [];
  readonly #messages: MessageId[] = [];
  readonly #facts: FactId[] = [];
  readonly #ends: FactId[] = [];
  readonly #lanes: number[] = [];
  /** By message: its open locks, with the consumers they are for. */
  readonly #locks = new Map<MessageId, { readonly at: Index; readonly place: number; readonly consumer: ActorId }[]>();
  /** By consumer: what it has in hand, by message. */
  readonly #hands = new Map<ActorId, Map<MessageId, { readonly at: Index; failed: boolean }>>();
  /** By actor: bit i is set while lane i is taken. */
  readonly #taken: number[] = [];

  constructor(trace: Trace, scenario: TopologyScenario) {
    this.#trace = trace;
    this.#scenario = scenario;
  }

  see(id: FactId): void {
    const trace = this.#trace;
    const actor = trace.actor(id);
    const message = trace.messageOf(id);
    switch (trace.kind(id)) {
      case F.delivered:
        if (trace.places[trace.place(id)]?.kind === 'queue') this.#lock(id, message, trace.peer(id));
        return;
      case F.acked:
      case F.nacked:
      case F.requeued:
      case F.expired:
      case F.evicted:
      case F.lost:
        this.#unlock(id, message, trace.place(id), trace.peer(id));
        return;
      case F['lock-expired']:
        this.#unlock(id, message, trace.place(id), trace.peer(id));
        // A consumer that failed on it and left it at that has nothing more to do with it.
        if (this.#hands.get(trace.peer(id))?.get(message)?.failed === true) this.#drop(id, trace.peer(id), message);
        return;
      case F['dead-lettered']:
      case F.redriven:
        this.#unlock(id, message, 0, 0);
        return;
      case F.received:
        this.#take(id, actor, message, HOLDINGS.waiting);
        return;
      case F.begun:
        this.#drop(id, actor, message);
        this.#take(id, actor, message, HOLDINGS.working);
        return;
      case F.applied:
        this.#worked(id, trace.peer(id) === 0 ? actor : trace.peer(id), message, false);
        return;
      case F.failed:
      case F.skipped:
        this.#worked(id, actor, message, true);
        return;
      case F.settled:
        if (this.#settles(actor) !== 'before-processing') this.#drop(id, actor, message);
        return;
      case F.crashed:
      case F.stopped:
        this.#dropAll(id, actor, false);
        return;
      case F['connection-lost']:
        this.#dropAll(id, trace.actors[actor]?.kind === 'consumer' ? actor : trace.peer(id), true);
        return;
      default:
        return;
    }
  }

  columns(): HoldingColumns {
    return {
      count: this.#kinds.length,
      kinds: Uint8Array.from(this.#kinds),
      actors: Uint16Array.from(this.#actors),
      messages: Uint32Array.from(this.#messages),
      facts: Uint32Array.from(this.#facts),
      ends: Uint32Array.from(this.#ends),
      lanes: Uint8Array.from(this.#lanes),
    };
  }

  #lock(id: FactId, message: MessageId, consumer: ActorId): void {
    const trace = this.#trace;
    const at = this.#begin(id, trace.actor(id), message, HOLDINGS.locked);
    const open = { at, place: trace.place(id), consumer };
    const others = this.#locks.get(message);
    if (others === undefined) this.#locks.set(message, [open]);
    else others.push(open);
  }

  /** Ends the locks of a message at a place (0: anywhere) for a consumer (0: any). */
  #unlock(id: FactId, message: MessageId, place: number, consumer: ActorId): void {
    const open = this.#locks.get(message);
    if (open === undefined) return;
    const left = open.filter((lock) => {
      const isMeant = (place === 0 || lock.place === place) && (consumer === 0 || lock.consumer === consumer);
      if (isMeant) this.#end(lock.at, id);
      return !isMeant;
    });
    if (left.length === 0) this.#locks.delete(message);
    else this.#locks.set(message, left);
  }

  #take(id: FactId, consumer: ActorId, message: MessageId, kind: number): void {
    let hand = this.#hands.get(consumer);
    if (hand === undefined) {
      hand = new Map();
      this.#hands.set(consumer, hand);
    }
    const before = hand.get(message);
    if (before !== undefined) this.#end(before.at, id);
    hand.set(message, { at: this.#begin(id, consumer, message, kind), failed: false });
  }

  #drop(id: FactId, consumer: ActorId, message: MessageId): void {
    const hand = this.#hands.get(consumer);
    const held = hand?.get(message);
    if (hand === undefined || held === undefined) return;
    hand.delete(message);
    this.#end(held.at, id);
  }

  /** The work is over; who settles afterwards holds on to it until then. */
  #worked(id: FactId, consumer: ActorId, message: MessageId, failed: boolean): void {
    const held = this.#hands.get(consumer)?.get(message);
    if (held === undefined) return;
    if (this.#settles(consumer) === 'after-processing') held.failed = failed;
    else this.#drop(id, consumer, message);
  }

  #dropAll(id: FactId, consumer: ActorId, onlyWaiting: boolean): void {
    const hand = this.#hands.get(consumer);
    if (hand === undefined) return;
    for (const [message, { at }] of hand) {
      if (onlyWaiting && this.#kinds[at] !== HOLDINGS.waiting) continue;
      hand.delete(message);
      this.#end(at, id);
    }
  }

  #begin(id: FactId, actor: ActorId, message: MessageId, kind: number): Index {
    const taken = this.#taken[actor] ?? 0;
    let lane = 0;
    while (lane < LANES - 1 && (taken & (1 << lane)) !== 0) lane++;
    this.#taken[actor] = taken | (1 << lane);
    this.#kinds.push(kind);
    this.#actors.push(actor);
    this.#messages.push(message);
    this.#facts.push(id);
    this.#ends.push(0);
    this.#lanes.push(lane);
    return this.#kinds.length - 1;
  }

  #end(at: Index, id: FactId): void {
    if (this.#ends[at] !== 0) return;
    this.#ends[at] = id;
    const actor = this.#actors[at] as ActorId;
    this.#taken[actor] = (this.#taken[actor] ?? 0) & ~(1 << (this.#lanes[at] as number));
  }

  #settles(consumer: ActorId): SettleWhen {
    return this.#scenario.consumers[this.#trace.actors[consumer]?.group ?? '']?.settle ?? 'after-processing';
  }
}
