/**
 * The Raft groups of a cluster's queues as one node has them: of each its member of the group and its replica, if it has any, who leads it as far as
 * it knows, and which groups may have something to send or apply. Source: rule R61.
 */
import type { Out } from '../machine.ts';
import type { HeaderTable } from '../parts/headers-match.ts';
import { type MemberNumber, RaftMember } from '../parts/raft-member.ts';
import { NEVER, type QueuedMessage } from '../parts/ready-list.ts';
import type { Micros, PlaceId, TimerId } from '../types.ts';
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
  leaderTerm: number;
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
  /** The queue was deleted: nothing happens here any more. */
  removed = false;

  constructor(
    index: number,
    queue: Queue,
    self: MemberNumber,
    members: readonly MemberNumber[],
    sinceUs: Micros,
    term: number,
  ) {
    this.index = index;
    this.queue = queue;
    this.leader = members[0] ?? 0;
    this.leaderTerm = term;
    if (!members.includes(self)) return;
    this.raft = new RaftMember(self, members, this.leader, term);
    this.replica = new Replica(queue.spec, queue, sinceUs);
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
  /** By their number, which is the same on all nodes and given once. */
  readonly #all = new Map<number, Group>();
  /** Those whose member may have something to send or apply. */
  readonly touched = new Set<Group>();
  readonly #self: MemberNumber;
  readonly #byQueue = new Map<Queue, Group>();
  #made = 0;

  constructor(self: MemberNumber) {
    this.#self = self;
  }

  get all(): Iterable<Group> {
    return this.#all.values();
  }

  /** How many queues there have been, deleted ones among them. */
  get made(): number {
    return this.#made;
  }

  numbered(index: number): Group | undefined {
    return this.#all.get(index);
  }

  /** `members`: the first one leads at the start, in this term. `sinceUs`: when the queue was declared. */
  add(queue: Queue, members: readonly MemberNumber[], sinceUs: Micros, term: number): Group {
    const group = new Group(this.#made, queue, this.#self, members, sinceUs, term);
    this.#made += 1;
    this.#all.set(group.index, group);
    this.#byQueue.set(queue, group);
    return group;
  }

  /** The queue was deleted. */
  remove(group: Group, out: Out): void {
    if (group.campaign !== 0) out.cancel(group.campaign);
    if (group.tick !== 0) out.cancel(group.tick);
    group.forget();
    group.leads = false;
    group.removed = true;
    this.#all.delete(group.index);
    this.#byQueue.delete(group.queue);
    this.touched.delete(group);
  }

  of(queue: Queue): Group | undefined {
    return this.#byQueue.get(queue);
  }

  /** The queue of this name. */
  named(name: string | undefined): Queue | undefined {
    for (const { queue } of this.all) if (queue.name === name) return queue;
    return undefined;
  }

  /** The queue that is this place of the trace. */
  at(place: PlaceId): Queue | undefined {
    for (const { queue } of this.all) if (queue.place === place) return queue;
    return undefined;
  }

  /** Puts a command into the log of a group that this node leads; false when it does not. */
  propose(group: Group, command: Command): boolean {
    if (group.removed || group.raft?.propose(command) !== true) return false;
    this.touched.add(group);
    return true;
  }

  /** The same command for all groups that this node leads. */
  proposeAll(command: Command): void {
    for (const group of this.all) if (group.leads) this.propose(group, command);
  }
}

/**
 * The nodes that keep a queue, the first of which leads at the start: one for a classic queue, three for a quorum queue, all for a stream (R61, R66).
 * `near`: the node to which who declares it is connected. `index`: how many queues there were before.
 */
export function membersFor(args: HeaderTable, near: MemberNumber, index: number, nodes: number): MemberNumber[] {
  const type = args['x-queue-type'];
  const wanted =
    type === 'quorum'
      ? (args['x-quorum-initial-group-size'] ?? 3)
      : type === 'stream'
        ? (args['x-initial-cluster-size'] ?? nodes)
        : 1;
  const first = args['x-queue-leader-locator'] === 'balanced' ? index % nodes : near - 1;
  const size = typeof wanted === 'number' ? Math.min(wanted, nodes) : nodes;
  return Array.from({ length: size }, (_, at) => ((first + at) % nodes) + 1);
}
