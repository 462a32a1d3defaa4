import type { Topology } from '../../../sim/folds/topology.ts';

/** Everything that a stage shows, as plain data, so that two stages can be compared whatever memory they share. */
export function describeTopology(topology: Topology): unknown {
  return {
    fact: topology.fact,
    timeUs: topology.timeUs,
    actors: topology.actors,
    queues: topology.queues.map(
      (queue) =>
        queue && {
          ready: queue.entries('ready'),
          fromTheTail: queue.lastEntries('ready', 1e9).map(({ message }) => message),
          delayed: queue.entries('delayed'),
          locked: queue.entries('locked'),
          counts: { ...queue, ready: queue.ready, delayed: queue.delayed, locked: queue.locked },
        },
    ),
    partitions: topology.partitions.map(
      (partition) =>
        partition && {
          ...partition,
          records: Array.from({ length: partition.end }, (_, offset) => partition.records.get(offset, 0)),
        },
    ),
    groups: topology.groups,
    stores: topology.stores,
    exchanges: topology.exchanges,
    faults: topology.faults,
    alerts: topology.alerts,
  };
}
