/** What stands in small print beside things on the stage: their settings, in few words. */
import type { OptionValues } from '../../core/options.ts';
import type { Micros, PlaceId } from '../../core/types.ts';
import type { ActorState, Topology } from '../../sim/folds/topology.ts';
import { durationWords, parseDuration } from '../../sim/scenario/duration.ts';
import type { Scenario } from '../../sim/scenario/types.ts';
import { RIGHT } from '../../sim/skew.ts';
import type { Trace } from '../../sim/trace.ts';
import type { LineValue, TimelineLine } from '../protocol.ts';
import { deadLetterOf, nested } from './dead-letters.ts';

/** "3 s", "250 ms", "1 h 30 m". */
export function span(us: Micros): string {
  return durationWords(Math.round(us)).replace(/(\d) ([a-z])/g, '$1\u00a0$2');
}

/** Seconds for a clock: "0.2 s", "12 s", "3 min". */
export function seconds(us: Micros): string {
  const s = us / 1_000_000;
  if (us > 0 && s < 0.1) return `${Math.max(1, Math.round(us / 1000))} ms`;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 180) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return `${Math.round(s / 3600)} h`;
}

/** What to say of a process that runs on an ailing machine: "clock runs 0.5 times as fast", "disk full"; '' of all others. */
export function machineWords(state: Pick<ActorState, 'clock' | 'isFull'> | undefined): string {
  if (state === undefined) return '';
  const clock = state.clock === RIGHT ? '' : `clock runs ${state.clock / RIGHT} times as fast`;
  return [clock, state.isFull ? 'disk full' : ''].filter((part) => part !== '').join(', ');
}

/** A clock reading as the time line shows it: "0:19.400", "1:02:03.000"; to the nearest millisecond, as the log has it. */
export function clock(us: Micros): string {
  const ms = Math.round(us / 1000);
  const s = Math.floor(ms / 1000);
  const h = Math.floor(s / 3600);
  const m = Math.floor(s / 60) % 60;
  const rest = `${two(s % 60)}.${String(ms % 1000).padStart(3, '0')}`;
  return h > 0 ? `${h}:${two(m)}:${rest}` : `${m}:${rest}`;
}

/** When a fact happened: "19.400", and from a minute on as the time line shows it, "10:50.000". */
export function factTime(us: Micros): string {
  const seconds = (us / 1_000_000).toFixed(3);
  return Number(seconds) < 60 ? seconds : clock(us);
}

/** "0:19.400", "19.4", "1:02:03", or a span as scenarios write it, "250ms" or "8min", to µs; null for anything else. */
export function readClock(text: string): Micros | null {
  const trimmed = text.trim();
  if (!/^(\d+:){0,2}\d+(\.\d+)?$/.test(trimmed)) return parseDuration(trimmed);
  return Math.round(trimmed.split(':').reduce((all, part) => all * 60 + Number(part), 0) * 1_000_000);
}

/** "5,914". */
export function count(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** "12", "1.4k", "52k", "3.1M": for labels without room. */
export function short(n: number): string {
  if (n < 10_000) return count(n);
  if (n < 1_000_000) return `${Math.round(n / 1000)}k`;
  return `${(n / 1_000_000).toFixed(1)}M`;
}

export function describeQueue(scenario: Scenario, name: string): string {
  const options = scenario.queues[name]?.options ?? {};
  const words: string[] = [];
  const us = (key: string, word: string): void => {
    const value = options[key];
    if (typeof value === 'number' && value > 0) words.push(`${word} ${span(value)}`);
  };
  const kind = kindOf(scenario, scenario.queues[name]?.broker ?? '');
  if (kind === 'sqs') {
    us('VisibilityTimeout', 'VisibilityTimeout');
    us('DelaySeconds', 'delay');
  } else if (kind === 'google-pubsub') {
    us('ack_deadline_seconds', 'ack deadline');
    if (options['enable_message_ordering'] === true) words.push('ordered by key');
    if (options['enable_exactly_once_delivery'] === true) words.push('exactly-once delivery');
    if (options['push_config'] !== undefined) words.push('pushed');
  } else {
    const type = options['x-queue-type'];
    if (typeof type === 'string' && type !== 'classic') words.push(`${type} queue`);
    words.push(...subscriptionTypes(scenario, name));
    us('x-message-ttl', 'TTL');
    number(options, 'x-max-length', words, 'at most');
    number(options, 'x-delivery-limit', words, 'delivery limit');
    if (options['durable'] === false) words.push('not durable');
  }
  const target = deadLetterOf(scenario, name);
  if (target !== '') {
    const limit = receivesOf(options);
    // Where to, an arrow shows; with its name the line would be cut off.
    words.push(limit > 0 ? `at most ${limit} ${limit === 1 ? 'receive' : 'receives'}` : `dead letters to ${target}`);
  }
  return words.join(', ');
}

/** What the broker's people say of messages that were handed out and are not settled yet. */
export function unsettledWord(scenario: Scenario, place: string): string {
  return UNSETTLED[kindOfPlace(scenario, place)] ?? 'locked';
}

const UNSETTLED: Readonly<Record<string, string>> = {
  rabbitmq: 'unacked',
  pulsar: 'unacked',
  'google-pubsub': 'outstanding',
  'redis-streams': 'pending',
  'redis-pubsub': 'sent',
};

/** How the members of a Kafka group share its partitions: by the classic protocol, by that of KIP-848, or as a share group; '' for a group of another broker. */
export function groupKind({ brokers, consumers }: Scenario, name: string): '' | 'classic' | 'consumer' | 'share' {
  const spec = Object.values(consumers).find(({ group }) => group === name);
  if (spec === undefined || brokers[spec.broker]?.kind !== 'kafka') return '';
  if (spec.options['group.type'] === 'share') return 'share';
  return spec.options['group.protocol'] === 'consumer' ? 'consumer' : 'classic';
}

/** Who answers for a place that is replicated or owned: "leader b2, term 3", "owner b1"; what is said where nobody does. */
export function leaderWords(scenario: Scenario, place: string, leader: string, term: number): string {
  const isOwned = kindOfPlace(scenario, place) === 'pulsar';
  if (leader === '') return isOwned ? 'no owner' : 'no leader';
  return isOwned ? `owner ${leader}` : `leader ${leader}, term ${term}`;
}

/** Of a queue, a topic, or a subscription, which is named by its topic before a slash. */
function kindOfPlace({ brokers, queues, topics }: Scenario, place: string): string {
  const topic = Object.keys(topics).find((name) => isWithin(place, name));
  const broker = queues[place]?.broker ?? (topic === undefined ? undefined : topics[topic]?.broker);
  return brokers[broker ?? '']?.kind ?? '';
}

/** How Pulsar shares a topic among those who read it: "Key_Shared subscription". */
function subscriptionTypes(scenario: Scenario, place: string): readonly string[] {
  const types = Object.values(scenario.consumers)
    .filter(({ broker, from }) => kindOf(scenario, broker) === 'pulsar' && from.some((one) => isWithin(place, one)))
    .map(({ options }) => String(options['subscriptionType'] ?? 'Exclusive'));
  return [...new Set(types)].map((type) => `${type} subscription`);
}

function isWithin(place: string, topic: string): boolean {
  return place === topic || place.startsWith(`${topic}/`);
}

/** After so many receives a message is dead-lettered; 0 when there is no such rule. */
export function receivesOf(options: OptionValues): number {
  const attempts = nested(options, 'dead_letter_policy')['max_delivery_attempts'];
  if (typeof attempts === 'number') return attempts;
  const limit = nested(options, 'RedrivePolicy')['maxReceiveCount'];
  return typeof limit === 'number' ? limit : 0;
}

export function describeTopic(scenario: Scenario, name: string): string {
  const options = scenario.topics[name]?.options ?? {};
  const words: string[] = [];
  number(options, 'partitions', words, 'partitions');
  for (const partitions of addedTo(scenario, name)) words.push(`later ${partitions}`);
  number(options, 'replication.factor', words, 'replication.factor');
  number(options, 'min.insync.replicas', words, 'min.insync.replicas');
  return words.join(', ');
}

/** To how many partitions lines of the timeline bring a topic. */
function addedTo({ timeline }: Scenario, topic: string): readonly unknown[] {
  return timeline.flatMap(({ action }) =>
    action.type === 'set' && action.path.join('.') === `topics.${topic}.partitions` ? [action.value] : [],
  );
}

/** Whether a partition is not there yet at this moment: others of its topic are. */
export function isUnborn({ places }: Pick<Trace, 'places'>, { partitions, timeUs }: Topology, id: PlaceId): boolean {
  const place = places[id];
  if (place?.kind !== 'partition' || partitions[id] !== undefined || timeUs === 0) return false;
  return partitions.some((other) => other !== undefined && places[other.place]?.parent === place.parent);
}

export function describeProducer(scenario: Scenario, declared: string): string {
  const spec = scenario.producers[declared];
  if (spec === undefined) return '';
  const words: string[] = [];
  if (spec.perSecond > 0) {
    const perSecond = spec.perSecond;
    words.push(
      perSecond >= 1 ? `${short(Math.round(perSecond * 10) / 10)}/s` : `${short(Math.round(perSecond * 600) / 10)}/min`,
    );
  } else if (spec.send.length > 0) {
    const all = spec.send.reduce((sum, one) => sum + one.times, 0);
    words.push(`${all} ${all === 1 ? 'message' : 'messages'}`);
  }
  if (spec.key !== null) words.push(`key ${spec.key}`);
  const acks = spec.options['acks'];
  if (typeof acks === 'string' || typeof acks === 'number') words.push(`acks ${acks}`);
  return words.join(', ');
}

/** The broker's kind as people write it. */
export function brokerTitle(scenario: Scenario): string {
  const kinds = [...new Set(Object.values(scenario.brokers).map(({ kind }) => kind))];
  return kinds.map(kindTitle).join(' and ');
}

/** "rabbitmq" as "RabbitMQ"; several may be joined by commas. */
export function kindTitle(kind: string): string {
  return TITLES[kind] ?? kind;
}

const TITLES: Readonly<Record<string, string>> = {
  sqs: 'SQS',
  sns: 'SNS',
  kafka: 'Kafka',
  rabbitmq: 'RabbitMQ',
  pulsar: 'Pulsar',
  'google-pubsub': 'Google Pub/Sub',
  'redis-streams': 'Redis Streams',
  'redis-pubsub': 'Redis Pub/Sub',
  direct: 'direct call, no queue',
};

/** A line of the timeline as the file has it: "at: 19.4s, crash: resizer-2, restart: 5s". */
export function lineText(line: TimelineLine): string {
  return Object.entries(line)
    .map(([key, value]) => `${key}: ${valueText(value)}`)
    .join(', ');
}

function valueText(value: LineValue): string {
  if (typeof value !== 'object') return String(value);
  return Array.isArray(value) ? `[${value.map(valueText).join(', ')}]` : `{ ${lineText(value as TimelineLine)} }`;
}

function kindOf(scenario: Scenario, broker: string): string {
  return scenario.brokers[broker]?.kind ?? '';
}

function number(options: OptionValues, key: string, words: string[], word: string): void {
  const value = options[key];
  if (typeof value === 'number' && value > 0)
    words.push(word === 'partitions' ? `${value} ${value === 1 ? 'partition' : word}` : `${word} ${value}`);
}

function two(n: number): string {
  return String(n).padStart(2, '0');
}
