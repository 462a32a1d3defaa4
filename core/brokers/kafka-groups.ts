/**
 * The group coordinator that runs on the leader of one partition of `__consumer_offsets`: groups, committed offsets, and offsets that wait for a
 * transaction to end. Everything it must remember it writes to that partition, and a new leader reads it back from there; barriers and
 * sessions in progress begin anew. The rules of a group are in `consumer-group.ts`.
 */
import { F, R, type Reason } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import type { GroupAnswers, GroupAssignment, GroupError, GroupReason } from '../parts/consumer-group.ts';
import { ConsumerGroup, commitErrorWithoutGroup } from '../parts/consumer-group.ts';
import type { ActorId, FactId, Micros, PlaceId } from '../types.ts';
import type { KafkaCluster, PartitionIndex } from './kafka-cluster.ts';
import { EpochGroups } from './kafka-epoch-groups.ts';
import { durationOf } from './kafka-options.ts';
import type {
  Answer,
  CoordinatorRecord,
  EpochHeartbeatRequest,
  HeartbeatRequest,
  JoinGroupAnswer,
  JoinGroupRequest,
  KafkaError,
  KafkaRecord,
  LeaveGroupRequest,
  OffsetCommitRequest,
  OffsetFetchAnswer,
  OffsetFetchRequest,
  OffsetToCommit,
  PlainAnswer,
  SyncGroupAnswer,
  SyncGroupRequest,
  TxnOffsetCommitRequest,
} from './kafka-wires.ts';

/** What a coordinator needs of the node that it runs on. */
export interface CoordinatorLog {
  readonly cluster: KafkaCluster;
  /** So many partitions in all the node has been told of. */
  readonly told: () => number;
  /** Appends to the coordinator's partition and calls `done` when it is replicated, or cannot be. `producerId` -1: no transaction. */
  append(
    records: readonly CoordinatorRecord[],
    producerId: number,
    epoch: number,
    out: Out,
    done: (error: KafkaError, out: Out) => void,
  ): void;
}

interface Ticket {
  readonly from: ActorId;
  readonly id: number;
}

interface Group {
  readonly name: string;
  readonly place: PlaceId;
  readonly state: ConsumerGroup<Ticket>;
  /** What is committed, as it was written down. */
  readonly offsets: Map<PartitionIndex, OffsetRecord>;
  /** Offsets written in transactions that are open, by producer id. */
  readonly pending: Map<number, HeldOffset[]>;
  readonly consumers: Map<string, ActorId>;
  /** Since when it has no members, if it had some. Source: K71. */
  emptySinceUs: Micros;
  /** When the earliest timer for it is set; MAX_SAFE_INTEGER when none is. */
  armedUs: Micros;
}

interface HeldOffset {
  readonly record: OffsetRecord;
  /** The group's generation when it was accepted; `EPOCHS` when it followed the consumer protocol, which has none. */
  readonly generation: number;
}

export interface GroupTimer extends Wire {
  readonly type: 'kafka/group';
  readonly partition: PartitionIndex;
  readonly group: string;
}

const NEVER = Number.MAX_SAFE_INTEGER;
const EPOCHS = -1;
/** Any version that there will be. */
const NEWEST = Number.MAX_SAFE_INTEGER;

const REFUSED_BECAUSE: Partial<Record<KafkaError, Reason>> = {
  ILLEGAL_GENERATION: 'fenced',
  GROUP_ID_NOT_FOUND: 'fenced',
  UNKNOWN_MEMBER_ID: 'fenced',
  STALE_MEMBER_EPOCH: 'fenced',
  FENCED_MEMBER_EPOCH: 'fenced',
  FENCED_INSTANCE_ID: 'fenced',
  INVALID_PRODUCER_EPOCH: 'fenced',
  REQUEST_TIMED_OUT: 'timed out',
  NOT_COORDINATOR: 'leader moved',
};

export class GroupCoordinator {
  readonly #partition: PartitionIndex;
  readonly #log: CoordinatorLog;
  readonly #groups = new Map<string, Group>();
  /** Groups that follow the consumer protocol, and share groups. Their committed offsets are kept here like those of the others. */
  readonly #epochs: EpochGroups;
  /** Offsets that were learned from the log, and of which nobody has said that they are committed. */
  readonly #untold: { readonly group: Group; readonly learned: HeldOffset }[] = [];
  /** Since when it coordinates here: expired offsets are looked for in intervals from then on. */
  readonly #sinceUs: Micros;

  constructor(partition: PartitionIndex, log: CoordinatorLog, now: Micros) {
    this.#sinceUs = now;
    this.#partition = partition;
    this.#log = log;
    this.#epochs = new EpochGroups(partition, log);
  }

  /** Takes in one record of the partition, in order: at the start, and for markers as they are written. */
  learn(record: KafkaRecord, out: Out): void {
    if (record.control !== 'none') {
      for (const group of this.#groups.values()) {
        const held = this.#takeHeld(group, record.producerId);
        if (record.control === 'COMMIT') for (const one of held) this.#learnOffset(group, one);
      }
      return;
    }
    const value = record.value as CoordinatorRecord | null;
    if (value === null || value.type === 'txn' || value.type === 'txn-expired') return;
    if (value.type === 'epoch-group') return this.#epochs.learn(value, out);
    if (value.type === 'epoch-member') return this.#epochs.learnMember(value, out);
    if (value.type === 'group-deleted') {
      this.#groups.delete(value.group);
      return this.#epochs.forget(value.group);
    }
    const group = this.#group(value.group);
    if (value.type === 'offset-expired') group.offsets.delete(value.partition);
    else if (value.type === 'group') {
      group.state.restore(value.snapshot, out.now);
      group.emptySinceUs = value.atUs;
      group.consumers.clear();
      for (const { memberId, consumer } of value.consumers) group.consumers.set(memberId, consumer);
    } else if (record.transactional) this.#hold(group, record.producerId, value, this.#generationOf(group));
    else this.#learnOffset(group, { record: value, generation: this.#generationOf(group) });
  }

  /** It is committed, whether the coordinator that wrote it down came to say so or died before. */
  #learnOffset(group: Group, learned: HeldOffset): void {
    group.offsets.set(learned.record.partition, learned.record);
    if (!this.#log.cluster.told.has(learned.record)) this.#untold.push({ group, learned });
  }

  /** Everything is read: sessions of the members begin now. */
  ready(out: Out): void {
    for (const { group, learned } of this.#untold.splice(0)) {
      if (group.offsets.get(learned.record.partition) === learned.record)
        this.#apply(group, learned.record, learned.generation, out.cause, out);
    }
    for (const group of this.#groups.values()) this.#arm(group, out);
    this.#epochs.ready(out);
  }

  /** Another node leads this partition now: whoever waits here for a rebalance to end is sent there. */
  unload(out: Out): void {
    for (const group of this.#groups.values()) group.state.unload(this.#answers(group, out));
  }

  /**
   * A heartbeat of the consumer protocol, or of a share group. A share group and a group of consumers cannot have one name, with members or without; a
   * classic group with members refuses who follows the consumer protocol.
   * Source: K59, K100; apache/kafka: GroupMetadataManager.java#getOrMaybeCreateConsumerGroup, #getOrMaybeCreateShareGroup.
   */
  epochHeartbeat(from: ActorId, request: EpochHeartbeatRequest, out: Out): void {
    const { group, id } = request;
    const kind = request.type === 'kafka/ShareGroupHeartbeat' ? 'share' : 'consumer';
    const known = this.#epochs.kindOf(group) ?? (kind === 'share' && this.#groups.has(group) ? 'consumer' : kind);
    if (known !== kind) return reply(from, id, 'GROUP_ID_NOT_FOUND', out);
    const classic = this.#groups.get(group)?.state.memberIds.length ?? 0;
    if (classic > 0) return reply(from, id, 'INCONSISTENT_GROUP_PROTOCOL', out);
    this.#epochs.heartbeat(from, request, kind, out);
    this.#armExpiry(request.group, out);
  }

  join(from: ActorId, request: JoinGroupRequest, out: Out): void {
    if (this.#epochs.isActive(request.group) || this.#epochs.kindOf(request.group) === 'share')
      return refuseJoin(from, request, 'INCONSISTENT_GROUP_PROTOCOL', out);
    // Only a newcomer makes a group.
    if (request.memberId !== '' && !this.#groups.has(request.group))
      return refuseJoin(from, request, 'UNKNOWN_MEMBER_ID', out);
    const group = this.#group(request.group);
    const known = group.state.memberIds.length;
    let begun: { readonly generation: number; readonly reason: GroupReason } | undefined;
    group.state.join(
      {
        memberId: request.memberId,
        clientId: request.clientId,
        sessionTimeoutUs: request.sessionTimeoutUs,
        rebalanceTimeoutUs: request.rebalanceTimeoutUs,
        assignors: request.assignors,
        topics: request.topics,
        owned: request.owned,
        generation: request.generation,
        ...(request.instanceId === undefined ? {} : { instanceId: request.instanceId }),
        ...(request.reason === undefined ? {} : { reason: request.reason }),
      },
      { from, id: request.id },
      out.now,
      {
        ...this.#answers(group, out),
        rebalancing(generation, reason) {
          begun = { generation, reason };
        },
      },
    );
    // A static member that came back has another id, and its former one is nobody's.
    for (const memberId of group.consumers.keys())
      if (group.state.member(memberId) === undefined) group.consumers.delete(memberId);
    for (const memberId of group.state.memberIds) {
      const isNew = !group.consumers.has(memberId);
      if (!isNew) continue;
      group.consumers.set(memberId, from);
      if (group.state.memberIds.length > known) out.fact(F.joined, 0, group.place, from, group.state.generation);
    }
    // Said after the join, which is why.
    if (begun !== undefined) rebalancing(group, begun.generation, begun.reason, out);
    this.#arm(group, out);
  }

  sync(from: ActorId, request: SyncGroupRequest, out: Out): void {
    const { memberId, instanceId, generation, assignment } = request;
    const group = this.#groups.get(request.group);
    if (group === undefined) {
      const wire: SyncGroupAnswer = {
        type: 'kafka/SyncGroup.answer',
        id: request.id,
        error: 'UNKNOWN_MEMBER_ID',
        partitions: [],
      };
      return out.send(from, 'control', wire);
    }
    const ticket = { from, id: request.id };
    group.state.sync(memberId, instanceId, generation, assignment, ticket, out.now, this.#answers(group, out));
    this.#arm(group, out);
  }

  heartbeat(from: ActorId, request: HeartbeatRequest, out: Out): void {
    const group = this.#groups.get(request.group);
    if (group === undefined) return reply(from, request.id, 'UNKNOWN_MEMBER_ID', out);
    const error = group.state.heartbeat(request.memberId, request.instanceId, request.generation, out.now);
    reply(from, request.id, error, out);
    this.#arm(group, out);
  }

  leave(from: ActorId, request: LeaveGroupRequest, out: Out): void {
    const group = this.#groups.get(request.group);
    if (group === undefined) return reply(from, request.id, 'UNKNOWN_MEMBER_ID', out);
    const error = group.state.leave(request.memberId, request.reason, out.now, this.#answers(group, out));
    reply(from, request.id, error, out);
    this.#arm(group, out);
  }

  commit(from: ActorId, request: OffsetCommitRequest, out: Out): void {
    const error = this.#commitError(request, out);
    if (error !== 'NONE') {
      this.#refuse(request.group, from, request.offsets, error, out);
      return reply(from, request.id, error, out);
    }
    const group = this.#group(request.group);
    const records = request.offsets.map((one) => offsetRecord(group, one, from, out.now));
    const generation = this.#generationOf(group);
    // What waits for replicas is still caused by the consumer's request.
    const because = out.cause;
    this.#log.append(records, -1, 0, out, (failed, later) => {
      if (failed !== 'NONE') this.#refuse(request.group, from, request.offsets, failed, later);
      else {
        for (const record of records) this.#apply(group, record, generation, because, later);
      }
      reply(from, request.id, failed, later, because);
    });
  }

  /**
   * Offsets as part of a transaction: they count when its marker is written here. From now on who asks for stable ones waits for that, also while they are not
   * replicated yet. What stays in the log without being known to be safe is held as well: the marker covers it. Source: K38, K47.
   */
  commitInTxn(from: ActorId, request: TxnOffsetCommitRequest, out: Out): void {
    const error = this.#commitError(request, out);
    if (error !== 'NONE') {
      this.#refuse(request.group, from, request.offsets, error, out);
      return reply(from, request.id, error, out);
    }
    const group = this.#group(request.group);
    const records = request.offsets.map((one) => offsetRecord(group, one, from, out.now));
    const generation = this.#generationOf(group);
    const { producerId } = request;
    for (const record of records) this.#hold(group, producerId, record, generation);
    this.#log.append(records, producerId, request.epoch, out, (failed, later) => {
      if (failed !== 'NONE') {
        if (failed !== 'REQUEST_TIMED_OUT' && failed !== 'NOT_ENOUGH_REPLICAS_AFTER_APPEND')
          this.#letGo(group, producerId, records);
        this.#refuse(request.group, from, request.offsets, failed, later);
      }
      reply(from, request.id, failed, later);
    });
  }

  /** A marker was written to this partition and is replicated. */
  txnEnded(producerId: number, committed: boolean, because: FactId, out: Out): void {
    for (const group of this.#groups.values()) {
      const held = this.#takeHeld(group, producerId);
      if (committed) for (const { record, generation } of held) this.#apply(group, record, generation, because, out);
    }
  }

  /** Under the consumer protocol the member's epoch stands in the place of the generation. Source: K55, K59. */
  #commitError(request: OffsetCommitRequest | TxnOffsetCommitRequest, out: Out): KafkaError {
    const { group: name, memberId, instanceId, generation } = request;
    const group = this.#epochs.isActive(name) ? undefined : this.#groups.get(name);
    const transactional = request.type === 'kafka/TxnOffsetCommit';
    if (group !== undefined) return group.state.commitError(memberId, instanceId, generation, transactional, out.now);
    const version = request.type === 'kafka/OffsetCommit' ? request.version : undefined;
    return (
      this.#epochs.commitError(name, memberId, generation) ??
      commitErrorWithoutGroup(generation, transactional, version ?? NEWEST)
    );
  }

  fetchOffsets(from: ActorId, request: OffsetFetchRequest, out: Out): void {
    const group = this.#groups.get(request.group);
    const held = [...(group?.pending.values() ?? [])].some((offsets) =>
      offsets.some(({ record }) => request.partitions.includes(record.partition)),
    );
    const answer: OffsetFetchAnswer = {
      type: 'kafka/OffsetFetch.answer',
      id: request.id,
      error: held && request.requireStable ? 'UNSTABLE_OFFSET_COMMIT' : 'NONE',
      offsets: request.partitions.map((partition) => {
        const { offset, leaderEpoch } = group?.offsets.get(partition) ?? { offset: -1, leaderEpoch: -1 };
        return { partition, offset, leaderEpoch };
      }),
    };
    out.send(from, 'control', answer);
  }

  tick(name: string, out: Out): void {
    this.#epochs.tick(name, out);
    this.#armExpiry(name, out);
    const group = this.#groups.get(name);
    if (group === undefined) return;
    // A timer that was overtaken by an earlier one changes nothing about those that are set.
    if (group.armedUs <= out.now) group.armedUs = NEVER;
    group.state.tick(out.now, this.#answers(group, out));
    this.#expire(group, out);
    this.#arm(group, out);
  }

  /**
   * Forgets what has expired, unless a transaction is about to commit there anew, or somebody reads the topic. A group without members of which no offset is left is deleted: who still
   * takes itself for a member of it is unknown, and who joins begins with generation 1.
   * Source: K71; apache/kafka: OffsetMetadataManager.java#cleanupExpiredOffsets, GroupMetadataManager.java#maybeDeleteGroup.
   */
  #expire(group: Group, out: Out): void {
    const { options } = this.#log.cluster;
    const sinceUs = this.#expiringSince(group);
    if (sinceUs === NEVER) return;
    if ((out.now - this.#sinceUs) % durationOf(options, 'offsets.retention.check.interval.ms') !== 0) return;
    const retentionUs = durationOf(options, 'offsets.retention.minutes');
    const expired: OffsetRecord[] = [];
    for (const record of group.offsets.values()) {
      const { partition } = record;
      if (this.#isRead(group, this.#log.cluster.partition(partition).topic)) continue;
      const isPending = [...group.pending.values()].some((held) =>
        held.some((one) => one.record.partition === partition),
      );
      if (!isPending && (sinceUs < 0 ? record.atUs : sinceUs) + retentionUs <= out.now) expired.push(record);
    }
    const { name } = group;
    const records = expired.map(
      ({ partition }): CoordinatorRecord => ({ type: 'offset-expired', group: name, partition }),
    );
    const goes = !this.#hasMembers(group) && expired.length === group.offsets.size && group.pending.size === 0;
    if (goes) {
      records.push({ type: 'group-deleted', group: name });
      // Whoever commits or joins from now on stands behind that in the log, and makes another group.
      this.#groups.delete(name);
    }
    if (records.length === 0) return;
    this.#log.append(records, -1, 0, out, (error, later) => {
      if (error !== 'NONE') {
        if (goes && !this.#groups.has(name)) this.#groups.set(name, group);
        return;
      }
      if (goes) this.#epochs.forget(name);
      for (const record of expired) {
        const { partition, offset } = record;
        // Somebody has committed anew meanwhile, and stands behind it in the log.
        if (group.offsets.get(partition) !== record) continue;
        group.offsets.delete(partition);
        later.fact(F['offset-expired'], 0, this.#log.cluster.partition(partition).place, 0, offset, group.place);
      }
    });
  }

  #hasMembers(group: Group): boolean {
    return group.state.state !== 'Empty' || this.#epochs.isActive(group.name);
  }

  /** Whether a member reads the topic: what is committed there is kept, however old it is. Source: K71; apache/kafka: ClassicGroup.java#isSubscribedToTopic. */
  #isRead(group: Group, topic: string): boolean {
    return group.state.subscribes(topic) || this.#epochs.subscribes(group.name, topic);
  }

  /**
   * From when on the time counts after which offsets expire: when the last member went, or, -1, when each was committed, which is so of topics that no member
   * reads. NEVER during a rebalance, in which it is not known who will read what.
   * Source: K71; apache/kafka: ClassicGroup.java#offsetExpirationCondition, and ConsumerGroup.java, where commits alone count.
   */
  #expiringSince(group: Group): Micros {
    if (this.#hasMembers(group)) return group.state.state === 'Stable' || group.state.state === 'Empty' ? -1 : NEVER;
    return group.state.generation > 0 && !this.#epochs.has(group.name) ? group.emptySinceUs : -1;
  }

  /** When expired offsets are looked for next with the chance to find some. Of a group with members it is found out without looking at the offsets. */
  #nextExpiryUs(group: Group, now: Micros): Micros {
    let sinceUs = this.#expiringSince(group);
    const isEmpty = group.offsets.size === 0;
    const isActive = this.#hasMembers(group);
    if (sinceUs === NEVER || (isActive && isEmpty)) return NEVER;
    const { options } = this.#log.cluster;
    if (isEmpty || isActive) sinceUs = 0;
    else if (sinceUs < 0) {
      sinceUs = NEVER;
      for (const { atUs } of group.offsets.values()) sinceUs = Math.min(sinceUs, atUs);
    }
    const keptUs = isEmpty ? 0 : durationOf(options, 'offsets.retention.minutes');
    const dueUs = Math.max(now + 1, sinceUs + keptUs);
    const everyUs = durationOf(options, 'offsets.retention.check.interval.ms');
    return this.#sinceUs + Math.ceil((dueUs - this.#sinceUs) / everyUs) * everyUs;
  }

  #armExpiry(name: string, out: Out): void {
    if (this.#epochs.kindOf(name) === 'share') return;
    const isKept = this.#epochs.has(name) && !this.#epochs.isActive(name);
    const group = isKept ? this.#group(name) : this.#groups.get(name);
    if (group !== undefined) this.#arm(group, out);
  }

  /** All partitions of the topics in which a group without members has committed something; undefined when it is active or unknown. Source: K72. */
  resettable(name: string): readonly PartitionIndex[] | undefined {
    const group = this.#groups.get(name);
    if (group === undefined || group.state.state !== 'Empty' || this.#epochs.isActive(name)) return undefined;
    const { cluster } = this.#log;
    const topics = new Set([...group.offsets.keys()].map((index) => cluster.partition(index).topic));
    return [...topics].flatMap((topic) => cluster.partitionsOf(topic));
  }

  /** Sets offsets of a group that has no members, as a tool may. Does nothing when somebody has joined meanwhile. Source: K72. */
  reset(name: string, targets: OffsetCommitRequest['offsets'], out: Out): void {
    const group = this.#groups.get(name);
    if (group === undefined || group.state.state !== 'Empty' || this.#epochs.isActive(name)) return;
    const because = out.cause;
    for (const target of targets) {
      const record = offsetRecord(group, target, 0, out.now);
      const { partition, offset } = record;
      this.#log.append([record], -1, 0, out, (error, later) => {
        if (error !== 'NONE') return;
        group.offsets.set(partition, record);
        const { place } = this.#log.cluster.partition(partition);
        later.fact(F.sought, 0, place, 0, offset, group.place, because);
      });
    }
  }

  #group(name: string): Group {
    let group = this.#groups.get(name);
    if (group === undefined) {
      const { options, groupPlaces } = this.#log.cluster;
      group = {
        name,
        place: groupPlaces.get(name) ?? 0,
        state: new ConsumerGroup(name, {
          initialRebalanceDelayUs: durationOf(options, 'group.initial.rebalance.delay.ms'),
          minSessionTimeoutUs: durationOf(options, 'group.min.session.timeout.ms'),
          maxSessionTimeoutUs: durationOf(options, 'group.max.session.timeout.ms'),
        }),
        offsets: new Map(),
        pending: new Map(),
        consumers: new Map(),
        emptySinceUs: 0,
        armedUs: NEVER,
      };
      this.#groups.set(name, group);
    }
    return group;
  }

  #arm(group: Group, out: Out): void {
    const next = Math.min(group.state.nextDeadlineUs(), this.#nextExpiryUs(group, out.now));
    if (next >= group.armedUs) return;
    group.armedUs = next;
    const wire: GroupTimer = { type: 'kafka/group', partition: this.#partition, group: group.name };
    out.timer(next - out.now, wire, 0);
  }

  #answers(group: Group, out: Out): GroupAnswers<Ticket> {
    const { cluster } = this.#log;
    return {
      joined(ticket, answer) {
        const wire: JoinGroupAnswer = { type: 'kafka/JoinGroup.answer', id: ticket.id, ...answer };
        out.send(ticket.from, 'control', wire);
      },
      synced(ticket, error, partitions) {
        const wire: SyncGroupAnswer = { type: 'kafka/SyncGroup.answer', id: ticket.id, error, partitions };
        out.send(ticket.from, 'control', wire);
      },
      rebalancing(generation: number, reason: GroupReason) {
        rebalancing(group, generation, reason, out);
      },
      store: (done) => this.#store(group, out, done),
      assigned: (generation: number, assignment: GroupAssignment) => {
        out.fact(F.rebalanced, 0, group.place, 0, generation);
        for (const [memberId, partitions] of assignment) {
          const consumer = group.consumers.get(memberId) ?? 0;
          for (const name of partitions) {
            const index = cluster.indexOf(name);
            const place = index === undefined ? 0 : cluster.partition(index).place;
            out.fact(F.assigned, 0, place, consumer, generation, group.place);
          }
        }
      },
      memberGone(memberId: string, reason: GroupReason) {
        const consumer = group.consumers.get(memberId) ?? 0;
        group.consumers.delete(memberId);
        // A consumer that came back under a new member id is still in the group; only its former self is gone.
        for (const other of group.consumers.values()) if (other === consumer) return;
        out.fact(F.left, 0, group.place, consumer, 0, R[reason]);
      },
    };
  }

  /** Writes the group down; `done` hears when it is replicated, or cannot be. */
  #store(group: Group, out: Out, done: (ok: boolean, now: Micros, answers: GroupAnswers<Ticket>) => void): void {
    const consumers = [...group.consumers].map(([memberId, consumer]) => ({ memberId, consumer }));
    const snapshot = group.state.snapshot();
    group.emptySinceUs = out.now;
    const record: CoordinatorRecord = { type: 'group', group: group.name, snapshot, atUs: out.now, consumers };
    this.#log.append([record], -1, 0, out, (error, later) => {
      done(error === 'NONE', later.now, this.#answers(group, later));
      this.#arm(group, later);
    });
  }

  #generationOf(group: Group): number {
    return this.#epochs.isActive(group.name) ? EPOCHS : group.state.generation;
  }

  /**
   * The commit is in force, which the first coordinator says that knows of it: one that slept and does not know of its end yet may find out later. One that was accepted in an older generation than the group has by now is nobody's own any more; under the consumer protocol,
   * one for a partition that the member has lost meanwhile.
   */
  #apply(group: Group, record: OffsetRecord, generation: number, because: FactId, out: Out): void {
    const { partition, offset, consumer } = record;
    group.offsets.set(partition, record);
    const { told } = this.#log.cluster;
    if (told.has(record)) return;
    told.add(record);
    const { name, place } = this.#log.cluster.partition(partition);
    const isOwn =
      generation === EPOCHS ? this.#epochs.holds(group.name, consumer, name) : generation === group.state.generation;
    out.fact(F.committed, 0, place, isOwn ? consumer : 0, offset, group.place, because);
  }

  #hold(group: Group, producerId: number, record: OffsetRecord, generation: number): void {
    const held = group.pending.get(producerId);
    if (held === undefined) group.pending.set(producerId, [{ record, generation }]);
    else held.push({ record, generation });
  }

  /** These were not written. */
  #letGo(group: Group, producerId: number, records: readonly OffsetRecord[]): void {
    const left = (group.pending.get(producerId) ?? []).filter(({ record }) => !records.includes(record));
    if (left.length > 0) group.pending.set(producerId, left);
    else group.pending.delete(producerId);
  }

  /** The offsets that waited for the producer's transaction; they wait no longer. */
  #takeHeld(group: Group, producerId: number): readonly HeldOffset[] {
    const held = group.pending.get(producerId);
    group.pending.delete(producerId);
    return held ?? [];
  }

  #refuse(name: string, from: ActorId, offsets: OffsetCommitRequest['offsets'], error: KafkaError, out: Out): void {
    const reason = R[REFUSED_BECAUSE[error] ?? 'refused by the broker'];
    for (const { partition, offset } of offsets) {
      out.fact(F['commit-refused'], 0, this.#log.cluster.partition(partition).place, from, offset, reason);
    }
    const group = this.#groups.get(name);
    if (group !== undefined) this.#arm(group, out);
  }
}

function rebalancing(group: Group, generation: number, reason: GroupReason, out: Out): void {
  out.fact(F['rebalance-begun'], 0, group.place, 0, generation, R[reason]);
}

/** A classic member cannot join a group that follows the consumer protocol (K59), or a share group, nor somebody who claims to be a member one that does not exist. */
function refuseJoin(to: ActorId, { id, memberId }: JoinGroupRequest, error: GroupError, out: Out): void {
  const answer: JoinGroupAnswer = {
    type: 'kafka/JoinGroup.answer',
    id,
    error,
    memberId,
    generation: -1,
    assignor: '',
    leader: '',
    members: [],
  };
  out.send(to, 'control', answer);
}

type OffsetRecord = Extract<CoordinatorRecord, { type: 'offset' }>;

function offsetRecord(
  group: Group,
  { partition, offset, leaderEpoch = -1 }: OffsetToCommit,
  consumer: ActorId,
  atUs: Micros,
): OffsetRecord {
  return { type: 'offset', group: group.name, partition, offset, leaderEpoch, atUs, consumer };
}

function reply(to: ActorId, id: number, error: GroupError | KafkaError, out: Out, because?: FactId): void {
  const answer: PlainAnswer & Answer = { type: 'kafka/answer', id, error };
  out.send(to, 'control', answer, 0, because);
}
