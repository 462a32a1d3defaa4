/**
 * Publishing to Redis Pub/Sub: one PUBLISH per channel and message. The reply says how many got it at that moment, which may be none; that is all a
 * publisher ever learns. A PUBLISH without a reply is not sent again unless `retries` says so. Source: rules B1, B2.
 */
import type { NumberReply, Publish } from '../brokers/redis-pubsub-verbs.ts';
import { R } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import { numberOf } from '../options.ts';
import type { ActorId, Message, Micros, PlaceId } from '../types.ts';
import { OpenRequests } from './open-requests.ts';
import type { ProducerHost, ProducerPort, ProducerPortSpec } from './ports.ts';

/** A declared topic to publish to. */
export interface ChannelTarget {
  readonly topic: string;
  readonly place: PlaceId;
  readonly sharded: boolean;
}

interface Sending {
  readonly message: Message;
  readonly target: number;
  readonly attempt: number;
}

export class RedisPubSubProducerPort implements ProducerPort {
  readonly #node: ActorId;
  readonly #host: ProducerHost;
  readonly #targets: readonly ChannelTarget[];
  readonly #timeoutUs: Micros;
  readonly #retries: number;
  readonly #open = new OpenRequests<Sending>('redis/late');
  readonly #left = new Map<number, number>();
  #connection = 1;

  constructor(node: ActorId, spec: ProducerPortSpec, targets: readonly ChannelTarget[], host: ProducerHost) {
    this.#node = node;
    this.#host = host;
    this.#targets = targets;
    this.#timeoutUs = numberOf(spec.options, 'request-timeout', 2_000_000);
    this.#retries = numberOf(spec.options, 'retries', 0);
  }

  start(): void {}

  publish(message: Message, out: Out): void {
    if (this.#targets.length > 1) this.#left.set(message.id, this.#targets.length);
    for (let target = 0; target < this.#targets.length; target++) this.#send({ message, target, attempt: 1 }, out);
  }

  receive(_from: ActorId, wire: Wire, out: Out): void {
    if (wire.type !== 'number' && wire.type !== 'error') return;
    const sending = this.#open.close((wire as NumberReply).token);
    if (sending === undefined) return;
    if (wire.type === 'number') this.#done(sending, out);
    else this.#fail(sending, R['refused by the broker'], true, out);
  }

  timer(wire: Wire, out: Out): void {
    if (wire.type !== 'redis/late') return;
    for (const sending of this.#open.due(out)) this.#again(sending, R['timed out'], out);
  }

  /** The connection is gone: what was on its way may have been published or not. */
  peerLost(_peer: ActorId, out: Out): void {
    this.#connection++;
    for (const sending of this.#open.closeAll(() => true)) this.#again(sending, R['connection lost'], out);
  }

  crash(): void {
    this.#open.clear();
    this.#left.clear();
    this.#connection++;
  }

  #send(sending: Sending, out: Out): void {
    const { message } = sending;
    const { topic, sharded } = this.#targets[sending.target] as ChannelTarget;
    const request: Publish = {
      type: sharded ? 'SPUBLISH' : 'PUBLISH',
      token: this.#open.open(sending, this.#timeoutUs, out),
      connection: this.#connection,
      // A routing key names the channel itself, such as `news.paris`.
      channel: message.routingKey === '' ? topic : message.routingKey,
      message,
      topic,
    };
    out.send(this.#node, 'request', request, message.id);
  }

  #again(sending: Sending, reason: number, out: Out): void {
    const { attempt, message } = sending;
    if (attempt > this.#retries) return this.#fail(sending, reason, false, out);
    this.#host.retrying(message, attempt + 1, reason, out);
    this.#send({ ...sending, attempt: attempt + 1 }, out);
  }

  #fail({ message }: Sending, reason: number, definite: boolean, out: Out): void {
    if (this.#targets.length > 1 && !this.#left.delete(message.id)) return;
    this.#host.failed(message, reason, definite, out);
  }

  #done({ message, target }: Sending, out: Out): void {
    if (this.#targets.length > 1) {
      const left = this.#left.get(message.id);
      if (left === undefined) return;
      if (left > 1) {
        this.#left.set(message.id, left - 1);
        return;
      }
      this.#left.delete(message.id);
    }
    this.#host.confirmed(message, this.#targets[target]?.place ?? 0, 0, true, out);
  }
}
