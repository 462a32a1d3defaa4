/**
 * Transactions of a producer: so many messages are published in one, and when all of them are stored it is committed; what is told to the producer is the
 * end of the transaction. If one of them cannot be stored, or the coordinator has ended it by its timeout, all have failed, and no subscription
 * shows them. The sending itself is the port's. Source: P64–P66, P68.
 */
import type { PulsarCluster } from '../brokers/pulsar-cluster.ts';
import type { TxnResponse } from '../brokers/pulsar-wires.ts';
import { F, R } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import { numberOf, type OptionValues } from '../options.ts';
import { Fifo } from '../parts/fifo.ts';
import type { Message, Micros, PlaceId } from '../types.ts';
import type { ProducerHost } from './ports.ts';
import type { PulsarClient } from './pulsar-link.ts';

type SenderTimer =
  | { readonly type: 'pulsar/txn-linger'; readonly round: number }
  | { readonly type: 'pulsar/txn-ask'; readonly request: number };

/** A transaction that does not fill up is committed after this long. */
const LINGER_US: Micros = 1_000_000;
/** A request to the coordinator is repeated after this long. */
const ASK_AGAIN_US: Micros = 5_000_000;

export class PulsarTxnSender {
  readonly #client: PulsarClient;
  readonly #cluster: PulsarCluster;
  readonly #host: ProducerHost;
  readonly #send: (message: Message, txn: string, out: Out) => void;
  readonly #flush: (out: Out) => void;
  readonly #most: number;
  readonly #timeoutUs: Micros;
  /** Messages that wait for a transaction. */
  readonly #waiting = new Fifo<Message>();
  #members: { readonly message: Message; place: PlaceId }[] = [];
  #stored = 0;
  #txn = '';
  #phase: 'none' | 'beginning' | 'open' | 'ending' = 'none';
  #commit = true;
  /** No more messages join. */
  #full = false;
  #request = 0;
  #round = 0;

  /** `send` publishes a message within a transaction; `flush` sends what still gathers. */
  constructor(
    client: PulsarClient,
    cluster: PulsarCluster,
    options: OptionValues,
    host: ProducerHost,
    send: (message: Message, txn: string, out: Out) => void,
    flush: (out: Out) => void,
  ) {
    this.#client = client;
    this.#cluster = cluster;
    this.#host = host;
    this.#send = send;
    this.#flush = flush;
    this.#most = numberOf(options, 'transactionMessages', 10);
    this.#timeoutUs = numberOf(options, 'transactionTimeout', 60_000_000);
  }

  crash(): void {
    this.#waiting.clear();
    this.#members = [];
    this.#stored = 0;
    this.#phase = 'none';
    this.#txn = '';
    this.#round++;
  }

  publish(message: Message, out: Out): void {
    this.#waiting.push(message);
    this.#go(out);
  }

  /** One of the messages is stored. */
  stored(message: Message, place: PlaceId, out: Out): void {
    const member = this.#members.find((one) => one.message === message);
    if (member === undefined) return;
    member.place = place;
    this.#stored++;
    this.#endIfDone(out);
  }

  /** One of the messages could not be stored: none of them counts. */
  failed(out: Out): void {
    if (this.#phase === 'open') this.#end(false, out);
  }

  timer(wire: Wire, out: Out): boolean {
    const timer = wire as SenderTimer;
    if (timer.type === 'pulsar/txn-linger') {
      if (timer.round === this.#round && this.#phase === 'open') {
        this.#full = true;
        this.#flush(out);
        this.#endIfDone(out);
      }
      return true;
    }
    if (timer.type !== 'pulsar/txn-ask') return false;
    if (timer.request === this.#request && (this.#phase === 'beginning' || this.#phase === 'ending')) this.#ask(out);
    return true;
  }

  heard({ request, txn, error }: TxnResponse, out: Out): void {
    if (request !== this.#request) return;
    if (this.#phase === 'beginning') {
      // Without a coordinator there is nothing to be done but to ask again.
      if (error !== '') return;
      this.#txn = txn;
      this.#phase = 'open';
      this.#full = false;
      this.#round++;
      out.fact(F['txn-begun'], 0);
      const timer: SenderTimer = { type: 'pulsar/txn-linger', round: this.#round };
      out.timer(LINGER_US, timer);
      this.#go(out);
    } else if (this.#phase === 'ending') {
      const committed = this.#commit && error === '';
      const members = this.#members;
      this.#members = [];
      this.#stored = 0;
      this.#phase = 'none';
      for (const { message, place } of members) {
        if (committed) this.#host.confirmed(message, place, 0, true, out);
        else this.#host.failed(message, R['transaction aborted'], true, out);
      }
      this.#go(out);
    }
  }

  #go(out: Out): void {
    if (this.#waiting.size === 0) return;
    if (this.#phase === 'none') {
      this.#phase = 'beginning';
      this.#request++;
      this.#ask(out);
    }
    if (this.#phase !== 'open' || this.#full) return;
    while (this.#waiting.size > 0 && this.#members.length < this.#most) {
      const message = this.#waiting.shift() as Message;
      this.#members.push({ message, place: 0 });
      this.#send(message, this.#txn, out);
    }
    if (this.#members.length < this.#most) return;
    this.#full = true;
    this.#flush(out);
    this.#endIfDone(out);
  }

  #endIfDone(out: Out): void {
    if (this.#phase === 'open' && this.#full && this.#stored === this.#members.length) this.#end(true, out);
  }

  #end(commit: boolean, out: Out): void {
    this.#phase = 'ending';
    this.#commit = commit;
    this.#request++;
    this.#ask(out);
  }

  #ask(out: Out): void {
    const request = this.#request;
    const coordinator = this.#cluster.nodes[0] ?? 0;
    if (this.#phase === 'beginning')
      this.#client.sayTo(coordinator, { type: 'NewTxn', request, timeoutUs: this.#timeoutUs }, 'request', out);
    else
      this.#client.sayTo(
        coordinator,
        { type: 'EndTxn', request, txn: this.#txn, commit: this.#commit },
        'request',
        out,
      );
    const timer: SenderTimer = { type: 'pulsar/txn-ask', request };
    out.timer(this.#client.isOpen(coordinator) ? ASK_AGAIN_US : RECONNECT_US, timer, 0);
  }
}

/** While there is no connection to the coordinator it is tried so often. */
const RECONNECT_US: Micros = 100_000;
