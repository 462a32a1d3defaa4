/**
 * Remembers ids for a fixed time from their first acceptance; a repeat within the window is told what was stored with the first and does not
 * renew it. Source: S29.
 */
import type { Micros } from '../types.ts';

interface Seen<T> {
  readonly atUs: Micros;
  readonly value: T;
}

export class DedupWindow<T> {
  readonly #windowUs: Micros;
  /** Since `#sinceUs`, for at least one window; and of the window before. Forgetting a whole map at once is cheaper than each id at its time. */
  #young = new Map<string, Seen<T>>();
  #old = new Map<string, Seen<T>>();
  #sinceUs: Micros = 0;

  constructor(windowUs: Micros) {
    this.#windowUs = windowUs;
  }

  /** What was remembered under this id less than a window ago. */
  find(id: string, now: Micros): T | undefined {
    const seen = this.#young.get(id) ?? this.#old.get(id);
    return seen === undefined || now - seen.atUs >= this.#windowUs ? undefined : seen.value;
  }

  remember(id: string, value: T, now: Micros): void {
    if (now - this.#sinceUs >= this.#windowUs) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#sinceUs = now;
    }
    this.#young.set(id, { atUs: now, value });
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
