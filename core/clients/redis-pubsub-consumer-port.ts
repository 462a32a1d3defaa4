/**
 * A subscriber of Redis Pub/Sub: it subscribes, reads what is pushed as fast as it has room, and subscribes again when the connection is lost. There is
 * nothing to settle. What has arrived and is not read stays in the socket's buffer; when that is full, the server keeps the rest, up to its limit.
 * Source: rules B1, B4, B9, B10.
 */
import type { Closed, CountsReply, Probe, Push, Subscribe, Window } from '../brokers/redis-pubsub-verbs.ts';
import { F, R } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import { numberOf } from '../options.ts';
import { Fifo } from '../parts/fifo.ts';
import { RecentNumbers } from '../parts/recent-numbers.ts';
import type { ActorId, Delivery, Micros, Settlement } from '../types.ts';
import { OpenRequests } from './open-requests.ts';
import type { ConsumerHost, ConsumerPort, ConsumerPortSpec } from './ports.ts';

const REPLY_TIMEOUT_US: Micros = 2_000_000;

export class RedisPubSubConsumerPort implements ConsumerPort {
  readonly #node: ActorId;
  readonly #host: ConsumerHost;
  /** Makes the subscriber known to whoever tells what it misses. */
  readonly #begun: (self: ActorId) => void;
  readonly #channels: readonly string[];
  readonly #patterns: readonly string[];
  readonly #sharded: boolean;
  readonly #windowBytes: number;
  readonly #reconnectUs: Micros;
  /** Subscriptions that are not confirmed yet, by connection. */
  readonly #open = new OpenRequests<number>('redis/late');
  /** Arrived and not read. */
  readonly #socket = new Fifo<Push>();
  #socketBytes = 0;
  /** Pushes of this connection that have come already. */
  readonly #heard = new RecentNumbers();
  #connection = 0;
  /** The connection has ended; what had arrived before is still read. */
  #ended = true;
  #readBytes = 0;
  #room = 0;

  constructor(
    node: ActorId,
    spec: ConsumerPortSpec,
    wants: { readonly channels: readonly string[]; readonly patterns: readonly string[]; readonly sharded: boolean },
    host: ConsumerHost,
    begun: (self: ActorId) => void,
  ) {
    this.#begun = begun;
    this.#node = node;
    this.#host = host;
    this.#channels = wants.channels;
    this.#patterns = wants.patterns;
    this.#sharded = wants.sharded;
    this.#windowBytes = numberOf(spec.options, 'receive-buffer', 262_144);
    this.#reconnectUs = numberOf(spec.options, 'reconnect', 1_000_000);
  }

  start(out: Out): void {
    this.#begun(out.self);
    this.#connect(out);
  }

  room(messages: number, out: Out): void {
    this.#room = messages;
    this.#read(out);
  }

  /** Nothing is acked (B1). */
  settle(delivery: Delivery, _how: Settlement, out: Out): void {
    this.#host.settled(delivery, true, out);
  }

  extend(): void {}

  receive(_from: ActorId, wire: Wire, out: Out): void {
    switch (wire.type) {
      case 'push': {
        const push = wire as Push;
        if (push.connection !== this.#connection || this.#ended) {
          // What an older connection still carried is cut off with it.
          out.fact(F.skipped, push.message.id, push.place, 0, 0, R['link closed']);
          return;
        }
        if (!this.#heard.isNew(push.number)) return;
        this.#socket.push(push);
        this.#socketBytes += push.sizeBytes;
        return this.#read(out);
      }
      case 'probe':
        if ((wire as Probe).connection === this.#connection && !this.#ended) this.#tell(-1, out);
        return;
      case 'counts':
        this.#open.close((wire as CountsReply).token, out);
        return;
      case 'closed':
        if ((wire as Closed).connection === this.#connection) this.#end(out);
        return;
      default:
    }
  }

  timer(wire: Wire, out: Out): void {
    if (wire.type === 'redis/connect') this.#connect(out);
    else if (wire.type === 'redis/late') {
      // The server may be down, or the answer was lost: a new connection tells.
      if (this.#open.due(out).some((connection) => connection === this.#connection)) this.#end(out);
    }
  }

  peerLost(_peer: ActorId, out: Out): void {
    this.#end(out);
  }

  crash(): void {
    this.#open.clear();
    this.#socket.clear();
    this.#socketBytes = 0;
    this.#ended = true;
    this.#readBytes = 0;
  }

  stop(out: Out): void {
    out.send(this.#node, 'control', { type: 'QUIT', token: 0, connection: this.#connection } as Wire);
  }

  /** B10: a new connection knows nothing of the old one's subscriptions. */
  #connect(out: Out): void {
    this.#connection++;
    this.#ended = false;
    this.#heard.clear();
    this.#readBytes = 0;
    if (this.#channels.length > 0) this.#subscribe(this.#sharded ? 'SSUBSCRIBE' : 'SUBSCRIBE', this.#channels, out);
    if (this.#patterns.length > 0) this.#subscribe('PSUBSCRIBE', this.#patterns, out);
  }

  #subscribe(type: Subscribe['type'], names: readonly string[], out: Out): void {
    const request: Subscribe = {
      type,
      token: this.#open.open(this.#connection, REPLY_TIMEOUT_US, out),
      connection: this.#connection,
      names,
      windowBytes: this.#windowBytes,
    };
    out.send(this.#node, 'control', request);
  }

  #end(out: Out): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#open.clear();
    out.fact(F['connection-lost'], 0, 0, this.#node);
    out.timer(this.#reconnectUs, { type: 'redis/connect' }, out.cause);
  }

  /** Takes from the socket what there is room for, and tells the server once half of the window is free again. */
  #read(out: Out): void {
    while (this.#room > 0) {
      const push = this.#socket.shift();
      if (push === undefined) break;
      this.#room--;
      const { message, place, sizeBytes } = push;
      this.#socketBytes -= sizeBytes;
      if (!this.#ended) this.#freed(sizeBytes, out);
      this.#host.deliver([{ message, place, attempt: 1, handle: null }], out);
    }
  }

  #freed(bytes: number, out: Out): void {
    this.#readBytes += bytes;
    if (this.#readBytes * 2 < this.#windowBytes) return;
    this.#tell(this.#readBytes, out);
  }

  #tell(bytes: number, out: Out): void {
    const unreadBytes = this.#socketBytes;
    const window: Window = { type: 'WINDOW', connection: this.#connection, bytes, unreadBytes };
    this.#readBytes = 0;
    out.send(this.#node, 'control', window);
  }
}
