/**
 * The simulator off the page's thread. It runs a world in slices, so that a stop or a newer request is heard between two of them, and sends what
 * was recorded as it goes. Verdicts, expectations, grades and the numbers of charts are made here too. Errors become plain messages.
 */
import type { Exported } from '../sim/exports/index.ts';
import { type Divergence, divergenceOf } from '../sim/folds/divergence.ts';
import { report as reportOf } from '../sim/report.ts';
import { startValues } from '../sim/scenario/knob-starts.ts';
import type { Scenario } from '../sim/scenario/types.ts';
import type { Trace } from '../sim/trace.ts';
import { World } from '../sim/world.ts';
import { Answerer } from './answers.ts';
import { seriesOf } from './charts/charts.ts';
import { stripOf } from './lanes/strip.ts';
import { type LanesView, type RunLane, viewOf } from './lanes/view.ts';
import type {
  AskRequest,
  DigestRequest,
  ExportRequest,
  LanesRequest,
  ReadTraceRequest,
  RecordedTrace,
  Report,
  Request,
  RunRequest,
} from './protocol.ts';
import { lanesOf, readScenario } from './reading.ts';
import { gradeAnswer, judgeRun } from './referee.ts';
import { blocksOf } from './share/blocks.ts';
import { type Recorded, readRecorded } from './share/recorded.ts';

/** Wall time of a slice: short enough that a stop feels immediate. */
const SLICE_MS = 40;
/** Events between two looks at the clock. */
const EVENTS = 2_000;

/** Grows with each request that ends what went on before. */
let turn = 0;
/** The same for the lanes, which are run beside. */
let lanesTurn = 0;
/** The same for what is written. */
let exportTurn = 0;
let stopAsked = false;
/** The newest run, to be asked about. */
let held: (Omit<Exported, 'stretch'> & { readonly run: number; readonly answerer: Answerer }) | null = null;
/** The newest trace from a file. */
let recorded: (Recorded & Pick<RecordedTrace, 'id'>) | null = null;

self.onmessage = (event: MessageEvent<Request>) => {
  const request = event.data;
  switch (request.type) {
    case 'stop':
      stopAsked = true;
      return;
    case 'run':
      turn++;
      stopAsked = false;
      void guarded(request.run, () => run(request, turn));
      return;
    case 'grade':
      void guarded(request.run, () => grade(request.run, request.file, request.text, request.sets));
      return;
    case 'digest':
      digest(request);
      return;
    case 'ask':
      answer(request);
      return;
    case 'lanes':
      lanesTurn++;
      void lanes(request, lanesTurn);
      return;
    case 'stop-lanes':
      lanesTurn++;
      return;
    case 'read-trace':
      void readTrace(request);
      return;
    case 'export':
      exportTurn++;
      void write(request, exportTurn);
      return;
    case 'stop-export':
      exportTurn++;
      return;
    default:
      request satisfies never;
  }
};

async function run(request: RunRequest, mine: number): Promise<void> {
  const { scenario, diagnostics, text, under, problem } = readScenario(request);
  const knobStarts = startValues(request.text, scenario?.exercise ?? null);
  const shown = under === null ? null : { lanes: lanesOf({ under }), now: under.profile.name };
  report({ type: 'parsed', run: request.run, text, scenario, diagnostics, knobStarts, under: shown, problem });
  if (scenario === null) return;
  const seed = request.seed ?? scenario.seed;
  const hold = (trace: Trace): void => {
    const about = { title: scenario.title, seed, scenario: text, under: under?.profile.name ?? null };
    const answerer = new Answerer(trace, scenario, under?.text ?? text, seed);
    held = { run: request.run, answerer, trace, scenario, about };
  };
  const shownTrace = request.recorded ?? null;
  if (shownTrace !== null) {
    const trace = await traceOf(shownTrace);
    if (turn !== mine) return;
    hold(trace);
    const { endedAtUs } = trace;
    report({ type: 'part', run: request.run, part: trace.take(0, 0), nowUs: endedAtUs, untilUs: endedAtUs });
    return conclude(request.run, mine, scenario, trace, 'duration');
  }
  const world = new World(scenario, { seed });
  hold(world.trace);
  let sent = 0;
  let sentMessages = 0;
  const send = (): void => {
    const part = world.trace.take(sent, sentMessages);
    sent = part.count;
    sentMessages = world.trace.messageCount;
    report({ type: 'part', run: request.run, part, nowUs: world.now, untilUs: world.untilUs });
  };
  let more = true;
  while (more && !stopAsked) {
    const until = performance.now() + SLICE_MS;
    while (more && performance.now() < until) more = world.step(EVENTS);
    send();
    if (!more) break;
    await breath();
    if (turn !== mine) return;
  }
  return conclude(request.run, mine, scenario, world.trace, world.ending ?? 'stopped');
}

/** What is said of a trace that is whole. */
async function conclude(run: number, mine: number, scenario: Scenario, trace: Trace, ending: string): Promise<void> {
  report({ type: 'ended', run, digest: trace.digest, ending });
  await breath();
  if (turn !== mine) return;
  report({ type: 'judged', run, judgement: judgeRun(scenario, trace) });
  await breath();
  if (turn !== mine) return;
  report({ type: 'charted', run, series: seriesOf(trace, scenario) });
}

async function readTrace({ recorded: wanted }: ReadTraceRequest): Promise<void> {
  const { id } = wanted;
  const tell = (share: number, problem = ''): void => report({ type: 'trace-read', id, share, source: null, problem });
  try {
    const read = await readRecorded(wanted.file, tell);
    if ('problem' in read) return tell(0, read.problem);
    recorded = { ...read, id };
    report({ type: 'trace-read', id, share: 1, source: read.source, problem: '' });
  } catch (error) {
    tell(0, `The file could not be read: ${messageOf(error)}`);
  }
}

/** The trace of a file, which is read again if another one has been read since. */
async function traceOf({ id, file }: RecordedTrace): Promise<Trace> {
  if (recorded?.id === id) return recorded.trace;
  const read = await readRecorded(file, () => undefined);
  if ('problem' in read) throw new Error(read.problem);
  recorded = { ...read, id };
  return read.trace;
}

async function write({ id, run, format, fromUs, toUs }: ExportRequest, mine: number): Promise<void> {
  const tell = (block: string, done: boolean, problem = ''): void =>
    report({ type: 'exported', id, block, done, problem });
  try {
    if (held?.run !== run) return tell('', true, 'There is another run by now.');
    for (const block of blocksOf(format, { ...held, stretch: { fromUs, toUs } })) {
      tell(block, false);
      await breath();
      if (exportTurn !== mine) return;
    }
    tell('', true);
  } catch (error) {
    tell('', true, `The simulator met an error of its own: ${messageOf(error)}`);
  }
}

async function lanes(request: LanesRequest, mine: number): Promise<void> {
  const { id, file, lanes: recipes, parts } = request;
  const runs: RunLane[] = [];
  /** The first run, while it is looked where the second one parts from it. */
  let first: Trace | null = null;
  let parting: Divergence | null = null;
  const tell = (title: string, progress: number, view: LanesView | null, problem = ''): void =>
    report({ type: 'lanes', id, done: runs.length, title, progress, view, problem });
  try {
    for (const { name, title, ...recipe } of recipes) {
      const { scenario, diagnostics, under, problem } = readScenario({ file, ...recipe });
      if (scenario === null || problem !== '')
        return tell(title, 0, null, problem || (diagnostics[0]?.message ?? 'This cannot be run.'));
      tell(title, 0, null);
      const world = new World(scenario, recipe.seed === null ? {} : { seed: recipe.seed });
      let more = true;
      while (more) {
        const until = performance.now() + SLICE_MS;
        while (more && performance.now() < until) more = world.step(EVENTS);
        if (more) tell(title, world.untilUs === 0 ? 1 : world.now / world.untilUs, null);
        await breath();
        if (lanesTurn !== mine) return;
      }
      const { trace } = world;
      const run = { scenario, trace, ending: world.ending ?? 'duration' };
      const lane = {
        under: name,
        title,
        mapping: under?.mapped ?? [],
        note: under?.profile.always.note ?? '',
        run: reportOf(run, recipe.seed ?? scenario.seed),
      };
      runs.push({ lane, strip: stripOf(trace, scenario) });
      if (parts && first !== null) parting ??= divergenceOf(first, trace);
      first = parts && runs.length === 1 ? trace : null;
      tell(title, 1, viewOf(runs, parts, parting));
      await breath();
      if (lanesTurn !== mine) return;
    }
  } catch (error) {
    tell('', 0, null, `The simulator met an error of its own: ${messageOf(error)}`);
  }
}

async function grade(run: number, file: string, text: string, sets: readonly string[]): Promise<void> {
  let all = 0;
  const { grades, problem } = gradeAnswer(file, text, sets, (done, of) => {
    all = of;
    report({ type: 'graded', run, grading: { done, all, grades: [], problem: '' } });
  });
  report({ type: 'graded', run, grading: { done: all, all, grades, problem } });
}

function answer({ id, run, what }: AskRequest): void {
  if (held?.run !== run) {
    report({ type: 'answer', id, answer: null });
    return;
  }
  try {
    const { answer, buffers } = held.answerer.answer(what);
    self.postMessage({ type: 'answer', id, answer } satisfies Report, { transfer: buffers });
  } catch (error) {
    report({ type: 'answer', id, answer: null });
    report({ type: 'failed', run, message: `The simulator met an error of its own: ${messageOf(error)}` });
  }
}

function digest({ id, text, seed, under }: DigestRequest): void {
  try {
    const { scenario, diagnostics, problem } = readScenario({ file: 'scenario', text, sets: [], lines: [], under });
    if (scenario === null || problem !== '') {
      report({ type: 'digest', id, digest: '', problem: problem || (diagnostics[0]?.message ?? 'not a scenario') });
      return;
    }
    const world = new World(scenario, seed === null ? {} : { seed });
    while (world.step(1_000_000));
    report({ type: 'digest', id, digest: world.trace.digest, problem: '' });
  } catch (error) {
    report({ type: 'digest', id, digest: '', problem: messageOf(error) });
  }
}

async function guarded(run: number, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    report({ type: 'failed', run, message: `The simulator met an error of its own: ${messageOf(error)}` });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Lets waiting messages in. */
function breath(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function report(what: Report): void {
  self.postMessage(what);
}
