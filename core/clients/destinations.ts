/**
 * A producer that sends each message to several queues, topics or streams: the message is confirmed once all of them have it, and failed once with the first
 * that does not take it. With a single destination there is nothing to count.
 */
export class Destinations {
  readonly #count: number;
  /** By message: how many of them it still waits for. A message that failed is gone from here. */
  readonly #left = new Map<number, number>();

  constructor(count: number) {
    this.#count = count;
  }

  /** A message is on its way to all of them. */
  begin(message: number): void {
    if (this.#count > 1) this.#left.set(message, this.#count);
  }

  /** One has it; whether that was the last one. */
  confirms(message: number): boolean {
    if (this.#count === 1) return true;
    const left = this.#left.get(message);
    if (left === undefined) return false;
    if (left === 1) this.#left.delete(message);
    else this.#left.set(message, left - 1);
    return left === 1;
  }

  /** One does not take it; whether it is the first to do so. */
  fails(message: number): boolean {
    return this.#count === 1 || this.#left.delete(message);
  }

  /** The process died. */
  clear(): void {
    this.#left.clear();
  }
}
