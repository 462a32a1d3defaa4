/**
 * A Pulsar producer: picks partitions, gathers batches, numbers what it sends, and keeps it until the broker confirms it. When a connection ends, all that is
 * unconfirmed is sent again in order over the next one, so that order per partition holds; what is not confirmed within `sendTimeout` has failed, though it
 * may be stored. Transactions are begun and ended by `PulsarTxnSender`. Source: P6, P8, P12–P15, P26, P54, P63, P69.
 */
import type { PulsarCluster } from '../brokers/pulsar-cluster.ts';
import type { AccessMode, Send, SendError, ServerCommand, TopicNumber } from '../brokers/pulsar-wires.ts';
import { F, R } from '../facts.ts';
import type { Out, Setup, Site, Wire } from '../machine.ts';
import { booleanOf, numberOf, textOf } from '../options.ts';
import { Fifo } from '../parts/fifo.ts';
import { javaStringHash } from '../parts/murmur2.ts';
import { murmur3 } from '../parts/murmur3.ts';
import type { ActorId, Message, Micros, PlaceId } from '../types.ts';
import type { ProducerHost, ProducerPort, ProducerPortSpec } from './ports.ts';
import { PulsarClient, type Session, type SessionHost } from './pulsar-link.ts';
import { PulsarTxnSender } from './pulsar-txn-sender.ts';

/** A message on its way to several topics: confirmed when all of them have it. */
interface Item {
  left: number;
  failed: boolean;
}

/** One batch, or one message that goes alone. */
interface Outgoing {
  /** What goes over the wire; its `messages` grow until it is first sent. */
  readonly send: Send;
  readonly messages: Message[];
  /** Beside each message what is known of it on all its ways; null when this one is its only. */
  readonly items: Item[] | null;
  readonly deadlineUs: Micros;
  /** How often it was sent. */
  sendings: number;
}

/** A producer on one topic partition. */
interface Lane {
  /** That of its session, and of the producer on the broker. */
  readonly id: number;
  readonly topic: TopicNumber;
  session: Session | null;
  /** Where the topic stands in the trace; 0 before the first confirmation. */
  place: PlaceId;
  /** The name that the broker gave, or the configured one. */
  name: string;
  /** With which it had the topic to itself last; −1 for never. Another may have had it since, and then this one is fenced (P14). */
  topicEpoch: number;
  nextSequence: number;
  /** Unconfirmed, in order; the first `sent` of them are on their way over the present connection. */
  readonly pending: Fifo<Outgoing>;
  /** The batch that gathers, if any. */
  batch: Outgoing | null;
  /** With KEY_BASED a batch gathers for each key. */
  readonly keyed: Map<string, Outgoing>;
  /** Whether the time of what gathers is set, and the timer for it. */
  armed: boolean;
  timer: BatchTimer | null;
  /** Why it is sent again. */
  reason: number;
}

interface Route {
  readonly lanes: readonly Lane[];
  turn: number;
}

interface BatchTimer extends Wire {
  readonly type: 'pulsar/batch';
  readonly lane: Lane;
}

const SEND_TIMEOUT: Wire = { type: 'pulsar/send-timeout' };

/** Keyless messages change their partition after so many batching delays (roundRobinRouterBatchingPartitionSwitchFrequency). */
const SWITCH_FREQUENCY = 10;

export class PulsarProducerPort implements ProducerPort, SessionHost {
  readonly #cluster: PulsarCluster;
  readonly #host: ProducerHost;
  readonly #client: PulsarClient;
  readonly #names: readonly string[];
  #routes: Route[] = [];
  readonly #site: Site;
  readonly #name: string;
  readonly #accessMode: AccessMode;
  readonly #sendTimeoutUs: Micros;
  readonly #single: boolean;
  readonly #murmur: boolean;
  readonly #batching: boolean;
  readonly #byKey: boolean;
  readonly #delayUs: Micros;
  readonly #most: number;
  readonly #mostBytes: number;
  readonly #deliverAfterUs: Micros;
  readonly #txns: PulsarTxnSender | null;
  #lanes: Lane[] = [];
  #timeoutArmed = false;
  #fenced = false;
  /** Epochs go on over restarts of the process, because the broker may still know the former one. */
  #epoch = 0;

  constructor(cluster: PulsarCluster, spec: ProducerPortSpec, host: ProducerHost, setup: Setup) {
    const { options } = spec;
    this.#cluster = cluster;
    this.#host = host;
    this.#names = spec.to;
    this.#client = new PulsarClient(cluster.nodes, spec.instance, this);
    this.#site = setup.site(`${spec.name}/partition`);
    this.#name = textOf(options, 'producerName');
    this.#accessMode = textOf(options, 'accessMode', 'Shared') as AccessMode;
    this.#sendTimeoutUs = numberOf(options, 'sendTimeout', 30_000_000);
    this.#single = textOf(options, 'messageRoutingMode') === 'SinglePartition';
    this.#murmur = textOf(options, 'hashingScheme') === 'Murmur3_32Hash';
    this.#deliverAfterUs = numberOf(options, 'deliverAfter');
    this.#batching = booleanOf(options, 'batchingEnabled', true) && this.#deliverAfterUs === 0;
    this.#byKey = textOf(options, 'batcherBuilder') === 'KEY_BASED';
    this.#delayUs = numberOf(options, 'batchingMaxPublishDelay', 1_000);
    this.#most = numberOf(options, 'batchingMaxMessages', 1000);
    this.#mostBytes = numberOf(options, 'batchingMaxBytes', 131_072);
    this.#txns = booleanOf(options, 'enableTransaction')
      ? new PulsarTxnSender(
          this.#client,
          cluster,
          options,
          host,
          (message, txn, out) => this.#take(message, txn, out),
          (out) => this.#flushAll(out),
        )
      : null;
  }

  start(out: Out): void {
    this.#fenced = false;
    let id = 0;
    this.#lanes = [];
    this.#routes = this.#names.map((name) => {
      const topics = this.#cluster.partitionsOf(name);
      const lanes = topics.map((topic): Lane => {
        id++;
        const lane: Lane = {
          id,
          topic,
          session: null,
          place: 0,
          name: this.#name,
          topicEpoch: -1,
          nextSequence: 0,
          pending: new Fifo(),
          batch: null,
          keyed: new Map(),
          armed: false,
          timer: null,
          reason: 0,
        };
        this.#lanes[id] = lane;
        return lane;
      });
      const turn = lanes.length > 1 ? out.choose(this.#site, lanes.length) : 0;
      return { lanes, turn };
    });
    for (let i = 1; i < this.#lanes.length; i++) {
      const lane = this.#lanes[i];
      if (lane !== undefined) lane.session = this.#client.add(i, lane.topic, out);
    }
  }

  publish(message: Message, out: Out): void {
    if (this.#txns !== null) this.#txns.publish(message, out);
    else this.#take(message, '', out);
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    this.#client.receive(from, wire, out);
  }

  timer(wire: Wire, out: Out): void {
    switch (wire.type) {
      case 'pulsar/batch': {
        const { lane } = wire as BatchTimer;
        lane.armed = false;
        return this.#flush(lane, out);
      }
      case 'pulsar/send-timeout':
        return this.#checkTimeouts(out);
      default:
        if (!this.#client.timer(wire, out)) this.#txns?.timer(wire, out);
    }
  }

  peerLost(peer: ActorId, out: Out): void {
    this.#client.peerLost(peer, out);
  }

  stop(out: Out): void {
    this.#client.stop(out);
  }

  crash(): void {
    this.#client.crash();
    this.#txns?.crash();
    this.#lanes = [];
    this.#routes = [];
    this.#timeoutArmed = false;
  }

  // ── Taking messages ─────────────────────────────────────────────────────────────────────────────────────────────

  #take(message: Message, txn: string, out: Out): void {
    if (this.#fenced) return this.#host.failed(message, R.fenced, true, out);
    const item: Item | null = this.#routes.length > 1 ? { left: this.#routes.length, failed: false } : null;
    for (let r = 0; r < this.#routes.length; r++) {
      const route = this.#routes[r] as Route;
      const lane = route.lanes[this.#partitionOf(route, message, out)] as Lane;
      if (this.#batching) this.#gather(lane, message, item, txn, out);
      else {
        const deliverAtUs = this.#deliverAfterUs > 0 ? out.now + this.#deliverAfterUs : 0;
        const outgoing = this.#outgoing(lane, message, item, deliverAtUs, txn, out);
        lane.pending.push(outgoing);
        this.#send(lane, outgoing, out);
      }
    }
    if (!this.#timeoutArmed && this.#sendTimeoutUs > 0) this.#armTimeout(this.#sendTimeoutUs, out);
  }

  /** By the key's hash; without a key one partition for all, or the next one after each batching interval (P6). */
  #partitionOf(route: Route, message: Message, out: Out): number {
    const { lanes } = route;
    const count = lanes.length;
    if (count === 1) return 0;
    if (message.key !== null) {
      const hash = this.#murmur ? murmur3(message.key) : javaStringHash(message.key);
      return (hash & 0x7fffffff) % count;
    }
    if (this.#single) return route.turn;
    if (!this.#batching) {
      route.turn = (route.turn + 1) % count;
      return route.turn;
    }
    const interval = Math.max(1000, this.#delayUs * SWITCH_FREQUENCY);
    return (Math.floor(out.now / interval) + route.turn) % count;
  }

  #outgoing(lane: Lane, message: Message, item: Item | null, deliverAtUs: Micros, txn: string, out: Out): Outgoing {
    const messages = [message];
    const send: Send = {
      type: 'Send',
      producerId: lane.id,
      sequence: -1,
      messages,
      properties: null,
      key: message.key,
      sizeBytes: message.sizeBytes,
      deliverAtUs,
      txn,
      dead: null,
    };
    return {
      send,
      messages,
      items: item === null ? null : [item],
      deadlineUs: out.now + this.#sendTimeoutUs,
      sendings: 0,
    };
  }

  #gather(lane: Lane, message: Message, item: Item | null, txn: string, out: Out): void {
    const { sizeBytes, key } = message;
    const batch = this.#byKey ? lane.keyed.get(key ?? '') : (lane.batch ?? undefined);
    if (batch !== undefined && batch.send.txn === txn && batch.send.sizeBytes + sizeBytes <= this.#mostBytes) {
      batch.messages.push(message);
      if (item !== null) batch.items?.push(item);
      batch.send.sizeBytes += sizeBytes;
      if (batch.messages.length >= this.#most) this.#flush(lane, out);
      return;
    }
    if (batch !== undefined) this.#flush(lane, out);
    const begun = this.#outgoing(lane, message, item, 0, txn, out);
    if (this.#byKey) lane.keyed.set(key ?? '', begun);
    else lane.batch = begun;
    if (this.#most <= 1 || this.#delayUs === 0) return this.#flush(lane, out);
    if (lane.armed) return;
    lane.armed = true;
    lane.timer ??= { type: 'pulsar/batch', lane };
    out.timer(this.#delayUs, lane.timer);
  }

  #flush(lane: Lane, out: Out): void {
    const { batch } = lane;
    if (batch !== null) {
      lane.batch = null;
      lane.pending.push(batch);
      this.#send(lane, batch, out);
    }
    if (lane.keyed.size === 0) return;
    for (const [under, one] of lane.keyed) {
      lane.keyed.delete(under);
      lane.pending.push(one);
      this.#send(lane, one, out);
    }
  }

  #flushAll(out: Out): void {
    for (const lane of this.#lanes) if (lane !== undefined) this.#flush(lane, out);
  }

  // ── Sending ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #send(lane: Lane, outgoing: Outgoing, out: Out): void {
    const { session } = lane;
    if (session === null || session.state !== 'ready') return;
    const { send, messages } = outgoing;
    if (outgoing.sendings === 0) {
      send.sequence = lane.nextSequence;
      lane.nextSequence += messages.length;
    }
    outgoing.sendings++;
    if (outgoing.sendings > 1)
      for (const message of messages) this.#host.retrying(message, outgoing.sendings, lane.reason, out);
    const ids = messages.length === 1 ? (messages[0]?.id ?? 0) : messages.map(({ id }) => id);
    this.#client.say(session, send, 'request', out, ids);
  }

  open(session: Session, out: Out): void {
    const lane = this.#lanes[session.id];
    if (lane === undefined) return;
    this.#epoch++;
    this.#client.say(
      session,
      {
        type: 'Producer',
        producerId: session.id,
        topic: session.topic,
        name: lane.name,
        accessMode: this.#accessMode,
        epoch: this.#epoch,
        initialSubscription: '',
        topicEpoch: lane.topicEpoch,
      },
      'control',
      out,
    );
  }

  closed(session: Session): void {
    const lane = this.#lanes[session.id];
    if (lane !== undefined && lane.reason === 0) lane.reason = R['connection lost'];
  }

  said(session: Session, command: ServerCommand, out: Out): void {
    const lane = this.#lanes[session.id];
    if (lane === undefined) return;
    switch (command.type) {
      case 'SendReceipt':
        return this.#confirmed(lane, command.sequence, command.index, out);
      case 'SendError':
        return this.#refused(lane, session, command, out);
      case 'ProducerSuccess': {
        lane.name = command.name;
        lane.topicEpoch = command.topicEpoch;
        if (command.lastSequence >= lane.nextSequence) lane.nextSequence = command.lastSequence + 1;
        this.#client.ready(session);
        const again = lane.pending.size;
        for (let i = 0; i < again; i++) {
          const outgoing = lane.pending.shift() as Outgoing;
          lane.pending.push(outgoing);
          this.#send(lane, outgoing, out);
        }
        lane.reason = 0;
        return;
      }
      case 'ProducerError':
        if (command.error === 'ProducerFenced') return this.#giveUp(R.fenced, out);
        if (command.error === 'ProducerBlockedQuotaExceededException') this.#failAll(lane, R['queue full'], out);
        else if (command.error === 'ProducerBlockedQuotaExceededError') this.#noteBlocked(lane, out);
        return this.#client.retry(session, out);
      case 'CloseProducer':
        lane.reason = R['leader moved'];
        return this.#client.retry(session, out);
      default:
        return;
    }
  }

  heard(command: ServerCommand, out: Out): void {
    if (command.type === 'TxnResponse') this.#txns?.heard(command, out);
  }

  #confirmed(lane: Lane, sequence: number, index: number, out: Out): void {
    const first = lane.pending.first;
    // Of what was given up meanwhile nobody waits for an answer.
    if (first === undefined || first.send.sequence !== sequence) return;
    lane.pending.shift();
    const { messages, items } = first;
    const { txn } = first.send;
    lane.place ||= this.#cluster.topic(lane.topic).place;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i] as Message;
      if (items !== null) {
        const item = items[i] as Item;
        item.left--;
        if (item.failed || item.left > 0) continue;
      }
      if (txn === '') this.#host.confirmed(message, lane.place, index < 0 ? 0 : index, true, out);
      else this.#txns?.stored(message, lane.place, out);
    }
  }

  #refused(lane: Lane, session: Session, { sequence, error }: SendError, out: Out): void {
    switch (error) {
      case 'MessageTooLarge':
      case 'NotAllowedError': {
        const first = lane.pending.first;
        if (first === undefined || first.send.sequence !== sequence) return;
        lane.pending.shift();
        this.#fail(first, R['refused by the broker'], true, out);
        return;
      }
      case 'ProducerFenced':
        return this.#giveUp(R.fenced, out);
      case 'ProducerBlockedQuotaExceededException':
        return this.#failAll(lane, R['queue full'], out);
      case 'ProducerBlockedQuotaExceededError':
        this.#noteBlocked(lane, out);
        lane.reason = R['queue full'];
        return this.#client.retry(session, out);
      default:
        if (session.state !== 'ready') return;
        lane.reason = R['refused by the broker'];
        return this.#client.retry(session, out);
    }
  }

  #noteBlocked(lane: Lane, out: Out): void {
    const message = lane.pending.first?.messages[0];
    if (message !== undefined) out.fact(F.blocked, message.id, 0, 0, 0, R['queue full']);
  }

  // ── Giving up ───────────────────────────────────────────────────────────────────────────────────────────────────

  #armTimeout(afterUs: Micros, out: Out): void {
    this.#timeoutArmed = true;
    out.timer(afterUs, SEND_TIMEOUT, 0);
  }

  /** When the oldest message is overdue, all that is unconfirmed on its partition has failed, as the Java client has it (P12). */
  #checkTimeouts(out: Out): void {
    this.#timeoutArmed = false;
    let next = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes) {
      const oldest = lane?.pending.first;
      if (lane === undefined || oldest === undefined) continue;
      if (oldest.deadlineUs <= out.now) this.#failAll(lane, R['timed out'], out);
      else if (oldest.deadlineUs < next) next = oldest.deadlineUs;
    }
    if (next < Number.POSITIVE_INFINITY) this.#armTimeout(next - out.now, out);
  }

  /** All that is unconfirmed, and what gathers for the next batch. */
  #failAll(lane: Lane, reason: number, out: Out): void {
    const { batch, keyed, pending } = lane;
    if (batch !== null) pending.push(batch);
    lane.batch = null;
    for (const one of keyed.values()) pending.push(one);
    keyed.clear();
    for (let outgoing = lane.pending.shift(); outgoing !== undefined; outgoing = lane.pending.shift()) {
      this.#fail(outgoing, reason, outgoing.sendings === 0, out);
    }
  }

  /** Thrown out by another producer, for good (P14). */
  #giveUp(reason: number, out: Out): void {
    this.#fenced = true;
    for (const lane of this.#lanes) if (lane !== undefined) this.#failAll(lane, reason, out);
  }

  #fail({ send, messages, items }: Outgoing, reason: number, definite: boolean, out: Out): void {
    for (let i = 0; i < messages.length; i++) {
      const item = items?.[i];
      if (item?.failed === true) continue;
      if (item !== undefined) item.failed = true;
      if (send.txn === '') this.#host.failed(messages[i] as Message, reason, definite, out);
      else this.#txns?.failed(out);
    }
  }
}
