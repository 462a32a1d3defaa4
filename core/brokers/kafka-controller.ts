/**
 * The controller of a Kafka cluster: knows which nodes are alive by their heartbeats, elects leaders, confirms changes of in-sync sets, and tells
 * the nodes. It stores no records and serves no client. Its own metadata survives everything.
 * Simplification: the quorum of controllers is this one actor; a node that registers again after a crash is fenced at that moment, even if its
 * former session had not ended.
 */
import { F } from '../facts.ts';
import type { Command, Machine, Out, Wire } from '../machine.ts';
import { booleanOf, numberOf } from '../options.ts';
import { type ElectionKind, electLeader, elrAfter } from '../parts/leader-election.ts';
import type { BrokerNumber } from '../parts/replica-set.ts';
import type { ActorId, Micros } from '../types.ts';
import type { KafkaCluster, PartitionIndex } from './kafka-cluster.ts';
import { durationOf } from './kafka-options.ts';
import { addedPartitions } from './kafka-settings.ts';
import type {
  AlterPartitionRequest,
  BrokerHeartbeat,
  ControlledShutdown,
  MetadataUpdate,
  PartitionState,
} from './kafka-wires.ts';

interface KnownBroker {
  fenced: boolean;
  /** It said that it was shutting down: what it wrote is on its disk. */
  shutDown: boolean;
  incarnation: number;
  heardUs: Micros;
}

const SESSIONS: Wire = { type: 'kafka/sessions' };
const BALANCE: Wire = { type: 'kafka/balance' };
const UNCLEAN: Wire = { type: 'kafka/unclean' };

/** Partitions as they are at the start: everybody in sync, the first replica leads. */
export function initialState(cluster: KafkaCluster, index: PartitionIndex): PartitionState {
  const { replicas } = cluster.partition(index);
  return { leader: replicas[0] ?? 0, leaderEpoch: 0, partitionEpoch: 0, isr: replicas, elr: [], lastKnownElr: [] };
}

/** Bit i stands for node i + 1, as `isr-changed` has it. */
export function isrMask(isr: readonly BrokerNumber[]): number {
  let mask = 0;
  for (const broker of isr) mask |= 1 << (broker - 1);
  return mask >>> 0;
}

export class KafkaController implements Machine {
  readonly #cluster: KafkaCluster;
  readonly #brokers: KnownBroker[] = [];
  readonly #partitions: PartitionState[] = [];
  #version = 0;

  constructor(cluster: KafkaCluster) {
    this.#cluster = cluster;
  }

  start(out: Out): void {
    for (let broker = 1; broker <= this.#cluster.nodeCount; broker++) {
      this.#brokers.push({ fenced: false, shutDown: false, incarnation: 0, heardUs: out.now });
    }
    this.#addPartitions(out);
    this.#arm(out);
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    switch (wire.type) {
      case 'kafka/BrokerHeartbeat':
        return this.#heartbeat(from, wire as BrokerHeartbeat, out);
      case 'kafka/AlterPartition':
        return this.#alter(from, wire as AlterPartitionRequest, out);
      case 'kafka/ControlledShutdown': {
        const { broker } = wire as ControlledShutdown;
        const known = this.#brokers[broker - 1];
        if (known !== undefined) known.shutDown = true;
        return this.#fence(broker, out);
      }
    }
  }

  timer(wire: Wire, out: Out): void {
    if (wire.type === BALANCE.type) {
      if (this.#balance(out)) this.#tellAll(out);
      out.timer(durationOf(this.#cluster.options, 'leader.imbalance.check.interval.seconds'), BALANCE, 0);
      return;
    }
    if (wire.type === UNCLEAN.type) {
      if (this.#electOffline(out)) {
        this.#version++;
        this.#tellAll(out);
      }
      return this.#armUnclean(out);
    }
    const timeout = durationOf(this.#cluster.options, 'broker.session.timeout.ms');
    this.#brokers.forEach((broker, i) => {
      if (!broker.fenced && out.now - broker.heardUs >= timeout) this.#fence(i + 1, out);
    });
    this.#armSessions(out);
  }

  /** More partitions for a topic (CreatePartitions): they are there at once, and the nodes are told. Source: K1. */
  command(command: Command, out: Out): void {
    const added = command.type === 'set' ? addedPartitions(command) : undefined;
    if (added === undefined) return;
    const isAlive = (broker: BrokerNumber): boolean => this.#brokers[broker - 1]?.fenced === false;
    this.#cluster.growTopic(added.topic, added.partitions, isAlive);
    if (this.#addPartitions(out)) this.#tellAll(out);
  }

  crash(): void {}

  restart(out: Out): void {
    for (const broker of this.#brokers) broker.heardUs = out.now;
    this.#arm(out);
  }

  #arm(out: Out): void {
    this.#armSessions(out);
    this.#armUnclean(out);
    if (booleanOf(this.#cluster.options, 'auto.leader.rebalance.enable', true)) {
      out.timer(durationOf(this.#cluster.options, 'leader.imbalance.check.interval.seconds'), BALANCE, 0);
    }
  }

  /** Unclean elections may be allowed while a partition is offline: a check finds that out, not the change of the setting. Source: K23. */
  #armUnclean(out: Out): void {
    out.timer(durationOf(this.#cluster.options, 'unclean.leader.election.interval.ms'), UNCLEAN, 0);
  }

  /** Wakes up when the next session would end, or after a whole one when everybody is fenced. */
  #armSessions(out: Out): void {
    const timeout = durationOf(this.#cluster.options, 'broker.session.timeout.ms');
    let next = out.now + timeout;
    for (const broker of this.#brokers) if (!broker.fenced) next = Math.min(next, broker.heardUs + timeout);
    out.timer(next - out.now, SESSIONS, 0);
  }

  /** Takes in partitions that were declared since. */
  #addPartitions(out: Out): boolean {
    const known = this.#partitions.length;
    for (let index = known; index < this.#cluster.partitions.length; index++) {
      const state = this.#bornState(index);
      this.#partitions.push(state);
      this.#record(index, state, false, out);
    }
    if (this.#partitions.length > known) this.#version++;
    return this.#partitions.length > known;
  }

  /** A new partition: whoever is alive is in sync, and the first of these leads. Nobody alive: the first may lead when it is back. */
  #bornState(index: PartitionIndex): PartitionState {
    const state = initialState(this.#cluster, index);
    const isr = state.isr.filter((broker) => this.#brokers[broker - 1]?.fenced === false);
    if (isr.length === state.isr.length) return state;
    return isr.length === 0 ? { ...state, leader: 0 } : { ...state, leader: isr[0] ?? 0, isr };
  }

  #heartbeat(from: ActorId, heartbeat: BrokerHeartbeat, out: Out): void {
    const known = this.#brokers[heartbeat.broker - 1];
    if (known === undefined || heartbeat.incarnation < known.incarnation) return;
    known.heardUs = out.now;
    let changed = this.#addPartitions(out);
    if (heartbeat.incarnation > known.incarnation) {
      known.incarnation = heartbeat.incarnation;
      if (!known.fenced) this.#fence(heartbeat.broker, out);
      if (!known.shutDown) this.#dropFromElr(heartbeat.broker);
      known.shutDown = false;
    }
    if (known.fenced) {
      known.fenced = false;
      this.#version++;
      this.#electOffline(out);
      changed = true;
    }
    if (changed) this.#tellAll(out);
    else if (heartbeat.version < this.#version) this.#tell(from, -1, out);
  }

  /** Declares a node gone: it leaves the in-sync sets, and what it led is given to others. Source: K21-K23. */
  #fence(gone: BrokerNumber, out: Out): void {
    const broker = this.#brokers[gone - 1];
    if (broker === undefined || broker.fenced) return;
    broker.fenced = true;
    this.#version++;
    for (let index = 0; index < this.#partitions.length; index++) {
      const state = this.#partitions[index] as PartitionState;
      if (!state.isr.includes(gone) && state.leader !== gone) continue;
      const rest = state.isr.filter((replica) => replica !== gone);
      // Without eligible leader replicas the last one in sync stays in the set, so that nobody else may lead.
      const after = this.#tracksElr
        ? this.#withIsr(index, state, rest)
        : { ...state, isr: rest.length > 0 ? rest : state.isr };
      this.#elect(index, after, 'online', out);
    }
    this.#tellAll(out);
  }

  get #tracksElr(): boolean {
    return numberOf(this.#cluster.options, 'eligible.leader.replicas.version') > 0;
  }

  /** The partition with another in-sync set, and what follows for its eligible leader replicas. Source: K22. */
  #withIsr(index: PartitionIndex, state: PartitionState, isr: readonly BrokerNumber[]): PartitionState {
    if (!this.#tracksElr) return { ...state, isr };
    const { replicas, config } = this.#cluster.partition(index);
    const { elr } = elrAfter({ ...state, replicas }, isr, config.minInsyncReplicas);
    const last = state.leader === 0 ? state.lastKnownElr : [state.leader];
    return { ...state, isr, elr, lastKnownElr: isr.length === 0 ? last : [] };
  }

  /** A node is back without having shut down in good order: what it had may be gone, so it is no eligible leader any more. Source: K22. */
  #dropFromElr(broker: BrokerNumber): void {
    for (let index = 0; index < this.#partitions.length; index++) {
      const state = this.#partitions[index] as PartitionState;
      if (!state.elr.includes(broker)) continue;
      const elr = state.elr.filter((other) => other !== broker);
      this.#partitions[index] = { ...state, elr, partitionEpoch: state.partitionEpoch + 1 };
    }
  }

  /** Nodes are back, or may lead now: is there one for what nobody could lead? True when something changed. */
  #electOffline(out: Out): boolean {
    let changed = false;
    for (let index = 0; index < this.#partitions.length; index++) {
      const state = this.#partitions[index] as PartitionState;
      if (state.leader === 0) changed = this.#elect(index, state, 'online', out) || changed;
    }
    return changed;
  }

  /** Gives leadership back to first replicas. True when something changed. */
  #balance(out: Out): boolean {
    let changed = false;
    for (let index = 0; index < this.#partitions.length; index++) {
      const state = this.#partitions[index] as PartitionState;
      const preferred = this.#cluster.partition(index).replicas[0] ?? 0;
      if (state.leader === preferred || state.leader === 0) continue;
      changed = this.#elect(index, state, 'preferred', out) || changed;
    }
    if (changed) this.#version++;
    return changed;
  }

  #elect(index: PartitionIndex, state: PartitionState, kind: ElectionKind, out: Out): boolean {
    const { replicas, config } = this.#cluster.partition(index);
    const alive = (broker: BrokerNumber) => this.#brokers[broker - 1]?.fenced === false;
    const election = electLeader({ ...state, replicas }, alive, kind === 'online' && config.unclean ? 'unclean' : kind);
    const before = this.#partitions[index] as PartitionState;
    const sameIsr =
      before.isr.length === election.isr.length && before.isr.every((broker, i) => broker === election.isr[i]);
    if (before.leader === election.leader && sameIsr) return false;
    const after: PartitionState = {
      leader: election.leader,
      leaderEpoch: before.leader === election.leader ? before.leaderEpoch : before.leaderEpoch + 1,
      partitionEpoch: before.partitionEpoch + 1,
      isr: election.isr,
      elr: state.elr.filter((broker) => !election.isr.includes(broker)),
      lastKnownElr: election.leader === 0 ? state.lastKnownElr : [],
    };
    this.#partitions[index] = after;
    const { place } = this.#cluster.partition(index);
    if (before.leader === election.leader) this.#recordIsr(index, after, out);
    else if (election.leader === 0) {
      if (place !== 0) out.fact(F['leader-lost'], 0, place, 0, after.leaderEpoch);
    } else this.#record(index, after, election.unclean, out);
    return true;
  }

  /** A leader wants its in-sync set changed. Refused when it speaks of an older state, or of a node that is gone. Source: K20. */
  #alter(from: ActorId, request: AlterPartitionRequest, out: Out): void {
    const state = this.#partitions[request.partition];
    if (state === undefined) return;
    const alive = request.isr.every((broker) => this.#brokers[broker - 1]?.fenced === false);
    if (state.leader !== request.broker || state.partitionEpoch !== request.partitionEpoch || !alive) {
      return this.#tell(from, request.partition, out);
    }
    const after: PartitionState = {
      ...this.#withIsr(request.partition, state, request.isr),
      partitionEpoch: state.partitionEpoch + 1,
    };
    this.#partitions[request.partition] = after;
    this.#recordIsr(request.partition, after, out);
    this.#version++;
    this.#tellAll(out, request.partition, from);
  }

  #record(index: PartitionIndex, state: PartitionState, unclean: boolean, out: Out): void {
    const { place } = this.#cluster.partition(index);
    if (place === 0 || state.leader === 0) return;
    out.fact(F.elected, 0, place, this.#cluster.actorOf(state.leader), state.leaderEpoch, unclean ? 1 : 0);
    this.#recordIsr(index, state, out);
  }

  #recordIsr(index: PartitionIndex, state: PartitionState, out: Out): void {
    const { place, replicas } = this.#cluster.partition(index);
    if (place !== 0 && replicas.length > 1) out.fact(F['isr-changed'], 0, place, 0, isrMask(state.isr));
  }

  #tellAll(out: Out, answers: PartitionIndex = -1, asker: ActorId = 0): void {
    this.#cluster.nodes.forEach((node, i) => {
      if (this.#brokers[i]?.fenced === false) this.#tell(node, node === asker ? answers : -1, out);
    });
  }

  #tell(node: ActorId, answers: PartitionIndex, out: Out): void {
    const fenced: BrokerNumber[] = [];
    this.#brokers.forEach((broker, i) => {
      if (broker.fenced) fenced.push(i + 1);
    });
    const update: MetadataUpdate = {
      type: 'kafka/MetadataUpdate',
      version: this.#version,
      partitions: [...this.#partitions],
      fenced,
      answers,
    };
    out.send(node, 'control', update);
  }
}
