/**
 * One Kafka node with real clients on a bench: consumers with the whole client's half (group, positions, commits, transactions), and a hand that writes, commits as
 * a tool does, and looks. The log is `log`, what is written on goes to `results`; each has one partition.
 */
import { KafkaCluster, type PartitionIndex } from '../../core/brokers/kafka-cluster.ts';
import { KafkaNode } from '../../core/brokers/kafka-node.ts';
import { topicConfig } from '../../core/brokers/kafka-options.ts';
import type {
  Answer,
  FetchAnswer,
  FetchRequest,
  OffsetCommitRequest,
  ProduceRequest,
} from '../../core/brokers/kafka-wires.ts';
import { KafkaConsumerPort } from '../../core/clients/kafka-consumer-port.ts';
import { handleOf } from '../../core/clients/kafka-owned.ts';
import type { ConsumerHost } from '../../core/clients/ports.ts';
import type { Out, Wire } from '../../core/machine.ts';
import type { OptionValues } from '../../core/options.ts';
import type { ActorId, Delivery } from '../../core/types.ts';
import { Bench } from './bench.ts';

const GROUP = 'readers';
const SECOND_US = 1_000_000;
const RECORD_BYTES = 100;
const MANY = 1_000_000;

const BROKER: OptionValues = {
  nodes: 1,
  'group.initial.rebalance.delay.ms': 0,
  'offsets.topic.num.partitions': 1,
  'transaction.state.log.num.partitions': 1,
};

type Committer = Pick<OffsetCommitRequest, 'group' | 'memberId' | 'instanceId' | 'generation'>;

export class KafkaLab extends Bench {
  readonly cluster: KafkaCluster;
  /** A kind of request that does not arrive for now. */
  lost = '';
  readonly #node: ActorId;
  readonly #hand: ActorId;
  readonly #inbox: Answer[] = [];
  #requests = 0;
  #end = 0;
  #lastCommit: OffsetCommitRequest | undefined;

  constructor() {
    super();
    this.cluster = new KafkaCluster(BROKER, this.setup);
    for (const topic of ['log', 'results']) this.cluster.addTopic(topic, 1, 1, topicConfig({}, BROKER));
    this.cluster.groupPartition(GROUP);
    const node = new KafkaNode(this.cluster, 1);
    this.#node = this.add(node);
    this.cluster.nodes.push(this.#node);
    this.#hand = this.add({ receive: (_from, wire) => void this.#inbox.push(wire as Answer), timer: () => undefined });
    node.start(this.out(this.#node));
    this.settle();
  }

  override carries(wire: Wire): boolean {
    if (wire.type === this.lost) return false;
    if (wire.type === 'kafka/OffsetCommit') this.#lastCommit = wire as OffsetCommitRequest;
    return true;
  }

  /** Lets so many seconds pass. */
  wait(seconds: number): void {
    this.advanceTo(this.nowUs + seconds * SECOND_US);
  }

  /** Writes to the log until it ends at this offset; the key of each record is its offset. */
  fill(end: number): void {
    for (; this.#end < end; this.#end++) {
      const value = this.message(String(this.#end), RECORD_BYTES);
      const record = { key: value.key, value, timestampUs: this.nowUs, sizeBytes: RECORD_BYTES };
      const plain = { producerId: -1, epoch: -1, firstSequence: -1, transactional: false };
      const request: Omit<ProduceRequest, 'id'> = {
        type: 'kafka/Produce',
        acks: -1,
        timeoutUs: SECOND_US,
        batches: [{ partition: this.#partition('log'), batch: { ...plain, records: [record] } }],
        sizeBytes: RECORD_BYTES,
      };
      this.#ask(request);
    }
  }

  /** Commits for a group without members. */
  commit(offset: number): void {
    this.#commitAs({ group: GROUP, memberId: '', instanceId: undefined, generation: -1 }, offset);
  }

  /** A member's older commit comes late, behind its newest. False when it has not committed anything. Source: K69. */
  commitLate(offset: number): boolean {
    if (this.#lastCommit === undefined) return false;
    this.#commitAs(this.#lastCommit, offset);
    return true;
  }

  #commitAs({ group, memberId, instanceId, generation }: Committer, offset: number): void {
    const request: Omit<OffsetCommitRequest, 'id'> = {
      type: 'kafka/OffsetCommit',
      group,
      memberId,
      instanceId,
      generation,
      offsets: [{ partition: this.#partition('log'), offset }],
    };
    this.#ask(request);
  }

  /** Offsets of the log whose results anybody may see. Source: K46. */
  results(): number[] {
    const request: Omit<FetchRequest, 'id'> = {
      type: 'kafka/Fetch',
      isolation: 'read_committed',
      maxWaitUs: 0,
      minBytes: 1,
      partitionBytes: MANY,
      maxRecords: MANY,
      group: 0,
      partitions: [{ partition: this.#partition('results'), offset: 0 }],
    };
    const { partitions } = this.#ask(request) as FetchAnswer & Answer;
    return partitions.flatMap(({ records }) => records.map(({ key }) => Number(key)));
  }

  #partition(topic: string): PartitionIndex {
    return this.cluster.partitionsOf(topic)[0] as PartitionIndex;
  }

  #ask(request: Omit<OffsetCommitRequest | ProduceRequest | FetchRequest, 'id'>): Answer {
    const id = ++this.#requests;
    const wire: Wire & { readonly id: number } = { ...request, id };
    this.out(this.#hand).send(this.#node, 'control', wire);
    this.settle();
    const answer = this.#inbox.find((one) => one.id === id);
    if (answer === undefined) throw new Error(`${request.type} was not answered`);
    return answer;
  }
}

/** A consumer as an application has it: it polls, and says which records it is done with. */
export class LabReader implements ConsumerHost {
  readonly id: ActorId;
  readonly #lab: KafkaLab;
  readonly #port: KafkaConsumerPort;
  #got: Delivery[] = [];
  /** Handed over, and not said to be done. */
  #open: Delivery[] = [];
  readonly #forwards: boolean;

  constructor(lab: KafkaLab, name: string, options: OptionValues) {
    this.#lab = lab;
    this.#forwards = options['forward.to'] !== undefined;
    this.#port = new KafkaConsumerPort(
      {
        name,
        declared: 'reader',
        instance: 1,
        options: { 'auto.offset.reset': 'earliest', ...options },
        from: ['log'],
        group: GROUP,
        settle: 'after-processing',
        prefetch: 1,
      },
      this,
      lab.cluster,
      lab.setup,
    );
    this.id = lab.add(this.#port);
    this.#port.start(lab.out(this.id));
    lab.settle();
  }

  /** Comes back for more, and returns the offsets of what it gets. */
  poll(): number[] {
    this.#lab.wait(1);
    this.#port.room(1, this.#lab.out(this.id));
    this.#lab.wait(1);
    const got = this.#got.splice(0);
    this.#open.push(...got);
    return got.map((one) => handleOf(one).offset);
  }

  /** Is done with everything below this offset. What is written on goes into one transaction: the last to be done is the first record. */
  done(below: number): void {
    const done = this.#open.filter((one) => handleOf(one).offset < below);
    this.#open = this.#open.filter((one) => !done.includes(one));
    if (this.#forwards) done.reverse();
    const out = this.#lab.out(this.id);
    for (const delivery of done) this.#port.settle(delivery, 'ack', out);
    this.#lab.wait(1);
  }

  seek(offset: number): void {
    this.#port.command({ type: 'seek', group: GROUP, to: { offset } }, this.#lab.out(this.id));
    this.#lab.wait(1);
  }

  deliver(deliveries: readonly Delivery[], _out: Out): void {
    this.#got.push(...deliveries);
  }

  settled(): void {}

  /** What it had in hand is not its own any more, or is read again. */
  revoked(): void {
    this.#open = [];
  }

  disconnected(): void {}
}
