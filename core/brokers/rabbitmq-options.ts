/**
 * RabbitMQ's options under their real names, what each server version does differently, and the validation of queue arguments as a node
 * does it at queue.declare. No state and no behaviour: the node reads the result.
 * Source: rules R8, R10–R16, R24, R35, R37, R38, R42–R44, R50, R56, R57, R59, R62.
 */
import { backoffOptions } from '../clients/backoff.ts';
import { numberOf, type OptionTable, type OptionValue, type OptionValues } from '../options.ts';
import type { ConsumerMode } from '../parts/competing-consumers.ts';
import { type HeaderTable, type HeaderValue, sameValue } from '../parts/headers-match.ts';
import type { DelayedRetry, Overflow, QueueRules } from '../parts/rabbit-queue.ts';
import { NEVER, type QuorumPriorities } from '../parts/ready-list.ts';
import { ageUs, type StreamRules } from '../parts/stream-log.ts';
import type { Micros } from '../types.ts';

/** The server lines whose differences are modelled, oldest first. */
export const RABBITMQ_VERSIONS = ['3.10', '3.11', '3.12', '3.13', '4.0', '4.1', '4.2', '4.3'] as const;

/** What changed between server versions, as far as it shows. */
export interface Features {
  /** x-last-death-* headers are written, and CC survives a dead-letter routing key (since 3.13). */
  readonly lastDeath: boolean;
  /** basic.get on a quorum queue shows x-delivery-count 0 at the first delivery (before 3.12). */
  readonly showsZeroDeliveryCount: boolean;
  readonly quorumPriorities: QuorumPriorities;
  /** A quorum queue's limit when nothing is said: 20 since 4.0, none before. */
  readonly defaultDeliveryLimit: number | undefined;
  /** −1 switches the delivery limit off (since 4.0). */
  readonly unlimitedDeliveries: boolean;
  readonly countsNacks: boolean;
  /** A single active consumer of a quorum queue yields to a higher priority (since 4.0). */
  readonly singleByPriority: boolean;
  /** Since 4.3: at most two `#` in a topic binding, no transient shared queues, no global prefetch, and the ack timeout is for quorum queues only. */
  readonly since43: boolean;
}

/** How many failed deliveries a quorum queue bears (`x-delivery-limit`, else the version's default); null when it counts without end. Source: R62. */
export function deliveryLimitOf(options: OptionValues, features: Features): number | null {
  const limit = numberOf(options, 'x-delivery-limit', features.defaultDeliveryLimit ?? -1);
  return limit < 0 ? null : limit;
}

/** The features of a version such as `4.2` or `3.10.8`. */
export function featuresOf(version: string): Features {
  const [major = '0', minor = '0'] = version.split('.');
  const number = Number(major) * 100 + Number(minor);
  return {
    lastDeath: number >= 313,
    showsZeroDeliveryCount: number < 312,
    quorumPriorities: number < 400 ? 'none' : number < 403 ? 'two-to-one' : 'strict',
    defaultDeliveryLimit: number < 400 ? undefined : 20,
    unlimitedDeliveries: number >= 400,
    countsNacks: number < 403,
    singleByPriority: number >= 400,
    since43: number >= 403,
  };
}

export const BROKER_OPTIONS: OptionTable = {
  version: {
    type: 'enum',
    values: RABBITMQ_VERSIONS,
    default: '4.2',
    doc: 'The server line. It decides the default delivery limit, what priorities mean in a quorum queue, what counts as a failed delivery, and the like.',
    source: 'R15, R34, R57, R62, R63',
  },
  nodes: {
    type: 'integer',
    default: 1,
    min: 1,
    max: 9,
    doc: 'Number of broker nodes. A single one is called rabbitmq; more are b1, b2, … and form a cluster: a client connects to one of them, quorum queues and streams are replicated, and a classic queue lives on one node.',
    source: 'R61',
  },
  'failure-detection': {
    type: 'duration',
    unit: 's',
    default: 5_000_000,
    min: 1_000_000,
    doc: 'In a cluster: a node that the others did not hear of for this long is suspected to be down, and the queues that it leads elect another leader. A crashed process is noticed at once, a split network only this way. (A stand-in for the server’s adaptive detector.)',
    source: 'R61, R65',
  },
  consumer_disconnected_timeout: {
    type: 'duration',
    unit: 'ms',
    default: 60_000_000,
    min: 0,
    doc: 'From 4.3 on: how long the consumers on a suspected node of a cluster keep what they hold before it returns to its quorum queue. Earlier versions give it back at once.',
    source: 'R65',
  },
  heartbeat: {
    type: 'duration',
    unit: 's',
    default: 60_000_000,
    min: 0,
    doc: 'A connection on which nothing was heard for this long counts as lost: its channels close and what they did not ack is requeued. 0 switches it off. A crashed process is noticed at once, a split network only this way.',
    source: 'R35',
  },
  consumer_timeout: {
    type: 'duration',
    unit: 'ms',
    default: 1_800_000_000,
    min: 60_000_000,
    unlimited: true,
    doc: 'A delivery that stays unacked for longer closes its channel with 406. Looked at once a minute. From 4.3 on for quorum queues only, and it cancels the consumer.',
    source: 'R37',
  },
  flush: {
    type: 'duration',
    unit: 'ms',
    default: 5_000,
    min: 0,
    doc: 'How long what was written waits to be flushed to disk together with what follows. A persistent message is confirmed after its flush; a crash before it loses the message. 0 flushes at once. (A stand-in: the server decides this by itself, up to a few hundred ms.)',
    source: 'R12, R18',
  },
};

export const QUEUE_OPTIONS: OptionTable = {
  durable: {
    type: 'boolean',
    default: true,
    doc: 'Whether the queue exists again after the node restarts. Its messages survive only if they are persistent too, in a quorum queue always.',
    source: 'R11, R15',
  },
  'auto-delete': {
    type: 'boolean',
    default: false,
    doc: 'The queue is deleted when its last consumer goes; never if it never had one.',
    source: 'R14',
  },
  'x-queue-type': {
    type: 'enum',
    values: ['classic', 'quorum', 'stream'],
    default: 'classic',
    doc: 'classic: one copy, requeues to the original position. quorum: replicated, counts deliveries, has a delivery limit, serves what was returned first. stream: an append-only log that each consumer reads from where it wants (x-stream-offset); nothing is removed by reading.',
    source: 'R32, R33, R61, R66',
  },
  'x-message-ttl': {
    type: 'duration',
    unit: 'ms',
    min: 0,
    doc: 'A message that waited this long is dropped or dead-lettered. 0 keeps only what a consumer takes at once. With a message’s own expiration the lower wins. Expired messages leave from the head only.',
    source: 'R38–R41',
  },
  'x-expires': {
    type: 'duration',
    unit: 'ms',
    min: 1_000,
    doc: 'The queue is deleted when nobody used it for this long (no consumer, no basic.get, no declaration). Its messages are not dead-lettered.',
    source: 'R42',
  },
  'x-max-length': {
    type: 'integer',
    min: 0,
    doc: 'Most ready messages; x-overflow says what happens beyond. Delivered, unacked messages do not count.',
    source: 'R43',
  },
  'x-max-length-bytes': {
    type: 'bytes',
    min: 0,
    doc: 'Most bytes of ready message bodies; beside x-max-length, whichever is hit first. In a stream: above it the oldest segment is removed, when the next one begins.',
    source: 'R43, R66',
  },
  'x-max-age': {
    type: 'duration',
    unit: 's',
    min: 1_000_000,
    doc: 'Stream only: a segment whose newest message is older is removed, when the next segment begins. In whole seconds.',
    source: 'R66',
  },
  'x-stream-max-segment-size-bytes': {
    type: 'bytes',
    min: 1,
    max: 3_000_000_000,
    doc: 'Stream only: a segment that reached this size is closed, and retention looks at what may go. 500 000 000 by default.',
    source: 'R66',
  },
  'x-overflow': {
    type: 'enum',
    values: ['drop-head', 'reject-publish', 'reject-publish-dlx'],
    default: 'drop-head',
    doc: 'drop-head lets the oldest go (dead-lettered as maxlen). reject-publish refuses the newest: a nack with publisher confirms, silence without. reject-publish-dlx also dead-letters it (classic only).',
    source: 'R44–R47',
  },
  'x-dead-letter-exchange': {
    type: 'text',
    doc: 'Where rejected, expired and dropped messages are republished. The empty name is the default exchange: with x-dead-letter-routing-key it reaches the queue of that name. Absent: they are gone. A missing exchange drops them silently.',
    source: 'R49, R50',
  },
  'x-dead-letter-routing-key': {
    type: 'text',
    doc: 'The routing key for dead-lettering; absent, a message keeps all its own.',
    source: 'R50',
  },
  'x-quorum-initial-group-size': {
    type: 'integer',
    min: 1,
    max: 9,
    doc: 'Quorum only: how many nodes of a cluster keep the queue. 3 by default, at most the number of nodes. It works while a majority of them is up, and confirms what a majority has.',
    source: 'R61',
  },
  'x-initial-cluster-size': {
    type: 'integer',
    min: 1,
    max: 9,
    doc: 'Stream only: how many nodes of a cluster keep it. All by default.',
    source: 'R66',
  },
  'x-queue-leader-locator': {
    type: 'enum',
    values: ['client-local', 'balanced'],
    doc: 'In a cluster: the node on which the queue begins. client-local (the default) is that of who declares it: b1 for the queues of the file, later the node to which the client is connected; balanced spreads the queues over the nodes in the order of their declaration.',
    source: 'R61',
  },
  'x-dead-letter-strategy': {
    type: 'enum',
    values: ['at-most-once', 'at-least-once'],
    doc: 'Quorum only. at-most-once (the default) republishes and forgets, so a full target loses the message. at-least-once keeps it, counted against the limits, until all targets have it; it needs x-overflow: reject-publish, else at-most-once holds.',
    source: 'R55',
  },
  'x-max-priority': {
    type: 'integer',
    min: 1,
    max: 255,
    doc: 'Makes a classic queue a priority queue: higher message priorities first, each level in order. Larger priorities count as this one. drop-head then drops the highest first.',
    source: 'R46, R56, R58',
  },
  'x-single-active-consumer': {
    type: 'boolean',
    default: false,
    doc: 'One consumer gets everything; when it goes, another takes over.',
    source: 'R59, R60',
  },
  'x-delivery-limit': {
    type: 'integer',
    min: -1,
    doc: 'Quorum only: a message whose failed deliveries exceed this is dropped or dead-lettered. 20 by default since 4.0; −1 is no limit there, and returned messages then go to the back.',
    source: 'R34, R62',
  },
  'x-delayed-retry-type': {
    type: 'enum',
    values: ['disabled', 'all', 'failed', 'returned'],
    doc: 'Quorum, 4.3: which returned messages wait before they are ready again. failed are those that count for the delivery limit (reject, lost channel), returned the others (nack).',
    source: 'R64',
  },
  'x-delayed-retry-min': {
    type: 'duration',
    unit: 'ms',
    min: 1_000,
    doc: 'The delay after the first delivery; after the n-th it is n times as long, up to x-delayed-retry-max.',
    source: 'R64',
  },
  'x-delayed-retry-max': {
    type: 'duration',
    unit: 'ms',
    min: 1_000,
    doc: 'The longest delay of a delayed retry.',
    source: 'R64',
  },
  'x-consumer-timeout': {
    type: 'duration',
    unit: 'ms',
    min: 60_000_000,
    doc: 'Overrides the broker’s consumer_timeout for this queue.',
    source: 'R37',
  },
};

export const EXCHANGE_OPTIONS: OptionTable = {
  type: {
    type: 'enum',
    values: ['direct', 'fanout', 'topic', 'headers'],
    default: 'direct',
    doc: 'direct compares keys; fanout takes all; topic matches words, * for one and # for any number; headers compares headers.',
    source: 'R1, R3, R4',
  },
  durable: {
    type: 'boolean',
    default: true,
    doc: 'Whether the exchange and its bindings to durable queues exist again after the node restarts.',
    source: 'R11',
  },
  'auto-delete': {
    type: 'boolean',
    default: false,
    doc: 'The exchange is deleted when its last binding goes.',
    source: 'R1',
  },
  internal: {
    type: 'boolean',
    default: false,
    doc: 'Only other exchanges may hand messages to it; publishing to it is refused with 403.',
    source: 'R1',
  },
  'alternate-exchange': {
    type: 'text',
    doc: 'Gets what matches no binding here. What it routes is not unroutable.',
    source: 'R8',
  },
};

export const PRODUCER_OPTIONS: OptionTable = {
  node: {
    type: 'integer',
    default: 1,
    min: 1,
    max: 9,
    doc: 'In a cluster: the node to which it connects first. When that connection is lost it tries the next one, and so on.',
    source: 'R35',
  },
  confirms: {
    type: 'boolean',
    default: false,
    doc: 'Publisher confirms (confirm.select): the node answers each publish with an ack or a nack. Without them the producer never learns what became of a message.',
    source: 'R17–R20',
  },
  mandatory: {
    type: 'boolean',
    default: false,
    doc: 'An unroutable message comes back (basic.return) instead of being dropped silently.',
    source: 'R7',
  },
  delivery_mode: {
    type: 'enum',
    values: [1, 2],
    default: 1,
    doc: '2 makes messages persistent: in a durable queue they survive a restart of the node. 1 is transient.',
    source: 'R11',
  },
  expiration: {
    type: 'duration',
    unit: 'ms',
    min: 0,
    max: 315_360_000_000_000,
    doc: 'The TTL of each message; with x-message-ttl of its queue the lower wins.',
    source: 'R38',
  },
  priority: {
    type: 'text',
    doc: 'Message priority: a number, or the name of the attribute that holds it.',
    source: 'R56, R57',
  },
  confirm_timeout: {
    type: 'duration',
    unit: 's',
    default: 5_000_000,
    min: 1_000,
    doc: 'With confirms: a publish unanswered for this long is sent again. (A choice of the client; the protocol has no such timeout.)',
    source: 'R17',
  },
  retries: {
    type: 'integer',
    default: -1,
    min: -1,
    doc: 'With confirms: how often a publish that was nacked, timed out or lost with its connection is sent again; −1 is without end.',
    source: 'R19',
  },
  retry_backoff: {
    type: 'duration',
    unit: 'ms',
    default: 100_000,
    min: 0,
    doc: 'Wait before sending again after a nack.',
    source: 'R19',
  },
  ...backoffOptions('retry_', 'fixed', 10_000_000),
  network_recovery_interval: {
    type: 'duration',
    unit: 's',
    default: 5_000_000,
    min: 1_000,
    doc: 'Wait before connecting again after the connection was lost or could not be made, and before opening a channel again that the node closed.',
    source: 'R35',
  },
  ...backoffOptions('network_recovery_', 'fixed', 60_000_000, 'network_recovery_interval'),
};

export const CONSUMER_OPTIONS: OptionTable = {
  node: {
    type: 'integer',
    default: 1,
    min: 1,
    max: 9,
    doc: 'In a cluster: the node to which it connects first. When that connection is lost it tries the next one, and so on.',
    source: 'R35',
  },
  prefetch_count: {
    type: 'integer',
    min: 0,
    max: 65_535,
    doc: 'basic.qos: unacked messages at a time; 0 is no limit, the server’s own default. Absent: what the consumer’s prefetch says.',
    source: 'R24',
  },
  'x-priority': {
    type: 'integer',
    default: 0,
    min: -1000,
    doc: 'Consumer priority: larger is served first as long as its prefetch has room. It may be below 0.',
    source: 'R23',
  },
  'x-consumer-timeout': {
    type: 'duration',
    unit: 'ms',
    min: 60_000_000,
    doc: 'From 4.3 on, quorum queues only: this consumer’s own limit for unacked deliveries; it goes before the queue’s and the broker’s.',
    source: 'R37',
  },
  'x-stream-offset': {
    type: 'text',
    doc: 'Streams only: where reading begins. first, last (the last chunk), next (what comes from now on), an offset, an interval such as 5m (that long ago), or a time of the run in seconds such as @90s. next by default.',
    source: 'R67',
  },
  'offset-tracking': {
    type: 'enum',
    values: ['memory', 'stored'],
    default: 'memory',
    doc: 'Streams only: AMQP 0-9-1 remembers no reader’s offset, so the client does. memory: it goes on where it was after a lost connection, and begins at x-stream-offset again after a crash. stored: it writes the offset up to which all is settled to a store of its own and goes on there.',
    source: 'R67',
  },
  exclusive: {
    type: 'boolean',
    default: false,
    doc: 'Succeeds only while the queue has no other consumer, and refuses others afterwards. Quorum queues ignore it.',
    source: 'R30',
  },
  network_recovery_interval: {
    type: 'duration',
    unit: 's',
    default: 5_000_000,
    min: 1_000,
    doc: 'Wait before connecting again after the connection was lost or could not be made, and before opening a channel again that the node closed.',
    source: 'R35',
  },
  ...backoffOptions('network_recovery_', 'fixed', 60_000_000, 'network_recovery_interval'),
};

/** What may change while a queue exists: in the server by a policy, here by a `set` line of the timeline. */
export const CHANGEABLE: readonly string[] = [
  'x-message-ttl',
  'x-expires',
  'x-max-length',
  'x-max-length-bytes',
  'x-overflow',
  'x-dead-letter-exchange',
  'x-dead-letter-routing-key',
  'x-delivery-limit',
  'x-consumer-timeout',
  'x-max-age',
];

/** A queue's arguments as the node understands them. */
export interface QueueSpec {
  /** Set for a stream; its `rules` are then empty ones. */
  readonly stream: StreamRules | undefined;
  readonly rules: QueueRules;
  readonly deadLetterExchange: string | undefined;
  readonly deadLetterRoutingKey: string | undefined;
  /** `at-least-once` only where it takes effect: in a quorum queue with a dead-letter exchange that rejects what is too much (R55). */
  readonly deadLetterStrategy: 'at-most-once' | 'at-least-once';
  readonly expiresUs: Micros | undefined;
  readonly consumerTimeoutUs: Micros | undefined;
}

/** Arguments that not every type of queue takes, with the types that do; the others refuse them with 406. What stands in no line is for classic and quorum queues. */
const TAKEN_BY: Readonly<Record<string, readonly string[]>> = {
  'x-max-priority': ['classic'],
  'x-queue-mode': ['classic'],
  'x-queue-version': ['classic'],
  'x-max-in-memory-length': ['quorum'],
  'x-max-in-memory-bytes': ['quorum'],
  'x-quorum-target-group-size': ['quorum'],
  'x-delivery-limit': ['quorum'],
  'x-quorum-initial-group-size': ['quorum'],
  'x-dead-letter-strategy': ['quorum'],
  'x-delayed-retry-type': ['quorum'],
  'x-delayed-retry-min': ['quorum'],
  'x-delayed-retry-max': ['quorum'],
  'x-max-age': ['stream'],
  'x-stream-max-segment-size-bytes': ['stream'],
  'x-initial-cluster-size': ['stream'],
  'x-stream-filter-size-bytes': ['stream'],
  'x-max-length-bytes': ['classic', 'quorum', 'stream'],
  'x-queue-leader-locator': ['classic', 'quorum', 'stream'],
  'x-queue-type': ['classic', 'quorum', 'stream'],
};
const NO_STREAM = ['classic', 'quorum'];

/** Whether queues of a type take an argument. */
export function takenBy(name: string, type: string): boolean {
  return (TAKEN_BY[name] ?? NO_STREAM).includes(type);
}

/** Of arguments that no table names, a node knows nothing and says nothing. */
const KNOWN: readonly string[] = [...Object.keys(QUEUE_OPTIONS), ...Object.keys(TAKEN_BY)];
const STRATEGIES: readonly HeaderValue[] = ['at-most-once', 'at-least-once'];
/** `x-stream-max-segment-size-bytes` when nothing is said (R66). */
const SEGMENT_BYTES = 500_000_000;
const LARGEST_SEGMENT_BYTES = 3_000_000_000;
const RETRY_TYPES: readonly HeaderValue[] = ['disabled', 'all', 'failed', 'returned'];
/** Ten years of 365 days, in ms: no span of an argument is longer (R38). */
const LONGEST_MS = 315_360_000_000;
const OVERFLOWS: readonly HeaderValue[] = ['drop-head', 'reject-publish', 'reject-publish-dlx'];

/**
 * What the arguments of queue.declare mean, or why the node refuses them with 406 PRECONDITION_FAILED. Durations are in ms, as in AMQP.
 * Arguments it does not know are ignored, as a node does.
 */
export function queueSpec(args: HeaderTable, features: Features): QueueSpec | string {
  const type = args['x-queue-type'] ?? 'classic';
  if (type !== 'classic' && type !== 'quorum' && type !== 'stream')
    return `unknown x-queue-type ${JSON.stringify(type)}; expected classic, quorum or stream`;
  for (const name of Object.keys(args)) {
    if (!KNOWN.includes(name)) continue;
    const takers = TAKEN_BY[name] ?? NO_STREAM;
    if (takers.includes(type) || (name === 'x-max-priority' && type === 'quorum' && features.since43)) continue;
    return `invalid arg '${name}' for a ${type} queue; it belongs to ${takers.join(' and ')} queues`;
  }
  const refusal =
    wholeNumber(args, 'x-message-ttl', 0, LONGEST_MS) ??
    wholeNumber(args, 'x-expires', 1, LONGEST_MS) ??
    wholeNumber(args, 'x-max-length', 0) ??
    wholeNumber(args, 'x-max-length-bytes', 0) ??
    wholeNumber(args, 'x-max-priority', 1, 255) ??
    wholeNumber(args, 'x-delivery-limit', features.unlimitedDeliveries ? -1 : 0) ??
    wholeNumber(args, 'x-consumer-timeout', 0) ??
    wholeNumber(args, 'x-delayed-retry-min', 1) ??
    wholeNumber(args, 'x-delayed-retry-max', 1) ??
    wholeNumber(args, 'x-stream-max-segment-size-bytes', 1, LARGEST_SEGMENT_BYTES) ??
    wholeNumber(args, 'x-quorum-initial-group-size', 1) ??
    text(args, 'x-dead-letter-exchange') ??
    text(args, 'x-dead-letter-routing-key');
  if (refusal !== undefined) return refusal;
  if (args['x-dead-letter-routing-key'] !== undefined && args['x-dead-letter-exchange'] === undefined) {
    return "x-dead-letter-routing-key needs x-dead-letter-exchange; '' is the default exchange";
  }
  if (!RETRY_TYPES.includes(args['x-delayed-retry-type'] ?? 'disabled')) {
    return `invalid x-delayed-retry-type ${JSON.stringify(args['x-delayed-retry-type'])}; expected ${RETRY_TYPES.join(', ')}`;
  }
  if (args['x-dead-letter-strategy'] !== undefined && args['x-dead-letter-exchange'] === undefined)
    return 'x-dead-letter-strategy needs x-dead-letter-exchange';
  if (!STRATEGIES.includes(args['x-dead-letter-strategy'] ?? 'at-most-once')) {
    return `invalid x-dead-letter-strategy ${JSON.stringify(args['x-dead-letter-strategy'])}; expected ${STRATEGIES.join(' or ')}`;
  }
  const maxAge = args['x-max-age'];
  const maxAgeUs = typeof maxAge === 'string' ? ageUs(maxAge) : undefined;
  if (maxAge !== undefined && maxAgeUs === undefined) {
    return `invalid x-max-age ${JSON.stringify(maxAge)}; expected a whole number and one of Y, M, D, h, m, s`;
  }
  const single = args['x-single-active-consumer'] ?? false;
  if (typeof single !== 'boolean') return 'x-single-active-consumer must be true or false';
  const overflow = args['x-overflow'] ?? 'drop-head';
  if (!isOverflow(overflow)) return `invalid x-overflow ${JSON.stringify(overflow)}; expected ${OVERFLOWS.join(', ')}`;
  if (type === 'quorum' && overflow === 'reject-publish-dlx')
    return 'a quorum queue does not take x-overflow reject-publish-dlx';

  const consumers: ConsumerMode = !single
    ? 'competing'
    : type === 'quorum' && features.singleByPriority
      ? 'single-by-priority'
      : 'single';
  const common = {
    consumers,
    maxLength: numeric(args, 'x-max-length'),
    maxLengthBytes: numeric(args, 'x-max-length-bytes'),
    overflow,
    messageTtlUs: micros(args, 'x-message-ttl'),
  };
  const limit = numeric(args, 'x-delivery-limit') ?? features.defaultDeliveryLimit;
  return {
    rules:
      type !== 'quorum'
        ? { ...common, type: 'classic', maxPriority: numeric(args, 'x-max-priority') ?? 0 }
        : {
            ...common,
            type,
            priorities: features.quorumPriorities,
            deliveryLimit: limit === -1 && features.unlimitedDeliveries ? undefined : limit,
            countsNacks: features.countsNacks,
            delayedRetry: features.since43 ? delayedRetry(args) : undefined,
          },
    stream:
      type === 'stream'
        ? {
            maxLengthBytes: numeric(args, 'x-max-length-bytes'),
            maxAgeUs,
            segmentBytes: numeric(args, 'x-stream-max-segment-size-bytes') ?? SEGMENT_BYTES,
          }
        : undefined,
    deadLetterStrategy:
      args['x-dead-letter-strategy'] === 'at-least-once' &&
      overflow === 'reject-publish' &&
      args['x-dead-letter-exchange'] !== undefined
        ? 'at-least-once'
        : 'at-most-once',
    deadLetterExchange: textual(args, 'x-dead-letter-exchange'),
    deadLetterRoutingKey: textual(args, 'x-dead-letter-routing-key'),
    expiresUs: micros(args, 'x-expires'),
    consumerTimeoutUs: micros(args, 'x-consumer-timeout'),
  };
}

/**
 * Whether a queue that was declared with these arguments is the same as one declared with those: by all arguments that a node knows. A queue
 * without x-queue-type is a classic one. Source: R10.
 */
export function sameArguments(known: HeaderTable, declared: HeaderTable): boolean {
  return KNOWN.every((name) => {
    const otherwise = name === 'x-queue-type' ? 'classic' : undefined;
    const [left, right] = [known[name] ?? otherwise, declared[name] ?? otherwise];
    return left === undefined || right === undefined ? left === right : sameValue(left, right);
  });
}

/** The x- arguments among a scenario's parsed options, as AMQP carries them: durations in ms instead of µs. */
export function argumentsOf(options: OptionValues, table: OptionTable): HeaderTable {
  const args: Record<string, HeaderValue> = {};
  for (const [name, spec] of Object.entries(table)) {
    const value = options[name];
    const carried = name.startsWith('x-') || name === 'alternate-exchange';
    if (!carried || value === undefined || typeof value === 'object') continue;
    if (spec.type !== 'duration' || typeof value !== 'number') args[name] = value;
    // The one span that AMQP carries as text.
    else args[name] = name === 'x-max-age' ? `${Math.ceil(value / 1_000_000)}s` : Math.floor(value / 1000);
  }
  return args;
}

/** The arguments of a queue as a scenario declares it: what is said, without the defaults, which not every type of queue takes. */
export function declaredArguments(options: OptionValues): HeaderTable {
  const said: Record<string, OptionValue | undefined> = {};
  for (const [name, value] of Object.entries(options)) {
    const spec = QUEUE_OPTIONS[name];
    if (spec === undefined || !('default' in spec) || spec.default !== value) said[name] = value;
  }
  return argumentsOf(said, QUEUE_OPTIONS);
}

function delayedRetry(args: HeaderTable): DelayedRetry | undefined {
  const type = args['x-delayed-retry-type'];
  if (type !== 'all' && type !== 'failed' && type !== 'returned') return undefined;
  const minUs = micros(args, 'x-delayed-retry-min') ?? 0;
  return { type, minUs, maxUs: micros(args, 'x-delayed-retry-max') ?? NEVER };
}

function isOverflow(value: HeaderValue): value is Overflow {
  return OVERFLOWS.includes(value);
}

function wholeNumber(args: HeaderTable, name: string, min: number, max = Number.MAX_SAFE_INTEGER): string | undefined {
  const value = args[name];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return undefined;
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
  return `invalid arg '${name}': ${JSON.stringify(value)} is no whole number ${range}`;
}

function text(args: HeaderTable, name: string): string | undefined {
  const value = args[name];
  if (value === undefined || typeof value === 'string') return undefined;
  return `invalid arg '${name}': ${JSON.stringify(value)} is no text`;
}

function numeric(args: HeaderTable, name: string): number | undefined {
  const value = args[name];
  return typeof value === 'number' ? value : undefined;
}

function micros(args: HeaderTable, name: string): Micros | undefined {
  const ms = numeric(args, name);
  return ms === undefined ? undefined : ms * 1000;
}

function textual(args: HeaderTable, name: string): string | undefined {
  const value = args[name];
  return typeof value === 'string' ? value : undefined;
}
