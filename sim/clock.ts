/**
 * Virtual now and the agenda: what happens next, ordered by (time, sequence). An event lies in a slot: a row of
 * 32-bit words that is used again and again. Of those in the future the next ones lie in a short sorted list, where what is scheduled for soon is soon in its place, and all
 * later ones in a 4-ary heap of times and slots. A plain ring keeps those of this very instant, which need no ordering: whatever list or heap still hold for now was scheduled before them. Numbers in typed arrays instead of objects, so that
 * a million pending events cost no garbage collection and few lines of the processor's cache. Cancelling marks the event; it is dropped when it
 * comes up.
 */
import type { Wire } from '../core/machine.ts';
import type { ActorId, FactId, Micros } from '../core/types.ts';

/** What kind of thing happens: a hop arrives, a timer fires, the world itself is to do something, or work is done (a timer by true time). */
export const EVENT = { hop: 0, timer: 1, world: 2, work: 3 } as const;

/** An event of this instant, or the one that was taken out: objects that later events use again. */
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
/** The ticket of an event in the heap is generation × TICKETS + slot + 1. That of one in the ring is its number there, from −1 downwards. */
const TICKETS = 2 ** 24;
const GENERATIONS = 2 ** 28;

/** A row's words. The last two hold, as one double, its place in the order of scheduling. */
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
/** How long the sorted list is at most. */
const NEAR = 64;
/** Of a heap that holds no more than this the next ones go to the list in one go; to take them out of a larger one ahead of time costs more than it saves. */
const FEW = 1000;
/** The kind of a cancelled event. */
const CANCELLED = -1;

export class Agenda {
  now: Micros = 0;
  /** The event that `next` has just taken out; read it before anything is scheduled. */
  taken: TakenEvent = newEvent();

  // The near future: times and slots of the events that come next, the first one last.
  readonly #nearTimes = new Float64Array(NEAR);
  readonly #nearSlots = new Int32Array(NEAR);
  #near = 0;
  // The rest of the future: time and row of each position of the heap. Separate lists, so that a row's number stays an integer for the engine.
  #times = new Float64Array(1024);
  #slots = new Int32Array(1024);
  #size = 0;
  #sequence = 0;
  // Rows: their words (and the same memory as doubles), what each carries, and those that are free.
  #words = new Int32Array(1024 * WORDS);
  #doubles = new Float64Array(this.#words.buffer);
  readonly #wires: Wire[] = [];
  #free = new Int32Array(1024);
  #freed = 0;
  /** What a row is read into. */
  readonly #read = newEvent();

  // This instant: a ring of events, capacity a power of two. Head and tail count on for ever.
  #ring: TakenEvent[] = [newEvent(), newEvent()];
  #head = 0;
  #tail = 0;

  // Alarms: when each rings (Infinity: not at all), for which process and why; whose it is and what it says, once and for all.
  #alarmTimes = new Float64Array(16);
  #alarmIncarnations = new Int32Array(16);
  #alarmCauses = new Int32Array(16);
  readonly #alarmActors: ActorId[] = [];
  readonly #alarmWires: Wire[] = [];
  /** No alarm rings before this. It is found anew when it comes up, so that most alarms are set and silenced at no cost but these stores. */
  #alarmUs = Number.POSITIVE_INFINITY;
  /** What an alarm that rings is read into. */
  readonly #rung = newEvent();

  /** Events pending, cancelled ones included. */
  get pending(): number {
    return this.#near + this.#size + (this.#tail - this.#head);
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
    if (time <= this.now) {
      this.scheduleNow(kind, actor, from, incarnation, cause, wire);
      return -this.#tail;
    }
    const slot = this.#freed > 0 ? (this.#free[--this.#freed] as number) : this.#newSlot();
    const words = this.#words;
    const at = slot * WORDS;
    words[at + KIND] = kind;
    words[at + ACTOR] = actor;
    words[at + FROM] = from;
    words[at + INCARNATION] = incarnation;
    words[at + CAUSE] = cause;
    this.#doubles[slot * DOUBLES + SEQUENCE] = this.#sequence++;
    this.#wires[slot] = wire;
    this.#push(time, slot);
    return (words[at + GENERATION] as number) * TICKETS + slot + 1;
  }

  /** Schedules an event for later in this instant. */
  scheduleNow(kind: number, actor: ActorId, from: ActorId, incarnation: number, cause: FactId, wire: Wire): void {
    const tail = this.#tail++;
    if (tail - this.#head === this.#ring.length) this.#growRing(tail);
    const ring = this.#ring;
    const event = ring[tail & (ring.length - 1)] as TakenEvent;
    event.kind = kind;
    event.actor = actor;
    event.from = from;
    event.incarnation = incarnation;
    event.cause = cause;
    event.wire = wire;
  }

  /** Forgets an event; an unknown or used ticket is ignored. */
  cancel(ticket: number): void {
    if (ticket < 0) {
      if (-ticket <= this.#head) return;
      const event = this.#ring[(-ticket - 1) & (this.#ring.length - 1)] as TakenEvent;
      event.kind = CANCELLED;
      event.wire = NO_WIRE;
    } else if (ticket > 0) {
      const slot = (ticket - 1) % TICKETS;
      if (this.#words[slot * WORDS + GENERATION] !== (ticket - 1 - slot) / TICKETS) return;
      this.#words[slot * WORDS + KIND] = CANCELLED;
      this.#wires[slot] = NO_WIRE;
    }
  }

  /** A new alarm, silent until `setAlarm`; returns its number. It is a timer for what hardly ever comes: setting it again costs next to nothing. */
  newAlarm(actor: ActorId, wire: Wire): number {
    const alarm = this.#alarmWires.length;
    if (alarm === this.#alarmTimes.length) {
      this.#alarmTimes = grown(this.#alarmTimes, Float64Array);
      this.#alarmIncarnations = grown(this.#alarmIncarnations, Int32Array);
      this.#alarmCauses = grown(this.#alarmCauses, Int32Array);
    }
    this.#alarmActors.push(actor);
    this.#alarmWires.push(wire);
    this.#alarmTimes[alarm] = Number.POSITIVE_INFINITY;
    return alarm;
  }

  /** Sets an alarm to a time, instead of the one that it had. It rings when all else that happens at that time has happened; several, in the order of their numbers. */
  setAlarm(alarm: number, time: Micros, incarnation: number, cause: FactId): void {
    this.#alarmTimes[alarm] = time;
    this.#alarmIncarnations[alarm] = incarnation;
    this.#alarmCauses[alarm] = cause;
    if (time < this.#alarmUs) this.#alarmUs = time;
  }

  silenceAlarm(alarm: number): void {
    this.#alarmTimes[alarm] = Number.POSITIVE_INFINITY;
  }

  /** Takes the next event into `taken` and moves the clock to it; false when there is none at or before `until`. */
  next(until: Micros): boolean {
    for (;;) {
      const future = this.#near > 0 ? (this.#nearTimes[this.#near - 1] as number) : this.#farUs;
      let event: TakenEvent;
      if (future > this.now && this.#head !== this.#tail) {
        const ring = this.#ring;
        event = ring[this.#head++ & (ring.length - 1)] as TakenEvent;
      } else if (future > this.#alarmUs && this.#rings(future, until)) event = this.#rung;
      else {
        if (future > until || future === Number.POSITIVE_INFINITY) return false;
        if (future > this.now) this.now = future;
        event = this.#takeRow(this.#near > 0 ? (this.#nearSlots[--this.#near] as number) : this.#pop());
        if (this.#near === 0 && this.#size > 0 && this.#size <= FEW) this.#comeNearer();
      }
      if (event.kind === CANCELLED) continue;
      this.taken = event;
      return true;
    }
  }

  /**
   * Puts the event that `next` has just taken out off to a later time, before anything else is scheduled: in the order of putting off, and under the ticket that it has had. A timer that is put
   * off has rung: it comes at that time, whatever its clock shows then.
   */
  postpone(time: Micros): void {
    const event = this.taken;
    const kind = event.kind === EVENT.timer ? EVENT.work : event.kind;
    if (event !== this.#read || time <= this.now) {
      const { actor, from, incarnation, cause, wire } = event;
      this.schedule(time, kind, actor, from, incarnation, cause, wire);
      return;
    }
    const slot = this.#free[--this.#freed] as number;
    const words = this.#words;
    words[slot * WORDS + KIND] = kind;
    const at = slot * WORDS + GENERATION;
    const generation = words[at] as number;
    words[at] = generation > 0 ? generation - 1 : GENERATIONS - 1;
    this.#doubles[slot * DOUBLES + SEQUENCE] = this.#sequence++;
    this.#push(time, slot);
  }

  /** Whether an alarm rings before the future, and not after `until`; if so it is taken out, and the clock moved to it. */
  #rings(future: Micros, until: Micros): boolean {
    const times = this.#alarmTimes;
    let earliest = 0;
    for (let alarm = 1; alarm < this.#alarmWires.length; alarm++) {
      if ((times[alarm] as number) < (times[earliest] as number)) earliest = alarm;
    }
    const time = times[earliest] as number;
    this.#alarmUs = time;
    if (time >= future || time > until) return false;
    times[earliest] = Number.POSITIVE_INFINITY;
    if (time > this.now) this.now = time;
    const event = this.#rung;
    event.kind = EVENT.timer;
    event.actor = this.#alarmActors[earliest] as ActorId;
    event.from = 0;
    event.incarnation = this.#alarmIncarnations[earliest] as number;
    event.cause = this.#alarmCauses[earliest] as FactId;
    event.wire = this.#alarmWires[earliest] as Wire;
    return true;
  }

  /** An actor's clock runs at another speed: its timers and alarms move to the times that `when` makes of theirs, and keep their order of setting. `actors`: which bits of an address are the actor. */
  retime(actor: ActorId, actors: number, when: (time: Micros) => Micros): void {
    const events: { readonly time: Micros; readonly slot: number }[] = [];
    this.#moveAway(this.#near);
    for (let i = 0; i < this.#size; i++) {
      const slot = this.#slots[i] as number;
      const at = slot * WORDS;
      const isTheirs =
        this.#words[at + KIND] === EVENT.timer && ((this.#words[at + ACTOR] as number) & actors) === actor;
      const time = this.#times[i] as number;
      events.push({ time: isTheirs ? when(time) : time, slot });
    }
    const order = (slot: number): number => this.#doubles[slot * DOUBLES + SEQUENCE] as number;
    // What is in order is a heap.
    events.sort((one, other) => one.time - other.time || order(one.slot) - order(other.slot));
    events.forEach(({ time, slot }, i) => {
      this.#times[i] = time;
      this.#slots[i] = slot;
    });
    this.#alarmActors.forEach((address, alarm) => {
      if ((address & actors) !== actor) return;
      const time = when(this.#alarmTimes[alarm] as number);
      this.#alarmTimes[alarm] = time;
      if (time < this.#alarmUs) this.#alarmUs = time;
    });
  }

  /** Reads a row and frees it. */
  #takeRow(slot: number): TakenEvent {
    const event = this.#read;
    const words = this.#words;
    const at = slot * WORDS;
    event.kind = words[at + KIND] as number;
    event.actor = words[at + ACTOR] as number;
    event.from = words[at + FROM] as number;
    event.incarnation = words[at + INCARNATION] as number;
    event.cause = words[at + CAUSE] as number;
    event.wire = this.#wires[slot] as Wire;
    const generation = (words[at + GENERATION] as number) + 1;
    words[at + GENERATION] = generation < GENERATIONS ? generation : 0;
    this.#free[this.#freed++] = slot;
    return event;
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

  #growRing(tail: number): void {
    const capacity = this.#ring.length;
    const bigger: TakenEvent[] = [];
    for (let i = 0; i < 2 * capacity; i++) bigger.push(newEvent());
    for (let i = tail - capacity; i < tail; i++) {
      bigger[i & (2 * capacity - 1)] = this.#ring[i & (capacity - 1)] as TakenEvent;
    }
    this.#ring = bigger;
  }

  /** Lays an event into the list if it comes before all that is in the heap; behind others of its time, which are older. */
  #push(time: Micros, slot: number): void {
    const times = this.#nearTimes;
    const slots = this.#nearSlots;
    if (this.#near === NEAR && time < (times[0] as number)) this.#moveAway(NEAR / 2);
    if (time >= this.#endUs) return this.#pushFar(time, slot);
    let i = this.#near++;
    while (i > 0 && (times[i - 1] as number) <= time) {
      times[i] = times[i - 1] as number;
      slots[i] = slots[i - 1] as number;
      i--;
    }
    times[i] = time;
    slots[i] = slot;
  }

  /** So many of the list, the last to come, go to the heap. */
  #moveAway(count: number): void {
    for (let i = 0; i < count; i++) this.#pushFar(this.#nearTimes[i] as number, this.#nearSlots[i] as number);
    this.#nearTimes.copyWithin(0, count);
    this.#nearSlots.copyWithin(0, count);
    this.#near -= count;
  }

  /** What comes at this time or later belongs to the heap. */
  get #endUs(): Micros {
    if (this.#size > 0 || this.#near === NEAR) return this.#near > 0 ? (this.#nearTimes[0] as number) : this.#farUs;
    return Number.POSITIVE_INFINITY;
  }

  /** When the first of the heap comes; Infinity when it is empty. */
  get #farUs(): Micros {
    return this.#size > 0 ? (this.#times[0] as number) : Number.POSITIVE_INFINITY;
  }

  /** The list is empty: the next of the heap come into it. */
  #comeNearer(): void {
    const count = this.#size < NEAR / 2 ? this.#size : NEAR / 2;
    for (let i = count - 1; i >= 0; i--) {
      this.#nearTimes[i] = this.#times[0] as number;
      this.#nearSlots[i] = this.#pop();
    }
    this.#near = count;
  }

  #pushFar(time: Micros, slot: number): void {
    if (this.#size === this.#times.length) {
      this.#times = grown(this.#times, Float64Array);
      this.#slots = grown(this.#slots, Int32Array);
    }
    const times = this.#times;
    const slots = this.#slots;
    const doubles = this.#doubles;
    const sequence = doubles[slot * DOUBLES + SEQUENCE] as number;
    let i = this.#size++;
    while (i > 0) {
      const parent = (i - 1) >> 2;
      const parentTime = times[parent] as number;
      if (parentTime < time) break;
      // What the list had and has no room for any more may be older.
      if (parentTime === time && (doubles[(slots[parent] as number) * DOUBLES + SEQUENCE] as number) < sequence) break;
      times[i] = parentTime;
      slots[i] = slots[parent] as number;
      i = parent;
    }
    times[i] = time;
    slots[i] = slot;
  }

  /** Takes out the slot of the earliest event. */
  #pop(): number {
    const times = this.#times;
    const slots = this.#slots;
    const top = slots[0] as number;
    const size = --this.#size;
    const time = times[size] as number;
    const slot = slots[size] as number;
    let i = 0;
    for (;;) {
      const first = 4 * i + 1;
      if (first >= size) break;
      let least = first;
      let leastTime = times[first] as number;
      const end = first + 4 < size ? first + 4 : size;
      for (let child = first + 1; child < end; child++) {
        const childTime = times[child] as number;
        if (childTime < leastTime || (childTime === leastTime && this.#isOlder(child, least))) {
          least = child;
          leastTime = childTime;
        }
      }
      if (leastTime > time || (leastTime === time && !this.#isOlder(least, size))) break;
      times[i] = leastTime;
      slots[i] = slots[least] as number;
      i = least;
    }
    times[i] = time;
    slots[i] = slot;
    return top;
  }

  /** Whether the event at one position of the heap was scheduled before that at another. */
  #isOlder(one: number, other: number): boolean {
    const doubles = this.#doubles;
    const a = (this.#slots[one] as number) * DOUBLES + SEQUENCE;
    const b = (this.#slots[other] as number) * DOUBLES + SEQUENCE;
    return (doubles[a] as number) < (doubles[b] as number);
  }
}

function newEvent(): TakenEvent {
  return { kind: 0, actor: 0, from: 0, incarnation: 0, cause: 0, wire: NO_WIRE };
}

function grown<T extends { readonly length: number; set(from: T): void }>(old: T, make: new (length: number) => T): T {
  const bigger = new make(old.length * 2);
  bigger.set(old);
  return bigger;
}
