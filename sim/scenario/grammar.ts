/**
 * The words of a scenario file: every key, what it takes, its default and what it means. Reading, the JSON Schema and docs/scenarios.md come
 * from these tables. What the words amount to together (names that must exist, defaults that depend on the broker) is resolve.ts.
 */
import { GROWTHS, JITTERS } from '../../core/clients/backoff.ts';
import { PUBLISH_WHEN } from '../../core/clients/forwarder.ts';
import { PRODUCER_PUBLISHES } from '../../core/clients/producer.ts';
import { FACT_NAMES } from '../../core/facts.ts';
import { HOPS } from '../../core/machine.ts';
import { CLAIMS } from '../checks/names.ts';
import { nearest } from './nearest.ts';
import { optionsOf } from './options.ts';
import {
  anything,
  boolean,
  byteRate,
  defaulted,
  didYouMean,
  distribution,
  duration,
  type Entry,
  either,
  type Fields,
  integer,
  list,
  mapOf,
  mapped,
  name,
  naming,
  number,
  oneOf,
  oneOrMany,
  optional,
  perSecond,
  probability,
  rate,
  record,
  reference,
  required,
  type Shape,
  size,
  text,
  unknownKey,
} from './shapes.ts';
import { shown } from './shown.ts';
import type { Spot } from './source.ts';
import type { AttributeSpec, ClaimSpec, LossSpec } from './types.ts';

const isMap = (spot: Spot): boolean => spot.source.isMap(spot);

const factNames = FACT_NAMES.filter((fact) => fact !== '');
export const fact = oneOf(factNames, 'the name of a fact, such as `applied` or `lock-expired`');
export const MOST_INSTANCES = 1_000;
export const LONGEST_TEXT = 20_000;

// Brokers, and what lives on them

const kind: Shape<string> = {
  expected: 'a kind of broker',
  schema: (kinds) => ({ enum: Object.keys(kinds) }),
  read(spot) {
    const { source } = spot;
    const kinds = Object.keys(source.kinds);
    const written = source.text(spot) ?? '';
    if (kinds.includes(written)) return written;
    source.error(
      spot,
      `there is no broker \`${shown(written)}\`.`,
      kinds.join(', '),
      didYouMean(nearest(written, kinds)),
    );
    return undefined;
  },
};
const kindField = required(kind, 'sqs', 'Which broker it is.');

export const BROKER = record('`{ kind: KIND, options… }`', { kind: kindField }, optionsOf('options'));
/** `sqs` alone stands for `{ kind: sqs }`. */
export const BROKER_OR_KIND = either(BROKER, kind, (spot) => isMap(spot) || spot.source.isEmpty(spot));

/** A condition over metrics. */
const condition = naming(text(1_000), 'condition');
/** Where messages go, and where they come from. */
const target = oneOrMany(naming(text(64), 'queue', 'topic', 'exchange'));
const origin = oneOrMany(naming(text(64), 'queue', 'topic'));
const attributeName = naming(name, 'attribute');

const brokerOf = optional(reference('broker'), 'events', 'On which broker; needed only when the file has several.');

const scalarOrText: Shape<string | number | boolean> = {
  expected: 'text, a number, `true` or `false`',
  schema: () => ({ type: ['string', 'number', 'boolean'] }),
  read(spot) {
    const value = spot.source.scalar(spot);
    if (value === undefined || (typeof value === 'string' && value.length > 1_000)) {
      spot.source.error(spot, 'this is no single value.', 'text, a number, `true` or `false`');
      return undefined;
    }
    return value;
  },
};

export const BINDING_FIELDS = {
  exchange: required(reference('exchange'), 'orders', 'The exchange that messages come from.'),
  key: defaulted(
    text(255, 'or empty'),
    '""',
    'order.created',
    'The binding key; its meaning depends on the type of exchange.',
  ),
  arguments: defaulted(
    mapOf('arguments', scalarOrText),
    '{}',
    '{ x-match: any, region: eu }',
    'Headers to match, for a headers exchange.',
  ),
} satisfies Fields;
const bindings = defaulted(
  list(record('a binding: `{ exchange: …, key: … }`', BINDING_FIELDS), 1_000),
  '[]',
  '[{ exchange: orders, key: "order.#" }]',
  'From which exchanges it receives, and which messages.',
);

export const QUEUE_FIELDS = { broker: brokerOf, bindings } satisfies Fields;
export const TOPIC_FIELDS = { broker: brokerOf } satisfies Fields;
export const QUEUE = record('a queue with its options', QUEUE_FIELDS, optionsOf('queues'));
export const TOPIC = record('a topic with its options', TOPIC_FIELDS, optionsOf('topics'));
export const EXCHANGE = record('an exchange with its options', QUEUE_FIELDS, optionsOf('exchanges'));

// Lanes

/** What is stated of a file in neutral words under one broker only, beside what is stated of all. */
export const LANE_FIELDS = {
  claims: defaulted(
    {
      // The shape of a claim is made further down.
      expected: 'a list',
      schema: (kinds) => list(claim, 100).schema(kinds),
      read: (spot) => list(claim, 100).read(spot),
      inside: () => ({ known: [], open: true, shapeOf: (key) => (/^\d{1,5}$/.test(key) ? claim : null) }),
    } satisfies Shape<readonly ClaimSpec[]>,
    '[]',
    '[{ violated: poison-isolation }]',
    'Guarantees, and what should come out of each under this broker.',
  ),
  expect: defaulted(
    list(condition, 200),
    '[]',
    '[deadLettered(photo-dlq) == 0]',
    'Conditions that must hold under this broker.',
  ),
} satisfies Fields;

// Producers

/** Weights, a list, a number of equally likely values, or `unique`; `ATTR` stands for the attribute's name in made-up values. */
const attribute: Shape<AttributeSpec> = {
  expected: 'a map of values and weights, a list of values, a number of values, or `unique`',
  schema: () => ({
    anyOf: [
      { type: 'object', additionalProperties: { type: 'number', exclusiveMinimum: 0 } },
      { type: 'array', items: { type: ['string', 'number', 'boolean'] } },
      { type: 'integer', minimum: 1, maximum: MOST_VALUES },
      { const: 'unique' },
    ],
  }),
  read(spot) {
    const { source } = spot;
    const own = spot.path[spot.path.length - 1] ?? 'value';
    if (source.isList(spot)) {
      const values = list(text(200), MOST_VALUES).read(spot);
      if (values === undefined) return undefined;
      if (values.length > 0) return { type: 'weighted', values, weights: values.map(() => 1) };
    } else if (isMap(spot)) {
      const values: string[] = [];
      const weights: number[] = [];
      for (const { key, spot: child } of source.entries(spot)) {
        const weight = number(0).read(child);
        if (weight === undefined) return undefined;
        values.push(key);
        weights.push(weight);
      }
      if (weights.some((weight) => weight > 0) && values.length <= MOST_VALUES)
        return { type: 'weighted', values, weights };
    } else {
      const written = source.text(spot);
      if (written === 'unique') return { type: 'unique', prefix: own };
      const count = source.scalar(spot);
      if (typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= MOST_VALUES)
        return numbered(own, count);
    }
    source.error(
      spot,
      'this does not say which values the attribute takes.',
      this.expected,
      `For example \`${own}: [a, b]\` or \`${own}: 40\`.`,
    );
    return undefined;
  },
};
const MOST_VALUES = 10_000;

/** `user-1` … `user-40`, equally likely. */
export function numbered(own: string, count: number): AttributeSpec {
  const values = Array.from({ length: count }, (_, i) => `${own}-${i + 1}`);
  return { type: 'weighted', values, weights: values.map(() => 1) };
}

export const LISTED_FIELDS = {
  at: required(duration(), '1s', 'When it is made.'),
  amount: optional(number(), '100', 'The number that an increment adds; the producer’s `amount` when absent.'),
  times: defaulted(integer(1, 1_000_000), '1', '3', 'How many such messages, one after the other.'),
  poison: defaulted(boolean, 'false', 'true', 'Whether an unfixed handler fails on it each time.'),
} satisfies Fields;

export interface Listed {
  readonly line: Entry<typeof LISTED_FIELDS>;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

const listedRecord = record('a message: `{ at: 1s, account: alice }`', LISTED_FIELDS, {
  // Keys beside the four known ones are the message's attributes: unknown keys are no mistake here.
  tableAt: () => null,
  tables: () => [],
  fields: () => ({}),
  read: () => ({}),
});

const listed: Shape<Listed> = {
  ...listedRecord,
  schema: (kinds) => ({
    ...listedRecord.schema(kinds),
    additionalProperties: { type: ['string', 'number', 'boolean'] },
  }),
  read(spot) {
    const line = listedRecord.read(spot);
    if (line === undefined) return undefined;
    const attributes: Record<string, string | number | boolean> = {};
    for (const { key, spot: child } of spot.source.entries(spot)) {
      if (Object.hasOwn(LISTED_FIELDS, key)) continue;
      if (name.read({ ...child, node: child.keyNode }) === undefined) continue;
      const value = scalarOrText.read(child);
      if (value !== undefined) attributes[key] = value;
    }
    return { line, attributes };
  },
  inside: (spot) => ({
    known: [...Object.keys(LISTED_FIELDS), ...spot.source.entries(spot).map((entry) => entry.key)],
    open: true,
    shapeOf: (key) => listedRecord.inside?.(spot).shapeOf(key) ?? scalarOrText,
    fieldOf: (key) => listedRecord.inside?.(spot).fieldOf?.(key) ?? null,
    naming: ['attribute'],
  }),
};

// What clients have in common

export const OUTBOX_FIELDS = {
  every: defaulted(
    duration({ min: 1_000 }),
    '100ms',
    '1s',
    'How often the relay looks for rows that are not published.',
  ),
  batch: defaulted(integer(1, 10_000), '10', '100', 'How many rows it takes at a time.'),
} satisfies Fields;
const outbox = defaulted(
  record('`{ every: 100ms, batch: 10 }`', OUTBOX_FIELDS),
  '{}',
  '{ every: 1s, batch: 100 }',
  'How the relay works, with `publish: outbox`.',
);
export const RETRY_FIELDS = {
  attempts: defaulted(integer(1, 1_000_000), '3', '5', 'How often it tries again.'),
  backoff: defaulted(duration(), '100ms', '1s', 'The wait before the first time.'),
  growth: defaulted(
    oneOf(GROWTHS),
    'exponential',
    'fixed',
    '`fixed`: every wait is like the first; `exponential`: each is twice the one before.',
  ),
  max: defaulted(duration(), '10s', '1m', 'The longest wait.'),
  jitter: defaulted(
    oneOf(JITTERS),
    'none',
    'full',
    'Chance in the wait, so that those who failed together do not come back together: `full` from 0 to the whole wait, `equal` from half of it.',
  ),
} satisfies Fields;
const retry = optional(
  record('`{ attempts: 3, backoff: 100ms, growth: exponential, max: 10s, jitter: full }`', RETRY_FIELDS),
  '{ attempts: 5, backoff: 200ms, jitter: full }',
  'Writes to its store again when a write failed or was not answered. Absent: the first failure counts.',
);
const writeTimeout = optional(
  duration({ min: 1_000 }),
  '1s',
  'How long it waits for its store’s answer; 5 s when absent.',
);

const EFFECTS = ['increment', 'set', 'insert'] as const;
export interface EffectAsWritten {
  readonly type: (typeof EFFECTS)[number] | 'none';
  readonly store: string;
}
export const EFFECT: Shape<EffectAsWritten> = {
  expected: '`none`, or one of `{ set: STORE }`, `{ increment: STORE }`, `{ insert: STORE }`',
  schema: () => ({
    anyOf: [
      { const: 'none' },
      ...EFFECTS.map((type) => ({
        type: 'object',
        properties: { [type]: { type: 'string' } },
        required: [type],
        additionalProperties: false,
      })),
    ],
  }),
  read(spot) {
    const { source } = spot;
    if (source.text(spot) === 'none') return { type: 'none', store: '' };
    const entries = source.entries(spot);
    const [only] = entries;
    if (only === undefined || entries.length > 1) {
      source.error(spot, 'this is no effect.', this.expected);
      return undefined;
    }
    const type = EFFECTS.find((one) => one === only.key);
    if (type === undefined) {
      unknownKey(only.spot, only.key, EFFECTS, null);
      return undefined;
    }
    const store = name.read(only.spot);
    return store === undefined ? undefined : { type, store };
  },
  inside: () => ({
    known: EFFECTS,
    open: false,
    shapeOf: (key) => (EFFECTS.some((one) => one === key) ? naming(name, 'store') : null),
  }),
};

export const PRODUCER_FIELDS = {
  broker: brokerOf,
  to: required(target, 'photo-jobs', 'Names of queues, topics or exchanges; a message goes to each of them.'),
  count: defaulted(integer(1, MOST_INSTANCES), '1', '3', 'How many instances; each makes messages at the full rate.'),
  rate: optional(
    rate,
    '5/s',
    'Messages per second of each instance, evenly spaced or `poisson`. Absent: only what `send` lists.',
  ),
  messages: defaulted(
    integer(0, 100_000_000),
    '0',
    '100',
    'How many messages each instance makes at its rate; 0 is no limit.',
  ),
  start: defaulted(duration(), '0', '10s', 'When the first one starts.'),
  stop: optional(duration(), '2m', 'When it stops making messages; the end of the run when absent.'),
  key: optional(
    attributeName,
    'user',
    'The attribute that is the partition key or message group. Not declared, it takes six values, `user-1` to `user-6`.',
  ),
  attributes: defaulted(
    mapOf('attributes', attribute, true),
    '{}',
    '{ city: { nyc: 77, boise: 3 }, ride: unique, user: 40, kind: [photo, video] }',
    'What each message carries: values with weights, a list, a number of values, or `unique` for one of its own.',
  ),
  routing: defaulted(
    text(1_000, 'or empty'),
    '""',
    '"order.{kind}"',
    'Routing key or subject, with attributes in braces.',
  ),
  amount: defaulted(number(), '1', '100', 'The number that an increment adds.'),
  size: defaulted(size, '1KiB', '200KiB', 'Size of a message.'),
  poison: defaulted(
    probability,
    '0',
    '0.5%',
    'Chance that a message is poison: an unfixed handler fails on it each time.',
  ),
  buffer: defaulted(
    integer(0),
    '0',
    '1000',
    'How many messages may be unconfirmed or waiting at the producer; 0 is no limit.',
  ),
  'when-full': defaulted(
    oneOf(['drop', 'wait']),
    'wait',
    'drop',
    'What happens to the next message when the `buffer` is full: it is dropped, or the source waits.',
  ),
  send: defaulted(
    list(listed),
    '[]',
    '[{ at: 1s, account: alice, amount: 100 }]',
    'Messages at stated times, besides the rate; other keys are their attributes.',
  ),
  sequence: defaulted(
    boolean,
    'false',
    'true',
    'Gives each message its number among those of its key, from 1, as the attribute `sequence`.',
  ),
  effect: defaulted(
    EFFECT,
    'none',
    '{ insert: orders-db }',
    'What it writes itself for each message, and in which store; it is told apart from what consumers write.',
  ),
  publish: optional(
    oneOf(PRODUCER_PUBLISHES),
    'outbox',
    'With `effect`. `after-effect` (when absent): writes, then publishes; `before-effect`: the other way round. Both are dual writes: a crash in between leaves one without the other. `outbox`: the message is a row of the same write, and a relay publishes it.',
  ),
  outbox,
  'write-timeout': writeTimeout,
  retry,
} satisfies Fields;
export const PRODUCER = record('a producer', PRODUCER_FIELDS, optionsOf('producers'));

// Consumers and stores

export const CRASH_FIELDS = {
  probability: required(probability, '5%', 'Chance for each delivery.'),
  step: defaulted(
    oneOf(['received', 'begun', 'applied', 'published', 'settled']),
    'applied',
    'begun',
    'Directly after which step the process dies; `published` is when what it `produces` is confirmed.',
  ),
  restart: defaulted(duration(), '5s', '10s', 'How long until it is up again.'),
} satisfies Fields;
export const HEARTBEAT_FIELDS = {
  every: required(duration({ min: 1_000 }), '10s', 'How often it extends its lock while it works.'),
  by: required(duration({ min: 1_000 }), '30s', 'How long the lock lasts from then.'),
} satisfies Fields;
export const DEDUP_FIELDS = {
  window: required(duration(), '10m', 'How long ids of applied messages are remembered.'),
  durable: defaulted(
    boolean,
    'false',
    'true',
    'Whether they are kept in a table of the store, written in one step with the effect (an inbox), so that a crash does not lose them.',
  ),
} satisfies Fields;
const dedupRecord = record('`{ window: 10m, durable: true }`', DEDUP_FIELDS);
const dedup = either(
  mapped(dedupRecord, (entry) => ({ windowUs: entry.window ?? 0, durable: entry.durable })),
  mapped(duration(), (windowUs) => ({ windowUs, durable: false })),
  isMap,
);

export const BREAKER_FIELDS = {
  failures: defaulted(integer(1, 1_000_000), '5', '3', 'So many failed writes in a row open it.'),
  open: defaulted(duration({ min: 1_000 }), '10s', '30s', 'How long nothing is written then, before a write is tried.'),
  probes: defaulted(
    integer(1, 1_000),
    '1',
    '3',
    'How many of these must succeed, one after the other, to close it. An older call that is answered meanwhile counts like them.',
  ),
  meanwhile: defaulted(
    oneOf(['wait', 'fail']),
    'wait',
    'fail',
    'What becomes of work that would write while it is open: it waits in the process, or fails at once.',
  ),
} satisfies Fields;
export const REORDER_FIELDS = {
  window: required(duration(), '2s', 'How long a message waits for the earlier ones of its key.'),
  size: defaulted(integer(1, 100_000), '100', '1000', 'How many messages wait at most; beyond that the first goes on.'),
} satisfies Fields;
export const SHED_FIELDS = {
  'older-than': optional(duration({ min: 1 }), '2s', 'Messages that were made longer ago are passed over.'),
  waiting: optional(integer(1, 100_000), '50', 'While so many wait at the process, the next is passed over.'),
  by: optional(
    oneOf(['ack', 'reject']),
    'reject',
    'What the broker is told: `ack`, or `reject`, which dead-letters where there is such a queue. `ack` when absent; of direct calls always `reject`.',
  ),
} satisfies Fields;
export const LIVENESS_FIELDS = {
  after: required(
    duration({ min: 1_000 }),
    '30s',
    'How long one message may be worked on without moving on; it is noticed within twice that.',
  ),
  restart: defaulted(duration(), '5s', '10s', 'How long until the process is up again.'),
} satisfies Fields;

/** One attribute with all the values that outputs are made for. */
const forEach = mapped(mapOf('attributes', attribute, true), (values, spot) => {
  const [only] = values;
  if (values.size !== 1 || only === undefined || only[1].type !== 'weighted') {
    spot.source.error(
      spot,
      'this does not name one attribute and its values.',
      'such as `{ follower: 5 }` or `{ size: [small, large] }`',
    );
    return undefined;
  }
  return { attribute: only[0], values: only[1].values };
});

export const PRODUCES_FIELDS = {
  broker: optional(reference('broker'), 'events', 'On which broker these are; the consumer’s own when absent.'),
  to: required(target, 'thumbnails', 'Names of queues, topics or exchanges; a message goes to each of them.'),
  on: defaulted(
    oneOf(['done', 'failed']),
    'done',
    'failed',
    '`done`: of each message that was worked on; `failed`: of each that was not (the handler threw, the store refused), which is acked then: a compensation.',
  ),
  publish: defaulted(
    oneOf(PUBLISH_WHEN),
    'after-effect',
    'outbox',
    '`after-effect`: published and confirmed before the input is settled, so a crash in between publishes it twice. `after-settling`: a crash in between loses it. `outbox`: written in one step with the effect, and published by a relay.',
  ),
  'for-each': optional(
    forEach,
    '{ follower: 5 }',
    'One message for each value, which it carries as that attribute; one in all when absent.',
  ),
  key: optional(attributeName, 'user', 'The attribute that is the key; the input’s key when absent.'),
  routing: optional(
    text(1_000, 'or empty'),
    '"order.{kind}"',
    'Routing key or subject, with attributes in braces; the input’s when absent.',
  ),
  amount: optional(number(), '-1', 'The number that an increment adds; the input’s when absent.'),
  size: optional(size, '20KiB', 'Size of a message; the input’s when absent.'),
  outbox,
} satisfies Fields;
const producesRecord = record('`{ to: NAME, … }`', PRODUCES_FIELDS, optionsOf('producers'));
const produces = either(
  list(producesRecord, 20),
  mapped(producesRecord, (one) => [one]),
  (spot) => spot.source.isList(spot),
);

export const CONSUMER_FIELDS = {
  broker: brokerOf,
  from: required(origin, 'photo-jobs', 'Names of queues or topics.'),
  group: optional(
    naming(name, 'group'),
    'billing',
    'Consumer group, where the broker has groups; its own name when absent.',
  ),
  count: defaulted(integer(1, MOST_INSTANCES), '1', '3', 'How many instances: `resizer-1`, `resizer-2`, …'),
  process: defaulted(distribution, '10ms', '200ms', 'How long the work on one message takes.'),
  settle: defaulted(
    oneOf(['after-processing', 'before-processing', 'on-delivery']),
    'after-processing',
    'before-processing',
    'When it acks: after the work, before it, or when the broker hands out.',
  ),
  concurrency: defaulted(integer(1, 10_000), '1', '4', 'Messages that one instance works on at a time.'),
  prefetch: optional(
    integer(1, 100_000),
    '10',
    'Messages that one instance holds at most, worked on and waiting; `concurrency` when absent, and never fewer.',
  ),
  effect: defaulted(
    EFFECT,
    'none',
    '{ set: photos }',
    'What processing changes, and in which store: `set` writes the same again, `increment` adds again, `insert` writes only if absent.',
  ),
  'on-failure': optional(
    oneOf(['leave', 'requeue', 'reject', 'skip']),
    'reject',
    'What is done with a delivery whose handler failed; the default is the broker’s custom.',
  ),
  'on-poison': defaulted(
    oneOf(['fail', 'crash', 'hang']),
    'fail',
    'crash',
    'What poison does to an unfixed handler: it throws after the work, kills the process, or never returns.',
  ),
  fail: defaulted(probability, '0', '2%', 'Chance that the handler throws on a healthy message.'),
  crash: optional(
    record('`{ probability: 5%, step: applied, restart: 5s }`', CRASH_FIELDS),
    '{ probability: 5%, step: applied, restart: 5s }',
    'Chance that the process dies at a step of a delivery.',
  ),
  heartbeat: optional(
    record('`{ every: 10s, by: 30s }`', HEARTBEAT_FIELDS),
    '{ every: 10s, by: 30s }',
    'Extends the lock while it works.',
  ),
  dedup: optional(dedup, '10m', 'Remembers so long what it has applied, and skips what comes again.'),
  'write-timeout': writeTimeout,
  retry,
  breaker: optional(
    record('`{ failures: 5, open: 10s }`', BREAKER_FIELDS),
    '{ failures: 3, open: 10s }',
    'A circuit breaker around its store: after failures in a row it writes nothing for a while.',
  ),
  reorder: optional(
    record('`{ window: 2s, size: 100 }`', REORDER_FIELDS),
    '{ window: 2s }',
    'Puts messages of one key back into the order of their `sequence`, which the producer must give them; `prefetch` must leave room for what waits.',
  ),
  shed: optional(
    record('`{ older-than: 2s }`', SHED_FIELDS),
    '{ older-than: 2s }',
    'Sheds load: passes over messages that are not worth the work any more.',
  ),
  'health-check': optional(
    record('`{ after: 30s, restart: 5s }`', LIVENESS_FIELDS),
    '{ after: 30s }',
    'A supervisor that kills a process which is stuck, and starts it anew.',
  ),
  produces: optional(
    produces,
    '{ to: thumbnails }',
    'What it makes of each message: one record, or a list of them. Each takes the producer options of its broker.',
  ),
} satisfies Fields;
export const CONSUMER = record('a consumer', CONSUMER_FIELDS, optionsOf('consumers'));

export const IDEMPOTENCY_FIELDS = {
  key: required(
    attributeName,
    'order',
    'The attribute that is the idempotency key; messages without it are written as they come.',
  ),
  for: defaulted(duration({ min: 1 }), '24h', '10m', 'How long a key is remembered.'),
} satisfies Fields;
export const STORE_FIELDS = {
  write: defaulted(distribution, '1ms', '5ms', 'How long one write takes.'),
  concurrency: defaulted(integer(0, 1_000_000), '0', '10', 'Writes served at a time; 0 is no limit.'),
  capacity: optional(
    perSecond,
    '100/s',
    'Writes beyond this rate are refused, counted second by second; `0/s` refuses all, absent is no limit.',
  ),
  fail: defaulted(probability, '0', '1%', 'Chance that a write fails.'),
  floor: optional(number(), '0', 'An increment that would take a row below this is refused.'),
  idempotency: optional(
    record('`{ key: ATTRIBUTE, for: 24h }`', IDEMPOTENCY_FIELDS),
    '{ key: order, for: 24h }',
    'Idempotency keys: a write with a key that it has seen is answered and changes nothing, whichever message it comes from.',
  ),
} satisfies Fields;
export const STORE = record('a store', STORE_FIELDS);

// Network

/** One probability for all kinds of hop, or a map by kind. */
const byHop: Shape<LossSpec> = {
  expected: `a probability such as \`1%\`, or a map of them by kind of hop (${HOPS.join(', ')})`,
  schema: (kinds) => ({
    anyOf: [
      probability.schema(kinds),
      {
        type: 'object',
        properties: Object.fromEntries(HOPS.map((hop) => [hop, probability.schema(kinds)])),
        additionalProperties: false,
      },
    ],
  }),
  read(spot) {
    const { source } = spot;
    const chances: Record<string, number> = {};
    if (!isMap(spot)) {
      const all = probability.read(spot);
      if (all === undefined) return undefined;
      for (const hop of HOPS) chances[hop] = all;
      return chances;
    }
    for (const { key, spot: child } of source.entries(spot)) {
      if (!HOPS.some((hop) => hop === key)) unknownKey(child, key, HOPS, null);
      else chances[key] = probability.read(child) ?? 0;
    }
    return chances;
  },
  inside: () => ({ known: HOPS, open: true, shapeOf: (key) => (HOPS.some((hop) => hop === key) ? probability : null) }),
};

export const LINK_FIELDS = {
  from: optional(
    reference('actor'),
    'upload-service',
    'An actor, or all instances of a declared name; any when absent.',
  ),
  to: optional(reference('actor'), 'b1', 'The other end, likewise.'),
  both: defaulted(boolean, 'true', 'false', 'Whether it holds in the other direction too.'),
  latency: optional(distribution, '80ms..120ms', 'As in `network`.'),
  loss: optional(byHop, '5%', 'As in `network`.'),
  duplicate: optional(byHop, '1%', 'As in `network`.'),
  reorder: optional(byHop, '1%', 'As in `network`.'),
  bandwidth: optional(byteRate, '1MB/s', 'As in `network`.'),
} satisfies Fields;

export const NETWORK_FIELDS = {
  latency: defaulted(distribution, '1ms', '1ms..5ms', 'How long a hop takes.'),
  loss: defaulted(byHop, '{}', '{ ack: 5% }', 'Chance that a hop is lost, for all kinds or by kind.'),
  duplicate: defaulted(byHop, '{}', '1%', 'Chance that a hop arrives twice.'),
  reorder: defaulted(byHop, '{}', '1%', 'Chance that a hop is held back, so that later ones overtake it.'),
  'reorder-delay': defaulted(duration(), '10ms', '50ms', 'How long it is held back.'),
  bandwidth: optional(byteRate, '10MB/s', 'Of each direction of each link; absent is no limit.'),
  links: defaulted(
    list(record('a link: `{ from: …, to: …, latency: … }`', LINK_FIELDS), 1_000),
    '[]',
    '[{ from: upload-service, latency: 80ms }]',
    'Exceptions; the last that matches a hop replaces the settings that it names.',
  ),
} satisfies Fields;
const networkRecord = record('a map of settings', NETWORK_FIELDS);
export const NETWORK = either(networkRecord, oneOf(['ideal']), (spot) => isMap(spot) || spot.source.isEmpty(spot));

// Moments

/** Keys that say when; shared by the timeline and the captions. */
export const WHEN_FIELDS = {
  at: optional(duration(), '20s', 'At this time.'),
  when: optional(fact, 'applied', 'When a fact of this name happens.'),
  by: optional(reference('actor'), 'resizer-2', 'Only facts of, or concerning, this actor.'),
  of: optional(reference('actor'), 'resizer-2', 'The same as `by`; for `delay`, whose own `by` is a time.'),
  message: optional(integer(1), '7', 'Only facts about the message of this number.'),
  nth: defaulted(integer(1), '1', '2', 'Which of them: the second, the third…'),
} satisfies Fields;

// Claims, expectations, alerts, scaling, captions, limits

const VERDICTS = {
  holds: 'holds',
  violated: 'violated',
  allowed: 'allowed',
  'not-exercised': 'not exercised',
} as const;
type VerdictWord = keyof typeof VERDICTS;
const verdictWords = Object.keys(VERDICTS) as VerdictWord[];
const claimName = oneOf(CLAIMS, 'the name of a claim, such as `at-least-once`');

/** `at-least-once` · `key-order: account` · `violated: at-most-once` · `{ claim: …, scope: …, verdict: … }`. */
export const claim: Shape<ClaimSpec> = {
  expected: 'the name of a claim, such as `at-least-once`, `key-order: account` or `violated: at-most-once`',
  schema: () => ({
    anyOf: [
      { enum: CLAIMS },
      {
        type: 'object',
        properties: {
          claim: { enum: CLAIMS },
          scope: { type: 'string' },
          verdict: { enum: verdictWords },
          ...Object.fromEntries(verdictWords.map((word) => [word, { enum: CLAIMS }])),
          ...Object.fromEntries(CLAIMS.map((one) => [one, { type: 'string' }])),
        },
        additionalProperties: false,
      },
    ],
  }),
  read(spot) {
    const { source } = spot;
    if (!isMap(spot)) {
      const only = claimName.read(spot);
      return only === undefined ? undefined : { claim: only, scope: '', verdict: 'holds' };
    }
    let claimed: string | undefined;
    let scope = '';
    let verdict: ClaimSpec['verdict'] = 'holds';
    for (const { key, spot: child } of source.entries(spot)) {
      const word = verdictWords.find((one) => one === key);
      const names = CLAIMS.find((one) => one === key);
      if (key === 'claim') claimed = claimName.read(child) ?? '';
      else if (key === 'scope') scope = text(64).read(child) ?? '';
      else if (key === 'verdict') verdict = VERDICTS[verdictShape.read(child) ?? 'holds'];
      else if (word !== undefined) {
        claimed = claimName.read(child) ?? '';
        verdict = VERDICTS[word];
      } else if (names !== undefined) {
        claimed = names;
        scope = text(64).read(child) ?? '';
      } else {
        claimed = '';
        unknownKey(child, key, [...CLAIMS, 'claim', 'scope', 'verdict', ...verdictWords], null);
      }
    }
    if (claimed === undefined) source.error(spot, 'this names no claim.', this.expected);
    return claimed === undefined || claimed === '' ? undefined : { claim: claimed, scope, verdict };
  },
  inside: () => ({
    known: [...verdictWords, 'claim', 'scope', 'verdict', ...CLAIMS],
    open: false,
    shapeOf(key) {
      if (key === 'claim' || verdictWords.some((one) => one === key)) return claimName;
      if (key === 'verdict') return verdictShape;
      return key === 'scope' || CLAIMS.some((one) => one === key) ? scopeShape : null;
    },
  }),
};
/** What a claim is limited to. */
const scopeShape = naming(text(64), 'attribute', 'queue', 'topic', 'group', 'store', 'consumer');
const verdictShape = oneOf(verdictWords);

export const ALERT_FIELDS = {
  when: required(condition, '"depth(photo-jobs) > 100"', 'A condition over metrics.'),
  for: defaulted(
    duration(),
    '0',
    '10s',
    'How long it must hold before the alert is raised; it is looked at on whole seconds only.',
  ),
} satisfies Fields;

export const AUTOSCALE_FIELDS = {
  on: required(condition, '"depth(jobs)"', 'The metric that is looked at.'),
  target: required(number(0.000_001), '50', 'Wanted instances are the metric divided by this, rounded up.'),
  min: defaulted(integer(0, MOST_INSTANCES), '1', '2', 'Fewest instances.'),
  max: required(integer(1, MOST_INSTANCES), '10', 'Most instances.'),
  every: defaulted(
    duration({ min: 1_000 }),
    '10s',
    '30s',
    'How often it looks; rules are looked at on whole seconds only.',
  ),
  cooldown: defaulted(duration(), '30s', '1m', 'How long it does nothing after a change.'),
} satisfies Fields;

export const CAPTION_FIELDS = {
  ...WHEN_FIELDS,
  text: required(text(LONGEST_TEXT), 'Watch the queue fill.', 'What is said.'),
  question: defaulted(
    text(LONGEST_TEXT, 'or empty'),
    '""',
    'Who gets it next?',
    'What the learner is asked before going on.',
  ),
} satisfies Fields;

export const LIMITS_FIELDS = {
  messages: defaulted(
    integer(1, 2_000_000),
    '2000000',
    '10000',
    'The run stops with an error beyond so many messages.',
  ),
  facts: defaulted(integer(1, 20_000_000), '20000000', '100000', 'The run stops with an error beyond so many facts.'),
} satisfies Fields;

// Exercises

export const KNOB_FIELDS = {
  path: required(naming(text(500), 'path'), 'queues.photo-jobs.VisibilityTimeout', 'Path of the setting in this file.'),
  label: optional(text(500), 'How long a message stays hidden', 'What the form calls it; the path when absent.'),
  values: required(list(anything, 100), '[5s, 30s, 2m]', 'What it may be set to.'),
} satisfies Fields;
export const GOAL_FIELDS = {
  text: required(text(LONGEST_TEXT), 'No photo is resized twice', 'The goal as the learner reads it.'),
  expect: required(condition, 'claim at-most-once', 'An expectation, or `claim NAME [SCOPE]`.'),
} satisfies Fields;
const settings: Shape<ReadonlyMap<string, { readonly spot: Spot; readonly value: unknown }>> = {
  expected: 'a map of paths and values',
  schema: () => ({ type: 'object' }),
  inside: (spot) => ({
    known: spot.source.entries(spot).map(({ key }) => key),
    open: true,
    shapeOf: () => anything,
    naming: ['path'],
  }),
  read(spot) {
    if (!isMap(spot)) {
      spot.source.error(spot, 'this is no map.', this.expected, 'For example `{ consumers.resizer.count: 3 }`.');
      return undefined;
    }
    return new Map(
      spot.source.entries(spot).map((entry) => [entry.key, { spot: entry.spot, value: spot.source.plain(entry.spot) }]),
    );
  },
};
export const WRONG_FIELDS = {
  set: required(settings, '{ consumers.resizer.count: 1 }', 'The wrong answer: paths of knobs and values.'),
  because: required(text(LONGEST_TEXT), 'One worker cannot keep up.', 'Why it is wrong; shown to the learner.'),
} satisfies Fields;
export const EXERCISE_FIELDS = {
  question: required(text(LONGEST_TEXT), 'How long should the timeout be?', 'What is asked.'),
  predict: defaulted(
    text(LONGEST_TEXT, 'or empty'),
    '""',
    'How often is m3 delivered?',
    'What to guess before running.',
  ),
  knobs: required(
    list(record('a knob: `{ path: …, values: […] }`', KNOB_FIELDS), 20),
    '[{ path: consumers.resizer.count, values: [1, 2, 3] }]',
    'The settings that may be turned.',
  ),
  goals: required(
    list(record('a goal: `{ text: …, expect: … }`', GOAL_FIELDS), 50),
    '[{ text: Nothing is lost, expect: claim at-least-once }]',
    'What must hold to win, on the seed that is shown and on the hidden ones.',
  ),
  hints: defaulted(list(text(LONGEST_TEXT), 50), '[]', '[Look at the second delivery.]', 'Help in steps.'),
  solution: required(settings, '{ consumers.resizer.count: 3 }', 'One answer that wins.'),
  wrong: defaulted(
    list(record('a wrong answer: `{ set: …, because: … }`', WRONG_FIELDS), 50),
    '[]',
    '[{ set: { consumers.resizer.count: 1 }, because: One cannot keep up. }]',
    'Answers that must fail.',
  ),
  debrief: required(text(LONGEST_TEXT), 'The timeout must outlast the slowest work.', 'What is said after the win.'),
  'hidden-seeds': defaulted(
    integer(0, 1_000),
    '20',
    '50',
    'On how many seeds it is graded beside the one that is shown.',
  ),
} satisfies Fields;
