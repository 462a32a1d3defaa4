/** Lines of the timeline that wait for a fact: every kind sets them off, also those that the world itself records. */
import { describe, expect, it } from 'vitest';
import type { FactName } from '../../core/facts.ts';
import { factsOf, traceOf } from './runs.ts';

/** Two workers, slow links, and an alert that rises and falls; `timeline` brings the fact about. */
const jobs = (timeline: string) => `
title: Jobs
broker: kafka
duration: 60s
topics: { jobs: { partitions: 2 } }
producers: { web: { to: jobs, rate: 2/s } }
consumers: { worker: { from: jobs, group: workers, count: 2, process: 100ms } }
network: { latency: 10ms }
alerts: { behind: { when: lag(workers) > 2 } }
timeline: [${timeline}, { when: KIND, message: 0, crash: web }]`;

/** What happened first, and what the line that waited for it was caused by. */
function awaited(kind: FactName, by: string) {
  const yaml = jobs(by).replace('KIND, message: 0', kind);
  const trace = traceOf(yaml);
  const [first] = factsOf(trace, kind);
  const [crashed] = factsOf(trace, 'crashed').filter(({ actor }) => trace.actorName(actor) === 'web');
  return { first: first?.id, line: trace.cause(crashed?.cause ?? 0), atUs: [first?.timeUs, crashed?.timeUs] };
}

describe('a line is set off by', () => {
  it.each<[FactName, string]>([
    ['started', '{ at: 1s, scale: worker, count: 2 }'],
    ['scaled', '{ at: 5s, scale: worker, count: 3 }'],
    ['stopped', '{ at: 5s, stop: worker-1 }'],
    ['crashed', '{ at: 5s, crash: worker-1, restart: 1s }'],
    ['restarted', '{ at: 5s, crash: worker-1, restart: 1s }'],
    ['paused', '{ at: 5s, pause: worker-1, for: 1s }'],
    ['resumed', '{ at: 5s, pause: worker-1, for: 1s }'],
    ['slowed', '{ at: 5s, slow: worker-1, factor: 2 }'],
    ['skewed', '{ at: 5s, skew: worker-1, factor: 2 }'],
    ['disk-filled', '{ at: 5s, fill: b1 }'],
    ['disk-freed', '{ at: 5s, fill: b1 }, { at: 8s, free: b1 }'],
    ['split', '{ at: 5s, split: [[worker-1], [b1]], heal: 1s }'],
    ['healed', '{ at: 5s, split: [[worker-1], [b1]], heal: 1s }'],
    ['changed', '{ at: 5s, set: { producers.web.rate: 3/s } }'],
    ['fault-begun', '{ at: 5s, slow: worker-1, factor: 2, for: 1s }'],
    ['fault-ended', '{ at: 5s, slow: worker-1, factor: 2, for: 1s }'],
    ['unreachable', '{ at: 5s, crash: b1 }'],
    ['alert-raised', '{ at: 5s, pause: worker, for: 10s }'],
    ['alert-cleared', '{ at: 5s, pause: worker, for: 10s }'],
    ['sent', '{ at: 5s, slow: worker-1, factor: 2 }'],
  ])('%s', (kind, by) => {
    const { first, line, atUs } = awaited(kind, by);
    expect(first).toBeGreaterThan(0);
    expect([line, atUs[1]]).toEqual([first, atUs[0]]);
  });

  it('each message of a batch that is sent, not only its first', () => {
    const yaml = jobs('{ at: 5s, send: web, messages: 3 }')
      .replace('to: jobs, rate: 2/s', 'to: jobs, linger.ms: 50ms')
      .replace('when: KIND, message: 0', 'when: sent, by: web, message: 2');
    const trace = traceOf(yaml);
    const [sent] = factsOf(trace, 'sent').filter(({ message }) => message === 2);
    expect(sent).toBeDefined();
    const [crashed] = factsOf(trace, 'crashed');
    expect(trace.cause(crashed?.cause ?? 0)).toBe(sent?.id);
  });
});
