import { expect, it } from 'vitest';
import { PartitionReplica } from '../../../core/parts/partition-replica.ts';

const PLAIN = { producerId: -1, epoch: -1, firstSequence: -1, transactional: false };

/** How many segments there are after each batch, of which the records' times are given. */
function segmentsAfter(segmentUs: number, batches: readonly (readonly number[])[]): number[] {
  const replica = new PartitionReplica<string>({
    segmentBytes: 1_000_000,
    segmentUs,
    retentionUs: -1,
    retentionBytes: -1,
    deletes: true,
  });
  return batches.map((times) => {
    const records = times.map((timestampUs) => ({ key: null, value: 'v', timestampUs, sizeBytes: 100 }));
    replica.appendAsLeader({ ...PLAIN, records }, 0, 0);
    return replica.log.segmentCount;
  });
}

it('closes a segment by the youngest record of its first batch and of the one that comes (K79)', () => {
  expect(segmentsAfter(100, [[0], [100], [101]])).toEqual([1, 1, 2]);
  expect(segmentsAfter(100, [[0, 50], [150], [151]])).toEqual([1, 1, 2]);
  expect(segmentsAfter(100, [[0], [20, 101]])).toEqual([1, 2]);
});
