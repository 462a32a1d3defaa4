/**
 * What becomes of a message that a queue lets go of without an ack: republished to the dead-letter exchange, or dropped; and the way back, which a
 * shovel goes. Source: rules R31, R45, R49–R55.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import { type AmqpMessage, deadLettered, headersOf, routingKeys } from '../parts/amqp-message.ts';
import { DEFAULT_EXCHANGE } from '../parts/exchange-graph.ts';
import type { QueuedMessage } from '../parts/ready-list.ts';
import { closesCycle, type DeathReason } from '../parts/x-death.ts';
import type { FactId, MessageId } from '../types.ts';
import type { RabbitHost, Redrive, Timer } from './rabbitmq-host.ts';
import type { Keeper } from './rabbitmq-keeper.ts';
import { attemptOf, type Queue } from './rabbitmq-queue.ts';

const REASON_WORDS = {
  rejected: 'rejected by the consumer',
  expired: 'TTL passed',
  maxlen: 'queue full',
  delivery_limit: 'too many deliveries',
} as const satisfies Record<DeathReason, keyof typeof R>;

export class DeadLetters {
  readonly #host: RabbitHost;
  readonly #keeper: Keeper;

  constructor(host: RabbitHost, keeper: Keeper) {
    this.#host = host;
    this.#keeper = keeper;
  }

  leave(queue: Queue, entry: QueuedMessage, reason: DeathReason, out: Out): void {
    // The cause has to name this queue, since other copies may be in others: the client's word, or what last happened to this copy here.
    const because = reason === 'rejected' ? out.cause : entry.readyFact;
    this.deadLetter(queue, entry.message, attemptOf(entry), reason, because, out);
  }

  /** Republishes to the dead-letter exchange, or records how the message ended when nothing takes it (R49, R50, R54, R55). */
  deadLetter(
    queue: Queue,
    message: AmqpMessage,
    deliveries: number,
    reason: DeathReason,
    because: FactId,
    out: Out,
  ): void {
    const { id } = message.body;
    const { deadLetterExchange: exchange, deadLetterRoutingKey: routingKey } = queue.spec;
    const exists =
      exchange === DEFAULT_EXCHANGE || (exchange !== undefined && this.#host.graph.exchange(exchange) !== undefined);
    if (exchange === undefined || !exists) return this.#drop(queue, id, reason, out);
    const { lastDeath } = this.#host.features;
    const dead = deadLettered(message, queue.name, reason, out.now, deliveries, {
      exchange,
      routingKey,
      keepCc: lastDeath,
    });
    const targets = this.#host.graph.route(exchange, { keys: routingKeys(dead), headers: headersOf(dead, lastDeath) });
    if (targets.length === 0) return this.#drop(queue, id, reason, out);
    for (const name of targets) {
      const target = this.#host.queues.get(name);
      if (target === undefined) continue;
      if (dead.deaths !== undefined && closesCycle(dead.deaths, name)) {
        out.fact(F.evicted, id, queue.place, 0, 0, R.cycle);
        continue;
      }
      out.fact(F['dead-lettered'], id, target.place, 0, deliveries, R[REASON_WORDS[reason]], because);
      // At most once: a target that is full loses the message (R55).
      if (!this.#keeper.enqueue(target, dead, out)) out.fact(F.evicted, id, target.place, 0, 0, R['queue full']);
    }
  }

  #drop(queue: Queue, message: MessageId, reason: DeathReason, out: Out): void {
    out.fact(reason === 'expired' ? F.expired : F.evicted, message, queue.place, 0, 0, R[REASON_WORDS[reason]]);
  }

  /** Moves ready messages to where they died last, or to one queue, as a shovel does: all that are there now, or one each 1/perSecond. */
  redrive(command: Redrive, out: Out): void {
    const queue = this.#host.queues.get(command.queue);
    if (queue === undefined) return;
    const { ready } = queue.contents;
    const perSecond = command.perSecond ?? 0;
    for (let left = perSecond > 0 ? 1 : ready.length; left > 0; left -= 1) {
      const [head] = ready.entries();
      const to = command.to ?? head?.message.deaths?.last.queue;
      const target = to === undefined ? undefined : this.#host.queues.get(to);
      if (head === undefined || target === undefined || target === queue) return;
      const { message } = ready.take() ?? head;
      out.fact(F.redriven, message.body.id, target.place);
      this.#keeper.enqueue(
        target,
        { ...message, exchange: DEFAULT_EXCHANGE, keys: [target.name], hiddenKeys: [] },
        out,
      );
    }
    if (perSecond > 0 && ready.length > 0) {
      out.timer(Math.floor(1_000_000 / perSecond), { type: 'rabbitmq/redrive', command } as Timer);
    }
  }
}
