import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AckCursor } from '../../../core/parts/ack-cursor.ts';

/** Which of the first entries are acked. */
function acked(cursor: AckCursor, most = 60): readonly number[] {
  return Array.from({ length: most }, (_, index) => index).filter((index) => cursor.isAcked(index));
}

describe('the cursor of a subscription', () => {
  it('goes on from what was written down after a crash, with the single acks of that moment (P31, P32)', () => {
    const cursor = new AckCursor(-1);
    for (const index of [0, 2, 3, 7]) cursor.ack(index);
    cursor.persist(10);
    for (const index of [1, 5]) cursor.ack(index);
    expect(cursor.markDelete).toBe(3);
    cursor.recover();
    expect(cursor.markDelete).toBe(0);
    expect(acked(cursor, 9)).toEqual([0, 2, 3, 7]);
  });

  it('keeps only so many ranges of single acks (P32)', () => {
    const cursor = new AckCursor(-1);
    for (const index of [2, 3, 5, 6, 8]) cursor.ack(index);
    cursor.persist(2);
    cursor.recover();
    expect(acked(cursor, 10)).toEqual([2, 3, 5, 6]);
  });

  it('recovers exactly what was acked when it was last written, whatever was acked since', () => {
    const act = fc.oneof(
      { weight: 20, arbitrary: fc.record({ type: fc.constant('ack'), index: fc.nat(40) }) },
      fc.record({ type: fc.constant('up to'), index: fc.nat(40) }),
      fc.record({ type: fc.constant('reset'), index: fc.nat(40) }),
      fc.record({ type: fc.constant('many'), index: fc.constant(0) }),
      { weight: 4, arbitrary: fc.record({ type: fc.constant('persist'), index: fc.constant(0) }) },
      { weight: 3, arbitrary: fc.record({ type: fc.constant('recover'), index: fc.constant(0) }) },
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 80 }), (acts) => {
        const cursor = new AckCursor(-1);
        let written: readonly number[] = [];
        for (const { type, index } of acts) {
          if (type === 'ack') cursor.ack(index);
          else if (type === 'up to') cursor.ackUpTo(index);
          else if (type === 'many') for (let far = 5_000; far < 6_100; far++) cursor.ack(far);
          else if (type === 'reset') {
            cursor.reset(index);
            written = acked(cursor);
          } else if (type === 'persist') {
            cursor.persist(10_000);
            written = acked(cursor);
          } else {
            cursor.recover();
            expect(acked(cursor)).toEqual(written);
          }
        }
      }),
    );
  });
});
