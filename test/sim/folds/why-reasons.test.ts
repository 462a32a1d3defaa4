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
