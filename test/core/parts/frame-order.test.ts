import { describe, expect, it } from 'vitest';
import { FrameOrder, framed } from '../../../core/parts/frame-order.ts';

describe('frames of a connection', () => {
  it('come out in order and once, whatever order they came in', () => {
    const order = new FrameOrder<{ readonly frame: number }>();
    expect(order.accept({ frame: 2 })).toBe(false);
    expect(order.missing).toBe(1);
    expect(order.accept({ frame: 1 })).toBe(true);
    expect(order.next()).toEqual({ frame: 2 });
    expect(order.next()).toBeUndefined();
    expect(order.accept({ frame: 2 })).toBe(false);
    expect(order.missing).toBe(0);
  });

  it('leave a body that was sent before as it was, and number a copy', () => {
    const body = { type: 'queue.declare' };
    const first = framed(body, 1, 7);
    const second = framed(body, 2, 1);
    expect(first).toEqual({ type: 'queue.declare', connection: 1, frame: 7 });
    expect(second).toEqual({ type: 'queue.declare', connection: 2, frame: 1 });
  });
});
