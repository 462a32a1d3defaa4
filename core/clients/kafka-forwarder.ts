/**
 * The producing half of a consumer that reads, works and writes on in one transaction: for what was worked on, one output message each and the
 * offsets of the inputs become visible together or not at all. It belongs to one consumer port, shares its link, and does one
 * transaction at a time, step by step: register partitions, produce, commit offsets, end. A step that fails for a while is repeated; one
 * that cannot succeed aborts the transaction. Source: K38, K47.
 */
import type { KafkaCluster, PartitionIndex } from '../brokers/kafka-cluster.ts';
import type {
  AddPartitionsRequest,
  Answer,
  EndTxnRequest,
  InitProducerIdAnswer,
  InitProducerIdRequest,
  KafkaError,
  ProduceAnswer,
  ProduceRequest,
  TxnOffsetCommitRequest,
} from '../brokers/kafka-wires.ts';
import { F } from '../facts.ts';
import type { HopKind, Out, Wire } from '../machine.ts';
import { partitionForKey } from '../parts/partitioner.ts';
import { sequenceAfter } from '../parts/producer-state.ts';
import type { TxnResult } from '../parts/txn-coordinator.ts';
import type { Message, MessageId, Micros } from '../types.ts';
import { isRetriable, isStale, type KafkaLink } from './kafka-link.ts';

export interface ForwarderOptions {
  readonly transactionalId: string;
  readonly to: string;
  readonly timeoutUs: Micros;
  readonly requestTimeoutUs: Micros;
  readonly retryBackoffUs: Micros;
}

/** One transaction's worth: inputs that are done, the offsets that say so, and who commits them. */
export interface Forwarding {
  readonly inputs: readonly Message[];
  readonly offsets: TxnOffsetCommitRequest['offsets'];
  readonly coordinator: PartitionIndex;
  readonly member: {
    readonly group: string;
    readonly memberId: string;
    readonly instanceId: string | undefined;
    readonly generation: number;
  };
}

type Done = (error: KafkaError, out: Out) => void;
type Request = Wire & { readonly id: number };

const RETRY: Wire = { type: 'kafka-forwarder/retry' };
const RECORD_BYTES = 70;

export class KafkaForwarder {
  readonly #options: ForwarderOptions;
  readonly #link: KafkaLink;
  readonly #cluster: KafkaCluster;
  readonly #coordinator: PartitionIndex;
  readonly #sequences = new Map<PartitionIndex, number>();
  #producerId = -1;
  #epoch = -1;
  #roundRobin = 0;
  /** The step to repeat when the pause is over. */
  #again: ((out: Out) => void) | undefined;

  constructor(options: ForwarderOptions, link: KafkaLink) {
    this.#options = options;
    this.#link = link;
    this.#cluster = link.cluster;
    this.#coordinator = link.cluster.txnPartition(options.transactionalId);
  }

  crash(): void {
    this.#sequences.clear();
    this.#producerId = -1;
    this.#again = undefined;
  }

  /** True when the timer was the forwarder's own. */
  timer(wire: Wire, out: Out): boolean {
    if (wire.type !== RETRY.type) return false;
    const again = this.#again;
    this.#again = undefined;
    again?.(out);
    return true;
  }

  /** Does one transaction. `done` hears NONE when it is committed, else why it was aborted. */
  forward(work: Forwarding, out: Out, done: Done): void {
    if (this.#producerId < 0) return this.#init(out, done, (later) => this.forward(work, later, done));
    out.fact(F['txn-begun'], 0, 0, 0, this.#producerId);
    const outputs = this.#outputs(work.inputs, out);
    const add: AddPartitionsRequest = {
      type: 'kafka/AddPartitionsToTxn',
      id: 0,
      ...this.#identity(),
      partitions: [...outputs.keys(), work.coordinator],
    };
    this.#step(this.#coordinator, 'control', add, 0, out, done, (_, later) => {
      this.#produce([...outputs], work, later, done);
    });
  }

  /** One new message for each input, by partition. */
  #outputs(inputs: readonly Message[], out: Out): Map<PartitionIndex, Message[]> {
    const partitions = this.#link.partitionsOf(this.#options.to);
    const outputs = new Map<PartitionIndex, Message[]>();
    for (const { key, routingKey, attributes, amount, sizeBytes, poison } of inputs) {
      const message = out.produce({ key, routingKey, attributes, amount, sizeBytes, poison });
      const number = key === null ? this.#roundRobin++ % partitions.length : partitionForKey(key, partitions.length);
      const index = partitions[number] as PartitionIndex;
      const mine = outputs.get(index);
      if (mine === undefined) outputs.set(index, [message]);
      else mine.push(message);
    }
    return outputs;
  }

  /** Produces to one partition after the other, then commits the offsets. */
  #produce(outputs: readonly [PartitionIndex, Message[]][], work: Forwarding, out: Out, done: Done): void {
    const [first, ...rest] = outputs;
    if (first === undefined) return this.#commitOffsets(work, out, done);
    const [partition, messages] = first;
    const sequence = this.#sequences.get(partition) ?? 0;
    this.#sequences.set(partition, sequenceAfter(sequence, messages.length));
    let sizeBytes = 0;
    for (const message of messages) sizeBytes += message.sizeBytes + RECORD_BYTES;
    const request: ProduceRequest = {
      type: 'kafka/Produce',
      id: 0,
      acks: -1,
      timeoutUs: this.#options.requestTimeoutUs,
      batches: [
        {
          partition,
          batch: {
            producerId: this.#producerId,
            epoch: this.#epoch,
            firstSequence: sequence,
            transactional: true,
            records: messages.map((message) => ({
              key: message.key,
              value: message,
              timestampUs: message.producedAtUs,
              sizeBytes: message.sizeBytes + RECORD_BYTES,
            })),
          },
        },
      ],
      sizeBytes,
    };
    const ids = messages.map(({ id }) => id);
    const failed: Done = (error, later) => {
      if (error !== 'MESSAGE_TOO_LARGE' || messages.length === 1)
        return this.#end('ABORT', later, (_, last) => done(error, last));
      // Nothing of it is stored: it goes in two halves, under the same numbers.
      this.#sequences.set(partition, sequence);
      const half = Math.ceil(messages.length / 2);
      const halves: [PartitionIndex, Message[]][] = [
        [partition, messages.slice(0, half)],
        [partition, messages.slice(half)],
      ];
      this.#produce([...halves, ...rest], work, later, done);
    };
    this.#step(
      partition,
      'request',
      request,
      ids.length === 1 ? (ids[0] as MessageId) : ids,
      out,
      failed,
      (answer, later) => {
        const base = (answer as ProduceAnswer).results[0]?.baseOffset ?? 0;
        const { place } = this.#cluster.partition(partition);
        ids.forEach((id, i) => {
          later.fact(F.confirmed, id, place, 0, base + i);
        });
        this.#produce(rest, work, later, done);
      },
    );
  }

  #commitOffsets(work: Forwarding, out: Out, done: Done): void {
    const request: TxnOffsetCommitRequest = {
      type: 'kafka/TxnOffsetCommit',
      id: 0,
      ...work.member,
      producerId: this.#producerId,
      epoch: this.#epoch,
      offsets: work.offsets,
    };
    const failed: Done = (error, later) => this.#end('ABORT', later, (_, last) => done(error, last));
    this.#step(work.coordinator, 'ack', request, 0, out, failed, (_, later) => this.#end('COMMIT', later, done));
  }

  #end(result: TxnResult, out: Out, done: Done): void {
    const request: EndTxnRequest = { type: 'kafka/EndTxn', id: 0, ...this.#identity(), result };
    this.#step(this.#coordinator, 'control', request, 0, out, done, (_, later) => done('NONE', later));
  }

  #init(out: Out, done: Done, next: (out: Out) => void): void {
    const { transactionalId, timeoutUs } = this.#options;
    const request: InitProducerIdRequest = { type: 'kafka/InitProducerId', id: 0, transactionalId, timeoutUs };
    this.#step(this.#coordinator, 'control', request, 0, out, done, (answer, later) => {
      const { producerId, epoch } = answer as InitProducerIdAnswer;
      this.#producerId = producerId;
      this.#epoch = epoch;
      this.#sequences.clear();
      next(later);
    });
  }

  #identity(): { readonly transactionalId: string; readonly producerId: number; readonly epoch: number } {
    return { transactionalId: this.#options.transactionalId, producerId: this.#producerId, epoch: this.#epoch };
  }

  /** Asks the leader of a partition, again and again while a repetition may help. */
  #step(
    index: PartitionIndex,
    hop: HopKind,
    request: Request,
    messages: MessageId | readonly MessageId[],
    out: Out,
    failed: Done,
    next: (answer: Answer, out: Out) => void,
  ): void {
    const again = (later: Out): void => this.#step(index, hop, request, messages, later, failed, next);
    const node = this.#link.leaderOf(index);
    if (node === 0) {
      this.#link.refresh(out);
      return this.#later(again, out);
    }
    this.#link.ask(node, hop, { ...request, id: this.#link.nextId() }, messages, out, (answer, later) => {
      const error = errorOf(answer);
      if (error === 'NONE' && answer !== undefined) return next(answer, later);
      if (!isRetriable(error)) return failed(error, later);
      if (isStale(error) || error === 'NETWORK_EXCEPTION') this.#link.refresh(later);
      this.#later(again, later);
    });
  }

  #later(again: (out: Out) => void, out: Out): void {
    this.#again = again;
    out.timer(this.#options.retryBackoffUs, RETRY);
  }
}

function errorOf(answer: Answer | undefined): KafkaError {
  if (answer === undefined) return 'NETWORK_EXCEPTION';
  if (answer.type !== 'kafka/Produce.answer') return answer.error;
  return (answer as ProduceAnswer).results[0]?.error ?? 'NONE';
}
