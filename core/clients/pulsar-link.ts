/**
 * A Pulsar client's connections and what it keeps open over them: it asks who owns a topic partition, connects to that broker, opens a producer or consumer
 * there, and begins again with a growing pause when anything of that fails or ends. Ports share it and know nothing of connections; what was
 * under way when a session ended is their business. Source: P5, P13; the Java client's backoff from 100 ms to 60 s.
 */
import type { ClientCommand, ServerCommand, ServerFrame, TopicNumber, Transport } from '../brokers/pulsar-wires.ts';
import { F } from '../facts.ts';
import type { HopKind, Out, Wire } from '../machine.ts';
import { Frame, FrameOrder } from '../parts/frame-order.ts';
import type { ActorId, MessageId, Micros } from '../types.ts';

/** One producer or consumer on one topic partition. */
export interface Session {
  /** Its producer or consumer id, unique within the client. */
  readonly id: number;
  readonly topic: TopicNumber;
  state: 'closed' | 'looking' | 'opening' | 'ready';
  /** The broker that it is open on, or is being opened on. */
  broker: ActorId;
  /** Grows with each try, so that timers of older ones are void. */
  attempt: number;
  backoffUs: Micros;
}

/** What the client tells its port. */
export interface SessionHost {
  /** The owner is connected: say `Producer` or `Subscribe`. */
  open(session: Session, out: Out): void;
  /** A session that was ready, or was being opened, is not any more; it will be opened again. */
  closed(session: Session, out: Out): void;
  /** Anything that the broker says about a session. */
  said(session: Session, command: ServerCommand, out: Out): void;
  /** Anything else that a broker says. */
  heard?(command: ServerCommand, out: Out): void;
}

const FIRST_BACKOFF_US: Micros = 100_000;
const MOST_BACKOFF_US: Micros = 60_000_000;
/** How long an attempt to connect may take; a refused connection shows itself only by this. */
const CONNECT_US: Micros = 1_000_000;
/** How long a lookup or an opening may take (operationTimeoutMs). */
const OPERATION_US: Micros = 30_000_000;
const KEEP_ALIVE_US: Micros = 30_000_000;
const GAP_US: Micros = 2_000_000;

type LinkTimer =
  | { readonly type: 'pulsar/open'; readonly session: Session; readonly attempt: number }
  | { readonly type: 'pulsar/connect-late'; readonly link: Link; readonly request: number }
  | { readonly type: 'pulsar/client-ping' | 'pulsar/client-gap'; readonly link: Link; readonly connection: number };

/** A connection to one broker. */
interface Link {
  readonly broker: ActorId;
  /** The broker's number for it; 0 while there is none. */
  connection: number;
  request: number;
  connecting: boolean;
  inbound: FrameOrder<ServerFrame>;
  sent: number;
  lastHeardUs: Micros;
  gapArmed: boolean;
  asked: boolean;
}

export class PulsarClient {
  readonly #nodes: readonly ActorId[];
  readonly #host: SessionHost;
  readonly #sessions = new Map<number, Session>();
  readonly #links = new Map<ActorId, Link>();
  /** The one that was used last: nearly always the one that is asked for. */
  #recent: Link | null = null;
  /** The session of which something was said last. */
  #spoken: Session | null = null;
  /** Which broker is asked for owners; the next one when it fails. */
  #service: number;
  #requests = 0;

  /** `turn` spreads clients over the brokers. */
  constructor(nodes: readonly ActorId[], turn: number, host: SessionHost) {
    this.#nodes = nodes;
    this.#host = host;
    this.#service = turn;
  }

  /** Adds a session and begins to open it. */
  add(id: number, topic: TopicNumber, out: Out): Session {
    const session: Session = { id, topic, state: 'closed', broker: 0, attempt: 0, backoffUs: FIRST_BACKOFF_US };
    this.#sessions.set(id, session);
    this.#look(session, out);
    return session;
  }

  /** The broker has let the session in. */
  ready(session: Session): void {
    session.state = 'ready';
    session.attempt++;
    session.backoffUs = FIRST_BACKOFF_US;
  }

  /** The session ended or was refused: it is opened again after a pause. */
  retry(session: Session, out: Out): void {
    const was = session.state;
    session.state = 'closed';
    session.attempt++;
    const timer: LinkTimer = { type: 'pulsar/open', session, attempt: session.attempt };
    out.timer(session.backoffUs, timer);
    session.backoffUs = Math.min(2 * session.backoffUs, MOST_BACKOFF_US);
    if (was === 'ready' || was === 'opening') this.#host.closed(session, out);
  }

  say(
    session: Session,
    command: ClientCommand,
    hop: HopKind,
    out: Out,
    messages?: MessageId | readonly MessageId[],
  ): void {
    this.sayTo(session.broker, command, hop, out, messages);
  }

  /** Says something on the connection to a broker; false when there is none, which is then made. */
  sayTo(
    broker: ActorId,
    command: ClientCommand,
    hop: HopKind,
    out: Out,
    messages?: MessageId | readonly MessageId[],
  ): boolean {
    const link = this.#link(broker);
    if (link.connection === 0) {
      this.#connect(link, out);
      return false;
    }
    link.sent++;
    out.send(broker, hop, new Frame(link.connection, link.sent, command), messages);
    return true;
  }

  isOpen(broker: ActorId): boolean {
    return this.#link(broker).connection !== 0;
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    const link = this.#link(from);
    const input = wire as ServerFrame | Transport;
    switch (input.type) {
      case 'pulsar/connected':
        return this.#connected(link, input, out);
      case 'pulsar/reset':
        if (input.connection === link.connection) this.#lose(link, out);
        return;
      case 'pulsar/connect':
        return;
      default:
        return this.#frame(link, input, out);
    }
  }

  /** True when the timer was one of the client's. */
  timer(wire: Wire, out: Out): boolean {
    const timer = wire as LinkTimer;
    switch (timer.type) {
      case 'pulsar/open':
        if (timer.attempt === timer.session.attempt) this.#opening(timer.session, out);
        return true;
      case 'pulsar/connect-late':
        if (timer.link.connecting && timer.link.request === timer.request) {
          timer.link.connecting = false;
          this.#failed(timer.link, out);
        }
        return true;
      case 'pulsar/client-gap':
        if (timer.connection !== timer.link.connection) return true;
        timer.link.gapArmed = false;
        if (timer.link.inbound.missing > 0) this.#lose(timer.link, out);
        return true;
      case 'pulsar/client-ping':
        if (timer.connection === timer.link.connection) this.#keepAlive(timer.link, out);
        return true;
      default:
        return false;
    }
  }

  peerLost(peer: ActorId, out: Out): void {
    const link = this.#links.get(peer);
    if (link === undefined) return;
    if (link.connection !== 0) this.#lose(link, out);
  }

  /** An orderly end: says goodbye on every connection. */
  stop(out: Out): void {
    for (const { broker, connection } of this.#links.values())
      if (connection !== 0) this.sayTo(broker, { type: 'Close' }, 'control', out);
    this.crash();
  }

  crash(): void {
    this.#sessions.clear();
    this.#links.clear();
    this.#recent = null;
    this.#spoken = null;
  }

  /** Too late: the lookup or opening got no answer. */
  #opening(session: Session, out: Out): void {
    if (session.state === 'ready') return;
    if (session.state !== 'closed') {
      this.#service++;
      this.retry(session, out);
    } else this.#look(session, out);
  }

  #look(session: Session, out: Out): void {
    session.state = 'looking';
    session.attempt++;
    const timer: LinkTimer = { type: 'pulsar/open', session, attempt: session.attempt };
    out.timer(OPERATION_US, timer, 0);
    this.sayTo(this.#serviceNode, { type: 'Lookup', topic: session.topic }, 'control', out);
  }

  get #serviceNode(): ActorId {
    return this.#nodes[this.#service % this.#nodes.length] ?? 0;
  }

  #openOn(session: Session, broker: ActorId, out: Out): void {
    session.state = 'opening';
    session.broker = broker;
    if (this.#link(broker).connection !== 0) this.#host.open(session, out);
    else this.#connect(this.#link(broker), out);
  }

  #link(broker: ActorId): Link {
    if (this.#recent !== null && this.#recent.broker === broker) return this.#recent;
    let link = this.#links.get(broker);
    if (link === undefined) {
      link = {
        broker,
        connection: 0,
        request: 0,
        connecting: false,
        inbound: new FrameOrder(),
        sent: 0,
        lastHeardUs: 0,
        gapArmed: false,
        asked: false,
      };
      this.#links.set(broker, link);
    }
    this.#recent = link;
    return link;
  }

  #connect(link: Link, out: Out): void {
    if (link.connecting) return;
    link.connecting = true;
    this.#requests++;
    link.request = this.#requests;
    const connect: Transport = { type: 'pulsar/connect', request: link.request };
    out.send(link.broker, 'control', connect);
    const timer: LinkTimer = { type: 'pulsar/connect-late', link, request: link.request };
    out.timer(CONNECT_US, timer, 0);
  }

  #connected(link: Link, { request, connection }: Extract<Transport, { type: 'pulsar/connected' }>, out: Out): void {
    if (!link.connecting || request !== link.request) return;
    link.connecting = false;
    link.connection = connection;
    link.inbound = new FrameOrder();
    link.sent = 0;
    link.lastHeardUs = out.now;
    link.gapArmed = false;
    link.asked = false;
    const timer: LinkTimer = { type: 'pulsar/client-ping', link, connection };
    out.timer(KEEP_ALIVE_US, timer, 0);
    for (const session of [...this.#sessions.values()]) {
      if (session.state === 'looking' && this.#serviceNode === link.broker)
        this.sayTo(link.broker, { type: 'Lookup', topic: session.topic }, 'control', out);
      else if (session.state === 'opening' && session.broker === link.broker) this.#host.open(session, out);
    }
  }

  #frame(link: Link, frame: ServerFrame, out: Out): void {
    if (frame.connection !== link.connection) return;
    link.lastHeardUs = out.now;
    link.asked = false;
    if (!link.inbound.accept(frame)) {
      if (link.inbound.missing > 0 && !link.gapArmed) {
        link.gapArmed = true;
        const timer: LinkTimer = { type: 'pulsar/client-gap', link, connection: link.connection };
        out.timer(GAP_US, timer);
      }
      return;
    }
    let next: ServerFrame | undefined = frame;
    while (next !== undefined && next.connection === link.connection) {
      this.#handle(link, next.body, out);
      next = link.inbound.next();
    }
  }

  #handle(link: Link, command: ServerCommand, out: Out): void {
    switch (command.type) {
      case 'Message':
      case 'AckResponse':
        return this.#toSession(link, command.consumerId, command, out);
      case 'SendReceipt':
        return this.#toSession(link, command.producerId, command, out);
      case 'Ping':
        this.sayTo(link.broker, { type: 'Pong' }, 'control', out);
        return;
      case 'Pong':
        return;
      case 'Close':
        return this.#lose(link, out);
      case 'LookupResponse':
        for (const session of [...this.#sessions.values()]) {
          if (session.topic === command.topic && session.state === 'looking') this.#openOn(session, command.owner, out);
        }
        return;
      case 'TxnResponse':
        return this.#host.heard?.(command, out);
      default:
        return this.#toSession(link, 'producerId' in command ? command.producerId : command.consumerId, command, out);
    }
  }

  #toSession(link: Link, id: number, command: ServerCommand, out: Out): void {
    if (this.#spoken?.id !== id) this.#spoken = this.#sessions.get(id) ?? null;
    const session = this.#spoken;
    if (session !== null && session.broker === link.broker) this.#host.said(session, command, out);
  }

  #keepAlive(link: Link, out: Out): void {
    const silence = out.now - link.lastHeardUs;
    if (silence >= KEEP_ALIVE_US && link.asked) return this.#lose(link, out);
    link.asked = silence >= KEEP_ALIVE_US;
    if (link.asked) this.sayTo(link.broker, { type: 'Ping' }, 'control', out);
    const timer: LinkTimer = { type: 'pulsar/client-ping', link, connection: link.connection };
    out.timer(link.asked ? KEEP_ALIVE_US : KEEP_ALIVE_US - silence, timer, 0);
  }

  #lose(link: Link, out: Out): void {
    out.fact(F['connection-lost'], 0, 0, link.broker);
    link.connection = 0;
    this.#failed(link, out);
  }

  /** Nothing can be said to this broker: what is open there, or asked of it, begins anew. */
  #failed(link: Link, out: Out): void {
    const service = this.#serviceNode;
    if (service === link.broker) this.#service++;
    for (const session of [...this.#sessions.values()]) {
      const concerned = session.state === 'looking' ? service === link.broker : session.broker === link.broker;
      if (concerned && session.state !== 'closed') this.retry(session, out);
    }
  }
}
