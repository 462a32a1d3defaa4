/**
 * SQS driven by the API's actions, without network or clients. Messages are their bodies: equal bodies are equal content. Times are seconds.
 */
import { Sqs } from '../../../core/brokers/sqs-service.ts';
import type {
  BatchResult,
  PlainResult,
  QueueAttributes,
  ReceivedMessage,
  ReceiveMessageResult,
  SendMessageResult,
  SqsRequest,
} from '../../../core/brokers/sqs-verbs.ts';
import type { OptionValues } from '../../../core/options.ts';
import type { Message } from '../../../core/types.ts';
import { MachineBench } from '../machine-bench.ts';

const SECOND = 1_000_000;
const CLIENT = 7;

type Unsent<T = SqsRequest> = T extends { readonly token: number } ? Omit<T, 'token'> : never;

/** The answer to a receive; it is filled in when the answer comes, which for a long poll may be later. */
export interface Received {
  messages: readonly ReceivedMessage[];
  error: string;
  /** When it was answered, in seconds; −1 while it waits. */
  answeredAt: number;
}

export class SqsBench {
  readonly bench = new MachineBench();
  readonly #bodies = new Map<string, Message>();
  readonly #names: string[] = [''];
  readonly #waiting = new Map<number, Received>();
  readonly #results = new Map<number, SendMessageResult | PlainResult | BatchResult>();
  readonly #receipts = new Map<string, Message>();
  #tokens = 0;
  #handle = 0;

  readonly machine: Sqs;

  constructor(queues: Readonly<Record<string, OptionValues>>) {
    const declared = Object.entries(queues).map(([name, options]) => ({ name, options }));
    this.machine = this.bench.start(new Sqs(declared, this.bench.setup));
    this.bench.names.set(CLIENT, 'client');
  }

  /** Goes to a second of virtual time. */
  at(second: number): this {
    const us = Math.round(second * SECOND) - this.bench.nowUs;
    if (us > 0) this.bench.wait(us);
    this.#hear();
    return this;
  }

  send(
    queue: string,
    body: string,
    how: { group?: string; dedup?: string; delay?: number; size?: number } = {},
  ): SendMessageResult {
    return this.#ask({
      type: 'SendMessage',
      queue,
      message: this.#message(body),
      delayUs: how.delay === undefined ? -1 : how.delay * SECOND,
      group: how.group ?? '',
      dedupId: how.dedup ?? null,
      sizeBytes: how.size ?? body.length,
    }) as SendMessageResult;
  }

  /** Which entries of the batch were refused, by their codes, or why all of it was. */
  sendBatch(queue: string, bodies: readonly string[], ids: readonly string[] = bodies): string {
    const entries = bodies.map((body, i) => ({
      id: ids[i] ?? '',
      request: {
        type: 'SendMessage',
        queue,
        token: ++this.#tokens,
        message: this.#message(body),
        delayUs: -1,
        group: '',
        dedupId: null,
        sizeBytes: body.length,
      } as const,
    }));
    const result = this.#ask({ type: 'SendMessageBatch', queue, entries, sizeBytes: 0 }) as BatchResult;
    return result.error || result.entries.map(({ id, result: { error } }) => `${id} ${error || 'ok'}`).join(', ');
  }

  create(queue: string, attributes: OptionValues = {}): string {
    return this.#ask({ type: 'CreateQueue', queue, attributes }).error;
  }

  deleteQueue(queue: string): string {
    return this.#ask({ type: 'DeleteQueue', queue }).error;
  }

  receive(queue: string, how: { max?: number; wait?: number; visibility?: number; attempt?: string } = {}): Received {
    const received: Received = { messages: [], error: '', answeredAt: -1 };
    this.#waiting.set(this.#tokens + 1, received);
    this.#say({
      type: 'ReceiveMessage',
      queue,
      max: how.max ?? 1,
      waitUs: how.wait === undefined ? -1 : how.wait * SECOND,
      visibilityUs: how.visibility === undefined ? -1 : how.visibility * SECOND,
      ...(how.attempt !== undefined && { attemptId: how.attempt }),
    });
    return received;
  }

  /** Error code, or ''. */
  delete(queue: string, receipt: number): string {
    return this.#ask({ type: 'DeleteMessage', queue, message: this.#named(queue, receipt), receipt, attempt: 1 }).error;
  }

  changeVisibility(queue: string, receipt: number, seconds: number): string {
    const message = this.#named(queue, receipt);
    return this.#ask({ type: 'ChangeMessageVisibility', queue, message, receipt, timeoutUs: seconds * SECOND }).error;
  }

  purge(queue: string): string {
    return this.#ask({ type: 'PurgeQueue', queue }).error;
  }

  set(queue: string, attributes: QueueAttributes): string {
    return this.#ask({ type: 'SetQueueAttributes', queue, attributes }).error;
  }

  startMove(queue: string, to = '', perSecond = 0): string {
    const result = this.#ask({ type: 'StartMessageMoveTask', queue, to, perSecond }) as PlainResult;
    this.#handle = result.handle ?? 0;
    return result.error;
  }

  /** Cancels the task that was started last. */
  cancelMove(): string {
    return this.#ask({ type: 'CancelMessageMoveTask', handle: this.#handle }).error;
  }

  body(message: Message): string {
    return this.#names[message.id] ?? '';
  }

  bodies(received: Received): string[] {
    return received.messages.map(({ message }) => this.body(message));
  }

  /** Receives once and says what came, the simplest question of a test. */
  take(queue: string, max = 10): string {
    return this.bodies(this.receive(queue, { max })).join(' ');
  }

  /** The message that a receipt handle was given out for. */
  #named(queue: string, receipt: number): Message {
    return this.#receipts.get(`${queue} ${receipt}`) ?? this.#message('unknown');
  }

  #message(body: string): Message {
    let message = this.#bodies.get(body);
    if (message === undefined) {
      message = this.bench.message();
      this.#bodies.set(body, message);
      this.#names[message.id] = body;
    }
    return message;
  }

  #say(request: Unsent): number {
    const token = ++this.#tokens;
    this.bench.receive(CLIENT, { ...request, token } as SqsRequest);
    this.#hear();
    return token;
  }

  #ask(request: Unsent): SendMessageResult | PlainResult | BatchResult {
    const token = this.#say(request);
    const result = this.#results.get(token);
    if (result === undefined) throw new Error(`no answer to ${request.type}`);
    return result;
  }

  #hear(): void {
    for (const { wire, atUs } of this.bench.takeSent()) {
      const result = wire as SendMessageResult | PlainResult | BatchResult | ReceiveMessageResult;
      if (result.type !== 'ReceiveMessageResult') {
        this.#results.set(result.token, result);
        continue;
      }
      const received = this.#waiting.get(result.token);
      if (received === undefined) continue;
      received.messages = result.messages;
      for (const { message, handle } of result.messages) this.#receipts.set(`${result.queue} ${handle}`, message);
      received.error = result.error;
      received.answeredAt = atUs / SECOND;
    }
  }
}
