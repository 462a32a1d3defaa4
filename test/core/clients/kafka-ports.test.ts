import { beforeEach, describe, expect, it } from 'vitest';
import type { ClientRequest, ProduceRequest } from '../../../core/brokers/kafka-wires.ts';
import { consumerConfigErrors } from '../../../core/clients/kafka-consumer-config.ts';
import { producerConfig, producerConfigError } from '../../../core/clients/kafka-producer-config.ts';
import type { OptionValues } from '../../../core/options.ts';
import type { Delivery } from '../../../core/types.ts';
import { type FetchAnswer, fetch, KafkaBench, read } from '../brokers/kafka-bench.ts';
import { TestConsumer, TestProducer } from './kafka-hosts.ts';

const SECOND = 1_000_000;

describe('producer settings (K25, K30)', () => {
  it('are idempotent with acks=all by default', () => {
    expect(producerConfig({})).toMatchObject({ acks: -1, idempotent: true, retries: 2147483647, maxInFlight: 5 });
  });

  it('give a record up only after linger.ms and request.timeout.ms, unless delivery.timeout.ms is said (K25)', () => {
    const patient = { 'request.timeout.ms': 180 * SECOND };
    expect(producerConfigError(patient)).toBe('');
    expect(producerConfig(patient).deliveryTimeoutUs).toBe(180 * SECOND + 5_000);
    expect(producerConfigError({ ...patient, 'delivery.timeout.ms': 120 * SECOND })).toContain('delivery.timeout.ms');
    expect(producerConfig({}).deliveryTimeoutUs).toBe(120 * SECOND);
  });

  it('drop idempotence that nobody asked for when acks is not all', () => {
    expect([producerConfigError({ acks: 1 }), producerConfig({ acks: 1 }).idempotent]).toEqual(['', false]);
  });

  it.each<[string, OptionValues]>([
    ['idempotence with acks=1', { acks: 1, 'enable.idempotence': true }],
    ['a transactional id with acks=1', { acks: 1, 'transactional.id': 't1' }],
    ['a transactional id without idempotence', { 'transactional.id': 't1', 'enable.idempotence': false }],
    [
      'idempotence with six requests in flight',
      { 'enable.idempotence': true, 'max.in.flight.requests.per.connection': 6 },
    ],
    ['a delivery timeout below linger and request timeout', { 'delivery.timeout.ms': 10 * SECOND }],
  ])('refuse %s', (_, options) => {
    expect(producerConfigError(options)).not.toBe('');
  });
});

describe('consumer settings', () => {
  it('refuse a heartbeat that is not shorter than the session, and an unknown assignor', () => {
    expect(consumerConfigErrors({})).toEqual([]);
    expect(consumerConfigErrors({ 'heartbeat.interval.ms': 50 * SECOND })).toHaveLength(1);
    expect(consumerConfigErrors({ 'partition.assignment.strategy': ['rang'] })[0]).toContain('`rang`');
  });
});

describe('a producer', () => {
  it('gathers what comes within linger.ms into one batch', () => {
    const bench = new KafkaBench({ nodes: 1 });
    const producer = new TestProducer(bench, 'app', { 'linger.ms': 20_000 });
    bench.start();
    for (let i = 0; i < 3; i++) producer.port.publish(bench.message(), bench.say('app'));
    bench.wait(15_000);
    expect(producer.told).toEqual([]);
    bench.wait(20_000);
    expect(producer.told).toEqual(['m1 confirmed @0', 'm2 confirmed @1', 'm3 confirmed @2']);
  });

  it.each([
    [5, 5],
    [2, 2],
  ])('sends what has gathered without waiting for answers in between, with %i in flight (K27)', (most, together) => {
    const bench = new KafkaBench({ nodes: 1 });
    const options = { 'batch.size': 1, 'max.in.flight.requests.per.connection': most };
    const producer = new TestProducer(bench, 'app', options);
    const sentUs: number[] = [];
    bench.watch((wire) => {
      if (wire.type === 'kafka/Produce') sentUs.push(bench.nowUs);
    });
    const out = bench.say('app');
    producer.port.start(out);
    for (let i = 0; i < 6; i++) producer.port.publish(bench.message(), out);
    bench.start();
    bench.wait(SECOND);
    expect(sentUs.filter((us) => us === sentUs[0])).toHaveLength(together);
    expect(producer.told).toEqual([1, 2, 3, 4, 5, 6].map((id) => `m${id} confirmed @${id - 1}`));
  });

  it('finds the new leader after a crash and stores nothing twice', () => {
    const bench = new KafkaBench();
    const producer = new TestProducer(bench, 'app');
    const reader = bench.client('reader');
    bench.start();
    producer.port.publish(bench.message(), bench.say('app'));
    // The leader has stored it and dies before its answer.
    bench.wait(7_500);
    bench.crash('b1');
    bench.wait(15 * SECOND);
    expect(producer.told.at(-1)).toBe('m1 confirmed @0');
    expect(read(reader.ask<FetchAnswer>('b2', fetch(bench, 0)))).toEqual([1]);
  });

  it('gives up after delivery.timeout.ms, without knowing the outcome of what it had sent (K28)', () => {
    const bench = new KafkaBench({ nodes: 1 });
    const producer = new TestProducer(bench, 'app', {
      'request.timeout.ms': 5 * SECOND,
      'delivery.timeout.ms': 10 * SECOND,
    });
    bench.start();
    bench.wait(SECOND);
    bench.cutOff('b1');
    producer.port.publish(bench.message(), bench.say('app'));
    bench.wait(20 * SECOND);
    expect(producer.told.at(-1)).toBe('m1 failed?');
  });

  it('gives up in time what is in flight, and does not hear what is said of it later (K25, K28)', () => {
    const bench = new KafkaBench({
      broker: { 'broker.session.timeout.ms': 60 * SECOND, 'replica.socket.timeout.ms': SECOND },
    });
    const producer = new TestProducer(bench, 'app', {
      'request.timeout.ms': 10 * SECOND,
      'delivery.timeout.ms': 15 * SECOND,
    });
    bench.start();
    bench.cutOff('b2');
    bench.cutOff('b3');
    const published = bench.nowUs;
    producer.port.publish(bench.message(), bench.say('app'));
    bench.wait(15 * SECOND - 1);
    expect(producer.told).toEqual(['m1 attempt 2']);
    bench.wait(1);
    expect([producer.told.at(-1), bench.nowUs - published]).toEqual(['m1 failed?', 15 * SECOND]);
    bench.cutOff('b2', false);
    bench.cutOff('b3', false);
    producer.port.publish(bench.message(), bench.say('app'));
    bench.wait(4 * SECOND);
    expect(producer.told.slice(2)).toEqual(['m2 confirmed @1']);
  });

  it('goes on with its transactions after a record in one of them was given up', () => {
    const bench = new KafkaBench({ nodes: 1, broker: { 'transaction.state.log.min.isr': 1 } });
    const producer = new TestProducer(bench, 'app', {
      'transactional.id': 'ledger',
      'request.timeout.ms': 5 * SECOND,
      'delivery.timeout.ms': 9 * SECOND,
    });
    const reader = bench.client('reader');
    bench.start();
    const publish = (seconds: number) => {
      producer.port.publish(bench.message(), bench.say('app'));
      bench.wait(seconds * SECOND);
    };
    publish(1);
    producer.port.publish(bench.message(), bench.say('app'));
    // The partition is in the transaction; the record does not arrive.
    bench.wait(2_500);
    bench.cutOff('b1');
    bench.wait(12 * SECOND);
    bench.cutOff('b1', false);
    bench.wait(5 * SECOND);
    publish(1);
    expect(producer.told.filter((line) => !line.includes('attempt'))).toEqual([
      'm1 confirmed @0',
      'm2 failed?',
      'm3 confirmed @3',
    ]);
    expect(read(reader.ask<FetchAnswer>('b1', fetch(bench, 0, 'read_committed')))).toEqual([1, 3]);
  });

  it('goes on in the next epoch of its id after it has given a record up (K35)', () => {
    const bench = new KafkaBench({ nodes: 1 });
    const producer = new TestProducer(bench, 'app', {
      'request.timeout.ms': 5 * SECOND,
      'delivery.timeout.ms': 10 * SECOND,
    });
    const sent: string[] = [];
    bench.watch((wire) => {
      if (wire.type === 'kafka/InitProducerId') sent.push('asks for an id');
      if (wire.type !== 'kafka/Produce') return;
      const [{ batch } = { batch: undefined }] = (wire as ClientRequest as ProduceRequest).batches;
      sent.push(`epoch ${batch?.epoch}, number ${batch?.firstSequence}`);
    });
    bench.start();
    const publish = (seconds: number) => {
      producer.port.publish(bench.message(), bench.say('app'));
      bench.wait(seconds * SECOND);
    };
    publish(1);
    bench.cutOff('b1');
    publish(20);
    bench.cutOff('b1', false);
    publish(1);
    expect(producer.told.at(-1)).toBe('m3 confirmed @1');
    expect([sent[0], sent[1], sent.at(-1), sent.filter((line) => line.startsWith('asks')).length]).toEqual([
      'asks for an id',
      'epoch 0, number 0',
      'epoch 1, number 0',
      1,
    ]);
  });

  it('numbers anew in that epoch what was refused for the gap that it has left (K35)', () => {
    const bench = new KafkaBench({ nodes: 1 });
    const producer = new TestProducer(bench, 'app', {
      'request.timeout.ms': 5 * SECOND,
      'delivery.timeout.ms': 10 * SECOND,
    });
    const sent: string[] = [];
    bench.watch((wire) => {
      if (wire.type !== 'kafka/Produce') return;
      const [{ batch } = { batch: undefined }] = (wire as ClientRequest as ProduceRequest).batches;
      sent.push(`epoch ${batch?.epoch}, number ${batch?.firstSequence}`);
    });
    bench.start();
    const publish = (seconds: number) => {
      producer.port.publish(bench.message(), bench.say('app'));
      bench.wait(seconds * SECOND);
    };
    publish(1);
    bench.cutOff('b1');
    publish(3);
    publish(8);
    bench.cutOff('b1', false);
    bench.wait(10 * SECOND);
    expect(producer.told.filter((line) => !line.includes('attempt'))).toEqual([
      'm1 confirmed @0',
      'm2 failed?',
      'm3 confirmed @1',
    ]);
    expect(sent.slice(-2)).toEqual(['epoch 0, number 2', 'epoch 1, number 0']);
  });

  it.each([true, false])(
    'halves a batch that is too large for the topic until its parts fit (idempotent: %s)',
    (idempotent) => {
      const bench = new KafkaBench({ nodes: 1, topics: { rides: { 'max.message.bytes': 400 } } });
      const producer = new TestProducer(bench, 'app', { 'linger.ms': 20_000, 'enable.idempotence': idempotent });
      const sent: string[] = [];
      bench.watch((wire) => {
        if (wire.type !== 'kafka/Produce') return;
        const [{ batch } = { batch: undefined }] = (wire as ClientRequest as ProduceRequest).batches;
        sent.push(`${batch?.records.length} from ${batch?.firstSequence}`);
      });
      bench.start();
      for (let i = 0; i < 5; i++) producer.port.publish(bench.message(), bench.say('app'));
      bench.wait(SECOND);
      const numbers = idempotent ? [0, 0, 0, 2, 4] : [-1, -1, -1, -1, -1];
      // The first time it is split by batch.size, into which it fits.
      expect(sent).toEqual([5, 5, 2, 2, 1].map((count, i) => `${count} from ${numbers[i]}`));
      expect(producer.told.filter((line) => line.includes('confirmed'))).toEqual(
        [1, 2, 3, 4, 5].map((id) => `m${id} confirmed @${id - 1}`),
      );
    },
  );

  it('gives a record up that is too large by itself', () => {
    const bench = new KafkaBench({ nodes: 1, topics: { rides: { 'max.message.bytes': 400 } } });
    const producer = new TestProducer(bench, 'app', { 'linger.ms': 20_000 });
    bench.start();
    for (const sizeBytes of [100, 400, 100]) producer.port.publish(bench.message({ sizeBytes }), bench.say('app'));
    bench.wait(SECOND);
    expect(producer.told.filter((line) => !line.includes('attempt'))).toEqual([
      'm1 confirmed @0',
      'm2 failed',
      'm3 confirmed @1',
    ]);
  });

  it('with acks=0 loses what waits behind a lost request, and goes on by a new connection (K15)', () => {
    const bench = new KafkaBench({ nodes: 1 });
    const producer = new TestProducer(bench, 'app', { acks: '0' });
    const reader = bench.client('reader');
    const publish = () => {
      producer.port.publish(bench.message(), bench.say('app'));
      bench.wait(100_000);
    };
    bench.start();
    publish();
    bench.cutOff('app');
    publish();
    bench.cutOff('app', false);
    publish();
    bench.wait(SECOND);
    expect(bench.story('connection-lost')).toEqual(['b1 connection-lost → app', 'app connection-lost → b1']);
    publish();
    expect(read(reader.ask<FetchAnswer>('b1', fetch(bench, 0)))).toEqual([1, 4]);
    expect(producer.told).toEqual(['m1 confirmed @-1', 'm2 confirmed @-1', 'm3 confirmed @-1', 'm4 confirmed @-1']);
  });

  it('leaves behind what waited for a lost request when it dies, which the node says', () => {
    const bench = new KafkaBench({ nodes: 1 });
    const producer = new TestProducer(bench, 'app');
    bench.start();
    const publish = () => producer.port.publish(bench.message(), bench.say('app'));
    publish();
    bench.wait(SECOND);
    bench.cutOff('app');
    publish();
    bench.wait(100_000);
    bench.cutOff('app', false);
    publish();
    bench.wait(100_000);
    bench.crash('app');
    expect(bench.story('appended', 'connection-lost')).toEqual([
      'b1 appended m1 rides/0 → app @0',
      'b1 connection-lost → app',
    ]);
  });

  it('keeps a transaction invisible until it is committed', () => {
    const bench = new KafkaBench({ nodes: 1, broker: { 'transaction.state.log.min.isr': 1 } });
    const producer = new TestProducer(bench, 'app', { 'transactional.id': 'ledger', 'transaction.size': 2 });
    const reader = bench.client('reader');
    bench.start();
    producer.port.publish(bench.message(), bench.say('app'));
    bench.wait(100_000);
    expect(read(reader.ask<FetchAnswer>('b1', fetch(bench, 0, 'read_committed')))).toEqual([]);
    producer.port.publish(bench.message(), bench.say('app'));
    bench.wait(100_000);
    expect(read(reader.ask<FetchAnswer>('b1', fetch(bench, 0, 'read_committed')))).toEqual([1, 2]);
    expect(producer.told).toEqual(['m1 confirmed @0', 'm2 confirmed @1']);
  });

  describe('in a transaction', () => {
    let bench: KafkaBench;
    /** What was asked of the broker, with the time since the first record in ms. */
    let asked: string[];

    function begin(options: OptionValues): (count: number) => void {
      bench = new KafkaBench({ nodes: 1, broker: { 'transaction.state.log.min.isr': 1 } });
      const producer = new TestProducer(bench, 'app', { 'transactional.id': 'ledger', ...options });
      bench.start();
      asked = [];
      const startUs = bench.nowUs;
      bench.watch(({ type }) => {
        if (['kafka/AddPartitionsToTxn', 'kafka/Produce', 'kafka/EndTxn'].includes(type))
          asked.push(`${(bench.nowUs - startUs) / 1000} ${type.slice('kafka/'.length)}`);
      });
      return (count) => {
        for (let i = 0; i < count; i++) {
          producer.port.publish(bench.message(), bench.say('app'));
          bench.wait(10_000);
        }
      };
    }

    it('registers the partition at once, and waits for linger.ms as ever (K26, K38)', () => {
      const publish = begin({ 'transaction.size': 50, 'linger.ms': 100_000 });
      publish(20);
      expect(asked).toEqual(['0 AddPartitionsToTxn', '100 Produce', '200 Produce']);
    });

    it('sends what it has gathered when it takes no more (K26)', () => {
      const publish = begin({ 'transaction.size': 3, 'linger.ms': 10 * SECOND });
      publish(3);
      expect(asked).toEqual(['0 AddPartitionsToTxn', '20 Produce', '22 EndTxn']);
    });

    it('sends what it has gathered when it is ended by transaction.linger.ms (K26)', () => {
      const publish = begin({ 'transaction.size': 50, 'transaction.linger.ms': 150_000, 'linger.ms': 10 * SECOND });
      publish(3);
      bench.wait(SECOND);
      expect(asked).toEqual(['0 AddPartitionsToTxn', '150 Produce', '152 EndTxn']);
    });
  });

  it('asks for its id once, whatever it hears of the leaders meanwhile (K37)', () => {
    const bench = new KafkaBench();
    const producer = new TestProducer(bench, 'app', { 'transactional.id': 'ledger', 'metadata.max.age.ms': SECOND });
    let asked = 0;
    bench.watch((wire) => {
      if (wire.type === 'kafka/InitProducerId') asked++;
    });
    // The coordinator cannot answer before its followers have what it wrote.
    bench.cutOff('b2');
    bench.cutOff('b3');
    bench.start();
    producer.port.publish(bench.message(), bench.say('app'));
    bench.wait(4 * SECOND);
    expect(asked).toBe(1);
    bench.cutOff('b2', false);
    bench.cutOff('b3', false);
    bench.wait(60 * SECOND);
    expect(producer.told).toEqual(['m1 confirmed @0']);
  });

  it('looks for the coordinator of its transactions again when there was none (K37)', () => {
    const bench = new KafkaBench({
      broker: { 'transaction.state.log.replication.factor': 1, 'transaction.state.log.min.isr': 1 },
    });
    const producer = new TestProducer(bench, 'app', { 'transactional.id': 'ledger' });
    bench.start();
    bench.crash('app');
    bench.crash('b1');
    bench.wait(15 * SECOND);
    bench.restart('app');
    bench.wait(5 * SECOND);
    bench.restart('b1');
    producer.port.publish(bench.message(), bench.say('app'));
    bench.wait(10 * SECOND);
    expect(producer.told).toEqual(['m1 confirmed @0']);
  });

  it('does not claim that a commit failed whose answer it never got, when it is fenced (K41, K43)', () => {
    const bench = new KafkaBench({ nodes: 1, broker: { 'transaction.state.log.min.isr': 1 } });
    const producer = new TestProducer(bench, 'app', { 'transactional.id': 'ledger', 'request.timeout.ms': 5 * SECOND });
    const other = bench.client('other');
    let ending = false;
    bench.watch((wire) => {
      if (ending && wire.type === 'kafka/answer') bench.cutOff('app');
      ending = wire.type === 'kafka/EndTxn';
    });
    bench.start();
    producer.port.publish(bench.message(), bench.say('app'));
    bench.wait(SECOND);
    const init = { type: 'kafka/InitProducerId', transactionalId: 'ledger', timeoutUs: 60 * SECOND };
    expect(other.ask('b1', init as never)?.error).toBe('NONE');
    bench.cutOff('app', false);
    bench.wait(20 * SECOND);
    expect(producer.told).toEqual(['m1 failed?']);
    expect(read(other.ask<FetchAnswer>('b1', fetch(bench, 0, 'read_committed')))).toEqual([1]);
  });

  it('gets another producer id when its transactional id was not used for so long that it is forgotten (K44)', () => {
    const bench = new KafkaBench({
      nodes: 1,
      broker: {
        'transaction.state.log.min.isr': 1,
        'transactional.id.expiration.ms': 60 * SECOND,
        'transaction.remove.expired.transaction.cleanup.interval.ms': 10 * SECOND,
      },
    });
    const producer = new TestProducer(bench, 'app', { 'transactional.id': 'ledger' });
    const reader = bench.client('reader');
    bench.start();
    const publish = (seconds: number) => {
      producer.port.publish(bench.message(), bench.say('app'));
      bench.wait(seconds * SECOND);
    };
    publish(50);
    publish(75);
    // Its coordinator reads back that it has forgotten it.
    bench.crash('b1');
    bench.restart('b1');
    bench.wait(SECOND);
    publish(1);
    publish(1);
    expect(producer.told).toEqual(['m1 confirmed @0', 'm2 confirmed @2', 'm3 failed', 'm4 confirmed @4']);
    expect(read(reader.ask<FetchAnswer>('b1', fetch(bench, 0, 'read_committed')))).toEqual([1, 2, 4]);
  });

  it('cannot have a longer transaction.timeout.ms than the broker allows (K44)', () => {
    const bench = new KafkaBench({ nodes: 1, broker: { 'transaction.max.timeout.ms': 60 * SECOND } });
    const longest = new TestProducer(bench, 'app', { 'transactional.id': 'a', 'transaction.timeout.ms': 60 * SECOND });
    const longer = new TestProducer(bench, 'app2', { 'transactional.id': 'b', 'transaction.timeout.ms': 61 * SECOND });
    bench.start();
    for (const name of ['app', 'app2'])
      (name === 'app' ? longest : longer).port.publish(bench.message(), bench.say(name));
    bench.wait(SECOND);
    longer.port.publish(bench.message(), bench.say('app2'));
    expect([longest.told, longer.told]).toEqual([['m1 confirmed @0'], ['m2 failed', 'm3 failed']]);
  });

  it('halves a batch that is too large as a consumer that writes on, too', () => {
    const bench = new KafkaBench({
      nodes: 1,
      broker: { 'transaction.state.log.min.isr': 1 },
      topics: { rides: {}, bills: { 'max.message.bytes': 400 } },
    });
    const consumer = new TestConsumer(bench, 'c1', { 'forward.to': 'bills' });
    const producer = new TestProducer(bench, 'app');
    bench.start();
    for (let i = 0; i < 5; i++) producer.port.publish(bench.message(), bench.say('app'));
    bench.wait(SECOND);
    bench.story();
    consumer.finish();
    bench.wait(SECOND);
    const said = bench.story('appended', 'txn-aborted').map((line) => line.split(' ').slice(1, 4).join(' '));
    expect(said).toEqual([6, 7, 8, 9, 10].map((id) => `appended m${id} bills/0`));
  });

  it('is refused as a consumer that writes on, too, and stops', () => {
    const bench = new KafkaBench({
      nodes: 1,
      broker: { 'transaction.max.timeout.ms': 60 * SECOND },
      topics: { rides: {}, bills: {} },
    });
    const settings = { 'forward.to': 'bills', 'transaction.timeout.ms': 61 * SECOND, 'enable.auto.commit': false };
    const consumer = new TestConsumer(bench, 'c1', settings);
    const producer = new TestProducer(bench, 'app');
    bench.start();
    producer.port.publish(bench.message(), bench.say('app'));
    bench.wait(SECOND);
    consumer.finish();
    bench.wait(SECOND);
    expect(bench.story('cancelled', 'committed', 'txn-begun')).toEqual(['c1 cancelled billing → c1']);
  });
});

describe('a consumer', () => {
  let bench: KafkaBench;
  let producer: TestProducer;

  const publish = (count: number) => {
    for (let i = 0; i < count; i++) producer.port.publish(bench.message(), bench.say('app'));
    bench.wait(100_000);
  };

  beforeEach(() => {
    bench = new KafkaBench({ nodes: 1 });
    producer = new TestProducer(bench, 'app');
  });

  it('commits each message when it is settled, with auto-commit off', () => {
    const consumer = new TestConsumer(bench, 'c1', { 'enable.auto.commit': false });
    bench.start();
    publish(2);
    expect(consumer.ids).toEqual([1, 2]);
    bench.story();
    consumer.finish();
    bench.wait(100_000);
    expect(bench.story('committed').at(-1)).toBe('b1 committed rides/0 → c1 @2');
  });

  it('reads again after a crash what it had not committed, marked as a repeat', () => {
    const consumer = new TestConsumer(bench, 'c1', { 'enable.auto.commit': false, 'session.timeout.ms': 6 * SECOND });
    bench.start();
    publish(1);
    consumer.finish();
    bench.wait(100_000);
    publish(1);
    bench.crash('c1');
    bench.restart('c1');
    bench.wait(10 * SECOND);
    expect(consumer.got.map(({ message, attempt }) => [message.id, attempt])).toEqual([
      [1, 1],
      [2, 1],
      [2, 2],
    ]);
  });

  it('commits automatically what an earlier poll returned, at the interval (K67)', () => {
    const consumer = new TestConsumer(bench, 'c1');
    bench.start();
    publish(1);
    consumer.finish();
    bench.wait(4 * SECOND);
    expect(bench.story('committed')).toEqual([]);
    bench.wait(2 * SECOND);
    expect(bench.story('committed')).toEqual(['b1 committed rides/0 → c1 @1']);
  });

  it('leaves the group when it does not poll for max.poll.interval.ms, and its commit then fails (K52)', () => {
    const consumer = new TestConsumer(bench, 'c1', {
      'enable.auto.commit': false,
      'max.poll.interval.ms': 10 * SECOND,
    });
    bench.start();
    publish(1);
    bench.wait(15 * SECOND);
    expect(bench.story('left')).toEqual(['b1 left billing → c1 (poll interval exceeded)']);
    consumer.finish();
    bench.wait(100_000);
    expect(bench.story('commit-refused')).toEqual(['c1 commit-refused rides/0 → c1 @1 (fenced)']);
  });

  it('reads a failed record again before those behind it (K75)', () => {
    const consumer = new TestConsumer(bench, 'c1', { 'max.poll.records': 1 });
    bench.start();
    publish(2);
    consumer.port.settle(consumer.got[0] as Delivery, 'requeue', bench.say('c1'));
    consumer.port.room(1, bench.say('c1'));
    bench.wait(SECOND);
    expect(consumer.ids).toEqual([1, 1]);
    consumer.finish(1);
    bench.wait(SECOND);
    expect(consumer.ids).toEqual([1, 1, 2]);
  });

  it('seeks to the first record at or after a time, and to the beginning', () => {
    const consumer = new TestConsumer(bench, 'c1');
    bench.start();
    publish(1);
    bench.wait(SECOND);
    publish(1);
    consumer.finish();
    bench.wait(SECOND);
    consumer.finish(1);
    consumer.port.command?.({ type: 'seek', group: 'billing', to: { timeUs: SECOND } }, bench.say('c1'));
    bench.wait(SECOND);
    consumer.finish(2);
    consumer.port.command?.({ type: 'seek', group: 'billing', to: { end: 'earliest' } }, bench.say('c1'));
    bench.wait(SECOND);
    expect(consumer.ids).toEqual([1, 2, 2, 1, 2]);
  });

  it('shares partitions with another one that joins, and takes them over when it goes', () => {
    bench = new KafkaBench({ nodes: 1, topics: { rides: { partitions: 2 } } });
    new TestConsumer(bench, 'c1', { 'heartbeat.interval.ms': SECOND });
    const other = new TestConsumer(bench, 'c2', { 'heartbeat.interval.ms': SECOND });
    bench.start(true);
    bench.wait(5 * SECOND);
    const shared = bench.story('assigned').slice(-2);
    expect(shared.map((line) => line.split(' → ')[1]).sort()).toEqual(['c1', 'c2']);
    other.port.stop?.(bench.say('c2'));
    bench.wait(5 * SECOND);
    expect(bench.story('assigned')).toEqual(['b1 assigned rides/0 → c1', 'b1 assigned rides/1 → c1']);
  });

  it('moves only what it must under the cooperative protocol (K54)', () => {
    bench = new KafkaBench({ nodes: 1, topics: { rides: { partitions: 2 } } });
    const cooperative = { 'partition.assignment.strategy': ['cooperative-sticky'], 'heartbeat.interval.ms': SECOND };
    new TestConsumer(bench, 'c1', cooperative);
    new TestConsumer(bench, 'c2', cooperative);
    bench.start(true);
    bench.wait(10 * SECOND);
    const story = bench.story('rebalanced', 'assigned', 'revoked');
    const last = story.slice(story.findLastIndex((line) => line.includes('rebalanced')));
    expect(
      last
        .filter((line) => line.includes('assigned'))
        .map((line) => line.split(' → ')[1])
        .sort(),
    ).toEqual(['c1', 'c2']);
    expect(story.filter((line) => line.includes('revoked')).length).toBeLessThanOrEqual(1);
  });
});
