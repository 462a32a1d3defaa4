/**
 * Redis commands as a client writes them: a list of words in, the command as the server's machine takes it out, or the error with which the real server
 * refuses the words. Options may come in any order and in any case, as there. Words that no command here knows make a case unknown.
 * Source: the syntax of each command, [C].
 */

import type { ReadFrom, StreamsRequest } from '../../core/brokers/redis-streams-verbs.ts';
import type { References, Trim } from '../../core/parts/redis-stream.ts';
import {
  compareIds,
  GREATEST_ID,
  GREATEST_SEQ,
  idAfter,
  idBefore,
  isZero,
  LEAST_ID,
  parseId,
  parseU64,
  type StreamId,
} from '../../core/parts/stream-id.ts';
import type { Message } from '../../core/types.ts';
import { UnknownShape } from './case.ts';

/** A command without its token, which the client gives it. */
export type Unsent<T = StreamsRequest> = T extends { readonly token: number } ? Omit<T, 'token'> : never;

/** The server refuses the words; the text is its error. */
class Refusal extends Error {}

/** Words that the server does not take. */
export interface Refused {
  readonly text: string;
  /** What it looks up, one after the other, before it reads on, and so complains of first. */
  readonly first: readonly Lookup[];
}

/** A key, and a group of it where `group` is not null, that must be there; what is answered where it is not, null when that is no fault. */
interface Lookup {
  readonly key: string;
  readonly group: string | null;
  readonly missing: string | number | null;
}

const INVALID_ID = 'ERR Invalid stream ID specified as stream command argument';
const NOT_INTEGER = 'ERR value is not an integer or out of range';
const SYNTAX = 'ERR syntax error';
const NEEDS_KEY =
  'ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.';

/** Makes the message of an XADD; what it holds is the list of fields and values. */
export type NewMessage = (fields: readonly string[]) => Message;

/** Reads a command. `version`: 100 × major + minor; what is newer is refused as the older server does. */
export function readCommand(words: readonly string[], version: number, newMessage: NewMessage): Unsent | Refused {
  const reader = new Words(words, version);
  try {
    return commandOf(reader, newMessage);
  } catch (error) {
    if (error instanceof Refusal) return { text: error.message, first: reader.first };
    throw error;
  }
}

function noGroup(key: string, group: string): string {
  return `NOGROUP No such key '${key}' or consumer group '${group}'`;
}

/** Words that are read from left to right. */
class Words {
  /** Upper case; with its subcommand once that is known. */
  name: string;
  readonly version: number;
  /** What the server has looked up when it reads the next word. */
  readonly first: Lookup[] = [];
  readonly #words: readonly string[];
  #at = 1;
  /** All that the command needs is there; what is missing then belongs to an option. */
  #enough = false;

  constructor(words: readonly string[], version: number) {
    this.#words = words;
    this.version = version;
    this.name = (words[0] ?? '').toUpperCase();
  }

  get left(): number {
    return this.#words.length - this.#at;
  }

  next(): string {
    const word = this.#words[this.#at];
    if (word === undefined) throw this.#enough ? new Refusal(SYNTAX) : this.arity();
    this.#at++;
    return word;
  }

  /** The next word, upper case, if it is one of these; else nothing is read. */
  option(...names: readonly string[]): string | null {
    const word = this.#words[this.#at]?.toUpperCase();
    if (word === undefined || !names.includes(word)) return null;
    this.#at++;
    return word;
  }

  /** The next word, which must be one of these, with at least so many words behind it, and exactly so many where none has options. */
  subcommand(known: Readonly<Record<string, number>>): string {
    const word = this.next();
    const sub = word.toUpperCase();
    const needs = sub === 'HELP' ? 0 : known[sub];
    if (needs === undefined) throw new Refusal(`ERR unknown subcommand '${word}'. Try ${this.name} HELP.`);
    this.name += `|${sub}`;
    const open = sub === 'CREATE' || sub === 'SETID' || sub === 'STREAM';
    if (this.left < needs || (this.left > needs && !open)) throw this.arity();
    if (sub === 'HELP') throw new UnknownShape(`the text of ${this.name}`);
    return sub;
  }

  rest(): string[] {
    const rest = this.#words.slice(this.#at);
    this.#at = this.#words.length;
    return rest;
  }

  integer(refusal = NOT_INTEGER): number {
    return integerOf(this.next(), refusal);
  }

  /** An id as it stands; milliseconds alone mean sequence 0. */
  id(): StreamId {
    return idOf(this.next());
  }

  /** The next word if it is an id; else nothing is read. */
  maybeId(): StreamId | null {
    const id = parseId(this.#words[this.#at] ?? '', 0);
    if (id !== null) this.#at++;
    return id;
  }

  /** A word as it was written, seen from the next one. */
  given(from: number): string {
    return this.#words[this.#at + from] ?? '';
  }

  bound(end: 'start' | 'end'): StreamId {
    return boundOf(this.next(), end);
  }

  end(): void {
    if (this.left > 0) throw new Refusal(SYNTAX);
  }

  /** Needs at least so many words behind the name. */
  atLeast(words: number): void {
    if (this.#words.length - 1 < words) throw this.arity();
    this.#enough = true;
  }

  since(version: number): void {
    if (this.version < version) {
      const shown = (this.#words[0] ?? '').toLowerCase();
      throw new Refusal(`ERR unknown command '${shown}', with args beginning with: `);
    }
  }

  arity(): Refusal {
    return new Refusal(`ERR wrong number of arguments for '${this.name.toLowerCase()}' command`);
  }
}

function commandOf(words: Words, newMessage: NewMessage): Unsent {
  switch (words.name) {
    case 'XADD':
      return xadd(words, newMessage);
    case 'XTRIM': {
      words.atLeast(3);
      const key = words.next();
      const trim = trimOf(words, null);
      words.end();
      if (trim === null) throw new Refusal(SYNTAX);
      return { type: 'XTRIM', key, trim };
    }
    case 'XDEL': {
      words.atLeast(2);
      const key = words.next();
      words.first.push({ key, group: null, missing: 0 });
      return { type: 'XDEL', key, ids: words.rest().map(idOf) };
    }
    case 'XDELEX': {
      words.since(802);
      words.atLeast(4);
      const key = words.next();
      return { type: 'XDELEX', key, ...referencesAndIds(words) };
    }
    case 'XACKDEL': {
      words.since(802);
      words.atLeast(5);
      const key = words.next();
      const group = words.next();
      return { type: 'XACKDEL', key, group, ...referencesAndIds(words) };
    }
    case 'XLEN':
    case 'EXISTS':
    case 'TYPE':
    case 'DEL': {
      const key = words.next();
      if (words.left > 0) throw new UnknownShape(`${words.name} of several keys`);
      return { type: words.name, key };
    }
    case 'UNLINK':
      return { type: 'DEL', key: words.next() };
    case 'RENAME': {
      words.atLeast(2);
      const [key, to] = [words.next(), words.next()];
      words.end();
      return { type: 'RENAME', key, to };
    }
    case 'SET':
      return { type: 'SET', key: words.next() };
    case 'FLUSHALL':
    case 'FLUSHDB':
      return { type: 'FLUSHALL' };
    case 'XRANGE':
    case 'XREVRANGE': {
      words.atLeast(3);
      const key = words.next();
      const reverse = words.name === 'XREVRANGE';
      const first = words.bound(reverse ? 'end' : 'start');
      const second = words.bound(reverse ? 'start' : 'end');
      let count = -1;
      if (words.option('COUNT') !== null) count = Math.max(0, words.integer());
      words.end();
      return { type: words.name, key, start: reverse ? second : first, end: reverse ? first : second, count };
    }
    case 'XREAD':
    case 'XREADGROUP':
      return read(words);
    case 'XGROUP':
      return xgroup(words);
    case 'XACK': {
      words.atLeast(3);
      const [key, group] = [words.next(), words.next()];
      words.first.push({ key, group, missing: 0 });
      return { type: 'XACK', key, group, ids: words.rest().map(idOf) };
    }
    case 'XNACK':
      return xnack(words);
    case 'XPENDING':
      return xpending(words);
    case 'XCLAIM':
      return xclaim(words);
    case 'XAUTOCLAIM':
      return xautoclaim(words);
    case 'XINFO':
      return xinfo(words);
    case 'XSETID': {
      words.atLeast(2);
      const key = words.next();
      const id = words.id();
      let entriesAdded = -1;
      let maxDeleted: StreamId | null = null;
      while (words.left > 0) {
        const option = words.option('ENTRIESADDED', 'MAXDELETEDID');
        if (option === 'ENTRIESADDED') {
          entriesAdded = words.integer();
          if (entriesAdded < 0) throw new Refusal('ERR entries_added must be positive');
        } else if (option === 'MAXDELETEDID') {
          maxDeleted = words.id();
          if (compareIds(id, maxDeleted) < 0) {
            throw new Refusal('ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id');
          }
        } else throw new Refusal(SYNTAX);
      }
      return { type: 'XSETID', key, id, entriesAdded, maxDeleted };
    }
    case 'XCFGSET': {
      words.since(806);
      words.atLeast(1);
      const key = words.next();
      if (words.left === 0) throw new Refusal('ERR At least one parameter must be specified');
      let durationMs: number | null = null;
      let maxSize: number | null = null;
      while (words.left > 0) {
        const option = words.option('IDMP-DURATION', 'IDMP-MAXSIZE');
        if (option === null) throw new Refusal(SYNTAX);
        const value = words.integer();
        const most = option === 'IDMP-DURATION' ? 86_400 : 10_000;
        if (value < 1 || value > most) throw new Refusal(`ERR ${option} must be between 1 and ${most}`);
        if (option === 'IDMP-DURATION') durationMs = value * 1000;
        else maxSize = value;
      }
      return { type: 'XCFGSET', key, durationMs, maxSize };
    }
    case 'CONFIG': {
      if (words.option('SET') === null) throw new UnknownShape('CONFIG without SET');
      const values: Record<string, string> = {};
      while (words.left > 0) {
        const name = words.next();
        values[name] = words.next();
      }
      return { type: 'CONFIG SET', values };
    }
    default:
      throw new UnknownShape(`the command ${words.name}`);
  }
}

function xadd(words: Words, newMessage: NewMessage): Unsent {
  words.atLeast(4);
  const key = words.next();
  let nomkstream = false;
  let id: ReturnType<typeof newIdOf> = '*' as ReturnType<typeof newIdOf>;
  let idmp: { producer: string; iid: string | null } | null = null;
  const trim = trimOf(
    words,
    () => {
      if (words.option('NOMKSTREAM') !== null) {
        nomkstream = true;
        return true;
      }
      const option = words.version >= 806 ? words.option('IDMP', 'IDMPAUTO') : null;
      if (option === null) return false;
      if (idmp !== null) throw new Refusal('ERR IDMP/IDMPAUTO specified multiple times');
      idmp = { producer: words.next(), iid: option === 'IDMP' ? words.next() : null };
      if (idmp.producer === '') throw new Refusal(`ERR ${option} requires a non-empty producer ID`);
      if (idmp.iid === '') throw new Refusal(`ERR ${option} requires a non-empty idempotent ID`);
      return true;
    },
    () => {
      if (words.left === 0) throw words.arity();
      id = newIdOf(words.next());
    },
  );
  const fields = words.rest();
  if (fields.length < 2 || fields.length % 2 === 1) throw words.arity();
  if (id !== '*' && id.seq !== '*' && isZero({ ms: id.ms, seq: id.seq })) {
    throw new Refusal('ERR The ID specified in XADD must be greater than 0-0');
  }
  const producer = idmp as { producer: string; iid: string | null } | null;
  if (producer !== null && id !== '*') {
    throw new Refusal('ERR IDMP/IDMPAUTO can be used only with auto-generated IDs');
  }
  return {
    type: 'XADD',
    key,
    id,
    message: newMessage(fields),
    nomkstream,
    ...(trim === null ? {} : { trim }),
    ...(producer === null ? {} : { idmp: { producer: producer.producer, iid: producer.iid ?? contentId(fields) } }),
  };
}

/** What IDMPAUTO knows an entry by: its fields and values, in whatever order they come. */
function contentId(fields: readonly string[]): string {
  const pairs: string[] = [];
  for (let at = 0; at < fields.length; at += 2) pairs.push(JSON.stringify(fields.slice(at, at + 2)));
  return `content ${pairs.sort().join()}`;
}

function newIdOf(text: string): '*' | { ms: StreamId['ms']; seq: '*' } | StreamId {
  if (text === '*') return '*';
  if (!text.endsWith('-*')) return idOf(text);
  const ms = parseU64(text.slice(0, -2));
  if (ms === null) throw new Refusal(INVALID_ID);
  return { ms, seq: '*' };
}

/** Trimming options, in any order; `other` reads what else the command takes, `then` what follows, before the options are held against each other. Null when none was given. */
function trimOf(words: Words, other: (() => boolean) | null, then = (): void => {}): Trim | null {
  let maxlen: number | undefined;
  let minid: StreamId | undefined;
  let approx = false;
  let limit = -1;
  let limited = false;
  let references: References = 'KEEPREF';
  for (;;) {
    const option = words.option('MAXLEN', 'MINID', 'LIMIT', ...(words.version >= 802 ? REFERENCES : []));
    if (option === null) {
      if (other?.() === true) continue;
      break;
    }
    if (option === 'KEEPREF' || option === 'DELREF' || option === 'ACKED') references = option;
    else if (option === 'LIMIT') {
      limit = words.integer();
      limited = true;
      if (limit < 0) throw new Refusal('ERR The LIMIT argument must be >= 0.');
    } else {
      if (maxlen !== undefined || minid !== undefined) {
        throw new Refusal('ERR syntax error, MAXLEN and MINID options at the same time are not compatible');
      }
      approx = words.option('~', '=') === '~';
      if (option === 'MINID') minid = words.id();
      else {
        maxlen = words.integer();
        if (maxlen < 0) throw new Refusal('ERR The MAXLEN argument must be >= 0.');
      }
    }
  }
  then();
  if (limited && !approx) {
    throw new Refusal('ERR syntax error, LIMIT cannot be used without the special ~ option');
  }
  if (maxlen === undefined && minid === undefined) return null;
  return {
    ...(maxlen === undefined ? {} : { maxlen }),
    ...(minid === undefined ? {} : { minid }),
    approx,
    limit,
    references,
  };
}

const REFERENCES = ['KEEPREF', 'DELREF', 'ACKED'] as const;

/** `[KEEPREF | DELREF | ACKED] IDS numids id …`, in any order. */
function referencesAndIds(words: Words): { references: References; ids: StreamId[] } {
  let references: References | null = null;
  let ids: StreamId[] | null = null;
  while (words.left > 0) {
    const option = words.option(...REFERENCES, 'IDS');
    if (option === 'IDS') ids = countedIds(words);
    else if (option === null || references !== null) throw new Refusal(SYNTAX);
    else references = option as References;
  }
  if (ids === null) throw new Refusal(SYNTAX);
  return { references: references ?? 'KEEPREF', ids };
}

/** `numids id …`: as many ids as were announced. */
function countedIds(words: Words): StreamId[] {
  const text = words.next();
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count < 1) throw new Refusal('ERR Number of IDs must be a positive integer');
  if (count > words.left) throw new Refusal('ERR The `numids` parameter must match the number of arguments');
  return Array.from({ length: count }, () => words.id());
}

function read(words: Words): Unsent {
  const grouped = words.name === 'XREADGROUP';
  words.atLeast(grouped ? 6 : 3);
  let count = 0;
  let blockMs = -1;
  let noack = false;
  let claimMs = -1;
  let group: string | null = null;
  let consumer = '';
  for (;;) {
    const option = words.option(
      'COUNT',
      'BLOCK',
      'STREAMS',
      'GROUP',
      'NOACK',
      ...(words.version >= 804 ? ['CLAIM'] : []),
    );
    if (option === 'STREAMS' && words.left > 0) break;
    if (option === 'COUNT') count = Math.max(0, words.integer());
    else if (option === 'BLOCK') {
      blockMs = words.integer('ERR timeout is not an integer or out of range');
      if (blockMs < 0) throw new Refusal('ERR timeout is negative');
    } else if (option === 'GROUP' && grouped) {
      group = words.next();
      consumer = words.next();
    } else if (option === 'NOACK' && grouped) noack = true;
    else if (option === 'CLAIM' && grouped) {
      claimMs = words.integer('ERR min-idle-time is not an integer or out of range');
      if (claimMs < 0) throw new Refusal('ERR min-idle-time must be a positive integer');
    } else if (option === 'GROUP' || option === 'NOACK' || option === 'CLAIM') {
      throw new Refusal(`ERR The ${option} option is only supported by XREADGROUP. You called XREAD instead.`);
    } else throw new Refusal(SYNTAX);
  }
  const rest = words.rest();
  if (rest.length === 0 || rest.length % 2 === 1) {
    const name = words.version < 702 ? 'XREAD' : `'${words.name.toLowerCase()}'`;
    const ids = words.version < 704 ? "an ID or '$'" : grouped ? "an ID or '>'" : "an ID, '+', or '$'";
    throw new Refusal(`ERR Unbalanced ${name} list of streams: for each stream key ${ids} must be specified.`);
  }
  if (grouped && group === null) throw new Refusal('ERR Missing GROUP option for XREADGROUP');
  const half = rest.length / 2;
  const streams = rest.slice(0, half).map((key, i): ReadFrom => {
    const text = rest[half + i] as string;
    const missing = group === null ? null : `${noGroup(key, group)} in XREADGROUP with GROUP option`;
    words.first.push({ key, group, missing });
    if (text === '$') {
      if (grouped) {
        throw new Refusal(
          'ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.',
        );
      }
      return { key, after: '$' };
    }
    if (text === '>') {
      if (!grouped) {
        throw new Refusal(
          'ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.',
        );
      }
      return { key, after: '>' };
    }
    if (text === '+' && words.version >= 704) {
      if (grouped) throw new Refusal('ERR The + ID is meaningless in the context of XREADGROUP');
      return { key, after: '+' };
    }
    const id = idOf(text);
    // The greatest id is what `>` stands for inside.
    return { key, after: grouped && compareIds(id, GREATEST_ID) === 0 ? '>' : id };
  });
  return group === null
    ? { type: 'XREAD', streams, count, blockMs }
    : { type: 'XREADGROUP', group, consumer, streams, count, blockMs, noack, claimMs };
}

function xgroup(words: Words): Unsent {
  const sub = words.subcommand({ CREATE: 3, SETID: 3, DESTROY: 2, CREATECONSUMER: 3, DELCONSUMER: 3 });
  const key = words.next();
  const group = words.next();
  switch (sub) {
    case 'CREATE':
    case 'SETID': {
      const text = words.next();
      let mkstream = false;
      let entriesRead = -1;
      while (words.left > 0) {
        const option = words.option('ENTRIESREAD', ...(sub === 'CREATE' ? ['MKSTREAM'] : []));
        if (option === 'MKSTREAM') mkstream = true;
        else if (option === 'ENTRIESREAD' && words.left > 0) {
          entriesRead = words.integer();
          if (entriesRead < -1) throw new Refusal('ERR value for ENTRIESREAD must be positive or -1');
        } else {
          throw new Refusal(`ERR unknown subcommand or wrong number of arguments for '${sub}'. Try XGROUP HELP.`);
        }
      }
      if (!mkstream) words.first.push({ key, group: null, missing: NEEDS_KEY });
      if (sub === 'CREATE') {
        const id = text === '$' ? '$' : idOf(text);
        return { type: 'XGROUP CREATE', key, group, id, mkstream, entriesRead };
      }
      words.first.push({ key, group, missing: `NOGROUP No such consumer group '${group}' for key name '${key}'` });
      return { type: 'XGROUP SETID', key, group, id: text === '$' ? '$' : looseId(text), entriesRead };
    }
    case 'DESTROY':
      return { type: 'XGROUP DESTROY', key, group };
    case 'CREATECONSUMER':
      return { type: 'XGROUP CREATECONSUMER', key, group, consumer: words.next() };
    default:
      return { type: 'XGROUP DELCONSUMER', key, group, consumer: words.next() };
  }
}

function xnack(words: Words): Unsent {
  words.since(808);
  words.atLeast(6);
  const key = words.next();
  const group = words.next();
  const mode = words.option('SILENT', 'FAIL', 'FATAL');
  if (mode === null) throw new Refusal('ERR syntax error, expected SILENT, FAIL or FATAL');
  if (words.option('IDS') === null) throw new Refusal(SYNTAX);
  const ids = countedIds(words);
  let retryCount = -1;
  let force = false;
  while (words.left > 0) {
    const option = words.option('RETRYCOUNT', 'FORCE');
    if (option === 'FORCE') force = true;
    else if (option === 'RETRYCOUNT') {
      retryCount = words.integer();
      if (retryCount < 0) throw new Refusal('ERR RETRYCOUNT must be >= 0');
    } else throw new Refusal(SYNTAX);
  }
  return { type: 'XNACK', key, group, mode: mode as 'SILENT' | 'FAIL' | 'FATAL', ids, retryCount, force };
}

function xpending(words: Words): Unsent {
  words.atLeast(2);
  const key = words.next();
  const group = words.next();
  if (words.left === 0) return { type: 'XPENDING', key, group, range: null };
  if (words.left < 3 || words.left > 6) throw new Refusal(SYNTAX);
  const minIdleMs = words.option('IDLE') === null ? 0 : words.integer();
  if (words.left < 3 || words.left > 4) throw new Refusal(SYNTAX);
  // The count is read before the bounds.
  const count = Math.max(0, integerOf(words.given(2)));
  const start = words.bound('start');
  const end = words.bound('end');
  words.next();
  const consumer = words.left > 0 ? words.next() : null;
  return { type: 'XPENDING', key, group, range: { minIdleMs, start, end, count, consumer } };
}

function xclaim(words: Words): Unsent {
  words.atLeast(5);
  const key = words.next();
  const group = words.next();
  words.first.push({ key, group, missing: noGroup(key, group) });
  const consumer = words.next();
  const minIdleMs = Math.max(0, minIdle(words.next(), 'XCLAIM'));
  // Ids up to the first word that is none; from there on, options.
  const ids: StreamId[] = [];
  for (let id = words.maybeId(); id !== null; id = words.maybeId()) ids.push(id);
  let idleMs = -1;
  let timeMs = -1;
  let retryCount = -1;
  let force = false;
  let justId = false;
  let lastId: StreamId | null = null;
  while (words.left > 0) {
    const option = words.option('IDLE', 'TIME', 'RETRYCOUNT', 'FORCE', 'JUSTID', 'LASTID');
    if (option === null || (words.left === 0 && option !== 'FORCE' && option !== 'JUSTID')) {
      throw new Refusal(`ERR Unrecognized XCLAIM option '${words.given(option === null ? 0 : -1)}'`);
    }
    if (option === 'FORCE') force = true;
    else if (option === 'JUSTID') justId = true;
    else if (option === 'LASTID') lastId = words.id();
    else {
      const refusal = `ERR Invalid ${option} option argument for XCLAIM`;
      const value = words.integer(refusal);
      if (option === 'RETRYCOUNT' && value < 0 && words.version >= 800) throw new Refusal(refusal);
      if (option === 'IDLE') idleMs = Math.max(0, value);
      else if (option === 'TIME') timeMs = Math.max(0, value);
      else retryCount = Math.max(-1, value);
    }
  }
  return { type: 'XCLAIM', key, group, consumer, minIdleMs, ids, idleMs, timeMs, retryCount, force, justId, lastId };
}

/** XAUTOCLAIM makes room for so many ids at the most. */
const COUNT_MAX = 2 ** 59;

function xautoclaim(words: Words): Unsent {
  words.atLeast(5);
  const key = words.next();
  const group = words.next();
  const consumer = words.next();
  const minIdleMs = Math.max(0, minIdle(words.next(), 'XAUTOCLAIM'));
  const start = words.bound('start');
  let count = 100;
  let justId = false;
  while (words.left > 0) {
    const option = words.option('COUNT', 'JUSTID');
    if (option === 'JUSTID') justId = true;
    else if (option === 'COUNT') {
      count = words.integer('ERR COUNT must be > 0');
      if (count < 1 || count > COUNT_MAX) throw new Refusal('ERR COUNT must be > 0');
    } else throw new Refusal(SYNTAX);
  }
  return { type: 'XAUTOCLAIM', key, group, consumer, minIdleMs, start, count, justId };
}

/** So many entries of each list are told in full unless asked otherwise. */
const FULL_COUNT = 10;

function xinfo(words: Words): Unsent {
  const sub = words.subcommand({ CONSUMERS: 2, GROUPS: 1, STREAM: 1 });
  const key = words.next();
  if (sub === 'CONSUMERS') return { type: 'XINFO CONSUMERS', key, group: words.next() };
  if (words.left > 0) {
    if (sub !== 'STREAM' || words.option('FULL') === null) throw new Refusal(SYNTAX);
    const count = words.option('COUNT') === null ? FULL_COUNT : Math.max(0, words.integer());
    words.end();
    return { type: 'XINFO STREAM FULL', key, count };
  }
  return sub === 'STREAM' ? { type: 'XINFO STREAM', key } : { type: 'XINFO GROUPS', key };
}

function minIdle(text: string, command: string): number {
  return integerOf(text, `ERR Invalid min-idle-time argument for ${command}`);
}

/** A number of 64 bits with its sign, written as the server itself would write it: no zeros before it, no plus. */
function integerOf(text: string, refusal = NOT_INTEGER): number {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) throw new Refusal(refusal);
  const value = BigInt(text);
  if (value !== BigInt.asIntN(64, value)) throw new Refusal(refusal);
  return Number(value);
}

function idOf(text: string): StreamId {
  const id = parseId(text, 0);
  if (id === null) throw new Refusal(INVALID_ID);
  return id;
}

/** An id, or the ends `-` and `+`. */
function looseId(text: string): StreamId {
  return text === '-' ? LEAST_ID : text === '+' ? GREATEST_ID : idOf(text);
}

/** A bound of a range: an id, `-` or `+`, or exclusive with `(`. Milliseconds alone mean all of that millisecond. */
function boundOf(text: string, end: 'start' | 'end'): StreamId {
  if (text === '-') return LEAST_ID;
  if (text === '+') return GREATEST_ID;
  const exclusive = text.startsWith('(');
  const id = parseId(exclusive ? text.slice(1) : text, end === 'start' ? 0 : GREATEST_SEQ);
  if (id === null) throw new Refusal(INVALID_ID);
  if (!exclusive) return id;
  const next = end === 'start' ? idAfter(id) : idBefore(id);
  if (next === null) throw new Refusal(`ERR invalid ${end} ID for the interval`);
  return next;
}
