/**
 * Who leads the queues of a cluster, as one node sees it and takes part in it: members that miss their leader stand for election, whoever wins says so, and
 * what a node's going, coming back or starting anew means to the queues is put into the logs of those that this node leads. Source: rules R61, R65.
 */
import { F } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { MemberNumber, RaftMember } from '../parts/raft-member.ts';
import type { Micros } from '../types.ts';
import type { Burials } from './rabbitmq-burials.ts';
import type { ClusterPlan } from './rabbitmq-cluster-host.ts';
import type { ClusterTimer, NodeWireOf } from './rabbitmq-cluster-wires.ts';
import type { Group, Groups } from './rabbitmq-groups.ts';
import { type Peers, PULSE_US } from './rabbitmq-peers.ts';
import type { Command } from './rabbitmq-replica.ts';
import type { Sessions } from './rabbitmq-sessions.ts';

/** A member that misses its leader waits so long, and up to twice that, before it campaigns. */
const CAMPAIGN_US = 200_000;

export class Elections {
  readonly #groups: Groups;
  readonly #peers: Peers;
  readonly #plan: ClusterPlan;
  readonly #sessions: Sessions;
  readonly #burials: Burials;

  constructor(groups: Groups, peers: Peers, plan: ClusterPlan, sessions: Sessions, burials: Burials) {
    this.#groups = groups;
    this.#peers = peers;
    this.#plan = plan;
    this.#sessions = sessions;
    this.#burials = burials;
  }

  /** The leaders of the beginning are known. */
  start(out: Out): void {
    for (const group of this.#groups.all) this.#begin(group, out);
  }

  /** A queue was declared: its first member leads, unless that is gone already. */
  begin(group: Group, out: Out): void {
    this.#begin(group, out);
    if (group.raft !== undefined && !this.#peers.isUp(group.leader)) this.#arm(group, CAMPAIGN_US, out);
  }

  #begin(group: Group, out: Out): void {
    group.leads = group.raft?.role === 'leader';
    if (group.leads && group.raft !== undefined && group.raft.members.length > 1)
      this.#elected(group, group.raft.term, out);
  }

  #elected({ queue }: Group, term: number, out: Out): void {
    this.#plan.terms.set(queue.name, term);
    out.fact(F.elected, 0, queue.place, out.self, term);
  }

  /** After a restart: the leader shows itself with its next pulse; if there is none, somebody has to stand. */
  restart(group: Group, out: Out): void {
    this.#arm(group, 2 * PULSE_US, out);
  }

  hearsLeader({ raft }: Group): boolean {
    return raft !== undefined && raft.leader !== 0 && this.#peers.isUp(raft.leader);
  }

  /** The wait of a member without a leader is over. */
  campaign(group: Group, out: Out): void {
    group.campaign = 0;
    const { raft, leader, leaderTerm: term, index, queue } = group;
    if (raft === undefined || raft.role === 'leader' || raft.members.length === 1 || this.hearsLeader(group)) return;
    if (this.#plan.lost[index] !== term) out.fact(F['leader-lost'], 0, queue.place, this.#peers.actorOf(leader), term);
    this.#plan.lost[index] = term;
    raft.campaign();
    this.#groups.touched.add(group);
    this.#arm(group, 4 * CAMPAIGN_US, out);
  }

  /** Looks whether the group's member knows another leader than before. */
  watch(group: Group, raft: RaftMember<Command>, out: Out): void {
    if (raft.leader === 0 || (raft.leader === group.leader && raft.term === group.leaderTerm)) return;
    if (group.campaign !== 0) out.cancel(group.campaign);
    group.campaign = 0;
    if (raft.role === 'leader') this.#won(group, raft, out);
    else {
      group.leads = false;
      this.#learn(group, raft.leader, raft.term, out);
    }
  }

  /** Another node says who leads. */
  told(group: Group, { leader, term }: NodeWireOf<'rabbitmq/leader'>, out: Out): void {
    if (term >= group.leaderTerm && leader !== group.leader) this.#learn(group, leader, term, out);
  }

  /** Says who leads to a node that asked the wrong one, or may have missed it. */
  name(group: Group, to: MemberNumber, out: Out): void {
    const { index, leader, leaderTerm: term } = group;
    this.#peers.tell(to, 'control', { type: 'rabbitmq/leader', group: index, leader, term }, 0, out);
  }

  /** A node is gone, or nothing is heard of it. Only when it is heard of again is it clear which (R65). */
  missed(node: MemberNumber, out: Out): void {
    if (!this.#peers.suspect(node, out.now)) return;
    this.#peers.watchAway(node, out);
    // If only the connection broke, this opens another, and the answer comes before anybody campaigns.
    this.#peers.ask(node, out);
    for (const group of this.#groups.all)
      if (group.raft !== undefined && group.leader === node) this.#arm(group, CAMPAIGN_US, out);
  }

  /** Something comes from a node; after a silence it is told what it missed. True after one. */
  heard(node: MemberNumber, out: Out): boolean {
    if (!this.#peers.heard(node, out.now)) return false;
    this.#sessions.sendAgainTo(node, out);
    for (const group of this.#groups.all) {
      if (!group.leads) continue;
      this.#groups.propose(group, { type: 'node-back', node, atUs: out.now });
      group.raft?.remind(node);
      this.#groups.touched.add(group);
      this.name(group, node, out);
    }
    return true;
  }

  /** A pulse, or the question whether this node is there. True when its process is another one than before. */
  pinged(from: MemberNumber, { incarnation, asks, sent }: NodeWireOf<'rabbitmq/ping'>, out: Out): boolean {
    if (asks) this.#peers.answer(from, out);
    if (this.#peers.hasLost(from, sent)) this.#sessions.sendAgainTo(from, out);
    if (!this.#peers.isReborn(from, incarnation)) return false;
    // It is another process now: what the one before led, nobody leads, and its channels are gone.
    for (const group of this.#groups.all) {
      if (group.raft === undefined || group.raft.leader !== from || group.raft.members.length === 1) continue;
      group.raft.forgetLeader();
      if (group.leader === from) group.leader = 0;
      this.#arm(group, CAMPAIGN_US, out);
    }
    this.#groups.proposeAll({ type: 'node-gone', node: from, incarnation, atUs: out.now });
    for (const group of this.#groups.all) if (group.leads) this.name(group, from, out);
    return true;
  }

  #arm(group: Group, leastUs: Micros, out: Out): void {
    if (group.campaign !== 0) return;
    const delayUs = leastUs + Math.floor((leastUs * out.choose(this.#plan.site, 1000)) / 1000);
    group.campaign = out.timer(delayUs, { type: 'rabbitmq/campaign', group: group.index } as ClusterTimer);
  }

  #won(group: Group, raft: RaftMember<Command>, out: Out): void {
    const { self } = this.#peers;
    group.leads = true;
    group.ticking = false;
    group.proposed.clear();
    this.#elected(group, raft.term, out);
    this.#learn(group, self, raft.term, out);
    for (const { node, incarnation } of this.#peers.all()) {
      if (node === self) {
        // What this process knew before it died is gone with it.
        this.#groups.propose(group, { type: 'node-gone', node, incarnation: this.#peers.incarnation, atUs: out.now });
        continue;
      }
      this.#groups.propose(group, { type: 'node-gone', node, incarnation, atUs: out.now });
      if (this.#peers.isUp(node)) this.#groups.propose(group, { type: 'node-back', node, atUs: out.now });
      else this.#peers.watchAway(node, out);
      this.name(group, node, out);
    }
    if ((group.replica?.contents.dying.size ?? 0) > 0) this.#burials.arm(group, 0, out);
  }

  #learn(group: Group, leader: MemberNumber, term: number, out: Out): void {
    group.leader = leader;
    group.leaderTerm = term;
    this.#sessions.sendAgain(group, out);
  }
}
