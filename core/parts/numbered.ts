/**
 * Things under consecutive numbers, most of which live for a short time: an array that slides along with the oldest that is still there. Faster than a
 * map, and a number is never given twice.
 */
export class Numbered<T> {
  #slots: (T | undefined)[] = [];
  #marks: number[] = [];
  /** The number of slot 0. */
  #base = 1;
  /** Slots before this one are empty. */
  #first = 0;
  size = 0;

  /** The number that the next item will have. */
  get next(): number {
    return this.#base + this.#slots.length;
  }

  /** The oldest that is still there. */
  get first(): T | undefined {
    return this.#slots[this.#first];
  }

  /** Keeps an item, and a number of the owner's beside it; returns the item's own number, from 1. */
  add(item: T, mark = 0): number {
    // Not `push`: engines inline that only where all lists hold the same kind of things.
    this.#slots[this.#slots.length] = item;
    this.#marks[this.#marks.length] = mark;
    this.size++;
    return this.#base + this.#slots.length - 1;
  }

  get(number: number): T | undefined {
    return this.#slots[number - this.#base];
  }

  /** What `add` was given beside the item. */
  mark(number: number): number {
    return this.#marks[number - this.#base] ?? 0;
  }

  /** Takes the item out; undefined when it is not there (any more). */
  take(number: number): T | undefined {
    const i = number - this.#base;
    const item = this.#slots[i];
    if (item === undefined) return undefined;
    this.#slots[i] = undefined;
    this.size--;
    if (i === this.#first) this.#slide();
    return item;
  }

  /** Those that are there, in the order of their numbers; taking them out on the way is allowed, although the array may slide. */
  *entries(): Generator<[number, T]> {
    for (let number = this.#base + this.#first; number < this.#base + this.#slots.length; number++) {
      const item = this.get(number);
      if (item !== undefined) yield [number, item];
    }
  }

  /** Forgets all; numbering goes on. */
  clear(): void {
    this.#base += this.#slots.length;
    this.#slots = [];
    this.#marks = [];
    this.#first = 0;
    this.size = 0;
  }

  #slide(): void {
    const end = this.#slots.length;
    while (this.#first < end && this.#slots[this.#first] === undefined) this.#first++;
    if (this.#first > 255 && this.#first * 2 > end) {
      this.#slots = this.#slots.slice(this.#first);
      this.#marks = this.#marks.slice(this.#first);
      this.#base += this.#first;
      this.#first = 0;
    }
  }
}
