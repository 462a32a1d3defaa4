/**
 * Who takes from a subscription of Google Pub/Sub: the streams that clients open and keep alive, and the pulls that wait for a message. Rules: G3, G18.
 */
import type { Out } from '../machine.ts';
import type { ActorId, Micros } from '../types.ts';
import { type Handing, NO_MESSAGES } from './google-pubsub-handing.ts';
import { type PubsubHost, timerOf } from './google-pubsub-host.ts';
import { DEADLINE_US_MAX } from './google-pubsub-options.ts';
import { type PubsubSubscription, PullStream, type WaitingPull } from './google-pubsub-subscription.ts';
import {
  PUBSUB_ERRORS as ERROR,
  type Pull,
  type StreamClose,
  type StreamingPull,
  type StreamKeepAlive,
  type StreamState,
} from './google-pubsub-verbs.ts';

/** A stream or pull asks for the subscription's deadline by 0; others are in this range (G3). */
const STREAM_DEADLINE_US_MIN: Micros = 10_000_000;

export class Taking {
  readonly #host: PubsubHost;
  readonly #handing: Handing;

  constructor(host: PubsubHost, handing: Handing) {
    this.#host = host;
    this.#handing = handing;
  }

  open(from: ActorId, request: StreamingPull, out: Out): void {
    const { token, maxMessages, maxBytes, ackDeadlineUs } = request;
    const subscription = this.#host.find(request.subscription);
    const inRange =
      ackDeadlineUs === 0 || (ackDeadlineUs >= STREAM_DEADLINE_US_MIN && ackDeadlineUs <= DEADLINE_US_MAX);
    let error = '';
    if (subscription === undefined) error = ERROR.notFound;
    else if (subscription.pushes) error = ERROR.precondition;
    else if (!inRange) error = ERROR.invalid;
    const state: StreamState = { type: 'StreamState', token, error };
    out.send(from, 'control', state);
    if (subscription === undefined || error !== '') return;
    if ((subscription.lastStreams.get(from) ?? 0) >= token) return;
    subscription.lastStreams.set(from, token);
    // The client has given an older stream up.
    cut(subscription, from);
    subscription.streams.add(new PullStream(from, token, maxMessages, maxBytes, ackDeadlineUs, out.now));
    subscription.activeAtUs = out.now;
    this.#handing.dispatch(subscription, out);
  }

  keepAlive(from: ActorId, { token, subscription: name }: StreamKeepAlive, out: Out): void {
    const subscription = this.#host.find(name);
    let error: string = ERROR.notFound;
    for (const stream of subscription?.streams.all() ?? []) {
      if (stream.actor !== from || stream.token !== token) continue;
      stream.heardUs = out.now;
      error = '';
    }
    if (subscription !== undefined && error === '') subscription.activeAtUs = out.now;
    const state: StreamState = { type: 'StreamState', token, error };
    out.send(from, 'control', state);
  }

  close(from: ActorId, { subscription: name, token }: StreamClose): void {
    const subscription = this.#host.subscriptions.get(name);
    if (subscription !== undefined && (subscription.lastStreams.get(from) ?? 0) <= token) cut(subscription, from);
  }

  pull(from: ActorId, request: Pull, out: Out): void {
    const { waitUs } = request;
    const subscription = this.#host.find(request.subscription);
    if (subscription === undefined) return this.#handing.pulled(from, request, NO_MESSAGES, ERROR.notFound, out);
    if (subscription.pushes) return this.#handing.pulled(from, request, NO_MESSAGES, ERROR.precondition, out);
    if (request.maxMessages < 1) return this.#handing.pulled(from, request, NO_MESSAGES, ERROR.invalid, out);
    subscription.activeAtUs = out.now;
    if (this.#handing.answerPull(subscription, from, request, out)) return;
    if (waitUs === 0) return this.#handing.pulled(from, request, NO_MESSAGES, '', out);
    const untilUs = out.now + waitUs;
    subscription.pulls.push({ from, request, untilUs, cause: out.cause });
    if (untilUs < subscription.pullsAtUs) this.#armPulls(subscription, untilUs, out);
  }

  #armPulls(subscription: PubsubSubscription, untilUs: Micros, out: Out): void {
    subscription.pullsAtUs = untilUs;
    out.timer(untilUs - out.now, timerOf('pulls-over', subscription), out.cause);
  }

  endPulls(subscription: PubsubSubscription, out: Out): void {
    if (out.now < subscription.pullsAtUs) return;
    subscription.pullsAtUs = Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    subscription.pulls.retain(({ from, request, untilUs, cause }: WaitingPull) => {
      if (untilUs <= out.now) this.#handing.pulled(from, request, NO_MESSAGES, '', out, cause);
      else if (untilUs < next) next = untilUs;
      return untilUs > out.now;
    });
    if (next < Number.POSITIVE_INFINITY) this.#armPulls(subscription, next, out);
  }
}

/** A client gives its streams and pulls up, or is gone. */
export function cut({ streams, pulls }: PubsubSubscription, peer: ActorId): void {
  for (const stream of [...streams.all()]) if (stream.actor === peer) streams.remove(stream);
  pulls.retain(({ from }) => from !== peer);
}
