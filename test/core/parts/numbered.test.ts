/** Things under consecutive numbers, against a map. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Numbered } from '../../../core/parts/numbered.ts';

it('keeps what was not taken, gives no number twice, and knows the oldest', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.constant('add' as const) },
    { weight: 2, arbitrary: fc.nat(2000) },
    { weight: 2, arbitrary: fc.constant('take first' as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1500, size: 'max' }), (steps) => {
      const numbered = new Numbered<string>();
      const model = new Map<number, string>();
      let next = 1;
      for (const one of steps) {
        const [first] = model.keys();
        if (one === 'add') {
          expect([numbered.next, numbered.add(`item ${next}`)]).toEqual([next, next]);
          model.set(next, `item ${next}`);
          next++;
        } else {
          const number = one === 'take first' ? (first ?? 0) : one;
          expect(numbered.take(number)).toBe(model.get(number));
          model.delete(number);
        }
      }
      expect([...numbered.entries()]).toEqual([...model]);
      expect([numbered.size, numbered.first]).toEqual([model.size, [...model.values()][0]]);
    }),
    { numRuns: 50 },
  );
});

it('can be emptied while it is walked through', () => {
  const numbered = new Numbered<number>();
  for (let i = 1; i <= 1000; i++) numbered.add(i);
  const seen: number[] = [];
  for (const [number] of numbered.entries()) {
    seen.push(number);
    numbered.take(number);
  }
  expect([seen.length, numbered.size]).toEqual([1000, 0]);
});

it('goes on numbering after it was cleared', () => {
  const numbered = new Numbered<string>();
  numbered.add('a');
  numbered.clear();
  expect([numbered.get(1), numbered.add('b'), numbered.get(2)]).toEqual([undefined, 2, 'b']);
});
