/**
 * Random spans of time (latency, work) drawn by whole-number choices. Only + − × ÷ on doubles, which IEEE 754 fixes to the bit, so
 * a draw is the same in every engine; the engine's own logarithm is not used.
 */
import type { Site } from '../machine.ts';
import type { Micros } from '../types.ts';

export type Distribution =
  | { readonly type: 'constant'; readonly us: Micros }
  | { readonly type: 'uniform'; readonly minUs: Micros; readonly maxUs: Micros }
  | { readonly type: 'exponential'; readonly meanUs: Micros };

/** Whoever can decide: the `Out` of a machine, or the world itself. */
export interface Chooser {
  choose(site: Site, n: number, key?: number): number;
}

const STEPS = 2 ** 30;

/** A draw in whole microseconds; constants ask nobody. */
export function draw(distribution: Distribution, chooser: Chooser, site: Site, key?: number): Micros {
  switch (distribution.type) {
    case 'constant':
      return distribution.us;
    case 'uniform':
      return distribution.minUs + chooser.choose(site, distribution.maxUs - distribution.minUs + 1, key);
    case 'exponential':
      return exponential(distribution.meanUs, chooser, site, key);
    default:
      return unknownDistribution(distribution);
  }
}

/** Mean of the distribution in µs. */
export function meanUs(distribution: Distribution): Micros {
  switch (distribution.type) {
    case 'constant':
      return distribution.us;
    case 'uniform':
      return (distribution.minUs + distribution.maxUs) / 2;
    case 'exponential':
      return distribution.meanUs;
    default:
      return unknownDistribution(distribution);
  }
}

/** True with the given probability (0 … 1, in steps of 2⁻³⁰). Asks nobody for 0 and 1. */
export function happens(probability: number, chooser: Chooser, site: Site, key?: number): boolean {
  if (probability <= 0) return false;
  if (probability >= 1) return true;
  return chooser.choose(site, STEPS, key) < probability * STEPS;
}

/** A draw from the exponential distribution of this mean: its inverse at (step + ½) / STEPS. */
export function exponential(mean: Micros, chooser: Chooser, site: Site, key?: number): Micros {
  const step = chooser.choose(site, STEPS, key);
  return Math.floor(mean * minusLog(step) + 0.5);
}

const LN2 = 0.6931471805599453;

/**
 * −ln(u) of u = (step + ½) / STEPS, for a whole step from 0 to STEPS − 1: u is brought to [1, 2) by doubling it, and the rest is the series of artanh,
 * which converges fast there. How often it is doubled is counted by the leading zeros of the step, as a loop that ends after a random number of turns
 * is slow; both are exact.
 */
function minusLog(step: number): number {
  const doublings = Math.clz32(step) - 1;
  const x = step === 0 ? 1 : (step + 0.5) / (1 << (30 - doublings));
  const z = (x - 1) / (x + 1);
  const z2 = z * z;
  let term = z;
  let sum = 0;
  for (let k = 1; k < 26; k += 2) {
    sum += term / k;
    term *= z2;
  }
  return doublings * LN2 - 2 * sum;
}

function unknownDistribution(distribution: never): never {
  throw new Error(`invariant: unknown distribution ${JSON.stringify(distribution)}`);
}
