/** The brokers' pages say what the sources say, and no rule of a broker is passed over. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AXES, PLACES } from '../../core/brokers/axes.ts';
import { BROKERS } from '../../core/brokers/index.ts';
import { mentionsIn, verbsIn } from '../../sim/broker-pages.ts';
import { brokerPages, rulesByKind, sources } from './pages.ts';

it.each(brokerPages())('$path is up to date', ({ path, text }) => {
  expect(text === readFileSync(path, 'utf8'), 'the sources have changed since it was made: run `npm run docs`').toBe(
    true,
  );
});

it('every broker has its place on every axis', () => {
  expect(Object.keys(PLACES).sort()).toEqual(Object.keys(BROKERS).sort());
  for (const place of Object.values(PLACES)) expect(Object.keys(place)).toEqual(Object.keys(AXES));
});

describe('every numbered rule', () => {
  const followed = mentionsIn(sources());
  const deviations = mentionsIn([
    { path: 'deviations', text: readFileSync('test/conformance/deviations.yaml', 'utf8') },
  ]);

  it.each(Object.entries(rulesByKind()))('of %s is named where it is followed, or where it is not', (kind, rules) => {
    expect(Object.keys(BROKERS)).toContain(kind);
    const missing = Object.keys(rules).filter((rule) => !followed.has(rule) && !deviations.has(rule));
    expect(missing).toEqual([]);
  });

  it('has the address of a page', () => {
    const addresses = Object.values(rulesByKind()).flatMap((rules) => Object.values(rules).flat());
    expect(addresses.filter((address) => !/^https:\/\/[\w.-]+\/\S*$/.test(address))).toEqual([]);
  });
});

describe('what is read from the sources', () => {
  it('short ranges of rules count as each of them, a whole document as none', () => {
    const found = mentionsIn([{ path: 'a.ts', text: 'Rules P17–P19 and S7; see S1–S34.' }]);
    expect([...found.keys()]).toEqual(['P17', 'P18', 'P19', 'S7']);
  });

  it('verbs come with the first sentence of what is said of them', () => {
    const text = `/** Moves messages; slowly. */\nexport interface Move extends Request {\n  readonly type: 'Move';\n}\nexport interface Stop {\n  readonly type: 'Stop';\n}`;
    expect(verbsIn(text)).toEqual([
      { name: 'Move', doc: 'Moves messages.' },
      { name: 'Stop', doc: '' },
    ]);
  });
});
