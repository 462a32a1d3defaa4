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
import type { GroupReason } from './consumer-group.ts';
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
  /** Why it leaves; of no meaning otherwise. */
  readonly reason: GroupReason;
}

export interface EpochAnswer {
  readonly error: EpochGroupError;
  readonly memberEpoch: number;
  /** What it may own; what it owns beyond that it must give up. */
  readonly partitions: readonly PartitionName[];
}

/** A member as it is written down. It is replaced, never changed, so that what was written once can be shared by all that is written later. */
export interface EpochMember {
  readonly memberId: string;
  readonly instanceId: string | undefined;
  readonly topics: readonly string[];
  readonly rebalanceTimeoutUs: Micros;
  readonly assignor: string | undefined;
  /** The epoch that it has come to; -2 while a static member is away. */
  readonly epoch: number;
  readonly previousEpoch: number;
  /** What it may own at its epoch. */
  readonly assigned: readonly PartitionName[];
  /** What it must give up before it can go on. */
  readonly revoking: readonly PartitionName[];
}

/** A member with the clocks that only its coordinator keeps. */
interface Session {
  member: EpochMember;
  endsUs: Micros;
  /** When it must have given up; MAX_SAFE_INTEGER when nothing is asked of it. */
  revokeEndsUs: Micros;
}

/** What the coordinator writes down, so that another node can go on from it. */
export interface EpochSnapshot {
  readonly kind: EpochGroupKind;
  readonly epoch: number;
  /** How many partitions the topics had of which the target speaks. */
  readonly topics: TopicSizes;
  readonly target: EpochTarget;
  readonly members: readonly EpochMember[];
}

/** What each member should own. */
type EpochTarget = ReadonlyMap<string, readonly PartitionName[]>;

/** News for whoever keeps the record. */
export interface EpochNews {
  /** The group's epoch was raised, and everybody has a new target. */
  retargeted(epoch: number): void;
  memberGone(memberId: string, reason: GroupReason): void;
}

const NEVER = Number.MAX_SAFE_INTEGER;

export class EpochGroup {
  readonly #options: EpochGroupOptions;
  #topics: TopicSizes;
  readonly #sessions = new Map<string, Session>();
  #epoch = 0;
  /** Replaced as a whole: what was written down still holds it. */
  #target: EpochTarget = new Map();

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
    return [...this.#sessions.keys()];
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Whether some member reads the topic. */
  subscribes(topic: string): boolean {
    for (const { member } of this.#sessions.values()) if (member.topics.includes(topic)) return true;
    return false;
  }

  member(memberId: string): EpochMember | undefined {
    return this.#sessions.get(memberId)?.member;
  }

  /** Whether every member has come to the group's epoch and owns all that is meant for it. */
  get isStable(): boolean {
    for (const { member } of this.#sessions.values()) {
      if (member.epoch !== this.#epoch || member.revoking.length > 0) return false;
      if (member.assigned.length < (this.#target.get(member.memberId)?.length ?? 0)) return false;
    }
    return true;
  }

  /** So many partitions the topics have now. Where that is another number of what somebody reads, everybody has a new target. Source: K53, K59. */
  resize(topics: TopicSizes, news: EpochNews): void {
    const before = this.#topics;
    this.#topics = topics;
    for (const [topic, size] of topics) {
      if (before.get(topic) === size || !this.subscribes(topic)) continue;
      this.#retarget(news);
      return;
    }
  }

  /** A ConsumerGroupHeartbeat or ShareGroupHeartbeat. Source: K59. */
  heartbeat(beat: EpochHeartbeat, now: Micros, news: EpochNews): EpochAnswer {
    if (beat.memberEpoch < 0) return this.#leave(beat, now, news);
    if (beat.assignor !== undefined && beat.assignor !== 'uniform' && beat.assignor !== 'range')
      return refusal('UNSUPPORTED_ASSIGNOR');
    const error = beat.memberEpoch === 0 ? this.#admit(beat, now) : this.#memberError(beat);
    const session = this.#sessions.get(beat.memberId);
    if (error !== 'NONE' || session === undefined) return refusal(error === 'NONE' ? 'UNKNOWN_MEMBER_ID' : error);
    session.endsUs = now + this.#options.sessionTimeoutUs;
    const { topics, assignor, rebalanceTimeoutUs } = beat;
    const { member } = session;
    const isNew = !this.#target.has(beat.memberId);
    const asksAnew = isNew || !sameList(member.topics, topics) || member.assignor !== assignor;
    if (asksAnew || member.rebalanceTimeoutUs !== rebalanceTimeoutUs)
      session.member = { ...member, topics, assignor, rebalanceTimeoutUs };
    if (asksAnew) this.#retarget(news);
    this.#reconcile(session, beat.owned, now);
    const { epoch, assigned } = session.member;
    return { error: 'NONE', memberEpoch: epoch, partitions: assigned };
  }

  /** Whether an OffsetCommit of this member epoch is accepted; without members anybody may, as tools do. Source: K59, K55. */
  commitError(memberId: string, memberEpoch: number): EpochGroupError {
    if (memberEpoch < 0 && this.#sessions.size === 0) return 'NONE';
    const member = this.member(memberId);
    if (member === undefined) return 'UNKNOWN_MEMBER_ID';
    return member.epoch === memberEpoch ? 'NONE' : 'STALE_MEMBER_EPOCH';
  }

  /** When `tick` has something to do; MAX_SAFE_INTEGER when never. */
  nextDeadlineUs(): Micros {
    let next = NEVER;
    for (const { endsUs, revokeEndsUs } of this.#sessions.values()) next = Math.min(next, endsUs, revokeEndsUs);
    return next;
  }

  /** Removes who was not heard of, or did not give up in time what it was asked for. */
  tick(now: Micros, news: EpochNews): void {
    for (const { member, endsUs, revokeEndsUs } of [...this.#sessions.values()]) {
      if (endsUs <= now) this.#remove(member.memberId, 'session timeout', news);
      else if (revokeEndsUs <= now) this.#remove(member.memberId, 'poll interval exceeded', news);
    }
  }

  snapshot(): EpochSnapshot {
    const members: EpochMember[] = [];
    for (const { member } of this.#sessions.values()) members.push(member);
    return { kind: this.#options.kind, epoch: this.#epoch, topics: this.#topics, target: this.#target, members };
  }

  /** Becomes what a snapshot says; sessions begin anew. */
  restore({ epoch, topics, target, members }: EpochSnapshot, now: Micros): void {
    this.#epoch = epoch;
    this.#topics = topics;
    this.#target = target;
    this.#sessions.clear();
    for (const member of members) this.restoreMember(member, now);
  }

  /** One of its members becomes what was written down of it later. */
  restoreMember(member: EpochMember, now: Micros): void {
    const revokeEndsUs = member.revoking.length > 0 ? now + member.rebalanceTimeoutUs : NEVER;
    this.#sessions.set(member.memberId, { member, endsUs: now + this.#options.sessionTimeoutUs, revokeEndsUs });
  }

  /** A member epoch of 0: a new member, one that begins anew, or a static one in place of its former self. */
  #admit(beat: EpochHeartbeat, now: Micros): EpochGroupError {
    const { memberId, instanceId } = beat;
    const known = this.#sessions.get(memberId);
    const former = known !== undefined || instanceId === undefined ? undefined : this.#holderOf(instanceId);
    if (former !== undefined) {
      if (former.member.epoch !== AWAY) return 'UNRELEASED_INSTANCE_ID';
      // The static member is back under a new id, and goes on with what it had: nobody else is asked for anything. Source: K66.
      const formerId = former.member.memberId;
      this.#sessions.delete(formerId);
      const target = new Map(this.#target);
      target.delete(formerId);
      const had = this.#target.get(formerId);
      if (had !== undefined) target.set(memberId, had);
      this.#target = target;
      const member = { ...former.member, memberId, epoch: 0, previousEpoch: 0, revoking: NOTHING };
      this.#sessions.set(memberId, { member, endsUs: former.endsUs, revokeEndsUs: NEVER });
      return 'NONE';
    }
    if (known !== undefined) {
      known.member = { ...known.member, epoch: 0, assigned: NOTHING, revoking: NOTHING };
      known.revokeEndsUs = NEVER;
      return 'NONE';
    }
    if (this.#sessions.size >= this.#options.maxSize) return 'GROUP_MAX_SIZE_REACHED';
    const { topics, rebalanceTimeoutUs, assignor } = beat;
    this.#sessions.set(memberId, {
      member: {
        memberId,
        instanceId,
        topics,
        rebalanceTimeoutUs,
        assignor,
        epoch: 0,
        previousEpoch: 0,
        assigned: NOTHING,
        revoking: NOTHING,
      },
      endsUs: now + this.#options.sessionTimeoutUs,
      revokeEndsUs: NEVER,
    });
    return 'NONE';
  }

  #memberError({ memberId, instanceId, memberEpoch, owned }: EpochHeartbeat): EpochGroupError {
    const member = this.member(memberId);
    if (member === undefined) {
      const holder = instanceId === undefined ? undefined : this.#holderOf(instanceId);
      return holder === undefined ? 'UNKNOWN_MEMBER_ID' : 'FENCED_INSTANCE_ID';
    }
    if (memberEpoch === member.epoch) return 'NONE';
    // It did not get the last answer: the epoch before is good enough while it owns nothing that it should not.
    const lostAnswer = memberEpoch === member.previousEpoch && owned.every((name) => member.assigned.includes(name));
    return memberEpoch < member.epoch && lostAnswer ? 'NONE' : 'FENCED_MEMBER_EPOCH';
  }

  #holderOf(instanceId: string): Session | undefined {
    for (const session of this.#sessions.values()) if (session.member.instanceId === instanceId) return session;
    return undefined;
  }

  #leave(beat: EpochHeartbeat, now: Micros, news: EpochNews): EpochAnswer {
    const { memberId, memberEpoch, instanceId, reason } = beat;
    const session = this.#sessions.get(memberId);
    if (session === undefined) return refusal('UNKNOWN_MEMBER_ID');
    if (memberEpoch === AWAY && instanceId !== undefined) {
      session.member = { ...session.member, epoch: AWAY };
      session.endsUs = now + this.#options.sessionTimeoutUs;
    } else this.#remove(memberId, reason, news);
    return { error: 'NONE', memberEpoch, partitions: [] };
  }

  #remove(memberId: string, reason: GroupReason, news: EpochNews): void {
    this.#sessions.delete(memberId);
    news.memberGone(memberId, reason);
    this.#retarget(news);
  }

  /** A new epoch: who should own what, staying with the former target where that is even. Source: K59. */
  #retarget(news: EpochNews): void {
    this.#epoch++;
    const members: GroupSubscription[] = [];
    for (const { member } of this.#sessions.values()) {
      const { memberId, instanceId, topics } = member;
      const owned = this.#target.get(memberId) ?? NOTHING;
      members.push(
        instanceId === undefined
          ? { memberId, topics, owned, generation: 0 }
          : { memberId, topics, owned, generation: 0, instanceId },
      );
    }
    if (this.#options.kind === 'share') this.#target = shareOut(this.#topics, members);
    else if (this.#assignor() === 'range') this.#target = assignRange(this.#topics, members);
    else this.#target = assignSticky(this.#topics, members);
    news.retargeted(this.#epoch);
  }

  /** What most members ask for; the group's own when nobody asks. */
  #assignor(): ServerAssignor {
    let range = 0;
    let uniform = 0;
    for (const { member } of this.#sessions.values()) {
      const { assignor } = member;
      if (assignor === 'range') range++;
      else if (assignor === 'uniform') uniform++;
    }
    if (range === uniform) return range === 0 ? this.#options.assignor : 'uniform';
    return range > uniform ? 'range' : 'uniform';
  }

  /** Brings a member one step nearer to its target: first it gives up, then it gets what nobody else holds. Source: K59. */
  #reconcile(session: Session, owned: readonly PartitionName[], now: Micros): void {
    const { member } = session;
    const target = this.#target.get(member.memberId) ?? NOTHING;
    if (this.#options.kind === 'share') return this.#advance(session, target);
    if (member.revoking.some((name) => owned.includes(name))) return;
    if (member.revoking.length > 0) {
      session.member = { ...member, revoking: NOTHING };
      session.revokeEndsUs = NEVER;
    }
    const kept = member.assigned.filter((name) => target.includes(name));
    // A member that begins anew owns nothing that it could give up.
    const surplus = member.assigned.filter((name) => !target.includes(name) && owned.includes(name));
    if (surplus.length > 0) {
      session.member = { ...member, assigned: kept, revoking: surplus };
      session.revokeEndsUs = now + member.rebalanceTimeoutUs;
      return;
    }
    const free = target.filter((name) => !kept.includes(name) && this.#isFree(name, session));
    this.#advance(session, [...kept, ...free]);
  }

  #advance(session: Session, assigned: readonly PartitionName[]): void {
    const { member } = session;
    if (member.epoch !== this.#epoch) {
      // Field by field: it happens with each heartbeat of a group that many come to and leave.
      session.member = {
        memberId: member.memberId,
        instanceId: member.instanceId,
        topics: member.topics,
        rebalanceTimeoutUs: member.rebalanceTimeoutUs,
        assignor: member.assignor,
        epoch: this.#epoch,
        previousEpoch: member.epoch,
        assigned,
        revoking: member.revoking,
      };
    } else if (!sameList(member.assigned, assigned)) session.member = { ...member, assigned };
  }

  #isFree(name: PartitionName, taker: Session): boolean {
    for (const session of this.#sessions.values()) {
      const { assigned, revoking } = session.member;
      if (session !== taker && (assigned.includes(name) || revoking.includes(name))) return false;
    }
    return true;
  }
}

const AWAY = -2;
const NOTHING: readonly PartitionName[] = [];

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
