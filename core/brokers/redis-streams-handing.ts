/**
 * What a reader gets from a stream as it is now: plain entries, those that are new to its group, and its own that are pending.
 * Source: rules X6, X7, X13, X16, X20.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { Entry, GroupConsumer, Handed } from '../parts/redis-stream.ts';
import { compareIds, GREATEST_ID, type StreamId } from '../parts/stream-id.ts';
import type { ActorId } from '../types.ts';
import type { RedisHost } from './redis-streams-host.ts';
import {
  claimOne,
  forget,
  handAgain,
  type Live,
  NEVER,
  requeue,
  type Share,
  shareOf,
  storedBy,
  touch,
} from './redis-streams-share.ts';
import type { ReadFrom, StreamRead, XReadGroup } from './redis-streams-verbs.ts';

const NO_READS: StreamRead[] = [];
const NO_ENTRIES: Handed[] = [];

export class Handing {
  readonly #host: RedisHost;

  constructor(host: RedisHost) {
    this.#host = host;
  }

  /** What a reader without a group gets now. */
  newEntries(streams: readonly ReadFrom[], count: number): StreamRead[] {
    const read: StreamRead[] = [];
    for (const { key, after } of streams) {
      const live = this.#host.streams.get(key);
      if (live === undefined || typeof after === 'string' || compareIds(live.stream.lastId, after) <= 0) continue;
      const from = live.stream.entries.after(after);
      if (from === undefined) continue;
      const limit = count > 0 ? count : NEVER;
      const entries = live.stream.entries.range(from.id, GREATEST_ID, limit).map(plainly);
      read.push({ key, place: 0, entries });
    }
    return read;
  }

  /** What a group reader gets now. */
  take(from: ActorId, request: XReadGroup, out: Out): StreamRead[] {
    let read = NO_READS;
    for (const { key, after } of request.streams) {
      const live = this.#host.streams.get(key);
      const share = shareOf(live, request.group);
      if (live === undefined || share === undefined) continue;
      const limit = request.count > 0 ? request.count : NEVER;
      const isHistory = typeof after === 'object';
      const entries = isHistory
        ? this.#takeHistory(from, request, live, share, after, limit, out)
        : this.#takeNew(from, request, live, share, limit, out);
      if (entries.length === 0 && !isHistory) continue;
      const { place } = share;
      const one: StreamRead = isHistory ? { key, place, entries, isHistory } : { key, place, entries };
      // Nearly always the only one: an array that grows takes room for more.
      if (read.length === 0) read = [one];
      else read.push(one);
    }
    return read;
  }

  /** X7: the consumer's own pending entries; never blocks. */
  #takeHistory(
    from: ActorId,
    request: XReadGroup,
    { stream }: Live,
    { group, place }: Share,
    after: StreamId,
    limit: number,
    out: Out,
  ): Handed[] {
    const nowMs = this.#host.ms(out.now);
    const consumer = touch(stream, group, request.consumer, nowMs);
    const handed = stream.history(group, consumer, after, limit, nowMs);
    for (const one of handed) handAgain(one, place, from, R['connection lost'], out);
    return handed;
  }

  /** X6, X13, X16: in the order of ids, each entry to one consumer of the group; with CLAIM what is idle comes first (X20). */
  #takeNew(from: ActorId, request: XReadGroup, live: Live, share: Share, limit: number, out: Out): Handed[] {
    const { stream } = live;
    const { group, place } = share;
    let handed = NO_ENTRIES;
    const nowMs = this.#host.ms(out.now);
    let consumer: GroupConsumer | null = null;
    if (request.claimMs >= 0 && group.pel.size > 0) {
      const how = { timeMs: nowMs, count: -1, justId: false };
      for (const pending of stream.idle(group, request.claimMs, nowMs)) {
        if (handed.length >= limit) break;
        if (stream.entries.get(pending.id) === undefined) {
          forget(stream, group, place, pending, R.retention, out);
          continue;
        }
        consumer ??= touch(stream, group, request.consumer, nowMs);
        const one = claimOne(stream, share, pending, consumer, how, nowMs, from, out);
        if (handed.length === 0) handed = [one];
        else handed.push(one);
      }
    }
    if (compareIds(stream.lastId, group.lastId) > 0) {
      while (handed.length < limit) {
        const entry = stream.next(group);
        if (entry === undefined) break;
        consumer ??= touch(stream, group, request.consumer, nowMs);
        const was = group.pel.get(entry.id);
        if (was !== undefined && !request.noack) requeue(was, place, R.redriven, out);
        const one = stream.read(group, entry, consumer, request.noack, nowMs);
        const because = was === undefined || request.noack ? storedBy(live, share, entry) : was.fact;
        const delivered = out.fact(F.delivered, entry.message.id, place, from, 0, 1, because);
        if (one.pending !== null) one.pending.fact = delivered;
        // X13: nothing is kept, as if it were acked by being handed out.
        else if (was === undefined) out.fact(F.acked, entry.message.id, place, from, 0, 1, delivered);
        if (handed.length === 0) handed = [one];
        else handed.push(one);
      }
    }
    if (consumer !== null) consumer.activeMs = nowMs;
    return handed;
  }
}

/** An entry as one who reads it without a group gets it. */
export function plainly(entry: Entry): Handed {
  const { id, message } = entry;
  return { id, message, pending: null, entry, from: null, idleMs: 0, before: 0, count: 0 };
}
