/**
 * Requests that a client has sent and not heard of yet. One timer serves them all: it is set when there is something to wait for and set again
 * when it fires too early, so a request that is answered costs no timer of its own.
 */
import type { Out, Wire } from '../machine.ts';
import { Numbered } from '../parts/numbered.ts';
import type { Micros } from '../types.ts';

const NONE: never[] = [];

export class OpenRequests<T> {
  readonly #wire: Wire;
  /** The items, each marked with its deadline. */
  readonly #open = new Numbered<T>();
  #armedUs = 0;

  /** `timerType` is the type of the timer's wire; its owner calls `due` when it comes. */
  constructor(timerType: string) {
    this.#wire = { type: timerType };
  }

  get size(): number {
    return this.#open.size;
  }

  /** The token that the next request will have: one that travels as its own item must hold it. */
  get next(): number {
    return this.#open.next;
  }

  /** Items in the order of asking. */
  *items(): Generator<T> {
    for (const [, item] of this.#open.entries()) yield item;
  }

  /** Notes a request; returns the token that its answer must carry. */
  open(item: T, timeoutUs: Micros, out: Out): number {
    const deadlineUs = out.now + timeoutUs;
    const token = this.#open.add(item, deadlineUs);
    if (this.#armedUs === 0 || deadlineUs < this.#armedUs) this.#arm(deadlineUs, out);
    return token;
  }

  /** The item that was waiting under this token; undefined when it is unknown or was given up. */
  close(token: number): T | undefined {
    return this.#open.take(token);
  }

  /** Takes out all that match, in the order of asking: they will not be answered any more. */
  closeAll(matches: (item: T) => boolean): T[] {
    const closed: T[] = [];
    for (const [token, item] of this.#open.entries()) {
      if (!matches(item)) continue;
      closed.push(item);
      this.#open.take(token);
    }
    return closed;
  }

  /** The timer fired: takes out what has waited too long. */
  due(out: Out): T[] {
    if (this.#armedUs > out.now) return [];
    this.#armedUs = 0;
    if (this.#open.size === 0) return NONE;
    const late: T[] = [];
    let next = Number.POSITIVE_INFINITY;
    for (const [token, item] of this.#open.entries()) {
      const deadlineUs = this.#open.mark(token);
      if (deadlineUs <= out.now) {
        late.push(item);
        this.#open.take(token);
      } else if (deadlineUs < next) next = deadlineUs;
    }
    if (next < Number.POSITIVE_INFINITY) this.#arm(next, out);
    return late;
  }

  /** The process died. Tokens go on, so that late answers to the old process find nothing. */
  clear(): void {
    this.#open.clear();
    this.#armedUs = 0;
  }

  #arm(deadlineUs: Micros, out: Out): void {
    this.#armedUs = deadlineUs;
    out.timer(deadlineUs - out.now, this.#wire, out.cause);
  }
}
