import { describe, expect, it } from 'vitest';
import {
  coordinatorPartition,
  crc32,
  javaStringHash,
  murmur2,
  toPositive,
  utf8Bytes,
} from '../../../core/parts/murmur2.ts';

describe('murmur2 hashes key bytes as the Java client does (K11)', () => {
  const cases: readonly [string, number][] = [
    ['', 275646681],
    ['0', 971027396],
    ['21', -973932308],
    ['abc', 479470107],
    ['kafka', -798503068],
    ['a-little-bit-long-string', -985981536],
  ];
  it.each(cases)('%j gives %i', (key, hash) => {
    expect(murmur2(utf8Bytes(key))).toBe(hash);
  });

  it('clears the sign bit instead of taking the absolute value', () => {
    expect(toPositive(-973932308)).toBe(1173551340);
  });
});

it('encodes text as UTF-8, an unpaired surrogate as a question mark', () => {
  expect([...utf8Bytes('aé€😀\ud800')]).toEqual([0x61, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80, 0x3f]);
});

it('computes CRC-32 with the IEEE polynomial', () => {
  expect(crc32(utf8Bytes('123456789'))).toBe(0xcbf43926);
});

it('finds the coordinator of a group by Java’s string hash (K48)', () => {
  expect(javaStringHash('my-group')).toBe(-1906497762);
  expect(coordinatorPartition('my-group', 50)).toBe(12);
});
