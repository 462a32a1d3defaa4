/** What needs several machines to be seen: bookies and their quorums, topics that change their broker, batches, and transactions. */
import { describe, expect, it } from 'vitest';
import { FACT_NAMES } from '../../../core/facts.ts';
import { judge } from '../../../sim/checks/index.ts';
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

describe('a consumer that writes on in the transactions in which it acks', () => {
  /** The trace of twenty messages, and what becomes of the claim about them. */
  function forwarded({ broker = '', producer = '', consumer = '', process = '10ms', timeline = '' }): {
    trace: Trace;
    verdict: string;
  } {
    const text = `title: A test\nseed: 3
broker: { kind: pulsar, transactionCoordinatorEnabled: true ${broker} }
topics: { jobs: { subscriptions: [worker] }, done: { subscriptions: [reader] } }
producers: { maker: { to: jobs, rate: 10/s, messages: 20, start: 1s ${producer} } }
consumers:
  worker: { from: jobs, process: ${process}, forward.to: done, transactionTimeout: 5s, negativeAckRedeliveryDelay: 1s ${consumer} }
  reader: { from: done, effect: { insert: results } }
network: { latency: 1ms..3ms }
duration: 90s
timeline: [${timeline}]`;
    const { scenario, diagnostics } = parseScenario(text, { file: 'test.yaml' });
    if (scenario === null) throw new Error(diagnostics.map(({ message }) => message).join('; '));
    const { trace } = run(scenario);
    const [judged] = judge(trace, scenario, [{ claim: 'atomic-publish-and-commit', scope: '' }]);
    return { trace, verdict: judged?.verdict ?? '' };
  }
  const single = ', batchingEnabled: false';
  /** How many messages the reader got. */
  function reads(trace: Trace): number {
    let found = 0;
    for (let id = 1; id <= trace.count; id++) {
      if (FACT_NAMES[trace.kind(id)] === 'begun' && trace.actors[trace.actor(id)]?.name === 'reader') found++;
    }
    return found;
  }

  it('shows what it makes of a message when the ack counts (P66, P67)', () => {
    const { trace } = forwarded({ producer: single });
    expect(count(trace, 'txn-committed')).toBeGreaterThan(0);
    expect(count(trace, 'txn-committed')).toBe(count(trace, 'txn-begun'));
    expect(count(trace, 'became-visible')).toBe(20);
    expect(reads(trace)).toBe(20);
    expect(count(trace, 'requeued')).toBe(0);
    expect(count(trace, 'acked')).toBe(40);
  });

  it.each(['Exclusive', 'Failover', 'Shared', 'Key_Shared'])('acks messages of batches one by one: %s', (type) => {
    const { trace } = forwarded({
      producer: ', batchingMaxPublishDelay: 500ms, batcherBuilder: KEY_BASED',
      consumer: `, subscriptionType: ${type}, concurrency: 3`,
    });
    expect([reads(trace), count(trace, 'became-visible'), count(trace, 'acked')]).toEqual([20, 20, 40]);
  });

  it('hands out again what it had acked when the time of its transaction is over, not before, if it died (P67, P68)', () => {
    const { trace, verdict } = forwarded({
      producer: single,
      // Its output is stored, and the ack announced.
      timeline: '{ when: appended, nth: 4, crash: worker, restart: 100ms }',
    });
    const abortedAt: number[] = [];
    const input = new Map<number, number>();
    const lost = new Set<number>();
    const again: number[] = [];
    for (let id = 1; id <= trace.count; id++) {
      const kind = FACT_NAMES[trace.kind(id)];
      const message = trace.messageOf(id);
      if (kind === 'txn-aborted') abortedAt.push(trace.time(id));
      if (kind === 'produced') input.set(message, trace.messageOf(trace.cause(id)));
      if (kind === 'evicted') lost.add(input.get(message) ?? 0);
    }
    for (let id = 1; id <= trace.count; id++)
      if (FACT_NAMES[trace.kind(id)] === 'delivered' && trace.detail(id) > 1 && lost.has(trace.messageOf(id)))
        again.push(trace.time(id));
    expect([abortedAt.length, lost.size, again.length]).toEqual([1, 1, 1]);
    expect(again[0]).toBeGreaterThanOrEqual(abortedAt[0] ?? Number.POSITIVE_INFINITY);
    expect([verdict, reads(trace)]).toEqual(['holds', 20]);
  });

  it.each(['txn-begun', 'txn-committed', 'became-visible', 'acked', 'appended'])(
    'makes each message once when the worker, or the broker, dies at %s, and keeps the acks of a transaction (P31, P67)',
    (step) => {
      for (const who of ['worker', 'b1']) {
        const { trace, verdict } = forwarded({
          broker: ', managedLedgerDefaultMarkDeleteRateLimit: 0.01, brokerDeduplicationEnabled: true',
          producer: `${single}, producerName: maker`,
          consumer: ', subscriptionType: Shared',
          timeline: `{ when: ${step}, nth: 5, crash: ${who}, restart: 2s }`,
        });
        // Who dies after the word of the end, outside of any transaction, puts nothing to the test.
        expect([who, verdict === 'holds' || (step === 'txn-committed' && verdict === 'not exercised')]).toEqual([
          who,
          true,
        ]);
        expect(count(trace, 'became-visible')).toBe(20);
      }
    },
  );

  it.each(['Exclusive', 'Shared'])('brings back what an aborted transaction had acked: %s (P65, P67)', (type) => {
    const { trace, verdict } = forwarded({
      broker: ', bookies: 2',
      producer: single,
      consumer: `, subscriptionType: ${type}`,
      timeline: '{ when: txn-begun, nth: 3, crash: bookie-1, restart: 8s }',
    });
    expect(count(trace, 'txn-aborted')).toBeGreaterThan(0);
    expect([verdict, reads(trace)]).toEqual(['holds', 20]);
  });

  it('makes nothing twice of a message that it has in hand twice after a split', () => {
    const { trace } = forwarded({
      producer: `${single}, deliverAfter: 3s`,
      consumer: ', subscriptionType: Shared, concurrency: 4, dedup: { window: 10m, durable: true }',
      process: '200ms',
      timeline: '{ when: received, nth: 1, of: worker, split: [[worker], [maker, b1]], heal: 300ms }',
    });
    expect([count(trace, 'became-visible') >= 40, reads(trace)]).toEqual([true, 20]);
  });

  it('is refused without a coordinator, and with cumulative acks (P64, P67)', () => {
    const complaints = (broker: string, consumer: string): number =>
      parseScenario(
        `title: A test\nbroker: { kind: pulsar ${broker} }\ntopics: { jobs: {}, done: {} }
consumers: { worker: { from: jobs, forward.to: done ${consumer} } }\nduration: 10s`,
        { file: 'test.yaml' },
      ).diagnostics.length;
    const on = ', transactionCoordinatorEnabled: true';
    expect([complaints(on, ''), complaints('', ''), complaints(on, ', cumulativeAck: true')]).toEqual([0, 1, 1]);
  });
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
  expect(count(trace, 'lost', 4, 7.5)).toBeGreaterThan(20);
  expect(count(trace, 'delivered') + count(trace, 'lost')).toBe(100);
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

it('asks for a batch again when its first message was handed over too long ago, though the others are worked on (P33, P38)', () => {
  const trace = traceOf(`broker: pulsar\ntopics: { jobs: {} }
producers: { maker: { to: jobs, send: [{ at: 1s, times: 3 }], batchingMaxPublishDelay: 10ms } }
consumers: { worker: { from: jobs, process: 1500ms, subscriptionType: Shared, ackTimeout: 2s } }
network: ideal\nduration: 5s`);
  expect(count(trace, 'requeued', 3, 4.1)).toBe(3);
});

it('refuses a batch that is larger than a message may be (P8)', () => {
  const trace = traceOf(`broker: pulsar\ntopics: { jobs: { subscriptions: [s] } }
producers: { maker: { to: jobs, size: 2MB, send: [{ at: 1s, times: 3 }, { at: 2s, times: 2 }], batchingMaxPublishDelay: 10ms, batchingMaxBytes: 20MB } }
network: ideal\nduration: 5s`);
  expect([count(trace, 'gave-up'), count(trace, 'appended')]).toEqual([3, 2]);
});

it('keeps a producer out that lost the topic to another while it was cut off (P14)', () => {
  const trace = traceOf(`broker: pulsar\ntopics: { jobs: { subscriptions: [s] } }
producers:
  first: { to: jobs, rate: 1/s, messages: 150, start: 1s, accessMode: ExclusiveWithFencing, sendTimeout: 0ms }
  second: { to: jobs, rate: 1/s, messages: 150, start: 10s, accessMode: ExclusiveWithFencing, sendTimeout: 0ms }
timeline: [{ at: 0s, crash: second, restart: 10s }, { at: 5500ms, split: [[first], [second, b1]], heal: 100s }]
network: { latency: 1ms }\nduration: 200s`);
  const confirmed = new Map<string, number>();
  for (let id = 1; id <= trace.count; id++) {
    if (FACT_NAMES[trace.kind(id)] !== 'confirmed') continue;
    const name = trace.actors[trace.actor(id)]?.name ?? '';
    confirmed.set(name, (confirmed.get(name) ?? 0) + 1);
  }
  expect([confirmed.get('first'), confirmed.get('second')]).toEqual([4, 150]);
});

it('gives up what gathers for the next batch, too, when the messages before it have timed out (P12)', () => {
  const trace = traceOf(`broker: pulsar\ntopics: { jobs: { subscriptions: [s] } }
producers: { maker: { to: jobs, send: [{ at: 1s, times: 2 }, { at: 2800ms, times: 2 }], batchingMaxPublishDelay: 500ms, sendTimeout: 2s } }
timeline: [{ at: 0s, crash: b1, restart: 30s }]
network: ideal\nduration: 60s`);
  expect([count(trace, 'gave-up', 2.9, 3.2), count(trace, 'gave-up'), count(trace, 'appended')]).toEqual([4, 4, 0]);
});
