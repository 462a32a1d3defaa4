/**
 * Redis Pub/Sub as a scenario declares it: option tables, what it lacks, what is simplified, and the building of a server and of the ports through which
 * clients use it. Channels are `topics:`. Each instance of a consumer is a subscriber of its own and gets everything. The rules are in the node
 * (`redis-pubsub-node.ts`).
 */
import { backoffOptions } from '../clients/backoff.ts';
import { RedisPubSubConsumerPort } from '../clients/redis-pubsub-consumer-port.ts';
import { RedisPubSubProducerPort } from '../clients/redis-pubsub-producer-port.ts';
import { booleanOf, type OptionTable, type OptionValues, textOf } from '../options.ts';
import { DEFAULT_LIMIT, parseBufferLimit } from '../parts/output-buffer.ts';
import type { BrokerKind, Complaint, Configuration } from './kind.ts';
import { RedisPubSubNode } from './redis-pubsub-node.ts';

const SECOND = 1_000_000;

const BROKER_OPTIONS: OptionTable = {
  'client-output-buffer-limit': {
    type: 'text',
    default: 'pubsub 32mb 8mb 60',
    doc: 'When a slow subscriber is cut off: at once when its output buffer holds the first amount, or after so many seconds without a break above the second. 0 is no limit.',
    source: 'B9',
  },
};

const TOPIC_OPTIONS: OptionTable = {
  sharded: {
    type: 'boolean',
    default: false,
    doc: 'SPUBLISH and SSUBSCRIBE instead of PUBLISH and SUBSCRIBE (7.0): in a cluster the message stays in the shard of its channel.',
    source: 'B11',
  },
};

const PRODUCER_OPTIONS: OptionTable = {
  'request-timeout': {
    type: 'duration',
    unit: 'ms',
    default: 2 * SECOND,
    min: 1000,
    doc: 'How long the publisher waits for the reply, which tells how many subscribers got the message.',
    source: 'B2',
  },
  retries: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 1_000_000,
    doc: 'How often a PUBLISH is sent again when no reply came or the connection was lost. It may then be published twice.',
    source: 'client libraries: retry on timeout',
  },
  'retry-backoff': {
    type: 'duration',
    unit: 'ms',
    default: 100_000,
    min: 0,
    doc: 'Wait before the first retry.',
    source: 'client libraries: exponential backoff',
  },
  ...backoffOptions('retry-', 'exponential', 10_000_000),
};

const CONSUMER_OPTIONS: OptionTable = {
  channels: {
    type: 'list',
    doc: 'Channels to SUBSCRIBE to, instead of those that `from` names. Producers with a `routing:` publish to channels of such names.',
    source: 'B3',
  },
  patterns: {
    type: 'list',
    doc: 'Patterns to PSUBSCRIBE to: `*`, `?`, `[abc]`, and `\\` before a character that is meant as it is. Who matches by channel and by pattern gets the message twice.',
    source: 'B4, B5',
  },
  'receive-buffer': {
    type: 'bytes',
    default: 262_144,
    min: 1,
    max: 1_073_741_824,
    doc: "How much unread data the connection takes (both sides' socket buffers). What does not fit stays in the server's output buffer.",
    source: 'B9; TCP',
  },
  reconnect: {
    type: 'duration',
    unit: 'ms',
    default: SECOND,
    min: 1000,
    doc: 'Pause before a subscriber that lost its connection opens another one and subscribes again. What is published meanwhile passes it by.',
    source: 'B10',
  },
};

export const redisPubSub: BrokerKind = {
  kind: 'redis-pubsub',
  title: 'Redis Pub/Sub',
  about:
    'Fire and forget: a message is written to all who are subscribed at that moment, and to nobody else ever. Nothing is stored, acked or repeated.',
  options: BROKER_OPTIONS,
  topics: TOPIC_OPTIONS,
  producers: PRODUCER_OPTIONS,
  consumers: CONSUMER_OPTIONS,
  defaultOnFailure: 'skip',
  settles: 'on-delivery',
  lacks: {
    fill: 'Nothing is kept, on no disk.',
    redrive: 'Nothing is kept, so nothing can be sent again. Redis Streams keep what was added.',
    purge: 'Nothing is kept, so there is nothing that could be purged.',
    'auto.offset.reset': 'Nothing is kept, so nothing can be read again. Redis Streams keep what was added.',
    settle: 'Redis Pub/Sub has no acks: a message is done with once it is written to the connection (`on-delivery`).',
    heartbeat: 'Redis Pub/Sub holds no locks that could be extended.',
    'on-failure':
      'A handler that fails has lost the message: it is not stored anywhere. Redis Streams keep it pending.',
    queues: 'Redis Pub/Sub has no queues; declare channels under `topics:`. Redis Streams store messages.',
    exchanges: 'Redis Pub/Sub has no exchanges; subscribers match channels by name or by pattern.',
    group: 'Subscribers do not share messages: each gets all of them. Redis Streams have consumer groups.',
    VisibilityTimeout: 'Redis Pub/Sub has no locks: nothing is handed out again.',
    RedrivePolicy: 'Redis Pub/Sub has no dead letters: nothing is kept.',
    appendonly: 'Messages are never on disk, whatever the append-only file holds. Redis Streams are.',
    MAXLEN:
      'Nothing is stored, so nothing is trimmed; `client-output-buffer-limit` bounds what waits for a slow subscriber.',
  },
  simplifications: [
    "A declared subscriber's share is shown as a queue: it holds what lies in the server's output buffer for it. A message that it was not subscribed for counts as lost to it.",
    'One server: how a cluster hands a PUBLISH to its other nodes, and keeps an SPUBLISH within a shard (B11), is not shown.',
    'A push that the network loses breaks the connection a second later; TCP would first send it again. What is sent into a network split is lost.',
    'Patterns are served in the order of their names; the real order is arbitrary.',
    'An output buffer counts the bytes of messages alone. Handlers that fail lose the message: nobody asks for it again.',
  ],
  check,
  build(spec, setup) {
    const placeOf = (topic: string) => setup.place(topic, 'exchange');
    const limit = parseBufferLimit(textOf(spec.options, 'client-output-buffer-limit')) ?? DEFAULT_LIMIT;
    const node = new RedisPubSubNode(limit, placeOf);
    const actor = setup.actor(spec.name === 'broker' ? 'redis-pubsub' : spec.name, 'broker', node);
    const sharded = new Map(spec.topics.map(({ name, options }) => [name, booleanOf(options, 'sharded')]));
    for (const { name } of spec.topics) placeOf(name);
    return {
      nodes: [actor],
      streams: true,
      nodesFor: () => [actor],
      producerPort(port, host) {
        const targets = port.to.map((topic) => ({
          topic,
          place: placeOf(topic),
          sharded: sharded.get(topic) === true,
        }));
        return new RedisPubSubProducerPort(actor, port, targets, host, setup);
      },
      consumerPort(port, host) {
        const wants = wantsOf(port.options, port.from);
        const [first = ''] = port.from;
        const places = new Map(
          port.from.map((topic) => [topic, setup.place(`${topic}/${port.name}`, 'queue', topic)] as const),
        );
        const place = (topic: string) => places.get(topic) ?? places.get(first) ?? 0;
        return new RedisPubSubConsumerPort(
          actor,
          port,
          { ...wants, sharded: sharded.get(first) === true },
          host,
          (self) => node.expect(self, { ...wants, place }),
        );
      },
    };
  },
};

/** What a consumer subscribes to. */
function wantsOf(
  options: OptionValues,
  from: readonly string[],
): { readonly channels: readonly string[]; readonly patterns: readonly string[] } {
  return { channels: listOf(options, 'channels') ?? from, patterns: listOf(options, 'patterns') ?? [] };
}

function listOf(options: OptionValues, name: string): readonly string[] | null {
  const value = options[name];
  return Array.isArray(value) ? (value as readonly string[]) : null;
}

function check({ options, topics, consumers }: Configuration): Complaint[] {
  const complaints: Complaint[] = [];
  const [topic] = topics;
  if (topic !== undefined && parseBufferLimit(textOf(options, 'client-output-buffer-limit')) === null) {
    const text =
      '`client-output-buffer-limit` of the broker must be a class, two sizes and seconds: `pubsub 32mb 8mb 60`.';
    complaints.push({ section: 'topics', name: topic.name, option: '', text });
  }
  for (const { name, options: own, from } of consumers) {
    const shards = from.filter((source) =>
      booleanOf(topics.find((one) => one.name === source)?.options ?? {}, 'sharded'),
    );
    if (shards.length > 0 && (listOf(own, 'patterns') ?? []).length > 0) {
      complaints.push({
        section: 'consumers',
        name,
        option: 'patterns',
        text: 'Sharded channels have no patterns: SSUBSCRIBE takes names alone.',
      });
    }
    if (shards.length > 0 && shards.length < from.length) {
      const text = 'A subscriber here reads sharded channels or others, not both.';
      complaints.push({ section: 'consumers', name, option: '', text });
    }
  }
  return complaints;
}
