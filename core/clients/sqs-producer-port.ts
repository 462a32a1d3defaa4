/**
 * Publishing to SQS: one SendMessage per queue and message, or a SendMessageBatch for several, tried again when no answer comes. An unanswered send may have
 * been stored.
 */
import {
  type BatchResult,
  SQS_ERRORS as ERROR,
  type SendMessage,
  type SendMessageBatch,
  type SendMessageResult,
} from '../brokers/sqs-verbs.ts';
import { R } from '../facts.ts';
import type { Out, Setup, Site, Wire } from '../machine.ts';
import { numberOf, textOf } from '../options.ts';
import type { ActorId, Message, Micros, PlaceId } from '../types.ts';
import { type BackoffSettings, backoffOf, backoffUs } from './backoff.ts';
import { Destinations } from './destinations.ts';
import { OpenRequests } from './open-requests.ts';
import type { ProducerHost, ProducerPort, ProducerPortSpec } from './ports.ts';
import { type Gathered, Gathering } from './sqs-gathering.ts';

/** A message on its way to one of the queues; beside what the service reads, the request keeps what is needed to send it again. */
interface Sending extends SendMessage {
  readonly target: number;
  /** Counts the sendings, from 1. */
  readonly attempt: number;
}

interface RetryTimer extends Wire {
  readonly type: 'sqs/retry';
  readonly sending: Sending;
  /** Why it is sent again. */
  readonly reason: number;
}

/** A batch on its way, which keeps what is needed to send it again. */
interface SendingBatch extends Gathered<Sending> {
  /** Counts the sendings, from 1. */
  readonly attempt: number;
}

interface BatchRetryTimer extends Wire {
  readonly type: 'sqs/batch-retry';
  readonly batch: SendingBatch;
  readonly reason: number;
}

export class SqsProducerPort implements ProducerPort {
  readonly #node: ActorId;
  readonly #host: ProducerHost;
  readonly #queues: readonly { readonly name: string; readonly place: PlaceId; readonly fifo: boolean }[];
  readonly #timeoutUs: Micros;
  readonly #retries: number;
  readonly #backoff: BackoffSettings;
  readonly #jitter: Site;
  readonly #delayUs: Micros;
  readonly #ownIds: boolean;
  readonly #open = new OpenRequests<Sending>('sqs/late');
  /** Null when each message goes by itself. */
  readonly #gathering: Gathering<Sending> | null;
  readonly #batches = new OpenRequests<SendingBatch>('sqs/batch-late');
  readonly #destinations: Destinations;

  constructor(node: ActorId, fifo: readonly string[], spec: ProducerPortSpec, host: ProducerHost, setup: Setup) {
    this.#node = node;
    this.#host = host;
    this.#queues = spec.to.map((name) => ({ name, place: setup.place(name, 'queue'), fifo: fifo.includes(name) }));
    this.#destinations = new Destinations(spec.to.length);
    this.#timeoutUs = numberOf(spec.options, 'request-timeout', 2_000_000);
    this.#retries = numberOf(spec.options, 'retries', 2);
    this.#backoff = backoffOf(spec.options, 'retry-', 100_000, 20_000_000);
    this.#jitter = setup.site(`${spec.name}/retry-jitter`);
    this.#delayUs = numberOf(spec.options, 'DelaySeconds', -1);
    this.#ownIds = textOf(spec.options, 'MessageDeduplicationId', 'message') === 'message';
    const most = numberOf(spec.options, 'maxBatchSize', 1);
    const lingerUs = numberOf(spec.options, 'sendRequestFrequency', 200_000);
    this.#gathering =
      most > 1 ? new Gathering(most, lingerUs, (batch, out) => this.#sendBatch({ ...batch, attempt: 1 }, out)) : null;
  }

  start(): void {}

  publish(message: Message, out: Out): void {
    this.#destinations.begin(message.id);
    for (let target = 0; target < this.#queues.length; target++) {
      const { name, fifo } = this.#queues[target] as { readonly name: string; readonly fifo: boolean };
      const sending: Sending = {
        type: 'SendMessage',
        queue: name,
        message,
        token: this.#open.next,
        delayUs: this.#delayUs,
        group: fifo ? groupOf(message) : '',
        dedupId: fifo && this.#ownIds ? String(message.id) : null,
        sizeBytes: message.sizeBytes,
        target,
        attempt: 1,
      };
      if (this.#gathering === null) this.#send(sending, out);
      else this.#gathering.add(sending, out);
    }
  }

  receive(_from: ActorId, wire: Wire, out: Out): void {
    if (wire.type === 'BatchResult') return this.#batchDone(wire as BatchResult, out);
    if (wire.type !== 'SendMessageResult') return;
    const { token, error } = wire as SendMessageResult;
    const sending = this.#open.close(token, out);
    if (sending === undefined) return;
    if (error === '') this.#done(sending, true, 0, out);
    else if (error === ERROR.throttled) this.#tryAgain(sending, R['over capacity'], out);
    else this.#done(sending, false, R['refused by the broker'], out);
  }

  timer(wire: Wire, out: Out): void {
    if (wire.type === 'sqs/retry') {
      const { sending, reason } = wire as RetryTimer;
      this.#host.retrying(sending.message, sending.attempt, reason, out);
      this.#send({ ...sending, token: this.#open.next }, out);
    } else if (wire.type === 'sqs/late') {
      for (const sending of this.#open.due(out)) this.#tryAgain(sending, R['timed out'], out);
    } else if (wire.type === 'sqs/batch-retry') {
      const { batch, reason } = wire as BatchRetryTimer;
      for (const { request } of batch.entries) this.#host.retrying(request.message, batch.attempt, reason, out);
      this.#sendBatch(batch, out);
    } else if (wire.type === 'sqs/batch-late') {
      for (const batch of this.#batches.due(out)) this.#tryBatchAgain(batch, R['timed out'], out);
    } else this.#gathering?.timer(wire, out);
  }

  stop(out: Out): void {
    this.#gathering?.flush(out);
  }

  crash(): void {
    this.#open.clear();
    this.#batches.clear();
    this.#gathering?.crash();
    this.#destinations.clear();
  }

  #send(sending: Sending, out: Out): void {
    this.#open.open(sending, this.#timeoutUs, out);
    out.send(this.#node, 'request', sending, sending.message.id);
  }

  /** No answer came, or the service has too much to do: after a pause it is sent once more, unless that was the last time. */
  #tryAgain(sending: Sending, reason: number, out: Out): void {
    const { attempt } = sending;
    if (attempt > this.#retries) return this.#done(sending, false, reason, out);
    const wait = backoffUs(this.#backoff, attempt, out, this.#jitter, sending.message.decisionKey);
    out.timer(wait, {
      type: 'sqs/retry',
      sending: { ...sending, attempt: attempt + 1 },
      reason,
    } as RetryTimer);
  }

  #sendBatch(batch: SendingBatch, out: Out): void {
    const { queue, entries, sizeBytes } = batch;
    const token = this.#batches.open(batch, this.#timeoutUs, out);
    const request: SendMessageBatch = { type: 'SendMessageBatch', queue, token, entries, sizeBytes };
    out.send(
      this.#node,
      'request',
      request,
      entries.map(({ request: one }) => one.message.id),
    );
  }

  /** Each entry was stored or refused for itself; a batch that was refused as a whole stored nothing (S19). */
  #batchDone({ token, error, entries: results }: BatchResult, out: Out): void {
    const batch = this.#batches.close(token, out);
    if (batch === undefined) return;
    if (error === ERROR.throttled) return this.#tryBatchAgain(batch, R['over capacity'], out);
    batch.entries.forEach(({ request }, i) => {
      const refused = error !== '' || results[i]?.result.error !== '';
      this.#done(request, !refused, refused ? R['refused by the broker'] : 0, out);
    });
  }

  #tryBatchAgain(batch: SendingBatch, reason: number, out: Out): void {
    const { attempt, entries } = batch;
    if (attempt > this.#retries) {
      for (const { request } of entries) this.#done(request, false, reason, out);
      return;
    }
    const wait = backoffUs(this.#backoff, attempt, out, this.#jitter, entries[0]?.request.message.decisionKey);
    out.timer(wait, { type: 'sqs/batch-retry', batch: { ...batch, attempt: attempt + 1 }, reason } as BatchRetryTimer);
  }

  #done({ message, target }: Sending, ok: boolean, reason: number, out: Out): void {
    if (!ok) {
      const definite = reason === R['refused by the broker'];
      if (this.#destinations.fails(message.id)) this.#host.failed(message, reason, definite, out);
    } else if (this.#destinations.confirms(message.id)) {
      this.#host.confirmed(message, this.#queues[target]?.place ?? 0, 0, true, out);
    }
  }
}

/** Keys that escaping leaves as they are. */
const PLAIN = /^[\w.~-]{1,128}$/;

/** Message group ids may hold no spaces and the like, so keys are escaped; messages without a key share one group. */
export function groupOf({ key }: Message): string {
  if (key === null || key === '') return 'default';
  return PLAIN.test(key) ? key : encodeURIComponent(key).slice(0, 128);
}
