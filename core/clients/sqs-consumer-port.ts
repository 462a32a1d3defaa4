/** Consuming from SQS: one receive at a time per queue for as many messages as there is room, and a delete for each that is done, or a batch of them. */
import {
  type BatchResult,
  type ChangeMessageVisibility,
  type DeleteMessage,
  type DeleteMessageBatch,
  SQS_ERRORS as ERROR,
  type Hangup,
  type PlainResult,
  type ReceivedMessage,
  type ReceiveMessage,
  type ReceiveMessageResult,
} from '../brokers/sqs-verbs.ts';
import type { Out, Wire } from '../machine.ts';
import { numberOf } from '../options.ts';
import type { ActorId, Delivery, Micros, PlaceId, Settlement } from '../types.ts';
import { OpenRequests } from './open-requests.ts';
import type { ConsumerHost, ConsumerPort, ConsumerPortSpec } from './ports.ts';
import { type Gathered, Gathering } from './sqs-gathering.ts';

/** A request that settles; beside what the service reads, it keeps what is needed to send it again. */
type Settling = (DeleteMessage | ChangeMessageVisibility) & {
  readonly delivery: Delivery;
  /** Counts the sendings of this request, from 1. */
  readonly sending: number;
};

/** A delete that waits for others to travel with. */
interface Deleting extends DeleteMessage {
  readonly delivery: Delivery;
}

/** Deletes on their way together. */
interface DeletingBatch extends Gathered<Deleting> {
  /** Counts the sendings of this request, from 1. */
  readonly sending: number;
}

/** A queue to receive from. `busy`: a receive is under way, for `asked` messages, or a pause between short polls. */
interface Source {
  readonly queue: string;
  /** Known from the first message on. */
  place: PlaceId;
  busy: boolean;
  asked: number;
}

interface PollTimer extends Wire {
  readonly type: 'sqs/poll';
  readonly source: Source;
}

/** A settling that was refused for now, before it is sent again. */
interface AgainTimer extends Wire {
  readonly type: 'sqs/settle-again';
  readonly settling: Settling;
}

interface BatchAgainTimer extends Wire {
  readonly type: 'sqs/batch-again';
  readonly batch: DeletingBatch;
}

/** The SDK's pause after a first refusal for now; each further one doubles it. Source: AWS SDK, standard retry mode. */
const THROTTLED_US = 100_000;

export class SqsConsumerPort implements ConsumerPort {
  readonly #node: ActorId;
  readonly #host: ConsumerHost;
  readonly #queues: readonly Source[];
  readonly #waitUs: Micros;
  readonly #intervalUs: Micros;
  readonly #max: number;
  readonly #visibilityUs: Micros;
  readonly #timeoutUs: Micros;
  readonly #retries: number;
  readonly #polls = new OpenRequests<Source>('sqs/poll-late');
  readonly #settling = new OpenRequests<Settling>('sqs/settle-late');
  /** Null when each delete goes by itself. */
  readonly #gathering: Gathering<Deleting> | null;
  readonly #batches = new OpenRequests<DeletingBatch>('sqs/batch-late');
  #turn = 0;
  #room = 0;
  #asked = 0;

  constructor(node: ActorId, spec: ConsumerPortSpec, host: ConsumerHost) {
    this.#node = node;
    this.#host = host;
    this.#queues = spec.from.map((queue) => ({ queue, place: 0, busy: false, asked: 0 }));
    this.#waitUs = numberOf(spec.options, 'WaitTimeSeconds', 20_000_000);
    this.#intervalUs = numberOf(spec.options, 'poll-interval', 1_000_000);
    this.#max = numberOf(spec.options, 'MaxNumberOfMessages', 10);
    this.#visibilityUs = numberOf(spec.options, 'VisibilityTimeout', -1);
    this.#timeoutUs = numberOf(spec.options, 'request-timeout', 2_000_000);
    this.#retries = numberOf(spec.options, 'retries', 2);
    const most = numberOf(spec.options, 'maxBatchSize', 1);
    const lingerUs = numberOf(spec.options, 'sendRequestFrequency', 200_000);
    this.#gathering =
      most > 1 ? new Gathering(most, lingerUs, (batch, out) => this.#askBatch({ ...batch, sending: 1 }, out)) : null;
  }

  start(): void {}

  room(messages: number, out: Out): void {
    this.#room = messages;
    // In turns, so that a busy queue does not keep the others from being asked.
    for (let i = 0; i < this.#queues.length && this.#room > this.#asked; i++) {
      const source = this.#queues[this.#turn] as Source;
      this.#turn = this.#turn + 1 < this.#queues.length ? this.#turn + 1 : 0;
      if (!source.busy) this.#poll(source, out);
    }
  }

  settle(delivery: Delivery, how: Settlement, out: Out): void {
    // SQS knows no reject: leaving it lets the visibility timeout run out, and the receive count decides in the end.
    if (how === 'leave' || how === 'reject') return this.#host.settled(delivery, true, out);
    const { message, attempt } = delivery;
    const queue = this.#queueOf(delivery);
    const receipt = receiptOf(delivery);
    if (how === 'ack' && this.#gathering !== null)
      return this.#gathering.add({ type: 'DeleteMessage', queue, token: 0, message, receipt, attempt, delivery }, out);
    const token = this.#settling.next;
    this.#ask(
      how === 'ack'
        ? { type: 'DeleteMessage', queue, token, message, receipt, attempt, delivery, sending: 1 }
        : {
            type: 'ChangeMessageVisibility',
            queue,
            token,
            message,
            receipt,
            timeoutUs: 0,
            delivery,
            sending: 1,
          },
      out,
    );
  }

  extend(delivery: Delivery, forUs: Micros, out: Out): void {
    const request: ChangeMessageVisibility = {
      type: 'ChangeMessageVisibility',
      queue: this.#queueOf(delivery),
      token: 0,
      message: delivery.message,
      receipt: receiptOf(delivery),
      timeoutUs: forUs,
    };
    out.send(this.#node, 'ack', request, delivery.message.id);
  }

  receive(_from: ActorId, wire: Wire, out: Out): void {
    if (wire.type === 'ReceiveMessageResult') this.#received(wire as ReceiveMessageResult, out);
    else if (wire.type === 'PlainResult') {
      const { token, error } = wire as PlainResult;
      const settling = this.#settling.close(token, out);
      if (settling === undefined) return;
      if (error === ERROR.throttled && settling.sending <= this.#retries)
        out.timer(pauseOf(settling.sending), { type: 'sqs/settle-again', settling } as AgainTimer);
      else this.#host.settled(settling.delivery, error === '', out);
    } else if (wire.type === 'BatchResult') this.#batchDone(wire as BatchResult, out);
  }

  timer(wire: Wire, out: Out): void {
    switch (wire.type) {
      case 'sqs/poll':
        (wire as PollTimer).source.busy = false;
        return this.room(this.#room, out);
      case 'sqs/poll-late':
        for (const source of this.#polls.due(out)) this.#free(source);
        return this.room(this.#room, out);
      case 'sqs/settle-late':
        for (const settling of this.#settling.due(out)) {
          if (settling.sending > this.#retries) this.#host.settled(settling.delivery, false, out);
          else this.#askAgain(settling, out);
        }
        return;
      case 'sqs/settle-again':
        return this.#askAgain((wire as AgainTimer).settling, out);
      case 'sqs/batch-again':
        return this.#askBatchAgain((wire as BatchAgainTimer).batch, out);
      case 'sqs/batch-late':
        for (const batch of this.#batches.due(out)) {
          if (batch.sending <= this.#retries) this.#askBatchAgain(batch, out);
          else for (const { request } of batch.entries) this.#host.settled(request.delivery, false, out);
        }
        return;
      default:
        this.#gathering?.timer(wire, out);
    }
  }

  crash(): void {
    this.#polls.clear();
    this.#settling.clear();
    this.#batches.clear();
    this.#gathering?.crash();
    for (const source of this.#queues) {
      source.busy = false;
      source.asked = 0;
    }
    this.#asked = 0;
  }

  /** Shutting down closes the connections, so that no message is handed to a long poll that nobody waits for. */
  stop(out: Out): void {
    this.#gathering?.flush(out);
    const hangup: Hangup = { type: 'Hangup' };
    out.send(this.#node, 'control', hangup);
  }

  #poll(source: Source, out: Out): void {
    const max = Math.min(this.#room - this.#asked, this.#max);
    source.busy = true;
    source.asked = max;
    this.#asked += max;
    const request: ReceiveMessage = {
      type: 'ReceiveMessage',
      queue: source.queue,
      token: this.#polls.open(source, this.#waitUs + this.#timeoutUs, out),
      max,
      waitUs: this.#waitUs,
      visibilityUs: this.#visibilityUs,
    };
    out.send(this.#node, 'control', request);
  }

  #received(result: ReceiveMessageResult, out: Out): void {
    const source = this.#polls.close(result.token, out);
    if (source === undefined) return;
    this.#free(source);
    const { messages } = result;
    const [first] = messages;
    if (first !== undefined) {
      source.place = first.place;
      this.#room -= messages.length;
      this.#host.deliver(messages, out);
    } else if (this.#waitUs === 0 || result.error !== '') {
      source.busy = true;
      out.timer(this.#intervalUs, { type: 'sqs/poll', source } as PollTimer, out.cause);
    }
    this.room(this.#room, out);
  }

  #queueOf({ place }: Delivery): string {
    for (const source of this.#queues) if (source.place === place) return source.queue;
    throw new Error(`invariant: nothing was received from place ${place}`);
  }

  #free(source: Source): void {
    source.busy = false;
    this.#asked -= source.asked;
    source.asked = 0;
  }

  #askBatchAgain(batch: DeletingBatch, out: Out): void {
    this.#askBatch({ ...batch, sending: batch.sending + 1 }, out);
  }

  #askBatch(batch: DeletingBatch, out: Out): void {
    const { queue, entries, sizeBytes } = batch;
    const token = this.#batches.open(batch, this.#timeoutUs, out);
    const request: DeleteMessageBatch = { type: 'DeleteMessageBatch', queue, token, entries, sizeBytes };
    out.send(
      this.#node,
      'ack',
      request,
      entries.map(({ request: one }) => one.message.id),
    );
  }

  /** Each entry succeeded or failed for itself, unless the batch was refused as a whole (S19). */
  #batchDone({ token, error, entries: results }: BatchResult, out: Out): void {
    const batch = this.#batches.close(token, out);
    if (batch === undefined) return;
    if (error === ERROR.throttled && batch.sending <= this.#retries)
      return void out.timer(pauseOf(batch.sending), { type: 'sqs/batch-again', batch } as BatchAgainTimer);
    batch.entries.forEach(({ request }, i) => {
      this.#host.settled(request.delivery, error === '' && results[i]?.result.error === '', out);
    });
  }

  #askAgain(settling: Settling, out: Out): void {
    this.#ask({ ...settling, token: this.#settling.next, sending: settling.sending + 1 }, out);
  }

  #ask(settling: Settling, out: Out): void {
    this.#settling.open(settling, this.#timeoutUs, out);
    out.send(this.#node, 'ack', settling, settling.message.id);
  }
}

/** After the nth sending was refused for now. */
function pauseOf(sending: number): Micros {
  let pause = THROTTLED_US;
  for (let n = 1; n < sending && pause < 20_000_000; n++) pause *= 2;
  return pause;
}

function receiptOf(delivery: Delivery): number {
  return (delivery as ReceivedMessage).handle;
}
