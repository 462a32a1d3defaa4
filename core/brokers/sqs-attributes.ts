/** Which queues may be created, with which attributes, and which attributes may be set on one that exists. What they do is decided by `sqs.ts`. */
import { booleanOf, type OptionSpec, type OptionValue, type OptionValues, tableOf, textOf } from '../options.ts';
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

/** Why a queue cannot be created; '' when it can. `fifoOf` says of another queue whether it is FIFO; undefined: there is none. */
export function errorOfCreate(
  name: string,
  options: OptionValues,
  fifoOf: (queue: string) => boolean | undefined,
): string {
  const fifo = booleanOf(options, 'FifoQueue');
  // A standard queue has no such attribute, whatever its value.
  if (!name.endsWith('.fifo') && options['FifoQueue'] === false) return ERROR.attributeName;
  if (name.endsWith('.fifo') !== fifo) return ERROR.invalid;
  if (!NAME.test(fifo ? name.slice(0, -'.fifo'.length) : name) || name.length > 80) return ERROR.invalid;
  return errorOfAttributes(options, fifo, fifoOf);
}

/** Why attributes of a queue that exists cannot be changed so; '' when they can. What kind it is stays. */
export function errorOfChange(
  options: OptionValues,
  fifo: boolean,
  fifoOf: (queue: string) => boolean | undefined,
): string {
  const kind = options['FifoQueue'];
  if (kind !== undefined && kind !== fifo) return fifo ? ERROR.attributeValue : ERROR.attributeName;
  return errorOfAttributes(options, fifo, fifoOf);
}

/** Why attributes are refused on a queue of that kind; '' when they are not (S10, S24). */
function errorOfAttributes(
  options: OptionValues,
  fifo: boolean,
  fifoOf: (queue: string) => boolean | undefined,
): string {
  for (const [name, value] of Object.entries(options)) {
    const spec = QUEUE_OPTIONS[name];
    if (spec === undefined) return ERROR.attributeName;
    if (value !== undefined && !fits(spec, value)) return ERROR.attributeValue;
    if (!fifo && FIFO_ONLY.includes(name)) return ERROR.attributeName;
  }
  // S34: a throughput of its own for each group needs deduplication within the group.
  const perGroup = textOf(options, 'FifoThroughputLimit') === 'perMessageGroupId';
  if (perGroup && textOf(options, 'DeduplicationScope') !== 'messageGroup') return ERROR.invalid;
  const redrive = tableOf(options, 'RedrivePolicy');
  // A policy with an empty target takes an earlier one away.
  if (redrive === undefined || redrive['deadLetterTargetArn'] === '') return '';
  const policy = QUEUE_OPTIONS['RedrivePolicy'];
  for (const [name, spec] of Object.entries(policy?.type === 'object' ? policy.fields : {})) {
    const value = redrive[name];
    if (value !== undefined && !fits(spec, value)) return ERROR.invalid;
  }
  // S10: the dead-letter queue must exist and be of the same kind.
  return fifoOf(textOf(redrive, 'deadLetterTargetArn')) === fifo ? '' : ERROR.invalid;
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
    default:
      return true;
  }
}
