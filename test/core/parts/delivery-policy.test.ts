/** Retry phases by N10 and N11. */
import { describe, expect, it } from 'vitest';
import {
  AWS_POLICY,
  type BackoffFunction,
  CUSTOMER_POLICY,
  delayBefore,
  HTTP_POLICY,
  phasesOf,
  spanOf,
  whyPolicyRefused,
} from '../../../core/parts/delivery-policy.ts';

const SECOND = 1_000_000;
const DAY = 86_400 * SECOND;
const delays = (policy: typeof HTTP_POLICY, n: number) =>
  Array.from({ length: n }, (_, i) => delayBefore(phasesOf(policy), i + 1) / SECOND);

describe('phases', () => {
  it('N10: an endpoint of AWS is tried three times at once, twice after 1 s, then ever later up to 20 s', () => {
    const [at0, at1, at2, pre0, pre1, from, ...rest] = delays(AWS_POLICY, 16);
    expect([at0, at1, at2, pre0, pre1, from]).toEqual([0, 0, 0, 1, 1, 1]);
    expect(rest.slice(-2)).toEqual([20, 20]);
    expect(rest.every((delay, i) => i === 0 || delay >= (rest[i - 1] ?? 0))).toBe(true);
  });

  it('N10: 100 015 retries take 23 days, 50 to a customer 6 hours', () => {
    expect(delayBefore(phasesOf(AWS_POLICY), 100_015)).toBe(20 * SECOND);
    expect(delayBefore(phasesOf(AWS_POLICY), 100_016)).toBe(-1);
    expect(Math.floor(spanOf(phasesOf(AWS_POLICY)) / DAY)).toBe(23);
    expect(Math.floor(spanOf(phasesOf(CUSTOMER_POLICY)) / (3600 * SECOND))).toBe(6);
  });

  it('N11: HTTP tries three times more, 20 s apart', () => {
    expect(delays(HTTP_POLICY, 4)).toEqual([20, 20, 20, -1 / SECOND]);
  });

  it.each<[BackoffFunction, readonly number[]]>([
    ['linear', [2, 12, 22, 32]],
    ['arithmetic', [2, 7, 17, 32]],
    ['geometric', [2, 5.039684, 12.699208, 32]],
    ['exponential', [2, 5.039684, 12.699208, 32]],
  ])('%s delays run from the least to the greatest', (backoffFunction, expected) => {
    const policy = { ...HTTP_POLICY, numRetries: 4, minDelayTarget: 2 * SECOND, maxDelayTarget: 32 * SECOND };
    expect(delays({ ...policy, backoffFunction }, 4)).toEqual(expected);
  });
});

it.each([
  [{ numRetries: 101 }, 'numRetries'],
  [{ numRetries: 3, numNoDelayRetries: 4 }, 'exceed numRetries'],
  [{ minDelayTarget: 30 * SECOND }, 'exceeds maxDelayTarget'],
  [{ numRetries: 100, maxDelayTarget: 600 * SECOND }, '3600'],
  [{ numRetries: 50, numNoDelayRetries: 50 }, ''],
])('N11: refuses %j', (fields, why) => {
  const said = whyPolicyRefused({ ...HTTP_POLICY, ...fields });
  if (why === '') expect(said).toBe('');
  else expect(said).toContain(why);
});
