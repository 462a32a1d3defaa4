/**
 * The endpoint of a push subscription: a server that answers each HTTP request when its message is settled, or at once when the consumer settles before it works. Requests wait
 * at the server until it works on them; one that is answered after the ack deadline is answered in vain. Source: rule G6.
 */
import type { PushEndpoints } from '../brokers/google-pubsub-host.ts';
import type { PushRequest, PushResponse } from '../brokers/google-pubsub-verbs.ts';
import type { Out, Wire } from '../machine.ts';
import type { ActorId, Delivery, Settlement } from '../types.ts';
import type { ConsumerHost, ConsumerPort, ConsumerPortSpec } from './ports.ts';

const NO_CONTENT = 204;
const ACCEPTED = 202;
const SERVER_ERROR = 500;

export class PubsubPushPort implements ConsumerPort {
  readonly #node: ActorId;
  readonly #endpoints: PushEndpoints;
  readonly #host: ConsumerHost;
  readonly #spec: ConsumerPortSpec;
  readonly #requests = new Map<Delivery, PushRequest>();
  /** Numbers of requests that came: each is handed on once, whatever the network copies. */
  readonly #came = new Map<string, Set<number>>();
  #self: ActorId = 0;

  constructor(node: ActorId, endpoints: PushEndpoints, spec: ConsumerPortSpec, host: ConsumerHost) {
    this.#node = node;
    this.#endpoints = endpoints;
    this.#spec = spec;
    this.#host = host;
  }

  start(out: Out): void {
    this.#self = out.self;
    for (const name of this.#spec.from) this.#endpoints.enter(name, out.self);
  }

  receive(_from: ActorId, wire: Wire, out: Out): void {
    if (wire.type !== 'PushRequest') return;
    const request = wire as PushRequest;
    const { token, subscription, message } = request;
    const came = this.#came.get(subscription) ?? new Set();
    if (came.has(token)) return;
    this.#came.set(subscription, came.add(token));
    if (this.#spec.settle === 'on-delivery') this.#answer(request, ACCEPTED, out);
    else this.#requests.set(message, request);
    this.#host.deliver([message], out);
  }

  /** Whether this delivery came by a push that is not answered yet. */
  holds(delivery: Delivery): boolean {
    return this.#requests.has(delivery);
  }

  settle(delivery: Delivery, how: Settlement, out: Out): void {
    const request = this.#requests.get(delivery);
    this.#requests.delete(delivery);
    // Nothing is answered to what is left: the service waits until the ack deadline.
    if (request !== undefined && how !== 'leave') {
      const accepted = this.#spec.settle === 'before-processing' ? ACCEPTED : NO_CONTENT;
      this.#answer(request, how === 'ack' ? accepted : SERVER_ERROR, out);
    }
    this.#host.settled(delivery, true, out);
  }

  /** The service paces itself by the answers, and a request's time cannot be extended. */
  room(): void {}
  extend(): void {}
  timer(): void {}

  /** The server closes its connections in order: what it has not done is refused. */
  stop(out: Out): void {
    for (const request of this.#requests.values()) this.#answer(request, SERVER_ERROR, out);
  }

  crash(): void {
    for (const name of this.#spec.from) this.#endpoints.leave(name, this.#self);
    this.#requests.clear();
  }

  #answer({ token, subscription, message }: PushRequest, status: number, out: Out): void {
    const response: PushResponse = { type: 'PushResponse', token, subscription, status };
    out.send(this.#node, 'ack', response, message.message.id);
  }
}
