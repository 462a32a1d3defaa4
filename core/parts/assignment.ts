/**
 * The common words of Kafka's partition assignment: names of partitions, what members claim, and plain text order.
 * The assignors themselves are in `assignors.ts` and `sticky-assignor.ts`.
 */

/** A partition's full name: topic, "-", number. It is split at the last dash. */
export type PartitionName = string;

/** What a member says when it joins. */
export interface GroupSubscription {
  readonly memberId: string;
  /** `group.instance.id` of a static member. */
  readonly instanceId?: string;
  readonly topics: readonly string[];
  /** What it believes it owns; only the sticky assignors look at it. */
  readonly owned?: readonly PartitionName[];
  /** The generation in which it came to own them; absent counts as the lowest. Source: K64. */
  readonly generation?: number;
}

/** Partition count of each topic that exists. */
export type TopicSizes = ReadonlyMap<string, number>;

/** Partitions of each member, in the order in which they were given. Every member has an entry. */
export type Assignment = Map<string, PartitionName[]>;

export function partitionName(topic: string, partition: number): PartitionName {
  return `${topic}-${partition}`;
}

export function topicOf(name: PartitionName): string {
  return name.slice(0, name.lastIndexOf('-'));
}

export function partitionNumberOf(name: PartitionName): number {
  return Number(name.slice(name.lastIndexOf('-') + 1));
}

/** Plain comparison of UTF-16 units, the order of Java strings: "w10" comes before "w9". */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Topics that exist and that somebody subscribes to, in name order. */
export function subscribedTopics(topics: TopicSizes, members: readonly GroupSubscription[]): string[] {
  const found = new Set<string>();
  for (const member of members) for (const topic of member.topics) if (topics.has(topic)) found.add(topic);
  return [...found].sort(byText);
}
