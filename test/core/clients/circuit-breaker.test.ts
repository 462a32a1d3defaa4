/** The circuit breaker: closed, open, half open. */
import { describe, expect, it } from 'vitest';
import { CircuitBreaker } from '../../../core/clients/circuit-breaker.ts';

const breakerOf = (probes = 1) => new CircuitBreaker({ failures: 3, openUs: 10, probes });
function opened(probes = 1): CircuitBreaker {
  const breaker = breakerOf(probes);
  for (let i = 0; i < 3; i++) breaker.failure();
  return breaker;
}

describe('a circuit breaker', () => {
  it('opens at the third failure in a row, not before', () => {
    const breaker = breakerOf();
    expect([breaker.failure(), breaker.failure(), breaker.allows(), breaker.failure(), breaker.allows()]).toEqual([
      false,
      false,
      true,
      true,
      false,
    ]);
  });

  it('counts failures in a row only', () => {
    const breaker = breakerOf();
    breaker.failure();
    breaker.failure();
    breaker.success();
    expect(breaker.failure()).toBe(false);
  });

  it('lets one probe through at a time when it is half open', () => {
    const breaker = opened();
    breaker.halfOpen();
    expect([breaker.allows(), breaker.allows()]).toEqual([true, false]);
  });

  it('closes when the probes have succeeded, and opens again when one fails', () => {
    const breaker = opened(2);
    breaker.halfOpen();
    expect([breaker.success(), breaker.state, breaker.success(), breaker.state]).toEqual([
      false,
      'half-open',
      true,
      'closed',
    ]);
    const other = opened();
    other.halfOpen();
    expect([other.failure(), other.state]).toEqual([true, 'open']);
  });

  it('is not opened again by failures of calls that went out before it opened', () => {
    expect(opened().failure()).toBe(false);
  });

  it('takes what it hears half open for the probe’s, also of an older call', () => {
    const breaker = opened();
    breaker.halfOpen();
    expect([breaker.allows(), breaker.failure(), breaker.allows()]).toEqual([true, true, false]);
  });

  it('begins closed after a crash', () => {
    const breaker = opened();
    breaker.clear();
    expect(breaker.allows()).toBe(true);
  });
});
