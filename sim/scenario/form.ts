/**
 * A scenario as a form: for each thing that the file declares the settings that matter, each with its value or default, what it may be, and who says so. Like all
 * that describes the file it is made from the tables that read it. What is chosen in the form goes back into the text by edit.ts.
 */
import { BROKERS } from '../../core/brokers/index.ts';
import type { BrokerKind } from '../../core/brokers/kind.ts';
import { formatDuration, formatSize } from './duration.ts';
import { flow } from './edit.ts';
import { BROKER, CONSUMER, EFFECT, EXCHANGE, NETWORK, PRODUCER, QUEUE, STORE, TOPIC } from './grammar.ts';
import { namesFor } from './hints-names.ts';
import { findBrokers, quietly } from './paths.ts';
import { SCENARIO } from './root.ts';
import type { Field, JsonSchema, Measure, Shape } from './shapes.ts';
import { Source, type Spot } from './source.ts';

export type Control =
  | { readonly type: 'switch' }
  /** `text` offers the values and takes others too. */
  | { readonly type: 'choice' | 'text'; readonly values: readonly string[] }
  | { readonly type: 'number'; readonly min: number | null; readonly max: number | null; readonly step: number }
  /** A number with one of these units behind it. */
  | { readonly type: 'quantity'; readonly units: readonly string[] }
  /** From 0 to 100 %. */
  | { readonly type: 'share' };

export interface FormField {
  /** `queues.photo-jobs.VisibilityTimeout`. */
  readonly path: string;
  /** `VisibilityTimeout`, `RedrivePolicy.maxReceiveCount`. */
  readonly label: string;
  /** As the file has it; null where it says nothing. */
  readonly value: string | null;
  /** As it would be written; '' for none. */
  readonly otherwise: string;
  readonly required: boolean;
  readonly doc: string;
  /** In words, with its limits. */
  readonly takes: string;
  /** From where to where, such as `0s … 12h`; '' where there is no end to it. */
  readonly limits: string;
  /** Numbers of the rules that say so; '' for words of the file itself. */
  readonly source: string;
  /** Kind of the broker whose option it is; '' for words of the file itself. */
  readonly broker: string;
  readonly control: Control;
  /** Shown at once; the others when asked for. */
  readonly matters: boolean;
}

export interface FormGroup {
  /** `queues.photo-jobs`; '' for the run. */
  readonly path: string;
  /** `queue photo-jobs`. */
  readonly title: string;
  readonly fields: readonly FormField[];
}

export interface Form {
  readonly groups: readonly FormGroup[];
  /** Why there is none; '' otherwise. */
  readonly problem: string;
}

interface Section {
  readonly key: string;
  readonly what: string;
  readonly shape: Shape<unknown>;
  /** Words of the file that are shown at once, and how many of the broker's own options, which its table has in the order of their weight. */
  readonly matters: readonly string[];
  readonly options: number;
}

const SECTIONS: readonly Section[] = [
  { key: 'queues', what: 'queue', shape: QUEUE, matters: [], options: 4 },
  { key: 'topics', what: 'topic', shape: TOPIC, matters: [], options: 4 },
  { key: 'exchanges', what: 'exchange', shape: EXCHANGE, matters: [], options: 2 },
  { key: 'producers', what: 'producer', shape: PRODUCER, matters: ['rate', 'messages', 'key', 'poison'], options: 2 },
  {
    key: 'consumers',
    what: 'consumer',
    shape: CONSUMER,
    matters: ['count', 'process', 'settle', 'effect', 'prefetch', 'on-failure', 'fail'],
    options: 1,
  },
  { key: 'stores', what: 'store', shape: STORE, matters: ['write', 'fail'], options: 0 },
  { key: 'brokers', what: 'broker', shape: BROKER, matters: [], options: 3 },
];
const NETWORK_MATTERS = ['latency', 'loss', 'duplicate', 'reorder'];

export function formOf(text: string): Form {
  const source = new Source(text, 'scenario', BROKERS);
  const mistake = source.diagnostics.find(({ severity }) => severity === 'error');
  if (mistake !== undefined) return { groups: [], problem: `Line ${mistake.line}: ${mistake.message}` };
  source.brokersHere = findBrokers(source);
  return quietly(source, () => {
    const { root } = source;
    const run = recordFields(SCENARIO, root, '', '', ['duration', 'seed'], 0).filter(({ label }) =>
      ['duration', 'seed'].includes(label),
    );
    const groups = SECTIONS.flatMap((section): readonly FormGroup[] => {
      const { key, what, shape, matters, options } = section;
      const only = source.child(root, 'broker');
      const isOnly = key === 'brokers' && source.isMap(only);
      const entries = isOnly ? [{ key: 'broker', spot: only }] : source.entries(source.child(root, key));
      return entries.map((entry) => {
        const path = isOnly ? 'broker' : `${key}.${entry.key}`;
        const fields = recordFields(shape, entry.spot, path, '', matters, options).filter(
          ({ label }) => label !== 'kind',
        );
        return { path, title: isOnly ? 'broker' : `${what} ${entry.key}`, fields };
      });
    });
    const network = recordFields(NETWORK, source.child(root, 'network'), 'network', '', NETWORK_MATTERS, 0);
    const all = [
      { path: '', title: 'run', fields: run },
      ...groups,
      { path: 'network', title: 'network', fields: network },
    ];
    return { groups: all.filter(({ fields }) => fields.length > 0), problem: '' };
  });
}

/** The settings of a record that a form can show; those of maps inside it where the file has the map. */
function recordFields(
  shape: Shape<unknown>,
  spot: Spot,
  path: string,
  prefix: string,
  matters: readonly string[],
  options: number,
): readonly FormField[] {
  const { source } = spot;
  const inside = shape.inside?.(spot);
  if (inside?.fieldOf === undefined) return [];
  let shown = 0;
  return inside.known.flatMap((key): readonly FormField[] => {
    const field = inside.fieldOf?.(key) ?? null;
    if (field === null) return [];
    const child = source.child(spot, key);
    const here = path === '' ? key : `${path}.${key}`;
    const isOption = field.source !== undefined;
    if (source.isMap(child) && field.shape !== EFFECT && field.shape.inside?.(child).fieldOf !== undefined)
      return recordFields(field.shape, child, here, `${prefix}${key}.`, [], 0);
    const control = controlOf(field, child);
    if (control === null) return [];
    if (isOption) shown++;
    const isSet = child.keyNode !== null;
    const one = fieldOf(field, child, here, prefix + key, inside.kind ?? null);
    return [{ ...one, control, matters: isSet || matters.includes(key) || (isOption && shown <= options) }];
  });
}

function fieldOf(
  field: Field<unknown>,
  spot: Spot,
  path: string,
  label: string,
  kind: BrokerKind | null,
): Omit<FormField, 'control' | 'matters'> {
  const isOption = field.source !== undefined && kind !== null && kind.kind !== 'neutral';
  return {
    path,
    label,
    value: writtenAt(spot),
    otherwise: field.otherwise ?? '',
    required: field.needed === 'required',
    doc: field.doc,
    takes: field.shape.expected,
    limits: limitsText(field.shape.measure),
    source: isOption ? (field.source ?? '') : '',
    broker: isOption ? kind.kind : '',
  };
}

/** The value on one line; null where there is none, or none that would fit. */
function writtenAt(spot: Spot): string | null {
  const { source, node } = spot;
  if (spot.keyNode === null || node === null) return null;
  return source.text(spot) ?? flow(source.plain(spot));
}

/** What fits a place best; null for what is better written in the text. */
function controlOf({ shape }: Field<unknown>, spot: Spot): Control | null {
  const { source } = spot;
  if (shape === EFFECT) {
    const stores = namesFor(source, ['store']).map(({ name }) => name);
    const known = Object.keys({ set: 0, increment: 0, insert: 0 });
    return { type: 'text', values: ['none', ...stores.flatMap((store) => known.map((one) => `{ ${one}: ${store} }`))] };
  }
  const isPlain = !source.isMap(spot) && !source.isList(spot);
  if (!isPlain) return shape.measure === undefined && shape.naming === undefined ? null : { type: 'text', values: [] };
  if (shape.measure !== undefined) return measureControl(shape.measure);
  const schema = shape.schema(BROKERS);
  if (schema['type'] === 'boolean') return { type: 'switch' };
  const { enum: words } = schema;
  if (Array.isArray(words)) return { type: 'choice', values: words.map(String) };
  if (shape.naming !== undefined)
    return { type: 'text', values: namesFor(source, shape.naming).map(({ name }) => name) };
  return isText(schema) ? { type: 'text', values: [] } : null;
}

const UNITS = {
  duration: ['ms', 's', 'min', 'h', 'd'],
  spread: ['ms', 's', 'min'],
  rate: ['/s', '/min', '/h'],
  size: ['B', 'KiB', 'MiB', 'GiB'],
} as const;

function measureControl({ of, min, max }: Measure): Control {
  if (of === 'share') return { type: 'share' };
  if (of === 'integer' || of === 'number')
    return { type: 'number', min: limit(min), max: limit(max), step: of === 'integer' ? 1 : 0.01 };
  return { type: 'quantity', units: UNITS[of] };
}

/** The greatest numbers that there are are no limits. */
function limit(value: number | undefined): number | null {
  return value === undefined || !(value > -Number.MAX_SAFE_INTEGER && value < Number.MAX_SAFE_INTEGER) ? null : value;
}

function limitsText(measure: Measure | undefined): string {
  if (measure === undefined) return '';
  const words = measure.of === 'duration' ? formatDuration : measure.of === 'size' ? formatSize : String;
  const [min, max] = measure.of === 'share' ? [null, null] : [limit(measure.min), limit(measure.max)];
  if (max !== null) return `${words(min ?? 0)} … ${words(max)}`;
  return min === null || min <= 1 ? '' : `${words(min)} or more`;
}

function isText({ type }: JsonSchema): boolean {
  return Array.isArray(type) ? type.includes('string') : type === 'string';
}
