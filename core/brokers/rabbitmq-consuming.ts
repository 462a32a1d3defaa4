/**
 * Consuming and settling: basic.consume, get, cancel and qos, the client's acks, nacks and rejects, and what the end of a channel or an
 * overdue ack does to what it held. Source: rules R22–R31, R35, R37, R48, R59.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { HeaderTable } from '../parts/headers-match.ts';
import type { AckTimeouts } from './rabbitmq-ack-timeouts.ts';
import type { Definitions } from './rabbitmq-definitions.ts';
import type { RabbitHost } from './rabbitmq-host.ts';
import type { Keeper } from './rabbitmq-keeper.ts';
import { attemptOf, Queue } from './rabbitmq-queue.ts';
import {
  type Channel,
  Consumer,
  done,
  exclusiveUse,
  frameOf,
  notAllowed,
  notImplemented,
  type OnChannel,
  preconditionFailed,
  type Refusal,
  type Settling,
  say,
  type Unacked,
} from './rabbitmq-session.ts';
import type { ServerMethod } from './rabbitmq-verbs.ts';

export class Consuming {
  readonly #host: RabbitHost;
  readonly #keeper: Keeper;
  readonly #definitions: Definitions;
  readonly #timeouts: AckTimeouts;

  constructor(host: RabbitHost, keeper: Keeper, definitions: Definitions, timeouts: AckTimeouts) {
    this.#host = host;
    this.#keeper = keeper;
    this.#definitions = definitions;
    this.#timeouts = timeouts;
  }

  get(channel: Channel, method: OnChannel<'basic.get'>, out: Out): Refusal | undefined {
    const queue = this.#host.usable(channel, method.queue);
    if (!(queue instanceof Queue)) return queue;
    if (queue.stream !== undefined) return notImplemented(`stream '${queue.name}': basic.get is not supported`);
    if (queue.spec.rules.consumers !== 'competing') {
      return {
        code: 405,
        name: 'RESOURCE_LOCKED',
        text: `queue '${queue.name}' has a single active consumer: basic.get is refused`,
      };
    }
    const cluster = this.#host.clusterOf(queue);
    if (cluster !== undefined) {
      cluster.sessions.get(channel, queue, method.noAck ?? false, out);
      return undefined;
    }
    queue.lastUsedUs = out.now;
    this.#keeper.dispatch(queue, out);
    const entry = queue.contents.ready.take();
    const { connection } = channel;
    if (entry === undefined) {
      say(connection, { type: 'basic.get-empty', channel: channel.name }, out);
      return undefined;
    }
    const handover = this.#keeper.handOver(channel, queue, entry, undefined, method.noAck ?? false, out);
    const messageCount = queue.contents.ready.length;
    const got: ServerMethod = { type: 'basic.get-ok', channel: channel.name, messageCount, ...handover };
    out.send(connection.peer, 'delivery', frameOf(connection, got, out), entry.message.body.id);
    this.#keeper.armTtl(queue, out);
    return undefined;
  }

  consume(channel: Channel, method: OnChannel<'basic.consume'>, out: Out): Refusal | undefined {
    const queue = this.#host.usable(channel, method.queue);
    if (!(queue instanceof Queue)) return queue;
    const { consumers } = queue.contents;
    if ((queue.isQuorum || queue.stream !== undefined) && channel.sharedPrefetch > 0)
      return notImplemented(`queue '${queue.name}': a quorum queue or stream has no global prefetch`);
    if (channel.consumers.has(method.consumerTag)) {
      return notAllowed(`consumer tag '${method.consumerTag}' is in use on this channel`);
    }
    const invalid = consumeRefusal(queue, method.arguments ?? {});
    if (invalid !== undefined) return preconditionFailed(invalid);
    const consumer = new Consumer(channel, queue, method);
    const single = queue.spec.rules.consumers !== 'competing';
    if (consumers.all().some((other) => other.exclusive) || (consumer.exclusive && (consumers.size > 0 || single))) {
      return exclusiveUse(queue.name);
    }
    const refusal = queue.stream && this.#keeper.streams.attach(consumer, queue.stream, method, out);
    if (refusal !== undefined) return refusal;
    channel.consumers.set(consumer.tag, consumer);
    const cluster = this.#host.clusterOf(queue);
    if (cluster !== undefined) {
      const { connection, name } = channel;
      say(connection, { type: 'basic.consume-ok', channel: name, consumerTag: consumer.tag }, out);
      cluster.sessions.attach(consumer, out);
      return undefined;
    }
    consumers.add(consumer);
    out.fact(F.subscribed, 0, queue.place, channel.connection.peer);
    say(channel.connection, { type: 'basic.consume-ok', channel: channel.name, consumerTag: consumer.tag }, out);
    this.#keeper.dispatch(queue, out);
    return undefined;
  }

  /** Deliveries stop; what the consumer has not settled stays with its channel (R29). */
  cancel(channel: Channel, consumerTag: string, out: Out): undefined {
    const consumer = channel.consumers.get(consumerTag);
    say(channel.connection, { type: 'basic.cancel-ok', channel: channel.name, consumerTag }, out);
    if (consumer === undefined) return undefined;
    channel.consumers.delete(consumerTag);
    this.#removeConsumer(consumer, R.stopped, out);
    if (!this.#deleteIfAbandoned(consumer.queue, out)) this.#keeper.dispatch(consumer.queue, out);
    return undefined;
  }

  #removeConsumer(consumer: Consumer, reason: number, out: Out): void {
    const { queue, channel } = consumer;
    const cluster = this.#host.clusterOf(queue);
    if (cluster !== undefined) return cluster.sessions.detach(consumer, out);
    queue.contents.consumers.remove(consumer);
    out.fact(F.cancelled, 0, queue.place, channel.connection.peer, 0, reason);
    if (queue.contents.consumers.size === 0) {
      queue.lastUsedUs = out.now;
      this.#keeper.armUnused(queue, out);
    }
  }

  /** An auto-delete queue goes with its last consumer (R14). */
  #deleteIfAbandoned(queue: Queue, out: Out): boolean {
    if (queue.deleted || !queue.autoDelete || queue.contents.consumers.size > 0) return false;
    this.#definitions.deleteQueue(queue, R['consumer gone'], out);
    return true;
  }

  qos(channel: Channel, method: OnChannel<'basic.qos'>, out: Out): Refusal | undefined {
    if (method.global && this.#host.features.since43) return notImplemented('basic.qos: 4.3 has no global prefetch');
    if (method.global) {
      channel.sharedPrefetch = method.prefetchCount;
      this.#release(channel, out);
    } else channel.prefetch = method.prefetchCount;
    return done(channel, method.type, out);
  }

  recover(channel: Channel, method: OnChannel<'basic.recover'>, out: Out): Refusal | undefined {
    if (!method.requeue) return notImplemented('basic.recover without requeue');
    done(channel, method.type, out);
    return this.settle(channel, 0, true, 'nack', out);
  }

  /** Whether the delivery tag is one that waits for an answer; 0 with multiple means all (R25, R26). */
  isOutstanding(channel: Channel, method: Settling): boolean {
    const all = method.type !== 'basic.reject' && method.multiple === true && method.deliveryTag === 0;
    return all || channel.unacked.has(method.deliveryTag) || channel.overdue.has(method.deliveryTag);
  }

  /** `discard` is a nack or reject without requeue: dead-lettered or dropped (R31). */
  settle(
    channel: Channel,
    tag: number,
    multiple: boolean,
    how: 'ack' | 'nack' | 'reject' | 'discard',
    out: Out,
  ): Refusal | undefined {
    const all = multiple && tag === 0;
    if (!all && !channel.unacked.has(tag) && !channel.overdue.has(tag))
      return preconditionFailed(`unknown delivery tag ${tag}`);
    for (const late of channel.overdue)
      if (late === tag || all || (multiple && late < tag)) channel.overdue.delete(late);
    if (!multiple) {
      const unacked = channel.unacked.get(tag);
      if (unacked === undefined) return undefined;
      channel.unacked.delete(tag);
      this.#settleOne(channel, unacked, how, out);
      this.#keeper.settleQueue(unacked.queue, out);
      if (channel.sharedPrefetch > 0) this.#release(channel, out);
      return undefined;
    }
    const touched = new Set<Queue>();
    for (const [each, unacked] of channel.unacked) {
      if (tag !== 0 && each > tag) break;
      channel.unacked.delete(each);
      this.#settleOne(channel, unacked, how, out);
      touched.add(unacked.queue);
    }
    for (const queue of touched) this.#keeper.settleQueue(queue, out);
    if (channel.sharedPrefetch > 0) this.#release(channel, out);
    return undefined;
  }

  /** What the whole channel shares has room again: its consumers rejoin their queues' lines (R24). */
  #release(channel: Channel, out: Out): void {
    const queues = new Set([...channel.consumers.values()].map(({ queue }) => queue));
    for (const queue of queues) queue.contents.consumers.released((consumer) => consumer.channel === channel);
    for (const queue of queues) this.#keeper.dispatch(queue, out);
  }

  #settleOne(channel: Channel, unacked: Unacked, how: 'ack' | 'nack' | 'reject' | 'discard', out: Out): void {
    const { queue, entry, consumer } = unacked;
    if (consumer !== undefined) {
      consumer.held -= 1;
      channel.held -= 1;
    }
    const cluster = this.#host.clusterOf(queue);
    if (cluster !== undefined) return cluster.sessions.settle(channel, queue, [unacked.delivery], how, out);
    const { peer } = channel.connection;
    const { id } = entry.message.body;
    if (queue.stream !== undefined) queue.contents.unacked -= 1;
    else if (!queue.deleted) {
      if (how === 'ack') {
        queue.contents.unacked -= 1;
        out.fact(F.acked, id, queue.place, peer, 0, attemptOf(entry));
      } else if (how === 'discard') {
        queue.contents.unacked -= 1;
        this.#keeper.dead.leave(queue, entry, 'rejected', out);
      } else {
        entry.readyFact = out.fact(F.nacked, id, queue.place, peer, 0, attemptOf(entry));
        this.#keeper.giveBack(unacked, how, R.nacked, out);
      }
    }
    // With a prefetch that the channel shares, its consumers rejoin together.
    if (consumer !== undefined && channel.sharedPrefetch === 0) queue.contents.consumers.settled(consumer);
  }

  /** Channels end together: first nobody consumes on them any more, then their deliveries return, then others get them (R35). */
  endChannels(channels: readonly Channel[], reason: number, out: Out): void {
    const touched = new Set<Queue>();
    const abandoned = new Set<Queue>();
    for (const channel of channels) {
      channel.connection.channels.delete(channel.name);
      // A shared queue is told once that the channel is gone, and gives back what it held by itself.
      this.#host.cluster?.sessions.end(channel, out);
      for (const consumer of channel.consumers.values()) {
        if (consumer.queue.shared) continue;
        this.#removeConsumer(consumer, reason, out);
        touched.add(consumer.queue);
        abandoned.add(consumer.queue);
      }
      channel.consumers.clear();
    }
    for (const channel of channels) {
      for (const unacked of channel.unacked.values()) {
        if (unacked.queue.shared) continue;
        this.#keeper.giveBack(unacked, 'lost', reason, out);
        touched.add(unacked.queue);
      }
      channel.unacked.clear();
    }
    for (const queue of touched)
      if (!abandoned.has(queue) || !this.#deleteIfAbandoned(queue, out)) this.#keeper.settleQueue(queue, out);
  }

  /** Up to 4.2 the channel that holds an overdue delivery is closed, by `refuse`; since 4.3 a quorum queue cancels the consumer, if its client
   * understands that (R37). */
  checkAckTimeouts(refuse: (channel: Channel, refusal: Refusal) => void, out: Out): void {
    this.#timeouts.checking = false;
    const holding: Channel[] = [];
    for (const connection of this.#host.connections.values()) {
      for (const channel of connection.channels.values()) if (channel.unacked.size > 0) holding.push(channel);
    }
    for (const channel of holding) {
      const cancels = this.#host.features.since43 && channel.connection.cancelNotify;
      let overdue = this.#timeouts.overdue(channel, out.now);
      while (overdue?.consumer !== undefined && cancels) {
        this.#cancelOverdue(overdue.consumer, out);
        overdue = this.#timeouts.overdue(channel, out.now);
      }
      if (overdue !== undefined) {
        const text = `delivery acknowledgement on channel ${channel.name} timed out`;
        refuse(channel, preconditionFailed(text));
        continue;
      }
      for (const { queue, consumer } of channel.unacked.values()) {
        this.#timeouts.watch(queue, consumer, out);
        if (this.#timeouts.checking) break;
      }
    }
  }

  #cancelOverdue(consumer: Consumer, out: Out): void {
    const { channel, queue, tag } = consumer;
    // It may have been cancelled by its client, which kept what it had.
    if (channel.consumers.get(tag) === consumer) {
      channel.consumers.delete(tag);
      this.#removeConsumer(consumer, R['timed out'], out);
      say(channel.connection, { type: 'basic.cancel', channel: channel.name, consumerTag: tag }, out);
    }
    for (const [each, unacked] of channel.unacked) {
      if (unacked.consumer !== consumer) continue;
      channel.unacked.delete(each);
      channel.overdue.add(each);
      channel.held -= 1;
      const cluster = this.#host.clusterOf(queue);
      if (cluster === undefined) this.#keeper.giveBack(unacked, 'timeout', R['timed out'], out);
      else cluster.sessions.settle(channel, queue, [unacked.delivery], 'timeout', out);
    }
    if (!this.#deleteIfAbandoned(queue, out)) this.#keeper.settleQueue(queue, out);
  }
}

/** Why the arguments of basic.consume are refused: a priority that is no whole number, or what readers of streams say to a queue (R23, R67). */
function consumeRefusal(queue: Queue, args: HeaderTable): string | undefined {
  const { 'x-priority': priority, 'x-stream-offset': offset } = args;
  if (priority !== undefined && !Number.isInteger(priority))
    return `invalid arg 'x-priority' for queue '${queue.name}': ${JSON.stringify(priority)} is no whole number`;
  if (offset !== undefined && queue.stream === undefined)
    return `invalid arg 'x-stream-offset' for queue '${queue.name}': it is no stream`;
  return undefined;
}
