/**
 * A RabbitMQ node: one virtual host of exchanges, bindings and queues, and the connections and channels through which clients use it. It speaks
 * AMQP methods by their real names; the rules of routing, queues and death histories are parts, composed here. Queues do not time out,
 * route or send by themselves: whatever leaves a queue passes through this machine, which records it and says what follows.
 * A cluster of one: a quorum queue behaves as its clients see it (return order, delivery limit, priorities), but has a single member.
 * Source: rules R1–R63 as cited.
 */
import { F, R } from '../facts.ts';
import type { Command, Machine, Out, Wire } from '../machine.ts';
import type { OptionValue } from '../options.ts';
import { type AmqpMessage, deadLettered, headersOf, publishedMessage, routingKeys } from '../parts/amqp-message.ts';
import type { Taker } from '../parts/competing-consumers.ts';
import { type Binding, DEFAULT_EXCHANGE, type Exchange, ExchangeGraph } from '../parts/exchange-graph.ts';
import { FrameOrder } from '../parts/frame-order.ts';
import { type HeaderTable, headersBindingRefusal, sameTable } from '../parts/headers-match.ts';
import { DELAYED, RabbitQueue, type Return, SPENT } from '../parts/rabbit-queue.ts';
import { NEVER, type QueuedMessage } from '../parts/ready-list.ts';
import { hashWords, topicWords } from '../parts/topic-pattern.ts';
import { closesCycle, type DeathReason } from '../parts/x-death.ts';
import type { ActorId, FactId, MessageId, Micros, PlaceId, TimerId } from '../types.ts';
import {
  argumentsOf,
  CHANGEABLE,
  type Features,
  featuresOf,
  QUEUE_OPTIONS,
  type QueueSpec,
  queueSpec,
} from './rabbitmq-options.ts';
import {
  type ClientFrame,
  type ClientMethod,
  type Handover,
  isFrame,
  type Opened,
  type Opening,
  type ServerFrame,
  type ServerMethod,
} from './rabbitmq-verbs.ts';

export interface NodeSettings {
  /** Such as `4.2` or `3.10.8`. */
  readonly version: string;
  /** 0: no heartbeats. */
  readonly heartbeatUs: Micros;
  /** −1: never. */
  readonly consumerTimeoutUs: Micros;
  /** How long written messages wait for the flush that makes them survive; 0 flushes at once. */
  readonly flushUs: Micros;
}

/** Why a method is refused. A hard error closes the whole connection, the others the channel. */
interface Refusal {
  readonly code: number;
  readonly name: string;
  readonly text: string;
}

/** A definition of a queue, from queue.declare or from the scenario. */
export interface QueueDefinition {
  readonly name: string;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  readonly arguments: HeaderTable;
}

/** What a person sees of a queue in the management interface. */
export interface QueueStats {
  readonly ready: number;
  readonly unacked: number;
  readonly consumers: number;
  /** Tag of the single active consumer, where there is one. */
  readonly active: string | undefined;
}

type Timer =
  | { readonly type: 'rabbitmq/flush' }
  | { readonly type: 'rabbitmq/ack-timeouts' }
  | { readonly type: 'rabbitmq/heartbeat'; readonly connection: number }
  | { readonly type: 'rabbitmq/gap'; readonly connection: number }
  | { readonly type: 'rabbitmq/ttl'; readonly queue: string }
  | { readonly type: 'rabbitmq/unused'; readonly queue: string }
  | { readonly type: 'rabbitmq/delay-over'; readonly queue: string; readonly entry: QueuedMessage }
  | { readonly type: 'rabbitmq/redrive'; readonly command: Redrive };

type Redrive = Extract<Command, { type: 'redrive' }>;
type OnChannel<Type extends ClientMethod['type']> = Extract<ClientMethod, { type: Type }>;
type BindMethod = OnChannel<'exchange.bind' | 'exchange.unbind'> | OnChannel<'queue.bind' | 'queue.unbind'>;
type ChannelFrame = Exclude<ClientFrame, { type: 'heartbeat' | 'connection.close' | 'channel.open' }>;

const PREDECLARED: readonly [string, Exchange['type']][] = [
  ['amq.direct', 'direct'],
  ['amq.fanout', 'fanout'],
  ['amq.topic', 'topic'],
  ['amq.headers', 'headers'],
];

/** A quorum queue gives no consumer a larger prefetch (R24). */
const QUORUM_PREFETCH_MAX = 2000;
/** Acknowledgement timeouts are looked at this often (R37). */
const ACK_TIMEOUT_CHECK_US = 60_000_000;
/** While frames wait for one that is missing for this long, the connection counts as broken. */
const GAP_US = 2_000_000;

const NO_ARGUMENTS: HeaderTable = {};

class Connection {
  readonly id: number;
  readonly peer: ActorId;
  readonly channels = new Map<string, Channel>();
  readonly inbound = new FrameOrder<ClientFrame>();
  lastHeardUs: Micros;
  lastSentUs: Micros;
  sent = 0;
  gapTimer: TimerId = 0;
  heartbeatTimer: TimerId = 0;

  constructor(id: number, peer: ActorId, nowUs: Micros) {
    this.id = id;
    this.peer = peer;
    this.lastHeardUs = nowUs;
    this.lastSentUs = nowUs;
  }
}

class Channel {
  readonly connection: Connection;
  readonly name: string;
  readonly consumers = new Map<string, Consumer>();
  /** Outstanding deliveries by delivery tag, and so in the order of delivery. */
  readonly unacked = new Map<number, Unacked>();
  lastTag = 0;
  /** Publisher confirms: the number of the last publish, or −1 while they are off. */
  published = -1;
  /** Prefetch of consumers that start later, and of the channel as a whole; 0 is no limit (R24). */
  prefetch = 0;
  sharedPrefetch = 0;
  /** Outstanding deliveries to consumers: the channel's share of what `sharedPrefetch` limits. */
  held = 0;

  constructor(connection: Connection, name: string) {
    this.connection = connection;
    this.name = name;
  }
}

class Consumer implements Taker {
  readonly channel: Channel;
  readonly tag: string;
  readonly queue: Queue;
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly priority: number;
  readonly prefetch: number;
  held = 0;

  constructor(channel: Channel, queue: Queue, method: OnChannel<'basic.consume'>) {
    const priority = method.arguments?.['x-priority'];
    this.channel = channel;
    this.tag = method.consumerTag;
    this.queue = queue;
    this.noAck = method.noAck ?? false;
    this.exclusive = (method.exclusive ?? false) && !queue.isQuorum;
    this.priority = typeof priority === 'number' ? priority : 0;
    this.prefetch = queue.isQuorum ? Math.min(channel.prefetch, QUORUM_PREFETCH_MAX) : channel.prefetch;
  }

  canTake(): boolean {
    if (this.noAck) return true;
    if (this.prefetch > 0 && this.held >= this.prefetch) return false;
    return this.channel.sharedPrefetch === 0 || this.channel.held < this.channel.sharedPrefetch;
  }

  outstanding(): number {
    return this.held;
  }
}

/** A delivery that its channel has not settled. `consumer` is absent for what basic.get fetched. */
interface Unacked {
  readonly queue: Queue;
  readonly entry: QueuedMessage;
  readonly consumer: Consumer | undefined;
  readonly deliveredAtUs: Micros;
}

class Queue {
  readonly name: string;
  readonly place: PlaceId;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  /** The only connection that may use it (R13). */
  readonly exclusiveTo: Connection | undefined;
  readonly arguments: HeaderTable;
  spec: QueueSpec;
  /** The arguments with what a policy has changed since. */
  effective: HeaderTable;
  readonly contents: RabbitQueue<Consumer>;
  readonly ttlWire: Timer;
  ttlTimer: TimerId = 0;
  ttlTimerAtUs: Micros = NEVER;
  lastUsedUs: Micros = 0;
  deleted = false;

  constructor(definition: QueueDefinition, spec: QueueSpec, place: PlaceId, exclusiveTo: Connection | undefined) {
    this.name = definition.name;
    this.place = place;
    this.durable = definition.durable;
    this.autoDelete = definition.autoDelete;
    this.exclusiveTo = exclusiveTo;
    this.arguments = definition.arguments;
    this.effective = definition.arguments;
    this.spec = spec;
    this.contents = new RabbitQueue(spec.rules);
    this.ttlWire = { type: 'rabbitmq/ttl', queue: this.name };
  }

  get isQuorum(): boolean {
    return this.spec.rules.type === 'quorum';
  }
}

export class RabbitNode implements Machine {
  readonly #settings: NodeSettings;
  readonly #features: Features;
  readonly #placeOf: (name: string) => PlaceId;
  readonly #graph = new ExchangeGraph();
  readonly #queues = new Map<string, Queue>();
  readonly #connections = new Map<number, Connection>();
  #lastConnection = 0;
  #lastGenerated = 0;
  /** Written and not flushed, and the publishes that wait for the flush. */
  #unflushed: QueuedMessage[] = [];
  #unconfirmed: { readonly channel: Channel; readonly tag: number; readonly message: MessageId }[] = [];
  #checksAckTimeouts = false;

  /** `placeOf` numbers queues and exchanges for the facts; 0 for one that the scenario does not know. */
  constructor(settings: NodeSettings, placeOf: (name: string) => PlaceId) {
    this.#settings = settings;
    this.#features = featuresOf(settings.version);
    this.#placeOf = placeOf;
    for (const [name, type] of PREDECLARED) this.addExchange(name, type, NO_ARGUMENTS);
  }

  // Definitions from outside of AMQP, before time 0: what an administrator did.

  addExchange(name: string, type: Exchange['type'], args: HeaderTable, flags: Partial<Exchange> = {}): void {
    const alternate = args['alternate-exchange'];
    this.#graph.addExchange({
      durable: true,
      autoDelete: false,
      internal: false,
      ...flags,
      name,
      type,
      alternate: typeof alternate === 'string' ? alternate : undefined,
    });
  }

  hasExchange(name: string): boolean {
    return this.#graph.exchange(name) !== undefined;
  }

  /** Adds a queue, or gives the reason why a node refuses its definition. */
  addQueue(definition: QueueDefinition): string | undefined {
    const refused = this.#createQueue(definition, undefined, 0);
    return refused?.text;
  }

  addBinding(
    to: 'queue' | 'exchange',
    destination: string,
    source: string,
    key: string,
    args: HeaderTable,
  ): string | undefined {
    return this.#bind({ source, to, destination, key, arguments: args })?.text;
  }

  /** The counters of a queue, or `undefined` when there is no such queue. */
  stats(queue: string): QueueStats | undefined {
    const contents = this.#queues.get(queue)?.contents;
    if (contents === undefined) return undefined;
    return {
      ready: contents.ready.length,
      unacked: contents.unacked,
      consumers: contents.consumers.size,
      active: contents.consumers.active()?.tag,
    };
  }

  // Life of the process.

  start(out: Out): void {
    for (const queue of this.#queues.values()) this.#wakeQueue(queue, out);
  }

  /**
   * What is on disk stays; the rest of the messages, all connections and what was transient are gone (R11, R12). Whether the disk loses its
   * cache makes no difference: what is not flushed is still in the server's own memory.
   */
  crash(out: Out): void {
    const channels = [...this.#connections.values()].flatMap((connection) => [...connection.channels.values()]);
    for (const channel of channels) {
      for (const consumer of channel.consumers.values()) consumer.queue.contents.consumers.remove(consumer);
    }
    for (const channel of channels) {
      for (const unacked of channel.unacked.values()) this.#giveBack(unacked, 'lost', R['connection lost'], out);
    }
    this.#connections.clear();
    this.#unflushed = [];
    this.#unconfirmed = [];
    this.#checksAckTimeouts = false;
    for (const queue of [...this.#queues.values()]) {
      queue.ttlTimer = 0;
      queue.ttlTimerAtUs = NEVER;
      const survives = queue.durable && queue.exclusiveTo === undefined;
      const { contents } = queue;
      const lost = survives ? contents.loseUnstored() : contents.ready.entries();
      for (const { message } of lost) {
        const onItsWay = survives && (message.persistent || queue.isQuorum);
        out.fact(F.lost, message.body.id, queue.place, 0, 0, onItsWay ? R['not flushed'] : R['kept in memory only']);
      }
      if (!survives) this.#forgetQueue(queue);
    }
    for (const exchange of this.#graph.exchanges()) {
      if (!exchange.durable) this.#removeExchange(exchange.name);
    }
  }

  restart(out: Out): void {
    this.start(out);
  }

  /** A shutdown flushes first, and tells the clients. */
  stop(out: Out): void {
    this.#flush(out);
    for (const connection of [...this.#connections.values()]) {
      this.#say(connection, { type: 'connection.close', code: 320, name: 'CONNECTION_FORCED', text: 'shutdown' }, out);
    }
    this.crash(out);
  }

  peerLost(peer: ActorId, out: Out): void {
    for (const connection of [...this.#connections.values()]) {
      if (connection.peer === peer) this.#loseConnection(connection, out);
    }
  }

  timer(wire: Wire, out: Out): void {
    const timer = wire as Timer;
    switch (timer.type) {
      case 'rabbitmq/flush':
        return this.#flush(out);
      case 'rabbitmq/ack-timeouts':
        return this.#checkAckTimeouts(out);
      case 'rabbitmq/heartbeat': {
        const connection = this.#connections.get(timer.connection);
        if (connection !== undefined) this.#heartbeat(connection, out);
        return;
      }
      case 'rabbitmq/gap': {
        const connection = this.#connections.get(timer.connection);
        if (connection === undefined) return;
        connection.gapTimer = 0;
        return this.#giveUp(connection, out);
      }
      case 'rabbitmq/ttl': {
        const queue = this.#queues.get(timer.queue);
        if (queue === undefined) return;
        queue.ttlTimer = 0;
        queue.ttlTimerAtUs = NEVER;
        return this.#dispatch(queue, out);
      }
      case 'rabbitmq/unused': {
        const queue = this.#queues.get(timer.queue);
        if (queue !== undefined) this.#checkUnused(queue, out);
        return;
      }
      case 'rabbitmq/delay-over': {
        const queue = this.#queues.get(timer.queue);
        if (queue !== undefined) this.#delayOver(queue, timer.entry, out);
        return;
      }
      case 'rabbitmq/redrive':
        return this.#redrive(timer.command, out);
      default:
        return timer satisfies never;
    }
  }

  command(command: Command, out: Out): void {
    if (command.type === 'redrive') return this.#redrive(command, out);
    if (command.type !== 'set' || command.path[0] !== 'queues') return;
    const [, name = '', option = ''] = command.path;
    const queue = this.#queues.get(name);
    if (queue !== undefined && CHANGEABLE.includes(option)) this.#applyPolicy(queue, option, command.value, out);
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    if (!isFrame(wire)) {
      const opening = wire as Opening;
      if (opening.type === 'connection.open') return this.#open(from, opening.request, out);
      const broken = this.#connections.get(opening.connection);
      if (broken?.peer === from) this.#loseConnection(broken, out);
      return;
    }
    const frame = wire as ClientFrame;
    const connection = this.#connections.get(frame.connection);
    if (connection === undefined || connection.peer !== from) {
      const reset: Opened = { type: 'connection.reset', connection: frame.connection };
      return out.send(from, 'control', reset);
    }
    connection.lastHeardUs = out.now;
    if (!connection.inbound.accept(frame)) return this.#watchGap(connection, out);
    let next: ClientFrame | undefined = frame;
    while (next !== undefined && this.#connections.has(connection.id)) {
      this.#handle(connection, next, out);
      next = connection.inbound.next();
    }
    if (connection.gapTimer !== 0 && connection.inbound.missing === 0) {
      out.cancel(connection.gapTimer);
      connection.gapTimer = 0;
    }
  }

  // Connections.

  #open(from: ActorId, request: number, out: Out): void {
    this.#lastConnection += 1;
    const connection = new Connection(this.#lastConnection, from, out.now);
    this.#connections.set(connection.id, connection);
    const { heartbeatUs } = this.#settings;
    const opened: Opened = {
      type: 'connection.open-ok',
      request,
      connection: connection.id,
      heartbeatUs,
    };
    out.send(from, 'control', opened);
    if (heartbeatUs > 0) this.#armHeartbeat(connection, out);
  }

  #armHeartbeat(connection: Connection, out: Out): void {
    const { heartbeatUs } = this.#settings;
    const silence = connection.lastHeardUs + heartbeatUs - out.now;
    const delay = Math.max(1, Math.min(Math.floor(heartbeatUs / 2), silence));
    connection.heartbeatTimer = out.timer(delay, { type: 'rabbitmq/heartbeat', connection: connection.id } as Timer, 0);
  }

  #heartbeat(connection: Connection, out: Out): void {
    const { heartbeatUs } = this.#settings;
    if (out.now - connection.lastHeardUs >= heartbeatUs) return this.#giveUp(connection, out);
    if (out.now - connection.lastSentUs >= Math.floor(heartbeatUs / 2))
      this.#say(connection, { type: 'heartbeat' }, out);
    this.#armHeartbeat(connection, out);
  }

  #watchGap(connection: Connection, out: Out): void {
    if (connection.inbound.missing === 0 || connection.gapTimer !== 0) return;
    connection.gapTimer = out.timer(GAP_US, { type: 'rabbitmq/gap', connection: connection.id } as Timer);
  }

  /** The node's own finding that nothing comes any more; the client may be alive behind a split, so it is told. */
  #giveUp(connection: Connection, out: Out): void {
    const reset: Opened = { type: 'connection.reset', connection: connection.id };
    out.send(connection.peer, 'control', reset);
    this.#loseConnection(connection, out);
  }

  #loseConnection(connection: Connection, out: Out): void {
    out.fact(F['connection-lost'], 0, 0, connection.peer);
    this.#endConnection(connection, R['connection lost'], out);
  }

  #endConnection(connection: Connection, reason: number, out: Out): void {
    this.#connections.delete(connection.id);
    if (connection.heartbeatTimer !== 0) out.cancel(connection.heartbeatTimer);
    if (connection.gapTimer !== 0) out.cancel(connection.gapTimer);
    this.#endChannels([...connection.channels.values()], reason, out);
    for (const queue of [...this.#queues.values()]) {
      if (queue.exclusiveTo === connection) this.#deleteQueue(queue, R['consumer gone'], out);
    }
  }

  /** Channels end together: first nobody consumes on them any more, then their deliveries return, then others get them (R35). */
  #endChannels(channels: readonly Channel[], reason: number, out: Out): void {
    const touched = new Set<Queue>();
    const abandoned = new Set<Queue>();
    for (const channel of channels) {
      channel.connection.channels.delete(channel.name);
      for (const consumer of channel.consumers.values()) {
        this.#removeConsumer(consumer, reason, out);
        touched.add(consumer.queue);
        abandoned.add(consumer.queue);
      }
      channel.consumers.clear();
    }
    for (const channel of channels) {
      for (const unacked of channel.unacked.values()) {
        this.#giveBack(unacked, 'lost', reason, out);
        touched.add(unacked.queue);
      }
      channel.unacked.clear();
    }
    for (const queue of touched)
      if (!abandoned.has(queue) || !this.#deleteIfAbandoned(queue, out)) this.#settleQueue(queue, out);
  }

  #handle(connection: Connection, frame: ClientFrame, out: Out): void {
    switch (frame.type) {
      case 'heartbeat':
        return;
      case 'connection.close':
        this.#say(connection, { type: 'connection.close-ok' }, out);
        return this.#endConnection(connection, R['consumer gone'], out);
      case 'channel.open':
        connection.channels.set(frame.channel, new Channel(connection, frame.channel));
        return this.#say(connection, { type: 'ok', channel: frame.channel, to: frame.type }, out);
      default:
    }
    const channel = connection.channels.get(frame.channel);
    // A closed channel drops what its client sent before it learnt of the closing.
    if (channel === undefined) return;
    const refusal = this.#onChannel(channel, frame, out);
    if (refusal !== undefined) this.#refuse(channel, refusal, R['refused by the broker'], out);
  }

  #refuse(channel: Channel, refusal: Refusal, reason: number, out: Out): void {
    const { connection } = channel;
    out.fact(F['channel-closed'], 0, 0, connection.peer, refusal.code, reason);
    const { code, name, text } = refusal;
    if (code === NOT_IMPLEMENTED) {
      this.#say(connection, { type: 'connection.close', code, name, text }, out);
      return this.#endConnection(connection, reason, out);
    }
    this.#say(connection, { type: 'channel.close', channel: channel.name, code, name, text }, out);
    this.#endChannels([channel], R['connection lost'], out);
  }

  /** Sends one frame that carries no message. */
  #say(connection: Connection, method: ServerMethod, out: Out): void {
    out.send(connection.peer, 'control', this.#frame(connection, method, out));
  }

  #frame(connection: Connection, method: ServerMethod, out: Out): ServerFrame {
    connection.sent += 1;
    connection.lastSentUs = out.now;
    return { ...method, connection: connection.id, frame: connection.sent };
  }

  // Methods on a channel. Each gives the refusal that closes the channel, or nothing.

  #onChannel(channel: Channel, method: ChannelFrame, out: Out): Refusal | undefined {
    switch (method.type) {
      case 'basic.publish':
        return this.#publish(channel, method, out);
      case 'basic.ack':
        return this.#settle(channel, method.deliveryTag, method.multiple ?? false, 'ack', out);
      case 'basic.nack':
        return this.#settle(
          channel,
          method.deliveryTag,
          method.multiple ?? false,
          method.requeue ? 'nack' : 'discard',
          out,
        );
      case 'basic.reject':
        return this.#settle(channel, method.deliveryTag, false, method.requeue ? 'reject' : 'discard', out);
      case 'basic.get':
        return this.#get(channel, method, out);
      case 'basic.consume':
        return this.#consume(channel, method, out);
      case 'basic.cancel':
        return this.#cancel(channel, method.consumerTag, out);
      case 'basic.qos':
        return this.#qos(channel, method, out);
      case 'basic.recover':
        return this.#recover(channel, method, out);
      case 'confirm.select':
        if (channel.published < 0) channel.published = 0;
        return this.#done(channel, method.type, out);
      case 'channel.close':
        this.#say(channel.connection, { type: 'channel.close-ok', channel: channel.name }, out);
        return void this.#endChannels([channel], R['consumer gone'], out);
      case 'exchange.declare':
        return this.#declareExchange(method) ?? this.#done(channel, method.type, out);
      case 'exchange.delete':
        return this.#deleteExchange(method) ?? this.#done(channel, method.type, out);
      case 'exchange.bind':
      case 'exchange.unbind':
      case 'queue.bind':
      case 'queue.unbind':
        return this.#changeBinding(channel, method) ?? this.#done(channel, method.type, out);
      case 'queue.declare':
        return this.#declareQueue(channel, method, out);
      case 'queue.purge':
        return this.#purge(channel, method, out);
      case 'queue.delete':
        return this.#queueDelete(channel, method, out);
      default:
        return method satisfies never;
    }
  }

  #done(channel: Channel, to: string, out: Out): undefined {
    this.#say(channel.connection, { type: 'ok', channel: channel.name, to }, out);
    return undefined;
  }

  #declareExchange(method: OnChannel<'exchange.declare'>): Refusal | undefined {
    const { exchange: name, exchangeType: type } = method;
    const known = this.#graph.exchange(name);
    if (name === DEFAULT_EXCHANGE) return accessRefused('the default exchange cannot be declared');
    if (known === undefined) {
      if (method.passive) return notFound('exchange', name);
      if (name.startsWith('amq.')) return accessRefused(`exchange name '${name}' begins with the reserved prefix amq.`);
      this.addExchange(name, type, method.arguments ?? NO_ARGUMENTS, flagsOf(method));
      return undefined;
    }
    if (method.passive) return undefined;
    const alternate = method.arguments?.['alternate-exchange'];
    const { durable, autoDelete, internal } = flagsOf(method);
    const same =
      known.type === type &&
      known.durable === durable &&
      known.autoDelete === autoDelete &&
      known.internal === internal &&
      known.alternate === alternate;
    return same ? undefined : preconditionFailed(`exchange '${name}' exists with other properties`);
  }

  #deleteExchange(method: OnChannel<'exchange.delete'>): Refusal | undefined {
    const { exchange: name } = method;
    if (name === DEFAULT_EXCHANGE || name.startsWith('amq.'))
      return accessRefused(`exchange '${name}' cannot be deleted`);
    if (method.ifUnused && this.#graph.bindingsFrom(name).length > 0)
      return preconditionFailed(`exchange '${name}' is in use`);
    this.#removeExchange(name);
    return undefined;
  }

  #removeExchange(name: string): void {
    this.#dropUnbound(this.#graph.removeExchange(name));
  }

  /** Auto-delete exchanges go with their last binding. */
  #dropUnbound(exchanges: readonly string[]): void {
    for (const name of exchanges) if (this.#graph.exchange(name)?.autoDelete) this.#removeExchange(name);
  }

  #changeBinding(channel: Channel, method: BindMethod): Refusal | undefined {
    const { routingKey: key, arguments: args = NO_ARGUMENTS } = method;
    let binding: Binding;
    if ('queue' in method) {
      const locked = this.#lockedFor(channel, method.queue);
      if (locked !== undefined) return locked;
      binding = { source: method.exchange, to: 'queue', destination: method.queue, key, arguments: args };
    } else {
      binding = { source: method.source, to: 'exchange', destination: method.destination, key, arguments: args };
    }
    if (method.type === 'queue.bind' || method.type === 'exchange.bind') return this.#bind(binding);
    this.#dropUnbound(this.#graph.unbind(binding));
    return undefined;
  }

  #bind(binding: Binding): Refusal | undefined {
    const { source, destination, to } = binding;
    if (source === DEFAULT_EXCHANGE || (to === 'exchange' && destination === DEFAULT_EXCHANGE)) {
      return accessRefused('the default exchange cannot be bound');
    }
    const exchange = this.#graph.exchange(source);
    if (exchange === undefined) return notFound('exchange', source);
    const exists = to === 'queue' ? this.#queues.has(destination) : this.#graph.exchange(destination) !== undefined;
    if (!exists) return notFound(to, destination);
    if (exchange.type === 'headers') {
      const refusal = headersBindingRefusal(binding.arguments);
      if (refusal !== undefined) return preconditionFailed(refusal);
    }
    if (exchange.type === 'topic' && this.#features.since43 && hashWords(topicWords(binding.key)) > 2) {
      return preconditionFailed(`binding key '${binding.key}' has more than two # words`);
    }
    this.#graph.bind(binding);
    return undefined;
  }

  #declareQueue(channel: Channel, method: OnChannel<'queue.declare'>, out: Out): Refusal | undefined {
    let { queue: name } = method;
    const known = this.#queues.get(name);
    const locked = this.#lockedFor(channel, name);
    if (locked !== undefined) return locked;
    if (known !== undefined) {
      const same =
        method.passive === true ||
        (known.durable === (method.durable ?? false) &&
          known.autoDelete === (method.autoDelete ?? false) &&
          (known.exclusiveTo !== undefined) === (method.exclusive ?? false) &&
          sameTable(known.arguments, method.arguments ?? NO_ARGUMENTS));
      if (!same) return preconditionFailed(`queue '${name}' exists with other properties or arguments`);
      // Quorum queues are not renewed by a declaration (R42).
      if (!known.isQuorum) known.lastUsedUs = out.now;
    } else {
      if (method.passive) return notFound('queue', name);
      if (name.startsWith('amq.')) return accessRefused(`queue name '${name}' begins with the reserved prefix amq.`);
      if (name === '') {
        this.#lastGenerated += 1;
        name = `amq.gen-${this.#lastGenerated}`;
      }
      const refusal = this.#createQueue(
        {
          name,
          durable: method.durable ?? false,
          autoDelete: method.autoDelete ?? false,
          arguments: method.arguments ?? NO_ARGUMENTS,
        },
        method.exclusive ? channel.connection : undefined,
        out.now,
      );
      if (refusal !== undefined) return refusal;
      const created = this.#queues.get(name);
      if (created !== undefined) this.#wakeQueue(created, out);
    }
    const contents = this.#queues.get(name)?.contents;
    this.#say(
      channel.connection,
      {
        type: 'queue.declare-ok',
        channel: channel.name,
        queue: name,
        messageCount: contents?.ready.length ?? 0,
        consumerCount: contents?.consumers.size ?? 0,
      },
      out,
    );
    return undefined;
  }

  #createQueue(definition: QueueDefinition, exclusiveTo: Connection | undefined, nowUs: Micros): Refusal | undefined {
    const { name, durable } = definition;
    const spec = queueSpec(definition.arguments, this.#features);
    if (typeof spec === 'string') return preconditionFailed(spec);
    if (spec.rules.type === 'quorum' && (!durable || exclusiveTo !== undefined)) {
      return preconditionFailed(`quorum queue '${name}' must be durable and not exclusive`);
    }
    if (!durable && exclusiveTo === undefined && this.#features.since43) {
      return notImplemented(`transient queue '${name}' that is not exclusive: 4.3 permits none`);
    }
    const queue = new Queue(definition, spec, this.#placeOf(name), exclusiveTo);
    queue.lastUsedUs = nowUs;
    this.#queues.set(name, queue);
    this.#graph.addQueue(name);
    return undefined;
  }

  #lockedFor(channel: Channel, name: string): Refusal | undefined {
    const owner = this.#queues.get(name)?.exclusiveTo;
    if (owner === undefined || owner === channel.connection) return undefined;
    return { code: 405, name: 'RESOURCE_LOCKED', text: `queue '${name}' is exclusive to another connection` };
  }

  #usable(channel: Channel, name: string): Queue | Refusal {
    return this.#lockedFor(channel, name) ?? this.#queues.get(name) ?? notFound('queue', name);
  }

  #purge(channel: Channel, method: OnChannel<'queue.purge'>, out: Out): Refusal | undefined {
    const queue = this.#usable(channel, method.queue);
    if (!(queue instanceof Queue)) return queue;
    const messageCount = this.#evictAll(queue, out);
    this.#say(channel.connection, { type: 'queue.purge-ok', channel: channel.name, messageCount }, out);
    return undefined;
  }

  #queueDelete(channel: Channel, method: OnChannel<'queue.delete'>, out: Out): Refusal | undefined {
    const locked = this.#lockedFor(channel, method.queue);
    if (locked !== undefined) return locked;
    const queue = this.#queues.get(method.queue);
    // Deleting what does not exist is no error: the client wanted it gone.
    const messageCount = queue?.contents.ready.length ?? 0;
    if (queue !== undefined) {
      if (method.ifUnused && queue.contents.consumers.size > 0)
        return preconditionFailed(`queue '${queue.name}' is in use`);
      if (method.ifEmpty && messageCount > 0) return preconditionFailed(`queue '${queue.name}' is not empty`);
      this.#deleteQueue(queue, R['missing target'], out);
    }
    this.#say(channel.connection, { type: 'queue.delete-ok', channel: channel.name, messageCount }, out);
    return undefined;
  }

  #evictAll(queue: Queue, out: Out): number {
    const entries = queue.contents.ready.entries();
    queue.contents.ready.clear();
    for (const { message } of entries) out.fact(F.evicted, message.body.id, queue.place, 0, 0, R.purged);
    return entries.length;
  }

  /** Deleting a queue discards its messages, unacked ones too, without dead-lettering them, and cancels its consumers. */
  #deleteQueue(queue: Queue, reason: number, out: Out): void {
    this.#evictAll(queue, out);
    for (const { message } of queue.contents.delayed.keys()) {
      out.fact(F.evicted, message.body.id, queue.place, 0, 0, R.purged);
    }
    for (const connection of this.#connections.values()) {
      for (const channel of connection.channels.values()) {
        for (const unacked of channel.unacked.values()) {
          if (unacked.queue === queue) out.fact(F.evicted, unacked.entry.message.body.id, queue.place, 0, 0, R.purged);
        }
      }
    }
    for (const consumer of [...queue.contents.consumers.all()]) {
      consumer.channel.consumers.delete(consumer.tag);
      queue.contents.consumers.remove(consumer);
      const { channel, tag } = consumer;
      out.fact(F.cancelled, 0, queue.place, channel.connection.peer, 0, reason);
      this.#say(channel.connection, { type: 'basic.cancel', channel: channel.name, consumerTag: tag }, out);
    }
    if (queue.ttlTimer !== 0) out.cancel(queue.ttlTimer);
    this.#forgetQueue(queue);
  }

  #forgetQueue(queue: Queue): void {
    queue.deleted = true;
    this.#queues.delete(queue.name);
    this.#dropUnbound(this.#graph.removeQueue(queue.name));
  }

  // Publishing.

  #publish(channel: Channel, method: OnChannel<'basic.publish'>, out: Out): Refusal | undefined {
    const { exchange, routingKey, body } = method;
    if (exchange !== DEFAULT_EXCHANGE) {
      const known = this.#graph.exchange(exchange);
      if (known === undefined) return notFound('exchange', exchange);
      if (known.internal) return accessRefused(`exchange '${exchange}' is internal: only exchanges publish to it`);
    }
    const message = publishedMessage(body, exchange, routingKey, method.properties);
    if (typeof message === 'string') return preconditionFailed(message);
    let tag = 0;
    if (channel.published >= 0) {
      channel.published += 1;
      tag = channel.published;
    }
    const queues = this.#graph.route(exchange, { keys: routingKeys(message), headers: message.headers });
    if (queues.length === 0) {
      out.fact(F.unroutable, body.id, exchange === DEFAULT_EXCHANGE ? 0 : this.#placeOf(exchange));
      if (method.mandatory) this.#return(channel, message, out);
      if (tag > 0) this.#confirm(channel, tag, true, false, body.id, out);
      return undefined;
    }
    let refused = false;
    let onDisk = false;
    for (const name of queues) {
      const queue = this.#queues.get(name);
      if (queue === undefined) continue;
      if (exchange !== DEFAULT_EXCHANGE) out.fact(F.routed, body.id, queue.place);
      if (!this.#enqueue(queue, message, out)) refused = true;
      else if (queue.isQuorum || (queue.durable && message.persistent)) onDisk = true;
    }
    if (tag === 0) return undefined;
    if (refused) this.#confirm(channel, tag, false, false, body.id, out);
    else if (onDisk && this.#settings.flushUs > 0) this.#unconfirmed.push({ channel, tag, message: body.id });
    else this.#confirm(channel, tag, true, false, body.id, out);
    return undefined;
  }

  #return(channel: Channel, message: AmqpMessage, out: Out): void {
    const { connection } = channel;
    const { body } = message;
    out.fact(F.returned, body.id, 0, connection.peer);
    const returned: ServerMethod = {
      type: 'basic.return',
      channel: channel.name,
      code: 312,
      name: 'NO_ROUTE',
      exchange: message.exchange,
      routingKey: message.keys[0] ?? '',
      body,
      sizeBytes: body.sizeBytes,
    };
    out.send(connection.peer, 'reply', this.#frame(connection, returned, out), body.id);
  }

  #confirm(
    channel: Channel,
    deliveryTag: number,
    ok: boolean,
    multiple: boolean,
    messages: MessageId | readonly MessageId[],
    out: Out,
  ): void {
    const { connection } = channel;
    connection.sent += 1;
    connection.lastSentUs = out.now;
    const frame: ServerFrame = {
      type: ok ? 'basic.ack' : 'basic.nack',
      connection: connection.id,
      frame: connection.sent,
      channel: channel.name,
      deliveryTag,
      multiple,
    };
    out.send(connection.peer, 'reply', frame, messages);
  }

  /** One flush for all that was written since the last one; then their publishers are told (R18). */
  #flush(out: Out): void {
    for (const entry of this.#unflushed) entry.stored = true;
    this.#unflushed = [];
    const waiting = this.#unconfirmed;
    this.#unconfirmed = [];
    const byChannel = new Map<Channel, { tag: number; readonly messages: MessageId[] }>();
    for (const { channel, tag, message } of waiting) {
      if (!this.#isOpen(channel)) continue;
      const batch = byChannel.get(channel);
      if (batch === undefined) byChannel.set(channel, { tag, messages: [message] });
      else {
        batch.tag = tag;
        batch.messages.push(message);
      }
    }
    // All unanswered publishes of a channel wait for the flush, so one answer covers them up to the last.
    for (const [channel, { tag, messages }] of byChannel) {
      this.#confirm(channel, tag, true, messages.length > 1, messages, out);
    }
  }

  #isOpen(channel: Channel): boolean {
    const { connection } = channel;
    return this.#connections.get(connection.id) === connection && connection.channels.get(channel.name) === channel;
  }

  /** A message arrives at a queue; false when the queue refuses it. */
  #enqueue(queue: Queue, message: AmqpMessage, out: Out): boolean {
    const { contents } = queue;
    const { id } = message.body;
    if (contents.refuses(message.body.sizeBytes)) {
      const refused = out.fact(F.rejected, id, queue.place, 0, 0, R['queue full']);
      if (queue.spec.rules.overflow === 'reject-publish-dlx')
        this.#deadLetter(queue, message, message.attempts, 'maxlen', refused, out);
      return false;
    }
    const entry = contents.admit(message, out.now);
    entry.readyFact = out.fact(F.appended, id, queue.place, 0, contents.ready.behind(entry));
    if (queue.isQuorum || (queue.durable && message.persistent)) this.#write(entry, out);
    // With a TTL of 0 only a consumer that can take it at once gets it, so a free one is asked before the clock (R41).
    const consumer = contents.ready.length === 0 ? contents.consumers.next() : undefined;
    if (consumer !== undefined) {
      this.#deliver(consumer, entry, out);
      return true;
    }
    contents.ready.add(entry);
    this.#settleQueue(queue, out);
    return true;
  }

  #write(entry: QueuedMessage, out: Out): void {
    const { flushUs } = this.#settings;
    if (flushUs === 0) {
      entry.stored = true;
      return;
    }
    if (this.#unflushed.length === 0) out.timer(flushUs, { type: 'rabbitmq/flush' } as Timer);
    this.#unflushed.push(entry);
  }

  // Queues.

  /** Applies the limits to what is ready, then hands it out. */
  #settleQueue(queue: Queue, out: Out): void {
    if (queue.deleted) return;
    const { contents } = queue;
    for (let entry = contents.takeOverflow(); entry !== undefined; entry = contents.takeOverflow()) {
      this.#leave(queue, entry, 'maxlen', out);
    }
    this.#dispatch(queue, out);
  }

  #dispatch(queue: Queue, out: Out): void {
    const { ready, consumers } = queue.contents;
    for (;;) {
      for (let entry = ready.takeExpired(out.now); entry !== undefined; entry = ready.takeExpired(out.now)) {
        this.#leave(queue, entry, 'expired', out);
      }
      if (ready.length === 0) return;
      const consumer = consumers.next();
      if (consumer === undefined) break;
      const entry = ready.take();
      if (entry === undefined) throw new Error('a ready list that is not empty has a head');
      this.#deliver(consumer, entry, out);
    }
    this.#armTtl(queue, out);
  }

  #armTtl(queue: Queue, out: Out): void {
    const at = queue.contents.ready.nextExpiryUs();
    // A timer for an earlier head looks again when it fires.
    if (at >= queue.ttlTimerAtUs) return;
    if (queue.ttlTimer !== 0) out.cancel(queue.ttlTimer);
    queue.ttlTimer = out.timer(
      Math.max(0, at - out.now),
      queue.ttlWire,
      queue.contents.ready.length > 0 ? undefined : 0,
    );
    queue.ttlTimerAtUs = at;
  }

  #handOver(
    channel: Channel,
    queue: Queue,
    entry: QueuedMessage,
    consumer: Consumer | undefined,
    noAck: boolean,
    out: Out,
  ): Handover {
    const { peer } = channel.connection;
    const { message } = entry;
    const redelivered = entry.deliveries > 0;
    entry.deliveries += 1;
    channel.lastTag += 1;
    const attempt = attemptOf(entry);
    out.fact(F.delivered, message.body.id, queue.place, peer, 0, attempt, entry.readyFact);
    if (noAck) out.fact(F.acked, message.body.id, queue.place, peer, 0, attempt);
    else {
      channel.unacked.set(channel.lastTag, { queue, entry, consumer, deliveredAtUs: out.now });
      queue.contents.unacked += 1;
      this.#watchAckTimeouts(queue, out);
    }
    const showsCount =
      queue.isQuorum && (entry.failures > 0 || (consumer === undefined && this.#features.showsZeroDeliveryCount));
    return {
      deliveryTag: channel.lastTag,
      redelivered,
      message,
      deliveryCount: showsCount ? entry.failures : undefined,
      queue: queue.name,
      place: queue.place,
      attempt,
      sizeBytes: message.body.sizeBytes,
    };
  }

  #deliver(consumer: Consumer, entry: QueuedMessage, out: Out): void {
    const { channel, queue, noAck } = consumer;
    const { connection } = channel;
    if (!noAck) {
      consumer.held += 1;
      channel.held += 1;
    }
    const handover = this.#handOver(channel, queue, entry, consumer, noAck, out);
    connection.sent += 1;
    connection.lastSentUs = out.now;
    const frame: ServerFrame = {
      type: 'basic.deliver',
      connection: connection.id,
      frame: connection.sent,
      channel: channel.name,
      consumerTag: consumer.tag,
      ...handover,
    };
    out.send(connection.peer, 'delivery', frame, entry.message.body.id);
  }

  #get(channel: Channel, method: OnChannel<'basic.get'>, out: Out): Refusal | undefined {
    const queue = this.#usable(channel, method.queue);
    if (!(queue instanceof Queue)) return queue;
    if (queue.spec.rules.consumers !== 'competing') {
      return {
        code: 405,
        name: 'RESOURCE_LOCKED',
        text: `queue '${queue.name}' has a single active consumer: basic.get is refused`,
      };
    }
    queue.lastUsedUs = out.now;
    this.#dispatch(queue, out);
    const entry = queue.contents.ready.take();
    const { connection } = channel;
    if (entry === undefined) {
      this.#say(connection, { type: 'basic.get-empty', channel: channel.name }, out);
      return undefined;
    }
    const handover = this.#handOver(channel, queue, entry, undefined, method.noAck ?? false, out);
    const messageCount = queue.contents.ready.length;
    const got: ServerMethod = { type: 'basic.get-ok', channel: channel.name, messageCount, ...handover };
    out.send(connection.peer, 'delivery', this.#frame(connection, got, out), entry.message.body.id);
    this.#armTtl(queue, out);
    return undefined;
  }

  #consume(channel: Channel, method: OnChannel<'basic.consume'>, out: Out): Refusal | undefined {
    const queue = this.#usable(channel, method.queue);
    if (!(queue instanceof Queue)) return queue;
    const { consumers } = queue.contents;
    if (queue.isQuorum && channel.sharedPrefetch > 0)
      return notImplemented(`queue '${queue.name}': a quorum queue has no global prefetch`);
    if (channel.consumers.has(method.consumerTag)) {
      return { code: 530, name: 'NOT_ALLOWED', text: `consumer tag '${method.consumerTag}' is in use on this channel` };
    }
    const consumer = new Consumer(channel, queue, method);
    const single = queue.spec.rules.consumers !== 'competing';
    if (consumers.all().some((other) => other.exclusive) || (consumer.exclusive && (consumers.size > 0 || single))) {
      return accessRefused(`queue '${queue.name}' cannot be consumed: exclusive use`);
    }
    channel.consumers.set(consumer.tag, consumer);
    consumers.add(consumer);
    out.fact(F.subscribed, 0, queue.place, channel.connection.peer);
    this.#say(channel.connection, { type: 'basic.consume-ok', channel: channel.name, consumerTag: consumer.tag }, out);
    this.#dispatch(queue, out);
    return undefined;
  }

  /** Deliveries stop; what the consumer has not settled stays with its channel (R29). */
  #cancel(channel: Channel, consumerTag: string, out: Out): undefined {
    const consumer = channel.consumers.get(consumerTag);
    this.#say(channel.connection, { type: 'basic.cancel-ok', channel: channel.name, consumerTag }, out);
    if (consumer === undefined) return undefined;
    channel.consumers.delete(consumerTag);
    this.#removeConsumer(consumer, R.stopped, out);
    if (!this.#deleteIfAbandoned(consumer.queue, out)) this.#dispatch(consumer.queue, out);
    return undefined;
  }

  #removeConsumer(consumer: Consumer, reason: number, out: Out): void {
    const { queue, channel } = consumer;
    queue.contents.consumers.remove(consumer);
    out.fact(F.cancelled, 0, queue.place, channel.connection.peer, 0, reason);
    if (queue.contents.consumers.size === 0) {
      queue.lastUsedUs = out.now;
      this.#armUnused(queue, out);
    }
  }

  /** An auto-delete queue goes with its last consumer (R14). */
  #deleteIfAbandoned(queue: Queue, out: Out): boolean {
    if (queue.deleted || !queue.autoDelete || queue.contents.consumers.size > 0) return false;
    this.#deleteQueue(queue, R['consumer gone'], out);
    return true;
  }

  #qos(channel: Channel, method: OnChannel<'basic.qos'>, out: Out): Refusal | undefined {
    if (method.global && this.#features.since43) return notImplemented('basic.qos: 4.3 has no global prefetch');
    if (method.global) {
      channel.sharedPrefetch = method.prefetchCount;
      for (const consumer of channel.consumers.values()) consumer.queue.contents.consumers.settled(consumer);
      for (const consumer of [...channel.consumers.values()]) this.#dispatch(consumer.queue, out);
    } else channel.prefetch = method.prefetchCount;
    return this.#done(channel, method.type, out);
  }

  #recover(channel: Channel, method: OnChannel<'basic.recover'>, out: Out): Refusal | undefined {
    if (!method.requeue) return notImplemented('basic.recover without requeue');
    this.#done(channel, method.type, out);
    return this.#settle(channel, 0, true, 'nack', out);
  }

  // Settling.

  /** `discard` is a nack or reject without requeue: dead-lettered or dropped (R31). */
  #settle(
    channel: Channel,
    tag: number,
    multiple: boolean,
    how: 'ack' | 'nack' | 'reject' | 'discard',
    out: Out,
  ): Refusal | undefined {
    if (!(multiple && tag === 0) && !channel.unacked.has(tag)) return preconditionFailed(`unknown delivery tag ${tag}`);
    if (!multiple) {
      const unacked = channel.unacked.get(tag);
      if (unacked === undefined) return undefined;
      channel.unacked.delete(tag);
      this.#settleOne(channel, unacked, how, out);
      this.#settleQueue(unacked.queue, out);
      this.#refill(channel, unacked.queue, out);
      return undefined;
    }
    const touched = new Set<Queue>();
    for (const [each, unacked] of channel.unacked) {
      if (tag !== 0 && each > tag) break;
      channel.unacked.delete(each);
      this.#settleOne(channel, unacked, how, out);
      touched.add(unacked.queue);
    }
    for (const queue of touched) this.#settleQueue(queue, out);
    this.#refill(channel, undefined, out);
    return undefined;
  }

  /** A prefetch that the whole channel shares: what one queue's settlement frees may serve the consumers of others. */
  #refill(channel: Channel, except: Queue | undefined, out: Out): void {
    if (channel.sharedPrefetch === 0) return;
    for (const consumer of [...channel.consumers.values()]) {
      consumer.queue.contents.consumers.settled(consumer);
      if (consumer.queue !== except || channel.consumers.size > 1) this.#dispatch(consumer.queue, out);
    }
  }

  #settleOne(channel: Channel, unacked: Unacked, how: 'ack' | 'nack' | 'reject' | 'discard', out: Out): void {
    const { queue, entry, consumer } = unacked;
    if (consumer !== undefined) {
      consumer.held -= 1;
      channel.held -= 1;
    }
    const { peer } = channel.connection;
    const { id } = entry.message.body;
    if (!queue.deleted) {
      if (how === 'ack') {
        queue.contents.unacked -= 1;
        out.fact(F.acked, id, queue.place, peer, 0, attemptOf(entry));
      } else if (how === 'discard') {
        queue.contents.unacked -= 1;
        this.#leave(queue, entry, 'rejected', out);
      } else {
        entry.readyFact = out.fact(F.nacked, id, queue.place, peer, 0, attemptOf(entry));
        this.#giveBack(unacked, how, R.nacked, out);
      }
    }
    if (consumer !== undefined) queue.contents.consumers.settled(consumer);
  }

  /** A delivery returns to its queue, or leaves it over its delivery limit. The queue is handed out later, by `#settleQueue`. */
  #giveBack(unacked: Unacked, how: Return, reason: number, out: Out): void {
    const { queue, entry } = unacked;
    if (queue.deleted) return;
    const position = queue.contents.giveBack(entry, how, out.now);
    if (position === SPENT) return this.#leave(queue, entry, 'delivery_limit', out);
    if (position === DELAYED) return this.#armDelay(queue, entry, out);
    entry.readyFact = out.fact(F.requeued, entry.message.body.id, queue.place, 0, position, reason);
  }

  #armDelay(queue: Queue, entry: QueuedMessage, out: Out): void {
    const atUs = queue.contents.delayed.get(entry) ?? out.now;
    const timer: Timer = { type: 'rabbitmq/delay-over', queue: queue.name, entry };
    out.timer(Math.max(0, atUs - out.now), timer);
  }

  #delayOver(queue: Queue, entry: QueuedMessage, out: Out): void {
    const position = queue.contents.comeBack(entry);
    if (position === DELAYED) return;
    entry.readyFact = out.fact(F.requeued, entry.message.body.id, queue.place, 0, position, R['delay over']);
    this.#settleQueue(queue, out);
  }

  // Leaving a queue.

  #leave(queue: Queue, entry: QueuedMessage, reason: DeathReason, out: Out): void {
    // The cause has to name this queue, since other copies may be in others: the client's word, or what last happened to this copy here.
    const because = reason === 'rejected' ? out.cause : entry.readyFact;
    this.#deadLetter(queue, entry.message, attemptOf(entry), reason, because, out);
  }

  /** Republishes to the dead-letter exchange, or records how the message ended when nothing takes it (R49, R50, R54, R55). */
  #deadLetter(
    queue: Queue,
    message: AmqpMessage,
    deliveries: number,
    reason: DeathReason,
    because: FactId,
    out: Out,
  ): void {
    const { id } = message.body;
    const { deadLetterExchange: exchange, deadLetterRoutingKey: routingKey } = queue.spec;
    const exists =
      exchange === DEFAULT_EXCHANGE || (exchange !== undefined && this.#graph.exchange(exchange) !== undefined);
    if (exchange === undefined || !exists) return this.#drop(queue, id, reason, out);
    const { lastDeath } = this.#features;
    const dead = deadLettered(message, queue.name, reason, out.now, deliveries, {
      exchange,
      routingKey,
      keepCc: lastDeath,
    });
    const targets = this.#graph.route(exchange, { keys: routingKeys(dead), headers: headersOf(dead, lastDeath) });
    if (targets.length === 0) return this.#drop(queue, id, reason, out);
    for (const name of targets) {
      const target = this.#queues.get(name);
      if (target === undefined) continue;
      if (dead.deaths !== undefined && closesCycle(dead.deaths, name)) {
        out.fact(F.evicted, id, queue.place, 0, 0, R.cycle);
        continue;
      }
      out.fact(F['dead-lettered'], id, target.place, 0, deliveries, R[REASON_WORDS[reason]], because);
      // At most once: a target that is full loses the message (R55).
      if (!this.#enqueue(target, dead, out)) out.fact(F.evicted, id, target.place, 0, 0, R['queue full']);
    }
  }

  #drop(queue: Queue, message: MessageId, reason: DeathReason, out: Out): void {
    out.fact(reason === 'expired' ? F.expired : F.evicted, message, queue.place, 0, 0, R[REASON_WORDS[reason]]);
  }

  /** Moves ready messages to where they died last, or to one queue, as a shovel does: all that are there now, or one each 1/perSecond. */
  #redrive(command: Redrive, out: Out): void {
    const queue = this.#queues.get(command.queue);
    if (queue === undefined) return;
    const { ready } = queue.contents;
    const perSecond = command.perSecond ?? 0;
    for (let left = perSecond > 0 ? 1 : ready.length; left > 0; left -= 1) {
      const [head] = ready.entries();
      const to = command.to ?? head?.message.deaths?.last.queue;
      const target = to === undefined ? undefined : this.#queues.get(to);
      if (head === undefined || target === undefined || target === queue) return;
      const { message } = ready.take() ?? head;
      out.fact(F.redriven, message.body.id, target.place);
      this.#enqueue(target, { ...message, exchange: DEFAULT_EXCHANGE, keys: [target.name], hiddenKeys: [] }, out);
    }
    if (perSecond > 0 && ready.length > 0) {
      out.timer(Math.floor(1_000_000 / perSecond), { type: 'rabbitmq/redrive', command } as Timer);
    }
  }

  /** What is in the queue obeys new limits at once; its TTL was fixed on arrival. A value that a node would refuse changes nothing. */
  #applyPolicy(queue: Queue, option: string, value: unknown, out: Out): void {
    const args = { ...queue.effective, ...argumentsOf({ [option]: value as OptionValue }, QUEUE_OPTIONS) };
    const spec = queueSpec(args, this.#features);
    if (typeof spec === 'string') return;
    queue.effective = args;
    queue.spec = spec;
    queue.contents.rules = spec.rules;
    queue.lastUsedUs = out.now;
    this.#armUnused(queue, out);
    this.#settleQueue(queue, out);
  }

  // Time limits.

  #wakeQueue(queue: Queue, out: Out): void {
    queue.lastUsedUs = out.now;
    for (const entry of queue.contents.delayed.keys()) this.#armDelay(queue, entry, out);
    this.#armUnused(queue, out);
    this.#dispatch(queue, out);
  }

  #armUnused(queue: Queue, out: Out): void {
    const { expiresUs } = queue.spec;
    if (expiresUs !== undefined) out.timer(expiresUs, { type: 'rabbitmq/unused', queue: queue.name } as Timer, 0);
  }

  /** A queue that nobody consumed, fetched from or declared for x-expires is deleted (R42). */
  #checkUnused(queue: Queue, out: Out): void {
    const { expiresUs } = queue.spec;
    if (expiresUs === undefined || queue.contents.consumers.size > 0) return;
    const idleUs = out.now - queue.lastUsedUs;
    if (idleUs >= expiresUs) this.#deleteQueue(queue, R['timed out'], out);
    else out.timer(expiresUs - idleUs, { type: 'rabbitmq/unused', queue: queue.name } as Timer, 0);
  }

  #ackTimeoutUs(queue: Queue): Micros {
    if (this.#features.since43 && !queue.isQuorum) return NEVER;
    const own = queue.spec.consumerTimeoutUs ?? this.#settings.consumerTimeoutUs;
    return own < 0 ? NEVER : Math.max(own, ACK_TIMEOUT_CHECK_US);
  }

  #watchAckTimeouts(queue: Queue, out: Out): void {
    if (this.#checksAckTimeouts || this.#ackTimeoutUs(queue) === NEVER) return;
    this.#checksAckTimeouts = true;
    out.timer(ACK_TIMEOUT_CHECK_US, { type: 'rabbitmq/ack-timeouts' } as Timer, 0);
  }

  /** Up to 4.2 the channel that holds an overdue delivery is closed; since 4.3 a quorum queue cancels the consumer (R37). */
  #checkAckTimeouts(out: Out): void {
    this.#checksAckTimeouts = false;
    const holding: Channel[] = [];
    for (const connection of this.#connections.values()) {
      for (const channel of connection.channels.values()) if (channel.unacked.size > 0) holding.push(channel);
    }
    for (const channel of holding) {
      const overdue = this.#overdue(channel, out.now);
      if (overdue === undefined) {
        for (const { queue } of channel.unacked.values()) {
          this.#watchAckTimeouts(queue, out);
          if (this.#checksAckTimeouts) break;
        }
      } else if (this.#features.since43 && overdue.consumer !== undefined) this.#cancelOverdue(overdue.consumer, out);
      else {
        const text = `delivery acknowledgement on channel ${channel.name} timed out`;
        this.#refuse(channel, preconditionFailed(text), R['timed out'], out);
      }
    }
  }

  /** Deliveries are in the order of their times, and no timeout is below one check: the first young one ends the search. */
  #overdue(channel: Channel, nowUs: Micros): Unacked | undefined {
    for (const unacked of channel.unacked.values()) {
      const age = nowUs - unacked.deliveredAtUs;
      if (age < ACK_TIMEOUT_CHECK_US) return undefined;
      if (age >= this.#ackTimeoutUs(unacked.queue)) return unacked;
    }
    return undefined;
  }

  #cancelOverdue(consumer: Consumer, out: Out): void {
    const { channel, queue, tag } = consumer;
    channel.consumers.delete(tag);
    this.#removeConsumer(consumer, R['timed out'], out);
    this.#say(channel.connection, { type: 'basic.cancel', channel: channel.name, consumerTag: tag }, out);
    for (const [each, unacked] of channel.unacked) {
      if (unacked.consumer !== consumer) continue;
      channel.unacked.delete(each);
      channel.held -= 1;
      this.#giveBack(unacked, 'timeout', R['timed out'], out);
    }
    if (!this.#deleteIfAbandoned(queue, out)) this.#settleQueue(queue, out);
    if (channel.unacked.size > 0) this.#watchAckTimeouts(queue, out);
  }
}

const NOT_IMPLEMENTED = 540;

const REASON_WORDS = {
  rejected: 'rejected by the consumer',
  expired: 'TTL passed',
  maxlen: 'queue full',
  delivery_limit: 'too many deliveries',
} as const satisfies Record<DeathReason, keyof typeof R>;

/** How often the message was handed out, in the queues where it died before too: which try this is for its handlers. */
function attemptOf(entry: QueuedMessage): number {
  return entry.message.attempts + entry.deliveries;
}

function flagsOf(method: OnChannel<'exchange.declare'>): Pick<Exchange, 'durable' | 'autoDelete' | 'internal'> {
  return {
    durable: method.durable ?? false,
    autoDelete: method.autoDelete ?? false,
    internal: method.internal ?? false,
  };
}

function notFound(what: string, name: string): Refusal {
  return { code: 404, name: 'NOT_FOUND', text: `no ${what} '${name}'` };
}

function accessRefused(text: string): Refusal {
  return { code: 403, name: 'ACCESS_REFUSED', text };
}

function preconditionFailed(text: string): Refusal {
  return { code: 406, name: 'PRECONDITION_FAILED', text };
}

function notImplemented(text: string): Refusal {
  return { code: NOT_IMPLEMENTED, name: 'NOT_IMPLEMENTED', text };
}
