/**
 * Runs every scenario of the library on its own seed and writes the digests into scenarios/digests.json; with `--part 1/2` those of the first of
 * two shares, onto the terminal. A digest that changes says that the scenario, a broker, or the order of decisions changed: say why in the commit.
 */
import { writeFileSync } from 'node:fs';
import { digestsOf } from '../test/sim/digests.ts';

const at = process.argv.indexOf('--part');
const [part, parts] = at < 0 ? [1, 1] : (process.argv[at + 1] ?? '').split('/').map(Number);
const digests = digestsOf((part ?? 1) - 1, parts);
const text = `${JSON.stringify(digests, null, 2)}\n`;
if (at >= 0) process.stdout.write(text);
else {
  writeFileSync('scenarios/digests.json', text);
  console.log(`${Object.keys(digests).length} digests written to scenarios/digests.json`);
}
