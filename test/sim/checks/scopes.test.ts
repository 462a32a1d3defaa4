/** What a claim is limited to: a breach elsewhere is none of it. And whose settings count: those of the broker that is spoken of. */
import { expect, it } from 'vitest';
import { judge } from '../../../sim/checks/index.ts';
import { exercisable, permits } from '../../../sim/checks/promises.ts';
import { parseScenario } from '../../../sim/scenario/parse.ts';
import type { Scenario } from '../../../sim/scenario/types.ts';
import { build, type Line } from './lines.ts';
import { consumer, producer, scenario } from './scenario.ts';

const judged = (claim: string, scope: string, kind: string, lines: readonly Line[], parts: Partial<Scenario>) => {
  const claims = [{ claim, scope, verdict: 'holds' as const }];
  return judge(build(lines, 90).made.trace, scenario(kind, { ...parts, claims }))[0];
};
const rides: Partial<Scenario> = {
  consumers: { c: consumer({ from: ['rides'], group: 'team' }), d: consumer({ from: ['jobs'], group: 'other' }) },
};
const handed = (m: number): readonly Line[] => ['0 joined b - team c-1 1', `2 delivered b ${m} rides/0 c-1 0 1`];
const opened: readonly Line[] = ['1 txn-begun p - - - 7', '1 produced p 1 - - 100 0', '1 appended b 1 rides/0 - 0 0'];

it.each<readonly [string, readonly Line[]]>([
  [
    'no-fabrication',
    ['0 joined b - team c-1 1', '1 produced p 1 - - 100 0', '2 delivered b 2 rides/0 c-1 0 1', '3 produced p 2'],
  ],
  [
    'confirmed-durable',
    ['1 produced p 1 - - 100 0', '1 appended b 1 rides/0', '1 confirmed p 1 rides/0', '2 lost b 1 rides/0'],
  ],
  [
    'zombie-overlap',
    [
      '0 joined b - team c-1 1',
      '0 joined b - team c-2 1',
      '1 produced p 1',
      '2 begun c-1 1 rides/0',
      '3 begun c-2 1 rides/0',
    ],
  ],
  ['aborted-read', [...opened, ...handed(1), '3 txn-aborted b - - p 7']],
  ['precommitted-read', [...opened, ...handed(1), '3 txn-committed b - - p 7']],
  ['idempotent-produce', ['1 produced p 1', '1 appended b 1 rides/0 - 0 0', '2 appended b 1 rides/0 - 1 0']],
])('%s is told of what it is limited to, and not of anything else', (claim, lines) => {
  const seen = (scope: string) => judged(claim, scope, 'kafka', lines, rides)?.witness.length ?? 0;
  expect(['', 'rides', 'c'].map((scope) => seen(scope) > 0)).toEqual([true, true, true]);
  expect(['jobs', 'd', 'other'].map(seen)).toEqual([0, 0, 0]);
});

it('refuses to limit what is about the whole run', () => {
  const yaml =
    'title: T\nbroker: sqs\nduration: 1s\nqueues: { jobs: {} }\nclaims: [{ claim: conservation, scope: jobs }]\n';
  expect(parseScenario(yaml, { file: 'one.yaml' }).diagnostics.map(({ message }) => message)).toContain(
    '`conservation` is about the whole run.',
  );
});

it('judges nobody’s leaders where none are elected', () => {
  for (const kind of ['sns', 'google-pubsub']) {
    const asked = exercisable(scenario(kind));
    for (const claim of ['single-leader', 'duplicate', 'nonmonotonic-send'] as const)
      expect(asked).not.toContain(claim);
  }
});

it('lets no queue of another broker decide what RabbitMQ keeps', () => {
  const brokers = { broker: { kind: 'rabbitmq', options: {} }, other: { kind: 'sqs', options: {} } };
  const queues = (type: string) => ({
    jobs: { broker: 'broker', options: { 'x-queue-type': type }, bindings: [] },
    more: { broker: 'other', options: {}, bindings: [] },
  });
  const producers = { p: producer({ options: { confirms: true, delivery_mode: 1 } }) };
  const why = (type: string) =>
    permits(scenario('rabbitmq', { brokers, queues: queues(type), producers }), 'confirmed-durable');
  expect(why('quorum')).toBe('');
  expect(why('classic')).toContain('delivery_mode: 1');
});

it('holds a share group to the isolation level of share groups', () => {
  const options = { 'group.type': 'share', 'share.isolation.level': 'read_committed' };
  const consumers = { c: consumer({ from: ['rides'], group: 'team', options }) };
  const lines = [...opened, ...handed(1), '3 txn-aborted b - - p 7'];
  for (const claim of ['aborted-read', 'precommitted-read'])
    expect(judged(claim, '', 'kafka', lines, { consumers })?.verdict).toBe('violated');
});

it('finds two leaders of one epoch though another one led between them', () => {
  const lines = ['1 elected b - rides/0 b 5', '2 elected b - rides/0 b2 6', '3 elected b - rides/0 b2 5'];
  expect(judged('single-leader', '', 'kafka', lines, {})?.verdict).toBe('violated');
});

it('says until when a lock ran that was extended', () => {
  const lines: readonly Line[] = [
    '1 produced p 1',
    '1 appended b 1 jobs',
    '2 delivered b 1 jobs c-1 3000 1',
    '4 extended b 1 jobs c-1 30000',
    '9 delivered b 1 jobs c-2 3000 2',
  ];
  expect(judged('lock-exclusivity', '', 'sqs', lines, {})?.sentence).toContain('ran until 34.000 s');
});
