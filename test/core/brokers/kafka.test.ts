import { beforeEach, describe, expect, it, vi } from 'vitest';
import type {
  Answer,
  ClientRequest,
  EpochHeartbeatAnswer,
  InitProducerIdAnswer,
  ListOffsetsAnswer,
  ProduceRequest,
  SyncGroupAnswer,
} from '../../../core/brokers/kafka-wires.ts';
import type { SeekTarget, Wire } from '../../../core/machine.ts';
import { PartitionLog } from '../../../core/parts/partition-log.ts';
import {
  type FetchAnswer,
  fetch,
  type HandClient,
  type JoinGroupAnswer,
  KafkaBench,
  type OffsetFetchAnswer,
  type ProduceAnswer,
  produce,
  read,
} from './kafka-bench.ts';

const SECOND = 1_000_000;
const CONFIRMED = { error: 'NONE', baseOffset: 0 };

function results(answer: ProduceAnswer | undefined): { error: string; baseOffset: number }[] | undefined {
  return answer?.results.map(({ error, baseOffset }) => ({ error, baseOffset }));
}

describe('replication (K15-K18)', () => {
  it('confirms acks=all when the in-sync followers have fetched it', () => {
    const bench = new KafkaBench();
    const client = bench.client('app');
    bench.start();
    const answer = client.ask<ProduceAnswer>('b1', produce(bench, [bench.message()]));
    expect(results(answer)).toEqual([CONFIRMED]);
    expect(bench.story('appended', 'replicated', 'watermark-moved')).toEqual([
      'b1 appended m1 rides/0 → app @0',
      'b2 replicated rides/0 → b1',
      'b3 replicated rides/0 → b1',
      'b1 watermark-moved rides/0 @1',
    ]);
  });

  it('hides a record from consumers until it is committed', () => {
    const bench = new KafkaBench();
    const client = bench.client('app');
    bench.start();
    bench.cutOff('b3');
    client.ask('b1', produce(bench, [bench.message()], { acks: 1 }));
    expect(read(client.ask<FetchAnswer>('b1', fetch(bench, 0)))).toEqual([]);
    bench.cutOff('b3', false);
    bench.wait(35 * SECOND);
    expect(read(client.ask<FetchAnswer>('b1', fetch(bench, 0)))).toEqual([1]);
  });

  it('answers a parked fetch as soon as a record is committed (K6)', () => {
    const bench = new KafkaBench();
    const client = bench.client('app');
    bench.start();
    const id = client.send('b1', fetch(bench, 0, 'read_uncommitted', 500_000) as Omit<ClientRequest, 'id'>);
    bench.wait(100_000);
    expect(client.answer(id)).toBeUndefined();
    client.ask('b1', produce(bench, [bench.message()]), 10_000);
    expect(read(client.answer<FetchAnswer>(id))).toEqual([1]);
  });

  it('answers a fetch once fetch.min.bytes are there, also when no number of whole records makes just so many (K6)', () => {
    const bench = new KafkaBench();
    const client = bench.client('app');
    bench.start();
    const patient = { ...fetch(bench, 0, 'read_uncommitted', 5 * SECOND), minBytes: 250 } as Omit<ClientRequest, 'id'>;
    client.ask('b1', produce(bench, [bench.message(), bench.message()]));
    const id = client.send('b1', patient);
    bench.wait(100_000);
    expect(client.answer(id)).toBeUndefined();
    client.ask('b1', produce(bench, [bench.message()]));
    expect(read(client.answer<FetchAnswer>(id))).toEqual([1, 2, 3]);
    expect(read(client.ask<FetchAnswer>('b1', patient))).toEqual([1, 2, 3]);
  });

  it('counts of a partition no more than a fetch may take of it towards fetch.min.bytes (K6)', () => {
    const bench = new KafkaBench();
    const client = bench.client('app');
    bench.start();
    client.ask('b1', produce(bench, [bench.message(), bench.message(), bench.message()]));
    const sparing = { ...fetch(bench, 0, 'read_uncommitted', 5 * SECOND), minBytes: 250, partitionBytes: 200 };
    const id = client.send('b1', sparing as Omit<ClientRequest, 'id'>);
    bench.wait(SECOND);
    expect(client.answer(id)).toBeUndefined();
    bench.wait(5 * SECOND);
    expect(read(client.answer<FetchAnswer>(id))).toEqual([1, 2]);
  });

  it('looks at no more of a backlog than it answers with', () => {
    const bench = new KafkaBench({ nodes: 1 });
    const client = bench.client('app');
    bench.start();
    client.ask(
      'b1',
      produce(
        bench,
        Array.from({ length: 50 }, () => bench.message()),
      ),
    );
    const plain = PartitionLog.prototype.scan;
    let seen = 0;
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
    const answer = client.ask<FetchAnswer>('b1', { ...fetch(bench, 0), maxRecords: 2 } as Omit<ClientRequest, 'id'>);
    vi.restoreAllMocks();
    expect(read(answer)).toEqual([1, 2]);
    expect(seen).toBeLessThan(5);
  });

  it('removes a silent node from the in-sync set, and takes it back when it has caught up (K19, K20)', () => {
    const bench = new KafkaBench();
    const client = bench.client('app');
    bench.start();
    bench.crash('b3');
    bench.wait(12 * SECOND);
    expect(bench.story('isr-changed')).toHaveLength(1);
    client.ask('b1', produce(bench, [bench.message()]));
    bench.restart('b3');
    bench.wait(5 * SECOND);
    expect(bench.story('isr-changed', 'replicated')).toContain('b3 replicated rides/0 → b1');
  });

  it('refuses acks=all below min.insync.replicas, and takes acks=1 without showing it (K16, K17)', () => {
    const bench = new KafkaBench({
      nodes: 2,
      topics: { rides: { 'min.insync.replicas': 2, 'replication.factor': 2 } },
    });
    const client = bench.client('app');
    bench.start();
    bench.crash('b2');
    bench.wait(12 * SECOND);
    const refused = client.ask<ProduceAnswer>('b1', produce(bench, [bench.message()]));
    expect(results(refused)).toEqual([{ error: 'NOT_ENOUGH_REPLICAS', baseOffset: -1 }]);
    expect(bench.story('rejected')).toEqual(['b1 rejected m1 rides/0 → app (not enough replicas)']);
    expect(results(client.ask<ProduceAnswer>('b1', produce(bench, [bench.message()], { acks: 1 })))).toEqual([
      CONFIRMED,
    ]);
    expect(read(client.ask<FetchAnswer>('b1', fetch(bench, 0)))).toEqual([]);
  });
});

describe('settings that change (K16)', () => {
  it('min.insync.replicas counts at once', () => {
    const bench = new KafkaBench({ topics: { rides: {} } });
    const client = bench.client('app');
    bench.start();
    bench.crash('b2');
    bench.crash('b3');
    bench.wait(12 * SECOND);
    const write = () =>
      client.ask<ProduceAnswer>('b1', produce(bench, [bench.message()]))?.results.map(({ error }) => error);
    const set = (value: number) =>
      bench.command('b1', { type: 'set', path: ['topics', 'rides', 'min.insync.replicas'], value });
    expect(write()).toEqual(['NONE']);
    set(2);
    expect(write()).toEqual(['NOT_ENOUGH_REPLICAS']);
    client.ask('b1', produce(bench, [bench.message()], { acks: 1 }));
    bench.story();
    set(1);
    expect(bench.story('watermark-moved')).toEqual(['b1 watermark-moved rides/0 @2']);
    expect(write()).toEqual(['NONE']);
  });
});

describe('a leader crash (K21-K24)', () => {
  /** Writes m1 everywhere, then m2 to a leader that is cut off from its followers and dies. */
  function crashAfter(acks: -1 | 1): { bench: KafkaBench; client: HandClient; confirmed: boolean } {
    const bench = new KafkaBench({ topics: { rides: { 'min.insync.replicas': 2 } } });
    const client = bench.client('app');
    bench.start();
    client.ask('b1', produce(bench, [bench.message()]));
    bench.cutOff('b2');
    bench.cutOff('b3');
    const id = client.send('b1', produce(bench, [bench.message()], { acks }) as Omit<ClientRequest, 'id'>);
    bench.wait(5_000);
    const confirmed = client.answer<ProduceAnswer>(id) !== undefined;
    bench.crash('b1');
    bench.cutOff('b2', false);
    bench.cutOff('b3', false);
    bench.wait(12 * SECOND);
    bench.restart('b1');
    bench.wait(12 * SECOND);
    return { bench, client, confirmed };
  }

  it('loses no message of which only the second copy is cut, as one that was sent again without idempotence (K27)', () => {
    const bench = new KafkaBench();
    const client = bench.client('app');
    bench.start();
    const message = bench.message();
    client.ask('b1', produce(bench, [message]));
    bench.cutOff('b2');
    bench.cutOff('b3');
    client.ask('b1', produce(bench, [message], { acks: 1 }));
    bench.crash('b1');
    bench.cutOff('b2', false);
    bench.cutOff('b3', false);
    bench.wait(12 * SECOND);
    bench.restart('b1');
    bench.wait(12 * SECOND);
    expect(bench.story('appended', 'truncated', 'lost')).toEqual([
      'b1 appended m1 rides/0 → app @0',
      'b1 appended m1 rides/0 → app @1',
      'b1 truncated rides/0 @1',
    ]);
  });

  it('loses no message that was stored again and then compacted, while the replica with its first copy was down (K82)', () => {
    const bench = new KafkaBench({
      topics: { rides: { 'cleanup.policy': 'compact', 'segment.bytes': 150, 'min.cleanable.dirty.ratio': 0 } },
    });
    const client = bench.client('app');
    bench.start();
    const message = bench.message({ key: 'a' });
    bench.cutOff('b2');
    bench.cutOff('b3');
    client.ask('b1', produce(bench, [message], { acks: 1 }));
    bench.crash('b1');
    bench.cutOff('b2', false);
    bench.cutOff('b3', false);
    bench.wait(12 * SECOND);
    for (const one of [message, bench.message({ key: 'a' }), bench.message({ key: 'a' })])
      client.ask('b2', produce(bench, [one]));
    bench.wait(20 * SECOND);
    bench.restart('b1');
    bench.wait(12 * SECOND);
    expect(bench.story('evicted', 'truncated', 'lost')).toEqual([
      'b2 evicted m1 rides/0 (compaction)',
      'b1 truncated rides/0 @0',
    ]);
  });

  it('loses a message that acks=1 had confirmed', () => {
    const { bench, client, confirmed } = crashAfter(1);
    expect(confirmed).toBe(true);
    expect(bench.story('elected', 'truncated', 'lost')).toEqual([
      'controller elected rides/0 → b2 #1',
      'b1 truncated rides/0 @1',
      'b1 lost m2 rides/0 (not replicated)',
    ]);
    expect(read(client.ask<FetchAnswer>('b2', fetch(bench, 0)))).toEqual([1]);
  });

  it('loses nothing that acks=all had confirmed: it had not confirmed it', () => {
    const { bench, client, confirmed } = crashAfter(-1);
    expect(confirmed).toBe(false);
    expect(read(client.ask<FetchAnswer>('b2', fetch(bench, 0)))).toEqual([1]);
  });

  it('leaves the partition offline when only a lagging replica is left, unless unclean elections are allowed', () => {
    for (const unclean of [false, true]) {
      const bench = new KafkaBench({
        nodes: 2,
        topics: { rides: { 'replication.factor': 2, 'unclean.leader.election.enable': unclean } },
      });
      const client = bench.client('app');
      bench.start();
      bench.crash('b2');
      bench.wait(12 * SECOND);
      client.ask('b1', produce(bench, [bench.message()]));
      bench.crash('b1');
      bench.wait(12 * SECOND);
      bench.story();
      bench.restart('b2');
      bench.wait(5 * SECOND);
      expect(bench.story('elected').length, `unclean: ${unclean}`).toBe(unclean ? 1 : 0);
    }
  });

  it('elects for a partition that is offline already when unclean elections are allowed later, at the next check (K23)', () => {
    const bench = new KafkaBench({ nodes: 2, topics: { rides: { 'replication.factor': 2 } } });
    bench.start();
    bench.crash('b2');
    bench.wait(12 * SECOND);
    bench.crash('b1');
    bench.wait(12 * SECOND);
    bench.restart('b2');
    bench.wait(5 * SECOND);
    bench.command('b2', { type: 'set', path: ['topics', 'rides', 'unclean.leader.election.enable'], value: true });
    bench.wait(5 * SECOND);
    expect(bench.story('elected')).toEqual([]);
    bench.wait(300 * SECOND);
    expect(bench.story('elected')).toEqual(['controller elected rides/0 → b2 #2']);
  });

  it('may elect who left the in-sync set while it was too small, where eligible leader replicas are kept (K22)', () => {
    for (const version of [0, 1]) {
      const bench = new KafkaBench({
        broker: { 'eligible.leader.replicas.version': version },
        topics: { rides: { 'min.insync.replicas': 3 } },
      });
      const client = bench.client('app');
      bench.start();
      client.ask('b1', produce(bench, [bench.message()]));
      bench.cutOff('b2');
      bench.wait(12 * SECOND);
      bench.crash('b3');
      bench.wait(12 * SECOND);
      bench.crash('b1');
      bench.story();
      bench.cutOff('b2', false);
      bench.wait(12 * SECOND);
      const elected = version === 1 ? ['controller elected rides/0 → b2 #1'] : [];
      expect(bench.story('elected'), `version ${version}`).toEqual(elected);
    }
  });

  it('elects the last known leader when nobody else is left in either set (K22)', () => {
    const bench = new KafkaBench({ nodes: 2, broker: { 'eligible.leader.replicas.version': 1 } });
    bench.start();
    bench.crash('b2');
    bench.wait(12 * SECOND);
    bench.crash('b1');
    bench.wait(12 * SECOND);
    bench.story();
    bench.restart('b2');
    bench.wait(5 * SECOND);
    expect(bench.story('elected')).toEqual([]);
    bench.restart('b1');
    bench.wait(5 * SECOND);
    expect(bench.story('elected')).toEqual(['controller elected rides/0 → b1 #2']);
  });

  it('on a single node loses nothing but what had not reached the disk, when the disk’s cache goes too', () => {
    for (const losesDisk of [false, true]) {
      const bench = new KafkaBench({ nodes: 1 });
      const client = bench.client('app');
      bench.start();
      client.ask('b1', produce(bench, [bench.message()]), 31 * SECOND);
      client.ask('b1', produce(bench, [bench.message()]));
      bench.crash('b1', losesDisk);
      bench.restart('b1');
      expect(read(client.ask<FetchAnswer>('b1', fetch(bench, 0)))).toEqual(losesDisk ? [1] : [1, 2]);
      expect(bench.story('lost')).toEqual(losesDisk ? ['b1 lost m2 rides/0 (not flushed)'] : []);
    }
  });
});

describe('idempotence (K32)', () => {
  it('recognises a retry, also after another node became leader', () => {
    const bench = new KafkaBench();
    const client = bench.client('app');
    bench.start();
    const message = bench.message();
    client.ask('b1', produce(bench, [message], { producerId: 9, sequence: 0 }));
    bench.crash('b1');
    bench.wait(12 * SECOND);
    bench.story();
    const again = client.ask<ProduceAnswer>('b2', produce(bench, [message], { producerId: 9, sequence: 0 }));
    expect(results(again)).toEqual([CONFIRMED]);
    expect(bench.story('appended', 'deduplicated')).toEqual(['b2 deduplicated m1 rides/0 → app']);
  });

  it('refuses a gap', () => {
    const bench = new KafkaBench({ nodes: 1 });
    const client = bench.client('app');
    bench.start();
    client.ask('b1', produce(bench, [bench.message()], { producerId: 9, sequence: 0 }));
    const gap = client.ask<ProduceAnswer>('b1', produce(bench, [bench.message()], { producerId: 9, sequence: 5 }));
    expect(results(gap)?.[0]?.error).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
  });
});

describe('a compacted topic (K82-K84)', () => {
  const compacted = { 'cleanup.policy': 'compact', 'segment.bytes': 150, 'min.cleanable.dirty.ratio': 0 };

  it('keeps the newest record of each key, and readers go on where something is left', () => {
    const bench = new KafkaBench({ nodes: 1, topics: { rides: compacted } });
    const client = bench.client('app');
    bench.start();
    for (const key of ['a', 'a', 'b', 'a', 'c']) client.ask('b1', produce(bench, [bench.message({ key })]));
    bench.wait(16 * SECOND);
    expect(bench.story('evicted')).toEqual([
      'b1 evicted m1 rides/0 (compaction)',
      'b1 evicted m2 rides/0 (compaction)',
    ]);
    expect(read(client.ask<FetchAnswer>('b1', fetch(bench, 0)))).toEqual([3, 4, 5]);
  });

  it('refuses a record without a key, for good', () => {
    const bench = new KafkaBench({ nodes: 1, topics: { rides: compacted } });
    const client = bench.client('app');
    bench.start();
    const answer = client.ask<ProduceAnswer>('b1', produce(bench, [bench.message({ key: null })]));
    expect(answer?.results[0]?.error).toBe('INVALID_RECORD');
  });
});

describe('finding offsets (K9)', () => {
  it('by time, at both ends, and not before the first record of a young one', () => {
    const bench = new KafkaBench({ nodes: 1 });
    const client = bench.client('app');
    bench.start();
    for (const producedAtUs of [SECOND, 2 * SECOND, 3 * SECOND]) {
      client.ask('b1', produce(bench, [bench.message({ producedAtUs })]));
    }
    const partition = bench.partition('rides');
    const queries = ['earliest', 'latest', { timeUs: 1_500_000 }, { timeUs: 9 * SECOND }].map((query) => ({
      partition,
      query,
    }));
    const request = { type: 'kafka/ListOffsets', isolation: 'read_uncommitted', queries } as Omit<ClientRequest, 'id'>;
    expect(client.ask<ListOffsetsAnswer>('b1', request)?.offsets.map(({ offset }) => offset)).toEqual([0, 3, 1, -1]);
  });
});

describe('a consumer group (K49-K57)', () => {
  let bench: KafkaBench;
  let clients: HandClient[];

  const member = (memberId: string, generation: number) => ({
    group: 'billing',
    memberId,
    instanceId: undefined,
    generation,
  });

  function join(client: HandClient, memberId = ''): number {
    return client.send('b1', {
      type: 'kafka/JoinGroup',
      ...member(memberId, -1),
      clientId: 'app',
      sessionTimeoutUs: 10 * SECOND,
      rebalanceTimeoutUs: 60 * SECOND,
      assignors: ['range'],
      topics: ['rides'],
      owned: [],
    } as Omit<ClientRequest, 'id'>);
  }

  /** Joins as clients do: once for a member id, once with it. */
  function enter(client: HandClient): { memberId: string; request: number } {
    const first = join(client);
    bench.wait(5_000);
    const memberId = client.answer<JoinGroupAnswer>(first)?.memberId ?? '';
    return { memberId, request: join(client, memberId) };
  }

  const commit = (client: HandClient, memberId: string, generation: number, offset: number) =>
    client.ask<Answer>('b1', {
      type: 'kafka/OffsetCommit',
      ...member(memberId, generation),
      offsets: [{ partition: bench.partition('rides'), offset }],
    } as Omit<ClientRequest, 'id'>)?.error;

  const committed = (client: HandClient) =>
    client.ask<OffsetFetchAnswer>('b1', {
      type: 'kafka/OffsetFetch',
      group: 'billing',
      partitions: [bench.partition('rides')],
      requireStable: false,
    } as Omit<ClientRequest, 'id'>)?.offsets[0]?.offset;

  const sync = (client: HandClient, memberId: string, generation: number, assignment?: ReadonlyMap<string, string[]>) =>
    client.ask<SyncGroupAnswer>('b1', {
      type: 'kafka/SyncGroup',
      ...member(memberId, generation),
      assignment,
    } as Omit<ClientRequest, 'id'>);

  beforeEach(() => {
    bench = new KafkaBench({ nodes: 1 });
    clients = [bench.client('c1'), bench.client('c2')];
    // A group exists for the cluster once a consumer of it is declared.
    bench.setup.place('billing', 'group');
    bench.cluster.consumerPort(
      {
        name: 'c1',
        declared: 'billing',
        instance: 1,
        options: {},
        from: ['rides'],
        group: 'billing',
        settle: 'after-processing',
        prefetch: 1,
      },
      { deliver() {}, settled() {}, revoked() {}, disconnected() {} },
      bench.setup,
    );
    bench.start();
  });

  it('rebalances when a member falls silent, and refuses what its zombie commits', () => {
    const [first, second] = clients as [HandClient, HandClient];
    const zombie = enter(first);
    bench.wait(5_000);
    sync(first, zombie.memberId, 1, new Map([[zombie.memberId, ['rides-0']]]));
    expect(commit(first, zombie.memberId, 1, 5)).toBe('NONE');
    const heir = enter(second);
    bench.wait(11 * SECOND);
    const generation = second.answer<JoinGroupAnswer>(heir.request)?.generation ?? -1;
    sync(second, heir.memberId, generation, new Map([[heir.memberId, ['rides-0']]]));
    expect(commit(first, zombie.memberId, 1, 9)).toBe('UNKNOWN_MEMBER_ID');
    expect(committed(second)).toBe(5);
    expect(bench.story('joined', 'left', 'rebalanced', 'assigned', 'committed', 'commit-refused')).toEqual([
      'b1 joined billing → c1',
      'b1 rebalanced billing #1',
      'b1 assigned rides/0 → c1',
      'b1 committed rides/0 → c1 @5',
      'b1 joined billing → c2',
      'b1 left billing → c1 (session timeout)',
      'b1 rebalanced billing #2',
      'b1 assigned rides/0 → c2',
      'b1 commit-refused rides/0 → c1 @9 (fenced)',
    ]);
  });

  it('misses a static member that came back under another id and then fell silent (K66)', () => {
    const [first] = clients as [HandClient];
    const seated = { ...member('', -1), instanceId: 'seat' };
    const enterSeat = () =>
      first.ask<JoinGroupAnswer>('b1', {
        type: 'kafka/JoinGroup',
        ...seated,
        clientId: 'app',
        sessionTimeoutUs: 10 * SECOND,
        rebalanceTimeoutUs: 60 * SECOND,
        assignors: ['range'],
        topics: ['rides'],
        owned: [],
      } as Omit<ClientRequest, 'id'>);
    const { memberId = '' } = enterSeat() ?? {};
    first.ask('b1', {
      type: 'kafka/SyncGroup',
      ...member(memberId, 1),
      instanceId: 'seat',
      assignment: new Map([[memberId, ['rides-0']]]),
    } as Omit<ClientRequest, 'id'>);
    expect(enterSeat()).toMatchObject({ error: 'NONE', generation: 1 });
    bench.wait(11 * SECOND);
    expect(bench.story('joined', 'left')).toEqual(['b1 joined billing → c1', 'b1 left billing → c1 (session timeout)']);
  });

  it('tells members of a rebalance in the answer to their heartbeat', () => {
    const [first, second] = clients as [HandClient, HandClient];
    const one = enter(first);
    bench.wait(5_000);
    sync(first, one.memberId, 1, new Map([[one.memberId, ['rides-0']]]));
    enter(second);
    bench.wait(5_000);
    const beat = { type: 'kafka/Heartbeat', ...member(one.memberId, 1) } as Omit<ClientRequest, 'id'>;
    expect(first.ask<Answer>('b1', beat)?.error).toBe('REBALANCE_IN_PROGRESS');
  });

  it('is made by a commit that claims no generation, and by nothing else that a stranger asks (K55)', () => {
    const [first] = clients as [HandClient];
    expect(commit(first, 'stranger', 3, 5)).toBe('GROUP_ID_NOT_FOUND');
    const beat = { type: 'kafka/Heartbeat', ...member('stranger', 3) } as Omit<ClientRequest, 'id'>;
    expect(first.ask<Answer>('b1', beat)?.error).toBe('UNKNOWN_MEMBER_ID');
    expect(committed(first)).toBe(-1);
    const old = { type: 'kafka/OffsetCommit', version: 8, offsets: [], ...member('stranger', 3) };
    expect(first.ask<Answer>('b1', old as Omit<ClientRequest, 'id'>)?.error).toBe('ILLEGAL_GENERATION');
    expect(commit(first, '', -1, 5)).toBe('NONE');
    expect(committed(first)).toBe(5);
    expect(commit(first, 'stranger', 3, 6)).toBe('UNKNOWN_MEMBER_ID');
  });

  it('keeps its offsets and members over a restart of its coordinator', () => {
    const [first] = clients as [HandClient];
    const one = enter(first);
    bench.wait(5_000);
    sync(first, one.memberId, 1, new Map([[one.memberId, ['rides-0']]]));
    commit(first, one.memberId, 1, 7);
    bench.crash('b1');
    bench.restart('b1');
    expect(committed(first)).toBe(7);
    expect(commit(first, one.memberId, 1, 8)).toBe('NONE');
  });
});

describe('the offsets of a group without members (K72)', () => {
  it('are reset for every partition of the topic, wherever its leader is, within what the log holds', () => {
    const bench = new KafkaBench({ topics: { rides: { partitions: 3, 'replication.factor': 1 } } });
    const client = bench.client('app');
    bench.start();
    const offsets = () =>
      client
        .ask<OffsetFetchAnswer>('b1', {
          type: 'kafka/OffsetFetch',
          group: 'billing',
          partitions: [0, 1, 2].map((number) => bench.partition('rides', number)),
          requireStable: false,
        } as Omit<ClientRequest, 'id'>)
        ?.offsets.map(({ offset }) => offset);
    const write = (number: number) => {
      const request = produce(bench, [bench.message()]) as unknown as ProduceRequest;
      const [one] = request.batches;
      client.ask(`b${number + 1}`, {
        ...request,
        batches: [{ ...one, partition: bench.partition('rides', number) }],
      } as Omit<ClientRequest, 'id'>);
    };
    for (const number of [0, 1, 2]) for (let i = 0; i <= number; i++) write(number);
    const commit = {
      type: 'kafka/OffsetCommit',
      group: 'billing',
      memberId: '',
      instanceId: undefined,
      generation: -1,
      offsets: [{ partition: bench.partition('rides', 1), offset: 1 }],
    } as Omit<ClientRequest, 'id'>;
    bench.cluster.consumerPort(
      {
        name: 'c1',
        declared: 'billing',
        instance: 1,
        options: {},
        from: ['rides'],
        group: 'billing',
        settle: 'after-processing',
        prefetch: 1,
      },
      { deliver() {}, settled() {}, revoked() {}, disconnected() {} },
      bench.setup,
    );
    bench.wait(5 * SECOND);
    expect(client.ask<Answer>('b1', commit)?.error).toBe('NONE');
    expect(offsets()).toEqual([-1, 1, -1]);
    const seek = (to: SeekTarget) => {
      for (const node of ['b1', 'b2', 'b3']) bench.command(node, { type: 'seek', group: 'billing', to });
      bench.wait(SECOND);
      return offsets();
    };
    expect(seek({ end: 'latest' })).toEqual([1, 2, 3]);
    expect(seek({ end: 'earliest' })).toEqual([0, 0, 0]);
    expect(seek({ offset: 2 })).toEqual([1, 2, 2]);
    expect(seek({ timeUs: 0 })).toEqual([0, 0, 0]);
  });
});

describe('a coordinator that has not heard of its end', () => {
  it('refuses what it could not write any more in the words of coordinators', () => {
    const bench = new KafkaBench({
      broker: { 'offsets.topic.replication.factor': 3, 'broker.session.timeout.ms': 2 * SECOND },
    });
    const consumer = { name: 'c1', declared: 'c1', instance: 1, options: {}, from: ['rides'], group: 'billing' };
    bench.cluster.consumerPort(
      { ...consumer, settle: 'after-processing', prefetch: 1 },
      { deliver() {}, settled() {}, revoked() {}, disconnected() {} },
      bench.setup,
    );
    const client = bench.client('hand');
    bench.start();
    bench.cutOff('b2');
    bench.cutOff('b3');
    bench.cutOff('controller');
    const commit = client.send('b1', {
      type: 'kafka/OffsetCommit',
      group: 'billing',
      memberId: '',
      instanceId: undefined,
      generation: -1,
      offsets: [{ partition: bench.partition('rides'), offset: 5 }],
    } as Omit<ClientRequest, 'id'>);
    bench.wait(SECOND / 2);
    bench.cutOff('b1');
    for (const name of ['b2', 'b3', 'controller']) bench.cutOff(name, false);
    bench.wait(2.2 * SECOND);
    bench.cutOff('b1', false);
    bench.wait(1.8 * SECOND);
    expect(client.answer<Answer>(commit)?.error).toBe('NOT_COORDINATOR');
    expect(bench.story('commit-refused')).toEqual(['b1 commit-refused rides/0 → hand @5 (leader moved)']);
  });

  it('does not say of an offset that it is committed when another one has said so', () => {
    const bench = new KafkaBench({
      broker: { 'offsets.topic.replication.factor': 3, 'broker.session.timeout.ms': 2 * SECOND },
    });
    bench.cluster.consumerPort(
      {
        name: 'c1',
        declared: 'c1',
        instance: 1,
        options: {},
        from: ['rides'],
        group: 'billing',
        settle: 'after-processing',
        prefetch: 1,
      },
      { deliver() {}, settled() {}, revoked() {}, disconnected() {} },
      bench.setup,
    );
    const client = bench.client('hand');
    bench.start();
    const partition = bench.groupPartition('billing');
    client.send('b1', {
      type: 'kafka/OffsetCommit',
      group: 'billing',
      memberId: '',
      instanceId: undefined,
      generation: -1,
      offsets: [{ partition: bench.partition('rides'), offset: 5 }],
    } as Omit<ClientRequest, 'id'>);
    // The followers have it, and what says so does not arrive.
    bench.wait(2_500);
    bench.cutOff('b1');
    bench.wait(3 * SECOND);
    expect(bench.story('committed')).toEqual(['b2 committed rides/0 → hand @5']);
    bench.cutOff('b1', false);
    for (const broker of [2, 3]) {
      const partitions = [{ partition, offset: 1, leaderEpoch: 0, lastEpoch: 0 }];
      const late = { type: 'kafka/ReplicaFetch', id: 99, broker, partitions };
      bench.post(bench.actor(`b${broker}`), bench.actor('b1'), late as Wire);
    }
    bench.wait(1_000);
    expect(bench.story('committed')).toEqual([]);
  });
});

describe('a transaction marker', () => {
  it('waits for enough replicas as any record does for which all are waited (K16)', () => {
    const bench = new KafkaBench({ topics: { rides: { 'min.insync.replicas': 2 } } });
    const client = bench.client('hand');
    bench.start();
    const mark = (round: number) =>
      client.ask<Answer>('b1', {
        type: 'kafka/WriteTxnMarkers',
        transactionalId: 'ledger',
        producerId: 1,
        epoch: 0,
        coordinatorEpoch: 0,
        round,
        result: 'COMMIT',
        partitions: [bench.partition('rides')],
      } as unknown as Omit<ClientRequest, 'id'>)?.error;
    const end = () => client.ask<FetchAnswer>('b1', fetch(bench, 0))?.partitions[0]?.nextOffset;
    bench.crash('b2');
    bench.crash('b3');
    bench.wait(15 * SECOND);
    expect(mark(1)).toBeUndefined();
    bench.restart('b2');
    bench.wait(5 * SECOND);
    expect([mark(1), end()]).toEqual(['NONE', 1]);
  });
});

describe('offsets in a transaction', () => {
  it('are unstable as soon as they are written, not only when they are replicated (K38)', () => {
    const bench = new KafkaBench({ broker: { 'offsets.topic.replication.factor': 3 } });
    bench.cluster.consumerPort(
      {
        name: 'c1',
        declared: 'c1',
        instance: 1,
        options: {},
        from: ['rides'],
        group: 'billing',
        settle: 'after-processing',
        prefetch: 1,
      },
      { deliver() {}, settled() {}, revoked() {}, disconnected() {} },
      bench.setup,
    );
    const client = bench.client('hand');
    bench.start();
    const rides = bench.partition('rides');
    const group = { group: 'billing', memberId: '', instanceId: undefined, generation: -1 };
    const offsets = [{ partition: rides, offset: 5 }];
    const commit = client.send('b1', {
      type: 'kafka/TxnOffsetCommit',
      ...group,
      producerId: 1,
      epoch: 0,
      offsets,
    } as Omit<ClientRequest, 'id'>);
    const found = client.send('b1', {
      type: 'kafka/OffsetFetch',
      group: 'billing',
      partitions: [rides],
      requireStable: true,
    } as Omit<ClientRequest, 'id'>);
    bench.wait(2_500);
    expect([client.answer(commit)?.error, client.answer(found)?.error]).toEqual([undefined, 'UNSTABLE_OFFSET_COMMIT']);
    bench.wait(50_000);
    expect(client.answer(commit)?.error).toBe('NONE');
  });
});

describe('offsets in a transaction under the consumer protocol (K38, K59)', () => {
  let bench: KafkaBench;
  let clients: HandClient[];

  const beat = (client: HandClient, memberId: string, memberEpoch: number, owned: readonly string[] = []) =>
    client.ask<EpochHeartbeatAnswer>('b1', {
      type: 'kafka/ConsumerGroupHeartbeat',
      group: 'billing',
      memberId,
      instanceId: undefined,
      memberEpoch,
      topics: ['rides'],
      rebalanceTimeoutUs: 60 * SECOND,
      assignor: undefined,
      owned,
      reason: 'left the group',
    } as Omit<ClientRequest, 'id'>);
  const ask = (client: HandClient, request: object) =>
    client.ask<Answer>('b1', request as Omit<ClientRequest, 'id'>)?.error;
  const identity = { transactionalId: 'ledger', producerId: 1, epoch: 0 };
  /** Offset 5 of the first partition, held back by an open transaction. */
  const hold = (client: HandClient, memberId: string, generation: number) => {
    const partitions = [bench.groupPartition('billing')];
    expect(ask(client, { type: 'kafka/AddPartitionsToTxn', ...identity, partitions })).toBe('NONE');
    const member = { group: 'billing', memberId, instanceId: undefined, generation };
    const offsets = [{ partition: bench.partition('rides'), offset: 5 }];
    expect(ask(client, { type: 'kafka/TxnOffsetCommit', ...member, producerId: 1, epoch: 0, offsets })).toBe('NONE');
    expect(bench.story('committed')).toEqual([]);
  };
  const commit = (client: HandClient) => {
    expect(ask(client, { type: 'kafka/EndTxn', ...identity, result: 'COMMIT' })).toBe('NONE');
    return bench.story('assigned', 'committed');
  };

  beforeEach(() => {
    bench = new KafkaBench({
      nodes: 1,
      broker: { 'transaction.state.log.min.isr': 1 },
      topics: { rides: { partitions: 2 } },
    });
    clients = [bench.client('c1'), bench.client('c2')];
    // The group and the transactional id exist for the cluster once their clients are declared.
    const client = { name: 'c1', declared: 'billing', instance: 1 };
    bench.cluster.consumerPort(
      { ...client, options: {}, from: ['rides'], group: 'billing', settle: 'after-processing', prefetch: 1 },
      { deliver() {}, settled() {}, revoked() {}, disconnected() {} },
      bench.setup,
    );
    bench.cluster.producerPort(
      { ...client, options: { 'transactional.id': 'ledger' }, to: ['rides'] },
      { confirmed() {}, failed() {}, retrying() {} },
      bench.setup,
    );
    bench.start();
    const [first] = clients as [HandClient];
    ask(first, { type: 'kafka/InitProducerId', transactionalId: 'ledger', timeoutUs: 60 * SECOND });
    expect(beat(first, 'one', 0)?.partitions).toEqual(['rides-0', 'rides-1']);
    hold(first, 'one', 1);
  });

  it('are still the member’s own when others have joined meanwhile', () => {
    const [first, second] = clients as [HandClient, HandClient];
    beat(second, 'two', 0);
    expect(beat(first, 'one', 1, ['rides-0', 'rides-1'])?.partitions).toEqual(['rides-0']);
    expect(beat(first, 'one', 1, ['rides-0'])?.memberEpoch).toBe(2);
    expect(commit(first)).toContain('b1 committed rides/0 → c1 @5');
  });

  it('count, but are nobody’s own any more, when the partition has another owner by then', () => {
    const [first, second] = clients as [HandClient, HandClient];
    beat(first, 'one', -1);
    beat(second, 'two', 0);
    expect(commit(first)).toEqual(['b1 assigned rides/0 → c2', 'b1 assigned rides/1 → c2', 'b1 committed rides/0 @5']);
  });
});

describe('transactions (K36-K46)', () => {
  let bench: KafkaBench;
  let client: HandClient;

  const init = () => {
    const request = { type: 'kafka/InitProducerId', transactionalId: 'ledger', timeoutUs: 60 * SECOND } as Omit<
      ClientRequest,
      'id'
    >;
    return client.ask<InitProducerIdAnswer>('b1', request);
  };
  const identified = (type: string, epoch: number, more: object) =>
    client.ask<Answer>('b1', { type, transactionalId: 'ledger', producerId: 1, epoch, ...more } as unknown as Omit<
      ClientRequest,
      'id'
    >)?.error;
  const add = (epoch: number) =>
    identified('kafka/AddPartitionsToTxn', epoch, { partitions: [bench.partition('rides')] });
  const end = (epoch: number, result: 'COMMIT' | 'ABORT') => identified('kafka/EndTxn', epoch, { result });
  const write = (sequence: number, epoch = 0) =>
    client.ask<ProduceAnswer>(
      'b1',
      produce(bench, [bench.message()], { producerId: 1, epoch, sequence, transactional: true }),
    )?.results[0]?.error;
  const visible = () => read(client.ask<FetchAnswer>('b1', fetch(bench, 0, 'read_committed')));

  beforeEach(() => {
    bench = new KafkaBench({ nodes: 1, broker: { 'transaction.state.log.min.isr': 1 } });
    client = bench.client('app');
    bench.cluster.producerPort(
      { name: 'app', declared: 'app', instance: 1, options: { 'transactional.id': 'ledger' }, to: ['rides'] },
      { confirmed() {}, failed() {}, retrying() {} },
      bench.setup,
    );
    bench.start();
    expect(init()).toMatchObject({ error: 'NONE', producerId: 1, epoch: 0 });
  });

  it('shows committed records to read_committed once the transaction has ended', () => {
    add(0);
    write(0);
    write(1);
    expect(visible()).toEqual([]);
    expect(end(0, 'COMMIT')).toBe('NONE');
    expect(visible()).toEqual([1, 2]);
  });

  it('never shows aborted records to read_committed', () => {
    add(0);
    write(0);
    end(0, 'ABORT');
    expect(visible()).toEqual([]);
    expect(read(client.ask<FetchAnswer>('b1', fetch(bench, 0)))).toEqual([1]);
  });

  it('fences the older of two producers with one transactional id, and aborts what it had open', () => {
    add(0);
    write(0);
    expect(init()?.error).toBe('CONCURRENT_TRANSACTIONS');
    expect(init()).toMatchObject({ error: 'NONE', epoch: 2 });
    expect(write(1)).toBe('INVALID_PRODUCER_EPOCH');
    expect(end(0, 'COMMIT')).toBe('PRODUCER_FENCED');
    expect(visible()).toEqual([]);
  });

  it('are aborted by the coordinator when they last too long', () => {
    add(0);
    write(0);
    bench.wait(75 * SECOND);
    expect(bench.story('txn-aborted', 'fenced')).toEqual(['b1 fenced → app', 'b1 txn-aborted → app']);
    expect(end(0, 'COMMIT')).toBe('PRODUCER_FENCED');
  });

  it('are ended by each marker once: what is asked for again is none of the next transaction (K40)', () => {
    const mark = (round: number, result: 'COMMIT' | 'ABORT') =>
      identified('kafka/WriteTxnMarkers', 0, {
        coordinatorEpoch: 0,
        round,
        result,
        partitions: [bench.partition('rides')],
      });
    write(0);
    expect([mark(1, 'COMMIT'), write(1), visible()]).toEqual(['NONE', 'NONE', [1]]);
    // Its answer was lost, or is late: it is given again, and nothing else happens.
    expect([mark(1, 'COMMIT'), visible()]).toEqual(['NONE', [1]]);
    expect([mark(2, 'COMMIT'), visible()]).toEqual(['NONE', [1, 2]]);
    expect([mark(1, 'COMMIT'), end(0, 'ABORT')]).toEqual([undefined, 'INVALID_TXN_STATE']);
  });

  it('are finished after a crash of the coordinator that had prepared them', () => {
    add(0);
    write(0);
    const request = { type: 'kafka/EndTxn', transactionalId: 'ledger', producerId: 1, epoch: 0, result: 'COMMIT' };
    client.ask('b1', request as unknown as Omit<ClientRequest, 'id'>, 1_000);
    bench.crash('b1');
    bench.restart('b1');
    bench.wait(SECOND);
    expect(visible()).toEqual([1]);
  });
});
