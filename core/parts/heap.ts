/**
 * A binary min-heap of items under numeric keys; equal keys come out in the order of insertion. Items that have become void are skipped by the owner.
 * Keys and orders lie side by side in a typed array, so that no number is boxed.
 */
export class Heap<T> {
  /** Key and order of insertion of each position. */
  #keys = new Float64Array(32);
  readonly #items: T[] = [];
  #order = 0;

  get size(): number {
    return this.#items.length;
  }

  /** The least key; Infinity when empty. */
  get leastKey(): number {
    return this.#items.length > 0 ? (this.#keys[0] as number) : Number.POSITIVE_INFINITY;
  }

  /** The item under the least key. */
  get least(): T | undefined {
    return this.#items[0];
  }

  push(key: number, item: T): void {
    let i = this.#items.length;
    if (2 * i === this.#keys.length) this.#grow();
    this.#items.push(item);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if ((this.#keys[2 * parent] as number) <= key) break;
      this.#move(parent, i);
      i = parent;
    }
    this.#put(i, key, this.#order++, item);
  }

  /** Takes the item under the least key. */
  pop(): T | undefined {
    const top = this.#items[0];
    const item = this.#items.pop();
    const size = this.#items.length;
    if (size === 0 || item === undefined) return top;
    const key = this.#keys[2 * size] as number;
    const order = this.#keys[2 * size + 1] as number;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#isBefore(child + 1, this.#keys[2 * child] as number, this.#orderOf(child))) child++;
      if (!this.#isBefore(child, key, order)) break;
      this.#move(child, i);
      i = child;
    }
    this.#put(i, key, order, item);
    return top;
  }

  clear(): void {
    this.#items.length = 0;
  }

  #orderOf(i: number): number {
    return this.#keys[2 * i + 1] as number;
  }

  #isBefore(i: number, key: number, order: number): boolean {
    const mine = this.#keys[2 * i] as number;
    return mine < key || (mine === key && this.#orderOf(i) < order);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#keys[2 * from] as number, this.#orderOf(from), this.#items[from] as T);
  }

  #put(i: number, key: number, order: number, item: T): void {
    this.#keys[2 * i] = key;
    this.#keys[2 * i + 1] = order;
    this.#items[i] = item;
  }

  #grow(): void {
    const bigger = new Float64Array(2 * this.#keys.length);
    bigger.set(this.#keys);
    this.#keys = bigger;
  }
}
