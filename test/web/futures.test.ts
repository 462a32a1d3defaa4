import { describe, expect, it } from 'vitest';
import { countWords, outcomeWords, rowsOfFutures, wayWords } from '../../web/futures/tree.ts';
import { type Future, isReplacedBy, MOST_FUTURES, type Recipe, sameRecipe, withFuture } from '../../web/futures.ts';

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

  it('makes one future of the steps of a knob, but keeps the one that others came from', () => {
    const first = future(1, 0);
    const knob: Future = { ...future(2, 1), kind: 'knob' };
    expect(isReplacedBy([first, knob], knob, 'knob')).toBe(true);
    expect(isReplacedBy([first, knob], knob, 'line')).toBe(false);
    expect(isReplacedBy([first, knob, future(3, 2)], knob, 'knob')).toBe(false);
    expect(isReplacedBy([first, knob], { ...knob, parent: 0 }, 'knob')).toBe(false);
    expect(isReplacedBy([first, future(2, 1)], future(2, 1), 'line')).toBe(false);
  });

  it('keeps a chain in which each came from the one before', () => {
    let all: readonly Future[] = [future(1, 0)];
    for (let id = 2; id <= MOST_FUTURES + 2; id++) all = withFuture(all, future(id, id - 1));
    expect(all).toHaveLength(MOST_FUTURES + 2);
  });
});

describe('the tree of futures', () => {
  const totals = {
    sent: 6,
    confirmed: 6,
    delivered: 8,
    effects: 6,
    settled: 6,
    deadLettered: 1,
    dropped: 0,
    lost: 0,
    duplicateEffects: 2,
    unexpected: 0,
    recovered: 0,
  };
  const ended = (id: number, parent: number, atUs: number, broken = 0): Future => ({
    ...future(id, parent),
    atUs,
    outcome: { digest: 'd', endedAtUs: 30, facts: 9, broken, totals },
  });

  it('has each future after the one that it came from, and leaves that one where something was done', () => {
    const rows = rowsOfFutures([ended(1, 0, 0), ended(2, 1, 10), ended(3, 1, 20), ended(4, 2, 15)]);
    expect(rows.map(({ future: { id }, row, parentRow, fromUs }) => [id, row, parentRow, fromUs])).toEqual([
      [1, 0, 0, 0],
      [2, 1, 0, 10],
      [4, 2, 1, 15],
      [3, 3, 0, 20],
    ]);
  });

  it('lets one whose parent was forgotten stand by itself, and one that still runs go as far as the longest', () => {
    const rows = rowsOfFutures([ended(1, 0, 0), { ...future(5, 2), atUs: 12 }]);
    expect(rows.map(({ row, parentRow, fromUs, toUs }) => [row, parentRow, fromUs, toUs])).toEqual([
      [0, 0, 0, 30],
      [1, 1, 12, 30],
    ]);
  });

  it('says all that led to one', () => {
    const all = [future(1, 0), future(2, 1), future(3, 2)];
    expect(all.map((one) => wayWords(all, one))).toEqual(['act 1', 'act 2', 'act 2, then act 3']);
    expect(wayWords([future(1, 0), future(3, 2)], future(3, 2)), 'one before it was forgotten').toBe('act 3');
  });

  it('says how one came out', () => {
    expect(outcomeWords(future(1, 0))).toBe('not run to its end');
    expect(outcomeWords(ended(1, 0, 0))).toBe('nothing is broken');
    expect(outcomeWords(ended(1, 0, 0, 2))).toBe('2 broken');
    expect(countWords(ended(1, 0, 0))).toBe('6 sent, 6 applied, 2 twice, 1 dead-lettered');
  });
});
