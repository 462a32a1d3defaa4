/** The brokers' pages say what the sources say, and no rule of a broker is passed over. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AXES, PLACES } from '../../core/brokers/axes.ts';
import { BROKERS } from '../../core/brokers/index.ts';
import { VERBS } from '../../core/brokers/verbs.ts';
import { mentionsIn, simplifiedIn } from '../../sim/broker-pages.ts';
import { brokerPages, rulesByKind, sources } from './pages.ts';

it.each(brokerPages())('$path is up to date', ({ path, text }) => {
  expect(text === readFileSync(path, 'utf8'), 'the sources have changed since it was made: run `npm run docs`').toBe(
    true,
  );
});

it('every broker has verbs, each with a sentence', () => {
  expect(Object.keys(VERBS).sort()).toEqual(Object.keys(BROKERS).sort());
  for (const verbs of Object.values(VERBS)) {
    expect(Object.keys(verbs).length).toBeGreaterThan(1);
    for (const sentence of Object.values(verbs)) expect(sentence).toMatch(/^[A-Z].*\.$/);
  }
});

it('every broker has its place on every axis', () => {
  expect(Object.keys(PLACES).sort()).toEqual(Object.keys(BROKERS).sort());
  for (const place of Object.values(PLACES)) expect(Object.keys(place)).toEqual(Object.keys(AXES));
});

describe('every numbered rule', () => {
  const followed = mentionsIn(sources());
  const deviations = mentionsIn([
    { path: 'deviations', text: `/* ${readFileSync('test/conformance/deviations.yaml', 'utf8')} */` },
  ]);

  it.each(Object.entries(rulesByKind()))('of %s is named where it is followed, or where it is not', (name, rules) => {
    const kind = BROKERS[name];
    if (kind === undefined) throw new Error(`no broker ${name}`);
    const simplified = simplifiedIn(kind);
    const missing = Object.keys(rules).filter(
      (rule) => !followed.has(rule) && !simplified.has(rule) && !deviations.has(rule),
    );
    expect(missing).toEqual([]);
  });

  it('has the address of a page', () => {
    const addresses = Object.values(rulesByKind()).flatMap((rules) => Object.values(rules).flat());
    expect(addresses.filter((address) => !/^https:\/\/[\w.-]+\/\S*$/.test(address))).toEqual([]);
  });
});

describe('what is read from the sources', () => {
  it('short ranges of rules count as each of them, a whole document as none', () => {
    const found = mentionsIn([{ path: 'a.ts', text: '// Rules P17–P19 and S7; see S1–S34.' }]);
    expect([...found.keys()]).toEqual(['P17', 'P18', 'P19', 'S7']);
  });

  it('only what a source says of itself counts, not what it says to people', () => {
    const text = `// S1\n/** S2 */ const a = { source: 'S3', doc: 'S4' };`;
    expect([...mentionsIn([{ path: 'a.ts', text }]).keys()]).toEqual(['S1', 'S2', 'S3']);
  });
});
