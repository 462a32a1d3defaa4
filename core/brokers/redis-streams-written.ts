/** What a Redis server has written and what is not safe yet, in the order of writing: the steps that a crash may take back. Source: rules X18, X19. */
import type { Change } from '../parts/redis-stream.ts';
import type { Micros } from '../types.ts';
import type { Live } from './redis-streams-share.ts';

/** A step of one stream, or a key that came or went. */
export type Step = Change | { readonly type: 'created' | 'deleted'; readonly live: Live };

export class Written {
  readonly #timed: boolean;
  #steps: Step[] = [];
  /** When each was made. A list of its own, so that no number is boxed. */
  #timesUs: Micros[] = [];
  /** Changes as a save point counts them. A read is two: the group has moved, and something is pending. */
  changes = 0;

  /** `timed`: what is old enough becomes safe (a replica is behind by so much); else all does at once. */
  constructor(timed: boolean) {
    this.#timed = timed;
  }

  add(step: Step, nowUs: Micros): void {
    this.#steps.push(step);
    if (this.#timed) this.#timesUs.push(nowUs);
    this.changes += step.type === 'read' ? 2 : 1;
  }

  /** All is safe. */
  clear(): void {
    this.#steps = [];
    this.#timesUs = [];
    this.changes = 0;
  }

  /** What was written up to this time is safe. */
  clearUpTo(timeUs: Micros): void {
    const from = this.#timesUs.findIndex((atUs) => atUs > timeUs);
    if (from < 0) return this.clear();
    this.#steps = this.#steps.slice(from);
    this.#timesUs = this.#timesUs.slice(from);
    this.changes = this.#steps.length;
  }

  /** Takes out what was written after this time, and forgets the rest; without times, all is taken out. */
  takeAfter(timeUs: Micros): Step[] {
    let from = this.#timesUs.length;
    while (from > 0 && (this.#timesUs[from - 1] as Micros) > timeUs) from--;
    const taken = this.#steps.slice(from);
    this.clear();
    return taken;
  }
}
