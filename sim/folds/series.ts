/**
 * The metrics of a run over time, for charts: a bounded number of buckets of equal length. Gauges (depth, lag) are those at the end of each bucket, rates and
 * latencies those within it.
 */
import type { ActorId, Micros, PlaceId } from '../../core/types.ts';
import type { Trace } from '../trace.ts';
import { Metrics, type MetricsScenario } from './metrics.ts';

/** One value per bucket. */
export type Points = readonly number[];

export interface QueueSeries {
  readonly place: PlaceId;
  readonly name: string;
  /** Messages stored, and settled, per second. */
  readonly inPerSecond: Points;
  readonly outPerSecond: Points;
  readonly ready: Points;
  readonly inFlight: Points;
  readonly ageOfOldestUs: Points;
  readonly bytes: Points;
}

export interface TopicSeries {
  readonly name: string;
  readonly inPerSecond: Points;
  readonly outPerSecond: Points;
  /** Records that the slowest replica in sync is behind. */
  readonly replicationLag: Points;
  readonly bytes: Points;
}

export interface GroupSeries {
  readonly place: PlaceId;
  readonly name: string;
  readonly lag: Points;
}

export interface ConsumerSeries {
  /** The declared name, instances together. */
  readonly name: string;
  /** 0 … 1 of the time of those instances that have come up. */
  readonly utilisation: Points;
  readonly errorsPerSecond: Points;
}

export interface Series {
  readonly bucketUs: Micros;
  /** When each bucket ends. */
  readonly endsUs: Points;
  readonly producedPerSecond: Points;
  readonly settledPerSecond: Points;
  readonly deliveredPerSecond: Points;
  /** Counts within the bucket. */
  readonly redelivered: Points;
  readonly deadLettered: Points;
  readonly retried: Points;
  readonly errors: Points;
  readonly duplicateEffects: Points;
  readonly elections: Points;
  /** Of messages whose first effect came within the bucket; 0 where none did. */
  readonly latencyP50Us: Points;
  readonly latencyP95Us: Points;
  /** Broker nodes that are down at the end of the bucket. */
  readonly brokersDown: Points;
  readonly queues: readonly QueueSeries[];
  readonly topics: readonly TopicSeries[];
  readonly groups: readonly GroupSeries[];
  readonly consumers: readonly ConsumerSeries[];
}

/** Series of `points` buckets over the whole run, in one pass. */
export function metricSeries(trace: Trace, scenario: MetricsScenario, points = 200): Series {
  const metrics = new Metrics(scenario);
  const end = Math.max(1, trace.endedAtUs);
  const bucketUs = Math.max(1, Math.ceil(end / points));
  const recorder = new Recorder(trace, metrics, bucketUs);
  let next = bucketUs;
  for (let id = 1; id <= trace.count; id++) {
    const time = trace.time(id);
    while (time > next && next < end) {
      recorder.close(next);
      next += bucketUs;
    }
    metrics.see(trace, id);
  }
  while (next < end) {
    recorder.close(next);
    next += bucketUs;
  }
  recorder.close(end);
  return recorder.series();
}

/** One line of a chart: how it is read at the end of a bucket, and what came out so far. */
interface Track {
  readonly read: () => number;
  readonly points: number[];
}

class Recorder {
  readonly #trace: Trace;
  readonly #metrics: Metrics;
  readonly #bucketUs: Micros;
  readonly #endsUs: number[] = [];
  readonly #tracks: Track[] = [];
  readonly #lines: Omit<Series, 'bucketUs' | 'endsUs'>;

  constructor(trace: Trace, metrics: Metrics, bucketUs: Micros) {
    this.#trace = trace;
    this.#metrics = metrics;
    this.#bucketUs = bucketUs;
    this.#lines = this.#layOut();
  }

  close(time: Micros): void {
    const metrics = this.#metrics;
    metrics.nowUs = Math.max(metrics.nowUs, time);
    this.#endsUs.push(time);
    for (const track of this.#tracks) track.points.push(track.read());
    metrics.freshLatency.clear();
  }

  series(): Series {
    return { bucketUs: this.#bucketUs, endsUs: this.#endsUs, ...this.#lines };
  }

  #layOut(): Omit<Series, 'bucketUs' | 'endsUs'> {
    const metrics = this.#metrics;
    const { topology } = metrics;
    const { actors, places } = this.#trace;
    const every = (kind: string): ActorId[] => actors.filter((actor) => actor.kind === kind).map(({ id }) => id);
    const producers = every('producer');
    const brokers = every('broker');
    const sum = (ids: readonly number[], of: (id: number) => number): number => {
      let total = 0;
      for (const id of ids) total += of(id);
      return total;
    };
    const allPlaces = places.map(({ id }) => id);
    const topics = [...new Set(places.filter(({ kind }) => kind === 'partition').map(({ parent }) => parent))];
    const declared = [...new Set(actors.filter(({ kind }) => kind === 'consumer').map(({ group }) => group))];
    return {
      producedPerSecond: this.#rate(() => sum(producers, (id) => topology.actors[id]?.produced ?? 0)),
      settledPerSecond: this.#rate(() => metrics.settled),
      deliveredPerSecond: this.#rate(() => metrics.delivered),
      redelivered: this.#change(() => metrics.redelivered),
      deadLettered: this.#change(() => sum(allPlaces, (id) => metrics.place(id).deadLettered)),
      retried: this.#change(() => metrics.retried),
      errors: this.#change(() => metrics.failed),
      duplicateEffects: this.#change(() => metrics.ledger.duplicateEffects),
      elections: this.#change(() => sum(allPlaces, (id) => metrics.place(id).elections)),
      latencyP50Us: this.#gauge(() => metrics.freshLatency.percentile(0.5)),
      latencyP95Us: this.#gauge(() => metrics.freshLatency.percentile(0.95)),
      brokersDown: this.#gauge(() => brokers.filter((id) => metrics.actor(id).downSinceUs >= 0).length),
      queues: places
        .filter(({ kind }) => kind === 'queue' || kind === 'endpoint')
        .map(({ id, name }) => ({
          place: id,
          name,
          inPerSecond: this.#rate(() => metrics.place(id).appended),
          outPerSecond: this.#rate(() => metrics.place(id).settled),
          ready: this.#gauge(() => topology.queues[id]?.ready ?? 0),
          inFlight: this.#gauge(() => topology.queues[id]?.locked ?? 0),
          ageOfOldestUs: this.#gauge(() => metrics.ageOfOldestUs(id)),
          bytes: this.#gauge(() => metrics.bytes(id)),
        })),
      topics: topics.map((name) => {
        const ids = places.filter((place) => place.kind === 'partition' && place.parent === name).map(({ id }) => id);
        return {
          name,
          inPerSecond: this.#rate(() => sum(ids, (id) => metrics.place(id).appended)),
          outPerSecond: this.#rate(() => sum(ids, (id) => metrics.place(id).settled)),
          replicationLag: this.#gauge(() => Math.max(0, ...ids.map((id) => metrics.replicationLag(id)))),
          bytes: this.#gauge(() => sum(ids, (id) => metrics.bytes(id))),
        };
      }),
      groups: places
        .filter(({ kind }) => kind === 'group')
        .map(({ id, name }) => ({
          place: id,
          name,
          lag: this.#gauge(() => {
            let lag = 0;
            for (const partition of topology.partitions) {
              const reads = partition?.committed.some((committed) => committed.group === id) ?? false;
              if (partition !== undefined && reads) lag += topology.lag(partition, id);
            }
            return lag;
          }),
        })),
      consumers: declared.map((name) => {
        const ids = actors.filter(({ kind, group }) => kind === 'consumer' && group === name).map(({ id }) => id);
        const trace = this.#trace;
        return {
          name,
          utilisation: this.#ratio(
            () => sum(ids, (id) => metrics.workedUs(id) / metrics.concurrency(trace, id)),
            () => sum(ids, (id) => metrics.startedForUs(id)),
          ),
          errorsPerSecond: this.#rate(() => sum(ids, (id) => metrics.actor(id).failed)),
        };
      }),
    };
  }

  #gauge(read: () => number): Points {
    const track: Track = { read, points: [] };
    this.#tracks.push(track);
    return track.points;
  }

  /** How much a count grew within the bucket. */
  #change(count: () => number): Points {
    let before = 0;
    return this.#gauge(() => {
      const now = count();
      const change = now - before;
      before = now;
      return change;
    });
  }

  #rate(count: () => number): Points {
    return this.#ratio(count, () => this.#metrics.nowUs / 1_000_000);
  }

  /** The growth of one sum per that of another within the bucket. */
  #ratio(count: () => number, per: () => number): Points {
    let countBefore = 0;
    let perBefore = 0;
    return this.#gauge(() => {
      const countNow = count();
      const perNow = per();
      const span = perNow - perBefore;
      const ratio = span > 0 ? (countNow - countBefore) / span : 0;
      countBefore = countNow;
      perBefore = perNow;
      return ratio;
    });
  }
}
