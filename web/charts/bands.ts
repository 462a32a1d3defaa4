/** Stretches of a run in which something was wrong, to be drawn behind every chart: faults and interventions as the timeline has them, and alerts. */
import type { Micros } from '../../core/types.ts';
import { F } from '../../sim/vocabulary.ts';
import type { ShownRun } from '../lab.svelte.ts';

export interface Band {
  readonly key: string;
  readonly label: string;
  readonly fromUs: Micros;
  /** Equal to `fromUs` for what took no time. */
  readonly toUs: Micros;
}

/** In the order of their beginnings; what has not ended lasts until the end of the run. */
export function bandsOf({ trace, index, scenario }: Pick<ShownRun, 'trace' | 'index' | 'scenario'>): readonly Band[] {
  const bands: Band[] = index.spans.map(({ fact, label, fromUs, toUs }) => ({
    key: `fault ${fact}`,
    label,
    fromUs,
    toUs: toUs ?? trace.endedAtUs,
  }));
  const raised = new Map<number, Micros>();
  const end = (alert: number, toUs: Micros): void => {
    const fromUs = raised.get(alert);
    if (fromUs === undefined) return;
    raised.delete(alert);
    const name = scenario.alerts[alert]?.name ?? '';
    bands.push({ key: `alert ${alert} ${fromUs}`, label: `alert ${name}`, fromUs, toUs });
  };
  for (let i = 0; i < index.notable.length; i++) {
    const id = index.notable.at(i);
    const kind = trace.kind(id);
    if (kind === F['alert-raised']) raised.set(trace.value(id), trace.time(id));
    else if (kind === F['alert-cleared']) end(trace.value(id), trace.time(id));
  }
  for (const alert of [...raised.keys()]) end(alert, trace.endedAtUs);
  return bands.sort((a, b) => a.fromUs - b.fromUs);
}
