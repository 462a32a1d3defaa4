/** Public cases and recordings of real brokers against ours. What is not followed is listed, with its reason, in deviations.yaml. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readCases } from '../../sim/cli-conform.ts';
import { conform } from '../../sim/conform/index.ts';

interface Deviation {
  readonly system: string;
  readonly outcome: 'failed' | 'unknown';
  readonly cases: readonly string[];
  readonly reason: string;
}

const folder = fileURLToPath(new URL('.', import.meta.url));
const deviations = parse(readFileSync(`${folder}deviations.yaml`, 'utf8')) as readonly Deviation[];
const files = readCases([`${folder}vectors`, `${folder}recordings`]);
if (typeof files === 'string') throw new Error(files);
const report = conform(files);

const listed = (system: string, outcome: Deviation['outcome']) =>
  deviations
    .filter((row) => row.system === system && row.outcome === outcome)
    .flatMap(({ cases }) => cases)
    .sort();

it('runs the cases of these brokers and of no other', () => {
  expect(Object.keys(report).sort()).toEqual([
    'google-pubsub',
    'kafka',
    'pulsar',
    'rabbitmq',
    'redis-pubsub',
    'redis-streams',
    'sns',
    'sqs',
  ]);
  for (const { passed } of Object.values(report)) expect(passed).toBeGreaterThan(10);
});

it('gives a reason for every deviation', () => {
  for (const { reason, cases } of deviations) {
    expect(reason.length, cases.join(' ')).toBeGreaterThan(30);
    expect(cases.length).toBeGreaterThan(0);
  }
});

describe.each(Object.entries(report))('%s', (system, { failures, unknowns }) => {
  it('fails exactly the cases that are listed as failing', () => {
    const failing = failures.map(({ id }) => id).sort();
    const told = failures.map(({ id, expected, actual }) => `${id}\n  expected ${expected}\n  actual   ${actual}`);
    expect(failing, told.join('\n')).toEqual(listed(system, 'failed'));
  });

  it('leaves unknown exactly the cases that are listed as unknown', () => {
    expect(unknowns.map(({ id }) => id).sort()).toEqual(listed(system, 'unknown'));
  });
});
