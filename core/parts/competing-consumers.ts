/**
 * Who gets the next message of an AMQP queue: round-robin among consumers that can take one, higher consumer priorities first, or one
 * single active consumer while the others stand by. It counts no messages itself; a consumer says whether it has room.
 * The idea is the server's own: a rotating line of candidates, from which one is taken aside when it has no room, and which it rejoins at the
 * back once it has. A classic queue notices that only when it is the candidate's turn, a quorum queue as soon as it hands it the last one that
 * it has room for. Source: rules R22, R23, R59, R60; server:src/rabbit_queue_consumers.erl, src/rabbit_fifo.erl.
 */

/** A consumer as this line sees it. */
export interface Taker {
  /** `x-priority`: larger goes first. */
  readonly priority: number;
  /** How many deliveries it may hold; only `single-by-priority` asks for it. */
  readonly prefetch?: number;
  /** Whether its prefetch has room for one more delivery, after `further` others (none unless told). */
  canTake(further?: number): boolean;
  /** Deliveries it has not settled. */
  outstanding(): number;
}

/**
 * `competing`: all share. `single`: the first to register is active until it goes away (a classic queue, R59). `single-by-priority`:
 * as `single`, but a newcomer of higher priority takes over as soon as the active one has nothing outstanding (a quorum queue since 4.0, R60).
 */
export type ConsumerMode = 'competing' | 'single' | 'single-by-priority';

/** When a candidate without room leaves the line: when its turn comes and it cannot take, or with the delivery that fills it. */
export type Leaving = 'when tried' | 'when full';

export class CompetingConsumers<C extends Taker> {
  readonly #mode: ConsumerMode;
  readonly #leaving: Leaving;
  /** All consumers in order of registration. */
  readonly #registered: C[] = [];
  /** Candidates: highest priority first, and within a priority whoever's turn is next. */
  readonly #line: C[] = [];
  /** Those without room, in the order in which they left. */
  readonly #aside = new Set<C>();
  #single: C | undefined;

  constructor(mode: ConsumerMode, leaving: Leaving = 'when tried') {
    this.#mode = mode;
    this.#leaving = leaving;
  }

  get size(): number {
    return this.#registered.length;
  }

  all(): readonly C[] {
    return this.#registered;
  }

  add(consumer: C): void {
    this.#registered.push(consumer);
    this.#enter(consumer);
    this.#elect();
  }

  remove(consumer: C): void {
    takeOut(this.#registered, consumer);
    takeOut(this.#line, consumer);
    this.#aside.delete(consumer);
    if (this.#single === consumer) this.#single = undefined;
    this.#elect();
  }

  /** To be told after a consumer settled something: it may have room again, or may now be replaced. */
  settled(consumer: C): void {
    if (this.#aside.has(consumer) && consumer.canTake()) {
      this.#aside.delete(consumer);
      this.#enter(consumer);
    }
    if (this.#mode === 'single-by-priority') this.#elect();
  }

  /** Those of a channel have room again together, since what they share has: they rejoin in the order in which they left. */
  released(isOne: (consumer: C) => boolean): void {
    for (const consumer of [...this.#aside]) if (isOne(consumer)) this.settled(consumer);
  }

  /** The consumer that gets the next message, or none; its turn is then over. */
  next(): C | undefined {
    if (this.#mode !== 'competing') {
      const single = this.#single;
      return single !== undefined && !this.#isFading(single) && single.canTake() ? single : undefined;
    }
    for (let consumer = this.#line.shift(); consumer !== undefined; consumer = this.#line.shift()) {
      if (consumer.canTake()) {
        if (this.#leaving === 'when full' && !consumer.canTake(1)) this.#aside.add(consumer);
        else this.#enter(consumer);
        return consumer;
      }
      this.#aside.add(consumer);
    }
    return undefined;
  }

  /** The single active consumer; `undefined` where all compete or none is registered. */
  active(): C | undefined {
    return this.#single;
  }

  #enter(consumer: C): void {
    const line = this.#line;
    let at = line.length;
    for (let before = line[at - 1]; before !== undefined && before.priority < consumer.priority; before = line[at - 1])
      at -= 1;
    if (at === line.length) line.push(consumer);
    else line.splice(at, 0, consumer);
  }

  #elect(): void {
    if (this.#mode === 'competing') return;
    const single = this.#single;
    if (single !== undefined && !(this.#isFading(single) && single.outstanding() === 0)) return;
    this.#single = this.#first();
  }

  /** A newcomer of higher priority waits: the active consumer gets nothing more, and keeps its place only for what is outstanding. */
  #isFading(single: C): boolean {
    if (this.#mode !== 'single-by-priority') return false;
    const first = this.#first();
    return first !== undefined && first.priority > single.priority;
  }

  /** Of the highest priority, the one registered first; in a quorum queue the one with the largest prefetch, and of those the first. */
  #first(): C | undefined {
    let first: C | undefined;
    for (const consumer of this.#registered)
      if (first === undefined || this.#precedes(consumer, first)) first = consumer;
    return first;
  }

  /** Whether one that was registered later goes before another all the same (server:src/rabbit_fifo.erl, sort_waiting). */
  #precedes(later: C, earlier: C): boolean {
    if (later.priority !== earlier.priority) return later.priority > earlier.priority;
    return this.#mode === 'single-by-priority' && (later.prefetch ?? 0) > (earlier.prefetch ?? 0);
  }
}

function takeOut<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}
