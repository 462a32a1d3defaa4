/**
 * How a Kafka consumer commits: in intervals while it polls, for what the application settles, or in one transaction with what it writes on. It works out
 * which offsets that are, sends them, and tells the client's machine what became of its deliveries. Source: K47, K67-K69.
 */
import type { PartitionIndex } from '../brokers/kafka-cluster.ts';
import type { KafkaError, OffsetCommitRequest, OffsetToCommit } from '../brokers/kafka-wires.ts';
import { F, R } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import type { Delivery, Micros } from '../types.ts';
import type { ConsumerConfig } from './kafka-consumer-config.ts';
import type { Forwarding, KafkaForwarder } from './kafka-forwarder.ts';
import { isStale, type KafkaLink } from './kafka-link.ts';
import { commitOffsetOf, handleOf, type Owned, type OwnedPartitions } from './kafka-owned.ts';
import type { SettleWhen } from './ports.ts';

export type Offsets = readonly OffsetToCommit[];

export interface CommitsHost {
  /** Who commits. */
  member(): Forwarding['member'];
  isMember(): boolean;
  /** Whether it waits for a rebalance while it reads on: until that is over nothing can be committed, and then it can. */
  isRejoining(): boolean;
  /** What became of a delivery that was settled. */
  settled(delivery: Delivery, ok: boolean, out: Out): void;
  /** The coordinator refused, or did not answer. */
  refused(error: KafkaError, out: Out): void;
  /** The transaction in which these were written on was aborted. */
  aborted(error: KafkaError, covered: readonly Delivery[], out: Out): void;
}

const COMMIT: Wire = { type: 'kafka-commits/commit' };

export class KafkaCommits {
  readonly #config: ConsumerConfig;
  readonly #settles: SettleWhen;
  readonly #link: KafkaLink;
  readonly #owned: OwnedPartitions;
  readonly #coordinator: PartitionIndex;
  /** Writes on in the same transaction as the offsets; undefined for a consumer that only reads. */
  readonly #forwarder: KafkaForwarder | undefined;
  readonly #host: CommitsHost;
  /** Settled without an output. */
  readonly #skipped = new Set<Delivery>();
  /** Deliveries that wait for the commit after the one on its way. */
  #settling: Delivery[] = [];
  #committing = false;
  #lastUs: Micros = 0;

  constructor(
    config: ConsumerConfig,
    settles: SettleWhen,
    link: KafkaLink,
    owned: OwnedPartitions,
    coordinator: PartitionIndex,
    forwarder: KafkaForwarder | undefined,
    host: CommitsHost,
  ) {
    this.#config = config;
    this.#settles = settles;
    this.#link = link;
    this.#owned = owned;
    this.#coordinator = coordinator;
    this.#forwarder = forwarder;
    this.#host = host;
  }

  start(now: Micros): void {
    this.#lastUs = now;
  }

  crash(): void {
    this.#forwarder?.crash();
    this.#skipped.clear();
    this.#settling = [];
    this.#committing = false;
  }

  /** True when the timer was its own. */
  timer(wire: Wire, out: Out): boolean {
    if (wire.type !== COMMIT.type) return this.#forwarder?.timer(wire, out) === true;
    this.#committing = false;
    this.#commitSettled(out);
    return true;
  }

  /** The application is done with a delivery; `skipped` without having made anything of it. */
  settle(delivery: Delivery, skipped: boolean, out: Out): void {
    const { partition, offset } = handleOf(delivery);
    const owned = this.#owned.get(partition);
    if (skipped && this.#forwarder !== undefined) this.#skipped.add(delivery);
    const at = owned?.open.indexOf(offset) ?? -1;
    if (at >= 0) owned?.open.splice(at, 1);
    const before = this.#settles === 'before-processing';
    if (this.#config.autoCommit && !before) return this.#host.settled(delivery, true, out);
    const forwards = this.#forwarder !== undefined;
    if (forwards && owned !== undefined && offset >= owned.position) return this.#lapse(delivery, out);
    if (!forwards && owned !== undefined && !before && commitOffsetOf(owned) === owned.committed) {
      // An earlier record of the partition is still in work: nothing can be committed for this one yet.
      return this.#host.settled(delivery, true, out);
    }
    this.#settling.push(delivery);
    this.#commitSettled(out);
  }

  /** The partition is read again from this offset: what was done from there on, and waits to be written on, is done again. */
  readAgain(index: PartitionIndex, from: number, out: Out): void {
    if (this.#forwarder === undefined) return;
    const lapsed = this.#settling.filter((delivery) => {
      const { partition, offset } = handleOf(delivery);
      return partition === index && offset >= from;
    });
    this.#settling = this.#settling.filter((delivery) => !lapsed.includes(delivery));
    for (const delivery of lapsed) this.#lapse(delivery, out);
  }

  /** Done, but behind a record that is read again, and so read again itself: nothing of it is written on or committed this time. */
  #lapse(delivery: Delivery, out: Out): void {
    this.#skipped.delete(delivery);
    this.#host.settled(delivery, true, out);
  }

  /** Its producer is fenced: the next transaction begins with a new one. */
  forgetProducer(): void {
    this.#forwarder?.crash();
  }

  /** Positions that differ from what was committed last. */
  due(): Offsets {
    const offsets: OffsetToCommit[] = [];
    for (const [partition, owned] of this.#owned) {
      if (owned.position < 0) continue;
      const offset = this.#settles === 'after-processing' ? commitOffsetOf(owned) : owned.position;
      if (offset !== owned.committed) offsets.push({ partition, offset, leaderEpoch: owned.epoch });
    }
    return offsets;
  }

  /** What auto-commit commits before partitions are given up. */
  dueByItself(): Offsets {
    return this.#config.autoCommit && this.#settles === 'after-processing' ? this.due() : [];
  }

  /** commitAsync within a poll, when the interval is over: sent and not retried. Source: K67, K69. */
  byInterval(out: Out): void {
    if (!this.#config.autoCommit || this.#settles !== 'after-processing') return;
    if (out.now - this.#lastUs < this.#config.autoCommitUs) return;
    this.#lastUs = out.now;
    const offsets = this.due();
    if (offsets.length > 0 && this.#host.isMember()) this.send(offsets, out, () => undefined);
  }

  /** The rebalance is over, or the membership. */
  resume(out: Out): void {
    this.#commitSettled(out);
  }

  /** commitSync for what was settled: one at a time, what is settled meanwhile goes with the next one. */
  #commitSettled(out: Out): void {
    if (this.#committing || this.#settling.length === 0 || this.#host.isRejoining()) return;
    if (this.#forwarder !== undefined && this.#host.isMember()) return this.#forwardSettled(this.#forwarder, out);
    const settling = this.#settling;
    const offsets = this.due();
    if (!this.#host.isMember()) {
      this.#settling = [];
      for (const delivery of settling) {
        out.fact(F['commit-refused'], 0, delivery.place, out.self, handleOf(delivery).offset + 1, R.fenced);
        this.#host.settled(delivery, false, out);
      }
      return;
    }
    if (offsets.length === 0) {
      this.#settling = [];
      for (const delivery of settling) this.#host.settled(delivery, true, out);
      return;
    }
    this.#committing = true;
    const count = settling.length;
    this.send(offsets, out, (error, later) => {
      if (mayPass(error)) {
        if (error !== 'REQUEST_TIMED_OUT') this.#link.refresh(later);
        later.timer(this.#config.retryBackoffUs, COMMIT);
        return;
      }
      this.#committing = false;
      const done = this.#settling.splice(0, count);
      for (const delivery of done) this.#host.settled(delivery, error === 'NONE', later);
      this.#commitSettled(later);
    });
  }

  /** Writes on what is settled and covered by the offsets to commit, all in one transaction. */
  #forwardSettled(forwarder: KafkaForwarder, out: Out): void {
    const covered = this.#settling.filter((delivery) => {
      const { partition, offset } = handleOf(delivery);
      const owned = this.#owned.get(partition);
      return owned === undefined || offset < commitOffsetOf(owned);
    });
    if (covered.length === 0) return;
    const offsets = this.due();
    for (const { partition, offset } of offsets) (this.#owned.get(partition) as Owned).committed = offset;
    this.#committing = true;
    const inputs = covered.filter((delivery) => !this.#skipped.delete(delivery)).map(({ message }) => message);
    const work: Forwarding = { inputs, offsets, coordinator: this.#coordinator, member: this.#host.member() };
    forwarder.forward(work, out, (error, later) => {
      this.#committing = false;
      this.#settling = this.#settling.filter((delivery) => !covered.includes(delivery));
      if (error !== 'NONE') {
        this.#notCommitted(offsets);
        this.#host.aborted(error, covered, later);
      }
      for (const delivery of covered) this.#host.settled(delivery, error === 'NONE', later);
      this.#commitSettled(later);
    });
  }

  /** Sends one OffsetCommit; `done` hears what became of it, after the host where it was refused. */
  send(offsets: Offsets, out: Out, done: (error: KafkaError, out: Out) => void): void {
    const request: OffsetCommitRequest = {
      type: 'kafka/OffsetCommit',
      id: this.#link.nextId(),
      ...this.#host.member(),
      offsets,
    };
    for (const { partition, offset } of offsets) {
      const owned = this.#owned.get(partition);
      if (owned !== undefined) owned.committed = offset;
    }
    const node = this.#link.leaderOf(this.#coordinator);
    const failed = (error: KafkaError, later: Out): void => {
      this.#notCommitted(offsets);
      this.#host.refused(error, later);
      done(error, later);
    };
    if (node === 0) return failed('NOT_COORDINATOR', out);
    this.#link.ask(node, 'ack', request, 0, out, (answer, later) => {
      const error = answer?.error ?? 'NETWORK_EXCEPTION';
      if (error === 'NONE') done('NONE', later);
      else failed(error, later);
    });
  }

  #notCommitted(offsets: Offsets): void {
    for (const { partition, offset } of offsets) {
      const owned = this.#owned.get(partition);
      if (owned?.committed === offset) owned.committed = -1;
    }
  }
}

/** Errors of a commit that a later try may get past. Source: K69. */
export function mayPass(error: KafkaError): boolean {
  return (
    error === 'NETWORK_EXCEPTION' || error === 'REQUEST_TIMED_OUT' || error === 'STALE_MEMBER_EPOCH' || isStale(error)
  );
}
