/**
 * Where everything stands on the stage, computed from the scenario and the roster alone: the same scenario gives the same picture. Columns from
 * left to right (producers, exchanges, queues or partitions, consumers, stores), or rows from top to bottom on a narrow stage. Boxes shrink in steps
 * when there are many of them; what is still too many becomes one box with a cell for each (instances) or a line for each (partitions). Pure sums: no DOM, no time.
 */
import type { Actor, Place } from '../../core/types.ts';
import type { Scenario } from '../../sim/scenario/types.ts';
import { actorKey, type Box, boxKey, type Layout, type Link, placeKey } from './boxes.ts';
import { columns } from './columns.ts';
import { linksOf, type Parts } from './links.ts';
import { rows } from './rows.ts';

export interface Roster {
  readonly actors: readonly Actor[];
  readonly places: readonly Place[];
}

const NARROW = 640;

/** `room`: px that are kept free at the top of a wide stage for what is said there. */
export function layoutStage(scenario: Scenario, roster: Roster, width: number, height: number, room: number): Layout {
  const parts = partsOf(scenario, roster);
  const links = linksOf(scenario, parts);
  const arranged =
    width < NARROW ? rows(scenario, parts, width) : columns(scenario, parts, links, width, Math.max(320, height), room);
  const byKey = new Map<string, Box>();
  for (const box of arranged.boxes) {
    byKey.set(boxKey(box), box);
    if (box.type === 'swarm') for (const actor of box.actors) byKey.set(actorKey(actor), box);
    if (box.type === 'tapes') for (const place of box.places) byKey.set(placeKey(place), box);
  }
  return { ...arranged, width, byKey, links: merged(links, byKey) };
}

/** Links between boxes: those of things that stand in one box together are one link. */
function merged(links: readonly Link[], byKey: ReadonlyMap<string, Box>): Link[] {
  const between = new Map<string, Link>();
  for (const link of links) {
    const from = byKey.get(link.from);
    const to = byKey.get(link.to);
    if (from === undefined || to === undefined) continue;
    const isOne = [from, to].some(({ type }) => type === 'swarm' || type === 'tapes');
    const key = `${boxKey(from)}→${boxKey(to)}`;
    if (between.has(key)) continue;
    between.set(key, { ...link, key, from: boxKey(from), to: boxKey(to), dynamic: link.dynamic && !isOne });
  }
  return [...between.values()];
}

function partsOf(scenario: Scenario, { actors, places }: Roster): Parts {
  const kind = (wanted: Actor['kind']) => actors.filter((actor) => actor.kind === wanted);
  const queues = places.filter((place) => place.kind === 'queue');
  return {
    producers: kind('producer'),
    consumers: kind('consumer'),
    stores: kind('store'),
    nodes: kind('broker'),
    exchanges: places.filter((place) => place.kind === 'exchange' && isUsed(scenario, place, places)),
    queues: queues.filter((place) => !place.deadLetter),
    deadLetters: queues.filter((place) => place.deadLetter),
    partitions: places.filter((place) => place.kind === 'partition'),
    groups: places.filter((place) => place.kind === 'group'),
  };
}

/** Exchanges that nobody publishes to or binds (a broker's own defaults) would only be in the way. */
function isUsed(scenario: Scenario, exchange: Place, places: readonly Place[]): boolean {
  const { name } = exchange;
  return (
    Object.values(scenario.producers).some((producer) => producer.to.includes(name)) ||
    Object.values(scenario.consumers).some(({ produces }) => produces.some(({ to }) => to.includes(name))) ||
    Object.values(scenario.queues).some((queue) => queue.bindings.some((one) => one.exchange === name)) ||
    Object.values(scenario.exchanges).some((other) => other.bindings.some((one) => one.exchange === name)) ||
    places.some((place) => place.parent === name && place.id !== exchange.id)
  );
}
