/** Traces told line by line, as a person would tell them: the actors and places of all checks' tests, and how a line is read. */
import { type FactName, R } from '../../../core/facts.ts';
import { stage } from '../folds/build-trace.ts';

/** One line: seconds, name, actor, message, place, peer, value, detail, key. `-` is none; `*` before it marks a fact of the expected witness. */
export type Line = string;

const ACTORS = {
  p: 'producer',
  q: 'producer',
  b: 'broker',
  b2: 'broker',
  'c-1': 'consumer',
  'c-2': 'consumer',
  'd-1': 'consumer',
  'e-1': 'consumer',
  db: 'store',
} as const;
const PLACES = {
  jobs: 'queue',
  dead: 'queue',
  'line.fifo': 'queue',
  'rides/0': 'partition',
  'done/0': 'partition',
  team: 'group',
  rows: 'store',
} as const;

export function build(lines: readonly Line[], endS = 0): { made: ReturnType<typeof stage>; marked: readonly number[] } {
  const made = stage(ACTORS, PLACES, ['dead']);
  const marked: number[] = [];
  const groupPlace = made.place('team');
  for (const line of lines) {
    const star = line.startsWith('*');
    const [time, name, actor, message, place, peer, value, detail, key] = line.replace('*', '').trim().split(/\s+/) as (
      | string
      | undefined
    )[];
    const text = (word: string | undefined): string => (word === undefined || word === '-' ? '' : word);
    const number = (word: string | undefined): number => {
      if (word === undefined || word === '-') return 0;
      if (word === 'team') return groupPlace;
      if (word.startsWith('R:')) return R[word.slice(2).replaceAll('_', ' ') as keyof typeof R];
      return Number(word);
    };
    if (key !== undefined) made.message(number(message), { key, attributes: { account: key } });
    const id = made.fact(Number(time) * 1_000_000, name as FactName, {
      actor: text(actor),
      message: number(message),
      place: text(place),
      peer: text(peer),
      value: number(value),
      detail: number(detail),
    });
    if (star) marked.push(id);
  }
  if (endS > 0) made.trace.endedAtUs = endS * 1_000_000;
  return { made, marked };
}
