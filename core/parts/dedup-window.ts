/**
 * Remembers ids for a fixed time from their first acceptance; a repeat within the window is told what was stored with the first and does not
 * renew it. Source: S29.
 */
import type { Micros } from '../types.ts';
import { Fifo } from './fifo.ts';

interface Seen<T> {
  readonly id: string;
  readonly atUs: Micros;
  readonly value: T;
}

export class DedupWindow<T> {
  readonly #windowUs: Micros;
  readonly #seen = new Map<string, Seen<T>>();
  /** In order of acceptance. Beside the map, because to find the first of a map means to pass over all that were deleted before it. */
  readonly #order = new Fifo<Seen<T>>();

  constructor(windowUs: Micros) {
    this.#windowUs = windowUs;
  }

  /** What was remembered under this id less than a window ago. */
  find(id: string, now: Micros): T | undefined {
    this.#forgetOld(now);
    return this.#seen.get(id)?.value;
  }

  remember(id: string, value: T, now: Micros): void {
    const seen: Seen<T> = { id, atUs: now, value };
    this.#seen.set(id, seen);
    this.#order.push(seen);
  }

  clear(): void {
    this.#seen.clear();
    this.#order.clear();
  }

  #forgetOld(now: Micros): void {
    for (let oldest = this.#order.first; oldest !== undefined; oldest = this.#order.first) {
      if (now - oldest.atUs < this.#windowUs) return;
      this.#order.shift();
      if (this.#seen.get(oldest.id) === oldest) this.#seen.delete(oldest.id);
    }
  }
}
