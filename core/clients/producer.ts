/**
 * A producer: makes messages by a rate, a burst or a list, and hands them to its port, which knows the broker. It is open-loop: the world outside
 * (users, sensors) does not wait for the broker, unless the buffer is full and the source is told to wait. What is made while the process is down
 * is not made at all.
 */
import { F, R } from '../facts.ts';
import type { Command, Draft, Machine, Out, Setup, Site, Wire } from '../machine.ts';
import type { OptionValues } from '../options.ts';
import { exponential, happens } from '../parts/distribution.ts';
import type { ActorId, Message, Micros, PlaceId, TimerId } from '../types.ts';
import { changed, PRODUCER_CHANGES } from './changes.ts';
import { filled } from './forwarder.ts';
import { type OutboxRows, Relay, type RelaySettings } from './outbox.ts';
import { OwnWrite, type OwnWriteHost, type RetrySettings } from './own-write.ts';
import type { ProducerHost, ProducerPort } from './ports.ts';
import type { WriteReply } from './store.ts';

/** What a producer makes and when; the scenario's `producers:` entry fits. */
export interface ProducerSettings {
  readonly perSecond: number;
  readonly arrivals: 'even' | 'poisson';
  /** How many messages in all; 0 is no limit. */
  readonly messages: number;
  readonly startUs: Micros;
  readonly stopUs: Micros;
  readonly send: readonly {
    readonly atUs: Micros;
    readonly attributes: Readonly<Record<string, string | number | boolean>>;
    readonly amount: number;
    readonly poison: boolean;
    readonly times: number;
  }[];
  readonly key: string | null;
  readonly attributes: Readonly<
    Record<
      string,
      | { readonly type: 'weighted'; readonly values: readonly string[]; readonly weights: readonly number[] }
      | { readonly type: 'unique'; readonly prefix: string }
    >
  >;
  readonly routingKey: string;
  readonly amount: number;
  readonly sizeBytes: number;
  readonly poisonProbability: number;
  readonly buffer: number;
  readonly whenFull: 'drop' | 'wait';
  /** Each message carries its number among those of its key, from 1, as the attribute `sequence`. */
  readonly sequenced: boolean;
  /** What it writes to a store of its own for each message; `none` for nothing. */
  readonly effect: { readonly type: 'increment' | 'set' | 'insert' | 'none'; readonly store: string };
  /** Whether it publishes when it has written, or writes when it has published, or leaves publishing to a relay of its outbox. */
  readonly publish: (typeof PRODUCER_PUBLISHES)[number];
  readonly outbox: RelaySettings;
  /** How long it waits for the store's answer. */
  readonly writeTimeoutUs: Micros;
  /** How often and after which pauses it writes again; null for never. */
  readonly retry: RetrySettings | null;
  readonly options: OptionValues;
}

export const PRODUCER_PUBLISHES = ['after-effect', 'before-effect', 'outbox'] as const;

/** A rate as the parser reads it. */
type NewRate = Pick<ProducerSettings, 'perSecond' | 'arrivals'>;

type Attributes = Record<string, string | number | boolean>;

interface Arrival extends Wire {
  readonly type: 'client/arrival';
  readonly round: number;
}

type ProducerWire =
  | Arrival
  | { readonly type: 'client/listed'; readonly line: number }
  | { readonly type: 'client/burst-over'; readonly round: number }
  | { readonly type: 'client/relay' };

const NO_ATTRIBUTES: Attributes = {};

/** A producer's writes to its own store, and what it has in memory alone because of them. */
interface Own {
  readonly writes: OwnWrite;
  readonly relay: Relay | null;
  readonly publish: ProducerSettings['publish'];
}

export class Producer implements Machine, ProducerHost, OwnWriteHost {
  /** Set once, directly after construction. */
  port!: ProducerPort;
  #settings: ProducerSettings;
  readonly #sites: { readonly gap: Site; readonly poison: Site; readonly attributes: readonly Site[] };
  readonly #attributeNames: readonly string[];
  /** A message every so many µs while it runs; 0 is none. */
  #gapUs: Micros;
  /** The usual gap, while a burst replaces it. */
  #usualGapUs: Micros;
  /** Grows with each change of rate, so that arrivals of the old rate are void. */
  #round = 0;
  #nextArrival: Arrival = { type: 'client/arrival', round: 0 };
  #made = 0;
  /** Those of them that it made at its rate. */
  #rated = 0;
  /** When the next message of an even rate is due, kept as a double so that 3/s does not drift. */
  #dueUs = 0;
  #poisonNext = 0;
  #outstanding = 0;
  /** A draft that waits for room, while the source is held up. */
  #held: Draft[] = [];
  #arrival: TimerId = 0;
  readonly #store: ActorId;
  /** null for a producer without a store. */
  readonly #own: Own | null;
  /** By key: how many messages were numbered. Counted where the source is, so that a crash does not begin anew. */
  readonly #sequences = new Map<string, number>();

  /** `store`: the actor of its own store; 0 for none. `declared`: the name under which its instances share an outbox. */
  constructor(name: string, settings: ProducerSettings, setup: Setup, store: ActorId = 0, declared = name) {
    this.#settings = settings;
    this.#store = store;
    const { effect, publish, retry, writeTimeoutUs: timeoutUs } = settings;
    if (effect.type === 'none') this.#own = null;
    else {
      const owner = publish === 'outbox' ? declared : '';
      const writes = new OwnWrite(name, { effect: effect.type, timeoutUs, retry, owner }, store, this, setup);
      this.#own = { writes, relay: owner === '' ? null : new Relay(owner, store, settings.outbox), publish };
    }
    this.#usualGapUs = settings.perSecond > 0 ? 1e6 / settings.perSecond : 0;
    this.#gapUs = this.#usualGapUs;
    this.#attributeNames = Object.keys(settings.attributes);
    this.#sites = {
      gap: setup.site(`${name}/arrival`),
      poison: setup.site(`${name}/poison`),
      attributes: this.#attributeNames.map((attribute) => setup.site(`${name}/${attribute}`)),
    };
  }

  start(out: Out): void {
    this.port.start(out);
    this.#settings.send.forEach((line, i) => {
      if (line.atUs >= out.now) out.timer(line.atUs - out.now, { type: 'client/listed', line: i } as Wire);
    });
    this.#dueUs = Math.max(out.now, this.#settings.startUs);
    this.#next(out);
    this.#own?.relay?.start(out);
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    if (this.#own !== null && this.#answered(this.#own, wire, out)) return;
    this.port.receive(from, wire, out);
  }

  timer(wire: Wire, out: Out): void {
    const mine = wire as ProducerWire;
    switch (mine.type) {
      case 'client/arrival':
        if (mine.round !== this.#round) return;
        this.#rated++;
        this.#arrive(out);
        this.#next(out);
        return;
      case 'client/listed':
        return this.#listed(mine.line, out);
      case 'client/burst-over':
        if (mine.round !== this.#round) return;
        return this.#usual(out);
      case 'client/relay':
        return this.#own?.relay?.timer(out);
      default:
        if (this.#own === null || !this.#own.writes.timer(wire, out)) this.port.timer(wire, out);
    }
  }

  crash(out: Out): void {
    this.port.crash();
    this.#own?.relay?.crash();
    // Whatever the store has of them by now or will have: nobody knows any more that they are to be published.
    for (const { id } of this.#own?.writes.crash() ?? []) {
      if (this.#own?.publish === 'after-effect') out.fact(F.lost, id, 0, 0, 0, R['kept in memory only']);
    }
    this.#outstanding = 0;
    this.#held = [];
    this.#round++;
  }

  restart(out: Out): void {
    this.#gapUs = this.#usualGapUs;
    this.start(out);
  }

  peerLost(peer: ActorId, out: Out): void {
    if (peer !== this.#store) this.port.peerLost?.(peer, out);
  }

  stop(out: Out): void {
    this.port.stop?.(out);
    this.crash(out);
  }

  command(command: Command, out: Out): void {
    switch (command.type) {
      case 'send':
        for (let i = 0; i < command.messages; i++) this.#arrive(out, command.key ?? null);
        return;
      case 'poison':
        this.#poisonNext += command.messages;
        return;
      case 'burst':
        this.#rate(command.perSecond > 0 ? 1e6 / command.perSecond : 0, out);
        // The world outside sends more for so long, whatever this clock shows.
        out.work(command.forUs, { type: 'client/burst-over', round: this.#round } as Wire);
        return;
      case 'set':
        if (command.path[0] === 'rate') this.#newRate(command.value as NewRate, out);
        else this.#settings = changed(this.#settings, PRODUCER_CHANGES, command);
        this.port.command?.(command, out);
        return;
      default:
        this.port.command?.(command, out);
    }
  }

  confirmed(message: Message, place: PlaceId, offset: number, told: boolean, out: Out): void {
    if (told) out.fact(F.confirmed, message.id, place, 0, offset);
    if (this.#own === null || this.#own.publish === 'after-effect') return this.#freed(out);
    if (this.#own.relay === null) this.#own.writes.write(message, out);
    else this.#own.relay.done(message, true, out);
  }

  failed(message: Message, reason: number, definite: boolean, out: Out): void {
    out.fact(F['gave-up'], message.id, 0, 0, definite ? 1 : 0, reason);
    const relay = this.#own?.relay ?? null;
    if (relay === null) this.#freed(out);
    else relay.done(message, false, out);
  }

  wrote(message: Message, out: Out): void {
    if (this.#own?.publish === 'after-effect') this.port.publish(message, out);
    else this.#freed(out);
  }

  notWritten(message: Message, reason: number, definite: boolean, out: Out): void {
    out.fact(F['gave-up'], message.id, 0, 0, definite ? 1 : 0, reason);
    this.#freed(out);
  }

  retrying(message: Message, attempt: number, reason: number, out: Out): void {
    out.fact(F.retried, message.id, 0, 0, attempt, reason);
  }

  /** The rate that the file would have given it. It ends a burst that is under way. */
  #newRate({ perSecond, arrivals }: NewRate, out: Out): void {
    this.#settings = { ...this.#settings, perSecond, arrivals };
    this.#usualGapUs = perSecond > 0 ? 1e6 / perSecond : 0;
    this.#usual(out);
  }

  /** Makes messages at the rate of the file from now on, or from its start on. */
  #usual(out: Out): void {
    if (out.now >= this.#settings.startUs) return this.#rate(this.#usualGapUs, out);
    this.#gapUs = this.#usualGapUs;
    this.#round++;
    out.cancel(this.#arrival);
    this.#dueUs = this.#settings.startUs;
    this.#next(out);
  }

  /** From now on a message every `gapUs`. */
  #rate(gapUs: Micros, out: Out): void {
    this.#gapUs = gapUs;
    this.#round++;
    out.cancel(this.#arrival);
    this.#dueUs = out.now;
    this.#next(out);
  }

  #next(out: Out): void {
    const { messages, stopUs, arrivals } = this.#settings;
    if (this.#gapUs <= 0 || (messages > 0 && this.#rated >= messages)) return;
    this.#dueUs += arrivals === 'even' ? this.#gapUs : exponential(this.#gapUs, out, this.#sites.gap, this.#rated);
    if (this.#dueUs >= stopUs) return;
    if (this.#nextArrival.round !== this.#round) this.#nextArrival = { type: 'client/arrival', round: this.#round };
    this.#arrival = out.timer(Math.floor(this.#dueUs) - out.now, this.#nextArrival, out.cause);
  }

  /** `own`: a key that was asked for; null for the one that is drawn. */
  #arrive(out: Out, own: string | null = null): void {
    const drawn = this.#attributes(out);
    const { key } = this.#settings;
    const attributes = own === null || key === null ? drawn : { ...drawn, [key]: own };
    const poison = this.#isPoison(out);
    this.#made++;
    this.#offer(this.#draft(attributes, this.#settings.amount, poison), out);
  }

  /** Draws those of the next message. */
  #attributes(out: Out): Attributes {
    const number = this.#made + 1;
    let attributes = NO_ATTRIBUTES;
    for (let i = 0; i < this.#attributeNames.length; i++) {
      const name = this.#attributeNames[i] as string;
      const spec = this.#settings.attributes[name];
      if (spec === undefined) continue;
      if (attributes === NO_ATTRIBUTES) attributes = {};
      attributes[name] =
        spec.type === 'unique'
          ? `${spec.prefix}-${number}`
          : weighted(spec, out, this.#sites.attributes[i] as Site, number);
    }
    return attributes;
  }

  /** Whether the next message is poison: by chance, or because the timeline asked for it. */
  #isPoison(out: Out): boolean {
    const unlucky = happens(this.#settings.poisonProbability, out, this.#sites.poison, this.#made + 1);
    if (this.#poisonNext === 0) return unlucky;
    this.#poisonNext--;
    return true;
  }

  #listed(line: number, out: Out): void {
    const listed = this.#settings.send[line];
    if (listed === undefined) return;
    for (let i = 0; i < listed.times; i++) {
      const attributes = { ...this.#attributes(out), ...listed.attributes };
      const poison = this.#isPoison(out);
      this.#made++;
      this.#offer(this.#draft(attributes, listed.amount, listed.poison || poison), out);
    }
  }

  #draft(attributes: Attributes, amount: number, poison: boolean): Draft {
    const { key, routingKey, sizeBytes, sequenced } = this.#settings;
    const keyed = key === null ? undefined : attributes[key];
    const own = keyed === undefined ? null : String(keyed);
    return {
      key: own,
      routingKey: filled(routingKey, attributes),
      attributes: sequenced ? { ...attributes, sequence: this.#sequenceOf(own ?? '') } : attributes,
      amount,
      sizeBytes,
      poison,
    };
  }

  /** Publishes at once, or waits or drops when the buffer is full. */
  #offer(draft: Draft, out: Out): void {
    const { buffer, whenFull } = this.#settings;
    if (buffer === 0 || this.#outstanding < buffer) {
      this.#publish(draft, out);
    } else if (whenFull === 'drop') {
      const message = out.produce(draft);
      out.fact(F.shed, message.id, 0, 0, 0, R['buffer full']);
    } else {
      this.#held.push(draft);
    }
  }

  #publish(draft: Draft, out: Out): void {
    const message = out.produce(draft);
    this.#outstanding++;
    if (this.#own === null || this.#own.publish === 'before-effect') this.port.publish(message, out);
    else this.#own.writes.write(message, out);
  }

  /** Answers of its own store; true when it was one. */
  #answered({ writes, relay }: Own, wire: Wire, out: Out): boolean {
    if (wire.type === 'store/written') writes.written(wire as WriteReply, out);
    else if (wire.type === 'store/outbox-rows')
      for (const row of relay?.rows(wire as OutboxRows) ?? []) this.port.publish(row, out);
    else return false;
    return true;
  }

  #sequenceOf(key: string): number {
    const sequence = (this.#sequences.get(key) ?? 0) + 1;
    this.#sequences.set(key, sequence);
    return sequence;
  }

  #freed(out: Out): void {
    this.#outstanding--;
    const { buffer } = this.#settings;
    while (this.#held.length > 0 && this.#outstanding < buffer) this.#publish(this.#held.shift() as Draft, out);
  }
}

function weighted(
  spec: { readonly values: readonly string[]; readonly weights: readonly number[] },
  out: Out,
  site: Site,
  number: number,
): string {
  let sum = 0;
  for (const weight of spec.weights) sum += weight;
  let left = (out.choose(site, 2 ** 30, number) / 2 ** 30) * sum;
  for (let i = 0; i < spec.values.length; i++) {
    left -= spec.weights[i] as number;
    if (left < 0) return spec.values[i] as string;
  }
  return spec.values.at(-1) ?? '';
}
