/** Clocks that run fast or slow: what a process times itself comes early or late, and what takes its time takes it all the same. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Agenda, EVENT } from '../../sim/clock.ts';
import { toneOf } from '../../sim/folds/told.ts';
import { Clocks } from '../../sim/skew.ts';
import { run } from '../../sim/world.ts';
import { factsOf, scenarioOf, storyOf, traceOf } from './runs.ts';

const jobs = (timeline: string, consumer = '', send = '{ at: 1s }') => `
title: Jobs
broker: sqs
duration: 120s
queues: { jobs: { VisibilityTimeout: 10s } }
producers: { web: { to: jobs, send: [${send}] } }
consumers: { worker: { from: jobs, process: 8s${consumer} } }
network: { latency: 0ms }
timeline: [${timeline}]`;

describe('a clock', () => {
  it('shows the time until it is skewed, and keeps what it was ahead by when it is set right', () => {
    const clocks = new Clocks();
    clocks.run(1, 1000, 200);
    clocks.run(1, 2000, 100);
    expect([500, 1000, 1500, 2000, 3000].map((time) => clocks.read(1, time))).toEqual([500, 1000, 2000, 3000, 4000]);
    expect(clocks.read(2, 1500)).toBe(1500);
  });

  it('shows what was waited for at the time that it names, and not a microsecond before', () => {
    const speeds = fc.array(
      fc.record({ afterUs: fc.integer({ min: 0, max: 90_000_000 }), hundredths: fc.integer({ min: 1, max: 10_000 }) }),
    );
    fc.assert(
      fc.property(speeds, fc.integer({ min: 0, max: 8_640_000_000_000 }), (changes, delayUs) => {
        const clocks = new Clocks();
        let now = 0;
        for (const { afterUs, hundredths } of changes) {
          now += afterUs;
          clocks.run(1, now, hundredths);
        }
        const wanted = clocks.read(1, now) + delayUs;
        const when = clocks.when(1, wanted);
        expect(clocks.read(1, when)).toBeGreaterThanOrEqual(wanted);
        if (when > now) expect(clocks.read(1, when - 1)).toBeLessThan(wanted);
      }),
    );
  });

  it('that changes its speed moves what was set by it, and nothing else', () => {
    const agenda = new Agenda();
    const set = (time: number, kind: number, actor: number, type: string): void =>
      void agenda.schedule(time, kind, actor, 0, 0, 0, { type });
    set(100, EVENT.timer, 1, 'lock');
    set(100, EVENT.timer, 2, 'of another');
    set(100, EVENT.work, 1, 'work');
    set(100, EVENT.hop, 1, 'hop');
    set(60, EVENT.timer, 1 | 0x10000, 'on its other connection');
    agenda.retime(1, 0xffff, new Clocks().run(1, 0, 200));
    const happened: string[] = [];
    while (agenda.next(1000)) happened.push(`${agenda.now} ${agenda.taken.wire.type}`);
    expect(happened).toEqual(['30 on its other connection', '50 lock', '100 of another', '100 work', '100 hop']);
  });
});

describe('a broker whose clock runs fast', () => {
  it('ends a lock early, as others see it', () => {
    const trace = traceOf(jobs('{ at: 0s, skew: sqs, factor: 4 }'));
    expect(storyOf(trace, 'lock-expired')[0]).toBe('3.500 lock-expired m1 sqs');
  });

  it('deletes a subscription that nobody uses, though its clock leaps over the moment that it waits for', () => {
    const trace = traceOf(`
title: Unused
broker: google-pubsub
duration: 20h
topics: { news: {} }
queues: { unused: { topic: news, message_retention_duration: 30d, expiration_policy: { ttl: 1d } } }
producers: { web: { to: news, send: [{ at: 1s }] } }
timeline: [{ at: 1h, skew: google-pubsub, factor: 7 }]`);
    expect(storyOf(trace, 'evicted').length).toBe(1);
  });

  it('ends one early that it had given before', () => {
    const trace = traceOf(jobs('{ at: 5s, skew: sqs, factor: 4, for: 20s }'));
    // Four seconds had passed when the clock went wrong; the six that were left took a second and a half.
    expect(storyOf(trace, 'lock-expired')[0]).toBe('6.500 lock-expired m1 sqs');
  });

  it('gives locks of the right length again when it is right again', () => {
    const trace = traceOf(jobs('{ at: 0s, skew: sqs, factor: 4, for: 10s }', '', '{ at: 20s }'));
    expect(storyOf(trace, 'lock-expired')).toEqual([]);
    expect(storyOf(trace, 'acked')).toEqual(['28.000 acked m1 sqs']);
  });
});

describe('a consumer whose clock runs slow', () => {
  const long = (timeline: string) =>
    jobs(timeline, ', heartbeat: { every: 4s, by: 10s }').replace('process: 8s', 'process: 30s');

  it('works as fast as ever', () => {
    const trace = traceOf(jobs('{ at: 0s, skew: worker, factor: 0.1 }'));
    expect(storyOf(trace, 'begun', 'applied')).toEqual(['1.000 begun m1 worker', '9.000 applied m1 worker']);
  });

  it('extends its lock too late', () => {
    expect(storyOf(traceOf(long('')), 'lock-expired')).toEqual([]);
    expect(storyOf(traceOf(long('{ at: 0s, skew: worker, factor: 0.25 }')), 'lock-expired')[0]).toBe(
      '11.000 lock-expired m1 sqs',
    );
  });
});

it('a clock that is right again is told as no fault', () => {
  const scenario = scenarioOf(jobs('{ at: 2s, skew: worker, factor: 2, for: 3s }'));
  const { trace } = run(scenario);
  expect(factsOf(trace, 'skewed').map(({ id }) => toneOf(trace, scenario, id))).toEqual(['fault', 'notable']);
});

it('of several lines the one that began last counts until it ends, then the one before', () => {
  const trace = traceOf(
    jobs('{ at: 0s, skew: worker, factor: 3, for: 10s }, { at: 5s, skew: worker, factor: 0.5, for: 20s }'),
  );
  expect(factsOf(trace, 'skewed').map(({ timeUs, value }) => [timeUs / 1e6, value])).toEqual([
    [0, 300],
    [5, 50],
    [10, 50],
    [25, 100],
  ]);
});

it('a producer with a fast clock makes more messages in the same time', () => {
  const rate = (timeline: string) =>
    storyOf(traceOf(jobs(timeline).replace('send: [{ at: 1s }]', 'rate: 1/s, stop: 20s')), 'produced').filter(
      (line) => Number(line.split(' ')[0]) < 10,
    ).length;
  expect([rate(''), rate('{ at: 0s, skew: web, factor: 2 }')]).toEqual([9, 19]);
});

it('a clock that changes its speed in a pause moves nothing of what is put off: it comes when the process goes on', () => {
  const heartbeat = ', heartbeat: { every: 5s, by: 10s }';
  const trace = traceOf(jobs('{ at: 2s, pause: worker, for: 20s }, { at: 10s, skew: worker, factor: 0.5 }', heartbeat));
  expect(storyOf(trace, 'resumed', 'applied')).toEqual(['22.000 resumed worker', '22.000 applied m1 worker']);
  const [extended] = factsOf(trace, 'extended', 'ack-refused');
  expect(extended?.timeUs).toBe(22_000_000);
});

it('a producer whose clock runs fast makes messages until the run ends', () => {
  const rated = jobs('{ at: 0s, skew: web, factor: 2 }').replace('send: [{ at: 1s }]', 'rate: 1/s');
  expect(factsOf(traceOf(rated), 'produced').at(-1)?.timeUs).toBeGreaterThan(119_000_000);
});

it('a burst lasts as long as its line says, whatever the clock of the producer shows', () => {
  const rated = jobs('{ at: 0s, skew: web, factor: 0.5 }, { at: 10s, burst: web, rate: 10/s, for: 10s }');
  const made = factsOf(traceOf(rated.replace('send: [{ at: 1s }]', 'rate: 0.01/s')), 'produced');
  expect(made.at(-1)?.timeUs).toBeLessThan(20_500_000);
});
