/**
 * The group coordinator's state machine for one classic consumer group: members, generations, the join and sync barriers, sessions, and
 * which commits are accepted. It assigns nothing itself (the group's leader does) and keeps no offsets. It answers through the
 * `GroupAnswers` that it is handed, at once or when a barrier opens, and names the time at which `tick` must be called next.
 */
import type { Micros } from '../types.ts';
import type { GroupSubscription } from './assignment.ts';

export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

export type GroupError =
  | 'NONE'
  | 'COORDINATOR_NOT_AVAILABLE'
  | 'NOT_COORDINATOR'
  | 'UNKNOWN_MEMBER_ID'
  | 'MEMBER_ID_REQUIRED'
  | 'FENCED_INSTANCE_ID'
  | 'ILLEGAL_GENERATION'
  | 'REBALANCE_IN_PROGRESS'
  | 'INCONSISTENT_GROUP_PROTOCOL'
  | 'INVALID_SESSION_TIMEOUT'
  | 'GROUP_ID_NOT_FOUND';

/** Why a rebalance began or a member went. */
export type GroupReason =
  | 'joined the group'
  | 'left the group'
  | 'session timeout'
  | 'poll interval exceeded'
  | 'fenced'
  | 'partitions added';

export interface GroupOptions {
  /** `group.initial.rebalance.delay.ms`. Source: K50. */
  readonly initialRebalanceDelayUs: Micros;
  /** `group.min.session.timeout.ms`, `group.max.session.timeout.ms`. Source: K51. */
  readonly minSessionTimeoutUs: Micros;
  readonly maxSessionTimeoutUs: Micros;
}

export interface JoinRequest {
  /** '' at first. */
  readonly memberId: string;
  readonly instanceId?: string;
  /** Name of the client, from which a member id is made. */
  readonly clientId: string;
  readonly sessionTimeoutUs: Micros;
  /** How long the others may take to rejoin: `max.poll.interval.ms`. Source: K50. */
  readonly rebalanceTimeoutUs: Micros;
  /** `partition.assignment.strategy` in order of preference. */
  readonly assignors: readonly string[];
  readonly topics: readonly string[];
  readonly owned: readonly string[];
  /** Generation in which it came to own them; -1: none. */
  readonly generation: number;
  /** Why a member joins anew, where it is its own wish. */
  readonly reason?: GroupReason;
}

export interface JoinAnswer {
  readonly error: GroupError;
  readonly memberId: string;
  readonly generation: number;
  readonly assignor: string;
  readonly leader: string;
  /** Everybody's subscription, for the leader only; else empty. */
  readonly members: readonly GroupSubscription[];
}

/** Partitions per member id. */
export type GroupAssignment = ReadonlyMap<string, readonly string[]>;

/** Where answers and news go. `ticket` is what the request came with. */
export interface GroupAnswers<Ticket> {
  joined(ticket: Ticket, answer: JoinAnswer): void;
  synced(ticket: Ticket, error: GroupError, partitions: readonly string[]): void;
  /** The group left its generation. */
  rebalancing(generation: number, reason: GroupReason): void;
  /** Writes the group down before its assignment counts; `done` hears whether that was possible. Left out: it counts at once. */
  store?(done: (ok: boolean, now: Micros, answers: GroupAnswers<Ticket>) => void): void;
  /** The leader's assignment is in force. */
  assigned(generation: number, assignment: GroupAssignment): void;
  memberGone(memberId: string, reason: GroupReason): void;
}

export interface GroupMember<Ticket> {
  readonly memberId: string;
  readonly instanceId: string | undefined;
  readonly clientId: string;
  sessionTimeoutUs: Micros;
  rebalanceTimeoutUs: Micros;
  assignors: readonly string[];
  topics: readonly string[];
  owned: readonly string[];
  ownedGeneration: number;
  assignment: readonly string[];
  sessionEndsUs: Micros;
  joinTicket: Ticket | undefined;
  syncTicket: Ticket | undefined;
  /** It has joined the generation and not asked for its part yet. */
  awaitsSync: boolean;
}

/** What the coordinator writes to `__consumer_offsets`, so that another node can go on from it. */
export interface GroupSnapshot {
  readonly generation: number;
  readonly assignor: string;
  readonly leader: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly instanceId: string | undefined;
    readonly clientId: string;
    readonly sessionTimeoutUs: Micros;
    readonly rebalanceTimeoutUs: Micros;
    readonly assignors: readonly string[];
    readonly topics: readonly string[];
    readonly assignment: readonly string[];
  }[];
}

const NEVER = Number.MAX_SAFE_INTEGER;
/** The version of OffsetCommit from which on a missing group is called missing. */
const NAMES_MISSING_GROUPS = 9;

/**
 * What a commit to a group that does not exist gets. One that claims no generation makes the group: tools and consumers that assign by hand have no other
 * way. One that claims one is refused in the words of its version of OffsetCommit; commits within transactions keep the old ones.
 * Source: K55; apache/kafka: OffsetMetadataManager.java#validateOffsetCommit, #validateTransactionalOffsetCommit.
 */
export function commitErrorWithoutGroup(generation: number, transactional: boolean, version: number): GroupError {
  if (generation < 0) return 'NONE';
  return transactional || version < NAMES_MISSING_GROUPS ? 'ILLEGAL_GENERATION' : 'GROUP_ID_NOT_FOUND';
}

export class ConsumerGroup<Ticket> {
  readonly groupId: string;
  private readonly options: GroupOptions;
  private current: GroupState = 'Empty';
  private generationNumber = 0;
  private assignor = '';
  private leaderId = '';
  private readonly members = new Map<string, GroupMember<Ticket>>();
  private readonly byInstance = new Map<string, string>();
  /** Ids handed out with MEMBER_ID_REQUIRED whose holders have not come back yet, and until when they are waited for. */
  private readonly promised = new Map<string, Micros>();
  private rebalanceEndsUs = NEVER;
  /** End of the longest possible initial delay; NEVER outside of it. */
  private initialDelayEndsUs = NEVER;
  private joinedDuringDelay = false;
  private nextMember = 1;

  constructor(groupId: string, options: GroupOptions) {
    this.groupId = groupId;
    this.options = options;
  }

  get state(): GroupState {
    return this.current;
  }

  get generation(): number {
    return this.generationNumber;
  }

  get memberIds(): readonly string[] {
    return [...this.members.keys()];
  }

  /** Whether some member reads the topic. */
  subscribes(topic: string): boolean {
    for (const { topics } of this.members.values()) if (topics.includes(topic)) return true;
    return false;
  }

  member(memberId: string): GroupMember<Ticket> | undefined {
    return this.members.get(memberId);
  }

  /** A JoinGroup. It is answered at once, or when everybody is there. Source: K49, K50, K66. */
  join(request: JoinRequest, ticket: Ticket, now: Micros, answers: GroupAnswers<Ticket>): void {
    const refused = this.admit(request, ticket, now, answers);
    if (refused !== undefined) answers.joined(ticket, refused);
  }

  /** Takes the request in, or returns why not. */
  private admit(
    request: JoinRequest,
    ticket: Ticket,
    now: Micros,
    answers: GroupAnswers<Ticket>,
  ): JoinAnswer | undefined {
    const { memberId, instanceId, sessionTimeoutUs } = request;
    if (this.current === 'Dead') return refusal('COORDINATOR_NOT_AVAILABLE', memberId);
    const { minSessionTimeoutUs, maxSessionTimeoutUs } = this.options;
    if (sessionTimeoutUs < minSessionTimeoutUs || sessionTimeoutUs > maxSessionTimeoutUs) {
      return refusal('INVALID_SESSION_TIMEOUT', memberId);
    }
    if (this.members.size > 0 && !request.assignors.some((name) => this.supportedByAll(name))) {
      return refusal('INCONSISTENT_GROUP_PROTOCOL', memberId);
    }
    const holder = instanceId === undefined ? undefined : this.byInstance.get(instanceId);
    if (memberId === '' && instanceId === undefined) {
      const promisedId = this.newMemberId(request.clientId);
      this.promised.set(promisedId, now + sessionTimeoutUs);
      return refusal('MEMBER_ID_REQUIRED', promisedId);
    }
    if (memberId !== '' && holder !== undefined && holder !== memberId) return refusal('FENCED_INSTANCE_ID', memberId);
    const known = this.members.get(memberId);
    if (memberId === '' && holder !== undefined) this.replaceStatic(holder, request, ticket, now, answers);
    else if (memberId === '') this.addMember(this.newMemberId(instanceId ?? ''), request, ticket, now, answers);
    else if (known !== undefined) this.rejoin(known, request, ticket, now, answers);
    else if (this.promised.delete(memberId)) this.addMember(memberId, request, ticket, now, answers);
    else return refusal('UNKNOWN_MEMBER_ID', memberId);
    return undefined;
  }

  /** A SyncGroup; the leader's carries the assignment of all. Source: K50. */
  sync(
    memberId: string,
    instanceId: string | undefined,
    generation: number,
    assignment: GroupAssignment | undefined,
    ticket: Ticket,
    now: Micros,
    answers: GroupAnswers<Ticket>,
  ): void {
    const error = this.memberError(memberId, instanceId, generation);
    const member = this.members.get(memberId);
    if (error !== 'NONE' || member === undefined) {
      answers.synced(ticket, error === 'NONE' ? 'UNKNOWN_MEMBER_ID' : error, []);
      return;
    }
    this.refresh(member, now);
    member.awaitsSync = false;
    switch (this.current) {
      case 'PreparingRebalance':
        answers.synced(ticket, 'REBALANCE_IN_PROGRESS', []);
        return;
      case 'Stable':
        answers.synced(ticket, 'NONE', member.assignment);
        return;
      case 'CompletingRebalance': {
        member.syncTicket = ticket;
        if (memberId !== this.leaderId || assignment === undefined) return;
        for (const other of this.members.values()) other.assignment = assignment.get(other.memberId) ?? [];
        if (answers.store === undefined) this.completeSync(generation, assignment, true, now, answers);
        else answers.store((ok, later, then) => this.completeSync(generation, assignment, ok, later, then));
        return;
      }
      case 'Empty':
      case 'Dead':
        answers.synced(ticket, 'UNKNOWN_MEMBER_ID', []);
    }
  }

  /** The assignment is written down, or cannot be: then the members ask again. Nothing, if another rebalance has begun meanwhile. Source: K50. */
  private completeSync(
    generation: number,
    assignment: GroupAssignment,
    ok: boolean,
    now: Micros,
    answers: GroupAnswers<Ticket>,
  ): void {
    if (this.current !== 'CompletingRebalance' || generation !== this.generationNumber) return;
    if (ok) {
      this.current = 'Stable';
      if (!this.someAwaitSync()) this.rebalanceEndsUs = NEVER;
      answers.assigned(generation, assignment);
    }
    for (const member of this.members.values()) {
      if (member.syncTicket === undefined) continue;
      this.refresh(member, now);
      if (ok) answers.synced(member.syncTicket, 'NONE', member.assignment);
      else answers.synced(member.syncTicket, 'COORDINATOR_NOT_AVAILABLE', []);
      member.syncTicket = undefined;
    }
  }

  /** A heartbeat: refreshes the session, and tells of a rebalance. Source: K51. */
  heartbeat(memberId: string, instanceId: string | undefined, generation: number, now: Micros): GroupError {
    const error = this.memberError(memberId, instanceId, generation);
    if (error !== 'NONE') return error;
    const member = this.members.get(memberId);
    if (member !== undefined) this.refresh(member, now);
    return this.current === 'PreparingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE';
  }

  /** A LeaveGroup. Source: K52, K53. */
  leave(memberId: string, reason: GroupReason, now: Micros, answers: GroupAnswers<Ticket>): GroupError {
    if (this.current === 'Dead') return 'COORDINATOR_NOT_AVAILABLE';
    if (this.promised.delete(memberId)) {
      this.completeJoinIfAllThere(now, answers);
      return 'NONE';
    }
    if (!this.members.has(memberId)) return 'UNKNOWN_MEMBER_ID';
    this.removeMember(memberId, reason, now, answers);
    return 'NONE';
  }

  /**
   * Whether an OffsetCommit is accepted; an accepted one of a member refreshes its session. `transactional` ones may come while assignments are pending, and
   * refresh nothing. Source: K51, K55; apache/kafka: OffsetMetadataManager.java#commitOffset, #commitTransactionalOffset.
   */
  commitError(
    memberId: string,
    instanceId: string | undefined,
    generation: number,
    transactional: boolean,
    now: Micros,
  ): GroupError {
    if (this.current === 'Dead') return 'COORDINATOR_NOT_AVAILABLE';
    if (generation < 0 && this.current === 'Empty') return 'NONE';
    if (generation < 0 && memberId === '' && instanceId === undefined) {
      return transactional ? 'NONE' : 'UNKNOWN_MEMBER_ID';
    }
    const error = this.memberError(memberId, instanceId, generation);
    if (error !== 'NONE') return error;
    if (transactional) return 'NONE';
    if (this.current === 'CompletingRebalance') return 'REBALANCE_IN_PROGRESS';
    const member = this.members.get(memberId);
    if (member !== undefined) this.refresh(member, now);
    return 'NONE';
  }

  /** When `tick` has something to do; Number.MAX_SAFE_INTEGER when never. */
  nextDeadlineUs(): Micros {
    let next = Math.min(this.rebalanceEndsUs, NEVER);
    for (const until of this.promised.values()) next = Math.min(next, until);
    for (const member of this.members.values()) {
      if (member.joinTicket === undefined && member.syncTicket === undefined)
        next = Math.min(next, member.sessionEndsUs);
    }
    return next;
  }

  /** Lets sessions and barriers end that are due. */
  tick(now: Micros, answers: GroupAnswers<Ticket>): void {
    for (const [memberId, until] of this.promised) if (until <= now) this.promised.delete(memberId);
    for (const member of [...this.members.values()]) {
      const waits = member.joinTicket !== undefined || member.syncTicket !== undefined;
      if (!waits && member.sessionEndsUs <= now && this.members.has(member.memberId)) {
        this.removeMember(member.memberId, 'session timeout', now, answers);
      }
    }
    this.completeJoinIfAllThere(now, answers);
    if (this.rebalanceEndsUs > now) return;
    if (this.current === 'PreparingRebalance') {
      if (this.initialDelayEndsUs !== NEVER && this.joinedDuringDelay && now < this.initialDelayEndsUs) {
        this.joinedDuringDelay = false;
        this.rebalanceEndsUs = Math.min(now + this.options.initialRebalanceDelayUs, this.initialDelayEndsUs);
      } else this.completeJoin(now, answers);
    } else this.expireSync(now, answers);
  }

  /** Who has joined the generation and not asked for its part within the rebalance timeout is removed, and the others join anew. Source: K50. */
  private expireSync(now: Micros, answers: GroupAnswers<Ticket>): void {
    this.rebalanceEndsUs = NEVER;
    const late = [...this.members.values()].filter(({ awaitsSync }) => awaitsSync);
    for (const { memberId } of late) this.removeMember(memberId, 'session timeout', now, answers);
  }

  private someAwaitSync(): boolean {
    for (const { awaitsSync } of this.members.values()) if (awaitsSync) return true;
    return false;
  }

  /** Another node coordinates from now on: whoever waits at a barrier is told to ask there. Source: K49, K50. */
  unload(answers: GroupAnswers<Ticket>): void {
    for (const member of this.members.values()) {
      const { joinTicket, syncTicket } = member;
      member.joinTicket = undefined;
      member.syncTicket = undefined;
      if (joinTicket !== undefined) answers.joined(joinTicket, refusal('NOT_COORDINATOR', member.memberId));
      if (syncTicket !== undefined) answers.synced(syncTicket, 'NOT_COORDINATOR', []);
    }
  }

  /** What a newly elected coordinator must know. Members waiting in a barrier are not part of it. */
  snapshot(): GroupSnapshot {
    return {
      generation: this.generationNumber,
      assignor: this.assignor,
      leader: this.leaderId,
      members: [...this.members.values()].map((member) => ({
        memberId: member.memberId,
        instanceId: member.instanceId,
        clientId: member.clientId,
        sessionTimeoutUs: member.sessionTimeoutUs,
        rebalanceTimeoutUs: member.rebalanceTimeoutUs,
        assignors: member.assignors,
        topics: member.topics,
        assignment: member.assignment,
      })),
    };
  }

  /** Becomes what a snapshot says, in `state` (Stable or Empty, by its members, when left out); sessions begin anew. */
  restore(snapshot: GroupSnapshot, now: Micros, state?: GroupState): void {
    this.generationNumber = snapshot.generation;
    this.assignor = snapshot.assignor;
    this.leaderId = snapshot.leader;
    this.members.clear();
    this.byInstance.clear();
    this.promised.clear();
    for (const member of snapshot.members) {
      this.members.set(member.memberId, {
        ...member,
        owned: member.assignment,
        ownedGeneration: snapshot.generation,
        sessionEndsUs: now + member.sessionTimeoutUs,
        joinTicket: undefined,
        syncTicket: undefined,
        awaitsSync: false,
      });
      if (member.instanceId !== undefined) this.byInstance.set(member.instanceId, member.memberId);
    }
    this.current = state ?? (snapshot.members.length > 0 ? 'Stable' : 'Empty');
    this.rebalanceEndsUs = NEVER;
    this.initialDelayEndsUs = NEVER;
  }

  private memberError(memberId: string, instanceId: string | undefined, generation: number): GroupError {
    if (this.current === 'Dead') return 'COORDINATOR_NOT_AVAILABLE';
    if (instanceId !== undefined) {
      const holder = this.byInstance.get(instanceId);
      if (holder === undefined) return 'UNKNOWN_MEMBER_ID';
      if (holder !== memberId) return 'FENCED_INSTANCE_ID';
    } else if (!this.members.has(memberId)) return 'UNKNOWN_MEMBER_ID';
    return generation === this.generationNumber ? 'NONE' : 'ILLEGAL_GENERATION';
  }

  private addMember(
    memberId: string,
    request: JoinRequest,
    ticket: Ticket,
    now: Micros,
    answers: GroupAnswers<Ticket>,
  ): void {
    const member: GroupMember<Ticket> = {
      memberId,
      instanceId: request.instanceId,
      clientId: request.clientId,
      sessionTimeoutUs: request.sessionTimeoutUs,
      rebalanceTimeoutUs: request.rebalanceTimeoutUs,
      assignors: request.assignors,
      topics: request.topics,
      owned: request.owned,
      ownedGeneration: request.generation,
      assignment: [],
      sessionEndsUs: now + request.sessionTimeoutUs,
      joinTicket: ticket,
      syncTicket: undefined,
      awaitsSync: false,
    };
    this.members.set(memberId, member);
    if (request.instanceId !== undefined) this.byInstance.set(request.instanceId, memberId);
    this.joinedDuringDelay = true;
    if (this.current === 'PreparingRebalance') this.completeJoinIfAllThere(now, answers);
    else this.prepareRebalance('joined the group', now, answers);
  }

  private rejoin(
    member: GroupMember<Ticket>,
    request: JoinRequest,
    ticket: Ticket,
    now: Micros,
    answers: GroupAnswers<Ticket>,
  ): void {
    const changed =
      !sameList(member.topics, request.topics) ||
      !sameList(member.assignors, request.assignors) ||
      !sameList(member.owned, request.owned) ||
      member.ownedGeneration !== request.generation;
    const isLeader = member.memberId === this.leaderId;
    member.sessionTimeoutUs = request.sessionTimeoutUs;
    member.rebalanceTimeoutUs = request.rebalanceTimeoutUs;
    member.assignors = request.assignors;
    member.topics = request.topics;
    member.owned = request.owned;
    member.ownedGeneration = request.generation;
    const nothingNew = !changed && (this.current === 'CompletingRebalance' || (this.current === 'Stable' && !isLeader));
    this.refresh(member, now);
    if (nothingNew) {
      answers.joined(ticket, this.joinAnswer(member));
      return;
    }
    member.joinTicket = ticket;
    if (this.current === 'PreparingRebalance') this.completeJoinIfAllThere(now, answers);
    else this.prepareRebalance(request.reason ?? 'joined the group', now, answers);
  }

  /**
   * A static member comes back under a new member id: same assignment, and no rebalance while the group is stable, unless the assignor would be another; what it
   * subscribes to now counts from the next rebalance on. Source: K66; apache/kafka: GroupMetadataManager.java#updateStaticMemberThenRebalanceOrCompleteJoin.
   */
  private replaceStatic(
    oldId: string,
    request: JoinRequest,
    ticket: Ticket,
    now: Micros,
    answers: GroupAnswers<Ticket>,
  ): void {
    const old = this.members.get(oldId) as GroupMember<Ticket>;
    if (old.joinTicket !== undefined) answers.joined(old.joinTicket, refusal('FENCED_INSTANCE_ID', oldId));
    if (old.syncTicket !== undefined) answers.synced(old.syncTicket, 'FENCED_INSTANCE_ID', []);
    const memberId = this.newMemberId(request.instanceId ?? request.clientId);
    const member: GroupMember<Ticket> = {
      ...old,
      memberId,
      sessionTimeoutUs: request.sessionTimeoutUs,
      rebalanceTimeoutUs: request.rebalanceTimeoutUs,
      assignors: request.assignors,
      topics: request.topics,
      owned: request.owned,
      ownedGeneration: request.generation,
      sessionEndsUs: now + request.sessionTimeoutUs,
      joinTicket: undefined,
      syncTicket: undefined,
      awaitsSync: false,
    };
    this.members.delete(oldId);
    this.members.set(memberId, member);
    this.byInstance.set(request.instanceId ?? '', memberId);
    if (this.leaderId === oldId) this.leaderId = memberId;
    if (this.current === 'Stable' && this.elect() === this.assignor) {
      answers.joined(ticket, { ...this.joinAnswer(member), members: [] });
      return;
    }
    member.joinTicket = ticket;
    if (this.current === 'PreparingRebalance') this.completeJoinIfAllThere(now, answers);
    else this.prepareRebalance('joined the group', now, answers);
  }

  private removeMember(memberId: string, reason: GroupReason, now: Micros, answers: GroupAnswers<Ticket>): void {
    const member = this.members.get(memberId);
    if (member === undefined) return;
    this.members.delete(memberId);
    if (member.instanceId !== undefined) this.byInstance.delete(member.instanceId);
    if (member.joinTicket !== undefined) answers.joined(member.joinTicket, refusal('UNKNOWN_MEMBER_ID', ''));
    if (member.syncTicket !== undefined) answers.synced(member.syncTicket, 'UNKNOWN_MEMBER_ID', []);
    if (this.leaderId === memberId) this.leaderId = this.members.keys().next().value ?? '';
    answers.memberGone(memberId, reason);
    if (this.current === 'Stable' || this.current === 'CompletingRebalance')
      this.prepareRebalance(reason, now, answers);
    else if (this.current === 'PreparingRebalance') this.completeJoinIfAllThere(now, answers);
  }

  private prepareRebalance(reason: GroupReason, now: Micros, answers: GroupAnswers<Ticket>): void {
    if (this.current === 'CompletingRebalance') {
      for (const member of this.members.values()) {
        member.assignment = [];
        if (member.syncTicket === undefined) continue;
        answers.synced(member.syncTicket, 'REBALANCE_IN_PROGRESS', []);
        member.syncTicket = undefined;
      }
    }
    const wasEmpty = this.current === 'Empty';
    this.current = 'PreparingRebalance';
    answers.rebalancing(this.generationNumber, reason);
    let longest = 0;
    for (const member of this.members.values()) longest = Math.max(longest, member.rebalanceTimeoutUs);
    this.initialDelayEndsUs = NEVER;
    this.rebalanceEndsUs = now + longest;
    if (wasEmpty && this.options.initialRebalanceDelayUs > 0) {
      this.joinedDuringDelay = false;
      this.initialDelayEndsUs = now + longest;
      this.rebalanceEndsUs = now + Math.min(longest, this.options.initialRebalanceDelayUs);
    }
    this.completeJoinIfAllThere(now, answers);
  }

  private completeJoinIfAllThere(now: Micros, answers: GroupAnswers<Ticket>): void {
    if (this.current !== 'PreparingRebalance' || this.initialDelayEndsUs !== NEVER || this.promised.size > 0) return;
    for (const member of this.members.values()) if (member.joinTicket === undefined) return;
    this.completeJoin(now, answers);
  }

  private completeJoin(now: Micros, answers: GroupAnswers<Ticket>): void {
    this.initialDelayEndsUs = NEVER;
    this.rebalanceEndsUs = NEVER;
    let joined = 0;
    let longest = 0;
    for (const member of [...this.members.values()]) {
      if (member.joinTicket !== undefined) joined++;
      else if (member.instanceId === undefined) {
        this.members.delete(member.memberId);
        answers.memberGone(member.memberId, 'session timeout');
        continue;
      }
      longest = Math.max(longest, member.rebalanceTimeoutUs);
    }
    if (joined === 0 && this.members.size > 0) {
      // Only static members are left, and none has come: nobody can lead until one does, or their sessions end.
      this.rebalanceEndsUs = now + longest;
      return;
    }
    this.generationNumber++;
    if (this.members.size === 0) {
      this.current = 'Empty';
      this.leaderId = '';
      this.assignor = '';
      answers.store?.(() => undefined);
      answers.assigned(this.generationNumber, new Map());
      return;
    }
    if (this.members.get(this.leaderId)?.joinTicket === undefined) {
      this.leaderId =
        [...this.members.values()].find((member) => member.joinTicket !== undefined)?.memberId ?? this.leaderId;
    }
    this.assignor = this.elect();
    this.current = 'CompletingRebalance';
    for (const member of this.members.values()) {
      member.awaitsSync = true;
      if (member.joinTicket === undefined) continue;
      const ticket = member.joinTicket;
      member.joinTicket = undefined;
      this.refresh(member, now);
      answers.joined(ticket, this.joinAnswer(member));
    }
    this.rebalanceEndsUs = now + longest;
  }

  private joinAnswer(member: GroupMember<Ticket>): JoinAnswer {
    return {
      error: 'NONE',
      memberId: member.memberId,
      generation: this.generationNumber,
      assignor: this.assignor,
      leader: this.leaderId,
      members: member.memberId === this.leaderId ? [...this.members.values()].map(subscriptionOf) : [],
    };
  }

  /** The assignor that all support and most prefer; the earliest in the first member's list among equals. Source: K50. */
  private elect(): string {
    const first = this.members.values().next().value;
    const candidates = (first?.assignors ?? []).filter((name) => this.supportedByAll(name));
    const votes = new Map<string, number>(candidates.map((name) => [name, 0]));
    for (const member of this.members.values()) {
      const vote = member.assignors.find((name) => votes.has(name));
      if (vote !== undefined) votes.set(vote, (votes.get(vote) ?? 0) + 1);
    }
    let best = candidates[0] ?? '';
    for (const name of candidates) if ((votes.get(name) ?? 0) > (votes.get(best) ?? 0)) best = name;
    return best;
  }

  private supportedByAll(name: string): boolean {
    for (const member of this.members.values()) if (!member.assignors.includes(name)) return false;
    return true;
  }

  private refresh(member: GroupMember<Ticket>, now: Micros): void {
    member.sessionEndsUs = now + member.sessionTimeoutUs;
  }

  private newMemberId(base: string): string {
    let id: string;
    do {
      id = `${base}-${this.generationNumber}.${this.nextMember++}`;
    } while (this.members.has(id) || this.promised.has(id));
    return id;
  }
}

function subscriptionOf<Ticket>(member: GroupMember<Ticket>): GroupSubscription {
  return {
    memberId: member.memberId,
    topics: member.topics,
    owned: member.owned,
    ...(member.instanceId === undefined ? {} : { instanceId: member.instanceId }),
    ...(member.ownedGeneration < 0 ? {} : { generation: member.ownedGeneration }),
  };
}

function refusal(error: GroupError, memberId: string): JoinAnswer {
  return { error, memberId, generation: -1, assignor: '', leader: '', members: [] };
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
