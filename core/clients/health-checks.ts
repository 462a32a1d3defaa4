/**
 * What a caller knows of the instances that it may call, from asking each of them now and then: it learns late that one is down, and late that one is back.
 * Not asked is nobody: an instance counts as well until it has failed.
 */
import type { HealthAnswer, HealthCheck, Registry } from '../brokers/direct.ts';
import { F } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import type { ActorId, Micros } from '../types.ts';

export interface HealthSettings {
  readonly everyUs: Micros;
  /** Failed checks in a row that take an instance out, and passed ones that bring it back. */
  readonly unhealthy: number;
  readonly healthy: number;
}

interface Health {
  well: boolean;
  /** Checks in a row that spoke against what is thought of it. */
  against: number;
  waits: boolean;
}

const CHECK: Wire = { type: 'direct/check' };

export class HealthChecks {
  readonly #registry: Registry;
  readonly #endpoints: readonly string[];
  readonly #settings: HealthSettings;
  /** By endpoint, then instance. */
  #seen = new Map<string, Map<ActorId, Health>>();

  constructor(registry: Registry, endpoints: readonly string[], settings: HealthSettings) {
    this.#registry = registry;
    this.#endpoints = endpoints;
    this.#settings = settings;
  }

  start(out: Out): void {
    out.timer(this.#settings.everyUs, CHECK, 0);
  }

  crash(): void {
    this.#seen = new Map();
  }

  /** The instances of an endpoint that are called. */
  wellOf(endpoint: string): readonly ActorId[] {
    return this.#registry.endpoint(endpoint).known.filter((one) => this.#of(endpoint, one).well);
  }

  /** `direct/check` fired: who has not answered has failed; then everybody is asked anew. */
  check(out: Out): void {
    for (const endpoint of this.#endpoints) {
      for (const instance of this.#registry.endpoint(endpoint).known) {
        const health = this.#of(endpoint, instance);
        if (health.waits) this.#count(endpoint, instance, health, false, out);
        health.waits = true;
        const ask: HealthCheck = { type: 'health', endpoint };
        out.send(instance, 'control', ask);
      }
    }
    out.timer(this.#settings.everyUs, CHECK, 0);
  }

  answered(instance: ActorId, { endpoint, ok }: HealthAnswer, out: Out): void {
    const health = this.#of(endpoint, instance);
    if (!health.waits) return;
    health.waits = false;
    this.#count(endpoint, instance, health, ok, out);
  }

  #count(endpoint: string, instance: ActorId, health: Health, ok: boolean, out: Out): void {
    const { unhealthy, healthy } = this.#settings;
    if (ok === health.well) {
      health.against = 0;
      return;
    }
    health.against++;
    if (health.against < (health.well ? unhealthy : healthy)) return;
    health.well = ok;
    out.fact(ok ? F.healthy : F.unhealthy, 0, this.#registry.endpoint(endpoint).place, instance, health.against);
    health.against = 0;
  }

  #of(endpoint: string, instance: ActorId): Health {
    let seen = this.#seen.get(endpoint);
    if (seen === undefined) {
      seen = new Map();
      this.#seen.set(endpoint, seen);
    }
    let health = seen.get(instance);
    if (health === undefined) {
      health = { well: true, against: 0, waits: false };
      seen.set(instance, health);
    }
    return health;
  }
}
