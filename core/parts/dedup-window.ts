/**
 * Remembers ids for a fixed time from their first acceptance; a repeat within the window is told what was stored with the first and does not
 * renew it. Source: S29.
 */
import type { Micros } from '../types.ts';

export class DedupWindow<T> {
  readonly #windowUs: Micros;
  /** In order of acceptance, so the oldest are at the front. */
  readonly #seen = new Map<string, { readonly atUs: Micros; readonly value: T }>();

  constructor(windowUs: Micros) {
    this.#windowUs = windowUs;
  }

  /** What was remembered under this id less than a window ago. */
  find(id: string, now: Micros): T | undefined {
    this.#forgetOld(now);
    return this.#seen.get(id)?.value;
  }

  remember(id: string, value: T, now: Micros): void {
    this.#seen.set(id, { atUs: now, value });
  }

  clear(): void {
    this.#seen.clear();
  }

  #forgetOld(now: Micros): void {
    for (const [id, { atUs }] of this.#seen) {
      if (now - atUs < this.#windowUs) return;
      this.#seen.delete(id);
    }
  }
}
