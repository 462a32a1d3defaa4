/**
 * Replays SQS vectors (scripts of API actions, limits of attributes) and recordings on an `Sqs` machine, which is called by the API's actions. Equal
 * bodies are one message here, since content is all that content-based deduplication sees. The texts of errors are AWS's own
 * wording, which the machine does not have: codes are compared, texts are not.
 */
import { Sqs } from '../../core/brokers/sqs.ts';
import { QUEUE_OPTIONS } from '../../core/brokers/sqs-options.ts';
import type {
  PlainResult,
  QueueAttributes,
  ReceivedMessage,
  ReceiveMessageResult,
  SendMessageResult,
  SqsRequest,
} from '../../core/brokers/sqs-verbs.ts';
import type { OptionSpec, OptionTable, OptionValue, OptionValues } from '../../core/options.ts';
import type { Message, Micros } from '../../core/types.ts';
import {
  Fields,
  type Findings,
  isList,
  isTable,
  type Json,
  type JsonTable,
  type Runner,
  sameItems,
  sameJson,
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
  error: string;
  /** −1 while it waits. */
  answeredAtUs: Micros;
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
  /** SourceArn of a move task, which is its handle here. */
  readonly task?: string;
  readonly attributes?: JsonTable;
}

type Result = Received | SentOne | Done;

/** A machine with queues, and the client that asks it. */
class SqsClient {
  readonly machine: Sqs;
  readonly #driver = new MachineDriver();
  readonly #messages = new Map<string, Message>();
  readonly #bodies = new Map<number, string>();
  readonly #waiting = new Map<number, Received>();
  readonly #answers = new Map<number, SendMessageResult | PlainResult>();
  readonly #receipts = new Map<string, Message>();
  #tokens = 0;

  constructor(queues: readonly { readonly name: string; readonly options: OptionValues }[]) {
    this.machine = this.#driver.start(new Sqs(queues, this.#driver.setup));
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

  send(queue: string, body: string, how: { group: string; dedupId: string | null; delayUs: Micros }): SentOne {
    const message = this.#message(body);
    const sizeBytes = utf8Length(body);
    const { error, ...rest } = this.#ask({
      type: 'SendMessage',
      queue,
      message,
      sizeBytes,
      ...how,
    }) as SendMessageResult;
    return { type: 'sent', error, messageId: rest.messageId, sequence: rest.sequence };
  }

  receive(queue: string, how: { max: number; waitUs: Micros; visibilityUs: Micros }): Received {
    const received: Received = { type: 'received', messages: [], error: '', answeredAtUs: -1, askedAtUs: this.nowUs };
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
    return done(this.#ask(request));
  }

  body(message: Message): string {
    return this.#bodies.get(message.id) ?? '';
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

  #say(request: Unsent): number {
    this.#tokens += 1;
    this.#driver.receive(CLIENT, { ...request, token: this.#tokens } as SqsRequest);
    this.#hear();
    return this.#tokens;
  }

  #ask(request: Unsent): SendMessageResult | PlainResult {
    const answer = this.#answers.get(this.#say(request));
    if (answer === undefined) throw new Error(`no answer to ${request.type}`);
    return answer;
  }

  #hear(): void {
    for (const { wire, atUs } of this.#driver.take()) {
      const result = wire as SendMessageResult | PlainResult | ReceiveMessageResult;
      if (result.type !== 'ReceiveMessageResult') {
        this.#answers.set(result.token, result);
        continue;
      }
      const received = this.#waiting.get(result.token);
      if (received === undefined) continue;
      received.messages = result.messages;
      received.error = result.error;
      received.answeredAtUs = atUs;
      for (const { message, handle } of result.messages) this.#receipts.set(`${result.queue} ${handle}`, message);
    }
  }
}

function done({ error }: { readonly error: string }): Done {
  return { type: 'done', error };
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const letter of text) {
    const point = letter.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}

// ── Attributes ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Attributes in the API's own values (seconds, and everything as text if it likes) as options; an unknown one is an unknown shape. */
function optionsOf(attributes: JsonTable, table: OptionTable = QUEUE_OPTIONS): OptionValues {
  const options: Record<string, OptionValue> = {};
  for (const [name, value] of Object.entries(attributes)) {
    const spec = table[name];
    if (spec === undefined) throw new UnknownShape(`the attribute ${name}`);
    options[name] = optionValue(name, spec, value);
  }
  return options;
}

function optionValue(name: string, spec: OptionSpec, value: Json): OptionValue {
  if (spec.type === 'object' && isTable(value)) return optionsOf(value, spec.fields);
  if (spec.type === 'boolean') return value === true || value === 'true';
  if (typeof value !== 'string' && typeof value !== 'number') throw new UnknownShape(`the value of ${name}`);
  if (spec.type === 'text' || spec.type === 'enum') return value;
  return spec.type === 'duration' ? Math.round(Number(value) * SECOND) : Number(value);
}

/** Whether a value is in the range that the option's table gives. */
function accepts(spec: OptionSpec, value: OptionValue): boolean {
  if (spec.type === 'enum')
    return typeof value !== 'object' && spec.values.some((one) => String(one) === String(value));
  if (typeof value !== 'number') return true;
  if (!('min' in spec || 'max' in spec)) return true;
  return Number.isInteger(value) && value >= (spec.min ?? value) && value <= (spec.max ?? value);
}

/** `sqs-limits`: one attribute of an empty queue. */
export const runLimits: Runner = (table, findings) => {
  const row = new Fields(table, 'case');
  const input = row.fields('input');
  const expected = row.fields('expected');
  const attribute = input.text('attribute');
  const spec = QUEUE_OPTIONS[attribute];
  if (spec === undefined) throw new UnknownShape(`the attribute ${attribute}`);
  const kind = input.text('queue_type');
  if (kind !== 'standard' && kind !== 'fifo') throw new UnknownShape(`the queue type ${kind}`);
  if (input.has('value')) {
    const value = optionValue(attribute, spec, input.get('value') ?? null);
    findings.same('accepted', expected.flag('accepted'), accepts(spec, value));
  } else {
    const value = 'default' in spec ? spec.default : undefined;
    const shown = spec.type === 'duration' ? Number(value) / SECOND : value;
    findings.same('default', expected.text('default'), String(shown));
  }
  input.end();
  expected.end();
};

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
  let result: Result;
  switch (op) {
    case 'SendMessage': {
      const dedupId = args.get('MessageDeduplicationId');
      result = client.send(args.text('QueueUrl'), textOf(args.get('MessageBody')), {
        group: args.text('MessageGroupId', ''),
        dedupId: typeof dedupId === 'string' ? dedupId : null,
        delayUs: secondsOr(args, 'DelaySeconds', -1),
      });
      break;
    }
    case 'ReceiveMessage':
      result = client.receive(args.skip('AttributeNames').text('QueueUrl'), {
        max: args.number('MaxNumberOfMessages', 1),
        waitUs: secondsOr(args, 'WaitTimeSeconds', -1),
        visibilityUs: secondsOr(args, 'VisibilityTimeout', -1),
      });
      break;
    case 'DeleteMessage':
      result = client.delete(args.text('QueueUrl'), receiptOf(args.text('ReceiptHandle'), results));
      break;
    case 'ChangeMessageVisibility':
      result = client.changeVisibility(
        args.text('QueueUrl'),
        receiptOf(args.text('ReceiptHandle'), results),
        secondsOr(args, 'VisibilityTimeout', 0),
      );
      break;
    case 'PurgeQueue':
      result = client.call({ type: 'PurgeQueue', queue: args.text('QueueUrl') });
      break;
    case 'SetQueueAttributes': {
      const attributes = optionsOf(args.table('Attributes')) as QueueAttributes;
      result = client.call({ type: 'SetQueueAttributes', queue: args.text('QueueUrl'), attributes });
      break;
    }
    case 'GetQueueAttributes':
      result = {
        type: 'done',
        error: '',
        attributes: attributesOf(client, args.skip('AttributeNames').text('QueueUrl')),
      };
      break;
    case 'StartMessageMoveTask': {
      const task = args.text('SourceArn');
      const perSecond = args.number('MaxNumberOfMessagesPerSecond', 0);
      const to = args.text('DestinationArn', '');
      result = { ...client.call({ type: 'StartMessageMoveTask', queue: task, to, perSecond }), task };
      break;
    }
    case 'CancelMessageMoveTask': {
      const [, name = ''] = /^\$(.+)\.TaskHandle$/.exec(args.text('TaskHandle')) ?? [];
      const started = results.get(name);
      const queue = started?.type === 'done' ? (started.task ?? '') : '';
      result = client.call({ type: 'CancelMessageMoveTask', queue });
      break;
    }
    default:
      throw new UnknownShape(`the action ${op}`);
  }
  args.end();
  return result;
}

/** Depth as GetQueueAttributes gives it: texts. */
function attributesOf(client: SqsClient, queue: string): JsonTable {
  const depth = client.machine.depth(queue);
  if (depth === undefined) return {};
  return {
    ApproximateNumberOfMessages: String(depth.visible),
    ApproximateNumberOfMessagesNotVisible: String(depth.inFlight),
    ApproximateNumberOfMessagesDelayed: String(depth.delayed),
  };
}

function secondsOr(args: Fields, name: string, otherwiseUs: Micros): Micros {
  return args.has(name) ? Math.round(args.number(name) * SECOND) : otherwiseUs;
}

/** A text, or `{"$repeat": [text, n]}`. */
function textOf(value: Json | undefined): string {
  if (typeof value === 'string') return value;
  const repeat = isTable(value) ? value['$repeat'] : undefined;
  const [part, times] = isList(repeat) ? repeat : [];
  if (typeof part !== 'string' || typeof times !== 'number') throw new UnknownShape('a message body that is no text');
  return part.repeat(times);
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
        const code = typeof wanted === 'string' ? wanted.replace('AWS.SimpleQueueService.', '') : wanted;
        findings.same(where, code, wanted === true ? result.error !== '' : result.error);
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
      case 'same_message_id_as': {
        const [one, other] = [messageIdOf(result), messageIdOf(results.get(String(wanted)))];
        findings.holds(where, one !== 0 && one === other, other, one);
        break;
      }
      case 'ApproximateReceiveCount':
        findings.same(where, String(wanted), String(firstOf(result)?.attempt ?? ''));
        break;
      case 'present':
      case 'absent': {
        if (result.type !== 'sent' || !isList(wanted)) throw new UnknownShape(where);
        for (const part of wanted) {
          if (part !== 'SequenceNumber') throw new UnknownShape(`${where}: ${String(part)}`);
          findings.same(`${where}.${part}`, field === 'present', result.sequence > 0);
        }
        break;
      }
      case 'message_contains':
      case 'aws_gave':
        break;
      default: {
        const attributes = result.type === 'done' ? result.attributes : undefined;
        if (attributes === undefined || !Object.hasOwn(attributes, field)) throw new UnknownShape(where);
        findings.same(where, wanted, attributes[field] ?? null);
      }
    }
  }
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

/** One recorded experiment; the emulator's labels are bodies. */
export const runRecording: Runner = (table, findings) => {
  const row = new Fields(table, 'recording');
  const script = row.fields('script');
  const steps = script.rows('steps');
  const replay = new RecordedScript(steps.filter((step) => step.text('op') === 'createQueue'));
  const wanted = new Map(row.rows('observed').map((observed) => [observed.number('step'), observed]));
  const unstable = row.list('unstable', []);
  steps.forEach((step, index) => {
    const seen = replay.step(step);
    const observed = wanted.get(index);
    if (observed !== undefined) compareObserved(`step ${index}`, observed, seen, unstable, findings);
    else findings.same(`step ${index}`, {}, seen);
  });
};

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

function isUnstable(value: Json | undefined): boolean {
  return isTable(value) && Object.hasOwn(value, '$unstable');
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
    return isList(seen) && expected.length === seen.length && expected.every((one, index) => agrees(one, seen[index]));
  }
  if (!isTable(expected)) return expected === seen;
  const names = Object.keys(expected);
  return (
    isTable(seen) &&
    names.length === Object.keys(seen).length &&
    names.every((name) => agrees(expected[name], seen[name]))
  );
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

  constructor(declarations: readonly Fields[]) {
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
        return { name, options: { ...options, ...extras } };
      }),
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
    const group = step.text('group', '');
    const dedup = step.get('dedup');
    const dedupId = typeof dedup === 'string' ? dedup : null;
    const sent = this.#client.send(queue, label, { group, dedupId, delayUs: secondsOr(step, 'delay', -1) });
    if (sent.error !== '') return { error: sent.error };
    const known = this.#labelOfId.get(sent.messageId);
    if (known !== undefined) return { sameIdAs: known };
    this.#labelOfId.set(sent.messageId, label);
    this.#groupOfId.set(sent.messageId, group);
    return 'sent';
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

function answerOf({ error }: Done): Json {
  return error === '' ? 'ok' : { error };
}
