/**
 * A circuit breaker: after so many failures in a row it opens, and nothing is tried for a while; then a few probes decide whether it closes or opens
 * again. It spares what is failing the load that would keep it down. It counts and remembers; timers and facts are its owner's.
 */
import type { Micros } from '../types.ts';

export interface BreakerSettings {
  /** So many failures in a row open it; at least 1. */
  readonly failures: number;
  /** How long it stays open before probes are let through. */
  readonly openUs: Micros;
  /** How many probes must succeed, one after the other, before it closes. */
  readonly probes: number;
}

export type BreakerState = 'closed' | 'open' | 'half-open';

export class CircuitBreaker {
  state: BreakerState = 'closed';
  readonly #settings: BreakerSettings;
  #failures = 0;
  #succeeded = 0;
  #probing = false;

  constructor(settings: BreakerSettings) {
    this.#settings = settings;
  }

  get openUs(): Micros {
    return this.#settings.openUs;
  }

  /** Whether the next call may go out now; half open, one at a time may, and it counts as the probe. */
  allows(): boolean {
    if (this.state === 'closed') return true;
    if (this.state === 'open' || this.#probing) return false;
    this.#probing = true;
    return true;
  }

  /** The time of `openUs` is over. */
  halfOpen(): void {
    this.state = 'half-open';
    this.#probing = false;
    this.#succeeded = 0;
  }

  /** A call succeeded. True when that closed it. */
  success(): boolean {
    this.#failures = 0;
    if (this.state !== 'half-open') return false;
    this.#probing = false;
    if (++this.#succeeded < this.#settings.probes) return false;
    this.state = 'closed';
    return true;
  }

  /**
   * A call failed. True when that opened it. While it is open, what is heard of calls that went out before changes nothing; half open, the first that is heard counts as
   * the probe's, whichever it is: results carry no number, as in breakers that count them alone.
   */
  failure(): boolean {
    if (this.state === 'open') return false;
    if (this.state === 'closed' && ++this.#failures < this.#settings.failures) return false;
    this.state = 'open';
    this.#failures = 0;
    this.#probing = false;
    return true;
  }

  /** The process died: it begins closed. */
  clear(): void {
    this.state = 'closed';
    this.#failures = 0;
    this.#probing = false;
  }
}
