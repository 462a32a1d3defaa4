/**
 * A map from whole numbers to things, for entries that come and go with every message: a native map builds its table anew after every few of them, this one
 * takes no memory as long as its size does not grow. It has no order of its own; a number beside each thing (its mark) lets the owner have one.
 * Open addressing with linear probing; what is taken out leaves no gap, because what was pushed aside by it moves up.
 */
export class NumberMap<T> {
  /** Capacity is a power of two, at most half full. */
  #keys: number[] = new Array(16).fill(0);
  #marks = new Float64Array(16);
  #items: (T | undefined)[] = new Array(16).fill(undefined);
  size = 0;

  get(key: number): T | undefined {
    return this.size === 0 ? undefined : this.#items[this.#find(key)];
  }

  has(key: number): boolean {
    return this.size > 0 && this.#items[this.#find(key)] !== undefined;
  }

  /** What `set` was given beside the thing; 0 when there is none. */
  mark(key: number): number {
    const at = this.#find(key);
    return this.#items[at] === undefined ? 0 : (this.#marks[at] as number);
  }

  /** Puts a thing in the place of another, which is returned; undefined when there was none. */
  set(key: number, item: T, mark = 0): T | undefined {
    let at = this.#find(key);
    const former = this.#items[at];
    if (former === undefined) {
      if (2 * ++this.size > this.#items.length) {
        this.#grow();
        at = this.#find(key);
      }
      this.#keys[at] = key;
    }
    this.#items[at] = item;
    this.#marks[at] = mark;
    return former;
  }

  /** Takes a thing out; undefined when there is none. */
  take(key: number): T | undefined {
    if (this.size === 0) return undefined;
    let gap = this.#find(key);
    const taken = this.#items[gap];
    if (taken === undefined) return undefined;
    const mask = this.#items.length - 1;
    for (let at = (gap + 1) & mask; this.#items[at] !== undefined; at = (at + 1) & mask) {
      // It may move up only if its own place is not between the gap and where it is.
      const home = slotOf(this.#keys[at] as number) & mask;
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      this.#keys[gap] = this.#keys[at] as number;
      this.#marks[gap] = this.#marks[at] as number;
      this.#items[gap] = this.#items[at];
      gap = at;
    }
    this.#items[gap] = undefined;
    this.size--;
    return taken;
  }

  /** Keys of all things, or only of this one, which is there so many times; by their marks, the least first, and by themselves. */
  keys(of?: T, times = this.size): number[] {
    const found: number[] = [];
    for (let at = 0; found.length < times && at < this.#items.length; at++) {
      const item = this.#items[at];
      if (item !== undefined && (of === undefined || item === of)) found.push(at);
    }
    if (found.length > 1)
      found.sort(
        (a, b) =>
          (this.#marks[a] as number) - (this.#marks[b] as number) ||
          (this.#keys[a] as number) - (this.#keys[b] as number),
      );
    for (let i = 0; i < found.length; i++) found[i] = this.#keys[found[i] as number] as number;
    return found;
  }

  clear(): void {
    if (this.size > 0) this.#items.fill(undefined);
    this.size = 0;
  }

  /** Where the key is, or would be. */
  #find(key: number): number {
    const mask = this.#items.length - 1;
    let at = slotOf(key) & mask;
    while (this.#items[at] !== undefined && this.#keys[at] !== key) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const keys = this.#keys;
    const marks = this.#marks;
    const items = this.#items;
    this.#keys = new Array(2 * items.length).fill(0);
    this.#marks = new Float64Array(2 * items.length);
    this.#items = new Array(2 * items.length).fill(undefined);
    for (let from = 0; from < items.length; from++) {
      if (items[from] === undefined) continue;
      const at = this.#find(keys[from] as number);
      this.#keys[at] = keys[from] as number;
      this.#marks[at] = marks[from] as number;
      this.#items[at] = items[from];
    }
  }
}

/** Spreads keys that come in steps, as those of one partition of many do. */
function slotOf(key: number): number {
  const spread = Math.imul(key, 0x9e3779b1);
  return spread ^ (spread >>> 15);
}
