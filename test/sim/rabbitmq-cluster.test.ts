/** RabbitMQ's nodes as a cluster, over the simulated network: what a client sees while queues change their leaders. */
import { describe, expect, it } from 'vitest';
import { countOf, factsOf, traceOf } from './runs.ts';

const system = (queue: string, timeline: string, more = ''): string => `
title: A cluster
broker: { kind: rabbitmq, nodes: 3, version: '4.3'${more} }
duration: 90s
queues:
  jobs: { ${queue} }
producers:
  maker: { to: jobs, rate: 2/s, start: 2s, stop: 20s, confirms: true, delivery_mode: 2, confirm_timeout: 80s, node: 2 }
consumers:
  worker: { from: jobs, process: 50ms, prefetch: 4, effect: { insert: results }, node: 3 }
network: { latency: 5ms..15ms }
timeline:
  - ${timeline}
`;

it('a quorum queue goes on with another leader, and clients of other nodes keep their connections (R61)', () => {
  const trace = traceOf(system('x-queue-type: quorum', '{ at: 10s, crash: b1 }'));
  expect(countOf(trace, 'confirmed')).toBe(countOf(trace, 'produced'));
  expect(countOf(trace, 'elected')).toBe(2);
  expect(countOf(trace, 'retried')).toBe(0);
  expect(countOf(trace, 'requeued')).toBe(0);
});

it('one of three is no majority: nothing is confirmed, and nothing of it is lost when they meet again (R61)', () => {
  const split = '{ at: 10s, split: [[b1], [b2, maker], [b3, worker]], heal: 60s }';
  const cut = traceOf(system('x-queue-type: quorum', split).replace('duration: 90s', 'duration: 59s'));
  const healed = traceOf(system('x-queue-type: quorum', split));
  expect(countOf(cut, 'confirmed')).toBeLessThan(countOf(cut, 'produced') / 2);
  expect(countOf(healed, 'confirmed')).toBe(countOf(healed, 'produced'));
  expect(countOf(healed, 'appended')).toBe(countOf(healed, 'produced'));
});

it('a classic queue is on one node, and waits for it (R61)', () => {
  const trace = traceOf(system('', '{ at: 10s, crash: b1, restart: 40s }'));
  expect(countOf(trace, 'elected')).toBe(0);
  expect(countOf(trace, 'confirmed')).toBe(countOf(trace, 'produced'));
  expect(countOf(trace, 'lost')).toBe(0);
});

it('a group of one does not outlive its node (x-quorum-initial-group-size)', () => {
  const trace = traceOf(system('x-queue-type: quorum, x-quorum-initial-group-size: 1', '{ at: 10s, crash: b1 }'));
  expect(countOf(trace, 'elected')).toBe(0);
  expect(countOf(trace, 'confirmed')).toBeLessThan(countOf(trace, 'produced'));
});

it('what a consumer of a suspected node holds returns after a while, from 4.3 on (R65)', () => {
  const split = '{ at: 10s, split: [[b3, worker], [b1, b2, maker]], heal: 80s }';
  const returned = (more: string): number =>
    countOf(traceOf(system('x-queue-type: quorum', split, more).replace('50ms', '30s')), 'requeued');
  expect(returned(', consumer_disconnected_timeout: 60s')).toBeGreaterThan(0);
  expect(returned(', consumer_disconnected_timeout: 120s')).toBe(0);
});

it('a stream is replicated too: a reader of another node reads on after an election (R66)', () => {
  const stream = system('x-queue-type: stream', '{ at: 10s, crash: b1 }').replace(
    'node: 3',
    'node: 3, x-stream-offset: first',
  );
  const trace = traceOf(stream);
  expect(countOf(trace, 'applied')).toBe(countOf(trace, 'produced'));
});

it('a replicated stream looks at its limits when a segment begins, and when they change (R66)', () => {
  const run = (limit: string, at: string) =>
    traceOf(
      system(
        `x-queue-type: stream, x-stream-max-segment-size-bytes: 2000${limit}`,
        `{ at: ${at}, set: { queues.jobs.x-max-length-bytes: 5000 } }`,
      )
        .replace('delivery_mode: 2', 'delivery_mode: 2, size: 1000')
        .replace('node: 3', 'node: 3, x-stream-offset: first'),
    );
  // Segments of two: the seventh message begins the fourth, and only then the first goes.
  const story = factsOf(run(', x-max-length-bytes: 5000', '80s'), 'appended', 'log-start-moved');
  expect(story.findIndex(({ name }) => name === 'log-start-moved')).toBe(7);
  const [moved, ...others] = factsOf(run('', '60s'), 'log-start-moved');
  expect(others).toEqual([]);
  expect(moved?.timeUs).toBeLessThan(61_000_000);
});

it('a consumer whose node was away goes on, although what was sent to it meanwhile was taken back (R65)', () => {
  const timeline = '{ at: 1s, split: [[b3, worker], [b1, b2, maker]], heal: 20s }';
  const trace = traceOf(system('', timeline).replace('4.3', '4.2'));
  expect(countOf(trace, 'requeued')).toBeGreaterThan(0);
  expect(countOf(trace, 'settled')).toBe(countOf(trace, 'produced'));
});

it('a delivery that is lost between nodes does not stop a consumer without acks (R27)', () => {
  const lost = '{ at: 8s, lose: replication, from: b1, to: b3, times: 1 }';
  const trace = traceOf(system('', lost).replace('prefetch: 4', 'prefetch: 4, settle: on-delivery'));
  // Beside it at most what was handed out while the node counted as away.
  expect(countOf(trace, 'received')).toBeGreaterThan(countOf(trace, 'produced') - 4);
  expect(countOf(trace, 'received')).toBeLessThan(countOf(trace, 'produced'));
});

it('a consumer has a queue of another node to itself until its own node is gone (R30)', () => {
  const lone = (name: string, node: number): string =>
    `  ${name}: { from: jobs, process: 50ms, prefetch: 4, effect: { insert: results }, exclusive: true, node: ${node} }\n`;
  const trace = traceOf(
    system('', '{ at: 10s, crash: b3 }')
      .replace(/consumers:\n.*\n/, `consumers:\n${lone('first', 3)}${lone('second', 2)}`)
      .replace('5ms..15ms', '5ms, links: [{ from: second, latency: 100ms }]')
      .replace("'4.3'", "'4.2'"),
  );
  const who = (from: number, to: number): string[] => [
    ...new Set(
      factsOf(trace, 'begun')
        .filter(({ timeUs }) => timeUs >= from * 1e6 && timeUs < to * 1e6)
        .map(({ actor }) => trace.actorName(actor)),
    ),
  ];
  expect(who(0, 10)).toEqual(['first']);
  expect(factsOf(trace, 'channel-closed').map(({ value }) => value)).toContain(403);
  expect(who(12, 90)).toEqual(['second']);
  expect(countOf(trace, 'settled')).toBeGreaterThanOrEqual(countOf(trace, 'produced'));
});

it('a connection between nodes breaks once, however much was lost on it: what is sent anew over the next one is not lost with it', () => {
  const trace = traceOf(`
title: Without replication for a while
broker: { kind: rabbitmq, nodes: 3 }
duration: 30s
limits: { facts: 100000 }
queues:
  jobs: { x-queue-type: quorum }
producers:
  maker: { to: jobs, rate: 10/s, messages: 12, start: 5s, confirms: true, delivery_mode: 2, confirm_timeout: 1s }
consumers:
  worker: { from: jobs, process: 100ms, effect: { insert: results } }
network: { latency: 1ms..20ms }
timeline:
  - { at: 5s, lose: replication, for: 10s }
`);
  expect(countOf(trace, 'confirmed')).toBe(countOf(trace, 'produced'));
  expect(trace.count).toBeLessThan(20_000);
});

it('a queue that expires unused is gone on all nodes, and a consumer that comes later declares it anew (R42)', () => {
  const late = `${system('x-expires: 10s', '{ at: 1s, crash: worker, restart: 49s }').replace('stop: 20s', 'stop: 80s')}`;
  const trace = traceOf(late);
  expect(countOf(trace, 'unroutable')).toBeGreaterThan(50);
  expect(countOf(trace, 'settled')).toBeGreaterThan(40);
  expect(countOf(trace, 'confirmed')).toBe(countOf(trace, 'produced'));
});

it('an auto-delete queue of a cluster goes with its consumer and comes again with it, bindings and all (R14)', () => {
  const trace = traceOf(
    system("auto-delete: true, bindings: [{ exchange: work, key: '#' }]", '{ at: 10s, crash: worker, restart: 4s }')
      .replace('queues:', 'exchanges:\n  work: { type: topic }\nqueues:')
      .replace('to: jobs', 'to: work'),
  );
  expect(countOf(trace, 'unroutable')).toBeGreaterThan(5);
  expect(countOf(trace, 'unroutable')).toBeLessThan(20);
  expect(factsOf(trace, 'settled').some(({ timeUs }) => timeUs > 16e6)).toBe(true);
});

it('what returns to a quorum queue is handed out again before the length limit drops anything (R43, R45)', () => {
  const limits = 'x-max-length: 2, x-dead-letter-exchange: "", x-dead-letter-routing-key: dead';
  const scenario = (queue: string): string => `
title: A limit and a return
broker: { kind: rabbitmq, nodes: 3, version: '4.2' }
duration: 30s
queues:
  jobs: { ${queue}${limits} }
  dead: {}
producers:
  maker: { to: jobs, rate: 1/s, start: 2s, stop: 7s, confirms: true, delivery_mode: 2 }
consumers:
  first: { from: jobs, process: 60s, prefetch: 10 }
  second: { from: jobs, process: 60s, prefetch: 10 }
network: { latency: 5ms }
timeline:
  - { at: 0s, crash: second, restart: 8s }
  - { at: 12s, crash: first }
`;
  const quorum = traceOf(scenario('x-queue-type: quorum, '));
  expect(countOf(quorum, 'requeued')).toBeGreaterThan(2);
  expect(countOf(quorum, 'dead-lettered')).toBe(0);
  expect(countOf(traceOf(scenario('')), 'dead-lettered')).toBeGreaterThan(0);
});

describe('redriving in a cluster', () => {
  const scenario = (redrive: string, queue: string): string => `
title: A way back
broker: { kind: rabbitmq, nodes: 3, version: '4.3' }
duration: 40s
queues:
  jobs: { x-max-length: 2, x-overflow: reject-publish }
  dead: { ${queue} }
producers:
  maker: { to: dead, rate: 1/s, start: 2s, stop: 7s, confirms: true, delivery_mode: 2 }
consumers:
  worker: { from: dead, process: 50ms }
network: { latency: 5ms }
timeline:
  - { at: 0s, crash: worker, restart: 20s }
  - { at: 12s, redrive: dead${redrive} }
`;

  it.each(['', 'x-queue-type: quorum'])(
    'keeps what its target refuses, and tells it of no other queue (%s)',
    (queue) => {
      const trace = traceOf(scenario(', to: jobs', queue));
      const moved = countOf(trace, 'redriven');
      expect(moved).toBeGreaterThan(0);
      expect(countOf(trace, 'evicted')).toBe(0);
      expect(countOf(trace, 'settled')).toBe(countOf(trace, 'produced') - moved);
      expect(countOf(trace, 'settled')).toBeGreaterThan(0);
      expect(countOf(trace, 'appended')).toBe(countOf(trace, 'produced') + moved);
    },
  );

  it.each(['', 'x-queue-type: quorum'])('keeps what never died, as one node does (%s)', (queue) => {
    const trace = traceOf(scenario('', queue));
    expect(countOf(trace, 'redriven') + countOf(trace, 'evicted')).toBe(0);
    expect(countOf(trace, 'settled')).toBe(countOf(trace, 'produced'));
    expect(countOf(trace, 'settled')).toBeGreaterThan(0);
  });
});
