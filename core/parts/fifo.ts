/**
 * A row of things: in at the back, out at the front. A ring, because an array that is shifted moves all of its items, and one that is emptied and
 * filled again takes new memory each time.
 */
export class Fifo<T> {
  /** Capacity is a power of two. */
  #slots: (T | undefined)[] = [undefined, undefined, undefined, undefined];
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The one that came first; undefined when empty. */
  get first(): T | undefined {
    return this.#slots[this.#head];
  }

  /** The one that came so many places after the first; undefined when there are not so many. */
  after(places: number): T | undefined {
    return places < this.#size ? this.#slots[(this.#head + places) & (this.#slots.length - 1)] : undefined;
  }

  push(item: T): void {
    if (this.#size === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#size++) & (this.#slots.length - 1)] = item;
  }

  /** Takes the one that came first; undefined when empty. */
  shift(): T | undefined {
    const item = this.#slots[this.#head];
    if (this.#size === 0) return undefined;
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#size--;
    return item;
  }

  /** Keeps only those that pass, in their order. */
  retain(keeps: (item: T) => boolean): void {
    for (let left = this.#size; left > 0; left--) {
      const item = this.shift() as T;
      if (keeps(item)) this.push(item);
    }
  }

  clear(): void {
    while (this.#size > 0) this.shift();
  }

  #grow(): void {
    const capacity = this.#slots.length;
    const bigger: (T | undefined)[] = [];
    for (let i = 0; i < 2 * capacity; i++) {
      bigger.push(i < capacity ? this.#slots[(this.#head + i) & (capacity - 1)] : undefined);
    }
    this.#slots = bigger;
    this.#head = 0;
  }
}
