/**
 * A priority queue of items under numeric keys; equal keys come out in the order of insertion. Items that have become void are skipped by the owner.
 * What comes in the order of its keys, as deadlines of one length do, lies in a row and is neither lifted nor sunk; the rest is in a binary heap.
 * Keys and orders lie side by side in typed arrays, so that no number is boxed.
 */
export class Heap<T> {
  /** The row, a ring whose capacity is a power of two: key and order of insertion of each, and the items. */
  #rowKeys = new Float64Array(2 * 8);
  #row: (T | undefined)[] = new Array(8).fill(undefined);
  #first = 0;
  #end = 0;
  /** The greatest key that came to the row; what comes with a smaller one goes to the heap. */
  #lastKey = Number.NEGATIVE_INFINITY;

  /** Key and order of insertion of each position of the heap. */
  #keys = new Float64Array(32);
  readonly #items: T[] = [];
  #order = 0;

  get size(): number {
    return this.#end - this.#first + this.#items.length;
  }

  /** The least key; Infinity when empty. */
  get leastKey(): number {
    if (this.#isRowNext()) return this.#rowKeys[2 * this.#head()] as number;
    return this.#items.length > 0 ? (this.#keys[0] as number) : Number.POSITIVE_INFINITY;
  }

  /** The item under the least key. */
  get least(): T | undefined {
    return this.#isRowNext() ? this.#row[this.#head()] : this.#items[0];
  }

  push(key: number, item: T): void {
    if (this.#first === this.#end) this.#lastKey = Number.NEGATIVE_INFINITY;
    if (key >= this.#lastKey) this.#append(key, item);
    else this.#lift(key, item);
  }

  /** Takes the item under the least key. */
  pop(): T | undefined {
    if (!this.#isRowNext()) return this.#sink();
    const at = this.#head();
    const item = this.#row[at];
    this.#row[at] = undefined;
    this.#first++;
    return item;
  }

  clear(): void {
    this.#items.length = 0;
    if (this.#first === this.#end) return;
    this.#row.fill(undefined);
    this.#first = this.#end;
  }

  /** Whether the least is the first of the row. */
  #isRowNext(): boolean {
    if (this.#first === this.#end) return false;
    if (this.#items.length === 0) return true;
    const at = 2 * this.#head();
    return !this.#isBefore(0, this.#rowKeys[at] as number, this.#rowKeys[at + 1] as number);
  }

  #head(): number {
    return this.#first & (this.#row.length - 1);
  }

  #append(key: number, item: T): void {
    if (this.#end - this.#first === this.#row.length) this.#growRow();
    const at = this.#end++ & (this.#row.length - 1);
    this.#rowKeys[2 * at] = key;
    this.#rowKeys[2 * at + 1] = this.#order++;
    this.#row[at] = item;
    this.#lastKey = key;
  }

  #lift(key: number, item: T): void {
    let i = this.#items.length;
    if (2 * i === this.#keys.length) this.#grow();
    this.#items[i] = item;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if ((this.#keys[2 * parent] as number) <= key) break;
      this.#move(parent, i);
      i = parent;
    }
    this.#put(i, key, this.#order++, item);
  }

  /** Takes the top of the heap. */
  #sink(): T | undefined {
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

  #growRow(): void {
    const capacity = this.#row.length;
    const keys = new Float64Array(4 * capacity);
    const row: (T | undefined)[] = new Array(2 * capacity).fill(undefined);
    for (let i = this.#first; i < this.#end; i++) {
      const from = i & (capacity - 1);
      const to = i & (2 * capacity - 1);
      keys[2 * to] = this.#rowKeys[2 * from] as number;
      keys[2 * to + 1] = this.#rowKeys[2 * from + 1] as number;
      row[to] = this.#row[from];
    }
    this.#rowKeys = keys;
    this.#row = row;
  }
}
