/** Dead letters, and what a shovel moves, that die with their node between two queues of a cluster: they end there, and their old queue does not show them for ever (R55). */
import { describe, expect, it } from 'vitest';
import { F } from '../../../core/facts.ts';
import { judge } from '../../../sim/checks/index.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../../sim/runs.ts';

interface System {
  readonly jobs: string;
  readonly failed: string;
  /** Queues beside, and where dead letters go. */
  readonly more?: string;
  readonly exchange?: string;
  readonly timeline: string;
}

/** Two messages into a queue that keeps one: the first dies of the second. Both queues are led by b1 unless told otherwise. */
function runOf({ jobs, failed, more = '', exchange = "''", timeline }: System) {
  const scenario = scenarioOf(`
title: A dead letter under way
broker: { kind: rabbitmq, nodes: 3, flush: 50ms }
duration: 180s
queues:
  jobs: { ${jobs} x-max-length: 1, x-dead-letter-exchange: ${exchange}, x-dead-letter-routing-key: failed }
  failed: { ${failed} }
${more}producers: { maker: { to: jobs, send: [{ at: 5s }, { at: 6s }], confirms: true, delivery_mode: 2, node: 2 } }
consumers: { worker: { from: jobs, process: 200ms, effect: { insert: results }, node: 2 } }
network: { latency: 1ms }
timeline: [{ at: 1s, crash: worker, restart: 30s }, ${timeline}]
`);
  const { trace } = run(scenario);
  const ends: string[] = [];
  for (let id = 1; id <= trace.count; id++)
    if (trace.messageOf(id) === 1 && (trace.kind(id) === F.lost || trace.kind(id) === F['dead-lettered']))
      ends.push(trace.sentence(id));
  const verdicts = judge(
    trace,
    scenario,
    ['progress', 'conservation', 'at-least-once'].map((claim) => ({ claim, scope: '' })),
  ).map(({ verdict }) => verdict);
  return { ends, verdicts };
}

const LOST = 'jobs lost message 1: kept in memory only.';
const MOVED = 'Message 1 was dead-lettered to failed after 0 deliveries (queue full).';

describe('a dead letter that its node had taken and not brought', () => {
  it.each<[string, System]>([
    ['with its target', { jobs: '', failed: '', timeline: '{ at: 6060ms, crash: b1, restart: 2s }' }],
    ['for good', { jobs: 'x-queue-type: quorum,', failed: '', timeline: '{ at: 6060ms, crash: b1 }' }],
    [
      'on its way to another node',
      {
        jobs: '',
        failed: 'x-queue-type: quorum, x-queue-leader-locator: balanced',
        timeline:
          '{ at: 6030ms, split: [[b1], [b2, b3, maker, worker]], heal: 10s }, { at: 6060ms, crash: b1, restart: 2s }',
      },
    ],
  ])('is lost %s', (_, system) => {
    const { ends, verdicts } = runOf(system);
    expect(ends).toEqual([LOST]);
    expect(verdicts).toEqual(['holds', 'holds', 'allowed']);
  });

  it('arrives where other members of a quorum queue had got it', () => {
    const timeline = '{ at: 6060ms, crash: b1, restart: 10s }';
    const { ends, verdicts } = runOf({ jobs: '', failed: 'x-queue-type: quorum', timeline });
    expect(ends).toEqual([MOVED]);
    expect(verdicts).toEqual(['holds', 'holds', 'holds']);
  });

  it('is not lost where a copy of it for another queue arrives', () => {
    const { ends, verdicts } = runOf({
      jobs: '',
      failed: 'bindings: [{ exchange: graves }]',
      more: `  ledger: { x-queue-type: quorum, x-queue-leader-locator: balanced, bindings: [{ exchange: graves }] }
exchanges: { graves: { type: fanout } }
`,
      exchange: 'graves',
      timeline: '{ at: 6060ms, crash: b1, restart: 10s }',
    });
    expect(ends).toEqual(['Message 1 was dead-lettered to ledger after 0 deliveries (queue full).']);
    expect(verdicts.slice(1)).toEqual(['holds', 'holds']);
  });
});
