/**
 * Calling endpoints directly: one after the other for each message, each at the next instance that is up, waiting for each answer. A step that fails for
 * good fails the whole message; what earlier steps have done stays done, and nobody undoes it.
 */
import type { Answer, Call, Registry } from '../brokers/direct.ts';
import { R } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import { numberOf } from '../options.ts';
import type { ActorId, Message, Micros } from '../types.ts';
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

const BACKOFF_MAX_US = 20_000_000;

export class DirectProducerPort implements ProducerPort {
  readonly #registry: Registry;
  readonly #host: ProducerHost;
  readonly #endpoints: readonly string[];
  readonly #timeoutUs: Micros;
  readonly #retries: number;
  readonly #backoffUs: Micros;
  readonly #open = new OpenRequests<Calling>('direct/late');
  /** Calls made per endpoint: whose turn it is. */
  readonly #turns: number[];

  constructor(registry: Registry, spec: ProducerPortSpec, host: ProducerHost) {
    this.#registry = registry;
    this.#host = host;
    this.#endpoints = spec.to;
    this.#turns = spec.to.map(() => 0);
    this.#timeoutUs = numberOf(spec.options, 'timeout', 30_000_000);
    this.#retries = numberOf(spec.options, 'retries');
    this.#backoffUs = numberOf(spec.options, 'retry-backoff', 100_000);
  }

  start(): void {}

  publish(message: Message, out: Out): void {
    this.#call({ message, step: 0, attempt: 1, touched: false, callee: 0 }, out);
  }

  receive(_from: ActorId, wire: Wire, out: Out): void {
    if (wire.type !== 'answer') return;
    const { token, ok, reason, definite } = wire as Answer;
    const calling = this.#open.close(token);
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
    }
  }

  /** The connection is reset: whether the callee had begun, nobody can tell the caller. */
  peerLost(peer: ActorId, out: Out): void {
    for (const calling of this.#open.closeAll(({ callee }) => callee === peer)) {
      this.#failed(calling, R['connection lost'], false, out);
    }
  }

  crash(): void {
    this.#open.clear();
  }

  #call(calling: Calling, out: Out): void {
    const { message, step, attempt } = calling;
    const name = this.#endpoints[step] as string;
    const { up } = this.#registry.endpoint(name);
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
    let backoff = this.#backoffUs;
    for (let i = 1; i < attempt && backoff < BACKOFF_MAX_US; i++) backoff *= 2;
    const retry: RetryTimer = { type: 'direct/retry', calling: { ...calling, attempt: attempt + 1, touched }, reason };
    out.timer(Math.min(backoff, BACKOFF_MAX_US), retry, out.cause);
  }
}
