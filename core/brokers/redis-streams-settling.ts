/**
 * How an entry leaves the list of what is pending: acked, moved to another stream, or given back.
 * Source: rules X9, X14.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import { FATAL_COUNT } from '../parts/redis-stream.ts';
import { nextId } from '../parts/stream-id.ts';
import type { ActorId } from '../types.ts';
import type { Adding } from './redis-streams-adding.ts';
import type { RedisHost } from './redis-streams-host.ts';
import type { Reading } from './redis-streams-reading.ts';
import { say, sayCount } from './redis-streams-replies.ts';
import { settle, shareOf, shown } from './redis-streams-share.ts';
import type { DeadLetter, XAck, XNack } from './redis-streams-verbs.ts';

export class Settling {
  readonly #host: RedisHost;
  readonly #adding: Adding;
  readonly #reading: Reading;

  constructor(host: RedisHost, adding: Adding, reading: Reading) {
    this.#host = host;
    this.#adding = adding;
    this.#reading = reading;
  }

  /** X9: whoever acks, it is off the list. */
  ack(from: ActorId, request: XAck, out: Out): void {
    const { key, group: name, ids, token, attempt, message } = request;
    const live = this.#host.at(from, token, key, out);
    if (live === null) return;
    const share = shareOf(live, name);
    let acked = 0;
    for (const id of ids) {
      const pending = share?.group.pel.get(id);
      if (live === undefined || share === undefined || pending === undefined) {
        if (message !== undefined && share !== undefined) {
          out.fact(F['ack-refused'], message.id, share.place, from, 0, R.duplicate);
        }
        continue;
      }
      acked++;
      settle(live.stream, share, pending, from, attempt ?? pending.count, out);
    }
    say(from, 'control', { type: 'count', token, count: acked }, out, message);
  }

  /** X14: XACK and, if it was pending, XADD to another stream, in one script. */
  deadLetter(from: ActorId, request: DeadLetter, out: Out): void {
    const { key, group: name, id, to, token, reason, message } = request;
    const live = this.#host.at(from, token, key, out);
    if (live === null) return;
    const share = shareOf(live, name);
    const pending = share?.group.pel.get(id);
    if (live === undefined || share === undefined || pending === undefined) {
      if (share !== undefined) out.fact(F['ack-refused'], message.id, share.place, from, 0, R.duplicate);
      return sayCount(from, token, 0, out, message);
    }
    const target = this.#host.streams.get(to) ?? this.#host.open(to);
    live.stream.unpend(share.group, pending);
    const place = target.shares[0]?.place ?? target.place;
    const moved = out.fact(F['dead-lettered'], message.id, place, 0, shown(pending.count), reason, pending.fact);
    const newId = nextId(target.stream.lastId, this.#host.ms(out.now));
    if (newId !== null) this.#adding.append(target, newId, message, moved, out);
    sayCount(from, token, 1, out, message);
    this.#reading.serve(to, out);
  }

  /** X14, 8.8: gives pending entries back; they are nobody's and can be claimed at once. */
  nack(from: ActorId, request: XNack, out: Out): void {
    const { key, group: name, token, mode, ids, retryCount, force } = request;
    const found = this.#host.grouped(from, token, key, name, out);
    if (found === null) return;
    const { live, share } = found;
    const { stream } = live;
    const { group, place } = share;
    let released = 0;
    for (const id of ids) {
      let pending = group.pel.get(id);
      const entry = stream.entries.get(id);
      const forced = pending === undefined;
      if (pending === undefined) {
        if (!force || entry === undefined) continue;
        pending = stream.force(group, entry);
      }
      const now = forced ? 0 : pending.count;
      const count =
        retryCount >= 0
          ? retryCount
          : mode === 'FATAL'
            ? FATAL_COUNT
            : mode === 'SILENT'
              ? Math.max(0, now === FATAL_COUNT ? now : now - 1)
              : now;
      const owned = pending.owner !== null;
      stream.release(group, pending, count);
      released++;
      if (!owned) continue;
      const nacked = out.fact(F.nacked, pending.message.id, place, from, 0, shown(now), pending.fact);
      pending.fact = out.fact(F.requeued, pending.message.id, place, 0, 0, R.nacked, nacked);
    }
    sayCount(from, token, released, out);
    // Whoever waits with CLAIM gets them now.
    if (released > 0) this.#reading.serve(key, out);
  }
}
