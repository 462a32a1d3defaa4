/** Where a consumer goes on whose positions the log has left behind (K70): one reset for all of them, and nothing that was committed counts any more. */
import { beforeEach, expect, it } from 'vitest';
import type { ClientRequest, ProduceRequest } from '../../../core/brokers/kafka-wires.ts';
import type { OptionValues } from '../../../core/options.ts';
import { type HandClient, KafkaBench, produce } from '../brokers/kafka-bench.ts';
import { TestConsumer } from './kafka-hosts.ts';

const SECOND = 1_000_000;
const PARTITIONS = 3;

let bench: KafkaBench;
let app: HandClient;
/** What was asked to find positions. */
let asked: string[];

function begin(nodes = 1): void {
  bench = new KafkaBench({
    nodes,
    broker: { 'log.retention.check.interval.ms': SECOND, 'default.replication.factor': 1 },
    topics: { rides: { partitions: PARTITIONS, 'segment.bytes': 150, 'retention.bytes': 150 } },
  });
  app = bench.client('app');
  asked = [];
  bench.watch(({ type }) => {
    if (type === 'kafka/OffsetFetch' || type === 'kafka/ListOffsets') asked.push(type.slice('kafka/'.length));
  });
}

beforeEach(() => begin());

/** One record into each partition, which `nodes` share. */
function publish(nodes = 1): void {
  for (let number = 0; number < PARTITIONS; number++) {
    const request = produce(bench, [bench.message()]) as unknown as ProduceRequest;
    const batches = request.batches.map((one) => ({ ...one, partition: bench.partition('rides', number) }));
    for (let node = 1; node <= nodes; node++)
      app.ask(`b${node}`, { ...request, batches } as Omit<ClientRequest, 'id'>, 2_000);
  }
}

/** Polls until there is no more. */
function finishAll(consumer: TestConsumer): void {
  for (let done = -1; done < consumer.got.length; ) {
    const from = Math.max(0, done);
    done = consumer.got.length;
    consumer.finish(from);
    bench.wait(SECOND);
  }
}

/** A consumer that has committed the first record of each partition, and whose next ones are deleted while its process is down. */
function overtake(options: OptionValues = {}, nodes = 1): TestConsumer {
  const consumer = new TestConsumer(bench, 'c1', { 'enable.auto.commit': false, ...options });
  bench.start();
  publish(nodes);
  finishAll(consumer);
  bench.crash('c1');
  for (let i = 0; i < 4; i++) publish(nodes);
  bench.wait(2 * SECOND);
  bench.story();
  asked.splice(0);
  consumer.got.splice(0);
  bench.restart('c1');
  return consumer;
}

it.each([1, 3])(
  'resets all that are out of range without asking what was committed, and reads nothing twice: nodes %i',
  (nodes) => {
    begin(nodes);
    const consumer = overtake({}, nodes);
    bench.wait(60 * SECOND);
    finishAll(consumer);
    expect(consumer.got.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(consumer.ids.sort()).toEqual([10, 11, 12, 13, 14, 15]);
    expect(asked).toEqual(['OffsetFetch', ...Array.from({ length: nodes }, () => 'ListOffsets')]);
  },
);

it('asks the leader again when it did not answer, and not what was committed', () => {
  overtake();
  let lost = 0;
  bench.watch(({ type }) => {
    if (type === 'kafka/OffsetFetch' || type === 'kafka/ListOffsets') asked.push(type.slice('kafka/'.length));
    if (type === 'kafka/ListOffsets.answer') bench.cutOff('c1', lost++ === 0);
    else bench.cutOff('c1', false);
  });
  bench.wait(120 * SECOND);
  expect(asked).toEqual(['OffsetFetch', 'ListOffsets', 'ListOffsets']);
});

it('passes over nothing that comes while it moves to the end, with auto.offset.reset: latest', () => {
  const consumer = overtake({ 'auto.offset.reset': 'latest' });
  let answers = 0;
  bench.watch(({ type }) => {
    // What comes right after the leader has said where the end is, is behind it.
    if (type !== 'kafka/ListOffsets.answer' || ++answers > 1) return;
    for (let number = 0; number < PARTITIONS; number++) {
      const request = produce(bench, [bench.message()]) as unknown as ProduceRequest;
      const batches = request.batches.map((one) => ({ ...one, partition: bench.partition('rides', number) }));
      app.send('b1', { ...request, batches } as Omit<ClientRequest, 'id'>);
    }
  });
  bench.wait(60 * SECOND);
  finishAll(consumer);
  expect(consumer.ids.sort()).toEqual([16, 17, 18]);
});
