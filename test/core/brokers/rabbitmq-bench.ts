/**
 * A RabbitMQ node driven by its verbs, without network or world: channels by name, each on a connection of its own unless told otherwise,
 * a clock that only `wait` moves, and everything that the node says collected in order. Messages are labels.
 */
import { type NodeSettings, RabbitNode } from '../../../core/brokers/rabbitmq-node.ts';
import type { Handover, ServerMethod } from '../../../core/brokers/rabbitmq-verbs.ts';
import type { Command } from '../../../core/machine.ts';
import type { Properties } from '../../../core/parts/amqp-message.ts';
import type { HeaderTable } from '../../../core/parts/headers-match.ts';
import type { Message, Micros } from '../../../core/types.ts';
import { AmqpClients, type ChannelMethod, type Heard } from '../../../sim/conform/amqp-clients.ts';
import { MachineBench } from '../machine-bench.ts';

export class RabbitBench {
  readonly node: RabbitNode;
  readonly #bench = new MachineBench();
  readonly #clients: AmqpClients;
  readonly #labels = new Map<string, Message>();

  constructor(settings: Partial<NodeSettings> = {}) {
    const bench = this.#bench;
    this.node = bench.start(
      new RabbitNode(
        { version: '4.2', heartbeatUs: 0, consumerTimeoutUs: 1_800_000_000, flushUs: 0, ...settings },
        (name) => bench.setup.place(name, 'queue'),
      ),
    );
    this.#clients = new AmqpClients({
      receive: (from, wire) => bench.receive(from, wire),
      take: () => bench.takeSent(),
      settle: () => bench.wait(0),
      connected: (name, actor) => void bench.names.set(actor, name),
    });
  }

  /** Whether clients that connect from now on have the capability consumer_cancel_notify. */
  set cancelNotify(has: boolean) {
    this.#clients.cancelNotify = has;
  }

  get nowUs(): Micros {
    return this.#bench.nowUs;
  }

  /** Facts since the last time, as transcript lines without their times. */
  facts(): string[] {
    return this.#bench.story().map((line) => line.slice(line.indexOf(' ') + 1));
  }

  /** Opens a channel, and its connection if that is not open. Opening again replaces the channel. */
  open(channel: string, connection = channel): void {
    this.#clients.open(channel, connection);
  }

  /** Says a method on a channel, which is opened at its first use; gives what the node said to anybody thereupon. */
  say(channel: string, method: ChannelMethod): ServerMethod[] {
    return this.#clients.say(channel, method);
  }

  /** A durable classic queue unless the arguments say otherwise. */
  queue(
    name: string,
    args: HeaderTable = {},
    flags: { durable?: boolean; exclusive?: boolean; autoDelete?: boolean } = {},
  ): void {
    this.say('admin', { type: 'queue.declare', queue: name, durable: true, ...flags, arguments: args });
  }

  bind(queue: string, exchange: string, routingKey: string, args: HeaderTable = {}): void {
    this.say('admin', { type: 'queue.bind', queue, exchange, routingKey, arguments: args });
  }

  /** Publishes persistent messages to the default exchange; more in `how`. */
  publish(
    queue: string,
    labels: string,
    how: Properties & { channel?: string; exchange?: string; mandatory?: boolean; sizeBytes?: number } = {},
  ): void {
    const { channel = 'admin', exchange = '', mandatory = false, sizeBytes, ...properties } = how;
    for (const label of labels.split(' ')) {
      const body = this.message(label, sizeBytes);
      this.say(channel, {
        type: 'basic.publish',
        exchange,
        routingKey: queue,
        mandatory,
        properties: { persistent: true, ...properties },
        body,
        sizeBytes: body.sizeBytes,
      });
    }
  }

  consume(consumer: string, queue: string, { prefetch = 0, channel = consumer, ...how }: ConsumeOptions = {}): void {
    this.say(channel, { type: 'basic.qos', prefetchCount: prefetch });
    this.say(channel, { type: 'basic.consume', queue, consumerTag: consumer, ...how });
  }

  /** Fetches one and settles it at once unless `noAck` is false; its label, or '' when the queue is empty. */
  get(queue: string, { channel = 'admin', noAck = true } = {}): string {
    return this.fetch(queue, { channel, noAck })?.label ?? '';
  }

  fetch(queue: string, { channel = 'admin', noAck = true } = {}): (Handover & { readonly label: string }) | undefined {
    const got = this.say(channel, { type: 'basic.get', queue, noAck }).find(({ type }) => type === 'basic.get-ok');
    if (got?.type !== 'basic.get-ok') return undefined;
    return { ...got, label: this.label(got.message.body.id) };
  }

  drain(queue: string): string {
    const labels: string[] = [];
    for (let label = this.get(queue); label !== ''; label = this.get(queue)) labels.push(label);
    return labels.join(' ');
  }

  /** What was pushed since the last look, as `consumer: labels`, a redelivery marked with `*`; then forgets what was heard. */
  pushed(): string {
    const byConsumer = new Map<string, string[]>();
    for (const { said } of this.take()) {
      if (said.type !== 'basic.deliver') continue;
      const labels = byConsumer.get(said.consumerTag) ?? [];
      labels.push(`${this.label(said.message.body.id)}${said.redelivered ? '*' : ''}`);
      byConsumer.set(said.consumerTag, labels);
    }
    return [...byConsumer].map(([consumer, labels]) => `${consumer}: ${labels.join(' ')}`).join(' | ');
  }

  /** Takes what was heard. */
  take(): Heard[] {
    return this.#clients.take();
  }

  depth(queue: string): string {
    const stats = this.node.stats(queue);
    return stats === undefined ? 'none' : `${stats.ready}+${stats.unacked}`;
  }

  wait(ms: number): void {
    this.#bench.wait(ms * 1000);
    this.#clients.hear();
  }

  /** The client's process is gone, and the transport says so. */
  drop(connection: string): void {
    const actor = this.#clients.forget(connection);
    if (actor !== undefined) this.node.peerLost(actor, this.#bench.out);
    this.wait(0);
  }

  command(command: Command): void {
    this.node.command(command, this.#bench.out);
    this.wait(0);
  }

  /** A transient publish as the `ahead`-th frame after the last that was said on the channel's connection, whatever came before. */
  inject(channel: string, ahead: number, queue: string, label: string): void {
    const body = this.message(label);
    const { sizeBytes } = body;
    const publish = {
      type: 'basic.publish',
      exchange: '',
      routingKey: queue,
      properties: {},
      body,
      sizeBytes,
    } as const;
    this.#clients.sayAhead(channel, publish, ahead);
  }

  /** The process of the node dies and comes back; no connection survives. */
  restart(): void {
    this.#clients.forgetAll();
    this.#bench.crash();
    this.node.restart(this.#bench.out);
    this.wait(0);
  }

  /** The message of a label; the same label is the same message. Its body is the label unless a size is given. */
  message(label: string, sizeBytes = label.length): Message {
    const known = this.#labels.get(label);
    if (known !== undefined) return known;
    const message = this.#bench.message({ sizeBytes });
    this.#labels.set(label, message);
    return message;
  }

  label(id: number): string {
    for (const [label, message] of this.#labels) if (message.id === id) return label;
    return `?${id}`;
  }
}

interface ConsumeOptions {
  readonly prefetch?: number;
  readonly channel?: string;
  readonly noAck?: boolean;
  readonly exclusive?: boolean;
  readonly arguments?: HeaderTable;
}
