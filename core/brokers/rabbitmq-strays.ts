/**
 * What a node of a cluster had taken from one queue to bring to another, and died with: nobody else knows of it any more. It may be in the log of its
 * target all the same, or still on the way there; once it is clear that it is not, it is lost, as the server's own at-most-once dead-lettering and shovels
 * lose it. No node keeps this: it is for the trace, which otherwise shows the message in its old queue for ever. Source: rule R55.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { FactId, MessageId, PlaceId } from '../types.ts';
import type { SessionNumber } from './rabbitmq-replica.ts';

export interface Stray {
  /** The number of the target's group. */
  readonly group: number;
  /** The command by which it was to arrive. */
  readonly session: SessionNumber;
  readonly number: number;
  readonly message: MessageId;
  /** The queue that it has left. */
  readonly place: PlaceId;
  /** What made it leave; 0 for nothing that was recorded. */
  readonly because: FactId;
}

export class Strays {
  /** By session that moves messages: the last of its commands that took effect. */
  readonly #arrived = new Map<SessionNumber, number>();
  /** Deaths of which one copy, of several, has arrived. */
  readonly #reached = new Set<string>();
  /** Sessions whose strays were told to be lost. */
  readonly #over = new Set<SessionNumber>();
  #open: Stray[] = [];

  get any(): boolean {
    return this.#open.length > 0;
  }

  arrived(session: SessionNumber, number: number): void {
    this.#arrived.set(session, number);
  }

  /** One of several copies of a message that left a queue for this reason is in its target: the message is not lost, whatever becomes of the others. */
  reached(message: MessageId, because: FactId): void {
    this.#reached.add(nameOf(message, because));
  }

  add(stray: Stray): void {
    this.#open.push(stray);
  }

  /** A connection ends with its process: what comes of such a session after its strays were lost is not taken any more. */
  isOver(session: SessionNumber): boolean {
    return this.#over.has(session);
  }

  /** What a group will have, it has: of the sessions that are `gone`, all else is lost. */
  settle(group: number, gone: (session: SessionNumber) => boolean, out: Out): void {
    const settled = this.#open.filter((stray) => stray.group === group && gone(stray.session));
    this.#open = this.#open.filter((stray) => !settled.includes(stray));
    for (const { session, number, message, place, because } of settled) {
      this.#over.add(session);
      if ((this.#arrived.get(session) ?? 0) >= number || this.#reached.has(nameOf(message, because))) continue;
      // A copy of it for another queue may arrive yet.
      if (this.#open.some((other) => other.message === message && other.because === because)) continue;
      out.fact(F.lost, message, place, 0, 0, R['kept in memory only'], because === 0 ? undefined : because);
    }
  }
}

function nameOf(message: MessageId, because: FactId): string {
  return `${message}/${because}`;
}
