/** The nouns of the stage's layout: boxes, links, chips, labels, and the keys by which links name boxes. */
import type { ActorId, PlaceId } from '../../core/types.ts';

export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** 0: full, 1: one line, 2: a chip with the name alone. */
export type Compact = 0 | 1 | 2;

export interface ActorBox extends Rect {
  readonly type: 'producer' | 'consumer' | 'store';
  readonly actor: ActorId;
  readonly name: string;
  readonly compact: Compact;
}

/** The instances of one declared producer or consumer, too many to stand apart: a cell each. */
export interface SwarmBox extends Rect {
  readonly type: 'swarm';
  readonly of: 'producer' | 'consumer';
  /** The first of them stands for all in links. */
  readonly actor: ActorId;
  readonly name: string;
  readonly actors: readonly ActorId[];
  /** Cells: their size, the distance from one to the next, and how many stand in a line. */
  readonly cell: number;
  readonly step: number;
  readonly perLine: number;
}

export interface QueueBox extends Rect {
  readonly type: 'queue';
  readonly place: PlaceId;
  readonly name: string;
  readonly about: string;
  readonly deadLetter: boolean;
  /** The word for what is handed out and not settled. */
  readonly unsettled: string;
  /** Size of a message in it. The title stands above the box. */
  readonly cell: number;
  /** Room for the title: the broker's nodes may stand beside it. */
  readonly titleW: number;
}

export interface PartitionBox extends Rect {
  readonly type: 'partition';
  readonly place: PlaceId;
  readonly name: string;
  readonly cell: number;
  /** Over a topic's first partition: "topic rides"; '' for the others. */
  readonly title: string;
  readonly about: string;
  readonly titleW: number;
}

/** The partitions of a topic, too many to stand apart: a line each. */
export interface TapesBox extends Rect {
  readonly type: 'tapes';
  /** The first of them stands for all in links. */
  readonly place: PlaceId;
  readonly name: string;
  readonly title: string;
  readonly about: string;
  readonly titleW: number;
  readonly places: readonly PlaceId[];
  /** From one line to the next. */
  readonly step: number;
}

export interface ExchangeBox extends Rect {
  readonly type: 'exchange';
  readonly place: PlaceId;
  readonly name: string;
  readonly about: string;
}

export type Box = ActorBox | SwarmBox | QueueBox | PartitionBox | TapesBox | ExchangeBox;

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

/** Over the members of a consumer group, what the group is doing. */
export interface GroupLabel {
  readonly place: PlaceId;
  readonly name: string;
  readonly x: number;
  /** Base line of its text. */
  readonly y: number;
  readonly w: number;
}

export interface Layout {
  readonly width: number;
  /** At least as high as the stage, and higher where not all fits. */
  readonly height: number;
  readonly stacked: boolean;
  readonly boxes: readonly Box[];
  /** By `actor 3` or `place 5`; also those that stand in a box with others. */
  readonly byKey: ReadonlyMap<string, Box>;
  readonly links: readonly Link[];
  /** The broker's nodes, as chips over the middle. */
  readonly nodes: readonly NodeChip[];
  readonly groups: readonly GroupLabel[];
}

/** What a way of laying out has to say; the rest follows from it. */
export type Arranged = Pick<Layout, 'height' | 'stacked' | 'boxes' | 'nodes' | 'groups'>;

export function actorKey(actor: ActorId): string {
  return `actor ${actor}`;
}

export function placeKey(place: PlaceId): string {
  return `place ${place}`;
}

export function boxKey(box: Box): string {
  return 'actor' in box ? actorKey(box.actor) : placeKey(box.place);
}
