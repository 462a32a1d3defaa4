/**
 * When SNS tries a delivery again: at once, then after the least delay, then after growing ones, then after the greatest (N10, N11). A policy is worked out
 * into phases once; a retry only asks for its delay. Whether a failure is worth a retry is not decided here.
 */
import type { Micros } from '../types.ts';

const SECOND = 1_000_000;

export type BackoffFunction = 'linear' | 'arithmetic' | 'geometric' | 'exponential';

/** A `healthyRetryPolicy`, with delays in µs. */
export interface DeliveryPolicy {
  /** How often a delivery is tried again in all. */
  readonly numRetries: number;
  /** Of these, first so many at once, */
  readonly numNoDelayRetries: number;
  /** then so many after `minDelayTarget`, */
  readonly numMinDelayRetries: number;
  /** at the end so many after `maxDelayTarget`; what is left between has growing delays. */
  readonly numMaxDelayRetries: number;
  readonly minDelayTarget: Micros;
  readonly maxDelayTarget: Micros;
  readonly backoffFunction: BackoffFunction;
}

/** The same as phases: so many retries each. `backoff` holds the delays of the growing ones. */
export interface RetryPhases {
  readonly immediate: number;
  readonly preBackoff: number;
  readonly postBackoff: number;
  readonly minDelayUs: Micros;
  readonly maxDelayUs: Micros;
  readonly backoff: readonly Micros[];
}

/** What HTTP/S endpoints have unless the subscription or the topic says otherwise (N11). */
export const HTTP_POLICY: DeliveryPolicy = {
  numRetries: 3,
  numNoDelayRetries: 0,
  numMinDelayRetries: 0,
  numMaxDelayRetries: 0,
  minDelayTarget: 20 * SECOND,
  maxDelayTarget: 20 * SECOND,
  backoffFunction: 'linear',
};

/** What endpoints of AWS (SQS, Lambda) have, which nobody can change: 100 015 retries over 23 days (N10). */
export const AWS_POLICY: DeliveryPolicy = {
  numRetries: 100_015,
  numNoDelayRetries: 3,
  numMinDelayRetries: 2,
  numMaxDelayRetries: 100_000,
  minDelayTarget: SECOND,
  maxDelayTarget: 20 * SECOND,
  backoffFunction: 'exponential',
};

/** E-mail, SMS and mobile push: 50 retries over 6 hours (N10). */
export const CUSTOMER_POLICY: DeliveryPolicy = {
  numRetries: 50,
  numNoDelayRetries: 0,
  numMinDelayRetries: 2,
  numMaxDelayRetries: 38,
  minDelayTarget: 10 * SECOND,
  maxDelayTarget: 600 * SECOND,
  backoffFunction: 'exponential',
};

/** The policy of a protocol, by the API's name for it; undefined for one that SNS does not have. */
export function policyOf(protocol: string): DeliveryPolicy | undefined {
  switch (protocol) {
    case 'sqs':
    case 'lambda':
    case 'firehose':
      return AWS_POLICY;
    case 'email':
    case 'email-json':
    case 'sms':
    case 'application':
      return CUSTOMER_POLICY;
    case 'http':
    case 'https':
      return HTTP_POLICY;
    default:
      return undefined;
  }
}

export function phasesOf(policy: DeliveryPolicy): RetryPhases {
  const { numNoDelayRetries, numMinDelayRetries, numMaxDelayRetries, minDelayTarget, maxDelayTarget } = policy;
  const growing = Math.max(0, policy.numRetries - numNoDelayRetries - numMinDelayRetries - numMaxDelayRetries);
  return {
    immediate: numNoDelayRetries,
    preBackoff: numMinDelayRetries,
    postBackoff: numMaxDelayRetries,
    minDelayUs: minDelayTarget,
    maxDelayUs: maxDelayTarget,
    backoff: backoffOf(policy.backoffFunction, growing, minDelayTarget, maxDelayTarget),
  };
}

/** How long to wait before retry `n`, counted from 1; −1 when the policy has no more. */
export function delayBefore(phases: RetryPhases, n: number): Micros {
  let left = n - 1;
  if (left < phases.immediate) return 0;
  left -= phases.immediate;
  if (left < phases.preBackoff) return phases.minDelayUs;
  left -= phases.preBackoff;
  const growing = phases.backoff[left];
  if (growing !== undefined) return growing;
  return left - phases.backoff.length < phases.postBackoff ? phases.maxDelayUs : -1;
}

/** The time between the first attempt and the last. N11: at most an hour for HTTP/S. */
export function spanOf(phases: RetryPhases): Micros {
  let us = phases.preBackoff * phases.minDelayUs + phases.postBackoff * phases.maxDelayUs;
  for (const delay of phases.backoff) us += delay;
  return us;
}

/** Why a policy is refused; '' when it is not (N11). */
export function whyPolicyRefused(policy: DeliveryPolicy): string {
  const { numRetries, numNoDelayRetries, numMinDelayRetries, numMaxDelayRetries } = policy;
  if (numRetries < 0 || numRetries > 100) return 'numRetries must be from 0 to 100';
  if (numNoDelayRetries + numMinDelayRetries + numMaxDelayRetries > numRetries) {
    return 'numNoDelayRetries, numMinDelayRetries and numMaxDelayRetries together exceed numRetries';
  }
  if (policy.minDelayTarget > policy.maxDelayTarget) return 'minDelayTarget exceeds maxDelayTarget';
  return spanOf(phasesOf(policy)) > 3600 * SECOND ? 'all delays together exceed 3600 s' : '';
}

/** `n` delays that begin at `from` and end at `to`; how they grow in between is not documented, only that the four differ. */
function backoffOf(by: BackoffFunction, n: number, from: Micros, to: Micros): Micros[] {
  if (n <= 1) return n === 1 ? [from] : [];
  const steps = n - 1;
  const delays: Micros[] = [];
  const ratio = by === 'geometric' || by === 'exponential' ? rootOf(to / from, steps) : 1;
  let grown = from;
  for (let i = 0; i < n; i++) {
    const part = by === 'arithmetic' ? (i * (i + 1)) / (steps * n) : i / steps;
    delays.push(i === steps ? to : Math.round(ratio > 1 ? grown : from + (to - from) * part));
    grown *= ratio;
  }
  return delays;
}

/** The n-th root of a number from 1 on, by halving: powers of the engines differ in their last bits, products do not. */
function rootOf(value: number, n: number): number {
  let low = 1;
  let high = value;
  for (let i = 0; i < 64; i++) {
    const middle = (low + high) / 2;
    let power = 1;
    for (let k = 0; k < n; k++) power *= middle;
    if (power > value) high = middle;
    else low = middle;
  }
  return low;
}
