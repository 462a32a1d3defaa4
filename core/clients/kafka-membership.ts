/**
 * A client's membership of a group whose coordinator assigns: one heartbeat at a time, by which it joins, reports what it owns, learns what it may own, and
 * leaves. Consumers (KIP-848) and share consumers (KIP-932) use it alike; what owning means is theirs. It shares the client's link.
 * Simplification: a static member whose former self has not been given up yet asks again and again, as if somebody restarted its process
 * each time; the real client stops with UNRELEASED_INSTANCE_ID. Source: K59, K66, K100.
 */
import type { PartitionIndex } from '../brokers/kafka-cluster.ts';
import type { EpochHeartbeatAnswer, EpochHeartbeatRequest } from '../brokers/kafka-wires.ts';
import type { Out, Wire } from '../machine.ts';
import type { PartitionName } from '../parts/assignment.ts';
import type { GroupReason } from '../parts/consumer-group.ts';
import type { ActorId, Micros } from '../types.ts';
import { isStale, type KafkaLink } from './kafka-link.ts';

/** What a client needs of its membership, whoever assigns. */
export interface GroupMember {
  /** '' before it was ever one. */
  readonly memberId: string;
  /** Generation or member epoch; none is below 1. */
  readonly generation: number;
  readonly isMember: boolean;
  join(out: Out): void;
  /** Says goodbye. */
  leave(reason: GroupReason, out: Out): void;
  /** Not a member from now on, without saying so. */
  forget(): void;
  /** Not a member until it has joined anew, under the same id: only its generation is too old. */
  lapse(): void;
  /** Sends a heartbeat now. */
  beat(out: Out): void;
  crash(): void;
  /** True when the timer was the membership's own. */
  timer(wire: Wire, out: Out): boolean;
}

export interface MembershipOptions {
  readonly kind: 'consumer' | 'share';
  readonly group: string;
  /** Name of the client, from which member ids are made. */
  readonly name: string;
  readonly instanceId: string | undefined;
  readonly topics: readonly string[];
  readonly rebalanceTimeoutUs: Micros;
  readonly assignor: string | undefined;
  readonly retryBackoffUs: Micros;
}

export interface MembershipHost {
  /** What the member owns at the moment. */
  owned(): readonly PartitionName[];
  /** What it may own from now on; what it owns beyond that it gives up as soon as it can, and then calls `beat`. */
  assigned(partitions: readonly PartitionName[], out: Out): void;
  /** Not a member any more: what it owned is somebody else's. */
  lost(out: Out): void;
  /** It cannot be a member at all. */
  refused(out: Out): void;
  /** Whether the application has not come back for too long. */
  stalled(out: Out): boolean;
}

const BEAT: Wire = { type: 'kafka-membership/beat' };
/** Until the coordinator has said otherwise. */
const FIRST_HEARTBEAT_US = 5_000_000;
const LEAVES = -1;
const LEAVES_FOR_A_WHILE = -2;

export class KafkaMembership implements GroupMember {
  readonly #options: MembershipOptions;
  readonly #link: KafkaLink;
  readonly #host: MembershipHost;
  readonly #coordinator: PartitionIndex;
  #memberId = '';
  #epoch = 0;
  /** Goes up with each life of the process, so that member ids are new. */
  #life = 1;
  /** Which membership the heartbeat on its way belongs to. */
  #joins = 0;
  #member = false;
  #open = false;
  /** Something changed while a heartbeat was on its way. */
  #again = false;
  #heartbeatUs: Micros = FIRST_HEARTBEAT_US;
  #nextBeatUs: Micros = Number.MAX_SAFE_INTEGER;

  constructor(options: MembershipOptions, link: KafkaLink, host: MembershipHost) {
    this.#options = options;
    this.#link = link;
    this.#host = host;
    this.#coordinator = link.cluster.groupPartition(options.group);
  }

  get memberId(): string {
    return this.#memberId;
  }

  /** The member epoch; 0 while it is no member. */
  get generation(): number {
    return this.#epoch;
  }

  get isMember(): boolean {
    return this.#epoch > 0;
  }

  join(out: Out): void {
    if (this.#member) return;
    this.#member = true;
    this.#joins++;
    this.#memberId = `${this.#options.name}-${this.#life}`;
    this.#epoch = 0;
    this.#open = false;
    this.beat(out);
  }

  crash(): void {
    this.#life++;
    this.#joins++;
    this.#member = false;
    this.#open = false;
    this.#again = false;
    this.#epoch = 0;
    this.#nextBeatUs = Number.MAX_SAFE_INTEGER;
  }

  /** Says goodbye; a static member that only restarts keeps its place. */
  leave(reason: GroupReason, out: Out): void {
    const node = this.#node();
    if (this.#member && node !== 0) {
      const epoch = this.#options.instanceId === undefined ? LEAVES : LEAVES_FOR_A_WHILE;
      this.#link.ask(node, 'control', this.#request(epoch, reason), 0, out, () => undefined);
    }
    this.forget();
  }

  /** Not a member from now on, without saying so. */
  forget(): void {
    this.#member = false;
    this.#again = false;
    this.#epoch = 0;
  }

  /** Under this protocol a member whose epoch is fenced joins under a new id. */
  lapse(): void {
    this.forget();
  }

  /** Sends a heartbeat now, or as soon as the one on its way is answered. */
  beat(out: Out): void {
    if (!this.#member) return;
    if (this.#open) {
      this.#again = true;
      return;
    }
    const node = this.#node();
    if (node === 0) {
      this.#link.refresh(out);
      return this.#later(this.#options.retryBackoffUs, out);
    }
    this.#open = true;
    const joins = this.#joins;
    const request = this.#request(this.#epoch, 'joined the group');
    this.#link.ask(node, 'control', request, 0, out, (answer, later) => {
      if (joins !== this.#joins) return;
      this.#open = false;
      if (this.#member) this.#answered(answer as EpochHeartbeatAnswer | undefined, later);
    });
  }

  /** True when the timer was the membership's own. */
  timer(wire: Wire, out: Out): boolean {
    if (wire.type !== BEAT.type) return false;
    if (out.now < this.#nextBeatUs) return true;
    this.#nextBeatUs = Number.MAX_SAFE_INTEGER;
    if (this.#member && !this.#host.stalled(out)) this.beat(out);
    return true;
  }

  #node(): ActorId {
    return this.#link.leaderOf(this.#coordinator);
  }

  #answered(answer: EpochHeartbeatAnswer | undefined, out: Out): void {
    if (answer === undefined || isStale(answer.error)) {
      this.#link.refresh(out);
      return this.#later(this.#options.retryBackoffUs, out);
    }
    switch (answer.error) {
      case 'NONE':
        this.#epoch = answer.memberEpoch;
        this.#heartbeatUs = answer.heartbeatUs;
        this.#later(this.#heartbeatUs, out);
        this.#host.assigned(answer.partitions, out);
        if (!this.#again) return;
        this.#again = false;
        return this.beat(out);
      case 'UNKNOWN_MEMBER_ID':
      case 'FENCED_MEMBER_EPOCH':
        this.forget();
        return this.#host.lost(out);
      case 'UNRELEASED_INSTANCE_ID':
      case 'INCONSISTENT_GROUP_PROTOCOL':
        return this.#later(this.#heartbeatUs, out);
      default:
        this.forget();
        return this.#host.refused(out);
    }
  }

  #later(afterUs: Micros, out: Out): void {
    const atUs = out.now + afterUs;
    if (this.#nextBeatUs <= atUs && this.#nextBeatUs > out.now) return;
    this.#nextBeatUs = atUs;
    out.timer(afterUs, BEAT, 0);
  }

  #request(memberEpoch: number, reason: GroupReason): EpochHeartbeatRequest {
    const { kind, group, instanceId, topics, rebalanceTimeoutUs, assignor } = this.#options;
    return {
      type: kind === 'share' ? 'kafka/ShareGroupHeartbeat' : 'kafka/ConsumerGroupHeartbeat',
      id: this.#link.nextId(),
      group,
      memberId: this.#memberId,
      instanceId,
      memberEpoch,
      topics,
      rebalanceTimeoutUs,
      assignor,
      owned: this.#host.owned(),
      reason,
    };
  }
}
