/**
 * One machine on a bench, without world, network or chance: a clock that only `wait` moves, timers that fire in order, everything sent and every fact
 * kept. Facts read as transcript lines: `0.200 delivered m1 jobs → c1 attempt 2`.
 */
import { FACT_NAMES, FACTS, type FactSpec, REASONS } from '../../core/facts.ts';
import type { HopKind, Machine, Out, Setup, Site, Wire } from '../../core/machine.ts';
import type { ActorId, Message, MessageId, Micros } from '../../core/types.ts';
import { plainMessage } from './message.ts';

export interface SentHop {
  readonly to: ActorId;
  readonly hop: HopKind;
  readonly wire: Wire;
  readonly atUs: Micros;
}

interface Pending {
  readonly id: number;
  readonly atUs: Micros;
  readonly wire: Wire;
}

/** The actor under test; peers have other numbers and, if wanted, names. */
export const SELF = 1;

export class MachineBench {
  nowUs: Micros = 0;
  /** What was sent and not looked at yet. */
  sent: SentHop[] = [];
  readonly messages: Message[] = [];
  crashed = false;
  /** Answers `choose`: the least number, unless a test says otherwise. */
  decide: (site: string, n: number, key: number | undefined) => number = () => 0;
  readonly names = new Map<ActorId, string>();
  #machine: Machine | null = null;
  readonly #places: string[] = [''];
  #facts: string[] = [];
  #factCount = 0;
  #timers: Pending[] = [];
  #timerCount = 0;

  readonly setup: Setup = {
    actor: () => SELF,
    place: (name) => {
      const known = this.#places.indexOf(name);
      return known > 0 ? known : this.#places.push(name) - 1;
    },
    site: (name) => ({ name }),
    nodesOf: () => [],
  };

  readonly out: Out;

  constructor() {
    const bench = this;
    this.out = {
      get now() {
        return bench.nowUs;
      },
      self: SELF,
      cause: 0,
      connection: 0,
      fact(kind, message, place = 0, peer = 0, value = 0, detail = 0) {
        if (bench.crashed) return 0;
        bench.#note(kind, message, place, peer, value, detail);
        return ++bench.#factCount;
      },
      send(to, hop, wire) {
        if (!bench.crashed) bench.sent.push({ to, hop, wire, atUs: bench.nowUs });
      },
      work(delayUs, wire) {
        return this.timer(delayUs, wire);
      },
      timer(delayUs, wire) {
        bench.#timers.push({ id: ++bench.#timerCount, atUs: bench.nowUs + delayUs, wire });
        return bench.#timerCount;
      },
      cancel(timer) {
        bench.#timers = bench.#timers.filter(({ id }) => id !== timer);
      },
      alarm(alarm, delayUs, wire) {
        this.cancel(alarm);
        return this.timer(delayUs, wire);
      },
      silence(alarm) {
        this.cancel(alarm);
      },
      choose: (site: Site, n, key) => bench.decide(site.name, n, key),
      produce(draft) {
        const message = bench.message(draft);
        bench.#note(FACT_NAMES.indexOf('produced'), message.id, 0, 0, 0, draft.poison ? 1 : 0);
        return message;
      },
      crash() {
        bench.crashed = true;
      },
    };
  }

  /** Puts the machine on the bench and starts it. */
  start<M extends Machine>(machine: M): M {
    this.#machine = machine;
    machine.start(this.out);
    return machine;
  }

  message(fields: Partial<Message> = {}): Message {
    const message = plainMessage(this.messages.length + 1, this.nowUs, { producer: 2, ...fields });
    this.messages.push(message);
    return message;
  }

  receive(from: ActorId, wire: Wire): void {
    this.#machine?.receive(from, wire, this.out);
  }

  /** Lets time go by; timers fire in the order of (time, setting). */
  wait(us: Micros): void {
    const untilUs = this.nowUs + us;
    for (;;) {
      let next: Pending | undefined;
      for (const timer of this.#timers)
        if (timer.atUs <= untilUs && (next === undefined || timer.atUs < next.atUs)) next = timer;
      if (next === undefined) break;
      const { id, atUs, wire } = next;
      this.#timers = this.#timers.filter((timer) => timer.id !== id);
      this.nowUs = Math.max(this.nowUs, atUs);
      this.#machine?.timer(wire, this.out);
    }
    this.nowUs = untilUs;
  }

  /** The process dies: its timers never fire. */
  crash(): void {
    this.#timers = [];
    this.#machine?.crash(this.out, false);
    this.crashed = false;
  }

  /** Takes what was sent since the last time. */
  takeSent(): SentHop[] {
    return this.sent.splice(0);
  }

  /** Takes the facts since the last time, one line each. */
  story(): string[] {
    return this.#facts.splice(0);
  }

  #note(kind: number, message: MessageId, place: number, peer: ActorId, value: number, detail: number): void {
    const name = FACT_NAMES[kind];
    if (name === undefined || name === '') throw new Error(`no fact has the code ${kind}`);
    const spec: FactSpec = FACTS[name];
    const words = [(this.nowUs / 1e6).toFixed(3), name];
    if (message > 0) words.push(`m${message}`);
    if (place > 0) words.push(this.#places[place] ?? `place ${place}`);
    if (peer > 0 && peer !== SELF) words.push(`→ ${this.names.get(peer) ?? `actor ${peer}`}`);
    if (spec.detail?.startsWith('attempt') === true && detail > 1) words.push(`attempt ${detail}`);
    if (spec.detail === 'reason' && detail > 0) words.push(`(${REASONS[detail]})`);
    if (name === 'applied') words.push(['', 'first', 'again', 'unchanged', 'refused'][detail] ?? '', `= ${value}`);
    if (name === 'settled') words.push(['ack', 'requeue', 'reject', 'leave'][value] ?? '');
    if (name === 'gave-up') words.push(value === 1 ? 'surely not stored' : 'outcome unknown');
    this.#facts.push(words.join(' '));
  }
}
