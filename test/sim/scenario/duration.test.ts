import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  formatDistribution,
  formatDuration,
  formatSize,
  LONGEST_US,
  parseByteRate,
  parseDistribution,
  parseDuration,
  parseProbability,
  parseRate,
  parseSize,
} from '../../../sim/scenario/duration.ts';

it.each([
  ['250ms', 250_000],
  ['30s', 30_000_000],
  ['7d', 604_800_000_000],
  ['1.5h', 5_400_000_000],
  ['10us', 10],
  ['2m', 120_000_000],
  ['2min', 120_000_000],
  ['1h 30m', 5_400_000_000],
  ['1h30m', 5_400_000_000],
  ['0', 0],
])('%s is %i µs', (text, us) => {
  expect(parseDuration(text)).toBe(us);
});

it.each(['', '30', '-5s', '5 sec', '1e3s', 's', '1h 30', '99999d', 'Infinity s', '0x10s'])(
  '%j is no duration',
  (text) => {
    expect(parseDuration(text)).toBeNull();
  },
);

it('a duration written for people is read back unchanged', () => {
  const spans = fc.oneof(
    fc.integer({ min: 0, max: 100_000_000 }),
    fc.maxSafeNat().map((us) => us % LONGEST_US),
  );
  fc.assert(fc.property(spans, (us) => parseDuration(formatDuration(us)) === us));
});

it.each([
  [0, '0s'],
  [250, '250us'],
  [1_500, '1.5ms'],
  [1_500_000, '1.5s'],
  [90_000_000, '1m 30s'],
  [604_800_000_000, '7d'],
  [-60_000_000, '-1m'],
])('%i µs is written %s', (us, text) => {
  expect(formatDuration(us)).toBe(text);
});

it('rates are per second, evenly spaced or Poisson', () => {
  expect(parseRate('5/s')).toEqual({ perSecond: 5, arrivals: 'even' });
  expect(parseRate('300/min')).toEqual({ perSecond: 5, arrivals: 'even' });
  expect(parseRate('7200/h')).toEqual({ perSecond: 2, arrivals: 'even' });
  expect(parseRate('poisson 4.5/s')).toEqual({ perSecond: 4.5, arrivals: 'poisson' });
  expect([parseRate('5'), parseRate('/s'), parseRate('-1/s'), parseRate('5/week')]).toEqual([null, null, null, null]);
});

it('sizes are bytes, and binary units differ from decimal ones', () => {
  expect(['16KiB', '1MB', '512', '1.5kB', '0B'].map(parseSize)).toEqual([16_384, 1_000_000, 512, 1_500, 0]);
  expect(['1TB', '-1', 'KiB', '1 K iB'].map(parseSize)).toEqual([null, null, null, null]);
  expect([16_384, 1_000_000, 512].map(formatSize)).toEqual(['16KiB', '1MB', '512B']);
  expect([parseByteRate('10MB/s'), parseByteRate('10MB')]).toEqual([10_000_000, null]);
});

it('probabilities are percentages or numbers up to one', () => {
  expect(['5%', '0.05', '0.5%', '100%', '1'].map(parseProbability)).toEqual([0.05, 0.05, 0.005, 1, 1]);
  expect(['5', '101%', '-1%', 'half'].map(parseProbability)).toEqual([null, null, null, null]);
});

it.each([
  ['200ms', { type: 'constant', us: 200_000 }],
  ['1ms..5ms', { type: 'uniform', minUs: 1_000, maxUs: 5_000 }],
  ['exponential 1s', { type: 'exponential', meanUs: 1_000_000 }],
  ['exp 1s', { type: 'exponential', meanUs: 1_000_000 }],
  ['2ms..2ms', { type: 'constant', us: 2_000 }],
])('%s is a distribution that is written back', (text, distribution) => {
  const read = parseDistribution(text);
  expect(read).toEqual(distribution);
  expect(read === null ? null : parseDistribution(formatDistribution(read))).toEqual(distribution);
});

it.each(['5ms..1ms', '1..5ms', 'normal 1s', 'exponential', '..'])('%j is no distribution', (text) => {
  expect(parseDistribution(text)).toBeNull();
});
