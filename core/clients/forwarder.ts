/**
 * The producing half of a consumer: for each message that was worked on it makes others and hands them to a port of their own, which may speak to
 * another broker. An output is the same message however often its input is worked on (its id follows from the input's, as an idempotent
 * handler would have it), so a repeat is seen as what it is: a duplicate. When the consumer settles is the consumer's business.
 *
 * The port speaks on a connection of its own (`Out.connection`), so that its answers and timers are never taken for those of the consuming port.
 * Kafka's and Pulsar's own way of doing both in one transaction is `forward.to`, see kafka-forwarder.ts and pulsar-forwarder.ts.
 */
import { F } from '../facts.ts';
import { CONNECTION, type Draft, type Out, type Wire } from '../machine.ts';
import type { ActorId, FactId, Message, MessageId, PlaceId } from '../types.ts';
import { type OutboxRows, Relay, type RelaySettings } from './outbox.ts';
import type { ProducerHost, ProducerPort } from './ports.ts';

/** When an output is published: before the input is settled, after it, or by a relay from a table that is written in one step with the effect. */
export const PUBLISH_WHEN = ['after-effect', 'after-settling', 'outbox'] as const;

/** What a consumer makes of each message; an entry of the scenario's `produces:` fits. */
export interface ProducesSettings {
  readonly to: readonly string[];
  /** `done`: of what was worked on; `failed`: of what was not, and that counts as dealt with then. */
  readonly on: 'done' | 'failed';
  readonly publish: (typeof PUBLISH_WHEN)[number];
  /** One output for each value, which it carries as this attribute; null for a single output. */
  readonly forEach: { readonly attribute: string; readonly values: readonly string[] } | null;
  /** The attribute that is the key; null for the input's key. */
  readonly key: string | null;
  /** With attributes in braces; null for the input's. */
  readonly routingKey: string | null;
  /** null for the input's. */
  readonly amount: number | null;
  /** null for the input's. */
  readonly sizeBytes: number | null;
  readonly outbox: RelaySettings;
}

/** Outputs by input, known to all processes of one declared consumer because they follow from the input alone. */
export type Outputs = Map<MessageId, readonly Message[]>;

export interface OutletHost<Job> {
  /** One output of a job is stored, or was given up for `reason`. */
  forwarded(job: Job, ok: boolean, reason: number, out: Out): void;
}

export class Outlet<Job> implements ProducerHost {
  /** Set once, directly after construction. */
  port!: ProducerPort;
  /** The nodes that the port speaks to; empty: whoever is lost was the port's. */
  nodes: readonly ActorId[] = [];
  readonly settings: ProducesSettings;
  /** Under which name its rows stand in the outbox. */
  readonly owner: string;
  readonly #connection: number;
  readonly #outputs: Outputs;
  readonly #host: OutletHost<Job>;
  readonly #relay: Relay | null;
  /** Outputs that are not confirmed yet, and the jobs that wait for them. */
  readonly #waiting = new Map<MessageId, Job>();

  /** `number`: which outlet of the consumer it is, from 1. */
  constructor(
    declared: string,
    number: number,
    settings: ProducesSettings,
    store: ActorId,
    outputs: Outputs,
    host: OutletHost<Job>,
  ) {
    this.settings = settings;
    this.owner = `${declared}/${number}`;
    this.#connection = number * CONNECTION;
    this.#outputs = outputs;
    this.#host = host;
    this.#relay = settings.publish === 'outbox' ? new Relay(this.owner, store, settings.outbox) : null;
  }

  start(out: Out): void {
    out.connection = this.#connection;
    this.port.start(out);
    out.connection = 0;
    this.#relay?.start(out);
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    this.port.receive(from, wire, out);
  }

  timer(wire: Wire, out: Out): void {
    this.port.timer(wire, out);
  }

  peerLost(peer: ActorId, out: Out): void {
    if (this.nodes.length === 0 || this.nodes.includes(peer)) this.port.peerLost?.(peer, out);
  }

  stop(out: Out): void {
    out.connection = this.#connection;
    this.port.stop?.(out);
    out.connection = 0;
  }

  crash(): void {
    this.port.crash();
    this.#waiting.clear();
    this.#relay?.crash();
  }

  /** The outputs of an input; made when it is worked on for the first time. */
  outputsOf(input: Message, because: FactId, out: Out): readonly Message[] {
    const known = this.#outputs.get(input.id);
    if (known !== undefined) return known;
    const { forEach } = this.settings;
    const made: Message[] = [];
    if (forEach === null) made.push(out.produce(this.#draft(input, input.attributes), because));
    else {
      for (const value of forEach.values) {
        made.push(out.produce(this.#draft(input, { ...input.attributes, [forEach.attribute]: value }), because));
      }
    }
    // A process that dies in this step has made nothing that lasts.
    if (made.every(({ id }) => id !== 0)) this.#outputs.set(input.id, made);
    return made;
  }

  /** Publishes the outputs of a job's input. The host hears of each, perhaps at once. */
  publish(job: Job, outputs: readonly Message[], out: Out): void {
    for (const output of outputs) this.#waiting.set(output.id, job);
    out.connection = this.#connection;
    for (const output of outputs) this.port.publish(output, out);
    out.connection = 0;
  }

  /** The timer of a relay fired. */
  poll(owner: string, out: Out): void {
    if (owner === this.owner) this.#relay?.timer(out);
  }

  /** Rows of the outbox came. */
  relay(answer: OutboxRows, out: Out): void {
    if (this.#relay === null) return;
    const rows = this.#relay.rows(answer);
    out.connection = this.#connection;
    for (const row of rows) this.port.publish(row, out);
    out.connection = 0;
  }

  confirmed(message: Message, place: PlaceId, offset: number, told: boolean, out: Out): void {
    if (told) out.fact(F.confirmed, message.id, place, 0, offset);
    this.#over(message, true, 0, out);
  }

  failed(message: Message, reason: number, definite: boolean, out: Out): void {
    out.fact(F['gave-up'], message.id, 0, 0, definite ? 1 : 0, reason);
    this.#over(message, false, reason, out);
  }

  retrying(message: Message, attempt: number, reason: number, out: Out): void {
    out.fact(F.retried, message.id, 0, 0, attempt, reason);
  }

  /** What follows is said on the first connection; the port, which called, goes on with its own. */
  #over(message: Message, ok: boolean, reason: number, out: Out): void {
    const { connection } = out;
    out.connection = 0;
    if (this.#relay !== null) this.#relay.done(message, ok, out);
    else {
      const job = this.#waiting.get(message.id);
      if (job !== undefined) {
        this.#waiting.delete(message.id);
        this.#host.forwarded(job, ok, reason, out);
      }
    }
    out.connection = connection;
  }

  #draft(input: Message, attributes: Message['attributes']): Draft {
    const { key, routingKey, amount, sizeBytes } = this.settings;
    const keyed = key === null ? input.key : attributes[key];
    return {
      key: keyed === undefined || keyed === null ? null : String(keyed),
      routingKey: routingKey === null ? input.routingKey : filled(routingKey, attributes),
      attributes,
      amount: amount ?? input.amount,
      sizeBytes: sizeBytes ?? input.sizeBytes,
      poison: false,
    };
  }
}

/** A text with attributes in braces. */
export function filled(text: string, attributes: Message['attributes']): string {
  return text.includes('{') ? text.replace(/\{([^}]*)\}/g, (_, name: string) => String(attributes[name] ?? '')) : text;
}
