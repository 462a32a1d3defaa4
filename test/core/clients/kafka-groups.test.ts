/** Consumers of the newer kinds of group on a bench: the consumer protocol (KIP-848) and share groups (KIP-932). */
import { beforeEach, describe, expect, it } from 'vitest';
import { kafka } from '../../../core/brokers/kafka.ts';
import type { InitProducerIdRequest } from '../../../core/brokers/kafka-wires.ts';
import { consumerConfigErrors } from '../../../core/clients/kafka-consumer-config.ts';
import type { OptionValues } from '../../../core/options.ts';
import { type FetchAnswer, fetch, KafkaBench, read } from '../brokers/kafka-bench.ts';
import { TestConsumer, TestProducer } from './kafka-hosts.ts';

const SECOND = 1_000_000;
const NOTHING = { name: 'broker', options: {}, queues: [], topics: [], exchanges: [], elsewhere: [], producers: [] };

let bench: KafkaBench;

function publish(count: number): void {
  const producer = new TestProducer(bench, `p${bench.messages.length}`);
  const out = bench.say(`p${bench.messages.length}`);
  producer.port.start(out);
  for (let i = 0; i < count; i++) producer.port.publish(bench.message(), out);
  bench.wait(SECOND);
}

describe('a consumer under the consumer protocol (K59)', () => {
  const CONSUMER: OptionValues = { 'group.protocol': 'consumer', 'enable.auto.commit': false };

  beforeEach(() => {
    bench = new KafkaBench({ nodes: 1, topics: { rides: { partitions: 2 } } });
  });

  it('owns all at once, and gives a part to one that joins when it is asked to', () => {
    new TestConsumer(bench, 'c1', CONSUMER);
    bench.start(true);
    expect(bench.story('assigned')).toEqual(['b1 assigned rides/0 → c1', 'b1 assigned rides/1 → c1']);
    const second = new TestConsumer(bench, 'c2', CONSUMER);
    second.port.start(bench.say('c2'));
    bench.wait(11 * SECOND);
    expect(bench.story('revoked', 'assigned', 'rebalanced')).toEqual([
      'c1 revoked rides/1 → c1',
      'b1 assigned rides/1 → c2',
      'b1 rebalanced billing #2',
    ]);
  });

  it('commits with its epoch, and goes on from there after a crash', () => {
    const consumer = new TestConsumer(bench, 'c1', CONSUMER);
    bench.start();
    publish(1);
    consumer.finish();
    bench.wait(SECOND);
    expect(bench.story('committed').some((line) => line.endsWith('@1'))).toBe(true);
    bench.crash('c1');
    bench.restart('c1');
    bench.wait(60 * SECOND);
    expect(consumer.ids).toEqual([1]);
    expect(bench.story('left')).toEqual([]);
  });

  it('leaves when the application does not poll for max.poll.interval.ms, and its commit is refused (K52)', () => {
    const consumer = new TestConsumer(bench, 'c1', { ...CONSUMER, 'max.poll.interval.ms': 10 * SECOND });
    bench.start();
    publish(1);
    bench.wait(20 * SECOND);
    expect(bench.story('left', 'rebalance-begun')).toEqual([
      'b1 left billing → c1 (poll interval exceeded)',
      'b1 rebalance-begun billing (poll interval exceeded)',
    ]);
    consumer.finish();
    bench.wait(SECOND);
    expect(bench.story('commit-refused')).toHaveLength(1);
  });

  it('cannot join a group of classic members', () => {
    new TestConsumer(bench, 'c1');
    bench.start();
    const second = new TestConsumer(bench, 'c2', CONSUMER);
    second.port.start(bench.say('c2'));
    bench.wait(20 * SECOND);
    expect(bench.story('joined')).toEqual([]);
  });
});

describe('a share consumer (K100-K107)', () => {
  const SHARE: OptionValues = {
    'group.type': 'share',
    'share.auto.offset.reset': 'earliest',
    'share.acknowledgement.mode': 'explicit',
    'max.poll.records': 1,
  };

  beforeEach(() => {
    bench = new KafkaBench({ nodes: 1 });
  });

  it('shares one partition with others, record by record', () => {
    const first = new TestConsumer(bench, 'c1', SHARE);
    const second = new TestConsumer(bench, 'c2', SHARE);
    bench.start();
    publish(2);
    expect([first.ids, second.ids].flat().sort()).toEqual([1, 2]);
    expect(first.ids).toHaveLength(1);
  });

  it('accepts with the next poll, and the group’s start moves on', () => {
    const consumer = new TestConsumer(bench, 'c1', SHARE);
    bench.start();
    publish(2);
    consumer.finish();
    bench.wait(SECOND);
    expect(bench.story('acked', 'committed')).toEqual(['b1 acked m1 rides/0 → c1', 'b1 committed rides/0 @1']);
    expect(consumer.ids).toEqual([1, 2]);
  });

  it('gives a released record to anybody, until the limit of deliveries archives it (K104)', () => {
    const consumer = new TestConsumer(bench, 'c1', SHARE);
    bench.start();
    publish(2);
    for (let i = 0; i < 5; i++) {
      consumer.finish(i, 'requeue');
      bench.wait(SECOND);
    }
    expect(consumer.ids).toEqual([1, 1, 1, 1, 1, 2]);
    expect(bench.story('evicted')).toEqual(['b1 evicted m1 billing (too many deliveries)']);
  });

  it('archives what is rejected at once (K103)', () => {
    const consumer = new TestConsumer(bench, 'c1', SHARE);
    bench.start();
    publish(1);
    consumer.finish(0, 'reject');
    bench.wait(60 * SECOND);
    expect(consumer.ids).toEqual([1]);
    expect(bench.story('evicted')).toEqual(['b1 evicted m1 billing (rejected by the consumer)']);
  });

  it('loses its lock when it is too slow, and its acknowledgement is refused (K105)', () => {
    const slow = new TestConsumer(bench, 'c1', SHARE);
    bench.start();
    publish(1);
    const other = new TestConsumer(bench, 'c2', SHARE);
    other.port.start(bench.say('c2'));
    other.port.room(1, bench.say('c2'));
    bench.wait(31 * SECOND);
    expect(other.ids).toEqual([1]);
    slow.finish();
    bench.wait(SECOND);
    expect(bench.story('lock-expired', 'ack-refused')).toEqual([
      'b1 lock-expired m1 rides/0 → c1',
      'b1 ack-refused m1 rides/0 → c1 (lock expired)',
    ]);
  });

  it('takes failures for done in implicit mode (K107)', () => {
    const consumer = new TestConsumer(bench, 'c1', { ...SHARE, 'share.acknowledgement.mode': 'implicit' });
    bench.start();
    publish(1);
    consumer.finish(0, 'requeue');
    bench.wait(60 * SECOND);
    expect(consumer.ids).toEqual([1]);
    expect(bench.story('acked')).toEqual(['b1 acked m1 rides/0 → c1']);
  });

  it('releases what it holds when it closes', () => {
    const consumer = new TestConsumer(bench, 'c1', SHARE);
    bench.start();
    publish(1);
    consumer.port.stop?.(bench.say('c1'));
    bench.wait(SECOND);
    expect(bench.story('requeued', 'left')).toEqual([
      'b1 requeued m1 rides/0',
      'b1 left billing → c1 (left the group)',
    ]);
  });

  /** A member that holds a record, and another that waits for one. */
  function holderAndOther(limit: number): TestConsumer {
    bench = new KafkaBench({ nodes: 1, broker: { 'group.share.delivery.count.limit': limit } });
    new TestConsumer(bench, 'c1', SHARE);
    bench.start();
    publish(1);
    const other = new TestConsumer(bench, 'c2', SHARE);
    other.port.start(bench.say('c2'));
    other.port.room(1, bench.say('c2'));
    bench.wait(2 * SECOND);
    return other;
  }

  it('gives back what it holds as soon as its process dies, and that delivery counts (K103)', () => {
    const other = holderAndOther(5);
    bench.crash('c1');
    bench.wait(10_000);
    expect(bench.story('lock-expired', 'nacked', 'requeued')).toEqual(['b1 requeued m1 rides/0 → c1']);
    expect(other.got.map(({ message, attempt }) => [message.id, attempt])).toEqual([[1, 2]]);
  });

  it('has it archived by that when it was the last delivery (K104)', () => {
    const other = holderAndOther(2);
    bench.crash('c1');
    bench.wait(10_000);
    bench.crash('c2');
    bench.wait(10_000);
    expect(other.ids).toEqual([1]);
    expect(bench.story('requeued', 'evicted')).toEqual([
      'b1 requeued m1 rides/0 → c1',
      'b1 evicted m1 billing (too many deliveries)',
    ]);
  });

  it('leaves when the application does not poll for max.poll.interval.ms (K52)', () => {
    new TestConsumer(bench, 'c1', { ...SHARE, 'max.poll.interval.ms': 10 * SECOND });
    bench.start();
    publish(1);
    bench.wait(20 * SECOND);
    expect(bench.story('left')).toEqual(['b1 left billing → c1 (poll interval exceeded)']);
  });

  it('keeps delivery counts across a restart of the leader', () => {
    const consumer = new TestConsumer(bench, 'c1', SHARE);
    bench.start();
    publish(1);
    bench.crash('b1');
    bench.restart('b1');
    bench.wait(2 * SECOND);
    consumer.port.room(1, bench.say('c1'));
    bench.wait(5 * SECOND);
    expect(consumer.got.map(({ attempt }) => attempt)).toEqual([1, 2]);
  });
});

describe('a group of the same name, but of another kind', () => {
  const SHARE: OptionValues = { 'group.type': 'share', 'share.auto.offset.reset': 'earliest' };
  const CONSUMER: OptionValues = { 'group.protocol': 'consumer' };

  it.each<[string, OptionValues, OptionValues]>([
    ['a share group refuses a consumer', SHARE, CONSUMER],
    ['a group of consumers refuses a share consumer', CONSUMER, SHARE],
    ['a group of classic consumers refuses a share consumer', {}, SHARE],
  ])('%s, and loses nobody by it', (_, first, second) => {
    bench = new KafkaBench({ nodes: 1 });
    const member = new TestConsumer(bench, 'c1', { 'heartbeat.interval.ms': SECOND, ...first });
    bench.start();
    const other = new TestConsumer(bench, 'c2', second);
    other.port.start(bench.say('c2'));
    bench.wait(20 * SECOND);
    publish(1);
    expect(bench.story('joined', 'left', 'cancelled')).toEqual(['c2 cancelled billing → c2']);
    expect([member.ids, other.ids]).toEqual([[1], []]);
  });

  it('a share group refuses a classic consumer, also when nobody is left in it', () => {
    bench = new KafkaBench({ nodes: 1 });
    const member = new TestConsumer(bench, 'c1', SHARE);
    bench.start();
    member.port.stop?.(bench.say('c1'));
    bench.wait(SECOND);
    bench.story();
    const other = new TestConsumer(bench, 'c2');
    other.port.start(bench.say('c2'));
    bench.wait(20 * SECOND);
    expect(bench.story('joined')).toEqual([]);
  });

  it('is found out beforehand', () => {
    const consumer = (name: string, options: OptionValues, group = 'billing') => ({ name, options, group, from: [] });
    const told = (...consumers: ReturnType<typeof consumer>[]) =>
      kafka.check?.({ ...NOTHING, consumers })?.map(({ name, option }) => `${name} ${option}`);
    expect(told(consumer('a', {}), consumer('b', SHARE), consumer('c', SHARE))).toEqual([
      'b group.type',
      'c group.type',
    ]);
    expect(told(consumer('a', SHARE), consumer('b', SHARE), consumer('c', {}, 'others'))).toEqual([]);
  });
});

it('refuses a place to begin that no group knows', () => {
  expect(consumerConfigErrors({ 'auto.offset.reset': 'newest' })).toHaveLength(1);
  expect(consumerConfigErrors({ 'auto.offset.reset': 'by_duration:PT1H' })).toEqual([]);
  expect(consumerConfigErrors({ 'share.auto.offset.reset': 'none' })).toHaveLength(1);
});

it('sends a member that waits for the others to the new coordinator when the old one is deposed (K50)', () => {
  bench = new KafkaBench({ nodes: 3, broker: { 'group.initial.rebalance.delay.ms': 60 * SECOND } });
  new TestConsumer(bench, 'c1');
  bench.start(true);
  bench.wait(SECOND);
  expect(bench.story('joined')).toEqual(['b1 joined billing → c1']);
  bench.cutOff('b1');
  bench.wait(15 * SECOND);
  bench.cutOff('b1', false);
  bench.wait(20 * SECOND);
  expect(bench.story('joined')).toEqual(['b2 joined billing → c1']);
});

it('tells a member what it may own only when that is replicated, also when it asks again after that failed (K59)', () => {
  // Dead nodes keep their places in the in-sync set for so long.
  bench = new KafkaBench({ nodes: 3, broker: { 'broker.session.timeout.ms': 60 * SECOND } });
  const consumer = new TestConsumer(bench, 'c1', { 'group.protocol': 'consumer', 'enable.auto.commit': false });
  bench.crash('c1');
  bench.start();
  for (const name of ['b2', 'b3']) bench.crash(name);
  bench.restart('c1');
  bench.wait(12 * SECOND);
  expect(bench.story('rebalance-begun', 'assigned', 'rebalanced')).toEqual([
    'b1 rebalance-begun billing (joined the group)',
  ]);
  for (const name of ['b2', 'b3']) bench.restart(name);
  bench.wait(2 * SECOND);
  expect(bench.story('assigned', 'rebalanced')).toEqual(['b1 assigned rides/0 → c1', 'b1 rebalanced billing #1']);
  publish(1);
  expect(consumer.ids).toEqual([1]);
});

it('looks for a coordinator as long as there is none, and then commits (K69)', () => {
  // Only b1 is in sync when it goes: the rides go on with b2, the groups wait for b1.
  bench = new KafkaBench({
    nodes: 2,
    topics: { rides: { partitions: 1, 'min.insync.replicas': 1, 'unclean.leader.election.enable': true } },
  });
  const consumer = new TestConsumer(bench, 'c1');
  bench.start();
  bench.crash('b2');
  bench.wait(60 * SECOND);
  bench.crash('b1');
  bench.restart('b2');
  bench.wait(30 * SECOND);
  publish(1);
  bench.wait(5 * SECOND);
  consumer.finish();
  bench.wait(30 * SECOND);
  expect(consumer.ids).toEqual([1]);
  expect(bench.story('committed').at(-1)).not.toContain('@1');
  bench.restart('b1');
  bench.wait(20 * SECOND);
  expect(bench.story('committed')).toEqual(['b1 committed rides/0 → c1 @1']);
});

describe('a forwarder that another producer of its transactional id has fenced (K43)', () => {
  it.each(['classic', 'consumer'])(
    'leaves and joins again with a fresh producer, under the %s protocol',
    (protocol) => {
      bench = new KafkaBench({
        nodes: 1,
        topics: { rides: {}, bills: {} },
        broker: { 'transaction.state.log.min.isr': 1 },
      });
      const consumer = new TestConsumer(bench, 'c1', { 'forward.to': 'bills', 'group.protocol': protocol });
      const zombie = bench.client('zombie');
      const reader = bench.client('reader');
      const bills = () => {
        const partitions = [{ partition: bench.partition('bills'), offset: 0 }];
        const request = { ...fetch(bench, 0, 'read_committed'), partitions };
        return read(reader.ask<FetchAnswer>('b1', request)).length;
      };
      bench.start();
      publish(1);
      consumer.finish();
      bench.wait(SECOND);
      expect([consumer.ids, bills()]).toEqual([[1], 1]);
      const init: Omit<InitProducerIdRequest, 'id'> = {
        type: 'kafka/InitProducerId',
        transactionalId: 'c1-1',
        timeoutUs: 60 * SECOND,
      };
      zombie.ask('b1', init);
      publish(1);
      bench.story();
      consumer.finish(1);
      bench.wait(5 * SECOND);
      // Nothing of it counts: the record is read again by the member that it has become.
      expect(bench.story('fenced', 'left', 'joined', 'revoked', 'committed')).toEqual([
        'b1 fenced → c1',
        'c1 revoked rides/0 → c1',
        'b1 left billing → c1 (fenced)',
        'b1 joined billing → c1',
      ]);
      expect(consumer.got.map(({ attempt }) => attempt)).toEqual([1, 1, 2]);
      expect(bills()).toBe(1);
      consumer.finish(2);
      bench.wait(SECOND);
      expect(bench.story('fenced', 'committed')).toEqual(['b1 fenced → zombie', 'b1 committed rides/0 → c1 @2']);
      expect(bills()).toBe(2);
    },
  );
});

it('ends a rebalance that a dead coordinator had begun (K59)', () => {
  const options: OptionValues = { 'group.protocol': 'consumer', 'enable.auto.commit': false };
  bench = new KafkaBench({ nodes: 3 });
  for (const name of ['c1', 'c2']) new TestConsumer(bench, name, options);
  bench.start(true);
  bench.wait(SECOND);
  expect(bench.story('rebalance-begun', 'rebalanced')).toEqual(['b1 rebalance-begun billing (joined the group)']);
  bench.crash('b1');
  bench.wait(30 * SECOND);
  expect(bench.story('rebalance-begun', 'rebalanced')).toEqual(['b2 rebalanced billing #2']);
});

describe('a consumer whose leader has lost what it has read (KIP-320, K24)', () => {
  /** Only the first node has the records 3 and 4; then it dies, and one of the others is made leader although it was not in sync. */
  function loseTheEnd(options: OptionValues): TestConsumer {
    bench = new KafkaBench({
      nodes: 3,
      topics: { rides: { 'unclean.leader.election.enable': true, 'min.insync.replicas': 1 } },
    });
    const consumer = new TestConsumer(bench, 'c1', { 'enable.auto.commit': false, ...options });
    bench.start();
    publish(2);
    finishAll(consumer);
    for (const name of ['b2', 'b3']) bench.crash(name);
    bench.wait(15 * SECOND);
    publish(2);
    finishAll(consumer);
    return consumer;
  }

  /** Polls until there is no more. */
  function finishAll(consumer: TestConsumer): void {
    for (let done = -1; done < consumer.got.length; ) {
      done = consumer.got.length;
      consumer.finish();
      bench.wait(SECOND);
    }
  }

  function elect(): void {
    bench.crash('b1');
    for (const name of ['b2', 'b3']) bench.restart(name);
    bench.wait(15 * SECOND);
  }

  it.each(['earliest', 'latest'])('goes back to where the logs part, not by auto.offset.reset: %s', (reset) => {
    const consumer = loseTheEnd({ 'auto.offset.reset': reset });
    expect(consumer.ids).toEqual([1, 2, 3, 4]);
    bench.story();
    elect();
    expect(bench.story('diverged', 'sought')).toEqual(['c1 diverged rides/0 @2', 'c1 sought rides/0 @2']);
    publish(1);
    bench.wait(5 * SECOND);
    expect(consumer.ids).toEqual([1, 2, 3, 4, 5]);
  });

  it('is told so, and chooses nothing by itself, with auto.offset.reset: none', () => {
    const consumer = loseTheEnd({});
    consumer.port.stop?.(bench.say('c1'));
    const careful = new TestConsumer(bench, 'c2', { 'enable.auto.commit': false, 'auto.offset.reset': 'none' });
    careful.port.start(bench.say('c2'));
    careful.port.room(1, bench.say('c2'));
    bench.wait(5 * SECOND);
    bench.story();
    elect();
    expect(bench.story('diverged', 'sought', 'cancelled')).toEqual([
      'c2 diverged rides/0 @2',
      'c2 cancelled billing → c2',
    ]);
    publish(1);
    expect(careful.ids).toEqual([]);
  });

  it('finds it out as well when it was away, by the epoch that was committed with the offset', () => {
    const consumer = loseTheEnd({});
    bench.crash('c1');
    elect();
    bench.restart('b1');
    bench.restart('c1');
    bench.story();
    bench.wait(60 * SECOND);
    expect(bench.story('diverged', 'sought')).toEqual(['c1 diverged rides/0 @2', 'c1 sought rides/0 @2']);
    publish(1);
    expect(consumer.ids).toEqual([1, 2, 3, 4, 5]);
  });

  it('reads on where it was when the new leader has everything', () => {
    bench = new KafkaBench({ nodes: 3 });
    const consumer = new TestConsumer(bench, 'c1', { 'enable.auto.commit': false });
    bench.start();
    publish(2);
    finishAll(consumer);
    bench.story();
    bench.crash('b1');
    bench.wait(15 * SECOND);
    publish(1);
    bench.wait(5 * SECOND);
    expect(bench.story('diverged', 'sought', 'elected')).toEqual(['controller elected rides/0 → b2 #1']);
    expect(consumer.got.map(({ message, attempt }) => `${message.id} ${attempt}`)).toEqual(['1 1', '2 1', '3 1']);
  });
});

describe('committed offsets that expire (K71)', () => {
  const options: OptionValues = { 'enable.auto.commit': false };

  beforeEach(() => {
    bench = new KafkaBench({
      nodes: 3,
      broker: {
        'offsets.retention.minutes': 60 * SECOND,
        'offsets.retention.check.interval.ms': 10 * SECOND,
        'offsets.topic.replication.factor': 3,
      },
    });
  });

  /** Reads and commits one record. */
  function read(settings: OptionValues = options): TestConsumer {
    const consumer = new TestConsumer(bench, 'c1', settings);
    bench.start();
    publish(1);
    consumer.finish();
    bench.wait(SECOND);
    bench.story();
    return consumer;
  }

  function come(reset: string): TestConsumer {
    const consumer = new TestConsumer(bench, `again-${reset}`, { ...options, 'auto.offset.reset': reset });
    consumer.port.start(bench.say(`again-${reset}`));
    consumer.port.room(1, bench.say(`again-${reset}`));
    bench.wait(5 * SECOND);
    return consumer;
  }

  it('are kept while the group has a member, however old they are', () => {
    read();
    bench.wait(300 * SECOND);
    expect(bench.story('offset-expired')).toEqual([]);
  });

  it.each(['classic', 'consumer'])('go of a topic that no member reads, and of no other (%s)', (protocol) => {
    bench = new KafkaBench({
      nodes: 1,
      broker: { 'offsets.retention.minutes': 60 * SECOND, 'offsets.retention.check.interval.ms': 10 * SECOND },
      topics: { rides: {}, bills: {} },
    });
    const consumer = new TestConsumer(bench, 'c1', { ...options, 'group.protocol': protocol });
    bench.start();
    const partition = bench.partition('bills');
    const nobody = { memberId: '', generation: -1 };
    bench.crash('c1');
    bench.wait(50 * SECOND);
    expect(ask({ type: 'kafka/OffsetCommit', offsets: [{ partition, offset: 3 }], ...nobody })).toBe('NONE');
    bench.restart('c1');
    publish(1);
    consumer.finish();
    bench.wait(50 * SECOND);
    bench.story();
    bench.wait(25 * SECOND);
    expect(bench.story('offset-expired')).toEqual(['b1 offset-expired bills/0 @3']);
    bench.wait(300 * SECOND);
    expect(bench.story('offset-expired')).toEqual([]);
  });

  /** What the coordinator answers somebody who takes itself for a member. */
  function ask(request: Record<string, unknown>): string | undefined {
    const hand = bench.client(`hand-${bench.nowUs}`);
    return hand.ask('b1', { group: 'billing', memberId: 'c1-0.1', generation: 1, ...request } as never)?.error;
  }

  it.each(['classic', 'consumer'])('take their group with them: who joins begins anew (%s)', (protocol) => {
    const settings = { ...options, 'group.protocol': protocol, 'auto.offset.reset': 'earliest' };
    read(settings).port.stop?.(bench.say('c1'));
    bench.wait(75 * SECOND);
    const commit = { type: 'kafka/OffsetCommit', offsets: [{ partition: 0, offset: 1 }] };
    expect([ask({ type: 'kafka/Heartbeat' }), ask(commit), ask({ ...commit, version: 8 })]).toEqual([
      'UNKNOWN_MEMBER_ID',
      'GROUP_ID_NOT_FOUND',
      'ILLEGAL_GENERATION',
    ]);
    bench.story();
    const consumer = new TestConsumer(bench, 'later', settings);
    consumer.port.start(bench.say('later'));
    consumer.port.room(1, bench.say('later'));
    bench.wait(15 * SECOND);
    expect(consumer.ids).toEqual([1]);
    expect(bench.story('rebalanced')).toEqual(['b1 rebalanced billing #1']);
  });

  it('take it with them for a new coordinator, too', () => {
    read().port.stop?.(bench.say('c1'));
    bench.wait(75 * SECOND);
    bench.crash('b1');
    bench.wait(15 * SECOND);
    const commit = { type: 'kafka/OffsetCommit', group: 'billing', offsets: [{ partition: 0, offset: 1 }] };
    const answer = bench.client('hand').ask('b2', { ...commit, memberId: 'c1-0.1', generation: 1 } as never);
    expect(answer?.error).toBe('GROUP_ID_NOT_FOUND');
  });

  it('are not missed by a group that never had any: it is deleted at the next look', () => {
    const consumer = new TestConsumer(bench, 'c1', options);
    bench.start();
    bench.wait(5 * SECOND);
    consumer.port.stop?.(bench.say('c1'));
    bench.wait(SECOND);
    const commit = { type: 'kafka/OffsetCommit', offsets: [{ partition: 0, offset: 1 }] };
    expect(ask(commit)).toBe('UNKNOWN_MEMBER_ID');
    bench.wait(10 * SECOND);
    expect(ask(commit)).toBe('GROUP_ID_NOT_FOUND');
    expect(ask({ ...commit, memberId: '', generation: -1 })).toBe('NONE');
    bench.wait(30 * SECOND);
    expect(ask(commit)).toBe('UNKNOWN_MEMBER_ID');
  });

  it('are forgotten by the first look after the time, counted from when the last member went', () => {
    const consumer = read();
    bench.wait(100 * SECOND);
    consumer.port.stop?.(bench.say('c1'));
    bench.wait(59 * SECOND);
    expect(bench.story('offset-expired')).toEqual([]);
    bench.wait(11 * SECOND);
    expect(bench.story('offset-expired')).toEqual(['b1 offset-expired rides/0 @1']);
  });

  it.each([
    ['earliest', [1]],
    ['latest', []],
  ])('leave it to auto.offset.reset where the group reads on: %s', (reset, ids) => {
    read().port.stop?.(bench.say('c1'));
    bench.wait(75 * SECOND);
    expect(come(reset).ids).toEqual(ids);
  });

  it('are still there for a member that comes back in time, and the time begins anew when it goes', () => {
    read().port.stop?.(bench.say('c1'));
    bench.wait(50 * SECOND);
    const second = come('earliest');
    second.port.stop?.(bench.say('again-earliest'));
    bench.wait(50 * SECOND);
    expect(second.ids).toEqual([]);
    expect(bench.story('offset-expired')).toEqual([]);
  });

  it('go by the time of the commit under the consumer protocol, once the group is empty', () => {
    const consumer = read({ ...options, 'group.protocol': 'consumer' });
    bench.wait(100 * SECOND);
    expect(bench.story('offset-expired')).toEqual([]);
    consumer.port.stop?.(bench.say('c1'));
    bench.wait(11 * SECOND);
    expect(bench.story('offset-expired')).toEqual(['b1 offset-expired rides/0 @1']);
  });

  it('expire with a new coordinator at the time at which they would have with the old one', () => {
    read().port.stop?.(bench.say('c1'));
    bench.wait(40 * SECOND);
    bench.crash('b1');
    bench.wait(35 * SECOND);
    expect(bench.story('offset-expired')).toEqual(['b2 offset-expired rides/0 @1']);
  });
});

describe('a rebalance that waits for a member that is not heard of (K54)', () => {
  /** Two members of a group, the second of which is not heard of any more when others join. */
  function joinWhileOneIsSilent(strategy: string, others = ['c3'], partitions = 2): TestConsumer {
    bench = new KafkaBench({ nodes: 1, topics: { rides: { partitions } } });
    const settings: OptionValues = { 'enable.auto.commit': false, 'partition.assignment.strategy': [strategy] };
    const first = new TestConsumer(bench, 'c1', settings);
    new TestConsumer(bench, 'c2', settings);
    bench.start();
    bench.wait(10 * SECOND);
    bench.cutOff('c2');
    for (const name of others) new TestConsumer(bench, name, settings).port.start(bench.say(name));
    bench.wait(5 * SECOND);
    publish(1);
    return first;
  }

  it('lets the others read on what they own, cooperatively, and commit when it is over', () => {
    const first = joinWhileOneIsSilent('cooperative-sticky');
    expect(first.ids).toEqual([1]);
    first.finish();
    bench.wait(SECOND);
    expect(bench.story('revoked', 'committed', 'commit-refused')).toEqual([]);
    bench.wait(60 * SECOND);
    expect(bench.story('committed', 'commit-refused')).toEqual(['b1 committed rides/0 → c1 @1']);
  });

  it('leaves all with nothing when the assignor is eager', () => {
    const first = joinWhileOneIsSilent('sticky');
    expect(first.ids).toEqual([]);
    expect(bench.story('revoked').filter((line) => line.startsWith('c1'))).toHaveLength(1);
    bench.wait(60 * SECOND);
    expect(first.ids).toEqual([1]);
  });

  it('takes a partition from who is at work only when the application comes back', () => {
    const first = joinWhileOneIsSilent('cooperative-sticky', ['c3', 'c4', 'c5'], 4);
    expect(first.ids).toEqual([1]);
    bench.wait(60 * SECOND);
    expect(bench.story('revoked', 'rebalanced')).toEqual(['b1 rebalanced billing #2']);
    first.finish();
    bench.wait(10 * SECOND);
    expect(bench.story('revoked', 'committed', 'commit-refused')).toEqual([
      'c1 revoked rides/2 → c1',
      'b1 committed rides/0 → c1 @1',
      'b1 committed rides/2 → c1 @0',
    ]);
  });
});
