/**
 * How long a Pulsar client waits before it asks for a message again: a fixed delay, or one that grows with each redelivery up to a limit. Only sums; the
 * timers are the client's. Source: P37, P41.
 */
import type { Micros } from '../types.ts';

/** MultiplierRedeliveryBackoff: delay(n) = min(minDelay × multiplier^(n−1), maxDelay). */
export interface RedeliveryBackoff {
  readonly minDelayUs: Micros;
  readonly maxDelayUs: Micros;
  /** At least 1. */
  readonly multiplier: number;
}

/** The wait before the n-th redelivery, from 1. */
export function backoffDelayUs({ minDelayUs, maxDelayUs, multiplier }: RedeliveryBackoff, n: number): Micros {
  let delay = minDelayUs;
  for (let i = 1; i < n && delay < maxDelayUs; i++) delay *= multiplier;
  return Math.floor(delay < maxDelayUs ? delay : maxDelayUs);
}

/** The step at which a client looks for nacks that are due: a third of the delay, which counts as 100 ms at the least (P37). */
export function nackStepUs(delayUs: Micros): Micros {
  return Math.floor((delayUs > 100_000 ? delayUs : 100_000) / 3);
}
