/** Two futures of the open file that are compared, and their runs side by side. */
import { createContext } from 'svelte';
import type { Future } from '../futures.ts';
import type { Lab } from '../lab.svelte.ts';
import { type Compared, Comparison } from '../lanes/comparison.svelte.ts';

export class Pair {
  /** Their numbers, the earlier one first; null while none are compared. */
  ids = $state.raw<readonly [number, number] | null>(null);
  readonly comparison: Comparison;
  readonly #lab: Lab;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.comparison = new Comparison(lab, () => this.#compared());
  }

  compare(a: number, b: number): void {
    this.ids = a < b ? [a, b] : [b, a];
    this.comparison.follow();
  }

  /** The two; null when there are none, or one of them has been forgotten. */
  get futures(): readonly [Future, Future] | null {
    const [a, b] = (this.ids ?? []).map((id) => this.#lab.futures.find((one) => one.id === id));
    return a === undefined || b === undefined ? null : [a, b];
  }

  #compared(): Compared | null {
    const both = this.futures;
    if (both === null) return null;
    const lanes = both.map(({ id, what, recipe }) => {
      const { source: text, seed, sets, changes: lines, under } = recipe;
      return { name: String(id), title: `${id}: ${what}`, text, seed, sets, lines, under };
    });
    return { lanes, parts: true };
  }
}

export const [getPair, setPair] = createContext<Pair>();
