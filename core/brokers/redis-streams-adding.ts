/**
 * How entries come into a stream: the ids that they get, repeats that are recognised, and the groups that have them to do from then on.
 * Source: rules X1, X2, X20.
 */
import { F } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { Entry, RedisStream } from '../parts/redis-stream.ts';
import { compareIds, GREATEST_ID, isZero, nextId, nextInMs, type StreamId } from '../parts/stream-id.ts';
import type { ActorId, FactId, Message } from '../types.ts';
import type { RedisHost } from './redis-streams-host.ts';
import type { Reading } from './redis-streams-reading.ts';
import { ERRORS, refuse, say } from './redis-streams-replies.ts';
import type { Live, Share } from './redis-streams-share.ts';
import type { Trimming } from './redis-streams-trimming.ts';
import type { XAdd } from './redis-streams-verbs.ts';

export class Adding {
  readonly #host: RedisHost;
  readonly #trimming: Trimming;
  readonly #reading: Reading;

  constructor(host: RedisHost, trimming: Trimming, reading: Reading) {
    this.#host = host;
    this.#trimming = trimming;
    this.#reading = reading;
  }

  add(from: ActorId, request: XAdd, out: Out): void {
    const { key, message, token, idmp } = request;
    if (this.#host.others.has(key)) return refuse(from, token, ERRORS.wrongType, out, message);
    if (request.id !== '*' && request.id.seq !== '*' && isZero(request.id as StreamId)) {
      return refuse(from, token, ERRORS.zero, out, message);
    }
    let live = this.#host.streams.get(key);
    if (live === undefined) {
      // X2: NOMKSTREAM adds to existing streams only.
      if (request.nomkstream === true) return say(from, 'reply', { type: 'id', token, id: null }, out, message);
      live = this.#host.open(key);
    }
    const { stream } = live;
    const nowMs = this.#host.ms(out.now);
    if (idmp !== undefined) {
      // X20: a repeat is answered with the id of the first, and adds nothing.
      const known = stream.known(idmp.producer, idmp.iid, nowMs);
      if (known !== undefined) {
        stream.idsDuplicate++;
        out.fact(F.deduplicated, message.id, live.place, from);
        return say(from, 'reply', { type: 'id', token, id: known }, out, message);
      }
    }
    const id = this.#newId(stream, request, nowMs);
    if (typeof id === 'string') return refuse(from, token, id, out, message);
    if (idmp !== undefined) stream.remember(idmp.producer, idmp.iid, id, nowMs);
    this.append(live, id, message, 0, out);
    if (request.trim !== undefined) this.#trimming.trim(live, request.trim, out);
    say(from, 'reply', { type: 'id', token, id }, out, message);
    this.#reading.serve(key, out);
  }

  /** The id of a new entry, or why there is none (X1). */
  #newId(stream: RedisStream, { id }: XAdd, nowMs: number): StreamId | string {
    const { lastId } = stream;
    if (id === '*') return nextId(lastId, nowMs) ?? ERRORS.exhausted;
    if (compareIds(lastId, GREATEST_ID) === 0) return ERRORS.exhausted;
    if (id.seq === '*') return nextInMs(lastId, id.ms) ?? ERRORS.smaller;
    return compareIds(id as StreamId, lastId) > 0 ? (id as StreamId) : ERRORS.smaller;
  }

  /** Adds an entry; each group that reads the stream has it to do. */
  append(live: Live, id: StreamId, message: Message, because: FactId, out: Out): Entry {
    const entry = live.stream.add(id, message, this.#host.nodeMaxEntries);
    const { shares } = live;
    const cause = because > 0 ? because : undefined;
    if (shares.length === 0) entry.fact = out.fact(F.appended, message.id, live.place, 0, 0, 0, cause);
    else if (shares.length === 1) {
      entry.fact = out.fact(F.appended, message.id, (shares[0] as Share).place, 0, 0, 0, cause);
    } else {
      for (const { place } of shares) {
        const routed = out.fact(F.routed, message.id, place, 0, live.place, 0, cause);
        const appended = out.fact(F.appended, message.id, place, 0, 0, 0, routed);
        if (entry.fact === 0) entry.fact = appended;
      }
    }
    return entry;
  }
}
