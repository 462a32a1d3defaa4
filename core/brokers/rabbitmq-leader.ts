/**
 * What this node does for the queues that it leads: it takes the commands of channels into the log, tells what comes of them as facts, sends deliveries and
 * answers to the nodes where the channels are, and sends again what was lost on the way. Facts are recorded the first time that any leader applies
 * an entry. Source: rules R31, R35, R45, R47, R55, R61, R62.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { AmqpMessage } from '../parts/amqp-message.ts';
import type { Return } from '../parts/rabbit-queue.ts';
import { NEVER, type QueuedMessage } from '../parts/ready-list.ts';
import type { DeathReason } from '../parts/x-death.ts';
import type { ActorId, FactId, MessageId, PlaceId } from '../types.ts';
import type { Burials } from './rabbitmq-burials.ts';
import type { ClusterHost, ClusterPlan, Delivered } from './rabbitmq-cluster-host.ts';
import type { NodeWire, NodeWireOf } from './rabbitmq-cluster-wires.ts';
import { DEATHS } from './rabbitmq-dead-letters.ts';
import type { Group, Groups } from './rabbitmq-groups.ts';
import type { Peers } from './rabbitmq-peers.ts';
import {
  type Command,
  type Effects,
  type Held,
  type Leaving,
  type Move,
  nodeOf,
  type Replica,
  type ReplicaConsumer,
  type SessionCommand,
} from './rabbitmq-replica.ts';
import type { Sessions } from './rabbitmq-sessions.ts';

const RETURNS: Readonly<Record<Return | 'delay', number>> = {
  nack: R.nacked,
  reject: R.nacked,
  lost: R['connection lost'],
  timeout: R['timed out'],
  delay: R['delay over'],
};

const LEAVINGS: Readonly<Record<Leaving, number>> = {
  detach: R.stopped,
  end: R['connection lost'],
  away: R['timed out'],
  deleted: R['missing target'],
};

/** The parts of the cluster that a leader works with. */
export interface LeaderParts {
  readonly groups: Groups;
  readonly peers: Peers;
  readonly plan: ClusterPlan;
  readonly host: ClusterHost;
  readonly sessions: Sessions;
  readonly burials: Burials;
}

export class Leader implements Effects {
  readonly #parts: LeaderParts;
  // While a command is applied:
  #group: Group | undefined;
  #out: Out | undefined;
  #records = false;
  #because: FactId | undefined;
  #moveOf: Move | undefined;

  constructor(parts: LeaderParts) {
    this.#parts = parts;
  }

  /** Applies a committed command to the queue of a group that this node leads. */
  apply(group: Group, replica: Replica, command: Command, out: Out): void {
    const { recorded } = this.#parts.plan;
    const first = group.applied > (recorded[group.index] ?? 0);
    this.#begin(group, out, first, command);
    replica.apply(command, this);
    this.#group = undefined;
    if (first) recorded[group.index] = group.applied;
  }

  /** The only member's process died: what was out returns, and what lay in memory only is lost (R11). */
  crash(group: Group, replica: Replica, out: Out): void {
    this.#begin(group, out, true, undefined);
    for (const { message } of replica.crash(out.now, this))
      out.fact(F.lost, message.body.id, group.queue.place, 0, 0, R['kept in memory only']);
    this.#group = undefined;
  }

  /** A channel's command: new ones go into the log, in order; one that has taken effect is answered again. */
  accept(group: Group, replica: Replica, command: SessionCommand, out: Out): void {
    const { session, number } = command;
    if (this.#parts.plan.strays.isOver(session)) return;
    const applied = replica.sessions.get(session) ?? 0;
    const last = Math.max(applied, group.proposed.get(session) ?? 0);
    if (number <= applied) {
      this.#begin(group, out, false, undefined);
      replica.answer(command, this);
      this.#group = undefined;
    } else if (number === last + 1) {
      group.proposed.set(session, number);
      // The leader's clock says when it takes effect.
      this.#parts.groups.propose(group, { ...command, atUs: out.now });
    }
  }

  /** A consumer's deliveries after the n-th did not arrive. */
  resend(group: Group, wire: NodeWireOf<'rabbitmq/resend'>, out: Out): void {
    if (!group.leads || group.replica === undefined) return;
    // What is not held any more was returned to the queue, and comes to nobody under its old number.
    let { after } = wire;
    for (const held of group.replica.held.values()) {
      const { session, consumer, nth } = held;
      if (session !== wire.session || consumer?.consumer !== wire.consumer || nth <= after) continue;
      this.#sendDelivery(group, held, after, out);
      after = nth;
    }
  }

  /** What is applied next has effects of this group; `records`: facts tell of them, as it is the first time. */
  #begin(group: Group, out: Out, records: boolean, command: Command | undefined): void {
    this.#group = group;
    this.#out = out;
    this.#records = records;
    this.#moveOf = command?.type === 'enqueue' ? command.move : undefined;
    const because = command !== undefined && 'because' in command ? command.because : 0;
    this.#because = because === 0 ? undefined : because;
  }

  // Effects.

  get #now(): { readonly group: Group; readonly out: Out } {
    if (this.#group === undefined || this.#out === undefined) throw new Error('effects are those of a command');
    return { group: this.#group, out: this.#out };
  }

  appended(entry: QueuedMessage, offset: number | undefined): void {
    const { group, out } = this.#now;
    if (!this.#records) return;
    const { id } = entry.message.body;
    const { place } = group.queue;
    if (this.#moveOf?.how === 'returned') {
      // In the trace it had never left.
      entry.readyFact = this.#moveOf.because;
      return;
    }
    const from = this.#arrives(id, out) ?? this.#because;
    const behind = offset ?? group.replica?.contents.ready.behind(entry) ?? 0;
    entry.readyFact = out.fact(F.appended, id, place, 0, behind, 0, from);
  }

  refused(message: AmqpMessage): void {
    const { group, out } = this.#now;
    if (!this.#records) return;
    if (this.#moveOf?.how === 'redriven')
      return this.#bringBack(message, this.#moveOf.place, this.#moveOf.readyFact ?? 0);
    const { id } = message.body;
    const { place, spec } = group.queue;
    const moved = this.#arrives(id, out);
    const refused = out.fact(F.rejected, id, place, 0, 0, R['queue full'], moved);
    // At most once: a target that is full loses the message (R55). At least once, the source still has it.
    if (moved !== undefined && this.#moveOf?.burial !== true) out.fact(F.evicted, id, place, 0, 0, R['queue full']);
    if (spec.rules.overflow !== 'reject-publish-dlx') return;
    const entry = {
      message,
      position: 0,
      expiresAtUs: NEVER,
      deliveries: 0,
      failures: 0,
      stored: true,
      readyFact: refused,
    };
    this.left(entry, 'maxlen', false);
  }

  delivered(held: Held): void {
    const { group, out } = this.#now;
    if (this.#records) {
      const { entry, client } = held;
      const { id } = entry.message.body;
      const { place } = group.queue;
      const because = entry.readyFact === 0 ? undefined : entry.readyFact;
      out.fact(F.delivered, id, place, client, 0, attemptOf(held), because);
      if (held.noAck) out.fact(F.acked, id, place, client, 0, attemptOf(held));
    }
    this.#sendDelivery(group, held, held.nth - 1, out);
  }

  acked(held: Held): void {
    this.#fact(F.acked, held.entry, held.client, 0, attemptOf(held), this.#because);
  }

  nacked(held: Held): void {
    held.entry.readyFact = this.#fact(F.nacked, held.entry, held.client, 0, attemptOf(held), this.#because);
  }

  requeued(entry: QueuedMessage, position: number, how: Return | 'delay'): void {
    const because = how === 'lost' ? this.#because : undefined;
    entry.readyFact = this.#fact(F.requeued, entry, 0, position, RETURNS[how], because);
  }

  left(entry: QueuedMessage, reason: DeathReason, asked: boolean): void {
    const { group, out } = this.#now;
    if (!this.#records) return;
    const { dead, targets, cycled } = this.#parts.host.deadLetter(group.queue, entry, reason, out);
    const { id } = entry.message.body;
    if (dead === undefined || targets.length === 0) {
      if (cycled) return;
      out.fact(reason === 'expired' ? F.expired : F.evicted, id, group.queue.place, 0, 0, DEATHS[reason]);
      return;
    }
    const because = (asked ? this.#because : entry.readyFact) || out.cause;
    const deliveries = entry.message.attempts + entry.deliveries;
    for (const target of targets)
      this.#parts.sessions.move(
        target,
        dead,
        {
          how: 'dead-lettered',
          deliveries,
          reason: DEATHS[reason],
          because,
          place: group.queue.place,
          copies: targets.length,
          burial: false,
          source: '',
        },
        out,
      );
  }

  dying(entry: QueuedMessage, asked: boolean): void {
    const { group, out } = this.#now;
    if (asked && this.#records) entry.readyFact = this.#because ?? out.cause;
    this.#parts.burials.arm(group, 0, out);
  }

  purged(entry: QueuedMessage): void {
    this.#fact(F.evicted, entry, 0, 0, R.purged);
  }

  redriven(entry: QueuedMessage, to: string | undefined): void {
    const { group, out } = this.#now;
    if (!this.#records) return;
    const name = to ?? entry.message.deaths?.last.queue;
    const target = this.#parts.groups.named(name);
    if (target === undefined || target === group.queue)
      return this.#bringBack(entry.message, group.queue.place, entry.readyFact);
    const message = { ...entry.message, exchange: '', keys: [target.name], hiddenKeys: [] };
    this.#parts.sessions.move(
      target,
      message,
      {
        how: 'redriven',
        deliveries: 0,
        reason: 0,
        because: out.cause,
        place: group.queue.place,
        copies: 1,
        burial: false,
        source: '',
        readyFact: entry.readyFact,
      },
      out,
    );
  }

  /** What was to be redriven and finds no place goes back to the end of the queue at `place`, as a shovel requeues it. */
  #bringBack(message: AmqpMessage, place: PlaceId, because: FactId): void {
    const { out } = this.#now;
    const source = this.#parts.groups.at(place);
    if (source === undefined) {
      out.fact(F.evicted, message.body.id, place, 0, 0, R['missing target']);
      return;
    }
    const move = { deliveries: 0, reason: 0, because, place, copies: 1, burial: false, source: '' };
    this.#parts.sessions.move(source, message, { how: 'returned', ...move }, out);
  }

  startMoved(start: number): void {
    const { group, out } = this.#now;
    if (this.#records) out.fact(F['log-start-moved'], 0, group.queue.place, 0, start);
  }

  subscribed(consumer: ReplicaConsumer): void {
    const { group, out } = this.#now;
    if (this.#records) out.fact(F.subscribed, 0, group.queue.place, consumer.client);
  }

  cancelled(consumer: ReplicaConsumer, how: Leaving): void {
    const { group, out } = this.#now;
    if (this.#records) out.fact(F.cancelled, 0, group.queue.place, consumer.client, 0, LEAVINGS[how]);
  }

  ended(): void {
    const { group } = this.#now;
    if (this.#records && group.replica !== undefined) this.#parts.plan.took.set(group.index, group.replica.sessions);
  }

  applied(command: SessionCommand, ok: boolean, count: number): void {
    const { session, number } = command;
    const { group, out } = this.#now;
    const move = this.#moveOf;
    if (this.#records && move?.burial === false && command.type === 'enqueue') {
      const { strays } = this.#parts.plan;
      strays.arrived(session, number);
      if (move.copies > 1) strays.reached(command.message.body.id, move.because);
    }
    const wire: NodeWire = { type: 'rabbitmq/applied', group: group.index, session, number, ok, count };
    this.#parts.peers.tell(nodeOf(session), 'replication', wire, 0, out);
  }

  #fact(kind: number, entry: QueuedMessage, peer: ActorId, value: number, detail: number, because?: FactId): FactId {
    const { group, out } = this.#now;
    if (!this.#records) return entry.readyFact;
    return out.fact(kind, entry.message.body.id, group.queue.place, peer, value, detail, because);
  }

  /** A message that was moved here is told as such where it arrives, so that it is never in two queues of the trace, nor in none. */
  #arrives(message: MessageId, out: Out): FactId | undefined {
    const move = this.#moveOf;
    const { group } = this.#now;
    if (move === undefined) return undefined;
    const { place } = group.queue;
    const because = move.because === 0 ? undefined : move.because;
    if (move.burial) {
      const name = `${move.source} ${group.index}`;
      if (this.#parts.plan.buried.has(name)) return because;
      this.#parts.plan.buried.add(name);
    }
    return move.how === 'redriven'
      ? out.fact(F.redriven, message, place, 0, 0, 0, because)
      : out.fact(F['dead-lettered'], message, place, 0, move.deliveries, move.reason, because);
  }

  #sendDelivery(group: Group, held: Held, after: number, out: Out): void {
    const { entry, session, consumer, nth, delivery, before, offset, noAck } = held;
    const delivered: Delivered = {
      delivery,
      message: entry.message,
      redelivered: before > 0 && offset === undefined,
      failures: entry.failures,
      before,
      attempt: attemptOf(held),
      offset,
      noAck,
      remaining: group.replica?.contents.ready.length ?? 0,
    };
    const wire: NodeWire = {
      type: 'rabbitmq/delivered',
      group: group.index,
      session,
      consumer: consumer?.consumer ?? 0,
      nth,
      after,
      delivered,
    };
    this.#parts.peers.tell(nodeOf(session), 'replication', wire, entry.message.body.id, out);
  }
}

function attemptOf({ entry, before }: Held): number {
  return entry.message.attempts + before + 1;
}
