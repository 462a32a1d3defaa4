/** Claims about logs, judged of brokers that hand out entry by entry by the order in which things were stored. */
import { expect, it } from 'vitest';
import { claimsOf, judge, type Verdict } from '../../../sim/checks/index.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../runs.ts';

function verdictsOn(yaml: string): ReadonlyMap<string, Verdict> {
  const scenario = scenarioOf(yaml);
  return new Map(judge(run(scenario).trace, scenario, claimsOf(scenario)).map((verdict) => [verdict.claim, verdict]));
}

const redis = (producer: string, timeline: string): string => `
title: A stream
broker: { kind: redis-streams, appendonly: yes, appendfsync: everysec }
duration: 60s
topics: { jobs: {} }
producers: { maker: { to: jobs, rate: 5/s, messages: 10, start: 5s, ${producer} } }
consumers: { worker: { from: jobs, process: 100ms, effect: { insert: rows }, min-idle-time: 3s } }
network: { latency: 5ms }
timeline: [${timeline}]
`;

it('finds the entry that a retry added twice', () => {
  const twice = verdictsOn(
    redis('request-timeout: 1s', '{ when: appended, nth: 3, lose: reply, to: maker, times: 1 }'),
  );
  expect(twice.get('duplicate')).toMatchObject({ verdict: 'allowed', setting: 'retries of the producer without IDMP' });
  expect(twice.get('duplicate')?.sentence).toMatch(/^jobs stored message 4 at \d\.\d+ s and again at \d\.\d+ s\.$/);
});

it('takes nothing for a second copy that a crash brings back', () => {
  const back = verdictsOn(redis('retries: 0', '{ when: acked, nth: 4, crash: redis-streams, restart: 1s }'));
  expect(back.get('duplicate')?.verdict).not.toBe('violated');
  expect(back.get('duplicate')?.verdict).not.toBe('allowed');
  expect(back.get('partition-order')?.verdict).toBe('holds');
});

it('asks of a RabbitMQ cluster, too, who led a queue in each term', () => {
  const cluster = verdictsOn(`
title: A leader dies
broker: { kind: rabbitmq, nodes: 3 }
duration: 60s
queues: { jobs: { x-queue-type: quorum } }
producers: { maker: { to: jobs, rate: 5/s, messages: 20, start: 2s, confirms: true, delivery_mode: 2 } }
consumers: { worker: { from: jobs, process: 100ms, effect: { insert: rows } } }
timeline: [{ at: 4s, crash: b1, restart: 10s }]
`);
  expect(cluster.get('single-leader')?.verdict).toBe('holds');
});
