/**
 * AMQP clients of one `RabbitNode`: channels by name, each on a connection of its own unless told otherwise, and everything that the node says
 * collected in order. Message bodies are labels: the same label is the same message.
 */
import { RabbitNode } from '../../core/brokers/rabbitmq-node.ts';
import type {
  ClientFrame,
  ClientMethod,
  Opened,
  Opening,
  ServerFrame,
  ServerMethod,
} from '../../core/brokers/rabbitmq-verbs.ts';
import type { Properties } from '../../core/parts/amqp-message.ts';
import type { ActorId, Message, Micros } from '../../core/types.ts';
import { MachineDriver } from './machine-driver.ts';

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

/** R37: half an hour. */
const CONSUMER_TIMEOUT_US = 1_800_000_000;

export class RabbitClient {
  readonly node: RabbitNode;
  readonly #driver = new MachineDriver();
  readonly #links = new Map<string, Link>();
  readonly #connectionOf = new Map<string, string>();
  readonly #messages = new Map<string, Message>();
  readonly #labels = new Map<number, string>();
  #heard: Heard[] = [];
  #actors = 100;

  constructor(version: string) {
    const settings = { version, heartbeatUs: 0, consumerTimeoutUs: CONSUMER_TIMEOUT_US, flushUs: 0 };
    const { setup } = this.#driver;
    this.node = this.#driver.start(new RabbitNode(settings, (name) => setup.place(name, 'queue')));
  }

  get nowUs(): Micros {
    return this.#driver.nowUs;
  }

  advanceTo(us: Micros): void {
    this.#driver.advanceTo(us);
    this.#hear();
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
    const before = this.#heard.length;
    const connection = this.#connectionOf.get(channel) ?? channel;
    this.#frame(connection, { ...method, channel } as ClientMethod);
    return this.#heard.slice(before).map(({ said }) => said);
  }

  publish(
    channel: string,
    label: string,
    to: { readonly exchange: string; readonly routingKey: string; readonly mandatory: boolean },
    properties: Properties,
  ): ServerMethod[] {
    const body = this.#message(label);
    return this.say(channel, { type: 'basic.publish', ...to, properties, body, sizeBytes: body.sizeBytes });
  }

  connectionOf(channel: string): string {
    return this.#connectionOf.get(channel) ?? channel;
  }

  /** Takes what was heard since the last time. */
  take(): Heard[] {
    const heard = this.#heard;
    this.#heard = [];
    return heard;
  }

  /** The client's end of a connection is gone, and the transport says so. */
  drop(connection: string): void {
    const link = this.#links.get(connection);
    this.#forgetLink(connection);
    if (link !== undefined) this.node.peerLost(link.actor, this.#driver.out);
    this.advanceTo(this.nowUs);
  }

  /** The node's process stops and starts; no connection survives. */
  restart(): void {
    for (const connection of [...this.#links.keys()]) this.#forgetLink(connection);
    this.#driver.restart();
    this.advanceTo(this.nowUs);
  }

  label(message: Message): string {
    return this.#labels.get(message.id) ?? '';
  }

  #message(label: string): Message {
    let message = this.#messages.get(label);
    if (message === undefined) {
      message = this.#driver.message(label.length);
      this.#messages.set(label, message);
      this.#labels.set(message.id, label);
    }
    return message;
  }

  #connect(name: string): void {
    this.#actors += 1;
    const opening: Opening = { type: 'connection.open', request: 1 };
    this.#driver.receive(this.#actors, opening);
    const opened = this.#driver.take().at(-1)?.wire as Extract<Opened, { type: 'connection.open-ok' }>;
    this.#links.set(name, { actor: this.#actors, connection: opened.connection, sent: 0 });
  }

  #frame(connection: string, method: ClientMethod): void {
    const link = this.#links.get(connection);
    if (link === undefined) throw new Error(`connection ${connection} is not open`);
    link.sent += 1;
    const frame: ClientFrame = { ...method, connection: link.connection, frame: link.sent };
    this.#driver.receive(link.actor, frame);
    this.advanceTo(this.nowUs);
  }

  #hear(): void {
    for (const { to, wire } of this.#driver.take()) {
      const found = [...this.#links].find(([, link]) => link.actor === to);
      const said = wire as ServerFrame;
      // That something was done is nothing to look at.
      if (found === undefined || said.type === 'ok') continue;
      const [connection] = found;
      this.#heard.push({ connection, said });
      if (said.type === 'channel.close') this.#connectionOf.delete(said.channel);
      if (said.type === 'connection.close') this.#forgetLink(connection);
    }
  }

  #forgetLink(connection: string): void {
    this.#links.delete(connection);
    for (const [channel, of] of this.#connectionOf) if (of === connection) this.#connectionOf.delete(channel);
  }
}

/** What the node says under this type; a member of the union may have several. */
type Said<Type, M = ServerMethod> = M extends { readonly type: infer Types } ? (Type extends Types ? M : never) : never;

/** The first thing said of this type, if any. */
export function answer<Type extends ServerMethod['type']>(
  said: readonly ServerMethod[],
  type: Type,
): Said<Type> | undefined {
  return said.find((one) => one.type === type) as Said<Type> | undefined;
}
