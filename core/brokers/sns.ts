/**
 * Amazon SNS, standard and FIFO topics: one managed service that hands each message on to every subscription that wants it and keeps nothing for those that come
 * later (N1). Queues get it by SQS's own SendMessage over the network, HTTP/S and Lambda endpoints as a request that they answer. What is not
 * delivered is tried again in phases, then dead-lettered or discarded. Which message is wanted is decided by `parts/filter-policy.ts`, when to try again by
 * `parts/delivery-policy.ts`; this file carries out the API's actions, records the facts, and follows each delivery to its end.
 * Rules: N1–N17, from the SNS Developer Guide.
 */
import { OpenRequests } from '../clients/open-requests.ts';
import { SnsConsumerPort } from '../clients/sns-consumer-port.ts';
import { SnsProducerPort } from '../clients/sns-producer-port.ts';
import { F, R } from '../facts.ts';
import type { Command, Machine, Out, Setup, Site, Wire } from '../machine.ts';
import { booleanOf, numberOf, type OptionValue, type OptionValues, tableOf, textOf } from '../options.ts';
import { DedupWindow } from '../parts/dedup-window.ts';
import { AWS_POLICY, delayBefore, phasesOf, whyPolicyRefused } from '../parts/delivery-policy.ts';
import { Fifo } from '../parts/fifo.ts';
import { POLICIES_MAX } from '../parts/filter-policy.ts';
import { Numbered } from '../parts/numbered.ts';
import type { ActorId, FactId, Micros, PlaceId } from '../types.ts';
import type { BrokerKind, Complaint, Configuration, Elsewhere } from './kind.ts';
import { ENVELOPE_BYTES } from './sns-envelope.ts';
import {
  BROKER_OPTIONS,
  CONSUMER_OPTIONS,
  deliveryPolicyOf,
  MESSAGE_SIZE,
  PRODUCER_OPTIONS,
  SUBSCRIPTION_OPTIONS,
  TOPIC_OPTIONS,
} from './sns-options.ts';
import {
  adopt,
  deadLetterOf,
  type Endpoint,
  endpointOf,
  faultOfFilter,
  type Job,
  Look,
  type Subscription,
  subscriptionOf,
  wouldChange,
} from './sns-subscription.ts';
import {
  type CreateTopic,
  type DeleteTopic,
  SNS_ERRORS as ERROR,
  type Forward,
  type Notification,
  type NotificationAnswer,
  type Publish,
  type PublishBatch,
  type PublishBatchResult,
  type PublishResult,
  type SetSubscriptionAttributes,
  type SetTopicAttributes,
  type SnsRequest,
  type Subscribe,
  type TopicResult,
  type Unsubscribe,
} from './sns-verbs.ts';
import { type SendMessageResult, SQS_ERRORS } from './sqs-verbs.ts';

const SECOND = 1_000_000;
/** An id is recognised for five minutes, over the whole topic (N14). */
const DEDUP_US = 300 * SECOND;
/** A topic that takes larger messages than this has fewer subscriptions, and none of HTTP/S. Source: SNS Developer Guide, "Publishing large messages". */
const LARGE_BYTES = MESSAGE_SIZE.default;
const LARGE_SUBSCRIPTIONS_MAX = 100;
/** A raw message has at most so many attributes (N3). */
const RAW_ATTRIBUTES_MAX = 10;
const BATCH_MAX = 10;
/** Ids of a batch's entries, as SQS has them. */
const ENTRY_ID = /^[A-Za-z0-9_-]{1,80}$/;
/** Names of topics, with .fifo behind it of FIFO topics (N14). */
const NAME = /^[A-Za-z0-9_-]{1,256}$/;
/** A changed filter policy takes effect within fifteen minutes (N4). */
const CHANGE_SECONDS_MAX = 900;
/** Message group and deduplication ids, as SQS has them. */
const ID = /^[\x21-\x7e]{1,128}$/;
/** Dead letters travel to a queue like any other message (N10). */
const DEAD_PHASES = phasesOf(AWS_POLICY);

interface Topic {
  readonly name: string;
  readonly place: PlaceId;
  readonly options: OptionValues;
  contentDedup: boolean;
  /** MaximumMessageSize: of a message with its attributes, and of a batch. */
  bytesMax: number;
  /** Message ids by deduplication id, on FIFO topics. */
  readonly dedup: DedupWindow<number> | null;
  /** In the order of subscribing. */
  subscriptions: Subscription[];
  sequence: number;
}

type SnsTimer =
  | { readonly type: 'sns/late' }
  | { readonly type: 'sns/retry'; readonly job: Job }
  | { readonly type: 'sns/turn'; readonly job: Job }
  | { readonly type: 'sns/changed'; readonly topic: string; readonly name: string; readonly attributes: OptionValues };

/** Where queues are: on which broker, and of which kind. */
interface Target {
  readonly broker: string;
  readonly fifo: boolean;
}

export class Sns implements Machine {
  readonly #topics = new Map<string, Topic>();
  readonly #targets = new Map<string, Target>();
  readonly #setup: Setup;
  readonly #timeoutUs: Micros;
  readonly #changes: Site;
  /** All that is still to be delivered. SNS is a managed service: a crash does not lose it. */
  readonly #jobs = new Numbered<Job>();
  readonly #open = new OpenRequests<Job>('sns/late');
  #messageIds = 0;

  constructor(
    options: OptionValues,
    topics: readonly { readonly name: string; readonly options: OptionValues }[],
    elsewhere: readonly Pick<Elsewhere, 'name' | 'section' | 'broker' | 'options'>[],
    setup: Setup,
  ) {
    this.#setup = setup;
    this.#timeoutUs = numberOf(options, 'request-timeout', 15 * SECOND);
    this.#changes = setup.site('sns/policy-change');
    for (const { name, section, broker, options } of elsewhere) {
      if (section === 'queues')
        this.#targets.set(name, { broker, fifo: isFifo(name, booleanOf(options, 'FifoQueue')) });
    }
    for (const { name, options } of topics) {
      const topic = this.#addTopic(name, options);
      const subscriptions = tableOf(options, 'subscriptions') ?? {};
      for (const queue of Object.keys(subscriptions)) this.#addQueue(topic, queue, tableOf(subscriptions, queue) ?? {});
    }
  }

  start(): void {}

  receive(from: ActorId, wire: Wire, out: Out): void {
    const request = wire as SnsRequest | SendMessageResult | NotificationAnswer;
    switch (request.type) {
      case 'Publish': {
        const jobs: Job[] = [];
        const result = this.#publish(from, request, jobs, out);
        out.send(from, 'reply', result, request.message.id);
        for (const job of jobs) this.#begin(job, out);
        return;
      }
      case 'SendMessageResult':
        return this.#forwarded(request, out);
      case 'NotificationAnswer':
        return this.#answered(from, request, out);
      case 'PublishBatch':
        return this.#publishBatch(from, request, out);
      case 'Subscribe':
        return this.#answer(from, request.token, this.#subscribe(request), out);
      case 'Unsubscribe':
        return this.#answer(from, request.token, this.#unsubscribe(request), out);
      case 'SetSubscriptionAttributes':
        return this.#answer(from, request.token, this.#setAttributes(request, out), out);
      case 'CreateTopic':
        return this.#answer(from, request.token, this.#createTopic(request), out);
      case 'SetTopicAttributes':
        return this.#answer(from, request.token, this.#setTopicAttributes(request), out);
      case 'DeleteTopic':
        return this.#answer(from, request.token, this.#deleteTopic(request), out);
      default:
        return request satisfies never;
    }
  }

  timer(wire: Wire, out: Out): void {
    const timer = wire as SnsTimer;
    switch (timer.type) {
      case 'sns/late':
        for (const job of this.#open.due(out)) this.#late(job, out);
        return;
      case 'sns/retry':
        return this.#attempt(timer.job, out);
      case 'sns/turn': {
        const { endpoint } = timer.job.subscription;
        if (endpoint !== null) this.#hand(timer.job, endpoint, out);
        return;
      }
      case 'sns/changed': {
        const subscription = this.#subscription(timer.topic, timer.name);
        if (subscription !== undefined) adopt(subscription, timer.attributes);
        return;
      }
      default:
        return timer satisfies never;
    }
  }

  /** The service is down for a while. What it has accepted it keeps; whoever was asked will not be heard. */
  crash(out: Out): void {
    this.#open.clear();
    for (const [, job] of this.#jobs.entries()) {
      if (job.subscription.endpoint !== null && !job.dead && job.asked !== 0) {
        this.#giveBack(job, R['connection lost'], out);
      }
      job.asked = 0;
    }
  }

  restart(out: Out): void {
    for (const [, job] of this.#jobs.entries()) if (this.#isFirst(job)) this.#attempt(job, out);
  }

  peerLost(peer: ActorId, out: Out): void {
    for (const job of this.#open.closeAll(({ asked }) => asked === peer)) {
      if (isAtEndpoint(job)) this.#giveBack(job, R['connection lost'], out);
      this.#failed(job, R['connection lost'], out);
    }
  }

  command(command: Command, out: Out): void {
    if (command.type !== 'set' || command.path[0] !== 'topics') return;
    const [, topic = '', section, name = '', attribute = ''] = command.path;
    const subscription = section === 'subscriptions' ? this.#subscription(topic, name) : undefined;
    if (subscription !== undefined) {
      this.#change(topic, subscription, { [attribute]: command.value as OptionValue }, out);
    }
  }

  /** The address of an HTTP/S or Lambda endpoint, subscribed when it is asked for the first time; its instances enter themselves. */
  endpoint(topicName: string, consumer: string, options: OptionValues): Endpoint | null {
    const topic = this.#topics.get(topicName);
    if (topic === undefined) return null;
    const known = topic.subscriptions.find(({ name, endpoint }) => name === consumer && endpoint !== null);
    if (known !== undefined) return known.endpoint;
    const endpoint = endpointOf(options, topic.options);
    const place = this.#setup.place(`${topicName}/${consumer}`, 'queue', topicName);
    topic.subscriptions.push(subscriptionOf(consumer, place, false, endpoint, options, topic.options));
    return endpoint;
  }

  // ── Publishing ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Accepts or refuses, and says who is to get it; nothing is sent yet. */
  #publish(from: ActorId, request: Publish, jobs: Job[], out: Out): PublishResult {
    const { message, token, group } = request;
    const topic = this.#topics.get(request.topic);
    const error = topic === undefined ? ERROR.notFound : errorOfPublish(topic, request);
    if (topic === undefined || error !== '') {
      out.fact(F.rejected, message.id, topic?.place ?? 0, from, 0, R['refused by the broker']);
      return { type: 'PublishResult', token, error, messageId: 0, sequence: 0 };
    }
    const { dedup } = topic;
    const dedupId = request.dedupId ?? `content-${message.id}`;
    // N14, N17: the topic recognises a repeat before anybody's filter looks at it, so what a filter refused once does not come again under its id.
    const known = dedup?.find(dedupId, out.now);
    if (known !== undefined) {
      out.fact(F.deduplicated, message.id, topic.place, from);
      return { type: 'PublishResult', token, error: '', messageId: known, sequence: topic.sequence };
    }
    const messageId = ++this.#messageIds;
    dedup?.remember(dedupId, messageId, out.now);
    this.#fanOut(topic, request, group, dedupId, jobs, out);
    return { type: 'PublishResult', token, error: '', messageId, sequence: dedup === null ? 0 : ++topic.sequence };
  }

  /** N1: to each subscription that wants it, independently. */
  #fanOut(topic: Topic, request: Publish, group: string, dedupId: string, jobs: Job[], out: Out): void {
    const { message } = request;
    const { subscriptions } = topic;
    const look = new Look(message, request.content);
    const attributes = countOf(request.content?.attributes ?? message.attributes);
    for (let i = 0; i < subscriptions.length; i++) {
      const subscription = subscriptions[i] as Subscription;
      if (!look.isWantedBy(subscription)) continue;
      const { place, endpoint } = subscription;
      let fact: FactId;
      if (endpoint === null) fact = out.fact(F.routed, message.id, place, 0, topic.place, 1, out.cause);
      else
        fact = out.fact(
          F.appended,
          message.id,
          place,
          0,
          0,
          0,
          out.fact(F.routed, message.id, place, 0, topic.place, 0, out.cause),
        );
      jobs.push({
        subscription,
        message,
        group,
        dedupId,
        attributes,
        number: 0,
        tries: 0,
        handed: 0,
        asked: 0,
        dead: false,
        fact,
      });
    }
    if (jobs.length > 0) return;
    const reason = subscriptions.length > 0 ? R['filtered out'] : R['no route'];
    out.fact(F.unroutable, message.id, topic.place, 0, 0, reason);
  }

  #publishBatch(from: ActorId, request: PublishBatch, out: Out): void {
    const { entries, token } = request;
    const topic = this.#topics.get(request.topic);
    const error = topic === undefined ? ERROR.notFound : errorOfBatch(topic, entries);
    const jobs: Job[] = [];
    const results =
      error === '' ? entries.map(({ id, publish }) => ({ id, result: this.#publish(from, publish, jobs, out) })) : [];
    const result: PublishBatchResult = { type: 'PublishBatchResult', token, error, entries: results };
    out.send(
      from,
      'reply',
      result,
      entries.map(({ publish }) => publish.message.id),
    );
    for (const job of jobs) this.#begin(job, out);
  }

  // ── Delivering ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** N14: in a FIFO queue's row a message waits for the one before it in its group; elsewhere it goes at once. */
  #begin(job: Job, out: Out): void {
    job.number = this.#jobs.add(job);
    const { rows } = job.subscription;
    if (rows === null) return this.#attempt(job, out);
    const row = rows.get(job.group);
    if (row !== undefined) {
      row.push(job);
      return;
    }
    const begun = new Fifo<Job>();
    begun.push(job);
    rows.set(job.group, begun);
    this.#attempt(job, out);
  }

  #isFirst(job: Job): boolean {
    const { rows } = job.subscription;
    return rows === null || rows.get(job.group)?.first === job;
  }

  #attempt(job: Job, out: Out): void {
    const { subscription } = job;
    if (subscription.endpoint !== null && !job.dead) this.#notify(job, subscription.endpoint, out);
    else this.#forward(job, out);
  }

  #forward(job: Job, out: Out): void {
    const { subscription, message, dead } = job;
    const { name, raw, deadLetter, allowed } = subscription;
    const queue = dead ? deadLetter : name;
    const target = this.#targets.get(queue);
    const node = target === undefined ? undefined : this.#setup.nodesOf(target.broker)[0];
    if (target === undefined || node === undefined) return this.#undeliverable(job, R['missing target'], true, out);
    // N2, N3: what SNS may not send, or cannot put into that form, is a client-side error.
    if (!dead && (!allowed || (raw && job.attributes > RAW_ATTRIBUTES_MAX))) {
      return this.#undeliverable(job, R['refused by the broker'], true, out);
    }
    job.tries++;
    job.asked = node;
    const request: Forward = {
      type: 'SendMessage',
      queue,
      message,
      token: this.#open.open(job, this.#timeoutUs, out),
      delayUs: -1,
      group: target.fifo ? job.group : '',
      dedupId: target.fifo ? job.dedupId : null,
      sizeBytes: raw ? message.sizeBytes : message.sizeBytes + ENVELOPE_BYTES,
      raw,
    };
    out.send(node, 'request', request, message.id, job.fact);
  }

  #forwarded({ token, error }: SendMessageResult, out: Out): void {
    const job = this.#open.close(token, out);
    if (job === undefined) return;
    job.asked = 0;
    if (error === '') return this.#finish(job, out);
    // N12: a queue that takes no more calls for now is the service's affair; no such queue, or one that does not take it, is the customer's.
    if (error === SQS_ERRORS.throttled) return this.#failed(job, R['over capacity'], out);
    this.#undeliverable(job, R['refused by the broker'], true, out);
  }

  #notify(job: Job, endpoint: Endpoint, out: Out): void {
    const { gapUs } = endpoint;
    if (gapUs === 0) return this.#hand(job, endpoint, out);
    // N11: each delivery takes the next free moment.
    const atUs = endpoint.nextAtUs > out.now ? endpoint.nextAtUs : out.now;
    endpoint.nextAtUs = atUs + gapUs;
    if (atUs === out.now) this.#hand(job, endpoint, out);
    else out.timer(atUs - out.now, { type: 'sns/turn', job } as Wire, job.fact);
  }

  #hand(job: Job, endpoint: Endpoint, out: Out): void {
    const { message, subscription } = job;
    const { up } = endpoint;
    job.tries++;
    if (up.length === 0) return this.#failed(job, R['target down'], out);
    const instance = up[endpoint.turn++ % up.length] as ActorId;
    job.handed++;
    job.asked = instance;
    const { place } = subscription;
    const lockMs = Math.ceil(this.#timeoutUs / 1000);
    job.fact = out.fact(F.delivered, message.id, place, instance, lockMs, job.handed, job.fact);
    const request: Notification = {
      type: 'Notification',
      message,
      place,
      token: this.#open.open(job, this.#timeoutUs, out),
      attempt: job.handed,
      sizeBytes: message.sizeBytes + ENVELOPE_BYTES,
    };
    out.send(instance, 'delivery', request, message.id);
  }

  #answered(from: ActorId, answer: NotificationAnswer, out: Out): void {
    const { message, place, status } = answer;
    const job = this.#open.close(answer.token, out);
    if (job === undefined) {
      out.fact(F['ack-refused'], message, place, from, 0, R['lock expired']);
      return;
    }
    job.asked = 0;
    if (status === 200) {
      out.fact(F.acked, message, place, from, 0, job.handed);
      return this.#finish(job, out);
    }
    job.fact = out.fact(F.nacked, message, place, from, 0, job.handed, job.fact);
    if (status === 400) return this.#undeliverable(job, R['rejected by the consumer'], true, out);
    this.#giveBack(job, R.nacked, out);
    this.#failed(job, R.nacked, out);
  }

  /** No answer in time. Whether the endpoint did its work, or the queue stored it, nobody knows: a later attempt may be a second one. */
  #late(job: Job, out: Out): void {
    if (isAtEndpoint(job)) {
      const { message, subscription } = job;
      job.fact = out.fact(F['lock-expired'], message.id, subscription.place, job.asked, 0, job.handed, job.fact);
      this.#giveBack(job, R['lock expired'], out);
    }
    this.#failed(job, R['timed out'], out);
  }

  /** What an instance was handed and did not do waits at the subscription again. */
  #giveBack(job: Job, reason: number, out: Out): void {
    const { message, subscription } = job;
    job.fact = out.fact(F.requeued, message.id, subscription.place, job.asked, 0, reason, job.fact);
  }

  /** N12: a server-side error is worth another attempt, as long as the policy has one (N10, N11). */
  #failed(job: Job, reason: number, out: Out): void {
    job.asked = 0;
    const delayUs = delayBefore(job.dead ? DEAD_PHASES : job.subscription.phases, job.tries);
    if (delayUs < 0) return this.#undeliverable(job, R['retries used up'], false, out);
    if (job.subscription.endpoint === null || job.dead) {
      const { place } = job.subscription;
      job.fact = out.fact(F.retried, job.message.id, job.dead ? 0 : place, 0, job.tries + 1, reason, job.fact);
    }
    out.timer(delayUs, { type: 'sns/retry', job } as Wire, job.fact);
  }

  /** N13: to the subscription's dead-letter queue, if it has one; else it is discarded. Other subscriptions do not notice (N16). */
  #undeliverable(job: Job, reason: number, definite: boolean, out: Out): void {
    const { message, subscription, dead } = job;
    const { endpoint, place, deadLetter } = subscription;
    if (dead) {
      out.fact(F['gave-up'], message.id, this.#setup.place(deadLetter, 'queue'), 0, definite ? 1 : 0, reason, job.fact);
      return this.#finish(job, out);
    }
    if (endpoint === null) {
      job.fact = out.fact(F['gave-up'], message.id, place, 0, definite ? 1 : 0, reason, job.fact);
    } else if (deadLetter === '') out.fact(F.evicted, message.id, place, 0, 0, reason, job.fact);
    if (deadLetter === '') return this.#finish(job, out);
    const target = this.#targets.get(deadLetter);
    const node = target === undefined ? 0 : (this.#setup.nodesOf(target.broker)[0] ?? 0);
    const attempts = endpoint === null ? job.tries : job.handed;
    const dlq = this.#setup.place(deadLetter, 'queue');
    job.fact = out.fact(F['dead-lettered'], message.id, dlq, node, attempts, reason, job.fact);
    job.dead = true;
    job.tries = 0;
    this.#attempt(job, out);
  }

  #finish(job: Job, out: Out): void {
    this.#jobs.take(job.number);
    const { rows } = job.subscription;
    const row = rows?.get(job.group);
    if (rows === null || row === undefined) return;
    row.shift();
    const next = row.first;
    if (next === undefined) rows.delete(job.group);
    else this.#attempt(next, out);
  }

  // ── Topics and subscriptions ────────────────────────────────────────────────────────────────────────────────────

  #addTopic(name: string, options: OptionValues): Topic {
    const fifo = isFifo(name, booleanOf(options, 'FifoTopic'));
    const topic: Topic = {
      name,
      place: this.#setup.place(name, 'exchange'),
      options,
      contentDedup: booleanOf(options, 'ContentBasedDeduplication'),
      bytesMax: numberOf(options, 'MaximumMessageSize', LARGE_BYTES),
      dedup: fifo ? new DedupWindow(DEDUP_US) : null,
      subscriptions: [],
      sequence: 0,
    };
    this.#topics.set(name, topic);
    return topic;
  }

  #addQueue(topic: Topic, queue: string, attributes: OptionValues): void {
    const ordered = topic.dedup !== null && this.#targets.get(queue)?.fifo === true;
    const place = this.#setup.place(queue, 'queue');
    topic.subscriptions.push(subscriptionOf(queue, place, ordered, null, attributes, topic.options));
  }

  #subscription(topic: string, name: string): Subscription | undefined {
    return this.#topics.get(topic)?.subscriptions.find((one) => one.name === name);
  }

  #subscribe({ topic: name, endpoint, attributes }: Subscribe): string {
    const topic = this.#topics.get(name);
    if (topic === undefined) return ERROR.notFound;
    const fifoOf = (queue: string): boolean | undefined => this.#targets.get(queue)?.fifo;
    if (faultOfQueue(topic.dedup !== null, endpoint, attributes, fifoOf) !== '') return ERROR.invalid;
    if (faultOfFilter(attributes) !== '') return ERROR.invalid;
    if (!areKnown(attributes)) return ERROR.invalid;
    if (typeof (attributes['RawMessageDelivery'] ?? false) !== 'boolean') return ERROR.invalid;
    const filtered = topic.subscriptions.filter(({ policy }) => policy !== null).length;
    if (attributes['FilterPolicy'] !== undefined && filtered >= POLICIES_MAX) return ERROR.policies;
    const known = this.#subscription(name, endpoint);
    if (known !== undefined) return wouldChange(known, attributes) ? ERROR.invalid : '';
    if (faultOfSize(topic.bytesMax, topic.subscriptions.length + 1) !== '') return ERROR.invalid;
    this.#addQueue(topic, endpoint, attributes);
    return '';
  }

  #unsubscribe({ topic: name, endpoint }: Unsubscribe): string {
    const topic = this.#topics.get(name);
    if (topic === undefined) return ERROR.notFound;
    topic.subscriptions = topic.subscriptions.filter((one) => one.name !== endpoint);
    return '';
  }

  #setAttributes(request: SetSubscriptionAttributes, out: Out): string {
    const subscription = this.#subscription(request.topic, request.endpoint);
    if (subscription === undefined) return ERROR.notFound;
    if (!areKnown(request.attributes)) return ERROR.invalid;
    if (faultOfFilter({ FilterPolicyScope: subscription.scope, ...request.attributes }) !== '') return ERROR.invalid;
    this.#change(request.topic, subscription, request.attributes, out);
    return '';
  }

  /** N4: what the filter lets pass changes only after a while, drawn up to fifteen minutes; all else at once. */
  #change(topic: string, subscription: Subscription, attributes: OptionValues, out: Out): void {
    if (attributes['FilterPolicy'] === undefined && attributes['FilterPolicyScope'] === undefined) {
      return adopt(subscription, attributes);
    }
    const seconds = out.choose(this.#changes, CHANGE_SECONDS_MAX + 1);
    if (seconds === 0) return adopt(subscription, attributes);
    out.timer(seconds * SECOND, { type: 'sns/changed', topic, name: subscription.name, attributes } as Wire);
  }

  #createTopic({ topic, attributes }: CreateTopic): string {
    const fifo = booleanOf(attributes, 'FifoTopic');
    if (topic.endsWith('.fifo') !== fifo || !NAME.test(fifo ? topic.slice(0, -'.fifo'.length) : topic))
      return ERROR.invalid;
    if (!isSize(attributes['MaximumMessageSize'])) return ERROR.invalid;
    if (!this.#topics.has(topic)) this.#addTopic(topic, attributes);
    return '';
  }

  /** A topic stays FIFO or standard, and only a FIFO topic recognises repeats (N14). How large messages are may change. What else there is says how its own endpoints are asked, and stays too. */
  #setTopicAttributes({ topic: name, attributes }: SetTopicAttributes): string {
    const topic = this.#topics.get(name);
    if (topic === undefined) return ERROR.notFound;
    for (const attribute of Object.keys(attributes)) {
      if (attribute === 'MaximumMessageSize') continue;
      if (attribute !== 'ContentBasedDeduplication' || topic.dedup === null) return ERROR.invalid;
    }
    if (!isSize(attributes['MaximumMessageSize'])) return ERROR.invalid;
    const bytesMax = numberOf(attributes, 'MaximumMessageSize', topic.bytesMax);
    if (faultOfSize(bytesMax, topic.subscriptions.length) !== '') return ERROR.invalid;
    topic.bytesMax = bytesMax;
    topic.contentDedup = booleanOf(attributes, 'ContentBasedDeduplication', topic.contentDedup);
    return '';
  }

  /** Deleting is idempotent; what was accepted before is still delivered. */
  #deleteTopic({ topic }: DeleteTopic): string {
    this.#topics.delete(topic);
    return '';
  }

  #answer(to: ActorId, token: number, error: string, out: Out): void {
    out.send(to, 'control', { type: 'TopicResult', token, error } as TopicResult);
  }
}

function countOf(attributes: object): number {
  let count = 0;
  for (const _ in attributes) count++;
  return count;
}

/** It was handed to an instance, and its answer is awaited. */
function isAtEndpoint({ subscription, dead, asked }: Job): boolean {
  return subscription.endpoint !== null && !dead && asked !== 0;
}

/** A name that ends in .fifo says it, or the attribute does (the real service wants both). */
function isFifo(name: string, attribute: boolean): boolean {
  return name.endsWith('.fifo') || attribute;
}

/** Why a Publish is refused; '' when it is not (N14). */
function errorOfPublish({ dedup, contentDedup, bytesMax }: Topic, request: Publish): string {
  const { group, dedupId, sizeBytes, content } = request;
  if (sizeBytes > bytesMax || content?.isEmpty === true || !isSubject(content?.subject ?? null)) return ERROR.invalid;
  if (content?.badAttributes === true) return ERROR.value;
  if (dedup === null) return dedupId === null ? '' : ERROR.invalid;
  if (!ID.test(group)) return ERROR.invalid;
  return (dedupId === null ? contentDedup : ID.test(dedupId)) ? '' : ERROR.invalid;
}

/** A subject has 1 to 100 characters and no line breaks or other control characters. */
function isSubject(subject: string | null): boolean {
  return subject === null || (subject !== '' && subject.length <= 100 && !/\p{Cc}/u.test(subject));
}

/** Why a batch is refused as a whole; '' when its entries are looked at one by one (N14). */
function errorOfBatch({ dedup, contentDedup, bytesMax }: Topic, entries: PublishBatch['entries']): string {
  if (entries.length === 0) return ERROR.empty;
  if (entries.length > BATCH_MAX) return ERROR.tooMany;
  if (!entries.every(({ id }) => ENTRY_ID.test(id))) return ERROR.entryId;
  if (new Set(entries.map(({ id }) => id)).size < entries.length) return ERROR.notDistinct;
  let bytes = 0;
  for (const { publish } of entries) {
    bytes += publish.sizeBytes;
    const lacks = publish.group === '' || (publish.dedupId === null && !contentDedup);
    if (dedup !== null && lacks) return ERROR.invalid;
  }
  return bytes > bytesMax ? ERROR.tooLong : '';
}

/** Whether this can be a topic's MaximumMessageSize; absent, it stays as it is. */
function isSize(value: OptionValue | undefined): boolean {
  const { min, max } = MESSAGE_SIZE;
  return value === undefined || (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max);
}

/** Why a topic that takes messages of this size cannot have so many subscriptions; '' when it can. */
function faultOfSize(bytesMax: number, subscriptions: number): string {
  return bytesMax > LARGE_BYTES && subscriptions > LARGE_SUBSCRIPTIONS_MAX
    ? `above 256 KiB a topic has at most ${LARGE_SUBSCRIPTIONS_MAX} subscriptions`
    : '';
}

/** Whether subscriptions have all these attributes. */
function areKnown(attributes: OptionValues): boolean {
  return Object.keys(attributes).every((attribute) => SUBSCRIPTION_OPTIONS[attribute] !== undefined);
}

/** Why a queue cannot be subscribed so; '' when it can (N13, N15). `fifoOf` is undefined for what is no queue of SQS. */
function faultOfQueue(
  fifoTopic: boolean,
  queue: string,
  attributes: OptionValues,
  fifoOf: (queue: string) => boolean | undefined,
): string {
  const fifo = fifoOf(queue) ?? queue.endsWith('.fifo');
  if (fifo && !fifoTopic) return `a standard topic cannot feed the FIFO queue ${queue}`;
  const dead = deadLetterOf(attributes);
  const deadFifo = dead === '' ? fifo : fifoOf(dead);
  if (deadFifo === undefined) return `the dead-letter queue ${dead} is no SQS queue`;
  if (deadFifo !== fifo) return `the dead-letter queue of ${queue} must be ${fifo ? 'a FIFO' : 'a standard'} queue too`;
  return '';
}

function check(configuration: Configuration): readonly Complaint[] {
  const { topics, consumers, elsewhere } = configuration;
  const fifoOf = (queue: string): boolean | undefined => {
    const found = elsewhere.find(({ name, section, kind }) => name === queue && section === 'queues' && kind === 'sqs');
    return found === undefined ? undefined : isFifo(queue, booleanOf(found.options, 'FifoQueue'));
  };
  const complaints: Complaint[] = [];
  for (const { name, options } of topics) {
    const say = (option: string, text: string): void => {
      if (text !== '') complaints.push({ section: 'topics', name, option, text });
    };
    const fifo = isFifo(name, booleanOf(options, 'FifoTopic'));
    say('DeliveryPolicy', whyPolicyRefused(deliveryPolicyOf(options, {})));
    const subscriptions = tableOf(options, 'subscriptions') ?? {};
    const called = consumers.filter(({ from }) => from.includes(name)).length;
    const bytesMax = numberOf(options, 'MaximumMessageSize', LARGE_BYTES);
    say('MaximumMessageSize', faultOfSize(bytesMax, Object.keys(subscriptions).length + called));
    for (const queue of Object.keys(subscriptions)) {
      const attributes = tableOf(subscriptions, queue) ?? {};
      if (fifoOf(queue) === undefined) say('subscriptions', `${queue} is not a queue of an SQS broker`);
      else say('subscriptions', faultOfQueue(fifo, queue, attributes, fifoOf));
      const fault = faultOfFilter(attributes);
      if (fault !== '') say('subscriptions', `${queue}: ${fault}`);
    }
  }
  for (const { name, options, from } of consumers) {
    const say = (option: string, text: string): void => {
      if (text !== '') complaints.push({ section: 'consumers', name, option, text });
    };
    // N15
    const fifo = topics.find(
      (topic) => from.includes(topic.name) && isFifo(topic.name, booleanOf(topic.options, 'FifoTopic')),
    );
    if (fifo !== undefined) say('from', `a FIFO topic feeds queues only, and ${fifo.name} is one`);
    const large = topics.find(
      (topic) => from.includes(topic.name) && numberOf(topic.options, 'MaximumMessageSize', LARGE_BYTES) > LARGE_BYTES,
    );
    if (large !== undefined && textOf(options, 'Protocol', 'https') !== 'lambda')
      say(
        'from',
        `above 256 KiB a topic feeds queues and Lambda functions only, and ${large.name} takes such messages`,
      );
    say('FilterPolicy', faultOfFilter(options));
    say('DeliveryPolicy', whyPolicyRefused(deliveryPolicyOf(options, {})));
    const dead = deadLetterOf(options);
    if (dead !== '' && fifoOf(dead) !== false) say('RedrivePolicy', `${dead} is not a standard queue of an SQS broker`);
  }
  return complaints;
}

export const sns: BrokerKind = {
  kind: 'sns',
  title: 'SNS',
  about:
    'A managed topic. It pushes each message to every subscription whose filter accepts it, SQS queues of the same scenario or consumers that are called directly, and keeps nothing for later.',
  options: BROKER_OPTIONS,
  topics: TOPIC_OPTIONS,
  producers: PRODUCER_OPTIONS,
  consumers: CONSUMER_OPTIONS,
  defaultOnFailure: 'requeue',
  changeable: [
    'subscriptions.*.FilterPolicy',
    'subscriptions.*.FilterPolicyScope',
    'subscriptions.*.RawMessageDelivery',
    'subscriptions.*.RedrivePolicy',
    'subscriptions.*.queue-policy',
  ],
  lacks: {
    fill: 'SNS is a managed service: it has no disk that its users could fill.',
    redrive:
      'SNS keeps nothing itself, and SQS moves nothing back that no queue has put aside: let a consumer take the dead letters `from:` their queue and `produces:` them `to:` the one that did not get them.',
    purge: 'SNS keeps nothing itself: purge a queue that it feeds.',
    queues: 'SNS keeps no queues: declare them on an SQS broker of the same scenario and subscribe them to the topic.',
    partitions: 'SNS has no partitions; a FIFO topic orders each message group by itself.',
    acks: 'SNS answers Publish when the message is stored; there is no acks setting.',
    prefetch: 'SNS pushes; `maxReceivesPerSecond` in a DeliveryPolicy limits how much an HTTP/S endpoint gets.',
    VisibilityTimeout: 'SNS locks nothing: an endpoint answers within `request-timeout`, or it is tried again.',
    maxReceiveCount: 'SNS counts retries by its DeliveryPolicy; RedrivePolicy has only deadLetterTargetArn.',
    'x-message-ttl': 'SNS has no TTL; what cannot be delivered is tried again for as long as the policy says.',
    'auto.offset.reset': 'SNS keeps no offsets: a new subscriber gets what is published from then on.',
  },
  simplifications: [
    'The service is one node: what it has accepted is never lost.',
    'Subscriptions are confirmed from the start, and permissions are one switch (`queue-policy`).',
    'E-mail, SMS, mobile push and Firehose have no endpoint here; their retry policies are known (N10).',
    'Retries carry no jitter (N10). How delays grow between the first and the last is not documented: exponential is geometric here.',
    'A Lambda function answers like an HTTP/S endpoint, with the outcome of its work; its own queue of asynchronous calls is not simulated.',
    'A failed HTTP/S endpoint is tried again by itself; the state of an endpoint, or of all its messages, does not matter.',
    'The archive of a FIFO topic and its replay, data protection policies and quotas on calls are left out.',
    'The envelope counts as 950 bytes; signatures are not checked.',
  ],
  check,
  build(spec, setup) {
    const name = spec.name === 'broker' ? 'sns' : spec.name;
    const machine = new Sns(spec.options, spec.topics, spec.elsewhere, setup);
    const node = setup.actor(name, 'broker', machine);
    const fifo = spec.topics.filter((topic) => isFifo(topic.name, booleanOf(topic.options, 'FifoTopic')));
    const names = fifo.map((topic) => topic.name);
    return {
      nodes: [node],
      streams: false,
      nodesFor: () => [node],
      producerPort: (port, host) => new SnsProducerPort(node, names, port, host, setup),
      consumerPort: (port, host) => new SnsConsumerPort(machine, node, port, host),
    };
  },
};
