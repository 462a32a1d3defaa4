/**
 * Gathers single actions of an SQS client into batches, as the SDK's batch manager does: a batch goes out when it is full, or when its first entry has waited
 * long enough. It knows nothing of answers and retries; these are the port's. Source: S19.
 */
import { BATCH_BYTES_MAX, type DeleteMessage, type SendMessage } from '../brokers/sqs-verbs.ts';
import type { Out, Wire } from '../machine.ts';
import type { OptionTable } from '../options.ts';
import type { Micros, TimerId } from '../types.ts';

/** What may be gathered. */
type Single = SendMessage | DeleteMessage;

/** A batch before it has a token: the entries of one queue, in the order in which they came. */
export interface Gathered<T> {
  readonly queue: string;
  readonly entries: readonly { readonly id: string; readonly request: T }[];
  readonly sizeBytes: number;
}

interface Open<T> {
  readonly requests: T[];
  bytes: number;
  readonly timer: TimerId;
}

interface LingerTimer extends Wire {
  readonly type: 'sqs/linger';
  readonly queue: string;
}

export class Gathering<T extends Single> {
  readonly #most: number;
  readonly #lingerUs: Micros;
  readonly #full: (batch: Gathered<T>, out: Out) => void;
  readonly #open = new Map<string, Open<T>>();

  /** `full` is called with each batch that is to be sent; `most` is 10 at most. */
  constructor(most: number, lingerUs: Micros, full: (batch: Gathered<T>, out: Out) => void) {
    this.#most = most;
    this.#lingerUs = lingerUs;
    this.#full = full;
  }

  add(request: T, out: Out): void {
    const { queue } = request;
    const bytes = bytesOf(request);
    let open = this.#open.get(queue);
    if (open !== undefined && open.bytes + bytes > BATCH_BYTES_MAX) {
      this.#close(queue, open, out);
      open = undefined;
    }
    if (open === undefined) {
      const wire: LingerTimer = { type: 'sqs/linger', queue };
      open = { requests: [], bytes: 0, timer: out.timer(this.#lingerUs, wire) };
      this.#open.set(queue, open);
    }
    open.requests.push(request);
    open.bytes += bytes;
    if (open.requests.length >= this.#most) this.#close(queue, open, out);
  }

  /** True when the timer was one of the gathering. */
  timer(wire: Wire, out: Out): boolean {
    if (wire.type !== 'sqs/linger') return false;
    const { queue } = wire as LingerTimer;
    const open = this.#open.get(queue);
    if (open !== undefined) this.#close(queue, open, out);
    return true;
  }

  /** Sends what is there: the client shuts down. */
  flush(out: Out): void {
    for (const [queue, open] of [...this.#open]) this.#close(queue, open, out);
  }

  crash(): void {
    this.#open.clear();
  }

  #close(queue: string, { requests, bytes, timer }: Open<T>, out: Out): void {
    out.cancel(timer);
    this.#open.delete(queue);
    const entries = requests.map((request, i) => ({ id: String(i), request }));
    this.#full({ queue, entries, sizeBytes: bytes }, out);
  }
}

function bytesOf(request: Single): number {
  return request.type === 'SendMessage' ? request.sizeBytes : 0;
}

/** What the option table of a client that gathers says; `action` is what a batch of it is called. */
export function gatheringOptions(action: 'SendMessageBatch' | 'DeleteMessageBatch'): OptionTable {
  return {
    maxBatchSize: {
      type: 'integer',
      default: 1,
      min: 1,
      max: 10,
      doc: `So many of them travel in one ${action}${action === 'SendMessageBatch' ? ', which may hold 1 MiB' : ''}; each entry succeeds or fails for itself. 1: each in a request of its own. The SDK's batch manager takes 10.`,
      source: 'AWS SDK for Java 2.x: SqsAsyncBatchManager; S19, S34',
    },
    sendRequestFrequency: {
      type: 'duration',
      unit: 'ms',
      default: 200_000,
      min: 0,
      doc: 'How long the first one waits for the batch to fill, with maxBatchSize above 1.',
      source: 'AWS SDK for Java 2.x: SqsAsyncBatchManager',
    },
  };
}
