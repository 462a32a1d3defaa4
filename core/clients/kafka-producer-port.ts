/**
 * The Kafka producer: keeps a few requests in flight per node, retries within `delivery.timeout.ms`, and says what became of each message. The producer
 * machine makes the messages; brokers decide about sequence numbers. What waits to be sent is in `kafka-producer-batches.ts`; whom the brokers take the producer
 * for, and its transactions, in `kafka-producer-identity.ts`.
 * Order is kept per partition when at most one of its batches is in flight without idempotence, or always with it: batches of one partition
 * leave in their order, and a retried one goes before those that were made later.
 * Simplification: with idempotence, after one batch of a partition failed, its later ones wait until it is settled.
 */
import type { KafkaCluster, PartitionIndex } from '../brokers/kafka-cluster.ts';
import type { Answer, KafkaError, ProduceAnswer, ProduceRequest, RecordValue } from '../brokers/kafka-wires.ts';
import { F, R, type Reason } from '../facts.ts';
import type { Out, Setup, Site, Wire } from '../machine.ts';
import type { NewRecord } from '../parts/partition-replica.ts';
import { sequenceAfter } from '../parts/producer-state.ts';
import type { ActorId, Message, MessageId, Micros } from '../types.ts';
import { isRetriable, isStale, KafkaLink } from './kafka-link.ts';
import {
  type Batch,
  type Copies,
  deadlineOf,
  type Entry,
  isResolved,
  ProducerBatches,
} from './kafka-producer-batches.ts';
import { type ProducerConfig, producerConfig, producerConfigError } from './kafka-producer-config.ts';
import { ProducerIdentity } from './kafka-producer-identity.ts';
import type { ProducerHost, ProducerPort, ProducerPortSpec } from './ports.ts';

/** One request in flight, with its answer if that came out of turn. */
interface Sent {
  readonly batches: readonly Batch[];
  answer: ProduceAnswer | undefined;
}

const SEND: Wire = { type: 'kafka-producer/send' };
const EXPIRE: Wire = { type: 'kafka-producer/expire' };
/** What a producer that awaits no answer reports. Source: K15. */
const UNKNOWN_OFFSET = -1;
const NEVER = Number.MAX_SAFE_INTEGER;
const SENT = -1;

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

/** Errors that say for certain that the batch is not in the log. */
function isDefinite(error: KafkaError): boolean {
  return error !== 'REQUEST_TIMED_OUT' && error !== 'NETWORK_EXCEPTION' && error !== 'NOT_ENOUGH_REPLICAS_AFTER_APPEND';
}

export class KafkaProducerPort implements ProducerPort {
  readonly #host: ProducerHost;
  readonly #cluster: KafkaCluster;
  readonly #to: readonly string[];
  readonly #config: ProducerConfig;
  readonly #link: KafkaLink;
  readonly #batches: ProducerBatches;
  readonly #identity: ProducerIdentity;
  readonly #jitter: Site;
  /** Requests in flight by node, in their order. */
  readonly #inFlight = new Map<ActorId, Sent[]>();
  /** Messages that wait for the transaction before theirs to end. */
  #held: Message[] = [];
  #bufferedBytes = 0;
  /** Messages that found the buffer full, and until when they wait. */
  #blocked: { readonly message: Message; readonly untilUs: Micros }[] = [];
  /** Why the last request failed, for the record of the retry that follows. */
  #lastReason = 0;
  /** When the next SEND timer fires. */
  #wakeUs: Micros = NEVER;
  /** When the next EXPIRE timer fires. */
  #expiryUs: Micros = NEVER;

  constructor(spec: ProducerPortSpec, host: ProducerHost, cluster: KafkaCluster, setup: Setup) {
    const { name, instance, options } = spec;
    const error = producerConfigError(options);
    if (error !== '') throw new Error(`invariant: the parser let producer ${name} pass: ${error}`);
    this.#host = host;
    this.#cluster = cluster;
    this.#to = spec.to;
    const config = producerConfig(options);
    this.#config = config;
    const partitioning = setup.site(`${name}/partition`);
    this.#jitter = setup.site(`${name}/backoff`);
    const { requestTimeoutUs, retryBackoffUs, metadataMaxAgeUs } = config;
    this.#link = new KafkaLink(
      cluster,
      { requestTimeoutUs, retryBackoffUs, metadataMaxAgeUs, bootstrap: instance - 1 },
      (out) => {
        if (!this.#identity.metadata(out)) this.#send(out);
      },
    );
    this.#batches = new ProducerBatches(config, this.#link, partitioning);
    this.#identity = new ProducerIdentity(config, instance, this.#link, setup.site(`${name}/abort`), {
      countAnew: () => this.#batches.countAnew(),
      ready: (out) => {
        this.#releaseHeld(out);
        this.#send(out);
      },
      send: (out) => this.#send(out),
      wake: (atUs, out) => this.#wake(atUs, out),
      ended: (stored, committed, out) => {
        for (const { message, partition, offset } of stored) {
          if (committed) this.#confirmed(message, partition, offset, out);
          else this.#host.failed(message, R['transaction aborted'], true, out);
        }
      },
      failWaiting: (reason, out) => this.#failWaiting(reason, out),
      over: (stored, reason, definite, out) => {
        for (const { message } of stored) this.#host.failed(message, reason, definite, out);
        this.#failWaiting(reason, out);
        for (const message of this.#held.splice(0)) this.#host.failed(message, reason, true, out);
        for (const { message } of this.#blocked.splice(0)) this.#host.failed(message, reason, true, out);
      },
    });
  }

  start(out: Out): void {
    this.#identity.start();
    this.#link.start(out);
  }

  crash(): void {
    this.#link.crash();
    this.#batches.crash();
    this.#identity.crash();
    this.#inFlight.clear();
    this.#held = [];
    this.#blocked = [];
    this.#bufferedBytes = 0;
    this.#wakeUs = NEVER;
    this.#expiryUs = NEVER;
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    this.#link.receive(from, wire, out);
  }

  peerLost(peer: ActorId, out: Out): void {
    this.#link.peerLost(peer, out);
  }

  timer(wire: Wire, out: Out): void {
    if (this.#link.timer(wire, out) || this.#identity.timer(wire, out)) return;
    if (wire.type === SEND.type) {
      this.#wakeUs = NEVER;
      this.#send(out);
    } else if (wire.type === EXPIRE.type) {
      this.#expiryUs = NEVER;
      this.#expireInFlight(out);
    }
  }

  publish(message: Message, out: Out): void {
    const { isOver, overBecause } = this.#identity;
    if (isOver) return this.#host.failed(message, overBecause, true, out);
    if (this.#blocked.length > 0 || !this.#hasRoom(message)) {
      out.fact(F.blocked, message.id, 0, 0, 0, R['buffer full']);
      const untilUs = out.now + this.#config.maxBlockUs;
      this.#blocked.push({ message, untilUs });
      return this.#wake(untilUs, out);
    }
    this.#take(message, out);
    this.#send(out);
  }

  // ── Gathering ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether `buffer.memory` takes it; a single message it always takes. Source: K29. */
  #hasRoom({ sizeBytes }: Message): boolean {
    return this.#bufferedBytes === 0 || this.#bufferedBytes + sizeBytes <= this.#config.bufferMemory;
  }

  /** Puts a message into batches, or holds it until the transaction before its own has ended. */
  #take(message: Message, out: Out): void {
    this.#bufferedBytes += message.sizeBytes;
    if (!this.#identity.admit(out)) {
      this.#held.push(message);
      return;
    }
    const copies: Copies = { open: this.#to.length, failed: false, definite: true, reason: 0 };
    const deadlineUs = out.now + this.#config.deliveryTimeoutUs;
    for (const topic of this.#to) {
      const entry: Entry = { message, deadlineUs, copies };
      if (!this.#batches.add(topic, entry, out)) this.#entryFailed(entry, R['no route'], true, out);
    }
  }

  #releaseHeld(out: Out): void {
    const held = this.#held;
    this.#held = [];
    for (const message of held) {
      this.#bufferedBytes -= message.sizeBytes;
      this.#take(message, out);
    }
  }

  #admitBlocked(out: Out): void {
    for (;;) {
      const first = this.#blocked[0];
      if (first === undefined || !this.#hasRoom(first.message)) return;
      this.#blocked.shift();
      this.#take(first.message, out);
    }
  }

  // ── Sending ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Sends what is ready, gives up what is too late, and sets the timer for what will be ready next. */
  #send(out: Out): void {
    this.#giveUpLate(out);
    if (this.#identity.isRenewing && this.#batches.areResolved) this.#identity.renew(out);
    this.#admitBlocked(out);
    if (this.#link.knowsLeaders && this.#identity.maySend) {
      let next: Micros;
      do next = this.#sendHeads(out);
      while (next === SENT);
      if (next !== NEVER) this.#wake(next, out);
    }
    this.#wakeForDeadlines(out);
  }

  /**
   * Sends the first batch of each partition where it may go. `SENT` when some went, behind which others may be ready; else when the first of those that wait
   * for their time may go. Source: K26, K27; apache/kafka: RecordAccumulator.java#drainBatchesForOneNode takes one of each partition for a request.
   */
  #sendHeads(out: Out): Micros {
    const { idempotent, maxInFlight, lingerUs } = this.#config;
    const identity = this.#identity;
    let ready: Map<ActorId, Batch[]> | undefined;
    let next = NEVER;
    for (const [index, partition] of this.#batches.partitions) {
      const batch = partition.queue[0];
      if (batch === undefined) continue;
      if (identity.isRenewing && isResolved(batch)) continue;
      const node = this.#link.leaderOf(index);
      if (node === 0) {
        this.#link.refresh(out);
        continue;
      }
      if (!idempotent && maxInFlight === 1 && partition.inFlight > 0) continue;
      // With idempotence a retried batch, or one behind it, waits until it is alone, so that sequence numbers stay in order.
      if (idempotent && batch.attempts > 0 && partition.inFlight > 0) continue;
      // A partition is registered as soon as there is something for it, however long that waits for more.
      const covered = identity.covers(index);
      const ripeUs = batch.closed || identity.isCompleting ? 0 : batch.createdUs + lingerUs;
      const dueUs = Math.max(batch.notBeforeUs, ripeUs);
      if (dueUs > out.now) {
        next = Math.min(next, dueUs);
        continue;
      }
      if (!covered) continue;
      ready ??= new Map();
      const batches = ready.get(node);
      if (batches === undefined) ready.set(node, [batch]);
      else batches.push(batch);
    }
    identity.register(out);
    let sent = false;
    for (const [node, batches] of ready ?? []) {
      if ((this.#inFlight.get(node)?.length ?? 0) >= maxInFlight) continue;
      this.#request(node, batches, out);
      sent = true;
    }
    return sent ? SENT : next;
  }

  #request(node: ActorId, batches: readonly Batch[], out: Out): void {
    const messages: MessageId[] = [];
    let sizeBytes = 100;
    for (const batch of batches) {
      const partition = this.#batches.of(batch.partition);
      partition.queue.shift();
      partition.inFlight++;
      batch.closed = true;
      batch.attempts++;
      sizeBytes += batch.bytes;
      if (this.#config.idempotent && batch.sequence < 0) {
        batch.producerId = this.#identity.producerId;
        batch.epoch = this.#identity.epoch;
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
        this.#batches.of(batch.partition).inFlight--;
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
    for (const { message } of entries)
      records.push(recordOf(message, this.#batches.bytesOf(message), this.#config.tombstones));
    const transactional = this.#identity.isTransactional;
    return { partition, batch: { producerId, epoch, firstSequence: sequence, transactional, records } };
  }

  // ── Answers ───────────────────────────────────────────────────────────────────────────────────────────────────────

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
      const partition = this.#batches.of(batch.partition);
      if (batch.expired) {
        if (!this.#config.idempotent) partition.inFlight--;
        continue;
      }
      partition.inFlight--;
      const result = answer?.results.find((one) => one.partition === batch.partition);
      const error: KafkaError = result?.error ?? 'NETWORK_EXCEPTION';
      if (error === 'NONE' && result !== undefined) {
        for (let at = 0; at < batch.entries.length; at++)
          this.#entryStored(batch.entries[at] as Entry, batch.partition, result.baseOffset + at, out);
      } else this.#batchFailed(batch, error, out);
    }
  }

  #batchFailed(batch: Batch, error: KafkaError, out: Out): void {
    const identity = this.#identity;
    const reason = R[FAILED_BECAUSE[error] ?? 'refused by the broker'];
    this.#lastReason = reason;
    if (error === 'MESSAGE_TOO_LARGE' && batch.entries.length > 1) return this.#batches.split(batch);
    if (!isDefinite(error)) batch.maybeStored = true;
    if (isStale(error) || error === 'NETWORK_EXCEPTION') this.#link.refresh(out);
    const partition = this.#batches.of(batch.partition);
    // A gap only says that an earlier batch was not stored; that one is retried first. Source: K35.
    const waitsForEarlier =
      error === 'OUT_OF_ORDER_SEQUENCE_NUMBER' &&
      (partition.inFlight > 0 ||
        partition.queue.some((other) => other.sequence >= 0 && other.sequence < batch.sequence));
    if (error === 'OUT_OF_ORDER_SEQUENCE_NUMBER' && identity.isRenewing && !waitsForEarlier) batch.refused = true;
    if (
      (isRetriable(error) || waitsForEarlier || batch.refused) &&
      batch.attempts - batch.splits <= this.#config.retries
    ) {
      batch.notBeforeUs = out.now + this.#backoff(batch.attempts, out);
      this.#batches.putBack(batch);
      return;
    }
    if (error === 'PRODUCER_FENCED' || (error === 'INVALID_PRODUCER_EPOCH' && identity.isTransactional))
      identity.fence(out);
    for (const entry of batch.entries) this.#entryFailed(entry, reason, isDefinite(error) && !batch.maybeStored, out);
    this.#gaveUp(batch);
  }

  /** Source: K25. */
  #backoff(attempts: number, out: Out): Micros {
    const max = this.#config.retryBackoffMaxUs;
    let wait = this.#config.retryBackoffUs;
    for (let i = 1; i < attempts && wait < max; i++) wait *= 2;
    wait = Math.min(wait, max);
    if (wait === 0) return 0;
    return Math.floor((wait * (80 + out.choose(this.#jitter, 41))) / 100);
  }

  #gaveUp({ sequence }: Batch): void {
    if (sequence >= 0) this.#identity.gaveUp();
  }

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

  /** What was stored in a transaction is confirmed when that is committed. */
  #entryDone({ message, copies }: Entry, partition: PartitionIndex, offset: number, out: Out): void {
    const identity = this.#identity;
    this.#bufferedBytes -= message.sizeBytes;
    if (identity.isOver) this.#host.failed(message, identity.overBecause, false, out);
    else if (copies.failed) this.#host.failed(message, copies.reason, copies.definite, out);
    else if (!identity.inTransaction) this.#confirmed(message, partition, offset, out);
    identity.settled(copies.failed ? undefined : { message, partition, offset }, out);
  }

  #confirmed(message: Message, partition: PartitionIndex, offset: number, out: Out): void {
    this.#host.confirmed(message, this.#cluster.partition(partition).place, offset, this.#config.acks !== 0, out);
  }

  /** Gives up what waits to be sent. */
  #failWaiting(reason: number, out: Out): void {
    for (const batch of this.#batches.takeAll())
      for (const entry of batch.entries) this.#entryFailed(entry, reason, !batch.maybeStored, out);
  }

  // ── Time ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #giveUpLate(out: Out): void {
    for (const batch of this.#batches.takeLate(out.now)) {
      for (const entry of batch.entries) this.#entryFailed(entry, R['timed out'], !batch.maybeStored, out);
      this.#gaveUp(batch);
    }
    while ((this.#blocked[0]?.untilUs ?? NEVER) <= out.now) {
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
          if (this.#config.idempotent) this.#batches.of(batch.partition).inFlight--;
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

  #wakeForDeadlines(out: Out): void {
    const next = Math.min(this.#blocked[0]?.untilUs ?? NEVER, this.#batches.nextDeadlineUs());
    if (next !== NEVER) this.#wake(next, out);
  }

  #wake(atUs: Micros, out: Out): void {
    if (atUs >= this.#wakeUs) return;
    this.#wakeUs = atUs;
    out.timer(Math.max(0, atUs - out.now), SEND, 0);
  }
}

/** A record without a value still carries its message, so that the trace can name it. Source: K84. */
function recordOf(message: Message, sizeBytes: number, tombstones: string): NewRecord<RecordValue> {
  const record = { key: message.key, value: message, timestampUs: message.producedAtUs, sizeBytes };
  if (tombstones === '') return record;
  const marked = message.attributes[tombstones];
  return { ...record, tombstone: marked === true || marked === 'true' };
}
