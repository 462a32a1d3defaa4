/**
 * What an SQS script expects of the results of its steps, field by field, and of several results together. The texts of errors are AWS's own wording, which the machine
 * does not have: codes are compared, texts are not.
 */
import type { ReceivedMessage } from '../../core/brokers/sqs-verbs.ts';
import { Fields, type Findings, isList, isTable, type Json, sameItems, sameJson, UnknownShape } from './case.ts';
import type { Result, SqsClient } from './sqs-client.ts';
import { QUEUE_ATTRIBUTES, SECOND } from './sqs-settings.ts';

export function compareResult(
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
  const ofMessages = Object.keys(expected.record).filter((field) => OF_MESSAGES.has(field));
  if (ofMessages.length > 0 && received === undefined) throw new UnknownShape(`${name}.${ofMessages.join(', ')}`);
  if (ofMessages.length > 0 && received !== undefined) {
    const answer = received.answeredAtUs < 0 ? 'none' : received.error === '' ? 'messages' : received.error;
    findings.same(`${name}: the answer`, 'messages', answer);
  }
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
        findings.holds(`${name}: a message`, bodies.length > 0, 'a message', bodies.length);
        for (const attribute of isList(wanted) ? wanted : [wanted]) {
          const has = received?.told[0]?.system.includes(String(attribute)) ?? false;
          findings.same(`${where}.${String(attribute)}`, field === 'attributes_present', has);
        }
        break;
      case 'MessageAttributes':
        findings.same(where, wanted, received?.told[0]?.own ?? null);
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
        // What is empty may be left out.
        const isNothing = got === undefined && isEmpty(wanted);
        // A number may be told as its text, and names come in any order.
        const agrees = asList
          ? sameItems(wanted, got)
          : isNothing || sameJson(wanted, got ?? null) || String(wanted) === String(got);
        findings.holds(where, agrees, wanted, got ?? null);
      }
    }
  }
}

/** What is expected of the messages that a receive got. */
const OF_MESSAGES: ReadonlySet<string> = new Set([
  ...['bodies', 'bodies_any_order', 'one_of', 'per_group_order', 'count', 'min_count', 'max_count', 'at_t'],
  ...['attributes_present', 'attributes_absent', 'MessageAttributes', 'ApproximateReceiveCount'],
]);

function isEmpty(value: Json): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** Fields that a response of an action with a response of its own may have. */
const RESPONSE_FIELDS: ReadonlySet<string> = new Set([
  ...Object.keys(QUEUE_ATTRIBUTES),
  'CreatedTimestamp',
  'LastModifiedTimestamp',
  'Tags',
  'NextToken',
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
  'QueueArn',
  'QueueUrl',
  'QueueUrls',
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
    if (!isTable(entry)) continue;
    // Whoever's fault it was: all that is refused here is the sender's.
    const { Id: _, Code: code, Message: __, SenderFault: fault, ...more } = entry;
    if (Object.keys(more).length > 0) throw new UnknownShape(`${where} with ${Object.keys(more).join(', ')}`);
    if (fault !== undefined) findings.same(`${where}.SenderFault`, fault, failed);
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

const OF_EACH: ReadonlySet<string> = new Set(['MessageId', 'ReceiptHandle', 'Body', 'MD5OfBody']);

/** Whether a response has a field. */
function hasField(result: Result, field: string): boolean {
  if (result.type === 'sent') {
    if (field === 'SequenceNumber') return result.sequence > 0;
    if (field === 'MessageId' || field === 'MD5OfMessageBody') return result.error === '';
    if (field === 'MD5OfMessageSystemAttributes') return result.error === '' && result.hasSystemAttributes;
    if (field === 'MD5OfMessageAttributes') return result.error === '' && result.hasAttributes;
  } else if (result.type === 'batch') {
    if (field === 'Successful') return result.successful.length > 0;
    if (field === 'Failed') return result.failed.length > 0;
  } else if (result.type === 'received') {
    // A message is always told whole.
    if (field === 'Messages' || OF_EACH.has(field)) return result.messages.length > 0;
  } else if (result.type === 'done' && (RESPONSE_FIELDS.has(field) || field === 'TaskHandle')) {
    return Object.hasOwn(result.attributes ?? {}, field);
  }
  throw new UnknownShape(`the field ${field}`);
}

export function compareAll(
  check: string,
  wanted: Json,
  results: ReadonlyMap<string, Result>,
  findings: Findings,
): void {
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

/** `$s1.SequenceNumber`, `$b1.Successful[0].SequenceNumber` of a batch, or just the name of a send. */
function sequenceOf(reference: string, results: ReadonlyMap<string, Result>): number {
  const [, name = '', index = '', field = 'SequenceNumber'] =
    /^\$?([^.]+?)(?:\.Successful\[(\d+)\])?(?:\.([^.]+))?$/.exec(reference) ?? [];
  const result = results.get(name);
  if (field === 'SequenceNumber') {
    if (result?.type === 'sent' && index === '') return result.sequence;
    if (result?.type === 'batch' && index !== '') return result.results[Number(index)]?.sequence ?? 0;
  }
  throw new UnknownShape(reference);
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
