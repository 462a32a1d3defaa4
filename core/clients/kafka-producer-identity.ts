/**
 * Who a Kafka producer is for the brokers, and its transactions: it asks for a producer id and an epoch, goes on in the next epoch when a sequence number was given
 * up, begins a transaction with the first message, registers partitions, and ends it when it takes no more and all of it is settled. Records, and who sends
 * them, are the port's affair (`kafka-producer-port.ts`). A plain producer has no identity, and one without transactional id no transactions.
 * Source: K31, K35-K38, K41-K44.
 */
import type { PartitionIndex } from '../brokers/kafka-cluster.ts';
import type {
  AddPartitionsRequest,
  Answer,
  EndTxnRequest,
  InitProducerIdAnswer,
  InitProducerIdRequest,
  KafkaError,
} from '../brokers/kafka-wires.ts';
import { F, R } from '../facts.ts';
import type { Out, Site, Wire } from '../machine.ts';
import { happens } from '../parts/distribution.ts';
import type { ActorId, Message, Micros } from '../types.ts';
import { isRetriable, isStale, type KafkaLink } from './kafka-link.ts';
import type { ProducerConfig } from './kafka-producer-config.ts';

/** A message whose record is in the log, and where. */
export interface Stored {
  readonly message: Message;
  readonly partition: PartitionIndex;
  readonly offset: number;
}

export interface IdentityHost {
  /** Sequence numbers begin at 0, in the epoch that it has now. Source: K31, K35. */
  countAnew(): void;
  /** What waited for an identity, or for a transaction to end, may go on. */
  ready(out: Out): void;
  /** Partitions are registered to which something waits to be sent, or the transaction takes no more. */
  send(out: Out): void;
  /** Sending goes on at that time. */
  wake(atUs: Micros, out: Out): void;
  /** A transaction has ended, with these records in it. */
  ended(stored: readonly Stored[], committed: boolean, out: Out): void;
  /** What waits to be sent in the open transaction cannot be. */
  failWaiting(reason: number, out: Out): void;
  /** Nothing more can be sent; `definite`: what was stored in the open transaction surely does not count. */
  over(stored: readonly Stored[], reason: number, definite: boolean, out: Out): void;
}

interface Transaction {
  /** Messages taken into it. */
  messages: number;
  /** It takes no more. */
  full: boolean;
  /** Results still to come. */
  open: number;
  failed: boolean;
  /** It was asked to be committed, and perhaps it is. */
  mayBeCommitted: boolean;
  /** Confirmations to pass on when it is committed. */
  readonly stored: Stored[];
  /** Partitions to be registered, and those that are. */
  readonly missing: Set<PartitionIndex>;
  readonly added: Set<PartitionIndex>;
}

/** `over`: it cannot send any more, fenced by a newer instance or refused by the coordinator. */
type State = 'plain' | 'initialising' | 'ready' | 'ending' | 'over';

interface TxnFull extends Wire {
  readonly type: 'kafka-producer/full';
  /** Number of the transaction. */
  readonly txn: number;
}

const INIT: Wire = { type: 'kafka-producer/init' };
const END: Wire = { type: 'kafka-producer/end' };

/** The largest epoch. */
const LAST_EPOCH = 32_767;
/** AddPartitionsToTxn comes again this soon while the transaction before it is being completed. */
const CONCURRENT_RETRY_US = 20_000;

export class ProducerIdentity {
  readonly #config: ProducerConfig;
  readonly #link: KafkaLink;
  readonly #host: IdentityHost;
  readonly #site: Site;
  readonly #transactionalId: string;
  /** Which node is asked first for a producer id where any may give one. */
  readonly #first: number;
  #state: State = 'plain';
  #overBecause: number = R.fenced;
  /** How often nobody answered who was asked for a producer id. */
  #unanswered = 0;
  /** Somebody is asked for one: a second request would raise the epoch again, and fence what the first one gave. */
  #asking = false;
  #producerId = -1;
  #epoch = -1;
  /** A number was given up, and a new epoch begins as soon as nothing with an old number is in doubt. */
  #renewing = false;
  /** A number was given up in the transaction that is open. */
  #gap = false;
  #txn: Transaction | undefined;
  #txns = 0;
  /** How the transaction that is ending ends. */
  #aborts = false;

  /** `instance`: which of the producer's instances it is, from 1; `site`: of the application's mind about its transactions. */
  constructor(config: ProducerConfig, instance: number, link: KafkaLink, site: Site, host: IdentityHost) {
    this.#config = config;
    this.#link = link;
    this.#host = host;
    this.#site = site;
    this.#first = instance - 1;
    const id = config.transactionalId;
    this.#transactionalId = id === '' || instance === 1 ? id : `${id}-${instance}`;
    if (id !== '') link.cluster.txnPartition(this.#transactionalId);
  }

  get producerId(): number {
    return this.#producerId;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get isTransactional(): boolean {
    return this.#transactionalId !== '';
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** Why it is over, a code of R. */
  get overBecause(): number {
    return this.#overBecause;
  }

  /** Whether batches may be sent: it is known who sends them. */
  get maySend(): boolean {
    return this.#state !== 'initialising' && this.#state !== 'over';
  }

  get inTransaction(): boolean {
    return this.#txn !== undefined;
  }

  /** Whether the open transaction takes no more: what is gathered goes without waiting for more. Source: K26. */
  get isCompleting(): boolean {
    return this.#txn !== undefined && (this.#txn.full || this.#txn.failed);
  }

  /** Whether a number was given up, for which a new epoch is to begin. Until then nothing that is to be numbered anew may go. */
  get isRenewing(): boolean {
    return this.#renewing;
  }

  start(): void {
    this.#state = this.#config.idempotent ? 'initialising' : 'plain';
  }

  crash(): void {
    this.#asking = false;
    this.#producerId = -1;
    this.#epoch = -1;
    this.#renewing = false;
    this.#gap = false;
    this.#txn = undefined;
  }

  /** True when the timer was its own. */
  timer(wire: Wire, out: Out): boolean {
    switch (wire.type) {
      case INIT.type:
        this.#init(out);
        return true;
      case END.type:
        this.#endTxn(out);
        return true;
      case 'kafka-producer/full':
        if (this.#txn !== undefined && (wire as TxnFull).txn === this.#txns) {
          this.#txn.full = true;
          this.#endTxnWhenDone(this.#txn, out);
          this.#host.send(out);
        }
        return true;
      default:
        return false;
    }
  }

  // ── Who it is ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** It was heard who leads. True when that is what it waits for, to ask for an identity. */
  metadata(out: Out): boolean {
    if (this.#state !== 'initialising') return false;
    this.#init(out);
    return true;
  }

  /** What stood behind a sequence number will not come any more. A transaction is aborted for it, and then a new epoch is asked for. Source: K35. */
  gaveUp(): void {
    if (this.#transactionalId === '') this.#renewing = true;
    else this.#gap = true;
  }

  /**
   * A sequence number was given up for good, and nothing that was sent with an old one is in doubt: the producer goes on in the next epoch, in which its numbers
   * begin at 0 and what is late of the one before is refused. After the last epoch it asks for a new id. Source: K35; KIP-360.
   */
  renew(out: Out): void {
    if (!this.#renewing || !this.maySend) return;
    this.#renewing = false;
    if (this.#epoch < LAST_EPOCH) {
      this.#epoch++;
      return this.#host.countAnew();
    }
    this.#state = 'initialising';
    this.#init(out);
  }

  /** A newer instance has taken over. Source: K43. */
  fence(out: Out): void {
    this.#giveUp(R.fenced, out);
  }

  /** With a transactional id its coordinator; without one any node may give a producer id, and the next is asked when one does not answer (K31). */
  #coordinator(): ActorId {
    const { cluster } = this.#link;
    if (this.#transactionalId !== '') return this.#link.leaderOf(cluster.txnPartition(this.#transactionalId));
    return cluster.nodes[(this.#first + this.#unanswered) % cluster.nodes.length] ?? 0;
  }

  /** Source: K31, K37. */
  #init(out: Out): void {
    if (this.#state !== 'initialising' || this.#asking) return;
    const node = this.#coordinator();
    // What is heard of the leaders then brings the next try.
    if (node === 0) return this.#link.refresh(out);
    this.#asking = true;
    const request: InitProducerIdRequest = {
      type: 'kafka/InitProducerId',
      id: this.#link.nextId(),
      transactionalId: this.#transactionalId,
      timeoutUs: this.#config.transactionTimeoutUs,
      ...(this.#gap && { identity: { producerId: this.#producerId, epoch: this.#epoch } }),
    };
    this.#link.ask(node, 'control', request, 0, out, (answer, later) => {
      this.#asking = false;
      const given = answer as InitProducerIdAnswer | undefined;
      if (given === undefined) this.#unanswered++;
      if (given?.error === 'PRODUCER_FENCED') return this.fence(later);
      if (given?.error === 'INVALID_TRANSACTION_TIMEOUT') return this.#giveUp(R['refused by the broker'], later);
      if (given?.error !== 'NONE') {
        if (given === undefined || isStale(given.error)) this.#link.refresh(later);
        return this.#later(INIT, later);
      }
      this.#producerId = given.producerId;
      this.#epoch = given.epoch;
      this.#gap = false;
      this.#state = 'ready';
      this.#host.countAnew();
      this.#host.ready(later);
    });
  }

  #later(wire: Wire, out: Out): void {
    out.timer(this.#config.retryBackoffUs, wire);
  }

  /** Nothing more can be sent. */
  #giveUp(reason: number, out: Out): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#overBecause = reason;
    const txn = this.#txn;
    this.#txn = undefined;
    this.#host.over(txn?.stored ?? [], reason, !txn?.mayBeCommitted, out);
  }

  // ── Transactions ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes a message into the open transaction, or into a new one. False while it must wait for the one before to end. Source: K38. */
  admit(out: Out): boolean {
    if (this.#transactionalId === '') return true;
    if (this.#state !== 'ready' || this.#txn?.full) return false;
    this.#txn ??= this.#begin(out);
    this.#txn.messages++;
    this.#txn.open++;
    this.#txn.full = this.#txn.messages >= this.#config.transactionSize;
    return true;
  }

  /** Whether a batch for this partition may be sent; if not, the partition is registered first. Source: K38. */
  covers(index: PartitionIndex): boolean {
    if (this.#txn === undefined || this.#txn.added.has(index)) return true;
    this.#txn.missing.add(index);
    return false;
  }

  /** Registers the partitions that were asked for. */
  register(out: Out): void {
    if (this.#txn !== undefined && this.#txn.missing.size > 0) this.#addPartitions(this.#txn, out);
  }

  /** What became of one of its messages: where it is stored, or undefined when it was given up. */
  settled(stored: Stored | undefined, out: Out): void {
    const txn = this.#txn;
    if (txn === undefined) return;
    txn.open--;
    if (stored === undefined) txn.failed = true;
    else txn.stored.push(stored);
    this.#endTxnWhenDone(txn, out);
  }

  #begin(out: Out): Transaction {
    this.#txns++;
    out.fact(F['txn-begun'], 0, 0, 0, this.#producerId);
    if (this.#config.transactionSize > 1) {
      const full: TxnFull = { type: 'kafka-producer/full', txn: this.#txns };
      out.timer(this.#config.transactionLingerUs, full, 0);
    }
    return {
      messages: 0,
      full: false,
      open: 0,
      failed: false,
      mayBeCommitted: false,
      stored: [],
      missing: new Set(),
      added: new Set(),
    };
  }

  #addPartitions(txn: Transaction, out: Out): void {
    const partitions = [...txn.missing];
    txn.missing.clear();
    const node = this.#coordinator();
    if (node === 0) {
      this.#link.refresh(out);
      return this.#host.wake(out.now + this.#config.retryBackoffUs, out);
    }
    const request: AddPartitionsRequest = { type: 'kafka/AddPartitionsToTxn', ...this.#identified(), partitions };
    this.#ask(node, request, out, (error, later) => {
      if (error === 'NONE') {
        for (const index of partitions) txn.added.add(index);
        return this.#host.send(later);
      }
      if (error === 'INVALID_PRODUCER_ID_MAPPING') return this.#forgotten(later);
      if (!isRetriable(error)) return this.fence(later);
      if (error !== 'CONCURRENT_TRANSACTIONS') this.#link.refresh(later);
      this.#host.wake(later.now + CONCURRENT_RETRY_US, later);
    });
  }

  /**
   * Nobody used its transactional id for so long that the coordinator has forgotten it: the transaction fails, and the next one has another producer id.
   * Source: K44; apache/kafka: TransactionManager.java#abortableErrorIfPossible.
   */
  #forgotten(out: Out): void {
    this.#gap = true;
    this.#host.failWaiting(R['refused by the broker'], out);
  }

  #endTxnWhenDone(txn: Transaction, out: Out): void {
    if (!(txn.full || txn.failed) || txn.open > 0 || this.#state !== 'ready') return;
    this.#state = 'ending';
    this.#aborts = txn.failed || happens(this.#config.abortProbability, out, this.#site, this.#txns);
    this.#endTxn(out);
  }

  /** Source: K40, K41. */
  #endTxn(out: Out): void {
    const txn = this.#txn;
    if (txn === undefined || this.#state !== 'ending') return;
    if (txn.added.size === 0) return this.#txnEnded(txn, out);
    const node = this.#coordinator();
    if (node === 0) {
      this.#link.refresh(out);
      return this.#later(END, out);
    }
    const result = this.#aborts ? 'ABORT' : 'COMMIT';
    const request: EndTxnRequest = { type: 'kafka/EndTxn', ...this.#identified(), result };
    this.#ask(node, request, out, (error, later) => {
      if (error === 'NONE') return this.#txnEnded(txn, later);
      if (!isRetriable(error)) return this.fence(later);
      txn.mayBeCommitted = !this.#aborts;
      if (error !== 'CONCURRENT_TRANSACTIONS') this.#link.refresh(later);
      this.#later(END, later);
    });
  }

  #txnEnded(txn: Transaction, out: Out): void {
    this.#txn = undefined;
    // Behind a number that was given up nothing is accepted any more: they begin anew in the next epoch (KIP-360).
    this.#state = this.#gap ? 'initialising' : 'ready';
    this.#host.ended(txn.stored, !this.#aborts, out);
    if (this.#gap) return this.#init(out);
    this.#host.ready(out);
  }

  #identified() {
    return {
      id: this.#link.nextId(),
      transactionalId: this.#transactionalId,
      producerId: this.#producerId,
      epoch: this.#epoch,
    };
  }

  #ask(
    node: ActorId,
    request: AddPartitionsRequest | EndTxnRequest,
    out: Out,
    done: (error: KafkaError, out: Out) => void,
  ): void {
    this.#link.ask(node, 'control', request, 0, out, (answer: Answer | undefined, later) =>
      done(answer?.error ?? 'NETWORK_EXCEPTION', later),
    );
  }
}
