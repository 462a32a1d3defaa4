/** Dead letters of a Pulsar consumer over a bad network: copy first, ack later, and what lies between the two (P44, P45). */
import { expect, it } from 'vitest';
import { F } from '../../../core/facts.ts';
import { judge } from '../../../sim/checks/index.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../../sim/runs.ts';

it.each([1, 4, 5])(
  'an original that waits when its dead letter is stored has left its subscription (seed %i)',
  (seed) => {
    const scenario = scenarioOf(`
title: A dead letter overtakes
broker: { kind: pulsar, nodes: 2, metadataStoreSessionTimeoutMillis: 6s }
seed: ${seed}
duration: 200s
topics: { jobs: { subscriptions: [worker] } }
producers: { maker: { to: jobs, rate: 2/s, messages: 12, start: 5s, batchingEnabled: false, sendTimeout: 2s } }
consumers:
  worker:
    from: jobs
    count: 3
    process: 200ms
    effect: { insert: results }
    subscriptionType: Shared
    negativeAckRedeliveryDelay: 1s
    ackTimeout: 3s
    deadLetterPolicy: { maxRedeliverCount: 1, initialSubscriptionName: graves }
    crash: { probability: 20%, step: begun, restart: 2s }
network: { latency: 20ms..400ms, loss: 3% }
timeline:
  - { at: 7s, poison: maker, messages: 2 }
  - { at: 60s, fix: worker }
  - { at: 9s, crash: b1, restart: 3s }
`);
    const { trace } = run(scenario);
    const claims = ['at-least-once', 'conservation', 'progress'].map((claim) => ({ claim, scope: '' }));
    expect(judge(trace, scenario, claims).map(({ verdict }) => verdict)).toEqual(['holds', 'holds', 'holds']);
    let buried = false;
    for (let id = 1; id <= trace.count && !buried; id++) buried = trace.kind(id) === F['dead-lettered'];
    expect(buried).toBe(true);
  },
);

it('of a batch, what goes to the retry topic is acked, though transactions ack the rest one by one', () => {
  const scenario = scenarioOf(`
title: A batch in parts
broker: { kind: pulsar, transactionCoordinatorEnabled: true }
duration: 120s
topics: { jobs: { subscriptions: [worker] }, done: { subscriptions: [reader] } }
producers: { maker: { to: jobs, send: [{ at: 5s, poison: true }, { at: 5s }], batchingMaxPublishDelay: 50ms } }
consumers:
  worker:
    from: jobs
    process: 200ms
    effect: { insert: results }
    on-failure: reject
    subscriptionType: Shared
    enableRetry: true
    reconsumeLaterDelay: 2s
    forward.to: done
  reader: { from: done, effect: { insert: read } }
network: { latency: 1ms }
`);
  const { trace } = run(scenario);
  const claims = ['drained', 'at-least-once', 'conservation'].map((claim) => ({ claim, scope: 'jobs' }));
  expect(judge(trace, scenario, claims).map(({ verdict }) => verdict)).toEqual(['holds', 'holds', 'holds']);
});
