/**
 * Brokers' option tables as shapes of the scenario file: the same reading, complaining and describing as for the file's own keys. A bare
 * number has the option's own unit, as in the real thing (`VisibilityTimeout: 30` is seconds); written units always work.
 */
import type { BrokerKind } from '../../core/brokers/kind.ts';
import type { OptionSpec, OptionTable, OptionValue, OptionValues } from '../../core/options.ts';
import { formatDuration, formatSize, parseDuration, parseSize, TIME_UNITS } from './duration.ts';
import type { Field, Fields, Options, Shape } from './shapes.ts';
import * as shapes from './shapes.ts';
import { shown } from './shown.ts';
import type { Spot } from './source.ts';

/** Where in a broker's kind an options table is found. */
export type Section = 'options' | 'queues' | 'topics' | 'exchanges' | 'producers' | 'consumers';

/** The options that the record at a spot takes from its broker. */
export function optionsOf(section: Section): Options {
  return {
    tableAt(spot) {
      const kind = section === 'options' ? kindHere(spot) : kindFor(spot);
      return kind === null ? null : { kind, table: kind[section] ?? {} };
    },
    tables: (kinds) => Object.values(kinds).map((kind) => ({ kind, table: kind[section] ?? {} })),
    fields: fieldsOf,
    read: readOptions,
  };
}

/** `kind:` of the broker's own record. */
function kindHere(spot: Spot): BrokerKind | null {
  const { source } = spot;
  const kind = source.text(source.child(spot, 'kind'));
  return kind !== null && Object.hasOwn(source.kinds, kind) ? (source.kinds[kind] ?? null) : null;
}

/** The broker that a queue, producer or consumer belongs to: named by `broker:`, here or around it (of outputs it is their consumer's), else the only one. */
function kindFor(spot: Spot): BrokerKind | null {
  const { source } = spot;
  for (let at: Spot = spot; at.parent !== null; at = at.parent) {
    const named = source.text(source.child(at, 'broker'));
    if (named !== null) return source.brokersHere.get(named) ?? null;
  }
  if (source.brokersHere.size !== 1) return null;
  for (const kind of source.brokersHere.values()) return kind;
  return null;
}

const fieldsOfTable = new WeakMap<OptionTable, Fields>();

/** A table as fields of a record. */
export function fieldsOf(table: OptionTable): Fields {
  const known = fieldsOfTable.get(table);
  if (known !== undefined) return known;
  const fields: Record<string, Field<unknown>> = {};
  for (const [name, spec] of Object.entries(table)) {
    const shape = shapeOf(spec);
    const otherwise = defaultText(spec);
    const field =
      otherwise === null ? shapes.optional(shape, '', spec.doc) : shapes.defaulted(shape, otherwise, '', spec.doc);
    fields[name] = { ...field, source: spec.source };
  }
  fieldsOfTable.set(table, fields);
  return fields;
}

/** Reads what the file gives of a table, and fills in the defaults of the rest. */
function readOptions(spot: Spot, table: OptionTable): OptionValues {
  const fields = fieldsOf(table);
  const values: Record<string, OptionValue> = {};
  for (const { key, spot: child } of spot.source.entries(spot)) {
    if (!Object.hasOwn(table, key)) continue;
    const value = fields[key]?.shape.read(child);
    if (value !== undefined) values[key] = value as OptionValue;
  }
  return { ...defaultsOf(table), ...values };
}

/** The defaults of a table; nested tables have none until they are given. */
export function defaultsOf(table: OptionTable): OptionValues {
  const values: Record<string, OptionValue> = {};
  for (const [name, spec] of Object.entries(table)) {
    if (hasDefault(spec)) values[name] = spec.default;
  }
  return values;
}

type Plain = Exclude<OptionSpec, { readonly type: 'object' | 'map' | 'json' }>;

function hasDefault(spec: OptionSpec): spec is Plain & { readonly default: NonNullable<Plain['default']> } {
  return spec.type !== 'object' && spec.type !== 'map' && spec.type !== 'json' && spec.default !== undefined;
}

/** The default in the words of the file; null for none. */
export function defaultText(spec: OptionSpec): string | null {
  if (!hasDefault(spec)) return null;
  switch (spec.type) {
    case 'duration':
      return spec.default === -1 ? 'never' : formatDuration(spec.default);
    case 'bytes':
      return formatSize(spec.default);
    case 'list':
      return `[${spec.default.join(', ')}]`;
    default:
      return spec.default === '' ? '""' : String(spec.default);
  }
}

function shapeOf(spec: OptionSpec): Shape<OptionValue> {
  switch (spec.type) {
    case 'duration':
      return durationOption(spec);
    case 'integer':
      return bounded(spec.min ?? Math.min(0, spec.default ?? 0), spec.max);
    case 'number':
      return shapes.number(spec.min, spec.max);
    case 'bytes':
      return bytesOption(spec.min ?? 0, spec.max ?? Number.MAX_SAFE_INTEGER);
    case 'boolean':
      return shapes.boolean;
    case 'enum':
      return enumOption(spec.values);
    case 'text':
      return spec.names === undefined ? shapes.text(1_000, 'or empty') : shapes.reference(spec.names);
    case 'list':
      return shapes.oneOrMany(shapes.text(1_000));
    case 'object':
      return objectOption(spec.fields);
    case 'map':
      return mapOption(spec);
    case 'json':
      return jsonOption(spec.example);
    default:
      return unknownSpec(spec);
  }
}

function bounded(min: number, max: number | undefined): Shape<number> {
  return max === undefined ? shapes.integer(min) : shapes.integer(min, max);
}

function durationOption(spec: Extract<OptionSpec, { type: 'duration' }>): Shape<number> {
  const inner = shapes.duration({
    ...(spec.min !== undefined ? { min: spec.min } : {}),
    ...(spec.max !== undefined ? { max: spec.max } : {}),
  });
  const unit =
    spec.unit === 'us' ? 'microseconds' : { ms: 'milliseconds', s: 'seconds', min: 'minutes', h: 'hours' }[spec.unit];
  const expected = `${inner.expected}; a bare number is in ${unit}${spec.unlimited ? '; `never` (or -1) for no limit' : ''}`;
  const unitUs = TIME_UNITS.get(spec.unit) ?? 1;
  return {
    ...inner,
    expected,
    read(spot) {
      const text = spot.source.text(spot);
      if (text === null) return inner.read(spot);
      if (spec.unlimited && (text === '-1' || text === 'never')) return -1;
      const us = /^\d{1,15}(\.\d{1,9})?$/.test(text) ? Math.round(Number(text) * unitUs) : parseDuration(text);
      if (us === null) return inner.read(spot);
      if (us >= (spec.min ?? 0) && us <= (spec.max ?? Number.MAX_SAFE_INTEGER)) return us;
      spot.source.error(spot, `${formatDuration(us)} is out of range.`, expected);
      return undefined;
    },
  };
}

function bytesOption(min: number, max: number): Shape<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? '' : `, from ${formatSize(min)} to ${formatSize(max)}`;
  const expected = `${shapes.size.expected}${range}`;
  return {
    ...shapes.size,
    expected,
    measure: { of: 'size', min, max },
    read(spot) {
      const text = spot.source.text(spot);
      const bytes = text === null ? null : text === '-1' && min < 0 ? -1 : parseSize(text);
      if (bytes === null) return shapes.describe(shapes.size, expected).read(spot);
      if (bytes >= min && bytes <= max) return bytes;
      spot.source.error(spot, `\`${shown(text ?? '')}\` is out of range.`, expected);
      return undefined;
    },
  };
}

/** Values compare as text, so `acks: 1` and `acks: "1"` are the same; the answer is the table's own value. */
function enumOption(values: readonly (string | number)[]): Shape<string | number> {
  const inner = shapes.oneOf(values.map(String));
  return {
    ...shapes.mapped(inner, (text) => values.find((value) => String(value) === text)),
    schema: () => ({ enum: values }),
  };
}

function objectOption(table: OptionTable): Shape<OptionValues> {
  const options: Options = {
    tableAt: () => null,
    tables: () => [],
    fields: fieldsOf,
    read: readOptions,
  };
  const inner = shapes.record('a map', fieldsOf(table), options);
  return {
    ...inner,
    read(spot) {
      if (!spot.source.isMap(spot)) return inner.read(spot) === undefined ? undefined : readOptions(spot, table);
      for (const { key, spot: child } of spot.source.entries(spot)) {
        if (!Object.hasOwn(table, key)) shapes.unknownKey(child, key, Object.keys(table), null);
      }
      return readOptions(spot, table);
    },
  };
}

function mapOption({ names, fields }: Extract<OptionSpec, { type: 'map' }>): Shape<OptionValues> {
  const item = objectOption(fields);
  const inner = shapes.mapOf(names === undefined ? 'maps' : `${names}s, each with a map`, item);
  const whose = names === undefined ? null : shapes.reference(names);
  return {
    ...(names === undefined ? inner : shapes.keyedBy(inner, names)),
    read(spot) {
      for (const { spot: child } of spot.source.entries(spot)) whose?.read({ ...child, node: child.keyNode });
      // A name with nothing behind it has everything at its default.
      const values: Record<string, OptionValues> = {};
      if (!spot.source.isMap(spot)) return inner.read(spot) === undefined ? undefined : values;
      for (const { key, spot: child } of spot.source.entries(spot)) {
        const value = spot.source.isEmpty(child) ? defaultsOf(fields) : item.read(child);
        if (value !== undefined) values[key] = value;
      }
      return values;
    },
  };
}

/** Kept as text, so that options stay plain; a text in the file is taken for JSON already. */
function jsonOption(example: string): Shape<string> {
  const expected = `JSON or YAML such as \`${example}\``;
  return {
    expected,
    schema: () => ({}),
    read(spot) {
      const text = spot.source.isMap(spot) || spot.source.isList(spot) ? null : spot.source.text(spot);
      if (text === null) return JSON.stringify(spot.source.plain(spot));
      try {
        return JSON.stringify(JSON.parse(text));
      } catch {
        spot.source.error(spot, `\`${shown(text)}\` is no JSON.`, expected);
        return undefined;
      }
    },
  };
}

function unknownSpec(spec: never): never {
  throw new Error(`invariant: unknown option type ${JSON.stringify(spec)}`);
}
