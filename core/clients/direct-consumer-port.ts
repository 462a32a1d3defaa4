/**
 * Serving direct calls: whoever calls waits for the answer, which is sent when the delivery is settled, or at once when the consumer settles before it
 * works ("202 Accepted"). Calls beyond what the consumer works on wait at it, up to `backlog`; beyond that they are refused.
 */
import type { Answer, Call, HealthAnswer, HealthCheck, Registry } from '../brokers/direct.ts';
import { F, R } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import { numberOf } from '../options.ts';
import type { ActorId, Delivery, Settlement } from '../types.ts';
import type { ConsumerHost, ConsumerPort, ConsumerPortSpec, SettleWhen } from './ports.ts';

/** What the port keeps in `Delivery.handle`. */
interface Caller {
  readonly actor: ActorId;
  readonly token: number;
}

export class DirectConsumerPort implements ConsumerPort {
  readonly #registry: Registry;
  readonly #host: ConsumerHost;
  readonly #endpoints: readonly string[];
  readonly #settle: SettleWhen;
  readonly #most: number;
  /** Calls whose callers still wait for the answer. */
  readonly #unanswered = new Set<Delivery>();
  /** Calls at the consumer that count against the limit: all unsettled ones, or those not yet begun when answers go out at once. */
  #held = 0;
  #self: ActorId = 0;
  /** Tokens of the calls that came, by caller: a call travels by TCP, which hands on each request once, whatever the network copies. */
  readonly #came = new Map<ActorId, Set<number>>();

  constructor(registry: Registry, spec: ConsumerPortSpec, host: ConsumerHost) {
    this.#registry = registry;
    this.#host = host;
    this.#endpoints = spec.from;
    this.#settle = spec.settle;
    const backlog = numberOf(spec.options, 'backlog', 100);
    this.#most = spec.settle === 'after-processing' ? backlog + spec.prefetch : Math.max(1, backlog);
  }

  start(out: Out): void {
    this.#self = out.self;
    for (const endpoint of this.#endpoints) this.#registry.enter(endpoint, out.self);
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    if (wire.type === 'health') {
      const { endpoint } = wire as HealthCheck;
      const well: HealthAnswer = { type: 'health-answer', endpoint, ok: this.#held < this.#most };
      return out.send(from, 'control', well);
    }
    if (wire.type !== 'call') return;
    const { endpoint, message, token, attempt } = wire as Call;
    const { place } = this.#registry.endpoint(endpoint);
    const caller: Caller = { actor: from, token };
    const came = this.#came.get(from) ?? new Set();
    if (came.has(token)) return;
    this.#came.set(from, came.add(token));
    if (this.#held >= this.#most) {
      out.fact(F.rejected, message.id, place, from, 0, R['over capacity']);
      return answer(caller, message.id, false, R['over capacity'], true, out);
    }
    this.#held++;
    out.fact(F.delivered, message.id, place, out.self, 0, attempt);
    const delivery: Delivery = { message, place, attempt, handle: caller };
    if (this.#settle === 'after-processing') this.#unanswered.add(delivery);
    else answer(caller, message.id, true, 0, true, out);
    this.#host.deliver([delivery], out);
  }

  room(messages: number): void {
    // With `on-delivery` nobody calls `settle`; but the consumer says so when it ends a job: then the next has begun, or none waits.
    if (this.#settle === 'on-delivery') this.#held = messages > 0 ? 0 : Math.max(0, this.#held - 1);
  }

  settle(delivery: Delivery, how: Settlement, out: Out): void {
    this.#held--;
    // Nobody hears of what is left: the caller runs into its timeout.
    if (this.#unanswered.delete(delivery) && how !== 'leave') {
      const reason = how === 'ack' ? 0 : R['handler failed'];
      answer(delivery.handle as Caller, delivery.message.id, how === 'ack', reason, false, out);
    }
    this.#host.settled(delivery, true, out);
  }

  extend(): void {}

  timer(): void {}

  stop(out: Out): void {
    for (const endpoint of this.#endpoints) this.#registry.deregister(endpoint, this.#self);
    for (const { handle, message } of this.#unanswered) {
      answer(handle as Caller, message.id, false, R.stopped, false, out);
    }
  }

  crash(): void {
    for (const endpoint of this.#endpoints) this.#registry.leave(endpoint, this.#self);
    this.#unanswered.clear();
    this.#came.clear();
    this.#held = 0;
  }
}

function answer(to: Caller, message: number, ok: boolean, reason: number, definite: boolean, out: Out): void {
  out.send(to.actor, 'reply', { type: 'answer', token: to.token, ok, reason, definite } as Answer, message);
}
