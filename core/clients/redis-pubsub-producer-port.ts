/**
 * Publishing to Redis Pub/Sub: one PUBLISH per channel and message. The reply says how many got it at that moment, which may be none; that is all a
 * publisher ever learns. A PUBLISH without a reply is not sent again unless `retries` says so. Source: rules B1, B2.
 */
import type { NumberReply, Publish } from '../brokers/redis-pubsub-verbs.ts';
import { R } from '../facts.ts';
import type { Out, Setup, Site, Wire } from '../machine.ts';
import { numberOf } from '../options.ts';
import type { ActorId, Message, Micros, PlaceId } from '../types.ts';
import { type BackoffSettings, backoffOf, backoffUs } from './backoff.ts';
import { Destinations } from './destinations.ts';
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

interface RetryTimer extends Wire {
  readonly type: 'redis/retry';
  readonly sending: Sending;
  /** Why it is sent again. */
  readonly reason: number;
}

export class RedisPubSubProducerPort implements ProducerPort {
  readonly #node: ActorId;
  readonly #host: ProducerHost;
  readonly #targets: readonly ChannelTarget[];
  readonly #timeoutUs: Micros;
  readonly #retries: number;
  readonly #open = new OpenRequests<Sending>('redis/late');
  readonly #destinations: Destinations;
  readonly #backoff: BackoffSettings;
  readonly #jitter: Site;
  #connection = 1;

  constructor(
    node: ActorId,
    spec: ProducerPortSpec,
    targets: readonly ChannelTarget[],
    host: ProducerHost,
    setup: Setup,
  ) {
    this.#node = node;
    this.#host = host;
    this.#targets = targets;
    this.#destinations = new Destinations(targets.length);
    this.#timeoutUs = numberOf(spec.options, 'request-timeout', 2_000_000);
    this.#retries = numberOf(spec.options, 'retries', 0);
    this.#backoff = backoffOf(spec.options, 'retry-', 100_000, 10_000_000);
    this.#jitter = setup.site(`${spec.name}/retry-jitter`);
  }

  start(): void {}

  publish(message: Message, out: Out): void {
    this.#destinations.begin(message.id);
    for (let target = 0; target < this.#targets.length; target++) this.#send({ message, target, attempt: 1 }, out);
  }

  receive(_from: ActorId, wire: Wire, out: Out): void {
    if (wire.type !== 'number' && wire.type !== 'error') return;
    const sending = this.#open.close((wire as NumberReply).token, out);
    if (sending === undefined) return;
    if (wire.type === 'number') this.#done(sending, out);
    else this.#fail(sending, R['refused by the broker'], true, out);
  }

  timer(wire: Wire, out: Out): void {
    if (wire.type === 'redis/late') {
      for (const sending of this.#open.due(out)) this.#again(sending, R['timed out'], out);
    } else if (wire.type === 'redis/retry') {
      const { sending, reason } = wire as RetryTimer;
      this.#host.retrying(sending.message, sending.attempt, reason, out);
      this.#send(sending, out);
    }
  }

  /** The connection is gone: what was on its way may have been published or not. */
  peerLost(_peer: ActorId, out: Out): void {
    this.#connection++;
    for (const sending of this.#open.closeAll(() => true)) this.#again(sending, R['connection lost'], out);
  }

  crash(): void {
    this.#open.clear();
    this.#destinations.clear();
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
    const retry: RetryTimer = { type: 'redis/retry', sending: { ...sending, attempt: attempt + 1 }, reason };
    out.timer(backoffUs(this.#backoff, attempt, out, this.#jitter, message.decisionKey), retry);
  }

  #fail({ message }: Sending, reason: number, definite: boolean, out: Out): void {
    if (this.#destinations.fails(message.id)) this.#host.failed(message, reason, definite, out);
  }

  #done({ message, target }: Sending, out: Out): void {
    if (!this.#destinations.confirms(message.id)) return;
    this.#host.confirmed(message, this.#targets[target]?.place ?? 0, 0, true, out);
  }
}
