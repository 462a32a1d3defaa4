/**
 * Makes the first runs while the page is built: what the worker would say of them, so that a newcomer sees the first one before the simulator has been loaded. A run is a
 * function of its scenario and seed, so these are the runs themselves, and whoever asks about one has it made again.
 */
import { startValues } from '../../sim/scenario/knob-starts.ts';
import { CHUNK, type TracePart } from '../../sim/trace.ts';
import { World } from '../../sim/world.ts';
import { seriesOf } from '../charts/charts.ts';
import { TOUR } from '../guide/steps.ts';
import type { RunReport } from '../protocol.ts';
import { readScenario } from '../reading.ts';
import { judgeRun } from '../referee.ts';
import { type FirstRun, pack } from './packed.ts';

const ROW_BYTES = 24;

/** The run of a scenario of the library that comes with the page, packed; the tour's is run as the tour takes it. */
export function firstRun(name: string, source: string): string {
  return pack(record(`${name}.yaml`, source, name === TOUR.scenario ? TOUR.sets : []));
}

/** For files that name their broker. */
export function record(file: string, source: string, sets: readonly string[]): FirstRun {
  const { scenario, diagnostics, text, problem } = readScenario({ file, text: source, sets, lines: [], under: null });
  if (scenario === null) throw new Error(`${file} is no scenario: ${diagnostics[0]?.message}`);
  const world = new World(scenario, { seed: scenario.seed });
  while (world.step(1_000_000));
  const { trace, now, untilUs, ending } = world;
  const knobStarts = startValues(source, scenario.exercise);
  const reports: RunReport[] = [
    { type: 'parsed', run: 0, text, scenario, diagnostics, knobStarts, under: null, problem },
    { type: 'part', run: 0, part: withoutRest(trace.take(0, 0)), nowUs: now, untilUs },
    { type: 'ended', run: 0, digest: trace.digest, ending: ending ?? 'duration' },
    { type: 'judged', run: 0, judgement: judgeRun(scenario, trace) },
    { type: 'charted', run: 0, series: seriesOf(trace, scenario) },
  ];
  return { source, sets, reports };
}

/** The last chunk is mostly empty. */
function withoutRest(part: TracePart): TracePart {
  const chunks = part.chunks.map((chunk, i) => ({
    ...chunk,
    buffer: chunk.buffer.slice(0, Math.min(CHUNK, part.count - i * CHUNK) * ROW_BYTES),
  }));
  return { ...part, chunks };
}
