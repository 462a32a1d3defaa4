/**
 * Queueing theory as a referee: systems whose averages are known in closed form, run through SQS on an ideal network. Tolerances are about three
 * standard errors of the mean over the seeds. The runs are deterministic: they do not pass today and fail tomorrow.
 */
import { describe, expect, it } from 'vitest';
import { F } from '../../core/facts.ts';
import type { Trace } from '../../sim/trace.ts';
import { countOf, traceOf } from './runs.ts';

/** Poisson arrivals, exponential work of 1 s on average, `servers` consumers with one message each; load 0.8. */
const station = (servers: number, messages: number) => `
title: M/M/${servers}
broker: sqs
duration: ${Math.floor(messages / (0.8 * servers)) + 4000}s
queues: { jobs: { VisibilityTimeout: 12h } }
producers: { source: { to: jobs, rate: poisson ${0.8 * servers}/s, messages: ${messages} } }
consumers: { server: { from: jobs, count: ${servers}, process: exponential 1s } }
network: { latency: 0ms }
`;

interface Averages {
  /** From the sending to the beginning of the work, in seconds. */
  readonly wait: number;
  /** From the sending to the end of the work, in seconds. */
  readonly stay: number;
  /** Messages in the system, averaged over time. */
  readonly present: number;
  /** Messages per second. */
  readonly rate: number;
}

/** Over the whole run but its first tenth, in which the system fills. */
function averagesOf(trace: Trace): Averages {
  const skipped = Math.floor(trace.messageCount / 10);
  const begunAt = new Float64Array(trace.messageCount + 1);
  const doneAt = new Float64Array(trace.messageCount + 1);
  for (let id = 1; id <= trace.count; id++) {
    const kind = trace.kind(id);
    if (kind === F.begun) begunAt[trace.messageOf(id)] = trace.time(id);
    else if (kind === F.acked) doneAt[trace.messageOf(id)] = trace.time(id);
  }
  const fromUs = trace.message(skipped + 1).producedAtUs;
  const toUs = trace.message(trace.messageCount).producedAtUs;
  let waited = 0;
  let stayed = 0;
  let present = 0;
  for (let m = 1; m <= trace.messageCount; m++) {
    const { producedAtUs } = trace.message(m);
    const done = doneAt[m] as number;
    present += Math.max(0, Math.min(done, toUs) - Math.max(producedAtUs, fromUs));
    if (m <= skipped) continue;
    waited += (begunAt[m] as number) - producedAtUs;
    stayed += done - producedAtUs;
  }
  const count = trace.messageCount - skipped;
  return {
    wait: waited / count / 1e6,
    stay: stayed / count / 1e6,
    present: present / (toUs - fromUs),
    rate: (count - 1) / ((toUs - fromUs) / 1e6),
  };
}

const SEEDS = ['1', '2', '3', '4', '5'];

describe('an M/M/n station at load 0.8', () => {
  it.each([
    [1, 20_000, 4.0, 0.4],
    [4, 20_000, 0.7455, 0.06],
  ])('with %i servers lets a message wait as long as theory says', (servers, messages, expected, tolerance) => {
    const waits = SEEDS.map((seed) => averagesOf(traceOf(station(servers, messages), { seed })).wait);
    const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
    expect(Math.abs(mean - expected), `waits ${waits.map((wait) => wait.toFixed(3)).join(', ')}`).toBeLessThan(
      tolerance,
    );
  });

  it.each([1, 4])("with %i servers obeys Little's law: present = rate × stay", (servers) => {
    const { present, rate, stay } = averagesOf(traceOf(station(servers, 20_000), { seed: '9' }));
    // Only messages that are there when the counting begins or ends may make a difference.
    expect(present / (rate * stay)).toBeGreaterThan(0.99);
    expect(present / (rate * stay)).toBeLessThan(1.01);
  });
});

describe('a worker pool that crashes, with poison and a dead-letter queue', () => {
  const messages = 20_000;
  const trace = traceOf(`
title: W2, a tenth
broker: sqs
seed: 7
duration: ${Math.ceil(messages / 4.5) + 600}s
queues:
  jobs: { VisibilityTimeout: 5s, RedrivePolicy: { deadLetterTargetArn: dead, maxReceiveCount: 5 } }
  dead: {}
producers: { source: { to: jobs, rate: poisson 4.5/s, messages: ${messages}, poison: 0.5% } }
consumers:
  worker:
    from: jobs
    count: 8
    process: exponential 1s
    crash: { probability: 5%, step: applied, restart: 5s }
network: { latency: 0ms }
`);
  const poison = 0.005;
  const crash = 0.05;
  // An attempt at a healthy message fails when it crashes, or when the work outlasts the lock and the message is handed out again.
  const lost = crash + (1 - crash) * 0.006_738;

  it('hands out about 1.0795 deliveries a message', () => {
    const perMessage = poison * 5 + (1 - poison) * (1 / (1 - lost));
    expect(countOf(trace, 'delivered') / messages).toBeGreaterThan(perMessage - 0.008);
    expect(countOf(trace, 'delivered') / messages).toBeLessThan(perMessage + 0.02);
  });

  it('dead-letters the poison ones and next to nothing else', () => {
    let poisoned = 0;
    for (let m = 1; m <= trace.messageCount; m++) if (trace.message(m).poison) poisoned++;
    const deadLettered = countOf(trace, 'dead-lettered');
    expect(Math.abs(poisoned - messages * poison)).toBeLessThan(40);
    expect(deadLettered).toBeGreaterThanOrEqual(poisoned);
    expect(deadLettered - poisoned).toBeLessThanOrEqual(2);
    expect(countOf(trace, 'acked')).toBe(messages - deadLettered);
  });

  it('crashes one attempt in twenty', () => {
    const attempts = countOf(trace, 'applied');
    expect(countOf(trace, 'crashed') / attempts).toBeGreaterThan(0.05 - 0.006);
    expect(countOf(trace, 'crashed') / attempts).toBeLessThan(0.05 + 0.006);
  });
});
