/**
 * Replays vectors and recordings of Redis Streams on a `RedisStreamsNode`. Vectors hold commands as words and replies in their RESP2 shape, where some
 * places hold a condition instead of a value; recordings hold commands as objects and replies as objects. Both are turned into the same commands.
 * Each connection is a client of its own, so one may wait while others go on.
 */
import { type RedisSettings, RedisStreamsNode } from '../../core/brokers/redis-streams-node.ts';
import type { StreamsReply, StreamsRequest } from '../../core/brokers/redis-streams-verbs.ts';
import type { Handed } from '../../core/parts/redis-stream.ts';
import { idText } from '../../core/parts/stream-id.ts';
import type { Micros } from '../../core/types.ts';
import {
  asRecorded,
  caseOf,
  Fields,
  type Findings,
  isList,
  isTable,
  type Json,
  type JsonTable,
  SLACK_MS,
  sameJson,
  UnknownShape,
} from './case.ts';
import { MachineDriver } from './machine-driver.ts';
import { Aside } from './redis-aside.ts';
import { type Refused, readCommand, type Unsent } from './redis-lines.ts';
import { readScript } from './redis-script.ts';

/** What the server's clock shows when a case begins: some day in 2025. */
const EPOCH_MS = 1_750_000_000_000;
const NEWEST = 808;
/** What 2^63 − 1 becomes in a JSON reader. */
const LARGEST = Number(0x7fff_ffff_ffff_ffffn);

/** The answer to a command; it may come later. */
interface Answer {
  reply: StreamsReply | null;
  /** What was picked out of the reply, for XINFO-GROUP-FIELDS. */
  picked?: Json;
  /** The answers to the commands of a transaction. */
  parts?: readonly Answer[];
}

/** The client that looks things up for the server itself. */
const ADMIN = '';
const QUEUED: Answer = { reply: { type: 'text', token: 0, text: 'QUEUED' } };
const OK: Answer = { reply: { type: 'ok', token: 0 } };

function failed(text: string): Answer {
  return { reply: { type: 'error', token: 0, text } };
}

/** A server and its clients. */
class Server {
  readonly #driver = new MachineDriver();
  readonly #version: number;
  readonly #actors = new Map<string, number>();
  readonly #open = new Map<number, Answer>();
  /** By command: who gave it. */
  readonly #asker = new Map<number, number>();
  readonly #fields = new Map<number, readonly string[]>();
  /** What clients have queued since MULTI; a command that was refused spoils the whole. */
  readonly #queued = new Map<string, { readonly commands: (readonly string[])[]; spoilt: boolean }>();
  /** By client: what it watches, and how that was. */
  readonly #watched = new Map<string, Map<string, string>>();
  readonly #aside: Aside;
  #tokens = 0;

  constructor(version: number, disk: Pick<RedisSettings, 'appendonly' | 'appendfsync'>) {
    this.#version = version;
    const { setup } = this.#driver;
    const node = new RedisStreamsNode(
      {
        version,
        epochMs: EPOCH_MS,
        nodeMaxEntries: 100,
        save: [],
        replicaLagUs: -1,
        idmpDurationMs: 100_000,
        idmpMaxSize: 100,
        ...disk,
      },
      {
        stream: (key) => setup.place(key, 'queue'),
        group: (key, group) => setup.place(`${key}/${group}`, 'queue', key),
      },
    );
    this.#driver.start(node);
    this.node = node;
    this.#aside = new Aside({
      nowMs: () => EPOCH_MS + this.nowUs / 1000,
      ask: (...words) => shown(this, this.#ask(ADMIN, words)),
      sleep: (ms) => this.advance(ms * 1000),
      wake: (client, error) => this.#wake(client, error),
      disconnect: (client) => this.disconnect(client),
    });
  }

  readonly node: RedisStreamsNode;

  get version(): number {
    return this.#version;
  }

  get nowUs(): Micros {
    return this.#driver.nowUs;
  }

  advance(us: Micros): void {
    const untilUs = this.#driver.nowUs + us;
    for (let atUs = this.#nextKeyUs(); atUs <= untilUs; atUs = this.#nextKeyUs()) this.#goTo(atUs);
    this.#goTo(untilUs);
  }

  /** Lets time go by until a command is answered, or nothing more can happen. */
  await(answer: Answer): void {
    for (;;) {
      const atUs = Math.min(this.#driver.nextTimerUs(), this.#nextKeyUs());
      if (answer.reply !== null || atUs === Number.POSITIVE_INFINITY) return;
      this.#goTo(atUs);
    }
  }

  /** When the next key expires. */
  #nextKeyUs(): Micros {
    return (this.#aside.nextMs - EPOCH_MS) * 1000;
  }

  #goTo(atUs: Micros): void {
    this.#driver.advanceTo(Math.max(atUs, this.#driver.nowUs));
    this.#hear();
    this.#aside.expire();
  }

  send(client: string, words: readonly string[]): Answer {
    return this.#transact(client, words) ?? this.#script(client, words) ?? this.#answer(client, words);
  }

  #answer(client: string, words: readonly string[]): Answer {
    const told = this.#aside.answer(client, words);
    if (told === undefined) return this.#ask(client, words);
    return isTable(told) ? failed(String(told['$error'])) : { ...OK, picked: told };
  }

  #ask(client: string, words: readonly string[]): Answer {
    if (SUMMED.has(words[0]?.toUpperCase() ?? '') && words.length > 2) return this.#sumOf(client, words);
    const answer: Answer = { reply: null };
    const command = this.#read(words);
    if ('text' in command) answer.reply = this.#refusal(command);
    else this.#say(client, command, answer);
    return answer;
  }

  #read(words: readonly string[]): Unsent | Refused {
    return readCommand(words, this.#version, (fields) => {
      const message = this.#driver.message(fields.join('').length);
      this.#fields.set(message.id, fields);
      return message;
    });
  }

  #sumOf(client: string, [name = '', ...keys]: readonly string[]): Answer {
    let count = 0;
    for (const key of keys) {
      const { reply } = this.#ask(client, [name, key]);
      if (reply?.type !== 'count') return { reply };
      count += reply.count;
    }
    return { reply: { type: 'count', token: 0, count } };
  }

  /** Whether a command is no single one of the machine's. */
  #isOneByOne(words: readonly string[]): boolean {
    return this.#aside.knows(words) || (SUMMED.has(words[0]?.toUpperCase() ?? '') && words.length > 2);
  }

  /** Ends the wait of a client's blocking command; false when it has none. */
  #wake(client: string, error: string): boolean {
    const actor = this.#actorOf(client);
    const waiting = [...this.#open].find(([token]) => this.#asker.get(token) === actor);
    if (waiting === undefined) return false;
    const [token, answer] = waiting;
    this.node.peerLost(actor);
    this.#open.delete(token);
    answer.reply = error === '' ? { type: 'id', token, id: null } : failed(error).reply;
    return true;
  }

  /** EVAL: its calls are one transaction, and one of them may be its reply. Null for any other command. */
  #script(client: string, words: readonly string[]): Answer | null {
    if (!/^eval(_ro)?$/i.test(words[0] ?? '')) return null;
    const { commands, returns } = readScript(words.slice(1));
    const { parts = [] } = this.#execute(client, commands);
    const failing = parts.find(({ reply }) => reply?.type === 'error');
    return failing ?? parts[returns] ?? { ...OK, picked: null };
  }

  /** How a key is now, to tell whether it was changed. */
  #stateOf(key: string): string {
    const type = shown(this, this.#ask(ADMIN, ['TYPE', key]));
    return type === 'stream'
      ? JSON.stringify(shown(this, this.#ask(ADMIN, ['XINFO', 'STREAM', key, 'FULL', 'COUNT', '0'])))
      : String(type);
  }

  /** MULTI and what follows it up to EXEC or DISCARD; null for a command that belongs to no transaction. */
  #transact(client: string, words: readonly string[]): Answer | null {
    const name = (words[0] ?? '').toUpperCase();
    const queued = this.#queued.get(client);
    if (name === 'MULTI') {
      if (queued !== undefined) return failed('ERR MULTI calls can not be nested');
      this.#queued.set(client, { commands: [], spoilt: false });
      return OK;
    }
    if (name === 'WATCH') {
      if (queued !== undefined) return failed('ERR WATCH inside MULTI is not allowed');
      const watched = this.#watched.get(client) ?? new Map<string, string>();
      for (const key of words.slice(1)) watched.set(key, this.#stateOf(key));
      this.#watched.set(client, watched);
      return OK;
    }
    if (name === 'UNWATCH' && queued === undefined) this.#watched.delete(client);
    if (name === 'EXEC' || name === 'DISCARD') {
      if (queued === undefined) return failed(`ERR ${name} without MULTI`);
      this.#queued.delete(client);
      const changed = [...(this.#watched.get(client) ?? [])].some(([key, state]) => this.#stateOf(key) !== state);
      this.#watched.delete(client);
      if (name === 'EXEC' && changed && !queued.spoilt) return { ...OK, picked: null };
      if (name === 'DISCARD') return OK;
      if (queued.spoilt) return failed('EXECABORT Transaction discarded because of previous errors.');
      return this.#execute(client, queued.commands);
    }
    if (queued === undefined) return null;
    if (this.#isOneByOne(words)) {
      queued.commands.push(words);
      return QUEUED;
    }
    const command = this.#read(words);
    // The number of words is all that is looked at before the time comes.
    if ('text' in command && /wrong number of arguments|unknown command/.test(command.text)) {
      queued.spoilt = true;
      return failed(command.text);
    }
    queued.commands.push(words);
    return QUEUED;
  }

  #execute(client: string, lines: readonly (readonly string[])[]): Answer {
    const parts: Answer[] = [];
    const commands: StreamsRequest[] = [];
    if (lines.some((words) => this.#isOneByOne(words))) {
      for (const words of lines) {
        const answer = this.#answer(client, words);
        // In a transaction nobody waits.
        if (answer.reply === null) this.#wake(client, '');
        parts.push(answer);
      }
      return { reply: OK.reply, parts };
    }
    for (const words of lines) {
      const answer: Answer = { reply: null };
      parts.push(answer);
      const command = this.#read(words);
      if ('text' in command) {
        answer.reply = { type: 'error', token: 0, text: command.text };
        continue;
      }
      this.#tokens += 1;
      this.#open.set(this.#tokens, answer);
      commands.push({ ...command, token: this.#tokens } as StreamsRequest);
    }
    this.#say(client, { type: 'EXEC', commands }, { reply: null });
    return { reply: OK.reply, parts };
  }

  #say(client: string, command: Unsent, answer: Answer): void {
    this.#tokens += 1;
    this.#open.set(this.#tokens, answer);
    this.#asker.set(this.#tokens, this.#actorOf(client));
    this.#driver.receive(this.#actorOf(client), { ...command, token: this.#tokens } as StreamsRequest);
    this.#hear();
  }

  /** The error of words that cannot be read; where the server would have looked something up before, what it says of that. */
  #refusal({ text, first }: Refused): StreamsReply {
    const error = { type: 'error', token: 0, text } as const;
    const asked = (command: Unsent): StreamsReply => {
      const looked: Answer = { reply: null };
      this.#say('main', command, looked);
      return looked.reply ?? error;
    };
    for (const { key, group, missing } of first) {
      const length = asked({ type: 'XLEN', key });
      if (length.type === 'error') return length;
      const there =
        group === null
          ? sameJson(respOf(this, asked({ type: 'EXISTS', key })), 1)
          : asked({ type: 'XPENDING', key, group, range: null }).type !== 'error';
      if (there || missing === null) continue;
      return typeof missing === 'number' ? { type: 'count', token: 0, count: missing } : { ...error, text: missing };
    }
    return error;
  }

  disconnect(client: string): void {
    this.node.peerLost(this.#actorOf(client));
  }

  /** The process is killed and comes back with what its file holds. */
  restart(): void {
    this.#driver.restart();
    this.#hear();
  }

  fieldsOf({ message }: Handed): readonly string[] | null {
    return message === null ? null : (this.#fields.get(message.id) ?? null);
  }

  #actorOf(client: string): number {
    let actor = this.#actors.get(client);
    if (actor === undefined) {
      actor = 10 + this.#actors.size;
      this.#actors.set(client, actor);
    }
    return actor;
  }

  #hear(): void {
    for (const { wire } of this.#driver.take()) {
      const reply = wire as StreamsReply;
      const answer = this.#open.get(reply.token);
      this.#open.delete(reply.token);
      if (answer !== undefined) answer.reply = reply;
    }
  }
}

// ── Vectors ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export function runCommands(one: JsonTable, findings: Findings): void {
  const fields = caseOf(one);
  const input = fields.fields('input');
  const commands = input.list('commands');
  const expected = fields.list('expected');
  const version = versionOf(fields.table('profile'));
  fields.end();
  input.end();
  if (expected.length !== commands.length) throw new UnknownShape('as many expectations as commands');
  const server = new Server(version, diskOf(commands));
  const waiting: { readonly index: number; readonly answer: Answer; readonly woken: Json }[] = [];
  commands.forEach((command, index) => {
    const wanted = expected[index] as Json;
    const answer = perform(server, command, `command ${index}`, isBlocked(wanted));
    if (isTable(wanted) && isBlocked(wanted)) {
      if (answer === null) throw new UnknownShape(`command ${index} cannot block`);
      findings.holds(`command ${index}`, answer.reply === null, 'blocked', shown(server, answer));
      waiting.push({ index, answer, woken: wanted['$blocked_then'] as Json });
    } else if (isAny(wanted)) {
      return;
    } else if (answer === null) {
      findings.same(`command ${index}`, wanted, 'OK');
    } else {
      compare(`command ${index}`, wanted, server, answer, findings);
    }
  });
  for (const { index, answer, woken } of waiting) {
    if (!isAny(woken)) compare(`command ${index}, when woken`, woken, server, answer, findings);
  }
}

/** Carries out one command; null for what is none of the server's own commands. */
function perform(server: Server, command: Json, where: string, mayWait: boolean): Answer | null {
  if (isList(command)) return ask(server, 'main', command, where, mayWait);
  const fields = new Fields(command, where);
  if (fields.has('wait_ms')) {
    server.advance(fields.number('wait_ms') * 1000);
    fields.end();
    return null;
  }
  if (fields.has('config')) {
    const settings = fields.table('config');
    fields.end();
    const words = ['CONFIG', 'SET'];
    for (const [name, value] of Object.entries(settings)) {
      if (!CONFIGURABLE.includes(name)) throw new UnknownShape(`the setting ${name}`);
      words.push(name, String(value));
    }
    return server.send('main', words);
  }
  if (fields.has('restart')) {
    fields.table('restart');
    fields.end();
    server.restart();
    return null;
  }
  if (fields.has('disconnect')) {
    server.disconnect(fields.text('disconnect'));
    fields.end();
    return null;
  }
  const words = fields.list('command');
  const client = fields.text('client', 'main');
  const repeat = fields.number('repeat', 1);
  fields.end();
  let answer: Answer = { reply: null };
  for (let i = 0; i < repeat; i++) answer = ask(server, client, words, where, mayWait);
  return answer;
}

function ask(server: Server, client: string, command: readonly Json[], where: string, mayWait: boolean): Answer {
  const words = command.map((word) => {
    if (typeof word !== 'string' && typeof word !== 'number') throw new UnknownShape(`${where} has a word of no text`);
    return String(word);
  });
  const [name, key, group, ...names] = words;
  if (name === 'XINFO-GROUP-FIELDS') {
    const answer = server.send(client, ['XINFO', 'GROUPS', key ?? '']);
    const rows = answer.reply?.type === 'groups-info' ? (respOf(server, answer.reply) as Json[][]) : [];
    const row = rows.find((cells) => cells[1] === group) ?? [];
    const picked = names.map((field) => (row.includes(field) ? (row[row.indexOf(field) + 1] ?? null) : null));
    return { reply: answer.reply, picked };
  }
  if (name?.toUpperCase() === 'CONFIG' && key?.toUpperCase() === 'SET') {
    for (let i = 2; i < words.length; i += 2) {
      if (!CONFIGURABLE.includes(words[i] ?? '')) throw new UnknownShape(`the setting ${words[i]}`);
    }
  }
  const answer = server.send(client, words);
  if (!mayWait) server.await(answer);
  return answer;
}

/** Commands that answer with a number for each of their keys, added up. */
const SUMMED: ReadonlySet<string> = new Set(['EXISTS', 'DEL', 'UNLINK']);

/** Settings that a case may change while the server runs; those of the disk are known from the start. */
const CONFIGURABLE: readonly string[] = [
  'stream-node-max-entries',
  'stream-node-max-bytes',
  'stream-idmp-duration',
  'stream-idmp-maxsize',
  'appendonly',
  'appendfsync',
  'save',
];

/** A killed process loses nothing that it has written, whatever is flushed when; without a file it loses all. */
function diskOf(commands: readonly Json[]): Pick<RedisSettings, 'appendonly' | 'appendfsync'> {
  const file = commands.every((command) => {
    const restart = isTable(command) ? command['restart'] : undefined;
    return !isTable(restart) || restart['appendonly'] !== 'no';
  });
  return { appendonly: file, appendfsync: 'always' };
}

/** `8.8+`, `7.0`, `8.2 or newer`; the newest when nothing is said. */
function versionOf(profile: JsonTable): number {
  const fields = new Fields(profile, 'profile');
  const server = fields.get('server');
  fields.end();
  return server === undefined ? NEWEST : versionNumber(String(server));
}

function versionNumber(text: string): number {
  const match = /(\d+)\.(\d+)/.exec(text);
  if (match === null) throw new UnknownShape(`the version ${text}`);
  const number = Number(match[1]) * 100 + Number(match[2]);
  // "or newer" may as well be the newest.
  return text.includes('+') || text.includes('newer') ? Math.max(number, NEWEST) : number;
}

function compare(where: string, wanted: Json, server: Server, answer: Answer, findings: Findings): void {
  const actual = shown(server, answer);
  findings.holds(where, matches(wanted, actual), wanted, actual);
}

function isAny(wanted: Json): boolean {
  return isTable(wanted) && wanted['$any'] === true;
}

function isBlocked(wanted: Json): boolean {
  return isTable(wanted) && Object.hasOwn(wanted, '$blocked_then');
}

/** Whether a reply is as expected, conditions included, at any depth. */
function matches(wanted: Json, actual: Json): boolean {
  if (isTable(wanted)) {
    const [condition, ...more] = Object.keys(wanted);
    if (more.length > 0) throw new UnknownShape('a condition of several parts');
    const value = wanted[condition ?? ''] as Json;
    switch (condition) {
      case '$any':
        return true;
      case '$error':
        return isTable(actual) && typeof actual['$error'] === 'string' && actual['$error'].includes(String(value));
      case '$match':
        return (
          isList(value) &&
          isList(actual) &&
          actual.length >= value.length &&
          value.every((one, i) => matches(one, actual[i] as Json))
        );
      case '$between': {
        const [low, high] = isList(value) ? value : [];
        const number = Number(actual);
        return typeof low === 'number' && typeof high === 'number' && number >= low && number <= high;
      }
      default:
        throw new UnknownShape(`the condition ${condition}`);
    }
  }
  if (isList(wanted)) {
    return (
      isList(actual) && wanted.length === actual.length && wanted.every((one, i) => matches(one, actual[i] as Json))
    );
  }
  return sameJson(wanted, actual);
}

/** What a client sees: the reply, `{"$error": text}`, or that it waits. */
function shown(server: Server, { reply, picked, parts }: Answer): Json {
  if (parts !== undefined) return parts.map((part) => shown(server, part));
  if (picked !== undefined) return picked;
  if (reply === null) return { $blocked: true };
  return respOf(server, reply);
}

function entryOf(server: Server, entry: Handed): Json {
  const fields = server.fieldsOf(entry);
  return [idText(entry.id), fields === null ? null : [...fields]];
}

function countOf(count: number): number {
  return Number.isFinite(count) ? count : LARGEST;
}

/** What XINFO STREAM tells first, in full or not. */
function factsOf(server: Server, info: Extract<StreamsReply, { type: 'stream-info' }>): Json[] {
  const { idmp } = info;
  return [
    ...['length', info.length, 'radix-tree-keys', info.nodes, 'radix-tree-nodes', info.nodes + 1],
    ...['last-generated-id', idText(info.lastId), 'max-deleted-entry-id', idText(info.maxDeleted)],
    ...['entries-added', info.entriesAdded, 'recorded-first-entry-id', idText(info.firstId)],
    ...(server.version < 806
      ? []
      : [
          ...['idmp-duration', idmp.durationMs / 1000, 'idmp-maxsize', idmp.maxSize],
          ...['pids-tracked', idmp.producers, 'iids-tracked', idmp.ids],
          ...['iids-added', idmp.added, 'iids-duplicates', idmp.duplicates],
        ]),
  ];
}

/** A reply in its RESP2 shape. */
function respOf(server: Server, reply: StreamsReply): Json {
  switch (reply.type) {
    case 'error':
      return { $error: reply.text };
    case 'ok':
      return 'OK';
    case 'count':
      return reply.count;
    case 'text':
      return reply.text;
    case 'id':
      return reply.id === null ? null : idText(reply.id);
    case 'codes':
      return [...reply.codes];
    case 'read':
      if (reply.streams === null) return null;
      return reply.streams.map(({ key, entries, isHistory }): Json => {
        const rows = entries.map((entry): Json => {
          const [id, fields] = entryOf(server, entry) as [Json, Json];
          return reply.claims && isHistory !== true ? [id, fields, entry.idleMs, countOf(entry.before)] : [id, fields];
        });
        return [key, rows];
      });
    case 'entries':
      if (reply.entries === null) return null;
      return reply.entries.map((entry) => (reply.justId ? idText(entry.id) : entryOf(server, entry)));
    case 'autoclaim':
      return [
        idText(reply.cursor),
        reply.entries.map((entry) => (reply.justId ? idText(entry.id) : entryOf(server, entry))),
        reply.deleted.map(idText),
      ];
    case 'pending': {
      const { count, min, max, consumers } = reply;
      if (count === 0) return [0, null, null, null];
      const rows = consumers.map(({ name, pending }) => [name, String(pending)]);
      return [count, min === null ? null : idText(min), max === null ? null : idText(max), rows];
    }
    case 'pending-list':
      return reply.rows.map(({ id, consumer, idleMs, count }) => [idText(id), consumer, idleMs, countOf(count)]);
    case 'stream-info': {
      const { first, last } = reply;
      return [
        ...factsOf(server, reply),
        ...['groups', reply.groups],
        ...['first-entry', first === null ? null : entryOf(server, first)],
        ...['last-entry', last === null ? null : entryOf(server, last)],
      ];
    }
    case 'stream-full': {
      const { info, entries, groups } = reply;
      const told = groups.map(({ name, lastId, entriesRead, lag, pending, rows, consumers }): Json => {
        const readers = consumers.map(
          (consumer): Json => [
            ...['name', consumer.name, 'seen-time', consumer.seenMs],
            ...(server.version < 702 ? [] : ['active-time', consumer.activeMs]),
            ...['pel-count', consumer.pending],
            ...['pending', consumer.rows.map(({ id, timeMs, count }) => [idText(id), timeMs, countOf(count)])],
          ],
        );
        const all = rows.map(({ id, consumer, timeMs, count }) => [idText(id), consumer, timeMs, countOf(count)]);
        return [
          ...['name', name, 'last-delivered-id', idText(lastId), 'entries-read', entriesRead, 'lag', lag],
          ...['pel-count', pending, 'pending', all, 'consumers', readers],
        ];
      });
      const held = entries.map((entry) => entryOf(server, entry));
      return [...factsOf(server, info), 'entries', held, 'groups', told];
    }
    case 'groups-info':
      return reply.groups.map(({ name, consumers, pending, lastId, entriesRead, lag }) => [
        ...['name', name, 'consumers', consumers, 'pending', pending, 'last-delivered-id', idText(lastId)],
        ...['entries-read', entriesRead, 'lag', lag],
      ]);
    case 'consumers-info':
      return reply.consumers.map(({ name, pending, idleMs, inactiveMs }) => [
        ...['name', name, 'pending', pending, 'idle', idleMs],
        ...(server.version < 702 ? [] : ['inactive', inactiveMs]),
      ]);
    default:
      return reply satisfies never;
  }
}

// ── Recordings ──────────────────────────────────────────────────────────────────────────────────────────────────────

export function runRecording(one: JsonTable, findings: Findings): void {
  const fields = new Fields(one, 'the recording').skip('id', 'system', 'title', 'notes', 'unstable');
  const version = versionNumber(fields.text('version', '7.0'));
  const script = fields.fields('script');
  const steps = script.rows('steps');
  const observed = new Map(fields.rows('observed').map((row) => [row.number('step'), row]));
  fields.end();
  script.end();
  const server = new Server(version, { appendonly: true, appendfsync: 'always' });
  const waiting = new Map<string, Answer>();
  steps.forEach((step, index) => {
    const where = `step ${index}`;
    const name = step.has('as') ? step.text('as') : '';
    const answer = performStep(server, step);
    step.end();
    const record = observed.get(index);
    if (answer !== null && name !== '') waiting.set(name, answer);
    const replies: Record<string, Json> = {};
    for (const [label, waited] of waiting) {
      if (waited.reply === null) continue;
      replies[label] = told(server, waited.reply);
      waiting.delete(label);
    }
    const wanted = record?.table('replies') ?? {};
    const labels = new Set([...Object.keys(wanted), ...Object.keys(replies)]);
    for (const label of labels) {
      look(`${where}, ${label}`, wanted[label], replies[label], index, findings);
    }
    if (name === '' && answer !== null) {
      look(
        where,
        record?.get('result'),
        answer.reply === null ? undefined : told(server, answer.reply),
        index,
        findings,
      );
    } else if (record?.has('result') === true && name === '') {
      look(where, record.get('result'), undefined, index, findings);
    }
    record?.end();
  });
}

function look(
  where: string,
  wanted: Json | undefined,
  actual: Json | undefined,
  steps: number,
  findings: Findings,
): void {
  if (wanted === undefined && actual === undefined) return;
  const holds = wanted !== undefined && actual !== undefined && asRecorded(wanted, actual, SLACK_MS * (steps + 1));
  findings.holds(where, holds, wanted ?? 'nothing', actual ?? 'nothing');
}

/** Carries out one step; null when it is no command. */
function performStep(server: Server, step: Fields): Answer | null {
  const op = step.text('op');
  switch (op) {
    case 'wait':
      server.advance(step.number('ms') * 1000);
      return null;
    case 'disconnect':
      server.disconnect(step.text('client'));
      return null;
    case 'restart':
      step.text('how', 'term');
      server.restart();
      return null;
    default: {
      const client = step.text('client', 'main');
      const answer = server.send(client, wordsOf(op, step));
      if (!step.has('as')) server.await(answer);
      return answer;
    }
  }
}

/** A recorded command as a client writes it. */
function wordsOf(op: string, step: Fields): string[] {
  const key = step.text('key');
  const number = (name: string, word: string): string[] => (step.has(name) ? [word, String(step.number(name))] : []);
  const flag = (name: string, word: string): string[] => (step.has(name) && step.flag(name) ? [word] : []);
  const trim = (): string[] => {
    const approx = step.has('approx') && step.flag('approx') ? ['~'] : [];
    if (step.has('maxlen')) return ['MAXLEN', ...approx, String(step.number('maxlen'))];
    return step.has('minid') ? ['MINID', ...approx, step.text('minid')] : [];
  };
  switch (op) {
    case 'XADD':
      return ['XADD', key, ...flag('nomkstream', 'NOMKSTREAM'), ...trim(), step.text('id'), 'm', step.text('msg')];
    case 'XLEN':
    case 'DEL':
      return [op, key];
    case 'XDEL':
      return [op, key, ...step.texts('ids')];
    case 'XTRIM':
      return [op, key, ...trim()];
    case 'XRANGE':
    case 'XREVRANGE': {
      const start = step.text('start', '-');
      const end = step.text('end', '+');
      const bounds = op === 'XRANGE' ? [start, end] : [end, start];
      return [op, key, ...bounds, ...number('count', 'COUNT')];
    }
    case 'XREAD':
      return [op, ...number('count', 'COUNT'), ...number('block', 'BLOCK'), 'STREAMS', key, step.text('id')];
    case 'XREADGROUP':
      return [
        ...[op, 'GROUP', step.text('group'), step.text('consumer')],
        ...[...number('count', 'COUNT'), ...number('block', 'BLOCK'), ...flag('noack', 'NOACK')],
        ...['STREAMS', key, step.text('id')],
      ];
    case 'XGROUP_CREATE':
      return ['XGROUP', 'CREATE', key, step.text('group'), step.text('id'), ...flag('mkstream', 'MKSTREAM')];
    case 'XGROUP_SETID':
      return ['XGROUP', 'SETID', key, step.text('group'), step.text('id')];
    case 'XGROUP_DESTROY':
      return ['XGROUP', 'DESTROY', key, step.text('group')];
    case 'XGROUP_CREATECONSUMER':
    case 'XGROUP_DELCONSUMER':
      return ['XGROUP', op.slice('XGROUP_'.length), key, step.text('group'), step.text('consumer')];
    case 'XACK':
      return [op, key, step.text('group'), ...step.texts('ids')];
    case 'XPENDING': {
      const group = step.text('group');
      if (!['start', 'end', 'count', 'consumer', 'minIdle'].some((name) => step.has(name))) return [op, key, group];
      return [
        ...[op, key, group, ...number('minIdle', 'IDLE')],
        ...[step.text('start', '-'), step.text('end', '+'), String(step.number('count', 10))],
        ...(step.has('consumer') ? [step.text('consumer')] : []),
      ];
    }
    case 'XCLAIM':
      return [
        ...[op, key, step.text('group'), step.text('consumer'), String(step.number('minIdle')), ...step.texts('ids')],
        ...[...number('idle', 'IDLE'), ...number('time', 'TIME'), ...number('retrycount', 'RETRYCOUNT')],
        ...[...flag('force', 'FORCE'), ...flag('justid', 'JUSTID')],
        ...(step.has('lastid') ? ['LASTID', step.text('lastid')] : []),
      ];
    case 'XAUTOCLAIM':
      return [
        ...[op, key, step.text('group'), step.text('consumer'), String(step.number('minIdle'))],
        ...[step.text('start', '0-0'), ...number('count', 'COUNT'), ...flag('justid', 'JUSTID')],
      ];
    case 'XINFO_STREAM':
      return ['XINFO', 'STREAM', key];
    case 'XINFO_GROUPS':
      return ['XINFO', 'GROUPS', key];
    case 'XINFO_CONSUMERS':
      return ['XINFO', 'CONSUMERS', key, step.text('group')];
    default:
      throw new UnknownShape(`the op ${op}`);
  }
}

/** A reply in the recorder's shape. */
function told(server: Server, reply: StreamsReply): Json {
  const entries = (handed: readonly Handed[]): Json =>
    handed.map((entry) => ({ id: idText(entry.id), msg: server.fieldsOf(entry)?.[1] ?? null }));
  switch (reply.type) {
    case 'error':
      return { error: reply.text.split(' ')[0] ?? '', text: reply.text };
    case 'read': {
      const [only] = reply.streams ?? [];
      return reply.streams === null ? null : entries(only?.entries ?? []);
    }
    case 'entries':
      if (reply.entries === null) return null;
      return reply.justId ? reply.entries.map(({ id }) => idText(id)) : entries(reply.entries);
    case 'autoclaim': {
      const claimed = reply.justId
        ? { ids: reply.entries.map(({ id }) => idText(id)) }
        : { entries: entries(reply.entries) };
      return { cursor: idText(reply.cursor), ...claimed, deleted: reply.deleted.map(idText) };
    }
    case 'pending': {
      const { count, min, max, consumers } = reply;
      return {
        count,
        min: min === null ? null : idText(min),
        max: max === null ? null : idText(max),
        consumers: Object.fromEntries(consumers.map(({ name, pending }) => [name, pending])),
      };
    }
    case 'pending-list':
      return reply.rows.map(({ id, consumer, idleMs, count }) => ({
        id: idText(id),
        consumer,
        idle: idleMs,
        deliveries: countOf(count),
      }));
    case 'stream-info':
      return {
        length: reply.length,
        lastId: idText(reply.lastId),
        maxDeleted: idText(reply.maxDeleted),
        added: reply.entriesAdded,
        groups: reply.groups,
      };
    case 'groups-info':
      return reply.groups.map(({ name, consumers, pending, lastId, entriesRead, lag }) => ({
        name,
        consumers,
        pending,
        lastDelivered: idText(lastId),
        entriesRead,
        lag,
      }));
    case 'consumers-info':
      return reply.consumers.map(({ name, pending, idleMs }) => ({ name, pending, idle: idleMs }));
    default:
      return respOf(server, reply);
  }
}
