/**
 * Consuming from RabbitMQ over one connection and channel: the node pushes as many messages as the prefetch allows, the client acks, nacks or rejects by
 * delivery tag. A tag is valid only on the connection it came by, so what was received before a loss cannot be settled after it: it is redelivered.
 * Source: rules R24–R31, R35, R37.
 */
import type { ClientMethod, ServerMethod } from '../brokers/rabbitmq-verbs.ts';
import type { Out, Wire } from '../machine.ts';
import { booleanOf, numberOf } from '../options.ts';
import type { ActorId, Delivery, Settlement } from '../types.ts';
import type { ConsumerHost, ConsumerPort, ConsumerPortSpec } from './ports.ts';
import { type LinkHost, RabbitLink } from './rabbitmq-link.ts';

/** What the port keeps in `Delivery.handle`. `channel` tells channels apart over the whole life of the port. */
interface Handle {
  readonly channel: number;
  readonly deliveryTag: number;
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
  readonly #tag: string;
  readonly #noAck: boolean;
  readonly #prefetch: number;
  readonly #priority: number;
  readonly #exclusive: boolean;
  readonly #declarations: readonly ClientMethod[];
  readonly #link: RabbitLink;
  readonly #recoveryUs: number;
  /** Number of the open channel; 0 while there is none. */
  #channel = 0;
  #channels = 0;

  /** `declarations`: what the client declares on each connection, because a restart of the node may have removed it. */
  constructor(node: ActorId, spec: ConsumerPortSpec, declarations: readonly ClientMethod[], host: ConsumerHost) {
    const { options } = spec;
    this.#host = host;
    this.#queues = spec.from;
    this.#tag = spec.name;
    this.#noAck = spec.settle === 'on-delivery';
    this.#prefetch = numberOf(options, 'prefetch_count', spec.prefetch);
    this.#priority = numberOf(options, 'x-priority');
    this.#exclusive = booleanOf(options, 'exclusive');
    this.#declarations = declarations;
    this.#recoveryUs = numberOf(options, 'network_recovery_interval', 5_000_000);
    this.#link = new RabbitLink(node, this.#recoveryUs, this);
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

  peerLost(_peer: ActorId, out: Out): void {
    this.#link.peerLost(out);
  }

  stop(out: Out): void {
    this.#link.close(out);
  }

  crash(): void {
    this.#link.crash();
    this.#channel = 0;
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
  }

  opened(out: Out): void {
    this.#channels += 1;
    this.#channel = this.#channels;
    this.#link.say({ type: 'channel.open', channel: CHANNEL }, 'control', out);
    if (this.#prefetch > 0)
      this.#link.say({ type: 'basic.qos', channel: CHANNEL, prefetchCount: this.#prefetch }, 'control', out);
    for (const declaration of this.#declarations) this.#link.say(declaration, 'control', out);
    for (const queue of this.#queues) this.#consume(queue, out);
  }

  said(method: ServerMethod, out: Out): void {
    switch (method.type) {
      case 'basic.deliver': {
        const handle: Handle = { channel: this.#channel, deliveryTag: method.deliveryTag };
        const { place, attempt } = method;
        return this.#host.deliver([{ message: method.message.body, place, attempt, handle }], out);
      }
      case 'basic.cancel': {
        // The queue is gone or a delivery was held too long: consume again, in case that helps.
        const queue = this.#queues.find((name) => this.#tagOf(name) === method.consumerTag);
        if (queue === undefined) return;
        const timer: ReconsumeTimer = { type: 'rabbitmq/reconsume', channel: this.#channel, queue };
        out.timer(this.#recoveryUs, timer);
        return;
      }
      case 'channel.close':
        this.#channel = 0;
        out.timer(this.#recoveryUs, { type: 'rabbitmq/reopen' });
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
    this.#link.say(
      {
        type: 'basic.consume',
        channel: CHANNEL,
        queue,
        consumerTag: this.#tagOf(queue),
        noAck: this.#noAck,
        exclusive: this.#exclusive,
        ...(this.#priority === 0 ? {} : { arguments: { 'x-priority': this.#priority } }),
      },
      'control',
      out,
    );
  }

  #tagOf(queue: string): string {
    return this.#queues.length === 1 ? this.#tag : `${this.#tag}/${queue}`;
  }
}
