/** The page's one simulator has a worker of its own, from the first moment at which it wants one. */
import type { Workers } from './client.ts';

export const ownWorker: Workers = {
  want: (simulator) => simulator.employ(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })),
  spare: () => undefined,
  leave: () => undefined,
};
