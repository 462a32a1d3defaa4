/**
 * A consumer group whose coordinator assigns by itself and brings each member there by heartbeats (KIP-848), without a barrier at which all must
 * wait: the group has an epoch that every change raises, each member has the epoch that it has come to, and a partition goes to its new
 * owner only when the former one has given it up. A share group (KIP-932) is the same without owners: partitions are shared, so every
 * member is there at once. The group answers heartbeats and says who is gone; it keeps no offsets and sends nothing.
 */
import type { Micros } from '../types.ts';
import type { Assignment, GroupSubscription, PartitionName, TopicSizes } from './assignment.ts';
import { byText, partitionName, subscribedTopics } from './assignment.ts';
import { assignRange } from './assignors.ts';
import { assignSticky } from './sticky-assignor.ts';

export type EpochGroupError =
  | 'NONE'
  | 'UNKNOWN_MEMBER_ID'
  | 'FENCED_MEMBER_EPOCH'
  | 'STALE_MEMBER_EPOCH'
  | 'UNRELEASED_INSTANCE_ID'
  | 'FENCED_INSTANCE_ID'
  | 'UNSUPPORTED_ASSIGNOR'
  | 'GROUP_MAX_SIZE_REACHED';

/** Why a member went. */
export type EpochGroupReason = 'left the group' | 'session timeout' | 'poll interval exceeded';

/** `consumer`: each partition has one owner. `share`: partitions are shared. */
export type EpochGroupKind = 'consumer' | 'share';

export interface EpochGroupOptions {
  readonly kind: EpochGroupKind;
  /** `group.consumer.session.timeout.ms` or `group.share.session.timeout.ms`. Source: K59. */
  readonly sessionTimeoutUs: Micros;
  /** `group.consumer.assignors`: the first is taken when no member asks for another. Source: K59. */
  readonly assignor: ServerAssignor;
  /** `group.share.max.size`, `group.consumer.max.size`. */
  readonly maxSize: number;
}

export type ServerAssignor = 'uniform' | 'range';

/** `memberEpoch` 0 joins, -1 leaves, -2 leaves for a while as a static member. */
export interface EpochHeartbeat {
  readonly memberId: string;
  readonly instanceId: string | undefined;
  readonly memberEpoch: number;
  readonly topics: readonly string[];
  /** `max.poll.interval.ms`: how long it may take to give partitions up. */
  readonly rebalanceTimeoutUs: Micros;
  /** `group.remote.assignor`; undefined leaves it to the group. */
  readonly assignor: string | undefined;
  /** What it owns at the moment. */
  readonly owned: readonly PartitionName[];
}

export interface EpochAnswer {
  readonly error: EpochGroupError;
  readonly memberEpoch: number;
  /** What it may own; what it owns beyond that it must give up. */
  readonly partitions: readonly PartitionName[];
}

export interface EpochMember {
  readonly memberId: string;
  readonly instanceId: string | undefined;
  topics: readonly string[];
  rebalanceTimeoutUs: Micros;
  assignor: string | undefined;
  /** The epoch that it has come to; -2 while a static member is away. */
  epoch: number;
  previousEpoch: number;
  /** What it may own at its epoch. */
  assigned: readonly PartitionName[];
  /** What it must give up before it can go on. */
  revoking: readonly PartitionName[];
  sessionEndsUs: Micros;
  /** When it must have given up; MAX_SAFE_INTEGER when nothing is asked of it. */
  revokeEndsUs: Micros;
}

/** What the coordinator writes down, so that another node can go on from it. */
export interface EpochSnapshot {
  readonly kind: EpochGroupKind;
  readonly epoch: number;
  readonly target: readonly (readonly [string, readonly PartitionName[]])[];
  readonly members: readonly Omit<EpochMember, 'sessionEndsUs' | 'revokeEndsUs'>[];
}

/** News for whoever keeps the record. */
export interface EpochNews {
  /** The group's epoch was raised, and everybody has a new target. */
  retargeted(epoch: number): void;
  memberGone(memberId: string, reason: EpochGroupReason): void;
}

const NEVER = Number.MAX_SAFE_INTEGER;

export class EpochGroup {
  readonly #options: EpochGroupOptions;
  readonly #topics: TopicSizes;
  readonly #members = new Map<string, EpochMember>();
  #epoch = 0;
  #target: Assignment = new Map();

  /** `topics`: how many partitions each topic has. */
  constructor(options: EpochGroupOptions, topics: TopicSizes) {
    this.#options = options;
    this.#topics = topics;
  }

  get kind(): EpochGroupKind {
    return this.#options.kind;
  }

  /** Raised by every change of members or subscriptions. */
  get epoch(): number {
    return this.#epoch;
  }

  get memberIds(): readonly string[] {
    return [...this.#members.keys()];
  }

  member(memberId: string): Readonly<EpochMember> | undefined {
    return this.#members.get(memberId);
  }

  /** Whether every member has come to the group's epoch and owns all that is meant for it. */
  get isStable(): boolean {
    for (const member of this.#members.values()) {
      const target = this.#target.get(member.memberId) ?? [];
      if (member.epoch !== this.#epoch || member.revoking.length > 0 || member.assigned.length < target.length)
        return false;
    }
    return true;
  }

  /** A ConsumerGroupHeartbeat or ShareGroupHeartbeat. Source: K59. */
  heartbeat(beat: EpochHeartbeat, now: Micros, news: EpochNews): EpochAnswer {
    if (beat.memberEpoch < 0) return this.#leave(beat, now, news);
    if (beat.assignor !== undefined && beat.assignor !== 'uniform' && beat.assignor !== 'range')
      return refusal('UNSUPPORTED_ASSIGNOR');
    const error = beat.memberEpoch === 0 ? this.#admit(beat, now) : this.#memberError(beat);
    const member = this.#members.get(beat.memberId);
    if (error !== 'NONE' || member === undefined) return refusal(error === 'NONE' ? 'UNKNOWN_MEMBER_ID' : error);
    member.sessionEndsUs = now + this.#options.sessionTimeoutUs;
    member.rebalanceTimeoutUs = beat.rebalanceTimeoutUs;
    const isNew = !this.#target.has(beat.memberId);
    if (isNew || !sameList(member.topics, beat.topics) || member.assignor !== beat.assignor) {
      member.topics = beat.topics;
      member.assignor = beat.assignor;
      this.#retarget(news);
    }
    this.#reconcile(member, beat.owned, now);
    return { error: 'NONE', memberEpoch: member.epoch, partitions: member.assigned };
  }

  /** Whether an OffsetCommit of this member epoch is accepted; without members anybody may, as tools do. Source: K59, K55. */
  commitError(memberId: string, memberEpoch: number): EpochGroupError {
    if (memberEpoch < 0 && this.#members.size === 0) return 'NONE';
    const member = this.#members.get(memberId);
    if (member === undefined) return 'UNKNOWN_MEMBER_ID';
    return member.epoch === memberEpoch ? 'NONE' : 'STALE_MEMBER_EPOCH';
  }

  /** When `tick` has something to do; MAX_SAFE_INTEGER when never. */
  nextDeadlineUs(): Micros {
    let next = NEVER;
    for (const { sessionEndsUs, revokeEndsUs } of this.#members.values())
      next = Math.min(next, sessionEndsUs, revokeEndsUs);
    return next;
  }

  /** Removes who was not heard of, or did not give up in time what it was asked for. */
  tick(now: Micros, news: EpochNews): void {
    for (const member of [...this.#members.values()]) {
      if (member.sessionEndsUs <= now) this.#remove(member.memberId, 'session timeout', news);
      else if (member.revokeEndsUs <= now) this.#remove(member.memberId, 'poll interval exceeded', news);
    }
  }

  snapshot(): EpochSnapshot {
    return {
      kind: this.#options.kind,
      epoch: this.#epoch,
      target: [...this.#target],
      members: [...this.#members.values()].map(({ sessionEndsUs: _, revokeEndsUs: __, ...member }) => member),
    };
  }

  /** Becomes what a snapshot says; sessions begin anew. */
  restore({ epoch, target, members }: EpochSnapshot, now: Micros): void {
    this.#epoch = epoch;
    this.#target = new Map(target.map(([memberId, partitions]) => [memberId, [...partitions]]));
    this.#members.clear();
    for (const member of members) {
      const revokeEndsUs = member.revoking.length > 0 ? now + member.rebalanceTimeoutUs : NEVER;
      const sessionEndsUs = now + this.#options.sessionTimeoutUs;
      this.#members.set(member.memberId, { ...member, sessionEndsUs, revokeEndsUs });
    }
  }

  /** A member epoch of 0: a new member, one that begins anew, or a static one in place of its former self. */
  #admit(beat: EpochHeartbeat, now: Micros): EpochGroupError {
    const { memberId, instanceId } = beat;
    const known = this.#members.get(memberId);
    const former = instanceId === undefined ? undefined : this.#holderOf(instanceId);
    if (known === undefined && former !== undefined) {
      if (former.epoch !== AWAY) return 'UNRELEASED_INSTANCE_ID';
      // The static member is back under a new id, and goes on with what it had: nobody else is asked for anything. Source: K66.
      this.#members.delete(former.memberId);
      const target = this.#target.get(former.memberId);
      this.#target.delete(former.memberId);
      if (target !== undefined) this.#target.set(memberId, target);
      this.#members.set(memberId, { ...former, memberId, epoch: 0, previousEpoch: 0, revoking: [] });
      return 'NONE';
    }
    if (known !== undefined) {
      known.epoch = 0;
      known.assigned = [];
      known.revoking = [];
      known.revokeEndsUs = NEVER;
      return 'NONE';
    }
    if (this.#members.size >= this.#options.maxSize) return 'GROUP_MAX_SIZE_REACHED';
    this.#members.set(memberId, {
      memberId,
      instanceId,
      topics: beat.topics,
      rebalanceTimeoutUs: beat.rebalanceTimeoutUs,
      assignor: beat.assignor,
      epoch: 0,
      previousEpoch: 0,
      assigned: [],
      revoking: [],
      sessionEndsUs: now + this.#options.sessionTimeoutUs,
      revokeEndsUs: NEVER,
    });
    return 'NONE';
  }

  #memberError({ memberId, instanceId, memberEpoch, owned }: EpochHeartbeat): EpochGroupError {
    const member = this.#members.get(memberId);
    if (member === undefined) {
      const holder = instanceId === undefined ? undefined : this.#holderOf(instanceId);
      return holder === undefined ? 'UNKNOWN_MEMBER_ID' : 'FENCED_INSTANCE_ID';
    }
    if (memberEpoch === member.epoch) return 'NONE';
    // It did not get the last answer: the epoch before is good enough while it owns nothing that it should not.
    const lostAnswer = memberEpoch === member.previousEpoch && owned.every((name) => member.assigned.includes(name));
    return memberEpoch < member.epoch && lostAnswer ? 'NONE' : 'FENCED_MEMBER_EPOCH';
  }

  #holderOf(instanceId: string): EpochMember | undefined {
    for (const member of this.#members.values()) if (member.instanceId === instanceId) return member;
    return undefined;
  }

  #leave({ memberId, memberEpoch, instanceId }: EpochHeartbeat, now: Micros, news: EpochNews): EpochAnswer {
    const member = this.#members.get(memberId);
    if (member === undefined) return refusal('UNKNOWN_MEMBER_ID');
    if (memberEpoch === AWAY && instanceId !== undefined) {
      member.epoch = AWAY;
      member.sessionEndsUs = now + this.#options.sessionTimeoutUs;
    } else this.#remove(memberId, 'left the group', news);
    return { error: 'NONE', memberEpoch, partitions: [] };
  }

  #remove(memberId: string, reason: EpochGroupReason, news: EpochNews): void {
    this.#members.delete(memberId);
    this.#target.delete(memberId);
    news.memberGone(memberId, reason);
    this.#retarget(news);
  }

  /** A new epoch: who should own what, staying with the former target where that is even. Source: K59. */
  #retarget(news: EpochNews): void {
    this.#epoch++;
    const members = [...this.#members.values()].map(
      ({ memberId, instanceId, topics }): GroupSubscription => ({
        memberId,
        topics,
        owned: this.#target.get(memberId) ?? [],
        generation: 0,
        ...(instanceId !== undefined && { instanceId }),
      }),
    );
    if (this.#options.kind === 'share') this.#target = shareOut(this.#topics, members);
    else if (this.#assignor() === 'range') this.#target = assignRange(this.#topics, members);
    else this.#target = assignSticky(this.#topics, members);
    news.retargeted(this.#epoch);
  }

  /** What most members ask for; the group's own when nobody asks. */
  #assignor(): ServerAssignor {
    let range = 0;
    let uniform = 0;
    for (const { assignor } of this.#members.values()) {
      if (assignor === 'range') range++;
      else if (assignor === 'uniform') uniform++;
    }
    if (range === uniform) return range === 0 ? this.#options.assignor : 'uniform';
    return range > uniform ? 'range' : 'uniform';
  }

  /** Brings a member one step nearer to its target: first it gives up, then it gets what nobody else holds. Source: K59. */
  #reconcile(member: EpochMember, owned: readonly PartitionName[], now: Micros): void {
    const target = this.#target.get(member.memberId) ?? [];
    if (this.#options.kind === 'share') return this.#advance(member, target);
    const stillRevoking = member.revoking.some((name) => owned.includes(name));
    if (stillRevoking) return;
    if (member.revoking.length > 0) {
      member.revoking = [];
      member.revokeEndsUs = NEVER;
    }
    const kept = member.assigned.filter((name) => target.includes(name));
    // A member that begins anew owns nothing that it could give up.
    const surplus = member.assigned.filter((name) => !target.includes(name) && owned.includes(name));
    if (surplus.length > 0) {
      member.assigned = kept;
      member.revoking = surplus;
      member.revokeEndsUs = now + member.rebalanceTimeoutUs;
      return;
    }
    this.#advance(member, [...kept, ...target.filter((name) => !kept.includes(name) && this.#isFree(name, member))]);
  }

  #advance(member: EpochMember, assigned: readonly PartitionName[]): void {
    member.assigned = assigned;
    if (member.epoch === this.#epoch) return;
    member.previousEpoch = member.epoch;
    member.epoch = this.#epoch;
  }

  #isFree(name: PartitionName, taker: EpochMember): boolean {
    for (const member of this.#members.values())
      if (member !== taker && (member.assigned.includes(name) || member.revoking.includes(name))) return false;
    return true;
  }
}

const AWAY = -2;

function refusal(error: EpochGroupError): EpochAnswer {
  return { error, memberEpoch: -1, partitions: [] };
}

/** Every partition has at least one member and every member at least one partition, as evenly as that goes. Source: K100. */
function shareOut(topics: TopicSizes, members: readonly GroupSubscription[]): Assignment {
  const assignment: Assignment = new Map(members.map(({ memberId }) => [memberId, []]));
  const ordered = [...members].sort((a, b) => byText(a.memberId, b.memberId));
  for (const topic of subscribedTopics(topics, members)) {
    const takers = ordered.filter((member) => member.topics.includes(topic));
    const size = topics.get(topic) ?? 0;
    for (let i = 0; i < Math.max(size, takers.length); i++) {
      assignment.get(takers[i % takers.length]?.memberId ?? '')?.push(partitionName(topic, i % size));
    }
  }
  return assignment;
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
