/**
 * How Google Pub/Sub hands messages out: on streams, in answers to pulls and as pushes, each until an ack deadline. Rules: G3, G6, G9, G10, G18.
 */
import { F } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { Entry, Holder } from '../parts/pubsub-backlog.ts';
import type { ActorId, FactId, Micros } from '../types.ts';
import { armDue, type PubsubHost, timerOf } from './google-pubsub-host.ts';
import { type PubsubSubscription, type PullStream, singleHolder } from './google-pubsub-subscription.ts';
import type { Pull, PullResponse, PushRequest, ReceivedMessage, StreamingPullResponse } from './google-pubsub-verbs.ts';

export const NO_MESSAGES: readonly ReceivedMessage[] = [];

export class Handing {
  readonly #host: PubsubHost;
  /** Streams that get something in this step: so many of the first here. */
  readonly #handed: PullStream[] = [];
  #handedTo = 0;

  constructor(host: PubsubHost) {
    this.#host = host;
  }

  dispatch(subscription: PubsubSubscription, out: Out): void {
    if (!subscription.exists) return;
    const { backlog, streams } = subscription;
    if (subscription.pushes) return this.#dispatchPushes(subscription, out);
    if (backlog.ready === 0) return;
    this.#servePulls(subscription, out);
    if (streams.size === 0) return;
    // G10: what follows in a key goes to whoever holds the message before it.
    if (subscription.ordered) for (const stream of streams.all()) this.#serveRows(subscription, stream, out);
    for (let entry = backlog.peek(); entry !== undefined; entry = backlog.peek()) {
      const stream = streams.next();
      if (stream === undefined) break;
      if (stream.isSilent(out.now)) {
        streams.remove(stream);
        continue;
      }
      this.#hand(subscription, entry, stream, out);
      if (subscription.ordered) this.#serveRows(subscription, stream, out);
    }
    for (let i = 0; i < this.#handedTo; i++) this.#flush(this.#handed[i] as PullStream, out);
    this.#handedTo = 0;
    armDue(subscription, out);
  }

  #serveRows(subscription: PubsubSubscription, stream: PullStream, out: Out): void {
    while (stream.canTake()) {
      const entry = subscription.backlog.peekFor(stream);
      if (entry === undefined) return;
      this.#hand(subscription, entry, stream, out);
    }
  }

  #hand(subscription: PubsubSubscription, entry: Entry, stream: PullStream, out: Out): void {
    const deadlineUs = stream.ackDeadlineUs > 0 ? stream.ackDeadlineUs : subscription.ackDeadlineUs;
    const received = this.#lease(subscription, entry, stream, deadlineUs, out);
    if (stream.outbox !== null) stream.outbox.push(received);
    else {
      stream.outbox = [received];
      this.#handed[this.#handedTo++] = stream;
    }
  }

  #lease(
    subscription: PubsubSubscription,
    entry: Entry,
    holder: Holder,
    deadlineUs: Micros,
    out: Out,
  ): ReceivedMessage {
    const { backlog, place, maxAttempts } = subscription;
    const { message, messageId, key, attributes } = entry.published;
    const handle = backlog.lease(entry, holder, out.now + deadlineUs);
    const attempt = entry.deliveries;
    const lockMs = Math.ceil(deadlineUs / 1000);
    entry.fact = out.fact(F.delivered, message.id, place, holder.actor, lockMs, attempt, entry.fact);
    return {
      message,
      place,
      attempt,
      handle,
      messageId,
      orderingKey: key,
      attributes,
      deliveryAttempt: maxAttempts === 0 ? 0 : entry.failures + 1,
    };
  }

  #flush(stream: PullStream, out: Out): void {
    const messages = stream.outbox ?? NO_MESSAGES;
    stream.outbox = null;
    const response: StreamingPullResponse = {
      type: 'StreamingPullResponse',
      token: stream.token,
      number: ++stream.sent,
      error: '',
      messages,
      sizeBytes: sizeOf(messages),
    };
    out.send(stream.actor, 'delivery', response, idsOf(messages));
  }

  /** Answers with what is ready; false when nothing is. Of one key, an answer holds one run of messages, and no other comes while any of it is unacked (G10). */
  answerPull(subscription: PubsubSubscription, from: ActorId, request: Pull, out: Out): boolean {
    const { backlog, ackDeadlineUs } = subscription;
    let entry = backlog.peek();
    if (entry === undefined) return false;
    const holder = singleHolder(from);
    const messages: ReceivedMessage[] = [];
    while (entry !== undefined && messages.length < request.maxMessages) {
      messages.push(this.#lease(subscription, entry, holder, ackDeadlineUs, out));
      entry = backlog.successor(entry) ?? backlog.peek();
    }
    this.pulled(from, request, messages, '', out);
    armDue(subscription, out);
    return true;
  }

  #servePulls(subscription: PubsubSubscription, out: Out): void {
    const { pulls } = subscription;
    for (let pull = pulls.first; pull !== undefined; pull = pulls.first) {
      if (!this.answerPull(subscription, pull.from, pull.request, out)) return;
      pulls.shift();
    }
  }

  pulled(
    to: ActorId,
    { token }: Pull,
    messages: readonly ReceivedMessage[],
    error: string,
    out: Out,
    because?: FactId,
  ): void {
    const response: PullResponse = { type: 'PullResponse', token, error, messages, sizeBytes: sizeOf(messages) };
    if (messages.length === 0) out.send(to, 'control', response, 0, because);
    else out.send(to, 'delivery', response, idsOf(messages));
  }

  #dispatchPushes(subscription: PubsubSubscription, out: Out): void {
    const { push, backlog, ackDeadlineUs, name } = subscription;
    if (push === null) return;
    while (push.hasRoom(out.now)) {
      const entry = backlog.peek();
      if (entry === undefined) break;
      const actor = this.#host.endpoints.next(name);
      if (actor === 0) {
        // Nobody answers at the endpoint: the service pauses, and this costs no message an attempt.
        push.failed(out.now);
        out.timer(push.pausedUntilUs - out.now, timerOf('push', subscription), entry.fact);
        break;
      }
      const message = this.#lease(subscription, entry, singleHolder(actor), ackDeadlineUs, out);
      const token = push.begun({ entry, ackId: message.handle, actor });
      const sizeBytes = message.message.sizeBytes;
      const request: PushRequest = { type: 'PushRequest', token, subscription: name, message, sizeBytes };
      out.send(actor, 'delivery', request, message.message.id);
    }
    armDue(subscription, out);
  }
}

function sizeOf(messages: readonly ReceivedMessage[]): number {
  let bytes = 0;
  for (const { message } of messages) bytes += message.sizeBytes;
  return bytes;
}

function idsOf(messages: readonly ReceivedMessage[]): number | readonly number[] {
  const [first] = messages;
  return messages.length === 1 && first !== undefined ? first.message.id : messages.map(({ message }) => message.id);
}
