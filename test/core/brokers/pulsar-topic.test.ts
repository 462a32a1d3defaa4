/** What a topic partition tells its bookies to drop. */
import { expect, it } from 'vitest';
import { PulsarCluster } from '../../../core/brokers/pulsar-cluster.ts';
import { PulsarTopic } from '../../../core/brokers/pulsar-topic.ts';
import type { LedgerEntry } from '../../../core/parts/managed-ledger.ts';
import { Bench } from '../../../sim/conform/bench.ts';

it('has bookies drop what was copied to tiered storage, once, so long after the copy (P72)', () => {
  const bench = new Bench();
  const out = bench.out(bench.add({ receive: () => {}, timer: () => {} }));
  const options = {
    managedLedgerMaxEntriesPerLedger: 1,
    managedLedgerMinLedgerRolloverTimeMinutes: 0,
    managedLedgerOffloadAutoTriggerSizeThresholdBytes: 0,
    managedLedgerOffloadDeletionLagMs: 60_000_000,
    defaultRetentionTimeInMinutes: -1,
    defaultRetentionSizeInMB: -1,
  };
  const cluster = new PulsarCluster(options, bench.setup);
  cluster.addTopic('jobs', {}, ['s']);
  const info = cluster.topic(0);
  const dropped: number[] = [];
  const topic = new PulsarTopic(cluster, info, 1, {
    write: () => {},
    trim: (start) => void dropped.push(start),
    close: () => {},
  });
  const entry: Omit<LedgerEntry, 'index'> = {
    messages: [],
    properties: null,
    key: null,
    hash: -1,
    producer: 'p',
    sequence: 0,
    sizeBytes: 10,
    publishedAtUs: 0,
    deliverAtUs: 0,
    txn: '',
    fact: 0,
  };
  for (let i = 0; i < 3; i++) info.ledger.append({ ...entry, index: -1 }, 0);
  for (const second of [1, 60, 61, 100]) {
    bench.advanceTo(second * 1_000_000);
    topic.trim(out);
  }
  expect([dropped, info.ledger.start]).toEqual([[3], 0]);
});
