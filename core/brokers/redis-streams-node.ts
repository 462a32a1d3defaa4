/**
 * A Redis server, as far as streams go: keys that hold streams, the commands on them, clients that block, and the disk. A single thread handles one
 * command after the other, so each is atomic. What is in a stream is kept by `RedisStream`; this file carries out the commands, records the facts,
 * wakes those that wait, and decides what a crash of the machine takes back. Nothing is pushed and nothing is redelivered by itself (X8).
 *
 * Facts tell of what a group has still to do: its share of the stream is a queue, from which an ack removes, although the entry itself stays in the
 * stream until it is trimmed.
 * Source: rules X1–X20.
 */
import { F, R } from '../facts.ts';
import type { Command, HopKind, Machine, Out, Wire } from '../machine.ts';
import { RecentNumbers } from '../parts/recent-numbers.ts';
import {
  type Change,
  type Entry,
  FATAL_COUNT,
  type Group,
  type GroupConsumer,
  type Handed,
  idleOf,
  type Pending,
  RedisStream,
  type References,
  type Trim,
} from '../parts/redis-stream.ts';
import {
  compareIds,
  GREATEST_ID,
  idBefore,
  isZero,
  LEAST_ID,
  nextId,
  nextInMs,
  type StreamId,
} from '../parts/stream-id.ts';
import type { ActorId, FactId, Message, Micros, PlaceId } from '../types.ts';
import type {
  AutoClaimReply,
  ConfigSet,
  EntriesReply,
  ErrorReply,
  PendingList,
  ReadFrom,
  ReadReply,
  StreamRead,
  StreamsReply,
  StreamsRequest,
  XAck,
  XAckDel,
  XAdd,
  XAutoClaim,
  XCfgSet,
  XClaim,
  XDel,
  XDelEx,
  XGroupConsumer,
  XGroupCreate,
  XGroupDestroy,
  XGroupSetId,
  XInfoConsumers,
  XNack,
  XPending,
  XRange,
  XRead,
  XReadGroup,
  XSetId,
  XTrim,
} from './redis-streams-verbs.ts';

const SECOND = 1_000_000;
/** How long the operating system keeps what nobody asked it to flush (X18, appendfsync no). */
const SYSTEM_FLUSH_US: Micros = 30 * SECOND;

export interface RedisSettings {
  /** 100 × major + minor: 808 is 8.8. */
  readonly version: number;
  /** What the server's clock shows at time 0, in ms. */
  readonly epochMs: number;
  readonly nodeMaxEntries: number;
  readonly appendonly: boolean;
  readonly appendfsync: 'always' | 'everysec' | 'no';
  /** `save` points: a snapshot once there are so many changes and so much time has passed since the last one. */
  readonly save: readonly { readonly afterUs: Micros; readonly changes: number }[];
  /** How far an asynchronous replica is behind, which takes over when the node dies (X19); −1 without one. */
  readonly replicaLagUs: Micros;
  readonly idmpDurationMs: number;
  readonly idmpMaxSize: number;
}

/** Names of places on the stage. */
export interface StreamPlaces {
  /** The stream itself: where its entries lie while no group reads it, and what a producer is told. */
  stream(key: string): PlaceId;
  /** A group's share of it. */
  group(key: string, group: string): PlaceId;
  /** Streams and the groups that read them from the beginning. */
  declared?(): Iterable<readonly [string, readonly string[]]>;
}

/** A group's share of a stream: where its facts happen. */
interface Share {
  readonly group: Group;
  readonly place: PlaceId;
}

interface Live {
  readonly stream: RedisStream;
  readonly place: PlaceId;
  shares: Share[];
  /** Entries that were stored by later facts than this one have one pair of facts for each of the shares. */
  sharesSince: FactId;
}

/** A client that waits for entries (BLOCK). */
interface Blocked {
  readonly from: ActorId;
  readonly request: XRead | XReadGroup;
  readonly streams: readonly ReadFrom[];
  /** Infinity for BLOCK 0. */
  readonly untilUs: Micros;
  readonly cause: FactId;
}

/** A step that a crash may take back. */
interface Written {
  readonly live: Live | null;
  readonly stream: RedisStream;
  readonly change: Change | { readonly type: 'created' | 'deleted' };
  readonly atUs: Micros;
}

/** An entry of a group as it was before a crash. */
interface Before {
  readonly share: Share | null;
  readonly live: Live;
  readonly id: StreamId;
  readonly message: Message;
  readonly status: Status;
  readonly fact: FactId;
}

type Status = 'absent' | 'unread' | 'pending' | 'done';

interface NodeTimer extends Wire {
  readonly type: 'unblock' | 'flush' | 'claimable';
}

const UNBLOCK: NodeTimer = { type: 'unblock' };
const FLUSH: NodeTimer = { type: 'flush' };
const CLAIMABLE: NodeTimer = { type: 'claimable' };
const NEVER = Number.POSITIVE_INFINITY;

const ERRORS = {
  wrongType: 'WRONGTYPE Operation against a key holding the wrong kind of value',
  noKey: 'ERR no such key',
  zero: 'ERR The ID specified in XADD must be greater than 0-0',
  smaller: 'ERR The ID specified in XADD is equal or smaller than the target stream top item',
  exhausted: 'ERR The stream has exhausted the last possible ID, unable to add more items',
  needsKey:
    'ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.',
  busy: 'BUSYGROUP Consumer Group name already exists',
  unblocked: 'UNBLOCKED the stream key no longer exists',
  destroyed: 'NOGROUP the consumer group this client was blocked on no longer exists',
  setIdTop: 'ERR The ID specified in XSETID is smaller than the target stream top item',
  setIdAdded: 'ERR The entries_added specified in XSETID is smaller than the target stream length',
  setIdDeleted: 'ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id',
} as const;

export class RedisStreamsNode implements Machine {
  readonly #settings: RedisSettings;
  readonly #places: StreamPlaces;
  readonly #streams = new Map<string, Live>();
  /** Keys that hold something else. */
  readonly #others = new Set<string>();
  /** By client: commands that have come already. */
  readonly #heard = new Map<ActorId, RecentNumbers>();
  #blocked: Blocked[] = [];
  #unblockAtUs = NEVER;
  #claimableAtUs = NEVER;
  #nodeMaxEntries: number;
  /** What is not safe yet, in order. */
  #written: Written[] = [];
  #flushAtUs = NEVER;
  #savedAtUs: Micros = 0;
  #nowUs: Micros = 0;
  /** Whether a crash can take anything back. */
  readonly #loses: boolean;

  constructor(settings: RedisSettings, places: StreamPlaces) {
    this.#settings = settings;
    this.#places = places;
    this.#nodeMaxEntries = settings.nodeMaxEntries;
    const { appendonly, appendfsync, replicaLagUs } = settings;
    this.#loses = replicaLagUs >= 0 || !appendonly || appendfsync !== 'always';
  }

  /** Makes what an administrator made before the run begins: streams, and groups that will read them from their start. They are on disk already. */
  declareAll(): void {
    for (const [key, groups] of this.#places.declared?.() ?? []) {
      if (this.#streams.has(key)) continue;
      const live = this.#open(key);
      for (const group of groups) this.#share(key, live, live.stream.createGroup(group, LEAST_ID, -1));
    }
    this.#written = [];
  }

  start(): void {
    this.declareAll();
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    this.#nowUs = out.now;
    const request = wire as StreamsRequest | DeadLetter;
    if (request.type !== 'QUIT' && request.token > 0 && !this.#isNew(from, request.token)) return;
    switch (request.type) {
      case 'XADD':
        this.#add(from, request, out);
        break;
      case 'XREADGROUP':
        this.#readGroup(from, request, out);
        break;
      case 'XACK':
        this.#ack(from, request, out);
        break;
      case 'EVAL':
        this.#deadLetter(from, request, out);
        break;
      case 'XREAD':
        this.#readPlain(from, request, out);
        break;
      case 'XCLAIM':
        this.#claim(from, request, out);
        break;
      case 'XAUTOCLAIM':
        this.#autoClaim(from, request, out);
        break;
      case 'XNACK':
        this.#nack(from, request, out);
        break;
      case 'XPENDING':
        this.#pending(from, request, out);
        break;
      case 'XTRIM':
        this.#trimAsked(from, request, out);
        break;
      case 'XDEL':
      case 'XDELEX':
        this.#delete(from, request, out);
        break;
      case 'XACKDEL':
        this.#ackDelete(from, request, out);
        break;
      case 'XRANGE':
      case 'XREVRANGE':
        this.#range(from, request, out);
        break;
      case 'XGROUP CREATE':
        this.#createGroup(from, request, out);
        break;
      case 'XGROUP SETID':
        this.#setGroupId(from, request, out);
        break;
      case 'XGROUP DESTROY':
        this.#destroyGroup(from, request, out);
        break;
      case 'XGROUP CREATECONSUMER':
      case 'XGROUP DELCONSUMER':
        this.#groupConsumer(from, request, out);
        break;
      case 'XINFO STREAM':
      case 'XINFO GROUPS':
        this.#info(from, request, out);
        break;
      case 'XINFO CONSUMERS':
        this.#infoConsumers(from, request, out);
        break;
      case 'XSETID':
        this.#setId(from, request, out);
        break;
      case 'XCFGSET':
        this.#configureStream(from, request, out);
        break;
      case 'XLEN':
      case 'EXISTS':
      case 'TYPE':
      case 'DEL':
        this.#key(from, request, out);
        break;
      case 'SET':
        this.#drop(request.key, out);
        this.#others.add(request.key);
        this.#ok(from, request.token, out);
        break;
      case 'FLUSHALL':
        for (const key of [...this.#streams.keys()]) this.#drop(key, out);
        this.#others.clear();
        this.#ok(from, request.token, out);
        break;
      case 'CONFIG SET':
        this.#configure(from, request, out);
        break;
      case 'PING':
        this.#ok(from, request.token, out);
        break;
      case 'QUIT':
        this.peerLost(from);
        break;
      default:
        request satisfies never;
    }
    if (this.#loses) this.#armFlush(out);
  }

  timer(wire: Wire, out: Out): void {
    this.#nowUs = out.now;
    const timer = wire as NodeTimer;
    switch (timer.type) {
      case 'unblock':
        return this.#endBlocks(out);
      case 'claimable':
        this.#claimableAtUs = NEVER;
        this.#serve(null, out);
        return this.#armClaimable(out);
      case 'flush':
        this.#flushAtUs = NEVER;
        return this.#flush(out);
      default:
        timer.type satisfies never;
    }
  }

  /** A closed connection ends what its client waited for: nobody would hear the answer. */
  peerLost(peer: ActorId): void {
    if (this.#blocked.some(({ from }) => from === peer)) {
      this.#blocked = this.#blocked.filter(({ from }) => from !== peer);
    }
  }

  /**
   * The machine dies, as in a power cut: what was not on disk is lost, and with it acks and claims (X18). Where a replica takes over, what it had not
   * got is lost instead (X19).
   */
  crash(out: Out, losesDisk: boolean): void {
    this.#nowUs = out.now;
    this.#forgetClients();
    const { replicaLagUs } = this.#settings;
    if (replicaLagUs >= 0) this.#takeBack(out, out.now - replicaLagUs, R['not replicated']);
    else if (losesDisk) this.#loseAll(out);
    else this.#takeBack(out, Number.NEGATIVE_INFINITY, R['not flushed']);
  }

  /** SHUTDOWN: everything is saved first. */
  stop(_out: Out): void {
    this.#forgetClients();
    this.#written = [];
  }

  restart(out: Out): void {
    this.#savedAtUs = out.now;
  }

  command(command: Command, out: Out): void {
    this.#nowUs = out.now;
    if (command.type === 'seek') {
      for (const live of this.#streams.values()) {
        const share = live.shares.find(({ group }) => group.name === command.group);
        if (share === undefined) continue;
        const { to } = command;
        const id: StreamId =
          'end' in to
            ? to.end === 'earliest'
              ? LEAST_ID
              : live.stream.lastId
            : 'timeUs' in to
              ? { ms: Math.max(0, this.#ms(to.timeUs) - 1), seq: GREATEST_ID.seq }
              : (live.stream.entries.all()[to.offset - 1]?.id ?? LEAST_ID);
        this.#moveGroup(live, share, id, -1, out);
      }
    }
    if (this.#loses) this.#armFlush(out);
  }

  /** Takes a step of a stream down, in case it must be taken back. */
  note(stream: RedisStream, change: Written['change'], live: Live | null = null): void {
    if (this.#loses) this.#written.push({ live, stream, change, atUs: this.#nowUs });
  }

  // ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #add(from: ActorId, request: XAdd, out: Out): void {
    const { key, message, token, idmp } = request;
    if (this.#others.has(key)) return this.#error(from, token, ERRORS.wrongType, out, message);
    if (request.id !== '*' && request.id.seq !== '*' && isZero(request.id as StreamId)) {
      return this.#error(from, token, ERRORS.zero, out, message);
    }
    let live = this.#streams.get(key);
    if (live === undefined) {
      // X2: NOMKSTREAM adds to existing streams only.
      if (request.nomkstream === true) return this.#reply(from, 'reply', { type: 'id', token, id: null }, out, message);
      live = this.#open(key);
      this.note(live.stream, { type: 'created' }, live);
    }
    const { stream } = live;
    const nowMs = this.#ms(out.now);
    if (idmp !== undefined) {
      // X20: a repeat is answered with the id of the first, and adds nothing.
      const known = stream.known(idmp.producer, idmp.iid, nowMs);
      if (known !== undefined) {
        stream.idsDuplicate++;
        out.fact(F.deduplicated, message.id, live.place, from);
        return this.#reply(from, 'reply', { type: 'id', token, id: known }, out, message);
      }
    }
    const id = this.#newId(stream, request, nowMs);
    if (typeof id === 'string') return this.#error(from, token, id, out, message);
    if (idmp !== undefined) stream.remember(idmp.producer, idmp.iid, id, nowMs);
    this.#append(live, id, message, 0, out);
    if (request.trim !== undefined) this.#trim(live, request.trim, out);
    this.#reply(from, 'reply', { type: 'id', token, id }, out, message);
    this.#serve(key, out);
  }

  /** The id of a new entry, or why there is none (X1). */
  #newId(stream: RedisStream, { id }: XAdd, nowMs: number): StreamId | string {
    const { lastId } = stream;
    if (compareIds(lastId, GREATEST_ID) === 0) return ERRORS.exhausted;
    if (id === '*') return nextId(lastId, nowMs) ?? ERRORS.exhausted;
    if (id.seq === '*') return nextInMs(lastId, id.ms) ?? ERRORS.smaller;
    return compareIds(id as StreamId, lastId) > 0 ? (id as StreamId) : ERRORS.smaller;
  }

  /** Adds an entry; each group that reads the stream has it to do. */
  #append(live: Live, id: StreamId, message: Message, because: FactId, out: Out): Entry {
    const entry = live.stream.add(id, message, this.#nodeMaxEntries);
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

  #trimAsked(from: ActorId, { key, trim, token }: XTrim, out: Out): void {
    const live = this.#at(from, token, key, out);
    if (live === null) return;
    this.#count(from, token, live === undefined ? 0 : this.#trim(live, trim, out), out);
  }

  /** X3: oldest first. */
  #trim(live: Live, trim: Trim, out: Out): number {
    const { stream } = live;
    if (trim.maxlen !== undefined && stream.length <= trim.maxlen) return 0;
    const entries = stream.trimmed(trim, this.#nodeMaxEntries);
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

  #delete(from: ActorId, request: XDel | XDelEx, out: Out): void {
    const { key, ids, token } = request;
    const live = this.#at(from, token, key, out);
    if (live === null) return;
    const references = request.type === 'XDELEX' ? request.references : 'KEEPREF';
    const codes = ids.map((id) => (live === undefined ? -1 : this.#deleteOne(live, id, references, out)));
    if (request.type === 'XDELEX') this.#reply(from, 'control', { type: 'codes', token, codes }, out);
    else this.#count(from, token, codes.filter((code) => code === 1).length, out);
  }

  /** −1: no such entry; 1: deleted; 2: still referenced (X20). */
  #deleteOne(live: Live, id: StreamId, references: References, out: Out): number {
    const entry = live.stream.entries.get(id);
    if (entry === undefined) {
      if (references === 'DELREF') {
        for (const { group, place } of live.shares) {
          const pending = group.pel.get(id);
          if (pending !== undefined) this.#forget(live.stream, group, place, pending, R.purged, out);
        }
      }
      return -1;
    }
    if (references === 'ACKED' && live.stream.isReferenced(id)) return 2;
    this.#remove(live, entry, true, references, R.purged, out);
    return 1;
  }

  #ackDelete(from: ActorId, request: XAckDel, out: Out): void {
    const { key, group: name, ids, references, token, attempt } = request;
    const live = this.#at(from, token, key, out);
    if (live === null) return;
    const share = live?.shares.find(({ group }) => group.name === name);
    const codes = ids.map((id) => {
      const pending = share?.group.pel.get(id);
      if (live === undefined || share === undefined || pending === undefined) return -1;
      this.#settle(live.stream, share, pending, from, attempt ?? pending.count, out);
      const code = this.#deleteOne(live, id, references, out);
      return code === 2 ? 2 : 1;
    });
    this.#reply(from, 'control', { type: 'codes', token, codes }, out);
  }

  // ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #readPlain(from: ActorId, request: XRead, out: Out): void {
    const { token, streams, blockMs } = request;
    const known: ReadFrom[] = [];
    for (const { key, after } of streams) {
      const live = this.#at(from, token, key, out);
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
    const read = this.#newEntries(known, request.count);
    if (read.length > 0 || blockMs < 0) return this.#answer(from, request, read.length > 0 ? read : null, out);
    this.#block(from, request, known, out);
  }

  #newEntries(streams: readonly ReadFrom[], count: number): StreamRead[] {
    const read: StreamRead[] = [];
    for (const { key, after } of streams) {
      const live = this.#streams.get(key);
      if (live === undefined || typeof after === 'string' || compareIds(live.stream.lastId, after) <= 0) continue;
      const from = live.stream.entries.after(after);
      if (from === undefined) continue;
      const limit = count > 0 ? count : NEVER;
      const entries = live.stream.entries.range(from.id, GREATEST_ID, limit).map(plainly);
      read.push({ key, place: 0, entries });
    }
    return read;
  }

  #readGroup(from: ActorId, request: XReadGroup, out: Out): void {
    const { token, streams, group: name, consumer, blockMs } = request;
    for (const { key } of streams) {
      const live = this.#at(from, token, key, out);
      if (live === null) return;
      if (live === undefined || !live.stream.groups.has(name)) {
        return this.#error(from, token, noGroupToRead(key, name), out);
      }
      if (this.#settings.version >= 702) this.#touch(live.stream, name, consumer, out);
    }
    const read = this.#take(from, request, out);
    if (read.length > 0 || blockMs < 0) return this.#answer(from, request, read.length > 0 ? read : null, out);
    this.#block(from, request, streams, out);
  }

  /** Since 7.2 a consumer exists once it is mentioned, even if it gets nothing. */
  #touch(stream: RedisStream, name: string, consumer: string, out: Out): GroupConsumer {
    const group = stream.groups.get(name) as Group;
    const nowMs = this.#ms(out.now);
    const found = stream.consumer(group, consumer, nowMs);
    found.seenMs = nowMs;
    return found;
  }

  /** What a group reader gets now. */
  #take(from: ActorId, request: XReadGroup, out: Out): StreamRead[] {
    const read: StreamRead[] = [];
    for (const { key, after } of request.streams) {
      const live = this.#streams.get(key);
      const share = shareOf(live, request.group);
      if (live === undefined || share === undefined) continue;
      const limit = request.count > 0 ? request.count : NEVER;
      const entries =
        typeof after === 'object'
          ? this.#takeHistory(from, request, live, share, after, limit, out)
          : this.#takeNew(from, request, live, share, limit, out);
      if (entries.length > 0 || typeof after === 'object') read.push({ key, place: share.place, entries });
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
    const consumer = this.#touch(stream, group.name, request.consumer, out);
    const handed = stream.history(group, consumer, after, limit, this.#ms(out.now));
    for (const one of handed) this.#again(one, place, from, R['connection lost'], out);
    return handed;
  }

  /** X6, X13, X16: in the order of ids, each entry to one consumer of the group; with CLAIM what is idle comes first (X20). */
  #takeNew(from: ActorId, request: XReadGroup, live: Live, share: Share, limit: number, out: Out): Handed[] {
    const { stream } = live;
    const { group, place } = share;
    const handed: Handed[] = [];
    const nowMs = this.#ms(out.now);
    let consumer: GroupConsumer | null = null;
    if (request.claimMs >= 0 && group.pel.size > 0) {
      const how = { timeMs: nowMs, count: -1, justId: false };
      for (const pending of stream.idle(group, request.claimMs, nowMs)) {
        if (handed.length >= limit) break;
        if (stream.entries.get(pending.id) === undefined) {
          this.#forget(stream, group, place, pending, R.retention, out);
          continue;
        }
        consumer ??= this.#touch(stream, group.name, request.consumer, out);
        handed.push(this.#claimOne(stream, share, pending, consumer, how, from, out));
      }
    }
    if (compareIds(stream.lastId, group.lastId) > 0) {
      while (handed.length < limit) {
        const entry = stream.next(group);
        if (entry === undefined) break;
        consumer ??= this.#touch(stream, group.name, request.consumer, out);
        const was = group.pel.get(entry.id);
        if (was !== undefined && !request.noack) this.#requeued(was, place, R.redriven, out);
        const one = stream.read(group, entry, consumer, request.noack, nowMs);
        const because = was === undefined || request.noack ? storedBy(live, share, entry) : was.fact;
        const delivered = out.fact(F.delivered, entry.message.id, place, from, 0, 1, because);
        if (one.pending !== null) one.pending.fact = delivered;
        // X13: nothing is kept, as if it were acked by being handed out.
        else if (was === undefined) out.fact(F.acked, entry.message.id, place, from, 0, 1, delivered);
        handed.push(one);
      }
    }
    if (consumer !== null) consumer.activeMs = nowMs;
    return handed;
  }

  /** Records that a pending entry is handed out once more. */
  #again(one: Handed, place: PlaceId, from: ActorId, reason: number, out: Out): void {
    const { pending, message, count } = one;
    if (pending === null || message === null) return;
    this.#requeued(pending, place, reason, out);
    pending.fact = out.fact(F.delivered, message.id, place, from, 0, shown(count), pending.fact);
  }

  #requeued(pending: Pending, place: PlaceId, reason: number, out: Out): void {
    // What was given back is ready already, and so is what a crash brought back.
    const isReady = pending.waits || pending.owner === null;
    pending.waits = false;
    if (isReady) return;
    pending.fact = out.fact(F.requeued, pending.message.id, place, 0, 0, reason, pending.fact);
  }

  /** Takes an entry off the PEL that nobody can read any more. */
  #forget(stream: RedisStream, group: Group, place: PlaceId, pending: Pending, reason: number, out: Out): void {
    stream.unpend(group, pending);
    out.fact(F.evicted, pending.message.id, place, 0, 0, reason, pending.fact);
  }

  #answer(
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
    const handed = streams.flatMap(({ entries }) => entries);
    this.#hand(to, reply, handed, out);
  }

  /** Sends entries to a client: one hop that carries all of their messages. */
  #hand(to: ActorId, reply: ReadReply | EntriesReply | AutoClaimReply, handed: readonly Handed[], out: Out): void {
    const messages: number[] = [];
    let sizeBytes = 0;
    for (const { message } of handed) {
      if (message === null) continue;
      messages.push(message.id);
      sizeBytes += message.sizeBytes;
    }
    out.send(to, messages.length > 0 ? 'delivery' : 'control', { ...reply, sizeBytes } as StreamsReply, messages);
  }

  // ── Waiting ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #block(from: ActorId, request: XRead | XReadGroup, streams: readonly ReadFrom[], out: Out): void {
    const untilUs = request.blockMs > 0 ? out.now + request.blockMs * 1000 : NEVER;
    this.#blocked.push({ from, request, streams, untilUs, cause: out.cause });
    if (untilUs < this.#unblockAtUs) this.#armUnblock(untilUs, out);
    if (request.type === 'XREADGROUP' && request.claimMs >= 0) this.#armClaimable(out);
  }

  /** Serves those that wait for a key (null: for any), the one that has waited longest first. */
  #serve(key: string | null, out: Out): void {
    for (let i = 0; i < this.#blocked.length; ) {
      const blocked = this.#blocked[i] as Blocked;
      const { from, request, streams, cause } = blocked;
      let read: StreamRead[] = [];
      if (this.#mayServe(blocked, key)) {
        read =
          request.type === 'XREADGROUP' ? this.#take(from, request, out) : this.#newEntries(streams, request.count);
      }
      if (read.length === 0) i++;
      else {
        this.#blocked.splice(i, 1);
        this.#answer(from, request, read, out, cause);
      }
    }
  }

  /** Whether there may be something for it, told cheaply. */
  #mayServe({ request, streams }: Blocked, key: string | null): boolean {
    for (const from of streams) {
      if (key !== null && from.key !== key) continue;
      if (request.type === 'XREAD' || request.claimMs >= 0) return true;
      const stream = this.#streams.get(from.key)?.stream;
      const group = stream?.groups.get(request.group);
      if (stream !== undefined && group !== undefined && compareIds(stream.lastId, group.lastId) > 0) return true;
    }
    return false;
  }

  /** Those that wait for a group that is gone, or for a stream, get an error (X15). */
  #failBlocked(key: string, group: string | null, out: Out): void {
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
      // Since 7.2 the command is tried again, and then finds no group.
      this.#error(from, request.token, this.#settings.version >= 702 ? noGroupToRead(key, name) : old, out);
    }
  }

  #armUnblock(untilUs: Micros, out: Out): void {
    this.#unblockAtUs = untilUs;
    out.timer(untilUs - out.now, UNBLOCK, out.cause);
  }

  #endBlocks(out: Out): void {
    if (out.now < this.#unblockAtUs) return;
    this.#unblockAtUs = NEVER;
    let next = NEVER;
    const waiting: Blocked[] = [];
    for (const blocked of this.#blocked) {
      if (blocked.untilUs <= out.now) this.#answer(blocked.from, blocked.request, null, out, blocked.cause);
      else {
        waiting.push(blocked);
        if (blocked.untilUs < next) next = blocked.untilUs;
      }
    }
    this.#blocked = waiting;
    if (next < NEVER) this.#armUnblock(next, out);
  }

  /** Pending entries may become old enough for a reader that waits with CLAIM. */
  #armClaimable(out: Out): void {
    let atMs = NEVER;
    for (const { request } of this.#blocked) {
      if (request.type !== 'XREADGROUP' || request.claimMs < 0) continue;
      for (const { key } of request.streams) {
        const live = this.#streams.get(key);
        const group = live?.stream.groups.get(request.group);
        if (live !== undefined && group !== undefined) {
          atMs = Math.min(atMs, live.stream.idleAtMs(group, request.claimMs));
        }
      }
    }
    if (atMs === NEVER) return;
    const atUs = Math.max(out.now, (atMs - this.#settings.epochMs) * 1000);
    if (atUs >= this.#claimableAtUs) return;
    this.#claimableAtUs = atUs;
    out.timer(atUs - out.now, CLAIMABLE, out.cause);
  }

  // ── Settling and claiming ───────────────────────────────────────────────────────────────────────────────────────

  /** X9: whoever acks, it is off the list. */
  #ack(from: ActorId, request: XAck, out: Out): void {
    const { key, group: name, ids, token, attempt, message } = request;
    const live = this.#at(from, token, key, out);
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
      this.#settle(live.stream, share, pending, from, attempt ?? pending.count, out);
    }
    this.#reply(from, 'control', { type: 'count', token, count: acked }, out, message);
  }

  #settle(stream: RedisStream, share: Share, pending: Pending, from: ActorId, attempt: number, out: Out): void {
    const { group, place } = share;
    // Acked only because there was nothing left to read.
    if (pending.nilTold && stream.entries.get(pending.id) === undefined) {
      return this.#forget(stream, group, place, pending, R.retention, out);
    }
    stream.unpend(group, pending);
    out.fact(F.acked, pending.message.id, place, from, 0, shown(attempt));
  }

  /** X14: XACK and, if it was pending, XADD to another stream, in one script. */
  #deadLetter(from: ActorId, request: DeadLetter, out: Out): void {
    const { key, group: name, id, to, token, reason, message } = request;
    const live = this.#at(from, token, key, out);
    if (live === null) return;
    const share = shareOf(live, name);
    const pending = share?.group.pel.get(id);
    if (live === undefined || share === undefined || pending === undefined) {
      if (share !== undefined) out.fact(F['ack-refused'], message.id, share.place, from, 0, R.duplicate);
      return this.#count(from, token, 0, out, message);
    }
    let target = this.#streams.get(to);
    if (target === undefined) {
      target = this.#open(to);
      this.note(target.stream, { type: 'created' }, target);
    }
    live.stream.unpend(share.group, pending);
    const place = target.shares[0]?.place ?? target.place;
    const moved = out.fact(F['dead-lettered'], message.id, place, 0, shown(pending.count), reason, pending.fact);
    const newId = nextId(target.stream.lastId, this.#ms(out.now));
    if (newId !== null) this.#append(target, newId, message, moved, out);
    this.#count(from, token, 1, out, message);
    this.#serve(to, out);
  }

  #claim(from: ActorId, request: XClaim, out: Out): void {
    const { key, group: name, token, minIdleMs, ids, idleMs, timeMs, retryCount, force, justId, lastId } = request;
    const found = this.#grouped(from, token, key, name, out);
    if (found === null) return;
    const { live, share } = found;
    const { stream } = live;
    const { group, place } = share;
    const nowMs = this.#ms(out.now);
    if (lastId !== null && compareIds(lastId, group.lastId) > 0) stream.move(group, lastId, group.entriesRead);
    const asked = idleMs >= 0 ? nowMs - idleMs : timeMs >= 0 ? timeMs : nowMs;
    const how = { timeMs: asked > nowMs || asked < 0 ? nowMs : asked, count: retryCount, justId };
    const handed: Handed[] = [];
    let consumer: GroupConsumer | null = null;
    for (const id of ids) {
      let pending = group.pel.get(id);
      const entry = stream.entries.get(id);
      if (entry === undefined) {
        // X11: what is no longer in the stream leaves the list.
        if (pending !== undefined) this.#forget(stream, group, place, pending, R.retention, out);
        continue;
      }
      if (pending === undefined) {
        if (!force) continue;
        pending = stream.force(group, entry);
      } else if (pending.owner !== null && nowMs - pending.timeMs < minIdleMs) continue;
      consumer ??= this.#touch(stream, name, request.consumer, out);
      consumer.activeMs = nowMs;
      handed.push(this.#claimOne(stream, share, pending, consumer, how, from, out));
    }
    this.#hand(from, { type: 'entries', token, entries: handed, justId, place, sizeBytes: 0 }, handed, out);
  }

  #claimOne(
    stream: RedisStream,
    { group, place }: Share,
    pending: Pending,
    consumer: GroupConsumer,
    how: { readonly timeMs: number; readonly count: number; readonly justId: boolean },
    from: ActorId,
    out: Out,
  ): Handed {
    this.#requeued(pending, place, R.claimed, out);
    const one = stream.claim(group, pending, consumer, how, this.#ms(out.now));
    const { message, count } = one;
    if (message !== null) {
      pending.fact = out.fact(F.delivered, message.id, place, from, 0, shown(count), pending.fact);
    }
    return one;
  }

  #autoClaim(from: ActorId, request: XAutoClaim, out: Out): void {
    const { key, group: name, token, minIdleMs, start, count, justId } = request;
    const found = this.#grouped(from, token, key, name, out);
    if (found === null) return;
    const { live, share } = found;
    const { stream } = live;
    const { group, place } = share;
    const nowMs = this.#ms(out.now);
    const how = { timeMs: nowMs, count: -1, justId };
    let consumer: GroupConsumer | null = null;
    if (this.#settings.version >= 702) consumer = this.#touch(stream, name, request.consumer, out);
    const handed: Handed[] = [];
    const deleted: StreamId[] = [];
    let attempts = count * 10;
    let pending = group.pel.from(start);
    for (; pending !== undefined && attempts > 0 && handed.length + deleted.length < count; attempts--) {
      const { id } = pending;
      if (stream.entries.get(id) === undefined) {
        this.#forget(stream, group, place, pending, R.retention, out);
        deleted.push(id);
      } else if (pending.owner === null || nowMs - pending.timeMs >= minIdleMs) {
        consumer ??= this.#touch(stream, name, request.consumer, out);
        consumer.activeMs = nowMs;
        handed.push(this.#claimOne(stream, share, pending, consumer, how, from, out));
      }
      pending = group.pel.after(id);
    }
    const cursor = pending?.id ?? LEAST_ID;
    const reply: AutoClaimReply = {
      type: 'autoclaim',
      token,
      key,
      cursor,
      entries: handed,
      deleted,
      justId,
      place,
      sizeBytes: 0,
    };
    this.#hand(from, reply, handed, out);
  }

  /** X14, 8.8: gives pending entries back; they are nobody's and can be claimed at once. */
  #nack(from: ActorId, request: XNack, out: Out): void {
    const { key, group: name, token, mode, ids, retryCount, force } = request;
    const found = this.#grouped(from, token, key, name, out);
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
    this.#count(from, token, released, out);
    // Whoever waits with CLAIM gets them now.
    if (released > 0) this.#serve(key, out);
  }

  /** X10: the summary, or a range of rows, of one consumer or of those that are idle for so long. */
  #pending(from: ActorId, { key, group: name, token, range }: XPending, out: Out): void {
    const found = this.#grouped(from, token, key, name, out);
    if (found === null) return;
    const { group } = found.share;
    const nowMs = this.#ms(out.now);
    if (range === null) {
      const consumers = byName(group.consumers)
        .filter(({ pending }) => pending > 0)
        .map(({ name: consumer, pending }) => ({ name: consumer, pending }));
      const min = group.pel.first?.id ?? null;
      const max = group.pel.last?.id ?? null;
      return this.#reply(from, 'control', { type: 'pending', token, count: group.pel.size, min, max, consumers }, out);
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
    this.#reply(from, 'control', { type: 'pending-list', token, rows }, out);
  }

  // ── Groups ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #createGroup(from: ActorId, request: XGroupCreate, out: Out): void {
    const { key, group: name, id, mkstream, entriesRead, token } = request;
    let live = this.#at(from, token, key, out);
    if (live === null) return;
    if (live === undefined) {
      if (!mkstream) return this.#error(from, token, ERRORS.needsKey, out);
      live = this.#open(key);
      this.note(live.stream, { type: 'created' }, live);
    }
    const { stream } = live;
    if (stream.groups.has(name)) return this.#error(from, token, ERRORS.busy, out);
    const lastId = id === '$' ? stream.lastId : id;
    this.#share(key, live, stream.createGroup(name, lastId, entriesRead));
    this.#ok(from, token, out);
  }

  #setGroupId(from: ActorId, { key, group: name, id, entriesRead, token }: XGroupSetId, out: Out): void {
    const found = this.#groupOfKey(from, token, key, name, out);
    if (found === null) return;
    const { live, share } = found;
    this.#moveGroup(live, share, id === '$' ? live.stream.lastId : id, entriesRead, out);
    this.#ok(from, token, out);
  }

  /** X15: what lies between is to be read again, or is passed over. Readers that block are not woken by it, but by the next entry. */
  #moveGroup({ stream }: Live, { group, place }: Share, id: StreamId, entriesRead: number, out: Out): void {
    const forward = compareIds(id, group.lastId) > 0;
    const [start, end] = forward ? [group.lastId, id] : [id, group.lastId];
    for (const entry of stream.entries.range(start, end, NEVER)) {
      if (compareIds(entry.id, start) === 0 || group.pel.get(entry.id) !== undefined) continue;
      if (forward) out.fact(F.evicted, entry.message.id, place, 0, 0, R['passed over'], out.cause);
      else entry.fact = out.fact(F.appended, entry.message.id, place, 0, 0, 0, out.cause);
    }
    stream.move(group, id, entriesRead);
  }

  #destroyGroup(from: ActorId, { key, group: name, token }: XGroupDestroy, out: Out): void {
    const live = this.#at(from, token, key, out);
    if (live === null) return;
    if (live === undefined) return this.#error(from, token, ERRORS.needsKey, out);
    const share = shareOf(live, name);
    this.#count(from, token, share === undefined ? 0 : 1, out);
    if (share === undefined) return;
    this.#evictShare(live.stream, share, R['consumer gone'], out);
    live.stream.destroyGroup(share.group);
    live.shares = live.shares.filter((one) => one !== share);
    live.sharesSince = out.cause;
    this.#failBlocked(key, name, out);
  }

  #evictShare(stream: RedisStream, { group, place }: Share, reason: number, out: Out): void {
    for (const { message, fact } of group.pel.all()) out.fact(F.evicted, message.id, place, 0, 0, reason, fact);
    for (const entry of stream.entries.range(group.lastId, GREATEST_ID, NEVER)) {
      if (compareIds(entry.id, group.lastId) > 0 && group.pel.get(entry.id) === undefined) {
        out.fact(F.evicted, entry.message.id, place, 0, 0, reason, entry.fact);
      }
    }
  }

  #groupConsumer(from: ActorId, request: XGroupConsumer, out: Out): void {
    const { key, group: name, consumer, token, type } = request;
    const found = this.#groupOfKey(from, token, key, name, out);
    if (found === null) return;
    const { live, share } = found;
    const known = share.group.consumers.get(consumer);
    if (type === 'XGROUP CREATECONSUMER') {
      if (known === undefined) this.#touch(live.stream, name, consumer, out);
      return this.#count(from, token, known === undefined ? 1 : 0, out);
    }
    const dropped = known === undefined ? [] : live.stream.deleteConsumer(share.group, known);
    for (const { message, fact } of dropped) {
      out.fact(F.evicted, message.id, share.place, 0, 0, R['consumer gone'], fact);
    }
    this.#count(from, token, dropped.length, out);
  }

  // ── Keys and settings ───────────────────────────────────────────────────────────────────────────────────────────

  #range(from: ActorId, { type, key, start, end, count, token }: XRange, out: Out): void {
    const live = this.#at(from, token, key, out);
    if (live === null) return;
    const limit = count < 0 ? NEVER : count;
    const entries =
      live === undefined
        ? []
        : limit === 0
          ? null
          : live.stream.entries.range(start, end, limit, type === 'XREVRANGE').map(plainly);
    this.#reply(from, 'control', { type: 'entries', token, entries, justId: false, place: 0, sizeBytes: 0 }, out);
  }

  #key(
    from: ActorId,
    { type, key, token }: { readonly type: 'XLEN' | 'EXISTS' | 'TYPE' | 'DEL'; key: string; token: number },
    out: Out,
  ): void {
    const exists = this.#streams.has(key) || this.#others.has(key);
    switch (type) {
      case 'XLEN': {
        const live = this.#at(from, token, key, out);
        if (live !== null) this.#count(from, token, live?.stream.length ?? 0, out);
        return;
      }
      case 'EXISTS':
        return this.#count(from, token, exists ? 1 : 0, out);
      case 'TYPE': {
        const text = this.#streams.has(key) ? 'stream' : exists ? 'string' : 'none';
        return this.#reply(from, 'control', { type: 'text', token, text }, out);
      }
      case 'DEL':
        this.#count(from, token, exists ? 1 : 0, out);
        this.#others.delete(key);
        return this.#drop(key, out);
      default:
        return type satisfies never;
    }
  }

  /** A stream is deleted with its groups. */
  #drop(key: string, out: Out): void {
    const live = this.#streams.get(key);
    if (live === undefined) return;
    for (const share of live.shares) this.#evictShare(live.stream, share, R.purged, out);
    if (live.shares.length === 0) {
      for (const { message, fact } of live.stream.entries.all()) {
        out.fact(F.evicted, message.id, live.place, 0, 0, R.purged, fact);
      }
    }
    this.#streams.delete(key);
    this.note(live.stream, { type: 'deleted' }, live);
    this.#failBlocked(key, null, out);
  }

  #info(
    from: ActorId,
    { type, key, token }: { readonly type: 'XINFO STREAM' | 'XINFO GROUPS'; key: string; token: number },
    out: Out,
  ): void {
    const live = this.#at(from, token, key, out);
    if (live === null) return;
    if (live === undefined) return this.#error(from, token, ERRORS.noKey, out);
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
      return this.#reply(from, 'control', { type: 'groups-info', token, groups }, out);
    }
    const first = stream.entries.first;
    const last = stream.entries.last;
    const { producers, ids } = stream.tracked;
    this.#reply(
      from,
      'control',
      {
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
      },
      out,
    );
  }

  #infoConsumers(from: ActorId, { key, group: name, token }: XInfoConsumers, out: Out): void {
    const live = this.#at(from, token, key, out);
    if (live === null) return;
    if (live === undefined) return this.#error(from, token, ERRORS.noKey, out);
    const share = shareOf(live, name);
    if (share === undefined) return this.#error(from, token, noGroupOfKey(key, name), out);
    const nowMs = this.#ms(out.now);
    const consumers = byName(share.group.consumers).map(({ name: consumer, pending, seenMs, activeMs }) => ({
      name: consumer,
      pending,
      idleMs: nowMs - seenMs,
      inactiveMs: activeMs < 0 ? -1 : nowMs - activeMs,
    }));
    this.#reply(from, 'control', { type: 'consumers-info', token, consumers }, out);
  }

  #setId(from: ActorId, { key, id, entriesAdded, maxDeleted, token }: XSetId, out: Out): void {
    const live = this.#at(from, token, key, out);
    if (live === null) return;
    if (live === undefined) return this.#error(from, token, ERRORS.noKey, out);
    const { stream } = live;
    const last = stream.entries.last;
    if (maxDeleted !== null && compareIds(id, maxDeleted) < 0)
      return this.#error(from, token, ERRORS.setIdDeleted, out);
    if (last !== undefined && compareIds(id, last.id) < 0) return this.#error(from, token, ERRORS.setIdTop, out);
    if (entriesAdded >= 0 && stream.length > entriesAdded) return this.#error(from, token, ERRORS.setIdAdded, out);
    const added = entriesAdded >= 0 ? entriesAdded : stream.entriesAdded;
    const deleted = maxDeleted !== null && !isZero(maxDeleted) ? maxDeleted : stream.maxDeleted;
    stream.set(id, added, deleted);
    this.#ok(from, token, out);
  }

  #configureStream(from: ActorId, { key, durationMs, maxSize, token }: XCfgSet, out: Out): void {
    const live = this.#at(from, token, key, out);
    if (live === null) return;
    if (live === undefined) return this.#error(from, token, ERRORS.noKey, out);
    live.stream.configure(durationMs ?? live.stream.idmpDurationMs, maxSize ?? live.stream.idmpMaxSize);
    this.#ok(from, token, out);
  }

  #configure(from: ActorId, { values, token }: ConfigSet, out: Out): void {
    const perNode = values['stream-node-max-entries'];
    if (perNode !== undefined) this.#nodeMaxEntries = Number(perNode);
    this.#ok(from, token, out);
  }

  // ── The disk ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Sees to it that what was written becomes safe in time (X18). */
  #armFlush(out: Out): void {
    if (this.#written.length === 0) return;
    const atUs = this.#safeAtUs(out.now);
    if (atUs >= this.#flushAtUs) return;
    this.#flushAtUs = atUs;
    out.timer(Math.max(0, atUs - out.now), FLUSH, out.cause);
  }

  /** When the next step towards safety is due. */
  #safeAtUs(now: Micros): Micros {
    const { appendonly, appendfsync, save, replicaLagUs } = this.#settings;
    if (replicaLagUs >= 0) return now + Math.max(replicaLagUs, 1000);
    if (appendonly) {
      const everyUs = appendfsync === 'everysec' ? SECOND : SYSTEM_FLUSH_US;
      return Math.floor(now / everyUs) * everyUs + everyUs;
    }
    let atUs = NEVER;
    for (const { afterUs, changes } of save) {
      if (this.#written.length >= changes) atUs = Math.min(atUs, Math.max(now, this.#savedAtUs + afterUs));
    }
    return atUs;
  }

  #flush(out: Out): void {
    const { replicaLagUs } = this.#settings;
    if (replicaLagUs >= 0) {
      const from = this.#written.findIndex(({ atUs }) => atUs > out.now - replicaLagUs);
      this.#written = from < 0 ? [] : this.#written.slice(from);
      return this.#armFlush(out);
    }
    this.#written = [];
    this.#savedAtUs = out.now;
  }

  /** Takes back what was written after a time, and tells what that means for each message. */
  #takeBack(out: Out, sinceUs: Micros, reason: number): void {
    let from = this.#written.length;
    while (from > 0 && (this.#written[from - 1] as Written).atUs > sinceUs) from--;
    const lost = this.#written.slice(from);
    this.#written = [];
    const touched = this.#touched(lost);
    for (let i = lost.length - 1; i >= 0; i--) {
      const { stream, change, live } = lost[i] as Written;
      switch (change.type) {
        case 'created':
          this.#streams.delete(stream.key);
          break;
        case 'deleted':
          this.#streams.set(stream.key, live as Live);
          break;
        default:
          stream.undo(change);
      }
    }
    for (const live of this.#streams.values()) {
      live.shares = [...live.stream.groups.values()].map(
        (group) =>
          live.shares.find((share) => share.group === group) ?? {
            group,
            place: this.#places.group(live.stream.key, group.name),
          },
      );
      live.sharesSince = NEVER;
    }
    this.#tell(touched, reason, out);
  }

  /** Every entry that the steps concern, for each group, as it is now. */
  #touched(lost: readonly Written[]): Before[] {
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
      const fact = share?.group.pel.get(id)?.fact ?? live.stream.entries.get(id)?.fact ?? 0;
      found.push({ live, share, id, message, status: statusOf(this.#streams, live, share, id), fact });
    };
    const touchAll = (live: Live, entry: Entry): void => {
      if (live.shares.length === 0) touch(live, null, entry.id, entry.message);
      for (const share of live.shares) touch(live, share, entry.id, entry.message);
    };
    for (const { stream, change, live: named } of lost) {
      const live = named ?? this.#streams.get(stream.key);
      if (live === undefined) continue;
      switch (change.type) {
        case 'added':
        case 'removed':
          touchAll(live, change.entry);
          break;
        case 'pended':
        case 'unpended': {
          const share = live.shares.find(({ group }) => group === change.group);
          if (share !== undefined) touch(live, share, change.pending.id, change.pending.message);
          break;
        }
        case 'moved': {
          const share = live.shares.find(({ group }) => group === change.group);
          if (share === undefined) break;
          const [start, end] =
            compareIds(change.lastId, share.group.lastId) < 0
              ? [change.lastId, share.group.lastId]
              : [share.group.lastId, change.lastId];
          const only = stream.entries.after(start);
          // Nearly always one step: the entry that was read.
          if (only === undefined || compareIds(only.id, end) > 0) break;
          if (seen.get(share.group)?.has(`${only.id.ms}-${only.id.seq}`) === true) break;
          for (const entry of stream.entries.range(start, end, NEVER)) {
            if (compareIds(entry.id, start) > 0) touch(live, share, entry.id, entry.message);
          }
          break;
        }
        case 'created':
        case 'deleted':
          for (const entry of stream.entries.all()) touchAll(live, entry);
          break;
        default:
      }
    }
    return found;
  }

  /** What the loss means: entries are gone, deliveries and acks did not happen. */
  #tell(touched: readonly Before[], reason: number, out: Out): void {
    for (const { live, share, id, message, status, fact } of touched) {
      const place = share?.place ?? live.place;
      const now = statusOf(this.#streams, live, share, id);
      if (now === status || (now === 'absent' && status === 'done')) continue;
      const because = fact > 0 ? fact : undefined;
      if (now === 'absent') out.fact(F.lost, message.id, place, 0, 0, reason, because);
      else if (status === 'pending' && now === 'unread') {
        out.fact(F.requeued, message.id, place, 0, 0, reason, because);
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
    this.#written = [];
    for (const live of this.#streams.values()) {
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
    this.#streams.clear();
  }

  /** A connection hands on each command once, whatever the network copies. */
  #isNew(from: ActorId, token: number): boolean {
    let heard = this.#heard.get(from);
    if (heard === undefined) {
      heard = new RecentNumbers();
      this.#heard.set(from, heard);
    }
    return heard.isNew(token);
  }

  #forgetClients(): void {
    this.#blocked = [];
    this.#unblockAtUs = NEVER;
    this.#claimableAtUs = NEVER;
    this.#flushAtUs = NEVER;
  }

  // ── Answers ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #ms(us: Micros): number {
    return this.#settings.epochMs + Math.floor(us / 1000);
  }

  #open(key: string): Live {
    const { idmpDurationMs, idmpMaxSize, version } = this.#settings;
    const stream = new RedisStream(key, this, idmpDurationMs, idmpMaxSize, version >= 704);
    const live: Live = { stream, place: this.#places.stream(key), shares: [], sharesSince: 0 };
    this.#streams.set(key, live);
    return live;
  }

  #share(key: string, live: Live, group: Group): void {
    live.shares.push({ group, place: this.#places.group(key, group.name) });
    live.sharesSince = live.stream.length > 0 ? NEVER : 0;
  }

  /** The stream under a key; undefined when there is none, null when another type is there and the client has been told. */
  #at(from: ActorId, token: number, key: string, out: Out): Live | undefined | null {
    if (!this.#others.has(key)) return this.#streams.get(key);
    this.#error(from, token, ERRORS.wrongType, out);
    return null;
  }

  /** A group that must exist; null when the client has been told that it does not. */
  #grouped(
    from: ActorId,
    token: number,
    key: string,
    name: string,
    out: Out,
  ): { readonly live: Live; readonly share: Share } | null {
    const live = this.#at(from, token, key, out);
    if (live === null) return null;
    const share = shareOf(live, name);
    if (live !== undefined && share !== undefined) return { live, share };
    this.#error(from, token, noGroup(key, name), out);
    return null;
  }

  /** The same for XGROUP's subcommands, which tell a missing stream apart. */
  #groupOfKey(
    from: ActorId,
    token: number,
    key: string,
    name: string,
    out: Out,
  ): { readonly live: Live; readonly share: Share } | null {
    const live = this.#at(from, token, key, out);
    if (live === null) return null;
    if (live === undefined) this.#error(from, token, ERRORS.needsKey, out);
    else {
      const share = shareOf(live, name);
      if (share !== undefined) return { live, share };
      this.#error(from, token, noGroupOfKey(key, name), out);
    }
    return null;
  }

  #ok(to: ActorId, token: number, out: Out): void {
    this.#reply(to, 'control', { type: 'ok', token }, out);
  }

  #count(to: ActorId, token: number, count: number, out: Out, message?: Message): void {
    this.#reply(to, 'control', { type: 'count', token, count }, out, message);
  }

  #error(to: ActorId, token: number, text: string, out: Out, message?: Message): void {
    if (message !== undefined) out.fact(F.rejected, message.id, 0, to, 0, R['refused by the broker']);
    const reply: ErrorReply = { type: 'error', token, text };
    this.#reply(to, message === undefined ? 'control' : 'reply', reply, out, message);
  }

  #reply(to: ActorId, hop: HopKind, reply: StreamsReply, out: Out, message?: Message): void {
    out.send(to, hop, reply, message?.id ?? 0);
  }
}

/** X14's script: `XACK key group id`, and if that found it pending, `XADD to * …`. */
export interface DeadLetter extends Wire {
  readonly type: 'EVAL';
  readonly token: number;
  readonly key: string;
  readonly group: string;
  readonly id: StreamId;
  readonly to: string;
  readonly message: Message;
  /** Why, for the record: a code of R. */
  readonly reason: number;
}

function shareOf(live: Live | undefined, group: string): Share | undefined {
  if (live === undefined) return undefined;
  for (const share of live.shares) if (share.group.name === group) return share;
  return undefined;
}

/** The fact that stored an entry in this group's share: with several groups, those facts follow one another in pairs. */
function storedBy({ shares, sharesSince }: Live, share: Share, { fact }: Entry): FactId {
  return shares.length === 1 || fact <= sharesSince ? fact : fact + 2 * shares.indexOf(share);
}

function statusOf(streams: ReadonlyMap<string, Live>, live: Live, share: Share | null, id: StreamId): Status {
  const { stream } = live;
  if (streams.get(stream.key) !== live) return 'absent';
  if (share !== null && share.group.pel.get(id) !== undefined) return 'pending';
  if (stream.entries.get(id) === undefined) return 'absent';
  return share === null || compareIds(id, share.group.lastId) > 0 ? 'unread' : 'done';
}

/** Groups and consumers are listed by name. */
function byName<T extends { readonly name: string }>(things: ReadonlyMap<string, T>): T[] {
  return [...things.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function plainly(entry: Entry): Handed {
  const { id, message } = entry;
  return { id, message, pending: null, entry, from: null, idleMs: 0, before: 0, count: 0 };
}

/** The id after which only this entry and later ones are new. */
function before(id: StreamId): StreamId {
  return idBefore(id) ?? LEAST_ID;
}

/** Facts hold counts of 32 bits. */
function shown(count: number): number {
  return count < 4_294_967_295 ? count : 4_294_967_295;
}

/** The same where the key is known to be there. */
function noGroupOfKey(key: string, group: string): string {
  return `NOGROUP No such consumer group '${group}' for key name '${key}'`;
}

function noGroup(key: string, group: string): string {
  return `NOGROUP No such key '${key}' or consumer group '${group}'`;
}

function noGroupToRead(key: string, group: string): string {
  return `${noGroup(key, group)} in XREADGROUP with GROUP option`;
}
