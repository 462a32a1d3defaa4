/**
 * `npm run props -- --runs 5000 [--broker kafka] [--seed N]`: generated systems and fault schedules of every family, far more than `npm test` takes, held
 * to the laws of test/properties. Prints progress, and of what breaks a law the scenario, the seed, and the command and link that replay it.
 */
import { parseArgs } from 'node:util';
import { FAMILIES } from '../test/properties/families.ts';
import { brokenLaw, brokenRecord } from '../test/properties/laws.ts';
import { breachOf } from '../test/properties/report.ts';

const PROGRESS_MS = 5_000;
const USAGE = `usage: npm run props -- [--runs 1000] [--broker ${Object.keys(FAMILIES).join('|')}] [--seed N]`;

const values = asked();
const runs = Number(values.runs ?? 1000);
const seed = Number(values.seed ?? Date.now() % 2_147_483_647);
const wanted = Object.entries(FAMILIES).filter(
  ([name]) => values.broker === undefined || name.startsWith(values.broker),
);
if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(seed) || wanted.length === 0) {
  console.error(USAGE);
  process.exit(2);
}

function asked(): { readonly runs?: string; readonly broker?: string; readonly seed?: string } {
  const option = { type: 'string' } as const;
  try {
    return parseArgs({ options: { runs: option, broker: option, seed: option } }).values;
  } catch {
    console.error(USAGE);
    process.exit(2);
  }
}

let breaches = 0;
for (const [name, systems] of wanted) {
  for (const [what, law, share] of [
    ['laws', brokenLaw, 1],
    ['record', brokenRecord, 20],
  ] as const) {
    const begunAt = Date.now();
    let count = 0;
    let saidAt = begunAt;
    const onRun = (): void => {
      count++;
      if (Date.now() - saidAt < PROGRESS_MS) return;
      saidAt = Date.now();
      console.log(`  ${name}, ${what}: ${count} runs`);
    };
    const breach = breachOf(systems, law, { runs: Math.ceil(runs / share), seed, onRun });
    const took = `${count} runs, ${((Date.now() - begunAt) / 1000).toFixed(1)} s`;
    console.log(`${name}, ${what}: ${breach === '' ? 'ok' : 'BROKEN'} (seed ${seed}, ${took})`);
    if (breach === '') continue;
    breaches++;
    console.log(`\n${breach}\n`);
  }
}
process.exitCode = breaches === 0 ? 0 : 1;
