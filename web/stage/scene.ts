/**
 * What is to be drawn on the stage's canvas at a moment: every message as a mark with its place, look and state; links, flags of tapes, and the small
 * words between them. A pure function of (run, moment, layout, selection); `paint.ts` puts it on a canvas, tests read it, and hits are found in it.
 */
import type { ActorId, FactId, MessageId, Micros, PlaceId } from '../../core/types.ts';
import type { QueueEntry } from '../../sim/folds/queue-state.ts';
import type { ActorState, InHand, PartitionState, Topology } from '../../sim/folds/topology.ts';
import type { Hop } from '../../sim/folds/transit.ts';
import type { Trace } from '../../sim/trace.ts';
import { F, FATES } from '../../sim/vocabulary.ts';
import type { Moment, ShownRun } from '../lab.svelte.ts';
import { count, seconds, short } from './describe.ts';
import { type Curve, clamp, distanceTo, pointOn } from './geometry.ts';
import type { Look } from './keys.ts';
import { type ActorBox, actorKey, type Layout, type PartitionBox, placeKey, type QueueBox } from './layout.ts';
import type { Thing } from './thing.ts';

/** Colours by name of the palette's tokens. */
export type Ink = 'ink' | 'soft' | 'faint' | 'line' | 'accent' | 'fault' | 'violated' | 'good';

/** `solid`: it is here. `held`: its place is kept while a consumer has the copy. `outline`: stored, not yet safe. `faded`: done with, kept by the log. */
export type State = 'solid' | 'held' | 'outline' | 'faded' | 'delayed';

export interface Mark {
  readonly message: MessageId;
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly look: Look;
  readonly state: State;
  readonly label: string;
  /** From the second on a small number; 0 for none. */
  readonly attempt: number;
  readonly poison: boolean;
  /** 0 … 1 of a lock that is left; −1 for no ring. */
  readonly ring: number;
  readonly alpha: number;
  /** What a pointer on it reads. */
  readonly hint: string;
}

export interface Token {
  readonly message: MessageId;
  readonly fact: FactId;
  readonly x: number;
  readonly y: number;
  readonly look: Look;
  readonly kind: 'message' | 'reply' | 'tick' | 'refusal' | 'effect' | 'cross';
  readonly alpha: number;
  readonly label: string;
  readonly hint: string;
}

export interface Word {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly ink: Ink;
  readonly align: 'left' | 'center' | 'right';
  readonly bold: boolean;
  readonly mono: boolean;
}

export interface Stroke {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
  readonly ink: Ink;
  readonly width: number;
  readonly dashed: boolean;
}

export interface Bar {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
  readonly ink: Ink;
  readonly alpha: number;
}

export interface Dot {
  readonly x: number;
  readonly y: number;
  readonly r: number;
  readonly ink: Ink;
  readonly filled: boolean;
}

export interface Wire {
  /** Of its link in the layout. */
  readonly key: string;
  readonly curve: Curve;
  readonly dashed: boolean;
  readonly ink: Ink;
  /** Cut by a split network. */
  readonly cut: boolean;
  /** Messages on their way over it; wide streams get a band. */
  readonly load: number;
}

export interface Scene {
  readonly wires: readonly Wire[];
  readonly marks: readonly Mark[];
  readonly tokens: readonly Token[];
  readonly words: readonly Word[];
  readonly strokes: readonly Stroke[];
  readonly bars: readonly Bar[];
  readonly dots: readonly Dot[];
}

/** More tokens than this are not drawn one by one; the bands stand for them. */
const TOKENS_MAX = 3_000;
/** Crosses of lost hops stay for so many times their journey. */
const CROSS_STAYS = 5;
const LOOK_AHEAD = 4_000;

export class SceneMaker {
  readonly #run: ShownRun;
  readonly #layout: Layout;
  readonly #curves: ReadonlyMap<string, Curve>;
  readonly #actorKeys: ReadonlyMap<ActorId, string>;
  readonly #routes = new Map<FactId, PlaceId>();

  #wires: Wire[] = [];
  #marks: Mark[] = [];
  #tokens: Token[] = [];
  #words: Word[] = [];
  #strokes: Stroke[] = [];
  #bars: Bar[] = [];
  #dots: Dot[] = [];
  #loads = new Map<string, number>();
  /** Messages between two queues, whose new place is not drawn yet. */
  #between = new Set<MessageId>();

  constructor(run: ShownRun, layout: Layout, curves: ReadonlyMap<string, Curve>) {
    this.#run = run;
    this.#layout = layout;
    this.#curves = curves;
    this.#actorKeys = new Map(run.trace.actors.map(({ id }) => [id, actorKey(id)]));
  }

  at(moment: Moment): Scene {
    this.#wires = [];
    this.#marks = [];
    this.#tokens = [];
    this.#words = [];
    this.#strokes = [];
    this.#bars = [];
    this.#dots = [];
    this.#loads = new Map();
    const { topology, timeUs, fact } = moment;
    this.#between = new Set();
    this.#transfers(timeUs, fact);
    for (const box of this.#layout.boxes) {
      if (box.type === 'queue') this.#queue(box, topology, timeUs);
      else if (box.type === 'partition') this.#partition(box, topology);
      else if (box.type === 'consumer') this.#consumer(box, topology, timeUs);
    }
    this.#hops(timeUs, fact);
    this.#links(topology);
    return {
      wires: this.#wires,
      marks: this.#marks,
      tokens: this.#tokens,
      words: this.#words,
      strokes: this.#strokes,
      bars: this.#bars,
      dots: this.#dots,
    };
  }

  // Queues

  #queue(box: QueueBox, topology: Topology, now: Micros): void {
    const queue = topology.queues[box.place];
    const ready = queue?.ready ?? 0;
    const delayed = queue?.delayed ?? 0;
    const locked = queue?.locked ?? 0;
    if (box.deadLetter) {
      const entries = queue?.entries('ready', 24) ?? [];
      const come = entries.filter(({ message }) => !this.#between.has(message));
      this.#deadLetters(box, ready + locked + delayed - (entries.length - come.length), come);
      return;
    }
    const small = box.h < 70;
    // Beside its name there is no room for its counts, so they stand in its box.
    const narrow = small && box.w < 220;
    const { cell } = box;
    const pad = small ? 8 : 14;
    const split = box.x + Math.round(box.w * (box.w < 300 ? 0.5 : 0.56));
    const top = narrow
      ? box.y + 7
      : small
        ? box.y + Math.max(4, (box.h - cell) / 2 - (box.h > cell * 2.4 ? cell / 2 + 2 : 0))
        : box.y + 26;
    const bottom = box.y + box.h - (narrow ? 20 : small ? 6 : 10);
    if (!small) {
      this.#strokes.push({
        x0: split,
        y0: box.y + 10,
        x1: split,
        y1: box.y + box.h - 10,
        ink: 'line',
        width: 1,
        dashed: true,
      });
      const readyWord = delayed > 0 ? `ready ${count(ready)}, delayed ${count(delayed)}` : `ready ${count(ready)}`;
      this.#word(box.x + pad, box.y + 17, readyWord, 'soft', 'left');
      this.#word(split + 12, box.y + 17, `locked ${count(locked)}`, 'soft', 'left');
    }

    if (small) {
      const words = [
        `ready ${count(ready)}`,
        ...(delayed > 0 ? [`delayed ${count(delayed)}`] : []),
        `locked ${count(locked)}`,
      ];
      if (narrow) this.#word(box.x + box.w / 2, box.y + box.h - 14, words.join(', '), 'soft', 'center');
      else this.#word(box.x + box.w - 2, box.y - 8, words.join(', '), 'soft', 'right');
    }

    // Ready: the head stands at the right, next to be handed out.
    const step = cell + (small ? 5 : 10);
    const columns = Math.max(1, Math.floor((split - box.x - pad - 6) / step));
    const rows = Math.max(1, Math.floor((bottom - top + 6) / step));
    const room = columns * rows;
    const shown = ready + delayed;
    const isMany = shown > room;
    const cells = isMany ? columns : room;
    const entries = queue?.entries('ready', cells) ?? [];
    const late = entries.length < cells ? (queue?.entries('delayed', cells - entries.length) ?? []) : [];
    [...entries, ...late].forEach((entry, i) => {
      const x = split - 12 - cell / 2 - (i % columns) * step;
      const y = top + cell / 2 + Math.floor(i / columns) * step;
      const isLate = i >= entries.length;
      this.#cell(
        entry.message,
        x,
        y,
        cell,
        isLate ? 'delayed' : 'solid',
        entry.attempt > 0 ? entry.attempt + 1 : 0,
        -1,
        {
          hint: isLate ? 'delayed' : `ready since ${seconds(now - entry.sinceUs)}`,
        },
      );
    });
    if (isMany) {
      const y = small ? box.y + box.h - 9 : top + cell + 16;
      const w = split - box.x - pad - 14;
      const peak = niceCeiling(shown);
      this.#bars.push({ x: box.x + pad, y, w, h: small ? 4 : 8, ink: 'line', alpha: 1 });
      this.#bars.push({
        x: box.x + pad + w * (1 - shown / peak),
        y,
        w: (w * shown) / peak,
        h: small ? 4 : 8,
        ink: 'soft',
        alpha: 1,
      });
      if (!small) this.#word(box.x + pad + w, y + 24, `${count(shown)} waiting`, 'ink', 'right', true);
      if (!small) this.#word(box.x + pad, y + 24, `of ${short(peak)}`, 'soft', 'left');
    }

    // Locked: its place stays, with a ring that unwinds.
    const ringStep = small ? cell + 8 : cell + 24;
    const lockedColumns = Math.max(1, Math.floor((box.x + box.w - split - 10) / ringStep));
    const ringHeight = small ? cell + 4 : cell + 34;
    const lockedRows = Math.max(1, Math.floor((bottom - top + 12) / ringHeight));
    const lockedRoom = lockedColumns * lockedRows;
    const held = queue?.entries('locked', lockedRoom) ?? [];
    held.forEach((entry, i) => {
      if (locked > lockedRoom && i === lockedRoom - 1) {
        this.#word(
          split + 12 + (i % lockedColumns) * ringStep + cell / 2,
          top + Math.floor(i / lockedColumns) * ringHeight + cell / 2 + 6,
          `+${short(locked - lockedRoom + 1)}`,
          'soft',
          'center',
        );
        return;
      }
      const x = split + (small ? 8 : 16) + cell / 2 + (i % lockedColumns) * ringStep;
      const y = top + (small ? 0 : 8) + cell / 2 + Math.floor(i / lockedColumns) * ringHeight;
      this.#lockedCell(entry, x, y, small ? cell : cell - 2, now, small);
    });
  }

  #lockedCell(entry: QueueEntry, x: number, y: number, size: number, now: Micros, small: boolean): void {
    const whole = entry.untilUs - entry.sinceUs;
    const left = entry.untilUs - now;
    const share = entry.untilUs === 0 || whole <= 0 ? -1 : clamp(left / whole, 0, 1);
    const holder = this.#run.trace.actorName(entry.holder);
    const hint =
      share < 0 ? `with ${holder}, not settled` : `with ${holder}, locked for ${seconds(Math.max(0, left))} more`;
    this.#cell(entry.message, x, y, size, 'held', entry.attempt, share, { hint });
    if (share < 0 || small) return;
    const ending = share < 0.1;
    this.#word(x, y + size / 2 + 24, seconds(Math.max(0, left)), ending ? 'fault' : 'soft', 'center', ending);
  }

  #deadLetters(box: QueueBox, total: number, entries: readonly QueueEntry[]): void {
    const { cell } = box;
    const step = cell + 8;
    const columns = Math.max(0, Math.floor((box.w * 0.55) / step));
    const y = box.y + box.h / 2;
    const shown = entries.slice(0, total > columns ? columns - 1 : columns);
    shown.forEach((entry, i) => {
      const x = box.x + box.w - 14 - cell / 2 - i * step;
      this.#cell(entry.message, x, y, cell, 'solid', 0, -1, {
        hint: entry.receives > 0 ? `dead-lettered after ${entry.receives} receives` : 'dead-lettered',
      });
      if (entry.receives > 0) this.#word(x, y + cell / 2 + 12, `×${entry.receives}`, 'soft', 'center');
    });
    if (total > shown.length) {
      const x = box.x + box.w - 14 - shown.length * step;
      this.#word(x, y + 4, `+${short(total - shown.length)}`, 'fault', 'right', true);
    }
  }

  // Partitions

  #partition(box: PartitionBox, topology: Topology): void {
    const partition = topology.partitions[box.place];
    const { cell } = box;
    const gap = cell >= 20 ? 6 : 3;
    const step = cell + gap;
    const left = box.x + 12;
    const room = Math.max(1, Math.floor((box.w - 24) / step));
    if (partition === undefined) return;
    const first = Math.max(partition.logStart, partition.end - room);
    const committed = lowestCommitted(partition);
    const y = box.y + box.h / 2;
    for (let offset = first; offset < partition.end; offset++) {
      const message = partition.records.get(offset, 0);
      const x = left + (offset - first) * step + cell / 2;
      const done = committed !== null && offset < committed;
      const state: State =
        offset >= partition.watermark && partition.hasWatermark ? 'outline' : done ? 'faded' : 'solid';
      if (message === 0) {
        this.#words.push({ x, y: y + 4, text: '·', ink: 'faint', align: 'center', bold: false, mono: true });
        continue;
      }
      this.#cell(message, x, y, cell, state, 0, -1, {
        label: String(offset),
        hint: `offset ${offset}${state === 'outline' ? ', not yet replicated' : done ? ', committed' : ''}`,
      });
    }
    const hasFoot = box.h >= 30;
    const footY = box.y + box.h + (hasFoot && box.h < 50 ? 11 : 15);
    let footLeft = box.x;
    if (hasFoot) {
      const names = partition.committed.length > 1;
      for (const { group, offset } of partition.committed) {
        const name = names ? `${this.#run.trace.placeName(group)} ` : '';
        if (offset < first) {
          const text = `‹ ${name}committed ${count(offset)}, off to the left`;
          this.#word(footLeft + 2, footY, text, 'good', 'left');
          footLeft += text.length * 6.2 + 14;
          continue;
        }
        const x = left + (offset - first) * step - gap / 2;
        this.#strokes.push({
          x0: x,
          y0: box.y + 4,
          x1: x,
          y1: box.y + box.h + 3,
          ink: 'good',
          width: 2,
          dashed: false,
        });
        const text = `${name}committed ${count(offset)}`;
        const wide = text.length * 6.2;
        const at = clamp(x, Math.max(box.x + wide / 2, footLeft + wide / 2), box.x + box.w - wide / 2 - 60);
        this.#word(at, footY, text, 'good', 'center');
        footLeft = at + wide / 2 + 10;
      }
      const lag = worstLag(partition, topology);
      if (lag !== null) {
        const isWorrying = lag > room || this.#isAlerted(topology, box);
        this.#word(box.x + box.w, footY, `lag ${count(lag)}`, isWorrying ? 'fault' : 'soft', 'right', isWorrying);
      }
    }
    if (partition.hasWatermark && partition.watermark < partition.end && partition.watermark >= first) {
      const x = left + (partition.watermark - first) * step - gap / 2;
      this.#strokes.push({
        x0: x,
        y0: box.y - 2,
        x1: x,
        y1: box.y + box.h - 4,
        ink: 'accent',
        width: 1.5,
        dashed: true,
      });
      if (hasFoot)
        this.#word(
          clamp(x, box.x + Math.min(300, box.w - 62), box.x + box.w - 62),
          box.y - 6,
          `high watermark ${count(partition.watermark)}`,
          'accent',
          'center',
        );
    }
    if (box.h >= 30) this.#partitionHead(box, partition);
  }

  /** "partition 0  leader ●b1  in sync ◉b2 ○b3" */
  #partitionHead(box: PartitionBox, partition: PartitionState): void {
    const { trace } = this.#run;
    const y = box.y - 7;
    const number = box.name.slice(box.name.lastIndexOf('/') + 1);
    const text = `partition ${number}`;
    this.#word(box.x + 12, y, text, 'soft', 'left');
    let x = box.x + 12 + text.length * 6 + 16;
    if (partition.leader === 0 && partition.epoch > 0) {
      this.#word(x, y, 'no leader', 'fault', 'left', true);
      x += 66;
    }
    for (const { node, end } of partition.replicas) {
      if (partition.replicas.length < 2) break;
      const name = trace.actorName(node);
      const isLeader = node === partition.leader;
      const inSync =
        isLeader ||
        ((partition.inSync >>> replicaBit(name)) & 1) === 1 ||
        (partition.inSync === 0 && end >= partition.watermark);
      this.#dots.push({ x: x + 4, y: y - 4, r: 4, ink: inSync ? 'good' : 'faint', filled: isLeader });
      if (inSync && !isLeader) this.#dots.push({ x: x + 4, y: y - 4, r: 1.5, ink: 'good', filled: true });
      this.#word(x + 12, y, name, inSync ? 'soft' : 'fault', 'left');
      x += 12 + name.length * 6.6 + 12;
    }
  }

  #isAlerted(topology: Topology, box: PartitionBox): boolean {
    const topic = box.name.slice(0, box.name.lastIndexOf('/'));
    return topology.alerts.some((alert) => {
      const when = this.#run.scenario.alerts[alert]?.when ?? '';
      return when.includes('lag') && (when.includes(topic) || when.includes(box.name) || !when.includes('/'));
    });
  }

  // Consumers

  #consumer(box: ActorBox, topology: Topology, now: Micros): void {
    const actor = topology.actors[box.actor];
    if (actor === undefined || actor.hand.length === 0) return;
    const working = actor.hand.filter((held) => held.step !== 'received');
    const waiting = actor.hand.filter((held) => held.step === 'received');
    if (box.compact > 0 || this.#layout.stacked) {
      this.#compactHand(box, working, waiting);
      return;
    }
    const size = 28;
    const x = box.x + 14 + size / 2;
    const y = box.y + 36 + size / 2;
    const first = working[0] ?? waiting[0];
    if (first === undefined) return;
    const abreast = Math.max(1, Math.floor((box.w - 58 - 26) / 28));
    const shownWorking = working.slice(1, 1 + abreast);
    this.#cell(first.message, x, y, size, 'solid', first.attempt, -1, { hint: stepWords(first, now) });
    if (shownWorking.length === 0) this.#steps(box.x + 62, y - 7, box.w - 62 - 18, first, actor);
    else {
      shownWorking.forEach((held, i) => {
        this.#cell(held.message, x + 2 + (i + 1) * 28, y, 22, 'solid', held.attempt, -1, {
          hint: stepWords(held, now),
        });
      });
      if (working.length > abreast + 1)
        this.#word(box.x + box.w - 6, y + 4, `+${short(working.length - abreast - 1)}`, 'soft', 'right');
    }
    const rest = first === waiting[0] ? waiting.slice(1) : waiting;
    if (rest.length > 0) {
      const small = 10;
      const room = Math.floor((box.w - 60) / (small + 3));
      rest.slice(0, room).forEach((held, i) => {
        this.#cell(held.message, box.x + 14 + small / 2 + i * (small + 3), box.y + box.h + 9, small, 'solid', 0, -1, {
          label: '',
          hint: 'prefetched',
        });
      });
      this.#word(
        box.x + 14 + Math.min(rest.length, room) * (small + 3) + 4,
        box.y + box.h + 13,
        rest.length > room ? `+${short(rest.length - room)}` : 'prefetched',
        'soft',
        'left',
      );
    }
  }

  #compactHand(box: ActorBox, working: readonly InHand[], waiting: readonly InHand[]): void {
    const all = [...working, ...waiting];
    const first = all[0];
    if (first === undefined) return;
    if (this.#layout.stacked && box.compact === 0) {
      const size = 26;
      const x = box.x + 10 + size / 2;
      const y = box.y + 32 + size / 2;
      this.#cell(first.message, x, y, size, 'solid', first.attempt, -1, { hint: first.step });
      this.#stepDots(box.x + 54, box.x + box.w - 14, y, first, false);
      if (all.length > 1) this.#word(box.x + 10, box.y + box.h - 5, `+${short(all.length - 1)} held`, 'soft', 'left');
      return;
    }
    const size = box.compact === 2 ? 12 : 20;
    const room = Math.max(1, Math.floor((box.w * 0.4) / (size + 4)));
    all.slice(0, room).forEach((held, i) => {
      this.#cell(
        held.message,
        box.x + box.w - 8 - size / 2 - i * (size + 4),
        box.y + box.h / 2,
        size,
        held.step === 'received' ? 'faded' : 'solid',
        held.attempt,
        -1,
        {
          hint: held.step,
          ...(box.compact === 2 ? { label: '' } : {}),
        },
      );
    });
  }

  #steps(x: number, y: number, w: number, held: InHand, actor: ActorState): void {
    this.#stepDots(x, x + w, y, held, true);
    if (held.step === 'begun' && held.endsUs > held.sinceUs && actor.status !== 'paused') {
      // The line between begun and applied fills as the work goes on.
      const [from, to] = [x + w / 3, x + (w * 2) / 3];
      this.#bars.push({
        x: from + 5,
        y: y - 1,
        w: (to - from - 10) * this.#workShare(held),
        h: 2,
        ink: 'ink',
        alpha: 1,
      });
    }
  }

  #now: Micros = 0;

  #workShare(held: InHand): number {
    return clamp((this.#now - held.sinceUs) / Math.max(1, held.endsUs - held.sinceUs), 0, 1);
  }

  #stepDots(left: number, right: number, y: number, held: InHand, lines: boolean): void {
    const reached = held.step === 'received' ? 1 : held.step === 'begun' ? 2 : 3;
    const failed = held.step === 'failed';
    for (let i = 0; i < 4; i++) {
      const x = left + ((right - left) * i) / 3;
      const isDone = i < reached || (i === 3 && held.settled);
      const ink: Ink = failed && i === 2 ? 'fault' : isDone ? 'ink' : 'line';
      if (lines && i > 0) {
        const before = left + ((right - left) * (i - 1)) / 3;
        this.#strokes.push({
          x0: before + 5,
          y0: y,
          x1: x - 5,
          y1: y,
          ink: i < reached ? 'ink' : 'line',
          width: i < reached ? 2 : 1,
          dashed: false,
        });
      }
      this.#dots.push({ x, y, r: 4, ink, filled: isDone });
    }
  }

  // Links and hops

  #links(topology: Topology): void {
    const hasTapes = this.#layout.stacked && this.#layout.boxes.filter(({ type }) => type === 'partition').length > 1;
    for (const link of this.#layout.links) {
      const key = `${link.from}→${link.to}`;
      const curve = this.#curves.get(key);
      if (curve === undefined) continue;
      const load = this.#loads.get(key) ?? 0;
      if (link.dynamic && load === 0 && !this.#isAssigned(topology, link.from, link.to)) continue;
      // One above the other, links would run through all the tapes between: only what travels is shown.
      if (hasTapes && load === 0) continue;
      if (this.#layout.stacked && load === 0 && this.#runsThrough(link.from, link.to)) continue;
      const cut = this.#isCut(topology, link.from, link.to);
      this.#wires.push({ key, curve, dashed: link.dashed, ink: cut ? 'fault' : 'line', cut, load });
      if (link.label !== '' && !this.#layout.stacked) {
        link.label.split(', ').forEach((line, i) => {
          this.#word(curve.x3 - 12, curve.y3 - 8 - i * 13, line, 'soft', 'right', false, true);
        });
      }
    }
  }

  /** In rows: whether a row of queues lies between two boxes. */
  #runsThrough(from: string, to: string): boolean {
    const upper = this.#layout.byKey.get(from);
    const lower = this.#layout.byKey.get(to);
    if (upper === undefined || lower === undefined) return false;
    return this.#layout.boxes.some(
      (box) => box.type === 'queue' && box.y >= upper.y + upper.h && box.y + box.h <= lower.y && !box.deadLetter,
    );
  }

  #isAssigned(topology: Topology, from: string, to: string): boolean {
    const place = Number(from.slice(6));
    const consumer = Number(to.slice(6));
    return topology.groups.some(
      (group) => group?.assignment.some((one) => one.partition === place && one.consumer === consumer) ?? false,
    );
  }

  #isCut(topology: Topology, from: string, to: string): boolean {
    for (const { kind, entry } of topology.faults) {
      if (kind !== 'split') continue;
      const action = this.#run.scenario.timeline[entry]?.action;
      if (action?.type !== 'split') continue;
      const a = this.#sidesOf(action.sides, from, topology);
      const b = this.#sidesOf(action.sides, to, topology);
      if (a >= 0 && b >= 0 && a !== b) return true;
    }
    return false;
  }

  /** The side of a split that a box is on; a queue or partition is where its broker or leader is. −1 for none. */
  #sidesOf(sides: readonly (readonly string[])[], key: string, topology: Topology): number {
    const { trace } = this.#run;
    const id = Number(key.slice(6));
    const leader = topology.partitions[id]?.leader ?? 0;
    const actors = key.startsWith('actor')
      ? [trace.actors[id]]
      : leader > 0
        ? [trace.actors[leader]]
        : trace.actors.filter(({ kind }) => kind === 'broker').slice(0, 1);
    return sides.findIndex((side) =>
      actors.some((actor) => actor !== undefined && (side.includes(actor.name) || side.includes(actor.group))),
    );
  }

  #hops(now: Micros, fact: FactId): void {
    this.#now = now;
    const { transit, index, trace } = this.#run;
    const hops = transit.at(now, TOKENS_MAX);
    const numbered = hops.length <= 60;
    for (const hop of hops) if (hop.fact <= fact) this.#hop(hop, now, numbered);
    // Where hops were lost a cross stays for a while.
    for (let i = index.lostHops.countUpTo(fact) - 1; i >= 0 && i > index.lostHops.countUpTo(fact) - 40; i--) {
      const id = index.lostHops.at(i);
      const departure = trace.time(id);
      const length = Math.max(1000, trace.value(id));
      if (now >= departure + length * (1 + CROSS_STAYS)) continue;
      if (now < departure + length) continue;
      const route = this.#route(id, trace.actor(id), trace.peer(id));
      if (route === null) continue;
      const at = pointOn(route.curve, route.backwards ? 0.45 : 0.55);
      const age = (now - departure - length) / (length * CROSS_STAYS);
      this.#tokens.push({
        message: trace.messageOf(id),
        fact: id,
        x: at.x,
        y: at.y + 34,
        look: this.#run.keys.of(trace.messageOf(id)),
        kind: 'cross',
        alpha: 1 - age,
        label: '',
        hint: `${FATES[trace.detail(id) >> 3] ?? 'lost'}: ${trace.sentence(id)}`,
      });
    }
  }

  /** Messages that were dead-lettered or moved back: within the broker that takes no time, here as long as a usual hop. */
  #transfers(now: Micros, fact: FactId): void {
    const { index, trace } = this.#run;
    const { transfers, hopUs } = index;
    for (let i = transfers.countUpTo(fact) - 1; i >= 0; i--) {
      const id = transfers.at(i);
      const t = (now - trace.time(id)) / Math.max(1, hopUs);
      if (t >= 1 || this.#tokens.length >= TOKENS_MAX) return;
      const message = trace.messageOf(id);
      const route = this.#transferRoute(id);
      if (route === null) continue;
      const eased = t * t * (3 - 2 * t);
      const at = pointOn(route.curve, route.backwards ? 1 - eased : eased);
      this.#loads.set(route.key, (this.#loads.get(route.key) ?? 0) + 1);
      this.#between.add(message);
      this.#tokens.push({
        message,
        fact: id,
        x: at.x,
        y: at.y,
        look: this.#run.keys.of(message),
        kind: 'message',
        alpha: 1,
        label: String(message),
        hint: trace.sentence(id),
      });
    }
  }

  /** Between the queue that a message came to and the one that its causes name. */
  #transferRoute(fact: FactId): { curve: Curve; key: string; backwards: boolean } | null {
    const { trace } = this.#run;
    const to = trace.place(fact);
    for (let id = trace.cause(fact), i = 0; id !== 0 && i < 12; id = trace.cause(id), i++) {
      const from = trace.place(id);
      if (from === to || from === 0) continue;
      const route = this.#along(placeKey(from), placeKey(to));
      if (route !== null) return route;
    }
    const only = this.#layout.links.filter(
      (link) => link.dashed && (link.to === placeKey(to) || link.from === placeKey(to)),
    );
    const first = only.length === 1 ? only[0] : undefined;
    return first === undefined ? null : this.#along(first.from === placeKey(to) ? first.to : first.from, placeKey(to));
  }

  #hop(hop: Hop, now: Micros, numbered: boolean): void {
    if (hop.message === 0 && hop.kind !== 'ack') return;
    if (hop.kind === 'control' || hop.kind === 'replication') return;
    const route = this.#route(hop.fact, hop.from, hop.to);
    if (route === null) return;
    const length = Math.max(1, hop.arrivalUs - hop.departureUs);
    const t = clamp((now - hop.departureUs) / length, 0, 1);
    const eased = t * t * (3 - 2 * t);
    const isLost = hop.fate === 'lost';
    const along = isLost ? Math.min(eased, 0.55) : eased;
    const at = pointOn(route.curve, route.backwards ? 1 - along : along);
    const fall = isLost ? Math.max(0, (eased - 0.55) / 0.45) : 0;
    this.#loads.set(route.key, (this.#loads.get(route.key) ?? 0) + 1);
    const kind = this.#tokenKind(hop);
    const what = {
      message: 'message',
      reply: 'confirmation of',
      tick: 'ack of',
      refusal: 'return of',
      effect: 'write of',
      cross: '',
    }[kind];
    this.#tokens.push({
      message: hop.message,
      fact: hop.fact,
      x: at.x,
      y: at.y + fall * 34,
      look: this.#run.keys.of(hop.message),
      kind,
      alpha: 1 - fall * 0.7,
      label: numbered && hop.message > 0 ? (kind === 'tick' ? `ack ${hop.message}` : String(hop.message)) : '',
      hint: `${what} ${hop.message} on its way to ${this.#run.trace.actorName(hop.to)}${isLost ? `, ${FATES[hop.fateCode] ?? 'lost'}` : ''}`,
    });
  }

  #tokenKind(hop: Hop): Token['kind'] {
    switch (hop.kind) {
      case 'reply':
      case 'effect-reply':
        return 'reply';
      case 'effect':
        return 'effect';
      case 'ack': {
        const { trace } = this.#run;
        const cause = trace.cause(hop.fact);
        const isAck = cause === 0 || trace.kind(cause) !== F.settled || trace.value(cause) === 0;
        return isAck ? 'tick' : 'refusal';
      }
      default:
        return 'message';
    }
  }

  /** Which link a hop runs over, and in which direction. Broker nodes have no box: the place that the hop is about stands for them. */
  #route(fact: FactId, from: ActorId, to: ActorId): { curve: Curve; key: string; backwards: boolean } | null {
    const { trace } = this.#run;
    const fromBroker = trace.actors[from]?.kind === 'broker';
    const toBroker = trace.actors[to]?.kind === 'broker';
    if (fromBroker && toBroker) return null;
    const place = fromBroker || toBroker ? this.#placeOf(fact) : 0;
    if ((fromBroker || toBroker) && place === 0) return null;
    const a = fromBroker ? placeKey(place) : (this.#actorKeys.get(from) ?? '');
    const b = toBroker ? placeKey(place) : (this.#actorKeys.get(to) ?? '');
    return this.#along(a, b) ?? this.#throughExchange(a, b);
  }

  #along(a: string, b: string): { curve: Curve; key: string; backwards: boolean } | null {
    const forwards = this.#curves.get(`${a}→${b}`);
    if (forwards !== undefined) return { curve: forwards, key: `${a}→${b}`, backwards: false };
    const back = this.#curves.get(`${b}→${a}`);
    return back === undefined ? null : { curve: back, key: `${b}→${a}`, backwards: true };
  }

  /** A producer's hop about a queue behind an exchange runs to the exchange. */
  #throughExchange(a: string, b: string): { curve: Curve; key: string; backwards: boolean } | null {
    const isOut = a.startsWith('actor');
    const producer = isOut ? a : b;
    for (const link of this.#layout.links) {
      if (link.from !== producer) continue;
      const curve = this.#curves.get(`${link.from}→${link.to}`);
      if (curve !== undefined) return { curve, key: `${link.from}→${link.to}`, backwards: !isOut };
    }
    return null;
  }

  /** The queue or partition that a hop to or from a broker is about: its causes name it, or what the broker does next with the message. */
  #placeOf(fact: FactId): PlaceId {
    const known = this.#routes.get(fact);
    if (known !== undefined) return known;
    const { trace } = this.#run;
    let place = 0;
    for (let id = trace.cause(fact), i = 0; id !== 0 && i < 6 && place === 0; id = trace.cause(id), i++) {
      if (trace.messageOf(id) === trace.messageOf(fact) || trace.messageOf(fact) === 0)
        place = this.#onStage(trace.place(id));
    }
    const message = trace.messageOf(fact);
    const end = Math.min(trace.count, fact + LOOK_AHEAD);
    for (let id = fact + 1; id <= end && place === 0 && message !== 0; id++) {
      if (trace.messageOf(id) === message) place = this.#onStage(trace.place(id));
    }
    if (this.#routes.size > 20_000) this.#routes.clear();
    if (place !== 0 || end === fact + LOOK_AHEAD) this.#routes.set(fact, place);
    return place === 0 ? this.#onlyPlace(trace) : place;
  }

  #onStage(place: PlaceId): PlaceId {
    const kind = this.#run.trace.places[place]?.kind;
    return kind === 'queue' || kind === 'partition' || kind === 'exchange' ? place : 0;
  }

  #onlyPlace(trace: Trace): PlaceId {
    return trace.places.find(({ kind }) => kind === 'queue' || kind === 'partition')?.id ?? 0;
  }

  // Marks

  #cell(
    message: MessageId,
    x: number,
    y: number,
    size: number,
    state: State,
    attempt: number,
    ring: number,
    more: { readonly label?: string; readonly hint: string },
  ): void {
    const { trace, keys } = this.#run;
    const known = message <= trace.messageCount && message > 0 ? trace.message(message) : null;
    const key = known?.key ?? null;
    this.#marks.push({
      message,
      x,
      y,
      size,
      look: keys.of(message),
      state,
      label: size < 14 ? '' : (more.label ?? String(message)),
      attempt: attempt > 1 ? attempt : 0,
      poison: known?.poison ?? false,
      ring,
      alpha: 1,
      hint: `message ${message}${key === null ? '' : `, key ${key}`}${known?.poison ? ', poison' : ''}${attempt > 1 ? `, attempt ${attempt}` : ''}: ${more.hint}`,
    });
  }

  #word(x: number, y: number, text: string, ink: Ink, align: Word['align'], bold = false, mono = false): void {
    this.#words.push({ x, y, text, ink, align, bold, mono });
  }
}

export interface Hit {
  readonly thing: Thing;
  readonly hint: string;
}

/** A link is hit so many px beside it, too. */
const LINK_REACH = 6;

/** The message or link under a point; null when there is none. */
export function hitIn(scene: Scene, x: number, y: number): Hit | null {
  for (const { message, fact, hint, x: cx, y: cy } of scene.tokens) {
    if (message > 0 && Math.abs(cx - x) <= 11 && Math.abs(cy - y) <= 11)
      return { thing: { type: 'message', id: message, hop: fact }, hint };
  }
  for (const { message, size, hint, x: cx, y: cy } of scene.marks) {
    const r = Math.max(8, size / 2 + 2);
    if (Math.abs(cx - x) <= r && Math.abs(cy - y) <= r)
      return { thing: { type: 'message', id: message, hop: 0 }, hint };
  }
  for (const { key, curve } of scene.wires) {
    if (distanceTo(curve, x, y) > LINK_REACH) continue;
    const [from = '', to = ''] = key.split('→');
    return { thing: { type: 'link', from, to }, hint: '' };
  }
  return null;
}

/** What a consumer's box says of the message in hand. */
export function stepWords(held: InHand, now: Micros): string {
  switch (held.step) {
    case 'received':
      return 'received';
    case 'begun':
      return now > held.endsUs
        ? 'work done'
        : `${seconds(now - held.sinceUs).replace(' s', '')} of ${seconds(held.endsUs - held.sinceUs)}`;
    case 'applied':
      return held.settled ? 'effect done' : 'effect done, ack next';
    case 'failed':
      return 'failed';
    default:
      return held.step satisfies never;
  }
}

function lowestCommitted(partition: PartitionState): number | null {
  let lowest: number | null = null;
  for (const { offset } of partition.committed) if (lowest === null || offset < lowest) lowest = offset;
  return lowest;
}

function worstLag(partition: PartitionState, topology: Topology): number | null {
  let worst: number | null = null;
  for (const { group } of partition.committed) {
    const lag = topology.lag(partition, group);
    if (worst === null || lag > worst) worst = lag;
  }
  if (worst !== null) return worst;
  const isRead = topology.groups.some((group) => group?.assignment.some((one) => one.partition === partition.place));
  return isRead ? Math.max(0, partition.watermark - partition.logStart) : null;
}

/** Position of a node's bit in an in-sync mask: `b1` is bit 0. */
export function replicaBit(name: string): number {
  return Math.max(0, Number(/(\d+)$/.exec(name)?.[1] ?? '1') - 1);
}

/** 1, 2 or 5 times a power of ten, at least `n`. */
function niceCeiling(n: number): number {
  let power = 1;
  for (;;) {
    for (const factor of [1, 2, 5]) if (factor * power >= n) return factor * power;
    power *= 10;
  }
}
