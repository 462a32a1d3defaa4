/**
 * murmur3, the 32-bit variant over bytes: Pulsar places keys by it, in Key_Shared subscriptions always and in partitions if a producer asks for it. It only
 * turns text into a number; ranges and partitions are made of it elsewhere. 32-bit integer arithmetic throughout. Source: P6, P21.
 */
import { utf8Bytes } from './murmur2.ts';

const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

/** Unsigned 32-bit murmur3 of a text in UTF-8, with seed 0. */
export function murmur3(text: string): number {
  const bytes = utf8Bytes(text);
  const { length } = bytes;
  const blocks = length >> 2;
  let hash = 0;
  for (let block = 0; block < blocks; block++) {
    const at = block << 2;
    const k =
      byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8) | (byteAt(bytes, at + 2) << 16) | (byteAt(bytes, at + 3) << 24);
    hash ^= scrambled(k);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  const tail = blocks << 2;
  let k = 0;
  for (let i = length - 1; i >= tail; i--) k = (k << 8) | byteAt(bytes, i);
  if (length > tail) hash ^= scrambled(k);
  hash ^= length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function scrambled(k: number): number {
  const mixed = Math.imul(k, C1);
  return Math.imul((mixed << 15) | (mixed >>> 17), C2);
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}
