/**
 * A Pulsar broker: the connections of its clients, the topic partitions that it owns, and what it hears of bookies, the metadata store and the transaction
 * coordinator. It passes commands on to topics and keeps nothing that would survive it: a crash ends its connections and its topics, and whoever
 * owns those next begins from what was written down. Source: P5, P10, P13, P40, P57, P64.
 */
import { F, R } from '../facts.ts';
import type { Command, HopKind, Machine, Out, Wire } from '../machine.ts';
import { Frame, FrameOrder } from '../parts/frame-order.ts';
import type { ActorId, MessageId, Micros, TimerId } from '../types.ts';
import type { PulsarCluster, TopicInfo } from './pulsar-cluster.ts';
import type { ClientVoice, PulsarConsumer, PulsarSubscription } from './pulsar-subscription.ts';
import { type ProducerSession, PulsarTopic, type TopicTimer } from './pulsar-topic.ts';
import { TxnCoordinator, type TxnTimer } from './pulsar-txns.ts';
import type {
  Ack,
  BookieAnswer,
  ClientCommand,
  ClientFrame,
  MetadataAnswer,
  MetadataRequest,
  OpenProducer,
  Position,
  PulsarError,
  Send,
  ServerCommand,
  Subscribe,
  TopicNumber,
  Transport,
  TxnDone,
  TxnOutcome,
} from './pulsar-wires.ts';
import { type BookieView, BookieWriter, DirectWriter, LedgerRecovery, type WriterTimer } from './pulsar-writer.ts';

/** A client that is silent for so long is asked whether it is there; one that does not answer is gone (keepAliveIntervalSeconds). */
const KEEP_ALIVE_US: Micros = 30_000_000;
/** While frames wait for a missing one for so long, the connection counts as broken. */
const GAP_US: Micros = 2_000_000;
/** Bookies that seem to be down, or that a recovery waits for, are asked again so often. */
const PROBE_US: Micros = 2_000_000;

type NodeTimer =
  | TopicTimer
  | TxnTimer
  | WriterTimer
  | { readonly type: 'pulsar/keep-alive' | 'pulsar/gap'; readonly connection: number }
  | { readonly type: 'pulsar/session' | 'pulsar/probe' };

type NodeWire = ClientFrame | Transport | BookieAnswer | MetadataAnswer | TxnOutcome | TxnDone;

interface OpenConsumer {
  readonly topic: PulsarTopic;
  readonly subscription: PulsarSubscription;
  readonly consumer: PulsarConsumer;
}

interface OpenProducerSession {
  readonly topic: PulsarTopic;
  readonly session: ProducerSession;
}

class Connection implements ClientVoice {
  readonly id: number;
  readonly peer: ActorId;
  readonly inbound = new FrameOrder<ClientFrame>();
  readonly producers = new Map<number, OpenProducerSession>();
  readonly consumers = new Map<number, OpenConsumer>();
  lastHeardUs: Micros;
  asked = false;
  #sent = 0;
  gapTimer: TimerId = 0;
  open = true;

  constructor(id: number, peer: ActorId, now: Micros) {
    this.id = id;
    this.peer = peer;
    this.lastHeardUs = now;
  }

  say(command: ServerCommand, hop: HopKind, out: Out, messages?: MessageId | readonly MessageId[]): void {
    if (!this.open) return;
    this.#sent++;
    out.send(this.peer, hop, new Frame(this.id, this.#sent, command), messages);
  }
}

export class PulsarNode implements Machine, BookieView {
  readonly #cluster: PulsarCluster;
  readonly #connections = new Map<number, Connection>();
  readonly #topics = new Map<TopicNumber, PulsarTopic>();
  readonly #writers = new Map<TopicNumber, BookieWriter>();
  readonly #recoveries = new Map<TopicNumber, LedgerRecovery>();
  /** Clients that asked who owns a topic, until the metadata store has answered. */
  readonly #asking = new Map<TopicNumber, Connection[]>();
  readonly #down = new Set<number>();
  readonly #txns: TxnCoordinator | null;
  /** Counts over restarts, so that no frame of an old connection is taken for one of a new one. */
  #lastConnection = 0;
  #probing = false;

  /** `number`: which broker of the cluster, from 0. */
  constructor(cluster: PulsarCluster, number: number) {
    this.#cluster = cluster;
    this.#txns = cluster.settings.transactions && number === 0 ? new TxnCoordinator(cluster) : null;
  }

  start(out: Out): void {
    for (const info of this.#cluster.topics)
      if (this.#cluster.nodeOf(info.number) === out.self) this.#open(info, 1, out);
    this.#armSession(out);
  }

  /** The topic partition as this broker serves it; undefined when it does not. */
  topic(number: TopicNumber): PulsarTopic | undefined {
    return this.#topics.get(number);
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    const input = wire as NodeWire;
    switch (input.type) {
      case 'pulsar/connect':
        return this.#connect(from, input.request, out);
      case 'pulsar/connected':
      case 'pulsar/reset':
        return;
      case 'bookie/added':
        return this.#writers.get(input.topic)?.added(input, this.#cluster.bookies.indexOf(from), out);
      case 'bookie/stored':
        return this.#writers.get(input.topic)?.copied(this.#cluster.bookies.indexOf(from), input.epoch);
      case 'bookie/fenced':
        return this.#fenced(from, input, out);
      case 'bookie/up':
        return this.#bookieUp(this.#cluster.bookies.indexOf(from), out);
      case 'metadata/own': {
        const info = this.#cluster.topic(input.topic);
        if (input.epoch > info.epoch || info.live === null) this.#open(info, input.epoch, out);
        return;
      }
      case 'metadata/owner': {
        const info = this.#cluster.topic(input.topic);
        const mine = input.owner === out.self;
        if (mine && this.#topics.get(input.topic) === undefined && !this.#recoveries.has(input.topic))
          this.#open(info, input.epoch, out);
        for (const connection of this.#asking.get(input.topic) ?? [])
          connection.say({ type: 'LookupResponse', topic: input.topic, owner: input.owner }, 'control', out);
        this.#asking.delete(input.topic);
        return;
      }
      case 'metadata/session-ok':
        return this.#dropDeposed(out);
      case 'pulsar/txn-outcome': {
        for (const topic of [...this.#topics.values()]) topic.endTxn(input, out);
        const done: TxnDone = { type: 'pulsar/txn-done', txn: input.txn };
        return out.send(from, 'control', done);
      }
      case 'pulsar/txn-done':
        return this.#txns?.done(input.txn, from, out);
      default:
        return this.#frame(input, out);
    }
  }

  timer(wire: Wire, out: Out): void {
    const timer = wire as NodeTimer;
    switch (timer.type) {
      case 'pulsar/delayed':
      case 'pulsar/activate':
        return (timer.subscription.host as PulsarTopic).timer(timer, out);
      case 'pulsar/flush-cursors':
      case 'pulsar/expire':
      case 'pulsar/trim':
      case 'pulsar/quota':
      case 'pulsar/idle':
        return timer.topic.timer(timer, out);
      case 'pulsar/txn-timeout':
      case 'pulsar/txn-again':
        return this.#txns?.timer(timer, out);
      case 'pulsar/add-timeout':
        return timer.writer.timer(out);
      case 'pulsar/keep-alive':
        return this.#keepAlive(timer.connection, out);
      case 'pulsar/gap': {
        const connection = this.#connections.get(timer.connection);
        if (connection === undefined) return;
        connection.gapTimer = 0;
        if (connection.inbound.missing > 0) this.#giveUp(connection, out);
        return;
      }
      case 'pulsar/session':
        return this.#armSession(out);
      case 'pulsar/probe':
        return this.#probe(out);
      default:
        return timer satisfies never;
    }
  }

  crash(out: Out): void {
    for (const topic of this.#topics.values()) topic.abandon(R['connection lost'], out);
    this.#forget();
  }

  /** Topics are loaded anew: by this broker, if nobody else has them by then. */
  restart(out: Out): void {
    if (this.#cluster.metadata === 0) {
      for (const info of this.#cluster.topics) this.#open(info, info.epoch + 1, out);
    } else this.#tell({ type: 'metadata/session', fresh: true }, out);
    this.#armSession(out);
    this.#txns?.recover(out);
  }

  /** An orderly shutdown writes the cursors down and lets others have the topics at once. */
  stop(out: Out): void {
    for (const connection of this.#connections.values()) connection.say({ type: 'Close' }, 'control', out);
    for (const topic of this.#topics.values()) {
      topic.flush();
      topic.abandon(R.stopped, out);
    }
    if (this.#cluster.metadata !== 0) this.#tell({ type: 'metadata/release', topics: [] }, out);
    this.#forget();
  }

  peerLost(peer: ActorId, out: Out): void {
    const bookie = this.#cluster.bookies.indexOf(peer);
    if (bookie >= 0) return this.#bookieDown(bookie, out);
    for (const connection of [...this.#connections.values()]) {
      if (connection.peer === peer) this.#lose(connection, true, R['connection lost'], out);
    }
  }

  command(command: Command, out: Out): void {
    if (command.type === 'seek') {
      for (const topic of this.#topics.values()) topic.seek(command.group, positionOf(command.to), out);
    } else if (command.type === 'set' && command.path[0] === 'topics') {
      const [, name = '', option = ''] = command.path;
      for (const topic of this.#topics.values()) {
        if (topic.info.name === name) topic.setPolicy(option, command.value, out);
      }
    }
  }

  // ── Owning topics ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes a topic over: whoever had it has it no more. With bookies its ledger is fenced and read first. */
  #open(info: TopicInfo, epoch: number, out: Out): void {
    const former = info.live;
    if (former !== null) former.abandon(R['leader moved'], out);
    this.#topics.delete(info.number);
    const { bookies } = this.#cluster.settings;
    if (bookies === 0 || !info.policies.persistent) {
      const writer = new DirectWriter();
      const topic = new PulsarTopic(this.#cluster, info, epoch, writer);
      writer.topic = topic;
      return this.#serve(topic, out);
    }
    const recovery = new LedgerRecovery(this.#cluster, info, epoch);
    this.#recoveries.set(info.number, recovery);
    recovery.ask(out);
    this.#finishRecovery(recovery, out);
    this.#armProbe(out);
  }

  #serve(topic: PulsarTopic, out: Out): void {
    topic.onWelcome = (session, voice) => this.#welcome(topic, session, voice);
    this.#topics.set(topic.info.number, topic);
    topic.info.epoch = topic.epoch;
    topic.open(out);
  }

  #finishRecovery(recovery: LedgerRecovery, out: Out): void {
    if (!recovery.isComplete) return;
    const { info, epoch } = recovery;
    this.#recoveries.delete(info.number);
    // Another one was told later, and has it already.
    if (info.epoch > epoch) return;
    // Another one was told before, and was done first.
    info.live?.abandon(R['leader moved'], out);
    const writer = new BookieWriter(this.#cluster, info, epoch, this);
    const topic = new PulsarTopic(this.#cluster, info, epoch, writer);
    writer.topic = topic;
    this.#writers.set(info.number, writer);
    this.#serve(topic, out);
    recovery.finish(topic, out);
    // Who did not answer is taken for down until it says something.
    for (const bookie of recovery.silent()) {
      this.#bookieDown(bookie, out);
      this.#askBookie(bookie, out);
    }
    writer.begin();
  }

  #fenced(from: ActorId, { topic, epoch, entries }: Extract<BookieAnswer, { type: 'bookie/fenced' }>, out: Out): void {
    const recovery = this.#recoveries.get(topic);
    if (recovery === undefined || recovery.epoch !== epoch) return;
    recovery.heard(this.#cluster.bookies.indexOf(from), entries);
    this.#finishRecovery(recovery, out);
  }

  /** Topics that another broker owns now: their clients are sent to look for it. */
  #dropDeposed(out: Out): void {
    for (const [number, topic] of this.#topics) {
      if (!topic.deposed) continue;
      this.#topics.delete(number);
      this.#writers.delete(number);
      for (const connection of this.#connections.values()) {
        for (const [id, open] of connection.producers) {
          if (open.topic !== topic) continue;
          connection.producers.delete(id);
          connection.say({ type: 'CloseProducer', producerId: id }, 'control', out);
        }
        for (const [id, open] of connection.consumers) {
          if (open.topic !== topic) continue;
          connection.consumers.delete(id);
          connection.say({ type: 'CloseConsumer', consumerId: id }, 'control', out);
        }
      }
    }
  }

  #forget(): void {
    for (const connection of this.#connections.values()) connection.open = false;
    this.#connections.clear();
    this.#topics.clear();
    this.#writers.clear();
    this.#recoveries.clear();
    this.#asking.clear();
    this.#down.clear();
    this.#probing = false;
  }

  #armSession(out: Out): void {
    if (this.#cluster.metadata === 0) return;
    this.#tell({ type: 'metadata/session', fresh: false }, out);
    out.timer(Math.floor(this.#cluster.settings.sessionTimeoutUs / 3), { type: 'pulsar/session' }, 0);
  }

  #tell(request: MetadataRequest, out: Out): void {
    out.send(this.#cluster.metadata, 'control', request);
  }

  // ── Bookies ─────────────────────────────────────────────────────────────────────────────────────────────────────

  isUp(bookie: number): boolean {
    return !this.#down.has(bookie);
  }

  suspect(bookie: number, out: Out): void {
    this.#bookieDown(bookie, out);
  }

  #bookieDown(bookie: number, out: Out): void {
    if (this.#down.has(bookie)) return;
    this.#down.add(bookie);
    for (const writer of this.#writers.values()) writer.lostBookie(bookie, out);
    this.#armProbe(out);
  }

  #bookieUp(bookie: number, out: Out): void {
    for (const recovery of [...this.#recoveries.values()]) recovery.ask(out);
    if (!this.#down.delete(bookie)) return;
    for (const writer of this.#writers.values()) writer.foundBookie(out);
  }

  #askBookie(bookie: number, out: Out): void {
    out.send(this.#cluster.bookies[bookie] ?? 0, 'replication', { type: 'bookie/probe' });
  }

  #armProbe(out: Out): void {
    if (this.#probing || (this.#down.size === 0 && this.#recoveries.size === 0)) return;
    this.#probing = true;
    out.timer(PROBE_US, { type: 'pulsar/probe' }, 0);
  }

  #probe(out: Out): void {
    this.#probing = false;
    for (const bookie of this.#down) this.#askBookie(bookie, out);
    for (const recovery of [...this.#recoveries.values()]) recovery.ask(out);
    this.#armProbe(out);
  }

  // ── Connections ─────────────────────────────────────────────────────────────────────────────────────────────────

  #connect(from: ActorId, request: number, out: Out): void {
    this.#lastConnection++;
    const connection = new Connection(this.#lastConnection, from, out.now);
    this.#connections.set(connection.id, connection);
    const connected: Transport = { type: 'pulsar/connected', request, connection: connection.id };
    out.send(from, 'control', connected);
    out.timer(KEEP_ALIVE_US, { type: 'pulsar/keep-alive', connection: connection.id } as Wire, 0);
  }

  #keepAlive(id: number, out: Out): void {
    const connection = this.#connections.get(id);
    if (connection === undefined) return;
    const silence = out.now - connection.lastHeardUs;
    if (silence >= KEEP_ALIVE_US && connection.asked) return this.#giveUp(connection, out);
    connection.asked = silence >= KEEP_ALIVE_US;
    if (connection.asked) connection.say({ type: 'Ping' }, 'control', out);
    const wait = connection.asked ? KEEP_ALIVE_US : KEEP_ALIVE_US - silence;
    out.timer(wait, { type: 'pulsar/keep-alive', connection: id } as Wire, 0);
  }

  /** Nothing comes any more; the client may be alive behind a split, so it is told. */
  #giveUp(connection: Connection, out: Out): void {
    const reset: Transport = { type: 'pulsar/reset', connection: connection.id };
    out.send(connection.peer, 'control', reset);
    this.#lose(connection, true, R['connection lost'], out);
  }

  /** A connection ends: consumers on it give back what they hold, producers are out (P20, P36). */
  #lose(connection: Connection, isLost: boolean, reason: number, out: Out): void {
    if (!connection.open) return;
    connection.open = false;
    this.#connections.delete(connection.id);
    if (connection.gapTimer !== 0) out.cancel(connection.gapTimer);
    if (isLost) out.fact(F['connection-lost'], 0, 0, connection.peer);
    for (const topic of this.#topics.values()) topic.leaveLine(connection);
    for (const { topic, session } of connection.producers.values()) topic.removeProducer(session, out);
    for (const { topic, subscription, consumer } of connection.consumers.values())
      topic.leave(subscription, consumer, reason, out);
  }

  #frame(frame: ClientFrame, out: Out): void {
    const connection = this.#connections.get(frame.connection);
    if (connection === undefined) return;
    connection.lastHeardUs = out.now;
    connection.asked = false;
    if (!connection.inbound.accept(frame)) {
      if (connection.inbound.missing > 0 && connection.gapTimer === 0)
        connection.gapTimer = out.timer(GAP_US, { type: 'pulsar/gap', connection: connection.id } as Wire);
      return;
    }
    let next: ClientFrame | undefined = frame;
    while (next !== undefined && connection.open) {
      this.#handle(connection, next.body, out);
      next = connection.inbound.next();
    }
    if (connection.gapTimer !== 0 && connection.inbound.missing === 0) {
      out.cancel(connection.gapTimer);
      connection.gapTimer = 0;
    }
  }

  #handle(connection: Connection, command: ClientCommand, out: Out): void {
    switch (command.type) {
      case 'Send':
        return this.#send(connection, command, out);
      case 'Flow': {
        const open = connection.consumers.get(command.consumerId);
        return open?.subscription.flow(open.consumer, command.permits, out);
      }
      case 'Ack':
        return this.#ack(connection, command, out);
      case 'RedeliverUnacknowledgedMessages': {
        const open = connection.consumers.get(command.consumerId);
        if (open === undefined) return;
        open.consumer.epoch = command.epoch;
        return open.subscription.redeliver(open.consumer, command.indexes, command.reason, out);
      }
      case 'Ping':
        return connection.say({ type: 'Pong' }, 'control', out);
      case 'Pong':
        return;
      case 'Close':
        return this.#lose(connection, false, R.stopped, out);
      case 'Lookup':
        return this.#lookup(connection, command.topic, out);
      case 'Producer':
        return this.#producer(connection, command, out);
      case 'CloseProducer': {
        const open = connection.producers.get(command.producerId);
        connection.producers.delete(command.producerId);
        return open?.topic.removeProducer(open.session, out);
      }
      case 'Subscribe':
        return this.#subscribe(connection, command, out);
      case 'CloseConsumer': {
        const open = connection.consumers.get(command.consumerId);
        connection.consumers.delete(command.consumerId);
        return open?.topic.leave(open.subscription, open.consumer, R.stopped, out);
      }
      case 'Unsubscribe': {
        const open = connection.consumers.get(command.consumerId);
        connection.consumers.delete(command.consumerId);
        return open?.topic.unsubscribe(open.subscription.name, out);
      }
      case 'Seek': {
        const open = connection.consumers.get(command.consumerId);
        return open?.topic.seek(open.subscription.name, command.to, out);
      }
      case 'NewTxn': {
        const txn = this.#txns?.begin(connection.peer, command.request, command.timeoutUs, out) ?? '';
        const error: PulsarError | '' = this.#txns === null ? 'TransactionCoordinatorNotFound' : '';
        return connection.say({ type: 'TxnResponse', request: command.request, txn, error }, 'reply', out);
      }
      case 'EndTxn': {
        const { request, txn, commit } = command;
        const answer = (error: PulsarError | '', voice: Out): void =>
          connection.say({ type: 'TxnResponse', request, txn, error }, 'reply', voice);
        if (this.#txns === null) return answer('TransactionCoordinatorNotFound', out);
        return this.#txns.end(txn, commit, answer, out);
      }
      default:
        return command satisfies never;
    }
  }

  #lookup(connection: Connection, number: TopicNumber, out: Out): void {
    const served = this.#topics.get(number);
    if (this.#cluster.metadata === 0) {
      const info = this.#cluster.topic(number);
      if (served === undefined && !this.#recoveries.has(number)) this.#open(info, info.epoch + 1, out);
      return connection.say({ type: 'LookupResponse', topic: number, owner: out.self }, 'control', out);
    }
    if (served !== undefined && !served.deposed)
      return connection.say({ type: 'LookupResponse', topic: number, owner: out.self }, 'control', out);
    const asking = this.#asking.get(number);
    if (asking === undefined) this.#asking.set(number, [connection]);
    else if (!asking.includes(connection)) asking.push(connection);
    this.#tell({ type: 'metadata/lookup', topic: number }, out);
  }

  #producer(connection: Connection, request: OpenProducer, out: Out): void {
    const { producerId } = request;
    const topic = this.#topics.get(request.topic);
    const entered: ProducerSession | PulsarError | null =
      topic === undefined || topic.deposed ? 'ServiceNotReady' : topic.addProducer(connection, request, out);
    if (entered === null) return;
    if (typeof entered === 'string')
      return connection.say({ type: 'ProducerError', producerId, error: entered }, 'control', out);
    if (topic !== undefined) this.#welcome(topic, entered, out);
  }

  #welcome(topic: PulsarTopic, session: ProducerSession, out: Out): void {
    const connection = session.voice as Connection;
    connection.producers.set(session.id, { topic, session });
    const lastSequence = topic.info.policies.dedup ? topic.info.dedup.last(session.name) : -1;
    const { id: producerId, name, topicEpoch } = session;
    connection.say({ type: 'ProducerSuccess', producerId, name, lastSequence, topicEpoch }, 'control', out);
  }

  #send(connection: Connection, send: Send, out: Out): void {
    const open = connection.producers.get(send.producerId);
    // A producer that is not let in (any more) has been told; what it sent before it knew is not answered.
    if (open !== undefined) return open.topic.publish(open.session, send, out);
    for (const { id } of send.messages) out.fact(F.rejected, id, 0, connection.peer, 0, R['link closed']);
  }

  #subscribe(connection: Connection, request: Subscribe, out: Out): void {
    const { consumerId } = request;
    const topic = this.#topics.get(request.topic);
    const consumer = topic === undefined ? 'ServiceNotReady' : topic.subscribe(connection, request, out);
    const subscription = topic?.subscriptions.get(request.subscription);
    if (typeof consumer === 'string' || topic === undefined || subscription === undefined) {
      const error = typeof consumer === 'string' ? consumer : 'SubscriptionNotFound';
      return connection.say({ type: 'SubscribeError', consumerId, error }, 'control', out);
    }
    connection.consumers.set(consumerId, { topic, subscription, consumer });
    connection.say({ type: 'SubscribeSuccess', consumerId }, 'control', out);
    subscription.dispatch(out);
  }

  #ack(connection: Connection, { consumerId, entries, cumulative, txn, request }: Ack, out: Out): void {
    const open = connection.consumers.get(consumerId);
    if (open === undefined) return;
    const { subscription } = open;
    let error: PulsarError | '' = '';
    const last = entries.at(-1);
    if (txn !== '') error = this.#ackInTxn(open, txn, entries, cumulative, connection.peer);
    else if (!cumulative) subscription.ack(entries, connection.peer, out);
    else if (last !== undefined) {
      if (last.batch === null) error = subscription.ackCumulative(last.index, connection.peer, out);
      else {
        error = subscription.ackCumulative(last.index - 1, connection.peer, out);
        if (error === '') subscription.ack([last], connection.peer, out);
      }
    }
    if (request > 0) connection.say({ type: 'AckResponse', consumerId, request, error }, 'control', out);
  }

  /** Acks in a transaction wait for its end (P67). */
  #ackInTxn(
    { subscription }: OpenConsumer,
    txn: string,
    entries: Ack['entries'],
    cumulative: boolean,
    peer: ActorId,
  ): PulsarError | '' {
    if (this.#cluster.ended.has(txn)) return 'InvalidTxnStatus';
    const last = entries.at(-1);
    if (!cumulative || last === undefined) return subscription.ackInTxn(entries, txn, peer);
    const { type, cursor } = subscription.record;
    if (type === 'Shared' || type === 'Key_Shared') return 'NotAllowedError';
    const all = [];
    for (let index = cursor.markDelete + 1; index <= last.index; index++)
      if (!cursor.isAcked(index)) all.push({ index, batch: null });
    return subscription.ackInTxn(all, txn, peer);
  }
}

function positionOf(to: Extract<Command, { type: 'seek' }>['to']): Position {
  if ('end' in to) return { type: to.end };
  if ('timeUs' in to) return { type: 'time', timeUs: to.timeUs };
  return { type: 'message', index: to.offset, inclusive: true };
}
