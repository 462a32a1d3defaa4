/** How often something may be called: so many times a second, and as many at once after a second of rest. Source: S34. */
import type { Micros } from '../types.ts';

const SECOND = 1_000_000;

export class CallQuota {
  readonly #perSecond: number;
  /** What may still be called, in millionths of a call, so that it stays a whole number. */
  #left: number;
  #atUs: Micros = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond * SECOND;
  }

  /** Counts a call; false where there have been too many, and then it counts for nothing. */
  take(now: Micros): boolean {
    const rested = Math.min(now - this.#atUs, SECOND) * this.#perSecond;
    this.#left = Math.min(this.#left + rested, this.#perSecond * SECOND);
    this.#atUs = now;
    if (this.#left < SECOND) return false;
    this.#left -= SECOND;
    return true;
  }
}
