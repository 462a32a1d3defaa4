/**
 * Consumer groups and their consumers: made, moved to another position, and deleted.
 * Source: rules X5, X15.
 */
import { F, R } from '../facts.ts';
import type { Out, SeekTarget } from '../machine.ts';
import { compareIds, GREATEST_ID, LEAST_ID, type StreamId } from '../parts/stream-id.ts';
import type { ActorId } from '../types.ts';
import type { RedisHost } from './redis-streams-host.ts';
import type { Reading } from './redis-streams-reading.ts';
import { ERRORS, refuse, sayCount, sayOk } from './redis-streams-replies.ts';
import { evictShare, type Live, NEVER, type Share, shareOf, touch } from './redis-streams-share.ts';
import type { XGroupConsumer, XGroupCreate, XGroupDestroy, XGroupSetId } from './redis-streams-verbs.ts';

export class Groups {
  readonly #host: RedisHost;
  readonly #reading: Reading;

  constructor(host: RedisHost, reading: Reading) {
    this.#host = host;
    this.#reading = reading;
  }

  createGroup(from: ActorId, request: XGroupCreate, out: Out): void {
    const { key, group: name, id, mkstream, entriesRead, token } = request;
    let live = this.#host.at(from, token, key, out);
    if (live === null) return;
    if (live === undefined) {
      if (!mkstream) return refuse(from, token, ERRORS.needsKey, out);
      live = this.#host.open(key);
    }
    const { stream } = live;
    if (stream.groups.has(name)) return refuse(from, token, ERRORS.busy, out);
    const lastId = id === '$' ? stream.lastId : id;
    this.#host.share(key, live, stream.createGroup(name, lastId, this.#entriesRead(live, entriesRead)));
    sayOk(from, token, out);
  }

  setGroupId(from: ActorId, { key, group: name, id, entriesRead, token }: XGroupSetId, out: Out): void {
    const found = this.#host.groupOfKey(from, token, key, name, out);
    if (found === null) return;
    const { live, share } = found;
    const to = id === '$' ? live.stream.lastId : id;
    this.#moveGroup(live, share, to, this.#entriesRead(live, entriesRead), out);
    sayOk(from, token, out);
  }

  /** Since 8.4 nobody has read more than was ever added (X17). */
  #entriesRead({ stream }: Live, asked: number): number {
    return this.#host.settings.version >= 804 ? Math.min(asked, stream.entriesAdded) : asked;
  }

  /** X15: what lies between is to be read again, or is passed over. Readers that block are not woken by it, but by the next entry. */
  #moveGroup({ stream }: Live, { group, place }: Share, id: StreamId, entriesRead: number, out: Out): void {
    const forward = compareIds(id, group.lastId) > 0;
    const [start, end] = forward ? [group.lastId, id] : [id, group.lastId];
    for (const entry of stream.entries.range(start, end, NEVER)) {
      if (compareIds(entry.id, start) === 0 || group.pel.get(entry.id) !== undefined) continue;
      if (forward) out.fact(F.evicted, entry.message.id, place, 0, 0, R['passed over'], out.cause);
      else entry.fact = out.fact(F.appended, entry.message.id, place, 0, 0, 0, out.cause);
    }
    stream.move(group, id, entriesRead);
  }

  destroyGroup(from: ActorId, { key, group: name, token }: XGroupDestroy, out: Out): void {
    const live = this.#host.at(from, token, key, out);
    if (live === null) return;
    if (live === undefined) return refuse(from, token, ERRORS.needsKey, out);
    const share = shareOf(live, name);
    sayCount(from, token, share === undefined ? 0 : 1, out);
    if (share === undefined) return;
    evictShare(live.stream, share, R['consumer gone'], out);
    live.stream.destroyGroup(share.group);
    live.shares = live.shares.filter((one) => one !== share);
    live.sharesSince = out.cause;
    this.#reading.failBlocked(key, name, out);
  }

  groupConsumer(from: ActorId, request: XGroupConsumer, out: Out): void {
    const { key, group: name, consumer, token, type } = request;
    const found = this.#host.groupOfKey(from, token, key, name, out);
    if (found === null) return;
    const { live, share } = found;
    const known = share.group.consumers.get(consumer);
    if (type === 'XGROUP CREATECONSUMER') {
      if (known === undefined) touch(live.stream, share.group, consumer, this.#host.ms(out.now));
      return sayCount(from, token, known === undefined ? 1 : 0, out);
    }
    const dropped = known === undefined ? [] : live.stream.deleteConsumer(share.group, known);
    for (const { message, fact } of dropped) {
      out.fact(F.evicted, message.id, share.place, 0, 0, R['consumer gone'], fact);
    }
    sayCount(from, token, dropped.length, out);
  }

  /** A group's position goes where the timeline wants it, in every stream that it reads. */
  seek(group: string, to: SeekTarget, out: Out): void {
    for (const live of this.#host.streams.values()) {
      const share = live.shares.find((one) => one.group.name === group);
      if (share === undefined) continue;
      const id: StreamId =
        'end' in to
          ? to.end === 'earliest'
            ? LEAST_ID
            : live.stream.lastId
          : 'timeUs' in to
            ? { ms: Math.max(0, this.#host.ms(to.timeUs) - 1), seq: GREATEST_ID.seq }
            : (live.stream.entries.all()[to.offset - 1]?.id ?? LEAST_ID);
      this.#moveGroup(live, share, id, -1, out);
    }
  }
}
