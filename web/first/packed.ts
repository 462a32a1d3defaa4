/** Reports of a run as text and back: JSON, with bytes and numbers of which JSON knows nothing marked as what they are. */
import type { RunReport } from '../protocol.ts';

export interface FirstRun {
  /** What was run: the file's text, and the knobs that were turned. */
  readonly source: string;
  readonly sets: readonly string[];
  /** All that is said of the run, in order; their numbers of the run are 0. */
  readonly reports: readonly RunReport[];
}

const KINDS = { ArrayBuffer, Float64Array, Uint32Array } as const;
type Kind = keyof typeof KINDS | 'number';

interface Marked {
  readonly $: Kind;
  readonly of: string;
}

export function pack(run: FirstRun): string {
  return JSON.stringify(run, (_, value: unknown): unknown => {
    if (typeof value === 'number' && !Number.isFinite(value))
      return { $: 'number', of: String(value) } satisfies Marked;
    if (value instanceof ArrayBuffer) return { $: 'ArrayBuffer', of: base64(new Uint8Array(value)) } satisfies Marked;
    if (value instanceof Float64Array) return { $: 'Float64Array', of: base64(bytesOf(value)) } satisfies Marked;
    if (value instanceof Uint32Array) return { $: 'Uint32Array', of: base64(bytesOf(value)) } satisfies Marked;
    if (ArrayBuffer.isView(value) || value instanceof Map || value instanceof Set)
      throw new TypeError('a report holds what the first runs cannot be packed with');
    return value;
  });
}

export function unpack(text: string): FirstRun {
  return JSON.parse(text, (_, value: unknown): unknown => {
    if (!isMarked(value)) return value;
    if (value.$ === 'number') return Number(value.of);
    const bytes = Uint8Array.from(atob(value.of), (letter) => letter.charCodeAt(0));
    return value.$ === 'ArrayBuffer' ? bytes.buffer : new KINDS[value.$](bytes.buffer);
  }) as FirstRun;
}

function isMarked(value: unknown): value is Marked {
  return typeof value === 'object' && value !== null && '$' in value;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function base64(bytes: Uint8Array): string {
  let letters = '';
  for (const byte of bytes) letters += String.fromCharCode(byte);
  return btoa(letters);
}
