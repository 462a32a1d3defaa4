import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { toldSentence } from '../../../sim/folds/told.ts';
import { parseScenario } from '../../../sim/scenario/parse.ts';
import { run } from '../../../sim/world.ts';

/** All that people are told of the run of a story of the library. */
function toldOf(name: string): readonly string[] {
  const file = `scenarios/${name}.yaml`;
  const { scenario } = parseScenario(readFileSync(file, 'utf8'), { file });
  if (scenario === null) throw new Error(`${file} cannot be read`);
  const { trace } = run(scenario, { seed: scenario.seed });
  return Array.from({ length: trace.count }, (_, i) => toldSentence(trace, scenario, i + 1));
}

describe('what a broker does is told in its own way', () => {
  it.each([
    [
      'where no ack is awaited, nobody acks',
      'delivery/telemetry-at-most-once',
      'readings forgot message 1 as soon as it had handed it out.',
    ],
    [
      'nor where there is none',
      'routing/late-subscriber',
      'goals/screen forgot message 1 as soon as it had handed it out.',
    ],
    ['a channel stores nothing', 'routing/late-subscriber', 'stadium was told that goals has taken message 1.'],
    ['nor does an exchange', 'routing/order-fan-out', 'shop was told that orders has taken message 1.'],
    [
      'an ack removes nothing from a stream',
      'delivery/pending-claimed',
      'packer-2 acked message 1: it is no longer pending in parcels.',
    ],
    [
      'a share group commits no offset',
      'poison/share-group',
      'Share group shared is done with orders/0 below offset 18.',
    ],
  ])('%s', (_, name, sentence) => {
    expect(toldOf(name)).toContain(sentence);
  });

  it('a queue that awaits an ack removes what was acked', () => {
    expect(toldOf('why-queues/first-message')).toContain('orders removed message 1: packer acked it.');
  });
});
