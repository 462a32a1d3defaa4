/**
 * What every Kafka client shares: who leads which partition, requests that wait for their answers, and what happens when an answer does not
 * come. It knows the shape of requests, not their meaning; the ports of producer and consumer use one each.
 */

import type { KafkaCluster, PartitionIndex } from '../brokers/kafka-cluster.ts';
import type {
  Answer,
  ApiVersionsRequest,
  ConnectionReset,
  KafkaError,
  MetadataAnswer,
  MetadataRequest,
} from '../brokers/kafka-wires.ts';
import { F } from '../facts.ts';
import type { HopKind, Out, Wire } from '../machine.ts';
import { framed } from '../parts/frame-order.ts';
import type { ActorId, MessageId, Micros } from '../types.ts';

/** Called once: with the answer, or undefined when the connection broke or the time was up (then the outcome is unknown). */
export type OnAnswer = (answer: Answer | undefined, out: Out) => void;

interface Pending {
  readonly id: number;
  readonly to: ActorId;
  readonly deadlineUs: Micros;
  readonly onAnswer: OnAnswer;
}

/** One connection to a node: its number, and how many requests went by it. */
interface Connection {
  readonly number: number;
  frames: number;
}

interface Queued {
  readonly hop: HopKind;
  readonly request: Wire & { readonly id: number };
  readonly messages: MessageId | readonly MessageId[];
}

export interface LinkOptions {
  readonly requestTimeoutUs: Micros;
  readonly retryBackoffUs: Micros;
  readonly metadataMaxAgeUs: Micros;
  /** Which node is asked first. */
  readonly bootstrap: number;
}

/** How long opening a connection may take: one to a dead process is refused, one into a split network is not answered. */
const CONNECT_US = 1_000_000;
const WATCH: Wire = { type: 'kafka-link/watch' };
const REFRESH: Wire = { type: 'kafka-link/refresh' };
const AGED: Wire = { type: 'kafka-link/aged' };

export class KafkaLink {
  readonly cluster: KafkaCluster;
  readonly #options: LinkOptions;
  readonly #onMetadata: (out: Out) => void;
  /** In the order in which they were sent. There are few at a time, so looking through them is quick. */
  readonly #pending: Pending[] = [];
  #leaders: readonly ActorId[] = [];
  /** The newest leader epochs that it has heard of. */
  #epochs: readonly number[] = [];
  /** Open connections by node. */
  readonly #connected = new Map<ActorId, Connection>();
  /** Never reset, so that a node can tell a restarted client's connection from its former one. */
  #connections = 0;
  /** What waits for a connection, by node. */
  readonly #connecting = new Map<ActorId, Queued[]>();
  #nextId = 1;
  #nextNode: number;
  #refreshing = false;
  #watchingUntilUs: Micros = Number.MAX_SAFE_INTEGER;

  /** `onMetadata` is called after each refresh. */
  constructor(cluster: KafkaCluster, options: LinkOptions, onMetadata: (out: Out) => void) {
    this.cluster = cluster;
    this.#options = options;
    this.#onMetadata = onMetadata;
    this.#nextNode = options.bootstrap;
  }

  start(out: Out): void {
    this.refresh(out);
    if (this.#options.metadataMaxAgeUs > 0) out.timer(this.#options.metadataMaxAgeUs, AGED, 0);
  }

  crash(): void {
    this.#pending.length = 0;
    this.#connected.clear();
    this.#connecting.clear();
    this.#leaders = [];
    this.#epochs = [];
    this.#refreshing = false;
    this.#watchingUntilUs = Number.MAX_SAFE_INTEGER;
  }

  /** Whether anything is known of who leads. */
  get knowsLeaders(): boolean {
    return this.#leaders.length > 0;
  }

  /** Actors that lead the partitions, by index; another list whenever somebody has told something about it. */
  get leaders(): readonly ActorId[] {
    return this.#leaders;
  }

  /**
   * Partitions of a topic by number, as many as the brokers last told it of: one that was added since is not among them. As long as nothing is known at all those that there are.
   * Source: K1, K53.
   */
  partitionsOf(topic: string): readonly PartitionIndex[] {
    return this.knowsLeaders ? this.cluster.knownOf(topic, this.#leaders.length) : this.cluster.partitionsOf(topic);
  }

  /** Actor that leads the partition, as far as known; 0 for none. */
  leaderOf(index: PartitionIndex): ActorId {
    return this.#leaders[index] ?? 0;
  }

  /** Epoch in which that leader leads; -1 while nothing is known. Source: K14. */
  epochOf(index: PartitionIndex): number {
    return this.#epochs[index] ?? -1;
  }

  /** The id that the next request will carry. */
  nextId(): number {
    return this.#nextId++;
  }

  /** Sends a request whose answer is awaited. */
  ask(
    to: ActorId,
    hop: HopKind,
    request: Wire & { readonly id: number },
    messages: MessageId | readonly MessageId[],
    out: Out,
    onAnswer: OnAnswer,
    timeoutUs = this.#options.requestTimeoutUs,
  ): void {
    this.#await(to, request.id, timeoutUs, out, onAnswer);
    this.tell(to, hop, request, messages, out);
  }

  /** Sends a request to which no answer is awaited, as soon as there is a connection. */
  tell(
    to: ActorId,
    hop: HopKind,
    request: Wire & { readonly id: number },
    messages: MessageId | readonly MessageId[],
    out: Out,
  ): void {
    const connection = this.#connected.get(to);
    if (connection !== undefined) return this.#sendOn(connection, to, { hop, request, messages }, out);
    const queued = this.#connecting.get(to);
    if (queued !== undefined) queued.push({ hop, request, messages });
    else this.#connect(to, { hop, request, messages }, out);
  }

  /** Asks again who leads, once, after a short pause unless nothing is known yet. */
  refresh(out: Out): void {
    if (this.#refreshing) return;
    this.#refreshing = true;
    if (this.knowsLeaders) out.timer(this.#options.retryBackoffUs, REFRESH);
    else this.#askMetadata(out);
  }

  /** True when the answer was one that somebody waits for. */
  receive(from: ActorId, wire: Wire, out: Out): boolean {
    if (wire.type === 'kafka/reset') {
      if (this.#connected.get(from)?.number !== (wire as ConnectionReset).connection) return false;
      out.fact(F['connection-lost'], 0, 0, from);
      this.#disconnected(from, out);
      return false;
    }
    const answer = wire as Answer;
    const pending = this.#take(answer.id);
    if (pending === undefined) return false;
    pending.onAnswer(answer, out);
    return true;
  }

  /** True when the timer was the link's own. */
  timer(wire: Wire, out: Out): boolean {
    switch (wire.type) {
      case WATCH.type:
        this.#expire(out);
        return true;
      case REFRESH.type:
        this.#askMetadata(out);
        return true;
      case AGED.type:
        this.refresh(out);
        out.timer(this.#options.metadataMaxAgeUs, AGED, 0);
        return true;
      default:
        return false;
    }
  }

  peerLost(peer: ActorId, out: Out): void {
    this.#disconnected(peer, out);
    if (this.knowsLeaders) this.refresh(out);
  }

  /** Opens a connection: nothing else is sent before the node has answered once. */
  #connect(to: ActorId, first: Queued, out: Out): void {
    this.#connecting.set(to, [first]);
    const connection: Connection = { number: ++this.#connections, frames: 1 };
    const hello: ApiVersionsRequest = {
      type: 'kafka/ApiVersions',
      id: this.nextId(),
      connection: connection.number,
      frame: 1,
    };
    this.#await(to, hello.id, CONNECT_US, out, (answer, later) => {
      const queued = this.#connecting.get(to) ?? [];
      this.#connecting.delete(to);
      if (answer === undefined) {
        for (const { request } of queued) this.#fail(request.id, later);
        return;
      }
      this.#connected.set(to, connection);
      for (const one of queued) this.#sendOn(connection, to, one, later);
    });
    out.send(to, 'control', hello);
  }

  #sendOn(connection: Connection, to: ActorId, { hop, request, messages }: Queued, out: Out): void {
    connection.frames++;
    out.send(to, hop, framed(request, connection.number, connection.frames), messages);
  }

  #await(to: ActorId, id: number, timeoutUs: Micros, out: Out, onAnswer: OnAnswer): void {
    const deadlineUs = out.now + timeoutUs;
    this.#pending.push({ id, to, deadlineUs, onAnswer });
    if (deadlineUs >= this.#watchingUntilUs) return;
    this.#watchingUntilUs = deadlineUs;
    out.timer(timeoutUs, WATCH, 0);
  }

  /** Takes a request out of those that wait; undefined when it does not wait any more. */
  #take(id: number): Pending | undefined {
    for (let i = 0; i < this.#pending.length; i++) {
      const pending = this.#pending[i] as Pending;
      if (pending.id !== id) continue;
      this.#pending.splice(i, 1);
      return pending;
    }
    return undefined;
  }

  #fail(id: number, out: Out): void {
    this.#take(id)?.onAnswer(undefined, out);
  }

  #disconnected(peer: ActorId, out: Out): void {
    this.#connected.delete(peer);
    for (const { id, to } of [...this.#pending]) if (to === peer) this.#fail(id, out);
  }

  #askMetadata(out: Out): void {
    const { nodes } = this.cluster;
    const node = nodes[this.#nextNode % nodes.length] ?? 0;
    this.#nextNode++;
    const request: MetadataRequest = { type: 'kafka/Metadata', id: this.nextId() };
    this.ask(node, 'control', request, 0, out, (answer, later) => {
      this.#refreshing = false;
      const metadata = answer as MetadataAnswer | undefined;
      if (metadata === undefined || metadata.error !== 'NONE') {
        this.#refreshing = true;
        later.timer(this.#options.retryBackoffUs, REFRESH);
        return;
      }
      this.#learn(metadata);
      this.#onMetadata(later);
    });
  }

  /** A node that has not heard of the newest election answers too: what it says of an older epoch is passed over. Source: K14; KIP-320. */
  #learn({ leaders, leaderEpochs }: MetadataAnswer): void {
    const known = this.#epochs;
    const before = this.#leaders;
    const older = (epoch: number, index: number): boolean => epoch < (known[index] ?? -1);
    if (!leaderEpochs.some(older)) {
      this.#leaders = leaders;
      this.#epochs = leaderEpochs;
      return;
    }
    this.#leaders = leaders.map((leader, i) => (older(leaderEpochs[i] ?? -1, i) ? (before[i] ?? 0) : leader));
    this.#epochs = leaderEpochs.map((epoch, i) => Math.max(epoch, known[i] ?? -1));
  }

  #expire(out: Out): void {
    this.#watchingUntilUs = Number.MAX_SAFE_INTEGER;
    let next = Number.MAX_SAFE_INTEGER;
    for (const { id, to, deadlineUs } of [...this.#pending]) {
      if (deadlineUs > out.now) {
        next = Math.min(next, deadlineUs);
        continue;
      }
      const pending = this.#take(id);
      if (pending === undefined) continue;
      // As the real client does, the connection is given up with the request, and all that waits for an answer by it fails with it.
      if (this.#connected.has(to)) this.#disconnected(to, out);
      pending.onAnswer(undefined, out);
    }
    if (next < this.#watchingUntilUs) {
      this.#watchingUntilUs = next;
      out.timer(next - out.now, WATCH, 0);
    }
  }
}

/** Errors after which another node may be the right one. */
export function isStale(error: KafkaError): boolean {
  return (
    error === 'NOT_LEADER_OR_FOLLOWER' ||
    error === 'LEADER_NOT_AVAILABLE' ||
    error === 'NOT_COORDINATOR' ||
    error === 'COORDINATOR_NOT_AVAILABLE'
  );
}

/** Errors of a write or of a transaction's step that a later try may get past. Source: K16, K25, K42. */
export function isRetriable(error: KafkaError): boolean {
  return (
    isStale(error) ||
    error === 'NOT_ENOUGH_REPLICAS' ||
    error === 'NOT_ENOUGH_REPLICAS_AFTER_APPEND' ||
    error === 'REQUEST_TIMED_OUT' ||
    error === 'NETWORK_EXCEPTION' ||
    error === 'CONCURRENT_TRANSACTIONS'
  );
}
