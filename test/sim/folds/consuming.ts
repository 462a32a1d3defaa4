import type { MetricsScenario } from '../../../sim/folds/metrics.ts';
import type { ConsumerSpec } from '../../../sim/scenario/types.ts';
import { USUAL } from '../../core/clients/usual.ts';

/** The part of a scenario that folds read: consumers by declared name, with usual settings where nothing is said. */
export function consuming(consumers: Readonly<Record<string, Partial<ConsumerSpec>>>): MetricsScenario {
  const full: Record<string, ConsumerSpec> = {};
  for (const [name, said] of Object.entries(consumers)) {
    full[name] = {
      broker: 'broker',
      from: ['jobs'],
      group: name,
      count: 1,
      ...USUAL,
      process: { type: 'constant', us: 1000 },
      options: {},
      ...said,
    };
  }
  return { consumers: full, timeline: [] };
}
