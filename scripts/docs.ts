// `npm run docs`: writes the reference of the scenario format, its JSON Schema and the brokers' pages from the tables that the parser reads by.
import { mkdirSync, writeFileSync } from 'node:fs';
import { BROKERS } from '../core/brokers/index.ts';
import { scenarioReference, scenarioSchema } from '../sim/scenario/reference.ts';
import { brokerPages } from '../test/house/pages.ts';

mkdirSync('docs/brokers', { recursive: true });
writeFileSync('docs/scenarios.md', scenarioReference(BROKERS));
writeFileSync('scenarios/scenario.schema.json', `${JSON.stringify(scenarioSchema(BROKERS), null, 1)}\n`);
for (const { path, text } of brokerPages()) writeFileSync(path, text);
console.log('docs/scenarios.md, docs/brokers and scenarios/scenario.schema.json are up to date.');
