/** Settings of a Redis server that keeps streams, of each stream, and of the clients that use them, with defaults and limits. Only tables. */
import { backoffOptions } from '../clients/backoff.ts';
import { numberOf, type OptionTable, type OptionValues, textOf } from '../options.ts';
import type { Trim } from '../parts/redis-stream.ts';
import type { RedisSettings } from './redis-streams-node.ts';

const SECOND = 1_000_000;
const VERSIONS = ['7.0', '7.2', '7.4', '8.0', '8.2', '8.4', '8.6', '8.8'] as const;

export const BROKER_OPTIONS: OptionTable = {
  version: {
    type: 'enum',
    values: VERSIONS,
    default: '8.8',
    doc: 'Which server: XNACK came with 8.8, idempotent XADD with 8.6, XREADGROUP … CLAIM with 8.4, DELREF and ACKED with 8.2.',
    source: 'X4, X14, X20',
  },
  appendonly: {
    type: 'enum',
    values: ['yes', 'no'],
    default: 'no',
    doc: 'Whether each write goes to an append-only file. Without it only the snapshots of `save` survive a crash of the machine.',
    source: 'X18',
  },
  appendfsync: {
    type: 'enum',
    values: ['always', 'everysec', 'no'],
    default: 'everysec',
    doc: 'When the append-only file is flushed: before each reply, once a second, or when the operating system likes to (30 s here).',
    source: 'X18',
  },
  save: {
    type: 'text',
    default: '3600 1 300 100 60 10000',
    doc: "Snapshots: pairs of seconds and changes; one is made once both have been reached since the last. '' makes none. With an append-only file they do not count.",
    source: 'X18',
  },
  'replica-lag': {
    type: 'duration',
    unit: 'ms',
    min: 0,
    doc: 'With it the server has an asynchronous replica, so far behind. When the server crashes, the replica takes over (after the `restart:` of the crash) and what it had not got is lost, whatever was on disk.',
    source: 'X19',
  },
  'stream-node-max-entries': {
    type: 'integer',
    default: 100,
    min: 0,
    max: 1_000_000,
    doc: 'Entries in one node of a stream; trimming with `~` removes whole nodes. 0 is no limit.',
    source: 'X3',
  },
  'stream-idmp-duration': {
    type: 'duration',
    unit: 's',
    default: 100 * SECOND,
    min: SECOND,
    max: 86_400 * SECOND,
    doc: "How long a stream remembers the idempotent id of an XADD (XCFGSET's IDMP-DURATION).",
    source: 'X20',
  },
  'stream-idmp-maxsize': {
    type: 'integer',
    default: 100,
    min: 1,
    max: 10_000,
    doc: "How many idempotent ids a stream remembers of each producer (XCFGSET's IDMP-MAXSIZE).",
    source: 'X20',
  },
};

export const TOPIC_OPTIONS: OptionTable = {
  MAXLEN: {
    type: 'integer',
    min: 0,
    max: 1_000_000_000,
    doc: 'Producers add with MAXLEN: the oldest entries beyond so many are removed, read or not, pending or not.',
    source: 'X3, X4',
  },
  MINID: {
    type: 'duration',
    unit: 's',
    min: 0,
    doc: 'Producers add with MINID: entries older than this are removed, by the time in their ids.',
    source: 'X3',
  },
  trim: {
    type: 'enum',
    values: ['=', '~'],
    default: '=',
    doc: 'Trims exactly, or only whole nodes of stream-node-max-entries, which is cheaper for the server.',
    source: 'X3',
  },
  LIMIT: {
    type: 'integer',
    min: 0,
    max: 1_000_000,
    doc: 'With `~`: one XADD removes at most so many entries; 0 is no limit. 100 nodes unless given.',
    source: 'X3',
  },
  references: {
    type: 'enum',
    values: ['KEEPREF', 'DELREF', 'ACKED'],
    default: 'KEEPREF',
    doc: 'What trimming does to pending entries: it leaves them pending with nothing to read, removes them too, or spares entries that a group has not acked (8.2).',
    source: 'X4',
  },
};

const REQUEST_TIMEOUT = {
  type: 'duration',
  unit: 'ms',
  default: 2 * SECOND,
  min: 1000,
  doc: 'How long the client waits for a reply (beyond BLOCK) before it tries again.',
  source: 'client libraries: command timeout',
} as const;

export const PRODUCER_OPTIONS: OptionTable = {
  IDMP: {
    type: 'boolean',
    default: false,
    doc: "XADD … IDMP with the producer's name and an id of the message: a retry is recognised and adds nothing (8.6).",
    source: 'X20',
  },
  'request-timeout': REQUEST_TIMEOUT,
  retries: {
    type: 'integer',
    default: 3,
    min: 0,
    max: 1_000_000,
    doc: 'How often an XADD is sent again when no reply came. Without IDMP it may then be in the stream twice.',
    source: 'client libraries: retry on timeout',
  },
  'retry-backoff': {
    type: 'duration',
    unit: 'ms',
    default: 100_000,
    min: 0,
    doc: 'Wait before the first retry.',
    source: 'client libraries: exponential backoff',
  },
  ...backoffOptions('retry-', 'exponential', 10_000_000),
};

export const CONSUMER_OPTIONS: OptionTable = {
  BLOCK: {
    type: 'duration',
    unit: 'ms',
    default: 5 * SECOND,
    min: 1000,
    doc: 'How long XREADGROUP waits for new entries before it answers with nothing.',
    source: 'X6',
  },
  COUNT: {
    type: 'integer',
    default: 10,
    min: 1,
    max: 10_000,
    doc: 'At most so many entries in one XREADGROUP, and never more than the consumer has room for (prefetch).',
    source: 'X6',
  },
  'read-history': {
    type: 'boolean',
    default: true,
    doc: 'After a start and after a lost connection the consumer first reads what is pending under its name (XREADGROUP … 0). Without it those entries wait until somebody claims them.',
    source: 'X7, X8',
  },
  'min-idle-time': {
    type: 'duration',
    unit: 'ms',
    min: 0,
    doc: 'The consumer runs XAUTOCLAIM at intervals and takes over entries, whoever owns them, that have been pending for at least so long. It should be longer than the work. Absent: it claims nothing.',
    source: 'X12',
  },
  'claim-interval': {
    type: 'duration',
    unit: 'ms',
    default: 10 * SECOND,
    min: 1000,
    doc: 'Pause between two runs of XAUTOCLAIM.',
    source: 'X12',
  },
  CLAIM: {
    type: 'duration',
    unit: 'ms',
    min: 0,
    doc: 'XREADGROUP … CLAIM: each read first takes over what has been pending for at least so long (8.4). Instead of XAUTOCLAIM.',
    source: 'X20',
  },
  'max-deliveries': {
    type: 'integer',
    default: 5,
    min: 1,
    max: 1_000_000,
    doc: 'With a dead-letter-stream: an entry that comes again after so many deliveries is moved there and not worked on.',
    source: 'X14',
  },
  'dead-letter-stream': {
    type: 'text',
    names: 'topic',
    doc: 'Where this consumer moves entries that were delivered too often, or that it rejects: a script with XACK and XADD. Redis itself has no dead-letter queue.',
    source: 'X14',
  },
  'group-start': {
    type: 'enum',
    values: ['0', '$'],
    default: '0',
    doc: 'Where XGROUP CREATE … MKSTREAM lets the group begin when a crash has lost it: at the first entry, or behind the last.',
    source: 'X5',
  },
  'request-timeout': REQUEST_TIMEOUT,
  retries: {
    type: 'integer',
    default: 3,
    min: 0,
    max: 1_000_000,
    doc: 'How often an XACK is sent again when no reply came.',
    source: 'client libraries: retry on timeout',
  },
};

/** 100 × major + minor: 808 for 8.8. */
export function versionOf(options: OptionValues): number {
  const [major = '8', minor = '8'] = textOf(options, 'version', '8.8').split('.');
  return 100 * Number(major) + Number(minor);
}

/** The server's settings. Its clock shows 0 when the run begins, so ids are milliseconds of the run. */
export function settingsOf(options: OptionValues): RedisSettings {
  const appendfsync = textOf(options, 'appendfsync', 'everysec');
  return {
    version: versionOf(options),
    epochMs: 0,
    nodeMaxEntries: numberOf(options, 'stream-node-max-entries', 100),
    appendonly: textOf(options, 'appendonly', 'no') === 'yes',
    appendfsync: appendfsync === 'always' || appendfsync === 'no' ? appendfsync : 'everysec',
    save: savePoints(textOf(options, 'save')) ?? [],
    replicaLagUs: numberOf(options, 'replica-lag', -1),
    idmpDurationMs: numberOf(options, 'stream-idmp-duration', 100 * SECOND) / 1000,
    idmpMaxSize: numberOf(options, 'stream-idmp-maxsize', 100),
  };
}

/** `3600 1 300 100` as pairs; null when it is malformed. */
export function savePoints(text: string): RedisSettings['save'] | null {
  const words = text.trim() === '' ? [] : text.trim().split(/\s+/);
  if (words.length % 2 === 1 || !words.every((word) => /^[1-9]\d{0,8}$/.test(word))) return null;
  return Array.from({ length: words.length / 2 }, (_, i) => ({
    afterUs: Number(words[2 * i]) * SECOND,
    changes: Number(words[2 * i + 1]),
  }));
}

/** How XADD trims a stream; `minId` says from which id on entries stay. Null when it does not. */
export interface Trimming {
  readonly maxlen: number;
  readonly ageUs: number;
  readonly approx: boolean;
  readonly limit: number;
  readonly references: Trim['references'];
}

export function trimmingOf(options: OptionValues): Trimming | null {
  const maxlen = numberOf(options, 'MAXLEN', -1);
  const ageUs = numberOf(options, 'MINID', -1);
  if (maxlen < 0 && ageUs < 0) return null;
  const references = textOf(options, 'references', 'KEEPREF');
  return {
    maxlen,
    ageUs,
    approx: textOf(options, 'trim', '=') === '~',
    limit: numberOf(options, 'LIMIT', -1),
    references: references === 'DELREF' || references === 'ACKED' ? references : 'KEEPREF',
  };
}
