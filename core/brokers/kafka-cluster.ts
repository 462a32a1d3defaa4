/**
 * What every machine of a Kafka cluster and every client of it knows from the start: the nodes, the topics with their partitions and replicas, and
 * which partition of an internal topic coordinates a name. It is the same object for all and says nothing of who leads: that is learnt
 * by messages. Partitions may be added; who has not yet been told of one must not ask for it here, but count those that it knows of. The
 * count of deliveries is kept by no broker: it numbers the attempts in the trace.
 */
import type { Setup } from '../machine.ts';
import type { OptionValues } from '../options.ts';
import type { PartitionName } from '../parts/assignment.ts';
import { partitionName } from '../parts/assignment.ts';
import { coordinatorPartition } from '../parts/murmur2.ts';
import type { BrokerNumber } from '../parts/replica-set.ts';
import type { SharePartition } from '../parts/share-partition.ts';
import type { ActorId, MessageId, PlaceId } from '../types.ts';
import { integerOf, internalTopicConfig, type TopicConfig } from './kafka-options.ts';

/** Position of a partition in `KafkaCluster.partitions`; what wires carry instead of a name. */
export type PartitionIndex = number;

export interface PartitionInfo {
  readonly index: PartitionIndex;
  readonly topic: string;
  readonly number: number;
  readonly name: PartitionName;
  /** 0 for partitions of internal topics, of which nothing is recorded. */
  readonly place: PlaceId;
  readonly replicas: readonly BrokerNumber[];
  readonly config: TopicConfig;
}

/** What is on record of one share group and partition: written by the leader of the moment, so that a former one can tell that it is none any more. */
export interface ShareRecorded {
  state: SharePartition | undefined;
}

export const OFFSETS_TOPIC = '__consumer_offsets';
export const TXN_TOPIC = '__transaction_state';

export class KafkaCluster {
  readonly options: OptionValues;
  readonly nodeCount: number;
  /** Actors of the nodes; that of b1 is the first. Filled while the cluster is built. */
  readonly nodes: ActorId[] = [];
  /** 0: a single node without a controller. */
  controller: ActorId = 0;
  readonly partitions: PartitionInfo[] = [];
  /** What the share coordinator keeps, by group and partition. */
  readonly #shareStates = new Map<string, Map<PartitionIndex, ShareRecorded>>();
  /** Partition of `__consumer_offsets` of each group that was asked for. */
  readonly #groupPartitions = new Map<string, PartitionIndex>();
  /** Places of the consumer groups, by name. */
  readonly groupPlaces = new Map<string, PlaceId>();
  /** What coordinators have written down and said: offsets that are committed, transactions that are decided. A new coordinator does not say it again. */
  readonly told = new WeakSet<object>();
  readonly #byTopic = new Map<string, PartitionIndex[]>();
  readonly #byName = new Map<PartitionName, PartitionIndex>();
  readonly #setup: Setup;
  readonly #deliveries = new Map<PlaceId, Map<PlaceId, Map<MessageId, number>>>();
  /** Messages that were lost and not stored again. */
  readonly #lost = new Map<PartitionIndex, Set<MessageId>>();
  /** Offsets that compaction removed, and the messages that stood there. */
  readonly #compacted = new Map<PartitionIndex, Set<number>>();
  readonly #superseded = new Map<PartitionIndex, Set<MessageId>>();

  constructor(options: OptionValues, setup: Setup) {
    this.options = options;
    this.nodeCount = integerOf(options, 'nodes');
    this.#setup = setup;
  }

  /** Adds a topic; partition n's preferred leader is node n modulo the number of nodes. Source: K14. */
  addTopic(topic: string, partitions: number, replicationFactor: number, config: TopicConfig): void {
    for (let number = 0; number < partitions; number++)
      this.#addPartition(
        topic,
        number,
        this.#replicasOf(number, replicationFactor, () => true),
        config,
        false,
      );
  }

  /**
   * Gives a topic so many partitions, with as many replicas as it has, preferably on nodes that are alive. Only more, never fewer: what is not more, or is
   * of no topic here, is refused (INVALID_PARTITIONS), and so is what no living node could take. True when there are more now. Source: K1; KIP-195.
   */
  growTopic(topic: string, partitions: number, isAlive: (broker: BrokerNumber) => boolean): boolean {
    const before = this.partitionsOf(topic);
    const first = before[0] === undefined ? undefined : this.partition(before[0]);
    if (first === undefined || first.place === 0 || partitions <= before.length) return false;
    if (!this.nodes.some((_, i) => isAlive(i + 1))) return false;
    for (let number = before.length; number < partitions; number++) {
      const replicas = this.#replicasOf(number, first.replicas.length, isAlive);
      this.#addPartition(topic, number, replicas, first.config, false);
    }
    return true;
  }

  /** Actor of a node by its number; 0 for none. */
  actorOf(broker: BrokerNumber): ActorId {
    return this.nodes[broker - 1] ?? 0;
  }

  /** Number of a node by its actor; 0 when the actor is no node. */
  brokerOf(actor: ActorId): BrokerNumber {
    return this.nodes.indexOf(actor) + 1;
  }

  partition(index: PartitionIndex): PartitionInfo {
    const info = this.partitions[index];
    if (info === undefined) throw new Error(`invariant: no partition ${index}`);
    return info;
  }

  /** Partitions of a topic by number; empty when it does not exist. */
  partitionsOf(topic: string): readonly PartitionIndex[] {
    return this.#byTopic.get(topic) ?? [];
  }

  /** Those of them that somebody knows of who was told of so many partitions in all: each of a lower index. */
  knownOf(topic: string, told: number): readonly PartitionIndex[] {
    const all = this.partitionsOf(topic);
    return (all[all.length - 1] ?? 0) < told ? all : all.filter((index) => index < told);
  }

  indexOf(name: PartitionName): PartitionIndex | undefined {
    return this.#byName.get(name);
  }

  /** Partition of `__consumer_offsets` whose leader coordinates the group; made on first use. Source: K48. */
  groupPartition(group: string): PartitionIndex {
    const known = this.#groupPartitions.get(group);
    if (known !== undefined) return known;
    const number = coordinatorPartition(group, integerOf(this.options, 'offsets.topic.num.partitions'));
    const factor = integerOf(this.options, 'offsets.topic.replication.factor');
    const index = this.#internal(OFFSETS_TOPIC, number, factor, 1);
    this.#groupPartitions.set(group, index);
    return index;
  }

  /** Partition of `__transaction_state` whose leader coordinates the transactional id; made on first use. Source: K36. */
  txnPartition(transactionalId: string): PartitionIndex {
    const number = coordinatorPartition(
      transactionalId,
      integerOf(this.options, 'transaction.state.log.num.partitions'),
    );
    const factor = integerOf(this.options, 'transaction.state.log.replication.factor');
    return this.#internal(TXN_TOPIC, number, factor, integerOf(this.options, 'transaction.state.log.min.isr'));
  }

  /** What the share coordinator has of a group's partition; begun empty. */
  shareRecorded(group: string, index: PartitionIndex): ShareRecorded {
    let partitions = this.#shareStates.get(group);
    if (partitions === undefined) {
      partitions = new Map();
      this.#shareStates.set(group, partitions);
    }
    let recorded = partitions.get(index);
    if (recorded === undefined) {
      recorded = { state: undefined };
      partitions.set(index, recorded);
    }
    return recorded;
  }

  /** Which handing-over of this message from this place to this group the next one is, counted from 1. */
  countDelivery(group: PlaceId, place: PlaceId, message: MessageId): number {
    let places = this.#deliveries.get(group);
    if (places === undefined) {
      places = new Map();
      this.#deliveries.set(group, places);
    }
    let messages = places.get(place);
    if (messages === undefined) {
      messages = new Map();
      places.set(place, messages);
    }
    const attempt = (messages.get(message) ?? 0) + 1;
    messages.set(message, attempt);
    return attempt;
  }

  /**
   * A replica gives a message up that its leader does not have. True the first time since it was stored: several replicas may have to cut it. Not when the leader had
   * it too and compaction removed that copy meanwhile.
   */
  countLoss(index: PartitionIndex, message: MessageId): boolean {
    if (this.#superseded.get(index)?.has(message)) return false;
    let lost = this.#lost.get(index);
    if (lost === undefined) {
      lost = new Set();
      this.#lost.set(index, lost);
    }
    if (lost.has(message)) return false;
    lost.add(message);
    return true;
  }

  /** A leader's cleaner removed the message at this offset. True the first time: a later leader may have to remove its own copy of it. */
  countCompacted(index: PartitionIndex, offset: number, message: MessageId): boolean {
    let compacted = this.#compacted.get(index);
    let superseded = this.#superseded.get(index);
    if (compacted === undefined || superseded === undefined) {
      compacted = new Set();
      superseded = new Set();
      this.#compacted.set(index, compacted);
      this.#superseded.set(index, superseded);
    }
    if (compacted.has(offset)) return false;
    compacted.add(offset);
    superseded.add(message);
    return true;
  }

  get hasLosses(): boolean {
    return this.#lost.size > 0;
  }

  storedAgain(index: PartitionIndex, message: MessageId): void {
    this.#lost.get(index)?.delete(message);
  }

  #internal(topic: string, number: number, replicationFactor: number, minInsyncReplicas: number): PartitionIndex {
    const known = this.#byName.get(partitionName(topic, number));
    if (known !== undefined) return known;
    const replicas = this.#replicasOf(number, replicationFactor, () => true);
    return this.#addPartition(topic, number, replicas, internalTopicConfig(minInsyncReplicas), true);
  }

  /** As many nodes as there shall be replicas, in turn from the one whose turn it is; those that are alive come first. Source: K14. */
  #replicasOf(number: number, factor: number, isAlive: (broker: BrokerNumber) => boolean): BrokerNumber[] {
    const alive: BrokerNumber[] = [];
    const others: BrokerNumber[] = [];
    for (let i = 0; i < this.nodeCount; i++) {
      const broker = ((number + i) % this.nodeCount) + 1;
      (isAlive(broker) ? alive : others).push(broker);
    }
    return [...alive, ...others].slice(0, factor);
  }

  #addPartition(
    topic: string,
    number: number,
    replicas: readonly BrokerNumber[],
    config: TopicConfig,
    internal: boolean,
  ): PartitionIndex {
    const index = this.partitions.length;
    const place = internal ? 0 : this.#setup.place(`${topic}/${number}`, 'partition', topic);
    const name = partitionName(topic, number);
    this.partitions.push({ index, topic, number, name, place, replicas, config });
    this.#byName.set(name, index);
    const siblings = this.#byTopic.get(topic);
    if (siblings === undefined) this.#byTopic.set(topic, [index]);
    else siblings.push(index);
    return index;
  }
}
