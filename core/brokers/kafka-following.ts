/**
 * Replication between Kafka nodes, both ends of it: as a follower a node fetches from each leader without pause, cuts off what parts from the leader's log and
 * copies the rest; as a leader it answers such fetches, at once or when its log grows, and learns from them how far its followers are.
 * Source: K18, K20, K24.
 */
import { F, R } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import type { EpochEnd } from '../parts/partition-log.ts';
import type { BrokerNumber } from '../parts/replica-set.ts';
import type { ActorId, MessageId, TimerId } from '../types.ts';
import type { PartitionIndex } from './kafka-cluster.ts';
import { durationOf } from './kafka-options.ts';
import { type Hosted, type HostedPartitions, idOf } from './kafka-partitions.ts';
import type { KafkaError, ReplicaFetchAnswer, ReplicaFetched, ReplicaFetchRequest } from './kafka-wires.ts';

interface Parked {
  readonly from: ActorId;
  readonly request: ReplicaFetchRequest;
  readonly timer: TimerId;
}

interface FetchWait extends Wire {
  readonly type: 'kafka/replica-wait';
  readonly from: ActorId;
  readonly id: number;
}

interface FollowTimer extends Wire {
  readonly type: 'kafka/follow';
  readonly leader: BrokerNumber;
  /** The fetch that should have been answered by now; 0: a pause is over. */
  readonly id: number;
}

/** `replica.fetch.max.bytes`. */
const REPLICA_FETCH_BYTES = 1_048_576;
/** Bytes of an answer beside its records, about. */
const FRAME_BYTES = 100;

export class Following {
  readonly #partitions: HostedPartitions;
  /** Fetches of followers that wait for more. */
  #parked: Parked[] = [];
  /** Outstanding fetch to each leader, by its number; 0 for none, -1 while pausing after a refusal. */
  #following: number[] = [];
  #nextFetch = 1;

  constructor(partitions: HostedPartitions) {
    this.#partitions = partitions;
  }

  crash(): void {
    this.#parked = [];
    this.#following = [];
  }

  peerLost(peer: ActorId, out: Out): void {
    for (const { from, timer } of this.#parked) if (from === peer) out.cancel(timer);
    this.#parked = this.#parked.filter(({ from }) => from !== peer);
    const broker = this.#partitions.cluster.brokerOf(peer);
    if (broker > 0 && (this.#following[broker] ?? 0) > 0) this.#pause(broker, out);
  }

  /** Who is fenced will not answer: nothing is awaited from there. */
  fenced(brokers: readonly BrokerNumber[]): void {
    for (const broker of brokers) this.#following[broker] = 0;
  }

  /** True when the timer was one of replication. */
  timer(wire: Wire, out: Out): boolean {
    if (wire.type === 'kafka/replica-wait') {
      const { from, id } = wire as FetchWait;
      const at = this.#parked.findIndex((parked) => parked.from === from && parked.request.id === id);
      const [parked] = at < 0 ? [] : this.#parked.splice(at, 1);
      if (parked !== undefined) this.#answer(parked.from, parked.request, out);
      return true;
    }
    if (wire.type !== 'kafka/follow') return false;
    const { leader, id } = wire as FollowTimer;
    const current = this.#following[leader] ?? 0;
    if (id === 0 ? current !== -1 : current !== id) return true;
    this.#following[leader] = 0;
    this.follow(leader, out);
    return true;
  }

  /** Asks a leader for what is new in the partitions that are followed there, unless a fetch is under way. Source: K18. */
  follow(leader: BrokerNumber, out: Out): void {
    if (leader === this.#partitions.number || (this.#following[leader] ?? 0) !== 0) return;
    const partitions: ReplicaFetchRequest['partitions'][number][] = [];
    for (const hosted of this.#partitions.all) {
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
    const request: ReplicaFetchRequest = {
      type: 'kafka/ReplicaFetch',
      id,
      broker: this.#partitions.number,
      partitions,
    };
    out.send(this.#partitions.cluster.actorOf(leader), 'replication', request);
    const wire: FollowTimer = { type: 'kafka/follow', leader, id };
    out.timer(durationOf(this.#partitions.cluster.options, 'replica.socket.timeout.ms'), wire, 0);
  }

  #pause(leader: BrokerNumber, out: Out): void {
    this.#following[leader] = -1;
    const wire: FollowTimer = { type: 'kafka/follow', leader, id: 0 };
    out.timer(durationOf(this.#partitions.cluster.options, 'replica.fetch.backoff.ms'), wire, 0);
  }

  fetch(from: ActorId, request: ReplicaFetchRequest, out: Out): void {
    let news = false;
    for (const { partition, offset, leaderEpoch, lastEpoch } of request.partitions) {
      const hosted = this.#partitions.leader(partition);
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
      if (isr !== undefined) this.#partitions.askForIsr(hosted, isr, out);
      this.#partitions.advance(hosted, out);
      news ||= offset < log.endOffset;
    }
    if (news) return this.#answer(from, request, out);
    const waitUs = durationOf(this.#partitions.cluster.options, 'replica.fetch.wait.max.ms');
    const wire: FetchWait = { type: 'kafka/replica-wait', from, id: request.id };
    this.#parked.push({ from, request, timer: out.timer(waitUs, wire, 0) });
  }

  /** Answers parked fetches of followers that ask for this partition. */
  wake(index: PartitionIndex, out: Out): void {
    if (this.#parked.length === 0) return;
    const woken = this.#parked.filter((parked) =>
      parked.request.partitions.some(({ partition }) => partition === index),
    );
    if (woken.length === 0) return;
    this.#parked = this.#parked.filter((parked) => !woken.includes(parked));
    for (const parked of woken) {
      out.cancel(parked.timer);
      this.#answer(parked.from, parked.request, out);
    }
  }

  #answer(from: ActorId, request: ReplicaFetchRequest, out: Out): void {
    const messages: MessageId[] = [];
    let sizeBytes = FRAME_BYTES;
    const partitions = request.partitions.map(({ partition, offset, leaderEpoch, lastEpoch }): ReplicaFetched => {
      const hosted = this.#partitions.leader(partition);
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

  fetched(from: ActorId, answer: ReplicaFetchAnswer, out: Out): void {
    const leader = this.#partitions.cluster.brokerOf(from);
    if (this.#following[leader] !== answer.id) return;
    this.#following[leader] = 0;
    let refused = false;
    for (const fetched of answer.partitions) {
      const hosted = this.#partitions.all[fetched.partition];
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
        this.cutBack(hosted, Math.min(fetched.diverging.endOffset, own?.endOffset ?? fetched.diverging.endOffset), out);
        continue;
      }
      const before = replica.log.endOffset;
      if (fetched.records.length > 0 && this.#partitions.haltsForRoom(out)) return;
      replica.appendAsFollower(fetched.records, out.now);
      replica.log.setHighWatermark(Math.max(replica.log.highWatermark, fetched.highWatermark));
      replica.log.followLogStart(fetched.logStart);
      if (replica.log.endOffset > before && info.place !== 0) {
        out.fact(F.replicated, 0, info.place, from, replica.log.endOffset);
      }
      if (hosted.cut === undefined) continue;
      for (const record of fetched.records) if (record.value !== null) hosted.cut.delete(idOf(record.value));
      if (fetched.records.length === 0) this.recordLost(hosted, out);
    }
    if (refused) this.#pause(leader, out);
    else this.follow(leader, out);
  }

  /** Cuts the log, and remembers which messages went with that: of one that was sent again without idempotence another copy may stand below. Source: K24, K27. */
  cutBack(hosted: Hosted, offset: number, out: Out): void {
    const { replica, info } = hosted;
    const { log } = replica;
    if (offset >= log.endOffset) return log.truncateTo(offset);
    const gone = new Set<MessageId>();
    if (info.place !== 0) {
      log.scan(offset, log.endOffset, (record) => {
        if (record.value !== null && record.control === 'none') gone.add(idOf(record.value));
        return true;
      });
      log.scan(log.startOffset, offset, (record) => {
        if (record.value !== null) gone.delete(idOf(record.value));
        return gone.size > 0;
      });
    }
    replica.truncateTo(offset, out.now);
    hosted.flushed = Math.min(hosted.flushed, offset);
    if (info.place === 0) return;
    out.fact(F.truncated, 0, info.place, 0, offset);
    hosted.cut ??= new Set();
    for (const message of gone) hosted.cut.add(message);
    if (info.replicas.length === 1) this.recordLost(hosted, out);
  }

  /** What was cut away and did not come back with the leader's log is lost. */
  recordLost(hosted: Hosted, out: Out): void {
    const reason = R[hosted.info.replicas.length === 1 ? 'not flushed' : 'not replicated'];
    for (const message of hosted.cut ?? []) {
      if (this.#partitions.cluster.countLoss(hosted.info.index, message))
        out.fact(F.lost, message, hosted.info.place, 0, 0, reason);
    }
    hosted.cut = undefined;
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
