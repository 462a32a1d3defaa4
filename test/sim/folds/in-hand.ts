/**
 * Holds the hands that are folded from the facts to what the consumers themselves have, event by event: the fold reads facts, a consumer counts its
 * own lists. Neither knows of the other.
 */
import { Consumer } from '../../../core/clients/consumer.ts';
import { Topology } from '../../../sim/folds/topology.ts';
import type { Scenario } from '../../../sim/scenario/types.ts';
import { World } from '../../../sim/world.ts';

/** Runs a scenario and answers the first hand that is not what its consumer has; '' when all are, always. The stage at the end comes along. */
export function falseHand(scenario: Scenario): {
  readonly world: World;
  readonly stage: Topology;
  readonly told: string;
} {
  const world = new World(scenario);
  const { trace } = world;
  const stage = new Topology(scenario);
  let told = '';
  for (let more = true; more; ) {
    more = world.step(1);
    if (stage.fact === trace.count) continue;
    while (stage.fact < trace.count) stage.apply(trace, stage.fact + 1);
    if (told !== '') continue;
    for (const { id, kind, name, group } of trace.actors) {
      if (kind !== 'consumer') continue;
      const machine = world.machine(id);
      if (!(machine instanceof Consumer)) throw new Error(`invariant: ${name} is no consumer`);
      const folded = stage.actors[id]?.hand.length ?? 0;
      // Where only the broker's or the store's answer is awaited, the consumer keeps its slot for a moment more.
      const awaited = scenario.consumers[group]?.concurrency ?? 1;
      if (folded <= machine.inHand && machine.inHand <= folded + awaited) continue;
      told = `After fact ${trace.count}, ${name} has ${machine.inHand} in hand, and the stage shows ${folded}.`;
    }
  }
  return { world, stage, told };
}
