/**
 * What comes back from the endpoint of a push subscription of Google Pub/Sub, and who serves such an endpoint. Rule: G6.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { Handing } from './google-pubsub-handing.ts';
import { armDue, type PubsubHost, slowDown } from './google-pubsub-host.ts';
import type { Returning } from './google-pubsub-returning.ts';
import type { Settling } from './google-pubsub-settling.ts';
import type { PubsubSubscription } from './google-pubsub-subscription.ts';
import type { PushResponse } from './google-pubsub-verbs.ts';

const ACKING: readonly number[] = [102, 200, 201, 202, 204];

export class Pushing {
  readonly #host: PubsubHost;
  readonly #handing: Handing;
  readonly #returning: Returning;
  readonly #settling: Settling;

  constructor(host: PubsubHost, handing: Handing, returning: Returning, settling: Settling) {
    this.#host = host;
    this.#handing = handing;
    this.#returning = returning;
    this.#settling = settling;
  }

  /** The endpoint answered. G6: these five statuses ack, all others are nacks. */
  answered({ token, status, subscription: name }: PushResponse, out: Out): void {
    const subscription = this.#host.find(name);
    const push = subscription?.push ?? null;
    if (subscription === undefined || push === null) return;
    const call = push.calls.get(token);
    if (call === undefined) return;
    if (!ACKING.includes(status)) return this.failed(subscription, token, out);
    push.calls.delete(token);
    const { entry, ackId, actor } = call;
    const { message } = entry.published;
    if (subscription.backlog.isCurrent(entry, ackId)) {
      subscription.activeAtUs = out.now;
      push.succeeded();
      this.#settling.acked(subscription, entry, actor, entry.deliveries, out);
    } else out.fact(F['ack-refused'], message.id, subscription.place, actor, 0, R['lock expired']);
    this.#handing.dispatch(subscription, out);
  }

  failed(subscription: PubsubSubscription, token: number, out: Out): void {
    const { push, backlog, place } = subscription;
    const call = push?.calls.get(token);
    if (push === null || call === undefined) return;
    push.calls.delete(token);
    slowDown(subscription, out);
    const { entry, ackId, actor } = call;
    if (backlog.isCurrent(entry, ackId)) {
      entry.fact = out.fact(F.nacked, entry.published.message.id, place, actor, 0, entry.deliveries);
      this.#returning.comeBack(subscription, entry, R.nacked, out);
    }
    armDue(subscription, out);
    this.#handing.dispatch(subscription, out);
  }
}
