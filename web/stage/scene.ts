/**
 * What is to be drawn on the stage's canvas at a moment. A function of (run, moment, layout, selection) and of nothing else; each noun has its own file, and this one
 * puts them together.
 */
import type { MessageId } from '../../core/types.ts';
import type { Moment, ShownRun } from '../lab.svelte.ts';
import type { Layout } from './boxes.ts';
import { distanceTo, type Path } from './geometry.ts';
import { drawHand, drawKeys, drawSwarm } from './hands-scene.ts';
import { type KeyOwners, keyOwnersOf } from './key-owners.ts';
import { type Scene, Sheet } from './marks.ts';
import { drawQueue } from './queue-scene.ts';
import { drawPartition, drawTapes } from './tape-scene.ts';
import type { Thing } from './thing.ts';
import { Traffic } from './traffic.ts';
import { drawWires } from './wires.ts';

export class SceneMaker {
  readonly #run: ShownRun;
  readonly #layout: Layout;
  readonly #paths: ReadonlyMap<string, Path>;
  readonly #traffic: Traffic;
  readonly #owners: KeyOwners | null;

  constructor(run: ShownRun, layout: Layout, paths: ReadonlyMap<string, Path>) {
    this.#run = run;
    this.#layout = layout;
    this.#paths = paths;
    this.#traffic = new Traffic(run, layout, paths);
    this.#owners = keyOwnersOf(run);
  }

  /** `selected` stays single among many; 0 for none. */
  at({ topology, timeUs, fact }: Moment, selected: MessageId): Scene {
    const sheet = new Sheet(this.#run);
    const traffic = this.#traffic;
    traffic.draw(sheet, timeUs, fact, selected);
    for (const box of this.#layout.boxes) {
      if (box.type === 'queue') drawQueue(sheet, box, topology, timeUs, traffic.between);
      else if (box.type === 'partition') drawPartition(sheet, box, topology);
      else if (box.type === 'tapes') drawTapes(sheet, box, topology);
      else if (box.type === 'swarm') drawSwarm(sheet, box, topology, timeUs);
      else if (box.type === 'consumer') {
        drawHand(sheet, box, topology, timeUs, this.#layout.stacked);
        if (this.#owners !== null)
          drawKeys(sheet, box, topology, this.#owners.of(box.actor, fact), this.#layout.stacked);
      }
    }
    drawWires(sheet, this.#layout, this.#paths, topology, timeUs, (key) => traffic.isBusy(key));
    return sheet;
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
  for (const { message, fact, hint, small, x: cx, y: cy } of scene.tokens) {
    const r = small ? 6 : 11;
    if (message > 0 && Math.abs(cx - x) <= r && Math.abs(cy - y) <= r)
      return { thing: { type: 'message', id: message, hop: fact }, hint };
  }
  for (const { message, size, hint, x: cx, y: cy } of scene.marks) {
    const r = Math.max(8, size / 2 + 2);
    if (Math.abs(cx - x) <= r && Math.abs(cy - y) <= r)
      return { thing: { type: 'message', id: message, hop: 0 }, hint };
  }
  for (const { key, path } of scene.wires) {
    if (distanceTo(path, x, y) > LINK_REACH) continue;
    const [from = '', to = ''] = key.split('→');
    return { thing: { type: 'link', from, to }, hint: '' };
  }
  return null;
}
