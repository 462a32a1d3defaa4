/**
 * Replays SNS vectors: scripts of API actions on a topic machine and a queue machine that talk to each other at once, and filter policies one by one. Equal
 * bodies are one message here, since content is all that content-based deduplication sees. Texts of errors are not compared.
 */
import { Sns } from '../../core/brokers/sns.ts';
import { envelopeOf } from '../../core/brokers/sns-envelope.ts';
import { SUBSCRIPTION_OPTIONS, TOPIC_OPTIONS } from '../../core/brokers/sns-options.ts';
import type {
  Content,
  Forward,
  PublishBatchResult,
  PublishResult,
  SnsRequest,
  TopicResult,
} from '../../core/brokers/sns-verbs.ts';
import { Sqs } from '../../core/brokers/sqs-service.ts';
import type { OptionValue, OptionValues } from '../../core/options.ts';
import {
  type BackoffFunction,
  type DeliveryPolicy,
  HTTP_POLICY,
  phasesOf,
  policyOf,
} from '../../core/parts/delivery-policy.ts';
import {
  acceptsAttributes,
  acceptsBody,
  type FilterScope,
  type MessageAttribute,
  parsed,
  readPolicy,
  whyRefused,
} from '../../core/parts/filter-policy.ts';
import { utf8Length } from '../../core/parts/pubsub-filter.ts';
import type { Message, Micros } from '../../core/types.ts';
import {
  caseOf,
  Fields,
  type Findings,
  isList,
  isTable,
  type Json,
  type JsonTable,
  type Runner,
  sameItems,
  textOf,
  UnknownShape,
} from './case.ts';
import { MachineDriver } from './machine-driver.ts';
import { isGood } from './message-attributes.ts';
import { SnsCatalogue, type Unknown } from './sns-catalogue.ts';
import { optionsOf } from './sqs-settings.ts';

const SECOND = 1_000_000;
const CLIENT = 7;
/** The topics' node as the queues' node knows it, and the other way round. */
const TOPICS = 8;
const QUEUES = 9;
/** Time for whatever is still tried again after the last step. */
const REST_US = 60 * SECOND;

type Unsent<T = SnsRequest> = T extends { readonly token: number } ? Omit<T, 'token'> : never;
type Answer = PublishResult | PublishBatchResult | TopicResult;

/** What was published under one body. */
interface Published {
  readonly body: string;
  readonly subject: string | null;
  readonly topic: string;
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
  result: PublishResult | null;
}

/** SNS and SQS side by side, and the client that asks them. */
class Pair {
  readonly catalogue = new SnsCatalogue();
  readonly sqs: Sqs;
  readonly #topics = new MachineDriver();
  readonly #queues = new MachineDriver();
  readonly #messages = new Map<string, Message>();
  readonly #published = new Map<number, Published>();
  readonly #answers = new Map<number, Answer>();
  /** Whether a queue's messages came as they are, by queue and message. */
  readonly #raw = new Map<string, boolean>();
  #tokens = 0;

  constructor(topics: readonly { name: string; options: OptionValues }[], queues: readonly string[]) {
    const declared = queues.map((name) => ({ name, options: { FifoQueue: name.endsWith('.fifo') } }));
    const elsewhere = declared.map((queue) => ({ ...queue, section: 'queues', broker: 'queues' }) as const);
    this.sqs = this.#queues.start(new Sqs(declared, this.#queues.setup));
    const setup = { ...this.#topics.setup, nodesOf: () => [QUEUES] };
    this.#topics.start(new Sns({}, topics, elsewhere, setup));
  }

  get nowUs(): Micros {
    return this.#topics.nowUs;
  }

  advanceTo(us: Micros): void {
    for (;;) {
      const next = Math.min(this.#topics.nextTimerUs(), this.#queues.nextTimerUs());
      if (next > us) break;
      this.#topics.advanceTo(next);
      this.#queues.advanceTo(next);
      this.#pass();
    }
    this.#topics.advanceTo(us);
    this.#queues.advanceTo(us);
  }

  ask(request: Unsent): Answer {
    this.#tokens += 1;
    this.#topics.receive(CLIENT, { ...request, token: this.#tokens } as SnsRequest);
    this.#pass();
    const answer = this.#answers.get(this.#tokens);
    if (answer === undefined) throw new Error(`no answer to ${request.type}`);
    return answer;
  }

  /** A Publish as a request; `published` is what was said with it. */
  publish(published: Published, group: string, dedupId: string | null): Extract<SnsRequest, { type: 'Publish' }> {
    const { body, subject, topic, attributes } = published;
    const message = this.#message(body);
    if (!this.#published.has(message.id)) this.#published.set(message.id, published);
    const given = Object.entries(attributes).map(([name, { Type, Value }]) => ({ name, text: Value, type: Type }));
    const bad = given.every(isGood) ? {} : { badAttributes: true as const };
    const content: Content = { attributes, body: parsed(body), isEmpty: body === '', subject, ...bad };
    const own = Object.entries(attributes).reduce((sum, [name, { Value }]) => sum + utf8Length(name + Value), 0);
    const sizeBytes = utf8Length(body) + own;
    this.#tokens += 1;
    return { type: 'Publish', topic, token: this.#tokens, message, group, dedupId, sizeBytes, content };
  }

  deleteQueue(queue: string): void {
    this.#queues.receive(CLIENT, { type: 'DeleteQueue', queue, token: 0 } as Parameters<MachineDriver['receive']>[1]);
    this.#pass();
  }

  /** All that a queue holds, in order of arrival; null when there is no such queue. */
  held(queue: string): readonly Published[] | null {
    const messages = this.sqs.contents(queue);
    return messages?.flatMap(({ id }) => this.#published.get(id) ?? []) ?? null;
  }

  /** The body of a queue's first message, as it is. */
  rawBody(queue: string): string | null {
    const [first] = this.sqs.contents(queue) ?? [];
    const published = first === undefined ? undefined : this.#published.get(first.id);
    if (first === undefined || published === undefined) return null;
    if (this.#raw.get(`${queue} ${first.id}`) === true) return published.body;
    const { body, subject, topic, attributes, result } = published;
    const sequence = result?.sequence ?? 0;
    const timestamp = '1970-01-01T00:00:00.000Z';
    return JSON.stringify(
      envelopeOf({ messageId: String(result?.messageId), topic, subject, body, timestamp, attributes, sequence }),
    );
  }

  #message(body: string): Message {
    let message = this.#messages.get(body);
    if (message === undefined) {
      message = this.#topics.message(utf8Length(body));
      this.#messages.set(body, message);
    }
    return message;
  }

  /** Carries what the two say to each other, until both are quiet. */
  #pass(): void {
    for (let busy = true; busy; ) {
      busy = false;
      for (const { to, wire } of this.#topics.take()) {
        if (to !== QUEUES) {
          this.#answers.set((wire as Answer).token, wire as Answer);
          continue;
        }
        busy = true;
        const { queue, message, raw } = wire as Forward;
        this.#raw.set(`${queue} ${message.id}`, raw);
        this.#queues.receive(TOPICS, wire);
      }
      for (const { to, wire } of this.#queues.take()) {
        if (to !== TOPICS) continue;
        busy = true;
        this.#topics.receive(QUEUES, wire);
      }
    }
  }
}

// ── Scripts ─────────────────────────────────────────────────────────────────────────────────────────────────────

export const runScript: Runner = (table, findings) => {
  const row = caseOf(table);
  const input = row.fields('input');
  const subscriptions = input.rows('subscriptions');
  const steps = input.rows('steps');
  const queues = new Set([...queuesOf(subscriptions.map(({ record }) => record)), ...queuesOf(steps.map(argsOf))]);
  const topics = Object.entries(input.table('topics')).map(([name, attributes]) => ({
    name,
    options: topicOptions(isTable(attributes) ? attributes : {}),
  }));
  const pair = new Pair(topics, [...queues]);
  for (const [name, attributes] of Object.entries(input.table('topics')))
    pair.catalogue.addTopic(name, isTable(attributes) ? attributes : {});
  for (const subscription of subscriptions) {
    const refused = subscribe(pair, subscription).error;
    if (refused !== '') throw new UnknownShape('a subscription that is refused');
  }
  const results = new Map<string, Json>();
  for (const step of steps) {
    if (step.has('t')) pair.advanceTo(Math.round(step.number('t') * SECOND));
    const result = act(pair, step, results);
    const name = step.get('as');
    if (typeof name === 'string') results.set(name, result);
    step.skip('note').end();
  }
  input.end();
  pair.advanceTo(pair.nowUs + REST_US);
  const expected = Object.entries(row.table('expected'));
  row.end();
  for (const [name, wanted] of expected) {
    const result = results.get(name);
    if (result === undefined) throw new UnknownShape(`no step stores ${name}`);
    compare(name, wanted, result, findings);
  }
};

function argsOf({ record }: Fields): JsonTable {
  const args = record['args'];
  return isTable(args) ? args : {};
}

/** Queues that are named by an endpoint or as somebody's dead-letter queue. */
function queuesOf(records: readonly JsonTable[]): string[] {
  return records.flatMap((record) => {
    const { Endpoint, RedrivePolicy, Attributes, AttributeName, AttributeValue } = record;
    const inner = isTable(Attributes) ? queuesOf([Attributes]) : [];
    const set = AttributeName === 'RedrivePolicy' ? queuesOf([{ RedrivePolicy: AttributeValue ?? null }]) : [];
    const policy = typeof RedrivePolicy === 'string' ? parsed(RedrivePolicy) : RedrivePolicy;
    const dead = isTable(policy) ? policy['deadLetterTargetArn'] : undefined;
    return [Endpoint, dead, ...inner, ...set].filter((name) => typeof name === 'string');
  });
}

function act(pair: Pair, step: Fields, results: ReadonlyMap<string, Json>): Json {
  const op = step.text('op');
  switch (op) {
    case 'received':
      return pair.held(step.text('queue'))?.map(({ body }) => body) ?? { error: 'QueueDoesNotExist' };
    case 'raw-body':
      return pair.rawBody(step.text('queue'));
    case 'raw-body-json-keys': {
      const body = parsed(pair.rawBody(step.text('queue')) ?? '');
      return isTable(body) ? Object.keys(body) : [];
    }
    case 'retry-phases':
      return phases(step);
    default: {
      const args = step.fields('args');
      const result = call(pair, op, args, results);
      args.end();
      return result;
    }
  }
}

function call(pair: Pair, op: string, args: Fields, results: ReadonlyMap<string, Json>): Json {
  switch (op) {
    case 'Publish': {
      const published = publishedOf(args.text(args.has('TargetArn') ? 'TargetArn' : 'TopicArn'), args);
      const { token, ...request } = pair.publish(published, args.text('MessageGroupId', ''), idOf(args));
      const result = pair.ask(request) as PublishResult;
      published.result = result;
      return publishAnswer(result);
    }
    case 'PublishBatch': {
      const topic = args.text('TopicArn');
      const entries = args.rows('PublishBatchRequestEntries').map((entry) => {
        const published = publishedOf(topic, entry);
        const publish = pair.publish(published, entry.text('MessageGroupId', ''), idOf(entry));
        const made = { id: entry.text('Id'), publish };
        entry.end();
        return made;
      });
      const { error, entries: results } = pair.ask({ type: 'PublishBatch', topic, entries }) as PublishBatchResult;
      if (error !== '') return { error };
      return {
        ok: true,
        Successful: results.filter(({ result }) => result.error === '').map(({ id }) => ({ Id: id })),
        Failed: results
          .filter(({ result }) => result.error !== '')
          .map(({ id, result }) => ({ Id: id, Code: result.error })),
      };
    }
    case 'Subscribe': {
      const { error } = subscribe(pair, args);
      return error === '' ? { ok: true, SubscriptionArn: arnOf(args) } : answerOf(error);
    }
    case 'Unsubscribe': {
      const [topic, endpoint] = subscriptionOf(args, results);
      if (topic === NO_ARN) return answerOf('InvalidParameter');
      pair.catalogue.unsubscribe(topic, endpoint);
      return answerOf((pair.ask({ type: 'Unsubscribe', topic, endpoint }) as TopicResult).error);
    }
    case 'SetSubscriptionAttributes': {
      const [topic, endpoint] = subscriptionOf(args, results);
      const [name, value] = [args.text('AttributeName'), args.get('AttributeValue') ?? null];
      if (topic === NO_ARN) return answerOf('InvalidParameter');
      const isKnown = SUBSCRIPTION_OPTIONS[name] !== undefined;
      const attributes = isKnown ? optionsOf({ [name]: value }, SUBSCRIPTION_OPTIONS) : { [name]: String(value) };
      const { error } = pair.ask({ type: 'SetSubscriptionAttributes', topic, endpoint, attributes }) as TopicResult;
      if (error === '') pair.catalogue.setSubscription(topic, endpoint, { [name]: value ?? '' });
      return answerOf(error);
    }
    case 'CreateTopic': {
      const [topic, attributes] = [args.text('Name'), topicOptions(args.table('Attributes'))];
      const tags = args.has('Tags') ? args.rows('Tags').map(({ record }) => record) : [];
      if (!pair.catalogue.hasTags(topic, tags)) return answerOf('InvalidParameter');
      const { error } = pair.ask({ type: 'CreateTopic', topic, attributes }) as TopicResult;
      if (error === '') pair.catalogue.addTopic(topic, args.table('Attributes'), tags);
      return error === '' ? { ok: true, TopicArn: topic } : answerOf(error);
    }
    case 'DeleteTopic': {
      const topic = args.text('TopicArn');
      pair.catalogue.deleteTopic(topic);
      return answerOf((pair.ask({ type: 'DeleteTopic', topic }) as TopicResult).error);
    }
    case 'SetTopicAttributes': {
      const [topic, name] = [args.text('TopicArn'), args.text('AttributeName')];
      const value = { [name]: args.get('AttributeValue') ?? '' };
      const isTold = OF_NO_CONSEQUENCE.has(name) || name === 'DeliveryPolicy';
      const error = isTold
        ? pair.catalogue.hasTopic(topic)
          ? ''
          : 'NotFound'
        : (pair.ask({ type: 'SetTopicAttributes', topic, attributes: settingsOf(value) }) as TopicResult).error;
      if (error === '') pair.catalogue.setTopic(topic, value);
      return answerOf(error);
    }
    case 'ListTopics':
      return pair.catalogue.topics();
    case 'ListSubscriptions':
      return asked(pair.catalogue.subscriptions());
    case 'ListSubscriptionsByTopic':
      return asked(pair.catalogue.subscriptions(args.text('TopicArn')));
    case 'GetTopicAttributes':
      return asked(pair.catalogue.topicAttributes(args.text('TopicArn')));
    case 'GetSubscriptionAttributes': {
      const [topic, endpoint] = subscriptionOf(args, results);
      return topic === NO_ARN
        ? answerOf('InvalidParameter')
        : asked(pair.catalogue.subscriptionAttributes(topic, endpoint));
    }
    case 'TagResource': {
      const topic = args.text('ResourceArn');
      const tags = args.rows('Tags').map(({ record }) => record);
      if (!pair.catalogue.hasTopic(topic)) return { error: 'ResourceNotFound' };
      if (new Set(tags.map(({ Key }) => Key)).size < tags.length) return answerOf('InvalidParameter');
      return answerOf(pair.catalogue.tag(topic, tags) ? '' : 'TagLimitExceeded');
    }
    case 'UntagResource':
      return answerOf(pair.catalogue.untag(args.text('ResourceArn'), args.texts('TagKeys')) ? '' : 'ResourceNotFound');
    case 'ListTagsForResource':
      return asked(pair.catalogue.tags(args.text('ResourceArn')));
    case 'DeleteQueue':
      pair.deleteQueue(args.text('QueueUrl'));
      return answerOf('');
    default:
      throw new UnknownShape(`the action ${op}`);
  }
}

/** Attributes of a topic about who may use it, how it is called, encrypted and traced, and how many calls it takes: they change nothing of what is delivered. */
const OF_NO_CONSEQUENCE: ReadonlySet<string> = new Set([
  ...['DisplayName', 'Policy', 'KmsMasterKeyId', 'TracingConfig', 'SignatureVersion', 'FifoThroughputScope'],
]);

function topicOptions(attributes: JsonTable): OptionValues {
  const telling = Object.entries(attributes).filter(([name]) => !OF_NO_CONSEQUENCE.has(name));
  return optionsOf(Object.fromEntries(telling), TOPIC_OPTIONS);
}

/** An attribute to be set, whether the service knows it or not. */
function settingsOf(attributes: JsonTable): OptionValues {
  const known = Object.keys(attributes).every((name) => TOPIC_OPTIONS[name] !== undefined);
  if (known) return topicOptions(attributes);
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, String(value)]));
}

function asked(answer: JsonTable | Unknown): Json {
  return 'error' in answer ? answerOf(String(answer['error'])) : answer;
}

/** A subscription's ARN, as Subscribe answers it. */
function arnOf({ record }: Fields): string {
  return `${String(record['TopicArn'])}:${String(record['Endpoint'])}`;
}

/** In place of a topic: what was given is no ARN, which has six parts at the least. */
const NO_ARN = ':';

/** Topic and endpoint, given by their names or by the ARN that an earlier step got (`$s.SubscriptionArn`). */
function subscriptionOf(args: Fields, results: ReadonlyMap<string, Json>): [topic: string, endpoint: string] {
  if (!args.has('SubscriptionArn')) return [args.text('TopicArn'), args.text('Endpoint')];
  const given = args.text('SubscriptionArn');
  const [, name] = /^\$(.+)\.SubscriptionArn$/.exec(given) ?? [];
  if (name === undefined) return [given.split(':').length < 6 ? NO_ARN : '', ''];
  const subscribed = results.get(name);
  const arn = isTable(subscribed) ? String(subscribed['SubscriptionArn'] ?? '') : '';
  const at = arn.indexOf(':');
  return [arn.slice(0, at), arn.slice(at + 1)];
}

/** Attributes may be given beside the endpoint, or under `Attributes` as the API has them. */
function subscribe(pair: Pair, row: Fields): TopicResult {
  const { TopicArn, Endpoint, Protocol, Attributes, ...beside } = row.record;
  row.skip(...Object.keys(row.record));
  if (typeof TopicArn !== 'string' || typeof Endpoint !== 'string')
    throw new UnknownShape('a subscription without names');
  if (Protocol !== undefined && !PROTOCOLS.has(Protocol))
    return { type: 'TopicResult', token: 0, error: 'InvalidParameter' };
  if (Protocol !== undefined && Protocol !== 'sqs') throw new UnknownShape(`the protocol ${String(Protocol)}`);
  const attributes: Record<string, OptionValue> = {};
  for (const [name, value] of Object.entries({ ...beside, ...(isTable(Attributes) && Attributes) })) {
    // Of no consequence for queues; what the service has not at all is refused by the machine.
    if (name === 'DeliveryPolicy' || name === 'ReturnSubscriptionArn') continue;
    const isKnown = SUBSCRIPTION_OPTIONS[name] !== undefined;
    Object.assign(attributes, isKnown ? optionsOf({ [name]: value }, SUBSCRIPTION_OPTIONS) : { [name]: String(value) });
  }
  const result = pair.ask({ type: 'Subscribe', topic: TopicArn, endpoint: Endpoint, attributes }) as TopicResult;
  const told = { ...beside, ...(isTable(Attributes) && Attributes) };
  if (result.error === '') pair.catalogue.subscribe(TopicArn, Endpoint, told);
  return result;
}

/** What a subscription may go to; here it goes to queues. */
const PROTOCOLS: ReadonlySet<Json> = new Set([
  ...['sqs', 'http', 'https', 'email', 'email-json', 'sms', 'application', 'lambda', 'firehose'],
]);

function publishedOf(topic: string, args: Fields): Published {
  const subject = args.get('Subject');
  const body = textOf(args.get('Message'));
  const structure = args.get('MessageStructure');
  const byProtocol = structure === 'json' ? parsed(body) : undefined;
  // By protocol there must be a text for those that have none of their own: without it there is nothing that could be published.
  const texts = isTable(byProtocol) && typeof byProtocol['default'] === 'string' ? byProtocol : {};
  const chosen = structure === 'json' ? (texts['sqs'] ?? texts['default'] ?? '') : body;
  if (typeof chosen !== 'string') throw new UnknownShape('a message without a text for queues');
  return {
    body: chosen,
    subject: typeof subject === 'string' ? subject : null,
    topic,
    attributes: attributesOf(args.table('MessageAttributes')),
    result: null,
  };
}

/** `{Type, Value}`, or as the API has it. */
function attributesOf(attributes: JsonTable): Record<string, MessageAttribute> {
  const read: Record<string, MessageAttribute> = {};
  for (const [name, attribute] of Object.entries(attributes)) {
    if (!isTable(attribute)) throw new UnknownShape(`the attribute ${name}`);
    const Type = attribute['Type'] ?? attribute['DataType'];
    const Value = attribute['Value'] ?? attribute['StringValue'] ?? attribute['BinaryValue'];
    if (typeof Type !== 'string' || Value === undefined) throw new UnknownShape(`the attribute ${name}`);
    read[name] = { Type, Value: typeof Value === 'string' ? Value : JSON.stringify(Value) };
  }
  return read;
}

function idOf(args: Fields): string | null {
  const id = args.get('MessageDeduplicationId');
  return typeof id === 'string' ? id : null;
}

function publishAnswer({ error, messageId, sequence }: PublishResult): Json {
  if (error !== '') return { error };
  return { ok: true, MessageId: String(messageId), ...(sequence > 0 && { SequenceNumber: String(sequence) }) };
}

function answerOf(error: string): Json {
  return error === '' ? { ok: true } : { error };
}

/** The phases of a retry policy, delays in seconds. */
function phases(step: Fields): Json {
  const protocol = step.get('protocol');
  const policy = protocol === undefined ? given(step.table('policy')) : policyOf(String(protocol));
  if (policy === undefined) throw new UnknownShape(`the protocol ${String(protocol)}`);
  const { immediate, preBackoff, postBackoff, backoff } = phasesOf(policy);
  const [min, max] = [policy.minDelayTarget / SECOND, policy.maxDelayTarget / SECOND];
  return {
    immediate,
    pre_backoff: [preBackoff, min],
    backoff_retries: backoff.length,
    backoff_from: (backoff[0] ?? policy.minDelayTarget) / SECOND,
    backoff_to: (backoff.at(-1) ?? policy.maxDelayTarget) / SECOND,
    post_backoff: [postBackoff, max],
    total: policy.numRetries,
  };
}

function given(table: JsonTable): DeliveryPolicy {
  const fields = new Fields(table, 'policy');
  const seconds = (name: 'minDelayTarget' | 'maxDelayTarget'): Micros =>
    Math.round(fields.number(name, HTTP_POLICY[name] / SECOND) * SECOND);
  const policy: DeliveryPolicy = {
    numRetries: fields.number('numRetries', HTTP_POLICY.numRetries),
    numNoDelayRetries: fields.number('numNoDelayRetries', 0),
    numMinDelayRetries: fields.number('numMinDelayRetries', 0),
    numMaxDelayRetries: fields.number('numMaxDelayRetries', 0),
    minDelayTarget: seconds('minDelayTarget'),
    maxDelayTarget: seconds('maxDelayTarget'),
    backoffFunction: fields.text('backoffFunction', 'linear') as BackoffFunction,
  };
  // How many a second a subscriber takes changes no phase.
  fields.skip('maxReceivesPerSecond').end();
  return policy;
}

/** A list or a text as it is; of an object the fields that are given; `contains` and the like by their names. */
function compare(where: string, wanted: Json, result: Json, findings: Findings): void {
  if (!isTable(wanted)) {
    findings.same(where, wanted, result);
    return;
  }
  for (const [field, value] of Object.entries(wanted)) {
    const at = `${where}.${field}`;
    switch (field) {
      case 'contains':
        findings.holds(
          at,
          isList(value) && isList(result) && value.every((one) => result.includes(one)),
          value,
          result,
        );
        break;
      case 'any_order':
      case 'bodies_any_order':
        findings.holds(at, isList(value) && isList(result) && sameItems(value, result), value, result);
        break;
      case 'count':
        findings.same(at, value, isList(result) ? result.length : -1);
        break;
      case 'message_contains':
      case 'reason':
        break;
      case 'present':
      case 'absent':
        for (const part of isList(value) ? value : [value]) {
          const has = isTable(result) && Object.hasOwn(result, String(part));
          findings.same(`${at}.${String(part)}`, field === 'present', has);
        }
        break;
      case 'error': {
        const got = isTable(result) ? (result['error'] ?? '') : '';
        if (value === true) findings.holds(at, got !== '', value, got);
        else findings.same(at, value, got);
        break;
      }
      case 'Successful':
      case 'Failed':
        if (!isTable(result) || !isList(value)) throw new UnknownShape(at);
        compareEntries(at, value, isList(result[field]) ? result[field] : [], findings);
        break;
      default:
        if (!isTable(result) || !FIELDS.has(field)) throw new UnknownShape(at);
        findings.same(at, value, result[field] ?? null);
    }
  }
}

/** Entries of a batch, each given by its id or by those of its fields that are compared. */
function compareEntries(where: string, wanted: readonly Json[], entries: readonly Json[], findings: Findings): void {
  const idOfEntry = (entry: Json): Json => (isTable(entry) ? (entry['Id'] ?? null) : entry);
  findings.holds(where, sameItems(wanted.map(idOfEntry), entries.map(idOfEntry)), wanted, entries);
  for (const entry of wanted) {
    const code = isTable(entry) ? entry['Code'] : undefined;
    if (code === undefined) continue;
    const got = entries.find((one) => idOfEntry(one) === idOfEntry(entry));
    findings.same(`${where}.Code`, code, isTable(got) ? (got['Code'] ?? null) : null);
  }
}

/** Fields that results may have. */
const FIELDS: ReadonlySet<string> = new Set([
  'ok',
  'MessageId',
  'SequenceNumber',
  'SubscriptionArn',
  'TopicArn',
  'Topics',
  'Subscriptions',
  'Attributes',
  'Tags',
  ...['DisplayName', 'FifoTopic', 'ContentBasedDeduplication', 'Policy', 'DeliveryPolicy', 'KmsMasterKeyId'],
  ...['SubscriptionsConfirmed', 'SubscriptionsPending', 'SubscriptionsDeleted', 'TracingConfig', 'SignatureVersion'],
  ...['Protocol', 'Endpoint', 'FilterPolicy', 'FilterPolicyScope', 'RawMessageDelivery', 'RedrivePolicy', 'Owner'],
  ...['PendingConfirmation', 'ConfirmationWasAuthenticated', 'FifoThroughputScope'],
  'immediate',
  'pre_backoff',
  'backoff_retries',
  'backoff_from',
  'backoff_to',
  'post_backoff',
  'total',
]);

// ── Filter policies ─────────────────────────────────────────────────────────────────────────────────────────────

/** `sns-filter-policy`: does a policy accept a message? */
export const runFilter: Runner = (table, findings) => {
  const row = caseOf(table);
  const input = row.fields('input');
  const policy = readPolicy(input.table('FilterPolicy'));
  const scope = scopeOf(input);
  const accepted =
    scope === 'MessageBody'
      ? acceptsBody(policy, input.get('MessageBody'))
      : acceptsAttributes(policy, attributesOf(input.table('MessageAttributes')));
  input.end();
  findings.same('accepted', row.flag('expected'), accepted);
  row.end();
};

/** `sns-filter-policy-validation`: is a policy accepted? */
export const runValidation: Runner = (table, findings) => {
  const row = caseOf(table);
  const input = row.fields('input');
  const expected = row.fields('expected');
  const why = whyRefused(input.get('FilterPolicy') ?? null, scopeOf(input));
  input.end();
  findings.same('accepted', expected.flag('accepted'), why === '');
  const error = expected.get('error');
  if (typeof error === 'string') findings.same('error', error, why === '' ? '' : 'InvalidParameter');
  expected.skip('reason').end();
  row.end();
};

function scopeOf(input: Fields): FilterScope {
  const scope = input.text('FilterPolicyScope', 'MessageAttributes');
  if (scope !== 'MessageAttributes' && scope !== 'MessageBody') throw new UnknownShape(`the scope ${scope}`);
  return scope;
}
