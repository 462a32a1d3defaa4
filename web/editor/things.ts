/** Which boxes of the stage a name in the text is about. */
import type { Named } from '../../sim/scenario/whereabouts.ts';
import type { Trace } from '../../sim/trace.ts';
import type { Inspected } from '../questions.ts';

const ACTORS: Readonly<Record<string, string>> = {
  producers: 'producer',
  consumers: 'consumer',
  stores: 'store',
  brokers: 'broker',
};
const PLACES: Readonly<Record<string, string>> = { queues: 'queue', topics: 'partition', exchanges: 'exchange' };

/** All instances, partitions or nodes that stand under a name; of a word outside the sections whatever is called like that. */
export function thingsNamed(
  { actors, places }: Pick<Trace, 'actors' | 'places'>,
  { section, name }: Named,
): readonly Inspected[] {
  const ofActors = actors.filter(
    (one) =>
      one.kind !== 'world' &&
      (section === ''
        ? one.name === name || one.group === name || `${one.name}-1` === name
        : one.kind === ACTORS[section] && (one.group === name || one.name === name || name === 'broker')),
  );
  const ofPlaces = places.filter(
    ({ kind, name: own, parent }) =>
      (section === '' ? kind === 'queue' || kind === 'partition' || kind === 'exchange' : kind === PLACES[section]) &&
      (own === name || (kind === 'partition' && parent === name)),
  );
  return [
    ...ofActors.map(({ id }) => ({ type: 'actor', id }) as const),
    ...ofPlaces.map(({ id }) => ({ type: 'place', id }) as const),
  ];
}
