/**
 * What one RabbitMQ queue holds and the rules that bind it: arrival, length limits, expiry, delivery counts, and who consumes.
 * It does not send, route, dead-letter or keep time: it says which message leaves and the broker decides what becomes of it.
 * Classic and quorum queues are the same structure with another ready list and other rules, given once at declaration.
 * Source: rules R21–R23, R32–R34, R36, R39–R47, R55, R59–R64.
 */
import type { Micros } from '../types.ts';
import type { AmqpMessage } from './amqp-message.ts';
import { messageTtlUs } from './amqp-message.ts';
import type { ConsumerMode, Taker } from './competing-consumers.ts';
import { CompetingConsumers } from './competing-consumers.ts';
import type { QueuedMessage, QuorumPriorities, ReadyList } from './ready-list.ts';
import { ClassicReadyList, NEVER, QuorumReadyList } from './ready-list.ts';
import type { DeathReason } from './x-death.ts';

/** `x-overflow`. The last one is for classic queues only (R44). */
export type Overflow = 'drop-head' | 'reject-publish' | 'reject-publish-dlx';

interface CommonRules {
  readonly consumers: ConsumerMode;
  /** `x-max-length` and `x-max-length-bytes`, of ready messages; absent is no limit (R43). */
  readonly maxLength: number | undefined;
  readonly maxLengthBytes: number | undefined;
  readonly overflow: Overflow;
  /** `x-message-ttl`; absent is none, 0 expires what no consumer takes at once (R38, R41). */
  readonly messageTtlUs: Micros | undefined;
}

export interface ClassicRules extends CommonRules {
  readonly type: 'classic';
  /** `x-max-priority`; 0 is a queue without priorities (R56). */
  readonly maxPriority: number;
}

export interface QuorumRules extends CommonRules {
  readonly type: 'quorum';
  readonly priorities: QuorumPriorities;
  /** A message whose failures exceed this is removed; absent is no limit (R62). */
  readonly deliveryLimit: number | undefined;
  /** Whether basic.nack counts as a failure as basic.reject does: it did before 4.3 (R63). */
  readonly countsNacks: boolean;
  /** Absent: disabled. */
  readonly delayedRetry: DelayedRetry | undefined;
}

/** Delayed retry of a quorum queue: which returned messages wait before they are ready again, and how long (R64). */
export interface DelayedRetry {
  /** `failed`: those whose return counts as a failure; `returned`: the others. */
  readonly type: 'all' | 'failed' | 'returned';
  /** The delay after the first delivery; the n-th delivery is followed by n times as much, up to `maxUs`. */
  readonly minUs: Micros;
  readonly maxUs: Micros;
}

export type QueueRules = ClassicRules | QuorumRules;

/** How a delivery ended without an ack and without being rejected for good. */
export type Return = 'nack' | 'reject' | 'lost' | 'timeout';

/** A quorum queue that refuses publishes takes them again when it is this far below its limit, in tenths. */
const QUORUM_RELIEF_TENTHS = 8;

/** Answers of `giveBack` beside a place in the ready list: the message has failed too often, or waits for its delayed retry. */
export const SPENT = -1;
export const DELAYED = -2;

export class RabbitQueue<C extends Taker> {
  /** Limits, TTL and delivery limit may change while messages are there; the type, levels and consumer mode may not. */
  rules: QueueRules;
  readonly ready: ReadyList;
  readonly consumers: CompetingConsumers<C>;
  /** Delivered or fetched, and not settled. The channels hold them. */
  unacked = 0;
  /** Returned and not yet ready again, with the time when they will be: neither ready nor unacknowledged (R64). */
  readonly delayed = new Map<QueuedMessage, Micros>();
  /** Dead and not yet taken by the dead-letter targets, with the reason: they count against the limits, and for nothing else (R55). */
  readonly dying = new Map<QueuedMessage, DeathReason>();
  #dyingBytes = 0;
  #nextPosition = 0;
  #refusing = false;

  constructor(rules: QueueRules) {
    this.rules = rules;
    this.ready =
      rules.type === 'classic'
        ? new ClassicReadyList(rules.maxPriority)
        : new QuorumReadyList(rules.priorities, rules.deliveryLimit !== undefined);
    this.consumers = new CompetingConsumers(rules.consumers, rules.type === 'quorum' ? 'when full' : 'when tried');
  }

  /**
   * Whether a publish of this size is refused (R47). A classic queue refuses what would take it over its limit. A quorum queue refuses only
   * once it is over, since the publisher's channel learns of it late, and goes on until it is a fifth below.
   */
  refuses(sizeBytes: number): boolean {
    const { rules, ready } = this;
    if (rules.overflow === 'drop-head') return false;
    if (rules.type === 'classic') {
      return (
        ready.length + 1 > (rules.maxLength ?? NEVER) || ready.sizeBytes + sizeBytes > (rules.maxLengthBytes ?? NEVER)
      );
    }
    if (this.#refusing) {
      this.#refusing = !(
        isRelieved(ready.length + this.dying.size, rules.maxLength) &&
        isRelieved(ready.sizeBytes + this.#dyingBytes, rules.maxLengthBytes)
      );
    } else {
      this.#refusing = this.#isOverLimit();
    }
    return this.#refusing;
  }

  /**
   * To be told when what was asked of the queue has been done: a quorum queue that is over its limit by then refuses what is published from now on, also if it
   * is below again by the time that something is (R47).
   */
  watchLimit(): void {
    const { rules } = this;
    if (rules.type === 'quorum' && rules.overflow !== 'drop-head' && !this.#refusing)
      this.#refusing = this.#isOverLimit();
  }

  /** A record for a message that arrives now; the lower of the two TTLs counts from here (R38, R39). It is not yet ready. */
  admit(message: AmqpMessage, nowUs: Micros): QueuedMessage {
    const own = messageTtlUs(message);
    const queues = this.rules.messageTtlUs;
    let expiresAtUs = NEVER;
    if (own !== undefined) expiresAtUs = nowUs + own;
    if (queues !== undefined) expiresAtUs = Math.min(expiresAtUs, nowUs + queues);
    const position = this.#nextPosition;
    this.#nextPosition += 1;
    return { message, position, expiresAtUs, deliveries: 0, failures: 0, stored: false, readyFact: 0 };
  }

  /** A message dies here and stays until its targets have it; `buried` ends that. */
  dies(entry: QueuedMessage, reason: DeathReason): void {
    this.dying.set(entry, reason);
    this.#dyingBytes += entry.message.body.sizeBytes;
  }

  buried(entry: QueuedMessage): void {
    if (this.dying.delete(entry)) this.#dyingBytes -= entry.message.body.sizeBytes;
  }

  /** Nothing that is dying is to go anywhere any more. */
  buryAll(): void {
    this.dying.clear();
    this.#dyingBytes = 0;
  }

  /** With `drop-head`: takes the head while the queue is over its limit (R45, R46). A requeue may do that too (R36 is for the others). */
  takeOverflow(): QueuedMessage | undefined {
    return this.rules.overflow === 'drop-head' && this.#isOverLimit() ? this.ready.take() : undefined;
  }

  /**
   * A delivery comes back. Gives its place in the ready list (0 is the head), or `SPENT` when it has now failed too often: then it is not put
   * back and has to leave with reason delivery_limit (R62); or `DELAYED`: `comeBack` is to be called at the time that `delayed` says.
   * Unacknowledged it is no longer in any case.
   */
  giveBack(entry: QueuedMessage, how: Return, nowUs: Micros): number {
    this.unacked -= 1;
    const { rules } = this;
    if (rules.type === 'quorum') {
      const failed = how === 'lost' || how === 'reject' || (how === 'nack' && rules.countsNacks);
      if (failed) entry.failures += 1;
      if (failed && entry.failures > (rules.deliveryLimit ?? NEVER)) return SPENT;
      const retry = rules.delayedRetry;
      if (retry !== undefined && (retry.type === 'all' || (retry.type === 'failed') === failed)) {
        this.delayed.set(entry, nowUs + Math.min(retry.minUs * entry.deliveries, retry.maxUs));
        return DELAYED;
      }
    }
    return this.ready.giveBack(entry, how === 'lost' || how === 'timeout');
  }

  /** The delay of a returned message is over. Gives its place in the ready list, or `DELAYED` when it no longer waits. */
  comeBack(entry: QueuedMessage): number {
    return this.delayed.delete(entry) ? this.ready.giveBack(entry, true) : DELAYED;
  }

  /** Drops what would not survive a crash of the node, and gives it. Call when nothing is unacknowledged. */
  loseUnstored(): QueuedMessage[] {
    const entries = this.ready.entries();
    const lost = [...entries, ...this.delayed.keys(), ...this.dying.keys()].filter((entry) => !entry.stored);
    if (lost.length === 0) return lost;
    for (const entry of lost) {
      this.delayed.delete(entry);
      this.buried(entry);
    }
    this.ready.clear();
    for (const entry of entries) if (entry.stored) this.ready.add(entry);
    return lost;
  }

  #isOverLimit(): boolean {
    const { rules, ready } = this;
    return (
      ready.length + this.dying.size > (rules.maxLength ?? NEVER) ||
      ready.sizeBytes + this.#dyingBytes > (rules.maxLengthBytes ?? NEVER)
    );
  }
}

function isRelieved(amount: number, limit: number | undefined): boolean {
  return limit === undefined || amount <= Math.trunc((limit * QUORUM_RELIEF_TENTHS) / 10);
}
