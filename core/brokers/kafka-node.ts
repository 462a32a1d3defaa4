/**
 * One Kafka broker node: its life, the requests of its clients and of other nodes, and who leads what on it, which the controller decides. What it does with the
 * partitions that it has is told by kind: writing (`kafka-appending.ts`), reading (`kafka-fetching.ts`), replication (`kafka-following.ts`), the
 * coordinators on internal partitions (`kafka-coordinators.ts`) and share groups (`kafka-shares.ts`), all around `kafka-partitions.ts`.
 */
import { F } from '../facts.ts';
import type { Command, Machine, Out, Wire } from '../machine.ts';
import { FrameOrder } from '../parts/frame-order.ts';
import { type BrokerNumber, ReplicaSet } from '../parts/replica-set.ts';
import type { ActorId } from '../types.ts';
import { Appending, SWEEP } from './kafka-appending.ts';
import { armCleaner, CLEAN, cleanLogs } from './kafka-cleaning.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import { initialState } from './kafka-controller.ts';
import { Coordinators } from './kafka-coordinators.ts';
import { Fetching } from './kafka-fetching.ts';
import { Following } from './kafka-following.ts';
import type { GroupTimer } from './kafka-groups.ts';
import { OffsetResets } from './kafka-offset-resets.ts';
import { durationOf } from './kafka-options.ts';
import { type Hosted, HostedPartitions, newHosted } from './kafka-partitions.ts';
import { addedPartitions, setTopicOption } from './kafka-settings.ts';
import { ShareManager } from './kafka-shares.ts';
import type { MarkerTimer } from './kafka-txns.ts';
import type {
  Answer,
  BrokerHeartbeat,
  ClientRequest,
  ConnectionReset,
  InitProducerIdAnswer,
  ListOffsetsAnswer,
  MetadataAnswer,
  MetadataUpdate,
  PartitionState,
  PlainAnswer,
  ReplicaFetchAnswer,
  ReplicaFetchRequest,
  WriteTxnMarkersAnswer,
  WriteTxnMarkersRequest,
} from './kafka-wires.ts';

type FramedRequest = ClientRequest & { readonly frame: number };

/** One client's stream of requests to this node. */
interface Connection {
  readonly number: number;
  readonly inbound: FrameOrder<FramedRequest>;
  /** It is looked at soon whether what is missing has come. */
  watched: boolean;
}

/** How long records to which no answer is awaited may wait for a lost request before them, until their connection counts as broken. */
const GAP_US = 1_000_000;

interface GapTimer extends Wire {
  readonly type: 'kafka/gap';
  readonly client: ActorId;
  readonly connection: number;
}

const BEAT: Wire = { type: 'kafka/beat' };
const RETENTION: Wire = { type: 'kafka/retention' };
const FLUSH: Wire = { type: 'kafka/flush' };
const TXN_TIMEOUTS: Wire = { type: 'kafka/txn-timeouts' };
const TXN_EXPIRY: Wire = { type: 'kafka/txn-expiry' };
const ISR_CHECK: Wire = { type: 'kafka/isr-check' };

/** `transaction.abort.timed.out.transaction.cleanup.interval.ms`. Source: K44. */
const TXN_TIMEOUTS_US = 10_000_000;
export class KafkaNode implements Machine {
  readonly #cluster: KafkaCluster;
  readonly #partitions: HostedPartitions;
  readonly #following: Following;
  readonly #appending: Appending;
  readonly #fetching: Fetching;
  readonly #coordinators: Coordinators;
  readonly #resets: OffsetResets;
  readonly #shares: ShareManager;
  #version = 0;
  #incarnation = 0;
  #fenced: readonly BrokerNumber[] = [];
  /** The newest connection of each client. */
  readonly #connections = new Map<ActorId, Connection>();

  constructor(cluster: KafkaCluster, number: BrokerNumber) {
    this.#cluster = cluster;
    this.#partitions = new HostedPartitions(cluster, number, (index, out) => {
      this.#shares.wake(index, out);
      this.#fetching.wake(index, out);
    });
    this.#following = new Following(this.#partitions);
    this.#appending = new Appending(this.#partitions, this.#following);
    this.#fetching = new Fetching(this.#partitions);
    this.#coordinators = new Coordinators(this.#partitions, this.#appending);
    this.#resets = new OffsetResets(this.#partitions, this.#fetching);
    this.#shares = new ShareManager(cluster, (index) => this.#partitions.leader(index));
  }

  // ── Life of the process ───────────────────────────────────────────────────────────────────────────────────────────

  start(out: Out): void {
    this.#partitions.states = this.#cluster.partitions.map((info) => initialState(this.#cluster, info.index));
    this.#applyStates(out, true);
    this.#arm(out);
  }

  crash(out: Out, losesDisk: boolean): void {
    for (const hosted of this.#partitions.all) {
      if (hosted === undefined) continue;
      hosted.role = 'none';
      hosted.set = undefined;
      hosted.waiting = [];
      hosted.markers.clear();
      hosted.groups = undefined;
      hosted.txns = undefined;
      if (losesDisk) this.#following.cutBack(hosted, hosted.flushed, out);
    }
    this.#fetching.crash();
    this.#shares.crash();
    this.#following.crash();
    this.#appending.crash();
    this.#connections.clear();
    this.#resets.crash();
  }

  restart(out: Out): void {
    this.#incarnation++;
    if (this.#cluster.controller === 0) {
      this.#partitions.states = this.#partitions.states.map((state) => ({
        ...state,
        leaderEpoch: state.leaderEpoch + 1,
      }));
      this.#applyStates(out, true);
    } else {
      this.#partitions.states = [];
      this.#version = 0;
    }
    this.#arm(out);
  }

  /** A controlled shutdown: leadership is given away at once. */
  stop(out: Out): void {
    if (this.#cluster.controller !== 0) {
      out.send(this.#cluster.controller, 'control', {
        type: 'kafka/ControlledShutdown',
        broker: this.#partitions.number,
      } as Wire);
    }
    this.crash(out, false);
  }

  peerLost(peer: ActorId, out: Out): void {
    // Of what waits there behind a lost request nobody will hear any more.
    if ((this.#connections.get(peer)?.inbound.missing ?? 0) > 0) out.fact(F['connection-lost'], 0, 0, peer);
    this.#connections.delete(peer);
    this.#shares.peerLost(peer, out);
    this.#fetching.peerLost(peer, out);
    this.#following.peerLost(peer, out);
  }

  command(command: Command, out: Out): void {
    if (command.type === 'set') {
      const added = addedPartitions(command);
      if (added === undefined) setTopicOption(this.#partitions, command.path, command.value, out);
      else this.#addPartitions(added.topic, added.partitions, out);
    } else if (command.type === 'disk') this.#partitions.isDiskFull = command.isFull;
    else if (command.type === 'seek') this.#resets.begin(command.group, command.to, out);
  }

  timer(wire: Wire, out: Out): void {
    switch (wire.type) {
      case SWEEP.type:
        return this.#appending.sweep(out);
      case BEAT.type:
        return this.#beat(out);
      case RETENTION.type:
        return this.#applyRetention(out);
      case CLEAN.type:
        cleanLogs(this.#cluster, this.#partitions.led(), out);
        return armCleaner(this.#cluster, out);
      case FLUSH.type:
        for (const hosted of this.#partitions.all)
          if (hosted !== undefined) hosted.flushed = hosted.replica.log.endOffset;
        out.timer(durationOf(this.#cluster.options, 'log.flush.interval.ms'), FLUSH, 0);
        return;
      case TXN_TIMEOUTS.type:
        for (const hosted of this.#partitions.all) hosted?.txns?.abortTimedOut(out);
        out.timer(TXN_TIMEOUTS_US, TXN_TIMEOUTS, 0);
        return;
      case TXN_EXPIRY.type:
        for (const hosted of this.#partitions.all) hosted?.txns?.expireIds(out);
        return this.#armTxnExpiry(out);
      case ISR_CHECK.type:
        for (const hosted of this.#partitions.all) if (hosted !== undefined) this.#partitions.shrinkIsr(hosted, out);
        out.timer(this.#partitions.isrCheckUs, ISR_CHECK, 0);
        return;
      case 'kafka/gap':
        return this.#gap(wire as GapTimer, out);
      case 'kafka/group': {
        const { partition, group } = wire as GroupTimer;
        return this.#partitions.all[partition]?.groups?.tick(group, out);
      }
      case 'kafka/markers': {
        const { partition, transactionalId } = wire as MarkerTimer;
        return this.#partitions.all[partition]?.txns?.retry(transactionalId, out);
      }
      default:
        if (!this.#fetching.timer(wire, out) && !this.#following.timer(wire, out)) this.#shares.timer(wire, out);
    }
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    switch (wire.type) {
      case 'kafka/ReplicaFetch':
        return this.#following.fetch(from, wire as ReplicaFetchRequest, out);
      case 'kafka/ReplicaFetch.answer':
        return this.#following.fetched(from, wire as ReplicaFetchAnswer, out);
      case 'kafka/ListOffsets.answer':
        return this.#resets.listed(wire as ListOffsetsAnswer & Answer, out);
      case 'kafka/MetadataUpdate':
        return this.#metadataUpdate(wire as MetadataUpdate, out);
      case 'kafka/WriteTxnMarkers':
        return this.#coordinators.writeMarkers(wire as WriteTxnMarkersRequest, out, (answer, later) =>
          later.send(from, 'control', answer),
        );
      case 'kafka/WriteTxnMarkers.answer': {
        const answer = wire as WriteTxnMarkersAnswer;
        return this.#partitions.all[answer.id]?.txns?.marked(answer, out);
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
      if (known?.watched) out.fact(F['connection-lost'], 0, 0, from);
      known = { number: connection, inbound: new FrameOrder(), watched: false };
      this.#connections.set(from, known);
    }
    if (known?.number !== connection || !known.inbound.accept(request as FramedRequest))
      return this.#unread(from, request, known?.number === connection ? known : undefined, out);
    this.#request(from, request, out);
    for (let next = known.inbound.next(); next !== undefined; next = known.inbound.next())
      this.#request(from, next, out);
  }

  /**
   * A request that waits for one before it, or came by a connection that was given up. Who awaits an answer gives the connection up by itself when none comes; of who
   * awaits none (acks=0) the node does. Source: K15.
   */
  #unread(from: ActorId, request: ClientRequest, connection: Connection | undefined, out: Out): void {
    if (request.type !== 'kafka/Produce' || request.acks !== 0) return;
    if (connection === undefined) return this.#reset(from, request.connection ?? 0, out);
    if (connection.watched || connection.inbound.missing === 0) return;
    connection.watched = true;
    const wire: GapTimer = { type: 'kafka/gap', client: from, connection: connection.number };
    out.timer(GAP_US, wire);
  }

  #gap({ client, connection }: GapTimer, out: Out): void {
    const known = this.#connections.get(client);
    if (known?.number !== connection) return;
    known.watched = false;
    if (known.inbound.missing === 0) return;
    this.#connections.delete(client);
    out.fact(F['connection-lost'], 0, 0, client);
    this.#reset(client, connection, out);
  }

  #reset(client: ActorId, connection: number, out: Out): void {
    const wire: ConnectionReset = { type: 'kafka/reset', connection };
    out.send(client, 'control', wire);
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
          error: this.#partitions.states.length === 0 ? 'LEADER_NOT_AVAILABLE' : 'NONE',
          leaders: this.#partitions.states.map((state) => this.#cluster.actorOf(state.leader)),
          leaderEpochs: this.#partitions.states.map(({ leaderEpoch }) => leaderEpoch),
        };
        return out.send(from, 'control', answer);
      }
      case 'kafka/Produce':
        return this.#appending.produce(from, request, out);
      case 'kafka/Fetch':
        return this.#fetching.fetch(from, request, out);
      case 'kafka/ListOffsets':
        return this.#fetching.listOffsets(from, request, out);
      case 'kafka/OffsetForLeaderEpoch':
        return this.#fetching.offsetsForEpochs(from, request, out);
      case 'kafka/JoinGroup':
        return this.#coordinators.groupsOf(from, request, out)?.join(from, request, out);
      case 'kafka/SyncGroup':
        return this.#coordinators.groupsOf(from, request, out)?.sync(from, request, out);
      case 'kafka/Heartbeat':
        return this.#coordinators.groupsOf(from, request, out)?.heartbeat(from, request, out);
      case 'kafka/LeaveGroup':
        return this.#coordinators.groupsOf(from, request, out)?.leave(from, request, out);
      case 'kafka/OffsetCommit':
        return this.#coordinators.groupsOf(from, request, out)?.commit(from, request, out);
      case 'kafka/OffsetFetch':
        return this.#coordinators.groupsOf(from, request, out)?.fetchOffsets(from, request, out);
      case 'kafka/ConsumerGroupHeartbeat':
      case 'kafka/ShareGroupHeartbeat':
        return this.#coordinators.groupsOf(from, request, out)?.epochHeartbeat(from, request, out);
      case 'kafka/ShareFetch':
        return this.#shares.fetch(from, request, out);
      case 'kafka/ShareAcknowledge':
        return this.#shares.acknowledge(from, request, out);
      case 'kafka/TxnOffsetCommit':
        return this.#coordinators.groupsOf(from, request, out)?.commitInTxn(from, request, out);
      case 'kafka/InitProducerId': {
        if (request.transactionalId !== '')
          return this.#coordinators.txnsOf(from, request, out)?.init(from, request, out);
        const answer: InitProducerIdAnswer = {
          type: 'kafka/InitProducerId.answer',
          id: request.id,
          error: 'NONE',
          producerId: this.#coordinators.newProducerId(),
          epoch: 0,
        };
        return out.send(from, 'control', answer);
      }
      case 'kafka/AddPartitionsToTxn':
        return this.#coordinators.txnsOf(from, request, out)?.addPartitions(from, request, out);
      case 'kafka/EndTxn':
        return this.#coordinators.txnsOf(from, request, out)?.end(from, request, out);
      default:
        return request satisfies never;
    }
  }

  #arm(out: Out): void {
    const { options, controller } = this.#cluster;
    if (controller !== 0) {
      this.#beat(out);
      out.timer(this.#partitions.isrCheckUs, ISR_CHECK, 0);
    }
    out.timer(durationOf(options, 'log.retention.check.interval.ms'), RETENTION, 0);
    out.timer(durationOf(options, 'log.flush.interval.ms'), FLUSH, 0);
    out.timer(TXN_TIMEOUTS_US, TXN_TIMEOUTS, 0);
    this.#armTxnExpiry(out);
    armCleaner(this.#cluster, out);
  }

  #armTxnExpiry(out: Out): void {
    const name = 'transaction.remove.expired.transaction.cleanup.interval.ms';
    out.timer(durationOf(this.#cluster.options, name), TXN_EXPIRY, 0);
  }

  // ── Leadership ────────────────────────────────────────────────────────────────────────────────────────────────────

  #beat(out: Out): void {
    const heartbeat: BrokerHeartbeat = {
      type: 'kafka/BrokerHeartbeat',
      broker: this.#partitions.number,
      incarnation: this.#incarnation,
      version: this.#version,
    };
    out.send(this.#cluster.controller, 'control', heartbeat, 0, 0);
    for (const hosted of this.#partitions.all) {
      const pending = hosted?.set?.pendingIsr;
      if (hosted !== undefined && pending !== undefined) this.#partitions.askForIsr(hosted, pending, out);
    }
    out.timer(durationOf(this.#cluster.options, 'broker.heartbeat.interval.ms'), BEAT, 0);
  }

  #metadataUpdate(update: MetadataUpdate, out: Out): void {
    if (update.version < this.#version) return;
    this.#version = update.version;
    this.#partitions.states = update.partitions;
    this.#fenced = update.fenced;
    this.#following.fenced(update.fenced);
    this.#applyStates(out, false);
    if (update.answers < 0) return;
    const hosted = this.#partitions.all[update.answers];
    if (hosted?.set === undefined) return;
    hosted.set.confirm(hosted.state.isr);
    this.#partitions.advance(hosted, out);
  }

  /** As the one node, without a controller: it has and leads what is new at once. Source: K1. */
  #addPartitions(topic: string, partitions: number, out: Out): void {
    if (!this.#cluster.growTopic(topic, partitions, () => true)) return;
    const { states } = this.#partitions;
    const fresh = this.#cluster.partitions.slice(states.length).map(({ index }) => initialState(this.#cluster, index));
    this.#partitions.states = [...states, ...fresh];
    this.#applyStates(out, true);
  }

  /** Becomes leader or follower of each hosted partition as the metadata says. */
  #applyStates(out: Out, anew: boolean): void {
    for (let index = 0; index < this.#partitions.states.length; index++) {
      const state = this.#partitions.states[index] as PartitionState;
      const info = this.#cluster.partition(index);
      if (!info.replicas.includes(this.#partitions.number)) continue;
      let hosted = this.#partitions.all[index];
      if (hosted === undefined) {
        hosted = newHosted(info, state);
        this.#partitions.all[index] = hosted;
      }
      const before = hosted.state;
      const wasLeader = hosted.role === 'leader';
      hosted.state = state;
      if (state.leader === this.#partitions.number) {
        if (!wasLeader || before.leaderEpoch !== state.leaderEpoch) this.#lead(hosted, out, anew);
        else if (before.partitionEpoch !== state.partitionEpoch) hosted.set?.confirm(state.isr);
        for (const broker of info.replicas) hosted.set?.setEligible(broker, !this.#fenced.includes(broker));
        this.#partitions.advance(hosted, out);
      } else {
        if (wasLeader) this.#resign(hosted, out);
        hosted.role = state.leader === 0 ? 'none' : 'follower';
      }
    }
    for (let broker = 1; broker <= this.#cluster.nodeCount; broker++) this.#following.follow(broker, out);
  }

  #lead(hosted: Hosted, out: Out, anew: boolean): void {
    const { info, replica, state } = hosted;
    if (hosted.role === 'leader') this.#appending.failWaiting(hosted, out);
    hosted.role = 'leader';
    hosted.epochStart = replica.log.endOffset;
    replica.log.beginEpoch(state.leaderEpoch, replica.log.endOffset);
    hosted.set = new ReplicaSet({
      self: this.#partitions.number,
      replicas: info.replicas,
      isr: state.isr,
      minInsyncReplicas: info.config.minInsyncReplicas,
      lagTimeMaxUs: durationOf(this.#cluster.options, 'replica.lag.time.max.ms'),
      epochStartOffset: hosted.epochStart,
      now: out.now,
    });
    if (hosted.cut !== undefined) this.#following.recordLost(hosted, out);
    if (anew && this.#cluster.controller === 0 && info.place !== 0) {
      out.fact(F.elected, 0, info.place, out.self, state.leaderEpoch);
    }
    this.#partitions.advance(hosted, out);
    this.#coordinators.lead(hosted, out);
  }

  #resign(hosted: Hosted, out: Out): void {
    hosted.role = 'none';
    hosted.set = undefined;
    hosted.groups?.unload(out);
    hosted.groups = undefined;
    hosted.txns = undefined;
    this.#appending.failWaiting(hosted, out);
    this.#shares.resigned(hosted.info.index, out);
    this.#fetching.wake(hosted.info.index, out);
    this.#following.wake(hosted.info.index, out);
  }

  // ── Retention ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #applyRetention(out: Out): void {
    const { options } = this.#cluster;
    const expirationUs = durationOf(options, 'producer.id.expiration.ms');
    for (const hosted of this.#partitions.all) {
      if (hosted?.role !== 'leader') continue;
      const { replica, info } = hosted;
      const before = replica.log.startOffset;
      const start = replica.log.applyRetention(out.now);
      if (start > before && info.place !== 0) out.fact(F['log-start-moved'], 0, info.place, 0, start);
      replica.expireProducers(out.now, expirationUs);
    }
    out.timer(durationOf(options, 'log.retention.check.interval.ms'), RETENTION, 0);
  }
}
