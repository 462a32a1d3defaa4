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

  it('may be passed by a group that has committed nothing and begins anew at the end of the log (K70)', () => {
    const begins = '4.5 assigned b - rides/0 c-1 2 team';
    expect(told([...read, ...writes(2, 3), aborted, begins, offset]).verdict).toBe('holds');
    const sooner = '2.5 assigned b - rides/0 c-2 2 team';
    expect(told([...read, sooner, ...writes(2, 3), aborted, offset]).verdict).toBe('violated');
    const [begun = '', ...rest] = writes(2, 3);
    expect(told([...read, begun, sooner, ...rest, aborted, offset]).verdict).toBe('holds');
    // Where it had committed, it goes on there.
    const before = '1.5 committed b - rides/0 c-1 0 team';
    expect(told([before, ...read, ...writes(2, 3), aborted, begins, offset]).verdict).toBe('violated');
  });

  it('may pass what compaction removed before it was read again', () => {
    const removed = ['4.5 evicted b 1 rides/0 - 0 R:compaction', offset];
    expect(told([...read, ...writes(2, 3), aborted, ...removed]).verdict).toBe('holds');
  });

  it('may be passed over when it is rejected the next time', () => {
    const rejected = ['5 settled c-1 1 rides/0 - 2 2', ...writes(3, 5), '6 txn-committed b - - c-1 7'];
    expect(told([...read, ...writes(2, 3), aborted, ...rejected, '7 committed b - rides/0 c-1 1 team']).verdict).toBe(
      'holds',
    );
  });

  it('may have been done by another member when its own is aborted at last', () => {
    const other = [
      '3 joined b - team c-2 2',
      '3 delivered b 1 rides/0 c-2 0 2',
      '4 settled c-2 1 rides/0 - 0 2',
      '4 txn-begun c-2 - - - 8',
      '5 txn-committed b - - c-2 8',
    ];
    const late = ['6 txn-aborted b - - c-1 7', '7 committed b - rides/0 c-2 1 team'];
    expect(told([...read, ...writes(2, 3), ...other, ...late]).verdict).toBe('holds');
  });

  it('is done when a former owner that comes back late tries it in vain', () => {
    const late = [
      '4 joined b - team c-2 2',
      '4 delivered b 1 rides/0 c-2 0 2',
      '5 settled c-2 1 rides/0 - 0 2',
      '5 txn-begun c-2 - - - 8',
      '6 txn-aborted b - - c-2 8',
      '7 produced p 3 - - 100 0',
      '7 appended b 3 rides/0 - 1 0',
      '8 delivered b 3 rides/0 c-1 0 1',
      '8 settled c-1 3 rides/0 - 0 1',
    ];
    const next = ['9 txn-begun c-1 - - - 7', '9 txn-committed b - - c-1 7', '9 committed b - rides/0 c-1 2 team'];
    const first = [...read, ...writes(2, 3), committed, '4 committed b - rides/0 c-1 1 team'];
    expect(told([...first, ...late, ...next]).verdict).toBe('holds');
  });

  it('may be tried again after an abort', () => {
    const again = [
      '5 settled c-1 1 rides/0 - 0 2',
      ...writes(3, 5),
      '6 txn-committed b - - c-1 7',
      '7 committed b - rides/0 c-1 1 team',
    ];
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

it('goes back to what an aborted transaction covered when only the epoch of the member was an older one', () => {
  const read = scenarioOf(`
title: Refused for its epoch
broker: { kind: kafka, nodes: 3, replica.lag.time.max.ms: 10s, offsets.topic.num.partitions: 2, transaction.state.log.num.partitions: 2 }
seed: 0
duration: 60s
topics:
  jobs: { partitions: 1, replication.factor: 3 }
  done: { partitions: 1, replication.factor: 3 }
producers: { maker: { to: jobs, rate: 50/s, messages: 3, start: 5s, linger.ms: 0 } }
consumers:
  worker: { from: jobs, count: 2, process: 200ms, effect: { insert: results }, enable.auto.commit: false, auto.offset.reset: earliest, forward.to: done, group.protocol: consumer }
  reader: { from: done, effect: { insert: copies }, auto.offset.reset: earliest, isolation.level: read_committed, enable.auto.commit: false }
network: { latency: 20ms..80ms }
`);
  const { trace } = run(read);
  expect(countOf(trace, 'txn-aborted')).toBeGreaterThan(0);
  const verdicts = judge(trace, read, [...asked, { claim: 'nonmonotonic-poll', scope: '' }]);
  expect(verdicts.map(({ verdict }) => verdict)).not.toContain('violated');
  expect(trace.places.some(({ name }) => name === 'copies')).toBe(true);
});
