/**
 * The groups whose coordinator assigns (KIP-848 and share groups), as far as they live on one partition of `__consumer_offsets`: heartbeats come in, what each
 * member may own goes out, and changes are written to that partition, so that a new leader goes on from there. The rules are in
 * `epoch-group.ts`; committed offsets are kept by the group coordinator (`kafka-groups.ts`). Source: K59, K100.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { PartitionName, TopicSizes } from '../parts/assignment.ts';
import {
  EpochGroup,
  type EpochGroupError,
  type EpochGroupKind,
  type EpochMember,
  type EpochNews,
} from '../parts/epoch-group.ts';
import type { ActorId, Micros, PlaceId } from '../types.ts';
import type { PartitionIndex } from './kafka-cluster.ts';
import type { CoordinatorLog, GroupTimer } from './kafka-groups.ts';
import { durationOf, integerOf } from './kafka-options.ts';
import type { CoordinatorRecord, EpochHeartbeatAnswer, EpochHeartbeatRequest, KafkaError } from './kafka-wires.ts';

interface Hosted {
  readonly name: string;
  readonly place: PlaceId;
  readonly state: EpochGroup;
  /** Of so many partitions in all its node knew when it last looked how many the topics have. */
  sizedFor: number;
  /** Who each member is. Replaced as a whole: what was written down still holds it. */
  consumers: ReadonlyMap<string, ActorId>;
  /** What each member was told last that it may own; missing for one that was not heard of since this node leads. */
  readonly told: Map<string, readonly PartitionName[]>;
  /** Goes up with each change of the group. */
  change: number;
  /** The last change that is known to be replicated. */
  replicated: number;
  /** When the earliest timer for it is set. */
  armedUs: Micros;
  rebalancing: boolean;
}

const NEVER = Number.MAX_SAFE_INTEGER;
const MANY = Number.MAX_SAFE_INTEGER;

export class EpochGroups {
  readonly #partition: PartitionIndex;
  readonly #log: CoordinatorLog;
  readonly #groups = new Map<string, Hosted>();

  constructor(partition: PartitionIndex, log: CoordinatorLog) {
    this.#partition = partition;
    this.#log = log;
  }

  /** Takes in what a former leader wrote. */
  learn({ group, snapshot, consumers }: Extract<CoordinatorRecord, { type: 'epoch-group' }>, out: Out): void {
    const hosted = this.#group(group, snapshot.kind);
    hosted.state.restore(snapshot, out.now);
    // Partitions may have been added since: to be looked at with the next heartbeat.
    hosted.sizedFor = 0;
    hosted.consumers = consumers;
    // What the former leader did not bring to its end is this one's to end.
    hosted.rebalancing = !hosted.state.isStable;
  }

  /** Takes in what became of one member after that. */
  learnMember({ group: name, member }: Extract<CoordinatorRecord, { type: 'epoch-member' }>, out: Out): void {
    const group = this.#groups.get(name);
    if (group === undefined) return;
    group.state.restoreMember(member, out.now);
    group.rebalancing = !group.state.isStable;
  }

  /** Everything is read: sessions begin now. */
  ready(out: Out): void {
    for (const group of this.#groups.values()) this.#arm(group, out);
  }

  /** Whether it is a group of this kind, with members or without. */
  has(name: string): boolean {
    return this.#groups.has(name);
  }

  /** Which kind of group it is; undefined when it is none of these. A share group is kept without members and offsets, too. */
  kindOf(name: string): EpochGroupKind | undefined {
    return this.#groups.get(name)?.state.kind;
  }

  /** The group is deleted, unless somebody has joined meanwhile. Source: K71. */
  forget(name: string): void {
    if (!this.isActive(name)) this.#groups.delete(name);
  }

  /** Whether the group has members here. */
  isActive(name: string): boolean {
    return (this.#groups.get(name)?.state.size ?? 0) > 0;
  }

  /** Whether the group has a member that reads the topic. */
  subscribes(name: string, topic: string): boolean {
    return this.#groups.get(name)?.state.subscribes(topic) === true;
  }

  /** Whether a commit by a member of such a group is accepted; undefined when there is no such group. Source: K55, K59. */
  commitError(name: string, memberId: string, memberEpoch: number): EpochGroupError | undefined {
    return this.#groups.get(name)?.state.commitError(memberId, memberEpoch);
  }

  /** Whether a partition is a consumer's: it may read it, or has not yet given it up. Source: K59. */
  holds(name: string, consumer: ActorId, partition: PartitionName): boolean {
    const group = this.#groups.get(name);
    if (group === undefined) return false;
    for (const [memberId, actor] of group.consumers) {
      const member = actor === consumer ? group.state.member(memberId) : undefined;
      if (member?.assigned.includes(partition) || member?.revoking.includes(partition)) return true;
    }
    return false;
  }

  /** `kind`: what the group is, or becomes by its first member. */
  heartbeat(from: ActorId, request: EpochHeartbeatRequest, kind: EpochGroupKind, out: Out): void {
    const group = this.#group(request.group, kind);
    const { memberId } = request;
    this.#resize(group, out);
    const before = group.state.member(memberId);
    const groupEpoch = group.state.epoch;
    const had = before === undefined ? 0 : before.assigned.length + before.revoking.length;
    const epochs = before === undefined ? -1 : before.epoch + groupEpoch;
    const isNew = before === undefined && request.memberEpoch === 0;
    if (isNew) group.consumers = new Map(group.consumers).set(memberId, from);
    const answer = group.state.heartbeat(request, out.now, this.#news(group, out));
    const member = group.state.member(memberId);
    if (isNew && member === undefined) group.consumers = without(group.consumers, memberId);
    if (isNew && member !== undefined) out.fact(F.joined, 0, group.place, from, group.state.epoch);
    const changed =
      member === undefined ||
      epochs !== member.epoch + group.state.epoch ||
      had !== member.assigned.length + member.revoking.length;
    const wire: EpochHeartbeatAnswer = {
      type: 'kafka/GroupHeartbeat.answer',
      id: request.id,
      error: answer.error,
      memberEpoch: answer.memberEpoch,
      partitions: answer.partitions,
      heartbeatUs: durationOf(
        this.#log.cluster.options,
        kind === 'share' ? 'group.share.heartbeat.interval.ms' : 'group.consumer.heartbeat.interval.ms',
      ),
    };
    this.#arm(group, out);
    if (answer.error !== 'NONE') {
      this.#settle(group, out);
      return out.send(from, 'control', wire);
    }
    if (changed) group.change++;
    // What an earlier leader of this partition has told it is seen by what it owns.
    if (member !== undefined && (request.memberEpoch === 0 || !group.told.has(memberId)))
      group.told.set(memberId, request.owned);
    const { epoch } = group.state;
    const because = group.replicated === group.change ? undefined : out.cause;
    // Only this member has come further: the rest of the group is written down as it is.
    const isAlone = changed && before !== undefined && group.state.epoch === groupEpoch;
    const alone = isAlone && group.replicated === group.change - 1 ? member : undefined;
    this.#whenReplicated(group, alone, out, (error, later) => {
      if (error === 'NONE') this.#recordGains(group, memberId, from, epoch, answer.partitions, later);
      this.#settle(group, later);
      const told = error === 'NONE' ? wire : { ...wire, error: 'COORDINATOR_NOT_AVAILABLE' as const };
      later.send(from, 'control', told, 0, because);
    });
  }

  tick(name: string, out: Out): void {
    const group = this.#groups.get(name);
    if (group === undefined) return;
    if (group.armedUs <= out.now) group.armedUs = NEVER;
    const { epoch } = group.state;
    group.state.tick(out.now, this.#news(group, out));
    if (group.state.epoch !== epoch) {
      group.change++;
      this.#whenReplicated(group, undefined, out, (_, later) => this.#settle(group, later));
    }
    this.#arm(group, out);
  }

  #group(name: string, kind: EpochGroupKind): Hosted {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const { cluster } = this.#log;
    const assignors = cluster.options['group.consumer.assignors'];
    const group: Hosted = {
      name,
      place: cluster.groupPlaces.get(name) ?? 0,
      state: new EpochGroup(
        {
          kind,
          sessionTimeoutUs: durationOf(
            cluster.options,
            kind === 'share' ? 'group.share.session.timeout.ms' : 'group.consumer.session.timeout.ms',
          ),
          assignor: Array.isArray(assignors) && assignors[0] === 'range' ? 'range' : 'uniform',
          maxSize: kind === 'share' ? integerOf(cluster.options, 'group.share.max.size') : MANY,
        },
        this.#sizes(),
      ),
      sizedFor: this.#log.told(),
      consumers: new Map(),
      told: new Map(),
      change: 0,
      replicated: 0,
      armedUs: NEVER,
      rebalancing: false,
    };
    this.#groups.set(name, group);
    return group;
  }

  /** How many partitions the topics have, as far as this node was told. */
  #sizes(): TopicSizes {
    const { cluster, told } = this.#log;
    const topics = new Map<string, number>();
    for (const { topic, place } of cluster.partitions)
      if (place !== 0 && !topics.has(topic)) topics.set(topic, cluster.knownOf(topic, told()).length);
    return topics;
  }

  /** Looks, when the node was told of more partitions since, whether they are of a topic that the group reads. Source: K53, K59. */
  #resize(group: Hosted, out: Out): void {
    if (group.sizedFor === this.#log.told()) return;
    group.sizedFor = this.#log.told();
    const { epoch } = group.state;
    group.state.resize(this.#sizes(), this.#news(group, out, R['partitions added']));
    if (group.state.epoch !== epoch) group.change++;
  }

  #news(group: Hosted, out: Out, because = R['joined the group']): EpochNews {
    let reason = because;
    return {
      memberGone: (memberId, why) => {
        reason = R[why];
        const consumer = group.consumers.get(memberId) ?? 0;
        group.consumers = without(group.consumers, memberId);
        group.told.delete(memberId);
        // A consumer that came back under a new member id is still in the group; only its former self is gone.
        for (const other of group.consumers.values()) if (other === consumer) return;
        out.fact(F.left, 0, group.place, consumer, 0, reason);
      },
      retargeted: (epoch) => {
        if (group.rebalancing) return;
        group.rebalancing = true;
        out.fact(F['rebalance-begun'], 0, group.place, 0, epoch - 1, reason);
      },
    };
  }

  #recordGains(
    group: Hosted,
    memberId: string,
    consumer: ActorId,
    epoch: number,
    partitions: readonly PartitionName[],
    out: Out,
  ): void {
    const { cluster } = this.#log;
    const told = group.told.get(memberId) ?? [];
    if (told.length === 0 && partitions.length === 0) return;
    if (group.consumers.has(memberId)) group.told.set(memberId, partitions);
    for (const name of partitions) {
      const index = told.includes(name) ? undefined : cluster.indexOf(name);
      if (index === undefined) continue;
      out.fact(F.assigned, 0, cluster.partition(index).place, consumer, epoch, group.place);
    }
  }

  /** The rebalance is over when everybody is where the coordinator wants it, and that is written down. */
  #settle(group: Hosted, out: Out): void {
    if (!group.rebalancing || group.replicated !== group.change || !group.state.isStable) return;
    group.rebalancing = false;
    out.fact(F.rebalanced, 0, group.place, 0, group.state.epoch);
  }

  /**
   * Calls `done` when the group as it is now is replicated, so that another coordinator would know of it, or cannot be. What could not be replicated in
   * time is written again when somebody asks the next time: a member is told nothing that only this node knows. `alone`: the member that is all that
   * has changed since what is replicated. Source: K59.
   */
  #whenReplicated(
    group: Hosted,
    alone: EpochMember | undefined,
    out: Out,
    done: (error: KafkaError, out: Out) => void,
  ): void {
    const { change } = group;
    const settled = (error: KafkaError, later: Out): void => {
      if (error === 'NONE') group.replicated = Math.max(group.replicated, change);
      done(error, later);
    };
    if (group.replicated === change) return settled('NONE', out);
    const { name, state, consumers } = group;
    const record: CoordinatorRecord =
      alone === undefined
        ? { type: 'epoch-group', group: name, snapshot: state.snapshot(), consumers }
        : { type: 'epoch-member', group: name, member: alone };
    this.#log.append([record], -1, 0, out, settled);
  }

  #arm(group: Hosted, out: Out): void {
    const next = group.state.nextDeadlineUs();
    if (next >= group.armedUs) return;
    group.armedUs = next;
    const wire: GroupTimer = { type: 'kafka/group', partition: this.#partition, group: group.name };
    out.timer(next - out.now, wire, 0);
  }
}

function without(consumers: ReadonlyMap<string, ActorId>, memberId: string): ReadonlyMap<string, ActorId> {
  const rest = new Map(consumers);
  rest.delete(memberId);
  return rest;
}
