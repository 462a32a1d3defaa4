/**
 * Clients that read, and those that wait for something to read (BLOCK). Nothing is pushed: who does not ask gets nothing.
 * Source: rules X6–X8, X15, X20.
 */
import type { Out } from '../machine.ts';
import type { Handed } from '../parts/redis-stream.ts';
import { compareIds, idBefore, LEAST_ID, type StreamId } from '../parts/stream-id.ts';
import type { ActorId, FactId, Micros } from '../types.ts';
import type { Handing } from './redis-streams-handing.ts';
import type { RedisHost, Timer } from './redis-streams-host.ts';
import { ERRORS, hand, noGroup, refuse } from './redis-streams-replies.ts';
import { NEVER, touch } from './redis-streams-share.ts';
import type { ReadFrom, ReadReply, StreamRead, XRead, XReadGroup } from './redis-streams-verbs.ts';

/** A client that waits for entries (BLOCK). */
interface Blocked {
  readonly from: ActorId;
  readonly request: XRead | XReadGroup;
  readonly streams: readonly ReadFrom[];
  /** Infinity for BLOCK 0. */
  readonly untilUs: Micros;
  readonly cause: FactId;
}

/** What would become old enough later than this, 139 years from the start, never does: CLAIM takes any number of 64 bits. */
const LATEST_MS = 2 ** 42;
const UNBLOCK: Timer = { type: 'unblock' };
const CLAIMABLE: Timer = { type: 'claimable' };

export class Reading {
  readonly #host: RedisHost;
  readonly #handing: Handing;
  #blocked: Blocked[] = [];
  #unblockAtUs = NEVER;
  #claimableAtUs = NEVER;
  /** Somebody has waited with CLAIM. */
  #knowsClaims = false;
  /** While a transaction runs: the keys that had something new, and those whose stream or group went. */
  #held: {
    readonly ready: Set<string>;
    readonly gone: { readonly key: string; readonly group: string | null }[];
  } | null = null;

  constructor(host: RedisHost, handing: Handing) {
    this.#host = host;
    this.#handing = handing;
  }

  readPlain(from: ActorId, request: XRead, out: Out): void {
    const { token, streams, blockMs } = request;
    const known: ReadFrom[] = [];
    for (const { key, after } of streams) {
      const live = this.#host.at(from, token, key, out);
      if (live === null) return;
      const stream = live?.stream;
      const last = stream?.entries.last;
      known.push({
        key,
        after:
          after === '$'
            ? (stream?.lastId ?? LEAST_ID)
            : after === '+'
              ? last === undefined
                ? (stream?.lastId ?? LEAST_ID)
                : before(last.id)
              : after,
      });
    }
    const read = this.#handing.newEntries(known, request.count);
    if (read.length > 0 || blockMs < 0) return answer(from, request, read.length > 0 ? read : null, out);
    this.#block(from, request, known, out);
  }

  readGroup(from: ActorId, request: XReadGroup, out: Out): void {
    const { token, streams, group: name, consumer, blockMs } = request;
    for (const { key } of streams) {
      const live = this.#host.at(from, token, key, out);
      if (live === null) return;
      const group = live?.stream.groups.get(name);
      if (live === undefined || group === undefined) return refuse(from, token, noGroupToRead(key, name), out);
      if (this.#host.settings.version >= 702) touch(live.stream, group, consumer, this.#host.ms(out.now));
    }
    const read = this.#handing.take(from, request, out);
    if (read.length > 0 || blockMs < 0) {
      answer(from, request, read.length > 0 ? read : null, out);
      if (this.#knowsClaims) this.#armHanded(out);
      return;
    }
    this.#block(from, request, streams, out);
  }

  #block(from: ActorId, request: XRead | XReadGroup, streams: readonly ReadFrom[], out: Out): void {
    const untilUs = request.blockMs > 0 ? out.now + request.blockMs * 1000 : NEVER;
    this.#blocked.push({ from, request, streams, untilUs, cause: out.cause });
    if (untilUs < this.#unblockAtUs) this.#armUnblock(untilUs, out);
    if (request.type !== 'XREADGROUP' || request.claimMs < 0) return;
    this.#knowsClaims = true;
    this.#armClaimable(out);
  }

  /** From here on those that wait wait until `serveHeld`. */
  hold(): void {
    this.#held ??= { ready: new Set(), gone: [] };
  }

  /** Whoever waits now sees what is there: an error where the group has gone and not come again. */
  serveHeld(out: Out): void {
    const held = this.#held;
    this.#held = null;
    if (held === null) return;
    for (const { key, group } of held.gone) {
      for (const name of this.#groupsWaiting(key, group)) {
        if (this.#host.streams.get(key)?.stream.groups.has(name) !== true) this.failBlocked(key, name, out);
      }
    }
    for (const key of held.ready) this.serve(key, out);
  }

  /** Groups of a key in which somebody waits: this one, or all. */
  #groupsWaiting(key: string, group: string | null): ReadonlySet<string> {
    const names = new Set<string>();
    for (const { request, streams } of this.#blocked) {
      if (request.type !== 'XREADGROUP' || !streams.some((from) => from.key === key)) continue;
      if (group === null || request.group === group) names.add(request.group);
    }
    return names;
  }

  /** Serves those that wait for a key (null: for any), the one that has waited longest first. */
  serve(key: string | null, out: Out): void {
    if (this.#held !== null && key !== null) {
      this.#held.ready.add(key);
      return;
    }
    // A group that has read all: whoever waits for that alone waits on.
    let done: string | null = null;
    for (let i = 0; i < this.#blocked.length; ) {
      const blocked = this.#blocked[i] as Blocked;
      const { from, request, streams, cause } = blocked;
      const group = groupAt(blocked, key);
      if ((group !== null && group === done) || !this.#mayServe(blocked, key)) {
        if (group !== null) done = group;
        i++;
        continue;
      }
      const read =
        request.type === 'XREADGROUP'
          ? this.#handing.take(from, request, out)
          : this.#handing.newEntries(streams, request.count);
      if (read.length === 0) i++;
      else {
        this.#release(i);
        answer(from, request, read, out, cause);
        if (this.#knowsClaims) this.#armHanded(out);
      }
    }
  }

  /** It waits no longer. */
  #release(at: number): void {
    const blocked = this.#blocked;
    for (let i = at + 1; i < blocked.length; i++) blocked[i - 1] = blocked[i] as Blocked;
    blocked.pop();
  }

  /** Whether there may be something for it, told cheaply. */
  #mayServe({ request, streams }: Blocked, key: string | null): boolean {
    for (const from of streams) {
      if (key !== null && from.key !== key) continue;
      if (request.type === 'XREAD' || request.claimMs >= 0) return true;
      const stream = this.#host.streams.get(from.key)?.stream;
      const group = stream?.groups.get(request.group);
      if (stream !== undefined && group !== undefined && compareIds(stream.lastId, group.lastId) > 0) return true;
    }
    return false;
  }

  /** Those that wait for a group that is gone, or for a stream, get an error (X15). */
  failBlocked(key: string, group: string | null, out: Out): void {
    if (this.#held !== null) {
      this.#held.gone.push({ key, group });
      return;
    }
    const failed = this.#blocked.filter(
      ({ request, streams }) =>
        request.type === 'XREADGROUP' &&
        (group === null || request.group === group) &&
        streams.some((from) => from.key === key),
    );
    if (failed.length === 0) return;
    this.#blocked = this.#blocked.filter((blocked) => !failed.includes(blocked));
    for (const { from, request } of failed) {
      const old = group === null ? ERRORS.unblocked : ERRORS.destroyed;
      const name = (request as XReadGroup).group;
      // Since 7.2 the command is tried again, and then finds no group, or a key of another type.
      const anew = this.#host.others.has(key) ? ERRORS.wrongType : noGroupToRead(key, name);
      refuse(from, request.token, this.#host.settings.version >= 702 ? anew : old, out);
    }
  }

  #armUnblock(untilUs: Micros, out: Out): void {
    this.#unblockAtUs = untilUs;
    out.timer(untilUs - out.now, UNBLOCK, out.cause);
  }

  /** The process died, and its connections with it. */
  forget(): void {
    this.#blocked = [];
    this.#unblockAtUs = NEVER;
    this.#claimableAtUs = NEVER;
  }

  /** Those whose time is over get nothing. */
  endBlocks(out: Out): void {
    if (out.now < this.#unblockAtUs) return;
    this.#unblockAtUs = NEVER;
    let next = NEVER;
    const waiting: Blocked[] = [];
    for (const blocked of this.#blocked) {
      if (blocked.untilUs <= out.now) answer(blocked.from, blocked.request, null, out, blocked.cause);
      else {
        waiting.push(blocked);
        if (blocked.untilUs < next) next = blocked.untilUs;
      }
    }
    this.#blocked = waiting;
    if (next < NEVER) this.#armUnblock(next, out);
  }

  /** Some pending entries are old enough now. */
  serveClaims(out: Out): void {
    if (out.now < this.#claimableAtUs) return;
    this.#claimableAtUs = NEVER;
    this.serve(null, out);
    this.#armClaimable(out);
  }

  /** What is pending has changed hands: it may become old enough at another time than before. */
  claimed(out: Out): void {
    if (this.#knowsClaims) this.#armClaimable(out);
  }

  /** What was handed out just now becomes old enough for those that still wait with CLAIM. */
  #armHanded(out: Out): void {
    let leastMs = NEVER;
    for (const { request } of this.#blocked) {
      if (request.type === 'XREADGROUP' && request.claimMs >= 0) leastMs = Math.min(leastMs, request.claimMs);
    }
    this.#armClaimableAt(this.#host.ms(out.now) + leastMs, out);
  }

  /** Pending entries may become old enough for a reader that waits with CLAIM. */
  #armClaimable(out: Out): void {
    let atMs = NEVER;
    for (const { request } of this.#blocked) {
      if (request.type !== 'XREADGROUP' || request.claimMs < 0) continue;
      for (const { key } of request.streams) {
        const live = this.#host.streams.get(key);
        const group = live?.stream.groups.get(request.group);
        if (live !== undefined && group !== undefined) {
          atMs = Math.min(atMs, live.stream.idleAtMs(group, request.claimMs));
        }
      }
    }
    this.#armClaimableAt(atMs, out);
  }

  #armClaimableAt(atMs: number, out: Out): void {
    const runMs = atMs - this.#host.settings.epochMs;
    if (runMs > LATEST_MS) return;
    const atUs = Math.max(out.now, runMs * 1000);
    if (atUs >= this.#claimableAtUs) return;
    this.#claimableAtUs = atUs;
    out.timer(atUs - out.now, CLAIMABLE, out.cause);
  }

  /** A closed connection ends what its client waited for: nobody would hear the answer. */
  peerLost(peer: ActorId): void {
    if (this.#blocked.some(({ from }) => from === peer)) {
      this.#blocked = this.#blocked.filter(({ from }) => from !== peer);
    }
  }
}

/** The group of one that waits for new entries of this key alone; null of all others. */
function groupAt({ request, streams }: Blocked, key: string | null): string | null {
  if (request.type !== 'XREADGROUP' || request.claimMs >= 0 || streams.length !== 1) return null;
  return streams[0]?.key === key ? request.group : null;
}

function answer(
  to: ActorId,
  request: XRead | XReadGroup,
  streams: readonly StreamRead[] | null,
  out: Out,
  because?: FactId,
): void {
  const { token } = request;
  const claims = request.type === 'XREADGROUP' && request.claimMs >= 0;
  const first = streams?.[0]?.entries;
  const only = streams?.length === 1 && first?.length === 1 ? (first[0] as Handed).message : null;
  const reply: ReadReply = { type: 'read', token, streams, claims, sizeBytes: only === null ? 0 : only.sizeBytes };
  if (streams === null) return out.send(to, 'control', reply, 0, because);
  if (only !== null) return out.send(to, 'delivery', reply, only.id);
  hand(to, reply, streams.length === 1 && first !== undefined ? first : streams.flatMap(({ entries }) => entries), out);
}

/** The id after which only this entry and later ones are new. */
function before(id: StreamId): StreamId {
  return idBefore(id) ?? LEAST_ID;
}

function noGroupToRead(key: string, group: string): string {
  return `${noGroup(key, group)} in XREADGROUP with GROUP option`;
}
