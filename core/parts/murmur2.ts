/**
 * The hashes that place things in Kafka: murmur2 over key bytes (the Java client's choice of partition), CRC-32 over key bytes
 * (librdkafka's default) and Java's String.hashCode (the coordinator of a group or a transactional id). They only turn bytes into
 * numbers: which partitions exist, and what a missing key means, is the partitioner's business.
 * Everything is 32-bit integer arithmetic, so the bits agree in every engine.
 */

/** The murmur2 seed of the Java client (K11). */
const MURMUR2_SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;

/** Bytes of a text in UTF-8; an unpaired surrogate becomes "?", as Java's encoder has it. */
export function utf8Bytes(text: string): Uint8Array {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i) ?? 0;
    if (point > 0xffff) i++;
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 0x3f));
    else if (point >= 0xd800 && point <= 0xdfff) bytes.push(0x3f);
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f));
    else
      bytes.push(
        0xf0 | (point >> 18),
        0x80 | ((point >> 12) & 0x3f),
        0x80 | ((point >> 6) & 0x3f),
        0x80 | (point & 0x3f),
      );
  }
  return Uint8Array.from(bytes);
}

/** 32-bit murmur2 of `bytes` with Kafka's seed, as a signed integer. Blocks are little-endian; tail bytes are unsigned. Source: K11. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  let hash = MURMUR2_SEED ^ length;
  const blocks = length >> 2;
  for (let block = 0; block < blocks; block++) {
    const at = block << 2;
    let k =
      byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8) | (byteAt(bytes, at + 2) << 16) | (byteAt(bytes, at + 3) << 24);
    k = Math.imul(k, MULTIPLIER);
    k ^= k >>> 24;
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(k, MULTIPLIER);
  }
  const tail = blocks << 2;
  const left = length - tail;
  if (left > 0) {
    if (left === 3) hash ^= byteAt(bytes, tail + 2) << 16;
    if (left >= 2) hash ^= byteAt(bytes, tail + 1) << 8;
    hash = Math.imul(hash ^ byteAt(bytes, tail), MULTIPLIER);
  }
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/** A hash made non-negative by clearing its sign bit, which is not the same as its absolute value. Source: K11. */
export function toPositive(hash: number): number {
  return hash & 0x7fffffff;
}

/** CRC-32 (the IEEE polynomial) of `bytes`, unsigned: what librdkafka's `consistent` partitioners use. Source: K11, contested part. */
export function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}

/** Java's String.hashCode over UTF-16 units, a signed 32-bit integer. Source: K48. */
export function javaStringHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(31, hash) + text.charCodeAt(i)) | 0;
  return hash;
}

/** Which partition of an internal topic (`__consumer_offsets`, `__transaction_state`) owns a group or a transactional id.
 *  The absolute value of the most negative integer counts as 0. Source: K36, K48. */
export function coordinatorPartition(id: string, partitions: number): number {
  const hash = javaStringHash(id);
  return (hash === -0x80000000 ? 0 : Math.abs(hash)) % partitions;
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}
