/**
 * One broker machine driven directly by its verbs: no network, no chance, no other machine. A virtual clock moves only when told, timers fire in the
 * order of (time, setting), and what the machine sends is kept until somebody takes it. Facts are counted and not kept: a case is judged
 * by what a client of the broker can see.
 */
import type { Machine, Out, Setup, Wire } from '../../core/machine.ts';
import type { ActorId, Message, Micros } from '../../core/types.ts';

export interface Sent {
  readonly to: ActorId;
  readonly wire: Wire;
  readonly atUs: Micros;
}

interface Pending {
  readonly id: number;
  readonly atUs: Micros;
  readonly wire: Wire;
}

const SELF = 1;
const NO_MESSAGE: Omit<Message, 'id' | 'sequence' | 'sizeBytes' | 'producedAtUs' | 'decisionKey'> = {
  producer: 2,
  key: null,
  routingKey: '',
  attributes: {},
  amount: 1,
  poison: false,
};

export class MachineDriver {
  nowUs: Micros = 0;
  readonly out: Out;
  readonly setup: Setup;
  #machine: Machine | null = null;
  #sent: Sent[] = [];
  #timers: Pending[] = [];
  #timerCount = 0;
  #messages = 0;

  constructor() {
    const driver = this;
    const places: string[] = [''];
    let facts = 0;
    this.setup = {
      actor: () => SELF,
      place: (name) => {
        const known = places.indexOf(name);
        return known > 0 ? known : places.push(name) - 1;
      },
      site: (name) => ({ name }),
      nodesOf: () => [],
    };
    this.out = {
      get now() {
        return driver.nowUs;
      },
      self: SELF,
      cause: 0,
      connection: 0,
      fact: () => ++facts,
      send: (to, _hop, wire) => void driver.#sent.push({ to, wire, atUs: driver.nowUs }),
      work(delayUs, wire) {
        return this.timer(delayUs, wire);
      },
      timer(delayUs, wire) {
        driver.#timerCount += 1;
        driver.#timers.push({ id: driver.#timerCount, atUs: driver.nowUs + delayUs, wire });
        return driver.#timerCount;
      },
      cancel(timer) {
        driver.#timers = driver.#timers.filter(({ id }) => id !== timer);
      },
      alarm(alarm, delayUs, wire) {
        this.cancel(alarm);
        return this.timer(delayUs, wire);
      },
      silence(alarm) {
        this.cancel(alarm);
      },
      choose: () => 0,
      produce: (draft) => driver.message(draft.sizeBytes),
      crash() {
        throw new Error('a broker under replay asked for its own crash');
      },
    };
  }

  start<M extends Machine>(machine: M): M {
    this.#machine = machine;
    machine.start(this.out);
    return machine;
  }

  /** A new message; what it carries does not matter to a broker, only that it is another one. */
  message(sizeBytes: number): Message {
    this.#messages += 1;
    const id = this.#messages;
    return { ...NO_MESSAGE, id, sequence: id, sizeBytes, producedAtUs: this.nowUs, decisionKey: id };
  }

  receive(from: ActorId, wire: Wire): void {
    this.#machine?.receive(from, wire, this.out);
  }

  /** Lets time go by up to `us`, which may be now: timers that are due fire in any case. Going back is not possible. */
  advanceTo(us: Micros): void {
    for (;;) {
      let next: Pending | undefined;
      for (const timer of this.#timers)
        if (timer.atUs <= us && (next === undefined || timer.atUs < next.atUs)) next = timer;
      if (next === undefined) break;
      const { id, atUs, wire } = next;
      this.#timers = this.#timers.filter((timer) => timer.id !== id);
      this.nowUs = Math.max(this.nowUs, atUs);
      this.#machine?.timer(wire, this.out);
    }
    this.nowUs = Math.max(this.nowUs, us);
  }

  /** When the next timer fires; Infinity when none is set. */
  nextTimerUs(): Micros {
    let next = Number.POSITIVE_INFINITY;
    for (const { atUs } of this.#timers) if (atUs < next) next = atUs;
    return next;
  }

  /** The process dies, and its timers with it, and comes back at once. */
  restart(): void {
    this.#timers = [];
    this.#machine?.crash(this.out, false);
    this.#machine?.restart(this.out);
  }

  /** Takes what was sent since the last time. */
  take(): Sent[] {
    return this.#sent.splice(0);
  }
}
