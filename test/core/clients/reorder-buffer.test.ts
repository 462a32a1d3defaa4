/** The reordering buffer: back into order within a window, and nothing removed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReorderBuffer } from '../../../core/clients/reorder-buffer.ts';

function bufferOf(windowUs = 100, most = 10) {
  const buffer = new ReorderBuffer<string>(windowUs, most);
  const out: string[] = [];
  const release = (item: string): void => void out.push(item);
  const offer = (key: string, sequence: number, now = 0): void =>
    buffer.offer(key, sequence, `${key}${sequence}`, now, release);
  return { buffer, out, offer, due: (now: number) => buffer.due(now, release) };
}

describe('a reordering buffer', () => {
  it('holds what comes before its turn until the missing one is there', () => {
    const { out, offer } = bufferOf();
    offer('a', 2);
    offer('a', 3);
    expect(out).toEqual([]);
    offer('a', 1);
    expect(out).toEqual(['a1', 'a2', 'a3']);
  });

  it('keys do not wait for each other', () => {
    const { out, offer } = bufferOf();
    offer('a', 2);
    offer('b', 1);
    expect(out).toEqual(['b1']);
  });

  it('gives up what is missing when the window is over, and hands it on late', () => {
    const { out, offer, due, buffer } = bufferOf(100);
    offer('a', 3, 0);
    offer('a', 2, 50);
    due(99);
    expect([out, buffer.dueUs]).toEqual([[], 100]);
    due(100);
    expect(out).toEqual(['a2', 'a3']);
    offer('a', 1, 120);
    expect(out).toEqual(['a2', 'a3', 'a1']);
  });

  it('hands on a repeat at once', () => {
    const { out, offer } = bufferOf();
    offer('a', 1);
    offer('a', 1);
    expect(out).toEqual(['a1', 'a1']);
  });

  it('holds no more than it may', () => {
    const { out, offer, buffer } = bufferOf(100, 2);
    offer('a', 2);
    offer('a', 4);
    offer('b', 2);
    expect([out, buffer.size]).toEqual([['a2'], 2]);
  });

  it('removes nothing, and keeps the order of a key when all comes within the window', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.infiniteStream(fc.nat()), (n, luck) => {
        const { out, offer, due } = bufferOf(1000, 100);
        const left = Array.from({ length: n }, (_, i) => i + 1);
        while (left.length > 0) {
          const [sequence] = left.splice((luck.next().value ?? 0) % left.length, 1);
          offer('a', sequence ?? 0);
        }
        expect(out).toEqual(Array.from({ length: n }, (_, i) => `a${i + 1}`));
        due(1000);
        expect(out.length).toBe(n);
      }),
    );
  });
});
