/**
 * Kafka's sticky assignors: as balanced as possible, then as few moves as possible. Members with equal subscriptions are served by
 * quotas (here); unequal ones by the general search of `sticky-general.ts`. The cooperative variant hands out nothing that somebody
 * still owns: it is given up first and assigned in a following rebalance.
 * Simplification: where Java's hash order decides which over-quota member keeps the larger share, members are visited by id (K65a).
 */
import type { Assignment, GroupSubscription, PartitionName, TopicSizes } from './assignment.ts';
import { byText, partitionName, partitionNumberOf, subscribedTopics, topicOf } from './assignment.ts';
import { assignGeneral } from './sticky-general.ts';

/** Whom each partition belonged to before this round. */
export interface PriorOwnership {
  /** Valid claims of each member: the highest generation wins, two equal claims void each other. Source: K64. */
  readonly owned: ReadonlyMap<string, readonly PartitionName[]>;
  /** Partitions claimed twice in the highest generation. */
  readonly claimedTwice: ReadonlySet<PartitionName>;
}

/** A cooperative round: what members may own now, and whether some partition was withheld for a following rebalance. */
export interface CooperativeAssignment {
  readonly assignment: Assignment;
  /** Partition to the member that will get it once its owner has given it up. */
  readonly transferring: ReadonlyMap<PartitionName, string>;
}

/** Source: K63, K64. */
export function assignSticky(topics: TopicSizes, members: readonly GroupSubscription[]): Assignment {
  return stickyFrom(topics, members, priorOwnership(topics, members));
}

/** The sticky result without the partitions that are in transfer. Source: K54, K65. */
export function assignCooperativeSticky(
  topics: TopicSizes,
  members: readonly GroupSubscription[],
): CooperativeAssignment {
  const prior = priorOwnership(topics, members);
  const target = stickyFrom(topics, members, prior);
  const owner = new Map<PartitionName, string>();
  for (const [memberId, partitions] of prior.owned) for (const partition of partitions) owner.set(partition, memberId);
  const transferring = new Map<PartitionName, string>();
  const assignment: Assignment = new Map();
  for (const [memberId, partitions] of target) {
    const free: PartitionName[] = [];
    for (const partition of partitions) {
      const holder = owner.get(partition);
      const held = (holder !== undefined && holder !== memberId) || prior.claimedTwice.has(partition);
      if (held) transferring.set(partition, memberId);
      else free.push(partition);
    }
    assignment.set(memberId, free);
  }
  return { assignment, transferring };
}

function stickyFrom(topics: TopicSizes, members: readonly GroupSubscription[], prior: PriorOwnership): Assignment {
  if (members.length === 0) return new Map();
  return equalSubscriptions(members)
    ? assignByQuota(topics, members, prior)
    : assignGeneral(topics, members, prior.owned);
}

/** Claims on topics that still exist, settled by generation. Source: K64. */
function priorOwnership(topics: TopicSizes, members: readonly GroupSubscription[]): PriorOwnership {
  const best = new Map<PartitionName, { generation: number; memberId: string; twice: boolean }>();
  for (const member of members) {
    const generation = member.generation ?? -1;
    for (const partition of member.owned ?? []) {
      if (partitionNumberOf(partition) >= (topics.get(topicOf(partition)) ?? 0)) continue;
      const claim = best.get(partition);
      if (claim === undefined || generation > claim.generation) {
        best.set(partition, { generation, memberId: member.memberId, twice: false });
      } else if (generation === claim.generation) claim.twice = true;
    }
  }
  const owned = new Map<string, PartitionName[]>(members.map((member) => [member.memberId, []]));
  const claimedTwice = new Set<PartitionName>();
  for (const [partition, claim] of best) {
    if (claim.twice) claimedTwice.add(partition);
    else owned.get(claim.memberId)?.push(partition);
  }
  return { owned, claimedTwice };
}

/** Whether all asked for the same topics, those that do not exist included. */
function equalSubscriptions(members: readonly GroupSubscription[]): boolean {
  const first = new Set(members[0]?.topics);
  return members.every(({ topics }) => topics.length === first.size && topics.every((topic) => first.has(topic)));
}

/** Everybody gets the floor of the mean, and exactly the remainder of members one more. Source: K63. */
function assignByQuota(topics: TopicSizes, members: readonly GroupSubscription[], prior: PriorOwnership): Assignment {
  const all: PartitionName[] = [];
  for (const topic of subscribedTopics(topics, members)) {
    for (let n = 0; n < (topics.get(topic) ?? 0); n++) all.push(partitionName(topic, n));
  }
  const minQuota = Math.floor(all.length / members.length);
  const maxQuota = Math.ceil(all.length / members.length);
  const expectedAboveMin = all.length % members.length;
  let aboveMin = 0;
  const ids = members.map((member) => member.memberId).sort(byText);
  const kept = new Map<string, PartitionName[]>();
  const belowMin: string[] = [];
  let atMin: string[] = [];
  const assigned = new Set<PartitionName>();
  const wanted = new Set(all);

  for (const id of ids) {
    const owned = (prior.owned.get(id) ?? []).filter((partition) => wanted.has(partition)).sort(byNumberThenTopic);
    let quota: number;
    if (owned.length < minQuota) {
      quota = owned.length;
      belowMin.push(id);
    } else if (owned.length >= maxQuota && aboveMin < expectedAboveMin) {
      quota = maxQuota;
      aboveMin++;
      if (aboveMin === expectedAboveMin) atMin = [];
    } else {
      quota = minQuota;
      if (aboveMin < expectedAboveMin) atMin.push(id);
    }
    const keeps = owned.slice(0, quota);
    kept.set(id, keeps);
    for (const partition of keeps) assigned.add(partition);
  }

  let turn = 0;
  for (const partition of all) {
    if (assigned.has(partition)) continue;
    const filling = belowMin.length > 0 ? belowMin : atMin;
    if (filling.length === 0) throw new Error(`no member of the group has room for ${partition}`);
    if (turn >= filling.length) turn = 0;
    const id = filling[turn] as string;
    const mine = kept.get(id) as PartitionName[];
    mine.push(partition);
    if (filling === belowMin ? mine.length === minQuota : mine.length === maxQuota) {
      filling.splice(turn, 1);
      if (filling === belowMin) {
        atMin.push(id);
        if (belowMin.length === 0) turn = 0;
      }
    } else turn++;
  }
  return new Map(members.map((member) => [member.memberId, kept.get(member.memberId) ?? []]));
}

function byNumberThenTopic(a: PartitionName, b: PartitionName): number {
  return partitionNumberOf(a) - partitionNumberOf(b) || byText(topicOf(a), topicOf(b));
}
