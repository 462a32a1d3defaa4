/** Partitions are added to a topic in use (K1, K53, K70): the cluster, a producer before and after it hears of them, and groups of each kind. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { ListOffsetsAnswer } from '../../../core/brokers/kafka-wires.ts';
import type { OptionValues } from '../../../core/options.ts';
import { partitionForKey } from '../../../core/parts/partitioner.ts';
import { KafkaBench } from '../brokers/kafka-bench.ts';
import { TestConsumer, TestProducer } from './kafka-hosts.ts';

const SECOND = 1_000_000;
/** Goes to the only partition, and to the second one of two. */
const MOVES = ['alice', 'bob', 'carol', 'dan'].find((key) => partitionForKey(key, 2) === 1) ?? '';

let bench: KafkaBench;

function grow(partitions: number, node = 'controller'): void {
  bench.command(node, { type: 'set', path: ['topics', 'rides', 'partitions'], value: partitions });
}

describe('a topic that is given more partitions (K1)', () => {
  it('has them at once, with leaders and replicas, and keeps what it has', () => {
    bench = new KafkaBench();
    const producer = new TestProducer(bench, 'app');
    bench.start();
    producer.port.publish(bench.message({ key: MOVES }), bench.say('app'));
    bench.wait(SECOND);
    bench.story();
    grow(3);
    bench.wait(SECOND);
    expect(bench.story('elected', 'truncated', 'lost')).toEqual([
      'controller elected rides/1 → b2 #0',
      'controller elected rides/2 → b3 #0',
    ]);
    const client = bench.client('tool');
    const ends = client.ask<ListOffsetsAnswer>('b1', {
      type: 'kafka/ListOffsets',
      isolation: 'read_uncommitted',
      queries: [{ partition: bench.partition('rides'), query: 'latest' }],
    } as never);
    expect(ends?.offsets[0]?.offset).toBe(1);
  });

  it.each([3, 2, 1])('refuses %i when it has three', (partitions) => {
    bench = new KafkaBench({ topics: { rides: { partitions: 3 } } }).start();
    grow(partitions);
    bench.wait(5 * SECOND);
    expect(bench.story('elected', 'isr-changed')).toEqual([]);
    grow(4);
    bench.wait(SECOND);
    expect(bench.story('elected')).toEqual(['controller elected rides/3 → b1 #0']);
  });

  it('puts them on nodes that are alive', () => {
    bench = new KafkaBench({ topics: { rides: { 'replication.factor': 1 } } }).start();
    bench.crash('b2');
    bench.wait(12 * SECOND);
    bench.story();
    grow(2);
    expect(bench.story('elected')).toEqual(['controller elected rides/1 → b3 #0']);
  });

  it('lets a node that was away take its replicas when it is back', () => {
    bench = new KafkaBench().start();
    bench.crash('b2');
    bench.wait(12 * SECOND);
    bench.story();
    grow(2);
    expect(bench.story('elected')).toEqual(['controller elected rides/1 → b3 #0']);
    bench.restart('b2');
    bench.wait(5 * SECOND);
    expect(bench.story('isr-changed').filter((line) => line.includes('rides/1'))).toHaveLength(1);
  });

  it('needs no controller where there is one node', () => {
    bench = new KafkaBench({ nodes: 1 }).start();
    grow(2, 'b1');
    grow(1, 'b1');
    expect(bench.story('elected')).toEqual(['b1 elected rides/1 → b1 #0']);
    bench.crash('b1');
    bench.restart('b1');
    expect(bench.story('elected')).toHaveLength(2);
  });
});

describe('a producer of such a topic (K11)', () => {
  it('goes by the old number until its metadata is of age, and by the new one then: a key lies in both partitions', () => {
    bench = new KafkaBench({ nodes: 1 });
    const producer = new TestProducer(bench, 'app', { 'metadata.max.age.ms': 30 * SECOND });
    bench.start();
    const publish = () => {
      producer.port.publish(bench.message({ key: MOVES }), bench.say('app'));
      bench.wait(SECOND);
    };
    publish();
    grow(2, 'b1');
    publish();
    bench.wait(30 * SECOND);
    publish();
    expect(bench.story('appended').map((line) => line.slice(0, line.indexOf(' →')))).toEqual([
      'b1 appended m1 rides/0',
      'b1 appended m2 rides/0',
      'b1 appended m3 rides/1',
    ]);
  });

  it('knows the new number from the first when it begins, or begins anew, after that', () => {
    bench = new KafkaBench({ nodes: 1 });
    const old = new TestProducer(bench, 'old');
    bench.start();
    grow(2, 'b1');
    const young = new TestProducer(bench, 'young');
    young.port.start(bench.say('young'));
    bench.wait(SECOND);
    for (const [name, { port }] of [
      ['old', old],
      ['young', young],
    ] as const)
      port.publish(bench.message({ key: MOVES }), bench.say(name));
    bench.wait(SECOND);
    bench.crash('old');
    bench.restart('old');
    bench.wait(SECOND);
    old.port.publish(bench.message({ key: MOVES }), bench.say('old'));
    bench.wait(SECOND);
    expect(bench.story('appended').map((line) => line.slice(0, line.indexOf(' @')))).toEqual([
      'b1 appended m1 rides/0 → old',
      'b1 appended m2 rides/1 → young',
      'b1 appended m3 rides/1 → old',
    ]);
  });
});

describe('a classic group (K53)', () => {
  beforeEach(() => {
    bench = new KafkaBench({ nodes: 1, topics: { rides: { partitions: 2 } } });
  });

  /** Two members; the first to come is the leader. */
  function members(first: OptionValues, second: OptionValues): void {
    new TestConsumer(bench, 'c1', first);
    bench.start();
    const later = new TestConsumer(bench, 'c2', second);
    later.port.start(bench.say('c2'));
    bench.wait(20 * SECOND);
    bench.story();
  }

  it('rebalances when its leader hears of it', () => {
    members({ 'metadata.max.age.ms': 30 * SECOND }, {});
    grow(4, 'b1');
    bench.wait(5 * SECOND);
    expect(bench.story('rebalance-begun', 'assigned')).toEqual([]);
    bench.wait(15 * SECOND);
    expect(bench.story('rebalance-begun')).toEqual(['b1 rebalance-begun billing (partitions added)']);
    bench.wait(10 * SECOND);
    // Once is enough.
    expect(bench.story('rebalance-begun')).toEqual([]);
  });

  it('does so at once, though a fetch of the leader still waits for records', () => {
    members({ 'metadata.max.age.ms': 30 * SECOND, 'fetch.max.wait.ms': 25 * SECOND }, {});
    grow(4, 'b1');
    bench.wait(10 * SECOND + 200_000);
    expect(bench.story('rebalance-begun')).toEqual(['b1 rebalance-begun billing (partitions added)']);
  });

  it('deals out what is new, and all that is old', () => {
    members({ 'metadata.max.age.ms': 30 * SECOND }, {});
    grow(4, 'b1');
    bench.wait(30 * SECOND);
    expect(bench.story('assigned').sort()).toEqual([
      'b1 assigned rides/0 → c1',
      'b1 assigned rides/1 → c1',
      'b1 assigned rides/2 → c2',
      'b1 assigned rides/3 → c2',
    ]);
  });

  it('leaves what is owned where it is when it is cooperative', () => {
    const cooperative: OptionValues = { 'partition.assignment.strategy': ['cooperative-sticky'] };
    members({ ...cooperative, 'metadata.max.age.ms': 30 * SECOND }, cooperative);
    grow(4, 'b1');
    bench.wait(30 * SECOND);
    expect(bench.story('revoked')).toEqual([]);
  });

  it('does not, as long as only others have heard of it', () => {
    members({}, { 'metadata.max.age.ms': 5 * SECOND });
    grow(4, 'b1');
    bench.wait(60 * SECOND);
    expect(bench.story('rebalance-begun')).toEqual([]);
    bench.wait(300 * SECOND);
    expect(bench.story('rebalance-begun')).toHaveLength(1);
  });
});

describe('a group whose coordinator assigns (K59, K100)', () => {
  it.each<[string, OptionValues]>([
    ['consumer', { 'group.protocol': 'consumer' }],
    ['share', { 'group.type': 'share', 'share.auto.offset.reset': 'earliest' }],
  ])('hears of it with a heartbeat, in a %s group', (_, options) => {
    bench = new KafkaBench();
    const consumer = new TestConsumer(bench, 'c1', options);
    bench.start();
    bench.wait(10 * SECOND);
    bench.story();
    grow(2);
    bench.wait(6 * SECOND);
    expect(bench.story('rebalance-begun', 'assigned', 'revoked')).toEqual([
      'b1 rebalance-begun billing (partitions added)',
      'b1 assigned rides/1 → c1',
    ]);
    const producer = new TestProducer(bench, 'app');
    producer.port.start(bench.say('app'));
    bench.wait(SECOND);
    producer.port.publish(bench.message({ key: MOVES }), bench.say('app'));
    bench.wait(6 * SECOND);
    expect(bench.story('appended')).toEqual(['b2 appended m1 rides/1 → app @0']);
    expect(consumer.ids).toEqual([1]);
  });

  it('hears of it from the coordinator that comes after one that did not live to say so', () => {
    bench = new KafkaBench({ broker: { 'offsets.topic.replication.factor': 3 } });
    new TestConsumer(bench, 'c1', { 'group.protocol': 'consumer' });
    bench.start();
    bench.wait(10 * SECOND);
    bench.story();
    grow(2);
    bench.crash('b1');
    bench.wait(40 * SECOND);
    expect(bench.story('rebalance-begun', 'assigned')).toEqual([
      'b2 rebalance-begun billing (partitions added)',
      'b2 assigned rides/1 → c1',
    ]);
  });
});

describe('what is in a new partition before it is read (K70)', () => {
  it.each([
    ['latest', []],
    ['earliest', [1]],
  ])('begins at the %s', (reset, ids) => {
    bench = new KafkaBench({ nodes: 1 });
    const consumer = new TestConsumer(bench, 'c1', {
      'auto.offset.reset': reset,
      'metadata.max.age.ms': 30 * SECOND,
    });
    bench.start();
    bench.wait(10 * SECOND);
    grow(2, 'b1');
    const producer = new TestProducer(bench, 'app');
    producer.port.start(bench.say('app'));
    bench.wait(SECOND);
    producer.port.publish(bench.message({ key: MOVES }), bench.say('app'));
    bench.wait(40 * SECOND);
    expect(bench.story('assigned').at(-1)).toBe('b1 assigned rides/1 → c1');
    expect(consumer.ids).toEqual(ids);
  });
});
