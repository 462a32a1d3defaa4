/**
 * Redis Streams as a scenario declares them: option tables, what they lack, what is simplified, and the building of a server with its streams and groups
 * and of the ports through which clients use it. Streams are `topics:`; each consumer's `group` is a consumer group. The rules are in the node
 * (`redis-streams-node.ts`) and its parts.
 */
import { RedisStreamsConsumerPort } from '../clients/redis-streams-consumer-port.ts';
import { RedisStreamsProducerPort } from '../clients/redis-streams-producer-port.ts';
import type { Setup } from '../machine.ts';
import { booleanOf, textOf } from '../options.ts';
import type { PlaceId } from '../types.ts';
import type { BrokerKind, Complaint, Configuration } from './kind.ts';
import { RedisStreamsNode } from './redis-streams-node.ts';
import {
  BROKER_OPTIONS,
  CONSUMER_OPTIONS,
  PRODUCER_OPTIONS,
  savePoints,
  settingsOf,
  TOPIC_OPTIONS,
  trimmingOf,
  versionOf,
} from './redis-streams-options.ts';

export const redisStreams: BrokerKind = {
  kind: 'redis-streams',
  title: 'Redis Streams',
  about:
    'An append-only log in memory. Each consumer group hands every entry to one of its consumers and keeps a list of what is pending; nothing comes back by itself, a consumer reads its own history or claims what others left.',
  options: BROKER_OPTIONS,
  topics: TOPIC_OPTIONS,
  producers: PRODUCER_OPTIONS,
  consumers: CONSUMER_OPTIONS,
  defaultOnFailure: 'leave',
  commands: ['seek'],
  lacks: {
    fill: 'Redis answers MISCONF to writes while it cannot write to its disk; that is not modelled.',
    redrive:
      'Redis has no dead-letter queue (X14): a consumer of the stream that holds them, with `produces` to the first one, adds them again.',
    queues: 'In Redis a stream is declared under `topics:`; a consumer group makes a queue of it.',
    exchanges: 'Redis has no exchanges: each group reads the whole stream, and a producer names the stream.',
    partitions:
      'A stream has no partitions; several streams, chosen by the client, come closest. A group shares one stream among its consumers without them.',
    VisibilityTimeout:
      'Redis has no lock by time: an entry stays pending with its consumer until it is acked or claimed. `min-idle-time` says from when on others may claim it.',
    lock: 'Redis has no lock by time; see `min-idle-time`.',
    RedrivePolicy:
      'Redis has no dead-letter queue (X14): the client moves an entry, see `dead-letter-stream` and `max-deliveries`.',
    acks: 'XADD is answered once the entry is in memory; `appendfsync` decides whether it is on disk by then, and WAIT is not modelled.',
    'enable.idempotence': 'Since 8.6 XADD has IDMP: `IDMP: true`.',
    'auto.offset.reset':
      'A group begins where XGROUP CREATE says: at the start of the stream here, or see `group-start`.',
    DelaySeconds: 'Redis Streams have no delayed entries; a sorted set that a worker polls is the usual way.',
    'x-message-ttl': 'Entries have no time to live; XADD with MINID trims by age: `MINID` of the topic.',
  },
  simplifications: [
    'A crash is one of the whole machine: what was not flushed is gone. When only the process is killed, the operating system keeps what was written.',
    "A group's share of a stream is shown as a queue that an ack empties; the entries themselves stay in the stream until they are trimmed.",
    'Streams and groups exist, and are on disk, before the run begins.',
    'The replica is no node of its own: it is known by how far it lags, and takes over as the same server, without Sentinel or a cluster.',
    'A snapshot takes no time, and an append-only file is never rewritten.',
    'A reply that the network loses is a command that times out; TCP would send it again or break the connection.',
    'Nodes of a stream are full by their number of entries; stream-node-max-bytes does not count. Memory has no limit (maxmemory).',
    'Transactions, other scripts than the one that moves a dead letter, XREAD without a group, WAIT and cluster slots are not part of a scenario.',
  ],
  check,
  build(spec, setup) {
    const streams = new Declarations(spec.topics.map(({ name }) => name));
    const node = new RedisStreamsNode(settingsOf(spec.options), {
      stream: (key) => streams.place(key, setup),
      group: (key, group) => streams.groupPlace(key, group, setup),
      declared: () => streams.all(),
    });
    const actor = setup.actor(spec.name === 'broker' ? 'redis-streams' : spec.name, 'broker', node);
    const trimming = new Map(spec.topics.map(({ name, options }) => [name, trimmingOf(options)]));
    const canNack = versionOf(spec.options) >= 808;
    return {
      nodes: [actor],
      streams: false,
      nodesFor: () => [actor],
      producerPort(port, host) {
        // All consumers of the beginning are known by now, and with them the groups.
        node.declareAll();
        const targets = port.to.map((key) => ({
          key,
          place: streams.place(key, setup),
          trimming: trimming.get(key) ?? null,
        }));
        return new RedisStreamsProducerPort(actor, port, targets, host, setup);
      },
      consumerPort(port, host) {
        for (const key of port.from) streams.add(key, port.group);
        return new RedisStreamsConsumerPort(actor, port, canNack, host);
      },
    };
  },
};

function check({ options, topics, producers, consumers }: Configuration): Complaint[] {
  const complaints: Complaint[] = [];
  const version = versionOf(options);
  const note = (section: Complaint['section'], name: string, option: string, text: string): void => {
    complaints.push({ section, name, option, text });
  };
  for (const { name, options: own } of topics) {
    if (own['MAXLEN'] !== undefined && own['MINID'] !== undefined) {
      note('topics', name, 'MINID', 'XADD takes MAXLEN or MINID, not both.');
    }
    if (own['LIMIT'] !== undefined && textOf(own, 'trim', '=') !== '~') {
      note('topics', name, 'LIMIT', 'LIMIT cannot be used without `trim: ~`.');
    }
    if (textOf(own, 'references', 'KEEPREF') !== 'KEEPREF' && version < 802) {
      note('topics', name, 'references', 'DELREF and ACKED came with Redis 8.2.');
    }
    if (savePoints(textOf(options, 'save')) === null) {
      note('topics', name, '', '`save` of the broker must be pairs of seconds and changes, such as `3600 1 300 100`.');
    }
  }
  for (const { name, options: own } of producers) {
    if (booleanOf(own, 'IDMP') && version < 806)
      note('producers', name, 'IDMP', 'Idempotent XADD came with Redis 8.6.');
  }
  for (const { name, options: own, from } of consumers) {
    if (own['CLAIM'] !== undefined && version < 804) {
      note('consumers', name, 'CLAIM', 'XREADGROUP … CLAIM came with Redis 8.4.');
    }
    if (from.includes(textOf(own, 'dead-letter-stream'))) {
      note('consumers', name, 'dead-letter-stream', 'A dead letter would come back to the consumer that gave it up.');
    }
  }
  return complaints;
}

/** The streams of a scenario and the groups that read them; names of places follow from how many groups a stream has. */
class Declarations {
  readonly #groups = new Map<string, string[]>();

  constructor(streams: readonly string[]) {
    for (const stream of streams) this.#groups.set(stream, []);
  }

  add(stream: string, group: string): void {
    const groups = this.#groups.get(stream) ?? [];
    if (!groups.includes(group)) this.#groups.set(stream, [...groups, group]);
  }

  all(): Iterable<readonly [string, readonly string[]]> {
    return this.#groups;
  }

  /** With one group the stream is its queue; with several it fans out to a queue for each. */
  place(stream: string, setup: Setup): PlaceId {
    return setup.place(stream, this.#fansOut(stream) ? 'exchange' : 'queue');
  }

  groupPlace(stream: string, group: string, setup: Setup): PlaceId {
    return this.#fansOut(stream) ? setup.place(`${stream}/${group}`, 'queue', stream) : this.place(stream, setup);
  }

  #fansOut(stream: string): boolean {
    return (this.#groups.get(stream)?.length ?? 0) > 1;
  }
}
