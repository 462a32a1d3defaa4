/**
 * How entries leave a stream: trimmed by length or id, or deleted by id, with or without the references that groups have to them.
 * Source: rules X3, X4, X20.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { Entry, References, Trim } from '../parts/redis-stream.ts';
import { compareIds, type StreamId } from '../parts/stream-id.ts';
import type { ActorId } from '../types.ts';
import type { RedisHost } from './redis-streams-host.ts';
import { say, sayCount } from './redis-streams-replies.ts';
import { forget, type Live, settle, shareOf } from './redis-streams-share.ts';
import type { XAckDel, XDel, XDelEx, XTrim } from './redis-streams-verbs.ts';

export class Trimming {
  readonly #host: RedisHost;

  constructor(host: RedisHost) {
    this.#host = host;
  }

  trimAsked(from: ActorId, { key, trim, token }: XTrim, out: Out): void {
    const live = this.#host.at(from, token, key, out);
    if (live === null) return;
    sayCount(from, token, live === undefined ? 0 : this.trim(live, trim, out), out);
  }

  /** X3: oldest first. */
  trim(live: Live, trim: Trim, out: Out): number {
    const { stream } = live;
    if (trim.maxlen !== undefined && stream.length <= trim.maxlen) return 0;
    const entries = stream.trimmed(trim, this.#host.nodeMaxEntries);
    for (const entry of entries) this.#remove(live, entry, false, trim.references, R.retention, out);
    return entries.length;
  }

  /** Takes an entry out of a stream. What is pending stays pending (X4), unless its references go too. */
  #remove(live: Live, entry: Entry, tombstone: boolean, references: References, reason: number, out: Out): void {
    const { stream, shares } = live;
    stream.remove(entry, tombstone);
    if (shares.length === 0) out.fact(F.evicted, entry.message.id, live.place, 0, 0, reason, entry.fact);
    for (const { group, place } of shares) {
      const pending = group.pel.get(entry.id);
      if (pending === undefined) {
        if (compareIds(entry.id, group.lastId) <= 0) continue;
        out.fact(F.evicted, entry.message.id, place, 0, 0, reason, entry.fact);
      } else if (references === 'DELREF') {
        stream.unpend(group, pending);
        out.fact(F.evicted, entry.message.id, place, 0, 0, reason, pending.fact);
      }
    }
  }

  delete(from: ActorId, request: XDel | XDelEx, out: Out): void {
    const { key, ids, token } = request;
    const live = this.#host.at(from, token, key, out);
    if (live === null) return;
    const references = request.type === 'XDELEX' ? request.references : 'KEEPREF';
    const codes = ids.map((id) => (live === undefined ? -1 : this.#deleteOne(live, id, references, out)));
    if (request.type === 'XDELEX') say(from, 'control', { type: 'codes', token, codes }, out);
    else sayCount(from, token, codes.filter((code) => code === 1).length, out);
  }

  /** −1: no such entry; 1: deleted; 2: still referenced (X20). */
  #deleteOne(live: Live, id: StreamId, references: References, out: Out): number {
    const entry = live.stream.entries.get(id);
    if (entry === undefined) {
      if (references === 'DELREF') {
        for (const { group, place } of live.shares) {
          const pending = group.pel.get(id);
          if (pending !== undefined) forget(live.stream, group, place, pending, R.purged, out);
        }
      }
      return -1;
    }
    if (references === 'ACKED' && live.stream.isReferenced(id)) return 2;
    this.#remove(live, entry, true, references, R.purged, out);
    return 1;
  }

  ackDelete(from: ActorId, request: XAckDel, out: Out): void {
    const { key, group: name, ids, references, token, attempt } = request;
    const live = this.#host.at(from, token, key, out);
    if (live === null) return;
    const share = shareOf(live, name);
    const codes = ids.map((id) => {
      const pending = share?.group.pel.get(id);
      if (live === undefined || share === undefined || pending === undefined) return -1;
      settle(live.stream, share, pending, from, attempt ?? pending.count, out);
      const code = this.#deleteOne(live, id, references, out);
      return code === 2 ? 2 : 1;
    });
    say(from, 'control', { type: 'codes', token, codes }, out);
  }
}
