import { expect, test } from 'vitest';
import { MessageTable, type TracedMessage } from '../../sim/message-table.ts';

/** Far enough to need several pages, with words that are shared, said again by other objects, and not shared at all. */
function message(id: number): TracedMessage {
  const shared = id % 3 === 0;
  return {
    id,
    producer: 1 + (id % 5),
    sequence: id,
    key: shared ? null : `k${id % 7}`,
    routingKey: id % 2 === 0 ? 'even' : 'odd',
    attributes: shared ? NONE : { color: id % 4 === 0 ? 'red' : 'blue', number: id % 11 },
    amount: id / 4,
    sizeBytes: 100 + id,
    poison: id % 200 === 0,
    producedAtUs: id * 2 ** 33,
  };
}

const NONE = {};
const COUNT = 10_000;

function filled(count: number): MessageTable {
  const table = new MessageTable();
  for (let id = 1; id <= count; id++) table.add(message(id));
  return table;
}

test('tells each message as it was added, and the same object when asked again', () => {
  const table = filled(COUNT);
  expect(table.count).toBe(COUNT);
  for (let id = 1; id <= COUNT; id++) expect(table.get(id)).toEqual(message(id));
  expect(table.get(77)).toBe(table.get(77));
});

test('no message before the first or after the last', () => {
  const table = filled(3);
  for (const id of [0, 4, -1, 1.5 + 2, Number.NaN]) expect(() => table.get(id)).toThrow(RangeError);
});

test('what one gives in parts another takes in, words that say the same once a part', () => {
  const table = new MessageTable();
  const other = new MessageTable();
  for (const upTo of [1, 2, 4096, 4097, 9000, COUNT]) {
    const since = table.count;
    for (let id = since + 1; id <= upTo; id++) table.add(message(id));
    const part = table.take(since);
    expect(part).toMatchObject({ first: since + 1, count: upTo - since });
    // 2 without a key, and 7 keys × 2 routing keys × 2 colours × 11 numbers at most.
    expect(part.words.length).toBeLessThanOrEqual(2 + 7 * 2 * 2 * 11);
    other.give(structuredClone(part));
  }
  expect(other.count).toBe(COUNT);
  for (let id = 1; id <= COUNT; id++) expect(other.get(id)).toEqual(message(id));
});

test('a part that begins earlier takes the place of what was there from its first number on', () => {
  const other = filled(6000);
  expect(other.get(5999)).toEqual(message(5999));
  const table = new MessageTable();
  for (let id = 1; id <= 4000; id++) table.add(message(id));
  for (let id = 4001; id <= 4100; id++) table.add({ ...message(id), amount: -1 });
  other.give(table.take(4000));
  expect(other.count).toBe(4100);
  expect(other.get(4000).amount).toBe(1000);
  expect(other.get(4001).amount).toBe(-1);
  expect(() => other.get(5999)).toThrow(RangeError);
});
