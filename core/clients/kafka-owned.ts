/**
 * What a Kafka consumer knows of the partitions that it owns: how far it has read, what it has fetched, which records the application works on, and what was
 * committed. A table that the consumer's parts share; they alone say when it changes.
 */
import type { PartitionIndex } from '../brokers/kafka-cluster.ts';
import type { KafkaRecord } from '../brokers/kafka-wires.ts';
import type { Delivery } from '../types.ts';

export interface Owned {
  /** Offset of the next record to hand to the application, -1 until it is known; and leader epoch of the one before it, -1 where that is unknown. */
  position: number;
  epoch: number;
  /** Offset last asked to be committed; -1 for none since it was assigned. */
  committed: number;
  /** Fetched and not yet handed over, and where to fetch on after that; with the leader epoch of the record before. */
  buffered: FetchedRecord[];
  fetchPosition: number;
  fetchEpoch: number;
  /** Epoch of the leader whose log is known to hold all that was read up to there. */
  leaderEpoch: number;
  /** Waits for a new leader to say whether its log does. */
  validating: boolean;
  /** Whether its position is to be chosen by `auto.offset.reset`, whatever is committed, and whether its leader is asked already. Source: K70. */
  reset: 'none' | 'due' | 'asked';
  /** Offsets handed over and not done, ascending. */
  open: number[];
}

export interface FetchedRecord {
  readonly record: KafkaRecord;
  readonly attempt: number;
}

export type OwnedPartitions = Map<PartitionIndex, Owned>;

/** Where a delivery came from. */
export interface Handle {
  readonly partition: PartitionIndex;
  readonly offset: number;
  readonly leaderEpoch: number;
}

export function handleOf(delivery: Delivery): Handle {
  return delivery.handle as Handle;
}

/** A partition that has just been assigned: where to begin is not known yet. */
export function newlyOwned(): Owned {
  return {
    position: -1,
    epoch: -1,
    committed: -1,
    buffered: [],
    fetchPosition: -1,
    fetchEpoch: -1,
    leaderEpoch: -1,
    validating: false,
    reset: 'none',
    open: [],
  };
}

/** Begins to read here, behind a record of this leader epoch, of which no leader of now was asked yet. */
export function beginAt(owned: Owned, offset: number, epoch: number): void {
  owned.leaderEpoch = -1;
  moveTo(owned, offset, epoch);
}

function moveTo(owned: Owned, offset: number, epoch: number): void {
  owned.reset = 'none';
  owned.position = offset;
  owned.epoch = epoch;
  owned.fetchPosition = offset;
  owned.fetchEpoch = epoch;
}

/** Reads on from here, behind a record of this leader epoch; what was fetched is forgotten, and so is what the application has in hand from here on. */
export function readFrom(owned: Owned, offset: number, epoch: number): void {
  moveTo(owned, offset, epoch);
  owned.validating = false;
  owned.buffered = [];
  owned.open = owned.open.filter((other) => other < offset);
}

/** The next offset to read after a restart: the first record that is not done, else the position. Source: K67. */
export function commitOffsetOf(owned: Owned): number {
  return owned.open[0] ?? owned.position;
}
