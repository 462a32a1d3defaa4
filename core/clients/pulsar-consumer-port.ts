/**
 * A Pulsar consumer: prefetches by permits, hands to the application what it has room for, gathers acks, and does what in Pulsar is the client's part of
 * redelivery: negative acks and ack timeouts that wait in its memory, dead letters and retry letters that it publishes itself. A partitioned topic,
 * and several topics, are so many subscriptions under one roof. With `forward.to` it acks within the transactions of `PulsarForwarder`.
 * Source: P18, P27, P30, P31, P33, P36–P48, P67.
 */
import type { PulsarCluster } from '../brokers/pulsar-cluster.ts';
import type {
  AckedEntry,
  ClientCommand,
  DeadLetter,
  Handed,
  Position,
  PulsarError,
  ServerCommand,
  SubscriptionType,
  TopicNumber,
} from '../brokers/pulsar-wires.ts';
import { R } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import { booleanOf, numberOf, type OptionValues, tableOf, textOf } from '../options.ts';
import { Fifo } from '../parts/fifo.ts';
import { type KeyRange, keyRange } from '../parts/key-ranges.ts';
import type { LedgerEntry, Properties } from '../parts/managed-ledger.ts';
import type { ActorId, Delivery, FactId, Message, MessageId, Micros, Settlement } from '../types.ts';
import type { ConsumerHost, ConsumerPort, ConsumerPortSpec } from './ports.ts';
import { type AskedAck, type ForwarderHost, PulsarForwarder } from './pulsar-forwarder.ts';
import { PulsarLetters } from './pulsar-letters.ts';
import { PulsarClient, type Session, type SessionHost } from './pulsar-link.ts';
import { RedeliveryTracker } from './pulsar-redelivery.ts';

/** A subscription on one topic partition. */
interface Source {
  readonly topic: TopicNumber;
  readonly id: number;
  session: Session | null;
  /** Permits used up by the application and not given back to the broker yet. */
  used: number;
  /** Exclusive and Failover: what was sent before the last request to redeliver is old. */
  epoch: number;
  /** Acks that wait to be sent; null for none. */
  acks: AckedEntry[] | null;
  /** Cumulative: what is to be acked up to; null for nothing. */
  upTo: AckedEntry | null;
  /** Of a reader: the last message that the application got; null before the first. There it goes on over another connection (P16, P58). */
  last: ReceivedMessage | null;
}

/** An entry that this client was handed: one message, or a batch of which some are still open. */
export interface Held {
  readonly source: Source;
  readonly entry: LedgerEntry;
  /** The same for whatever is handed out of this entry. */
  readonly key: number;
  readonly redeliveryCount: number;
  readonly attempt: number;
  /** Its source's when it came. */
  readonly epoch: number;
  /** How many of its messages are not acked. */
  left: number;
  /** Which of a batch are; null for none, or all. */
  done: Set<number> | null;
}

/** A message as the application gets it; its handle is the entry that it lay in. */
export interface ReceivedMessage extends Delivery {
  readonly handle: Held;
  readonly batchIndex: number;
}

/** A receipt that is waited for. */
interface Receipt {
  readonly source: Source;
  readonly deliveries: readonly Delivery[];
}

const FLUSH: Wire = { type: 'pulsar/ack-flush' };
/** So many gathered acks are sent without waiting any longer (maxAcknowledgmentGroupSize). */
const MOST_ACKS = 1000;
/** Without a policy, retry letters go on so often (P48). */
const DEFAULT_RETRIES = 16;

export class PulsarConsumerPort implements ConsumerPort, SessionHost, ForwarderHost {
  readonly #cluster: PulsarCluster;
  readonly #host: ConsumerHost;
  readonly #client: PulsarClient;
  readonly #spec: ConsumerPortSpec;
  readonly #subscription: string;
  readonly #type: SubscriptionType;
  readonly #queueSize: number;
  readonly #ackGroupUs: Micros;
  readonly #receipts: boolean;
  readonly #cumulative: boolean;
  readonly #byIndex: boolean;
  readonly #durable: boolean;
  readonly #ranges: readonly KeyRange[];
  readonly #limit: number;
  readonly #retries: boolean;
  readonly #retryDelayUs: Micros;
  readonly #redelivery: RedeliveryTracker<Held>;
  readonly #deadLetters: PulsarLetters | null;
  readonly #retryLetters: PulsarLetters | null;
  readonly #forwarder: PulsarForwarder | null;
  #sources: Source[] = [];
  readonly #incoming = new Fifo<ReceivedMessage>();
  #room = 0;
  #flushArmed = false;
  #requests = 0;
  readonly #waiting = new Map<number, Receipt>();
  /** Deliveries whose ack gathers and wants a receipt. */
  readonly #unsent = new Map<Source, Delivery[]>();

  constructor(cluster: PulsarCluster, spec: ConsumerPortSpec, host: ConsumerHost) {
    const { options } = spec;
    this.#cluster = cluster;
    this.#spec = spec;
    this.#host = host;
    this.#client = new PulsarClient(cluster.nodes, spec.instance, this);
    this.#subscription = subscriptionOf(options, spec.group);
    this.#type = textOf(options, 'subscriptionType', 'Exclusive') as SubscriptionType;
    this.#queueSize = numberOf(options, 'receiverQueueSize', 1000);
    // What must be acked before it is worked on waits for the broker's word, so it is asked for at once.
    const first = spec.settle === 'before-processing';
    this.#ackGroupUs = first ? 0 : numberOf(options, 'acknowledgmentGroupTime', 100_000);
    this.#receipts = first || booleanOf(options, 'ackReceiptEnabled');
    this.#cumulative = booleanOf(options, 'cumulativeAck');
    this.#byIndex = booleanOf(options, 'acknowledgmentAtBatchIndexLevelEnabled');
    this.#durable = textOf(options, 'subscriptionMode', 'Durable') === 'Durable';
    this.#ranges = rangesOf(options, spec);
    const policy = tableOf(options, 'deadLetterPolicy');
    this.#retries = booleanOf(options, 'enableRetry');
    this.#limit = policy === undefined ? (this.#retries ? DEFAULT_RETRIES : 0) : numberOf(policy, 'maxRedeliverCount');
    this.#retryDelayUs = numberOf(options, 'reconsumeLaterDelay', 1_000_000);
    this.#redelivery = new RedeliveryTracker(options);
    const shares = this.#shares;
    const [topic = ''] = spec.from;
    const names = letterTopics(topic, this.#subscription, options);
    this.#deadLetters =
      this.#limit > 0 && shares
        ? new PulsarLetters(
            this.#client,
            cluster.partitionsOf(names.dead)[0] ?? 0,
            textOf(policy ?? {}, 'initialSubscriptionName'),
          )
        : null;
    this.#retryLetters = this.#retries
      ? new PulsarLetters(this.#client, cluster.partitionsOf(names.retry)[0] ?? 0, '')
      : null;
    const to = textOf(options, 'forward.to');
    // What is acked before it is worked on is acked by itself: nothing is made of it yet.
    this.#forwarder =
      to === '' || spec.settle !== 'after-processing'
        ? null
        : new PulsarForwarder(this.#client, cluster, to, numberOf(options, 'transactionTimeout', 60_000_000), this);
  }

  start(out: Out): void {
    this.#sources = [];
    for (const name of this.#spec.from) for (const topic of this.#cluster.partitionsOf(name)) this.#addSource(topic);
    if (this.#retryLetters !== null) this.#addSource(this.#retryLetters.topic);
    for (const source of this.#sources) source.session = this.#client.add(source.id, source.topic, out);
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    this.#client.receive(from, wire, out);
  }

  timer(wire: Wire, out: Out): void {
    switch (wire.type) {
      case 'pulsar/ack-flush':
        this.#flushArmed = false;
        return this.#flush(out);
      case 'pulsar/nacks':
        return this.#again(this.#redelivery.take('pulsar/nacks', out), R.nacked, out);
      case 'pulsar/ack-timeouts':
        return this.#again(this.#redelivery.take('pulsar/ack-timeouts', out), R['timed out'], out);
      default:
        if (!this.#client.timer(wire, out)) this.#forwarder?.timer(wire, out);
    }
  }

  peerLost(peer: ActorId, out: Out): void {
    this.#client.peerLost(peer, out);
  }

  stop(out: Out): void {
    this.#flush(out);
    this.#client.stop(out);
  }

  crash(): void {
    this.#client.crash();
    this.#redelivery.clear();
    this.#deadLetters?.crash();
    this.#retryLetters?.crash();
    this.#forwarder?.crash();
    this.#incoming.clear();
    this.#sources = [];
    this.#waiting.clear();
    this.#unsent.clear();
    this.#flushArmed = false;
    this.#room = 0;
  }

  room(messages: number, out: Out): void {
    this.#room = messages;
    this.#pump(out);
  }

  /** Pulsar holds no lock by time (P36). */
  extend(): void {}

  settle(delivery: Delivery, how: Settlement, out: Out, because?: FactId): void {
    switch (how) {
      case 'ack': {
        const { handle, batchIndex } = delivery as ReceivedMessage;
        if (this.#forwarder === null) return this.#ack(handle, batchIndex, delivery, out);
        if (isDoneWith(handle, batchIndex)) this.#redelivery.forget(handle.key, out);
        return this.#forwarder.push(delivery, because ?? out.cause, out);
      }
      case 'requeue':
      case 'reject':
        if (this.#retryLetters !== null) this.reconsumeLater(delivery, this.#retryDelayUs, out);
        else this.negativeAcknowledge(delivery, out);
        return this.#host.settled(delivery, true, out);
      case 'leave':
        return this.#host.settled(delivery, true, out);
      default:
        return how satisfies never;
    }
  }

  // ── The client's verbs, for who speaks to it directly ──────────────────────────────────────────────────────────

  /** Told when the broker refuses the subscription. */
  refused: (error: PulsarError) => void = () => {};

  /** Acks one message, everything up to it, or one of the two within a transaction; at once (P30, P67). */
  acknowledge(delivery: Delivery, cumulative: boolean, txn: string, out: Out): void {
    const held = heldOf(delivery);
    const { source, entry } = held;
    const { session, id: consumerId } = source;
    if (session === null || session.state !== 'ready') return;
    this.#redelivery.forget(held.key, out);
    const request = ++this.#requests;
    const entries: AckedEntry[] = [{ index: entry.index, batch: null }];
    this.#client.say(session, { type: 'Ack', consumerId, entries, cumulative, txn, request }, 'ack', out);
  }

  /** The answer to the last `acknowledge`; '' for yes. */
  ackError: PulsarError | '' = '';

  negativeAcknowledge(delivery: Delivery, out: Out): void {
    const held = heldOf(delivery);
    this.#redelivery.nacked(held, held.redeliveryCount, out);
  }

  reconsumeLater(delivery: Delivery, delayUs: Micros, out: Out): void {
    const { handle, batchIndex } = delivery as ReceivedMessage;
    this.#reconsumeLater(handle, batchIndex, delayUs, out);
  }

  /** Asks for everything again that is not acked (P36, P39). */
  redeliverUnacknowledgedMessages(out: Out): void {
    for (const source of this.#sources) this.#redeliver(source, null, R.nacked, out);
  }

  seek(to: Position, out: Out): void {
    for (const source of this.#sources) {
      const { session, id } = source;
      source.last = null;
      if (session !== null) this.#client.say(session, { type: 'Seek', consumerId: id, to }, 'control', out);
    }
  }

  unsubscribe(out: Out): void {
    for (const { session, id } of this.#sources)
      if (session !== null) this.#client.say(session, { type: 'Unsubscribe', consumerId: id }, 'control', out);
  }

  // ── Writing on in transactions ────────────────────────────────────────────────────────────────────────────────

  get #shares(): boolean {
    return this.#type === 'Shared' || this.#type === 'Key_Shared';
  }

  /** Exclusive and Failover: all that was handed out before the last request to redeliver comes again. */
  isStale(delivery: Delivery): boolean {
    const { source, epoch } = heldOf(delivery);
    return epoch < source.epoch;
  }

  isSame(one: Delivery, other: Delivery): boolean {
    const { handle, batchIndex } = one as ReceivedMessage;
    return handle.key === heldOf(other).key && batchIndex === (other as ReceivedMessage).batchIndex;
  }

  ackInTxn(deliveries: readonly Delivery[], txn: string, out: Out): readonly AskedAck[] {
    const bySource = new Map<Source, Delivery[]>();
    for (const delivery of deliveries) {
      const { source } = heldOf(delivery);
      const some = bySource.get(source);
      if (some === undefined) bySource.set(source, [delivery]);
      else some.push(delivery);
    }
    return [...bySource].map(([{ session, id: consumerId }, some]): AskedAck => {
      if (session === null || session.state !== 'ready') return { request: 0, deliveries: some };
      const request = ++this.#requests;
      const entries = some.map((one): AckedEntry => {
        const { handle, batchIndex } = one as ReceivedMessage;
        const { index, messages } = handle.entry;
        return { index, batch: messages.length === 1 ? null : [batchIndex] };
      });
      const ack: ClientCommand = {
        type: 'Ack',
        consumerId,
        entries,
        cumulative: false,
        txn,
        request,
      };
      const ids = some.map(({ message }) => message.id);
      this.#client.say(session, ack, 'ack', out, ids.length === 1 ? (ids[0] ?? 0) : ids);
      return { request, deliveries: some };
    });
  }

  done(deliveries: readonly Delivery[], out: Out): void {
    for (const delivery of deliveries) this.#host.settled(delivery, true, out);
  }

  /** The broker hands out again what was announced; on Exclusive and Failover that is everything, so what lies here is dropped (P39, P67). */
  aborted(deliveries: readonly Delivery[], unannounced: readonly Delivery[], out: Out): void {
    if (this.#shares) for (const delivery of unannounced) this.negativeAcknowledge(delivery, out);
    else {
      for (const source of new Set(deliveries.map((delivery) => heldOf(delivery).source)))
        this.#redeliver(source, null, R['transaction aborted'], out);
      this.#host.revoked([...new Set(deliveries.map(({ place }) => place))], out);
    }
    for (const delivery of deliveries) this.#host.settled(delivery, false, out);
  }

  // ── Receiving ───────────────────────────────────────────────────────────────────────────────────────────────────

  open(session: Session, out: Out): void {
    if (this.#deadLetters?.isOf(session)) return this.#deadLetters.open(session, out);
    if (this.#retryLetters?.isOf(session)) return this.#retryLetters.open(session, out);
    const producer = this.#forwarder?.producerOf(session);
    if (producer !== undefined) return producer.open(session, out);
    const { options, name } = this.#spec;
    this.#client.say(
      session,
      {
        type: 'Subscribe',
        consumerId: session.id,
        topic: session.topic,
        subscription: this.#subscription,
        subscriptionType: this.#type,
        consumerName: name,
        priorityLevel: numberOf(options, 'priorityLevel'),
        start: this.#startOf(session),
        durable: this.#durable,
        sticky: textOf(options, 'keySharedMode') === 'STICKY',
        ranges: this.#ranges,
        allowOutOfOrder: booleanOf(options, 'allowOutOfOrderDelivery'),
        readCompacted: booleanOf(options, 'readCompacted'),
      },
      'control',
      out,
    );
  }

  /** Where a new subscription begins. A reader's ended with its connection, and begins anew after what it got last; with all of a batch that it got in part. */
  #startOf({ id, topic }: Session): Position {
    const last = this.#sources[id - 1]?.last;
    if (last != null) {
      const { index, messages } = last.handle.entry;
      return { type: 'message', index, inclusive: last.batchIndex < messages.length - 1 };
    }
    const latest = textOf(this.#spec.options, 'subscriptionInitialPosition', 'Latest') === 'Latest';
    return { type: latest && topic !== this.#retryLetters?.topic ? 'latest' : 'earliest' };
  }

  /** What was prefetched is forgotten: the broker gives it out again. What the application has it goes on with, and its ack will count (P34). */
  closed(session: Session, out: Out): void {
    const source = this.#sources[session.id - 1];
    if (source === undefined) return;
    this.#incoming.retain((one) => heldOf(one).source !== source);
    this.#forwarder?.lost((delivery) => heldOf(delivery).source === source, out);
    for (const [request, receipt] of this.#waiting) {
      if (receipt.source !== source) continue;
      this.#waiting.delete(request);
      for (const delivery of receipt.deliveries) this.#host.settled(delivery, false, out);
    }
  }

  said(session: Session, command: ServerCommand, out: Out): void {
    const source = session.id < DEAD_LETTERS ? this.#sources[session.id - 1] : undefined;
    if (source === undefined) return this.#saidToProducer(session, command, out);
    switch (command.type) {
      case 'Message':
        for (const handed of command.entries) this.#take(source, handed, command.epoch, out);
        return this.#pump(out);
      case 'SubscribeSuccess':
        this.#client.ready(session);
        source.used = 0;
        source.epoch = 0;
        this.#flush(out);
        if (this.#queueSize > 0)
          this.#client.say(session, { type: 'Flow', consumerId: session.id, permits: this.#queueSize }, 'control', out);
        return this.#pump(out);
      case 'SubscribeError':
        this.refused(command.error);
        return this.#client.retry(session, out);
      case 'CloseConsumer':
        // Refused or sent away: it tries again after a pause, as an application would.
        return this.#client.retry(session, out);
      case 'AckResponse': {
        if (this.#forwarder?.acked(command.request, command.error, out) === true) return;
        const receipt = this.#waiting.get(command.request);
        this.#waiting.delete(command.request);
        this.ackError = command.error;
        for (const delivery of receipt?.deliveries ?? []) this.#host.settled(delivery, command.error === '', out);
        return;
      }
      default:
        return;
    }
  }

  /** One of the producers within the consumer. */
  #saidToProducer(session: Session, command: ServerCommand, out: Out): void {
    if (this.#deadLetters?.isOf(session)) this.#deadLetters.said(session, command, out);
    else if (this.#retryLetters?.isOf(session)) this.#retryLetters.said(session, command, out);
    else this.#forwarder?.producerOf(session)?.said(session, command, out);
  }

  heard(command: ServerCommand, out: Out): void {
    this.#forwarder?.heard(command, out);
  }

  #addSource(topic: TopicNumber): void {
    this.#sources.push({
      topic,
      id: this.#sources.length + 1,
      session: null,
      used: 0,
      epoch: 0,
      acks: null,
      upTo: null,
      last: null,
    });
  }

  #take(source: Source, { entry, place, redeliveryCount, attempt, acked }: Handed, epoch: number, out: Out): void {
    const count = entry.messages.length - (acked?.length ?? 0);
    if (epoch < source.epoch) return this.#give(source, count, out);
    const key = entry.index * this.#sources.length + source.id - 1;
    const done = acked === null ? null : new Set(acked);
    const held: Held = { source, entry, key, redeliveryCount, attempt, epoch: source.epoch, left: count, done };
    if (this.#deadLetters !== null && redeliveryCount > this.#limit) {
      // Newer clients do not show it any more (P44).
      this.#give(source, count, out);
      return this.#bury(held, R['too many deliveries'], out);
    }
    for (let i = 0; i < entry.messages.length; i++) {
      const message = entry.messages[i];
      if (message === undefined || held.done?.has(i) === true) continue;
      const received: ReceivedMessage = { message, place, attempt, handle: held, batchIndex: i };
      this.#incoming.push(received);
    }
  }

  /** Hands to the application what it has room for; only then does a message count as used (P27), and does its ack timeout begin (P38). */
  #pump(out: Out): void {
    while (this.#room > 0 && this.#incoming.size > 0) {
      const delivery = this.#incoming.shift() as ReceivedMessage;
      const { handle: held, batchIndex } = delivery;
      this.#room--;
      this.#redelivery.received(held, held.redeliveryCount, out);
      this.#give(held.source, 1, out);
      if (!this.#durable) held.source.last = delivery;
      // An application that settles on delivery acks as soon as it has the message.
      if (this.#spec.settle === 'on-delivery') this.#ack(held, batchIndex, null, out);
      this.#host.deliver([delivery], out);
    }
    if (this.#queueSize > 0 || this.#room === 0) return;
    for (const source of this.#sources) {
      if (source.session?.state !== 'ready' || source.used !== 0) continue;
      source.used = 1;
      this.#client.say(source.session, { type: 'Flow', consumerId: source.id, permits: 1 }, 'control', out);
    }
  }

  /** Permits go back at half of the receiver queue (P27). */
  #give(source: Source, count: number, out: Out): void {
    if (this.#queueSize === 0) {
      source.used = 0;
      return;
    }
    source.used += count;
    if (source.used < this.#queueSize / 2 || source.session?.state !== 'ready') return;
    const permits = source.used;
    source.used = 0;
    this.#client.say(source.session, { type: 'Flow', consumerId: source.id, permits }, 'control', out);
  }

  // ── Acking ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #ack(held: Held, batchIndex: number, delivery: Delivery | null, out: Out): void {
    const { source, entry } = held;
    const whole = isDoneWith(held, batchIndex);
    if (whole) this.#redelivery.forget(held.key, out);
    if (this.#cumulative) {
      // Of a batch that is not done, everything before it is, or its messages up to here (P33).
      if (whole) raise(source, { index: entry.index, batch: null });
      else if (this.#byIndex) raise(source, { index: entry.index, batch: upTo(batchIndex) });
      else if (entry.index > 0) raise(source, { index: entry.index - 1, batch: null });
    } else if (whole) gather(source, { index: entry.index, batch: null });
    else if (this.#byIndex) gather(source, { index: entry.index, batch: [batchIndex] });
    const waits = this.#receipts && (whole || this.#byIndex) && delivery !== null;
    if (waits) {
      const unsent = this.#unsent.get(source);
      if (unsent === undefined) this.#unsent.set(source, [delivery]);
      else unsent.push(delivery);
    }
    if (this.#ackGroupUs === 0 || (source.acks?.length ?? 0) >= MOST_ACKS) this.#flush(out);
    else if (!this.#flushArmed) {
      this.#flushArmed = true;
      out.timer(this.#ackGroupUs, FLUSH);
    }
    if (!waits && delivery !== null) this.#host.settled(delivery, true, out);
  }

  #flush(out: Out): void {
    for (const source of this.#sources) {
      const { session, acks } = source;
      if (session === null || session.state !== 'ready') continue;
      const deliveries = this.#unsent.size === 0 ? undefined : this.#unsent.get(source);
      if (acks !== null) {
        source.acks = null;
        this.#say(source, session, acks, false, deliveries, out);
      } else if (source.upTo !== null) {
        this.#say(source, session, [source.upTo], true, deliveries, out);
        source.upTo = null;
      } else continue;
      if (deliveries !== undefined) this.#unsent.delete(source);
    }
  }

  #say(
    source: Source,
    session: Session,
    entries: readonly AckedEntry[],
    cumulative: boolean,
    deliveries: readonly Delivery[] | undefined,
    out: Out,
  ): void {
    let request = 0;
    if (deliveries !== undefined) {
      request = ++this.#requests;
      this.#waiting.set(request, { source, deliveries });
    }
    const { ledger } = this.#cluster.topic(source.topic);
    let first = 0;
    let ids: number[] | undefined;
    for (let e = 0; e < entries.length; e++) {
      const { index, batch } = entries[e] as AckedEntry;
      const { messages } = ledger.entry(index) ?? NO_ENTRY;
      for (let i = 0; i < messages.length; i++) {
        if (batch !== null && !batch.includes(i)) continue;
        const id = messages[i]?.id ?? 0;
        if (first === 0) first = id;
        else if (ids === undefined) ids = [first, id];
        else ids.push(id);
      }
    }
    const consumerId = source.id;
    const ack: ClientCommand = {
      type: 'Ack',
      consumerId,
      entries,
      cumulative,
      txn: '',
      request,
    };
    this.#client.say(session, ack, 'ack', out, ids ?? (first === 0 ? NO_MESSAGES : first));
  }

  // ── Asking again ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Nacks whose wait is over, or messages that the application has had for too long (P37, P38). */
  #again(items: readonly Held[], reason: number, out: Out): void {
    if (items.length === 0) return;
    const touched = new Map<Source, number[]>();
    for (const held of items) {
      const { source, entry, redeliveryCount } = held;
      if (this.#deadLetters !== null && redeliveryCount >= this.#limit) {
        this.#bury(held, R['too many deliveries'], out);
        continue;
      }
      const indexes = touched.get(source);
      if (indexes === undefined) touched.set(source, [entry.index]);
      else indexes.push(entry.index);
    }
    for (const [source, indexes] of touched) this.#redeliver(source, indexes, reason, out);
  }

  #redeliver(source: Source, indexes: readonly number[] | null, reason: number, out: Out): void {
    const { session, id } = source;
    // Without a session there is nothing to ask for: the broker has given everything back.
    if (session === null || session.state !== 'ready') return;
    const shares = this.#shares;
    if (!shares) source.epoch++;
    if (!shares || indexes === null) {
      // All comes again: what lies here is dropped, and nothing is overdue any more.
      let dropped = 0;
      this.#redelivery.forgetReceived((held) => held.source === source, out);
      this.#incoming.retain((one) => {
        if (heldOf(one).source !== source) return true;
        dropped++;
        return false;
      });
      this.#give(source, dropped, out);
    }
    this.#client.say(
      session,
      {
        type: 'RedeliverUnacknowledgedMessages',
        consumerId: id,
        indexes: shares ? indexes : null,
        reason,
        epoch: source.epoch,
      },
      'ack',
      out,
    );
  }

  /** Publishes to the dead-letter topic, then acks the original; what fails between the two makes a second dead letter (P44, P45). */
  #bury(held: Held, reason: number, out: Out): void {
    const { entry } = held;
    let { left } = held;
    const dying: number[] = [];
    for (let i = 0; i < entry.messages.length; i++) {
      const message = entry.messages[i];
      if (message === undefined || held.done?.has(i) === true) continue;
      dying.push(i);
      const properties = this.#letter(held, held.redeliveryCount, 0);
      const stored = (voice: Out): void => {
        left--;
        if (left === 0) this.#settleOriginal(held, dying, voice);
      };
      const dead = this.#dead(held, reason);
      this.#deadLetters?.publish(DEAD_LETTERS, { message, properties, deliverAtUs: 0, dead, txn: '' }, stored, out);
    }
  }

  /** reconsumeLater: a copy with a delay goes to the retry-letter topic, or the message has been tried often enough (P48). */
  #reconsumeLater(held: Held, batchIndex: number, delayUs: Micros, out: Out): void {
    const { source, entry } = held;
    const message = entry.messages[batchIndex];
    if (message === undefined || this.#retryLetters === null) return;
    this.#redelivery.settled(held.key, out);
    const times = triedBefore(entry) + 1;
    const properties = this.#letter(held, times, delayUs);
    const stored = (voice: Out): void => {
      if (isDoneWith(held, batchIndex)) this.#settleOriginal(held, [batchIndex], voice);
      else if (this.#byIndex || this.#forwarder !== null)
        this.#ackLater(source, { index: entry.index, batch: [batchIndex] }, voice);
    };
    if (times <= this.#limit) {
      const letter = { message, properties, deliverAtUs: out.now + delayUs, dead: null, txn: '' };
      return this.#retryLetters.publish(RETRY_LETTERS, letter, stored, out);
    }
    const dead = this.#dead(held, R['too many deliveries']);
    this.#deadLetters?.publish(DEAD_LETTERS, { message, properties, deliverAtUs: 0, dead, txn: '' }, stored, out);
  }

  /** The last messages of an entry have letters. What transactions ack of it is theirs to ack, message by message (P67). */
  #settleOriginal({ key, source, entry: { index, messages } }: Held, last: readonly number[], out: Out): void {
    this.#redelivery.forget(key, out);
    const batch = this.#forwarder === null || messages.length === 1 ? null : last;
    this.#ackLater(source, { index, batch }, out);
  }

  #ackLater(source: Source, ack: AckedEntry, out: Out): void {
    gather(source, ack);
    this.#flush(out);
  }

  #dead({ source, entry, attempt }: Held, reason: number): DeadLetter {
    return {
      topic: source.topic,
      subscription: this.#subscription,
      index: entry.index,
      deliveries: attempt,
      reason,
    };
  }

  /** What is added to the copy of a message (P47). */
  #letter({ source, entry: { index, properties } }: Held, times: number, delayUs: Micros): Properties {
    const info = this.#cluster.topic(source.topic);
    const { ledgerId, entryId } = info.ledger.idOf(index);
    return {
      REAL_TOPIC: properties?.['REAL_TOPIC'] ?? info.name,
      REAL_SUBSCRIPTION: this.#subscription,
      ORIGIN_MESSAGE_ID: properties?.['ORIGIN_MESSAGE_ID'] ?? `${ledgerId}:${entryId}:${info.partition}`,
      RECONSUMETIMES: String(times),
      DELAY_TIME: String(Math.floor(delayUs / 1000)),
    };
  }
}

/** Session ids of the producers within a consumer; subscriptions count from 1. */
const DEAD_LETTERS = 1_000_001;
const RETRY_LETTERS = 1_000_002;
const NO_MESSAGES: readonly MessageId[] = [];
const NO_ENTRY = { messages: [] as readonly Message[] };

function heldOf({ handle }: Delivery): Held {
  return handle as Held;
}

/** Notes that one message of an entry is done with; true when all are. */
function isDoneWith(held: Held, batchIndex: number): boolean {
  if (held.left > 0 && held.entry.messages.length === 1) held.left = 0;
  else if (held.left > 0 && held.done?.has(batchIndex) !== true) {
    held.done ??= new Set();
    held.done.add(batchIndex);
    held.left--;
  }
  return held.left === 0;
}

function gather(source: Source, ack: AckedEntry): void {
  if (source.acks === null) source.acks = [ack];
  else source.acks.push(ack);
}

/** A cumulative ack goes as far as the furthest of those that gather. */
function raise(source: Source, ack: AckedEntry): void {
  const { upTo: known } = source;
  const further =
    known === null ||
    ack.index > known.index ||
    (ack.index === known.index &&
      known.batch !== null &&
      (ack.batch?.length ?? Number.MAX_SAFE_INTEGER) > known.batch.length);
  if (further) source.upTo = ack;
}

/** 0 … i. */
function upTo(i: number): number[] {
  return Array.from({ length: i + 1 }, (_, at) => at);
}

/** RECONSUMETIMES of a retry letter; 0 of others. */
function triedBefore({ properties }: LedgerEntry): number {
  return properties === null ? 0 : Number(properties['RECONSUMETIMES'] ?? 0);
}

/** The subscription that a consumer names, or the group that it belongs to. */
export function subscriptionOf(options: OptionValues, group: string): string {
  return textOf(options, 'subscriptionName', group);
}

/** Names of the dead-letter and the retry-letter topic of a subscription (P43, P48). */
export function letterTopics(
  topic: string,
  subscription: string,
  options: OptionValues,
): { dead: string; retry: string } {
  const policy = tableOf(options, 'deadLetterPolicy') ?? {};
  return {
    dead: textOf(policy, 'deadLetterTopic', `${topic}-${subscription}-DLQ`),
    retry: textOf(policy, 'retryLetterTopic', `${topic}-${subscription}-RETRY`),
  };
}

/** The ranges that this instance declares: all, or one each when there are several. */
function rangesOf(options: OptionValues, { name, declared, instance }: ConsumerPortSpec): readonly KeyRange[] {
  const texts = options['keySharedRanges'];
  if (!Array.isArray(texts)) return [];
  const ranges = texts.flatMap((text) => keyRange(String(text)) ?? []);
  return name === declared ? ranges : ranges.slice(instance - 1, instance);
}
