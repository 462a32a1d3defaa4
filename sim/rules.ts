/**
 * Alert and autoscaling rules, evaluated inside the run over the same metrics that folds compute afterwards.
 */
import type { Setup } from '../core/machine.ts';
import type { FactId, Micros } from '../core/types.ts';
import type { Scenario } from './scenario/types.ts';
import type { Trace } from './trace.ts';

export interface Scaling {
  readonly type: 'scale';
  readonly consumer: string;
  readonly count: number;
  readonly cause: FactId;
}

export class Rules {
  readonly everyUs: Micros = 1_000_000;
  readonly scenario: Scenario;
  readonly trace: Trace;
  readonly setup: Setup;

  constructor(scenario: Scenario, trace: Trace, setup: Setup) {
    this.scenario = scenario;
    this.trace = trace;
    this.setup = setup;
  }

  evaluate(_now: Micros): readonly Scaling[] {
    return [];
  }
}
