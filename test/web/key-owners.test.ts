import { expect, it } from 'vitest';
import { KeyOwners, keyOwnersOf } from '../../web/stage/key-owners.ts';
import { stagedFile } from './stage-run.ts';

const { run, at } = stagedFile('ordering/key-shared-join');
const packer = (n: number): number => run.trace.actors.find(({ name }) => name === `packer-${n}`)?.id ?? 0;

function keysAt(timeUs: number, owners = new KeyOwners(run)): readonly (readonly string[])[] {
  const fact = run.trace.lastAt(timeUs);
  return [1, 2, 3].map((n) => owners.of(packer(n), fact).map(({ key }) => key));
}

it('each key has one owner at a time, and the third packer takes some of what the others had', () => {
  const before = keysAt(7_900_000);
  const after = keysAt(20_000_000);
  expect(before[2]).toEqual([]);
  expect(after[2]?.length).toBeGreaterThan(0);
  for (const lists of [before, after]) {
    const all = lists.flat();
    expect(new Set(all).size).toBe(all.length);
    expect(all).toHaveLength(8);
  }
  const moved = after[2] ?? [];
  expect([...(before[0] ?? []), ...(before[1] ?? [])]).toEqual(expect.arrayContaining([...moved]));
});

it('asked backwards it answers as from the start', () => {
  const owners = new KeyOwners(run);
  keysAt(20_000_000, owners);
  expect(keysAt(7_900_000, owners)).toEqual(keysAt(7_900_000));
});

it('they stand in the boxes of their consumers, and nowhere in other runs', () => {
  const hints = at(20_000_000).marks.filter(({ hint }) => hint.includes('go to packer'));
  expect(hints).toHaveLength(8);
  expect(keyOwnersOf(stagedFile('why-queues/photo-queue', 1_000_000).run)).toBeNull();
});
