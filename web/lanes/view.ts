/** What the page shows of several lanes: plain words and numbers, made in the worker from the runs that `sim/lanes.ts` puts side by side. */
import type { Divergence } from '../../sim/folds/divergence.ts';
import { becameText, compareLanes, type Lane, type Outcome } from '../../sim/lanes.ts';
import type { LaneName } from '../protocol.ts';
import type { LaneStrip } from './strip.ts';

/** What one neutral word became: lanes where it became the same stand together. */
export interface WordView {
  /** `queues.photo-jobs.lock`. */
  readonly word: string;
  readonly value: string;
  readonly became: readonly { readonly lanes: readonly string[]; readonly can: boolean; readonly text: string }[];
}

export interface LaneView extends LaneName {
  /** What holds for all of the lane; may be empty. */
  readonly note: string;
  /** Why its run ended before its time; '' when it did not. */
  readonly cut: string;
  readonly digest: string;
  readonly strip: LaneStrip;
}

export interface LanesView {
  readonly lanes: readonly LaneView[];
  readonly differs: readonly Outcome[];
  readonly same: readonly Outcome[];
  readonly words: readonly WordView[];
  /** Where the first two part; null for lanes that never were the same, and until both have been run. */
  readonly parting: Divergence | null;
}

export interface RunLane {
  readonly lane: Lane;
  readonly strip: LaneStrip;
}

/** There is at least one. `measured`: they are runs of one system, whose measures can be compared. */
export function viewOf(done: readonly RunLane[], measured = false, parting: Divergence | null = null): LanesView {
  const lanes = done.map(({ lane }) => lane);
  const { differs, same } = compareLanes(lanes, measured);
  return {
    lanes: done.map(({ lane: { under, title, note, run }, strip }) => ({
      name: under,
      title,
      note,
      cut: run.ending === 'duration' ? '' : run.ending,
      digest: run.digest,
      strip,
    })),
    differs,
    same,
    words: wordsOf(lanes),
    parting,
  };
}

function wordsOf(lanes: readonly Lane[]): readonly WordView[] {
  return (lanes[0]?.mapping ?? []).map(({ word, value }, i) => {
    const became: { lanes: string[]; can: boolean; text: string }[] = [];
    for (const { under, mapping } of lanes) {
      const mapped = mapping[i];
      if (mapped === undefined) continue;
      const text = mapped.can ? becameText(mapped) : mapped.note;
      const alike = became.find((one) => one.can === mapped.can && one.text === text);
      if (alike === undefined) became.push({ lanes: [under], can: mapped.can, text });
      else alike.lanes.push(under);
    }
    return { word, value, became };
  });
}
