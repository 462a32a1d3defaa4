/**
 * Sticky assignment for members whose subscriptions differ: keep what is valid, give the rest to the least loaded subscriber, then move
 * partitions one at a time while a move narrows a gap of two or more, and take the moves back if the whole did not become more even.
 * Balance comes before stickiness. It follows the general algorithm of Kafka's sticky assignor, without racks (K63).
 */
import type { Assignment, GroupSubscription, PartitionName, TopicSizes } from './assignment.ts';
import { byText, partitionName, topicOf } from './assignment.ts';

/** `owned` are the settled claims of each member (K64). Returns an entry for every member. */
export function assignGeneral(
  topics: TopicSizes,
  members: readonly GroupSubscription[],
  owned: ReadonlyMap<string, readonly PartitionName[]>,
): Assignment {
  const search = new GeneralSearch(topics, members, owned);
  return search.run(members);
}

interface Move {
  readonly from: string;
  readonly to: string;
}

class GeneralSearch {
  private readonly topics: TopicSizes;
  private readonly wants = new Map<string, ReadonlySet<string>>();
  private readonly subscribers = new Map<string, string[]>();
  private readonly holdings = new Map<string, PartitionName[]>();
  private readonly holder = new Map<PartitionName, string>();
  private readonly before = new Map<PartitionName, { readonly memberId: string; readonly generation: number }>();
  private readonly moves = new Map<PartitionName, Move>();
  private mustRevoke = false;

  constructor(
    topics: TopicSizes,
    members: readonly GroupSubscription[],
    owned: ReadonlyMap<string, readonly PartitionName[]>,
  ) {
    this.topics = topics;
    for (const topic of topics.keys()) this.subscribers.set(topic, []);
    for (const member of members) {
      const known = member.topics.filter((topic) => topics.has(topic));
      this.wants.set(member.memberId, new Set(known));
      for (const topic of known) this.subscribers.get(topic)?.push(member.memberId);
    }
    for (const member of members) this.keepOwned(member, owned.get(member.memberId) ?? []);
    this.rememberOlderOwners(members);
  }

  run(members: readonly GroupSubscription[]): Assignment {
    const partitions = this.partitionsByScarcity();
    const fresh = [...this.holdings.values()].every((held) => held.length === 0);
    const unassigned = partitions.filter(
      (partition) => !this.holder.has(partition) && this.subscribersOf(partition).length > 0,
    );
    for (const partition of unassigned) this.give(partition, this.leastLoaded(topicOf(partition)));

    const movable = (partition: PartitionName) => this.subscribersOf(partition).length >= 2;
    const before = new Map([...this.holdings].map(([id, held]) => [id, [...held]]));
    const participants = [...this.holdings.keys()].filter((id) => this.canTakePart(id));
    const scoreBefore = this.unevenness(participants);
    if (!this.mustRevoke) this.reassign(unassigned.filter(movable));
    const moved = this.reassign(partitions.filter(movable));
    if (!fresh && moved && this.unevenness(participants) >= scoreBefore) return before;
    return new Map(members.map((member) => [member.memberId, this.holdings.get(member.memberId) ?? []]));
  }

  private keepOwned(member: GroupSubscription, owned: readonly PartitionName[]): void {
    const held: PartitionName[] = [];
    this.holdings.set(member.memberId, held);
    for (const partition of owned) {
      if (this.wants.get(member.memberId)?.has(topicOf(partition))) {
        held.push(partition);
        this.holder.set(partition, member.memberId);
      } else this.mustRevoke = true;
    }
  }

  /** A partition may return to the member that held it in an older generation when that evens things out. */
  private rememberOlderOwners(members: readonly GroupSubscription[]): void {
    let newest = -1;
    for (const member of members) newest = Math.max(newest, member.generation ?? -1);
    for (const member of members) {
      const generation = member.generation ?? -1;
      if (generation === newest) continue;
      for (const partition of member.owned ?? []) {
        const known = this.before.get(partition);
        if (known === undefined || generation > known.generation) {
          this.before.set(partition, { memberId: member.memberId, generation });
        }
      }
    }
  }

  /** Partitions of the topics with the fewest subscribers first, then by name and number. */
  private partitionsByScarcity(): PartitionName[] {
    const order = [...this.topics.keys()].sort(
      (a, b) => (this.subscribers.get(a)?.length ?? 0) - (this.subscribers.get(b)?.length ?? 0) || byText(a, b),
    );
    const partitions: PartitionName[] = [];
    for (const topic of order) {
      for (let n = 0; n < (this.topics.get(topic) ?? 0); n++) partitions.push(partitionName(topic, n));
    }
    return partitions;
  }

  private subscribersOf(partition: PartitionName): readonly string[] {
    return this.subscribers.get(topicOf(partition)) ?? [];
  }

  private load(memberId: string): number {
    return this.holdings.get(memberId)?.length ?? 0;
  }

  /** The subscriber with the fewest partitions; the smaller id among equals. */
  private leastLoaded(topic: string): string {
    let best: string | undefined;
    for (const id of this.subscribers.get(topic) ?? []) {
      if (best === undefined || this.load(id) < this.load(best) || (this.load(id) === this.load(best) && id < best))
        best = id;
    }
    return best as string;
  }

  private give(partition: PartitionName, memberId: string): void {
    this.holdings.get(memberId)?.push(partition);
    this.holder.set(partition, memberId);
  }

  /** Moves partitions until no move narrows a gap; true when something moved. */
  private reassign(partitions: readonly PartitionName[]): boolean {
    let performed = false;
    let modified = true;
    while (modified) {
      modified = false;
      for (const partition of partitions) {
        const holder = this.holder.get(partition) as string;
        const older = this.before.get(partition)?.memberId;
        const load = this.load(holder);
        if (
          older !== undefined &&
          older !== holder &&
          this.wants.get(older)?.has(topicOf(partition)) &&
          load > this.load(older) + 1
        ) {
          this.move(partition, holder, older);
          modified = true;
        } else if (this.subscribersOf(partition).some((other) => load > this.load(other) + 1)) {
          this.move(partition, holder, this.leastLoaded(topicOf(partition)));
          modified = true;
        }
      }
      performed ||= modified;
    }
    return performed;
  }

  /** Moves `partition`, or the one whose earlier move this would only undo. */
  private move(partition: PartitionName, holder: string, to: string): void {
    const actual = this.withoutDetour(partition, holder, to);
    const from = this.holder.get(actual) as string;
    const earlier = this.moves.get(actual);
    this.moves.delete(actual);
    const origin = earlier === undefined ? from : earlier.from;
    if (origin !== to) this.moves.set(actual, { from: origin, to });
    const held = this.holdings.get(from) as PartitionName[];
    held.splice(held.indexOf(actual), 1);
    this.give(actual, to);
  }

  private withoutDetour(partition: PartitionName, holder: string, to: string): PartitionName {
    const origin = this.moves.get(partition)?.from ?? holder;
    const topic = topicOf(partition);
    for (const [other, move] of this.moves) {
      if (move.from === to && move.to === origin && topicOf(other) === topic) return other;
    }
    return partition;
  }

  /** Whether a member could still receive or lose a partition. */
  private canTakePart(memberId: string): boolean {
    let most = 0;
    for (const topic of this.wants.get(memberId) ?? []) most += this.topics.get(topic) ?? 0;
    if (this.load(memberId) < most) return true;
    return this.holdings.get(memberId)?.some((partition) => this.subscribersOf(partition).length >= 2) ?? false;
  }

  /** Sum over all pairs of members of the difference of their loads; 0 is perfectly even. */
  private unevenness(participants: readonly string[]): number {
    const loads = participants.map((id) => this.load(id));
    let score = 0;
    for (let i = 0; i < loads.length; i++) {
      for (let j = i + 1; j < loads.length; j++) score += Math.abs((loads[i] ?? 0) - (loads[j] ?? 0));
    }
    return score;
  }
}
