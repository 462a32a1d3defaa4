import { describe, expect, it } from 'vitest';
import { F, FACT_NAMES } from '../../sim/vocabulary.ts';
import type { FactsIndex } from '../../web/facts-index.ts';
import { staged, stagedFile } from './stage-run.ts';

/** Kinds of the stops of "next notable fact", in their order. */
function stops(index: FactsIndex, from = 0, to = index.notable.length): readonly string[] {
  return Array.from({ length: to - from }, (_, i) => FACT_NAMES[index.trace.kind(index.notable.at(from + i))] ?? '');
}

const QUEUE = `
title: A queue
broker: sqs
duration: 20s
queues:
  jobs: { VisibilityTimeout: 30s }
producers:
  app: { to: jobs, send: [{ at: 1s }] }
consumers:
  worker: { from: jobs, count: 2, process: 1s }
`;

describe('stops of "next notable fact"', () => {
  it('begin when a run has set itself up: six leaders and six members are no events, a later member is', () => {
    const { index, trace } = stagedFile('scaling/seven-on-six').run;
    const kinds = stops(index);
    expect(kinds.slice(0, 3)).toEqual(['rebalanced', 'fault-begun', 'scaled']);
    expect(kinds).toContain('joined');
    const joins = Array.from({ length: trace.count }, (_, i) => i + 1).filter((id) => trace.kind(id) === F.joined);
    expect(joins.length).toBeGreaterThan(kinds.filter((kind) => kind === 'joined').length);
  });

  it('leave out the line of which the next fact says what it did', () => {
    const { index } = staged(`${QUEUE}timeline: [{ at: 5s, crash: [worker-1, worker-2] }]`).run;
    // Both at once are one stop, after the second.
    expect(stops(index)).toEqual(['crashed']);
    expect(index.trace.actorName(index.trace.actor(index.notable.at(0)))).toBe('worker-2');
  });

  it('leave out asking a broker that is down whether there is something, but not a message that finds it down', () => {
    const { index, trace } = stagedFile('replication/leader-crash-acks-1').run;
    const all = Array.from({ length: trace.count }, (_, i) => i + 1).filter((id) => trace.kind(id) === F.unreachable);
    expect(all.some((id) => trace.messageOf(id) === 0)).toBe(true);
    for (let i = 0; i < index.notable.length; i++) {
      const id = index.notable.at(i);
      if (trace.kind(id) === F.unreachable) expect(trace.messageOf(id)).toBeGreaterThan(0);
    }
    expect(stops(index)).toContain('unreachable');
  });
});

it('what is shut down, sent or set in good order is no fault on the timeline, what crashes or bursts is', () => {
  const { index } = staged(`${QUEUE}timeline:
  - { at: 2s, send: app, messages: 2 }
  - { at: 3s, stop: worker-1 }
  - { at: 4s, scale: worker, count: 3 }
  - { at: 5s, burst: app, rate: 5/s, for: 1s }
  - { at: 6s, poison: app }
  - { at: 7s, crash: worker-2 }
`).run;
  expect(index.spans.map(({ label, kind, isFault }) => [label, kind, isFault])).toEqual([
    ['app sends 2 messages', 'moment', false],
    ['worker-1 shut down', 'stretch', false],
    ['worker has 3 instances', 'moment', false],
    ['app makes 5/s for 1 s', 'stretch', true],
    ['a poison message from app', 'moment', true],
    ['worker-2 crashed', 'stretch', true],
  ]);
});

it('each producer is known by all that it makes, whatever the others do', () => {
  const { index, trace } = staged(`
title: Two shops
broker: sqs
duration: 20s
queues:
  jobs: {}
producers:
  small: { to: jobs, send: [{ at: 1s }] }
  large: { to: jobs, rate: 1/s, messages: 7 }
`).run;
  const made = new Map([...index.made].map(([actor, n]) => [trace.actorName(actor), n]));
  expect(made).toEqual(
    new Map([
      ['small', 1],
      ['large', 7],
    ]),
  );
});
