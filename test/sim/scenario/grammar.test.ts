import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { renderDiagnostics } from '../../../sim/scenario/diagnostics.ts';
import * as grammar from '../../../sim/scenario/grammar.ts';
import { scenarioSchema } from '../../../sim/scenario/reference.ts';
import { SCENARIO_FIELDS } from '../../../sim/scenario/root.ts';
import { blank, type Fields } from '../../../sim/scenario/shapes.ts';
import { Source } from '../../../sim/scenario/source.ts';
import { VERBS } from '../../../sim/scenario/timeline.ts';
import { KINDS } from './kinds.ts';
import { VALID } from './valid.ts';

const tables: [string, Fields][] = [['SCENARIO_FIELDS', SCENARIO_FIELDS]];
for (const [name, value] of Object.entries<unknown>(grammar))
  if (name.endsWith('_FIELDS')) tables.push([name, value as Fields]);
for (const [verb, record] of Object.entries(VERBS)) tables.push([verb, record.fields]);

describe('in the tables of', () => {
  it.each(tables)('%s every example is what the key takes', (_, fields) => {
    for (const [key, field] of Object.entries(fields)) {
      const source = new Source(`${key}: ${field.example}`, key, KINDS);
      field.shape.read(source.child(source.root, key));
      expect(renderDiagnostics(source.finish())).toBe('');
    }
  });

  it.each(tables)('%s every default is what the key takes', (_, fields) => {
    expect(() => blank(fields)).not.toThrow();
  });
});

describe('the JSON Schema', () => {
  const schema = z.fromJSONSchema(JSON.parse(JSON.stringify(scenarioSchema(KINDS))));

  it.each(VALID.map((text) => [/title: (.*)/.exec(text)?.[1] ?? '', text]))('accepts: %s', (_, text) => {
    const result = schema.safeParse(parse(text));
    expect(result.error?.issues ?? []).toEqual([]);
  });

  it.each([
    ['an unknown section', 'timelime: []'],
    ['a word for a number', 'limits: { messages: many }'],
    ['an unknown option', 'queues: { jobs: { VisibilityTimout: 30s } }'],
    ['an unknown verb', 'timeline: [{ at: 1s, crush: resizer }]'],
    ['an unknown claim', 'claims: [at-leest-once]'],
  ])('refuses %s', (_, line) => {
    expect(schema.safeParse(parse(`title: a\nbroker: sqs\nduration: 1m\n`)).success).toBe(true);
    expect(schema.safeParse(parse(`title: a\nbroker: sqs\nduration: 1m\n${line}\n`)).success).toBe(false);
  });
});
