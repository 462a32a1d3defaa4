/**
 * The runs of all lanes of the open scenario, and how far they are. They belong to the file with its seed and changes, not to the lane that is shown: who goes
 * from one to another, or to another panel and back, finds them as they were.
 */
import { createContext } from 'svelte';
import type { Lab } from '../lab.svelte.ts';
import type { LanesView } from './view.ts';

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
  #of = '';

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** Runs the lanes unless they have been run already, or somebody stopped them. */
  follow(): void {
    if (this.#key !== this.#of) this.start();
  }

  start(): void {
    const lab = this.#lab;
    const lanes = lab.lanes?.lanes.map(({ name }) => name) ?? [];
    this.#of = this.#key;
    this.view = null;
    this.running = true;
    this.stopped = false;
    this.done = 0;
    this.title = '';
    this.progress = 0;
    this.problem = '';
    const { source: text, seed, sets, changes: lines } = lab;
    lab.simulator.lanes({ file: lab.file, text, seed, sets, lines, lanes }, (report) => {
      if (report.view !== null) this.view = report.view;
      this.done = report.done;
      this.title = report.title;
      this.progress = report.progress;
      this.problem = report.problem;
      this.running = report.problem === '' && report.done < lanes.length;
    });
  }

  /** Keeps the lanes that have been run. */
  stop(): void {
    this.#lab.simulator.stopLanes();
    this.running = false;
    this.stopped = true;
  }

  get #key(): string {
    const { name, source, seed, sets, changes, lanes } = this.#lab;
    return JSON.stringify([name, source, seed, sets, changes, lanes?.lanes]);
  }
}

export const [getComparison, setComparison] = createContext<Comparison>();
