/**
 * What the world does with processes, hops and chance: crashes at a step, pauses, splits, lost acks; and that a run is a function of scenario and
 * decisions alone.
 */
import { describe, expect, it } from 'vitest';
import { type Decision, recorder, seedDecider, tapeDecider } from '../../sim/choice.ts';
import { Agenda, EVENT } from '../../sim/clock.ts';
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

describe('a restart', () => {
  const life = (timeline: string) => storyOf(traceOf(jobs(timeline)), 'crashed', 'stopped', 'restarted');

  it('belongs to the crash that announced it: not to one that came after another restart', () => {
    expect(
      life('{ at: 10s, crash: worker, restart: 10s }, { at: 15s, restart: worker }, { at: 18s, crash: worker }'),
    ).toEqual(['10.000 crashed worker', '15.000 restarted worker', '18.000 crashed worker']);
  });

  it('does not come to who is told to stop meanwhile, nor does the end of a stop to who has died since', () => {
    expect(life('{ at: 10s, crash: worker, restart: 10s }, { at: 12s, stop: worker, for: 20s }')).toEqual([
      '10.000 crashed worker',
      '32.000 restarted worker',
    ]);
    expect(
      life('{ at: 10s, stop: worker, for: 20s }, { at: 12s, restart: worker }, { at: 14s, crash: worker }'),
    ).toEqual(['10.000 stopped worker', '12.000 restarted worker', '14.000 crashed worker']);
  });

  it('is not hurried by scaling, and does not bring back who was scaled away', () => {
    const scaled = (count: number) =>
      storyOf(
        traceOf(
          jobs(`{ at: 10s, crash: worker-2, restart: 10s }, { at: 12s, scale: worker, count: ${count} }`, {
            consumer: ', count: 2',
          }),
        ),
        'restarted',
      );
    expect(scaled(3)).toEqual(['20.000 restarted worker-2']);
    expect(scaled(1)).toEqual([]);
  });
});

describe('an orderly stop', () => {
  it('closes connections: a broker hands nothing to who has left', () => {
    // Its fetch waits at the broker for records when it stops.
    const trace = traceOf(`
title: A consumer leaves in good order
broker: kafka
duration: 60s
topics: { orders: { partitions: 1 } }
producers: { shop: { to: orders, rate: 1/s, start: 10s, messages: 3 } }
consumers: { packer: { from: orders, group: packers, fetch.max.wait.ms: 20s } }
network: { latency: 1ms..10ms }
timeline: [{ at: 8s, stop: packer }]`);
    expect(countOf(trace, 'appended')).toBe(3);
    expect(countOf(trace, 'delivered')).toBe(0);
    expect(factsOf(trace, 'unreachable').filter(({ message }) => message > 0)).toEqual([]);
  });
});

describe('a pause', () => {
  it('leaves no time for a goodbye to a process that is to stop meanwhile', () => {
    const leaving = (pause: string) =>
      storyOf(
        traceOf(`
title: Goodbye
broker: kafka
duration: 30s
topics: { jobs: { partitions: 1 } }
producers: { web: { to: jobs, send: [{ at: 1s }] } }
consumers: { worker: { from: jobs, group: workers, count: 2 } }
timeline: [${pause}{ at: 10s, stop: worker-1 }]`),
        'left',
      );
    expect(leaving('')[0]).toMatch(/^10\.0\d+ left/);
    expect(leaving('{ at: 9s, pause: worker-1, for: 5s }, ').join()).not.toMatch(/^10\./);
  });

  it('puts nothing off that is cancelled when it is over', () => {
    const wires: string[] = [];
    const agenda = new Agenda();
    const cancelled = agenda.schedule(10, EVENT.timer, 1, 0, 0, 0, { type: 'cancelled' });
    agenda.schedule(12, EVENT.hop, 1, 2, 0, 0, { type: 'hop' });
    while (agenda.next(20)) agenda.postpone(30);
    agenda.cancel(cancelled);
    while (agenda.next(40)) wires.push(`${agenda.now} ${agenda.taken.wire.type}`);
    expect(wires).toEqual(['30 hop']);
  });

  it('lets nothing be obeyed or noticed before it is over', () => {
    const sent = traceOf(jobs('{ at: 2s, pause: web, for: 5s }, { at: 3s, send: web, messages: 2 }'));
    expect(storyOf(sent, 'produced')).toEqual([
      '1.000 produced m1 web',
      '7.000 produced m2 web',
      '7.000 produced m3 web',
    ]);
    const rabbit = `
title: A broker dies while a worker stands still
broker: rabbitmq
duration: 30s
queues: { jobs: { durable: true } }
producers: { web: { to: jobs, rate: 1/s } }
consumers: { worker: { from: jobs } }
network: { latency: 1ms }
timeline: [{ at: 5s, pause: worker, for: 10s }, { at: 6s, crash: rabbitmq, restart: 1s }]`;
    const lost = factsOf(traceOf(rabbit), 'connection-lost');
    const [first] = lost.filter(({ actor }) => traceOf(rabbit).actorName(actor) === 'worker');
    expect(first?.timeUs).toBe(15_000_000);
  });

  it('is as long as the longest of those that overlap', () => {
    const both =
      '{ at: 2s, pause: worker, for: 5s }, { at: 3s, pause: worker, for: 9s }, { at: 4s, pause: worker, for: 1s }';
    expect(storyOf(traceOf(jobs(both)), 'paused', 'resumed')).toEqual([
      '2.000 paused worker',
      '3.000 paused worker',
      '12.000 resumed worker',
    ]);
  });

  it('that ends by a crash lets go of what was put off', () => {
    const trace = traceOf(
      jobs('{ at: 1500ms, pause: worker, for: 20s }, { at: 5s, crash: worker, restart: 1s }', {
        send: '{ at: 1s }, { at: 30s }',
      }),
    );
    expect(storyOf(trace, 'begun', 'resumed')).toEqual([
      '1.000 begun m1 worker',
      '11.000 begun m1 worker',
      '30.000 begun m2 worker',
    ]);
  });

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

  it('slows by the line that began last, until it ends, and then by the one before', () => {
    const trace = traceOf(
      jobs('{ at: 0s, slow: worker, factor: 3, for: 10s }, { at: 5s, slow: worker, factor: 5, for: 20s }', {
        send: '{ at: 1s }, { at: 12s }, { at: 30s }',
      }),
    );
    expect(factsOf(trace, 'slowed').map(({ timeUs, value }) => [timeUs / 1e6, value / 100])).toEqual([
      [0, 3],
      [5, 5],
      [10, 5],
      [25, 1],
    ]);
    expect(storyOf(trace, 'applied')).toEqual(
      ['7.000 applied m1', '22.000 applied m2', '32.000 applied m3'].map((line) => `${line} worker`),
    );
  });

  it('tells how slow somebody is as the line says it, to two decimals', () => {
    const trace = traceOf(jobs('{ at: 0s, slow: worker, factor: 1.15 }'));
    expect(factsOf(trace, 'slowed').map(({ id }) => trace.sentence(id))).toEqual(['worker works 1.15 times as long.']);
  });

  it('can lose an ack: the work is done twice, once settled', () => {
    const trace = traceOf(jobs('{ at: 0s, lose: ack, times: 4 }'));
    expect([countOf(trace, 'applied'), countOf(trace, 'acked')]).toEqual([2, 1]);
  });

  it('that is ideal keeps the order on a link, too: what comes after a late hop waits for it', () => {
    const timeline = '{ at: 0s, delay: request, by: 1500ms }';
    const stored = (latency: string) =>
      storyOf(traceOf(jobs(timeline, { send: '{ at: 1s }, { at: 2s }' }).replace('latency: 0ms', latency)), 'appended');
    expect(stored('latency: 1ms').map((line) => line.split(' ')[2])).toEqual(['m1', 'm2']);
    expect(stored('latency: 0ms')).toEqual(['2.500 appended m1 sqs', '2.500 appended m2 sqs']);
  });

  it('that is ideal leaves a fact for each message of a hop with several: so that each is seen on its way', () => {
    const trace = traceOf(`
title: A batch
broker: kafka
duration: 10s
topics: { jobs: { partitions: 1 } }
producers: { web: { to: jobs, send: [{ at: 1s, times: 3 }], linger.ms: 100ms } }
consumers: { worker: { from: jobs, auto.offset.reset: earliest } }
network: { latency: 0ms }`);
    const requests = factsOf(trace, 'sent').filter(
      ({ actor, detail }) => detail === 0 && trace.actorName(actor) === 'web',
    );
    expect(requests.map(({ message }) => message)).toEqual([1, 2, 3]);
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

  it('draws work for each message and attempt, whichever instance of a consumer gets it', () => {
    const work = (count: number) => {
      const trace = traceOf(`
title: Work
broker: sqs
duration: 5m
queues: { jobs: {} }
producers: { web: { to: jobs, rate: 2/s, messages: 20 } }
consumers: { worker: { from: jobs, count: ${count}, process: 200ms..2s } }`);
      return factsOf(trace, 'begun')
        .map(({ message, value }) => `m${message} ${value} ms`)
        .sort();
    };
    expect(work(1)).toHaveLength(20);
    expect(work(3)).toEqual(work(1));
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

  it('draws the same for a rule of the timeline when an actor is added or a line is written above it', () => {
    const lost = (yaml: string) =>
      factsOf(traceOf(yaml), 'sent')
        .filter(({ detail, timeUs }) => detail >> 3 === 3 && timeUs < 45_000_000)
        .map(({ message }) => message);
    const yaml = jobs('{ at: 0s, lose: request, probability: 40% }', { send: '{ at: 1s, times: 40 }' });
    const plain = lost(yaml);
    expect(plain.length).toBeGreaterThan(10);
    expect(lost(yaml.replace('timeline: [', 'timeline: [{ at: 50s, lose: ack, times: 1 }, '))).toEqual(plain);
    const auditor = yaml
      .replace('queues: {', 'queues: { reports: {},')
      .replace('consumers: {', 'consumers: { auditor: { from: reports },');
    expect(lost(auditor)).toEqual(plain);
  });

  it('stops beyond its limits and says at which', () => {
    const limited = (messages: number, facts: number) => run({ ...scenarioOf(noisy()), limits: { messages, facts } });
    const whole = run(scenarioOf(noisy())).trace;
    expect(limited(whole.messageCount, whole.count).ending).toBe('duration');
    expect(limited(whole.messageCount - 1, whole.count).ending).toBe('message limit');
    expect(limited(whole.messageCount, whole.count - 1).ending).toBe('fact limit');
    expect(limited(10, 1_000_000).ending).toBe('message limit');
    const { trace, ending } = limited(1_000_000, 1000);
    expect(ending).toBe('fact limit');
    expect(trace.count).toBeLessThan(1100);
  });

  it('ends where time stands still: a client that waits for nothing, on a network without latency', () => {
    const asking = `
title: Asking
broker: kafka
duration: 10s
topics: { jobs: { partitions: 1 } }
producers: { web: { to: jobs, send: [{ at: 1s }] } }
consumers: { worker: { from: jobs, group: workers, fetch.max.wait.ms: 0 } }
network: ideal`;
    expect(run(scenarioOf(asking)).ending).toBe('standstill');
    expect(run(scenarioOf(asking.replace('network: ideal', 'network: { latency: 5ms }'))).ending).toBe('duration');
  });

  it('gives every fact a cause that came before it', () => {
    const trace = traceOf(noisy());
    for (let id = 1; id <= trace.count; id++) expect(trace.cause(id)).toBeLessThan(id);
  });
});

describe('a setting that changes', () => {
  const begunAndApplied = (timeline: string, more = {}) =>
    storyOf(traceOf(jobs(timeline, more)), 'begun', 'applied').map((line) => line.split(' ')[0]);

  it('holds from its moment on, also for who is down meanwhile', () => {
    const two = { send: '{ at: 1s }, { at: 10s }' };
    expect(begunAndApplied('{ at: 5s, set: { consumers.worker.process: 500ms } }', two)).toEqual([
      '1.000',
      '3.000',
      '10.000',
      '10.500',
    ]);
    const down = '{ at: 4s, crash: worker, restart: 4s }, { at: 5s, set: { consumers.worker.process: 500ms } }';
    expect(begunAndApplied(down, two).slice(2)).toEqual(['10.000', '10.500']);
  });

  it('holds for an instance that is added later', () => {
    const lines =
      '{ at: 500ms, set: { consumers.worker.process: 500ms } }, { at: 2s, scale: worker, count: 2 }, { at: 3s, stop: worker-1 }';
    const trace = traceOf(jobs(lines, { send: '{ at: 4s }' }));
    expect(storyOf(trace, 'begun', 'applied')).toEqual(['4.000 begun m1 worker-2', '4.500 applied m1 worker-2']);
  });

  it('a repaired handler is that of an instance that is added later, too', () => {
    const lines = (fix: string) =>
      `{ at: 500ms, poison: web, messages: 1 }, ${fix}{ at: 2s, scale: worker, count: 2 }, { at: 3s, stop: worker-1 }`;
    const story = (fix: string) =>
      storyOf(traceOf(jobs(lines(fix), { send: '{ at: 4s }' })), 'applied', 'failed')[0]
        ?.split(' ')
        .slice(1);
    expect(story('{ at: 1s, fix: worker }, ')).toEqual(['applied', 'm1', 'worker-2']);
    expect(story('')).toEqual(['failed', 'm1', 'worker-2']);
  });

  it('gives a producer another rate at once, and not before it starts', () => {
    const rated = (at: string, start: string) =>
      factsOf(
        traceOf(
          jobs(`{ at: ${at}, set: { producers.web.rate: 2/s } }`).replace(
            'send: [{ at: 1s }]',
            `rate: 1/s, start: ${start}, stop: 12s`,
          ),
        ),
        'produced',
      ).map(({ timeUs }) => timeUs / 1e6);
    expect(rated('9200ms', '7s')).toEqual([8, 9, 9.7, 10.2, 10.7, 11.2, 11.7]);
    expect(rated('2s', '10s')).toEqual([10.5, 11, 11.5]);
  });

  it('lets a store refuse', () => {
    const text = jobs('{ at: 2s, set: { stores.rows.fail: 100% } }', {
      send: '{ at: 1s }, { at: 4s }',
      consumer: ', effect: { set: rows }',
    });
    const trace = traceOf(text.replace('process: 2s', 'process: 500ms'));
    expect(countOf(trace, 'applied')).toBe(1);
    expect(countOf(trace, 'failed')).toBeGreaterThan(0);
  });
});

describe('a line that adds or cuts off', () => {
  const until = (text: string, atUs: number) => {
    const trace = traceOf(text);
    return factsOf(trace, 'produced', 'received', 'begun', 'applied', 'acked', 'started')
      .filter(({ timeUs }) => timeUs < atUs)
      .map(({ name, timeUs, actor }) => `${timeUs} ${name} ${trace.actorName(actor)}`);
  };

  it('changes nothing before its moment, not even the name of the only instance', () => {
    const text = (timeline: string) =>
      jobs(timeline, { send: '{ at: 1s, times: 3 }' }).replace('latency: 0ms', 'latency: 1ms..50ms');
    expect(until(text('{ at: 3s, scale: worker, count: 2 }'), 3e6)).toEqual(until(text(''), 3e6));
  });

  it('means the first instance alone by its number, when there are others', () => {
    const lines = '{ at: 2s, scale: worker, count: 2 }, { at: 3s, crash: worker-1 }';
    expect(storyOf(traceOf(jobs(lines)), 'crashed')).toEqual(['3.000 crashed worker']);
    const cut = '{ at: 2s, scale: worker, count: 2 }, { at: 3s, lose: all, from: worker-1, for: 10s }';
    const trace = traceOf(jobs(cut).replace('latency: 0ms', 'latency: 1ms'));
    const lost = factsOf(trace, 'sent').filter(({ detail, timeUs }) => detail >> 3 === 3 && timeUs < 45_000_000);
    expect(new Set(lost.map(({ actor }) => trace.actorName(actor)))).toEqual(new Set(['worker']));
  });

  it('scales the only instance away, and back', () => {
    const lines = '{ at: 4s, scale: worker, count: 0 }, { at: 8s, scale: worker, count: 1 }';
    expect(storyOf(traceOf(jobs(lines)), 'stopped', 'restarted')).toEqual([
      '4.000 stopped worker',
      '8.000 restarted worker',
    ]);
  });

  it('isolates a node from everybody until it heals', () => {
    const text = jobs('{ at: 500ms, isolate: sqs, heal: 5s }', { send: '{ at: 1s }, { at: 8s }' }).replace(
      'latency: 0ms',
      'latency: 1ms',
    );
    const trace = traceOf(text);
    expect(storyOf(trace, 'split', 'healed')).toEqual(['0.500 split world', '5.500 healed world']);
    const during = factsOf(trace, 'sent').filter(({ timeUs }) => timeUs > 500_000 && timeUs < 5_500_000);
    expect(during.length).toBeGreaterThan(0);
    expect(during.every(({ detail }) => detail >> 3 === 2)).toBe(true);
    const [first] = factsOf(trace, 'appended');
    expect(first?.timeUs).toBeGreaterThan(5_500_000);
  });
});

it('a part of a policy changes alone: the limit of receives, not the dead-letter queue', () => {
  const text = jobs('{ at: 2s, set: { queues.jobs.RedrivePolicy.maxReceiveCount: 1 } }')
    .replace(
      'VisibilityTimeout: 10s',
      'VisibilityTimeout: 3s, RedrivePolicy: { deadLetterTargetArn: dead, maxReceiveCount: 5 }',
    )
    .replace('queues: {', 'queues: { dead: {},')
    .replace('process: 2s', 'process: 2s, fail: 100%');
  const trace = traceOf(text);
  expect(storyOf(trace, 'dead-lettered')).toEqual(['4.000 dead-lettered m1 sqs']);
});
