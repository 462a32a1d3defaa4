/**
 * Things under stream ids, in the order of the ids: entries of a stream, pending entries of a group. Nearly all come at the end and most leave near the
 * start, so it is an array in which those that left stay as holes until there are many. It knows nothing of what it holds.
 */
import { compareIds, type StreamId } from './stream-id.ts';

/** Something with an id, and whether it has left its list. */
export interface Listed {
  readonly id: StreamId;
  gone: boolean;
}

/** So many holes are borne with before they are closed. */
const HOLES = 32;

export class IdList<T extends Listed> {
  #items: T[] = [];
  /** Items before this one are gone. */
  #first = 0;
  size = 0;

  get first(): T | undefined {
    return this.#items[this.#first];
  }

  get last(): T | undefined {
    for (let i = this.#items.length - 1; i >= this.#first; i--) {
      const item = this.#items[i] as T;
      if (!item.gone) return item;
    }
    return undefined;
  }

  /** Puts an item in its place; there must be none under its id. */
  add(item: T): void {
    const items = this.#items;
    const tail = items[items.length - 1];
    item.gone = false;
    this.size++;
    if (tail === undefined || compareIds(tail.id, item.id) < 0) {
      items.push(item);
      return;
    }
    const at = this.#at(item.id);
    const there = items[at];
    if (there !== undefined && compareIds(there.id, item.id) === 0) items[at] = item;
    else items.splice(at, 0, item);
    if (at < this.#first) this.#first = at;
  }

  get(id: StreamId): T | undefined {
    const item = this.#items[this.#at(id)];
    return item !== undefined && !item.gone && compareIds(item.id, id) === 0 ? item : undefined;
  }

  /** Takes an item out that is in. */
  remove(item: T): void {
    if (item.gone) return;
    item.gone = true;
    this.size--;
    const items = this.#items;
    while (this.#first < items.length && (items[this.#first] as T).gone) this.#first++;
    const holes = items.length - this.size;
    if (holes >= HOLES && holes > this.size) this.#close();
  }

  /** Closes the holes. */
  #close(): void {
    const items = this.#items;
    let kept = 0;
    for (let i = this.#first; i < items.length; i++) {
      const item = items[i] as T;
      if (!item.gone) items[kept++] = item;
    }
    items.length = kept;
    this.#first = 0;
  }

  /** The first item at or after this id. */
  from(id: StreamId): T | undefined {
    const items = this.#items;
    for (let i = Math.max(this.#at(id), this.#first); i < items.length; i++) {
      const item = items[i] as T;
      if (!item.gone) return item;
    }
    return undefined;
  }

  /** The first item after this id. */
  after(id: StreamId): T | undefined {
    const items = this.#items;
    for (let i = Math.max(this.#at(id), this.#first); i < items.length; i++) {
      const item = items[i] as T;
      if (!item.gone && compareIds(item.id, id) > 0) return item;
    }
    return undefined;
  }

  /** Those from one id to another, both included, at most `limit` of them; backwards from the greater when `reverse`. */
  range(start: StreamId, end: StreamId, limit: number, reverse = false): T[] {
    const found: T[] = [];
    const items = this.#items;
    if (compareIds(start, end) > 0) return found;
    if (reverse) {
      for (let i = Math.min(this.#at(end), items.length - 1); i >= this.#first && found.length < limit; i--) {
        const item = items[i] as T;
        if (item.gone || compareIds(item.id, end) > 0) continue;
        if (compareIds(item.id, start) < 0) break;
        found.push(item);
      }
      return found;
    }
    for (let i = Math.max(this.#at(start), this.#first); i < items.length && found.length < limit; i++) {
      const item = items[i] as T;
      if (compareIds(item.id, end) > 0) break;
      if (!item.gone) found.push(item);
    }
    return found;
  }

  /** All, in order. */
  all(): T[] {
    return this.#items.filter(({ gone }) => !gone);
  }

  clear(): void {
    if (this.#items.length > 0) this.#items = [];
    this.#first = 0;
    this.size = 0;
  }

  /** Position of the first item, gone or not, whose id is not before this one: most are near the end, so it is searched from there in growing steps, then by halving. */
  #at(id: StreamId): number {
    const items = this.#items;
    let high = items.length;
    let low = high;
    for (let step = 1; low > 0; step *= 2) {
      low = high > step ? high - step : 0;
      if (compareIds((items[low] as T).id, id) < 0) {
        low++;
        break;
      }
      high = low;
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareIds((items[middle] as T).id, id) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
