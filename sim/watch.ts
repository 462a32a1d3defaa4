/**
 * Lines of the timeline that wait for a fact: which of them does this one set off? Everything that writes a fact during a run tells it here, machines by their voice and the world
 * itself by `record`.
 */
import { F, type FactKind } from '../core/facts.ts';
import type { ActorId, FactId, Micros, PlaceId } from '../core/types.ts';
import type { TimelineEntry, When } from './scenario/types.ts';
import type { Trace } from './trace.ts';

interface Trigger {
  readonly index: number;
  readonly when: Extract<When, { type: 'fact' }>;
  left: number;
}

/** Who speaks when a fact is written. */
export interface Speaker {
  readonly self: ActorId;
  /** Nothing that it says from now on happens. */
  silent: boolean;
  /** It may still record what becomes of things. */
  mute: boolean;
}

export class Watch {
  /** Lines that were set off and have not begun yet, in order. */
  readonly fired: { readonly index: number; readonly cause: FactId }[] = [];
  readonly #trace: Trace;
  readonly #timeline: readonly TimelineEntry[];
  readonly #named: (name: string) => readonly ActorId[];
  readonly #triggers: (Trigger[] | undefined)[] = [];

  /** `named`: whom a name of the scenario means now. */
  constructor(trace: Trace, timeline: readonly TimelineEntry[], named: (name: string) => readonly ActorId[]) {
    this.#trace = trace;
    this.#timeline = timeline;
    this.#named = named;
    timeline.forEach(({ when }, index) => {
      if (when.type === 'at') return;
      const kind = F[when.fact as keyof typeof F];
      const list = this.#triggers[kind] ?? [];
      list.push({ index, when, left: when.nth });
      this.#triggers[kind] = list;
    });
  }

  /** Whether a line waits for facts of this kind. */
  awaits(kind: FactKind): boolean {
    return this.#triggers[kind] !== undefined;
  }

  /** Writes down what no machine says: the world's own facts. */
  record(
    now: Micros,
    kind: FactKind,
    actor: ActorId,
    place: PlaceId,
    value: number,
    cause: FactId,
    detail = 0,
    message = 0,
    peer: ActorId = 0,
  ): FactId {
    const id = this.#trace.append(now, kind, actor, message, place, peer, value, detail, cause);
    if (this.awaits(kind)) this.look(kind, id, null);
    return id;
  }

  /** A fact of an awaited kind was written: what does it set off? `speaker`: whose call it is, if any. */
  look(kind: FactKind, id: FactId, speaker: Speaker | null): void {
    for (const trigger of this.#triggers[kind] ?? []) {
      if (trigger.left === 0 || !this.#matches(trigger.when, id)) continue;
      if (--trigger.left > 0) continue;
      this.fired.push({ index: trigger.index, cause: id });
      if (speaker !== null) this.#cutShort(trigger.index, speaker);
    }
  }

  /**
   * When a process is to end at this very step, nothing that it says afterwards happens. What outlives it (a broker's log and queues, a store's rows) takes
   * the step as a whole, so what goes with it is on record, but nothing leaves the process any more.
   */
  #cutShort(index: number, speaker: Speaker): void {
    const action = this.#timeline[index]?.action;
    if (action?.type !== 'crash' && action?.type !== 'stop') return;
    if (!action.actors.some((name) => this.#named(name).includes(speaker.self))) return;
    const kind = this.#trace.actors[speaker.self]?.kind;
    if (kind === 'broker' || kind === 'store') speaker.mute = true;
    else speaker.silent = true;
  }

  #matches(when: Trigger['when'], id: FactId): boolean {
    const trace = this.#trace;
    if (when.message !== 0 && trace.messageOf(id) !== when.message) return false;
    if (when.actor === null) return true;
    const ids = this.#named(when.actor);
    return ids.includes(trace.actor(id)) || ids.includes(trace.peer(id));
  }
}
