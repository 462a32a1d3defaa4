/** The grader itself: who decides, on which seeds, and what is refused before anything runs. */
import { describe, expect, it } from 'vitest';
import { type Grade, grade, hiddenSeed } from '../../sim/grade.ts';
import { parseScenario } from '../../sim/scenario/parse.ts';
import { run } from '../../sim/world.ts';

/** Each message is lost for good with a chance of one in five, so that the goal hangs on the seed. */
const CHANCE = `
title: A coin that the seed throws
story: Sometimes it lands well.
broker: sqs
seed: 7
duration: 30s
queues:
  jobs: {}
producers:
  app: { to: jobs, send: [{ at: 1s }, { at: 2s }, { at: 3s }] }
consumers:
  worker: { from: jobs, settle: before-processing, fail: 20%, effect: { insert: results } }
exercise:
  question: Is it safe?
  knobs:
    - { path: consumers.worker.settle, values: [before-processing, after-processing] }
    - { path: queues.jobs.VisibilityTimeout, values: [2s, 30s] }
  goals:
    - { text: All are done, expect: applied(results) == 3 }
  solution: { consumers.worker.settle: after-processing, queues.jobs.VisibilityTimeout: 2s }
  debrief: It is now.
`;
const options = { file: 'coin.yaml' };

describe('grade', () => {
  it('runs the shown seed and the hidden ones, whose names follow from it', () => {
    const { grade: result } = grade(CHANCE, [], options);
    expect(result?.shown.seed).toBe('7');
    expect(result?.hidden.map(({ seed }) => seed)).toEqual(
      Array.from({ length: 20 }, (_, i) => hiddenSeed('7', i + 1)),
    );
  });

  it('loses when a single hidden seed fails, although the shown one holds', () => {
    let lucky: Grade | null = null;
    for (let seed = 1; seed <= 10 && lucky?.shown.holds !== true; seed++) {
      lucky = grade(CHANCE.replace('seed: 7', `seed: ${seed}`), [], options).grade;
    }
    expect(lucky?.goals).toEqual([expect.objectContaining({ text: 'All are done', holds: true, actual: '3' })]);
    expect(lucky?.hidden.some(({ holds }) => !holds)).toBe(true);
    expect(lucky?.won).toBe(false);
  });

  it('opens a failing run at a fact of it', () => {
    const { grade: result } = grade(CHANCE, [], options);
    const failing = result?.hidden.find(({ holds }) => !holds);
    const { scenario } = parseScenario(CHANCE, options);
    if (scenario === null || failing === undefined) throw new Error('nothing failed');
    const { trace } = run(scenario, { seed: failing.seed });
    expect(trace.digest).toBe(failing.digest);
    expect(failing.firstFailure?.goal).toBe('All are done');
    expect(trace.name(failing.firstFailure?.fact ?? 0)).toBe('applied');
  });

  it('wins by what happens, with the solution', () => {
    const sets = ['consumers.worker.settle=after-processing', 'queues.jobs.VisibilityTimeout=2s'];
    expect(grade(CHANCE, sets, options).grade?.won).toBe(true);
  });

  describe('of a wrong answer that the exercise knows', () => {
    const known = CHANCE.replace(
      '  debrief:',
      `  wrong:
    - set: { consumers.worker.settle: before-processing }
      because: What is acked first is lost with its worker.
  debrief:`,
    );
    const reasonOf = (...sets: readonly string[]) => grade(known, sets, options).grade?.reason;

    it('says why it is wrong', () => {
      expect(reasonOf('consumers.worker.settle=before-processing')).toBe(
        'What is acked first is lost with its worker.',
      );
    });

    it('says it of the untouched start as well', () => {
      expect(reasonOf()).toBe('What is acked first is lost with its worker.');
    });

    it('says nothing of an answer that turns more', () => {
      expect(reasonOf('queues.jobs.VisibilityTimeout=30s')).toBe('');
    });

    it('says nothing to the solution', () => {
      expect(reasonOf('consumers.worker.settle=after-processing', 'queues.jobs.VisibilityTimeout=2s')).toBe('');
    });
  });

  it('counts its runs aloud', () => {
    const heard: string[] = [];
    grade(CHANCE, [], { ...options, onRun: (done, all) => heard.push(`${done}/${all}`) });
    expect(heard[0]).toBe('1/21');
    expect(heard.at(-1)).toBe('21/21');
  });

  it.each([
    ['something that is no knob', 'consumers.worker.fail=0', 'is not a knob'],
    ['a value that the knob does not offer', 'queues.jobs.VisibilityTimeout=10h', 'does not offer'],
    ['what is no setting at all', 'settle', 'is not a knob'],
  ])('refuses %s', (_, set, message) => {
    const { grade: result, diagnostics } = grade(CHANCE, [set], options);
    expect(result).toBeNull();
    expect(diagnostics[0]?.message).toContain(message);
  });

  it('says that a scenario without questions is no exercise, and what is wrong with a broken one', () => {
    const story = CHANCE.slice(0, CHANCE.indexOf('exercise:'));
    expect(grade(story, [], options).diagnostics[0]?.message).toContain('no exercise');
    expect(grade('title: [', [], options).grade).toBeNull();
  });
});
