/**
 * The simulator off the page's thread. It runs a world in slices, so that a stop or a newer request is heard between two of them, and sends what
 * was recorded as it goes. Verdicts, expectations, grades and the numbers of charts are made here too. Errors become plain messages.
 */
import { report as reportOf } from '../sim/report.ts';
import { World } from '../sim/world.ts';
import { Answerer } from './answers.ts';
import { seriesOf } from './charts/charts.ts';
import { stripOf } from './lanes/strip.ts';
import { type LanesView, type RunLane, viewOf } from './lanes/view.ts';
import type { AskRequest, DigestRequest, LanesRequest, Report, Request, RunRequest } from './protocol.ts';
import { lanesOf, libraryEntry, readScenario, startValues } from './reading.ts';
import { gradeAnswer, judgeRun } from './referee.ts';

/** Wall time of a slice: short enough that a stop feels immediate. */
const SLICE_MS = 40;
/** Events between two looks at the clock. */
const EVENTS = 2_000;

/** Grows with each request that ends what went on before. */
let turn = 0;
/** The same for the lanes, which are run beside. */
let lanesTurn = 0;
let stopAsked = false;
/** The newest run, to be asked about. */
let held: { readonly run: number; readonly answerer: Answerer } | null = null;

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
    case 'library':
      report({ type: 'library', entries: request.files.map(({ name, text }) => libraryEntry(name, text)) });
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
  const world = new World(scenario, request.seed === null ? {} : { seed: request.seed });
  held = { run: request.run, answerer: new Answerer(world.trace, scenario, under?.text ?? text) };
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
  report({ type: 'ended', run: request.run, digest: world.trace.digest, ending: world.ending ?? 'stopped' });
  await breath();
  if (turn !== mine) return;
  report({ type: 'judged', run: request.run, judgement: judgeRun(scenario, world.trace) });
  await breath();
  if (turn !== mine) return;
  report({ type: 'charted', run: request.run, series: seriesOf(world.trace, scenario) });
}

async function lanes(request: LanesRequest, mine: number): Promise<void> {
  const { id, lanes: names, ...rest } = request;
  const runs: RunLane[] = [];
  const tell = (title: string, progress: number, view: LanesView | null, problem = ''): void =>
    report({ type: 'lanes', id, done: runs.length, title, progress, view, problem });
  try {
    for (const name of names) {
      const { scenario, diagnostics, under, problem } = readScenario({ ...rest, under: name });
      if (scenario === null || under === null || problem !== '')
        return tell(name, 0, null, problem || (diagnostics[0]?.message ?? 'This scenario has no lanes.'));
      const { title, always } = under.profile;
      tell(title, 0, null);
      const world = new World(scenario, request.seed === null ? {} : { seed: request.seed });
      let more = true;
      while (more) {
        const until = performance.now() + SLICE_MS;
        while (more && performance.now() < until) more = world.step(EVENTS);
        if (more) tell(title, world.untilUs === 0 ? 1 : world.now / world.untilUs, null);
        await breath();
        if (lanesTurn !== mine) return;
      }
      const run = { scenario, trace: world.trace, ending: world.ending ?? 'duration' };
      const lane = {
        under: name,
        title,
        mapping: under.mapped,
        note: always.note,
        run: reportOf(run, request.seed ?? scenario.seed),
      };
      runs.push({ lane, strip: stripOf(world.trace, scenario) });
      tell(title, 1, viewOf(runs));
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
