/**
 * Replays vectors and recordings of Redis Pub/Sub on a `RedisPubSubNode`, and output-buffer cases on its `OutputBuffer`. Each client is a connection; one
 * that was dropped comes back as a new one with its next command.
 */
import { RedisPubSubNode } from '../../core/brokers/redis-pubsub-node.ts';
import type { PubSubReply, PubSubRequest } from '../../core/brokers/redis-pubsub-verbs.ts';
import { DEFAULT_LIMIT, OutputBuffer, parseBufferLimit } from '../../core/parts/output-buffer.ts';
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
  sameItems,
  sameJson,
  UnknownShape,
} from './case.ts';
import { MachineDriver } from './machine-driver.ts';
import { readScript } from './redis-script.ts';

const SECOND = 1_000_000;
const MEGABYTE = 1_048_576;

type Unsent<T = PubSubRequest> = T extends { readonly token: number } ? Omit<T, 'token' | 'connection'> : never;

/** What a client got: `pattern` is '' for a plain channel. */
interface Received {
  readonly client: string;
  readonly channel: string;
  readonly pattern: string;
  readonly text: string;
  /** The first word of the push: message, pmessage, or smessage of a shard channel (B11). */
  readonly kind: string;
}

class Server {
  readonly #driver = new MachineDriver();
  readonly #node = new RedisPubSubNode(DEFAULT_LIMIT, () => 0);
  readonly #actors = new Map<string, number>();
  readonly #connections = new Map<string, number>();
  readonly #texts = new Map<number, string>();
  /** Messages that were published to a shard channel. */
  readonly #sharded = new Set<number>();
  /** By client: what it has said since MULTI; null when some of it was refused. */
  readonly queued = new Map<string, (readonly string[])[] | null>();
  /** By client: whether its commands are not answered at all, or how many more are not (CLIENT REPLY). */
  readonly silent = new Map<string, number>();
  #replies: PubSubReply[] = [];
  #received: Received[] = [];
  #tokens = 0;

  constructor() {
    this.#driver.start(this.#node);
  }

  ask(client: string, command: Unsent): PubSubReply {
    this.#tokens += 1;
    const connection = this.#connections.get(client) ?? 1;
    this.#driver.receive(this.#actorOf(client), { ...command, token: this.#tokens, connection } as PubSubRequest);
    this.#hear();
    const reply = this.#replies.pop();
    if (reply === undefined) throw new Error(`no reply to ${command.type}`);
    return reply;
  }

  publish(client: string, type: 'PUBLISH' | 'SPUBLISH', channel: string, text: string): PubSubReply {
    const message = this.#driver.message(text.length);
    this.#texts.set(message.id, text);
    if (type === 'SPUBLISH') this.#sharded.add(message.id);
    return this.ask(client, { type, channel, message, topic: channel });
  }

  disconnect(client: string): void {
    this.#node.peerLost(this.#actorOf(client), this.#driver.out);
    this.#newConnection(client);
    this.#hear();
  }

  restart(): void {
    this.#driver.restart();
    for (const client of this.#actors.keys()) this.#newConnection(client);
    this.#hear();
  }

  /** Why a client may not say this now; '' where it may. */
  refusal(client: string, name: string): string {
    return this.#node.refusal(this.#actorOf(client), name);
  }

  advance(ms: number): void {
    this.#driver.advanceTo(this.#driver.nowUs + ms * 1000);
    this.#hear();
  }

  /** Takes what was pushed since the last time. */
  take(): Received[] {
    return this.#received.splice(0);
  }

  /** What belonged to the connection goes with it. */
  #newConnection(client: string): void {
    this.#connections.set(client, (this.#connections.get(client) ?? 1) + 1);
    this.queued.delete(client);
    this.silent.delete(client);
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
    for (const { to, wire } of this.#driver.take()) {
      const reply = wire as PubSubReply;
      if (reply.type === 'push') {
        const client = [...this.#actors].find(([, actor]) => actor === to)?.[0] ?? '';
        const text = this.#texts.get(reply.message.id) ?? '';
        const kind = this.#sharded.has(reply.message.id) ? 'smessage' : reply.pattern === '' ? 'message' : 'pmessage';
        this.#received.push({ client, channel: reply.channel, pattern: reply.pattern, text, kind });
      } else if (reply.type !== 'closed' && reply.type !== 'probe') this.#replies.push(reply);
    }
  }
}

/** How many words each command has at the least behind its name. */
const LEAST: Readonly<Record<string, number>> = {
  SUBSCRIBE: 1,
  PSUBSCRIBE: 1,
  SSUBSCRIBE: 1,
  PUBLISH: 2,
  SPUBLISH: 2,
  PUBSUB: 1,
  SELECT: 1,
  GET: 1,
  SET: 2,
  DEL: 1,
  EXISTS: 1,
};

/** And at the most, where there is a most. */
const MOST: Readonly<Record<string, number>> = { PUBLISH: 2, SPUBLISH: 2, GET: 1, PING: 1, SELECT: 1 };

/** The server's error where a command has too few words or too many; '' where it has as many as it takes. */
function arityError(name: string, rest: readonly string[]): string {
  const [about = ''] = rest;
  const most = name === 'PUBSUB' ? MOST_ASKED[about.toUpperCase()] : MOST[name];
  const isAsked = name === 'PUBSUB' && most !== undefined;
  const isWrong = rest.length < (LEAST[name] ?? 0) || rest.length > (most ?? Number.POSITIVE_INFINITY);
  const whole = isAsked ? `pubsub|${about}` : name;
  return isWrong ? `ERR wrong number of arguments for '${whole.toLowerCase()}' command` : '';
}

/** Words behind PUBSUB, its question among them. */
const MOST_ASKED: Readonly<Record<string, number>> = { NUMPAT: 1, CHANNELS: 2, SHARDCHANNELS: 2 };

/** There are 16 databases where nothing else is said. */
const DATABASES = 16;

/** The server's error where a word cannot be what it is to be; '' where all can. */
function valueError(name: string, [first = '']: readonly string[]): string {
  const isNumber = /^-?\d{1,18}$/.test(first);
  switch (name) {
    case 'SELECT':
      if (!isNumber) return 'ERR value is not an integer or out of range';
      return Number(first) < 0 || Number(first) >= DATABASES ? 'ERR DB index is out of range' : '';
    case 'HELLO':
      if (first === '' || first === '2' || first === '3') return '';
      return isNumber
        ? 'NOPROTO unsupported protocol version'
        : 'ERR Protocol version is not an integer or out of range';
    case 'PUBSUB':
      return ASKED.has(first.toUpperCase()) ? '' : `ERR unknown subcommand '${first}'. Try PUBSUB HELP.`;
    default:
      return '';
  }
}

/** What PUBSUB tells, and the help that is for people. */
const ASKED: ReadonlySet<string> = new Set(['CHANNELS', 'NUMSUB', 'NUMPAT', 'SHARDCHANNELS', 'SHARDNUMSUB', 'HELP']);

/** A command in words; null for one that is not known here. */
function commandOf(words: readonly string[]): Unsent | null {
  const [first = '', ...rest] = words;
  const name = first.toUpperCase();
  switch (name) {
    case 'SUBSCRIBE':
    case 'PSUBSCRIBE':
    case 'SSUBSCRIBE':
      return { type: name, names: rest, windowBytes: Number.POSITIVE_INFINITY };
    case 'UNSUBSCRIBE':
    case 'PUNSUBSCRIBE':
    case 'SUNSUBSCRIBE':
      return { type: name, names: rest };
    case 'PUBSUB': {
      const [about = '', ...names] = rest;
      const query = about.toUpperCase();
      switch (query) {
        case 'CHANNELS':
        case 'NUMSUB':
        case 'NUMPAT':
        case 'SHARDCHANNELS':
        case 'SHARDNUMSUB':
          return { type: 'PUBSUB', about: query, names };
        default:
          return null;
      }
    }
    case 'PING':
    case 'RESET':
    case 'SELECT':
      return { type: name, text: rest[0] ?? '' };
    case 'HELLO':
      return { type: 'HELLO', protocol: rest[0] === '3' ? 3 : 2 };
    case 'QUIT':
      return { type: 'QUIT' };
    case 'SET': {
      const [key = '', value = '', ...options] = rest;
      if (options.length > 0) throw new UnknownShape('the options of SET');
      return { type: name, keys: [key], value };
    }
    case 'GET':
    case 'DEL':
    case 'EXISTS':
      return { type: name, keys: rest, value: '' };
    default:
      return null;
  }
}

// ── Vectors ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export function runPubSub(one: JsonTable, findings: Findings): void {
  const fields = caseOf(one).skip('profile');
  const input = fields.fields('input');
  const expected = fields.fields('expected');
  fields.end();
  if (input.has('output_buffer')) {
    const buffer = input.fields('output_buffer');
    const actual = isCutOff(buffer.text('limit'), buffer.list('buffer_mb'));
    buffer.end();
    findings.same('disconnected', expected.flag('disconnected'), actual);
  } else runSteps(input.list('steps'), expected, findings);
  input.end();
  expected.end();
}

function runSteps(steps: readonly Json[], expected: Fields, findings: Findings): void {
  const server = new Server();
  const replies = expected.list('replies', []);
  const anyOrder = expected.flag('received_any_order');
  const wanted = expected.has('received') ? expected.table('received') : null;
  if (expected.has('replies') && replies.length !== steps.length) throw new UnknownShape('as many replies as steps');
  const received = new Map<string, Json[]>();
  steps.forEach((step, index) => {
    const actual = perform(server, step, index);
    for (const { client, channel, pattern, text, kind } of server.take()) {
      const list = received.get(client) ?? [];
      list.push(pattern === '' ? [kind, channel, text] : [kind, pattern, channel, text]);
      received.set(client, list);
    }
    const reply = replies[index];
    if (reply === undefined || (isTable(reply) && reply['$any'] === true) || actual === undefined) return;
    if (isTable(reply) && typeof reply['$error'] === 'string') {
      const text = isTable(actual) ? String(actual['$error']) : '';
      findings.holds(`step ${index}`, text.includes(reply['$error']), reply, actual);
    } else findings.same(`step ${index}`, reply, actual);
  });
  if (wanted === null) return;
  // Whom the case does not name has got nothing.
  for (const client of new Set([...Object.keys(wanted), ...received.keys()])) {
    const list = wanted[client] ?? [];
    if (!isList(list)) throw new UnknownShape(`what ${client} received`);
    const actual = received.get(client) ?? [];
    const same = anyOrder ? sameItems(list, actual) : sameJson(list, actual);
    findings.holds(`received by ${client}`, same, list, actual);
  }
}

/** Carries out a step; undefined where there is no reply. */
function perform(server: Server, step: Json, index: number): Json | undefined {
  if (isTable(step)) {
    const fields = new Fields(step, `step ${index}`);
    if (fields.has('disconnect')) server.disconnect(fields.text('disconnect'));
    else if (fields.has('wait_ms')) server.advance(fields.number('wait_ms'));
    else if (fields.has('restart')) {
      fields.get('restart');
      server.restart();
    } else throw new UnknownShape(`step ${index}`);
    fields.end();
    return undefined;
  }
  if (!isList(step)) throw new UnknownShape(`step ${index}`);
  const words = step.map((word) => {
    if (typeof word !== 'string' && typeof word !== 'number') throw new UnknownShape(`a word of step ${index}`);
    return String(word);
  });
  const [client = '', ...command] = words;
  return answered(server, client, command);
}

/** A command, and nothing when its client wants no answers: what is pushed to it comes all the same, and so do confirmations of subscriptions. */
function answered(server: Server, client: string, words: readonly string[]): Json | undefined {
  const [name, about, mode] = words.map((word) => word.toUpperCase());
  const left = server.silent.get(client) ?? 0;
  if (name === 'CLIENT' && about === 'REPLY') {
    if (mode !== 'ON' && mode !== 'OFF' && mode !== 'SKIP') return { $error: 'ERR syntax error' };
    const refusal = server.refusal(client, 'CLIENT|REPLY');
    if (refusal !== '') return { $error: refusal };
    if (mode !== 'SKIP' || left === 0) server.silent.set(client, SILENT[mode]);
    return mode === 'ON' ? 'OK' : undefined;
  }
  if (left > 0) server.silent.set(client, left - 1);
  const reply = transact(server, client, words);
  return left === 0 || name?.endsWith('SUBSCRIBE') === true ? reply : undefined;
}

/** How many of the commands behind CLIENT REPLY are not answered. */
const SILENT = { ON: 0, SKIP: 1, OFF: Number.POSITIVE_INFINITY } as const;

/** MULTI and what follows it up to EXEC or DISCARD, a script, or a command by itself. */
function transact(server: Server, client: string, words: readonly string[]): Json {
  const name = (words[0] ?? '').toUpperCase();
  const queued = server.queued.get(client);
  const refusal = ['MULTI', 'EXEC', 'DISCARD', 'EVAL'].includes(name) ? server.refusal(client, name) : '';
  if (refusal !== '') return { $error: refusal };
  if (name === 'MULTI') {
    if (queued !== undefined) return { $error: 'ERR MULTI calls can not be nested' };
    server.queued.set(client, []);
    return 'OK';
  }
  if (name === 'EXEC' || name === 'DISCARD') {
    server.queued.delete(client);
    if (queued === undefined) return { $error: `ERR ${name} without MULTI` };
    if (name === 'DISCARD') return 'OK';
    if (queued === null) return { $error: 'EXECABORT Transaction discarded because of previous errors.' };
    return queued.map((command) => performOne(server, client, command));
  }
  if (queued !== undefined && name !== 'RESET' && name !== 'QUIT') {
    const wrong = arityError(name, words.slice(1));
    if (wrong !== '') {
      server.queued.set(client, null);
      return { $error: wrong };
    }
    queued?.push(words);
    return 'QUEUED';
  }
  server.queued.delete(client);
  if (name !== 'EVAL') return performOne(server, client, words);
  const { commands, returns } = readScript(words.slice(1));
  const replies = commands.map((command) => performOne(server, client, command));
  return replies[returns] ?? null;
}

function performOne(server: Server, client: string, [name = '', ...rest]: readonly string[]): Json {
  const verb = name.toUpperCase();
  const wrong = arityError(verb, rest) || valueError(verb, rest);
  if (wrong !== '') return { $error: wrong };
  if (verb === 'PUBLISH' || verb === 'SPUBLISH') {
    return respOf(server.publish(client, verb, rest[0] ?? '', rest[1] ?? ''));
  }
  const command = commandOf([name, ...rest]);
  if (command === null) throw new UnknownShape(`the command ${name}`);
  return respOf(server.ask(client, command));
}

function respOf(reply: PubSubReply): Json {
  switch (reply.type) {
    case 'counts':
      return [...reply.counts];
    case 'number':
      return reply.number;
    case 'error':
      return { $error: reply.text };
    case 'text':
      return reply.text === null || typeof reply.text === 'string' ? reply.text : [...reply.text];
    case 'list':
      return [...reply.items];
    default:
      throw new Error(`no reply: ${reply.type}`);
  }
}

/** Whether a subscriber with this limit is cut off when its unsent output has these sizes: pairs of a second and megabytes from then on. */
function isCutOff(text: string, sizes: readonly Json[]): boolean {
  const parsed = parseBufferLimit(text);
  if (parsed === null) throw new UnknownShape(`the limit ${text}`);
  const buffer = new OutputBuffer(parsed ?? DEFAULT_LIMIT);
  for (const pair of sizes) {
    const [second, megabytes] = isList(pair) ? pair : [];
    if (typeof second !== 'number' || typeof megabytes !== 'number') throw new UnknownShape('a size of the buffer');
    // Until this second the buffer was as before.
    if (buffer.isOver(second * SECOND)) return true;
    buffer.set(megabytes * MEGABYTE, second * SECOND);
    if (buffer.isOver(second * SECOND)) return true;
  }
  return false;
}

// ── Recordings ──────────────────────────────────────────────────────────────────────────────────────────────────────

export function runRecording(one: JsonTable, findings: Findings): void {
  const fields = new Fields(one, 'the recording').skip('id', 'system', 'version', 'title', 'notes', 'unstable');
  const script = fields.fields('script');
  const steps = script.rows('steps');
  const observed = new Map(fields.rows('observed').map((row) => [row.number('step'), row]));
  fields.end();
  script.end();
  const server = new Server();
  const look = (where: string, wanted: Json, actual: Json) =>
    findings.holds(where, asRecorded(wanted, actual, SLACK_MS), wanted, actual);
  steps.forEach((step, index) => {
    const where = `step ${index}`;
    const result = performRecorded(server, step);
    step.end();
    const record = observed.get(index);
    const wanted = record?.get('result');
    if (wanted !== undefined || result !== undefined) look(where, wanted ?? 'nothing', result ?? 'nothing');
    const messages = record?.table('messages') ?? {};
    const actual: Record<string, Json[]> = {};
    for (const { client, channel, pattern, text } of server.take()) {
      const list = actual[client] ?? [];
      actual[client] = list;
      list.push({ channel, msg: text, ...(pattern === '' ? {} : { pattern }) });
    }
    for (const client of new Set([...Object.keys(messages), ...Object.keys(actual)])) {
      look(`${where}, ${client}`, messages[client] ?? [], actual[client] ?? []);
    }
    record?.end();
  });
}

function performRecorded(server: Server, step: Fields): Json | undefined {
  const op = step.text('op');
  const client = step.text('client', 'main');
  const names = (key: string): readonly string[] => (step.has(key) ? step.texts(key) : []);
  switch (op) {
    case 'SUBSCRIBE':
    case 'UNSUBSCRIBE':
    case 'PSUBSCRIBE':
    case 'PUNSUBSCRIBE': {
      const wanted = names(op.startsWith('P') ? 'patterns' : 'channels');
      const command = commandOf([op, ...wanted]) as Unsent;
      const reply = server.ask(client, command);
      return reply.type === 'counts' ? (reply.counts.at(-1) ?? 0) : respOf(reply);
    }
    case 'PUBLISH':
      return respOf(server.publish(client, 'PUBLISH', step.text('channel'), step.text('msg')));
    case 'PUBSUB_NUMSUB': {
      const reply = server.ask(client, { type: 'PUBSUB', about: 'NUMSUB', names: names('channels') });
      const items = reply.type === 'list' ? reply.items : [];
      return Object.fromEntries(
        Array.from({ length: items.length / 2 }, (_, i) => [String(items[2 * i]), items[2 * i + 1] as Json]),
      );
    }
    case 'PUBSUB_CHANNELS': {
      const pattern = step.has('pattern') ? [step.text('pattern')] : [];
      return respOf(server.ask(client, { type: 'PUBSUB', about: 'CHANNELS', names: pattern }));
    }
    case 'PUBSUB_NUMPAT':
      return respOf(server.ask(client, { type: 'PUBSUB', about: 'NUMPAT', names: [] }));
    case 'disconnect':
      server.disconnect(client);
      return undefined;
    case 'restart':
      step.text('how', 'term');
      server.restart();
      return undefined;
    case 'wait':
      server.advance(step.number('ms'));
      return undefined;
    default:
      throw new UnknownShape(`the op ${op}`);
  }
}
