/**
 * A consumer's membership of a classic group: it joins, syncs, computes the assignment when it is the group's leader, sends heartbeats, and leaves. What
 * owning partitions means, and what it does with them before it joins anew, is its host's. It shares the client's link.
 * Source: K49-K54, K58, K66.
 */
import type { PartitionIndex } from '../brokers/kafka-cluster.ts';
import type {
  HeartbeatRequest,
  JoinGroupAnswer,
  JoinGroupRequest,
  KafkaError,
  LeaveGroupRequest,
  SyncGroupAnswer,
  SyncGroupRequest,
} from '../brokers/kafka-wires.ts';
import type { Out, Wire } from '../machine.ts';
import type { PartitionName, TopicSizes } from '../parts/assignment.ts';
import { assignors } from '../parts/assignors.ts';
import type { GroupReason } from '../parts/consumer-group.ts';
import type { Micros } from '../types.ts';
import { isStale, type KafkaLink } from './kafka-link.ts';
import type { GroupMember } from './kafka-membership.ts';

export interface ClassicOptions {
  readonly group: string;
  /** Name of the client, from which member ids are made. */
  readonly name: string;
  readonly instanceId: string | undefined;
  readonly topics: readonly string[];
  /** `partition.assignment.strategy`. */
  readonly strategies: readonly string[];
  /** Whether they all let a member keep what it owns while it joins anew. Source: K54. */
  readonly cooperative: boolean;
  readonly sessionTimeoutUs: Micros;
  readonly rebalanceTimeoutUs: Micros;
  readonly heartbeatUs: Micros;
  readonly retryBackoffUs: Micros;
}

export interface ClassicHost {
  /** What it owns at the moment. */
  owned(): readonly PartitionName[];
  /** All have joined: a generation begins, of which it is a member; its assignment is on the way. */
  joined(): void;
  /** What it owns from now on, and nothing else. */
  assigned(partitions: readonly PartitionName[], out: Out): void;
  /** The coordinator does not know it any more, or not in this generation: what it still owned is somebody else's. */
  lost(out: Out): void;
  /** What a heartbeat was answered. */
  answered(error: KafkaError, out: Out): void;
  /** It cannot be a member at all. */
  refused(out: Out): void;
  /** Whether the application has not come back for too long. */
  stalled(out: Out): boolean;
}

const NO_SIZES: TopicSizes = new Map();
const JOIN: Wire = { type: 'kafka-classic/join' };
const HEARTBEAT: Wire = { type: 'kafka-classic/heartbeat' };
/** How much longer than the rebalance timeout the answer to a JoinGroup is awaited. */
const JOIN_GRACE_US = 5_000_000;

export class ClassicMembership implements GroupMember {
  readonly #options: ClassicOptions;
  readonly #link: KafkaLink;
  readonly #host: ClassicHost;
  readonly #coordinator: PartitionIndex;
  #phase: 'out' | 'joining' | 'syncing' | 'in' = 'out';
  #memberId = '';
  #generation = -1;
  /** What it was assigned last, in which generation; the sticky assignor remembers both until the next assignment, whatever happens meanwhile. */
  #lastAssigned: readonly PartitionName[] = [];
  #assignedGeneration = -1;
  /** As the group's leader: how many partitions the topics had when it assigned. Undefined for anybody else: only the leader looks after that. */
  #assignedSizes: TopicSizes | undefined;
  #beating = false;
  /** A heartbeat is on its way. */
  #open = false;

  constructor(options: ClassicOptions, link: KafkaLink, host: ClassicHost) {
    this.#options = options;
    this.#link = link;
    this.#host = host;
    this.#coordinator = link.cluster.groupPartition(options.group);
  }

  get memberId(): string {
    return this.#memberId;
  }

  /** -1 before the first, and after the membership was lost. */
  get generation(): number {
    return this.#generation;
  }

  get isMember(): boolean {
    return this.#memberId !== '' && this.#generation >= 0;
  }

  /** Whether the topics have other numbers of partitions by now than this member, as the group's leader, has assigned. Source: K53; apache/kafka: ConsumerCoordinator.java#rejoinNeededOrPending. */
  get isOutgrown(): boolean {
    for (const [topic, size] of this.#assignedSizes ?? NO_SIZES)
      if (this.#link.partitionsOf(topic).length !== size) return true;
    return false;
  }

  crash(): void {
    this.forget();
    this.#lastAssigned = [];
    this.#assignedGeneration = -1;
    this.#beating = false;
    this.#open = false;
  }

  forget(): void {
    this.lapse();
    this.#memberId = '';
  }

  /** The group has a newer generation than it knows of: not a member until it has joined again, which it does under the id that it has. Source: K50, K55. */
  lapse(): void {
    this.#phase = 'out';
    this.#generation = -1;
    this.#assignedSizes = undefined;
  }

  /** LeaveGroup; a static member says nothing and keeps its place until its session ends. Source: K66. */
  leave(reason: GroupReason, out: Out): void {
    const node = this.#link.leaderOf(this.#coordinator);
    if (this.#options.instanceId !== undefined || this.#memberId === '' || node === 0) return;
    const request: LeaveGroupRequest = { type: 'kafka/LeaveGroup', ...this.#identity(), reason };
    this.#link.ask(node, 'control', request, 0, out, () => undefined);
  }

  /** True when the timer was the membership's own. */
  timer(wire: Wire, out: Out): boolean {
    switch (wire.type) {
      case JOIN.type:
        if (this.#phase === 'joining' || this.#phase === 'syncing') this.join(out);
        return true;
      case HEARTBEAT.type:
        this.#beating = false;
        if (!this.isMember || this.#host.stalled(out)) return true;
        if (this.#link.leaderOf(this.#coordinator) === 0) return this.#lookForCoordinator(out);
        this.#beatLater(this.#options.heartbeatUs, out);
        this.beat(out);
        return true;
      default:
        return false;
    }
  }

  join(out: Out): void {
    this.#phase = 'joining';
    const node = this.#link.leaderOf(this.#coordinator);
    if (node === 0) return this.#joinLater(out);
    const { name, strategies, topics, sessionTimeoutUs, rebalanceTimeoutUs } = this.#options;
    const request: JoinGroupRequest = {
      type: 'kafka/JoinGroup',
      ...this.#identity(),
      ...this.#claim(),
      clientId: name,
      sessionTimeoutUs,
      rebalanceTimeoutUs,
      assignors: strategies,
      topics,
      ...(this.isOutgrown ? { reason: 'partitions added' as const } : {}),
    };
    this.#link.ask(
      node,
      'control',
      request,
      0,
      out,
      (answer, later) => {
        if (this.#phase === 'joining') this.#joined(answer as JoinGroupAnswer | undefined, later);
      },
      rebalanceTimeoutUs + JOIN_GRACE_US,
    );
  }

  /**
   * What it says it owned, and since which generation. A cooperative member names what it owns now, which is nothing after it was lost, and the generation
   * that it knows; an eager one has given up everything, and only the sticky assignor speaks of what it assigned last.
   * Source: K54, K64; apache/kafka: ConsumerCoordinator.java#metadata, StickyAssignor.java#subscriptionUserData.
   */
  #claim(): { readonly owned: readonly PartitionName[]; readonly generation: number } {
    const { cooperative, strategies } = this.#options;
    if (cooperative) return { owned: this.#host.owned(), generation: this.#generation };
    if (strategies.includes('sticky')) return { owned: this.#lastAssigned, generation: this.#assignedGeneration };
    return { owned: [], generation: this.#generation };
  }

  #joinLater(out: Out): void {
    this.#link.refresh(out);
    out.timer(this.#options.retryBackoffUs, JOIN);
  }

  #joined(answer: JoinGroupAnswer | undefined, out: Out): void {
    if (answer === undefined || isStale(answer.error)) return this.#joinLater(out);
    if (answer.error === 'MEMBER_ID_REQUIRED') {
      this.#memberId = answer.memberId;
      return this.join(out);
    }
    if (answer.error === 'UNKNOWN_MEMBER_ID') {
      this.forget();
      this.#host.lost(out);
      return this.join(out);
    }
    if (answer.error !== 'NONE') return this.#host.refused(out);
    this.#memberId = answer.memberId;
    this.#generation = answer.generation;
    this.#phase = 'syncing';
    this.#host.joined();
    this.#assignedSizes = answer.leader === answer.memberId ? this.#sizesOf(answer) : undefined;
    this.#beatLater(this.#options.heartbeatUs, out);
    const request: SyncGroupRequest = {
      type: 'kafka/SyncGroup',
      ...this.#identity(),
      assignment: this.#assignedSizes === undefined ? undefined : this.#assign(answer, this.#assignedSizes),
    };
    const node = this.#link.leaderOf(this.#coordinator);
    this.#link.ask(node, 'control', request, 0, out, (reply, later) => {
      if (this.#phase === 'syncing') this.#synced(reply as SyncGroupAnswer | undefined, later);
    });
  }

  /** As the group's leader: who gets what. */
  #assign(answer: JoinGroupAnswer, sizes: TopicSizes): ReadonlyMap<string, readonly string[]> | undefined {
    // A static member that came back to a stable group learns nobody's subscription, and nothing is to be assigned.
    if (answer.members.length === 0) return undefined;
    return assignors.get(answer.assignor)?.(sizes, answer.members);
  }

  /** How many partitions the topics have, as far as it knows, to which somebody subscribes; those of its own where it learns of nobody. */
  #sizesOf({ members }: JoinGroupAnswer): TopicSizes {
    const sizes = new Map<string, number>();
    for (const { topics } of members.length === 0 ? [this.#options] : members) {
      for (const topic of topics) {
        const size = this.#link.partitionsOf(topic).length;
        if (size > 0) sizes.set(topic, size);
      }
    }
    return sizes;
  }

  /** A member that keeps what it owns while it joins gives that up before it joins anew as somebody else. Source: K57; apache/kafka: AbstractCoordinator.java#resetStateAndRejoin. */
  #synced(answer: SyncGroupAnswer | undefined, out: Out): void {
    if (answer === undefined) return this.#joinLater(out);
    if (answer.error === 'FENCED_INSTANCE_ID') return this.#host.refused(out);
    if (isStale(answer.error)) return this.#joinLater(out);
    if (answer.error === 'UNKNOWN_MEMBER_ID') this.forget();
    else if (answer.error === 'ILLEGAL_GENERATION') this.lapse();
    if (!this.isMember) this.#host.lost(out);
    if (answer.error !== 'NONE') return this.join(out);
    this.#phase = 'in';
    this.#lastAssigned = answer.partitions;
    this.#assignedGeneration = this.#generation;
    this.#host.assigned(answer.partitions, out);
  }

  // ── Heartbeats ────────────────────────────────────────────────────────────────────────────────────────────────────

  #beatLater(afterUs: Micros, out: Out): void {
    if (this.#beating) return;
    this.#beating = true;
    out.timer(afterUs, HEARTBEAT, 0);
  }

  /** Nobody coordinates the group at the moment: asked again until somebody does, since without one there are neither heartbeats nor commits. */
  #lookForCoordinator(out: Out): true {
    this.#link.refresh(out);
    this.#beatLater(this.#options.retryBackoffUs, out);
    return true;
  }

  /** Sends a heartbeat, unless one is on its way or the member waits for the others to join. Source: K51. */
  beat(out: Out): void {
    const node = this.#link.leaderOf(this.#coordinator);
    if (node === 0 || this.#open || this.#phase === 'joining') return;
    this.#open = true;
    const request: HeartbeatRequest = { type: 'kafka/Heartbeat', ...this.#identity() };
    this.#link.ask(node, 'control', request, 0, out, (answer, later) => {
      this.#open = false;
      if (answer === undefined || isStale(answer.error)) this.#link.refresh(later);
      else if (request.generation === this.#generation) this.#host.answered(answer.error, later);
    });
  }

  #identity() {
    const { group, instanceId } = this.#options;
    return {
      id: this.#link.nextId(),
      group,
      memberId: this.#memberId,
      instanceId,
      generation: this.#generation,
    };
  }
}
