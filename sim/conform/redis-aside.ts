/**
 * What a Redis server answers beside the commands that streams are about, for cases that use it in passing: keys that expire or are copied, keys of other types,
 * settings that are asked for, connections that are named or woken, and what an administrator says. It stands before the machine and speaks to it in its
 * own commands; what it does not know, it leaves to the machine. Source: the pages of the commands, [C].
 */
import type { Json } from './case.ts';

/** What the commands here need of the server that they stand before. */
export interface AsideHost {
  nowMs(): number;
  /** Carries out a command of the machine and gives its reply in RESP2 shape. */
  ask(...words: readonly string[]): Json;
  /** Lets time go by, all clients waiting. */
  sleep(ms: number): void;
  /** Wakes a client that waits in a blocking command: with nil as at its timeout, or with an error. False when it did not wait. */
  wake(client: string, error: string): boolean;
  disconnect(client: string): void;
}

const NOT_INTEGER = 'ERR value is not an integer or out of range';
const WRONG_TYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value';
/** The values of settings that a case may ask for and that nothing has set. */
const SETTINGS: Readonly<Record<string, string>> = {
  'stream-node-max-entries': '100',
  'stream-node-max-bytes': '4096',
  'stream-idmp-duration': '100',
  'stream-idmp-maxsize': '100',
  appendonly: 'yes',
  appendfsync: 'always',
  save: '',
  databases: '16',
  'maxmemory-policy': 'noeviction',
};
/** Settings that take a number between two others. */
const RANGES: Readonly<Record<string, readonly [least: number, most: number]>> = {
  'stream-idmp-duration': [1, 86_400],
  'stream-idmp-maxsize': [1, 10_000],
};
/** Commands that write a key of another type, with that type. */
const WRITERS: Readonly<Record<string, string>> = {
  LPUSH: 'list',
  RPUSH: 'list',
  SADD: 'set',
  ZADD: 'zset',
  HSET: 'hash',
  INCR: 'string',
  APPEND: 'string',
};
const OTHER_READERS: readonly string[] = ['GET', 'LLEN', 'LRANGE', 'SCARD', 'SMEMBERS', 'ZCARD', 'HGETALL', 'STRLEN'];

const KNOWN: ReadonlySet<string> = new Set([
  ...['PING', 'ECHO', 'SELECT', 'CLIENT', 'EXPIRE', 'PEXPIRE', 'EXPIREAT', 'PEXPIREAT', 'TTL', 'PTTL', 'EXPIRETIME'],
  ...[
    'PEXPIRETIME',
    'PERSIST',
    'COPY',
    'DUMP',
    'RESTORE',
    'OBJECT',
    'DEBUG',
    'SAVE',
    'UNWATCH',
    'BGSAVE',
    'BGREWRITEAOF',
  ],
  ...['WAIT', 'TIME', 'TYPE'],
  ...Object.keys(WRITERS),
  ...OTHER_READERS,
]);

function failed(text: string): Json {
  return { $error: text };
}

function arity(name: string): Json {
  return failed(`ERR wrong number of arguments for '${name.toLowerCase()}' command`);
}

export class Aside {
  readonly #host: AsideHost;
  /** By key: when it goes, in ms. */
  readonly #expiring = new Map<string, number>();
  /** Keys of other types than stream and string. */
  readonly #types = new Map<string, string>();
  readonly #settings = new Map<string, string>();
  readonly #clients: string[] = [];
  readonly #names = new Map<string, string>();
  /** What DUMP gave, by its text. */
  readonly #dumps = new Map<string, readonly (readonly string[])[]>();

  constructor(host: AsideHost) {
    this.#host = host;
  }

  /** When the next key goes, in ms; infinity for never. */
  get nextMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const atMs of this.#expiring.values()) next = Math.min(next, atMs);
    return next;
  }

  /** Keys whose time has come go. */
  expire(): void {
    for (const [key, atMs] of [...this.#expiring]) if (atMs <= this.#host.nowMs()) this.#delete(key);
  }

  /** Whether a command may be answered here. */
  knows([name = '']: readonly string[]): boolean {
    return KNOWN.has(name.toUpperCase());
  }

  /** The reply to a command that is answered here; undefined for others. */
  answer(client: string, [first = '', ...rest]: readonly string[]): Json | undefined {
    if (!this.#clients.includes(client)) this.#clients.push(client);
    const name = first.toUpperCase();
    const [key = '', second = ''] = rest;
    switch (name) {
      case 'PING':
        return rest.length > 1 ? arity(name) : rest.length === 1 ? key : 'PONG';
      case 'ECHO':
        return rest.length === 1 ? key : arity(name);
      case 'SELECT':
        return key === '0' ? 'OK' : failed(/^\d+$/.test(key) ? 'ERR DB index is out of range' : NOT_INTEGER);
      case 'CLIENT':
        return this.#client(client, rest);
      case 'EXPIRE':
      case 'PEXPIRE':
      case 'EXPIREAT':
      case 'PEXPIREAT':
        return rest.length < 2 ? arity(name) : this.#expireAt(name, key, second, rest[2] ?? '');
      case 'TTL':
      case 'PTTL':
      case 'EXPIRETIME':
      case 'PEXPIRETIME':
        return rest.length === 1 ? this.#left(name, key) : arity(name);
      case 'PERSIST':
        return this.#expiring.delete(key) ? 1 : 0;
      case 'COPY':
        return this.#copy(key, second, rest.slice(2));
      case 'DUMP':
        return this.#dump(key);
      case 'RESTORE':
        return this.#restore(key, second, rest[2] ?? '', rest.slice(3));
      case 'OBJECT':
        return this.#object(key.toUpperCase(), second);
      case 'DEBUG':
        return this.#debug(key.toUpperCase(), second);
      case 'SAVE':
      case 'UNWATCH':
        return 'OK';
      case 'BGSAVE':
        return 'Background saving started';
      case 'BGREWRITEAOF':
        return 'Background append only file rewriting started';
      case 'WAIT':
        return rest.length === 2 ? 0 : arity(name);
      case 'TIME': {
        const nowMs = this.#host.nowMs();
        return [String(Math.floor(nowMs / 1000)), String((nowMs % 1000) * 1000)];
      }
      case 'CONFIG':
        return this.#config(rest);
      case 'TYPE':
        return this.#types.has(key) && this.#exists(key) ? (this.#types.get(key) ?? null) : undefined;
      case 'SET':
      case 'DEL':
      case 'UNLINK':
        for (const gone of name === 'SET' ? [key] : rest) this.#forget(gone);
        return undefined;
      case 'RENAME':
        this.#moved(key, second);
        return undefined;
      case 'FLUSHALL':
      case 'FLUSHDB':
        this.#expiring.clear();
        this.#types.clear();
        return undefined;
      default:
        return this.#other(name, key, rest.length);
    }
  }

  #exists(key: string): boolean {
    return this.#host.ask('EXISTS', key) === 1;
  }

  #isStream(key: string): boolean {
    return this.#host.ask('TYPE', key) === 'stream';
  }

  #forget(key: string): void {
    this.#expiring.delete(key);
    this.#types.delete(key);
  }

  #delete(key: string): void {
    this.#forget(key);
    this.#host.ask('DEL', key);
  }

  #moved(from: string, to: string): void {
    if (!this.#exists(from) || from === to) return;
    for (const map of [this.#expiring, this.#types] as readonly Map<string, unknown>[]) {
      const value = map.get(from);
      map.delete(from);
      map.delete(to);
      if (value !== undefined) map.set(to, value);
    }
  }

  /** A command on keys of other types: it fails on a stream, and where it writes, the key is there afterwards. */
  #other(name: string, key: string, words: number): Json | undefined {
    const type = WRITERS[name];
    if (type === undefined && !OTHER_READERS.includes(name)) return undefined;
    if (words === 0) return arity(name);
    if (this.#isStream(key)) return failed(WRONG_TYPE);
    if (type === undefined) return undefined;
    if (!this.#exists(key)) {
      this.#host.ask('SET', key, '');
      this.#types.set(key, type);
    }
    return 1;
  }

  // ── Time ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #expireAt(name: string, key: string, text: string, condition: string): Json {
    if (!/^-?\d{1,15}$/.test(text)) return failed(NOT_INTEGER);
    if (!this.#exists(key)) return 0;
    const nowMs = this.#host.nowMs();
    const ms = Number(text) * (name.startsWith('P') ? 1 : 1000);
    const atMs = name.endsWith('AT') ? ms : nowMs + ms;
    const known = this.#expiring.get(key);
    switch (condition.toUpperCase()) {
      case '':
        break;
      case 'NX':
        if (known !== undefined) return 0;
        break;
      case 'XX':
        if (known === undefined) return 0;
        break;
      case 'GT':
        if (known === undefined || atMs <= known) return 0;
        break;
      case 'LT':
        if (known !== undefined && atMs >= known) return 0;
        break;
      default:
        return failed(`ERR Unsupported option ${condition}`);
    }
    if (atMs <= nowMs) this.#delete(key);
    else this.#expiring.set(key, atMs);
    return 1;
  }

  #left(name: string, key: string): Json {
    if (!this.#exists(key)) return -2;
    const atMs = this.#expiring.get(key);
    if (atMs === undefined) return -1;
    const ms = name.endsWith('EXPIRETIME') ? atMs : atMs - this.#host.nowMs();
    return name.startsWith('P') ? ms : Math.floor((ms + 500) / 1000);
  }

  // ── Copies ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The commands that make a stream as it is now, as a rewrite of the append-only file would note them; the key stands where it is ''. */
  #image(key: string): readonly (readonly string[])[] {
    const info = fieldsOf(this.#host.ask('XINFO', 'STREAM', key, 'FULL', 'COUNT', '0'));
    const commands: string[][] = [];
    const entries = listOf(info['entries']);
    for (const entry of entries) {
      const [id, fields] = listOf(entry);
      commands.push(['XADD', '', String(id), ...listOf(fields).map(String)]);
    }
    if (entries.length === 0) commands.push(['XADD', '', '0-1', 'x', 'y'], ['XDEL', '', '0-1']);
    const added = ['ENTRIESADDED', String(info['entries-added'])];
    const deleted = ['MAXDELETEDID', String(info['max-deleted-entry-id'])];
    commands.push(['XSETID', '', String(info['last-generated-id']), ...added, ...deleted]);
    for (const one of listOf(info['groups'])) {
      const group = fieldsOf(one);
      const name = String(group['name']);
      const last = String(group['last-delivered-id']);
      const read = group['entries-read'];
      commands.push(['XGROUP', 'CREATE', '', name, last, ...(read === null ? [] : ['ENTRIESREAD', String(read)])]);
      for (const other of listOf(group['consumers'])) {
        const consumer = fieldsOf(other);
        const owner = String(consumer['name']);
        commands.push(['XGROUP', 'CREATECONSUMER', '', name, owner]);
        for (const row of listOf(consumer['pending'])) {
          const [id, timeMs, count] = listOf(row).map(String);
          const how = ['TIME', timeMs ?? '0', 'RETRYCOUNT', count ?? '1', 'FORCE', 'JUSTID'];
          commands.push(['XCLAIM', '', name, owner, '0', id ?? '', ...how]);
        }
      }
    }
    return commands;
  }

  #make(key: string, image: readonly (readonly string[])[]): void {
    for (const words of image)
      this.#host.ask(...words.map((word, at) => (at > 0 && at < 3 && word === '' ? key : word)));
  }

  #copy(from: string, to: string, options: readonly string[]): Json {
    if (to === '') return arity('COPY');
    if (from === to) return failed('ERR source and destination objects are the same');
    if (!this.#exists(from)) return 0;
    if (this.#exists(to)) {
      if (!options.some((option) => option.toUpperCase() === 'REPLACE')) return 0;
      this.#delete(to);
    }
    if (this.#isStream(from)) this.#make(to, this.#image(from));
    else this.#host.ask('SET', to, '');
    const [atMs, type] = [this.#expiring.get(from), this.#types.get(from)];
    if (atMs !== undefined) this.#expiring.set(to, atMs);
    if (type !== undefined) this.#types.set(to, type);
    return 1;
  }

  #dump(key: string): Json {
    if (!this.#exists(key)) return null;
    const text = `dump ${this.#dumps.size + 1}`;
    this.#dumps.set(text, this.#isStream(key) ? this.#image(key) : [['SET', '', '']]);
    return text;
  }

  #restore(key: string, ttl: string, dump: string, options: readonly string[]): Json {
    const image = this.#dumps.get(dump);
    if (image === undefined) return failed('ERR DUMP payload version or checksum are wrong');
    if (this.#exists(key)) {
      if (!options.some((option) => option.toUpperCase() === 'REPLACE'))
        return failed('BUSYKEY Target key name already exists.');
      this.#delete(key);
    }
    this.#make(key, image);
    if (Number(ttl) > 0) this.#expiring.set(key, this.#host.nowMs() + Number(ttl));
    return 'OK';
  }

  // ── Connections and the server ──────────────────────────────────────────────────────────────────────────────────

  #client(client: string, [first = '', word = '', how = '']: readonly string[]): Json | undefined {
    switch (first.toUpperCase()) {
      case 'ID':
        return this.#clients.indexOf(client) + 1;
      case 'GETNAME':
        return this.#names.get(client) ?? null;
      case 'SETNAME':
        this.#names.set(client, word);
        return 'OK';
      case 'SETINFO':
      case 'NO-EVICT':
      case 'NO-TOUCH':
        return 'OK';
      case 'UNBLOCK': {
        const other = this.#clients[Number(word) - 1];
        const error = how.toUpperCase() === 'ERROR' ? 'UNBLOCKED client unblocked via CLIENT UNBLOCK' : '';
        return other !== undefined && this.#host.wake(other, error) ? 1 : 0;
      }
      case 'KILL': {
        const other = this.#clients[Number(how) - 1];
        if (word.toUpperCase() !== 'ID') return undefined;
        if (other !== undefined) this.#host.disconnect(other);
        return other === undefined ? 0 : 1;
      }
      default:
        return undefined;
    }
  }

  #config([first = '', ...rest]: readonly string[]): Json | undefined {
    switch (first.toUpperCase()) {
      case 'SET': {
        const given = rest.flatMap((name, at) => (at % 2 === 0 ? [[name, rest[at + 1] ?? ''] as const] : []));
        for (const [name, value] of given) {
          const [least, most] = RANGES[name] ?? [];
          if (least === undefined || most === undefined || (Number(value) >= least && Number(value) <= most)) continue;
          const why = `argument must be between ${least} and ${most} inclusive`;
          return failed(`ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}`);
        }
        for (const [name, value] of given) this.#settings.set(name, value);
        return undefined;
      }
      case 'GET':
        return rest.flatMap((name): Json[] => {
          const value = this.#settings.get(name) ?? SETTINGS[name];
          return value === undefined ? [] : [name, value];
        });
      case 'RESETSTAT':
      case 'REWRITE':
        return 'OK';
      default:
        return undefined;
    }
  }

  #object(about: string, key: string): Json | undefined {
    if (!this.#exists(key)) return null;
    switch (about) {
      case 'ENCODING':
        return this.#isStream(key) ? 'stream' : undefined;
      case 'REFCOUNT':
        return 1;
      case 'IDLETIME':
        return 0;
      case 'FREQ':
        return failed('ERR An LFU maxmemory policy is not selected, access frequency not tracked.');
      default:
        return undefined;
    }
  }

  /** A reload from disk finds what was there: streams, groups and pending entries are kept (X18). */
  #debug(about: string, value: string): Json | undefined {
    switch (about) {
      case 'SLEEP':
        this.#host.sleep(Number(value) * 1000);
        return 'OK';
      case 'RELOAD':
      case 'LOADAOF':
      case 'SET-ACTIVE-EXPIRE':
      case 'JMAP':
        return 'OK';
      default:
        return undefined;
    }
  }
}

/** A reply of names and values as a table. */
function fieldsOf(reply: Json): Readonly<Record<string, Json>> {
  const cells = listOf(reply);
  const table: Record<string, Json> = {};
  for (let at = 0; at + 1 < cells.length; at += 2) table[String(cells[at])] = cells[at + 1] ?? null;
  return table;
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
