/**
 * Replays SQS vectors (scripts of API actions, limits of attributes) and recordings on an `Sqs` machine, which is called by the API's actions. Equal
 * bodies are one message here, since content is all that content-based deduplication sees. The texts of errors are AWS's own
 * wording, which the machine does not have: codes are compared, texts are not.
 */
import { Sqs } from '../../core/brokers/sqs.ts';
import type { MoveTask } from '../../core/brokers/sqs-move-tasks.ts';
import { QUEUE_OPTIONS } from '../../core/brokers/sqs-options.ts';
import type {
  BatchResult,
  PlainResult,
  QueueAttributes,
  ReceivedMessage,
  ReceiveMessageResult,
  SendMessage,
  SendMessageResult,
  SqsRequest,
} from '../../core/brokers/sqs-verbs.ts';
import type { OptionSpec, OptionTable, OptionValue, OptionValues } from '../../core/options.ts';
import { parsed } from '../../core/parts/filter-policy.ts';
import { utf8Length } from '../../core/parts/pubsub-filter.ts';
import type { Message, Micros } from '../../core/types.ts';
import {
  Fields,
  Findings,
  isList,
  isTable,
  isUnstable,
  type Json,
  type JsonTable,
  type Runner,
  sameItems,
  sameJson,
  textOf,
  UnknownShape,
} from './case.ts';
import { MachineDriver } from './machine-driver.ts';

const SECOND = 1_000_000;
const CLIENT = 7;
/** Time for whatever still waits after the last step: longer than the longest poll. */
const REST_US = 60 * SECOND;

type Unsent<T = SqsRequest> = T extends { readonly token: number } ? Omit<T, 'token'> : never;

/** The answer to a receive, filled in when it comes. */
interface Received {
  readonly type: 'received';
  readonly askedAtUs: Micros;
  messages: readonly ReceivedMessage[];
  told: readonly Told[];
  error: string;
  /** −1 while it waits. */
  answeredAtUs: Micros;
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
}

interface Done {
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

type Result = Received | SentOne | Done | BatchDone;

/** What a send says beside its body. */
interface How {
  readonly group: string;
  readonly dedupId: string | null;
  readonly delayUs: Micros;
  /** The sender's own attributes, values as text, and their size with names and types. */
  readonly own: JsonTable;
  readonly bytes: number;
  /** Names of the system attributes that the sender set. */
  readonly system: readonly string[];
}

/** Characters that no body may have: what XML 1.0 does not allow. */
const UNPRINTABLE = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u;

/** A machine with queues, and the client that asks it. */
class SqsClient {
  readonly machine: Sqs;
  readonly #driver = new MachineDriver();
  readonly #messages = new Map<string, Message>();
  readonly #bodies = new Map<number, string>();
  readonly #waiting = new Map<number, Received>();
  readonly #answers = new Map<number, SendMessageResult | PlainResult | BatchResult>();
  /** What was said with each sending, by MessageId. */
  readonly #said = new Map<number, How>();
  readonly #receipts = new Map<string, Message>();
  #tokens = 0;

  constructor(
    queues: readonly { readonly name: string; readonly options: OptionValues }[],
    options: OptionValues = {},
  ) {
    this.machine = this.#driver.start(new Sqs(queues, this.#driver.setup, options));
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
    return { type: 'sent', error, messageId, sequence };
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

  receive(queue: string, how: { max: number; waitUs: Micros; visibilityUs: Micros; attemptId?: string }): Received {
    const received: Received = {
      type: 'received',
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

  #sending(queue: string, body: string, { group, dedupId, delayUs, bytes }: How): Unsent<SendMessage> {
    const message = this.#message(body);
    const sizeBytes = utf8Length(body) + bytes;
    const said = body === '' ? 'empty' : UNPRINTABLE.test(body) ? 'unprintable' : null;
    const request: Unsent<SendMessage> = { type: 'SendMessage', queue, message, sizeBytes, group, dedupId, delayUs };
    return said === null ? request : { ...request, body: said };
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

  /** System attributes that a message has now, by their names, and those that its sender gave it. */
  #toldOf(queue: string, { messageId, handle }: ReceivedMessage): Told {
    const how = this.#said.get(messageId);
    const fifo = this.machine.isFifo(queue);
    const system = ['SenderId', 'SentTimestamp', 'ApproximateReceiveCount', 'ApproximateFirstReceiveTimestamp'];
    if ((how?.group ?? '') !== '') system.push('MessageGroupId');
    if (fifo) system.push('MessageDeduplicationId', 'SequenceNumber');
    if (this.machine.deadLetterSource(queue, handle) !== '') system.push('DeadLetterQueueSourceArn');
    system.push(...(how?.system ?? []));
    return { system, own: how?.own ?? {} };
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
      received.told = result.messages.map((message) => this.#toldOf(result.queue, message));
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

// ── Attributes ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Attributes in the API's own values (seconds, and everything as text if it likes) as options; an unknown one is an unknown shape. */
export function optionsOf(attributes: JsonTable, table: OptionTable = QUEUE_OPTIONS): OptionValues {
  const options: Record<string, OptionValue> = {};
  for (const [name, value] of Object.entries(attributes)) {
    const spec = table[name];
    if (spec === undefined) throw new UnknownShape(`the attribute ${name}`);
    options[name] = optionValue(name, spec, value);
  }
  return options;
}

function optionValue(name: string, spec: OptionSpec, value: Json): OptionValue {
  if (spec.type === 'json') return typeof value === 'string' ? value : JSON.stringify(value);
  // A policy may come as an object or, as the API has it, as its JSON; an empty text takes it away.
  if (spec.type === 'object' && value === '')
    return Object.fromEntries(Object.keys(spec.fields).map((field) => [field, '']));
  const table = spec.type === 'object' && typeof value === 'string' ? parsed(value) : value;
  if (spec.type === 'object' && isTable(table)) return optionsOf(table, spec.fields);
  if (spec.type === 'boolean') return value === true || value === 'true';
  if (typeof value !== 'string' && typeof value !== 'number') throw new UnknownShape(`the value of ${name}`);
  if (spec.type === 'text' || spec.type === 'enum') return value;
  // A duration that is no whole number of seconds stays none.
  return spec.type === 'duration' ? Number(value) * SECOND : Number(value);
}

/** `sqs-limits`: one attribute of an empty queue, which is created with it, or tells what it has by default. */
export const runLimits: Runner = (table, findings) => {
  const row = new Fields(table, 'case');
  const input = row.fields('input');
  const expected = row.fields('expected');
  const attribute = input.text('attribute');
  const kind = input.text('queue_type');
  if (kind !== 'standard' && kind !== 'fifo') throw new UnknownShape(`the queue type ${kind}`);
  const queue = kind === 'fifo' ? 'q.fifo' : 'q';
  const client = new SqsClient([{ name: 'dead', options: {} }]);
  const fifo: JsonTable = kind === 'fifo' ? { FifoQueue: 'true' } : {};
  const given: JsonTable = input.has('value') ? withAttribute(attribute, input.get('value') ?? null) : {};
  const { error } = client.call({ type: 'CreateQueue', queue, attributes: optionsOf({ ...fifo, ...given }) });
  if (input.has('value')) {
    findings.same('accepted', expected.flag('accepted'), error === '');
  } else {
    if (QUEUE_OPTIONS[attribute] === undefined) throw new UnknownShape(`the attribute ${attribute}`);
    findings.same('default', expected.get('default') ?? null, attributesOf(client, queue)?.[attribute] ?? null);
  }
  input.end();
  expected.skip('error', 'message_contains').end();
};

/** A part of the redrive policy may be meant by its own name. */
function withAttribute(name: string, value: Json): JsonTable {
  return name === 'maxReceiveCount'
    ? { RedrivePolicy: { deadLetterTargetArn: 'dead', maxReceiveCount: value } }
    : { [name]: value };
}

// ── Vectors: scripts of API actions ─────────────────────────────────────────────────────────────────────────────

export const runScript: Runner = (table, findings) => {
  const row = new Fields(table, 'case');
  const input = row.fields('input');
  const queues = Object.entries(input.table('queues')).map(([name, attributes]) => ({
    name,
    options: optionsOf(isTable(attributes) ? attributes : {}),
  }));
  const client = new SqsClient(queues);
  const results = new Map<string, Result>();
  for (const step of input.rows('steps')) {
    client.advanceTo(Math.round(step.number('t') * SECOND));
    const result = act(client, step.text('op'), step.fields('args'), results);
    const name = step.get('as');
    if (typeof name === 'string') results.set(name, result);
    step.skip('note').end();
  }
  input.end();
  client.advanceTo(client.nowUs + REST_US);
  for (const [name, wanted] of Object.entries(row.table('expected'))) {
    if (name.startsWith('$')) compareAll(name, wanted, results, findings);
    else compareResult(client, name, new Fields(wanted, name), results, findings);
  }
};

function act(client: SqsClient, op: string, args: Fields, results: ReadonlyMap<string, Result>): Result {
  const result = perform(client, op, args, results);
  args.end();
  return result;
}

function perform(client: SqsClient, op: string, args: Fields, results: ReadonlyMap<string, Result>): Result {
  switch (op) {
    case 'SendMessage':
      return client.send(args.text('QueueUrl'), textOf(args.get('MessageBody')), howOf(args));
    case 'SendMessageBatch': {
      const entries = entriesOf(args, (entry) => ({ body: textOf(entry.get('MessageBody')), how: howOf(entry) }));
      return client.sendBatch(args.text('QueueUrl'), entries);
    }
    case 'ReceiveMessage': {
      const attemptId = args.get('ReceiveRequestAttemptId');
      // Everything is told of a message in any case; which of it was asked for does not matter.
      args.skip('AttributeNames', 'MessageAttributeNames', 'MessageSystemAttributeNames');
      return client.receive(args.text('QueueUrl'), {
        max: args.number('MaxNumberOfMessages', 1),
        waitUs: secondsOr(args, 'WaitTimeSeconds', -1),
        visibilityUs: secondsOr(args, 'VisibilityTimeout', -1),
        ...(typeof attemptId === 'string' && { attemptId }),
      });
    }
    case 'DeleteMessage':
      return client.delete(args.text('QueueUrl'), receiptOf(args.text('ReceiptHandle'), results));
    case 'DeleteMessageBatch': {
      const entries = entriesOf(args, (entry) => ({ receipt: receiptOf(entry.text('ReceiptHandle'), results) }));
      return client.deleteBatch(args.text('QueueUrl'), entries);
    }
    case 'ChangeMessageVisibility':
      return client.changeVisibility(
        args.text('QueueUrl'),
        receiptOf(args.text('ReceiptHandle'), results),
        secondsOr(args, 'VisibilityTimeout', 0),
      );
    case 'ChangeMessageVisibilityBatch': {
      const entries = entriesOf(args, (entry) => ({
        receipt: receiptOf(entry.text('ReceiptHandle'), results),
        timeoutUs: secondsOr(entry, 'VisibilityTimeout', 0),
      }));
      return client.changeVisibilityBatch(args.text('QueueUrl'), entries);
    }
    case 'PurgeQueue':
      return client.call({ type: 'PurgeQueue', queue: args.text('QueueUrl') });
    case 'CreateQueue': {
      const attributes = optionsOf(args.table('Attributes'));
      return client.call({ type: 'CreateQueue', queue: args.text('QueueName'), attributes });
    }
    case 'DeleteQueue':
      return client.call({ type: 'DeleteQueue', queue: args.text('QueueUrl') });
    case 'GetQueueUrl': {
      const queue = args.text('QueueName');
      const exists = client.machine.depth(queue) !== undefined;
      return { type: 'done', error: exists ? '' : 'QueueDoesNotExist', attributes: exists ? { QueueUrl: queue } : {} };
    }
    case 'ListDeadLetterSourceQueues': {
      const queue = args.text('QueueUrl');
      const exists = client.machine.depth(queue) !== undefined;
      const queueUrls = client.machine.sourcesOf(queue);
      return { type: 'done', error: exists ? '' : 'QueueDoesNotExist', attributes: { queueUrls } };
    }
    case 'SetQueueAttributes': {
      const attributes = optionsOf(args.table('Attributes')) as QueueAttributes;
      return client.call({ type: 'SetQueueAttributes', queue: args.text('QueueUrl'), attributes });
    }
    case 'GetQueueAttributes': {
      const queue = args.skip('AttributeNames').text('QueueUrl');
      const attributes = attributesOf(client, queue);
      return { type: 'done', error: attributes === null ? 'QueueDoesNotExist' : '', attributes: attributes ?? {} };
    }
    case 'StartMessageMoveTask': {
      const perSecond = args.number('MaxNumberOfMessagesPerSecond', 0);
      return client.startMove(args.text('SourceArn'), args.text('DestinationArn', ''), perSecond);
    }
    case 'CancelMessageMoveTask': {
      const [, name = ''] = /^\$(.+)\.TaskHandle$/.exec(args.text('TaskHandle')) ?? [];
      const started = results.get(name);
      const attributes = started?.type === 'done' ? started.attributes : undefined;
      return client.call({ type: 'CancelMessageMoveTask', handle: Number(attributes?.['TaskHandle'] ?? 0) });
    }
    case 'ListMessageMoveTasks': {
      const source = args.text('SourceArn');
      const newest = client.machine.moveTasks(source).slice(0, args.number('MaxResults', 1))[0];
      const exists = client.machine.depth(source) !== undefined;
      const error = exists ? '' : 'ResourceNotFoundException';
      return { type: 'done', error, attributes: newest === undefined ? {} : fieldsOf(newest) };
    }
    default:
      throw new UnknownShape(`the action ${op}`);
  }
}

function howOf(args: Fields): How {
  const dedupId = args.get('MessageDeduplicationId');
  const attributes = Object.entries(args.table('MessageAttributes')).map(([name, value]) => {
    // Given plainly, or with a type as the API has it.
    const typed = isTable(value) ? value : { Value: value };
    const text = String(typed['StringValue'] ?? typed['BinaryValue'] ?? typed['Value'] ?? '');
    return { name, text, type: String(typed['DataType'] ?? typed['Type'] ?? '') };
  });
  return {
    group: args.text('MessageGroupId', ''),
    dedupId: typeof dedupId === 'string' ? dedupId : null,
    delayUs: secondsOr(args, 'DelaySeconds', -1),
    own: Object.fromEntries(attributes.map(({ name, text }) => [name, text])),
    bytes: attributes.reduce((sum, { name, text, type }) => sum + utf8Length(name + type + text), 0),
    system: Object.keys(args.table('MessageSystemAttributes')),
  };
}

function entriesOf<T extends object>(args: Fields, read: (entry: Fields) => T): (T & { readonly id: string })[] {
  return args.rows('Entries').map((entry) => {
    const made = { id: entry.text('Id'), ...read(entry) };
    entry.end();
    return made;
  });
}

/** A move task as ListMessageMoveTasks tells it: a handle only while it runs. */
function fieldsOf(task: MoveTask): JsonTable {
  return {
    ...(task.status === 'RUNNING' && { TaskHandle: String(task.handle) }),
    Status: task.status,
    SourceArn: task.queue,
    ...(task.to !== '' && { DestinationArn: task.to }),
    ...(task.perSecond > 0 && { MaxNumberOfMessagesPerSecond: task.perSecond }),
    ApproximateNumberOfMessagesMoved: task.moved,
    ApproximateNumberOfMessagesToMove: task.toMove,
    ...(task.failure !== '' && { FailureReason: task.failure }),
    StartedTimestamp: Math.round(task.startedAtUs / 1000),
  };
}

/** Depth as GetQueueAttributes gives it: texts. */
function attributesOf(client: SqsClient, queue: string): JsonTable | null {
  const depth = client.machine.depth(queue);
  const settings = client.machine.settings(queue);
  if (depth === undefined || settings === undefined) return null;
  const { RedrivePolicy, ...plain } = settings;
  return {
    ...Object.fromEntries(Object.entries(plain).map(([name, value]) => [name, apiText(name, value)])),
    ...(RedrivePolicy !== undefined && { RedrivePolicy: RedrivePolicy as unknown as JsonTable }),
    ApproximateNumberOfMessages: String(depth.visible),
    ApproximateNumberOfMessagesNotVisible: String(depth.inFlight),
    ApproximateNumberOfMessagesDelayed: String(depth.delayed),
  };
}

function apiText(name: string, value: OptionValue | undefined): string {
  return QUEUE_OPTIONS[name]?.type === 'duration' ? String(Number(value) / SECOND) : String(value);
}

function secondsOr(args: Fields, name: string, otherwiseUs: Micros): Micros {
  return args.has(name) ? Math.round(args.number(name) * SECOND) : otherwiseUs;
}

/** `$r1[0].ReceiptHandle` names a handle of an earlier receive; anything else is a handle that nobody gave out. */
function receiptOf(reference: string, results: ReadonlyMap<string, Result>): number {
  const [, name = '', index = ''] = /^\$(.+)\[(\d+)\]\.ReceiptHandle$/.exec(reference) ?? [];
  const result = results.get(name);
  return result?.type === 'received' ? (result.messages[Number(index)]?.handle ?? -1) : -1;
}

function compareResult(
  client: SqsClient,
  name: string,
  expected: Fields,
  results: ReadonlyMap<string, Result>,
  findings: Findings,
): void {
  const result = results.get(name);
  if (result === undefined) throw new UnknownShape(`no step stores ${name}`);
  // AWS's wording, and what AWS answered once where several answers are right.
  expected.skip('message_contains', 'aws_gave');
  const received = result.type === 'received' ? result : undefined;
  const bodies = received?.messages.map(({ message }) => client.body(message)) ?? [];
  for (const [field, wanted] of Object.entries(expected.record)) {
    const where = `${name}.${field}`;
    switch (field) {
      case 'ok':
        findings.same(where, wanted, result.error === '');
        break;
      case 'error': {
        findings.same(
          where,
          typeof wanted === 'string' ? codeOf(wanted) : wanted,
          wanted === true ? result.error !== '' : result.error,
        );
        break;
      }
      case 'bodies':
        findings.same(where, wanted, bodies);
        break;
      case 'bodies_any_order':
        findings.holds(where, isList(wanted) && sameItems(wanted, bodies), wanted, bodies);
        break;
      case 'one_of':
        findings.holds(where, isList(wanted) && wanted.some((one) => sameJson(one, bodies)), wanted, bodies);
        break;
      case 'per_group_order':
        findings.holds(where, inGroupOrder(wanted, bodies), wanted, bodies);
        break;
      case 'count':
        findings.same(where, wanted, bodies.length);
        break;
      case 'min_count':
        findings.holds(where, bodies.length >= Number(wanted), wanted, bodies.length);
        break;
      case 'max_count':
        findings.holds(where, bodies.length <= Number(wanted), wanted, bodies.length);
        break;
      case 'at_t':
        findings.same(where, wanted, (received?.answeredAtUs ?? -SECOND) / SECOND);
        break;
      case 'same_receipt_as':
      case 'different_receipt_from': {
        const [one, other] = [firstOf(result), firstOf(results.get(String(wanted)))];
        const same = one !== undefined && one.handle === other?.handle;
        findings.holds(where, same === (field === 'same_receipt_as'), wanted, one?.handle ?? null);
        break;
      }
      case 'attributes_present':
      case 'attributes_absent':
        for (const attribute of isList(wanted) ? wanted : [wanted]) {
          const has = received?.told[0]?.system.includes(String(attribute)) ?? false;
          findings.same(`${where}.${String(attribute)}`, field === 'attributes_present', has);
        }
        break;
      case 'MessageAttributes':
        findings.same(where, wanted, received?.told[0]?.own ?? {});
        break;
      case 'Successful':
      case 'Failed':
      case 'successful':
      case 'failed':
        compareEntries(where, field.toLowerCase() === 'failed', wanted, result, findings);
        break;
      case 'same_message_id_as': {
        const [one, other] = [messageIdOf(result), messageIdOf(results.get(String(wanted)))];
        findings.holds(where, one !== 0 && one === other, other, one);
        break;
      }
      case 'ApproximateReceiveCount':
        findings.same(where, String(wanted), String(firstOf(result)?.attempt ?? ''));
        break;
      case 'present':
      case 'absent':
        for (const part of isList(wanted) ? wanted : [wanted]) {
          findings.same(`${where}.${String(part)}`, field === 'present', hasField(result, String(part)));
        }
        break;
      case 'message_contains':
      case 'aws_gave':
        break;
      default: {
        const attributes = result.type === 'done' ? result.attributes : undefined;
        if (attributes === undefined || !RESPONSE_FIELDS.has(field)) throw new UnknownShape(where);
        const got = attributes[field];
        const asList = isList(wanted) && isList(got);
        // A number may be told as its text, and names come in any order.
        const agrees = asList
          ? sameItems(wanted, got)
          : sameJson(wanted, got ?? null) || String(wanted) === String(got);
        findings.holds(where, agrees, wanted, got ?? null);
      }
    }
  }
}

/** Fields that a response of an action with a response of its own may have. */
const RESPONSE_FIELDS: ReadonlySet<string> = new Set([
  ...Object.keys(QUEUE_OPTIONS),
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
  'QueueUrl',
  'queueUrls',
  'TaskHandle',
  'Status',
  'SourceArn',
  'DestinationArn',
  'MaxNumberOfMessagesPerSecond',
  'ApproximateNumberOfMessagesMoved',
  'ApproximateNumberOfMessagesToMove',
  'FailureReason',
  'StartedTimestamp',
]);

/** Entries of a batch by their ids; of failed ones also the codes, where the case gives them. */
function compareEntries(where: string, failed: boolean, wanted: Json, result: Result, findings: Findings): void {
  if (result.type !== 'batch' || !isList(wanted)) throw new UnknownShape(where);
  const ids = failed ? result.failed.map(({ id }) => id) : result.successful;
  const idOf = (entry: Json): Json => (isTable(entry) ? (entry['Id'] ?? null) : entry);
  findings.holds(where, sameItems(wanted.map(idOf), ids), wanted, ids);
  for (const entry of wanted) {
    const code = isTable(entry) ? entry['Code'] : undefined;
    if (typeof code !== 'string') continue;
    const got = result.failed.find(({ id }) => id === idOf(entry))?.code ?? '';
    findings.same(`${where}.Code`, codeOf(code), got);
  }
}

/** The service's older protocol has another name for some errors, and a prefix before most. */
const OLDER_CODES: ReadonlyMap<string, string> = new Map([
  ['NonExistentQueue', 'QueueDoesNotExist'],
  ['QueueAlreadyExists', 'QueueNameExists'],
]);

function codeOf(code: string): string {
  const name = code.replace('AWS.SimpleQueueService.', '');
  return OLDER_CODES.get(name) ?? name;
}

/** Whether a response has a field. */
function hasField(result: Result, field: string): boolean {
  if (result.type === 'sent') {
    if (field === 'SequenceNumber') return result.sequence > 0;
    if (field === 'MessageId' || field === 'MD5OfMessageBody') return result.error === '';
  } else if (result.type === 'batch') {
    if (field === 'Successful') return result.successful.length > 0;
    if (field === 'Failed') return result.failed.length > 0;
  } else if (result.type === 'done' && (RESPONSE_FIELDS.has(field) || field === 'TaskHandle')) {
    return Object.hasOwn(result.attributes ?? {}, field);
  }
  throw new UnknownShape(`the field ${field}`);
}

function compareAll(check: string, wanted: Json, results: ReadonlyMap<string, Result>, findings: Findings): void {
  if (check === '$same_message_id' && isList(wanted)) {
    const ids = wanted.map((name) => messageIdOf(results.get(String(name))));
    findings.holds(
      check,
      ids.every((id) => id !== 0 && id === ids[0]),
      wanted,
      ids,
    );
  } else if (check === '$increasing' && isList(wanted)) {
    const numbers = wanted.map((reference) => sequenceOf(String(reference), results));
    findings.holds(
      check,
      numbers.every((one, index) => index === 0 || one > (numbers[index - 1] ?? 0)),
      wanted,
      numbers,
    );
  } else if (check === '$counts_sorted') {
    const fields = new Fields(wanted, check);
    const counts = fields.texts('of').map((name) => {
      const result = results.get(name);
      return result?.type === 'received' ? result.messages.length : -1;
    });
    findings.same(
      check,
      fields.list('counts'),
      counts.sort((a, b) => a - b),
    );
    fields.end();
  } else throw new UnknownShape(check);
}

/** `$s1.SequenceNumber`, or just the name of a send. */
function sequenceOf(reference: string, results: ReadonlyMap<string, Result>): number {
  const [, name = '', field = ''] = /^\$?([^.]+)(?:\.(.+))?$/.exec(reference) ?? [];
  const result = results.get(name);
  if (result?.type !== 'sent' || (field !== '' && field !== 'SequenceNumber')) throw new UnknownShape(reference);
  return result.sequence;
}

/** Exactly these bodies, those of each group in their order. */
function inGroupOrder(wanted: Json, bodies: readonly string[]): boolean {
  if (!isTable(wanted)) return false;
  const groups = Object.values(wanted).map((group) => (isList(group) ? group : []));
  return (
    sameItems(groups.flat(), bodies) &&
    groups.every((group) =>
      sameJson(
        group,
        bodies.filter((body) => group.includes(body)),
      ),
    )
  );
}

function firstOf(result: Result | undefined): ReceivedMessage | undefined {
  return result?.type === 'received' ? result.messages[0] : undefined;
}

function messageIdOf(result: Result | undefined): number {
  return result?.type === 'sent' ? result.messageId : (firstOf(result)?.messageId ?? 0);
}

// ── Recordings ──────────────────────────────────────────────────────────────────────────────────────────────────

interface Handle {
  readonly receipt: number;
}

interface OpenReceive {
  readonly received: Received;
  readonly queue: string;
}

/**
 * One recorded experiment; labels are bodies. A recording names the software that was recorded: of the emulator, the machine is told to be it, save where the
 * recording itself says that the service is to be followed. Where AWS leaves an outcome open (S6: an old handle of a standard queue may delete or not), what was
 * recorded must be one of those that it allows.
 */
export const runRecording: Runner = (table, findings) => {
  const emulated = table['system'] === 'sqs-moto' && table['differsFromAws'] !== true;
  const implementation = emulated ? 'moto' : 'aws';
  const usual = replayed(table, implementation, {});
  const other = usual.differences.length === 0 ? usual : replayed(table, implementation, { 'stale-deletes': 1 });
  if (other.differences.length === 0) findings.adopt(other, 'as allowed');
  else findings.adopt(usual, 'as usual');
};

function replayed(table: JsonTable, implementation: string, chances: OptionValues): Findings {
  const findings = new Findings();
  const row = new Fields(table, 'recording');
  const script = row.fields('script');
  const steps = script.rows('steps');
  const creations = steps.filter((step) => step.text('op') === 'createQueue');
  const replay = new RecordedScript(creations, implementation, chances);
  const wanted = new Map(row.rows('observed').map((observed) => [observed.number('step'), observed]));
  const unstable = row.list('unstable', []);
  steps.forEach((step, index) => {
    const seen = replay.step(step);
    const observed = wanted.get(index);
    if (observed !== undefined) compareObserved(`step ${index}`, observed, seen, unstable, findings);
    else findings.same(`step ${index}`, {}, seen);
  });
  return findings;
}

/** Compares what a step made visible with what was recorded, leaving out what differed between runs. */
function compareObserved(
  where: string,
  observed: Fields,
  seen: JsonTable,
  unstable: readonly Json[],
  findings: Findings,
): void {
  for (const name of ['result', 'replies']) {
    const expected = observed.get(name);
    if (unstable.includes(`${where}/${name}`) || isUnstable(expected)) continue;
    findings.holds(`${where}.${name}`, agrees(expected, seen[name]), expected ?? null, seen[name] ?? null);
  }
  observed.end();
}

/** Equality in which a measured time agrees with any that is at most a tenth of a second beside it. */
function agrees(expected: Json | undefined, seen: Json | undefined): boolean {
  if (expected === undefined || seen === undefined) return expected === seen;
  if (isUnstable(expected)) return true;
  if (isTable(expected) && isList(expected['$ms'])) {
    const [least, most] = expected['$ms'];
    return typeof seen === 'number' && seen >= Number(least) - LOOSE_MS && seen <= Number(most) + LOOSE_MS;
  }
  if (isList(expected)) {
    if (!isList(seen) || expected.length !== seen.length) return false;
    const [left, right] = [byGroup(expected), byGroup(seen)];
    return left.every((one, index) => agrees(one, right[index]));
  }
  if (!isTable(expected)) return expected === seen;
  const names = Object.keys(expected);
  return (
    isTable(seen) &&
    names.length === Object.keys(seen).length &&
    names.every((name) => agrees(expected[name], seen[name]))
  );
}

/** S28: between message groups no order is promised, so the messages of each are compared in their order. */
function byGroup(list: readonly Json[]): readonly Json[] {
  const groupOf = (one: Json): string => (isTable(one) ? String(one['group'] ?? '') : '');
  const groups = [...new Set(list.map(groupOf))].sort();
  return groups.length < 2 ? list : groups.flatMap((group) => list.filter((one) => groupOf(one) === group));
}

/** A measured time is compared so loosely. */
const LOOSE_MS = 100;

class RecordedScript {
  readonly #client: SqsClient;
  readonly #fifo = new Set<string>();
  /** Receipts of each queue's messages, in the order of the receives. */
  readonly #handles = new Map<string, Handle[]>();
  readonly #labelOfId = new Map<number, string>();
  readonly #groupOfId = new Map<number, string>();
  readonly #open = new Map<string, OpenReceive>();

  constructor(declarations: readonly Fields[], implementation: string, chances: OptionValues) {
    this.#client = new SqsClient(
      declarations.map((declaration) => {
        const name = declaration.text('queue');
        const { fifo, redrive, ...attributes } = declaration.table('attributes');
        if (fifo === true || name.endsWith('.fifo')) this.#fifo.add(name);
        const options = optionsOf(attributes);
        const policy = redrive === undefined ? null : new Fields(redrive, 'redrive');
        const dead = policy && {
          deadLetterTargetArn: policy.text('to'),
          maxReceiveCount: policy.number('maxReceiveCount'),
        };
        declaration.end();
        const extras = { ...(fifo === true && { FifoQueue: true }), ...(dead && { RedrivePolicy: dead }) };
        return { name, options: { ...options, ...extras, ...chances } };
      }),
      { implementation },
    );
  }

  /** Does one step at the current time; what came of it. */
  step(step: Fields): JsonTable {
    const client = this.#client;
    const op = step.text('op');
    if (op === 'createQueue') return {};
    let result: Json | undefined;
    if (op === 'wait') {
      client.advanceTo(client.nowUs + Math.round(step.number('ms') * 1000));
    } else {
      const queue = step.text('queue');
      switch (op) {
        case 'send':
          result = this.#send(queue, step);
          break;
        case 'sendBatch':
          result = this.#sendBatch(queue, step);
          break;
        case 'receive':
          result = this.#receive(queue, step);
          break;
        case 'delete':
          result = answerOf(client.delete(queue, this.#handle(queue, step)));
          break;
        case 'changeVisibility': {
          const us = Math.round(step.number('seconds') * SECOND);
          result = answerOf(client.changeVisibility(queue, this.#handle(queue, step), us));
          break;
        }
        case 'depth': {
          const depth = client.machine.depth(queue);
          result = depth === undefined ? null : { ...depth };
          break;
        }
        case 'purge':
          result = answerOf(client.call({ type: 'PurgeQueue', queue }));
          break;
        default:
          throw new UnknownShape(`the step ${op}`);
      }
    }
    step.end();
    const replies = this.#repliesThatCame();
    return { ...(result !== undefined && { result }), ...(replies !== null && { replies }) };
  }

  #send(queue: string, step: Fields): Json {
    const label = step.text('msg');
    const how = recordedHow(step);
    const sent = this.#client.send(queue, label, how);
    if (sent.error !== '') return { error: sent.error };
    const known = this.#labelOfId.get(sent.messageId);
    return known === undefined ? this.#note(sent.messageId, label, how) : { sameIdAs: known };
  }

  #note(messageId: number, label: string, { group }: How): string {
    this.#labelOfId.set(messageId, label);
    this.#groupOfId.set(messageId, group);
    return 'sent';
  }

  /** The labels are the ids of the entries. */
  #sendBatch(queue: string, step: Fields): Json {
    const entries = step.rows('entries').map((entry) => {
      const made = { id: entry.text('msg'), body: entry.text('msg'), how: recordedHow(entry) };
      entry.end();
      return made;
    });
    const { error, successful, failed, results } = this.#client.sendBatch(queue, entries);
    if (error !== '') return { error };
    results.forEach(({ messageId }, index) => {
      const entry = entries.find(({ id }) => id === successful[index]);
      if (entry !== undefined && !this.#labelOfId.has(messageId)) this.#note(messageId, entry.body, entry.how);
    });
    return { ok: successful, failed: failed.map(({ id }) => id) };
  }

  #receive(queue: string, step: Fields): Json | undefined {
    const received = this.#client.receive(queue, {
      max: step.number('max', 1),
      waitUs: secondsOr(step, 'waitSeconds', 0),
      visibilityUs: secondsOr(step, 'visibility', -1),
    });
    const name = step.get('as');
    if (typeof name === 'string') {
      this.#open.set(name, { received, queue });
      return undefined;
    }
    this.#client.awaitAnswer(received);
    return this.#shown(queue, received);
  }

  /** What a receive got, and remembers its handles. */
  #shown(queue: string, { error, messages }: Received): Json {
    if (error !== '') return { error };
    return messages.map(({ message, handle: receipt, attempt, messageId }) => {
      const key = `${queue} ${this.#client.body(message)}`;
      const handles = this.#handles.get(key) ?? [];
      this.#handles.set(key, [...handles, { receipt }]);
      const group = this.#groupOfId.get(messageId) ?? '';
      return { msg: this.#client.body(message), receiveCount: attempt, ...(group !== '' && { group }) };
    });
  }

  #repliesThatCame(): JsonTable | null {
    const replies: Record<string, Json> = {};
    for (const [name, { received, queue }] of this.#open) {
      if (received.answeredAtUs < 0) continue;
      this.#open.delete(name);
      const after = Math.round((received.answeredAtUs - received.askedAtUs) / 1000);
      replies[name] = { messages: this.#shown(queue, received), after };
    }
    return Object.keys(replies).length === 0 ? null : replies;
  }

  #handle(queue: string, step: Fields): number {
    if (step.has('handle')) return step.get('handle') === 'garbage' ? -1 : this.#strangeHandle();
    const handles = this.#handles.get(`${queue} ${step.text('msg')}`) ?? [];
    return handles[step.number('receive', handles.length) - 1]?.receipt ?? -1;
  }

  #strangeHandle(): never {
    throw new UnknownShape('a handle other than "garbage"');
  }
}

function recordedHow(step: Fields): How {
  const dedup = step.get('dedup');
  return {
    group: step.text('group', ''),
    dedupId: typeof dedup === 'string' ? dedup : null,
    delayUs: secondsOr(step, 'delay', -1),
    own: {},
    bytes: 0,
    system: [],
  };
}

function answerOf({ error }: Done): Json {
  return error === '' ? 'ok' : { error };
}
