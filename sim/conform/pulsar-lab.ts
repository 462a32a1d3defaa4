/**
 * A Pulsar broker with its clients on one bench: the broker's machine, consumers with the whole client's half (prefetch, negative acks, dead letters), and a
 * producer whose sequence ids can be chosen.
 */
import { PulsarCluster } from '../../core/brokers/pulsar-cluster.ts';
import { PulsarNode } from '../../core/brokers/pulsar-node.ts';
import type { PulsarTopic } from '../../core/brokers/pulsar-topic.ts';
import type { PulsarError, Send, ServerCommand } from '../../core/brokers/pulsar-wires.ts';
import type { ConsumerHost } from '../../core/clients/ports.ts';
import { letterTopics, PulsarConsumerPort, subscriptionOf } from '../../core/clients/pulsar-consumer-port.ts';
import { PulsarClient, type Session, type SessionHost } from '../../core/clients/pulsar-link.ts';
import type { Out } from '../../core/machine.ts';
import { booleanOf, type OptionValues } from '../../core/options.ts';
import type { ActorId, Delivery, Message, Micros } from '../../core/types.ts';
import { Bench } from './bench.ts';

const BROKER: ActorId = 1;
const EVERY_MESSAGE = 1_000_000;

export class PulsarLab extends Bench {
  readonly cluster: PulsarCluster;
  readonly node: PulsarNode;

  constructor(options: OptionValues, topics: readonly { readonly name: string; readonly options: OptionValues }[]) {
    super();
    this.cluster = new PulsarCluster(options, this.setup);
    for (const { name, options: own } of topics) {
      const subscriptions = own['subscriptions'];
      this.cluster.addTopic(name, own, Array.isArray(subscriptions) ? subscriptions : []);
    }
    this.node = new PulsarNode(this.cluster, 0);
    this.cluster.nodes.push(this.add(this.node));
    this.node.start(this.out(BROKER));
  }

  /** The broker dies and is up again at once. */
  restartBroker(): void {
    this.node.crash(this.out(BROKER));
    this.endLife(BROKER);
    this.node.restart(this.out(BROKER));
    this.settle();
  }

  /** The topic partition as it is served now. */
  topic(name: string, partition = 0): PulsarTopic {
    const number = this.cluster.partitionsOf(name)[partition] ?? 0;
    const topic = this.node.topic(number);
    if (topic === undefined) throw new Error(`${name} is not served`);
    return topic;
  }
}

/** A consumer as an application has it: it receives when asked, and says what it thinks of a message. */
export class LabConsumer implements ConsumerHost {
  readonly id: ActorId;
  readonly subscription: string;
  readonly port: PulsarConsumerPort;
  error: PulsarError | '' = '';
  readonly #lab: PulsarLab;
  readonly #got: Delivery[] = [];

  constructor(lab: PulsarLab, name: string, topics: readonly string[], group: string, given: OptionValues) {
    const options = { acknowledgmentGroupTime: 0, ...given };
    this.#lab = lab;
    this.subscription = subscriptionOf(options, group);
    for (const topic of topics) {
      lab.cluster.expect(topic, this.subscription);
      if (booleanOf(options, 'enableRetry'))
        lab.cluster.addRetryTopic(letterTopics(topic, this.subscription, options).retry, topic);
    }
    this.port = new PulsarConsumerPort(
      lab.cluster,
      {
        name,
        declared: name,
        instance: 0,
        options,
        from: topics,
        group,
        settle: 'after-processing',
        prefetch: EVERY_MESSAGE,
      },
      this,
    );
    this.port.refused = (error) => {
      this.error = error;
    };
    this.id = lab.add(this.port);
    this.port.start(lab.out(this.id));
    lab.settle();
  }

  /** Takes up to so many messages that have come. */
  receive(most: number): Delivery[] {
    const out = this.#lab.out(this.id);
    this.port.room(most, out);
    this.#lab.settle();
    this.port.room(0, out);
    return this.#got.splice(0);
  }

  /** Says something through the port. */
  say(what: (port: PulsarConsumerPort, out: Out) => void): void {
    what(this.port, this.#lab.out(this.id));
    this.#lab.settle();
  }

  deliver(deliveries: readonly Delivery[]): void {
    this.#got.push(...deliveries);
  }

  settled(): void {}

  revoked(): void {}

  disconnected(): void {}
}

/** What came of a send. */
export interface SendResult {
  error: PulsarError | '';
  /** Said yes to, and not stored again (P60). */
  duplicate: boolean;
  ledgerId: number;
  entryId: number;
  /** Dense position in its topic partition. */
  index: number;
  answered: boolean;
}

/** A producer that sends each message alone, under a sequence id of its own choice. */
export class LabProducer implements SessionHost {
  readonly id: ActorId;
  readonly #lab: PulsarLab;
  readonly #client: PulsarClient;
  readonly #sessions: Session[] = [];
  readonly #name: string;
  readonly #accessMode: 'Shared' | 'Exclusive' | 'WaitForExclusive' | 'ExclusiveWithFencing';
  #next = 0;
  #epoch = 0;
  #topicEpoch = -1;
  readonly #results = new Map<number, SendResult>();
  readonly #txns = new Map<number, { readonly txn: string; readonly error: PulsarError | '' }>();
  #requests = 0;
  error: PulsarError | '' = '';
  isReady = false;

  constructor(lab: PulsarLab, topic: string, name: string, accessMode: LabProducer['mode']) {
    this.#lab = lab;
    this.#name = name;
    this.#accessMode = accessMode;
    this.#client = new PulsarClient(lab.cluster.nodes, 0, this);
    this.id = lab.add({
      receive: (from, wire, out) => this.#client.receive(from, wire, out),
      timer: (wire, out) => void this.#client.timer(wire, out),
      peerLost: (peer, out) => this.#client.peerLost(peer, out),
    });
    const out = lab.out(this.id);
    lab.cluster.partitionsOf(topic).forEach((number, i) => {
      this.#sessions[i + 1] = this.#client.add(i + 1, number, out);
    });
    lab.settle();
  }

  get mode(): 'Shared' | 'Exclusive' | 'WaitForExclusive' | 'ExclusiveWithFencing' {
    return this.#accessMode;
  }

  send(message: Message, how: { sequence: number; partition: number; deliverAtUs: Micros; txn: string }): SendResult {
    const sequence = how.sequence >= 0 ? how.sequence : this.#next;
    this.#next = Math.max(this.#next, sequence + 1);
    const result: SendResult = { error: '', duplicate: false, ledgerId: -1, entryId: -1, index: -1, answered: false };
    this.#results.set(sequence, result);
    const send: Send = {
      type: 'Send',
      producerId: how.partition + 1,
      sequence,
      messages: [message],
      properties: null,
      key: message.key,
      sizeBytes: message.sizeBytes,
      deliverAtUs: how.deliverAtUs,
      txn: how.txn,
      dead: null,
    };
    const session = this.#sessions[how.partition + 1];
    if (session !== undefined) this.#client.say(session, send, 'request', this.#lab.out(this.id));
    this.#lab.settle();
    return result;
  }

  begin(timeoutUs: Micros): string {
    return this.#ask((request) => ({ type: 'NewTxn', request, timeoutUs })).txn;
  }

  end(txn: string, commit: boolean): PulsarError | '' {
    return this.#ask((request) => ({ type: 'EndTxn', request, txn, commit })).error;
  }

  open(session: Session, out: Out): void {
    this.#epoch += 1;
    const { id: producerId, topic } = session;
    const { mode: accessMode } = this;
    this.#client.say(
      session,
      {
        type: 'Producer',
        producerId,
        topic,
        name: this.#name,
        accessMode,
        epoch: this.#epoch,
        initialSubscription: '',
        topicEpoch: this.#topicEpoch,
      },
      'control',
      out,
    );
  }

  closed(): void {
    this.isReady = false;
  }

  said(session: Session, command: ServerCommand, out: Out): void {
    if (command.type === 'ProducerSuccess') {
      this.#client.ready(session);
      this.isReady = true;
      this.#topicEpoch = command.topicEpoch;
      this.error = '';
    } else if (command.type === 'ProducerError') {
      this.error = command.error;
      this.isReady = false;
      if (command.error !== 'ProducerFenced') this.#client.retry(session, out);
    } else if (command.type === 'SendReceipt') {
      const { sequence, ledgerId, entryId, index } = command;
      const result = this.#results.get(sequence);
      if (result !== undefined)
        Object.assign(result, { answered: true, duplicate: ledgerId < 0, ledgerId, entryId, index });
    } else if (command.type === 'SendError') {
      const result = this.#results.get(command.sequence);
      if (result !== undefined) Object.assign(result, { answered: true, error: command.error });
    }
  }

  heard(command: ServerCommand): void {
    if (command.type === 'TxnResponse') this.#txns.set(command.request, command);
  }

  #ask(command: (request: number) => Parameters<PulsarClient['sayTo']>[1]): {
    readonly txn: string;
    readonly error: PulsarError | '';
  } {
    this.#requests += 1;
    this.#client.sayTo(BROKER, command(this.#requests), 'request', this.#lab.out(this.id));
    this.#lab.settle();
    return this.#txns.get(this.#requests) ?? { txn: '', error: 'TransactionCoordinatorNotFound' };
  }
}
