/**
 * Ids of stream entries: two unsigned 64-bit numbers, milliseconds and sequence, compared in that order. Nearly all of them are small, so a part is a
 * plain number as long as that is exact and a bigint beyond; each value has one form only, so that `===` and `<` hold between both.
 * Source: rule X1.
 */

/** An unsigned 64-bit integer: a number up to 2^53 − 1, a bigint above. */
export type U64 = number | bigint;

export interface StreamId {
  readonly ms: U64;
  readonly seq: U64;
}

const MOST = 0xffff_ffff_ffff_ffffn;
export const LEAST_ID: StreamId = { ms: 0, seq: 0 };
export const GREATEST_ID: StreamId = { ms: MOST, seq: MOST };

/** Below 0, 0 or above 0, as `a` comes before, is, or comes after `b`. */
export function compareIds(a: StreamId, b: StreamId): number {
  if (a.ms !== b.ms) return a.ms < b.ms ? -1 : 1;
  if (a.seq !== b.seq) return a.seq < b.seq ? -1 : 1;
  return 0;
}

export function isZero(id: StreamId): boolean {
  return id.ms === 0 && id.seq === 0;
}

export function idText({ ms, seq }: StreamId): string {
  return `${ms}-${seq}`;
}

/** The id directly after this one; null after the greatest. */
export function idAfter({ ms, seq }: StreamId): StreamId | null {
  if (seq !== MOST) return { ms, seq: plusOne(seq) };
  return ms === MOST ? null : { ms: plusOne(ms), seq: 0 };
}

/** The id directly before this one; null before the least. */
export function idBefore({ ms, seq }: StreamId): StreamId | null {
  if (seq !== 0) return { ms, seq: minusOne(seq) };
  return ms === 0 ? null : { ms: minusOne(ms), seq: MOST };
}

/**
 * The id that `*` stands for: the clock, unless the last id is ahead of it, and then the next one after that. Null when there is none left. Source: X1.
 */
export function nextId(last: StreamId, nowMs: number): StreamId | null {
  return nowMs > last.ms ? { ms: nowMs, seq: 0 } : idAfter(last);
}

/** The id that `ms-*` stands for: the next sequence of that millisecond. Null when it is used up or lies in the past. Source: X1. */
export function nextInMs(last: StreamId, ms: U64): StreamId | null {
  if (ms === last.ms) return last.seq === MOST ? null : { ms, seq: plusOne(last.seq) };
  return ms < last.ms ? null : { ms, seq: 0 };
}

/** Reads `1526919030474-55`; `otherwise` is the sequence of an id that is milliseconds alone. Null when it is malformed. */
export function parseId(text: string, otherwise: U64): StreamId | null {
  const match = /^(\d{1,20})(?:-(\d{1,20}))?$/.exec(text);
  if (match === null) return null;
  const ms = parseU64(match[1] as string);
  const seq = match[2] === undefined ? otherwise : parseU64(match[2]);
  return ms === null || seq === null ? null : { ms, seq };
}

/** Reads an unsigned 64-bit number; null when it is none or too large. */
export function parseU64(text: string): U64 | null {
  if (!/^\d{1,20}$/.test(text)) return null;
  const value = BigInt(text);
  return value > MOST ? null : plain(value);
}

/** The greatest sequence, which a range's end means by milliseconds alone. */
export const GREATEST_SEQ: U64 = MOST;

function plusOne(value: U64): U64 {
  return typeof value === 'number' && value < Number.MAX_SAFE_INTEGER ? value + 1 : plain(BigInt(value) + 1n);
}

function minusOne(value: U64): U64 {
  return typeof value === 'number' ? value - 1 : plain(value - 1n);
}

function plain(value: bigint): U64 {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}
