// `npm run docs`: writes the reference of the scenario format and its JSON Schema from the tables that the parser reads by.
import { mkdirSync, writeFileSync } from 'node:fs';
import { BROKERS } from '../core/brokers/index.ts';
import { scenarioReference, scenarioSchema } from '../sim/scenario/reference.ts';

mkdirSync('docs', { recursive: true });
writeFileSync('docs/scenarios.md', scenarioReference(BROKERS));
writeFileSync('scenarios/scenario.schema.json', `${JSON.stringify(scenarioSchema(BROKERS), null, 1)}\n`);
console.log('docs/scenarios.md and scenarios/scenario.schema.json are up to date.');
