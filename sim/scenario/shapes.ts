/**
 * What a place in the scenario file may hold. A `Shape` reads a place into a value or complains about it, says in words and as JSON Schema
 * what it takes, and knows which keys lie inside it, so that paths (`--set`, knobs) can be followed. The grammar is built of these, and the
 * reader, the schema for editors and the reference pages all come from it.
 */
import type { BrokerKind } from '../../core/brokers/kind.ts';
import type { OptionTable, OptionValues } from '../../core/options.ts';
import type { Distribution } from '../../core/parts/distribution.ts';
import type { Micros } from '../../core/types.ts';
import {
  formatDuration,
  parseByteRate,
  parseDistribution,
  parseDuration,
  parseProbability,
  parseRate,
  parseSize,
  type Rate,
  TIME_UNITS,
} from './duration.ts';
import { nearest } from './nearest.ts';
import { shown } from './shown.ts';
import { type BrokerKinds, type Reference, Source, type Spot } from './source.ts';

export type JsonSchema = { readonly [key: string]: unknown };

/** What a text names, for whoever completes it as it is typed: things of the same file, a path into it, or a condition over metrics. */
export type Naming = Reference['wants'] | 'store' | 'attribute' | 'lane' | 'path' | 'condition';

/** What a number counts, with its limits in the program's own unit, for whoever gives it a control. */
export interface Measure {
  readonly of: 'duration' | 'spread' | 'rate' | 'size' | 'share' | 'integer' | 'number';
  readonly min?: number;
  readonly max?: number;
}

export interface Shape<T> {
  /** In words, for diagnostics and the reference: `a duration such as 30s`. */
  readonly expected: string;
  readonly naming?: readonly Naming[];
  readonly measure?: Measure;
  schema(kinds: BrokerKinds): JsonSchema;
  /** The value; undefined after something was reported. Called only where the file has something. */
  read(spot: Spot): T | undefined;
  /** What lies under a key here, for paths; absent when nothing does. */
  inside?(spot: Spot): Inside;
}

/** The keys that a place may have. */
export interface Inside {
  readonly known: readonly string[];
  /** Whether keys beside the known ones may be made by setting something inside them. */
  readonly open: boolean;
  /** The shape of a key; null when there is no such key. */
  shapeOf(key: string): Shape<unknown> | null;
  /** What is known of a key beside its shape; null, or absent, for names of the user's own choice. */
  fieldOf?(key: string): Field<unknown> | null;
  /** What the keys name, where they are names of other things of the file. */
  readonly naming?: readonly Naming[];
  /** The broker whose options are among the keys. */
  readonly kind?: BrokerKind | null;
}

// Plain values

/** A shape read from the text of one scalar. `parse` answers null for text that does not fit. */
function fromText<T>(
  expected: string,
  schema: JsonSchema,
  parse: (text: string) => T | null,
  hint: (text: string) => string = () => '',
): Shape<T> {
  return {
    expected,
    schema: () => schema,
    read(spot) {
      const text = spot.source.text(spot);
      if (text === null) return wrongKind(spot, expected);
      const value = parse(text);
      if (value !== null) return value;
      spot.source.error(
        spot,
        text === '' ? 'this is empty.' : `\`${shown(text)}\` does not fit here.`,
        expected,
        hint(text),
      );
      return undefined;
    },
  };
}

function wrongKind(spot: Spot, expected: string): undefined {
  const { source } = spot;
  const is = source.isMap(spot)
    ? 'this is a map.'
    : source.isList(spot)
      ? 'this is a list.'
      : 'there is no value here.';
  source.error(spot, is, expected);
  return undefined;
}

const textual: JsonSchema = { type: ['string', 'number'] };

function measured<T>(of: Measure['of'], shape: Shape<T>, min?: number, max?: number): Shape<T> {
  const measure = { of, ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
  return { ...shape, measure };
}

/** The same shape, of which it is known what its text names. */
export function naming<T>(shape: Shape<T>, ...names: readonly Naming[]): Shape<T> {
  return { ...shape, naming: names };
}

/** The same map, of which it is known what its keys name. */
export function keyedBy<T>(shape: Shape<T>, ...names: readonly Naming[]): Shape<T> {
  return {
    ...shape,
    inside: (spot) => ({ ...(shape.inside?.(spot) ?? { known: [], open: true, shapeOf: () => null }), naming: names }),
  };
}

export function text(longest: number, empty: 'or empty' | 'not empty' = 'not empty'): Shape<string> {
  const expected = longest < 10_000 ? `text of at most ${longest} characters` : 'text';
  return fromText(expected, { type: ['string', 'number', 'boolean'] }, (value) =>
    (value.length > 0 || empty === 'or empty') && value.length <= longest ? value : null,
  );
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const NAME_EXPECTED =
  'a name: letters, digits, `-`, `_` and `.`, beginning with a letter or digit, at most 64 characters';

export const name: Shape<string> = fromText(
  NAME_EXPECTED,
  { type: ['string', 'number'], pattern: NAME.source },
  (value) => (NAME.test(value) ? value : null),
);

function timeHint(value: string): string {
  const trimmed = value.trim();
  if (/^-/.test(trimmed)) return 'Times and spans are never negative here.';
  if (/^\d+(\.\d+)?$/.test(trimmed)) return `Add a unit: \`${trimmed}s\` or \`${trimmed}ms\`.`;
  const unit = /^\d+(?:\.\d+)? ?([A-Za-z]+)$/.exec(trimmed)?.[1];
  if (unit === undefined || TIME_UNITS.has(unit)) return '';
  const meant = /^h/i.test(unit)
    ? 'h'
    : /^mi?n/i.test(unit)
      ? 'min'
      : /^m?s/i.test(unit)
        ? unit.slice(0, /^ms/i.test(unit) ? 2 : 1)
        : /^d/i.test(unit)
          ? 'd'
          : null;
  return meant === null
    ? 'The units are us, ms, s, min, h and d.'
    : `Did you mean \`${trimmed.slice(0, -unit.length).trim()}${meant.toLowerCase()}\`?`;
}

export function duration(limits: { readonly min?: Micros; readonly max?: Micros } = {}): Shape<Micros> {
  const range = spanWords(limits.min, limits.max);
  const expected = `a duration such as \`250ms\`, \`30s\` or \`1h 30m\`${range}`;
  const read = (value: string): number | null => within(parseDuration(value), limits.min, limits.max);
  return measured('duration', fromText(expected, textual, read, timeHint), limits.min, limits.max);
}

export const rate: Shape<Rate> = measured(
  'rate',
  fromText('a rate such as `5/s`, `300/min` or `poisson 4.5/s`', { type: 'string' }, parseRate, (value) =>
    /^(poisson +)?[\d.]+$/.test(value.trim()) ? `Add a unit of time: \`${value.trim()}/s\`.` : '',
  ),
);

/** A plain rate, in times per second. */
export const perSecond: Shape<number> = measured(
  'rate',
  fromText(
    'a rate such as `5/s` or `300/min`',
    { type: 'string' },
    (value) => {
      const found = parseRate(value);
      return found === null || found.arrivals === 'poisson' ? null : found.perSecond;
    },
    (value) => (/^[\d.]+$/.test(value.trim()) ? `Add a unit of time: \`${value.trim()}/s\`.` : ''),
  ),
);

export const size: Shape<number> = measured(
  'size',
  fromText('a size such as `16KiB`, `1MB` or a number of bytes', textual, parseSize),
);

export const byteRate: Shape<number> = fromText(
  'a number of bytes per second such as `10MB/s`',
  { type: 'string' },
  (value) => parseByteRate(value) || null,
  (value) => (parseByteRate(value) === 0 ? 'Leave it out for no limit; nothing passes a link that is `split`.' : ''),
);

export const probability: Shape<number> = measured(
  'share',
  fromText('a probability: `5%`, or a number from 0 to 1', textual, parseProbability, (value) =>
    /^\d+(\.\d+)?$/.test(value.trim()) && Number(value) <= 100 ? `Did you mean \`${value.trim()}%\`?` : '',
  ),
  0,
  1,
);

export const distribution: Shape<Distribution> = measured(
  'spread',
  fromText('a duration (`200ms`), a range (`1ms..5ms`) or `exponential 1s`', textual, parseDistribution, (value) =>
    value.includes('..') ? 'Both ends need a unit, and the smaller one comes first.' : timeHint(value),
  ),
);

export function integer(min: number, max = Number.MAX_SAFE_INTEGER): Shape<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `, ${min} or more` : ` from ${min} to ${max}`;
  const expected = `a whole number${range}`;
  const schema =
    max === Number.MAX_SAFE_INTEGER
      ? { type: 'integer', minimum: min }
      : { type: 'integer', minimum: min, maximum: max };
  const read = (value: string): number | null =>
    /^-?\d{1,16}$/.test(value.trim()) ? within(Number(value), min, max) : null;
  return measured('integer', fromText(expected, schema, read), min, max);
}

export function number(min = -Number.MAX_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): Shape<number> {
  const expected = min === -Number.MAX_SAFE_INTEGER ? 'a number' : `a number, ${min} or more`;
  const read = (value: string): number | null =>
    /^[-+]?\d{1,16}(\.\d{1,16})?$/.test(value.trim()) ? within(Number(value), min, max) : null;
  return measured('number', fromText(expected, { type: 'number' }, read), min, max);
}

export const boolean: Shape<boolean> = fromText('`true` or `false`', { type: 'boolean' }, (value) =>
  value === 'true' ? true : value === 'false' ? false : null,
);

/** One of some words. `what` describes them where they are too many to list. */
export function oneOf<const T extends string>(values: readonly T[], what = ''): Shape<T> {
  const all = values.map((value) => `\`${value}\``).join(', ');
  const expected = what !== '' ? what : values.length > 1 ? `one of ${all}` : all;
  return fromText<T>(
    expected,
    { enum: values },
    (value) => values.find((one) => one === value) ?? null,
    (value) => didYouMean(nearest(value, values)),
  );
}

export function didYouMean(guess: string | null): string {
  return guess === null ? '' : `Did you mean \`${guess}\`?`;
}

/** A name of something else in the file; looked up when the whole file is read. */
export function reference(wants: Reference['wants']): Shape<string> {
  const expected = `the name of ${/^[aeiou]/.test(wants) ? 'an' : 'a'} ${wants} of this file`;
  return {
    expected,
    naming: [wants],
    schema: () => ({ type: ['string', 'number'] }),
    read(spot) {
      const value = spot.source.text(spot);
      if (value === null) return wrongKind(spot, expected);
      spot.source.references.push({ spot, name: value, wants });
      return value;
    },
  };
}

/** Any YAML value, as data. */
export const anything: Shape<unknown> = {
  expected: 'a value',
  schema: () => ({}),
  read: (spot) => spot.source.plain(spot),
};

function within(value: number | null, min = -Number.MAX_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): number | null {
  return value !== null && value >= min && value <= max ? value : null;
}

function spanWords(min: Micros | undefined, max: Micros | undefined): string {
  if (min !== undefined && max !== undefined) return `, from ${formatDuration(min)} to ${formatDuration(max)}`;
  if (min !== undefined) return `, at least ${formatDuration(min)}`;
  return max === undefined ? '' : `, at most ${formatDuration(max)}`;
}

// Lists and maps

export function list<T>(item: Shape<T>, longest = 10_000): Shape<readonly T[]> {
  const expected = `a list, each ${item.expected}`;
  return {
    expected,
    schema: (kinds) => ({ type: 'array', items: item.schema(kinds) }),
    read(spot) {
      if (!spot.source.isList(spot)) return notThis(spot, expected);
      const items = spot.source.items(spot);
      if (items.length > longest) {
        spot.source.error(spot, `this list has ${items.length} items.`, `at most ${longest}`);
        return undefined;
      }
      const values: T[] = [];
      for (const child of items) {
        const value = item.read(child);
        if (value !== undefined) values.push(value);
      }
      return values;
    },
    inside: () => ({ known: [], open: true, shapeOf: (key) => (/^\d{1,5}$/.test(key) ? item : null) }),
  };
}

/** `a`, or `[a, b]`. */
export function oneOrMany<T>(item: Shape<T>): Shape<readonly T[]> {
  const many = list(item, 1_000);
  return {
    ...many,
    ...(item.naming === undefined ? {} : { naming: item.naming }),
    expected: `${item.expected}, or a list of them`,
    schema: (kinds) => ({ anyOf: [item.schema(kinds), many.schema(kinds)] }),
    read(spot) {
      if (spot.source.isList(spot)) return many.read(spot);
      const value = item.read(spot);
      return value === undefined ? undefined : [value];
    },
  };
}

/** Names of the user's own choice, each with a value of the same shape. `value` may be absent in the file where its shape allows that. */
export function mapOf<T>(what: string, value: Shape<T>, open = false, longest = 1_000): Shape<ReadonlyMap<string, T>> {
  const expected = `a map of ${what}`;
  return {
    expected,
    schema: (kinds) => ({
      type: 'object',
      propertyNames: { pattern: NAME.source },
      additionalProperties: value.schema(kinds),
    }),
    read(spot) {
      if (spot.source.isEmpty(spot)) return new Map();
      if (!spot.source.isMap(spot)) return notThis(spot, expected);
      const entries = spot.source.entries(spot);
      if (entries.length > longest) {
        spot.source.error(spot, `there are ${entries.length} ${what}.`, `at most ${longest}`);
        return undefined;
      }
      const values = new Map<string, T>();
      for (const entry of entries) {
        if (!NAME.test(entry.key)) {
          spot.source.error(
            { ...entry.spot, node: entry.spot.keyNode },
            `\`${shown(entry.key)}\` cannot be a name.`,
            NAME_EXPECTED,
          );
          continue;
        }
        const read = value.read(entry.spot);
        if (read !== undefined) values.set(entry.key, read);
      }
      return values;
    },
    inside: (spot) => ({
      known: spot.source.entries(spot).map((entry) => entry.key),
      open,
      shapeOf: (key) => (NAME.test(key) ? value : null),
    }),
  };
}

function notThis(spot: Spot, expected: string): undefined {
  const written = spot.source.text(spot);
  if (written === null) return wrongKind(spot, expected);
  spot.source.error(spot, `\`${shown(written)}\` does not fit here.`, expected);
  return undefined;
}

/** Several shapes for one place, told apart by `choose`, which looks at the node alone. */
export function either<A, B>(first: Shape<A>, second: Shape<B>, isFirst: (spot: Spot) => boolean): Shape<A | B> {
  const measure = first.measure ?? second.measure;
  return {
    naming: [...(first.naming ?? []), ...(second.naming ?? [])],
    ...(measure === undefined ? {} : { measure }),
    expected: `${first.expected}, or ${second.expected}`,
    schema: (kinds) => ({ anyOf: [first.schema(kinds), second.schema(kinds)] }),
    read: (spot) => (isFirst(spot) ? first.read(spot) : second.read(spot)),
    inside: (spot) =>
      (isFirst(spot) ? first : second).inside?.(spot) ?? { known: [], open: false, shapeOf: () => null },
  };
}

/** The same place, read into something else. `convert` may report, and then answers undefined. */
export function mapped<A, B>(shape: Shape<A>, convert: (value: A, spot: Spot) => B | undefined): Shape<B> {
  return {
    ...shape,
    read(spot) {
      const value = shape.read(spot);
      return value === undefined ? undefined : convert(value, spot);
    },
  };
}

export function describe<T>(shape: Shape<T>, expected: string): Shape<T> {
  return { ...shape, expected };
}

// Records

/** One key of a record. `otherwise` is the default as it would be written in the file. */
export interface Field<
  T,
  Needed extends 'required' | 'optional' | 'defaulted' = 'required' | 'optional' | 'defaulted',
> {
  readonly shape: Shape<T>;
  readonly doc: string;
  readonly needed: Needed;
  readonly otherwise: string | null;
  /** A value to show in the reference. */
  readonly example: string;
  /** Numbers of the rules that say so, for options of a broker. */
  readonly source?: string;
}

export function required<T>(shape: Shape<T>, example: string, doc: string): Field<T, 'required'> {
  return { shape, doc, needed: 'required', otherwise: null, example };
}

export function optional<T>(shape: Shape<T>, example: string, doc: string): Field<T, 'optional'> {
  return { shape, doc, needed: 'optional', otherwise: null, example };
}

export function defaulted<T>(shape: Shape<T>, otherwise: string, example: string, doc: string): Field<T, 'defaulted'> {
  return { shape, doc, needed: 'defaulted', otherwise, example };
}

export type Fields = Readonly<Record<string, Field<unknown>>>;

/** The values read; a required one may be undefined too, after its absence was reported. */
export type Values<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer T, infer Needed>
    ? Needed extends 'defaulted'
      ? T
      : T | undefined
    : never;
};

/** A record as read, with the place of it, so that later checks can point there. */
export type Entry<F extends Fields> = Values<F> & { readonly spot: Spot; readonly own: OwnOptions };

/** The broker's options in a record: values with defaults filled in, and whose they are. */
export interface OwnOptions {
  readonly values: OptionValues;
  readonly kind: BrokerKind | null;
}

/** Where a record takes the options of a broker beside its own keys. */
export interface Options {
  /** The broker kind at this record, and its table; null where the broker is unknown, so that nothing can be said. */
  tableAt(spot: Spot): { readonly kind: BrokerKind; readonly table: OptionTable } | null;
  /** Every table that could apply, for the schema. */
  tables(kinds: BrokerKinds): readonly { readonly kind: BrokerKind; readonly table: OptionTable }[];
  fields(table: OptionTable): Fields;
  read(spot: Spot, table: OptionTable): OptionValues;
}

export interface Record_<F extends Fields> extends Shape<Entry<F>> {
  readonly fields: F;
}

export function record<F extends Fields>(what: string, fields: F, options: Options | null = null): Record_<F> {
  const names = Object.keys(fields);
  return {
    expected: what,
    fields,
    schema(kinds) {
      const properties: Record<string, JsonSchema> = {};
      for (const { kind, table } of options?.tables(kinds) ?? []) {
        for (const [key, field] of Object.entries(options?.fields(table) ?? {})) {
          const schema = { ...field.shape.schema(kinds), description: `${kind.title}: ${field.doc}` };
          const other = properties[key];
          properties[key] = other === undefined ? schema : { anyOf: [...alternatives(other), schema] };
        }
      }
      for (const [key, field] of Object.entries(fields)) {
        properties[key] = { ...field.shape.schema(kinds), description: fieldDoc(field) };
      }
      const needed = names.filter((key) => fields[key]?.needed === 'required');
      return {
        type: 'object',
        properties,
        additionalProperties: false,
        ...(needed.length > 0 ? { required: needed } : {}),
      };
    },
    read(spot) {
      const { source } = spot;
      if (!source.isMap(spot) && !(source.isEmpty(spot) && spot.keyNode !== null)) return notThis(spot, what);
      const own = options?.tableAt(spot) ?? null;
      const values: Record<string, unknown> = {};
      for (const { key, spot: child } of source.entries(spot)) {
        if (own !== null && Object.hasOwn(own.table, key)) continue;
        const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
        if (field !== undefined) values[key] = readField(field, child);
        else if (options === null || own !== null) unknownKey(child, key, names, own);
      }
      for (const key of names) {
        const field = fields[key];
        if (field === undefined || values[key] !== undefined) continue;
        if (field.needed === 'required' && source.child(spot, key).keyNode === null) {
          source.error(
            spot,
            `\`${key}:\` is missing.`,
            field.shape.expected,
            `For example \`${key}: ${field.example}\`.`,
          );
        }
        values[key] = field.otherwise === null ? undefined : standIn(field);
      }
      const entry = {
        spot,
        own: { values: own === null ? {} : (options?.read(spot, own.table) ?? {}), kind: own?.kind ?? null },
      };
      return { ...(values as Values<F>), ...entry };
    },
    inside(spot) {
      const own = options?.tableAt(spot) ?? null;
      const extra = own === null || options === null ? {} : options.fields(own.table);
      const fieldOf = (key: string): Field<unknown> | null => {
        if (Object.hasOwn(extra, key)) return extra[key] ?? null;
        return Object.hasOwn(fields, key) ? (fields[key] ?? null) : null;
      };
      return {
        known: [...names, ...Object.keys(extra)],
        open: false,
        shapeOf: (key) => fieldOf(key)?.shape ?? null,
        fieldOf,
        kind: own?.kind ?? null,
      };
    },
  };
}

function readField(field: Field<unknown>, spot: Spot): unknown {
  // `key:` with nothing behind it is the default where there is one, an empty map for records and maps, else a mistake.
  if (spot.source.isEmpty(spot) && field.needed === 'defaulted') return undefined;
  return field.shape.read(spot);
}

function alternatives(schema: JsonSchema): readonly unknown[] {
  const { anyOf } = schema;
  return Array.isArray(anyOf) ? anyOf : [schema];
}

export function fieldDoc(field: Field<unknown>): string {
  if (field.needed === 'required') return `${field.doc} Required.`;
  return field.otherwise === null ? field.doc : `${field.doc} Default: ${field.otherwise}.`;
}

/** Says that a key is unknown here, with what this broker has instead or the nearest name. */
export function unknownKey(
  spot: Spot,
  key: string,
  names: readonly string[],
  own: { readonly kind: BrokerKind; readonly table: OptionTable } | null,
): void {
  const at = { ...spot, node: spot.keyNode ?? spot.node };
  if (spot.source.isFull) {
    spot.source.error(at, `\`${shown(key)}\` is not known here.`);
    return;
  }
  const lacks = own !== null && Object.hasOwn(own.kind.lacks, key) ? own.kind.lacks[key] : undefined;
  if (own !== null && lacks !== undefined) {
    spot.source.error(at, `${own.kind.title} has no \`${shown(key)}\`.`, '', lacks);
    return;
  }
  const known = own === null ? names : [...names, ...Object.keys(own.table)];
  const guess = nearest(key, known);
  const elsewhere = guess === null ? otherBrokers(spot.source.kinds, key, own?.kind ?? null) : '';
  const some = known.length > 12 ? '' : `one of ${known.map((one) => `\`${one}\``).join(', ')}`;
  const whose = own === null ? '' : ` (the broker is ${own.kind.title})`;
  spot.source.error(
    at,
    `\`${shown(key)}\` is not known here${whose}.`,
    guess === null ? some : '',
    didYouMean(guess) || elsewhere,
  );
}

function otherBrokers(kinds: BrokerKinds, key: string, except: BrokerKind | null): string {
  const owners = Object.values(kinds)
    .filter((kind) => kind !== except)
    .filter((kind) =>
      [kind.options, kind.queues, kind.topics, kind.exchanges, kind.producers, kind.consumers].some(
        (table) => table !== undefined && Object.hasOwn(table, key),
      ),
    )
    .map((kind) => kind.title);
  return owners.length === 0 ? '' : `\`${key}\` is an option of ${owners.join(' and ')}.`;
}

/** A record of which the file says nothing: every key at its default. */
export function blank<F extends Fields>(fields: F): Values<F> {
  const values: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(fields))
    values[key] = field.otherwise === null ? undefined : standIn(field);
  return values as Values<F>;
}

const standIns = new WeakMap<Field<unknown>, { readonly value: unknown }>();

/** The default, read from its own text once. */
function standIn(field: Field<unknown>): unknown {
  const known = standIns.get(field);
  if (known !== undefined) return known.value;
  const source = new Source(`value: ${field.otherwise ?? ''}`, 'default', {});
  const value = field.shape.read(source.child(source.root, 'value'));
  if (source.failed || value === undefined) {
    throw new Error(`invariant: the default \`${field.otherwise}\` is not ${field.shape.expected}`);
  }
  standIns.set(field, { value });
  return value;
}
