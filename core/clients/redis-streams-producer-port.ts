/**
 * Publishing to Redis Streams: one XADD per stream and message, sent again when no reply comes. A command without a reply may have been carried out, so
 * a retry may add the message twice, unless its id lets the server recognise it. Source: rules X2, X3, X20.
 */
import type { Trimming } from '../brokers/redis-streams-options.ts';
import type { IdReply, XAdd } from '../brokers/redis-streams-verbs.ts';
import { R } from '../facts.ts';
import type { Out, Setup, Site, Wire } from '../machine.ts';
import { booleanOf, numberOf } from '../options.ts';
import type { Trim } from '../parts/redis-stream.ts';
import type { ActorId, Message, Micros, PlaceId } from '../types.ts';
import { type BackoffSettings, backoffOf, backoffUs } from './backoff.ts';
import { Destinations } from './destinations.ts';
import { OpenRequests } from './open-requests.ts';
import type { ProducerHost, ProducerPort, ProducerPortSpec } from './ports.ts';

/** A stream to add to. */
export interface StreamTarget {
  readonly key: string;
  readonly place: PlaceId;
  readonly trimming: Trimming | null;
}

/** A message on its way to one of the streams. */
interface Sending {
  readonly message: Message;
  readonly target: number;
  readonly attempt: number;
}

interface RetryTimer extends Wire {
  readonly type: 'redis/retry';
  readonly sending: Sending;
}

export class RedisStreamsProducerPort implements ProducerPort {
  readonly #node: ActorId;
  readonly #host: ProducerHost;
  readonly #name: string;
  readonly #targets: readonly StreamTarget[];
  readonly #idempotent: boolean;
  readonly #timeoutUs: Micros;
  readonly #retries: number;
  readonly #backoff: BackoffSettings;
  readonly #jitter: Site;
  readonly #open = new OpenRequests<Sending>('redis/late');
  readonly #destinations: Destinations;

  constructor(
    node: ActorId,
    spec: ProducerPortSpec,
    targets: readonly StreamTarget[],
    host: ProducerHost,
    setup: Setup,
  ) {
    const { options } = spec;
    this.#node = node;
    this.#host = host;
    this.#name = spec.name;
    this.#targets = targets;
    this.#destinations = new Destinations(targets.length);
    this.#idempotent = booleanOf(options, 'IDMP');
    this.#timeoutUs = numberOf(options, 'request-timeout', 2_000_000);
    this.#retries = numberOf(options, 'retries', 3);
    this.#backoff = backoffOf(options, 'retry-', 100_000, 10_000_000);
    this.#jitter = setup.site(`${spec.name}/retry-jitter`);
  }

  start(): void {}

  publish(message: Message, out: Out): void {
    this.#destinations.begin(message.id);
    for (let target = 0; target < this.#targets.length; target++) this.#send({ message, target, attempt: 1 }, out);
  }

  receive(_from: ActorId, wire: Wire, out: Out): void {
    if (wire.type !== 'id' && wire.type !== 'error') return;
    const sending = this.#open.close((wire as IdReply).token, out);
    if (sending === undefined) return;
    if (wire.type === 'id') this.#done(sending, true, 0, out);
    else this.#done(sending, false, R['refused by the broker'], out);
  }

  timer(wire: Wire, out: Out): void {
    if (wire.type === 'redis/retry') {
      const { sending } = wire as RetryTimer;
      this.#host.retrying(sending.message, sending.attempt, R['timed out'], out);
      this.#send(sending, out);
    } else if (wire.type === 'redis/late') {
      for (const sending of this.#open.due(out)) this.#late(sending, out);
    }
  }

  crash(): void {
    this.#open.clear();
    this.#destinations.clear();
  }

  #send(sending: Sending, out: Out): void {
    const { message } = sending;
    const { key, trimming } = this.#targets[sending.target] as StreamTarget;
    const token = this.#open.open(sending, this.#timeoutUs, out);
    const plain: XAdd = { type: 'XADD', key, token, id: '*', message };
    const request =
      trimming === null && !this.#idempotent
        ? plain
        : {
            ...plain,
            ...(trimming === null ? {} : { trim: trimOf(trimming, out.now) }),
            ...(this.#idempotent ? { idmp: { producer: this.#name, iid: String(message.id) } } : {}),
          };
    out.send(this.#node, 'request', request, message.id);
  }

  #late(sending: Sending, out: Out): void {
    const { attempt } = sending;
    if (attempt > this.#retries) return this.#done(sending, false, R['timed out'], out);
    const retry: RetryTimer = { type: 'redis/retry', sending: { ...sending, attempt: attempt + 1 } };
    out.timer(backoffUs(this.#backoff, attempt, out, this.#jitter, sending.message.decisionKey), retry);
  }

  #done({ message, target, attempt }: Sending, ok: boolean, reason: number, out: Out): void {
    if (!ok) {
      const definite = reason === R['refused by the broker'] && attempt === 1;
      if (this.#destinations.fails(message.id)) this.#host.failed(message, reason, definite, out);
    } else if (this.#destinations.confirms(message.id)) {
      this.#host.confirmed(message, this.#targets[target]?.place ?? 0, 0, true, out);
    }
  }
}

/** MINID counts back from the client's clock, as ids are made of the server's. */
function trimOf({ maxlen, ageUs, approx, limit, references }: Trimming, now: Micros): Trim {
  const shared = { approx, limit, references };
  if (maxlen >= 0) return { ...shared, maxlen };
  return { ...shared, minid: { ms: Math.max(0, Math.floor((now - ageUs) / 1000)), seq: 0 } };
}
