/**
 * Declaring, binding, purging and deleting: how exchanges and queues come, change and go, and what a policy changes in a queue that exists.
 * Methods give the refusal that closes the channel, or nothing. In a cluster what nodes share changes when all agreed (`rabbitmq-catalogue.ts`).
 * Source: rules R1, R2, R8–R16, R37, R42.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { OptionValue } from '../options.ts';
import { type Binding, DEFAULT_EXCHANGE, EXCHANGE_TYPES, type Exchange } from '../parts/exchange-graph.ts';
import { type HeaderTable, headersBindingRefusal } from '../parts/headers-match.ts';
import type { MemberNumber } from '../parts/raft-member.ts';
import { hashWords, topicWords } from '../parts/topic-pattern.ts';
import type { Micros } from '../types.ts';
import type { Change, Defining } from './rabbitmq-catalogue.ts';
import type { RabbitHost, Timer } from './rabbitmq-host.ts';
import type { Keeper } from './rabbitmq-keeper.ts';
import { argumentsOf, QUEUE_OPTIONS, queueSpec, sameArguments } from './rabbitmq-options.ts';
import { Queue, type QueueDefinition } from './rabbitmq-queue.ts';
import {
  accessRefused,
  type Channel,
  type Connection,
  commandInvalid,
  notFound,
  notImplemented,
  type OnChannel,
  preconditionFailed,
  type Refusal,
  say,
} from './rabbitmq-session.ts';

type BindMethod = OnChannel<'exchange.bind' | 'exchange.unbind'> | OnChannel<'queue.bind' | 'queue.unbind'>;

const NO_ARGUMENTS: HeaderTable = {};

export class Definitions {
  readonly #host: RabbitHost;
  readonly #keeper: Keeper;
  #lastGenerated = 0;

  constructor(host: RabbitHost, keeper: Keeper) {
    this.#host = host;
    this.#keeper = keeper;
  }

  addExchange(name: string, type: Exchange['type'], args: HeaderTable, flags: Partial<Exchange> = {}): void {
    const alternate = args['alternate-exchange'];
    const { graph, policies } = this.#host;
    graph.addExchange({
      durable: true,
      autoDelete: false,
      internal: false,
      ...flags,
      name,
      type,
      alternate: typeof alternate === 'string' ? alternate : undefined,
    });
    if (policies.any) graph.setFallback(name, policies.alternateOf(name));
  }

  declareExchange(method: OnChannel<'exchange.declare'>): Refusal | undefined {
    const { exchange: name, exchangeType: type } = method;
    const known = this.#host.graph.exchange(name);
    if (!method.passive && !EXCHANGE_TYPES.includes(type)) return commandInvalid(`unknown exchange type '${type}'`);
    if (name === DEFAULT_EXCHANGE) return accessRefused('the default exchange cannot be declared');
    if (known === undefined) {
      if (method.passive) return notFound('exchange', name);
      if (name.startsWith('amq.')) return accessRefused(`exchange name '${name}' begins with the reserved prefix amq.`);
      this.addExchange(name, type, method.arguments ?? NO_ARGUMENTS, flagsOf(method));
      return undefined;
    }
    if (method.passive) return undefined;
    const alternate = method.arguments?.['alternate-exchange'];
    const { durable, autoDelete, internal } = flagsOf(method);
    const same =
      known.type === type &&
      known.durable === durable &&
      known.autoDelete === autoDelete &&
      known.internal === internal &&
      known.alternate === alternate;
    return same ? undefined : preconditionFailed(`exchange '${name}' exists with other properties`);
  }

  deleteExchange(method: OnChannel<'exchange.delete'>): Refusal | undefined {
    const { exchange: name } = method;
    if (name === DEFAULT_EXCHANGE || name.startsWith('amq.'))
      return accessRefused(`exchange '${name}' cannot be deleted`);
    if (method.ifUnused && this.#host.graph.bindingsFrom(name).length > 0)
      return preconditionFailed(`exchange '${name}' is in use`);
    this.#host.removeExchange(name);
    return undefined;
  }

  /** Whether a method changes what the nodes of a cluster share, so that they have to agree on it first; else this node's own copy answers it. */
  needsAll(method: Defining): boolean {
    if (this.#host.cluster === undefined) return false;
    const { graph, queues } = this.#host;
    switch (method.type) {
      case 'exchange.declare':
        return graph.exchange(method.exchange) === undefined && method.passive !== true;
      case 'exchange.delete':
        return graph.exchange(method.exchange) !== undefined;
      case 'exchange.bind':
        return !graph.isBound(bindingOf(method));
      case 'exchange.unbind':
        return graph.isBound(bindingOf(method));
      case 'queue.bind':
      case 'queue.unbind': {
        const queue = queues.get(method.queue);
        if (queue !== undefined && !queue.shared) return false;
        return graph.isBound(bindingOf(method)) === (method.type === 'queue.unbind');
      }
      case 'queue.declare':
        return !queues.has(method.queue) && method.passive !== true && method.exclusive !== true;
      default:
        return method satisfies never;
    }
  }

  /** All nodes agreed on a change; each carries it out, and refuses what has become wrong by then. */
  carryOut({ method, near }: Extract<Change, { type: 'define' }>, atUs: Micros, out: Out): Refusal | undefined {
    switch (method.type) {
      case 'exchange.declare':
        return this.declareExchange(method);
      case 'exchange.delete':
        return this.deleteExchange(method);
      case 'queue.declare':
        return this.#share(method, near, atUs, out);
      default:
        return this.#changeBinding(method);
    }
  }

  #share(method: OnChannel<'queue.declare'>, near: MemberNumber, atUs: Micros, out: Out): Refusal | undefined {
    const { queue: name, durable = false, autoDelete = false, arguments: args = NO_ARGUMENTS } = method;
    const known = this.#host.queues.get(name);
    if (known?.shared) return differs(known, method);
    // Only this node knows a queue that a connection has to itself: it gives way to what all agreed on.
    if (known !== undefined) this.deleteQueue(known, R['missing target'], out);
    const refusal = this.createQueue({ name, durable, autoDelete, arguments: args }, undefined, atUs);
    const created = this.#host.queues.get(name);
    if (refusal === undefined && created !== undefined) this.#host.cluster?.begin(created, near, atUs, out);
    return refusal;
  }

  changeBinding(channel: Channel, method: BindMethod): Refusal | undefined {
    const locked = 'queue' in method ? this.#host.lockedFor(channel, method.queue) : undefined;
    return locked ?? this.#changeBinding(method);
  }

  #changeBinding(method: BindMethod): Refusal | undefined {
    const binding = bindingOf(method);
    if (method.type === 'queue.bind' || method.type === 'exchange.bind') return this.bind(binding);
    const refused = defaultBindingRefusal(binding);
    if (refused !== undefined) return refused;
    this.#host.dropUnbound(this.#host.graph.unbind(binding));
    return undefined;
  }

  bind(binding: Binding): Refusal | undefined {
    const { source, destination, to } = binding;
    const refused = defaultBindingRefusal(binding);
    if (refused !== undefined) return refused;
    const exchange = this.#host.graph.exchange(source);
    if (exchange === undefined) return notFound('exchange', source);
    const exists =
      to === 'queue' ? this.#host.queues.has(destination) : this.#host.graph.exchange(destination) !== undefined;
    if (!exists) return notFound(to, destination);
    if (exchange.type === 'headers') {
      const refusal = headersBindingRefusal(binding.arguments);
      if (refusal !== undefined) return preconditionFailed(refusal);
    }
    if (exchange.type === 'topic' && this.#host.features.since43 && hashWords(topicWords(binding.key)) > 2) {
      return preconditionFailed(`binding key '${binding.key}' has more than two # words`);
    }
    this.#host.graph.bind(binding);
    return undefined;
  }

  declareQueue(channel: Channel, method: OnChannel<'queue.declare'>, out: Out): Refusal | undefined {
    let { queue: name } = method;
    const known = this.#host.queues.get(name);
    const locked = this.#host.lockedFor(channel, name);
    if (locked !== undefined) return locked;
    if (known !== undefined) {
      const refusal = method.passive === true ? undefined : differs(known, method);
      if (refusal !== undefined) return refusal;
      // Quorum queues are not renewed by a declaration (R42).
      if (!known.isQuorum) known.lastUsedUs = out.now;
      if (known.shared && !known.isQuorum && known.spec.expiresUs !== undefined)
        this.#host.cluster?.sessions.renew(channel, known, out);
    } else {
      if (method.passive) return notFound('queue', name);
      if (name.startsWith('amq.')) return accessRefused(`queue name '${name}' begins with the reserved prefix amq.`);
      if (name === '') {
        const type = method.arguments?.['x-queue-type'];
        if (type === 'quorum' || type === 'stream')
          return preconditionFailed(`a queue of type ${type} cannot be named by the server`);
        this.#lastGenerated += 1;
        const node = this.#host.cluster === undefined ? '' : `${this.#host.cluster.self}-`;
        name = `amq.gen-${node}${this.#lastGenerated}`;
      }
      if (this.#host.cluster !== undefined && method.exclusive !== true) {
        this.#host.cluster.ask({ ...method, queue: name }, channel, out);
        return undefined;
      }
      const refusal = this.createQueue(
        {
          name,
          durable: method.durable ?? false,
          autoDelete: method.autoDelete ?? false,
          arguments: method.arguments ?? NO_ARGUMENTS,
        },
        method.exclusive ? channel.connection : undefined,
        out.now,
      );
      if (refusal !== undefined) return refusal;
      const created = this.#host.queues.get(name);
      if (created !== undefined) this.#keeper.wakeQueue(created, out);
    }
    this.declared(channel, name, out);
    return undefined;
  }

  /** Tells a channel that there is such a queue. */
  declared(channel: Channel, name: string, out: Out): void {
    const declared = this.#host.queues.get(name);
    const consumers =
      declared && (this.#host.clusterOf(declared)?.consumers(declared) ?? declared.contents.consumers.size);
    say(
      channel.connection,
      {
        type: 'queue.declare-ok',
        channel: channel.name,
        queue: name,
        messageCount: declared === undefined ? 0 : this.#host.depth(declared),
        consumerCount: consumers ?? 0,
      },
      out,
    );
  }

  createQueue(definition: QueueDefinition, exclusiveTo: Connection | undefined, nowUs: Micros): Refusal | undefined {
    const { name, durable } = definition;
    const spec = queueSpec(definition.arguments, this.#host.features);
    if (typeof spec === 'string') return preconditionFailed(spec);
    const replicable = spec.rules.type === 'quorum' || spec.stream !== undefined;
    if (replicable && (!durable || exclusiveTo !== undefined || definition.autoDelete)) {
      return preconditionFailed(
        `quorum queue or stream '${name}' must be durable, and neither exclusive nor auto-delete`,
      );
    }
    if (!durable && exclusiveTo === undefined && this.#host.features.since43) {
      return notImplemented(`transient queue '${name}' that is not exclusive: 4.3 permits none`);
    }
    const shared = this.#host.cluster !== undefined && exclusiveTo === undefined;
    const args = this.#host.policies.argumentsOf(name, definition.arguments);
    const ruled = args === definition.arguments ? spec : queueSpec(args, this.#host.features);
    const [effective, rules] = typeof ruled === 'string' ? [definition.arguments, spec] : [args, ruled];
    const queue = new Queue(definition, effective, rules, this.#host.placeOf(name), exclusiveTo, shared);
    queue.lastUsedUs = nowUs;
    this.#host.queues.set(name, queue);
    this.#host.graph.addQueue(name);
    return undefined;
  }

  purge(channel: Channel, method: OnChannel<'queue.purge'>, out: Out): Refusal | undefined {
    const queue = this.#host.usable(channel, method.queue);
    if (!(queue instanceof Queue)) return queue;
    if (queue.stream !== undefined) return notImplemented(`stream '${queue.name}': queue.purge is not supported`);
    const cluster = this.#host.clusterOf(queue);
    if (cluster !== undefined) {
      cluster.sessions.purge(channel, queue, out);
      return undefined;
    }
    const messageCount = this.#evictAll(queue, out);
    say(channel.connection, { type: 'queue.purge-ok', channel: channel.name, messageCount }, out);
    return undefined;
  }

  /** An operator's purge, which no channel asks for; a stream cannot be purged. */
  purgeNow(name: string, out: Out): void {
    const queue = this.#host.queues.get(name);
    if (queue === undefined || queue.stream !== undefined) return;
    const cluster = this.#host.clusterOf(queue);
    if (cluster === undefined) this.#evictAll(queue, out);
    else cluster.purge(queue, out);
  }

  queueDelete(channel: Channel, method: OnChannel<'queue.delete'>, out: Out): Refusal | undefined {
    const locked = this.#host.lockedFor(channel, method.queue);
    if (locked !== undefined) return locked;
    const queue = this.#host.queues.get(method.queue);
    // Deleting what does not exist is no error: the client wanted it gone.
    const messageCount = queue?.depth ?? 0;
    if (queue !== undefined) {
      if (queue.isQuorum && (method.ifUnused || method.ifEmpty))
        return notImplemented(`queue '${queue.name}': a quorum queue is not deleted under conditions`);
      const cluster = this.#host.clusterOf(queue);
      if (cluster !== undefined) {
        channel.waiting = [];
        cluster.sessions.delete(channel, queue, method.ifUnused ?? false, method.ifEmpty ?? false, out);
        return undefined;
      }
      if (method.ifUnused && queue.contents.consumers.size > 0)
        return preconditionFailed(`queue '${queue.name}' is in use`);
      if (method.ifEmpty && messageCount > 0) return preconditionFailed(`queue '${queue.name}' is not empty`);
      this.deleteQueue(queue, R['missing target'], out);
    }
    say(channel.connection, { type: 'queue.delete-ok', channel: channel.name, messageCount }, out);
    return undefined;
  }

  /** Drops what is ready, and what has died and waits for its targets (R55); how many that were. */
  #evictAll(queue: Queue, out: Out): number {
    const { contents } = queue;
    const entries = [...contents.ready.entries(), ...contents.dying.keys()];
    contents.ready.clear();
    contents.buryAll();
    for (const { message } of entries) out.fact(F.evicted, message.body.id, queue.place, 0, 0, R.purged);
    return entries.length;
  }

  /** Deleting a queue discards its messages, unacked ones too, without dead-lettering them, and cancels its consumers. */
  deleteQueue(queue: Queue, reason: number, out: Out): void {
    this.#evictAll(queue, out);
    for (const { message } of queue.contents.delayed.keys())
      out.fact(F.evicted, message.body.id, queue.place, 0, 0, R.purged);
    if (queue.stream !== undefined) out.fact(F['log-start-moved'], 0, queue.place, 0, queue.stream.log.end);
    for (const connection of this.#host.connections.values()) {
      for (const channel of connection.channels.values()) {
        for (const unacked of channel.unacked.values()) {
          if (unacked.queue === queue && queue.stream === undefined)
            out.fact(F.evicted, unacked.entry.message.body.id, queue.place, 0, 0, R.purged);
        }
      }
    }
    for (const consumer of [...queue.contents.consumers.all()]) {
      consumer.channel.consumers.delete(consumer.tag);
      queue.contents.consumers.remove(consumer);
      const { channel, tag } = consumer;
      out.fact(F.cancelled, 0, queue.place, channel.connection.peer, 0, reason);
      say(channel.connection, { type: 'basic.cancel', channel: channel.name, consumerTag: tag }, out);
    }
    if (queue.ttlTimer !== 0) out.cancel(queue.ttlTimer);
    this.#host.forgetQueue(queue);
  }

  /** The cluster has deleted a queue: its name and bindings go here too, and whoever consumed it on this node is told. */
  forget(queue: Queue, out: Out): void {
    this.#host.forgetQueue(queue);
    for (const connection of this.#host.connections.values()) {
      for (const channel of connection.channels.values()) {
        for (const consumer of [...channel.consumers.values()]) {
          if (consumer.queue !== queue) continue;
          channel.consumers.delete(consumer.tag);
          say(connection, { type: 'basic.cancel', channel: channel.name, consumerTag: consumer.tag }, out);
        }
      }
    }
  }

  /** What is in the queue obeys new limits at once; its TTL was fixed on arrival. A value that a node would refuse changes nothing. */
  applyPolicy(queue: Queue, option: string, value: unknown, out: Out): void {
    this.#govern(queue, { ...queue.effective, ...argumentsOf({ [option]: value as OptionValue }, QUEUE_OPTIONS) }, out);
  }

  /** Policies have changed: queues and exchanges go by those that hold for them now. */
  applyPolicies(out: Out): void {
    const { graph, policies, queues } = this.#host;
    for (const { name } of graph.exchanges()) graph.setFallback(name, policies.alternateOf(name));
    for (const queue of [...queues.values()]) {
      const args = policies.argumentsOf(queue.name, queue.arguments);
      if (!sameTables(args, queue.effective)) this.#govern(queue, args, out);
    }
  }

  /** A queue goes by other arguments than those of its declaration. Values that a node would refuse change nothing. */
  #govern(queue: Queue, args: HeaderTable, out: Out): void {
    const spec = queueSpec(args, this.#host.features);
    if (typeof spec === 'string') return;
    queue.effective = args;
    queue.spec = spec;
    queue.contents.rules = spec.rules;
    if (queue.stream !== undefined && spec.stream !== undefined) queue.stream.log.rules = spec.stream;
    if (queue.shared) return this.#host.cluster?.changed(queue, out);
    queue.lastUsedUs = out.now;
    this.#keeper.armUnused(queue, out);
    if (queue.stream !== undefined) this.#keeper.streams.changed(queue, queue.stream, out);
    this.#keeper.settleQueue(queue, out);
  }

  /** A queue that nobody consumed, fetched from or declared for x-expires is deleted (R42). */
  checkUnused(queue: Queue, out: Out): void {
    const { expiresUs } = queue.spec;
    if (expiresUs === undefined || queue.contents.consumers.size > 0) return;
    const idleUs = out.now - queue.lastUsedUs;
    if (idleUs >= expiresUs) this.deleteQueue(queue, R['timed out'], out);
    else out.timer(expiresUs - idleUs, { type: 'rabbitmq/unused', queue: queue.name } as Timer, 0);
  }
}

function sameTables(one: HeaderTable, other: HeaderTable): boolean {
  return [...Object.keys(one), ...Object.keys(other)].every((name) => one[name] === other[name]);
}

/** Why a queue that exists cannot be declared like this: it is another (R10). */
function differs(known: Queue, method: OnChannel<'queue.declare'>): Refusal | undefined {
  const same =
    known.durable === (method.durable ?? false) &&
    known.autoDelete === (method.autoDelete ?? false) &&
    (known.exclusiveTo !== undefined) === (method.exclusive ?? false) &&
    sameArguments(known.arguments, method.arguments ?? NO_ARGUMENTS);
  return same ? undefined : preconditionFailed(`queue '${known.name}' exists with other properties or arguments`);
}

function bindingOf(method: BindMethod): Binding {
  const { routingKey: key, arguments: args = NO_ARGUMENTS } = method;
  return 'queue' in method
    ? { source: method.exchange, to: 'queue', destination: method.queue, key, arguments: args }
    : { source: method.source, to: 'exchange', destination: method.destination, key, arguments: args };
}

function flagsOf(method: OnChannel<'exchange.declare'>): Pick<Exchange, 'durable' | 'autoDelete' | 'internal'> {
  return {
    durable: method.durable ?? false,
    autoDelete: method.autoDelete ?? false,
    internal: method.internal ?? false,
  };
}

/** The bindings of the default exchange are its own: nobody adds or removes one (R2). */
function defaultBindingRefusal({ source, to, destination }: Binding): Refusal | undefined {
  return source === DEFAULT_EXCHANGE || (to === 'exchange' && destination === DEFAULT_EXCHANGE)
    ? accessRefused('the default exchange cannot be bound or unbound')
    : undefined;
}
