import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Fifo } from '../../../core/parts/fifo.ts';

it('gives out what a plain array would, in whatever order one pushes, shifts and filters', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant('push') },
    { weight: 4, arbitrary: fc.constant('shift') },
    fc.constant('retain'),
    fc.constant('clear'),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const fifo = new Fifo<number>();
      let plain: number[] = [];
      steps.forEach((name, i) => {
        if (name === 'push') {
          fifo.push(i);
          plain.push(i);
        } else if (name === 'shift') expect(fifo.shift()).toBe(plain.shift());
        else if (name === 'retain') {
          fifo.retain((item) => item % 3 !== 0);
          plain = plain.filter((item) => item % 3 !== 0);
        } else {
          fifo.clear();
          plain = [];
        }
        expect(fifo.size).toBe(plain.length);
        expect(fifo.first).toBe(plain[0]);
      });
    }),
  );
});
