/**
 * Requests that a client has sent and not heard of yet. One alarm serves them all: it is set for the earliest deadline, silenced when all are answered, and set again
 * when it rings and later ones are still open, so a request that is answered costs no timer.
 */
import type { Out, Wire } from '../machine.ts';
import { Numbered } from '../parts/numbered.ts';
import type { AlarmId, Micros } from '../types.ts';

const NONE: never[] = [];

export class OpenRequests<T> {
  readonly #wire: Wire;
  /** The items, each marked with its deadline. */
  readonly #open = new Numbered<T>();
  #alarm: AlarmId = 0;
  /** When the alarm rings; Infinity: it is silent. */
  #armedUs = Number.POSITIVE_INFINITY;

  /** `timerType` is the type of the alarm's wire; its owner calls `due` when it rings. */
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
    if (deadlineUs < this.#armedUs) this.#arm(deadlineUs, out);
    return token;
  }

  /** The item that was waiting under this token; undefined when it is unknown or was given up. */
  close(token: number, out: Out): T | undefined {
    const item = this.#open.take(token);
    if (this.#open.size === 0) this.#silence(out);
    return item;
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

  /** The alarm rang: takes out what has waited too long. */
  due(out: Out): T[] {
    if (this.#armedUs > out.now) return NONE;
    this.#armedUs = Number.POSITIVE_INFINITY;
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
    this.#armedUs = Number.POSITIVE_INFINITY;
  }

  #arm(deadlineUs: Micros, out: Out): void {
    this.#armedUs = deadlineUs;
    this.#alarm = out.alarm(this.#alarm, deadlineUs - out.now, this.#wire);
  }

  #silence(out: Out): void {
    if (this.#armedUs === Number.POSITIVE_INFINITY) return;
    this.#armedUs = Number.POSITIVE_INFINITY;
    out.silence(this.#alarm);
  }
}
