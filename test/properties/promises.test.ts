/**
 * The laws over generated systems of every broker, with fixed seeds and few enough runs for `npm test`. `npm run props -- --runs 5000` takes more,
 * with a seed of its own each time.
 */
import { expect, it } from 'vitest';
import { FAMILIES } from './families.ts';
import { brokenLaw, brokenRecord } from './laws.ts';
import { breachOf } from './report.ts';

const RUNS: Readonly<Record<string, number>> = { kafka: 150, 'client-patterns': 60 };
const RUNS_OTHERWISE = 250;

it.each(Object.keys(FAMILIES))('%s keeps what its settings promise, whatever fails', (name) => {
  const systems = FAMILIES[name];
  if (systems === undefined) throw new Error(`no family ${name}`);
  expect(breachOf(systems, brokenLaw, { runs: RUNS[name] ?? RUNS_OTHERWISE, seed: 20_261 })).toBe('');
});

it.each(Object.keys(FAMILIES))('a run of %s can be repeated, read aloud, written, read back and sought in', (name) => {
  const systems = FAMILIES[name];
  if (systems === undefined) throw new Error(`no family ${name}`);
  expect(breachOf(systems, brokenRecord, { runs: 12, seed: 7 })).toBe('');
});
