import { expect, it } from 'vitest';
import type { Json } from '../../../sim/conform/case.ts';
import { conform, conforms } from '../../../sim/conform/index.ts';

/** One SQS script of a single queue `q`. */
const sqsCase = (steps: Json, expected: Json): Json => ({
  system: 'sqs',
  kind: 'script',
  cases: [{ id: 'one', input: { queues: { q: { VisibilityTimeout: 5 } }, steps }, expected }],
});
const send = { t: 0, op: 'SendMessage', args: { QueueUrl: 'q', MessageBody: 'm' } };
const receive = (t: number, more: Json = {}): Json => ({
  t,
  op: 'ReceiveMessage',
  args: { QueueUrl: 'q', ...(more as object) },
  as: `r${t}`,
});
const run = (content: Json) => {
  const report = conform([{ file: 'cases.json', content }]);
  const [system] = Object.values(report);
  if (system === undefined) throw new Error('no system');
  return { report, ...system };
};

it('passes what the machine does', () => {
  const { passed, failed } = run(
    sqsCase([send, receive(0), receive(4), receive(5)], {
      r0: { bodies: ['m'] },
      r4: { bodies: [] },
      r5: { bodies: ['m'] },
    }),
  );
  expect([passed, failed]).toEqual([1, 0]);
});

it('tells where a failing case differs, and that the files do not conform', () => {
  const { report, failures } = run(sqsCase([send, receive(0)], { r0: { bodies: ['other'] } }));
  expect(failures).toEqual([
    { file: 'cases.json', id: 'one', expected: 'r0.bodies: ["other"]', actual: 'r0.bodies: ["m"]' },
  ]);
  expect(conforms(report)).toBe(false);
});

it.each<[string, Json]>([
  ['an action', sqsCase([{ t: 0, op: 'TagQueue', args: { QueueUrl: 'q' } }], {})],
  ['an argument', sqsCase([send, receive(0, { Colour: 'red' })], { r0: { bodies: ['m'] } })],
  ['a field of the result', sqsCase([send, receive(0)], { r0: { bodies: ['m'], colour: 'red' } })],
  ['a check of the whole', sqsCase([send], { $colour: ['red'] })],
  ['a kind', { system: 'sqs', kind: 'painting', cases: [{ id: 'one' }] }],
  ['an empty expectation', sqsCase([send], {})],
  ['a system', { system: 'carrier-pigeon', kind: 'script', cases: [{ id: 'one' }] }],
  ['a file of something else', { colour: 'red' }],
  ['a recorded step', { id: 'one', system: 'sqs-moto', script: { steps: [{ op: 'paint' }] }, observed: [] }],
  ['a Kafka input', { broker: 'kafka', area: 'retention', cases: [{ id: 'one', input: { colour: 1 }, expected: {} }] }],
  [
    'a Kafka expectation',
    { broker: 'kafka', area: 'murmur2', cases: [{ id: 'one', input: { utf8: 'k' }, expected: { colour: 1 } }] },
  ],
])('leaves a case unknown for %s that the runner does not know', (_, content) => {
  const { report, passed, failed, unknown } = run(content);
  expect([passed, failed, unknown]).toEqual([0, 0, 1]);
  expect(conforms(report)).toBe(false);
});

it('runs a RabbitMQ case for every queue type and version of its profile', () => {
  const publish = { op: 'basic.publish', exchange: '', routing_key: 'q', body: 'm' };
  const steps = [{ op: 'queue.declare', queue: 'q' }, publish, { op: 'drain', queue: 'q', as: 'd' }];
  const document = (server: string): Json => ({
    system: 'rabbitmq',
    kind: 'script',
    cases: [
      { id: 'one', profile: { queue_type: ['classic', 'quorum'], server }, input: { steps }, expected: { d: [] } },
    ],
  });
  expect(run(document('4.0-4.2')).failures[0]?.expected).toContain('d (classic, 4.0)');
  expect(run(document('4.3+')).failures[0]?.expected).toBe('d (classic, 4.3): []; d (quorum, 4.3): []');
  expect(run(document('newest')).unknown).toBe(1);
});

it('fails a RabbitMQ case in which a step is refused that nobody looks at', () => {
  const content: Json = {
    system: 'rabbitmq',
    kind: 'script',
    cases: [
      {
        id: 'one',
        input: {
          steps: [
            { op: 'queue.bind', queue: 'q', exchange: 'none', routing_key: '' },
            { op: 'drain', queue: 'q', as: 'd' },
          ],
        },
        expected: { d: [] },
      },
    ],
  };
  expect(run(content).failed).toBe(1);
});

it('compares a recorded time loosely and what was unstable not at all', () => {
  const steps = [
    { op: 'createQueue', queue: 'q' },
    { op: 'receive', queue: 'q', waitSeconds: 2, as: 'r' },
    { op: 'wait', ms: 2500 },
  ];
  const recording = (after: Json): Json => ({
    id: 'one',
    system: 'sqs-moto',
    script: { steps },
    observed: [{ step: 2, replies: { r: { messages: [], after } } }],
  });
  expect(run(recording({ $ms: [2040, 2060] })).passed).toBe(1);
  expect(run(recording({ $ms: [2400, 2500] })).failed).toBe(1);
  expect(run(recording({ $unstable: [1, 2, 3] })).passed).toBe(1);
});
