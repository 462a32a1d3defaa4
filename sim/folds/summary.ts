/**
 * The metrics of a finished run as one plain table, for `run --json` and for comparing runs. Durations are in µs, rates per second of virtual time,
 * utilisation and error rate 0 … 1.
 */
import type { Micros } from '../../core/types.ts';
import type { Trace } from '../trace.ts';
import type { Histogram } from './histogram.ts';
import type { Metrics } from './metrics.ts';
import { type Reads, readsOf } from './reads.ts';

export interface Spread {
  readonly count: number;
  readonly meanUs: Micros;
  readonly p50Us: Micros;
  readonly p95Us: Micros;
  readonly p99Us: Micros;
  readonly maxUs: Micros;
}

/** Counts since the start, gauges at the end, and the most that a gauge ever was. */
export interface PlaceSummary {
  readonly appended: number;
  readonly delivered: number;
  readonly settled: number;
  /** Messages that came here because they were dead-lettered. */
  readonly deadLettered: number;
  /** Leaders elected after the first. */
  readonly elections: number;
  /** Stored: ready, delayed and in flight; records of a partition. */
  readonly depth: number;
  readonly maxDepth: number;
  /** Of a queue, delivered and not settled. */
  readonly inFlight: number;
  readonly maxInFlight: number;
  /** Bytes stored, on one replica. */
  readonly diskBytes: number;
  readonly maxDiskBytes: number;
  /** Records by which the slowest replica of a partition is behind its leader. */
  readonly replicationLag: number;
  readonly maxReplicationLag: number;
}

export interface MetricsSummary {
  readonly producedPerSecond: number;
  readonly settledPerSecond: number;
  /** From the making of a message to its first effect. */
  readonly latency: Spread;
  /** From being stored (or visible again) to the begin of the work. */
  readonly waiting: Spread;
  readonly redelivered: number;
  readonly retried: number;
  readonly rejected: number;
  readonly expired: number;
  /** Failed attempts ÷ attempts begun. */
  readonly errorRate: number;
  /** Per queue, partition or endpoint that stored or handed out anything. */
  readonly places: Readonly<Record<string, PlaceSummary>>;
  /** Per consumer group of a log: records that it has still to commit, at the end and at most. */
  readonly groups: Readonly<Record<string, { readonly lag: number; readonly maxLag: number }>>;
  /** Per queue or consumer group that was handed anything: how often each message came, and how late at most. */
  readonly reads: Readonly<Record<string, Reads>>;
  /** Share of its time that each consumer spent at work. */
  readonly utilisation: Readonly<Record<string, number>>;
  /** µs for which each broker node was down. */
  readonly downtimeUs: Readonly<Record<string, Micros>>;
}

/** `metrics` must have seen the whole trace. */
export function summarise(trace: Trace, metrics: Metrics): MetricsSummary {
  const seconds = Math.max(trace.endedAtUs, 1) / 1e6;
  const places: Record<string, PlaceSummary> = {};
  const groups: Record<string, { lag: number; maxLag: number }> = {};
  for (const { id, name } of trace.places) {
    const lag = metrics.groups[id];
    if (lag !== undefined) groups[name] = { lag: lag.now, maxLag: lag.max };
    const counted = metrics.places[id];
    if (counted === undefined || id === 0 || counted.appended + counted.delivered === 0) continue;
    const { appended, delivered, settled, deadLettered, elections } = counted;
    const { maxDepth, maxInFlight, maxBytes, maxReplicationLag } = counted;
    places[name] = {
      appended,
      delivered,
      settled,
      deadLettered,
      elections,
      depth: metrics.depth(id),
      maxDepth,
      inFlight: metrics.topology.queues[id]?.locked ?? 0,
      maxInFlight,
      diskBytes: metrics.bytes(id),
      maxDiskBytes: maxBytes,
      replicationLag: metrics.replicationLag(id),
      maxReplicationLag,
    };
  }
  const utilisation: Record<string, number> = {};
  const downtimeUs: Record<string, Micros> = {};
  for (const actor of trace.actors) {
    if (actor.kind === 'consumer') utilisation[actor.name] = rounded(metrics.utilisation(trace, actor.id));
    else if (actor.kind === 'broker') downtimeUs[actor.name] = metrics.downtimeUs(actor.id);
  }
  return {
    producedPerSecond: rounded(trace.messageCount / seconds),
    settledPerSecond: rounded(metrics.settled / seconds),
    latency: spread(metrics.latency),
    waiting: spread(metrics.waiting),
    redelivered: metrics.redelivered,
    retried: metrics.retried,
    rejected: metrics.rejected,
    expired: metrics.expired,
    errorRate: metrics.begun === 0 ? 0 : rounded(metrics.failed / metrics.begun),
    places,
    groups,
    reads: readsOf(trace),
    utilisation,
    downtimeUs,
  };
}

function spread(histogram: Histogram): Spread {
  return {
    count: histogram.count,
    meanUs: rounded(histogram.mean),
    p50Us: histogram.percentile(0.5),
    p95Us: histogram.percentile(0.95),
    p99Us: histogram.percentile(0.99),
    maxUs: histogram.max,
  };
}

/** Four decimals are enough for people and keep the output short. */
function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
