import { expect, test } from 'vitest';
import { ageUs, StreamLog, streamOffset } from '../../../core/parts/stream-log.ts';
import { amqp } from './amqp-message-for-tests.ts';

const NO_LIMITS = { maxLengthBytes: undefined, maxAgeUs: undefined, segmentBytes: 1000 };

/** One chunk for each list, a second apart, beginning at second 1. */
function chunks(...sizes: readonly number[]): StreamLog {
  const log = new StreamLog(NO_LIMITS);
  let id = 0;
  sizes.forEach((size, index) => {
    const nowUs = (index + 1) * 1_000_000;
    for (let message = 0; message < size; message++) log.append(amqp(++id), nowUs);
    log.closeChunk(nowUs);
  });
  return log;
}

test('last is the last chunk, however many messages it has (R67)', () => {
  expect(chunks(2, 3).resolve({ type: 'last' })).toBe(2);
  expect(chunks().resolve({ type: 'last' })).toBe(0);
});

test('a moment begins at the first chunk that is not older, with all that is in it (R67)', () => {
  const log = chunks(2, 3, 1);
  const at = (timeUs: number) => log.resolve({ type: 'time', timeUs });
  expect([at(-5), at(1_000_000), at(1_000_001), at(2_500_000), at(3_000_001)]).toEqual([0, 0, 2, 5, 6]);
});

test('an offset is clamped to what is there (R67)', () => {
  const log = chunks(2, 3);
  expect([0, 3, 9].map((offset) => log.resolve({ type: 'offset', offset }))).toEqual([0, 3, 5]);
});

test('what is written is not readable before its chunk is closed, and can be dropped until then', () => {
  const log = chunks(2);
  log.append(amqp(9), 0);
  expect([log.end, log.readable, log.resolve({ type: 'next' })]).toEqual([3, 2, 2]);
  expect(log.dropOpen().map(({ body }) => body.id)).toEqual([9]);
  expect([log.end, log.sizeBytes]).toEqual([2, 2]);
});

test('a full segment is closed; by age the old ones go, never the open one (R66)', () => {
  const log = new StreamLog({ maxLengthBytes: undefined, maxAgeUs: 10, segmentBytes: 2 });
  for (const nowUs of [0, 1, 2, 3, 20]) {
    log.append(amqp(nowUs + 1), nowUs);
    log.closeChunk(nowUs);
    log.retain(nowUs);
  }
  expect([log.start, log.end, log.kept, log.sizeBytes]).toEqual([4, 5, 1, 1]);
  expect(log.retain(1000)).toBe(false);
  expect(log.at(3)).toBeUndefined();
  expect(log.at(4)?.body.id).toBe(21);
});

test.each([
  [undefined, { type: 'next' }],
  ['first', { type: 'first' }],
  [7, { type: 'offset', offset: 7 }],
  [{ timestamp: 3 }, { type: 'time', timeUs: 3_000_000 }],
  ['2m', { type: 'time', timeUs: -20_000_000 }],
])('x-stream-offset %j means %j', (value, wish) => {
  expect(streamOffset(value, 100_000_000)).toEqual(wish);
});

test.each([['soon'], [1.5], [true], [{ timestamp: 'noon' }]])('x-stream-offset %j is refused', (value) => {
  expect(streamOffset(value, 0)).toMatch(/expected first, last, next/);
});

test('ages have a unit, a month is not a minute', () => {
  expect([ageUs('1M'), ageUs('1m'), ageUs('2D'), ageUs('5'), ageUs('5x')]).toEqual([
    2_592_000_000_000,
    60_000_000,
    172_800_000_000,
    undefined,
    undefined,
  ]);
});
