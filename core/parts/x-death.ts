/**
 * The history of a dead-lettered AMQP message: the `x-death` list, who killed it first and last, and the rule that ends
 * automatic dead-letter cycles. It neither routes nor stores messages, and it knows no queue but by name.
 * Histories are values: recording a death makes a new one, because copies of one message in several queues share theirs.
 * Source: rules R49, R52–R54.
 */
import type { Micros } from '../types.ts';
import type { HeaderTable, HeaderValue } from './headers-match.ts';

/** Why a queue let go of a message (R49). `delivery_limit` happens in quorum queues only. */
export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit';

/** All deaths of one message in one queue for one reason; all fields but `count` tell of the first of them (R52). */
export interface XDeath {
  readonly queue: string;
  readonly reason: DeathReason;
  readonly count: number;
  readonly timeUs: Micros;
  readonly exchange: string;
  /** The routing key and those of CC; never those of BCC. */
  readonly routingKeys: readonly string[];
  /** The message's own `expiration` (text, ms) at that time. */
  readonly originalExpiration: string | undefined;
}

/** Where and why, as the headers x-first-death-* and x-last-death-* tell it (R53). */
export interface DeathMark {
  readonly queue: string;
  readonly reason: DeathReason;
  readonly exchange: string;
}

/** Never empty: a message that has not died has no history at all. `entries` are most recent first. */
export interface DeathHistory {
  readonly entries: readonly XDeath[];
  readonly first: DeathMark;
  readonly last: DeathMark;
}

/**
 * The history after one more death. The same queue and reason again raise the count of their entry and move it to the
 * front (R52); `first` is set once and `last` each time (R53).
 */
export function recordDeath(history: DeathHistory | undefined, death: Omit<XDeath, 'count'>): DeathHistory {
  const mark = { queue: death.queue, reason: death.reason, exchange: death.exchange };
  if (history === undefined) return { entries: [{ ...death, count: 1 }], first: mark, last: mark };
  const isSame = (entry: XDeath) => entry.queue === death.queue && entry.reason === death.reason;
  const before = history.entries.find(isSame);
  const newest = before === undefined ? { ...death, count: 1 } : { ...before, count: before.count + 1 };
  return {
    entries: [newest, ...history.entries.filter((entry) => !isSame(entry))],
    first: history.first,
    last: mark,
  };
}

/**
 * Whether dead-lettering into `queue` would close a cycle that nobody takes part in: the message has died there before and
 * neither then nor since was it a consumer's rejection. Such a copy is dropped. To be asked after the death was recorded. Source: R54.
 */
export function closesCycle(history: DeathHistory, queue: string): boolean {
  for (const entry of history.entries) {
    if (entry.reason === 'rejected') return false;
    if (entry.queue === queue) return true;
  }
  return false;
}

/** The history as message headers. `withLast`: also x-last-death-*, which servers from 3.13 on write. */
export function deathHeaders(history: DeathHistory, withLast: boolean): HeaderTable {
  const { first, last } = history;
  const headers: Record<string, HeaderValue> = {
    'x-death': history.entries.map(entryTable),
    'x-first-death-queue': first.queue,
    'x-first-death-reason': first.reason,
    'x-first-death-exchange': first.exchange,
  };
  if (withLast) {
    headers['x-last-death-queue'] = last.queue;
    headers['x-last-death-reason'] = last.reason;
    headers['x-last-death-exchange'] = last.exchange;
  }
  return headers;
}

function entryTable(entry: XDeath): HeaderTable {
  const table: Record<string, HeaderValue> = {
    queue: entry.queue,
    reason: entry.reason,
    count: entry.count,
    // AMQP timestamps count whole seconds.
    time: Math.floor(entry.timeUs / 1_000_000),
    exchange: entry.exchange,
    'routing-keys': entry.routingKeys,
  };
  if (entry.originalExpiration !== undefined) table['original-expiration'] = entry.originalExpiration;
  return table;
}
