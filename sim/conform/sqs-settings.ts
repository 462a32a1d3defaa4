/** Attributes of queues, topics and subscriptions as the API writes them (seconds, and everything as text if it likes), read by the option tables of a scenario. */
import { INERT_ATTRIBUTES } from '../../core/brokers/sqs-labels.ts';
import { QUEUE_OPTIONS } from '../../core/brokers/sqs-options.ts';
import type { OptionSpec, OptionTable, OptionValue, OptionValues } from '../../core/options.ts';
import { parsed } from '../../core/parts/filter-policy.ts';
import type { Micros } from '../../core/types.ts';
import { type Fields, isList, isTable, type Json, type JsonTable, UnknownShape } from './case.ts';

export const SECOND: Micros = 1_000_000;

/** All attributes that a queue may be given. */
export const QUEUE_ATTRIBUTES: OptionTable = { ...QUEUE_OPTIONS, ...INERT_ATTRIBUTES };

/** Attributes in the API's own values (seconds, and everything as text if it likes) as options; an unknown one is an unknown shape. */
export function optionsOf(attributes: JsonTable, table: OptionTable = QUEUE_ATTRIBUTES): OptionValues {
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
  if (spec.type === 'boolean') {
    // What is neither stays as it is, and is refused.
    const text = String(value);
    return text === 'true' || (text === 'false' ? false : text);
  }
  if (spec.type === 'list' && isList(value)) return value.map(String);
  if (typeof value !== 'string' && typeof value !== 'number') throw new UnknownShape(`the value of ${name}`);
  if (spec.type === 'text' || spec.type === 'enum') return value;
  // A duration that is no whole number of seconds stays none.
  return spec.type === 'duration' ? Number(value) * SECOND : Number(value);
}

/** A time in seconds, or another one where none is given. */
export function secondsOr(args: Fields, name: string, otherwiseUs: Micros): Micros {
  return args.has(name) ? Math.round(args.number(name) * SECOND) : otherwiseUs;
}
