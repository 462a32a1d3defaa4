import type { ConsumerSettings } from '../../../core/clients/consumer.ts';

/** A consumer's settings where a test says nothing: one message at a time, in no time, to no store. */
export const USUAL = {
  process: { type: 'constant', us: 0 },
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
} satisfies ConsumerSettings;
