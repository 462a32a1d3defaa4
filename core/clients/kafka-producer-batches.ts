/**
 * What a Kafka producer has taken and not got rid of: records in batches, batches in queues by partition, in the order in which they may be sent. It picks
 * partitions, closes batches, divides those that are too large, and knows when their time is up. Sending them, and what becomes of them, is the port's
 * affair (`kafka-producer-port.ts`). Source: K10-K13, K25, K26.
 */
import type { PartitionIndex } from '../brokers/kafka-cluster.ts';
import type { Out, Site } from '../machine.ts';
import { partitionForKey, partitionForKeyCrc32, StickyPartitioner } from '../parts/partitioner.ts';
import { sequenceAfter } from '../parts/producer-state.ts';
import type { Message, Micros } from '../types.ts';
import type { KafkaLink } from './kafka-link.ts';
import type { ProducerConfig } from './kafka-producer-config.ts';

/** What is known of a message that goes to several topics: it is confirmed when all copies are. */
export interface Copies {
  open: number;
  failed: boolean;
  definite: boolean;
  reason: number;
}

export interface Entry {
  readonly message: Message;
  /** When its fate must be known. */
  readonly deadlineUs: Micros;
  /** Copies of the message that are still on their way, one per topic. */
  readonly copies: Copies;
}

export interface Batch {
  readonly partition: PartitionIndex;
  readonly entries: Entry[];
  bytes: number;
  readonly createdUs: Micros;
  closed: boolean;
  /** -1 until it is first sent by an idempotent producer. */
  sequence: number;
  /** The leader refused it for a gap before it that nobody will fill: surely not stored, and to be numbered anew. */
  refused: boolean;
  producerId: number;
  epoch: number;
  attempts: number;
  /** How often it was divided, with what it was a part of: so many attempts do not count. */
  splits: number;
  /** A request with it was sent whose fate was never learnt. */
  maybeStored: boolean;
  notBeforeUs: Micros;
  /** Given up while it was in flight: what is said of it does not count any more. */
  expired: boolean;
}

export interface Partition {
  /** Waiting to be sent, oldest first; the last one may still grow. */
  readonly queue: Batch[];
  inFlight: number;
  nextSequence: number;
}

/** Bytes of a record beside its key and value, about. */
const RECORD_BYTES = 70;
const NEVER = Number.MAX_SAFE_INTEGER;

/** When the fate of its first record must be known. Source: K25. */
export function deadlineOf(batch: Batch): Micros {
  return batch.entries[0]?.deadlineUs ?? NEVER;
}

/** Whether a batch is surely not stored under the number it has, and with it everything behind it. */
export function isResolved(batch: Batch): boolean {
  return batch.sequence < 0 || batch.refused;
}

export class ProducerBatches {
  readonly #config: ProducerConfig;
  readonly #link: KafkaLink;
  readonly #site: Site;
  readonly #partitions = new Map<PartitionIndex, Partition>();
  readonly #stickies = new Map<string, StickyPartitioner>();
  readonly #roundRobin = new Map<string, number>();
  /** While a record is being placed. */
  #out: Out | undefined;

  /** `site`: of the draws of keyless records' partitions. */
  constructor(config: ProducerConfig, link: KafkaLink, site: Site) {
    this.#config = config;
    this.#link = link;
    this.#site = site;
  }

  crash(): void {
    this.#stickies.clear();
    this.#partitions.clear();
  }

  /** Those that ever had a batch, by index. */
  get partitions(): ReadonlyMap<PartitionIndex, Partition> {
    return this.#partitions;
  }

  of(index: PartitionIndex): Partition {
    let partition = this.#partitions.get(index);
    if (partition === undefined) {
      partition = { queue: [], inFlight: 0, nextSequence: 0 };
      this.#partitions.set(index, partition);
    }
    return partition;
  }

  /** Takes a record for a topic. False when there is no such topic. */
  add(topic: string, entry: Entry, out: Out): boolean {
    const indexes = this.#link.partitionsOf(topic);
    if (indexes.length === 0) return false;
    const index = this.#choosePartition(topic, indexes, entry.message, out);
    const bytes = this.bytesOf(entry.message);
    let batch = this.#openBatch(index, bytes);
    if (batch === undefined) {
      batch = emptyBatch(index, out.now);
      this.of(index).queue.push(batch);
    }
    batch.entries.push(entry);
    batch.bytes += bytes;
    if (batch.bytes >= this.#config.batchSize) batch.closed = true;
    return true;
  }

  /** The batch of a partition that a record of this size goes into. One that has no room for it is closed, and goes without waiting for more. Source: K26. */
  #openBatch(index: PartitionIndex, bytes: number): Batch | undefined {
    const last = this.#partitions.get(index)?.queue.at(-1);
    if (last === undefined || last.closed) return undefined;
    if (last.bytes + bytes <= this.#config.batchSize) return last;
    last.closed = true;
    return undefined;
  }

  /** Bytes of a record in its batch, on the wire and in the log: brokers keep batches as they come. */
  bytesOf(message: Message): number {
    const bytes = message.sizeBytes + RECORD_BYTES;
    const { compressionRatio } = this.#config;
    return compressionRatio === 1 ? bytes : Math.ceil(bytes * compressionRatio);
  }

  /** Back into the queue: by sequence number when it has one, else at the head. */
  putBack(batch: Batch): void {
    const { queue } = this.of(batch.partition);
    let at = 0;
    if (batch.sequence >= 0) {
      while (at < queue.length) {
        const other = queue[at] as Batch;
        if (other.sequence < 0 || other.sequence > batch.sequence) break;
        at++;
      }
    }
    queue.splice(at, 0, batch);
  }

  /**
   * The topic takes no batch as large as this one: its records go again in smaller ones, under the numbers that they have. The first time these are as large as
   * `batch.size` allows, which changes nothing unless that is what was exceeded; then they have half the size each time.
   * Source: K26; apache/kafka: Sender.java#completeBatch, RecordAccumulator.java#splitAndReenqueue.
   */
  split(batch: Batch): void {
    let limit = this.#config.batchSize;
    if (batch.splits > 0) {
      limit = Math.floor(batch.bytes / 2);
      for (const { message } of batch.entries) limit = Math.max(limit, this.bytesOf(message));
    }
    const parts: Batch[] = [];
    let sequence = batch.sequence;
    let part: Batch | undefined;
    for (const entry of batch.entries) {
      const bytes = this.bytesOf(entry.message);
      if (part === undefined || part.bytes + bytes > limit) {
        part = { ...batch, entries: [], bytes: 0, sequence, splits: batch.splits + 1, notBeforeUs: 0 };
        parts.push(part);
      }
      part.entries.push(entry);
      part.bytes += bytes;
      if (sequence >= 0) sequence = sequenceAfter(sequence, 1);
    }
    for (let i = parts.length - 1; i >= 0; i--) this.putBack(parts[i] as Batch);
  }

  /** Takes out what waits and has no time left. Source: K25. */
  takeLate(now: Micros): readonly Batch[] {
    const late: Batch[] = [];
    for (const { queue } of this.#partitions.values()) {
      for (let at = 0; at < queue.length; ) {
        const batch = queue[at] as Batch;
        if (deadlineOf(batch) > now) at++;
        else late.push(...queue.splice(at, 1));
      }
    }
    return late;
  }

  /** Takes out everything that waits. */
  takeAll(): readonly Batch[] {
    const all: Batch[] = [];
    for (const { queue } of this.#partitions.values()) all.push(...queue.splice(0));
    return all;
  }

  /** When the next one that waits has no time left; MAX_SAFE_INTEGER when nothing waits. */
  nextDeadlineUs(): Micros {
    let next = NEVER;
    for (const { queue } of this.#partitions.values())
      for (const batch of queue) next = Math.min(next, deadlineOf(batch));
    return next;
  }

  /** Whether nothing that was sent may be stored without it being known. Source: K35. */
  get areResolved(): boolean {
    for (const { inFlight, queue } of this.#partitions.values())
      if (inFlight > 0 || (queue[0] !== undefined && !isResolved(queue[0]))) return false;
    return true;
  }

  /** Numbers begin at 0, those of batches that wait to be sent too. Source: K31, K35. */
  countAnew(): void {
    for (const partition of this.#partitions.values()) {
      partition.nextSequence = 0;
      for (const batch of partition.queue) {
        batch.sequence = -1;
        batch.refused = false;
      }
    }
  }

  /** Source: K10-K13. */
  #choosePartition(topic: string, indexes: readonly PartitionIndex[], message: Message, out: Out): PartitionIndex {
    const kind = this.#config.partitioner;
    const count = indexes.length;
    let number: number;
    if (kind === 'round-robin') {
      number = this.#roundRobin.get(topic) ?? 0;
      this.#roundRobin.set(topic, (number + 1) % count);
    } else if (message.key !== null) {
      number = kind === 'crc32' ? partitionForKeyCrc32(message.key, count) : partitionForKey(message.key, count);
    } else number = this.#stickyPartition(topic, indexes, message, out);
    return indexes[number] as PartitionIndex;
  }

  /**
   * A partition is left when no batch is open there, so that none goes half full for that: before a record for which the last one has no room or has gone, or
   * behind one that fills it. Source: K12; apache/kafka: RecordAccumulator.java#partitionChanged.
   */
  #stickyPartition(topic: string, indexes: readonly PartitionIndex[], message: Message, out: Out): number {
    const batchSize = Math.max(1, this.#config.batchSize);
    let sticky = this.#stickies.get(topic);
    if (sticky === undefined) {
      const draw = (n: number): number => this.#out?.choose(this.#site, n) ?? 0;
      sticky = new StickyPartitioner({ stickyBatchSize: batchSize, adaptive: this.#config.adaptive }, draw);
      this.#stickies.set(topic, sticky);
    }
    this.#out = out;
    const withLeader: number[] = [];
    const queues: number[] = [];
    for (let number = 0; number < indexes.length; number++) {
      const index = indexes[number] as PartitionIndex;
      if (this.#link.leaderOf(index) === 0) continue;
      withLeader.push(number);
      queues.push(this.#partitions.get(index)?.queue.length ?? 0);
    }
    sticky.updateLoad(withLeader, queues);
    const bytes = this.bytesOf(message);
    let number = sticky.current(indexes.length, withLeader);
    let open = this.#openBatch(indexes[number] as PartitionIndex, bytes);
    if (open === undefined) {
      sticky.appended(0, true, indexes.length, withLeader);
      number = sticky.current(indexes.length, withLeader);
      open = this.#openBatch(indexes[number] as PartitionIndex, bytes);
    }
    sticky.appended(bytes, (open?.bytes ?? 0) + bytes >= batchSize, indexes.length, withLeader);
    this.#out = undefined;
    return number;
  }
}

function emptyBatch(partition: PartitionIndex, createdUs: Micros): Batch {
  return {
    partition,
    entries: [],
    bytes: 0,
    createdUs,
    closed: false,
    sequence: -1,
    refused: false,
    producerId: -1,
    epoch: -1,
    attempts: 0,
    splits: 0,
    maybeStored: false,
    notBeforeUs: 0,
    expired: false,
  };
}
