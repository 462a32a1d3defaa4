/**
 * The producer within a Pulsar consumer that publishes dead letters and retry letters, one at a time and unbatched, and tells when each is stored. It knows
 * neither when a message is dead nor what becomes of the original. Source: P43–P48.
 */
import type { PulsarCluster } from '../brokers/pulsar-cluster.ts';
import type { DeadLetter, Send, ServerCommand, TopicNumber } from '../brokers/pulsar-wires.ts';
import type { Out } from '../machine.ts';
import { Fifo } from '../parts/fifo.ts';
import type { Properties } from '../parts/managed-ledger.ts';
import type { Message, Micros } from '../types.ts';
import type { PulsarClient, Session } from './pulsar-link.ts';

interface Letter {
  readonly message: Message;
  readonly properties: Properties;
  readonly deliverAtUs: Micros;
  readonly dead: DeadLetter | null;
  readonly stored: (out: Out) => void;
  readonly sequence: number;
}

/** Where letters of one kind go. */
export class PulsarLetters {
  readonly topic: TopicNumber;
  readonly #client: PulsarClient;
  readonly #initialSubscription: string;
  readonly #pending = new Fifo<Letter>();
  #session: Session | null = null;
  #sequence = 0;
  #epoch = 0;

  constructor(client: PulsarClient, cluster: PulsarCluster, topic: string, initialSubscription: string) {
    this.#client = client;
    this.topic = cluster.partitionsOf(topic)[0] ?? 0;
    this.#initialSubscription = initialSubscription;
  }

  /** Publishes; `stored` is called once the broker has it. The session is opened with the first letter, under this id. */
  publish(
    id: number,
    message: Message,
    properties: Properties,
    deliverAtUs: Micros,
    dead: DeadLetter | null,
    stored: (out: Out) => void,
    out: Out,
  ): void {
    const letter: Letter = { message, properties, deliverAtUs, dead, stored, sequence: this.#sequence++ };
    this.#pending.push(letter);
    this.#session ??= this.#client.add(id, this.topic, out);
    if (this.#session.state === 'ready') this.#send(letter, out);
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
        name: '',
        accessMode: 'Shared',
        epoch: this.#epoch,
        initialSubscription: this.#initialSubscription,
      },
      'control',
      out,
    );
  }

  said(session: Session, command: ServerCommand, out: Out): void {
    switch (command.type) {
      case 'ProducerSuccess': {
        this.#client.ready(session);
        for (let left = this.#pending.size; left > 0; left--) {
          const letter = this.#pending.shift() as Letter;
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
  }

  #send({ message, properties, deliverAtUs, dead, sequence }: Letter, out: Out): void {
    if (this.#session === null) return;
    const send: Send = {
      type: 'Send',
      connection: 0,
      frame: 0,
      producerId: this.#session.id,
      sequence,
      messages: [message],
      properties,
      key: message.key,
      sizeBytes: message.sizeBytes,
      deliverAtUs,
      txn: '',
      dead,
    };
    this.#client.say(this.#session, send, 'request', out, message.id);
  }
}
