/**
 * A topic partition on the broker that owns it: its producers, what it stores and in which order it is confirmed, its subscriptions, and the policies that are
 * looked at from time to time. Entries reach the ledger through a writer, which waits for bookies where there are any (`pulsar-writer.ts`).
 * It knows no connections: producers and consumers are voices that it answers.
 * Source: P7, P8, P10, P13, P14, P16, P46, P49–P60, P66–P70, P72.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { OptionValues } from '../options.ts';
import type { LedgerEntry } from '../parts/managed-ledger.ts';
import type { FactId, MessageId, Micros } from '../types.ts';
import { hasFanOut, type PulsarCluster, type SubscriptionRecord, type TopicInfo } from './pulsar-cluster.ts';
import { topicPolicies } from './pulsar-options.ts';
import { type ClientVoice, PulsarConsumer, PulsarSubscription, type SubscriptionHost } from './pulsar-subscription.ts';
import type { AccessMode, OpenProducer, Position, PulsarError, Send, Subscribe, TxnOutcome } from './pulsar-wires.ts';
import type { EntryWriter } from './pulsar-writer.ts';

/** A producer's session on one topic partition. */
export interface ProducerSession {
  readonly voice: ClientVoice;
  readonly id: number;
  readonly name: string;
  readonly accessMode: AccessMode;
  readonly epoch: number;
  /** Which holder of exclusive access it is, counted over the life of the topic; −1 for one that shares. */
  readonly topicEpoch: number;
  /** Thrown out by a newer one with ExclusiveWithFencing. */
  fenced: boolean;
}

export type TopicTimer =
  | { readonly type: 'pulsar/delayed' | 'pulsar/activate'; readonly subscription: PulsarSubscription }
  | {
      readonly type: 'pulsar/flush-cursors' | 'pulsar/expire' | 'pulsar/trim' | 'pulsar/quota' | 'pulsar/idle';
      readonly topic: PulsarTopic;
    };

/** Cursors that could not be written down for the rate limit are written after this long (managedLedgerCursorPositionFlushSeconds). */
const CURSOR_FLUSH_US: Micros = 60_000_000;
/** In `detail` of what is stored, and of what became visible. */
const IN_TXN = 3;
const COMMITTED = 1;
/** A topic without producers and subscriptions is deleted after so long (P55). */
const IDLE_US: Micros = 60_000_000;

export class PulsarTopic implements SubscriptionHost {
  readonly cluster: PulsarCluster;
  readonly info: TopicInfo;
  readonly epoch: number;
  readonly subscriptions = new Map<string, PulsarSubscription>();
  /** The same in a row, for what is done with every message. */
  #all: readonly PulsarSubscription[] = [];
  readonly producers = new Map<string, ProducerSession>();
  readonly #writer: EntryWriter;
  /** Those that wait for exclusive access, in order (P14). */
  #waiting: { readonly voice: ClientVoice; readonly request: OpenProducer }[] = [];
  /** Another broker owns the topic now; nothing is taken and nothing handed out any more. */
  deposed = false;
  /** The first entry of each open transaction; aborted ones stay known (P66). */
  readonly #openTxns = new Map<string, number>();
  readonly #abortedTxns = new Set<string>();
  maxRead = Number.POSITIVE_INFINITY;
  #quotaExceeded = false;
  #flushArmed = false;
  /** Bookies were told to drop what is before this. */
  #trimmedTo: number;
  compactedTo = -1;
  #compacted = new Set<number>();
  #bytesAtCompaction = 0;
  #idleArmed = false;

  constructor(cluster: PulsarCluster, info: TopicInfo, epoch: number, writer: EntryWriter) {
    this.cluster = cluster;
    this.info = info;
    this.epoch = epoch;
    this.#writer = writer;
    this.#trimmedTo = info.ledger.start;
  }

  /** A producer that waited for exclusive access is let in. */
  onWelcome: (session: ProducerSession, out: Out) => void = () => {};

  /** Begins to serve: cursors from what was written down, a ledger of its own, and the timers of its policies. */
  open(out: Out): void {
    const { info } = this;
    info.live = this;
    info.dedup.recover();
    if (info.ledger.end > 0) info.ledger.roll(out.now);
    for (const record of info.subscriptions.values()) {
      this.subscriptions.set(record.name, new PulsarSubscription(this, record, true));
    }
    this.#all = [...this.subscriptions.values()];
    for (let i = info.ledger.start; i < info.ledger.end; i++) {
      const txn = info.ledger.entry(i)?.txn ?? '';
      if (txn !== '') this.#noteTxn(txn, i);
    }
    this.#catchUp(out);
    const { settings } = this.cluster;
    out.timer(settings.retentionCheckUs, this.#timer('pulsar/trim'), 0);
    if (info.policies.ttlUs > 0) out.timer(settings.expiryCheckUs, this.#timer('pulsar/expire'), 0);
    if (this.#hasQuota) out.timer(settings.quotaCheckUs, this.#timer('pulsar/quota'), 0);
    this.#armIdle(out);
  }

  timer(timer: TopicTimer, out: Out): void {
    if (this.deposed) return;
    switch (timer.type) {
      case 'pulsar/delayed':
        return timer.subscription.delayOver(out);
      case 'pulsar/activate':
        return timer.subscription.dispatcher?.activate?.(out);
      case 'pulsar/flush-cursors':
        this.#flushArmed = false;
        return this.#persistCursors(out);
      case 'pulsar/expire':
        this.expire(out);
        out.timer(this.cluster.settings.expiryCheckUs, timer, 0);
        return;
      case 'pulsar/trim':
        this.trim(out);
        out.timer(this.cluster.settings.retentionCheckUs, timer, 0);
        return;
      case 'pulsar/quota':
        this.checkQuota(out);
        out.timer(this.cluster.settings.quotaCheckUs, timer, 0);
        return;
      case 'pulsar/idle':
        this.#idleArmed = false;
        if (this.producers.size === 0 && this.info.subscriptions.size === 0) this.#deleteIdle(out);
        return;
      default:
        return timer satisfies never;
    }
  }

  /** No longer the owner (P5). Facts are recorded by whoever notices: the dying broker, or the next owner. */
  abandon(reason: number, out: Out): void {
    if (this.info.live !== this) return;
    this.info.live = null;
    this.deposed = true;
    for (const subscription of this.subscriptions.values()) {
      subscription.abandon(reason, out);
      if (!subscription.durable) this.info.subscriptions.delete(subscription.name);
    }
    this.producers.clear();
    this.#waiting = [];
    this.#writer.close();
  }

  /** Writes all cursors down, as an orderly shutdown does. */
  flush(): void {
    for (const { cursor } of this.info.subscriptions.values()) cursor.persist(this.cluster.settings.maxRangesToPersist);
  }

  // ── Producers ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Lets a producer in, refuses it, or keeps it waiting (null) (P14). */
  addProducer(voice: ClientVoice, request: OpenProducer, out: Out): ProducerSession | PulsarError | null {
    const { accessMode, epoch, initialSubscription } = request;
    if (this.#quotaExceeded && this.info.policies.quotaPolicy !== 'consumer_backlog_eviction') {
      return this.info.policies.quotaPolicy === 'producer_exception'
        ? 'ProducerBlockedQuotaExceededException'
        : 'ProducerBlockedQuotaExceededError';
    }
    if (initialSubscription !== '' && !this.info.subscriptions.has(initialSubscription)) {
      if (!this.cluster.settings.autoSubscription) return 'NotAllowedError';
      this.#begin(initialSubscription, this.info.ledger.start, true, out);
    }
    const name = request.name === '' ? this.cluster.newProducerName() : request.name;
    const same = this.producers.get(name);
    if (same !== undefined) {
      // Its own process over a new connection takes over from the one that broke (P13).
      if (same.voice.peer !== voice.peer || epoch <= same.epoch) return 'ProducerBusy';
      this.producers.delete(name);
    }
    // Another has had the topic to itself since this one lost it.
    if (accessMode !== 'Shared' && request.topicEpoch >= 0 && request.topicEpoch < this.info.exclusiveEpoch)
      return 'ProducerFenced';
    const others = [...this.producers.values()];
    const exclusive = this.#waiting.length > 0 || others.some((other) => other.accessMode !== 'Shared');
    if (accessMode === 'ExclusiveWithFencing') {
      for (const other of others) this.#fence(other, out);
      for (const { voice: line, request: waits } of this.#waiting) this.#tellFenced(line, waits, out);
      this.#waiting = [];
    } else if (exclusive || (accessMode !== 'Shared' && others.length > 0)) {
      if (accessMode !== 'WaitForExclusive') return accessMode === 'Shared' ? 'ProducerBusy' : 'ProducerFenced';
      this.#wait(voice, { ...request, name });
      return null;
    }
    let topicEpoch = -1;
    if (accessMode !== 'Shared') {
      if (request.topicEpoch < 0) this.info.exclusiveEpoch++;
      topicEpoch = this.info.exclusiveEpoch;
    }
    const { producerId: id } = request;
    const session: ProducerSession = { voice, id, name, accessMode, epoch, topicEpoch, fenced: false };
    this.producers.set(name, session);
    return session;
  }

  /** It stands in line; once, however often it asks. */
  #wait(voice: ClientVoice, request: OpenProducer): void {
    const at = this.#waiting.findIndex((one) => one.voice === voice && one.request.producerId === request.producerId);
    if (at < 0) this.#waiting.push({ voice, request });
    else this.#waiting[at] = { voice, request };
  }

  /** A connection is gone: nobody waits on it for exclusive access any more (P14). */
  leaveLine(voice: ClientVoice): void {
    if (this.#waiting.length > 0) this.#waiting = this.#waiting.filter((one) => one.voice !== voice);
  }

  removeProducer(session: ProducerSession, out: Out): void {
    if (this.producers.get(session.name) === session) this.producers.delete(session.name);
    this.#waiting = this.#waiting.filter(
      ({ voice, request }) => voice !== session.voice || request.producerId !== session.id,
    );
    const [next, ...others] = this.#waiting;
    if (next !== undefined && this.producers.size === 0) {
      // It is its turn: those behind it are not in its way.
      this.#waiting = [];
      const entered = this.addProducer(next.voice, next.request, out);
      this.#waiting = others;
      if (entered !== null && typeof entered === 'object') this.onWelcome(entered, out);
    }
    this.#armIdle(out);
  }

  #fence(session: ProducerSession, out: Out): void {
    session.fenced = true;
    this.producers.delete(session.name);
    this.#tellFenced(session.voice, { producerId: session.id, epoch: session.epoch }, out);
  }

  #tellFenced(voice: ClientVoice, { producerId, epoch }: Pick<OpenProducer, 'producerId' | 'epoch'>, out: Out): void {
    out.fact(F.fenced, 0, this.info.place, voice.peer, epoch);
    voice.say({ type: 'ProducerError', producerId, error: 'ProducerFenced' }, 'control', out);
  }

  // ── Publishing ──────────────────────────────────────────────────────────────────────────────────────────────────

  publish(session: ProducerSession, send: Send, out: Out): void {
    const { settings } = this.cluster;
    const { policies, dedup } = this.info;
    if (this.deposed) return this.#refuse(session, send, 'ServiceNotReady', R['leader moved'], out);
    if (session.fenced) return this.#refuse(session, send, 'ProducerFenced', R.fenced, out);
    if (send.sizeBytes > settings.maxMessageSize)
      return this.#refuse(session, send, 'MessageTooLarge', R['refused by the broker'], out);
    if (this.#quotaExceeded && policies.quotaPolicy !== 'consumer_backlog_eviction') {
      const hold = policies.quotaPolicy === 'producer_request_hold';
      const error = hold ? 'ProducerBlockedQuotaExceededError' : 'ProducerBlockedQuotaExceededException';
      return this.#refuse(session, send, error, R['queue full'], out);
    }
    if (policies.dedup) {
      const last = send.sequence + send.messages.length - 1;
      const known = dedup.push(session.name, last, out.now);
      if (known === 'unsure') return this.#refuse(session, send, 'PersistenceError', R['outcome unknown'], out);
      if (known === 'duplicate') {
        for (const { id } of send.messages) out.fact(F.deduplicated, id, this.#placeOf(), session.voice.peer);
        return this.#confirm(session, send, -1, out);
      }
    }
    const entry: LedgerEntry = {
      index: -1,
      messages: send.messages,
      properties: send.properties,
      key: send.key,
      hash: -1,
      producer: session.name,
      sequence: send.sequence,
      sizeBytes: send.sizeBytes,
      publishedAtUs: out.now,
      deliverAtUs: send.deliverAtUs,
      txn: send.txn,
      fact: 0,
    };
    if (!policies.persistent) {
      this.stored(entry, session, send, out.cause, out);
      this.#dropUnheard(entry, out);
      return;
    }
    this.#writer.write(entry, session, send, out);
  }

  /** An entry is stored, in its order: it counts from now on (P10). `cause` is what brought it. */
  stored(entry: LedgerEntry, session: ProducerSession, send: Send, cause: FactId, out: Out): void {
    this.#append(entry, send, out, cause);
    this.#confirm(session, send, entry.index, out);
    const all = this.#all;
    for (let i = 0; i < all.length; i++) (all[i] as PulsarSubscription).dispatch(out);
    this.#compactIfDue();
  }

  /** An entry that a former owner wrote was found on bookies: it is stored, though nobody was told. */
  recovered(entry: LedgerEntry, out: Out): void {
    this.#append(entry, null, out);
  }

  #append(entry: LedgerEntry, send: Send | null, out: Out, because?: FactId): void {
    const { info } = this;
    info.ledger.append(entry, out.now);
    const { messages } = entry;
    if (info.policies.dedup) info.dedup.persisted(entry.producer, entry.sequence + messages.length - 1, out.now);
    if (entry.txn !== '') this.#noteTxn(entry.txn, entry.index);
    if (send !== null && send.dead !== null) this.#buried(entry, send, out, because);
    const all = this.#all;
    if (all.length === 0) {
      for (const { id } of messages) out.fact(F.unroutable, id, info.place, 0, 0, R['no route'], because);
      return;
    }
    const fanOut = hasFanOut(info);
    const hidden = entry.txn !== '';
    for (let s = 0; s < all.length; s++) {
      const subscription = all[s] as PulsarSubscription;
      const place = subscription.placeOf(entry);
      const how = hidden ? IN_TXN : subscription.isDelayed(entry.deliverAtUs, out.now) ? 1 : 0;
      if (fanOut) for (const { id } of messages) out.fact(F.routed, id, place, 0, 0, 0, because);
      let first = 0;
      for (let i = 0; i < messages.length; i++) {
        const id = messages[i]?.id ?? 0;
        const fact = fanOut
          ? out.fact(F.appended, id, place, 0, 0, how)
          : out.fact(F.appended, id, place, 0, 0, how, because);
        if (first === 0) first = fact;
      }
      entry.fact = first;
    }
    if (all.length > 1) entry.fact = 0;
    // It came after the end of its transaction.
    const outcome = hidden ? this.cluster.ended.get(entry.txn) : undefined;
    if (outcome === undefined) return;
    if (this.#openTxns.has(entry.txn)) this.#carryOut(entry.txn, outcome, because, out);
    else this.#reveal(entry, outcome, because, out);
  }

  /** A dead letter arrived: with it the original has left its subscription, whoever has it now, unless it had left before. If its ack is lost, it will be back (P45). */
  #buried(entry: LedgerEntry, send: Send, out: Out, because?: FactId): void {
    if (send.dead === null) return;
    const { topic, subscription, index, deliveries, reason } = send.dead;
    const origin = this.cluster.topic(topic);
    const record = origin.subscriptions.get(subscription);
    const original = origin.ledger.entry(index);
    if (record === undefined || original === undefined) return;
    for (const { id } of entry.messages) {
      const at = original.messages.findIndex((message) => message.id === id);
      if (at < 0 || record.buried.has(id) || record.cursor.isMessageAcked(index, at)) continue;
      out.fact(F['dead-lettered'], id, this.#placeOf(), 0, deliveries, reason, because);
      record.buried.add(id);
    }
  }

  /** Where the topic's messages are shown. */
  #placeOf(): number {
    const [only] = this.subscriptions.values();
    return only === undefined || hasFanOut(this.info) ? this.info.place : only.place;
  }

  #confirm(session: ProducerSession, { producerId, sequence, messages }: Send, index: number, out: Out): void {
    const { ledgerId, entryId } = index < 0 ? NO_ID : this.info.ledger.idOf(index);
    const ids = idsOf(messages);
    session.voice.say({ type: 'SendReceipt', producerId, sequence, ledgerId, entryId, index }, 'reply', out, ids);
  }

  #refuse(session: ProducerSession, send: Send, error: PulsarError, reason: number, out: Out): void {
    const { producerId, sequence, messages } = send;
    for (const { id } of messages) out.fact(F.rejected, id, this.#placeOf(), session.voice.peer, 0, reason);
    session.voice.say({ type: 'SendError', producerId, sequence, error }, 'reply', out, idsOf(messages));
  }

  /** Non-persistent: what nobody could take at once is gone for that subscription (P7). */
  #dropUnheard(entry: LedgerEntry, out: Out): void {
    for (const subscription of this.subscriptions.values()) {
      if (subscription.record.cursor.isAcked(entry.index)) continue;
      subscription.passUpTo(entry.index, F.lost, R['over capacity'], out);
    }
  }

  // ── Subscribing ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Adds a consumer to its subscription, which is made if need be (P16). */
  subscribe(voice: ClientVoice, request: Subscribe, out: Out): PulsarConsumer | PulsarError {
    if (this.deposed) return 'ServiceNotReady';
    const { subscription: name, durable } = request;
    let subscription = this.subscriptions.get(name);
    if (subscription === undefined) {
      if (!this.cluster.settings.autoSubscription && durable) return 'SubscriptionNotFound';
      subscription = this.#begin(name, this.positionOf(request.start), durable, out);
    } else if (subscription.durable !== durable) return 'NotAllowedError';
    const consumer = new PulsarConsumer(voice, request);
    const refused = subscription.addConsumer(consumer, out);
    return refused === '' ? consumer : refused;
  }

  /** A subscription's first owed entry, for a position (P57). The mark-delete position is the entry before it. */
  positionOf(position: Position): number {
    const { ledger } = this.info;
    switch (position.type) {
      case 'earliest':
        return ledger.start;
      case 'latest':
        return ledger.end;
      case 'time':
        return ledger.firstAt(position.timeUs);
      case 'message': {
        const at = position.index + (position.inclusive ? 0 : 1);
        return Math.max(ledger.start, Math.min(at, ledger.end));
      }
      default:
        return position satisfies never;
    }
  }

  /** Moves a subscription and sends its consumers away; they come back by themselves (P57). */
  seek(name: string, to: Position, out: Out): void {
    const subscription = this.subscriptions.get(name);
    if (subscription === undefined) return;
    for (const consumer of [...subscription.consumers]) {
      consumer.voice.say({ type: 'CloseConsumer', consumerId: consumer.id }, 'control', out);
      subscription.removeConsumer(consumer, R.stopped, out);
    }
    subscription.reset(this.positionOf(to), out);
  }

  unsubscribe(name: string, out: Out): void {
    const subscription = this.subscriptions.get(name);
    if (subscription === undefined) return;
    for (const consumer of [...subscription.consumers]) subscription.removeConsumer(consumer, R.stopped, out);
    subscription.passUpTo(this.info.ledger.end - 1, F.evicted, R.purged, out);
    this.subscriptions.delete(name);
    this.#all = [...this.subscriptions.values()];
    this.info.subscriptions.delete(name);
    this.#armIdle(out);
  }

  /** A reader's cursor goes with its last consumer (P16, P58). */
  leave(subscription: PulsarSubscription, consumer: PulsarConsumer, reason: number, out: Out): void {
    subscription.removeConsumer(consumer, reason, out);
    if (!subscription.durable && subscription.consumers.length === 0) this.unsubscribe(subscription.name, out);
  }

  /** Makes a subscription; what is stored from there on is owed to it. */
  #begin(name: string, from: number, durable: boolean, out: Out): PulsarSubscription {
    const subscription = this.#create(name, from, durable);
    for (let i = from; i < this.info.ledger.end; i++) {
      const { messages, txn } = this.info.ledger.entry(i) ?? NO_ENTRY;
      if (txn !== '' && this.isAborted(txn)) continue;
      for (const { id } of messages)
        out.fact(F.appended, id, subscription.place, 0, 0, this.#openTxns.has(txn) ? IN_TXN : 0);
    }
    return subscription;
  }

  #create(name: string, from: number, durable: boolean): PulsarSubscription {
    const record: SubscriptionRecord = this.cluster.subscribe(this.info, name, from);
    const subscription = new PulsarSubscription(this, record, durable);
    this.subscriptions.set(name, subscription);
    this.#all = [...this.subscriptions.values()];
    return subscription;
  }

  /** A cursor is written down at most so often, each by itself; else all are a while later (P31). */
  acked(subscription: PulsarSubscription, out: Out): void {
    const { cursor } = subscription.record;
    if (!cursor.dirty || !subscription.durable) return;
    const { markDeleteEveryUs, maxRangesToPersist } = this.cluster.settings;
    if (out.now - subscription.writtenAtUs >= markDeleteEveryUs) {
      cursor.persist(maxRangesToPersist);
      subscription.writtenAtUs = out.now;
    } else if (!this.#flushArmed) {
      this.#flushArmed = true;
      out.timer(CURSOR_FLUSH_US, this.#timer('pulsar/flush-cursors'), 0);
    }
  }

  #persistCursors(out: Out): void {
    for (const subscription of this.subscriptions.values()) subscription.writtenAtUs = out.now;
    this.flush();
  }

  wakeDelayed(subscription: PulsarSubscription, atUs: Micros, out: Out): void {
    const timer: TopicTimer = { type: 'pulsar/delayed', subscription };
    out.timer(atUs - out.now, timer);
  }

  activateLater(subscription: PulsarSubscription, afterUs: Micros, out: Out): void {
    const timer: TopicTimer = { type: 'pulsar/activate', subscription };
    out.timer(afterUs, timer);
  }

  // ── Policies ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** TTL: whatever is older is acked away, subscription by subscription (P52). A delay does not make a message younger (P70). */
  expire(out: Out): void {
    const { ledger, policies } = this.info;
    if (policies.ttlUs <= 0) return;
    const last = ledger.firstAt(out.now - policies.ttlUs + 1) - 1;
    for (const subscription of this.subscriptions.values()) {
      if (subscription.durable && last >= subscription.firstOwed)
        subscription.passUpTo(last, F.expired, R['TTL passed'], out);
    }
    this.trim(out);
  }

  /** Deletes closed ledgers that no subscription and no retention holds (P49–P51); copies others to tiered storage, and has bookies drop what was copied long ago (P72). */
  trim(out: Out): void {
    const { ledger, policies } = this.info;
    ledger.rollIfDue(out.now);
    ledger.offload(this.cluster.settings.offloadThreshold, out.now);
    let acked = ledger.end;
    for (const subscription of this.subscriptions.values()) {
      if (subscription.durable && subscription.firstOwed < acked) acked = subscription.firstOwed;
    }
    const start = Math.max(
      ledger.trim(acked, policies.retention, out.now),
      ledger.tieredUpTo(out.now, this.cluster.settings.offloadLagUs),
    );
    if (start <= this.#trimmedTo) return;
    this.#trimmedTo = start;
    this.#writer.trim(start, out);
  }

  /** A policy is changed from now on; values are as the option tables have them. */
  setPolicy(option: string, value: unknown, out: Out): void {
    const { policies } = this.info;
    if (option === 'backlogQuota' && typeof value === 'object' && value !== null) {
      const changed = topicPolicies({ backlogQuota: value as OptionValues }, this.cluster.settings);
      policies.quotaBytes = changed.quotaBytes;
      policies.quotaAgeUs = changed.quotaAgeUs;
      policies.quotaPolicy = changed.quotaPolicy;
      this.checkQuota(out);
    } else if (option === 'deduplicationEnabled') policies.dedup = value === true;
    if (typeof value !== 'number') return;
    const { timeUs, sizeBytes } = policies.retention;
    if (option === 'messageTTL') {
      if (policies.ttlUs <= 0 && value > 0)
        out.timer(this.cluster.settings.expiryCheckUs, this.#timer('pulsar/expire'), 0);
      policies.ttlUs = value;
    } else if (option === 'retentionTime') policies.retention = { timeUs: value, sizeBytes };
    else if (option === 'retentionSizeInMB')
      policies.retention = { timeUs, sizeBytes: value < 0 ? -1 : value * 1_048_576 };
    else if (option === 'compactionThreshold') policies.compactionBytes = value;
  }

  get #hasQuota(): boolean {
    return this.info.policies.quotaBytes > 0 || this.info.policies.quotaAgeUs > 0;
  }

  /** Compares the backlog of the slowest subscription with the quota (P54). */
  checkQuota(out: Out): void {
    const { policies } = this.info;
    if (!this.#hasQuota) return;
    let slowest = this.#slowest();
    const over = slowest !== undefined && this.#isOver(slowest, out.now, 1);
    if (policies.quotaPolicy === 'consumer_backlog_eviction') {
      if (!over) return;
      // Down to nine tenths of the quota, so that not every check finds it over.
      for (; slowest !== undefined && this.#isOver(slowest, out.now, EVICTS_TO); slowest = this.#slowest())
        slowest.passUpTo(slowest.firstOwed, F.evicted, R['queue full'], out);
      return;
    }
    if (over && !this.#quotaExceeded) {
      for (const { voice, id } of this.producers.values())
        voice.say({ type: 'CloseProducer', producerId: id }, 'control', out);
      this.producers.clear();
    }
    this.#quotaExceeded = over;
  }

  #slowest(): PulsarSubscription | undefined {
    let slowest: PulsarSubscription | undefined;
    for (const subscription of this.subscriptions.values()) {
      if (!subscription.durable) continue;
      if (slowest === undefined || subscription.firstOwed < slowest.firstOwed) slowest = subscription;
    }
    return slowest;
  }

  /** Whether the backlog is above this part of its quota. */
  #isOver({ firstOwed }: PulsarSubscription, now: Micros, part: number): boolean {
    const { ledger, policies } = this.info;
    const quotaBytes = policies.quotaBytes * part;
    const quotaAgeUs = policies.quotaAgeUs * part;
    const first = ledger.entry(firstOwed);
    if (first === undefined) return false;
    if (quotaAgeUs > 0 && now - first.publishedAtUs > quotaAgeUs) return true;
    if (quotaBytes === 0) return false;
    let bytes = 0;
    for (let i = firstOwed; i < ledger.end && bytes <= quotaBytes; i++) bytes += ledger.entry(i)?.sizeBytes ?? 0;
    return bytes > quotaBytes;
  }

  #armIdle(out: Out): void {
    if (!this.cluster.settings.deleteInactive || this.info.declared || this.#idleArmed) return;
    if (this.producers.size > 0 || this.info.subscriptions.size > 0) return;
    this.#idleArmed = true;
    out.timer(IDLE_US, this.#timer('pulsar/idle'), 0);
  }

  /** Nobody uses the topic: what it still holds goes with it (P55). */
  #deleteIdle(out: Out): void {
    const { ledger } = this.info;
    if (ledger.end === ledger.start) return;
    ledger.roll(out.now);
    ledger.trim(ledger.end, { timeUs: 0, sizeBytes: 0 }, out.now);
  }

  // ── Compaction ──────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Finds the latest message of each key up to now; an empty one deletes its key. The backlog stays as it is (P59). It reads as subscriptions do: not beyond an
   * open transaction, and nothing of aborted ones (P66).
   */
  compact(): void {
    const { ledger } = this.info;
    const latest = new Map<string, number>();
    const kept = new Set<number>();
    const end = Math.min(ledger.end, this.maxRead);
    for (let i = ledger.start; i < end; i++) {
      const { messages, txn } = ledger.entry(i) ?? NO_ENTRY;
      if (txn !== '' && this.isAborted(txn)) continue;
      for (const { key, sizeBytes } of messages) {
        if (key === null) kept.add(i);
        else if (sizeBytes === 0) latest.delete(key);
        else latest.set(key, i);
      }
    }
    for (const index of latest.values()) kept.add(index);
    this.#compacted = kept;
    this.compactedTo = end - 1;
    this.#bytesAtCompaction = ledger.bytes;
  }

  isCompacted(index: number): boolean {
    return this.#compacted.has(index);
  }

  #compactIfDue(): void {
    const { compactionBytes } = this.info.policies;
    if (compactionBytes > 0 && this.info.ledger.bytes - this.#bytesAtCompaction >= compactionBytes) this.compact();
  }

  // ── Transactions ────────────────────────────────────────────────────────────────────────────────────────────────

  isAborted(txn: string): boolean {
    return this.#abortedTxns.has(txn);
  }

  /** Messages of the transaction become visible or are filtered; its acks count or are taken back (P66, P67). */
  endTxn({ txn, committed, because }: TxnOutcome, out: Out): void {
    if (this.deposed) return;
    this.#carryOut(txn, committed, because, out);
    for (const subscription of this.subscriptions.values()) {
      subscription.endTxn(txn, committed, out);
      subscription.dispatch(out);
    }
  }

  /** What ended while nobody owned the topic: the log of the coordinator tells how. */
  #catchUp(out: Out): void {
    const { ended } = this.cluster;
    for (const txn of [...this.#openTxns.keys()]) {
      const outcome = ended.get(txn);
      if (outcome !== undefined) this.#carryOut(txn, outcome, undefined, out);
    }
    for (const subscription of this.subscriptions.values()) {
      for (const txn of subscription.announcing) {
        const outcome = ended.get(txn);
        if (outcome !== undefined) subscription.endTxn(txn, outcome, out);
      }
    }
  }

  /** Shows the messages of a transaction, or lets them go (P66). */
  #carryOut(txn: string, committed: boolean, because: FactId | undefined, out: Out): void {
    const { ledger, endedTxns } = this.info;
    const first = this.#openTxns.get(txn);
    this.#openTxns.delete(txn);
    if (!committed) this.#abortedTxns.add(txn);
    if (first === undefined) return;
    endedTxns.add(txn);
    for (let i = first; i < ledger.end; i++) {
      const entry = ledger.entry(i);
      if (entry !== undefined && entry.txn === txn) this.#reveal(entry, committed, because, out);
    }
    let least = Number.POSITIVE_INFINITY;
    for (const index of this.#openTxns.values()) if (index < least) least = index;
    this.maxRead = least;
  }

  #reveal(entry: LedgerEntry, committed: boolean, because: FactId | undefined, out: Out): void {
    entry.fact = 0;
    for (const subscription of this.subscriptions.values()) {
      // Made later than the message, or it has been let go meanwhile.
      if (subscription.record.cursor.isAcked(entry.index)) continue;
      const place = subscription.placeOf(entry);
      let shown = 0;
      for (const { id } of entry.messages) {
        if (!committed) out.fact(F.evicted, id, place, 0, 0, R['transaction aborted'], because);
        else if (!subscription.isDelayed(entry.deliverAtUs, out.now)) {
          const fact = out.fact(F['became-visible'], id, place, 0, 0, COMMITTED, because);
          if (shown === 0) shown = fact;
        }
      }
      if (!committed) subscription.discard(entry.index);
      else if (this.subscriptions.size === 1) entry.fact = shown;
    }
  }

  #noteTxn(txn: string, index: number): void {
    if (this.cluster.ended.get(txn) === false) this.#abortedTxns.add(txn);
    if (this.info.endedTxns.has(txn) || this.#openTxns.has(txn)) return;
    this.#openTxns.set(txn, index);
    if (index < this.maxRead) this.maxRead = index;
  }

  #timer(type: Exclude<TopicTimer['type'], 'pulsar/delayed' | 'pulsar/activate'>): TopicTimer {
    return { type, topic: this };
  }
}

/** A backlog above its quota is evicted down to this part of it (P54). */
const EVICTS_TO = 0.9;
const NO_ENTRY: Pick<LedgerEntry, 'messages' | 'txn'> = { messages: [], txn: '' };
const NO_ID = { ledgerId: -1, entryId: -1 };

/** Numbers of the messages of a batch, or of its only one. */
function idsOf(messages: Send['messages']): MessageId | readonly MessageId[] {
  return messages.length === 1 ? (messages[0]?.id ?? 0) : messages.map(({ id }) => id);
}
