/** Runs of scenarios written in a test: YAML in, trace out, and the few questions that tests ask of a trace. */
import type { FactName } from '../../core/facts.ts';
import { parseScenario } from '../../sim/scenario/parse.ts';
import type { Scenario } from '../../sim/scenario/types.ts';
import type { Fact, Trace } from '../../sim/trace.ts';
import { run, type WorldOptions } from '../../sim/world.ts';

/** The scenario, or an error that holds what is wrong with it. */
export function scenarioOf(yaml: string, sets: readonly string[] = []): Scenario {
  const { scenario, diagnostics } = parseScenario(yaml, { file: 'test.yaml', sets });
  if (scenario === null) throw new Error(diagnostics.map((one) => JSON.stringify(one)).join('\n'));
  return scenario;
}

export function traceOf(yaml: string, options: WorldOptions = {}): Trace {
  return run(scenarioOf(yaml), options).trace;
}

export function factsOf(trace: Trace, ...names: readonly FactName[]): Fact[] {
  const found: Fact[] = [];
  for (let id = 1; id <= trace.count; id++) if (names.includes(trace.name(id))) found.push(trace.fact(id));
  return found;
}

export function countOf(trace: Trace, name: FactName): number {
  return factsOf(trace, name).length;
}

/** Facts of these kinds, each as `0.200 begun m1 worker`. */
export function storyOf(trace: Trace, ...names: readonly FactName[]): string[] {
  return factsOf(trace, ...names).map(({ timeUs, name, message, actor }) =>
    [(timeUs / 1e6).toFixed(3), name, message > 0 ? `m${message}` : '', trace.actorName(actor)]
      .filter(Boolean)
      .join(' '),
  );
}
