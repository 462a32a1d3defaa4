import fc from 'fast-check';
import { expect, it } from 'vitest';
import { NumberMap } from '../../../core/parts/number-map.ts';

const act = fc.record({
  type: fc.constantFrom('set', 'set', 'set', 'take', 'take', 'clear?'),
  // Neighbours, keys that fall on one slot, and keys beyond 32 bits.
  key: fc.oneof(
    fc.nat(40),
    fc.nat(20).map((n) => n * 1024),
    fc.nat(5).map((n) => 2 ** 33 + n),
  ),
  item: fc.constantFrom('a', 'b', 'c'),
});

it('holds what a map holds, whatever is put in and taken out', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 200 }), (acts) => {
      const ours = new NumberMap<string>();
      const model = new Map<number, string>();
      acts.forEach(({ type, key, item }, turn) => {
        if (type === 'set') {
          // Put in again, it counts as new: so the order of the marks is the model's.
          const former = model.get(key);
          model.delete(key);
          model.set(key, item);
          expect(ours.set(key, item, turn)).toBe(former);
        } else if (type === 'take') {
          expect(ours.take(key)).toBe(model.get(key));
          model.delete(key);
        } else if (key === 0) {
          ours.clear();
          model.clear();
        }
        expect(ours.has(key)).toBe(model.has(key));
        expect(ours.size).toBe(model.size);
      });
      for (const [key, item] of model) expect(ours.get(key)).toBe(item);
      expect(ours.keys()).toEqual([...model.keys()]);
      const ofA = [...model].filter(([, item]) => item === 'a').map(([key]) => key);
      expect(ours.keys('a')).toEqual(ofA);
    }),
  );
});

it('tells the mark beside a thing, and 0 of what is not there', () => {
  const map = new NumberMap<string>();
  map.set(7, 'x', 3);
  expect([map.mark(7), map.mark(8)]).toEqual([3, 0]);
  map.set(7, 'y', 5);
  expect([map.get(7), map.mark(7), map.size]).toEqual(['y', 5, 1]);
});
