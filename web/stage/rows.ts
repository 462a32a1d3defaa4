/** The stage as rows from top to bottom, where it is narrow. */
import type { Actor, Place } from '../../core/types.ts';
import type { Scenario } from '../../sim/scenario/types.ts';
import type { ActorBox, Arranged, Box, Compact, NodeChip, Rect } from './boxes.ts';
import { describeQueue, unsettledWord } from './describe.ts';
import type { Parts } from './links.ts';
import { BOLD, CHIP_LINE, chipLines, chipsAt, chipWidth, exchangeBox, gridOf, sum, tapesOf, teamsOf } from './parts.ts';
import { reads } from './reads.ts';

const MARGIN = 14;
/** More instances of one kind than this stand in one box, more partitions than this as lines. */
const INSTANCES = 24;
const PARTITIONS = 10;
const LINE = 8;

export function rows(scenario: Scenario, parts: Parts, width: number): Arranged {
  const inner = width - 2 * MARGIN;
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
    const left = actors.length === 1 ? (width - w) / 2 : MARGIN;
    actors.forEach((actor, i) => {
      const column = i % perRow;
      const line = Math.floor(i / perRow);
      boxes.push(place(actor, { x: left + column * (w + 6), y: y + line * (h + 6), w, h }));
    });
    y += Math.ceil(actors.length / perRow) * (h + 6) - 6 + between;
  };
  const actorBox =
    (type: ActorBox['type'], compact: Compact) =>
    (actor: Actor, rect: Rect): Box => ({ type, actor: actor.id, name: actor.name, compact, ...rect });
  /** Instances one by one, or a box a team where they are too many. */
  const team = (of: 'producer' | 'consumer', actors: readonly Actor[], each: (few: readonly Actor[]) => void): void => {
    if (actors.length <= INSTANCES) return each(actors);
    for (const { declared, members } of teamsOf(actors)) {
      const first = members[0];
      if (members.length <= 3 || first === undefined) each(members);
      else {
        const grid = gridOf(members.length, inner - 24, 180);
        const h = 38 + grid.h;
        const { cell, step, perLine } = grid;
        const ids = members.map(({ id }) => id);
        const cells = { actors: ids, cell, step, perLine, x: MARGIN, y, w: inner, h };
        boxes.push({ type: 'swarm', of, actor: first.id, name: declared, ...cells });
        y += h + 24;
      }
    }
  };

  const deadLetter = (place: Place): void => {
    boxes.push({
      type: 'queue',
      place: place.id,
      name: place.name,
      about: describeQueue(scenario, place.name),
      deadLetter: true,
      unsettled: '',
      cell: 20,
      titleW: inner - 8,
      x: MARGIN,
      y: y + 8,
      w: inner,
      h: 48,
    });
    y += 60;
  };

  team('producer', parts.producers, (few) => row(few, 44, 3, 26, actorBox('producer', 1)));
  const ownStores = new Set(Object.values(scenario.consumers).map(({ effect }) => effect.store));
  const beside = parts.stores.filter(({ name }) => !ownStores.has(name));
  row(beside, 42, 1, 22, (actor, rect) => ({ ...storeRow(actor, rect), x: MARGIN, w: inner }));

  if (parts.exchanges.length > 0) {
    const perRow = Math.min(2, parts.exchanges.length);
    const w = Math.min(150, (inner - (perRow - 1) * 8) / perRow);
    const left = (width - perRow * w - (perRow - 1) * 8) / 2;
    parts.exchanges.forEach((place, i) => {
      const line = Math.floor(i / perRow);
      boxes.push({ ...exchangeBox(scenario, place), x: left + (i % perRow) * (w + 8), y: y + line * 54, w, h: 46 });
    });
    y += Math.ceil(parts.exchanges.length / perRow) * 54 - 8 + 30;
  }
  const many = parts.queues.length + parts.partitions.length > 3;
  const hasMiddle = parts.queues.length + parts.partitions.length > 0;
  const chipsW = sum(parts.nodes, (node) => chipWidth(node) + 6);
  const twoAbreast = parts.queues.length > 2;
  // Over the second of two queues stands its name, too.
  const titlesW = twoAbreast ? (inner + 8) / 2 + (parts.queues[1]?.name.length ?? 0) * BOLD : 160;
  const isBeside = chipsW < inner - titlesW;
  // What an exchange could not route is told under it.
  if (isBeside && parts.exchanges.length > 0) y += 12;
  if (hasMiddle) {
    const lines = chipLines(parts.nodes, inner);
    if (!isBeside) y += (lines.length - 1) * CHIP_LINE + 24;
    // On the left, the ways from an exchange to two queues lead past them.
    const isLeft = twoAbreast && !isBeside && parts.exchanges.length > 0 && lines.length === 1;
    const right = isLeft ? MARGIN + chipsW - 6 : width - MARGIN;
    nodes.push(...chipsAt(lines, right, y - 21 - (isBeside ? 0 : (lines.length - 1) * CHIP_LINE + 21)));
  }
  const titleW = (isFirst: boolean): number => (isFirst && isBeside ? inner - chipsW - 8 : inner - 8);
  // There is no room for words on the links: the keys of its bindings stand over the queue.
  const hasKeys = parts.queues.some((place) => bindingKeys(scenario, place) !== '');
  if (hasKeys && parts.queues.length > 1) y += 14;
  const abouts = parts.queues.map((place) =>
    hasKeys ? bindingKeys(scenario, place) : describeQueue(scenario, place.name),
  );
  // Over the next queues stand their names, and under these what is told of them.
  const between = abouts.some((about) => about !== '') ? 42 : 26;
  parts.queues.forEach((place, i) => {
    const w = twoAbreast ? (inner - 8) / 2 : inner;
    const h = many ? 62 : 104;
    boxes.push({
      type: 'queue',
      place: place.id,
      name: place.name,
      about: abouts[i] ?? '',
      deadLetter: false,
      unsettled: unsettledWord(scenario, place.name),
      cell: many ? 20 : 26,
      titleW: twoAbreast ? w - 8 : titleW(i === 0),
      x: MARGIN + (twoAbreast && i % 2 === 1 ? w + 8 : 0),
      y: y + 22,
      w,
      h,
    });
    const isLast = i === parts.queues.length - 1;
    if (!twoAbreast || i % 2 === 1 || isLast) y += h + (isLast && !hasKeys ? 26 : between);
  });
  const asLines = parts.partitions.length > PARTITIONS;
  for (const { topic, title, about, partitions } of tapesOf(scenario, parts.partitions)) {
    y += 24;
    const first = partitions[0];
    if (asLines && first !== undefined) {
      const places = partitions.map(({ id }) => id);
      const h = places.length * LINE + 12;
      const words = { name: topic, title, about, titleW: titleW(false) };
      boxes.push({ type: 'tapes', place: first.id, ...words, places, step: LINE, x: MARGIN, y, w: inner, h });
      y += h + 20;
      continue;
    }
    for (const place of partitions) {
      const isFirst = place === first;
      const h = many ? 30 : 44;
      boxes.push({
        type: 'partition',
        place: place.id,
        name: place.name,
        cell: many ? 16 : 24,
        title: isFirst ? title : '',
        about: '',
        titleW: titleW(isFirst),
        x: MARGIN,
        y: y + 16,
        w: inner,
        h,
      });
      y += h + 34;
    }
  }
  // What nobody reads stands below all others: the links of those who do would cross it.
  const isRead = (place: Place): boolean => Object.keys(scenario.consumers).some((one) => reads(scenario, one, place));
  parts.deadLetters.filter(isRead).forEach(deadLetter);
  y += 22;
  const count = parts.consumers.length;
  const compact = count > 9 ? 2 : count > 6 ? 1 : 0;
  const h = compact === 0 ? 72 : compact === 1 ? 38 : 24;
  team('consumer', parts.consumers, (few) => row(few, h, count > 12 ? 4 : 3, 22, actorBox('consumer', compact)));
  row(
    parts.stores.filter((store) => !beside.includes(store)),
    42,
    1,
    10,
    (actor, rect) => ({ ...storeRow(actor, rect), x: MARGIN, w: inner }),
  );
  const unread = parts.deadLetters.filter((place) => !isRead(place));
  if (unread.length > 0) y += 6;
  unread.forEach(deadLetter);
  return { height: y, stacked: true, boxes, nodes, groups: [] };
}

function storeRow({ id, name }: Actor, rect: Rect): Box {
  return { type: 'store', actor: id, name, compact: 1, ...rect };
}

function bindingKeys(scenario: Scenario, place: Place): string {
  const bindings = scenario.queues[place.name]?.bindings ?? [];
  return bindings
    .map(({ key }) => key)
    .filter((key) => key !== '')
    .join(', ');
}
