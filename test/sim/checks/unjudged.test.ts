/** Where a broker is not judged for a claim, that is said; nothing is said of what did or did not happen there. */
import { describe, expect, it } from 'vitest';
import { claimsOf, judge } from '../../../sim/checks/index.ts';
import { promises } from '../../../sim/checks/promises.ts';
import type { Scenario } from '../../../sim/scenario/types.ts';
import { run } from '../../../sim/world.ts';
import { countOf, scenarioOf } from '../runs.ts';
import { build } from './lines.ts';
import { consumer, scenario } from './scenario.ts';

const sentenceOf = (kind: string, claim: string, scope = '', parts: Partial<Scenario> = {}): string => {
  const { made } = build(['1 started b']);
  return judge(made.trace, scenario(kind, parts), [{ claim, scope }])[0]?.sentence ?? '';
};

it.each([
  ['pulsar', 'partition-order', 'Pulsar'],
  ['redis-streams', 'poll-skip', 'Redis Streams'],
  ['kafka', 'lock-exclusivity', 'Kafka'],
  ['google-pubsub', 'fifo-group-order', 'Google'],
  ['direct', 'commit-safety', 'Direct call'],
])('says of %s that %s is not judged of it', (kind, claim, name) => {
  expect(sentenceOf(kind, claim)).toMatch(new RegExp(`^This is not judged of ${name}[^:]*: .*\\.$`));
});

it('says of a broker that is judged what did not happen', () => {
  expect(sentenceOf('kafka', 'partition-order')).toContain('Nothing in this run could have broken it');
  expect(sentenceOf('kafka', 'delivery-bound', '', SHARED)).toContain('Nothing in this run could have broken it');
});

const SHARED: Partial<Scenario> = { consumers: { c: consumer({ options: { 'group.type': 'share' } }) } };

it('speaks of the broker that the scope names, where there are several', () => {
  const two: Partial<Scenario> = {
    brokers: { broker: { kind: 'kafka', options: {} }, other: { kind: 'sqs', options: {} } },
    queues: { jobs: { broker: 'other', options: {}, bindings: [] } },
  };
  expect(sentenceOf('kafka', 'commit-safety', 'jobs', two)).toContain('not judged of');
  expect(sentenceOf('kafka', 'commit-safety', '', two)).toContain('Nothing in this run');
});

describe('a stream of RabbitMQ', () => {
  const system = `
title: A stream
broker: rabbitmq
duration: 60s
queues: { events: { x-queue-type: stream } }
producers: { maker: { to: events, rate: 2/s, start: 2s, messages: 10, confirms: true } }
consumers: { worker: { from: events, process: 100ms, effect: { insert: rows }, x-stream-offset: first } }
timeline: [{ when: begun, nth: 5, crash: worker, restart: 2s }]
`;

  it('is judged as a log, and not for locks that it has not', () => {
    const read = scenarioOf(system);
    const { trace } = run(read);
    expect(countOf(trace, 'delivered')).toBeGreaterThan(10);
    const verdicts = new Map(judge(trace, read, claimsOf(read)).map(({ claim, verdict }) => [claim, verdict]));
    expect(verdicts.get('replay-fidelity')).toBe('holds');
    expect(verdicts.get('unseen')).toBe('holds');
    expect(verdicts.get('partition-order')).toBe('holds');
    expect(verdicts.has('lock-exclusivity')).toBe(false);
    const [asked] = judge(trace, read, [{ claim: 'no-early-redelivery', scope: '' }]);
    expect(asked?.sentence).toContain('not judged of RabbitMQ');
  });

  it('promises one copy of a message only to publishers that never retry', () => {
    expect(promises(scenarioOf(system))).not.toContain('duplicate');
    expect(promises(scenarioOf(system.replace('confirms: true', 'confirms: false')))).toContain('duplicate');
  });
});

it('judges the locks and the limit of share groups, and promises them', () => {
  expect(promises(scenario('kafka', SHARED))).toEqual(
    expect.arrayContaining(['lock-exclusivity', 'no-early-redelivery', 'stale-ack-fencing', 'delivery-bound']),
  );
});

it('takes a stream’s confirmation for no offset: the publisher is told none', () => {
  const parts: Partial<Scenario> = {
    queues: { 'rides/0': { broker: 'broker', options: { 'x-queue-type': 'stream' }, bindings: [] } },
  };
  const { made } = build([
    '1 produced p 1 - - 100 0',
    '1 appended b 1 rides/0 - 0 0',
    '1 confirmed p 1 rides/0',
    '2 produced p 2 - - 100 0',
    '2 appended b 2 rides/0 - 1 0',
    '2 confirmed p 2 rides/0',
  ]);
  const [judged] = judge(made.trace, scenario('rabbitmq', parts), [{ claim: 'inconsistent-offsets', scope: '' }]);
  expect(judged?.verdict).toBe('not exercised');
});
