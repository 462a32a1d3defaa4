/**
 * How full a client's output buffer at a Redis server is, and when that ends the connection: at once at the hard limit, or when the soft limit has been
 * reached for longer than the soft time without a break. A limit of 0 is none. It holds no data and sets no timers. Source: rule B9.
 */
import type { Micros } from '../types.ts';

export interface BufferLimit {
  readonly hardBytes: number;
  readonly softBytes: number;
  readonly softUs: Micros;
}

export class OutputBuffer {
  readonly #limit: BufferLimit;
  #bytes = 0;
  /** Since when the soft limit has been reached; −1 when it is not. */
  #softSinceUs: Micros = -1;

  constructor(limit: BufferLimit) {
    this.#limit = limit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** It holds so much from now on. */
  set(bytes: number, now: Micros): void {
    this.#bytes = bytes;
    const { softBytes } = this.#limit;
    if (softBytes === 0 || bytes < softBytes) this.#softSinceUs = -1;
    else if (this.#softSinceUs < 0) this.#softSinceUs = now;
  }

  /** Whether the connection ends now. */
  isOver(now: Micros): boolean {
    const { hardBytes, softUs } = this.#limit;
    if (hardBytes > 0 && this.#bytes >= hardBytes) return true;
    return this.#softSinceUs >= 0 && now - this.#softSinceUs > softUs;
  }

  /** Until when the soft limit may stay reached; Infinity while it is not. */
  get dueUs(): Micros {
    return this.#softSinceUs < 0 ? Number.POSITIVE_INFINITY : this.#softSinceUs + this.#limit.softUs;
  }
}

/** Reads `32mb`, `8m`, `256kb` or a plain number of bytes, as redis.conf has them; null when it is malformed. */
export function parseMemory(text: string): number | null {
  const match = /^(\d{1,15})(b|k|kb|m|mb|g|gb)?$/i.exec(text);
  if (match === null) return null;
  return Number(match[1]) * (UNITS[(match[2] ?? 'b').toLowerCase()] ?? 1);
}

/** Reads `pubsub 32mb 8mb 60`, or several such groups of four: the limit of subscribers. Null when it is malformed, undefined when it names no subscribers. */
export function parseBufferLimit(text: string): BufferLimit | null | undefined {
  const words = text.trim().split(/\s+/);
  if (words.length === 0 || words.length % 4 !== 0) return null;
  let found: BufferLimit | undefined;
  for (let i = 0; i < words.length; i += 4) {
    const [kind = '', hard = '', soft = '', seconds = ''] = words.slice(i, i + 4);
    const hardBytes = parseMemory(hard);
    const softBytes = parseMemory(soft);
    const known = ['normal', 'slave', 'replica', 'pubsub'].includes(kind.toLowerCase());
    if (!known || hardBytes === null || softBytes === null || !/^\d{1,9}$/.test(seconds)) return null;
    if (kind.toLowerCase() === 'pubsub') found = { hardBytes, softBytes, softUs: Number(seconds) * 1_000_000 };
  }
  return found;
}

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1_000_000,
  mb: 1_048_576,
  g: 1_000_000_000,
  gb: 1_073_741_824,
};

/** `client-output-buffer-limit pubsub 32mb 8mb 60`. */
export const DEFAULT_LIMIT: BufferLimit = { hardBytes: 33_554_432, softBytes: 8_388_608, softUs: 60_000_000 };
