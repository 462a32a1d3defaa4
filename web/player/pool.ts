/**
 * The workers that all players of one document share: at most a few live at once, however many players there are. A player whose run has been made gives its
 * worker up when another one needs it, and gets one again when it is asked something; while all are busy, the next waits for its turn.
 */
import type { Simulator, Workers } from '../client.ts';

/** One for the run that is made, and some for the questions of panels. Each is a simulator of its own with its run in memory. */
export const WORKERS_MOST = 3;

const FORBIDDEN =
  'This page may start no worker, so that nothing can be run. Its content security policy has to allow that: see "worker-src" in the documentation of the player.';

export class Pool implements Workers {
  readonly #start: () => Worker;
  /** Who has a worker, the first that got it first. */
  readonly #employed = new Set<Simulator>();
  readonly #waiting = new Set<Simulator>();

  constructor(start: () => Worker) {
    this.#start = start;
  }

  want(simulator: Simulator): void {
    // Who wants one beforehand takes it from nobody.
    if (simulator.isIdle && this.#employed.size >= WORKERS_MOST) return;
    this.#waiting.add(simulator);
    this.#serve();
  }

  spare(): void {
    this.#serve();
  }

  leave(simulator: Simulator): void {
    this.#employed.delete(simulator);
    this.#waiting.delete(simulator);
    this.#serve();
  }

  /** Gives out workers as long as somebody waits and there is one, or somebody can do without. */
  #serve(): void {
    for (const simulator of this.#waiting) {
      if (this.#employed.size >= WORKERS_MOST && !this.#takeOne()) return;
      this.#waiting.delete(simulator);
      let worker: Worker;
      try {
        worker = this.#start();
      } catch {
        simulator.refuse(FORBIDDEN);
        continue;
      }
      this.#employed.add(simulator);
      simulator.employ(worker);
    }
  }

  #takeOne(): boolean {
    for (const simulator of this.#employed) {
      if (!simulator.rest()) continue;
      this.#employed.delete(simulator);
      return true;
    }
    return false;
  }
}
