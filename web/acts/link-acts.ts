/** What can be done to a link: it is cut, or hops on it are late, lost or twice, one way or both. */
import type { Actor, ActorId } from '../../core/types.ts';
import type { TimelineLine } from '../protocol.ts';
import { type Act, type ActsOfThing, act, endOf, NOTHING_HERE, numberIn, spanOf } from './act.ts';
import { healActs, healOf, lasting } from './actor-acts.ts';
import { type Ahead, aheadOf, type HopName, refusesCopy, usualSpan } from './ahead.ts';
import { actorOf, brokerOf, type Here, momentOf, nameOf, nodesOf } from './here.ts';
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
  const hops = hopsBetween(here, a, b);
  const refusal =
    a.actors.length === 0 || b.actors.length === 0
      ? 'no process speaks there'
      : isWithin
        ? 'it is inside the broker: nothing travels there'
        : hops.length === 0
          ? 'nothing travels there any more'
          : '';
  const copies = hops.filter(({ from, to, kind }) => refusesCopy(here, from, to, kind) === '');
  const [vain] = hops;
  const once =
    refusal !== '' || copies.length > 0 || vain === undefined
      ? refusal
      : refusesCopy(here, vain.from, vain.to, vain.kind);
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
  /** Why nothing of the kind that was chosen goes the way that was chosen while the line lasts. */
  const vainOf =
    (some: readonly Ahead[]): Act['vain'] =>
    (values) => {
      const { kind = 'all', way = 'both' } = values;
      const span = (values['for'] ?? values['heal'] ?? '').trim();
      const endUs = span === '' ? Number.POSITIVE_INFINITY : here.timeUs + Number(span) * 1_000_000;
      const isMet = some.some(
        (hop) =>
          hop.firstUs < endUs &&
          (kind === 'all' || hop.kind === kind) &&
          (way === 'both' || goes(hop, a, b) === (way === 'there')),
      );
      return isMet ? '' : 'nothing that it would change goes there meanwhile';
    };
  const kinds = choice('kind', '', kindsOf(hops));
  const kindOf = ({ kind = 'all' }: Values): string => kind;
  const usual = usualSpan(here, hops);
  return [
    act('cut', 'Cut', (values) => ({ ...momentOf(here), ...split(values), ...healOf(spanOf(values, 'heal')) }), {
      params: [ways, seconds('heal', 'heals after', usual, 'never')],
      refusal,
      vain: vainOf(hops),
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
      {
        params: [kinds, ways, seconds('by', 'by', 0.5), seconds('for', 'for', usual, 'from now on')],
        refusal,
        remark,
        vain: vainOf(hops),
      },
    ),
    ...(['lose', 'duplicate'] as const).map((how) => {
      const some = how === 'lose' ? hops : copies;
      return act(
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
          params: [
            amount('share', '', 50, '% of', 100),
            choice('kind', '', kindsOf(some)),
            ways,
            seconds('for', 'for', usualSpan(here, some), 'from now on'),
          ],
          refusal: how === 'lose' ? refusal : once,
          remark,
          vain: vainOf(some),
        },
      );
    }),
  ];
}

/** What a line about this link meddles with: what still travels there, or all that could where that is not known. */
function hopsBetween(here: Here, a: End, b: End): readonly Ahead[] {
  const ahead = aheadOf(here);
  if (ahead !== null) return ahead.filter((hop) => goes(hop, a, b) || goes(hop, b, a));
  const isRead = a.actors[0]?.kind === 'broker' && b.actors[0]?.kind === 'consumer';
  return [...supposed(here, a, b, isRead), ...supposed(here, b, a, isRead)];
}

/** Several processes at one end of a link are not told apart by a line that names one. */
function goes({ from, to }: Ahead, a: End, b: End): boolean {
  return isAt(a, from) && isAt(b, to);
}

function isAt({ actors }: End, id: ActorId): boolean {
  return actors.some((actor) => actor.id === id);
}

/** The hops that one end says to the other; `isRead`: the link is from what is read to who reads it. */
function supposed({ timeUs }: Here, a: End, b: End, isRead: boolean): readonly Ahead[] {
  const [from, to] = [a.actors[0], b.actors[0]];
  if (from === undefined || to === undefined) return [];
  return [{ from: from.id, to: to.id, kind: saidTo(from.kind, to.kind, isRead), firstUs: timeUs }];
}

function saidTo(from: Actor['kind'], to: Actor['kind'], isRead: boolean): HopName {
  if (to === 'store') return 'effect';
  if (from === 'store') return 'effect-reply';
  if (isRead) return from === 'broker' ? 'delivery' : 'ack';
  return from === 'producer' || to === 'broker' ? 'request' : 'reply';
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

const WORDS: Readonly<Partial<Record<HopName, string>>> = {
  request: 'requests',
  reply: 'replies',
  delivery: 'deliveries',
  ack: 'acks',
  effect: 'writes',
  'effect-reply': 'answers',
};

/** What can be told apart of these hops. */
function kindsOf(hops: readonly Ahead[]): readonly { readonly value: string; readonly label: string }[] {
  const there = new Set<string>(hops.map(({ kind }) => kind));
  const named = Object.entries(WORDS).filter(([kind]) => there.has(kind));
  return [{ value: 'all', label: 'all hops' }, ...named.map(([value, label]) => ({ value, label }))];
}
