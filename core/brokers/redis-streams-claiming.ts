/**
 * How a consumer takes over what another has left pending: by id, or what has been idle for long enough.
 * Source: rules X6, X11, X12.
 */
import { R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { Group, GroupConsumer, Handed, RedisStream } from '../parts/redis-stream.ts';
import { compareIds, LEAST_ID, type StreamId } from '../parts/stream-id.ts';
import type { ActorId } from '../types.ts';
import type { RedisHost } from './redis-streams-host.ts';
import { hand } from './redis-streams-replies.ts';
import { claimOne, forget, touch } from './redis-streams-share.ts';
import type { AutoClaimReply, XAutoClaim, XClaim } from './redis-streams-verbs.ts';

export class Claiming {
  readonly #host: RedisHost;

  constructor(host: RedisHost) {
    this.#host = host;
  }

  claim(from: ActorId, request: XClaim, out: Out): void {
    const { key, group: name, token, minIdleMs, ids, idleMs, timeMs, retryCount, force, justId, lastId } = request;
    const found = this.#host.grouped(from, token, key, name, out);
    if (found === null) return;
    const { live, share } = found;
    const { stream } = live;
    const { group, place } = share;
    const nowMs = this.#host.ms(out.now);
    if (lastId !== null && compareIds(lastId, group.lastId) > 0) stream.move(group, lastId, group.entriesRead);
    const asked = idleMs >= 0 ? nowMs - idleMs : timeMs >= 0 ? timeMs : nowMs;
    const how = { timeMs: asked > nowMs || asked < 0 ? nowMs : asked, count: retryCount, justId };
    const handed: Handed[] = [];
    let consumer = this.#seen(stream, group, request.consumer, nowMs);
    for (const id of ids) {
      let pending = group.pel.get(id);
      const entry = stream.entries.get(id);
      if (entry === undefined) {
        // X11: what is no longer in the stream leaves the list.
        if (pending !== undefined) forget(stream, group, place, pending, R.retention, out);
        continue;
      }
      if (pending === undefined) {
        if (!force) continue;
        pending = stream.force(group, entry);
      } else if (pending.owner !== null && nowMs - pending.timeMs < minIdleMs) continue;
      consumer ??= touch(stream, group, request.consumer, nowMs);
      consumer.activeMs = nowMs;
      handed.push(claimOne(stream, share, pending, consumer, how, nowMs, from, out));
    }
    hand(from, { type: 'entries', token, entries: handed, justId, place, sizeBytes: 0 }, handed, out);
  }

  autoClaim(from: ActorId, request: XAutoClaim, out: Out): void {
    const { key, group: name, token, minIdleMs, start, count, justId } = request;
    const found = this.#host.grouped(from, token, key, name, out);
    if (found === null) return;
    const { live, share } = found;
    const { stream } = live;
    const { group, place } = share;
    const nowMs = this.#host.ms(out.now);
    const how = { timeMs: nowMs, count: -1, justId };
    let consumer = this.#seen(stream, group, request.consumer, nowMs);
    const handed: Handed[] = [];
    const deleted: StreamId[] = [];
    let attempts = count * 10;
    let pending = group.pel.from(start);
    for (; pending !== undefined && attempts > 0 && handed.length + deleted.length < count; attempts--) {
      const { id } = pending;
      if (stream.entries.get(id) === undefined) {
        forget(stream, group, place, pending, R.retention, out);
        deleted.push(id);
      } else if (pending.owner === null || nowMs - pending.timeMs >= minIdleMs) {
        consumer ??= touch(stream, group, request.consumer, nowMs);
        consumer.activeMs = nowMs;
        handed.push(claimOne(stream, share, pending, consumer, how, nowMs, from, out));
      }
      pending = group.pel.after(id);
    }
    const cursor = pending?.id ?? LEAST_ID;
    const reply: AutoClaimReply = {
      type: 'autoclaim',
      token,
      key,
      cursor,
      entries: handed,
      deleted,
      justId,
      place,
      sizeBytes: 0,
    };
    hand(from, reply, handed, out);
  }

  /** X6: since 7.2 who asks is made and seen although nothing is claimed; before, only with the first entry (null until then). */
  #seen(stream: RedisStream, group: Group, name: string, nowMs: number): GroupConsumer | null {
    return this.#host.settings.version >= 702 ? touch(stream, group, name, nowMs) : null;
  }
}
