/** What both ways of laying out the stage need: titles of places, chips of nodes, and what is too many to stand apart. */
import type { Actor, Place } from '../../core/types.ts';
import type { Scenario } from '../../sim/scenario/types.ts';
import type { ExchangeBox, NodeChip, Rect } from './boxes.ts';
import { describeTopic } from './describe.ts';

/** The instances of one declared producer or consumer. */
export interface Team {
  readonly declared: string;
  readonly members: readonly Actor[];
}

/** In the order of their first members. */
export function teamsOf(actors: readonly Actor[]): readonly Team[] {
  const teams = new Map<string, Actor[]>();
  for (const actor of actors) {
    const team = teams.get(actor.group);
    if (team === undefined) teams.set(actor.group, [actor]);
    else team.push(actor);
  }
  return [...teams].map(([declared, members]) => ({ declared, members }));
}

/** The partitions of one topic, or the one of a stream. */
export interface Tape {
  readonly topic: string;
  readonly title: string;
  readonly about: string;
  readonly partitions: readonly Place[];
}

export function tapesOf(scenario: Scenario, partitions: readonly Place[]): readonly Tape[] {
  const topics = [...new Set(partitions.map(({ parent }) => parent))];
  return topics.map((topic) => {
    const own = partitions.filter(({ parent }) => parent === topic);
    const isStream = own.length === 1 && own[0]?.name === topic;
    return {
      topic,
      title: `${isStream ? 'stream' : 'topic'} ${topic}`,
      about: isStream ? '' : describeTopic(scenario, topic),
      partitions: own,
    };
  });
}

export function exchangeBox(scenario: Scenario, place: Place): Omit<ExchangeBox, keyof Rect> {
  const type = scenario.exchanges[place.name]?.options['type'];
  const isTopic = Object.hasOwn(scenario.topics, place.name) || !Object.hasOwn(scenario.exchanges, place.name);
  const usual = isTopic && place.name !== '' ? 'topic' : 'default';
  return { type: 'exchange', place: place.id, name: place.name, about: typeof type === 'string' ? type : usual };
}

/** A character of a title is about so wide, px. */
export const BOLD = 7.8;

/** From the top of one line of chips to the next. */
export const CHIP_LINE = 25;
const CHIP_GAP = 6;

/** A node's chip. */
export function chipWidth({ name }: Actor): number {
  return Math.min(150, Math.max(58, 34 + name.length * 7));
}

/** In so many lines the nodes' chips fit within this width. */
export function chipLines(nodes: readonly Actor[], width: number): readonly (readonly Actor[])[] {
  const lines: Actor[][] = [];
  let used = 0;
  for (const node of nodes) {
    const line = lines.at(-1);
    const w = chipWidth(node) + CHIP_GAP;
    if (line === undefined || used + w > width + CHIP_GAP) {
      lines.push([node]);
      used = w;
    } else {
      line.push(node);
      used += w;
    }
  }
  return lines;
}

/** Lines of chips that end at `right`, the first at `top`. */
export function chipsAt(lines: readonly (readonly Actor[])[], right: number, top: number): NodeChip[] {
  return lines.flatMap((line, i) => {
    let x = right - line.reduce((all, node) => all + chipWidth(node) + CHIP_GAP, -CHIP_GAP);
    return line.map((node) => {
      const w = chipWidth(node);
      const chip = { actor: node.id, name: node.name, x, y: top + i * CHIP_LINE, w };
      x += w + CHIP_GAP;
      return chip;
    });
  });
}

export interface Grid {
  readonly cell: number;
  readonly step: number;
  readonly perLine: number;
  /** Height of all lines. */
  readonly h: number;
}

const CELLS = [16, 12, 9, 6];

/** The largest cells with which so many fit into a box. */
export function gridOf(count: number, w: number, h: number): Grid {
  let grid: Grid = { cell: 0, step: 0, perLine: 0, h: 0 };
  for (const cell of CELLS) {
    const step = cell + (cell > 9 ? 4 : 2);
    const perLine = Math.max(1, Math.floor((w + step - cell) / step));
    grid = { cell, step, perLine, h: Math.ceil(count / perLine) * step };
    if (grid.h <= h) break;
  }
  return grid;
}

export function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((all, item) => all + of(item), 0);
}
