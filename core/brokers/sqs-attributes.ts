/** Which queues may be created, with which attributes, and which attributes may be set on one that exists. What they do is decided by `sqs.ts`. */
import { booleanOf, type OptionSpec, type OptionValue, type OptionValues, tableOf, textOf } from '../options.ts';
import { encryptsTwice, INERT_ATTRIBUTES } from './sqs-labels.ts';
import { QUEUE_OPTIONS } from './sqs-options.ts';
import { SQS_ERRORS as ERROR } from './sqs-verbs.ts';

/** Names of queues: 1–80 letters, digits, hyphens and underscores, with `.fifo` at the end of a FIFO queue's (S24). */
const NAME = /^[A-Za-z0-9_-]{1,80}$/;
/** Attributes of FIFO queues only. */
const FIFO_ONLY = ['ContentBasedDeduplication', 'DeduplicationScope', 'FifoThroughputLimit'];

/** A name that ends in .fifo says it, or the attribute does (the real service wants both, S24). */
export function isFifoQueue(name: string, options: OptionValues): boolean {
  return name.endsWith('.fifo') || booleanOf(options, 'FifoQueue');
}

/** What must be known of another queue that is named as a dead-letter queue. */
export interface Target {
  readonly fifo: boolean;
  readonly allows: AllowPolicy;
}

/** Finds a queue by its name; undefined: there is none. */
export type FindTarget = (queue: string) => Target | undefined;

/** Which queues may name this one as their dead-letter queue (S10). */
export interface AllowPolicy {
  readonly permission: string;
  readonly sources: readonly string[];
}

/** The RedriveAllowPolicy that options or attributes tell; without one any queue may. */
export function allowPolicyOf(options: OptionValues): AllowPolicy {
  const policy = tableOf(options, 'RedriveAllowPolicy');
  const sources = policy?.['sourceQueueArns'];
  const permission = policy === undefined ? '' : textOf(policy, 'redrivePermission');
  return { permission: permission === '' ? 'allowAll' : permission, sources: isNames(sources) ? sources : [] };
}

export function allowsSource({ permission, sources }: AllowPolicy, name: string): boolean {
  return permission === 'allowAll' || (permission === 'byQueue' && sources.includes(name));
}

/** Whether a policy is one: only byQueue lists queues, one to ten. */
export function isAllowPolicy({ permission, sources }: AllowPolicy): boolean {
  if (permission === 'byQueue') return sources.length >= 1 && sources.length <= SOURCES_MAX;
  return sources.length === 0 && (permission === 'allowAll' || permission === 'denyAll');
}

const SOURCES_MAX = 10;

function isNames(value: OptionValue | undefined): value is readonly string[] {
  return Array.isArray(value);
}

/** Why a queue cannot be created; '' when it can. */
export function errorOfCreate(name: string, options: OptionValues, find: FindTarget): string {
  const fifo = booleanOf(options, 'FifoQueue');
  // A standard queue has no such attribute, whatever its value.
  if (!name.endsWith('.fifo') && options['FifoQueue'] === false) return ERROR.attributeName;
  if (name.endsWith('.fifo') !== fifo) return ERROR.invalid;
  if (!NAME.test(fifo ? name.slice(0, -'.fifo'.length) : name) || name.length > 80) return ERROR.invalid;
  return errorOfAttributes(name, options, fifo, find);
}

/** Why attributes of a queue that exists cannot be changed so; '' when they can. What kind it is stays; `settings` are those that it has. */
export function errorOfChange(
  name: string,
  options: OptionValues,
  fifo: boolean,
  settings: OptionValues,
  find: FindTarget,
): string {
  const kind = options['FifoQueue'];
  if (kind !== undefined && kind !== fifo) return fifo ? ERROR.attributeValue : ERROR.attributeName;
  return errorOfAttributes(name, options, fifo, find, settings);
}

/** Why attributes are refused on a queue of that kind; '' when they are not (S10, S24). */
function errorOfAttributes(
  queue: string,
  options: OptionValues,
  fifo: boolean,
  find: FindTarget,
  settings: OptionValues = {},
): string {
  for (const [name, value] of Object.entries(options)) {
    const spec = QUEUE_OPTIONS[name] ?? INERT_ATTRIBUTES[name];
    if (spec === undefined) return ERROR.attributeName;
    // A policy that is no table is a wrong parameter, as a table with wrong values is.
    if (value !== undefined && !fits(spec, value)) return spec.type === 'object' ? ERROR.invalid : ERROR.attributeValue;
    if (!fifo && FIFO_ONLY.includes(name)) return ERROR.attributeName;
  }
  if (encryptsTwice(options)) return ERROR.attributeName;
  if (!isAllowPolicy(allowPolicyOf(options))) return ERROR.invalid;
  // S34: a throughput of its own for each group needs deduplication within the group.
  const of = (name: string): string => textOf(options, name, textOf(settings, name));
  const isTouched = options['FifoThroughputLimit'] !== undefined || options['DeduplicationScope'] !== undefined;
  if (isTouched && of('FifoThroughputLimit') === 'perMessageGroupId' && of('DeduplicationScope') !== 'messageGroup')
    return ERROR.invalid;
  const redrive = tableOf(options, 'RedrivePolicy');
  // A policy with an empty target takes an earlier one away.
  if (redrive === undefined || redrive['deadLetterTargetArn'] === '') return '';
  const policy = QUEUE_OPTIONS['RedrivePolicy'];
  for (const [name, spec] of Object.entries(policy?.type === 'object' ? policy.fields : {})) {
    const value = redrive[name];
    if (value !== undefined && !fits(spec, value)) return ERROR.invalid;
  }
  // S10: the dead-letter queue must exist, be of the same kind, and allow this one to name it.
  const target = find(textOf(redrive, 'deadLetterTargetArn'));
  return target?.fifo === fifo && allowsSource(target.allows, queue) ? '' : ERROR.invalid;
}

/** Whether a value is of the option's type and within its limits. */
export function fits(spec: OptionSpec, value: OptionValue): boolean {
  switch (spec.type) {
    case 'enum':
      return spec.values.some((one) => String(one) === String(value));
    case 'duration':
    case 'integer':
    case 'bytes':
      return (
        typeof value === 'number' && Number.isInteger(value) && value >= (spec.min ?? 0) && value <= (spec.max ?? value)
      );
    case 'number':
      return typeof value === 'number' && value >= (spec.min ?? value) && value <= (spec.max ?? value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'object':
      return typeof value === 'object' && !isNames(value);
    default:
      return true;
  }
}
