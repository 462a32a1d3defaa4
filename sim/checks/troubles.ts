/**
 * What happened that could have broken a claim. For a claim that is limited to a part of the run only what touched that part counts: a crash of somebody
 * else's worker puts nothing to the test here.
 */
import { F, type FactName } from '../../core/facts.ts';
import { HOPS, type HopKind } from '../../core/machine.ts';
import { textOf } from '../../core/options.ts';
import type { ActorId, FactId, MessageId } from '../../core/types.ts';
import { type Evidence, inScope, isKeptFor } from './evidence.ts';

/** The evidence as a whole fits. */
export interface Troubles {
  /** The first crash of a consumer that held a message; of a broker node; 0 for none. */
  readonly crashHolding: FactId;
  readonly brokerCrash: FactId;
  any(...names: readonly FactName[]): boolean;
  count(name: FactName): number;
  lost(...hops: readonly HopKind[]): boolean;
  doubled(...hops: readonly HopKind[]): boolean;
}

export function troublesOf(evidence: Evidence, scope: string): Troubles {
  return scope === '' ? evidence : new ScopedTroubles(evidence, scope);
}

class ScopedTroubles implements Troubles {
  readonly crashHolding: FactId;
  readonly brokerCrash: FactId;
  readonly #evidence: Evidence;
  readonly #scope: string;
  readonly #counts = new Uint32Array(256);
  readonly #lost = new Set<HopKind>();
  readonly #doubled = new Set<HopKind>();
  /** By place: whether what is stored there is meant. By message: whether it ever was in such a place. By actor: whether it is a consumer that is meant. */
  readonly #kept: readonly boolean[];
  readonly #stored: Uint8Array;
  readonly #reads: readonly boolean[];

  constructor(evidence: Evidence, scope: string) {
    const { trace } = evidence;
    this.#evidence = evidence;
    this.#scope = scope;
    this.#kept = trace.places.map(
      ({ id, kind, name }) => id > 0 && (isKeptFor(evidence, id, scope) || (kind === 'group' && this.#isReadBy(name))),
    );
    const meant = this.#withUpstream();
    this.#reads = trace.actors.map(({ kind, group }) => kind === 'consumer' && meant.has(group));
    this.#stored = evidence.perCopy();
    for (let id = 1; id <= trace.count; id++) if (this.#kept[trace.place(id)]) this.#stored[trace.messageOf(id)] = 1;
    for (let id = 1; id <= trace.count; id++) {
      if (!this.#isMeant(id)) continue;
      const kind = trace.kind(id);
      this.#counts[kind] = (this.#counts[kind] as number) + 1;
      if (kind !== F.sent) continue;
      const fate = trace.detail(id) >> 3;
      const hop = HOPS[trace.detail(id) & 7];
      if (fate > 0 && hop !== undefined) (fate === 4 ? this.#doubled : this.#lost).add(hop);
    }
    this.crashHolding = evidence.crashesHolding.find((id) => this.#reads[trace.actor(id)]) ?? 0;
    this.brokerCrash = evidence.brokerCrashes.find((id) => this.#isNode(trace.actor(id))) ?? 0;
  }

  any(...names: readonly FactName[]): boolean {
    return names.some((name) => this.count(name) > 0);
  }

  count(name: FactName): number {
    return this.#counts[F[name]] ?? 0;
  }

  lost(...hops: readonly HopKind[]): boolean {
    return this.count('unreachable') > 0 || hops.some((hop) => this.#lost.has(hop));
  }

  doubled(...hops: readonly HopKind[]): boolean {
    return hops.some((hop) => this.#doubled.has(hop));
  }

  /** By the consumer that it is about; else by where it is stored, or ever was. What is about nobody and nothing may touch everything. */
  #isMeant(id: FactId): boolean {
    const { trace } = this.#evidence;
    const message = trace.messageOf(id);
    const place = trace.place(id);
    const consumer = this.#consumerOf(id, message);
    if (consumer > 0) return this.#reads[consumer] === true;
    if (trace.kind(id) === F.sought && trace.places[place]?.kind === 'partition')
      return inScope(this.#evidence, trace.detail(id), this.#scope) || inScope(this.#evidence, place, this.#scope);
    if (message > 0 && this.#stored[message] === 1) return true;
    return place > 0 ? this.#kept[place] === true : message === 0;
  }

  /** The consumer that a fact is about as one who works on what it was handed, not as the producer of something else; 0 for none. */
  #consumerOf(id: FactId, message: MessageId): ActorId {
    const { trace } = this.#evidence;
    const maker = message > 0 ? trace.message(message).producer : 0;
    return [trace.peer(id), trace.actor(id)].find((at) => at !== maker && trace.actors[at]?.kind === 'consumer') ?? 0;
  }

  /** The declared consumers that are meant, and those that make what these read: what befalls them comes down with what they made. */
  #withUpstream(): ReadonlySet<string> {
    const consumers = Object.entries(this.#evidence.scenario.consumers);
    const meant = new Set(consumers.flatMap(([name]) => (this.#isReader(name) ? [name] : [])));
    // A set goes on to what is added to it meanwhile.
    for (const reader of meant) {
      const from = this.#evidence.scenario.consumers[reader]?.from ?? [];
      for (const [name, { produces, options }] of consumers) {
        const to = [...produces.flatMap((made) => made.to), textOf(options, 'forward.to')];
        if (to.some((target) => from.includes(target))) meant.add(name);
      }
    }
    return meant;
  }

  /** Whether a group has a consumer that is meant. */
  #isReadBy(group: string): boolean {
    return Object.entries(this.#evidence.scenario.consumers).some(
      ([declared, spec]) => spec.group === group && this.#isReader(declared),
    );
  }

  #isReader(declared: string): boolean {
    const spec = this.#evidence.scenario.consumers[declared];
    if (spec === undefined) return false;
    const { effect, from, group } = spec;
    // A partition or the endpoint of a subscription is named after its topic.
    return (
      [declared, group, effect.store, ...from].includes(this.#scope) ||
      from.some((name) => this.#scope.startsWith(`${name}/`))
    );
  }

  /** Whether a node is one of a broker that keeps what is meant; of a lone broker each is. */
  #isNode(actor: ActorId): boolean {
    const { scenario, trace } = this.#evidence;
    const { brokers, consumers, queues, topics } = scenario;
    const own = trace.actors[actor]?.group ?? '';
    if (Object.keys(brokers).length < 2 || brokers[own] === undefined) return true;
    const stored = Object.entries({ ...queues, ...topics }).filter(([name]) =>
      trace.places.some((place) => this.#kept[place.id] && (place.name === name || place.parent === name)),
    );
    const readers = Object.entries(consumers).filter(([name]) => this.#isReader(name));
    return [...stored, ...readers].some(([, { broker }]) => broker === own);
  }
}
