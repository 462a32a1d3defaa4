/** The links of a moment: which are there, what is wrong with them, and the gap of a split network across all that it cuts. */
import type { Topology } from '../../sim/folds/topology.ts';
import type { ShownRun } from '../lab.svelte.ts';
import type { Layout, Link } from './boxes.ts';
import { seconds } from './describe.ts';
import { type Path, pointOn } from './geometry.ts';
import { BREAKER_AT, type Sheet } from './marks.ts';

/** Where more breakers than this are open there is no room to say for how long. */
const BREAKERS_NAMED = 4;

export function drawWires(
  sheet: Sheet,
  layout: Layout,
  paths: ReadonlyMap<string, Path>,
  topology: Topology,
  now: number,
  isBusy: (key: string) => boolean,
): void {
  const { run } = sheet;
  const hasTapes = layout.stacked && layout.boxes.filter(({ type }) => type === 'partition').length > 1;
  const breakers = topology.actors.reduce((all, actor) => all + Number(actor.breaker !== null), 0);
  const splits = splitsOf(run, topology);
  const cuts: { readonly x: number; readonly y: number }[] = [];
  for (const link of layout.links) {
    const path = paths.get(link.key);
    if (path === undefined) continue;
    const busy = isBusy(link.key);
    if (link.dynamic && !busy && !isAssigned(topology, link)) continue;
    // One above the other, too many links would go past the tapes between: only what travels is shown.
    if (hasTapes && !busy) continue;
    const cut = isCut(run, topology, splits, link);
    const breaker = breakerOf(run, topology, link);
    const isShunned = topology.actors[numberOf(link.from)]?.shunned.includes(numberOf(link.to)) === true;
    const isWrong = cut || breaker !== null || (isShunned && link.from.startsWith('actor'));
    sheet.wires.push({
      key: link.key,
      path,
      dashed: link.dashed || isShunned,
      ink: isWrong ? 'fault' : 'line',
      cut,
      breaker: breaker === null ? '' : breaker.state,
    });
    const middle = pointOn(path, 0.5);
    if (cut) cuts.push(middle);
    if (breaker !== null && breakers <= BREAKERS_NAMED) {
      const at = pointOn(path, BREAKER_AT);
      const words = breaker.state === 'open' ? `open ${seconds(Math.max(0, breaker.untilUs - now))}` : 'tries again';
      sheet.word(at.x, at.y - 14, words, 'fault', 'center', true);
    }
    if (link.label !== '' && !layout.stacked) {
      const end = pointOn(path, 1);
      link.label.split(', ').forEach((line, i) => {
        sheet.word(end.x - 12, end.y - 8 - i * 13, line, 'soft', 'right', false, true);
      });
    }
  }
  drawSplit(sheet, layout, splits, cuts);
}

/** One gap over all links that are cut, with its name, and a stroke between nodes that cannot hear each other. */
function drawSplit(
  sheet: Sheet,
  layout: Layout,
  splits: readonly Sides[],
  cuts: readonly { readonly x: number; readonly y: number }[],
): void {
  const sorted = [...cuts].sort((a, b) => a.y - b.y || a.x - b.x);
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (first !== undefined && last !== undefined && !layout.stacked) {
    // Through the middles of what is cut, a little beyond the first and the last.
    let [x, y] = [first.x + 6, first.y - 30];
    for (const cut of sorted) {
      if (Math.abs(cut.x - x) > 60) {
        sheet.stroke(x, y, x - 4, y + 44, 'fault', 1.5, true);
        [x, y] = [cut.x + 6, cut.y - 30];
      }
      sheet.stroke(x, y, cut.x, cut.y, 'fault', 1.5, true);
      [x, y] = [cut.x, cut.y];
    }
    sheet.stroke(x, y, x - 6, y + 30, 'fault', 1.5, true);
    sheet.word(first.x + 8, first.y - 36, 'split', 'fault', 'center', true);
  }
  if (splits.length === 0) return;
  layout.nodes.forEach((node, i) => {
    const next = layout.nodes[i + 1];
    if (next === undefined || next.y !== node.y) return;
    if (!isApart(sheet.run, splits, node.actor, next.actor)) return;
    const x = (node.x + node.w + next.x) / 2;
    sheet.stroke(x + 2, node.y - 4, x - 2, node.y + 24, 'fault', 2);
  });
}

type Sides = readonly (readonly string[])[];

/** The sides of each split that lasts. */
function splitsOf(run: ShownRun, topology: Topology): readonly Sides[] {
  return topology.faults.flatMap(({ kind, entry }) => {
    const action = kind === 'split' ? run.scenario.timeline[entry]?.action : undefined;
    return action?.type === 'split' ? [action.sides] : [];
  });
}

/** Whether some split stands between two actors. With a single side, that one is cut off from everybody else. */
function isApart(run: ShownRun, splits: readonly Sides[], one: number, other: number): boolean {
  if (one === 0 || other === 0) return false;
  return splits.some((sides) => {
    const a = sideOfActor(run, sides, one);
    const b = sideOfActor(run, sides, other);
    return a !== b && (sides.length === 1 || (a >= 0 && b >= 0));
  });
}

function isCut(run: ShownRun, topology: Topology, splits: readonly Sides[], link: Link): boolean {
  return isApart(run, splits, actorAt(run, link.from, topology), actorAt(run, link.to, topology));
}

/** The actor that a box stands for; a queue or partition is where its broker or leader is. 0 for none. */
function actorAt({ trace }: ShownRun, key: string, topology: Topology): number {
  const id = numberOf(key);
  if (key.startsWith('actor')) return id;
  const leader = topology.partitions[id]?.leader ?? 0;
  return leader > 0 ? leader : (trace.actors.find(({ kind }) => kind === 'broker')?.id ?? 0);
}

function sideOfActor({ trace }: ShownRun, sides: Sides, id: number): number {
  const actor = trace.actors[id];
  return sides.findIndex((side) => actor !== undefined && (side.includes(actor.name) || side.includes(actor.group)));
}

/** The breaker on the way from a consumer to its store; null when it is closed. */
function breakerOf(run: ShownRun, topology: Topology, link: Link) {
  const breaker = link.from.startsWith('actor') ? topology.actors[numberOf(link.from)]?.breaker : undefined;
  if (breaker === undefined || breaker === null || !link.to.startsWith('actor')) return null;
  return run.trace.actorName(numberOf(link.to)) === run.trace.placeName(breaker.place) ? breaker : null;
}

function isAssigned(topology: Topology, { from, to }: Link): boolean {
  const place = numberOf(from);
  const consumer = numberOf(to);
  return topology.groups.some(
    (group) => group?.assignment.some((one) => one.partition === place && one.consumer === consumer) ?? false,
  );
}

/** The number in a key such as `actor 3`. */
function numberOf(key: string): number {
  return Number(key.slice(6));
}
