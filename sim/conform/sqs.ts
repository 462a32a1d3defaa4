/**
 * Replays SQS vectors, scripts of API actions and limits of attributes, on an `Sqs` machine that is called by the API's actions. Recordings are replayed in
 * `sqs-recording.ts`.
 */
import type { MoveTask } from '../../core/brokers/sqs-move-tasks.ts';
import { QUEUE_OPTIONS } from '../../core/brokers/sqs-options.ts';
import type { QueueAttributes } from '../../core/brokers/sqs-verbs.ts';
import type { OptionValue, OptionValues } from '../../core/options.ts';
import { utf8Length } from '../../core/parts/pubsub-filter.ts';
import { caseOf, Fields, isTable, type Json, type JsonTable, type Runner, textOf, UnknownShape } from './case.ts';
import { type How, isAsked, type Result, SqsClient } from './sqs-client.ts';
import { compareAll, compareResult } from './sqs-expectations.ts';
import { optionsOf, SECOND, secondsOr } from './sqs-settings.ts';

export { runRecording } from './sqs-recording.ts';

/** Attributes about who may use a queue and how it is encrypted, which change nothing of what is delivered. */
const INERT: readonly string[] = ['Policy', 'KmsMasterKeyId', 'KmsDataKeyReusePeriodSeconds', 'SqsManagedSseEnabled'];
/** Time for whatever still waits after the last step: longer than the longest poll. */
const REST_US = 60 * SECOND;

/** `sqs-limits`: one attribute of an empty queue, which is created with it, or tells what it has by default. */
export const runLimits: Runner = (table, findings) => {
  const row = caseOf(table);
  const input = row.fields('input');
  const expected = row.fields('expected');
  row.end();
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

// ── Scripts of API actions ──────────────────────────────────────────────────────────────────────────────────────

export const runScript: Runner = (table, findings) => {
  const row = caseOf(table);
  const input = row.fields('input');
  const expected = row.table('expected');
  row.end();
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
  for (const [name, wanted] of Object.entries(expected)) {
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
      return client.receive(args.text('QueueUrl'), {
        max: args.number('MaxNumberOfMessages', 1),
        waitUs: secondsOr(args, 'WaitTimeSeconds', -1),
        visibilityUs: secondsOr(args, 'VisibilityTimeout', -1),
        ...(typeof attemptId === 'string' && { attemptId }),
        asked: {
          system: namesOf(args, 'AttributeNames', 'MessageSystemAttributeNames'),
          own: namesOf(args, 'MessageAttributeNames'),
        },
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
      const attributes = attributesGiven(args);
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
      const attributes = attributesGiven(args) as QueueAttributes;
      return client.call({ type: 'SetQueueAttributes', queue: args.text('QueueUrl'), attributes });
    }
    case 'GetQueueAttributes': {
      const names = namesOf(args, 'AttributeNames');
      const attributes = attributesOf(client, args.text('QueueUrl'));
      if (attributes === null) return { type: 'done', error: 'QueueDoesNotExist' };
      if (names?.some((name) => !TOLD.has(name))) return { type: 'done', error: 'InvalidAttributeName' };
      const told = Object.entries(attributes).filter(([name]) => isAsked(name, names));
      return { type: 'done', error: '', attributes: Object.fromEntries(told) };
    }
    case 'ListQueues': {
      const prefix = args.text('QueueNamePrefix', '');
      return { type: 'done', error: '', attributes: { QueueUrls: client.queueNames(prefix) } };
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

/** Names of attributes that are asked for; null when nothing is said of them. */
function namesOf(args: Fields, ...keys: readonly string[]): readonly string[] | null {
  const given = keys.filter((key) => args.has(key));
  return given.length === 0 ? null : given.flatMap((key) => args.texts(key));
}

/** What GetQueueAttributes may be asked for. */
const TOLD: ReadonlySet<string> = new Set([
  ...Object.keys(QUEUE_OPTIONS),
  ...['All', 'QueueArn', 'CreatedTimestamp', 'LastModifiedTimestamp', 'RedriveAllowPolicy', ...INERT],
  ...['', 'NotVisible', 'Delayed'].map((which) => `ApproximateNumberOfMessages${which}`),
]);

/** Attributes as they are given to an action; the machine refuses those that the service has not. */
function attributesGiven(args: Fields): OptionValues {
  const { RedriveAllowPolicy, ...given } = args.table('Attributes');
  if (RedriveAllowPolicy !== undefined) throw new UnknownShape('the attribute RedriveAllowPolicy');
  const options: Record<string, OptionValue> = {};
  for (const [name, value] of Object.entries(given)) {
    if (INERT.includes(name)) continue;
    Object.assign(
      options,
      QUEUE_OPTIONS[name] === undefined ? { [name]: String(value) } : optionsOf({ [name]: value }),
    );
  }
  return options;
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
    QueueArn: queue,
    ...(RedrivePolicy !== undefined && { RedrivePolicy: RedrivePolicy as unknown as JsonTable }),
    ApproximateNumberOfMessages: String(depth.visible),
    ApproximateNumberOfMessagesNotVisible: String(depth.inFlight),
    ApproximateNumberOfMessagesDelayed: String(depth.delayed),
  };
}

function apiText(name: string, value: OptionValue | undefined): string {
  return QUEUE_OPTIONS[name]?.type === 'duration' ? String(Number(value) / SECOND) : String(value);
}

/** `$r1[0].ReceiptHandle` names a handle of an earlier receive; anything else is a handle that nobody gave out. */
function receiptOf(reference: string, results: ReadonlyMap<string, Result>): number {
  const [, name = '', index = ''] = /^\$(.+)\[(\d+)\]\.ReceiptHandle$/.exec(reference) ?? [];
  const result = results.get(name);
  return result?.type === 'received' ? (result.messages[Number(index)]?.handle ?? -1) : -1;
}
