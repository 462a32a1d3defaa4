/** What is followed through a run for its expressions (an extreme, a mean, a value at a time), and the one pass over the trace that wakes it. */
import type { FactKind } from '../../core/facts.ts';
import type { FactId, Micros } from '../../core/types.ts';
import type { Trace } from '../trace.ts';
import type { View } from './expect-functions.ts';
import type { FOLDS } from './expect-syntax.ts';

/** A reading of a moment: a number of µs, a count, a share; conditions are 1 and 0. */
export type Read = (view: View) => number;

/** How many times in a run what changes with time is looked at. */
const LOOKS = 200;

/** Feeds the trace to the metrics and wakes each watch when something that it reads may have changed. */
export function pass(trace: Trace, view: View, watches: readonly Watch[]): void {
  const { metrics } = view;
  const end = Math.max(trace.endedAtUs, trace.count === 0 ? 0 : trace.time(trace.count));
  const byKind: Watch[][] = [];
  for (const watch of watches) {
    for (const kind of watch.kinds) {
      const interested = byKind[kind];
      if (interested === undefined) byKind[kind] = [watch];
      else interested.push(watch);
    }
  }
  const moments = new Set<Micros>([0]);
  for (const { fromUs, toUs } of watches) {
    moments.add(Math.min(fromUs, end));
    if (toUs < end) moments.add(toUs);
  }
  if (watches.some(({ sampled }) => sampled)) {
    for (let i = 1; i < LOOKS; i++) moments.add(Math.floor((end * i) / LOOKS));
  }
  const times = [...moments].sort((a, b) => a - b);
  let next = 0;
  const until = (time: Micros): void => {
    while (next < times.length && (times[next] as Micros) < time) {
      const moment = times[next++] as Micros;
      metrics.nowUs = Math.max(metrics.nowUs, moment);
      for (const watch of watches) watch.tick(view, moment, metrics.topology.fact);
    }
  };
  for (let id = 1; id <= trace.count; id++) {
    const time = trace.time(id);
    if (next < times.length && (times[next] as Micros) < time) until(time);
    metrics.see(trace, id);
    const interested = byKind[trace.kind(id)];
    if (interested !== undefined) for (const watch of interested) watch.fact(view, time, id);
  }
  until(end + 1);
  metrics.nowUs = end;
  for (const watch of watches) watch.close(view, end);
}

type WatchMode = keyof typeof FOLDS | 'at' | 'end';

/** One thing that is followed through the run: an extreme, a mean, a value at a time, or when a final value changed last. */
export class Watch {
  readonly mode: WatchMode;
  readonly kinds: ReadonlySet<FactKind>;
  readonly sampled: boolean;
  readonly fromUs: Micros;
  readonly toUs: Micros;
  value = 0;
  witness: FactId = 0;
  readonly #read: Read;
  #started = false;
  #closed = false;
  #last = 0;
  #lastUs: Micros = 0;
  #area = 0;

  constructor(mode: WatchMode, read: Read, changes: Changes, fromUs: Micros, toUs: Micros) {
    this.mode = mode;
    this.#read = read;
    this.kinds = mode === 'at' ? new Set() : changes.kinds;
    this.sampled = mode !== 'at' && mode !== 'end' && changes.sampled;
    this.fromUs = fromUs;
    this.toUs = toUs;
  }

  fact(view: View, time: Micros, id: FactId): void {
    if (this.#started && !this.#closed) this.#look(view, time, id);
  }

  tick(view: View, time: Micros, id: FactId): void {
    if (this.#closed) return;
    if (!this.#started) {
      if (time < this.fromUs) return;
      this.#start(view, time, id);
    } else if (this.sampled) this.#look(view, time, id);
    if (time >= this.toUs) this.close(view, time);
  }

  close(view: View, time: Micros): void {
    if (this.#closed) return;
    if (!this.#started) this.#start(view, time, view.metrics.topology.fact);
    this.#closed = true;
    if (this.mode === 'end') this.value = this.#read(view);
    if (this.mode !== 'mean') return;
    this.#area += this.#last * (time - this.#lastUs);
    const span = time - this.fromUs;
    this.value = span > 0 ? this.#area / span : this.#last;
  }

  #start(view: View, time: Micros, id: FactId): void {
    this.#started = true;
    this.#last = this.#read(view);
    this.#lastUs = time;
    this.value = this.#last;
    if (this.mode !== 'end') this.witness = id;
  }

  #look(view: View, time: Micros, id: FactId): void {
    const value = this.#read(view);
    switch (this.mode) {
      case 'max':
      case 'ever':
        if (value > this.value) this.#take(value, id);
        return;
      case 'min':
      case 'always':
        if (value < this.value) this.#take(value, id);
        return;
      case 'mean':
        this.#area += this.#last * (time - this.#lastUs);
        this.#last = value;
        this.#lastUs = time;
        return;
      case 'end':
        if (value !== this.value) this.#take(value, id);
        return;
      case 'at':
        return;
      default:
        this.mode satisfies never;
    }
  }

  #take(value: number, id: FactId): void {
    this.value = value;
    this.witness = id;
  }
}

/** What can change a reading. */
export interface Changes {
  readonly kinds: Set<FactKind>;
  sampled: boolean;
}
