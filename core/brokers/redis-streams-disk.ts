/**
 * The disk of a Redis server, or the replica that stands in for it: when what was written becomes safe, and what a crash takes back. A loss undoes the
 * steps that were not safe, last first, and is told for each message by what it was before and is now.
 * Source: rules X18, X19.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { Entry, Group, Pending, RedisStream } from '../parts/redis-stream.ts';
import { compareIds, GREATEST_ID, type StreamId } from '../parts/stream-id.ts';
import type { FactId, Message, Micros } from '../types.ts';
import type { RedisHost, Timer } from './redis-streams-host.ts';
import { type Live, NEVER, type Share } from './redis-streams-share.ts';
import type { Step } from './redis-streams-written.ts';

const SECOND = 1_000_000;
/** How long the operating system keeps what nobody asked it to flush (X18, appendfsync no). */
const SYSTEM_FLUSH_US: Micros = 30 * SECOND;

const FLUSH: Timer = { type: 'flush' };

/** An entry of a group as it was before a crash. */
interface Before {
  readonly share: Share | null;
  readonly live: Live;
  readonly id: StreamId;
  readonly message: Message;
  readonly status: Status;
  /** Pending, and the facts say that anybody may get it. */
  readonly isReady: boolean;
  readonly fact: FactId;
}

type Status = 'absent' | 'unread' | 'pending' | 'done';

export class Disk {
  readonly #host: RedisHost;
  #flushAtUs = NEVER;
  #savedAtUs: Micros = 0;
  /** With fewer changes than this the timer that is set, if one is, is the right one. */
  #lookAt = 1;

  constructor(host: RedisHost) {
    this.#host = host;
  }

  /** Sees to it that what was written becomes safe in time (X18). */
  armFlush(out: Out): void {
    const { changes } = this.#host.written;
    if (changes < this.#lookAt) return;
    this.#lookAt = this.#nextLook(changes);
    const atUs = this.#safeAtUs(out.now);
    if (atUs >= this.#flushAtUs) return;
    this.#flushAtUs = atUs;
    out.timer(Math.max(0, atUs - out.now), FLUSH, out.cause);
  }

  /** How many changes it takes until something may be due earlier than now: only a further save point can be met. */
  #nextLook(now: number): number {
    const { appendonly, save, replicaLagUs } = this.#host.settings;
    let next = NEVER;
    if (replicaLagUs >= 0 || appendonly) return next;
    for (const { changes } of save) if (changes > now && changes < next) next = changes;
    return next;
  }

  /** When the next step towards safety is due. */
  #safeAtUs(now: Micros): Micros {
    const { appendonly, appendfsync, save, replicaLagUs } = this.#host.settings;
    if (replicaLagUs >= 0) return now + Math.max(replicaLagUs, 1000);
    if (appendonly) {
      const everyUs = appendfsync === 'everysec' ? SECOND : SYSTEM_FLUSH_US;
      return Math.floor(now / everyUs) * everyUs + everyUs;
    }
    let atUs = NEVER;
    for (const { afterUs, changes } of save) {
      if (this.#host.written.changes >= changes) atUs = Math.min(atUs, Math.max(now, this.#savedAtUs + afterUs));
    }
    return atUs;
  }

  /** What was written is safe now; on a replica, what is old enough. */
  flush(out: Out): void {
    this.#unarm();
    const { replicaLagUs } = this.#host.settings;
    if (replicaLagUs >= 0) {
      this.#host.written.clearUpTo(out.now - replicaLagUs);
      return this.armFlush(out);
    }
    this.#host.written.clear();
    this.#savedAtUs = out.now;
  }

  /**
   * The machine dies, as in a power cut: what was not on disk is lost, and with it acks and claims (X18). Where a replica takes over, what it had not
   * got is lost instead (X19).
   */
  crash(out: Out, losesDisk: boolean): void {
    this.#unarm();
    const { replicaLagUs } = this.#host.settings;
    if (replicaLagUs >= 0) this.#takeBack(out, out.now - replicaLagUs, R['not replicated']);
    else if (losesDisk) this.#loseAll(out);
    else this.#takeBack(out, Number.NEGATIVE_INFINITY, R['not flushed']);
  }

  /** SHUTDOWN: everything is saved first. */
  save(): void {
    this.#unarm();
    this.#host.written.clear();
  }

  /** No timer is set any more. */
  #unarm(): void {
    this.#flushAtUs = NEVER;
    this.#lookAt = 1;
  }

  restart(out: Out): void {
    this.#savedAtUs = out.now;
  }

  /** Takes back what was written after a time, and tells what that means for each message. */
  #takeBack(out: Out, sinceUs: Micros, reason: number): void {
    const lost = this.#host.written.takeAfter(sinceUs);
    const touched = this.#touched(lost);
    for (let i = lost.length - 1; i >= 0; i--) {
      const step = lost[i] as Step;
      switch (step.type) {
        case 'created':
          this.#host.streams.delete(step.live.stream.key);
          break;
        case 'deleted':
          this.#host.streams.set(step.live.stream.key, step.live);
          break;
        default:
          step.stream.undo(step);
      }
    }
    for (const live of this.#host.streams.values()) {
      live.shares = [...live.stream.groups.values()].map(
        (group) =>
          live.shares.find((share) => share.group === group) ?? {
            group,
            place: this.#host.places.group(live.stream.key, group.name),
          },
      );
      live.sharesSince = NEVER;
    }
    this.#tell(touched, reason, out);
  }

  /** Every entry that the steps concern, for each group, as it is now. */
  #touched(lost: readonly Step[]): Before[] {
    const found: Before[] = [];
    const seen = new Map<Group | RedisStream, Set<string>>();
    const touch = (live: Live, share: Share | null, id: StreamId, message: Message): void => {
      const owner = share?.group ?? live.stream;
      let ids = seen.get(owner);
      if (ids === undefined) {
        ids = new Set();
        seen.set(owner, ids);
      }
      const key = `${id.ms}-${id.seq}`;
      if (ids.has(key)) return;
      ids.add(key);
      const pending = share?.group.pel.get(id);
      const fact = pending?.fact ?? live.stream.entries.get(id)?.fact ?? 0;
      const status = statusOf(this.#host.streams, live, share, id);
      found.push({ live, share, id, message, status, isReady: isReady(pending), fact });
    };
    const touchAll = (live: Live, entry: Entry): void => {
      if (live.shares.length === 0) touch(live, null, entry.id, entry.message);
      for (const share of live.shares) touch(live, share, entry.id, entry.message);
    };
    const touchPending = (live: Live, of: Group, { id, message }: Pending): void => {
      const share = live.shares.find(({ group }) => group === of);
      if (share !== undefined) touch(live, share, id, message);
    };
    /** What lies between the position before a step and the group's position now. */
    const touchPassed = (live: Live, of: Group, lastId: StreamId): void => {
      const share = live.shares.find(({ group }) => group === of);
      if (share === undefined) return;
      const [start, end] =
        compareIds(lastId, share.group.lastId) < 0 ? [lastId, share.group.lastId] : [share.group.lastId, lastId];
      const { entries } = live.stream;
      const only = entries.after(start);
      // Nearly always one step: the entry that was read.
      if (only === undefined || compareIds(only.id, end) > 0) return;
      if (seen.get(share.group)?.has(`${only.id.ms}-${only.id.seq}`) === true) return;
      for (const entry of entries.range(start, end, NEVER)) {
        if (compareIds(entry.id, start) > 0) touch(live, share, entry.id, entry.message);
      }
    };
    for (const step of lost) {
      const live = 'live' in step ? step.live : this.#host.streams.get(step.stream.key);
      if (live === undefined) continue;
      switch (step.type) {
        case 'added':
        case 'removed':
          touchAll(live, step.entry);
          break;
        case 'read':
          touchPassed(live, step.group, step.lastId);
          touchPending(live, step.group, step.pending);
          break;
        case 'pended':
        case 'unpended':
          touchPending(live, step.group, step.pending);
          break;
        case 'moved':
          touchPassed(live, step.group, step.lastId);
          break;
        case 'created':
        case 'deleted':
          for (const entry of live.stream.entries.all()) touchAll(live, entry);
          break;
        default:
      }
    }
    return found;
  }

  /** What the loss means: entries are gone, deliveries and acks did not happen. */
  #tell(touched: readonly Before[], reason: number, out: Out): void {
    for (const { live, share, id, message, status, isReady: wasReady, fact } of touched) {
      const place = share?.place ?? live.place;
      const now = statusOf(this.#host.streams, live, share, id);
      const held = share?.group.pel.get(id);
      if (status === 'pending' && held !== undefined && wasReady !== isReady(held)) {
        // It was given back, and has its owner again; or it was claimed, and is nobody's again.
        if (wasReady) held.waits = true;
        else held.fact = out.fact(F.requeued, message.id, place, 0, 0, reason, held.fact > 0 ? held.fact : undefined);
        continue;
      }
      // What was done is nobody's business any more, whether its entry was trimmed since or is back.
      if (now === status || (isOver(now) && isOver(status))) continue;
      const because = fact > 0 ? fact : undefined;
      if (now === 'absent') out.fact(F.lost, message.id, place, 0, 0, reason, because);
      else if (status === 'pending' && now === 'unread') {
        if (!wasReady) out.fact(F.requeued, message.id, place, 0, 0, reason, because);
      } else if (status === 'pending' && now === 'done') {
        out.fact(F.evicted, message.id, place, 0, 0, reason, because);
      } else if (status === 'absent' || status === 'done') {
        const stored = out.fact(F.appended, message.id, place);
        const entry = live.stream.entries.get(id);
        if (entry !== undefined) entry.fact = stored;
        const pending = share?.group.pel.get(id);
        if (pending !== undefined) {
          pending.fact = stored;
          pending.waits = true;
        }
      }
    }
  }

  #loseAll(out: Out): void {
    this.#host.written.clear();
    for (const live of this.#host.streams.values()) {
      const { stream, shares } = live;
      if (shares.length === 0) {
        for (const { message, fact } of stream.entries.all()) {
          out.fact(F.lost, message.id, live.place, 0, 0, R['not flushed'], fact);
        }
      }
      for (const { group, place } of shares) {
        for (const { message, fact } of group.pel.all()) {
          out.fact(F.lost, message.id, place, 0, 0, R['not flushed'], fact);
        }
        for (const entry of stream.entries.range(group.lastId, GREATEST_ID, NEVER)) {
          if (compareIds(entry.id, group.lastId) > 0 && group.pel.get(entry.id) === undefined) {
            out.fact(F.lost, entry.message.id, place, 0, 0, R['not flushed'], entry.fact);
          }
        }
      }
    }
    this.#host.streams.clear();
  }
}

/** Whether the facts say that a pending entry can be claimed. */
function isReady(pending: Pending | undefined): boolean {
  return pending !== undefined && (pending.waits || pending.owner === null);
}

/** Trimmed, deleted or acked: nobody will get it. */
function isOver(status: Status): boolean {
  return status === 'absent' || status === 'done';
}

function statusOf(streams: ReadonlyMap<string, Live>, live: Live, share: Share | null, id: StreamId): Status {
  const { stream } = live;
  if (streams.get(stream.key) !== live) return 'absent';
  if (share !== null && share.group.pel.get(id) !== undefined) return 'pending';
  if (stream.entries.get(id) === undefined) return 'absent';
  return share === null || compareIds(id, share.group.lastId) > 0 ? 'unread' : 'done';
}
