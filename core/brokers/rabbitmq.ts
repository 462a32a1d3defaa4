/**
 * RabbitMQ as a scenario declares it: option tables, what it lacks, what is simplified, and the building of a node with its exchanges, queues and
 * bindings and of the ports through which clients use it. The rules are in the node (`rabbitmq-node.ts`) and its parts.
 */
import { RabbitConsumerPort } from '../clients/rabbitmq-consumer-port.ts';
import { type PublishTarget, RabbitProducerPort } from '../clients/rabbitmq-producer-port.ts';
import { booleanOf, numberOf, type OptionValues, textOf } from '../options.ts';
import type { ExchangeType } from '../parts/exchange-graph.ts';
import type { HeaderTable, HeaderValue } from '../parts/headers-match.ts';
import type { PlaceId } from '../types.ts';
import type { BrokerKind, BrokerSpec, Complaint, Declared } from './kind.ts';
import { RabbitNode } from './rabbitmq-node.ts';
import {
  argumentsOf,
  BROKER_OPTIONS,
  CONSUMER_OPTIONS,
  declaredArguments,
  EXCHANGE_OPTIONS,
  PRODUCER_OPTIONS,
  QUEUE_OPTIONS,
} from './rabbitmq-options.ts';
import type { ClientMethod } from './rabbitmq-verbs.ts';

const EXCHANGE_TYPES: readonly string[] = ['direct', 'fanout', 'topic', 'headers'] satisfies readonly ExchangeType[];

export const rabbitmq: BrokerKind = {
  kind: 'rabbitmq',
  title: 'RabbitMQ',
  about:
    'Exchanges route messages to queues by bindings; queues push them to competing consumers, each up to its prefetch, and forget what is acked. What a lost channel had not acked comes back.',
  options: BROKER_OPTIONS,
  queues: QUEUE_OPTIONS,
  exchanges: EXCHANGE_OPTIONS,
  producers: PRODUCER_OPTIONS,
  consumers: CONSUMER_OPTIONS,
  defaultOnFailure: 'requeue',
  lacks: {
    topics:
      'RabbitMQ has queues, and exchanges that route to them; an exchange of type topic is declared under `exchanges:`.',
    VisibilityTimeout:
      'RabbitMQ locks by channel, not by time: a delivery comes back when its channel or connection is lost. consumer_timeout bounds how long it may stay unacked.',
    lock: 'RabbitMQ locks by channel, not by time; see consumer_timeout.',
    RedrivePolicy:
      'RabbitMQ has x-dead-letter-exchange and x-dead-letter-routing-key; a limit on deliveries is x-delivery-limit of quorum queues.',
    partitions: 'RabbitMQ queues have no partitions; several queues bound by key come closest.',
    acks: 'RabbitMQ has publisher confirms: `confirms: true`.',
    DelaySeconds: 'RabbitMQ delays by a queue with x-message-ttl that dead-letters into the real one.',
    'auto.offset.reset':
      'RabbitMQ’s queues keep no offsets: what is acked is gone. A stream (x-queue-type: stream) can be read again: x-stream-offset.',
    'max.poll.interval.ms': 'RabbitMQ pushes; consumer_timeout bounds how long a delivery may stay unacked.',
  },
  simplifications: [
    'One node: a quorum queue counts deliveries and orders returns as it does, but has a single member and no elections.',
    'A frame that the network loses is not sent again, as TCP would do: it breaks the connection, which the client opens anew.',
    'When written messages are flushed to disk is a setting (`flush`); the server decides by itself.',
    'A chunk of a stream is what one flush wrote; sizes of segments count message bodies only. Policies are written as arguments of the queue, and flow control is not modelled.',
    'A message that is dead-lettered at least once moves at the next flush, copy and removal together: on one node no repetition comes of it.',
    'A broker that is sent more than it delivers has no memory or disk alarm.',
  ],
  check: (spec) =>
    define(
      newNode(spec, () => 0),
      spec,
    ),
  build(spec, setup) {
    const places = new Map([
      ...spec.exchanges.map(({ name }) => [name, setup.place(name, 'exchange')] as const),
      ...spec.queues.map(
        ({ name, options }) => [name, setup.place(name, isStream(options) ? 'partition' : 'queue')] as const,
      ),
    ]);
    const machine = newNode(spec, (name) => places.get(name) ?? 0);
    const [refused] = define(machine, spec);
    if (refused !== undefined) throw new Error(`invariant: the parser let ${refused.name} pass: ${refused.text}`);
    const node = setup.actor(spec.name === 'broker' ? 'rabbitmq' : spec.name, 'broker', machine);
    const queues = new Map(spec.queues.map((queue) => [queue.name, queue]));
    const declarations = (channel: string, names: readonly string[]): ClientMethod[] =>
      names.flatMap((name) => {
        const queue = queues.get(name);
        return queue === undefined ? [] : redeclaration(channel, queue);
      });
    const target = (name: string): PublishTarget => {
      const place = places.get(name) ?? 0;
      return queues.has(name)
        ? { exchange: '', routingKey: name, place }
        : { exchange: name, routingKey: undefined, place };
    };
    return {
      nodes: [node],
      streams: true,
      nodesFor: () => [node],
      producerPort: (port, host) =>
        new RabbitProducerPort(node, port, port.to.map(target), declarations('publish', port.to), host),
      consumerPort: (port, host) => {
        const sources = port.from.map((name) => ({ name, stream: isStream(queues.get(name)?.options ?? {}) }));
        const group = sources.some(({ stream }) => stream) ? setup.place(port.declared, 'group') : 0;
        return new RabbitConsumerPort(node, port, sources, group, declarations('consume', port.from), host);
      },
    };
  },
};

function newNode({ options }: BrokerSpec, placeOf: (name: string) => PlaceId): RabbitNode {
  const settings = {
    version: textOf(options, 'version', '4.2'),
    heartbeatUs: numberOf(options, 'heartbeat', 60_000_000),
    consumerTimeoutUs: numberOf(options, 'consumer_timeout', 1_800_000_000),
    flushUs: numberOf(options, 'flush', 5_000),
  };
  return new RabbitNode(settings, placeOf);
}

/** What an administrator would have declared before the run begins. Gives what the node refuses of it; the rest is declared all the same. */
function define(node: RabbitNode, { exchanges, queues }: BrokerSpec): Complaint[] {
  const complaints: Complaint[] = [];
  const note = (section: Complaint['section'], name: string, refusal: string | undefined): void => {
    // A refusal that names an argument is shown at that option.
    if (refusal !== undefined) {
      complaints.push({ section, name, option: /x-[a-z-]+[a-z]/.exec(refusal)?.[0] ?? '', text: refusal });
    }
  };
  for (const { name, options } of exchanges) {
    const type = textOf(options, 'type', 'direct');
    if (!isExchangeType(type)) throw new Error(`invariant: the parser let exchange type ${type} pass`);
    node.addExchange(name, type, argumentsOf(options, EXCHANGE_OPTIONS), {
      durable: booleanOf(options, 'durable', true),
      autoDelete: booleanOf(options, 'auto-delete'),
      internal: booleanOf(options, 'internal'),
    });
  }
  for (const { name, options } of queues) {
    const refusal = node.addQueue({
      name,
      durable: booleanOf(options, 'durable', true),
      autoDelete: booleanOf(options, 'auto-delete'),
      arguments: declaredArguments(options),
    });
    note('queues', name, refusal);
  }
  for (const [to, section, things] of [
    ['exchange', 'exchanges', exchanges],
    ['queue', 'queues', queues],
  ] as const) {
    for (const { name, bindings } of things) {
      // One complaint about a queue is enough.
      if (complaints.some((complaint) => complaint.name === name)) continue;
      for (const { exchange, key, arguments: args } of bindings) {
        // The parser itself finds names that the file does not declare.
        if (node.hasExchange(exchange)) note(section, name, node.addBinding(to, name, exchange, key, tableFrom(args)));
      }
    }
  }
  return complaints;
}

/** What clients of a queue say again on each connection, where a restart or the last consumer's leaving removes the queue. */
function redeclaration(channel: string, { name, options, bindings }: Declared): ClientMethod[] {
  const durable = booleanOf(options, 'durable', true);
  const autoDelete = booleanOf(options, 'auto-delete');
  if (durable && !autoDelete && options['x-expires'] === undefined) return [];
  return [
    {
      type: 'queue.declare',
      channel,
      queue: name,
      durable,
      autoDelete,
      arguments: declaredArguments(options),
    },
    ...bindings.map(
      ({ exchange, key, arguments: args }): ClientMethod => ({
        type: 'queue.bind',
        channel,
        queue: name,
        exchange,
        routingKey: key,
        arguments: tableFrom(args),
      }),
    ),
  ];
}

function isStream(options: OptionValues): boolean {
  return options['x-queue-type'] === 'stream';
}

function tableFrom(values: OptionValues): HeaderTable {
  const table: Record<string, HeaderValue> = {};
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    table[name] = typeof value === 'object' && !isList(value) ? tableFrom(value) : value;
  }
  return table;
}

function isList(value: readonly string[] | OptionValues): value is readonly string[] {
  return Array.isArray(value);
}

function isExchangeType(type: string): type is ExchangeType {
  return EXCHANGE_TYPES.includes(type);
}
