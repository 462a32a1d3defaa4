import { describe, expect, it } from 'vitest';
import { renderDiagnostics } from '../../../sim/scenario/diagnostics.ts';
import { parseScenario } from '../../../sim/scenario/parse.ts';
import type { Scenario } from '../../../sim/scenario/types.ts';
import { KINDS } from './kinds.ts';

/** The scenario of a text that is right. */
function read(text: string, sets: readonly string[] = []): Scenario {
  const { scenario, diagnostics } = parseScenario(text, { file: 'test.yaml', sets, brokers: KINDS });
  expect(renderDiagnostics(diagnostics)).toBe('');
  if (scenario === null) throw new Error('no scenario, and no diagnostic either');
  return scenario;
}

const SQS = `title: Photos
broker: sqs
duration: 3m
queues: { photo-jobs: { VisibilityTimeout: 45 }, photo-dlq: }
producers:
  upload: { to: photo-jobs, rate: 5/s }
consumers:
  resizer: { from: photo-jobs, count: 3 }
  mailer: { from: photo-dlq }
`;
const sqs = (more: string, sets: readonly string[] = []) => read(`${SQS}${more}`, sets);

const KAFKA = `title: Rides
broker: { kind: kafka, nodes: 3 }
duration: 2h
topics: { rides: { partitions: 6 } }
producers: { dispatch: { to: rides, rate: 5/s } }
consumers: { billing: { from: rides } }
`;

it('reads the page that the design shows, with the brokers that exist', () => {
  const text = `title: A poison message and its dead-letter queue
story: One corrupt image crashes every worker that touches it.
broker: { kind: sqs }
seed: 7
duration: 3m
queues:
  photo-jobs:
    VisibilityTimeout: 30s
    RedrivePolicy: { deadLetterTargetArn: photo-dlq, maxReceiveCount: 5 }
  photo-dlq: {}
producers:
  upload-service: { to: photo-jobs, rate: 5/s, key: user }
consumers:
  resizer: { from: photo-jobs, count: 3, process: 200ms, settle: after-processing, effect: { set: photos } }
network: { latency: 1ms..5ms }
timeline:
  - { at: 20s, poison: upload-service, messages: 1 }
  - { at: 60s, crash: resizer-2, restart: 10s }
claims: [ at-least-once, poison-isolation ]
expect:
  - deadLettered(photo-dlq) == 1
  - max(depth(photo-jobs)) < 50
`;
  const { scenario, diagnostics } = parseScenario(text, { file: 'poison.yaml' });
  expect(renderDiagnostics(diagnostics)).toBe('');
  expect(scenario).toMatchObject({
    seed: '7',
    durationUs: 180_000_000,
    producers: { 'upload-service': { perSecond: 5, key: 'user' } },
    consumers: {
      resizer: { count: 3, process: { type: 'constant', us: 200_000 }, effect: { type: 'set', store: 'photos' } },
    },
    expect: [{ text: 'deadLettered(photo-dlq) == 1' }, { text: 'max(depth(photo-jobs)) < 50' }],
  });
});

describe('an option', () => {
  it('without a unit has the unit of the real one', () => {
    expect(sqs('').queues['photo-jobs']?.options['VisibilityTimeout']).toBe(45_000_000);
  });

  it('that is left out has its default, and a map that is left out is absent', () => {
    expect(sqs('').queues['photo-dlq']?.options).toEqual({ VisibilityTimeout: 30_000_000, FifoQueue: false });
  });

  it('of a fixed choice keeps the type of the choice', () => {
    expect(read(KAFKA, ['producers.dispatch.acks=1']).producers['dispatch']?.options['acks']).toBe(1);
    expect(read(KAFKA, ['producers.dispatch.acks=all']).producers['dispatch']?.options['acks']).toBe('all');
  });

  it('without a limit is −1', () => {
    expect(read(KAFKA, ['topics.rides.retention.ms=never']).topics['rides']?.options['retention.ms']).toBe(-1);
  });
});

describe('a default that depends on the rest:', () => {
  it('a key that is no attribute takes six values', () => {
    const { attributes } = sqs('', ['producers.upload.key=user']).producers['upload'] ?? {};
    expect(attributes?.['user']).toMatchObject({
      values: ['user-1', 'user-2', 'user-3', 'user-4', 'user-5', 'user-6'],
    });
  });

  it('a key that every listed message gives draws nothing', () => {
    const set = 'producers.upload={ to: photo-jobs, key: account, send: [{ at: 1s, account: alice }] }';
    expect(sqs('', [set]).producers['upload']?.attributes).toEqual({});
  });

  it('a group is called like its consumer, and holds what it works on', () => {
    expect(sqs('', ['consumers.resizer.concurrency=4']).consumers['resizer']).toMatchObject({
      group: 'resizer',
      prefetch: 4,
    });
  });

  it('what becomes of a failed delivery is the broker’s custom', () => {
    expect(sqs('').consumers['resizer']?.onFailure).toBe('leave');
    expect(read(KAFKA).consumers['billing']?.onFailure).toBe('requeue');
  });

  it('the prefetch of RabbitMQ is its own option, where 0 is no limit', () => {
    const text =
      'title: a\nbroker: rabbitmq\nduration: 1m\nqueues: { q: {} }\nconsumers: { c: { from: q, concurrency: 2 } }\n';
    expect(read(text).consumers['c']?.prefetch).toBe(1_000_000);
    expect(read(text, ['consumers.c.prefetch=10']).consumers['c']).toMatchObject({
      prefetch: 10,
      options: { prefetch: 10 },
    });
  });

  it('a store exists because an effect names it', () => {
    const { stores } = sqs('', ['consumers.resizer.effect={ increment: photos }']);
    expect(stores).toEqual({
      photos: {
        write: { type: 'constant', us: 1_000 },
        concurrency: 0,
        perSecondMax: null,
        failProbability: 0,
        floor: null,
        idempotency: null,
      },
    });
  });
});

describe('a line of the timeline', () => {
  const action = (line: string, sets: readonly string[] = []) => sqs(`timeline: [${line}]\n`, sets).timeline[0]?.action;

  it('loses one hop, unless a chance or a span is given', () => {
    expect(action('{ at: 1s, lose: ack }')).toMatchObject({ how: 'lose', hops: ['ack'], times: 1, probability: 1 });
    expect(action('{ at: 1s, lose: all, for: 5s }')).toMatchObject({ hops: [], times: 0, forUs: 5_000_000 });
    expect(action('{ at: 1s, lose: [ack, reply], probability: 10% }')).toMatchObject({ times: 0, probability: 0.1 });
  });

  it('splits names or lists of names', () => {
    expect(action('{ at: 1s, split: [resizer, [sqs, upload]] }')).toMatchObject({
      sides: [['resizer'], ['sqs', 'upload']],
    });
  });

  it('says "by" of an actor for a moment, and of a time for a delay', () => {
    const [first, second] = sqs(
      'timeline: [{ when: applied, by: resizer, heal: true }, { when: acked, of: mailer, delay: ack, by: 2s }]\n',
    ).timeline;
    expect(first?.when).toEqual({ type: 'fact', fact: 'applied', actor: 'resizer', message: 0, nth: 1 });
    expect(second).toMatchObject({ when: { actor: 'mailer' }, action: { byUs: 2_000_000 } });
  });

  it('finds the only instance under its number too', () => {
    expect(action('{ at: 1s, crash: mailer-1 }')).toMatchObject({ actors: ['mailer'] });
    expect(action('{ at: 1s, crash: [resizer-1] }')).toMatchObject({ actors: ['resizer-1'] });
    expect(action('{ at: 1s, crash: [resizer-1] }', ['consumers.resizer.count=1'])).toMatchObject({
      actors: ['resizer'],
    });
  });

  it('sets values as the program has them, one entry for each', () => {
    const { timeline } = sqs(
      'timeline: [{ at: 1s, set: { consumers.resizer.process: 2s, queues.photo-jobs.VisibilityTimeout: 5 } }]\n',
    );
    expect(timeline.map((entry) => entry.action)).toEqual([
      { type: 'set', path: ['consumers', 'resizer', 'process'], value: { type: 'constant', us: 2_000_000 } },
      { type: 'set', path: ['queues', 'photo-jobs', 'VisibilityTimeout'], value: 5_000_000 },
    ]);
  });

  it('seeks a time before its own moment, but not before the start', () => {
    const to = (line: string) => read(`${KAFKA}timeline: [${line}]\n`).timeline[0]?.action;
    expect(to('{ at: 90m, seek: billing, to: { time: -1h } }')).toMatchObject({ to: { timeUs: 1_800_000_000 } });
    expect(to('{ at: 10m, seek: billing, to: { time: -1h } }')).toMatchObject({ to: { timeUs: 0 } });
  });

  it('has a label for people', () => {
    const lines =
      '{ at: 1s, crash: [resizer-1, resizer-2], restart: 90s }, { at: 2s, lose: ack, from: resizer, message: 7 }, { at: 3s, burst: upload, rate: 0/s, for: 5s }';
    expect(sqs(`timeline: [${lines}]\n`).timeline.map((entry) => entry.label)).toEqual([
      'resizer-1 and resizer-2 crash, back after 1 m 30 s',
      'the next ack of message 7 from resizer is lost',
      'upload is silent for 5 s',
    ]);
  });
});

it('claims may be short or long', () => {
  const claims =
    '[at-least-once, { key-order: key }, { violated: at-most-once }, { claim: drained, scope: photo-jobs, verdict: not-exercised }]';
  expect(sqs(`claims: ${claims}\n`).claims).toEqual([
    { claim: 'at-least-once', scope: '', verdict: 'holds' },
    { claim: 'key-order', scope: 'key', verdict: 'holds' },
    { claim: 'at-most-once', scope: '', verdict: 'violated' },
    { claim: 'drained', scope: 'photo-jobs', verdict: 'not exercised' },
  ]);
});

it('an ideal network takes no time and loses nothing', () => {
  const { network } = sqs('network: ideal\n');
  expect(network.latency).toEqual({ type: 'constant', us: 0 });
  expect(new Set(Object.values(network.loss))).toEqual(new Set([0]));
});

it('loss may be one chance for all hops, or one for each kind', () => {
  expect(sqs('network: { loss: 1% }\n').network.loss).toMatchObject({ request: 0.01, control: 0.01 });
  expect(sqs('network: { loss: { ack: 1% } }\n').network.loss).toMatchObject({ request: 0, ack: 0.01 });
});

it('markup in a text is text', () => {
  expect(sqs('story: <script>alert(1)</script>\n').story).toBe('<script>alert(1)</script>');
});

it('a producer that makes nothing is worth a warning, not an error', () => {
  const { scenario, diagnostics } = parseScenario(SQS.replace('rate: 5/s', 'count: 1'), {
    file: 'test.yaml',
    brokers: KINDS,
  });
  expect(scenario).not.toBeNull();
  expect(diagnostics).toMatchObject([{ severity: 'warning', line: 6, path: 'producers.upload' }]);
});

it('several mistakes are said at once, in the order of the file', () => {
  const text = SQS.replace('rate: 5/s', 'rate: 5')
    .replace('count: 3', 'count: 0')
    .replace('duration: 3m', 'duration: soon');
  const { diagnostics } = parseScenario(text, { file: 'test.yaml', brokers: KINDS });
  expect(diagnostics.map((diagnostic) => diagnostic.line)).toEqual([3, 6, 8]);
});

it.each([
  ['{ offset: 3 }', [{ line: 8, path: 'timeline.0.to', message: 'Google Pub/Sub has no offsets to seek to.' }]],
  ['{ time: 5s }', []],
])('a subscription of a broker without offsets is sent to %s: %j', (to, expected) => {
  const text = `title: Shipping
broker: google-pubsub
duration: 30s
topics: { orders: {} }
queues: { shipping: { topic: orders } }
producers: { shop: { to: orders, rate: 1/s } }
consumers: { packer: { from: shipping } }
timeline: [{ at: 20s, seek: packer, to: ${to} }]
`;
  expect(parseScenario(text, { file: 'test.yaml' }).diagnostics).toMatchObject(expected);
});

it.each([
  ['to: shipping', 'from: shipping', 'producers.shop.to', 'what it gets is sent to `orders`'],
  ['to: orders', 'from: orders', 'consumers.packer.from', 'consumers take from a subscription'],
  ['to: orders', 'from: shipping, produces: { to: shipping-2 }', 'consumers.packer.produces.to', 'is sent to `made`'],
])('where there are subscriptions, one sends to topics and takes from those: not %s, %s', (to, from, path, hint) => {
  const text = `title: Shipping
broker: google-pubsub
duration: 30s
topics: { orders: {}, made: {} }
queues: { shipping: { topic: orders }, shipping-2: { topic: made } }
producers: { shop: { ${to}, rate: 1/s } }
consumers: { packer: { ${from} } }
`;
  const [only, ...more] = parseScenario(text, { file: 'test.yaml' }).diagnostics;
  expect(more).toEqual([]);
  expect(only).toMatchObject({ path, hint: expect.stringContaining(hint) });
});
