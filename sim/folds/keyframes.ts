/**
 * Seeking in a trace: copies of the folded stage at intervals, so that any fact is a short fold away. The copies share what did not change between
 * them (`pages.ts`). When they would hold too much memory all the same, every second one is dropped and the interval doubles: long and crowded
 * runs seek a little slower instead of filling the tab.
 */
import type { FactId } from '../../core/types.ts';
import type { Trace } from '../trace.ts';
import { Topology, type TopologyScenario } from './topology.ts';

export interface KeyframeOptions {
  /** Facts between keyframes at first. 4,096 by default: folding so many takes a millisecond or two. */
  readonly every?: number;
  /** All keyframes together may hold about so many bytes before they are thinned. 96 MiB by default. */
  readonly budgetBytes?: number;
}

interface Keyframe {
  readonly topology: Topology;
  /** What it holds that the keyframe before it does not, about. */
  readonly bytes: number;
}

export class Keyframes {
  readonly #trace: Trace;
  readonly #budget: number;
  #every: number;
  #frames: Keyframe[];
  #bytes = 0;
  /** Where the fold has come so far: the end of what has keyframes. */
  #frontier: Topology;
  #cursor: Topology;

  /** The trace may still grow; keyframes follow as far as somebody seeks or `extend`s. */
  constructor(trace: Trace, scenario: TopologyScenario, options: KeyframeOptions = {}) {
    this.#trace = trace;
    this.#every = options.every ?? 4096;
    this.#budget = options.budgetBytes ?? 96 * 1024 * 1024;
    this.#frontier = new Topology(scenario);
    this.#frames = [{ topology: this.#frontier.fork(), bytes: 0 }];
    this.#cursor = this.#frontier.fork();
  }

  /**
   * The stage after fact `id`, clamped to 0 … trace.count. The object is this class's own and is moved by the next `seek`; `fork` it to keep it.
   * A step forward applies one fact; a step back folds from the keyframe before.
   */
  seek(id: FactId): Topology {
    const target = Math.max(0, Math.min(id, this.#trace.count));
    if (target > this.#frontier.fact) {
      this.extend(target);
      if (this.#cursor.fact < (this.#frames.at(-1) as Keyframe).topology.fact) this.#cursor = this.#frontier.fork();
    }
    const nearest = this.#before(target);
    if (this.#cursor.fact > target || this.#cursor.fact < nearest.fact) this.#cursor = nearest.fork();
    const cursor = this.#cursor;
    for (let next = cursor.fact + 1; next <= target; next++) cursor.apply(this.#trace, next);
    return cursor;
  }

  /** Makes the keyframes up to a fact (by default all there are), so that later seeks find them. Call it in slices where a frame must not be missed. */
  extend(to: FactId = this.#trace.count): void {
    const end = Math.min(to, this.#trace.count);
    const frontier = this.#frontier;
    for (let next = frontier.fact + 1; next <= end; next++) {
      frontier.apply(this.#trace, next);
      if (next - (this.#frames.at(-1) as Keyframe).topology.fact >= this.#every) this.#keep();
    }
  }

  /** How many keyframes there are, and about how much they hold; for the benchmark and for curious people. */
  get size(): { readonly keyframes: number; readonly bytes: number; readonly every: number } {
    return { keyframes: this.#frames.length, bytes: this.#bytes, every: this.#every };
  }

  #keep(): void {
    const bytes = this.#frontier.forkBytes;
    this.#frames.push({ topology: this.#frontier.fork(), bytes });
    this.#bytes += bytes;
    while (this.#bytes > this.#budget && this.#frames.length > 2) this.#thin();
  }

  #thin(): void {
    this.#every *= 2;
    this.#frames = this.#frames.filter((_, i) => i % 2 === 0);
    // What the dropped ones alone held is not known; at least what was counted for them is no longer all held.
    this.#bytes = this.#frames.reduce((sum, frame) => sum + frame.bytes, 0);
  }

  /** The last keyframe at or before a fact; the first one is the empty stage. */
  #before(id: FactId): Topology {
    let low = 0;
    let high = this.#frames.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#frames[middle] as Keyframe).topology.fact <= id) low = middle;
      else high = middle - 1;
    }
    return (this.#frames[low] as Keyframe).topology;
  }
}

/** Facts to seek for a measurement: spread over the trace by integer arithmetic, the same each time. */
export function seekTargets(trace: Pick<Trace, 'count'>, n: number): FactId[] {
  const targets: FactId[] = [];
  let state = 0x9e3779b9;
  for (let i = 0; i < n; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    targets.push(1 + Math.floor((state / 4294967296) * trace.count));
  }
  return targets;
}

/**
 * Random seeks with the view state read, timed with the caller's clock (sim has none). `now` gives milliseconds; the answer is in milliseconds.
 * Keyframes are made before the measurement.
 */
export function benchSeek(
  trace: Trace,
  scenario: TopologyScenario,
  now: () => number,
  seeks = 200,
): {
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  readonly keyframes: number;
  readonly bytes: number;
} {
  const keyframes = new Keyframes(trace, scenario);
  keyframes.extend();
  const times: number[] = [];
  for (const target of seekTargets(trace, seeks)) {
    const before = now();
    const topology = keyframes.seek(target);
    for (const queue of topology.queues) {
      queue?.entries('ready', 500);
      queue?.entries('delayed', 500);
      queue?.entries('locked', 500);
    }
    times.push(now() - before);
  }
  times.sort((a, b) => a - b);
  const rank = (share: number): number => times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0;
  const { keyframes: count, bytes } = keyframes.size;
  return { p50: rank(0.5), p95: rank(0.95), max: rank(1), keyframes: count, bytes };
}
