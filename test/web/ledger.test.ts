import { expect, it } from 'vitest';
import { judge } from '../../sim/checks/index.ts';
import { ledgerTotals } from '../../sim/folds/ledger.ts';
import { type LedgerColumns, LedgerRows } from '../../sim/folds/ledger-rows.ts';
import { lineOf, orderOf } from '../../web/ledger/rows.ts';
import { libraryRun } from './library.ts';

const AS_THEY_CAME = { filter: 'all', search: '', sort: 'message', descending: false } as const;

function ledgerOf(name: string): { readonly columns: LedgerColumns; readonly result: ReturnType<typeof libraryRun> } {
  const result = libraryRun(name);
  const rows = new LedgerRows(result.trace, result.scenario);
  rows.extend(result.trace.count);
  return { columns: rows.columns(), result };
}

it.each(['with-dlq', 'visibility-too-short', 'rides-by-city', 'memory-or-disk', 'partition-key'])(
  'the rows of %s add up to the totals of the ledger',
  (name) => {
    const { columns, result } = ledgerOf(name);
    const totals = ledgerTotals(result.trace, result.scenario);
    expect(columns.totals).toMatchObject(totals);
    expect(columns.count).toBe(totals.sent);
    expect(columns.deliveries.reduce((sum, n) => sum + n, 0)).toBe(totals.delivered);
    expect(columns.effects.reduce((sum, n) => sum + n, 0)).toBe(totals.effects);
    expect(columns.repeats.reduce((sum, n) => sum + n, 0)).toBe(totals.duplicateEffects);
  },
);

it.each(['accounts-keyed', 'accounts-unkeyed', 'rides-by-city'])(
  'of %s, messages are late exactly when the order of a key is broken',
  (name) => {
    const { columns, result } = ledgerOf(name);
    const [verdict] = judge(result.trace, result.scenario, [{ claim: 'key-order', scope: '' }]);
    expect(columns.totals.late > 0).toBe(verdict?.verdict !== 'holds' && verdict?.verdict !== 'not exercised');
    expect(columns.totals.late).toBe([...columns.flags].filter((flags) => (flags & 4) !== 0).length);
  },
);

it('the ledger of a moment, come to in steps, is that of a fold from the start', () => {
  const { trace, scenario } = libraryRun('with-dlq');
  const steps = new LedgerRows(trace, scenario);
  for (const share of [0.2, 0.5, 0.8]) {
    const fact = Math.floor(trace.count * share);
    steps.extend(fact);
    const whole = new LedgerRows(trace, scenario);
    whole.extend(fact);
    expect(steps.columns()).toEqual(whole.columns());
  }
});

it('rows are filtered, found and sorted, and equal ones stay in the order of their numbers', () => {
  const { columns, result } = ledgerOf('with-dlq');
  const { trace } = result;
  const dead = orderOf(columns, trace, { ...AS_THEY_CAME, filter: 'dead-lettered' });
  expect(dead).toHaveLength(columns.totals.deadLettered);
  expect(lineOf(columns, trace, dead[0] as number)).toMatchObject({
    tone: 'fault',
    outcome: 'dead-lettered: too many deliveries',
  });
  const most = orderOf(columns, trace, { ...AS_THEY_CAME, sort: 'deliveries', descending: true });
  const counts = [...most].map((message) => columns.deliveries[message - 1] as number);
  expect(counts).toEqual([...counts].sort((a, b) => b - a));
  expect(most[0]).toBe(dead[0]);
  const once = [...most].filter((message) => columns.deliveries[message - 1] === 1);
  expect(once).toEqual([...once].sort((a, b) => a - b));
  expect([...orderOf(columns, trace, { ...AS_THEY_CAME, search: '7' })]).toEqual([7]);
  const key = trace.message(1).key ?? '';
  for (const message of orderOf(columns, trace, { ...AS_THEY_CAME, search: key }))
    expect(trace.message(message).key).toBe(key);
});
