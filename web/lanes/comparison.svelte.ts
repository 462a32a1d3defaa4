/**
 * Several runs side by side, and how far they are. They belong to what they are made from, not to the run that is shown: who goes from one to another, or to another panel and back, finds
 * them as they were.
 */
import { createContext } from 'svelte';
import type { Lab } from '../lab.svelte.ts';
import type { LaneRecipe } from '../protocol.ts';
import type { LanesView } from './view.ts';

/** What is to be compared. */
export interface Compared {
  readonly lanes: readonly LaneRecipe[];
  /** See `LanesRequest.parts`. */
  readonly parts: boolean;
}

export class Comparison {
  /** Of the lanes that have been run; null before the first. */
  view = $state.raw<LanesView | null>(null);
  running = $state(false);
  stopped = $state(false);
  /** Lanes that have been run. */
  done = $state(0);
  /** The title of the lane that is being run, and how much of it has been, 0 … 1. */
  title = $state('');
  progress = $state(0);
  /** Why there are not all; '' when nothing went wrong. */
  problem = $state('');

  readonly #lab: Lab;
  readonly #wanted: () => Compared | null;
  #of = '';

  /** `wanted` says what is to be compared now; null for nothing. */
  constructor(lab: Lab, wanted: () => Compared | null) {
    this.#lab = lab;
    this.#wanted = wanted;
  }

  /** Runs the lanes unless they have been run already, or somebody stopped them. */
  follow(): void {
    const wanted = this.#wanted();
    if (wanted !== null && this.#key(wanted) !== this.#of) this.start();
  }

  start(): void {
    const wanted = this.#wanted();
    if (wanted === null) return;
    const lab = this.#lab;
    this.#of = this.#key(wanted);
    this.view = null;
    this.running = true;
    this.stopped = false;
    this.done = 0;
    this.title = '';
    this.progress = 0;
    this.problem = '';
    lab.simulator.lanes({ file: lab.file, ...wanted }, (report) => {
      if (report.view !== null) this.view = report.view;
      this.done = report.done;
      this.title = report.title;
      this.progress = report.progress;
      this.problem = report.problem;
      this.running = report.problem === '' && report.done < wanted.lanes.length;
    });
  }

  /** Keeps the lanes that have been run. */
  stop(): void {
    this.#lab.simulator.stopLanes();
    this.running = false;
    this.stopped = true;
  }

  #key(wanted: Compared): string {
    return JSON.stringify([this.#lab.name, wanted]);
  }
}

/** The open file under each of its brokers; null for a file that names its own. */
export function brokersOf({ lanes, source: text, seed, sets, changes: lines }: Lab): Compared | null {
  if (lanes === null) return null;
  const recipes = lanes.lanes.map(({ name, title }) => ({ name, title, text, seed, sets, lines, under: name }));
  return { lanes: recipes, parts: false };
}

export const [getComparison, setComparison] = createContext<Comparison>();
