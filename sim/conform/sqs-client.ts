/**
 * A client of an `Sqs` machine that is driven directly: it asks by the API's actions, keeps the answers, and knows what was sent under which id. Equal bodies are one
 * message here, since content is all that content-based deduplication sees.
 */
import { Sqs } from '../../core/brokers/sqs-service.ts';
import type {
  BatchResult,
  PlainResult,
  ReceivedMessage,
  ReceiveMessageResult,
  SendMessage,
  SendMessageResult,
  SqsRequest,
} from '../../core/brokers/sqs-verbs.ts';
import type { OptionValues } from '../../core/options.ts';
import { utf8Length } from '../../core/parts/pubsub-filter.ts';
import type { Message, Micros } from '../../core/types.ts';
import type { JsonTable } from './case.ts';
import { MachineDriver } from './machine-driver.ts';
import { UNPRINTABLE } from './message-attributes.ts';

const CLIENT = 7;

type Unsent<T = SqsRequest> = T extends { readonly token: number } ? Omit<T, 'token'> : never;

/** The answer to a receive, filled in when it comes. */
export interface Received {
  readonly type: 'received';
  readonly asked: Asked;
  readonly askedAtUs: Micros;
  messages: readonly ReceivedMessage[];
  told: readonly Told[];
  error: string;
  /** −1 while it waits. */
  answeredAtUs: Micros;
}

/** Which attributes a receive asks for: of the system's, and of the sender's own. Null: nothing was said, and all are told. */
interface Asked {
  readonly system: readonly string[] | null;
  readonly own: readonly string[] | null;
}

const EVERYTHING: Asked = { system: null, own: null };

/** Whether an attribute is among those that were asked for, by its name, by a beginning of it before `.*`, or by `All` or `*`. */
export function isAsked(name: string, names: readonly string[] | null): boolean {
  if (names === null || names.includes('All') || names.includes('*') || names.includes(name)) return true;
  return names.some((one) => one.endsWith('.*') && name.startsWith(one.slice(0, -2)));
}

/** What else a receive tells of a message: system attributes by name, and the sender's own. */
interface Told {
  readonly system: readonly string[];
  readonly own: JsonTable;
}

interface SentOne {
  readonly type: 'sent';
  readonly error: string;
  readonly messageId: number;
  readonly sequence: number;
  /** Whether attributes of the sender's own came with it. */
  readonly hasAttributes: boolean;
  readonly hasSystemAttributes: boolean;
}

export interface Done {
  readonly type: 'done';
  readonly error: string;
  /** Fields of the response. */
  readonly attributes?: JsonTable;
}

/** Which entries of a batch were accepted and which not, with their codes. */
interface BatchDone {
  readonly type: 'batch';
  readonly error: string;
  readonly successful: readonly string[];
  readonly failed: readonly { readonly id: string; readonly code: string }[];
  readonly results: readonly SendMessageResult[];
}

export type Result = Received | SentOne | Done | BatchDone;

/** What a send says beside its body. */
export interface How {
  readonly group: string;
  readonly dedupId: string | null;
  readonly delayUs: Micros;
  /** The sender's own attributes, values as text, and their size with names and types. */
  readonly own: JsonTable;
  readonly bytes: number;
  /** An attribute among them is none that the API takes. */
  readonly bad: boolean;
  /** Names of the system attributes that the sender set. */
  readonly system: readonly string[];
}

/** A machine with queues, and the client that asks it. */
export class SqsClient {
  readonly machine: Sqs;
  readonly #driver = new MachineDriver();
  readonly #messages = new Map<string, Message>();
  readonly #bodies = new Map<number, string>();
  readonly #waiting = new Map<number, Received>();
  readonly #answers = new Map<number, SendMessageResult | PlainResult | BatchResult>();
  /** What was said with each sending, by MessageId. */
  readonly #said = new Map<number, How>();
  readonly #receipts = new Map<string, Message>();
  /** Of all queues that were ever asked for. */
  readonly #names = new Set<string>();
  #tokens = 0;

  constructor(queues: readonly { readonly name: string; readonly options: OptionValues }[]) {
    this.machine = this.#driver.start(new Sqs(queues, this.#driver.setup));
    for (const { name } of queues) this.#names.add(name);
  }

  /** Queues that exist now, in the order of their making. */
  queueNames(prefix: string): readonly string[] {
    return [...this.#names].filter((name) => name.startsWith(prefix) && this.machine.depth(name) !== undefined);
  }

  get nowUs(): Micros {
    return this.#driver.nowUs;
  }

  advanceTo(us: Micros): void {
    this.#driver.advanceTo(us);
    this.#hear();
  }

  /** Lets time go by until a receive is answered. */
  awaitAnswer(received: Received): void {
    while (received.answeredAtUs < 0 && this.#driver.nextTimerUs() < Number.POSITIVE_INFINITY) {
      this.advanceTo(this.#driver.nextTimerUs());
    }
  }

  send(queue: string, body: string, how: How): SentOne {
    const { error, messageId, sequence } = this.#ask(this.#sending(queue, body, how)) as SendMessageResult;
    if (error === '' && !this.#said.has(messageId)) this.#said.set(messageId, how);
    const [hasAttributes, hasSystemAttributes] = [Object.keys(how.own).length > 0, how.system.length > 0];
    return { type: 'sent', error, messageId, sequence, hasAttributes, hasSystemAttributes };
  }

  sendBatch(
    queue: string,
    entries: readonly { readonly id: string; readonly body: string; readonly how: How }[],
  ): BatchDone {
    const requests = entries.map(({ id, body, how }) => ({
      id,
      request: { ...this.#sending(queue, body, how), token: this.#nextToken() },
    }));
    const done = this.#batch({ type: 'SendMessageBatch', queue, entries: requests, sizeBytes: 0 });
    for (const { id, result } of done.entries) {
      const how = entries.find((entry) => entry.id === id)?.how;
      const isNew = result.type === 'SendMessageResult' && result.error === '' && !this.#said.has(result.messageId);
      if (isNew && how !== undefined) this.#said.set(result.messageId, how);
    }
    return batchDone(done);
  }

  deleteBatch(queue: string, entries: readonly { readonly id: string; readonly receipt: number }[]): BatchDone {
    const requests = entries.map(({ id, receipt }) => {
      const [message, token] = [this.#named(queue, receipt), this.#nextToken()];
      return { id, request: { type: 'DeleteMessage', queue, token, message, receipt, attempt: 1 } as const };
    });
    return batchDone(this.#batch({ type: 'DeleteMessageBatch', queue, entries: requests, sizeBytes: 0 }));
  }

  changeVisibilityBatch(
    queue: string,
    entries: readonly { readonly id: string; readonly receipt: number; readonly timeoutUs: Micros }[],
  ): BatchDone {
    const requests = entries.map(({ id, receipt, timeoutUs }) => {
      const [message, token] = [this.#named(queue, receipt), this.#nextToken()];
      return { id, request: { type: 'ChangeMessageVisibility', queue, token, message, receipt, timeoutUs } as const };
    });
    return batchDone(this.#batch({ type: 'ChangeMessageVisibilityBatch', queue, entries: requests, sizeBytes: 0 }));
  }

  receive(
    queue: string,
    {
      asked = EVERYTHING,
      ...how
    }: { max: number; waitUs: Micros; visibilityUs: Micros; attemptId?: string; asked?: Asked },
  ): Received {
    const received: Received = {
      type: 'received',
      asked,
      messages: [],
      told: [],
      error: '',
      answeredAtUs: -1,
      askedAtUs: this.nowUs,
    };
    this.#waiting.set(this.#tokens + 1, received);
    this.#say({ type: 'ReceiveMessage', queue, ...how });
    return received;
  }

  delete(queue: string, receipt: number): Done {
    const message = this.#named(queue, receipt);
    return done(this.#ask({ type: 'DeleteMessage', queue, message, receipt, attempt: 1 }));
  }

  changeVisibility(queue: string, receipt: number, timeoutUs: Micros): Done {
    const message = this.#named(queue, receipt);
    return done(this.#ask({ type: 'ChangeMessageVisibility', queue, message, receipt, timeoutUs }));
  }

  /** An action that answers with nothing but success or an error. */
  call(request: Unsent): Done {
    if (request.type === 'CreateQueue') this.#names.add(request.queue);
    return done(this.#ask(request) as PlainResult);
  }

  /** StartMessageMoveTask; its TaskHandle is a text, as in the API. */
  startMove(queue: string, to: string, perSecond: number): Done {
    const { error, handle } = this.#ask({ type: 'StartMessageMoveTask', queue, to, perSecond }) as PlainResult;
    return { type: 'done', error, ...(handle !== undefined && { attributes: { TaskHandle: String(handle) } }) };
  }

  body(message: Message): string {
    return this.#bodies.get(message.id) ?? '';
  }

  #sending(queue: string, body: string, { group, dedupId, delayUs, bytes, bad }: How): Unsent<SendMessage> {
    const message = this.#message(body);
    const sizeBytes = utf8Length(body) + bytes;
    const said = body === '' ? 'empty' : UNPRINTABLE.test(body) ? 'unprintable' : null;
    return {
      ...{ type: 'SendMessage', queue, message, sizeBytes, group, dedupId, delayUs },
      ...(said !== null && { body: said }),
      ...(bad && { badAttributes: true }),
    };
  }

  #message(body: string): Message {
    let message = this.#messages.get(body);
    if (message === undefined) {
      message = this.#driver.message(utf8Length(body));
      this.#messages.set(body, message);
      this.#bodies.set(message.id, body);
    }
    return message;
  }

  #named(queue: string, receipt: number): Message {
    return this.#receipts.get(`${queue} ${receipt}`) ?? this.#message('');
  }

  /** What was asked for of the system attributes that a message has now, by their names, and of those that its sender gave it. */
  #toldOf(queue: string, { messageId, handle }: ReceivedMessage, asked: Asked): Told {
    const how = this.#said.get(messageId);
    const fifo = this.machine.isFifo(queue);
    const system = ['SenderId', 'SentTimestamp', 'ApproximateReceiveCount', 'ApproximateFirstReceiveTimestamp'];
    if ((how?.group ?? '') !== '') system.push('MessageGroupId');
    if (fifo) system.push('MessageDeduplicationId', 'SequenceNumber');
    if (this.machine.deadLetterSource(queue, handle) !== '') system.push('DeadLetterQueueSourceArn');
    system.push(...(how?.system ?? []));
    const own = Object.entries(how?.own ?? {}).filter(([name]) => isAsked(name, asked.own));
    return { system: system.filter((name) => isAsked(name, asked.system)), own: Object.fromEntries(own) };
  }

  #nextToken(): number {
    this.#tokens += 1;
    return this.#tokens;
  }

  #batch(request: Extract<Unsent, { readonly entries: unknown }>): BatchResult {
    return this.#ask(request) as BatchResult;
  }

  #say(request: Unsent): number {
    const token = this.#nextToken();
    this.#driver.receive(CLIENT, { ...request, token } as SqsRequest);
    this.#hear();
    return token;
  }

  #ask(request: Unsent): SendMessageResult | PlainResult | BatchResult {
    const answer = this.#answers.get(this.#say(request));
    if (answer === undefined) throw new Error(`no answer to ${request.type}`);
    return answer;
  }

  #hear(): void {
    for (const { wire, atUs } of this.#driver.take()) {
      const result = wire as SendMessageResult | PlainResult | BatchResult | ReceiveMessageResult;
      if (result.type !== 'ReceiveMessageResult') {
        this.#answers.set(result.token, result);
        continue;
      }
      const received = this.#waiting.get(result.token);
      if (received === undefined) continue;
      received.messages = result.messages;
      received.told = result.messages.map((message) => this.#toldOf(result.queue, message, received.asked));
      received.error = result.error;
      received.answeredAtUs = atUs;
      for (const { message, handle } of result.messages) this.#receipts.set(`${result.queue} ${handle}`, message);
    }
  }
}

/** The batch's own answer, in the API's words. */
function batchDone({ error, entries }: BatchResult): BatchDone {
  const good = entries.filter(({ result }) => result.error === '');
  return {
    type: 'batch',
    error,
    successful: good.map(({ id }) => id),
    failed: entries.flatMap(({ id, result }) => (result.error === '' ? [] : [{ id, code: result.error }])),
    results: good.flatMap(({ result }) => (result.type === 'SendMessageResult' ? [result] : [])),
  };
}

function done({ error, moved }: { readonly error: string; readonly moved?: number }): Done {
  return {
    type: 'done',
    error,
    ...(moved !== undefined && { attributes: { ApproximateNumberOfMessagesMoved: moved } }),
  };
}
