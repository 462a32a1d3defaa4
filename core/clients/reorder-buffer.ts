/**
 * Puts messages of one key back into the order of their numbers: what comes before its turn is held until the missing ones have come, or until it
 * has waited for the window, or until too many are held. What comes after its turn (late, or again) is handed on at once: the buffer
 * restores order, it removes nothing.
 */
import type { Micros } from '../types.ts';

interface Held<T> {
  readonly key: string;
  readonly sequence: number;
  readonly item: T;
  readonly untilUs: Micros;
}

export class ReorderBuffer<T> {
  readonly #windowUs: Micros;
  readonly #most: number;
  /** By key: the number whose turn it is; 1 for keys not seen yet. */
  readonly #next = new Map<string, number>();
  /** In the order of coming, which is that of their deadlines: all wait equally long. */
  #held: Held<T>[] = [];

  /** `most`: how many are held at most, over all keys. */
  constructor(windowUs: Micros, most: number) {
    this.#windowUs = windowUs;
    this.#most = most;
  }

  get size(): number {
    return this.#held.length;
  }

  /** When the first of the held ones has waited long enough; Infinity when none is held. */
  get dueUs(): Micros {
    return this.#held[0]?.untilUs ?? Number.POSITIVE_INFINITY;
  }

  /** The number that is awaited of a key. */
  nextOf(key: string): number {
    return this.#next.get(key) ?? 1;
  }

  /** Takes in what has come; `release` gets what may go on now, in order, which may be nothing. */
  offer(key: string, sequence: number, item: T, now: Micros, release: (item: T) => void): void {
    const next = this.nextOf(key);
    if (sequence < next) return release(item);
    if (sequence === next) {
      release(item);
      return this.#goOn(key, next + 1, release);
    }
    this.#held.push({ key, sequence, item, untilUs: now + this.#windowUs });
    if (this.#held.length > this.#most) this.#giveUpFirst(release);
  }

  /** Gives up waiting for what is missing before those that have waited for the window. */
  due(now: Micros, release: (item: T) => void): void {
    while (this.dueUs <= now) this.#giveUpFirst(release);
  }

  /** Drops those held that do not pass. */
  retain(keeps: (item: T) => boolean): void {
    this.#held = this.#held.filter(({ item }) => keeps(item));
  }

  /** Forgets what is held, and with `all` whose turn it is too. */
  clear(all: boolean): void {
    this.#held = [];
    if (all) this.#next.clear();
  }

  /** The first of the held ones waits no longer: the least number of its key is next. */
  #giveUpFirst(release: (item: T) => void): void {
    const key = this.#held[0]?.key;
    if (key === undefined) return;
    let least = Number.POSITIVE_INFINITY;
    for (const one of this.#held) if (one.key === key && one.sequence < least) least = one.sequence;
    this.#goOn(key, least, release);
  }

  /** It is this number's turn: releases it if it is held, and what follows without a gap. */
  #goOn(key: string, turn: number, release: (item: T) => void): void {
    let next = turn;
    for (let at = this.#find(key, next); at >= 0; at = this.#find(key, next)) {
      const [one] = this.#held.splice(at, 1);
      if (one !== undefined) release(one.item);
      // The same number may be held twice: a redelivery.
      if (this.#find(key, next) < 0) next++;
    }
    this.#next.set(key, next);
  }

  #find(key: string, sequence: number): number {
    return this.#held.findIndex((one) => one.key === key && one.sequence === sequence);
  }
}
