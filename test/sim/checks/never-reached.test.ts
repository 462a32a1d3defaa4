/** Partitions that a group was to read and never got to: what stands there is owed to it all the same. */
import { describe, expect, it } from 'vitest';
import { judge } from '../../../sim/checks/index.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../runs.ts';

function verdicts(yaml: string, ...claims: readonly string[]): Record<string, string> {
  const scenario = scenarioOf(yaml);
  const asked = claims.map((claim) => ({ claim, scope: '' }));
  return Object.fromEntries(judge(run(scenario).trace, scenario, asked).map(({ claim, verdict }) => [claim, verdict]));
}

const gone = (reset: string): string => `
title: Nobody is there
broker: kafka
duration: 30s
topics: { jobs: { partitions: 1 } }
producers: { maker: { to: jobs, rate: 5/s, messages: 50, start: 1s } }
consumers: { worker: { from: jobs, effect: { insert: results }, auto.offset.reset: ${reset} } }
timeline: [{ at: 500ms, crash: worker }]
`;

const node = `
title: A node that never comes back
broker: { kind: kafka, nodes: 3 }
duration: 60s
topics: { jobs: { partitions: 3, replication.factor: 1 } }
producers: { maker: { to: jobs, rate: 5/s, messages: 40, start: 1s, partitioner: round-robin } }
consumers: { worker: { from: jobs, effect: { insert: results }, auto.offset.reset: earliest } }
timeline:
  - { at: 0s, crash: worker, restart: 20s }
  - { at: 10s, crash: b2 }
`;

describe('what a group never got to', () => {
  const claims = ['at-least-once', 'unseen', 'drained'] as const;

  it('is open when the group reads from the beginning and never came', () => {
    expect(verdicts(gone('earliest'), ...claims)).toEqual({
      'at-least-once': 'undecided',
      unseen: 'undecided',
      drained: 'undecided',
    });
  });

  it('is open when its node went down before the group came', () => {
    expect(verdicts(node, ...claims)).toEqual({
      'at-least-once': 'undecided',
      unseen: 'undecided',
      drained: 'undecided',
    });
  });

  it('holds once the node is back', () => {
    const back = node.replace('crash: b2 }', 'crash: b2, restart: 20s }');
    expect(verdicts(back, ...claims)).toEqual({ 'at-least-once': 'holds', unseen: 'holds', drained: 'holds' });
  });

  it('is owed to no group that begins at the end', () => {
    expect(verdicts(gone('latest'), 'at-least-once')).toEqual({ 'at-least-once': 'not exercised' });
  });
});
