import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const written: Record<string, string> = JSON.parse(readFileSync('scenarios/digests.json', 'utf8'));

/** Far from one another in hours, in letters (Turkish has two more for `i`) and in digits. Each runs every second scenario of the library. */
const ELSEWHERE = [
  { part: '1/2', TZ: 'Pacific/Apia', LC_ALL: 'tr_TR.UTF-8' },
  { part: '2/2', TZ: 'America/St_Johns', LC_ALL: 'ar_EG.UTF-8' },
];

/** Builds the script that makes digests, and runs it: the digests of a share of the library, from a process of its own. */
const BUILD_AND_RUN = ['scripts/run.mjs', 'scripts/digests.ts'];
/** Runs it as it was built. */
const RUN = ['dist/scripts/digests.js'];

function digestsInProcess(
  script: readonly string[],
  part: string,
  env: Record<string, string>,
): Record<string, string> {
  const { stdout } = spawnSync(process.execPath, [...script, '--part', part], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  return JSON.parse(stdout);
}

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

it('gives every library scenario the same digest in another time zone and locale', () => {
  const elsewhere = ELSEWHERE.map(({ part, ...env }, i) => digestsInProcess(i === 0 ? BUILD_AND_RUN : RUN, part, env));
  expect(Object.assign({}, ...elsewhere)).toEqual(written);
}, 240_000);

it('gives another digest on another seed', () => {
  expect(digestInProcess('why-queues/photo-queue', ['--seed', 'another'], {})).not.toBe(
    written['why-queues/photo-queue'],
  );
});
