/**
 * A Redis server, as far as Pub/Sub goes: who is subscribed to what, and an output buffer for each subscriber. A message is written to the connections of
 * those that are subscribed at that moment and then forgotten; nothing is stored, acked or replayed (B1). What a subscriber does not read in time stays in
 * its output buffer, and when that is full the subscriber is cut off (B9).
 *
 * Facts tell of each declared subscriber's share: a queue that holds what lies in the output buffer, and from which a message is gone once it is written
 * to the connection. A declared subscriber that is not subscribed when a message comes has lost it.
 * Source: rules B1–B11.
 */
import { F, R } from '../facts.ts';
import type { Machine, Out, Wire } from '../machine.ts';
import { Fifo } from '../parts/fifo.ts';
import { globMatches } from '../parts/glob.ts';
import { type BufferLimit, OutputBuffer } from '../parts/output-buffer.ts';
import { RecentNumbers } from '../parts/recent-numbers.ts';
import type { ActorId, FactId, Message, Micros, PlaceId } from '../types.ts';
import type {
  KeyCommand,
  Plain,
  Publish,
  PubSubQuery,
  PubSubReply,
  PubSubRequest,
  Push,
  Subscribe,
  Unsubscribe,
  Window,
} from './redis-pubsub-verbs.ts';

/** A subscriber that the scenario declares: what it wants, whether or not it is connected. */
export interface Expected {
  readonly channels: readonly string[];
  readonly patterns: readonly string[];
  /** Where its share of a topic is shown. */
  place(topic: string): PlaceId;
}

/** A push that waits in the output buffer. */
interface Unsent {
  readonly push: Push;
  readonly fact: FactId;
}

interface Client {
  readonly actor: ActorId;
  readonly connection: number;
  readonly channels: Set<string>;
  readonly patterns: Set<string>;
  /** Channels of sharded Pub/Sub, a name space of their own (B11). */
  readonly shards: Set<string>;
  protocol: 2 | 3;
  /** Number of the database that it has selected, as it was written. */
  database: string;
  windowBytes: number;
  /** Bytes that are written and not read. */
  unreadBytes: number;
  readonly unsent: Fifo<Unsent>;
  readonly buffer: OutputBuffer;
  /** Commands that have come already: a connection hands on each once, whatever the network copies. */
  readonly heard: RecentNumbers;
  /** Pushes so far. */
  pushes: number;
  /** A timer looks after the soft limit; another one after a connection that stands still. */
  watched: boolean;
  probed: boolean;
}

interface ClientTimer extends Wire {
  readonly type: 'soft-limit' | 'probe';
  readonly client: Client;
}

/** How long a connection may stand still before the server asks whether its reader really reads nothing. */
const PROBE_US: Micros = 1_000_000;

/** What a RESP2 client may say while it is subscribed (B8). */
const ALLOWED: ReadonlySet<string> = new Set([
  'SUBSCRIBE',
  'PSUBSCRIBE',
  'SSUBSCRIBE',
  'UNSUBSCRIBE',
  'PUNSUBSCRIBE',
  'SUNSUBSCRIBE',
  'PING',
  'RESET',
  'QUIT',
]);

export class RedisPubSubNode implements Machine {
  readonly #limit: BufferLimit;
  /** Where a topic is shown; what a producer is told. */
  readonly #placeOf: (topic: string) => PlaceId;
  readonly #clients = new Map<ActorId, Client>();
  readonly #channels = new Map<string, Set<Client>>();
  readonly #shards = new Map<string, Set<Client>>();
  /** In the order of their names, so that a run can be repeated; the server's own order among patterns is arbitrary. */
  readonly #patterns = new Map<string, Set<Client>>();
  #patternNames: string[] = [];
  /** Keys and their values, by the database's number. */
  readonly #databases = new Map<string, Map<string, string>>();
  readonly #expected = new Map<ActorId, Expected>();

  constructor(limit: BufferLimit, placeOf: (topic: string) => PlaceId) {
    this.#limit = limit;
    this.#placeOf = placeOf;
  }

  /** Tells of a subscriber of the scenario, once its process is there. */
  expect(actor: ActorId, subscriber: Expected): void {
    this.#expected.set(actor, subscriber);
  }

  start(): void {}

  receive(from: ActorId, wire: Wire, out: Out): void {
    const request = wire as PubSubRequest;
    if (request.type === 'WINDOW') return this.#window(from, request, out);
    const client = this.#clientOf(from, request.connection, out);
    if (request.token > 0 && !client.heard.isNew(request.token)) return;
    const subscribed = isSubscribed(client);
    const text = this.refusal(from, request.type === 'PUBSUB' ? `PUBSUB|${request.about}` : request.type);
    if (text !== '') return this.#reply(from, { type: 'error', token: request.token, text }, out);
    switch (request.type) {
      case 'PUBLISH':
      case 'SPUBLISH':
        return this.#publish(from, request, out);
      case 'SUBSCRIBE':
      case 'PSUBSCRIBE':
      case 'SSUBSCRIBE':
        return this.#subscribe(client, request, out);
      case 'UNSUBSCRIBE':
      case 'PUNSUBSCRIBE':
      case 'SUNSUBSCRIBE':
        return this.#unsubscribe(client, request, out);
      case 'PUBSUB':
        return this.#query(from, request, out);
      case 'HELLO':
        client.protocol = request.protocol;
        return this.#text(from, request.token, 'OK', out);
      case 'QUIT':
        this.#text(from, request.token, 'OK', out);
        return this.#drop(client, R['link closed'], out);
      case 'PING':
      case 'RESET':
      case 'SELECT':
        return this.#plain(client, request, subscribed, out);
      case 'GET':
      case 'SET':
      case 'DEL':
      case 'EXISTS':
        return this.#keyed(client, request, out);
      default:
        request satisfies never;
    }
  }

  /** B8: the server's error where a client may not say this now, as a subscriber by RESP2; '' where it may. */
  refusal(actor: ActorId, name: string): string {
    const client = this.#clients.get(actor);
    const isBound = client !== undefined && client.protocol === 2 && isSubscribed(client);
    return isBound && !ALLOWED.has(name)
      ? `ERR Can't execute '${name.toLowerCase()}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`
      : '';
  }

  timer(wire: Wire, out: Out): void {
    const { type, client } = wire as ClientTimer;
    if (this.#clients.get(client.actor) !== client) return;
    if (type === 'soft-limit') {
      client.watched = false;
      this.#watch(client, out);
    } else if (client.unsent.size === 0) client.probed = false;
    else {
      out.send(client.actor, 'control', { type: 'probe', connection: client.connection } as PubSubReply);
      out.timer(PROBE_US, wire, out.cause);
    }
  }

  /** B10: every subscription is gone, and so is what lay in the output buffers. */
  crash(out: Out): void {
    for (const client of [...this.#clients.values()]) this.#forget(client, R['kept in memory only'], out);
  }

  restart(): void {}

  /** The transport has noticed that a client is gone. */
  peerLost(peer: ActorId, out: Out): void {
    const client = this.#clients.get(peer);
    if (client !== undefined) this.#drop(client, R['connection lost'], out);
  }

  // ── Subscribing ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** The client behind a connection; a new connection of the same client ends the old one. */
  #clientOf(actor: ActorId, connection: number, out: Out): Client {
    const known = this.#clients.get(actor);
    if (known !== undefined) {
      if (known.connection >= connection) return known;
      this.#drop(known, R['connection lost'], out);
    }
    const client: Client = {
      actor,
      connection,
      channels: new Set(),
      patterns: new Set(),
      shards: new Set(),
      protocol: 2,
      database: '0',
      windowBytes: Number.POSITIVE_INFINITY,
      unreadBytes: 0,
      unsent: new Fifo(),
      buffer: new OutputBuffer(this.#limit),
      heard: new RecentNumbers(),
      pushes: 0,
      watched: false,
      probed: false,
    };
    this.#clients.set(actor, client);
    return client;
  }

  /** B3: once is enough; each name is confirmed with the number of subscriptions that there are by then. */
  #subscribe(client: Client, { type, names, token, windowBytes }: Subscribe, out: Out): void {
    client.windowBytes = windowBytes;
    const [own, index] = this.#tables(client, type);
    const before = own.size;
    const counts = names.map((name) => {
      own.add(name);
      let clients = index.get(name);
      if (clients === undefined) {
        clients = new Set();
        index.set(name, clients);
      }
      clients.add(client);
      return count(client, type);
    });
    if (type === 'PSUBSCRIBE') this.#patternNames = [...this.#patterns.keys()].sort();
    if (own.size > before) this.#tell(F.subscribed, client, 0, out);
    this.#reply(client.actor, { type: 'counts', token, counts }, out);
  }

  #unsubscribe(client: Client, { type, names, token }: Unsubscribe, out: Out): void {
    const [own, index] = this.#tables(client, type);
    const wanted = names.length > 0 ? names : [...own];
    const counts = wanted.map((name) => {
      if (own.delete(name)) leave(index, name, client);
      return count(client, type);
    });
    this.#patternNames = [...this.#patterns.keys()].sort();
    // Without anything to leave there is one answer all the same.
    if (counts.length === 0) counts.push(count(client, type));
    this.#reply(client.actor, { type: 'counts', token, counts }, out);
  }

  #tables(client: Client, type: (Subscribe | Unsubscribe)['type']): [Set<string>, Map<string, Set<Client>>] {
    if (type.startsWith('P')) return [client.patterns, this.#patterns];
    return type === 'SSUBSCRIBE' || type === 'SUNSUBSCRIBE'
      ? [client.shards, this.#shards]
      : [client.channels, this.#channels];
  }

  /** Records that a declared subscriber is subscribed or no longer is. */
  #tell(kind: number, client: Client, reason: number, out: Out): void {
    const expected = this.#expected.get(client.actor);
    if (expected !== undefined) out.fact(kind, 0, expected.place(''), client.actor, 0, reason);
  }

  // ── Publishing ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** B1, B2, B5: one delivery for each matching subscription; the number of them is the reply. One after the other, so that order is kept (B6). */
  #publish(from: ActorId, request: Publish, out: Out): void {
    const { channel, message, token } = request;
    // First, because a push may cut its subscriber off.
    for (const [actor, expected] of this.#expected) this.#miss(actor, expected, request, out);
    let receivers = 0;
    const direct = (request.type === 'SPUBLISH' ? this.#shards : this.#channels).get(channel);
    for (const client of direct ?? NOBODY) {
      receivers++;
      this.#push(client, channel, '', request, out);
    }
    if (request.type === 'PUBLISH') {
      for (const pattern of this.#patternNames) {
        if (!globMatches(pattern, channel)) continue;
        for (const client of this.#patterns.get(pattern) ?? NOBODY) {
          receivers++;
          this.#push(client, channel, pattern, request, out);
        }
      }
    }
    if (receivers === 0) out.fact(F.unroutable, message.id, this.#placeOf(request.topic), 0, 0, R['no route']);
    this.#reply(from, { type: 'number', token, number: receivers }, out, message);
  }

  /** A declared subscriber that would have wanted this and is not subscribed. */
  #miss(actor: ActorId, { channels, patterns, place }: Expected, request: Publish, out: Out): void {
    const client = this.#clients.get(actor);
    for (const channel of channels) {
      const here = request.type === 'SPUBLISH' ? client?.shards : client?.channels;
      if (channel === request.channel && here?.has(channel) !== true) this.#missed(request, place(request.topic), out);
    }
    if (request.type === 'SPUBLISH') return;
    for (const pattern of patterns) {
      if (client?.patterns.has(pattern) !== true && globMatches(pattern, request.channel)) {
        this.#missed(request, place(request.topic), out);
      }
    }
  }

  #missed({ message }: Publish, place: PlaceId, out: Out): void {
    out.fact(F.lost, message.id, place, 0, 0, R['not subscribed']);
  }

  #push(client: Client, channel: string, pattern: string, { message, topic }: Publish, out: Out): void {
    const place = this.#expected.get(client.actor)?.place(topic) ?? 0;
    const { connection } = client;
    const { sizeBytes } = message;
    const number = ++client.pushes;
    const push: Push = { type: 'push', connection, number, channel, pattern, message, place, sizeBytes };
    const fact = place === 0 ? 0 : out.fact(F.appended, message.id, place, 0);
    if (client.unsent.size === 0 && hasRoom(client, sizeBytes)) {
      return this.#send(client, push, fact, out);
    }
    client.unsent.push({ push, fact });
    if (!client.probed) {
      client.probed = true;
      out.timer(PROBE_US, { type: 'probe', client } as ClientTimer);
    }
    client.buffer.set(client.buffer.bytes + sizeBytes, out.now);
    this.#watch(client, out);
  }

  #send(client: Client, push: Push, fact: FactId, out: Out): void {
    const { message, place } = push;
    client.unreadBytes += push.sizeBytes;
    if (place === 0) return out.send(client.actor, 'delivery', push, message.id);
    const delivered = out.fact(F.delivered, message.id, place, client.actor, 0, 1, fact);
    // B1: once written it is forgotten.
    out.fact(F.acked, message.id, place, client.actor, 0, 1, delivered);
    out.send(client.actor, 'delivery', push, message.id, delivered);
  }

  /** The subscriber has read on: what waits in its output buffer can be written. */
  #window(from: ActorId, { connection, bytes, unreadBytes }: Window, out: Out): void {
    const client = this.#clients.get(from);
    if (client === undefined || client.connection !== connection) return;
    client.unreadBytes = bytes < 0 ? unreadBytes : Math.max(0, client.unreadBytes - bytes);
    for (let next = client.unsent.first; next !== undefined; next = client.unsent.first) {
      if (!hasRoom(client, next.push.sizeBytes)) break;
      client.unsent.shift();
      client.buffer.set(client.buffer.bytes - next.push.sizeBytes, out.now);
      this.#send(client, next.push, next.fact, out);
    }
  }

  /** B9: cuts a client off whose buffer is too full, or sees to it that this is looked at in time. */
  #watch(client: Client, out: Out): void {
    const { buffer } = client;
    if (buffer.isOver(out.now)) {
      const { actor, connection } = client;
      this.#drop(client, R['buffer full'], out);
      out.send(actor, 'control', { type: 'closed', connection } as PubSubReply);
    } else if (buffer.dueUs < Number.POSITIVE_INFINITY && !client.watched) {
      client.watched = true;
      const timer: ClientTimer = { type: 'soft-limit', client };
      // The server compares whole seconds, so it is one later.
      out.timer(buffer.dueUs - out.now + 1_000_000, timer);
    }
  }

  /** Ends a connection; what was in its output buffer is lost. */
  #drop(client: Client, reason: number, out: Out): void {
    if (isSubscribed(client)) {
      this.#tell(F.cancelled, client, reason, out);
    }
    this.#forget(client, reason, out);
  }

  #forget(client: Client, reason: number, out: Out): void {
    this.#clients.delete(client.actor);
    for (const name of client.channels) leave(this.#channels, name, client);
    for (const name of client.shards) leave(this.#shards, name, client);
    for (const name of client.patterns) leave(this.#patterns, name, client);
    if (client.patterns.size > 0) this.#patternNames = [...this.#patterns.keys()].sort();
    for (let unsent = client.unsent.shift(); unsent !== undefined; unsent = client.unsent.shift()) {
      const { message, place } = unsent.push;
      if (place > 0) out.fact(F.lost, message.id, place, 0, 0, reason, unsent.fact);
    }
  }

  // ── Other commands ──────────────────────────────────────────────────────────────────────────────────────────────

  #plain(client: Client, { type, text, token }: Plain, subscribed: boolean, out: Out): void {
    const { actor } = client;
    switch (type) {
      case 'PING':
        // A RESP2 subscriber gets a push instead of a reply.
        if (subscribed && client.protocol === 2) return this.#text(actor, token, ['pong', text], out);
        return this.#text(actor, token, text === '' ? 'PONG' : text, out);
      case 'RESET':
        this.#drop(client, R['link closed'], out);
        return this.#text(actor, token, 'RESET', out);
      case 'SELECT':
        // B7: channels have nothing to do with databases.
        client.database = text;
        return this.#text(actor, token, 'OK', out);
      default:
        return type satisfies never;
    }
  }

  /** B7: nor have keys. */
  #keyed({ actor, database }: Client, { type, keys, value, token }: KeyCommand, out: Out): void {
    const stored = this.#databases.get(database) ?? new Map<string, string>();
    this.#databases.set(database, stored);
    switch (type) {
      case 'GET':
        return this.#text(actor, token, stored.get(keys[0] ?? '') ?? null, out);
      case 'SET':
        stored.set(keys[0] ?? '', value);
        return this.#text(actor, token, 'OK', out);
      case 'DEL':
      case 'EXISTS': {
        const found = keys.filter((key) => (type === 'DEL' ? stored.delete(key) : stored.has(key)));
        return this.#reply(actor, { type: 'number', token, number: found.length }, out);
      }
      default:
        return type satisfies never;
    }
  }

  #query(from: ActorId, { about, names, token }: PubSubQuery, out: Out): void {
    const sharded = about.startsWith('SHARD');
    const index = sharded ? this.#shards : this.#channels;
    switch (about) {
      case 'NUMPAT':
        return this.#reply(from, { type: 'number', token, number: this.#patterns.size }, out);
      case 'NUMSUB':
      case 'SHARDNUMSUB': {
        const items = names.flatMap((name) => [name, index.get(name)?.size ?? 0]);
        return this.#reply(from, { type: 'list', token, items }, out);
      }
      case 'CHANNELS':
      case 'SHARDCHANNELS': {
        const [pattern] = names;
        const items = [...index.keys()].filter((name) => pattern === undefined || globMatches(pattern, name)).sort();
        return this.#reply(from, { type: 'list', token, items }, out);
      }
      default:
        about satisfies never;
    }
  }

  #text(to: ActorId, token: number, text: string | readonly string[] | null, out: Out): void {
    this.#reply(to, { type: 'text', token, text }, out);
  }

  #reply(to: ActorId, reply: PubSubReply, out: Out, message?: Message): void {
    out.send(to, message === undefined ? 'control' : 'reply', reply, message?.id ?? 0);
  }
}

const NOBODY: readonly Client[] = [];

function isSubscribed({ channels, patterns, shards }: Client): boolean {
  return channels.size + patterns.size + shards.size > 0;
}

/** Channels and patterns count together; sharded channels by themselves. */
function count({ channels, patterns, shards }: Client, type: (Subscribe | Unsubscribe)['type']): number {
  return type === 'SSUBSCRIBE' || type === 'SUNSUBSCRIBE' ? shards.size : channels.size + patterns.size;
}

/** Whether the connection takes a message of this size. A reader that has read all may owe the word for less than half of the window. */
function hasRoom({ unreadBytes, windowBytes }: Client, sizeBytes: number): boolean {
  return unreadBytes + sizeBytes <= windowBytes || unreadBytes * 2 < windowBytes;
}

function leave(index: Map<string, Set<Client>>, name: string, client: Client): void {
  const clients = index.get(name);
  if (clients === undefined) return;
  clients.delete(client);
  if (clients.size === 0) index.delete(name);
}
