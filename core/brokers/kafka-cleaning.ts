/**
 * The log cleaner of one node: looks at the compacted logs that it leads and cleans those that are due, the dirtiest first. What is due and what is left is
 * decided in `log-cleaner.ts`; here it is recorded. Source: K82-K86.
 * Simplifications: a pass takes no time; only leaders clean, and a follower's copy keeps what it got until that node leads.
 */
import { F, R } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import type { PartitionReplica } from '../parts/partition-replica.ts';
import type { Message } from '../types.ts';
import type { KafkaCluster, PartitionInfo } from './kafka-cluster.ts';
import { durationOf, integerOf } from './kafka-options.ts';
import type { RecordValue } from './kafka-wires.ts';

export const CLEAN: Wire = { type: 'kafka/clean' };

/** A log that this node leads. */
interface Led {
  readonly info: PartitionInfo;
  readonly replica: PartitionReplica<RecordValue>;
}

/** Bytes that the cleaner's index needs for a key, and how full it may be: `log.cleaner.io.buffer.load.factor`. */
const BYTES_PER_KEY = 24;
const LOAD_PER_CENT = 90;

/** Begins to look at the logs every `log.cleaner.backoff.ms`, if any topic is compacted. */
export function armCleaner(cluster: KafkaCluster, out: Out): void {
  if (!cluster.partitions.some(({ config }) => config.log.compaction !== undefined)) return;
  out.timer(durationOf(cluster.options, 'log.cleaner.backoff.ms'), CLEAN, 0);
}

export function cleanLogs(cluster: KafkaCluster, led: readonly Led[], out: Out): void {
  const capacity = Math.floor((integerOf(cluster.options, 'log.cleaner.dedupe.buffer.size') * LOAD_PER_CENT) / 100);
  const due = led
    .filter(({ info }) => info.config.log.compaction !== undefined)
    .map((one) => ({ ...one, cleanable: one.replica.cleanable(out.now) }))
    .filter(({ cleanable }) => cleanable.due)
    .sort((a, b) => b.cleanable.dirtyRatio - a.cleanable.dirtyRatio || a.info.index - b.info.index);
  for (const { info, replica, cleanable } of due) {
    const { firstDirty, end } = cleanable;
    const { removed } = replica.clean(firstDirty, end, Math.floor(capacity / BYTES_PER_KEY), out.now);
    for (const { offset, control, value } of removed) {
      if (control !== 'none' || value === null) continue;
      const { id } = value as Message;
      if (cluster.countCompacted(info.index, offset, id)) out.fact(F.evicted, id, info.place, 0, 0, R.compaction);
    }
  }
}
