/** Pulsar's parts beside naive models: the cursor, the ledgers, deduplication by sequence id, and key ranges. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AckCursor } from '../../../core/parts/ack-cursor.ts';
import { HASHES, HashRing, type KeyOwner, SplitRanges } from '../../../core/parts/key-ranges.ts';
import { type LedgerEntry, ManagedLedger } from '../../../core/parts/managed-ledger.ts';
import { SequenceDedup } from '../../../core/parts/sequence-dedup.ts';

describe('ack cursor (P29–P34)', () => {
  it('moves the mark-delete position over what is acked without a gap, whatever the order', () => {
    const acks = fc.array(fc.nat(20), { maxLength: 40 });
    fc.assert(
      fc.property(acks, (indexes) => {
        const cursor = new AckCursor(-1);
        const acked = new Set<number>();
        for (const index of indexes) {
          expect(cursor.ack(index)).toBe(!acked.has(index));
          acked.add(index);
        }
        let mark = -1;
        while (acked.has(mark + 1)) mark++;
        expect(cursor.markDelete).toBe(mark);
        expect(cursor.individuallyAcked()).toEqual([...acked].filter((index) => index > mark).sort((a, b) => a - b));
      }),
      { seed: 1 },
    );
  });

  it('forgets in a crash what was not written down (P31)', () => {
    const cursor = new AckCursor(-1);
    cursor.ack(0);
    cursor.persist(10);
    cursor.ack(1);
    cursor.ack(3);
    cursor.recover();
    expect([cursor.markDelete, cursor.individuallyAcked()]).toEqual([0, []]);
  });

  it('writes down no more unbroken ranges than it may (P32)', () => {
    const cursor = new AckCursor(-1);
    for (const index of [1, 2, 4, 6]) cursor.ack(index);
    cursor.persist(2);
    cursor.recover();
    expect(cursor.individuallyAcked()).toEqual([1, 2, 4]);
  });

  it('acks a batch when its last message is acked (P33)', () => {
    const cursor = new AckCursor(-1);
    expect([cursor.ackMessage(0, 1, 2), cursor.isAcked(0), cursor.ackMessage(0, 0, 2), cursor.markDelete]).toEqual([
      false,
      false,
      true,
      0,
    ]);
  });
});

const SECOND = 1_000_000;

function entry(sizeBytes = 1): LedgerEntry {
  return {
    index: -1,
    messages: [],
    properties: null,
    key: null,
    hash: -1,
    producer: 'p',
    sequence: 0,
    sizeBytes,
    publishedAtUs: 0,
    deliverAtUs: 0,
    txn: '',
    fact: 0,
  };
}

function ledgerOf(entries: number, maxEntries: number): ManagedLedger {
  let ids = 0;
  const rules = { maxEntries, maxBytes: 1e9, minRolloverUs: 0, maxRolloverUs: 1e12 };
  const ledger = new ManagedLedger(rules, () => ++ids, 0);
  for (let i = 0; i < entries; i++) ledger.append(entry(), i * SECOND);
  return ledger;
}

describe('managed ledger (P3, P4, P49–P51)', () => {
  it('begins the entry numbers anew in each ledger', () => {
    const ledger = ledgerOf(5, 2);
    expect([0, 1, 2, 3, 4].map((index) => ledger.idOf(index))).toEqual([
      { ledgerId: 1, entryId: 0 },
      { ledgerId: 1, entryId: 1 },
      { ledgerId: 2, entryId: 0 },
      { ledgerId: 2, entryId: 1 },
      { ledgerId: 3, entryId: 0 },
    ]);
  });

  it('deletes whole closed ledgers only', () => {
    const ledger = ledgerOf(5, 2);
    expect(ledger.trim(3, { timeUs: 0, sizeBytes: 0 }, 10 * SECOND)).toBe(2);
    expect(ledger.trim(5, { timeUs: 0, sizeBytes: 0 }, 10 * SECOND)).toBe(4);
  });

  it('keeps what is acked for as long as retention says, by the limit that is reached first', () => {
    const forTenSeconds = { timeUs: 10 * SECOND, sizeBytes: -1 };
    expect(ledgerOf(5, 2).trim(5, forTenSeconds, 11 * SECOND)).toBe(0);
    expect(ledgerOf(5, 2).trim(5, forTenSeconds, 12 * SECOND)).toBe(2);
    expect(ledgerOf(5, 2).trim(5, { timeUs: 10 * SECOND, sizeBytes: 3 }, 5 * SECOND)).toBe(2);
    expect(ledgerOf(5, 2).trim(5, { timeUs: -1, sizeBytes: -1 }, 1e9)).toBe(0);
  });

  it('tells when bookies need what was copied to tiered storage no longer (P72)', () => {
    const ledger = ledgerOf(5, 2);
    ledger.offload(3, 10 * SECOND);
    ledger.offload(1, 20 * SECOND);
    const lag = 30 * SECOND;
    expect([39, 40, 49, 50].map((at) => ledger.tieredUpTo(at * SECOND, lag))).toEqual([0, 2, 2, 4]);
  });
});

it('stores of the sequence ids 0, 1, 1, 3, 2 the first, second and fourth (P60, P61)', () => {
  const dedup = new SequenceDedup(10, SECOND);
  const seen = [0, 1, 1, 3, 2].map((sequence) => {
    const known = dedup.push('p', sequence, 0);
    if (known === 'new') dedup.persisted('p', sequence, 0);
    return known;
  });
  expect(seen).toEqual(['new', 'new', 'duplicate', 'new', 'duplicate']);
});

it('is unsure of a sequence id that is on its way (P60), and forgets a silent producer (P62)', () => {
  const dedup = new SequenceDedup(10, SECOND);
  expect([dedup.push('p', 0, 0), dedup.push('p', 0, 0), dedup.push('p', 0, 2 * SECOND)]).toEqual([
    'new',
    'unsure',
    'new',
  ]);
});

it.each([
  ['halved ranges (P22)', () => new SplitRanges<KeyOwner>()],
  ['a ring (P23)', () => new HashRing<KeyOwner>(5)],
])('gives each hash to exactly one owner with %s, whoever comes and goes', (_, make) => {
  const steps = fc.array(fc.record({ joins: fc.boolean(), who: fc.nat(5) }), { maxLength: 20 });
  fc.assert(
    fc.property(steps, fc.nat(HASHES - 1), (moves, hash) => {
      const selector = make();
      const there = new Map<number, KeyOwner>();
      for (const { joins, who } of moves) {
        const known = there.get(who);
        if (joins && known === undefined) {
          const owner = { name: `c${who}`, ranges: [] };
          selector.add(owner);
          there.set(who, owner);
        } else if (!joins && known !== undefined) {
          selector.remove(known);
          there.delete(who);
        }
      }
      const owners = [...there.values()].filter((owner) =>
        selector.rangesOf(owner).some(({ start, end }) => hash >= start && hash < end),
      );
      expect(owners).toEqual(there.size === 0 ? [] : [selector.select(hash)]);
    }),
    { seed: 2 },
  );
});
