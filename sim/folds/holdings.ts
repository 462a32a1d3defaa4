/**
 * Who held which message from when to when: locks that a broker keeps for a consumer, and what a consumer has in hand, waiting or in work. One pass over
 * a trace, in the order of beginnings; each holding has a slot beside its actor's lifeline, so that those that overlap stand side by side.
 */
import { F } from '../../core/facts.ts';
import type { ActorId, FactId, MessageId } from '../../core/types.ts';
import type { Trace } from '../trace.ts';
import { Hands, type HandsScenario, type HandWatcher, type InHand } from './hands.ts';

/** Codes of `HoldingColumns.kinds`. */
export const HOLDINGS = { locked: 0, waiting: 1, working: 2 } as const;
/** Slots that are told apart; what comes beyond shares the last one. */
export const SLOTS = 32;

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
  readonly slots: Uint8Array;
}

export function holdingsOf(trace: Trace, scenario: HandsScenario): HoldingColumns {
  const holder = new Holder(trace, scenario);
  for (let id = 1; id <= trace.count; id++) holder.see(id);
  return holder.columns();
}

/** Index of a holding. */
type Index = number;

class Holder implements HandWatcher {
  readonly #trace: Trace;
  readonly #kinds: number[] = [];
  readonly #actors: ActorId[] = [];
  readonly #messages: MessageId[] = [];
  readonly #facts: FactId[] = [];
  readonly #ends: FactId[] = [];
  readonly #slots: number[] = [];
  /** By message: its open locks, with the consumers they are for. */
  readonly #locks = new Map<MessageId, { readonly at: Index; readonly place: number; readonly consumer: ActorId }[]>();
  /** By consumer: what it has in hand. */
  readonly #inHand: InHand[][] = [];
  readonly #hands: Hands;
  /** Holdings that are not over. */
  readonly #open = new Map<InHand, Index>();
  /** By actor: bit i is set while slot i is taken. */
  readonly #taken: number[] = [];

  constructor(trace: Trace, scenario: HandsScenario) {
    this.#trace = trace;
    this.#hands = new Hands(scenario, (actor) => this.#handOf(actor), this);
  }

  see(id: FactId): void {
    const trace = this.#trace;
    const message = trace.messageOf(id);
    this.#hands.see(trace, id);
    switch (trace.kind(id)) {
      case F.delivered:
        if (trace.places[trace.place(id)]?.kind === 'queue') this.#lock(id, message, trace.peer(id));
        return;
      case F.acked:
      case F.nacked:
      case F['lock-expired']:
      case F.requeued:
      case F.expired:
      case F.evicted:
      case F.lost:
        this.#unlock(id, message, trace.place(id), trace.peer(id));
        return;
      case F['dead-lettered']:
      case F.redriven:
        this.#unlock(id, message, 0, 0);
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
      slots: Uint8Array.from(this.#slots),
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

  took(consumer: ActorId, held: InHand, fact: FactId): void {
    const kind = held.step === 'begun' ? HOLDINGS.working : HOLDINGS.waiting;
    this.#open.set(held, this.#begin(fact, consumer, held.message, kind));
  }

  began(consumer: ActorId, held: InHand, fact: FactId): void {
    this.left(consumer, held, fact);
    this.took(consumer, held, fact);
  }

  left(_: ActorId, held: InHand, fact: FactId): void {
    const at = this.#open.get(held);
    if (at === undefined) return;
    this.#open.delete(held);
    this.#end(at, fact);
  }

  #handOf(actor: ActorId): InHand[] {
    const known = this.#inHand[actor];
    if (known !== undefined) return known;
    const hand: InHand[] = [];
    this.#inHand[actor] = hand;
    return hand;
  }

  #begin(id: FactId, actor: ActorId, message: MessageId, kind: number): Index {
    const taken = this.#taken[actor] ?? 0;
    let slot = 0;
    while (slot < SLOTS - 1 && (taken & (1 << slot)) !== 0) slot++;
    this.#taken[actor] = taken | (1 << slot);
    this.#kinds.push(kind);
    this.#actors.push(actor);
    this.#messages.push(message);
    this.#facts.push(id);
    this.#ends.push(0);
    this.#slots.push(slot);
    return this.#kinds.length - 1;
  }

  #end(at: Index, id: FactId): void {
    if (this.#ends[at] !== 0) return;
    this.#ends[at] = id;
    const actor = this.#actors[at] as ActorId;
    this.#taken[actor] = (this.#taken[actor] ?? 0) & ~(1 << (this.#slots[at] as number));
  }
}
