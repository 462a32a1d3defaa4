import { expect, test } from 'vitest';
import { Findings, type Json, type JsonTable } from '../../../sim/conform/case.ts';
import { runBindingValidation, runRecording } from '../../../sim/conform/rabbitmq.ts';

/** What a replay saw at each step, by step and kind: the differences to a recording in which nothing was seen. */
function seen(...steps: readonly JsonTable[]): Record<string, Json> {
  const findings = new Findings();
  runRecording({ id: 'own', version: '3.10.8', script: { steps }, observed: [] }, findings);
  return Object.fromEntries(findings.differences.map(({ where, actual }) => [where, actual]));
}

/** The labels that each consumer got at a step. */
function deliveries(step: number, all: Record<string, Json>): Record<string, string> {
  const byConsumer = (all[`step ${step}/deliveries`] ?? {}) as Record<string, readonly JsonTable[]>;
  return Object.fromEntries(
    Object.entries(byConsumer).map(([consumer, list]) => [consumer, list.map(({ msg }) => msg).join(' ')]),
  );
}

/** A tenth of a second for each, then an ack; the format's key `then` is that of no promise. */
const WORK = Object.fromEntries<Json>([
  ['ms', 100],
  ['then', 'ack'],
]);
const queue = { op: 'queue', name: 'q' };
const publish = (...msgs: readonly string[]) => ({ op: 'publish', exchange: '', key: 'q', msgs });

test('a consumer without acks works on what it got and settles nothing', () => {
  const all = seen(queue, { op: 'consume', consumer: 'c', queue: 'q', noAck: true, work: WORK }, publish('m1', 'm2'), {
    op: 'wait',
    ms: 500,
  });
  expect(deliveries(2, all)).toEqual({ c: 'm1 m2' });
  expect(all['step 3/channelClosed']).toBeUndefined();
});

test('consumers that wait for the prefetch of their channel go on in the order in which they began to wait', () => {
  const consume = (consumer: string) => ({ op: 'consume', consumer, queue: 'q', channel: 'ch' });
  const all = seen(
    queue,
    { op: 'qos', channel: 'ch', count: 3, global: true },
    consume('c1'),
    consume('c2'),
    publish('m1', 'm2', 'm3', 'm4', 'm5', 'm6'),
    { op: 'ack', channel: 'ch', msg: 'm1' },
    { op: 'ack', channel: 'ch', msg: 'm3' },
    { op: 'qos', channel: 'ch', count: 4, global: true },
  );
  expect(deliveries(4, all)).toEqual({ c1: 'm1 m3', c2: 'm2' });
  expect([5, 6, 7].map((step) => deliveries(step, all))).toEqual([{ c2: 'm4' }, { c1: 'm5' }, { c2: 'm6' }]);
});

test.each([
  ['main (4.3 line or later)', false],
  ['after 4.2', false],
  ['4.3', false],
  ['4.2', true],
  ['4.2 and older', true],
  ['before 4.3', true],
  ['<4.3', true],
])('three # words under %s: accepted is %s', (server, accepted) => {
  const findings = new Findings();
  runBindingValidation({ input: { binding_key: '#.a.#.b.#', server }, expected: { accepted } }, findings);
  expect(findings.differences).toEqual([]);
});
