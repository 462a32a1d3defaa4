/**
 * How the leader of a Kafka consumer group divides partitions among members: range, round-robin, sticky and cooperative-sticky.
 * An assignor is a pure function of the members' claims and the partition counts; it knows no group state and no coordinator.
 * Each partition goes to one member; surplus members get nothing (K56). This file holds the two assignors without memory and the table of all; the sticky ones live in `sticky-assignor.ts`.
 */
import type { Assignment, GroupSubscription, TopicSizes } from './assignment.ts';
import { byText, partitionName, subscribedTopics } from './assignment.ts';
import { assignCooperativeSticky, assignSticky } from './sticky-assignor.ts';

export type Assignor = (topics: TopicSizes, members: readonly GroupSubscription[]) => Assignment;

/** The built-in assignors under the names of `partition.assignment.strategy`. Each gives a partition to one member; members beyond the number of partitions get none (K56). Source: K58. */
export const assignors: ReadonlyMap<string, Assignor> = new Map<string, Assignor>([
  ['range', assignRange],
  ['roundrobin', assignRoundRobin],
  ['sticky', assignSticky],
  ['cooperative-sticky', (topics, members) => assignCooperativeSticky(topics, members).assignment],
]);

/** Static members first, by instance id; then dynamic ones by member id. Source: K60. */
function byInstanceThenMember(a: GroupSubscription, b: GroupSubscription): number {
  if (a.instanceId !== undefined && b.instanceId !== undefined) return byText(a.instanceId, b.instanceId);
  if (a.instanceId !== undefined) return -1;
  if (b.instanceId !== undefined) return 1;
  return byText(a.memberId, b.memberId);
}

/** Consecutive blocks of each topic; the first members take one more when it does not divide. Source: K61. */
export function assignRange(topics: TopicSizes, members: readonly GroupSubscription[]): Assignment {
  const assignment: Assignment = new Map(members.map((member) => [member.memberId, []]));
  const ordered = [...members].sort(byInstanceThenMember);
  for (const topic of subscribedTopics(topics, members)) {
    const takers = ordered.filter((member) => member.topics.includes(topic));
    const size = topics.get(topic) ?? 0;
    const share = Math.floor(size / takers.length);
    const extra = size % takers.length;
    let next = 0;
    for (const [index, taker] of takers.entries()) {
      const count = share + (index < extra ? 1 : 0);
      for (let i = 0; i < count; i++) assignment.get(taker.memberId)?.push(partitionName(topic, next++));
    }
  }
  return assignment;
}

/** All partitions in order, dealt around a circle of members; a member that does not subscribe is passed over. Source: K62. */
export function assignRoundRobin(topics: TopicSizes, members: readonly GroupSubscription[]): Assignment {
  const assignment: Assignment = new Map(members.map((member) => [member.memberId, []]));
  const circle = [...members].sort(byInstanceThenMember);
  let cursor = 0;
  for (const topic of subscribedTopics(topics, members)) {
    const size = topics.get(topic) ?? 0;
    for (let partition = 0; partition < size; partition++) {
      while (!circle[cursor]?.topics.includes(topic)) cursor = (cursor + 1) % circle.length;
      assignment.get(circle[cursor]?.memberId ?? '')?.push(partitionName(topic, partition));
      cursor = (cursor + 1) % circle.length;
    }
  }
  return assignment;
}
