/**
 * The partitions that have a replica on one Kafka node, and what their leaders decide of themselves: how far the high watermark goes and who is in sync. Who
 * leads is what the controller says (`kafka-node.ts` obeys); what is written and read is in `kafka-appending.ts`, `kafka-fetching.ts` and
 * `kafka-following.ts`, which all stand on this.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import { PartitionReplica } from '../parts/partition-replica.ts';
import type { BrokerNumber, ReplicaSet } from '../parts/replica-set.ts';
import type { FactId, Message, MessageId, Micros } from '../types.ts';
import type { KafkaCluster, PartitionIndex, PartitionInfo } from './kafka-cluster.ts';
import type { GroupCoordinator } from './kafka-groups.ts';
import { durationOf } from './kafka-options.ts';
import type { TxnCoordinator } from './kafka-txns.ts';
import type { AlterPartitionRequest, KafkaError, KafkaRecord, PartitionState, RecordValue } from './kafka-wires.ts';

/** Called when the high watermark has passed an append, or when that will not happen here. `because`: the move of the high watermark, where one is recorded. */
export type Settle = (error: KafkaError, out: Out, because?: FactId) => void;

interface Waiting {
  /** The high watermark must reach this. */
  readonly offset: number;
  readonly deadlineUs: Micros;
  readonly settle: Settle;
}

/** The newest transaction marker of a producer that this leader has written. */
export interface WrittenMarker {
  readonly coordinatorEpoch: number;
  readonly round: number;
  /** The high watermark must reach this. */
  readonly end: number;
  /** Somebody is answered as soon as it does. */
  waiting: boolean;
  /** The coordinator of groups on this partition has heard of it. */
  told: boolean;
}

/** A partition that has a replica on this node. */
export interface Hosted {
  readonly info: PartitionInfo;
  readonly replica: PartitionReplica<RecordValue>;
  role: 'leader' | 'follower' | 'none';
  state: PartitionState;
  /** While it leads. */
  set: ReplicaSet | undefined;
  epochStart: number;
  /** In the order of their offsets. */
  waiting: Waiting[];
  /** By producer id, of this time as leader. */
  readonly markers: Map<number, WrittenMarker>;
  groups: GroupCoordinator | undefined;
  txns: TxnCoordinator | undefined;
  /** Offsets below are on disk for good. */
  flushed: number;
  /** Messages that a truncation cut away and that have not been seen again since; lost when the log has caught up. */
  cut: Set<MessageId> | undefined;
}

export class HostedPartitions {
  readonly cluster: KafkaCluster;
  readonly number: BrokerNumber;
  /** By partition index; a hole where this node has no replica. */
  readonly all: (Hosted | undefined)[] = [];
  /** What the controller last said, for all partitions. */
  states: readonly PartitionState[] = [];
  /** Nothing more can be written. */
  isDiskFull = false;
  readonly #readable: (index: PartitionIndex, out: Out) => void;

  /** `readable` hears of each partition of which more can be read than before. */
  constructor(cluster: KafkaCluster, number: BrokerNumber, readable: (index: PartitionIndex, out: Out) => void) {
    this.cluster = cluster;
    this.number = number;
    this.#readable = readable;
  }

  /**
   * Something is to be written. Without room for it the log directory fails, and a broker that has lost all of its directories halts; this one has a single
   * one. True when it does. Source: KIP-112, "Log directory failure".
   */
  haltsForRoom(out: Out): boolean {
    if (this.isDiskFull) out.crash(undefined, R['disk full']);
    return this.isDiskFull;
  }

  led(): readonly Hosted[] {
    return this.all.filter((hosted): hosted is Hosted => hosted?.role === 'leader');
  }

  leader(index: PartitionIndex): Hosted | undefined {
    const hosted = this.all[index];
    return hosted?.role === 'leader' ? hosted : undefined;
  }

  /** Moves the high watermark as far as it may go, and answers whoever waited for that. Source: K15-K18. */
  advance(hosted: Hosted, out: Out): void {
    const { set, replica, info } = hosted;
    const limit = set?.highWatermarkLimit(replica.log.endOffset, out.now);
    if (set === undefined || limit === undefined || !replica.log.advanceHighWatermark(limit)) return;
    const { highWatermark } = replica.log;
    const moved =
      info.place !== 0 && info.replicas.length > 1
        ? out.fact(F['watermark-moved'], 0, info.place, 0, highWatermark)
        : undefined;
    const { waiting } = hosted;
    let done = 0;
    while (done < waiting.length && (waiting[done] as Waiting).offset <= highWatermark) done++;
    if (done > 0) {
      hosted.waiting = waiting.slice(done);
      const error = set.replicatedError;
      for (let i = 0; i < done; i++) (waiting[i] as Waiting).settle(error, out, moved);
    }
    this.#readable(info.index, out);
  }

  get isrCheckUs(): Micros {
    return Math.floor(durationOf(this.cluster.options, 'replica.lag.time.max.ms') / 2);
  }

  shrinkIsr(hosted: Hosted, out: Out): void {
    const isr = hosted.set?.tryShrink(hosted.replica.log.endOffset, out.now);
    if (isr !== undefined) this.askForIsr(hosted, isr, out);
  }

  askForIsr(hosted: Hosted, isr: readonly BrokerNumber[], out: Out): void {
    const request: AlterPartitionRequest = {
      type: 'kafka/AlterPartition',
      broker: this.number,
      partition: hosted.info.index,
      partitionEpoch: hosted.state.partitionEpoch,
      isr,
    };
    out.send(this.cluster.controller, 'control', request);
  }
}

export function newHosted(info: PartitionInfo, state: PartitionState): Hosted {
  return {
    info,
    replica: new PartitionReplica(info.config.log),
    role: 'none',
    state,
    set: undefined,
    epochStart: 0,
    waiting: [],
    markers: new Map(),
    groups: undefined,
    txns: undefined,
    flushed: 0,
    cut: undefined,
  };
}

export function eachRecord(hosted: Hosted, visit: (record: KafkaRecord) => void): void {
  const { log } = hosted.replica;
  log.scan(log.startOffset, log.endOffset, (record) => {
    visit(record);
    return true;
  });
}

export function idOf(value: RecordValue | null): MessageId {
  return value !== null && 'decisionKey' in value ? (value as Message).id : 0;
}
