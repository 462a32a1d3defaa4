/** What `why` says of a Kafka cluster in real runs: elections, cuts, lost records, commits and confirmations. */
import { expect, test } from 'vitest';
import type { FactName } from '../../../core/facts.ts';
import { explainWhy } from '../../../sim/folds/why.ts';
import type { Trace } from '../../../sim/trace.ts';
import { run } from '../../../sim/world.ts';
import { factsOf, scenarioOf } from '../runs.ts';

function till(acks: string, timeline: string, topic = ''): { trace: Trace; why: (id: number) => string[] } {
  const scenario = scenarioOf(`
title: till
story: A till writes payments.
broker: { kind: kafka, nodes: 3 }
duration: 60s
topics:
  payments: { partitions: 1, replication.factor: 3, min.insync.replicas: 2${topic} }
producers:
  till: { to: payments, rate: 10/s, start: 5s, stop: 15s, acks: ${acks} }
consumers:
  ledger: { from: payments, process: 5ms, auto.offset.reset: earliest, enable.auto.commit: false }
network:
  latency: 5ms..15ms
  links:
    - { from: b1, to: b2, latency: 80ms..160ms }
    - { from: b1, to: b3, latency: 80ms..160ms }
timeline:
${timeline}
`);
  const { trace } = run(scenario);
  return { trace, why: (id) => explainWhy(trace, scenario, id).map(({ sentence }) => sentence) };
}

const CRASH = '  - { at: 10s, crash: b1, restart: 25s }';

function named(trace: Trace, name: FactName): number[] {
  return factsOf(trace, name).map(({ id }) => id);
}

test('a lost record goes back to the cut, the election and the crash, and is lost once', () => {
  const { trace, why } = till('1', CRASH);
  const lost = factsOf(trace, 'lost');
  expect(lost.length).toBeGreaterThan(0);
  expect(new Set(lost.map(({ message }) => message)).size).toBe(lost.length);
  for (const { id } of lost) {
    expect(why(id).slice(1)).toEqual([
      expect.stringMatching(
        /^b[13] cut payments\/0 back to offset \d+: it follows b2, whose log parts from its own there\.$/,
      ),
      'b2 became leader of payments/0, epoch 1: b1 had crashed.',
      'b1 crashed.',
      expect.stringContaining('b1 crashes, back after 25 s'),
    ]);
  }
});

test('an election names the leader that was lost, not whoever crashed last', () => {
  const { trace, why } = till(
    'all',
    '  - { at: 8s, crash: b3 }\n  - { at: 9s, pause: b1, for: 20s }\n  - { at: 10s, crash: b3 }',
  );
  const gone = named(trace, 'leader-lost').concat(named(trace, 'elected').slice(1))[0] ?? 0;
  expect(why(gone)[1]).toBe('b1 stalled for 20 s.');
});

test('an unclean election goes back to the loss of the last in-sync replica, a clean one to the return of the leader', () => {
  const faults =
    '  - { at: 6s, crash: b2, restart: 16s }\n  - { at: 6s, crash: b3 }\n  - { at: 14s, crash: b1, restart: 25s }';
  for (const unclean of [true, false]) {
    const { trace, why } = till('1', faults, `, unclean.leader.election.enable: ${unclean}`);
    const elected = named(trace, 'elected').at(-1) ?? 0;
    expect(why(elected).slice(0, 3)).toEqual(
      unclean
        ? [
            'b2 became leader of payments/0, epoch 2, by an unclean election: no in-sync replica was there.',
            'payments/0 has no leader: b1 had crashed.',
            'b1 crashed.',
          ]
        : ['b1 became leader of payments/0, epoch 2: b1 was back.', 'b1 is up again.', expect.stringContaining('b1')],
    );
  }
});

test('a replica that falls behind for good leaves the in-sync set because it crashed', () => {
  const { trace, why } = till('all', '  - { at: 8s, crash: b3 }');
  const left = factsOf(trace, 'isr-changed').find(({ value }) => value === 3);
  expect(why(left?.id ?? 0).slice(0, 2)).toEqual([
    'The in-sync replicas (ISR) of payments/0 are now b1, b2: b3 had crashed.',
    'b3 crashed.',
  ]);
});

test('a commit is caused by the consumer’s request, although it waits for the replicas', () => {
  const { trace } = till('all', CRASH);
  const committed = factsOf(trace, 'committed');
  expect(committed.length).toBeGreaterThan(10);
  const others = committed.filter(({ cause, peer }) => trace.name(cause) !== 'sent' || trace.actor(cause) !== peer);
  // What was written down when the coordinator died is said by the next one, because it was elected.
  expect(others.map(({ cause }) => trace.actorName(trace.actor(cause)))).toEqual(['controller']);
});

test('under acks=all a message is confirmed because the high watermark passed it, and it was copied because it was stored', () => {
  const { trace, why } = till('all', CRASH);
  const second = factsOf(trace, 'confirmed').find(({ message }) => message === 2);
  const chain = why(second?.id ?? 0);
  expect(chain.some((line) => line.startsWith('The high watermark of payments/0 is'))).toBe(true);
  expect(chain).toContain('payments/0 stored message 2.');
  expect(chain.join(' ')).not.toContain('message 1');
});

test('a rebalance begins because of the one who joins now', () => {
  const { trace, why } = till('all', '  - { at: 20s, scale: ledger, count: 2 }');
  const second = named(trace, 'rebalance-begun').at(-1) ?? 0;
  expect(why(second)[1]).toBe('ledger-2 asked to join group ledger.');
});

test('what an aborted transaction wrote is stored, only not shown to everybody', () => {
  const { trace } = till('all, transactional.id: till, transaction.abort.probability: 1', CRASH);
  const gaveUp = factsOf(trace, 'gave-up').find(({ message }) => message === 1);
  expect(trace.sentence(gaveUp?.id ?? 0)).toBe(
    'till gave up on message 1 (transaction aborted); read_committed never shows it.',
  );
});

test('a consumer of a log is done with a message; it acks none', () => {
  const { trace } = till('all', CRASH);
  expect(trace.sentence(named(trace, 'settled')[0] ?? 0)).toBe('ledger is done with message 1.');
});
