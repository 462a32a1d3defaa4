/**
 * Subscribing to Google Pub/Sub as its client libraries do: on a stream per subscription, with flow control by the service and ack deadlines that the client extends by itself
 * while it holds a message; or by pulling again and again, which extends nothing. Messages of one ordering key are worked on one after the other. Without
 * exactly-once delivery nobody waits for the outcome of an ack. Source: rules G4, G5, G10, G13, G18.
 */
import type {
  Acknowledge,
  AckResponse,
  ModifyAckDeadline,
  Pull,
  PullResponse,
  ReceivedMessage,
  StreamClose,
  StreamingPull,
  StreamingPullResponse,
  StreamKeepAlive,
  StreamState,
} from '../brokers/google-pubsub-verbs.ts';
import { PUBSUB_ERRORS } from '../brokers/google-pubsub-verbs.ts';
import type { Out, Wire } from '../machine.ts';
import { numberOf, textOf } from '../options.ts';
import { Fifo } from '../parts/fifo.ts';
import type { ActorId, Delivery, Micros, PlaceId, Settlement } from '../types.ts';
import { OpenRequests } from './open-requests.ts';
import type { ConsumerHost, ConsumerPort, ConsumerPortSpec } from './ports.ts';

/** What the port knows of a subscription that it takes from. */
export interface SubscriptionTerms {
  readonly name: string;
  readonly place: PlaceId;
  readonly ackDeadlineUs: Micros;
  readonly ordered: boolean;
  readonly exactlyOnce: boolean;
}

interface Source extends SubscriptionTerms {
  /** Deadline that messages of the stream have, and how far they are extended. */
  readonly deadlineUs: Micros;
  /** Token of the stream that was asked for last; 0 while none is. */
  stream: number;
  heardAtUs: Micros;
  /** Numbers of the stream's answers: all up to the first came, and these too. */
  cameUpTo: number;
  readonly came: Set<number>;
  /** A pull is under way for so many messages, or a pause after a refusal. */
  pulling: boolean;
  asked: number;
  /** What waits behind the message of its ordering key that is being worked on. */
  readonly keys: Map<string, Fifo<ReceivedMessage>>;
}

/** A message at the client, whose deadline it extends. */
interface Held {
  readonly source: Source;
  readonly receivedAtUs: Micros;
  leasedAtUs: Micros;
}

/** A call that settles; beside what the service reads, it keeps what is needed to make it again. */
type Settling = (Acknowledge | ModifyAckDeadline) & {
  readonly source: Source;
  readonly delivery: ReceivedMessage;
  /** Counts the calls, from 1. */
  readonly sending: number;
  /** The consumer waits for the outcome. */
  readonly awaited: boolean;
};

type PortTimer =
  | { readonly type: 'pubsub/alive' | 'pubsub/lease' | 'pubsub/open-late' | 'pubsub/pull-late' | 'pubsub/settle-late' }
  | { readonly type: 'pubsub/reopen'; readonly source: Source }
  | { readonly type: 'pubsub/settle-again'; readonly settling: Settling };

const SECOND: Micros = 1_000_000;
/** Signs of life on a stream, and how long one may stay unanswered. */
const ALIVE_US = 30 * SECOND;
const SILENCE_US = 45 * SECOND;
/** Before a stream is opened again, a refused pull is repeated, or an ack that failed for now is. */
const PAUSE_US = SECOND;
const EXACTLY_ONCE_DEADLINE_US = 60 * SECOND;
const DEADLINE_US_MAX = 600 * SECOND;

export class PubsubConsumerPort implements ConsumerPort {
  readonly #node: ActorId;
  readonly #host: ConsumerHost;
  readonly #sources: readonly Source[];
  readonly #streams: boolean;
  readonly #settleWhen: ConsumerPortSpec['settle'];
  readonly #maxOutstanding: number;
  readonly #maxBytes: number;
  readonly #maxLeaseUs: Micros;
  readonly #maxMessages: number;
  readonly #waitUs: Micros;
  readonly #timeoutUs: Micros;
  readonly #retries: number;
  readonly #opening = new OpenRequests<Source>('pubsub/open-late');
  readonly #pulls = new OpenRequests<Source>('pubsub/pull-late');
  readonly #settling = new OpenRequests<Settling>('pubsub/settle-late');
  readonly #held = new Map<Delivery, Held>();
  /** When the timer for leases will fire; 0 when none is set. */
  #leaseAtUs: Micros = 0;
  #turn = 0;
  #room = 0;
  #asked = 0;

  constructor(node: ActorId, subscriptions: readonly SubscriptionTerms[], spec: ConsumerPortSpec, host: ConsumerHost) {
    const { options } = spec;
    this.#node = node;
    this.#host = host;
    this.#streams = textOf(options, 'method', 'streaming-pull') === 'streaming-pull';
    this.#settleWhen = spec.settle;
    this.#maxOutstanding = numberOf(options, 'max_outstanding_messages', 1000);
    this.#maxBytes = numberOf(options, 'max_outstanding_bytes', 100_000_000);
    this.#maxLeaseUs = this.#streams ? numberOf(options, 'max_lease_duration', 3600 * SECOND) : 0;
    this.#maxMessages = numberOf(options, 'max_messages', 10);
    this.#waitUs = numberOf(options, 'pull-wait', 10 * SECOND);
    this.#timeoutUs = numberOf(options, 'request-timeout', 5 * SECOND);
    this.#retries = numberOf(options, 'retries', 5);
    this.#sources = subscriptions.map((terms) => {
      const usual = terms.exactlyOnce ? Math.max(terms.ackDeadlineUs, EXACTLY_ONCE_DEADLINE_US) : terms.ackDeadlineUs;
      return {
        ...terms,
        deadlineUs: numberOf(options, 'stream_ack_deadline_seconds', usual),
        stream: 0,
        heardAtUs: 0,
        cameUpTo: 0,
        came: new Set(),
        pulling: false,
        asked: 0,
        keys: new Map(),
      };
    });
  }

  start(out: Out): void {
    if (!this.#streams) return;
    for (const source of this.#sources) this.#open(source, out);
    out.timer(ALIVE_US, { type: 'pubsub/alive' });
  }

  /** Streams are limited by the service's flow control; only pulls ask for what there is room for. */
  room(messages: number, out: Out): void {
    if (this.#streams) return;
    this.#room = messages;
    for (let i = 0; i < this.#sources.length && this.#room > this.#asked; i++) {
      const source = this.#sources[this.#turn++ % this.#sources.length] as Source;
      if (!source.pulling) this.#pull(source, out);
    }
  }

  receive(_from: ActorId, wire: Wire, out: Out): void {
    const answer = wire as StreamState | StreamingPullResponse | PullResponse | AckResponse;
    switch (answer.type) {
      case 'StreamState':
        return this.#streamState(answer, out);
      case 'StreamingPullResponse':
        return this.#streamed(answer, out);
      case 'PullResponse':
        return this.#pulled(answer, out);
      case 'AckResponse':
        return this.#answered(answer, out);
      default:
        return answer satisfies never;
    }
  }

  timer(wire: Wire, out: Out): void {
    const timer = wire as PortTimer;
    switch (timer.type) {
      case 'pubsub/alive':
        return this.#beat(out);
      case 'pubsub/lease':
        return this.#lease(out);
      case 'pubsub/open-late':
        for (const source of this.#opening.due(out)) if (source.stream !== 0) this.#open(source, out);
        return;
      case 'pubsub/reopen': {
        const { source } = timer;
        source.pulling = false;
        if (this.#streams && source.stream === 0) this.#open(source, out);
        return this.room(this.#room, out);
      }
      case 'pubsub/pull-late':
        for (const source of this.#pulls.due(out)) this.#free(source);
        return this.room(this.#room, out);
      case 'pubsub/settle-late':
        for (const settling of this.#settling.due(out)) this.#settleAgain(settling, out);
        return;
      case 'pubsub/settle-again':
        return this.#settleAgain(timer.settling, out);
      default:
        return timer satisfies never;
    }
  }

  /** The service went away, and the streams with it. What is held stays so until its deadline, and can still be acked. */
  peerLost(_peer: ActorId, out: Out): void {
    if (!this.#streams) return;
    for (const source of this.#sources) this.#reopen(source, out);
  }

  crash(): void {
    this.#opening.clear();
    this.#pulls.clear();
    this.#settling.clear();
    this.#held.clear();
    this.#leaseAtUs = 0;
    this.#asked = 0;
    for (const source of this.#sources) {
      source.stream = 0;
      source.pulling = false;
      source.asked = 0;
      source.keys.clear();
    }
  }

  /** Shutting down gives back what is held, and closes the streams. */
  stop(out: Out): void {
    for (const source of this.#sources) {
      const acks: ReceivedMessage[] = [];
      for (const [delivery, held] of this.#held) if (held.source === source) acks.push(delivery as ReceivedMessage);
      if (acks.length > 0) this.#modify(source, acks, 0, out);
      const close: StreamClose = { type: 'StreamClose', subscription: source.name, token: source.stream };
      out.send(this.#node, 'control', close);
    }
  }

  /**
   * Nothing is rejected here: giving back is all there is. What is left keeps its lease, which the client extends as long as for any other
   * message: the library cannot know that nobody will ever settle it.
   */
  settle(delivery: Delivery, how: Settlement, out: Out): void {
    const received = delivery as ReceivedMessage;
    const source = this.#sourceOf(delivery);
    if (how === 'leave') {
      this.#host.settled(delivery, true, out);
      return this.#nextOfKey(source, received, out);
    }
    this.#held.delete(delivery);
    const awaited = source.exactlyOnce || this.#settleWhen === 'before-processing';
    this.#settle(source, received, how === 'ack', awaited, out);
    if (awaited) return;
    this.#host.settled(delivery, true, out);
    this.#nextOfKey(source, received, out);
  }

  extend(delivery: Delivery, forUs: Micros, out: Out): void {
    const source = this.#sourceOf(delivery);
    this.#modify(source, [delivery as ReceivedMessage], Math.min(forUs, DEADLINE_US_MAX), out);
  }

  // ── Streams ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #open(source: Source, out: Out): void {
    source.stream = this.#opening.open(source, this.#timeoutUs, out);
    source.heardAtUs = out.now;
    source.cameUpTo = 0;
    source.came.clear();
    const request: StreamingPull = {
      type: 'StreamingPull',
      subscription: source.name,
      token: source.stream,
      maxMessages: this.#maxOutstanding,
      maxBytes: this.#maxBytes,
      ackDeadlineUs: source.deadlineUs,
    };
    out.send(this.#node, 'control', request);
  }

  #reopen(source: Source, out: Out): void {
    source.stream = 0;
    out.timer(PAUSE_US, { type: 'pubsub/reopen', source } as Wire);
  }

  #streamState({ token, error }: StreamState, out: Out): void {
    this.#opening.close(token, out);
    const source = this.#sources.find(({ stream }) => stream === token);
    if (source === undefined) return;
    if (error === '') source.heardAtUs = out.now;
    else this.#reopen(source, out);
  }

  #streamed({ token, number, messages }: StreamingPullResponse, out: Out): void {
    for (const source of this.#sources) {
      if (source.stream !== token) continue;
      source.heardAtUs = out.now;
      if (isNew(source, number)) this.#take(source, messages, out);
      return;
    }
  }

  /** Asks whether the streams are still there, and gives up those that say nothing. */
  #beat(out: Out): void {
    for (const source of this.#sources) {
      if (source.stream === 0) continue;
      if (out.now - source.heardAtUs > SILENCE_US) {
        this.#open(source, out);
        continue;
      }
      const alive: StreamKeepAlive = { type: 'StreamKeepAlive', subscription: source.name, token: source.stream };
      out.send(this.#node, 'control', alive);
    }
    out.timer(ALIVE_US, { type: 'pubsub/alive' });
  }

  // ── Pulls ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #pull(source: Source, out: Out): void {
    const maxMessages = Math.min(this.#room - this.#asked, this.#maxMessages);
    source.pulling = true;
    source.asked = maxMessages;
    this.#asked += maxMessages;
    const request: Pull = {
      type: 'Pull',
      subscription: source.name,
      token: this.#pulls.open(source, this.#waitUs + this.#timeoutUs, out),
      maxMessages,
      waitUs: this.#waitUs,
    };
    out.send(this.#node, 'control', request);
  }

  #pulled({ token, error, messages }: PullResponse, out: Out): void {
    const source = this.#pulls.close(token, out);
    if (source === undefined) return;
    this.#free(source);
    if (messages.length > 0) {
      this.#room -= messages.length;
      this.#take(source, messages, out);
    } else if (error !== '' || this.#waitUs === 0) {
      source.pulling = true;
      out.timer(PAUSE_US, { type: 'pubsub/reopen', source } as Wire);
    }
    this.room(this.#room, out);
  }

  #free(source: Source): void {
    source.pulling = false;
    this.#asked -= source.asked;
    source.asked = 0;
  }

  // ── Messages at the client ──────────────────────────────────────────────────────────────────────────────────────

  #take(source: Source, messages: readonly ReceivedMessage[], out: Out): void {
    if (this.#settleWhen === 'on-delivery') {
      for (const delivery of messages) this.#settle(source, delivery, true, false, out);
      return this.#host.deliver(messages, out);
    }
    for (const delivery of messages) {
      this.#held.set(delivery, { source, receivedAtUs: out.now, leasedAtUs: out.now });
    }
    if (this.#leaseAtUs === 0) this.#armLease(out);
    if (!source.ordered) return this.#host.deliver(messages, out);
    const first: ReceivedMessage[] = [];
    for (const delivery of messages) {
      const { orderingKey } = delivery;
      const waiting = orderingKey === '' ? undefined : source.keys.get(orderingKey);
      if (waiting !== undefined) waiting.push(delivery);
      else {
        if (orderingKey !== '') source.keys.set(orderingKey, new Fifo());
        first.push(delivery);
      }
    }
    if (first.length > 0) this.#host.deliver(first, out);
  }

  /** The message of its ordering key that was being worked on is settled: the next one may begin. */
  #nextOfKey({ ordered, keys }: Source, { orderingKey }: ReceivedMessage, out: Out): void {
    if (!ordered || orderingKey === '') return;
    const next = keys.get(orderingKey)?.shift();
    if (next === undefined) keys.delete(orderingKey);
    else this.#host.deliver([next], out);
  }

  #armLease(out: Out): void {
    if (this.#maxLeaseUs === 0) return;
    let least = DEADLINE_US_MAX;
    for (const { deadlineUs } of this.#sources) least = Math.min(least, deadlineUs);
    this.#leaseAtUs = out.now + (least >> 1);
    out.timer(least >> 1, { type: 'pubsub/lease' });
  }

  /** Extends whatever would run out before the next time, unless the client has had it for too long (G4). */
  #lease(out: Out): void {
    this.#leaseAtUs = 0;
    if (this.#held.size === 0) return;
    for (const source of this.#sources) {
      const acks: ReceivedMessage[] = [];
      for (const [delivery, held] of this.#held) {
        if (held.source !== source) continue;
        if (out.now - held.receivedAtUs >= this.#maxLeaseUs) this.#held.delete(delivery);
        else if (out.now - held.leasedAtUs >= source.deadlineUs >> 2) {
          held.leasedAtUs = out.now;
          acks.push(delivery as ReceivedMessage);
        }
      }
      if (acks.length > 0) this.#modify(source, acks, source.deadlineUs, out);
    }
    this.#armLease(out);
  }

  #sourceOf(delivery: Delivery): Source {
    for (const source of this.#sources) if (source.place === delivery.place) return source;
    throw new Error(`invariant: nothing was received from place ${delivery.place}`);
  }

  // ── Settling ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Unanswered on purpose: another comes if this one is lost. */
  #modify({ name }: Source, acks: readonly ReceivedMessage[], deadlineUs: Micros, out: Out): void {
    const request: ModifyAckDeadline = { type: 'ModifyAckDeadline', subscription: name, token: 0, acks, deadlineUs };
    const [first] = acks;
    if (acks.length === 1 && first !== undefined) out.send(this.#node, 'ack', request, first.message.id);
    else
      out.send(
        this.#node,
        'ack',
        request,
        acks.map(({ message }) => message.id),
      );
  }

  #settle(source: Source, delivery: ReceivedMessage, isAck: boolean, awaited: boolean, out: Out): void {
    const subscription = source.name;
    const token = this.#settling.next;
    const acks = [delivery];
    this.#say(
      isAck
        ? { type: 'Acknowledge', subscription, token, acks, source, delivery, sending: 1, awaited }
        : {
            type: 'ModifyAckDeadline',
            subscription,
            token,
            acks,
            deadlineUs: 0,
            source,
            delivery,
            sending: 1,
            awaited,
          },
      out,
    );
  }

  /** The call carries the token that it gets here. */
  #say(settling: Settling, out: Out): void {
    this.#settling.open(settling, this.#timeoutUs, out);
    out.send(this.#node, 'ack', settling, settling.delivery.message.id);
  }

  #settleAgain(settling: Settling, out: Out): void {
    if (settling.sending > this.#retries) this.#outcome(settling, false, out);
    else this.#say({ ...settling, token: this.#settling.next, sending: settling.sending + 1 }, out);
  }

  #answered({ token, error, failed }: AckResponse, out: Out): void {
    // A lease that could not be extended is over: the message is somebody else's by now, or will be.
    if (token === 0) {
      for (const one of failed) this.#held.delete(one as ReceivedMessage);
      return;
    }
    const settling = this.#settling.close(token, out);
    if (settling === undefined) return;
    if (error !== PUBSUB_ERRORS.outOfOrder) return this.#outcome(settling, error === '', out);
    out.timer(PAUSE_US, { type: 'pubsub/settle-again', settling } as Wire);
  }

  #outcome({ source, delivery, awaited }: Settling, ok: boolean, out: Out): void {
    if (!awaited) return;
    this.#host.settled(delivery, ok, out);
    this.#nextOfKey(source, delivery, out);
  }
}

/** Whether this answer of the stream was not seen before: a stream repeats nothing, whatever the network copies. */
function isNew(source: Source, number: number): boolean {
  if (number === source.cameUpTo + 1 && source.came.size === 0) {
    source.cameUpTo = number;
    return true;
  }
  if (number <= source.cameUpTo || source.came.has(number)) return false;
  source.came.add(number);
  while (source.came.delete(source.cameUpTo + 1)) source.cameUpTo++;
  return true;
}
