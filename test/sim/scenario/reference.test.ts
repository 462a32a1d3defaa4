import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BROKERS } from '../../../core/brokers/index.ts';
import { brokerTables, scenarioReference, scenarioSchema } from '../../../sim/scenario/reference.ts';

const OUT_OF_DATE = 'the tables have changed since it was made: run `npm run docs`';

describe('the reference', () => {
  it('in docs/scenarios.md is up to date', () => {
    expect(scenarioReference(BROKERS) === readFileSync('docs/scenarios.md', 'utf8'), OUT_OF_DATE).toBe(true);
  });

  it('names every option of every broker, on the page of its own', () => {
    expect(scenarioReference(BROKERS)).toContain('](brokers/kafka.md)');
    for (const kind of Object.values(BROKERS)) {
      const text = brokerTables(kind).join('\n');
      for (const table of [kind.options, kind.queues, kind.topics, kind.exchanges, kind.producers, kind.consumers]) {
        for (const option of Object.keys(table ?? {})) expect(text).toContain(`| \`${option}\` |`);
      }
    }
  });
});

describe('the JSON Schema', () => {
  it('in scenarios/scenario.schema.json is up to date', () => {
    const schema = `${JSON.stringify(scenarioSchema(BROKERS), null, 1)}\n`;
    expect(schema === readFileSync('scenarios/scenario.schema.json', 'utf8'), OUT_OF_DATE).toBe(true);
  });

  it('says which keys a producer on some broker may have, and which every file needs', () => {
    const schema = JSON.parse(JSON.stringify(scenarioSchema(BROKERS)));
    expect(schema.required).toEqual(['title', 'duration']);
    expect(schema.properties.producers.additionalProperties.properties).toMatchObject({ rate: {}, to: {}, acks: {} });
    expect(schema.properties.producers.additionalProperties.additionalProperties).toBe(false);
  });
});
