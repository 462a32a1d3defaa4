/** What clients can do beyond the plain path, seen in whole runs. */
import { describe, expect, it } from 'vitest';
import { F, type FactName, R } from '../../core/facts.ts';
import { judge } from '../../sim/checks/index.ts';
import { parseScenario } from '../../sim/scenario/parse.ts';
import type { Trace } from '../../sim/trace.ts';
import { run } from '../../sim/world.ts';

function runOf(text: string) {
  const { scenario, diagnostics } = parseScenario(`title: clients\n${text}`, { file: 'clients.yaml' });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  if (scenario === null) throw new Error('no scenario');
  return { scenario, trace: run(scenario).trace };
}

function factsOf(trace: Trace, name: FactName, reason?: number): number[] {
  const found: number[] = [];
  for (let id = 1; id <= trace.count; id++) {
    if (trace.kind(id) === F[name] && (reason === undefined || trace.detail(id) === reason)) found.push(id);
  }
  return found;
}

describe('a reordering buffer', () => {
  const orderOf = (reorder: string) => {
    const { scenario, trace } = runOf(`
broker: sqs
duration: 1min
queues: { bookings: {} }
producers:
  bank: { to: bookings, rate: 10/s, messages: 60, key: account, attributes: { account: [ana, ben] }, sequence: true }
consumers: { booker: { from: bookings, process: 5ms, effect: { set: balances }${reorder} } }
network: { latency: 5ms, reorder: { request: 20% }, reorder-delay: 400ms }
claims: [key-order]`);
    return { verdict: judge(trace, scenario)[0]?.verdict, held: factsOf(trace, 'held').length };
  };

  it('restores the order of a key that the network has broken', () => {
    expect(orderOf('').verdict).toBe('violated');
    const { verdict, held } = orderOf(', reorder: { window: 2s, size: 40 }');
    expect(verdict).not.toBe('violated');
    expect(held).toBeGreaterThan(0);
  });
});

describe('load shedding', () => {
  it('passes over what is too old, and says so', () => {
    const { trace } = runOf(`
broker: sqs
duration: 1min
queues: { jobs: {} }
producers: { web: { to: jobs, rate: 10/s, messages: 50 } }
consumers: { worker: { from: jobs, process: 1s, shed: { older-than: 3s } } }`);
    const shed = factsOf(trace, 'skipped', R['too old']).length;
    expect(shed).toBeGreaterThan(20);
    expect(factsOf(trace, 'begun').length).toBe(50 - shed);
    expect(factsOf(trace, 'acked').length).toBe(50);
  });
});

describe('a health check', () => {
  it('ends a process that hangs on poison, so that the rest is done', () => {
    const { trace } = runOf(`
broker: sqs
duration: 5min
queues: { jobs: { VisibilityTimeout: 20s, RedrivePolicy: { deadLetterTargetArn: dead, maxReceiveCount: 2 } }, dead: {} }
producers: { web: { to: jobs, rate: 1/s, messages: 5, send: [{ at: 1500ms, poison: true }] } }
consumers: { worker: { from: jobs, process: 1s, on-poison: hang, health-check: { after: 15s, restart: 1s } } }`);
    expect(factsOf(trace, 'failed', R['no progress']).length).toBe(2);
    // All but the poison one, which comes besides those of the rate.
    expect(factsOf(trace, 'applied').length).toBe(5);
  });
});

describe('idempotency keys', () => {
  it('make one write of two messages that ask for the same, until the key is forgotten', () => {
    const { trace } = runOf(`
broker: sqs
duration: 1min
queues: { charges: {} }
stores: { ledger: { idempotency: { key: order, for: 20s } } }
producers: { shop: { to: charges, send: [{ at: 1s, order: o1 }, { at: 2s, order: o1 }, { at: 3s, order: o2 }, { at: 30s, order: o1 }] } }
consumers: { charger: { from: charges, effect: { increment: ledger } } }`);
    expect(factsOf(trace, 'applied').map((id) => trace.detail(id))).toEqual([1, 3, 1, 1]);
    expect(factsOf(trace, 'deduplicated').length).toBe(1);
  });
});

describe('a circuit breaker', () => {
  const shop = (breaker: string) => `
broker: sqs
duration: 2min
queues: { charges: {} }
stores: { provider: { write: 10ms } }
producers: { shop: { to: charges, rate: 2/s, messages: 60 } }
consumers: { charger: { from: charges, effect: { insert: provider }, write-timeout: 1s, retry: { attempts: 50, growth: fixed }${breaker} } }
timeline: [{ at: 5s, crash: provider, restart: 20s }]`;

  it('opens, probes and closes, and asks a dead store less often', () => {
    const { trace } = runOf(shop(', breaker: { failures: 3, open: 5s }'));
    expect(factsOf(trace, 'breaker-opened').length).toBeGreaterThan(1);
    expect(factsOf(trace, 'breaker-closed').length).toBe(1);
    expect(factsOf(trace, 'applied').length).toBe(60);
    const without = runOf(shop('')).trace;
    expect(factsOf(without, 'retried').length).toBeGreaterThan(2 * factsOf(trace, 'retried').length);
  });
});

describe('health checks of a direct call', () => {
  const shop = (checks: string) => `
broker: direct
duration: 1min
producers: { shop: { to: pay, rate: 5/s, messages: 200, timeout: 500ms${checks} } }
consumers: { payer: { from: pay, count: 2, process: 10ms } }
network: { latency: 2ms }
timeline: [{ at: 10s, crash: payer-2, restart: 15s }]`;

  it('take an instance out late, and bring it back late', () => {
    const { trace } = runOf(shop(', health-check-interval: 2s'));
    expect(factsOf(trace, 'unhealthy').length).toBe(1);
    expect(factsOf(trace, 'healthy').length).toBe(1);
    const given = factsOf(trace, 'gave-up').length;
    expect(given).toBeGreaterThan(5);
    expect(given).toBeLessThan(20);
    expect(factsOf(runOf(shop('')).trace, 'gave-up').length).toBe(0);
  });
});

describe('compression', () => {
  const feed = (options: string) => `
broker: kafka
duration: 1min
topics: { clicks: { partitions: 1 } }
producers: { site: { to: clicks, rate: 20/s, messages: 200, size: 10KiB${options} } }
network: { latency: 2ms, bandwidth: 150KB/s }`;
  const slowest = (options: string): number => {
    const { trace } = runOf(feed(options));
    const confirmed = factsOf(trace, 'confirmed');
    expect(confirmed.length).toBe(200);
    return Math.max(...confirmed.map((id) => trace.time(id) - trace.message(trace.messageOf(id)).producedAtUs));
  };

  it('lets through a thin link what does not fit otherwise', () => {
    expect(slowest('')).toBeGreaterThan(2_000_000);
    expect(slowest(', compression.type: zstd, compression.ratio: 0.3')).toBeLessThan(500_000);
  });
});

it.each([
  ['when the first row comes later', '2/s', 'start: 2s'],
  ['when the first row is there before the first answer', '20/s', 'start: 0s'],
])(
  'publishes from an outbox whose store answers later than it is asked again, each message once: %s',
  (_, rate, start) => {
    const { trace } = runOf(`
broker: sqs
duration: 15s
queues: { jobs: { VisibilityTimeout: 30s } }
producers: { shop: { to: jobs, rate: ${rate}, messages: 3, ${start}, effect: { set: orders }, publish: outbox } }
network: { latency: 90ms }
`);
    expect(factsOf(trace, 'confirmed')).toHaveLength(3);
    expect(factsOf(trace, 'appended')).toHaveLength(3);
  },
);

it('waits as long for the fate of a record as its producer waits for an answer, when that is more than 2 min (K25)', () => {
  const { trace } = runOf(`
broker: kafka
duration: 10min
topics: { rides: {} }
producers: { dispatcher: { to: rides, rate: 1/s, messages: 1, request.timeout.ms: 3min } }
timeline: [{ at: 500ms, pause: b1, for: 5min }]`);
  const [gaveUp] = factsOf(trace, 'gave-up');
  expect(trace.time(gaveUp ?? 0) - trace.time(factsOf(trace, 'produced')[0] ?? 0)).toBe(180_005_000);
});
