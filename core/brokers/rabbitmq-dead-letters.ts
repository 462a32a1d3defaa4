/**
 * What becomes of a message that a queue lets go of without an ack: republished to the dead-letter exchange, or dropped; and the way back, which a
 * shovel goes. Source: rules R31, R45, R49–R51 (what dies together is handed on in its order), R52–R55.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import { type AmqpMessage, deadLettered, headersOf, routingKeys } from '../parts/amqp-message.ts';
import { DEFAULT_EXCHANGE } from '../parts/exchange-graph.ts';
import type { QueuedMessage } from '../parts/ready-list.ts';
import { closesCycle, type DeathReason } from '../parts/x-death.ts';
import type { FactId, MessageId } from '../types.ts';
import type { Parting } from './rabbitmq-cluster-host.ts';
import type { RabbitHost, Redrive, Timer } from './rabbitmq-host.ts';
import type { Keeper } from './rabbitmq-keeper.ts';
import { attemptOf, type Queue } from './rabbitmq-queue.ts';

/** The facts' codes for what a message died of. */
export const DEATHS: Readonly<Record<DeathReason, number>> = {
  rejected: R['rejected by the consumer'],
  expired: R['TTL passed'],
  maxlen: R['queue full'],
  delivery_limit: R['too many deliveries'],
};

/** How long the at-least-once worker waits before it tries again (R55; the server waits that long for confirms too). */
const RETRY_US = 180_000_000;

export class DeadLetters {
  readonly #host: RabbitHost;
  readonly #keeper: Keeper;
  /** Queues in which messages died since the last flush. */
  readonly #dying = new Set<Queue>();
  /** Which targets are done with a message that others have not taken: they have it, or their cycle was cut. */
  readonly #reached = new Map<QueuedMessage, Queue[]>();

  constructor(host: RabbitHost, keeper: Keeper) {
    this.#host = host;
    this.#keeper = keeper;
  }

  /** A message that its queue lets go of. At least once, it stays until its targets have it (R55). */
  leave(queue: Queue, entry: QueuedMessage, reason: DeathReason, out: Out): void {
    if (queue.spec.deadLetterStrategy === 'at-least-once') {
      if (reason === 'rejected') entry.readyFact = out.cause;
      queue.contents.dies(entry, reason);
      if (this.#host.settings.flushUs === 0) return this.transfer(queue, out);
      this.#dying.add(queue);
      return this.#host.armFlush(out);
    }
    // The cause has to name this queue, since other copies may be in others: the client's word, or what last happened to this copy here.
    const because = reason === 'rejected' ? out.cause : entry.readyFact;
    this.deadLetter(queue, entry.message, attemptOf(entry), reason, because, out);
  }

  /** What died since the last flush goes over with this one, so that the copies are on disk when the source forgets them. */
  flush(out: Out): void {
    for (const queue of this.#dying) if (!queue.deleted) this.transfer(queue, out);
    this.#dying.clear();
  }

  /** The process died: what is dying lies in its queue still, and is taken up again after the restart. */
  forget(): void {
    this.#dying.clear();
    this.#reached.clear();
  }

  /**
   * Publishes what is dying to its targets. What has not reached all of them, because one is full or nothing takes it, stays and is tried again (R55).
   * Simplification: copy and removal happen together on one node, so no repetition comes of it here.
   */
  transfer(queue: Queue, out: Out): void {
    const { dying } = queue.contents;
    for (const [entry, reason] of [...dying]) {
      const { message } = entry;
      const dead = this.#deceased(queue, message, attemptOf(entry), reason, out);
      const targets = dead === undefined ? [] : this.#targets(dead);
      const reached = this.#reached.get(entry) ?? [];
      let left = dead === undefined || targets.length === 0 ? 1 : 0;
      for (const target of targets) {
        if (dead === undefined || reached.includes(target)) continue;
        if (this.#closesCycle(queue, dead, target, out)) {
          // Told once, however often the others are tried.
          reached.push(target);
          continue;
        }
        if (target.contents.refuses(message.body.sizeBytes)) {
          left += 1;
          continue;
        }
        reached.push(target);
        this.#hand(queue, target, dead, attemptOf(entry), reason, entry.readyFact, out);
      }
      if (left === 0) {
        this.#reached.delete(entry);
        queue.contents.buried(entry);
      } else this.#reached.set(entry, reached);
    }
    if (dying.size > 0 && !queue.retriesDead) {
      queue.retriesDead = true;
      out.timer(RETRY_US, { type: 'rabbitmq/dead-letters', queue: queue.name } as Timer);
    }
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
    const dead = this.#deceased(queue, message, deliveries, reason, out);
    const targets = dead === undefined ? [] : this.#targets(dead);
    if (dead === undefined || targets.length === 0) return this.#drop(queue, id, reason, out);
    for (const target of targets) {
      if (!this.#closesCycle(queue, dead, target, out))
        this.#hand(queue, target, dead, deliveries, reason, because, out);
    }
  }

  /** The message as it leaves for the dead-letter exchange; `undefined` when there is none. */
  #deceased(
    queue: Queue,
    message: AmqpMessage,
    deliveries: number,
    reason: DeathReason,
    out: Out,
  ): AmqpMessage | undefined {
    const { deadLetterExchange: exchange, deadLetterRoutingKey: routingKey } = queue.spec;
    if (exchange === undefined) return undefined;
    if (exchange !== DEFAULT_EXCHANGE && this.#host.graph.exchange(exchange) === undefined) return undefined;
    const keepCc = this.#host.features.lastDeath;
    return deadLettered(message, queue.name, reason, out.now, deliveries, { exchange, routingKey, keepCc });
  }

  /** What a shared queue's leader asks: the message as it leaves and where it goes, its cycles cut. */
  part(queue: Queue, entry: QueuedMessage, reason: DeathReason, out: Out): Parting {
    const dead = this.#deceased(queue, entry.message, attemptOf(entry), reason, out);
    if (dead === undefined) return { dead, targets: [], cycled: false };
    const all = this.#targets(dead);
    const targets = all.filter((target) => !this.#closesCycle(queue, dead, target, out));
    return { dead, targets, cycled: targets.length < all.length };
  }

  #targets(dead: AmqpMessage): Queue[] {
    const headers = headersOf(dead, this.#host.features.lastDeath);
    const targets: Queue[] = [];
    for (const name of this.#host.graph.route(dead.exchange, { keys: routingKeys(dead), headers })) {
      const target = this.#host.queues.get(name);
      if (target !== undefined) targets.push(target);
    }
    return targets;
  }

  #closesCycle(queue: Queue, dead: AmqpMessage, target: Queue, out: Out): boolean {
    if (dead.deaths === undefined || !closesCycle(dead.deaths, target.name)) return false;
    out.fact(F.evicted, dead.body.id, queue.place, 0, 0, R.cycle);
    return true;
  }

  #hand(
    queue: Queue,
    target: Queue,
    dead: AmqpMessage,
    deliveries: number,
    reason: DeathReason,
    because: FactId,
    out: Out,
  ): void {
    const { id } = dead.body;
    const cluster = this.#host.clusterOf(target);
    if (cluster !== undefined) {
      const move = {
        how: 'dead-lettered',
        deliveries,
        reason: DEATHS[reason],
        because,
        place: queue.place,
        copies: 1,
        burial: false,
        source: '',
      } as const;
      return cluster.sessions.move(target, dead, move, out);
    }
    out.fact(F['dead-lettered'], id, target.place, 0, deliveries, DEATHS[reason], because);
    // At most once: a target that is full loses the message (R55).
    if (!this.#keeper.enqueue(target, dead, out)) out.fact(F.evicted, id, target.place, 0, 0, R['queue full']);
  }

  #drop(queue: Queue, message: MessageId, reason: DeathReason, out: Out): void {
    out.fact(reason === 'expired' ? F.expired : F.evicted, message, queue.place, 0, 0, DEATHS[reason]);
  }

  /**
   * Moves ready messages to where they died last, or to one queue, as a shovel does: all that are there now, or one each 1/perSecond. What has no
   * target stays, and all after it; so does what its target refuses (R47).
   */
  redrive(command: Redrive, out: Out): void {
    const queue = this.#host.queues.get(command.queue);
    if (queue === undefined) return;
    const cluster = this.#host.clusterOf(queue);
    if (cluster !== undefined) {
      const perSecond = command.perSecond ?? 0;
      const more = cluster.redrive(queue, command.to, perSecond > 0 ? 1 : 0, out);
      if (more) out.timer(Math.floor(1_000_000 / perSecond), { type: 'rabbitmq/redrive', command } as Timer);
      return;
    }
    const { ready } = queue.contents;
    const perSecond = command.perSecond ?? 0;
    for (let left = perSecond > 0 ? 1 : ready.length; left > 0; left -= 1) {
      const entry = ready.take();
      if (entry === undefined) return;
      const { message } = entry;
      const to = command.to ?? message.deaths?.last.queue;
      const target = to === undefined ? undefined : this.#host.queues.get(to);
      if (target === undefined || target === queue) {
        ready.giveBack(entry, true);
        return;
      }
      // Its source keeps what is not confirmed; there may be room the next time.
      if (target.contents.refuses(message.body.sizeBytes)) {
        ready.giveBack(entry, true);
        break;
      }
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
