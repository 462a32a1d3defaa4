/** A binary min-heap of items under numeric keys; equal keys come out in the order of insertion. Items that have become void are skipped by the owner. */
export class Heap<T> {
  readonly #keys: number[] = [];
  readonly #orders: number[] = [];
  readonly #items: T[] = [];
  #order = 0;

  get size(): number {
    return this.#items.length;
  }

  /** The least key; Infinity when empty. */
  get leastKey(): number {
    return this.#keys[0] ?? Number.POSITIVE_INFINITY;
  }

  /** The item under the least key. */
  get least(): T | undefined {
    return this.#items[0];
  }

  push(key: number, item: T): void {
    let i = this.#items.length;
    const order = this.#order++;
    this.#keys.push(key);
    this.#orders.push(order);
    this.#items.push(item);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if ((this.#keys[parent] as number) <= key) break;
      this.#move(parent, i);
      i = parent;
    }
    this.#keys[i] = key;
    this.#orders[i] = order;
    this.#items[i] = item;
  }

  /** Takes the item under the least key. */
  pop(): T | undefined {
    const top = this.#items[0];
    const key = this.#keys.pop();
    const order = this.#orders.pop();
    const item = this.#items.pop();
    const size = this.#items.length;
    if (size === 0 || key === undefined || order === undefined || item === undefined) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#isBefore(child + 1, this.#keys[child] as number, this.#orders[child] as number))
        child++;
      if (!this.#isBefore(child, key, order)) break;
      this.#move(child, i);
      i = child;
    }
    this.#keys[i] = key;
    this.#orders[i] = order;
    this.#items[i] = item;
    return top;
  }

  clear(): void {
    this.#keys.length = 0;
    this.#orders.length = 0;
    this.#items.length = 0;
  }

  #isBefore(i: number, key: number, order: number): boolean {
    const mine = this.#keys[i] as number;
    return mine < key || (mine === key && (this.#orders[i] as number) < order);
  }

  #move(from: number, to: number): void {
    this.#keys[to] = this.#keys[from] as number;
    this.#orders[to] = this.#orders[from] as number;
    this.#items[to] = this.#items[from] as T;
  }
}
