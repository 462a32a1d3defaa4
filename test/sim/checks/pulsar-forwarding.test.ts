/** What a Pulsar consumer makes of a message, and the ack of that: both or neither, and once. */
import { expect, it } from 'vitest';
import { type FactName, R } from '../../../core/facts.ts';
import { judge, type Verdict } from '../../../sim/checks/index.ts';
import { stage } from '../folds/build-trace.ts';
import { consumer, scenario } from './scenario.ts';

type Step = readonly [name: FactName, actor: string, message: number, place?: string, peer?: string, detail?: number];

const delivered: Step = ['delivered', 'b', 1, 'jobs', 'c-1'];
const acked: Step = ['acked', 'b', 1, 'jobs', 'c-1'];
const aborted = (m: number): Step => ['evicted', 'b', m, 'done', '', R['transaction aborted']];
const shown = (m: number): Step => ['became-visible', 'b', m, 'done'];

/** What the worker is handed and makes, one step a second; then a minute passes. Outputs are caused by what was said of message 1 before them. */
function told(...steps: readonly Step[]): Verdict {
  const made = stage({ p: 'producer', b: 'broker', 'c-1': 'consumer' }, { jobs: 'queue', done: 'queue' }, []);
  let cause = 0;
  const all: readonly Step[] = [['produced', 'p', 1], ['appended', 'b', 1, 'jobs'], ['txn-begun', 'c-1', 0], ...steps];
  all.forEach(([name, actor, message, place = '', peer = '', detail = 0], i) => {
    const id = made.fact(i * 1_000_000, name, { actor, message, place, peer, detail, cause });
    if (message === 1) cause = id;
  });
  made.trace.endedAtUs = 90_000_000;
  const consumers = { c: consumer({ group: 'jobs', from: ['jobs'], options: { 'forward.to': 'done' } }) };
  const [judged] = judge(made.trace, scenario('pulsar', { consumers }), [
    { claim: 'atomic-publish-and-commit', scope: '' },
  ]);
  if (judged === undefined) throw new Error('it was not judged');
  return judged;
}

const output = (m: number): Step => ['produced', 'c-1', m];

it('is whole when both are there, and when neither is', () => {
  const crash: Step = ['crashed', 'b', 0];
  expect(told(delivered, output(2), shown(2), acked, crash).verdict).toBe('holds');
  expect(told(delivered, output(2), aborted(2), crash).verdict).toBe('holds');
  expect(told(delivered, output(2), aborted(2), delivered, output(3), shown(3), acked, crash).verdict).toBe('holds');
});

it('is there in part when the ack never counts, or counts although its transaction was aborted', () => {
  const unacked = told(delivered, output(2), shown(2));
  expect([unacked.verdict, unacked.sentence.includes('made again')]).toEqual(['violated', true]);
  const unmade = told(delivered, output(2), aborted(2), acked);
  expect([unmade.verdict, unmade.sentence.includes('had been aborted')]).toEqual(['violated', true]);
});

it('is made twice when two outputs of one message are shown', () => {
  const twice = told(delivered, output(2), shown(2), acked, delivered, output(3), shown(3));
  expect([twice.verdict, twice.sentence.includes('again')]).toEqual(['violated', true]);
});

it('may be made twice of what a seek has brought back, and of what is stored twice', () => {
  const again: readonly Step[] = [delivered, output(3), shown(3), acked];
  expect(told(delivered, output(2), shown(2), acked, ['restored', 'b', 1, 'jobs'], ...again).verdict).not.toBe(
    'violated',
  );
  expect(told(delivered, output(2), shown(2), acked, ['appended', 'b', 1, 'jobs'], ...again).verdict).not.toBe(
    'violated',
  );
});
