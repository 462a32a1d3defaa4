/**
 * What a queue carries that changes nothing of what it delivers: tags, the labels of its permissions, encryption and policy, when it was made and changed. The API
 * keeps and tells it; whether somebody may call is not judged here, as there is one account (S10).
 */
import type { OptionTable, OptionValue, OptionValues } from '../options.ts';
import { isTable, parsed } from '../parts/filter-policy.ts';
import type { Micros } from '../types.ts';
import { SQS_ERRORS as ERROR } from './sqs-verbs.ts';

const SECOND = 1_000_000;

/** Attributes that a queue keeps, and by which nothing is delivered otherwise. They are no options of a scenario. */
export const INERT_ATTRIBUTES: OptionTable = {
  Policy: { type: 'text', doc: 'Who may call, as JSON.', source: 'API SetQueueAttributes' },
  KmsMasterKeyId: { type: 'text', doc: 'The key of encryption by KMS.', source: 'API SetQueueAttributes' },
  KmsDataKeyReusePeriodSeconds: {
    type: 'duration',
    unit: 's',
    default: 300 * SECOND,
    min: 60 * SECOND,
    max: 86_400 * SECOND,
    doc: 'For how long a data key is used again.',
    source: 'API SetQueueAttributes',
  },
  SqsManagedSseEnabled: {
    type: 'boolean',
    default: true,
    doc: 'Encryption by keys of SQS itself.',
    source: 'API SetQueueAttributes',
  },
};

/** At most so many tags of one queue, and so long a key and a value. */
const TAGS_MAX = 50;
const TAG_KEY_MAX = 128;
const TAG_VALUE_MAX = 256;
/** Labels of permissions are like names of queues. */
const LABEL = /^[A-Za-z0-9_-]{1,80}$/;
/** Actions that a permission may be for, at most seven of them at once. */
const PERMITTED: ReadonlySet<string> = new Set([
  ...['*', 'SendMessage', 'ReceiveMessage', 'DeleteMessage', 'ChangeMessageVisibility', 'GetQueueAttributes'],
  ...['GetQueueUrl', 'ListDeadLetterSourceQueues', 'PurgeQueue'],
]);
const ACTIONS_MAX = 7;

export class QueueLabels {
  readonly #tags = new Map<string, string>();
  /** By label: a statement of the queue's policy. */
  readonly #permissions = new Map<string, Readonly<Record<string, unknown>>>();
  readonly #kept = new Map<string, OptionValue>();
  readonly #createdAtUs: Micros;
  #modifiedAtUs: Micros;

  constructor(atUs: Micros, attributes: OptionValues) {
    this.#createdAtUs = atUs;
    this.#modifiedAtUs = atUs;
    this.change(attributes, atUs);
  }

  get tags(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#tags);
  }

  /** Attributes beside those that matter, as GetQueueAttributes tells them: what was not set has its default, or is not told. Times are µs. */
  get attributes(): OptionValues {
    const told: Record<string, OptionValue> = {
      CreatedTimestamp: this.#createdAtUs,
      LastModifiedTimestamp: this.#modifiedAtUs,
    };
    const key = this.#kept.get('KmsMasterKeyId');
    for (const [name, value] of this.#kept) if (value !== '') told[name] = value;
    // Permissions are statements of the policy: the one that they were added to, or one of their own.
    if (this.#permissions.size > 0) told['Policy'] = withStatements(told['Policy'], [...this.#permissions.values()]);
    // One kind of encryption at a time: the service's own is on until a key is named.
    told['SqsManagedSseEnabled'] ??= key === undefined || key === '';
    if (told['KmsMasterKeyId'] !== undefined) told['KmsDataKeyReusePeriodSeconds'] ??= 300 * SECOND;
    return told;
  }

  /** Takes over those attributes that are kept here; the rest belong to the queue itself. */
  change(attributes: OptionValues, atUs: Micros): void {
    this.#modifiedAtUs = atUs;
    for (const name of Object.keys(INERT_ATTRIBUTES)) {
      const value = attributes[name];
      if (value !== undefined) this.#kept.set(name, value);
    }
    // A policy takes the place of the one before, with all that was added to it.
    if (attributes['Policy'] !== undefined) this.#permissions.clear();
    if (attributes['SqsManagedSseEnabled'] === true) this.#kept.delete('KmsMasterKeyId');
    else if (textGiven(attributes['KmsMasterKeyId'])) this.#kept.set('SqsManagedSseEnabled', false);
  }

  /** TagQueue: a key that is there already gets the new value. The error; '' when all were taken. */
  tag(tags: Readonly<Record<string, string>>): string {
    const given = Object.entries(tags);
    if (given.length === 0) return ERROR.missing;
    const fit = given.every(([key, value]) => isTagKey(key) && value.length <= TAG_VALUE_MAX);
    const added = given.filter(([key]) => !this.#tags.has(key)).length;
    if (!fit || this.#tags.size + added > TAGS_MAX) return ERROR.invalid;
    for (const [key, value] of given) this.#tags.set(key, value);
    return '';
  }

  /** UntagQueue: keys that are not there are passed over. */
  untag(keys: readonly string[]): string {
    for (const key of keys) this.#tags.delete(key);
    return keys.length === 0 ? ERROR.invalid : '';
  }

  /** AddPermission: a label is given once. */
  permit(label: string, accounts: readonly string[], actions: readonly string[]): string {
    if (accounts.length === 0 || actions.length === 0) return ERROR.missing;
    if (actions.length > ACTIONS_MAX) return ERROR.overLimit;
    const fit = LABEL.test(label) && actions.every((action) => PERMITTED.has(action));
    if (!fit || this.#permissions.has(label)) return ERROR.invalid;
    const principals = accounts.map((account) => `arn:aws:iam::${account}:root`);
    const granted = actions.map((action) => `SQS:${action}`);
    this.#permissions.set(label, {
      Sid: label,
      Effect: 'Allow',
      Principal: { AWS: principals.length === 1 ? principals[0] : principals },
      Action: granted.length === 1 ? granted[0] : granted,
    });
    return '';
  }

  /** RemovePermission: the label must be there. */
  forbid(label: string): string {
    return this.#permissions.delete(label) ? '' : ERROR.invalid;
  }
}

/** Whether both kinds of encryption are asked for at once, which is refused. */
export function encryptsTwice(attributes: OptionValues): boolean {
  return attributes['SqsManagedSseEnabled'] === true && textGiven(attributes['KmsMasterKeyId']);
}

/** A policy, which is JSON, with these statements behind its own. */
function withStatements(policy: OptionValue | undefined, statements: readonly object[]): string {
  const own = jsonOf(typeof policy === 'string' ? policy : '');
  const before = Array.isArray(own['Statement']) ? (own['Statement'] as readonly unknown[]) : [];
  return JSON.stringify({ Version: '2008-10-17', ...own, Statement: [...before, ...statements] });
}

function jsonOf(text: string): Readonly<Record<string, unknown>> {
  const value = parsed(text);
  return isTable(value) ? value : {};
}

function textGiven(value: OptionValue | undefined): boolean {
  return typeof value === 'string' && value !== '';
}

/** Keys that begin with aws: are the service's own. */
function isTagKey(key: string): boolean {
  return key.length > 0 && key.length <= TAG_KEY_MAX && !key.toLowerCase().startsWith('aws:');
}
