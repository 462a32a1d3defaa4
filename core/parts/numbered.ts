/**
 * Things under consecutive numbers, most of which live for a short time: a ring that reaches from the oldest that is still there to the newest. Faster
 * than a map, takes no new memory while it is used, and a number is never given twice.
 */
export class Numbered<T> {
  /** Capacity is a power of two; number n lies at n modulo the capacity. */
  #slots: (T | undefined)[] = new Array(16).fill(undefined);
  #marks = new Float64Array(16);
  /** Numbers before this one are not there any more. */
  #first = 1;
  #next = 1;
  size = 0;

  /** The number that the next item will have. */
  get next(): number {
    return this.#next;
  }

  /** The oldest that is still there. */
  get first(): T | undefined {
    return this.get(this.#first);
  }

  /** Keeps an item, and a number of the owner's beside it; returns the item's own number, from 1. */
  add(item: T, mark = 0): number {
    if (this.#next - this.#first === this.#slots.length) this.#grow();
    const number = this.#next++;
    const at = number & (this.#slots.length - 1);
    this.#slots[at] = item;
    this.#marks[at] = mark;
    this.size++;
    return number;
  }

  get(number: number): T | undefined {
    if (number < this.#first || number >= this.#next) return undefined;
    return this.#slots[number & (this.#slots.length - 1)];
  }

  /** What `add` was given beside the item. */
  mark(number: number): number {
    if (number < this.#first || number >= this.#next) return 0;
    return this.#marks[number & (this.#slots.length - 1)] as number;
  }

  /** Takes the item out; undefined when it is not there (any more). */
  take(number: number): T | undefined {
    const item = this.get(number);
    if (item === undefined) return undefined;
    const mask = this.#slots.length - 1;
    this.#slots[number & mask] = undefined;
    this.size--;
    while (this.#first < this.#next && this.#slots[this.#first & mask] === undefined) this.#first++;
    return item;
  }

  /** Those that are there, in the order of their numbers; taking them out on the way is allowed. */
  *entries(): Generator<[number, T]> {
    for (let number = this.#first; number < this.#next; number++) {
      const item = this.get(number);
      if (item !== undefined) yield [number, item];
    }
  }

  /** Forgets all; numbering goes on. */
  clear(): void {
    if (this.size > 0) this.#slots.fill(undefined);
    this.#first = this.#next;
    this.size = 0;
  }

  #grow(): void {
    const capacity = this.#slots.length;
    const slots: (T | undefined)[] = new Array(2 * capacity).fill(undefined);
    const marks = new Float64Array(2 * capacity);
    for (let number = this.#first; number < this.#next; number++) {
      const from = number & (capacity - 1);
      const to = number & (2 * capacity - 1);
      slots[to] = this.#slots[from];
      marks[to] = this.#marks[from] as number;
    }
    this.#slots = slots;
    this.#marks = marks;
  }
}
