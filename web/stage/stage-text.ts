/** The stage in words, one line a thing: what a test compares, and what can be read where nothing can be seen. */
import type { Topology } from '../../sim/folds/topology.ts';
import type { ShownRun } from '../lab.svelte.ts';

export function stageText(topology: Topology, run: ShownRun): string {
  const { trace } = run;
  const lines: string[] = [`fact ${topology.fact} at ${topology.timeUs}`];
  for (const actor of topology.actors) {
    const hand = actor.hand.map(({ message, attempt, step }) => `${message}#${attempt} ${step}`).join(', ');
    const breaker = actor.breaker === null ? '' : ` breaker ${actor.breaker.state}`;
    lines.push(
      `${trace.actorName(actor.id)} ${actor.status}${breaker} made ${actor.produced} settled ${actor.settled} [${hand}]`,
    );
  }
  for (const queue of topology.queues) {
    if (queue === undefined) continue;
    const list = (name: 'ready' | 'locked' | 'delayed'): string =>
      queue
        .entries(name, 200)
        .map(({ message, attempt, holder }) => `${message}#${attempt}@${holder}`)
        .join(' ');
    lines.push(
      `${trace.placeName(queue.place)} ready [${list('ready')}] locked [${list('locked')}] delayed [${list('delayed')}]`,
    );
  }
  for (const partition of topology.partitions) {
    if (partition === undefined) continue;
    const { place, logStart, end, watermark, leader, epoch, committed } = partition;
    const commits = committed.map(({ group, offset }) => `${trace.placeName(group)} ${offset}`).join(', ');
    lines.push(
      `${trace.placeName(place)} ${logStart}..${end} watermark ${watermark} leader ${leader} epoch ${epoch} committed [${commits}]`,
    );
  }
  for (const group of topology.groups) {
    if (group === undefined) continue;
    const owned = group.assignment.map(
      ({ partition, consumer }) => `${trace.placeName(partition)}→${trace.actorName(consumer)}`,
    );
    lines.push(`group ${trace.placeName(group.place)} generation ${group.generation} [${owned.join(', ')}]`);
  }
  for (const store of topology.stores) {
    if (store !== undefined)
      lines.push(
        `store ${trace.placeName(store.place)} applied ${store.applied} twice ${store.twice} recorded ${store.recorded} outbox ${store.outbox}`,
      );
  }
  return lines.join('\n');
}
