/** The heap: least key first, equal keys in the order of insertion. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Heap } from '../../../core/parts/heap.ts';

it('gives items in the order of (key, insertion), however pushes and pops are mixed', () => {
  const pushOrPop = fc.option(fc.nat(10));
  fc.assert(
    fc.property(fc.array(pushOrPop, { maxLength: 200 }), (steps) => {
      const heap = new Heap<number>();
      const model: { key: number; item: number }[] = [];
      steps.forEach((key, item) => {
        if (key !== null) {
          heap.push(key, item);
          model.push({ key, item });
        } else {
          const [least] = [...model].sort((a, b) => a.key - b.key || a.item - b.item);
          expect([heap.leastKey, heap.least]).toEqual([least?.key ?? Number.POSITIVE_INFINITY, least?.item]);
          expect(heap.pop()).toBe(least?.item);
          if (least !== undefined) model.splice(model.indexOf(least), 1);
        }
        expect(heap.size).toBe(model.length);
      });
    }),
  );
});

it('is empty after it was cleared', () => {
  const heap = new Heap<string>();
  heap.push(1, 'a');
  heap.clear();
  expect([heap.size, heap.pop(), heap.least]).toEqual([0, undefined, undefined]);
});
