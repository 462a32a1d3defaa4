/**
 * A node of a RabbitMQ cluster among the others. Every queue that clients share has a Raft group: its members keep the same log of commands, a leader among
 * them answers for it, and a command takes effect once a majority has it on disk. A classic queue is a group of one. Channels live where their
 * client is connected and deal with each queue through a session. This file is the machine: its timers, what other nodes say, and the turn of work
 * in which entries are written, sent and applied. The parts are `rabbitmq-groups.ts` (the queues' logs and replicas), `-peers.ts` (who is alive),
 * `-elections.ts` (who leads), `-leader.ts` (what a leader does), `-sessions.ts` (channels), `-burials.ts` (dead letters, at least once) and
 * `-catalogue.ts` (which exchanges, bindings and queues there are).
 * Source: rules R10, R14, R18, R35, R42, R61, R65. Simplification: who is alive is found out by heartbeats of a fixed period.
 */
import type { Out, Wire } from '../machine.ts';
import type { MemberNumber, RaftMessage } from '../parts/raft-member.ts';
import { NEVER, type QueuedMessage } from '../parts/ready-list.ts';
import type { ActorId, MessageId, Micros } from '../types.ts';
import { Burials } from './rabbitmq-burials.ts';
import { Catalogue, type Change, type Defining } from './rabbitmq-catalogue.ts';
import type { ClusterHost, ClusterPlan } from './rabbitmq-cluster-host.ts';
import { CLUSTER_TIMERS, type ClusterTimer, type NodeWire } from './rabbitmq-cluster-wires.ts';
import { Elections } from './rabbitmq-elections.ts';
import { type Group, Groups, membersFor } from './rabbitmq-groups.ts';
import { Leader } from './rabbitmq-leader.ts';
import { Peers, PULSE_US } from './rabbitmq-peers.ts';
import type { Queue } from './rabbitmq-queue.ts';
import { type Command, type Effects, messagesOf, type Replica, type SessionNumber } from './rabbitmq-replica.ts';
import type { Channel } from './rabbitmq-session.ts';
import { Sessions } from './rabbitmq-sessions.ts';

export class RabbitCluster {
  /** What channels of this node ask of queues. */
  readonly sessions: Sessions;
  readonly #plan: ClusterPlan;
  readonly #host: ClusterHost;
  readonly #groups: Groups;
  readonly #peers: Peers;
  readonly #burials: Burials;
  readonly #elections: Elections;
  readonly #leader: Leader;
  readonly #catalogue: Catalogue;
  #busy = false;

  constructor(self: MemberNumber, plan: ClusterPlan, host: ClusterHost) {
    this.#plan = plan;
    this.#host = host;
    const groups = new Groups(self);
    const peers = new Peers(self, plan, host.since43);
    const sessions = new Sessions(groups, peers, host, {
      run: (out) => this.#run(out),
      arrived: (burial, ok, out) => this.#burials.arrived(burial, ok, out),
    });
    const burials = new Burials(groups, host, (queue, message, move, out, burial) =>
      sessions.move(queue, message, move, out, burial),
    );
    this.#groups = groups;
    this.#peers = peers;
    this.sessions = sessions;
    this.#burials = burials;
    this.#elections = new Elections(groups, peers, plan, sessions, burials);
    this.#leader = new Leader({ groups, peers, plan, host, sessions, burials });
    this.#catalogue = new Catalogue(peers, plan, {
      flushUs: host.flushUs,
      armFlush: (out) => host.armFlush(out),
      carryOut: (change, channel, atUs, out) => this.#carryOut(change, channel, atUs, out),
      run: (out) => this.#run(out),
    });
  }

  /** The numbers of a connection begin here, so that no two nodes give the same. */
  get firstConnection(): number {
    return this.#peers.self * 0x100000;
  }

  get self(): MemberNumber {
    return this.#peers.self;
  }

  /** A queue of the beginning. `members`: the first one leads. */
  add(queue: Queue, members: readonly MemberNumber[]): void {
    this.#add(queue, members, 0);
  }

  #add(queue: Queue, members: readonly MemberNumber[], sinceUs: Micros): Group {
    const { recorded, firstTerms, terms } = this.#plan;
    // Another node may have had it earlier.
    const index = this.#groups.made;
    recorded[index] ??= 0;
    const term = firstTerms[index] ?? (terms.get(queue.name) ?? 0) + 1;
    firstTerms[index] = term;
    const group = this.#groups.add(queue, members, sinceUs, term);
    return group;
  }

  /** All agreed that there is this queue, whose client is connected to the node `near`. */
  begin(queue: Queue, near: MemberNumber, sinceUs: Micros, out: Out): void {
    const members = membersFor(queue.arguments, near, this.#groups.made, this.#plan.size);
    const group = this.#add(queue, members, sinceUs);
    this.#elections.begin(group, out);
    if (group.leads && group.replica !== undefined) this.#armTick(group, group.replica, out);
  }

  /** A channel wants definitions to change that all nodes share; it waits until they agreed. */
  ask(method: Defining, channel: Channel, out: Out): void {
    this.#catalogue.ask(method, channel, out);
  }

  #carryOut(change: Change, channel: Channel | undefined, atUs: Micros, out: Out): void {
    if (change.type === 'define') return this.#host.define(change, channel, atUs, out);
    const group = this.#groups.numbered(change.group);
    if (group === undefined) return;
    this.#groups.remove(group, out);
    this.#host.forget(group.queue, out);
    const { took, strays } = this.#plan;
    this.sessions.ended(group, change.ending, took.get(group.index) ?? NONE, out);
    strays.settle(group.index, ANY, out);
  }

  depth(queue: Queue): number {
    return this.#groups.of(queue)?.replica?.depth ?? 0;
  }

  unacked(queue: Queue): number {
    return this.#groups.of(queue)?.replica?.contents.unacked ?? 0;
  }

  consumers(queue: Queue): number {
    return this.#groups.of(queue)?.replica?.contents.consumers.size ?? 0;
  }

  /** A policy changed what a queue's arguments mean. */
  changed(queue: Queue, out: Out): void {
    const group = this.#groups.of(queue);
    group?.replica?.change(queue.spec, out.now);
    if (group !== undefined) this.#tickNow(group, out);
  }

  /**
   * Moves messages from the head of a queue that this node leads to where they died, or to one queue: as many (0: all), up to the first for which
   * there is no target. Whether there may be more to move.
   */
  redrive(queue: Queue, to: string | undefined, messages: number, out: Out): boolean {
    const group = this.#groups.of(queue);
    if (group?.replica === undefined || !group.leads) return false;
    const { ready } = group.replica.contents;
    const hasTarget = ({ message }: QueuedMessage): boolean => {
      const target = this.#groups.named(to ?? message.deaths?.last.queue);
      return target !== undefined && target !== queue;
    };
    const stays = ready.entries().findIndex((entry) => !hasTarget(entry));
    const movable = stays < 0 ? ready.length : stays;
    if (movable === 0) return false;
    const many = messages > 0 ? messages : movable;
    this.#groups.propose(group, { type: 'redrive', messages: many, to, atUs: out.now });
    this.#run(out);
    return messages > 0 && ready.length > 0;
  }

  /** Empties a queue that this node leads, for no client. */
  purge(queue: Queue, out: Out): void {
    const group = this.#groups.of(queue);
    if (group?.replica === undefined || !group.leads) return;
    this.#groups.propose(group, { type: 'emptied', atUs: out.now });
    this.#run(out);
  }

  // Life of the process.

  start(out: Out): void {
    this.#peers.start(out.now);
    this.#elections.start(out);
    for (const group of this.#groups.all)
      if (group.leads && group.replica !== undefined) this.#armTick(group, group.replica, out);
    this.#pulse(out);
  }

  crash(out: Out): void {
    const { strays, took } = this.#plan;
    this.sessions.crash(strays);
    this.#catalogue.crash();
    this.#peers.own = [];
    this.#groups.touched.clear();
    for (const group of this.#groups.all) {
      group.forget();
      const { raft, replica } = group;
      if (took.has(group.index)) strays.settle(group.index, ANY, out);
      if (raft === undefined || replica === undefined) continue;
      // Unless it is on disk, what a classic queue had in memory is gone with its node (R11).
      if (raft.members.length === 1) this.#leader.crash(group, replica, out);
      else {
        group.leader = 0;
        group.leads = false;
      }
      raft.crash();
      // Nobody else has what the queue's only member forgot.
      if (raft.isDone) strays.settle(group.index, ANY, out);
    }
  }

  restart(out: Out): void {
    this.#peers.restart(out.now);
    const { self: node, incarnation } = this.#peers;
    for (const group of this.#groups.all) {
      const { raft } = group;
      if (raft === undefined) continue;
      if (raft.members.length === 1) {
        group.replica?.wake(out.now);
        this.#groups.propose(group, { type: 'node-gone', node, incarnation, atUs: out.now });
        this.#tickNow(group, out);
      } else this.#elections.restart(group, out);
    }
    this.#pulse(out);
  }

  /** The connection to a node broke: its process is gone, or a hop was lost. */
  peerLost(peer: ActorId, out: Out): void {
    const node = this.#peers.numberOf(peer);
    if (node > 0) this.#elections.missed(node, out);
    this.#run(out);
  }

  /** Whether the disk of another node is full. */
  get hasAlarm(): boolean {
    return this.#peers.hasAlarm;
  }

  /** The others hear at once of this node's disk. */
  tellOfDisk(isFull: boolean, out: Out): void {
    this.#peers.isDiskFull = isFull;
    for (const { node } of this.#peers.all())
      if (node !== this.#peers.self && this.#peers.isUp(node)) this.#peers.answer(node, out);
  }

  /** What this node had written is on disk. */
  flush(out: Out): void {
    this.#catalogue.flush();
    for (const group of this.#groups.all) {
      if (group.raft === undefined || group.raft.unflushed === 0) continue;
      group.raft.flushed();
      this.#groups.touched.add(group);
    }
    this.#run(out);
  }

  isTimer(wire: Wire): boolean {
    return CLUSTER_TIMERS.includes(wire.type);
  }

  timer(wire: Wire, out: Out): void {
    const timer = wire as ClusterTimer;
    switch (timer.type) {
      case 'rabbitmq/pulse':
        this.#pulse(out);
        break;
      case 'rabbitmq/campaign': {
        const group = this.#groups.numbered(timer.group);
        if (group !== undefined) this.#elections.campaign(group, out);
        break;
      }
      case 'rabbitmq/tick': {
        const group = this.#groups.numbered(timer.group);
        if (group === undefined) break;
        group.tick = 0;
        group.tickAtUs = NEVER;
        this.#tickNow(group, out);
        break;
      }
      case 'rabbitmq/away':
        if (this.#peers.isSuspectedSince(timer.node, timer.since))
          this.#groups.proposeAll({ type: 'node-away', node: timer.node, atUs: out.now });
        break;
      case 'rabbitmq/bury': {
        const group = this.#groups.numbered(timer.group);
        if (group !== undefined) this.#burials.begin(group, out);
        break;
      }
      case 'rabbitmq/stand':
        this.#catalogue.campaign(out);
        break;
      default:
        timer satisfies never;
    }
    this.#run(out);
  }

  /** True when the hop was one between nodes. */
  receive(from: ActorId, wire: Wire, out: Out): boolean {
    const node = this.#peers.numberOf(from);
    if (node === 0) return false;
    if (this.#elections.heard(node, out)) this.#catalogue.heard(node);
    this.#handle(node, wire as NodeWire, out);
    this.#run(out);
    return true;
  }

  #handle(from: MemberNumber, wire: NodeWire, out: Out): void {
    switch (wire.type) {
      case 'rabbitmq/ping':
        this.#peers.saysOfDisk(from, wire.isDiskFull);
        if (this.#elections.pinged(from, wire, out)) this.#catalogue.reborn(from);
        return;
      case 'rabbitmq/catalogue':
        return this.#catalogue.receive(from, wire.message);
      case 'rabbitmq/define':
        return this.#catalogue.requested(wire.request, out);
      default:
    }
    const group = this.#groups.numbered(wire.group);
    if (group === undefined) return;
    switch (wire.type) {
      case 'rabbitmq/raft':
        if (group.raft === undefined) return;
        group.raft.receive(from, wire.message, this.#elections.hearsLeader(group));
        this.#groups.touched.add(group);
        return;
      case 'rabbitmq/command':
        if (group.leads && group.replica !== undefined)
          return this.#leader.accept(group, group.replica, wire.command, out);
        if (from !== this.#peers.self && group.leader !== 0 && group.leader !== from)
          this.#elections.name(group, from, out);
        return;
      case 'rabbitmq/applied':
        return this.sessions.answered(wire, out);
      case 'rabbitmq/delivered':
        return this.sessions.got(wire, out);
      case 'rabbitmq/resend':
        return this.#leader.resend(group, wire, out);
      case 'rabbitmq/leader':
        return this.#elections.told(group, wire, out);
      default:
        return wire satisfies never;
    }
  }

  /** Does what is to be done until nothing is: own messages, entries to write, to send and to apply. */
  #run(out: Out): void {
    if (this.#busy) return;
    this.#busy = true;
    const { touched } = this.#groups;
    for (;;) {
      const own = this.#peers.own.shift();
      if (own !== undefined) {
        this.#handle(this.#peers.self, own, out);
        continue;
      }
      const [group] = touched;
      if (group !== undefined) {
        touched.delete(group);
        this.#advance(group, out);
      } else if (!this.#catalogue.advance(out)) break;
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
        this.#peers.tell(to, hop, { type: 'rabbitmq/raft', group: group.index, message }, messages, out);
      }
    }
    this.#elections.watch(group, raft, out);
    const leads = raft.role === 'leader';
    for (let command = raft.nextCommitted(); command !== undefined; command = raft.nextCommitted()) {
      group.applied += 1;
      if (command.type === 'tick') group.ticking = false;
      if (leads) this.#leader.apply(group, replica, command, out);
      else replica.apply(command, SILENT);
    }
    if (!leads || !group.leads) return;
    if (replica.ending === undefined) this.#armTick(group, replica, out);
    else this.#catalogue.end(group.index, replica.ending, out);
  }

  #pulse(out: Out): void {
    this.#peers.pulse((node) => this.#elections.missed(node, out), out);
    this.sessions.sendOverdue(out);
    this.#catalogue.pulse(out);
    const { strays } = this.#plan;
    if (strays.any) {
      const gone = (session: SessionNumber): boolean => this.#peers.isGone(session);
      for (const group of this.#groups.all)
        if (group.leads && group.raft?.isDone === true) strays.settle(group.index, gone, out);
    }
    for (const group of this.#groups.all) {
      for (const member of group.raft?.members ?? []) {
        if (group.raft?.lacks(member) !== true || !this.#peers.isUp(member)) continue;
        group.raft.remind(member);
        this.#groups.touched.add(group);
      }
    }
    out.timer(PULSE_US, { type: 'rabbitmq/pulse' }, 0);
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
    if (group.leads && !group.ticking) group.ticking = this.#groups.propose(group, { type: 'tick', atUs: out.now });
    this.#run(out);
  }
}

const NONE: ReadonlyMap<number, number> = new Map();
const ANY = (): boolean => true;

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
  ended: nothing,
  applied: nothing,
};

/** The numbers of the messages in a batch of entries; 0 for none. */
function carried({ entries }: Extract<RaftMessage<Command>, { type: 'append' }>): MessageId | readonly MessageId[] {
  const [only] = entries;
  if (entries.length === 1) return only?.command === undefined ? 0 : messagesOf(only.command);
  const messages: MessageId[] = [];
  for (const { command } of entries) if (command?.type === 'enqueue') messages.push(messagesOf(command));
  return messages.length === 0 ? 0 : messages;
}
