/**
 * From a file in neutral words to the same file in the words of one broker. The document itself is rewritten, so that whatever is found wrong with it afterwards still
 * points to the place in the file that it comes from. What each word became is written down for people: that is the lesson of running one system under several brokers.
 */
import { isAlias, isMap, isNode, isScalar, isSeq, type Node, type Pair, visit } from 'yaml';
import type { OptionSpec, OptionTable, OptionValues } from '../../../core/options.ts';
import { formatDuration, formatSize, parseDuration } from '../duration.ts';
import { put } from '../edit.ts';
import type { ScenarioEntry } from '../root.ts';
import type { Source } from '../source.ts';
import {
  type Becomes,
  type Plain,
  type Profile,
  type Put,
  type Rule,
  type Sender,
  type System,
  topicOf,
} from './profiles.ts';
import { CONSUMER_WORDS, PRODUCER_WORDS, QUEUE_WORDS } from './words.ts';

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
  unfold(source);
  const system = systemOf(entry);
  const rewrite = new Rewrite(source, profile, system);
  for (const [name, words] of system.queues) {
    rewrite.declare(name);
    rewrite.words(['queues', name], QUEUE_WORDS, profile.queue, words, name);
  }
  for (const sender of system.senders) {
    rewrite.words(sender.path, PRODUCER_WORDS, profile.producer, sender.words);
    rewrite.sender(sender);
  }
  const groups = groupsOf(system);
  for (const [name, { words, group }] of system.consumers) {
    rewrite.words(['consumers', name], CONSUMER_WORDS, profile.consumer, words);
    rewrite.consumer(name, group === null ? (groups.get(name) ?? null) : null);
  }
  rewrite.finish();
  rewrite.state(entry);
  return rewrite.mapped();
}

/** Writes what each alias stands for in its place: things that share a node in the file become different options. The file was read, so that is not too much. */
function unfold({ document }: Source): void {
  const anchors = new Map<string, Node>();
  visit(document, {
    Alias: (_, { source }) => anchors.get(source)?.clone() as Node | undefined,
    Node(_, node) {
      if (isAlias(node) || node.anchor === undefined) return;
      anchors.set(node.anchor, node);
      delete node.anchor;
    },
  });
}

function systemOf(entry: ScenarioEntry): System {
  const producers = [...entry.producers].map(
    ([name, { spot, to, own }]): Sender => ({ name, path: spot.path, to: to ?? [], words: own.values }),
  );
  const outputs = [...entry.consumers].flatMap(([name, { produces }]) =>
    (produces ?? []).map(
      ({ spot, to, own }, i): Sender => ({
        name: produces?.length === 1 ? `${name}’s output` : `${name}’s output ${i + 1}`,
        path: spot.path,
        to: to ?? [],
        words: own.values,
      }),
    ),
  );
  return {
    queues: new Map([...entry.queues].map(([name, queue]) => [name, queue.own.values])),
    senders: [...producers, ...outputs],
    consumers: new Map(
      [...entry.consumers].map(([name, { from, group, prefetch, concurrency }]) => [
        name,
        {
          from: from ?? [],
          group: group ?? null,
          words: prefetch === undefined ? {} : { prefetch, concurrency },
        },
      ]),
    ),
  };
}

/**
 * The group of each consumer that names none: those that have a queue in common, each with the next, share what is in it, so they are one. It is called as one of them
 * says, if they agree; else like the first of their queues.
 */
function groupsOf({ queues, consumers }: System): ReadonlyMap<string, string> {
  const groups = new Map<string, string>();
  for (const first of queues.keys()) {
    const reached = new Set([first]);
    const members = new Set<string>();
    // A set may grow while it is gone through.
    for (const queue of reached) {
      for (const [name, { from }] of consumers) {
        if (!from.includes(queue)) continue;
        members.add(name);
        for (const other of from) reached.add(other);
      }
    }
    const stated = new Set([...members].flatMap((name) => consumers.get(name)?.group ?? []));
    const [only] = stated;
    const group = stated.size === 1 && only !== undefined ? only : first;
    for (const name of members) if (!groups.has(name)) groups.set(name, group);
  }
  return groups;
}

type Place = Node['range'];

/** Who sends or consumes: where it stands in the file, and to or from which queues. */
interface Client {
  readonly name: string;
  readonly path: readonly string[];
  readonly queues: readonly string[];
}

/** An option that stands elsewhere than its word. What holds there is known when all words have been read. */
interface Carried {
  readonly put: Put;
  /** At which clients; none for an option of the broker. */
  readonly at: readonly Client[];
}

/** An option of a client: its value, and the queues whose words ask for one. */
interface Held {
  value: Plain;
  readonly queues: Set<string>;
}

/** Options that only tell messages apart: they change nothing for messages of a queue that does not ask for them. */
const OF_KEYS: readonly (string | undefined)[] = ['key', 'enable_message_ordering', 'batcherBuilder'];

/** One word on its way to being told: its options are texts, or are looked up in the end. */
interface Telling {
  readonly word: string;
  readonly value: string;
  readonly can: boolean;
  readonly notes: string[];
  readonly options: (string | Carried)[];
}

class Rewrite {
  readonly #source: Source;
  readonly #profile: Profile;
  readonly #system: System;
  /** Options of the broker, gathered from all words. */
  readonly #broker: Record<string, Plain> = {};
  /** What words of queues put at clients, by place. */
  readonly #clients = new Map<string, Held>();
  readonly #told: Telling[] = [];

  constructor(source: Source, profile: Profile, system: System) {
    this.#source = source;
    this.#profile = profile;
    this.#system = system;
  }

  /** Gives a queue what every queue of the profile has. */
  declare(name: string): void {
    const section = ['queues', name];
    const range = this.#rangeOf(section);
    if (this.#profile.queuesAre === 'subscriptions') this.#put(section, ['topic'], topicOf(name), range);
    for (const [option, value] of this.#profile.always.queue?.(name) ?? []) this.#put(section, [option], value, range);
  }

  /** Replaces the words of one thing by what they become. `of`: the queue that they are about. */
  words<W extends string>(
    section: readonly string[],
    table: Readonly<Record<W, OptionSpec>>,
    rules: Readonly<Record<W, Rule>>,
    words: OptionValues,
    of = '',
  ): void {
    for (const word of Object.keys(table) as W[]) {
      const value = words[word];
      if (value === undefined) continue;
      const becomes = rules[word](value as number | string, words, this.#system);
      this.#word(section, word, valueText(table[word], value), becomes, of);
    }
  }

  #word(section: readonly string[], name: string, value: string, becomes: Becomes, of: string): void {
    const path = [...section, name];
    const range = this.#rangeOf(path);
    // First, because the real option may have the same name.
    this.#source.document.deleteIn(path);
    const word = path.join('.');
    if ('cannot' in becomes) {
      for (const put of becomes.puts ?? []) this.#carryOut(put, section, range, of);
      this.#told.push({ word, value, options: [], notes: [becomes.cannot], can: false });
      return;
    }
    const notes = becomes.note === '' ? [] : [becomes.note];
    const options: (string | Carried)[] = [];
    for (const put of becomes.puts) {
      const held = this.#held(put, section);
      if (held.note !== '' && !notes.includes(held.note)) notes.push(held.note);
      options.push(this.#carryOut({ ...put, value: held.value }, section, range, of));
    }
    this.#told.push({ word, value, options, notes, can: true });
  }

  /** What each word became, now that all of them have been read. */
  mapped(): readonly Mapped[] {
    return this.#told.map(({ word, value, can, notes, options }) => {
      const becomes: string[] = [];
      const further: string[] = [];
      for (const option of options) {
        const { texts, note } = typeof option === 'string' ? { texts: [option], note: '' } : this.#inForce(option);
        becomes.push(...texts);
        if (note !== '' && !notes.includes(note) && !further.includes(note)) further.push(note);
      }
      return { word, value, becomes, note: [...notes, ...further].join('; '), can };
    });
  }

  sender({ path, to }: Sender): void {
    const range = this.#rangeOf(path);
    for (const [option, value] of this.#profile.always.producer ?? []) this.#put(path, [option], value, range);
    if (this.#profile.queuesAre === 'subscriptions' && to.length > 0) this.#put(path, ['to'], to.map(topicOf), range);
  }

  consumer(name: string, group: string | null): void {
    const section = ['consumers', name];
    const range = this.#rangeOf(section);
    for (const [option, value] of this.#profile.always.consumer ?? []) this.#put(section, [option], value, range);
    if (this.#profile.groups && group !== null) this.#put(section, ['group'], group, range);
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
  #held(put: Put, section: readonly string[]): { readonly value: Plain; readonly note: string } {
    const broker = this.#source.kinds[this.#profile.kind];
    const queues = this.#profile.queuesAre === 'topics' ? broker?.topics : broker?.queues;
    const own =
      section[0] === 'queues' ? queues : section.length === 2 ? broker?.[section[0] as 'consumers'] : broker?.producers;
    const tables = { itself: own, broker: broker?.options, producers: broker?.producers, consumers: broker?.consumers };
    return held(tables[put.on], put.path, put.value);
  }

  #carryOut(put: Put, section: readonly string[], range: Place, of: string): string | Carried {
    const { on, path, value } = put;
    switch (on) {
      case 'itself':
        this.#put(section, path, value, range);
        return optionText(path, value);
      case 'broker': {
        // Two queues may ask for different numbers of something that the broker has once: the larger serves both.
        const name = path[0] ?? '';
        const before = this.#broker[name];
        this.#broker[name] = typeof before === 'number' && typeof value === 'number' && before > value ? before : value;
        return { put, at: [] };
      }
      case 'producers': {
        const { senders } = this.#system;
        return this.#atClients(
          put,
          senders.map(({ name, path: at, to }) => ({ name, path: at, queues: to })),
          range,
          of,
        );
      }
      case 'consumers': {
        const consumers = [...this.#system.consumers];
        return this.#atClients(
          put,
          consumers.map(([name, { from }]) => ({ name, path: ['consumers', name], queues: from })),
          range,
          of,
        );
      }
      default:
        return on satisfies never;
    }
  }

  /** Puts an option at those of the clients that serve the queue. */
  #atClients(put: Put, clients: readonly Client[], range: Place, queue: string): Carried {
    const at = clients.filter(({ queues }) => queues.includes(queue));
    for (const { path } of at) {
      this.#put(path, put.path, put.value, range);
      const place = [...path, ...put.path].join('.');
      const held = this.#clients.get(place) ?? { value: put.value, queues: new Set() };
      held.value = put.value;
      held.queues.add(queue);
      this.#clients.set(place, held);
    }
    return { put, at };
  }

  /** What holds of an option that stands elsewhere than its word, and how that is not quite what the word says. */
  #inForce({ put, at }: Carried): { readonly texts: readonly string[]; readonly note: string } {
    const { on, path, value } = put;
    const asked = optionText(path, value);
    if (on === 'broker') {
      const text = optionText(path, this.#broker[path[0] ?? ''] ?? value);
      return { texts: [`${text} of the broker`], note: text === asked ? '' : 'the broker has one for all queues' };
    }
    if (at.length === 0)
      return { texts: [], note: on === 'producers' ? 'nobody sends to it' : 'nobody consumes from it' };
    const whose = new Map<string, string[]>();
    const shared: string[] = [];
    for (const { name, path: place, queues } of at) {
      const held = this.#clients.get([...place, ...path].join('.'));
      const text = optionText(path, held?.value ?? value);
      whose.set(text, [...(whose.get(text) ?? []), name]);
      const isForOthers = !OF_KEYS.includes(path[0]) && queues.some((queue) => held?.queues.has(queue) === false);
      if (text !== asked || isForOthers) shared.push(name);
    }
    return {
      texts: [...whose].map(([text, names]) => `${text} of ${names.join(', ')}`),
      note:
        shared.length === 0 ? '' : `${shared.join(', ')} ${shared.length === 1 ? 'has' : 'have'} one for all queues`,
    };
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

  /** Where complaints about what comes of this key, or this item of a list, should point. */
  #rangeOf(path: readonly string[]): Place {
    const key = this.#pair(path)?.key;
    const node = isNode(key) ? key : this.#source.document.getIn(path, true);
    return isNode(node) ? (node.range ?? null) : null;
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
