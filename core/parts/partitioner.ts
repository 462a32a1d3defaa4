/**
 * The Kafka producer's choice of partition: an explicit one, else by key, else sticky and uniform over time (KIP-480, KIP-794).
 * A partitioner knows sizes and leaders, never records or requests, and it draws nothing itself: each choice among equals asks the
 * `draw` that it is handed. The idea of stickiness: records without a key fill one batch on one partition, then move on.
 */
import { crc32, murmur2, toPositive, utf8Bytes } from './murmur2.ts';

/** Returns an integer in 0..n-1. */
export type Draw = (n: number) => number;

/** Settings of the built-in partitioner, under the producer's own names. */
export interface PartitionerOptions {
  /** Bytes after which a sticky partition is left; the producer's `batch.size`. At least 1. */
  readonly stickyBatchSize: number;
  /** Weigh partitions by how short their queues are; `partitioner.adaptive.partitioning.enable`. Source: K13. */
  readonly adaptive: boolean;
}

/** Partition of a serialized key: murmur2, sign bit cleared, modulo all partitions, with or without a leader. Source: K11. */
export function partitionForKey(key: string, partitionCount: number): number {
  return toPositive(murmur2(utf8Bytes(key))) % partitionCount;
}

/** Partition of a key as librdkafka's `consistent` partitioners place it. Source: K11, contested part. */
export function partitionForKeyCrc32(key: string, partitionCount: number): number {
  return crc32(utf8Bytes(key)) % partitionCount;
}

/** The weighted table of adaptive partitioning: running sums of `max(queue) + 1 - queue[i]`. Source: K13. */
export function cumulativeWeights(queueSizes: readonly number[]): number[] {
  let longest = 0;
  for (const size of queueSizes) if (size > longest) longest = size;
  let sum = 0;
  return queueSizes.map((size) => {
    sum += longest + 1 - size;
    return sum;
  });
}

/** Index of the first running sum strictly above `drawn`. Source: K13. */
export function pickByWeight(cumulative: readonly number[], drawn: number): number {
  for (let i = 0; i < cumulative.length; i++) if ((cumulative[i] ?? 0) > drawn) return i;
  throw new Error(`the draw ${drawn} lies outside the table of weights`);
}

/** Partitioning of records without a key. One per producer and topic. Source: K12, K13. */
export class StickyPartitioner {
  private readonly options: PartitionerOptions;
  private readonly draw: Draw;
  private sticky = -1;
  private producedBytes = 0;
  private loadIds: readonly number[] = [];
  private loadTable: readonly number[] = [];

  /** Throws a RangeError when `stickyBatchSize` is below 1. */
  constructor(options: PartitionerOptions, draw: Draw) {
    if (options.stickyBatchSize < 1) {
      throw new RangeError(`IllegalArgument: stickyBatchSize must be at least 1, not ${options.stickyBatchSize}`);
    }
    this.options = options;
    this.draw = draw;
  }

  /** The partition that the next record without a key goes to. `withLeader` lists the partitions that have a leader, in order;
   *  when it is empty, all `partitionCount` partitions are candidates. Source: K12. */
  current(partitionCount: number, withLeader: readonly number[]): number {
    if (this.sticky < 0) this.sticky = this.next(partitionCount, withLeader);
    return this.sticky;
  }

  /** Says that `bytes` were appended to the current partition. `mayLeave` is false while its batch is not yet ready; leaving is forced
   *  at twice the batch size. Source: K12. */
  appended(bytes: number, mayLeave: boolean, partitionCount: number, withLeader: readonly number[]): void {
    this.producedBytes += bytes;
    const size = this.options.stickyBatchSize;
    if ((mayLeave && this.producedBytes >= size) || this.producedBytes >= size * 2) {
      this.sticky = this.next(partitionCount, withLeader);
      this.producedBytes = 0;
    }
  }

  /** Hands over the queue length of each available partition, for adaptive partitioning. Fewer than two partitions, or queues all
   *  of one length, leave the choice uniform. Source: K13. */
  updateLoad(partitions: readonly number[], queueSizes: readonly number[]): void {
    const first = queueSizes[0];
    const uniform = queueSizes.length < 2 || queueSizes.every((size) => size === first);
    this.loadIds = uniform ? [] : partitions;
    this.loadTable = uniform ? [] : cumulativeWeights(queueSizes);
  }

  private next(partitionCount: number, withLeader: readonly number[]): number {
    const table = this.loadTable;
    if (this.options.adaptive && table.length > 0) {
      const total = table[table.length - 1] ?? 0;
      return this.loadIds[pickByWeight(table, this.draw(total))] ?? 0;
    }
    if (withLeader.length === 0) return this.draw(partitionCount);
    return withLeader[this.draw(withLeader.length)] ?? 0;
  }
}
