/**
 * Where each copy of each message stands in each queue, kept by counting what goes in and out: so many ready (or delayed), so many in flight, and
 * how those that left, left. A step that takes out what was not there, or hands out what was not ready, is remembered as the first breach
 * of conservation. Logs have no place here: nothing leaves them by being read.
 */
import { F, R } from '../../core/facts.ts';
import type { FactId, MessageId, PlaceId } from '../../core/types.ts';
import type { Trace } from '../trace.ts';

/** Bits of `ends`: how copies left the queue. */
export const END = { acked: 1, deadLettered: 2, policy: 4, lost: 8, redriven: 16 } as const;

/** One queue's table; arrays by message number. */
export interface QueueFate {
  readonly ready: Uint16Array;
  readonly inFlight: Uint16Array;
  readonly ends: Uint8Array;
  /** How many copies were stored in all. */
  readonly copies: Uint16Array;
  /** The first time that another broker was to send it here; the first time it was stored here; what was last recorded of it here. Fact numbers. */
  readonly owed: Uint32Array;
  readonly stored: Uint32Array;
  readonly last: Uint32Array;
}

/** Facts after which a message is ready: what is dead-lettered because of one was not in flight. */
const WAITS: ReadonlySet<number> = new Set([F.appended, F.requeued, F['became-visible'], F.redriven]);

/** Reasons for which a queue drops what a consumer just gave up. */
const WAS_HELD: ReadonlySet<number> = new Set([R['too many deliveries'], R['rejected by the consumer']]);

/** Of copies that left, how many were taken to be in flight (or ready) although one of the other kind was there, too. */
interface Unsure {
  inFlight: number;
  ready: number;
}

export class QueueFates {
  readonly trace: Trace;
  readonly byPlace = new Map<PlaceId, QueueFate>();
  /** The first step that does not add up; 0 when all do. */
  illegal: FactId = 0;
  /** What was last recorded about that copy before it. */
  before: FactId = 0;

  /** By message: the queue of the last fact about it, and the last one that was another. */
  readonly #lastQueue: Uint32Array;
  readonly #queueBefore: Uint32Array;
  /** By cause and message: the first queue that a death led to. */
  readonly #deaths = new Map<number, PlaceId>();
  /** Facts that tell of one more queue that a death led to: the message had left with the first of them. */
  readonly #further = new Set<FactId>();
  /** By message and place. Only where a message was there twice, and nobody can say which copy left. */
  readonly #unsure = new Map<number, Unsure>();

  constructor(trace: Trace) {
    this.trace = trace;
    this.#lastQueue = new Uint32Array(trace.messageCount + 1);
    this.#queueBefore = new Uint32Array(trace.messageCount + 1);
    for (let id = 1; id <= trace.count; id++) this.#take(id);
  }

  /** The queue that a message left for another, dead-lettered or moved back: named by the chain of causes, else where it was last seen but there. */
  sourceOf(id: FactId): PlaceId {
    const { trace } = this;
    const message = trace.messageOf(id);
    const target = trace.place(id);
    let cause = trace.cause(id);
    for (let steps = 0; cause > 0 && steps < 8; steps++) {
      const place = trace.place(cause);
      if (trace.messageOf(cause) === message && place !== target && isQueue(trace, place)) return place;
      cause = trace.cause(cause);
    }
    const last = this.#lastQueue[message] ?? 0;
    return last === target ? this.#queueBefore[message] || last : last;
  }

  /** Whether a message was dead-lettered to one more queue, of several that are bound to the exchange where it went. */
  isFurtherCopy(id: FactId): boolean {
    return this.#further.has(id);
  }

  of(place: PlaceId): QueueFate {
    let fate = this.byPlace.get(place);
    if (fate === undefined) {
      const n = this.trace.messageCount + 1;
      fate = {
        ready: new Uint16Array(n),
        inFlight: new Uint16Array(n),
        ends: new Uint8Array(n),
        copies: new Uint16Array(n),
        owed: new Uint32Array(n),
        stored: new Uint32Array(n),
        last: new Uint32Array(n),
      };
      this.byPlace.set(place, fate);
    }
    return fate;
  }

  #take(id: FactId): void {
    const { trace } = this;
    switch (trace.kind(id)) {
      case F.appended: {
        const place = trace.place(id);
        if (trace.detail(id) === 2 || !isQueue(trace, place)) return;
        const message = trace.messageOf(id);
        const fate = this.of(place);
        fate.ready[message] = (fate.ready[message] as number) + 1;
        fate.copies[message] = (fate.copies[message] as number) + 1;
        if (fate.stored[message] === 0) fate.stored[message] = id;
        this.#note(fate, place, message, id);
        return;
      }
      case F.routed: {
        if (trace.detail(id) !== 1) return;
        const { owed } = this.of(trace.place(id));
        const message = trace.messageOf(id);
        if (owed[message] === 0) owed[message] = id;
        return;
      }
      case F['gave-up']: {
        // A topic gave up on a delivery to this queue; whether the message is dead-lettered or discarded comes next.
        const place = trace.place(id);
        if (!isQueue(trace, place)) return;
        const fate = this.of(place);
        const message = trace.messageOf(id);
        fate.ends[message] = (fate.ends[message] as number) | END.policy;
        if (fate.stored[message] === 0) fate.last[message] = id;
        return;
      }
      case F.delivered: {
        const place = trace.place(id);
        if (!isQueue(trace, place)) return;
        const message = trace.messageOf(id);
        const fate = this.of(place);
        if (!this.#takes(fate, 'ready', place, message)) this.#breach(fate, message, id);
        fate.inFlight[message] = (fate.inFlight[message] as number) + 1;
        this.#note(fate, place, message, id);
        return;
      }
      case F.requeued: {
        const place = trace.place(id);
        if (!isQueue(trace, place)) return;
        const message = trace.messageOf(id);
        const fate = this.of(place);
        if (!this.#takes(fate, 'inFlight', place, message)) this.#breach(fate, message, id);
        fate.ready[message] = (fate.ready[message] as number) + 1;
        this.#note(fate, place, message, id);
        return;
      }
      case F.extended: {
        // An old receipt handle may still hide a message that was ready again (S6): it is in flight then, with nobody.
        const place = trace.place(id);
        if (!isQueue(trace, place)) return;
        const message = trace.messageOf(id);
        const fate = this.of(place);
        if (trace.detail(id) === 1) {
          if (!this.#takes(fate, 'ready', place, message)) this.#breach(fate, message, id);
          fate.inFlight[message] = (fate.inFlight[message] as number) + 1;
        }
        this.#note(fate, place, message, id);
        return;
      }
      case F.acked:
        this.#leave(trace.place(id), id, END.acked, true);
        return;
      case F['dead-lettered']:
        if (this.#isRelayed(id) || this.#neverIn(id) || this.#goesFurther(id)) return;
        this.#leave(this.sourceOf(id), id, END.deadLettered, true, WAITS.has(trace.kind(trace.cause(id) || id)));
        return;
      case F.expired:
      case F.evicted:
        if (this.#neverIn(id)) return;
        this.#leave(trace.place(id), id, END.policy, false, !WAS_HELD.has(trace.detail(id)));
        return;
      case F.lost:
        this.#leave(trace.place(id), id, END.lost, false);
        return;
      case F.redriven: {
        const source = this.sourceOf(id);
        if (source !== trace.place(id)) this.#leave(source, id, END.redriven, true);
        return;
      }
      case F.nacked:
      case F['lock-expired']: {
        const place = trace.place(id);
        if (isQueue(trace, place)) this.#note(this.of(place), place, trace.messageOf(id), id);
        return;
      }
    }
  }

  /** `waiting`: the copy that leaves is known to be ready. */
  #leave(place: PlaceId, id: FactId, end: number, mustBeThere: boolean, waiting = !mustBeThere): void {
    const { trace } = this;
    if (!isQueue(trace, place)) return;
    const message = trace.messageOf(id);
    const fate = this.of(place);
    // A settlement ends a delivery that is in flight if there is one; a removal by policy takes what waits first.
    const first = waiting ? 'ready' : 'inFlight';
    const other = waiting ? 'inFlight' : 'ready';
    if ((fate[first][message] as number) > 0) {
      fate[first][message] = (fate[first][message] as number) - 1;
      if ((fate[other][message] as number) > 0) this.#guessed(place, message)[first]++;
    } else if ((fate[other][message] as number) > 0) fate[other][message] = (fate[other][message] as number) - 1;
    else if (mustBeThere) this.#breach(fate, message, id);
    fate.ends[message] = (fate.ends[message] as number) | end;
    this.#note(fate, place, message, id);
  }

  /** Takes out one copy; false when none is there, not even if one that left was another than was thought. */
  #takes(fate: QueueFate, from: 'ready' | 'inFlight', place: PlaceId, message: MessageId): boolean {
    if ((fate[from][message] as number) > 0) {
      fate[from][message] = (fate[from][message] as number) - 1;
      return true;
    }
    const unsure = this.#unsure.size === 0 ? undefined : this.#unsure.get(this.#key(place, message));
    const other = from === 'ready' ? 'inFlight' : 'ready';
    if (unsure === undefined || unsure[from] === 0 || (fate[other][message] as number) === 0) return false;
    unsure[from]--;
    fate[other][message] = (fate[other][message] as number) - 1;
    return true;
  }

  #guessed(place: PlaceId, message: MessageId): Unsure {
    const key = this.#key(place, message);
    let unsure = this.#unsure.get(key);
    if (unsure === undefined) {
      unsure = { inFlight: 0, ready: 0 };
      this.#unsure.set(key, unsure);
    }
    return unsure;
  }

  #key(place: PlaceId, message: MessageId): number {
    return message * this.trace.places.length + place;
  }

  /** A topic that could not deliver to a queue dead-letters what was never in it. */
  #isRelayed(id: FactId): boolean {
    const { trace } = this;
    const cause = trace.cause(id);
    if (cause === 0 || trace.kind(cause) !== F['gave-up']) return false;
    const message = trace.messageOf(id);
    const { ends } = this.of(trace.place(cause));
    ends[message] = ((ends[message] as number) | END.deadLettered) & ~END.policy;
    return true;
  }

  /** One death may lead to several queues: told with one cause. */
  #goesFurther(id: FactId): boolean {
    const { trace } = this;
    const cause = trace.cause(id);
    if (cause === 0) return false;
    const death = cause * (trace.messageCount + 1) + trace.messageOf(id);
    const first = this.#deaths.get(death) ?? 0;
    const place = trace.place(id);
    if (first === 0) this.#deaths.set(death, place);
    if (first === 0 || first === place) return false;
    this.#further.add(id);
    return true;
  }

  /** A full queue that drops or dead-letters what it refuses never had it (reject-publish-dlx). */
  #neverIn(id: FactId): boolean {
    return this.trace.kind(this.trace.cause(id) || id) === F.rejected;
  }

  #note(fate: QueueFate, place: PlaceId, message: MessageId, id: FactId): void {
    fate.last[message] = id;
    if (this.#lastQueue[message] === place) return;
    this.#queueBefore[message] = this.#lastQueue[message] as number;
    this.#lastQueue[message] = place;
  }

  #breach(fate: QueueFate, message: MessageId, id: FactId): void {
    if (this.illegal > 0) return;
    this.illegal = id;
    this.before = fate.last[message] ?? 0;
  }
}

export function isQueue(trace: Trace, place: PlaceId): boolean {
  return trace.places[place]?.kind === 'queue';
}
