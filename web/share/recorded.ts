/**
 * A trace file, read in the worker in slices. It may come from anywhere, so after its lines have been checked one by one the whole is tried out: folded, laid out and
 * drawn at its end. What does not survive that is refused, before anything of it is shown.
 */

import { Topology } from '../../sim/folds/topology.ts';
import { TransitIndex } from '../../sim/folds/transit.ts';
import { TRACE_FORMAT, TraceReader } from '../../sim/jsonl.ts';
import type { Scenario } from '../../sim/scenario/types.ts';
import type { Trace } from '../../sim/trace.ts';
import { FactsIndex, lineLooks } from '../facts-index.ts';
import { readScenario } from '../reading.ts';
import { judgeRun } from '../referee.ts';
import { captionRoom } from '../stage/captions.ts';
import { layoutStage } from '../stage/layout.ts';

export interface Recorded {
  readonly trace: Trace;
  readonly source: { readonly text: string; readonly seed: string; readonly under: string | null };
}

/** Longer than any line that is written, but for the first, which holds the scenario. */
const LINE_MOST = 4_000_000;

/** `tell` hears how much has been read, 0 … 1. Rejects only when the file itself cannot be read. */
export async function readRecorded(
  file: Blob,
  tell: (share: number) => void,
): Promise<Recorded | { readonly problem: string }> {
  const reader = new TraceReader();
  const bytes = file.stream().getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let size = 0;
  for (;;) {
    const { done, value } = await bytes.read();
    const lines = (rest + (done ? decoder.decode() : decoder.decode(value, { stream: true }))).split('\n');
    rest = done ? '' : (lines.pop() ?? '');
    for (const line of lines) {
      const error = reader.line(line);
      if (error === '') continue;
      await bytes.cancel();
      return refused(error);
    }
    if (rest.length > LINE_MOST) {
      await bytes.cancel();
      return refused('a line of it is far too long');
    }
    if (done) break;
    size += value.length;
    tell((0.8 * size) / file.size);
  }
  const error = reader.end();
  if (error !== '') return refused(error);
  const { trace, header } = reader;
  const { scenario: text = '', seed = '', under = null } = header ?? {};
  if (text === '')
    return {
      problem:
        'This trace does not hold its scenario, so it cannot be drawn. Write it again with `queuelab run FILE --trace out.jsonl` or `queuelab export FILE`.',
    };
  const { scenario, diagnostics, problem } = readScenario({ file: 'scenario', text, sets: [], lines: [], under });
  if (scenario === null || problem !== '')
    return refused(`its scenario cannot be read: ${problem || (diagnostics[0]?.message ?? 'unknown reason')}`);
  const misfit = tryOut(trace, scenario);
  return misfit === '' ? { trace, source: { text, seed, under } } : refused(misfit);
}

/** What goes wrong when it is shown; '' when nothing does. */
function tryOut(trace: Trace, scenario: Scenario): string {
  const topology = new Topology(scenario);
  const index = new FactsIndex(trace, lineLooks(scenario.timeline));
  try {
    for (let id = 1; id <= trace.count; id++) topology.apply(trace, id);
    index.extend(trace.count);
    new TransitIndex(trace).at(trace.endedAtUs);
    const { actors, places } = trace;
    layoutStage(scenario, { actors, places }, 1000, 600, captionRoom(scenario, 1000));
    judgeRun(scenario, trace);
    return '';
  } catch {
    return topology.fact < trace.count
      ? `fact ${topology.fact + 1} does not fit to those before it`
      : 'its facts do not fit to its scenario';
  }
}

function refused(why: string): { readonly problem: string } {
  return { problem: `This is no trace that can be shown (format ${TRACE_FORMAT}): ${why}.` };
}
