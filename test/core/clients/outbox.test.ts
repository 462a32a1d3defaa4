/** The table of an outbox: rows are handed out in order, to one relay at a time, until they are marked. */
import { describe, expect, it } from 'vitest';
import { LEASE_US, OutboxTable } from '../../../core/clients/outbox.ts';
import { MachineBench } from '../machine-bench.ts';
import { plainMessage } from '../message.ts';

function tableOf(messages: number) {
  const bench = new MachineBench();
  const table = new OutboxTable();
  const rows = Array.from({ length: messages }, () => ({ owner: 'shop', message: bench.message() }));
  const added = rows.map((row) => table.add(row));
  const take = (holder: number, now = 0, most = 2) => table.take('shop', most, holder, now).map(({ id }) => id);
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

  it('hands a row out again when its relay begins anew', () => {
    const { table, take } = tableOf(2);
    take(7);
    table.release('shop', 8);
    expect(take(8)).toEqual([]);
    table.release('shop', 7);
    expect(take(8)).toEqual([1, 2]);
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
    expect(table.take('bank', 5, 7, 0)).toEqual([]);
  });
});
