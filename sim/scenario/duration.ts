/**
 * Quantities as people write them: `250ms`, `1h 30m`, `5/s`, `16KiB`, `5%`, `1ms..5ms`. Each reader takes the text and answers with the number in
 * the program's unit, or null when the text is no such quantity; saying what is wrong with it is the caller's work. `formatDuration` is the
 * way back and loses nothing.
 */
import type { Distribution } from '../../core/parts/distribution.ts';
import type { Micros } from '../../core/types.ts';

/** Longest span that a scenario may name: ten years. */
export const LONGEST_US: Micros = 3650 * 86_400_000_000;

/** µs in each unit of time, by every spelling that is accepted. */
export const TIME_UNITS: ReadonlyMap<string, number> = new Map([
  ['us', 1],
  ['µs', 1],
  ['ms', 1_000],
  ['s', 1_000_000],
  ['m', 60_000_000],
  ['min', 60_000_000],
  ['h', 3_600_000_000],
  ['d', 86_400_000_000],
]);

const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['B', 1],
  ['kB', 1_000],
  ['KB', 1_000],
  ['MB', 1_000_000],
  ['GB', 1_000_000_000],
  ['KiB', 1_024],
  ['MiB', 1_048_576],
  ['GiB', 1_073_741_824],
]);

const NUMBER = /^\d{1,15}(?:\.\d{1,15})?$/;
const SPANS = /^\d{1,15}(?:\.\d{1,15})? ?[a-zµ]+(?: ?\d{1,15}(?:\.\d{1,15})? ?[a-zµ]+){0,5}$/;
const SPAN = /(\d+(?:\.\d+)?) ?([a-zµ]+)/g;

/** A span in µs, rounded to whole ones, such as `30s` or `1h 30m`; `0` needs no unit. Null for anything else and for more than ten years. */
export function parseDuration(text: string): Micros | null {
  const trimmed = text.trim();
  if (trimmed === '0') return 0;
  if (trimmed.length > 120 || !SPANS.test(trimmed)) return null;
  let total = 0;
  for (const [, count, unit] of trimmed.matchAll(SPAN)) {
    const unitUs = TIME_UNITS.get(unit ?? '');
    if (unitUs === undefined) return null;
    total += Number(count) * unitUs;
  }
  const us = Math.round(total);
  return us <= LONGEST_US ? us : null;
}

/** How messages arrive: their mean number per second, evenly spaced or as a Poisson process. */
export interface Rate {
  readonly perSecond: number;
  readonly arrivals: 'even' | 'poisson';
}

/** `5/s`, `300/min`, `poisson 4.5/s`. */
export function parseRate(text: string): Rate | null {
  const match = /^(poisson +)?(\d{1,12}(?:\.\d{1,12})?) ?\/ ?([a-zµ]{1,3})$/.exec(text.trim());
  if (match === null) return null;
  const unitUs = TIME_UNITS.get(match[3] ?? '');
  if (unitUs === undefined) return null;
  return { perSecond: (Number(match[2]) * 1_000_000) / unitUs, arrivals: match[1] === undefined ? 'even' : 'poisson' };
}

/** Whole bytes of `16KiB`, `1MB`, `512`. */
export function parseSize(text: string): number | null {
  const match = /^(\d{1,15}(?:\.\d{1,9})?) ?([A-Za-z]{0,3})$/.exec(text.trim());
  const unit = match === null ? undefined : SIZE_UNITS.get(match[2] ?? '');
  if (match === null || unit === undefined) return null;
  const bytes = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** Bytes per second of `10MB/s`. */
export function parseByteRate(text: string): number | null {
  const match = /^(.{1,24})\/ ?s$/.exec(text.trim());
  return match === null ? null : parseSize(match[1] ?? '');
}

/** A probability from `5%` or `0.05`; null outside of 0 … 1. */
export function parseProbability(text: string): number | null {
  const trimmed = text.trim();
  const percent = trimmed.endsWith('%');
  const number = percent ? trimmed.slice(0, -1).trimEnd() : trimmed;
  if (!NUMBER.test(number)) return null;
  const probability = percent ? Number(number) / 100 : Number(number);
  return probability <= 1 ? probability : null;
}

/** `200ms` (constant), `1ms..5ms` (uniform), `exponential 1s` or `exp 1s`. */
export function parseDistribution(text: string): Distribution | null {
  const trimmed = text.trim();
  const exponential = /^exp(?:onential)? +(.+)$/.exec(trimmed);
  if (exponential !== null) {
    const meanUs = parseDuration(exponential[1] ?? '');
    return meanUs === null ? null : { type: 'exponential', meanUs };
  }
  const dots = trimmed.indexOf('..');
  if (dots >= 0) {
    const minUs = parseDuration(trimmed.slice(0, dots));
    const maxUs = parseDuration(trimmed.slice(dots + 2));
    if (minUs === null || maxUs === null || minUs > maxUs) return null;
    return minUs === maxUs ? { type: 'constant', us: minUs } : { type: 'uniform', minUs, maxUs };
  }
  const us = parseDuration(trimmed);
  return us === null ? null : { type: 'constant', us };
}

/** A span as a person writes it: `250ms`, `1.5s`, `1h 30m`. `parseDuration` reads it back unchanged. */
export function formatDuration(us: Micros): string {
  if (us < 0) return `-${formatDuration(-us)}`;
  if (us === 0) return '0s';
  if (us < 1_000) return `${us}us`;
  if (us < 1_000_000) return `${us / 1_000}ms`;
  const parts: string[] = [];
  let rest = us;
  for (const unit of ['d', 'h', 'm'] as const) {
    const unitUs = TIME_UNITS.get(unit) ?? 1;
    const count = Math.floor(rest / unitUs);
    if (count > 0) parts.push(`${count}${unit}`);
    rest -= count * unitUs;
  }
  if (rest >= 1_000_000) parts.push(`${rest / 1_000_000}s`);
  else if (rest > 0) parts.push(formatDuration(rest));
  return parts.join(' ');
}

/** A span within a sentence, with its units apart as in the facts' own: `250 ms`, `1 h 30 m`. */
export function durationWords(us: Micros): string {
  return formatDuration(us).replace(/(\d)([a-z])/g, '$1 $2');
}

/** Bytes as a person writes them: `16KiB`, `1MB`, `1500B`. */
export function formatSize(bytes: number): string {
  for (const unit of ['GiB', 'GB', 'MiB', 'MB', 'KiB', 'kB'] as const) {
    const unitBytes = SIZE_UNITS.get(unit) ?? 1;
    if (bytes >= unitBytes && bytes % unitBytes === 0) return `${bytes / unitBytes}${unit}`;
  }
  return `${bytes}B`;
}

/** A distribution as the scenario file has it. */
export function formatDistribution(distribution: Distribution): string {
  switch (distribution.type) {
    case 'constant':
      return formatDuration(distribution.us);
    case 'uniform':
      return `${formatDuration(distribution.minUs)}..${formatDuration(distribution.maxUs)}`;
    case 'exponential':
      return `exponential ${formatDuration(distribution.meanUs)}`;
    default:
      return unknownDistribution(distribution);
  }
}

function unknownDistribution(distribution: never): never {
  throw new Error(`invariant: unknown distribution ${JSON.stringify(distribution)}`);
}
