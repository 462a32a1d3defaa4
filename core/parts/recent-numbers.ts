/**
 * Tells a number that came before from a new one, where numbers come about in order and each only once: what a transport does with a segment that the
 * network has copied. It remembers the last 64 of them.
 */
export class RecentNumbers {
  readonly #slots = new Float64Array(64).fill(-1);

  /** True the first time that a number comes. */
  isNew(number: number): boolean {
    const slot = number & 63;
    if (this.#slots[slot] === number) return false;
    this.#slots[slot] = number;
    return true;
  }

  clear(): void {
    this.#slots.fill(-1);
  }
}
