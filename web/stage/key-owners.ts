/**
 * Whose keys are whose in a subscription that is shared by key (Pulsar's Key_Shared). Which hashes a consumer owns, the inspector tells; but which consumer was handed each
 * key's messages last, the run tells, and that is what one wants to see when somebody joins: the keys that move, and those that still wait for their old owner.
 */
import type { ActorId, FactId, MessageId } from '../../core/types.ts';
import type { Scenario } from '../../sim/scenario/types.ts';
import type { Trace } from '../../sim/trace.ts';
import { F } from '../../sim/vocabulary.ts';
import type { ShownRun } from '../lab.svelte.ts';

/** A key, by a message that has it. */
export interface OwnedKey {
  readonly key: string;
  readonly message: MessageId;
}

interface Handover extends OwnedKey {
  readonly fact: FactId;
  readonly consumer: ActorId;
}

const NOTHING: readonly OwnedKey[] = [];
/** More keys than this are not told apart on the stage either. */
const KEYS_MOST = 200;

export class KeyOwners {
  readonly #run: ShownRun;
  /** Each time a key came to another consumer than before, in order. */
  readonly #handovers: Handover[] = [];
  readonly #last = new Map<string, ActorId>();
  #seen: FactId = 0;
  /** What was asked last: many boxes ask for the same moment. */
  #answer: { readonly fact: FactId; readonly owned: ReadonlyMap<ActorId, readonly OwnedKey[]> } | null = null;

  constructor(run: ShownRun) {
    this.#run = run;
  }

  /** Keys whose messages this consumer was handed last, in the order in which they first came. */
  of(consumer: ActorId, fact: FactId): readonly OwnedKey[] {
    if (this.#answer?.fact !== fact) this.#answer = { fact, owned: this.#at(fact) };
    return this.#answer.owned.get(consumer) ?? NOTHING;
  }

  #at(fact: FactId): ReadonlyMap<ActorId, readonly OwnedKey[]> {
    this.#extend(fact);
    const owners = new Map<string, Handover>();
    for (const handover of this.#handovers) {
      if (handover.fact > fact) break;
      owners.set(handover.key, handover);
    }
    const owned = new Map<ActorId, OwnedKey[]>();
    for (const handover of owners.values()) {
      const list = owned.get(handover.consumer);
      if (list === undefined) owned.set(handover.consumer, [handover]);
      else list.push(handover);
    }
    return owned;
  }

  #extend(fact: FactId): void {
    const { trace, scenario } = this.#run;
    for (let id = this.#seen + 1; id <= fact; id++) {
      if (trace.kind(id) !== F.delivered) continue;
      const consumer = trace.peer(id);
      const message = trace.messageOf(id);
      if (message === 0 || !sharesByKey(scenario, trace.actors[consumer]?.group ?? '')) continue;
      const { key } = trace.message(message);
      if (key === null || this.#last.get(key) === consumer) continue;
      if (!this.#last.has(key) && this.#last.size >= KEYS_MOST) continue;
      this.#last.set(key, consumer);
      this.#handovers.push({ fact: id, key, message, consumer });
    }
    this.#seen = Math.max(this.#seen, fact);
  }
}

const known = new WeakMap<Trace, KeyOwners>();

/** Of a run; null where no subscription is shared by key. */
export function keyOwnersOf(run: ShownRun): KeyOwners | null {
  if (!Object.keys(run.scenario.consumers).some((declared) => sharesByKey(run.scenario, declared))) return null;
  let owners = known.get(run.trace);
  if (owners === undefined) {
    owners = new KeyOwners(run);
    known.set(run.trace, owners);
  }
  return owners;
}

function sharesByKey({ consumers }: Scenario, declared: string): boolean {
  return consumers[declared]?.options['subscriptionType'] === 'Key_Shared';
}
