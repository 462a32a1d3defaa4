/**
 * The share partitions that one node leads: hands records of a partition to the members of share groups, takes their acknowledgements, and ends locks that are
 * over. Which record may go to whom is decided in `share-partition.ts`; who is a member, and of which partitions, in `epoch-group.ts`. Source: K100-K107.
 * Simplifications: what the share coordinator keeps in `__share_group_state` is one table that survives everything and that leaders reach at once; a new
 * leader finds what was acquired available again. Fetches are not limited by bytes, only by records.
 */
import { F, R, type Reason } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import { isWithin, parseOffsetReset, resetQuery } from '../parts/offset-reset.ts';
import type { LogRecord } from '../parts/partition-log.ts';
import type { PartitionReplica } from '../parts/partition-replica.ts';
import { type AcknowledgeType, type ShareEnd, SharePartition } from '../parts/share-partition.ts';
import type { ActorId, Message, MessageId, Micros, PlaceId, TimerId } from '../types.ts';
import type { KafkaCluster, PartitionIndex, PartitionInfo, ShareRecorded } from './kafka-cluster.ts';
import { durationOf, integerOf } from './kafka-options.ts';
import type {
  KafkaError,
  RecordValue,
  ShareAcknowledgeAnswer,
  ShareAcknowledgeRequest,
  ShareAcks,
  ShareFetchAnswer,
  ShareFetched,
  ShareFetchRequest,
  ShareSettings,
} from './kafka-wires.ts';

/** What the shares need of their node: the log of a partition that it leads; undefined when it does not. */
export type LedPartition = (
  index: PartitionIndex,
) => { readonly info: PartitionInfo; readonly replica: PartitionReplica<RecordValue> } | undefined;

/** One partition of one share group, while this node leads it. */
interface Share {
  readonly group: string;
  readonly groupPlace: PlaceId;
  readonly info: PartitionInfo;
  readonly replica: PartitionReplica<RecordValue>;
  readonly state: SharePartition;
  /** What the share coordinator has on record; another state than this one when a newer leader has taken over. */
  readonly recorded: ShareRecorded;
  readonly lockUs: Micros;
  readonly isolation: ShareSettings['isolation'];
  /** When the earliest timer for its locks is set. */
  armedUs: Micros;
}

interface Member {
  readonly group: string;
  readonly actor: ActorId;
}

interface Parked {
  readonly from: ActorId;
  readonly request: ShareFetchRequest;
  readonly timer: TimerId;
}

interface LockTimer extends Wire {
  readonly type: 'kafka/share-locks';
  readonly partition: PartitionIndex;
  readonly group: string;
}

interface WaitTimer extends Wire {
  readonly type: 'kafka/share-wait';
  readonly from: ActorId;
  readonly id: number;
}

const NEVER = Number.MAX_SAFE_INTEGER;
const FRAME_BYTES = 100;

export class ShareManager {
  readonly #cluster: KafkaCluster;
  readonly #led: LedPartition;
  /** By partition, then group. */
  readonly #shares = new Map<PartitionIndex, Map<string, Share>>();
  /** The members that were heard of here and have not gone, by id. */
  readonly #members = new Map<string, Member>();
  #parked: Parked[] = [];

  constructor(cluster: KafkaCluster, led: LedPartition) {
    this.#cluster = cluster;
    this.#led = led;
  }

  /** The process died, or a partition was lost: nothing is known of it any more. */
  crash(): void {
    this.#shares.clear();
    this.#members.clear();
    this.#parked = [];
  }

  resigned(index: PartitionIndex, out: Out): void {
    if (this.#shares.delete(index)) this.wake(index, out);
  }

  /** A member's connection is closed: what it holds comes back at once, as if it had said goodbye. Source: K103; apache/kafka: ShareSessionCache.java#onDisconnect. */
  peerLost(peer: ActorId, out: Out): void {
    for (const { from, timer } of this.#parked) if (from === peer) out.cancel(timer);
    this.#parked = this.#parked.filter(({ from }) => from !== peer);
    for (const [memberId, { group, actor }] of this.#members)
      if (actor === peer) this.#gone(group, memberId, 'LOST', out);
  }

  /** True when the timer was one of the shares. */
  timer(wire: Wire, out: Out): boolean {
    if (wire.type === 'kafka/share-locks') {
      const { partition, group } = wire as LockTimer;
      const share = this.#shares.get(partition)?.get(group);
      if (share !== undefined) this.#expire(share, out);
      return true;
    }
    if (wire.type !== 'kafka/share-wait') return false;
    const { from, id } = wire as WaitTimer;
    const at = this.#parked.findIndex((one) => one.from === from && one.request.id === id);
    const [parked] = at < 0 ? [] : this.#parked.splice(at, 1);
    if (parked !== undefined) this.#answer(from, parked.request, out);
    return true;
  }

  fetch(from: ActorId, request: ShareFetchRequest, out: Out): void {
    this.#heardOf(request, from);
    for (let i = 0; i < request.acks.length; i++)
      this.#acknowledge(request.group, request.memberId, request.acks[i] as ShareAcks, from, out);
    let ready = request.maxWaitUs === 0;
    for (let i = 0; i < request.partitions.length && !ready; i++)
      ready = this.#isReady(request.partitions[i] as PartitionIndex, request, out);
    if (ready) return this.#answer(from, request, out);
    const wire: WaitTimer = { type: 'kafka/share-wait', from, id: request.id };
    this.#parked.push({ from, request, timer: out.timer(request.maxWaitUs, wire) });
  }

  acknowledge(from: ActorId, request: ShareAcknowledgeRequest, out: Out): void {
    const { group, memberId } = request;
    this.#heardOf(request, from);
    const results = request.acks.map((acks) => ({
      partition: acks.partition,
      error: this.#acknowledge(group, memberId, acks, from, out),
    }));
    if (request.closes) this.#gone(group, memberId, 'RELEASE', out);
    const answer: ShareAcknowledgeAnswer = {
      type: 'kafka/ShareAcknowledge.answer',
      id: request.id,
      error: 'NONE',
      results,
    };
    out.send(from, 'control', answer);
  }

  #heardOf({ group, memberId }: ShareFetchRequest | ShareAcknowledgeRequest, actor: ActorId): void {
    if (this.#members.get(memberId)?.actor !== actor) this.#members.set(memberId, { group, actor });
  }

  /** Something of this partition can be handed out now. */
  wake(index: PartitionIndex, out: Out): void {
    // What one of a group cannot have, none of it can; and the one before may have taken it all.
    const without: string[] = [];
    for (let at = 0; at < this.#parked.length; ) {
      const { from, request, timer } = this.#parked[at] as Parked;
      if (without.includes(request.group) || !request.partitions.includes(index)) at++;
      else if (!this.#isReady(index, request, out)) {
        without.push(request.group);
        at++;
      } else {
        this.#parked.splice(at, 1);
        out.cancel(timer);
        this.#answer(from, request, out);
      }
    }
  }

  #isReady(index: PartitionIndex, request: ShareFetchRequest, out: Out): boolean {
    const share = this.#share(index, request, out);
    if (share === undefined) return true;
    const { state, replica } = share;
    if (!state.canAcquire) return false;
    const from = state.nextFetchOffset;
    const end = replica.readableEnd(share.isolation);
    return from < end && (replica.log.recordFrom(from)?.offset ?? end) < end;
  }

  /** The group's view of a partition, begun where the group was, or where it wishes to begin. Source: K100. */
  #share(index: PartitionIndex, { group, settings }: ShareFetchRequest, out: Out): Share | undefined {
    const led = this.#led(index);
    if (led === undefined) return undefined;
    let groups = this.#shares.get(index);
    if (groups === undefined) {
      groups = new Map();
      this.#shares.set(index, groups);
    }
    const known = groups.get(group);
    if (known !== undefined) {
      if (this.#isFenced(known)) return undefined;
      const before = known.state.startOffset;
      known.state.logStartMoved(led.replica.log.startOffset);
      this.#moved(known, before, out);
      return known;
    }
    const { options, groupPlaces } = this.#cluster;
    const lockUs = settings.lockUs > 0 ? settings.lockUs : durationOf(options, 'group.share.record.lock.duration.ms');
    const recorded = this.#cluster.shareRecorded(group, index);
    const before = recorded.state;
    const state = new SharePartition(this.#beginning(led.replica, settings, out.now), {
      deliveryCountLimit: integerOf(options, 'group.share.delivery.count.limit'),
      maxRecordLocks: integerOf(options, 'group.share.partition.max.record.locks'),
      lockUs,
    });
    recorded.state = state;
    const share: Share = {
      ...led,
      group,
      groupPlace: groupPlaces.get(group) ?? 0,
      state,
      recorded,
      lockUs,
      isolation: settings.isolation,
      armedUs: NEVER,
    };
    groups.set(group, share);
    if (before === undefined) this.#moved(share, -1, out);
    else this.#takeOver(share, before, out);
    return share;
  }

  #beginning(replica: PartitionReplica<RecordValue>, { reset, isolation }: ShareSettings, now: Micros): number {
    const query = resetQuery(parseOffsetReset(reset) ?? 'latest', now) ?? 'latest';
    const found = replica.offsetFor(query, isolation, 0);
    const { startOffset } = replica.log;
    const end = replica.readableEnd(isolation);
    return typeof found === 'number' && isWithin(found, startOffset, end) ? found : end;
  }

  /** A new leader goes on with what the former one knew; whoever held something holds it no longer. */
  #takeOver(share: Share, before: SharePartition, out: Out): void {
    const { state, info } = share;
    for (let offset = before.startOffset; offset < before.endOffset; offset++) {
      const message = before.record(offset)?.state === 'ACQUIRED' ? this.#messageAt(share, offset) : 0;
      if (message > 0) out.fact(F.requeued, message, info.place, 0, 0, R['leader moved']);
    }
    state.restore(before.snapshot());
  }

  /** Whether a newer leader has taken over, which this one has not heard of: it may not hand out anything more. */
  #isFenced({ recorded, state }: Share): boolean {
    return recorded.state !== state;
  }

  #answer(from: ActorId, request: ShareFetchRequest, out: Out): void {
    const partitions: ShareFetched[] = [];
    const messages: MessageId[] = [];
    let room = request.maxRecords;
    let sizeBytes = FRAME_BYTES;
    const asked = request.partitions;
    for (let i = 0; i < asked.length && room > 0; i++) {
      const index = asked[(i + request.id) % asked.length] as PartitionIndex;
      const share = this.#share(index, request, out);
      if (share === undefined) {
        partitions.push({
          partition: index,
          error: 'NOT_LEADER_OR_FOLLOWER',
          records: [],
          deliveryCounts: [],
          lockedUntilUs: 0,
        });
        continue;
      }
      const fetched = this.#acquire(share, request.memberId, from, room, out);
      room -= fetched.records.length;
      for (const record of fetched.records) {
        messages.push(idOf(record));
        sizeBytes += record.sizeBytes;
      }
      if (fetched.records.length > 0) partitions.push(fetched);
    }
    const answer: ShareFetchAnswer = {
      type: 'kafka/ShareFetch.answer',
      id: request.id,
      error: 'NONE',
      partitions,
      sizeBytes,
    };
    out.send(from, messages.length > 0 ? 'delivery' : 'control', answer, messages.length > 0 ? messages : 0);
  }

  /** Goes up the log from the first offset that may be free, and hands out what is. Source: K102, K106. */
  #acquire(share: Share, memberId: string, from: ActorId, limit: number, out: Out): ShareFetched {
    const { state, replica, info } = share;
    const records: LogRecord<RecordValue>[] = [];
    const deliveryCounts: number[] = [];
    const before = state.startOffset;
    let offset = state.nextFetchOffset;
    replica.visit(offset, replica.readableEnd(share.isolation), share.isolation, (record, isSeen) => {
      // First, because a window in which nothing is left has room again.
      if (offset < record.offset) state.archiveMissing(offset, record.offset);
      if (records.length >= limit || (record.offset >= state.endOffset && !state.hasRoom)) return false;
      offset = record.offset + 1;
      if (!isSeen) {
        state.skip(record.offset, record.offset + 1);
        return true;
      }
      const acquired = state.acquireOne(memberId, record.offset, out.now);
      if (acquired === undefined) return true;
      records.push(record);
      deliveryCounts.push(acquired.deliveryCount);
      out.fact(F.delivered, idOf(record), info.place, from, Math.floor(share.lockUs / 1000), acquired.deliveryCount);
      return true;
    });
    // What compaction had removed, or was no record, is passed over for good.
    this.#moved(share, before, out);
    if (records.length > 0) this.#arm(share, out.now + share.lockUs, out);
    return { partition: info.index, error: 'NONE', records, deliveryCounts, lockedUntilUs: out.now + share.lockUs };
  }

  /** One partition's acknowledgements stand or fall together: the first range that is refused takes the others with it. Source: K105. */
  #acknowledge(group: string, memberId: string, acks: ShareAcks, from: ActorId, out: Out): KafkaError {
    if (this.#led(acks.partition) === undefined) return 'NOT_LEADER_OR_FOLLOWER';
    const share = this.#shares.get(acks.partition)?.get(group);
    const first = acks.ranges[0];
    if (share !== undefined && this.#isFenced(share)) return 'NOT_LEADER_OR_FOLLOWER';
    if (share === undefined || first === undefined) return 'INVALID_REQUEST';
    const { state, info } = share;
    const before = state.startOffset;
    const wasFull = !state.hasRoom;
    let released = false;
    const tooLate = (low: number, below: number): void => {
      for (let offset = low; offset < below; offset++) {
        const message = this.#messageAt(share, offset);
        if (message > 0) out.fact(F['ack-refused'], message, info.place, from, 0, R['lock expired']);
      }
    };
    if (!acks.ranges.every(({ from: low, to }) => state.isHeld(memberId, low, to, out.now))) {
      for (const { from: low, to } of acks.ranges) tooLate(low, to + 1);
      return 'INVALID_RECORD_STATE';
    }
    for (const { from: low, to, type } of acks.ranges) {
      // The group is done with these by what others said, or the log has deleted them.
      tooLate(low, Math.min(before, to + 1));
      const ended = (end: ShareEnd): void => {
        released ||= end.state === 'AVAILABLE';
        this.#ended(share, end, type, out);
      };
      state.acknowledge(memberId, low, to, type, out.now, ended);
      for (let offset = Math.max(low, before); offset <= to && type === 'RENEW'; offset++)
        out.fact(F.extended, this.#messageAt(share, offset), info.place, from, Math.floor(share.lockUs / 1000));
    }
    this.#moved(share, before, out);
    // What is accepted gives nobody anything but room.
    if (released || (wasFull && state.hasRoom)) this.wake(info.index, out);
    return 'NONE';
  }

  /** A delivery is over: acknowledged, available again, or archived. `EXPIRED`: its lock has ended; `LOST`: the connection of whoever had it. */
  #ended(
    share: Share,
    { offset, state, deliveryCount, owner }: ShareEnd,
    type: AcknowledgeType | 'EXPIRED' | 'LOST',
    out: Out,
  ): void {
    const { info, groupPlace } = share;
    const message = this.#messageAt(share, offset);
    if (message === 0) return;
    const consumer = this.#members.get(owner)?.actor ?? 0;
    if (type === 'ACCEPT') {
      out.fact(F.acked, message, info.place, consumer, 0, deliveryCount);
      return;
    }
    if (type === 'EXPIRED') out.fact(F['lock-expired'], message, info.place, consumer, 0, deliveryCount);
    else if (type !== 'LOST') out.fact(F.nacked, message, info.place, consumer, 0, deliveryCount);
    if (state === 'AVAILABLE') {
      // Nobody has told before this whose it was.
      if (type === 'LOST') out.fact(F.requeued, message, info.place, consumer, 0, R['connection lost']);
      else out.fact(F.requeued, message, info.place, 0, 0, R[type === 'EXPIRED' ? 'lock expired' : 'nacked']);
    } else {
      const reason: Reason = type === 'REJECT' ? 'rejected by the consumer' : 'too many deliveries';
      out.fact(F.evicted, message, groupPlace, 0, 0, R[reason]);
    }
  }

  #expire(share: Share, out: Out): void {
    share.armedUs = NEVER;
    if (this.#isFenced(share)) return;
    const before = share.state.startOffset;
    share.state.expire(out.now, (end) => this.#ended(share, end, 'EXPIRED', out));
    this.#moved(share, before, out);
    this.#arm(share, share.state.nextExpiryUs(), out);
    this.wake(share.info.index, out);
  }

  /** A member says goodbye, or is lost: what it holds is released, and that delivery counted. Source: K103. */
  #gone(group: string, memberId: string, how: 'RELEASE' | 'LOST', out: Out): void {
    for (const groups of this.#shares.values()) {
      const share = groups.get(group);
      if (share === undefined || this.#isFenced(share)) continue;
      const before = share.state.startOffset;
      share.state.memberGone(memberId, (end) => this.#ended(share, end, how, out));
      this.#moved(share, before, out);
      this.wake(share.info.index, out);
    }
    this.#members.delete(memberId);
  }

  /** The start of the window is how far the group has come, as a committed offset is for others. Source: K107. */
  #moved({ state, info, groupPlace }: Share, before: number, out: Out): void {
    if (state.startOffset !== before) out.fact(F.committed, 0, info.place, 0, state.startOffset, groupPlace);
  }

  #arm(share: Share, atUs: Micros, out: Out): void {
    if (atUs >= share.armedUs) return;
    share.armedUs = atUs;
    const wire: LockTimer = { type: 'kafka/share-locks', partition: share.info.index, group: share.group };
    out.timer(Math.max(0, atUs - out.now), wire, 0);
  }

  /** 0 when the record is gone, or was none of a producer. */
  #messageAt({ replica }: Share, offset: number): MessageId {
    const record = replica.log.recordFrom(offset);
    return record?.offset === offset ? idOf(record) : 0;
  }
}

function idOf(record: LogRecord<RecordValue>): MessageId {
  return record.value !== null && 'decisionKey' in record.value ? (record.value as Message).id : 0;
}
