/**
 * Replays Google Pub/Sub vectors: scripts of API calls on a `PubsubNode`, and filters. A script has one topic with one or several subscriptions of the same settings; a
 * dead-letter topic T that the settings name exists too, with a subscription `T-sub`. Calls take no time. Settings are read by the same option table
 * and the same rules as those of a scenario.
 */
import { PubsubNode } from '../../core/brokers/google-pubsub-node.ts';
import { SUBSCRIPTION_OPTIONS, subscriptionMistake, TOPIC_OPTIONS } from '../../core/brokers/google-pubsub-options.ts';
import type {
  AckResponse,
  DeleteResponse,
  PublishResponse,
  PubsubRequest,
  PullResponse,
  ReceivedMessage,
  SeekResponse,
  SnapshotResponse,
  StreamingPullResponse,
  StreamState,
  UpdateResponse,
} from '../../core/brokers/google-pubsub-verbs.ts';
import { type OptionSpec, type OptionTable, type OptionValue, type OptionValues, tableOf } from '../../core/options.ts';
import {
  type Attributes,
  filterMatches,
  isFilterMistake,
  parsePubsubFilter,
  utf8Length,
} from '../../core/parts/pubsub-filter.ts';
import type { Micros } from '../../core/types.ts';
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

const SECOND: Micros = 1_000_000;
const CLIENT = 7;
const TOPIC = 'topic';
/** A script that still gets messages after so many answers never ends. */
const MOST_PULLS = 10_000;
const ALIVE_US = 30 * SECOND;

type Unsent<T = PubsubRequest> = T extends { readonly token: number } ? Omit<T, 'token'> : never;
type Response =
  | PublishResponse
  | PullResponse
  | AckResponse
  | SeekResponse
  | DeleteResponse
  | UpdateResponse
  | SnapshotResponse
  | StreamState
  | StreamingPullResponse;

/** What a step stores under its name. */
interface Result {
  readonly error: boolean;
  readonly messages: readonly ReceivedMessage[];
  readonly expiresAtUs: Micros;
}

const DONE: Result = { error: false, messages: [], expiresAtUs: 0 };

/** `google-pubsub-filter`: whether a message with these attributes is delivered. */
export const runFilter: Runner = (table, findings) => {
  const row = caseOf(table);
  const input = row.fields('input');
  const filter = parsePubsubFilter(input.text('filter'));
  const attributes = attributesOf(input.table('attributes'));
  const actual = isFilterMistake(filter) ? `refused: ${filter.mistake}` : filterMatches(filter, attributes);
  const expected = row.get('expected');
  input.end();
  row.end();
  if (typeof expected === 'boolean') findings.same('delivered', expected, actual);
  else if (isTable(expected) && typeof expected['error'] === 'boolean')
    findings.same('refused', expected['error'], typeof actual === 'string');
  else throw new UnknownShape('expected is neither true nor false');
};

/** `google-pubsub-scripts`. */
export const runScript: Runner = (table, findings) => {
  const row = caseOf(table);
  const input = row.fields('input');
  const script = new Script(new Fields(input.table('subscription'), 'subscription'));
  const results = new Map<string, Result>();
  for (const step of input.rows('steps')) {
    script.advanceTo(Math.round(step.number('t') * SECOND));
    const result = script.act(step, results);
    const name = step.get('as');
    if (typeof name === 'string') results.set(name, result);
    step.skip('note').end();
  }
  input.end();
  const expected = row.table('expected');
  row.end();
  for (const [name, wanted] of Object.entries(expected)) {
    const result = results.get(name);
    if (result === undefined) throw new UnknownShape(`no step stores ${name}`);
    compare(script, name, new Fields(wanted, name), result, findings);
  }
};

/** The service with one topic, and a client that calls it. */
class Script {
  readonly #driver = new MachineDriver();
  readonly #data = new Map<number, string>();
  readonly #names: readonly string[];
  /** The last delivery of each message, by its data. */
  readonly #last = new Map<string, { readonly message: ReceivedMessage; readonly subscription: string }>();
  readonly #answers = new Map<number, Response>();
  readonly #subscriptionOf = new Map<ReceivedMessage, string>();
  #tokens = 0;
  #stream = { token: 0, subscription: '', received: [] as ReceivedMessage[] };
  readonly #streamUnacked: ReceivedMessage[] = [];

  constructor(settings: Fields) {
    this.#names = settings.has('names') ? settings.texts('names') : ['subscription'];
    const retention = settings.get('topic_message_retention_duration');
    const own: Record<string, Json> = {};
    for (const [name, value] of Object.entries(settings.record)) {
      if (name !== 'names' && name !== 'topic_message_retention_duration') own[name] = value;
    }
    const options: OptionValues = { ...optionsOf(own), topic: TOPIC };
    const mistake = mistakeOf(options);
    if (mistake !== '') throw new UnknownShape(`a subscription that is refused: ${mistake}`);
    const deadLetters = tableOf(options, 'dead_letter_policy')?.['dead_letter_topic'];
    const topicOptions =
      retention === undefined ? {} : optionsOf({ message_retention_duration: retention }, TOPIC_OPTIONS);
    const topics = [{ name: TOPIC, options: topicOptions }];
    const subscriptions = this.#names.map((name) => ({ name, options }));
    if (typeof deadLetters === 'string') {
      topics.push({ name: deadLetters, options: {} });
      subscriptions.push({ name: `${deadLetters}-sub`, options: { topic: deadLetters } });
    }
    this.#driver.start(new PubsubNode(topics, subscriptions, this.#driver.setup));
  }

  /** An open stream gives signs of life, as a client library's does. */
  advanceTo(us: Micros): void {
    const { token, subscription } = this.#stream;
    while (token !== 0 && this.#driver.nowUs + ALIVE_US < us) {
      this.#driver.advanceTo(this.#driver.nowUs + ALIVE_US);
      this.#driver.receive(CLIENT, { type: 'StreamKeepAlive', subscription, token } as PubsubRequest);
    }
    this.#driver.advanceTo(us);
    this.#hear();
  }

  dataOf({ message }: ReceivedMessage): string {
    return this.#data.get(message.id) ?? '';
  }

  act(step: Fields, results: ReadonlyMap<string, Result>): Result {
    switch (step.text('op')) {
      case 'publish':
        return this.#publish(step);
      case 'pull':
        return this.#pull(this.#subscription(step), step.number('max_messages', 1000));
      case 'ack':
        return this.#settle(this.#acked(step, results), null);
      case 'nack':
        return this.#settle(this.#acked(step, results), 0);
      case 'modify_ack_deadline':
        return this.#settle(this.#acked(step, results), Math.round(step.number('seconds') * SECOND));
      case 'consume-all':
        return this.#consumeAll(this.#subscription(step));
      case 'seek': {
        const to = step.has('snapshot')
          ? { snapshot: step.text('snapshot') }
          : { timeUs: Math.round(step.number('time') * SECOND) };
        return failing(this.#ask({ type: 'Seek', subscription: this.#subscription(step), to }));
      }
      case 'snapshot': {
        const name = step.text('name');
        const made = this.#ask({ type: 'CreateSnapshot', subscription: this.#subscription(step), name });
        return { ...failing(made), expiresAtUs: (made as SnapshotResponse).expiresAtUs };
      }
      case 'delete-subscription':
        return failing(this.#ask({ type: 'DeleteSubscription', subscription: this.#subscription(step) }));
      case 'update-subscription':
        return this.#update(this.#subscription(step), step.table('settings'));
      case 'create-subscription':
        return { ...DONE, error: !isAccepted(step.table('settings')) };
      case 'streaming-pull':
        return this.#openStream(step);
      case 'ack-any': {
        const acks = this.#streamUnacked.splice(0, step.number('count'));
        const { subscription } = this.#stream;
        return failing(this.#ask({ type: 'Acknowledge', subscription, acks }));
      }
      case 'stream-received':
        return { ...DONE, messages: [...this.#stream.received] };
      default:
        throw new UnknownShape(`the op ${step.text('op')}`);
    }
  }

  /** A field mask of the settings that are named. What is made with a subscription cannot be changed (G10, G17). */
  #update(subscription: string, settings: JsonTable): Result {
    for (const name of Object.keys(settings)) {
      if (IMMUTABLE.includes(name)) return { ...DONE, error: true };
    }
    if (!isAccepted(settings)) return { ...DONE, error: true };
    const named = Object.keys(settings).filter((name) => !UNUSED.includes(name));
    const cleared = Object.fromEntries(named.map((name) => [name, undefined]));
    return failing(
      this.#ask({ type: 'UpdateSubscription', subscription, settings: { ...cleared, ...optionsOf(settings) } }),
    );
  }

  #subscription(step: Fields): string {
    return step.text('subscription', this.#names[0]);
  }

  #publish(step: Fields): Result {
    const data = textOf(step.get('data') ?? '');
    const attributes = attributesOf(step.table('attributes'));
    const dataBytes = utf8Length(data);
    const message = this.#driver.message(dataBytes);
    this.#data.set(message.id, data);
    const messages = [{ message, orderingKey: step.text('ordering_key', ''), attributes, dataBytes }];
    return failing(this.#ask({ type: 'Publish', topic: TOPIC, messages, sizeBytes: dataBytes }));
  }

  #pull(subscription: string, maxMessages: number): Result {
    const answer = this.#ask({ type: 'Pull', subscription, maxMessages, waitUs: 0 }) as PullResponse;
    this.#note(answer.messages, subscription);
    return { ...failing(answer), messages: answer.messages };
  }

  #consumeAll(subscription: string): Result {
    const all: ReceivedMessage[] = [];
    for (let pulls = 0; pulls < MOST_PULLS; pulls++) {
      const { messages, error } = this.#pull(subscription, 1000);
      if (messages.length === 0) return { ...DONE, error, messages: all };
      all.push(...messages);
      this.#ask({ type: 'Acknowledge', subscription, acks: messages });
    }
    throw new Error('messages never cease to come');
  }

  /** Acks, or with a number of µs modifies the ack deadline. */
  #settle(ack: ReceivedMessage, deadlineUs: Micros | null): Result {
    const subscription = this.#subscriptionOf.get(ack) ?? '';
    return failing(
      this.#ask(
        deadlineUs === null
          ? { type: 'Acknowledge', subscription, acks: [ack] }
          : { type: 'ModifyAckDeadline', subscription, acks: [ack], deadlineUs },
      ),
    );
  }

  #openStream(step: Fields): Result {
    const subscription = this.#subscription(step);
    this.#stream = { token: this.#tokens + 1, subscription, received: [] };
    this.#streamUnacked.length = 0;
    const state = this.#ask({
      type: 'StreamingPull',
      subscription,
      maxMessages: step.number('max_outstanding_messages', 0),
      maxBytes: step.number('max_outstanding_bytes', 0),
      ackDeadlineUs: Math.round(step.number('stream_ack_deadline_seconds', 0) * SECOND),
    });
    return { ...failing(state), messages: [...this.#stream.received] };
  }

  /** The delivery that `ack_id` or `ack_id_of` names. */
  #acked(step: Fields, results: ReadonlyMap<string, Result>): ReceivedMessage {
    if (step.has('ack_id_of')) {
      const last = this.#last.get(step.text('ack_id_of'));
      if (last === undefined) throw new Error(`${step.text('ack_id_of')} was never delivered`);
      return last.message;
    }
    const [, name = '', index = ''] = /^\$(.+)\[(\d+)\]$/.exec(step.text('ack_id')) ?? [];
    if (name === '') throw new UnknownShape('an ack id that names no delivery');
    const message = results.get(name)?.messages[Number(index)];
    if (message === undefined) throw new Error(`there is no message ${index} in ${name}`);
    return message;
  }

  #note(messages: readonly ReceivedMessage[], subscription: string): void {
    for (const message of messages) {
      this.#subscriptionOf.set(message, subscription);
      this.#last.set(this.dataOf(message), { message, subscription });
    }
  }

  #ask(request: Unsent): Response {
    this.#tokens += 1;
    const token = this.#tokens;
    this.#driver.receive(CLIENT, { ...request, token } as PubsubRequest);
    this.#hear();
    const answer = this.#answers.get(token);
    if (answer === undefined) throw new Error(`no answer to ${request.type}`);
    return answer;
  }

  #hear(): void {
    for (const { wire } of this.#driver.take()) {
      const answer = wire as Response;
      if (answer.type !== 'StreamingPullResponse') this.#answers.set(answer.token, answer);
      else if (answer.token === this.#stream.token) {
        this.#stream.received.push(...answer.messages);
        this.#streamUnacked.push(...answer.messages);
        this.#note(answer.messages, this.#stream.subscription);
      }
    }
  }
}

function failing({ error }: Response): Result {
  return { ...DONE, error: error !== '' };
}

// ── Settings ────────────────────────────────────────────────────────────────────────────────────────────────────

/** Settings in the API's values (durations in seconds) as options; an unknown one is an unknown shape, one of a strange type a refusal. */
function optionsOf(settings: JsonTable, table: OptionTable = SUBSCRIPTION_OPTIONS): OptionValues {
  const options: Record<string, OptionValue> = {};
  for (const [name, value] of Object.entries(settings)) {
    const spec = table[name];
    if (spec === undefined && !UNUSED.includes(name)) throw new UnknownShape(`the setting ${name}`);
    if (spec !== undefined && !isUnset(name, value)) options[name] = optionOf(name, spec, value);
  }
  // A policy without a time to live means: never (G19).
  const expiration = settings['expiration_policy'];
  if (isTable(expiration) && expiration['ttl'] === undefined) options['expiration_policy'] = { ttl: -1 };
  return options;
}

/** Of no consequence for what is delivered, or told by the service only. */
const UNUSED: readonly string[] = ['labels', 'name', 'state', 'detached', 'topic_message_retention_duration'];

/** What an update may not name. */
const IMMUTABLE: readonly string[] = ['name', 'topic', 'filter', 'enable_message_ordering'];

/** 0 means the default here, and null everywhere; to an endpoint that is none nothing is pushed (G6). */
function isUnset(name: string, value: Json): boolean {
  if (name === 'push_config' && isTable(value)) return (value['push_endpoint'] ?? '') === '';
  return value === null || (value === 0 && (name === 'ack_deadline_seconds' || name === 'max_delivery_attempts'));
}

function optionOf(name: string, spec: OptionSpec, value: Json): OptionValue {
  if (spec.type === 'object' && isTable(value)) return optionsOf(value, spec.fields);
  if (spec.type === 'duration') {
    const seconds = typeof value === 'string' ? Number(value.replace(/s$/, '')) : value;
    if (typeof seconds === 'number' && Number.isFinite(seconds)) return Math.round(seconds * SECOND);
  } else if (typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string') return value;
  throw new UnknownShape(`the value of ${name}`);
}

function isAccepted(settings: JsonTable): boolean {
  return mistakeOf(optionsOf(settings)) === '';
}

/** Why a subscription with these settings is refused; '' when it is not. */
function mistakeOf(options: OptionValues, table: OptionTable = SUBSCRIPTION_OPTIONS): string {
  for (const [name, value] of Object.entries(options)) {
    const spec = table[name];
    if (spec === undefined || value === undefined) continue;
    if (spec.type === 'object') {
      const nested = mistakeOf(tableOf(options, name) ?? {}, spec.fields);
      if (nested !== '') return nested;
    }
    if (typeof value !== 'number' || !('min' in spec || 'max' in spec)) continue;
    if (value === -1 && spec.type === 'duration' && spec.unlimited === true) continue;
    if (value < (spec.min ?? value) || value > (spec.max ?? value)) return `${name} is out of range`;
  }
  return table === SUBSCRIPTION_OPTIONS ? (subscriptionMistake(options)?.text ?? '') : '';
}

function attributesOf(table: JsonTable): Attributes {
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(table)) attributes[name] = textOf(value);
  return attributes;
}

// ── Comparing ───────────────────────────────────────────────────────────────────────────────────────────────────

function compare(script: Script, name: string, expected: Fields, result: Result, findings: Findings): void {
  const data = result.messages.map((message) => script.dataOf(message));
  for (const [field, wanted] of Object.entries(expected.record)) {
    const where = `${name}.${field}`;
    switch (field) {
      case 'data':
        findings.same(where, wanted, data);
        break;
      case 'data_any_order':
        findings.holds(where, isList(wanted) && sameItems(wanted, data), wanted, data);
        break;
      case 'per_key_order': {
        const byKey: Record<string, string[]> = {};
        result.messages.forEach((message, i) => {
          const row = byKey[message.orderingKey] ?? [];
          row.push(data[i] ?? '');
          byKey[message.orderingKey] = row;
        });
        findings.same(where, wanted, byKey);
        break;
      }
      case 'count':
        findings.same(where, wanted, data.length);
        break;
      case 'count_at_most':
        findings.holds(where, data.length <= Number(wanted), wanted, data.length);
        break;
      case 'count_at_least':
        findings.holds(where, data.length >= Number(wanted), wanted, data.length);
        break;
      case 'delivery_attempt':
        findings.same(
          where,
          wanted,
          result.messages.map(({ deliveryAttempt }) => deliveryAttempt),
        );
        break;
      case 'error':
        findings.same(where, wanted, result.error);
        break;
      case 'expires_at':
        findings.same(where, wanted, result.expiresAtUs / SECOND);
        break;
      default:
        throw new UnknownShape(`the expectation ${field}`);
    }
  }
}
