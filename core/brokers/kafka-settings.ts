/** What can be changed of a Kafka topic while it is in use, on one node: its leaders and logs go by the new setting from then on. */
import type { Command, Out } from '../machine.ts';
import type { CompactionOptions } from '../parts/partition-log.ts';
import type { HostedPartitions } from './kafka-partitions.ts';

type SetCommand = Extract<Command, { readonly type: 'set' }>;

/** Which topic is to have how many partitions; undefined when the command sets something else. It is the controller's, or the one node's. */
export function addedPartitions({
  path,
  value,
}: SetCommand): { readonly topic: string; readonly partitions: number } | undefined {
  const [section, topic, option] = path;
  if (section !== 'topics' || topic === undefined || option !== 'partitions' || typeof value !== 'number')
    return undefined;
  return { topic, partitions: value };
}

/** `topics.NAME.OPTION` with a number (µs or bytes) or a truth value. */
export function setTopicOption(partitions: HostedPartitions, path: readonly string[], value: unknown, out: Out): void {
  const [section, topic, option] = path;
  if (section !== 'topics' || topic === undefined) return;
  for (const index of partitions.cluster.partitionsOf(topic)) {
    const { config } = partitions.cluster.partition(index);
    if (option === 'unclean.leader.election.enable' && typeof value === 'boolean') config.unclean = value;
    if (typeof value !== 'number') continue;
    if (option === 'min.insync.replicas') config.minInsyncReplicas = value;
    if (option === 'retention.ms') config.log = { ...config.log, retentionUs: value };
    if (option === 'retention.bytes') config.log = { ...config.log, retentionBytes: value };
    if (option === 'segment.bytes') config.log = { ...config.log, segmentBytes: value };
    if (option === 'segment.ms') config.log = { ...config.log, segmentUs: value };
    const { compaction } = config.log;
    if (compaction !== undefined) config.log = { ...config.log, compaction: changed(compaction, option ?? '', value) };
    const hosted = partitions.all[index];
    hosted?.replica.log.configure(config.log);
    if (hosted?.set === undefined) continue;
    hosted.set.minInsyncReplicas = config.minInsyncReplicas;
    partitions.advance(hosted, out);
  }
}

/** A compacted topic's settings with one of them set anew. */
function changed(compaction: CompactionOptions, option: string, value: number): CompactionOptions {
  switch (option) {
    case 'min.cleanable.dirty.ratio':
      return { ...compaction, minDirtyRatio: value };
    case 'min.compaction.lag.ms':
      return { ...compaction, minLagUs: value };
    case 'max.compaction.lag.ms':
      return { ...compaction, maxLagUs: value };
    case 'delete.retention.ms':
      return { ...compaction, deleteRetentionUs: value };
    default:
      return compaction;
  }
}
