/**
 * Alert and autoscaling rules, evaluated inside the run at whole seconds over the same metrics that folds compute afterwards. An alert is recorded when
 * its condition has held long enough, and again when it no longer does. A scaling rule wants metric ÷ target instances, within its bounds, and acts
 * at most once per cooldown. The rules see the trace and nothing else.
 */
import { F } from '../core/facts.ts';
import type { Setup } from '../core/machine.ts';
import type { Micros, PlaceId } from '../core/types.ts';
import { LiveMetrics } from './folds/live-metrics.ts';
import type { AlertSpec, AutoscaleSpec, Scenario } from './scenario/types.ts';
import type { Trace } from './trace.ts';
import type { Watch } from './watch.ts';

/** A rule wants a consumer at so many instances. */
export interface Scaling {
  readonly consumer: string;
  readonly count: number;
}

interface Alert {
  readonly spec: AlertSpec;
  readonly index: number;
  readonly place: PlaceId;
  /** Since when the condition has held; −1 when it does not. */
  sinceUs: Micros;
  raised: boolean;
}

interface Scaler {
  readonly spec: AutoscaleSpec;
  nextUs: Micros;
  /** No change before this. */
  quietUntilUs: Micros;
}

export class Rules {
  /** How often `evaluate` wants to be called. */
  readonly everyUs: Micros = 1_000_000;
  readonly #watched: Watch;
  readonly #live: LiveMetrics;
  readonly #alerts: readonly Alert[];
  readonly #scalers: readonly Scaler[];

  constructor(scenario: Scenario, trace: Trace, watch: Watch, setup: Setup) {
    const { alerts, autoscale } = scenario;
    this.#watched = watch;
    this.#live = new LiveMetrics(trace, scenario, [
      ...alerts.map(({ when }) => when),
      ...autoscale.map(({ metric }) => metric),
    ]);
    this.#alerts = alerts.map((spec, index) => ({
      spec,
      index,
      place: setup.place(spec.name, 'alert'),
      sinceUs: -1,
      raised: false,
    }));
    this.#scalers = autoscale.map((spec) => ({
      spec,
      nextUs: spec.everyUs,
      quietUntilUs: 0,
    }));
  }

  /**
   * Records alerts that begin and end, and tells which consumers should have another number of instances than `instances` says they have. A rule
   * answers to a number, not to a fact: what it records has no cause.
   */
  evaluate(now: Micros, instances: (consumer: string) => number): readonly Scaling[] {
    this.#live.upTo(now);
    for (const alert of this.#alerts) this.#watch(alert, now);
    const changes: Scaling[] = [];
    for (const scaler of this.#scalers) {
      if (now < scaler.nextUs) continue;
      scaler.nextUs = now + scaler.spec.everyUs;
      const { consumer, metric, target, min, max, cooldownUs } = scaler.spec;
      const wanted = Math.min(max, Math.max(min, Math.ceil(this.#live.value(metric) / target)));
      if (wanted === instances(consumer) || now < scaler.quietUntilUs) continue;
      scaler.quietUntilUs = now + cooldownUs;
      changes.push({ consumer, count: wanted });
    }
    return changes;
  }

  #watch(alert: Alert, now: Micros): void {
    const { spec, place, index } = alert;
    if (this.#live.value(spec.when) === 0) {
      alert.sinceUs = -1;
      if (alert.raised) this.#watched.record(now, F['alert-cleared'], 0, place, index, 0);
      alert.raised = false;
      return;
    }
    if (alert.sinceUs < 0) alert.sinceUs = now;
    if (alert.raised || now - alert.sinceUs < spec.forUs) return;
    alert.raised = true;
    this.#watched.record(now, F['alert-raised'], 0, place, index, 0);
  }
}
