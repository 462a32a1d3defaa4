/**
 * A node of a RabbitMQ cluster among the others. Every queue that clients share has a Raft group: its members keep the same log of commands, a leader among
 * them answers for it, and a command takes effect once a majority has it on disk. A classic queue is a group of one. Channels live where their
 * client is connected and deal with each queue through a session, which sends again what was not answered when another leader takes over: so
 * a connection to a node that stays up outlives the leader.
 * Source: rules R18, R35, R61, R65. Simplifications: exchanges, bindings and queues are known to all nodes from the start; who is alive is
 * found out by heartbeats of a fixed period.
 */
import { F, R } from '../facts.ts';
import type { HopKind, Out, Site, Wire } from '../machine.ts';
import type { AmqpMessage } from '../parts/amqp-message.ts';
import type { Return } from '../parts/rabbit-queue.ts';
import { type MemberNumber, RaftMember, type RaftMessage } from '../parts/raft-member.ts';
import { NEVER, type QueuedMessage } from '../parts/ready-list.ts';
import type { DeathReason } from '../parts/x-death.ts';
import type { ActorId, FactId, MessageId, Micros, TimerId } from '../types.ts';
import type { Queue } from './rabbitmq-queue.ts';
import {
  type Command,
  type Effects,
  type Held,
  type Move,
  messagesOf,
  nodeOf,
  type Ordered,
  Replica,
  type ReplicaConsumer,
  type SessionCommand,
  type SessionNumber,
  type Settled,
  sessionNumber,
} from './rabbitmq-replica.ts';
import type { Channel, Consumer } from './rabbitmq-session.ts';

/** What all nodes of a cluster know from the start, and what no broker keeps but the trace needs. */
export interface ClusterPlan {
  /** Actors of the nodes; node n is at n − 1. Filled while the cluster is built. */
  readonly nodes: ActorId[];
  /** Decides how long a member waits before it campaigns. */
  readonly site: Site;
  /** A node that was not heard of for this long is suspected to be down. */
  readonly failureDetectionUs: Micros;
  /** How long a suspected node's consumers keep what they hold (R65). */
  readonly consumerDisconnectedUs: Micros;
  /** By group: up to which entry facts were recorded. A leader that applies an entry after another one did records nothing anew. */
  readonly recorded: number[];
  /** By group: the last term whose leader was recorded as lost. */
  readonly lost: number[];
  /** Which dead messages were told to have arrived where: another time is a second copy. */
  readonly buried: Set<string>;
}

/** What a cluster asks of the node that it belongs to. */
export interface ClusterHost {
  readonly flushUs: Micros;
  /** Since 4.3 a suspected node's consumers keep what they hold for a while. */
  readonly since43: boolean;
  armFlush(out: Out): void;
  /** A message was handed to a consumer on this node, or fetched (then `consumer` is absent). */
  hand(channel: Channel, consumer: Consumer | undefined, queue: Queue, delivery: Delivered, out: Out): void;
  /** Nothing was there to fetch. */
  empty(channel: Channel, out: Out): void;
  purged(channel: Channel, messages: number, out: Out): void;
  /** Every queue that a publish was routed to has answered. */
  answered(publish: PendingPublish, out: Out): void;
  /** Where a dead message goes; none without a dead-letter exchange or a binding. */
  deadLetter(queue: Queue, entry: QueuedMessage, reason: DeathReason, out: Out): Parting;
}

/** A dead message as it leaves, and the queues that will have it. */
export interface Parting {
  /** Absent: there is no exchange for it. */
  readonly dead: AmqpMessage | undefined;
  readonly targets: readonly Queue[];
  /** It was dropped on the way to some queue, as it had been there before. */
  readonly cycled: boolean;
}

/** A publish that waits for its queues. */
export interface PendingPublish {
  readonly channel: Channel;
  /** 0 without confirms. */
  readonly tag: number;
  readonly message: MessageId;
  left: number;
  refused: boolean;
}

/** A delivery as it travels from the queue's leader to the channel's node. */
export interface Delivered {
  readonly delivery: number;
  readonly message: AmqpMessage;
  readonly redelivered: boolean;
  readonly failures: number;
  /** How often it was handed out before, by this queue. */
  readonly before: number;
  readonly attempt: number;
  readonly offset: number | undefined;
  readonly noAck: boolean;
  /** After basic.get: messages left ready. */
  readonly remaining: number;
}

type NodeWire = Wire &
  (
    | { readonly type: 'rabbitmq/raft'; readonly group: number; readonly message: RaftMessage<Command> }
    | { readonly type: 'rabbitmq/command'; readonly group: number; readonly command: SessionCommand }
    | {
        readonly type: 'rabbitmq/applied';
        readonly group: number;
        readonly session: SessionNumber;
        readonly number: number;
        readonly ok: boolean;
        readonly count: number;
      }
    | {
        readonly type: 'rabbitmq/delivered';
        readonly group: number;
        readonly session: SessionNumber;
        readonly consumer: number;
        readonly nth: number;
        readonly delivered: Delivered;
      }
    | {
        readonly type: 'rabbitmq/resend';
        readonly group: number;
        readonly session: SessionNumber;
        readonly consumer: number;
        readonly after: number;
      }
    | { readonly type: 'rabbitmq/leader'; readonly group: number; readonly leader: MemberNumber; readonly term: number }
    /** `asks`: nothing was heard of the other, so it is to answer. */
    | { readonly type: 'rabbitmq/ping'; readonly incarnation: number; readonly asks: boolean }
  );

type ClusterTimer =
  | { readonly type: 'rabbitmq/pulse' }
  | { readonly type: 'rabbitmq/campaign'; readonly group: number }
  | { readonly type: 'rabbitmq/tick'; readonly group: number }
  | { readonly type: 'rabbitmq/away'; readonly node: MemberNumber; readonly since: Micros }
  | { readonly type: 'rabbitmq/bury'; readonly group: number };

/** Nodes tell each other this often that they are alive. */
const PULSE_US = 1_000_000;
/** A suspected node is asked whether it is back every so many pulses. */
const ASK_EVERY = 5;
/** A command that was not answered for this long is sent again. */
const AGAIN_US = 2_000_000;
/** A member that misses its leader waits so long, and up to twice that, before it campaigns. */
const CAMPAIGN_US = 200_000;
/** Before the at-least-once worker tries again (R55). */
const BURY_US = 180_000_000;

type SessionBody = SessionCommand extends infer C ? (C extends Ordered ? Omit<C, keyof Ordered> : never) : never;

interface Pending {
  readonly command: SessionCommand;
  sentUs: Micros;
  readonly publish: PendingPublish | undefined;
  readonly burial: Burial | undefined;
}

/** A dead message of an at-least-once queue, on its way to its targets. */
interface Burial {
  readonly group: Group;
  readonly entry: QueuedMessage;
  left: number;
  refused: boolean;
}

/** A channel of this node and one queue. Without a channel: what this node itself moves there. */
export class Session {
  readonly number: SessionNumber;
  readonly group: Group;
  readonly channel: Channel | undefined;
  readonly pending = new Map<number, Pending>();
  readonly consumers = new Map<number, { readonly consumer: Consumer; got: number }>();
  commands = 0;
  /** What the last get brought; its answer follows. */
  fetched = false;

  constructor(number: SessionNumber, group: Group, channel: Channel | undefined) {
    this.number = number;
    this.group = group;
    this.channel = channel;
  }
}

class Group {
  readonly index: number;
  readonly queue: Queue;
  readonly raft: RaftMember<Command> | undefined;
  readonly replica: Replica | undefined;
  /** Who leads, as far as this node knows; 0 is nobody. */
  leader: MemberNumber;
  leaderTerm = 1;
  leads = false;
  /** While this node leads: the last command of each session that it put into its log. */
  readonly proposed = new Map<SessionNumber, number>();
  applied = 0;
  campaign: TimerId = 0;
  tick: TimerId = 0;
  tickAtUs: Micros = NEVER;
  /** A tick is in the log and not applied yet: until then another would find the same. */
  ticking = false;
  /** Messages of the queue that are on the way to their dead-letter targets. */
  readonly burials = new Map<QueuedMessage, Burial>();
  buryArmed = false;

  constructor(index: number, queue: Queue, self: MemberNumber, members: readonly MemberNumber[]) {
    this.index = index;
    this.queue = queue;
    this.leader = members[0] ?? 0;
    if (!members.includes(self)) return;
    this.raft = new RaftMember(self, members, this.leader);
    this.replica = new Replica(queue.spec, queue.durable);
  }
}

interface NodeState {
  status: 'up' | 'suspected';
  lastHeardUs: Micros;
  /** The newest one heard of. */
  incarnation: number;
  suspectedUs: Micros;
}

export class RabbitCluster implements Effects {
  readonly self: MemberNumber;
  readonly #plan: ClusterPlan;
  readonly #host: ClusterHost;
  readonly #groups: Group[] = [];
  readonly #byQueue = new Map<Queue, Group>();
  #nodes: NodeState[] = [];
  readonly #sessions = new Map<SessionNumber, Session>();
  readonly #moves = new Map<Group, Session>();
  #incarnation = 1;
  #pulses = 0;
  #lastSession = 0;
  #lastConsumer = 0;
  readonly #consumerNumbers = new Map<Consumer, number>();
  /** What this node says to itself, in order: handled when the present step is done. */
  #own: NodeWire[] = [];
  #busy = false;
  /** Groups whose member may have something to send or apply. */
  readonly #touched = new Set<Group>();
  // While a command is applied at the leader:
  #group: Group | undefined;
  #out: Out | undefined;
  #records = false;
  #because: FactId | undefined;
  #moveOf: Move | undefined;

  constructor(self: MemberNumber, plan: ClusterPlan, host: ClusterHost) {
    this.self = self;
    this.#plan = plan;
    this.#host = host;
  }

  /** The numbers of a connection begin here, so that no two nodes give the same. */
  get firstConnection(): number {
    return this.self * 0x100000;
  }

  /** `members`: the first one leads at the start. */
  add(queue: Queue, members: readonly MemberNumber[]): void {
    const group = new Group(this.#groups.length, queue, this.self, members);
    this.#groups.push(group);
    this.#byQueue.set(queue, group);
    this.#plan.recorded[group.index] = 0;
  }

  depth(queue: Queue): number {
    return this.#byQueue.get(queue)?.replica?.depth ?? 0;
  }

  unacked(queue: Queue): number {
    return this.#byQueue.get(queue)?.replica?.contents.unacked ?? 0;
  }

  consumers(queue: Queue): number {
    return this.#byQueue.get(queue)?.replica?.contents.consumers.size ?? 0;
  }

  /** A policy changed what a queue's arguments mean. */
  changed(queue: Queue, out: Out): void {
    const group = this.#byQueue.get(queue);
    group?.replica?.change(queue.spec);
    if (group !== undefined) this.#tickNow(group, out);
  }

  // Life of the process.

  start(out: Out): void {
    const { nodes } = this.#plan;
    this.#nodes = nodes.map(() => ({ status: 'up', lastHeardUs: out.now, incarnation: 1, suspectedUs: 0 }));
    for (const group of this.#groups) {
      group.leads = group.raft?.role === 'leader';
      if (group.leads && group.raft !== undefined && group.raft.members.length > 1)
        out.fact(F.elected, 0, group.queue.place, out.self, group.raft.term);
    }
    this.#pulse(out);
  }

  crash(out: Out): void {
    this.#sessions.clear();
    this.#moves.clear();
    this.#consumerNumbers.clear();
    this.#own = [];
    this.#touched.clear();
    for (const group of this.#groups) {
      group.campaign = 0;
      group.tick = 0;
      group.tickAtUs = NEVER;
      group.burials.clear();
      group.proposed.clear();
      group.ticking = false;
      group.buryArmed = false;
      const { raft, replica } = group;
      if (raft === undefined || replica === undefined) continue;
      if (raft.members.length === 1) {
        // Unless it is on disk, what a classic queue had in memory is gone with its node (R11).
        this.#begin(group, out, true, undefined);
        for (const { message } of replica.crash(out.now, this))
          out.fact(F.lost, message.body.id, group.queue.place, 0, 0, R['kept in memory only']);
        this.#group = undefined;
      } else {
        group.leader = 0;
        group.leads = false;
      }
      raft.crash();
    }
  }

  restart(out: Out): void {
    this.#incarnation += 1;
    for (const node of this.#nodes) node.lastHeardUs = out.now;
    for (const group of this.#groups) {
      const { raft } = group;
      if (raft === undefined) continue;
      if (raft.members.length === 1) {
        const { self: node } = this;
        this.#propose(group, { type: 'node-gone', node, incarnation: this.#incarnation, atUs: out.now });
        this.#tickNow(group, out);
      }
      // The leader shows itself with its next pulse; if there is none, somebody has to stand.
      else this.#armCampaign(group, 2 * PULSE_US, out);
    }
    this.#pulse(out);
  }

  /** The connection to a node broke: its process is gone, or a hop was lost. Only when it is heard of again is it clear which (R65). */
  peerLost(peer: ActorId, out: Out): void {
    const node = this.#plan.nodes.indexOf(peer) + 1;
    if (node > 0) this.#miss(node, out);
    this.#run(out);
  }

  /** What this node had written is on disk. */
  flush(out: Out): void {
    for (const group of this.#groups) {
      if (group.raft === undefined || group.raft.unflushed === 0) continue;
      group.raft.flushed();
      this.#touched.add(group);
    }
    this.#run(out);
  }

  isTimer(wire: Wire): boolean {
    return TIMERS.includes(wire.type);
  }

  timer(wire: Wire, out: Out): void {
    const timer = wire as ClusterTimer;
    switch (timer.type) {
      case 'rabbitmq/pulse':
        this.#pulse(out);
        break;
      case 'rabbitmq/campaign': {
        const group = this.#groups[timer.group];
        if (group !== undefined) this.#campaign(group, out);
        break;
      }
      case 'rabbitmq/tick': {
        const group = this.#groups[timer.group];
        if (group === undefined) break;
        group.tick = 0;
        group.tickAtUs = NEVER;
        this.#tickNow(group, out);
        break;
      }
      case 'rabbitmq/away': {
        const state = this.#nodes[timer.node - 1];
        if (state?.status === 'suspected' && state.suspectedUs === timer.since)
          this.#proposeAll({ type: 'node-away', node: timer.node, atUs: out.now });
        break;
      }
      case 'rabbitmq/bury': {
        const group = this.#groups[timer.group];
        if (group === undefined) break;
        group.buryArmed = false;
        this.#bury(group, out);
        break;
      }
      default:
        timer satisfies never;
    }
    this.#run(out);
  }

  /** True when the hop was one between nodes. */
  receive(from: ActorId, wire: Wire, out: Out): boolean {
    const node = this.#plan.nodes.indexOf(from) + 1;
    if (node === 0) return false;
    this.#hear(node, out);
    this.#handle(node, wire as NodeWire, out);
    this.#run(out);
    return true;
  }

  // What channels of this node ask of queues.

  enqueue(channel: Channel, queue: Queue, message: AmqpMessage, publish: PendingPublish, out: Out): void {
    this.#say(this.#sessionOf(channel, queue), { type: 'enqueue', message }, out, publish);
  }

  attach(consumer: Consumer, out: Out): void {
    const { channel, queue, prefetch, noAck, priority } = consumer;
    const session = this.#sessionOf(channel, queue);
    this.#lastConsumer += 1;
    const number = this.#lastConsumer;
    this.#consumerNumbers.set(consumer, number);
    session.consumers.set(number, { consumer, got: 0 });
    const client = channel.connection.peer;
    const offset = consumer.wish;
    this.#say(session, { type: 'attach', consumer: number, client, prefetch, noAck, priority, offset }, out);
  }

  detach(consumer: Consumer, out: Out): void {
    const number = this.#consumerNumbers.get(consumer) ?? 0;
    this.#consumerNumbers.delete(consumer);
    const session = this.#sessionOf(consumer.channel, consumer.queue);
    session.consumers.delete(number);
    this.#say(session, { type: 'detach', consumer: number }, out);
  }

  settle(channel: Channel, queue: Queue, deliveries: readonly number[], how: Settled, out: Out): void {
    this.#say(this.#sessionOf(channel, queue), { type: 'settle', deliveries, how }, out);
  }

  get(channel: Channel, queue: Queue, noAck: boolean, out: Out): void {
    this.#say(this.#sessionOf(channel, queue), { type: 'get', client: channel.connection.peer, noAck }, out);
  }

  purge(channel: Channel, queue: Queue, out: Out): void {
    this.#say(this.#sessionOf(channel, queue), { type: 'purge' }, out);
  }

  /** The channel is gone. */
  end(channel: Channel, out: Out): void {
    for (const consumer of channel.consumers.values()) this.#consumerNumbers.delete(consumer);
    for (const session of channel.sessions.values()) this.#say(session, { type: 'end' }, out);
    channel.sessions.clear();
  }

  /** Moves messages from the head of a queue that this node leads to where they died, or to one queue. */
  redrive(queue: Queue, to: string | undefined, messages: number, out: Out): boolean {
    const group = this.#byQueue.get(queue);
    if (group?.replica === undefined || !group.leads) return false;
    const many = messages > 0 ? messages : group.replica.contents.ready.length;
    this.#propose(group, { type: 'redrive', messages: many, to, atUs: out.now });
    this.#run(out);
    return messages > 0 && group.replica.contents.ready.length > 0;
  }

  /** A message that this node moves to a queue by itself. */
  move(queue: Queue, message: AmqpMessage, move: Move, out: Out): void {
    this.#move(queue, message, move, out, undefined);
  }

  #move(queue: Queue, message: AmqpMessage, move: Move, out: Out, burial: Burial | undefined): void {
    const group = this.#byQueue.get(queue);
    if (group === undefined) return;
    let session = this.#moves.get(group);
    if (session === undefined) {
      session = this.#newSession(group, undefined);
      this.#moves.set(group, session);
    }
    this.#say(session, { type: 'enqueue', message, move }, out, undefined, burial);
  }

  // Sessions.

  #sessionOf(channel: Channel, queue: Queue): Session {
    const known = channel.sessions.get(queue);
    if (known !== undefined) return known;
    const group = this.#byQueue.get(queue);
    if (group === undefined) throw new Error(`invariant: ${queue.name} has a group`);
    const session = this.#newSession(group, channel);
    channel.sessions.set(queue, session);
    return session;
  }

  #newSession(group: Group, channel: Channel | undefined): Session {
    this.#lastSession += 1;
    const number = sessionNumber(this.self, this.#incarnation, this.#lastSession);
    const session = new Session(number, group, channel);
    this.#sessions.set(number, session);
    return session;
  }

  #say(session: Session, body: SessionBody, out: Out, publish?: PendingPublish, burial?: Burial): void {
    session.commands += 1;
    const number = session.commands;
    const command: SessionCommand = { ...body, session: session.number, number, because: out.cause };
    session.pending.set(number, { command, sentUs: out.now, publish, burial });
    this.#sendCommand(session, command, out);
    this.#run(out);
  }

  #sendCommand(session: Session, command: SessionCommand, out: Out): void {
    const { group } = session;
    if (!this.#isUp(group.leader)) return;
    const wire: NodeWire = { type: 'rabbitmq/command', group: group.index, command };
    this.#tell(group.leader, 'replication', wire, messagesOf(command), out);
  }

  /** Everything that was not answered goes again, in order, and what was delivered on the way and lost is asked for. */
  #sendAgain(session: Session, out: Out): void {
    for (const pending of session.pending.values()) {
      pending.sentUs = out.now;
      this.#sendCommand(session, pending.command, out);
    }
    for (const [consumer, { got }] of session.consumers) this.#askAgain(session, consumer, got, out);
  }

  #askAgain(session: Session, consumer: number, after: number, out: Out): void {
    const { group, number } = session;
    if (group.leader === 0) return;
    const wire: NodeWire = { type: 'rabbitmq/resend', group: group.index, session: number, consumer, after };
    this.#tell(group.leader, 'control', wire, 0, out);
  }

  #answered(wire: Extract<NodeWire, { type: 'rabbitmq/applied' }>, out: Out): void {
    const session = this.#sessions.get(wire.session);
    const pending = session?.pending.get(wire.number);
    if (session === undefined || pending === undefined) return;
    session.pending.delete(wire.number);
    const { publish, burial, command } = pending;
    if (publish !== undefined) {
      publish.left -= 1;
      if (!wire.ok) publish.refused = true;
      if (publish.left === 0) this.#host.answered(publish, out);
    }
    if (burial !== undefined) this.#buriedAt(burial, wire.ok, out);
    const { channel } = session;
    if (command.type === 'end') this.#sessions.delete(session.number);
    if (channel === undefined) return;
    if (command.type === 'get') {
      if (!session.fetched) this.#host.empty(channel, out);
      session.fetched = false;
    } else if (command.type === 'purge') this.#host.purged(channel, wire.count, out);
  }

  #got(wire: Extract<NodeWire, { type: 'rabbitmq/delivered' }>, out: Out): void {
    const session = this.#sessions.get(wire.session);
    if (session?.channel === undefined) return;
    const { queue } = session.group;
    if (wire.consumer === 0) {
      session.fetched = true;
      return this.#host.hand(session.channel, undefined, queue, wire.delivered, out);
    }
    const to = session.consumers.get(wire.consumer);
    if (to === undefined || wire.nth <= to.got) return;
    // One was lost on the way: all after it come again.
    if (wire.nth > to.got + 1) return this.#askAgain(session, wire.consumer, to.got, out);
    to.got = wire.nth;
    this.#host.hand(session.channel, to.consumer, queue, wire.delivered, out);
  }

  // Between nodes.

  #tell(node: MemberNumber, hop: HopKind, wire: NodeWire, messages: MessageId | readonly MessageId[], out: Out): void {
    if (node === this.self) this.#own.push(wire);
    // A node that is gone gets nothing but the pulse; when it is heard of again, what it missed goes to it.
    else if (this.#isUp(node)) out.send(this.#plan.nodes[node - 1] ?? 0, hop, wire, messages);
  }

  #handle(from: MemberNumber, wire: NodeWire, out: Out): void {
    if (wire.type === 'rabbitmq/ping') return this.#pinged(from, wire.incarnation, wire.asks, out);
    const group = this.#groups[wire.group];
    if (group === undefined) return;
    switch (wire.type) {
      case 'rabbitmq/raft':
        if (group.raft === undefined) return;
        group.raft.receive(from, wire.message, this.#hearsLeader(group));
        this.#touched.add(group);
        return;
      case 'rabbitmq/command':
        if (group.leads && group.replica !== undefined) return this.#accept(group, group.replica, wire.command, out);
        if (from !== this.self && group.leader !== 0 && group.leader !== from) this.#nameLeader(group, from, out);
        return;
      case 'rabbitmq/applied':
        return this.#answered(wire, out);
      case 'rabbitmq/delivered':
        return this.#got(wire, out);
      case 'rabbitmq/resend':
        return this.#resend(group, wire, out);
      case 'rabbitmq/leader':
        if (wire.term >= group.leaderTerm && wire.leader !== group.leader)
          this.#learn(group, wire.leader, wire.term, out);
        return;
      default:
        return wire satisfies never;
    }
  }

  /** A channel's command at the leader: new ones go into the log, in order; one that has taken effect is answered again. */
  #accept(group: Group, replica: Replica, command: SessionCommand, out: Out): void {
    const { session, number } = command;
    const applied = replica.sessions.get(session) ?? 0;
    const last = Math.max(applied, group.proposed.get(session) ?? 0);
    if (number <= applied) {
      this.#begin(group, out, false, undefined);
      replica.answer(command, this);
      this.#group = undefined;
    } else if (number === last + 1) {
      group.proposed.set(session, number);
      // The leader's clock says when it takes effect.
      this.#propose(group, { ...command, atUs: out.now });
    }
  }

  #nameLeader(group: Group, to: MemberNumber, out: Out): void {
    const { index, leader, leaderTerm: term } = group;
    this.#tell(to, 'control', { type: 'rabbitmq/leader', group: index, leader, term }, 0, out);
  }

  #learn(group: Group, leader: MemberNumber, term: number, out: Out): void {
    group.leader = leader;
    group.leaderTerm = term;
    for (const session of this.#sessions.values()) if (session.group === group) this.#sendAgain(session, out);
  }

  #resend(group: Group, wire: Extract<NodeWire, { type: 'rabbitmq/resend' }>, out: Out): void {
    if (!group.leads || group.replica === undefined) return;
    for (const held of group.replica.held.values()) {
      const { session, consumer, nth } = held;
      if (session === wire.session && consumer?.consumer === wire.consumer && nth > wire.after)
        this.#sendDelivery(group, held, out);
    }
  }

  /** Does what is to be done until nothing is: own messages, entries to write, to send and to apply. */
  #run(out: Out): void {
    if (this.#busy) return;
    this.#busy = true;
    for (;;) {
      const own = this.#own.shift();
      if (own !== undefined) {
        this.#handle(this.self, own, out);
        continue;
      }
      const [group] = this.#touched;
      if (group === undefined) break;
      this.#touched.delete(group);
      this.#advance(group, out);
    }
    this.#busy = false;
  }

  #advance(group: Group, out: Out): void {
    const { raft, replica } = group;
    if (raft === undefined || replica === undefined) return;
    if (raft.unflushed > 0) {
      if (this.#host.flushUs === 0) raft.flushed();
      else this.#host.armFlush(out);
    }
    const { outbox } = raft;
    if (outbox.length > 0) {
      raft.outbox = [];
      for (const { to, message } of outbox) {
        const messages = message.type === 'append' ? carried(message) : 0;
        const hop = message.type === 'append' || message.type === 'appended' ? 'replication' : 'control';
        this.#tell(to, hop, { type: 'rabbitmq/raft', group: group.index, message }, messages, out);
      }
    }
    if (raft.leader !== 0 && (raft.leader !== group.leader || raft.term !== group.leaderTerm)) {
      if (group.campaign !== 0) out.cancel(group.campaign);
      group.campaign = 0;
      if (raft.role === 'leader') this.#elected(group, raft, out);
      else {
        group.leads = false;
        this.#learn(group, raft.leader, raft.term, out);
      }
    }
    const leads = raft.role === 'leader';
    for (let command = raft.nextCommitted(); command !== undefined; command = raft.nextCommitted()) {
      group.applied += 1;
      if (command.type === 'tick') group.ticking = false;
      const first = group.applied > (this.#plan.recorded[group.index] ?? 0);
      if (!leads) {
        replica.apply(command, SILENT);
        continue;
      }
      this.#begin(group, out, first, command);
      replica.apply(command, this);
      this.#group = undefined;
      if (first) this.#plan.recorded[group.index] = group.applied;
    }
    if (leads && group.leads) this.#armTick(group, replica, out);
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

  #propose(group: Group, command: Command): boolean {
    if (group.raft?.propose(command) !== true) return false;
    this.#touched.add(group);
    return true;
  }

  #proposeAll(command: Command): void {
    for (const group of this.#groups) if (group.leads) this.#propose(group, command);
  }

  // Who is alive, who leads.

  #isUp(node: MemberNumber): boolean {
    return node === this.self || this.#nodes[node - 1]?.status === 'up';
  }

  #hearsLeader(group: Group): boolean {
    const { raft } = group;
    if (raft === undefined || raft.leader === 0) return false;
    return raft.leader === this.self || this.#nodes[raft.leader - 1]?.status === 'up';
  }

  #pulse(out: Out): void {
    this.#pulses += 1;
    const tells: NodeWire = { type: 'rabbitmq/ping', incarnation: this.#incarnation, asks: false };
    const { nodes, failureDetectionUs } = this.#plan;
    nodes.forEach((actor, at) => {
      const state = this.#nodes[at];
      if (at + 1 === this.self || state === undefined) return;
      if (state.status === 'suspected') {
        if (this.#pulses % ASK_EVERY === 0) this.#ask(at + 1, out);
        return;
      }
      out.send(actor, 'control', tells);
      if (out.now - state.lastHeardUs > failureDetectionUs) this.#miss(at + 1, out);
    });
    for (const session of this.#sessions.values()) {
      const [oldest] = session.pending.values();
      if (oldest === undefined || out.now - oldest.sentUs <= AGAIN_US) continue;
      if (this.#isUp(session.group.leader)) this.#sendAgain(session, out);
    }
    for (const group of this.#groups) {
      for (const member of group.raft?.members ?? []) {
        if (group.raft?.lacks(member) !== true || !this.#isUp(member)) continue;
        group.raft.remind(member);
        this.#touched.add(group);
      }
    }
    out.timer(PULSE_US, { type: 'rabbitmq/pulse' }, 0);
  }

  #ask(node: MemberNumber, out: Out): void {
    const asks: NodeWire = { type: 'rabbitmq/ping', incarnation: this.#incarnation, asks: true };
    out.send(this.#plan.nodes[node - 1] ?? 0, 'control', asks);
  }

  #hear(node: MemberNumber, out: Out): void {
    const state = this.#nodes[node - 1];
    if (state === undefined) return;
    state.lastHeardUs = out.now;
    if (state.status === 'up') return;
    state.status = 'up';
    for (const session of this.#sessions.values()) if (session.group.leader === node) this.#sendAgain(session, out);
    for (const group of this.#groups) {
      if (!group.leads) continue;
      this.#propose(group, { type: 'node-back', node, atUs: out.now });
      group.raft?.remind(node);
      this.#touched.add(group);
      this.#nameLeader(group, node, out);
    }
  }

  #pinged(from: MemberNumber, incarnation: number, asks: boolean, out: Out): void {
    const state = this.#nodes[from - 1];
    if (state === undefined) return;
    if (asks) {
      const tells: NodeWire = { type: 'rabbitmq/ping', incarnation: this.#incarnation, asks: false };
      out.send(this.#plan.nodes[from - 1] ?? 0, 'control', tells);
    }
    if (incarnation <= state.incarnation) return;
    // It is another process now: what the one before led, nobody leads, and its channels are gone.
    state.incarnation = incarnation;
    for (const group of this.#groups) {
      if (group.raft === undefined || group.raft.leader !== from || group.raft.members.length === 1) continue;
      group.raft.forgetLeader();
      if (group.leader === from) group.leader = 0;
      this.#armCampaign(group, CAMPAIGN_US, out);
    }
    this.#proposeAll({ type: 'node-gone', node: from, incarnation, atUs: out.now });
    for (const group of this.#groups) if (group.leads) this.#nameLeader(group, from, out);
  }

  /** A node is gone, or nothing is heard of it. */
  #miss(node: MemberNumber, out: Out): void {
    const state = this.#nodes[node - 1];
    if (state === undefined || state.status === 'suspected') return;
    state.status = 'suspected';
    state.suspectedUs = out.now;
    this.#watchAway(node, state, out);
    // If only the connection broke, this opens another, and the answer comes before anybody campaigns.
    this.#ask(node, out);
    for (const group of this.#groups)
      if (group.raft !== undefined && group.leader === node) this.#armCampaign(group, CAMPAIGN_US, out);
  }

  /** What a suspected node's consumers hold returns: since 4.3 after a while, before at once (R65). */
  #watchAway(node: MemberNumber, state: NodeState, out: Out): void {
    const waitUs = this.#host.since43 ? this.#plan.consumerDisconnectedUs : 0;
    const timer: ClusterTimer = { type: 'rabbitmq/away', node, since: state.suspectedUs };
    out.timer(waitUs, timer, 0);
  }

  #armCampaign(group: Group, leastUs: Micros, out: Out): void {
    if (group.campaign !== 0) return;
    const { site } = this.#plan;
    const delayUs = leastUs + Math.floor((leastUs * out.choose(site, 1000)) / 1000);
    group.campaign = out.timer(delayUs, { type: 'rabbitmq/campaign', group: group.index } as ClusterTimer);
  }

  #campaign(group: Group, out: Out): void {
    group.campaign = 0;
    const { raft, leader, leaderTerm: term, index, queue } = group;
    if (raft === undefined || raft.role === 'leader' || raft.members.length === 1 || this.#hearsLeader(group)) return;
    if (this.#plan.lost[index] !== term)
      out.fact(F['leader-lost'], 0, queue.place, this.#plan.nodes[leader - 1] ?? 0, term);
    this.#plan.lost[index] = term;
    raft.campaign();
    this.#touched.add(group);
    this.#armCampaign(group, 4 * CAMPAIGN_US, out);
  }

  #elected(group: Group, raft: RaftMember<Command>, out: Out): void {
    group.leads = true;
    group.ticking = false;
    group.proposed.clear();
    out.fact(F.elected, 0, group.queue.place, out.self, raft.term);
    this.#learn(group, this.self, raft.term, out);
    this.#nodes.forEach((state, at) => {
      const node = at + 1;
      if (node === this.self) {
        // What this process knew before it died is gone with it.
        this.#propose(group, { type: 'node-gone', node, incarnation: this.#incarnation, atUs: out.now });
        return;
      }
      this.#propose(group, { type: 'node-gone', node, incarnation: state.incarnation, atUs: out.now });
      if (state.status === 'suspected') this.#watchAway(node, state, out);
      else this.#propose(group, { type: 'node-back', node, atUs: out.now });
      this.#nameLeader(group, node, out);
    });
    if ((group.replica?.contents.dying.size ?? 0) > 0) this.#armBury(group, 0, out);
  }

  // Time of a queue.

  #armTick(group: Group, replica: Replica, out: Out): void {
    const at = replica.nextTickUs();
    if (at >= group.tickAtUs || group.ticking) return;
    if (group.tick !== 0) out.cancel(group.tick);
    group.tickAtUs = at;
    group.tick = out.timer(Math.max(0, at - out.now), { type: 'rabbitmq/tick', group: group.index } as ClusterTimer);
  }

  #tickNow(group: Group, out: Out): void {
    if (group.leads && !group.ticking) group.ticking = this.#propose(group, { type: 'tick', atUs: out.now });
    this.#run(out);
  }

  // Effects: what the leader's queue does, told as facts and sent to the channels.

  get #now(): { readonly group: Group; readonly out: Out } {
    if (this.#group === undefined || this.#out === undefined) throw new Error('effects are those of a command');
    return { group: this.#group, out: this.#out };
  }

  appended(entry: QueuedMessage, offset: number | undefined): void {
    const { group, out } = this.#now;
    if (!this.#records) return;
    const { id } = entry.message.body;
    const { place } = group.queue;
    const from = this.#arrives(id, out) ?? this.#because;
    const behind = offset ?? group.replica?.contents.ready.behind(entry) ?? 0;
    entry.readyFact = out.fact(F.appended, id, place, 0, behind, 0, from);
  }

  refused(message: AmqpMessage): void {
    const { group, out } = this.#now;
    if (!this.#records) return;
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
    this.#sendDelivery(group, held, out);
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
    const { dead, targets, cycled } = this.#host.deadLetter(group.queue, entry, reason, out);
    const { id } = entry.message.body;
    if (dead === undefined || targets.length === 0) {
      if (cycled) return;
      out.fact(reason === 'expired' ? F.expired : F.evicted, id, group.queue.place, 0, 0, DEATHS[reason]);
      return;
    }
    const because = (asked ? this.#because : entry.readyFact) || out.cause;
    const deliveries = entry.message.attempts + entry.deliveries;
    for (const target of targets)
      this.move(
        target,
        dead,
        { how: 'dead-lettered', deliveries, reason: DEATHS[reason], because, burial: false, source: '' },
        out,
      );
  }

  dying(entry: QueuedMessage, asked: boolean): void {
    const { group, out } = this.#now;
    if (asked && this.#records) entry.readyFact = this.#because ?? out.cause;
    this.#armBury(group, 0, out);
  }

  purged(entry: QueuedMessage): void {
    this.#fact(F.evicted, entry, 0, 0, R.purged);
  }

  redriven(entry: QueuedMessage, to: string | undefined): void {
    const { group, out } = this.#now;
    if (!this.#records) return;
    const name = to ?? entry.message.deaths?.last.queue;
    const target = [...this.#byQueue.keys()].find((queue) => queue.name === name);
    if (target === undefined || target === group.queue) {
      out.fact(F.evicted, entry.message.body.id, group.queue.place, 0, 0, R['missing target']);
      return;
    }
    const message = { ...entry.message, exchange: '', keys: [target.name], hiddenKeys: [] };
    this.move(
      target,
      message,
      { how: 'redriven', deliveries: 0, reason: 0, because: out.cause, burial: false, source: '' },
      out,
    );
  }

  startMoved(start: number): void {
    const { group, out } = this.#now;
    if (this.#records) out.fact(F['log-start-moved'], 0, group.queue.place, 0, start);
  }

  subscribed(consumer: ReplicaConsumer): void {
    const { group, out } = this.#now;
    if (this.#records) out.fact(F.subscribed, 0, group.queue.place, consumer.client);
  }

  cancelled(consumer: ReplicaConsumer, how: 'detach' | 'end' | 'away'): void {
    const { group, out } = this.#now;
    const reason = how === 'detach' ? R.stopped : how === 'end' ? R['connection lost'] : R['timed out'];
    if (this.#records) out.fact(F.cancelled, 0, group.queue.place, consumer.client, 0, reason);
  }

  applied({ session, number }: SessionCommand, ok: boolean, count: number): void {
    const { group, out } = this.#now;
    const wire: NodeWire = { type: 'rabbitmq/applied', group: group.index, session, number, ok, count };
    this.#tell(nodeOf(session), 'replication', wire, 0, out);
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
      if (this.#plan.buried.has(name)) return because;
      this.#plan.buried.add(name);
    }
    return move.how === 'redriven'
      ? out.fact(F.redriven, message, place, 0, 0, 0, because)
      : out.fact(F['dead-lettered'], message, place, 0, move.deliveries, move.reason, because);
  }

  #sendDelivery(group: Group, held: Held, out: Out): void {
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
      delivered,
    };
    this.#tell(nodeOf(session), 'replication', wire, entry.message.body.id, out);
  }

  // At-least-once dead-lettering: what is dying goes to its targets, and leaves when they all have it.

  #armBury(group: Group, delayUs: Micros, out: Out): void {
    if (group.buryArmed) return;
    group.buryArmed = true;
    out.timer(delayUs, { type: 'rabbitmq/bury', group: group.index } as ClusterTimer);
  }

  #bury(group: Group, out: Out): void {
    if (!group.leads || group.replica === undefined) return;
    const { dying } = group.replica.contents;
    let waits = false;
    for (const [entry, reason] of dying) {
      if (group.burials.has(entry)) continue;
      const { dead, targets, cycled } = this.#host.deadLetter(group.queue, entry, reason, out);
      if (dead === undefined || targets.length === 0) {
        if (cycled) this.#propose(group, { type: 'buried', position: entry.position, atUs: out.now });
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
        burial: true,
        source: `${group.index}/${entry.position}`,
      };
      for (const target of targets) this.#move(target, dead, move, out, burial);
    }
    if (waits) this.#armBury(group, BURY_US, out);
  }

  #buriedAt(burial: Burial, ok: boolean, out: Out): void {
    const { group, entry } = burial;
    burial.left -= 1;
    if (!ok) burial.refused = true;
    if (burial.left > 0) return;
    group.burials.delete(entry);
    if (burial.refused) this.#armBury(group, BURY_US, out);
    else this.#propose(group, { type: 'buried', position: entry.position, atUs: out.now });
  }
}

const TIMERS: readonly string[] = [
  'rabbitmq/pulse',
  'rabbitmq/campaign',
  'rabbitmq/tick',
  'rabbitmq/away',
  'rabbitmq/bury',
] satisfies readonly ClusterTimer['type'][];

const RETURNS: Readonly<Record<Return | 'delay', number>> = {
  nack: R.nacked,
  reject: R.nacked,
  lost: R['connection lost'],
  timeout: R['timed out'],
  delay: R['delay over'],
};

const DEATHS: Readonly<Record<DeathReason, number>> = {
  rejected: R['rejected by the consumer'],
  expired: R['TTL passed'],
  maxlen: R['queue full'],
  delivery_limit: R['too many deliveries'],
};

const nothing = (): void => {};
/** A follower does what its leader does, and says nothing. */
const SILENT: Effects = {
  appended: nothing,
  refused: nothing,
  delivered: nothing,
  acked: nothing,
  nacked: nothing,
  requeued: nothing,
  left: nothing,
  dying: nothing,
  purged: nothing,
  redriven: nothing,
  startMoved: nothing,
  subscribed: nothing,
  cancelled: nothing,
  applied: nothing,
};

function attemptOf({ entry, before }: Held): number {
  return entry.message.attempts + before + 1;
}

/** The numbers of the messages in a batch of entries; 0 for none. */
function carried({ entries }: Extract<RaftMessage<Command>, { type: 'append' }>): MessageId | readonly MessageId[] {
  const [only] = entries;
  if (entries.length === 1) return only?.command === undefined ? 0 : messagesOf(only.command);
  const messages: MessageId[] = [];
  for (const { command } of entries) if (command?.type === 'enqueue') messages.push(messagesOf(command));
  return messages.length === 0 ? 0 : messages;
}
