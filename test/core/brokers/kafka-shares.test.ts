/** What a share group makes of offsets that hold nothing for it (K107): they are passed over, and that is told, since nobody will acknowledge them. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type {
  ClientRequest,
  EpochHeartbeatAnswer,
  ProduceRequest,
  ShareAcknowledgeAnswer,
  ShareFetchAnswer,
} from '../../../core/brokers/kafka-wires.ts';
import { PartitionLog } from '../../../core/parts/partition-log.ts';
import { type AcknowledgeType, SharePartition } from '../../../core/parts/share-partition.ts';
import type { Message } from '../../../core/types.ts';
import { type BenchOptions, type HandClient, KafkaBench, produce } from './kafka-bench.ts';

const SECOND = 1_000_000;

let bench: KafkaBench;
let client: HandClient;

function begin(options: BenchOptions): void {
  bench = new KafkaBench({ nodes: 1, ...options });
  client = bench.client('worker');
  const spec = { name: 'worker', declared: 'worker', instance: 1, from: ['rides'], group: 'billing', prefetch: 1 };
  // A group exists for the cluster once a consumer of it is declared.
  bench.cluster.consumerPort(
    { ...spec, options: {}, settle: 'after-processing' },
    { deliver() {}, settled() {}, revoked() {}, disconnected() {} },
    bench.setup,
  );
  bench.start();
}

beforeEach(() =>
  begin({
    broker: { 'group.share.partition.max.record.locks': 2 },
    topics: { rides: { 'cleanup.policy': 'compact', 'segment.bytes': 150, 'min.cleanable.dirty.ratio': 0 } },
  }),
);

function publish(...keys: string[]): void {
  for (const key of keys) client.ask('b1', produce(bench, [bench.message({ key })]));
}

/** A record that says only that its key is gone. */
function bury(key: string): void {
  const request = produce(bench, [bench.message({ key })]) as unknown as ProduceRequest;
  const batches = request.batches.map(({ partition, batch }) => ({
    partition,
    batch: { ...batch, records: batch.records.map((record) => ({ ...record, value: null })) },
  }));
  client.ask('b1', { ...request, batches } as Omit<ClientRequest, 'id'>);
}

const request = (maxWaitUs: number) =>
  ({
    type: 'kafka/ShareFetch',
    group: 'billing',
    memberId: 'w',
    acks: [],
    partitions: [bench.partition('rides')],
    maxRecords: 10,
    maxWaitUs,
    settings: { reset: 'earliest', isolation: 'read_uncommitted', lockUs: 0 },
  }) as Omit<ClientRequest, 'id'>;

const idsIn = (answer: ShareFetchAnswer | undefined) =>
  answer?.partitions.flatMap(({ records }) => records.map(({ value }) => (value as Message).id));

const acquire = (maxWaitUs = 0) => idsIn(client.ask<ShareFetchAnswer>('b1', request(maxWaitUs)));

function say(type: AcknowledgeType, from: number, to: number): void {
  const acks = [{ partition: bench.partition('rides'), ranges: [{ from, to, type }] }];
  const wire = { type: 'kafka/ShareAcknowledge', group: 'billing', memberId: 'w', acks, closes: false };
  client.ask('b1', wire as Omit<ClientRequest, 'id'>);
}

it('tells that its start moved over an offset that compaction emptied while it was available', () => {
  publish('a', 'b');
  expect(acquire()).toEqual([1, 2]);
  say('RELEASE', 0, 1);
  publish('a', 'c');
  bench.wait(16 * SECOND);
  expect(bench.story('evicted', 'committed')).toEqual([
    'b1 committed rides/0 @0',
    'b1 evicted m1 rides/0 (compaction)',
  ]);
  expect(acquire()).toEqual([2, 3]);
  expect(bench.story('committed')).toEqual(['b1 committed rides/0 @1']);
});

it('tells that its start moved over a tombstone', () => {
  publish('a');
  acquire();
  say('ACCEPT', 0, 0);
  bury('a');
  bench.story();
  expect(acquire()).toEqual([]);
  expect(bench.story('committed')).toEqual(['b1 committed rides/0 @2']);
});

it('goes beyond a full window of which compaction has left nothing', () => {
  publish('a', 'b');
  acquire();
  say('RELEASE', 0, 1);
  publish('a', 'b', 'c');
  bench.wait(16 * SECOND);
  bench.story();
  expect(acquire(SECOND)).toEqual([3, 4]);
  expect(bench.story('committed')).toEqual(['b1 committed rides/0 @2']);
});

it('leaves a fetch waiting while what it gave back was emptied and its window is full again, until there is room', () => {
  publish('a', 'b');
  acquire();
  say('RELEASE', 0, 0);
  publish('a', 'a');
  bench.wait(16 * SECOND);
  expect(acquire()).toEqual([3]);
  const waiting = client.send('b1', request(20 * SECOND));
  bench.wait(SECOND);
  expect(client.answer(waiting)).toBeUndefined();
  say('ACCEPT', 1, 1);
  expect(idsIn(client.answer<ShareFetchAnswer>(waiting))).toEqual([4]);
});

it('tells how far it has come when retention has overtaken it', () => {
  begin({
    broker: { 'log.retention.check.interval.ms': SECOND },
    topics: { rides: { 'segment.bytes': 150, 'retention.bytes': 100 } },
  });
  publish('a');
  acquire();
  say('RELEASE', 0, 0);
  publish('b', 'c');
  bench.wait(2 * SECOND);
  expect(bench.story('log-start-moved', 'committed')).toEqual([
    'b1 committed rides/0 @0',
    'b1 log-start-moved rides/0',
  ]);
  expect(acquire()).toEqual([3]);
  expect(bench.story('committed')).toEqual(['b1 committed rides/0 @2']);
});

it('takes what is said of a record that it still holds, beside one that retention has taken from it (K105, K107)', () => {
  begin({
    broker: { 'log.retention.check.interval.ms': SECOND },
    topics: { rides: { 'segment.bytes': 150, 'retention.bytes': 100 } },
  });
  publish('a', 'b', 'c');
  expect(acquire()).toEqual([1, 2, 3]);
  bench.wait(2 * SECOND);
  expect(acquire()).toEqual([]);
  bench.story();
  const ranges = [0, 2].map((offset) => ({ from: offset, to: offset, type: 'ACCEPT' }));
  const acks = [{ partition: bench.partition('rides'), ranges }];
  const wire = { type: 'kafka/ShareAcknowledge', group: 'billing', memberId: 'w', acks, closes: false };
  const answer = client.ask<ShareAcknowledgeAnswer>('b1', wire as Omit<ClientRequest, 'id'>);
  expect(answer?.results.map(({ error }) => error)).toEqual(['NONE']);
  expect(bench.story('acked', 'ack-refused', 'committed')).toEqual([
    'b1 acked m3 rides/0 → worker',
    'b1 committed rides/0 @3',
  ]);
});

it('tells that an ack came too late although the group is done with its record, and takes those beside it (K105)', () => {
  begin({ broker: { 'group.share.record.lock.duration.ms': 15 * SECOND } });
  publish('a', 'b');
  expect(acquire()).toEqual([1, 2]);
  bench.wait(16 * SECOND);
  const other = { ...request(0), memberId: 'x' } as Omit<ClientRequest, 'id'>;
  expect(idsIn(client.ask<ShareFetchAnswer>('b1', { ...other, maxRecords: 1 } as Omit<ClientRequest, 'id'>))).toEqual([
    1,
  ]);
  expect(acquire()).toEqual([2]);
  const accept = (memberId: string, offsets: readonly number[]) =>
    client.ask<ShareAcknowledgeAnswer>('b1', {
      type: 'kafka/ShareAcknowledge',
      group: 'billing',
      memberId,
      acks: [
        {
          partition: bench.partition('rides'),
          ranges: offsets.map((offset) => ({ from: offset, to: offset, type: 'ACCEPT' })),
        },
      ],
      closes: false,
    } as Omit<ClientRequest, 'id'>)?.results[0]?.error;
  expect(accept('x', [0])).toBe('NONE');
  bench.story();
  expect(accept('w', [0, 1])).toBe('NONE');
  expect(bench.story('acked', 'ack-refused')).toEqual([
    'b1 ack-refused m1 rides/0 → worker (lock expired)',
    'b1 acked m2 rides/0 → worker',
  ]);
});

describe('looks no further than it must', () => {
  beforeEach(() => begin({}));

  it('at the log: a fetch of one record does not read the backlog behind it', () => {
    publish(...Array.from({ length: 50 }, (_, i) => `k${i}`));
    let seen = 0;
    const plain = PartitionLog.prototype.scan;
    vi.spyOn(PartitionLog.prototype, 'scan').mockImplementation(function (
      this: PartitionLog<unknown>,
      from,
      below,
      visit,
    ) {
      plain.call(this, from, below, (record) => {
        seen++;
        return visit(record);
      });
    });
    client.ask('b1', { ...request(0), maxRecords: 1 } as Omit<ClientRequest, 'id'>);
    vi.restoreAllMocks();
    expect(seen).toBeLessThan(5);
  });

  it('at who waits: one record is offered until somebody has it, and an accepted one wakes nobody (K102)', () => {
    const fetches = ['x', 'y', 'z'].map((memberId) =>
      client.send('b1', { ...request(20 * SECOND), memberId, maxRecords: 1 } as Omit<ClientRequest, 'id'>),
    );
    bench.wait(SECOND);
    const asked = vi.spyOn(SharePartition.prototype, 'canAcquire', 'get');
    publish('a');
    expect(asked).toHaveBeenCalledTimes(2);
    expect(fetches.map((id) => idsIn(client.answer<ShareFetchAnswer>(id)))).toEqual([[1], undefined, undefined]);
    const ranges = [{ from: 0, to: 0, type: 'ACCEPT' }];
    const acks = [{ partition: bench.partition('rides'), ranges }];
    const wire = { type: 'kafka/ShareAcknowledge', group: 'billing', memberId: 'x', acks, closes: false };
    client.ask('b1', wire as Omit<ClientRequest, 'id'>);
    expect(asked).toHaveBeenCalledTimes(2);
    vi.restoreAllMocks();
  });
});

it('knows after a restart of its coordinator which epoch each member had come to (K100)', () => {
  const beat = (memberId: string, memberEpoch: number) =>
    client.ask<EpochHeartbeatAnswer>('b1', {
      type: 'kafka/ShareGroupHeartbeat',
      group: 'billing',
      memberId,
      instanceId: undefined,
      memberEpoch,
      topics: ['rides'],
      rebalanceTimeoutUs: 60 * SECOND,
      assignor: undefined,
      owned: [],
      reason: 'joined the group',
    } as Omit<ClientRequest, 'id'>);
  expect(beat('w', 0)?.memberEpoch).toBe(1);
  expect(beat('x', 0)?.memberEpoch).toBe(2);
  expect(beat('w', 1)?.memberEpoch).toBe(2);
  bench.crash('b1');
  bench.restart('b1');
  expect(beat('w', 2)).toMatchObject({ error: 'NONE', memberEpoch: 2, partitions: ['rides-0'] });
  expect(beat('x', 1)?.error).toBe('FENCED_MEMBER_EPOCH');
});
