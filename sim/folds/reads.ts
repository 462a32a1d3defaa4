/**
 * How often and how late groups were handed what was there for them: two measures of Jepsen's Kafka workload, consume-counts and realtime-lag, for queues as well as
 * for logs. They are told, not judged: a repeat may be promised, and a group may lag. One pass, at the end of a run.
 */
import { F } from '../../core/facts.ts';
import type { ActorId, FactId, MessageId, Micros, PlaceId } from '../../core/types.ts';
import type { Trace } from '../trace.ts';

export interface Reads {
  /** How many messages the group was handed so often: `{ 1: 98, 2: 2 }`. What it was never handed is not counted. */
  readonly consumeCounts: Readonly<Record<string, number>>;
  /**
   * The longest that a message of which its producer knew that it is stored waited until the group was handed it for the first time, or left unread, or until the run
   * ended, in µs. 0 when each came before its producer was told.
   */
  readonly realtimeLagUs: Micros;
}

/** One group: a queue, or the readers of a log that share its partitions. */
interface Group {
  readonly name: string;
  readonly counts: Uint16Array;
  /** Where it reads, in a log. */
  readonly partitions: Set<PlaceId>;
  lagUs: Micros;
}

/** By name of the queue or group; only those that were handed something. */
export function readsOf(trace: Trace): Readonly<Record<string, Reads>> {
  const groups = new Map<string, Group>();
  const readers = groupsOfReaders(trace);
  const confirmed = new Uint32Array(trace.messageCount + 1);
  const of = (place: PlaceId, reader: ActorId): Group => {
    const at = trace.places[place];
    const isLog = at?.kind === 'partition';
    const name = isLog ? (readers.get(reader) ?? trace.actors[reader]?.group ?? '') : (at?.name ?? '');
    let group = groups.get(name);
    if (group === undefined) {
      group = { name, counts: new Uint16Array(trace.messageCount + 1), partitions: new Set(), lagUs: 0 };
      groups.set(name, group);
    }
    if (isLog) group.partitions.add(place);
    return group;
  };
  for (let id: FactId = 1; id <= trace.count; id++) {
    const message = trace.messageOf(id);
    switch (trace.kind(id)) {
      case F.confirmed:
        if (confirmed[message] === 0) confirmed[message] = id;
        break;
      case F.delivered: {
        const group = of(trace.place(id), trace.peer(id));
        if (group.counts[message] === 0) late(group, message, trace.time(id));
        if ((group.counts[message] as number) < 65_535) group.counts[message] = (group.counts[message] as number) + 1;
        break;
      }
    }
  }
  const waiting = unread(trace, [...groups.values()]);
  for (const [group, since] of waiting) for (const [message, untilUs] of since) late(group, message, untilUs);
  const told: Record<string, Reads> = {};
  for (const { name, counts, lagUs } of groups.values())
    told[name] = { consumeCounts: distribution(counts), realtimeLagUs: lagUs };
  return told;

  function late(group: Group, message: MessageId, at: Micros): void {
    const known = confirmed[message] as FactId;
    if (known > 0) group.lagUs = Math.max(group.lagUs, at - trace.time(known));
  }
}

/** By group: what was stored where it reads and was never handed to it, and until when it waited there: until it left, or the end. */
function unread(trace: Trace, groups: readonly Group[]): ReadonlyMap<Group, ReadonlyMap<MessageId, Micros>> {
  const readers = trace.places.map(({ id, kind, name }) =>
    groups.filter((group) => (kind === 'partition' ? group.partitions.has(id) : group.name === name)),
  );
  const waiting = new Map(groups.map((group) => [group, new Map<MessageId, Micros>()]));
  for (let id: FactId = 1; id <= trace.count; id++) {
    const kind = trace.kind(id);
    const stored = kind === F.appended && trace.detail(id) !== BY_A_FOLLOWER;
    if (!stored && !LEFT.has(kind)) continue;
    const message = trace.messageOf(id);
    for (const group of readers[trace.place(id)] ?? []) {
      if (group.counts[message] !== 0) continue;
      if (stored || waiting.get(group)?.has(message) === true)
        waiting.get(group)?.set(message, stored ? trace.endedAtUs : trace.time(id));
    }
  }
  return waiting;
}

const LEFT: ReadonlySet<number> = new Set([F.expired, F.evicted, F.lost]);

/** In `detail` of `appended`. */
const BY_A_FOLLOWER = 2;

/** The consumer group of each reader that belongs to one. */
function groupsOfReaders(trace: Trace): ReadonlyMap<ActorId, string> {
  const readers = new Map<ActorId, string>();
  for (let id: FactId = 1; id <= trace.count; id++) {
    const kind = trace.kind(id);
    if (kind === F.joined) readers.set(trace.peer(id), trace.placeName(trace.place(id)));
    else if (kind === F.assigned) readers.set(trace.peer(id), trace.placeName(trace.detail(id)));
  }
  return readers;
}

function distribution(counts: Uint16Array): Record<string, number> {
  const found: Record<string, number> = {};
  for (const count of counts) if (count > 0) found[count] = (found[count] ?? 0) + 1;
  return found;
}
