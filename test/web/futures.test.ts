import { describe, expect, it } from 'vitest';
import { type Future, MOST_FUTURES, type Recipe, sameRecipe, withFuture } from '../../web/futures.ts';

const recipe: Recipe = { source: 'title: a', seed: null, sets: [], changes: [], under: null };

function future(id: number, parent: number): Future {
  return { id, parent, kind: 'line', what: `act ${id}`, atUs: 0, recipe, outcome: null };
}

describe('futures', () => {
  it('takes two recipes for the same only when all that a run depends on is the same', () => {
    expect(sameRecipe(recipe, { ...recipe, changes: [] })).toBe(true);
    expect(sameRecipe(recipe, { ...recipe, seed: '7' })).toBe(false);
    expect(sameRecipe(recipe, { ...recipe, changes: [{ at: '1s', crash: 'a' }] })).toBe(false);
    expect(sameRecipe(recipe, { ...recipe, sets: ['a=1'] })).toBe(false);
  });

  it('drops the oldest that nothing came from when there are too many, and never the first', () => {
    let all: readonly Future[] = [future(1, 0), future(2, 1)];
    for (let id = 3; id <= MOST_FUTURES + 1; id++) all = withFuture(all, future(id, 2));
    expect(all).toHaveLength(MOST_FUTURES);
    expect(all.map(({ id }) => id)).toContain(1);
    expect(all.map(({ id }) => id)).toContain(2);
    expect(all.map(({ id }) => id)).not.toContain(3);
    expect(all.at(-1)?.id).toBe(MOST_FUTURES + 1);
  });

  it('keeps a chain in which each came from the one before', () => {
    let all: readonly Future[] = [future(1, 0)];
    for (let id = 2; id <= MOST_FUTURES + 2; id++) all = withFuture(all, future(id, id - 1));
    expect(all).toHaveLength(MOST_FUTURES + 2);
  });
});
