/**
 * How long a client waits before it tries again: always the same, or doubling up to a limit, with chance mixed in so that clients that failed
 * together do not come back together. One set of settings for everybody who retries; how often, and what counts as a failure, is theirs.
 */

import type { Site } from '../machine.ts';
import { numberOf, type OptionTable, type OptionValues, textOf } from '../options.ts';
import type { Chooser } from '../parts/distribution.ts';
import type { Micros } from '../types.ts';

export const GROWTHS = ['fixed', 'exponential'] as const;
export const JITTERS = ['none', 'full', 'equal'] as const;

export interface BackoffSettings {
  /** The first wait. */
  readonly firstUs: Micros;
  /** No wait is longer; at least `firstUs`. */
  readonly maxUs: Micros;
  /** `fixed`: each wait is the first one; `exponential`: each is twice the one before. */
  readonly growth: (typeof GROWTHS)[number];
  /** `none`: just so long; `full`: anything from 0 to that; `equal`: half of it, and the other half by chance. */
  readonly jitter: (typeof JITTERS)[number];
}

/** The wait before the n-th retry, from 1. `key` says what the chance is about; asks nobody without jitter. */
export function backoffUs(settings: BackoffSettings, n: number, chooser: Chooser, site: Site, key?: number): Micros {
  const { maxUs, growth, jitter } = settings;
  let wait = settings.firstUs;
  if (growth === 'exponential') for (let i = 1; i < n && wait < maxUs; i++) wait *= 2;
  if (wait > maxUs) wait = maxUs;
  if (jitter === 'none') return wait;
  const mixed = key === undefined ? undefined : (key + Math.imul(n, 0x85ebca6b)) | 0;
  if (jitter === 'full') return chooser.choose(site, wait + 1, mixed);
  const half = Math.floor(wait / 2);
  return half + chooser.choose(site, wait - half + 1, mixed);
}

/** What an option table of a client that retries has beside the number of retries and the first wait, which is called `first`. `before` is `retry-` or `retry_`. */
export function backoffOptions(
  before: string,
  growth: BackoffSettings['growth'],
  maxUs: Micros,
  first = `${before}backoff`,
): OptionTable {
  return {
    [`${before}growth`]: {
      type: 'enum',
      values: GROWTHS,
      default: growth,
      doc: `fixed: every wait is ${first}. exponential: each wait is twice the one before, up to ${before}max.`,
      source: 'client: retry policy',
    },
    [`${before}max`]: {
      type: 'duration',
      unit: 'ms',
      default: maxUs,
      min: 0,
      doc: `The longest wait, with ${before}growth: exponential.`,
      source: 'client: retry policy',
    },
    [`${before}jitter`]: {
      type: 'enum',
      values: JITTERS,
      default: 'none',
      doc: 'Chance in the wait, so that clients that failed together do not come back together. full: from 0 to the whole wait; equal: from half of it.',
      source: 'AWS Architecture Blog: exponential backoff and jitter',
    },
  };
}

/** The settings that a table with `backoffOptions` says. */
export function backoffOf(
  options: OptionValues,
  before: string,
  firstUs: Micros,
  maxUs: Micros,
  name = `${before}backoff`,
): BackoffSettings {
  const first = numberOf(options, name, firstUs);
  const growth = textOf(options, `${before}growth`);
  const jitter = textOf(options, `${before}jitter`);
  return {
    firstUs: first,
    maxUs: Math.max(first, numberOf(options, `${before}max`, maxUs)),
    growth: GROWTHS.find((one) => one === growth) ?? 'exponential',
    jitter: JITTERS.find((one) => one === jitter) ?? 'none',
  };
}
