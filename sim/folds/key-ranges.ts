/**
 * Which hashes each consumer of Pulsar's Key_Shared subscriptions owns at a moment. No fact holds ranges, and none needs to: who owns what follows from who joined
 * and left each subscription, in order, by the same rules that the broker goes by (P22–P24). Many moments of one run are asked for, so who came and went is
 * collected once.
 */
import { F } from '../../core/facts.ts';
import { booleanOf, numberOf, textOf } from '../../core/options.ts';
import {
  HASHES,
  HashRing,
  type KeyOwner,
  type KeyRange,
  type KeySelector,
  keyRange,
  SplitRanges,
  StickyRanges,
} from '../../core/parts/key-ranges.ts';
import type { ActorId, FactId, PlaceId } from '../../core/types.ts';
import type { ConsumerSpec, Scenario } from '../scenario/types.ts';
import type { Trace } from '../trace.ts';

export { HASHES };

/** What a consumer owns of one subscribed topic or partition: ranges in order, `end` not included. */
export interface OwnedHashes {
  readonly place: PlaceId;
  readonly ranges: readonly KeyRange[];
}

interface Change {
  readonly fact: FactId;
  readonly place: PlaceId;
  readonly consumer: ActorId;
  readonly joins: boolean;
}

interface Member extends KeyOwner {
  readonly consumer: ActorId;
}

const POINTS = 100;

export class KeyRanges {
  readonly #trace: Trace;
  readonly #scenario: Scenario;
  readonly #changes: Change[] = [];
  #seen: FactId = 0;
  #answer: { readonly upTo: number; readonly owned: ReadonlyMap<ActorId, readonly OwnedHashes[]> } | null = null;

  constructor(trace: Trace, scenario: Scenario) {
    this.#trace = trace;
    this.#scenario = scenario;
  }

  /** What a consumer owns once this fact has happened, place by place; nothing where it shares no subscription by key. */
  of(consumer: ActorId, fact: FactId): readonly OwnedHashes[] {
    this.#extend(fact);
    let upTo = 0;
    while (upTo < this.#changes.length && (this.#changes[upTo] as Change).fact <= fact) upTo++;
    if (this.#answer?.upTo !== upTo) this.#answer = { upTo, owned: this.#after(upTo) };
    return this.#answer.owned.get(consumer) ?? [];
  }

  #extend(fact: FactId): void {
    const trace = this.#trace;
    for (let id = this.#seen + 1; id <= fact; id++) {
      const kind = trace.kind(id);
      if (kind !== F.subscribed && kind !== F.cancelled) continue;
      const consumer = trace.peer(id);
      if (this.#specOf(consumer) === null) continue;
      this.#changes.push({ fact: id, place: trace.place(id), consumer, joins: kind === F.subscribed });
    }
    this.#seen = Math.max(this.#seen, fact);
  }

  /** Lays those who came over the hashes, place by place, and takes away those who went: what they had goes to neighbours. */
  #after(upTo: number): ReadonlyMap<ActorId, readonly OwnedHashes[]> {
    const places = new Map<PlaceId, { members: Map<ActorId, Member>; selector: KeySelector<Member> }>();
    for (let i = 0; i < upTo; i++) {
      const { place, consumer, joins } = this.#changes[i] as Change;
      let at = places.get(place);
      // Who subscribes once more had lost the owner of the topic, and so had all the others.
      if (at === undefined || at.members.size === 0 || (joins && at.members.has(consumer))) {
        at = { members: new Map(), selector: this.#selectorFor(consumer) };
        places.set(place, at);
      }
      const member = at.members.get(consumer) ?? this.#memberOf(consumer);
      if (!joins) {
        at.members.delete(consumer);
        at.selector.remove(member);
      } else if (at.selector.add(member)) at.members.set(consumer, member);
    }
    const owned = new Map<ActorId, OwnedHashes[]>();
    for (const [place, { members, selector }] of places) {
      for (const [consumer, member] of members) {
        owned.set(consumer, [...(owned.get(consumer) ?? []), { place, ranges: selector.rangesOf(member) }]);
      }
    }
    return owned;
  }

  #selectorFor(consumer: ActorId): KeySelector<Member> {
    const spec = this.#specOf(consumer);
    if (spec !== null && textOf(spec.options, 'keySharedMode') === 'STICKY') return new StickyRanges();
    const options = this.#scenario.brokers[spec?.broker ?? '']?.options ?? {};
    if (!booleanOf(options, 'subscriptionKeySharedUseConsistentHashing')) return new SplitRanges();
    return new HashRing(numberOf(options, 'subscriptionKeySharedConsistentHashingReplicaPoints', POINTS));
  }

  /** On the ring it stands by its name; sticky instances take one declared range each. */
  #memberOf(consumer: ActorId): Member {
    const name = this.#trace.actorName(consumer);
    const declared = this.#trace.actors[consumer]?.group ?? '';
    const texts = this.#specOf(consumer)?.options['keySharedRanges'];
    const ranges = Array.isArray(texts) ? texts.flatMap((text) => keyRange(String(text)) ?? []) : [];
    const instance = Number(name.slice(declared.length + 1));
    return { consumer, name, ranges: name === declared ? ranges : ranges.slice(instance - 1, instance) };
  }

  #specOf(consumer: ActorId): ConsumerSpec | null {
    const spec = this.#scenario.consumers[this.#trace.actors[consumer]?.group ?? ''];
    return spec?.options['subscriptionType'] === 'Key_Shared' ? spec : null;
  }
}
