/**
 * What the leader of a partition knows of its followers: how far each has copied, who is in sync, and how far the high watermark may
 * go. It holds no records and sends nothing: the leader tells it of fetches and asks it for changes, which count only once the
 * controller has acknowledged them. Who becomes leader is decided in `leader-election.ts`.
 */
import type { Micros } from '../types.ts';

/** Number of a broker node, from 1. */
export type BrokerNumber = number;

interface Follower {
  endOffset: number;
  lastCaughtUpUs: Micros;
  lastFetchUs: Micros;
  /** Leader's log end at the follower's previous fetch; -1 before the first. */
  leaderEndAtLastFetch: number;
  /** False while its broker is fenced or shutting down: it may not join the in-sync set then. */
  eligible: boolean;
}

export interface ReplicaSetOptions {
  readonly self: BrokerNumber;
  /** Replicas in list order; the first is the preferred leader. Source: K14. */
  readonly replicas: readonly BrokerNumber[];
  readonly isr: readonly BrokerNumber[];
  /** `min.insync.replicas` as configured. */
  readonly minInsyncReplicas: number;
  /** `replica.lag.time.max.ms`. Source: K19. */
  readonly lagTimeMaxUs: Micros;
  /** Log end when this leader's epoch began: a follower below it cannot join. Source: K20. */
  readonly epochStartOffset: number;
  readonly now: Micros;
}

export class ReplicaSet {
  private readonly options: ReplicaSetOptions;
  private readonly followers = new Map<BrokerNumber, Follower>();
  private committed: readonly BrokerNumber[];
  private pending: readonly BrokerNumber[] | undefined;
  /** As configured now. */
  minInsyncReplicas: number;

  constructor(options: ReplicaSetOptions) {
    this.options = options;
    this.minInsyncReplicas = options.minInsyncReplicas;
    this.committed = options.isr;
    for (const replica of options.replicas) {
      if (replica === options.self) continue;
      const inSync = options.isr.includes(replica);
      this.followers.set(replica, {
        endOffset: 0,
        lastCaughtUpUs: inSync ? options.now : Number.MIN_SAFE_INTEGER,
        lastFetchUs: inSync ? options.now : Number.MIN_SAFE_INTEGER,
        leaderEndAtLastFetch: -1,
        eligible: true,
      });
    }
  }

  /** The in-sync set that the controller has confirmed. */
  get isr(): readonly BrokerNumber[] {
    return this.committed;
  }

  /** The confirmed set and a pending addition; a pending removal does not count yet. Source: K17. */
  get maximalIsr(): readonly BrokerNumber[] {
    return this.pending !== undefined && this.pending.length > this.committed.length ? this.pending : this.committed;
  }

  /** The change that waits for the controller. One at a time. Source: K20. */
  get pendingIsr(): readonly BrokerNumber[] | undefined {
    return this.pending;
  }

  /** `min.insync.replicas`, at most the number of replicas. Source: K16. */
  get effectiveMinIsr(): number {
    return Math.min(this.minInsyncReplicas, this.options.replicas.length);
  }

  get underMinIsr(): boolean {
    return this.committed.length < this.effectiveMinIsr;
  }

  get atMinIsr(): boolean {
    return this.committed.length === this.effectiveMinIsr;
  }

  /** Why a write is refused before it is appended: only `all` (-1) is bound to the minimum. Source: K16. */
  appendError(acks: -1 | 0 | 1): 'NONE' | 'NOT_ENOUGH_REPLICAS' {
    return acks === -1 && this.underMinIsr ? 'NOT_ENOUGH_REPLICAS' : 'NONE';
  }

  /** What a write that waits for all is answered when the high watermark has passed it: it stays in the log in any case. Source: K16. */
  get replicatedError(): 'NONE' | 'NOT_ENOUGH_REPLICAS_AFTER_APPEND' {
    return this.underMinIsr ? 'NOT_ENOUGH_REPLICAS_AFTER_APPEND' : 'NONE';
  }

  /** A follower fetched at `offset`, so it holds everything below. Source: K18, K19. */
  fetched(replica: BrokerNumber, offset: number, leaderEnd: number, now: Micros): void {
    const follower = this.followers.get(replica);
    if (follower === undefined) return;
    if (offset >= leaderEnd) follower.lastCaughtUpUs = Math.max(follower.lastCaughtUpUs, now);
    else if (follower.leaderEndAtLastFetch >= 0 && offset >= follower.leaderEndAtLastFetch) {
      follower.lastCaughtUpUs = Math.max(follower.lastCaughtUpUs, follower.lastFetchUs);
    }
    follower.endOffset = offset;
    follower.leaderEndAtLastFetch = leaderEnd;
    follower.lastFetchUs = now;
  }

  /** A follower's broker was fenced or is shutting down (false), or is well again (true). */
  setEligible(replica: BrokerNumber, eligible: boolean): void {
    const follower = this.followers.get(replica);
    if (follower !== undefined) follower.eligible = eligible;
  }

  /** Begins to add `replica` when it may join; returns the set to ask the controller for. Source: K20. */
  tryExpand(replica: BrokerNumber, highWatermark: number): readonly BrokerNumber[] | undefined {
    const follower = this.followers.get(replica);
    if (follower === undefined || this.pending !== undefined || this.committed.includes(replica)) return undefined;
    if (
      !follower.eligible ||
      follower.endOffset < highWatermark ||
      follower.endOffset < this.options.epochStartOffset
    ) {
      return undefined;
    }
    this.pending = this.options.replicas.filter((other) => other === replica || this.committed.includes(other));
    return this.pending;
  }

  /** Begins to remove whoever has lagged for too long; returns the set to ask the controller for. Source: K19. */
  tryShrink(leaderEnd: number, now: Micros): readonly BrokerNumber[] | undefined {
    if (this.pending !== undefined) return undefined;
    const remaining = this.committed.filter(
      (replica) => replica === this.options.self || this.caughtUp(replica, leaderEnd, now),
    );
    if (remaining.length === this.committed.length) return undefined;
    this.pending = remaining;
    return remaining;
  }

  /** The controller confirmed this in-sync set, asked for or not. */
  confirm(isr: readonly BrokerNumber[]): void {
    this.committed = isr;
    this.pending = undefined;
  }

  /**
   * How far the high watermark may go: the smallest log end among the leader, the maximal in-sync set, and followers about to join it.
   * Undefined while the confirmed set is smaller than `min.insync.replicas`. Source: K17.
   */
  highWatermarkLimit(leaderEnd: number, now: Micros): number | undefined {
    if (this.underMinIsr) return undefined;
    const maximal = this.maximalIsr;
    let limit = leaderEnd;
    for (const [replica, follower] of this.followers) {
      if (follower.endOffset >= limit) continue;
      if (maximal.includes(replica) || (follower.eligible && this.caughtUp(replica, leaderEnd, now)))
        limit = follower.endOffset;
    }
    return limit;
  }

  private caughtUp(replica: BrokerNumber, leaderEnd: number, now: Micros): boolean {
    const follower = this.followers.get(replica);
    if (follower === undefined) return false;
    return follower.endOffset === leaderEnd || now - follower.lastCaughtUpUs <= this.options.lagTimeMaxUs;
  }
}
