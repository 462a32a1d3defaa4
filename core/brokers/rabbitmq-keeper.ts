/**
 * Keeping messages: what arrives at a queue, waits in it, is handed out, returns or runs out of time. Whatever leaves a queue without being
 * acked goes on through `rabbitmq-dead-letters.ts`. Source: rules R21–R24, R28, R32–R36, R39–R48, R62–R64.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { AmqpMessage } from '../parts/amqp-message.ts';
import { DELAYED, type Return, SPENT } from '../parts/rabbit-queue.ts';
import { NEVER, type QueuedMessage } from '../parts/ready-list.ts';
import type { AckTimeouts } from './rabbitmq-ack-timeouts.ts';
import type { Delivered } from './rabbitmq-cluster-host.ts';
import { DeadLetters } from './rabbitmq-dead-letters.ts';
import type { RabbitHost, Timer } from './rabbitmq-host.ts';
import { attemptOf, type Queue } from './rabbitmq-queue.ts';
import { type Channel, type Consumer, frameOf, type Unacked } from './rabbitmq-session.ts';
import { Streams } from './rabbitmq-streams.ts';
import type { Handover, ServerFrame, ServerMethod } from './rabbitmq-verbs.ts';

export class Keeper {
  readonly #host: RabbitHost;
  readonly #timeouts: AckTimeouts;
  readonly dead: DeadLetters;
  readonly streams: Streams;

  constructor(host: RabbitHost, timeouts: AckTimeouts) {
    this.#host = host;
    this.#timeouts = timeouts;
    this.dead = new DeadLetters(host, this);
    this.streams = new Streams(host, this);
  }

  /** A message arrives at a queue; false when the queue refuses it. */
  enqueue(queue: Queue, message: AmqpMessage, out: Out): boolean {
    const { contents, stream } = queue;
    if (stream !== undefined) {
      this.streams.append(queue, stream, message, out);
      return true;
    }
    const { id } = message.body;
    if (contents.refuses(message.body.sizeBytes)) {
      const refused = out.fact(F.rejected, id, queue.place, 0, 0, R['queue full']);
      if (queue.spec.rules.overflow === 'reject-publish-dlx')
        this.dead.deadLetter(queue, message, message.attempts, 'maxlen', refused, out);
      return false;
    }
    const entry = contents.admit(message, out.now);
    entry.readyFact = out.fact(F.appended, id, queue.place, 0, contents.ready.behind(entry));
    if (queue.writes(message)) this.#write(entry, out);
    // With a TTL of 0 only a consumer that can take it at once gets it, so a free one is asked before the clock (R41).
    const consumer = contents.ready.length === 0 ? contents.consumers.next() : undefined;
    if (consumer !== undefined) {
      this.deliver(consumer, entry, out);
      return true;
    }
    contents.ready.add(entry);
    this.settleQueue(queue, out);
    return true;
  }

  #write(entry: QueuedMessage, out: Out): void {
    if (this.#host.settings.flushUs === 0) {
      entry.stored = true;
      return;
    }
    this.#host.armFlush(out);
    this.#host.unflushed.push(entry);
  }

  /**
   * Applies the limits to what is ready, and hands it out. A classic queue drops first. A quorum queue drops what is still too much when everybody has
   * what he has room for, so that what returns is handed out again before it counts (R43, R45).
   */
  settleQueue(queue: Queue, out: Out): void {
    if (queue.deleted || queue.shared) return;
    const { contents } = queue;
    if (queue.isQuorum) {
      this.dispatch(queue, out);
      // Another head may expire earlier.
      if (this.#dropOverflow(queue, out)) this.armTtl(queue, out);
    } else {
      this.#dropOverflow(queue, out);
      this.dispatch(queue, out);
    }
    contents.watchLimit();
  }

  /** Whether anything was dropped. */
  #dropOverflow(queue: Queue, out: Out): boolean {
    const { contents } = queue;
    let dropped = false;
    for (let entry = contents.takeOverflow(); entry !== undefined; entry = contents.takeOverflow()) {
      this.dead.leave(queue, entry, 'maxlen', out);
      dropped = true;
    }
    return dropped;
  }

  dispatch(queue: Queue, out: Out): void {
    if (queue.shared) return;
    if (queue.stream !== undefined) return this.streams.push(queue, queue.stream, out);
    const { ready, consumers } = queue.contents;
    for (;;) {
      for (let entry = ready.takeExpired(out.now); entry !== undefined; entry = ready.takeExpired(out.now)) {
        this.dead.leave(queue, entry, 'expired', out);
      }
      if (ready.length === 0) return;
      const consumer = consumers.next();
      if (consumer === undefined) break;
      const entry = ready.take();
      if (entry === undefined) throw new Error('a ready list that is not empty has a head');
      this.deliver(consumer, entry, out);
    }
    this.armTtl(queue, out);
  }

  armTtl(queue: Queue, out: Out): void {
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

  handOver(
    channel: Channel,
    queue: Queue,
    entry: QueuedMessage,
    consumer: Consumer | undefined,
    noAck: boolean,
    out: Out,
  ): Handover {
    const { peer } = channel.connection;
    const { message } = entry;
    const isStream = queue.stream !== undefined;
    const redelivered = entry.deliveries > 0 && !isStream;
    const acquired = redelivered && queue.isQuorum && this.#host.features.since43;
    const acquiredCount = acquired ? entry.deliveries : undefined;
    entry.deliveries += 1;
    channel.lastTag += 1;
    const attempt = attemptOf(entry);
    out.fact(F.delivered, message.body.id, queue.place, peer, 0, attempt, entry.readyFact);
    if (noAck) out.fact(F.acked, message.body.id, queue.place, peer, 0, attempt);
    else {
      channel.unacked.set(channel.lastTag, { queue, entry, consumer, deliveredAtUs: out.now, delivery: 0 });
      queue.contents.unacked += 1;
      this.#timeouts.watch(queue, consumer, out);
    }
    const showsCount =
      queue.isQuorum && (entry.failures > 0 || (consumer === undefined && this.#host.features.showsZeroDeliveryCount));
    return {
      deliveryTag: channel.lastTag,
      redelivered,
      message,
      deliveryCount: showsCount ? entry.failures : undefined,
      acquiredCount,
      offset: isStream ? entry.position : undefined,
      queue: queue.name,
      place: queue.place,
      attempt,
      sizeBytes: message.body.sizeBytes,
    };
  }

  deliver(consumer: Consumer, entry: QueuedMessage, out: Out): void {
    const { channel, queue, noAck } = consumer;
    const { connection } = channel;
    if (!noAck) {
      consumer.held += 1;
      channel.held += 1;
    }
    const handover = this.handOver(channel, queue, entry, consumer, noAck, out);
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

  /** A shared queue's leader handed a message to a consumer or fetch on this node; the queue itself is elsewhere. */
  hand(channel: Channel, consumer: Consumer | undefined, queue: Queue, delivered: Delivered, out: Out): void {
    if (!this.#host.isOpen(channel)) return;
    const { message, redelivered, failures, before, attempt, offset, noAck, delivery } = delivered;
    const { connection } = channel;
    channel.lastTag += 1;
    if (!noAck) {
      const entry = {
        message,
        position: offset ?? 0,
        expiresAtUs: NEVER,
        deliveries: before + 1,
        failures,
        stored: true,
        readyFact: 0,
      };
      channel.unacked.set(channel.lastTag, { queue, entry, consumer, deliveredAtUs: out.now, delivery });
      if (consumer !== undefined) {
        consumer.held += 1;
        channel.held += 1;
      }
      this.#timeouts.watch(queue, consumer, out);
    }
    const { since43, showsZeroDeliveryCount } = this.#host.features;
    const showsCount = queue.isQuorum && (failures > 0 || (consumer === undefined && showsZeroDeliveryCount));
    const handover: Handover = {
      deliveryTag: channel.lastTag,
      redelivered,
      message,
      deliveryCount: showsCount ? failures : undefined,
      acquiredCount: since43 && queue.isQuorum && before > 0 ? before : undefined,
      offset,
      queue: queue.name,
      place: queue.place,
      attempt,
      sizeBytes: message.body.sizeBytes,
    };
    const method: ServerMethod =
      consumer === undefined
        ? { type: 'basic.get-ok', channel: channel.name, messageCount: delivered.remaining, ...handover }
        : { type: 'basic.deliver', channel: channel.name, consumerTag: consumer.tag, ...handover };
    out.send(connection.peer, 'delivery', frameOf(connection, method, out), message.body.id);
  }

  /** A delivery returns to its queue, or leaves it over its delivery limit. The queue is handed out later, by `#settleQueue`. */
  giveBack(unacked: Unacked, how: Return, reason: number, out: Out): void {
    const { queue, entry } = unacked;
    if (queue.deleted) return;
    // A stream has not let go of it (R66).
    if (queue.stream !== undefined) {
      queue.contents.unacked -= 1;
      return;
    }
    const position = queue.contents.giveBack(entry, how, out.now);
    if (position === SPENT) return this.dead.leave(queue, entry, 'delivery_limit', out);
    if (position === DELAYED) return this.#armDelay(queue, entry, out);
    entry.readyFact = out.fact(F.requeued, entry.message.body.id, queue.place, 0, position, reason);
  }

  #armDelay(queue: Queue, entry: QueuedMessage, out: Out): void {
    const atUs = queue.contents.delayed.get(entry) ?? out.now;
    const timer: Timer = { type: 'rabbitmq/delay-over', queue: queue.name, entry };
    out.timer(Math.max(0, atUs - out.now), timer);
  }

  delayOver(queue: Queue, entry: QueuedMessage, out: Out): void {
    const position = queue.contents.comeBack(entry);
    if (position === DELAYED) return;
    entry.readyFact = out.fact(F.requeued, entry.message.body.id, queue.place, 0, position, R['delay over']);
    this.settleQueue(queue, out);
  }

  wakeQueue(queue: Queue, out: Out): void {
    queue.lastUsedUs = out.now;
    for (const entry of queue.contents.delayed.keys()) this.#armDelay(queue, entry, out);
    if (queue.contents.dying.size > 0) this.dead.transfer(queue, out);
    this.armUnused(queue, out);
    this.dispatch(queue, out);
  }

  armUnused(queue: Queue, out: Out): void {
    const { expiresUs } = queue.spec;
    if (expiresUs !== undefined && !queue.shared)
      out.timer(expiresUs, { type: 'rabbitmq/unused', queue: queue.name } as Timer, 0);
  }
}
