import { expect, test } from 'vitest';
import { R } from '../../../core/facts.ts';
import { Histogram } from '../../../sim/folds/histogram.ts';
import { Ledger, type LedgerRow, ledgerTotals } from '../../../sim/folds/ledger.ts';
import { measure } from '../../../sim/folds/metrics.ts';
import { metricSeries } from '../../../sim/folds/series.ts';
import { summarise } from '../../../sim/folds/summary.ts';
import { topologyAt } from '../../../sim/folds/topology.ts';
import { busyQueue, type Stage, stage } from './build-trace.ts';
import { consuming } from './consuming.ts';

const scenario = consuming({ c: { concurrency: 1 } });

function jobsStage(): Stage {
  return stage(
    { p: 'producer', b: 'broker', 'c-1': 'consumer', db: 'store' },
    { jobs: 'queue', dead: 'queue', rows: 'store' },
    ['dead'],
  );
}

function rows(made: Stage): LedgerRow[] {
  const ledger = new Ledger();
  for (let id = 1; id <= made.trace.count; id++) ledger.see(made.trace, id);
  const topology = topologyAt(made.trace, scenario, made.trace.count);
  return Array.from({ length: made.trace.messageCount }, (_, i) => ledger.row(made.trace, topology, i + 1));
}

test('percentiles are exact below 256 µs and at most 0.8 % too high above', () => {
  const small = new Histogram();
  for (let i = 1; i <= 200; i++) small.add(i);
  expect([small.percentile(0.5), small.percentile(0.95), small.mean, small.max]).toEqual([100, 190, 100.5, 200]);
  const large = new Histogram();
  for (let i = 1; i <= 10_000; i++) large.add(i * 1_000_003);
  for (const share of [0.01, 0.5, 0.95, 0.99, 1]) {
    const exact = Math.ceil(share * 10_000) * 1_000_003;
    expect(large.percentile(share)).toBeGreaterThanOrEqual(exact);
    expect(large.percentile(share)).toBeLessThan(exact * 1.008);
  }
});

test('two histograms added up are the histogram of both', () => {
  const [a, b, both] = [new Histogram(), new Histogram(), new Histogram()];
  for (const span of [5, 900, 70_000]) for (const one of [a, both]) one.add(span);
  for (const span of [2, 3_000_000_000_000]) for (const one of [b, both]) one.add(span);
  a.addAll(b);
  expect([a.count, a.sum, a.min, a.max, a.percentile(0.5)]).toEqual([
    both.count,
    both.sum,
    2,
    3e12,
    both.percentile(0.5),
  ]);
});

test('every message has one fate, and its reason', () => {
  const made = jobsStage();
  for (let message = 1; message <= 7; message++) made.fact(message, 'produced', { actor: 'p', message });
  for (const message of [1, 2, 3, 4]) made.fact(10, 'appended', { actor: 'b', message, place: 'jobs' });
  // 1 is done, 2 is dead-lettered, 3 expires, 4 waits.
  made.fact(11, 'delivered', { actor: 'b', message: 1, place: 'jobs', peer: 'c-1', detail: 1 });
  made.fact(12, 'applied', { actor: 'db', message: 1, place: 'rows', peer: 'c-1', detail: 1 });
  made.fact(12, 'applied', { actor: 'db', message: 1, place: 'rows', peer: 'c-1', detail: 2 });
  made.fact(13, 'acked', { actor: 'b', message: 1, place: 'jobs', peer: 'c-1', detail: 1 });
  const dead = made.fact(14, 'dead-lettered', { actor: 'b', message: 2, place: 'dead', value: 5, detail: 6 });
  made.fact(14, 'appended', { actor: 'b', message: 2, place: 'dead' });
  const expired = made.fact(15, 'expired', { actor: 'b', message: 3, place: 'jobs', detail: R['TTL passed'] });
  // 5 is given up on, 6 is lost on its way and nobody notices, 7 is still on its way.
  const gaveUp = made.fact(16, 'gave-up', { actor: 'p', message: 5, value: 1, detail: R['timed out'] });
  const hop = made.fact(17, 'sent', { actor: 'p', message: 6, peer: 'b', value: 5, detail: 8 });
  made.fact(18, 'sent', { actor: 'p', message: 7, peer: 'b', value: 5000, detail: 0 });
  expect(rows(made)).toMatchObject([
    { fate: 'done', deliveries: 1, effects: 2, settled: true, because: 0 },
    { fate: 'dead-lettered', because: dead },
    { fate: 'dropped', because: expired },
    { fate: 'pending', because: 0 },
    { fate: 'dropped', because: gaveUp },
    { fate: 'lost', because: hop },
    { fate: 'pending', because: 0 },
  ]);
  expect(ledgerTotals(made.trace, scenario)).toEqual({
    sent: 7,
    confirmed: 0,
    delivered: 1,
    effects: 2,
    settled: 1,
    deadLettered: 1,
    dropped: 2,
    lost: 1,
    duplicateEffects: 1,
    unexpected: 0,
    recovered: 1,
  });
});

test('a message that was acked at once and whose consumer crashed is lost', () => {
  const made = jobsStage();
  made.fact(1, 'produced', { actor: 'p', message: 1 });
  made.fact(2, 'appended', { actor: 'b', message: 1, place: 'jobs' });
  made.fact(3, 'delivered', { actor: 'b', message: 1, place: 'jobs', peer: 'c-1', detail: 1 });
  made.fact(3, 'received', { actor: 'c-1', message: 1, place: 'jobs', detail: 1 });
  made.fact(3, 'acked', { actor: 'b', message: 1, place: 'jobs', peer: 'c-1', detail: 1 });
  expect(rows(made)[0]?.fate).toBe('pending');
  made.fact(4, 'crashed', { actor: 'c-1' });
  expect(rows(made)[0]?.fate).toBe('lost');
});

test('a message whose write the store refused is dropped, not lost', () => {
  const made = jobsStage();
  made.fact(1, 'produced', { actor: 'p', message: 1 });
  made.fact(2, 'appended', { actor: 'b', message: 1, place: 'jobs' });
  const refused = made.fact(3, 'applied', { actor: 'db', message: 1, place: 'rows', peer: 'c-1', detail: 4 });
  made.fact(4, 'acked', { actor: 'b', message: 1, place: 'jobs', peer: 'c-1', detail: 1 });
  expect(rows(made)[0]).toMatchObject({ fate: 'dropped', because: refused, effects: 0, settled: true });
});

test('a record of a log is pending until each group has committed past it, and lost when they did so without effect', () => {
  const made = stage({ p: 'producer', b: 'broker', 'c-1': 'consumer' }, { 't/0': 'partition', g: 'group' });
  const commit = (value: number) =>
    made.fact(9, 'committed', { actor: 'b', place: 't/0', peer: 'c-1', value, detail: made.place('g') });
  made.fact(1, 'produced', { actor: 'p', message: 1 });
  made.fact(2, 'appended', { actor: 'b', message: 1, place: 't/0', value: 0 });
  expect(rows(made)[0]?.fate).toBe('pending');
  commit(0);
  expect(rows(made)[0]?.fate).toBe('pending');
  commit(1);
  expect(rows(made)[0]?.fate).toBe('lost');
  made.fact(10, 'applied', { actor: 'c-1', message: 1, peer: 'c-1', detail: 1 });
  expect(rows(made)[0]?.fate).toBe('done');
});

test('moving a message back from the dead-letter queue takes it off the count of dead letters', () => {
  const made = jobsStage();
  made.fact(1, 'produced', { actor: 'p', message: 1 });
  made.fact(2, 'appended', { actor: 'b', message: 1, place: 'jobs' });
  made.fact(3, 'dead-lettered', { actor: 'b', message: 1, place: 'dead', value: 1 });
  made.fact(3, 'appended', { actor: 'b', message: 1, place: 'dead' });
  expect(ledgerTotals(made.trace, scenario).deadLettered).toBe(1);
  made.fact(4, 'redriven', { actor: 'b', message: 1, place: 'jobs' });
  made.fact(4, 'appended', { actor: 'b', message: 1, place: 'jobs' });
  expect(ledgerTotals(made.trace, scenario).deadLettered).toBe(0);
});

test('waiting, latency, utilisation and downtime are spans of virtual time', () => {
  const made = jobsStage();
  made.fact(0, 'started', { actor: 'c-1' });
  made.fact(1_000_000, 'produced', { actor: 'p', message: 1 });
  made.fact(1_500_000, 'appended', { actor: 'b', message: 1, place: 'jobs' });
  made.fact(2_000_000, 'received', { actor: 'c-1', message: 1, place: 'jobs', detail: 1 });
  made.fact(2_000_000, 'begun', { actor: 'c-1', message: 1, place: 'jobs', value: 3000, detail: 1 });
  made.fact(5_000_000, 'applied', { actor: 'c-1', message: 1, peer: 'c-1', detail: 1 });
  made.fact(6_000_000, 'crashed', { actor: 'b' });
  made.fact(8_000_000, 'restarted', { actor: 'b' });
  made.fact(9_000_000, 'crashed', { actor: 'b' });
  made.trace.endedAtUs = 10_000_000;
  const metrics = measure(made.trace, scenario);
  expect(metrics.waiting.max).toBe(500_000);
  expect(metrics.latency.max).toBe(4_000_000);
  expect(metrics.utilisation(made.trace, made.actor('c-1'))).toBe(0.3);
  expect(metrics.downtimeUs(made.actor('b'))).toBe(3_000_000);
});

test('what is counted per place adds up with the ledger and the stage', () => {
  const made = busyQueue(20_000, 40);
  const metrics = measure(made.trace, scenario);
  const totals = ledgerTotals(made.trace, scenario);
  const jobs = metrics.place(made.place('jobs'));
  expect([jobs.appended, jobs.settled, jobs.delivered]).toEqual([totals.sent, totals.settled, totals.delivered]);
  expect(metrics.topology.queues[made.place('dead')]?.ready).toBe(totals.deadLettered);
});

test('the series of a run have few points that add up to its totals', () => {
  const { trace } = busyQueue(20_000, 40);
  const series = metricSeries(trace, scenario, 50);
  expect(series.endsUs.length).toBeLessThanOrEqual(50);
  expect(series.endsUs.at(-1)).toBe(trace.endedAtUs);
  const metrics = measure(trace, scenario);
  const total = (points: readonly number[]): number => points.reduce((sum, point) => sum + point, 0);
  expect(total(series.redelivered)).toBe(metrics.redelivered);
  const spans = series.endsUs.map((end, i) => end - (series.endsUs[i - 1] ?? 0));
  const settled = series.settledPerSecond.reduce((sum, rate, i) => sum + (rate * (spans[i] ?? 0)) / 1_000_000, 0);
  expect(settled).toBeCloseTo(metrics.settled);
  const jobs = series.queues.find(({ name }) => name === 'jobs');
  expect(jobs?.ready.at(-1)).toBe(metrics.topology.queues[jobs?.place ?? 0]?.ready);
  expect(Math.max(...(series.consumers[0]?.utilisation ?? []))).toBeGreaterThan(0);
});

test('a summary tells what is stored and in flight at the end, and the most there ever was', () => {
  const made = jobsStage();
  for (const message of [1, 2, 3]) {
    made.fact(message, 'produced', { actor: 'p', message, value: 100 });
    made.fact(message, 'appended', { actor: 'b', message, place: 'jobs' });
  }
  for (const message of [1, 2]) {
    made.fact(10, 'delivered', { actor: 'b', message, place: 'jobs', peer: 'c-1', detail: 1 });
    made.fact(11, 'acked', { actor: 'b', message, place: 'jobs', peer: 'c-1', detail: 1 });
  }
  made.fact(12, 'delivered', { actor: 'b', message: 3, place: 'jobs', peer: 'c-1', detail: 1 });
  made.fact(13, 'dead-lettered', { actor: 'b', message: 3, place: 'dead', value: 1 });
  made.fact(13, 'appended', { actor: 'b', message: 3, place: 'dead' });
  const { places } = summarise(made.trace, measure(made.trace, scenario));
  expect(places['jobs']).toMatchObject({ depth: 0, maxDepth: 3, inFlight: 0, maxInFlight: 1, diskBytes: 0 });
  expect(places['jobs']).toMatchObject({ maxDiskBytes: 300, deadLettered: 0 });
  expect(places['dead']).toMatchObject({ depth: 1, maxDepth: 1, deadLettered: 1 });
});

test('a summary tells how far a group and a replica are behind, and ever were', () => {
  const made = stage(
    { b1: 'broker', b2: 'broker', p: 'producer', 'c-1': 'consumer' },
    { 'rides/0': 'partition', 'rides/1': 'partition', riders: 'group' },
  );
  for (const place of ['rides/0', 'rides/1']) made.fact(0, 'elected', { actor: 'b1', place, peer: 'b1', value: 1 });
  made.fact(0, 'replicated', { actor: 'b2', place: 'rides/0', value: 0 });
  for (const message of [1, 2, 3, 4]) {
    const place = message < 4 ? 'rides/0' : 'rides/1';
    made.fact(message, 'produced', { actor: 'p', message });
    made.fact(message, 'appended', { actor: 'b1', message, place, value: message < 4 ? message - 1 : 0 });
  }
  made.fact(5, 'replicated', { actor: 'b2', place: 'rides/0', value: 2 });
  const committed = { actor: 'b1', place: 'rides/0', peer: 'c-1', value: 3, detail: made.place('riders') };
  made.fact(6, 'committed', committed);
  made.fact(7, 'elected', { actor: 'b1', place: 'rides/0', peer: 'b1', value: 2 });
  const reading = consuming({ c: { from: ['rides'], group: 'riders' } });
  const { places, groups } = summarise(made.trace, measure(made.trace, reading));
  expect(groups).toEqual({ riders: { lag: 1, maxLag: 4 } });
  expect(places['rides/0']).toMatchObject({ depth: 3, replicationLag: 1, maxReplicationLag: 3, elections: 1 });
});
