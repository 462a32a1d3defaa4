/**
 * Runs every scenario of the library on its own seed and writes the digests into scenarios/digests.json. A digest that changes says that the scenario,
 * a broker, or the order of decisions changed: say why in the commit.
 */
import { writeFileSync } from 'node:fs';
import { digestsOf } from '../test/sim/digests.ts';

const digests = digestsOf();
writeFileSync('scenarios/digests.json', `${JSON.stringify(digests, null, 2)}\n`);
console.log(`${Object.keys(digests).length} digests written to scenarios/digests.json`);
