/**
 * How a message comes back to a subscription of Google Pub/Sub, by a nack or because its ack deadline is over, and what comes with it; or how it becomes a
 * dead letter. Rules: G7, G8, G11.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { Entry } from '../parts/pubsub-backlog.ts';
import { type Attributes, filterMatches } from '../parts/pubsub-filter.ts';
import type { FactId } from '../types.ts';
import type { Handing } from './google-pubsub-handing.ts';
import { armDue, freed, type PubsubHost, slowDown } from './google-pubsub-host.ts';
import { backoffUs } from './google-pubsub-options.ts';
import type { Publishing } from './google-pubsub-publishing.ts';
import type { PubsubSubscription } from './google-pubsub-subscription.ts';

export class Returning {
  readonly #host: PubsubHost;
  readonly #handing: Handing;
  readonly #publishing: Publishing;

  constructor(host: PubsubHost, handing: Handing, publishing: Publishing) {
    this.#host = host;
    this.#handing = handing;
    this.#publishing = publishing;
  }

  /** Deadlines and backoffs that are over. */
  due(subscription: PubsubSubscription, out: Out): void {
    subscription.dueAtUs = Number.POSITIVE_INFINITY;
    const { backlog, place, push } = subscription;
    for (let entry = backlog.takeDue(out.now); entry !== undefined; entry = backlog.takeDue(out.now)) {
      const { id } = entry.published.message;
      if (entry.state === 'backing off') {
        entry.fact = out.fact(F.requeued, id, place, 0, 0, R['delay over'], entry.fact);
        backlog.endBackoff(entry);
        continue;
      }
      this.#expired(subscription, entry, out);
      if (subscription.pushes) slowDown(subscription, out);
      this.comeBack(subscription, entry, R['lock expired'], out);
    }
    if (push !== null) {
      for (const [token, { entry, ackId }] of push.calls)
        if (!backlog.isCurrent(entry, ackId)) push.calls.delete(token);
    }
    armDue(subscription, out);
    this.#handing.dispatch(subscription, out);
  }

  #expired({ place }: PubsubSubscription, entry: Entry, out: Out): void {
    const { id } = entry.published.message;
    const actor = entry.holder?.actor ?? 0;
    entry.fact = out.fact(F['lock-expired'], id, place, actor, 0, entry.deliveries, entry.fact);
  }

  /** G7, G8, G11: an outstanding message failed. It is forwarded, or waits and comes again, and with it what follows in its key. */
  comeBack(subscription: PubsubSubscription, entry: Entry, reason: number, out: Out): void {
    const { backlog, place, maxAttempts } = subscription;
    const { holder } = entry;
    entry.failures++;
    if (maxAttempts > 0 && entry.failures >= maxAttempts) {
      this.#forward(subscription, entry, out);
      return freed(subscription, holder);
    }
    const waitUs = backoffUs(subscription.options, entry.failures);
    const behind = backlog.behind(entry);
    backlog.release(entry, out.now + waitUs, out.now);
    if (waitUs === 0) entry.fact = out.fact(F.requeued, entry.published.message.id, place, 0, 0, reason, entry.fact);
    freed(subscription, holder);
    for (let i = 0; i < behind.length; i++) this.#follow(subscription, behind[i] as Entry, i + 1, entry.fact, out);
  }

  /** A message behind one that comes again does so too, though nobody gave it back; even if it was acked. */
  #follow(subscription: PubsubSubscription, entry: Entry, position: number, because: FactId, out: Out): void {
    const { backlog, place } = subscription;
    const { id } = entry.published.message;
    const { holder } = entry;
    if (entry.state === 'acked') {
      const back = out.fact(F.restored, id, place, 0, 0, R['an earlier one of its key came back'], because);
      const after = backlog.ready > position ? backlog.ready - position : 0;
      entry.fact = out.fact(F.appended, id, place, 0, after, 0, back);
    } else {
      // Its own deadline may be over at this very moment.
      if (entry.dueUs <= out.now) {
        this.#expired(subscription, entry, out);
        entry.failures++;
      }
      entry.fact = out.fact(F.requeued, id, place, 0, position, R['an earlier one of its key came back'], because);
    }
    backlog.restore(entry);
    freed(subscription, holder);
  }

  /** G8: publishes to the dead-letter topic, with attributes that say where from, and acks here. */
  #forward(subscription: PubsubSubscription, entry: Entry, out: Out): void {
    const { backlog, place, name } = subscription;
    const { published, failures, deliveries, fact } = entry;
    const { message, key } = published;
    backlog.remove(entry);
    const topic = this.#host.topics.get(subscription.deadLetterTopic);
    const attributes: Attributes = {
      ...published.attributes,
      CloudPubSubDeadLetterSourceDeliveryCount: String(failures),
      CloudPubSubDeadLetterSourceSubscription: name,
      CloudPubSubDeadLetterSourceSubscriptionProject: 'project',
      CloudPubSubDeadLetterSourceTopicPublishTime: String(published.publishedAtUs),
    };
    const first = topic?.subscriptions.find(({ filter }) => filter === null || filterMatches(filter, attributes));
    if (topic === undefined || first === undefined) {
      // Nobody is subscribed there.
      out.fact(F.evicted, message.id, place, 0, 0, R['missing target'], fact);
      return;
    }
    const reason = R['too many deliveries'];
    const dead = out.fact(F['dead-lettered'], message.id, first.place, 0, deliveries, reason, fact);
    this.#publishing.spread(topic, message, ++this.#host.messageIds, key, attributes, out, dead);
    for (const other of topic.subscriptions) this.#handing.dispatch(other, out);
  }
}
