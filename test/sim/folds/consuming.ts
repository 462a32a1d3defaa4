import type { MetricsScenario } from '../../../sim/folds/metrics.ts';
import type { ConsumerSpec } from '../../../sim/scenario/types.ts';

/** The part of a scenario that folds read: consumers by declared name, with usual settings where nothing is said. */
export function consuming(consumers: Readonly<Record<string, Partial<ConsumerSpec>>>): MetricsScenario {
  const full: Record<string, ConsumerSpec> = {};
  for (const [name, said] of Object.entries(consumers)) {
    full[name] = {
      broker: 'broker',
      from: ['jobs'],
      group: name,
      count: 1,
      process: { type: 'constant', us: 1000 },
      settle: 'after-processing',
      concurrency: 1,
      prefetch: 1,
      effect: { type: 'none', store: '' },
      onFailure: 'leave',
      onPoison: 'fail',
      failProbability: 0,
      crash: null,
      heartbeat: null,
      dedup: null,
      writeTimeoutUs: 5_000_000,
      retry: null,
      breaker: null,
      reorder: null,
      shed: null,
      liveness: null,
      produces: [],
      options: {},
      ...said,
    };
  }
  return { consumers: full, timeline: [] };
}
