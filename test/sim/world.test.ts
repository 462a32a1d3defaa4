/**
 * What the world does with processes, hops and chance: crashes at a step, pauses, splits, lost acks; and that a run is a function of scenario and
 * decisions alone.
 */
import { describe, expect, it } from 'vitest';
import { type Decision, recorder, seedDecider, tapeDecider } from '../../sim/choice.ts';
import { run, World } from '../../sim/world.ts';
import { countOf, factsOf, scenarioOf, storyOf, traceOf } from './runs.ts';

const jobs = (timeline: string, more: { send?: string; consumer?: string; rest?: string } = {}) => `
title: Jobs
broker: sqs
duration: 60s
queues: { jobs: { VisibilityTimeout: 10s } }
producers: { web: { to: jobs, send: [${more.send ?? '{ at: 1s }'}] } }
consumers: { worker: { from: jobs, process: 2s${more.consumer ?? ''} } }
network: { latency: 0ms }
timeline: [${timeline}]
${more.rest ?? ''}`;

describe('a crash', () => {
  it('at a step lets nothing happen after that step', () => {
    const crashAt = (step: string) =>
      storyOf(
        traceOf(jobs(`{ when: ${step}, by: worker, nth: 1, crash: worker }`)),
        'received',
        'begun',
        'applied',
        'settled',
        'acked',
        'crashed',
      ).map((line) => line.split(' ')[1]);
    expect(crashAt('received')).toEqual(['received', 'crashed']);
    expect(crashAt('begun')).toEqual(['received', 'begun', 'crashed']);
    expect(crashAt('applied')).toEqual(['received', 'begun', 'applied', 'crashed']);
    expect(crashAt('settled')).toEqual(['received', 'begun', 'applied', 'settled', 'crashed']);
  });

  it('loses what the process held, and the restarted process begins anew', () => {
    const trace = traceOf(jobs('{ at: 2s, crash: worker, restart: 1s }'));
    expect(storyOf(trace, 'begun', 'crashed', 'restarted', 'lock-expired', 'acked')).toEqual([
      '1.000 begun m1 worker',
      '2.000 crashed worker',
      '3.000 restarted worker',
      '11.000 lock-expired m1 sqs',
      '11.000 begun m1 worker',
      '13.000 acked m1 sqs',
    ]);
  });

  it('is met by what was on its way: it finds nobody, or somebody else', () => {
    const trace = traceOf(
      jobs('{ at: 1500ms, crash: worker, restart: 100ms }').replace('latency: 0ms', 'latency: 300ms'),
    );
    expect(countOf(trace, 'unreachable')).toBe(1);
    const [hop] = factsOf(trace, 'unreachable');
    expect(trace.name(hop?.cause ?? 0)).toBe('sent');
    expect(storyOf(trace, 'applied')).toHaveLength(1);
  });

  it('happens once although the same line could match again', () => {
    const trace = traceOf(jobs('{ when: begun, by: worker, nth: 2, crash: worker }', { send: '{ at: 1s, times: 4 }' }));
    expect(storyOf(trace, 'begun', 'crashed').map((line) => line.split(' ')[1])).toEqual(['begun', 'begun', 'crashed']);
  });
});

describe('a pause', () => {
  it('defers everything and resumes in order, believing that nothing happened', () => {
    const trace = traceOf(
      jobs('{ at: 1500ms, pause: worker, for: 4s }', {
        send: '{ at: 1s }, { at: 2s }, { at: 3s }',
        consumer: ', concurrency: 3',
      }),
    );
    expect(storyOf(trace, 'paused', 'resumed', 'received', 'applied')).toEqual([
      '1.000 received m1 worker',
      '1.500 paused worker',
      '5.500 resumed worker',
      '5.500 received m2 worker',
      '5.500 applied m1 worker',
      '5.500 received m3 worker',
      '7.500 applied m2 worker',
      '7.500 applied m3 worker',
    ]);
  });

  it('beyond the lock makes a zombie: it applies what another has been handed', () => {
    const trace = traceOf(jobs('{ at: 2s, pause: worker-1, for: 15s }', { consumer: ', count: 2' }));
    expect(storyOf(trace, 'applied').map((line) => line.slice(7))).toEqual([
      'applied m1 worker-2',
      'applied m1 worker-1',
    ]);
  });
});

describe('the network', () => {
  it('splits and heals: in between nothing passes, and afterwards all goes on', () => {
    const trace = traceOf(
      jobs('{ at: 0s, split: [[web], [sqs]], heal: 5s }', { send: '{ at: 1s }, { at: 6s }' }).replace(
        '{ to: jobs',
        '{ to: jobs, retries: 0',
      ),
    );
    expect(
      storyOf(trace, 'split', 'healed', 'gave-up', 'confirmed').map((line) => line.split(' ').slice(0, 3).join(' ')),
    ).toEqual(['0.000 split world', '3.000 gave-up m1', '5.000 healed world', '6.000 confirmed m2']);
  });

  it('can lose an ack: the work is done twice, once settled', () => {
    const trace = traceOf(jobs('{ at: 0s, lose: ack, times: 4 }'));
    expect([countOf(trace, 'applied'), countOf(trace, 'acked')]).toEqual([2, 1]);
  });

  it('that is ideal writes no hops into the trace', () => {
    expect(countOf(traceOf(jobs('')), 'sent')).toBe(0);
    expect(countOf(traceOf(jobs('').replace('latency: 0ms', 'latency: 1ms')), 'sent')).toBeGreaterThan(5);
  });
});

const noisy = (more = '') => `
title: Noise
broker: sqs
duration: 2m
queues: { jobs: { VisibilityTimeout: 5s } }
producers: { web: { to: jobs, rate: poisson 5/s, poison: 2% } }
consumers:
  worker: { from: jobs, count: 3, process: exponential 300ms, crash: { probability: 3%, step: applied, restart: 2s } }
${more}
network: { latency: 1ms..20ms, loss: 2%, duplicate: 1% }
`;

describe('a run', () => {
  it('has the same digest twice, and another with another seed', () => {
    const digest = (seed: string) => traceOf(noisy(), { seed }).digest;
    expect(digest('7')).toBe(digest('7'));
    expect(digest('8')).not.toBe(digest('7'));
  });

  it('does not depend on the size of the steps in which it is made', () => {
    const whole = traceOf(noisy());
    const world = new World(scenarioOf(noisy()));
    while (world.step(17));
    expect([world.trace.digest, world.ending]).toEqual([whole.digest, 'duration']);
  });

  it('that ends earlier is the beginning of the longer one', () => {
    const short = traceOf(noisy(), { untilUs: 30_000_000 });
    const long = traceOf(noisy());
    expect(short.count).toBe(long.lastAt(30_000_000));
    for (let id = 1; id <= short.count; id++) expect(short.fact(id)).toEqual(long.fact(id));
  });

  it('is repeated by its tape, under any seed', () => {
    const tape: Decision[] = [];
    const first = traceOf(noisy(), { decider: recorder(seedDecider('7'), tape) });
    const replay = tapeDecider(tape, seedDecider('something else'));
    expect(traceOf(noisy(), { decider: replay }).digest).toBe(first.digest);
    expect([replay.mismatch(), first.digest]).toEqual([null, traceOf(noisy(), { seed: '7' }).digest]);
  });

  it("draws the same for everybody when an actor is added: a newcomer shifts nobody's chance", () => {
    const made = (yaml: string) => {
      const trace = traceOf(yaml);
      return factsOf(trace, 'produced')
        .filter(({ actor }) => trace.actorName(actor) === 'web')
        .map(({ timeUs, detail }) => `${timeUs} ${detail}`);
    };
    const alone = made(noisy());
    expect(alone.length).toBeGreaterThan(400);
    expect(made(noisy().replace('producers: {', 'producers: { another: { to: jobs, rate: poisson 1/s },'))).toEqual(
      alone,
    );
  });

  it('stops at its limits and says at which', () => {
    const limited = (messages: number, facts: number) => run({ ...scenarioOf(noisy()), limits: { messages, facts } });
    expect(limited(10, 1_000_000).ending).toBe('message limit');
    const { trace, ending } = limited(1_000_000, 1000);
    expect(ending).toBe('fact limit');
    expect(trace.count).toBeLessThan(1100);
  });

  it('gives every fact a cause that came before it', () => {
    const trace = traceOf(noisy());
    for (let id = 1; id <= trace.count; id++) expect(trace.cause(id)).toBeLessThan(id);
  });
});
