/**
 * From a file in neutral words to the same file in the words of one broker. The document itself is rewritten, so that whatever is found wrong with it afterwards still
 * points to the place in the file that it comes from. What each word became is written down for people: that is the lesson of running one system under several brokers.
 */
import { isMap, isNode, isScalar, isSeq, type Node, type Pair } from 'yaml';
import type { OptionSpec, OptionTable } from '../../../core/options.ts';
import { formatDuration, formatSize, parseDuration } from '../duration.ts';
import { put } from '../edit.ts';
import type { ScenarioEntry } from '../root.ts';
import type { Source } from '../source.ts';
import { type Becomes, type Plain, type Profile, type Put, type System, topicOf } from './profiles.ts';
import { PRODUCER_WORDS, QUEUE_WORDS } from './words.ts';

/** What became of one word of the file. */
export interface Mapped {
  /** Where it stands: `queues.photo-jobs.lock`. */
  readonly word: string;
  /** As the file has it. */
  readonly value: string;
  /** The real options, each with its place when that is elsewhere; empty when there is none. */
  readonly becomes: readonly string[];
  /** What differs, or what the broker has instead; may be empty. */
  readonly note: string;
  readonly can: boolean;
}

/** Rewrites the source, whose file has been read as `entry` without a mistake. */
export function translate(source: Source, entry: ScenarioEntry, profile: Profile): readonly Mapped[] {
  const system = systemOf(entry);
  const rewrite = new Rewrite(source, profile);
  const mapped: Mapped[] = [];
  for (const [name, words] of system.queues) {
    rewrite.declare(name);
    for (const word of Object.keys(QUEUE_WORDS) as (keyof typeof QUEUE_WORDS)[]) {
      const value = words[word];
      if (value === undefined) continue;
      const becomes = profile.queue[word](value as Plain as never, words);
      mapped.push(rewrite.word(['queues', name, word], valueText(QUEUE_WORDS[word], value), becomes, system, name));
    }
  }
  for (const [name, { options, to }] of system.producers) {
    for (const word of Object.keys(PRODUCER_WORDS) as (keyof typeof PRODUCER_WORDS)[]) {
      const value = options[word];
      if (value === undefined) continue;
      const becomes = profile.producer[word](value as Plain as never, options);
      mapped.push(rewrite.word(['producers', name, word], String(value), becomes, system, name));
    }
    rewrite.producer(name, to);
  }
  for (const [name, consumer] of system.consumers) rewrite.consumer(name, consumer.from, consumer.group);
  rewrite.finish();
  rewrite.state(entry);
  return mapped;
}

function systemOf(entry: ScenarioEntry): System {
  return {
    queues: new Map([...entry.queues].map(([name, queue]) => [name, queue.own.values])),
    producers: new Map(
      [...entry.producers].map(([name, producer]) => [name, { to: producer.to ?? [], options: producer.own.values }]),
    ),
    consumers: new Map(
      [...entry.consumers].map(([name, consumer]) => [
        name,
        { from: consumer.from ?? [], group: consumer.group ?? null },
      ]),
    ),
  };
}

type Place = Node['range'];

class Rewrite {
  readonly #source: Source;
  readonly #profile: Profile;
  /** Options of the broker, gathered from all words. */
  readonly #broker: Record<string, Plain> = {};

  constructor(source: Source, profile: Profile) {
    this.#source = source;
    this.#profile = profile;
  }

  /** Gives a queue what every queue of the profile has. */
  declare(name: string): void {
    const section = ['queues', name];
    const range = this.#rangeOf(section);
    if (this.#profile.queuesAre === 'subscriptions') this.#put(section, ['topic'], topicOf(name), range);
    for (const [option, value] of this.#profile.always.queue?.(name) ?? []) this.#put(section, [option], value, range);
  }

  /** Replaces one word by what it becomes; says what that is. */
  word(path: readonly [string, string, string], value: string, becomes: Becomes, system: System, of: string): Mapped {
    const word = path.join('.');
    const range = this.#rangeOf(path);
    // First, because the real option may have the same name.
    this.#source.document.deleteIn(path);
    if ('cannot' in becomes) {
      return { word, value, becomes: [], note: becomes.cannot, can: false };
    }
    const notes = becomes.note === '' ? [] : [becomes.note];
    const told: string[] = [];
    for (const put of becomes.puts) {
      const held = this.#held(put, path[0] === 'queues' ? 'queue' : 'producer');
      if (held.note !== '' && !notes.includes(held.note)) notes.push(held.note);
      told.push(...this.#carryOut({ ...put, value: held.value }, path, range, system, of));
    }
    return { word, value, becomes: told, note: notes.join('; '), can: true };
  }

  producer(name: string, to: readonly string[]): void {
    const section = ['producers', name];
    const range = this.#rangeOf(section);
    for (const [option, value] of this.#profile.always.producer ?? []) this.#put(section, [option], value, range);
    if (this.#profile.queuesAre === 'subscriptions' && to.length > 0)
      this.#put(section, ['to'], to.map(topicOf), range);
  }

  consumer(name: string, from: readonly string[], group: string | null): void {
    const section = ['consumers', name];
    const range = this.#rangeOf(section);
    for (const [option, value] of this.#profile.always.consumer ?? []) this.#put(section, [option], value, range);
    if (this.#profile.groups && group === null) this.#put(section, ['group'], from.join('+'), range);
  }

  /** The broker itself, and the section that its queues live in. */
  finish(): void {
    const { kind, queuesAre } = this.#profile;
    const queues = this.#pair(['queues']);
    const names = queues !== undefined && isMap(queues.value) ? queues.value.items.map((item) => text(item.key)) : [];
    if (queuesAre === 'topics' && queues !== undefined && isScalar(queues.key)) {
      queues.key.value = 'topics';
      queues.key.source = 'topics';
    } else if (queuesAre === 'subscriptions' && queues !== undefined) {
      this.#put(
        [],
        ['topics'],
        Object.fromEntries(names.map((name) => [topicOf(name), {}])),
        this.#rangeOf(['queues']),
      );
    }
    this.#put([], ['broker'], { kind, ...this.#broker }, this.#rangeOf(['under']));
  }

  /** Adds what the file states of this lane alone to what it states of all; a claim that both name is as the lane has it. */
  state(entry: ScenarioEntry): void {
    const { document } = this.#source;
    const own = entry.lanes.get(this.#profile.name)?.claims ?? [];
    const claims = document.get('claims', true);
    if (isSeq(claims)) {
      const isOwn = (i: number): boolean =>
        own.some(({ claim, scope }) => claim === entry.claims[i]?.claim && scope === entry.claims[i]?.scope);
      claims.items = claims.items.filter((_, i) => !isOwn(i));
    }
    for (const what of ['claims', 'expect']) {
      const more = document.getIn(['lanes', this.#profile.name, what], true);
      if (!isSeq(more)) continue;
      const common = document.get(what, true);
      if (isSeq(common)) common.items.push(...more.items);
      else put(document, [what], more);
    }
  }

  /** Brings a value within what the real option allows. */
  #held(put: Put, of: 'queue' | 'producer'): { readonly value: Plain; readonly note: string } {
    const broker = this.#source.kinds[this.#profile.kind];
    const own =
      of === 'producer' ? broker?.producers : this.#profile.queuesAre === 'topics' ? broker?.topics : broker?.queues;
    const tables = { itself: own, broker: broker?.options, producers: broker?.producers, consumers: broker?.consumers };
    return held(tables[put.on], put.path, put.value);
  }

  #carryOut(
    { on, path, value }: Put,
    word: readonly string[],
    range: Place,
    system: System,
    of: string,
  ): readonly string[] {
    const what = optionText(path, value);
    const section = word.slice(0, 2);
    switch (on) {
      case 'itself':
        this.#put(section, path, value, range);
        return [what];
      case 'broker': {
        // Two queues may ask for different numbers of something that the broker has once: the larger serves both.
        const name = path[0] ?? '';
        const before = this.#broker[name];
        this.#broker[name] = typeof before === 'number' && typeof value === 'number' && before > value ? before : value;
        return [`${what} of the broker`];
      }
      case 'producers': {
        const names = [...system.producers].filter(([, { to }]) => to.includes(of)).map(([name]) => name);
        for (const name of names) this.#put(['producers', name], path, value, range);
        return names.length === 0 ? [] : [`${what} of ${names.join(', ')}`];
      }
      case 'consumers': {
        const names = [...system.consumers].filter(([, { from }]) => from.includes(of)).map(([name]) => name);
        for (const name of names) this.#put(['consumers', name], path, value, range);
        return names.length === 0 ? [] : [`${what} of ${names.join(', ')}`];
      }
      default:
        return on satisfies never;
    }
  }

  /** Sets an option in the document; complaints about it will point to the word that it comes from. */
  #put(section: readonly string[], path: readonly string[], value: Plain, range: Place): void {
    const { document } = this.#source;
    const node = document.createNode(value) as Node;
    place(node, range);
    const problem = put(document, [...section, ...path], node);
    if (problem !== '') this.#source.error({ ...this.#source.root, path: section }, problem, 'a map without aliases');
    const pair = this.#pair([...section, ...path]);
    if (pair !== undefined && isNode(pair.key)) place(pair.key, range);
  }

  /** Where complaints about what comes of this key should point. */
  #rangeOf(path: readonly string[]): Place {
    const key = this.#pair(path)?.key;
    return isNode(key) ? key.range : null;
  }

  #pair(path: readonly string[]): Pair | undefined {
    const { document } = this.#source;
    const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
    return isMap(parent) ? parent.items.find(({ key }) => text(key) === path.at(-1)) : undefined;
  }
}

function place(node: Node, range: Place): void {
  if (!range) return;
  node.range = range;
  if (!isMap(node)) return;
  for (const { key, value } of node.items) {
    if (isNode(key)) place(key, range);
    if (isNode(value)) place(value, range);
  }
}

/** `RedrivePolicy: { maxReceiveCount: 5 }`, on one line. */
function optionText(path: readonly string[], value: Plain): string {
  return `${path.join('.')}: ${plainText(value)}`;
}

function plainText(value: Plain): string {
  if (Array.isArray(value)) return `[${value.map((item: Plain) => plainText(item)).join(', ')}]`;
  if (typeof value === 'object' && value !== null)
    return `{ ${Object.entries(value)
      .map(([key, inner]) => `${key}: ${plainText(inner)}`)
      .join(', ')} }`;
  return value === '' ? '""' : String(value);
}

function held(table: OptionTable | undefined, path: readonly string[], value: Plain): { value: Plain; note: string } {
  const spec = table?.[path[0] ?? ''];
  if (spec === undefined) return { value, note: '' };
  if (spec.type === 'object' && typeof value === 'object' && value !== null && !Array.isArray(value)) {
    let note = '';
    const inner: Record<string, Plain> = {};
    for (const [key, one] of Object.entries(value)) {
      const kept = held(spec.fields, [key], one as Plain);
      inner[key] = kept.value;
      if (kept.note !== '') note = `${key}: ${kept.note}`;
    }
    return { value: inner, note };
  }
  if (spec.type === 'duration') {
    const us = typeof value === 'string' ? parseDuration(value) : null;
    if (us === null) return { value, note: '' };
    const kept = within(us, spec.min, spec.max);
    return kept === us
      ? { value, note: '' }
      : { value: formatDuration(kept), note: limitText(kept > us, formatDuration(kept)) };
  }
  if ((spec.type === 'integer' || spec.type === 'number') && typeof value === 'number') {
    const kept = within(value, spec.min, spec.max);
    return kept === value ? { value, note: '' } : { value: kept, note: limitText(kept > value, String(kept)) };
  }
  return { value, note: '' };
}

function limitText(least: boolean, limit: string): string {
  return `${least ? 'at least' : 'at most'} ${limit} here`;
}

function within(value: number, min: number | undefined, max: number | undefined): number {
  return Math.min(Math.max(value, min ?? value), max ?? Math.max(value, min ?? value));
}

function valueText(spec: OptionSpec, value: unknown): string {
  if (typeof value !== 'number') return String(value);
  return spec.type === 'duration' ? formatDuration(value) : spec.type === 'bytes' ? formatSize(value) : String(value);
}

function text(key: unknown): string {
  return isScalar(key) ? String(key.source ?? key.value) : '';
}
