/**
 * Replays SQS vectors, scripts of API actions and limits of attributes, on an `Sqs` machine that is called by the API's actions. Recordings are replayed in
 * `sqs-recording.ts`.
 */
import type { MoveTask } from '../../core/brokers/sqs-move-tasks.ts';
import type { QueueAttributes } from '../../core/brokers/sqs-verbs.ts';
import type { OptionValue, OptionValues } from '../../core/options.ts';
import { utf8Length } from '../../core/parts/pubsub-filter.ts';
import {
  caseOf,
  Fields,
  isList,
  isTable,
  type Json,
  type JsonTable,
  type Runner,
  textOf,
  UnknownShape,
} from './case.ts';
import { isGood } from './message-attributes.ts';
import { type How, isAsked, type Result, SqsClient } from './sqs-client.ts';
import { compareAll, compareResult } from './sqs-expectations.ts';
import { optionsOf, QUEUE_ATTRIBUTES, SECOND, secondsOr } from './sqs-settings.ts';

export { runRecording } from './sqs-recording.ts';

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
  const dead = kind === 'fifo' ? 'dead.fifo' : 'dead';
  const client = new SqsClient([{ name: dead, options: {} }]);
  const fifo: JsonTable = kind === 'fifo' ? { FifoQueue: 'true' } : {};
  const given: JsonTable = input.has('value') ? withAttribute(attribute, input.get('value') ?? null, dead) : {};
  const { error } = client.call({ type: 'CreateQueue', queue, attributes: attributesIn({ ...fifo, ...given }) });
  if (input.has('value')) {
    findings.same('accepted', expected.flag('accepted'), error === '');
  } else {
    const redrive = QUEUE_ATTRIBUTES['RedrivePolicy'];
    const spec = QUEUE_ATTRIBUTES[attribute] ?? (redrive?.type === 'object' ? redrive.fields[attribute] : undefined);
    if (spec === undefined) throw new UnknownShape(`the attribute ${attribute}`);
    // What is told only when there is something to tell has its default all the same.
    const told = attributesOf(client, queue)?.[attribute];
    const usual = 'default' in spec && spec.default !== undefined ? apiText(attribute, spec.default) : null;
    findings.same('default', expected.get('default') ?? null, told ?? usual);
  }
  input.end();
  expected.skip('error', 'message_contains').end();
};

/** A part of the redrive policy may be meant by its own name. */
function withAttribute(name: string, value: Json, dead: string): JsonTable {
  return name === 'maxReceiveCount'
    ? { RedrivePolicy: { deadLetterTargetArn: dead, maxReceiveCount: value } }
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

function act(client: SqsClient, op: string, given: Fields, results: ReadonlyMap<string, Result>): Result {
  const args = new Fields(resolved(given.record, results), `the arguments of ${op}`);
  const result = perform(client, op, args, results);
  args.end();
  return result;
}

/** A queue may also be named by a field of an earlier result: `$c.QueueUrl`, `$g.QueueArn`. */
function resolved(args: JsonTable, results: ReadonlyMap<string, Result>): JsonTable {
  const named = Object.entries(args).map(([name, value]) => {
    const [, field = ''] = typeof value === 'string' ? (/^\$.+\.(QueueUrl|QueueArn)$/.exec(value) ?? []) : [];
    return [name, field === '' ? value : (fieldOf(String(value), field, results) ?? value)] as const;
  });
  return Object.fromEntries(named);
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
      const [queue, attributes, tags] = [args.text('QueueName'), attributesGiven(args), tagsOf(args, 'tags')];
      const { error } = client.call({ type: 'CreateQueue', queue, attributes, ...(args.has('tags') && { tags }) });
      return { type: 'done', error, ...(error === '' && { attributes: { QueueUrl: queue } }) };
    }
    case 'TagQueue':
      return client.call({ type: 'TagQueue', queue: args.text('QueueUrl'), tags: tagsOf(args, 'Tags') });
    case 'UntagQueue':
      return client.call({ type: 'UntagQueue', queue: args.text('QueueUrl'), keys: args.texts('TagKeys') });
    case 'ListQueueTags': {
      const tags = client.machine.tags(args.text('QueueUrl'));
      if (tags === undefined) return { type: 'done', error: 'QueueDoesNotExist' };
      return { type: 'done', error: '', attributes: Object.keys(tags).length === 0 ? {} : { Tags: tags } };
    }
    case 'AddPermission': {
      const [accounts, actions] = [args.texts('AWSAccountIds'), args.texts('Actions')];
      const [queue, label] = [args.text('QueueUrl'), args.text('Label')];
      return client.call({ type: 'AddPermission', queue, label, accounts, actions });
    }
    case 'RemovePermission':
      return client.call({ type: 'RemovePermission', queue: args.text('QueueUrl'), label: args.text('Label') });
    case 'DeleteQueue':
      return client.call({ type: 'DeleteQueue', queue: args.text('QueueUrl') });
    case 'GetQueueUrl': {
      const queue = args.skip('QueueOwnerAWSAccountId').text('QueueName');
      const exists = client.machine.depth(queue) !== undefined;
      return { type: 'done', error: exists ? '' : 'QueueDoesNotExist', attributes: exists ? { QueueUrl: queue } : {} };
    }
    case 'ListDeadLetterSourceQueues': {
      const queue = args.text('QueueUrl');
      const exists = client.machine.depth(queue) !== undefined;
      const attributes = page('queueUrls', client.machine.sourcesOf(queue), args, results);
      return { type: 'done', error: exists ? '' : 'QueueDoesNotExist', attributes };
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
      const attributes = page('QueueUrls', client.queueNames(prefix), args, results);
      // An empty list is not told.
      const { QueueUrls: urls } = attributes;
      return { type: 'done', error: '', attributes: isList(urls) && urls.length > 0 ? attributes : {} };
    }
    case 'StartMessageMoveTask': {
      const perSecond = args.number('MaxNumberOfMessagesPerSecond', 0);
      return client.startMove(args.text('SourceArn'), args.text('DestinationArn', ''), perSecond);
    }
    case 'CancelMessageMoveTask': {
      const handle = Number(fieldOf(args.text('TaskHandle'), 'TaskHandle', results) ?? 0);
      return client.call({ type: 'CancelMessageMoveTask', handle });
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

/** One page of a list, MaxResults long, with a NextToken when there is more: the place where that begins. Of no MaxResults all come. */
function page(name: string, all: readonly string[], args: Fields, results: ReadonlyMap<string, Result>): JsonTable {
  const from = args.has('NextToken') ? Number(fieldOf(args.text('NextToken'), 'NextToken', results) ?? 0) : 0;
  const to = from + args.number('MaxResults', all.length);
  return { [name]: all.slice(from, to), ...(to < all.length && { NextToken: String(to) }) };
}

/** `$l.NextToken`: a field of an earlier result; undefined for anything else. */
function fieldOf(reference: string, field: string, results: ReadonlyMap<string, Result>): Json | undefined {
  const [, name = '', named] = /^\$(.+)\.(\w+)$/.exec(reference) ?? [];
  const result = results.get(name);
  return named === field && result?.type === 'done' ? result.attributes?.[field] : undefined;
}

function tagsOf(args: Fields, name: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(args.table(name)).map(([key, value]) => [key, String(value)]));
}

/** What GetQueueAttributes may be asked for. */
const TOLD: ReadonlySet<string> = new Set([
  ...Object.keys(QUEUE_ATTRIBUTES),
  ...['All', 'QueueArn', 'CreatedTimestamp', 'LastModifiedTimestamp'],
  ...['', 'NotVisible', 'Delayed'].map((which) => `ApproximateNumberOfMessages${which}`),
]);

/** Attributes as they are given to an action; the machine refuses those that the service has not. */
function attributesGiven(args: Fields): OptionValues {
  return attributesIn(args.table('Attributes'));
}

function attributesIn(given: JsonTable): OptionValues {
  const options: Record<string, OptionValue> = {};
  for (const [name, value] of Object.entries(given)) {
    const isKnown = QUEUE_ATTRIBUTES[name] !== undefined;
    Object.assign(options, isKnown ? optionsOf({ [name]: value }) : { [name]: String(value) });
  }
  return options;
}

function howOf(args: Fields): How {
  const dedupId = args.get('MessageDeduplicationId');
  const attributes = Object.entries(args.table('MessageAttributes')).map(([name, value]) => {
    // Given plainly, or with a type as the API has it.
    const typed = isTable(value) ? value : { Value: value };
    const text = String(typed['StringValue'] ?? typed['BinaryValue'] ?? typed['Value'] ?? '');
    return { name, text, type: isTable(value) ? String(typed['DataType'] ?? typed['Type'] ?? '') : null };
  });
  return {
    group: args.text('MessageGroupId', ''),
    dedupId: typeof dedupId === 'string' ? dedupId : null,
    delayUs: secondsOr(args, 'DelaySeconds', -1),
    own: Object.fromEntries(attributes.map(({ name, text }) => [name, text])),
    bad: !attributes.every(isGood) || attributes.length > ATTRIBUTES_MAX || !isTraced(args),
    bytes: attributes.reduce((sum, { name, text, type }) => sum + utf8Length(name + (type ?? '') + text), 0),
    system: Object.keys(args.table('MessageSystemAttributes')),
  };
}

/** At most so many attributes of its sender's own has a message. */
const ATTRIBUTES_MAX = 10;

/** There is one attribute of the system's that a sender may set. */
function isTraced(args: Fields): boolean {
  return Object.keys(args.table('MessageSystemAttributes')).every((name) => name === 'AWSTraceHeader');
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
  return {
    ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, apiText(name, value)])),
    QueueArn: queue,
    ApproximateNumberOfMessages: String(depth.visible),
    ApproximateNumberOfMessagesNotVisible: String(depth.inFlight),
    ApproximateNumberOfMessagesDelayed: String(depth.delayed),
  };
}

/** As the API tells it: texts, durations and times in whole seconds; policies as they are. */
function apiText(name: string, value: OptionValue | undefined): Json {
  if (typeof value === 'object') return value as unknown as JsonTable;
  const isTime = name.endsWith('Timestamp') || QUEUE_ATTRIBUTES[name]?.type === 'duration';
  return isTime ? String(Math.floor(Number(value) / SECOND)) : String(value);
}

/** `$r1[0].ReceiptHandle` names a handle of an earlier receive; anything else is a handle that nobody gave out. */
function receiptOf(reference: string, results: ReadonlyMap<string, Result>): number {
  const [, name = '', index = ''] = /^\$(.+)\[(\d+)\]\.ReceiptHandle$/.exec(reference) ?? [];
  const result = results.get(name);
  return result?.type === 'received' ? (result.messages[Number(index)]?.handle ?? -1) : -1;
}
