/** What needs several machines to be seen: bookies and their quorums, topics that change their broker, batches, and transactions. */
import { describe, expect, it } from 'vitest';
import { FACT_NAMES } from '../../../core/facts.ts';
import { parseScenario } from '../../../sim/scenario/parse.ts';
import type { Trace } from '../../../sim/trace.ts';
import { run } from '../../../sim/world.ts';

function traceOf(text: string): Trace {
  const { scenario, diagnostics } = parseScenario(`title: A test\nseed: 3\n${text}`, { file: 'test.yaml' });
  if (scenario === null) throw new Error(diagnostics.map(({ message }) => message).join('; '));
  return run(scenario).trace;
}

/** How many facts of a kind there are between two times in seconds. */
function count(trace: Trace, kind: string, from = 0, to = 1e9): number {
  let found = 0;
  for (let id = 1; id <= trace.count; id++) {
    const at = trace.time(id) / 1e6;
    if (FACT_NAMES[trace.kind(id)] === kind && at >= from && at < to) found++;
  }
  return found;
}

const clients = (more = '', consumer = ''): string => `
producers: { maker: { to: jobs, rate: 10/s, messages: 100, start: 1s, batchingEnabled: false ${more} } }
consumers: { worker: { from: jobs, process: 10ms, subscriptionType: Shared, effect: { insert: results } ${consumer} } }
network: { latency: 1ms..3ms }
duration: 120s
`;

const bookies = (number: number): string =>
  `broker: { kind: pulsar, bookies: ${number}, managedLedgerDefaultEnsembleSize: 2, managedLedgerDefaultWriteQuorum: 2 }
topics: { jobs: {} }`;

describe('bookies', () => {
  it('replaces a bookie that died, and goes on (P11)', () => {
    const trace = traceOf(`${bookies(3)}${clients()}timeline: [{ at: 4s, crash: bookie-1 }]`);
    expect(count(trace, 'confirmed', 5, 15)).toBeGreaterThan(55);
    expect(count(trace, 'gave-up')).toBe(0);
  });

  it('stalls without a spare until the bookie is back (P11)', () => {
    const trace = traceOf(`${bookies(2)}${clients()}timeline: [{ at: 4s, crash: bookie-1, restart: 10s }]`);
    expect(count(trace, 'confirmed', 4.1, 13.9)).toBe(0);
    expect(count(trace, 'confirmed', 14, 20)).toBeGreaterThan(60);
  });

  it('loses nothing that it confirmed when the broker dies and a bookie loses its disk (P5, P11)', () => {
    const trace = traceOf(
      `${bookies(2)}${clients()}timeline: [{ at: 4s, crash: bookie-1, disk: lost, restart: 1s }, { at: 4s, crash: b1, restart: 2s }]`,
    );
    expect(count(trace, 'lost')).toBe(0);
    expect(count(trace, 'confirmed')).toBe(100);
  });
});

it('moves topics to another broker when the session of their owner is over (P5)', () => {
  const trace = traceOf(
    `broker: { kind: pulsar, nodes: 2, metadataStoreSessionTimeoutMillis: 6s }\ntopics: { jobs: {} }${clients()}timeline: [{ at: 4s, crash: b1 }]`,
  );
  expect(count(trace, 'elected', 9, 14)).toBe(1);
  expect(count(trace, 'confirmed', 4.1, 9)).toBe(0);
  expect(count(trace, 'confirmed', 9, 20)).toBeGreaterThan(60);
});

it('brings a whole batch again when one of its messages failed, unless single messages are acked (P33)', () => {
  const batched = (consumer: string): number =>
    count(
      traceOf(`broker: pulsar\ntopics: { jobs: {} }
producers: { maker: { to: jobs, send: [{ at: 1s, times: 3 }, { at: 1s, poison: true }], batchingMaxPublishDelay: 10ms } }
consumers: { worker: { from: jobs, process: 10ms, subscriptionType: Shared, negativeAckRedeliveryDelay: 2s ${consumer} } }
duration: 4s`),
      'applied',
    );
  expect(batched('')).toBe(6);
  expect(batched(', acknowledgmentAtBatchIndexLevelEnabled: true')).toBe(3);
});

it('shows the messages of a transaction together, when it is committed (P66)', () => {
  const trace =
    traceOf(`broker: { kind: pulsar, transactionCoordinatorEnabled: true }\ntopics: { jobs: { subscriptions: [worker] } }
${clients(', enableTransaction: true, transactionMessages: 5')}`);
  expect(count(trace, 'txn-committed')).toBe(20);
  expect(count(trace, 'delivered', 0, 1.45)).toBe(0);
  expect(count(trace, 'confirmed')).toBe(100);
  expect(count(trace, 'settled')).toBe(100);
});

it('stores nothing twice with deduplication when connections break (P13, P60)', () => {
  const copies = (dedup: boolean): number =>
    count(
      traceOf(`broker: { kind: pulsar, brokerDeduplicationEnabled: ${dedup} }\ntopics: { jobs: {} }${clients()}
timeline: [{ at: 3s, lose: reply, times: 3 }]`),
      'appended',
    );
  expect(copies(true)).toBe(100);
  expect(copies(false)).toBeGreaterThan(100);
});

it('drops what comes while nobody is connected to a topic that is not persistent, and gives nothing a second time (P7)', () => {
  const trace = traceOf(
    `broker: pulsar\ntopics: { jobs: { persistent: false } }${clients()}timeline: [{ at: 4s, crash: worker, restart: 3s }]`,
  );
  expect(count(trace, 'evicted', 4, 7.5)).toBeGreaterThan(20);
  expect(count(trace, 'delivered') + count(trace, 'evicted')).toBe(100);
  expect(count(trace, 'requeued')).toBe(0);
});

it('acks away what is older than its TTL, at a check, never earlier (P52)', () => {
  const trace = traceOf(
    `broker: { kind: pulsar, ttlDurationDefaultInSeconds: 20s, messageExpiryCheckIntervalInMinutes: 10s }\ntopics: { jobs: { subscriptions: [idle] } }\nproducers: { maker: { to: jobs, rate: 10/s, messages: 20, start: 1s } }\nnetwork: ideal\nduration: 60s`,
  );
  expect(count(trace, 'expired', 0, 21)).toBe(0);
  expect(count(trace, 'expired', 21, 33.1)).toBe(20);
});

it('lets a delay be a delay on Shared only: Exclusive has its message at once (P69)', () => {
  const early = (type: string): number =>
    count(
      traceOf(
        `broker: pulsar\ntopics: { jobs: {} }\nproducers: { maker: { to: jobs, rate: 10/s, messages: 20, start: 1s, deliverAfter: 10s } }\nconsumers: { worker: { from: jobs, process: 10ms, subscriptionType: ${type} } }\nnetwork: ideal\nduration: 60s`,
      ),
      'delivered',
      0,
      9,
    );
  expect([early('Exclusive'), early('Shared')]).toEqual([20, 0]);
});
