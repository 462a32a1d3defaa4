/**
 * Writing to the partitions that one Kafka node leads: checks and appends what producers and coordinators bring, and keeps each answer back until the
 * record is as safe as was asked for, or that takes too long. Source: K15, K16.
 */
import { F, R, type Reason } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import type { NewBatch } from '../parts/partition-replica.ts';
import type { ActorId, FactId, MessageId, Micros } from '../types.ts';
import type { PartitionIndex } from './kafka-cluster.ts';
import type { Following } from './kafka-following.ts';
import { type Hosted, type HostedPartitions, idOf, type Settle } from './kafka-partitions.ts';
import type { KafkaError, ProduceAnswer, ProduceRequest, RecordValue } from './kafka-wires.ts';

export const SWEEP: Wire = { type: 'kafka/sweep' };
/** How often waiting produce requests are looked at for their timeouts. */
const SWEEP_US = 1_000_000;

const REJECTED_BECAUSE: Partial<Record<KafkaError, Reason>> = {
  NOT_ENOUGH_REPLICAS: 'not enough replicas',
  NOT_LEADER_OR_FOLLOWER: 'leader moved',
  OUT_OF_ORDER_SEQUENCE_NUMBER: 'sequence gap',
  INVALID_PRODUCER_EPOCH: 'fenced',
};

export class Appending {
  readonly #partitions: HostedPartitions;
  readonly #following: Following;
  #sweeping = false;

  /** `following`: the followers that wait for more of a log are answered when there is more. */
  constructor(partitions: HostedPartitions, following: Following) {
    this.#partitions = partitions;
    this.#following = following;
  }

  crash(): void {
    this.#sweeping = false;
  }

  produce(from: ActorId, request: ProduceRequest, out: Out): void {
    const results: ProduceAnswer['results'][number][] = [];
    let open = request.batches.length;
    const finish = (later: Out, because?: FactId): void => {
      open--;
      if (open > 0 || request.acks === 0) return;
      const answer: ProduceAnswer = { type: 'kafka/Produce.answer', id: request.id, error: 'NONE', results };
      later.send(from, 'reply', answer, messagesOf(request), because);
    };
    for (const { partition, batch } of request.batches) {
      this.append(partition, batch, request.acks, request.timeoutUs, from, out, (error, baseOffset, later, because) => {
        results.push({ partition, error, baseOffset });
        finish(later, because);
      });
    }
  }

  append(
    index: PartitionIndex,
    batch: NewBatch<RecordValue>,
    acks: -1 | 0 | 1,
    timeoutUs: Micros,
    from: ActorId,
    out: Out,
    done: (error: KafkaError, baseOffset: number, out: Out, because?: FactId) => void,
  ): void {
    const hosted = this.#partitions.leader(index);
    const refuse = (error: KafkaError): void => {
      const { place } = this.#partitions.cluster.partition(index);
      const reason = R[REJECTED_BECAUSE[error] ?? 'refused by the broker'];
      if (place !== 0) for (const { value } of batch.records) out.fact(F.rejected, idOf(value), place, from, 0, reason);
      done(error, -1, out);
    };
    if (hosted?.set === undefined) return refuse('NOT_LEADER_OR_FOLLOWER');
    const { info, replica, set, state } = hosted;
    const unsafe = set.appendError(acks);
    if (unsafe !== 'NONE') return refuse(unsafe);
    let sizeBytes = 0;
    for (const record of batch.records) sizeBytes += record.sizeBytes;
    if (sizeBytes > info.config.maxMessageBytes) return refuse('MESSAGE_TOO_LARGE');
    if (this.#partitions.haltsForRoom(out)) return;
    const timed = info.config.logAppendTime
      ? { ...batch, records: batch.records.map((record) => ({ ...record, timestampUs: out.now })) }
      : batch;
    const result = replica.appendAsLeader(timed, state.leaderEpoch, out.now);
    if (result.type === 'refused') return refuse(result.error);
    if (info.place !== 0) {
      for (let i = 0; i < batch.records.length; i++) {
        const message = idOf(batch.records[i]?.value ?? null);
        if (result.type === 'duplicate') out.fact(F.deduplicated, message, info.place, from);
        else out.fact(F.appended, message, info.place, from, result.firstOffset + i);
        if (this.#partitions.cluster.hasLosses) this.#partitions.cluster.storedAgain(info.index, message);
      }
    }
    if (acks === -1) {
      const base = result.firstOffset;
      this.whenReplicated(hosted, result.lastOffset + 1, timeoutUs, out, (error, later, because) =>
        done(error, base, later, because),
      );
    }
    if (result.type === 'appended') this.grown(hosted, out);
    if (acks !== -1) done('NONE', result.firstOffset, out);
  }

  whenReplicated(hosted: Hosted, offset: number, timeoutUs: Micros, out: Out, settle: Settle): void {
    if (hosted.replica.log.highWatermark >= offset) return settle('NONE', out);
    hosted.waiting.push({ offset, deadlineUs: out.now + timeoutUs, settle });
    if (this.#sweeping) return;
    this.#sweeping = true;
    out.timer(SWEEP_US, SWEEP, 0);
  }

  /** The leader's log has grown: followers are answered, and alone it commits at once. */
  grown(hosted: Hosted, out: Out): void {
    this.#following.wake(hosted.info.index, out);
    this.#partitions.advance(hosted, out);
  }

  failWaiting(hosted: Hosted, out: Out): void {
    const { waiting } = hosted;
    hosted.waiting = [];
    hosted.markers.clear();
    for (const one of waiting) one.settle('NOT_LEADER_OR_FOLLOWER', out);
  }

  sweep(out: Out): void {
    this.#sweeping = false;
    let open = false;
    for (const hosted of this.#partitions.all) {
      if (hosted === undefined || hosted.waiting.length === 0) continue;
      const late = hosted.waiting.filter((one) => one.deadlineUs <= out.now);
      hosted.waiting = hosted.waiting.filter((one) => one.deadlineUs > out.now);
      for (const one of late) one.settle('REQUEST_TIMED_OUT', out);
      open ||= hosted.waiting.length > 0;
    }
    if (!open || this.#sweeping) return;
    this.#sweeping = true;
    out.timer(SWEEP_US, SWEEP, 0);
  }
}

function messagesOf(request: ProduceRequest): MessageId | readonly MessageId[] {
  const ids: MessageId[] = [];
  for (const { batch } of request.batches) for (const { value } of batch.records) ids.push(idOf(value));
  return ids.length === 1 ? (ids[0] as MessageId) : ids;
}
