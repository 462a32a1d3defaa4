/**
 * Consuming from RabbitMQ over one connection and channel: the node pushes as many messages as the prefetch allows, the client acks, nacks or rejects by
 * delivery tag. A tag is valid only on the connection it came by, so what was received before a loss cannot be settled after it: it is redelivered.
 * Of a stream it keeps its own place, since AMQP 0-9-1 has nobody else do it: it goes on there on a new connection, after a crash only if it had stored it.
 * Source: rules R24–R31, R35, R37, R66, R67.
 */
import type { ClientMethod, ServerMethod } from '../brokers/rabbitmq-verbs.ts';
import { F } from '../facts.ts';
import type { Out, Setup, Wire } from '../machine.ts';
import { booleanOf, numberOf, textOf } from '../options.ts';
import type { HeaderTable, HeaderValue } from '../parts/headers-match.ts';
import type { ActorId, Delivery, PlaceId, Settlement } from '../types.ts';
import type { ConsumerHost, ConsumerPort, ConsumerPortSpec } from './ports.ts';
import { type LinkHost, RabbitLink, Recovery } from './rabbitmq-link.ts';

/** What the port keeps in `Delivery.handle`. `channel` tells channels apart over the whole life of the port. */
interface Handle {
  readonly channel: number;
  readonly deliveryTag: number;
  /** Of a stream: which of the port's sources, and the offset there; −1 else. */
  readonly source: number;
  readonly offset: number;
}

/** What a consumer consumes from. */
export interface RabbitSource {
  readonly name: string;
  readonly stream: boolean;
}

/** How far a stream is read: all below `settled` is done with, and so are the offsets of `beyond`. −1: nothing came yet. */
interface Progress {
  settled: number;
  stored: number;
  readonly beyond: Set<number>;
}

interface ReconsumeTimer extends Wire {
  readonly type: 'rabbitmq/reconsume';
  readonly channel: number;
  readonly queue: string;
}

const CHANNEL = 'consume';

export class RabbitConsumerPort implements ConsumerPort, LinkHost {
  readonly #host: ConsumerHost;
  readonly #queues: readonly string[];
  /** By source; of streams only. */
  readonly #progress: (Progress | undefined)[];
  readonly #group: PlaceId;
  readonly #offset: HeaderValue;
  readonly #stores: boolean;
  readonly #timeoutUs: number;
  readonly #tag: string;
  readonly #noAck: boolean;
  readonly #prefetch: number;
  readonly #priority: number;
  readonly #exclusive: boolean;
  readonly #declarations: readonly ClientMethod[];
  readonly #link: RabbitLink;
  /** Of the channel and its consumers, when the node closes or cancels them. */
  readonly #recovery: Recovery;
  /** Number of the open channel; 0 while there is none. */
  #channel = 0;
  #channels = 0;

  /**
   * `group`: the place that stands for this reader in the facts about stored offsets; 0 where no stream is read. `declarations`: what the client declares on each connection, because a restart of the node may have removed it.
   */
  constructor(
    nodes: readonly ActorId[],
    spec: ConsumerPortSpec,
    sources: readonly RabbitSource[],
    group: PlaceId,
    declarations: readonly ClientMethod[],
    host: ConsumerHost,
    setup: Setup,
  ) {
    const { options } = spec;
    this.#host = host;
    this.#queues = spec.from;
    this.#progress = sources.map(({ stream }) => (stream ? { settled: -1, stored: -1, beyond: new Set() } : undefined));
    this.#group = group;
    this.#offset = wishFrom(textOf(options, 'x-stream-offset', 'next'));
    this.#stores = textOf(options, 'offset-tracking') === 'stored';
    this.#timeoutUs = numberOf(options, 'x-consumer-timeout');
    this.#tag = spec.name;
    this.#noAck = spec.settle === 'on-delivery';
    this.#prefetch = numberOf(options, 'prefetch_count', spec.prefetch);
    this.#priority = numberOf(options, 'x-priority');
    this.#exclusive = booleanOf(options, 'exclusive');
    this.#declarations = declarations;
    const recovery = setup.site(`${spec.name}/recovery-jitter`);
    this.#recovery = new Recovery(options, recovery);
    this.#link = new RabbitLink(nodes, numberOf(options, 'node', 1), new Recovery(options, recovery), this);
  }

  start(out: Out): void {
    this.#link.start(out);
  }

  receive(_from: ActorId, wire: Wire, out: Out): void {
    this.#link.receive(wire, out);
  }

  timer(wire: Wire, out: Out): void {
    switch (wire.type) {
      case 'rabbitmq/reopen':
        if (this.#link.isOpen && this.#channel === 0) this.opened(out);
        return;
      case 'rabbitmq/reconsume': {
        const { channel, queue } = wire as ReconsumeTimer;
        if (channel === this.#channel) this.#consume(queue, out);
        return;
      }
      default:
        this.#link.timer(wire, out);
    }
  }

  peerLost(peer: ActorId, out: Out): void {
    this.#link.peerLost(peer, out);
  }

  stop(out: Out): void {
    this.#link.close(out);
  }

  crash(): void {
    this.#link.crash();
    this.#channel = 0;
    for (const progress of this.#progress) {
      if (progress === undefined) continue;
      progress.settled = progress.stored;
      progress.beyond.clear();
    }
  }

  /** The node pushes as far as the prefetch goes; nobody asks it. */
  room(): void {}

  /** RabbitMQ holds no lock by time: what is unacked stays so until its channel is gone. */
  extend(): void {}

  settle(delivery: Delivery, how: Settlement, out: Out): void {
    const { channel, deliveryTag } = delivery.handle as Handle;
    if (channel !== this.#channel) return this.#host.settled(delivery, false, out);
    const message = delivery.message.id;
    switch (how) {
      case 'ack':
        this.#link.say({ type: 'basic.ack', channel: CHANNEL, deliveryTag }, 'ack', out, message);
        break;
      case 'requeue':
        this.#link.say({ type: 'basic.nack', channel: CHANNEL, deliveryTag, requeue: true }, 'ack', out, message);
        break;
      case 'reject':
        this.#link.say({ type: 'basic.reject', channel: CHANNEL, deliveryTag, requeue: false }, 'ack', out, message);
        break;
      case 'leave':
        break;
      default:
        how satisfies never;
    }
    this.#host.settled(delivery, true, out);
    if (how !== 'leave') this.#passed(delivery, out);
  }

  /** A record of a stream is done with: the place from which reading goes on moves over all that are, without gaps. */
  #passed(delivery: Delivery, out: Out): void {
    const { source, offset } = delivery.handle as Handle;
    const progress = this.#progress[source];
    if (progress === undefined || offset < progress.settled) return;
    progress.beyond.add(offset);
    while (progress.beyond.delete(progress.settled)) progress.settled += 1;
    if (!this.#stores || progress.settled === progress.stored) return;
    const { settled } = progress;
    // A process that dies in this very step has written nothing.
    if (out.fact(F.committed, 0, delivery.place, out.self, settled, this.#group) !== 0) progress.stored = settled;
  }

  opened(out: Out): void {
    this.#channels += 1;
    this.#channel = this.#channels;
    this.#recovery.works(out);
    this.#link.say({ type: 'channel.open', channel: CHANNEL }, 'control', out);
    if (this.#prefetch > 0)
      this.#link.say({ type: 'basic.qos', channel: CHANNEL, prefetchCount: this.#prefetch }, 'control', out);
    for (const declaration of this.#declarations) this.#link.say(declaration, 'control', out);
    // A reader of a stream shares its place there with nobody: it is a group of one.
    if (this.#group !== 0) out.fact(F.joined, 0, this.#group, out.self);
    for (const queue of this.#queues) this.#consume(queue, out);
  }

  said(method: ServerMethod, out: Out): void {
    switch (method.type) {
      case 'basic.deliver': {
        const handle = this.#handleOf(method.deliveryTag, method.consumerTag, method.offset);
        const { place, attempt } = method;
        return this.#host.deliver([{ message: method.message.body, place, attempt, handle }], out);
      }
      case 'basic.cancel': {
        // The queue is gone or a delivery was held too long: consume again, in case that helps.
        const queue = this.#queues.find((name) => this.#tagOf(name) === method.consumerTag);
        if (queue === undefined) return;
        const timer: ReconsumeTimer = { type: 'rabbitmq/reconsume', channel: this.#channel, queue };
        out.timer(this.#recovery.next(out), timer);
        return;
      }
      case 'channel.close':
        this.#channel = 0;
        out.timer(this.#recovery.next(out), { type: 'rabbitmq/reopen' });
        return this.#host.disconnected(out);
      default:
        return;
    }
  }

  lost(out: Out): void {
    this.#channel = 0;
    this.#host.disconnected(out);
  }

  #consume(queue: string, out: Out): void {
    const args = this.#argumentsFor(queue);
    this.#link.say(
      {
        type: 'basic.consume',
        channel: CHANNEL,
        queue,
        consumerTag: this.#tagOf(queue),
        noAck: this.#noAck,
        exclusive: this.#exclusive,
        ...(args !== undefined && { arguments: args }),
      },
      'control',
      out,
    );
  }

  #handleOf(deliveryTag: number, consumerTag: string, offset: number | undefined): Handle {
    const channel = this.#channel;
    if (offset === undefined) return { channel, deliveryTag, source: -1, offset: -1 };
    const source = this.#queues.length === 1 ? 0 : this.#queues.findIndex((name) => this.#tagOf(name) === consumerTag);
    const progress = this.#progress[source];
    if (progress !== undefined && progress.settled < 0) progress.settled = offset;
    return { channel, deliveryTag, source, offset };
  }

  /** Where reading of a stream goes on: where it was, or where the settings say. */
  #argumentsFor(queue: string): HeaderTable | undefined {
    const args: Record<string, HeaderValue> = {};
    if (this.#priority !== 0) args['x-priority'] = this.#priority;
    if (this.#timeoutUs > 0) args['x-consumer-timeout'] = Math.floor(this.#timeoutUs / 1000);
    const progress = this.#progress[this.#queues.indexOf(queue)];
    if (progress !== undefined) args['x-stream-offset'] = progress.settled >= 0 ? progress.settled : this.#offset;
    return Object.keys(args).length > 0 ? args : undefined;
  }

  #tagOf(queue: string): string {
    return this.#queues.length === 1 ? this.#tag : `${this.#tag}/${queue}`;
  }
}

/** `x-stream-offset` as a scenario writes it: `@90s` is a time of the run, digits are an offset, the rest is the text that AMQP carries. */
function wishFrom(text: string): HeaderValue {
  const [, seconds] = /^@([0-9]+)s?$/.exec(text) ?? [];
  if (seconds !== undefined) return { timestamp: Number(seconds) };
  return /^[0-9]+$/.test(text) ? Number(text) : text;
}
