/**
 * A RabbitMQ node: one virtual host of exchanges, bindings and queues, and the connections and channels through which clients use it. It speaks
 * AMQP methods by their real names. This file is the machine: its inputs, the life of connections, and which part of the node handles a method.
 * The parts are `rabbitmq-definitions.ts`, `-publishing.ts`, `-consuming.ts`, `-keeper.ts` and `-dead-letters.ts`, which share `-host.ts`.
 * In a cluster the queues that clients share are kept by `rabbitmq-cluster.ts`; alone, a quorum queue behaves as its clients see it, but has a single
 * member. Source: rules R1–R67 as cited.
 */
import { F, R } from '../facts.ts';
import type { Command, Machine, Out, Wire } from '../machine.ts';
import type { Exchange } from '../parts/exchange-graph.ts';
import type { HeaderTable } from '../parts/headers-match.ts';
import type { MemberNumber } from '../parts/raft-member.ts';
import { NEVER } from '../parts/ready-list.ts';
import type { ActorId, PlaceId } from '../types.ts';
import { AckTimeouts } from './rabbitmq-ack-timeouts.ts';
import type { Defining } from './rabbitmq-catalogue.ts';
import { RabbitCluster } from './rabbitmq-cluster.ts';
import type { ClusterHost, ClusterPlan } from './rabbitmq-cluster-host.ts';
import { Consuming } from './rabbitmq-consuming.ts';
import { Definitions } from './rabbitmq-definitions.ts';
import { type NodeSettings, RabbitHost, type Timer } from './rabbitmq-host.ts';
import { Keeper } from './rabbitmq-keeper.ts';
import { CHANGEABLE } from './rabbitmq-options.ts';
import { type Policy, policyMistake } from './rabbitmq-policies.ts';
import { Publishing } from './rabbitmq-publishing.ts';
import type { QueueDefinition, QueueStats } from './rabbitmq-queue.ts';
import {
  Channel,
  type ChannelFrame,
  Connection,
  closesConnection,
  done,
  exclusiveUse,
  notFound,
  type OnChannel,
  preconditionFailed,
  type Refusal,
  type Settling,
  say,
} from './rabbitmq-session.ts';
import { type ClientFrame, isFrame, type Opened, type Opening } from './rabbitmq-verbs.ts';

export type { NodeSettings } from './rabbitmq-host.ts';

const PREDECLARED: readonly [string, Exchange['type']][] = [
  ['amq.direct', 'direct'],
  ['amq.fanout', 'fanout'],
  ['amq.topic', 'topic'],
  ['amq.headers', 'headers'],
  // By its older name.
  ['amq.match', 'headers'],
];

/** While frames wait for one that is missing for this long, the connection counts as broken. */
const GAP_US = 2_000_000;

const NO_ARGUMENTS: HeaderTable = {};

/** A node's place in a cluster. */
export interface Membership {
  readonly self: MemberNumber;
  readonly plan: ClusterPlan;
}

export class RabbitNode implements Machine {
  readonly #host: RabbitHost;
  readonly #timeouts: AckTimeouts;
  readonly #keeper: Keeper;
  readonly #definitions: Definitions;
  readonly #publishing: Publishing;
  readonly #consuming: Consuming;
  /** Connections of which nothing is read until no disk is full any more. */
  readonly #blocked = new Set<Connection>();
  #lastConnection = 0;

  /** `placeOf` numbers queues and exchanges for the facts; 0 for one that the scenario does not know. */
  constructor(settings: NodeSettings, placeOf: (name: string) => PlaceId, member?: Membership) {
    this.#host = new RabbitHost(settings, placeOf);
    this.#timeouts = new AckTimeouts(this.#host);
    this.#keeper = new Keeper(this.#host, this.#timeouts);
    this.#definitions = new Definitions(this.#host, this.#keeper);
    this.#publishing = new Publishing(this.#host, this.#keeper);
    this.#consuming = new Consuming(this.#host, this.#keeper, this.#definitions, this.#timeouts);
    if (member !== undefined) {
      const cluster = new RabbitCluster(member.self, member.plan, this.#clusterHost());
      this.#host.cluster = cluster;
      this.#lastConnection = cluster.firstConnection;
    }
    for (const [name, type] of PREDECLARED) this.#definitions.addExchange(name, type, NO_ARGUMENTS);
  }

  // Definitions from outside of AMQP, before time 0: what an administrator did.

  addExchange(name: string, type: Exchange['type'], args: HeaderTable, flags: Partial<Exchange> = {}): void {
    this.#definitions.addExchange(name, type, args, flags);
  }

  hasExchange(name: string): boolean {
    return this.#host.graph.exchange(name) !== undefined;
  }

  /** Adds a queue, or gives the reason why a node refuses its definition. `members`: in a cluster, the nodes that keep it; the first leads. */
  addQueue(definition: QueueDefinition, members: readonly MemberNumber[] = []): string | undefined {
    const refused = this.#definitions.createQueue(definition, undefined, 0);
    const queue = this.#host.queues.get(definition.name);
    if (refused === undefined && queue !== undefined) this.#host.cluster?.add(queue, members);
    return refused?.text;
  }

  addBinding(
    to: 'queue' | 'exchange',
    destination: string,
    source: string,
    key: string,
    args: HeaderTable,
  ): string | undefined {
    return this.#definitions.bind({ source, to, destination, key, arguments: args })?.text;
  }

  /** Sets a policy, in place of one of the same name; gives why the node refuses it, '' when it does not. */
  setPolicy(policy: Policy, out: Out): string {
    const mistake = policyMistake(policy);
    if (mistake !== '') return mistake;
    this.#host.policies.set(policy);
    this.#definitions.applyPolicies(out);
    return '';
  }

  /** Takes a policy away; false when there is none of this name. */
  clearPolicy(name: string, out: Out): boolean {
    const known = this.#host.policies.clear(name);
    if (known) this.#definitions.applyPolicies(out);
    return known;
  }

  /** The counters of a queue, or `undefined` when there is no such queue. */
  stats(queue: string): QueueStats | undefined {
    const known = this.#host.queues.get(queue);
    if (known === undefined) return undefined;
    const { contents } = known;
    const cluster = this.#host.clusterOf(known);
    if (cluster !== undefined) {
      const [ready, unacked, consumers] = [cluster.depth(known), cluster.unacked(known), cluster.consumers(known)];
      return { ready, unacked, consumers, active: undefined };
    }
    return {
      ready: known.depth,
      unacked: contents.unacked,
      consumers: contents.consumers.size,
      active: contents.consumers.active()?.tag,
    };
  }

  // Life of the process.

  start(out: Out): void {
    for (const queue of this.#host.queues.values()) this.#keeper.wakeQueue(queue, out);
    this.#host.cluster?.start(out);
  }

  /**
   * What is on disk stays; the rest of the messages, all connections and what was transient are gone (R11, R12). Whether the disk loses its
   * cache makes no difference: what is not flushed is still in the server's own memory.
   */
  crash(out: Out): void {
    const channels = [...this.#host.connections.values()].flatMap((connection) => [...connection.channels.values()]);
    for (const channel of channels) {
      for (const consumer of channel.consumers.values()) consumer.queue.contents.consumers.remove(consumer);
    }
    for (const channel of channels) {
      for (const unacked of channel.unacked.values())
        if (!unacked.queue.shared) this.#keeper.giveBack(unacked, 'lost', R['connection lost'], out);
    }
    this.#host.connections.clear();
    this.#blocked.clear();
    this.#host.unflushed = [];
    this.#host.disarmFlush();
    this.#keeper.dead.forget();
    this.#publishing.forget();
    this.#timeouts.checking = false;
    this.#host.cluster?.crash(out);
    for (const queue of [...this.#host.queues.values()]) {
      if (queue.shared) continue;
      queue.ttlTimer = 0;
      queue.ttlTimerAtUs = NEVER;
      const survives = queue.durable && queue.exclusiveTo === undefined;
      queue.retriesDead = false;
      if (queue.stream !== undefined) this.#keeper.streams.crash(queue, queue.stream, out);
      const { contents } = queue;
      const lost = survives ? contents.loseUnstored() : contents.ready.entries();
      for (const { message } of lost) {
        const onItsWay = survives && (message.persistent || queue.isQuorum);
        out.fact(F.lost, message.body.id, queue.place, 0, 0, onItsWay ? R['not flushed'] : R['kept in memory only']);
      }
      if (!survives) this.#host.forgetQueue(queue);
    }
    // In a cluster the other nodes have them still.
    if (this.#host.cluster !== undefined) return;
    for (const exchange of this.#host.graph.exchanges()) {
      if (!exchange.durable) this.#host.removeExchange(exchange.name);
    }
  }

  restart(out: Out): void {
    for (const queue of this.#host.queues.values()) this.#keeper.wakeQueue(queue, out);
    this.#host.cluster?.restart(out);
  }

  /** A shutdown flushes first, and tells the clients. */
  stop(out: Out): void {
    this.#publishing.flush(out);
    for (const connection of [...this.#host.connections.values()]) {
      say(connection, { type: 'connection.close', code: 320, name: 'CONNECTION_FORCED', text: 'shutdown' }, out);
    }
    this.crash(out);
  }

  peerLost(peer: ActorId, out: Out): void {
    this.#host.cluster?.peerLost(peer, out);
    for (const connection of [...this.#host.connections.values()]) {
      if (connection.peer === peer) this.#loseConnection(connection, out);
    }
  }

  timer(wire: Wire, out: Out): void {
    const { cluster } = this.#host;
    if (cluster?.isTimer(wire)) {
      cluster.timer(wire, out);
      return this.#unblock(out);
    }
    const timer = wire as Timer;
    switch (timer.type) {
      case 'rabbitmq/flush':
        return this.#publishing.flush(out);
      case 'rabbitmq/ack-timeouts':
        return this.#consuming.checkAckTimeouts(
          (channel, refusal) => this.#refuse(channel, refusal, R['timed out'], out),
          out,
        );
      case 'rabbitmq/heartbeat': {
        const connection = this.#host.connections.get(timer.connection);
        if (connection !== undefined) this.#heartbeat(connection, out);
        return;
      }
      case 'rabbitmq/gap': {
        const connection = this.#host.connections.get(timer.connection);
        if (connection === undefined) return;
        connection.gapTimer = 0;
        return this.#giveUp(connection, out);
      }
      case 'rabbitmq/ttl': {
        const queue = this.#host.queues.get(timer.queue);
        if (queue === undefined) return;
        queue.ttlTimer = 0;
        queue.ttlTimerAtUs = NEVER;
        return this.#keeper.dispatch(queue, out);
      }
      case 'rabbitmq/unused': {
        const queue = this.#host.queues.get(timer.queue);
        if (queue !== undefined) this.#definitions.checkUnused(queue, out);
        return;
      }
      case 'rabbitmq/delay-over': {
        const queue = this.#host.queues.get(timer.queue);
        if (queue !== undefined) this.#keeper.delayOver(queue, timer.entry, out);
        return;
      }
      case 'rabbitmq/dead-letters': {
        const queue = this.#host.queues.get(timer.queue);
        if (queue === undefined) return;
        queue.retriesDead = false;
        return this.#keeper.dead.transfer(queue, out);
      }
      case 'rabbitmq/redrive':
        return this.#keeper.dead.redrive(timer.command, out);
      default:
        return timer satisfies never;
    }
  }

  command(command: Command, out: Out): void {
    if (command.type === 'disk') return this.#diskChanged(command.isFull, out);
    if (command.type === 'redrive') return this.#keeper.dead.redrive(command, out);
    if (command.type === 'purge') return this.#definitions.purgeNow(command.queue, out);
    if (command.type !== 'set' || command.path[0] !== 'queues') return;
    const [, name = '', option = ''] = command.path;
    const queue = this.#host.queues.get(name);
    if (queue !== undefined && CHANGEABLE.includes(option))
      this.#definitions.applyPolicy(queue, option, command.value, out);
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    if (this.#host.cluster?.receive(from, wire, out)) return this.#unblock(out);
    if (!isFrame(wire)) {
      const opening = wire as Opening;
      if (opening.type === 'connection.open') return this.#open(from, opening, out);
      const broken = this.#host.connections.get(opening.connection);
      if (broken?.peer === from) this.#loseConnection(broken, out);
      return;
    }
    const frame = wire as ClientFrame;
    const connection = this.#host.connections.get(frame.connection);
    if (connection === undefined || connection.peer !== from) {
      const reset: Opened = { type: 'connection.reset', connection: frame.connection };
      return out.send(from, 'control', reset);
    }
    connection.lastHeardUs = out.now;
    if (!connection.inbound.accept(frame)) return this.#watchGap(connection, out);
    let next: ClientFrame | undefined = frame;
    while (next !== undefined && this.#host.connections.has(connection.id)) {
      this.#handle(connection, next, out);
      next = connection.inbound.next();
    }
    if (connection.gapTimer !== 0 && connection.inbound.missing === 0) {
      out.cancel(connection.gapTimer);
      connection.gapTimer = 0;
    }
  }

  /** What the cluster asks of this node. */
  #clusterHost(): ClusterHost {
    return {
      flushUs: this.#host.settings.flushUs,
      since43: this.#host.features.since43,
      armFlush: (out) => this.#host.armFlush(out),
      hand: (channel, consumer, queue, delivered, out) => this.#keeper.hand(channel, consumer, queue, delivered, out),
      empty: (channel, out) => {
        if (this.#host.isOpen(channel))
          say(channel.connection, { type: 'basic.get-empty', channel: channel.name }, out);
      },
      refused: ({ channel, queue }, out) => this.#refuseOpen(channel, exclusiveUse(queue.name), out),
      purged: (channel, messageCount, out) => {
        if (!this.#host.isOpen(channel)) return;
        say(channel.connection, { type: 'queue.purge-ok', channel: channel.name, messageCount }, out);
      },
      deleted: (channel, messageCount, out) => {
        if (!this.#host.isOpen(channel)) return;
        say(channel.connection, { type: 'queue.delete-ok', channel: channel.name, messageCount }, out);
        this.#goOn(channel, undefined, out);
      },
      kept: (channel, { name }, out) =>
        this.#goOn(channel, preconditionFailed(`queue '${name}' is in use or not empty`), out),
      missing: (channel, { name }, out) => this.#refuseOpen(channel, notFound('queue', name), out),
      define: (change, channel, atUs, out) => {
        const refusal = this.#definitions.carryOut(change, atUs, out);
        if (channel === undefined || !this.#host.isOpen(channel)) return;
        const { method } = change;
        if (refusal === undefined && method.type === 'queue.declare')
          this.#definitions.declared(channel, method.queue, out);
        else if (refusal === undefined) done(channel, method.type, out);
        this.#goOn(channel, refusal, out);
      },
      forget: (queue, out) => this.#definitions.forget(queue, out),
      answered: (publish, out) => this.#publishing.answered(publish, out),
      deadLetter: (queue, entry, reason, out) => this.#keeper.dead.part(queue, entry, reason, out),
    };
  }

  // Connections.

  #open(from: ActorId, { request, cancelNotify = true }: Extract<Opening, { request: number }>, out: Out): void {
    this.#lastConnection += 1;
    const connection = new Connection(this.#lastConnection, from, out.now, cancelNotify);
    this.#host.connections.set(connection.id, connection);
    const { heartbeatUs } = this.#host.settings;
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
    const { heartbeatUs } = this.#host.settings;
    const speakUs = connection.lastSentUs + Math.floor(heartbeatUs / 2);
    const delay = Math.max(1, Math.min(speakUs, connection.lastHeardUs + heartbeatUs) - out.now);
    connection.heartbeatTimer = out.timer(delay, { type: 'rabbitmq/heartbeat', connection: connection.id } as Timer, 0);
  }

  #heartbeat(connection: Connection, out: Out): void {
    const { heartbeatUs } = this.#host.settings;
    // Of a blocked connection nothing is read, so that nobody can say whether it is silent.
    if (connection.blocked !== undefined) connection.lastHeardUs = out.now;
    if (out.now - connection.lastHeardUs >= heartbeatUs) return this.#giveUp(connection, out);
    if (out.now - connection.lastSentUs >= Math.floor(heartbeatUs / 2)) say(connection, { type: 'heartbeat' }, out);
    this.#armHeartbeat(connection, out);
  }

  #diskChanged(isFull: boolean, out: Out): void {
    this.#host.isDiskFull = isFull;
    this.#host.cluster?.tellOfDisk(isFull, out);
    this.#unblock(out);
  }

  /** Nothing more is read of a connection that publishes under an alarm. Source: RabbitMQ, "Memory and Disk Alarms". */
  #block(connection: Connection, publish: ClientFrame, out: Out): void {
    connection.blocked = [publish];
    this.#blocked.add(connection);
    say(connection, { type: 'connection.blocked', reason: 'low on disk' }, out);
  }

  /** Once no alarm is left, connections are read again where reading stopped. */
  #unblock(out: Out): void {
    if (this.#blocked.size === 0 || this.#host.hasAlarm) return;
    const connections = [...this.#blocked];
    this.#blocked.clear();
    for (const connection of connections) {
      const frames = connection.blocked ?? [];
      connection.blocked = undefined;
      connection.lastHeardUs = out.now;
      say(connection, { type: 'connection.unblocked' }, out);
      for (const frame of frames)
        if (this.#host.connections.get(connection.id) === connection) this.#handle(connection, frame, out);
    }
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
    this.#host.connections.delete(connection.id);
    this.#blocked.delete(connection);
    if (connection.heartbeatTimer !== 0) out.cancel(connection.heartbeatTimer);
    if (connection.gapTimer !== 0) out.cancel(connection.gapTimer);
    this.#consuming.endChannels([...connection.channels.values()], reason, out);
    for (const queue of [...this.#host.queues.values()]) {
      if (queue.exclusiveTo === connection) this.#definitions.deleteQueue(queue, R['consumer gone'], out);
    }
  }

  #handle(connection: Connection, frame: ClientFrame, out: Out): void {
    if (connection.blocked !== undefined) return void connection.blocked.push(frame);
    if (frame.type === 'basic.publish' && this.#host.hasAlarm) return this.#block(connection, frame, out);
    switch (frame.type) {
      case 'heartbeat':
        return;
      case 'connection.close':
        say(connection, { type: 'connection.close-ok' }, out);
        return this.#endConnection(connection, R['consumer gone'], out);
      case 'channel.open':
        connection.channels.set(frame.channel, new Channel(connection, frame.channel));
        return say(connection, { type: 'ok', channel: frame.channel, to: frame.type }, out);
      default:
    }
    const channel = connection.channels.get(frame.channel);
    // A closed channel drops what its client sent before it learnt of the closing.
    if (channel === undefined) return;
    if (channel.waiting !== undefined) {
      channel.waiting.push(frame);
      return;
    }
    const refusal = this.#onChannel(channel, frame, out);
    if (refusal !== undefined) this.#refuse(channel, refusal, R['refused by the broker'], out);
  }

  /** What a channel waited for was done, or is refused; then what came meanwhile is handled. */
  #goOn(channel: Channel, refusal: Refusal | undefined, out: Out): void {
    const { waiting = [] } = channel;
    channel.waiting = undefined;
    if (refusal !== undefined) return this.#refuseOpen(channel, refusal, out);
    for (const frame of waiting) if (this.#host.isOpen(channel)) this.#handle(channel.connection, frame, out);
  }

  #refuseOpen(channel: Channel, refusal: Refusal, out: Out): void {
    if (this.#host.isOpen(channel)) this.#refuse(channel, refusal, R['refused by the broker'], out);
  }

  #refuse(channel: Channel, refusal: Refusal, reason: number, out: Out): void {
    const { connection } = channel;
    out.fact(F['channel-closed'], 0, 0, connection.peer, refusal.code, reason);
    const { code, name, text } = refusal;
    if (closesConnection(refusal)) {
      say(connection, { type: 'connection.close', code, name, text }, out);
      return this.#endConnection(connection, reason, out);
    }
    say(connection, { type: 'channel.close', channel: channel.name, code, name, text }, out);
    this.#consuming.endChannels([channel], R['connection lost'], out);
  }

  // Methods on a channel. Each gives the refusal that closes the channel, or nothing.

  #onChannel(channel: Channel, method: ChannelFrame, out: Out): Refusal | undefined {
    if (channel.tx !== undefined && isTransactional(method)) return this.#inTransaction(channel, method, out);
    switch (method.type) {
      case 'basic.publish':
        return this.#publishing.publish(channel, method, out);
      case 'basic.ack':
      case 'basic.nack':
      case 'basic.reject':
        return this.#settle(channel, method, out);
      case 'basic.get':
        return this.#consuming.get(channel, method, out);
      case 'basic.consume':
        return this.#consuming.consume(channel, method, out);
      case 'basic.cancel':
        return this.#consuming.cancel(channel, method.consumerTag, out);
      case 'basic.qos':
        return this.#consuming.qos(channel, method, out);
      case 'basic.recover':
        return this.#consuming.recover(channel, method, out);
      case 'confirm.select':
        if (channel.tx !== undefined) return preconditionFailed('confirm.select on a channel with transactions');
        if (channel.published < 0) channel.published = 0;
        return done(channel, method.type, out);
      case 'tx.select':
        if (channel.published >= 0) return preconditionFailed('tx.select on a channel with confirms');
        channel.tx ??= [];
        return done(channel, method.type, out);
      case 'tx.commit':
      case 'tx.rollback':
        return this.#endTransaction(channel, method.type, out);
      case 'channel.close':
        say(channel.connection, { type: 'channel.close-ok', channel: channel.name }, out);
        return void this.#consuming.endChannels([channel], R['consumer gone'], out);
      case 'exchange.declare':
        if (this.#asked(channel, method, out)) return undefined;
        return this.#definitions.declareExchange(method) ?? done(channel, method.type, out);
      case 'exchange.delete':
        if (this.#asked(channel, method, out)) return undefined;
        return this.#definitions.deleteExchange(method) ?? done(channel, method.type, out);
      case 'exchange.bind':
      case 'exchange.unbind':
      case 'queue.bind':
      case 'queue.unbind':
        if (this.#asked(channel, method, out)) return undefined;
        return this.#definitions.changeBinding(channel, method) ?? done(channel, method.type, out);
      case 'queue.declare':
        return this.#definitions.declareQueue(channel, method, out);
      case 'queue.purge':
        return this.#definitions.purge(channel, method, out);
      case 'queue.delete':
        return this.#definitions.queueDelete(channel, method, out);
      default:
        return method satisfies never;
    }
  }

  /** True when all nodes of the cluster have to agree first: then the channel waits. */
  #asked(channel: Channel, method: Defining, out: Out): boolean {
    if (!this.#definitions.needsAll(method)) return false;
    this.#host.cluster?.ask(method, channel, out);
    return true;
  }

  #settle(channel: Channel, method: Settling, out: Out): Refusal | undefined {
    const multiple = method.type !== 'basic.reject' && method.multiple === true;
    const how =
      method.type === 'basic.ack'
        ? 'ack'
        : !method.requeue
          ? 'discard'
          : method.type === 'basic.nack'
            ? 'nack'
            : 'reject';
    return this.#consuming.settle(channel, method.deliveryTag, multiple, how, out);
  }

  /** A publish to an exchange that does not exist is refused at once, all else waits for the commit. */
  #inTransaction(channel: Channel, method: OnChannel<'basic.publish'> | Settling, out: Out): Refusal | undefined {
    if (method.type === 'basic.publish') {
      const refusal = this.#publishing.refusal(method);
      if (refusal !== undefined) return refusal;
    } else if (!this.#consuming.isOutstanding(channel, method)) return this.#settle(channel, method, out);
    channel.tx?.push(method);
    return undefined;
  }

  #endTransaction(channel: Channel, how: 'tx.commit' | 'tx.rollback', out: Out): Refusal | undefined {
    const { tx } = channel;
    if (tx === undefined) return preconditionFailed(`${how} on a channel without transactions`);
    channel.tx = [];
    if (how === 'tx.commit') {
      for (const method of tx) {
        if (method.type === 'basic.publish') this.#publishing.publish(channel, method, out);
      }
      for (const method of tx) if (method.type !== 'basic.publish') this.#settle(channel, method, out);
    }
    return done(channel, how, out);
  }
}

function isTransactional(method: ChannelFrame): method is ChannelFrame & (OnChannel<'basic.publish'> | Settling) {
  return (
    method.type === 'basic.publish' ||
    method.type === 'basic.ack' ||
    method.type === 'basic.nack' ||
    method.type === 'basic.reject'
  );
}
