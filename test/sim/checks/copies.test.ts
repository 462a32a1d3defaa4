/** Messages that stand somewhere twice, because their producer sent them again: which copy a fact is about is not recorded, and no check may take it for the other. */
import { expect, it } from 'vitest';
import { judge, type Verdict } from '../../../sim/checks/index.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../runs.ts';
import { build } from './lines.ts';
import { scenario as bare } from './scenario.ts';

function verdictOn(yaml: string, claim: string): Verdict | undefined {
  const scenario = scenarioOf(yaml);
  return judge(run(scenario).trace, scenario, [{ claim, scope: '' }])[0];
}

it('balances the books of a queue when an old receipt deletes the copy that was ready, not the one in flight', () => {
  const system = `
title: A slow queue and an outbox
broker: sqs
duration: 60s
queues: { jobs: { VisibilityTimeout: 15s } }
stores: { results: { write: 50ms, concurrency: 4 } }
producers:
  maker: { to: jobs, rate: 2/s, messages: 5, start: 5s, effect: { insert: orders }, publish: outbox }
consumers:
  worker:
    from: jobs
    process: 200ms
    settle: before-processing
    effect: { insert: results }
    dedup: { window: 10m, durable: true }
    fail: 20%
    prefetch: 10
    write-timeout: 500ms
    retry: { attempts: 3, backoff: 1s, growth: exponential, max: 10s, jitter: none }
network: { latency: 10ms..300ms }
seed: 0
timeline:
  - { at: 0s, slow: sqs, factor: 8, for: 13s }
  - { at: 9s, slow: results, factor: 10, for: 10s }
`;
  expect(verdictOn(system, 'conservation')?.verdict).toBe('holds');
});

it('balances the books of a stream when what is trimmed is the copy in flight', () => {
  const system = `
title: A short stream
broker: { kind: redis-streams, appendonly: yes }
duration: 60s
topics: { jobs: { MAXLEN: 3, references: DELREF }, failed: {} }
producers: { maker: { to: jobs, rate: 2/s, messages: 4, start: 5s } }
consumers:
  worker: { from: jobs, process: 200ms, effect: { insert: results }, min-idle-time: 3s, claim-interval: 2s, prefetch: 1 }
network: { latency: 1ms..5ms }
seed: 0
timeline: [{ when: appended, nth: 1, of: redis-streams, pause: redis-streams, for: 2500ms }]
`;
  expect(verdictOn(system, 'conservation')?.verdict).toBe('holds');
});

it('knows which copy in a log was compacted away before the commit that passes it', () => {
  const system = `
title: A compacted log of retries
broker: { kind: kafka, nodes: 1 }
duration: 60s
topics:
  jobs: { partitions: 1, cleanup.policy: compact, segment.bytes: 4096, min.cleanable.dirty.ratio: 0 }
producers:
  maker: { to: jobs, rate: 2/s, messages: 11, start: 5s, key: user, attributes: { user: 1 }, enable.idempotence: false }
consumers:
  worker:
    from: jobs
    process: 1s
    effect: { insert: results }
    on-failure: leave
    enable.auto.commit: false
    auto.offset.reset: earliest
    max.poll.interval.ms: 8s
network: { latency: 1ms..5ms }
seed: 0
timeline:
  - { at: 6s, poison: maker, messages: 1 }
  - { at: 45s, fix: worker }
  - { at: 0s, lose: request, probability: 30%, for: 10s }
  - { when: begun, nth: 7, lose: request, times: 1, for: 20s }
  - { at: 2s, lose: reply, probability: 30%, for: 10s }
`;
  expect(verdictOn(system, 'commit-safety')?.verdict).toBe('holds');
});

const FANOUT = `
title: Two queues of one exchange
broker: rabbitmq
duration: 30s
exchanges: { orders: { type: fanout } }
queues:
  billing: { durable: true, bindings: [{ exchange: orders }] }
  shipping: { durable: true, bindings: [{ exchange: orders }] }
producers: { shop: { to: orders, rate: 1/s, messages: 5, confirms: true, delivery_mode: 2, retries: 5 } }
consumers:
  biller: { from: billing, effect: { insert: invoices } }
  packer: { from: shipping, effect: { insert: parcels } }
timeline: [{ when: appended, message: 3, crash: rabbitmq, restart: 2s }]
`;

it('looks in each of two queues for itself whether a retry stored the message again', () => {
  expect(verdictOn(FANOUT, 'confirmed-durable')).toMatchObject({ verdict: 'holds' });
});

it('takes what one queue stored again for no copy of what another lost', () => {
  const lines = [
    '1 appended b 1 jobs',
    '1 appended b 1 dead',
    '2 confirmed p 1',
    '*3 lost b 1 dead',
    '4 appended b 1 jobs',
  ];
  const { made, marked } = build(['1 produced p 1 - - 100 0', ...lines], 90);
  const [judged] = judge(made.trace, bare('rabbitmq'), [{ claim: 'confirmed-durable', scope: '' }]);
  expect(judged).toMatchObject({ verdict: 'violated', witness: expect.arrayContaining([...marked]) });
});

it('balances the books of a queue whose dead letters go to two others', () => {
  const system = `
title: A dead letter and its file copy
broker: rabbitmq
duration: 60s
exchanges: { graves: { type: fanout } }
queues:
  jobs: { x-message-ttl: 1s, x-dead-letter-exchange: graves }
  late: { bindings: [{ exchange: graves }] }
  file: { bindings: [{ exchange: graves }] }
producers: { maker: { to: jobs, rate: 5/s, messages: 3 } }
consumers: { worker: { from: late, effect: { insert: results } } }
`;
  expect(verdictOn(system, 'conservation')?.verdict).toBe('holds');
});
