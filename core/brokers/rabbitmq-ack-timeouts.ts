/**
 * Delivery acknowledgement timeouts: which deliveries have been out for too long, looked at once a minute while there are any. What becomes of the
 * channel or consumer that holds them is decided in `rabbitmq-consuming.ts`. Source: R37.
 */
import type { Out } from '../machine.ts';
import { NEVER } from '../parts/ready-list.ts';
import type { Micros } from '../types.ts';
import type { RabbitHost, Timer } from './rabbitmq-host.ts';
import type { Queue } from './rabbitmq-queue.ts';
import type { Channel, Consumer, Unacked } from './rabbitmq-session.ts';

/** Acknowledgement timeouts are looked at this often (R37). */
const ACK_TIMEOUT_CHECK_US = 60_000_000;

export class AckTimeouts {
  readonly #host: RabbitHost;
  /** Whether a look is due. */
  checking = false;

  constructor(host: RabbitHost) {
    this.#host = host;
  }

  /** Until 4.2 for every queue, since then for quorum queues only, where a consumer may bring a limit of its own. */
  #limitUs(queue: Queue, consumer: Consumer | undefined): Micros {
    const { since43 } = this.#host.features;
    if (since43 && !queue.isQuorum) return NEVER;
    if (since43 && consumer !== undefined && consumer.timeoutUs >= 0)
      return Math.max(consumer.timeoutUs, ACK_TIMEOUT_CHECK_US);
    const own = queue.spec.consumerTimeoutUs ?? this.#host.settings.consumerTimeoutUs;
    return own < 0 ? NEVER : Math.max(own, ACK_TIMEOUT_CHECK_US);
  }

  /** To be told of each delivery that waits for an ack, and after each look of those that still do. */
  watch(queue: Queue, consumer: Consumer | undefined, out: Out): void {
    if (this.checking || this.#limitUs(queue, consumer) === NEVER) return;
    this.checking = true;
    out.timer(ACK_TIMEOUT_CHECK_US, { type: 'rabbitmq/ack-timeouts' } as Timer, 0);
  }

  /** Deliveries are in the order of their times, and no timeout is below one check: the first young one ends the search. */
  overdue(channel: Channel, nowUs: Micros): Unacked | undefined {
    for (const unacked of channel.unacked.values()) {
      const age = nowUs - unacked.deliveredAtUs;
      if (age < ACK_TIMEOUT_CHECK_US) return undefined;
      if (age >= this.#limitUs(unacked.queue, unacked.consumer)) return unacked;
    }
    return undefined;
  }
}
