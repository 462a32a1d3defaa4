/**
 * Help for whoever types a scenario: what may be written at a character of the text, and what stands there means. Both come from the tables by which the
 * parser reads (grammar, verbs, options of the broker at hand), so there is nothing that one knows and the other does not. The text need
 * not be whole: where the cursor is, is found by hints-place.ts.
 */
import { BROKERS } from '../../core/brokers/index.ts';
import type { BrokerKind } from '../../core/brokers/kind.ts';
import { FACTS, type FactName } from '../../core/facts.ts';
import { MEANINGS } from '../checks/meanings.ts';
import type { ClaimName } from '../checks/names.ts';
import { wordDoc, wordsAfter } from './hints-condition.ts';
import { namesFor } from './hints-names.ts';
import { type Known, knownAt, type Place, placesAt, wordAt } from './hints-place.ts';
import { PROFILES } from './neutral/profiles.ts';
import { follow } from './paths.ts';
import { SCENARIO } from './root.ts';
import type { Field, Inside, JsonSchema, Shape } from './shapes.ts';
import type { Source } from './source.ts';

/** What is known of a key or a value, for people. Each text is '' where there is nothing to say. */
export interface Doc {
  readonly title: string;
  /** Meaning, with `code` in backticks. */
  readonly text: string;
  /** What it takes, with limits: `a duration such as …, from 0s to 12h`. */
  readonly takes: string;
  /** The real default, as it would be written. */
  readonly otherwise: string;
  readonly example: string;
  /** Rules that say so, such as `S2`; '' for words of the file itself. */
  readonly source: string;
  /** Kind of the broker whose option it is, such as `sqs`; '' for words of the file itself. */
  readonly broker: string;
}

export interface Completion {
  readonly label: string;
  /** What takes the place of the word; `\n` stands for a new line at the indentation of the present one. */
  readonly insert: string;
  /** So many characters before the end of what was inserted the cursor stands. */
  readonly back: number;
  readonly type: 'key' | 'value' | 'name' | 'function';
  /** A few words beside the label: default, kind of thing. */
  readonly detail: string;
  readonly doc: Doc | null;
  /** Something may be completed directly behind it. */
  readonly goesOn: boolean;
}

export interface Completions {
  /** The characters that a completion takes the place of, from 0. */
  readonly from: number;
  readonly to: number;
  readonly options: readonly Completion[];
}

export interface Hover {
  readonly from: number;
  readonly to: number;
  readonly doc: Doc;
}

const NOTHING: Doc = { title: '', text: '', takes: '', otherwise: '', example: '', source: '', broker: '' };

/** What may be written at a character of the text; null where nothing is known. */
export function completionsAt(text: string, offset: number): Completions | null {
  const places = placesAt(text, offset);
  const [first] = places;
  if (first === undefined) return null;
  const options = new Map<string, Completion>();
  for (const place of places) {
    const found = place.position === 'key' ? keysAt(place) : valuesAt(place, text.slice(place.from, place.to));
    // What may stand alone needs no colon: a claim can be a word or a key.
    for (const one of found) if (!options.has(one.label) || one.type === 'value') options.set(one.label, one);
  }
  return options.size === 0 ? null : { from: first.from, to: first.to, options: [...options.values()] };
}

/** What stands at a character of the text means; null where nothing is known. */
export function hoverAt(text: string, offset: number): Hover | null {
  const found = knownAt(text, offset);
  if (found === null) return null;
  const { known, part, from, to } = found;
  const key = known.spot.path[known.spot.path.length - 1] ?? '';
  if (part === 'key') {
    const claimed = claimDoc(known.around?.known ?? [], key);
    const doc = claimed ?? (known.field === null ? nameDoc(known, key) : fieldDocOf(key, known.field, known.kind));
    return doc === null ? null : { from, to, doc };
  }
  const word = wordAt(text, offset);
  const written = text.slice(word.from, word.to);
  const meaning = meaningOf(known, written);
  if (meaning !== null) return { ...word, doc: meaning };
  return known.field === null ? null : { from, to, doc: fieldDocOf(key, known.field, known.kind) };
}

// Keys

function keysAt(place: Place): readonly Completion[] {
  const { known, siblings } = place;
  const inside = known.shape.inside?.(known.spot);
  if (inside === undefined) return [];
  const names = (inside.naming ?? []).includes('path')
    ? pathsFrom(place.source, '')
    : namesFor(place.source, inside.naming ?? []);
  const own = names.map(({ name, what }) => ({ label: name, detail: what, doc: null }));
  const listed = inside.known.flatMap((key) => {
    const field = inside.fieldOf?.(key) ?? null;
    // Of names of the user's own choice those that exist are no suggestions.
    if (field === null && inside.fieldOf === undefined && inside.open) return [];
    return [
      {
        label: key,
        detail: detailOf(field),
        doc: field === null ? null : fieldDocOf(key, field, inside.kind ?? known.kind),
      },
    ];
  });
  return [...listed, ...own]
    .filter(({ label }) => !siblings.includes(label))
    .map(({ label, detail, doc }) => {
      const tail = place.hasColon ? '' : tailOf(inside, label, place);
      return { label, insert: label + tail, back: 0, type: 'key', detail, doc, goesOn: tail !== '' };
    });
}

/** What follows a key: a value on the same line, or a new line for what holds keys or items only. */
function tailOf(inside: Inside, key: string, { isFlow, source }: Place): string {
  const shape = inside.naming?.includes('path') === true ? pathShape(source, key) : inside.shapeOf(key);
  if (isFlow || shape === null) return ': ';
  const { type } = shape.schema(BROKERS);
  return type === 'object' ? ':\n  ' : type === 'array' ? ':\n  - ' : ': ';
}

function detailOf(field: Field<unknown> | null): string {
  if (field === null) return '';
  if (field.needed === 'required') return 'required';
  return field.otherwise === null || field.otherwise === '{}' || field.otherwise === '[]'
    ? ''
    : `default ${field.otherwise}`;
}

function fieldDocOf(title: string, field: Field<unknown>, kind: BrokerKind | null): Doc {
  const isOption = field.source !== undefined && kind !== null && kind.kind !== 'neutral';
  return {
    title,
    text: field.doc,
    takes: field.shape.expected,
    otherwise: field.needed === 'required' ? 'required' : (field.otherwise ?? ''),
    example: field.example === '' ? '' : `${title}: ${field.example}`,
    source: isOption ? (field.source ?? '') : '',
    broker: isOption ? kind.kind : '',
  };
}

// Values

function valuesAt(place: Place, written: string): readonly Completion[] {
  const { known, source } = place;
  const naming = known.shape.naming ?? [];
  if (naming.includes('condition')) {
    return wordsAfter(source, place.before).map(({ word, what, doc, calls }) => ({
      label: word,
      insert: calls ? `${word}()` : word,
      back: calls ? 1 : 0,
      type: calls ? 'function' : 'name',
      detail: what,
      doc: doc === '' ? null : { ...NOTHING, title: what, text: doc },
      goesOn: calls,
    }));
  }
  if (naming.includes('path'))
    return pathsFrom(source, written).map(({ name, what }) => completion(name, what, null, 'name'));
  const values = wordsOf(known.shape.schema(BROKERS)).map((word) => {
    const detail = word === known.field?.otherwise ? 'default' : '';
    return completion(word, detail, meaningOf(known, word), 'value');
  });
  const names = namesFor(source, naming).map(({ name, what }) => completion(name, what, null, 'name'));
  return [...values, ...names, ...quantities(known, written)];
}

function completion(label: string, detail: string, doc: Doc | null, type: 'value' | 'name'): Completion {
  return { label, insert: label, back: 0, type, detail, doc, goesOn: false };
}

/** The single words that a schema takes. */
function wordsOf(schema: JsonSchema): readonly string[] {
  const words = [schema['enum'], schema['anyOf']].flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []));
  const plain = words.filter((word) => typeof word === 'string' || typeof word === 'number').map(String);
  const inner = words.flatMap((word) => (typeof word === 'object' && word !== null ? wordsOf(word as JsonSchema) : []));
  const single = 'const' in schema ? [String(schema['const'])] : [];
  const truth = schema['type'] === 'boolean' ? ['true', 'false'] : [];
  return [...new Set([...plain, ...inner, ...single, ...truth])];
}

const UNITS = {
  duration: ['ms', 's', 'min', 'h'],
  spread: ['ms', 's', 'min'],
  rate: ['/s', '/min'],
  size: ['KiB', 'MiB', 'MB'],
  share: ['%'],
  integer: [],
  number: [],
} as const;

/** Default and example of what is written with a unit or in brackets; after a bare number, the units. */
function quantities({ field, shape }: Known, written: string): readonly Completion[] {
  if (shape.measure !== undefined && /^\d+(\.\d+)?$/.test(written)) {
    const units = UNITS[shape.measure.of].map((unit) => completion(`${written}${unit}`, '', null, 'value'));
    if (units.length > 0) return units;
  }
  if (field === null || (shape.measure === undefined && shape.inside === undefined)) return [];
  const otherwise = field.otherwise ?? '';
  const texts = [
    [otherwise === '{}' || otherwise === '[]' ? '' : otherwise, 'default'],
    [field.example, 'for example'],
  ] as const;
  return texts.flatMap(([text, detail]) => (text === '' ? [] : [completion(text, detail, null, 'value')]));
}

// Paths into the file

function pathShape(source: Source, path: string): Shape<unknown> | null {
  const found = follow(source, path);
  return 'message' in found ? null : found.shape;
}

/** Paths that go one step further than the one that is written: behind `queues.photo-jobs.` all settings of that queue. */
function pathsFrom(source: Source, written: string): readonly { readonly name: string; readonly what: string }[] {
  for (let end = written.length; end >= 0; end = end > 0 ? written.lastIndexOf('.', end - 1) : -1) {
    const prefix = written.slice(0, end);
    const found = prefix === '' ? { shape: SCENARIO, spot: source.root } : follow(source, prefix);
    if ('message' in found) continue;
    const inside = found.shape.inside?.(found.spot);
    if (inside === undefined) continue;
    return inside.known.map((key) => ({
      name: prefix === '' ? key : `${prefix}.${key}`,
      what: detailOf(inside.fieldOf?.(key) ?? null),
    }));
  }
  return [];
}

// What words mean

/** Of a name of the user's own choice: whose it is. */
function nameDoc({ shape, around }: Known, name: string): Doc | null {
  return around === null ? null : { ...NOTHING, title: name, takes: shape.expected };
}

/** Of a claim, where claims are among the words that may stand there. */
function claimDoc(words: readonly string[], word: string): Doc | null {
  if (!words.includes('at-least-once') || !Object.hasOwn(MEANINGS, word)) return null;
  return { ...NOTHING, title: word, text: MEANINGS[word as ClaimName] };
}

/** Of a word in a value: a kind of broker, a profile, a fact, a function of a condition; null where only the key explains it. */
function meaningOf({ shape, spot }: Known, word: string): Doc | null {
  const naming = shape.naming ?? [];
  if (naming.includes('condition')) {
    const found = wordDoc(word);
    return found === null ? null : { ...NOTHING, title: found.what, text: found.doc };
  }
  if (naming.length > 0) {
    const found = namesFor(spot.source, naming).find(({ name }) => name === word);
    if (found !== undefined) return { ...NOTHING, title: word, text: capital(found.what) };
  }
  const words = wordsOf(shape.schema(BROKERS));
  if (!words.includes(word)) return null;
  const isKind = words.includes('sqs') && Object.hasOwn(BROKERS, word);
  if (isKind) return { ...NOTHING, title: BROKERS[word]?.title ?? word, text: BROKERS[word]?.about ?? '' };
  const claimed = claimDoc(words, word);
  if (claimed !== null) return claimed;
  const profile = PROFILES.find(({ name }) => name === word);
  if (profile !== undefined) return { ...NOTHING, title: profile.title, text: profile.always.note };
  if (words.includes('produced') && Object.hasOwn(FACTS, word)) {
    return { ...NOTHING, title: word, text: `For example: “${FACTS[word as FactName].sentence(SOME_FACT)}”` };
  }
  return null;
}

const SOME_FACT = {
  actor: 'someone',
  message: 7,
  place: 'some-queue',
  placeKind: 'queue',
  peer: 'another',
  value: 1,
  detail: 0,
} as const;

function capital(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}
