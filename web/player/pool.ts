/**
 * The workers that all players of one document share: at most a few live at once, however many players there are. A player whose run has been made gives its
 * worker up when another one needs it, and gets one again when it is asked something; while all are busy, the next waits for its turn.
 */
import type { Simulator, Workers } from '../client.ts';
import workerUrl from '../worker.ts?worker&url';

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

let line = '';

/**
 * A worker may only be started from the origin of the document. When the script came from another one, a line of code of this document's own origin imports the
 * worker from there, for which that host must allow it (CORS), as it does for the script itself.
 */
function startWorker(): Worker {
  const url = new URL(workerUrl, import.meta.url);
  if (url.origin === location.origin) return new Worker(url, { type: 'module' });
  if (line === '')
    line = URL.createObjectURL(new Blob([`import ${JSON.stringify(url.href)};`], { type: 'text/javascript' }));
  return new Worker(line, { type: 'module' });
}

export const pool = new Pool(startWorker);
