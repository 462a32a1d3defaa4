/** What counts as a fault that has not ended: five checks wait for its end before they call anything lost, stuck or missing. */
import { describe, expect, it } from 'vitest';
import { judge } from '../../../sim/checks/index.ts';
import type { Scenario, TimelineAction } from '../../../sim/scenario/types.ts';
import { build, type Line } from './lines.ts';
import { consumer, producer, scenario } from './scenario.ts';

const lineOf = (action: TimelineAction): Partial<Scenario> => ({
  timeline: [{ when: { type: 'at', atUs: 0 }, action, label: '' }],
});
const crash = lineOf({ type: 'crash', actors: ['c'], restartUs: 1, losesDisk: false });
const send = lineOf({ type: 'send', producer: 'p', messages: 1, key: null });
const lose = (times: number, forUs: number | null): Partial<Scenario> =>
  lineOf({
    type: 'interfere',
    how: 'lose',
    hops: [],
    from: null,
    to: null,
    bothWays: false,
    message: 0,
    times,
    probability: 1,
    byUs: 0,
    forUs,
  });

const restarted: readonly Line[] = ['1 fault-begun', '1 crashed c-1', '2 restarted c-1'];
const verdict = (claim: string, kind: string, lines: readonly Line[], parts: Partial<Scenario>, endS = 90) =>
  judge(build(lines, endS).made.trace, scenario(kind, parts), [{ claim, scope: '' }])[0]?.verdict;

describe('a message that waits for ever', () => {
  const waits = (lines: readonly Line[], parts: Partial<Scenario> = crash) =>
    verdict('drained', 'sqs', [...lines, '5 produced p 1 - - 100 0', '5 appended b 1 jobs'], {
      ...parts,
      claims: [{ claim: 'drained', scope: '', verdict: 'holds' }],
    });

  it.each<readonly [string, readonly Line[], Partial<Scenario>]>([
    ['a crash with its restart', restarted, crash],
    ['a process that is sent for', ['1 fault-begun'], send],
    ['a pause that a crash ended', ['1 paused c-1 - - - 99000', '2 crashed c-1', '3 restarted c-1'], crash],
    ['a pause that a stop ended', ['1 paused c-1 - - - 99000', '2 scaled - - - - 0', '2 stopped c-1'], crash],
    ['a slow process that is fast again', ['1 slowed c-1 - - - 300', '2 slowed c-1 - - - 100'], crash],
    ['a clock that runs right again', ['1 skewed c-1 - - - 50', '2 skewed c-1 - - - 100'], crash],
    ['interference that took its hop', ['1 fault-begun'], lose(1, null)],
    ['interference that ended', ['1 fault-begun', '2 fault-ended'], lose(0, 1)],
    ['a split that was healed', ['1 split', '2 healed'], crash],
  ])('has nobody to excuse it after %s', (_, lines, parts) => {
    expect(waits(lines, parts)).toBe('violated');
  });

  it.each<readonly [string, readonly Line[], Partial<Scenario>]>([
    ['down', ['1 crashed c-1'], crash],
    ['stopped', ['1 fault-begun', '1 stopped c-1'], crash],
    ['paused', ['1 paused c-1 - - - 99000'], crash],
    ['slow', ['1 slowed c-1 - - - 300'], crash],
    ['skewed', ['1 skewed c-1 - - - 50'], crash],
    ['disturbed', ['1 fault-begun'], lose(0, null)],
    ['split off', ['1 split'], crash],
  ])('may go on when somebody is %s no longer', (_, lines, parts) => {
    expect(waits(lines, parts)).toBe('undecided');
  });
});

describe('a request of which nothing more is heard', () => {
  const request: readonly Line[] = ['5 produced p 1 - - 100 0', '5 sent p 1 - b 0 0'];
  const heard = (...lines: readonly Line[]) =>
    verdict('conservation', 'sqs', lines, { ...crash, producers: { p: producer() } });

  it('was forgotten by its broker, though there was a crash with its restart, or a pause', () => {
    expect(heard(...restarted, ...request)).toBe('violated');
    expect(heard('4 paused b', ...request, '9 resumed b')).toBe('violated');
  });

  it('waits behind one that was lost, where a connection keeps their order, and is read only over another', () => {
    const behind: readonly Line[] = ['4 produced p 2 - - 100 0', '4 sent p 2 - b 0 16', ...request];
    const ofKafka = (...lines: readonly Line[]) =>
      verdict('conservation', 'kafka', lines, {
        ...crash,
        brokers: { b: { kind: 'kafka', options: {} } },
        producers: { p: producer() },
      });
    expect(ofKafka(...restarted, ...request)).toBe('violated');
    expect(ofKafka(...restarted, ...behind)).not.toBe('violated');
    expect(ofKafka(...restarted, ...behind, '30 connection-lost b - - p')).not.toBe('violated');
    expect(heard(...restarted, ...behind)).toBe('violated');
    // The connection ended before the request was made, so it came by another one.
    const [made, lost, ...later] = behind;
    expect(ofKafka(...restarted, `${made}`, `${lost}`, '4 connection-lost b - - p', ...later)).toBe('violated');
  });

  it('was never read by a node that was down, or lost its connection once it went on', () => {
    expect(heard('4 crashed b', ...request, '9 restarted b')).not.toBe('violated');
    expect(heard('4 paused b', ...request, '8 crashed b', '9 restarted b')).not.toBe('violated');
    expect(heard('4 paused b', ...request, '9 resumed b', '9 connection-lost b - - p')).not.toBe('violated');
  });

  it('may have come by a connection that its node had lost with a crash, of which its sender did not know yet', () => {
    expect(heard('4 crashed b', '4 restarted b', ...request)).not.toBe('violated');
    expect(heard('1 crashed b', '1 restarted b', ...request)).toBe('violated');
  });

  it('may have come after the end of the connection, if its sender died while it was on its way', () => {
    const slow = ['5 produced p 1 - - 100 0', '5 sent p 1 - b 2000000 0'];
    expect(heard(...slow, '6 crashed p', '8 restarted p')).not.toBe('violated');
    expect(heard(...slow, '8 crashed p', '9 restarted p')).toBe('violated');
  });
});

describe('a transaction', () => {
  const parts = (kind: string, options: Record<string, string | boolean>): Partial<Scenario> => ({
    ...crash,
    consumers: { c: consumer({ group: kind === 'kafka' ? 'team' : 'jobs', from: ['rides'], options }) },
  });

  it('of Kafka lacks its offset, after a crash with its restart', () => {
    const lines: readonly Line[] = [
      ...restarted,
      '3 joined b - team c-1 1',
      '3 produced p 1 - - 100 0',
      '3 appended b 1 rides/0 - 0 0',
      '4 delivered b 1 rides/0 c-1 0 1',
      '4 settled c-1 1 rides/0 - 0 1',
      '5 txn-begun c-1 - - - 7',
      '6 txn-committed b - - c-1 7',
    ];
    const kafka = parts('kafka', { 'forward.to': 'done' });
    expect(verdict('atomic-publish-and-commit', 'kafka', lines, kafka)).toBe('violated');
    const late = ['80 split', '85 healed'];
    expect(verdict('atomic-publish-and-commit', 'kafka', [...lines, ...late], kafka)).not.toBe('violated');
  });

  it('of a Pulsar consumer lacks its ack, after a crash with its restart', () => {
    const lines: readonly Line[] = [
      ...restarted,
      '3 produced p 1 - - 100 0',
      '3 appended b 1 jobs',
      '4 txn-begun c-1 - - - 7',
      '4 delivered b 1 jobs c-1 0 1',
      '5 produced c-1 2 - - 100 0',
      '6 became-visible b 2 dead',
    ];
    const pulsar = parts('pulsar', { 'forward.to': 'dead' });
    expect(verdict('atomic-publish-and-commit', 'pulsar', lines, pulsar)).toBe('violated');
  });

  it('of a Pulsar producer stays hidden in part, after a crash with its restart', () => {
    const lines: readonly Line[] = [
      ...restarted,
      '3 txn-begun p - - - 7',
      '3 produced p 1 - - 100 0',
      '3 produced p 2 - - 100 0',
      '3 sent p 1 - b 0 0',
      '3 sent p 2 - b 0 0',
      '3 appended b 1 jobs - 0 3',
      '3 appended b 2 jobs - 0 3',
      '4 txn-committed b - - p 7',
      '4 became-visible b 1 jobs',
    ];
    const pulsar = { ...crash, producers: { p: producer({ options: { enableTransaction: true } }) } };
    expect(verdict('atomic-publish-and-commit', 'pulsar', lines, pulsar)).toBe('violated');
    const handed = '9 delivered b 2 jobs c-1 0 1';
    expect(verdict('atomic-publish-and-commit', 'pulsar', [...lines, handed], pulsar)).not.toBe('violated');
  });
});
