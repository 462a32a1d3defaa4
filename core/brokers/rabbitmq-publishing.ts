/**
 * Publishing and its answers: basic.return for what nothing takes, publisher confirms once every queue has it, and the flush that makes it survive.
 * Source: rules R5–R7, R9, R12, R17–R20.
 */
import { F } from '../facts.ts';
import type { Out } from '../machine.ts';
import { type AmqpMessage, publishedMessage, routingKeys } from '../parts/amqp-message.ts';
import { DEFAULT_EXCHANGE } from '../parts/exchange-graph.ts';
import type { MessageId } from '../types.ts';
import type { PendingPublish } from './rabbitmq-cluster-host.ts';
import type { RabbitHost } from './rabbitmq-host.ts';
import type { Keeper } from './rabbitmq-keeper.ts';
import {
  accessRefused,
  type Channel,
  frameOf,
  notFound,
  type OnChannel,
  preconditionFailed,
  type Refusal,
} from './rabbitmq-session.ts';
import type { ServerFrame, ServerMethod } from './rabbitmq-verbs.ts';

export class Publishing {
  readonly #host: RabbitHost;
  readonly #keeper: Keeper;
  /** Publishes that wait for the flush. */
  #unconfirmed: { readonly channel: Channel; readonly tag: number; readonly message: MessageId }[] = [];

  constructor(host: RabbitHost, keeper: Keeper) {
    this.#host = host;
    this.#keeper = keeper;
  }

  /** The process died: nobody waits for an answer any more. */
  forget(): void {
    this.#unconfirmed = [];
  }

  /** Why nothing can be published there (R9). */
  refusal({ exchange }: OnChannel<'basic.publish'>): Refusal | undefined {
    if (exchange === DEFAULT_EXCHANGE) return undefined;
    const known = this.#host.graph.exchange(exchange);
    if (known === undefined) return notFound('exchange', exchange);
    if (known.internal) return accessRefused(`exchange '${exchange}' is internal: only exchanges publish to it`);
    return undefined;
  }

  publish(channel: Channel, method: OnChannel<'basic.publish'>, out: Out): Refusal | undefined {
    const { exchange, routingKey, body } = method;
    const refusal = this.refusal(method);
    if (refusal !== undefined) return refusal;
    const message = publishedMessage(body, exchange, routingKey, method.properties);
    if (typeof message === 'string') return preconditionFailed(message);
    let tag = 0;
    if (channel.published >= 0) {
      channel.published += 1;
      tag = channel.published;
    }
    const queues = this.#host.graph.route(exchange, { keys: routingKeys(message), headers: message.headers });
    if (queues.length === 0) {
      out.fact(F.unroutable, body.id, exchange === DEFAULT_EXCHANGE ? 0 : this.#host.placeOf(exchange));
      if (method.mandatory) this.#return(channel, message, out);
      if (tag > 0) this.#confirm(channel, tag, true, false, body.id, out);
      return undefined;
    }
    let refused = false;
    let onDisk = false;
    let pending: PendingPublish | undefined;
    for (const name of queues) {
      const queue = this.#host.queues.get(name);
      if (queue === undefined) continue;
      if (exchange !== DEFAULT_EXCHANGE) out.fact(F.routed, body.id, queue.place);
      const cluster = this.#host.clusterOf(queue);
      if (cluster !== undefined) {
        // It is counted before it is sent: the answer may come at once.
        pending ??= { channel, tag, message: body.id, left: 1, refused: false };
        pending.left += 1;
        cluster.sessions.enqueue(channel, queue, message, pending, out);
      } else if (!this.#keeper.enqueue(queue, message, out)) refused = true;
      else if (queue.writes(message)) onDisk = true;
    }
    if (pending !== undefined) {
      pending.left -= 1;
      if (refused) pending.refused = true;
      if (pending.left === 0) this.answered(pending, out);
      return undefined;
    }
    if (tag === 0) return undefined;
    if (refused) this.#confirm(channel, tag, false, false, body.id, out);
    else if (onDisk && this.#host.settings.flushUs > 0) this.#unconfirmed.push({ channel, tag, message: body.id });
    else this.#confirm(channel, tag, true, false, body.id, out);
    return undefined;
  }

  /** All queues of a cluster to which a publish was routed have it, or one refused it (R18, R19). */
  answered({ channel, tag, message, refused }: PendingPublish, out: Out): void {
    if (tag > 0 && this.#host.isOpen(channel)) this.#confirm(channel, tag, !refused, false, message, out);
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
    out.send(connection.peer, 'reply', frameOf(connection, returned, out), body.id);
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
  flush(out: Out): void {
    this.#keeper.dead.flush(out);
    for (const entry of this.#host.unflushed) entry.stored = true;
    this.#host.unflushed = [];
    this.#host.disarmFlush();
    this.#keeper.streams.flush(out);
    this.#host.cluster?.flush(out);
    const waiting = this.#unconfirmed;
    this.#unconfirmed = [];
    const byChannel = new Map<Channel, { tag: number; readonly messages: MessageId[] }>();
    for (const { channel, tag, message } of waiting) {
      if (!this.#host.isOpen(channel)) continue;
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
}
