// A run as the stage takes it, without the page around it.
import { readFileSync } from 'node:fs';
import { topologyAt } from '../../sim/folds/topology.ts';
import { TransitIndex } from '../../sim/folds/transit.ts';
import { parseScenario } from '../../sim/scenario/parse.ts';
import { run } from '../../sim/world.ts';
import { FactsIndex, lineLooks } from '../../web/facts-index.ts';
import type { Moment, ShownRun } from '../../web/lab.svelte.ts';
import type { Layout } from '../../web/stage/boxes.ts';
import { captionRoom } from '../../web/stage/captions.ts';
import { pathsOf } from '../../web/stage/geometry.ts';
import { KeyLooks } from '../../web/stage/keys.ts';
import { layoutStage } from '../../web/stage/layout.ts';
import type { Scene } from '../../web/stage/marks.ts';
import { SceneMaker } from '../../web/stage/scene.ts';

export interface StagedRun {
  readonly run: ShownRun;
  layout(width?: number, height?: number): Layout;
  /** The scene at a time, or after the nth fact of a kind. */
  at(when: number | string, selected?: number, nth?: number, width?: number): Scene;
}

export function staged(text: string, untilUs?: number): StagedRun {
  const { scenario, diagnostics } = parseScenario(text, { file: 'test.yaml' });
  if (scenario === null) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  const { trace } = run(scenario, untilUs === undefined ? {} : { untilUs });
  const index = new FactsIndex(trace, lineLooks(scenario.timeline));
  index.extend(trace.count);
  const shown = { scenario, trace, transit: new TransitIndex(trace), index, keys: new KeyLooks(trace) };
  const asRun = shown as unknown as ShownRun;
  const layout = (width = 1000, height = 680): Layout =>
    layoutStage(scenario, trace, width, height, captionRoom(scenario, width));
  return {
    run: asRun,
    layout,
    at(when, selected = 0, nth = 1, width = 1000) {
      let fact = typeof when === 'number' ? trace.lastAt(when) : 0;
      for (let left = nth; typeof when === 'string' && left > 0 && fact < trace.count; ) {
        fact++;
        if (trace.name(fact) === when) left--;
      }
      const timeUs = typeof when === 'number' ? when : trace.time(fact);
      const moment: Moment = { run: asRun, fact, timeUs, topology: topologyAt(trace, scenario, fact) };
      const on = layout(width);
      return new SceneMaker(asRun, on, pathsOf(on)).at(moment, selected);
    },
  };
}

export function stagedFile(name: string, untilUs?: number): StagedRun {
  return staged(readFileSync(`scenarios/${name}.yaml`, 'utf8'), untilUs);
}
