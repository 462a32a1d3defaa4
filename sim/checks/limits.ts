/**
 * How often a message may come before it is dead-lettered, archived or dropped, by the settings of whoever counts: the queue, the group that shares a
 * log, or the client that moves what comes too often. Each broker counts something else, and a check must count the same.
 */
import { deliveryLimitOf, featuresOf } from '../../core/brokers/rabbitmq-options.ts';
import { booleanOf, numberOf, tableOf, textOf } from '../../core/options.ts';
import type { ActorId, FactId, PlaceId } from '../../core/types.ts';
import type { ConsumerSpec, Scenario } from '../scenario/types.ts';
import { scenarioAfter } from './changes.ts';
import { type Evidence, type GroupId, inScope } from './evidence.ts';

export interface Limit {
  readonly most: number;
  /**
   * What uses up a try. `deliveries`: each handing-out (SQS S9; Kafka share groups K103, K104). `returns`: what was nacked back (RabbitMQ's quorum
   * queues). `failures`: each nack and each deadline that passed (Google G8). `shown`: what a client hands to its handler; what
   * the broker hands out beyond that the client moves unseen (Pulsar P44, Redis X14).
   */
  readonly counts: 'deliveries' | 'returns' | 'failures' | 'shown';
  /** So many times at least the broker must have handed it out before it may be called too often. */
  readonly due: number;
  readonly words: string;
}

export class Limits {
  readonly #evidence: Evidence;
  /** By place, of queues whose own settings have a limit. */
  #ofQueue: readonly (Limit | null)[];
  readonly #ofGroup = new Map<GroupId, Limit | null>();
  readonly #ofConsumer = new Map<ActorId, Limit | null>();
  /** By queue whose readers have a limit: that of the last one that was shown something. */
  readonly #ofReaders = new Map<PlaceId, Limit>();
  readonly #scope: string;
  /** As the `set` lines that were met have left it. */
  #scenario: Scenario;

  constructor(evidence: Evidence, scope: string) {
    this.#evidence = evidence;
    this.#scope = scope;
    this.#scenario = evidence.scenario;
    this.#ofQueue = this.#ofQueues();
  }

  #ofQueues(): readonly (Limit | null)[] {
    return this.#evidence.trace.places.map(({ id, kind, name }) =>
      kind === 'queue' && inScope(this.#evidence, id, this.#scope) ? ofQueue(this.#scenario, name) : null,
    );
  }

  /** From the fact `changed` on, other limits may hold. */
  changed(id: FactId): void {
    this.#scenario = scenarioAfter(this.#scenario, this.#evidence.trace, id);
    this.#ofQueue = this.#ofQueues();
  }

  /** Whether each handing-out from a queue counts, by a limit that it has or may be given later (S9). */
  countsDeliveries(place: PlaceId): boolean {
    const limit = this.at(place);
    if (limit !== null) return limit.counts === 'deliveries';
    const { broker = '' } = this.#scenario.queues[this.#evidence.trace.placeName(place)] ?? {};
    return this.#scenario.brokers[broker]?.kind === 'sqs';
  }

  /** Of a queue by its settings, or by what its readers keep to; null when there is none, as far as was seen. */
  at(place: PlaceId): Limit | null {
    return this.#ofQueue[place] ?? this.#ofReaders.get(place) ?? null;
  }

  /** Of a queue or of a share group that was met before. */
  of(group: GroupId): Limit | null {
    return this.at(group) ?? this.#ofGroup.get(group) ?? null;
  }

  /** Of the share group to which a reader of a partition belongs; null for one that owns its partitions. */
  ofGroup(group: GroupId, partition: PlaceId): Limit | null {
    let limit = this.#ofGroup.get(group);
    if (limit === undefined) {
      limit = ofShareGroup(this.#evidence, group, partition, this.#scope);
      this.#ofGroup.set(group, limit);
    }
    return limit;
  }

  /** Of a consumer that was shown something of a queue, if it keeps the count itself. */
  ofReader(consumer: ActorId, place: PlaceId): Limit | null {
    let limit = this.#ofConsumer.get(consumer);
    if (limit === undefined) {
      const { scenario, trace } = this.#evidence;
      limit = ofConsumer(scenario.consumers[trace.actors[consumer]?.group ?? ''], this.#evidence);
      this.#ofConsumer.set(consumer, limit);
    }
    if (limit === null || !inScope(this.#evidence, place, this.#scope)) return null;
    if (this.#ofReaders.get(place) !== limit) this.#ofReaders.set(place, limit);
    return limit;
  }
}

function ofQueue(scenario: Scenario, name: string): Limit | null {
  const queue = scenario.queues[name];
  if (queue === undefined) return null;
  const redrive = tableOf(queue.options, 'RedrivePolicy');
  if (redrive !== undefined) return limited(numberOf(redrive, 'maxReceiveCount', 10), 'deliveries', 'maxReceiveCount');
  const policy = tableOf(queue.options, 'dead_letter_policy');
  if (policy !== undefined)
    return limited(numberOf(policy, 'max_delivery_attempts') || 5, 'failures', 'max_delivery_attempts');
  if (textOf(queue.options, 'x-queue-type') !== 'quorum') return null;
  const features = featuresOf(textOf(scenario.brokers[queue.broker]?.options ?? {}, 'version', '4.2'));
  const most = deliveryLimitOf(queue.options, features);
  // From 4.3 a nack is no failed delivery (R63), so how often a message comes is not bounded.
  return most === null || !features.countsNacks ? null : limited(most, 'returns', 'x-delivery-limit');
}

function ofShareGroup(evidence: Evidence, group: GroupId, partition: PlaceId, scope: string): Limit | null {
  if (!evidence.sharesPartitions(group)) return null;
  if (!inScope(evidence, group, scope) && !inScope(evidence, partition, scope)) return null;
  const options = evidence.scenario.brokers[evidence.memberOf(group)?.broker ?? '']?.options ?? {};
  const name = 'group.share.delivery.count.limit';
  return limited(numberOf(options, name, 5), 'deliveries', name);
}

function ofConsumer(consumer: ConsumerSpec | undefined, { scenario }: Evidence): Limit | null {
  if (consumer === undefined) return null;
  const { options } = consumer;
  switch (scenario.brokers[consumer.broker]?.kind) {
    case 'pulsar': {
      const policy = tableOf(options, 'deadLetterPolicy');
      const type = textOf(options, 'subscriptionType', 'Exclusive');
      // With a retry topic each try is a message of its own; a subscription with one reader at a time has no dead letters (P43, P48).
      if (policy === undefined || booleanOf(options, 'enableRetry') || !type.includes('Shared')) return null;
      const again = numberOf(policy, 'maxRedeliverCount');
      return { most: 1 + again, counts: 'shown', due: 1 + again, words: `maxRedeliverCount: ${again}` };
    }
    case 'redis-streams': {
      if (textOf(options, 'dead-letter-stream') === '') return null;
      const most = numberOf(options, 'max-deliveries', 5);
      return { most, counts: 'shown', due: most + 1, words: `max-deliveries: ${most}` };
    }
    default:
      return null;
  }
}

function limited(most: number, counts: Limit['counts'], name: string): Limit {
  return { most, counts, due: most, words: `${name}: ${most}` };
}
