/**
 * The definitions that all nodes of a cluster share: exchanges, queues and bindings, as far as they change during a run. What a client declares, binds or
 * deletes on one node goes to whoever leads the catalogue, into a log that all nodes keep, and every node carries it out once a majority has it on disk; a
 * node therefore learns of it a little later than another, and without a majority nothing is declared or deleted. What is already as a client wants it is
 * answered from the node's own copy. The end of a queue is decided in the queue's own log, and only made known here.
 * Source: rules R10, R14, R42, R61. Simplification: as long as nothing was ever changed the catalogue sends nothing and elects nobody; its elections are no
 * facts.
 */
import type { Out } from '../machine.ts';
import { type MemberNumber, RaftMember, type RaftMessage } from '../parts/raft-member.ts';
import type { Micros, TimerId } from '../types.ts';
import type { ClusterPlan } from './rabbitmq-cluster-host.ts';
import type { ClusterTimer, NodeWire } from './rabbitmq-cluster-wires.ts';
import type { Peers } from './rabbitmq-peers.ts';
import { type Ending, nodeOf, sessionNumber } from './rabbitmq-replica.ts';
import type { Channel, OnChannel } from './rabbitmq-session.ts';

/** What changes definitions that nodes share, when it changes anything. */
export type Defining = OnChannel<
  | 'exchange.declare'
  | 'exchange.delete'
  | 'exchange.bind'
  | 'exchange.unbind'
  | 'queue.declare'
  | 'queue.bind'
  | 'queue.unbind'
>;

export type Change =
  /** `near`: the node to which the client is connected. */
  | { readonly type: 'define'; readonly method: Defining; readonly near: MemberNumber }
  /** The queue with this number has ended. */
  | { readonly type: 'ended'; readonly group: number; readonly ending: Ending };

/** A change that a node asks for; its number tells which node, and is given once. */
export interface Request {
  readonly number: number;
  readonly change: Change;
}

/** A change with the time at which it came to the leader. */
export interface Entry extends Request {
  readonly atUs: Micros;
}

interface Pending {
  readonly request: Request;
  /** Who waits for it; absent for what a node finds itself. */
  readonly channel: Channel | undefined;
  sentUs: Micros;
}

/** What the catalogue needs of its node. */
export interface CatalogueHost {
  readonly flushUs: Micros;
  armFlush(out: Out): void;
  /** Carries out what all agreed on; `channel` waits for the answer. */
  carryOut(change: Change, channel: Channel | undefined, atUs: Micros, out: Out): void;
  /** Does what is to be done until nothing is. */
  run(out: Out): void;
}

/** A node that misses the leader waits so long, and up to twice that, before it campaigns. */
const CAMPAIGN_US = 200_000;
/** What was not agreed on for this long is asked for again. */
const AGAIN_US = 2_000_000;

export class Catalogue {
  readonly #peers: Peers;
  readonly #plan: ClusterPlan;
  readonly #host: CatalogueHost;
  readonly #raft: RaftMember<Entry>;
  readonly #pending = new Map<number, Pending>();
  /** Numbers of what was carried out: asked for again, it is not done again. */
  readonly #done = new Set<number>();
  /** Queues whose end this node has made known, or tries to. */
  readonly #ended = new Set<number>();
  #requests = 0;
  #leader: MemberNumber = 1;
  #term = 1;
  #campaign: TimerId = 0;
  #touched = false;

  constructor(peers: Peers, plan: ClusterPlan, host: CatalogueHost) {
    this.#peers = peers;
    this.#plan = plan;
    this.#host = host;
    const members = Array.from({ length: plan.size }, (_, at) => at + 1);
    this.#raft = new RaftMember(peers.self, members, 1);
  }

  // What this node wants.

  /** A channel waits until all agreed, and is answered then. */
  ask(method: Defining, channel: Channel, out: Out): void {
    channel.waiting = [];
    this.#request({ type: 'define', method, near: this.#peers.self }, channel, out);
  }

  /** A queue that this node leads has ended. */
  end(group: number, ending: Ending, out: Out): void {
    if (this.#ended.has(group)) return;
    this.#ended.add(group);
    this.#request({ type: 'ended', group, ending }, undefined, out);
  }

  #request(change: Change, channel: Channel | undefined, out: Out): void {
    this.#requests += 1;
    const { self, incarnation } = this.#peers;
    const number = sessionNumber(self, incarnation, this.#requests);
    const pending: Pending = { request: { number, change }, channel, sentUs: out.now };
    this.#pending.set(number, pending);
    this.#send(pending, out);
    this.#host.run(out);
  }

  #send(pending: Pending, out: Out): void {
    pending.sentUs = out.now;
    if (!this.#hearsLeader) return this.#arm(CAMPAIGN_US, out);
    const wire: NodeWire = { type: 'rabbitmq/define', request: pending.request };
    this.#peers.tell(this.#raft.leader, 'control', wire, 0, out);
  }

  // What nodes say.

  /** A node wants a change. Who does not lead leaves it: the node asks again. */
  requested(request: Request, out: Out): void {
    if (this.#done.has(request.number)) return;
    if (this.#raft.propose({ ...request, atUs: out.now })) this.#touched = true;
  }

  receive(from: MemberNumber, message: RaftMessage<Entry>): void {
    this.#raft.receive(from, message, this.#hearsLeader);
    this.#touched = true;
  }

  /** A node is heard of again: what it missed goes to it. */
  heard(node: MemberNumber): void {
    if (!this.#isQuiet) this.#remind(node);
  }

  /** A node's process is another one now: it leads nobody. */
  reborn(node: MemberNumber): void {
    if (this.#raft.leader === node) this.#raft.forgetLeader();
  }

  // Life of the process.

  crash(): void {
    this.#pending.clear();
    this.#ended.clear();
    this.#campaign = 0;
    this.#touched = false;
    this.#leader = 0;
    this.#raft.crash();
  }

  /** What this node had written is on disk. */
  flush(): void {
    if (this.#raft.unflushed === 0) return;
    this.#raft.flushed();
    this.#touched = true;
  }

  pulse(out: Out): void {
    if (this.#isQuiet) return;
    for (const member of this.#raft.members) this.#remind(member);
    if (!this.#hearsLeader) this.#arm(CAMPAIGN_US, out);
    for (const pending of this.#pending.values()) if (out.now - pending.sentUs > AGAIN_US) this.#send(pending, out);
  }

  /** The wait of a node without a leader is over. */
  campaign(out: Out): void {
    this.#campaign = 0;
    if (this.#hearsLeader) return;
    this.#raft.campaign();
    this.#touched = true;
    this.#arm(4 * CAMPAIGN_US, out);
  }

  /** Sends and carries out what there is; false when there was nothing. */
  advance(out: Out): boolean {
    if (!this.#touched) return false;
    this.#touched = false;
    const raft = this.#raft;
    if (raft.unflushed > 0) {
      if (this.#host.flushUs === 0) raft.flushed();
      else this.#host.armFlush(out);
    }
    const { outbox } = raft;
    raft.outbox = [];
    for (const { to, message } of outbox) {
      const hop = message.type === 'append' || message.type === 'appended' ? 'replication' : 'control';
      this.#peers.tell(to, hop, { type: 'rabbitmq/catalogue', message }, 0, out);
    }
    this.#watch(out);
    let changed = false;
    for (let entry = raft.nextCommitted(); entry !== undefined; entry = raft.nextCommitted()) {
      changed = true;
      this.#carryOut(entry, out);
    }
    // The others learn at once that they may do the same.
    if (changed) for (const member of raft.members) this.#remind(member);
    return true;
  }

  #carryOut({ number, change, atUs }: Entry, out: Out): void {
    if (this.#done.has(number)) return;
    this.#done.add(number);
    const pending = nodeOf(number) === this.#peers.self ? this.#pending.get(number) : undefined;
    this.#pending.delete(number);
    this.#host.carryOut(change, pending?.channel, atUs, out);
  }

  /** Nothing was ever changed here, and nobody wants to. */
  get #isQuiet(): boolean {
    return this.#raft.last === 0 && this.#pending.size === 0;
  }

  get #hearsLeader(): boolean {
    const { leader } = this.#raft;
    return leader !== 0 && this.#peers.isUp(leader);
  }

  #remind(member: MemberNumber): void {
    if (this.#raft.role !== 'leader' || member === this.#peers.self || !this.#peers.isUp(member)) return;
    this.#raft.remind(member);
    this.#touched = true;
  }

  /** Looks whether another leads than before: then what was asked for goes there. */
  #watch(out: Out): void {
    const { leader, term } = this.#raft;
    if (leader === 0 || (leader === this.#leader && term === this.#term)) return;
    this.#leader = leader;
    this.#term = term;
    if (this.#campaign !== 0) out.cancel(this.#campaign);
    this.#campaign = 0;
    for (const pending of this.#pending.values()) this.#send(pending, out);
  }

  #arm(leastUs: Micros, out: Out): void {
    if (this.#campaign !== 0) return;
    const delayUs = leastUs + Math.floor((leastUs * out.choose(this.#plan.definitionsSite, 1000)) / 1000);
    this.#campaign = out.timer(delayUs, { type: 'rabbitmq/stand' } as ClusterTimer);
  }
}
