/**
 * Who of a subscription's consumers gets the next entry: a dispatcher for each subscription type. They decide and count nothing that outlives them; entries
 * come from the subscription and are handed out through it.
 * - Exclusive and Failover: one active consumer gets everything, in order (P18, P19).
 * - Shared: round-robin among those with permits, the lower priority level first (P20).
 * - Key_Shared: the consumer that owns the key, as soon as nobody else holds unacked messages of it (P21–P25).
 */
import type { Out } from '../machine.ts';
import { Heap } from '../parts/heap.ts';
import { HashRing, type KeySelector, keyHash, SplitRanges, StickyRanges } from '../parts/key-ranges.ts';
import type { LedgerEntry } from '../parts/managed-ledger.ts';
import type { PulsarConsumer, PulsarSubscription } from './pulsar-subscription.ts';
import type { Subscribe } from './pulsar-wires.ts';

export interface Dispatcher {
  /** Whether several consumers get messages at a time. */
  readonly shares: boolean;
  /** Whether an ack may let something go on that waits. */
  readonly waitsForAcks: boolean;
  /** False when the consumer is refused. */
  add(consumer: PulsarConsumer, out: Out): boolean;
  remove(consumer: PulsarConsumer, out: Out): void;
  dispatch(out: Out): void;
  /** Nobody holds this entry any more. */
  released(index: number, holder: PulsarConsumer): void;
  isActive(consumer: PulsarConsumer): boolean;
  /** A time that was asked for has come. */
  activate?(out: Out): void;
}

export function dispatcherFor(
  subscription: PulsarSubscription,
  { subscriptionType, ...request }: Subscribe,
): Dispatcher {
  switch (subscriptionType) {
    case 'Exclusive':
    case 'Failover':
      return new SingleDispatcher(subscription);
    case 'Shared':
      return new SharedDispatcher(subscription);
    case 'Key_Shared':
      return new KeyedDispatcher(subscription, request.sticky, request.allowOutOfOrder);
    default:
      return subscriptionType satisfies never;
  }
}

class SingleDispatcher implements Dispatcher {
  readonly shares = false;
  readonly waitsForAcks = false;
  readonly #subscription: PulsarSubscription;
  #active: PulsarConsumer | undefined;
  /** The active consumer has been told and waits for its time (P19). */
  #waits = false;

  constructor(subscription: PulsarSubscription) {
    this.#subscription = subscription;
  }

  add(_consumer: PulsarConsumer, out: Out): boolean {
    this.#elect(out);
    return true;
  }

  remove(consumer: PulsarConsumer, out: Out): void {
    if (consumer === this.#active) this.#elect(out);
    else if (this.#subscription.host.info.partition >= 0) this.#elect(out);
  }

  isActive(consumer: PulsarConsumer): boolean {
    return consumer === this.#active;
  }

  released(): void {}

  dispatch(out: Out): void {
    const active = this.#active;
    if (active === undefined || this.#waits) return;
    while (active.canTake) {
      const entry = this.#subscription.next(out);
      if (entry === undefined) return;
      this.#subscription.hand(entry, active, out);
    }
  }

  /** Everything unacked comes again to the new active consumer, in order. */
  activate(out: Out): void {
    if (!this.#waits) return;
    this.#waits = false;
    this.#subscription.rewind(CONSUMER_CHANGED, out);
    this.#subscription.dispatch(out);
  }

  #elect(out: Out): void {
    const former = this.#active;
    const chosen = this.#choose();
    if (chosen === former) return;
    this.#active = chosen;
    const { host, consumers, record } = this.#subscription;
    if (record.type === 'Failover') {
      for (const consumer of consumers) {
        const active = consumer === chosen;
        if (active || consumer === former)
          consumer.voice.say({ type: 'ActiveConsumerChange', consumerId: consumer.id, active }, 'control', out);
      }
    }
    if (former === undefined || chosen === undefined) return;
    const { failoverDelayUs } = host.cluster.settings;
    this.#waits = true;
    if (failoverDelayUs > 0) host.activateLater(this.#subscription, failoverDelayUs, out);
    else this.activate(out);
  }

  /** Plain topics: by priority level, then by connecting. Partitions: by priority level, then name; the i-th partition takes the (i mod m)-th. */
  #choose(): PulsarConsumer | undefined {
    const { consumers, host } = this.#subscription;
    const { partition } = host.info;
    const sorted = [...consumers];
    if (partition < 0) {
      sorted.sort((a, b) => a.priority - b.priority);
      return sorted[0];
    }
    sorted.sort((a, b) => a.priority - b.priority || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    // Only those of the best level take turns.
    const best = sorted.filter(({ priority }) => priority === sorted[0]?.priority);
    return best[partition % best.length];
  }
}

/** Code of the reason "connection lost": what the former consumer had is not its own any more. */
const CONSUMER_CHANGED = 3;

class SharedDispatcher implements Dispatcher {
  readonly shares = true;
  readonly waitsForAcks = false;
  readonly #subscription: PulsarSubscription;
  /** Lower priority levels first, each level in order of joining. */
  #line: PulsarConsumer[] = [];
  #turn = 0;

  constructor(subscription: PulsarSubscription) {
    this.#subscription = subscription;
  }

  add(consumer: PulsarConsumer): boolean {
    let at = this.#line.length;
    while (at > 0 && (this.#line[at - 1] as PulsarConsumer).priority > consumer.priority) at--;
    this.#line.splice(at, 0, consumer);
    return true;
  }

  remove(consumer: PulsarConsumer): void {
    const at = this.#line.indexOf(consumer);
    if (at < 0) return;
    this.#line.splice(at, 1);
    if (at < this.#turn) this.#turn--;
  }

  isActive(): boolean {
    return true;
  }

  released(): void {}

  dispatch(out: Out): void {
    const subscription = this.#subscription;
    const batch = subscription.host.cluster.settings.roundRobinBatch;
    while (!subscription.isBlocked) {
      const consumer = this.#next();
      if (consumer === undefined) return;
      for (let i = 0; i < batch && consumer.canTake && !subscription.isBlocked; i++) {
        const entry = subscription.next(out);
        if (entry === undefined) {
          // A turn that gave nothing is no turn.
          if (i === 0) this.#turn = this.#line.indexOf(consumer);
          return;
        }
        subscription.hand(entry, consumer, out);
      }
    }
  }

  /** Of the best level in which somebody has permits, the next after the one who had the last turn. */
  #next(): PulsarConsumer | undefined {
    const line = this.#line;
    const size = line.length;
    for (let from = 0; from < size; ) {
      const level = line[from]?.priority;
      let to = line[size - 1]?.priority === level ? size : from;
      while (to < size && line[to]?.priority === level) to++;
      const start = this.#turn >= from && this.#turn < to ? this.#turn : from;
      for (let i = 0; i < to - from; i++) {
        const at = from + ((start - from + i) % (to - from));
        const consumer = line[at] as PulsarConsumer;
        if (!consumer.canTake) continue;
        this.#turn = at + 1 < to ? at + 1 : from;
        return consumer;
      }
      from = to;
    }
    return undefined;
  }
}

/** So many entries of waiting keys are read past at most. */
const LOOK_AHEAD = 20_000;

/** Who holds unacked entries of a hash, and how many. */
interface Holding {
  consumer: PulsarConsumer;
  entries: number;
}

class KeyedDispatcher implements Dispatcher {
  readonly shares = true;
  readonly #subscription: PulsarSubscription;
  readonly #selector: KeySelector<PulsarConsumer>;
  readonly #free: boolean;
  readonly #classic: boolean;
  readonly #holdings = new Map<number, Holding>();
  /** Entries of hashes that another consumer than their owner still holds, in order (P25). */
  readonly #draining = new Map<number, Heap<LedgerEntry>>();
  /** Entries whose hash nobody owns (P24). */
  #unowned = new Heap<LedgerEntry>();
  #waiting = 0;

  constructor(subscription: PulsarSubscription, sticky: boolean, allowOutOfOrder: boolean) {
    const { consistentHashing, ringPoints, classicKeyShared } = subscription.host.cluster.settings;
    this.#subscription = subscription;
    this.#free = allowOutOfOrder;
    this.#classic = classicKeyShared;
    this.#selector = sticky
      ? new StickyRanges<PulsarConsumer>()
      : consistentHashing
        ? new HashRing<PulsarConsumer>(ringPoints)
        : new SplitRanges<PulsarConsumer>();
  }

  get waitsForAcks(): boolean {
    return this.#waiting > 0;
  }

  /** Start and end of what a consumer owns, for whoever asks. */
  rangesOf(consumer: PulsarConsumer): readonly { readonly start: number; readonly end: number }[] {
    return this.#selector.rangesOf(consumer);
  }

  add(consumer: PulsarConsumer, out: Out): boolean {
    if (!this.#selector.add(consumer)) return false;
    const { readIndex, firstOwed, consumers } = this.#subscription;
    consumer.joinedAt = this.#classic && !this.#free && consumers.length > 1 && readIndex > firstOwed ? readIndex : 0;
    this.#reroute(out);
    return true;
  }

  remove(consumer: PulsarConsumer, out: Out): void {
    this.#selector.remove(consumer);
    while (consumer.parked.size > 0) this.#unownedAgain(consumer.parked.pop() as LedgerEntry);
    this.#reroute(out);
  }

  isActive(): boolean {
    return true;
  }

  dispatch(out: Out): void {
    const subscription = this.#subscription;
    const { consumers } = subscription;
    // What came back stands before all that waits of its key.
    for (let entry = subscription.nextReturned(); entry !== undefined; entry = subscription.nextReturned())
      this.#park(entry);
    for (const consumer of consumers) this.#serveParked(consumer, out);
    while (this.#waiting < LOOK_AHEAD && !this.#subscription.isBlocked && this.#somebodyCanTake()) {
      const entry = this.#subscription.next(out);
      if (entry === undefined) return;
      this.#route(entry, out);
    }
  }

  released(index: number, holder: PulsarConsumer): void {
    const entry = this.#subscription.host.info.ledger.entry(index);
    if (entry === undefined) return;
    const hash = hashOf(entry);
    const holding = this.#holdings.get(hash);
    if (holding === undefined || holding.consumer !== holder) return;
    holding.entries--;
    if (holding.entries > 0) return;
    this.#holdings.delete(hash);
    const waiting = this.#draining.get(hash);
    if (waiting === undefined) return;
    this.#draining.delete(hash);
    const owner = this.#selector.select(hash);
    while (waiting.size > 0) {
      const next = waiting.pop() as LedgerEntry;
      if (owner === undefined) this.#unowned.push(next.index, next);
      else owner.parked.push(next.index, next);
    }
  }

  #somebodyCanTake(): boolean {
    for (const consumer of this.#subscription.consumers) if (consumer.canTake) return true;
    return false;
  }

  /** Before 4.0 a newcomer waits for all that was read before it came; of that it may get what comes back (P25). */
  #canTake(consumer: PulsarConsumer, { index }: LedgerEntry): boolean {
    if (!consumer.canTake) return false;
    return index < consumer.joinedAt || consumer.joinedAt === 0 || this.#subscription.firstOwed >= consumer.joinedAt;
  }

  #serveParked(consumer: PulsarConsumer, out: Out): void {
    const { parked } = consumer;
    for (let entry = parked.least; entry !== undefined; entry = parked.least) {
      if (!this.#canTake(consumer, entry) || this.#subscription.isBlocked) return;
      parked.pop();
      this.#waiting--;
      if (this.#isDone(entry)) continue;
      if (this.#isHeldElsewhere(hashOf(entry), consumer)) this.#drainLater(entry);
      else this.#hand(entry, consumer, out);
    }
  }

  #route(entry: LedgerEntry, out: Out): void {
    const hash = hashOf(entry);
    const owner = this.#selector.select(hash);
    if (owner === undefined) this.#unownedAgain(entry, true);
    else if (
      owner.parked.size > 0 ||
      this.#subscription.isBlocked ||
      !this.#canTake(owner, entry) ||
      this.#isHeldElsewhere(hash, owner) ||
      this.#draining.has(hash)
    )
      this.#park(entry);
    else this.#hand(entry, owner, out);
  }

  /** Lays an entry where it has to wait, in its order among the others there. */
  #park(entry: LedgerEntry): void {
    const hash = hashOf(entry);
    const owner = this.#selector.select(hash);
    if (owner === undefined) this.#unownedAgain(entry, true);
    else if (this.#isHeldElsewhere(hash, owner) || this.#draining.has(hash)) this.#drainLater(entry);
    else {
      owner.parked.push(entry.index, entry);
      this.#waiting++;
    }
  }

  #hand(entry: LedgerEntry, consumer: PulsarConsumer, out: Out): void {
    const hash = hashOf(entry);
    const holding = this.#holdings.get(hash);
    if (holding === undefined) this.#holdings.set(hash, { consumer, entries: 1 });
    else {
      holding.consumer = consumer;
      holding.entries++;
    }
    this.#subscription.hand(entry, consumer, out);
  }

  #isHeldElsewhere(hash: number, owner: PulsarConsumer): boolean {
    const holding = this.#holdings.get(hash);
    return holding !== undefined && holding.consumer !== owner && !this.#free;
  }

  #drainLater(entry: LedgerEntry): void {
    const hash = hashOf(entry);
    let waiting = this.#draining.get(hash);
    if (waiting === undefined) {
      waiting = new Heap();
      this.#draining.set(hash, waiting);
    }
    waiting.push(entry.index, entry);
    this.#waiting++;
  }

  #unownedAgain(entry: LedgerEntry, isNew = false): void {
    this.#unowned.push(entry.index, entry);
    if (isNew) this.#waiting++;
  }

  /** Somebody came or went: what waits is laid out anew, in its order. */
  #reroute(out: Out): void {
    const all = this.#unowned;
    this.#unowned = new Heap();
    const subscription = this.#subscription;
    for (let entry = subscription.nextReturned(); entry !== undefined; entry = subscription.nextReturned())
      all.push(entry.index, entry);
    for (const consumer of this.#subscription.consumers) {
      while (consumer.parked.size > 0) all.push(consumer.parked.leastKey, consumer.parked.pop() as LedgerEntry);
    }
    for (const waiting of this.#draining.values()) {
      while (waiting.size > 0) all.push(waiting.leastKey, waiting.pop() as LedgerEntry);
    }
    this.#draining.clear();
    this.#waiting = 0;
    while (all.size > 0) {
      const entry = all.pop() as LedgerEntry;
      if (!this.#isDone(entry)) this.#route(entry, out);
    }
  }

  /** Acked by somebody meanwhile, or within a transaction that is open, or with somebody. */
  #isDone({ index }: LedgerEntry): boolean {
    const subscription = this.#subscription;
    return (
      subscription.record.cursor.isAcked(index) || subscription.pending.has(index) || subscription.isAnnounced(index)
    );
  }
}

/** The hash of an entry's key, made when first asked for. */
function hashOf(entry: LedgerEntry): number {
  if (entry.hash < 0) entry.hash = keyHash(entry.key);
  return entry.hash;
}
