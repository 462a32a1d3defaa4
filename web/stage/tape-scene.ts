/** Logs: a partition as a tape of records with its flags, and many partitions as a line each. */
import type { FactId, MessageId } from '../../core/types.ts';
import type { PartitionState, Topology } from '../../sim/folds/topology.ts';
import type { PartitionBox, TapesBox } from './boxes.ts';
import { count, groupKind, isUnborn, short } from './describe.ts';
import { clamp } from './geometry.ts';
import { niceCeiling, type Sheet, type State, widthOf } from './marks.ts';

/** Room for "lag 9,999" in a low tape, px. */
const LOW_LAG = 68;

export function drawPartition(sheet: Sheet, box: PartitionBox, topology: Topology): void {
  const partition = topology.partitions[box.place];
  if (partition === undefined) {
    if (isUnborn(sheet.run.trace, topology, box.place))
      sheet.word(box.x + 12, box.y + box.h / 2 + 4, 'not there yet', 'faint', 'left');
    return;
  }
  const { cell } = box;
  const gap = cell >= 20 ? 6 : 3;
  const step = cell + gap;
  const margin = box.h < 30 ? 26 : 12;
  const left = box.x + margin;
  // In a low tape the lag stands behind the records.
  const right = box.h < 30 && worstLag(partition, topology) !== null ? LOW_LAG : 12;
  const room = Math.max(1, Math.floor((box.w - right - margin) / step));
  const first = Math.max(partition.logStart, partition.end - room);
  const committed = lowestCommitted(partition);
  const y = box.y + box.h / 2;
  const isNumbered = fitsIn(cell, String(partition.end));
  /** The first offset of a transaction that is still open; null while there is none in sight. */
  let stable: number | null = null;
  for (let offset = first; offset < partition.end; offset++) {
    const message = partition.records.get(offset, 0);
    const x = left + (offset - first) * step + cell / 2;
    const isDone = committed !== null && offset < committed;
    const txn = message === 0 ? '' : txnState(sheet, message, topology.fact);
    if (txn === 'open' && stable === null) stable = offset;
    const isSafe = offset < partition.watermark || !partition.hasWatermark;
    const state: State = !isSafe
      ? 'outline'
      : txn === 'open'
        ? 'delayed'
        : txn === 'aborted'
          ? 'void'
          : isDone
            ? 'faded'
            : 'solid';
    if (message === 0) {
      sheet.word(x, y + 4, '·', 'faint', 'center', false, true);
      continue;
    }
    sheet.cell(message, x, y, cell, state, 0, -1, {
      label: isNumbered ? String(offset) : '',
      hint: `offset ${offset}${isSafe ? '' : ', not yet replicated'}${txn === '' ? '' : TXN_WORDS[txn]}${isSafe && isDone ? ', committed' : ''}`,
    });
  }
  /** Where the flag of an offset stands; the left edge for one that lies before what is shown. */
  const flagAt = (offset: number): number => left + (Math.max(offset, first) - first) * step - gap / 2;
  for (const { offset } of partition.committed) {
    if (offset >= first) sheet.stroke(flagAt(offset), box.y + 3, flagAt(offset), box.y + box.h + 2, 'good', 2);
  }
  const isBehind = partition.hasWatermark && partition.watermark < partition.end;
  if (isBehind && partition.watermark >= first) {
    const x = flagAt(partition.watermark);
    sheet.stroke(x, box.y - 2, x, box.y + box.h - 4, 'accent', 1.5, true);
  }
  if (stable !== null) {
    const x = flagAt(stable);
    sheet.stroke(x, box.y + 4, x, box.y + box.h - 2, 'soft', 1.5, true);
  }
  if (box.h < 30) {
    drawLowWords(sheet, box, partition, topology);
    return;
  }
  drawFoot(sheet, box, partition, topology, first, flagAt, room);
  const range = isNumbered || partition.end === first ? '' : `${count(first)} to ${count(partition.end - 1)}`;
  const flag = isBehind
    ? { x: flagAt(partition.watermark), long: 'high watermark', short: 'hw', offset: partition.watermark }
    : stable === null
      ? null
      : { x: flagAt(stable), long: 'last stable offset', short: 'LSO', offset: stable };
  drawHead(sheet, box, topology, partition, range, flag);
}

/** Under the tape: each group's committed offset at its flag, and how far the slowest lags. */
function drawFoot(
  sheet: Sheet,
  box: PartitionBox,
  partition: PartitionState,
  topology: Topology,
  first: number,
  flagAt: (offset: number) => number,
  room: number,
): void {
  const y = box.y + box.h + (box.h < 50 ? 11 : 15);
  let right = box.x + box.w;
  const lag = worstLag(partition, topology);
  if (lag !== null) {
    const isWorrying = lag > room || isAlerted(sheet, topology, box);
    const text = `lag ${count(lag)}`;
    sheet.word(right, y, text, isWorrying ? 'fault' : 'soft', 'right', isWorrying);
    right -= widthOf(text) + 12;
  }
  const isOne = partition.committed.length === 1;
  const flags = partition.committed
    .map(({ group, offset }) => {
      const groupName = sheet.run.trace.placeName(group);
      const name = isOne ? '' : `${groupName} `;
      const isOff = offset < first;
      // A share group commits no offset: it has one from which on not all is settled.
      const word = groupKind(sheet.run.scenario, groupName) === 'share' ? 'start offset' : 'committed';
      const text = `${isOff ? '‹ ' : ''}${name}${word} ${count(offset)}`;
      return { text, brief: `${isOff ? '‹ ' : ''}${name}${count(offset)}`, x: isOff ? box.x : flagAt(offset), isOff };
    })
    .sort((a, b) => a.x - b.x);
  // With fewer words where there are many groups; what does not fit even so is counted.
  const footW = right - box.x;
  const wordsOf = (isBrief: boolean): readonly string[] =>
    flags.map(({ text, brief, isOff }) => (isBrief ? brief : isOff && isOne ? `${text}, off to the left` : text));
  const full = wordsOf(false);
  const words = lengthOf(full) <= footW ? full : wordsOf(true);
  let many = words.length;
  while (many > 0 && lengthOf(words.slice(0, many)) + (many < words.length ? MORE : 0) > footW) many--;
  const rest = words.length - many;
  const starts = startsOf(
    words
      .slice(0, many)
      .map((text, i) => ({ wide: widthOf(text), x: flags[i]?.isOff === true ? null : (flags[i]?.x ?? 0) })),
    box.x,
    rest > 0 ? right - MORE : right,
  );
  starts.forEach((start, i) => {
    sheet.word(start, y, words[i] ?? '', 'good', 'left');
  });
  if (rest > 0 && flags.length > 1 && footW >= MORE) sheet.word(right, y, `+${rest}`, 'good', 'right');
}

/** Between the words of two flags, and room for "+9" after them, px. */
const APART = 12;
const MORE = 30;

function lengthOf(words: readonly string[]): number {
  return words.reduce((sum, text) => sum + widthOf(text) + APART, -APART);
}

/** Where the words of flags begin, each with its middle at its flag (null: as far left as can be), moved so that none covers another. They fit. */
function startsOf(
  words: readonly { readonly wide: number; readonly x: number | null }[],
  left: number,
  right: number,
): number[] {
  let at = left;
  const starts = words.map(({ wide, x }) => {
    const start = x === null ? at : Math.max(at, x - wide / 2);
    at = start + wide + APART;
    return start;
  });
  let end = right;
  for (let i = words.length - 1; i >= 0; i--) {
    const wide = words[i]?.wide ?? 0;
    starts[i] = Math.min(starts[i] ?? 0, end - wide);
    end = (starts[i] ?? 0) - APART;
  }
  return starts;
}

/** A low tape has no room under it: the slowest lag stands in it. */
function drawLowWords(sheet: Sheet, box: PartitionBox, partition: PartitionState, topology: Topology): void {
  const number = box.name.slice(box.name.lastIndexOf('/') + 1);
  sheet.word(box.x + 20, box.y + box.h / 2 + 4, number, 'soft', 'right');
  const lag = worstLag(partition, topology);
  if (lag === null || lag === 0) return;
  sheet.word(box.x + box.w - 6, box.y + box.h / 2 + 4, `lag ${short(lag)}`, 'fault', 'right', true);
}

/** Whether a number can be written into a cell so that it can be read. */
function fitsIn(cell: number, text: string): boolean {
  return (cell * 1.25) / text.length + 1 >= 9 && cell >= 14;
}

/** Where reading ends: until where it is replicated, or until the first open transaction. */
interface Flag {
  readonly x: number;
  readonly long: string;
  readonly short: string;
  readonly offset: number;
}

const TXN_WORDS = {
  open: ', in an open transaction',
  committed: '',
  aborted: ', its transaction was aborted',
} as const;

/** How the transaction stands at a fact in which a message was stored; '' for none. */
function txnState(sheet: Sheet, message: MessageId, fact: FactId): '' | keyof typeof TXN_WORDS {
  const txn = sheet.run.index.txns.get(message);
  if (txn === undefined) return '';
  if (txn.end === 0 || fact < txn.end) return 'open';
  return txn.aborted ? 'aborted' : 'committed';
}

/** "partition 0  ●b1 ◉b2 ○b3  epoch 2", and the flag that stands in the tape. */
function drawHead(
  sheet: Sheet,
  box: PartitionBox,
  topology: Topology,
  partition: PartitionState,
  range: string,
  flag: Flag | null,
): void {
  const { trace } = sheet.run;
  const y = box.y - 7;
  const isStream = box.name === trace.places[box.place]?.parent;
  const index = box.name.slice(box.name.lastIndexOf('/') + 1);
  const start = partition.logStart > 0 ? `log start ${count(partition.logStart)}` : '';
  const headed = (number: string): string =>
    [isStream ? '' : number, range === '' ? '' : `offsets ${range}`, start].filter((one) => one !== '').join(', ');
  const replicas =
    partition.replicas.length > 1 ? partition.replicas.map((one) => replicaHead(sheet, topology, partition, one)) : [];
  const nodes = replicas.reduce((sum, { label }) => sum + 24 + widthOf(label), 0);
  const epoch = replicas.length > 0 && partition.epoch > 0 ? `epoch ${partition.epoch}` : '';
  const hasNoLeader = partition.leader === 0 && partition.epoch > 0;
  // What does not fit is left out, the epoch first: it stands in the inspector, too.
  const room = box.w - 28 - nodes - (hasNoLeader ? 66 : 0);
  const isWide = widthOf(headed(`partition ${index}`)) + widthOf(epoch) <= room;
  const text = headed(isWide || widthOf(headed(`partition ${index}`)) <= room ? `partition ${index}` : `p${index}`);
  sheet.word(box.x + 12, y, text, 'soft', 'left');
  let x = box.x + 12 + (text === '' ? 0 : widthOf(text) + 16);
  if (hasNoLeader) {
    sheet.word(x, y, 'no leader', 'fault', 'left', true);
    x += 66;
  }
  for (const { label, isLeader, inSync, isDown } of replicas) {
    sheet.dot(x + 4, y - 4, 4, isDown ? 'fault' : inSync ? 'good' : 'faint', isLeader);
    if (inSync && !isLeader) sheet.dot(x + 4, y - 4, 1.5, isDown ? 'fault' : 'good', true);
    sheet.word(x + 12, y, label, inSync && !isDown ? 'soft' : 'fault', 'left');
    x += 24 + widthOf(label);
  }
  if (epoch !== '' && isWide) {
    sheet.word(x, y, epoch, 'soft', 'left');
    x += widthOf(epoch) + 14;
  }
  if (flag === null) return;
  const words = [`${flag.long} ${count(flag.offset)}`, `${flag.short} ${short(flag.offset)}`];
  const fitting = words.find((one) => x + widthOf(one) <= box.x + box.w);
  if (fitting === undefined) return;
  const half = widthOf(fitting) / 2;
  sheet.word(clamp(flag.x, x + half, box.x + box.w - half), y, fitting, 'accent', 'center');
}

/** How a replica stands at the head of its partition. */
function replicaHead(
  sheet: Sheet,
  topology: Topology,
  partition: PartitionState,
  { node, end }: PartitionState['replicas'][number],
) {
  const name = sheet.run.trace.actorName(node);
  const isLeader = node === partition.leader;
  const inSync =
    isLeader ||
    ((partition.inSync >>> replicaBit(name)) & 1) === 1 ||
    (partition.inSync === 0 && end >= partition.watermark);
  // Who is down stays in the set, and leader, until somebody notices.
  const isDown = ['down', 'stopped'].includes(topology.actors[node]?.status ?? 'up');
  const behind = partition.end - end;
  return { label: inSync || behind <= 0 ? name : `${name} −${short(behind)}`, isLeader, inSync, isDown };
}

/** A line a partition: how long it is against the longest, of that what is committed faded, and the lag in full colour. */
export function drawTapes(sheet: Sheet, box: TapesBox, topology: Topology): void {
  const states = box.places.map((place) => topology.partitions[place]);
  const longest = niceCeiling(Math.max(10, ...states.map((state) => (state?.end ?? 0) - (state?.logStart ?? 0))));
  const left = box.x + 30;
  const w = box.x + box.w - 12 - left;
  const h = Math.max(2, Math.min(10, box.step - 2));
  const there = box.places.filter((place) => !isUnborn(sheet.run.trace, topology, place)).length;
  let lagging = 0;
  let worst = 0;
  states.forEach((state, i) => {
    // What is not there yet has no line.
    if (state === undefined && isUnborn(sheet.run.trace, topology, box.places[i] ?? 0)) return;
    const y = box.y + 6 + i * box.step;
    if (box.step >= 10 || i % 8 === 0) sheet.word(left - 6, y + h / 2 + 4, String(i), 'soft', 'right');
    sheet.bar(left, y, w, h, 'line', 0.6);
    if (state === undefined) return;
    const committed = lowestCommitted(state) ?? state.logStart;
    const length = state.end - state.logStart;
    const lag = Math.max(0, state.end - Math.max(committed, state.logStart));
    const scale = w / longest;
    sheet.bar(left, y, length * scale, h, 'good', 0.45);
    if (lag > 0) sheet.bar(left + (length - lag) * scale, y, Math.max(1.5, lag * scale), h, 'soft');
    if (state.leader === 0 && state.epoch > 0) sheet.bar(left, y, 4, h, 'fault');
    if (lag > 0) lagging++;
    worst = Math.max(worst, lag);
  });
  const y = box.y + box.h + 13;
  sheet.word(box.x, y, `a full line is ${short(longest)} records`, 'soft', 'left');
  const text = lagging === 0 ? 'no lag' : `${lagging} of ${there} lag, at most ${count(worst)}`;
  sheet.word(box.x + box.w, y, text, lagging === 0 ? 'soft' : 'fault', 'right', lagging > 0);
}

function isAlerted(sheet: Sheet, topology: Topology, box: PartitionBox): boolean {
  const topic = box.name.slice(0, box.name.lastIndexOf('/'));
  return topology.alerts.some((alert) => {
    const when = sheet.run.scenario.alerts[alert]?.when ?? '';
    return when.includes('lag') && (when.includes(topic) || when.includes(box.name) || !when.includes('/'));
  });
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
  const end = partition.hasWatermark ? partition.watermark : partition.end;
  return isRead ? Math.max(0, end - partition.logStart) : null;
}

/** Position of a node's bit in an in-sync mask: `b1` is bit 0. */
export function replicaBit(name: string): number {
  return Math.max(0, Number(/(\d+)$/.exec(name)?.[1] ?? '1') - 1);
}
