/**
 * Virtual now and the agenda: what happens next, ordered by (time, sequence). Events are objects of a pool, used again and
 * again; a 4-ary heap with its keys in typed arrays orders those in the future, and a plain ring keeps those of this very instant, which need no
 * ordering: whatever the heap still holds for now was scheduled before them. Cancelling marks the event; it is dropped when it comes up.
 */
import type { Wire } from '../core/machine.ts';
import type { ActorId, FactId, Micros } from '../core/types.ts';

/** What kind of thing happens: a hop arrives, a timer fires, or the world itself is to do something. */
export const EVENT = { hop: 0, timer: 1, world: 2 } as const;

/** A scheduled event. The agenda owns it and uses it again after the following call of `next`. */
export interface TakenEvent {
  readonly kind: number;
  /** Who it is for. */
  readonly actor: ActorId;
  /** Who sent the hop. */
  readonly from: ActorId;
  /** The process that it was meant for (`incarnation` at the time of setting). */
  readonly incarnation: number;
  readonly cause: FactId;
  readonly wire: Wire;
}

type Event = { -readonly [Field in keyof TakenEvent]: TakenEvent[Field] } & {
  /** Place in the pool. */
  readonly slot: number;
  /** Grows with each use, so that a ticket of an earlier use cancels nothing. */
  generation: number;
  cancelled: boolean;
};

const NO_WIRE: Wire = { type: '' };
/** A ticket is generation × TICKETS + slot + 1. */
const TICKETS = 2 ** 24;
const GENERATIONS = 2 ** 28;

export class Agenda {
  now: Micros = 0;
  /** The event that `next` has just taken out; read it before the following call. */
  taken: TakenEvent = { kind: 0, actor: 0, from: 0, incarnation: 0, cause: 0, wire: NO_WIRE };

  readonly #pool: Event[] = [];
  readonly #free: Event[] = [];
  /** The taken event, to be used again. */
  #used: Event | null = null;

  // The future: heap position → (time, sequence, event).
  #times = new Float64Array(1024);
  #sequences = new Float64Array(1024);
  readonly #heap: Event[] = [];
  #sequence = 0;

  // This instant: a ring, capacity a power of two.
  #ring: (Event | undefined)[] = new Array(1024).fill(undefined);
  #head = 0;
  #tail = 0;

  /** Events pending, cancelled ones included. */
  get pending(): number {
    return this.#heap.length + (this.#tail - this.#head);
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
    const event = this.#free.pop() ?? this.#newEvent();
    event.kind = kind;
    event.actor = actor;
    event.from = from;
    event.incarnation = incarnation;
    event.cause = cause;
    event.wire = wire;
    if (time <= this.now) this.#pushNow(event);
    else this.#pushFuture(time, event);
    return event.generation * TICKETS + event.slot + 1;
  }

  /** Forgets an event; an unknown or used ticket is ignored. */
  cancel(ticket: number): void {
    if (ticket <= 0) return;
    const slot = (ticket - 1) % TICKETS;
    const event = this.#pool[slot];
    if (event === undefined || (ticket - 1 - slot) / TICKETS !== event.generation) return;
    event.cancelled = true;
    event.wire = NO_WIRE;
  }

  /** Time of the next event, or Infinity. Cancelled events count until they come up. */
  peek(): Micros {
    if (this.#head !== this.#tail) return this.now;
    if (this.#heap.length === 0) return Number.POSITIVE_INFINITY;
    const time = this.#times[0] as number;
    return time > this.now ? time : this.now;
  }

  /** Takes the next event into `taken` and moves the clock to it; false when there is none at or before `until`. */
  next(until: Micros): boolean {
    if (this.#used !== null) {
      this.#release(this.#used);
      this.#used = null;
    }
    for (;;) {
      let event: Event;
      const future = this.#heap.length > 0 ? (this.#times[0] as number) : Number.POSITIVE_INFINITY;
      if (future <= this.now) event = this.#popFuture();
      else if (this.#head !== this.#tail) {
        const at = this.#head++ & (this.#ring.length - 1);
        event = this.#ring[at] as Event;
      } else if (future <= until && future < Number.POSITIVE_INFINITY) {
        this.now = future;
        event = this.#popFuture();
      } else return false;

      if (!event.cancelled) {
        this.taken = event;
        this.#used = event;
        return true;
      }
      this.#release(event);
    }
  }

  #newEvent(): Event {
    const event: Event = {
      kind: 0,
      actor: 0,
      from: 0,
      incarnation: 0,
      cause: 0,
      wire: NO_WIRE,
      slot: this.#pool.length,
      generation: 0,
      cancelled: false,
    };
    this.#pool.push(event);
    return event;
  }

  #release(event: Event): void {
    event.wire = NO_WIRE;
    event.cancelled = false;
    event.generation = event.generation + 1 < GENERATIONS ? event.generation + 1 : 0;
    this.#free.push(event);
  }

  #pushNow(event: Event): void {
    const capacity = this.#ring.length;
    if (this.#tail - this.#head === capacity) {
      const bigger: (Event | undefined)[] = new Array(capacity * 2).fill(undefined);
      for (let i = 0; i < capacity; i++) bigger[i] = this.#ring[(this.#head + i) & (capacity - 1)];
      this.#ring = bigger;
      this.#head = 0;
      this.#tail = capacity;
    }
    this.#ring[this.#tail++ & (this.#ring.length - 1)] = event;
  }

  #pushFuture(time: Micros, event: Event): void {
    if (this.#heap.length === this.#times.length) {
      this.#times = grown(this.#times, Float64Array);
      this.#sequences = grown(this.#sequences, Float64Array);
    }
    const times = this.#times;
    const sequences = this.#sequences;
    const heap = this.#heap;
    const sequence = this.#sequence++;
    // Newer events of the same time sink below older ones, so on the way up only a later time moves aside.
    let i = heap.length;
    heap.push(event);
    while (i > 0) {
      const parent = (i - 1) >> 2;
      const parentTime = times[parent] as number;
      if (parentTime <= time) break;
      times[i] = parentTime;
      sequences[i] = sequences[parent] as number;
      heap[i] = heap[parent] as Event;
      i = parent;
    }
    times[i] = time;
    sequences[i] = sequence;
    heap[i] = event;
  }

  #popFuture(): Event {
    const times = this.#times;
    const sequences = this.#sequences;
    const heap = this.#heap;
    const top = heap[0] as Event;
    const last = heap.pop() as Event;
    const size = heap.length;
    if (size === 0) return top;
    const time = times[size] as number;
    const sequence = sequences[size] as number;
    let i = 0;
    for (;;) {
      const first = 4 * i + 1;
      if (first >= size) break;
      let least = first;
      let leastTime = times[first] as number;
      let leastSequence = sequences[first] as number;
      const end = first + 4 < size ? first + 4 : size;
      for (let child = first + 1; child < end; child++) {
        const childTime = times[child] as number;
        if (childTime < leastTime || (childTime === leastTime && (sequences[child] as number) < leastSequence)) {
          least = child;
          leastTime = childTime;
          leastSequence = sequences[child] as number;
        }
      }
      if (leastTime > time || (leastTime === time && leastSequence > sequence)) break;
      times[i] = leastTime;
      sequences[i] = leastSequence;
      heap[i] = heap[least] as Event;
      i = least;
    }
    times[i] = time;
    sequences[i] = sequence;
    heap[i] = last;
    return top;
  }
}

function grown<T extends { readonly length: number; set(from: T): void }>(old: T, make: new (length: number) => T): T {
  const bigger = new make(old.length * 2);
  bigger.set(old);
  return bigger;
}
