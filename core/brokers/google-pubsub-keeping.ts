/**
 * How Google Pub/Sub keeps subscriptions, until when, and for how long the messages in them. Rules: G1, G6, G13, G14, G19.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { ActorId, Micros } from '../types.ts';
import { type Handing, NO_MESSAGES } from './google-pubsub-handing.ts';
import { armRetention, freed, type PubsubHost, tellDropped, timerOf } from './google-pubsub-host.ts';
import { subscriptionMistake } from './google-pubsub-options.ts';
import { isFixed, type PubsubSubscription } from './google-pubsub-subscription.ts';
import {
  type DeleteResponse,
  type DeleteSubscription,
  PUBSUB_ERRORS,
  type UpdateResponse,
  type UpdateSubscription,
} from './google-pubsub-verbs.ts';

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
    if (subscription.ttlUs > 0) armExpiry(subscription, subscription.ttlUs, out);
  }

  updateCall(from: ActorId, { token, subscription: name, settings }: UpdateSubscription, out: Out): void {
    const subscription = this.#host.find(name);
    let error = '';
    if (subscription === undefined) error = PUBSUB_ERRORS.notFound;
    else if (Object.keys(settings).some(isFixed)) error = PUBSUB_ERRORS.invalid;
    else if (subscriptionMistake({ ...subscription.options, ...settings }) !== null) error = PUBSUB_ERRORS.invalid;
    const response: UpdateResponse = { type: 'UpdateResponse', token, error };
    out.send(from, 'control', response);
    if (subscription === undefined || error !== '') return;
    subscription.activeAtUs = out.now;
    subscription.update(settings);
    this.changed(subscription, out);
  }

  /** Its settings are others now. Whoever asks a subscription that pushes is turned away; what was handed out keeps its deadline (G6). */
  changed(subscription: PubsubSubscription, out: Out): void {
    const { streams, pulls } = subscription;
    if (subscription.pushes) {
      for (const stream of [...streams.all()]) streams.remove(stream);
      for (let pull = pulls.shift(); pull !== undefined; pull = pulls.shift())
        this.#handing.pulled(pull.from, pull.request, NO_MESSAGES, PUBSUB_ERRORS.precondition, out, pull.cause);
    }
    this.expire(subscription, out);
    if (subscription.exists) this.retain(subscription, out);
  }

  /** G19: a subscription that nobody has used for so long is deleted with all that is in it. */
  expire(subscription: PubsubSubscription, out: Out): void {
    const { ttlUs, streams } = subscription;
    if (ttlUs <= 0 || !subscription.exists) return;
    dropSilent(subscription, out);
    if (streams.size > 0) subscription.activeAtUs = out.now;
    const leftUs = subscription.activeAtUs + ttlUs - out.now;
    if (leftUs > 0) armExpiry(subscription, leftUs, out);
    else this.#delete(subscription, out);
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

/** One look at a time is due: an earlier one replaces a later one. */
function armExpiry(subscription: PubsubSubscription, inUs: Micros, out: Out): void {
  subscription.expiresAtUs = out.now + inUs;
  out.timer(inUs, timerOf('expire', subscription));
}

/** Streams whose clients have said nothing for too long are closed. */
function dropSilent({ streams }: PubsubSubscription, out: Out): void {
  for (const stream of [...streams.all()]) if (stream.isSilent(out.now)) streams.remove(stream);
}
