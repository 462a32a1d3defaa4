/**
 * A message as an AMQP broker holds it: the producer's message plus what was said at publishing (exchange, keys, properties) and the
 * history of its deaths. A value that never changes: several queues share it, and dead-lettering makes a new one.
 * Where it waits, how often it was delivered and when it expires belong to the queue that holds it.
 * Source: rules R6, R38, R50, R52, R53.
 */
import type { Message, Micros } from '../types.ts';
import type { HeaderTable, HeaderValue } from './headers-match.ts';
import { isList } from './headers-match.ts';
import type { DeathHistory, DeathReason } from './x-death.ts';
import { deathHeaders, recordDeath } from './x-death.ts';

export interface AmqpMessage {
  readonly body: Message;
  /** The exchange it was published to, or dead-lettered to. */
  readonly exchange: string;
  /** The routing key, then the keys of the CC header. Never empty. */
  readonly keys: readonly string[];
  /** Keys of the BCC header: they route, but no receiver sees them (R6). */
  readonly hiddenKeys: readonly string[];
  /** As published, without BCC and without death headers: `headersOf` adds those. */
  readonly headers: HeaderTable;
  readonly persistent: boolean;
  /** Absent counts as the queue's default priority. */
  readonly priority: number | undefined;
  /** The message's own TTL as text in ms, as AMQP carries it. */
  readonly expiration: string | undefined;
  readonly deaths: DeathHistory | undefined;
  /** How often it was handed out before it was dead-lettered to where it is now; 0 for what was published there. */
  readonly attempts: number;
}

/** What a publisher says beside the body. Absent: transient, without priority, expiration or headers. */
export interface Properties {
  readonly persistent?: boolean;
  readonly priority?: number;
  readonly expiration?: string;
  readonly headers?: HeaderTable;
}

/** `expiration` above this is refused (R38): ten years of 365 days, in ms. */
const LONGEST_EXPIRATION_MS = 315_360_000_000;

const NO_HEADERS: HeaderTable = {};
const NO_KEYS: readonly string[] = [];

/** The message that a publish makes, or the reason for which the channel is closed with 406. */
export function publishedMessage(
  body: Message,
  exchange: string,
  routingKey: string,
  properties: Properties,
): AmqpMessage | string {
  const { expiration } = properties;
  if (expiration !== undefined && expirationMs(expiration) === undefined) {
    return `invalid expiration '${expiration}': expected whole milliseconds as text, from 0 to ${LONGEST_EXPIRATION_MS}`;
  }
  let headers = properties.headers ?? NO_HEADERS;
  let keys: readonly string[] = [routingKey];
  let hiddenKeys = NO_KEYS;
  if (headers['CC'] !== undefined || headers['BCC'] !== undefined) {
    const cc = keyList(headers['CC']);
    const bcc = keyList(headers['BCC']);
    if (cc === undefined || bcc === undefined) return 'the headers CC and BCC must be lists of routing keys';
    keys = [routingKey, ...cc];
    hiddenKeys = bcc;
    headers = without(headers, 'BCC');
  }
  return {
    body,
    exchange,
    keys,
    hiddenKeys,
    headers,
    persistent: properties.persistent ?? false,
    priority: properties.priority,
    expiration,
    deaths: undefined,
    attempts: 0,
  };
}

/** All keys that take part in routing. */
export function routingKeys(message: AmqpMessage): readonly string[] {
  return message.hiddenKeys.length === 0 ? message.keys : [...message.keys, ...message.hiddenKeys];
}

/** The message's own TTL in µs, or `undefined` when it has none. */
export function messageTtlUs(message: AmqpMessage): Micros | undefined {
  if (message.expiration === undefined) return undefined;
  return (expirationMs(message.expiration) ?? 0) * 1000;
}

/** The headers that a receiver sees: its own and, once it was dead-lettered, those of its deaths. `withLast`: see `deathHeaders`. */
export function headersOf(message: AmqpMessage, withLast: boolean): HeaderTable {
  if (message.deaths === undefined) return message.headers;
  return { ...message.headers, ...deathHeaders(message.deaths, withLast) };
}

/**
 * The message as it leaves `queue` for a dead-letter exchange. Without a dead-letter routing key it keeps all its keys, those of
 * BCC too; its own expiration becomes part of the history, so that it cannot expire there for the same reason (R50, R52).
 * `attempts`: how often it was handed out so far. `keepCc`: the CC header stays although a dead-letter routing key replaces all keys, as servers from 3.13 on do it.
 */
export function deadLettered(
  message: AmqpMessage,
  queue: string,
  reason: DeathReason,
  timeUs: Micros,
  attempts: number,
  to: { readonly exchange: string; readonly routingKey: string | undefined; readonly keepCc: boolean },
): AmqpMessage {
  const deaths = recordDeath(message.deaths, {
    queue,
    reason,
    timeUs,
    exchange: message.exchange,
    routingKeys: message.keys,
    originalExpiration: message.expiration,
  });
  const renamed = to.routingKey !== undefined;
  return {
    ...message,
    exchange: to.exchange,
    keys: renamed ? [to.routingKey] : message.keys,
    hiddenKeys: renamed ? NO_KEYS : message.hiddenKeys,
    headers: renamed && !to.keepCc ? without(message.headers, 'CC') : message.headers,
    expiration: undefined,
    deaths,
    attempts,
  };
}

function expirationMs(text: string): number | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const ms = Number(text);
  return ms <= LONGEST_EXPIRATION_MS ? ms : undefined;
}

function keyList(value: HeaderValue | undefined): readonly string[] | undefined {
  if (value === undefined) return NO_KEYS;
  if (!isList(value)) return undefined;
  return value.filter((item) => typeof item === 'string');
}

function without(headers: HeaderTable, name: string): HeaderTable {
  return Object.fromEntries(Object.entries(headers).filter(([header]) => header !== name));
}
