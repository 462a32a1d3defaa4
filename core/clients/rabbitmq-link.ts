/**
 * A client's connection to a RabbitMQ node: opening it, heartbeats, frames in order, noticing that it is gone, and opening it again. Producer and
 * consumer ports share it; it knows nothing of publishing and consuming. What was under way on a lost connection is the port's business.
 * Source: rule R35; frames in order as AMQP over TCP has them.
 */
import type { ClientMethod, Opened, Opening, ServerFrame, ServerMethod } from '../brokers/rabbitmq-verbs.ts';
import { isFrame } from '../brokers/rabbitmq-verbs.ts';
import { F } from '../facts.ts';
import type { HopKind, Out, Site, Wire } from '../machine.ts';
import type { OptionValues } from '../options.ts';
import { FrameOrder, framed } from '../parts/frame-order.ts';
import type { ActorId, MessageId, Micros, TimerId } from '../types.ts';
import { type BackoffSettings, backoffOf, backoffUs } from './backoff.ts';

/** What the link tells its port. */
export interface LinkHost {
  /** A new connection: nothing of an older one is valid on it. */
  opened(out: Out): void;
  said(method: ServerMethod, out: Out): void;
  /** The connection is gone; the link goes on to make another. */
  lost(out: Out): void;
}

type LinkTimer =
  | { readonly type: 'rabbitmq/connect'; readonly request: number }
  | { readonly type: 'rabbitmq/beat' | 'rabbitmq/gap'; readonly connection: number };

/** As on the node's side: while frames wait for one that is missing for this long, the connection counts as broken. */
const GAP_US = 2_000_000;

/** The waits of a client between failures in a row: alike, or growing, with chance in them, as its options `network_recovery_…` say. */
export class Recovery {
  readonly #settings: BackoffSettings;
  readonly #site: Site;
  #failures = 0;
  #sinceUs: Micros = Number.MAX_SAFE_INTEGER;

  constructor(options: OptionValues, site: Site) {
    this.#settings = backoffOf(options, 'network_recovery_', 5_000_000, 60_000_000, 'network_recovery_interval');
    this.#site = site;
  }

  /** The wait before any growth. */
  get firstUs(): Micros {
    return this.#settings.firstUs;
  }

  /** The wait after one more failure. What had worked for longer than the longest wait was in order: the first one again. */
  next(out: Out): Micros {
    if (out.now - this.#sinceUs > this.#settings.maxUs) this.#failures = 0;
    this.#sinceUs = Number.MAX_SAFE_INTEGER;
    this.#failures += 1;
    return backoffUs(this.#settings, this.#failures, out, this.#site);
  }

  /** It works, as it seems. */
  works(out: Out): void {
    this.#sinceUs = out.now;
  }

  /** It works for sure. */
  succeeded(): void {
    this.#failures = 0;
  }
}

export class RabbitLink {
  readonly #nodes: readonly ActorId[];
  #node: ActorId;
  readonly #recovery: Recovery;
  readonly #host: LinkHost;
  /** Attempts to connect, counted over restarts too, so that a late answer is known for what it is. */
  #request = 0;
  /** The node's number for the connection; 0 while there is none. */
  #connection = 0;
  #inbound = new FrameOrder<ServerFrame>();
  #sent = 0;
  #heartbeatUs: Micros = 0;
  #lastHeardUs: Micros = 0;
  #lastSentUs: Micros = 0;
  #beat: TimerId = 0;
  #attempt: TimerId = 0;
  #gap: TimerId = 0;

  /** `nodes`: those of the cluster; `first` is the number of the one to try first, from 1. `recovery`: how long to wait before connecting again; an attempt may take its first wait, or longer. */
  constructor(nodes: readonly ActorId[], first: number, recovery: Recovery, host: LinkHost) {
    this.#nodes = nodes;
    this.#node = nodes[(first - 1) % nodes.length] ?? 0;
    this.#recovery = recovery;
    this.#host = host;
  }

  get isOpen(): boolean {
    return this.#connection !== 0;
  }

  /** Tells connections apart: 0 is none, and none has the number of an older one. */
  get connection(): number {
    return this.#connection;
  }

  start(out: Out): void {
    this.#connect(out);
  }

  /** Sends a frame on the open connection. */
  say(method: ClientMethod, hop: HopKind, out: Out, message: MessageId = 0, because?: number): void {
    this.#sent += 1;
    this.#lastSentUs = out.now;
    out.send(this.#node, hop, framed(method, this.#connection, this.#sent), message, because);
  }

  receive(wire: Wire, out: Out): void {
    if (!isFrame(wire)) return this.#transport(wire as Opened, out);
    const frame = wire as ServerFrame;
    if (frame.connection !== this.#connection) return;
    this.#lastHeardUs = out.now;
    if (!this.#inbound.accept(frame)) return this.#watchGap(out);
    let next: ServerFrame | undefined = frame;
    while (next !== undefined && next.connection === this.#connection) {
      if (next.type === 'connection.close') return this.#lose(false, out);
      if (next.type !== 'heartbeat') this.#host.said(next, out);
      next = this.#inbound.next();
    }
    if (this.#gap !== 0 && frame.connection === this.#connection && this.#inbound.missing === 0) {
      out.cancel(this.#gap);
      this.#gap = 0;
    }
  }

  /** True when the timer was one of the link's. */
  timer(wire: Wire, out: Out): boolean {
    const timer = wire as LinkTimer;
    switch (timer.type) {
      case 'rabbitmq/connect':
        if (this.#connection === 0 && timer.request === this.#request) {
          this.#goOn();
          this.#connect(out);
        }
        return true;
      case 'rabbitmq/beat':
        if (timer.connection === this.#connection) this.#heartbeat(out);
        return true;
      case 'rabbitmq/gap':
        if (timer.connection === this.#connection) {
          this.#gap = 0;
          this.#lose(true, out);
        }
        return true;
      default:
        return timer satisfies never;
    }
  }

  peerLost(peer: ActorId, out: Out): void {
    if (peer === this.#node) this.#lose(false, out);
  }

  /** Closes the connection for good, as a process does that shuts down. */
  close(out: Out): void {
    if (this.#connection !== 0) this.say({ type: 'connection.close' }, 'control', out);
    this.crash();
  }

  crash(): void {
    this.#connection = 0;
    this.#beat = 0;
  }

  /** To the next node of its list. */
  #goOn(): void {
    const { length } = this.#nodes;
    if (length > 1) this.#node = this.#nodes[(this.#nodes.indexOf(this.#node) + 1) % length] ?? this.#node;
  }

  #connect(out: Out): void {
    this.#request += 1;
    const opening: Opening = { type: 'connection.open', request: this.#request };
    out.send(this.#node, 'control', opening);
    this.#retry(Math.max(this.#recovery.next(out), this.#recovery.firstUs), out);
  }

  #retry(waitUs: Micros, out: Out): void {
    const timer: LinkTimer = { type: 'rabbitmq/connect', request: this.#request };
    this.#attempt = out.timer(waitUs, timer);
  }

  #transport(wire: Opened, out: Out): void {
    if (wire.type === 'connection.reset') {
      if (wire.connection === this.#connection) this.#lose(false, out);
      return;
    }
    if (wire.type !== 'connection.open-ok') return;
    if (wire.request !== this.#request || this.#connection !== 0) {
      // The answer to an attempt that was given up: nobody would ever use this connection.
      const reset: Opened = { type: 'connection.reset', connection: wire.connection };
      if (wire.connection !== this.#connection) out.send(this.#node, 'control', reset);
      return;
    }
    out.cancel(this.#attempt);
    this.#recovery.succeeded();
    this.#connection = wire.connection;
    this.#inbound = new FrameOrder();
    this.#gap = 0;
    this.#sent = 0;
    this.#heartbeatUs = wire.heartbeatUs;
    this.#lastHeardUs = out.now;
    this.#lastSentUs = out.now;
    if (this.#heartbeatUs > 0) this.#armBeat(out);
    this.#host.opened(out);
  }

  #armBeat(out: Out): void {
    // Never more than half a heartbeat between two frames: a look in fixed steps might leave a whole one, and an idle connection would break.
    const speakUs = this.#lastSentUs + Math.floor(this.#heartbeatUs / 2);
    const delay = Math.max(1, Math.min(speakUs, this.#lastHeardUs + this.#heartbeatUs) - out.now);
    const timer: LinkTimer = { type: 'rabbitmq/beat', connection: this.#connection };
    this.#beat = out.timer(delay, timer, 0);
  }

  #heartbeat(out: Out): void {
    if (out.now - this.#lastHeardUs >= this.#heartbeatUs) return this.#lose(true, out);
    if (out.now - this.#lastSentUs >= Math.floor(this.#heartbeatUs / 2))
      this.say({ type: 'heartbeat' }, 'control', out);
    this.#armBeat(out);
  }

  #watchGap(out: Out): void {
    if (this.#gap !== 0 || this.#inbound.missing === 0) return;
    const timer: LinkTimer = { type: 'rabbitmq/gap', connection: this.#connection };
    this.#gap = out.timer(GAP_US, timer);
  }

  /** `tells`: the node may still believe in the connection, so it is told that it is broken. */
  #lose(tells: boolean, out: Out): void {
    const connection = this.#connection;
    if (connection === 0) return;
    this.#connection = 0;
    if (this.#beat !== 0) out.cancel(this.#beat);
    out.fact(F['connection-lost'], 0, 0, this.#node);
    const reset: Opened = { type: 'connection.reset', connection };
    if (tells) out.send(this.#node, 'control', reset);
    this.#retry(this.#recovery.next(out), out);
    this.#host.lost(out);
  }
}
