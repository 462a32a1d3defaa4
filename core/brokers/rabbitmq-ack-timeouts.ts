/**
 * Delivery acknowledgement timeouts: which deliveries have been out for too long, looked at once a minute while there are any. What becomes of the
 * channel or consumer that holds them is decided in `rabbitmq-consuming.ts`. Source: R37.
 */
import type { Out } from '../machine.ts';
import { NEVER } from '../parts/ready-list.ts';
import type { Micros } from '../types.ts';
import type { RabbitHost, Timer } from './rabbitmq-host.ts';
import type { Queue } from './rabbitmq-queue.ts';
import type { Channel, Unacked } from './rabbitmq-session.ts';

/** Acknowledgement timeouts are looked at this often (R37). */
const ACK_TIMEOUT_CHECK_US = 60_000_000;

export class AckTimeouts {
  readonly #host: RabbitHost;
  /** Whether a look is due. */
  checking = false;

  constructor(host: RabbitHost) {
    this.#host = host;
  }

  #limitUs(queue: Queue): Micros {
    if (this.#host.features.since43 && !queue.isQuorum) return NEVER;
    const own = queue.spec.consumerTimeoutUs ?? this.#host.settings.consumerTimeoutUs;
    return own < 0 ? NEVER : Math.max(own, ACK_TIMEOUT_CHECK_US);
  }

  watch(queue: Queue, out: Out): void {
    if (this.checking || this.#limitUs(queue) === NEVER) return;
    this.checking = true;
    out.timer(ACK_TIMEOUT_CHECK_US, { type: 'rabbitmq/ack-timeouts' } as Timer, 0);
  }

  /** Deliveries are in the order of their times, and no timeout is below one check: the first young one ends the search. */
  overdue(channel: Channel, nowUs: Micros): Unacked | undefined {
    for (const unacked of channel.unacked.values()) {
      const age = nowUs - unacked.deliveredAtUs;
      if (age < ACK_TIMEOUT_CHECK_US) return undefined;
      if (age >= this.#limitUs(unacked.queue)) return unacked;
    }
    return undefined;
  }
}
