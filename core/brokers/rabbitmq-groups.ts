/**
 * The Raft groups of a cluster's queues as one node has them: of each its member of the group and its replica, if it has any, who leads it as far as
 * it knows, and which groups may have something to send or apply. Source: rule R61.
 */
import { type MemberNumber, RaftMember } from '../parts/raft-member.ts';
import { NEVER, type QueuedMessage } from '../parts/ready-list.ts';
import type { Micros, TimerId } from '../types.ts';
import type { Burial } from './rabbitmq-burials.ts';
import type { Queue } from './rabbitmq-queue.ts';
import { type Command, Replica, type SessionNumber } from './rabbitmq-replica.ts';

export class Group {
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

  /** The process died: its timers and what it had begun are gone. What its member had written stays with it. */
  forget(): void {
    this.campaign = 0;
    this.tick = 0;
    this.tickAtUs = NEVER;
    this.burials.clear();
    this.proposed.clear();
    this.ticking = false;
    this.buryArmed = false;
  }
}

export class Groups {
  readonly all: Group[] = [];
  /** Those whose member may have something to send or apply. */
  readonly touched = new Set<Group>();
  readonly #self: MemberNumber;
  readonly #byQueue = new Map<Queue, Group>();

  constructor(self: MemberNumber) {
    this.#self = self;
  }

  /** `members`: the first one leads at the start. */
  add(queue: Queue, members: readonly MemberNumber[]): Group {
    const group = new Group(this.all.length, queue, this.#self, members);
    this.all.push(group);
    this.#byQueue.set(queue, group);
    return group;
  }

  of(queue: Queue): Group | undefined {
    return this.#byQueue.get(queue);
  }

  /** The queue of this name. */
  named(name: string | undefined): Queue | undefined {
    return this.all.find(({ queue }) => queue.name === name)?.queue;
  }

  /** Puts a command into the log of a group that this node leads; false when it does not. */
  propose(group: Group, command: Command): boolean {
    if (group.raft?.propose(command) !== true) return false;
    this.touched.add(group);
    return true;
  }

  /** The same command for all groups that this node leads. */
  proposeAll(command: Command): void {
    for (const group of this.all) if (group.leads) this.propose(group, command);
  }
}
