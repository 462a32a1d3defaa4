/**
 * The Kafka producer: picks partitions, gathers batches, keeps a few requests in flight per node, retries within `delivery.timeout.ms`, and is
 * idempotent or transactional as its options say. The producer machine makes the messages; brokers decide about sequence numbers.
 * Order is kept per partition when at most one of its batches is in flight without idempotence, or always with it: batches of one partition
 * leave in their order, and a retried one goes before those that were made later.
 * Simplification: with idempotence, after one batch of a partition failed, its later ones wait until it is settled.
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
  RecordValue,
} from '../brokers/kafka-wires.ts';
import { F, R, type Reason } from '../facts.ts';
import type { Out, Setup, Site, Wire } from '../machine.ts';
import { booleanOf, numberOf, type OptionValues, textOf } from '../options.ts';
import { happens } from '../parts/distribution.ts';
import type { NewRecord } from '../parts/partition-replica.ts';
import { partitionForKey, partitionForKeyCrc32, StickyPartitioner } from '../parts/partitioner.ts';
import { sequenceAfter } from '../parts/producer-state.ts';
import type { ActorId, Message, MessageId, Micros } from '../types.ts';
import { isStale, KafkaLink } from './kafka-link.ts';
import type { ProducerHost, ProducerPort, ProducerPortSpec } from './ports.ts';

/** A producer's settings in force, after what excludes or implies each other is settled. */
export interface ProducerConfig {
  readonly acks: -1 | 0 | 1;
  readonly idempotent: boolean;
  readonly retries: number;
  readonly maxInFlight: number;
  readonly deliveryTimeoutUs: Micros;
  readonly transactionalId: string;
  /** In bytes. */
  readonly batchSize: number;
  readonly lingerUs: Micros;
  readonly requestTimeoutUs: Micros;
  readonly retryBackoffUs: Micros;
  /** In bytes. */
  readonly bufferMemory: number;
  /** How many messages a transaction takes. */
  readonly transactionSize: number;
  readonly partitioner: string;
  /** Attribute that marks a message as one that deletes its key; '' for none. */
  readonly tombstones: string;
}

/** What is wrong with a producer's settings, as the real client's ConfigException says; '' when they go together. Source: K25, K30. */
export function producerConfigError(options: OptionValues): string {
  const acks = acksOf(options);
  const explicit = options['enable.idempotence'];
  const id = textOf(options, 'transactional.id');
  const retries = numberOf(options, 'retries', MAX_INT);
  const inFlight = numberOf(options, 'max.in.flight.requests.per.connection', 5);
  if (id !== '' && explicit === false) return 'transactional.id needs enable.idempotence: true.';
  if (explicit === true || id !== '') {
    const cause = id !== '' ? 'transactional.id' : 'enable.idempotence: true';
    if (acks !== -1) return `${cause} needs acks: all.`;
    if (retries === 0) return `${cause} needs retries above 0.`;
    if (inFlight > 5) return `${cause} needs max.in.flight.requests.per.connection of at most 5.`;
  }
  const linger = numberOf(options, 'linger.ms', 5_000);
  const request = numberOf(options, 'request.timeout.ms', 30_000_000);
  if (numberOf(options, 'delivery.timeout.ms', 120_000_000) < linger + request) {
    return 'delivery.timeout.ms must be at least linger.ms + request.timeout.ms.';
  }
  return '';
}

/** Settings in force. Idempotence that nobody asked for is switched off silently by what conflicts with it. Source: K30. */
export function producerConfig(options: OptionValues): ProducerConfig {
  const acks = acksOf(options);
  const retries = numberOf(options, 'retries', MAX_INT);
  const maxInFlight = numberOf(options, 'max.in.flight.requests.per.connection', 5);
  const wanted = booleanOf(options, 'enable.idempotence', true);
  return {
    acks,
    idempotent: wanted && acks === -1 && retries > 0 && maxInFlight <= 5,
    retries,
    maxInFlight,
    deliveryTimeoutUs: numberOf(options, 'delivery.timeout.ms', 120_000_000),
    transactionalId: textOf(options, 'transactional.id'),
    batchSize: numberOf(options, 'batch.size', 16_384),
    lingerUs: numberOf(options, 'linger.ms', 5_000),
    requestTimeoutUs: numberOf(options, 'request.timeout.ms', 30_000_000),
    retryBackoffUs: numberOf(options, 'retry.backoff.ms', 100_000),
    bufferMemory: numberOf(options, 'buffer.memory', 33_554_432),
    transactionSize: numberOf(options, 'transaction.size', 1),
    partitioner: textOf(options, 'partitioner', 'default'),
    tombstones: textOf(options, 'tombstone.attribute'),
  };
}

interface Entry {
  readonly message: Message;
  /** When its fate must be known. */
  readonly deadlineUs: Micros;
  /** Copies of the message that are still on their way, one per topic. */
  readonly copies: Copies;
}

/** What is known of a message that goes to several topics: it is confirmed when all copies are. */
interface Copies {
  open: number;
  failed: boolean;
  definite: boolean;
  reason: number;
}

interface Batch {
  readonly partition: PartitionIndex;
  readonly entries: Entry[];
  bytes: number;
  readonly createdUs: Micros;
  closed: boolean;
  /** -1 until it is first sent by an idempotent producer. */
  sequence: number;
  /** The leader refused it for a gap before it that nobody will fill: surely not stored, and to be numbered anew. */
  refused: boolean;
  producerId: number;
  epoch: number;
  attempts: number;
  /** How often it was divided, with what it was a part of: so many attempts do not count. */
  splits: number;
  /** A request with it was sent whose fate was never learnt. */
  maybeStored: boolean;
  notBeforeUs: Micros;
  /** Given up while it was in flight: what is said of it does not count any more. */
  expired: boolean;
}

/** One request in flight, with its answer if that came out of turn. */
interface Sent {
  readonly batches: readonly Batch[];
  answer: ProduceAnswer | undefined;
}

interface Partition {
  /** Waiting to be sent, oldest first; the last one may still grow. */
  readonly queue: Batch[];
  inFlight: number;
  nextSequence: number;
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
  readonly confirmed: { readonly message: Message; readonly partition: PartitionIndex; readonly offset: number }[];
  readonly partitions: Set<PartitionIndex>;
  readonly added: Set<PartitionIndex>;
}

/** `over`: it cannot send any more, fenced by a newer instance or refused by the coordinator. */
type State = 'plain' | 'initialising' | 'ready' | 'ending' | 'over';

const MAX_INT = 2_147_483_647;
/** The largest epoch. */
const LAST_EPOCH = 32_767;
/** Bytes of a record beside its key and value, about. */
const RECORD_BYTES = 70;
interface TxnFull extends Wire {
  readonly type: 'kafka-producer/full';
  /** Number of the transaction. */
  readonly txn: number;
}

const SEND: Wire = { type: 'kafka-producer/send' };
const EXPIRE: Wire = { type: 'kafka-producer/expire' };
const INIT: Wire = { type: 'kafka-producer/init' };
const END: Wire = { type: 'kafka-producer/end' };

const FAILED_BECAUSE: Partial<Record<KafkaError, Reason>> = {
  NOT_ENOUGH_REPLICAS: 'not enough replicas',
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 'not enough replicas',
  NOT_LEADER_OR_FOLLOWER: 'leader moved',
  LEADER_NOT_AVAILABLE: 'no leader',
  REQUEST_TIMED_OUT: 'timed out',
  NETWORK_EXCEPTION: 'connection lost',
  OUT_OF_ORDER_SEQUENCE_NUMBER: 'sequence gap',
  INVALID_PRODUCER_EPOCH: 'fenced',
  PRODUCER_FENCED: 'fenced',
};

/** Errors that a retry may get past. */
function isRetriable(error: KafkaError): boolean {
  return (
    isStale(error) ||
    error === 'NOT_ENOUGH_REPLICAS' ||
    error === 'NOT_ENOUGH_REPLICAS_AFTER_APPEND' ||
    error === 'REQUEST_TIMED_OUT' ||
    error === 'NETWORK_EXCEPTION' ||
    error === 'CONCURRENT_TRANSACTIONS'
  );
}

/** Errors that say for certain that the batch is not in the log. */
function isDefinite(error: KafkaError): boolean {
  return error !== 'REQUEST_TIMED_OUT' && error !== 'NETWORK_EXCEPTION' && error !== 'NOT_ENOUGH_REPLICAS_AFTER_APPEND';
}

function emptyBatch(partition: PartitionIndex, createdUs: Micros): Batch {
  return {
    partition,
    entries: [],
    bytes: 0,
    createdUs,
    closed: false,
    sequence: -1,
    refused: false,
    producerId: -1,
    epoch: -1,
    attempts: 0,
    splits: 0,
    maybeStored: false,
    notBeforeUs: 0,
    expired: false,
  };
}

/** When the fate of its first record must be known. */
function deadlineOf(batch: Batch): Micros {
  return batch.entries[0]?.deadlineUs ?? MAX_SAFE;
}

/** Whether a batch is surely not stored under the number it has, and with it everything behind it. */
function isResolved(batch: Batch): boolean {
  return batch.sequence < 0 || batch.refused;
}

export class KafkaProducerPort implements ProducerPort {
  readonly #spec: ProducerPortSpec;
  readonly #host: ProducerHost;
  readonly #cluster: KafkaCluster;
  readonly #config: ProducerConfig;
  readonly #link: KafkaLink;
  readonly #sites: { readonly partition: Site; readonly jitter: Site; readonly abort: Site };
  /** What compression leaves of a record's bytes; 1 without. */
  readonly #ratio: number;
  readonly #transactionalId: string;
  readonly #stickies = new Map<string, StickyPartitioner>();
  readonly #partitions = new Map<PartitionIndex, Partition>();
  readonly #roundRobin = new Map<string, number>();
  /** Requests in flight by node, in their order. */
  readonly #inFlight = new Map<ActorId, Sent[]>();
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
  /** Messages that wait for the transaction before theirs to end. */
  #held: Message[] = [];
  #bufferedBytes = 0;
  /** Messages that found the buffer full, and until when they wait. */
  #blocked: { readonly message: Message; readonly untilUs: Micros }[] = [];
  /** When the next SEND timer fires. */
  #wakeUs: Micros = MAX_SAFE;
  /** When the next EXPIRE timer fires. */
  #expiryUs: Micros = MAX_SAFE;
  #out: Out | undefined;

  constructor(spec: ProducerPortSpec, host: ProducerHost, cluster: KafkaCluster, setup: Setup) {
    const error = producerConfigError(spec.options);
    if (error !== '') throw new Error(`invariant: the parser let producer ${spec.name} pass: ${error}`);
    this.#spec = spec;
    this.#host = host;
    this.#cluster = cluster;
    this.#config = producerConfig(spec.options);
    const { options } = spec;
    this.#ratio =
      textOf(options, 'compression.type', 'none') === 'none' ? 1 : numberOf(options, 'compression.ratio', 0.5);
    const id = this.#config.transactionalId;
    this.#transactionalId = id === '' || spec.instance === 1 ? id : `${id}-${spec.instance}`;
    if (id !== '') cluster.txnPartition(this.#transactionalId);
    this.#sites = {
      partition: setup.site(`${spec.name}/partition`),
      jitter: setup.site(`${spec.name}/backoff`),
      abort: setup.site(`${spec.name}/abort`),
    };
    this.#link = new KafkaLink(
      cluster,
      {
        requestTimeoutUs: this.#config.requestTimeoutUs,
        retryBackoffUs: this.#config.retryBackoffUs,
        metadataMaxAgeUs: numberOf(spec.options, 'metadata.max.age.ms', 300_000_000),
        bootstrap: spec.instance - 1,
      },
      (out) => this.#metadata(out),
    );
  }

  start(out: Out): void {
    this.#state = this.#config.idempotent ? 'initialising' : 'plain';
    this.#link.start(out);
  }

  crash(): void {
    this.#link.crash();
    this.#stickies.clear();
    this.#partitions.clear();
    this.#inFlight.clear();
    this.#asking = false;
    this.#producerId = -1;
    this.#epoch = -1;
    this.#renewing = false;
    this.#gap = false;
    this.#txn = undefined;
    this.#held = [];
    this.#blocked = [];
    this.#bufferedBytes = 0;
    this.#wakeUs = MAX_SAFE;
    this.#expiryUs = MAX_SAFE;
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    this.#link.receive(from, wire, out);
  }

  peerLost(peer: ActorId, out: Out): void {
    this.#link.peerLost(peer, out);
  }

  timer(wire: Wire, out: Out): void {
    if (this.#link.timer(wire, out)) return;
    if (wire.type === SEND.type) {
      this.#wakeUs = MAX_SAFE;
      this.#send(out);
    } else if (wire.type === EXPIRE.type) {
      this.#expiryUs = MAX_SAFE;
      this.#expireInFlight(out);
    } else if (wire.type === INIT.type) this.#init(out);
    else if (wire.type === END.type) this.#endTxn(out);
    else if (wire.type === 'kafka-producer/full' && this.#txn !== undefined && (wire as TxnFull).txn === this.#txns) {
      this.#txn.full = true;
      this.#endTxnWhenDone(this.#txn, out);
    }
  }

  publish(message: Message, out: Out): void {
    if (this.#state === 'over') return this.#host.failed(message, this.#overBecause, true, out);
    const limit = this.#config.bufferMemory;
    if (this.#blocked.length > 0 || (this.#bufferedBytes > 0 && this.#bufferedBytes + message.sizeBytes > limit)) {
      out.fact(F.blocked, message.id, 0, 0, 0, R['buffer full']);
      const untilUs = out.now + numberOf(this.#spec.options, 'max.block.ms', 60_000_000);
      this.#blocked.push({ message, untilUs });
      return this.#wake(untilUs, out);
    }
    this.#take(message, out);
    this.#send(out);
  }

  // ── Gathering ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Puts a message into batches, or holds it until the transaction before its own has ended. */
  #take(message: Message, out: Out): void {
    this.#bufferedBytes += message.sizeBytes;
    if (this.#transactionalId === '') return this.#accumulate(message, out);
    if (this.#state !== 'ready' || this.#txn?.full) {
      this.#held.push(message);
      return;
    }
    this.#txn ??= this.#beginTxn(out);
    this.#txn.messages++;
    this.#txn.open++;
    this.#txn.full = this.#txn.messages >= this.#config.transactionSize;
    this.#accumulate(message, out);
  }

  #accumulate(message: Message, out: Out): void {
    const { to } = this.#spec;
    const copies: Copies = { open: to.length, failed: false, definite: true, reason: 0 };
    const deadlineUs = out.now + this.#config.deliveryTimeoutUs;
    for (const topic of to) {
      const entry: Entry = { message, deadlineUs, copies };
      const indexes = this.#cluster.partitionsOf(topic);
      if (indexes.length === 0) this.#entryFailed(entry, R['no route'], true, out);
      else this.#addTo(this.#choosePartition(topic, indexes, message, out), entry, out);
    }
  }

  /** Bytes of a record in its batch, on the wire and in the log: brokers keep batches as they come. */
  #bytesOf(message: Message): number {
    const bytes = message.sizeBytes + RECORD_BYTES;
    return this.#ratio === 1 ? bytes : Math.ceil(bytes * this.#ratio);
  }

  /** Source: K10-K13. */
  #choosePartition(topic: string, indexes: readonly PartitionIndex[], message: Message, out: Out): PartitionIndex {
    const kind = this.#config.partitioner;
    const count = indexes.length;
    let number: number;
    if (kind === 'round-robin') {
      number = this.#roundRobin.get(topic) ?? 0;
      this.#roundRobin.set(topic, (number + 1) % count);
    } else if (message.key !== null) {
      number = kind === 'crc32' ? partitionForKeyCrc32(message.key, count) : partitionForKey(message.key, count);
    } else number = this.#stickyPartition(topic, indexes, message, out);
    return indexes[number] as PartitionIndex;
  }

  #stickyPartition(topic: string, indexes: readonly PartitionIndex[], message: Message, out: Out): number {
    const batchSize = Math.max(1, this.#config.batchSize);
    let sticky = this.#stickies.get(topic);
    if (sticky === undefined) {
      const adaptive = booleanOf(this.#spec.options, 'partitioner.adaptive.partitioning.enable', true);
      const draw = (n: number): number => this.#out?.choose(this.#sites.partition, n) ?? 0;
      sticky = new StickyPartitioner({ stickyBatchSize: batchSize, adaptive }, draw);
      this.#stickies.set(topic, sticky);
    }
    this.#out = out;
    const withLeader: number[] = [];
    const queues: number[] = [];
    for (let number = 0; number < indexes.length; number++) {
      const index = indexes[number] as PartitionIndex;
      if (this.#link.leaderOf(index) === 0) continue;
      withLeader.push(number);
      queues.push(this.#partitions.get(index)?.queue.length ?? 0);
    }
    sticky.updateLoad(withLeader, queues);
    const number = sticky.current(indexes.length, withLeader);
    const last = this.#partitions.get(indexes[number] as PartitionIndex)?.queue.at(-1);
    const bytes = this.#bytesOf(message);
    const fills = (last === undefined || last.closed ? 0 : last.bytes) + bytes >= batchSize;
    sticky.appended(bytes, fills || this.#config.lingerUs <= 0, indexes.length, withLeader);
    this.#out = undefined;
    return number;
  }

  #addTo(index: PartitionIndex, entry: Entry, out: Out): void {
    const { batchSize } = this.#config;
    const partition = this.#partition(index);
    const bytes = this.#bytesOf(entry.message);
    let batch = partition.queue.at(-1);
    if (batch === undefined || batch.closed || batch.bytes + bytes > batchSize) {
      if (batch !== undefined) batch.closed = true;
      batch = emptyBatch(index, out.now);
      partition.queue.push(batch);
    }
    batch.entries.push(entry);
    batch.bytes += bytes;
    if (batch.bytes >= batchSize) batch.closed = true;
  }

  #partition(index: PartitionIndex): Partition {
    let partition = this.#partitions.get(index);
    if (partition === undefined) {
      partition = { queue: [], inFlight: 0, nextSequence: 0 };
      this.#partitions.set(index, partition);
    }
    return partition;
  }

  // ── Sending ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Sends what is ready, gives up what is too late, and sets the timer for what will be ready next. */
  #send(out: Out): void {
    this.#giveUpLate(out);
    this.#renewIdentity(out);
    this.#admitBlocked(out);
    if (!this.#link.knowsLeaders || this.#state === 'initialising' || this.#state === 'over')
      return this.#wakeForDeadlines(out);
    const { lingerUs } = this.#config;
    let ready: Map<ActorId, Batch[]> | undefined;
    let next = MAX_SAFE;
    for (const [index, partition] of this.#partitions) {
      const batch = partition.queue[0];
      if (batch === undefined) continue;
      if (this.#renewing && isResolved(batch)) continue;
      const node = this.#link.leaderOf(index);
      if (node === 0) {
        this.#link.refresh(out);
        continue;
      }
      const retried = batch.attempts > 0;
      if (!this.#config.idempotent && this.#config.maxInFlight === 1 && partition.inFlight > 0) continue;
      // With idempotence a retried batch, or one behind it, waits until it is alone, so that sequence numbers stay in order.
      if (this.#config.idempotent && retried && partition.inFlight > 0) continue;
      const dueUs = Math.max(
        batch.notBeforeUs,
        batch.closed || this.#txn !== undefined ? 0 : batch.createdUs + lingerUs,
      );
      if (dueUs > out.now) {
        next = Math.min(next, dueUs);
        continue;
      }
      if (this.#txn !== undefined && !this.#txn.added.has(index)) {
        this.#txn.partitions.add(index);
        continue;
      }
      ready ??= new Map();
      const batches = ready.get(node);
      if (batches === undefined) ready.set(node, [batch]);
      else batches.push(batch);
    }
    if (this.#txn !== undefined && this.#txn.partitions.size > 0) this.#addPartitions(this.#txn, out);
    for (const [node, batches] of ready ?? []) {
      if ((this.#inFlight.get(node)?.length ?? 0) < this.#config.maxInFlight) this.#request(node, batches, out);
    }
    if (next !== MAX_SAFE) this.#wake(next, out);
    this.#wakeForDeadlines(out);
  }

  #request(node: ActorId, batches: readonly Batch[], out: Out): void {
    const messages: MessageId[] = [];
    let sizeBytes = 100;
    for (const batch of batches) {
      const partition = this.#partition(batch.partition);
      partition.queue.shift();
      partition.inFlight++;
      batch.closed = true;
      batch.attempts++;
      sizeBytes += batch.bytes;
      if (this.#config.idempotent && batch.sequence < 0) {
        batch.producerId = this.#producerId;
        batch.epoch = this.#epoch;
        batch.sequence = partition.nextSequence;
        partition.nextSequence = sequenceAfter(partition.nextSequence, batch.entries.length);
      }
      for (const { message } of batch.entries) {
        messages.push(message.id);
        if (batch.attempts > 1) this.#host.retrying(message, batch.attempts, this.#lastReason, out);
      }
    }
    const request: ProduceRequest = {
      type: 'kafka/Produce',
      id: this.#link.nextId(),
      acks: this.#config.acks,
      timeoutUs: this.#config.requestTimeoutUs,
      batches: batches.map((batch) => this.#sentBatch(batch)),
      sizeBytes,
    };
    const carried = messages.length === 1 ? (messages[0] as MessageId) : messages;
    if (this.#config.acks === 0) {
      this.#link.tell(node, 'request', request, carried, out);
      for (const batch of batches) {
        this.#partition(batch.partition).inFlight--;
        for (const entry of batch.entries) this.#entryStored(entry, batch.partition, UNKNOWN_OFFSET, out);
      }
      return;
    }
    const sent: Sent = { batches, answer: undefined };
    const line = this.#inFlight.get(node);
    if (line === undefined) this.#inFlight.set(node, [sent]);
    else line.push(sent);
    this.#armExpiry(batches, out);
    this.#link.ask(node, 'request', request, carried, out, (answer, later) =>
      this.#answered(node, sent, answer, later),
    );
  }

  #sentBatch({ partition, producerId, epoch, sequence, entries }: Batch): ProduceRequest['batches'][number] {
    const records: NewRecord<RecordValue>[] = [];
    for (const { message } of entries) records.push(recordOf(message, this.#bytesOf(message), this.#config.tombstones));
    const transactional = this.#transactionalId !== '';
    return { partition, batch: { producerId, epoch, firstSequence: sequence, transactional, records } };
  }

  /** Why the last request failed, for the record of the retry that follows. */
  #lastReason = 0;

  /**
   * Answers of one connection count in the order of their requests: one that overtook a lost one is not seen before the connection is given
   * up, and then all that was in flight on it is in doubt. So at most `max.in.flight.requests.per.connection` batches of a partition can be
   * repeated, which is what leaders remember.
   */
  #answered(node: ActorId, sent: Sent, answer: Answer | undefined, out: Out): void {
    const line = this.#inFlight.get(node) ?? [];
    if (!line.includes(sent)) return;
    if (answer === undefined) {
      this.#inFlight.set(node, []);
      for (const one of [...line].reverse()) this.#produced(one.batches, undefined, out);
    } else {
      sent.answer = answer as ProduceAnswer;
      while (line[0]?.answer !== undefined) {
        const first = line.shift() as Sent;
        this.#produced(first.batches, first.answer, out);
      }
    }
    this.#send(out);
  }

  #produced(batches: readonly Batch[], answer: ProduceAnswer | undefined, out: Out): void {
    // Later batches first, so that those that go back to the head of a queue end up in their order.
    for (let i = batches.length - 1; i >= 0; i--) {
      const batch = batches[i] as Batch;
      if (batch.expired) {
        if (!this.#config.idempotent) this.#partition(batch.partition).inFlight--;
        continue;
      }
      this.#partition(batch.partition).inFlight--;
      const result = answer?.results.find(({ partition }) => partition === batch.partition);
      const error: KafkaError = result?.error ?? 'NETWORK_EXCEPTION';
      if (error === 'NONE' && result !== undefined) {
        for (let at = 0; at < batch.entries.length; at++)
          this.#entryStored(batch.entries[at] as Entry, batch.partition, result.baseOffset + at, out);
      } else this.#batchFailed(batch, error, out);
    }
  }

  #batchFailed(batch: Batch, error: KafkaError, out: Out): void {
    const reason = R[FAILED_BECAUSE[error] ?? 'refused by the broker'];
    this.#lastReason = reason;
    if (error === 'MESSAGE_TOO_LARGE' && batch.entries.length > 1) return this.#split(batch);
    if (!isDefinite(error)) batch.maybeStored = true;
    if (isStale(error) || error === 'NETWORK_EXCEPTION') this.#link.refresh(out);
    const partition = this.#partition(batch.partition);
    // A gap only says that an earlier batch was not stored; that one is retried first. Source: K35.
    const waitsForEarlier =
      error === 'OUT_OF_ORDER_SEQUENCE_NUMBER' &&
      (partition.inFlight > 0 ||
        partition.queue.some((other) => other.sequence >= 0 && other.sequence < batch.sequence));
    if (error === 'OUT_OF_ORDER_SEQUENCE_NUMBER' && this.#renewing && !waitsForEarlier) batch.refused = true;
    if (
      (isRetriable(error) || waitsForEarlier || batch.refused) &&
      batch.attempts - batch.splits <= this.#config.retries
    ) {
      batch.notBeforeUs = out.now + this.#backoff(batch.attempts, out);
      this.#putBack(partition, batch);
      return;
    }
    if (error === 'PRODUCER_FENCED' || (error === 'INVALID_PRODUCER_EPOCH' && this.#transactionalId !== ''))
      this.#fence(out);
    for (const entry of batch.entries) this.#entryFailed(entry, reason, isDefinite(error) && !batch.maybeStored, out);
    this.#gaveUp(batch);
  }

  /**
   * The topic takes no batch as large as this one: its records go again in smaller ones, under the numbers that they have. The first time these are as large as
   * `batch.size` allows, which changes nothing unless that is what was exceeded; then they have half the size each time.
   * Source: K26; apache/kafka: Sender.java#completeBatch, RecordAccumulator.java#splitAndReenqueue.
   */
  #split(batch: Batch): void {
    let limit = this.#config.batchSize;
    if (batch.splits > 0) {
      limit = Math.floor(batch.bytes / 2);
      for (const { message } of batch.entries) limit = Math.max(limit, this.#bytesOf(message));
    }
    const parts: Batch[] = [];
    let sequence = batch.sequence;
    let part: Batch | undefined;
    for (const entry of batch.entries) {
      const bytes = this.#bytesOf(entry.message);
      if (part === undefined || part.bytes + bytes > limit) {
        part = { ...batch, entries: [], bytes: 0, sequence, splits: batch.splits + 1, notBeforeUs: 0 };
        parts.push(part);
      }
      part.entries.push(entry);
      part.bytes += bytes;
      if (sequence >= 0) sequence = sequenceAfter(sequence, 1);
    }
    const partition = this.#partition(batch.partition);
    for (let i = parts.length - 1; i >= 0; i--) this.#putBack(partition, parts[i] as Batch);
  }

  /** Back into the queue: by sequence number when it has one, else at the head. */
  #putBack(partition: Partition, batch: Batch): void {
    let at = 0;
    if (batch.sequence >= 0) {
      while (at < partition.queue.length) {
        const other = partition.queue[at] as Batch;
        if (other.sequence < 0 || other.sequence > batch.sequence) break;
        at++;
      }
    }
    partition.queue.splice(at, 0, batch);
  }

  /** What stood behind the number of a batch will not come any more. A transaction is aborted for it, and then a new epoch is asked for. Source: K35. */
  #gaveUp(batch: Batch): void {
    if (batch.sequence < 0) return;
    if (this.#transactionalId === '') this.#renewing = true;
    else this.#gap = true;
  }

  /**
   * A sequence number was given up for good: the producer goes on in the next epoch, in which its numbers begin at 0 and what is late of the one before is refused.
   * Not before what was sent with an old number is resolved: it may be stored, and nobody would recognise it under a new one. After the last epoch
   * it asks for a new id. Source: K35; KIP-360.
   */
  #renewIdentity(out: Out): void {
    if (!this.#renewing || this.#state === 'initialising' || this.#state === 'over') return;
    for (const { inFlight, queue } of this.#partitions.values()) {
      if (inFlight > 0 || (queue[0] !== undefined && !isResolved(queue[0]))) return;
    }
    this.#renewing = false;
    if (this.#epoch < LAST_EPOCH) {
      this.#epoch++;
      return this.#countAnew();
    }
    this.#state = 'initialising';
    this.#init(out);
  }

  /** Numbers begin at 0, those of batches that wait to be sent too. */
  #countAnew(): void {
    for (const partition of this.#partitions.values()) {
      partition.nextSequence = 0;
      for (const batch of partition.queue) {
        batch.sequence = -1;
        batch.refused = false;
      }
    }
  }

  #backoff(attempts: number, out: Out): Micros {
    const first = this.#config.retryBackoffUs;
    const max = numberOf(this.#spec.options, 'retry.backoff.max.ms', 1_000_000);
    let wait = first;
    for (let i = 1; i < attempts && wait < max; i++) wait *= 2;
    wait = Math.min(wait, max);
    if (wait === 0) return 0;
    return Math.floor((wait * (80 + out.choose(this.#sites.jitter, 41))) / 100);
  }

  #giveUpLate(out: Out): void {
    for (const partition of this.#partitions.values()) {
      if (partition.queue.length === 0) continue;
      for (const batch of [...partition.queue]) {
        if (deadlineOf(batch) > out.now) continue;
        partition.queue.splice(partition.queue.indexOf(batch), 1);
        for (const entry of batch.entries) this.#entryFailed(entry, R['timed out'], !batch.maybeStored, out);
        this.#gaveUp(batch);
      }
    }
    while ((this.#blocked[0]?.untilUs ?? MAX_SAFE) <= out.now) {
      const { message } = this.#blocked.shift() as { message: Message };
      this.#host.failed(message, R['timed out'], true, out);
    }
  }

  /**
   * Gives up what is in flight and has no time left: it may be stored, and its answer comes too late. With idempotence the batches behind it need not wait for that
   * answer, since what is late of an older epoch is refused; without, they do where there may be only one at a time.
   * Source: K25, K28; apache/kafka: Sender.java#getExpiredInflightBatches.
   */
  #expireInFlight(out: Out): void {
    let expired = false;
    for (const line of this.#inFlight.values()) {
      for (const { batches } of line) {
        for (const batch of batches) {
          if (batch.expired || deadlineOf(batch) > out.now) continue;
          expired = true;
          batch.expired = true;
          if (this.#config.idempotent) this.#partition(batch.partition).inFlight--;
          for (const entry of batch.entries) this.#entryFailed(entry, R['timed out'], false, out);
          this.#gaveUp(batch);
        }
      }
    }
    for (const line of this.#inFlight.values()) for (const { batches } of line) this.#armExpiry(batches, out);
    if (expired) this.#send(out);
  }

  /** Most are answered long before: one timer is set for the first of many that are in flight one after the other. */
  #armExpiry(batches: readonly Batch[], out: Out): void {
    for (const batch of batches) {
      const atUs = deadlineOf(batch);
      if (batch.expired || atUs >= this.#expiryUs) continue;
      this.#expiryUs = atUs;
      out.timer(Math.max(0, atUs - out.now), EXPIRE, 0);
    }
  }

  #admitBlocked(out: Out): void {
    const limit = this.#config.bufferMemory;
    for (;;) {
      const first = this.#blocked[0];
      if (first === undefined || (this.#bufferedBytes > 0 && this.#bufferedBytes + first.message.sizeBytes > limit))
        return;
      this.#blocked.shift();
      this.#take(first.message, out);
    }
  }

  #wakeForDeadlines(out: Out): void {
    let next = this.#blocked[0]?.untilUs ?? MAX_SAFE;
    for (const { queue } of this.#partitions.values()) {
      for (const batch of queue) next = Math.min(next, deadlineOf(batch));
    }
    if (next !== MAX_SAFE) this.#wake(next, out);
  }

  #wake(atUs: Micros, out: Out): void {
    if (atUs >= this.#wakeUs) return;
    this.#wakeUs = atUs;
    out.timer(Math.max(0, atUs - out.now), SEND, 0);
  }

  // ── Results ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #entryStored(entry: Entry, index: PartitionIndex, offset: number, out: Out): void {
    entry.copies.open--;
    if (entry.copies.open > 0) return;
    this.#entryDone(entry, index, offset, out);
  }

  #entryFailed(entry: Entry, reason: number, definite: boolean, out: Out): void {
    const { copies } = entry;
    copies.open--;
    copies.failed = true;
    copies.definite &&= definite;
    copies.reason = reason;
    if (copies.open === 0) this.#entryDone(entry, -1, 0, out);
  }

  #entryDone({ message, copies }: Entry, index: PartitionIndex, offset: number, out: Out): void {
    this.#bufferedBytes -= message.sizeBytes;
    const txn = this.#txn;
    if (txn !== undefined) txn.open--;
    if (this.#state === 'over') this.#host.failed(message, this.#overBecause, false, out);
    else if (copies.failed) {
      if (txn !== undefined) txn.failed = true;
      this.#host.failed(message, copies.reason, copies.definite, out);
    } else if (txn !== undefined) txn.confirmed.push({ message, partition: index, offset });
    else this.#host.confirmed(message, this.#cluster.partition(index).place, offset, this.#config.acks !== 0, out);
    if (txn !== undefined) this.#endTxnWhenDone(txn, out);
  }

  // ── Identity and transactions ─────────────────────────────────────────────────────────────────────────────────────

  #metadata(out: Out): void {
    if (this.#state === 'initialising') this.#init(out);
    else this.#send(out);
  }

  /** With a transactional id its coordinator; without one any node may give a producer id, and the next is asked when one does not answer (K31). */
  #coordinator(): ActorId {
    if (this.#transactionalId !== '') return this.#link.leaderOf(this.#cluster.txnPartition(this.#transactionalId));
    return this.#cluster.nodes[(this.#spec.instance - 1 + this.#unanswered) % this.#cluster.nodes.length] ?? 0;
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
      timeoutUs: numberOf(this.#spec.options, 'transaction.timeout.ms', 60_000_000),
      ...(this.#gap && { identity: { producerId: this.#producerId, epoch: this.#epoch } }),
    };
    this.#link.ask(node, 'control', request, 0, out, (answer, later) => {
      this.#asking = false;
      const given = answer as InitProducerIdAnswer | undefined;
      if (given === undefined) this.#unanswered++;
      if (given?.error === 'PRODUCER_FENCED') return this.#fence(later);
      if (given?.error === 'INVALID_TRANSACTION_TIMEOUT') return this.#giveUp(R['refused by the broker'], later);
      if (given?.error !== 'NONE') {
        if (given === undefined || isStale(given.error)) this.#link.refresh(later);
        return this.#later(INIT, later);
      }
      this.#producerId = given.producerId;
      this.#epoch = given.epoch;
      this.#gap = false;
      this.#state = 'ready';
      this.#countAnew();
      this.#releaseHeld(later);
      this.#send(later);
    });
  }

  #later(wire: Wire, out: Out): void {
    out.timer(this.#config.retryBackoffUs, wire);
  }

  #beginTxn(out: Out): Transaction {
    this.#txns++;
    out.fact(F['txn-begun'], 0, 0, 0, this.#producerId);
    if (this.#config.transactionSize > 1) {
      const full: TxnFull = { type: 'kafka-producer/full', txn: this.#txns };
      out.timer(numberOf(this.#spec.options, 'transaction.linger.ms', 1_000_000), full, 0);
    }
    return {
      messages: 0,
      full: false,
      open: 0,
      failed: false,
      mayBeCommitted: false,
      confirmed: [],
      partitions: new Set(),
      added: new Set(),
    };
  }

  #addPartitions(txn: Transaction, out: Out): void {
    const partitions = [...txn.partitions];
    txn.partitions.clear();
    const node = this.#coordinator();
    const request: AddPartitionsRequest = {
      type: 'kafka/AddPartitionsToTxn',
      id: this.#link.nextId(),
      transactionalId: this.#transactionalId,
      producerId: this.#producerId,
      epoch: this.#epoch,
      partitions,
    };
    if (node === 0) {
      this.#link.refresh(out);
      return this.#wake(out.now + this.#config.retryBackoffUs, out);
    }
    this.#link.ask(node, 'control', request, 0, out, (answer, later) => {
      const error = answer?.error ?? 'NETWORK_EXCEPTION';
      if (error === 'NONE') {
        for (const index of partitions) txn.added.add(index);
        return this.#send(later);
      }
      if (error === 'INVALID_PRODUCER_ID_MAPPING') return this.#failOpenTxn(later);
      if (!isRetriable(error)) return this.#fence(later);
      if (error !== 'CONCURRENT_TRANSACTIONS') this.#link.refresh(later);
      this.#wake(later.now + CONCURRENT_RETRY_US, later);
    });
  }

  /**
   * Nobody used its transactional id for so long that the coordinator has forgotten it: the transaction fails, and the next one has another producer id.
   * Source: K44; apache/kafka: TransactionManager.java#abortableErrorIfPossible.
   */
  #failOpenTxn(out: Out): void {
    this.#gap = true;
    for (const partition of this.#partitions.values()) {
      for (const batch of partition.queue.splice(0)) {
        for (const entry of batch.entries)
          this.#entryFailed(entry, R['refused by the broker'], !batch.maybeStored, out);
      }
    }
  }

  #endTxnWhenDone(txn: Transaction, out: Out): void {
    if (!(txn.full || txn.failed) || txn.open > 0 || this.#state !== 'ready') return;
    this.#state = 'ending';
    this.#aborts =
      txn.failed ||
      happens(numberOf(this.#spec.options, 'transaction.abort.probability'), out, this.#sites.abort, this.#txns);
    this.#endTxn(out);
  }

  /** How the transaction that is ending ends. */
  #aborts = false;

  #endTxn(out: Out): void {
    const txn = this.#txn;
    if (txn === undefined || this.#state !== 'ending') return;
    if (txn.added.size === 0) return this.#txnEnded(txn, out);
    const node = this.#coordinator();
    if (node === 0) {
      this.#link.refresh(out);
      return this.#later(END, out);
    }
    const request: EndTxnRequest = {
      type: 'kafka/EndTxn',
      id: this.#link.nextId(),
      transactionalId: this.#transactionalId,
      producerId: this.#producerId,
      epoch: this.#epoch,
      result: this.#aborts ? 'ABORT' : 'COMMIT',
    };
    this.#link.ask(node, 'control', request, 0, out, (answer, later) => {
      const error = answer?.error ?? 'NETWORK_EXCEPTION';
      if (error === 'NONE') return this.#txnEnded(txn, later);
      if (!isRetriable(error)) return this.#fence(later);
      txn.mayBeCommitted = !this.#aborts;
      if (error !== 'CONCURRENT_TRANSACTIONS') this.#link.refresh(later);
      this.#later(END, later);
    });
  }

  #txnEnded(txn: Transaction, out: Out): void {
    this.#txn = undefined;
    // Behind a number that was given up nothing is accepted any more: they begin anew in the next epoch (KIP-360).
    this.#state = this.#gap ? 'initialising' : 'ready';
    for (const { message, partition, offset } of txn.confirmed) {
      if (this.#aborts) this.#host.failed(message, R['transaction aborted'], true, out);
      else this.#host.confirmed(message, this.#cluster.partition(partition).place, offset, true, out);
    }
    if (this.#gap) return this.#init(out);
    this.#releaseHeld(out);
    this.#send(out);
  }

  #releaseHeld(out: Out): void {
    const held = this.#held;
    this.#held = [];
    for (const message of held) {
      this.#bufferedBytes -= message.sizeBytes;
      this.#take(message, out);
    }
  }

  /** A newer instance has taken over. Source: K43. */
  #fence(out: Out): void {
    this.#giveUp(R.fenced, out);
  }

  /** Nothing more can be sent. */
  #giveUp(reason: number, out: Out): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#overBecause = reason;
    const txn = this.#txn;
    this.#txn = undefined;
    for (const { message } of txn?.confirmed ?? []) this.#host.failed(message, reason, !txn?.mayBeCommitted, out);
    for (const partition of this.#partitions.values()) {
      for (const batch of partition.queue.splice(0)) {
        for (const entry of batch.entries) this.#entryFailed(entry, reason, !batch.maybeStored, out);
      }
    }
    for (const message of this.#held.splice(0)) this.#host.failed(message, reason, true, out);
    for (const { message } of this.#blocked.splice(0)) this.#host.failed(message, reason, true, out);
  }
}

/** What a producer that awaits no answer reports. Source: K15. */
const UNKNOWN_OFFSET = -1;
const MAX_SAFE = Number.MAX_SAFE_INTEGER;
/** AddPartitionsToTxn comes again this soon while the transaction before it is being completed. */
const CONCURRENT_RETRY_US = 20_000;

function acksOf(options: OptionValues): -1 | 0 | 1 {
  const acks = textOf(options, 'acks', 'all');
  return acks === '0' ? 0 : acks === '1' ? 1 : -1;
}

/** A record without a value still carries its message, so that the trace can name it. Source: K84. */
function recordOf(message: Message, sizeBytes: number, tombstones: string): NewRecord<RecordValue> {
  const record = { key: message.key, value: message, timestampUs: message.producedAtUs, sizeBytes };
  if (tombstones === '') return record;
  const marked = message.attributes[tombstones];
  return { ...record, tombstone: marked === true || marked === 'true' };
}
