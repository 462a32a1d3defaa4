/**
 * Consuming a Redis stream with a group: blocking reads of new entries, what is pending under the own name first after each start, claims of what others
 * left pending, an XACK for each entry that is done, and a move to a dead-letter stream for those that came too often. Everything that brings an entry
 * back is done here, by the client; the server does none of it. Source: rules X5–X9, X11, X12, X14.
 */
import type {
  AutoClaimReply,
  CountReply,
  DeadLetter,
  ErrorReply,
  Ping,
  Quit,
  ReadFrom,
  ReadReply,
  StreamsReply,
  XAck,
  XAutoClaim,
  XClaim,
  XGroupCreate,
  XNack,
  XReadGroup,
} from '../brokers/redis-streams-verbs.ts';
import { R } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import { booleanOf, numberOf, textOf } from '../options.ts';
import { IdList, type Listed } from '../parts/id-list.ts';
import type { Handed } from '../parts/redis-stream.ts';
import { LEAST_ID, type StreamId } from '../parts/stream-id.ts';
import type { ActorId, Delivery, Message, Micros, PlaceId, Settlement } from '../types.ts';
import { OpenRequests } from './open-requests.ts';
import type { ConsumerHost, ConsumerPort, ConsumerPortSpec } from './ports.ts';

/** A stream that is read. */
interface Source {
  readonly key: string;
  /** What a read asks for that is after new entries. */
  readonly fresh: readonly ReadFrom[];
  /** Entries that are in hand here: what comes again of them is none of a second delivery. */
  readonly held: IdList<Handle>;
  /** A read is under way, for so many entries. */
  busy: boolean;
  asked: number;
  /** Where to read the own pending entries from; null once there are no more. */
  history: StreamId | null;
  /** A reply was lost that may have brought entries: they are pending, so that the next read begins the history anew. */
  missed: boolean;
  /** Where XAUTOCLAIM goes on. */
  cursor: StreamId;
  claiming: boolean;
}

/** What is behind a delivery: which entry of which stream. */
interface Handle extends Listed {
  readonly source: Source;
}

interface Asking {
  readonly type: 'read' | 'claim' | 'create';
  readonly source: Source;
}

type Asked = Asking | { readonly type: 'ping' } | Settling | { readonly type: 'forget' };

interface Settling {
  readonly type: 'settle';
  readonly delivery: Delivery;
  readonly how: 'ack' | 'requeue' | 'reject';
  readonly attempt: number;
}

interface SourceTimer extends Wire {
  readonly type: 'redis/claim' | 'redis/again';
  readonly source: Source;
}

/** How often a client tries to reach a server that went away. */
const RECONNECT_US: Micros = 1_000_000;
/** Pause after a read that was refused. */
const PAUSE_US: Micros = 1_000_000;
const PING_TIMEOUT_US: Micros = 1_000_000;
const NO_DELIVERIES: Delivery[] = [];

export class RedisStreamsConsumerPort implements ConsumerPort {
  readonly #node: ActorId;
  readonly #host: ConsumerHost;
  readonly #name: string;
  readonly #group: string;
  readonly #sources: readonly Source[];
  readonly #blockMs: number;
  readonly #count: number;
  readonly #noack: boolean;
  readonly #readsHistory: boolean;
  readonly #minIdleMs: number;
  readonly #claimEveryUs: Micros;
  readonly #claimMs: number;
  readonly #maxDeliveries: number;
  readonly #deadLetter: string;
  readonly #groupStart: '0' | '$';
  readonly #timeoutUs: Micros;
  readonly #retries: number;
  readonly #canNack: boolean;
  readonly #open = new OpenRequests<Asked>('redis/late');
  #turn = 0;
  #room = 0;
  #asked = 0;
  /** The server went away and has not answered since. */
  #away = false;

  /** `canNack`: the server has XNACK. */
  constructor(node: ActorId, spec: ConsumerPortSpec, canNack: boolean, host: ConsumerHost) {
    const { options } = spec;
    this.#node = node;
    this.#host = host;
    this.#name = spec.name;
    this.#group = spec.group;
    this.#readsHistory = booleanOf(options, 'read-history', true);
    this.#sources = spec.from.map((key) => ({
      key,
      fresh: [{ key, after: '>' }],
      held: new IdList(),
      busy: false,
      asked: 0,
      history: null,
      missed: false,
      cursor: LEAST_ID,
      claiming: false,
    }));
    this.#blockMs = Math.max(1, Math.floor(numberOf(options, 'BLOCK', 5_000_000) / 1000));
    this.#count = numberOf(options, 'COUNT', 10);
    this.#noack = spec.settle === 'on-delivery';
    this.#minIdleMs = Math.floor(numberOf(options, 'min-idle-time', -1000) / 1000);
    this.#claimEveryUs = numberOf(options, 'claim-interval', 10_000_000);
    this.#claimMs = Math.floor(numberOf(options, 'CLAIM', -1000) / 1000);
    this.#deadLetter = textOf(options, 'dead-letter-stream');
    this.#maxDeliveries = numberOf(options, 'max-deliveries', 5);
    this.#groupStart = textOf(options, 'group-start', '0') === '$' ? '$' : '0';
    this.#timeoutUs = numberOf(options, 'request-timeout', 2_000_000);
    this.#retries = numberOf(options, 'retries', 3);
    this.#canNack = canNack;
  }

  start(out: Out): void {
    for (const source of this.#sources) {
      if (this.#readsHistory) source.history = LEAST_ID;
      if (this.#minIdleMs >= 0) out.timer(this.#claimEveryUs, { type: 'redis/claim', source } as SourceTimer);
    }
  }

  room(messages: number, out: Out): void {
    this.#room = messages;
    if (this.#away) return;
    // In turns, so that a busy stream does not keep the others from being read.
    for (let i = 0; i < this.#sources.length && this.#room > this.#asked; i++) {
      const source = this.#sources[this.#turn++ % this.#sources.length] as Source;
      if (!source.busy) this.#read(source, out);
    }
  }

  settle(delivery: Delivery, how: Settlement, out: Out): void {
    // X8: what is left stays pending, until it is read again from the history or claimed. So does what cannot be given back.
    if (how === 'leave' || (how === 'requeue' && !this.#canNack)) {
      letGo(delivery);
      return this.#host.settled(delivery, true, out);
    }
    this.#settle({ type: 'settle', delivery, how, attempt: 1 }, out);
  }

  /** Claiming what one owns oneself, without counting, begins the idle time anew (X11). */
  extend(delivery: Delivery, _forUs: Micros, out: Out): void {
    const { source, id } = delivery.handle as Handle;
    const request: XClaim = {
      type: 'XCLAIM',
      token: 0,
      key: source.key,
      group: this.#group,
      consumer: this.#name,
      minIdleMs: 0,
      ids: [id],
      idleMs: -1,
      timeMs: -1,
      retryCount: -1,
      force: false,
      justId: true,
      lastId: null,
    };
    out.send(this.#node, 'ack', request, delivery.message.id);
  }

  receive(_from: ActorId, wire: Wire, out: Out): void {
    const reply = wire as StreamsReply;
    const asked = this.#open.close(reply.token, out);
    if (asked === undefined) return;
    switch (asked.type) {
      case 'read':
        this.#free(asked.source);
        if (reply.type === 'read') this.#gotRead(asked.source, reply, out);
        else if (reply.type === 'error') this.#refused(asked.source, reply, out);
        break;
      case 'claim':
        asked.source.claiming = false;
        if (reply.type === 'autoclaim') this.#gotClaimed(asked.source, reply, out);
        break;
      case 'create':
        asked.source.busy = false;
        break;
      case 'settle':
        this.#gotSettled(asked.delivery, reply, out);
        break;
      case 'ping':
        this.#away = false;
        break;
      case 'forget':
        break;
      default:
        asked satisfies never;
    }
    this.room(this.#room, out);
  }

  timer(wire: Wire, out: Out): void {
    switch (wire.type) {
      case 'redis/late':
        for (const asked of this.#open.due(out)) this.#late(asked, out);
        return this.room(this.#room, out);
      case 'redis/claim': {
        const { source } = wire as SourceTimer;
        this.#claim(source, out);
        out.timer(this.#claimEveryUs, wire, out.cause);
        return;
      }
      case 'redis/again':
        (wire as SourceTimer).source.busy = false;
        return this.room(this.#room, out);
      case 'redis/reconnect':
        if (this.#away) this.#ping(out);
        return;
      default:
    }
  }

  /** The connection is gone, and with it the replies to what was asked. What is in hand can still be acked over a new one (X9). */
  peerLost(_peer: ActorId, out: Out): void {
    for (const asked of this.#open.closeAll(({ type }) => type === 'read' || type === 'claim' || type === 'create')) {
      if (asked.type === 'read' || asked.type === 'claim' || asked.type === 'create') this.#release(asked);
    }
    if (this.#away) return;
    this.#away = true;
    out.timer(RECONNECT_US, { type: 'redis/reconnect' }, out.cause);
  }

  crash(): void {
    this.#open.clear();
    for (const source of this.#sources) {
      source.held.clear();
      source.busy = false;
      source.asked = 0;
      source.history = null;
      source.missed = false;
      source.cursor = LEAST_ID;
      source.claiming = false;
    }
    this.#asked = 0;
    this.#away = false;
  }

  /** Closes the connection. What is in hand stays pending under this consumer's name. */
  stop(out: Out): void {
    const quit: Quit = { type: 'QUIT' };
    out.send(this.#node, 'control', quit);
  }

  // ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #read(source: Source, out: Out): void {
    const count = Math.min(this.#room - this.#asked, this.#count);
    source.busy = true;
    source.asked = count;
    this.#asked += count;
    if (source.missed) source.history = LEAST_ID;
    source.missed = false;
    const { history } = source;
    const blockMs = history === null ? this.#blockMs : -1;
    const waitUs = history === null ? this.#blockMs * 1000 : 0;
    const request: XReadGroup = {
      type: 'XREADGROUP',
      token: this.#open.open({ type: 'read', source }, waitUs + this.#timeoutUs, out),
      group: this.#group,
      consumer: this.#name,
      streams: history === null ? source.fresh : [{ key: source.key, after: history }],
      count,
      blockMs,
      noack: this.#noack,
      claimMs: history === null ? this.#claimMs : -1,
    };
    out.send(this.#node, 'control', request);
  }

  #gotRead(source: Source, { streams }: ReadReply, out: Out): void {
    const [read] = streams ?? [];
    const entries = read?.entries ?? [];
    if (source.history !== null) {
      const last = entries[entries.length - 1];
      source.history = last === undefined ? null : last.id;
    }
    if (read !== undefined) this.#take(source, read.place, entries, out);
  }

  /** Hands entries on, but for those that are in hand already, gone from the stream, or delivered too often. */
  #take(source: Source, place: PlaceId, entries: readonly Handed[], out: Out): void {
    let deliveries = NO_DELIVERIES;
    for (const { id, message, count } of entries) {
      if (source.held.get(id) !== undefined) continue;
      if (message === null) {
        // There is nothing left to do for it, so that it need not stay pending.
        this.#forget(source, id, out);
        continue;
      }
      if (this.#deadLetter !== '' && count > this.#maxDeliveries) {
        this.#move(source, id, message, R['too many deliveries'], { type: 'forget' }, out);
        continue;
      }
      const handle: Handle = { id, source, gone: true };
      if (!this.#noack) source.held.add(handle);
      const delivery: Delivery = { message, place, attempt: shown(count), handle };
      if (deliveries.length === 0) deliveries = [delivery];
      else deliveries.push(delivery);
    }
    this.#room -= deliveries.length;
    if (deliveries.length > 0) this.#host.deliver(deliveries, out);
  }

  /** The group or the stream is not there: a crash has lost it. It is made again (X5). */
  #refused(source: Source, { text }: ErrorReply, out: Out): void {
    source.busy = true;
    if (!text.startsWith('NOGROUP')) {
      out.timer(PAUSE_US, { type: 'redis/again', source } as SourceTimer, out.cause);
      return;
    }
    const request: XGroupCreate = {
      type: 'XGROUP CREATE',
      token: this.#open.open({ type: 'create', source }, this.#timeoutUs, out),
      key: source.key,
      group: this.#group,
      id: this.#groupStart === '$' ? '$' : LEAST_ID,
      mkstream: true,
      entriesRead: -1,
    };
    out.send(this.#node, 'control', request);
  }

  // ── Claiming ────────────────────────────────────────────────────────────────────────────────────────────────────

  #claim(source: Source, out: Out): void {
    const count = this.#room - this.#asked > 0 ? this.#room - this.#asked : this.#room > 0 ? 1 : 0;
    if (this.#away || source.claiming || count <= 0) return;
    source.claiming = true;
    const request: XAutoClaim = {
      type: 'XAUTOCLAIM',
      token: this.#open.open({ type: 'claim', source }, this.#timeoutUs, out),
      key: source.key,
      group: this.#group,
      consumer: this.#name,
      minIdleMs: this.#minIdleMs,
      start: source.cursor,
      count,
      justId: false,
    };
    out.send(this.#node, 'control', request);
  }

  #gotClaimed(source: Source, { cursor, entries, place }: AutoClaimReply, out: Out): void {
    source.cursor = cursor;
    this.#take(source, place, entries, out);
  }

  // ── Settling ────────────────────────────────────────────────────────────────────────────────────────────────────

  #settle(settling: Settling, out: Out): void {
    const { delivery, how } = settling;
    const { source, id } = delivery.handle as Handle;
    const { message, attempt } = delivery;
    if (how === 'reject' && this.#deadLetter !== '') {
      return this.#move(source, id, message, R['rejected by the consumer'], settling, out);
    }
    const token = this.#open.open(settling, this.#timeoutUs, out);
    const { key } = source;
    const request: XAck | XNack =
      how === 'requeue'
        ? { type: 'XNACK', token, key, group: this.#group, mode: 'FAIL', ids: [id], retryCount: -1, force: false }
        : { type: 'XACK', token, key, group: this.#group, ids: [id], attempt, message };
    out.send(this.#node, 'ack', request, message.id);
  }

  #move(source: Source, id: StreamId, message: Message, reason: number, asked: Asked, out: Out): void {
    const request: DeadLetter = {
      type: 'EVAL',
      token: this.#open.open(asked, this.#timeoutUs, out),
      key: source.key,
      group: this.#group,
      id,
      to: this.#deadLetter,
      message,
      reason,
    };
    out.send(this.#node, 'ack', request, message.id);
  }

  #forget(source: Source, id: StreamId, out: Out): void {
    const token = this.#open.open({ type: 'forget' }, this.#timeoutUs, out);
    const request: XAck = { type: 'XACK', token, key: source.key, group: this.#group, ids: [id] };
    out.send(this.#node, 'ack', request);
  }

  /** Whether it was this ack that took the entry off the list: if not, somebody else has claimed and done it. */
  #gotSettled(delivery: Delivery, reply: StreamsReply, out: Out): void {
    letGo(delivery);
    this.#host.settled(delivery, reply.type === 'count' && (reply as CountReply).count > 0, out);
  }

  // ── Trouble ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #late(asked: Asked, out: Out): void {
    switch (asked.type) {
      case 'read':
      case 'claim':
      case 'create':
        return this.#release(asked);
      case 'settle':
        if (asked.attempt <= this.#retries) return this.#settle({ ...asked, attempt: asked.attempt + 1 }, out);
        letGo(asked.delivery);
        return this.#host.settled(asked.delivery, false, out);
      case 'ping':
        return this.#away ? this.#ping(out) : undefined;
      case 'forget':
        return;
      default:
        asked satisfies never;
    }
  }

  #ping(out: Out): void {
    const request: Ping = { type: 'PING', token: this.#open.open({ type: 'ping' }, PING_TIMEOUT_US, out) };
    out.send(this.#node, 'control', request);
  }

  /** A reply will not come any more. What it brought is pending under this name. A read may be under way beside a claim. */
  #release({ type, source }: Asking): void {
    if (type === 'claim') source.claiming = false;
    else this.#free(source);
    if (this.#readsHistory && !this.#noack) source.missed = true;
  }

  /** A read is over, and so is what it asked for. */
  #free(source: Source): void {
    source.busy = false;
    this.#asked -= source.asked;
    source.asked = 0;
  }
}

/** The entry is not in hand any more. */
function letGo(delivery: Delivery): void {
  const handle = delivery.handle as Handle;
  handle.source.held.remove(handle);
}

/** Facts hold counts of 32 bits. */
function shown(count: number): number {
  return count < 4_294_967_295 ? count : 4_294_967_295;
}
