/** Settings that a `set` line changes while the scenario runs: a limit is that of the moment, and a breach is permitted by what held when it came about. */
import { describe, expect, it } from 'vitest';
import { judge, type Verdict } from '../../../sim/checks/index.ts';
import type { Scenario } from '../../../sim/scenario/types.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../runs.ts';
import { build, type Line } from './lines.ts';
import { consumer, producer, scenario } from './scenario.ts';

function verdictOn(yaml: string, claim: string): Verdict | undefined {
  const parsed = scenarioOf(yaml);
  return judge(run(parsed).trace, parsed, [{ claim, scope: '' }])[0];
}

describe('a limit of deliveries', () => {
  const queue = (policy: string, later: string): string => `
title: A limit that changes
broker: sqs
duration: 2min
queues: { jobs: { VisibilityTimeout: 4s${policy} }, failed: {} }
producers: { maker: { to: jobs, rate: 1/s, messages: 3, poison: 100% } }
consumers: { worker: { from: jobs, process: 100ms, on-failure: leave } }
timeline: [{ at: 6s, set: { ${later} } }]
`;
  const redrive = (most: number): string => `RedrivePolicy: { deadLetterTargetArn: failed, maxReceiveCount: ${most} }`;
  const raised = queue(`, ${redrive(2)}`, 'queues.jobs.RedrivePolicy.maxReceiveCount: 5');
  const lowered = queue(`, ${redrive(5)}`, 'queues.jobs.RedrivePolicy.maxReceiveCount: 2');
  const given = queue('', `queues.jobs.${redrive(3)}`);

  it.each([
    ['raised', raised],
    ['lowered', lowered],
    ['given to a bare queue', given],
  ])('that is %s is kept', (_, yaml) => {
    expect(verdictOn(yaml, 'delivery-bound')?.verdict).toBe('holds');
    expect(verdictOn(yaml, 'dead-letter-exactness')?.verdict).toBe('holds');
  });

  const parts: Partial<Scenario> = {
    queues: {
      jobs: { broker: 'broker', options: { RedrivePolicy: { maxReceiveCount: 1 } }, bindings: [] },
      dead: { broker: 'broker', options: {}, bindings: [] },
    },
    timeline: [
      {
        when: { type: 'at', atUs: 0 },
        action: { type: 'set', path: ['queues', 'jobs', 'RedrivePolicy', 'maxReceiveCount'], value: 2 },
        label: '',
      },
    ],
    consumers: { c: consumer() },
  };
  const told = (claim: string, ...lines: readonly Line[]) => {
    const stored: readonly Line[] = ['1 produced p 1 - - 100 0', '1 appended b 1 jobs', '2 delivered b 1 jobs c-1 1 1'];
    return judge(build([...stored, ...lines]).made.trace, scenario('sqs', parts), [{ claim, scope: '' }])[0];
  };

  it('is broken by one delivery more than it allows by then', () => {
    const twice: readonly Line[] = ['3 changed', '4 delivered b 1 jobs c-1 1 2'];
    expect(told('delivery-bound', ...twice)?.verdict).toBe('not exercised');
    const thrice = told('delivery-bound', ...twice, '5 delivered b 1 jobs c-1 1 3');
    expect(thrice).toMatchObject({ verdict: 'violated', sentence: expect.stringContaining('maxReceiveCount: 2') });
  });

  it('does not excuse what went past it before it was raised', () => {
    const judged = told('delivery-bound', '3 delivered b 1 jobs c-1 1 2', '4 changed');
    expect(judged).toMatchObject({ verdict: 'violated', sentence: expect.stringContaining('maxReceiveCount: 1') });
  });

  it('does not bury what had fewer tries than it allows by then', () => {
    const buried: readonly Line[] = ['4 dead-lettered b 1 dead - 2 R:too_many_deliveries', '4 appended b 1 dead'];
    expect(told('dead-letter-exactness', ...buried)?.verdict).toBe('holds');
    expect(told('dead-letter-exactness', '3 changed', ...buried)?.verdict).toBe('violated');
  });
});

describe('a breach', () => {
  const skips = (at: string): string => `
title: From now on let it go
broker: { kind: kafka, nodes: 1 }
duration: 30s
topics: { jobs: { replication.factor: 1 } }
producers: { maker: { to: jobs, rate: 1/s, messages: 5, poison: 100%, start: 1s } }
consumers: { worker: { from: jobs, on-failure: requeue, on-poison: fail, effect: { insert: done }, auto.offset.reset: earliest } }
timeline: [{ at: ${at}, set: { consumers.worker.on-failure: skip } }]
`;

  it('is permitted by what a consumer was told to do by then', () => {
    expect(verdictOn(skips('10s'), 'at-least-once')).toMatchObject({ verdict: 'allowed', setting: 'on-failure: skip' });
  });

  const settings = { 'replication.factor': 3, 'min.insync.replicas': 2 };
  const unclean: Partial<Scenario> = {
    topics: { rides: { broker: 'broker', options: settings, bindings: [] } },
    producers: { p: producer({ to: ['rides'] }) },
    timeline: [
      {
        when: { type: 'at', atUs: 0 },
        action: { type: 'set', path: ['topics', 'rides', 'unclean.leader.election.enable'], value: true },
        label: '',
      },
    ],
  };
  const lost = (...lines: readonly Line[]) => {
    const stored: readonly Line[] = ['1 produced p 1 - - 100 0', '1 appended b 1 rides/0', '1 confirmed p 1 rides/0'];
    return judge(build([...stored, ...lines]).made.trace, scenario('kafka', unclean), [
      { claim: 'confirmed-durable', scope: '' },
    ])[0];
  };

  it('is permitted by a setting that was changed before it, and by none that was changed after it', () => {
    expect(lost('2 changed', '3 lost b 1 rides/0')).toMatchObject({
      verdict: 'allowed',
      setting: 'unclean.leader.election.enable: true',
    });
    expect(lost('2 lost b 1 rides/0', '3 changed')?.verdict).toBe('violated');
  });
});
