/**
 * What every machine of a Pulsar cluster knows: its settings and nodes, and all that is kept safely outside of brokers, which hold no durable state: each
 * topic partition's ledger, its cursors as they were last written down, and its producers' sequence ids. Only the broker that owns a topic
 * partition touches these. Beside them it keeps for the trace alone what no broker would: how often a message was handed out, and that a
 * dead letter has left its subscription. Source: P1, P2, P5, P16.
 */
import type { Setup } from '../machine.ts';
import type { OptionValues } from '../options.ts';
import { numberOf } from '../options.ts';
import { AckCursor } from '../parts/ack-cursor.ts';
import { ManagedLedger } from '../parts/managed-ledger.ts';
import { NumberMap } from '../parts/number-map.ts';
import { SequenceDedup } from '../parts/sequence-dedup.ts';
import type { ActorId, MessageId, PlaceId } from '../types.ts';
import { type BrokerSettings, brokerSettings, type TopicPolicies, topicPolicies } from './pulsar-options.ts';
import type { PulsarTopic } from './pulsar-topic.ts';
import type { SubscriptionType, TopicNumber } from './pulsar-wires.ts';

/** A subscription as it outlives brokers. */
export interface SubscriptionRecord {
  readonly name: string;
  readonly place: PlaceId;
  /** Of a retry-letter topic: the places of the partitions that its letters come from. Empty where all stand in `place`. */
  readonly origins: readonly PlaceId[];
  readonly cursor: AckCursor;
  /** The log of pending acks: by entry and message of its batch, those that open transactions have announced (P67). */
  readonly pendingAcks: Map<number, Map<number, PendingAck>>;
  /** The type that its consumers last had; decides what a delay is worth while none is there. */
  type: SubscriptionType;
  /** For the trace: how often entries were handed out, of those that came back; and dead letters whose original is not acked yet. */
  readonly attempts: NumberMap<number>;
  readonly buried: Set<MessageId>;
}

/** An ack that waits for the end of a transaction. */
export interface PendingAck {
  readonly txn: string;
  /** Who announced it. */
  readonly peer: ActorId;
}

export interface Segment {
  readonly from: number;
  readonly ensemble: number[];
}

export interface TopicInfo {
  readonly number: TopicNumber;
  /** As people write it; partitions share it. */
  readonly name: string;
  /** Which partition; −1 for a topic without any. */
  readonly partition: number;
  readonly policies: TopicPolicies;
  readonly ledger: ManagedLedger;
  readonly dedup: SequenceDedup;
  readonly subscriptions: Map<string, SubscriptionRecord>;
  /** Transactions with messages here whose end has been carried out (P66). */
  readonly endedTxns: Set<string>;
  /** Names of subscriptions that the file shows: several make the topic a place of its own, before them. */
  readonly expected: ReadonlySet<string>;
  /** Declared in the file, so it is never deleted for being idle (P55). */
  readonly declared: boolean;
  /** Grows with each new owner. */
  epoch: number;
  /** Grows with each producer that gets the topic to itself; kept with the metadata (P14). */
  exclusiveEpoch: number;
  /** The machine's part that serves the topic now, wherever that is. */
  live: PulsarTopic | null;
  /** Which bookies hold what: from an index on, this ensemble, as numbers of bookies from 0 (P10, P11). */
  readonly segments: Segment[];
  /** Messages that hold no place in any subscription, because there was none. */
  readonly place: PlaceId;
}

export class PulsarCluster {
  readonly settings: BrokerSettings;
  readonly options: OptionValues;
  /** Actors of the brokers and bookies in the order of their numbers; filled while the cluster is built. */
  readonly nodes: ActorId[] = [];
  readonly bookies: ActorId[] = [];
  /** 0: a single broker without a metadata store in the picture. */
  metadata: ActorId = 0;
  readonly topics: TopicInfo[] = [];
  /** The transaction log: how transactions ended, true for committed (P65). */
  readonly ended = new Map<string, boolean>();
  readonly #byName = new Map<string, TopicNumber[]>();
  /** Subscriptions that the file shows, by topic: several make the topic a place of its own. */
  readonly #expected = new Map<string, Set<string>>();
  readonly #retryTopics = new Map<string, string>();
  readonly #setup: Setup;
  #ledgers = 0;
  #names = 0;

  constructor(options: OptionValues, setup: Setup) {
    this.options = options;
    this.settings = brokerSettings(options);
    this.#setup = setup;
  }

  /** Declares a topic of `partitions` partitions, 0 for a plain one (P1, P2), with subscriptions that exist from the start. */
  addTopic(name: string, options: OptionValues, subscriptions: readonly string[] = [], declared = true): void {
    const partitions = numberOf(options, 'partitions');
    for (const subscription of subscriptions) this.expect(name, subscription);
    const numbers: TopicNumber[] = [];
    for (let partition = partitions === 0 ? -1 : 0; partition < partitions; partition++) {
      const number = this.topics.length;
      numbers.push(number);
      const { dedupProducers, dedupInactiveUs, ledger } = this.settings;
      const setup = this.#setup;
      let place: PlaceId = 0;
      this.topics.push({
        number,
        name,
        partition,
        policies: topicPolicies(options, this.settings),
        ledger: new ManagedLedger(ledger, () => ++this.#ledgers, 0),
        dedup: new SequenceDedup(dedupProducers, dedupInactiveUs),
        subscriptions: new Map(),
        endedTxns: new Set(),
        expected: this.#expectedOf(name),
        declared,
        epoch: 0,
        exclusiveEpoch: 0,
        live: null,
        segments: [],
        get place() {
          place ||= hasFanOut(this)
            ? setup.place(name, 'exchange', name)
            : setup.place(partition < 0 ? name : `${name}/${partition}`, 'queue', name);
          return place;
        },
      });
      if (partition < 0) break;
    }
    this.#byName.set(name, numbers);
    for (const number of numbers) {
      for (const subscription of subscriptions) this.subscribe(this.topic(number), subscription, 0);
    }
  }

  topic(number: TopicNumber): TopicInfo {
    const info = this.topics[number];
    if (info === undefined) throw new Error(`invariant: no topic partition ${number}`);
    return info;
  }

  /** Partitions of a topic, or the topic itself; made on first use, without partitions (P1). `persistent://public/default/` may stand before its name. */
  partitionsOf(name: string): readonly TopicNumber[] {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const plain = shortName(name);
    const same = this.#byName.get(plain);
    if (same !== undefined) return same;
    this.addTopic(plain, { persistent: !name.startsWith('non-persistent://') }, [], false);
    return this.#byName.get(plain) ?? [];
  }

  isKnown(name: string): boolean {
    return this.#byName.has(shortName(name));
  }

  /** Says before the run begins that this subscription will be used. */
  expect(topic: string, subscription: string): void {
    this.#expectedOf(shortName(topic)).add(subscription);
  }

  #expectedOf(topic: string): Set<string> {
    let expected = this.#expected.get(topic);
    if (expected === undefined) {
      expected = new Set();
      this.#expected.set(topic, expected);
    }
    return expected;
  }

  /** Makes a subscription whose first owed entry is `from`. */
  subscribe(info: TopicInfo, subscription: string, from: number): SubscriptionRecord {
    const record: SubscriptionRecord = {
      name: subscription,
      place: this.placeOf(info, subscription),
      origins: this.#originsOf(info, subscription),
      cursor: new AckCursor(from - 1),
      pendingAcks: new Map(),
      type: 'Exclusive',
      attempts: new NumberMap(),
      buried: new Set(),
    };
    info.subscriptions.set(subscription, record);
    return record;
  }

  /**
   * Where a subscription's messages are in the trace: a topic with one subscription is itself the place, with several each has one of its own behind it;
   * partitions are numbered. What is retried stands where it failed, although its copy is in another topic (P48).
   */
  placeOf({ name, partition }: TopicInfo, subscription: string): PlaceId {
    const retried = this.retriedFor(name);
    const topic = retried ?? name;
    const at = partition < 0 ? topic : `${topic}/${partition}`;
    const own = this.#expectedOf(topic).size > 1 || (retried === null && this.#isOther(topic, subscription));
    return this.#setup.place(own ? `${at}/${subscription}` : at, 'queue', topic);
  }

  #originsOf({ name }: TopicInfo, subscription: string): readonly PlaceId[] {
    const origin = this.retriedFor(name);
    const partitions = origin === null ? [] : this.partitionsOf(origin);
    return partitions.length < 2 ? [] : partitions.map((number) => this.placeOf(this.topic(number), subscription));
  }

  /** The topic for which this one holds what is to be tried again; null for others. */
  retriedFor(name: string): string | null {
    return this.#retryTopics.get(name) ?? null;
  }

  /** Declares a retry-letter topic (P48). */
  addRetryTopic(name: string, of: string): void {
    this.#retryTopics.set(shortName(name), shortName(of));
  }

  newProducerName(): string {
    return `standalone-0-${this.#names++}`;
  }

  nodeOf(topic: TopicNumber): ActorId {
    return this.nodes[topic % this.nodes.length] ?? 0;
  }

  /** A subscription that turned up beside the one that has the topic's own place. */
  #isOther(topic: string, subscription: string): boolean {
    const expected = this.#expectedOf(topic);
    if (expected.size === 0) {
      expected.add(subscription);
      return false;
    }
    return !expected.has(subscription);
  }
}

/** Whether the topic has several subscriptions, so that it stands in the picture before them. */
export function hasFanOut({ expected }: TopicInfo): boolean {
  return expected.size > 1;
}

/** `persistent://public/default/orders` is `orders` (P1). Of other tenants and namespaces the whole path is the name. */
export function shortName(name: string): string {
  const path = name.replace(/^(non-)?persistent:\/\//, '');
  return path.replace(/^public\/default\//, '');
}
