/**
 * A Kafka cluster on a bench, without world or chance: nodes and controller exchange hops that take one millisecond each, tests play the
 * clients by hand, or put real ports beside them. Nodes can crash, lose their disk, be cut off and come back. Facts read as transcript lines.
 */
import { kafka } from '../../../core/brokers/kafka.ts';
import { KafkaCluster } from '../../../core/brokers/kafka-cluster.ts';
import { topicConfig } from '../../../core/brokers/kafka-options.ts';
import type {
  Answer,
  ClientRequest,
  FetchAnswer,
  JoinGroupAnswer,
  OffsetFetchAnswer,
  ProduceAnswer,
} from '../../../core/brokers/kafka-wires.ts';
import type { Cluster } from '../../../core/brokers/kind.ts';
import { FACT_NAMES, REASONS } from '../../../core/facts.ts';
import type { Command, Machine, Out, Setup, Wire } from '../../../core/machine.ts';
import type { OptionValues } from '../../../core/options.ts';
import type { ActorId, Message, Micros } from '../../../core/types.ts';
import { plainMessage } from '../message.ts';

const HOP_US = 1_000;

interface Event {
  readonly id: number;
  readonly atUs: Micros;
  readonly to: ActorId;
  readonly from: ActorId;
  readonly wire: Wire;
  readonly incarnation: number;
  readonly timer: boolean;
}

interface Seat {
  readonly name: string;
  readonly machine: Machine;
  up: boolean;
  incarnation: number;
  /** Hops from and to it are lost. */
  cutOff: boolean;
}

export interface BenchOptions {
  readonly nodes?: number;
  readonly broker?: OptionValues;
  readonly topics?: Readonly<Record<string, OptionValues>>;
}

/** A client played by a test: what it was answered, newest last. */
export class HandClient {
  readonly id: ActorId;
  readonly inbox: Wire[] = [];
  readonly #bench: KafkaBench;
  #requests = 0;

  constructor(id: ActorId, bench: KafkaBench) {
    this.id = id;
    this.#bench = bench;
  }

  /** Sends a request and returns its id. */
  send<R extends ClientRequest>(to: string, request: Omit<R, 'id'>): number {
    const id = ++this.#requests;
    this.#bench.post(this.id, this.#bench.actor(to), { ...request, id } as unknown as Wire);
    return id;
  }

  /** The answer to a request, if there is one by now. */
  answer<A extends Answer>(id: number): A | undefined {
    return this.inbox.find((wire) => (wire as Answer).id === id) as A | undefined;
  }

  /** Sends a request, lets time pass, and returns the answer. */
  ask<A extends Answer>(to: string, request: Omit<ClientRequest, 'id'>, waitUs = 50_000): A | undefined {
    const id = this.send(to, request);
    this.#bench.wait(waitUs);
    return this.answer<A>(id);
  }
}

export class KafkaBench {
  nowUs: Micros = 0;
  readonly cluster: Cluster;
  readonly setup: Setup;
  readonly messages: Message[] = [];
  readonly #seats: (Seat | undefined)[] = [undefined];
  readonly #places: string[] = [''];
  readonly #info: KafkaCluster;
  #events: Event[] = [];
  #eventCount = 0;
  #facts: { readonly name: string; readonly line: string }[] = [];
  #factCount = 0;
  #see: (wire: Wire) => void = () => undefined;

  constructor(options: BenchOptions = {}) {
    this.setup = {
      actor: (name, _kind, machine) => this.#sit(name, machine),
      place: (name) => {
        const known = this.#places.indexOf(name);
        return known > 0 ? known : this.#places.push(name) - 1;
      },
      site: (name) => ({ name }),
      nodesOf: () => [],
    };
    const broker: OptionValues = {
      nodes: options.nodes ?? 3,
      'default.replication.factor': 3,
      'group.initial.rebalance.delay.ms': 0,
      'offsets.topic.num.partitions': 1,
      'transaction.state.log.num.partitions': 1,
      ...options.broker,
    };
    const topics = Object.entries(options.topics ?? { rides: {} });
    const spec = { name: 'broker', options: broker, queues: [], exchanges: [], elsewhere: [] };
    this.cluster = kafka.build(
      { ...spec, topics: topics.map(([name, own]) => ({ name, options: own, bindings: [] })) },
      this.setup,
    );
    // The same table as the cluster's own, to name partitions by number; it declares nothing.
    this.#info = new KafkaCluster(broker, this.setup);
    for (const [name, own] of topics)
      this.#info.addTopic(name, Number(own['partitions'] ?? 1), 3, topicConfig(own, broker));
  }

  /** Index of a partition, as wires carry it. */
  partition(topic: string, number = 0): number {
    return this.#info.partitionsOf(topic)[number] as number;
  }

  /** Index of a group's coordinator, where the group is the first thing with a coordinator that was declared. */
  groupPartition(group: string): number {
    return this.#info.groupPartition(group);
  }

  client(name: string): HandClient {
    const inbox: Wire[] = [];
    const id = this.#sit(name, {
      start() {},
      receive: (_from, wire) => inbox.push(wire),
      timer() {},
      crash() {},
      restart() {},
    });
    const client = new HandClient(id, this);
    (client as { inbox: Wire[] }).inbox = inbox;
    return client;
  }

  /** Starts everybody who sits on the bench, and lets the first fetches settle; the facts of that are forgotten unless wanted. */
  start(wanted = false): this {
    this.#seats.forEach((seat, id) => {
      seat?.machine.start(this.#out(id));
    });
    this.wait(20_000);
    if (!wanted) this.story();
    return this;
  }

  actor(name: string): ActorId {
    const id = this.#seats.findIndex((seat) => seat?.name === name);
    if (id < 0) throw new Error(`nobody on the bench is called ${name}`);
    return id;
  }

  message(fields: Partial<Message> = {}): Message {
    const message = plainMessage(this.messages.length + 1, this.nowUs, fields);
    this.messages.push(message);
    return message;
  }

  /** What a machine on the bench may say now. */
  say(name: string): Out {
    return this.#out(this.actor(name));
  }

  /** Shows every hop that is sent from now on. */
  watch(see: (wire: Wire) => void): void {
    this.#see = see;
  }

  post(from: ActorId, to: ActorId, wire: Wire): void {
    this.#see(wire);
    if (this.#seats[from]?.cutOff || this.#seats[to]?.cutOff) return;
    this.#schedule(HOP_US, to, from, wire, false);
  }

  wait(us: Micros): void {
    const untilUs = this.nowUs + us;
    for (;;) {
      const next = this.#events[0];
      if (next === undefined || next.atUs > untilUs) break;
      this.#events.shift();
      this.nowUs = next.atUs;
      const seat = this.#seats[next.to];
      if (seat === undefined || !seat.up || seat.incarnation !== next.incarnation) continue;
      if (next.timer) seat.machine.timer(next.wire, this.#out(next.to));
      else if (!seat.cutOff) seat.machine.receive(next.from, next.wire, this.#out(next.to));
    }
    this.nowUs = untilUs;
  }

  crash(name: string, losesDisk = false): void {
    const id = this.actor(name);
    const seat = this.#seats[id] as Seat;
    seat.machine.crash(this.#out(id), losesDisk);
    seat.up = false;
    seat.incarnation++;
    this.#seats.forEach((other, peer) => {
      if (other?.up && !seat.cutOff) other.machine.peerLost?.(id, this.#out(peer));
    });
  }

  restart(name: string): void {
    const id = this.actor(name);
    const seat = this.#seats[id] as Seat;
    seat.up = true;
    seat.machine.restart(this.#out(id));
  }

  command(name: string, command: Command): void {
    const id = this.actor(name);
    this.#seats[id]?.machine.command?.(command, this.#out(id));
  }

  cutOff(name: string, cut = true): void {
    (this.#seats[this.actor(name)] as Seat).cutOff = cut;
  }

  /** Facts since the last time, one line each; only of these kinds when any are named. */
  story(...kinds: string[]): string[] {
    const facts = this.#facts.splice(0);
    return facts.filter(({ name }) => kinds.length === 0 || kinds.includes(name)).map(({ line }) => line);
  }

  #sit(name: string, machine: Machine): ActorId {
    return this.#seats.push({ name, machine, up: true, incarnation: 0, cutOff: false }) - 1;
  }

  #schedule(delayUs: Micros, to: ActorId, from: ActorId, wire: Wire, timer: boolean): number {
    const incarnation = this.#seats[to]?.incarnation ?? 0;
    const event = { id: ++this.#eventCount, atUs: this.nowUs + delayUs, to, from, wire, incarnation, timer };
    let at = this.#events.length;
    while (at > 0 && (this.#events[at - 1]?.atUs ?? 0) > event.atUs) at--;
    this.#events.splice(at, 0, event);
    return event.id;
  }

  #out(self: ActorId): Out {
    const bench = this;
    return {
      get now() {
        return bench.nowUs;
      },
      self,
      cause: 0,
      connection: 0,
      fact(kind, message, place = 0, peer = 0, value = 0, detail = 0) {
        bench.#note(self, kind, message, place, peer, value, detail);
        return ++bench.#factCount;
      },
      send: (to, _hop, wire) => bench.post(self, to, wire),
      work: (delayUs, wire) => bench.#schedule(delayUs, self, 0, wire, true),
      timer: (delayUs, wire) => bench.#schedule(delayUs, self, 0, wire, true),
      cancel(timer) {
        bench.#events = bench.#events.filter(({ id }) => id !== timer);
      },
      alarm(alarm, delayUs, wire) {
        this.cancel(alarm);
        return this.timer(delayUs, wire);
      },
      silence(alarm) {
        this.cancel(alarm);
      },
      choose: () => 0,
      produce: (draft) => bench.message(draft),
      crash() {},
    };
  }

  #note(
    self: ActorId,
    kind: number,
    message: number,
    place: number,
    peer: ActorId,
    value: number,
    detail: number,
  ): void {
    const name = FACT_NAMES[kind] ?? '';
    const words = [this.#seats[self]?.name ?? '', name];
    if (message > 0) words.push(`m${message}`);
    if (place > 0) words.push(this.#places[place] ?? '');
    if (peer > 0) words.push(`→ ${this.#seats[peer]?.name}`);
    if (
      [
        'appended',
        'committed',
        'commit-refused',
        'truncated',
        'watermark-moved',
        'diverged',
        'sought',
        'offset-expired',
      ].includes(name)
    )
      words.push(`@${value}`);
    if (['elected', 'rebalanced'].includes(name)) words.push(`#${value}`);
    if (['rejected', 'commit-refused', 'ack-refused', 'evicted', 'lost', 'left', 'rebalance-begun'].includes(name))
      words.push(`(${REASONS[detail]})`);
    if (name === 'delivered' && detail > 1) words.push(`attempt ${detail}`);
    this.#facts.push({ name, line: words.join(' ') });
  }
}

/** A Produce request with one batch. `sequence` makes it idempotent. */
export function produce(
  bench: KafkaBench,
  messages: readonly Message[],
  options: {
    acks?: -1 | 0 | 1;
    topic?: string;
    producerId?: number;
    epoch?: number;
    sequence?: number;
    transactional?: boolean;
  } = {},
): Omit<ClientRequest, 'id'> {
  return {
    type: 'kafka/Produce',
    acks: options.acks ?? -1,
    timeoutUs: 30_000_000,
    sizeBytes: 100,
    batches: [
      {
        partition: bench.partition(options.topic ?? 'rides'),
        batch: {
          producerId: options.producerId ?? -1,
          epoch: options.epoch ?? 0,
          firstSequence: options.sequence ?? 0,
          transactional: options.transactional ?? false,
          records: messages.map((message) => ({
            key: message.key,
            value: message,
            timestampUs: message.producedAtUs,
            sizeBytes: 100,
          })),
        },
      },
    ],
  } as Omit<ClientRequest, 'id'>;
}

/** A Fetch of one partition that does not wait. */
export function fetch(
  bench: KafkaBench,
  offset: number,
  isolation: 'read_uncommitted' | 'read_committed' = 'read_uncommitted',
  maxWaitUs = 0,
): Omit<ClientRequest, 'id'> {
  return {
    type: 'kafka/Fetch',
    isolation,
    maxWaitUs,
    minBytes: 1,
    partitionBytes: 1_000_000,
    maxRecords: 500,
    group: bench.setup.place('billing', 'group'),
    partitions: [{ partition: bench.partition('rides'), offset }],
  } as Omit<ClientRequest, 'id'>;
}

/** Ids of the messages in a Fetch answer. */
export function read(answer: FetchAnswer | undefined): number[] {
  return (answer?.partitions ?? []).flatMap(({ records }) => records.map(({ value }) => (value as Message).id));
}

export type { Answer, FetchAnswer, JoinGroupAnswer, OffsetFetchAnswer, ProduceAnswer };
