/** When a producer without keys leaves its partition for another (K12): with batch.size bytes behind it, and no batch begun there. */
import { expect, it } from 'vitest';
import { factsOf, traceOf } from './runs.ts';

/** How many records in a row went to one partition, as the producer made them; a partition may be drawn again. */
function runsOf(producer: string): number[] {
  const trace = traceOf(`
title: keyless
broker: { kind: kafka, nodes: 1 }
duration: 1min
topics: { photos: { partitions: 3 } }
producers: { camera: { to: photos, messages: 300, size: 1KiB${producer} } }`);
  const places: number[] = [];
  for (const { message, place } of factsOf(trace, 'appended')) places[message - 1] = place;
  const runs: number[] = [];
  for (let i = 0; i < places.length; i++) {
    if (i > 0 && places[i] === places[i - 1]) runs[runs.length - 1] = (runs.at(-1) ?? 0) + 1;
    else runs.push(1);
  }
  expect(places).toHaveLength(300);
  return runs;
}

it('moves on after 16 KiB when each record goes by itself', () => {
  // Fifteen records of 1094 bytes are the first to be more.
  const runs = runsOf(', rate: 10/s');
  expect(runs.filter((run) => run % 15 !== 0)).toEqual([]);
  expect(runs).toContain(15);
});

it('finishes a batch that it has begun there, and then moves on', () => {
  // Fourteen fit into a batch, so the fifteenth begins another.
  const runs = runsOf(', rate: 1000/s, linger.ms: 1s, partitioner.adaptive.partitioning.enable: false');
  expect(runs.slice(0, -1).filter((run) => run % 28 !== 0)).toEqual([]);
  expect(runs).toContain(28);
});

it('moves on with a batch that goes before it is full, when that makes 16 KiB', () => {
  // Twelve records a round: the second ends with 24.
  const runs = runsOf(', rate: 10/s, linger.ms: 1150ms');
  expect(runs.slice(0, -1).filter((run) => run % 24 !== 0)).toEqual([]);
  expect(runs).toContain(24);
});
