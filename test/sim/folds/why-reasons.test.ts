/** Reasons that a fact does not name itself, each looked up in the facts around it: one line of a chain each. */
import { expect, it } from 'vitest';
import type { FactName } from '../../../core/facts.ts';
import { explainWhy } from '../../../sim/folds/why.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../runs.ts';

/** The chain of the last such fact of a run. */
function whyLast(name: FactName, yaml: string): readonly string[] {
  const scenario = scenarioOf(yaml);
  const { trace } = run(scenario);
  let id = trace.count;
  while (id > 0 && trace.name(id) !== name) id--;
  return explainWhy(trace, scenario, id).map(({ sentence }) => sentence);
}

/** The chain of the first such fact of a run. */
function whyFirst(name: FactName, yaml: string): readonly string[] {
  const scenario = scenarioOf(yaml);
  const { trace } = run(scenario);
  let id = 1;
  while (id <= trace.count && trace.name(id) !== name) id++;
  return explainWhy(trace, scenario, id).map(({ sentence }) => sentence);
}

const sqs = (timeline: string): string => `
title: A queue
broker: sqs
duration: 30s
queues:
  jobs: { VisibilityTimeout: 5s, RedrivePolicy: { deadLetterTargetArn: failed, maxReceiveCount: 1 } }
  failed: {}
producers: { maker: { to: jobs, rate: 1/s, messages: 1, start: 1s, poison: 100% } }
consumers: { worker: { from: jobs, process: 1s, on-failure: leave } }
timeline: [${timeline}]
`;

it('a lock ends on what was left as its handler failed: no ack came too late', () => {
  expect(whyLast('lock-expired', sqs(''))[0]).toMatch(
    /^The lock on message 1 ended before worker acked it: worker had failed on it and left it at [\d.]+ s, without a word to the broker\.$/,
  );
});

it('a message is moved back because a line of the timeline asks for it', () => {
  expect(whyLast('redriven', sqs('{ at: 20s, redrive: failed }'))[0]).toContain('line 1 of the timeline');
});

it('what a line of the timeline loses is said once to be lost by it', () => {
  const chain = whyLast('gave-up', sqs('{ at: 0s, lose: request, from: maker, for: 29s }'));
  expect(chain[0]).toMatch(/: the request was lost by line 1 of the timeline, “[^”]+”\.$/);
  expect(chain[1]).toMatch(/was lost by a line of the timeline: line 1, “[^”]+”\.$/);
});

it('a transaction is aborted because its process died and its time was up', () => {
  const chain = whyLast(
    'txn-aborted',
    `
title: A transaction
broker: { kind: pulsar, transactionCoordinatorEnabled: true }
duration: 30s
topics: { jobs: { subscriptions: [worker] } }
producers:
  maker: { to: jobs, rate: 5/s, messages: 6, start: 1s, enableTransaction: true, transactionMessages: 4, transactionTimeout: 5s }
consumers: { worker: { from: jobs } }
timeline: [{ when: appended, nth: 2, crash: maker }]
`,
  );
  expect(chain[0]).toMatch(
    /^The transaction of maker was aborted: its time was up, as maker had crashed at [\d.]+ s\.$/,
  );
  expect(chain[1]).toBe('maker crashed.');
});

const twoGroups = (timeline: string): string => `
title: Two groups of one topic
broker: kafka
duration: 90s
topics: { orders: { partitions: 1 } }
producers: { shop: { to: orders, rate: 1/s, messages: 1, start: 5s } }
consumers:
  billing: { from: orders, process: 10s, auto.offset.reset: earliest, enable.auto.commit: false, session.timeout.ms: 6s }
  analytics: { from: orders, process: 1s, auto.offset.reset: earliest, enable.auto.commit: false, session.timeout.ms: 6s }
network: { links: [{ from: b1, to: analytics, latency: 800ms }] }
timeline: [${timeline}]
`;

it('a record comes again to a group because of what that group was handed, not another', () => {
  const chain = whyLast('delivered', twoGroups('{ at: 8s, crash: billing, restart: 2s }'));
  expect(chain[0]).toMatch(/2nd time: billing had got it at [\d.]+ s, and the group had not committed past it\.$/);
  expect(chain[1]).toMatch(/^orders\/0 was assigned to billing/);
});

const pubsub = (timeline: string): string => `
title: Nobody listens
broker: redis-pubsub
duration: 90s
topics: { news: {} }
producers: { desk: { to: news, rate: 1/s, messages: 1, start: 61s } }
consumers: { screen: { from: news, process: 10ms } }
timeline: [${timeline}]
`;

it('what nobody was there to hear is not lost by a crash that was over long before', () => {
  const crash = '{ at: 10s, crash: redis-pubsub, restart: 2s }';
  const chain = whyLast('lost', pubsub(`${crash}, { at: 60s, crash: screen }`));
  expect(chain[0]).toContain('not subscribed');
  expect(chain.join(' ')).not.toContain('redis-pubsub crashed');
});

it('what a producer forgot as it died is not lost by a broker that had crashed before', () => {
  const chain = whyLast(
    'lost',
    `
title: A row without its message
broker: sqs
duration: 30s
queues: { jobs: {} }
stores: { orders: { write: 2s } }
producers: { maker: { to: jobs, rate: 1/s, messages: 1, start: 9s, effect: { insert: orders }, publish: after-effect } }
consumers: { worker: { from: jobs } }
timeline: [{ at: 2s, crash: sqs, restart: 1s }, { at: 10s, crash: maker }]
`,
  );
  expect(chain.join(' ')).toContain('maker crashed');
  expect(chain.join(' ')).not.toContain('sqs crashed');
});

it('what a broker kept in memory only is lost by its crash', () => {
  const chain = whyLast(
    'lost',
    `
title: Nothing on disk
broker: rabbitmq
duration: 30s
queues: { jobs: { durable: true } }
producers: { maker: { to: jobs, rate: 1/s, messages: 2, delivery_mode: 1 } }
consumers: { worker: { from: jobs, process: 20s, prefetch: 1 } }
timeline: [{ at: 5s, crash: rabbitmq, restart: 1s }]
`,
  );
  expect(chain[0]).toContain('kept in memory only');
  expect(chain[1]).toContain('rabbitmq crashed');
});

const locked = (process: string, timeline: string): string => `
title: A lock that ends
broker: sqs
duration: 60s
queues: { jobs: { VisibilityTimeout: 10s } }
producers: { maker: { to: jobs, rate: 1/s, messages: 1, start: 5s } }
consumers: { worker: { from: jobs, process: ${process} } }
timeline: [${timeline}]
`;
const whyEnded = (process: string, timeline: string): string =>
  whyFirst('lock-expired', locked(process, timeline))[0] ?? '';

it('a short pause is no reason when the work alone outlasts the lock', () => {
  expect(whyEnded('25s', '{ at: 8s, pause: worker, for: 500ms }')).toContain('worker was still at work; it takes 25 s');
});

it.each([
  ['lasts beyond the end of the lock', '8s', '{ at: 6s, pause: worker, for: 20s }', 6],
  ['held the work up before it began', '8s', '{ at: 6s, pause: worker, for: 8s }', 6],
  ['began before the delivery', '1s', '{ at: 3s, pause: worker, for: 30s }', 3],
])('a pause that %s is the reason', (_, process, timeline, from) => {
  expect(whyEnded(process, timeline)).toMatch(new RegExp(`worker was paused for [\\d.]+ s from ${from} s`));
});
