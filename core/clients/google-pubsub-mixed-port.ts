/** A subscriber of both kinds: an endpoint for its push subscriptions, and a client that fetches from the others. Each message is settled where it came from. */
import type { Out, Wire } from '../machine.ts';
import type { ActorId, Delivery, Micros, Settlement } from '../types.ts';
import type { PubsubConsumerPort } from './google-pubsub-consumer-port.ts';
import type { PubsubPushPort } from './google-pubsub-push-port.ts';
import type { ConsumerPort } from './ports.ts';

export class PubsubMixedPort implements ConsumerPort {
  readonly #pull: PubsubConsumerPort;
  readonly #push: PubsubPushPort;

  constructor(pull: PubsubConsumerPort, push: PubsubPushPort) {
    this.#pull = pull;
    this.#push = push;
  }

  start(out: Out): void {
    this.#pull.start(out);
    this.#push.start(out);
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    if (wire.type === 'PushRequest') this.#push.receive(from, wire, out);
    else this.#pull.receive(from, wire, out);
  }

  timer(wire: Wire, out: Out): void {
    this.#pull.timer(wire, out);
  }

  room(messages: number, out: Out): void {
    this.#pull.room(messages, out);
  }

  settle(delivery: Delivery, how: Settlement, out: Out): void {
    if (this.#push.holds(delivery)) this.#push.settle(delivery, how, out);
    else this.#pull.settle(delivery, how, out);
  }

  extend(delivery: Delivery, forUs: Micros, out: Out): void {
    if (!this.#push.holds(delivery)) this.#pull.extend(delivery, forUs, out);
  }

  peerLost(peer: ActorId, out: Out): void {
    this.#pull.peerLost(peer, out);
  }

  stop(out: Out): void {
    this.#pull.stop(out);
    this.#push.stop(out);
  }

  crash(): void {
    this.#pull.crash();
    this.#push.crash();
  }
}
