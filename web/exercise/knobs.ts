/** An exercise's knobs in words, and as settings. */
import { parseDuration } from '../../sim/scenario/duration.ts';
import { span } from '../stage/describe.ts';

/** As the select shows it. */
export function valueWords(value: unknown): string {
  if (value === null) return 'none';
  if (typeof value === 'string') {
    const us = /^\d/.test(value) ? parseDuration(value) : null;
    return us === null ? value : span(us);
  }
  if (typeof value !== 'object') return String(value);
  const entries = Object.entries(value);
  return entries.length === 1 && !Array.isArray(value)
    ? entries.map(([key, one]) => `${key}: ${valueWords(one)}`).join('')
    : JSON.stringify(value).replaceAll('"', '');
}

/** `path=value`, with the value as YAML can read it. */
export function setting(path: string, value: unknown): string {
  return `${path}=${JSON.stringify(value)}`;
}

/** What came out instead of a goal: "allowed" is a verdict's word, for a claim that was broken as the settings permit. */
export function outcomeWords(actual: string): string {
  return actual === 'allowed' ? 'broken, as these settings permit' : actual;
}
