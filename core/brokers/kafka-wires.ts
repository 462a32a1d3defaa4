/**
 * What travels between the machines of a Kafka cluster and its clients: requests and answers under the protocol's own names. Each request has a
 * `id` that its answer repeats. Only shapes; nothing here decides anything.
 */
import type { Wire } from '../machine.ts';
import type { GroupSubscription, PartitionName } from '../parts/assignment.ts';
import type { GroupAssignment, GroupError, GroupReason, GroupSnapshot } from '../parts/consumer-group.ts';
import type { EpochGroupError, EpochMember, EpochSnapshot } from '../parts/epoch-group.ts';
import type { EpochEnd, LogRecord } from '../parts/partition-log.ts';
import type { IsolationLevel, NewBatch, OffsetQuery } from '../parts/partition-replica.ts';
import type { SequenceError } from '../parts/producer-state.ts';
import type { BrokerNumber } from '../parts/replica-set.ts';
import type { AcknowledgeType, ShareError } from '../parts/share-partition.ts';
import type { TxnError, TxnMetadata, TxnResult } from '../parts/txn-coordinator.ts';
import type { ActorId, Message, Micros, PlaceId } from '../types.ts';
import type { PartitionIndex } from './kafka-cluster.ts';

/** What the coordinators write to their internal topics. */
export type CoordinatorRecord =
  | {
      readonly type: 'offset';
      readonly group: string;
      readonly partition: PartitionIndex;
      readonly offset: number;
      /** Of the record before it; -1: unknown. */
      readonly leaderEpoch: number;
      /** When it was committed. */
      readonly atUs: Micros;
      readonly consumer: ActorId;
    }
  /** The offset has expired: nothing is committed any more. */
  | { readonly type: 'offset-expired'; readonly group: string; readonly partition: PartitionIndex }
  /** The group has neither members nor offsets, and is not kept any longer. */
  | { readonly type: 'group-deleted'; readonly group: string }
  | {
      readonly type: 'group';
      readonly group: string;
      readonly snapshot: GroupSnapshot;
      readonly atUs: Micros;
      /** Actors of the members, for the trace. */
      readonly consumers: readonly { readonly memberId: string; readonly consumer: ActorId }[];
    }
  | {
      readonly type: 'epoch-group';
      readonly group: string;
      readonly snapshot: EpochSnapshot;
      /** Actors of the members, for the trace. */
      readonly consumers: ReadonlyMap<string, ActorId>;
    }
  /** What has become of one member since the group was written down; nothing else has changed. */
  | { readonly type: 'epoch-member'; readonly group: string; readonly member: EpochMember }
  | {
      readonly type: 'txn';
      readonly metadata: TxnMetadata;
      readonly producer: ActorId;
      readonly coordinatorEpoch: number;
      /** When it was written down. */
      readonly atUs: Micros;
    }
  /** Nobody has used the id for so long that nothing is known of it any more. */
  | { readonly type: 'txn-expired'; readonly transactionalId: string };

/** The value of a record: a message, or a coordinator's note in an internal topic. */
export type RecordValue = Message | CoordinatorRecord;
export type KafkaRecord = LogRecord<RecordValue>;

export type KafkaError =
  | 'NONE'
  | 'NOT_LEADER_OR_FOLLOWER'
  | 'LEADER_NOT_AVAILABLE'
  | 'NOT_ENOUGH_REPLICAS'
  | 'NOT_ENOUGH_REPLICAS_AFTER_APPEND'
  | 'REQUEST_TIMED_OUT'
  | 'NETWORK_EXCEPTION'
  | 'MESSAGE_TOO_LARGE'
  | 'INVALID_RECORD'
  | 'OFFSET_OUT_OF_RANGE'
  | 'OFFSET_NOT_AVAILABLE'
  | 'NOT_COORDINATOR'
  | 'FENCED_LEADER_EPOCH'
  | 'UNKNOWN_LEADER_EPOCH'
  | 'UNSTABLE_OFFSET_COMMIT'
  | SequenceError
  | GroupError
  | EpochGroupError
  | ShareError
  | TxnError;

interface Request extends Wire {
  readonly id: number;
  /** Which connection of its sender it came by, and its number there, from 1: a connection keeps order, so what came behind a lost
   *  request never arrives. Without a number a request stands for itself. */
  readonly connection?: number;
  readonly frame?: number;
}

export interface Answer extends Wire {
  readonly id: number;
  readonly error: KafkaError;
}

// ── Metadata ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The first request on each connection. */
export interface ApiVersionsRequest extends Request {
  readonly type: 'kafka/ApiVersions';
}

/** The node reads no more from a connection of which a part is missing. */
export interface ConnectionReset extends Wire {
  readonly type: 'kafka/reset';
  readonly connection: number;
}

export interface MetadataRequest extends Request {
  readonly type: 'kafka/Metadata';
}

export interface MetadataAnswer extends Answer {
  readonly type: 'kafka/Metadata.answer';
  /** Leader's actor by partition index; 0 for none. */
  readonly leaders: readonly ActorId[];
  /** Leader epoch by partition index. */
  readonly leaderEpochs: readonly number[];
}

// ── Produce, Fetch, ListOffsets ─────────────────────────────────────────────────────────────────────────────────────

export interface ProduceRequest extends Request {
  readonly type: 'kafka/Produce';
  /** -1 is `all`. */
  readonly acks: -1 | 0 | 1;
  readonly timeoutUs: Micros;
  readonly batches: readonly { readonly partition: PartitionIndex; readonly batch: NewBatch<RecordValue> }[];
  readonly sizeBytes: number;
}

export interface ProduceAnswer extends Answer {
  readonly type: 'kafka/Produce.answer';
  readonly results: readonly {
    readonly partition: PartitionIndex;
    readonly error: KafkaError;
    readonly baseOffset: number;
  }[];
}

export interface FetchRequest extends Request {
  readonly type: 'kafka/Fetch';
  readonly isolation: IsolationLevel;
  readonly maxWaitUs: Micros;
  readonly minBytes: number;
  readonly partitionBytes: number;
  readonly maxRecords: number;
  /** The consumer group's place, for the count of deliveries. */
  readonly group: PlaceId;
  readonly partitions: readonly {
    readonly partition: PartitionIndex;
    readonly offset: number;
    /** The leader's epoch as the client knows it; not compared when it is -1 or left out. Source: K14. */
    readonly leaderEpoch?: number;
  }[];
}

export interface FetchedPartition {
  readonly partition: PartitionIndex;
  readonly error: KafkaError;
  readonly records: readonly KafkaRecord[];
  /** Attempt of each record's delivery; 0 for those that the application will not see. */
  readonly attempts: readonly number[];
  /** Where to fetch next. */
  readonly nextOffset: number;
  /** Leader epoch of the last record before that; -1 when nothing was read. */
  readonly lastEpoch: number;
}

export interface FetchAnswer extends Answer {
  readonly type: 'kafka/Fetch.answer';
  readonly partitions: readonly FetchedPartition[];
  readonly sizeBytes: number;
}

export interface ListOffsetsRequest extends Request {
  readonly type: 'kafka/ListOffsets';
  readonly isolation: IsolationLevel;
  readonly queries: readonly { readonly partition: PartitionIndex; readonly query: OffsetQuery }[];
}

export interface ListOffsetsAnswer extends Answer {
  readonly type: 'kafka/ListOffsets.answer';
  /** Offset -1: no record is that young. */
  readonly offsets: readonly {
    readonly partition: PartitionIndex;
    readonly error: KafkaError;
    readonly offset: number;
  }[];
}

/** Where the log of the leader ends for the epoch of what was read last. Source: K24; KIP-320. */
export interface OffsetForLeaderEpochRequest extends Request {
  readonly type: 'kafka/OffsetForLeaderEpoch';
  readonly partitions: readonly {
    readonly partition: PartitionIndex;
    /** The leader's epoch as the client knows it. */
    readonly currentLeaderEpoch: number;
    readonly leaderEpoch: number;
  }[];
}

export interface OffsetForLeaderEpochAnswer extends Answer {
  readonly type: 'kafka/OffsetForLeaderEpoch.answer';
  readonly ends: readonly {
    readonly partition: PartitionIndex;
    readonly error: KafkaError;
    /** The largest epoch of the leader's log that is not above the one asked for, and where it ends; -1 when it knows of none. */
    readonly leaderEpoch: number;
    readonly endOffset: number;
  }[];
}

// ── Groups ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Every request to a group's coordinator names the group and its member. */
interface GroupRequest extends Request {
  readonly group: string;
  readonly memberId: string;
  readonly instanceId: string | undefined;
  readonly generation: number;
}

export interface JoinGroupRequest extends GroupRequest {
  readonly type: 'kafka/JoinGroup';
  readonly clientId: string;
  readonly sessionTimeoutUs: Micros;
  readonly rebalanceTimeoutUs: Micros;
  readonly assignors: readonly string[];
  readonly topics: readonly string[];
  readonly owned: readonly string[];
  /** Why a member joins anew (KIP-800); nothing when it just joins, or because the group rebalances. */
  readonly reason?: GroupReason;
}

export interface JoinGroupAnswer extends Answer {
  readonly type: 'kafka/JoinGroup.answer';
  readonly memberId: string;
  readonly generation: number;
  readonly assignor: string;
  readonly leader: string;
  readonly members: readonly GroupSubscription[];
}

export interface SyncGroupRequest extends GroupRequest {
  readonly type: 'kafka/SyncGroup';
  readonly assignment: GroupAssignment | undefined;
}

export interface SyncGroupAnswer extends Answer {
  readonly type: 'kafka/SyncGroup.answer';
  readonly partitions: readonly string[];
}

export interface HeartbeatRequest extends GroupRequest {
  readonly type: 'kafka/Heartbeat';
}

export interface LeaveGroupRequest extends GroupRequest {
  readonly type: 'kafka/LeaveGroup';
  readonly reason: GroupReason;
}

export interface OffsetCommitRequest extends GroupRequest {
  readonly type: 'kafka/OffsetCommit';
  /** Version of the request that the client speaks; the newest when left out. */
  readonly version?: number;
  readonly offsets: readonly OffsetToCommit[];
}

export interface OffsetToCommit {
  readonly partition: PartitionIndex;
  readonly offset: number;
  /** Of the record before it; unknown when it is -1 or left out. */
  readonly leaderEpoch?: number;
}

export interface OffsetFetchRequest extends Request {
  readonly type: 'kafka/OffsetFetch';
  readonly group: string;
  readonly partitions: readonly PartitionIndex[];
  /** Wait for open transactions that hold offsets (read_committed). */
  readonly requireStable: boolean;
}

export interface OffsetFetchAnswer extends Answer {
  readonly type: 'kafka/OffsetFetch.answer';
  /** Offset -1: nothing is committed. */
  readonly offsets: readonly {
    readonly partition: PartitionIndex;
    readonly offset: number;
    readonly leaderEpoch: number;
  }[];
}

/** A member of a group whose coordinator assigns: joins, reports what it owns, learns what it may own, leaves. Source: K59, K100. */
export interface EpochHeartbeatRequest extends Request {
  readonly type: 'kafka/ConsumerGroupHeartbeat' | 'kafka/ShareGroupHeartbeat';
  readonly group: string;
  readonly memberId: string;
  readonly instanceId: string | undefined;
  readonly memberEpoch: number;
  readonly topics: readonly string[];
  readonly rebalanceTimeoutUs: Micros;
  readonly assignor: string | undefined;
  readonly owned: readonly PartitionName[];
  /** Why it leaves; of no meaning otherwise. */
  readonly reason: GroupReason;
}

export interface EpochHeartbeatAnswer extends Answer {
  readonly type: 'kafka/GroupHeartbeat.answer';
  readonly memberEpoch: number;
  /** When to send the next one. */
  readonly heartbeatUs: Micros;
  readonly partitions: readonly PartitionName[];
}

// ── Share groups ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** What a member says of offsets that it acquired; several ranges of one partition stand or fall together. Source: K103, K105. */
export interface ShareAcks {
  readonly partition: PartitionIndex;
  readonly ranges: readonly { readonly from: number; readonly to: number; readonly type: AcknowledgeType }[];
}

/** Acknowledges what came before, and asks for more of these partitions. Source: K100, K102. */
export interface ShareFetchRequest extends Request {
  readonly type: 'kafka/ShareFetch';
  readonly group: string;
  readonly memberId: string;
  readonly acks: readonly ShareAcks[];
  readonly partitions: readonly PartitionIndex[];
  readonly maxRecords: number;
  readonly maxWaitUs: Micros;
  readonly settings: ShareSettings;
}

/** The group's own configuration, which the real one keeps at the broker. */
export interface ShareSettings {
  /** `share.auto.offset.reset`. */
  readonly reset: string;
  readonly isolation: IsolationLevel;
  /** `share.record.lock.duration.ms`; 0: the broker's `group.share.record.lock.duration.ms`. */
  readonly lockUs: Micros;
}

export interface ShareFetched {
  readonly partition: PartitionIndex;
  readonly error: KafkaError;
  readonly records: readonly KafkaRecord[];
  readonly deliveryCounts: readonly number[];
  readonly lockedUntilUs: Micros;
}

export interface ShareFetchAnswer extends Answer {
  readonly type: 'kafka/ShareFetch.answer';
  readonly partitions: readonly ShareFetched[];
  readonly sizeBytes: number;
}

/** Acknowledges without asking for more; `closes`: the member goes, and what it holds is released. */
export interface ShareAcknowledgeRequest extends Request {
  readonly type: 'kafka/ShareAcknowledge';
  readonly group: string;
  readonly memberId: string;
  readonly acks: readonly ShareAcks[];
  readonly closes: boolean;
}

export interface ShareAcknowledgeAnswer extends Answer {
  readonly type: 'kafka/ShareAcknowledge.answer';
  readonly results: readonly { readonly partition: PartitionIndex; readonly error: KafkaError }[];
}

/** An answer that is only an error code. */
export interface PlainAnswer extends Answer {
  readonly type: 'kafka/answer';
}

// ── Transactions ──────────────────────────────────────────────────────────────────────────────────────────────────────

export interface InitProducerIdRequest extends Request {
  readonly type: 'kafka/InitProducerId';
  /** '' for a producer that is only idempotent. */
  readonly transactionalId: string;
  readonly timeoutUs: Micros;
  /** Id and epoch of a transactional producer that wants the next epoch; left out by one that begins. Source: K37; KIP-360. */
  readonly identity?: { readonly producerId: number; readonly epoch: number };
}

export interface InitProducerIdAnswer extends Answer {
  readonly type: 'kafka/InitProducerId.answer';
  readonly producerId: number;
  readonly epoch: number;
}

interface TxnRequest extends Request {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly epoch: number;
}

/** AddPartitionsToTxn; AddOffsetsToTxn is the same with the group's partition of `__consumer_offsets`. */
export interface AddPartitionsRequest extends TxnRequest {
  readonly type: 'kafka/AddPartitionsToTxn';
  readonly partitions: readonly PartitionIndex[];
}

export interface EndTxnRequest extends TxnRequest {
  readonly type: 'kafka/EndTxn';
  readonly result: TxnResult;
}

export interface TxnOffsetCommitRequest extends GroupRequest {
  readonly type: 'kafka/TxnOffsetCommit';
  readonly producerId: number;
  readonly epoch: number;
  readonly offsets: readonly OffsetToCommit[];
}

export interface WriteTxnMarkersRequest extends Request {
  readonly type: 'kafka/WriteTxnMarkers';
  readonly transactionalId: string;
  readonly producerId: number;
  readonly epoch: number;
  readonly coordinatorEpoch: number;
  /** Counts the transactions that this coordinator has ended in this epoch of its own: a request that comes again has the same. */
  readonly round: number;
  readonly result: TxnResult;
  readonly partitions: readonly PartitionIndex[];
}

export interface WriteTxnMarkersAnswer extends Answer {
  readonly type: 'kafka/WriteTxnMarkers.answer';
  readonly transactionalId: string;
  readonly coordinatorEpoch: number;
  readonly round: number;
  /** Partitions in which the marker is replicated now. */
  readonly written: readonly PartitionIndex[];
}

// ── Replication and the controller ──────────────────────────────────────────────────────────────────────────────────

export interface ReplicaFetchRequest extends Request {
  readonly type: 'kafka/ReplicaFetch';
  readonly broker: BrokerNumber;
  readonly partitions: readonly {
    readonly partition: PartitionIndex;
    readonly offset: number;
    readonly leaderEpoch: number;
    /** Epoch of the follower's last record; -1 for none. */
    readonly lastEpoch: number;
  }[];
}

export interface ReplicaFetched {
  readonly partition: PartitionIndex;
  readonly error: KafkaError;
  readonly records: readonly KafkaRecord[];
  readonly highWatermark: number;
  readonly logStart: number;
  readonly leaderEpoch: number;
  /** Where the logs part: the follower cuts its own there. */
  readonly diverging: EpochEnd | undefined;
}

export interface ReplicaFetchAnswer extends Answer {
  readonly type: 'kafka/ReplicaFetch.answer';
  readonly partitions: readonly ReplicaFetched[];
  readonly sizeBytes: number;
}

/** One partition as the controller sees it. */
export interface PartitionState {
  readonly leader: BrokerNumber;
  readonly leaderEpoch: number;
  /** Grows with each change of leader or in-sync set. */
  readonly partitionEpoch: number;
  readonly isr: readonly BrokerNumber[];
  /** Eligible leader replicas, and the last known leader when there are none. Empty where the feature is off. Source: K22. */
  readonly elr: readonly BrokerNumber[];
  readonly lastKnownElr: readonly BrokerNumber[];
}

/** A node that shuts down in good order says so, and is fenced at once. */
export interface ControlledShutdown extends Wire {
  readonly type: 'kafka/ControlledShutdown';
  readonly broker: BrokerNumber;
}

export interface BrokerHeartbeat extends Wire {
  readonly type: 'kafka/BrokerHeartbeat';
  readonly broker: BrokerNumber;
  /** Grows with each start of the process. */
  readonly incarnation: number;
  /** The newest metadata it has. */
  readonly version: number;
}

/** Controller to node: everything as it is now. */
export interface MetadataUpdate extends Wire {
  readonly type: 'kafka/MetadataUpdate';
  readonly version: number;
  readonly partitions: readonly PartitionState[];
  readonly fenced: readonly BrokerNumber[];
  /** The partition whose AlterPartition this answers, done or refused; -1 for none. */
  readonly answers: PartitionIndex;
}

export interface AlterPartitionRequest extends Wire {
  readonly type: 'kafka/AlterPartition';
  readonly broker: BrokerNumber;
  readonly partition: PartitionIndex;
  readonly partitionEpoch: number;
  readonly isr: readonly BrokerNumber[];
}

export type ClientRequest =
  | ApiVersionsRequest
  | MetadataRequest
  | ProduceRequest
  | FetchRequest
  | ListOffsetsRequest
  | OffsetForLeaderEpochRequest
  | JoinGroupRequest
  | SyncGroupRequest
  | HeartbeatRequest
  | LeaveGroupRequest
  | OffsetCommitRequest
  | OffsetFetchRequest
  | EpochHeartbeatRequest
  | ShareFetchRequest
  | ShareAcknowledgeRequest
  | InitProducerIdRequest
  | AddPartitionsRequest
  | EndTxnRequest
  | TxnOffsetCommitRequest;
