/** The direct call: latencies add up, one failing step fails the whole call, and what was done before stays done. */
import { describe, expect, it } from 'vitest';
import { REASONS } from '../../../core/facts.ts';
import { run } from '../../../sim/world.ts';
import { countOf, factsOf, scenarioOf, storyOf, traceOf } from '../../sim/runs.ts';

const chain = (more = '', producer = '') => `
title: Upload
broker: direct
duration: 60s
producers:
  web: { to: [resize, moderate], send: [{ at: 1s }]${producer} }
consumers:
  resizer: { from: resize, process: 2s }
  moderator: { from: moderate, process: 3s }
network: { latency: 10ms }
${more}`;

const reasonsOf = (yaml: string) =>
  factsOf(traceOf(yaml), 'gave-up').map(({ value, detail }) => [value, REASONS[detail]]);

describe('a chain of calls', () => {
  it('takes as long as all its steps together', () => {
    expect(storyOf(traceOf(chain()), 'produced', 'begun', 'applied', 'confirmed')).toEqual([
      '1.000 produced m1 web',
      '1.010 begun m1 resizer',
      '3.010 applied m1 resizer',
      '3.030 begun m1 moderator',
      '6.030 applied m1 moderator',
      '6.040 confirmed m1 web',
    ]);
  });

  it('fails as a whole when a later step is down, and the work of the earlier one is orphaned', () => {
    const trace = traceOf(chain('timeline: [{ at: 2s, crash: moderator }]'));
    expect(storyOf(trace, 'applied', 'confirmed', 'gave-up')).toEqual([
      '3.010 applied m1 resizer',
      '3.020 gave-up m1 web',
    ]);
  });

  it('surely did nothing when its first step cannot be reached', () => {
    expect(reasonsOf(chain('timeline: [{ at: 500ms, crash: resizer }]'))).toEqual([[1, 'target down']]);
  });

  it('does not know the outcome when the callee dies during the call, or no answer comes in time', () => {
    expect(reasonsOf(chain('timeline: [{ at: 2s, crash: resizer }]'))).toEqual([[0, 'connection lost']]);
    expect(reasonsOf(chain('', ', timeout: 1s'))).toEqual([[0, 'timed out']]);
  });

  it('tries a failed step again, and only that step', () => {
    const trace = traceOf(
      chain('timeline: [{ at: 4s, crash: moderator, restart: 1s }]', ', retries: 3, retry-backoff: 500ms'),
    );
    expect(storyOf(trace, 'applied', 'retried', 'confirmed')).toEqual([
      '3.010 applied m1 resizer',
      '4.510 retried m1 web',
      '5.510 retried m1 web',
      '8.520 applied m1 moderator',
      '8.530 confirmed m1 web',
    ]);
  });
});

describe('instances', () => {
  const pool = (options: string, more = '') => `
title: Pool
broker: direct
duration: 20s
producers: { web: { to: resize, send: [{ at: 1s, times: 4 }] } }
consumers: { resizer: { from: resize, ${options} } }
network: { latency: 0ms }
${more}`;

  it('are called in turn', () => {
    const trace = run(scenarioOf(pool('count: 2, process: 1s'))).trace;
    const by = factsOf(trace, 'applied').map(({ actor, message }) => `${trace.actorName(actor)} m${message}`);
    expect(by.sort()).toEqual(['resizer-1 m1', 'resizer-1 m3', 'resizer-2 m2', 'resizer-2 m4']);
  });

  it('refuse calls beyond their backlog at once', () => {
    const trace = traceOf(pool('process: 1s, backlog: 1'));
    expect(storyOf(trace, 'rejected', 'gave-up', 'confirmed')).toEqual([
      '1.000 rejected m3 resizer',
      '1.000 rejected m4 resizer',
      '1.000 gave-up m3 web',
      '1.000 gave-up m4 web',
      '2.000 confirmed m1 web',
      '3.000 confirmed m2 web',
    ]);
  });

  it('answer at once when they settle before the work, so a crash loses what was confirmed', () => {
    const trace = traceOf(pool('process: 1s, settle: before-processing', 'timeline: [{ at: 1500ms, crash: resizer }]'));
    expect(countOf(trace, 'confirmed')).toBe(4);
    expect(countOf(trace, 'applied')).toBe(0);
  });

  it('that were shut down say so to those who wait, and are called again after they come back', () => {
    const trace = traceOf(
      `${pool('process: 1s', 'timeline: [{ at: 1500ms, stop: resizer, for: 1s }]')}`.replace(
        '{ at: 1s, times: 4 }',
        '{ at: 1s }, { at: 3s }',
      ),
    );
    expect(storyOf(trace, 'gave-up', 'confirmed')).toEqual(['1.500 gave-up m1 web', '4.000 confirmed m2 web']);
  });
});
