/** What is forwarded in a transaction and the offset of what was read: both or neither. */
import { describe, expect, it } from 'vitest';
import { judge, type Verdict } from '../../../sim/checks/index.ts';
import { run } from '../../../sim/world.ts';
import { countOf, scenarioOf } from '../runs.ts';
import { build, type Line } from './lines.ts';
import { consumer, scenario } from './scenario.ts';

const asked = [{ claim: 'atomic-publish-and-commit', scope: '' }];

function told(lines: readonly Line[], endS = 60): Verdict & { readonly marked: readonly number[] } {
  const { made, marked } = build(lines, endS);
  const consumers = { c: consumer({ group: 'team', from: ['rides'], options: { 'forward.to': 'done' } }) };
  const [judged] = judge(made.trace, scenario('kafka', { consumers }), asked);
  if (judged === undefined) throw new Error('it was not judged');
  return { ...judged, marked };
}

const read: readonly Line[] = [
  '0 joined b - team c-1 1',
  '1 produced p 1 - - 100 0',
  '1 appended b 1 rides/0 - 0 0',
  '2 delivered b 1 rides/0 c-1 0 1',
  '2 settled c-1 1 rides/0 - 0 1',
];
const writes = (m: number, t: number): readonly Line[] => [
  `${t} txn-begun c-1 - - - 7`,
  `${t} produced c-1 ${m} - - 100 0`,
  `${t} appended b ${m} done/0 - ${m} 0`,
];
const committed = '4 txn-committed b - - c-1 7';
const aborted = '4 txn-aborted b - - c-1 7';
const offset = '5 committed b - rides/0 c-1 1 team';

describe('a transaction that forwards', () => {
  it('is whole with its offset, and after an abort nothing of it is there', () => {
    expect(told([...read, ...writes(2, 3), committed, offset, '6 crashed b']).verdict).toBe('holds');
    expect(told([...read, ...writes(2, 3), aborted]).verdict).toBe('holds');
  });

  it('is there in part when the offset never comes', () => {
    const [begun = '', ...rest] = writes(2, 3);
    const judged = told([...read, `*${begun}`, ...rest, `*${committed}`]);
    expect(judged).toMatchObject({ verdict: 'violated', witness: judged.marked });
    expect(judged.sentence).toContain('will be written again');
  });

  it('may still get its offset when the run ends at once', () => {
    expect(told([...read, ...writes(2, 3), committed, '4 crashed b'], 6).verdict).not.toBe('violated');
  });

  it('is there in part when the next one is committed and its own offset is not', () => {
    const next = ['6 settled c-1 1 rides/0 - 0 1', ...writes(3, 6), '7 txn-committed b - - c-1 7'];
    expect(told([...read, ...writes(2, 3), committed, ...next], 8).verdict).toBe('violated');
  });

  it('is there in part when it was aborted and the offset was committed nevertheless', () => {
    const judged = told([...read, ...writes(2, 3), `*${aborted}`, `*${offset}`]);
    expect(judged).toMatchObject({ verdict: 'violated', witness: judged.marked });
    expect(judged.sentence).toContain('aborted');
  });

  it('may be tried again after an abort', () => {
    const again = [...writes(3, 5), '6 txn-committed b - - c-1 7', '7 committed b - rides/0 c-1 1 team'];
    expect(told([...read, ...writes(2, 3), aborted, ...again]).verdict).toBe('holds');
  });
});

it('holds of a consumer that crashes in the middle of its transactions', () => {
  const read = scenarioOf(`
title: Forwarded in transactions
broker: kafka
duration: 80s
topics: { orders: { partitions: 2 }, done: { partitions: 1 } }
producers: { shop: { to: orders, rate: 4/s, start: 2s, messages: 20 } }
consumers: { mover: { from: orders, process: 100ms, auto.offset.reset: earliest, enable.auto.commit: false, forward.to: done } }
timeline: [{ when: txn-begun, nth: 4, crash: mover, restart: 2s }]
`);
  const { trace } = run(read);
  expect(countOf(trace, 'txn-committed')).toBeGreaterThan(5);
  expect(judge(trace, read, asked)[0]?.verdict).toBe('holds');
});
