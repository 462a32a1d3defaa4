/**
 * Which consumer of a Key_Shared subscription owns a key: three ways to lay consumers over the 65,536 hashes. Auto-split halves the largest range for a
 * newcomer, a ring places each consumer at many points, and sticky consumers say themselves what is theirs. Nobody is asked whether a message may
 * go there now: what is still unacked at a former owner is the subscription's business. Source: P21–P24.
 */
import { murmur3 } from './murmur3.ts';

/** Hashes are 0 … 65535 (P21). */
export const HASHES = 65_536;

/** The hash of a key; keyless messages all count as one key, `NONE` (P21). */
export function keyHash(key: string | null): number {
  return murmur3(key ?? 'NONE') % HASHES;
}

/** From `start` (included) to `end` (not included). */
export interface KeyRange {
  readonly start: number;
  readonly end: number;
}

/** `0..32767` as a range whose end is not included; null when it is none. */
export function keyRange(text: string): KeyRange | null {
  const [, start = '', end = ''] = /^(\d+)(?:\.\.|-)(\d+)$/.exec(text) ?? [];
  if (start === '' || Number(end) < Number(start) || Number(end) > HASHES - 1) return null;
  return { start: Number(start), end: Number(end) + 1 };
}

/** A consumer as ranges see it: a name for the ring, and the ranges that it declares when they are sticky. */
export interface KeyOwner {
  readonly name: string;
  readonly ranges: readonly KeyRange[];
}

export interface KeySelector<C extends KeyOwner> {
  /** False when the consumer is refused: its ranges overlap others', or there is no hash left to split. */
  add(consumer: C): boolean;
  remove(consumer: C): void;
  /** Undefined when nobody owns this hash. */
  select(hash: number): C | undefined;
  /** What a consumer owns, in order. */
  rangesOf(consumer: C): KeyRange[];
}

/** Auto-split by range (P22): a newcomer takes the lower half of the largest range; the leftmost of equal ones is split. */
export class SplitRanges<C extends KeyOwner> implements KeySelector<C> {
  /** By range, in order: where it ends, and whose it is. */
  readonly #ends: number[] = [];
  readonly #owners: C[] = [];

  add(consumer: C): boolean {
    const ends = this.#ends;
    if (ends.length === 0) {
      ends.push(HASHES);
      this.#owners.push(consumer);
      return true;
    }
    let largest = 0;
    for (let i = 1; i < ends.length; i++) if (this.#size(i) > this.#size(largest)) largest = i;
    const size = this.#size(largest);
    if (size < 2) return false;
    ends.splice(largest, 0, (ends[largest] as number) - (size >> 1));
    this.#owners.splice(largest, 0, consumer);
    return true;
  }

  remove(consumer: C): void {
    const at = this.#owners.indexOf(consumer);
    if (at < 0) return;
    // A range goes to its right neighbour, the rightmost one to its left.
    if (at === this.#ends.length - 1 && at > 0) this.#ends[at - 1] = HASHES;
    this.#ends.splice(at, 1);
    this.#owners.splice(at, 1);
  }

  select(hash: number): C | undefined {
    let low = 0;
    let high = this.#ends.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (hash < (this.#ends[middle] as number)) high = middle;
      else low = middle + 1;
    }
    return this.#owners[low];
  }

  rangesOf(consumer: C): KeyRange[] {
    const at = this.#owners.indexOf(consumer);
    return at < 0 ? [] : [{ start: this.#start(at), end: this.#ends[at] as number }];
  }

  #start(i: number): number {
    return i === 0 ? 0 : (this.#ends[i - 1] as number);
  }

  #size(i: number): number {
    return (this.#ends[i] as number) - this.#start(i);
  }
}

/** Auto-split by consistent hashing (P23): each consumer stands at so many points of a ring; a hash belongs to the next point clockwise. */
export class HashRing<C extends KeyOwner> implements KeySelector<C> {
  readonly #points: number;
  /** In order of `at`; consumers at the same point in order of joining, of which the first owns it. */
  #ring: { readonly at: number; readonly owner: C }[] = [];

  constructor(points: number) {
    this.#points = points;
  }

  add(consumer: C): boolean {
    for (let i = 0; i < this.#points; i++) {
      const at = murmur3(`${consumer.name}${i}`) % HASHES;
      let where = this.#ring.length;
      while (where > 0 && (this.#ring[where - 1]?.at ?? 0) > at) where--;
      this.#ring.splice(where, 0, { at, owner: consumer });
    }
    return true;
  }

  remove(consumer: C): void {
    this.#ring = this.#ring.filter(({ owner }) => owner !== consumer);
  }

  select(hash: number): C | undefined {
    let low = 0;
    let high = this.#ring.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ring[middle]?.at ?? 0) >= hash) high = middle;
      else low = middle + 1;
    }
    return (this.#ring[low] ?? this.#ring[0])?.owner;
  }

  rangesOf(consumer: C): KeyRange[] {
    const found: KeyRange[] = [];
    let start = 0;
    for (const { at, owner } of this.#ring) {
      if (at < start) continue;
      if (owner === consumer) found.push({ start, end: at + 1 });
      start = at + 1;
    }
    if (start < HASHES && this.#ring[0]?.owner === consumer) found.push({ start, end: HASHES });
    return found;
  }
}

/** Sticky ranges (P24): consumers declare what is theirs; overlaps are refused, and a hash that nobody declared has no owner. */
export class StickyRanges<C extends KeyOwner> implements KeySelector<C> {
  #owned: { readonly start: number; readonly end: number; readonly owner: C }[] = [];

  add(consumer: C): boolean {
    const { ranges } = consumer;
    if (ranges.length === 0 || ranges.some(({ start, end }) => start < 0 || start >= end || end > HASHES)) return false;
    for (const range of ranges) {
      const others = [...this.#owned, ...ranges.filter((other) => other !== range)];
      if (others.some(({ start, end }) => range.start < end && start < range.end)) return false;
    }
    for (const { start, end } of ranges) this.#owned.push({ start, end, owner: consumer });
    this.#owned.sort((a, b) => a.start - b.start);
    return true;
  }

  remove(consumer: C): void {
    this.#owned = this.#owned.filter(({ owner }) => owner !== consumer);
  }

  select(hash: number): C | undefined {
    for (const { start, end, owner } of this.#owned) if (hash >= start && hash < end) return owner;
    return undefined;
  }

  rangesOf(consumer: C): KeyRange[] {
    return this.#owned.filter(({ owner }) => owner === consumer).map(({ start, end }) => ({ start, end }));
  }
}
