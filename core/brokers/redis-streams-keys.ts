/**
 * Keys whatever they hold, and the settings of a stream and of the server.
 * Source: rules X15, X20.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import { compareIds, isZero } from '../parts/stream-id.ts';
import type { ActorId } from '../types.ts';
import type { RedisHost } from './redis-streams-host.ts';
import type { Reading } from './redis-streams-reading.ts';
import { ERRORS, refuse, say, sayCount, sayOk } from './redis-streams-replies.ts';
import { evictShare } from './redis-streams-share.ts';
import type { ConfigSet, FlushAll, Rename, SetKey, XCfgSet, XLen, XSetId } from './redis-streams-verbs.ts';

export class Keys {
  readonly #host: RedisHost;
  readonly #reading: Reading;

  constructor(host: RedisHost, reading: Reading) {
    this.#host = host;
    this.#reading = reading;
  }

  key(from: ActorId, { type, key, token }: XLen, out: Out): void {
    const exists = this.#host.streams.has(key) || this.#host.others.has(key);
    switch (type) {
      case 'XLEN': {
        const live = this.#host.at(from, token, key, out);
        if (live !== null) sayCount(from, token, live?.stream.length ?? 0, out);
        return;
      }
      case 'EXISTS':
        return sayCount(from, token, exists ? 1 : 0, out);
      case 'TYPE': {
        const text = this.#host.streams.has(key) ? 'stream' : exists ? 'string' : 'none';
        return say(from, 'control', { type: 'text', token, text }, out);
      }
      case 'DEL':
        sayCount(from, token, exists ? 1 : 0, out);
        this.#host.others.delete(key);
        return this.#drop(key, out);
      default:
        return type satisfies never;
    }
  }

  /** A key of another type. */
  set(from: ActorId, { key, token }: SetKey, out: Out): void {
    this.#host.others.add(key);
    this.#drop(key, out);
    sayOk(from, token, out);
  }

  /** The stream stays what it is, under another key; who waits for either key looks again. What it was called on the stage stays. */
  rename(from: ActorId, { key, to, token }: Rename, out: Out): void {
    const live = this.#host.streams.get(key);
    const isOther = this.#host.others.delete(key);
    if (live === undefined && !isOther) return refuse(from, token, ERRORS.noKey, out);
    if (isOther) this.#host.others.add(to);
    else if (key !== to) this.#host.others.delete(to);
    if (key !== to) this.#drop(to, out);
    if (live !== undefined) {
      this.#host.streams.delete(key);
      this.#host.streams.set(to, live);
      live.stream.key = to;
      this.#reading.failBlocked(key, null, out);
      this.#reading.serve(to, out);
    }
    sayOk(from, token, out);
  }

  flushAll(from: ActorId, { token }: FlushAll, out: Out): void {
    for (const key of [...this.#host.streams.keys()]) this.#drop(key, out);
    this.#host.others.clear();
    sayOk(from, token, out);
  }

  /** A stream is deleted with its groups. */
  #drop(key: string, out: Out): void {
    const live = this.#host.streams.get(key);
    if (live === undefined) return;
    for (const share of live.shares) evictShare(live.stream, share, R.purged, out);
    if (live.shares.length === 0) {
      for (const { message, fact } of live.stream.entries.all()) {
        out.fact(F.evicted, message.id, live.place, 0, 0, R.purged, fact);
      }
    }
    this.#host.streams.delete(key);
    this.#host.note({ type: 'deleted', live });
    this.#reading.failBlocked(key, null, out);
  }

  setId(from: ActorId, { key, id, entriesAdded, maxDeleted, token }: XSetId, out: Out): void {
    const live = this.#host.at(from, token, key, out);
    if (live === null) return;
    if (live === undefined) return refuse(from, token, ERRORS.noKey, out);
    const { stream } = live;
    const last = stream.entries.last;
    const isBelow = this.#host.settings.version >= 702 && compareIds(id, stream.maxDeleted) < 0;
    if (isBelow) return refuse(from, token, ERRORS.setIdBelow, out);
    if (maxDeleted !== null && compareIds(id, maxDeleted) < 0) return refuse(from, token, ERRORS.setIdDeleted, out);
    if (last !== undefined && compareIds(id, last.id) < 0) return refuse(from, token, ERRORS.setIdTop, out);
    if (entriesAdded >= 0 && stream.length > entriesAdded) return refuse(from, token, ERRORS.setIdAdded, out);
    const added = entriesAdded >= 0 ? entriesAdded : stream.entriesAdded;
    const deleted = maxDeleted !== null && !isZero(maxDeleted) ? maxDeleted : stream.maxDeleted;
    stream.set(id, added, deleted);
    sayOk(from, token, out);
  }

  configureStream(from: ActorId, { key, durationMs, maxSize, token }: XCfgSet, out: Out): void {
    const live = this.#host.at(from, token, key, out);
    if (live === null) return;
    if (live === undefined) return refuse(from, token, ERRORS.noKey, out);
    live.stream.configure(durationMs ?? live.stream.idmpDurationMs, maxSize ?? live.stream.idmpMaxSize);
    sayOk(from, token, out);
  }

  configure(from: ActorId, { values, token }: ConfigSet, out: Out): void {
    const {
      'stream-node-max-entries': perNode,
      'stream-idmp-duration': seconds,
      'stream-idmp-maxsize': maxSize,
    } = values;
    if (perNode !== undefined) this.#host.nodeMaxEntries = Number(perNode);
    // Streams keep what they were made with (X20).
    if (seconds !== undefined) this.#host.idmpDurationMs = Number(seconds) * 1000;
    if (maxSize !== undefined) this.#host.idmpMaxSize = Number(maxSize);
    sayOk(from, token, out);
  }
}
