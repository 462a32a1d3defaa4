import { expect, it } from 'vitest';
import { F, FACT_NAMES, FACTS, type FactName, R, REASONS, type Reason } from '../../core/facts.ts';

it('gives every fact its position in FACTS as its code', () => {
  expect(Object.keys(F)).toEqual(Object.keys(FACTS));
  for (const [name, code] of Object.entries(F)) expect(FACT_NAMES[code], name).toBe(name as FactName);
});

it('gives every reason its position in REASONS as its code', () => {
  expect(Object.keys(R)).toEqual([...REASONS]);
  for (const [reason, code] of Object.entries(R)) expect(REASONS[code], reason).toBe(reason as Reason);
});

it('makes a whole sentence of every fact, whatever its fields are', () => {
  for (const [name, { sentence }] of Object.entries(FACTS)) {
    for (const detail of [0, 1, 2, 3, 8, 200]) {
      const text = sentence({
        actor: 'b1',
        message: 7,
        place: 'jobs',
        placeKind: 'queue',
        peer: 'c1',
        value: 3,
        detail,
      });
      expect(text, name).toMatch(/^\S.*\.$/);
      expect(text, name).not.toMatch(/undefined|NaN/);
    }
  }
});
