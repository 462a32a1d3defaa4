/**
 * Deduplication by producer name: the highest sequence id that each producer of a topic partition sent (pushed) and that is stored (persisted). It
 * compares numbers only: content does not count, gaps are fine, and going back is a repeat. What is persisted can be rebuilt from the log after
 * a crash; what was only pushed is forgotten. Source: P60, P61, P62, P63.
 */
import type { Micros } from '../types.ts';

interface Known {
  pushed: number;
  persisted: number;
  activeAtUs: Micros;
}

/** `new`: store it. `duplicate`: it is stored already, say yes. `unsure`: it was pushed and is not stored yet; the client must ask again. */
export type Recognised = 'new' | 'duplicate' | 'unsure';

export class SequenceDedup {
  readonly #producers = new Map<string, Known>();
  readonly #most: number;
  readonly #inactiveUs: Micros;

  /** At most `most` producers are remembered, each for `inactiveUs` after it was last heard of (P62). */
  constructor(most: number, inactiveUs: Micros) {
    this.#most = most;
    this.#inactiveUs = inactiveUs;
  }

  /** Looks at a sequence id and, if it is new, notes that it is on its way. */
  push(producer: string, sequence: number, now: Micros): Recognised {
    const known = this.#find(producer, now);
    if (known === undefined) {
      this.#remember(producer, { pushed: sequence, persisted: -1, activeAtUs: now });
      return 'new';
    }
    known.activeAtUs = now;
    if (sequence > known.pushed) {
      known.pushed = sequence;
      return 'new';
    }
    return sequence <= known.persisted ? 'duplicate' : 'unsure';
  }

  persisted(producer: string, sequence: number, now: Micros): void {
    const known = this.#find(producer, now);
    if (known === undefined) this.#remember(producer, { pushed: sequence, persisted: sequence, activeAtUs: now });
    else {
      if (sequence > known.persisted) known.persisted = sequence;
      if (sequence > known.pushed) known.pushed = sequence;
    }
  }

  /** The highest stored sequence id of a producer; −1 when none is known. */
  last(producer: string): number {
    return this.#producers.get(producer)?.persisted ?? -1;
  }

  /** The broker is gone: what was on its way is not known any more. */
  recover(): void {
    for (const known of this.#producers.values()) known.pushed = known.persisted;
  }

  #find(producer: string, now: Micros): Known | undefined {
    const known = this.#producers.get(producer);
    if (known !== undefined && now - known.activeAtUs > this.#inactiveUs) {
      this.#producers.delete(producer);
      return undefined;
    }
    return known;
  }

  #remember(producer: string, known: Known): void {
    if (this.#producers.size >= this.#most) {
      let oldest = '';
      let atUs = Number.POSITIVE_INFINITY;
      for (const [name, { activeAtUs }] of this.#producers) {
        if (activeAtUs >= atUs) continue;
        oldest = name;
        atUs = activeAtUs;
      }
      this.#producers.delete(oldest);
    }
    this.#producers.set(producer, known);
  }
}
