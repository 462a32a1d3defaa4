/** The stage as columns, where it is wide: producers, exchanges, queues or partitions, consumers, stores. */
import type { Actor, Place } from '../../core/types.ts';
import type { Scenario } from '../../sim/scenario/types.ts';
import {
  type Arranged,
  actorKey,
  type Box,
  type Compact,
  type GroupLabel,
  type Link,
  type NodeChip,
  placeKey,
  type Rect,
} from './boxes.ts';
import { describeQueue, unsettledWord } from './describe.ts';
import type { Parts } from './links.ts';
import { CHIP_LINE, chipLines, chipsAt, chipWidth, exchangeBox, gridOf, sum, tapesOf, teamsOf } from './parts.ts';

/** Boxes shrink by these steps until they fit. */
interface Sizes {
  readonly producer: number;
  readonly queue: number;
  readonly deadLetter: number;
  readonly partition: number;
  readonly consumer: number;
  readonly compact: Compact;
  readonly cell: number;
  readonly gap: number;
}

const SIZES: readonly Sizes[] = [
  { producer: 78, queue: 176, deadLetter: 58, partition: 72, consumer: 80, compact: 0, cell: 28, gap: 34 },
  { producer: 78, queue: 132, deadLetter: 58, partition: 72, consumer: 80, compact: 0, cell: 28, gap: 30 },
  { producer: 66, queue: 92, deadLetter: 56, partition: 50, consumer: 74, compact: 0, cell: 26, gap: 14 },
  { producer: 40, queue: 66, deadLetter: 48, partition: 34, consumer: 36, compact: 1, cell: 20, gap: 9 },
  { producer: 26, queue: 42, deadLetter: 36, partition: 22, consumer: 22, compact: 2, cell: 14, gap: 6 },
  { producer: 22, queue: 26, deadLetter: 26, partition: 14, consumer: 22, compact: 2, cell: 10, gap: 6 },
];
const SMALLEST = SIZES[SIZES.length - 1] as Sizes;

/** Room at the top where there is no card, and at the bottom, where the buttons are. */
const TOP = 40;
const MOST_ROOM = 0.3;
const BOTTOM = 52;
/** Over a queue's box: its name and its settings; over a low one its name alone. */
const QUEUE_HEAD = 40;
const QUEUE_HEAD_LOW = 19;
/** From this height on a queue's box has more than its name over it. */
const TITLED = 50;
/** Over a topic's first partition. */
const TOPIC_HEAD = 46;
/** Over each partition, and under it for its flags. */
const PARTITION_HEAD = 20;
const PARTITION_FOOT = 20;
const GROUP_HEAD = 22;
const STORE_HEAD = 26;
const SWARM_HEAD = 30;
const EXCHANGE = 58;
/** A character of a name is about so wide, and beside it in a low box are its dot and what it has in its hands. */
const NAME_CHARACTER = 7.6;
const HANDS = 92;
/** So many of one kind still stand apart when others of it do not. */
const APART = 3;
/** The gap behind an exchange holds the binding keys, so it is so much wider. */
const LABEL_ROOM = 1.7;

/** One box in a column: what stands over it, itself, and what stands under it. */
interface Item {
  readonly key: string;
  readonly head: number;
  readonly h: number;
  readonly foot: number;
  readonly box: (rect: Rect) => Box;
}

export function columns(
  scenario: Scenario,
  parts: Parts,
  links: readonly Link[],
  width: number,
  height: number,
  cardRoom: number,
): Arranged {
  // A high card on a low stage must not leave too little for the boxes.
  const top = Math.max(TOP, Math.min(cardRoom, height * MOST_ROOM));
  const isWide = width > 900;
  const side = width > 980 ? 24 : 16;
  const producerW = isWide ? 148 : 128;
  const longest = Math.max(0, ...parts.consumers.map(({ name }) => name.length));
  const consumerW = isWide ? Math.max(168, Math.min(200, longest * NAME_CHARACTER + HANDS)) : 140;
  const { own, shared } = splitStores(parts, links);
  const storeW = shared.length > 0 ? (isWide ? 104 : 88) : 0;
  const exchangeW = parts.exchanges.length > 0 ? 116 : 0;
  const hasMiddle = parts.queues.length + parts.partitions.length + parts.deadLetters.length > 0;
  const gaps = 1 + Number(hasMiddle) + (exchangeW > 0 ? LABEL_ROOM : 0) + Number(storeW > 0);
  const free = width - 2 * side - producerW - consumerW - storeW - exchangeW;
  // The middle takes what the gaps leave; hops need room to be seen.
  const gapMin = Math.min(64, free / (gaps + 4));
  const middleW = hasMiddle ? Math.min(560, free - gaps * gapMin) : 0;
  const gap = Math.min(210, (free - middleW) / gaps);
  const used = producerW + consumerW + storeW + exchangeW + middleW + gaps * gap;
  const left = Math.max(side, (width - used) / 2);
  const exchangeX = left + producerW + gap;
  const middleX = exchangeX + (exchangeW > 0 ? exchangeW + gap * LABEL_ROOM : 0);
  const consumerX = middleX + (hasMiddle ? middleW + gap : 0);

  // The nodes stand beside the first title where there is room for them, else in lines of their own above it.
  const chipsW = sum(parts.nodes, (node) => chipWidth(node) + 6);
  // Low queues have their counts there.
  const isBeside = ({ queue }: Sizes): boolean =>
    chipsW < middleW - 190 && (queue >= TITLED || parts.queues.length === 0);
  const lines = chipLines(parts.nodes, chipsW < middleW ? middleW : middleX + middleW - left - producerW - 12);
  const chipsHigh = (sizes: Sizes): number => (hasMiddle && !isBeside(sizes) ? lines.length * CHIP_LINE + 2 : 0);

  let room = height - top - BOTTOM;
  const sized = (itemsOf: (sizes: Sizes) => readonly Item[]): { items: readonly Item[]; sizes: Sizes } => {
    const sizes = SIZES.find((one) => needed(itemsOf(one), one.gap) <= room) ?? SMALLEST;
    return { items: itemsOf(sizes), sizes };
  };
  const middle = sized((sizes) =>
    middleItems(
      scenario,
      parts,
      links,
      sizes,
      room,
      chipsHigh(sizes),
      isBeside(sizes) ? middleW - chipsW - 4 : middleW - 8,
    ),
  );
  const order = new Map(middle.items.map(({ key }, i) => [key, i]));
  const consumers = sized((sizes) => consumerItems(scenario, parts, links, sizes, room, consumerW, order));
  const consumerOrder = new Map(consumers.items.map(({ key }, i) => [key, i]));
  const producers = sized((sizes) => producerItems(parts, own, sizes, room, producerW));
  const stores = storeItems(ordered(shared, links, consumerOrder), room);
  const exchanges = parts.exchanges.map((place) => exchangeItem(scenario, place));
  room = Math.max(
    room,
    ...[middle, consumers, producers].map(({ items, sizes }) => needed(items, sizes.gap)),
    needed(stores, 12),
    needed(exchanges, 20),
  );

  const boxes: Box[] = [];
  const column = (items: readonly Item[], x: number, w: number, spread: number): void => {
    const total = sum(items, ({ head, h, foot }) => head + h + foot);
    const between = items.length < 2 ? 0 : Math.min(spread, Math.max(4, (room - total) / (items.length - 1)));
    // The boxes are centred, not what stands over and under them, so that links between lone boxes run straight.
    const head = items[0]?.head ?? 0;
    const foot = items.at(-1)?.foot ?? 0;
    const high = total + between * (items.length - 1);
    const centred = top + (room - (high - head - foot)) / 2 - head;
    let y = Math.max(top, Math.min(centred, top + room - high));
    for (const item of items) {
      boxes.push(item.box({ x, y: y + item.head, w, h: item.h }));
      y += item.head + item.h + item.foot + between;
    }
  };
  column(producers.items, left, producerW, 60);
  column(exchanges, exchangeX, exchangeW, 90);
  column(middle.items, middleX, middleW, parts.partitions.length > 0 ? 46 : 60);
  column(consumers.items, consumerX, consumerW, 74);
  column(stores, consumerX + consumerW + gap, storeW, 40);

  const firstBox = hasMiddle ? boxes[producers.items.length + exchanges.length] : undefined;
  const nodes: NodeChip[] = [];
  if (firstBox !== undefined) {
    const chipsH = chipsHigh(middle.sizes);
    const head = (middle.items[0]?.head ?? 0) - chipsH;
    const chipsTop = chipsH === 0 ? firstBox.y - head - 5 + Math.max(0, head - 45) : firstBox.y - head - chipsH - 2;
    nodes.push(...chipsAt(lines, middleX + middleW, chipsTop));
  }
  return {
    height: top + room + BOTTOM,
    stacked: false,
    boxes,
    nodes,
    groups: groupLabels(scenario, parts, boxes),
  };
}

/** Stores that only producers write to stand with them. */
function splitStores(
  parts: Parts,
  links: readonly Link[],
): { readonly own: ReadonlyMap<Actor, readonly Actor[]>; readonly shared: readonly Actor[] } {
  const own = new Map<Actor, Actor[]>();
  const shared: Actor[] = [];
  for (const store of parts.stores) {
    const writers = links.filter(({ to }) => to === actorKey(store.id)).map(({ from }) => from);
    const producer = parts.producers.find(({ id }) => writers.length === 1 && writers[0] === actorKey(id));
    if (producer === undefined) shared.push(store);
    else own.set(producer, [...(own.get(producer) ?? []), store]);
  }
  return { own, shared };
}

function needed(items: readonly Item[], gap: number): number {
  return sum(items, ({ head, h, foot }) => head + h + foot) + Math.max(0, items.length - 1) * gap;
}

function middleItems(
  scenario: Scenario,
  parts: Parts,
  links: readonly Link[],
  sizes: Sizes,
  room: number,
  chipsH: number,
  titleW: number,
): Item[] {
  const items: Item[] = [];
  const queueHead = sizes.queue >= TITLED ? QUEUE_HEAD : QUEUE_HEAD_LOW;
  const queue = (place: Place, deadLetter: boolean): void => {
    items.push({
      key: placeKey(place.id),
      head: deadLetter ? 0 : queueHead,
      h: deadLetter ? sizes.deadLetter : sizes.queue,
      foot: 0,
      box: (rect) => ({
        type: 'queue',
        place: place.id,
        name: place.name,
        about: describeQueue(scenario, place.name),
        deadLetter,
        unsettled: deadLetter ? '' : unsettledWord(scenario, place.name),
        cell: deadLetter ? Math.min(sizes.cell, 24) : sizes.cell,
        titleW,
        ...rect,
      }),
    });
  };
  // A dead-letter queue of one queue stands under it.
  const sources = (dead: Place): readonly string[] =>
    links.filter(({ to, dashed }) => dashed && to === placeKey(dead.id)).map(({ from }) => from);
  const later = new Set(parts.deadLetters);
  for (const place of parts.queues) {
    queue(place, false);
    for (const dead of parts.deadLetters) {
      const from = sources(dead);
      if (from.length !== 1 || from[0] !== placeKey(place.id)) continue;
      queue(dead, true);
      later.delete(dead);
    }
  }
  const others = needed(items, sizes.gap) + later.size * (sizes.deadLetter + sizes.gap) + chipsH;
  items.push(...tapeItems(scenario, parts, sizes, room - others, titleW));
  for (const dead of later) queue(dead, true);
  const first = items[0];
  if (first !== undefined) items[0] = { ...first, head: first.head + chipsH };
  return items;
}

/** From one partition's line to the next, where they are too many for boxes. */
const LINE_MAX = 14;
const LINE_MIN = 4;

function tapeItems(scenario: Scenario, parts: Parts, sizes: Sizes, room: number, titleW: number): Item[] {
  const tapes = tapesOf(scenario, parts.partitions);
  const isLow = sizes.partition < 30;
  const head = sizes.partition >= 50 ? PARTITION_HEAD : isLow ? 2 : 15;
  const foot = sizes.partition >= 50 ? PARTITION_FOOT : isLow ? 2 : 14;
  const each = head + sizes.partition + foot + 4;
  const isMany = sizes === SMALLEST && parts.partitions.length * each + tapes.length * TOPIC_HEAD > room;
  return tapes.flatMap(({ topic, title, about, partitions }) => {
    const first = partitions[0];
    if (isMany && partitions.length > APART && first !== undefined) {
      const share = (room * partitions.length) / parts.partitions.length - TOPIC_HEAD - 20;
      const step = Math.max(LINE_MIN, Math.min(LINE_MAX, Math.floor(share / partitions.length)));
      const item: Item = {
        key: placeKey(first.id),
        head: TOPIC_HEAD - 8,
        h: partitions.length * step + 12,
        foot: 6,
        box: (rect) => ({
          type: 'tapes',
          place: first.id,
          name: topic,
          title,
          about,
          titleW,
          places: partitions.map(({ id }) => id),
          step,
          ...rect,
        }),
      };
      return [item];
    }
    return partitions.map(
      (place, i): Item => ({
        key: placeKey(place.id),
        head: head + (i === 0 ? TOPIC_HEAD : 0),
        h: sizes.partition,
        foot,
        box: (rect) => ({
          type: 'partition',
          place: place.id,
          name: place.name,
          cell: sizes.cell,
          title: i === 0 ? title : '',
          about: i === 0 ? about : '',
          titleW,
          ...rect,
        }),
      }),
    );
  });
}

/** Boxes of a team's members, or one for all of them where the column has no room for so many. */
function teamItems(
  of: 'producer' | 'consumer',
  teams: readonly { readonly declared: string; readonly members: readonly Actor[] }[],
  sizes: Sizes,
  room: number,
  w: number,
  head: (member: Actor) => number,
): Item[] {
  const all = sum(teams, ({ members }) => members.length);
  const h = of === 'producer' ? sizes.producer : sizes.consumer;
  const isMany = sizes === SMALLEST && all * (h + sizes.gap) > room;
  return teams.flatMap(({ declared, members }) => {
    const first = members[0];
    if (isMany && members.length > APART && first !== undefined) {
      const grid = gridOf(members.length, w - 24, (room * members.length) / all - SWARM_HEAD - 24);
      const item: Item = {
        key: actorKey(first.id),
        head: head(first),
        h: SWARM_HEAD + grid.h + 8,
        foot: 0,
        box: (rect) => ({
          type: 'swarm',
          of,
          actor: first.id,
          name: declared,
          actors: members.map(({ id }) => id),
          cell: grid.cell,
          step: grid.step,
          perLine: grid.perLine,
          ...rect,
        }),
      };
      return [item];
    }
    return members.map(
      ({ id, name }, i): Item => ({
        key: actorKey(id),
        head: i === 0 ? head(members[0] as Actor) : 0,
        h,
        foot: 0,
        box: (rect) => ({ type: of, actor: id, name, compact: sizes.compact, ...rect }),
      }),
    );
  });
}

function consumerItems(
  scenario: Scenario,
  parts: Parts,
  links: readonly Link[],
  sizes: Sizes,
  room: number,
  w: number,
  order: ReadonlyMap<string, number>,
): Item[] {
  const teams = teamsOf(parts.consumers);
  const first = teams.map(({ members }) => members[0]).filter((one) => one !== undefined);
  const sorted = ordered(first, links, order).flatMap(({ group }) =>
    teams.filter(({ declared }) => declared === group),
  );
  const labelled = new Set(
    teams
      .filter(({ declared }) => groupOf(scenario, parts, declared) !== undefined)
      .map(({ members }) => members[0]?.id ?? 0),
  );
  return teamItems('consumer', sorted, sizes, room, w, ({ id }) => (labelled.has(id) ? GROUP_HEAD : 0));
}

function producerItems(
  parts: Parts,
  own: ReadonlyMap<Actor, readonly Actor[]>,
  sizes: Sizes,
  room: number,
  w: number,
): Item[] {
  const teams = teamsOf(parts.producers);
  return teamItems('producer', teams, sizes, room, w, () => 0).flatMap((item) => {
    const stores = [...own].flatMap(([{ id }, list]) => (actorKey(id) === item.key ? list : []));
    return [item, ...stores.map((store) => ({ ...storeItem(store, 56, 1), head: 6 }))];
  });
}

function storeItems(stores: readonly Actor[], room: number): Item[] {
  const h = Math.max(62, Math.min(300, (room - 12) / Math.max(1, stores.length) - 40));
  return stores.map((store) => storeItem(store, h, 0));
}

function storeItem({ id, name }: Actor, h: number, compact: Compact): Item {
  return {
    key: actorKey(id),
    head: STORE_HEAD,
    h,
    foot: 0,
    box: (rect) => ({ type: 'store', actor: id, name, compact, ...rect }),
  };
}

function exchangeItem(scenario: Scenario, place: Place): Item {
  return {
    key: placeKey(place.id),
    head: 0,
    h: EXCHANGE,
    foot: 0,
    box: (rect) => ({ ...exchangeBox(scenario, place), ...rect }),
  };
}

/** In the order of what they are fed by, as far as that is known; so links cross as little as they must. */
function ordered(
  actors: readonly Actor[],
  links: readonly Link[],
  order: ReadonlyMap<string, number>,
): readonly Actor[] {
  const middle = (actor: Actor): number => {
    const from = links
      .filter(({ to }) => to === actorKey(actor.id))
      .map((link) => order.get(link.from))
      .filter((one) => one !== undefined);
    return from.length === 0 ? Number.POSITIVE_INFINITY : sum(from, (one) => one) / from.length;
  };
  const placed = actors.map((actor, i) => ({ actor, i, at: middle(actor) }));
  placed.sort((a, b) => (a.at === b.at ? a.i - b.i : a.at < b.at ? -1 : 1));
  return placed.map(({ actor }) => actor);
}

/** The group of a declared consumer whose partitions are shared out; streams are read by everybody. */
function groupOf(scenario: Scenario, parts: Parts, declared: string): Place | undefined {
  const spec = scenario.consumers[declared];
  const isAssigned = parts.partitions.some(({ name, parent }) => name !== parent && spec?.from.includes(parent));
  return isAssigned ? parts.groups.find(({ name }) => name === spec?.group) : undefined;
}

function groupLabels(scenario: Scenario, parts: Parts, boxes: readonly Box[]): GroupLabel[] {
  const seen = new Set<number>();
  return boxes.flatMap((box) => {
    const isOne = box.type === 'consumer' || (box.type === 'swarm' && box.of === 'consumer');
    const actor = isOne ? parts.consumers.find(({ id }) => id === box.actor) : undefined;
    const group = actor === undefined ? undefined : groupOf(scenario, parts, actor.group);
    if (group === undefined || seen.has(group.id)) return [];
    seen.add(group.id);
    return [{ place: group.id, name: group.name, x: box.x + 2, y: box.y - 8, w: box.w + 60 }];
  });
}
