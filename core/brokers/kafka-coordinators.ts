/**
 * The coordinators that live on the internal partitions which one Kafka node leads: begins them when it becomes leader, with what the partition's log
 * says, finds the one that a request is for, writes down what they must remember, and brings transaction markers to the partitions. The rules of groups and
 * transactions are in `kafka-groups.ts` and `kafka-txns.ts`. Source: K36, K40, K48.
 */
import type { Out } from '../machine.ts';
import type { NewBatch } from '../parts/partition-replica.ts';
import type { BrokerNumber } from '../parts/replica-set.ts';
import type { ActorId } from '../types.ts';
import type { Appending } from './kafka-appending.ts';
import { OFFSETS_TOPIC, type PartitionIndex, TXN_TOPIC } from './kafka-cluster.ts';
import { type CoordinatorLog, GroupCoordinator } from './kafka-groups.ts';
import { eachRecord, type Hosted, type HostedPartitions, type Settle } from './kafka-partitions.ts';
import { TxnCoordinator, type TxnNode } from './kafka-txns.ts';
import type {
  AddPartitionsRequest,
  Answer,
  CoordinatorRecord,
  PlainAnswer,
  RecordValue,
  WriteTxnMarkersAnswer,
  WriteTxnMarkersRequest,
} from './kafka-wires.ts';

/** `offsets.commit.timeout.ms`, and the like for transactions. */
const INTERNAL_TIMEOUT_US = 5_000_000;
/** Bytes of a coordinator's note, about. */
const NOTE_BYTES = 100;

export class Coordinators {
  readonly #partitions: HostedPartitions;
  readonly #appending: Appending;
  #nextProducerId = 0;

  constructor(partitions: HostedPartitions, appending: Appending) {
    this.#partitions = partitions;
    this.#appending = appending;
  }

  /** The node leads this partition now, in a new epoch: what coordinates on it begins with what its log says. */
  lead(hosted: Hosted, out: Out): void {
    const { info } = hosted;
    if (info.topic === OFFSETS_TOPIC) {
      // It may have led in an older epoch without knowing of its end.
      hosted.groups?.unload(out);
      const groups = new GroupCoordinator(info.index, this.#logOf(hosted), out.now);
      eachRecord(hosted, (record) => groups.learn(record, out));
      hosted.groups = groups;
      groups.ready(out);
    } else if (info.topic === TXN_TOPIC) {
      const txns = new TxnCoordinator(info.index, this.#txnNodeOf(hosted));
      eachRecord(hosted, (record) => txns.learn(record));
      hosted.txns = txns;
      txns.ready(out);
    }
  }

  /** The coordinator of the request's group, if it is here; else the caller is told. */
  groupsOf(
    from: ActorId,
    request: { readonly id: number; readonly group: string },
    out: Out,
  ): GroupCoordinator | undefined {
    const groups = this.#partitions.leader(this.#partitions.cluster.groupPartition(request.group))?.groups;
    if (groups === undefined) notCoordinator(from, request.id, out);
    return groups;
  }

  txnsOf(
    from: ActorId,
    request: { readonly id: number; readonly transactionalId: string } | AddPartitionsRequest,
    out: Out,
  ): TxnCoordinator | undefined {
    const txns = this.#partitions.leader(this.#partitions.cluster.txnPartition(request.transactionalId))?.txns;
    if (txns === undefined) notCoordinator(from, request.id, out);
    return txns;
  }

  newProducerId(): number {
    return this.#partitions.number + this.#partitions.cluster.nodeCount * this.#nextProducerId++;
  }

  /** Sends markers to whoever leads the partitions; those led here are written at once. */
  #distributeMarkers(hosted: Hosted, request: WriteTxnMarkersRequest, out: Out): void {
    const byLeader = new Map<BrokerNumber, PartitionIndex[]>();
    for (const index of request.partitions) {
      const leader = this.#partitions.states[index]?.leader ?? 0;
      if (leader === 0) continue;
      const mine = byLeader.get(leader);
      if (mine === undefined) byLeader.set(leader, [index]);
      else mine.push(index);
    }
    for (const [leader, partitions] of byLeader) {
      if (leader === this.#partitions.number) {
        this.writeMarkers({ ...request, partitions }, out, (answer, later) => hosted.txns?.marked(answer, later));
      } else {
        const there: WriteTxnMarkersRequest = { ...request, partitions };
        out.send(this.#partitions.cluster.actorOf(leader), 'control', there);
      }
    }
  }

  writeMarkers(
    request: WriteTxnMarkersRequest,
    out: Out,
    done: (answer: WriteTxnMarkersAnswer, out: Out) => void,
  ): void {
    for (const index of request.partitions) {
      const hosted = this.#partitions.leader(index);
      if (hosted !== undefined) this.#writeMarker(hosted, request, out, done);
    }
  }

  /**
   * Writes a marker as a record that waits for all in sync is written, once: the coordinator asks again while it has no answer, and what comes then is no marker
   * of the transaction after this one. Source: K16, K40.
   */
  #writeMarker(
    hosted: Hosted,
    { id, transactionalId, producerId, epoch, coordinatorEpoch, round, result }: WriteTxnMarkersRequest,
    out: Out,
    done: (answer: WriteTxnMarkersAnswer, out: Out) => void,
  ): void {
    const answer: WriteTxnMarkersAnswer = {
      type: 'kafka/WriteTxnMarkers.answer',
      id,
      error: 'NONE',
      transactionalId,
      coordinatorEpoch,
      round,
      written: [hosted.info.index],
    };
    let marker = hosted.markers.get(producerId);
    const isKnown = marker?.coordinatorEpoch === coordinatorEpoch && round <= marker.round;
    if (isKnown && (round !== marker?.round || marker.waiting)) return;
    if (marker === undefined || !isKnown) {
      if (hosted.set?.appendError(-1) !== 'NONE') return;
      const { leaderEpoch } = hosted.state;
      const written = hosted.replica.appendMarker(producerId, epoch, result, coordinatorEpoch, leaderEpoch, out.now);
      // A refused marker is one of an older coordinator or epoch: somebody newer has ended the transaction.
      if (written.type === 'refused') return done({ ...answer, error: written.error }, out);
      marker = { coordinatorEpoch, round, end: written.lastOffset + 1, waiting: false, told: false };
      hosted.markers.set(producerId, marker);
    }
    const mine = marker;
    const because = out.cause;
    mine.waiting = true;
    this.#appending.whenReplicated(hosted, mine.end, INTERNAL_TIMEOUT_US, out, (error, later) => {
      mine.waiting = false;
      if (error !== 'NONE') return;
      if (!mine.told) hosted.groups?.txnEnded(producerId, result === 'COMMIT', because, later);
      mine.told = true;
      done(answer, later);
    });
    if (!isKnown) this.#appending.grown(hosted, out);
  }

  #logOf(hosted: Hosted): CoordinatorLog {
    return {
      cluster: this.#partitions.cluster,
      told: () => this.#partitions.states.length,
      append: (records, producerId, epoch, out, done) =>
        this.#appendInternal(hosted, records, producerId, epoch, out, done),
    };
  }

  #txnNodeOf(hosted: Hosted): TxnNode {
    return {
      ...this.#logOf(hosted),
      newProducerId: () => this.newProducerId(),
      coordinatorEpoch: () => hosted.state.leaderEpoch,
      writeMarkers: (request, out) => this.#distributeMarkers(hosted, request, out),
    };
  }

  #appendInternal(
    hosted: Hosted,
    values: readonly CoordinatorRecord[],
    producerId: number,
    epoch: number,
    out: Out,
    done: Settle,
  ): void {
    const batch: NewBatch<RecordValue> = {
      producerId,
      epoch,
      firstSequence: -1,
      transactional: producerId >= 0,
      records: values.map((value) => ({ key: null, value, timestampUs: out.now, sizeBytes: NOTE_BYTES })),
    };
    // Who leads no more coordinates no more: that is what clients are told, in the words of coordinators.
    this.#appending.append(hosted.info.index, batch, -1, INTERNAL_TIMEOUT_US, 0, out, (error, _, later) =>
      done(error === 'NOT_LEADER_OR_FOLLOWER' ? 'NOT_COORDINATOR' : error, later),
    );
  }
}

function notCoordinator(to: ActorId, id: number, out: Out): void {
  const answer: PlainAnswer & Answer = { type: 'kafka/answer', id, error: 'NOT_COORDINATOR' };
  out.send(to, 'control', answer);
}
