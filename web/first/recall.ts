/** The runs that came with the page. A request that is for one of them need not wait for the simulator. */
import type { RunReport, RunRequest } from '../protocol.ts';
import type { FirstRun } from './packed.ts';

/** By the name of the file, as requests have it. */
const FIRST: Readonly<Record<string, () => Promise<{ readonly default: string }>>> = {
  'photo-queue.yaml': () => import('virtual:first-run/photo-queue'),
  'first-message.yaml': () => import('virtual:first-run/first-message'),
};

/** What is to be said of the run, when there is a recording of just this one; null when it has to be run. */
export async function recall(request: RunRequest): Promise<readonly RunReport[] | null> {
  const { file, text, seed, sets, lines, under, recorded, run } = request;
  const load = FIRST[file];
  if (load === undefined || seed !== null || lines.length > 0 || under !== null || recorded !== null) return null;
  let known: FirstRun;
  try {
    const [{ unpack }, { default: packed }] = await Promise.all([import('./packed.ts'), load()]);
    known = unpack(packed);
  } catch {
    return null;
  }
  const isSame =
    known.source === text && known.sets.length === sets.length && known.sets.every((set, i) => set === sets[i]);
  return isSame ? known.reports.map((report) => ({ ...report, run })) : null;
}
