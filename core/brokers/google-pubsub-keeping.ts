/**
 * How long Google Pub/Sub keeps subscriptions, and messages in them. Rules: G1, G14, G19.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { ActorId } from '../types.ts';
import type { Handing } from './google-pubsub-handing.ts';
import { armRetention, freed, type PubsubHost, tellDropped, timerOf } from './google-pubsub-host.ts';
import type { PubsubSubscription } from './google-pubsub-subscription.ts';
import { type DeleteResponse, type DeleteSubscription, PUBSUB_ERRORS } from './google-pubsub-verbs.ts';

export class Keeping {
  readonly #host: PubsubHost;
  readonly #handing: Handing;

  constructor(host: PubsubHost, handing: Handing) {
    this.#host = host;
    this.#handing = handing;
  }

  /** G1: from now on it gets what its topic publishes. */
  create(subscription: PubsubSubscription, out: Out): void {
    subscription.exists = true;
    subscription.wasMade = true;
    subscription.activeAtUs = out.now;
    this.#host.topics.get(subscription.topic)?.subscriptions.push(subscription);
    if (subscription.ttlUs > 0) out.timer(subscription.ttlUs, timerOf('expire', subscription));
  }

  /** G19: a subscription that nobody has used for so long is deleted with all that is in it. */
  expire(subscription: PubsubSubscription, out: Out): void {
    const { ttlUs, streams } = subscription;
    if (ttlUs <= 0 || !subscription.exists) return;
    dropSilent(subscription, out);
    if (streams.size > 0) subscription.activeAtUs = out.now;
    const leftUs = subscription.activeAtUs + ttlUs - out.now;
    if (leftUs > 0) {
      out.timer(leftUs, timerOf('expire', subscription));
      return;
    }
    this.#delete(subscription, out);
  }

  deleteCall(from: ActorId, { token, subscription: name }: DeleteSubscription, out: Out): void {
    const subscription = this.#host.find(name);
    const error = subscription === undefined ? PUBSUB_ERRORS.notFound : '';
    const response: DeleteResponse = { type: 'DeleteResponse', token, error };
    out.send(from, 'control', response);
    if (subscription === undefined) return;
    for (const stream of [...subscription.streams.all()]) subscription.streams.remove(stream);
    this.#delete(subscription, out);
  }

  #delete(subscription: PubsubSubscription, out: Out): void {
    const { backlog } = subscription;
    subscription.exists = false;
    const topic = this.#host.topics.get(subscription.topic);
    topic?.subscriptions.splice(topic.subscriptions.indexOf(subscription), 1);
    for (const entry of backlog.entries()) {
      tellDropped(subscription, entry, F.evicted, R['consumer gone'], entry.fact, out);
      backlog.remove(entry);
    }
  }

  /** G14: retention deletes by age, outstanding messages too; acked ones go silently. */
  retain(subscription: PubsubSubscription, out: Out): void {
    const { backlog, retentionUs } = subscription;
    subscription.retentionAtUs = Number.POSITIVE_INFINITY;
    for (let entry = backlog.oldest(); entry !== undefined; entry = backlog.oldest()) {
      if (entry.published.publishedAtUs + retentionUs > out.now) break;
      tellDropped(subscription, entry, F.expired, R.retention, entry.fact, out);
      const { holder } = entry;
      backlog.remove(entry);
      freed(subscription, holder);
    }
    armRetention(subscription, out);
    this.#handing.dispatch(subscription, out);
  }
}

/** Streams whose clients have said nothing for too long are closed. */
function dropSilent({ streams }: PubsubSubscription, out: Out): void {
  for (const stream of [...streams.all()]) if (stream.isSilent(out.now)) streams.remove(stream);
}
