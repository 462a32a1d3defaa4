/**
 * Metrics inside of a run, for alerts and scaling rules: fed as the trace grows, asked at any moment. Only expressions of the moment can be asked;
 * rates and utilisation are then those of the last 10 s.
 */
import type { FactId, Micros } from '../../core/types.ts';
import { compileMoment, type Moment } from '../scenario/expect.ts';
import { View } from '../scenario/expect-functions.ts';
import type { Trace } from '../trace.ts';
import { Metrics, type MetricsScenario } from './metrics.ts';

export class LiveMetrics {
  readonly metrics: Metrics;
  readonly #trace: Trace;
  readonly #view: View;
  readonly #moments = new Map<string, Moment>();

  /** `expressions`: all that will be asked, already checked with `checkExpression`. */
  constructor(
    trace: Trace,
    scenario: MetricsScenario & { readonly durationUs: Micros },
    expressions: readonly string[],
  ) {
    this.#trace = trace;
    this.metrics = new Metrics(scenario);
    this.#view = new View(trace, this.metrics, scenario);
    for (const text of expressions) {
      const moment = compileMoment(text);
      if (moment === null) throw new Error(`invariant: the parser let \`${text}\` pass`);
      moment.prepare(this.metrics);
      this.#moments.set(text, moment);
    }
  }

  /** Takes in the next fact. */
  see(trace: Trace, id: FactId): void {
    this.metrics.see(trace, id);
  }

  /** Takes in what the trace has gained, and moves to a time. */
  upTo(now: Micros): void {
    this.metrics.catchUp(this.#trace);
    if (now > this.metrics.nowUs) this.metrics.nowUs = now;
  }

  /** The value of an expression now; a condition is 1 or 0. Durations are µs. */
  value(expression: string): number {
    const moment = this.#moments.get(expression);
    if (moment === undefined) throw new Error(`invariant: \`${expression}\` was not announced`);
    return moment.read(this.#view);
  }
}
