import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { digestsOf } from './digests.ts';

const written: Record<string, string> = JSON.parse(readFileSync('scenarios/digests.json', 'utf8'));

/** Small ones of each broker, so that a process for each stays cheap. */
const SAMPLE = [
  'why-queues/photo-queue',
  'replication/leader-crash-acks-1',
  'routing/order-fan-out',
  'why-queues/photo-sync',
];

/** `queuelab run --json` of a library scenario in a process of its own. */
function digestInProcess(name: string, options: readonly string[], env: Record<string, string>): string {
  const { stdout } = spawnSync(
    process.execPath,
    ['bin/queuelab.js', 'run', `scenarios/${name}.yaml`, '--json', ...options],
    {
      env: { ...process.env, ...env },
      encoding: 'utf8',
    },
  );
  return JSON.parse(stdout).digest;
}

it('gives every library scenario the digest that is checked in, twice in a row (`npm run digests` writes them anew)', () => {
  expect(digestsOf()).toEqual(written);
  expect(digestsOf()).toEqual(written);
}, 60_000);

it.each(SAMPLE)('gives %s the same digest under other time zones and locales', (name) => {
  expect(digestInProcess(name, [], { TZ: 'Pacific/Apia', LC_ALL: 'tr_TR.UTF-8' })).toBe(written[name]);
  expect(digestInProcess(name, [], { TZ: 'America/St_Johns', LC_ALL: 'ar_EG.UTF-8' })).toBe(written[name]);
});

it('gives another digest on another seed', () => {
  expect(digestInProcess('why-queues/photo-queue', ['--seed', 'another'], {})).not.toBe(
    written['why-queues/photo-queue'],
  );
});
