/**
 * Where everything stands on the stage, computed from the scenario and the roster alone: the same scenario gives the same picture. Columns from
 * left to right (producers, exchanges, queues or partitions, consumers, stores), or rows from top to bottom on a narrow stage. Boxes shrink in steps when there are many of them; the stage never needs
 * to be panned to be understood. Pure sums: no DOM, no time.
 */
import type { Actor, ActorId, Place, PlaceId } from '../../core/types.ts';
import { subscribedTo } from '../../sim/scenario/places.ts';
import type { Scenario } from '../../sim/scenario/types.ts';
import { deadLetterOf, describeQueue, describeTopic } from './describe.ts';

export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export interface ActorBox extends Rect {
  readonly type: 'producer' | 'consumer' | 'store';
  readonly actor: ActorId;
  readonly name: string;
  /** 0: full, 1: one line, 2: a chip with the name alone. */
  readonly compact: 0 | 1 | 2;
}

export interface QueueBox extends Rect {
  readonly type: 'queue';
  readonly place: PlaceId;
  readonly name: string;
  readonly about: string;
  readonly deadLetter: boolean;
  /** Where the cells are; the title stands above it. */
  readonly cell: number;
}

export interface PartitionBox extends Rect {
  readonly type: 'partition';
  readonly place: PlaceId;
  readonly name: string;
  readonly cell: number;
  /** Title of the topic over its first partition. */
  readonly topic: string;
  readonly about: string;
}

export interface ExchangeBox extends Rect {
  readonly type: 'exchange';
  readonly place: PlaceId;
  readonly name: string;
  readonly about: string;
}

export type Box = ActorBox | QueueBox | PartitionBox | ExchangeBox;

export interface Link {
  /** `from→to`. */
  readonly key: string;
  readonly from: string;
  readonly to: string;
  readonly label: string;
  /** Dashed: only what goes wrong takes it. */
  readonly dashed: boolean;
  /** Drawn only while the group has assigned it. */
  readonly dynamic: boolean;
}

export interface NodeChip {
  readonly actor: ActorId;
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly w: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly stacked: boolean;
  readonly boxes: readonly Box[];
  /** By `actor 3` or `place 5`. */
  readonly byKey: ReadonlyMap<string, Box>;
  readonly links: readonly Link[];
  /** The broker's nodes, as chips over the middle. */
  readonly nodes: readonly NodeChip[];
  /** Free room at the top, for a caption. */
  readonly captionY: number;
}

export interface Roster {
  readonly actors: readonly Actor[];
  readonly places: readonly Place[];
}

export function actorKey(actor: ActorId): string {
  return `actor ${actor}`;
}

export function placeKey(place: PlaceId): string {
  return `place ${place}`;
}

/** Rows shrink by these steps until they fit. */
interface Sizes {
  readonly producer: number;
  readonly queue: number;
  readonly deadLetter: number;
  readonly partition: number;
  readonly consumer: number;
  readonly compact: 0 | 1 | 2;
  readonly cell: number;
  readonly gap: number;
}

const SIZES: readonly Sizes[] = [
  { producer: 78, queue: 132, deadLetter: 58, partition: 72, consumer: 80, compact: 0, cell: 28, gap: 30 },
  { producer: 66, queue: 92, deadLetter: 56, partition: 50, consumer: 74, compact: 0, cell: 26, gap: 14 },
  { producer: 40, queue: 66, deadLetter: 48, partition: 34, consumer: 36, compact: 1, cell: 20, gap: 9 },
  { producer: 26, queue: 42, deadLetter: 36, partition: 22, consumer: 22, compact: 2, cell: 14, gap: 6 },
];
/** Over a queue's box: its name and its settings. */
const QUEUE_HEAD = 40;
/** Over a topic's first partition. */
const TOPIC_HEAD = 46;
/** Over each partition, and under it for its flags. */
const PARTITION_HEAD = 20;
const PARTITION_FOOT = 20;
/** The gap behind an exchange holds the binding keys, so it is so much wider. */
const LABEL_ROOM = 1.7;
const NARROW = 640;

export function layoutStage(
  scenario: Scenario,
  roster: Roster,
  width: number,
  height: number,
  hasCaptions: boolean,
): Layout {
  const parts = partsOf(scenario, roster);
  return width < NARROW
    ? stacked(scenario, parts, width)
    : columns(scenario, parts, width, Math.max(320, height), hasCaptions);
}

interface Parts {
  readonly producers: readonly Actor[];
  readonly consumers: readonly Actor[];
  readonly stores: readonly Actor[];
  readonly nodes: readonly Actor[];
  readonly exchanges: readonly Place[];
  readonly queues: readonly Place[];
  readonly deadLetters: readonly Place[];
  readonly partitions: readonly Place[];
  readonly links: readonly Link[];
}

function partsOf(scenario: Scenario, { actors, places }: Roster): Parts {
  const kind = (wanted: Actor['kind']) => actors.filter((actor) => actor.kind === wanted);
  const queues = places.filter((place) => place.kind === 'queue');
  const exchanges = places.filter((place) => place.kind === 'exchange' && isUsed(scenario, place));
  const partitions = places.filter((place) => place.kind === 'partition');
  const parts = {
    producers: kind('producer'),
    consumers: kind('consumer'),
    stores: kind('store'),
    nodes: kind('broker'),
    exchanges,
    queues: queues.filter((place) => !place.deadLetter),
    deadLetters: queues.filter((place) => place.deadLetter),
    partitions,
  };
  return { ...parts, links: linksOf(scenario, parts) };
}

/** Exchanges that nobody publishes to or binds (a broker's own defaults) would only be in the way. */
function isUsed(scenario: Scenario, exchange: Place): boolean {
  return (
    Object.values(scenario.producers).some((producer) => producer.to.includes(exchange.name)) ||
    Object.values(scenario.queues).some((queue) => queue.bindings.some((one) => one.exchange === exchange.name)) ||
    Object.values(scenario.exchanges).some((other) => other.bindings.some((one) => one.exchange === exchange.name))
  );
}

function linksOf(scenario: Scenario, parts: Omit<Parts, 'links'>): Link[] {
  const links: Link[] = [];
  const add = (from: string, to: string, more: Partial<Link> = {}): void => {
    links.push({ key: `${from}→${to}`, from, to, label: '', dashed: false, dynamic: false, ...more });
  };
  const queues = [...parts.queues, ...parts.deadLetters];
  const named = (name: string): string[] => [
    ...parts.exchanges.filter((place) => place.name === name).map(({ id }) => placeKey(id)),
    ...queues.filter((place) => place.name === name).map(({ id }) => placeKey(id)),
    ...parts.partitions.filter((place) => place.parent === name).map(({ id }) => placeKey(id)),
  ];
  const isDirect = queues.length + parts.partitions.length + parts.exchanges.length === 0;
  for (const producer of parts.producers) {
    const spec = scenario.producers[producer.group];
    for (const target of spec?.to ?? []) {
      for (const key of named(target)) add(actorKey(producer.id), key);
    }
    if (isDirect) {
      for (const consumer of parts.consumers) {
        if (spec === undefined || reaches(spec.to, scenario, consumer))
          add(actorKey(producer.id), actorKey(consumer.id));
      }
    }
  }
  const bind = (key: string, bindings: Scenario['queues'][string]['bindings']): void => {
    for (const exchange of parts.exchanges) {
      const labels = bindings.filter((one) => one.exchange === exchange.name).map((one) => one.key);
      if (labels.length > 0) add(placeKey(exchange.id), key, { label: labels.filter((one) => one !== '').join(', ') });
    }
  };
  for (const place of queues) bind(placeKey(place.id), scenario.queues[place.name]?.bindings ?? []);
  for (const place of parts.exchanges) bind(placeKey(place.id), scenario.exchanges[place.name]?.bindings ?? []);
  for (const topic of parts.exchanges) {
    // A topic feeds the queues that are subscribed, and what is to be delivered to consumers that it calls.
    for (const { queue, filtered, deadLetter } of subscribedTo(scenario, topic.name)) {
      for (const place of queues) {
        if (place.name === queue) add(placeKey(topic.id), placeKey(place.id), { label: filtered ? 'filter' : '' });
        if (place.name === deadLetter) add(placeKey(topic.id), placeKey(place.id), { dashed: true });
      }
    }
    for (const place of queues) {
      if (place.parent === topic.name && place.name !== topic.name) add(placeKey(topic.id), placeKey(place.id));
    }
  }
  for (const consumer of parts.consumers) {
    const spec = scenario.consumers[consumer.group];
    if (spec === undefined) continue;
    for (const source of spec.from) {
      for (const place of queues) {
        if (place.name === source || place.name === `${source}/${consumer.group}`)
          add(placeKey(place.id), actorKey(consumer.id));
      }
      for (const place of parts.partitions) {
        if (place.parent === source) add(placeKey(place.id), actorKey(consumer.id), { dynamic: true });
      }
    }
    for (const store of parts.stores) {
      if (store.name === spec.effect.store) add(actorKey(consumer.id), actorKey(store.id));
    }
  }
  for (const dead of parts.deadLetters) {
    for (const queue of parts.queues) {
      if (deadLetterOf(scenario, queue.name) === dead.name)
        add(placeKey(queue.id), placeKey(dead.id), { dashed: true });
    }
  }
  return links;
}

/** Whether a direct call of this producer may go to this consumer. */
function reaches(to: readonly string[], scenario: Scenario, consumer: Actor): boolean {
  return (
    to.length === 0 ||
    to.includes(consumer.group) ||
    to.some((one) => scenario.consumers[consumer.group]?.from.includes(one))
  );
}

// On a wide stage

function columns(scenario: Scenario, parts: Parts, width: number, height: number, hasCaptions: boolean): Layout {
  const top = hasCaptions ? 132 : 44;
  const bottom = 28;
  const room = height - top - bottom;
  const middle = (sizes: Sizes): number =>
    sum(parts.queues, () => QUEUE_HEAD + sizes.queue + sizes.gap) +
    sum(parts.deadLetters, () => sizes.deadLetter + sizes.gap + 16) +
    sum(parts.partitions, () => partitionHead(sizes) + sizes.partition + partitionFoot(sizes)) +
    topics(parts).length * TOPIC_HEAD;
  const sizesFor = (needed: (sizes: Sizes) => number): Sizes =>
    SIZES.find((sizes) => needed(sizes) <= room) ?? (SIZES.at(-1) as Sizes);
  const middleSizes = sizesFor(middle);
  const consumerSizes = sizesFor((sizes) => parts.consumers.length * (sizes.consumer + sizes.gap));
  const producerSizes = sizesFor((sizes) => parts.producers.length * (sizes.producer + sizes.gap));

  const side = width > 980 ? 36 : 20;
  const producerW = width > 900 ? 160 : 132;
  const consumerW = width > 900 ? 176 : 148;
  const storeW = parts.stores.length > 0 ? 76 : 0;
  const exchangeW = parts.exchanges.length > 0 ? 116 : 0;
  const hasMiddle = parts.queues.length + parts.partitions.length + parts.deadLetters.length > 0;
  const gaps = 1 + Number(hasMiddle) + (exchangeW > 0 ? LABEL_ROOM : 0) + Number(storeW > 0);
  const free = width - 2 * side - producerW - consumerW - storeW - exchangeW;
  // The middle takes what the gaps leave; hops need room to be seen.
  const gapMin = Math.min(84, free / (gaps + 4));
  const middleW = hasMiddle ? Math.min(560, free - gaps * gapMin) : 0;
  const gap = Math.min(210, (free - middleW) / gaps);
  const used = producerW + consumerW + storeW + exchangeW + middleW + gaps * gap;
  let x = Math.max(side, (width - used) / 2);

  const boxes: Box[] = [];
  // `head` is what stands over each box: the boxes themselves are centred, so that links between lone boxes run straight.
  const column = (
    heights: readonly number[],
    place: (y: number, i: number) => void,
    spread: number,
    head = 0,
  ): void => {
    const total = heights.reduce((all, one) => all + one, 0);
    const between = heights.length < 2 ? 0 : Math.min(spread, Math.max(4, (room - total) / (heights.length - 1)));
    let y = top + Math.max(0, (room - total - between * (heights.length - 1) - head) / 2);
    heights.forEach((h, i) => {
      place(y, i);
      y += h + between;
    });
  };

  column(
    parts.producers.map(() => producerSizes.producer),
    (y, i) => {
      const actor = parts.producers[i] as Actor;
      boxes.push({
        type: 'producer',
        actor: actor.id,
        name: actor.name,
        compact: producerSizes.compact,
        x,
        y,
        w: producerW,
        h: producerSizes.producer,
      });
    },
    60,
  );
  x += producerW + gap;

  if (exchangeW > 0) {
    column(
      parts.exchanges.map(() => 58),
      (y, i) => {
        const place = parts.exchanges[i] as Place;
        boxes.push({ ...exchangeBox(scenario, place), x, y, w: exchangeW, h: 58 });
      },
      90,
    );
    x += exchangeW + gap * LABEL_ROOM;
  }

  const nodes: NodeChip[] = [];
  if (hasMiddle) {
    const stack = middleStack(scenario, parts, middleSizes);
    const middleX = x;
    column(
      stack.map(({ head, h, foot }) => head + h + foot),
      (y, i) => {
        const item = stack[i] as StackItem;
        boxes.push(item.box({ x: middleX, y: y + item.head, w: middleW, h: item.h }));
      },
      parts.partitions.length > 0 ? 46 : 60,
      parts.partitions.length > 0 ? TOPIC_HEAD : QUEUE_HEAD,
    );
    const first = boxes.find((box) => box.type === 'queue' || box.type === 'partition');
    const chipsW = sum(parts.nodes, chipWidth);
    const head = first?.type === 'partition' ? TOPIC_HEAD + PARTITION_HEAD : QUEUE_HEAD;
    const beside = chipsW < middleW - 150;
    const chipsY = Math.max(hasCaptions ? 106 : 14, (first?.y ?? top) - head - 5 + (beside ? 0 : -26));
    let chipX = middleX + middleW - chipsW + 6;
    for (const actor of parts.nodes) {
      nodes.push({ actor: actor.id, name: actor.name, x: chipX, y: chipsY, w: chipWidth(actor) - 6 });
      chipX += chipWidth(actor);
    }
    x += middleW + gap;
  }

  column(
    parts.consumers.map(() => consumerSizes.consumer),
    (y, i) => {
      const actor = parts.consumers[i] as Actor;
      boxes.push({
        type: 'consumer',
        actor: actor.id,
        name: actor.name,
        compact: consumerSizes.compact,
        x,
        y,
        w: consumerW,
        h: consumerSizes.consumer,
      });
    },
    74,
  );
  x += consumerW + gap;

  const storeH = clampHeight((room - 12) / Math.max(1, parts.stores.length) - 40);
  column(
    parts.stores.map(() => storeH + 26),
    (y, i) => {
      const actor = parts.stores[i] as Actor;
      boxes.push({ type: 'store', actor: actor.id, name: actor.name, compact: 0, x, y: y + 26, w: storeW, h: storeH });
    },
    40,
    26,
  );
  return finish({ width, height, stacked: false, boxes, links: parts.links, nodes, captionY: 20 });
}

interface StackItem {
  readonly head: number;
  readonly h: number;
  readonly foot: number;
  readonly box: (rect: Rect) => Box;
}

function middleStack(scenario: Scenario, parts: Parts, sizes: Sizes): StackItem[] {
  const items: StackItem[] = [];
  for (const place of parts.queues) {
    const about = describeQueue(scenario, place.name);
    items.push({
      head: QUEUE_HEAD,
      h: sizes.queue,
      foot: 0,
      box: (rect) => ({
        type: 'queue',
        place: place.id,
        name: place.name,
        about,
        deadLetter: false,
        cell: sizes.cell,
        ...rect,
      }),
    });
  }
  const seen = new Set<string>();
  for (const place of parts.partitions) {
    const isFirst = !seen.has(place.parent);
    seen.add(place.parent);
    items.push({
      head: partitionHead(sizes) + (isFirst ? TOPIC_HEAD : 0),
      h: sizes.partition,
      foot: partitionFoot(sizes),
      box: (rect) => ({
        type: 'partition',
        place: place.id,
        name: place.name,
        cell: sizes.cell,
        topic: isFirst ? place.parent : '',
        about: isFirst ? describeTopic(scenario, place.parent) : '',
        ...rect,
      }),
    });
  }
  for (const place of parts.deadLetters) {
    items.push({
      head: 0,
      h: sizes.deadLetter,
      foot: 0,
      box: (rect) => ({
        type: 'queue',
        place: place.id,
        name: place.name,
        about: describeQueue(scenario, place.name),
        deadLetter: true,
        cell: Math.min(sizes.cell, 24),
        ...rect,
      }),
    });
  }
  return items;
}

function partitionHead(sizes: Sizes): number {
  return sizes.partition >= 50 ? PARTITION_HEAD : sizes.partition >= 30 ? 15 : 2;
}

function partitionFoot(sizes: Sizes): number {
  return sizes.partition >= 50 ? PARTITION_FOOT : sizes.partition >= 30 ? 14 : 2;
}

// On a narrow stage

function stacked(scenario: Scenario, parts: Parts, width: number): Layout {
  const margin = 14;
  const inner = width - 2 * margin;
  const boxes: Box[] = [];
  const nodes: NodeChip[] = [];
  let y = 10;

  const row = (
    actors: readonly Actor[],
    h: number,
    perRowMax: number,
    between: number,
    place: (actor: Actor, rect: Rect) => Box,
  ): void => {
    if (actors.length === 0) return;
    const perRow = Math.min(perRowMax, actors.length);
    const w = Math.min(actors.length === 1 ? 190 : inner, (inner - (perRow - 1) * 6) / perRow);
    const left = actors.length === 1 ? (width - w) / 2 : margin;
    actors.forEach((actor, i) => {
      const column = i % perRow;
      const line = Math.floor(i / perRow);
      boxes.push(place(actor, { x: left + column * (w + 6), y: y + line * (h + 6), w, h }));
    });
    y += Math.ceil(actors.length / perRow) * (h + 6) - 6 + between;
  };

  row(parts.producers, 44, 3, 26, (actor, rect) => ({
    type: 'producer',
    actor: actor.id,
    name: actor.name,
    compact: 1,
    ...rect,
  }));
  if (parts.exchanges.length > 0) {
    const w = Math.min(150, (inner - (parts.exchanges.length - 1) * 8) / parts.exchanges.length);
    const left = (width - parts.exchanges.length * w - (parts.exchanges.length - 1) * 8) / 2;
    parts.exchanges.forEach((place, i) => {
      boxes.push({ ...exchangeBox(scenario, place), x: left + i * (w + 8), y, w, h: 46 });
    });
    y += 46 + 30;
  }
  const many = parts.queues.length + parts.partitions.length > 3;
  if (parts.nodes.length > 0 && parts.queues.length + parts.partitions.length > 0) {
    let chipX = width - margin - sum(parts.nodes, chipWidth) + 6;
    for (const actor of parts.nodes) {
      nodes.push({ actor: actor.id, name: actor.name, x: chipX, y: y - 21, w: chipWidth(actor) - 6 });
      chipX += chipWidth(actor);
    }
  }
  const twoAbreast = parts.queues.length > 2;
  // There is no room for words on the links: the keys of its bindings stand over the queue.
  const hasKeys = parts.queues.some((place) => bindingKeys(scenario, place) !== '');
  if (hasKeys && parts.queues.length > 1) y += 14;
  parts.queues.forEach((place, i) => {
    const w = twoAbreast ? (inner - 8) / 2 : inner;
    const h = many ? 62 : 104;
    boxes.push({
      type: 'queue',
      place: place.id,
      name: place.name,
      about: hasKeys ? bindingKeys(scenario, place) : describeQueue(scenario, place.name),
      deadLetter: false,
      cell: many ? 20 : 26,
      x: margin + (twoAbreast && i % 2 === 1 ? w + 8 : 0),
      y: y + 22,
      w,
      h,
    });
    if (!twoAbreast || i % 2 === 1 || i === parts.queues.length - 1) y += h + (hasKeys ? 42 : 26);
  });
  const seen = new Set<string>();
  for (const place of parts.partitions) {
    const isFirst = !seen.has(place.parent);
    seen.add(place.parent);
    if (isFirst) y += 24;
    const h = many ? 30 : 44;
    boxes.push({
      type: 'partition',
      place: place.id,
      name: place.name,
      cell: many ? 16 : 24,
      topic: isFirst ? place.parent : '',
      about: '',
      x: margin,
      y: y + 16,
      w: inner,
      h,
    });
    y += h + 34;
  }
  for (const place of parts.deadLetters) {
    boxes.push({
      type: 'queue',
      place: place.id,
      name: place.name,
      about: describeQueue(scenario, place.name),
      deadLetter: true,
      cell: 20,
      x: margin,
      y: y + 8,
      w: inner,
      h: 48,
    });
    y += 60;
  }
  y += 22;
  const consumerCount = parts.consumers.length;
  const compact = consumerCount > 9 ? 2 : consumerCount > 6 ? 1 : 0;
  row(parts.consumers, compact === 0 ? 72 : compact === 1 ? 38 : 24, consumerCount > 12 ? 4 : 3, 22, (actor, rect) => ({
    type: 'consumer',
    actor: actor.id,
    name: actor.name,
    compact,
    ...rect,
  }));
  row(parts.stores, 42, 1, 10, (actor, rect) => ({
    type: 'store',
    actor: actor.id,
    name: actor.name,
    compact: 1,
    ...rect,
    x: margin,
    w: inner,
  }));
  return finish({ width, height: y, stacked: true, boxes, links: parts.links, nodes, captionY: 8 });
}

function finish(layout: Omit<Layout, 'byKey'>): Layout {
  const byKey = new Map<string, Box>();
  for (const box of layout.boxes) byKey.set('actor' in box ? actorKey(box.actor) : placeKey(box.place), box);
  return { ...layout, byKey };
}

function bindingKeys(scenario: Scenario, place: Place): string {
  const bindings = scenario.queues[place.name]?.bindings ?? [];
  return bindings
    .map(({ key }) => key)
    .filter((key) => key !== '')
    .join(', ');
}

function exchangeBox(scenario: Scenario, place: Place): Omit<ExchangeBox, keyof Rect> {
  const type = scenario.exchanges[place.name]?.options['type'];
  const usual = Object.hasOwn(scenario.topics, place.name) ? 'topic' : 'default';
  return { type: 'exchange', place: place.id, name: place.name, about: typeof type === 'string' ? type : usual };
}

/** A node's chip with the gap after it. */
function chipWidth({ name }: Actor): number {
  return Math.max(58, 34 + name.length * 7) + 6;
}

function clampHeight(h: number): number {
  return Math.max(62, Math.min(176, h));
}

function topics(parts: Parts): string[] {
  return [...new Set(parts.partitions.map(({ parent }) => parent))];
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((all, item) => all + of(item), 0);
}
