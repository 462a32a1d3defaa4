/**
 * Each claim against machines that are wrong in one thing. A bug must break the claims of its line, and no other that holds without it: so a checker that never
 * fires fails here, and so does one that fires at something else.
 */
import { expect, it } from 'vitest';
import { judge } from '../../sim/checks/index.ts';
import { CLAIMS, type ClaimName } from '../../sim/checks/names.ts';
import { exercisable } from '../../sim/checks/promises.ts';
import { run } from '../../sim/world.ts';
import { yamlOf } from './document.ts';
import { scenarioOf } from './laws.ts';
import { MUTANTS, type Mutant } from './mutants.ts';
import { type Bug, planted } from './planted.ts';

const SEEDS = [1, 2, 3];

it.each(MUTANTS)('$does: $kills', (mutant) => {
  const sound = broken(mutant, () => () => {});
  const wrong = [...broken(mutant, mutant.bug)].filter((claim) => !sound.has(claim));
  expect(wrong.sort()).toEqual([...mutant.kills].sort());
});

it.each(CLAIMS)('some planted bug breaks %s', (claim) => {
  expect(MUTANTS.filter(({ kills }) => kills.includes(claim))).not.toEqual([]);
});

/** The claims that break in some run of the mutant's system while this bug is in. */
function broken({ system, timeline = [] }: Mutant, bug: Bug): ReadonlySet<ClaimName> {
  const found = new Set<ClaimName>();
  for (const seed of SEEDS) {
    const scenario = scenarioOf(yamlOf({ ...system, seed, ...(timeline.length > 0 ? { timeline } : {}) }));
    const { trace } = planted(bug, () => run(scenario));
    const asked = exercisable(scenario).map((claim) => ({ claim, scope: '' }));
    for (const { claim, verdict } of judge(trace, scenario, asked))
      if (verdict === 'violated' || verdict === 'allowed') found.add(claim as ClaimName);
  }
  return found;
}
