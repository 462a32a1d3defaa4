/**
 * Machines that talk to each other without network and chance: hops take no time and arrive in the order of sending, timers fire in the order of (time, setting), and
 * time moves only when told. Facts are counted and not kept: a case is judged by what clients see.
 */
import type { Out, Setup, Wire } from '../../core/machine.ts';
import { Heap } from '../../core/parts/heap.ts';
import type { ActorId, Message, Micros } from '../../core/types.ts';

/** What acts on a bench. */
export interface BenchActor {
  receive(from: ActorId, wire: Wire, out: Out): void;
  timer(wire: Wire, out: Out): void;
  peerLost?(peer: ActorId, out: Out): void;
}

interface Event {
  readonly to: ActorId;
  readonly from: ActorId;
  readonly isTimer: boolean;
  readonly wire: Wire;
  /** Which life of the receiver it is meant for. */
  readonly life: number;
  readonly id: number;
}

export class Bench {
  nowUs: Micros = 0;
  readonly setup: Setup;
  readonly #events = new Heap<Event>();
  readonly #actors: (BenchActor | null)[] = [null];
  readonly #outs: Out[] = [];
  readonly #lives: number[] = [0];
  readonly #cancelled = new Set<number>();
  #lastEvent = 0;
  #facts = 0;
  #messages = 0;

  constructor() {
    const places = new Map<string, number>();
    this.setup = {
      actor: () => 0,
      place: (name) => {
        const known = places.get(name);
        if (known !== undefined) return known;
        places.set(name, places.size + 1);
        return places.size;
      },
      site: (name) => ({ name }),
      nodesOf: () => [],
    };
  }

  /** Puts something on the bench; returns its number. */
  add(actor: BenchActor): ActorId {
    const id = this.#actors.push(actor) - 1;
    this.#lives.push(0);
    return id;
  }

  out(self: ActorId): Out {
    const known = this.#outs[self];
    if (known !== undefined) return known;
    const bench = this;
    const out: Out = {
      get now() {
        return bench.nowUs;
      },
      self,
      cause: 0,
      connection: 0,
      fact: () => ++bench.#facts,
      send(to, _hop, wire) {
        if (bench.carries(wire)) bench.#schedule(to, self, 0, wire, false);
      },
      work: (delayUs, wire) => bench.#schedule(self, self, delayUs, wire, true),
      timer: (delayUs, wire) => bench.#schedule(self, self, delayUs, wire, true),
      cancel: (timer) => void bench.#cancelled.add(timer),
      alarm(alarm, delayUs, wire) {
        this.cancel(alarm);
        return this.timer(delayUs, wire);
      },
      silence(alarm) {
        this.cancel(alarm);
      },
      choose: () => 0,
      produce: ({ key, sizeBytes }) => bench.message(key, sizeBytes),
      crash() {
        throw new Error('a machine under replay asked for its own crash');
      },
    };
    this.#outs[self] = out;
    return out;
  }

  /** Whether a hop that is being sent arrives. */
  carries(_wire: Wire): boolean {
    return true;
  }

  message(key: string | null, sizeBytes: number): Message {
    this.#messages += 1;
    const id = this.#messages;
    return {
      id,
      producer: 0,
      sequence: id,
      key,
      routingKey: '',
      attributes: {},
      amount: 1,
      sizeBytes,
      poison: false,
      producedAtUs: this.nowUs,
      decisionKey: id,
    };
  }

  /** Lets time go by; whatever is due happens, in the order of (time, asking). */
  advanceTo(us: Micros): void {
    while (this.#events.leastKey <= us) {
      this.nowUs = Math.max(this.nowUs, this.#events.leastKey);
      const event = this.#events.pop() as Event;
      const actor = this.#actors[event.to];
      if (this.#cancelled.delete(event.id) || actor === null || actor === undefined) continue;
      if (this.#lives[event.to] !== event.life) continue;
      if (event.isTimer) actor.timer(event.wire, this.out(event.to));
      else actor.receive(event.from, event.wire, this.out(event.to));
    }
    this.nowUs = Math.max(this.nowUs, us);
  }

  /** All that happens now. */
  settle(): void {
    this.advanceTo(this.nowUs);
  }

  /** A process dies, and its peers notice. */
  kill(id: ActorId): void {
    this.#actors[id] = null;
    this.endLife(id);
    this.settle();
  }

  /** What was on its way to a process, or to be done by it, is gone; its peers notice. */
  endLife(id: ActorId): void {
    this.#lives[id] = (this.#lives[id] ?? 0) + 1;
    this.#actors.forEach((actor, peer) => {
      if (peer !== id) actor?.peerLost?.(id, this.out(peer));
    });
  }

  #schedule(to: ActorId, from: ActorId, delayUs: Micros, wire: Wire, isTimer: boolean): number {
    this.#lastEvent += 1;
    const id = this.#lastEvent;
    this.#events.push(this.nowUs + Math.max(0, delayUs), { to, from, isTimer, wire, life: this.#lives[to] ?? 0, id });
    return id;
  }
}
