/**
 * How a Kafka consumer gets records: it fetches from the leaders of the partitions that it owns, one request at a time to each node, keeps what comes until the
 * application polls, and hands it over poll by poll. Where to read, and when to poll, is decided elsewhere. Source: K6, K52.
 */
import type { PartitionIndex } from '../brokers/kafka-cluster.ts';
import type { FetchAnswer, FetchedPartition, FetchRequest } from '../brokers/kafka-wires.ts';
import type { Out } from '../machine.ts';
import type { ActorId, Delivery, Message, PlaceId } from '../types.ts';
import type { ConsumerConfig } from './kafka-consumer-config.ts';
import type { KafkaLink } from './kafka-link.ts';
import type { Handle, Owned, OwnedPartitions } from './kafka-owned.ts';

export interface FetcherHost {
  /** Something has come, or at least an answer. */
  fetched(out: Out): void;
  /** It did not work; worth another try after a pause. */
  failed(out: Out): void;
  /** The leader of these has no such offsets. */
  outOfRange(partitions: readonly PartitionIndex[], out: Out): void;
}

export class KafkaFetcher {
  readonly #config: ConsumerConfig;
  readonly #group: PlaceId;
  readonly #link: KafkaLink;
  readonly #owned: OwnedPartitions;
  readonly #host: FetcherHost;
  /** Nodes with an unanswered fetch. */
  readonly #asked = new Set<ActorId>();

  constructor(config: ConsumerConfig, group: PlaceId, link: KafkaLink, owned: OwnedPartitions, host: FetcherHost) {
    this.#config = config;
    this.#group = group;
    this.#link = link;
    this.#owned = owned;
    this.#host = host;
  }

  crash(): void {
    this.#asked.clear();
  }

  /** Takes what is buffered, at most `max.poll.records`, for the application to work on; `tracked` when it says later what is done. */
  take(tracked: boolean): Delivery[] {
    let room = this.#config.maxPollRecords;
    const deliveries: Delivery[] = [];
    for (const [index, owned] of this.#owned) {
      if (owned.position < 0 || owned.validating) continue;
      const taken = owned.buffered.splice(0, room);
      room -= taken.length;
      const { place } = this.#link.cluster.partition(index);
      for (const { record, attempt } of taken) {
        const { offset, leaderEpoch } = record;
        const handle: Handle = { partition: index, offset, leaderEpoch };
        if (tracked) owned.open.push(offset);
        deliveries.push({ message: record.value as Message, place, attempt, handle });
      }
      const next = owned.buffered[0];
      const last = taken[taken.length - 1];
      owned.position = next === undefined ? owned.fetchPosition : next.record.offset;
      owned.epoch = next === undefined ? owned.fetchEpoch : (last?.record.leaderEpoch ?? owned.epoch);
      if (room === 0) break;
    }
    return deliveries;
  }

  /** Fetches from each leader of partitions without buffered records. */
  fetch(out: Out): void {
    const byNode = new Map<ActorId, FetchRequest['partitions'][number][]>();
    for (const [index, owned] of this.#owned) {
      if (owned.position < 0 || owned.validating || owned.buffered.length > 0) continue;
      const node = this.#link.leaderOf(index);
      if (node === 0) {
        this.#link.refresh(out);
        continue;
      }
      // A new leader's log is compared with what was read before it is read.
      if (owned.leaderEpoch < this.#link.epochOf(index)) continue;
      if (this.#asked.has(node)) continue;
      const asked = { partition: index, offset: owned.fetchPosition, leaderEpoch: owned.leaderEpoch };
      const mine = byNode.get(node);
      if (mine === undefined) byNode.set(node, [asked]);
      else mine.push(asked);
    }
    for (const [node, partitions] of byNode) {
      const { isolation, fetchMaxWaitUs, fetchMinBytes, partitionBytes, maxPollRecords } = this.#config;
      const request: FetchRequest = {
        type: 'kafka/Fetch',
        id: this.#link.nextId(),
        isolation,
        maxWaitUs: fetchMaxWaitUs,
        minBytes: fetchMinBytes,
        partitionBytes,
        maxRecords: maxPollRecords,
        group: this.#group,
        partitions,
      };
      this.#asked.add(node);
      this.#link.ask(node, 'control', request, 0, out, (answer, later) => {
        this.#asked.delete(node);
        this.#answered(partitions, answer as FetchAnswer | undefined, later);
      });
    }
  }

  #answered(asked: FetchRequest['partitions'], answer: FetchAnswer | undefined, out: Out): void {
    const outOfRange: PartitionIndex[] = [];
    for (const fetched of answer?.partitions ?? []) {
      const offset = asked.find(({ partition }) => partition === fetched.partition)?.offset;
      const owned = this.#owned.get(fetched.partition);
      // What was asked for is no longer wanted after a seek or a new assignment.
      if (owned === undefined || owned.validating || owned.fetchPosition !== offset) continue;
      if (fetched.error === 'OFFSET_OUT_OF_RANGE') outOfRange.push(fetched.partition);
      else this.#keep(fetched, owned, out);
    }
    if (outOfRange.length > 0) this.#host.outOfRange(outOfRange, out);
    if (answer === undefined) this.#host.failed(out);
    else this.#host.fetched(out);
  }

  #keep(fetched: FetchedPartition, owned: Owned, out: Out): void {
    if (fetched.error !== 'NONE') return this.#host.failed(out);
    fetched.records.forEach((record, i) => {
      owned.buffered.push({ record, attempt: fetched.attempts[i] ?? 1 });
    });
    owned.fetchPosition = fetched.nextOffset;
    owned.fetchEpoch = fetched.lastEpoch;
    if (owned.buffered.length > 0) return;
    owned.position = owned.fetchPosition;
    owned.epoch = owned.fetchEpoch;
  }
}
