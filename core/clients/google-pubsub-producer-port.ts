/**
 * Publishing to Google Pub/Sub: messages gather in batches, one batch per topic and ordering key, and each batch is one Publish call that is tried again while no answer comes.
 * An unanswered call may have been carried out, so a retry may publish twice, under other message ids. With ordering, a key has one call
 * under way; when that fails for good the key is paused, and all that follows of it fails until the program resumes it.
 * Source: rules G10, G12, G13, G20.
 */
import type { Publish, PublishResponse, PubsubMessage } from '../brokers/google-pubsub-verbs.ts';
import { PUBSUB_ERRORS } from '../brokers/google-pubsub-verbs.ts';
import { R } from '../facts.ts';
import type { Out, Setup, Site, Wire } from '../machine.ts';
import { booleanOf, numberOf } from '../options.ts';
import { Fifo } from '../parts/fifo.ts';
import type { ActorId, Message, Micros, PlaceId } from '../types.ts';
import { type BackoffSettings, backoffOf, backoffUs } from './backoff.ts';
import { Destinations } from './destinations.ts';
import { OpenRequests } from './open-requests.ts';
import type { ProducerHost, ProducerPort, ProducerPortSpec } from './ports.ts';

/** Messages that are published together; also the timer that ends their gathering. */
interface Batch extends Wire {
  readonly type: 'pubsub/batch';
  readonly lane: Lane;
  readonly messages: PubsubMessage[];
  bytes: number;
  /** Calls made, and when the first was. */
  attempt: number;
  begunAtUs: Micros;
  /** An earlier call may have been carried out. */
  uncertain: boolean;
}

/** The batches of one topic and ordering key. Without a key as many calls as there are batches may be under way. */
interface Lane {
  readonly name: string;
  readonly topic: number;
  readonly key: string;
  /** Takes further messages. */
  open: Batch | null;
  /** Calls under way or about to be made again. */
  calls: number;
  readonly waiting: Fifo<Batch>;
  paused: boolean;
}

type PortTimer =
  | Batch
  | { readonly type: 'pubsub/retry'; readonly batch: Batch }
  | { readonly type: 'pubsub/resume'; readonly lane: Lane };

export class PubsubProducerPort implements ProducerPort {
  readonly #node: ActorId;
  readonly #host: ProducerHost;
  readonly #topics: readonly { readonly name: string; readonly place: PlaceId }[];
  readonly #ordering: boolean;
  readonly #resumeUs: Micros;
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  readonly #maxLatencyUs: Micros;
  readonly #timeoutUs: Micros;
  readonly #totalUs: Micros;
  readonly #backoff: BackoffSettings;
  readonly #jitter: Site;
  /** By topic: what has no key. */
  readonly #plain: Lane[];
  /** By topic and key, while there is anything of it. */
  readonly #lanes = new Map<string, Lane>();
  readonly #open = new OpenRequests<Batch>('pubsub/publish-late');
  readonly #destinations: Destinations;

  constructor(node: ActorId, spec: ProducerPortSpec, host: ProducerHost, setup: Setup) {
    const { options } = spec;
    this.#node = node;
    this.#host = host;
    this.#topics = spec.to.map((name) => ({ name, place: setup.place(name, 'exchange') }));
    this.#destinations = new Destinations(spec.to.length);
    this.#plain = spec.to.map((_, topic) => newLane('', topic, ''));
    this.#ordering = booleanOf(options, 'enable_message_ordering');
    this.#resumeUs = numberOf(options, 'resume_publish', -1);
    this.#maxMessages = numberOf(options, 'max_messages', 100);
    this.#maxBytes = numberOf(options, 'max_bytes', 1_000_000);
    this.#maxLatencyUs = numberOf(options, 'max_latency', 10_000);
    this.#timeoutUs = numberOf(options, 'request-timeout', 5_000_000);
    this.#totalUs = numberOf(options, 'total-timeout', 60_000_000);
    this.#backoff = backoffOf(options, 'retry-', 100_000, 60_000_000, 'retry-delay');
    this.#jitter = setup.site(`${spec.name}/retry-jitter`);
  }

  start(): void {}

  publish(message: Message, out: Out): void {
    this.#destinations.begin(message.id);
    const key = this.#ordering ? (message.key ?? '') : '';
    const { attributes, sizeBytes } = message;
    const published: PubsubMessage = { message, orderingKey: key, attributes, dataBytes: sizeBytes };
    for (let topic = 0; topic < this.#topics.length; topic++) this.#add(published, topic, out);
  }

  receive(_from: ActorId, wire: Wire, out: Out): void {
    if (wire.type !== 'PublishResponse') return;
    const { token, error } = wire as PublishResponse;
    const batch = this.#open.close(token, out);
    if (batch === undefined) return;
    if (error === PUBSUB_ERRORS.exhausted) this.#again(batch, R['over capacity'], out);
    else if (error !== '') this.#fail(batch, R['refused by the broker'], out);
    else {
      this.#ended(batch, out);
      for (const { message } of batch.messages) this.#done(message, batch.lane.topic, out);
    }
  }

  timer(wire: Wire, out: Out): void {
    if (wire.type === 'pubsub/publish-late') {
      for (const batch of this.#open.due(out)) {
        batch.uncertain = true;
        this.#again(batch, R['timed out'], out);
      }
      return;
    }
    const timer = wire as PortTimer;
    switch (timer.type) {
      case 'pubsub/batch':
        if (timer.lane.open === timer) this.#flush(timer.lane, out);
        return;
      case 'pubsub/retry':
        return this.#call(timer.batch, out);
      case 'pubsub/resume':
        timer.lane.paused = false;
        return this.#tidy(timer.lane);
      default:
        return timer satisfies never;
    }
  }

  /** What has gathered is published before the client goes; nobody waits for the answer. */
  stop(out: Out): void {
    for (const lane of [...this.#plain, ...this.#lanes.values()]) this.#flush(lane, out);
  }

  crash(): void {
    this.#open.clear();
    this.#lanes.clear();
    for (let topic = 0; topic < this.#plain.length; topic++) this.#plain[topic] = newLane('', topic, '');
    this.#destinations.clear();
  }

  #add(published: PubsubMessage, topic: number, out: Out): void {
    const { message, orderingKey } = published;
    const lane = this.#laneOf(topic, orderingKey);
    if (lane.paused) return this.#give(message, R['ordering key paused'], true, out);
    let batch = lane.open;
    if (batch !== null && batch.bytes + message.sizeBytes > this.#maxBytes) {
      this.#flush(lane, out);
      batch = null;
    }
    if (batch === null) {
      const messages = [published];
      const bytes = message.sizeBytes;
      batch = { type: 'pubsub/batch', lane, messages, bytes, attempt: 0, begunAtUs: 0, uncertain: false };
      lane.open = batch;
      if (this.#maxLatencyUs > 0 && this.#maxMessages > 1) out.timer(this.#maxLatencyUs, batch);
    } else {
      batch.messages.push(published);
      batch.bytes += message.sizeBytes;
    }
    const full = batch.messages.length >= this.#maxMessages || batch.bytes >= this.#maxBytes;
    if (full || this.#maxLatencyUs === 0) this.#flush(lane, out);
  }

  #laneOf(topic: number, key: string): Lane {
    if (key === '') return this.#plain[topic] as Lane;
    const name = `${topic} ${key}`;
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = newLane(name, topic, key);
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  /** The open batch takes no more: it is published, behind what is under way of its key. */
  #flush(lane: Lane, out: Out): void {
    const batch = lane.open;
    if (batch === null) return;
    lane.open = null;
    if (lane.key !== '' && lane.calls > 0) lane.waiting.push(batch);
    else this.#begin(batch, out);
  }

  #begin(batch: Batch, out: Out): void {
    batch.lane.calls++;
    batch.begunAtUs = out.now;
    this.#call(batch, out);
  }

  #call(batch: Batch, out: Out): void {
    batch.attempt++;
    const { messages, bytes, lane } = batch;
    const request: Publish = {
      type: 'Publish',
      topic: this.#topics[lane.topic]?.name ?? '',
      messages,
      token: this.#open.open(batch, this.#timeoutUs, out),
      sizeBytes: bytes,
    };
    const [first] = messages;
    if (messages.length === 1 && first !== undefined) out.send(this.#node, 'request', request, first.message.id);
    else
      out.send(
        this.#node,
        'request',
        request,
        messages.map(({ message }) => message.id),
      );
  }

  #again(batch: Batch, reason: number, out: Out): void {
    const backoff = backoffUs(this.#backoff, batch.attempt, out, this.#jitter, batch.messages[0]?.message.decisionKey);
    if (out.now + backoff - batch.begunAtUs > this.#totalUs) return this.#fail(batch, reason, out);
    for (const { message } of batch.messages) this.#host.retrying(message, batch.attempt + 1, reason, out);
    out.timer(backoff, { type: 'pubsub/retry', batch } as Wire);
  }

  /** G12: a failure for good pauses the ordering key, and takes along what waits behind it. */
  #fail(batch: Batch, reason: number, out: Out): void {
    const { lane } = batch;
    if (lane.key === '') this.#ended(batch, out);
    else {
      lane.calls--;
      lane.paused = true;
      if (this.#resumeUs >= 0) out.timer(this.#resumeUs, { type: 'pubsub/resume', lane } as Wire);
    }
    for (const { message } of batch.messages) this.#give(message, reason, !batch.uncertain, out);
    if (lane.key === '') return;
    const { open } = lane;
    lane.open = null;
    for (let next = lane.waiting.shift(); next !== undefined; next = lane.waiting.shift())
      for (const { message } of next.messages) this.#give(message, R['ordering key paused'], true, out);
    for (const { message } of open?.messages ?? []) this.#give(message, R['ordering key paused'], true, out);
  }

  /** A call is over: the next batch of its key may go. */
  #ended({ lane }: Batch, out: Out): void {
    lane.calls--;
    const next = lane.waiting.shift();
    if (next !== undefined) this.#begin(next, out);
    else this.#tidy(lane);
  }

  #tidy(lane: Lane): void {
    if (lane.key !== '' && lane.open === null && lane.calls === 0 && !lane.paused) this.#lanes.delete(lane.name);
  }

  #give(message: Message, reason: number, definite: boolean, out: Out): void {
    if (this.#destinations.fails(message.id)) this.#host.failed(message, reason, definite, out);
  }

  #done(message: Message, topic: number, out: Out): void {
    if (!this.#destinations.confirms(message.id)) return;
    this.#host.confirmed(message, this.#topics[topic]?.place ?? 0, 0, true, out);
  }
}

function newLane(name: string, topic: number, key: string): Lane {
  return { name, topic, key, open: null, calls: 0, waiting: new Fifo(), paused: false };
}
