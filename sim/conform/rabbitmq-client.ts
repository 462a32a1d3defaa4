/**
 * One `RabbitNode` and its AMQP clients, on a clock that moves when told. Message bodies are labels: the same label is the same message.
 */
import { RabbitNode } from '../../core/brokers/rabbitmq-node.ts';
import type { Policy, PolicyTarget } from '../../core/brokers/rabbitmq-policies.ts';
import type { ServerMethod } from '../../core/brokers/rabbitmq-verbs.ts';
import type { Properties } from '../../core/parts/amqp-message.ts';
import type { Message, Micros } from '../../core/types.ts';
import { AmqpClients, type ChannelMethod, type Heard } from './amqp-clients.ts';
import type { Fields } from './case.ts';
import { MachineDriver } from './machine-driver.ts';

/** R37: half an hour. */
const CONSUMER_TIMEOUT_US = 1_800_000_000;

export class RabbitClient {
  readonly node: RabbitNode;
  readonly #driver = new MachineDriver();
  readonly #clients: AmqpClients;
  readonly #messages = new Map<string, Message>();
  readonly #labels = new Map<number, string>();

  constructor(version: string) {
    const settings = { version, heartbeatUs: 0, consumerTimeoutUs: CONSUMER_TIMEOUT_US, flushUs: 0 };
    const driver = this.#driver;
    this.node = driver.start(new RabbitNode(settings, (name) => driver.setup.place(name, 'queue')));
    this.#clients = new AmqpClients({
      receive: (from, wire) => driver.receive(from, wire),
      take: () => driver.take(),
      settle: () => driver.advanceTo(driver.nowUs),
      connected: () => {},
    });
  }

  get nowUs(): Micros {
    return this.#driver.nowUs;
  }

  advanceTo(us: Micros): void {
    this.#driver.advanceTo(us);
    this.#clients.hear();
  }

  /** Opens a channel, and its connection if that is not open. Opening again replaces the channel. */
  open(channel: string, connection = channel): void {
    this.#clients.open(channel, connection);
  }

  /** Says a method on a channel, which is opened at its first use; gives what the node said to anybody thereupon. */
  say(channel: string, method: ChannelMethod): ServerMethod[] {
    return this.#clients.say(channel, method);
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

  /** What an operator sets and clears; false when the node refuses. */
  setPolicy(policy: Policy): boolean {
    return this.#settled(this.node.setPolicy(policy, this.#driver.out) === '');
  }

  clearPolicy(name: string): boolean {
    return this.#settled(this.node.clearPolicy(name, this.#driver.out));
  }

  #settled(done: boolean): boolean {
    this.advanceTo(this.nowUs);
    return done;
  }

  connectionOf(channel: string): string {
    return this.#clients.connectionOf(channel);
  }

  /** Takes what was heard since the last time. */
  take(): Heard[] {
    return this.#clients.take();
  }

  /** The client's end of a connection is gone, and the transport says so. */
  drop(connection: string): void {
    const actor = this.#clients.forget(connection);
    if (actor !== undefined) this.node.peerLost(actor, this.#driver.out);
    this.advanceTo(this.nowUs);
  }

  /** The node's process stops and starts; no connection survives. */
  restart(): void {
    this.#clients.forgetAll();
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

/** `{name, pattern, definition, priority = 0, apply_to = all}`, as an operator writes it. */
export function policyOf(step: Fields): Policy {
  const applyTo = step.text(step.has('applyTo') ? 'applyTo' : 'apply_to', 'all');
  return {
    name: step.text('name'),
    pattern: step.text('pattern'),
    definition: step.table('definition'),
    priority: step.number('priority', 0),
    applyTo: applyTo as PolicyTarget,
  };
}
