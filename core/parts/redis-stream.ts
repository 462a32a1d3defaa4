/**
 * One Redis stream: its entries, its consumer groups with their pending entries, and what the commands do to them. Every step is also told to a
 * `Journal` in a form that can be taken back, which is how a crash loses what was not yet on disk. It knows nothing of clients, of blocking, of places or
 * facts. Times are the server's clock in milliseconds. Source: rules X1, X3–X7, X9–X13, X15–X17, X20.
 */
import type { FactId, Message } from '../types.ts';
import { IdList } from './id-list.ts';
import { compareIds, isZero, LEAST_ID, type StreamId } from './stream-id.ts';

/** One entry. What it holds is its message. */
export interface Entry {
  readonly id: StreamId;
  readonly message: Message;
  /** The node of the stream that it lies in; nodes are what `~` trims. */
  readonly node: StreamNode;
  /** The fact that stored it. */
  fact: FactId;
  gone: boolean;
}

export interface StreamNode {
  /** Entries that were ever put in, and those that are still there. */
  total: number;
  live: number;
}

/** An entry that was handed out and not acked: a row of the pending entries list (PEL). */
export interface Pending {
  readonly id: StreamId;
  readonly message: Message;
  /** Null when it was given back and nobody owns it (X14, XNACK). */
  owner: GroupConsumer | null;
  /** When it was handed out last, on the server's clock; 0 once it was given back. */
  timeMs: number;
  count: number;
  /** Its owner was told that the entry is no longer in the stream. */
  nilTold: boolean;
  /** A crash has taken its ack back: the facts say that it waits, although it has an owner. */
  waits: boolean;
  /** The fact that put it into its present state. */
  fact: FactId;
  gone: boolean;
}

export interface GroupConsumer {
  readonly name: string;
  pending: number;
  /** Last attempt to read or claim, and the last that got something; −1 for never. */
  seenMs: number;
  activeMs: number;
}

/** A consumer group: a position in the stream and what is pending behind it (X5). */
export interface Group {
  readonly name: string;
  lastId: StreamId;
  /** −1 when it cannot be known (X17). */
  entriesRead: number;
  readonly pel: IdList<Pending>;
  readonly consumers: Map<string, GroupConsumer>;
}

/** What becomes of pending references when entries are removed (X4). */
export type References = 'KEEPREF' | 'DELREF' | 'ACKED';

/** MAXLEN or MINID (X3). `approx` trims whole nodes, and then `limit` bounds the entries removed: 0 is no limit, −1 the default of 100 nodes. */
export interface Trim {
  readonly maxlen?: number;
  readonly minid?: StreamId;
  readonly approx: boolean;
  readonly limit: number;
  readonly references: References;
}

/** A step of a stream that can be taken back: what was there before it. */
export type Change = { readonly stream: RedisStream } & (
  | { readonly type: 'added'; readonly entry: Entry; readonly lastId: StreamId }
  | { readonly type: 'removed'; readonly entry: Entry; readonly maxDeleted: StreamId }
  /** Handed out for the first time: the group has moved on, and the entry is pending, which it was not. */
  | {
      readonly type: 'read';
      readonly group: Group;
      readonly pending: Pending;
      readonly lastId: StreamId;
      readonly entriesRead: number;
    }
  | {
      readonly type: 'pended';
      readonly group: Group;
      readonly pending: Pending;
      /** It was pending before, with these; else it was not. */
      readonly was: boolean;
      readonly owner: GroupConsumer | null;
      readonly timeMs: number;
      readonly count: number;
    }
  | { readonly type: 'unpended'; readonly group: Group; readonly pending: Pending }
  | { readonly type: 'moved'; readonly group: Group; readonly lastId: StreamId; readonly entriesRead: number }
  | { readonly type: 'grouped' | 'ungrouped'; readonly group: Group }
  | { readonly type: 'consumer' | 'unconsumer'; readonly group: Group; readonly consumer: GroupConsumer }
  | {
      readonly type: 'set';
      readonly lastId: StreamId;
      readonly entriesAdded: number;
      readonly maxDeleted: StreamId;
    }
  | { readonly type: 'idmp'; readonly producer: string; readonly iid: string }
);

/** Where a stream tells its steps. */
export interface Journal {
  note(change: Change): void;
}

/** An id of an idempotent producer that is remembered (X20). */
interface Remembered {
  readonly id: StreamId;
  readonly atMs: number;
}

/** An entry as a read or claim hands it out. */
export interface Handed {
  readonly id: StreamId;
  /** Null when it is no longer in the stream. */
  readonly message: Message | null;
  /** Its row in the PEL; null where nothing is kept. */
  readonly pending: Pending | null;
  /** Its entry; null when it is no longer in the stream. */
  readonly entry: Entry | null;
  /** For claims: who owned it, how long it had been idle (−1: nobody's), how often it had been delivered before. */
  readonly from: GroupConsumer | null;
  readonly idleMs: number;
  readonly before: number;
  /** How often it has been delivered, this time included. */
  readonly count: number;
}

export class RedisStream {
  /** Changed by RENAME alone. */
  key: string;
  readonly entries = new IdList<Entry>();
  readonly groups = new Map<string, Group>();
  lastId: StreamId = LEAST_ID;
  maxDeleted: StreamId = LEAST_ID;
  entriesAdded = 0;
  idmpDurationMs: number;
  idmpMaxSize: number;
  idsAdded = 0;
  idsDuplicate = 0;
  /**
   * Servers since 7.4 see that all that is left is unread, also where entries were trimmed unread or a group's counter was set to something else; older ones
   * go by the counter.
   */
  readonly #countsRest: boolean;
  readonly #journal: Journal;
  readonly #nodes: StreamNode[] = [];
  #firstNode = 0;
  /** By producer id and its own id, oldest first. */
  readonly #remembered = new Map<string, Map<string, Remembered>>();

  constructor(key: string, journal: Journal, idmpDurationMs = 100_000, idmpMaxSize = 100, countsRest = true) {
    this.key = key;
    this.#countsRest = countsRest;
    this.#journal = journal;
    this.idmpDurationMs = idmpDurationMs;
    this.idmpMaxSize = idmpMaxSize;
  }

  get length(): number {
    return this.entries.size;
  }

  /** Id of the first entry; 0-0 when there is none. */
  get firstId(): StreamId {
    return this.entries.first?.id ?? LEAST_ID;
  }

  /** Nodes that hold entries. */
  get nodes(): number {
    let nodes = 0;
    for (let i = this.#firstNode; i < this.#nodes.length; i++) if ((this.#nodes[i] as StreamNode).live > 0) nodes++;
    return nodes;
  }

  // ── Entries ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Appends an entry under an id that is greater than the last one (X1). `perNode`: stream-node-max-entries, 0 for no limit. */
  add(id: StreamId, message: Message, perNode: number): Entry {
    const nodes = this.#nodes;
    let node = nodes[nodes.length - 1];
    if (node === undefined || node.live === 0 || (perNode > 0 && node.total >= perNode)) {
      node = { total: 0, live: 0 };
      nodes.push(node);
    }
    node.total++;
    node.live++;
    const entry: Entry = { id, message, node, fact: 0, gone: false };
    this.entries.add(entry);
    this.#journal.note({ stream: this, type: 'added', entry, lastId: this.lastId });
    this.lastId = id;
    this.entriesAdded++;
    return entry;
  }

  /** Takes an entry out. Only XDEL and its kin leave a tombstone; trimming does not (X17). */
  remove(entry: Entry, tombstone: boolean): void {
    this.#journal.note({ stream: this, type: 'removed', entry, maxDeleted: this.maxDeleted });
    this.#takeOut(entry);
    if (tombstone && compareIds(entry.id, this.maxDeleted) > 0) this.maxDeleted = entry.id;
  }

  /** Which entries a trim would remove, oldest first (X3). `perNode` as in `add`. */
  trimmed(trim: Trim, perNode: number): Entry[] {
    const { maxlen, minid, approx, references } = trim;
    const limit = trim.limit >= 0 ? trim.limit : perNode > 0 ? 100 * perNode : 10_000;
    const found: Entry[] = [];
    let surplus = maxlen === undefined ? Number.POSITIVE_INFINITY : this.length - maxlen;
    if (surplus <= 0) return found;
    let nodeOf: StreamNode | null = null;
    let fits = false;
    for (let entry = this.entries.first; entry !== undefined; entry = this.entries.after(entry.id)) {
      if (approx && entry.node !== nodeOf) {
        // A whole node goes or stays.
        nodeOf = entry.node;
        const { live } = entry.node;
        fits = live <= surplus && (minid === undefined || compareIds(this.#lastOf(entry), minid) < 0);
        if (!fits || (limit > 0 && found.length + live > limit)) break;
      }
      if (!approx && (surplus <= 0 || (minid !== undefined && compareIds(entry.id, minid) >= 0))) break;
      surplus--;
      if (references === 'ACKED' && this.isReferenced(entry.id)) continue;
      found.push(entry);
    }
    return found;
  }

  /** Whether a group has still to read this entry or to ack it; without any group nobody has. Source: X4, [C xdelex]. */
  isReferenced(id: StreamId): boolean {
    for (const group of this.groups.values()) {
      if (compareIds(id, group.lastId) > 0 || group.pel.get(id) !== undefined) return true;
    }
    return false;
  }

  /** XSETID. */
  set(lastId: StreamId, entriesAdded: number, maxDeleted: StreamId): void {
    const { lastId: last, entriesAdded: added, maxDeleted: deleted } = this;
    this.#journal.note({ stream: this, type: 'set', lastId: last, entriesAdded: added, maxDeleted: deleted });
    this.lastId = lastId;
    this.entriesAdded = entriesAdded;
    this.maxDeleted = maxDeleted;
  }

  // ── Idempotent producers ────────────────────────────────────────────────────────────────────────────────────────

  /** The id that an earlier XADD of the same producer and idempotent id got; undefined when none is remembered (X20). */
  known(producer: string, iid: string, nowMs: number): StreamId | undefined {
    const ids = this.#remembered.get(producer);
    if (ids === undefined) return undefined;
    for (const [old, { atMs }] of ids) {
      if (nowMs - atMs < this.idmpDurationMs) break;
      ids.delete(old);
    }
    if (ids.size === 0) this.#remembered.delete(producer);
    return ids.get(iid)?.id;
  }

  remember(producer: string, iid: string, id: StreamId, nowMs: number): void {
    let ids = this.#remembered.get(producer);
    if (ids === undefined) {
      ids = new Map();
      this.#remembered.set(producer, ids);
    }
    ids.set(iid, { id, atMs: nowMs });
    this.idsAdded++;
    if (ids.size > this.idmpMaxSize)
      for (const [oldest] of ids) {
        ids.delete(oldest);
        break;
      }
    this.#journal.note({ stream: this, type: 'idmp', producer, iid });
  }

  /** XCFGSET: other values than before forget all ids. */
  configure(durationMs: number, maxSize: number): void {
    if (durationMs !== this.idmpDurationMs || maxSize !== this.idmpMaxSize) this.#remembered.clear();
    this.idmpDurationMs = durationMs;
    this.idmpMaxSize = maxSize;
  }

  /** Producers and ids that are remembered now. */
  tracked(nowMs: number): { readonly producers: number; readonly ids: number } {
    let producers = 0;
    let ids = 0;
    for (const one of this.#remembered.values()) {
      const before = ids;
      for (const { atMs } of one.values()) if (nowMs - atMs < this.idmpDurationMs) ids++;
      if (ids > before) producers++;
    }
    return { producers, ids };
  }

  // ── Groups ──────────────────────────────────────────────────────────────────────────────────────────────────────

  createGroup(name: string, lastId: StreamId, entriesRead: number): Group {
    const group: Group = { name, lastId, entriesRead, pel: new IdList(), consumers: new Map() };
    this.groups.set(name, group);
    this.#journal.note({ stream: this, type: 'grouped', group });
    return group;
  }

  destroyGroup(group: Group): void {
    this.groups.delete(group.name);
    this.#journal.note({ stream: this, type: 'ungrouped', group });
  }

  /** The consumer of that name, made if need be (X6). */
  consumer(group: Group, name: string, nowMs: number): GroupConsumer {
    const known = group.consumers.get(name);
    if (known !== undefined) return known;
    const consumer: GroupConsumer = { name, pending: 0, seenMs: nowMs, activeMs: -1 };
    group.consumers.set(name, consumer);
    this.#journal.note({ stream: this, type: 'consumer', group, consumer });
    return consumer;
  }

  /** XGROUP DELCONSUMER: what it had pending is dropped for good (X15). Gives those. */
  deleteConsumer(group: Group, consumer: GroupConsumer): Pending[] {
    const dropped = group.pel.all().filter(({ owner }) => owner === consumer);
    for (const pending of dropped) this.unpend(group, pending);
    group.consumers.delete(consumer.name);
    this.#journal.note({ stream: this, type: 'unconsumer', group, consumer });
    return dropped;
  }

  /** Moves the position of a group: XGROUP SETID, LASTID of XCLAIM, and reading. */
  move(group: Group, lastId: StreamId, entriesRead: number): void {
    this.#journal.note({ stream: this, type: 'moved', group, lastId: group.lastId, entriesRead: group.entriesRead });
    group.lastId = lastId;
    group.entriesRead = entriesRead;
  }

  /** The next entry that this group has not read; undefined when there is none. */
  next(group: Group): Entry | undefined {
    return this.entries.after(group.lastId);
  }

  /** Hands the next unread entry to a consumer (X6); with `noack` it is never pending (X13). */
  read(group: Group, entry: Entry, consumer: GroupConsumer, noack: boolean, nowMs: number): Handed {
    const { id, message } = entry;
    const was = group.pel.get(id);
    const pending = noack ? null : (was ?? newPending(entry));
    const { lastId, entriesRead } = group;
    if (pending !== null && was === undefined) {
      group.pel.add(pending);
      this.#journal.note({ stream: this, type: 'read', group, pending, lastId, entriesRead });
      group.entriesRead = this.#readCount(group, id);
      group.lastId = id;
    } else this.move(group, id, this.#readCount(group, id));
    if (pending === null) return { id, message, pending, entry, from: null, idleMs: 0, before: 0, count: 1 };
    // After XGROUP SETID it may be pending already, perhaps with somebody else: then it changes owner and counts anew (X15).
    const from = pending.owner;
    if (was !== undefined) this.#notePended(group, pending, true);
    this.#own(pending, consumer, nowMs, 1);
    return { id, message, pending, entry, from, idleMs: 0, before: 0, count: 1 };
  }

  /** What a consumer has pending after an id, as XREADGROUP with an id tells (X7). Idle and count change for those that are still in the stream. */
  history(group: Group, consumer: GroupConsumer, after: StreamId, limit: number, nowMs: number): Handed[] {
    const handed: Handed[] = [];
    if (consumer.pending === 0) return handed;
    for (
      let pending = group.pel.after(after);
      pending !== undefined && handed.length < limit;
      pending = group.pel.after(pending.id)
    ) {
      if (pending.owner !== consumer) continue;
      const entry = this.entries.get(pending.id) ?? null;
      const { id, count: before, message } = pending;
      const idleMs = nowMs - pending.timeMs;
      if (entry !== null) {
        this.#notePended(group, pending, true);
        pending.timeMs = nowMs;
        pending.count++;
      } else pending.nilTold = true;
      const { count } = pending;
      handed.push({
        id,
        message: entry === null ? null : message,
        pending,
        entry,
        from: consumer,
        idleMs,
        before,
        count,
      });
    }
    return handed;
  }

  /** Gives a pending entry to a consumer (X11, X12). `count` below 0: one more than before, unless `justId`. */
  claim(
    group: Group,
    pending: Pending,
    consumer: GroupConsumer,
    how: { readonly timeMs: number; readonly count: number; readonly justId: boolean },
    nowMs: number,
  ): Handed {
    const { id, message, owner: from, count: before } = pending;
    const idleMs = idleOf(pending, nowMs);
    const entry = this.entries.get(id) ?? null;
    this.#notePended(group, pending, true);
    this.#own(pending, consumer, how.timeMs, how.count >= 0 ? how.count : how.justId ? before : before + 1);
    return { id, message, pending, entry, from, idleMs, before, count: pending.count };
  }

  /** XCLAIM … FORCE: makes a pending entry of one that is not pending. Nobody's yet. */
  force(group: Group, entry: Entry): Pending {
    const pending = newPending(entry);
    group.pel.add(pending);
    this.#notePended(group, pending, false);
    return pending;
  }

  /** Takes an entry off the PEL, whoever owns it (X9). */
  unpend(group: Group, pending: Pending): void {
    this.#journal.note({ stream: this, type: 'unpended', group, pending });
    this.#unpendUntold(group, pending);
  }

  /** The same without a word to the journal: a step is taken back. */
  #unpendUntold(group: Group, pending: Pending): void {
    group.pel.remove(pending);
    if (pending.owner !== null) pending.owner.pending--;
  }

  /** XNACK: it belongs to nobody and can be claimed at once, whatever the minimum idle time (X14). */
  release(group: Group, pending: Pending, count: number): void {
    this.#notePended(group, pending, true);
    if (pending.owner !== null) pending.owner.pending--;
    pending.owner = null;
    pending.timeMs = 0;
    pending.count = count;
  }

  /** Pending entries that are idle for so long, longest first (X20, XREADGROUP … CLAIM). */
  idle(group: Group, minIdleMs: number, nowMs: number): Pending[] {
    const idle = group.pel.all().filter((pending) => pending.owner === null || nowMs - pending.timeMs >= minIdleMs);
    return idle.sort((a, b) => a.timeMs - b.timeMs || compareIds(a.id, b.id));
  }

  /** When the next pending entry will have been idle for so long; Infinity when none is pending. */
  idleAtMs(group: Group, minIdleMs: number): number {
    let at = Number.POSITIVE_INFINITY;
    for (const { timeMs } of group.pel.all()) if (timeMs + minIdleMs < at) at = timeMs + minIdleMs;
    return at;
  }

  /** Entries that the group has still to read; null when that cannot be known (X17). */
  lag(group: Group): number | null {
    if (this.entriesAdded === 0) return 0;
    if (
      this.#countsRest &&
      this.length > 0 &&
      compareIds(group.lastId, this.firstId) < 0 &&
      !this.#hasTombstone(group.lastId)
    ) {
      return this.length;
    }
    if (group.entriesRead >= 0 && !this.#hasTombstone(group.lastId)) return this.entriesAdded - group.entriesRead;
    const read = this.#estimate(group.lastId);
    return read < 0 ? null : this.entriesAdded - read;
  }

  // ── Taking back ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes one step back; steps are taken back in the reverse of their order. */
  undo(change: Change): void {
    switch (change.type) {
      case 'added':
        this.#takeOut(change.entry);
        this.lastId = change.lastId;
        this.entriesAdded--;
        return;
      case 'removed':
        this.entries.add(change.entry);
        if (change.entry.node.live === 0) this.#bringBack(change.entry.node);
        change.entry.node.live++;
        this.maxDeleted = change.maxDeleted;
        return;
      case 'read':
        this.#unpendUntold(change.group, change.pending);
        change.group.lastId = change.lastId;
        change.group.entriesRead = change.entriesRead;
        return;
      case 'pended': {
        const { group, pending, was, owner, timeMs, count } = change;
        if (!was) return this.#unpendUntold(group, pending);
        if (pending.owner !== null) pending.owner.pending--;
        pending.owner = owner;
        if (owner !== null) owner.pending++;
        pending.timeMs = timeMs;
        pending.count = count;
        return;
      }
      case 'unpended':
        change.group.pel.add(change.pending);
        if (change.pending.owner !== null) change.pending.owner.pending++;
        return;
      case 'moved':
        change.group.lastId = change.lastId;
        change.group.entriesRead = change.entriesRead;
        return;
      case 'grouped':
        this.groups.delete(change.group.name);
        return;
      case 'ungrouped':
        this.groups.set(change.group.name, change.group);
        return;
      case 'consumer':
        change.group.consumers.delete(change.consumer.name);
        return;
      case 'unconsumer':
        change.group.consumers.set(change.consumer.name, change.consumer);
        return;
      case 'set':
        this.lastId = change.lastId;
        this.entriesAdded = change.entriesAdded;
        this.maxDeleted = change.maxDeleted;
        return;
      case 'idmp':
        this.#remembered.get(change.producer)?.delete(change.iid);
        return;
      default:
        change satisfies never;
    }
  }

  #takeOut(entry: Entry): void {
    this.entries.remove(entry);
    entry.node.live--;
    while (this.#firstNode < this.#nodes.length && (this.#nodes[this.#firstNode] as StreamNode).live === 0) {
      this.#firstNode++;
    }
    if (this.#firstNode > 63 && this.#firstNode * 2 > this.#nodes.length) {
      this.#nodes.splice(0, this.#firstNode);
      this.#firstNode = 0;
    }
  }

  /** A node that was empty has an entry again, which is older than all others or newer than all others or in between; order matters to no one. */
  #bringBack(node: StreamNode): void {
    const at = this.#nodes.indexOf(node);
    if (at < 0) this.#nodes.unshift(node);
    else if (at < this.#firstNode) this.#firstNode = at;
  }

  /** Id of the last entry in the node of this one. */
  #lastOf(entry: Entry): StreamId {
    let last = entry;
    for (let next = this.entries.after(last.id); next?.node === entry.node; next = this.entries.after(last.id)) {
      last = next;
    }
    return last.id;
  }

  #notePended(group: Group, pending: Pending, was: boolean): void {
    const { owner, timeMs, count } = pending;
    this.#journal.note({ stream: this, type: 'pended', group, pending, was, owner, timeMs, count });
  }

  #own(pending: Pending, consumer: GroupConsumer, timeMs: number, count: number): void {
    if (pending.owner !== consumer) {
      if (pending.owner !== null) pending.owner.pending--;
      consumer.pending++;
      pending.owner = consumer;
    }
    pending.timeMs = timeMs;
    pending.count = count;
  }

  /** The group's read counter after it has read this id. Source: X17. */
  #readCount(group: Group, id: StreamId): number {
    const follows = !this.#countsRest || compareIds(group.lastId, this.firstId) >= 0;
    if (group.entriesRead >= 0 && follows && !this.#hasTombstone(group.lastId)) {
      return group.entriesRead + 1;
    }
    return this.entriesAdded > 0 ? this.#estimate(id) : group.entriesRead;
  }

  /** Whether an entry after this id may have been deleted (by XDEL, not by trimming). */
  #hasTombstone(id: StreamId): boolean {
    if (this.length === 0 || isZero(this.maxDeleted) || compareIds(this.firstId, this.maxDeleted) > 0) return false;
    return compareIds(id, this.maxDeleted) <= 0;
  }

  /** How many entries had ever been added up to this id; −1 when nobody can tell. */
  #estimate(id: StreamId): number {
    if (this.entriesAdded === 0) return 0;
    const last = compareIds(id, this.lastId);
    if (this.length === 0 && last <= 0) return this.entriesAdded;
    if (last === 0) return this.entriesAdded;
    if (last > 0) return -1;
    if (isZero(this.maxDeleted) || compareIds(this.maxDeleted, this.firstId) < 0) {
      const first = compareIds(id, this.firstId);
      if (first < 0) return this.entriesAdded - this.length;
      if (first === 0) return this.entriesAdded - this.length + 1;
    }
    return -1;
  }
}

/** An entry that becomes pending. Nobody's yet. */
function newPending({ id, message, fact }: Entry): Pending {
  return { id, message, owner: null, timeMs: 0, count: 1, nilTold: false, waits: false, fact, gone: false };
}

/** How long a pending entry has been idle; −1 when it is nobody's. */
export function idleOf({ owner, timeMs }: Pending, nowMs: number): number {
  return owner === null ? -1 : nowMs - timeMs;
}

/** The largest delivery count: what XNACK FATAL sets, and what does not grow further. Told as 2^63 − 1 (X14). */
export const FATAL_COUNT = Number.POSITIVE_INFINITY;
