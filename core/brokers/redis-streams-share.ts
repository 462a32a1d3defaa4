/**
 * A stream on the stage, and its groups' shares of it: what a group has still to do is a queue, from which an ack removes. Here is what happens to one
 * entry of a share, and what is recorded of it.
 * Source: rules X6, X9, X11, X15.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { Entry, Group, GroupConsumer, Handed, Pending, RedisStream } from '../parts/redis-stream.ts';
import { compareIds, GREATEST_ID } from '../parts/stream-id.ts';
import type { ActorId, FactId, PlaceId } from '../types.ts';

/** For a limit or a time: none at all. */
export const NEVER = Number.POSITIVE_INFINITY;

/** A group's share of a stream: where its facts happen. */
export interface Share {
  readonly group: Group;
  readonly place: PlaceId;
}

/** A stream under a key. */
export interface Live {
  readonly stream: RedisStream;
  readonly place: PlaceId;
  shares: Share[];
  /** Entries that were stored by later facts than this one have one pair of facts for each of the shares. */
  sharesSince: FactId;
}

export function shareOf(live: Live | undefined, group: string): Share | undefined {
  if (live === undefined) return undefined;
  for (const share of live.shares) if (share.group.name === group) return share;
  return undefined;
}

/** The fact that stored an entry in this group's share: with several groups, those facts follow one another in pairs. */
export function storedBy({ shares, sharesSince }: Live, share: Share, { fact }: Entry): FactId {
  return shares.length === 1 || fact <= sharesSince ? fact : fact + 2 * shares.indexOf(share);
}

/** Since 7.2 a consumer exists once it is mentioned, even if it gets nothing. */
export function touch(stream: RedisStream, group: Group, consumer: string, nowMs: number): GroupConsumer {
  const found = stream.consumer(group, consumer, nowMs);
  found.seenMs = nowMs;
  return found;
}

/** Records that a pending entry is handed out once more. */
export function handAgain(one: Handed, place: PlaceId, from: ActorId, reason: number, out: Out): void {
  const { pending, message, count } = one;
  if (pending === null || message === null) return;
  requeue(pending, place, reason, out);
  pending.fact = out.fact(F.delivered, message.id, place, from, 0, shown(count), pending.fact);
}

/** Records that a pending entry may be handed out again. */
export function requeue(pending: Pending, place: PlaceId, reason: number, out: Out): void {
  // What was given back is ready already, and so is what a crash brought back.
  const isReady = pending.waits || pending.owner === null;
  pending.waits = false;
  if (isReady) return;
  pending.fact = out.fact(F.requeued, pending.message.id, place, 0, 0, reason, pending.fact);
}

/** A consumer takes over a pending entry. */
export function claimOne(
  stream: RedisStream,
  { group, place }: Share,
  pending: Pending,
  consumer: GroupConsumer,
  how: { readonly timeMs: number; readonly count: number; readonly justId: boolean },
  nowMs: number,
  from: ActorId,
  out: Out,
): Handed {
  requeue(pending, place, R.claimed, out);
  const one = stream.claim(group, pending, consumer, how, nowMs);
  const { message, count } = one;
  if (message !== null) {
    pending.fact = out.fact(F.delivered, message.id, place, from, 0, shown(count), pending.fact);
  }
  return one;
}

/** Takes an entry off the PEL whose work is done (X9). */
export function settle(
  stream: RedisStream,
  share: Share,
  pending: Pending,
  from: ActorId,
  attempt: number,
  out: Out,
): void {
  const { group, place } = share;
  // Acked only because there was nothing left to read.
  if (pending.nilTold && stream.entries.get(pending.id) === undefined) {
    return forget(stream, group, place, pending, R.retention, out);
  }
  stream.unpend(group, pending);
  out.fact(F.acked, pending.message.id, place, from, 0, shown(attempt));
}

/** Takes an entry off the PEL that nobody can read any more. */
export function forget(
  stream: RedisStream,
  group: Group,
  place: PlaceId,
  pending: Pending,
  reason: number,
  out: Out,
): void {
  stream.unpend(group, pending);
  out.fact(F.evicted, pending.message.id, place, 0, 0, reason, pending.fact);
}

/** Nobody reads for this group any more: what it had still to do is gone. */
export function evictShare(stream: RedisStream, { group, place }: Share, reason: number, out: Out): void {
  for (const { message, fact } of group.pel.all()) out.fact(F.evicted, message.id, place, 0, 0, reason, fact);
  for (const entry of stream.entries.range(group.lastId, GREATEST_ID, NEVER)) {
    if (compareIds(entry.id, group.lastId) > 0 && group.pel.get(entry.id) === undefined) {
      out.fact(F.evicted, entry.message.id, place, 0, 0, reason, entry.fact);
    }
  }
}

/** Facts hold counts of 32 bits. */
export function shown(count: number): number {
  return count < 4_294_967_295 ? count : 4_294_967_295;
}
