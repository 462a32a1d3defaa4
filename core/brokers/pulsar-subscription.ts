/**
 * One subscription on the broker that owns its topic: what it has read, what is unacked and at whom, what comes again, and what is delayed. Who gets the
 * next entry is a dispatcher's business (`pulsar-dispatch.ts`), one for each subscription type; they take entries from here and hand them out
 * through here. All of this is the broker's memory, except the cursor, and of that only what was written down.
 * Source: P16, P28–P36, P39, P40, P52, P56, P57, P69–P71.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import { Heap } from '../parts/heap.ts';
import type { KeyOwner, KeyRange } from '../parts/key-ranges.ts';
import type { LedgerEntry } from '../parts/managed-ledger.ts';
import { NumberMap } from '../parts/number-map.ts';
import type { ActorId, FactId, MessageId, Micros, PlaceId } from '../types.ts';
import type { PendingAck, PulsarCluster, SubscriptionRecord, TopicInfo } from './pulsar-cluster.ts';
import { type Dispatcher, dispatcherFor } from './pulsar-dispatch.ts';
import type { AckedEntry, Handed, PulsarError, ServerCommand, Subscribe } from './pulsar-wires.ts';

/** How a broker speaks to one client connection. */
export interface ClientVoice {
  readonly peer: ActorId;
  say(
    command: ServerCommand,
    hop: 'control' | 'delivery' | 'reply',
    out: Out,
    messages?: MessageId | readonly MessageId[],
  ): void;
}

/** A consumer as the broker knows it. */
export class PulsarConsumer implements KeyOwner {
  readonly voice: ClientVoice;
  readonly id: number;
  readonly name: string;
  readonly priority: number;
  readonly ranges: readonly KeyRange[];
  readonly request: Subscribe;
  /** How many messages more it wants; may fall below 0, because batches are not cut (P27). */
  permits = 0;
  /** Messages that it holds unacked (P28), and in how many entries. */
  unacked = 0;
  held = 0;
  /** At its limit of unacked messages, until down to half. */
  blocked = false;
  epoch = 0;
  /** Key_Shared before 4.0: it waits until everything before this is acked (P25). */
  joinedAt = 0;
  /** Made when it is first asked for: most consumers never need one. */
  #parked: Heap<LedgerEntry> | null = null;
  /** Handed out and not sent yet: what one dispatch gives to a consumer goes in one command. Null for nothing. */
  #outgoing: Handed[] | null = null;
  #bytes = 0;
  /** Messages of what is handed out; the first alone, because one is what there mostly is. */
  #first: MessageId = 0;
  #messages: MessageId[] | null = null;

  constructor(voice: ClientVoice, request: Subscribe) {
    this.voice = voice;
    this.id = request.consumerId;
    this.name = request.consumerName;
    this.priority = request.priorityLevel;
    this.ranges = request.ranges;
    this.request = request;
  }

  get canTake(): boolean {
    return this.permits > 0 && !this.blocked;
  }

  /** Key_Shared: entries that are its own and wait for its permits. */
  get parked(): Heap<LedgerEntry> {
    this.#parked ??= new Heap();
    return this.#parked;
  }

  hold(handed: Handed, out: Out): void {
    const { messages, sizeBytes } = handed.entry;
    if (this.#outgoing === null) this.#outgoing = [handed];
    else this.#outgoing.push(handed);
    this.#bytes += sizeBytes;
    for (let i = 0; i < messages.length; i++) {
      const id = messages[i]?.id ?? 0;
      if (this.#first === 0) this.#first = id;
      else if (this.#messages === null) this.#messages = [this.#first, id];
      else this.#messages.push(id);
    }
    if (this.#outgoing.length >= MOST_AT_ONCE) this.flush(out);
  }

  flush(out: Out): void {
    const entries = this.#outgoing;
    if (entries === null) return;
    const messages = this.#messages ?? this.#first;
    const { id: consumerId, epoch } = this;
    const sizeBytes = this.#bytes;
    this.#outgoing = null;
    this.#first = 0;
    this.#messages = null;
    this.#bytes = 0;
    const given: ServerCommand = { type: 'Message', consumerId, epoch, entries, sizeBytes };
    this.voice.say(given, 'delivery', out, messages);
  }
}

/** Entries in one Message command at most. */
const MOST_AT_ONCE = 100;

/** What the owner of the topic does for a subscription. */
export interface SubscriptionHost {
  readonly cluster: PulsarCluster;
  readonly info: TopicInfo;
  /** Entries from here on must wait: a transaction before them is open (P66). */
  readonly maxRead: number;
  isAborted(txn: string): boolean;
  /** Entries up to which readCompacted consumers see only those in `compacted`; −1 without compaction (P59). */
  readonly compactedTo: number;
  isCompacted(index: number): boolean;
  wakeDelayed(subscription: PulsarSubscription, atUs: Micros, out: Out): void;
  activateLater(subscription: PulsarSubscription, afterUs: Micros, out: Out): void;
  /** Something was acked. */
  acked(subscription: PulsarSubscription, out: Out): void;
}

export class PulsarSubscription {
  readonly host: SubscriptionHost;
  readonly record: SubscriptionRecord;
  readonly durable: boolean;
  readonly consumers: PulsarConsumer[] = [];
  dispatcher: Dispatcher | null = null;
  /** The next entry that nobody was offered yet. */
  readIndex: number;
  /** Who holds an entry unacked; the mark says in which order they were handed out. */
  readonly pending = new NumberMap<PulsarConsumer>();
  #handed = 0;
  unacked = 0;
  #blocked = false;
  /** Consumers that are at their limit. */
  #blockedConsumers = 0;
  /** Who was handed something that is not sent yet, and whether others were too. */
  #served: PulsarConsumer | null = null;
  #servedMore = false;
  /** Redelivery requests by entry, of Shared and Key_Shared: the broker's memory, gone with it (P40). */
  readonly #redeliveries = new NumberMap<number>();
  /** Entries that were asked back while a transaction acked a message of them, with the reason. */
  readonly #askedBack = new Map<number, number>();
  /** Entries that came back and wait; they go before new ones (P42). */
  readonly #replay = new Heap<LedgerEntry>();
  /** Entries whose time has not come, by that time (P70, P71). */
  readonly #delayed = new Heap<LedgerEntry>();
  #lastTickUs: Micros = Number.NEGATIVE_INFINITY;
  #wakeAtUs: Micros = Number.POSITIVE_INFINITY;
  /** When its cursor was written down last (P31). */
  writtenAtUs: Micros = Number.NEGATIVE_INFINITY;
  /** The facts that made entries ready again. */
  readonly #readyFacts = new NumberMap<FactId>();

  constructor(host: SubscriptionHost, record: SubscriptionRecord, durable: boolean) {
    this.host = host;
    this.record = record;
    this.durable = durable;
    this.readIndex = record.cursor.markDelete + 1;
  }

  get place(): PlaceId {
    return this.record.place;
  }

  /** Where an entry stands: a retried one where its original did (P48). */
  placeOf({ properties }: LedgerEntry): PlaceId {
    const { origins, place } = this.record;
    if (origins.length === 0) return place;
    const [, , partition = ''] = (properties?.['ORIGIN_MESSAGE_ID'] ?? '').split(':');
    return origins[Number(partition)] ?? place;
  }

  get name(): string {
    return this.record.name;
  }

  /** Whether several consumers get messages at a time; only then are redeliveries counted (P40). */
  get #shares(): boolean {
    const { type } = this.record;
    return type === 'Shared' || type === 'Key_Shared';
  }

  // ── Consumers ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Adds a consumer, or says why not (P17, P18, P24). */
  addConsumer(consumer: PulsarConsumer, out: Out): PulsarError | '' {
    const { request } = consumer;
    const type = request.subscriptionType;
    if (this.consumers.length > 0 && this.record.type !== type) return 'ConsumerBusy';
    if (this.consumers.length > 0 && type === 'Exclusive') return 'ConsumerBusy';
    if (request.readCompacted && (type === 'Shared' || type === 'Key_Shared')) return 'NotAllowedError';
    if (this.consumers.length === 0) {
      this.record.type = type;
      this.dispatcher = dispatcherFor(this, request);
    }
    this.consumers.push(consumer);
    if (this.dispatcher?.add(consumer, out) === false) {
      this.consumers.pop();
      return 'ConsumerAssignError';
    }
    out.fact(F.subscribed, 0, this.place, consumer.voice.peer);
    return '';
  }

  /** A consumer is gone: what it had unacked goes to others at once, or is read again (P20, P36). */
  removeConsumer(consumer: PulsarConsumer, reason: number, out: Out): void {
    const at = this.consumers.indexOf(consumer);
    if (at < 0) return;
    this.consumers.splice(at, 1);
    if (consumer.blocked) this.#blockedConsumers--;
    // What it was handed and not sent stays with it.
    if (this.#served === consumer) this.#servedMore = true;
    out.fact(F.cancelled, 0, this.place, consumer.voice.peer, 0, reason);
    const counts = this.host.cluster.settings.countDisconnects;
    for (const index of this.pending.keys(consumer, consumer.held)) this.giveBack(index, reason, counts, false, out);
    this.#unblock();
    this.dispatcher?.remove(consumer, out);
    if (this.consumers.length === 0) {
      this.dispatcher = null;
      this.rewind(R['connection lost'], out);
    } else this.dispatch(out);
  }

  flow(consumer: PulsarConsumer, permits: number, out: Out): void {
    consumer.permits += permits;
    this.dispatch(out);
  }

  dispatch(out: Out): void {
    const { dispatcher } = this;
    if (dispatcher === null) return;
    if (!this.#blocked) dispatcher.dispatch(out);
    const served = this.#served;
    if (served === null) return;
    this.#served = null;
    if (!this.#servedMore) return served.flush(out);
    this.#servedMore = false;
    for (const consumer of this.consumers) consumer.flush(out);
  }

  // ── Reading and handing out ─────────────────────────────────────────────────────────────────────────────────────

  /** Takes the first of the entries that came back (P42). */
  nextReturned(): LedgerEntry | undefined {
    const { cursor } = this.record;
    while (this.#replay.size > 0) {
      const entry = this.#replay.pop() as LedgerEntry;
      if (!cursor.isAcked(entry.index) && !this.pending.has(entry.index) && !this.isAnnounced(entry.index))
        return entry;
    }
    return undefined;
  }

  /** Whether an open transaction acks the entry, or a message of it: until its end nobody gets it (P67). */
  isAnnounced(index: number): boolean {
    const { pendingAcks } = this.record;
    return pendingAcks.size > 0 && pendingAcks.has(index);
  }

  /** Takes the entry that is to be handed out next: what came back first, then what is due of the delayed, then new ones. */
  next(out: Out): LedgerEntry | undefined {
    const returned = this.nextReturned();
    if (returned !== undefined) return returned;
    const due = this.#takeDue(out);
    if (due !== undefined) return due;
    const { ledger } = this.host.info;
    const end = Math.min(ledger.end, this.host.maxRead);
    while (this.readIndex < end) {
      const entry = ledger.entry(this.readIndex);
      const index = this.readIndex++;
      if (entry === undefined || this.#isPassed(index, entry)) continue;
      if (entry.deliverAtUs > 0 && this.#isEarly(entry, out.now)) {
        this.#delayed.push(entry.deliverAtUs, entry);
        this.#armDelayed(out);
        continue;
      }
      return entry;
    }
    return undefined;
  }

  hand(entry: LedgerEntry, consumer: PulsarConsumer, out: Out): void {
    const { cursor, attempts, buried } = this.record;
    const { index, messages } = entry;
    const before = attempts.get(index) ?? 0;
    const attempt = before + 1 + triedBefore(entry);
    // What is handed out for the first time and was not delayed has been made ready by nothing but its storing.
    const because = before > 0 || entry.deliverAtUs > 0 ? (this.#readyFacts.take(index) ?? 0) : 0;
    const done = cursor.ackedOf(index);
    const acked: number[] | null = done > 0 ? [] : null;
    const place = this.placeOf(entry);
    const { peer } = consumer.voice;
    for (let i = 0; i < messages.length; i++) {
      if (acked !== null && cursor.isMessageAcked(index, i)) acked.push(i);
      else {
        const id = messages[i]?.id ?? 0;
        let ready = because > 0 ? because + i : entry.fact > 0 ? entry.fact + i : 0;
        // Its dead letter was stored while it waited, and the ack has not come.
        if (buried.size > 0 && buried.delete(id)) ready = this.#restored(id, entry, R['outcome unknown'], out);
        if (ready > 0) out.fact(F.delivered, id, place, peer, 0, attempt, ready);
        else out.fact(F.delivered, id, place, peer, 0, attempt);
      }
    }
    const count = messages.length - done;
    consumer.permits -= count;
    const redeliveryCount = before === 0 ? 0 : (this.#redeliveries.get(index) ?? 0);
    consumer.hold({ entry, place, redeliveryCount, attempt, acked }, out);
    if (this.#served === null) this.#served = consumer;
    else if (this.#served !== consumer) this.#servedMore = true;
    if (!this.host.info.policies.persistent) return this.#forgetDelivered(entry, consumer, attempt, out);
    this.pending.set(index, consumer, ++this.#handed);
    consumer.held++;
    consumer.unacked += count;
    this.unacked += count;
    if (this.#shares) {
      const { maxUnackedPerConsumer, maxUnackedPerSubscription } = this.host.cluster.settings;
      if (maxUnackedPerConsumer > 0 && consumer.unacked >= maxUnackedPerConsumer && !consumer.blocked) {
        consumer.blocked = true;
        this.#blockedConsumers++;
      }
      if (maxUnackedPerSubscription > 0 && this.unacked >= maxUnackedPerSubscription) this.#blocked = true;
    }
  }

  get isBlocked(): boolean {
    return this.#blocked;
  }

  /** Non-persistent: what was handed out is gone (P7). */
  #forgetDelivered(entry: LedgerEntry, consumer: PulsarConsumer, attempt: number, out: Out): void {
    this.record.cursor.ack(entry.index);
    for (const { id } of entry.messages) out.fact(F.acked, id, this.place, consumer.voice.peer, 0, attempt);
  }

  /** Acked, announced as acked, aborted, or left out by compaction. */
  #isPassed(index: number, { txn }: LedgerEntry): boolean {
    if (this.record.cursor.isAcked(index) || this.pending.has(index)) return true;
    if (this.isAnnounced(index)) return true;
    if (txn !== '' && this.host.isAborted(txn)) {
      // A crash of the broker may have forgotten that it was let go.
      this.record.cursor.ack(index);
      return true;
    }
    if (index > this.host.compactedTo) return false;
    return this.consumers[0]?.request.readCompacted === true && !this.host.isCompacted(index);
  }

  // ── Delays ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether a message of this delivery time has to wait in this subscription (P69). */
  isDelayed(deliverAtUs: Micros, now: Micros): boolean {
    return deliverAtUs > 0 && this.#isEarly({ deliverAtUs }, now);
  }

  /** The time for the next delayed messages has come. */
  delayOver(out: Out): void {
    this.#wakeAtUs = Number.POSITIVE_INFINITY;
    this.#lastTickUs = out.now;
    this.dispatch(out);
    this.#armDelayed(out);
  }

  /**
   * Exclusive and Failover know no delays, and what is not stored cannot wait (P7); otherwise up to a tick early, unless it is to be strict (P69).
   */
  #isEarly({ deliverAtUs }: Pick<LedgerEntry, 'deliverAtUs'>, now: Micros): boolean {
    const { cluster, info } = this.host;
    const { delayedDelivery, delayTickUs, delayStrict } = cluster.settings;
    if (!delayedDelivery || !this.#shares || !info.policies.persistent) return false;
    return deliverAtUs > now + (delayStrict ? 0 : delayTickUs);
  }

  #takeDue(out: Out): LedgerEntry | undefined {
    for (let entry = this.#delayed.least; entry !== undefined; entry = this.#delayed.least) {
      if (this.#isEarly(entry, out.now)) return undefined;
      this.#delayed.pop();
      if (this.record.cursor.isAcked(entry.index) || this.pending.has(entry.index) || this.isAnnounced(entry.index))
        continue;
      let first = 0;
      for (const { id } of entry.messages) {
        const fact = out.fact(F['became-visible'], id, this.placeOf(entry));
        if (first === 0) first = fact;
      }
      this.#readyFacts.set(entry.index, first);
      return entry;
    }
    return undefined;
  }

  #armDelayed(out: Out): void {
    const next = this.#delayed.leastKey;
    if (next === Number.POSITIVE_INFINITY) return;
    const atUs = Math.max(next, this.#lastTickUs + this.host.cluster.settings.delayTickUs, out.now);
    if (atUs >= this.#wakeAtUs) return;
    this.#wakeAtUs = atUs;
    this.host.wakeDelayed(this, atUs, out);
  }

  get delayedCount(): number {
    return this.#delayed.size;
  }

  // ── Acks ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Acks entries or messages of batches; whoever holds them now, a late ack counts as well (P34). */
  ack(acks: readonly AckedEntry[], peer: ActorId, out: Out): void {
    for (let a = 0; a < acks.length; a++) {
      const { index, batch } = acks[a] as AckedEntry;
      if (batch === null) this.#ackEntry(index, peer, out);
      else for (const i of batch) this.#ackMessage(index, i, peer, out);
    }
    this.#eased(out);
  }

  /** Up to and including an entry; an error on Shared and Key_Shared (P30). */
  ackCumulative(index: number, peer: ActorId, out: Out): PulsarError | '' {
    const { cursor } = this.record;
    if (this.#shares) return 'NotAllowedError';
    const last = Math.min(index, this.host.info.ledger.end - 1);
    for (let i = cursor.markDelete + 1; i <= last; i++) this.#ackEntry(i, peer, out);
    this.#eased(out);
    return '';
  }

  #ackEntry(index: number, peer: ActorId, out: Out): void {
    const { cursor, buried } = this.record;
    const { ledger } = this.host.info;
    const entry = ledger.entry(index);
    if (entry === undefined || index >= ledger.end || cursor.isAcked(index)) return;
    const { messages } = entry;
    const attempt = this.#forget(entry) + 1 + triedBefore(entry);
    const done = cursor.ackedOf(index);
    this.#release(index, messages.length - done);
    const place = this.placeOf(entry);
    for (let i = 0; i < messages.length; i++) {
      if (done > 0 && cursor.isMessageAcked(index, i)) continue;
      const id = messages[i]?.id ?? 0;
      // A dead letter has left already when its copy was stored.
      if (buried.size > 0 && buried.delete(id)) continue;
      out.fact(F.acked, id, place, peer, 0, attempt);
    }
    cursor.ack(index);
  }

  /** An entry is settled without a word: its transaction was aborted, or it is lost. */
  discard(index: number): void {
    const entry = this.host.info.ledger.entry(index);
    const { cursor } = this.record;
    if (entry === undefined || cursor.isAcked(index)) return;
    this.#release(index, entry.messages.length - cursor.ackedOf(index));
    this.#forget(entry);
    cursor.ack(index);
  }

  #isAborted({ txn }: LedgerEntry): boolean {
    return txn !== '' && this.host.isAborted(txn);
  }

  #ackMessage(index: number, batchIndex: number, peer: ActorId, out: Out): void {
    const { cursor, attempts, buried } = this.record;
    const entry = this.host.info.ledger.entry(index);
    const message = entry?.messages[batchIndex];
    if (entry === undefined || message === undefined || cursor.isMessageAcked(index, batchIndex)) return;
    const holder = this.pending.get(index);
    if (holder !== undefined) {
      holder.unacked--;
      this.unacked--;
    }
    if (!buried.delete(message.id)) out.fact(F.acked, message.id, this.place, peer, 0, (attempts.get(index) ?? 0) + 1);
    const size = entry.messages.length;
    if (cursor.ackedOf(index) + 1 >= size) {
      this.#release(index, 0);
      this.#forget(entry);
    }
    cursor.ackMessage(index, batchIndex, size);
  }

  /** An entry will not come again: what is remembered of it goes. Returns how often it had come back. */
  #forget({ index, deliverAtUs }: LedgerEntry): number {
    const before = this.record.attempts.take(index) ?? 0;
    // What never came back was never asked for again.
    if (before > 0) this.#redeliveries.take(index);
    if (before > 0 || deliverAtUs > 0) this.#readyFacts.take(index);
    if (this.record.pendingAcks.size > 0) this.record.pendingAcks.delete(index);
    return before;
  }

  /** Takes an entry out of its holder's hands, who held so many of its messages. */
  #release(index: number, count: number): PulsarConsumer | undefined {
    const holder = this.pending.take(index);
    if (holder === undefined) return undefined;
    if (this.#askedBack.size > 0) this.#askedBack.delete(index);
    holder.held--;
    holder.unacked -= count;
    this.unacked -= count;
    this.dispatcher?.released(index, holder);
    return holder;
  }

  /** After acks: consumers below half of their limit go on (P28), and so may keys that waited. */
  #eased(out: Out): void {
    let goesOn = this.dispatcher?.waitsForAcks === true;
    if (this.#blockedConsumers > 0 && this.#unblockConsumers()) goesOn = true;
    if (this.#unblock()) goesOn = true;
    this.host.acked(this, out);
    if (goesOn) this.dispatch(out);
  }

  #unblockConsumers(): boolean {
    const { maxUnackedPerConsumer } = this.host.cluster.settings;
    let some = false;
    for (const consumer of this.consumers) {
      if (!consumer.blocked || consumer.unacked > maxUnackedPerConsumer / 2) continue;
      consumer.blocked = false;
      this.#blockedConsumers--;
      some = true;
    }
    return some;
  }

  /** The whole subscription stood still and is down to half of its limit: by acks, or because who held the messages is gone (P28). */
  #unblock(): boolean {
    if (!this.#blocked || this.unacked > this.host.cluster.settings.maxUnackedPerSubscription / 2) return false;
    this.#blocked = false;
    return true;
  }

  // ── Coming again ────────────────────────────────────────────────────────────────────────────────────────────────

  /** A client asks for messages again: the named ones on Shared and Key_Shared, everything unacked on the others (P39). */
  redeliver(consumer: PulsarConsumer, indexes: readonly number[] | null, reason: number, out: Out): void {
    if (!this.#shares) {
      if (this.dispatcher?.isActive(consumer) !== false) this.rewind(reason, out);
    } else if (indexes === null) {
      for (const index of this.pending.keys(consumer, consumer.held)) this.#returnAsked(index, reason, out);
    } else {
      for (const index of indexes) if (this.pending.get(index) === consumer) this.#returnAsked(index, reason, out);
    }
    this.#eased(out);
    this.dispatch(out);
  }

  /** An entry of which a transaction acks a message returns when that has ended: nobody gets it before (P67). */
  #returnAsked(index: number, reason: number, out: Out): void {
    if (this.isAnnounced(index)) this.#askedBack.set(index, reason);
    else this.giveBack(index, reason, true, true, out);
  }

  /** One entry returns to be handed out again. */
  giveBack(index: number, reason: number, counts: boolean, byClient: boolean, out: Out): void {
    const entry = this.host.info.ledger.entry(index);
    const { cursor, attempts } = this.record;
    const holder = this.#release(index, (entry?.messages.length ?? 0) - cursor.ackedOf(index));
    if (holder === undefined || entry === undefined) return;
    const attempt = (attempts.get(index) ?? 0) + 1;
    attempts.set(index, attempt);
    if (counts && this.#shares) this.#redeliveries.set(index, (this.#redeliveries.get(index) ?? 0) + 1);
    this.#noteReturn(entry, holder.voice.peer, attempt, reason, byClient, out);
    this.#replay.push(index, entry);
  }

  /** Everything unacked will be read again, in order, from the mark-delete position (P39). */
  rewind(reason: number, out: Out): void {
    const indexes = this.pending.keys().sort((a, b) => a - b);
    for (const index of indexes) this.giveBack(index, reason, true, reason === R.nacked, out);
    this.#replay.clear();
    this.#delayed.clear();
    this.#wakeAtUs = Number.POSITIVE_INFINITY;
    this.readIndex = this.record.cursor.markDelete + 1;
  }

  /** Records that an entry is ready again. Of a dead letter the original had left; it is back. */
  #noteReturn(entry: LedgerEntry, peer: ActorId, attempt: number, reason: number, byClient: boolean, out: Out): void {
    const { cursor, buried } = this.record;
    const { index, messages } = entry;
    let first = 0;
    const whole = cursor.ackedOf(index) === 0;
    if (byClient && reason === R.nacked) {
      for (let i = 0; i < messages.length; i++) {
        const id = messages[i]?.id ?? 0;
        if (whole || !cursor.isMessageAcked(index, i)) out.fact(F.nacked, id, this.placeOf(entry), peer, 0, attempt);
      }
    }
    for (let i = 0; i < messages.length; i++) {
      const id = messages[i]?.id ?? 0;
      if (!whole && cursor.isMessageAcked(index, i)) continue;
      const fact = buried.delete(id)
        ? this.#restored(id, entry, reason, out)
        : out.fact(F.requeued, id, this.placeOf(entry), 0, 0, reason);
      if (first === 0) first = fact;
    }
    if (whole) this.#readyFacts.set(index, first);
  }

  // ── Cursor moves and policies ───────────────────────────────────────────────────────────────────────────────────

  /** Entries that are owed and not acked one by one (P56). */
  get backlog(): number {
    const { cursor } = this.record;
    return this.host.info.ledger.end - 1 - cursor.markDelete - cursor.holes;
  }

  /** The first entry that is not acked. */
  get firstOwed(): number {
    return this.record.cursor.markDelete + 1;
  }

  /** Messages up to an entry are acked by the broker itself: TTL, an eviction, an administrator (P52, P54, P58). */
  passUpTo(index: number, kind: number, reason: number, out: Out): void {
    const { cursor } = this.record;
    for (let i = cursor.markDelete + 1; i <= index; i++) this.#pass(i, kind, reason, out);
    cursor.ackUpTo(index);
    if (this.readIndex <= index) this.readIndex = index + 1;
    this.#eased(out);
    this.dispatch(out);
  }

  #pass(index: number, kind: number, reason: number, out: Out): void {
    const { cursor, buried } = this.record;
    const entry = this.host.info.ledger.entry(index);
    if (entry === undefined || cursor.isAcked(index)) return;
    this.#release(index, entry.messages.length - cursor.ackedOf(index));
    if (!this.#isAborted(entry)) {
      for (let i = 0; i < entry.messages.length; i++) {
        const id = entry.messages[i]?.id ?? 0;
        if (!cursor.isMessageAcked(index, i) && !buried.delete(id))
          out.fact(kind, id, this.placeOf(entry), 0, 0, reason);
      }
    }
    this.#forget(entry);
  }

  /** The whole subscription goes to another place: what is skipped is let go, what was acked behind it is owed again (P57). */
  reset(to: number, out: Out): void {
    const { cursor } = this.record;
    const { ledger } = this.host.info;
    const fromUs = ledger.entry(to)?.publishedAtUs ?? out.now;
    out.fact(F.sought, 0, this.place, 0, Math.floor(fromUs / 1_000_000));
    this.rewind(R.none, out);
    for (let i = cursor.markDelete + 1; i < to; i++) this.#pass(i, F.evicted, R.purged, out);
    for (let i = to; i < ledger.end; i++) {
      const entry = ledger.entry(i);
      if (entry === undefined || this.#isAborted(entry)) continue;
      for (let m = 0; m < entry.messages.length; m++) {
        if (cursor.isMessageAcked(i, m)) this.#restored(entry.messages[m]?.id ?? 0, entry, R.none, out);
      }
      if (cursor.isAcked(i)) this.#handedBefore(i);
    }
    this.#redeliveries.clear();
    this.record.pendingAcks.clear();
    this.#readyFacts.clear();
    cursor.reset(to - 1);
    this.readIndex = to;
  }

  /** What had left the subscription is in it again. */
  #restored(message: MessageId, entry: LedgerEntry, reason: number, out: Out): FactId {
    const place = this.placeOf(entry);
    const back = out.fact(F.restored, message, place, 0, 0, reason);
    return out.fact(F.appended, message, place, 0, 0, 0, back);
  }

  /** For the trace: the next delivery of what was acked once is not its first. */
  #handedBefore(index: number): void {
    const { attempts } = this.record;
    attempts.set(index, (attempts.get(index) ?? 0) + 1);
  }

  // ── Transactions ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Announces acks; refused when another transaction announced one of them, or when it is acked already (P67). */
  ackInTxn(acks: readonly AckedEntry[], txn: string, peer: ActorId): PulsarError | '' {
    const { cursor, pendingAcks } = this.record;
    for (const { index, batch } of acks) {
      if (cursor.isAcked(index) || batch?.some((i) => cursor.isMessageAcked(index, i))) return 'TransactionConflict';
      for (const [i, other] of pendingAcks.get(index) ?? []) {
        if (other.txn !== txn && (batch === null || batch.includes(i))) return 'TransactionConflict';
      }
    }
    for (const { index, batch } of acks) {
      const size = this.host.info.ledger.entry(index)?.messages.length ?? 0;
      if (size === 0) continue;
      let announced = pendingAcks.get(index);
      if (announced === undefined) {
        announced = new Map();
        pendingAcks.set(index, announced);
      }
      for (let i = 0; i < size; i++) {
        if (batch === null ? !cursor.isMessageAcked(index, i) : batch.includes(i)) announced.set(i, { txn, peer });
      }
    }
    return '';
  }

  /** The transaction has ended: its acks count, and outlive the broker from now on, or its messages come again (P67). */
  endTxn(txn: string, committed: boolean, out: Out): void {
    const { cursor, pendingAcks } = this.record;
    const ended = new Map<number, readonly (readonly [number, PendingAck])[]>();
    for (const [index, announced] of pendingAcks) {
      const own = [...announced].filter(([, ack]) => ack.txn === txn);
      if (own.length === 0) continue;
      ended.set(index, own);
      for (const [i] of own) announced.delete(i);
      if (announced.size === 0) pendingAcks.delete(index);
    }
    for (const [index, own] of ended) {
      const entry = this.host.info.ledger.entry(index);
      if (entry === undefined) continue;
      if (committed) this.#ackEnded(entry, own, out);
      if (cursor.isAcked(index)) continue;
      if (!this.pending.has(index)) {
        if (index < this.readIndex) this.#replay.push(index, entry);
      } else if (!committed) this.giveBack(index, R['transaction aborted'], true, false, out);
      else if (this.#askedBack.has(index)) this.#returnAsked(index, this.#askedBack.get(index) as number, out);
    }
    if (ended.size === 0) return this.dispatch(out);
    if (committed) cursor.persist(Number.MAX_SAFE_INTEGER);
    else if (this.dispatcher !== null && !this.dispatcher.shares) this.rewind(R['transaction aborted'], out);
    this.#eased(out);
    this.dispatch(out);
  }

  /** Acks what a transaction had announced of an entry: all that was left of it, or single messages. */
  #ackEnded(entry: LedgerEntry, own: readonly (readonly [number, PendingAck])[], out: Out): void {
    const { index, messages } = entry;
    const [first] = own;
    if (first !== undefined && own.length === messages.length - this.record.cursor.ackedOf(index))
      return this.#ackEntry(index, first[1].peer, out);
    for (const [i, { peer }] of own) this.#ackMessage(index, i, peer, out);
  }

  /** Transactions with announced acks here. */
  get announcing(): ReadonlySet<string> {
    const txns = new Set<string>();
    for (const announced of this.record.pendingAcks.values()) for (const { txn } of announced.values()) txns.add(txn);
    return txns;
  }

  // ── The end of an owner ─────────────────────────────────────────────────────────────────────────────────────────

  /** The broker is gone, or owns the topic no more: nothing is in anybody's hands, and acks that were not written down are forgotten (P31). */
  abandon(reason: number, out: Out): void {
    this.rewind(reason, out);
    // What was never stored is not there to come again (P7).
    if (this.host.info.policies.persistent) this.#forgetUnwritten(reason, out);
    this.consumers.length = 0;
    this.#blockedConsumers = 0;
    this.dispatcher = null;
  }

  /** The cursor is what was written down of it: acks since then are forgotten, and what they were for is owed again (P31). */
  #forgetUnwritten(reason: number, out: Out): void {
    const { cursor } = this.record;
    const { ledger } = this.host.info;
    const before = new Set<number>();
    const acked = new Map<number, number[]>();
    const first = Math.max(ledger.start, 0);
    const wasMarked = cursor.markDelete;
    for (const index of cursor.individuallyAcked()) before.add(index);
    for (let i = wasMarked + 1; i < ledger.end; i++) {
      if (cursor.ackedOf(i) === 0) continue;
      const size = ledger.entry(i)?.messages.length ?? 0;
      acked.set(
        i,
        Array.from({ length: size }, (_, m) => m).filter((m) => cursor.isMessageAcked(i, m)),
      );
    }
    cursor.recover();
    for (let i = Math.max(first, cursor.markDelete + 1); i < ledger.end; i++) {
      const entry = ledger.entry(i);
      if (entry === undefined || this.#isAborted(entry)) continue;
      const whole = i <= wasMarked || before.has(i);
      const some = whole ? null : acked.get(i);
      if (!whole && some === undefined) continue;
      for (let m = 0; m < entry.messages.length; m++) {
        const wasAcked = whole || some?.includes(m) === true;
        if (wasAcked && !cursor.isMessageAcked(i, m)) this.#restored(entry.messages[m]?.id ?? 0, entry, reason, out);
      }
      this.#handedBefore(i);
    }
  }
}

/** How often the originals of a retried copy were tried, so that the trace goes on counting (P48). */
function triedBefore({ properties }: LedgerEntry): number {
  return properties === null ? 0 : Number(properties['RECONSUMETIMES'] ?? 0);
}
