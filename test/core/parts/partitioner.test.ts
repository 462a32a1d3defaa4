import { describe, expect, it } from 'vitest';
import {
  cumulativeWeights,
  partitionForKey,
  pickByWeight,
  StickyPartitioner,
} from '../../../core/parts/partitioner.ts';

/** Draws 0, 1, 2, … modulo the number of candidates. */
function counting(): (n: number) => number {
  let next = 0;
  return (n) => next++ % n;
}

describe('records with a key', () => {
  it('go to murmur2 of the key modulo all partitions (K11)', () => {
    expect(partitionForKey('abc', 7)).toBe(4);
    expect(partitionForKey('', 3)).toBe(0);
  });
});

describe('records without a key (K12)', () => {
  it('stay on one partition until a batch is full', () => {
    const partitioner = new StickyPartitioner({ stickyBatchSize: 30, adaptive: false }, counting());
    const went: number[] = [];
    for (let i = 0; i < 7; i++) {
      went.push(partitioner.current(3, [0, 1, 2]));
      partitioner.appended(10, true, 3, [0, 1, 2]);
    }
    expect(went).toEqual([0, 0, 0, 1, 1, 1, 2]);
  });

  it('leave an unready batch only at twice its size', () => {
    const partitioner = new StickyPartitioner({ stickyBatchSize: 100, adaptive: false }, counting());
    const went: number[] = [];
    for (let i = 0; i < 5; i++) {
      went.push(partitioner.current(3, [0, 1, 2]));
      partitioner.appended(60, false, 3, [0, 1, 2]);
    }
    expect(went).toEqual([0, 0, 0, 0, 1]);
  });

  it('avoid partitions without a leader, unless none has one', () => {
    const some = new StickyPartitioner({ stickyBatchSize: 1, adaptive: false }, counting());
    expect(some.current(3, [2])).toBe(2);
    const none = new StickyPartitioner({ stickyBatchSize: 1, adaptive: false }, (n) => n - 1);
    expect(none.current(3, [])).toBe(2);
  });

  it('refuses a batch size below one', () => {
    expect(() => new StickyPartitioner({ stickyBatchSize: 0, adaptive: false }, counting())).toThrow(/IllegalArgument/);
  });
});

describe('adaptive partitioning (K13)', () => {
  it('weighs short queues more', () => {
    const table = cumulativeWeights([0, 3, 1]);
    expect(table).toEqual([4, 5, 8]);
    expect([0, 3, 4, 5, 7].map((drawn) => pickByWeight(table, drawn))).toEqual([0, 0, 1, 2, 2]);
  });

  it('never draws from the table while all queues are equally long', () => {
    const asked: number[] = [];
    const partitioner = new StickyPartitioner({ stickyBatchSize: 1, adaptive: true }, (n) => {
      asked.push(n);
      return 0;
    });
    partitioner.updateLoad([0, 1, 2], [5, 5, 5]);
    partitioner.current(3, [0, 1, 2]);
    partitioner.updateLoad([0, 1, 2], [0, 3, 1]);
    partitioner.appended(1, true, 3, [0, 1, 2]);
    expect(asked).toEqual([3, 8]);
  });
});
