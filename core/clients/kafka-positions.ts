/**
 * Where a Kafka consumer reads on in the partitions that it owns: at what its group has committed, else as `auto.offset.reset` says, or where somebody sends
 * it. It asks the coordinator and the leaders until it knows. When a partition has a new leader it asks that whether its log holds what was read, and goes
 * back to where the two part if not (KIP-320): offsets of a leader that is gone may belong to other records by now. What is fetched is not its affair.
 * A record that the new leader has written itself says enough, and nobody is asked. Source: K9, K24, K70, K72.
 */
import type { PartitionIndex } from '../brokers/kafka-cluster.ts';
import type {
  Answer,
  ListOffsetsAnswer,
  ListOffsetsRequest,
  OffsetFetchAnswer,
  OffsetFetchRequest,
  OffsetForLeaderEpochAnswer,
  OffsetForLeaderEpochRequest,
} from '../brokers/kafka-wires.ts';
import type { Out, SeekTarget, Wire } from '../machine.ts';
import { resetQuery } from '../parts/offset-reset.ts';
import type { OffsetQuery } from '../parts/partition-replica.ts';
import type { ActorId } from '../types.ts';
import type { ConsumerConfig } from './kafka-consumer-config.ts';
import type { KafkaLink } from './kafka-link.ts';
import { beginAt, type Owned, type OwnedPartitions } from './kafka-owned.ts';

export interface PositionsHost {
  /** Whether positions are wanted at the moment; a consumer that joins its group does not know yet of what. */
  wanted(): boolean;
  /** All positions are known. */
  found(out: Out): void;
  /** A position can be given to a partition again, which has none in the meantime. */
  lost(index: PartitionIndex): void;
  /** A new leader's log parts from what was read at `offset`, behind a record of this epoch. */
  diverged(index: PartitionIndex, offset: number, epoch: number, out: Out): void;
  /** A leader has answered, and reading may go on. */
  validated(out: Out): void;
  /** There is no position, and `auto.offset.reset` allows to choose none. */
  impossible(out: Out): void;
  /** Somebody sends it to this offset. */
  sent(index: PartitionIndex, offset: number, out: Out): void;
}

type Offsets = ReadonlyMap<PartitionIndex, number>;

type Asked = OffsetForLeaderEpochRequest['partitions'][number];

const AGAIN: Wire = { type: 'kafka-positions/again' };

export class KafkaPositions {
  readonly #config: ConsumerConfig;
  readonly #group: string;
  readonly #link: KafkaLink;
  readonly #owned: OwnedPartitions;
  readonly #host: PositionsHost;
  readonly #coordinator: PartitionIndex;
  /** The coordinator is asked what is committed. */
  #asking = false;
  /** Somebody did not answer, and will be asked again after a pause. */
  #pausing = false;
  /** Who led when the positions were last compared with the leaders' epochs. */
  #comparedWith: readonly ActorId[] | undefined;

  constructor(config: ConsumerConfig, group: string, link: KafkaLink, owned: OwnedPartitions, host: PositionsHost) {
    this.#config = config;
    this.#group = group;
    this.#link = link;
    this.#owned = owned;
    this.#host = host;
    this.#coordinator = link.cluster.groupPartition(group);
  }

  crash(): void {
    this.#asking = false;
    this.#pausing = false;
    this.#comparedWith = undefined;
  }

  /** True when the timer was its own. */
  timer(wire: Wire, out: Out): boolean {
    if (wire.type !== AGAIN.type) return false;
    this.#pausing = false;
    this.find(out);
    return true;
  }

  /**
   * Finds out where to begin in partitions without a position: the committed offset, else by `auto.offset.reset`. What is committed is not asked again for
   * those that are to be reset: that is what led out of range, or there was nothing. Source: K70; apache/kafka: SubscriptionState.java, AWAIT_RESET.
   */
  find(out: Out): void {
    if (!this.#host.wanted() || this.#pausing) return;
    const missing: PartitionIndex[] = [];
    const due: PartitionIndex[] = [];
    let known = true;
    for (const [index, owned] of this.#owned) {
      if (owned.position >= 0) continue;
      known = false;
      if (owned.reset === 'none') missing.push(index);
      else if (owned.reset === 'due') due.push(index);
    }
    if (known) {
      this.#comparedWith = undefined;
      return this.#host.found(out);
    }
    if (missing.length > 0 && !this.#asking) this.#askCommitted(missing, out);
    if (due.length > 0) this.#askReset(due, out);
  }

  #again(out: Out): void {
    this.#link.refresh(out);
    if (this.#pausing) return;
    this.#pausing = true;
    out.timer(this.#config.retryBackoffUs, AGAIN);
  }

  #askCommitted(partitions: readonly PartitionIndex[], out: Out): void {
    const node = this.#link.leaderOf(this.#coordinator);
    if (node === 0) return this.#again(out);
    this.#asking = true;
    const request: OffsetFetchRequest = {
      type: 'kafka/OffsetFetch',
      id: this.#link.nextId(),
      group: this.#group,
      partitions,
      requireStable: this.#config.isolation === 'read_committed' || this.#config.forwardTo !== '',
    };
    this.#link.ask(node, 'control', request, 0, out, (answer, later) => {
      this.#asking = false;
      this.#committed(answer as (OffsetFetchAnswer & Answer) | undefined, later);
    });
  }

  #committed(answer: OffsetFetchAnswer | undefined, out: Out): void {
    if (answer === undefined || answer.error !== 'NONE') return this.#again(out);
    const unknown: PartitionIndex[] = [];
    for (const { partition, offset, leaderEpoch } of answer.offsets) {
      const owned = this.#owned.get(partition);
      // It was sent elsewhere meanwhile, or has lost the position that it had found.
      if (owned === undefined || owned.position >= 0 || owned.reset !== 'none') continue;
      if (offset < 0) unknown.push(partition);
      else {
        beginAt(owned, offset, leaderEpoch);
        owned.committed = offset;
      }
    }
    if (unknown.length > 0) this.reset(unknown, out);
    else this.find(out);
  }

  /** Chooses by `auto.offset.reset`, as nothing valid is committed or the position is out of range. Source: K70. */
  reset(partitions: readonly PartitionIndex[], out: Out): void {
    for (const index of partitions) {
      const owned = this.#owned.get(index);
      if (owned !== undefined) owned.reset = 'due';
    }
    this.find(out);
  }

  #askReset(partitions: readonly PartitionIndex[], out: Out): void {
    const query = resetQuery(this.#config.reset, out.now);
    if (query === undefined) return this.#host.impossible(out);
    for (const index of partitions) (this.#owned.get(index) as Owned).reset = 'asked';
    this.#list(partitions, query, out, (found, later) => {
      const young = [...found].filter(([, offset]) => offset < 0).map(([partition]) => partition);
      this.#use(found);
      if (young.length === 0) return this.#answered(partitions, later);
      // No record is that young: the end is where to begin.
      this.#list(young, 'latest', later, (ends, last) => {
        this.#use(ends);
        this.#answered(partitions, last);
      });
    });
  }

  #use(found: Offsets): void {
    for (const [partition, offset] of found) {
      const owned = this.#owned.get(partition);
      if (owned?.reset === 'asked' && offset >= 0) beginAt(owned, offset, -1);
    }
  }

  /** The leaders have said what they know. Those that have not are asked again after a pause. */
  #answered(partitions: readonly PartitionIndex[], out: Out): void {
    let due = false;
    for (const index of partitions) {
      const owned = this.#owned.get(index);
      if (owned?.reset !== 'asked') continue;
      owned.reset = 'due';
      due = true;
    }
    if (due) this.#again(out);
    else this.find(out);
  }

  /** Asks the leaders for offsets; `done` gets what they know, -1 where no record is that young, and nothing of those that did not answer. */
  #list(
    partitions: readonly PartitionIndex[],
    query: OffsetQuery,
    out: Out,
    done: (found: Offsets, out: Out) => void,
  ): void {
    const found = new Map<PartitionIndex, number>();
    const byNode = new Map<ActorId, PartitionIndex[]>();
    for (const index of partitions) {
      const node = this.#link.leaderOf(index);
      const mine = byNode.get(node);
      if (mine === undefined) byNode.set(node, [index]);
      else mine.push(index);
    }
    let open = byNode.size;
    const finish = (later: Out): void => {
      open--;
      if (open === 0) done(found, later);
    };
    for (const [node, indexes] of byNode) {
      if (node === 0) {
        finish(out);
        continue;
      }
      const request: ListOffsetsRequest = {
        type: 'kafka/ListOffsets',
        id: this.#link.nextId(),
        isolation: this.#config.isolation,
        queries: indexes.map((partition) => ({ partition, query })),
      };
      this.#link.ask(node, 'control', request, 0, out, (answer, later) => {
        for (const { partition, error, offset } of (answer as ListOffsetsAnswer | undefined)?.offsets ?? []) {
          if (error === 'NONE') found.set(partition, offset);
        }
        finish(later);
      });
    }
  }

  /** Compares the positions with the leaders of now, where these may have changed, and asks who leads anew. Until it has answered nothing is read there. */
  validate(out: Out): void {
    const { leaders } = this.#link;
    if (this.#comparedWith === leaders) return;
    this.#comparedWith = leaders;
    const byNode = new Map<ActorId, Asked[]>();
    for (const [partition, owned] of this.#owned) {
      const node = this.#link.leaderOf(partition);
      const currentLeaderEpoch = this.#link.epochOf(partition);
      if (owned.position < 0 || owned.validating || node === 0 || currentLeaderEpoch <= owned.leaderEpoch) continue;
      const leaderEpoch = owned.fetchEpoch;
      if (leaderEpoch < 0 || leaderEpoch === currentLeaderEpoch) {
        owned.leaderEpoch = currentLeaderEpoch;
        continue;
      }
      owned.validating = true;
      const mine = byNode.get(node);
      if (mine === undefined) byNode.set(node, [{ partition, currentLeaderEpoch, leaderEpoch }]);
      else mine.push({ partition, currentLeaderEpoch, leaderEpoch });
    }
    for (const [node, partitions] of byNode) {
      const request: OffsetForLeaderEpochRequest = {
        type: 'kafka/OffsetForLeaderEpoch',
        id: this.#link.nextId(),
        partitions,
      };
      this.#link.ask(node, 'control', request, 0, out, (answer, later) => {
        this.#validated(partitions, answer as OffsetForLeaderEpochAnswer | undefined, later);
      });
    }
  }

  /** A position was moved: where it waited for a leader, that is asked anew. */
  moved(): void {
    this.#comparedWith = undefined;
  }

  #validated(asked: readonly Asked[], answer: OffsetForLeaderEpochAnswer | undefined, out: Out): void {
    const lost: PartitionIndex[] = [];
    for (const { partition, currentLeaderEpoch, leaderEpoch } of asked) {
      const owned = this.#owned.get(partition);
      // It was sent elsewhere meanwhile, or belongs to somebody else.
      if (owned === undefined || !owned.validating || owned.fetchEpoch !== leaderEpoch) continue;
      owned.validating = false;
      const end = answer?.ends.find((one) => one.partition === partition);
      if (end === undefined || end.error !== 'NONE') {
        // The next answer to who leads brings the next try.
        this.#link.refresh(out);
        continue;
      }
      owned.leaderEpoch = currentLeaderEpoch;
      if (end.endOffset < 0) lost.push(partition);
      else if (end.endOffset < owned.position) this.#host.diverged(partition, end.endOffset, end.leaderEpoch, out);
      else if (end.endOffset < owned.fetchPosition) keepCommon(owned, end.endOffset, end.leaderEpoch);
    }
    if (lost.length === 0) return this.#host.validated(out);
    for (const partition of lost) this.#host.lost(partition);
    this.reset(lost, out);
  }

  /** Moves all positions, as the application or a tool wishes; `done` is called as often as some have been. Source: K72. */
  seek(to: SeekTarget, out: Out, done: (out: Out) => void): void {
    const partitions = [...this.#owned.keys()];
    if (partitions.length === 0) return;
    if ('offset' in to) {
      for (const index of partitions) this.#host.sent(index, to.offset, out);
      return done(out);
    }
    const query: OffsetQuery = 'timeUs' in to ? { timeUs: to.timeUs } : to.end;
    this.#list(partitions, query, out, (found, later) => {
      if (found.size < partitions.length) return this.#again(later);
      const behind: PartitionIndex[] = [];
      for (const [index, offset] of found) {
        if (offset >= 0) this.#host.sent(index, offset, later);
        else behind.push(index);
      }
      // No record is that young: the end is as far as one can go.
      if (behind.length > 0) {
        this.#list(behind, 'latest', later, (ends, last) => {
          for (const [index, offset] of ends) this.#host.sent(index, offset, last);
          done(last);
        });
      }
      done(later);
    });
  }
}

/** Of what was fetched ahead, keeps what the new leader's log has as well. */
function keepCommon(owned: Owned, end: number, epoch: number): void {
  const other = owned.buffered.findIndex(({ record }) => record.offset >= end || record.leaderEpoch > epoch);
  if (other >= 0) owned.buffered.length = other;
  const last = owned.buffered[owned.buffered.length - 1]?.record;
  owned.fetchPosition = last === undefined ? owned.position : last.offset + 1;
  owned.fetchEpoch = last === undefined ? owned.epoch : last.leaderEpoch;
}
