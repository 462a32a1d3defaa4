/**
 * A RabbitMQ node driven by its verbs, without network or world: channels by name, each on a connection of its own unless told otherwise,
 * a clock that only `wait` moves, and everything that the node says collected in order. Messages are labels.
 */
import { type NodeSettings, RabbitNode } from '../../../core/brokers/rabbitmq-node.ts';
import type {
  ClientFrame,
  ClientMethod,
  Handover,
  Opened,
  Opening,
  ServerFrame,
  ServerMethod,
} from '../../../core/brokers/rabbitmq-verbs.ts';
import type { Command } from '../../../core/machine.ts';
import type { Properties } from '../../../core/parts/amqp-message.ts';
import type { HeaderTable } from '../../../core/parts/headers-match.ts';
import type { ActorId, Message, Micros } from '../../../core/types.ts';
import { MachineBench } from '../machine-bench.ts';

/** A method of a channel without the channel's name; distributes over the union. */
type Method<T = ClientMethod> = T extends { channel: string } ? Omit<T, 'channel'> : never;

interface Link {
  readonly actor: ActorId;
  readonly connection: number;
  sent: number;
}

/** What the node said to one connection. */
export interface Heard {
  readonly connection: string;
  readonly said: ServerMethod;
}

export class RabbitBench {
  readonly node: RabbitNode;
  /** Everything said since the last `take`, in order. */
  heard: Heard[] = [];
  /** Whether clients that connect from now on have the capability consumer_cancel_notify. */
  cancelNotify = true;
  readonly #bench = new MachineBench();
  readonly #links = new Map<string, Link>();
  readonly #connectionOf = new Map<string, string>();
  readonly #labels = new Map<string, Message>();
  #actors = 100;

  constructor(settings: Partial<NodeSettings> = {}) {
    const { setup } = this.#bench;
    this.node = this.#bench.start(
      new RabbitNode(
        { version: '4.2', heartbeatUs: 0, consumerTimeoutUs: 1_800_000_000, flushUs: 0, ...settings },
        (name) => setup.place(name, 'queue'),
      ),
    );
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
    if (!this.#links.has(connection)) this.#connect(connection);
    this.#connectionOf.set(channel, connection);
    this.#frame(connection, { type: 'channel.open', channel });
  }

  /** Says a method on a channel, which is opened at its first use; gives what the node said to anybody thereupon. */
  say(channel: string, method: Method): ServerMethod[] {
    if (!this.#connectionOf.has(channel)) this.open(channel);
    const before = this.heard.length;
    const connection = this.#connectionOf.get(channel) ?? channel;
    this.#frame(connection, { ...method, channel } as ClientMethod);
    return this.heard.slice(before).map(({ said }) => said);
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
    const { heard } = this;
    this.heard = [];
    return heard;
  }

  depth(queue: string): string {
    const stats = this.node.stats(queue);
    return stats === undefined ? 'none' : `${stats.ready}+${stats.unacked}`;
  }

  wait(ms: number): void {
    this.#bench.wait(ms * 1000);
    this.#hear();
  }

  /** The client's process is gone, and the transport says so. */
  drop(connection: string): void {
    const link = this.#links.get(connection);
    this.#forgetLink(connection);
    if (link !== undefined) this.node.peerLost(link.actor, this.#bench.out);
    this.wait(0);
  }

  command(command: Command): void {
    this.node.command(command, this.#bench.out);
    this.wait(0);
  }

  /** A transient publish as the `ahead`-th frame after the last that was said on the channel's connection, whatever came before. */
  inject(channel: string, ahead: number, queue: string, label: string): void {
    const link = this.#links.get(this.#connectionOf.get(channel) ?? channel);
    if (link === undefined) throw new Error(`channel ${channel} is not open`);
    const body = this.message(label);
    const frame: ClientFrame = {
      type: 'basic.publish',
      channel,
      exchange: '',
      routingKey: queue,
      properties: {},
      body,
      sizeBytes: body.sizeBytes,
      connection: link.connection,
      frame: link.sent + ahead,
    };
    this.#bench.receive(link.actor, frame);
    this.wait(0);
  }

  /** The process of the node dies and comes back; no connection survives. */
  restart(): void {
    for (const connection of [...this.#links.keys()]) this.#forgetLink(connection);
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

  #connect(name: string): void {
    this.#actors += 1;
    this.#bench.names.set(this.#actors, name);
    const opening: Opening = { type: 'connection.open', request: 1, cancelNotify: this.cancelNotify };
    this.#bench.receive(this.#actors, opening);
    const opened = this.#bench.takeSent().at(-1)?.wire as Extract<Opened, { type: 'connection.open-ok' }>;
    this.#links.set(name, { actor: this.#actors, connection: opened.connection, sent: 0 });
  }

  #frame(connection: string, method: ClientMethod): void {
    const link = this.#links.get(connection);
    if (link === undefined) throw new Error(`connection ${connection} is not open`);
    link.sent += 1;
    const frame: ClientFrame = { ...method, connection: link.connection, frame: link.sent };
    this.#bench.receive(link.actor, frame);
    this.wait(0);
  }

  #hear(): void {
    for (const { to, wire } of this.#bench.takeSent()) {
      const found = [...this.#links].find(([, link]) => link.actor === to);
      const said = wire as ServerFrame;
      // That something was done is nothing to look at.
      if (found === undefined || said.type === 'ok') continue;
      const [connection] = found;
      this.heard.push({ connection, said });
      if (said.type === 'channel.close') this.#connectionOf.delete(said.channel);
      if (said.type === 'connection.close') this.#forgetLink(connection);
    }
  }

  #forgetLink(connection: string): void {
    this.#links.delete(connection);
    for (const [channel, of] of this.#connectionOf) if (of === connection) this.#connectionOf.delete(channel);
  }
}

interface ConsumeOptions {
  readonly prefetch?: number;
  readonly channel?: string;
  readonly noAck?: boolean;
  readonly exclusive?: boolean;
  readonly arguments?: HeaderTable;
}
