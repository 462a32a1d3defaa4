/**
 * What travels between Pulsar's clients, brokers, bookies and the metadata store, named as the binary protocol names its commands. Commands go in frames
 * of a connection, which keeps their order. Topic partitions are called by their number in the cluster (`TopicNumber`), messages by the index
 * of their entry and their place in its batch.
 */
import type { Wire } from '../machine.ts';
import type { Frame } from '../parts/frame-order.ts';
import type { KeyRange } from '../parts/key-ranges.ts';
import type { LedgerEntry, Properties } from '../parts/managed-ledger.ts';
import type { ActorId, FactId, Message, MessageId, Micros, PlaceId } from '../types.ts';

/** Position of a topic partition in `PulsarCluster.topics`. */
export type TopicNumber = number;

export type SubscriptionType = 'Exclusive' | 'Failover' | 'Shared' | 'Key_Shared';
export type AccessMode = 'Shared' | 'Exclusive' | 'WaitForExclusive' | 'ExclusiveWithFencing';

/** Errors by their names in the protocol. */
export type PulsarError =
  | 'ProducerBusy'
  | 'ProducerFenced'
  | 'ProducerBlockedQuotaExceededError'
  | 'ProducerBlockedQuotaExceededException'
  | 'ConsumerBusy'
  | 'ConsumerAssignError'
  | 'SubscriptionNotFound'
  | 'TopicNotFound'
  | 'ServiceNotReady'
  | 'NotAllowedError'
  | 'MessageTooLarge'
  | 'PersistenceError'
  | 'TransactionConflict'
  | 'TransactionNotFound'
  | 'InvalidTxnStatus'
  | 'TransactionCoordinatorNotFound';

/** Where a seek or a new subscription goes: an end, a time, or a message by its entry's index. */
export type Position =
  | { readonly type: 'earliest' | 'latest' }
  | { readonly type: 'time'; readonly timeUs: Micros }
  | { readonly type: 'message'; readonly index: number; readonly inclusive: boolean };

/** One entry of an ack: all of it, or some messages of the batch. */
export interface AckedEntry {
  readonly index: number;
  /** Null: the whole entry. */
  readonly batch: readonly number[] | null;
}

/** What a dead letter was, for the record: which entry of which subscription. */
export interface DeadLetter {
  readonly topic: TopicNumber;
  readonly subscription: string;
  readonly index: number;
  readonly deliveries: number;
  readonly reason: number;
}

/** Publishes one entry, which is a batch or a message alone. */
export interface Send {
  readonly type: 'Send';
  readonly producerId: number;
  /** Of the first message; the others of the batch follow. The producer gives it when it first sends the entry. */
  sequence: number;
  readonly messages: readonly Message[];
  readonly properties: Properties | null;
  readonly key: string | null;
  sizeBytes: number;
  readonly deliverAtUs: Micros;
  readonly txn: string;
  readonly dead: DeadLetter | null;
}

/** Opens a consumer on a subscription of a topic partition, which is made if need be (P16, P17). */
export interface Subscribe {
  readonly type: 'Subscribe';
  readonly consumerId: number;
  readonly topic: TopicNumber;
  readonly subscription: string;
  readonly subscriptionType: SubscriptionType;
  readonly consumerName: string;
  readonly priorityLevel: number;
  readonly start: Position;
  readonly durable: boolean;
  readonly sticky: boolean;
  readonly ranges: readonly KeyRange[];
  readonly allowOutOfOrder: boolean;
  readonly readCompacted: boolean;
}

/** Opens a producer on a topic partition (P14). */
export interface OpenProducer {
  readonly type: 'Producer';
  readonly producerId: number;
  readonly topic: TopicNumber;
  /** '' : the broker makes one. */
  readonly name: string;
  readonly accessMode: AccessMode;
  /** Counts the connections of this producer's process, so that it takes over from its own former one. */
  readonly epoch: number;
  /** A subscription to be created with the topic (P46); '' for none. */
  readonly initialSubscription: string;
  /** With which it held the topic before; −1 for one that did not. */
  readonly topicEpoch: number;
}

/** Acks entries, or messages of batches, one by one or up to a place (P30). */
export interface Ack {
  readonly type: 'Ack';
  readonly consumerId: number;
  readonly entries: readonly AckedEntry[];
  readonly cumulative: boolean;
  readonly txn: string;
  /** 0: no answer is wanted. */
  readonly request: number;
}

/** Asks for messages again, after a negative ack, an ack timeout, or for all that is unacked (P36–P39). */
export interface Redeliver {
  readonly type: 'RedeliverUnacknowledgedMessages';
  readonly consumerId: number;
  /** Null: all that this consumer has not acked. */
  readonly indexes: readonly number[] | null;
  readonly reason: number;
  /** Exclusive and Failover: what is sent from now on carries it. */
  readonly epoch: number;
}

/** Gives the broker leave to push so many messages more (P27). */
export interface Flow {
  readonly type: 'Flow';
  readonly consumerId: number;
  readonly permits: number;
}

/** Asks which broker owns a topic partition (P5). */
export interface Lookup {
  readonly type: 'Lookup';
  readonly topic: TopicNumber;
}

/** Moves the whole subscription to another place (P57). */
export interface Seek {
  readonly type: 'Seek';
  readonly consumerId: number;
  readonly to: Position;
}

/** Asks the coordinator for a transaction (P64). */
export interface NewTxn {
  readonly type: 'NewTxn';
  readonly request: number;
  readonly timeoutUs: Micros;
}

/** Commits a transaction or aborts it (P65). */
export interface EndTxn {
  readonly type: 'EndTxn';
  readonly request: number;
  readonly txn: string;
  readonly commit: boolean;
}

/** The broker sends a producer away, or the client closes it. */
export interface CloseProducer {
  readonly type: 'CloseProducer';
  readonly producerId: number;
}

/** The broker sends a consumer away, or the client closes it. */
export interface CloseConsumer {
  readonly type: 'CloseConsumer';
  readonly consumerId: number;
}

/** Deletes the subscription with all that it is owed. */
export interface Unsubscribe {
  readonly type: 'Unsubscribe';
  readonly consumerId: number;
}

export type ClientCommand =
  | { readonly type: 'Ping' | 'Pong' | 'Close' }
  | Lookup
  | OpenProducer
  | CloseProducer
  | Send
  | Subscribe
  | Flow
  | Ack
  | Redeliver
  | CloseConsumer
  | Unsubscribe
  | Seek
  | NewTxn
  | EndTxn;

/** One entry as it is handed to a consumer. */
export interface Handed {
  readonly entry: LedgerEntry;
  /** For the trace: where it stands. */
  readonly place: PlaceId;
  readonly redeliveryCount: number;
  /** For the trace: how often this subscription has handed it out, from 1. */
  readonly attempt: number;
  /** Messages of the batch that are acked already; null for none. */
  readonly acked: readonly number[] | null;
}

/** Tells which broker owns a topic partition. */
export interface LookupResponse {
  readonly type: 'LookupResponse';
  readonly topic: TopicNumber;
  readonly owner: ActorId;
}

/** The producer is let in, under this name, and goes on after this sequence id (P13). */
export interface ProducerSuccess {
  readonly type: 'ProducerSuccess';
  readonly producerId: number;
  readonly name: string;
  readonly lastSequence: number;
  /** The how-manieth to have the topic to itself it is; −1 for one that shares. A later one fences it (P14). */
  readonly topicEpoch: number;
}

/** The producer is not let in, or thrown out (P14). */
export interface ProducerError {
  readonly type: 'ProducerError';
  readonly producerId: number;
  readonly error: PulsarError;
}

/** An entry is stored, under this message id (P3, P10). */
export interface SendReceipt {
  readonly type: 'SendReceipt';
  readonly producerId: number;
  readonly sequence: number;
  /** −1 with −1 for a duplicate (P60). */
  readonly ledgerId: number;
  readonly entryId: number;
  readonly index: number;
}

/** An entry is refused. */
export interface SendError {
  readonly type: 'SendError';
  readonly producerId: number;
  readonly sequence: number;
  readonly error: PulsarError;
}

/** The consumer is let in. */
export interface SubscribeSuccess {
  readonly type: 'SubscribeSuccess';
  readonly consumerId: number;
}

/** The consumer is refused (P17, P18, P24). */
export interface SubscribeError {
  readonly type: 'SubscribeError';
  readonly consumerId: number;
  readonly error: PulsarError;
}

/** Entries that are pushed to a consumer (P27). */
export interface MessageCommand {
  readonly type: 'Message';
  readonly consumerId: number;
  readonly epoch: number;
  readonly entries: readonly Handed[];
  readonly sizeBytes: number;
}

/** The consumer of a Failover subscription is the active one now, or no more (P19). */
export interface ActiveConsumerChange {
  readonly type: 'ActiveConsumerChange';
  readonly consumerId: number;
  readonly active: boolean;
}

/** Answers an ack that wants a receipt, or is part of a transaction (P31, P67). */
export interface AckResponse {
  readonly type: 'AckResponse';
  readonly consumerId: number;
  readonly request: number;
  readonly error: PulsarError | '';
}

/** Answers NewTxn and EndTxn. */
export interface TxnResponse {
  readonly type: 'TxnResponse';
  readonly request: number;
  readonly txn: string;
  readonly error: PulsarError | '';
}

export type ServerCommand =
  | { readonly type: 'Ping' | 'Pong' | 'Close' }
  | LookupResponse
  | ProducerSuccess
  | ProducerError
  | SendReceipt
  | SendError
  | CloseProducer
  | SubscribeSuccess
  | SubscribeError
  | MessageCommand
  | ActiveConsumerChange
  | AckResponse
  | CloseConsumer
  | TxnResponse;

/** A command on its way over a connection: the head says which, and its number there. */
export type ClientFrame = Frame<ClientCommand>;
export type ServerFrame = Frame<ServerCommand>;

/** The transport: a connection is asked for, opened, or gone without a goodbye. */
export type Transport =
  | { readonly type: 'pulsar/connect'; readonly request: number }
  | { readonly type: 'pulsar/connected'; readonly request: number; readonly connection: number }
  | { readonly type: 'pulsar/reset'; readonly connection: number };

/** An entry on a bookie's disk, and the epoch of the owner that wrote it: one that was never confirmed may lie where a later owner wrote another. */
export interface HeldEntry {
  readonly entry: LedgerEntry;
  readonly epoch: number;
}

/** Between brokers and bookies. `epoch` is that of the topic's owner: an older one is fenced. */
export type BookieRequest =
  | {
      readonly type: 'bookie/add';
      readonly topic: TopicNumber;
      readonly epoch: number;
      readonly entry: LedgerEntry;
      readonly sizeBytes: number;
    }
  | { readonly type: 'bookie/fence'; readonly topic: TopicNumber; readonly epoch: number }
  | {
      readonly type: 'bookie/store';
      readonly topic: TopicNumber;
      readonly epoch: number;
      readonly entries: readonly LedgerEntry[];
    }
  | { readonly type: 'bookie/trim'; readonly topic: TopicNumber; readonly start: number }
  | { readonly type: 'bookie/probe' };

export type BookieAnswer =
  | {
      readonly type: 'bookie/added';
      readonly topic: TopicNumber;
      readonly epoch: number;
      readonly index: number;
      /** False: the ledger is fenced by a newer owner. */
      readonly ok: boolean;
      readonly message: MessageId;
    }
  | { readonly type: 'bookie/stored'; readonly topic: TopicNumber; readonly epoch: number }
  | {
      readonly type: 'bookie/fenced';
      readonly topic: TopicNumber;
      readonly epoch: number;
      readonly entries: readonly HeldEntry[];
    }
  | { readonly type: 'bookie/up' };

/** Between brokers and the metadata store. */
export type MetadataRequest =
  | { readonly type: 'metadata/session'; readonly fresh: boolean }
  | { readonly type: 'metadata/release'; readonly topics: readonly TopicNumber[] }
  | { readonly type: 'metadata/lookup'; readonly topic: TopicNumber };

export type MetadataAnswer =
  | { readonly type: 'metadata/session-ok' }
  | { readonly type: 'metadata/owner'; readonly topic: TopicNumber; readonly owner: ActorId; readonly epoch: number }
  | { readonly type: 'metadata/own'; readonly topic: TopicNumber; readonly epoch: number };

/** The coordinator tells every broker how a transaction ended (P66, P67), until it hears that it is done there. */
export interface TxnOutcome extends Wire {
  readonly type: 'pulsar/txn-outcome';
  readonly txn: string;
  readonly committed: boolean;
  readonly because: FactId;
}

/** A broker has done what the end of a transaction asks of it. */
export interface TxnDone extends Wire {
  readonly type: 'pulsar/txn-done';
  readonly txn: string;
}
