/**
 * What the settings of brokers and clients promise. A promised claim must hold in every run, whatever fails; for each of the others the setting that
 * permits its breach is named, and that is what the verdict `allowed` says. A promise arises from several settings together, never from one
 * switch. Two things no setting bears, and nothing is promised against them: every replica losing its disk, and a load beyond all capacity.
 */
import { BROKERS } from '../../core/brokers/index.ts';
import { deliveryLimitOf, featuresOf } from '../../core/brokers/rabbitmq-options.ts';
import { booleanOf, numberOf, type OptionValues, tableOf, textOf } from '../../core/options.ts';
import type { ConsumerSpec, DeclaredSpec, ProducerSpec, Scenario } from '../scenario/types.ts';
import * as pubsub from './google-pubsub-promises.ts';
import { CLAIMS, type ClaimName } from './names.ts';
import * as pulsar from './pulsar-promises.ts';
import { publishesInTxns } from './pulsar-txns.ts';
import * as redis from './redis-promises.ts';
import type { Setting } from './settings.ts';

/** Claims that mean something for every broker. */
const EVERYWHERE: readonly ClaimName[] = [
  'no-fabrication',
  'confirmed-durable',
  'at-most-once',
  'at-least-once',
  'exactly-once-effect',
  'conservation',
  'zombie-overlap',
  'poison-isolation',
  'key-order',
  'progress',
  'drained',
  'bounded-redelivery',
];
const QUEUES: readonly ClaimName[] = [
  'stale-ack-fencing',
  'no-early-redelivery',
  'lock-exclusivity',
  'delivery-bound',
  'dead-letter-exactness',
];
const LOGS: readonly ClaimName[] = CLAIMS.filter(
  (claim) => !EVERYWHERE.includes(claim) && !QUEUES.includes(claim) && claim !== 'fifo-group-order',
);

/** What can be told of a log whose readers keep their offsets themselves: a RabbitMQ stream (R66, R67). */
const STREAMS: readonly ClaimName[] = [
  'replay-fidelity',
  'partition-order',
  'commit-safety',
  'commit-monotonic',
  'inconsistent-offsets',
  'duplicate',
  'lost-write',
  'unseen',
  'poll-skip',
  'nonmonotonic-poll',
  'nonmonotonic-send',
];

const TRANSACTIONS: readonly ClaimName[] = ['atomic-publish-and-commit', 'aborted-read', 'precommitted-read'];

/** Claims that one broker of a scenario can put to the test, by its kind and by what is declared on it. */
function exercisedBy(scenario: Scenario, broker: string): readonly ClaimName[] {
  const { kind = '' } = scenario.brokers[broker] ?? {};
  switch (kind) {
    case 'sqs':
      return [...EVERYWHERE, ...QUEUES, 'fifo-group-order'];
    case 'rabbitmq': {
      const queues = Object.values(scenario.queues).filter((queue) => queue.broker === broker);
      const streams = queues.filter((queue) => typeOf(queue) === 'stream').length;
      return [
        ...EVERYWHERE,
        ...(streams < queues.length || queues.length === 0 ? [...QUEUES, 'partition-order' as const] : []),
        ...(streams > 0 ? STREAMS : []),
        ...(numberOf(scenario.brokers[broker]?.options ?? {}, 'nodes', 1) > 1 ? ['single-leader' as const] : []),
      ];
    }
    case 'kafka': {
      const shared = Object.values(scenario.consumers).some((one) => one.broker === broker && isShared(one));
      return [...EVERYWHERE, ...LOGS, ...(shared ? QUEUES : [])];
    }
    case 'pulsar': {
      return [
        ...EVERYWHERE,
        ...QUEUES,
        'duplicate',
        'lost-write',
        'unseen',
        'nonmonotonic-send',
        'single-leader',
        ...(publishesInTxns(scenario, broker) ? TRANSACTIONS : []),
      ];
    }
    case 'sns':
    case 'google-pubsub':
      return [...EVERYWHERE, ...QUEUES];
    case redis.STREAMS:
      return [...EVERYWHERE, ...QUEUES, 'duplicate', 'lost-write', 'unseen', 'partition-order'];
    default:
      return EVERYWHERE;
  }
}

/** The claims that the brokers of this scenario can put to the test, in the order of names.ts. */
export function exercisable(scenario: Scenario): readonly ClaimName[] {
  const all = new Set(Object.keys(scenario.brokers).flatMap((broker) => exercisedBy(scenario, broker)));
  const writes = Object.values(scenario.producers).some(({ effect }) => effect.type !== 'none');
  return CLAIMS.filter((claim) => all.has(claim) || (writes && claim === 'atomic-publish-and-commit'));
}

/**
 * Why a claim is not judged at all of what its scope names; '' when it is. It is another thing than a claim that this run did not put to the test:
 * what the check looks for is not recorded of such brokers, so that nothing may be said of what happened there.
 */
export function unjudged(scenario: Scenario, claim: ClaimName, scope: string): string {
  const declared = scenario.queues[scope] ?? scenario.topics[scope] ?? scenario.consumers[scope];
  const brokers = declared === undefined ? Object.keys(scenario.brokers) : [declared.broker];
  if (brokers.some((broker) => exercisedBy(scenario, broker).includes(claim))) return '';
  if (claim === 'atomic-publish-and-commit' && exercisable(scenario).includes(claim)) return '';
  const kinds = [...new Set(brokers.map((broker) => kindOf(scenario, broker)))];
  const names = kinds.map((kind) => BROKERS[kind]?.title ?? kind).join(' or ');
  const why = QUEUES.includes(claim)
    ? 'the claim is about locks and limits of messages that are handed out one by one'
    : claim === 'fifo-group-order'
      ? 'the claim is about the message groups of FIFO queues'
      : 'the claim is about logs as Kafka keeps them, and what is recorded here does not say enough';
  return `This is not judged of ${names}: ${why}.`;
}

/** The claims that this scenario's settings promise, out of those that its brokers can put to the test. */
export function promises(scenario: Scenario): readonly ClaimName[] {
  return exercisable(scenario).filter((claim) => permits(scenario, claim) === '');
}

/** Where a claim is let down: by producers and the broker's keeping, by how consumers settle, or by what a repeated effect does. */
export type Side = 'sending' | 'consuming' | 'effect';

/** The setting that permits a breach of the claim, in words; '' when the settings promise it. Of several, one of `side` is preferred. */
export function permits(scenario: Scenario, claim: ClaimName, side: Side = 'sending'): Setting | '' {
  const producers = [...Object.values(scenario.producers), ...outputsOf(scenario)];
  const consumers = Object.values(scenario.consumers);
  switch (claim) {
    case 'no-fabrication':
    case 'conservation':
    case 'replay-fidelity':
    case 'fifo-group-order':
    case 'single-owner':
    case 'commit-monotonic':
    case 'single-leader':
    case 'aborted-read':
    case 'precommitted-read':
    case 'poll-skip':
    case 'nonmonotonic-poll':
      return '';
    case 'partition-order':
      // Who is out of the group still hands out what it has fetched, and its successor may have passed over that.
      return first(consumers, (consumer) => (streamOf(scenario, consumer) === '' ? startRisk(scenario, consumer) : ''));
    case 'atomic-publish-and-commit':
      return (
        first(producers, ({ effect, publish }) =>
          effect.type === 'none' || publish === 'outbox' ? '' : `publish: ${publish} (a dual write)`,
        ) || first(consumers, (consumer) => forgetRisk(scenario, consumer))
      );
    case 'confirmed-durable':
      return first(producers, (producer) => storageRisk(scenario, producer)) || deadLetterRisk(scenario);
    case 'inconsistent-offsets':
      return first(producers, (producer) => storageRisk(scenario, producer));
    case 'committed-survives':
      return first(producers, (producer) => replicaRisk(scenario, producer));
    case 'lost-write':
    case 'unseen':
      return (
        first(producers, (producer) => storageRisk(scenario, producer)) ||
        first(consumers, (consumer) => startRisk(scenario, consumer))
      );
    case 'at-least-once': {
      // On one node a dead letter is in the other queue at once, and counts as dead-lettered whatever becomes of it there.
      const sending = first(producers, (producer) => storageRisk(scenario, producer)) || deadLetterRisk(scenario, 2);
      const consuming = first(consumers, (consumer) => lossRisk(scenario, consumer) || startRisk(scenario, consumer));
      return side === 'sending' ? sending || consuming : consuming || sending;
    }
    case 'at-most-once': {
      const sending = first(producers, (producer) => resendRisk(scenario, producer));
      const consuming = first(consumers, (consumer) => repeatRisk(scenario, consumer));
      return side === 'sending' ? sending || consuming : consuming || sending;
    }
    case 'exactly-once-effect':
      return (
        (side === 'effect' ? first(consumers, (consumer) => doubleEffectRisk(scenario, consumer)) : '') ||
        permits(scenario, 'at-least-once', side) ||
        first(consumers, (consumer) => doubleEffectRisk(scenario, consumer))
      );
    case 'duplicate':
    case 'idempotent-produce':
    case 'nonmonotonic-send':
      return first(producers, (producer) => {
        const kind = kindOf(scenario, producer.broker);
        if (kind === redis.STREAMS) return redis.streamRisk(producer);
        if (kind === 'pulsar')
          return claim === 'duplicate' ? pulsar.resendRisk(scenario, producer) : pulsar.batchRisk(producer);
        if (kind === 'rabbitmq')
          return resendRisk(scenario, producer) || (claim === 'nonmonotonic-send' ? moveRisk(scenario, producer) : '');
        return kind === 'kafka' && !isIdempotent(producer.options) ? 'enable.idempotence: false' : '';
      });
    case 'g0':
      return 'Kafka’s transactions take no locks: the writes of two producers may interleave';
    case 'g1c':
      return first(consumers, ({ options }) =>
        textOf(options, 'forward.to') !== '' && textOf(options, 'isolation.level') !== 'read_committed'
          ? 'isolation.level: read_uncommitted'
          : '',
      );
    case 'commit-safety':
      return first(consumers, (consumer) => lossRisk(scenario, consumer) || startRisk(scenario, consumer));
    case 'key-order':
      return (
        first(producers, (producer) => sendOrderRisk(scenario, producer)) ||
        first(consumers, (consumer) => workOrderRisk(scenario, consumer))
      );
    case 'lock-exclusivity':
    case 'no-early-redelivery':
      return pubsub.deliveryRisk(scenario);
    case 'stale-ack-fencing':
      return (
        pubsub.deliveryRisk(scenario) ||
        (kinds(scenario).includes('pulsar') ? 'Pulsar: an ack counts, whoever holds the message by then' : '') ||
        (kinds(scenario).includes(redis.STREAMS) ? 'XACK takes an entry off the list, whoever owns it by then' : '') ||
        first(consumers, (consumer) =>
          queuesOf(scenario, consumer).some(([name, queue]) => isStandard(scenario, name, queue))
            ? 'SQS Standard: an old receipt handle still deletes'
            : '',
        )
      );
    case 'dead-letter-exactness':
      if (kinds(scenario).includes('google-pubsub')) return 'dead_letter_policy is best effort';
      if (kinds(scenario).includes('pulsar')) return 'deadLetterPolicy: the client publishes first and acks later';
      return kinds(scenario).includes('rabbitmq') ? 'x-dead-letter-exchange moves a message without confirms' : '';
    case 'delivery-bound':
      return countRisk(scenario);
    case 'poison-isolation':
      return first(consumers, (consumer) => poisonRisk(scenario, consumer));
    case 'zombie-overlap':
      return 'a lock or session that ends by time does not stop the process that held it';
    case 'progress':
    case 'drained':
      return 'no setting bounds the load or mends what is broken';
    case 'bounded-redelivery':
      return 'no setting makes work that fails for ever succeed';
    case 'rebalance-settles':
      return 'max.poll.interval.ms: work that takes longer leaves the group again and again';
  }
}

/** What consumers make of their messages goes out as a producer's messages do. */
function outputsOf(scenario: Scenario): readonly ProducerSpec[] {
  return Object.values(scenario.consumers).flatMap((consumer) => {
    const made = consumer.produces.map(({ broker, to, options, key }) => ({ broker, to, options, key }));
    if (kindOf(scenario, consumer.broker) === 'pulsar' && pulsar.forwards(consumer))
      made.push({ broker: consumer.broker, to: [textOf(consumer.options, 'forward.to')], options: {}, key: null });
    return made.map(({ key, ...rest }) => ({ ...OUTPUTS, ...rest, key: key ?? 'its input’s' }));
  });
}

const OUTPUTS = {
  count: 1,
  perSecond: 0,
  arrivals: 'even',
  messages: 0,
  startUs: 0,
  stopUs: 0,
  send: [],
  attributes: {},
  routingKey: '',
  amount: 1,
  sizeBytes: 0,
  poisonProbability: 0,
  buffer: 0,
  whenFull: 'wait',
  sequenced: false,
  effect: { type: 'none', store: '' },
  publish: 'after-effect',
  outbox: { everyUs: 0, batch: 1 },
  writeTimeoutUs: 0,
  retry: null,
} as const satisfies Partial<ProducerSpec>;

function first<T>(things: readonly T[], risk: (thing: T) => Setting | ''): Setting | '' {
  for (const thing of things) {
    const found = risk(thing);
    if (found !== '') return found;
  }
  return '';
}

function kinds(scenario: Scenario): readonly string[] {
  return Object.values(scenario.brokers).map(({ kind }) => kind);
}

function kindOf(scenario: Scenario, broker: string): string {
  return scenario.brokers[broker]?.kind ?? '';
}

/** The queues that a consumer reads, with their names. */
function queuesOf(scenario: Scenario, consumer: ConsumerSpec): readonly (readonly [string, DeclaredSpec])[] {
  return consumer.from.flatMap((name) => {
    const queue = scenario.queues[name];
    return queue === undefined ? [] : [[name, queue] as const];
  });
}

function isStandard(scenario: Scenario, name: string, queue: DeclaredSpec): boolean {
  return kindOf(scenario, queue.broker) === 'sqs' && !isFifo(name, queue);
}

function isFifo(name: string, queue: DeclaredSpec): boolean {
  return name.endsWith('.fifo') || booleanOf(queue.options, 'FifoQueue');
}

/** Types of RabbitMQ's queues that keep every message on disk, whatever its delivery mode. */
const ALWAYS_KEPT: readonly string[] = ['quorum', 'stream'];

function typeOf(queue: DeclaredSpec): string {
  return textOf(queue.options, 'x-queue-type', 'classic');
}

/** The first stream of RabbitMQ that a consumer reads; '' when it reads none. */
function streamOf(scenario: Scenario, consumer: ConsumerSpec): string {
  return queuesOf(scenario, consumer).find(([, queue]) => typeOf(queue) === 'stream')?.[0] ?? '';
}

/** Confirmed, and lost at the broker nevertheless. */
function storageRisk(scenario: Scenario, producer: ProducerSpec): Setting | '' {
  switch (kindOf(scenario, producer.broker)) {
    case 'kafka': {
      const acks = textOf(producer.options, 'acks', 'all');
      return acks === 'all' || acks === '-1' ? replicaRisk(scenario, producer) : `acks: ${acks}`;
    }
    case 'rabbitmq': {
      // Who is told nothing has nothing confirmed that could be lost.
      if (!booleanOf(producer.options, 'confirms')) return '';
      const own = Object.entries(scenario.queues).filter(([, { broker }]) => broker === producer.broker);
      if (own.every(([, queue]) => ALWAYS_KEPT.includes(typeOf(queue)))) return '';
      if (numberOf(producer.options, 'delivery_mode', 1) !== 2) return 'delivery_mode: 1 (transient messages)';
      const transient = own.find(([, queue]) => !booleanOf(queue.options, 'durable', true));
      return transient === undefined ? '' : `durable: false of ${transient[0]}`;
    }
    case 'pulsar':
      return pulsar.storageRisk(scenario, producer);
    case redis.STREAMS:
    case redis.PUBSUB:
      return redis.storageRisk(scenario, producer.broker);
    default:
      return '';
  }
}

/** On a broker of so many nodes or more: what was confirmed moves to a dead-letter queue before that has written it down, and a crash finds it in neither (R55). */
function deadLetterRisk(scenario: Scenario, nodes = 1): Setting | '' {
  const moves = Object.values(scenario.queues).some(
    ({ broker, options }) =>
      kindOf(scenario, broker) === 'rabbitmq' &&
      numberOf(scenario.brokers[broker]?.options ?? {}, 'nodes', 1) >= nodes &&
      options['x-dead-letter-exchange'] !== undefined &&
      // It confirms only where the queue refuses what is too much.
      (textOf(options, 'x-dead-letter-strategy') !== 'at-least-once' ||
        textOf(options, 'x-overflow') !== 'reject-publish'),
  );
  return moves ? 'x-dead-letter-exchange moves a message without confirms' : '';
}

/** A log below its high watermark is as safe as its in-sync set is large, and elections are clean. */
function replicaRisk(scenario: Scenario, producer: ProducerSpec): Setting | '' {
  if (kindOf(scenario, producer.broker) !== 'kafka') return '';
  const broker = scenario.brokers[producer.broker]?.options ?? {};
  for (const name of producer.to) {
    const topic = scenario.topics[name]?.options ?? {};
    const unclean = booleanOf(
      topic,
      'unclean.leader.election.enable',
      booleanOf(broker, 'unclean.leader.election.enable'),
    );
    if (unclean) return 'unclean.leader.election.enable: true';
    const replicas = numberOf(topic, 'replication.factor', numberOf(broker, 'default.replication.factor', 1));
    if (replicas < 2) return `replication.factor: ${replicas}`;
    const inSync = numberOf(topic, 'min.insync.replicas', numberOf(broker, 'min.insync.replicas', 1));
    if (inSync < 2) return `min.insync.replicas: ${inSync}`;
  }
  return '';
}

/** Settled without an effect. */
function lossRisk(scenario: Scenario, consumer: ConsumerSpec): Setting | '' {
  if (consumer.settle !== 'after-processing') return `settle: ${consumer.settle}`;
  if (consumer.onFailure === 'skip') return 'on-failure: skip';
  if (consumer.shed !== null) return 'shed';
  if (consumer.produces.some(({ on }) => on === 'failed')) return 'produces, on: failed (what failed is acked)';
  const kind = kindOf(scenario, consumer.broker);
  // To a stream a nack or reject is credit, like an ack: nothing is handed out again (R67).
  if (consumer.onFailure !== 'leave' && streamOf(scenario, consumer) !== '')
    return `on-failure: ${consumer.onFailure} (a stream hands out nothing again)`;
  if (kind === 'pulsar') return pulsar.lossRisk(consumer);
  if (kind === redis.STREAMS) return redis.lossRisk(consumer);
  // A log has no place for what is rejected: its offset is passed.
  if (kind === 'kafka' && consumer.onFailure === 'reject') return 'on-failure: reject';
  if (kind === 'kafka' && isShared(consumer) && textOf(consumer.options, 'share.acknowledgement.mode') !== 'explicit')
    return 'share.acknowledgement.mode: implicit (the next poll accepts what failed, too)';
  return '';
}

/** A member of a Kafka share group. */
function isShared(consumer: ConsumerSpec): boolean {
  return textOf(consumer.options, 'group.type', 'consumer') === 'share';
}

/** A group that begins at the end of the log passes over what came before its first commit. */
function startRisk(scenario: Scenario, consumer: ConsumerSpec): Setting | '' {
  if (streamOf(scenario, consumer) !== '') {
    const offset = textOf(consumer.options, 'x-stream-offset', 'next');
    return offset === 'first' ? '' : `x-stream-offset: ${offset}`;
  }
  // The start of a share group is written down when it first reads, and what came before that is owed to nobody.
  if (kindOf(scenario, consumer.broker) !== 'kafka' || isShared(consumer)) return '';
  const reset = textOf(consumer.options, 'auto.offset.reset', 'latest');
  return reset === 'earliest' ? '' : `auto.offset.reset: ${reset}`;
}

/** A group that was away for too long reads again what it had committed, and writes it on again (K71). */
function forgetRisk(scenario: Scenario, consumer: ConsumerSpec): Setting | '' {
  if (kindOf(scenario, consumer.broker) !== 'kafka' || textOf(consumer.options, 'forward.to') === '') return '';
  const options = scenario.brokers[consumer.broker]?.options ?? {};
  return numberOf(options, 'offsets.retention.minutes', WEEK_US) < scenario.durationUs
    ? 'offsets.retention.minutes: a group that is away for longer forgets what it has committed'
    : '';
}

const WEEK_US = 604_800_000_000;

/** The broker may get a message twice. */
function resendRisk(scenario: Scenario, producer: ProducerSpec): Setting | '' {
  switch (kindOf(scenario, producer.broker)) {
    case 'kafka':
      return isIdempotent(producer.options) || numberOf(producer.options, 'retries', 1) === 0
        ? ''
        : 'retries without enable.idempotence';
    case 'rabbitmq':
      if (booleanOf(producer.options, 'confirms') && numberOf(producer.options, 'retries', -1) !== 0)
        return 'retries of the publisher';
      return Object.values(scenario.queues).some(
        (queue) => textOf(queue.options, 'x-dead-letter-strategy') === 'at-least-once',
      )
        ? 'x-dead-letter-strategy: at-least-once'
        : '';
    case 'sqs':
      if (numberOf(producer.options, 'retries', 2) === 0) return '';
      return producer.to.every((name) => isFifo(name, scenario.queues[name] ?? NO_QUEUE))
        ? ''
        : 'retries of the producer: SQS Standard stores each of them';
    case 'sns':
      return producer.to.every((name) => isOrdered(scenario, name)) ? '' : 'retries of SNS: each of them may arrive';
    case 'google-pubsub':
      return pubsub.resendRisk(producer);
    case 'pulsar':
      return pulsar.resendRisk(scenario, producer);
    case redis.STREAMS:
    case redis.PUBSUB:
      return redis.resendRisk(scenario, producer);
    case 'direct':
      return numberOf(producer.options, 'retries') > 0 ? 'retries of the caller' : '';
    default:
      return '';
  }
}

/** A FIFO topic that feeds FIFO queues only: both recognise what is sent again (N14, N15). */
function isOrdered(scenario: Scenario, name: string): boolean {
  const topic = scenario.topics[name];
  if (topic === undefined || !(name.endsWith('.fifo') || booleanOf(topic.options, 'FifoTopic'))) return false;
  const subscribed = Object.keys(tableOf(topic.options, 'subscriptions') ?? {});
  return subscribed.every((queue) => isFifo(queue, scenario.queues[queue] ?? NO_QUEUE));
}

const NO_QUEUE: DeclaredSpec = { broker: '', options: {}, bindings: [] };

/** A consumer may be handed a message twice. */
function repeatRisk(scenario: Scenario, consumer: ConsumerSpec): Setting | '' {
  const kind = kindOf(scenario, consumer.broker);
  if (kind === 'direct' || (kind === 'rabbitmq' && consumer.settle === 'on-delivery')) return '';
  if (kind === redis.STREAMS || kind === redis.PUBSUB) return redis.repeatRisk(scenario, consumer);
  return consumer.settle === 'after-processing'
    ? 'settle: after-processing'
    : `settle: ${consumer.settle} (a message whose ack is lost is handed out again)`;
}

/** A message that comes twice changes the state twice. */
function doubleEffectRisk(scenario: Scenario, consumer: ConsumerSpec): Setting | '' {
  const { type } = consumer.effect;
  if (type === 'insert') return '';
  const keyed = Object.values(scenario.producers).some((producer) => producer.key !== null);
  if (type === 'set' && !keyed) return '';
  if (consumer.dedup?.durable === true && consumer.dedup.windowUs >= scenario.durationUs) return '';
  if (consumer.dedup !== null)
    return consumer.dedup.durable ? 'the window of dedup' : 'a dedup memory that a crash forgets';
  return `effect: ${type}`;
}

/** Whether retries of this Kafka producer are recognised. On by default, unless another setting stands against it. */
function isIdempotent(options: OptionValues): boolean {
  const acks = textOf(options, 'acks', 'all');
  const fits =
    (acks === 'all' || acks === '-1') &&
    numberOf(options, 'retries', 1) > 0 &&
    numberOf(options, 'max.in.flight.requests.per.connection', 5) <= 5;
  return booleanOf(options, 'enable.idempotence', fits) || textOf(options, 'transactional.id') !== '';
}

/** Messages of one key may be stored in another order than they were sent, or be handed to several at a time. */
/** A publisher in a cluster goes on to another node when its connection breaks; the former one may still pass on what it had taken (R21). */
function moveRisk(scenario: Scenario, { broker }: ProducerSpec): Setting | '' {
  const nodes = numberOf(scenario.brokers[broker]?.options ?? {}, 'nodes', 1);
  return nodes > 1
    ? `nodes: ${nodes} (order is per channel: what a former node held up comes after what is sent to the next)`
    : '';
}

function sendOrderRisk(scenario: Scenario, producer: ProducerSpec): Setting | '' {
  const kind = kindOf(scenario, producer.broker);
  if (producer.key === null) return 'a producer without a key';
  if (kind === 'kafka') {
    if (textOf(producer.options, 'partitioner', 'default') === 'round-robin') return 'partitioner: round-robin';
    const grown = producer.to.find((topic) => isGrown(scenario, topic));
    if (grown !== undefined) return `set: topics.${grown}.partitions (a key may go to another partition from then on)`;
    if (isIdempotent(producer.options) || numberOf(producer.options, 'max.in.flight.requests.per.connection', 5) === 1)
      return '';
    return numberOf(producer.options, 'retries', 1) === 0
      ? ''
      : 'max.in.flight.requests.per.connection above 1 without enable.idempotence';
  }
  if (kind === 'google-pubsub') return pubsub.sendOrderRisk(producer);
  if (kind === redis.STREAMS || kind === redis.PUBSUB) return redis.orderRisk(scenario, producer.broker);
  if (kind === 'sns') {
    if (!producer.to.every((name) => isOrdered(scenario, name)))
      return 'SNS keeps order on the way from FIFO topics to FIFO queues only';
    return numberOf(producer.options, 'retries', 2) === 0 ? '' : 'a retried message may be overtaken by the next one';
  }
  if (kind === 'sqs') {
    const fifo = producer.to.every((name) => isFifo(name, scenario.queues[name] ?? NO_QUEUE));
    if (!fifo) return 'SQS Standard keeps no order';
    // The sender does not wait for the answer before it sends the next one, so a retry may be overtaken.
    return numberOf(producer.options, 'retries', 2) === 0 ? '' : 'a retried send may be overtaken by the next one';
  }
  // Per partition and producer, and what is sent again goes in its order (P13).
  if (kind === 'pulsar') return '';
  return kind === 'rabbitmq' ? 'competing consumers keep no order of a key' : 'concurrent calls keep no order';
}

/** Whether partitions are added to a topic. Source: K1. */
function isGrown({ timeline }: Scenario, topic: string): boolean {
  return timeline.some(({ action }) => action.type === 'set' && action.path.join('.') === `topics.${topic}.partitions`);
}

function workOrderRisk(scenario: Scenario, consumer: ConsumerSpec): Setting | '' {
  if (kindOf(scenario, consumer.broker) === 'google-pubsub') return pubsub.workOrderRisk(scenario, consumer);
  if (consumer.concurrency > 1) return `concurrency: ${consumer.concurrency}`;
  if (kindOf(scenario, consumer.broker) === 'pulsar') {
    const risk = pulsar.workOrderRisk(scenario, consumer);
    if (risk !== '') return risk;
  }
  if (kindOf(scenario, consumer.broker) === 'kafka' && isShared(consumer)) return 'group.type: share keeps no order';
  const redrive = queuesOf(scenario, consumer).find(
    ([, queue]) => tableOf(queue.options, 'RedrivePolicy') !== undefined,
  );
  if (redrive !== undefined) return `RedrivePolicy of ${redrive[0]}: what follows a dead-lettered message goes on`;
  // A process that stalls after its ack works on although the next owner of the partition is further by then (K74).
  if (consumer.settle !== 'after-processing') return `settle: ${consumer.settle}`;
  if (consumer.effect.type !== 'none')
    return `on-failure: ${consumer.onFailure} (a write that fails is tried after later ones)`;
  return consumer.failProbability > 0 ? `on-failure: ${consumer.onFailure}` : '';
}

/** A message may come more often than its limit says, or be dead-lettered twice. */
function countRisk(scenario: Scenario): Setting | '' {
  const own = kinds(scenario);
  if (own.includes('google-pubsub')) return 'dead_letter_policy is best effort';
  if (own.includes('pulsar')) return 'deadLetterPolicy: redelivery counts are the broker’s memory';
  if (own.includes('rabbitmq')) {
    const burying = Object.values(scenario.queues).some(
      ({ options }) => textOf(options, 'x-dead-letter-strategy') === 'at-least-once',
    );
    if (burying) return 'x-dead-letter-strategy: at-least-once';
  }
  const streams = Object.keys(scenario.brokers).find((name) => scenario.brokers[name]?.kind === redis.STREAMS);
  return streams === undefined ? '' : redis.storageRisk(scenario, streams);
}

/** Nothing takes a poison message out of the way. */
function poisonRisk(scenario: Scenario, consumer: ConsumerSpec): Setting | '' {
  if (consumer.onPoison === 'hang') return 'on-poison: hang';
  if (consumer.settle !== 'after-processing' && consumer.onPoison === 'fail') return '';
  if (consumer.onFailure === 'skip' && consumer.onPoison === 'fail') return '';
  switch (kindOf(scenario, consumer.broker)) {
    case 'sqs': {
      const bare = queuesOf(scenario, consumer).find(
        ([, queue]) => tableOf(queue.options, 'RedrivePolicy') === undefined,
      );
      return bare === undefined ? '' : `no RedrivePolicy on ${bare[0]}`;
    }
    case 'rabbitmq': {
      // What is neither acked nor given back keeps its place in the prefetch until the acknowledgement timeout, 30 min (R37).
      if (consumer.onFailure === 'leave') return 'on-failure: leave (nothing ends a delivery by time)';
      if (consumer.onFailure === 'reject' && consumer.onPoison === 'fail') return '';
      const features = featuresOf(textOf(scenario.brokers[consumer.broker]?.options ?? {}, 'version', '4.2'));
      const bare = queuesOf(scenario, consumer).find(
        ([, { options }]) =>
          textOf(options, 'x-queue-type') !== 'quorum' || deliveryLimitOf(options, features) === null,
      );
      if (bare !== undefined) return `on-failure: ${consumer.onFailure}, without a delivery limit on ${bare[0]}`;
      return features.countsNacks || consumer.onPoison === 'crash'
        ? ''
        : `on-failure: ${consumer.onFailure} (from 4.3 a nack is no failed delivery)`;
    }
    case 'google-pubsub':
      return pubsub.poisonRisk(scenario, consumer);
    case 'pulsar':
      return pulsar.poisonRisk(consumer);
    case redis.STREAMS:
      return redis.poisonRisk(consumer);
    case 'kafka':
      // Its limit of deliveries archives what always fails; what failed without a word comes back when its lock ends.
      if (isShared(consumer)) return '';
      return `on-failure: ${consumer.onFailure} (a log has no dead-letter queue of its own)`;
    default:
      return '';
  }
}
