/**
 * Virtual now and the agenda: what happens next, ordered by (time, sequence). An event lies in a slot: a row of
 * 32-bit words that is used again and again. A 4-ary heap of times and slots orders those in the future, and a plain ring keeps those of this very
 * instant, which need no ordering: whatever the heap still holds for now was scheduled before them. Numbers in typed arrays instead of objects, so that
 * a million pending events cost no garbage collection and few lines of the processor's cache. Cancelling marks the event; it is dropped when it
 * comes up.
 */
import type { Wire } from '../core/machine.ts';
import type { ActorId, FactId, Micros } from '../core/types.ts';

/** What kind of thing happens: a hop arrives, a timer fires, or the world itself is to do something. */
export const EVENT = { hop: 0, timer: 1, world: 2 } as const;

/** The event that was taken out; written over by the next one. */
export interface TakenEvent {
  kind: number;
  /** Who it is for. */
  actor: ActorId;
  /** Who sent the hop. */
  from: ActorId;
  /** The process that it was meant for (`incarnation` at the time of setting). */
  incarnation: number;
  cause: FactId;
  wire: Wire;
}

const NO_WIRE: Wire = { type: '' };
/** A ticket is generation × TICKETS + slot + 1. */
const TICKETS = 2 ** 24;
const GENERATIONS = 2 ** 28;

/** A slot's words. The last two hold, as one double, its sequence number. */
const WORDS = 8;
const KIND = 0;
const ACTOR = 1;
const FROM = 2;
const INCARNATION = 3;
const CAUSE = 4;
/** Grows with each use, so that a ticket of an earlier use cancels nothing. */
const GENERATION = 5;
const DOUBLES = WORDS / 2;
const SEQUENCE = 3;
/** The kind of a cancelled event. */
const CANCELLED = -1;

export class Agenda {
  now: Micros = 0;
  /** The event that `next` has just taken out; read it before the following call. */
  readonly taken: TakenEvent = { kind: 0, actor: 0, from: 0, incarnation: 0, cause: 0, wire: NO_WIRE };

  // Slots: their words (and the same memory as doubles), what each carries, and those that are free.
  #words = new Int32Array(1024 * WORDS);
  #doubles = new Float64Array(this.#words.buffer);
  readonly #wires: Wire[] = [];
  #free = new Int32Array(1024);
  #freed = 0;
  #sequence = 0;

  // The future: time and slot of each position of the heap, side by side.
  #heap = new Float64Array(2 * 1024);
  #size = 0;

  // This instant: a ring of slots, capacity a power of two.
  #ring = new Int32Array(1024);
  #head = 0;
  #tail = 0;

  /** Events pending, cancelled ones included. */
  get pending(): number {
    return this.#size + (this.#tail - this.#head);
  }

  /** Schedules an event; returns a ticket for `cancel`. `time` is not before now. */
  schedule(
    time: Micros,
    kind: number,
    actor: ActorId,
    from: ActorId,
    incarnation: number,
    cause: FactId,
    wire: Wire,
  ): number {
    const slot = this.#freed > 0 ? (this.#free[--this.#freed] as number) : this.#newSlot();
    const words = this.#words;
    const at = slot * WORDS;
    words[at + KIND] = kind;
    words[at + ACTOR] = actor;
    words[at + FROM] = from;
    words[at + INCARNATION] = incarnation;
    words[at + CAUSE] = cause;
    this.#wires[slot] = wire;
    if (time <= this.now) this.#pushNow(slot);
    else this.#pushFuture(time, slot);
    return (words[at + GENERATION] as number) * TICKETS + slot + 1;
  }

  /** Forgets an event; an unknown or used ticket is ignored. */
  cancel(ticket: number): void {
    if (ticket <= 0) return;
    const slot = (ticket - 1) % TICKETS;
    if (this.#words[slot * WORDS + GENERATION] !== (ticket - 1 - slot) / TICKETS) return;
    this.#words[slot * WORDS + KIND] = CANCELLED;
    this.#wires[slot] = NO_WIRE;
  }

  /** Time of the next event, or Infinity. Cancelled events count until they come up. */
  peek(): Micros {
    if (this.#head !== this.#tail) return this.now;
    if (this.#size === 0) return Number.POSITIVE_INFINITY;
    const time = this.#heap[0] as number;
    return time > this.now ? time : this.now;
  }

  /** Takes the next event into `taken` and moves the clock to it; false when there is none at or before `until`. */
  next(until: Micros): boolean {
    for (;;) {
      let slot: number;
      const future = this.#size > 0 ? (this.#heap[0] as number) : Number.POSITIVE_INFINITY;
      if (future <= this.now) slot = this.#popFuture();
      else if (this.#head !== this.#tail) slot = this.#ring[this.#head++ & (this.#ring.length - 1)] as number;
      else if (future <= until && future < Number.POSITIVE_INFINITY) {
        this.now = future;
        slot = this.#popFuture();
      } else return false;
      if (this.#take(slot)) return true;
    }
  }

  /** Moves a slot's event into `taken` and frees the slot; false when it was cancelled. */
  #take(slot: number): boolean {
    const { taken } = this;
    const words = this.#words;
    const at = slot * WORDS;
    const kind = words[at + KIND] as number;
    taken.kind = kind;
    taken.actor = words[at + ACTOR] as number;
    taken.from = words[at + FROM] as number;
    taken.incarnation = words[at + INCARNATION] as number;
    taken.cause = words[at + CAUSE] as number;
    taken.wire = this.#wires[slot] as Wire;
    const generation = (words[at + GENERATION] as number) + 1;
    words[at + GENERATION] = generation < GENERATIONS ? generation : 0;
    this.#free[this.#freed++] = slot;
    return kind !== CANCELLED;
  }

  #newSlot(): number {
    const slot = this.#wires.length;
    this.#wires.push(NO_WIRE);
    if ((slot + 1) * WORDS > this.#words.length) {
      this.#words = grown(this.#words, Int32Array);
      this.#doubles = new Float64Array(this.#words.buffer);
      this.#free = grown(this.#free, Int32Array);
    }
    return slot;
  }

  #pushNow(slot: number): void {
    const capacity = this.#ring.length;
    if (this.#tail - this.#head === capacity) {
      const bigger = new Int32Array(2 * capacity);
      for (let i = 0; i < capacity; i++) bigger[i] = this.#ring[(this.#head + i) & (capacity - 1)] as number;
      this.#ring = bigger;
      this.#head = 0;
      this.#tail = capacity;
    }
    this.#ring[this.#tail++ & (this.#ring.length - 1)] = slot;
  }

  #pushFuture(time: Micros, slot: number): void {
    if (2 * this.#size === this.#heap.length) this.#heap = grown(this.#heap, Float64Array);
    this.#doubles[slot * DOUBLES + SEQUENCE] = this.#sequence++;
    const heap = this.#heap;
    // Newer events of the same time sink below older ones, so on the way up only a later time moves aside.
    let i = this.#size++;
    while (i > 0) {
      const parent = (i - 1) >> 2;
      const parentTime = heap[2 * parent] as number;
      if (parentTime <= time) break;
      heap[2 * i] = parentTime;
      heap[2 * i + 1] = heap[2 * parent + 1] as number;
      i = parent;
    }
    heap[2 * i] = time;
    heap[2 * i + 1] = slot;
  }

  #popFuture(): number {
    const heap = this.#heap;
    const top = heap[1] as number;
    const size = --this.#size;
    const time = heap[2 * size] as number;
    const slot = heap[2 * size + 1] as number;
    let i = 0;
    for (;;) {
      const first = 4 * i + 1;
      if (first >= size) break;
      let least = first;
      let leastTime = heap[2 * first] as number;
      const end = first + 4 < size ? first + 4 : size;
      for (let child = first + 1; child < end; child++) {
        const childTime = heap[2 * child] as number;
        if (childTime < leastTime || (childTime === leastTime && this.#isOlder(child, least))) {
          least = child;
          leastTime = childTime;
        }
      }
      if (leastTime > time || (leastTime === time && !this.#isOlder(least, size))) break;
      heap[2 * i] = leastTime;
      heap[2 * i + 1] = heap[2 * least + 1] as number;
      i = least;
    }
    heap[2 * i] = time;
    heap[2 * i + 1] = slot;
    return top;
  }

  /** Whether the event at one position of the heap was scheduled before that at another. */
  #isOlder(one: number, other: number): boolean {
    const doubles = this.#doubles;
    const a = (this.#heap[2 * one + 1] as number) * DOUBLES + SEQUENCE;
    const b = (this.#heap[2 * other + 1] as number) * DOUBLES + SEQUENCE;
    return (doubles[a] as number) < (doubles[b] as number);
  }
}

function grown<T extends { readonly length: number; set(from: T): void }>(old: T, make: new (length: number) => T): T {
  const bigger = new make(old.length * 2);
  bigger.set(old);
  return bigger;
}
