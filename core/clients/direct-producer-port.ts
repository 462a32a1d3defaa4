/**
 * Calling endpoints directly: one after the other for each message, each at the next instance that is up, waiting for each answer. A step that fails for
 * good fails the whole message; what earlier steps have done stays done, and nobody undoes it.
 */
import type { Answer, Call, HealthAnswer, Registry } from '../brokers/direct.ts';
import { R } from '../facts.ts';
import type { Out, Setup, Site, Wire } from '../machine.ts';
import { numberOf } from '../options.ts';
import type { ActorId, Message, Micros } from '../types.ts';
import { type BackoffSettings, backoffOf, backoffUs } from './backoff.ts';
import { HealthChecks } from './health-checks.ts';
import { OpenRequests } from './open-requests.ts';
import type { ProducerHost, ProducerPort, ProducerPortSpec } from './ports.ts';

/** One message at one of its endpoints. */
interface Calling {
  readonly message: Message;
  readonly step: number;
  readonly attempt: number;
  /** Something may have been done already: an earlier step, or an attempt whose outcome stayed unknown. */
  readonly touched: boolean;
  readonly callee: ActorId;
}

interface RetryTimer extends Wire {
  readonly type: 'direct/retry';
  readonly calling: Calling;
  readonly reason: number;
}

export class DirectProducerPort implements ProducerPort {
  readonly #registry: Registry;
  readonly #host: ProducerHost;
  readonly #endpoints: readonly string[];
  readonly #timeoutUs: Micros;
  readonly #retries: number;
  readonly #backoff: BackoffSettings;
  readonly #jitter: Site;
  /** null: it knows at once who is up. */
  readonly #health: HealthChecks | null;
  readonly #open = new OpenRequests<Calling>('direct/late');
  /** Calls made per endpoint: whose turn it is. */
  readonly #turns: number[];

  constructor(registry: Registry, spec: ProducerPortSpec, host: ProducerHost, setup: Setup) {
    this.#registry = registry;
    this.#host = host;
    this.#endpoints = spec.to;
    this.#turns = spec.to.map(() => 0);
    this.#timeoutUs = numberOf(spec.options, 'timeout', 30_000_000);
    this.#retries = numberOf(spec.options, 'retries');
    this.#backoff = backoffOf(spec.options, 'retry-', 100_000, 20_000_000);
    this.#jitter = setup.site(`${spec.name}/retry-jitter`);
    const everyUs = numberOf(spec.options, 'health-check-interval');
    const unhealthy = numberOf(spec.options, 'unhealthy-threshold', 2);
    const healthy = numberOf(spec.options, 'healthy-threshold', 2);
    this.#health = everyUs === 0 ? null : new HealthChecks(registry, spec.to, { everyUs, unhealthy, healthy });
  }

  start(out: Out): void {
    this.#health?.start(out);
  }

  publish(message: Message, out: Out): void {
    this.#call({ message, step: 0, attempt: 1, touched: false, callee: 0 }, out);
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    if (wire.type === 'health-answer') return this.#health?.answered(from, wire as HealthAnswer, out);
    if (wire.type !== 'answer') return;
    const { token, ok, reason, definite } = wire as Answer;
    const calling = this.#open.close(token, out);
    if (calling === undefined) return;
    if (!ok) return this.#failed(calling, reason, definite, out);
    const { message, step } = calling;
    if (step + 1 < this.#endpoints.length) {
      return this.#call({ message, step: step + 1, attempt: 1, touched: true, callee: 0 }, out);
    }
    this.#host.confirmed(message, this.#registry.endpoint(this.#endpoints[step] as string).place, 0, true, out);
  }

  timer(wire: Wire, out: Out): void {
    if (wire.type === 'direct/late') {
      for (const calling of this.#open.due(out)) this.#failed(calling, R['timed out'], false, out);
    } else if (wire.type === 'direct/retry') {
      const { calling, reason } = wire as RetryTimer;
      this.#host.retrying(calling.message, calling.attempt, reason, out);
      this.#call(calling, out);
    } else if (wire.type === 'direct/check') this.#health?.check(out);
  }

  /** The connection is reset: whether the callee had begun, nobody can tell the caller. */
  peerLost(peer: ActorId, out: Out): void {
    for (const calling of this.#open.closeAll(({ callee }) => callee === peer)) {
      this.#failed(calling, R['connection lost'], false, out);
    }
  }

  crash(): void {
    this.#open.clear();
    this.#health?.crash();
  }

  #call(calling: Calling, out: Out): void {
    const { message, step, attempt } = calling;
    const name = this.#endpoints[step] as string;
    const up = this.#health === null ? this.#registry.endpoint(name).up : this.#health.wellOf(name);
    if (up.length === 0) return this.#failed(calling, R['target down'], true, out);
    const turn = this.#turns[step] as number;
    this.#turns[step] = turn + 1;
    const callee = up[turn % up.length] as ActorId;
    const request: Call = {
      type: 'call',
      endpoint: name,
      message,
      token: this.#open.open({ ...calling, callee }, this.#timeoutUs, out),
      attempt,
      sizeBytes: message.sizeBytes,
    };
    out.send(callee, 'request', request, message.id);
  }

  #failed(calling: Calling, reason: number, definite: boolean, out: Out): void {
    const { message, attempt } = calling;
    const touched = calling.touched || !definite;
    if (attempt > this.#retries) return this.#host.failed(message, reason, !touched, out);
    const retry: RetryTimer = { type: 'direct/retry', calling: { ...calling, attempt: attempt + 1, touched }, reason };
    out.timer(backoffUs(this.#backoff, attempt, out, this.#jitter, message.decisionKey), retry, out.cause);
  }
}
