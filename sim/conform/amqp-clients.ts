/**
 * The clients' side of a RabbitMQ node that is driven directly: channels by name, each on a connection of its own unless told otherwise, frames
 * numbered as a stream has them, and everything that the node says collected in order. Who keeps the node and its clock is told by `AmqpNode`.
 */
import type {
  ClientFrame,
  ClientMethod,
  Opened,
  Opening,
  ServerFrame,
  ServerMethod,
} from '../../core/brokers/rabbitmq-verbs.ts';
import type { Wire } from '../../core/machine.ts';
import type { ActorId } from '../../core/types.ts';

/** A method of a channel without the channel's name; distributes over the union. */
export type ChannelMethod<T = ClientMethod> = T extends { channel: string } ? Omit<T, 'channel'> : never;

/** What the node said to one connection. */
export interface Heard {
  readonly connection: string;
  readonly said: ServerMethod;
}

/** A node as its clients reach it. */
export interface AmqpNode {
  receive(from: ActorId, wire: Wire): void;
  /** Takes what it sent since the last time. */
  take(): readonly { readonly to: ActorId; readonly wire: Wire }[];
  /** Lets happen what is due now. */
  settle(): void;
  /** A connection of this name has this actor. */
  connected(name: string, actor: ActorId): void;
}

interface Link {
  readonly actor: ActorId;
  readonly connection: number;
  sent: number;
}

export class AmqpClients {
  /** Whether clients that connect from now on have the capability consumer_cancel_notify. */
  cancelNotify = true;
  readonly #node: AmqpNode;
  readonly #links = new Map<string, Link>();
  readonly #connectionOf = new Map<string, string>();
  #heard: Heard[] = [];
  #actors = 100;

  constructor(node: AmqpNode) {
    this.#node = node;
  }

  /** Opens a channel, and its connection if that is not open. Opening again replaces the channel. */
  open(channel: string, connection = channel): void {
    if (!this.#links.has(connection)) this.#connect(connection);
    this.#connectionOf.set(channel, connection);
    this.#next(connection, { type: 'channel.open', channel });
  }

  /** Says a method on a channel, which is opened at its first use; gives what the node said to anybody thereupon. */
  say(channel: string, method: ChannelMethod): ServerMethod[] {
    if (!this.#connectionOf.has(channel)) this.open(channel);
    const before = this.#heard.length;
    this.#next(this.connectionOf(channel), { ...method, channel } as ClientMethod);
    // What is said on it next opens it afresh.
    if (method.type === 'channel.close') this.#connectionOf.delete(channel);
    return this.#heard.slice(before).map(({ said }) => said);
  }

  /** Says it as the `ahead`-th frame after the last one of the channel's connection, which stays the last one. */
  sayAhead(channel: string, method: ChannelMethod, ahead: number): void {
    const link = this.#linkOf(this.connectionOf(channel));
    this.#send(link, { ...method, channel } as ClientMethod, link.sent + ahead);
  }

  /** The connection of a channel that is open; else the one that it would get. */
  connectionOf(channel: string): string {
    return this.#connectionOf.get(channel) ?? channel;
  }

  /** Takes what was heard since the last time. */
  take(): Heard[] {
    const heard = this.#heard;
    this.#heard = [];
    return heard;
  }

  /** The client's end of a connection is gone. Gives the actor of whom the node is to be told so, if there was one. */
  forget(connection: string): ActorId | undefined {
    const link = this.#links.get(connection);
    this.#links.delete(connection);
    for (const [channel, of] of this.#connectionOf) if (of === connection) this.#connectionOf.delete(channel);
    return link?.actor;
  }

  forgetAll(): void {
    for (const connection of [...this.#links.keys()]) this.forget(connection);
  }

  /** Listens to what the node has sent. */
  hear(): void {
    for (const { to, wire } of this.#node.take()) {
      const found = [...this.#links].find(([, link]) => link.actor === to);
      const said = wire as ServerFrame;
      // That something was done is nothing to look at.
      if (found === undefined || said.type === 'ok') continue;
      const [connection] = found;
      this.#heard.push({ connection, said });
      if (said.type === 'channel.close') this.#connectionOf.delete(said.channel);
      if (said.type === 'connection.close') this.forget(connection);
    }
  }

  #connect(name: string): void {
    this.#actors += 1;
    this.#node.connected(name, this.#actors);
    const opening: Opening = { type: 'connection.open', request: 1, cancelNotify: this.cancelNotify };
    this.#node.receive(this.#actors, opening);
    const opened = this.#node.take().at(-1)?.wire as Extract<Opened, { type: 'connection.open-ok' }>;
    this.#links.set(name, { actor: this.#actors, connection: opened.connection, sent: 0 });
  }

  #linkOf(connection: string): Link {
    const link = this.#links.get(connection);
    if (link === undefined) throw new Error(`connection ${connection} is not open`);
    return link;
  }

  #next(connection: string, method: ClientMethod): void {
    const link = this.#linkOf(connection);
    link.sent += 1;
    this.#send(link, method, link.sent);
  }

  #send(link: Link, method: ClientMethod, number: number): void {
    const frame: ClientFrame = { ...method, connection: link.connection, frame: number };
    this.#node.receive(link.actor, frame);
    this.#node.settle();
    this.hear();
  }
}
