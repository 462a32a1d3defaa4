/**
 * The producing half of a Pulsar consumer that reads, works and writes on in transactions: for each message that was worked on it publishes one, and acks the
 * input, within one transaction, so that both count or neither. It does one transaction at a time, for all that got done while the one before
 * was ending: newTransaction, newMessage(txn) and acknowledge(id, txn), and when all of these are answered, commit. What goes wrong meanwhile aborts
 * it; so does its time (P65, P68). The acks themselves are the port's. Source: P64–P68.
 */
import type { PulsarCluster } from '../brokers/pulsar-cluster.ts';
import type { PulsarError, ServerCommand, TopicNumber, TxnResponse } from '../brokers/pulsar-wires.ts';
import { F, R } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import { javaStringHash } from '../parts/murmur2.ts';
import type { Delivery, FactId, Message, Micros } from '../types.ts';
import { PulsarLetters } from './pulsar-letters.ts';
import type { PulsarClient, Session } from './pulsar-link.ts';

/** An ack that was asked for within the transaction; 0 for one that could not be sent. */
export interface AskedAck {
  readonly request: number;
  readonly deliveries: readonly Delivery[];
}

export interface ForwarderHost {
  /** Whether the message comes again anyway, so that nothing is to be made of this delivery. */
  isStale(delivery: Delivery): boolean;
  /** Whether both are the same message of the same entry, handed out once more after a connection was lost. */
  isSame(one: Delivery, other: Delivery): boolean;
  ackInTxn(deliveries: readonly Delivery[], txn: string, out: Out): readonly AskedAck[];
  /** The deliveries are done with: settled, or stale. */
  done(deliveries: readonly Delivery[], out: Out): void;
  /** The transaction was aborted. What it had announced comes again by itself, the `unannounced` do not. */
  aborted(deliveries: readonly Delivery[], unannounced: readonly Delivery[], out: Out): void;
}

interface Input {
  readonly delivery: Delivery;
  /** What says that the work on it is done. */
  readonly cause: FactId;
}

type ForwardTimer =
  | { readonly type: 'pulsar/forward-ask'; readonly request: number }
  | { readonly type: 'pulsar/forward-late'; readonly round: number };

/** A request to the coordinator is repeated after this long; while there is no connection to it, after the other. */
const ASK_AGAIN_US: Micros = 5_000_000;
const RECONNECT_US: Micros = 100_000;
/** Session id of the producer on the first partition. */
const FIRST_SESSION = 1_000_011;

export class PulsarForwarder {
  readonly #client: PulsarClient;
  readonly #cluster: PulsarCluster;
  readonly #host: ForwarderHost;
  readonly #timeoutUs: Micros;
  /** One for each partition. */
  readonly #producers: readonly PulsarLetters[];
  #waiting: Input[] = [];
  /** Those of the present transaction. */
  #inputs: Input[] = [];
  #outputs: { readonly message: Message; readonly topic: TopicNumber }[] = [];
  #unstored = 0;
  readonly #asked = new Map<number, readonly Delivery[]>();
  #unannounced: Delivery[] = [];
  #txn = '';
  #phase: 'none' | 'beginning' | 'open' | 'ending' = 'none';
  #commit = true;
  /** Both go on over restarts of the process: the coordinator may know the former one's. */
  #request = 0;
  #round = 0;
  #turn = 0;

  constructor(client: PulsarClient, cluster: PulsarCluster, to: string, timeoutUs: Micros, host: ForwarderHost) {
    this.#client = client;
    this.#cluster = cluster;
    this.#host = host;
    this.#timeoutUs = timeoutUs;
    this.#producers = cluster.partitionsOf(to).map((topic) => new PulsarLetters(client, topic, ''));
  }

  /** What is open ends by its timeout (P68). */
  crash(): void {
    for (const producer of this.#producers) producer.crash();
    this.#waiting = [];
    this.#forget();
    this.#phase = 'none';
    this.#round++;
  }

  /** The application is done with a delivery, as `cause` says. */
  push(delivery: Delivery, cause: FactId, out: Out): void {
    this.#waiting.push({ delivery, cause });
    this.#begin(out);
  }

  /** Its producer on the topic of a session; undefined for sessions of others. */
  producerOf(session: Session): PulsarLetters | undefined {
    return this.#producers.find((producer) => producer.isOf(session));
  }

  timer(wire: Wire, out: Out): boolean {
    const timer = wire as ForwardTimer;
    switch (timer.type) {
      case 'pulsar/forward-ask':
        if (timer.request === this.#request && (this.#phase === 'beginning' || this.#phase === 'ending'))
          this.#ask(out);
        return true;
      case 'pulsar/forward-late':
        if (timer.round === this.#round) this.#fail(out);
        return true;
      default:
        return false;
    }
  }

  heard(command: ServerCommand, out: Out): void {
    if (command.type !== 'TxnResponse' || command.request !== this.#request) return;
    if (this.#phase === 'beginning') this.#begun(command, out);
    else if (this.#phase === 'ending') this.#ended(command.error, out);
  }

  /** An ack within the transaction was answered; false when it was none of them. */
  acked(request: number, error: PulsarError | '', out: Out): boolean {
    const deliveries = this.#asked.get(request);
    if (deliveries === undefined) return false;
    this.#asked.delete(request);
    if (error === '') this.#endIfDone(out);
    else {
      this.#unannounced.push(...deliveries);
      this.#fail(out);
    }
    return true;
  }

  /** The session that some deliveries came by is gone: whether their acks were announced is not known, and the broker hands them out again. */
  lost(isConcerned: (delivery: Delivery) => boolean, out: Out): void {
    let unanswered = false;
    for (const [request, deliveries] of this.#asked) {
      if (!deliveries.some(isConcerned)) continue;
      this.#asked.delete(request);
      unanswered = true;
    }
    if (unanswered) this.#fail(out);
  }

  #begin(out: Out): void {
    if (this.#phase !== 'none' || this.#waiting.length === 0) return;
    this.#phase = 'beginning';
    this.#request++;
    this.#ask(out);
  }

  #begun({ txn, error }: TxnResponse, out: Out): void {
    // Without a coordinator there is nothing to be done but to ask again.
    if (error !== '') return;
    this.#txn = txn;
    this.#phase = 'open';
    this.#round++;
    out.fact(F['txn-begun'], 0);
    const timer: ForwardTimer = { type: 'pulsar/forward-late', round: this.#round };
    out.timer(this.#timeoutUs, timer, 0);
    const stale: Delivery[] = [];
    for (const input of this.#waiting) {
      const { delivery } = input;
      const known = this.#inputs.some((other) => this.#host.isSame(other.delivery, delivery));
      if (known || this.#host.isStale(delivery)) stale.push(delivery);
      else this.#inputs.push(input);
    }
    this.#waiting = [];
    // Counts one more until all is said, so that no answer ends it too early.
    this.#unstored = 1;
    for (const { delivery, cause } of this.#inputs) this.#write(delivery.message, cause, out);
    const deliveries = this.#inputs.map(({ delivery }) => delivery);
    let failed = false;
    for (const { request, deliveries: some } of this.#host.ackInTxn(deliveries, txn, out)) {
      if (request > 0) this.#asked.set(request, some);
      else failed = true;
    }
    this.#unstored--;
    if (stale.length > 0) this.#host.done(stale, out);
    if (failed) this.#fail(out);
    else this.#endIfDone(out);
  }

  #write({ key, routingKey, attributes, amount, sizeBytes, poison }: Message, cause: FactId, out: Out): void {
    const message = out.produce({ key, routingKey, attributes, amount, sizeBytes, poison }, cause);
    const count = this.#producers.length;
    const at = count === 1 ? 0 : (key === null ? this.#turn++ : javaStringHash(key) & 0x7fffffff) % count;
    const producer = this.#producers[at];
    // A process that dies in this very step makes nothing.
    if (producer === undefined || message.id === 0) return;
    this.#outputs.push({ message, topic: producer.topic });
    this.#unstored++;
    const round = this.#round;
    const stored = (voice: Out): void => {
      if (round !== this.#round) return;
      this.#unstored--;
      this.#endIfDone(voice);
    };
    const letter = { message, properties: null, deliverAtUs: 0, dead: null, txn: this.#txn };
    producer.publish(FIRST_SESSION + at, letter, stored, out);
  }

  #endIfDone(out: Out): void {
    if (this.#unstored === 0 && this.#asked.size === 0) this.#end(true, out);
  }

  #fail(out: Out): void {
    this.#end(false, out);
  }

  #end(commit: boolean, out: Out): void {
    if (this.#phase !== 'open') return;
    this.#phase = 'ending';
    this.#commit = commit;
    this.#request++;
    this.#ask(out);
  }

  /** The coordinator has the last word: it may have aborted by its timeout what was to be committed. */
  #ended(error: PulsarError | '', out: Out): void {
    const committed = this.#commit && error === '';
    const deliveries = this.#inputs.map(({ delivery }) => delivery);
    // An ack that is not answered yet may come too late to be announced.
    const unannounced = [...this.#unannounced, ...[...this.#asked.values()].flat()];
    for (const { message, topic } of this.#outputs) {
      if (committed) out.fact(F.confirmed, message.id, this.#cluster.topic(topic).place);
      else out.fact(F['gave-up'], message.id, 0, 0, 1, R['transaction aborted']);
    }
    for (const producer of this.#producers) producer.drop();
    this.#forget();
    this.#phase = 'none';
    this.#round++;
    if (committed) this.#host.done(deliveries, out);
    else this.#host.aborted(deliveries, unannounced, out);
    this.#begin(out);
  }

  #forget(): void {
    this.#inputs = [];
    this.#outputs = [];
    this.#unstored = 0;
    this.#asked.clear();
    this.#unannounced = [];
    this.#txn = '';
  }

  #ask(out: Out): void {
    const request = this.#request;
    const coordinator = this.#cluster.nodes[0] ?? 0;
    const txn = this.#txn;
    if (this.#phase === 'beginning')
      this.#client.sayTo(coordinator, { type: 'NewTxn', request, timeoutUs: this.#timeoutUs }, 'request', out);
    else this.#client.sayTo(coordinator, { type: 'EndTxn', request, txn, commit: this.#commit }, 'request', out);
    const timer: ForwardTimer = { type: 'pulsar/forward-ask', request };
    out.timer(this.#client.isOpen(coordinator) ? ASK_AGAIN_US : RECONNECT_US, timer, 0);
  }
}
