/**
 * Publishing to a topic of Google Pub/Sub: what is refused, and into which subscriptions the rest goes. Rules: G1, G10, G17, G20.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { Entry, Published } from '../parts/pubsub-backlog.ts';
import { type Attributes, filterMatches, utf8Length } from '../parts/pubsub-filter.ts';
import type { ActorId, FactId, Message, Micros } from '../types.ts';
import type { Handing } from './google-pubsub-handing.ts';
import { armRetention, type PubsubHost } from './google-pubsub-host.ts';
import type { PubsubSubscription } from './google-pubsub-subscription.ts';
import type { PubsubTopic } from './google-pubsub-topic.ts';
import {
  PUBSUB_ERRORS as ERROR,
  type Publish,
  type PublishResponse,
  type PubsubMessage,
} from './google-pubsub-verbs.ts';

/** Of a message, and of a publish request (G20). */
const MESSAGE_BYTES_MAX = 10_000_000;
const REQUEST_MESSAGES_MAX = 1000;
const ATTRIBUTES_MAX = 100;
const ATTRIBUTE_KEY_BYTES_MAX = 256;
const ATTRIBUTE_VALUE_BYTES_MAX = 1024;
const ORDERING_KEY_BYTES_MAX = 1024;

export class Publishing {
  readonly #host: PubsubHost;
  readonly #handing: Handing;

  constructor(host: PubsubHost, handing: Handing) {
    this.#host = host;
    this.#handing = handing;
  }

  publish(from: ActorId, request: Publish, out: Out): void {
    const { messages, token } = request;
    const topic = this.#host.topics.get(request.topic);
    const error = topic === undefined ? ERROR.notFound : errorOfPublish(topic, request, out.now);
    if (topic === undefined || error !== '') {
      // What is refused for now only is not yet out of the game.
      if (error !== ERROR.exhausted)
        for (const { message } of messages)
          out.fact(F.rejected, message.id, topic?.place ?? 0, from, 0, R['refused by the broker']);
      return this.#published(from, messages, token, error, [], out);
    }
    // As long as it will be: most requests are of one message, and an array that grows takes room for more.
    const messageIds: number[] = new Array(messages.length);
    for (let i = 0; i < messages.length; i++) {
      const { message, orderingKey, attributes } = messages[i] as PubsubMessage;
      messageIds[i] = ++this.#host.messageIds;
      this.spread(topic, message, this.#host.messageIds, orderingKey, attributes, out);
    }
    this.#published(from, messages, token, '', messageIds, out);
    for (const subscription of topic.subscriptions) this.#handing.dispatch(subscription, out);
  }

  /** Into each subscription whose filter lets it pass; for the others it counts as acked (G17). Without any it is lost (G1). */
  spread(
    topic: PubsubTopic,
    message: Message,
    messageId: number,
    key: string,
    attributes: Attributes,
    out: Out,
    because?: FactId,
  ): void {
    const published: Published = { message, messageId, publishedAtUs: out.now, key, attributes };
    topic.keep(published, out.now);
    let matched = 0;
    for (const subscription of topic.subscriptions) {
      if (subscription.filter !== null && !filterMatches(subscription.filter, attributes)) continue;
      matched++;
      const routed = out.fact(F.routed, message.id, subscription.place, 0, topic.place, 0, because);
      this.store(subscription, published, 0, routed, out);
    }
    if (matched > 0) return;
    const reason = topic.subscriptions.length === 0 ? R['no route'] : R['filtered out'];
    out.fact(F.unroutable, message.id, topic.place, 0, 0, reason, because);
  }

  store(subscription: PubsubSubscription, published: Published, behind: number, because: FactId, out: Out): Entry {
    const entry = subscription.backlog.add(published);
    entry.fact = out.fact(F.appended, published.message.id, subscription.place, 0, behind, 0, because);
    const retainedUs = published.publishedAtUs + subscription.retentionUs;
    if (retainedUs < subscription.retentionAtUs) armRetention(subscription, out);
    return entry;
  }

  #published(
    to: ActorId,
    messages: readonly PubsubMessage[],
    token: number,
    error: string,
    messageIds: readonly number[],
    out: Out,
  ): void {
    const response: PublishResponse = { type: 'PublishResponse', token, error, messageIds };
    const [first] = messages;
    if (messages.length === 1 && first !== undefined) out.send(to, 'reply', response, first.message.id);
    else
      out.send(
        to,
        'reply',
        response,
        messages.map(({ message }) => message.id),
      );
  }
}

/** Why a publish request is refused; '' when it is not (G10, G20). */
function errorOfPublish(topic: PubsubTopic, { messages, sizeBytes }: Publish, nowUs: Micros): string {
  if (messages.length === 0 || messages.length > REQUEST_MESSAGES_MAX || sizeBytes > MESSAGE_BYTES_MAX)
    return ERROR.invalid;
  const key = messages[0]?.orderingKey ?? '';
  for (const { orderingKey, message, dataBytes, attributes } of messages) {
    if (orderingKey !== key || message.sizeBytes > MESSAGE_BYTES_MAX) return ERROR.invalid;
    let count = 0;
    for (const name in attributes) {
      count++;
      // Keys that begin with goog are the service's own (G20).
      if (name === '' || name.startsWith('goog') || utf8Length(name) > ATTRIBUTE_KEY_BYTES_MAX) return ERROR.invalid;
      if (utf8Length(String(attributes[name])) > ATTRIBUTE_VALUE_BYTES_MAX) return ERROR.invalid;
    }
    if (count > ATTRIBUTES_MAX || (count === 0 && dataBytes === 0)) return ERROR.invalid;
  }
  if (key === '') return '';
  if (utf8Length(key) > ORDERING_KEY_BYTES_MAX) return ERROR.invalid;
  return topic.takes(key, sizeBytes, nowUs) ? '' : ERROR.exhausted;
}
