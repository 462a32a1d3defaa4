/** Publishing to SNS: one Publish per topic and message, tried again when no answer comes. An unanswered one may have been accepted. */
import type { Publish, PublishResult } from '../brokers/sns-verbs.ts';
import { R } from '../facts.ts';
import type { Out, Setup, Site, Wire } from '../machine.ts';
import { numberOf, textOf } from '../options.ts';
import type { ActorId, Message, Micros, PlaceId } from '../types.ts';
import { type BackoffSettings, backoffOf, backoffUs } from './backoff.ts';
import { Destinations } from './destinations.ts';
import { OpenRequests } from './open-requests.ts';
import type { ProducerHost, ProducerPort, ProducerPortSpec } from './ports.ts';
import { groupOf } from './sqs-producer-port.ts';

/** A message on its way to one of the topics; beside what the service reads, the request keeps what is needed to send it again. */
interface Publishing extends Publish {
  readonly target: number;
  /** Counts the sendings, from 1. */
  readonly attempt: number;
}

interface RetryTimer extends Wire {
  readonly type: 'sns/again';
  readonly publishing: Publishing;
}

export class SnsProducerPort implements ProducerPort {
  readonly #node: ActorId;
  readonly #host: ProducerHost;
  readonly #topics: readonly { readonly name: string; readonly place: PlaceId; readonly fifo: boolean }[];
  readonly #timeoutUs: Micros;
  readonly #retries: number;
  readonly #backoff: BackoffSettings;
  readonly #jitter: Site;
  readonly #ownIds: boolean;
  readonly #open = new OpenRequests<Publishing>('sns/no-answer');
  readonly #destinations: Destinations;

  constructor(node: ActorId, fifo: readonly string[], spec: ProducerPortSpec, host: ProducerHost, setup: Setup) {
    this.#node = node;
    this.#host = host;
    this.#topics = spec.to.map((name) => ({ name, place: setup.place(name, 'exchange'), fifo: fifo.includes(name) }));
    this.#destinations = new Destinations(spec.to.length);
    this.#timeoutUs = numberOf(spec.options, 'request-timeout', 2_000_000);
    this.#retries = numberOf(spec.options, 'retries', 2);
    this.#backoff = backoffOf(spec.options, 'retry-', 100_000, 20_000_000);
    this.#jitter = setup.site(`${spec.name}/retry-jitter`);
    this.#ownIds = textOf(spec.options, 'MessageDeduplicationId', 'message') === 'message';
  }

  start(): void {}

  publish(message: Message, out: Out): void {
    this.#destinations.begin(message.id);
    for (let target = 0; target < this.#topics.length; target++) {
      const { name, fifo } = this.#topics[target] as { readonly name: string; readonly fifo: boolean };
      const publishing: Publishing = {
        type: 'Publish',
        topic: name,
        message,
        token: this.#open.next,
        group: fifo ? groupOf(message) : '',
        dedupId: fifo && this.#ownIds ? String(message.id) : null,
        sizeBytes: message.sizeBytes,
        content: null,
        target,
        attempt: 1,
      };
      this.#send(publishing, out);
    }
  }

  receive(_from: ActorId, wire: Wire, out: Out): void {
    if (wire.type !== 'PublishResult') return;
    const { token, error } = wire as PublishResult;
    const publishing = this.#open.close(token, out);
    if (publishing !== undefined) this.#done(publishing, error === '' ? 0 : R['refused by the broker'], out);
  }

  timer(wire: Wire, out: Out): void {
    if (wire.type === 'sns/again') {
      const { publishing } = wire as RetryTimer;
      this.#host.retrying(publishing.message, publishing.attempt, R['timed out'], out);
      this.#send({ ...publishing, token: this.#open.next }, out);
    } else if (wire.type === 'sns/no-answer') {
      for (const publishing of this.#open.due(out)) this.#late(publishing, out);
    }
  }

  crash(): void {
    this.#open.clear();
    this.#destinations.clear();
  }

  #send(publishing: Publishing, out: Out): void {
    this.#open.open(publishing, this.#timeoutUs, out);
    out.send(this.#node, 'request', publishing, publishing.message.id);
  }

  #late(publishing: Publishing, out: Out): void {
    const { attempt } = publishing;
    if (attempt > this.#retries) return this.#done(publishing, R['timed out'], out);
    const retry: RetryTimer = { type: 'sns/again', publishing: { ...publishing, attempt: attempt + 1 } };
    out.timer(backoffUs(this.#backoff, attempt, out, this.#jitter, publishing.message.decisionKey), retry);
  }

  /** `reason` 0: accepted. */
  #done({ message, target }: Publishing, reason: number, out: Out): void {
    if (reason !== 0) {
      const definite = reason === R['refused by the broker'];
      if (this.#destinations.fails(message.id)) this.#host.failed(message, reason, definite, out);
    } else if (this.#destinations.confirms(message.id)) {
      this.#host.confirmed(message, this.#topics[target]?.place ?? 0, 0, true, out);
    }
  }
}
