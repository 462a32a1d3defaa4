/**
 * The dealings of a node's channels with the queues that its cluster keeps. Each channel has one session with each queue: its commands are numbered and go
 * to whoever leads the queue, are kept until they are answered, and go again when another leader takes over; so a connection to a node that stays up
 * outlives the leader. What is delivered to a consumer is numbered too: what was lost on the way is asked for. Source: rules R14, R18, R35, R42, R61.
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { AmqpMessage } from '../parts/amqp-message.ts';
import type { MemberNumber } from '../parts/raft-member.ts';
import type { Micros } from '../types.ts';
import type { Burial } from './rabbitmq-burials.ts';
import type { ClusterHost, PendingPublish } from './rabbitmq-cluster-host.ts';
import type { NodeWire, NodeWireOf } from './rabbitmq-cluster-wires.ts';
import type { Group, Groups } from './rabbitmq-groups.ts';
import type { Peers } from './rabbitmq-peers.ts';
import type { Queue } from './rabbitmq-queue.ts';
import {
  type Ending,
  type Move,
  messagesOf,
  type Ordered,
  type SessionCommand,
  type SessionNumber,
  type Settled,
  sessionNumber,
} from './rabbitmq-replica.ts';
import type { Channel, Consumer } from './rabbitmq-session.ts';
import type { Strays } from './rabbitmq-strays.ts';

/** A command that was not answered for this long is sent again. */
const AGAIN_US = 2_000_000;

type SessionBody = SessionCommand extends infer C ? (C extends Ordered ? Omit<C, keyof Ordered> : never) : never;

interface Pending {
  readonly command: SessionCommand;
  sentUs: Micros;
  readonly publish: PendingPublish | undefined;
  readonly burial: Burial | undefined;
}

/** A consumer of this node, and which deliveries have come to it. */
interface Attached {
  readonly consumer: Consumer;
  /** The newest. */
  got: number;
  /** Older ones that did not come: of what is settled as it is handed out nothing comes again, but it may be late. */
  readonly missing: Set<number>;
}

/** A channel of this node and one queue. Without a channel: what this node itself moves there. */
export class Session {
  readonly number: SessionNumber;
  readonly group: Group;
  readonly channel: Channel | undefined;
  readonly pending = new Map<number, Pending>();
  readonly consumers = new Map<number, Attached>();
  commands = 0;
  /** What the last get brought; its answer follows. */
  fetched = false;

  constructor(number: SessionNumber, group: Group, channel: Channel | undefined) {
    this.number = number;
    this.group = group;
    this.channel = channel;
  }
}

/** What sessions need of the cluster beside its groups and peers. */
export interface SessionsHost {
  /** Does what is to be done until nothing is. */
  run(out: Out): void;
  /** A dead message arrived at one of its targets, or was refused there. */
  arrived(burial: Burial, ok: boolean, out: Out): void;
}

export class Sessions {
  readonly #groups: Groups;
  readonly #peers: Peers;
  readonly #host: ClusterHost;
  readonly #cluster: SessionsHost;
  readonly #all = new Map<SessionNumber, Session>();
  readonly #moves = new Map<Group, Session>();
  readonly #consumerNumbers = new Map<Consumer, number>();
  #lastSession = 0;
  #lastConsumer = 0;

  constructor(groups: Groups, peers: Peers, host: ClusterHost, cluster: SessionsHost) {
    this.#groups = groups;
    this.#peers = peers;
    this.#host = host;
    this.#cluster = cluster;
  }

  /** The process died, and all channels with it; what it was moving is astray. */
  crash(strays: Strays): void {
    for (const [{ index: group }, { number: session, pending }] of this.#moves)
      for (const [number, { command }] of pending) {
        if (command.type !== 'enqueue' || command.move === undefined || command.move.burial) continue;
        const { place, because } = command.move;
        strays.add({ group, session, number, message: command.message.body.id, place, because });
      }
    this.#all.clear();
    this.#moves.clear();
    this.#consumerNumbers.clear();
  }

  // What channels of this node ask of queues.

  enqueue(channel: Channel, queue: Queue, message: AmqpMessage, publish: PendingPublish, out: Out): void {
    this.#say(this.#of(channel, queue), { type: 'enqueue', message }, out, publish);
  }

  attach(consumer: Consumer, out: Out): void {
    const { channel, queue, prefetch, noAck, priority, exclusive } = consumer;
    const session = this.#of(channel, queue);
    this.#lastConsumer += 1;
    const number = this.#lastConsumer;
    this.#consumerNumbers.set(consumer, number);
    session.consumers.set(number, { consumer, got: 0, missing: new Set() });
    const client = channel.connection.peer;
    const offset = consumer.wish;
    this.#say(session, { type: 'attach', consumer: number, client, prefetch, noAck, priority, exclusive, offset }, out);
  }

  detach(consumer: Consumer, out: Out): void {
    const number = this.#consumerNumbers.get(consumer) ?? 0;
    this.#consumerNumbers.delete(consumer);
    const session = this.#of(consumer.channel, consumer.queue);
    session.consumers.delete(number);
    this.#say(session, { type: 'detach', consumer: number }, out);
  }

  settle(channel: Channel, queue: Queue, deliveries: readonly number[], how: Settled, out: Out): void {
    this.#say(this.#of(channel, queue), { type: 'settle', deliveries, how }, out);
  }

  get(channel: Channel, queue: Queue, noAck: boolean, out: Out): void {
    this.#say(this.#of(channel, queue), { type: 'get', client: channel.connection.peer, noAck }, out);
  }

  purge(channel: Channel, queue: Queue, out: Out): void {
    this.#say(this.#of(channel, queue), { type: 'purge' }, out);
  }

  /** The queue was declared again, and so is in use (R42). */
  renew(channel: Channel, queue: Queue, out: Out): void {
    this.#say(this.#of(channel, queue), { type: 'renew' }, out);
  }

  delete(channel: Channel, queue: Queue, ifUnused: boolean, ifEmpty: boolean, out: Out): void {
    this.#say(this.#of(channel, queue), { type: 'delete', ifUnused, ifEmpty }, out);
  }

  /** The channel is gone. */
  end(channel: Channel, out: Out): void {
    for (const consumer of channel.consumers.values()) this.#consumerNumbers.delete(consumer);
    for (const session of channel.sessions.values()) this.#say(session, { type: 'end' }, out);
    channel.sessions.clear();
  }

  /** A message that this node moves to a queue by itself; of a burial, its arrival is told. */
  move(queue: Queue, message: AmqpMessage, move: Move, out: Out, burial?: Burial): void {
    const group = this.#groups.of(queue);
    if (group === undefined) return;
    let session = this.#moves.get(group);
    if (session === undefined) {
      session = this.#open(group, undefined);
      this.#moves.set(group, session);
    }
    this.#say(session, { type: 'enqueue', message, move }, out, undefined, burial);
  }

  // What was said and not answered.

  /** Everything of a queue that was not answered goes again: another leads it. */
  sendAgain(group: Group, out: Out): void {
    for (const session of this.#all.values()) if (session.group === group) this.#sendAgain(session, out);
  }

  /** The same for all queues that a node leads: it is heard of again. */
  sendAgainTo(node: MemberNumber, out: Out): void {
    for (const session of this.#all.values()) if (session.group.leader === node) this.#sendAgain(session, out);
  }

  /** The same for sessions that have waited for too long. */
  sendOverdue(out: Out): void {
    for (const session of this.#all.values()) {
      const [oldest] = session.pending.values();
      if (oldest === undefined || out.now - oldest.sentUs <= AGAIN_US) continue;
      if (this.#peers.isUp(session.group.leader)) this.#sendAgain(session, out);
    }
  }

  // What leaders say.

  answered(wire: NodeWireOf<'rabbitmq/applied'>, out: Out): void {
    const session = this.#all.get(wire.session);
    const pending = session?.pending.get(wire.number);
    if (session === undefined || pending === undefined) return;
    // A queue that was deleted is gone when all nodes know it.
    if (pending.command.type === 'delete' && wire.ok) return;
    session.pending.delete(wire.number);
    const { publish, burial, command } = pending;
    if (publish !== undefined) {
      publish.left -= 1;
      if (!wire.ok) publish.refused = true;
      if (publish.left === 0) this.#host.answered(publish, out);
    }
    if (burial !== undefined) this.#cluster.arrived(burial, wire.ok, out);
    const { channel } = session;
    if (command.type === 'end') this.#all.delete(session.number);
    if (channel === undefined) return;
    if (command.type === 'get') {
      if (!session.fetched) this.#host.empty(channel, out);
      session.fetched = false;
    } else if (command.type === 'delete') this.#host.kept(channel, session.group.queue, out);
    else if (command.type === 'purge') this.#host.purged(channel, wire.count, out);
    else if (command.type === 'attach' && !wire.ok) {
      const refused = session.consumers.get(command.consumer);
      session.consumers.delete(command.consumer);
      if (refused !== undefined) this.#host.refused(refused.consumer, out);
    }
  }

  /** The queue is gone: whatever was not answered has had its effect, as `took` tells by session, or never will. */
  ended(group: Group, ending: Ending, took: ReadonlyMap<SessionNumber, number>, out: Out): void {
    this.#moves.delete(group);
    const sessions = [...this.#all.values()].filter((session) => session.group === group);
    for (const session of sessions) {
      this.#all.delete(session.number);
      session.channel?.sessions.delete(group.queue);
      for (const { consumer } of session.consumers.values()) this.#consumerNumbers.delete(consumer);
    }
    for (const session of sessions) {
      const last = took.get(session.number) ?? 0;
      // A session that had ended is not counted any more; what it had sent before came in.
      const over = last === 0 && [...session.pending.values()].some(({ command }) => command.type === 'end');
      for (const [number, pending] of session.pending)
        this.#findsNothing(session, pending, over || number <= last, ending, out);
    }
  }

  #findsNothing(
    session: Session,
    { command, publish, burial }: Pending,
    took: boolean,
    ending: Ending,
    out: Out,
  ): void {
    const { channel, group } = session;
    if (command.type === 'enqueue') {
      if (!took) this.#misses(group.queue, command, out);
      if (burial !== undefined) this.#cluster.arrived(burial, took, out);
      if (publish === undefined) return;
      // Published to nobody is confirmed like what no queue takes (R18).
      publish.left -= 1;
      if (publish.left === 0) this.#host.answered(publish, out);
    } else if (channel === undefined) return;
    else if (command.type === 'delete')
      this.#host.deleted(channel, ending.by === session.number ? ending.messages : 0, out);
    else if (command.type === 'get' || command.type === 'purge') this.#host.missing(channel, group.queue, out);
  }

  /** A message that was on its way to the queue when it was deleted. */
  #misses({ place }: Queue, { message, move }: Extract<SessionCommand, { type: 'enqueue' }>, out: Out): void {
    const { id } = message.body;
    if (move === undefined) out.fact(F.unroutable, id, 0);
    // Its source has it still.
    else if (!move.burial) {
      const because = move.because === 0 ? undefined : move.because;
      if (move.how === 'redriven') out.fact(F.redriven, id, place, 0, 0, 0, because);
      else if (move.how === 'dead-lettered')
        out.fact(F['dead-lettered'], id, place, 0, move.deliveries, move.reason, because);
      out.fact(F.evicted, id, place, 0, 0, R['missing target']);
    }
  }

  got(wire: NodeWireOf<'rabbitmq/delivered'>, out: Out): void {
    const session = this.#all.get(wire.session);
    if (session?.channel === undefined) return;
    const { queue } = session.group;
    if (wire.consumer === 0) {
      session.fetched = true;
      return this.#host.hand(session.channel, undefined, queue, wire.delivered, out);
    }
    const to = session.consumers.get(wire.consumer);
    if (to === undefined) return;
    const { nth } = wire;
    if (!to.missing.delete(nth)) {
      if (nth <= to.got) return;
      if (wire.delivered.noAck) for (let late = to.got + 1; late < nth; late += 1) to.missing.add(late);
      // One was lost on the way: all after it come again.
      else if (wire.after > to.got) return this.#askAgain(session, wire.consumer, to.got, out);
      to.got = nth;
    }
    this.#host.hand(session.channel, to.consumer, queue, wire.delivered, out);
  }

  #of(channel: Channel, queue: Queue): Session {
    const known = channel.sessions.get(queue);
    if (known !== undefined) return known;
    const group = this.#groups.of(queue);
    if (group === undefined) throw new Error(`invariant: ${queue.name} has a group`);
    const session = this.#open(group, channel);
    channel.sessions.set(queue, session);
    return session;
  }

  #open(group: Group, channel: Channel | undefined): Session {
    this.#lastSession += 1;
    const { self, incarnation } = this.#peers;
    const session = new Session(sessionNumber(self, incarnation, this.#lastSession), group, channel);
    this.#all.set(session.number, session);
    return session;
  }

  #say(session: Session, body: SessionBody, out: Out, publish?: PendingPublish, burial?: Burial): void {
    session.commands += 1;
    const number = session.commands;
    const command: SessionCommand = { ...body, session: session.number, number, because: out.cause };
    session.pending.set(number, { command, sentUs: out.now, publish, burial });
    this.#send(session, command, out);
    this.#cluster.run(out);
  }

  #send(session: Session, command: SessionCommand, out: Out): void {
    const { group } = session;
    if (!this.#peers.isUp(group.leader)) return;
    const wire: NodeWire = { type: 'rabbitmq/command', group: group.index, command };
    this.#peers.tell(group.leader, 'replication', wire, messagesOf(command), out);
  }

  /** Everything that was not answered goes again, in order, and what was delivered on the way and lost is asked for. */
  #sendAgain(session: Session, out: Out): void {
    for (const pending of session.pending.values()) {
      pending.sentUs = out.now;
      this.#send(session, pending.command, out);
    }
    for (const [consumer, { got }] of session.consumers) this.#askAgain(session, consumer, got, out);
  }

  #askAgain(session: Session, consumer: number, after: number, out: Out): void {
    const { group, number } = session;
    if (group.leader === 0) return;
    const wire: NodeWire = { type: 'rabbitmq/resend', group: group.index, session: number, consumer, after };
    this.#peers.tell(group.leader, 'control', wire, 0, out);
  }
}
