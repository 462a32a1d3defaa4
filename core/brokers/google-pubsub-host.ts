/**
 * What the parts of the Google Pub/Sub service share: its topics and subscriptions, and the timers that each subscription has at most one of a kind of.
 * Rules: G1, G14.
 */
import { F, type FactKind } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import type { Entry, Holder } from '../parts/pubsub-backlog.ts';
import type { ActorId, FactId } from '../types.ts';
import type { PubsubSubscription, PullStream } from './google-pubsub-subscription.ts';
import type { PubsubTopic } from './google-pubsub-topic.ts';

export interface SubscriptionTimer extends Wire {
  readonly type: 'create' | 'due' | 'retention' | 'pulls-over' | 'push' | 'expire';
  readonly subscription: PubsubSubscription;
}

/** Who serves the endpoint of a push subscription. The load balancer in front of it knows which of its servers are up. */
export class PushEndpoints {
  readonly #servers = new Map<string, ActorId[]>();
  #turn = 0;

  enter(subscription: string, server: ActorId): void {
    const servers = this.#servers.get(subscription) ?? [];
    if (!servers.includes(server)) servers.push(server);
    this.#servers.set(subscription, servers);
  }

  leave(subscription: string, server: ActorId): void {
    const servers = this.#servers.get(subscription) ?? [];
    this.#servers.set(
      subscription,
      servers.filter((one) => one !== server),
    );
  }

  /** The next in turn; 0 when none is up. */
  next(subscription: string): ActorId {
    const servers = this.#servers.get(subscription);
    if (servers === undefined || servers.length === 0) return 0;
    this.#turn++;
    return servers[this.#turn % servers.length] as ActorId;
  }
}

export class PubsubHost {
  readonly topics = new Map<string, PubsubTopic>();
  readonly subscriptions = new Map<string, PubsubSubscription>();
  readonly endpoints = new PushEndpoints();
  /** Message ids that were given out. */
  messageIds = 0;

  /** A subscription that is there now. */
  find(name: string): PubsubSubscription | undefined {
    const subscription = this.subscriptions.get(name);
    return subscription?.exists === true ? subscription : undefined;
  }
}

export function timerOf(type: SubscriptionTimer['type'], subscription: PubsubSubscription): SubscriptionTimer {
  return { type, subscription };
}

export function armDue(subscription: PubsubSubscription, out: Out): void {
  const next = subscription.backlog.nextDueUs();
  if (next >= subscription.dueAtUs) return;
  subscription.dueAtUs = next;
  out.timer(next - out.now, timerOf('due', subscription), out.cause);
}

export function armRetention(subscription: PubsubSubscription, out: Out): void {
  const oldest = subscription.backlog.oldest();
  if (oldest === undefined) return;
  const atUs = oldest.published.publishedAtUs + subscription.retentionUs;
  subscription.retentionAtUs = atUs;
  out.timer(atUs - out.now, timerOf('retention', subscription), out.cause);
}

/** An unacked message goes. If somebody holds it, it comes back first: of several copies it is that one. */
export function tellDropped(
  { place }: PubsubSubscription,
  entry: Entry,
  kind: FactKind,
  reason: number,
  because: FactId,
  out: Out,
): void {
  const { id } = entry.published.message;
  if (entry.state === 'acked') return;
  if (entry.state !== 'ready') out.fact(F.requeued, id, place, 0, 0, reason, because);
  out.fact(kind, id, place, 0, 0, reason, because);
}

/** A holder may have room again. */
export function freed({ streams }: PubsubSubscription, holder: Holder | null): void {
  // Of all holders only streams stay open.
  if (holder?.staysOpen === true) streams.settled(holder as PullStream);
}

/** A push failed: the next ones come later. */
export function slowDown(subscription: PubsubSubscription, out: Out): void {
  const { push } = subscription;
  if (push === null) return;
  const before = push.pausedUntilUs;
  push.failed(out.now);
  if (push.pausedUntilUs > before) out.timer(push.pausedUntilUs - out.now, timerOf('push', subscription));
}
