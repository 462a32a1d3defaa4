/**
 * The producer within a Pulsar consumer that publishes dead letters, retry letters and what it makes of its messages in transactions, one at a time and
 * unbatched, and tells when each is stored. It knows neither when a message is dead nor what becomes of the original. Source: P43–P48, P66.
 */
import type { DeadLetter, Send, ServerCommand, TopicNumber } from '../brokers/pulsar-wires.ts';
import type { Out } from '../machine.ts';
import { Fifo } from '../parts/fifo.ts';
import type { Properties } from '../parts/managed-ledger.ts';
import type { Message, Micros } from '../types.ts';
import type { PulsarClient, Session } from './pulsar-link.ts';

interface Letter {
  readonly message: Message;
  readonly properties: Properties | null;
  readonly deliverAtUs: Micros;
  readonly dead: DeadLetter | null;
  /** '' outside of a transaction. */
  readonly txn: string;
}

interface Pending extends Letter {
  readonly stored: (out: Out) => void;
  readonly sequence: number;
}

/** Where letters of one kind go. */
export class PulsarLetters {
  readonly topic: TopicNumber;
  readonly #client: PulsarClient;
  readonly #initialSubscription: string;
  readonly #pending = new Fifo<Pending>();
  #session: Session | null = null;
  #sequence = 0;
  #epoch = 0;
  /** As the broker gave it: what is sent again over another connection comes from the same producer (P13, P60). */
  #name = '';

  constructor(client: PulsarClient, topic: TopicNumber, initialSubscription: string) {
    this.#client = client;
    this.topic = topic;
    this.#initialSubscription = initialSubscription;
  }

  /** Publishes; `stored` is called once the broker has it. The session is opened with the first letter, under this id. */
  publish(id: number, letter: Letter, stored: (out: Out) => void, out: Out): void {
    const pending: Pending = { ...letter, stored, sequence: this.#sequence++ };
    this.#pending.push(pending);
    this.#session ??= this.#client.add(id, this.topic, out);
    if (this.#session.state === 'ready') this.#send(pending, out);
  }

  /** Nobody wants to know any more what becomes of what is not stored yet. */
  drop(): void {
    this.#pending.clear();
  }

  isOf(session: Session): boolean {
    return session === this.#session;
  }

  open(session: Session, out: Out): void {
    this.#epoch++;
    this.#client.say(
      session,
      {
        type: 'Producer',
        producerId: session.id,
        topic: this.topic,
        name: this.#name,
        accessMode: 'Shared',
        epoch: this.#epoch,
        initialSubscription: this.#initialSubscription,
        topicEpoch: -1,
      },
      'control',
      out,
    );
  }

  said(session: Session, command: ServerCommand, out: Out): void {
    switch (command.type) {
      case 'ProducerSuccess': {
        this.#client.ready(session);
        this.#name = command.name;
        for (let left = this.#pending.size; left > 0; left--) {
          const letter = this.#pending.shift() as Pending;
          this.#pending.push(letter);
          this.#send(letter, out);
        }
        return;
      }
      case 'SendReceipt': {
        const first = this.#pending.first;
        if (first === undefined || first.sequence !== command.sequence) return;
        this.#pending.shift();
        return first.stored(out);
      }
      case 'ProducerError':
      case 'CloseProducer':
        return this.#client.retry(session, out);
      case 'SendError':
        if (session.state === 'ready') this.#client.retry(session, out);
        return;
      default:
        return;
    }
  }

  crash(): void {
    this.#pending.clear();
    this.#session = null;
    this.#name = '';
  }

  #send({ message, properties, deliverAtUs, dead, txn, sequence }: Pending, out: Out): void {
    if (this.#session === null) return;
    const send: Send = {
      type: 'Send',
      producerId: this.#session.id,
      sequence,
      messages: [message],
      properties,
      key: message.key,
      sizeBytes: message.sizeBytes,
      deliverAtUs,
      txn,
      dead,
    };
    this.#client.say(this.#session, send, 'request', out, message.id);
  }
}
