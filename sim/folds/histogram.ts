/**
 * Counts of spans of time in buckets whose width grows with the value, so that percentiles of any number of spans cost little memory. Below
 * 256 µs each value has a bucket of its own; above, a percentile is at most 0.8 % too high. Mean and extremes are exact. Integer arithmetic only.
 */
import type { Micros } from '../../core/types.ts';

/** Buckets per doubling. */
const STEPS = 128;

export class Histogram {
  count = 0;
  sum = 0;
  max: Micros = 0;
  min: Micros = 0;
  #buckets: number[] = [];

  add(span: Micros): void {
    if (this.count === 0 || span < this.min) this.min = span;
    if (span > this.max) this.max = span;
    this.count++;
    this.sum += span;
    const bucket = bucketOf(span);
    while (this.#buckets.length <= bucket) this.#buckets.push(0);
    this.#buckets[bucket] = (this.#buckets[bucket] as number) + 1;
  }

  addAll(other: Histogram): void {
    if (other.count === 0) return;
    this.min = this.count === 0 ? other.min : Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
    this.count += other.count;
    this.sum += other.sum;
    while (this.#buckets.length < other.#buckets.length) this.#buckets.push(0);
    for (let i = 0; i < other.#buckets.length; i++) {
      this.#buckets[i] = (this.#buckets[i] as number) + (other.#buckets[i] as number);
    }
  }

  /** 0 when nothing was counted. */
  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** The span that `share` (0 … 1) of all do not exceed; 0 when nothing was counted. */
  percentile(share: number): Micros {
    if (this.count === 0) return 0;
    const rank = Math.max(1, Math.ceil(share * this.count));
    let seen = 0;
    for (let bucket = 0; bucket < this.#buckets.length; bucket++) {
      seen += this.#buckets[bucket] as number;
      if (seen >= rank) return Math.min(this.max, highestOf(bucket));
    }
    return this.max;
  }

  clear(): void {
    this.count = 0;
    this.sum = 0;
    this.max = 0;
    this.min = 0;
    this.#buckets.length = 0;
  }
}

function bucketOf(span: Micros): number {
  let doublings = 0;
  let rest = Math.floor(span);
  while (rest >= 4294967296) {
    rest = Math.floor(rest / 2);
    doublings++;
  }
  const excess = 24 - Math.clz32(rest);
  if (excess > 0) {
    doublings += excess;
    rest = Math.floor(rest / (1 << excess));
  }
  return doublings === 0 ? rest : doublings * STEPS + rest;
}

function highestOf(bucket: number): Micros {
  if (bucket < 2 * STEPS) return bucket;
  const doublings = Math.floor(bucket / STEPS) - 1;
  let highest = bucket - doublings * STEPS + 1;
  for (let i = 0; i < doublings; i++) highest *= 2;
  return highest - 1;
}
