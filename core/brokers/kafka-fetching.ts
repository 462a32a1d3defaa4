/**
 * Reading from the partitions that one Kafka node leads: consumers' fetches, which wait here until there is enough for them, and what ListOffsets and
 * OffsetForLeaderEpoch are asked. Source: K6, K9, K24, K46.
 */
import { F } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import type { ActorId, MessageId, TimerId } from '../types.ts';
import type { PartitionIndex } from './kafka-cluster.ts';
import { type Hosted, type HostedPartitions, idOf } from './kafka-partitions.ts';
import type {
  Answer,
  FetchAnswer,
  FetchedPartition,
  FetchRequest,
  KafkaError,
  KafkaRecord,
  ListOffsetsAnswer,
  ListOffsetsRequest,
  OffsetForLeaderEpochAnswer,
  OffsetForLeaderEpochRequest,
} from './kafka-wires.ts';

interface Parked {
  readonly from: ActorId;
  readonly request: FetchRequest;
  readonly timer: TimerId;
}

interface FetchWait extends Wire {
  readonly type: 'kafka/fetch-wait';
  readonly from: ActorId;
  readonly id: number;
}

/** Bytes of an answer beside its records, about. */
const FRAME_BYTES = 100;

export class Fetching {
  readonly #partitions: HostedPartitions;
  #parked: Parked[] = [];

  constructor(partitions: HostedPartitions) {
    this.#partitions = partitions;
  }

  crash(): void {
    this.#parked = [];
  }

  peerLost(peer: ActorId, out: Out): void {
    for (const { from, timer } of this.#parked) if (from === peer) out.cancel(timer);
    this.#parked = this.#parked.filter(({ from }) => from !== peer);
  }

  /** True when the timer was that of a fetch which has waited long enough. */
  timer(wire: Wire, out: Out): boolean {
    if (wire.type !== 'kafka/fetch-wait') return false;
    const { from, id } = wire as FetchWait;
    const at = this.#parked.findIndex((parked) => parked.from === from && parked.request.id === id);
    const [parked] = at < 0 ? [] : this.#parked.splice(at, 1);
    if (parked !== undefined) this.#answer(parked.from, parked.request, out);
    return true;
  }

  fetch(from: ActorId, request: FetchRequest, out: Out): void {
    if (this.#isReady(request)) return this.#answer(from, request, out);
    const wire: FetchWait = { type: 'kafka/fetch-wait', from, id: request.id };
    this.#parked.push({ from, request, timer: out.timer(request.maxWaitUs, wire) });
  }

  /** Whether a fetch can be answered: enough bytes, an error to tell, or no wish to wait. Source: K6. */
  #isReady(request: FetchRequest): boolean {
    if (request.maxWaitUs === 0) return true;
    const enough = Math.max(1, request.minBytes);
    let available = 0;
    for (const { partition, offset, leaderEpoch } of request.partitions) {
      const hosted = this.#partitions.leader(partition);
      if (hosted === undefined || epochError(hosted, leaderEpoch) !== 'NONE' || hosted.replica.outOfRange(offset))
        return true;
      available += this.#available(hosted, offset, request);
      if (available >= enough) return true;
    }
    return false;
  }

  /** Bytes that can be read from `offset` on, counted until they are enough; of a partition no more counts than a fetch may take of it. */
  #available({ replica }: Hosted, offset: number, { isolation, minBytes, partitionBytes }: FetchRequest): number {
    const end = replica.readableEnd(isolation);
    // What compaction has left behind this offset may lie beyond the end of what is readable.
    if (offset >= end || (replica.log.recordFrom(offset)?.offset ?? end) >= end) return 0;
    if (minBytes <= 1) return 1;
    let bytes = 0;
    replica.log.scan(offset, end, (record) => {
      bytes += record.sizeBytes;
      return bytes < minBytes;
    });
    return Math.min(bytes, partitionBytes);
  }

  /** Answers parked fetches that ask for this partition and can be answered now. */
  wake(index: PartitionIndex, out: Out): void {
    if (this.#parked.length === 0) return;
    const woken = this.#parked.filter((parked) => asksFor(parked, index) && this.#isReady(parked.request));
    if (woken.length === 0) return;
    this.#parked = this.#parked.filter((parked) => !woken.includes(parked));
    for (const parked of woken) {
      out.cancel(parked.timer);
      this.#answer(parked.from, parked.request, out);
    }
  }

  #answer(from: ActorId, request: FetchRequest, out: Out): void {
    const partitions: FetchedPartition[] = [];
    const messages: MessageId[] = [];
    let room = request.maxRecords;
    let sizeBytes = FRAME_BYTES;
    // Partitions take turns at being first, so that a busy one cannot starve the others.
    const asked = request.partitions;
    for (let i = 0; i < asked.length; i++) {
      const at = asked[(i + request.id) % asked.length] as FetchRequest['partitions'][number];
      const { partition, offset } = at;
      const hosted = this.#partitions.leader(partition);
      let error = epochError(hosted, at.leaderEpoch);
      if (error === 'NONE' && hosted?.replica.outOfRange(offset)) error = 'OFFSET_OUT_OF_RANGE';
      if (hosted === undefined || error !== 'NONE') {
        partitions.push({ partition, error, records: [], attempts: [], nextOffset: offset, lastEpoch: -1 });
        continue;
      }
      const { replica, info } = hosted;
      const records: KafkaRecord[] = [];
      const attempts: number[] = [];
      let nextOffset = offset;
      let lastEpoch = -1;
      let bytes = 0;
      replica.visit(offset, replica.readableEnd(request.isolation), request.isolation, (record, isSeen) => {
        // Whole records, and one at least, as long as they fit.
        if (bytes > 0 && bytes + record.sizeBytes > request.partitionBytes) return false;
        bytes += record.sizeBytes;
        if (isSeen) {
          if (room === 0) return false;
          room--;
          const message = idOf(record.value);
          const attempt = this.#partitions.cluster.countDelivery(request.group, info.place, message);
          out.fact(F.delivered, message, info.place, from, 0, attempt);
          records.push(record);
          attempts.push(attempt);
          messages.push(message);
          sizeBytes += record.sizeBytes;
        }
        nextOffset = record.offset + 1;
        lastEpoch = record.leaderEpoch;
        return true;
      });
      if (nextOffset > offset) partitions.push({ partition, error, records, attempts, nextOffset, lastEpoch });
    }
    const answer: FetchAnswer = { type: 'kafka/Fetch.answer', id: request.id, error: 'NONE', partitions, sizeBytes };
    out.send(from, messages.length > 0 ? 'delivery' : 'control', answer, messages.length > 0 ? messages : 0);
  }

  /** Where its logs end for the epochs that readers have read: what lies beyond, in their memory, is not in this leader's log. Source: K24; KIP-320. */
  offsetsForEpochs(from: ActorId, request: OffsetForLeaderEpochRequest, out: Out): void {
    const ends = request.partitions.map(
      ({ partition, currentLeaderEpoch, leaderEpoch }): OffsetForLeaderEpochAnswer['ends'][number] => {
        const hosted = this.#partitions.leader(partition);
        const error = epochError(hosted, currentLeaderEpoch);
        if (hosted === undefined || error !== 'NONE') return { partition, error, leaderEpoch: -1, endOffset: -1 };
        const { log } = hosted.replica;
        if (leaderEpoch > log.latestEpoch) return { partition, error, leaderEpoch: -1, endOffset: -1 };
        const end = log.endOfEpoch(leaderEpoch) ?? { epoch: leaderEpoch, endOffset: log.startOffset };
        return { partition, error, leaderEpoch: end.epoch, endOffset: end.endOffset };
      },
    );
    const answer: OffsetForLeaderEpochAnswer = {
      type: 'kafka/OffsetForLeaderEpoch.answer',
      id: request.id,
      error: 'NONE',
      ends,
    };
    out.send(from, 'control', answer);
  }

  listOffsets(from: ActorId, request: ListOffsetsRequest, out: Out): void {
    out.send(from, 'control', this.offsetsFor(request));
  }

  offsetsFor(request: ListOffsetsRequest): ListOffsetsAnswer & Answer {
    const offsets = request.queries.map(({ partition, query }): ListOffsetsAnswer['offsets'][number] => {
      const hosted = this.#partitions.leader(partition);
      if (hosted === undefined) return { partition, error: 'NOT_LEADER_OR_FOLLOWER', offset: -1 };
      const found = hosted.replica.offsetFor(query, request.isolation, hosted.epochStart);
      if (found === 'OFFSET_NOT_AVAILABLE') return { partition, error: found, offset: -1 };
      return { partition, error: 'NONE', offset: found ?? -1 };
    });
    return { type: 'kafka/ListOffsets.answer', id: request.id, error: 'NONE', offsets };
  }
}

/** Whether this node leads the partition, in the epoch that the client takes for the current one; one that knows none is not held to it. Source: K14. */
function epochError(hosted: Hosted | undefined, epoch: number | undefined): KafkaError {
  if (hosted === undefined) return 'NOT_LEADER_OR_FOLLOWER';
  if (epoch === undefined || epoch < 0 || epoch === hosted.state.leaderEpoch) return 'NONE';
  return epoch < hosted.state.leaderEpoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH';
}

function asksFor({ request }: Parked, index: PartitionIndex): boolean {
  return request.partitions.some(({ partition }) => partition === index);
}
