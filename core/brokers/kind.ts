/**
 * What every broker's file exports: a `BrokerKind`. It describes the options (so that the parser, the reference and the app can), says in words
 * what the broker lacks, and builds a running cluster: its node machines, its places, and the ports through which clients speak to it.
 */
import type {
  ConsumerHost,
  ConsumerPort,
  ConsumerPortSpec,
  ProducerHost,
  ProducerPort,
  ProducerPortSpec,
} from '../clients/ports.ts';
import type { Command, Setup } from '../machine.ts';
import type { OptionTable, OptionValues } from '../options.ts';
import type { ActorId } from '../types.ts';

/** One `bindings:` line of a queue or exchange: from which exchange, by which key or headers. */
export interface Binding {
  readonly exchange: string;
  readonly key: string;
  readonly arguments: OptionValues;
}

/** A declared queue, topic, exchange or endpoint, options parsed and defaults filled in. */
export interface Declared {
  readonly name: string;
  readonly options: OptionValues;
  /** For queues and exchanges of an exchange broker; else empty. */
  readonly bindings: readonly Binding[];
}

/**
 * A queue, topic or exchange that another broker of the same scenario has: where a broker that hands on may send. Names are unique across brokers; the
 * nodes to send to are `Setup.nodesOf(broker)`, and what they understand is told by `kind`.
 */
export interface Elsewhere extends Declared {
  readonly section: 'queues' | 'topics' | 'exchanges';
  readonly broker: string;
  readonly kind: string;
}

export interface BrokerSpec {
  /** `broker` when the scenario has a single one. */
  readonly name: string;
  readonly options: OptionValues;
  readonly queues: readonly Declared[];
  readonly topics: readonly Declared[];
  readonly exchanges: readonly Declared[];
  /** What the other brokers of the scenario have. */
  readonly elsewhere: readonly Elsewhere[];
}

/** All that a scenario says to one broker, with producers and consumers by their declared names. */
export interface Configuration extends BrokerSpec {
  readonly producers: readonly { readonly name: string; readonly options: OptionValues }[];
  readonly consumers: readonly {
    readonly name: string;
    readonly options: OptionValues;
    readonly group: string;
    readonly from: readonly string[];
  }[];
}

/** Settings that are each valid and that the broker (or its client) refuses together. `option` is '' when it is about the whole declaration. */
export interface Complaint {
  readonly section: 'queues' | 'topics' | 'exchanges' | 'producers' | 'consumers';
  readonly name: string;
  readonly option: string;
  readonly text: string;
}

/** An option of a queue or a topic that a line of the timeline gives another value. */
export interface Change {
  readonly name: string;
  readonly option: string;
  readonly value: unknown;
  /** What lines at earlier times have given it, in their order. */
  readonly before: readonly unknown[];
  /** Of the queue or topic as it is declared, and of its broker. */
  readonly options: OptionValues;
  readonly brokerOptions: OptionValues;
}

export interface Refusal {
  readonly text: string;
  readonly hint: string;
  /** A value that would do. */
  readonly instead: number;
}

export interface BrokerKind {
  readonly kind: string;
  /** As people write it: `SQS`, `RabbitMQ`. */
  readonly title: string;
  /** One or two sentences: what it is among the others. */
  readonly about: string;
  readonly options: OptionTable;
  /** Options of each thing that can be declared; absent where this broker has no such thing. */
  readonly queues?: OptionTable;
  readonly topics?: OptionTable;
  readonly exchanges?: OptionTable;
  readonly producers: OptionTable;
  readonly consumers: OptionTable;
  /**
   * Options of a queue or a topic that may change while it is in use, here by a `set` line of the timeline; absent where none may. A table is named where it may be given
   * anew as a whole, its fields (`RedrivePolicy.maxReceiveCount`) where each may by itself; `*` stands for any name of a map.
   */
  readonly changeable?: readonly string[];
  /** Why one that may change cannot be given this value, and one that it can be given; null when it can. Absent where any valid value will do. */
  refusesChange?(change: Change): Refusal | null;
  /** Which commands of the timeline its nodes carry out; absent for none of these. */
  readonly commands?: readonly ('redrive' | 'purge' | 'seek' | 'snapshot')[];
  /** Whether a node, by its name, has a disk that may be full (`fill` of the timeline); absent where none has, and `lacks.fill` says why. */
  hasDisk?(node: string): boolean;
  /** What a consumer does with a delivery whose handler failed, unless its `on-failure` says otherwise. */
  readonly defaultOnFailure: 'leave' | 'requeue' | 'reject' | 'skip';
  /** The one way to settle, where there are no acks; absent where the consumer's `settle` says. */
  readonly settles?: 'on-delivery';
  /** By an option's or word's name: what to say when somebody asks it of this broker. */
  readonly lacks: Readonly<Record<string, string>>;
  /** What is simplified, one sentence each; shown to the user. */
  readonly simplifications: readonly string[];
  /** What is refused beyond the limits of single options; absent where all combinations are good. */
  check?(configuration: Configuration): readonly Complaint[];
  /** Names of its node processes; absent: b1, b2, … where it has the option `nodes`, else one that is called like the kind or the broker. */
  nodeNames?(name: string, options: OptionValues): readonly string[];
  build(spec: BrokerSpec, setup: Setup): Cluster;
}

export interface Cluster {
  /** The broker nodes, in the order of their numbers. Empty for the direct call. */
  readonly nodes: readonly ActorId[];
  /** Clients hold one stream connection to a node (AMQP): a lost hop breaks it, and both ends are told by `peerLost`. */
  readonly streams: boolean;
  producerPort(spec: ProducerPortSpec, host: ProducerHost, setup: Setup): ProducerPort;
  consumerPort(spec: ConsumerPortSpec, host: ConsumerHost, setup: Setup): ConsumerPort;
  /** Which nodes a timeline command such as `redrive` or `seek` is handed to. */
  nodesFor(command: Command): readonly ActorId[];
}
