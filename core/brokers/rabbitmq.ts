/**
 * RabbitMQ as a scenario declares it: option tables, what it lacks, what is simplified, and the building of a node with its exchanges, queues and
 * bindings and of the ports through which clients use it. The rules are in the node (`rabbitmq-node.ts`) and its parts.
 */
import { RabbitConsumerPort } from '../clients/rabbitmq-consumer-port.ts';
import { type PublishTarget, RabbitProducerPort } from '../clients/rabbitmq-producer-port.ts';
import { booleanOf, numberOf, type OptionValues, textOf } from '../options.ts';
import { EXCHANGE_TYPES, type ExchangeType } from '../parts/exchange-graph.ts';
import type { HeaderTable, HeaderValue } from '../parts/headers-match.ts';
import type { ActorId, PlaceId } from '../types.ts';
import type { BrokerKind, BrokerSpec, Complaint, Declared } from './kind.ts';
import type { ClusterPlan } from './rabbitmq-cluster-host.ts';
import { membersFor } from './rabbitmq-groups.ts';
import { type Membership, RabbitNode } from './rabbitmq-node.ts';
import {
  argumentsOf,
  BROKER_OPTIONS,
  CHANGEABLE,
  CONSUMER_OPTIONS,
  declaredArguments,
  EXCHANGE_OPTIONS,
  PRODUCER_OPTIONS,
  QUEUE_OPTIONS,
} from './rabbitmq-options.ts';
import { Strays } from './rabbitmq-strays.ts';
import type { ClientMethod } from './rabbitmq-verbs.ts';

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
  changeable: CHANGEABLE,
  commands: ['redrive', 'purge'],
  hasDisk: () => true,
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
    'The definitions of a cluster (exchanges, queues, bindings) are in one log that all nodes keep, as Khepri keeps them: each node carries out what a majority has on disk, and answers from its own copy what needs no change. Nobody leads that log until something is to be changed, its elections are not shown, and a client waits as long as there is no majority, as one does that deletes a queue whose node is down; the server gives up after a while, and refuses with 404 to declare a classic queue again whose node is down. A transient queue stays defined when its node restarts, with nothing in it.',
    'In a cluster a prefetch that a channel shares counts on a single node only. A consumer that its queue refuses there, for another has it to itself (R30), is told so after it was told that it consumes. A queue that is exclusive to one connection (R13), and its bindings, are known to that connection’s node alone.',
    'Nodes find out who is alive by a heartbeat each second and a fixed limit (`failure-detection`); the server’s detector adapts. A member that was away gets all entries that it missed, never a snapshot, and a stream is replicated as a quorum queue is.',
    'A policy reaches all members of a queue at once, outside of its log.',
    'A frame that the network loses is not sent again, as TCP would do: it breaks the connection, which the client opens anew.',
    'A connection is lost after exactly `heartbeat` of silence; the server looks now and then, and gives up after two or three of its intervals.',
    'When written messages are flushed to disk is a setting (`flush`); the server decides by itself.',
    'A chunk of a stream is what one flush wrote; sizes of segments count message bodies only. In a scenario policies are written as arguments of the queue and changed by `set`; flow control is not modelled.',
    'A message that is dead-lettered at least once moves at the next flush, copy and removal together, so that on one node no repetition comes of it; in a cluster it may come twice.',
    'A disk is full when the timeline fills it (`fill`), whatever is stored, and the alarm is known at once; there is no memory alarm. A redrive goes on under the alarm, where a shovel’s connection would be blocked. What its target refuses stays where it is; in a cluster it goes to the end of its queue.',
  ],
  nodeNames(name, options) {
    const count = numberOf(options, 'nodes', 1);
    if (count === 1) return [name === 'broker' ? 'rabbitmq' : name];
    return Array.from({ length: count }, (_, at) => `${name === 'broker' ? '' : `${name}-`}b${at + 1}`);
  },
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
    const placeOf = (name: string): PlaceId => places.get(name) ?? 0;
    const prefix = spec.name === 'broker' ? '' : `${spec.name}-`;
    const count = numberOf(spec.options, 'nodes', 1);
    const nodes: ActorId[] = [];
    const plan: ClusterPlan | undefined =
      count === 1
        ? undefined
        : {
            nodes,
            size: count,
            site: setup.site(`${spec.name}/election`),
            definitionsSite: setup.site(`${spec.name}/definitions-election`),
            failureDetectionUs: numberOf(spec.options, 'failure-detection', 5_000_000),
            consumerDisconnectedUs: numberOf(spec.options, 'consumer_disconnected_timeout', 60_000_000),
            recorded: [],
            firstTerms: [],
            terms: new Map(),
            lost: [],
            buried: new Set(),
            took: new Map(),
            strays: new Strays(),
          };
    for (let self = 1; self <= count; self += 1) {
      const machine = newNode(spec, placeOf, plan && { self, plan });
      const [refused] = define(machine, spec);
      if (refused !== undefined) throw new Error(`invariant: the parser let ${refused.name} pass: ${refused.text}`);
      const alone = spec.name === 'broker' ? 'rabbitmq' : spec.name;
      nodes.push(setup.actor(plan === undefined ? alone : `${prefix}b${self}`, 'broker', machine, plan && spec.name));
    }
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
      nodes,
      streams: true,
      nodesFor: () => nodes,
      producerPort: (port, host) =>
        new RabbitProducerPort(nodes, port, port.to.map(target), declarations('publish', port.to), host, setup),
      consumerPort: (port, host) => {
        const sources = port.from.map((name) => ({ name, stream: isStream(queues.get(name)?.options ?? {}) }));
        const group = sources.some(({ stream }) => stream) ? setup.place(port.name, 'group') : 0;
        return new RabbitConsumerPort(nodes, port, sources, group, declarations('consume', port.from), host, setup);
      },
    };
  },
};

function newNode({ options }: BrokerSpec, placeOf: (name: string) => PlaceId, member?: Membership): RabbitNode {
  const settings = {
    version: textOf(options, 'version', '4.2'),
    heartbeatUs: numberOf(options, 'heartbeat', 60_000_000),
    consumerTimeoutUs: numberOf(options, 'consumer_timeout', 1_800_000_000),
    flushUs: numberOf(options, 'flush', 5_000),
  };
  return new RabbitNode(settings, placeOf, member);
}

/** What an administrator would have declared before the run begins. Gives what the node refuses of it; the rest is declared all the same. */
function define(node: RabbitNode, { options: settings, exchanges, queues }: BrokerSpec): Complaint[] {
  const nodes = numberOf(settings, 'nodes', 1);
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
  queues.forEach(({ name, options }, index) => {
    const definition = {
      name,
      durable: booleanOf(options, 'durable', true),
      autoDelete: booleanOf(options, 'auto-delete'),
      arguments: declaredArguments(options),
    };
    note('queues', name, node.addQueue(definition, membersFor(definition.arguments, 1, index, nodes)));
  });
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
