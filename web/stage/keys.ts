/**
 * The looks of keys: the n-th key that appears in a run has the n-th colour and a shape, so that two keys whose colours some eyes take for one differ in
 * shape. Messages without a key look alike.
 */
import type { MessageId } from '../../core/types.ts';
import type { Trace } from '../../sim/trace.ts';

export const SHAPES = ['square', 'circle', 'diamond', 'hexagon'] as const;
export type Shape = (typeof SHAPES)[number];

export interface Look {
  /** 0 … 5, of the palette. */
  readonly colour: number;
  readonly shape: Shape;
}

const PLAIN: Look = { colour: 0, shape: 'square' };
const COLOURS = 6;

/** Shapes of the six colours, of `SHAPES`: two that some eyes take for one colour never have the same. */
const FIRST_SHAPES = [0, 1, 2, 3, 1, 0] as const;

/** All looks there are, in the order in which keys get them: after each round of colours the shapes change by one. */
export const LOOKS: readonly Look[] = Array.from({ length: COLOURS * SHAPES.length }, (_, i) => ({
  colour: i % COLOURS,
  shape: SHAPES[((FIRST_SHAPES[i % COLOURS] ?? 0) + Math.floor(i / COLOURS)) % SHAPES.length] as Shape,
}));

export class KeyLooks {
  readonly #trace: Trace;
  readonly #order = new Map<string, number>();
  #seen = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  of(message: MessageId): Look {
    if (message < 1 || message > this.#trace.messageCount) return PLAIN;
    const { key } = this.#trace.message(message);
    if (key === null) return PLAIN;
    while (this.#seen < message) {
      const next = this.#trace.message(++this.#seen).key;
      if (next !== null && !this.#order.has(next)) this.#order.set(next, this.#order.size);
    }
    return LOOKS[(this.#order.get(key) ?? 0) % LOOKS.length] ?? PLAIN;
  }
}
