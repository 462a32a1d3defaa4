/**
 * The scenario as `set` lines of the timeline have left it: a limit is that of the moment at which somebody counts, and what the settings permitted when
 * something broke may be another thing than what they permit in the file.
 */
import { CONSUMER_CHANGES, changed, PRODUCER_CHANGES } from '../../core/clients/changes.ts';
import { F } from '../../core/facts.ts';
import type { OptionValue, OptionValues } from '../../core/options.ts';
import type { FactId } from '../../core/types.ts';
import type { DeclaredSpec, Scenario } from '../scenario/types.ts';
import type { Trace } from '../trace.ts';

type Declared = Readonly<Record<string, DeclaredSpec>>;

/** The scenario after the fact `changed`; the same one when its line changes nothing that is judged. */
export function scenarioAfter(scenario: Scenario, trace: Trace, id: FactId): Scenario {
  const action = scenario.timeline[trace.value(id)]?.action;
  if (action?.type !== 'set') return scenario;
  const [section, name = '', ...path] = action.path;
  const command = { type: 'set', path, value: action.value } as const;
  const { queues, topics, consumers, producers } = scenario;
  switch (section) {
    case 'queues':
      return { ...scenario, queues: withOption(queues, name, path, action.value as OptionValue) };
    case 'topics':
      return { ...scenario, topics: withOption(topics, name, path, action.value as OptionValue) };
    case 'consumers': {
      const spec = consumers[name];
      if (spec === undefined) return scenario;
      return { ...scenario, consumers: { ...consumers, [name]: changed(spec, CONSUMER_CHANGES, command) } };
    }
    case 'producers': {
      const spec = producers[name];
      if (spec === undefined) return scenario;
      return { ...scenario, producers: { ...producers, [name]: changed(spec, PRODUCER_CHANGES, command) } };
    }
    default:
      return scenario;
  }
}

/** The scenario as it stood before a fact, and then each earlier state of it, back to the file. */
export function scenariosBefore(scenario: Scenario, trace: Trace, id: FactId): readonly Scenario[] {
  const states = [scenario];
  if (!scenario.timeline.some(({ action }) => action.type === 'set')) return states;
  let last = scenario;
  for (let at = 1; at < id; at++) {
    if (trace.kind(at) !== F.changed) continue;
    last = scenarioAfter(last, trace, at);
    states.push(last);
  }
  return states.reverse();
}

function withOption(declared: Declared, name: string, path: readonly string[], value: OptionValue): Declared {
  const spec = declared[name];
  return spec === undefined
    ? declared
    : { ...declared, [name]: { ...spec, options: withValue(spec.options, path, value) } };
}

function withValue(options: OptionValues, path: readonly string[], value: OptionValue): OptionValues {
  const [word = '', ...deeper] = path;
  if (deeper.length === 0) return { ...options, [word]: value };
  const inner = options[word];
  const table = typeof inner === 'object' && !Array.isArray(inner) ? (inner as OptionValues) : {};
  return { ...options, [word]: withValue(table, deeper, value) };
}
