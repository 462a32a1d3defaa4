/** What can be done to a link: it is cut, or hops on it are late, lost or twice, one way or both. */
import type { Actor } from '../../core/types.ts';
import type { TimelineLine } from '../protocol.ts';
import { type Act, type ActsOfThing, act, endOf, NOTHING_HERE, numberIn, spanOf } from './act.ts';
import { healActs, healOf, lasting } from './actor-acts.ts';
import { actorOf, brokerOf, type Here, momentOf, nameOf, nodesOf } from './here.ts';
import { ONCE } from './message-acts.ts';
import { amount, choice, seconds, type Values } from './params.ts';

/** One end of a link: the processes that speak there. */
interface End {
  readonly name: string;
  readonly actors: readonly Actor[];
}

/** `from` and `to` are keys of the layout. */
export function linkActs(here: Here, from: string, to: string): ActsOfThing {
  const a = endAt(here, from);
  const b = endAt(here, to);
  if (a === null || b === null) return NOTHING_HERE;
  return { kind: 'Link', name: `${a.name} to ${b.name}`, acts: [...hopActs(here, a, b), ...healActs(here)] };
}

function endAt(here: Here, key: string): End | null {
  const { type, id } = endOf(key);
  if (type === 'actor') {
    const actor = actorOf(here, id);
    return actor === null ? null : { name: actor.name, actors: [actor] };
  }
  const place = here.trace.places[id];
  if (place === undefined) return null;
  const nodes = nodesOf(here, brokerOf(here, id));
  const leader = nodes.filter((node) => node.id === here.topology.partitions[id]?.leader);
  return { name: place.name, actors: leader.length > 0 ? leader : nodes };
}

function hopActs(here: Here, a: End, b: End): readonly Act[] {
  const names = (end: End): readonly string[] => end.actors.map(({ id }) => nameOf(here.trace, id));
  const isWithin = a.actors.length > 0 && a.actors.every(({ id }) => b.actors.some((other) => other.id === id));
  const refusal =
    a.actors.length === 0 || b.actors.length === 0
      ? 'no process speaks there'
      : isWithin
        ? 'it is inside the broker: nothing travels there'
        : '';
  const remark = remarkOf(a, b);
  const ways = choice('way', '', [
    { value: 'both', label: 'both ways' },
    { value: 'there', label: `only from ${a.name}` },
    { value: 'back', label: `only from ${b.name}` },
  ]);
  const split = ({ way = 'both' }: Values): TimelineLine => {
    const sides = way === 'back' ? [names(b), names(a)] : [names(a), names(b)];
    return { split: sides, ...(way === 'both' ? {} : { 'one-way': true }) };
  };
  const between = ({ way = 'both' }: Values): TimelineLine => {
    const [from, to] = way === 'back' ? [b, a] : [a, b];
    return { ...only('from', from), ...only('to', to), ...(way === 'both' ? { both: true } : {}) };
  };
  const only = (key: 'from' | 'to', { actors }: End): TimelineLine => {
    const [first, ...others] = actors;
    return first === undefined || others.length > 0 ? {} : { [key]: nameOf(here.trace, first.id) };
  };
  const hasStore = [a, b].some(({ actors }) => actors.some(({ kind }) => kind === 'store'));
  const kinds = choice('kind', '', kindsBetween(hasStore));
  const kindOf = ({ kind = 'all' }: Values): string => kind;
  return [
    act('cut', 'Cut', (values) => ({ ...momentOf(here), ...split(values), ...healOf(spanOf(values, 'heal')) }), {
      params: [ways, seconds('heal', 'heals after', 10, 'never')],
      refusal,
    }),
    act(
      'slow',
      'Slow down',
      (values) => ({
        ...momentOf(here),
        delay: kindOf(values),
        ...between(values),
        by: spanOf(values, 'by') ?? '1s',
        ...whileIt(spanOf(values, 'for')),
      }),
      { params: [kinds, ways, seconds('by', 'by', 0.5), seconds('for', 'for', 10, 'from now on')], refusal, remark },
    ),
    ...(['lose', 'duplicate'] as const).map((how) =>
      act(
        how,
        how === 'lose' ? 'Lose' : 'Duplicate',
        (values) => ({
          ...momentOf(here),
          [how]: kindOf(values),
          ...between(values),
          probability: `${numberIn(values, 'share')}%`,
          ...lasting(spanOf(values, 'for')),
        }),
        {
          params: [amount('share', '', 50, '% of', 100), kinds, ways, seconds('for', 'for', 10, 'from now on')],
          refusal: refusal === '' && how === 'duplicate' && hasStore ? ONCE : refusal,
          remark,
        },
      ),
    ),
  ];
}

/** Without an end it is each of them, not only the next. */
function whileIt(span: string | undefined): TimelineLine {
  return span === undefined ? { probability: '100%' } : { for: span };
}

/** Several processes at one end: a line can name a single one, so it means all that the other end says. */
function remarkOf(a: End, b: End): string {
  const [many, one] = a.actors.length > 1 ? [a, b] : b.actors.length > 1 ? [b, a] : [null, null];
  return many === null ? '' : `It concerns all that ${one.name} says and hears.`;
}

/** Stores are written to; all others ask, answer, deliver and ack. */
function kindsBetween(isStore: boolean): readonly { readonly value: string; readonly label: string }[] {
  const all = { value: 'all', label: 'all hops' };
  return isStore
    ? [all, { value: 'effect', label: 'writes' }, { value: 'effect-reply', label: 'answers' }]
    : [
        all,
        { value: 'request', label: 'requests' },
        { value: 'reply', label: 'replies' },
        { value: 'delivery', label: 'deliveries' },
        { value: 'ack', label: 'acks' },
      ];
}
