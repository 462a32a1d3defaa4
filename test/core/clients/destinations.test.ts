/** A message that goes to several places at once: confirmed with the last of them, failed once. */
import { expect, it } from 'vitest';
import { Destinations } from '../../../core/clients/destinations.ts';

it('counts nothing where there is one', () => {
  const one = new Destinations(1);
  one.begin(7);
  expect([one.confirms(7), one.fails(7)]).toEqual([true, true]);
});

it('confirms with the last', () => {
  const three = new Destinations(3);
  three.begin(7);
  expect([three.confirms(7), three.confirms(7), three.confirms(7), three.confirms(7)]).toEqual([
    false,
    false,
    true,
    false,
  ]);
});

it('fails once, with the first that does not take it, and is confirmed by no other after that', () => {
  const three = new Destinations(3);
  three.begin(7);
  expect([three.confirms(7), three.fails(7), three.fails(7), three.confirms(7)]).toEqual([false, true, false, false]);
});

it('knows nothing of what was under way when the process died', () => {
  const two = new Destinations(2);
  two.begin(7);
  two.clear();
  expect([two.confirms(7), two.fails(7)]).toEqual([false, false]);
});
