/** How many messages stand in each declared queue of a lane over time, and what went wrong meanwhile: counted alike for queues and logs, so that lanes can be compared. */
import type { Micros, PlaceId } from '../../core/types.ts';
import type { Scenario } from '../../sim/scenario/types.ts';
import type { Trace } from '../../sim/trace.ts';
import { F } from '../../sim/vocabulary.ts';
import { type Band, bandsOf } from '../charts/bands.ts';
import { FactsIndex, lineLooks } from '../facts-index.ts';

export interface QueueStrip {
  /** As the scenario declares it. */
  readonly name: string;
  /** Most messages that stood there at once within each stretch of `stepUs`: stored and not settled, waiting or in a consumer's hands. */
  readonly depth: readonly number[];
  readonly most: number;
}

export interface LaneStrip {
  readonly endUs: Micros;
  /** Length of the stretches. */
  readonly stepUs: Micros;
  readonly queues: readonly QueueStrip[];
  /** When messages were dead-lettered: rising, not two within one stretch. */
  readonly deadLetteredUs: readonly Micros[];
  readonly bands: readonly Band[];
  /** When something of this was the last time other than before. */
  readonly lastChangeUs: Micros;
}

const STRETCHES = 600;

/** Two passes over the trace; for the worker. */
export function stripOf(trace: Trace, scenario: Scenario): LaneStrip {
  const endUs = Math.max(1, trace.endedAtUs);
  const stepUs = Math.max(1, Math.ceil(endUs / STRETCHES));
  const names = [...new Set([...Object.keys(scenario.queues), ...Object.keys(scenario.topics)])];
  const depths = names.map(() => new Depth(stepUs));
  const queueOf = queuesByPlace(trace, names);
  /** By message: the number of the queue that it stands in, from 1; 0 for none. */
  const standsIn = new Uint16Array(trace.messageCount + 1);
  const deadLetteredUs: Micros[] = [];
  let lastChangeUs = 0;

  const put = (message: number, queue: number, time: Micros): void => {
    const before = standsIn[message] ?? 0;
    if (before === queue) return;
    depths[before - 1]?.add(-1, time);
    depths[queue - 1]?.add(1, time);
    standsIn[message] = queue;
    lastChangeUs = time;
  };
  for (let id = 1; id <= trace.count; id++) {
    const message = trace.messageOf(id);
    if (message === 0) continue;
    const place = trace.place(id);
    const time = trace.time(id);
    switch (trace.kind(id)) {
      case F.appended:
      case F.redriven:
        put(message, queueOf.get(place) ?? standsIn[message] ?? 0, time);
        break;
      case F['dead-lettered']:
        put(message, queueOf.get(place) ?? 0, time);
        if (time - (deadLetteredUs.at(-1) ?? -stepUs) >= stepUs) deadLetteredUs.push(time);
        break;
      case F.acked:
      case F.expired:
      case F.evicted:
      case F.lost:
        if (queueOf.get(place) === standsIn[message]) put(message, 0, time);
        break;
      case F.settled:
        if (trace.value(id) === 0 && trace.places[place]?.kind !== 'queue') put(message, 0, time);
        break;
      default:
        break;
    }
  }

  const index = new FactsIndex(trace, lineLooks(scenario.timeline));
  index.extend(trace.count);
  const bands = bandsOf({ trace, index, scenario });
  return {
    endUs,
    stepUs,
    queues: names.map((name, i) => ({ name, ...(depths[i] as Depth).until(endUs) })),
    deadLetteredUs,
    bands,
    lastChangeUs: Math.max(lastChangeUs, ...bands.map(({ toUs }) => (toUs < endUs ? toUs : 0))),
  };
}

/** By place, of queues and partitions: the number of the declared queue, from 1. */
function queuesByPlace(trace: Trace, names: readonly string[]): ReadonlyMap<PlaceId, number> {
  const found = new Map<PlaceId, number>();
  for (const { id, kind, name, parent } of trace.places) {
    const number = names.indexOf(kind === 'partition' ? parent : name) + 1;
    if (number > 0 && (kind === 'partition' || kind === 'queue' || kind === 'endpoint')) found.set(id, number);
  }
  return found;
}

/** A level over time, kept as the highest of each stretch. */
class Depth {
  readonly #stepUs: Micros;
  readonly #highest: number[] = [0];
  #now = 0;

  constructor(stepUs: Micros) {
    this.#stepUs = stepUs;
  }

  add(by: number, time: Micros): void {
    this.#reach(time);
    this.#now += by;
    const last = this.#highest.length - 1;
    this.#highest[last] = Math.max(this.#highest[last] ?? 0, this.#now);
  }

  until(endUs: Micros): Pick<QueueStrip, 'depth' | 'most'> {
    this.#reach(endUs - 1);
    return { depth: this.#highest, most: Math.max(...this.#highest) };
  }

  #reach(time: Micros): void {
    const stretch = Math.floor(time / this.#stepUs);
    while (this.#highest.length <= stretch) this.#highest.push(this.#now);
  }
}
