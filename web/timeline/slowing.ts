/** "Slow down for the interesting parts": how fast time runs near what is notable. A function of the time and of what is notable around it. */
import type { Micros } from '../../core/types.ts';

export interface Pace {
  /** Virtual µs in a ms of watching. */
  readonly speed: number;
  /** It holds until then; Infinity when nothing changes it. */
  readonly untilUs: Micros;
  /** It is slower than was asked for. */
  readonly slowed: boolean;
}

/** So long on the wall one sees what is notable come, and what comes of it. */
const BEFORE_MS = 500;
const AFTER_MS = 1_500;

/**
 * `speed` is the one asked for and `slow` the one at which a hop can be followed; `before` is the time of the last notable fact that has been passed and `next` of the one to
 * come, null for none. Never faster than asked for.
 */
export function paceAt(timeUs: Micros, speed: number, slow: number, before: Micros | null, next: Micros | null): Pace {
  const usual = { speed, slowed: false };
  if (speed <= slow) return { ...usual, untilUs: Number.POSITIVE_INFINITY };
  const leaves = before === null ? Number.NEGATIVE_INFINITY : before + AFTER_MS * slow;
  const comes = next === null ? Number.POSITIVE_INFINITY : next - BEFORE_MS * slow;
  if (timeUs >= comes && next !== null) return { speed: slow, untilUs: next, slowed: true };
  if (timeUs < leaves) return { speed: slow, untilUs: Math.min(leaves, comes), slowed: true };
  return { ...usual, untilUs: comes };
}
