/**
 * Commands that only look: entries by their ids, what is pending, and what the server knows of its streams, groups and consumers.
 * Source: rules X10, X17.
 */
import type { Out } from '../machine.ts';
import { type Group, type GroupConsumer, idleOf } from '../parts/redis-stream.ts';
import { GREATEST_ID, LEAST_ID } from '../parts/stream-id.ts';
import type { ActorId } from '../types.ts';
import { plainly } from './redis-streams-handing.ts';
import type { RedisHost } from './redis-streams-host.ts';
import { ERRORS, noGroupOfKey, refuse, say } from './redis-streams-replies.ts';
import { type Live, NEVER, shareOf } from './redis-streams-share.ts';
import type {
  PendingList,
  PendingRow,
  StreamInfo,
  XInfo,
  XInfoConsumers,
  XInfoFull,
  XPending,
  XRange,
} from './redis-streams-verbs.ts';

export class Info {
  readonly #host: RedisHost;

  constructor(host: RedisHost) {
    this.#host = host;
  }

  range(from: ActorId, { type, key, start, end, count, token }: XRange, out: Out): void {
    const live = this.#host.at(from, token, key, out);
    if (live === null) return;
    const limit = count < 0 ? NEVER : count;
    const entries =
      live === undefined
        ? []
        : limit === 0
          ? null
          : live.stream.entries.range(start, end, limit, type === 'XREVRANGE').map(plainly);
    say(from, 'control', { type: 'entries', token, entries, justId: false, place: 0, sizeBytes: 0 }, out);
  }

  /** X10: the summary, or a range of rows, of one consumer or of those that are idle for so long. */
  pending(from: ActorId, { key, group: name, token, range }: XPending, out: Out): void {
    const found = this.#host.grouped(from, token, key, name, out);
    if (found === null) return;
    const { group } = found.share;
    const nowMs = this.#host.ms(out.now);
    if (range === null) {
      const consumers = byName(group.consumers)
        .filter(({ pending }) => pending > 0)
        .map(({ name: consumer, pending }) => ({ name: consumer, pending }));
      const min = group.pel.first?.id ?? null;
      const max = group.pel.last?.id ?? null;
      return say(from, 'control', { type: 'pending', token, count: group.pel.size, min, max, consumers }, out);
    }
    const rows: PendingList['rows'][number][] = [];
    const owner = range.consumer === null ? undefined : group.consumers.get(range.consumer);
    if (range.consumer === null || owner !== undefined) {
      for (const pending of group.pel.range(range.start, range.end, NEVER)) {
        if (rows.length >= range.count) break;
        if (owner !== undefined && pending.owner !== owner) continue;
        if (nowMs - pending.timeMs < range.minIdleMs) continue;
        const { id, count } = pending;
        rows.push({ id, consumer: pending.owner?.name ?? '', idleMs: idleOf(pending, nowMs), count });
      }
    }
    say(from, 'control', { type: 'pending-list', token, rows }, out);
  }

  info(from: ActorId, { type, key, token }: XInfo, out: Out): void {
    const live = this.#host.at(from, token, key, out);
    if (live === null) return;
    if (live === undefined) return refuse(from, token, ERRORS.noKey, out);
    const { stream } = live;
    if (type === 'XINFO GROUPS') {
      const groups = byName(stream.groups).map((group) => ({
        name: group.name,
        consumers: group.consumers.size,
        pending: group.pel.size,
        lastId: group.lastId,
        entriesRead: group.entriesRead < 0 ? null : group.entriesRead,
        lag: stream.lag(group),
      }));
      return say(from, 'control', { type: 'groups-info', token, groups }, out);
    }
    say(from, 'control', infoOf(live, token, this.#host.ms(out.now)), out);
  }

  infoFull(from: ActorId, { key, count, token }: XInfoFull, out: Out): void {
    const live = this.#host.at(from, token, key, out);
    if (live === null) return;
    if (live === undefined) return refuse(from, token, ERRORS.noKey, out);
    const { stream } = live;
    const most = count === 0 ? NEVER : count;
    const groups = byName(stream.groups).map((group) => ({
      name: group.name,
      lastId: group.lastId,
      entriesRead: group.entriesRead < 0 ? null : group.entriesRead,
      lag: stream.lag(group),
      pending: group.pel.size,
      rows: pendingRows(group, null, most),
      consumers: byName(group.consumers).map((consumer) => ({
        name: consumer.name,
        seenMs: consumer.seenMs,
        activeMs: consumer.activeMs,
        pending: consumer.pending,
        rows: pendingRows(group, consumer, most),
      })),
    }));
    const entries = stream.entries.range(LEAST_ID, GREATEST_ID, most, false).map(plainly);
    const info = infoOf(live, token, this.#host.ms(out.now));
    say(from, 'control', { type: 'stream-full', token, info, entries, groups }, out);
  }

  infoConsumers(from: ActorId, { key, group: name, token }: XInfoConsumers, out: Out): void {
    const live = this.#host.at(from, token, key, out);
    if (live === null) return;
    if (live === undefined) return refuse(from, token, ERRORS.noKey, out);
    const share = shareOf(live, name);
    if (share === undefined) return refuse(from, token, noGroupOfKey(key, name), out);
    const nowMs = this.#host.ms(out.now);
    const consumers = byName(share.group.consumers).map(({ name: consumer, pending, seenMs, activeMs }) => ({
      name: consumer,
      pending,
      idleMs: nowMs - seenMs,
      inactiveMs: activeMs < 0 ? -1 : nowMs - activeMs,
    }));
    say(from, 'control', { type: 'consumers-info', token, consumers }, out);
  }
}

function infoOf({ stream }: Live, token: number, nowMs: number): StreamInfo {
  const { first, last } = stream.entries;
  const { producers, ids } = stream.tracked(nowMs);
  return {
    type: 'stream-info',
    token,
    length: stream.length,
    nodes: stream.nodes,
    lastId: stream.lastId,
    maxDeleted: stream.maxDeleted,
    entriesAdded: stream.entriesAdded,
    firstId: stream.firstId,
    groups: stream.groups.size,
    first: first === undefined ? null : plainly(first),
    last: last === undefined ? null : plainly(last),
    idmp: {
      durationMs: stream.idmpDurationMs,
      maxSize: stream.idmpMaxSize,
      producers,
      ids,
      added: stream.idsAdded,
      duplicates: stream.idsDuplicate,
    },
  };
}

/** What is pending with a consumer, or with any of the group (null), from the lowest id on. */
function pendingRows({ pel }: Group, owner: GroupConsumer | null, most: number): PendingRow[] {
  const rows: PendingRow[] = [];
  for (const pending of pel.range(LEAST_ID, GREATEST_ID, NEVER)) {
    if (rows.length >= most) break;
    if (owner !== null && pending.owner !== owner) continue;
    const { id, timeMs, count } = pending;
    rows.push({ id, consumer: pending.owner?.name ?? '', timeMs, count });
  }
  return rows;
}

/** Groups and consumers are listed by name. */
function byName<T extends { readonly name: string }>(things: ReadonlyMap<string, T>): T[] {
  return [...things.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
