/**
 * The link of a moment: `#scenario=photo-queue&seed=7&t=19.4s`, or `#yaml=…` with a whole scenario as base64url text. Whatever else stands there is
 * ignored or explained; nothing of it is trusted.
 */
import type { Micros } from '../core/types.ts';
import { readClock } from './stage/describe.ts';

export interface Address {
  /** Name in the library; '' when the scenario is in the link. */
  readonly scenario: string;
  /** A scenario's text; null when it is named. */
  readonly yaml: string | null;
  readonly seed: string | null;
  readonly timeUs: Micros | null;
  /** `path=value` each. */
  readonly sets: readonly string[];
  /** For a scenario in neutral words, the broker: name of a profile, not looked up yet. */
  readonly under: string | null;
  /** What could not be read, for the person; '' when all could. */
  readonly problem: string;
}

export function readAddress(hash: string): Address {
  const query = new URLSearchParams(hash.replace(/^#/, ''));
  const packed = query.get('yaml');
  const yaml = packed === null ? null : unpack(packed);
  const t = query.get('t');
  const timeUs = t === null ? null : readClock(t);
  const problem =
    packed !== null && yaml === null
      ? 'The link holds no readable scenario.'
      : t !== null && timeUs === null
        ? `The link's time "${t.slice(0, 40)}" is none; it would be like 19.4s.`
        : '';
  return {
    scenario: query.get('scenario') ?? '',
    yaml,
    seed: query.get('seed'),
    timeUs,
    sets: query.getAll('set'),
    under: query.get('under'),
    problem,
  };
}

export function writeAddress(address: Omit<Address, 'problem' | 'under'> & Partial<Pick<Address, 'under'>>): string {
  const query = new URLSearchParams();
  if (address.yaml !== null) query.set('yaml', pack(address.yaml));
  else query.set('scenario', address.scenario);
  if (address.seed !== null) query.set('seed', address.seed);
  for (const set of address.sets) query.append('set', set);
  if (address.under) query.set('under', address.under);
  if (address.timeUs !== null && address.timeUs > 0) query.set('t', `${address.timeUs}us`);
  return `#${query}`;
}

/** The same link under another broker. */
export function withUnder(hash: string, under: string): string {
  const query = new URLSearchParams(hash.replace(/^#/, ''));
  query.set('under', under);
  return `#${query}`;
}

function pack(text: string): string {
  const bytes = new TextEncoder().encode(text);
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function unpack(packed: string): string | null {
  try {
    const binary = atob(packed.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
