/**
 * The Google Pub/Sub service as one machine: it publishes messages to the subscriptions of their topic, hands them out on streams, in answers to pulls and as pushes, each
 * until an ack deadline, takes acks and nacks, and redelivers. What a subscription keeps is in `PubsubBacklog`, what a topic keeps in `PubsubTopic`; this file
 * carries out the calls of the API, records the facts and sets the timers. What it has confirmed it never loses. Rules: G1–G20.
 */
import { F, type FactKind, R } from '../facts.ts';
import type { Command, Machine, Out, Setup, Wire } from '../machine.ts';
import { numberOf, type OptionValues } from '../options.ts';
import { happens } from '../parts/distribution.ts';
import type { Entry, Holder, Published } from '../parts/pubsub-backlog.ts';
import { type Attributes, filterMatches, utf8Length } from '../parts/pubsub-filter.ts';
import type { ActorId, FactId, Message, Micros } from '../types.ts';
import { backoffUs, DEADLINE_US_MAX } from './google-pubsub-options.ts';
import { PubsubSubscription, PullStream, singleHolder, type WaitingPull } from './google-pubsub-subscription.ts';
import { PubsubTopic, type Snapshot } from './google-pubsub-topic.ts';
import {
  type Acked,
  type Acknowledge,
  type AckResponse,
  type CreateSnapshot,
  PUBSUB_ERRORS as ERROR,
  type ModifyAckDeadline,
  type Publish,
  type PublishResponse,
  type PubsubMessage,
  type PubsubRequest,
  type Pull,
  type PullResponse,
  type PushRequest,
  type PushResponse,
  type ReceivedMessage,
  type Seek,
  type SeekResponse,
  type SnapshotResponse,
  type StreamClose,
  type StreamingPull,
  type StreamingPullResponse,
  type StreamKeepAlive,
  type StreamState,
} from './google-pubsub-verbs.ts';

const SECOND: Micros = 1_000_000;
/** Of a message, and of a publish request (G20). */
const MESSAGE_BYTES_MAX = 10_000_000;
const REQUEST_MESSAGES_MAX = 1000;
const ATTRIBUTES_MAX = 100;
const ATTRIBUTE_KEY_BYTES_MAX = 256;
const ATTRIBUTE_VALUE_BYTES_MAX = 1024;
const ORDERING_KEY_BYTES_MAX = 1024;
/** A snapshot lives so long, less the age of its oldest message, and not less than an hour (G16). */
const SNAPSHOT_US_MAX = 7 * 86_400 * SECOND;
const SNAPSHOT_US_MIN = 3600 * SECOND;
/** A stream or pull asks for the subscription's deadline by 0; others are in this range (G3). */
const STREAM_DEADLINE_US_MIN = 10 * SECOND;
const NOTHING: readonly ReceivedMessage[] = [];
const NO_FAILURES: readonly Acked[] = [];

interface SubscriptionTimer extends Wire {
  readonly type: 'create' | 'due' | 'retention' | 'pulls-over' | 'push' | 'expire';
  readonly subscription: PubsubSubscription;
}

/** Who serves the endpoint of a push subscription. The load balancer in front of it knows which of its servers are up. */
export class PushEndpoints {
  readonly #servers = new Map<string, ActorId[]>();
  #turn = 0;

  enter(subscription: string, server: ActorId): void {
    const servers = this.#servers.get(subscription) ?? [];
    if (!servers.includes(server)) servers.push(server);
    this.#servers.set(subscription, servers);
  }

  leave(subscription: string, server: ActorId): void {
    const servers = this.#servers.get(subscription) ?? [];
    this.#servers.set(
      subscription,
      servers.filter((one) => one !== server),
    );
  }

  /** The next in turn; 0 when none is up. */
  next(subscription: string): ActorId {
    const servers = this.#servers.get(subscription);
    if (servers === undefined || servers.length === 0) return 0;
    this.#turn++;
    return servers[this.#turn % servers.length] as ActorId;
  }
}

interface DeclaredThing {
  readonly name: string;
  readonly options: OptionValues;
}

export class PubsubNode implements Machine {
  readonly endpoints = new PushEndpoints();
  readonly #topics = new Map<string, PubsubTopic>();
  readonly #subscriptions = new Map<string, PubsubSubscription>();
  /** Subscriptions that a declared group of consumers takes from. */
  readonly #groups = new Map<string, Set<string>>();
  /** Streams that get something in this step: so many of the first here. */
  readonly #handed: PullStream[] = [];
  #handedTo = 0;
  #messageIds = 0;

  constructor(topics: readonly DeclaredThing[], subscriptions: readonly DeclaredThing[], setup: Setup) {
    for (const { name, options } of topics) {
      const retentionUs = numberOf(options, 'message_retention_duration');
      this.#topics.set(name, new PubsubTopic(name, setup.place(name, 'exchange'), retentionUs));
    }
    for (const { name, options } of subscriptions) {
      this.#subscriptions.set(name, new PubsubSubscription(name, options, setup));
    }
  }

  /** Consumers of this group take from these subscriptions: what the timeline seeks by the group's name. */
  reads(group: string, subscriptions: readonly string[]): void {
    const known = this.#groups.get(group) ?? new Set();
    for (const name of subscriptions) known.add(name);
    this.#groups.set(group, known);
  }

  start(out: Out): void {
    for (const subscription of this.#subscriptions.values()) {
      if (subscription.createdAtUs === 0) this.#create(subscription, out);
      else out.timer(subscription.createdAtUs, timerOf('create', subscription));
    }
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    const request = wire as PubsubRequest;
    switch (request.type) {
      case 'Publish':
        return this.#publish(from, request, out);
      case 'Acknowledge':
        return this.#acknowledge(from, request, out);
      case 'ModifyAckDeadline':
        return this.#modify(from, request, out);
      case 'StreamingPull':
        return this.#open(from, request, out);
      case 'StreamKeepAlive':
        return this.#keepAlive(from, request, out);
      case 'StreamClose':
        return this.#close(from, request);
      case 'Pull':
        return this.#pull(from, request, out);
      case 'PushResponse':
        return this.#pushed(request, out);
      case 'CreateSnapshot':
        return this.#snapshot(from, request, out);
      case 'Seek':
        return this.#seekCall(from, request, out);
      default:
        return request satisfies never;
    }
  }

  timer(wire: Wire, out: Out): void {
    const { type, subscription } = wire as SubscriptionTimer;
    switch (type) {
      case 'create':
        return this.#create(subscription, out);
      case 'due':
        return this.#due(subscription, out);
      case 'retention':
        return this.#retain(subscription, out);
      case 'pulls-over':
        return this.#endPulls(subscription, out);
      case 'push':
        return this.#dispatch(subscription, out);
      case 'expire':
        return this.#expire(subscription, out);
      default:
        return type satisfies never;
    }
  }

  /** The service is down for a while: it keeps messages and deadlines, but streams, waiting pulls and pushes are cut. */
  crash(): void {
    for (const subscription of this.#subscriptions.values()) {
      for (const stream of [...subscription.streams.all()]) subscription.streams.remove(stream);
      subscription.pulls.clear();
      subscription.push?.forget();
      subscription.dueAtUs = Number.POSITIVE_INFINITY;
      subscription.retentionAtUs = Number.POSITIVE_INFINITY;
      subscription.pullsAtUs = Number.POSITIVE_INFINITY;
    }
  }

  restart(out: Out): void {
    for (const subscription of this.#subscriptions.values()) {
      if (!subscription.exists) {
        if (subscription.createdAtUs > out.now)
          out.timer(subscription.createdAtUs - out.now, timerOf('create', subscription));
        else if (!subscription.wasMade) this.#create(subscription, out);
        continue;
      }
      this.#due(subscription, out);
      this.#retain(subscription, out);
      this.#expire(subscription, out);
    }
  }

  /** A connection is gone: its streams and pulls are over, and what was pushed on it was not taken. Deadlines go on (G3). */
  peerLost(peer: ActorId, out: Out): void {
    for (const subscription of this.#subscriptions.values()) {
      this.#cut(subscription, peer);
      if (subscription.push === null) continue;
      for (const [token, { actor }] of [...subscription.push.calls])
        if (actor === peer) this.#pushFailed(subscription, token, out);
    }
  }

  command(command: Command, out: Out): void {
    if (command.type === 'seek') {
      const { to, group } = command;
      const timeUs = 'timeUs' in to ? to.timeUs : 'end' in to && to.end === 'latest' ? out.now + 1 : 0;
      if ('offset' in to) return;
      for (const name of this.#groups.get(group) ?? []) {
        const subscription = this.#subscriptions.get(name);
        if (subscription?.exists === true) this.#seek(subscription, timeUs, null, out);
      }
    } else if (command.type === 'snapshot' || command.type === 'restore') {
      for (const name of this.#groups.get(command.group) ?? []) {
        const subscription = this.#subscriptions.get(name);
        if (subscription?.exists !== true) continue;
        // A group may take from several subscriptions; each has a snapshot of its own.
        const snapshot = `${command.name} of ${name}`;
        if (command.type === 'snapshot') {
          this.#makeSnapshot(subscription, snapshot, out.now);
          continue;
        }
        const kept = this.#snapshotOf(subscription, snapshot, out.now);
        if (kept !== undefined) this.#seek(subscription, 0, kept, out);
      }
    } else if (command.type === 'set' && command.path[0] === 'queues') {
      const subscription = this.#subscriptions.get(command.path[1] ?? '');
      subscription?.change(command.path.slice(2), command.value);
      if (subscription?.exists === true) this.#retain(subscription, out);
    }
  }

  // ── Subscriptions come and go ───────────────────────────────────────────────────────────────────────────────────

  /** G1: from now on it gets what its topic publishes. */
  #create(subscription: PubsubSubscription, out: Out): void {
    subscription.exists = true;
    subscription.wasMade = true;
    subscription.activeAtUs = out.now;
    this.#topics.get(subscription.topic)?.subscriptions.push(subscription);
    if (subscription.ttlUs > 0) out.timer(subscription.ttlUs, timerOf('expire', subscription));
  }

  /** G19: a subscription that nobody has used for so long is deleted with all that is in it. */
  #expire(subscription: PubsubSubscription, out: Out): void {
    const { ttlUs, backlog, streams } = subscription;
    if (ttlUs <= 0 || !subscription.exists) return;
    this.#dropSilent(subscription, out);
    if (streams.size > 0) subscription.activeAtUs = out.now;
    const leftUs = subscription.activeAtUs + ttlUs - out.now;
    if (leftUs > 0) {
      out.timer(leftUs, timerOf('expire', subscription));
      return;
    }
    subscription.exists = false;
    const topic = this.#topics.get(subscription.topic);
    topic?.subscriptions.splice(topic.subscriptions.indexOf(subscription), 1);
    for (const entry of backlog.entries()) {
      this.#tellDropped(subscription, entry, F.evicted, R['consumer gone'], entry.fact, out);
      backlog.remove(entry);
    }
  }

  #find(name: string): PubsubSubscription | undefined {
    const subscription = this.#subscriptions.get(name);
    return subscription?.exists === true ? subscription : undefined;
  }

  // ── Publishing ──────────────────────────────────────────────────────────────────────────────────────────────────

  #publish(from: ActorId, request: Publish, out: Out): void {
    const { messages, token } = request;
    const topic = this.#topics.get(request.topic);
    const error = topic === undefined ? ERROR.notFound : errorOfPublish(topic, request, out.now);
    if (topic === undefined || error !== '') {
      // What is refused for now only is not yet out of the game.
      if (error !== ERROR.exhausted)
        for (const { message } of messages)
          out.fact(F.rejected, message.id, topic?.place ?? 0, from, 0, R['refused by the broker']);
      return this.#published(from, messages, token, error, [], out);
    }
    // As long as it will be: most requests are of one message, and an array that grows takes room for more.
    const messageIds: number[] = new Array(messages.length);
    for (let i = 0; i < messages.length; i++) {
      const { message, orderingKey, attributes } = messages[i] as PubsubMessage;
      messageIds[i] = ++this.#messageIds;
      this.#spread(topic, message, this.#messageIds, orderingKey, attributes, out);
    }
    this.#published(from, messages, token, '', messageIds, out);
    for (const subscription of topic.subscriptions) this.#dispatch(subscription, out);
  }

  /** Into each subscription whose filter lets it pass; for the others it counts as acked (G17). Without any it is lost (G1). */
  #spread(
    topic: PubsubTopic,
    message: Message,
    messageId: number,
    key: string,
    attributes: Attributes,
    out: Out,
    because?: FactId,
  ): void {
    const published: Published = { message, messageId, publishedAtUs: out.now, key, attributes };
    topic.keep(published, out.now);
    let matched = 0;
    for (const subscription of topic.subscriptions) {
      if (subscription.filter !== null && !filterMatches(subscription.filter, attributes)) continue;
      matched++;
      const routed = out.fact(F.routed, message.id, subscription.place, 0, topic.place, 0, because);
      this.#store(subscription, published, 0, routed, out);
    }
    if (matched > 0) return;
    const reason = topic.subscriptions.length === 0 ? R['no route'] : R['filtered out'];
    out.fact(F.unroutable, message.id, topic.place, 0, 0, reason, because);
  }

  #store(subscription: PubsubSubscription, published: Published, behind: number, because: FactId, out: Out): Entry {
    const entry = subscription.backlog.add(published);
    entry.fact = out.fact(F.appended, published.message.id, subscription.place, 0, behind, 0, because);
    const retainedUs = published.publishedAtUs + subscription.retentionUs;
    if (retainedUs < subscription.retentionAtUs) this.#armRetention(subscription, out);
    return entry;
  }

  #published(
    to: ActorId,
    messages: readonly PubsubMessage[],
    token: number,
    error: string,
    messageIds: readonly number[],
    out: Out,
  ): void {
    const response: PublishResponse = { type: 'PublishResponse', token, error, messageIds };
    const [first] = messages;
    if (messages.length === 1 && first !== undefined) out.send(to, 'reply', response, first.message.id);
    else
      out.send(
        to,
        'reply',
        response,
        messages.map(({ message }) => message.id),
      );
  }

  // ── Handing out ─────────────────────────────────────────────────────────────────────────────────────────────────

  #dispatch(subscription: PubsubSubscription, out: Out): void {
    if (!subscription.exists) return;
    const { backlog, streams } = subscription;
    if (subscription.push !== null) return this.#dispatchPushes(subscription, out);
    if (backlog.ready === 0) return;
    this.#servePulls(subscription, out);
    if (streams.size === 0) return;
    // G10: what follows in a key goes to whoever holds the message before it.
    if (subscription.ordered) for (const stream of streams.all()) this.#serveRows(subscription, stream, out);
    for (let entry = backlog.peek(); entry !== undefined; entry = backlog.peek()) {
      const stream = streams.next();
      if (stream === undefined) break;
      if (stream.isSilent(out.now)) {
        streams.remove(stream);
        continue;
      }
      this.#hand(subscription, entry, stream, out);
      if (subscription.ordered) this.#serveRows(subscription, stream, out);
    }
    for (let i = 0; i < this.#handedTo; i++) this.#flush(this.#handed[i] as PullStream, out);
    this.#handedTo = 0;
    this.#armDue(subscription, out);
  }

  #serveRows(subscription: PubsubSubscription, stream: PullStream, out: Out): void {
    while (stream.canTake()) {
      const entry = subscription.backlog.peekFor(stream);
      if (entry === undefined) return;
      this.#hand(subscription, entry, stream, out);
    }
  }

  #hand(subscription: PubsubSubscription, entry: Entry, stream: PullStream, out: Out): void {
    const deadlineUs = stream.ackDeadlineUs > 0 ? stream.ackDeadlineUs : subscription.ackDeadlineUs;
    const received = this.#lease(subscription, entry, stream, deadlineUs, out);
    if (stream.outbox !== null) stream.outbox.push(received);
    else {
      stream.outbox = [received];
      this.#handed[this.#handedTo++] = stream;
    }
  }

  #lease(
    subscription: PubsubSubscription,
    entry: Entry,
    holder: Holder,
    deadlineUs: Micros,
    out: Out,
  ): ReceivedMessage {
    const { backlog, place, maxAttempts } = subscription;
    const { message, messageId, key, attributes } = entry.published;
    const handle = backlog.lease(entry, holder, out.now + deadlineUs);
    const attempt = entry.deliveries;
    const lockMs = Math.ceil(deadlineUs / 1000);
    entry.fact = out.fact(F.delivered, message.id, place, holder.actor, lockMs, attempt, entry.fact);
    return {
      message,
      place,
      attempt,
      handle,
      messageId,
      orderingKey: key,
      attributes,
      deliveryAttempt: maxAttempts === 0 ? 0 : entry.failures + 1,
    };
  }

  #flush(stream: PullStream, out: Out): void {
    const messages = stream.outbox ?? NOTHING;
    stream.outbox = null;
    const response: StreamingPullResponse = {
      type: 'StreamingPullResponse',
      token: stream.token,
      number: ++stream.sent,
      error: '',
      messages,
      sizeBytes: sizeOf(messages),
    };
    out.send(stream.actor, 'delivery', response, idsOf(messages));
  }

  // ── StreamingPull (G18) ─────────────────────────────────────────────────────────────────────────────────────────

  #open(from: ActorId, request: StreamingPull, out: Out): void {
    const { token, maxMessages, maxBytes, ackDeadlineUs } = request;
    const subscription = this.#find(request.subscription);
    const inRange =
      ackDeadlineUs === 0 || (ackDeadlineUs >= STREAM_DEADLINE_US_MIN && ackDeadlineUs <= DEADLINE_US_MAX);
    let error = '';
    if (subscription === undefined) error = ERROR.notFound;
    else if (subscription.push !== null) error = ERROR.precondition;
    else if (!inRange) error = ERROR.invalid;
    const state: StreamState = { type: 'StreamState', token, error };
    out.send(from, 'control', state);
    if (subscription === undefined || error !== '') return;
    if ((subscription.lastStreams.get(from) ?? 0) >= token) return;
    subscription.lastStreams.set(from, token);
    // The client has given an older stream up.
    this.#cut(subscription, from);
    subscription.streams.add(new PullStream(from, token, maxMessages, maxBytes, ackDeadlineUs, out.now));
    subscription.activeAtUs = out.now;
    this.#dispatch(subscription, out);
  }

  #keepAlive(from: ActorId, { token, subscription: name }: StreamKeepAlive, out: Out): void {
    const subscription = this.#find(name);
    let error: string = ERROR.notFound;
    for (const stream of subscription?.streams.all() ?? []) {
      if (stream.actor !== from || stream.token !== token) continue;
      stream.heardUs = out.now;
      error = '';
    }
    if (subscription !== undefined && error === '') subscription.activeAtUs = out.now;
    const state: StreamState = { type: 'StreamState', token, error };
    out.send(from, 'control', state);
  }

  #close(from: ActorId, { subscription: name, token }: StreamClose): void {
    const subscription = this.#subscriptions.get(name);
    if (subscription !== undefined && (subscription.lastStreams.get(from) ?? 0) <= token) this.#cut(subscription, from);
  }

  #cut({ streams, pulls }: PubsubSubscription, peer: ActorId): void {
    for (const stream of [...streams.all()]) if (stream.actor === peer) streams.remove(stream);
    pulls.retain(({ from }) => from !== peer);
  }

  #dropSilent({ streams }: PubsubSubscription, out: Out): void {
    for (const stream of [...streams.all()]) if (stream.isSilent(out.now)) streams.remove(stream);
  }

  // ── Pull ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #pull(from: ActorId, request: Pull, out: Out): void {
    const { waitUs } = request;
    const subscription = this.#find(request.subscription);
    if (subscription === undefined) return this.#pulled(from, request, NOTHING, ERROR.notFound, out);
    if (subscription.push !== null) return this.#pulled(from, request, NOTHING, ERROR.precondition, out);
    if (request.maxMessages < 1) return this.#pulled(from, request, NOTHING, ERROR.invalid, out);
    subscription.activeAtUs = out.now;
    if (this.#answerPull(subscription, from, request, out)) return;
    if (waitUs === 0) return this.#pulled(from, request, NOTHING, '', out);
    const untilUs = out.now + waitUs;
    subscription.pulls.push({ from, request, untilUs, cause: out.cause });
    if (untilUs < subscription.pullsAtUs) this.#armPulls(subscription, untilUs, out);
  }

  /** Answers with what is ready; false when nothing is. Of one key, an answer holds one run of messages, and no other comes while any of it is unacked (G10). */
  #answerPull(subscription: PubsubSubscription, from: ActorId, request: Pull, out: Out): boolean {
    const { backlog, ackDeadlineUs } = subscription;
    let entry = backlog.peek();
    if (entry === undefined) return false;
    const holder = singleHolder(from);
    const messages: ReceivedMessage[] = [];
    while (entry !== undefined && messages.length < request.maxMessages) {
      messages.push(this.#lease(subscription, entry, holder, ackDeadlineUs, out));
      entry = backlog.successor(entry) ?? backlog.peek();
    }
    this.#pulled(from, request, messages, '', out);
    this.#armDue(subscription, out);
    return true;
  }

  #servePulls(subscription: PubsubSubscription, out: Out): void {
    const { pulls } = subscription;
    for (let pull = pulls.first; pull !== undefined; pull = pulls.first) {
      if (!this.#answerPull(subscription, pull.from, pull.request, out)) return;
      pulls.shift();
    }
  }

  #armPulls(subscription: PubsubSubscription, untilUs: Micros, out: Out): void {
    subscription.pullsAtUs = untilUs;
    out.timer(untilUs - out.now, timerOf('pulls-over', subscription), out.cause);
  }

  #endPulls(subscription: PubsubSubscription, out: Out): void {
    if (out.now < subscription.pullsAtUs) return;
    subscription.pullsAtUs = Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    subscription.pulls.retain(({ from, request, untilUs, cause }: WaitingPull) => {
      if (untilUs <= out.now) this.#pulled(from, request, NOTHING, '', out, cause);
      else if (untilUs < next) next = untilUs;
      return untilUs > out.now;
    });
    if (next < Number.POSITIVE_INFINITY) this.#armPulls(subscription, next, out);
  }

  #pulled(
    to: ActorId,
    { token }: Pull,
    messages: readonly ReceivedMessage[],
    error: string,
    out: Out,
    because?: FactId,
  ): void {
    const response: PullResponse = { type: 'PullResponse', token, error, messages, sizeBytes: sizeOf(messages) };
    if (messages.length === 0) out.send(to, 'control', response, 0, because);
    else out.send(to, 'delivery', response, idsOf(messages));
  }

  // ── Push (G6) ───────────────────────────────────────────────────────────────────────────────────────────────────

  #dispatchPushes(subscription: PubsubSubscription, out: Out): void {
    const { push, backlog, ackDeadlineUs, name } = subscription;
    if (push === null) return;
    while (push.hasRoom(out.now)) {
      const entry = backlog.peek();
      if (entry === undefined) break;
      const actor = this.endpoints.next(name);
      if (actor === 0) {
        // Nobody answers at the endpoint: the service pauses, and this costs no message an attempt.
        push.failed(out.now);
        out.timer(push.pausedUntilUs - out.now, timerOf('push', subscription), entry.fact);
        break;
      }
      const message = this.#lease(subscription, entry, singleHolder(actor), ackDeadlineUs, out);
      const token = push.begun({ entry, ackId: message.handle, actor });
      const sizeBytes = message.message.sizeBytes;
      const request: PushRequest = { type: 'PushRequest', token, subscription: name, message, sizeBytes };
      out.send(actor, 'delivery', request, message.message.id);
    }
    this.#armDue(subscription, out);
  }

  /** The endpoint answered. G6: these five statuses ack, all others are nacks. */
  #pushed({ token, status, subscription: name }: PushResponse, out: Out): void {
    const subscription = this.#find(name);
    const push = subscription?.push ?? null;
    if (subscription === undefined || push === null) return;
    const call = push.calls.get(token);
    if (call === undefined) return;
    if (!ACKING.includes(status)) return this.#pushFailed(subscription, token, out);
    push.calls.delete(token);
    const { entry, ackId, actor } = call;
    const { message } = entry.published;
    if (subscription.backlog.isCurrent(entry, ackId)) {
      subscription.activeAtUs = out.now;
      push.succeeded();
      this.#acked(subscription, entry, actor, entry.deliveries, out);
    } else out.fact(F['ack-refused'], message.id, subscription.place, actor, 0, R['lock expired']);
    this.#dispatch(subscription, out);
  }

  #pushFailed(subscription: PubsubSubscription, token: number, out: Out): void {
    const { push, backlog, place } = subscription;
    const call = push?.calls.get(token);
    if (push === null || call === undefined) return;
    push.calls.delete(token);
    this.#slowDown(subscription, out);
    const { entry, ackId, actor } = call;
    if (backlog.isCurrent(entry, ackId)) {
      entry.fact = out.fact(F.nacked, entry.published.message.id, place, actor, 0, entry.deliveries);
      this.#comeBack(subscription, entry, R.nacked, out);
    }
    this.#armDue(subscription, out);
    this.#dispatch(subscription, out);
  }

  #slowDown(subscription: PubsubSubscription, out: Out): void {
    const { push } = subscription;
    if (push === null) return;
    const before = push.pausedUntilUs;
    push.failed(out.now);
    if (push.pausedUntilUs > before) out.timer(push.pausedUntilUs - out.now, timerOf('push', subscription));
  }

  // ── Settling ────────────────────────────────────────────────────────────────────────────────────────────────────

  #acknowledge(from: ActorId, request: Acknowledge, out: Out): void {
    const { token, acks } = request;
    const subscription = this.#find(request.subscription);
    if (subscription === undefined) return this.#settled(from, acks, token, ERROR.notFound, acks, out);
    const { backlog, place, exactlyOnce, ordered } = subscription;
    subscription.activeAtUs = out.now;
    let error = '';
    let failed = NO_FAILURES;
    for (const ack of acks) {
      const entry = backlog.find(ack.handle);
      let fate = '';
      if (entry === undefined || entry.state === 'acked') {
        // G5: acking twice is no error; with exactly-once delivery the id is no longer valid (G13).
        out.fact(F['ack-refused'], ack.message.id, place, from, 0, R.duplicate);
        fate = exactlyOnce ? ERROR.badAckId : '';
      } else if (!backlog.isCurrent(entry, ack.handle) && (exactlyOnce || entry.row !== null)) {
        // G13: late acks and older ids fail. In a row that is to come again, a late ack changes nothing (G11).
        out.fact(F['ack-refused'], ack.message.id, place, from, 0, R['lock expired']);
        fate = exactlyOnce ? ERROR.badAckId : '';
      } else if (exactlyOnce && ordered && !backlog.isFirstOfKey(entry)) {
        fate = ERROR.outOfOrder;
      } else this.#acked(subscription, entry, from, ack.attempt, out);
      if (fate === '') continue;
      error = fate;
      failed = [...failed, ack];
    }
    this.#settled(from, acks, token, error, failed, out);
    this.#dispatch(subscription, out);
  }

  /** G5: without exactly-once delivery a late ack, or one by an older id, still counts while the message is unacked. */
  #acked(subscription: PubsubSubscription, entry: Entry, from: ActorId, attempt: number, out: Out): void {
    out.fact(F.acked, entry.published.message.id, subscription.place, from, 0, attempt);
    const { holder } = entry;
    subscription.backlog.ack(entry);
    this.#freed(subscription, holder);
    if (subscription.duplicateProbability > 0 && entry.row === null) this.#duplicate(subscription, entry, out);
  }

  /** G2: at least once. By chance, where a scenario asks for it, what was acked is there again. */
  #duplicate(subscription: PubsubSubscription, { published, deliveries }: Entry, out: Out): void {
    const { duplicateProbability, duplicates, place } = subscription;
    const { message } = published;
    const key = (message.decisionKey + Math.imul(deliveries, 0x9e3779b1)) | 0;
    if (!happens(duplicateProbability, out, duplicates, key)) return;
    const back = out.fact(F.restored, message.id, place, 0, 0, R.duplicate);
    this.#store(subscription, published, 0, back, out).deliveries = deliveries;
  }

  #modify(from: ActorId, request: ModifyAckDeadline, out: Out): void {
    const { token, acks, deadlineUs } = request;
    const subscription = this.#find(request.subscription);
    if (subscription === undefined) return this.#settled(from, acks, token, ERROR.notFound, acks, out);
    // G4: 0 to 600 s from now.
    if (deadlineUs < 0 || deadlineUs > DEADLINE_US_MAX)
      return this.#settled(from, acks, token, ERROR.invalid, acks, out);
    const { backlog, place, exactlyOnce } = subscription;
    subscription.activeAtUs = out.now;
    let error = '';
    let failed = NO_FAILURES;
    for (const ack of acks) {
      const entry = backlog.find(ack.handle);
      const id = ack.message.id;
      if (entry === undefined || !backlog.isCurrent(entry, ack.handle)) {
        // Best effort: a delivery that is over cannot be extended or given back, and only exactly-once delivery says so.
        if (exactlyOnce) {
          error = ERROR.badAckId;
          failed = [...failed, ack];
        }
      } else if (deadlineUs > 0) {
        entry.fact = out.fact(F.extended, id, place, from, Math.ceil(deadlineUs / 1000), 0, entry.fact);
        backlog.extend(entry, out.now + deadlineUs);
      } else {
        entry.fact = out.fact(F.nacked, id, place, from, 0, entry.deliveries, entry.fact);
        this.#comeBack(subscription, entry, R.nacked, out);
      }
    }
    this.#armDue(subscription, out);
    this.#settled(from, acks, token, error, failed, out);
    this.#dispatch(subscription, out);
  }

  #settled(
    to: ActorId,
    acks: readonly Acked[],
    token: number,
    error: string,
    failed: readonly Acked[],
    out: Out,
  ): void {
    const response: AckResponse = { type: 'AckResponse', token, error, failed };
    out.send(to, 'control', response, acks.length === 1 ? (acks[0] as Acked).message.id : 0);
  }

  #freed({ streams }: PubsubSubscription, holder: Holder | null): void {
    // Of all holders only streams stay open.
    if (holder?.staysOpen === true) streams.settled(holder as PullStream);
  }

  // ── Redelivery ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Deadlines and backoffs that are over. */
  #due(subscription: PubsubSubscription, out: Out): void {
    subscription.dueAtUs = Number.POSITIVE_INFINITY;
    const { backlog, place, push } = subscription;
    for (let entry = backlog.takeDue(out.now); entry !== undefined; entry = backlog.takeDue(out.now)) {
      const { id } = entry.published.message;
      if (entry.state === 'backing off') {
        entry.fact = out.fact(F.requeued, id, place, 0, 0, R['delay over'], entry.fact);
        backlog.endBackoff(entry);
        continue;
      }
      this.#expired(subscription, entry, out);
      if (push !== null) this.#slowDown(subscription, out);
      this.#comeBack(subscription, entry, R['lock expired'], out);
    }
    if (push !== null) {
      for (const [token, { entry, ackId }] of push.calls)
        if (!backlog.isCurrent(entry, ackId)) push.calls.delete(token);
    }
    this.#armDue(subscription, out);
    this.#dispatch(subscription, out);
  }

  #expired({ place }: PubsubSubscription, entry: Entry, out: Out): void {
    const { id } = entry.published.message;
    const actor = entry.holder?.actor ?? 0;
    entry.fact = out.fact(F['lock-expired'], id, place, actor, 0, entry.deliveries, entry.fact);
  }

  /** G7, G8, G11: an outstanding message failed. It is forwarded, or waits and comes again, and with it what follows in its key. */
  #comeBack(subscription: PubsubSubscription, entry: Entry, reason: number, out: Out): void {
    const { backlog, place, maxAttempts } = subscription;
    const { holder } = entry;
    entry.failures++;
    if (maxAttempts > 0 && entry.failures >= maxAttempts) {
      this.#forward(subscription, entry, out);
      return this.#freed(subscription, holder);
    }
    const waitUs = backoffUs(subscription.options, entry.failures);
    const behind = backlog.behind(entry);
    backlog.release(entry, out.now + waitUs, out.now);
    if (waitUs === 0) entry.fact = out.fact(F.requeued, entry.published.message.id, place, 0, 0, reason, entry.fact);
    this.#freed(subscription, holder);
    for (let i = 0; i < behind.length; i++) this.#follow(subscription, behind[i] as Entry, i + 1, entry.fact, out);
  }

  /** A message behind one that comes again does so too, though nobody gave it back; even if it was acked. */
  #follow(subscription: PubsubSubscription, entry: Entry, position: number, because: FactId, out: Out): void {
    const { backlog, place } = subscription;
    const { id } = entry.published.message;
    const { holder } = entry;
    if (entry.state === 'acked') {
      const back = out.fact(F.restored, id, place, 0, 0, R['an earlier one of its key came back'], because);
      const after = backlog.ready > position ? backlog.ready - position : 0;
      entry.fact = out.fact(F.appended, id, place, 0, after, 0, back);
    } else {
      // Its own deadline may be over at this very moment.
      if (entry.dueUs <= out.now) {
        this.#expired(subscription, entry, out);
        entry.failures++;
      }
      entry.fact = out.fact(F.requeued, id, place, 0, position, R['an earlier one of its key came back'], because);
    }
    backlog.restore(entry);
    this.#freed(subscription, holder);
  }

  /** G8: publishes to the dead-letter topic, with attributes that say where from, and acks here. */
  #forward(subscription: PubsubSubscription, entry: Entry, out: Out): void {
    const { backlog, place, name } = subscription;
    const { published, failures, deliveries, fact } = entry;
    const { message, key } = published;
    backlog.remove(entry);
    const topic = this.#topics.get(subscription.deadLetterTopic);
    const attributes: Attributes = {
      ...published.attributes,
      CloudPubSubDeadLetterSourceDeliveryCount: String(failures),
      CloudPubSubDeadLetterSourceSubscription: name,
      CloudPubSubDeadLetterSourceSubscriptionProject: 'project',
      CloudPubSubDeadLetterSourceTopicPublishTime: String(published.publishedAtUs),
    };
    const first = topic?.subscriptions.find(({ filter }) => filter === null || filterMatches(filter, attributes));
    if (topic === undefined || first === undefined) {
      // Nobody is subscribed there.
      out.fact(F.evicted, message.id, place, 0, 0, R['missing target'], fact);
      return;
    }
    const reason = R['too many deliveries'];
    const dead = out.fact(F['dead-lettered'], message.id, first.place, 0, deliveries, reason, fact);
    this.#spread(topic, message, ++this.#messageIds, key, attributes, out, dead);
    for (const other of topic.subscriptions) this.#dispatch(other, out);
  }

  #armDue(subscription: PubsubSubscription, out: Out): void {
    const next = subscription.backlog.nextDueUs();
    if (next >= subscription.dueAtUs) return;
    subscription.dueAtUs = next;
    out.timer(next - out.now, timerOf('due', subscription), out.cause);
  }

  /** G14: retention deletes by age, outstanding messages too; acked ones go silently. */
  #retain(subscription: PubsubSubscription, out: Out): void {
    const { backlog, retentionUs } = subscription;
    subscription.retentionAtUs = Number.POSITIVE_INFINITY;
    for (let entry = backlog.oldest(); entry !== undefined; entry = backlog.oldest()) {
      if (entry.published.publishedAtUs + retentionUs > out.now) break;
      this.#tellDropped(subscription, entry, F.expired, R.retention, entry.fact, out);
      const { holder } = entry;
      backlog.remove(entry);
      this.#freed(subscription, holder);
    }
    this.#armRetention(subscription, out);
    this.#dispatch(subscription, out);
  }

  /** An unacked message goes. If somebody holds it, it comes back first: of several copies it is that one. */
  #tellDropped(
    { place }: PubsubSubscription,
    entry: Entry,
    kind: FactKind,
    reason: number,
    because: FactId,
    out: Out,
  ): void {
    const { id } = entry.published.message;
    if (entry.state === 'acked') return;
    if (entry.state !== 'ready') out.fact(F.requeued, id, place, 0, 0, reason, because);
    out.fact(kind, id, place, 0, 0, reason, because);
  }

  #armRetention(subscription: PubsubSubscription, out: Out): void {
    const oldest = subscription.backlog.oldest();
    if (oldest === undefined) return;
    const atUs = oldest.published.publishedAtUs + subscription.retentionUs;
    subscription.retentionAtUs = atUs;
    out.timer(atUs - out.now, timerOf('retention', subscription), out.cause);
  }

  // ── Seek and snapshots (G15, G16) ───────────────────────────────────────────────────────────────────────────────

  #snapshot(from: ActorId, request: CreateSnapshot, out: Out): void {
    const { token, name } = request;
    const subscription = this.#find(request.subscription);
    const made = subscription === undefined ? ERROR.notFound : this.#makeSnapshot(subscription, name, out.now);
    const response: SnapshotResponse =
      typeof made === 'string'
        ? { type: 'SnapshotResponse', token, error: made, expiresAtUs: 0 }
        : { type: 'SnapshotResponse', token, error: '', expiresAtUs: made };
    out.send(from, 'control', response);
  }

  /** Until when it lives, or why it is not made. */
  #makeSnapshot(subscription: PubsubSubscription, name: string, nowUs: Micros): Micros | string {
    const topic = this.#topics.get(subscription.topic);
    if (topic === undefined) return ERROR.notFound;
    if (this.#snapshotOf(subscription, name, nowUs) !== undefined) return ERROR.exists;
    const unacked: Published[] = [];
    for (const { state, published } of subscription.backlog.entries()) if (state !== 'acked') unacked.push(published);
    const expiresAtUs = (unacked[0]?.publishedAtUs ?? nowUs) + SNAPSHOT_US_MAX;
    if (expiresAtUs - nowUs < SNAPSHOT_US_MIN) return ERROR.precondition;
    topic.snapshots.set(name, {
      unacked: new Set(unacked.map(({ messageId }) => messageId)),
      messages: unacked,
      from: this.#messageIds + 1,
      expiresAtUs,
    });
    return expiresAtUs;
  }

  /** A snapshot that still lives. */
  #snapshotOf(subscription: PubsubSubscription, name: string, nowUs: Micros): Snapshot | undefined {
    const snapshot = this.#topics.get(subscription.topic)?.snapshots.get(name);
    return snapshot === undefined || snapshot.expiresAtUs <= nowUs ? undefined : snapshot;
  }

  #seekCall(from: ActorId, { token, to, subscription: name }: Seek, out: Out): void {
    const subscription = this.#find(name);
    const snapshot =
      subscription === undefined || !('snapshot' in to) ? null : this.#snapshotOf(subscription, to.snapshot, out.now);
    const isThere = subscription !== undefined && snapshot !== undefined;
    const response: SeekResponse = { type: 'SeekResponse', token, error: isThere ? '' : ERROR.notFound };
    out.send(from, 'control', response);
    if (isThere) this.#seek(subscription, 'timeUs' in to ? to.timeUs : 0, snapshot, out);
  }

  /** What was published before the time counts as acked, all else as unacked; with a snapshot, what it says. What is no longer kept does not come back. */
  #seek(subscription: PubsubSubscription, timeUs: Micros, snapshot: Snapshot | null, out: Out): void {
    const { backlog, place } = subscription;
    const topic = this.#topics.get(subscription.topic);
    const wanted = ({ messageId, publishedAtUs }: Published): boolean =>
      snapshot === null ? publishedAtUs >= timeUs : messageId >= snapshot.from || snapshot.unacked.has(messageId);
    const second = Math.floor(Math.min(timeUs, out.now) / SECOND);
    const sought = out.fact(F.sought, 0, place, 0, second, snapshot === null ? 0 : 1);
    const here = new Set<number>();
    for (const entry of backlog.entries()) {
      const { published, holder } = entry;
      here.add(published.messageId);
      if (wanted(published) === (entry.state !== 'acked')) continue;
      if (entry.state === 'acked') {
        const back = out.fact(F.restored, published.message.id, place, 0, 0, 0, sought);
        entry.fact = out.fact(F.appended, published.message.id, place, 0, 0, 0, back);
        backlog.restore(entry);
      } else {
        this.#tellDropped(subscription, entry, F.evicted, R.purged, sought, out);
        backlog.ack(entry);
        this.#freed(subscription, holder);
      }
    }
    for (const published of [...(snapshot?.messages ?? []), ...(topic?.kept(out.now) ?? [])]) {
      const { message, messageId, attributes } = published;
      if (here.has(messageId) || !wanted(published)) continue;
      if (subscription.filter !== null && !filterMatches(subscription.filter, attributes)) continue;
      here.add(messageId);
      this.#store(subscription, published, 0, out.fact(F.restored, message.id, place, 0, 0, 0, sought), out);
    }
    backlog.reorder();
    this.#dispatch(subscription, out);
  }
}

const ACKING: readonly number[] = [102, 200, 201, 202, 204];

function timerOf(type: SubscriptionTimer['type'], subscription: PubsubSubscription): SubscriptionTimer {
  return { type, subscription };
}

/** Why a publish request is refused; '' when it is not (G10, G20). */
function errorOfPublish(topic: PubsubTopic, { messages, sizeBytes }: Publish, nowUs: Micros): string {
  if (messages.length === 0 || messages.length > REQUEST_MESSAGES_MAX || sizeBytes > MESSAGE_BYTES_MAX)
    return ERROR.invalid;
  const key = messages[0]?.orderingKey ?? '';
  for (const { orderingKey, message, dataBytes, attributes } of messages) {
    if (orderingKey !== key || message.sizeBytes > MESSAGE_BYTES_MAX) return ERROR.invalid;
    let count = 0;
    for (const name in attributes) {
      count++;
      if (utf8Length(name) > ATTRIBUTE_KEY_BYTES_MAX) return ERROR.invalid;
      if (utf8Length(String(attributes[name])) > ATTRIBUTE_VALUE_BYTES_MAX) return ERROR.invalid;
    }
    if (count > ATTRIBUTES_MAX || (count === 0 && dataBytes === 0)) return ERROR.invalid;
  }
  if (key === '') return '';
  if (utf8Length(key) > ORDERING_KEY_BYTES_MAX) return ERROR.invalid;
  return topic.takes(key, sizeBytes, nowUs) ? '' : ERROR.exhausted;
}

function sizeOf(messages: readonly ReceivedMessage[]): number {
  let bytes = 0;
  for (const { message } of messages) bytes += message.sizeBytes;
  return bytes;
}

function idsOf(messages: readonly ReceivedMessage[]): number | readonly number[] {
  const [first] = messages;
  return messages.length === 1 && first !== undefined ? first.message.id : messages.map(({ message }) => message.id);
}
