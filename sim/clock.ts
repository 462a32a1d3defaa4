/**
 * Virtual now and the agenda: what happens next, ordered by (time, sequence). Events are kept in slots of parallel arrays; a 4-ary heap
 * of typed arrays orders those in the future, and a plain ring keeps those of this very instant, which need no ordering: whatever the heap
 * still holds for now was scheduled before them. Cancelling marks the slot; the heap drops it when it comes up.
 */
import type { Wire } from '../core/machine.ts';
import type { ActorId, FactId, Micros } from '../core/types.ts';

/** What kind of thing happens: a hop arrives, a timer fires, or the world itself is to do something. */
export const EVENT = { hop: 0, timer: 1, world: 2 } as const;

/** The event that `next` has just taken out; read it before the following call. */
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

export class Agenda {
  now: Micros = 0;
  readonly taken: TakenEvent = { kind: 0, actor: 0, from: 0, incarnation: 0, cause: 0, wire: NO_WIRE };

  // Slots. `wires[slot] === null` is a cancelled one.
  #kinds = new Uint8Array(1024);
  #actors = new Uint16Array(1024);
  #froms = new Uint16Array(1024);
  #incarnations = new Uint32Array(1024);
  #causes = new Uint32Array(1024);
  #generations = new Uint32Array(1024);
  #wires: (Wire | null)[] = [];
  #free: number[] = [];
  #slots = 0;

  // The future: heap position → (time, sequence, slot).
  #times = new Float64Array(1024);
  #sequences = new Float64Array(1024);
  #heapSlots = new Uint32Array(1024);
  #size = 0;
  #sequence = 0;

  // This instant: a ring of slots, capacity a power of two.
  #ring = new Uint32Array(1024);
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
    const slot = this.#take();
    this.#kinds[slot] = kind;
    this.#actors[slot] = actor;
    this.#froms[slot] = from;
    this.#incarnations[slot] = incarnation;
    this.#causes[slot] = cause;
    this.#wires[slot] = wire;
    if (time <= this.now) this.#pushNow(slot);
    else this.#pushFuture(time, slot);
    return (this.#generations[slot] ?? 0) * 0x1000000 + slot + 1;
  }

  /** Forgets an event; an unknown or used ticket is ignored. */
  cancel(ticket: number): void {
    if (ticket <= 0) return;
    const slot = (ticket - 1) % 0x1000000;
    if ((ticket - 1 - slot) / 0x1000000 === this.#generations[slot]) this.#wires[slot] = null;
  }

  /** Time of the next event, or Infinity. Cancelled events count until they come up. */
  peek(): Micros {
    if (this.#size > 0 && (this.#times[0] as number) <= this.now) return this.now;
    if (this.#head !== this.#tail) return this.now;
    return this.#size > 0 ? (this.#times[0] as number) : Number.POSITIVE_INFINITY;
  }

  /** Takes the next event into `taken` and moves the clock to it; false when there is none at or before `until`. */
  next(until: Micros): boolean {
    for (;;) {
      let slot: number;
      if (this.#size > 0 && (this.#times[0] as number) <= this.now) slot = this.#popFuture();
      else if (this.#head !== this.#tail) slot = this.#ring[this.#head++ & (this.#ring.length - 1)] as number;
      else if (this.#size > 0 && (this.#times[0] as number) <= until) {
        this.now = this.#times[0] as number;
        slot = this.#popFuture();
      } else return false;

      const wire = this.#wires[slot] as Wire | null;
      if (wire !== null) {
        const taken = this.taken;
        taken.kind = this.#kinds[slot] as number;
        taken.actor = this.#actors[slot] as number;
        taken.from = this.#froms[slot] as number;
        taken.incarnation = this.#incarnations[slot] as number;
        taken.cause = this.#causes[slot] as number;
        taken.wire = wire;
        this.#wires[slot] = null;
      }
      this.#generations[slot] = ((this.#generations[slot] as number) + 1) % 0x10000000;
      this.#free.push(slot);
      if (wire !== null) return true;
    }
  }

  #take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const slot = this.#slots++;
    if (slot === this.#kinds.length) {
      this.#kinds = grown(this.#kinds, Uint8Array);
      this.#actors = grown(this.#actors, Uint16Array);
      this.#froms = grown(this.#froms, Uint16Array);
      this.#incarnations = grown(this.#incarnations, Uint32Array);
      this.#causes = grown(this.#causes, Uint32Array);
      this.#generations = grown(this.#generations, Uint32Array);
    }
    this.#wires.push(null);
    return slot;
  }

  #pushNow(slot: number): void {
    const capacity = this.#ring.length;
    if (this.#tail - this.#head === capacity) {
      const bigger = new Uint32Array(capacity * 2);
      for (let i = 0; i < capacity; i++) bigger[i] = this.#ring[(this.#head + i) & (capacity - 1)] as number;
      this.#ring = bigger;
      this.#head = 0;
      this.#tail = capacity;
    }
    this.#ring[this.#tail++ & (this.#ring.length - 1)] = slot;
  }

  #pushFuture(time: Micros, slot: number): void {
    if (this.#size === this.#times.length) {
      this.#times = grown(this.#times, Float64Array);
      this.#sequences = grown(this.#sequences, Float64Array);
      this.#heapSlots = grown(this.#heapSlots, Uint32Array);
    }
    const times = this.#times;
    const sequences = this.#sequences;
    const slots = this.#heapSlots;
    const sequence = this.#sequence++;
    // Newer events of the same time sink below older ones, so on the way up only a later time moves aside.
    let i = this.#size++;
    while (i > 0) {
      const parent = (i - 1) >> 2;
      const parentTime = times[parent] as number;
      if (parentTime <= time) break;
      times[i] = parentTime;
      sequences[i] = sequences[parent] as number;
      slots[i] = slots[parent] as number;
      i = parent;
    }
    times[i] = time;
    sequences[i] = sequence;
    slots[i] = slot;
  }

  #popFuture(): number {
    const times = this.#times;
    const sequences = this.#sequences;
    const slots = this.#heapSlots;
    const top = slots[0] as number;
    const size = --this.#size;
    if (size === 0) return top;
    const time = times[size] as number;
    const sequence = sequences[size] as number;
    const slot = slots[size] as number;
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
      slots[i] = slots[least] as number;
      i = least;
    }
    times[i] = time;
    sequences[i] = sequence;
    slots[i] = slot;
    return top;
  }
}

function grown<T extends { readonly length: number; set(from: T): void }>(old: T, make: new (length: number) => T): T {
  const bigger = new make(old.length * 2);
  bigger.set(old);
  return bigger;
}
