/**
 * What the administrator's tool does with the offsets of a group that has no members (`kafka-consumer-groups --reset-offsets`), played by the node that coordinates
 * the group. Source: K72.
 */
import type { Out, SeekTarget } from '../machine.ts';
import type { BrokerNumber } from '../parts/replica-set.ts';
import type { PartitionIndex } from './kafka-cluster.ts';
import type { Fetching } from './kafka-fetching.ts';
import type { HostedPartitions } from './kafka-partitions.ts';
import type { Answer, ListOffsetsAnswer, ListOffsetsRequest } from './kafka-wires.ts';

type Listed = ListOffsetsAnswer['offsets'][number];

export class OffsetResets {
  readonly #partitions: HostedPartitions;
  readonly #fetching: Fetching;
  /** Resets that wait for leaders to say where their partitions begin and end, by the number of the request. */
  readonly #open = new Map<number, { readonly group: string; readonly to: SeekTarget }>();
  #nextId = 1;

  /** `fetching` answers for the partitions that this node leads itself. */
  constructor(partitions: HostedPartitions, fetching: Fetching) {
    this.#partitions = partitions;
    this.#fetching = fetching;
  }

  crash(): void {
    this.#open.clear();
  }

  /**
   * What the administrator's tool does with a group that has no members: asks the leaders where each partition begins and ends and what lies between,
   * then commits what was wished, within these bounds. Only the group's coordinator answers. Source: K72.
   */
  begin(group: string, to: SeekTarget, out: Out): void {
    const partitions =
      this.#partitions.all[this.#partitions.cluster.groupPartition(group)]?.groups?.resettable(group) ?? [];
    const byLeader = new Map<BrokerNumber, PartitionIndex[]>();
    for (const index of partitions) {
      const leader = this.#partitions.states[index]?.leader ?? 0;
      const mine = byLeader.get(leader);
      if (leader === 0) continue;
      if (mine === undefined) byLeader.set(leader, [index]);
      else mine.push(index);
    }
    for (const [leader, indexes] of byLeader) {
      const id = this.#nextId++;
      this.#open.set(id, { group, to });
      const queries = indexes.flatMap((partition) => [
        { partition, query: 'earliest' as const },
        { partition, query: 'latest' as const },
        { partition, query: 'timeUs' in to ? { timeUs: to.timeUs } : ('latest' as const) },
      ]);
      const request: ListOffsetsRequest = { type: 'kafka/ListOffsets', id, isolation: 'read_uncommitted', queries };
      if (leader === this.#partitions.number) this.listed(this.#fetching.offsetsFor(request), out);
      else out.send(this.#partitions.cluster.actorOf(leader), 'control', request);
    }
  }

  /** Three answers for each partition: where it begins, where it ends, and the first record at or after the time (-1: none is that young). */
  listed({ id, offsets }: ListOffsetsAnswer & Answer, out: Out): void {
    const reset = this.#open.get(id);
    if (reset === undefined || !this.#open.delete(id)) return;
    const { group, to } = reset;
    const targets: { partition: PartitionIndex; offset: number }[] = [];
    for (let i = 0; i + 2 < offsets.length; i += 3) {
      const [start, end, found] = offsets.slice(i, i + 3) as [Listed, Listed, Listed];
      if (start.error !== 'NONE' || end.error !== 'NONE' || found.error !== 'NONE') continue;
      let offset = end.offset;
      if ('offset' in to) offset = Math.min(Math.max(to.offset, start.offset), end.offset);
      else if ('timeUs' in to) offset = found.offset < 0 ? end.offset : found.offset;
      else if (to.end === 'earliest') offset = start.offset;
      targets.push({ partition: start.partition, offset });
    }
    this.#partitions.all[this.#partitions.cluster.groupPartition(group)]?.groups?.reset(group, targets, out);
  }
}
