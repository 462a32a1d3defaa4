/** Waits before retries: fixed, doubling, and with chance. */
import { describe, expect, it } from 'vitest';
import { type BackoffSettings, backoffOf, backoffUs } from '../../../core/clients/backoff.ts';
import type { Chooser } from '../../../core/parts/distribution.ts';

const SITE = { name: 'x' };
const settings = (parts: Partial<BackoffSettings> = {}): BackoffSettings => ({
  firstUs: 100,
  maxUs: 1000,
  growth: 'exponential',
  jitter: 'none',
  ...parts,
});
/** Chooses the least or the greatest number that it may. */
const least = { choose: () => 0 };
const greatest = { choose: (_: unknown, n: number) => n - 1 };
const waits = (parts: Partial<BackoffSettings>, chooser: Chooser = least) =>
  [1, 2, 3, 4, 5, 6].map((n) => backoffUs(settings(parts), n, chooser, SITE, 7));

describe('the wait before the n-th retry', () => {
  it.each([
    ['fixed', { growth: 'fixed' } as const, [100, 100, 100, 100, 100, 100]],
    ['doubles up to the longest', {}, [100, 200, 400, 800, 1000, 1000]],
    ['with full jitter may be nothing', { jitter: 'full' } as const, [0, 0, 0, 0, 0, 0]],
    ['with equal jitter is half at least', { jitter: 'equal' } as const, [50, 100, 200, 400, 500, 500]],
  ])('%s', (_, parts, expected) => expect(waits(parts)).toEqual(expected));

  it.each(['full', 'equal'] as const)('with %s jitter is never longer than without', (jitter) => {
    expect(waits({ jitter }, greatest)).toEqual(waits({}));
  });

  it('asks nobody without jitter', () => {
    const never = {
      choose: (): number => {
        throw new Error('asked');
      },
    };
    expect(backoffUs(settings(), 3, never, SITE)).toBe(400);
  });
});

describe('the settings in an option table', () => {
  it('never have a longest wait below the first', () => {
    expect(backoffOf({ 'retry-backoff': 5000, 'retry-max': 10 }, 'retry-', 1, 1).maxUs).toBe(5000);
  });
});
