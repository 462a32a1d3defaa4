/**
 * The simulator off the page's thread. It runs a world in slices, so that a stop or a newer request is heard between two of them, and sends what
 * was recorded as it goes. Verdicts, expectations, grades and the numbers of charts are made here too. Errors become plain messages.
 */
import { World } from '../sim/world.ts';
import { Answerer } from './answers.ts';
import { seriesOf } from './charts/charts.ts';
import type { AskRequest, Report, Request, RunRequest } from './protocol.ts';
import { libraryEntry, readScenario, startValues } from './reading.ts';
import { gradeAnswer, judgeRun } from './referee.ts';

/** Wall time of a slice: short enough that a stop feels immediate. */
const SLICE_MS = 40;
/** Events between two looks at the clock. */
const EVENTS = 2_000;

/** Grows with each request that ends what went on before. */
let turn = 0;
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
      digest(request.id, request.text, request.seed);
      return;
    case 'ask':
      answer(request);
      return;
    case 'library':
      report({ type: 'library', entries: request.files.map(({ name, text }) => libraryEntry(name, text)) });
      return;
    default:
      request satisfies never;
  }
};

async function run(request: RunRequest, mine: number): Promise<void> {
  const { scenario, diagnostics, text } = readScenario(request);
  const knobStarts = startValues(request.text, scenario?.exercise ?? null);
  report({ type: 'parsed', run: request.run, text, scenario, diagnostics, knobStarts });
  if (scenario === null) return;
  const world = new World(scenario, request.seed === null ? {} : { seed: request.seed });
  held = { run: request.run, answerer: new Answerer(world.trace, scenario, text) };
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

function digest(id: number, text: string, seed: string | null): void {
  try {
    const { scenario, diagnostics } = readScenario({ file: 'scenario', text, sets: [], lines: [] });
    if (scenario === null) {
      report({ type: 'digest', id, digest: '', problem: diagnostics[0]?.message ?? 'not a scenario' });
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
