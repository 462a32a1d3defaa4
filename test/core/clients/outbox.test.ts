/** An outbox: rows are handed out in order, to one relay at a time, until they are marked; a relay is told of each row once. */
import { describe, expect, it } from 'vitest';
import { LEASE_US, type OutboxRows, OutboxTable, Relay, serveOutbox } from '../../../core/clients/outbox.ts';
import { MachineBench, type SentHop } from '../machine-bench.ts';
import { plainMessage } from '../message.ts';

function tableOf(messages: number) {
  const bench = new MachineBench();
  const table = new OutboxTable();
  const rows = Array.from({ length: messages }, () => ({ owner: 'shop', message: bench.message() }));
  const added = rows.map((row) => table.add(row));
  const take = (holder: number, now = 0, session = 1) =>
    table.take('shop', 2, holder, session, now).map(({ id }) => id);
  return { table, rows, added, take };
}

describe('an outbox', () => {
  it('hands out the oldest rows first, each to one relay', () => {
    const { take } = tableOf(3);
    expect([take(7), take(8), take(9)]).toEqual([[1, 2], [3], []]);
  });

  it('hands a row out again when its lease is over', () => {
    const { take } = tableOf(1);
    take(7);
    expect([take(8, LEASE_US - 1), take(8, LEASE_US)]).toEqual([[], [1]]);
  });

  it('hands a row out again when its relay comes in a later session, not in the same one', () => {
    const { take } = tableOf(2);
    take(7);
    expect([take(7), take(8, 0, 2), take(7, 0, 2)]).toEqual([[], [], [1, 2]]);
  });

  it('gives a poll of an earlier session nothing that a later one has', () => {
    const { take } = tableOf(2);
    take(7, 0, 2);
    expect(take(7, 0, 1)).toEqual([]);
  });

  it('knows a row that was marked, and takes it no second time', () => {
    const { table, rows, take } = tableOf(1);
    expect([
      table.mark('shop', 1),
      table.mark('shop', 1),
      table.add(rows[0] ?? { owner: '', message: plainMessage(9, 0, {}) }),
    ]).toEqual([true, false, false]);
    expect(take(7)).toEqual([]);
  });

  it('has rows for each owner', () => {
    const { table } = tableOf(1);
    expect(table.take('bank', 5, 7, 1, 0)).toEqual([]);
  });
});

/** A relay with its store, both on one bench: `polls` reach the store in any order, and its answers come back. */
function relayOf(messages: number) {
  const bench = new MachineBench();
  const table = new OutboxTable();
  for (let i = 0; i < messages; i++) table.add({ owner: 'shop', message: bench.message() });
  const relay = new Relay('shop', 5, { everyUs: 10_000, batch: 10 });
  const poll = (): SentHop => {
    relay.timer(bench.out);
    const hop = bench.sent.pop();
    if (hop === undefined) throw new Error('no poll');
    return hop;
  };
  const rowsOf = ({ wire }: SentHop): readonly number[] => {
    serveOutbox(table, 7, wire, 0, bench.out);
    return relay.rows(bench.sent.pop()?.wire as OutboxRows).map(({ id }) => id);
  };
  return { relay, poll, rowsOf };
}

describe('a relay', () => {
  it('is told of a row once, though it polls again before the first answer', () => {
    const { poll, rowsOf } = relayOf(2);
    const [first, second] = [poll(), poll()];
    expect([rowsOf(first), rowsOf(second)]).toEqual([[1, 2], []]);
  });

  it('is told of a row once, though its first polls overtake each other', () => {
    const { poll, rowsOf } = relayOf(2);
    const [first, second] = [poll(), poll()];
    expect([rowsOf(second), rowsOf(first)]).toEqual([[1, 2], []]);
  });

  it('is told again of what it had when it died', () => {
    const { relay, poll, rowsOf } = relayOf(2);
    const before = rowsOf(poll());
    relay.crash();
    expect([before, rowsOf(poll())]).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  it('hears no answer to a poll of its life before, and has the rows all the same', () => {
    const { relay, poll, rowsOf } = relayOf(2);
    const late = poll();
    relay.crash();
    expect([rowsOf(late), rowsOf(poll())]).toEqual([[], [1, 2]]);
  });
});
