import { expect, it } from 'vitest';
import { scrubbing } from '../../web/timeline/scrub.ts';

/** A picture of 100 s on 500 px that begins 40 px from the edge of the page; the playhead stands at 50 s. */
function pictured(): {
  readonly went: number[];
  readonly scrub: ReturnType<typeof scrubbing>;
  readonly captured: Set<number>;
} {
  const went: number[] = [];
  const scrub = scrubbing(
    () => ({ nowUs: 50_000_000, untilUs: 100_000_000, timeAt: (px) => px * 200_000 }),
    (us) => went.push(us),
  );
  return { went, scrub, captured: new Set() };
}

function pointer(captured: Set<number>, clientX: number, buttons: number): PointerEvent {
  const currentTarget = {
    getBoundingClientRect: () => ({ left: 40 }),
    setPointerCapture: (id: number) => captured.add(id),
    hasPointerCapture: (id: number) => captured.has(id),
  };
  return { clientX, buttons, pointerId: 7, currentTarget } as unknown as PointerEvent;
}

function key(name: string, more: Partial<KeyboardEvent> = {}): KeyboardEvent & { readonly stopped: () => boolean } {
  let stopped = false;
  const event = { key: name, preventDefault: () => {}, stopPropagation: () => (stopped = true), ...more };
  return { ...event, stopped: () => stopped } as unknown as KeyboardEvent & { readonly stopped: () => boolean };
}

it('a press goes to its time, a drag follows within the picture, and a pointer that only passes by does nothing', () => {
  const { went, scrub, captured } = pictured();
  scrub.onpointermove(pointer(captured, 140, 1));
  expect(went).toEqual([]);
  scrub.onpointerdown(pointer(captured, 140, 1));
  scrub.onpointermove(pointer(captured, 340, 1));
  scrub.onpointermove(pointer(captured, 900, 1));
  scrub.onpointermove(pointer(captured, 10, 1));
  scrub.onpointermove(pointer(captured, 340, 0));
  expect(went).toEqual([20_000_000, 60_000_000, 100_000_000, 0]);
});

it('arrows and page keys go by shares of the picture and stay with it; other keys go on to the page', () => {
  const { went, scrub } = pictured();
  const arrow = key('ArrowLeft');
  scrub.onkeydown(arrow);
  scrub.onkeydown(key('PageUp'));
  expect(arrow.stopped()).toBe(true);
  const other = [key('n'), key('ArrowRight', { altKey: true })];
  for (const event of other) scrub.onkeydown(event);
  expect(other.map(({ stopped }) => stopped())).toEqual([false, false]);
  expect(went).toEqual([49_000_000, 60_000_000]);
});
