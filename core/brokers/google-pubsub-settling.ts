/**
 * Acks and changes of ack deadlines that come to Google Pub/Sub. Rules: G2, G4, G5, G11, G13.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import { happens } from '../parts/distribution.ts';
import type { Entry } from '../parts/pubsub-backlog.ts';
import type { ActorId } from '../types.ts';
import type { Handing } from './google-pubsub-handing.ts';
import { armDue, freed, type PubsubHost } from './google-pubsub-host.ts';
import { DEADLINE_US_MAX } from './google-pubsub-options.ts';
import type { Publishing } from './google-pubsub-publishing.ts';
import type { Returning } from './google-pubsub-returning.ts';
import type { PubsubSubscription } from './google-pubsub-subscription.ts';
import {
  type Acked,
  type Acknowledge,
  type AckResponse,
  PUBSUB_ERRORS as ERROR,
  type ModifyAckDeadline,
} from './google-pubsub-verbs.ts';

const NO_FAILURES: readonly Acked[] = [];

export class Settling {
  readonly #host: PubsubHost;
  readonly #handing: Handing;
  readonly #publishing: Publishing;
  readonly #returning: Returning;

  constructor(host: PubsubHost, handing: Handing, publishing: Publishing, returning: Returning) {
    this.#host = host;
    this.#handing = handing;
    this.#publishing = publishing;
    this.#returning = returning;
  }

  acknowledge(from: ActorId, request: Acknowledge, out: Out): void {
    const { token, acks } = request;
    const subscription = this.#host.find(request.subscription);
    if (subscription === undefined) return this.#settled(from, acks, token, ERROR.notFound, acks, out);
    const { backlog, place, exactlyOnce, ordered } = subscription;
    subscription.activeAtUs = out.now;
    let error = '';
    let failed = NO_FAILURES;
    for (const ack of acks) {
      const entry = backlog.find(ack.handle);
      let fate = '';
      if (entry === undefined || entry.state === 'acked') {
        // G5: acking twice is no error; with exactly-once delivery the id is no longer valid (G13).
        out.fact(F['ack-refused'], ack.message.id, place, from, 0, R.duplicate);
        fate = exactlyOnce ? ERROR.badAckId : '';
      } else if (!backlog.isCurrent(entry, ack.handle) && (exactlyOnce || entry.row !== null)) {
        // G13: late acks and older ids fail. In a row that is to come again, a late ack changes nothing (G11).
        out.fact(F['ack-refused'], ack.message.id, place, from, 0, R['lock expired']);
        fate = exactlyOnce ? ERROR.badAckId : '';
      } else if (exactlyOnce && ordered && !backlog.isFirstOfKey(entry)) {
        fate = ERROR.outOfOrder;
      } else this.acked(subscription, entry, from, ack.attempt, out);
      if (fate === '') continue;
      error = fate;
      failed = [...failed, ack];
    }
    this.#settled(from, acks, token, error, failed, out);
    this.#handing.dispatch(subscription, out);
  }

  /** G5: without exactly-once delivery a late ack, or one by an older id, still counts while the message is unacked. */
  acked(subscription: PubsubSubscription, entry: Entry, from: ActorId, attempt: number, out: Out): void {
    out.fact(F.acked, entry.published.message.id, subscription.place, from, 0, attempt);
    const { holder } = entry;
    subscription.backlog.ack(entry);
    freed(subscription, holder);
    if (subscription.duplicateProbability > 0 && entry.row === null) this.#duplicate(subscription, entry, out);
  }

  /** G2: at least once. By chance, where a scenario asks for it, what was acked is there again. */
  #duplicate(subscription: PubsubSubscription, { published, deliveries }: Entry, out: Out): void {
    const { duplicateProbability, duplicates, place } = subscription;
    const { message } = published;
    const key = (message.decisionKey + Math.imul(deliveries, 0x9e3779b1)) | 0;
    if (!happens(duplicateProbability, out, duplicates, key)) return;
    const back = out.fact(F.restored, message.id, place, 0, 0, R.duplicate);
    this.#publishing.store(subscription, published, 0, back, out).deliveries = deliveries;
  }

  modify(from: ActorId, request: ModifyAckDeadline, out: Out): void {
    const { token, acks, deadlineUs } = request;
    const subscription = this.#host.find(request.subscription);
    if (subscription === undefined) return this.#settled(from, acks, token, ERROR.notFound, acks, out);
    // G4: 0 to 600 s from now.
    if (deadlineUs < 0 || deadlineUs > DEADLINE_US_MAX)
      return this.#settled(from, acks, token, ERROR.invalid, acks, out);
    const { backlog, place, exactlyOnce } = subscription;
    subscription.activeAtUs = out.now;
    let error = '';
    let failed = NO_FAILURES;
    for (const ack of acks) {
      const entry = backlog.find(ack.handle);
      const id = ack.message.id;
      if (entry === undefined || !backlog.isCurrent(entry, ack.handle)) {
        // Best effort: a delivery that is over cannot be extended or given back, and only exactly-once delivery says so.
        if (exactlyOnce) {
          error = ERROR.badAckId;
          failed = [...failed, ack];
        }
      } else if (deadlineUs > 0) {
        entry.fact = out.fact(F.extended, id, place, from, Math.ceil(deadlineUs / 1000), 0, entry.fact);
        backlog.extend(entry, out.now + deadlineUs);
      } else {
        entry.fact = out.fact(F.nacked, id, place, from, 0, entry.deliveries, entry.fact);
        this.#returning.comeBack(subscription, entry, R.nacked, out);
      }
    }
    armDue(subscription, out);
    this.#settled(from, acks, token, error, failed, out);
    this.#handing.dispatch(subscription, out);
  }

  #settled(
    to: ActorId,
    acks: readonly Acked[],
    token: number,
    error: string,
    failed: readonly Acked[],
    out: Out,
  ): void {
    const response: AckResponse = { type: 'AckResponse', token, error, failed };
    out.send(to, 'control', response, acks.length === 1 ? (acks[0] as Acked).message.id : 0);
  }
}
