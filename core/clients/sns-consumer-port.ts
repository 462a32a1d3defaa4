/**
 * An endpoint that SNS calls: it takes each request at once, works them off one after the other, and answers with a status. It is one of the instances behind
 * the address of its consumer; SNS calls the next one that is up, and one that is slow to answer is called again.
 */
import type { Sns } from '../brokers/sns.ts';
import type { Endpoint } from '../brokers/sns-subscription.ts';
import type { Notification, NotificationAnswer } from '../brokers/sns-verbs.ts';
import type { Out, Wire } from '../machine.ts';
import type { ActorId, Delivery, Settlement } from '../types.ts';
import type { ConsumerHost, ConsumerPort, ConsumerPortSpec, SettleWhen } from './ports.ts';

export class SnsConsumerPort implements ConsumerPort {
  readonly #node: ActorId;
  readonly #host: ConsumerHost;
  readonly #settle: SettleWhen;
  readonly #endpoints: readonly Endpoint[];
  /** Requests that SNS still waits for. */
  readonly #unanswered = new Set<Delivery>();
  /** The latest request that came: requests travel by TCP, which hands on each once, whatever the network copies. */
  readonly #came = new Set<number>();
  #self: ActorId = 0;

  constructor(sns: Pick<Sns, 'endpoint'>, node: ActorId, spec: ConsumerPortSpec, host: ConsumerHost) {
    this.#node = node;
    this.#host = host;
    this.#settle = spec.settle;
    this.#endpoints = spec.from
      .map((topic) => sns.endpoint(topic, spec.declared, spec.options))
      .filter((endpoint) => endpoint !== null);
  }

  start(out: Out): void {
    this.#self = out.self;
    for (const { up } of this.#endpoints) if (!up.includes(out.self)) up.push(out.self);
  }

  receive(_from: ActorId, wire: Wire, out: Out): void {
    if (wire.type !== 'Notification') return;
    const { message, place, attempt, token } = wire as Notification;
    if (this.#came.has(token)) return;
    this.#came.add(token);
    const delivery: Delivery = { message, place, attempt, handle: token };
    if (this.#settle === 'on-delivery') this.#answer(delivery, 200, out);
    else this.#unanswered.add(delivery);
    this.#host.deliver([delivery], out);
  }

  room(): void {}

  /** N12: what is rejected is answered with 400, which is not tried again; what is given back with 500. Who is left runs into the timeout. */
  settle(delivery: Delivery, how: Settlement, out: Out): void {
    if (this.#unanswered.delete(delivery) && how !== 'leave') {
      this.#answer(delivery, how === 'ack' ? 200 : how === 'reject' ? 400 : 500, out);
    }
    this.#host.settled(delivery, true, out);
  }

  extend(): void {}

  timer(): void {}

  /** A load balancer takes it out of the row; what it has not answered is called off, so that SNS tries another one. */
  stop(out: Out): void {
    for (const delivery of this.#unanswered) this.#answer(delivery, 503, out);
  }

  crash(): void {
    for (const { up } of this.#endpoints) {
      const at = up.indexOf(this.#self);
      if (at >= 0) up.splice(at, 1);
    }
    this.#unanswered.clear();
    this.#came.clear();
  }

  #answer({ message, place, handle }: Delivery, status: NotificationAnswer['status'], out: Out): void {
    const answer: NotificationAnswer = {
      type: 'NotificationAnswer',
      token: handle as number,
      message: message.id,
      place,
      status,
    };
    out.send(this.#node, 'ack', answer, message.id);
  }
}
