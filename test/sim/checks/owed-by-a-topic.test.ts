/** A topic owes a message to a queue of another broker until that has it, or the topic gives up. */
import { describe, expect, it } from 'vitest';
import { judge } from '../../../sim/checks/index.ts';
import { ledgerTotals } from '../../../sim/folds/ledger.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../runs.ts';

const yaml = (loyalty: string, timeline: string): string => `
title: A topic and two queues
brokers: { news: sns, work: sqs }
duration: 90s
topics: { orders: { broker: news, subscriptions: { billing: {}, loyalty: ${loyalty} } } }
queues: { billing: { broker: work }, loyalty: { broker: work }, undelivered: { broker: work } }
producers: { shop: { broker: news, to: orders, rate: 1/s, messages: 10 } }
consumers:
  biller: { broker: work, from: billing, process: 10ms, effect: { insert: invoices } }
  points: { broker: work, from: loyalty, process: 10ms, effect: { insert: points-given } }
timeline: [${timeline}]
`;

/** The queue takes nothing until somebody opens the door, and moves there what went to the dead-letter queue meanwhile. */
const BROUGHT_IN = `
  { at: 30s, set: { topics.orders.subscriptions.loyalty.queue-policy: true } }, { at: 31s, redrive: undelivered, to: loyalty }`;

function outcome(loyalty: string, timeline = ''): { verdict: string; lost: number; deadLettered: number } {
  const scenario = scenarioOf(yaml(loyalty, timeline));
  const { trace } = run(scenario);
  const [verdict] = judge(trace, scenario, [{ claim: 'at-least-once', scope: '' }]);
  const { lost, deadLettered } = ledgerTotals(trace, scenario);
  return { verdict: verdict?.verdict ?? '', lost, deadLettered };
}

describe('at-least-once behind a topic', () => {
  it('is open while the queues are down: nothing is lost yet', () => {
    expect(outcome('{}', '{ at: 5s, crash: work }')).toMatchObject({ verdict: 'undecided', lost: 0 });
  });

  it('holds when they come back, since the topic tries again', () => {
    expect(outcome('{}', '{ at: 5s, crash: work, restart: 20s }')).toMatchObject({ verdict: 'holds', lost: 0 });
  });

  it('holds for what went to the dead-letter queue of the subscription', () => {
    const locked = '{ queue-policy: false, RedrivePolicy: { deadLetterTargetArn: undelivered } }';
    expect(outcome(locked)).toMatchObject({ verdict: 'holds', deadLettered: 10 });
  });

  it('takes nothing for a dead letter that was also acked when it is brought in later', () => {
    const locked = '{ queue-policy: false, RedrivePolicy: { deadLetterTargetArn: undelivered } }';
    const scenario = scenarioOf(yaml(locked, BROUGHT_IN));
    const [verdict] = judge(run(scenario).trace, scenario, [{ claim: 'dead-letter-exactness', scope: '' }]);
    expect(verdict).toMatchObject({ verdict: 'holds', sentence: expect.stringContaining('10 times') });
  });

  it('is broken only by the stated policy when the topic discards what it cannot deliver', () => {
    expect(outcome('{ queue-policy: false }')).toMatchObject({ verdict: 'allowed', lost: 0 });
  });
});
