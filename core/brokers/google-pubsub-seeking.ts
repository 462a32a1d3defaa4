/**
 * Seeks of a subscription of Google Pub/Sub, to a time or to a snapshot. Rules: G15, G16.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { Published } from '../parts/pubsub-backlog.ts';
import { filterMatches } from '../parts/pubsub-filter.ts';
import type { ActorId, Micros } from '../types.ts';
import type { Handing } from './google-pubsub-handing.ts';
import { freed, type PubsubHost, tellDropped } from './google-pubsub-host.ts';
import type { Publishing } from './google-pubsub-publishing.ts';
import type { PubsubSubscription } from './google-pubsub-subscription.ts';
import type { Snapshot } from './google-pubsub-topic.ts';
import {
  type CreateSnapshot,
  PUBSUB_ERRORS as ERROR,
  type Seek,
  type SeekResponse,
  type SnapshotResponse,
} from './google-pubsub-verbs.ts';

const SECOND: Micros = 1_000_000;
/** A snapshot lives so long, less the age of its oldest message, and not less than an hour (G16). */
const SNAPSHOT_US_MAX = 7 * 86_400 * SECOND;
const SNAPSHOT_US_MIN = 3600 * SECOND;

export class Seeking {
  readonly #host: PubsubHost;
  readonly #handing: Handing;
  readonly #publishing: Publishing;

  constructor(host: PubsubHost, handing: Handing, publishing: Publishing) {
    this.#host = host;
    this.#handing = handing;
    this.#publishing = publishing;
  }

  /** The timeline makes a snapshot. Nobody is told of a refusal, so that it is recorded. */
  keep(subscription: PubsubSubscription, name: string, out: Out): void {
    const made = this.#makeSnapshot(subscription, name, out.now);
    if (typeof made !== 'string') return;
    const reason = made === ERROR.exists ? R.duplicate : R['too old'];
    out.fact(F.rejected, 0, subscription.place, 0, 0, reason);
  }

  /** The timeline goes back to a snapshot, if it still lives. */
  goBack(subscription: PubsubSubscription, name: string, out: Out): void {
    const snapshot = this.#snapshotOf(subscription, name, out.now);
    if (snapshot === undefined) out.fact(F.rejected, 0, subscription.place, 0, 0, R['missing target']);
    else this.seek(subscription, 0, snapshot, out);
  }

  createSnapshot(from: ActorId, request: CreateSnapshot, out: Out): void {
    const { token, name } = request;
    const subscription = this.#host.find(request.subscription);
    const made = subscription === undefined ? ERROR.notFound : this.#makeSnapshot(subscription, name, out.now);
    const response: SnapshotResponse =
      typeof made === 'string'
        ? { type: 'SnapshotResponse', token, error: made, expiresAtUs: 0 }
        : { type: 'SnapshotResponse', token, error: '', expiresAtUs: made };
    out.send(from, 'control', response);
  }

  seekCall(from: ActorId, { token, to, subscription: name }: Seek, out: Out): void {
    const subscription = this.#host.find(name);
    const snapshot =
      subscription === undefined || !('snapshot' in to) ? null : this.#snapshotOf(subscription, to.snapshot, out.now);
    const isThere = subscription !== undefined && snapshot !== undefined;
    const response: SeekResponse = { type: 'SeekResponse', token, error: isThere ? '' : ERROR.notFound };
    out.send(from, 'control', response);
    if (isThere) this.seek(subscription, 'timeUs' in to ? to.timeUs : 0, snapshot, out);
  }

  /** What was published before the time counts as acked, all else as unacked; with a snapshot, what it says. What is no longer kept does not come back. */
  seek(subscription: PubsubSubscription, timeUs: Micros, snapshot: Snapshot | null, out: Out): void {
    const { backlog, place } = subscription;
    const topic = this.#host.topics.get(subscription.topic);
    const wanted = ({ messageId, publishedAtUs }: Published): boolean =>
      snapshot === null ? publishedAtUs >= timeUs : messageId >= snapshot.from || snapshot.unacked.has(messageId);
    const second = Math.floor(Math.min(timeUs, out.now) / SECOND);
    const sought = out.fact(F.sought, 0, place, 0, second, snapshot === null ? 0 : 1);
    const here = new Set<number>();
    for (const entry of backlog.entries()) {
      const { published, holder } = entry;
      here.add(published.messageId);
      if (wanted(published) === (entry.state !== 'acked')) continue;
      if (entry.state === 'acked') {
        const back = out.fact(F.restored, published.message.id, place, 0, 0, 0, sought);
        entry.fact = out.fact(F.appended, published.message.id, place, 0, 0, 0, back);
        backlog.restore(entry);
      } else {
        tellDropped(subscription, entry, F.evicted, R.purged, sought, out);
        backlog.ack(entry);
        freed(subscription, holder);
      }
    }
    const older =
      snapshot === null ? topic?.retained(out.now) : [...snapshot.messages, ...(topic?.kept(out.now) ?? [])];
    for (const published of older ?? []) {
      const { message, messageId, attributes } = published;
      if (here.has(messageId) || !wanted(published)) continue;
      if (subscription.filter !== null && !filterMatches(subscription.filter, attributes)) continue;
      here.add(messageId);
      this.#publishing.store(subscription, published, 0, out.fact(F.restored, message.id, place, 0, 0, 0, sought), out);
    }
    backlog.reorder();
    this.#handing.dispatch(subscription, out);
  }

  /** Until when it lives, or why it is not made. */
  #makeSnapshot(subscription: PubsubSubscription, name: string, nowUs: Micros): Micros | string {
    const topic = this.#host.topics.get(subscription.topic);
    if (topic === undefined) return ERROR.notFound;
    if (this.#snapshotOf(subscription, name, nowUs) !== undefined) return ERROR.exists;
    const unacked: Published[] = [];
    for (const { state, published } of subscription.backlog.entries()) if (state !== 'acked') unacked.push(published);
    const expiresAtUs = (unacked[0]?.publishedAtUs ?? nowUs) + SNAPSHOT_US_MAX;
    if (expiresAtUs - nowUs < SNAPSHOT_US_MIN) return ERROR.precondition;
    topic.snapshots.set(name, {
      unacked: new Set(unacked.map(({ messageId }) => messageId)),
      messages: unacked,
      from: this.#host.messageIds + 1,
      expiresAtUs,
    });
    return expiresAtUs;
  }

  /** A snapshot that still lives. */
  #snapshotOf(subscription: PubsubSubscription, name: string, nowUs: Micros): Snapshot | undefined {
    const snapshot = this.#host.topics.get(subscription.topic)?.snapshots.get(name);
    return snapshot === undefined || snapshot.expiresAtUs <= nowUs ? undefined : snapshot;
  }
}
