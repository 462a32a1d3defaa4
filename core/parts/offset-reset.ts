/**
 * Where a consumer begins to read a partition: at the committed offset when there is one within the log, else as `auto.offset.reset` says. Pure
 * functions; who asks the leader and the coordinator is the client's port.
 */
import type { Micros } from '../types.ts';
import type { OffsetQuery } from './partition-replica.ts';

/** `auto.offset.reset`, parsed: an end of the log, a span to go back in time, or nowhere. Source: K70. */
export type OffsetReset = 'earliest' | 'latest' | 'none' | { readonly backUs: Micros };

const BY_DURATION = 'by_duration:';
const UNITS: Readonly<Record<string, Micros>> = {
  D: 86_400_000_000,
  H: 3_600_000_000,
  M: 60_000_000,
  S: 1_000_000,
};

/** Reads `earliest`, `latest`, `none` or `by_duration:` with an ISO 8601 duration such as `PT1H30M` or `P7D`; undefined for anything else. Source: K70. */
export function parseOffsetReset(text: string): OffsetReset | undefined {
  if (text === 'earliest' || text === 'latest' || text === 'none') return text;
  if (!text.startsWith(BY_DURATION)) return undefined;
  const [whole, days, time] =
    /^P(?:(\d+)D)?(?:T((?:\d+(?:\.\d+)?[HMS])+))?$/.exec(text.slice(BY_DURATION.length)) ?? [];
  if (whole === undefined || (days === undefined && time === undefined)) return undefined;
  let backUs = Number(days ?? 0) * (UNITS['D'] ?? 0);
  for (const [, count, unit] of (time ?? '').matchAll(/(\d+(?:\.\d+)?)([HMS])/g))
    backUs += Math.round(Number(count) * (UNITS[unit ?? ''] ?? 0));
  return { backUs };
}

/** What to ask the leader for; undefined when nothing may be chosen and the consumer fails. Without a record that young a consumer begins at the end. Source: K9, K70. */
export function resetQuery(reset: OffsetReset, now: Micros): OffsetQuery | undefined {
  if (reset === 'none') return undefined;
  return typeof reset === 'string' ? reset : { timeUs: Math.max(0, now - reset.backUs) };
}

/** Whether a committed offset is one to begin at: it lies within the log. Source: K6, K70. */
export function isWithin(committed: number | null, logStart: number, logEnd: number): committed is number {
  return committed !== null && committed >= logStart && committed <= logEnd;
}
