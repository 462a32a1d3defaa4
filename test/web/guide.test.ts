import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { run } from '../../sim/world.ts';
import { type Landmarks, landmarksOf, type Seen, STEPS, TOUR } from '../../web/guide/steps.ts';
import type { TimelineLine } from '../../web/protocol.ts';
import { readScenario } from '../../web/reading.ts';

const TEXT = readFileSync('scenarios/why-queues/first-message.yaml', 'utf8');

/** The run that the tour has after these acts. */
function after(...lines: readonly TimelineLine[]): { readonly marks: Landmarks; readonly made: number } {
  const { scenario, diagnostics } = readScenario({ file: 'x.yaml', text: TEXT, sets: TOUR.sets, lines, under: null });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  if (scenario === null) throw new Error('no scenario');
  const { trace } = run(scenario);
  return { marks: landmarksOf(trace), made: trace.messageCount };
}

const FIRST: TimelineLine = { at: '0s', send: 'shop' };
const START: TimelineLine = { at: '300ms', restart: 'packer' };
const SECOND: TimelineLine = { at: '4.8s', send: 'shop' };
const CRASH: TimelineLine = { at: '6s', crash: 'packer', restart: '5s' };

const NOTHING: Seen = {
  stored1: 0,
  begun1: 0,
  acked1: 0,
  begun2: 0,
  crashed2: 0,
  again2: 0,
  fact: 0,
  made: 0,
  playing: false,
  running: false,
  packer: 'stopped',
  holds2: false,
  selected: 0,
  tab: 'Log',
  picking: false,
};

it('each act of the tour brings the fact that its step waits for, and not before', () => {
  const goals = STEPS.flatMap(({ goal }) => (goal === undefined ? [] : [goal]));
  const runs = [after(), after(FIRST), after(FIRST, START), after(FIRST, START, SECOND, CRASH)];
  const there = runs.map(({ marks }) => goals.filter((goal) => marks[goal] > 0));
  expect(there).toEqual([[], ['stored1'], ['stored1', 'begun1', 'acked1'], goals]);
  const last = runs[3]?.marks;
  const facts = goals.map((goal) => last?.[goal] ?? 0);
  expect(facts).toEqual([...facts].sort((a, b) => a - b));
  expect(runs.map(({ made }) => made)).toEqual([0, 1, 1, 2]);
});

it('without a crash there is no second delivery, and the tour offers the way back', () => {
  const { marks } = after(FIRST, START, SECOND);
  expect(marks.again2).toBe(0);
  const step = STEPS.find(({ goal }) => goal === 'again2');
  expect(step?.offer({ ...NOTHING, ...marks, packer: 'up' })?.act).toBe('undo');
  expect(step?.offer({ ...NOTHING, ...marks, packer: 'down' })?.act).toBe('start');
  const crash = STEPS.find(({ points }) => points.includes('packer'));
  expect(crash?.offer({ ...NOTHING, ...marks, packer: 'up', fact: 999 })?.act).toBe('return');
});

it('controls that have come stay, and each step asks for something that is there', () => {
  for (const [i, { reveals, points, offer }] of STEPS.entries()) {
    expect(reveals).toEqual(expect.arrayContaining([...(STEPS[i - 1]?.reveals ?? [])]));
    if (points === '') expect(offer(NOTHING), `step ${i + 1}`).not.toBeNull();
    if (points.startsWith('.transport .play')) expect(reveals).toContain('play');
    if (points.includes('tab-') || points.includes('.panel')) expect(reveals).toContain('panels');
  }
});

it('a step that waits for a fact is done at that fact and not one before it', () => {
  const { marks } = after(FIRST, START, SECOND, CRASH);
  for (const { goal, isDone } of STEPS) {
    if (goal === undefined || goal === 'crashed2') continue;
    expect(isDone({ ...NOTHING, ...marks, fact: marks[goal] - 1 })).toBe(false);
    expect(isDone({ ...NOTHING, ...marks, fact: marks[goal] })).toBe(true);
  }
});
