/**
 * The transaction coordinator that runs on the leader of one partition of `__transaction_state`: producer ids and epochs of transactional ids, open
 * transactions, and the markers that end them. Each step is written to that partition before it counts, so a new leader goes on where the
 * former one stopped. The rules are in `txn-coordinator.ts`; transaction protocol version 1.
 */
import { F } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import {
  addPartitions,
  endTxn,
  fenceAndAbort,
  initProducerId,
  markersWritten,
  mayExpire,
  NO_IDENTITY,
  type TxnMetadata,
  type TxnOutcome,
  timedOut,
  timeoutError,
  VALID_PREVIOUS_STATES,
} from '../parts/txn-coordinator.ts';
import type { ActorId, Micros } from '../types.ts';
import type { PartitionIndex } from './kafka-cluster.ts';
import type { CoordinatorLog } from './kafka-groups.ts';
import { durationOf } from './kafka-options.ts';
import type {
  AddPartitionsRequest,
  CoordinatorRecord,
  EndTxnRequest,
  InitProducerIdAnswer,
  InitProducerIdRequest,
  KafkaError,
  KafkaRecord,
  PlainAnswer,
  WriteTxnMarkersAnswer,
  WriteTxnMarkersRequest,
} from './kafka-wires.ts';

interface Txn {
  metadata: TxnMetadata;
  /** Actor of the last producer that initialised the id, for the trace. */
  producer: ActorId;
  /** When it was last written down. */
  atUs: Micros;
  /** A step is being written; other requests are told to come again. */
  busy: boolean;
  /** Which of the coordinator's rounds of markers is its own; 0 before the first. */
  round: number;
  /** Partitions whose marker is not yet known to be written. */
  unmarked: Set<PartitionIndex>;
}

export interface MarkerTimer extends Wire {
  readonly type: 'kafka/markers';
  readonly partition: PartitionIndex;
  readonly transactionalId: string;
}

/** What the transaction coordinator needs of its node besides its log. */
export interface TxnNode extends CoordinatorLog {
  newProducerId(): number;
  /** Writes markers wherever these partitions are led now. The answer comes by `marked`. */
  writeMarkers(request: WriteTxnMarkersRequest, out: Out): void;
  coordinatorEpoch(): number;
}

/** Markers that were not acknowledged are sent again after this long. */
const MARKER_RETRY_US = 500_000;

export class TxnCoordinator {
  readonly #partition: PartitionIndex;
  readonly #node: TxnNode;
  readonly #txns = new Map<string, Txn>();
  #rounds = 0;

  constructor(partition: PartitionIndex, node: TxnNode) {
    this.#partition = partition;
    this.#node = node;
  }

  /** Takes in one record of the partition, in order, when this node becomes its leader. */
  learn(record: KafkaRecord): void {
    const value = record.value as CoordinatorRecord | null;
    if (value?.type === 'txn-expired') this.#txns.delete(value.transactionalId);
    if (value?.type !== 'txn') return;
    const { metadata, producer, atUs } = value;
    this.#txns.set(metadata.transactionalId, { metadata, producer, atUs, busy: false, round: 0, unmarked: new Set() });
  }

  /** Everything is read: goes on with what was prepared. */
  ready(out: Out): void {
    for (const txn of this.#txns.values()) {
      if (!txn.metadata.state.startsWith('Prepare')) continue;
      this.#decided(txn, out);
      this.#mark(txn, out);
    }
  }

  init(from: ActorId, request: InitProducerIdRequest, out: Out): void {
    const { transactionalId, timeoutUs, identity = NO_IDENTITY } = request;
    const refused = timeoutError(timeoutUs, durationOf(this.#node.cluster.options, 'transaction.max.timeout.ms'));
    if (refused !== 'NONE') return this.#initialised(from, request.id, refused, -1, -1, out);
    const txn = this.#txns.get(transactionalId);
    if (txn?.busy) return this.#initialised(from, request.id, 'CONCURRENT_TRANSACTIONS', -1, -1, out);
    const outcome = initProducerId(transactionalId, txn?.metadata, identity, timeoutUs, () =>
      this.#node.newProducerId(),
    );
    this.#carryOut(transactionalId, from, outcome, out, (error, later) => {
      this.#initialised(from, request.id, error, outcome.producerId, outcome.epoch, later);
    });
  }

  addPartitions(from: ActorId, request: AddPartitionsRequest, out: Out): void {
    const names = request.partitions.map((index) => this.#node.cluster.partition(index).name);
    const txn = this.#txns.get(request.transactionalId);
    const outcome: TxnOutcome = addPartitions(txn?.metadata, request, names, out.now);
    this.#answer(from, request.id, request.transactionalId, outcome, out);
  }

  end(from: ActorId, request: EndTxnRequest, out: Out): void {
    const txn = this.#txns.get(request.transactionalId);
    const outcome = endTxn(txn?.metadata, request, request.result);
    this.#answer(from, request.id, request.transactionalId, outcome, out);
  }

  /**
   * Markers were written; completes the transaction when they all are. An answer that comes late is of the transaction before, whose producer may well have
   * had the same epoch.
   */
  marked(answer: WriteTxnMarkersAnswer, out: Out): void {
    const txn = this.#txns.get(answer.transactionalId);
    if (txn?.round !== answer.round || this.#node.coordinatorEpoch() !== answer.coordinatorEpoch) return;
    for (const index of answer.written) txn.unmarked.delete(index);
    this.#completeIfMarked(txn, out);
  }

  /** Sends again what is still missing. */
  retry(transactionalId: string, out: Out): void {
    const txn = this.#txns.get(transactionalId);
    if (txn === undefined) return;
    if (txn.unmarked.size > 0) this.#sendMarkers(txn, out);
    else this.#completeIfMarked(txn, out);
  }

  /** Aborts what has been open for too long, and fences its producer. Source: K44. */
  abortTimedOut(out: Out): void {
    for (const txn of this.#txns.values()) {
      if (txn.busy || !timedOut(txn.metadata, out.now)) continue;
      out.fact(F.fenced, 0, 0, txn.producer, txn.metadata.epoch);
      this.#carryOut(txn.metadata.transactionalId, txn.producer, fenceAndAbort(txn.metadata), out, () => undefined);
    }
  }

  /**
   * Forgets ids that nobody has used for `transactional.id.expiration.ms`: who still takes one for its own is told that it is not known, and gets another
   * producer id with the next InitProducerId. Source: K44; apache/kafka: TransactionStateManager.scala#shouldExpire.
   */
  expireIds(out: Out): void {
    const keptUs = durationOf(this.#node.cluster.options, 'transactional.id.expiration.ms');
    for (const [transactionalId, txn] of this.#txns) {
      if (txn.busy || !mayExpire(txn.metadata) || out.now - txn.atUs < keptUs) continue;
      txn.busy = true;
      this.#node.append([{ type: 'txn-expired', transactionalId }], -1, 0, out, (error) => {
        txn.busy = false;
        if (error === 'NONE') this.#txns.delete(transactionalId);
      });
    }
  }

  #answer(from: ActorId, id: number, transactionalId: string, outcome: TxnOutcome, out: Out): void {
    if (this.#txns.get(transactionalId)?.busy) return plain(from, id, 'CONCURRENT_TRANSACTIONS', out);
    if (outcome.error === 'PRODUCER_FENCED') out.fact(F.fenced, 0, 0, from, outcome.epoch >= 0 ? outcome.epoch : 0);
    this.#carryOut(transactionalId, from, outcome, out, (error, later) => plain(from, id, error, later));
  }

  /** Persists what changed, then says so, then writes markers where that is next. */
  #carryOut(
    transactionalId: string,
    producer: ActorId,
    outcome: TxnOutcome,
    out: Out,
    done: (error: KafkaError, out: Out) => void,
  ): void {
    const { metadata } = outcome;
    if (metadata === undefined) return done(outcome.error, out);
    const known = this.#txns.get(transactionalId);
    if (known !== undefined && !VALID_PREVIOUS_STATES[metadata.state].includes(known.metadata.state)) {
      throw new Error(`invariant: ${transactionalId} goes from ${known.metadata.state} to ${metadata.state}`);
    }
    const atUs = out.now;
    const txn = known ?? { metadata, producer, atUs, busy: false, round: 0, unmarked: new Set<PartitionIndex>() };
    const fencing = outcome.error !== 'NONE' || (known !== undefined && metadata.epoch !== known.metadata.epoch);
    const owner = metadata.state === 'Empty' ? producer : txn.producer;
    if (known === undefined) this.#txns.set(transactionalId, txn);
    txn.busy = true;
    const record: CoordinatorRecord = {
      type: 'txn',
      metadata,
      producer: owner,
      coordinatorEpoch: this.#node.coordinatorEpoch(),
      atUs,
    };
    this.#node.append([record], -1, 0, out, (error, later) => {
      txn.busy = false;
      if (error !== 'NONE') return done(error, later);
      const before = txn.metadata;
      txn.metadata = metadata;
      txn.atUs = atUs;
      if (fencing && before.epoch !== metadata.epoch && txn.producer !== producer && txn.producer !== 0) {
        later.fact(F.fenced, 0, 0, txn.producer, before.epoch);
      }
      if (outcome.writeMarkers) this.#decided(txn, later);
      txn.producer = owner;
      done(outcome.error, later);
      if (outcome.writeMarkers) this.#mark(txn, later);
    });
  }

  /** The point of no return is written (K40). The coordinator before may have died before it came to say so. */
  #decided({ metadata, producer }: Txn, out: Out): void {
    const { told } = this.#node.cluster;
    if (told.has(metadata)) return;
    told.add(metadata);
    const kind = metadata.state === 'PrepareCommit' ? F['txn-committed'] : F['txn-aborted'];
    out.fact(kind, 0, 0, producer, metadata.producerId);
  }

  #mark(txn: Txn, out: Out): void {
    txn.round = ++this.#rounds;
    txn.unmarked = new Set();
    for (const name of txn.metadata.partitions) {
      const index = this.#node.cluster.indexOf(name);
      if (index !== undefined) txn.unmarked.add(index);
    }
    if (txn.unmarked.size === 0) this.#completeIfMarked(txn, out);
    else this.#sendMarkers(txn, out);
  }

  #sendMarkers(txn: Txn, out: Out): void {
    const { transactionalId, producerId, epoch, state } = txn.metadata;
    this.#retryLater(txn, out);
    this.#node.writeMarkers(
      {
        type: 'kafka/WriteTxnMarkers',
        id: this.#partition,
        transactionalId,
        producerId,
        epoch,
        coordinatorEpoch: this.#node.coordinatorEpoch(),
        round: txn.round,
        result: state === 'PrepareCommit' ? 'COMMIT' : 'ABORT',
        partitions: [...txn.unmarked],
      },
      out,
    );
  }

  #completeIfMarked(txn: Txn, out: Out): void {
    if (txn.unmarked.size > 0 || txn.busy || !txn.metadata.state.startsWith('Prepare')) return;
    const metadata = markersWritten(txn.metadata);
    const atUs = out.now;
    txn.busy = true;
    const record: CoordinatorRecord = {
      type: 'txn',
      metadata,
      producer: txn.producer,
      coordinatorEpoch: this.#node.coordinatorEpoch(),
      atUs,
    };
    this.#node.append([record], -1, 0, out, (error, later) => {
      txn.busy = false;
      if (error !== 'NONE') return this.#retryLater(txn, later);
      txn.metadata = metadata;
      txn.atUs = atUs;
    });
  }

  #retryLater(txn: Txn, out: Out): void {
    const { transactionalId } = txn.metadata;
    const wire: MarkerTimer = { type: 'kafka/markers', partition: this.#partition, transactionalId };
    out.timer(MARKER_RETRY_US, wire);
  }

  #initialised(to: ActorId, id: number, error: KafkaError, producerId: number, epoch: number, out: Out): void {
    const answer: InitProducerIdAnswer = { type: 'kafka/InitProducerId.answer', id, error, producerId, epoch };
    out.send(to, 'control', answer);
  }
}

function plain(to: ActorId, id: number, error: KafkaError, out: Out): void {
  const answer: PlainAnswer = { type: 'kafka/answer', id, error };
  out.send(to, 'control', answer);
}
