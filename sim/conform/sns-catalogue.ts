/**
 * What SNS tells of its topics and subscriptions when it is asked: lists, attributes and tags. It is told what was made, changed and deleted, and decides nothing
 * about messages. Names stand for ARNs, as in the cases. Source: the API reference of SNS, actions Get…, List… and Tag….
 */
import type { JsonTable } from './case.ts';

interface Topic {
  readonly attributes: Record<string, string>;
  readonly tags: Map<string, string>;
}

interface Subscription {
  readonly topic: string;
  readonly endpoint: string;
  readonly attributes: Record<string, string>;
}

/** Why there is no answer. */
export interface Unknown {
  readonly error: 'NotFound' | 'ResourceNotFound';
}

/** Most tags on a topic. */
export const TAGS_MAX = 50;

export class SnsCatalogue {
  readonly #topics = new Map<string, Topic>();
  #subscriptions: Subscription[] = [];

  addTopic(name: string, attributes: JsonTable, tags: readonly JsonTable[] = []): void {
    if (this.#topics.has(name)) return;
    this.#topics.set(name, { attributes: textsOf(attributes), tags: new Map() });
    this.tag(name, tags);
  }

  deleteTopic(name: string): void {
    this.#topics.delete(name);
    this.#subscriptions = this.#subscriptions.filter(({ topic }) => topic !== name);
  }

  subscribe(topic: string, endpoint: string, attributes: JsonTable): void {
    if (this.#find(topic, endpoint) === undefined)
      this.#subscriptions.push({ topic, endpoint, attributes: textsOf(attributes) });
  }

  unsubscribe(topic: string, endpoint: string): void {
    this.#subscriptions = this.#subscriptions.filter((one) => one !== this.#find(topic, endpoint));
  }

  setTopic(name: string, attributes: JsonTable): void {
    Object.assign(this.#topics.get(name)?.attributes ?? {}, textsOf(attributes));
  }

  setSubscription(topic: string, endpoint: string, attributes: JsonTable): void {
    Object.assign(this.#find(topic, endpoint)?.attributes ?? {}, textsOf(attributes));
  }

  hasTopic(name: string): boolean {
    return this.#topics.has(name);
  }

  /** Whether a topic that is there already has all these tags: it is not made again with others. */
  hasTags(name: string, tags: readonly JsonTable[]): boolean {
    const known = this.#topics.get(name)?.tags;
    return known === undefined || tags.every(({ Key, Value }) => known.get(String(Key)) === String(Value));
  }

  topics(): JsonTable {
    return { ok: true, Topics: [...this.#topics.keys()].map((TopicArn) => ({ TopicArn })) };
  }

  /** Those of a topic, or all. */
  subscriptions(topic?: string): JsonTable | Unknown {
    if (topic !== undefined && !this.#topics.has(topic)) return { error: 'NotFound' };
    const Subscriptions = this.#subscriptions
      .filter((one) => topic === undefined || one.topic === topic)
      .map((one) => ({
        SubscriptionArn: `${one.topic}:${one.endpoint}`,
        TopicArn: one.topic,
        Protocol: 'sqs',
        Endpoint: one.endpoint,
      }));
    return { ok: true, Subscriptions };
  }

  topicAttributes(name: string): JsonTable | Unknown {
    const topic = this.#topics.get(name);
    if (topic === undefined) return { error: 'NotFound' };
    const confirmed = this.#subscriptions.filter((one) => one.topic === name).length;
    const fifo = name.endsWith('.fifo');
    return withAttributes({
      TopicArn: name,
      DisplayName: '',
      SubscriptionsConfirmed: String(confirmed),
      SubscriptionsPending: '0',
      SubscriptionsDeleted: '0',
      ...(fifo && { FifoTopic: 'true', ContentBasedDeduplication: 'false' }),
      ...topic.attributes,
    });
  }

  subscriptionAttributes(topic: string, endpoint: string): JsonTable | Unknown {
    const found = this.#find(topic, endpoint);
    if (found === undefined) return { error: 'NotFound' };
    const { FilterPolicy = '', FilterPolicyScope = 'MessageAttributes', ...others } = found.attributes;
    return withAttributes({
      SubscriptionArn: `${topic}:${endpoint}`,
      TopicArn: topic,
      Protocol: 'sqs',
      Endpoint: endpoint,
      PendingConfirmation: 'false',
      ConfirmationWasAuthenticated: 'true',
      RawMessageDelivery: 'false',
      // The scope is told with a policy only, and a policy that was taken away is none.
      ...(FilterPolicy !== '' && { FilterPolicy, FilterPolicyScope }),
      ...others,
    });
  }

  /** `{Key, Value}` each; false when there is no such topic, or it would have too many. */
  tag(name: string, tags: readonly JsonTable[]): boolean {
    const known = this.#topics.get(name)?.tags;
    if (known === undefined) return false;
    const all = new Map([...known, ...tags.map(({ Key, Value }) => [String(Key), String(Value)] as const)]);
    if (all.size > TAGS_MAX) return false;
    for (const [key, value] of all) known.set(key, value);
    return true;
  }

  untag(name: string, keys: readonly string[]): boolean {
    const known = this.#topics.get(name)?.tags;
    for (const key of keys) known?.delete(key);
    return known !== undefined;
  }

  tags(name: string): JsonTable | Unknown {
    const known = this.#topics.get(name)?.tags;
    if (known === undefined) return { error: 'ResourceNotFound' };
    return { ok: true, Tags: [...known].map(([Key, Value]) => ({ Key, Value })) };
  }

  #find(topic: string, endpoint: string): Subscription | undefined {
    return this.#subscriptions.find((one) => one.topic === topic && one.endpoint === endpoint);
  }
}

/** Attributes under their own names too, so that a case may name them either way. */
function withAttributes(attributes: Record<string, string>): JsonTable {
  return { ok: true, ...attributes, Attributes: attributes };
}

/** The API gives every value as text: policies as their JSON. */
function textsOf(attributes: JsonTable): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  );
}
