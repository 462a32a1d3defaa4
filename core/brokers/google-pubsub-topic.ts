/**
 * A topic of Google Pub/Sub: who is subscribed, what it keeps for seeks (for its own retention, or because a snapshot may ask for it), and how much each
 * ordering key has published of late. It hands nothing out. Rules: G1, G10, G14–G16.
 */
import type { Published } from '../parts/pubsub-backlog.ts';
import type { Micros, PlaceId } from '../types.ts';
import type { PubsubSubscription } from './google-pubsub-subscription.ts';

const SECOND: Micros = 1_000_000;
/** An ordering key takes so many bytes in a second (G10). */
const KEY_BYTES_PER_SECOND = 1_000_000;

/** What was unacked when it was made, and all that was published from message id `from` on (G16). */
export interface Snapshot {
  readonly unacked: ReadonlySet<number>;
  readonly messages: readonly Published[];
  readonly from: number;
  readonly expiresAtUs: Micros;
}

export class PubsubTopic {
  readonly name: string;
  readonly place: PlaceId;
  readonly subscriptions: PubsubSubscription[] = [];
  readonly snapshots = new Map<string, Snapshot>();
  readonly retentionUs: Micros;
  /** Kept messages, oldest first, from `#first` on. */
  #log: Published[] = [];
  #first = 0;
  readonly #keys = new Map<string, { sinceUs: Micros; bytes: number }>();

  /** `retentionUs`: message_retention_duration of the topic; 0 for none. */
  constructor(name: string, place: PlaceId, retentionUs: Micros) {
    this.name = name;
    this.place = place;
    this.retentionUs = retentionUs;
  }

  keep(published: Published, nowUs: Micros): void {
    if (this.retentionUs === 0 && this.snapshots.size === 0) return;
    this.#forget(nowUs);
    this.#log.push(published);
  }

  /** What is kept now, by the retention or for a snapshot, oldest first. */
  kept(nowUs: Micros): readonly Published[] {
    this.#forget(nowUs);
    return this.#log.slice(this.#first);
  }

  /** What is kept by the topic's own retention, oldest first: a seek to a time gets nothing that only a snapshot keeps (G15). */
  retained(nowUs: Micros): readonly Published[] {
    return this.kept(nowUs).filter(({ publishedAtUs }) => publishedAtUs + this.retentionUs > nowUs);
  }

  /** Whether the key may publish so many bytes more in this second; if so, they are counted. */
  takes(key: string, bytes: number, nowUs: Micros): boolean {
    const use = this.#keys.get(key);
    if (use === undefined || nowUs - use.sinceUs >= SECOND) {
      this.#keys.set(key, { sinceUs: nowUs, bytes });
      return true;
    }
    if (use.bytes >= KEY_BYTES_PER_SECOND) return false;
    use.bytes += bytes;
    return true;
  }

  #forget(nowUs: Micros): void {
    let wanted = Number.POSITIVE_INFINITY;
    for (const [name, { from, expiresAtUs }] of this.snapshots) {
      if (expiresAtUs <= nowUs) this.snapshots.delete(name);
      else if (from < wanted) wanted = from;
    }
    for (; this.#first < this.#log.length; this.#first++) {
      const oldest = this.#log[this.#first] as Published;
      if (oldest.messageId >= wanted || oldest.publishedAtUs + this.retentionUs > nowUs) break;
    }
    if (this.#first > 255 && this.#first * 2 > this.#log.length) {
      this.#log = this.#log.slice(this.#first);
      this.#first = 0;
    }
  }
}
