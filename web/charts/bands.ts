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
  const bands: Band[] = index.firstSpans.map(({ fact, label, fromUs, toUs }) => ({
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

/** The stretches in which at least one band lies, apart from each other. Takes the bands in the order of their beginnings. */
export function union(bands: readonly Pick<Band, 'fromUs' | 'toUs'>[]): readonly Pick<Band, 'fromUs' | 'toUs'>[] {
  const stretches: { readonly fromUs: Micros; toUs: Micros }[] = [];
  for (const { fromUs, toUs } of bands) {
    const last = stretches.at(-1);
    if (last !== undefined && fromUs <= last.toUs) last.toUs = Math.max(last.toUs, toUs);
    else stretches.push({ fromUs, toUs });
  }
  return stretches;
}

/** What was wrong at a time, each once. A moment counts for as long as `aroundUs` around it, so that it can be hit. */
export function labelsAt(bands: readonly Band[], time: Micros, aroundUs: Micros): readonly string[] {
  const there = bands.filter(({ fromUs, toUs }) => {
    const around = toUs - fromUs < aroundUs ? aroundUs : 0;
    return fromUs - around <= time && time <= toUs + around;
  });
  return [...new Set(there.map(({ label }) => label))];
}
