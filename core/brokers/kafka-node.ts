/**
 * One Kafka broker node: leads some partitions and follows others, answers produce and fetch requests, copies from leaders, and runs the
 * coordinators that live on the internal partitions it leads. It decides nothing about who leads (the controller does) and nothing about what
 * is in a log (`partition-replica.ts` does): it moves records between requests, logs and followers, and keeps requests waiting until the
 * high watermark or new records allow an answer. Requests of clients are answered in `#request`, those of other nodes in `receive`.
 */
import { F, R, type Reason } from '../facts.ts';
import type { Command, Machine, Out, SeekTarget, Wire } from '../machine.ts';
import { FrameOrder } from '../parts/frame-order.ts';
import type { CompactionOptions, EpochEnd } from '../parts/partition-log.ts';
import { type NewBatch, PartitionReplica } from '../parts/partition-replica.ts';
import { type BrokerNumber, ReplicaSet } from '../parts/replica-set.ts';
import { AbortedFilter } from '../parts/txn-index.ts';
import type { ActorId, FactId, Message, MessageId, Micros, TimerId } from '../types.ts';
import { armCleaner, CLEAN, cleanLogs } from './kafka-cleaning.ts';
import {
  type KafkaCluster,
  OFFSETS_TOPIC,
  type PartitionIndex,
  type PartitionInfo,
  TXN_TOPIC,
} from './kafka-cluster.ts';
import { initialState } from './kafka-controller.ts';
import { type CoordinatorLog, GroupCoordinator, type GroupTimer } from './kafka-groups.ts';
import { durationOf } from './kafka-options.ts';
import { ShareManager } from './kafka-shares.ts';
import { type MarkerTimer, TxnCoordinator, type TxnNode } from './kafka-txns.ts';
import type {
  AddPartitionsRequest,
  AlterPartitionRequest,
  Answer,
  BrokerHeartbeat,
  ClientRequest,
  CoordinatorRecord,
  FetchAnswer,
  FetchedPartition,
  FetchRequest,
  InitProducerIdAnswer,
  KafkaError,
  KafkaRecord,
  ListOffsetsAnswer,
  ListOffsetsRequest,
  MetadataAnswer,
  MetadataUpdate,
  PartitionState,
  PlainAnswer,
  ProduceAnswer,
  ProduceRequest,
  RecordValue,
  ReplicaFetchAnswer,
  ReplicaFetched,
  ReplicaFetchRequest,
  WriteTxnMarkersAnswer,
  WriteTxnMarkersRequest,
} from './kafka-wires.ts';

/** Called when the high watermark has passed an append, or when that will not happen here. `because`: the move of the high watermark, where one is recorded. */
type Settle = (error: KafkaError, out: Out, because?: FactId) => void;

interface Waiting {
  /** The high watermark must reach this. */
  readonly offset: number;
  readonly deadlineUs: Micros;
  readonly settle: Settle;
}

/** A partition that has a replica on this node. */
interface Hosted {
  readonly info: PartitionInfo;
  readonly replica: PartitionReplica<RecordValue>;
  role: 'leader' | 'follower' | 'none';
  state: PartitionState;
  /** While it leads. */
  set: ReplicaSet | undefined;
  epochStart: number;
  /** In the order of their offsets. */
  waiting: Waiting[];
  groups: GroupCoordinator | undefined;
  txns: TxnCoordinator | undefined;
  /** Offsets below are on disk for good. */
  flushed: number;
  /** Messages that a truncation cut away and that have not been seen again since; lost when the log has caught up. */
  cut: Set<MessageId> | undefined;
}

type Listed = ListOffsetsAnswer['offsets'][number];

type FramedRequest = ClientRequest & { readonly frame: number };

/** One client's stream of requests to this node. */
interface Connection {
  readonly number: number;
  readonly inbound: FrameOrder<FramedRequest>;
}

interface ParkedFetch {
  readonly from: ActorId;
  readonly request: FetchRequest;
  timer: TimerId;
}

interface ParkedReplicaFetch {
  readonly from: ActorId;
  readonly request: ReplicaFetchRequest;
  timer: TimerId;
}

interface FetchWait extends Wire {
  readonly type: 'kafka/fetch-wait' | 'kafka/replica-wait';
  readonly from: ActorId;
  readonly id: number;
}

interface FollowTimer extends Wire {
  readonly type: 'kafka/follow';
  readonly leader: BrokerNumber;
  /** The fetch that should have been answered by now; 0: a pause is over. */
  readonly id: number;
}

const SWEEP: Wire = { type: 'kafka/sweep' };
const BEAT: Wire = { type: 'kafka/beat' };
const RETENTION: Wire = { type: 'kafka/retention' };
const FLUSH: Wire = { type: 'kafka/flush' };
const TXN_TIMEOUTS: Wire = { type: 'kafka/txn-timeouts' };
const ISR_CHECK: Wire = { type: 'kafka/isr-check' };

/** How often waiting produce requests are looked at for their timeouts. */
const SWEEP_US = 1_000_000;
/** `offsets.commit.timeout.ms`, and the like for transactions. */
const INTERNAL_TIMEOUT_US = 5_000_000;
/** `transaction.abort.timed.out.transaction.cleanup.interval.ms`. Source: K44. */
const TXN_TIMEOUTS_US = 10_000_000;
/** `replica.fetch.max.bytes`. */
const REPLICA_FETCH_BYTES = 1_048_576;
/** Bytes of a request or answer beside its records, about. */
const FRAME_BYTES = 100;

const REJECTED_BECAUSE: Partial<Record<KafkaError, Reason>> = {
  NOT_ENOUGH_REPLICAS: 'not enough replicas',
  NOT_LEADER_OR_FOLLOWER: 'leader moved',
  OUT_OF_ORDER_SEQUENCE_NUMBER: 'sequence gap',
  INVALID_PRODUCER_EPOCH: 'fenced',
};

export class KafkaNode implements Machine {
  readonly #cluster: KafkaCluster;
  readonly #number: BrokerNumber;
  /** By partition index; a hole where this node has no replica. */
  readonly #hosted: (Hosted | undefined)[] = [];
  /** What the controller last said, for all partitions. */
  #states: readonly PartitionState[] = [];
  #version = 0;
  #incarnation = 0;
  #fenced: readonly BrokerNumber[] = [];
  readonly #shares: ShareManager;
  #fetches: ParkedFetch[] = [];
  #replicaFetches: ParkedReplicaFetch[] = [];
  /** Outstanding fetch to each leader, by its number; 0 for none, -1 while pausing after a refusal. */
  #following: number[] = [];
  #nextFetch = 1;
  #nextProducerId = 0;
  /** Resets of offsets that wait for leaders to say where their partitions begin and end, by the number of the request. */
  readonly #resets = new Map<number, { readonly group: string; readonly to: SeekTarget }>();
  #sweeping = false;
  /** The newest connection of each client. */
  readonly #connections = new Map<ActorId, Connection>();

  constructor(cluster: KafkaCluster, number: BrokerNumber) {
    this.#cluster = cluster;
    this.#number = number;
    this.#shares = new ShareManager(cluster, (index) => this.#leader(index));
  }

  // ── Life of the process ───────────────────────────────────────────────────────────────────────────────────────────

  start(out: Out): void {
    this.#states = this.#cluster.partitions.map((info) => initialState(this.#cluster, info.index));
    this.#applyStates(out, true);
    this.#arm(out);
  }

  crash(out: Out, losesDisk: boolean): void {
    for (const hosted of this.#hosted) {
      if (hosted === undefined) continue;
      hosted.role = 'none';
      hosted.set = undefined;
      hosted.waiting = [];
      hosted.groups = undefined;
      hosted.txns = undefined;
      if (losesDisk) this.#cutBack(hosted, hosted.flushed, out);
    }
    this.#fetches = [];
    this.#shares.crash();
    this.#replicaFetches = [];
    this.#following = [];
    this.#sweeping = false;
    this.#connections.clear();
    this.#resets.clear();
  }

  restart(out: Out): void {
    this.#incarnation++;
    if (this.#cluster.controller === 0) {
      this.#states = this.#states.map((state) => ({ ...state, leaderEpoch: state.leaderEpoch + 1 }));
      this.#applyStates(out, true);
    } else {
      this.#states = [];
      this.#version = 0;
    }
    this.#arm(out);
  }

  /** A controlled shutdown: leadership is given away at once. */
  stop(out: Out): void {
    if (this.#cluster.controller !== 0) {
      out.send(this.#cluster.controller, 'control', { type: 'kafka/ControlledShutdown', broker: this.#number } as Wire);
    }
    this.crash(out, false);
  }

  peerLost(peer: ActorId, out: Out): void {
    const broker = this.#cluster.brokerOf(peer);
    this.#connections.delete(peer);
    this.#shares.peerLost(peer, out);
    this.#fetches = this.#fetches.filter((parked) => keep(parked, peer, out));
    this.#replicaFetches = this.#replicaFetches.filter((parked) => keep(parked, peer, out));
    if (broker > 0 && (this.#following[broker] ?? 0) > 0) this.#pauseFollowing(broker, out);
  }

  command(command: Command, out: Out): void {
    if (command.type === 'set') this.#set(command.path, command.value, out);
    else if (command.type === 'seek') this.#resetOffsets(command.group, command.to, out);
  }

  timer(wire: Wire, out: Out): void {
    switch (wire.type) {
      case SWEEP.type:
        return this.#sweep(out);
      case BEAT.type:
        return this.#beat(out);
      case RETENTION.type:
        return this.#applyRetention(out);
      case CLEAN.type:
        cleanLogs(this.#cluster, this.#led(), out);
        return armCleaner(this.#cluster, out);
      case FLUSH.type:
        for (const hosted of this.#hosted) if (hosted !== undefined) hosted.flushed = hosted.replica.log.endOffset;
        out.timer(durationOf(this.#cluster.options, 'log.flush.interval.ms'), FLUSH, 0);
        return;
      case TXN_TIMEOUTS.type:
        for (const hosted of this.#hosted) hosted?.txns?.abortTimedOut(out);
        out.timer(TXN_TIMEOUTS_US, TXN_TIMEOUTS, 0);
        return;
      case ISR_CHECK.type:
        for (const hosted of this.#hosted) if (hosted !== undefined) this.#shrinkIsr(hosted, out);
        out.timer(this.#isrCheckUs(), ISR_CHECK, 0);
        return;
      case 'kafka/group': {
        const { partition, group } = wire as GroupTimer;
        return this.#hosted[partition]?.groups?.tick(group, out);
      }
      case 'kafka/markers': {
        const { partition, transactionalId } = wire as MarkerTimer;
        return this.#hosted[partition]?.txns?.retry(transactionalId, out);
      }
      case 'kafka/fetch-wait': {
        const { from, id } = wire as FetchWait;
        const at = this.#fetches.findIndex((parked) => parked.from === from && parked.request.id === id);
        const parked = this.#fetches[at];
        if (parked === undefined) return;
        this.#fetches.splice(at, 1);
        return this.#answerFetch(parked.from, parked.request, out);
      }
      case 'kafka/replica-wait': {
        const { from, id } = wire as FetchWait;
        const at = this.#replicaFetches.findIndex((parked) => parked.from === from && parked.request.id === id);
        const parked = this.#replicaFetches[at];
        if (parked === undefined) return;
        this.#replicaFetches.splice(at, 1);
        return this.#answerReplicaFetch(parked.from, parked.request, out);
      }
      case 'kafka/follow': {
        const { leader, id } = wire as FollowTimer;
        const current = this.#following[leader] ?? 0;
        if (id === 0 ? current !== -1 : current !== id) return;
        this.#following[leader] = 0;
        return this.#follow(leader, out);
      }
      default:
        this.#shares.timer(wire, out);
    }
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    switch (wire.type) {
      case 'kafka/ReplicaFetch':
        return this.#replicaFetch(from, wire as ReplicaFetchRequest, out);
      case 'kafka/ReplicaFetch.answer':
        return this.#replicaFetched(from, wire as ReplicaFetchAnswer, out);
      case 'kafka/ListOffsets.answer':
        return this.#offsetsListed(wire as ListOffsetsAnswer & Answer, out);
      case 'kafka/MetadataUpdate':
        return this.#metadataUpdate(wire as MetadataUpdate, out);
      case 'kafka/WriteTxnMarkers':
        return this.#writeMarkers(wire as WriteTxnMarkersRequest, out, (answer, later) =>
          later.send(from, 'control', answer),
        );
      case 'kafka/WriteTxnMarkers.answer': {
        const answer = wire as WriteTxnMarkersAnswer;
        return this.#hosted[answer.id]?.txns?.marked(answer, out);
      }
      default:
        return this.#arrived(from, wire as ClientRequest, out);
    }
  }

  /** Requests of a connection are handled in their order, each once; those of an older connection not at all. */
  #arrived(from: ActorId, request: ClientRequest, out: Out): void {
    const { connection, frame } = request;
    if (connection === undefined || frame === undefined) return this.#request(from, request, out);
    let known = this.#connections.get(from);
    if (request.type === 'kafka/ApiVersions' && (known === undefined || connection > known.number)) {
      known = { number: connection, inbound: new FrameOrder() };
      this.#connections.set(from, known);
    }
    if (known?.number !== connection || !known.inbound.accept(request as FramedRequest)) return;
    this.#request(from, request, out);
    for (let next = known.inbound.next(); next !== undefined; next = known.inbound.next())
      this.#request(from, next, out);
  }

  /** What clients ask. */
  #request(from: ActorId, request: ClientRequest, out: Out): void {
    switch (request.type) {
      case 'kafka/ApiVersions': {
        const answer: PlainAnswer = { type: 'kafka/answer', id: request.id, error: 'NONE' };
        return out.send(from, 'control', answer);
      }
      case 'kafka/Metadata': {
        const answer: MetadataAnswer = {
          type: 'kafka/Metadata.answer',
          id: request.id,
          error: this.#states.length === 0 ? 'LEADER_NOT_AVAILABLE' : 'NONE',
          leaders: this.#states.map((state) => this.#cluster.actorOf(state.leader)),
        };
        return out.send(from, 'control', answer);
      }
      case 'kafka/Produce':
        return this.#produce(from, request, out);
      case 'kafka/Fetch':
        return this.#fetch(from, request, out);
      case 'kafka/ListOffsets':
        return this.#listOffsets(from, request, out);
      case 'kafka/JoinGroup':
        return this.#withGroups(from, request, out)?.join(from, request, out);
      case 'kafka/SyncGroup':
        return this.#withGroups(from, request, out)?.sync(from, request, out);
      case 'kafka/Heartbeat':
        return this.#withGroups(from, request, out)?.heartbeat(from, request, out);
      case 'kafka/LeaveGroup':
        return this.#withGroups(from, request, out)?.leave(from, request, out);
      case 'kafka/OffsetCommit':
        return this.#withGroups(from, request, out)?.commit(from, request, out);
      case 'kafka/OffsetFetch':
        return this.#withGroups(from, request, out)?.fetchOffsets(from, request, out);
      case 'kafka/ConsumerGroupHeartbeat':
      case 'kafka/ShareGroupHeartbeat':
        return this.#withGroups(from, request, out)?.epochHeartbeat(from, request, out);
      case 'kafka/ShareFetch':
        return this.#shares.fetch(from, request, out);
      case 'kafka/ShareAcknowledge':
        return this.#shares.acknowledge(from, request, out);
      case 'kafka/TxnOffsetCommit':
        return this.#withGroups(from, request, out)?.commitInTxn(from, request, out);
      case 'kafka/InitProducerId': {
        if (request.transactionalId !== '') return this.#withTxns(from, request, out)?.init(from, request, out);
        const answer: InitProducerIdAnswer = {
          type: 'kafka/InitProducerId.answer',
          id: request.id,
          error: 'NONE',
          producerId: this.#newProducerId(),
          epoch: 0,
        };
        return out.send(from, 'control', answer);
      }
      case 'kafka/AddPartitionsToTxn':
        return this.#withTxns(from, request, out)?.addPartitions(from, request, out);
      case 'kafka/EndTxn':
        return this.#withTxns(from, request, out)?.end(from, request, out);
      default:
        return request satisfies never;
    }
  }

  #arm(out: Out): void {
    const { options, controller } = this.#cluster;
    if (controller !== 0) {
      this.#beat(out);
      out.timer(this.#isrCheckUs(), ISR_CHECK, 0);
    }
    out.timer(durationOf(options, 'log.retention.check.interval.ms'), RETENTION, 0);
    out.timer(durationOf(options, 'log.flush.interval.ms'), FLUSH, 0);
    out.timer(TXN_TIMEOUTS_US, TXN_TIMEOUTS, 0);
    armCleaner(this.#cluster, out);
  }

  // ── Leadership ────────────────────────────────────────────────────────────────────────────────────────────────────

  #beat(out: Out): void {
    const heartbeat: BrokerHeartbeat = {
      type: 'kafka/BrokerHeartbeat',
      broker: this.#number,
      incarnation: this.#incarnation,
      version: this.#version,
    };
    out.send(this.#cluster.controller, 'control', heartbeat, 0, 0);
    for (const hosted of this.#hosted) {
      const pending = hosted?.set?.pendingIsr;
      if (hosted !== undefined && pending !== undefined) this.#askForIsr(hosted, pending, out);
    }
    out.timer(durationOf(this.#cluster.options, 'broker.heartbeat.interval.ms'), BEAT, 0);
  }

  #metadataUpdate(update: MetadataUpdate, out: Out): void {
    if (update.version < this.#version) return;
    this.#version = update.version;
    this.#states = update.partitions;
    this.#fenced = update.fenced;
    // Nobody who is fenced will answer.
    for (const broker of update.fenced) this.#following[broker] = 0;
    this.#applyStates(out, false);
    if (update.answers < 0) return;
    const hosted = this.#hosted[update.answers];
    if (hosted?.set === undefined) return;
    hosted.set.confirm(hosted.state.isr);
    this.#advance(hosted, out);
  }

  /** Becomes leader or follower of each hosted partition as the metadata says. */
  #applyStates(out: Out, anew: boolean): void {
    for (let index = 0; index < this.#states.length; index++) {
      const state = this.#states[index] as PartitionState;
      const info = this.#cluster.partition(index);
      if (!info.replicas.includes(this.#number)) continue;
      let hosted = this.#hosted[index];
      if (hosted === undefined) {
        hosted = newHosted(info, state);
        this.#hosted[index] = hosted;
      }
      const before = hosted.state;
      const wasLeader = hosted.role === 'leader';
      hosted.state = state;
      if (state.leader === this.#number) {
        if (!wasLeader || before.leaderEpoch !== state.leaderEpoch) this.#lead(hosted, out, anew);
        else if (before.partitionEpoch !== state.partitionEpoch) hosted.set?.confirm(state.isr);
        for (const broker of info.replicas) hosted.set?.setEligible(broker, !this.#fenced.includes(broker));
        this.#advance(hosted, out);
      } else {
        if (wasLeader) this.#resign(hosted, out);
        hosted.role = state.leader === 0 ? 'none' : 'follower';
      }
    }
    for (let broker = 1; broker <= this.#cluster.nodeCount; broker++) this.#follow(broker, out);
  }

  #lead(hosted: Hosted, out: Out, anew: boolean): void {
    const { info, replica, state } = hosted;
    if (hosted.role === 'leader') this.#failWaiting(hosted, out);
    hosted.role = 'leader';
    hosted.epochStart = replica.log.endOffset;
    replica.log.beginEpoch(state.leaderEpoch, replica.log.endOffset);
    hosted.set = new ReplicaSet({
      self: this.#number,
      replicas: info.replicas,
      isr: state.isr,
      minInsyncReplicas: info.config.minInsyncReplicas,
      lagTimeMaxUs: durationOf(this.#cluster.options, 'replica.lag.time.max.ms'),
      epochStartOffset: hosted.epochStart,
      now: out.now,
    });
    if (hosted.cut !== undefined) this.#recordLost(hosted, out);
    if (anew && this.#cluster.controller === 0 && info.place !== 0) {
      out.fact(F.elected, 0, info.place, out.self, state.leaderEpoch);
    }
    this.#advance(hosted, out);
    if (info.topic === OFFSETS_TOPIC) {
      // It may have led in an older epoch without knowing of its end.
      hosted.groups?.unload(out);
      const groups = new GroupCoordinator(info.index, this.#logOf(hosted));
      eachRecord(hosted, (record) => groups.learn(record, out));
      hosted.groups = groups;
      groups.ready(out);
    } else if (info.topic === TXN_TOPIC) {
      const txns = new TxnCoordinator(info.index, this.#txnNodeOf(hosted));
      eachRecord(hosted, (record) => txns.learn(record));
      hosted.txns = txns;
      txns.ready(out);
    }
  }

  #resign(hosted: Hosted, out: Out): void {
    hosted.role = 'none';
    hosted.set = undefined;
    hosted.groups?.unload(out);
    hosted.groups = undefined;
    hosted.txns = undefined;
    this.#failWaiting(hosted, out);
    this.#shares.resigned(hosted.info.index, out);
    this.#wakeFetches(hosted.info.index, out);
    this.#wakeReplicaFetches(hosted.info.index, out);
  }

  #failWaiting(hosted: Hosted, out: Out): void {
    const { waiting } = hosted;
    hosted.waiting = [];
    for (const one of waiting) one.settle('NOT_LEADER_OR_FOLLOWER', out);
  }

  #led(): readonly Hosted[] {
    return this.#hosted.filter((hosted): hosted is Hosted => hosted?.role === 'leader');
  }

  #leader(index: PartitionIndex): Hosted | undefined {
    const hosted = this.#hosted[index];
    return hosted?.role === 'leader' ? hosted : undefined;
  }

  /** Moves the high watermark as far as it may go, and answers whoever waited for that. Source: K15-K18. */
  #advance(hosted: Hosted, out: Out): void {
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
    this.#shares.wake(info.index, out);
    this.#wakeFetches(info.index, out);
  }

  #isrCheckUs(): Micros {
    return Math.floor(durationOf(this.#cluster.options, 'replica.lag.time.max.ms') / 2);
  }

  #shrinkIsr(hosted: Hosted, out: Out): void {
    const isr = hosted.set?.tryShrink(hosted.replica.log.endOffset, out.now);
    if (isr !== undefined) this.#askForIsr(hosted, isr, out);
  }

  #askForIsr(hosted: Hosted, isr: readonly BrokerNumber[], out: Out): void {
    const request: AlterPartitionRequest = {
      type: 'kafka/AlterPartition',
      broker: this.#number,
      partition: hosted.info.index,
      partitionEpoch: hosted.state.partitionEpoch,
      isr,
    };
    out.send(this.#cluster.controller, 'control', request);
  }

  // ── Producing ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #produce(from: ActorId, request: ProduceRequest, out: Out): void {
    const results: ProduceAnswer['results'][number][] = [];
    let open = request.batches.length;
    const finish = (later: Out, because?: FactId): void => {
      open--;
      if (open > 0 || request.acks === 0) return;
      const answer: ProduceAnswer = { type: 'kafka/Produce.answer', id: request.id, error: 'NONE', results };
      later.send(from, 'reply', answer, messagesOf(request), because);
    };
    for (const { partition, batch } of request.batches) {
      this.#append(
        partition,
        batch,
        request.acks,
        request.timeoutUs,
        from,
        out,
        (error, baseOffset, later, because) => {
          results.push({ partition, error, baseOffset });
          finish(later, because);
        },
      );
    }
  }

  #append(
    index: PartitionIndex,
    batch: NewBatch<RecordValue>,
    acks: -1 | 0 | 1,
    timeoutUs: Micros,
    from: ActorId,
    out: Out,
    done: (error: KafkaError, baseOffset: number, out: Out, because?: FactId) => void,
  ): void {
    const hosted = this.#leader(index);
    const refuse = (error: KafkaError): void => {
      const { place } = this.#cluster.partition(index);
      const reason = R[REJECTED_BECAUSE[error] ?? 'refused by the broker'];
      if (place !== 0) for (const { value } of batch.records) out.fact(F.rejected, idOf(value), place, from, 0, reason);
      done(error, -1, out);
    };
    if (hosted?.set === undefined) return refuse('NOT_LEADER_OR_FOLLOWER');
    const { info, replica, set, state } = hosted;
    const unsafe = set.appendError(acks);
    if (unsafe !== 'NONE') return refuse(unsafe);
    let sizeBytes = 0;
    for (const record of batch.records) sizeBytes += record.sizeBytes;
    if (sizeBytes > info.config.maxMessageBytes) return refuse('MESSAGE_TOO_LARGE');
    const timed = info.config.logAppendTime
      ? { ...batch, records: batch.records.map((record) => ({ ...record, timestampUs: out.now })) }
      : batch;
    const result = replica.appendAsLeader(timed, state.leaderEpoch, out.now);
    if (result.type === 'refused') return refuse(result.error);
    if (info.place !== 0) {
      for (let i = 0; i < batch.records.length; i++) {
        const message = idOf(batch.records[i]?.value ?? null);
        if (result.type === 'duplicate') out.fact(F.deduplicated, message, info.place, from);
        else out.fact(F.appended, message, info.place, from, result.firstOffset + i);
        if (this.#cluster.hasLosses) this.#cluster.storedAgain(info.index, message);
      }
    }
    if (acks === -1) {
      const base = result.firstOffset;
      this.#whenReplicated(hosted, result.lastOffset + 1, timeoutUs, out, (error, later, because) =>
        done(error, base, later, because),
      );
    }
    if (result.type === 'appended') this.#grown(hosted, out);
    if (acks !== -1) done('NONE', result.firstOffset, out);
  }

  #whenReplicated(hosted: Hosted, offset: number, timeoutUs: Micros, out: Out, settle: Settle): void {
    if (hosted.replica.log.highWatermark >= offset) return settle('NONE', out);
    hosted.waiting.push({ offset, deadlineUs: out.now + timeoutUs, settle });
    if (this.#sweeping) return;
    this.#sweeping = true;
    out.timer(SWEEP_US, SWEEP, 0);
  }

  /** The leader's log has grown: followers are answered, and alone it commits at once. */
  #grown(hosted: Hosted, out: Out): void {
    this.#wakeReplicaFetches(hosted.info.index, out);
    this.#advance(hosted, out);
  }

  #sweep(out: Out): void {
    this.#sweeping = false;
    let open = false;
    for (const hosted of this.#hosted) {
      if (hosted === undefined || hosted.waiting.length === 0) continue;
      const late = hosted.waiting.filter((one) => one.deadlineUs <= out.now);
      hosted.waiting = hosted.waiting.filter((one) => one.deadlineUs > out.now);
      for (const one of late) one.settle('REQUEST_TIMED_OUT', out);
      open ||= hosted.waiting.length > 0;
    }
    if (!open || this.#sweeping) return;
    this.#sweeping = true;
    out.timer(SWEEP_US, SWEEP, 0);
  }

  // ── Fetching ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #fetch(from: ActorId, request: FetchRequest, out: Out): void {
    if (this.#isReady(request)) return this.#answerFetch(from, request, out);
    const wire: FetchWait = { type: 'kafka/fetch-wait', from, id: request.id };
    this.#fetches.push({ from, request, timer: out.timer(request.maxWaitUs, wire) });
  }

  /** Whether a fetch can be answered: enough bytes, an error to tell, or no wish to wait. Source: K6. */
  #isReady(request: FetchRequest): boolean {
    if (request.maxWaitUs === 0) return true;
    const enough = Math.max(1, request.minBytes);
    let available = 0;
    for (const { partition, offset } of request.partitions) {
      const hosted = this.#leader(partition);
      if (hosted === undefined || hosted.replica.outOfRange(offset)) return true;
      available += this.#available(hosted, offset, request);
      if (available >= enough) return true;
    }
    return false;
  }

  #available(hosted: Hosted, offset: number, request: FetchRequest): number {
    const end = hosted.replica.readableEnd(request.isolation);
    // What compaction has left behind this offset may lie beyond the end of what is readable.
    if (offset >= end || (hosted.replica.log.recordFrom(offset)?.offset ?? end) >= end) return 0;
    if (request.minBytes <= 1) return 1;
    return hosted.replica.read(offset, end, request.minBytes, 'read_uncommitted').sizeBytes;
  }

  /** Answers parked fetches that ask for this partition and can be answered now. */
  #wakeFetches(index: PartitionIndex, out: Out): void {
    if (this.#fetches.length === 0) return;
    const woken = this.#fetches.filter((parked) => asksFor(parked, index) && this.#isReady(parked.request));
    if (woken.length === 0) return;
    this.#fetches = this.#fetches.filter((parked) => !woken.includes(parked));
    for (const parked of woken) {
      out.cancel(parked.timer);
      this.#answerFetch(parked.from, parked.request, out);
    }
  }

  #answerFetch(from: ActorId, request: FetchRequest, out: Out): void {
    const partitions: FetchedPartition[] = [];
    const messages: MessageId[] = [];
    let room = request.maxRecords;
    let sizeBytes = FRAME_BYTES;
    // Partitions take turns at being first, so that a busy one cannot starve the others.
    const asked = request.partitions;
    for (let i = 0; i < asked.length; i++) {
      const { partition, offset } = asked[(i + request.id) % asked.length] as FetchRequest['partitions'][number];
      const hosted = this.#leader(partition);
      const error =
        hosted === undefined
          ? 'NOT_LEADER_OR_FOLLOWER'
          : hosted.replica.outOfRange(offset)
            ? 'OFFSET_OUT_OF_RANGE'
            : 'NONE';
      if (hosted === undefined || error !== 'NONE') {
        partitions.push({ partition, error, records: [], attempts: [], nextOffset: offset });
        continue;
      }
      const { replica, info } = hosted;
      const read = replica.read(
        offset,
        replica.readableEnd(request.isolation),
        request.partitionBytes,
        request.isolation,
      );
      const filter = new AbortedFilter(read.aborted);
      const records: KafkaRecord[] = [];
      const attempts: number[] = [];
      let nextOffset = offset;
      for (const record of read.records) {
        if (filter.passes(record) && record.value !== null) {
          if (room === 0) break;
          room--;
          const message = idOf(record.value);
          const attempt = this.#cluster.countDelivery(request.group, info.place, message);
          out.fact(F.delivered, message, info.place, from, 0, attempt);
          records.push(record);
          attempts.push(attempt);
          messages.push(message);
          sizeBytes += record.sizeBytes;
        }
        nextOffset = record.offset + 1;
      }
      if (nextOffset > offset) partitions.push({ partition, error, records, attempts, nextOffset });
    }
    const answer: FetchAnswer = { type: 'kafka/Fetch.answer', id: request.id, error: 'NONE', partitions, sizeBytes };
    out.send(from, messages.length > 0 ? 'delivery' : 'control', answer, messages.length > 0 ? messages : 0);
  }

  #listOffsets(from: ActorId, request: ListOffsetsRequest, out: Out): void {
    out.send(from, 'control', this.#offsetsFor(request));
  }

  #offsetsFor(request: ListOffsetsRequest): ListOffsetsAnswer & Answer {
    const offsets = request.queries.map(({ partition, query }): ListOffsetsAnswer['offsets'][number] => {
      const hosted = this.#leader(partition);
      if (hosted === undefined) return { partition, error: 'NOT_LEADER_OR_FOLLOWER', offset: -1 };
      const found = hosted.replica.offsetFor(query, request.isolation, hosted.epochStart);
      if (found === 'OFFSET_NOT_AVAILABLE') return { partition, error: found, offset: -1 };
      return { partition, error: 'NONE', offset: found ?? -1 };
    });
    return { type: 'kafka/ListOffsets.answer', id: request.id, error: 'NONE', offsets };
  }

  /**
   * What the administrator's tool does with a group that has no members: asks the leaders where each partition begins and ends and what lies between,
   * then commits what was wished, within these bounds. Only the group's coordinator answers. Source: K72.
   */
  #resetOffsets(group: string, to: SeekTarget, out: Out): void {
    const partitions = this.#hosted[this.#cluster.groupPartition(group)]?.groups?.resettable(group) ?? [];
    const byLeader = new Map<BrokerNumber, PartitionIndex[]>();
    for (const index of partitions) {
      const leader = this.#states[index]?.leader ?? 0;
      const mine = byLeader.get(leader);
      if (leader === 0) continue;
      if (mine === undefined) byLeader.set(leader, [index]);
      else mine.push(index);
    }
    for (const [leader, indexes] of byLeader) {
      const id = this.#nextFetch++;
      this.#resets.set(id, { group, to });
      const queries = indexes.flatMap((partition) => [
        { partition, query: 'earliest' as const },
        { partition, query: 'latest' as const },
        { partition, query: 'timeUs' in to ? { timeUs: to.timeUs } : ('latest' as const) },
      ]);
      const request: ListOffsetsRequest = { type: 'kafka/ListOffsets', id, isolation: 'read_uncommitted', queries };
      if (leader === this.#number) this.#offsetsListed(this.#offsetsFor(request), out);
      else out.send(this.#cluster.actorOf(leader), 'control', request);
    }
  }

  /** Three answers for each partition: where it begins, where it ends, and the first record at or after the time (-1: none is that young). */
  #offsetsListed({ id, offsets }: ListOffsetsAnswer & Answer, out: Out): void {
    const reset = this.#resets.get(id);
    if (reset === undefined || !this.#resets.delete(id)) return;
    const { group, to } = reset;
    const targets: { partition: PartitionIndex; offset: number }[] = [];
    for (let i = 0; i + 2 < offsets.length; i += 3) {
      const [start, end, found] = offsets.slice(i, i + 3) as [Listed, Listed, Listed];
      if (start.error !== 'NONE' || end.error !== 'NONE' || found.error !== 'NONE') continue;
      let offset = end.offset;
      if ('offset' in to) offset = Math.min(Math.max(to.offset, start.offset), end.offset);
      else if ('timeUs' in to) offset = found.offset < 0 ? end.offset : found.offset;
      else if (to.end === 'earliest') offset = start.offset;
      targets.push({ partition: start.partition, offset });
    }
    this.#hosted[this.#cluster.groupPartition(group)]?.groups?.reset(group, targets, out);
  }

  // ── Replication ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Asks a leader for what is new in the partitions that are followed there, unless a fetch is under way. Source: K18. */
  #follow(leader: BrokerNumber, out: Out): void {
    if (leader === this.#number || (this.#following[leader] ?? 0) !== 0) return;
    const partitions: ReplicaFetchRequest['partitions'][number][] = [];
    for (const hosted of this.#hosted) {
      if (hosted?.role !== 'follower' || hosted.state.leader !== leader) continue;
      const { log } = hosted.replica;
      partitions.push({
        partition: hosted.info.index,
        offset: log.endOffset,
        leaderEpoch: hosted.state.leaderEpoch,
        lastEpoch: log.latestEpoch,
      });
    }
    if (partitions.length === 0) return;
    const id = this.#nextFetch++;
    this.#following[leader] = id;
    const request: ReplicaFetchRequest = { type: 'kafka/ReplicaFetch', id, broker: this.#number, partitions };
    out.send(this.#cluster.actorOf(leader), 'replication', request);
    const wire: FollowTimer = { type: 'kafka/follow', leader, id };
    out.timer(durationOf(this.#cluster.options, 'replica.socket.timeout.ms'), wire, 0);
  }

  #pauseFollowing(leader: BrokerNumber, out: Out): void {
    this.#following[leader] = -1;
    const wire: FollowTimer = { type: 'kafka/follow', leader, id: 0 };
    out.timer(durationOf(this.#cluster.options, 'replica.fetch.backoff.ms'), wire, 0);
  }

  #replicaFetch(from: ActorId, request: ReplicaFetchRequest, out: Out): void {
    let news = false;
    for (const { partition, offset, leaderEpoch, lastEpoch } of request.partitions) {
      const hosted = this.#leader(partition);
      if (hosted?.set === undefined || hosted.state.leaderEpoch !== leaderEpoch) {
        news = true;
        continue;
      }
      const { log } = hosted.replica;
      if (divergence(hosted, offset, lastEpoch) !== undefined || offset < log.startOffset) {
        news = true;
        continue;
      }
      hosted.set.fetched(request.broker, offset, log.endOffset, out.now);
      const isr = hosted.set.tryExpand(request.broker, log.highWatermark);
      if (isr !== undefined) this.#askForIsr(hosted, isr, out);
      this.#advance(hosted, out);
      news ||= offset < log.endOffset;
    }
    if (news) return this.#answerReplicaFetch(from, request, out);
    const waitUs = durationOf(this.#cluster.options, 'replica.fetch.wait.max.ms');
    const wire: FetchWait = { type: 'kafka/replica-wait', from, id: request.id };
    this.#replicaFetches.push({ from, request, timer: out.timer(waitUs, wire, 0) });
  }

  /** Answers parked fetches of followers that ask for this partition. */
  #wakeReplicaFetches(index: PartitionIndex, out: Out): void {
    if (this.#replicaFetches.length === 0) return;
    const woken = this.#replicaFetches.filter((parked) => asksFor(parked, index));
    if (woken.length === 0) return;
    this.#replicaFetches = this.#replicaFetches.filter((parked) => !woken.includes(parked));
    for (const parked of woken) {
      out.cancel(parked.timer);
      this.#answerReplicaFetch(parked.from, parked.request, out);
    }
  }

  #answerReplicaFetch(from: ActorId, request: ReplicaFetchRequest, out: Out): void {
    const messages: MessageId[] = [];
    let sizeBytes = FRAME_BYTES;
    const partitions = request.partitions.map(({ partition, offset, leaderEpoch, lastEpoch }): ReplicaFetched => {
      const hosted = this.#leader(partition);
      const refused = (error: KafkaError): ReplicaFetched => ({
        partition,
        error,
        records: [],
        highWatermark: 0,
        logStart: hosted?.replica.log.startOffset ?? 0,
        leaderEpoch,
        diverging: undefined,
      });
      if (hosted === undefined) return refused('NOT_LEADER_OR_FOLLOWER');
      if (leaderEpoch < hosted.state.leaderEpoch) return refused('FENCED_LEADER_EPOCH');
      if (leaderEpoch > hosted.state.leaderEpoch) return refused('UNKNOWN_LEADER_EPOCH');
      const { log } = hosted.replica;
      const diverging = divergence(hosted, offset, lastEpoch);
      if (diverging === undefined && offset < log.startOffset) return refused('OFFSET_OUT_OF_RANGE');
      const read = hosted.replica.read(
        offset,
        diverging === undefined ? log.endOffset : offset,
        REPLICA_FETCH_BYTES,
        'read_uncommitted',
      );
      sizeBytes += read.sizeBytes;
      if (hosted.info.place !== 0)
        for (const record of read.records) if (record.value !== null) messages.push(idOf(record.value));
      return {
        partition,
        error: 'NONE',
        records: read.records,
        highWatermark: log.highWatermark,
        logStart: log.startOffset,
        leaderEpoch,
        diverging,
      };
    });
    const answer: ReplicaFetchAnswer = {
      type: 'kafka/ReplicaFetch.answer',
      id: request.id,
      error: 'NONE',
      partitions,
      sizeBytes,
    };
    out.send(from, 'replication', answer, messages.length > 0 ? messages : 0);
  }

  #replicaFetched(from: ActorId, answer: ReplicaFetchAnswer, out: Out): void {
    const leader = this.#cluster.brokerOf(from);
    if (this.#following[leader] !== answer.id) return;
    this.#following[leader] = 0;
    let refused = false;
    for (const fetched of answer.partitions) {
      const hosted = this.#hosted[fetched.partition];
      if (hosted?.role !== 'follower' || hosted.state.leader !== leader) continue;
      if (fetched.leaderEpoch !== hosted.state.leaderEpoch) continue;
      const { replica, info } = hosted;
      if (fetched.error === 'OFFSET_OUT_OF_RANGE') {
        replica.truncateFullyAndStartAt(fetched.logStart);
        continue;
      }
      if (fetched.error !== 'NONE') {
        refused = true;
        continue;
      }
      if (fetched.diverging !== undefined) {
        const own = replica.log.endOfEpoch(fetched.diverging.epoch);
        this.#cutBack(
          hosted,
          Math.min(fetched.diverging.endOffset, own?.endOffset ?? fetched.diverging.endOffset),
          out,
        );
        continue;
      }
      const before = replica.log.endOffset;
      replica.appendAsFollower(fetched.records, out.now);
      replica.log.setHighWatermark(Math.max(replica.log.highWatermark, fetched.highWatermark));
      replica.log.followLogStart(fetched.logStart);
      if (replica.log.endOffset > before && info.place !== 0) {
        out.fact(F.replicated, 0, info.place, from, replica.log.endOffset);
      }
      if (hosted.cut === undefined) continue;
      for (const record of fetched.records) if (record.value !== null) hosted.cut.delete(idOf(record.value));
      if (fetched.records.length === 0) this.#recordLost(hosted, out);
    }
    if (refused) this.#pauseFollowing(leader, out);
    else this.#follow(leader, out);
  }

  /** Cuts the log, and remembers which messages went with that. Source: K24. */
  #cutBack(hosted: Hosted, offset: number, out: Out): void {
    const { replica, info } = hosted;
    const { log } = replica;
    if (offset >= log.endOffset) return log.truncateTo(offset);
    const gone: MessageId[] = [];
    if (info.place !== 0) {
      log.scan(offset, log.endOffset, (record) => {
        if (record.value !== null && record.control === 'none') gone.push(idOf(record.value));
        return true;
      });
    }
    replica.truncateTo(offset, out.now);
    hosted.flushed = Math.min(hosted.flushed, offset);
    if (info.place === 0) return;
    out.fact(F.truncated, 0, info.place, 0, offset);
    hosted.cut ??= new Set();
    for (const message of gone) hosted.cut.add(message);
    if (info.replicas.length === 1) this.#recordLost(hosted, out);
  }

  /** What was cut away and did not come back with the leader's log is lost. */
  #recordLost(hosted: Hosted, out: Out): void {
    const reason = R[hosted.info.replicas.length === 1 ? 'not flushed' : 'not replicated'];
    for (const message of hosted.cut ?? []) {
      if (this.#cluster.countLoss(hosted.info.index, message))
        out.fact(F.lost, message, hosted.info.place, 0, 0, reason);
    }
    hosted.cut = undefined;
  }

  // ── Retention and settings ────────────────────────────────────────────────────────────────────────────────────────

  #applyRetention(out: Out): void {
    const { options } = this.#cluster;
    const expirationUs = durationOf(options, 'producer.id.expiration.ms');
    for (const hosted of this.#hosted) {
      if (hosted?.role !== 'leader') continue;
      const { replica, info } = hosted;
      const before = replica.log.startOffset;
      const start = replica.log.applyRetention(out.now);
      if (start > before && info.place !== 0) out.fact(F['log-start-moved'], 0, info.place, 0, start);
      replica.expireProducers(out.now, expirationUs);
    }
    out.timer(durationOf(options, 'log.retention.check.interval.ms'), RETENTION, 0);
  }

  /** `topics.NAME.OPTION` with a number (µs or bytes) or a truth value. */
  #set(path: readonly string[], value: unknown, out: Out): void {
    const [section, topic, option] = path;
    if (section !== 'topics' || topic === undefined) return;
    for (const index of this.#cluster.partitionsOf(topic)) {
      const { config } = this.#cluster.partition(index);
      if (option === 'unclean.leader.election.enable' && typeof value === 'boolean') config.unclean = value;
      if (typeof value !== 'number') continue;
      if (option === 'min.insync.replicas') config.minInsyncReplicas = value;
      if (option === 'retention.ms') config.log = { ...config.log, retentionUs: value };
      if (option === 'retention.bytes') config.log = { ...config.log, retentionBytes: value };
      if (option === 'segment.bytes') config.log = { ...config.log, segmentBytes: value };
      if (option === 'segment.ms') config.log = { ...config.log, segmentUs: value };
      const { compaction } = config.log;
      if (compaction !== undefined)
        config.log = { ...config.log, compaction: changed(compaction, option ?? '', value) };
      const hosted = this.#hosted[index];
      hosted?.replica.log.configure(config.log);
      if (hosted?.set === undefined) continue;
      hosted.set.minInsyncReplicas = config.minInsyncReplicas;
      this.#advance(hosted, out);
    }
  }

  // ── Coordinators ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** The coordinator of the request's group, if it is here; else the caller is told. */
  #withGroups(
    from: ActorId,
    request: { readonly id: number; readonly group: string },
    out: Out,
  ): GroupCoordinator | undefined {
    const groups = this.#leader(this.#cluster.groupPartition(request.group))?.groups;
    if (groups === undefined) notCoordinator(from, request.id, out);
    return groups;
  }

  #withTxns(
    from: ActorId,
    request: { readonly id: number; readonly transactionalId: string } | AddPartitionsRequest,
    out: Out,
  ): TxnCoordinator | undefined {
    const txns = this.#leader(this.#cluster.txnPartition(request.transactionalId))?.txns;
    if (txns === undefined) notCoordinator(from, request.id, out);
    return txns;
  }

  #logOf(hosted: Hosted): CoordinatorLog {
    return {
      cluster: this.#cluster,
      append: (records, producerId, epoch, out, done) =>
        this.#appendInternal(hosted, records, producerId, epoch, out, done),
    };
  }

  #txnNodeOf(hosted: Hosted): TxnNode {
    return {
      ...this.#logOf(hosted),
      newProducerId: () => this.#newProducerId(),
      coordinatorEpoch: () => hosted.state.leaderEpoch,
      writeMarkers: (request, out) => this.#distributeMarkers(hosted, request, out),
    };
  }

  #newProducerId(): number {
    return this.#number + this.#cluster.nodeCount * this.#nextProducerId++;
  }

  #appendInternal(
    hosted: Hosted,
    values: readonly CoordinatorRecord[],
    producerId: number,
    epoch: number,
    out: Out,
    done: Settle,
  ): void {
    const batch: NewBatch<RecordValue> = {
      producerId,
      epoch,
      firstSequence: -1,
      transactional: producerId >= 0,
      records: values.map((value) => ({ key: null, value, timestampUs: out.now, sizeBytes: FRAME_BYTES })),
    };
    this.#append(hosted.info.index, batch, -1, INTERNAL_TIMEOUT_US, 0, out, (error, _, later) => done(error, later));
  }

  /** Sends markers to whoever leads the partitions; those led here are written at once. */
  #distributeMarkers(hosted: Hosted, request: WriteTxnMarkersRequest, out: Out): void {
    const byLeader = new Map<BrokerNumber, PartitionIndex[]>();
    for (const index of request.partitions) {
      const leader = this.#states[index]?.leader ?? 0;
      if (leader === 0) continue;
      const mine = byLeader.get(leader);
      if (mine === undefined) byLeader.set(leader, [index]);
      else mine.push(index);
    }
    for (const [leader, partitions] of byLeader) {
      if (leader === this.#number) {
        this.#writeMarkers({ ...request, partitions }, out, (answer, later) => hosted.txns?.marked(answer, later));
      } else {
        const there: WriteTxnMarkersRequest = { ...request, partitions };
        out.send(this.#cluster.actorOf(leader), 'control', there);
      }
    }
  }

  #writeMarkers(
    request: WriteTxnMarkersRequest,
    out: Out,
    done: (answer: WriteTxnMarkersAnswer, out: Out) => void,
  ): void {
    const { id, transactionalId, producerId, epoch, coordinatorEpoch, result } = request;
    for (const index of request.partitions) {
      const hosted = this.#leader(index);
      if (hosted === undefined) continue;
      const written = hosted.replica.appendMarker(
        producerId,
        epoch,
        result,
        coordinatorEpoch,
        hosted.state.leaderEpoch,
        out.now,
      );
      const answer: WriteTxnMarkersAnswer = {
        type: 'kafka/WriteTxnMarkers.answer',
        id,
        error: written.type === 'refused' ? written.error : 'NONE',
        transactionalId,
        producerId,
        epoch,
        written: [index],
      };
      // A refused marker is one of an older coordinator or epoch: somebody newer has ended the transaction.
      if (written.type === 'refused') {
        done(answer, out);
        continue;
      }
      const because = out.cause;
      this.#whenReplicated(hosted, written.lastOffset + 1, INTERNAL_TIMEOUT_US, out, (error, later) => {
        if (error !== 'NONE') return;
        hosted.groups?.txnEnded(producerId, result === 'COMMIT', because, later);
        done(answer, later);
      });
      this.#grown(hosted, out);
    }
  }
}

function newHosted(info: PartitionInfo, state: PartitionState): Hosted {
  return {
    info,
    replica: new PartitionReplica(info.config.log),
    role: 'none',
    state,
    set: undefined,
    epochStart: 0,
    waiting: [],
    groups: undefined,
    txns: undefined,
    flushed: 0,
    cut: undefined,
  };
}

/** A compacted topic's settings with one of them set anew. */
function changed(compaction: CompactionOptions, option: string, value: number): CompactionOptions {
  switch (option) {
    case 'min.cleanable.dirty.ratio':
      return { ...compaction, minDirtyRatio: value };
    case 'min.compaction.lag.ms':
      return { ...compaction, minLagUs: value };
    case 'max.compaction.lag.ms':
      return { ...compaction, maxLagUs: value };
    case 'delete.retention.ms':
      return { ...compaction, deleteRetentionUs: value };
    default:
      return compaction;
  }
}

/** Where the log of a follower that ends at `offset` in `lastEpoch` parts from the leader's; undefined when it does not. Source: K24. */
function divergence(hosted: Hosted, offset: number, lastEpoch: number): EpochEnd | undefined {
  if (lastEpoch < 0) return undefined;
  const { log } = hosted.replica;
  const end = log.endOfEpoch(lastEpoch);
  if (end === undefined) return { epoch: -1, endOffset: log.startOffset };
  return end.epoch < lastEpoch || end.endOffset < offset ? end : undefined;
}

function eachRecord(hosted: Hosted, visit: (record: KafkaRecord) => void): void {
  const { log } = hosted.replica;
  log.scan(log.startOffset, log.endOffset, (record) => {
    visit(record);
    return true;
  });
}

function asksFor(
  parked: { readonly request: { readonly partitions: readonly { readonly partition: PartitionIndex }[] } },
  index: PartitionIndex,
): boolean {
  return parked.request.partitions.some(({ partition }) => partition === index);
}

function keep(parked: { readonly from: ActorId; readonly timer: TimerId }, peer: ActorId, out: Out): boolean {
  if (parked.from !== peer) return true;
  out.cancel(parked.timer);
  return false;
}

function idOf(value: RecordValue | null): MessageId {
  return value !== null && 'decisionKey' in value ? (value as Message).id : 0;
}

function messagesOf(request: ProduceRequest): MessageId | readonly MessageId[] {
  const ids: MessageId[] = [];
  for (const { batch } of request.batches) for (const { value } of batch.records) ids.push(idOf(value));
  return ids.length === 1 ? (ids[0] as MessageId) : ids;
}

function notCoordinator(to: ActorId, id: number, out: Out): void {
  const answer: PlainAnswer & Answer = { type: 'kafka/answer', id, error: 'NOT_COORDINATOR' };
  out.send(to, 'control', answer);
}
