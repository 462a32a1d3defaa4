/**
 * The messages of an AMQP queue that wait to be delivered, in the order in which they will be. Classic and quorum queues differ here most:
 * where a requeued message goes, and what a priority means. Limits, consumers and the unacknowledged are the queue's business.
 * Source: rules R32–R34, R40, R46, R56, R57.
 */
import type { FactId, Micros } from '../types.ts';
import type { AmqpMessage } from './amqp-message.ts';

/** One message in one queue, from its arrival to its settlement. Moves between ready and unacknowledged, but is never copied. */
export interface QueuedMessage {
  readonly message: AmqpMessage;
  /** Place in the queue's order of arrival. */
  readonly position: number;
  /** When it stops being deliverable; `NEVER` without a TTL. Kept over a requeue (R39). */
  readonly expiresAtUs: Micros;
  /** How often it was handed to a consumer or fetched. */
  deliveries: number;
  /** How often a delivery failed, as a quorum queue counts it for its delivery limit (R63). */
  failures: number;
  /** Whether it would survive a crash of the node now. */
  stored: boolean;
  /** The fact that made it ready last: the cause of its next delivery. */
  readyFact: FactId;
}

/** The expiry of what has no TTL: later than every time of a run. */
export const NEVER: Micros = Number.MAX_SAFE_INTEGER;

export interface ReadyList {
  readonly length: number;
  /** Sum of the body sizes. */
  readonly sizeBytes: number;
  /** A newly published message joins. */
  add(entry: QueuedMessage): void;
  /** How many that wait would come after it if it joined now; 0 where the order is that of arrival. */
  behind(entry: QueuedMessage): number;
  /**
   * A delivered message returns. `failed`: its consumer or channel was lost, not a client's own nack or reject.
   * Gives its place in the list, 0 for the head.
   */
  giveBack(entry: QueuedMessage, failed: boolean): number;
  /** Takes the message that is next in turn. */
  take(): QueuedMessage | undefined;
  /** Takes one message that has expired and that stands where the queue looks for expired ones: at a head (R40). */
  takeExpired(nowUs: Micros): QueuedMessage | undefined;
  /** When `takeExpired` will find something, if nothing else happens before; `NEVER` for not at all. */
  nextExpiryUs(): Micros;
  /** Everything, in order of delivery; the list keeps it. */
  entries(): QueuedMessage[];
  clear(): void;
}

/**
 * A classic queue's order: by priority level, within a level by arrival, and a returned message stands where it stood (R32, R56).
 * Expired messages are looked for at the one head of the whole queue.
 */
export class ClassicReadyList implements ReadyList {
  readonly #levels: Level[];
  #top = 0;
  length = 0;
  sizeBytes = 0;

  /** `maxPriority` 0 is a queue without priorities; greater priorities of a message count as the maximum, none as 0 (R56). */
  constructor(maxPriority: number) {
    this.#levels = Array.from({ length: maxPriority + 1 }, () => new Level());
  }

  add(entry: QueuedMessage): void {
    this.#level(entry).add(entry);
    this.#counted(entry);
  }

  behind(entry: QueuedMessage): number {
    const level = Math.min(entry.message.priority ?? 0, this.#levels.length - 1);
    let behind = 0;
    for (let below = level - 1; below >= 0; below -= 1) behind += this.#levels[below]?.length ?? 0;
    return behind;
  }

  giveBack(entry: QueuedMessage): number {
    const level = this.#level(entry);
    let before = level.giveBack(entry);
    for (let above = this.#levels.length - 1; this.#levels[above] !== level; above -= 1) {
      before += this.#levels[above]?.length ?? 0;
    }
    this.#counted(entry);
    return before;
  }

  take(): QueuedMessage | undefined {
    const entry = this.#topLevel()?.take();
    if (entry === undefined) return undefined;
    this.length -= 1;
    this.sizeBytes -= entry.message.body.sizeBytes;
    return entry;
  }

  takeExpired(nowUs: Micros): QueuedMessage | undefined {
    const head = this.#topLevel()?.head();
    return head !== undefined && head.expiresAtUs <= nowUs ? this.take() : undefined;
  }

  nextExpiryUs(): Micros {
    return this.#topLevel()?.head()?.expiresAtUs ?? NEVER;
  }

  entries(): QueuedMessage[] {
    return this.#levels.toReversed().flatMap((level) => level.entries());
  }

  clear(): void {
    for (const level of this.#levels) level.clear();
    this.#top = 0;
    this.length = 0;
    this.sizeBytes = 0;
  }

  #level(entry: QueuedMessage): Level {
    const number = Math.min(entry.message.priority ?? 0, this.#levels.length - 1);
    const level = this.#levels[number];
    if (level === undefined) throw new Error(`priority ${number} is below 0: publishing refuses that`);
    if (number > this.#top) this.#top = number;
    return level;
  }

  #counted(entry: QueuedMessage): void {
    this.length += 1;
    this.sizeBytes += entry.message.body.sizeBytes;
  }

  #topLevel(): Level | undefined {
    while (this.#top > 0 && this.#levels[this.#top]?.length === 0) this.#top -= 1;
    return this.#levels[this.#top];
  }
}

/**
 * What a quorum queue makes of message priority: `none` before 4.0; `two-to-one` up to 4.2 (above 4 is high, and two high ones go for
 * each normal one); `strict` from 4.3 on (levels 0 to 31, default 4). Source: R57.
 */
export type QuorumPriorities = 'none' | 'two-to-one' | 'strict';

/**
 * A quorum queue's order: first what was returned, in the order of returning and whatever its priority (R33), then the waiting by
 * priority and arrival. Without a delivery limit a message that its client returned goes to the back instead (R34), of the default priority: a
 * returned message has lost its own.
 */
export class QuorumReadyList implements ReadyList {
  readonly #priorities: QuorumPriorities;
  readonly #returnsToBack: boolean;
  readonly #returned = new Fifo();
  readonly #levels: Fifo[];
  #sinceNormal = 0;
  length = 0;
  sizeBytes = 0;

  constructor(priorities: QuorumPriorities, hasDeliveryLimit: boolean) {
    this.#priorities = priorities;
    this.#returnsToBack = !hasDeliveryLimit;
    const levels = priorities === 'none' ? 1 : priorities === 'two-to-one' ? 2 : STRICT_LEVELS;
    this.#levels = Array.from({ length: levels }, () => new Fifo());
  }

  add(entry: QueuedMessage): void {
    this.#addTo(this.#levelOf(entry.message.priority), entry);
  }

  /** Two to one, the two levels mix as they are taken; until then the high ones count as being before all normal ones. */
  behind(entry: QueuedMessage): number {
    return this.#below(this.#levelOf(entry.message.priority));
  }

  giveBack(entry: QueuedMessage, failed: boolean): number {
    if (this.#returnsToBack && !failed) {
      const level = this.#levelOf(undefined);
      const before = this.length - this.#below(level);
      this.#addTo(level, entry);
      return before;
    }
    this.#put(this.#returned, entry);
    return this.#returned.length - 1;
  }

  take(): QueuedMessage | undefined {
    const fromReturned = this.#returned.length > 0;
    const list = this.#next();
    if (!fromReturned) this.#sinceNormal = this.#sinceNormal === HIGH_PER_NORMAL ? 0 : this.#sinceNormal + 1;
    return list && this.#takeFrom(list);
  }

  takeExpired(nowUs: Micros): QueuedMessage | undefined {
    for (const list of this.#heads()) {
      const head = list.head();
      if (head !== undefined && head.expiresAtUs <= nowUs) return this.#takeFrom(list);
    }
    return undefined;
  }

  nextExpiryUs(): Micros {
    let earliest = NEVER;
    for (const list of this.#heads()) earliest = Math.min(earliest, list.head()?.expiresAtUs ?? NEVER);
    return earliest;
  }

  entries(): QueuedMessage[] {
    return [...this.#returned.entries(), ...this.#levels.toReversed().flatMap((level) => level.entries())];
  }

  clear(): void {
    this.#returned.clear();
    for (const level of this.#levels) level.clear();
    this.length = 0;
    this.sizeBytes = 0;
  }

  /** How many wait on lower levels. */
  #below(level: number): number {
    let count = 0;
    for (let below = level - 1; below >= 0; below -= 1) count += this.#levels[below]?.length ?? 0;
    return count;
  }

  #addTo(level: number, entry: QueuedMessage): void {
    const list = this.#levels[level];
    if (list === undefined) throw new Error('a priority outside the levels of this queue');
    this.#put(list, entry);
  }

  #levelOf(priority: number = DEFAULT_QUORUM_PRIORITY): number {
    switch (this.#priorities) {
      case 'none':
        return 0;
      case 'two-to-one':
        return priority > DEFAULT_QUORUM_PRIORITY ? 1 : 0;
      case 'strict':
        return Math.min(priority, STRICT_LEVELS - 1);
      default: {
        const unknown: never = this.#priorities;
        throw new Error(`unknown priorities ${String(unknown)}`);
      }
    }
  }

  #next(): Fifo | undefined {
    if (this.#returned.length > 0) return this.#returned;
    const [normal] = this.#levels;
    if (
      this.#priorities === 'two-to-one' &&
      this.#sinceNormal === HIGH_PER_NORMAL &&
      normal !== undefined &&
      normal.length > 0
    ) {
      return normal;
    }
    return this.#levels.findLast((level) => level.length > 0);
  }

  /** The heads at which expired messages are found: of each level where levels are strict, else of the queue (R40). */
  #heads(): readonly Fifo[] {
    if (this.#priorities === 'strict') return [this.#returned, ...this.#levels];
    const next = this.#next();
    return next === undefined ? [] : [next];
  }

  #put(list: Fifo, entry: QueuedMessage): void {
    list.add(entry);
    this.length += 1;
    this.sizeBytes += entry.message.body.sizeBytes;
  }

  #takeFrom(list: Fifo): QueuedMessage | undefined {
    const entry = list.take();
    if (entry === undefined) return undefined;
    this.length -= 1;
    this.sizeBytes -= entry.message.body.sizeBytes;
    return entry;
  }
}

const STRICT_LEVELS = 32;
const DEFAULT_QUORUM_PRIORITY = 4;
const HIGH_PER_NORMAL = 2;

/** First in, first out; taking leaves a gap at the front that is closed now and then, so that both ends cost the same. */
class Fifo {
  #items: QueuedMessage[] = [];
  #start = 0;

  get length(): number {
    return this.#items.length - this.#start;
  }

  add(entry: QueuedMessage): void {
    this.#items.push(entry);
  }

  head(): QueuedMessage | undefined {
    return this.#items[this.#start];
  }

  take(): QueuedMessage | undefined {
    const entry = this.#items[this.#start];
    if (entry === undefined) return undefined;
    this.#start += 1;
    if (this.#start === this.#items.length) {
      this.#items.length = 0;
      this.#start = 0;
    } else if (this.#start >= 1024 && this.#start * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#start);
      this.#start = 0;
    }
    return entry;
  }

  entries(): QueuedMessage[] {
    return this.#items.slice(this.#start);
  }

  clear(): void {
    this.#items.length = 0;
    this.#start = 0;
  }
}

/**
 * One priority level of a classic queue. What returns was taken from the head, so it stands before all that never left: a heap of the
 * returned by position, then the rest in order of arrival.
 */
class Level {
  readonly #returned: QueuedMessage[] = [];
  readonly #fresh = new Fifo();
  /** No returned message has a greater position; may be greater than all of them. */
  #lastReturned = -1;

  get length(): number {
    return this.#returned.length + this.#fresh.length;
  }

  add(entry: QueuedMessage): void {
    this.#fresh.add(entry);
  }

  /** Gives the number of messages before it on this level. */
  giveBack(entry: QueuedMessage): number {
    const heap = this.#returned;
    const before = this.#before(entry.position);
    if (entry.position > this.#lastReturned) this.#lastReturned = entry.position;
    let at = heap.length;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt];
      if (parent === undefined || parent.position <= entry.position) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = entry;
    return before;
  }

  /** Whole prefetch windows usually return in order, or one message before all others: neither has to count. */
  #before(position: number): number {
    const heap = this.#returned;
    const head = heap[0];
    if (head === undefined || position < head.position) return 0;
    if (position > this.#lastReturned) return heap.length;
    let before = 0;
    for (const other of heap) if (other.position < position) before += 1;
    return before;
  }

  head(): QueuedMessage | undefined {
    return this.#returned[0] ?? this.#fresh.head();
  }

  take(): QueuedMessage | undefined {
    const heap = this.#returned;
    const head = heap[0];
    if (head === undefined) return this.#fresh.take();
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return head;
    let at = 0;
    for (;;) {
      const leftAt = 2 * at + 1;
      const left = heap[leftAt];
      if (left === undefined) break;
      const right = heap[leftAt + 1];
      const child = right !== undefined && right.position < left.position ? right : left;
      if (child.position >= last.position) break;
      heap[at] = child;
      at = child === left ? leftAt : leftAt + 1;
    }
    heap[at] = last;
    return head;
  }

  entries(): QueuedMessage[] {
    return [...this.#returned.toSorted((left, right) => left.position - right.position), ...this.#fresh.entries()];
  }

  clear(): void {
    this.#returned.length = 0;
    this.#lastReturned = -1;
    this.#fresh.clear();
  }
}
