/** What consumers have in hand, and how far they are with it; and the instances of a team that is shown as one box. */
import type { Micros } from '../../core/types.ts';
import type { ActorState, InHand, Topology } from '../../sim/folds/topology.ts';
import type { ActorBox, SwarmBox } from './boxes.ts';
import { count, seconds, short } from './describe.ts';
import { clamp } from './geometry.ts';
import type { OwnedKey } from './key-owners.ts';
import type { Ink, Sheet, State } from './marks.ts';

const HAND = 28;
/** A prefetched message under its consumer. */
const WAITING = 10;

export function drawHand(sheet: Sheet, box: ActorBox, topology: Topology, now: Micros, stacked: boolean): void {
  const actor = topology.actors[box.actor];
  if (actor === undefined || actor.hand.length === 0) return;
  const working = actor.hand.filter((inHand) => inHand.step !== 'received');
  const waiting = actor.hand.filter((inHand) => inHand.step === 'received');
  if (box.compact > 0 || stacked) {
    drawCompact(sheet, box, [...working, ...waiting], now, stacked);
    return;
  }
  const x = box.x + 14 + HAND / 2;
  // Of many at a time the words say how many, under them.
  const y = box.y + (working.length > 1 ? 31 : 36) + HAND / 2;
  const first = working[0] ?? waiting[0];
  if (first === undefined) return;
  const abreast = Math.max(1, Math.floor((box.w - 58 - 26) / 28));
  const shownWorking = working.slice(1, 1 + abreast);
  drawInHand(sheet, first, x, y, HAND, now);
  if (shownWorking.length === 0) drawSteps(sheet, box.x + 62, y - 7, box.w - 62 - 18, first, actor, now);
  else {
    shownWorking.forEach((inHand, i) => {
      drawInHand(sheet, inHand, x + 2 + (i + 1) * 28, y, 22, now);
    });
    const more = working.length - abreast - 1;
    if (more > 0) sheet.word(box.x + box.w - 6, y + 4, `+${short(more)}`, 'soft', 'right');
  }
  const rest = first === waiting[0] ? waiting.slice(1) : waiting;
  if (rest.length > 0) drawWaiting(sheet, box, rest);
}

const KEY = 9;
const KEY_STEP = 12;

/** In the right of a consumer's box, beside its name or where that leaves no room below: the keys that go to it, where a subscription is shared by key. */
export function drawKeys(
  sheet: Sheet,
  box: ActorBox,
  topology: Topology,
  keys: readonly OwnedKey[],
  stacked: boolean,
): void {
  const status = topology.actors[box.actor]?.status;
  if (box.compact > 0 || keys.length === 0 || status === 'down' || status === 'stopped') return;
  const right = box.x + box.w - 12;
  const taken = stacked ? MORE_WORDS : 34 + box.name.length * NAME_LETTER;
  const room = Math.max(1, Math.floor((box.w - 12 - taken) / KEY_STEP));
  const y = stacked ? box.y + box.h - 9 : box.y + 17;
  const shown = keys.length <= room ? keys : keys.slice(0, Math.max(1, room - 2));
  const more = keys.length - shown.length;
  if (more > 0) sheet.word(right + 4, y + 4, `+${short(more)}`, 'soft', 'right');
  const from = right - KEY / 2 + 2 - (more > 0 ? 2 * KEY_STEP : 0);
  shown.forEach(({ key, message }, i) => {
    const x = from - (shown.length - 1 - i) * KEY_STEP;
    sheet.cell(message, x, y, KEY, 'solid', 0, -1, {
      label: '',
      hint: `messages of key ${key} go to ${box.name}`,
    });
  });
}

/** What stands at the foot of a box on a narrow stage takes so much, px: "+12 more". */
const MORE_WORDS = 58;
/** A letter of a consumer's name is about so wide, px. */
const NAME_LETTER = 7.6;

function drawInHand(
  sheet: Sheet,
  inHand: InHand,
  x: number,
  y: number,
  size: number,
  now: Micros,
  label?: string,
): void {
  const state: State = inHand.heldFor > 0 ? 'delayed' : 'solid';
  const hint = stepWords(inHand, now);
  sheet.cell(inHand.message, x, y, size, state, inHand.attempt, -1, label === undefined ? { hint } : { hint, label });
}

function drawWaiting(sheet: Sheet, box: ActorBox, rest: readonly InHand[]): void {
  const room = Math.floor((box.w - 84) / (WAITING + 3));
  const shown = rest.slice(0, room);
  shown.forEach((inHand, i) => {
    const x = box.x + 14 + WAITING / 2 + i * (WAITING + 3);
    const isHeldBack = inHand.heldFor > 0;
    const hint = isHeldBack ? heldBackWords(inHand) : 'prefetched';
    sheet.cell(inHand.message, x, box.y + box.h + 9, WAITING, isHeldBack ? 'delayed' : 'solid', 0, -1, {
      label: '',
      hint,
    });
  });
  const x = box.x + 14 + shown.length * (WAITING + 3) + 4;
  const isHeldBack = rest.some(({ heldFor }) => heldFor > 0);
  const words = rest.length > room ? `+${short(rest.length - room)}` : isHeldBack ? 'held back' : 'prefetched';
  sheet.word(x, box.y + box.h + 13, words, isHeldBack ? 'fault' : 'soft', 'left');
}

function drawCompact(sheet: Sheet, box: ActorBox, all: readonly InHand[], now: Micros, stacked: boolean): void {
  const first = all[0];
  if (first === undefined) return;
  if (stacked && box.compact === 0) {
    const size = 26;
    const y = box.y + 30 + size / 2;
    drawInHand(sheet, first, box.x + 10 + size / 2, y, size, now);
    drawStepDots(sheet, box.x + 54, box.x + box.w - 14, y, first, false);
    if (all.length > 1) sheet.word(box.x + 10, box.y + box.h - 5, `+${short(all.length - 1)} more`, 'soft', 'left');
    return;
  }
  const size = box.compact === 2 ? 12 : 20;
  const room = stacked ? 1 : Math.max(1, Math.floor((box.w * 0.36) / (size + 4)));
  all.slice(0, room).forEach((inHand, i) => {
    const x = box.x + box.w - 8 - size / 2 - i * (size + 4);
    const state: State = inHand.heldFor > 0 ? 'delayed' : inHand.step === 'received' ? 'faded' : 'solid';
    const words = { hint: stepWords(inHand, now), ...(box.compact === 2 ? { label: '' } : {}) };
    sheet.cell(inHand.message, x, box.y + box.h / 2, size, state, inHand.attempt, -1, words);
  });
}

function drawSteps(
  sheet: Sheet,
  x: number,
  y: number,
  w: number,
  inHand: InHand,
  actor: ActorState,
  now: Micros,
): void {
  drawStepDots(sheet, x, x + w, y, inHand, true);
  if (inHand.step !== 'begun' || inHand.endsUs <= inHand.sinceUs || actor.status === 'paused') return;
  // The line between begun and applied fills as the work goes on.
  const [from, to] = [x + w / 3, x + (w * 2) / 3];
  const share = clamp((now - inHand.sinceUs) / Math.max(1, inHand.endsUs - inHand.sinceUs), 0, 1);
  sheet.bar(from + 5, y - 1, (to - from - 10) * share, 2, 'ink');
}

function drawStepDots(sheet: Sheet, left: number, right: number, y: number, inHand: InHand, lines: boolean): void {
  const reached = inHand.step === 'received' ? 1 : inHand.step === 'begun' ? 2 : 3;
  const isFailed = inHand.step === 'failed';
  for (let i = 0; i < 4; i++) {
    const x = left + ((right - left) * i) / 3;
    const isDone = i < reached || (i === 3 && inHand.settled);
    const ink: Ink = isFailed && i === 2 ? 'fault' : isDone ? 'ink' : 'line';
    if (lines && i > 0) {
      const before = left + ((right - left) * (i - 1)) / 3;
      sheet.stroke(before + 5, y, x - 5, y, i < reached ? 'ink' : 'line', i < reached ? 2 : 1);
    }
    sheet.dot(x, y, 4, ink, isDone);
  }
}

/** A cell an instance: its message's colour while it works, an outline while it is idle, a cross when it is down. */
export function drawSwarm(sheet: Sheet, box: SwarmBox, topology: Topology, now: Micros): void {
  const left = box.x + 12 + box.cell / 2;
  const top = box.y + 34 + box.cell / 2;
  const r = Math.max(1.5, box.cell / 2 - 1);
  let busy = 0;
  let off = 0;
  box.actors.forEach((id, i) => {
    const x = left + (i % box.perLine) * box.step;
    const y = top + Math.floor(i / box.perLine) * box.step;
    const actor = topology.actors[id];
    const inHand = actor?.hand.find(({ step }) => step !== 'received') ?? actor?.hand[0];
    const status = actor?.status ?? 'unstarted';
    if (status === 'down' || status === 'stopped' || status === 'paused') {
      off++;
      sheet.stroke(x - r, y - r, x + r, y + r, status === 'stopped' ? 'faint' : 'fault', 1.5);
      if (status !== 'paused') sheet.stroke(x + r, y - r, x - r, y + r, status === 'stopped' ? 'faint' : 'fault', 1.5);
      return;
    }
    if (inHand === undefined) {
      sheet.dot(x, y, Math.min(3, r), status === 'unstarted' ? 'line' : 'faint', false);
      return;
    }
    busy++;
    const state: State = inHand.step === 'received' ? 'faded' : 'solid';
    const hint = `${sheet.run.trace.actorName(id)}: ${stepWords(inHand, now)}`;
    sheet.cell(inHand.message, x, y, box.cell, state, 0, -1, { hint, label: '' });
  });
  if (box.of === 'consumer') {
    const words = `${count(busy)} busy${off > 0 ? `, ${count(off)} off` : ''}`;
    sheet.word(box.x + box.w - 10, box.y + 20, words, off > 0 ? 'fault' : 'soft', 'right');
  } else if (off > 0) sheet.word(box.x + box.w - 10, box.y + 20, `${count(off)} off`, 'fault', 'right');
}

/** What a consumer's box says of the message in hand. */
export function stepWords(inHand: InHand, now: Micros): string {
  switch (inHand.step) {
    case 'received':
      return inHand.heldFor > 0 ? heldBackWords(inHand) : 'received';
    case 'begun':
      return now > inHand.endsUs
        ? 'work done'
        : `${seconds(now - inHand.sinceUs).replace(' s', '')} of ${seconds(inHand.endsUs - inHand.sinceUs)}`;
    case 'applied':
      return inHand.settled ? 'effect done' : 'effect done, ack next';
    case 'failed':
      return 'failed';
    default:
      return inHand.step satisfies never;
  }
}

function heldBackWords({ heldFor }: InHand): string {
  return `held back: number ${heldFor} is missing`;
}
