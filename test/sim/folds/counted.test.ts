/**
 * The stage held to counts made otherwise: hands to what the consumers themselves have, queues, logs and stores to plain counts of facts. Whole runs of
 * the library, in every lane.
 */
import { expect, test } from 'vitest';
import { APPLIED, F } from '../../../core/facts.ts';
import type { MessageId, PlaceId } from '../../../core/types.ts';
import type { Topology } from '../../../sim/folds/topology.ts';
import { parseScenario } from '../../../sim/scenario/parse.ts';
import type { Trace } from '../../../sim/trace.ts';
import { libraryFiles } from '../../scenarios/files.ts';
import { falseHand } from './in-hand.ts';

/** These few have half of all facts of the library, and nothing that others have not. */
const LONG = /^scenarios\/scaling\/(burst|outrun-)/;

const RUNS = libraryFiles()
  .filter(({ path }) => !LONG.test(path))
  .flatMap(({ path, text }) => {
    const lanes = parseScenario(text, { file: path }).under?.lanes ?? [];
    return (lanes.length === 0 ? [''] : lanes).map((under): [string, string, string] => [path, under, text]);
  });

test.each(RUNS)('%s %s: hands, queues, logs and stores are what is counted otherwise', (path, under, text) => {
  const { scenario } = parseScenario(text, { file: path, ...(under !== '' && { under }) });
  if (scenario === null) throw new Error(`${path} cannot be read`);
  const { world, stage, told } = falseHand(scenario);
  const { trace } = world;
  expect(told).toBe('');
  expect(stagedCopies(stage)).toEqual(countedCopies(trace));
  for (const queue of stage.queues) if (queue) expect(inQueue(queue).size).toBeLessThanOrEqual(trace.messageCount);
  for (const store of stage.stores) {
    if (!store) continue;
    const { applied, twice, unchanged, refused } = store;
    expect([applied, twice, unchanged, refused]).toEqual(countedEffects(trace, store.place));
  }
  for (const partition of stage.partitions) {
    for (const { group, offset } of partition?.committed ?? [])
      expect(offset).toBe(lastCommit(trace, partition?.place ?? 0, group));
  }
});

function inQueue(queue: NonNullable<Topology['queues'][number]>): ReadonlySet<MessageId> {
  const all = [...queue.entries('ready'), ...queue.entries('delayed'), ...queue.entries('locked')];
  return new Set(all.map(({ message }) => message));
}

/** By message: how many copies of it lie in queues. */
function stagedCopies(stage: Topology): ReadonlyMap<MessageId, number> {
  const copies = new Map<MessageId, number>();
  for (const queue of stage.queues) {
    for (const list of ['ready', 'delayed', 'locked'] as const) {
      for (const { message } of queue?.entries(list) ?? []) copies.set(message, (copies.get(message) ?? 0) + 1);
    }
  }
  return copies;
}

/** The same, by what the facts say of coming and going, wherever. */
function countedCopies(trace: Trace): ReadonlyMap<MessageId, number> {
  const copies = new Map<MessageId, number>();
  for (let id = 1; id <= trace.count; id++) {
    const message = trace.messageOf(id);
    const kind = trace.kind(id);
    const atQueue = trace.places[trace.place(id)]?.kind === 'queue';
    const moved = kind === F['dead-lettered'] || kind === F.redriven;
    // What a topic could not deliver to a queue was in none.
    const neverStored = moved && trace.cause(id) !== 0 && trace.kind(trace.cause(id)) === F['gave-up'];
    const left = kind === F.acked || kind === F.expired || kind === F.evicted || kind === F.lost;
    const now = copies.get(message) ?? 0;
    if (atQueue && kind === F.appended) copies.set(message, now + 1);
    else if (((atQueue && left) || (moved && !neverStored)) && now > 1) copies.set(message, now - 1);
    else if ((atQueue && left) || (moved && !neverStored)) copies.delete(message);
  }
  return copies;
}

function countedEffects(trace: Trace, store: PlaceId): number[] {
  const outcomes = [APPLIED.first, APPLIED.again, APPLIED.unchanged, APPLIED.refused];
  const counts = outcomes.map(() => 0);
  for (let id = 1; id <= trace.count; id++) {
    if (trace.kind(id) !== F.applied || trace.place(id) !== store) continue;
    const at = outcomes.indexOf(trace.detail(id) as 1);
    counts[at] = (counts[at] ?? 0) + 1;
  }
  return counts;
}

function lastCommit(trace: Trace, partition: PlaceId, group: PlaceId): number {
  for (let id = trace.count; id >= 1; id--) {
    const kind = trace.kind(id);
    if (kind !== F.committed && kind !== F.sought) continue;
    if (trace.place(id) === partition && trace.detail(id) === group) return trace.value(id);
  }
  return -1;
}
