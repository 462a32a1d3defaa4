/**
 * At-least-once dead-lettering from queues that a cluster keeps: what is dying goes to its targets, and leaves its queue once they all have it. What found
 * no way, or was refused, is tried again later. Source: rule R55.
 */
import type { Out } from '../machine.ts';
import type { AmqpMessage } from '../parts/amqp-message.ts';
import type { QueuedMessage } from '../parts/ready-list.ts';
import type { Micros } from '../types.ts';
import type { ClusterHost } from './rabbitmq-cluster-host.ts';
import type { ClusterTimer } from './rabbitmq-cluster-wires.ts';
import { DEATHS } from './rabbitmq-dead-letters.ts';
import type { Group, Groups } from './rabbitmq-groups.ts';
import type { Queue } from './rabbitmq-queue.ts';
import type { Move } from './rabbitmq-replica.ts';

/** Before the at-least-once worker tries again. */
const BURY_US = 180_000_000;

/** A dead message of an at-least-once queue, on its way to its targets. */
export interface Burial {
  readonly group: Group;
  readonly entry: QueuedMessage;
  left: number;
  refused: boolean;
}

/** Sends a message to a queue and has its arrival told to `arrived`. */
export type Mover = (queue: Queue, message: AmqpMessage, move: Move, out: Out, burial: Burial) => void;

export class Burials {
  readonly #groups: Groups;
  readonly #host: ClusterHost;
  readonly #move: Mover;

  constructor(groups: Groups, host: ClusterHost, move: Mover) {
    this.#groups = groups;
    this.#host = host;
    this.#move = move;
  }

  /** Sees to it that what is dying in the group's queue is looked at. */
  arm(group: Group, delayUs: Micros, out: Out): void {
    if (group.buryArmed) return;
    group.buryArmed = true;
    out.timer(delayUs, { type: 'rabbitmq/bury', group: group.index } as ClusterTimer);
  }

  /** Sends what is dying and not on its way yet. */
  begin(group: Group, out: Out): void {
    group.buryArmed = false;
    if (!group.leads || group.replica === undefined) return;
    const { dying } = group.replica.contents;
    let waits = false;
    for (const [entry, reason] of dying) {
      if (group.burials.has(entry)) continue;
      const { dead, targets, cycled } = this.#host.deadLetter(group.queue, entry, reason, out);
      if (dead === undefined || targets.length === 0) {
        if (cycled) this.#groups.propose(group, { type: 'buried', position: entry.position, atUs: out.now });
        else waits = true;
        continue;
      }
      const burial: Burial = { group, entry, left: targets.length, refused: false };
      group.burials.set(entry, burial);
      const because = entry.readyFact === 0 ? out.cause : entry.readyFact;
      const deliveries = entry.message.attempts + entry.deliveries;
      const move: Move = {
        how: 'dead-lettered',
        deliveries,
        reason: DEATHS[reason],
        because,
        place: group.queue.place,
        copies: targets.length,
        burial: true,
        source: `${group.index}/${entry.position}`,
      };
      for (const target of targets) this.#move(target, dead, move, out, burial);
    }
    if (waits) this.arm(group, BURY_US, out);
  }

  /** One of its targets has it, or refused it. */
  arrived(burial: Burial, ok: boolean, out: Out): void {
    const { group, entry } = burial;
    burial.left -= 1;
    if (!ok) burial.refused = true;
    if (burial.left > 0) return;
    group.burials.delete(entry);
    if (burial.refused) this.arm(group, BURY_US, out);
    else this.#groups.propose(group, { type: 'buried', position: entry.position, atUs: out.now });
  }
}
