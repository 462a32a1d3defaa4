/** What a Kafka client makes of a connection by which an answer does not come. */
import { expect, it } from 'vitest';
import { KafkaCluster } from '../../../core/brokers/kafka-cluster.ts';
import { KafkaLink } from '../../../core/clients/kafka-link.ts';
import { KafkaBench } from '../brokers/kafka-bench.ts';

const SECOND = 1_000_000;

it('gives up with a connection all that waits for an answer by it, and goes on by a new one', () => {
  const bench = new KafkaBench({ nodes: 1 });
  const cluster = new KafkaCluster({ nodes: 1 }, bench.setup);
  cluster.nodes.push(bench.actor('b1'));
  const options = { requestTimeoutUs: 5 * SECOND, retryBackoffUs: 100_000, metadataMaxAgeUs: 0, bootstrap: 0 };
  const link = new KafkaLink(cluster, options, () => undefined);
  bench.setup.actor('app', 'producer', {
    start: (out) => link.start(out),
    receive: (from, wire, out) => void link.receive(from, wire, out),
    timer: (wire, out) => void link.timer(wire, out),
    crash: () => link.crash(),
    restart: (out) => link.start(out),
  });
  bench.start();
  const told: string[] = [];
  const ask = (name: string, timeoutUs: number) => {
    const request = { type: 'kafka/Metadata', id: link.nextId() };
    const to = bench.actor('b1');
    link.ask(
      to,
      'control',
      request,
      0,
      bench.say('app'),
      (answer) => told.push(`${name}: ${answer?.error ?? 'none'}`),
      timeoutUs,
    );
  };
  bench.cutOff('app');
  ask('lost', 5 * SECOND);
  bench.cutOff('app', false);
  // The node does not read on behind what is missing.
  ask('behind it', 300 * SECOND);
  bench.wait(4 * SECOND);
  expect(told).toEqual([]);
  bench.wait(2 * SECOND);
  expect([...told].sort()).toEqual(['behind it: none', 'lost: none']);
  ask('after it', 5 * SECOND);
  bench.wait(SECOND);
  expect(told.at(-1)).toBe('after it: NONE');
});
